//! Reading PlainBuffer. Names and values are borrowed; nothing is allocated by a length that the
//! buffer only claims.

use super::{CellOp, CellRef, HEADER, RowRef, ValueRef, crc8, kind, tag};

/// Why bytes are not PlainBuffer.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("PlainBuffer broken at byte {at}: {what}")]
pub struct Malformed {
    /// Offset from the start of the buffer.
    pub at: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// The rows of `buffer`, one after the other. Zero bytes hold no rows. After an error there are no more.
pub fn rows(buffer: &[u8]) -> Rows<'_> {
    Rows { reader: Reader { buffer, at: 0 }, state: State::Start }
}

/// The one row of `buffer`, or None for zero bytes.
///
/// # Errors
/// When the bytes are malformed or hold more than one row.
pub fn single_row(buffer: &[u8]) -> Result<Option<RowRef<'_>>, Malformed> {
    let mut rows = rows(buffer);
    let row = rows.next().transpose()?;
    match rows.next() {
        None => Ok(row),
        Some(_) => Err(rows.reader.broken("more than one row")),
    }
}

/// Reads a type byte and data that fill `bytes` (filter values, partition bounds).
///
/// # Errors
/// When the type is unknown, or bytes are missing or left over.
pub fn read_bare_value(bytes: &[u8]) -> Result<ValueRef<'_>, Malformed> {
    let mut reader = Reader { buffer: bytes, at: 0 };
    let value = reader.value()?;
    if reader.at == bytes.len() { Ok(value) } else { Err(reader.broken("bytes after the value")) }
}

/// Iterator over rows, made by [`rows`].
#[derive(Debug)]
pub struct Rows<'a> {
    reader: Reader<'a>,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Start,
    Rows,
    Ended,
}

impl<'a> Iterator for Rows<'a> {
    type Item = Result<RowRef<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Ended || self.reader.at == self.reader.buffer.len() {
            return None;
        }
        if self.state == State::Start {
            match self.reader.array() {
                Ok(HEADER) => self.state = State::Rows,
                _ => {
                    self.state = State::Ended;
                    return Some(Err(Malformed { at: 0, what: "mismatch header" }));
                }
            }
            if self.reader.at == self.reader.buffer.len() {
                self.state = State::Ended;
                return Some(Err(self.reader.broken("no row after the header")));
            }
        }
        let row = self.reader.row();
        if row.is_err() {
            self.state = State::Ended;
        }
        Some(row)
    }
}

#[derive(Debug)]
struct Reader<'a> {
    buffer: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn broken(&self, what: &'static str) -> Malformed {
        Malformed { at: self.at, what }
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], Malformed> {
        let rest = &self.buffer[self.at..];
        let taken = rest.get(..n).ok_or(self.broken("ends too early"))?;
        self.at += n;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.array::<1>()?[0])
    }

    fn prefixed(&mut self) -> Result<&'a [u8], Malformed> {
        let length = u32::from_le_bytes(self.array()?);
        self.take(length as usize)
    }

    /// Takes the next byte if it is `tag`.
    fn found(&mut self, tag: u8) -> bool {
        let found = self.buffer.get(self.at) == Some(&tag);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, tag: u8, what: &'static str) -> Result<(), Malformed> {
        if self.found(tag) { Ok(()) } else { Err(self.broken(what)) }
    }

    fn row(&mut self) -> Result<RowRef<'a>, Malformed> {
        let mut row = RowRef::default();
        let mut crc = 0;
        self.expect(tag::ROW_PK, "no primary key at the start of the row")?;
        while self.found(tag::CELL) {
            row.primary_key.push(self.cell(&mut crc)?);
        }
        if self.found(tag::ROW_DATA) {
            while self.found(tag::CELL) {
                row.columns.push(self.cell(&mut crc)?);
            }
        }
        row.delete_marker = self.found(tag::DELETE_ROW_MARKER);
        self.expect(tag::ROW_CHECKSUM, "row is not end with checksum tag")?;
        if self.byte()? != crc8(crc, &[u8::from(row.delete_marker)]) {
            return Err(self.broken("row checksum is mismatch"));
        }
        Ok(row)
    }

    fn cell(&mut self, row_crc: &mut u8) -> Result<CellRef<'a>, Malformed> {
        self.expect(tag::CELL_NAME, "cell without a name")?;
        let name = self.prefixed()?;
        let name = std::str::from_utf8(name).map_err(|_| self.broken("column name is not UTF-8"))?;
        let mut cell = CellRef { name, value: None, op: None, timestamp: None };
        if self.found(tag::CELL_VALUE) {
            let size = u32::from_le_bytes(self.array()?) as usize;
            let start = self.at;
            cell.value = Some(self.value()?);
            if self.at - start != size {
                return Err(self.broken("value size is mismatch"));
            }
        }
        if self.found(tag::CELL_OP) {
            let code = self.byte()?;
            cell.op = Some(CellOp::from_code(code).ok_or(self.broken("unknown cell operation"))?);
        }
        if self.found(tag::CELL_TIMESTAMP) {
            cell.timestamp = Some(i64::from_le_bytes(self.array()?));
        }
        self.expect(tag::CELL_CHECKSUM, "cell is not end with checksum tag")?;
        let crc = self.byte()?;
        if crc != cell.checksum() {
            return Err(self.broken("cell checksum is mismatch"));
        }
        *row_crc = crc8(*row_crc, &[crc]);
        Ok(cell)
    }

    fn value(&mut self) -> Result<ValueRef<'a>, Malformed> {
        Ok(match self.byte()? {
            kind::INTEGER => ValueRef::Integer(i64::from_le_bytes(self.array()?)),
            kind::DOUBLE => ValueRef::Double(f64::from_le_bytes(self.array()?)),
            kind::BOOLEAN => match self.byte()? {
                0 => ValueRef::Boolean(false),
                1 => ValueRef::Boolean(true),
                _ => return Err(self.broken("boolean is neither 0 nor 1")),
            },
            kind::STRING => {
                let bytes = self.prefixed()?;
                ValueRef::String(std::str::from_utf8(bytes).map_err(|_| self.broken("string is not UTF-8"))?)
            }
            kind::BLOB => ValueRef::Binary(self.prefixed()?),
            kind::INF_MIN => ValueRef::InfMin,
            kind::INF_MAX => ValueRef::InfMax,
            kind::AUTO_INCREMENT => ValueRef::AutoIncrement,
            _ => return Err(self.broken("unknown value type")),
        })
    }
}
