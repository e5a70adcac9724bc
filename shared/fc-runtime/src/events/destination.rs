//! What became of an asynchronous invocation, as its destination receives it. Source: FC docs, "Result
//! callback" (destinations of asynchronous invocations).
//!
//! A function as destination gets this as its event; EventBridge as the data of one; MNS as the message.

use serde::{Deserialize, Serialize};

use super::Other;

/// The payload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvocationRecord {
    /// When, epoch milliseconds.
    pub timestamp: i64,
    /// Which invocation.
    pub request_context: RequestContext,
    /// Its event, as text.
    #[serde(default)]
    pub request_payload: String,
    /// How it ended.
    pub response_context: ResponseContext,
    /// Its answer, as text.
    #[serde(default)]
    pub response_payload: String,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

/// Which invocation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestContext {
    /// Its request id.
    pub request_id: String,
    /// `acs:fc:cn-hangzhou:123456789:functions/name`
    pub function_arn: String,
    /// Empty after a success; `UnhandledInvocationError`, `FunctionResourceExhausted` and others.
    #[serde(default)]
    pub condition: String,
    /// How often it was tried, about.
    #[serde(default)]
    pub approximate_invoke_count: i64,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

/// How it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResponseContext {
    /// HTTP status of the call: 200 for a function's own failure too.
    pub status_code: i64,
    /// Empty after a success; `UnhandledInvocationError`.
    #[serde(default)]
    pub function_error: String,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

impl InvocationRecord {
    /// Whether the function answered without an error.
    pub fn succeeded(&self) -> bool {
        self.response_context.function_error.is_empty()
            && self.request_context.condition.is_empty()
            && (200..300).contains(&self.response_context.status_code)
    }
}
