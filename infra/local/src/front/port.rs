//! A port: accepts connections, reads whole requests, and hands each to its handler.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::seams::ServiceError;

/// The largest body: what Function Compute takes synchronously (FC limits, 32 MB).
const MAX_BODY: usize = 32 * 1024 * 1024;

/// After an accept that failed: without file descriptors the next would fail at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// No answer is sent: the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection is closed without an answer")]
pub struct HangUp;

/// How a service says that it could not even look into a request.
pub type Refuse = fn(&ServiceError) -> Response<Bytes>;

/// Serves connections of `listener` until `shutdown` completes; requests under way are answered then.
pub async fn serve<H, F>(listener: TcpListener, handle: H, refuse: Refuse, shutdown: impl Future<Output = ()>)
where
    H: Fn(Request<Bytes>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response<Bytes>, HangUp>> + Send + 'static,
{
    let (stop, stopped) = watch::channel(());
    let mut connections = tokio::task::JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, handle.clone(), refuse, stopped.clone()));
                }
                // Of the peer, or no file descriptors left: the next may do better.
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            // Only to forget those that ended.
            Some(_) = connections.join_next() => {}
        }
    }
    drop(stop);
    while connections.join_next().await.is_some() {}
}

async fn serve_connection<H, F>(stream: TcpStream, handle: H, refuse: Refuse, mut stopped: watch::Receiver<()>)
where
    H: Fn(Request<Bytes>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response<Bytes>, HangUp>> + Send + 'static,
{
    // Answers are small and waited for.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY not set");
    }
    let service = service_fn(move |request| answer_request(handle.clone(), refuse, request));
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        // The sender never sends; it is dropped.
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

async fn answer_request<H, F>(
    handle: H,
    refuse: Refuse,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, HangUp>
where
    H: Fn(Request<Bytes>) -> F,
    F: Future<Output = Result<Response<Bytes>, HangUp>> + Send + 'static,
{
    let (head, body) = request.into_parts();
    let answer = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => {
            let request = Request::from_parts(head, body.to_bytes());
            // Apart from the connection: who hangs up does not undo what was asked.
            let task = tokio::spawn(handle(request));
            task.await.unwrap_or_else(|panic| Ok(refuse(&ServiceError::internal(panic))))?
        }
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            refuse(&ServiceError::new(413, "RequestEntityTooLarge", "The request body is too large."))
        }
        Err(_) => return Err(HangUp),
    };
    Ok(answer.map(Full::new))
}

/// Runs what blocks off the async threads.
///
/// # Errors
/// A panic there is an error of the service.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ServiceError> {
    tokio::task::spawn_blocking(work).await.map_err(ServiceError::internal)
}
