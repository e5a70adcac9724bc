//! What a read sees of the rows that are stored.

use std::collections::HashSet;

use bytes::Bytes;
use tablestore::messages::{GetRangeRequest, GetRowRequest, TableInBatchGetRow, TimeRange};
use tablestore::plainbuffer::{CellRef, RowRef, single_row};

use super::columns::data_size;
use super::filter::{ReadFilter, parse_read_filter};
use super::invalid;
use super::schema::{Table, check_attribute_name};
use crate::seams::ServiceError;

/// Columns to get, in one request (Java SDK's tests; the limits page says 128).
const MAX_COLUMNS_TO_GET: usize = 1024;

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
pub(super) struct Selection<'a> {
    /// Everything when empty.
    columns: HashSet<&'a str>,
    start_column: Option<&'a str>,
    end_column: Option<&'a str>,
    max_versions: usize,
    /// `[start, end)`, epoch milliseconds.
    times: (i64, i64),
    filter: ReadFilter,
}

/// The fields that all three read requests have.
pub(super) struct Wanted<'a> {
    columns_to_get: &'a [String],
    max_versions: Option<i32>,
    time_range: Option<&'a TimeRange>,
    start_column: Option<&'a str>,
    end_column: Option<&'a str>,
    filter: Option<&'a Bytes>,
    missing_versions: &'static str,
}

impl<'a> Selection<'a> {
    pub(super) fn parse(wanted: impl Into<Wanted<'a>>) -> Result<Self, ServiceError> {
        let wanted = wanted.into();
        let count = wanted.columns_to_get.len();
        if count > MAX_COLUMNS_TO_GET {
            return Err(invalid(format!(
                "The number of columns from the request exceeds the limit, limit count: {MAX_COLUMNS_TO_GET}, column count: {count}."
            )));
        }
        wanted.columns_to_get.iter().try_for_each(|name| check_attribute_name(name))?;
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
            columns,
            start_column: wanted.start_column,
            end_column: wanted.end_column,
            max_versions,
            times: times(wanted.time_range, wanted.max_versions)?,
            filter: parse_read_filter(wanted.filter)?,
        })
    }

    /// What the request sees of a stored row, None when that is no row at all; and the names and values that were
    /// read for it, bytes.
    pub(super) fn of<'r>(&self, table: &Table, row: &RowRef<'r>, now: i64) -> (Option<RowRef<'r>>, usize) {
        let Some(mut row) = visible(table, row, now) else { return (None, 0) };
        row.columns.retain(|cell| {
            (self.columns.is_empty() || self.columns.contains(cell.name))
                && self.start_column.is_none_or(|start| cell.name >= start)
                && self.end_column.is_none_or(|end| cell.name < end)
        });
        let read = data_size(&row);
        if self.filter.predicate.as_ref().is_some_and(|predicate| !predicate.passes(&row.columns)) {
            return (None, read);
        }
        let (start, end) = self.times;
        row.columns.retain(|cell| cell.timestamp.is_none_or(|time| (start..end).contains(&time)));
        row.columns = newest(row.columns.into_iter(), self.max_versions);
        let names_a_key = || table.primary_key.iter().any(|key| self.columns.contains(key.name.as_str()));
        if row.columns.is_empty() && !self.columns.is_empty() && !names_a_key() {
            return (None, read);
        }
        if let Some((offset, limit)) = self.filter.window {
            row.columns = window(row.columns, offset, limit);
        }
        (Some(row), read)
    }
}

macro_rules! wanted {
    ($($request:ty, $missing:literal;)*) => {
        $(impl<'a> From<&'a $request> for Wanted<'a> {
            fn from(request: &'a $request) -> Self {
                Self {
                    columns_to_get: &request.columns_to_get,
                    max_versions: request.max_versions,
                    time_range: request.time_range.as_ref(),
                    start_column: request.start_column.as_deref(),
                    end_column: request.end_column.as_deref(),
                    filter: request.filter.as_ref(),
                    missing_versions: $missing,
                }
            }
        })*
    };
}

wanted! {
    GetRowRequest, "No version condition is specified.";
    GetRangeRequest, "No version condition is specified.";
    TableInBatchGetRow, "No version condition is specified while querying row.";
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
