//! Messages of the row operations.

use bytes::Bytes;

use super::{ConsumedCapacity, Error};

/// What must be true of the row before a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum RowExistence {
    /// Anything.
    Ignore = 0,
    /// The row exists.
    ExpectExist = 1,
    /// The row does not exist.
    ExpectNotExist = 2,
}

/// Condition of a write.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Condition {
    /// [`RowExistence`], checked first.
    #[prost(enumeration = "RowExistence", required, tag = "1")]
    pub row_existence: i32,
    /// A serialised [`Filter`] over the stored row.
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub column_condition: Option<Bytes>,
}

/// Which row a write answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum ReturnType {
    /// None.
    RtNone = 0,
    /// Its primary key.
    RtPk = 1,
    /// The named columns as they are after the write.
    RtAfterModify = 2,
}

/// What a write answers.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ReturnContent {
    /// [`ReturnType`].
    #[prost(enumeration = "ReturnType", optional, tag = "1")]
    pub return_type: Option<i32>,
    /// Only with RT_AFTER_MODIFY: columns that this write increments.
    #[prost(string, repeated, tag = "2")]
    pub return_column_names: Vec<String>,
}

/// Versions to read, `[start, end)` or one, epoch milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct TimeRange {
    /// Inclusive.
    #[prost(int64, optional, tag = "1")]
    pub start_time: Option<i64>,
    /// Exclusive.
    #[prost(int64, optional, tag = "2")]
    pub end_time: Option<i64>,
    /// Exactly this one.
    #[prost(int64, optional, tag = "3")]
    pub specific_time: Option<i64>,
}

/// GetRow.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetRowRequest {
    /// Table name.
    #[prost(string, required, tag = "1")]
    pub table_name: String,
    /// PlainBuffer, key only.
    #[prost(bytes = "bytes", required, tag = "2")]
    pub primary_key: Bytes,
    /// All columns when empty.
    #[prost(string, repeated, tag = "3")]
    pub columns_to_get: Vec<String>,
    /// Versions by time.
    #[prost(message, optional, tag = "4")]
    pub time_range: Option<TimeRange>,
    /// Newest versions of each column.
    #[prost(int32, optional, tag = "5")]
    pub max_versions: Option<i32>,
    /// A serialised [`Filter`].
    #[prost(bytes = "bytes", optional, tag = "7")]
    pub filter: Option<Bytes>,
    /// First column, inclusive.
    #[prost(string, optional, tag = "8")]
    pub start_column: Option<String>,
    /// Last column, exclusive.
    #[prost(string, optional, tag = "9")]
    pub end_column: Option<String>,
    /// Where the previous answer stopped inside a wide row.
    #[prost(bytes = "bytes", optional, tag = "10")]
    pub token: Option<Bytes>,
    /// Local transaction.
    #[prost(string, optional, tag = "11")]
    pub transaction_id: Option<String>,
}

/// Answer to GetRow.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetRowResponse {
    /// Units used.
    #[prost(message, required, tag = "1")]
    pub consumed: ConsumedCapacity,
    /// PlainBuffer; zero bytes when there is no such row.
    #[prost(bytes = "bytes", required, tag = "2")]
    pub row: Bytes,
    /// The row goes on.
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub next_token: Option<Bytes>,
}

/// PutRow, and UpdateRow and DeleteRow, whose messages have the same fields.
#[derive(Clone, PartialEq, prost::Message)]
pub struct WriteRowRequest {
    /// Table name.
    #[prost(string, required, tag = "1")]
    pub table_name: String,
    /// PlainBuffer: `row` of PutRow, `row_change` of UpdateRow, `primary_key` (with the delete
    /// marker) of DeleteRow.
    #[prost(bytes = "bytes", required, tag = "2")]
    pub row: Bytes,
    /// Condition.
    #[prost(message, required, tag = "3")]
    pub condition: Condition,
    /// What to answer.
    #[prost(message, optional, tag = "4")]
    pub return_content: Option<ReturnContent>,
    /// Local transaction.
    #[prost(string, optional, tag = "5")]
    pub transaction_id: Option<String>,
}

/// Answer to PutRow, UpdateRow, DeleteRow.
#[derive(Clone, PartialEq, prost::Message)]
pub struct WriteRowResponse {
    /// Units used.
    #[prost(message, required, tag = "1")]
    pub consumed: ConsumedCapacity,
    /// PlainBuffer, when the request asked for it.
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub row: Option<Bytes>,
}

/// Rows of one table in BatchGetRow.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TableInBatchGetRow {
    /// Table name.
    #[prost(string, required, tag = "1")]
    pub table_name: String,
    /// One PlainBuffer each.
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub primary_key: Vec<Bytes>,
    /// One each, or none (the Java SDK sends empty ones).
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub token: Vec<Bytes>,
    /// All columns when empty.
    #[prost(string, repeated, tag = "4")]
    pub columns_to_get: Vec<String>,
    /// Versions by time.
    #[prost(message, optional, tag = "5")]
    pub time_range: Option<TimeRange>,
    /// Newest versions of each column.
    #[prost(int32, optional, tag = "6")]
    pub max_versions: Option<i32>,
    /// A serialised [`Filter`].
    #[prost(bytes = "bytes", optional, tag = "8")]
    pub filter: Option<Bytes>,
    /// First column, inclusive.
    #[prost(string, optional, tag = "9")]
    pub start_column: Option<String>,
    /// Last column, exclusive.
    #[prost(string, optional, tag = "10")]
    pub end_column: Option<String>,
}

/// BatchGetRow.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BatchGetRowRequest {
    /// Each table once.
    #[prost(message, repeated, tag = "1")]
    pub tables: Vec<TableInBatchGetRow>,
}

/// One row's answer in a batch.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RowInBatch {
    /// Whether it succeeded.
    #[prost(bool, required, tag = "1")]
    pub is_ok: bool,
    /// Why not.
    #[prost(message, optional, tag = "2")]
    pub error: Option<Error>,
    /// Units used.
    #[prost(message, optional, tag = "3")]
    pub consumed: Option<ConsumedCapacity>,
    /// PlainBuffer; absent when there is no such row, or nothing was asked for.
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub row: Option<Bytes>,
    /// Only in BatchGetRow: the row goes on.
    #[prost(bytes = "bytes", optional, tag = "5")]
    pub next_token: Option<Bytes>,
}

/// One table's answers in a batch, in the order of the request.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TableInBatchResponse {
    /// Table name.
    #[prost(string, required, tag = "1")]
    pub table_name: String,
    /// One for each row of the request.
    #[prost(message, repeated, tag = "2")]
    pub rows: Vec<RowInBatch>,
}

/// Answer to BatchGetRow and BatchWriteRow.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BatchResponse {
    /// One for each table of the request.
    #[prost(message, repeated, tag = "1")]
    pub tables: Vec<TableInBatchResponse>,
}

/// Which write a row of BatchWriteRow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum OperationType {
    /// PutRow.
    Put = 1,
    /// UpdateRow.
    Update = 2,
    /// DeleteRow.
    Delete = 3,
}

/// One write of BatchWriteRow.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RowInBatchWriteRow {
    /// [`OperationType`].
    #[prost(enumeration = "OperationType", required, tag = "1")]
    pub r#type: i32,
    /// PlainBuffer, as in the single operation.
    #[prost(bytes = "bytes", required, tag = "2")]
    pub row_change: Bytes,
    /// Condition.
    #[prost(message, required, tag = "3")]
    pub condition: Condition,
    /// What to answer.
    #[prost(message, optional, tag = "4")]
    pub return_content: Option<ReturnContent>,
}

/// Writes to one table in BatchWriteRow.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TableInBatchWriteRow {
    /// Table name.
    #[prost(string, required, tag = "1")]
    pub table_name: String,
    /// The writes, in order.
    #[prost(message, repeated, tag = "2")]
    pub rows: Vec<RowInBatchWriteRow>,
}

/// BatchWriteRow.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BatchWriteRowRequest {
    /// Each table once.
    #[prost(message, repeated, tag = "1")]
    pub tables: Vec<TableInBatchWriteRow>,
    /// Local transaction.
    #[prost(string, optional, tag = "2")]
    pub transaction_id: Option<String>,
    /// All rows or none; they must share the first key column.
    #[prost(bool, optional, tag = "3")]
    pub is_atomic: Option<bool>,
}

/// Direction of GetRange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum Direction {
    /// Ascending.
    Forward = 0,
    /// Descending.
    Backward = 1,
}

/// GetRange.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetRangeRequest {
    /// Table name.
    #[prost(string, required, tag = "1")]
    pub table_name: String,
    /// [`Direction`].
    #[prost(enumeration = "Direction", required, tag = "2")]
    pub direction: i32,
    /// All columns when empty.
    #[prost(string, repeated, tag = "3")]
    pub columns_to_get: Vec<String>,
    /// Versions by time.
    #[prost(message, optional, tag = "4")]
    pub time_range: Option<TimeRange>,
    /// Newest versions of each column.
    #[prost(int32, optional, tag = "5")]
    pub max_versions: Option<i32>,
    /// Rows in one answer.
    #[prost(int32, optional, tag = "6")]
    pub limit: Option<i32>,
    /// PlainBuffer.
    #[prost(bytes = "bytes", required, tag = "7")]
    pub inclusive_start_primary_key: Bytes,
    /// PlainBuffer.
    #[prost(bytes = "bytes", required, tag = "8")]
    pub exclusive_end_primary_key: Bytes,
    /// A serialised [`Filter`].
    #[prost(bytes = "bytes", optional, tag = "10")]
    pub filter: Option<Bytes>,
    /// First column, inclusive.
    #[prost(string, optional, tag = "11")]
    pub start_column: Option<String>,
    /// Last column, exclusive.
    #[prost(string, optional, tag = "12")]
    pub end_column: Option<String>,
    /// Where the previous answer stopped inside a wide row.
    #[prost(bytes = "bytes", optional, tag = "13")]
    pub token: Option<Bytes>,
    /// Local transaction.
    #[prost(string, optional, tag = "14")]
    pub transaction_id: Option<String>,
    /// Form of the rows that the caller would like; 0 is PlainBuffer, which is always understood.
    #[prost(int32, optional, tag = "15")]
    pub data_block_type_hint: Option<i32>,
    /// Whether the key columns are answered that were not asked for.
    #[prost(bool, optional, tag = "16")]
    pub return_entire_primary_keys: Option<bool>,
    /// Compression of the rows that the caller would like; 0 is none.
    #[prost(int32, optional, tag = "17")]
    pub compress_type_hint: Option<i32>,
}

/// Answer to GetRange.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetRangeResponse {
    /// Units used.
    #[prost(message, required, tag = "1")]
    pub consumed: ConsumedCapacity,
    /// PlainBuffer, all rows under one header; zero bytes when there is none.
    #[prost(bytes = "bytes", required, tag = "2")]
    pub rows: Bytes,
    /// PlainBuffer; absent when the range is read to its end.
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub next_start_primary_key: Option<Bytes>,
    /// The last row goes on.
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub next_token: Option<Bytes>,
    /// Form of `rows`: 0 is PlainBuffer. The live service always says so.
    #[prost(int32, optional, tag = "5")]
    pub data_block_type: Option<i32>,
    /// Compression of `rows`: 0 is none. The live service always says so.
    #[prost(int32, optional, tag = "6")]
    pub compress_type: Option<i32>,
}
