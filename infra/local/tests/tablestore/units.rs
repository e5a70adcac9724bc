//! Capacity units, and the bytes that the live service was seen to answer.

use prost::Message;
use tablestore::messages::{
    BatchGetRowRequest, Condition, GetRangeRequest, GetRangeResponse, GetRowResponse, TableInBatchGetRow,
    WriteRowRequest,
};

use super::raw::{deletion, get, range, row, table};
use super::*;

impl Cloud {
    fn bytes(&self, operation: &str, request: &impl Message) -> Vec<u8> {
        let body = Bytes::from(request.encode_to_vec());
        let key = credentials(self.keyring.operator());
        let headers = sign::request_headers(&key, INSTANCE, operation, &body, Timestamp::now());
        let headers = headers
            .into_iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::try_from(value).unwrap()))
            .collect();
        self.tablestore.handle(&format!("/{operation}"), &headers, &body).into_body().to_vec()
    }
}

#[tokio::test]
async fn names_and_values_are_counted_by_4_kib() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path()).await;
    cloud.tell("CreateTable", &table("t", &["id"], &[])).unwrap();
    let units = |capacity: tablestore::messages::ConsumedCapacity| {
        (capacity.capacity_unit.read.unwrap(), capacity.capacity_unit.write.unwrap())
    };
    // The key is `id` and one letter, the columns `a` and `b`: 3 + 1 + 1 bytes beside the values.
    let of = |n: usize| row("t", &id("x"), &[("a", "v".repeat(n).into()), ("b", 7.into())]);
    for (value, expected) in [(0, 1), (4096 - 13, 1), (4096 - 12, 2), (8192 - 13, 2), (8192 - 12, 3)] {
        assert_eq!(units(cloud.write("PutRow", &of(value)).unwrap().consumed), (0, expected), "{value}");
        let read: GetRowResponse = cloud.call("GetRow", &get("t", &id("x"))).unwrap();
        assert_eq!(units(read.consumed), (expected, 0), "{value}");
        let all: GetRangeResponse = cloud.call("GetRange", &range("t", &["id"])).unwrap();
        assert_eq!(units(all.consumed), (expected, 0), "{value}");
        // Only what is asked for is read.
        let mut some = get("t", &id("x"));
        some.columns_to_get = vec!["b".into()];
        let read: GetRowResponse = cloud.call("GetRow", &some).unwrap();
        assert_eq!(units(read.consumed), (1, 0), "{value}");
    }
    let missing: GetRowResponse = cloud.call("GetRow", &get("t", &id("none"))).unwrap();
    assert_eq!(units(missing.consumed), (1, 0));
    let existing = WriteRowRequest { condition: Condition { row_existence: 1, ..Condition::default() }, ..of(1) };
    assert_eq!(units(cloud.write("PutRow", &existing).unwrap().consumed), (1, 1));
}

#[tokio::test]
async fn short_answers_are_those_of_the_live_service() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path()).await;
    cloud.tell("CreateTable", &table("t", &["id"], &[])).unwrap();
    let put = row("t", &id("x"), &[("a", 1.into())]);
    assert_eq!(cloud.bytes("PutRow", &put), [0x0a, 6, 0x0a, 4, 8, 0, 0x10, 1]);
    let mut existing = put.clone();
    existing.condition.row_existence = 1;
    assert_eq!(cloud.bytes("PutRow", &existing), [0x0a, 6, 0x0a, 4, 8, 1, 0x10, 1]);
    assert_eq!(cloud.bytes("DeleteRow", &deletion("t", &id("x"))), [0x0a, 6, 0x0a, 4, 8, 0, 0x10, 1]);
    let empty = cloud.bytes("GetRange", &GetRangeRequest { limit: Some(1), ..range("t", &["id"]) });
    assert_eq!(empty, [0x0a, 6, 0x0a, 4, 8, 1, 0x10, 0, 0x12, 0, 0x28, 0, 0x30, 0]);
    let missing = BatchGetRowRequest {
        tables: vec![TableInBatchGetRow {
            table_name: "t".into(),
            primary_key: vec![id("x").to_plainbuffer().into()],
            max_versions: Some(1),
            ..TableInBatchGetRow::default()
        }],
    };
    let answer = cloud.bytes("BatchGetRow", &missing);
    assert!(answer.ends_with(&[0x12, 10, 8, 1, 0x1a, 6, 0x0a, 4, 8, 1, 0x10, 0]), "{answer:02x?}");
    let refused = cloud.bytes("UpdateRow", &existing);
    assert_eq!(refused, b"\x0a\x15OTSConditionCheckFail\x12\x17Condition check failed.");
}
