//! CloudEvents 1.0 as EventBridge delivers them. Sources: the CloudEvents specification, its JSON
//! format; EventBridge docs, "Event overview"; FC docs, "EventBridge triggers".

use std::fmt;
use std::marker::PhantomData;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::Other;

/// One event. `T` is its data: anything, unless said otherwise.
///
/// Delivered at least once; a duplicate has the same [`CloudEvent::key`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "T: DeserializeOwned"))]
pub struct CloudEvent<T = Value> {
    /// Unique within its source.
    pub id: String,
    /// `acs.ecs`
    pub source: String,
    /// `1.0`
    #[serde(default)]
    pub specversion: String,
    /// `type`: `ecs:Instance:StateChange`
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it happened, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Of the data: `application/json;charset=utf-8`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datacontenttype: Option<String>,
    /// Where the data is described.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataschema: Option<String>,
    /// `aliyunaccountid`: the account that it is delivered to.
    #[serde(rename = "aliyunaccountid", skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// `aliyunoriginalaccountid`: the account that it happened in.
    #[serde(rename = "aliyunoriginalaccountid", skip_serializing_if = "Option::is_none")]
    pub original_account_id: Option<String>,
    /// `aliyuneventbusname`
    #[serde(rename = "aliyuneventbusname", skip_serializing_if = "Option::is_none")]
    pub bus_name: Option<String>,
    /// `aliyunregionid`
    #[serde(rename = "aliyunregionid", skip_serializing_if = "Option::is_none")]
    pub region_id: Option<String>,
    /// `aliyunpublishtime`: RFC 3339, or as `2020-11-19T21:04:42.179PRC`.
    #[serde(rename = "aliyunpublishtime", skip_serializing_if = "Option::is_none")]
    pub publish_time: Option<String>,
    /// `aliyunpublishaddr`: the publisher's address.
    #[serde(rename = "aliyunpublishaddr", skip_serializing_if = "Option::is_none")]
    pub publish_address: Option<String>,
    /// What happened.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub data: Option<T>,
    /// What happened, where it is not JSON; see [`CloudEvent::data_bytes`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_base64: Option<String>,
    /// The rest: extensions.
    #[serde(flatten)]
    pub other: Other,
}

fn none<T>() -> Option<T> {
    None
}

impl<T> CloudEvent<T> {
    /// By which a duplicate is known: source and id.
    pub fn key(&self) -> (&str, &str) {
        (&self.source, &self.id)
    }

    /// The bytes of `data_base64`, if there are any.
    ///
    /// # Errors
    ///
    /// When it is not base64.
    pub fn data_bytes(&self) -> Result<Option<Vec<u8>>, base64::DecodeError> {
        self.data_base64.as_ref().map(|text| BASE64_STANDARD.decode(text)).transpose()
    }
}

/// The events of one invocation, in every shape in which they arrive: one object (a rule's target),
/// an array of objects, or an array of strings that hold an object each (event streams). Written
/// as an array of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CloudEvents<T = Value>(pub Vec<CloudEvent<T>>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for CloudEvents<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Shapes(PhantomData)).map(Self)
    }
}

struct Shapes<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for Shapes<T> {
    type Value = Vec<CloudEvent<T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CloudEvent or an array of them")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        CloudEvent::deserialize(MapAccessDeserializer::new(map)).map(|event| vec![event])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut events = Vec::new();
        while let Some(Element(event)) = items.next_element()? {
            events.push(event);
        }
        Ok(events)
    }
}

/// An event in an array: an object, or a string that holds one.
struct Element<T>(CloudEvent<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Element<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ElementShapes(PhantomData)).map(Self)
    }
}

struct ElementShapes<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for ElementShapes<T> {
    type Value = CloudEvent<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CloudEvent or a string that holds one")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        CloudEvent::deserialize(MapAccessDeserializer::new(map))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        serde_json::from_str(text).map_err(|error| E::custom(format_args!("in a string: {error}")))
    }
}
