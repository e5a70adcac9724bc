//! Rows as they were read.

use std::fmt;

use bytes::Bytes;

use crate::plainbuffer::{CellRef, Cells, Malformed, ValueRef, Writer, locate};
use crate::value::{Column, Key, PrimaryKey};
use crate::wire::EncodeRow;

/// A row as it was read: a window on the answer's bytes, whose checksums were verified. Cheap to clone;
/// nothing is copied until it is asked for. As long as it lives, so does the whole answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// From the first key cell to the row's checksum.
    bytes: Bytes,
    /// Bytes of the key cells.
    key_len: usize,
}

impl Row {
    /// A row made by hand, as fakes of the service need it. Columns stand by name, versions newest first.
    pub fn new(primary_key: &PrimaryKey, columns: &[Column]) -> Self {
        let mut writer = Writer::with_capacity(256);
        primary_key.encode_row(&mut writer);
        for column in columns {
            writer.cell(&column.borrow());
        }
        writer.end_row();
        // What the writer writes can be read, and keys and columns hold nothing that they may not.
        let row = Self::from_plainbuffer(&writer.finish().into()).expect("read a row that was just written");
        row.expect("one row was written")
    }

    /// The key columns, in the order of the table.
    pub fn key(&self) -> Cells<'_> {
        Cells::of_key(self.bytes.get(..self.key_len).unwrap_or_default())
    }

    /// The attribute columns by name, versions newest first.
    pub fn columns(&self) -> Cells<'_> {
        Cells::of_columns(self.bytes.get(self.key_len..).unwrap_or_default())
    }

    /// A copy of the key.
    pub fn primary_key(&self) -> PrimaryKey {
        let column = |cell: CellRef<'_>| Some((cell.name.to_owned().into(), Key::copy_of(cell.value?)?));
        PrimaryKey(self.key().filter_map(column).collect())
    }

    /// The newest version of the column `name`.
    pub fn get(&self, name: &str) -> Option<ValueRef<'_>> {
        self.columns().value_of(name)
    }

    /// The column `name` when it is a string.
    pub fn get_str(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// The column `name` when it is an integer.
    pub fn get_int(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_int()
    }

    /// The column `name` when it is a double.
    pub fn get_double(&self, name: &str) -> Option<f64> {
        self.get(name)?.as_double()
    }

    /// The column `name` when it is a boolean.
    pub fn get_bool(&self, name: &str) -> Option<bool> {
        self.get(name)?.as_bool()
    }

    /// The column `name` when it is binary.
    pub fn get_bytes(&self, name: &str) -> Option<&[u8]> {
        self.get(name)?.as_bytes()
    }

    /// The key column `name`.
    pub fn get_key(&self, name: &str) -> Option<ValueRef<'_>> {
        self.key().value_of(name)
    }

    /// The key column `name` when it is a string.
    pub fn key_str(&self, name: &str) -> Option<&str> {
        self.get_key(name)?.as_str()
    }

    /// The key column `name` when it is an integer.
    pub fn key_int(&self, name: &str) -> Option<i64> {
        self.get_key(name)?.as_int()
    }

    /// Reads the one row of `buffer`; None for zero bytes.
    ///
    /// # Errors
    /// When the buffer is malformed or holds more than one row.
    pub fn from_plainbuffer(buffer: &Bytes) -> Result<Option<Self>, Malformed> {
        let mut rows = Self::each_in(buffer);
        let row = rows.next().transpose()?;
        match rows.next() {
            None => Ok(row),
            Some(_) => Err(Malformed { at: 0, what: "more than one row" }),
        }
    }

    /// Reads all rows of `buffer`.
    ///
    /// # Errors
    /// When the buffer is malformed.
    pub fn all_from_plainbuffer(buffer: &Bytes) -> Result<Vec<Self>, Malformed> {
        Self::each_in(buffer).collect()
    }

    fn each_in(buffer: &Bytes) -> impl Iterator<Item = Result<Self, Malformed>> {
        locate(buffer).map(|row| {
            row.map(|row| Self { bytes: buffer.slice(row.start..row.end), key_len: row.key_end - row.start })
        })
    }

    /// The same row with the columns of `more` behind its own.
    pub(crate) fn joined(&self, more: &Self) -> Self {
        let mut writer = Writer::with_capacity(self.bytes.len() + more.bytes.len());
        for cell in self.key() {
            writer.key(cell.name, cell.value.unwrap_or(ValueRef::InfMin));
        }
        for cell in self.columns().chain(more.columns()) {
            writer.cell(&cell);
        }
        writer.end_row();
        let key_len = self.key_len;
        // Header and tag stand before the key.
        Self { bytes: Bytes::from(writer.finish()).slice(5..), key_len }
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row")
            .field("key", &self.key().collect::<Vec<_>>())
            .field("columns", &self.columns().collect::<Vec<_>>())
            .finish()
    }
}
