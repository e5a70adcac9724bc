//! One write on one row: what the request says, whether its condition holds, what becomes of the row.
//! Nothing here touches the store.

use std::collections::BTreeMap;

use bytes::Bytes;
use tablestore::messages::{
    Condition, OperationType, ReturnContent, ReturnType, RowExistence, RowInBatchWriteRow, WriteRowRequest,
};
use tablestore::plainbuffer::{CellOp, CellRef, RowRef, ValueRef, Writer};

use super::columns::{Columns, apply_cell, data_size, units};
use super::filter::{Predicate, parse_condition};
use super::key::{self, Use};
use super::request::read_row;
use super::schema::{Table, check_attribute_name};
use super::selection::{stored_row, visible};
use super::{index, invalid};
use crate::seams::ServiceError;

/// Longest string or binary of an attribute column, bytes (Tablestore limits).
const MAX_VALUE: usize = 2 * 1024 * 1024;
/// Cells of one write (Tablestore limits).
const MAX_CELLS: usize = 1024;
/// Names and values of one write, bytes (Tablestore limits).
const MAX_DATA: usize = 4 * 1024 * 1024;

/// A write as it was asked for, checked as far as the request and the table alone allow.
pub(super) struct Change<'a> {
    kind: OperationType,
    pub row: RowRef<'a>,
    existence: RowExistence,
    predicate: Option<Predicate>,
    returns: Returns<'a>,
    words: Words,
}

/// How a failed expectation of the row's existence is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// Saying which.
    Long,
    /// As a failed column condition.
    Short,
}

enum Returns<'a> {
    Nothing,
    Key,
    Modified(&'a [String]),
}

/// What a write answers.
pub(super) struct Applied {
    /// PlainBuffer.
    pub answer: Option<Bytes>,
    /// Read and write units.
    pub units: (i32, i32),
}

impl<'a> Change<'a> {
    /// The write of a PutRow, UpdateRow or DeleteRow, checked as far as that goes without its table.
    pub(super) fn of(kind: OperationType, request: &'a WriteRowRequest) -> Result<Self, ServiceError> {
        let words = if kind == OperationType::Put { Words::Long } else { Words::Short };
        Self::parse(kind, &request.row, &request.condition, request.return_content.as_ref(), words)
    }

    /// The same of a row in a BatchWriteRow.
    pub(super) fn in_batch(row: &'a RowInBatchWriteRow) -> Result<Self, ServiceError> {
        let Ok(kind) = OperationType::try_from(row.r#type) else {
            return Err(invalid("The type of row in batch write operation is invalid."));
        };
        Self::parse(kind, &row.row_change, &row.condition, row.return_content.as_ref(), Words::Short)
    }

    fn parse(
        kind: OperationType,
        buffer: &'a [u8],
        condition: &Condition,
        returns: Option<&'a ReturnContent>,
        words: Words,
    ) -> Result<Self, ServiceError> {
        let row = read_row(buffer)?;
        let chosen = key::auto_increment(&row.primary_key).is_some();
        if kind == OperationType::Delete && chosen {
            return Err(invalid("Invalid row to delete which with pk auto increment"));
        }
        key::check_shape(&row.primary_key, Use::Write)?;
        check_cells(kind, &row)?;
        let Ok(existence) = RowExistence::try_from(condition.row_existence) else {
            return Err(invalid(format!("Invalid row-existence expectation: {}.", condition.row_existence)));
        };
        let predicate = condition.column_condition.as_ref().filter(|bytes| !bytes.is_empty());
        let predicate = predicate.map(parse_condition).transpose()?;
        if chosen && existence != RowExistence::Ignore {
            let expectation = existence as i32;
            return Err(invalid(format!("Invalid expect: {expectation} when modify row with pk auto increment")));
        }
        if chosen && predicate.is_some() {
            return Err(invalid("Can't set condition when modify row with pk auto increment"));
        }
        let returns = parse_returns(&row, returns)?;
        Ok(Self { kind, row, existence, predicate, returns, words })
    }

    /// Checks it against its table. What is wrong here is said of the row, also in a batch.
    pub(super) fn check(&self, table: &Table) -> Result<(), ServiceError> {
        key::check(table, &self.row.primary_key)?;
        if self.kind == OperationType::Update && table.allow_update == Some(false) {
            return Err(invalid("UpdateRow is not allowed on this table."));
        }
        for cell in &self.row.columns {
            let name = cell.name;
            if table.primary_key.iter().any(|key| key.name == name) {
                return Err(invalid(format!("Duplicated attribute column name with primary key column: '{name}'.")));
            }
            if table.indexes.is_empty() {
                continue;
            }
            if cell.timestamp.is_some() {
                return Err(invalid("Timestamp cannot be given to a cell of a table with secondary indexes."));
            }
            cell.value.map_or(Ok(()), |value| index::check_value(table, name, value))?;
        }
        Ok(())
    }

    /// Whether it depends on the stored row.
    pub(super) fn is_conditional(&self) -> bool {
        self.existence != RowExistence::Ignore || self.predicate.is_some()
    }

    /// Whether it depends on stored columns.
    pub(super) fn has_column_condition(&self) -> bool {
        self.predicate.is_some()
    }

    /// Whether it adds to a column.
    pub(super) fn increments(&self) -> bool {
        self.row.columns.iter().any(|cell| cell.op == Some(CellOp::Increment))
    }

    /// Does it to the row as it is stored (None: there is none); gives the row to store instead, and the
    /// answer. `now` is the version (epoch milliseconds) of cells without a timestamp.
    pub(super) fn apply(
        &self,
        table: &Table,
        stored: Option<&[u8]>,
        now: i64,
    ) -> Result<(Option<Vec<u8>>, Applied), ServiceError> {
        let stored_row = stored.map(stored_row).transpose()?;
        let before = stored_row.as_ref().and_then(|row| visible(table, row, now));
        self.check_condition(before.as_ref())?;
        let read_units = match &self.predicate {
            Some(_) => units(before.as_ref().map_or(0, data_size)),
            // Existence is found out by the key alone.
            None if self.is_conditional() => 1,
            None => 0,
        };
        let mut after = match self.kind {
            OperationType::Put => Some(Columns::new()),
            OperationType::Update => before.as_ref().map(|row| Columns::of(&row.columns)),
            OperationType::Delete => None,
        };
        if self.kind != OperationType::Delete {
            for cell in &self.row.columns {
                apply_cell(table, &mut after, cell, now)?;
            }
        }
        // Still None after an UpdateRow of deletions alone on a missing row: it does not create one.
        let row = after.map(|columns| RowRef {
            primary_key: self.row.primary_key.clone(),
            columns: columns.into_cells(table.max_versions as usize),
            delete_marker: false,
        });
        let answer = match self.returns {
            Returns::Nothing => None,
            Returns::Key => Some(self.answer_row(&[])),
            Returns::Modified(names) => {
                let cells = row.as_ref().map_or(&[][..], |row| &row.columns);
                let mut newest: Vec<CellRef<'_>> = Vec::new();
                for cell in cells {
                    let is_newest = newest.last().is_none_or(|last| last.name != cell.name);
                    if is_newest && names.iter().any(|name| name == cell.name) {
                        newest.push(*cell);
                    }
                }
                Some(self.answer_row(&newest))
            }
        };
        let stored = row.map(|row| {
            let mut writer = Writer::with_capacity(256);
            writer.row(&row);
            writer.finish()
        });
        Ok((stored, Applied { answer, units: (read_units, units(data_size(&self.row))) }))
    }

    /// Existence first, then the columns. The longer texts were seen from the live service in 2026, for PutRow
    /// alone; the official Python SDK's tests expect the short one of the other writes, and of all in a batch.
    fn check_condition(&self, row: Option<&RowRef<'_>>) -> Result<(), ServiceError> {
        let fail = |message: &str| Err(ServiceError::new(403, "OTSConditionCheckFail", message));
        let failed = "Condition check failed.";
        match (self.existence, row, self.words) {
            (RowExistence::ExpectExist, None, Words::Long) => fail("Row does not exist which is expected existent"),
            (RowExistence::ExpectNotExist, Some(_), Words::Long) => fail("Row exists which is expected nonexistent"),
            (RowExistence::ExpectExist, None, Words::Short) | (RowExistence::ExpectNotExist, Some(_), Words::Short) => {
                fail(failed)
            }
            _ => match &self.predicate {
                Some(predicate) if !predicate.passes(row.map_or(&[][..], |row| &row.columns)) => fail(failed),
                _ => Ok(()),
            },
        }
    }

    fn answer_row(&self, columns: &[CellRef<'_>]) -> Bytes {
        let mut writer = Writer::with_capacity(128);
        for cell in &self.row.primary_key {
            if let Some(value) = cell.value {
                writer.key(cell.name, value);
            }
        }
        for cell in columns {
            writer.cell(cell);
        }
        writer.end_row();
        writer.finish().into()
    }
}

fn check_cells(kind: OperationType, row: &RowRef<'_>) -> Result<(), ServiceError> {
    match (kind, row.delete_marker) {
        (OperationType::Delete, false) => {
            return Err(invalid("Invalid request of delete row: missing RowDeleteMarker in request"));
        }
        (OperationType::Delete, true) if !row.columns.is_empty() => {
            return Err(invalid("Invalid delete row request: unexpected cells in request"));
        }
        (OperationType::Put | OperationType::Update, true) => {
            return Err(invalid("Invalid request of put/update row: unexpected RowDeleteMarker in request."));
        }
        (OperationType::Update, _) if row.columns.is_empty() => {
            return Err(invalid("Invalid update row request: missing cells in request"));
        }
        _ => {}
    }
    if row.columns.len() > MAX_CELLS {
        return Err(invalid(format!(
            "The number of attribute columns exceeds the limit, limit count: {MAX_CELLS}, column count: {}.",
            row.columns.len()
        )));
    }
    let mut incremented: BTreeMap<&str, bool> = BTreeMap::new();
    for cell in &row.columns {
        check_cell(kind, cell)?;
        let increments = cell.op == Some(CellOp::Increment);
        // An increment must be the only change of its column.
        if incremented.insert(cell.name, increments).is_some_and(|other| other || increments) {
            return Err(invalid(format!("Column '{}' is incremented and changed in one request.", cell.name)));
        }
    }
    let size = data_size(row);
    if size > MAX_DATA {
        let operation = if kind == OperationType::Put { "PutRow" } else { "UpdateRow" };
        return Err(invalid(format!(
            "The total data size of {operation} request exceeds the limit, limit size: {MAX_DATA}, data size: {size}."
        )));
    }
    Ok(())
}

fn check_cell(kind: OperationType, cell: &CellRef<'_>) -> Result<(), ServiceError> {
    let name = cell.name;
    check_attribute_name(name)?;
    if cell.timestamp.is_some_and(|time| !(0..i64::MAX / 1000).contains(&time)) {
        return Err(invalid("Timestamp must be in range [0, INT64_MAX/1000)."));
    }
    if kind == OperationType::Put && cell.op.is_some() {
        return Err(invalid(format!("OpType cannot be given for column name: {name} in PutRow.")));
    }
    match (cell.op, cell.value, cell.timestamp) {
        (Some(CellOp::DeleteAllVersions | CellOp::DeleteOneVersion), Some(_), _) => {
            Err(invalid("Column value cannot be given when type is DELETE_ONE_VERSION,DELETE_ALL_VERSION."))
        }
        (Some(CellOp::DeleteAllVersions), None, Some(_)) => {
            Err(invalid("Timestamp cannot be given when type is DELETE_ALL_VERSION."))
        }
        (Some(CellOp::DeleteOneVersion), None, None) => {
            Err(invalid("Timestamp must be given when type is DELETE_ONE_VERSION."))
        }
        (Some(CellOp::DeleteAllVersions), None, None) | (Some(CellOp::DeleteOneVersion), None, Some(_)) => Ok(()),
        (_, None, _) if kind == OperationType::Put => {
            Err(invalid("Invalid request of put row: find cells without values"))
        }
        (_, None, _) => Err(invalid(format!("No value is given for column name: {name}."))),
        // Integers by the documentation; newer tests of the Java SDK increment doubles.
        (Some(CellOp::Increment), Some(value @ (ValueRef::Integer(_) | ValueRef::Double(_))), None) => {
            check_value(name, value)
        }
        (Some(CellOp::Increment), Some(_), _) => {
            Err(invalid(format!("Column '{name}' can be incremented by a number only, without a timestamp.")))
        }
        (None, Some(value), _) => check_value(name, value),
    }
}

fn check_value(name: &str, value: ValueRef<'_>) -> Result<(), ServiceError> {
    let size = match value {
        ValueRef::Double(value) if value.is_nan() => return Err(invalid("NaN can't be set to double value.")),
        ValueRef::Double(value) if value.is_infinite() => {
            return Err(invalid("Infinity can't be set to double value."));
        }
        ValueRef::InfMin | ValueRef::InfMax | ValueRef::AutoIncrement => {
            return Err(invalid("data format is invalid, unknown variant type occured."));
        }
        ValueRef::String(value) => value.len(),
        ValueRef::Binary(value) => value.len(),
        _ => 0,
    };
    if size <= MAX_VALUE {
        return Ok(());
    }
    Err(invalid(format!(
        "The length of attribute column: '{name}' exceeds the MaxLength:{MAX_VALUE} with CurrentLength:{size}."
    )))
}

fn parse_returns<'a>(row: &RowRef<'_>, returns: Option<&'a ReturnContent>) -> Result<Returns<'a>, ServiceError> {
    let Some(returns) = returns else { return Ok(Returns::Nothing) };
    let names = &returns.return_column_names;
    match ReturnType::try_from(returns.return_type.unwrap_or(0)) {
        Ok(ReturnType::RtNone) if names.is_empty() => Ok(Returns::Nothing),
        Ok(ReturnType::RtPk) if names.is_empty() => Ok(Returns::Key),
        Ok(ReturnType::RtAfterModify) => {
            let incremented =
                |name: &String| row.columns.iter().any(|cell| cell.name == name && cell.op == Some(CellOp::Increment));
            match names.iter().find(|name| !incremented(name)) {
                None => Ok(Returns::Modified(names)),
                Some(name) => Err(invalid(format!("Column '{name}' is not incremented by this request."))),
            }
        }
        Ok(_) => Err(invalid("Column names can be returned with RT_AFTER_MODIFY only.")),
        Err(_) => Err(invalid(format!("Invalid return type: {}.", returns.return_type.unwrap_or(0)))),
    }
}
