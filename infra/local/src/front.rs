//! The one port: reads requests, finds out who sent them, and hands each to its service.
//!
//! The real services are told apart by host name; here the shape of a request says it:
//!
//! | request | service |
//! |---|---|
//! | host `<function>.fcapp.localhost`, or `/fcapp/<function>/…` | the function's HTTP trigger |
//! | headers `x-ots-*` | Tablestore, which authenticates by itself |
//! | `/openapi/putEvents` | EventBridge, data plane |
//! | `/2023-03-30/…` | Function Compute |
//! | `/local/…` | the operator's own commands |
//! | `/` with an action | ECS or STS, by version |
//!
//! Every request must be signed by a key of the [`Keyring`](crate::credentials::Keyring), but those to
//! anonymous HTTP triggers.

mod answer;
mod gate;
pub mod port;
mod sts;
mod web;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use openapi::sign::{Wire, parse_query};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::chaos::{Chaos, Fault};
use crate::credentials::{Identity, Keyring, Who};
use crate::ecs::Ecs;
use crate::eventbridge::EventBridge;
use crate::seams::ServiceError;
use crate::tablestore::{self, Tablestore};
use gate::Gate;
use port::blocking;

pub use gate::Clock;
pub use port::HangUp;
pub use web::{FunctionName, Web};

/// ECS, as the front sees it. Calls block.
pub trait EcsApi: Send + Sync {
    /// Answers one authenticated call; the answer lacks only `RequestId`.
    ///
    /// # Errors
    /// The documented ones of the operation.
    fn call(&self, who: &Identity, action: &str, params: &BTreeMap<String, String>) -> Result<Value, ServiceError>;
}

impl EcsApi for Ecs {
    fn call(&self, who: &Identity, action: &str, params: &BTreeMap<String, String>) -> Result<Value, ServiceError> {
        self.call(who, action, params)
    }
}

/// Answers whole requests that are already authenticated; the caller's [`Identity`] is among the
/// request's extensions.
pub type Handler = Arc<dyn Fn(Request<Bytes>) -> Pin<Box<dyn Future<Output = Response<Bytes>> + Send>> + Send + Sync>;

/// A [`Handler`] of an async function.
pub fn handler<F>(function: impl Fn(Request<Bytes>) -> F + Send + Sync + 'static) -> Handler
where
    F: Future<Output = Response<Bytes>> + Send + 'static,
{
    Arc::new(move |request| Box::pin(function(request)))
}

/// What stands behind the port.
pub struct Services {
    /// Account id.
    pub account_id: String,
    /// Keys that are valid.
    pub keyring: Keyring,
    /// Faults on request.
    pub chaos: Arc<Chaos>,
    /// ECS.
    pub ecs: Arc<dyn EcsApi>,
    /// Tablestore.
    pub tablestore: Arc<Tablestore>,
    /// EventBridge.
    pub eventbridge: Arc<EventBridge>,
    /// Function Compute's API.
    pub fc: Handler,
    /// HTTP triggers.
    pub web: Web,
    /// The operator's own commands.
    pub admin: Handler,
}

/// The front.
pub struct Front {
    services: Arc<Services>,
    gate: Gate,
}

/// Serves connections of `listener` until `shutdown` completes; requests under way are answered then.
pub async fn serve(listener: TcpListener, services: Arc<Services>, shutdown: impl Future<Output = ()>) {
    let front = Arc::new(Front::new(services));
    let handle = move |request| {
        let front = Arc::clone(&front);
        async move { front.handle(request).await }
    };
    port::serve(listener, handle, answer::rpc_error, shutdown).await;
}

impl Front {
    /// A front with this machine's clock.
    pub fn new(services: Arc<Services>) -> Self {
        Self::new_at(services, Arc::new(|| jiff::Timestamp::now().as_millisecond()))
    }

    /// As [`new`](Self::new), with another clock.
    pub fn new_at(services: Arc<Services>, clock: Clock) -> Self {
        let gate = Gate::new(services.keyring.clone(), clock);
        Self { services, gate }
    }

    /// Answers one request.
    ///
    /// # Errors
    /// When it is to get no answer, on request of [`Chaos`].
    pub async fn handle(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HangUp> {
        // First of all: a function's own paths and headers are none of the services' business.
        if let Some(target) = web::Target::of(&request) {
            return Ok(self.web(target, request).await);
        }
        let path = request.uri().path();
        if request.headers().keys().any(|name| name.as_str().starts_with("x-ots-")) {
            self.tablestore(request).await
        } else if path == "/openapi/putEvents" {
            self.put_events(request).await
        } else if path.starts_with("/2023-03-30/") {
            self.function_compute(request).await
        } else if path.starts_with("/local/") {
            Ok(self.operator(request).await)
        } else if path == "/" && matches!(*request.method(), Method::GET | Method::POST) {
            self.rpc(request).await
        } else {
            Ok(answer::rpc_error(&ServiceError::new(404, "NotFound", "There is no such service here.")))
        }
    }

    async fn tablestore(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HangUp> {
        let tablestore = Arc::clone(&self.services.tablestore);
        let (head, body) = request.into_parts();
        if let Err(refusal) = tablestore::check_method(&head.method) {
            return Ok(tablestore::unanswered(&refusal));
        }
        let path = head.uri.path().to_owned();
        if !self.services.chaos.watches("ots") {
            let answer = blocking(move || tablestore.handle(&path, &head.headers, &body)).await;
            return Ok(answer.unwrap_or_else(|error| tablestore::unanswered(&error)));
        }
        let caller = match tablestore.authenticate(&path, &head.headers, &body) {
            Ok(caller) => caller,
            Err(refusal) => return Ok(*refusal),
        };
        let who = caller.identity.clone();
        let operation = path.trim_start_matches('/').to_owned();
        let call = Call { who: &who, service: "ots", action: &operation, refuse: tablestore::unanswered };
        self.carry_out(&call, async {
            let answer = blocking(move || tablestore.answer(&caller, &path, &body)).await;
            answer.unwrap_or_else(|error| tablestore::unanswered(&error))
        })
        .await
    }

    async fn put_events(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HangUp> {
        let parts = Parts::of(&request);
        let who = match self.gate.roa(&parts.wire(&request)) {
            Ok(who) => who,
            Err(error) => return Ok(answer::eventbridge_error(&error)),
        };
        let eventbridge = Arc::clone(&self.services.eventbridge);
        let call = Call { who: &who, service: "eventbridge", action: "PutEvents", refuse: answer::eventbridge_error };
        self.carry_out(&call, async {
            let body = request.into_body();
            let who = who.clone();
            match blocking(move || eventbridge.handle_put_events(&who, &body)).await.flatten() {
                Ok(value) => answer::success(value),
                Err(error) => answer::eventbridge_error(&error),
            }
        })
        .await
    }

    async fn function_compute(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HangUp> {
        let parts = Parts::of(&request);
        let who = match self.gate.acs3(&parts.wire(&request)) {
            Ok(who) => who,
            Err(error) => return Ok(answer::rpc_error(&error)),
        };
        let action = parts.header("x-acs-action").unwrap_or_default();
        let call = Call { who: &who, service: "fc", action: &action, refuse: answer::rpc_error };
        let function = request.uri().path().split('/').nth(3).unwrap_or_default();
        if let Err(denied) = who.check("fc:InvokeFunction", &format!("functions/{function}")) {
            return Ok(answer::rpc_error(&ServiceError::new(403, "AccessDenied", denied.to_string())));
        }
        self.carry_out(&call, (self.services.fc)(with_identity(request, &who))).await
    }

    async fn operator(&self, request: Request<Bytes>) -> Response<Bytes> {
        match self.gate.acs3(&Parts::of(&request).wire(&request)) {
            Ok(who) if who.who == Who::Operator => (self.services.admin)(with_identity(request, &who)).await,
            Ok(_) => answer::rpc_error(&ServiceError::new(403, "Forbidden", "These commands are the operator's.")),
            Err(error) => answer::rpc_error(&error),
        }
    }

    async fn rpc(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HangUp> {
        let parts = Parts::of(&request);
        let params = parts.params(&request);
        let (who, action, version) = match self.authenticate_rpc(&parts, &params, &request) {
            Ok(authenticated) => authenticated,
            Err(error) => return Ok(answer::rpc_error(&error)),
        };
        let service = match version.as_str() {
            openapi_version::ECS => "ecs",
            openapi_version::STS => "sts",
            _ => {
                let error = ServiceError::new(404, "InvalidVersion", "Specified parameter Version is not valid.");
                return Ok(answer::rpc_error(&error));
            }
        };
        let call = Call { who: &who, service, action: &action, refuse: answer::rpc_error };
        let business: BTreeMap<_, _> = params.into_iter().filter(|(name, _)| !is_common(name)).collect();
        self.carry_out(&call, async {
            let services = Arc::clone(&self.services);
            let (who, action) = (who.clone(), action.clone());
            let result = blocking(move || match service {
                "sts" => sts::call(&services, &who, &action, &business),
                _ => services.ecs.call(&who, &action, &business),
            });
            match result.await.flatten() {
                Ok(value) => answer::success(value),
                Err(error) => answer::rpc_error(&error),
            }
        })
        .await
    }

    /// Who calls, which action, of which version.
    fn authenticate_rpc(
        &self,
        parts: &Parts,
        params: &[(String, String)],
        request: &Request<Bytes>,
    ) -> Result<(Identity, String, String), ServiceError> {
        let param = |name: &str| params.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        let missing = |name: &str| {
            let what = format!(
                "The input parameter \"{name}\" that is mandatory for processing this request is not supplied."
            );
            ServiceError::new(400, "MissingParameter", what)
        };
        // Version 1 signs parameters, version 3 headers: what is not signed is not believed.
        if parts.header("authorization").is_some() {
            let who = self.gate.acs3(&parts.wire(request))?;
            let action = parts.header("x-acs-action").ok_or_else(|| missing("Action"))?;
            let version = parts.header("x-acs-version").ok_or_else(|| missing("Version"))?;
            return Ok((who, action, version));
        }
        let who = self.gate.rpc_v1(request.method().as_str(), params)?;
        let action = param("Action").ok_or_else(|| missing("Action"))?;
        let version = param("Version").ok_or_else(|| missing("Version"))?;
        Ok((who, action, version))
    }

    /// Carries out `act`, unless [`Chaos`] has other plans.
    async fn carry_out(
        &self,
        call: &Call<'_>,
        act: impl Future<Output = Response<Bytes>>,
    ) -> Result<Response<Bytes>, HangUp> {
        let chaos = &self.services.chaos;
        match chaos.strike(&call.who.who, call.service, call.action) {
            None => return Ok(act.await),
            Some(Fault::Throttle) => return Ok((call.refuse)(&throttled(call.service))),
            Some(Fault::Error500) => return Ok((call.refuse)(&failed(call.service))),
            Some(Fault::KillCallerBefore) => chaos.kill_caller(call.who),
            Some(Fault::KillCloudBefore) => chaos.kill_cloud(),
            Some(Fault::KillCallerAfter) => {
                act.await;
                chaos.kill_caller(call.who);
            }
            Some(Fault::KillCloudAfter) => {
                act.await;
                chaos.kill_cloud();
            }
            Some(Fault::LoseAnswer) => {
                act.await;
            }
        }
        Err(HangUp)
    }
}

/// Versions that tell the products at `/` apart.
mod openapi_version {
    pub const ECS: &str = openapi::ecs::PRODUCT.version;
    pub const STS: &str = openapi::sts::PRODUCT.version;
}

/// An authenticated call.
struct Call<'a> {
    who: &'a Identity,
    service: &'static str,
    action: &'a str,
    /// The service's way to say no.
    refuse: fn(&ServiceError) -> Response<Bytes>,
}

/// A request's query and headers, decoded.
struct Parts {
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
}

impl Parts {
    fn of(request: &Request<Bytes>) -> Self {
        let headers = request.headers().iter();
        Self {
            query: parse_query(request.uri().query().unwrap_or_default()),
            headers: headers
                .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
                .collect(),
        }
    }

    fn wire<'a>(&'a self, request: &'a Request<Bytes>) -> Wire<'a> {
        Wire {
            method: request.method().as_str(),
            path: request.uri().path(),
            query: &self.query,
            headers: &self.headers,
            body: request.body(),
        }
    }

    fn header(&self, name: &str) -> Option<String> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
    }

    /// Parameters of query and form together.
    fn params(&self, request: &Request<Bytes>) -> Vec<(String, String)> {
        let mut params = self.query.clone();
        let form = self.header("content-type").is_some_and(|t| t.starts_with("application/x-www-form-urlencoded"));
        if form {
            params.extend(parse_query(&String::from_utf8_lossy(request.body())));
        }
        params
    }
}

/// Parameters of every RPC request, which no operation looks at.
fn is_common(name: &str) -> bool {
    const COMMON: [&str; 11] = [
        "AccessKeyId",
        "Action",
        "Format",
        "SecurityToken",
        "Signature",
        "SignatureMethod",
        "SignatureNonce",
        "SignatureType",
        "SignatureVersion",
        "Timestamp",
        "Version",
    ];
    COMMON.contains(&name)
}

fn with_identity(mut request: Request<Bytes>, who: &Identity) -> Request<Bytes> {
    request.extensions_mut().insert(who.clone());
    request
}

fn throttled(service: &str) -> ServiceError {
    match service {
        "ots" => ServiceError::new(503, "OTSServerBusy", "Server is busy."),
        _ => ServiceError::new(400, "Throttling.User", "Request was denied due to user flow control."),
    }
}

fn failed(service: &str) -> ServiceError {
    match service {
        "ots" => ServiceError::new(500, "OTSInternalServerError", "Internal server error."),
        _ => ServiceError::new(500, "InternalError", "The request processing has failed due to some unknown error."),
    }
}
