//! Messages of secondary indexes and predefined columns.

use super::DefinedColumnSchema;

/// When an index follows its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum IndexUpdateMode {
    /// Some time later; of global indexes.
    Async = 0,
    /// With the write; of local indexes.
    Sync = 1,
}

/// Where the rows of an index lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum IndexType {
    /// Spread by the index's own first key column.
    Global = 0,
    /// Beside the table's rows: both have the same first key column.
    Local = 1,
}

/// How far a new index has caught up with its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum IndexSyncPhase {
    /// Unknown.
    Invalid = 0,
    /// The rows that were there before are being copied.
    Full = 1,
    /// It follows the writes.
    Incr = 2,
}

/// A secondary index.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct IndexMeta {
    /// Index name; rows are read under it as from a table.
    #[prost(string, required, tag = "1")]
    pub name: String,
    /// Key columns: key or predefined columns of the table. The service adds the table's other key columns.
    #[prost(string, repeated, tag = "2")]
    pub primary_key: Vec<String>,
    /// Covered predefined columns.
    #[prost(string, repeated, tag = "3")]
    pub defined_column: Vec<String>,
    /// [`IndexUpdateMode`].
    #[prost(enumeration = "IndexUpdateMode", required, tag = "4")]
    pub index_update_mode: i32,
    /// [`IndexType`].
    #[prost(enumeration = "IndexType", required, tag = "5")]
    pub index_type: i32,
    /// [`IndexSyncPhase`]; only in answers.
    #[prost(enumeration = "IndexSyncPhase", optional, tag = "6")]
    pub index_sync_phase: Option<i32>,
}

/// CreateIndex; answered by [`super::Empty`].
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CreateIndexRequest {
    /// The table.
    #[prost(string, required, tag = "1")]
    pub main_table_name: String,
    /// The index.
    #[prost(message, required, tag = "2")]
    pub index_meta: IndexMeta,
    /// Whether rows that are there already enter the index.
    #[prost(bool, optional, tag = "3")]
    pub include_base_data: Option<bool>,
}

/// DropIndex; answered by [`super::Empty`].
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DropIndexRequest {
    /// The table.
    #[prost(string, required, tag = "1")]
    pub main_table_name: String,
    /// The index.
    #[prost(string, required, tag = "2")]
    pub index_name: String,
}

/// AddDefinedColumn; answered by [`super::Empty`].
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AddDefinedColumnRequest {
    /// The table.
    #[prost(string, required, tag = "1")]
    pub table_name: String,
    /// New predefined columns.
    #[prost(message, repeated, tag = "2")]
    pub columns: Vec<DefinedColumnSchema>,
}

/// DeleteDefinedColumn; answered by [`super::Empty`].
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DeleteDefinedColumnRequest {
    /// The table.
    #[prost(string, required, tag = "1")]
    pub table_name: String,
    /// Names of predefined columns.
    #[prost(string, repeated, tag = "2")]
    pub columns: Vec<String>,
}
