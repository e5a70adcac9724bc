//! The callback of a CloudMonitor alert rule: an HTTP request to a function's HTTP trigger. Source:
//! CloudMonitor docs, "Use the alert callback feature to send notifications about threshold-triggered
//! alerts".
//!
//! ```
//! use fc_runtime::events::cloud_monitor::AlertCallback;
//! use fc_runtime::http_trigger::{HttpRequest, HttpResponse};
//! use fc_runtime::{Error, LambdaEvent};
//!
//! async fn handler(event: LambdaEvent<HttpRequest>) -> Result<HttpResponse, Error> {
//!     let alert = AlertCallback::parse(&event.payload.body_bytes()?)?;
//!     println!("{} is {}", alert.alert_name, alert.alert_state);
//!     Ok(HttpResponse::new(200, "text/plain", ""))
//! }
//! ```
//!
//! CloudMonitor waits 5 seconds and tries 3 times.

use std::collections::BTreeMap;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::Other;

/// What is sent as it is in a form: RFC 3986's unreserved characters.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A change of an alert's state. All values are text, even numbers; what is not there may be the text `null`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertCallback {
    /// The rule's name.
    #[serde(deserialize_with = "text")]
    pub alert_name: String,
    /// `OK`, `ALERT` or `INSUFFICIENT_DATA`
    #[serde(deserialize_with = "text")]
    pub alert_state: String,
    /// The metric's value now.
    #[serde(default, deserialize_with = "text")]
    pub cur_value: String,
    /// What it is about, as text; see [`AlertCallback::dimension`].
    #[serde(default, deserialize_with = "text")]
    pub dimensions: String,
    /// The condition: `$Average>=95`.
    #[serde(default, deserialize_with = "text")]
    pub expression: String,
    /// Name of the instance.
    #[serde(default, deserialize_with = "text")]
    pub instance_name: String,
    /// The metric.
    #[serde(default, deserialize_with = "text")]
    pub metric_name: String,
    /// The product: `acs_ecs_dashboard`.
    #[serde(default, deserialize_with = "text")]
    pub metric_project: String,
    /// The same, by its newer name.
    #[serde(default, deserialize_with = "text")]
    pub namespace: String,
    /// Level before: `OK`, `INFO`, `WARN`, `CRITICAL`.
    #[serde(default, deserialize_with = "text")]
    pub pre_trigger_level: String,
    /// Level now.
    #[serde(default, deserialize_with = "text")]
    pub trigger_level: String,
    /// The rule.
    #[serde(default, deserialize_with = "text")]
    pub rule_id: String,
    /// When, epoch milliseconds (seconds in older callbacks).
    #[serde(default, deserialize_with = "text")]
    pub timestamp: String,
    /// The account.
    #[serde(default, deserialize_with = "text")]
    pub user_id: String,
    /// The rest: `lastTime`, `transId`, `groupId`, `regionId`, `regionName`, `signature`, `unit` and others.
    #[serde(flatten)]
    pub other: Other,
}

/// The body is not an alert callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAnAlert(String);

impl fmt::Display for NotAnAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not an alert callback: {}", self.0)
    }
}

impl std::error::Error for NotAnAlert {}

impl AlertCallback {
    /// Reads a request's body: a form (`application/x-www-form-urlencoded`), or JSON as older rules send it.
    ///
    /// # Errors
    ///
    /// When it is neither, is not UTF-8, or lacks the alert's name or state.
    pub fn parse(body: &[u8]) -> Result<Self, NotAnAlert> {
        if body.trim_ascii_start().first() == Some(&b'{') {
            return serde_json::from_slice(body).map_err(|error| NotAnAlert(error.to_string()));
        }
        let mut fields = Other::new();
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let value = pair.get(at + 1..).unwrap_or_default();
            fields.insert(decode(&pair[..at])?, Value::String(decode(value)?));
        }
        serde_json::from_value(Value::Object(fields)).map_err(|error| NotAnAlert(error.to_string()))
    }

    /// The form that [`AlertCallback::parse`] reads. What is not text in `other` is written as JSON.
    pub fn to_form(&self) -> String {
        // Strings and a map of JSON values always serialise.
        let Ok(Value::Object(fields)) = serde_json::to_value(self) else { return String::new() };
        let pairs = fields.iter().map(|(name, value)| match value {
            Value::String(text) => format!("{}={}", encode(name), encode(text)),
            other => format!("{}={}", encode(name), encode(&other.to_string())),
        });
        pairs.collect::<Vec<_>>().join("&")
    }

    /// One of `dimensions`, `instanceId` for example. Reads `{userId=1, instanceId=i-1}`, a JSON object and the
    /// first object of a JSON array.
    pub fn dimension(&self, name: &str) -> Option<String> {
        if let Ok(read) = serde_json::from_str::<Value>(&self.dimensions) {
            let object = if read.is_array() { read.get(0)? } else { &read };
            return match object.get(name)? {
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            };
        }
        let inner = self.dimensions.trim().strip_prefix('{')?.strip_suffix('}')?;
        let pairs: BTreeMap<&str, &str> = inner.split(',').filter_map(|pair| pair.trim().split_once('=')).collect();
        pairs.get(name).map(|value| (*value).to_owned())
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

fn decode(text: &[u8]) -> Result<String, NotAnAlert> {
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let bytes: Vec<u8> = percent_decode(&spaced).collect();
    String::from_utf8(bytes).map_err(|error| NotAnAlert(error.to_string()))
}

/// Text, or what stands in JSON where text is expected.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        other => other.to_string(),
    })
}
