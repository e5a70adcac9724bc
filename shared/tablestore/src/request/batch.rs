//! Batches of reads and of writes.

use super::read::read_builders;
use super::write::Return;
use super::{DeleteRow, GetRow, PutRow, TimeRange, TransactionId, UpdateRow};
use crate::error::is_transient;
use crate::filter::{Condition, Filter};
use crate::messages::OperationType;
use crate::value::{Name, PrimaryKey};
use crate::wire::{Encode, Sink, to_vec};

/// Rows of one table in [`BatchGetRow`].
#[derive(Clone, Debug)]
pub struct GetRows {
    /// Table or index name.
    pub table: Name,
    /// Which rows.
    pub keys: Vec<PrimaryKey>,
    /// Which columns; all when empty.
    pub columns: Vec<Name>,
    /// Newest versions of each column; None needs a time range.
    pub max_versions: Option<i32>,
    /// Versions by time.
    pub time_range: Option<TimeRange>,
    /// A row that does not pass is not answered.
    pub filter: Option<Filter>,
    /// First column by name, inclusive.
    pub start_column: Option<Name>,
    /// Last column by name, exclusive.
    pub end_column: Option<Name>,
}

impl GetRows {
    /// Every column of these rows, newest version.
    pub fn new(table: impl Into<Name>, keys: impl IntoIterator<Item = PrimaryKey>) -> Self {
        Self {
            table: table.into(),
            keys: keys.into_iter().collect(),
            columns: Vec::new(),
            max_versions: Some(1),
            time_range: None,
            filter: None,
            start_column: None,
            end_column: None,
        }
    }

    read_builders!();

    /// The same read of one of the rows.
    pub(crate) fn one(&self, place: usize) -> GetRow {
        GetRow {
            columns: self.columns.clone(),
            max_versions: self.max_versions,
            time_range: self.time_range,
            filter: self.filter.clone(),
            start_column: self.start_column.clone(),
            end_column: self.end_column.clone(),
            ..GetRow::new(self.table.clone(), self.keys[place].clone())
        }
    }
}

/// Up to 100 reads in one request, each on its own: some may fail while others succeed.
#[derive(Clone, Debug, Default)]
pub struct BatchGetRow {
    /// Each table once.
    pub tables: Vec<GetRows>,
}

impl BatchGetRow {
    /// Reads of these tables.
    pub fn new(tables: impl IntoIterator<Item = GetRows>) -> Self {
        Self { tables: tables.into_iter().collect() }
    }

    /// The body of the request: a [`crate::messages::BatchGetRowRequest`].
    pub fn to_body(&self) -> Vec<u8> {
        to_vec(&GetBody { batch: self, places: &self.places() })
    }

    /// Every row: its table and its place there.
    pub(crate) fn places(&self) -> Vec<(usize, usize)> {
        let tables = self.tables.iter().enumerate();
        tables.flat_map(|(table, rows)| (0..rows.keys.len()).map(move |row| (table, row))).collect()
    }
}

/// The rows of `batch` that stand at `places`, which are sorted.
pub(crate) struct GetBody<'a> {
    pub batch: &'a BatchGetRow,
    pub places: &'a [(usize, usize)],
}

impl Encode for GetBody<'_> {
    fn encode(&self, out: &mut impl Sink) {
        for places in self.places.chunk_by(|left, right| left.0 == right.0) {
            out.message(1, &GetTable { rows: &self.batch.tables[places[0].0], places });
        }
    }
}

struct GetTable<'a> {
    rows: &'a GetRows,
    places: &'a [(usize, usize)],
}

impl Encode for GetTable<'_> {
    fn encode(&self, out: &mut impl Sink) {
        let rows = self.rows;
        out.bytes(1, rows.table.as_bytes());
        self.places.iter().for_each(|(_, row)| out.row(2, &rows.keys[*row]));
        rows.columns.iter().for_each(|column| out.bytes(4, column.as_bytes()));
        rows.time_range.iter().for_each(|range| out.message(5, range));
        rows.max_versions.iter().for_each(|count| out.int(6, *count));
        rows.filter.iter().for_each(|filter| out.message(8, filter));
        rows.start_column.iter().for_each(|column| out.bytes(9, column.as_bytes()));
        rows.end_column.iter().for_each(|column| out.bytes(10, column.as_bytes()));
    }
}

/// One write of [`BatchWriteRow`]. A transaction of its own does not count, the batch's does.
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

    fn condition(&self) -> &Condition {
        match self {
            Self::Put(put) => &put.condition,
            Self::Update(update) => &update.condition,
            Self::Delete(delete) => &delete.condition,
        }
    }

    fn idempotent(&self) -> bool {
        match self {
            Self::Put(put) => put.idempotent,
            Self::Update(update) => update.idempotent,
            Self::Delete(delete) => delete.idempotent,
        }
    }
}

impl Encode for RowChange {
    fn encode(&self, out: &mut impl Sink) {
        let returns_key = |asked: bool| if asked { Return::PrimaryKey } else { Return::Nothing };
        let (returns, changes) = match self {
            Self::Put(put) => {
                out.int(1, OperationType::Put as i32);
                out.row(2, put);
                (returns_key(put.return_primary_key), &[][..])
            }
            Self::Update(update) => {
                out.int(1, OperationType::Update as i32);
                out.row(2, update);
                (update.returns, &update.changes[..])
            }
            Self::Delete(delete) => {
                out.int(1, OperationType::Delete as i32);
                out.row(2, delete);
                (returns_key(delete.return_primary_key), &[][..])
            }
        };
        out.message(3, self.condition());
        returns.encode(4, changes, out);
    }
}

macro_rules! from_changes {
    ($($variant:ident from $from:ident),*) => {
        $(impl From<$from> for RowChange {
            fn from(change: $from) -> Self {
                Self::$variant(change)
            }
        })*
    };
}

from_changes!(Put from PutRow, Update from UpdateRow, Delete from DeleteRow);

/// Up to 200 writes in one request, each on its own: some may fail while others happen.
#[derive(Clone, Debug, Default)]
pub struct BatchWriteRow {
    /// The writes.
    pub changes: Vec<RowChange>,
    /// All happen or none; they must then share the first key column.
    pub atomic: bool,
    /// Writes inside a local transaction.
    pub transaction: Option<TransactionId>,
}

impl BatchWriteRow {
    /// Independent writes.
    pub fn new(changes: Vec<RowChange>) -> Self {
        Self { changes, ..Self::default() }
    }

    /// All happen or none.
    pub fn atomic(mut self) -> Self {
        self.atomic = true;
        self
    }

    /// Writes inside a local transaction.
    pub fn in_transaction(mut self, transaction: &TransactionId) -> Self {
        self.transaction = Some(transaction.clone());
        self
    }

    /// The body of the request: a [`crate::messages::BatchWriteRowRequest`].
    pub fn to_body(&self) -> Vec<u8> {
        to_vec(&WriteBody::new(self, 0..self.changes.len()))
    }

    /// True when it is of every write at `places`.
    pub(crate) fn idempotent(&self, places: &[usize]) -> bool {
        places.iter().all(|place| self.changes[*place].idempotent())
    }
}

/// The writes of `batch` that stand at certain places, by table: a table may stand in the message only once.
pub(crate) struct WriteBody<'a> {
    batch: &'a BatchWriteRow,
    pub tables: Vec<WriteTable<'a>>,
}

pub(crate) struct WriteTable<'a> {
    changes: &'a [RowChange],
    pub name: &'a str,
    pub places: Vec<usize>,
}

impl<'a> WriteBody<'a> {
    pub(crate) fn new(batch: &'a BatchWriteRow, places: impl IntoIterator<Item = usize>) -> Self {
        let mut tables: Vec<WriteTable<'a>> = Vec::new();
        for place in places {
            let name = batch.changes[place].table();
            match tables.iter_mut().find(|table| table.name == name) {
                Some(table) => table.places.push(place),
                None => tables.push(WriteTable { changes: &batch.changes, name, places: vec![place] }),
            }
        }
        Self { batch, tables }
    }
}

impl Encode for WriteBody<'_> {
    fn encode(&self, out: &mut impl Sink) {
        self.tables.iter().for_each(|table| out.message(1, table));
        self.batch.transaction.iter().for_each(|transaction| out.bytes(2, &transaction.0));
        if self.batch.atomic {
            out.int(3, true);
        }
    }
}

impl Encode for WriteTable<'_> {
    fn encode(&self, out: &mut impl Sink) {
        out.bytes(1, self.name);
        self.places.iter().for_each(|place| out.message(2, &self.changes[*place]));
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

    /// Nothing was done, and it may succeed later.
    pub(crate) fn is_transient(&self) -> bool {
        is_transient(&self.code, &self.message)
    }
}
