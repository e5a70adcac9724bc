//! A time trigger's event. Source: FC docs, "Time triggers".

use serde::{Deserialize, Serialize};

use super::Other;

/// It is time. Delivered at least once: the same `trigger_time` may come again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimerEvent {
    /// When it was due, RFC 3339 in UTC: `2022-07-29T10:02:58Z`.
    pub trigger_time: String,
    /// The trigger's name.
    pub trigger_name: String,
    /// The text in the trigger's configuration; often JSON.
    #[serde(default)]
    pub payload: String,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}
