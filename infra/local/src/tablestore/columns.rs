//! What a write's cells do to the columns of a row.

use std::collections::BTreeMap;

use tablestore::plainbuffer::{CellOp, CellRef, RowRef, ValueRef};

use super::invalid;
use super::schema::Table;
use crate::seams::ServiceError;

/// The versions of a row's columns, newest first.
pub(super) struct Columns<'a>(BTreeMap<&'a str, Vec<CellRef<'a>>>);

impl<'a> Columns<'a> {
    pub(super) fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub(super) fn of(cells: &[CellRef<'a>]) -> Self {
        let mut columns = Self::new();
        for cell in cells {
            columns.0.entry(cell.name).or_default().push(*cell);
        }
        columns
    }

    /// Adds a version; one of the same time is replaced.
    fn put(&mut self, name: &'a str, value: ValueRef<'a>, time: i64) {
        let versions = self.0.entry(name).or_default();
        let cell = CellRef { timestamp: Some(time), ..CellRef::new(name, value) };
        let place = versions.partition_point(|version| version.timestamp > Some(time));
        match versions.get_mut(place) {
            Some(version) if version.timestamp == Some(time) => *version = cell,
            _ => versions.insert(place, cell),
        }
    }

    /// By name; of each the newest `max_versions`.
    pub(super) fn into_cells(self, max_versions: usize) -> Vec<CellRef<'a>> {
        self.0.into_values().flat_map(|versions| versions.into_iter().take(max_versions)).collect()
    }
}

/// Does what one cell of a write says. None is a missing row, which a value brings into being.
pub(super) fn apply_cell<'a>(
    table: &Table,
    columns: &mut Option<Columns<'a>>,
    cell: &CellRef<'a>,
    now: i64,
) -> Result<(), ServiceError> {
    match (cell.op, cell.value) {
        (Some(CellOp::DeleteAllVersions), _) => {
            if let Some(columns) = columns {
                columns.0.remove(cell.name);
            }
        }
        (Some(CellOp::DeleteOneVersion), _) => {
            if let Some(versions) = columns.as_mut().and_then(|columns| columns.0.get_mut(cell.name)) {
                versions.retain(|version| version.timestamp != cell.timestamp);
            }
        }
        (Some(CellOp::Increment), Some(delta)) => {
            let columns = columns.get_or_insert_with(Columns::new);
            let newest = columns.0.get(cell.name).and_then(|versions| versions.first());
            let time = newest.and_then(|cell| cell.timestamp);
            let sum = add(cell.name, newest.and_then(|cell| cell.value), delta)?;
            // Never older than what it adds to, or the sum would be the version that is dropped.
            columns.put(cell.name, sum, now.max(time.unwrap_or(now)));
        }
        (_, Some(value)) => {
            let time = match cell.timestamp {
                None => now,
                Some(time) => check_time(table, cell.name, time, now)?,
            };
            columns.get_or_insert_with(Columns::new).put(cell.name, value, time);
        }
        // Cells without a value were refused before.
        (_, None) => {}
    }
    Ok(())
}

/// What a column (None: it is missing) becomes by adding `delta`.
fn add(name: &str, value: Option<ValueRef<'_>>, delta: ValueRef<'_>) -> Result<ValueRef<'static>, ServiceError> {
    match (value, delta) {
        (None, ValueRef::Integer(delta)) => Ok(ValueRef::Integer(delta)),
        (Some(ValueRef::Integer(value)), ValueRef::Integer(delta)) => {
            let sum = value.checked_add(delta);
            sum.map(ValueRef::Integer).ok_or_else(|| invalid(format!("Column '{name}' would overflow.")))
        }
        (None, ValueRef::Double(delta)) => Ok(ValueRef::Double(delta)),
        (Some(ValueRef::Double(value)), ValueRef::Double(delta)) if (value + delta).is_finite() => {
            Ok(ValueRef::Double(value + delta))
        }
        (Some(ValueRef::Double(_)), ValueRef::Double(_)) => Err(invalid(format!("Column '{name}' would overflow."))),
        _ => Err(invalid(format!("Column '{name}' is not of the type of its increment."))),
    }
}

/// A timestamp may be off by the table's deviation.
fn check_time(table: &Table, name: &str, time: i64, now: i64) -> Result<i64, ServiceError> {
    let deviation = table.deviation_secs.saturating_mul(1000);
    if !(now.saturating_sub(deviation)..now.saturating_add(deviation)).contains(&time) {
        return Err(invalid(format!("Invalid timestamp. Cell: {name}.")));
    }
    Ok(time)
}

/// Names and values, bytes.
pub(super) fn data_size(row: &RowRef<'_>) -> usize {
    row.primary_key.iter().chain(&row.columns).map(|cell| cell.name.len() + value_size(cell.value)).sum()
}

fn value_size(value: Option<ValueRef<'_>>) -> usize {
    match value {
        None => 0,
        Some(ValueRef::String(value)) => value.len(),
        Some(ValueRef::Binary(value)) => value.len(),
        Some(ValueRef::Boolean(_)) => 1,
        Some(_) => 8,
    }
}

/// Capacity units for so many bytes: 4 KiB each, at least one.
pub(super) fn units(bytes: usize) -> i32 {
    bytes.div_ceil(4096).max(1) as i32
}
