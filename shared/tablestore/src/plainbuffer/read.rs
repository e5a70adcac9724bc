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
    Rows(Rest::new(buffer))
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
        Some(_) => Err(rows.0.reader.broken("more than one row")),
    }
}

/// Reads a type byte and data that fill `bytes` (filter values, partition bounds).
///
/// # Errors
/// When the type is unknown, or bytes are missing or left over.
pub fn read_bare_value(bytes: &[u8]) -> Result<ValueRef<'_>, Malformed> {
    let broken = |what| Malformed { at: 0, what };
    let Some((kind, data)) = bytes.split_first() else { return Err(broken("ends too early")) };
    let number = || <[u8; 8]>::try_from(data).map_err(|_| broken("value size is mismatch"));
    let prefixed = || match data.split_first_chunk() {
        Some((length, bytes)) if u32::from_le_bytes(*length) as usize == bytes.len() => Ok(bytes),
        Some((length, bytes)) if u32::from_le_bytes(*length) as usize > bytes.len() => Err(broken("ends too early")),
        _ => Err(broken("value size is mismatch")),
    };
    let nothing = |value| if data.is_empty() { Ok(value) } else { Err(broken("value size is mismatch")) };
    match *kind {
        kind::INTEGER => Ok(ValueRef::Integer(i64::from_le_bytes(number()?))),
        kind::DOUBLE => Ok(ValueRef::Double(f64::from_le_bytes(number()?))),
        kind::BOOLEAN => match data {
            [0] => Ok(ValueRef::Boolean(false)),
            [1] => Ok(ValueRef::Boolean(true)),
            _ => Err(broken("boolean is neither 0 nor 1")),
        },
        kind::STRING => {
            let text = std::str::from_utf8(prefixed()?);
            text.map(ValueRef::String).map_err(|_| broken("string is not UTF-8"))
        }
        kind::BLOB => Ok(ValueRef::Binary(prefixed()?)),
        kind::INF_MIN => nothing(ValueRef::InfMin),
        kind::INF_MAX => nothing(ValueRef::InfMax),
        kind::AUTO_INCREMENT => nothing(ValueRef::AutoIncrement),
        _ => Err(broken("unknown value type")),
    }
}

/// Iterator over rows, made by [`rows`].
#[derive(Debug)]
pub struct Rows<'a>(Rest<'a>);

impl<'a> Iterator for Rows<'a> {
    type Item = Result<RowRef<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next_row(|reader| {
            let mut row = RowRef::default();
            let delete_marker = reader.row(&mut |part, cell, _| match part {
                Part::Key => row.primary_key.push(cell),
                Part::Columns => row.columns.push(cell),
            })?;
            Ok(RowRef { delete_marker, ..row })
        })
    }
}

/// Where the cells of a row lie in a buffer; they were checked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RowAt {
    /// First byte of the first key cell.
    pub start: usize,
    /// First byte after the last key cell.
    pub key_end: usize,
    /// First byte after the row.
    pub end: usize,
}

/// Checks the rows of an answer and says where they lie; nothing is copied. A key holds key values, and
/// a column a value.
pub(crate) fn locate(buffer: &[u8]) -> impl Iterator<Item = Result<RowAt, Malformed>> {
    let mut rest = Rest::new(buffer);
    std::iter::from_fn(move || {
        rest.next_row(|reader| {
            let start = reader.at + 1;
            let mut key_end = start;
            let mut wrong = None;
            reader.row(&mut |part, cell, end| match (part, cell.value) {
                (Part::Key, None | Some(ValueRef::Double(_) | ValueRef::Boolean(_))) => {
                    wrong = Some("a key column has no key value");
                }
                (Part::Key, Some(_)) => key_end = end,
                (Part::Columns, None | Some(ValueRef::InfMin | ValueRef::InfMax | ValueRef::AutoIncrement)) => {
                    wrong = Some("a column has no value");
                }
                (Part::Columns, Some(_)) => {}
            })?;
            match wrong {
                Some(what) => Err(Malformed { at: start, what }),
                None => Ok(RowAt { start, key_end, end: reader.at }),
            }
        })
    })
}

/// The cells of one part of a [`crate::Row`].
#[derive(Clone, Debug)]
pub struct Cells<'a>(Reader<'a>);

impl<'a> Cells<'a> {
    /// From a row's first key cell on.
    pub(crate) fn of_key(checked: &'a [u8]) -> Self {
        Self(Reader { buffer: checked, at: 0 })
    }

    /// From the end of a row's key on.
    pub(crate) fn of_columns(checked: &'a [u8]) -> Self {
        let mut reader = Reader { buffer: checked, at: 0 };
        // Without the tag there are no columns, and what stands there instead begins no cell.
        reader.found(tag::ROW_DATA);
        Self(reader)
    }

    /// The value of the first cell called `name`. The other cells are passed over, not read.
    pub fn value_of(mut self, name: &str) -> Option<ValueRef<'a>> {
        while self.0.found(tag::CELL) {
            let cell = self.0.raw_cell().ok()?;
            if cell.name == name.as_bytes() {
                return read_bare_value(cell.value?).ok();
            }
        }
        None
    }
}

impl<'a> Iterator for Cells<'a> {
    type Item = CellRef<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        // Nothing can be wrong with bytes that were checked.
        if self.0.found(tag::CELL) { self.0.raw_cell().ok()?.read(0).ok() } else { None }
    }
}

/// What is left of a buffer.
#[derive(Debug)]
struct Rest<'a> {
    reader: Reader<'a>,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Start,
    Rows,
    Ended,
}

impl<'a> Rest<'a> {
    fn new(buffer: &'a [u8]) -> Self {
        Self { reader: Reader { buffer, at: 0 }, state: State::Start }
    }

    fn next_row<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, Malformed>,
    ) -> Option<Result<T, Malformed>> {
        if self.state == State::Ended || self.reader.at == self.reader.buffer.len() {
            return None;
        }
        let row = self.header().and_then(|()| read(&mut self.reader));
        if row.is_err() {
            self.state = State::Ended;
        }
        Some(row)
    }

    fn header(&mut self) -> Result<(), Malformed> {
        if self.state == State::Start {
            match self.reader.array() {
                Ok(HEADER) => self.state = State::Rows,
                _ => return Err(Malformed { at: 0, what: "mismatch header" }),
            }
            if self.reader.at == self.reader.buffer.len() {
                return Err(self.reader.broken("no row after the header"));
            }
        }
        Ok(())
    }
}

/// The two parts of a row.
enum Part {
    Key,
    Columns,
}

/// A cell whose parts were told apart, but not read.
struct RawCell<'a> {
    name: &'a [u8],
    /// Type byte and data.
    value: Option<&'a [u8]>,
    op: Option<u8>,
    timestamp: Option<[u8; 8]>,
    checksum: u8,
}

impl<'a> RawCell<'a> {
    fn computed_checksum(&self) -> u8 {
        let mut crc = crc8(0, self.name);
        if let Some(value) = self.value {
            crc = crc8(crc, value);
        }
        if let Some(timestamp) = &self.timestamp {
            crc = crc8(crc, timestamp);
        }
        if let Some(op) = self.op {
            crc = crc8(crc, &[op]);
        }
        crc
    }

    /// `at` is for the error only.
    fn read(&self, at: usize) -> Result<CellRef<'a>, Malformed> {
        let broken = |what| Malformed { at, what };
        Ok(CellRef {
            name: std::str::from_utf8(self.name).map_err(|_| broken("column name is not UTF-8"))?,
            value: match self.value {
                Some(value) => Some(read_bare_value(value).map_err(|error| broken(error.what))?),
                None => None,
            },
            op: match self.op {
                Some(code) => Some(CellOp::from_code(code).ok_or(broken("unknown cell operation"))?),
                None => None,
            },
            timestamp: self.timestamp.map(i64::from_le_bytes),
        })
    }
}

#[derive(Clone, Debug)]
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
        let array = self.buffer[self.at..].first_chunk().ok_or(self.broken("ends too early"))?;
        self.at += N;
        Ok(*array)
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

    /// Reads a row, with its checksums; `visit` is given each cell and where it ends. Answers whether the
    /// row has a delete marker.
    fn row(&mut self, visit: &mut impl FnMut(Part, CellRef<'a>, usize)) -> Result<bool, Malformed> {
        let mut crc = 0;
        self.expect(tag::ROW_PK, "no primary key at the start of the row")?;
        while self.found(tag::CELL) {
            let cell = self.cell(&mut crc)?;
            visit(Part::Key, cell, self.at);
        }
        if self.found(tag::ROW_DATA) {
            while self.found(tag::CELL) {
                let cell = self.cell(&mut crc)?;
                visit(Part::Columns, cell, self.at);
            }
        }
        let delete_marker = self.found(tag::DELETE_ROW_MARKER);
        self.expect(tag::ROW_CHECKSUM, "row is not end with checksum tag")?;
        let [checksum] = self.array()?;
        if checksum != crc8(crc, &[u8::from(delete_marker)]) {
            return Err(self.broken("row checksum is mismatch"));
        }
        Ok(delete_marker)
    }

    fn cell(&mut self, row_crc: &mut u8) -> Result<CellRef<'a>, Malformed> {
        let raw = self.raw_cell()?;
        if raw.checksum != raw.computed_checksum() {
            return Err(self.broken("cell checksum is mismatch"));
        }
        *row_crc = crc8(*row_crc, &[raw.checksum]);
        raw.read(self.at)
    }

    /// What follows the tag of a cell.
    fn raw_cell(&mut self) -> Result<RawCell<'a>, Malformed> {
        self.expect(tag::CELL_NAME, "cell without a name")?;
        let name = self.prefixed()?;
        let value = if self.found(tag::CELL_VALUE) { Some(self.prefixed()?) } else { None };
        let op = if self.found(tag::CELL_OP) { Some(self.array::<1>()?[0]) } else { None };
        let timestamp = if self.found(tag::CELL_TIMESTAMP) { Some(self.array()?) } else { None };
        self.expect(tag::CELL_CHECKSUM, "cell is not end with checksum tag")?;
        let [checksum] = self.array()?;
        Ok(RawCell { name, value, op, timestamp, checksum })
    }
}
