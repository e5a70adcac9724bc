//! What happened to objects in a bucket. Source: FC docs, "Native OSS triggers".

use serde::{Deserialize, Serialize};

use super::Other;

/// The payload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OssEvent {
    /// What happened, oldest first.
    pub events: Vec<ObjectEvent>,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

/// What happened to one object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectEvent {
    /// `ObjectCreated:PutObject`
    pub event_name: String,
    /// `acs:oss`
    #[serde(default)]
    pub event_source: String,
    /// When, RFC 3339.
    #[serde(default)]
    pub event_time: String,
    /// `1.0`
    #[serde(default)]
    pub event_version: String,
    /// The region.
    #[serde(default)]
    pub region: String,
    /// To what.
    pub oss: Place,
    /// `sourceIPAddress`
    #[serde(default)]
    pub request_parameters: Other,
    /// `requestId`
    #[serde(default)]
    pub response_elements: Other,
    /// `principalId`
    #[serde(default)]
    pub user_identity: Other,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

/// A bucket and an object in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The bucket.
    pub bucket: Bucket,
    /// The object.
    pub object: Object,
    /// `1.0`
    #[serde(default)]
    pub oss_schema_version: String,
    /// The notification rule.
    #[serde(default)]
    pub rule_id: String,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

/// A bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bucket {
    /// `acs:oss:cn-hangzhou:123456789:bucket`
    #[serde(default)]
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Account that owns it.
    #[serde(default)]
    pub owner_identity: String,
    /// Empty where there is none.
    #[serde(default)]
    pub virtual_bucket: String,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

/// An object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// Its name, percent-encoded.
    pub key: String,
    /// Its size afterwards, bytes.
    #[serde(default)]
    pub size: i64,
    /// By how much its size changed, bytes.
    #[serde(default)]
    pub delta_size: i64,
    /// Its ETag.
    #[serde(default)]
    pub e_tag: String,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}
