//! EventBridge: CloudEvents as they come and go, and the data plane's PutEvents.

mod client;
mod event;

pub use client::{Client, MAX_BATCH_BYTES, MAX_BATCH_EVENTS, MAX_EVENT_BYTES};
pub use event::{CloudEvent, NotAnEvent, parse_events, parse_value};
