//! Messages of the table operations.

use bytes::Bytes;

use super::{CapacityUnit, IndexMeta};

/// Type of a primary key column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum PrimaryKeyType {
    /// Signed, 64 bit.
    Integer = 1,
    /// UTF-8, at most 1024 bytes.
    String = 2,
    /// At most 1024 bytes.
    Binary = 3,
}

/// Option of a primary key column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum PrimaryKeyOption {
    /// The service chooses the value at the write.
    AutoIncrement = 1,
}

/// One primary key column.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PrimaryKeySchema {
    /// Column name.
    #[prost(string, required, tag = "1")]
    pub name: String,
    /// [`PrimaryKeyType`].
    #[prost(enumeration = "PrimaryKeyType", required, tag = "2")]
    pub r#type: i32,
    /// [`PrimaryKeyOption`].
    #[prost(enumeration = "PrimaryKeyOption", optional, tag = "3")]
    pub option: Option<i32>,
}

/// Type of a predefined column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum DefinedColumnType {
    /// 64 bit, signed.
    Integer = 1,
    /// 64 bit.
    Double = 2,
    /// True or false.
    Boolean = 3,
    /// UTF-8.
    String = 4,
    /// Bytes.
    Blob = 7,
}

/// A predefined attribute column.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DefinedColumnSchema {
    /// Column name.
    #[prost(string, required, tag = "1")]
    pub name: String,
    /// [`DefinedColumnType`].
    #[prost(enumeration = "DefinedColumnType", required, tag = "2")]
    pub r#type: i32,
}

/// Name and key of a table.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct TableMeta {
    /// Table name.
    #[prost(string, required, tag = "1")]
    pub table_name: String,
    /// In key order.
    #[prost(message, repeated, tag = "2")]
    pub primary_key: Vec<PrimaryKeySchema>,
    /// Predefined columns.
    #[prost(message, repeated, tag = "3")]
    pub defined_column: Vec<DefinedColumnSchema>,
    /// Secondary indexes; where the Go SDK looks for them, while the others read those beside the meta.
    #[prost(message, repeated, tag = "4")]
    pub index_meta: Vec<IndexMeta>,
    /// The service's id of the table; only in answers.
    #[prost(string, optional, tag = "5")]
    pub table_id: Option<String>,
    /// The service's id of the global table it belongs to; only in answers.
    #[prost(string, optional, tag = "6")]
    pub global_table_id: Option<String>,
}

/// Lifetime and versions of a table's cells.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct TableOptions {
    /// Seconds; -1 is forever.
    #[prost(int32, optional, tag = "1")]
    pub time_to_live: Option<i32>,
    /// Newest versions of a column that are kept.
    #[prost(int32, optional, tag = "2")]
    pub max_versions: Option<i32>,
    /// How far a cell's timestamp may be from the server's time, seconds.
    #[prost(int64, optional, tag = "5")]
    pub deviation_cell_version_in_sec: Option<i64>,
    /// Whether UpdateRow is allowed.
    #[prost(bool, optional, tag = "6")]
    pub allow_update: Option<bool>,
    /// Whether an update must write the whole row.
    #[prost(bool, optional, tag = "7")]
    pub update_full_row: Option<bool>,
}

/// Capacity that is reserved for a table.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct ReservedThroughput {
    /// Reserved units.
    #[prost(message, required, tag = "1")]
    pub capacity_unit: CapacityUnit,
}

/// Reserved capacity with its history.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct ReservedThroughputDetails {
    /// Reserved units.
    #[prost(message, required, tag = "1")]
    pub capacity_unit: CapacityUnit,
    /// Epoch seconds.
    #[prost(int64, required, tag = "2")]
    pub last_increase_time: i64,
    /// Epoch seconds.
    #[prost(int64, optional, tag = "3")]
    pub last_decrease_time: Option<i64>,
}

/// Whether a table has a stream.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct StreamSpecification {
    /// On or off.
    #[prost(bool, required, tag = "1")]
    pub enable_stream: bool,
    /// Hours.
    #[prost(int32, optional, tag = "2")]
    pub expiration_time: Option<i32>,
    /// Columns whose old values the stream holds.
    #[prost(string, repeated, tag = "3")]
    pub columns_to_get: Vec<String>,
}

/// A table's stream.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct StreamDetails {
    /// On or off.
    #[prost(bool, required, tag = "1")]
    pub enable_stream: bool,
    /// Its id while it is on.
    #[prost(string, optional, tag = "2")]
    pub stream_id: Option<String>,
    /// Hours.
    #[prost(int32, optional, tag = "3")]
    pub expiration_time: Option<i32>,
    /// Epoch microseconds.
    #[prost(int64, optional, tag = "4")]
    pub last_enable_time: Option<i64>,
    /// Columns whose old values the stream holds.
    #[prost(string, repeated, tag = "5")]
    pub column_to_get: Vec<String>,
}

/// Whose key encrypts a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum SseKeyType {
    /// The service's own, kept in KMS.
    Kms = 1,
    /// The customer's.
    Byok = 2,
}

/// Encryption at rest, asked for with CreateTable and told by DescribeTable.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct SseSpecification {
    /// On or off.
    #[prost(bool, required, tag = "1")]
    pub enable: bool,
    /// [`SseKeyType`].
    #[prost(enumeration = "SseKeyType", optional, tag = "2")]
    pub key_type: Option<i32>,
    /// The customer's key.
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub key_id: Option<Bytes>,
    /// The role that may use it.
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub role_arn: Option<Bytes>,
}

/// One partition that a table starts with. Both ends are a type byte and a value
/// ([`crate::plainbuffer::write_bare_value`]).
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PartitionRange {
    /// Inclusive.
    #[prost(bytes = "bytes", required, tag = "1")]
    pub begin: Bytes,
    /// Exclusive.
    #[prost(bytes = "bytes", required, tag = "2")]
    pub end: Bytes,
}

/// CreateTable; answered by [`super::Empty`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct CreateTableRequest {
    /// Name and key.
    #[prost(message, required, tag = "1")]
    pub table_meta: TableMeta,
    /// Reserved capacity; zero on demand.
    #[prost(message, required, tag = "2")]
    pub reserved_throughput: ReservedThroughput,
    /// Time to live and versions.
    #[prost(message, optional, tag = "3")]
    pub table_options: Option<TableOptions>,
    /// First partitions.
    #[prost(message, repeated, tag = "4")]
    pub partitions: Vec<PartitionRange>,
    /// Stream.
    #[prost(message, optional, tag = "5")]
    pub stream_spec: Option<StreamSpecification>,
    /// Encryption.
    #[prost(message, optional, tag = "6")]
    pub sse_spec: Option<SseSpecification>,
    /// Secondary indexes.
    #[prost(message, repeated, tag = "7")]
    pub index_metas: Vec<IndexMeta>,
    /// Local transactions.
    #[prost(bool, optional, tag = "8")]
    pub enable_local_txn: Option<bool>,
}

/// UpdateTable.
#[derive(Clone, PartialEq, prost::Message)]
pub struct UpdateTableRequest {
    /// Table name.
    #[prost(string, required, tag = "1")]
    pub table_name: String,
    /// New reserved capacity.
    #[prost(message, optional, tag = "2")]
    pub reserved_throughput: Option<ReservedThroughput>,
    /// New options; what is absent stays.
    #[prost(message, optional, tag = "3")]
    pub table_options: Option<TableOptions>,
    /// Stream on or off.
    #[prost(message, optional, tag = "4")]
    pub stream_spec: Option<StreamSpecification>,
}

/// Answer to UpdateTable.
#[derive(Clone, PartialEq, prost::Message)]
pub struct UpdateTableResponse {
    /// Reserved capacity now.
    #[prost(message, required, tag = "1")]
    pub reserved_throughput_details: ReservedThroughputDetails,
    /// Options now.
    #[prost(message, required, tag = "2")]
    pub table_options: TableOptions,
    /// Stream now.
    #[prost(message, optional, tag = "3")]
    pub stream_details: Option<StreamDetails>,
}

/// DescribeTable and DeleteTable (the latter answered by [`super::Empty`]).
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct TableNameRequest {
    /// Table name.
    #[prost(string, required, tag = "1")]
    pub table_name: String,
}

/// State of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum TableStatus {
    /// Serving.
    Active = 1,
    /// Not serving.
    Inactive = 2,
    /// Being loaded.
    Loading = 3,
    /// Being unloaded.
    Unloading = 4,
    /// Being changed.
    Updating = 5,
}

/// Answer to DescribeTable.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DescribeTableResponse {
    /// Name and key.
    #[prost(message, required, tag = "1")]
    pub table_meta: TableMeta,
    /// Reserved capacity.
    #[prost(message, required, tag = "2")]
    pub reserved_throughput_details: ReservedThroughputDetails,
    /// Time to live and versions.
    #[prost(message, required, tag = "3")]
    pub table_options: TableOptions,
    /// [`TableStatus`]; the Go SDK refuses an answer without it.
    #[prost(enumeration = "TableStatus", required, tag = "4")]
    pub table_status: i32,
    /// Stream.
    #[prost(message, optional, tag = "5")]
    pub stream_details: Option<StreamDetails>,
    /// Where the table is split: a PlainBuffer key each.
    #[prost(bytes = "bytes", repeated, tag = "6")]
    pub shard_splits: Vec<Bytes>,
    /// Encryption.
    #[prost(message, optional, tag = "7")]
    pub sse_details: Option<SseSpecification>,
    /// Secondary indexes.
    #[prost(message, repeated, tag = "8")]
    pub index_metas: Vec<IndexMeta>,
    /// Epoch microseconds.
    #[prost(int64, optional, tag = "9")]
    pub creation_time: Option<i64>,
}

/// Answer to ListTable, whose request is empty.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ListTableResponse {
    /// Table names.
    #[prost(string, repeated, tag = "1")]
    pub table_names: Vec<String>,
}
