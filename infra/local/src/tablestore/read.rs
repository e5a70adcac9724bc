//! Read operations: GetRow, BatchGetRow, GetRange.

use std::collections::HashSet;

use bytes::Bytes;
use tablestore::messages::{
    BatchGetRowRequest, BatchResponse, ConsumedCapacity, Direction, GetRangeRequest, GetRangeResponse, GetRowRequest,
    GetRowResponse, RowInBatch, TableInBatchGetRow, TableInBatchResponse,
};
use tablestore::plainbuffer::{RowRef, Writer};

use super::columns::units;
use super::key::{self, Use};
use super::request::read_key;
use super::schema::{Table, check_table_name};
use super::selection::{Selection, stored_row};
use super::tables::Want;
use super::transactions::{Overlay, Transaction};
use super::{Tables, Tablestore, answer, invalid};
use crate::seams::ServiceError;
use crate::store::Entry;

/// Rows in one BatchGetRow (Tablestore limits).
const MAX_BATCH_ROWS: usize = 100;
/// Rows that one GetRange looks at (Tablestore limits).
const MAX_SCANNED_ROWS: usize = 5000;
/// Bytes that one GetRange looks at (Tablestore limits: 4 MB).
const MAX_SCANNED_BYTES: usize = 4 * 1024 * 1024;

/// Wide rows are always answered whole, so no token was ever given out.
fn check_no_token(token: Option<&Bytes>) -> Result<(), ServiceError> {
    match token {
        Some(token) if !token.is_empty() => Err(invalid("Invalid token.")),
        _ => Ok(()),
    }
}

impl Tablestore {
    pub(super) fn get_row(&self, request: &GetRowRequest) -> Result<GetRowResponse, ServiceError> {
        check_table_name(&request.table_name)?;
        check_no_token(request.token.as_ref())?;
        let selection = Selection::parse(request)?;
        let key = read_key(&request.primary_key, Use::Row)?;
        let tables = self.tables();
        let table = Self::find_table(&tables, &request.table_name, Want::Read)?;
        let mut borrowed = self.borrow_transaction(request.transaction_id.as_deref())?;
        let transaction = borrowed.as_mut().map(|borrowed| &*borrowed.get());
        let (row, units) = self.read_row(&table, &key, &selection, transaction)?;
        Ok(GetRowResponse { consumed: ConsumedCapacity::new(units, 0), row: row.unwrap_or_default(), next_token: None })
    }

    /// One row as PlainBuffer, and the units it takes to read it.
    fn read_row(
        &self,
        table: &Table,
        key: &RowRef<'_>,
        selection: &Selection<'_>,
        transaction: Option<&Transaction>,
    ) -> Result<(Option<Bytes>, i32), ServiceError> {
        key::check(table, &key.primary_key)?;
        let place = key::encode(table.id, &key.primary_key);
        transaction.map_or(Ok(()), |transaction| transaction.check_range(&[&place]))?;
        let own = transaction.and_then(|transaction| transaction.overlay.get(&place));
        let stored = match own {
            Some(row) => row.clone(),
            None => self.row_space.get_bytes(&place)?,
        };
        let Some(stored) = stored else { return Ok((None, units(0))) };
        let (row, read) = selection.of(table, &stored_row(&stored)?, self.version_now());
        let row = row.map(|row| {
            let mut writer = Writer::with_capacity(stored.len());
            writer.row(&row);
            Bytes::from(writer.finish())
        });
        Ok((row, units(read)))
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
        check_table_name(&request.table_name)?;
        request.token.iter().try_for_each(|token| check_no_token(Some(token)))?;
        let selection = Selection::parse(request)?;
        let keys = request.primary_key.iter().map(|key| read_key(key, Use::Row)).collect::<Result<Vec<_>, _>>()?;
        let refused = |error: &ServiceError| RowInBatch {
            is_ok: false,
            error: Some(answer::row_error(error)),
            ..RowInBatch::default()
        };
        let table = match Self::find_table(tables, &request.table_name, Want::Read) {
            Ok(table) => table,
            Err(error) => return Ok(keys.iter().map(|_| refused(&error)).collect()),
        };
        let read = |key: &RowRef<'_>| match self.read_row(&table, key, &selection, None) {
            Ok((row, units)) => RowInBatch {
                is_ok: true,
                consumed: Some(ConsumedCapacity::new(units, 0)),
                row,
                ..RowInBatch::default()
            },
            Err(error) => refused(&error),
        };
        Ok(keys.iter().map(read).collect())
    }

    pub(super) fn get_range(&self, request: &GetRangeRequest) -> Result<GetRangeResponse, ServiceError> {
        check_table_name(&request.table_name)?;
        check_no_token(request.token.as_ref())?;
        let selection = Selection::parse(request)?;
        let start = read_key(&request.inclusive_start_primary_key, Use::Bound)?;
        let end = read_key(&request.exclusive_end_primary_key, Use::Bound)?;
        let limit = match request.limit {
            None => usize::MAX,
            Some(limit) if limit > 0 => limit as usize,
            Some(_) => return Err(invalid("The limit must be greater than 0.")),
        };
        let tables = self.tables();
        let table = Self::find_table(&tables, &request.table_name, Want::Read)?;
        let bound = |key: &RowRef<'_>| {
            key::check(&table, &key.primary_key)?;
            Ok(key::encode(table.id, &key.primary_key))
        };
        let (start, end) = (bound(&start)?, bound(&end)?);
        let mut borrowed = self.borrow_transaction(request.transaction_id.as_deref())?;
        let own = match &mut borrowed {
            Some(borrowed) => {
                let transaction = borrowed.get();
                transaction.check_range(&[&start, &end])?;
                &transaction.overlay
            }
            None => &Overlay::new(),
        };
        let now = self.version_now();
        match Direction::try_from(request.direction) {
            Ok(Direction::Forward) if start < end => {
                let own = own.range(start.clone()..end.clone());
                let rows = self.row_space.range_bytes(start, end);
                scan(&table, merge(rows, own, |left, right| left < right), &selection, limit, now)
            }
            Ok(Direction::Backward) if start > end => {
                // The store's ranges are [from, to): from just after the end, to just after the start.
                let (from, to) = (just_after(end), just_after(start));
                let own = own.range(from.clone()..to.clone()).rev();
                let rows = self.row_space.range_bytes(from, to).rev();
                scan(&table, merge(rows, own, |left, right| left > right), &selection, limit, now)
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

/// The rows that are stored, with those of a transaction in their place. Both come in the same order; `before` is
/// that order.
fn merge<'a>(
    stored: impl Iterator<Item = Result<Entry, ServiceError>>,
    own: impl Iterator<Item = (&'a Vec<u8>, &'a Option<Vec<u8>>)>,
    before: fn(&[u8], &[u8]) -> bool,
) -> impl Iterator<Item = Result<Vec<u8>, ServiceError>> {
    let (mut stored, mut own) = (stored.peekable(), own.peekable());
    std::iter::from_fn(move || {
        loop {
            let Some((key, row)) = own.peek().copied() else {
                return stored.next().map(|entry| entry.map(|(_, row)| row));
            };
            match stored.peek() {
                Some(Ok((other, _))) if before(other, key) => {}
                Some(Err(_)) => {}
                other => {
                    if matches!(other, Some(Ok((other, _))) if other == key) {
                        stored.next();
                    }
                    own.next();
                    match row {
                        Some(row) => return Some(Ok(row.clone())),
                        None => continue,
                    }
                }
            }
            return stored.next().map(|entry| entry.map(|(_, row)| row));
        }
    })
}

/// Reads rows until the range, the limit or the service's own limits end, and says where to go on.
fn scan(
    table: &Table,
    rows: impl Iterator<Item = Result<Vec<u8>, ServiceError>>,
    selection: &Selection<'_>,
    limit: usize,
    now: i64,
) -> Result<GetRangeResponse, ServiceError> {
    let mut writer = Writer::default();
    let mut next = None;
    let (mut found, mut scanned, mut scanned_bytes, mut read_bytes) = (0, 0, 0, 0);
    for row in rows {
        let stored = row?;
        let row = stored_row(&stored)?;
        if found == limit || scanned == MAX_SCANNED_ROWS || scanned_bytes >= MAX_SCANNED_BYTES {
            let mut key = Writer::with_capacity(64);
            key.row(&RowRef { primary_key: row.primary_key, ..RowRef::default() });
            next = Some(Bytes::from(key.finish()));
            break;
        }
        scanned += 1;
        scanned_bytes += stored.len();
        let (row, read) = selection.of(table, &row, now);
        read_bytes += read;
        if let Some(row) = row {
            found += 1;
            writer.row(&row);
        }
    }
    Ok(GetRangeResponse {
        consumed: ConsumedCapacity::new(units(read_bytes), 0),
        rows: writer.finish().into(),
        next_start_primary_key: next,
        data_block_type: Some(0),
        compress_type: Some(0),
        ..GetRangeResponse::default()
    })
}
