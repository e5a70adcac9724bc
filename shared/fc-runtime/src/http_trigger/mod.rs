//! Handlers of HTTP triggers.
//!
//! FC passes a client's request through to a custom runtime as it is, and the answer back. There are
//! three ways to write such a function.
//!
//! **A handler of requests.** It gets an [`http::Request`] and returns an [`http::Response`], or
//! anything else that is [`IntoResponse`]; both bodies may be streams. [`RequestExt`] reads queries,
//! cookies, JSON, and the [`Context`](crate::Context):
//!
//! ```no_run
//! use fc_runtime::http_trigger::{self, Request, RequestExt};
//! use fc_runtime::{Error, service_fn};
//!
//! async fn handler(request: Request) -> Result<http::Response<String>, Error> {
//!     let who = request.query_parameter("who").unwrap_or_else(|| "world".into());
//!     Ok(http::Response::builder().header("content-type", "text/plain").body(format!("hello {who}"))?)
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Error> {
//!     http_trigger::run(service_fn(handler)).await
//! }
//! ```
//!
//! **A service that exists already.** Every [`tower`] service over such requests will do,
//! an `axum::Router` among them: `http_trigger::run(router)`. The context is in the request's
//! extensions: `axum::Extension<fc_runtime::Context>`.
//!
//! **An event handler.** [`run`](crate::run) turns a request into the event that the built-in
//! runtimes get (FC docs, HTTP trigger, version `v1`), and the answer's JSON back into an HTTP answer:
//!
//! ```
//! use fc_runtime::http_trigger::{HttpRequest, HttpResponse};
//! use fc_runtime::{Error, LambdaEvent};
//!
//! async fn handler(event: LambdaEvent<HttpRequest>) -> Result<HttpResponse, Error> {
//!     Ok(HttpResponse::new(200, "text/plain", format!("you asked for {}", event.payload.raw_path)))
//! }
//! ```
//!
//! A JSON answer without `statusCode` is itself the body of a 200. The event lacks the built-in
//! runtimes' `requestContext.time` (`timeEpoch` says the same).
//!
//! A function that has both kinds of trigger has both kinds of handler:
//! [`Runtime::http`](crate::Runtime::http). None of them sees `x-fc-*` headers, which hold the
//! credentials: what they say is in the context. An error, and a panic, is answered with a 500 and
//! counted as a failure by FC.

mod event;
mod mount;
mod request;
mod response;

use std::fmt::Debug;

use tower::Service;

pub use event::{HttpParts, HttpRequest, HttpResponse, RequestContext};
pub(crate) use mount::Mount;
pub use mount::{Http, NoEvents, NoHttp};
pub use request::RequestExt;
pub use response::IntoResponse;

use crate::streaming::Body;
use crate::{Diagnostic, Error, Runtime};

/// A client's request.
pub type Request = http::Request<Body>;

/// Serves HTTP triggers with `service`, one request at a time, until SIGTERM; see
/// [`run`](crate::run). A streamed answer may go on while the next request is served.
///
/// # Errors
///
/// When the port cannot be listened on, or when the service's `poll_ready` fails.
pub async fn run<H>(service: H) -> Result<(), Error>
where
    H: Service<Request>,
    H::Response: IntoResponse,
    H::Error: Into<Diagnostic> + Debug,
{
    Runtime::for_http(service).run().await
}

/// As [`run`], as many requests at a time as FC sends; see [`run_concurrent`](crate::run_concurrent).
///
/// # Errors
///
/// When the port cannot be listened on.
pub async fn run_concurrent<H>(service: H) -> Result<(), Error>
where
    H: Service<Request> + Clone + Send + 'static,
    H::Response: IntoResponse,
    H::Error: Into<Diagnostic> + Debug,
    H::Future: Send + 'static,
{
    Runtime::for_http(service).run_concurrent().await
}
