//! Writes of single rows, and what they answer.

use crate::filter::Condition;
use crate::messages::ReturnType;
use crate::plainbuffer::{CellOp, CellRef, RowSink, ValueRef};
use crate::request::TransactionId;
use crate::row::Row;
use crate::value::{Column, Name, PrimaryKey, Value};
use crate::wire::{Encode, EncodeRow, Sink, to_vec};

/// The builders that every write has.
macro_rules! write_builders {
    () => {
        /// Sets the condition.
        pub fn condition(mut self, condition: Condition) -> Self {
            self.condition = condition;
            self
        }

        /// Marks it as repeatable: see the field.
        pub fn idempotent(mut self) -> Self {
            self.idempotent = true;
            self
        }

        /// Writes inside a local transaction.
        pub fn in_transaction(mut self, transaction: &TransactionId) -> Self {
            self.transaction = Some(transaction.clone());
            self
        }

        /// The body of the request: a [`crate::messages::WriteRowRequest`].
        pub fn to_body(&self) -> Vec<u8> {
            to_vec(self)
        }
    };
}

/// Replaces a whole row.
#[derive(Clone, Debug)]
pub struct PutRow {
    /// Table name.
    pub table: Name,
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
    /// Writes inside a local transaction.
    pub transaction: Option<TransactionId>,
}

impl PutRow {
    /// A row without columns, put without a condition.
    pub fn new(table: impl Into<Name>, primary_key: PrimaryKey) -> Self {
        Self {
            table: table.into(),
            primary_key,
            columns: Vec::new(),
            condition: Condition::ignore(),
            return_primary_key: false,
            idempotent: false,
            transaction: None,
        }
    }

    /// Adds a column.
    pub fn column(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.columns.push(Column::new(name, value));
        self
    }

    /// Adds a column with a timestamp of the caller's, epoch milliseconds.
    pub fn column_at(mut self, name: impl Into<Name>, value: impl Into<Value>, timestamp: i64) -> Self {
        self.columns.push(Column::new(name, value).at(timestamp));
        self
    }

    /// Asks for the key in the answer.
    pub fn return_primary_key(mut self) -> Self {
        self.return_primary_key = true;
        self
    }

    write_builders!();
}

impl EncodeRow for PutRow {
    fn encode_row(&self, out: &mut impl RowSink) {
        self.primary_key.encode_row(out);
        self.columns.iter().for_each(|column| out.cell(&column.borrow()));
    }
}

impl Encode for PutRow {
    fn encode(&self, out: &mut impl Sink) {
        let returns = if self.return_primary_key { Return::PrimaryKey } else { Return::Nothing };
        out.bytes(1, self.table.as_bytes());
        out.row(2, self);
        out.message(3, &self.condition);
        returns.encode(4, &[], out);
        self.transaction.iter().for_each(|transaction| out.bytes(5, &transaction.0));
    }
}

/// One change of [`UpdateRow`].
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Puts a version of a column.
    Put(Column),
    /// Deletes a column, all its versions.
    Delete(Name),
    /// Deletes one version of a column: its name and timestamp (epoch milliseconds).
    DeleteVersion(Name, i64),
    /// Adds to an integer column; an absent one counts as zero.
    Increment(Name, i64),
}

impl Change {
    fn cell(&self) -> CellRef<'_> {
        let deleted = |name, op, timestamp| CellRef { name, value: None, op: Some(op), timestamp };
        match self {
            Self::Put(column) => column.borrow(),
            Self::Delete(name) => deleted(name, CellOp::DeleteAllVersions, None),
            Self::DeleteVersion(name, at) => deleted(name, CellOp::DeleteOneVersion, Some(*at)),
            Self::Increment(name, delta) => {
                CellRef { op: Some(CellOp::Increment), ..CellRef::new(name, ValueRef::Integer(*delta)) }
            }
        }
    }
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

impl Return {
    /// As the field `field`; `changes` say which columns are incremented.
    pub(super) fn encode(self, field: u8, changes: &[Change], out: &mut impl Sink) {
        if self != Self::Nothing {
            out.message(field, &Returned(self, changes));
        }
    }
}

struct Returned<'a>(Return, &'a [Change]);

impl Encode for Returned<'_> {
    fn encode(&self, out: &mut impl Sink) {
        match self.0 {
            Return::Nothing => {}
            Return::PrimaryKey => out.int(1, ReturnType::RtPk as i32),
            Return::Incremented => {
                out.int(1, ReturnType::RtAfterModify as i32);
                for change in self.1 {
                    if let Change::Increment(name, _) = change {
                        out.bytes(2, name.as_bytes());
                    }
                }
            }
        }
    }
}

/// Changes columns of a row, and creates it when it does not exist.
#[derive(Clone, Debug)]
pub struct UpdateRow {
    /// Table name.
    pub table: Name,
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
    /// Writes inside a local transaction.
    pub transaction: Option<TransactionId>,
}

impl UpdateRow {
    /// An update without changes or condition.
    pub fn new(table: impl Into<Name>, primary_key: PrimaryKey) -> Self {
        Self {
            table: table.into(),
            primary_key,
            changes: Vec::new(),
            condition: Condition::ignore(),
            returns: Return::Nothing,
            idempotent: false,
            transaction: None,
        }
    }

    /// Puts a column.
    pub fn put(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.changes.push(Change::Put(Column::new(name, value)));
        self
    }

    /// Puts a version of a column with a timestamp of the caller's, epoch milliseconds.
    pub fn put_at(mut self, name: impl Into<Name>, value: impl Into<Value>, timestamp: i64) -> Self {
        self.changes.push(Change::Put(Column::new(name, value).at(timestamp)));
        self
    }

    /// Deletes a column, all its versions.
    pub fn delete(mut self, name: impl Into<Name>) -> Self {
        self.changes.push(Change::Delete(name.into()));
        self
    }

    /// Deletes the version of a column that has this timestamp, epoch milliseconds.
    pub fn delete_version(mut self, name: impl Into<Name>, timestamp: i64) -> Self {
        self.changes.push(Change::DeleteVersion(name.into(), timestamp));
        self
    }

    /// Adds `delta` to an integer column.
    pub fn increment(mut self, name: impl Into<Name>, delta: i64) -> Self {
        self.changes.push(Change::Increment(name.into(), delta));
        self
    }

    /// Asks for the key in the answer.
    pub fn return_primary_key(mut self) -> Self {
        self.returns = Return::PrimaryKey;
        self
    }

    /// Asks for the incremented columns in the answer.
    pub fn return_incremented(mut self) -> Self {
        self.returns = Return::Incremented;
        self
    }

    write_builders!();
}

impl EncodeRow for UpdateRow {
    fn encode_row(&self, out: &mut impl RowSink) {
        self.primary_key.encode_row(out);
        self.changes.iter().for_each(|change| out.cell(&change.cell()));
    }
}

impl Encode for UpdateRow {
    fn encode(&self, out: &mut impl Sink) {
        out.bytes(1, self.table.as_bytes());
        out.row(2, self);
        out.message(3, &self.condition);
        self.returns.encode(4, &self.changes, out);
        self.transaction.iter().for_each(|transaction| out.bytes(5, &transaction.0));
    }
}

/// Deletes a row.
#[derive(Clone, Debug)]
pub struct DeleteRow {
    /// Table name.
    pub table: Name,
    /// Which row.
    pub primary_key: PrimaryKey,
    /// What must be true before.
    pub condition: Condition,
    /// Whether the answer holds the key.
    pub return_primary_key: bool,
    /// As [`PutRow::idempotent`].
    pub idempotent: bool,
    /// Writes inside a local transaction.
    pub transaction: Option<TransactionId>,
}

impl DeleteRow {
    /// A deletion without a condition.
    pub fn new(table: impl Into<Name>, primary_key: PrimaryKey) -> Self {
        Self {
            table: table.into(),
            primary_key,
            condition: Condition::ignore(),
            return_primary_key: false,
            idempotent: false,
            transaction: None,
        }
    }

    /// Asks for the key in the answer.
    pub fn return_primary_key(mut self) -> Self {
        self.return_primary_key = true;
        self
    }

    write_builders!();
}

impl EncodeRow for DeleteRow {
    fn encode_row(&self, out: &mut impl RowSink) {
        self.primary_key.encode_row(out);
        out.delete_marker();
    }
}

impl Encode for DeleteRow {
    fn encode(&self, out: &mut impl Sink) {
        let returns = if self.return_primary_key { Return::PrimaryKey } else { Return::Nothing };
        out.bytes(1, self.table.as_bytes());
        out.row(2, self);
        out.message(3, &self.condition);
        returns.encode(4, &[], out);
        self.transaction.iter().for_each(|transaction| out.bytes(5, &transaction.0));
    }
}

/// What a write answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// What the request asked for.
    pub row: Option<Row>,
    /// Read capacity units used: a condition reads.
    pub read_units: i32,
    /// Write capacity units used.
    pub write_units: i32,
}
