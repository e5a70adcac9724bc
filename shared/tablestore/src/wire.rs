//! Protobuf for the requests that are sent often: lengths are counted first, then every byte is
//! written once, rows included, into one buffer. [`crate::messages`] says the same in types.

use crate::plainbuffer::{RowLen, RowSink, ValueRef, Writer, bare_len, write_bare_value};

/// A message.
pub(crate) trait Encode {
    /// Gives its fields to `out`, in the order of their numbers.
    fn encode(&self, out: &mut impl Sink);
}

/// A row inside a message.
pub(crate) trait EncodeRow {
    /// Gives its cells to `out`.
    fn encode_row(&self, out: &mut impl RowSink);
}

/// The bytes of `message`.
pub(crate) fn to_vec(message: &impl Encode) -> Vec<u8> {
    let len = len(message);
    let mut out = Vec::with_capacity(len);
    message.encode(&mut out);
    debug_assert_eq!(out.len(), len, "counted something else than was written");
    out
}

fn len(message: &impl Encode) -> usize {
    let mut count = Count(0);
    message.encode(&mut count);
    count.0
}

fn row_len(row: &impl EncodeRow) -> usize {
    let mut len = RowLen::new();
    row.encode_row(&mut len);
    len.finish()
}

/// Where a message goes. Field numbers are below 16: their tags are one byte.
pub(crate) trait Sink: Sized {
    /// Adds bytes as they are.
    fn put(&mut self, bytes: &[u8]);

    /// Adds the content of a message field.
    fn put_message(&mut self, len: usize, message: &impl Encode);

    /// Adds the content of a PlainBuffer field.
    fn put_row(&mut self, len: usize, row: &impl EncodeRow);

    /// Adds the content of a field that holds a type byte and a value.
    fn put_value(&mut self, value: ValueRef<'_>);

    /// Adds an integer, enumeration or boolean field.
    fn int(&mut self, field: u8, value: impl Into<i64>) {
        self.put(&[field << 3]);
        // As protobuf has it, a negative number is a large one.
        self.varint(value.into() as u64);
    }

    /// Adds a string or bytes field.
    fn bytes(&mut self, field: u8, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.head(field, bytes.len());
        self.put(bytes);
    }

    /// Adds a message field.
    fn message(&mut self, field: u8, message: &impl Encode) {
        let len = len(message);
        self.head(field, len);
        self.put_message(len, message);
    }

    /// Adds a bytes field that is PlainBuffer.
    fn row(&mut self, field: u8, row: &impl EncodeRow) {
        let len = row_len(row);
        self.head(field, len);
        self.put_row(len, row);
    }

    /// Adds a bytes field that holds a type byte and a value.
    fn value(&mut self, field: u8, value: ValueRef<'_>) {
        self.head(field, bare_len(value));
        self.put_value(value);
    }

    /// Tag and length of a field.
    fn head(&mut self, field: u8, len: usize) {
        self.put(&[field << 3 | 2]);
        self.varint(len as u64);
    }

    /// Seven bits in each byte, low ones first.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.put(&[value as u8 | 0x80]);
            value >>= 7;
        }
        self.put(&[value as u8]);
    }
}

/// Counts what would be written.
struct Count(usize);

impl Sink for Count {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    fn put_message(&mut self, len: usize, _: &impl Encode) {
        self.0 += len;
    }

    fn put_row(&mut self, len: usize, _: &impl EncodeRow) {
        self.0 += len;
    }

    fn put_value(&mut self, value: ValueRef<'_>) {
        self.0 += bare_len(value);
    }
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn put_message(&mut self, _: usize, message: &impl Encode) {
        message.encode(self);
    }

    fn put_row(&mut self, _: usize, row: &impl EncodeRow) {
        let mut writer = Writer::behind(std::mem::take(self));
        row.encode_row(&mut writer);
        writer.end_row();
        *self = writer.finish();
    }

    fn put_value(&mut self, value: ValueRef<'_>) {
        write_bare_value(self, value);
    }
}
