//! Changed rows of a table, in CBOR. Source: FC docs, "Tablestore triggers".
//!
//! The console's test event says the same in JSON; [`StreamEvent::parse`] reads both.

mod value;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use value::Value;

/// What a CBOR text may begin with to say that it is one (RFC 8949, section 3.4.6).
const SELF_DESCRIBED: &[u8] = &[0xd9, 0xd9, 0xf7];

/// Changes of rows, oldest first. The function must answer within a minute; a failure is tried again until the
/// stream's records expire.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamEvent {
    /// `Sync-v1`
    pub version: String,
    /// The changes.
    pub records: Vec<Record>,
    /// The rest.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// A change of one row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Record {
    /// `Type`: `PutRow`, `UpdateRow` or `DeleteRow`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// About the change.
    #[serde(default)]
    pub info: Info,
    /// The row's key.
    pub primary_key: Vec<KeyColumn>,
    /// What became of its columns.
    #[serde(default)]
    pub columns: Vec<Column>,
    /// The rest.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// About a change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Info {
    /// When, epoch microseconds.
    pub timestamp: i64,
    /// The rest.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// A column of a key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyColumn {
    /// Its name.
    pub column_name: String,
    /// An integer, text or bytes.
    pub value: Value,
    /// The rest.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// What became of a column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Column {
    /// `Type`: `Put`, `DeleteOneVersion` or `DeleteAllVersions`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Its name.
    pub column_name: String,
    /// Its value; none where it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// The version, epoch milliseconds unless the writer chose otherwise; none where all were deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<i64>,
    /// The rest.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

impl StreamEvent {
    /// Reads an event, in CBOR as the trigger sends it or in JSON as the console does.
    ///
    /// Maps must have text as keys, integers must fit 64 bits, floats have 32 or 64; tags other than the one that
    /// says "this is CBOR" are refused.
    ///
    /// # Errors
    ///
    /// When it is not such an event.
    pub fn parse(event: &[u8]) -> Result<Self, NotAStreamEvent> {
        // In CBOR `{` would be a long text and the whitespaces small integers: never an event.
        if event.trim_ascii_start().first() == Some(&b'{') {
            return serde_json::from_slice(event).map_err(|error| NotAStreamEvent(error.to_string()));
        }
        let event = event.strip_prefix(SELF_DESCRIBED).unwrap_or(event);
        let mut deserializer = cbor4ii::serde::Deserializer::new(cbor4ii::core::utils::SliceReader::new(event));
        let parsed = Self::deserialize(&mut deserializer).map_err(|error| NotAStreamEvent(error.to_string()))?;
        let mut rest = deserializer.into_inner();
        match cbor4ii::core::dec::Read::fill(&mut rest, 1) {
            Ok(left) if left.as_ref().is_empty() => Ok(parsed),
            _ => Err(NotAStreamEvent("something follows it".into())),
        }
    }

    /// The event in CBOR.
    pub fn to_cbor(&self) -> Vec<u8> {
        // Fails only when there is no memory left.
        cbor4ii::serde::to_vec(Vec::new(), self).unwrap_or_default()
    }
}

impl Record {
    /// The key's column `name`.
    pub fn key(&self, name: &str) -> Option<&Value> {
        self.primary_key.iter().find(|column| column.column_name == name).map(|column| &column.value)
    }

    /// What column `name` was set to.
    pub fn column(&self, name: &str) -> Option<&Value> {
        let put = self.columns.iter().find(|column| column.column_name == name && column.kind == "Put");
        put.and_then(|column| column.value.as_ref())
    }
}

/// Not a Tablestore trigger's event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAStreamEvent(String);

impl fmt::Display for NotAStreamEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not an event of a Tablestore trigger: {}", self.0)
    }
}

impl std::error::Error for NotAStreamEvent {}
