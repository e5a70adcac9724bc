//! Requests and answers of the official Python SDK against ours, byte for byte.

mod input;

use prost::Message;
use serde_json::Value as Json;

use crate::filter::Filter;
use crate::messages::{self, GetRangeResponse, GetRowResponse, ListTableResponse, WriteRowResponse};
use crate::plainbuffer::tests::{unhex, vectors};
use crate::request::{GetRange, GetRow, UpdateRow};
use crate::row::Row;
use crate::sign::{self, Signer};
use crate::value::PrimaryKey;

use input::{column, encode, list, primary_key, text};

#[test]
fn request_bodies() {
    let more: Json = serde_json::from_str(include_str!("../testdata/more.json")).unwrap();
    let vectors = vectors();
    let mut checked = 0;
    for vector in list(&vectors["requests"]).chain(list(&more)) {
        let operation = vector["operation"].as_str().unwrap();
        let body = encode(operation, &vector["input"]);
        assert_eq!(body, unhex(vector["body_hex"].as_str().unwrap()), "{}", vector["id"]);
        checked += 1;
    }
    assert_eq!(checked, 68);
}

#[test]
fn request_signatures() {
    let vectors = vectors();
    let meta = &vectors["meta"];
    let credentials = |token: Option<&Json>| openapi::Credentials {
        access_key_id: text(&meta["access_key_id"]),
        access_key_secret: text(&meta["access_key_secret"]),
        security_token: token.map(text),
    };
    let now = meta["x_ots_date"].as_str().unwrap().parse().unwrap();
    for vector in list(&vectors["requests"]) {
        let (id, operation) = (&vector["id"], vector["operation"].as_str().unwrap());
        let body = unhex(vector["body_hex"].as_str().unwrap());
        assert_eq!(sign::content_md5(&body), vector["content_md5"], "{id}");
        let headers = vector["headers"].as_object().unwrap();
        let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
        let to_sign = sign::request_string_to_sign(operation, pairs);
        let v4 = vector["signature_scheme"] == "v4";
        let suffix = if v4 { "ots" } else { "" };
        assert_eq!(format!("{to_sign}{suffix}"), vector["string_to_sign"], "{id}");
        let signature = vector["signature"].as_str().unwrap();
        let secret = meta["access_key_secret"].as_str().unwrap();
        let signer = Signer::new(credentials(headers.get("x-ots-ststoken")), meta["instance"].as_str().unwrap());
        let signer = if v4 {
            let (date, region) = (headers["x-ots-signdate"].as_str(), headers["x-ots-signregion"].as_str().unwrap());
            let key = sign::v4_key(secret, date.unwrap(), region);
            assert_eq!(sign::request_signature_v4(&key, &to_sign), signature, "{id}");
            assert!(sign::is_request_signature_v4(&key, &to_sign, signature), "{id}");
            assert!(!sign::is_request_signature_v4(&key, &format!("{to_sign} "), signature), "{id}");
            signer.with_region(region)
        } else {
            assert!(sign::is_request_signature(secret, &to_sign, signature), "{id}");
            assert!(!sign::is_request_signature(secret, &format!("{to_sign} "), signature), "{id}");
            assert!(!sign::is_request_signature("another secret", &to_sign, signature), "{id}");
            signer
        };
        // The client has no trace ids.
        if !headers.contains_key("x-ots-sdk-traceid") {
            let ours = signer.sign(operation, &body, now).unwrap().headers;
            let ours: serde_json::Map<_, _> =
                ours.iter().map(|(name, value)| (name.to_string(), Json::from(value.to_str().unwrap()))).collect();
            assert_eq!(&ours, headers, "{id}");
        }
    }
}

#[test]
fn a_token_is_signed() {
    let credentials = openapi::Credentials {
        access_key_id: "STS.id".into(),
        access_key_secret: "secret".into(),
        security_token: Some("token".into()),
    };
    let headers = sign::request_headers(&credentials, "inst", "GetRow", b"", jiff::Timestamp::UNIX_EPOCH);
    let to_sign = sign::request_string_to_sign("GetRow", headers.iter().map(|(name, value)| (*name, value.as_str())));
    assert!(to_sign.contains("\nx-ots-ststoken:token\n"), "{to_sign}");
}

#[test]
fn the_v4_key_chain() {
    let vectors = vectors();
    let derivation = &vectors["primitives"]["v4_key_derivation"];
    let secret = vectors["meta"]["access_key_secret"].as_str().unwrap();
    assert_eq!(sign::v4_key(secret, "20260102", "cn-hangzhou"), derivation["signing_key_base64"]);
}

#[test]
fn messages_the_python_api_cannot_say() {
    let vectors = vectors();
    let body = |id: &str| {
        let found = list(&vectors["low_level_messages"]).find(|vector| vector["id"] == id).unwrap();
        unhex(found["body_hex"].as_str().unwrap())
    };
    let key = || PrimaryKey::new("gid", 1).and("uid", "user-001");
    let update = UpdateRow::new("tbl", key()).increment("cnt", 1).return_incremented();
    assert_eq!(update.to_body(), body("update_increment_rt_after_modify"));
    let get = GetRow::new("tbl", key()).filter(Filter::Pagination { offset: 2, limit: 5 });
    assert_eq!(get.to_body(), body("get_column_pagination_filter"));
    let range = GetRange::forward("tbl", PrimaryKey::min(["gid"]), PrimaryKey::max(["gid"]))
        .filter(Filter::equal("a", 1).and(Filter::Pagination { offset: 0, limit: 1 }));
    assert_eq!(range.to_body(), body("range_filter_and_pagination"));
}

fn expected_row(expect: &Json) -> Row {
    Row::new(&primary_key(&expect["pk"]), &list(&expect["columns"]).map(column).collect::<Vec<_>>())
}

fn units(json: &Json) -> messages::ConsumedCapacity {
    let units = |at: usize| json["consumed"][at].as_i64().unwrap() as i32;
    messages::ConsumedCapacity::new(units(0), units(1))
}

#[test]
fn answers() {
    let vectors = vectors();
    let key_id = vectors["meta"]["access_key_id"].as_str().unwrap();
    let secret = vectors["meta"]["access_key_secret"].as_str().unwrap();
    for vector in list(&vectors["responses"]) {
        let (id, operation) = (vector["id"].as_str().unwrap(), vector["operation"].as_str().unwrap());
        let body = unhex(vector["body_hex"].as_str().unwrap());
        let headers = vector["headers"].as_object().unwrap();
        assert_eq!(sign::content_md5(&body), headers["x-ots-contentmd5"], "{id}");
        let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
        let to_sign = sign::response_string_to_sign(operation, pairs);
        assert_eq!(to_sign, vector["string_to_sign"], "{id}");
        let authorization = headers["authorization"].as_str().unwrap();
        assert_eq!(sign::response_authorization(key_id, secret, &to_sign), authorization, "{id}");
        assert!(sign::is_response_authorization(key_id, secret, &to_sign, authorization), "{id}");
        assert!(!sign::is_response_authorization("other", secret, &to_sign, authorization), "{id}");
        assert!(!sign::is_response_authorization(key_id, "other", &to_sign, authorization), "{id}");

        let expect = &vector["expect"];
        let body = bytes::Bytes::from(body);
        match id {
            "resp_get_row" | "resp_get_row_missing" => {
                let answer = GetRowResponse::decode(body).unwrap();
                assert_eq!(answer.consumed, units(expect), "{id}");
                let expected = (id == "resp_get_row").then(|| expected_row(expect));
                assert_eq!(Row::from_plainbuffer(&answer.row).unwrap(), expected, "{id}");
            }
            "resp_put_row" | "resp_put_row_return_pk" => {
                let answer = WriteRowResponse::decode(body).unwrap();
                assert_eq!(answer.consumed, units(expect), "{id}");
                let row = answer.row.map(|row| Row::from_plainbuffer(&row).unwrap().unwrap());
                assert_eq!(row, (id == "resp_put_row_return_pk").then(|| expected_row(expect)), "{id}");
            }
            "resp_get_range_empty" => {
                let answer = GetRangeResponse::decode(body).unwrap();
                assert_eq!(Row::all_from_plainbuffer(&answer.rows).unwrap(), [], "{id}");
                assert_eq!(answer.next_start_primary_key, None, "{id}");
            }
            "resp_error_condition" | "resp_error_server_busy" => {
                let error = messages::Error::decode(body).unwrap();
                let status = vector["http_status"].as_i64().unwrap();
                let said = format!("OTSServiceError {status} {} {}", error.code, error.message.unwrap());
                assert_eq!(said, vector["sdk_verdict"], "{id}");
            }
            "resp_list_table" => assert_eq!(ListTableResponse::decode(body).unwrap().table_names, ["a", "b"]),
            "resp_start_txn" => {
                let answer = messages::StartLocalTransactionResponse::decode(body).unwrap();
                assert_eq!(answer.transaction_id, "txn-id-0001");
            }
            other => panic!("no check for {other}"),
        }
    }
}
