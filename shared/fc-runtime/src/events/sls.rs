//! Logs are there to be read. Source: FC docs, "SLS triggers".
//!
//! The event names a range of a shard; the function reads the logs itself.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Other;

/// The payload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEvent {
    /// What the trigger's configuration says, any JSON.
    #[serde(default)]
    pub parameter: Value,
    /// Which logs.
    pub source: LogSource,
    /// The trigger's job in SLS.
    #[serde(default)]
    pub job_name: String,
    /// One delivery; a retry has the same.
    #[serde(default)]
    pub task_id: String,
    /// When the last of these logs arrived, epoch seconds.
    #[serde(default)]
    pub cursor_time: i64,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

/// A range of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogSource {
    /// Where to read: `http://cn-hangzhou-intranet.log.aliyuncs.com`.
    pub endpoint: String,
    /// The project.
    pub project_name: String,
    /// The logstore.
    pub logstore_name: String,
    /// The shard.
    pub shard_id: i64,
    /// The first.
    pub begin_cursor: String,
    /// After the last.
    pub end_cursor: String,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}
