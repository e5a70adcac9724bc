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
//!   `/initialize` and `/pre-stop` are lifecycle hooks ([`Runtime::on_initialize`],
//!   [`Runtime::on_pre_stop`]).
//! * Answers a failed invocation with `x-fc-status: 404` and `{"errorType", "errorMessage"}`: only
//!   that header makes FC count a failure, retry it and use its onFailure destination. A panic, an
//!   event that does not parse and an answer that does not serialise are such failures; the
//!   process lives on in every case. A panic in a body that is already being sent cuts the connection.
//! * Prints `FC Invoke Start RequestId: …` and `FC Invoke End RequestId: …` around every call of a
//!   handler, the latter with `, Error: Unhandled function error` after a panic.
//! * Bounds what a client can use up ([`Limits`]), and ends every call that it has begun, also when
//!   the caller hangs up.
//! * Returns from [`run`] after SIGTERM, when the requests already begun are answered; streamed answers
//!   have a minute for it.
//!
//! [`run`] calls the handler on the task that awaits it, one call at a time; the handler may borrow
//! from its surroundings and need not be `Send`. For `instanceConcurrency` above 1 there is
//! [`run_concurrent`]. A current-thread Tokio runtime is the right one for an instance with up to one
//! CPU: with more threads every request crosses from one to another.
//!
//! # Features
//!
//! Those of lambda_runtime: `tracing` (on by default), `anyhow`, `eyre`, `miette`, `opentelemetry`,
//! `graceful-shutdown`, and `concurrency-tokio`, which changes nothing: [`run_concurrent`] is always
//! there. `env-filter` is this crate's own: it adds `EnvFilter` to `tracing::subscriber`, and the
//! regular expressions that it needs.
//!
//! What differs from lambda_runtime is in `docs/coming-from-lambda-runtime.md`.

mod context;
pub mod diagnostic;
pub mod events;
mod hooks;
pub mod http_trigger;
pub mod layers;
mod limits;
mod payload;
mod raw;
mod respond;
mod response;
mod runtime;
mod server;
#[cfg(feature = "graceful-shutdown")]
mod shutdown;
pub mod snapstart;
pub mod streaming;
#[cfg(feature = "tracing")]
pub mod tracing;

use std::fmt::Debug;
use std::pin::Pin;

use bytes::Bytes;
use futures_core::Stream;
use serde::{Deserialize, Serialize};
use tower::util::ServiceFn;
pub use tower::{self, Service, service_fn};

pub use context::{
    ClientApplication, ClientContext, CognitoIdentity, Config, Context, Credentials, FcContext, LambdaEvent,
};
pub use diagnostic::Diagnostic;
pub use limits::Limits;
pub use raw::Raw;
pub use response::{FunctionResponse, IntoFunctionResponse, MetadataPrelude, StreamResponse};
pub use runtime::{LambdaInvocation, Runtime};
#[cfg(feature = "graceful-shutdown")]
pub use shutdown::spawn_graceful_shutdown_handler;
pub use snapstart::SnapStartResource;

use layers::TracingLayer;

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
    Runtime::new(handler).layer(TracingLayer::new()).run().await
}

/// As [`run`], as many invocations at a time as FC sends: for functions whose `instanceConcurrency`
/// is above 1. Each connection has a task and a clone of `handler` of its own, so that none waits for
/// another; [`Limits::concurrency`] bounds how many are at work.
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
    Runtime::new(handler).layer(TracingLayer::new()).run_concurrent().await
}

/// A handler of event and context as two arguments.
#[deprecated(since = "0.1.0", note = "use `service_fn` and `LambdaEvent`")]
pub fn handler_fn<A, F, Fut>(f: F) -> ServiceFn<impl Fn(LambdaEvent<A>) -> Fut>
where
    F: Fn(A, Context) -> Fut,
{
    service_fn(move |event: LambdaEvent<A>| f(event.payload, event.context))
}
