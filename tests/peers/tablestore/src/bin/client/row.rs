//! The row that everybody writes and reads, as each of them wants it.

use std::hint::black_box;

use aliyun_tablestore_rs::data::{GetRangeResponse, PutRowRequest};
use aliyun_tablestore_rs::model::{ColumnValue, Row};
use prost::Message;
use tablestore::messages::{ConsumedCapacity, GetRangeResponse as RangeMessage};
use tablestore::plainbuffer::{CellRef, ValueRef, Writer};
use tablestore::{Page, PrimaryKey, PutRow};
use tablestore_peers::Error;

/// Columns that are not of the key.
pub const COLUMNS: usize = 10;

const INSTANCE: &str = "i-bp1f2o4ldh8l29zi7a3c";
const HOLDER: &str = "9f0ef1a2-6f5c-4e37-9c1f-1c55b94ab0c7";
const UNTIL: i64 = 1_763_990_000_000;
const ID: &str = "m-0123456789abcdef0123";
const RECORD: [u8; 400] = [b'x'; 400];

fn record() -> &'static str {
    std::str::from_utf8(&RECORD).unwrap_or_default()
}

/// Ours.
pub fn put() -> PutRow {
    PutRow::new("migrations", PrimaryKey::new("migration_id", ID).and("seq", 42))
        .column("state", "verify")
        .column("instance_id", INSTANCE)
        .column("version", 3)
        .column("lease_holder", HOLDER)
        .column("lease_until", UNTIL)
        .column("poke", 0)
        .column("done", true)
        .column("progress", 0.85)
        .column("cause", "")
        .column("record", record())
}

/// The crate's.
pub fn their_put() -> PutRowRequest {
    let row = Row::new()
        .primary_key_column_string("migration_id", ID)
        .primary_key_column_integer("seq", 42)
        .column_string("state", "verify")
        .column_string("instance_id", INSTANCE)
        .column_integer("version", 3)
        .column_string("lease_holder", HOLDER)
        .column_integer("lease_until", UNTIL)
        .column_integer("poke", 0)
        .column_bool("done", true)
        .column_double("progress", 0.85)
        .column_string("cause", "")
        .column_string("record", record());
    PutRowRequest::new("migrations").row(row)
}

/// The body of an answer to GetRange with that many rows.
pub fn range(rows: usize) -> Vec<u8> {
    let mut writer = Writer::with_capacity(1 << 16);
    for number in 0..rows {
        writer.key("migration_id", ValueRef::String(ID));
        writer.key("seq", ValueRef::Integer(number as i64));
        let values = [
            ("cause", ValueRef::String("")),
            ("done", ValueRef::Boolean(true)),
            ("instance_id", ValueRef::String(INSTANCE)),
            ("lease_holder", ValueRef::String(HOLDER)),
            ("lease_until", ValueRef::Integer(UNTIL)),
            ("poke", ValueRef::Integer(0)),
            ("progress", ValueRef::Double(0.85)),
            ("record", ValueRef::String(record())),
            ("state", ValueRef::String("verify")),
            ("version", ValueRef::Integer(3)),
        ];
        for (name, value) in values {
            writer.cell(&CellRef { timestamp: Some(UNTIL), ..CellRef::new(name, value) });
        }
        writer.end_row();
    }
    let consumed = ConsumedCapacity::new(1, 0);
    RangeMessage { consumed, rows: writer.finish().into(), ..RangeMessage::default() }.encode_to_vec()
}

/// Looks at every cell.
pub fn read(page: &Page) -> Result<(), Error> {
    let mut size = 0;
    for row in &page.rows {
        for cell in row.columns() {
            size += cell.name.len()
                + match cell.value {
                    Some(ValueRef::String(text)) => text.len(),
                    _ => 8,
                };
        }
    }
    black_box(size);
    check(page.rows.len())
}

/// Looks at every cell.
pub fn their_read(page: &GetRangeResponse) -> Result<(), Error> {
    let mut size = 0;
    for row in &page.rows {
        for column in &row.columns {
            size += column.name.len()
                + match &column.value {
                    ColumnValue::String(text) => text.len(),
                    _ => 8,
                };
        }
    }
    black_box(size);
    check(page.rows.len())
}

fn check(rows: usize) -> Result<(), Error> {
    match rows {
        super::RANGE => Ok(()),
        _ => Err(format!("{rows} rows were read").into()),
    }
}
