//! Requests and answers of the official Python SDK against ours, byte for byte.

use prost::Message;
use serde_json::Value as Json;

use crate::filter::{Comparator, Condition, Filter, RowExistence};
use crate::messages::{
    self, BatchGetRowRequest, CapacityUnit, CreateIndexRequest, GetRangeResponse, GetRowResponse, IndexMeta, IndexType,
    IndexUpdateMode, ListTableResponse, PartitionRange, ReservedThroughput, SseSpecification, TableInBatchGetRow,
    TableNameRequest, UpdateTableRequest, ValueTransferRule, WriteRowResponse,
};
use crate::plainbuffer::tests::{unhex, value_of, vectors};
use crate::plainbuffer::{ValueRef, write_bare_value};
use crate::request::{
    BatchWriteRow, Change, DeleteRow, Direction, GetRange, GetRow, PutRow, Return, RowChange, TimeRange, UpdateRow,
};
use crate::sign;
use crate::table::{KeyType, TableMeta, TableOptions, create_request};
use crate::value::{Column, Key, PrimaryKey, Row, Value};

fn text(json: &Json) -> String {
    json.as_str().unwrap().to_owned()
}

fn list(json: &Json) -> impl Iterator<Item = &Json> {
    json.as_array().into_iter().flatten()
}

fn value(json: &Json) -> Value {
    Value::copy_of(value_of(json)).unwrap()
}

fn primary_key(json: &Json) -> PrimaryKey {
    PrimaryKey(list(json).map(|pair| (text(&pair[0]), Key::copy_of(value_of(&pair[1])).unwrap())).collect())
}

fn column(json: &Json) -> Column {
    Column { name: text(&json["name"]), value: value(&json["value"]), timestamp: json["timestamp"].as_i64() }
}

fn change(json: &Json) -> Change {
    match json["op"].as_str().unwrap() {
        "PUT" => Change::Put(column(json)),
        "DELETE" => Change::DeleteVersion(text(&json["name"]), json["timestamp"].as_i64().unwrap()),
        "DELETE_ALL" => Change::Delete(text(&json["name"])),
        "INCREMENT" => match value_of(&json["value"]) {
            ValueRef::Integer(delta) => Change::Increment(text(&json["name"]), delta),
            other => panic!("increment by {other:?}"),
        },
        other => panic!("unknown change {other}"),
    }
}

fn filter(json: &Json) -> Filter {
    if let Some(combinator) = json["composite"].as_str() {
        let sub: Vec<Filter> = list(&json["sub"]).map(filter).collect();
        return match combinator {
            "AND" => Filter::And(sub),
            "OR" => Filter::Or(sub),
            "NOT" => sub.into_iter().next().unwrap().not(),
            other => panic!("unknown combinator {other}"),
        };
    }
    let comparator = match json["op"].as_str().unwrap() {
        "EQUAL" => Comparator::Equal,
        "NOT_EQUAL" => Comparator::NotEqual,
        "GREATER_THAN" => Comparator::GreaterThan,
        "GREATER_EQUAL" => Comparator::GreaterEqual,
        "LESS_THAN" => Comparator::LessThan,
        "LESS_EQUAL" => Comparator::LessEqual,
        other => panic!("unknown comparator {other}"),
    };
    Filter::Column {
        name: text(&json["column"]),
        comparator,
        value: value(&json["value"]),
        pass_if_missing: json["pass_if_missing"].as_bool().unwrap(),
        latest_only: json["latest_version_only"].as_bool().unwrap(),
    }
}

fn condition(json: &Json) -> Condition {
    let existence = match json["row_existence"].as_str().unwrap() {
        "EXPECT_EXIST" => RowExistence::ExpectExist,
        "EXPECT_NOT_EXIST" => RowExistence::ExpectNotExist,
        _ => RowExistence::Ignore,
    };
    let column = &json["column_condition"];
    Condition { existence, column: (!column.is_null()).then(|| filter(column)) }
}

fn returns_key(json: &Json) -> bool {
    json["return_type"].as_str() == Some("RT_PK")
}

fn put_row(table: &str, json: &Json) -> PutRow {
    PutRow {
        columns: list(&json["columns"]).map(column).collect(),
        condition: condition(&json["condition"]),
        return_primary_key: returns_key(json),
        ..PutRow::new(table, primary_key(&json["pk"]))
    }
}

fn update_row(table: &str, json: &Json) -> UpdateRow {
    UpdateRow {
        changes: list(&json["updates"]).map(change).collect(),
        condition: condition(&json["condition"]),
        returns: if returns_key(json) { Return::PrimaryKey } else { Return::Nothing },
        ..UpdateRow::new(table, primary_key(&json["pk"]))
    }
}

fn delete_row(table: &str, json: &Json) -> DeleteRow {
    DeleteRow::new(table, primary_key(&json["pk"])).condition(condition(&json["condition"]))
}

fn columns(json: &Json) -> Vec<String> {
    list(&json["columns_to_get"]).map(text).collect()
}

/// The Python SDK asks for one version where its caller says nothing, except in a batch.
fn versions(json: &Json) -> Option<i32> {
    Some(json["max_version"].as_i64().unwrap_or(1) as i32)
}

fn time_range(json: &Json) -> Option<TimeRange> {
    let range = json["time_range"].as_array()?;
    Some(TimeRange::Between(range[0].as_i64().unwrap(), range[1].as_i64().unwrap()))
}

/// The filters that [`Filter`] cannot say are built from messages.
fn filter_bytes(json: &Json) -> Option<bytes::Bytes> {
    if json.is_null() {
        return None;
    }
    if json["regex"].is_null() && json["op"] != "EXIST" {
        return Some(filter(json).to_bytes());
    }
    let mut column_value = Vec::new();
    write_bare_value(&mut column_value, value_of(&json["value"]));
    let comparator = match json["op"].as_str().unwrap() {
        "EXIST" => messages::ComparatorType::CtExist,
        "GREATER_THAN" => messages::ComparatorType::CtGreaterThan,
        other => panic!("unknown comparator {other}"),
    };
    let single = messages::SingleColumnValueFilter {
        comparator: comparator as i32,
        column_name: text(&json["column"]),
        column_value: column_value.into(),
        filter_if_missing: true,
        latest_version_only: true,
        value_trans_rule: json["regex"]
            .as_str()
            .map(|regex| ValueTransferRule { regex: regex.to_owned(), cast_type: Some(0) }),
    };
    let kind = messages::FilterType::SingleColumnValue as i32;
    let filter = messages::Filter { r#type: kind, filter: single.encode_to_vec().into() };
    Some(filter.encode_to_vec().into())
}

fn get_row(json: &Json) -> Vec<u8> {
    let request = GetRow {
        columns: columns(json),
        max_versions: versions(json),
        time_range: time_range(json),
        ..GetRow::new(text(&json["table"]), primary_key(&json["pk"]))
    };
    let mut message = request.to_message();
    message.filter = filter_bytes(&json["column_filter"]);
    message.encode_to_vec()
}

fn get_range(json: &Json) -> Vec<u8> {
    let (start, end) = (primary_key(&json["inclusive_start"]), primary_key(&json["exclusive_end"]));
    let direction = if json["direction"] == "FORWARD" { Direction::Forward } else { Direction::Backward };
    let request = GetRange {
        direction,
        columns: columns(json),
        max_versions: versions(json),
        limit: json["limit"].as_i64().map(|limit| limit as i32),
        ..GetRange::forward(text(&json["table"]), start, end)
    };
    request.to_message().encode_to_vec()
}

fn batch_get_row(json: &Json) -> Vec<u8> {
    let table = |json: &Json| TableInBatchGetRow {
        table_name: text(&json["table"]),
        primary_key: list(&json["pks"]).map(|key| primary_key(key).to_plainbuffer().into()).collect(),
        columns_to_get: columns(json),
        time_range: time_range(json).map(TimeRange::to_message),
        max_versions: json["max_version"].as_i64().map(|versions| versions as i32),
        filter: filter_bytes(&json["column_filter"]),
        ..TableInBatchGetRow::default()
    };
    BatchGetRowRequest { tables: list(&json["tables"]).map(table).collect() }.encode_to_vec()
}

fn batch_write_row(json: &Json) -> Vec<u8> {
    let mut changes = Vec::new();
    for table in list(&json["tables"]) {
        let name = text(&table["table"]);
        for row in list(&table["rows"]) {
            changes.push(match row["type"].as_str().unwrap() {
                "PUT" => RowChange::Put(put_row(&name, row)),
                "UPDATE" => RowChange::Update(update_row(&name, row)),
                "DELETE" => RowChange::Delete(delete_row(&name, row)),
                other => panic!("unknown change {other}"),
            });
        }
    }
    let (mut message, _) = BatchWriteRow::new(changes).to_message();
    message.transaction_id = json["transaction_id"].as_str().map(str::to_owned);
    message.encode_to_vec()
}

fn table_options(json: &Json) -> TableOptions {
    TableOptions {
        time_to_live_secs: json["time_to_live"].as_i64().unwrap() as i32,
        max_versions: json["max_versions"].as_i64().unwrap() as i32,
        max_deviation_secs: json["deviation_cell_version_in_sec"].as_i64().unwrap(),
    }
}

fn create_table(json: &Json) -> Vec<u8> {
    let key = |column: &Json| {
        let kind = match (column[1].as_str().unwrap(), column[2].as_str()) {
            (_, Some("AUTO_INCREMENT")) => KeyType::AutoIncrement,
            ("INTEGER", None) => KeyType::Integer,
            ("STRING", None) => KeyType::String,
            ("BINARY", None) => KeyType::Binary,
            other => panic!("unknown key type {other:?}"),
        };
        (text(&column[0]), kind)
    };
    let meta = TableMeta { name: text(&json["table"]), primary_key: list(&json["primary_key"]).map(key).collect() };
    let mut message = create_request(&meta, &table_options(&json["options"]));
    let reserved = |which: &str| json["reserved_throughput"][which].as_i64().map(|units| units as i32);
    message.reserved_throughput =
        ReservedThroughput { capacity_unit: CapacityUnit { read: reserved("read"), write: reserved("write") } };
    message.sse_spec = json["sse"]["enable"].as_bool().map(|enable| SseSpecification {
        enable,
        key_type: json["sse"]["key_type"].as_i64().map(|kind| kind as i32),
        ..SseSpecification::default()
    });
    let mut begin = ValueRef::InfMin;
    for end in list(&json["split_points"]).map(value_of).chain([ValueRef::InfMax]) {
        message.partitions.push(PartitionRange { begin: bare(begin), end: bare(end) });
        begin = end;
    }
    if json["split_points"].is_null() {
        message.partitions.clear();
    }
    message.encode_to_vec()
}

fn bare(value: ValueRef<'_>) -> bytes::Bytes {
    let mut out = Vec::new();
    write_bare_value(&mut out, value);
    out.into()
}

fn encode(operation: &str, json: &Json) -> Vec<u8> {
    let with_transaction = |mut message: messages::WriteRowRequest| {
        message.transaction_id = json["transaction_id"].as_str().map(str::to_owned);
        message
    };
    let table = || text(&json["table"]);
    match operation {
        "PutRow" => with_transaction(put_row(&table(), json).to_message()).encode_to_vec(),
        "UpdateRow" => with_transaction(update_row(&table(), json).to_message()).encode_to_vec(),
        "DeleteRow" => {
            let mut message = with_transaction(delete_row(&table(), json).to_message());
            message.return_content = returns_key(json).then(|| messages::ReturnContent {
                return_type: Some(messages::ReturnType::RtPk as i32),
                return_column_names: Vec::new(),
            });
            message.encode_to_vec()
        }
        "GetRow" => get_row(json),
        "GetRange" => get_range(json),
        "BatchGetRow" => batch_get_row(json),
        "BatchWriteRow" => batch_write_row(json),
        "CreateTable" => create_table(json),
        "UpdateTable" => UpdateTableRequest {
            table_name: table(),
            table_options: Some(table_options(&json["options"]).to_message()),
            ..UpdateTableRequest::default()
        }
        .encode_to_vec(),
        "DescribeTable" | "DeleteTable" => TableNameRequest { table_name: table() }.encode_to_vec(),
        "ListTable" => Vec::new(),
        "CreateIndex" => {
            let index = &json["index"];
            let (mode, kind) = match index["type"].as_str().unwrap() {
                "GLOBAL_INDEX" => (IndexUpdateMode::Async, IndexType::Global),
                other => panic!("unknown index type {other}"),
            };
            let index_meta = IndexMeta {
                name: text(&index["name"]),
                primary_key: list(&index["primary_key"]).map(text).collect(),
                defined_column: list(&index["defined_column"]).map(text).collect(),
                index_update_mode: mode as i32,
                index_type: kind as i32,
                index_sync_phase: None,
            };
            let include_base_data = json["include_base_data"].as_bool();
            CreateIndexRequest { main_table_name: text(&json["main_table"]), index_meta, include_base_data }
                .encode_to_vec()
        }
        "StartLocalTransaction" => {
            let key = primary_key(&json["key"]).to_plainbuffer().into();
            messages::StartLocalTransactionRequest { table_name: table(), key }.encode_to_vec()
        }
        "CommitTransaction" | "AbortTransaction" => {
            messages::EndTransactionRequest { transaction_id: text(&json["transaction_id"]) }.encode_to_vec()
        }
        "SQLQuery" => {
            let version = json["version"].as_i64().map(|version| version as i32);
            messages::SqlQueryRequest { query: text(&json["query"]), version }.encode_to_vec()
        }
        other => panic!("no request for {other}"),
    }
}

#[test]
fn request_bodies() {
    let vectors = vectors();
    let mut checked = 0;
    for vector in list(&vectors["requests"]) {
        let operation = vector["operation"].as_str().unwrap();
        let body = encode(operation, &vector["input"]);
        assert_eq!(body, unhex(vector["body_hex"].as_str().unwrap()), "{}", vector["id"]);
        checked += 1;
    }
    assert_eq!(checked, 43);
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
        if v4 {
            let date = headers["x-ots-signdate"].as_str().unwrap();
            let key = sign::v4_key(secret, date, headers["x-ots-signregion"].as_str().unwrap());
            assert_eq!(sign::request_signature_v4(&key, &to_sign), signature, "{id}");
            assert!(sign::is_request_signature_v4(&key, &to_sign, signature), "{id}");
            assert!(!sign::is_request_signature_v4(&key, &format!("{to_sign} "), signature), "{id}");
            continue;
        }
        assert!(sign::is_request_signature(secret, &to_sign, signature), "{id}");
        assert!(!sign::is_request_signature(secret, &format!("{to_sign} "), signature), "{id}");
        assert!(!sign::is_request_signature("another secret", &to_sign, signature), "{id}");
        if !headers.contains_key("x-ots-sdk-traceid") {
            let ours = sign::request_headers(
                &credentials(headers.get("x-ots-ststoken")),
                meta["instance"].as_str().unwrap(),
                operation,
                &body,
                now,
            );
            let ours: serde_json::Map<_, _> =
                ours.into_iter().map(|(name, value)| (name.to_owned(), Json::from(value))).collect();
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
    assert_eq!(update.to_message().encode_to_vec(), body("update_increment_rt_after_modify"));
    let get = GetRow::new("tbl", key()).filter(Filter::Pagination { offset: 2, limit: 5 });
    assert_eq!(get.to_message().encode_to_vec(), body("get_column_pagination_filter"));
    let range = GetRange::forward("tbl", PrimaryKey::min(["gid"]), PrimaryKey::max(["gid"]))
        .filter(Filter::equal("a", 1).and(Filter::Pagination { offset: 0, limit: 1 }));
    assert_eq!(range.to_message().encode_to_vec(), body("range_filter_and_pagination"));
}

fn expected_row(expect: &Json) -> Row {
    Row { primary_key: primary_key(&expect["pk"]), columns: list(&expect["columns"]).map(column).collect() }
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
        let body = body.as_slice();
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
