//! Rows as Tablestore's requests and answers hold them. The first byte chooses the reader.

use bytes::Bytes;
use prost::Message;
use tablestore::messages::{GetRangeRequest, GetRowRequest, WriteRowRequest};
use tablestore::plainbuffer::{self, RowRef, Writer};
use tablestore::{PrimaryKey, Row};

use crate::vectors;

/// Reads the rest of `data` with the reader that its first byte names.
pub fn run(data: &[u8]) {
    let Some((choice, buffer)) = data.split_first() else { return };
    match choice % KINDS {
        0 => rows(buffer),
        1 => {
            if let Ok(Some(row)) = plainbuffer::single_row(buffer) {
                again(std::slice::from_ref(&row));
            }
        }
        2 => owned(&Bytes::copy_from_slice(buffer)),
        3 => {
            if let Ok(key) = PrimaryKey::from_plainbuffer(buffer) {
                let written = key.to_plainbuffer();
                assert_eq!(PrimaryKey::from_plainbuffer(&written).expect("what was written can be read"), key);
            }
        }
        _ => {
            if let Ok(value) = plainbuffer::read_bare_value(buffer) {
                let mut written = Vec::new();
                plainbuffer::write_bare_value(&mut written, value);
                let value = plainbuffer::read_bare_value(&written).expect("what was written can be read");
                let mut twice = Vec::new();
                plainbuffer::write_bare_value(&mut twice, value);
                assert_eq!(twice, written);
            }
        }
    }
}

const KINDS: u8 = 5;

fn rows(buffer: &[u8]) {
    // A reader stops at what is broken, so this ends.
    let read: Vec<_> = plainbuffer::rows(buffer).collect();
    if let Ok(rows) = read.into_iter().collect::<Result<Vec<_>, _>>() {
        again(&rows);
    }
}

/// What was accepted is written and read again; the bytes are the same from then on. (By bytes: NaN is not equal to
/// itself.)
fn again(rows: &[RowRef<'_>]) {
    if rows.is_empty() {
        return;
    }
    let write = |rows: &[RowRef<'_>]| {
        let mut writer = Writer::with_capacity(0);
        rows.iter().for_each(|row| writer.row(row));
        writer.finish()
    };
    let written = write(rows);
    let read: Result<Vec<_>, _> = plainbuffer::rows(&written).collect();
    assert_eq!(write(&read.expect("what was written can be read")), written);
}

fn owned(buffer: &Bytes) {
    let Ok(rows) = Row::all_from_plainbuffer(buffer) else { return };
    for row in &rows {
        let _ = row.primary_key();
        for cell in row.columns() {
            // The first of the versions has the name's value.
            let _ = row.get(cell.name);
        }
    }
}

/// Rows and keys of the official SDK's requests, for each reader.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (operation, body) in vectors::requests() {
        let body = body.as_slice();
        let buffer = match operation.as_str() {
            "PutRow" | "UpdateRow" | "DeleteRow" => WriteRowRequest::decode(body).ok().map(|request| request.row),
            "GetRow" => GetRowRequest::decode(body).ok().map(|request| request.primary_key),
            "GetRange" => GetRangeRequest::decode(body).ok().map(|request| request.inclusive_start_primary_key),
            _ => None,
        };
        let Some(buffer) = buffer else { continue };
        let kinds = if operation.starts_with("Get") { 1..4 } else { 0..3 };
        seeds.extend(kinds.map(|kind| [&[kind], buffer.as_ref()].concat()));
        // A value by itself, as filters have it: type and value of an integer and of a string.
        seeds.push([[4, 0].as_slice(), &7_i64.to_le_bytes()].concat());
        seeds.push([[4, 3].as_slice(), &3_u32.to_le_bytes(), b"abc"].concat());
    }
    seeds.sort();
    seeds.dedup();
    // Tests read each many times: a few are as good as all.
    let step = seeds.len() / 30 + 1;
    seeds.into_iter().step_by(step).collect()
}
