//! Values, keys and columns as callers hold them.

use std::borrow::Cow;

use crate::plainbuffer::{CellRef, Malformed, RowSink, ValueRef, Writer, single_row};
use crate::wire::EncodeRow;

/// The name of a table or column. Most are constants of the program, which need no copy.
pub type Name = Cow<'static, str>;

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
pub struct PrimaryKey(pub Vec<(Name, Key)>);

impl PrimaryKey {
    /// A key whose first column is `name`.
    pub fn new(name: impl Into<Name>, value: impl Into<Key>) -> Self {
        Self::default().and(name, value)
    }

    /// Adds the next column.
    pub fn and(mut self, name: impl Into<Name>, value: impl Into<Key>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }

    /// The key before every row: where a range over the whole table begins.
    pub fn min<N: Into<Name>>(names: impl IntoIterator<Item = N>) -> Self {
        Self(names.into_iter().map(|name| (name.into(), Key::Min)).collect())
    }

    /// The key after every row.
    pub fn max<N: Into<Name>>(names: impl IntoIterator<Item = N>) -> Self {
        Self(names.into_iter().map(|name| (name.into(), Key::Max)).collect())
    }

    /// The value of the column `name`.
    pub fn get(&self, name: &str) -> Option<&Key> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// As PlainBuffer: a row with a key only.
    pub fn to_plainbuffer(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(64);
        self.encode_row(&mut writer);
        writer.end_row();
        writer.finish()
    }

    /// Reads a key: the key of the one row in `buffer`.
    ///
    /// # Errors
    /// When the buffer is malformed, or holds no row or more than one.
    pub fn from_plainbuffer(buffer: &[u8]) -> Result<Self, Malformed> {
        let row = single_row(buffer)?.ok_or(Malformed { at: 0, what: "no row" })?;
        let column = |cell: &CellRef<'_>| Some((cell.name.to_owned().into(), Key::copy_of(cell.value?)?));
        let columns = row.primary_key.iter().map(column).collect::<Option<_>>();
        columns.map(Self).ok_or(Malformed { at: 0, what: "a key column has no key value" })
    }
}

impl EncodeRow for PrimaryKey {
    fn encode_row(&self, out: &mut impl RowSink) {
        for (name, value) in &self.0 {
            out.key(name, value.borrow());
        }
    }
}

/// One version of an attribute column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Column name.
    pub name: Name,
    /// Its value.
    pub value: Value,
    /// Epoch milliseconds. In a write, None lets the service choose; in an answer it is always there.
    pub timestamp: Option<i64>,
}

impl Column {
    /// A column whose timestamp the service chooses.
    pub fn new(name: impl Into<Name>, value: impl Into<Value>) -> Self {
        Self { name: name.into(), value: value.into(), timestamp: None }
    }

    /// The same with a timestamp of the caller's, epoch milliseconds.
    pub fn at(self, timestamp: i64) -> Self {
        Self { timestamp: Some(timestamp), ..self }
    }

    /// Borrows it for writing.
    pub fn borrow(&self) -> CellRef<'_> {
        CellRef { timestamp: self.timestamp, ..CellRef::new(&self.name, self.value.borrow()) }
    }

    /// Copies it out of a buffer; None for a cell without an attribute value.
    pub fn copy_of(cell: CellRef<'_>) -> Option<Self> {
        let value = Value::copy_of(cell.value?)?;
        Some(Self { name: cell.name.to_owned().into(), value, timestamp: cell.timestamp })
    }
}
