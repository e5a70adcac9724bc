//! Writing PlainBuffer.

use super::{CellRef, HEADER, RowRef, ValueRef, crc8, kind, length, tag};

/// Writes rows into one buffer, checksums included, each byte once.
///
/// For each row: [`Writer::key`] for every key column, [`Writer::cell`] for every attribute cell,
/// maybe [`Writer::delete_marker`], then [`Writer::end_row`].
#[derive(Debug, Default)]
pub struct Writer {
    buffer: Vec<u8>,
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
        self.buffer.extend([tag::ROW_CHECKSUM, crc]);
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
        self.buffer.len()
    }

    /// Whether nothing was written; then [`Writer::finish`] gives zero bytes, which is how the service
    /// says "no rows".
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The buffer.
    pub fn finish(self) -> Vec<u8> {
        self.buffer
    }

    fn header(&mut self) {
        if self.buffer.is_empty() {
            self.buffer.extend(HEADER);
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
        out.extend([tag::CELL, tag::CELL_NAME]);
        out.extend(length(cell.name.as_bytes()));
        out.extend_from_slice(cell.name.as_bytes());
        if let Some(value) = cell.value {
            out.push(tag::CELL_VALUE);
            let size_at = out.len();
            out.extend([0; 4]);
            write_bare_value(out, value);
            let size = (out.len() - size_at - 4) as u32;
            out[size_at..size_at + 4].copy_from_slice(&size.to_le_bytes());
        }
        if let Some(op) = cell.op {
            out.extend([tag::CELL_OP, op.code()]);
        }
        if let Some(timestamp) = cell.timestamp {
            out.push(tag::CELL_TIMESTAMP);
            out.extend(timestamp.to_le_bytes());
        }
        let crc = cell.checksum();
        out.extend([tag::CELL_CHECKSUM, crc]);
        self.row_crc = crc8(self.row_crc, &[crc]);
    }
}

/// Writes a type byte and the data, as values outside of rows are written (filter values, partition
/// bounds).
pub fn write_bare_value(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Integer(v) => {
            out.push(kind::INTEGER);
            out.extend(v.to_le_bytes());
        }
        ValueRef::Double(v) => {
            out.push(kind::DOUBLE);
            out.extend(v.to_le_bytes());
        }
        ValueRef::Boolean(v) => out.extend([kind::BOOLEAN, u8::from(v)]),
        ValueRef::String(v) => write_bytes(out, kind::STRING, v.as_bytes()),
        ValueRef::Binary(v) => write_bytes(out, kind::BLOB, v),
        ValueRef::InfMin => out.push(kind::INF_MIN),
        ValueRef::InfMax => out.push(kind::INF_MAX),
        ValueRef::AutoIncrement => out.push(kind::AUTO_INCREMENT),
    }
}

fn write_bytes(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    out.push(kind);
    out.extend(length(bytes));
    out.extend_from_slice(bytes);
}
