//! Writes of rows, and what they answer.

use crate::filter::Condition;
use crate::messages::{
    BatchWriteRowRequest, OperationType, ReturnContent, ReturnType, RowInBatchWriteRow, TableInBatchWriteRow,
    WriteRowRequest,
};
use crate::plainbuffer::{CellOp, CellRef, Writer};
use crate::value::{Column, PrimaryKey, Row, Value};

/// Replaces a whole row.
#[derive(Clone, Debug)]
pub struct PutRow {
    /// Table name.
    pub table: String,
    /// Which row.
    pub primary_key: PrimaryKey,
    /// All its columns.
    pub columns: Vec<Column>,
    /// What must be true before.
    pub condition: Condition,
    /// Whether the answer holds the key (needed with [`crate::Key::AutoIncrement`]).
    pub return_primary_key: bool,
    /// The caller's promise that doing it twice, also with other writes between, does no harm. Then it
    /// is repeated when its fate is unknown.
    pub idempotent: bool,
}

impl PutRow {
    /// A row without columns, put without a condition.
    pub fn new(table: impl Into<String>, primary_key: PrimaryKey) -> Self {
        Self {
            table: table.into(),
            primary_key,
            columns: Vec::new(),
            condition: Condition::ignore(),
            return_primary_key: false,
            idempotent: false,
        }
    }

    /// Adds a column.
    pub fn column(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.columns.push(Column { name: name.into(), value: value.into(), timestamp: None });
        self
    }

    /// Sets the condition.
    pub fn condition(mut self, condition: Condition) -> Self {
        self.condition = condition;
        self
    }

    /// Asks for the key in the answer.
    pub fn return_primary_key(mut self) -> Self {
        self.return_primary_key = true;
        self
    }

    /// Sets [`PutRow::idempotent`].
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    pub(crate) fn to_message(&self) -> WriteRowRequest {
        let mut writer = Writer::with_capacity(256);
        self.primary_key.write(&mut writer);
        for column in &self.columns {
            writer.cell(&put_cell(column));
        }
        writer.end_row();
        let return_content = self.return_primary_key.then(return_primary_key);
        write_request(&self.table, writer, &self.condition, return_content)
    }
}

/// One change of [`UpdateRow`].
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Puts a version of a column.
    Put(Column),
    /// Deletes a column, all its versions.
    Delete(String),
    /// Deletes one version of a column: its name and timestamp (epoch milliseconds).
    DeleteVersion(String, i64),
    /// Adds to an integer column; an absent one counts as zero.
    Increment(String, i64),
}

/// What the answer to [`UpdateRow`] holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Return {
    /// Nothing.
    #[default]
    Nothing,
    /// The key.
    PrimaryKey,
    /// The key and the incremented columns as they are after the update.
    Incremented,
}

/// Changes columns of a row, and creates it when it does not exist.
#[derive(Clone, Debug)]
pub struct UpdateRow {
    /// Table name.
    pub table: String,
    /// Which row.
    pub primary_key: PrimaryKey,
    /// At least one; each column once.
    pub changes: Vec<Change>,
    /// What must be true before.
    pub condition: Condition,
    /// What the answer holds.
    pub returns: Return,
    /// As [`PutRow::idempotent`]; never true of an increment.
    pub idempotent: bool,
}

impl UpdateRow {
    /// An update without changes or condition.
    pub fn new(table: impl Into<String>, primary_key: PrimaryKey) -> Self {
        Self {
            table: table.into(),
            primary_key,
            changes: Vec::new(),
            condition: Condition::ignore(),
            returns: Return::Nothing,
            idempotent: false,
        }
    }

    /// Puts a column.
    pub fn put(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.changes.push(Change::Put(Column { name: name.into(), value: value.into(), timestamp: None }));
        self
    }

    /// Deletes a column, all its versions.
    pub fn delete(mut self, name: impl Into<String>) -> Self {
        self.changes.push(Change::Delete(name.into()));
        self
    }

    /// Adds `delta` to an integer column.
    pub fn increment(mut self, name: impl Into<String>, delta: i64) -> Self {
        self.changes.push(Change::Increment(name.into(), delta));
        self
    }

    /// Sets the condition.
    pub fn condition(mut self, condition: Condition) -> Self {
        self.condition = condition;
        self
    }

    /// Asks for the incremented columns in the answer.
    pub fn return_incremented(mut self) -> Self {
        self.returns = Return::Incremented;
        self
    }

    /// Sets [`UpdateRow::idempotent`].
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    pub(crate) fn to_message(&self) -> WriteRowRequest {
        let mut writer = Writer::with_capacity(256);
        self.primary_key.write(&mut writer);
        for change in &self.changes {
            let deleted = |name, op, timestamp| CellRef { name, value: None, op: Some(op), timestamp };
            writer.cell(&match change {
                Change::Put(column) => put_cell(column),
                Change::Delete(name) => deleted(name, CellOp::DeleteAllVersions, None),
                Change::DeleteVersion(name, at) => deleted(name, CellOp::DeleteOneVersion, Some(*at)),
                Change::Increment(name, delta) => CellRef {
                    op: Some(CellOp::Increment),
                    ..CellRef::new(name, crate::plainbuffer::ValueRef::Integer(*delta))
                },
            });
        }
        writer.end_row();
        let return_content = match self.returns {
            Return::Nothing => None,
            Return::PrimaryKey => Some(return_primary_key()),
            Return::Incremented => Some(ReturnContent {
                return_type: Some(ReturnType::RtAfterModify as i32),
                return_column_names: self.changes.iter().filter_map(incremented).collect(),
            }),
        };
        write_request(&self.table, writer, &self.condition, return_content)
    }
}

fn incremented(change: &Change) -> Option<String> {
    match change {
        Change::Increment(name, _) => Some(name.clone()),
        _ => None,
    }
}

/// Deletes a row.
#[derive(Clone, Debug)]
pub struct DeleteRow {
    /// Table name.
    pub table: String,
    /// Which row.
    pub primary_key: PrimaryKey,
    /// What must be true before.
    pub condition: Condition,
    /// As [`PutRow::idempotent`].
    pub idempotent: bool,
}

impl DeleteRow {
    /// A deletion without a condition.
    pub fn new(table: impl Into<String>, primary_key: PrimaryKey) -> Self {
        Self { table: table.into(), primary_key, condition: Condition::ignore(), idempotent: false }
    }

    /// Sets the condition.
    pub fn condition(mut self, condition: Condition) -> Self {
        self.condition = condition;
        self
    }

    /// Sets [`DeleteRow::idempotent`].
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    pub(crate) fn to_message(&self) -> WriteRowRequest {
        let mut writer = Writer::with_capacity(128);
        self.primary_key.write(&mut writer);
        writer.delete_marker();
        writer.end_row();
        write_request(&self.table, writer, &self.condition, None)
    }
}

fn put_cell(column: &Column) -> CellRef<'_> {
    CellRef { timestamp: column.timestamp, ..CellRef::new(&column.name, column.value.borrow()) }
}

fn return_primary_key() -> ReturnContent {
    ReturnContent { return_type: Some(ReturnType::RtPk as i32), return_column_names: Vec::new() }
}

fn write_request(
    table: &str,
    row: Writer,
    condition: &Condition,
    return_content: Option<ReturnContent>,
) -> WriteRowRequest {
    WriteRowRequest {
        table_name: table.to_owned(),
        row: row.finish().into(),
        condition: condition.to_message(),
        return_content,
        transaction_id: None,
    }
}

/// What a write answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// What the request asked for.
    pub row: Option<Row>,
    /// Write capacity units used.
    pub write_units: i32,
}

/// One write of [`BatchWriteRow`].
#[derive(Clone, Debug)]
pub enum RowChange {
    /// Replaces a row.
    Put(PutRow),
    /// Changes a row.
    Update(UpdateRow),
    /// Deletes a row.
    Delete(DeleteRow),
}

impl RowChange {
    pub(crate) fn table(&self) -> &str {
        match self {
            Self::Put(put) => &put.table,
            Self::Update(update) => &update.table,
            Self::Delete(delete) => &delete.table,
        }
    }

    fn idempotent(&self) -> bool {
        match self {
            Self::Put(put) => put.idempotent,
            Self::Update(update) => update.idempotent,
            Self::Delete(delete) => delete.idempotent,
        }
    }

    fn to_message(&self) -> RowInBatchWriteRow {
        let (kind, write) = match self {
            Self::Put(put) => (OperationType::Put, put.to_message()),
            Self::Update(update) => (OperationType::Update, update.to_message()),
            Self::Delete(delete) => (OperationType::Delete, delete.to_message()),
        };
        RowInBatchWriteRow {
            r#type: kind as i32,
            row_change: write.row,
            condition: write.condition,
            return_content: write.return_content,
        }
    }
}

/// Up to 200 writes in one request, each on its own: some may fail while others happen.
#[derive(Clone, Debug, Default)]
pub struct BatchWriteRow {
    /// The writes.
    pub changes: Vec<RowChange>,
    /// All happen or none; they must then share the first key column.
    pub atomic: bool,
}

impl BatchWriteRow {
    /// Independent writes.
    pub fn new(changes: Vec<RowChange>) -> Self {
        Self { changes, atomic: false }
    }

    /// True when it is of every write.
    pub(crate) fn idempotent(&self) -> bool {
        self.changes.iter().all(RowChange::idempotent)
    }

    /// The message, and for each table in it the places of its rows in `changes`: a table may stand in
    /// the message only once.
    pub(crate) fn to_message(&self) -> (BatchWriteRowRequest, Vec<Vec<usize>>) {
        let mut tables: Vec<TableInBatchWriteRow> = Vec::new();
        let mut places: Vec<Vec<usize>> = Vec::new();
        for (place, change) in self.changes.iter().enumerate() {
            let at = tables.iter().position(|table| table.table_name == change.table()).unwrap_or_else(|| {
                tables.push(TableInBatchWriteRow { table_name: change.table().to_owned(), rows: Vec::new() });
                places.push(Vec::new());
                tables.len() - 1
            });
            tables[at].rows.push(change.to_message());
            places[at].push(place);
        }
        let is_atomic = self.atomic.then_some(true);
        (BatchWriteRowRequest { tables, transaction_id: None, is_atomic }, places)
    }
}

/// Why one row of a batch failed while the batch as a whole was answered.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("row in table {table} refused: {code}: {message}")]
pub struct RowError {
    /// Table name.
    pub table: String,
    /// `OTS…`
    pub code: String,
    /// The service's words; not stable.
    pub message: String,
}

impl RowError {
    /// The row was not as the condition demands; it was not changed.
    pub fn is_condition_check_fail(&self) -> bool {
        self.code == "OTSConditionCheckFail"
    }
}
