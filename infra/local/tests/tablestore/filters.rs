//! Filters beyond comparisons: parts of strings, presence, other versions.

use prost::Message;
use tablestore::messages::{
    self, CastType, ComparatorType, FilterType, GetRowRequest, SingleColumnValueFilter, ValueTransferRule,
};
use tablestore::plainbuffer::{ValueRef, write_bare_value};

use super::raw::{get, row, table};
use super::*;

fn filter(single: &SingleColumnValueFilter) -> Bytes {
    let filter =
        messages::Filter { r#type: FilterType::SingleColumnValue as i32, filter: single.encode_to_vec().into() };
    filter.encode_to_vec().into()
}

fn test(column: &str, comparator: ComparatorType, value: ValueRef<'_>, rule: Option<ValueTransferRule>) -> Bytes {
    let mut bytes = Vec::new();
    write_bare_value(&mut bytes, value);
    filter(&SingleColumnValueFilter {
        comparator: comparator as i32,
        column_name: column.into(),
        column_value: bytes.into(),
        filter_if_missing: true,
        latest_version_only: true,
        value_trans_rule: rule,
    })
}

fn rule(regex: &str, cast: CastType) -> Option<ValueTransferRule> {
    Some(ValueTransferRule { regex: regex.into(), cast_type: Some(cast as i32) })
}

#[tokio::test]
async fn parts_of_strings_and_presence() {
    use ComparatorType::{CtEqual, CtExist, CtGreaterThan, CtLessThan, CtNotEqual, CtNotExist};
    use ValueRef::{Double, Integer, String};
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path()).await;
    cloud.tell("CreateTable", &table("t", &["id"], &[])).unwrap();
    let columns = [("log", "t=-12 load=0.75 user=ann".into()), ("n", 5.into())];
    cloud.write("PutRow", &row("t", &id("a"), &columns)).unwrap();
    let passes = |filter: Bytes| {
        let request = GetRowRequest { filter: Some(filter), ..get("t", &id("a")) };
        cloud.read(&request).map(|row| row.is_some())
    };
    for (column, comparator, value, rule, expected) in [
        ("log", CtEqual, Integer(-12), rule(r"t=(-?[0-9]+)", CastType::Integer), true),
        ("log", CtGreaterThan, Integer(-13), rule(r"t=(-?[0-9]+)", CastType::Integer), true),
        ("log", CtGreaterThan, Integer(-12), rule(r"t=(-?[0-9]+)", CastType::Integer), false),
        ("log", CtLessThan, Double(0.8), rule(r"load=([0-9.]+)", CastType::Double), true),
        ("log", CtEqual, String("ann"), rule(r"user=([a-z]+)", CastType::String), true),
        // Without a group it is the whole match.
        ("log", CtEqual, String("user=ann"), rule(r"user=[a-z]+", CastType::String), true),
        ("log", CtNotEqual, String("bob"), rule(r"user=([a-z]+)", CastType::String), true),
        // What does not match, cannot be cast or is no string passes nothing.
        ("log", CtNotEqual, String("bob"), rule(r"group=([a-z]+)", CastType::String), false),
        ("log", CtNotEqual, Integer(1), rule(r"user=([a-z]+)", CastType::Integer), false),
        ("n", CtEqual, Integer(5), rule(r"([0-9]+)", CastType::Integer), false),
        ("log", CtEqual, String("-12"), rule(r"t=(-?[0-9]+)", CastType::Integer), false),
        ("n", CtExist, Integer(0), None, true),
        ("none", CtExist, Integer(0), None, false),
        ("n", CtNotExist, Integer(0), None, false),
        ("none", CtNotExist, Integer(0), None, true),
    ] {
        let what = format!("{column} {comparator:?} {value:?} {rule:?}");
        assert_eq!(passes(test(column, comparator, value, rule)), Ok(expected), "{what}");
    }
    let refused = |regex: &str| passes(test("log", CtEqual, Integer(1), rule(regex, CastType::Integer))).unwrap_err();
    assert!(refused(&"x".repeat(257)).ends_with("The regex must be ASCII of at most 256 bytes."));
    assert!(refused("é").ends_with("The regex must be ASCII of at most 256 bytes."));
    assert!(refused("(").ends_with("Invalid regex: (."));
    // Repetitions of repetitions would take much memory.
    assert!(refused("((((a{100}){100}){100}){100})").starts_with("400 OTSParameterInvalid: Invalid regex"));
}
