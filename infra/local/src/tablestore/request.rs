//! Requests: from bytes to messages, without a store.

use bytes::Bytes;
use prost::Message;
use tablestore::messages::{
    AddDefinedColumnRequest, BatchGetRowRequest, BatchWriteRowRequest, Condition, CreateIndexRequest,
    CreateTableRequest, DeleteDefinedColumnRequest, DropIndexRequest, EndTransactionRequest, GetRangeRequest,
    GetRowRequest, OperationType, StartLocalTransactionRequest, TableNameRequest, UpdateTableRequest, WriteRowRequest,
};
use tablestore::plainbuffer::{RowRef, single_row};

use super::filter::{parse_condition, parse_read_filter};
use super::invalid;
use super::schema::MAX_KEY_COLUMNS;
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

impl Request {
    /// Reads the rows, keys and filters in it too, as far as that goes without knowing their tables.
    ///
    /// # Errors
    /// The service's own, for the first that cannot be read.
    pub fn inspect(&self) -> Result<(), ServiceError> {
        let write = |row: &Bytes, condition: &Condition| {
            read_row(row)?;
            let column = condition.column_condition.as_ref().filter(|bytes| !bytes.is_empty());
            column.map(parse_condition).transpose().map(drop)
        };
        match self {
            Self::StartLocalTransaction(request) => read_row(&request.key).map(drop),
            Self::WriteRow(_, request) => write(&request.row, &request.condition),
            Self::BatchWriteRow(request) => {
                let mut rows = request.tables.iter().flat_map(|table| &table.rows);
                rows.try_for_each(|row| write(&row.row_change, &row.condition))
            }
            Self::GetRow(request) => {
                read_row(&request.primary_key)?;
                parse_read_filter(request.filter.as_ref()).map(drop)
            }
            Self::BatchGetRow(request) => request.tables.iter().try_for_each(|table| {
                table.primary_key.iter().try_for_each(|key| read_row(key).map(drop))?;
                parse_read_filter(table.filter.as_ref()).map(drop)
            }),
            Self::GetRange(request) => {
                read_row(&request.inclusive_start_primary_key)?;
                read_row(&request.exclusive_end_primary_key)?;
                parse_read_filter(request.filter.as_ref()).map(drop)
            }
            _ => Ok(()),
        }
    }
}
