//! Requests: from bytes to messages, without a store.

use bytes::Bytes;
use prost::Message;
use tablestore::messages::{
    AddDefinedColumnRequest, BatchGetRowRequest, BatchWriteRowRequest, CreateIndexRequest, CreateTableRequest,
    DeleteDefinedColumnRequest, DropIndexRequest, EndTransactionRequest, GetRangeRequest, GetRowRequest, OperationType,
    StartLocalTransactionRequest, TableNameRequest, UpdateTableRequest, WriteRowRequest,
};
use tablestore::plainbuffer::{RowRef, single_row};

use super::invalid;
use super::key::{self, Use};
use super::schema::MAX_KEY_COLUMNS;
use super::selection::Selection;
use super::write::Change;
use crate::seams::ServiceError;

/// A request whose message could be read. Rows, keys and filters in it are still bytes: they are read against
/// their table.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "named as the operations")]
pub enum Request {
    CreateTable(CreateTableRequest),
    DeleteTable(TableNameRequest),
    DescribeTable(TableNameRequest),
    UpdateTable(UpdateTableRequest),
    ListTable,
    AddDefinedColumn(AddDefinedColumnRequest),
    DeleteDefinedColumn(DeleteDefinedColumnRequest),
    CreateIndex(CreateIndexRequest),
    DropIndex(DropIndexRequest),
    ListSearchIndex,
    StartLocalTransaction(StartLocalTransactionRequest),
    CommitTransaction(EndTransactionRequest),
    AbortTransaction(EndTransactionRequest),
    /// PutRow, UpdateRow and DeleteRow.
    WriteRow(OperationType, WriteRowRequest),
    BatchWriteRow(BatchWriteRowRequest),
    GetRow(GetRowRequest),
    BatchGetRow(BatchGetRowRequest),
    GetRange(GetRangeRequest),
}

/// Reads the body of a request for `operation`. Pure; what it allocates is bounded by the body's length.
///
/// # Errors
/// The service's own, for an operation that it does not have and for a body that is not its message.
pub fn parse(operation: &str, body: Bytes) -> Result<Request, ServiceError> {
    use OperationType::{Delete, Put, Update};
    Ok(match operation {
        "CreateTable" => Request::CreateTable(decode(body)?),
        "DeleteTable" => Request::DeleteTable(decode(body)?),
        "DescribeTable" => Request::DescribeTable(decode(body)?),
        "UpdateTable" => Request::UpdateTable(decode(body)?),
        "ListTable" => Request::ListTable,
        "AddDefinedColumn" => Request::AddDefinedColumn(decode(body)?),
        "DeleteDefinedColumn" => Request::DeleteDefinedColumn(decode(body)?),
        "CreateIndex" => Request::CreateIndex(decode(body)?),
        "DropIndex" => Request::DropIndex(decode(body)?),
        "ListSearchIndex" => Request::ListSearchIndex,
        "StartLocalTransaction" => Request::StartLocalTransaction(decode(body)?),
        "CommitTransaction" => Request::CommitTransaction(decode(body)?),
        "AbortTransaction" => Request::AbortTransaction(decode(body)?),
        "PutRow" => Request::WriteRow(Put, decode(body)?),
        "UpdateRow" => Request::WriteRow(Update, decode(body)?),
        "DeleteRow" => Request::WriteRow(Delete, decode(body)?),
        "BatchWriteRow" => Request::BatchWriteRow(decode(body)?),
        "GetRow" => Request::GetRow(decode(body)?),
        "BatchGetRow" => Request::BatchGetRow(decode(body)?),
        "GetRange" => Request::GetRange(decode(body)?),
        _ => return Err(invalid(format!("Unsupported operation: {operation}."))),
    })
}

fn decode<M: Message + Default>(body: Bytes) -> Result<M, ServiceError> {
    M::decode(body).map_err(|_| invalid("Cannot deserialize the request data."))
}

/// The one row of a PlainBuffer in a request.
///
/// The official Node SDK takes INF_MIN and INF_MAX for one byte longer than they are, and sends as many zeros
/// after the row. The service takes its requests, so zeros for the columns of a key are let through.
pub(super) fn read_row(buffer: &[u8]) -> Result<RowRef<'_>, ServiceError> {
    let mut row = single_row(buffer);
    for surplus in 1..=MAX_KEY_COLUMNS {
        match buffer.split_at_checked(buffer.len().saturating_sub(surplus)) {
            Some((shorter, zeros)) if row.is_err() && zeros.iter().all(|byte| *byte == 0) => {
                row = single_row(shorter).or(row);
            }
            _ => break,
        }
    }
    row.map_err(|malformed| invalid(format!("Cell data broken, {}.", malformed.what)))?
        .ok_or_else(|| invalid("Cell data broken, PK is empty."))
}

/// The key in a read request, well-formed.
pub(super) fn read_key(buffer: &[u8], purpose: Use) -> Result<RowRef<'_>, ServiceError> {
    let row = read_row(buffer)?;
    if !row.columns.is_empty() {
        return Err(invalid("Attribute column cannot be given while reading data."));
    }
    if row.delete_marker {
        return Err(invalid("Delete marker cannot be given."));
    }
    key::check_shape(&row.primary_key, purpose)?;
    Ok(row)
}

impl Request {
    /// The tables that it is about; none for what is the instance's.
    pub(super) fn tables(&self) -> Vec<&str> {
        match self {
            Self::CreateTable(request) => vec![&request.table_meta.table_name],
            Self::DeleteTable(request) | Self::DescribeTable(request) => vec![&request.table_name],
            Self::UpdateTable(request) => vec![&request.table_name],
            Self::AddDefinedColumn(request) => vec![&request.table_name],
            Self::DeleteDefinedColumn(request) => vec![&request.table_name],
            Self::CreateIndex(request) => vec![&request.main_table_name],
            Self::DropIndex(request) => vec![&request.main_table_name],
            Self::StartLocalTransaction(request) => vec![&request.table_name],
            Self::WriteRow(_, request) => vec![&request.table_name],
            Self::BatchWriteRow(request) => request.tables.iter().map(|table| table.table_name.as_str()).collect(),
            Self::GetRow(request) => vec![&request.table_name],
            Self::BatchGetRow(request) => request.tables.iter().map(|table| table.table_name.as_str()).collect(),
            Self::GetRange(request) => vec![&request.table_name],
            Self::ListTable | Self::ListSearchIndex | Self::CommitTransaction(_) | Self::AbortTransaction(_) => vec![],
        }
    }

    /// Reads the rows, keys and filters in it too, as far as that goes without knowing their tables.
    ///
    /// # Errors
    /// The service's own, for the first that is refused.
    pub fn inspect(&self) -> Result<(), ServiceError> {
        match self {
            Self::StartLocalTransaction(request) => read_row(&request.key).map(drop),
            Self::WriteRow(kind, request) => Change::of(*kind, request).map(drop),
            Self::BatchWriteRow(request) => {
                let mut rows = request.tables.iter().flat_map(|table| &table.rows);
                rows.try_for_each(|row| Change::in_batch(row).map(drop))
            }
            Self::GetRow(request) => {
                read_key(&request.primary_key, Use::Row)?;
                Selection::parse(request).map(drop)
            }
            Self::BatchGetRow(request) => request.tables.iter().try_for_each(|table| {
                table.primary_key.iter().try_for_each(|key| read_key(key, Use::Row).map(drop))?;
                Selection::parse(table).map(drop)
            }),
            Self::GetRange(request) => {
                read_key(&request.inclusive_start_primary_key, Use::Bound)?;
                read_key(&request.exclusive_end_primary_key, Use::Bound)?;
                Selection::parse(request).map(drop)
            }
            _ => Ok(()),
        }
    }
}
