use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;

/// What the official Python SDK 6.4.8 produced; see `testdata/README.md`.
pub(crate) fn vectors() -> Json {
    serde_json::from_str(include_str!("../../testdata/ots.json")).unwrap()
}

pub(crate) fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

/// A vector's value; strings and bytes are leaked to be borrowed, which a test can afford.
pub(crate) fn value_of(json: &Json) -> ValueRef<'static> {
    let (kind, value) = json.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "int" => ValueRef::Integer(value.as_str().unwrap().parse().unwrap()),
        "str" => ValueRef::String(String::from(value.as_str().unwrap()).leak()),
        "bool" => ValueRef::Boolean(value.as_bool().unwrap()),
        "blob_hex" => ValueRef::Binary(unhex(value.as_str().unwrap()).leak()),
        "double_bits" | "double" => {
            ValueRef::Double(f64::from_bits(u64::from_str_radix(json["double_bits"].as_str().unwrap(), 16).unwrap()))
        }
        "inf_min" => ValueRef::InfMin,
        "inf_max" => ValueRef::InfMax,
        "auto_increment" => ValueRef::AutoIncrement,
        other => panic!("unknown value kind {other}"),
    }
}

#[test]
fn single_cells_as_the_python_sdk_writes_them() {
    let vectors = vectors();
    let cells = vectors["primitives"]["cells"].as_array().unwrap();
    assert!(!cells.is_empty());
    for cell in cells {
        let expected = unhex(cell["pk_row_hex"].as_str().unwrap());
        let mut writer = Writer::default();
        writer.key(cell["name"].as_str().unwrap(), value_of(&cell["value"]));
        writer.end_row();
        assert_eq!(writer.finish(), expected, "{cell}");
        let row = single_row(&expected).unwrap().unwrap();
        assert_eq!(row.primary_key[0].value, Some(value_of(&cell["value"])));
    }
}

#[test]
fn bare_values_as_the_python_sdk_writes_them() {
    let vectors = vectors();
    for list in ["filter_values", "partition_values"] {
        for item in vectors["primitives"][list].as_array().unwrap() {
            let expected = unhex(item["hex"].as_str().unwrap());
            let mut out = Vec::new();
            write_bare_value(&mut out, value_of(&item["value"]));
            assert_eq!(out, expected, "{item}");
            assert_eq!(read_bare_value(&expected), Ok(value_of(&item["value"])));
        }
    }
}

#[test]
fn no_bytes_are_no_rows_but_a_header_alone_is_broken() {
    assert_eq!(single_row(&[]), Ok(None));
    assert_eq!(single_row(&HEADER).unwrap_err().what, "no row after the header");
    assert_eq!(single_row(&[0x76, 0, 0, 0]).unwrap_err().what, "mismatch header");
}

#[test]
fn a_length_that_lies_is_refused() {
    let mut bytes = HEADER.to_vec();
    bytes.extend([tag::ROW_PK, tag::CELL, tag::CELL_NAME, 0xFF, 0xFF, 0xFF, 0xFF, b'x']);
    assert_eq!(single_row(&bytes).unwrap_err().what, "ends too early");
}

#[test]
fn every_single_bit_error_is_noticed() {
    let mut writer = Writer::default();
    writer.key("pk", ValueRef::String("key"));
    writer.cell(&CellRef { timestamp: Some(1), ..CellRef::new("column", ValueRef::Integer(5)) });
    writer.end_row();
    let good = writer.finish();
    let row = single_row(&good).unwrap().unwrap();
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(single_row(&bad).as_ref() != Ok(&Some(row.clone())), "bit {bit} changed nothing");
    }
}

#[derive(Clone, Debug)]
enum Owned {
    Integer(i64),
    Double(f64),
    Boolean(bool),
    String(String),
    Binary(Vec<u8>),
}

impl Owned {
    fn borrow(&self) -> ValueRef<'_> {
        match self {
            Self::Integer(v) => ValueRef::Integer(*v),
            Self::Double(v) => ValueRef::Double(*v),
            Self::Boolean(v) => ValueRef::Boolean(*v),
            Self::String(v) => ValueRef::String(v),
            Self::Binary(v) => ValueRef::Binary(v),
        }
    }
}

fn any_value() -> impl Strategy<Value = Owned> {
    prop_oneof![
        any::<i64>().prop_map(Owned::Integer),
        // NaN is no value of the service, and is not equal to itself.
        any::<f64>().prop_filter("NaN", |v| !v.is_nan()).prop_map(Owned::Double),
        any::<bool>().prop_map(Owned::Boolean),
        ".{0,40}".prop_map(Owned::String),
        vec(any::<u8>(), 0..60).prop_map(Owned::Binary),
    ]
}

fn any_op() -> impl Strategy<Value = Option<CellOp>> {
    prop_oneof![
        Just(None),
        Just(Some(CellOp::DeleteAllVersions)),
        Just(Some(CellOp::DeleteOneVersion)),
        Just(Some(CellOp::Increment)),
    ]
}

type OwnedCell = (String, Option<Owned>, Option<CellOp>, Option<i64>);
type OwnedRow = (Vec<(String, Owned)>, Vec<OwnedCell>, bool);

fn any_row() -> impl Strategy<Value = OwnedRow> {
    let cell = (".{0,20}", proptest::option::of(any_value()), any_op(), any::<Option<i64>>());
    (vec((".{0,20}", any_value()), 0..5), vec(cell, 0..6), any::<bool>())
}

fn borrow((key, columns, delete_marker): &OwnedRow) -> RowRef<'_> {
    RowRef {
        primary_key: key.iter().map(|(name, value)| CellRef::new(name, value.borrow())).collect(),
        columns: columns
            .iter()
            .map(|(name, value, op, timestamp)| CellRef {
                name,
                value: value.as_ref().map(Owned::borrow),
                op: *op,
                timestamp: *timestamp,
            })
            .collect(),
        delete_marker: *delete_marker,
    }
}

proptest! {
    #[test]
    fn what_was_written_is_read(owned in vec(any_row(), 0..4)) {
        let expected: Vec<RowRef<'_>> = owned.iter().map(borrow).collect();
        let mut writer = Writer::default();
        for row in &expected {
            writer.row(row);
        }
        let bytes = writer.finish();
        let read: Vec<RowRef<'_>> = rows(&bytes).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = rows(&bytes).count();
        let _ = read_bare_value(&bytes);
    }

    /// Bytes that get past the first checks: real rows with a few bytes changed, or cut off.
    #[test]
    fn damaged_rows_never_panic(owned in any_row(), damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6), cut in any::<prop::sample::Index>()) {
        let mut writer = Writer::default();
        writer.row(&borrow(&owned));
        let mut bytes = writer.finish();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        let _ = rows(&bytes).count();
    }
}
