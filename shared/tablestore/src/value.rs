//! Values, keys and rows as callers hold them.

use crate::plainbuffer::{CellRef, Malformed, RowRef, ValueRef, Writer, rows, single_row};

/// The value of an attribute column.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// 64 bit, signed.
    Integer(i64),
    /// UTF-8, at most 2 MiB.
    String(String),
    /// Not NaN, not infinite.
    Double(f64),
    /// True or false.
    Boolean(bool),
    /// At most 2 MiB.
    Binary(Vec<u8>),
}

/// The value of a primary key column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// 64 bit, signed.
    Integer(i64),
    /// UTF-8, at most 1024 bytes.
    String(String),
    /// At most 1024 bytes.
    Binary(Vec<u8>),
    /// Before every value; in key ranges only.
    Min,
    /// After every value; in key ranges only.
    Max,
    /// The service chooses; in writes only.
    AutoIncrement,
}

impl Value {
    /// Borrows it for writing.
    pub fn borrow(&self) -> ValueRef<'_> {
        match self {
            Self::Integer(v) => ValueRef::Integer(*v),
            Self::String(v) => ValueRef::String(v),
            Self::Double(v) => ValueRef::Double(*v),
            Self::Boolean(v) => ValueRef::Boolean(*v),
            Self::Binary(v) => ValueRef::Binary(v),
        }
    }

    /// Copies it out of a buffer; None for what is no attribute value.
    pub fn copy_of(value: ValueRef<'_>) -> Option<Self> {
        Some(match value {
            ValueRef::Integer(v) => Self::Integer(v),
            ValueRef::String(v) => Self::String(v.into()),
            ValueRef::Double(v) => Self::Double(v),
            ValueRef::Boolean(v) => Self::Boolean(v),
            ValueRef::Binary(v) => Self::Binary(v.into()),
            ValueRef::InfMin | ValueRef::InfMax | ValueRef::AutoIncrement => return None,
        })
    }
}

impl Key {
    /// Borrows it for writing.
    pub fn borrow(&self) -> ValueRef<'_> {
        match self {
            Self::Integer(v) => ValueRef::Integer(*v),
            Self::String(v) => ValueRef::String(v),
            Self::Binary(v) => ValueRef::Binary(v),
            Self::Min => ValueRef::InfMin,
            Self::Max => ValueRef::InfMax,
            Self::AutoIncrement => ValueRef::AutoIncrement,
        }
    }

    /// Copies it out of a buffer; None for what is no key value.
    pub fn copy_of(value: ValueRef<'_>) -> Option<Self> {
        Some(match value {
            ValueRef::Integer(v) => Self::Integer(v),
            ValueRef::String(v) => Self::String(v.into()),
            ValueRef::Binary(v) => Self::Binary(v.into()),
            ValueRef::InfMin => Self::Min,
            ValueRef::InfMax => Self::Max,
            ValueRef::AutoIncrement => Self::AutoIncrement,
            ValueRef::Double(_) | ValueRef::Boolean(_) => return None,
        })
    }
}

macro_rules! from {
    ($($into:ident::$variant:ident from $from:ty),* $(,)?) => {
        $(impl From<$from> for $into {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        })*
    };
}

from! {
    Value::Integer from i64, Value::Integer from i32, Value::Integer from u32,
    Value::String from String, Value::String from &str,
    Value::Double from f64, Value::Boolean from bool,
    Value::Binary from Vec<u8>, Value::Binary from &[u8],
    Key::Integer from i64, Key::Integer from i32, Key::Integer from u32,
    Key::String from String, Key::String from &str,
    Key::Binary from Vec<u8>, Key::Binary from &[u8],
}

/// A primary key: its columns in the order of the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrimaryKey(pub Vec<(String, Key)>);

impl PrimaryKey {
    /// A key whose first column is `name`.
    pub fn new(name: impl Into<String>, value: impl Into<Key>) -> Self {
        Self::default().and(name, value)
    }

    /// Adds the next column.
    pub fn and(mut self, name: impl Into<String>, value: impl Into<Key>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }

    /// The key before every row: where a range over the whole table begins.
    pub fn min<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(|name| (name.into(), Key::Min)).collect())
    }

    /// The key after every row.
    pub fn max<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(|name| (name.into(), Key::Max)).collect())
    }

    /// The value of the column `name`.
    pub fn get(&self, name: &str) -> Option<&Key> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// As PlainBuffer: a row with a key only.
    pub fn to_plainbuffer(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(64);
        self.write(&mut writer);
        writer.end_row();
        writer.finish()
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        for (name, value) in &self.0 {
            writer.key(name, value.borrow());
        }
    }

    fn copy_of(cells: &[CellRef<'_>]) -> Result<Self, Malformed> {
        let column = |cell: &CellRef<'_>| Some((cell.name.to_owned(), Key::copy_of(cell.value?)?));
        let columns = cells.iter().map(column).collect::<Option<_>>();
        columns.map(Self).ok_or(Malformed { at: 0, what: "a key column has no key value" })
    }

    /// Reads a key: the key of the one row in `buffer`.
    ///
    /// # Errors
    /// When the buffer is malformed, or holds no row or more than one.
    pub fn from_plainbuffer(buffer: &[u8]) -> Result<Self, Malformed> {
        let row = single_row(buffer)?.ok_or(Malformed { at: 0, what: "no row" })?;
        Self::copy_of(&row.primary_key)
    }
}

/// One version of an attribute column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Column name.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// Epoch milliseconds. In a write, None lets the service choose; in an answer it is always there.
    pub timestamp: Option<i64>,
}

/// A row as it was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Its key.
    pub primary_key: PrimaryKey,
    /// Its columns by name, versions newest first.
    pub columns: Vec<Column>,
}

impl Row {
    /// The newest version of the column `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.columns.iter().find(|column| column.name == name).map(|column| &column.value)
    }

    /// The column `name` when it is a string.
    pub fn get_str(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::String(value) => Some(value),
            _ => None,
        }
    }

    /// The column `name` when it is an integer.
    pub fn get_int(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Value::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// The column `name` when it is a double.
    pub fn get_double(&self, name: &str) -> Option<f64> {
        match self.get(name)? {
            Value::Double(value) => Some(*value),
            _ => None,
        }
    }

    /// The column `name` when it is a boolean.
    pub fn get_bool(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Value::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    /// The column `name` when it is binary.
    pub fn get_bytes(&self, name: &str) -> Option<&[u8]> {
        match self.get(name)? {
            Value::Binary(value) => Some(value),
            _ => None,
        }
    }

    /// The key column `name` when it is a string.
    pub fn key_str(&self, name: &str) -> Option<&str> {
        match self.primary_key.get(name)? {
            Key::String(value) => Some(value),
            _ => None,
        }
    }

    /// The key column `name` when it is an integer.
    pub fn key_int(&self, name: &str) -> Option<i64> {
        match self.primary_key.get(name)? {
            Key::Integer(value) => Some(*value),
            _ => None,
        }
    }

    fn copy_of(row: &RowRef<'_>) -> Result<Self, Malformed> {
        let column = |cell: &CellRef<'_>| {
            Some(Column { name: cell.name.to_owned(), value: Value::copy_of(cell.value?)?, timestamp: cell.timestamp })
        };
        let columns = row.columns.iter().map(column).collect::<Option<_>>();
        Ok(Self {
            primary_key: PrimaryKey::copy_of(&row.primary_key)?,
            columns: columns.ok_or(Malformed { at: 0, what: "a column has no value" })?,
        })
    }

    /// Reads the one row of `buffer`; None for zero bytes.
    ///
    /// # Errors
    /// When the buffer is malformed or holds more than one row.
    pub fn from_plainbuffer(buffer: &[u8]) -> Result<Option<Self>, Malformed> {
        single_row(buffer)?.map(|row| Self::copy_of(&row)).transpose()
    }

    /// Reads all rows of `buffer`.
    ///
    /// # Errors
    /// When the buffer is malformed.
    pub fn all_from_plainbuffer(buffer: &[u8]) -> Result<Vec<Self>, Malformed> {
        rows(buffer).map(|row| Self::copy_of(&row?)).collect()
    }
}
