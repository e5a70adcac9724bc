//! Commands.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Tags;
use crate::ecs::db::{Row, Table};

/// One RunCommand call.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Invocation {
    /// `t-…`
    pub invoke_id: String,
    /// `c-…`
    pub command_id: String,
    /// RunCommand's Name.
    pub name: String,
    /// Script, decoded, parameters not filled in.
    pub script: String,
    /// Values for `{{name}}` in the script; None when EnableParameter was not set.
    pub parameters: Option<BTreeMap<String, String>>,
    /// `RunShellScript`…
    pub kind: String,
    /// Seconds.
    pub timeout: u64,
    /// Empty for the user's home.
    pub working_dir: String,
    /// Empty for the default user.
    pub username: String,
    /// Instances it was sent to.
    pub instances: Vec<String>,
    /// Tags.
    pub tags: Tags,
    /// Epoch milliseconds.
    pub created: i64,
}

/// `InvocationStatus` on one instance (ECS API reference, DescribeInvocationResults).
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub enum InvokeStatus {
    /// Not delivered yet.
    Pending,
    /// Delivered.
    Running,
    /// Told to stop.
    Stopping,
    /// Exit code 0.
    Success,
    /// Another exit code, or interrupted.
    Failed,
    /// Killed at its timeout.
    Timeout,
    /// Could not be delivered in time.
    Aborted,
    /// Stopped before it was delivered.
    Cancelled,
    /// Stopped after it was delivered.
    Terminated,
}

impl InvokeStatus {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Stopping => "Stopping",
            Self::Success => "Success",
            Self::Failed => "Failed",
            Self::Timeout => "Timeout",
            Self::Aborted => "Aborted",
            Self::Cancelled => "Cancelled",
            Self::Terminated => "Terminated",
        }
    }

    /// Nothing more happens to it.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::Stopping)
    }
}

/// What became of an invocation on one instance. Times are epoch milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct InvokeResult {
    /// `t-…`
    pub invoke_id: String,
    /// `i-…`
    pub instance_id: String,
    /// State.
    pub status: InvokeStatus,
    /// Exit code, when it ended by itself.
    pub exit_code: Option<i32>,
    /// Output, Base64.
    pub output: String,
    /// Bytes of output that were dropped.
    pub dropped: u64,
    /// Empty when all is well.
    pub error_code: String,
    /// Empty when all is well.
    pub error_info: String,
    /// When it was asked for.
    pub created: i64,
    /// When the agent took it.
    pub started: Option<i64>,
    /// When it ended.
    pub finished: Option<i64>,
    /// When StopInvocation was called.
    pub stopped: Option<i64>,
}

impl InvokeResult {
    /// Its key; all results of one invocation stand together.
    pub fn key_of(invoke_id: &str, instance_id: &str) -> String {
        format!("{invoke_id}/{instance_id}")
    }
}

impl Row for Invocation {
    const TABLE: Table = Table::Invocations;
    fn key(&self) -> String {
        self.invoke_id.clone()
    }
}

impl Row for InvokeResult {
    const TABLE: Table = Table::Results;
    fn key(&self) -> String {
        Self::key_of(&self.invoke_id, &self.instance_id)
    }
}
