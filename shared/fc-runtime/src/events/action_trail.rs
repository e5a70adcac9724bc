//! What ActionTrail records, as data of an event from EventBridge. Sources: ActionTrail docs,
//! "Management event structure"; EventBridge docs, "ActionTrail events".
//!
//! The type of the event around it is `<service>:ActionTrail:ApiCall`, `…:ConsoleOperation` or
//! `…:AliyunServiceEvent`. Only writes are delivered.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Other;

/// One recorded operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrailEvent {
    /// Unique.
    pub event_id: String,
    /// `1`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_version: Option<Value>,
    /// The operation: `StopInstance`.
    pub event_name: String,
    /// `ApiCall`, `ConsoleOperation`, `AliyunServiceEvent` and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// The endpoint that was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_source: Option<String>,
    /// When, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_time: Option<String>,
    /// `eventRW`: `Write` or `Read`.
    #[serde(default, rename = "eventRW", skip_serializing_if = "Option::is_none")]
    pub event_rw: Option<String>,
    /// `Ecs`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
    /// The region that it was recorded in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acs_region: Option<String>,
    /// The request that was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip_address: Option<String>,
    /// With what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_identity: Option<UserIdentity>,
    /// Resources by kind: `{"ACS::ECS::Instance": ["i-…"]}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referenced_resources: Option<Value>,
    /// What was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_parameters: Option<Value>,
    /// What was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_elements: Option<Value>,
    /// Set where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Set where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

/// Who did it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserIdentity {
    /// `root-account`, `ram-user`, `assumed-role`, `system`
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The RAM user, or `role:session`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// The user's or role's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// The account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}
