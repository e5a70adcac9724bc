//! Writing PlainBuffer.

use super::{CellRef, HEADER, RowRef, ValueRef, crc8, kind, length, tag};

/// Writes rows into one buffer, checksums included, each byte once.
///
/// For each row: [`Writer::key`] for every key column, [`Writer::cell`] for every attribute cell,
/// maybe [`Writer::delete_marker`], then [`Writer::end_row`].
#[derive(Debug, Default)]
pub struct Writer {
    buffer: Vec<u8>,
    /// Where the PlainBuffer starts in it.
    start: usize,
    row_crc: u8,
    part: Part,
    delete_marker: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    BetweenRows,
    Key,
    Columns,
}

impl Writer {
    /// An empty buffer with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { buffer: Vec::with_capacity(capacity), ..Self::default() }
    }

    /// Goes on behind what `buffer` holds already.
    pub(crate) fn behind(buffer: Vec<u8>) -> Self {
        Self { start: buffer.len(), buffer, ..Self::default() }
    }

    /// Adds a key column. The first one starts the row.
    pub fn key(&mut self, name: &str, value: ValueRef<'_>) {
        self.begin_key();
        self.put_cell(&CellRef::new(name, value));
    }

    /// Adds an attribute cell.
    pub fn cell(&mut self, cell: &CellRef<'_>) {
        self.begin_key();
        if self.part != Part::Columns {
            self.buffer.push(tag::ROW_DATA);
            self.part = Part::Columns;
        }
        self.put_cell(cell);
    }

    /// Marks the row as one to be deleted.
    pub fn delete_marker(&mut self) {
        self.begin_key();
        self.buffer.push(tag::DELETE_ROW_MARKER);
        self.delete_marker = true;
    }

    /// Ends the row.
    pub fn end_row(&mut self) {
        self.begin_key();
        let crc = crc8(self.row_crc, &[u8::from(self.delete_marker)]);
        self.buffer.extend_from_slice(&[tag::ROW_CHECKSUM, crc]);
        self.row_crc = 0;
        self.part = Part::BetweenRows;
        self.delete_marker = false;
    }

    /// Writes a whole row.
    pub fn row(&mut self, row: &RowRef<'_>) {
        for cell in &row.primary_key {
            self.begin_key();
            self.put_cell(cell);
        }
        for cell in &row.columns {
            self.cell(cell);
        }
        if row.delete_marker {
            self.delete_marker();
        }
        self.end_row();
    }

    /// Adds a row that is PlainBuffer already, without its header.
    pub fn raw_row(&mut self, row: &[u8]) {
        self.header();
        self.buffer.extend_from_slice(row);
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Whether nothing was written; then [`Writer::finish`] gives zero bytes, which is how the service
    /// says "no rows".
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The buffer.
    pub fn finish(self) -> Vec<u8> {
        self.buffer
    }

    fn header(&mut self) {
        if self.is_empty() {
            self.buffer.extend_from_slice(&HEADER);
        }
    }

    fn begin_key(&mut self) {
        if self.part == Part::BetweenRows {
            self.header();
            self.buffer.push(tag::ROW_PK);
            self.part = Part::Key;
        }
    }

    fn put_cell(&mut self, cell: &CellRef<'_>) {
        let out = &mut self.buffer;
        let name = cell.name.as_bytes();
        let [a, b, c, d] = length(name);
        out.extend_from_slice(&[tag::CELL, tag::CELL_NAME, a, b, c, d]);
        out.extend_from_slice(name);
        let mut crc = crc8(0, name);
        if let Some(value) = cell.value {
            let [a, b, c, d] = (bare_len(value) as u32).to_le_bytes();
            out.extend_from_slice(&[tag::CELL_VALUE, a, b, c, d]);
            let value_at = out.len();
            write_bare_value(out, value);
            // On the wire a value stands just as the checksum covers it.
            crc = crc8(crc, &out[value_at..]);
        }
        if let Some(op) = cell.op {
            out.extend_from_slice(&[tag::CELL_OP, op.code()]);
        }
        if let Some(timestamp) = cell.timestamp {
            out.push(tag::CELL_TIMESTAMP);
            out.extend_from_slice(&timestamp.to_le_bytes());
            crc = crc8(crc, &timestamp.to_le_bytes());
        }
        if let Some(op) = cell.op {
            crc = crc8(crc, &[op.code()]);
        }
        out.extend_from_slice(&[tag::CELL_CHECKSUM, crc]);
        self.row_crc = crc8(self.row_crc, &[crc]);
    }
}

/// What the parts of a row are given to: [`Writer`], or [`RowLen`], which only counts. A protobuf field
/// starts with its length, so a row is counted before it is written.
pub(crate) trait RowSink {
    /// Adds a key column.
    fn key(&mut self, name: &str, value: ValueRef<'_>);
    /// Adds an attribute cell.
    fn cell(&mut self, cell: &CellRef<'_>);
    /// Marks the row as one to be deleted.
    fn delete_marker(&mut self);
}

impl RowSink for Writer {
    fn key(&mut self, name: &str, value: ValueRef<'_>) {
        self.key(name, value);
    }

    fn cell(&mut self, cell: &CellRef<'_>) {
        self.cell(cell);
    }

    fn delete_marker(&mut self) {
        self.delete_marker();
    }
}

/// Counts the bytes of a PlainBuffer with one row.
#[derive(Debug)]
pub(crate) struct RowLen {
    bytes: usize,
    columns: bool,
}

impl RowLen {
    pub(crate) fn new() -> Self {
        // The header, the tag of the key, and the row's checksum.
        Self { bytes: HEADER.len() + 1 + 2, columns: false }
    }

    pub(crate) fn finish(self) -> usize {
        self.bytes
    }
}

impl RowSink for RowLen {
    fn key(&mut self, name: &str, value: ValueRef<'_>) {
        self.bytes += cell_len(&CellRef::new(name, value));
    }

    fn cell(&mut self, cell: &CellRef<'_>) {
        self.bytes += usize::from(!self.columns) + cell_len(cell);
        self.columns = true;
    }

    fn delete_marker(&mut self) {
        self.bytes += 1;
    }
}

fn cell_len(cell: &CellRef<'_>) -> usize {
    let value = cell.value.map_or(0, |value| 1 + 4 + bare_len(value));
    let (op, timestamp) = (cell.op.map_or(0, |_| 2), cell.timestamp.map_or(0, |_| 9));
    1 + 1 + 4 + cell.name.len() + value + op + timestamp + 2
}

/// How many bytes [`write_bare_value`] writes.
pub(crate) fn bare_len(value: ValueRef<'_>) -> usize {
    1 + match value {
        ValueRef::Integer(_) | ValueRef::Double(_) => 8,
        ValueRef::Boolean(_) => 1,
        ValueRef::String(v) => 4 + v.len(),
        ValueRef::Binary(v) => 4 + v.len(),
        ValueRef::InfMin | ValueRef::InfMax | ValueRef::AutoIncrement => 0,
    }
}

/// Writes a type byte and the data, as values outside of rows are written (filter values, partition
/// bounds).
pub fn write_bare_value(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Integer(v) => write_number(out, kind::INTEGER, v.to_le_bytes()),
        ValueRef::Double(v) => write_number(out, kind::DOUBLE, v.to_le_bytes()),
        ValueRef::Boolean(v) => out.extend_from_slice(&[kind::BOOLEAN, u8::from(v)]),
        ValueRef::String(v) => write_bytes(out, kind::STRING, v.as_bytes()),
        ValueRef::Binary(v) => write_bytes(out, kind::BLOB, v),
        ValueRef::InfMin => out.push(kind::INF_MIN),
        ValueRef::InfMax => out.push(kind::INF_MAX),
        ValueRef::AutoIncrement => out.push(kind::AUTO_INCREMENT),
    }
}

fn write_number(out: &mut Vec<u8>, kind: u8, [a, b, c, d, e, f, g, h]: [u8; 8]) {
    out.extend_from_slice(&[kind, a, b, c, d, e, f, g, h]);
}

fn write_bytes(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    let [a, b, c, d] = length(bytes);
    out.extend_from_slice(&[kind, a, b, c, d]);
    out.extend_from_slice(bytes);
}
