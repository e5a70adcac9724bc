//! Tablestore without the rest of the cloud.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use tokio::net::TcpListener;

use super::{Tablestore, answer};
use crate::credentials::Keyring;
use crate::endpoint::{self, Endpoint};
use crate::front::port::{self, blocking};
use crate::ram::Policies;
use crate::seams::ServiceError;
use crate::store::Store;

/// Serves the instance `instance` from `state_dir` on 127.0.0.1 until `shutdown` completes; says where, and with
/// which key, in `endpoint.json` of that directory. `port` 0 takes the one of before, or a free one.
///
/// # Errors
/// Another process holds the directory, the store cannot be read, no port is to be had.
pub async fn run_alone(
    state_dir: &Path,
    port: u16,
    instance: &str,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServiceError> {
    std::fs::create_dir_all(state_dir).map_err(ServiceError::internal)?;
    let _lock = endpoint::lock(state_dir)?;
    let store = Store::open(&state_dir.join("store"))?;
    let keyring = Keyring::open(&store, Policies::default())?;
    let tablestore = Arc::new(Tablestore::open(store, keyring.clone(), instance)?);
    let listener = endpoint::listen(state_dir, port).await?;
    let address = listener.local_addr().map_err(ServiceError::internal)?;
    Endpoint::announce(state_dir, address, keyring.operator())?;
    tracing::info!(%address, state_dir = %state_dir.display(), "Tablestore serves");
    serve(listener, tablestore, shutdown).await;
    Endpoint::withdraw(state_dir);
    Ok(())
}

/// Answers the requests of `listener` until `shutdown` completes.
pub async fn serve(listener: TcpListener, tablestore: Arc<Tablestore>, shutdown: impl Future<Output = ()>) {
    let handle = move |request: Request<Bytes>| {
        let tablestore = Arc::clone(&tablestore);
        async move {
            let (head, body) = request.into_parts();
            if let Err(refusal) = check_method(&head.method) {
                return Ok(unanswered(&refusal));
            }
            let work = move || tablestore.handle(head.uri.path(), &head.headers, &body);
            Ok(blocking(work).await.unwrap_or_else(|error| unanswered(&error)))
        }
    };
    port::serve(listener, handle, unanswered, shutdown).await;
}

/// The unsigned answer to what could not even be looked into.
pub fn unanswered(error: &ServiceError) -> Response<Bytes> {
    answer::refusal("", None, error)
}

/// Every operation is a POST.
///
/// # Errors
/// The service's own for another method.
pub fn check_method(method: &Method) -> Result<(), ServiceError> {
    match *method {
        Method::POST => Ok(()),
        _ => Err(ServiceError::new(405, "OTSMethodNotAllowed", "Only POST method for requests is supported.")),
    }
}
