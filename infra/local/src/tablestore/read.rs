//! Read operations: GetRow, BatchGetRow, GetRange.

use std::collections::HashSet;

use bytes::Bytes;
use tablestore::messages::{
    BatchGetRowRequest, BatchResponse, ConsumedCapacity, Direction, GetRangeRequest, GetRangeResponse, GetRowRequest,
    GetRowResponse, RowInBatch, TableInBatchGetRow, TableInBatchResponse, TimeRange,
};
use tablestore::plainbuffer::{CellRef, RowRef, Writer, single_row};

use super::filter::{ReadFilter, parse_read_filter};
use super::key::{self, Use};
use super::request::read_row;
use super::rows::check_no_transaction;
use super::schema::{Missing, Table};
use super::write::units;
use super::{Tables, Tablestore, answer, invalid};
use crate::seams::ServiceError;

/// Rows in one BatchGetRow (Tablestore limits).
const MAX_BATCH_ROWS: usize = 100;
/// Columns to get, in one request (Java SDK's tests; the limits page says 128).
const MAX_COLUMNS_TO_GET: usize = 1024;
/// Rows that one GetRange looks at (Tablestore limits).
const MAX_SCANNED_ROWS: usize = 5000;
/// Bytes that one GetRange looks at (Tablestore limits: 4 MB).
const MAX_SCANNED_BYTES: usize = 4 * 1024 * 1024;

/// Reads a row as it is stored.
pub(super) fn stored_row(bytes: &[u8]) -> Result<RowRef<'_>, ServiceError> {
    match single_row(bytes) {
        Ok(Some(row)) => Ok(row),
        Ok(None) => Err(ServiceError::internal("a stored row is empty")),
        Err(malformed) => Err(ServiceError::internal(format!("a stored row is damaged: {malformed}"))),
    }
}

/// What of a stored row can still be seen at `now` (epoch milliseconds): the newest versions, none
/// that has outlived the table's time to live. A row that had columns and has none left is gone (our
/// choice: the service removes it at a time of its own).
pub(super) fn visible<'a>(table: &Table, row: &RowRef<'a>, now: i64) -> Option<RowRef<'a>> {
    let oldest = match table.time_to_live {
        ..0 => i64::MIN,
        seconds => now - i64::from(seconds) * 1000,
    };
    let alive = row.columns.iter().copied().filter(|cell| cell.timestamp.is_none_or(|time| time > oldest));
    let columns = newest(alive, table.max_versions as usize);
    if columns.is_empty() && !row.columns.is_empty() {
        return None;
    }
    Some(RowRef { primary_key: row.primary_key.clone(), columns, delete_marker: false })
}

/// The first `versions` cells of each name.
fn newest<'a>(cells: impl Iterator<Item = CellRef<'a>>, versions: usize) -> Vec<CellRef<'a>> {
    let mut kept: Vec<CellRef<'a>> = Vec::new();
    let mut same_name = 0;
    for cell in cells {
        same_name = if kept.last().is_some_and(|last| last.name == cell.name) { same_name + 1 } else { 1 };
        if same_name <= versions {
            kept.push(cell);
        }
    }
    kept
}

/// What a request wants to see of each row.
struct Selection<'a> {
    /// Everything when empty.
    columns: HashSet<&'a str>,
    names_a_key: bool,
    start_column: Option<&'a str>,
    end_column: Option<&'a str>,
    max_versions: usize,
    /// `[start, end)`, epoch milliseconds.
    times: (i64, i64),
    filter: ReadFilter,
}

/// The fields that all three read requests have.
struct Wanted<'a> {
    columns_to_get: &'a [String],
    max_versions: Option<i32>,
    time_range: Option<&'a TimeRange>,
    start_column: Option<&'a str>,
    end_column: Option<&'a str>,
    filter: Option<&'a Bytes>,
    missing_versions: &'static str,
}

impl<'a> Selection<'a> {
    fn parse(table: &Table, wanted: Wanted<'a>) -> Result<Self, ServiceError> {
        let count = wanted.columns_to_get.len();
        if count > MAX_COLUMNS_TO_GET {
            return Err(invalid(format!(
                "The number of columns from the request exceeds the limit, limit count: {MAX_COLUMNS_TO_GET}, column count: {count}."
            )));
        }
        if wanted.max_versions.is_none() && wanted.time_range.is_none() {
            return Err(invalid(wanted.missing_versions));
        }
        let max_versions = match wanted.max_versions {
            None => usize::MAX,
            Some(versions) if versions > 0 => versions as usize,
            Some(_) => return Err(invalid("The maximum versions cannot be less than or equal to 0")),
        };
        let columns: HashSet<&str> = wanted.columns_to_get.iter().map(String::as_str).collect();
        Ok(Self {
            names_a_key: table.primary_key.iter().any(|key| columns.contains(key.name.as_str())),
            columns,
            start_column: wanted.start_column,
            end_column: wanted.end_column,
            max_versions,
            times: times(wanted.time_range, wanted.max_versions)?,
            filter: parse_read_filter(wanted.filter)?,
        })
    }

    /// What the request sees of a stored row; None when that is no row at all.
    fn of<'r>(&self, table: &Table, row: &RowRef<'r>, now: i64) -> Option<RowRef<'r>> {
        let mut row = visible(table, row, now)?;
        row.columns.retain(|cell| {
            (self.columns.is_empty() || self.columns.contains(cell.name))
                && self.start_column.is_none_or(|start| cell.name >= start)
                && self.end_column.is_none_or(|end| cell.name < end)
        });
        if self.filter.predicate.as_ref().is_some_and(|predicate| !predicate.passes(&row.columns)) {
            return None;
        }
        let (start, end) = self.times;
        row.columns.retain(|cell| cell.timestamp.is_none_or(|time| (start..end).contains(&time)));
        row.columns = newest(row.columns.into_iter(), self.max_versions);
        if row.columns.is_empty() && !self.columns.is_empty() && !self.names_a_key {
            return None;
        }
        if let Some((offset, limit)) = self.filter.window {
            row.columns = window(row.columns, offset, limit);
        }
        Some(row)
    }
}

/// The cells of `limit` columns after the first `offset` ones.
fn window(cells: Vec<CellRef<'_>>, offset: usize, limit: usize) -> Vec<CellRef<'_>> {
    let columns = cells.chunk_by(|left, right| left.name == right.name);
    columns.skip(offset).take(limit).flatten().copied().collect()
}

fn times(range: Option<&TimeRange>, max_versions: Option<i32>) -> Result<(i64, i64), ServiceError> {
    let Some(range) = range else { return Ok((i64::MIN, i64::MAX)) };
    match (range.start_time, range.end_time, range.specific_time) {
        (None, None, None) => Err(invalid("No version condition is specified.")),
        (None, None, Some(_)) if max_versions.is_some() => {
            Err(invalid("Specific tiemstamp and max versions cannot be given at the same time."))
        }
        (None, None, Some(time)) if time < 0 => Err(invalid("Specific timestamp cannot be less than 0.")),
        (None, None, Some(time)) => Ok((time, time.saturating_add(1))),
        (_, _, Some(_)) => Err(invalid("Specific tiemstamp and time range cannot be given at the same time.")),
        (Some(start), Some(end), None) => Ok((start, end)),
        _ => Err(invalid("Start and end time must be given at the same time.")),
    }
}

/// Wide rows are always answered whole, so no token was ever given out.
fn check_no_token(token: Option<&Bytes>) -> Result<(), ServiceError> {
    match token {
        Some(token) if !token.is_empty() => Err(invalid("Invalid token.")),
        _ => Ok(()),
    }
}

/// The key in a read request.
fn parse_key<'a>(table: &Table, buffer: &'a [u8], purpose: Use) -> Result<RowRef<'a>, ServiceError> {
    let row = read_row(buffer)?;
    if !row.columns.is_empty() {
        return Err(invalid("Attribute column cannot be given while reading data."));
    }
    if row.delete_marker {
        return Err(invalid("Delete marker cannot be given."));
    }
    key::check(table, &row.primary_key, purpose)?;
    Ok(row)
}

impl Tablestore {
    pub(super) fn get_row(&self, request: &GetRowRequest) -> Result<GetRowResponse, ServiceError> {
        check_no_transaction(request.transaction_id.as_deref())?;
        check_no_token(request.token.as_ref())?;
        let tables = self.tables();
        let table = Self::find_table(&tables, &request.table_name, Missing::Read)?;
        let wanted = Wanted {
            columns_to_get: &request.columns_to_get,
            max_versions: request.max_versions,
            time_range: request.time_range.as_ref(),
            start_column: request.start_column.as_deref(),
            end_column: request.end_column.as_deref(),
            filter: request.filter.as_ref(),
            missing_versions: "No version condition is specified.",
        };
        let selection = Selection::parse(&table, wanted)?;
        let (row, units) = self.read_row(&table, &request.primary_key, &selection)?;
        Ok(GetRowResponse { consumed: ConsumedCapacity::new(units, 0), row: row.unwrap_or_default(), next_token: None })
    }

    /// One row as PlainBuffer, and the units it takes to read it.
    fn read_row(
        &self,
        table: &Table,
        buffer: &[u8],
        selection: &Selection<'_>,
    ) -> Result<(Option<Bytes>, i32), ServiceError> {
        let key = parse_key(table, buffer, Use::Row)?;
        let Some(stored) = self.row_space.get_bytes(key::encode(table, &key.primary_key))? else {
            return Ok((None, units(0)));
        };
        let row = selection.of(table, &stored_row(&stored)?, self.version_now());
        let row = row.map(|row| {
            let mut writer = Writer::with_capacity(stored.len());
            writer.row(&row);
            Bytes::from(writer.finish())
        });
        Ok((row, units(stored.len())))
    }

    pub(super) fn batch_get_row(&self, request: &BatchGetRowRequest) -> Result<BatchResponse, ServiceError> {
        if request.tables.is_empty() {
            return Err(invalid("No row specified in the request of BatchGetRow."));
        }
        if request.tables.iter().map(|table| table.primary_key.len()).sum::<usize>() > MAX_BATCH_ROWS {
            return Err(invalid(format!("Rows count exceeds the upper limit: {MAX_BATCH_ROWS}.")));
        }
        let mut names = HashSet::new();
        if let Some(table) = request.tables.iter().find(|table| !names.insert(&table.table_name)) {
            return Err(invalid(format!("Duplicated table name: '{}'.", table.table_name)));
        }
        let tables = self.tables();
        let answers = request.tables.iter().map(|table| {
            Ok(TableInBatchResponse { table_name: table.table_name.clone(), rows: self.batch_table(&tables, table)? })
        });
        Ok(BatchResponse { tables: answers.collect::<Result<_, ServiceError>>()? })
    }

    fn batch_table(&self, tables: &Tables<'_>, request: &TableInBatchGetRow) -> Result<Vec<RowInBatch>, ServiceError> {
        request.token.iter().try_for_each(|token| check_no_token(Some(token)))?;
        let refused = |error: &ServiceError| RowInBatch {
            is_ok: false,
            error: Some(answer::row_error(error)),
            ..RowInBatch::default()
        };
        let table = match Self::find_table(tables, &request.table_name, Missing::Read) {
            Ok(table) => table,
            Err(error) => return Ok(request.primary_key.iter().map(|_| refused(&error)).collect()),
        };
        let wanted = Wanted {
            columns_to_get: &request.columns_to_get,
            max_versions: request.max_versions,
            time_range: request.time_range.as_ref(),
            start_column: request.start_column.as_deref(),
            end_column: request.end_column.as_deref(),
            filter: request.filter.as_ref(),
            missing_versions: "No version condition is specified while querying row.",
        };
        let selection = Selection::parse(&table, wanted)?;
        let read = |key: &Bytes| match self.read_row(&table, key, &selection) {
            Ok((row, units)) => RowInBatch {
                is_ok: true,
                consumed: Some(ConsumedCapacity::new(units, 0)),
                row,
                ..RowInBatch::default()
            },
            Err(error) => refused(&error),
        };
        Ok(request.primary_key.iter().map(read).collect())
    }

    pub(super) fn get_range(&self, request: &GetRangeRequest) -> Result<GetRangeResponse, ServiceError> {
        check_no_transaction(request.transaction_id.as_deref())?;
        check_no_token(request.token.as_ref())?;
        let tables = self.tables();
        let table = Self::find_table(&tables, &request.table_name, Missing::Read)?;
        let wanted = Wanted {
            columns_to_get: &request.columns_to_get,
            max_versions: request.max_versions,
            time_range: request.time_range.as_ref(),
            start_column: request.start_column.as_deref(),
            end_column: request.end_column.as_deref(),
            filter: request.filter.as_ref(),
            missing_versions: "No version condition is specified.",
        };
        let selection = Selection::parse(&table, wanted)?;
        let limit = match request.limit {
            None => usize::MAX,
            Some(limit) if limit > 0 => limit as usize,
            Some(_) => return Err(invalid("The limit must be greater than 0.")),
        };
        let bound = |buffer: &[u8]| {
            let key = parse_key(&table, buffer, Use::Bound)?;
            Ok(key::encode(&table, &key.primary_key))
        };
        let start = bound(&request.inclusive_start_primary_key)?;
        let end = bound(&request.exclusive_end_primary_key)?;
        let now = self.version_now();
        match Direction::try_from(request.direction) {
            Ok(Direction::Forward) if start < end => {
                let rows = self.row_space.range_bytes(start, end);
                scan(&table, rows, &selection, limit, now)
            }
            Ok(Direction::Backward) if start > end => {
                // The store's ranges are [from, to): from just after the end, to just after the start.
                let rows = self.row_space.range_bytes(just_after(end), just_after(start));
                scan(&table, rows.rev(), &selection, limit, now)
            }
            Ok(Direction::Forward) => Err(invalid("Begin key must less than end key in FORWARD")),
            Ok(Direction::Backward) => Err(invalid("Begin key must more than end key in BACKWARD")),
            Err(_) => Err(invalid(format!("Invalid direction: {}.", request.direction))),
        }
    }
}

/// The next key in the order of bytes; no row of the table lies between.
fn just_after(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

/// Reads rows until the range, the limit or the service's own limits end, and says where to go on.
fn scan(
    table: &Table,
    rows: impl Iterator<Item = Result<(Vec<u8>, Vec<u8>), ServiceError>>,
    selection: &Selection<'_>,
    limit: usize,
    now: i64,
) -> Result<GetRangeResponse, ServiceError> {
    let mut writer = Writer::default();
    let mut next = None;
    let (mut found, mut scanned, mut scanned_bytes) = (0, 0, 0);
    for row in rows {
        let (_, stored) = row?;
        let row = stored_row(&stored)?;
        if found == limit || scanned == MAX_SCANNED_ROWS || scanned_bytes >= MAX_SCANNED_BYTES {
            let mut key = Writer::with_capacity(64);
            key.row(&RowRef { primary_key: row.primary_key, ..RowRef::default() });
            next = Some(Bytes::from(key.finish()));
            break;
        }
        scanned += 1;
        scanned_bytes += stored.len();
        if let Some(row) = selection.of(table, &row, now) {
            found += 1;
            writer.row(&row);
        }
    }
    Ok(GetRangeResponse {
        consumed: ConsumedCapacity::new(units(scanned_bytes), 0),
        rows: writer.finish().into(),
        next_start_primary_key: next,
        data_block_type: Some(0),
        compress_type: Some(0),
        ..GetRangeResponse::default()
    })
}
