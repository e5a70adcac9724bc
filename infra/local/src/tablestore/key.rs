//! Primary keys: their check against the table, and their place in the store.
//!
//! The store sorts by bytes. A key is encoded column by column so that bytes sort as the service
//! sorts keys: INF_MIN, then values (integers by value, strings and binaries by bytes), then INF_MAX.

use tablestore::messages::PrimaryKeyType;
use tablestore::plainbuffer::{CellRef, ValueRef};

use super::invalid;
use super::schema::{KeyColumn, MAX_KEY_COLUMNS, Table};
use crate::seams::ServiceError;

/// Longest string or binary of a key column, bytes.
pub(super) const MAX_KEY_VALUE: usize = 1024;

/// What a key is for, which decides on the values that stand for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Reads or deletes one row.
    Row,
    /// Writes one row: the service may be asked to choose a value.
    Write,
    /// Bounds a range: may be infinite.
    Bound,
}

/// Checks what can be checked of a key without its table. What is wrong here refuses the whole request, also a
/// batch (the Java SDK's tests against the service).
pub(super) fn check_shape(key: &[CellRef<'_>], purpose: Use) -> Result<(), ServiceError> {
    if key.is_empty() || key.len() > MAX_KEY_COLUMNS {
        return Err(invalid(format!("The number of primary key columns must be in range: [1, {MAX_KEY_COLUMNS}].")));
    }
    for cell in key {
        if cell.op.is_some() {
            return Err(invalid(format!("OpType cannot be given for primary key name: {}.", cell.name)));
        }
        if cell.timestamp.is_some() {
            return Err(invalid(format!("Timestamp cannot be given for primary key name: {}.", cell.name)));
        }
        let kind = match cell.value {
            None => return Err(invalid(format!("No value is given for primary key name: {}.", cell.name))),
            Some(ValueRef::Integer(_) | ValueRef::String(_) | ValueRef::Binary(_)) => None,
            Some(ValueRef::InfMin | ValueRef::InfMax) if purpose == Use::Bound => None,
            Some(ValueRef::AutoIncrement) if purpose == Use::Write => None,
            Some(ValueRef::AutoIncrement) => return Err(invalid("PKAutoIncr can't be used for read operations.")),
            Some(ValueRef::InfMin) => Some("VT_INF_MIN"),
            Some(ValueRef::InfMax) => Some("VT_INF_MAX"),
            Some(ValueRef::Double(_)) => Some("VT_DOUBLE"),
            Some(ValueRef::Boolean(_)) => Some("VT_BOOLEAN"),
        };
        if let Some(kind) = kind {
            return Err(invalid(format!("{kind} is an invalid type for the primary key.")));
        }
        check_size(cell)?;
    }
    Ok(())
}

/// Checks the number, names and types of the columns of a well-formed key, in this order.
pub(super) fn check(table: &Table, key: &[CellRef<'_>]) -> Result<(), ServiceError> {
    check_columns(&table.primary_key, key)
}

/// Checks the key of a transaction: the value of the first key column.
pub(super) fn check_partition(table: &Table, key: &[CellRef<'_>]) -> Result<(), ServiceError> {
    if key.len() != 1 {
        return Err(invalid("StartLocalTransaction support only one primary key."));
    }
    check_shape(key, Use::Row)?;
    check_columns(&table.primary_key[..1], key)
}

fn check_columns(schema: &[KeyColumn], key: &[CellRef<'_>]) -> Result<(), ServiceError> {
    let wrong = |message: String| ServiceError::new(400, "OTSInvalidPK", message);
    if key.len() != schema.len() {
        return Err(wrong(format!("Validate PK size fail. Input: {}, Meta: {}.", key.len(), schema.len())));
    }
    for (cell, column) in key.iter().zip(schema) {
        if cell.name != column.name {
            return Err(wrong(format!("Validate PK name fail. Input: {}, Meta: {}.", cell.name, column.name)));
        }
    }
    for (cell, column) in key.iter().zip(schema) {
        let input = match cell.value {
            Some(ValueRef::Integer(_)) => "VT_INTEGER",
            Some(ValueRef::String(_)) => "VT_STRING",
            Some(ValueRef::Binary(_)) => "VT_BLOB",
            Some(ValueRef::AutoIncrement) if !column.auto_increment => {
                let what = "Unknown or unsupported CellType in primary key";
                return Err(invalid(format!("{what}: {}.", cell.name)));
            }
            // The shape lets through nothing else but what stands for a value.
            _ => continue,
        };
        let meta = match column.kind() {
            PrimaryKeyType::Integer => "VT_INTEGER",
            PrimaryKeyType::String => "VT_STRING",
            PrimaryKeyType::Binary => "VT_BLOB",
        };
        if input != meta {
            return Err(wrong(format!("Validate PK type fail. Input: {input}, Meta: {meta}.")));
        }
    }
    Ok(())
}

fn check_size(cell: &CellRef<'_>) -> Result<(), ServiceError> {
    let size = match cell.value {
        Some(ValueRef::String(value)) => value.len(),
        Some(ValueRef::Binary(value)) => value.len(),
        _ => 0,
    };
    if size <= MAX_KEY_VALUE {
        return Ok(());
    }
    Err(invalid(format!(
        "The length of primary key column: '{}' exceeds the MaxLength:{MAX_KEY_VALUE} with CurrentLength:{size}.",
        cell.name
    )))
}

/// First byte of a column: these sort around the values.
const MIN: u8 = 0x00;
const VALUE: u8 = 0x01;
const MAX: u8 = 0xFF;

/// The place of a checked key in the store, of the table or index with this id. No encoded column is a prefix of
/// another one's, so the keys of one partition are those that begin with its encoded first column.
pub(super) fn encode(table: u64, key: &[CellRef<'_>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    out.extend(table.to_be_bytes());
    for cell in key {
        match cell.value {
            Some(ValueRef::Integer(value)) => {
                out.push(VALUE);
                // With the sign bit turned over, negative numbers sort before the others.
                out.extend((value ^ i64::MIN).to_be_bytes());
            }
            Some(ValueRef::String(value)) => encode_bytes(&mut out, value.as_bytes()),
            Some(ValueRef::Binary(value)) => encode_bytes(&mut out, value),
            Some(ValueRef::InfMax) => out.push(MAX),
            // A checked key holds nothing else but INF_MIN.
            _ => out.push(MIN),
        }
    }
    out
}

/// Zero bytes become 00 FF, the end is 00 00: a value sorts before every longer one that it begins.
fn encode_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(VALUE);
    for byte in bytes {
        out.push(*byte);
        if *byte == 0 {
            out.push(0xFF);
        }
    }
    out.extend([0, 0]);
}

/// Whether the key asks the service to choose a value, and for which column.
pub(super) fn auto_increment(key: &[CellRef<'_>]) -> Option<usize> {
    key.iter().position(|cell| cell.value == Some(ValueRef::AutoIncrement))
}

impl KeyColumn {
    pub(super) fn kind(&self) -> PrimaryKeyType {
        // Only known types were let in by CreateTable.
        PrimaryKeyType::try_from(self.kind).unwrap_or(PrimaryKeyType::String)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(values: &[ValueRef<'_>]) -> Vec<u8> {
        let cells: Vec<_> = values.iter().map(|value| CellRef::new("k", *value)).collect();
        encode(7, &cells)
    }

    #[test]
    fn bytes_sort_as_keys_do() {
        use ValueRef::{Binary, InfMax, InfMin, Integer, String};
        let sorted: [&[ValueRef<'_>]; 8] = [
            &[InfMin],
            &[Integer(i64::MIN)],
            &[Integer(-256)],
            &[Integer(-1)],
            &[Integer(0)],
            &[Integer(255)],
            &[Integer(i64::MAX)],
            &[InfMax],
        ];
        assert!(sorted.windows(2).all(|pair| encoded(pair[0]) < encoded(pair[1])));
        let sorted = [
            [String(""), InfMax],
            [String("\0"), String("x")],
            [String("\0\0"), InfMin],
            [String("\0a"), InfMin],
            [String("a"), InfMin],
            [String("a"), String("")],
            [String("a"), String("z")],
            [String("a"), InfMax],
            [String("a\0"), String("")],
            [String("ab"), InfMin],
            [String("é"), InfMin],
        ];
        assert!(sorted.windows(2).all(|pair| encoded(&pair[0]) < encoded(&pair[1])));
        let sorted: [&[u8]; 6] = [&[], &[0], &[0, 0xFF], &[1], &[0xFF], &[0xFF, 0]];
        assert!(sorted.windows(2).all(|pair| encoded(&[Binary(pair[0])]) < encoded(&[Binary(pair[1])])));
    }
}
