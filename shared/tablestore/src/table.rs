//! Tables: their key, their options, their state.

use crate::messages::{
    self, CapacityUnit, CreateTableRequest, DescribeTableResponse, PrimaryKeyOption, PrimaryKeySchema, PrimaryKeyType,
    ReservedThroughput,
};

pub use crate::messages::TableStatus;

/// Type of a primary key column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// 64 bit, signed.
    Integer,
    /// UTF-8, at most 1024 bytes.
    String,
    /// At most 1024 bytes.
    Binary,
    /// An integer that the service chooses at the write; not the first column.
    AutoIncrement,
}

/// Name and key of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableMeta {
    /// Table name.
    pub name: String,
    /// One to four columns; the first one spreads rows over partitions.
    pub primary_key: Vec<(String, KeyType)>,
}

impl TableMeta {
    /// A table whose first key column is `column`.
    pub fn new(name: impl Into<String>, column: impl Into<String>, kind: KeyType) -> Self {
        Self { name: name.into(), primary_key: vec![(column.into(), kind)] }
    }

    /// Adds the next key column.
    pub fn key(mut self, column: impl Into<String>, kind: KeyType) -> Self {
        self.primary_key.push((column.into(), kind));
        self
    }

    pub(crate) fn to_message(&self) -> messages::TableMeta {
        let schema = |(name, kind): &(String, KeyType)| PrimaryKeySchema {
            name: name.clone(),
            r#type: match kind {
                KeyType::Integer | KeyType::AutoIncrement => PrimaryKeyType::Integer,
                KeyType::String => PrimaryKeyType::String,
                KeyType::Binary => PrimaryKeyType::Binary,
            } as i32,
            option: (*kind == KeyType::AutoIncrement).then_some(PrimaryKeyOption::AutoIncrement as i32),
        };
        messages::TableMeta {
            table_name: self.name.clone(),
            primary_key: self.primary_key.iter().map(schema).collect(),
            ..messages::TableMeta::default()
        }
    }

    fn from_message(meta: &messages::TableMeta) -> Self {
        let column = |schema: &PrimaryKeySchema| {
            let kind = match schema.r#type() {
                _ if schema.option.is_some() => KeyType::AutoIncrement,
                PrimaryKeyType::Integer => KeyType::Integer,
                PrimaryKeyType::String => KeyType::String,
                PrimaryKeyType::Binary => KeyType::Binary,
            };
            (schema.name.clone(), kind)
        };
        Self { name: meta.table_name.clone(), primary_key: meta.primary_key.iter().map(column).collect() }
    }
}

/// Lifetime and versions of a table's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableOptions {
    /// Seconds after which a cell is gone; -1 is never.
    pub time_to_live_secs: i32,
    /// Newest versions of a column that are kept, at least one.
    pub max_versions: i32,
    /// How far a cell's timestamp may be from the service's time, seconds.
    pub max_deviation_secs: i64,
}

impl Default for TableOptions {
    /// One version, for ever: what the official SDKs start with.
    fn default() -> Self {
        Self { time_to_live_secs: -1, max_versions: 1, max_deviation_secs: 86_400 }
    }
}

impl TableOptions {
    pub(crate) fn to_message(self) -> messages::TableOptions {
        messages::TableOptions {
            time_to_live: Some(self.time_to_live_secs),
            max_versions: Some(self.max_versions),
            deviation_cell_version_in_sec: Some(self.max_deviation_secs),
            ..messages::TableOptions::default()
        }
    }

    pub(crate) fn from_message(options: &messages::TableOptions) -> Self {
        let default = Self::default();
        Self {
            time_to_live_secs: options.time_to_live.unwrap_or(default.time_to_live_secs),
            max_versions: options.max_versions.unwrap_or(default.max_versions),
            max_deviation_secs: options.deviation_cell_version_in_sec.unwrap_or(default.max_deviation_secs),
        }
    }
}

pub(crate) fn create_request(meta: &TableMeta, options: &TableOptions) -> CreateTableRequest {
    CreateTableRequest {
        table_meta: meta.to_message(),
        reserved_throughput: ReservedThroughput { capacity_unit: CapacityUnit { read: Some(0), write: Some(0) } },
        table_options: Some(options.to_message()),
        ..CreateTableRequest::default()
    }
}

/// A table as the service describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDescription {
    /// Name and key.
    pub meta: TableMeta,
    /// Lifetime and versions.
    pub options: TableOptions,
    /// Whether it serves.
    pub status: TableStatus,
    /// Epoch microseconds; None when the service does not say.
    pub created_at_micros: Option<i64>,
}

impl TableDescription {
    pub(crate) fn from_message(answer: &DescribeTableResponse) -> Self {
        Self {
            meta: TableMeta::from_message(&answer.table_meta),
            options: TableOptions::from_message(&answer.table_options),
            status: answer.table_status(),
            created_at_micros: answer.creation_time,
        }
    }
}
