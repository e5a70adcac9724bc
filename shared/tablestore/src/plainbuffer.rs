//! PlainBuffer: how rows are written inside the protobuf messages.
//!
//! ```text
//! plainbuffer = 75 00 00 00  row+
//! row   = 01 cell*  [02 cell+]  [08]  09 crc8          01 key, 02 attributes, 08 delete marker
//! cell  = 03  04 len:u32 name  [05 size:u32 type:u8 data]  [06 op:u8]  [07 ts:i64]  0A crc8
//! ```
//!
//! Integers are little-endian. This is what every official SDK writes and the service answers; the
//! grammar in the Tablestore documentation leaves out the value's size. The cell's checksum covers the
//! name, the type byte, the data, then the timestamp and then the operation (the reverse of their order
//! on the wire); the row's covers the cells' checksums and one byte for the delete marker.

mod crc8;
mod read;
mod write;

pub use crc8::crc8;
pub(crate) use read::locate;
pub use read::{Cells, Malformed, Rows, read_bare_value, rows, single_row};
pub(crate) use write::{RowLen, RowSink, bare_len};
pub use write::{Writer, write_bare_value};

/// First four bytes of every non-empty PlainBuffer.
pub const HEADER: [u8; 4] = [0x75, 0, 0, 0];

mod tag {
    pub const ROW_PK: u8 = 0x01;
    pub const ROW_DATA: u8 = 0x02;
    pub const CELL: u8 = 0x03;
    pub const CELL_NAME: u8 = 0x04;
    pub const CELL_VALUE: u8 = 0x05;
    pub const CELL_OP: u8 = 0x06;
    pub const CELL_TIMESTAMP: u8 = 0x07;
    pub const DELETE_ROW_MARKER: u8 = 0x08;
    pub const ROW_CHECKSUM: u8 = 0x09;
    pub const CELL_CHECKSUM: u8 = 0x0A;
}

mod kind {
    pub const INTEGER: u8 = 0x00;
    pub const DOUBLE: u8 = 0x01;
    pub const BOOLEAN: u8 = 0x02;
    pub const STRING: u8 = 0x03;
    pub const BLOB: u8 = 0x07;
    pub const INF_MIN: u8 = 0x09;
    pub const INF_MAX: u8 = 0x0A;
    pub const AUTO_INCREMENT: u8 = 0x0B;
}

/// A value, borrowed from the buffer it was read from or is written from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'a> {
    /// 64 bit, signed.
    Integer(i64),
    /// IEEE 754, 64 bit.
    Double(f64),
    /// True or false.
    Boolean(bool),
    /// UTF-8.
    String(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
    /// Before every value; in key ranges only.
    InfMin,
    /// After every value; in key ranges only.
    InfMax,
    /// Stands for the key value that the service chooses; in writes only.
    AutoIncrement,
}

impl<'a> ValueRef<'a> {
    /// The integer, if it is one.
    pub fn as_int(self) -> Option<i64> {
        if let Self::Integer(value) = self { Some(value) } else { None }
    }

    /// The double, if it is one.
    pub fn as_double(self) -> Option<f64> {
        if let Self::Double(value) = self { Some(value) } else { None }
    }

    /// The boolean, if it is one.
    pub fn as_bool(self) -> Option<bool> {
        if let Self::Boolean(value) = self { Some(value) } else { None }
    }

    /// The string, if it is one.
    pub fn as_str(self) -> Option<&'a str> {
        if let Self::String(value) = self { Some(value) } else { None }
    }

    /// The bytes, if it is binary.
    pub fn as_bytes(self) -> Option<&'a [u8]> {
        if let Self::Binary(value) = self { Some(value) } else { None }
    }
}

/// What a cell of an UpdateRow does; a cell without one puts its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellOp {
    /// Deletes every version; no value, no timestamp.
    DeleteAllVersions,
    /// Deletes the version of the timestamp; no value.
    DeleteOneVersion,
    /// Adds the value to the stored one.
    Increment,
}

impl CellOp {
    fn code(self) -> u8 {
        match self {
            Self::DeleteAllVersions => 0x01,
            Self::DeleteOneVersion => 0x03,
            Self::Increment => 0x04,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        match code {
            0x01 => Some(Self::DeleteAllVersions),
            0x03 => Some(Self::DeleteOneVersion),
            0x04 => Some(Self::Increment),
            _ => None,
        }
    }
}

/// One cell: a key column (name and value only) or one version of an attribute column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CellRef<'a> {
    /// Column name.
    pub name: &'a str,
    /// Absent in deletions.
    pub value: Option<ValueRef<'a>>,
    /// Absent in answers, PutRow, and puts of UpdateRow.
    pub op: Option<CellOp>,
    /// Epoch milliseconds.
    pub timestamp: Option<i64>,
}

impl<'a> CellRef<'a> {
    /// A cell with a name and a value only.
    pub fn new(name: &'a str, value: ValueRef<'a>) -> Self {
        Self { name, value: Some(value), op: None, timestamp: None }
    }
}

/// The u32 length before a name or value. Both are bounded far below 4 GiB: a request body may hold
/// 5 MB, and longer ones are refused before they are sent.
fn length(bytes: &[u8]) -> [u8; 4] {
    (bytes.len() as u32).to_le_bytes()
}

/// One row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowRef<'a> {
    /// In the order of the table's key.
    pub primary_key: Vec<CellRef<'a>>,
    /// Attribute cells; in answers by name ascending, versions newest first.
    pub columns: Vec<CellRef<'a>>,
    /// The row is to be deleted.
    pub delete_marker: bool,
}

#[cfg(test)]
pub(crate) mod tests;
