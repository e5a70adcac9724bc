//! The client: one method for each operation.

mod call;
mod retry;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use openapi::Credentials;
use prost::Message;

use crate::error::{Error, On, is_transient};
use crate::messages::{
    BatchGetRowRequest, BatchResponse, DescribeTableResponse, Empty, GetRangeResponse, GetRowResponse,
    ListTableResponse, TableInBatchGetRow, TableNameRequest, UpdateTableRequest, UpdateTableResponse, WriteRowRequest,
    WriteRowResponse,
};
use crate::request::{BatchWriteRow, DeleteRow, GetRange, GetRow, Page, PutRow, RowError, UpdateRow, Written};
use crate::table::{TableDescription, TableMeta, TableOptions, create_request};
use crate::value::{PrimaryKey, Row};

use retry::Repeat;
pub use retry::RetryPolicy;

/// A client of one Tablestore instance; cheap to clone.
///
/// Every method may give [`Error::Service`] when the service refuses, [`Error::NoAnswer`] or
/// [`Error::InvalidAnswer`] when it cannot be heard, and those that write [`Error::FateUnknown`] when
/// nobody knows whether the write happened. What may be repeated safely was repeated before, as
/// [`RetryPolicy`] says.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    target: Arc<Target>,
    retry: RetryPolicy,
}

/// Whom the requests go to, and in whose name.
struct Target {
    endpoint: String,
    instance: String,
    credentials: Credentials,
}

/// What happened to each write of a batch, in its order.
pub type BatchWritten = Vec<Result<Written, RowError>>;

impl Client {
    /// A client of `instance` at `endpoint` (`http(s)://host[:port]`).
    pub fn new(http: reqwest::Client, endpoint: &str, instance: &str, credentials: Credentials) -> Self {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let target = Target { endpoint, instance: instance.to_owned(), credentials };
        Self { http, target: Arc::new(target), retry: RetryPolicy::default() }
    }

    /// Replaces the retry policy.
    pub fn with_retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Replaces a whole row.
    pub async fn put_row(&self, request: &PutRow) -> Result<Written, Error> {
        self.write("PutRow", request.idempotent, request.to_message()).await
    }

    /// Changes columns of a row, and creates it when it does not exist.
    pub async fn update_row(&self, request: &UpdateRow) -> Result<Written, Error> {
        self.write("UpdateRow", request.idempotent, request.to_message()).await
    }

    /// Deletes a row; a missing one is fine unless the condition says otherwise.
    pub async fn delete_row(&self, request: &DeleteRow) -> Result<Written, Error> {
        self.write("DeleteRow", request.idempotent, request.to_message()).await
    }

    async fn write(
        &self,
        operation: &'static str,
        idempotent: bool,
        request: WriteRowRequest,
    ) -> Result<Written, Error> {
        let on = On { operation, table: request.table_name.clone() };
        let repeat = if idempotent { Repeat::IdempotentWrite } else { Repeat::Write };
        let answer: WriteRowResponse = self.call(&on, repeat, request.encode_to_vec()).await?;
        let row = answer.row.as_deref().map(Row::from_plainbuffer).transpose();
        let row = row.map_err(|malformed| unknown(&on, malformed))?.flatten();
        Ok(Written { row, write_units: answer.consumed.capacity_unit.write() })
    }

    /// Reads one row; None when it does not exist or does not pass the filter.
    pub async fn get_row(&self, request: &GetRow) -> Result<Option<Row>, Error> {
        let on = On { operation: "GetRow", table: request.table.clone() };
        let answer: GetRowResponse = self.call(&on, Repeat::Read, request.to_message().encode_to_vec()).await?;
        Row::from_plainbuffer(&answer.row).map_err(|malformed| invalid(&on, malformed))
    }

    /// Reads up to 100 rows of one table by key, every column, newest version; in the order of `keys`.
    pub async fn batch_get_row(
        &self,
        table: &str,
        keys: &[PrimaryKey],
    ) -> Result<Vec<Result<Option<Row>, RowError>>, Error> {
        let on = On { operation: "BatchGetRow", table: table.to_owned() };
        let table_request = TableInBatchGetRow {
            table_name: table.to_owned(),
            primary_key: keys.iter().map(|key| Bytes::from(key.to_plainbuffer())).collect(),
            max_versions: Some(1),
            ..TableInBatchGetRow::default()
        };
        let request = BatchGetRowRequest { tables: vec![table_request] };
        let answer: BatchResponse = self.call(&on, Repeat::Read, request.encode_to_vec()).await?;
        let rows = answer.tables.into_iter().flat_map(|table| table.rows);
        let mut results = Vec::with_capacity(keys.len());
        for row in rows {
            results.push(if row.is_ok {
                Ok(Row::from_plainbuffer(&row.row.unwrap_or_default()).map_err(|malformed| invalid(&on, malformed))?)
            } else {
                Err(row_error(table, row.error.unwrap_or_default()))
            });
        }
        if results.len() != keys.len() {
            return Err(invalid(&on, format!("{} rows for {} keys", results.len(), keys.len())));
        }
        Ok(results)
    }

    /// Reads one page of a range.
    pub async fn get_range(&self, request: &GetRange) -> Result<Page, Error> {
        let on = On { operation: "GetRange", table: request.table.clone() };
        let answer: GetRangeResponse = self.call(&on, Repeat::Read, request.to_message().encode_to_vec()).await?;
        let rows = Row::all_from_plainbuffer(&answer.rows).map_err(|malformed| invalid(&on, malformed))?;
        let next = answer.next_start_primary_key.as_deref().map(PrimaryKey::from_plainbuffer).transpose();
        Ok(Page { rows, next: next.map_err(|malformed| invalid(&on, malformed))? })
    }

    /// Walks a range row by row, asking for pages as they are needed.
    pub fn pages(&self, request: GetRange) -> Pages {
        Pages { client: self.clone(), request: Some(request), rows: VecDeque::new() }
    }

    /// Reads a whole range. It holds all rows in memory: for ranges that are known to be small.
    pub async fn get_range_all(&self, request: GetRange) -> Result<Vec<Row>, Error> {
        let mut pages = self.pages(request);
        let mut rows = Vec::new();
        while let Some(row) = pages.next_row().await? {
            rows.push(row);
        }
        Ok(rows)
    }

    /// Does up to 200 writes. Rows that fail for a moment (a conflict, a busy partition) are repeated.
    pub async fn batch_write_row(&self, request: &BatchWriteRow) -> Result<BatchWritten, Error> {
        let started = Instant::now();
        let mut results = self.batch_write_row_once(request).await?;
        for attempt in 1.. {
            let passing = |result: &Result<Written, RowError>| {
                result.as_ref().err().is_some_and(|error| is_transient(&error.code, &error.message))
            };
            let mut again: Vec<usize> = (0..results.len()).filter(|place| passing(&results[*place])).collect();
            if request.atomic && !again.is_empty() {
                again = (0..results.len()).collect();
            }
            let pause = self.retry.pause(attempt);
            if again.is_empty() || !self.retry.allows(attempt, started.elapsed() + pause) {
                break;
            }
            tokio::time::sleep(pause).await;
            let changes = again.iter().map(|place| request.changes[*place].clone()).collect();
            let part = BatchWriteRow { changes, atomic: request.atomic };
            // When the repetition is refused as a whole, the rows' own errors still hold; when its fate
            // is unknown they do not.
            match self.batch_write_row_once(&part).await {
                Ok(repeated) => again.into_iter().zip(repeated).for_each(|(place, result)| results[place] = result),
                Err(error) if error.fate_unknown() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(results)
    }

    async fn batch_write_row_once(&self, request: &BatchWriteRow) -> Result<BatchWritten, Error> {
        let (message, places) = request.to_message();
        let names: Vec<&str> = message.tables.iter().map(|table| table.table_name.as_str()).collect();
        let on = On { operation: "BatchWriteRow", table: names.join(",") };
        let repeat = if request.idempotent() { Repeat::IdempotentWrite } else { Repeat::Write };
        let answer: BatchResponse = self.call(&on, repeat, message.encode_to_vec()).await?;
        let mut results: Vec<Option<Result<Written, RowError>>> = vec![None; request.changes.len()];
        for (places, table) in places.iter().zip(answer.tables) {
            for (place, row) in places.iter().zip(table.rows) {
                results[*place] = Some(if row.is_ok {
                    let written = row.row.as_deref().map(Row::from_plainbuffer).transpose();
                    Ok(Written {
                        row: written.map_err(|malformed| unknown(&on, malformed))?.flatten(),
                        write_units: row.consumed.map_or(0, |consumed| consumed.capacity_unit.write()),
                    })
                } else {
                    Err(row_error(&table.table_name, row.error.unwrap_or_default()))
                });
            }
        }
        let complete: Option<BatchWritten> = results.into_iter().collect();
        complete.ok_or_else(|| unknown(&on, "it says nothing about some of the rows"))
    }

    /// Creates a table. It may take some seconds until it serves; the client waits for that as long as
    /// its retry policy lets it.
    pub async fn create_table(&self, meta: &TableMeta, options: &TableOptions) -> Result<(), Error> {
        let on = On { operation: "CreateTable", table: meta.name.clone() };
        let request = create_request(meta, options);
        let _: Empty = self.call(&on, Repeat::Write, request.encode_to_vec()).await?;
        Ok(())
    }

    /// Deletes a table with its rows.
    pub async fn delete_table(&self, table: &str) -> Result<(), Error> {
        let on = On { operation: "DeleteTable", table: table.to_owned() };
        let request = TableNameRequest { table_name: table.to_owned() };
        let _: Empty = self.call(&on, Repeat::Write, request.encode_to_vec()).await?;
        Ok(())
    }

    /// Key, options and state of a table.
    pub async fn describe_table(&self, table: &str) -> Result<TableDescription, Error> {
        let on = On { operation: "DescribeTable", table: table.to_owned() };
        let request = TableNameRequest { table_name: table.to_owned() };
        let answer: DescribeTableResponse = self.call(&on, Repeat::Read, request.encode_to_vec()).await?;
        Ok(TableDescription::from_message(&answer))
    }

    /// Changes a table's options; answers them as they are now.
    pub async fn update_table(&self, table: &str, options: &TableOptions) -> Result<TableOptions, Error> {
        let on = On { operation: "UpdateTable", table: table.to_owned() };
        let request = UpdateTableRequest {
            table_name: table.to_owned(),
            table_options: Some(options.to_message()),
            ..UpdateTableRequest::default()
        };
        let answer: UpdateTableResponse = self.call(&on, Repeat::IdempotentWrite, request.encode_to_vec()).await?;
        Ok(TableOptions::from_message(&answer.table_options))
    }

    /// The names of all tables.
    pub async fn list_table(&self) -> Result<Vec<String>, Error> {
        let on = On { operation: "ListTable", table: String::new() };
        let answer: ListTableResponse = self.call(&on, Repeat::Read, Vec::new()).await?;
        Ok(answer.table_names)
    }
}

/// Walks a range; made by [`Client::pages`].
pub struct Pages {
    client: Client,
    /// None when the range is read to its end.
    request: Option<GetRange>,
    rows: VecDeque<Row>,
}

impl Pages {
    /// The next row; None after the last one. After an error it may be called again and goes on.
    ///
    /// # Errors
    /// As [`Client::get_range`].
    pub async fn next_row(&mut self) -> Result<Option<Row>, Error> {
        loop {
            if let Some(row) = self.rows.pop_front() {
                return Ok(Some(row));
            }
            let Some(request) = &mut self.request else { return Ok(None) };
            let page = self.client.get_range(request).await?;
            self.rows = page.rows.into();
            match page.next {
                Some(next) => request.start = next,
                None => self.request = None,
            }
        }
    }
}

fn row_error(table: &str, error: crate::messages::Error) -> RowError {
    RowError { table: table.to_owned(), message: error.message.unwrap_or_default(), code: error.code }
}

/// A read's answer that holds something else than it should.
fn invalid(on: &On, what: impl ToString) -> Error {
    Error::InvalidAnswer { on: on.clone(), what: what.to_string(), request_id: String::new() }
}

/// The same of a write.
fn unknown(on: &On, what: impl ToString) -> Error {
    Error::FateUnknown { on: on.clone(), why: Box::new(invalid(on, what)) }
}
