//! The Function Compute custom-runtime protocol behind the API of lambda_runtime.
//!
//! A custom runtime of Function Compute (FC) is an HTTP/1.1 server that the platform starts and
//! calls. This crate is that server; a function is written as for `lambda_runtime`:
//!
//! ```no_run
//! use fc_runtime::{Error, LambdaEvent, service_fn};
//! use serde_json::{Value, json};
//!
//! async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
//!     let region = event.context.fc().region.clone();
//!     Ok(json!({ "saw": event.payload, "in": region }))
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Error> {
//!     fc_runtime::tracing::init_default_subscriber();
//!     fc_runtime::run(service_fn(handler)).await
//! }
//! ```
//!
//! # What it does
//!
//! * Listens on `0.0.0.0` (or `RUNTIME_LISTEN_HOST`, for use outside FC) and the port in
//!   `FC_CUSTOM_LISTEN_PORT`, `FC_SERVER_PORT` or 9000, in this order.
//! * Tells calls apart by `x-fc-control-path`, by method and path when a caller leaves it out:
//!   `/invoke` carries an event, `/http-invoke` a client's HTTP request (see [`http_trigger`]),
//!   `/initialize` and `/pre-stop` are lifecycle hooks and answered with 200.
//! * Answers a failed invocation with `x-fc-status: 404` and `{"errorType", "errorMessage"}`: only
//!   that header makes FC count a failure, retry it and use its onFailure destination. A panic, an
//!   event that does not parse and an answer that does not serialise are such failures; the
//!   process lives on in every case.
//! * Prints `FC Invoke Start RequestId: …` and `FC Invoke End RequestId: …` around every call.
//! * Returns from [`run`] after SIGTERM, when the requests already read are answered.
//!
//! [`run`] calls the handler on the task that awaits it, one call at a time; the handler may borrow
//! from its surroundings and need not be `Send`. For `instanceConcurrency` above 1 there is
//! [`run_concurrent`].
//!
//! What is not here: the AWS-only parts of a [`Context`] (Cognito identity, client context).

mod context;
mod diagnostic;
pub mod events;
pub mod http_trigger;
mod payload;
mod respond;
mod response;
mod runtime;
mod server;
pub mod streaming;
pub mod tracing;

use std::fmt::Debug;
use std::pin::Pin;

use bytes::Bytes;
use futures_core::Stream;
use serde::{Deserialize, Serialize};
pub use tower::{self, Service, service_fn};

pub use context::{Config, Context, Credentials, FcContext, LambdaEvent};
pub use diagnostic::Diagnostic;
pub use response::{FunctionResponse, IntoFunctionResponse, MetadataPrelude, StreamResponse};
pub use runtime::{LambdaInvocation, Runtime};

/// A boxed future, as hand-written services and layers return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Any error that a handler may return.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// Serves invocations with `handler`, one at a time, until SIGTERM.
///
/// `handler` is called on the task that awaits this; it needs to be neither `Send`, `Clone` nor
/// `'static`.
///
/// # Errors
///
/// When the port cannot be listened on, or when the handler's `poll_ready` fails. What a handler
/// returns is the answer of one invocation and never ends this.
pub async fn run<A, F, R, B, S, D, E>(handler: F) -> Result<(), Error>
where
    F: Service<LambdaEvent<A>, Response = R>,
    F::Future: Future<Output = Result<R, F::Error>>,
    F::Error: Into<Diagnostic> + Debug,
    A: for<'de> Deserialize<'de>,
    R: IntoFunctionResponse<B, S>,
    B: Serialize,
    S: Stream<Item = Result<D, E>> + Unpin + Send + 'static,
    D: Into<Bytes> + Send,
    E: Into<Error> + Send + Debug,
{
    Runtime::new(handler).run().await
}

/// As [`run`], with every invocation on a task and a clone of `handler` of its own: for functions
/// whose `instanceConcurrency` is above 1. How many run at once is FC's decision.
///
/// # Errors
///
/// As [`run`].
pub async fn run_concurrent<A, F, R, B, S, D, E>(handler: F) -> Result<(), Error>
where
    F: Service<LambdaEvent<A>, Response = R> + Clone + Send + 'static,
    F::Future: Future<Output = Result<R, F::Error>> + Send + 'static,
    F::Error: Into<Diagnostic> + Debug,
    A: for<'de> Deserialize<'de> + 'static,
    R: IntoFunctionResponse<B, S> + 'static,
    B: Serialize + 'static,
    S: Stream<Item = Result<D, E>> + Unpin + Send + 'static,
    D: Into<Bytes> + Send + 'static,
    E: Into<Error> + Send + Debug + 'static,
{
    Runtime::new(handler).run_concurrent().await
}
