//! Requests as bytes: nothing that comes in makes the parser panic or take more memory than came in.

use local_cloud::tablestore::{Request, parse};
use prost::Message;
use tablestore::messages::{GetRangeRequest, GetRowRequest};

use super::raw::{get, range, row};
use super::*;

const OPERATIONS: &[&str] = &[
    "CreateTable",
    "DeleteTable",
    "DescribeTable",
    "UpdateTable",
    "ListTable",
    "AddDefinedColumn",
    "DeleteDefinedColumn",
    "CreateIndex",
    "DropIndex",
    "ListSearchIndex",
    "PutRow",
    "UpdateRow",
    "DeleteRow",
    "BatchWriteRow",
    "GetRow",
    "BatchGetRow",
    "GetRange",
    "StartLocalTransaction",
    "CommitTransaction",
    "AbortTransaction",
];

#[test]
fn operations_that_are_not_here() {
    for operation in ["SQLQuery", "Search", "CreateSearchIndex", "PutTimeseriesData", "ListStream", "putrow", ""] {
        let refused = parse(operation, Bytes::new()).unwrap_err().to_string();
        assert_eq!(refused, format!("OTSParameterInvalid (400): Unsupported operation: {operation}."));
    }
}

#[test]
fn damaged_requests_are_refused_or_read() {
    let put = row("t", &id("a"), &[("v", "text".into()), ("n", 7.into())]).encode_to_vec();
    let condition = Filter::equal("v", 1).and(Filter::equal("w", "x").not()).to_bytes();
    let get = GetRowRequest { filter: Some(condition.into()), ..get("t", &id("a")) }.encode_to_vec();
    for (operation, body) in [("PutRow", &put), ("GetRow", &get)] {
        parse(operation, Bytes::copy_from_slice(body)).unwrap().inspect().unwrap();
    }
    let look = |body: Vec<u8>| {
        for operation in OPERATIONS {
            let _ = parse(operation, body.clone().into()).and_then(|request: Request| request.inspect());
        }
    };
    for body in [put, get] {
        for end in 0..body.len() {
            look(body[..end].to_vec());
        }
        // Every byte, as a length that lies among others.
        for place in 0..body.len() {
            for value in [0x00, 0x7f, 0x80, 0xff] {
                let mut damaged = body.clone();
                damaged[place] = value;
                look(damaged);
            }
        }
    }
}

#[test]
fn filters_in_filters_end() {
    // A NOT of a NOT of a NOT …: deeper than any stack would bear.
    let mut filter = Bytes::from(Filter::equal("a", 1).to_bytes());
    for _ in 0..2000 {
        let composite = tablestore::messages::CompositeColumnValueFilter {
            combinator: 1,
            sub_filters: vec![tablestore::messages::Filter::decode(filter).unwrap()],
        };
        let outer = tablestore::messages::Filter { r#type: 2, filter: composite.encode_to_vec().into() };
        filter = outer.encode_to_vec().into();
    }
    let request = GetRowRequest { filter: Some(filter), ..get("t", &id("a")) };
    let refused = parse("GetRow", request.encode_to_vec().into()).unwrap().inspect().unwrap_err();
    assert_eq!(refused.message, "The count of filter exceeds the max: 32.");
}

#[test]
fn zeros_after_a_key_are_the_node_sdks() {
    let of = |bytes: Vec<u8>| {
        let request = GetRangeRequest { inclusive_start_primary_key: bytes.into(), ..range("t", &["a", "b"]) };
        parse("GetRange", request.encode_to_vec().into()).unwrap().inspect().is_ok()
    };
    let key = PrimaryKey::min(["a", "b"]).to_plainbuffer();
    for (tail, expected) in [
        (&[][..], true),
        (&[0], true),
        (&[0, 0], true),
        (&[0; 4], true),
        (&[0; 5], false),
        (&[1], false),
        (&[0, 1], false),
    ] {
        assert_eq!(of([key.as_slice(), tail].concat()), expected, "{tail:?}");
    }
    assert!(!of(vec![0; 4]) && !of(vec![0]));
}
