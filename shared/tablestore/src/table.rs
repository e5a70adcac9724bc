//! Tables: their key, their columns and indexes, their options, their state.

use bytes::Bytes;

use crate::messages::{
    self, CapacityUnit, CreateTableRequest, DefinedColumnSchema, DescribeTableResponse, IndexMeta, IndexUpdateMode,
    PartitionRange, PrimaryKeyOption, PrimaryKeySchema, PrimaryKeyType, ReservedThroughput, SseSpecification,
    StreamSpecification, UpdateTableRequest,
};
use crate::plainbuffer::{ValueRef, write_bare_value};
use crate::value::Key;

pub use crate::messages::{DefinedColumnType as ColumnType, IndexSyncPhase, IndexType, SseKeyType, TableStatus};

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

/// Name, key, predefined columns and indexes of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableMeta {
    /// Table name.
    pub name: String,
    /// One to four columns; the first one spreads rows over partitions.
    pub primary_key: Vec<(String, KeyType)>,
    /// Predefined columns: those that indexes may use. Rows may have others.
    pub columns: Vec<(String, ColumnType)>,
    /// Secondary indexes.
    pub indexes: Vec<Index>,
}

impl TableMeta {
    /// A table whose first key column is `column`.
    pub fn new(name: impl Into<String>, column: impl Into<String>, kind: KeyType) -> Self {
        let primary_key = vec![(column.into(), kind)];
        Self { name: name.into(), primary_key, columns: Vec::new(), indexes: Vec::new() }
    }

    /// Adds the next key column.
    pub fn key(mut self, column: impl Into<String>, kind: KeyType) -> Self {
        self.primary_key.push((column.into(), kind));
        self
    }

    /// Adds a predefined column.
    pub fn column(mut self, column: impl Into<String>, kind: ColumnType) -> Self {
        self.columns.push((column.into(), kind));
        self
    }

    /// Adds an index.
    pub fn index(mut self, index: Index) -> Self {
        self.indexes.push(index);
        self
    }

    fn to_message(&self) -> messages::TableMeta {
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
            defined_column: self.columns.iter().map(|(name, kind)| defined_column(name, *kind)).collect(),
            ..messages::TableMeta::default()
        }
    }

    /// `indexes` stand beside the meta; the Go SDK looks for them inside, so some servers send them there.
    fn from_message(meta: &messages::TableMeta, indexes: &[IndexMeta]) -> Self {
        let column = |schema: &PrimaryKeySchema| {
            let kind = match schema.r#type() {
                _ if schema.option.is_some() => KeyType::AutoIncrement,
                PrimaryKeyType::Integer => KeyType::Integer,
                PrimaryKeyType::String => KeyType::String,
                PrimaryKeyType::Binary => KeyType::Binary,
            };
            (schema.name.clone(), kind)
        };
        let indexes = if indexes.is_empty() { &meta.index_meta } else { indexes };
        Self {
            name: meta.table_name.clone(),
            primary_key: meta.primary_key.iter().map(column).collect(),
            columns: meta.defined_column.iter().map(|column| (column.name.clone(), column.r#type())).collect(),
            indexes: indexes.iter().map(Index::from_message).collect(),
        }
    }
}

pub(crate) fn defined_column(name: &str, kind: ColumnType) -> DefinedColumnSchema {
    DefinedColumnSchema { name: name.to_owned(), r#type: kind as i32 }
}

/// A secondary index: rows of a table under another key. It is read as a table is, under its own name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its key: key or predefined columns of the table. The service adds those of the table's key that
    /// are not among them.
    pub primary_key: Vec<String>,
    /// Predefined columns that can be read from it.
    pub columns: Vec<String>,
    /// Global: spread by its own first key column, and some time behind the table. Local: it begins with
    /// the table's first key column, and changes with the row.
    pub kind: IndexType,
    /// How far it has caught up with its table; only in answers.
    pub phase: Option<IndexSyncPhase>,
}

impl Index {
    /// A global index over these columns, which covers no others.
    pub fn global<S: Into<String>>(name: impl Into<String>, primary_key: impl IntoIterator<Item = S>) -> Self {
        let primary_key = primary_key.into_iter().map(Into::into).collect();
        Self { name: name.into(), primary_key, columns: Vec::new(), kind: IndexType::Global, phase: None }
    }

    /// A local index over these columns, which covers no others.
    pub fn local<S: Into<String>>(name: impl Into<String>, primary_key: impl IntoIterator<Item = S>) -> Self {
        Self { kind: IndexType::Local, ..Self::global(name, primary_key) }
    }

    /// Covers these columns.
    pub fn covering<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.columns = columns.into_iter().map(Into::into).collect();
        self
    }

    pub(crate) fn to_message(&self) -> IndexMeta {
        let mode = match self.kind {
            IndexType::Global => IndexUpdateMode::Async,
            IndexType::Local => IndexUpdateMode::Sync,
        };
        IndexMeta {
            name: self.name.clone(),
            primary_key: self.primary_key.clone(),
            defined_column: self.columns.clone(),
            index_update_mode: mode as i32,
            index_type: self.kind as i32,
            index_sync_phase: None,
        }
    }

    fn from_message(index: &IndexMeta) -> Self {
        Self {
            name: index.name.clone(),
            primary_key: index.primary_key.clone(),
            columns: index.defined_column.clone(),
            kind: index.index_type(),
            phase: index.index_sync_phase.map(|_| index.index_sync_phase()),
        }
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
    /// Whether UpdateRow is allowed; None leaves it to the service, which allows it.
    pub allow_update: Option<bool>,
}

impl Default for TableOptions {
    /// One version, for ever: what the official SDKs start with.
    fn default() -> Self {
        Self { time_to_live_secs: -1, max_versions: 1, max_deviation_secs: 86_400, allow_update: None }
    }
}

impl TableOptions {
    fn to_message(self) -> messages::TableOptions {
        messages::TableOptions {
            time_to_live: Some(self.time_to_live_secs),
            max_versions: Some(self.max_versions),
            deviation_cell_version_in_sec: Some(self.max_deviation_secs),
            allow_update: self.allow_update,
            update_full_row: None,
        }
    }

    pub(crate) fn from_message(options: &messages::TableOptions) -> Self {
        let default = Self::default();
        Self {
            time_to_live_secs: options.time_to_live.unwrap_or(default.time_to_live_secs),
            max_versions: options.max_versions.unwrap_or(default.max_versions),
            max_deviation_secs: options.deviation_cell_version_in_sec.unwrap_or(default.max_deviation_secs),
            allow_update: options.allow_update,
        }
    }
}

/// Capacity units of 4 KiB per second that are paid for whether used or not; none is on demand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reserved {
    /// Units.
    pub read: i32,
    /// Units.
    pub write: i32,
}

impl Reserved {
    fn to_message(self) -> ReservedThroughput {
        ReservedThroughput { capacity_unit: CapacityUnit { read: Some(self.read), write: Some(self.write) } }
    }
}

/// Encryption at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// With a key of the service's own.
    Kms,
    /// With a key of the customer's.
    Byok {
        /// Its id in KMS.
        key_id: String,
        /// The role that may use it, `acs:ram::…`.
        role_arn: String,
    },
}

impl Encryption {
    fn to_message(&self) -> SseSpecification {
        let bytes = |text: &String| Some(Bytes::from(text.clone()));
        let (kind, key_id, role_arn) = match self {
            Self::Kms => (SseKeyType::Kms, None, None),
            Self::Byok { key_id, role_arn } => (SseKeyType::Byok, bytes(key_id), bytes(role_arn)),
        };
        SseSpecification { enable: true, key_type: Some(kind as i32), key_id, role_arn }
    }
}

/// Everything that a table can be created with. It never starts with a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTable {
    /// Name, key, predefined columns and indexes.
    pub meta: TableMeta,
    /// Lifetime and versions.
    pub options: TableOptions,
    /// Paid for in advance.
    pub reserved: Reserved,
    /// Values of the first key column at which it is split into partitions, ascending.
    pub splits: Vec<Key>,
    /// None leaves it to the service.
    pub encryption: Option<Encryption>,
    /// Whether it can have local transactions.
    pub local_transactions: bool,
}

impl CreateTable {
    /// A table with nothing but these.
    pub fn new(meta: TableMeta, options: TableOptions) -> Self {
        let reserved = Reserved::default();
        Self { meta, options, reserved, splits: Vec::new(), encryption: None, local_transactions: false }
    }

    pub(crate) fn to_message(&self) -> CreateTableRequest {
        let bounds = self.splits.iter().map(Key::borrow);
        let starts = std::iter::once(ValueRef::InfMin).chain(bounds.clone());
        let ends = bounds.chain(std::iter::once(ValueRef::InfMax));
        let partitions = starts.zip(ends).map(|(begin, end)| PartitionRange { begin: bare(begin), end: bare(end) });
        CreateTableRequest {
            table_meta: self.meta.to_message(),
            reserved_throughput: self.reserved.to_message(),
            table_options: Some(self.options.to_message()),
            // One partition is none that must be named.
            partitions: if self.splits.is_empty() { Vec::new() } else { partitions.collect() },
            stream_spec: None,
            sse_spec: self.encryption.as_ref().map(Encryption::to_message),
            index_metas: self.meta.indexes.iter().map(Index::to_message).collect(),
            enable_local_txn: self.local_transactions.then_some(true),
        }
    }
}

fn bare(value: ValueRef<'_>) -> Bytes {
    let mut out = Vec::new();
    write_bare_value(&mut out, value);
    out.into()
}

/// What is to change of a table; what is None stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableUpdate {
    /// Lifetime and versions.
    pub options: Option<TableOptions>,
    /// Paid for in advance.
    pub reserved: Option<Reserved>,
    /// Ends the table's stream.
    pub end_stream: bool,
}

impl From<TableOptions> for TableUpdate {
    fn from(options: TableOptions) -> Self {
        Self { options: Some(options), ..Self::default() }
    }
}

impl From<&TableOptions> for TableUpdate {
    fn from(options: &TableOptions) -> Self {
        Self::from(*options)
    }
}

impl TableUpdate {
    pub(crate) fn to_message(self, table: &str) -> UpdateTableRequest {
        UpdateTableRequest {
            table_name: table.to_owned(),
            reserved_throughput: self.reserved.map(Reserved::to_message),
            table_options: self.options.map(TableOptions::to_message),
            stream_spec: self
                .end_stream
                .then(|| StreamSpecification { enable_stream: false, ..StreamSpecification::default() }),
        }
    }
}

/// A table as the service describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDescription {
    /// Name, key, predefined columns and indexes.
    pub meta: TableMeta,
    /// Lifetime and versions.
    pub options: TableOptions,
    /// Paid for in advance.
    pub reserved: Reserved,
    /// Whether it serves.
    pub status: TableStatus,
    /// Whether it has a stream.
    pub stream: bool,
    /// Whether it is encrypted; None when the service does not say.
    pub encrypted: Option<bool>,
    /// Epoch microseconds; None when the service does not say.
    pub created_at_micros: Option<i64>,
}

impl TableDescription {
    pub(crate) fn from_message(answer: &DescribeTableResponse) -> Self {
        let units = answer.reserved_throughput_details.capacity_unit;
        Self {
            meta: TableMeta::from_message(&answer.table_meta, &answer.index_metas),
            options: TableOptions::from_message(&answer.table_options),
            reserved: Reserved { read: units.read(), write: units.write() },
            status: answer.table_status(),
            stream: answer.stream_details.as_ref().is_some_and(|stream| stream.enable_stream),
            encrypted: answer.sse_details.as_ref().map(|sse| sse.enable),
            created_at_micros: answer.creation_time,
        }
    }
}
