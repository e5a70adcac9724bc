//! Messages of Simple Message Queue, formerly MNS. Sources: FC docs, "SMQ topic triggers", "SMQ queue
//! triggers".

use serde::{Deserialize, Serialize};

use super::Other;

/// A message of a topic, in one of the two formats that a trigger can be set to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TopicEvent {
    /// `JSON`
    Json(TopicMessage),
    /// `STREAM`
    Stream(TopicStream),
}

impl TopicEvent {
    /// The message's text.
    pub fn message(&self) -> &str {
        match self {
            Self::Json(message) => &message.message,
            Self::Stream(stream) => &stream.body,
        }
    }
}

/// A message of a topic in the format `JSON`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TopicMessage {
    /// Account that owns the topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_owner: Option<String>,
    /// The topic.
    pub topic_name: String,
    /// Account that subscribed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscriber: Option<String>,
    /// The subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_name: Option<String>,
    /// The message's id.
    pub message_id: String,
    /// MD5 of the text, hex in upper case.
    #[serde(default, rename = "MessageMD5", skip_serializing_if = "Option::is_none")]
    pub message_md5: Option<String>,
    /// The message.
    pub message: String,
    /// When it was published, epoch milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_time: Option<i64>,
    /// The message's own attributes, which come at the top level, and the rest.
    #[serde(flatten)]
    pub other: Other,
}

/// A message of a topic in the format `STREAM`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicStream {
    /// The message.
    pub body: String,
    /// Its attributes; `Extend` is JSON in text.
    #[serde(default)]
    pub attrs: Other,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

/// A message of a queue: the data of an event of type `mns:Queue:SendMessage`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueMessage {
    /// The request that received it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The message's id.
    pub message_id: String,
    /// The message.
    pub message_body: String,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}
