//! Bodies that are sent while they are made.
//!
//! ```
//! use fc_runtime::streaming::{Body, Response, channel};
//! use fc_runtime::{Error, LambdaEvent};
//!
//! async fn handler(_: LambdaEvent<serde_json::Value>) -> Result<Response<Body>, Error> {
//!     let (mut sender, body) = channel();
//!     tokio::spawn(async move {
//!         for part in ["one\n", "two\n"] {
//!             // Fails when the caller went away.
//!             if sender.send_data(part.into()).await.is_err() {
//!                 break;
//!             }
//!         }
//!     });
//!     Ok(Response::from(body))
//! }
//! ```
//!
//! FC streams the answers of HTTP triggers; the answer of an event is collected first, by FC as by
//! this crate (FC docs, web functions).

mod body;
mod sender;

pub use body::{Body, BodyError};
pub use sender::Sender;

pub use crate::response::StreamResponse as Response;

/// A body and the sender that feeds it. The body ends when the sender is dropped.
pub fn channel() -> (Sender, Body) {
    sender::channel()
}
