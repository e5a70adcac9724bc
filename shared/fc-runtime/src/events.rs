//! What the triggers of Function Compute deliver, as types for a handler's payload.
//!
//! ```
//! use fc_runtime::events::cloud_event::CloudEvents;
//! use fc_runtime::{Error, LambdaEvent};
//!
//! async fn handler(event: LambdaEvent<CloudEvents>) -> Result<(), Error> {
//!     for event in &event.payload.0 {
//!         println!("{} from {}", event.kind, event.source);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! | trigger | payload |
//! |---|---|
//! | timer | [`timer::TimerEvent`] |
//! | EventBridge, a rule's target or an event stream | [`cloud_event::CloudEvents`] |
//! | ActionTrail through EventBridge | `CloudEvents<`[`action_trail::TrailEvent`]`>` |
//! | MNS (SMQ) queue | `CloudEvents<`[`mns::QueueMessage`]`>` |
//! | MNS (SMQ) topic | [`mns::TopicEvent`] |
//! | OSS | [`oss::OssEvent`] |
//! | SLS (Log Service) | [`sls::LogEvent`] |
//! | Tablestore | [`tablestore::StreamEvent`], in CBOR |
//! | destination of an asynchronous invocation | [`destination::InvocationRecord`] |
//! | HTTP | [`crate::http_trigger::HttpRequest`] |
//! | HTTP, called by a CloudMonitor alert rule | [`cloud_monitor::AlertCallback`], from the request's body |
//!
//! A field that a type does not know is kept in its `other` and written again by `Serialize`. What
//! no event can do without is required; the rest may be missing, for the services add and drop
//! fields. Times stay text where the services do not agree on a form.
//!
//! Numbers are as `serde_json` reads them: a fraction with more than 15 digits may change its last one.

pub mod action_trail;
pub mod cloud_event;
pub mod cloud_monitor;
pub mod destination;
pub mod mns;
pub mod oss;
pub mod sls;
pub mod tablestore;
pub mod timer;

#[cfg(test)]
mod tests;

/// Fields that a type does not know, by name.
pub type Other = serde_json::Map<String, serde_json::Value>;
