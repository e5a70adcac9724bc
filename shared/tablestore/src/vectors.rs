//! Requests and answers of the official Python SDK against ours, byte for byte.

use prost::Message;
use serde_json::Value as Json;

use crate::filter::{CastType, Comparator, Condition, Filter, RowExistence};
use crate::messages::{self, GetRangeResponse, GetRowResponse, ListTableResponse, TableNameRequest, WriteRowResponse};
use crate::plainbuffer::ValueRef;
use crate::plainbuffer::tests::{unhex, value_of, vectors};
use crate::request::{
    BatchGetRow, BatchWriteRow, Change, DeleteRow, Direction, GetRange, GetRow, GetRows, PutRow, Return, RowChange,
    TimeRange, TransactionId, UpdateRow,
};
use crate::row::Row;
use crate::sign::{self, Signer};
use crate::table::{
    ColumnType, CreateTable, Encryption, Index, KeyType, Reserved, TableMeta, TableOptions, TableUpdate, defined_column,
};
use crate::value::{Column, Key, PrimaryKey, Value};

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
    PrimaryKey(list(json).map(|pair| (text(&pair[0]).into(), Key::copy_of(value_of(&pair[1])).unwrap())).collect())
}

fn column(json: &Json) -> Column {
    Column { name: text(&json["name"]).into(), value: value(&json["value"]), timestamp: json["timestamp"].as_i64() }
}

fn change(json: &Json) -> Change {
    match json["op"].as_str().unwrap() {
        "PUT" => Change::Put(column(json)),
        "DELETE" => Change::DeleteVersion(text(&json["name"]).into(), json["timestamp"].as_i64().unwrap()),
        "DELETE_ALL" => Change::Delete(text(&json["name"]).into()),
        "INCREMENT" => match value_of(&json["value"]) {
            ValueRef::Integer(delta) => Change::Increment(text(&json["name"]).into(), delta),
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
        "EXIST" => return Filter::exists(text(&json["column"])),
        "NOT_EXIST" => return Filter::not_exists(text(&json["column"])),
        other => panic!("unknown comparator {other}"),
    };
    let filter = Filter::compare(text(&json["column"]), comparator, value(&json["value"]))
        // With a regular expression the SDK says nothing about rows without the column.
        .pass_if_missing(json["pass_if_missing"].as_bool().unwrap_or(false));
    let filter = if json["latest_version_only"] == false { filter.any_version() } else { filter };
    match json["regex"].as_str() {
        None => filter,
        Some(regex) => {
            let cast = match json["cast"].as_str().unwrap() {
                "VT_INTEGER" => CastType::Integer,
                "VT_DOUBLE" => CastType::Double,
                "VT_STRING" => CastType::String,
                other => panic!("unknown cast {other}"),
            };
            filter.extract(regex, cast)
        }
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

fn transaction(json: &Json) -> Option<TransactionId> {
    json["transaction_id"].as_str().map(|id| TransactionId(id.into()))
}

fn put_row(table: &str, json: &Json) -> PutRow {
    PutRow {
        columns: list(&json["columns"]).map(column).collect(),
        condition: condition(&json["condition"]),
        return_primary_key: returns_key(json),
        transaction: transaction(json),
        ..PutRow::new(table.to_owned(), primary_key(&json["pk"]))
    }
}

fn update_row(table: &str, json: &Json) -> UpdateRow {
    UpdateRow {
        changes: list(&json["updates"]).map(change).collect(),
        condition: condition(&json["condition"]),
        returns: if returns_key(json) { Return::PrimaryKey } else { Return::Nothing },
        transaction: transaction(json),
        ..UpdateRow::new(table.to_owned(), primary_key(&json["pk"]))
    }
}

fn delete_row(table: &str, json: &Json) -> DeleteRow {
    DeleteRow {
        condition: condition(&json["condition"]),
        return_primary_key: returns_key(json),
        transaction: transaction(json),
        ..DeleteRow::new(table.to_owned(), primary_key(&json["pk"]))
    }
}

fn columns(json: &Json) -> Vec<crate::Name> {
    list(&json["columns_to_get"]).map(|column| text(column).into()).collect()
}

/// The Python SDK asks for one version where its caller does not speak of them, except in a batch.
fn versions(json: &Json) -> Option<i32> {
    match json.get("max_version") {
        None => Some(1),
        Some(versions) => versions.as_i64().map(|versions| versions as i32),
    }
}

fn name(json: &Json) -> Option<crate::Name> {
    json.as_str().map(|name| name.to_owned().into())
}

fn token(json: &Json) -> Option<bytes::Bytes> {
    json["token_hex"].as_str().map(|hex| unhex(hex).into())
}

fn time_range(json: &Json) -> Option<TimeRange> {
    match &json["time_range"] {
        Json::Null => None,
        Json::Array(range) => Some(TimeRange::Between(range[0].as_i64().unwrap(), range[1].as_i64().unwrap())),
        time => Some(TimeRange::At(time.as_i64().unwrap())),
    }
}

fn column_filter(json: &Json) -> Option<Filter> {
    Some(&json["column_filter"]).filter(|filter| !filter.is_null()).map(filter)
}

fn get_row(json: &Json) -> Vec<u8> {
    let request = GetRow {
        columns: columns(json),
        max_versions: versions(json),
        time_range: time_range(json),
        filter: column_filter(json),
        start_column: name(&json["start_column"]),
        end_column: name(&json["end_column"]),
        token: token(json),
        transaction: transaction(json),
        ..GetRow::new(text(&json["table"]), primary_key(&json["pk"]))
    };
    request.to_body()
}

fn get_range(json: &Json) -> Vec<u8> {
    let (start, end) = (primary_key(&json["inclusive_start"]), primary_key(&json["exclusive_end"]));
    let direction = if json["direction"] == "FORWARD" { Direction::Forward } else { Direction::Backward };
    let request = GetRange {
        direction,
        columns: columns(json),
        max_versions: versions(json),
        limit: json["limit"].as_i64().map(|limit| limit as i32),
        time_range: time_range(json),
        filter: column_filter(json),
        start_column: name(&json["start_column"]),
        end_column: name(&json["end_column"]),
        token: token(json),
        transaction: transaction(json),
        ..GetRange::forward(text(&json["table"]), start, end)
    };
    request.to_body()
}

fn batch_get_row(json: &Json) -> Vec<u8> {
    let table = |json: &Json| GetRows {
        columns: columns(json),
        time_range: time_range(json),
        max_versions: json["max_version"].as_i64().map(|versions| versions as i32),
        filter: column_filter(json),
        start_column: name(&json["start_column"]),
        end_column: name(&json["end_column"]),
        ..GetRows::new(text(&json["table"]), list(&json["pks"]).map(primary_key))
    };
    BatchGetRow::new(list(&json["tables"]).map(table)).to_body()
}

fn batch_write_row(json: &Json) -> Vec<u8> {
    let mut changes = Vec::new();
    for table in list(&json["tables"]) {
        let name = text(&table["table"]);
        for row in list(&table["rows"]) {
            changes.push(match row["type"].as_str().unwrap() {
                "PUT" => RowChange::from(put_row(&name, row)),
                "UPDATE" => update_row(&name, row).into(),
                "DELETE" => delete_row(&name, row).into(),
                other => panic!("unknown change {other}"),
            });
        }
    }
    BatchWriteRow { transaction: transaction(json), ..BatchWriteRow::new(changes) }.to_body()
}

fn table_options(json: &Json) -> TableOptions {
    TableOptions {
        time_to_live_secs: json["time_to_live"].as_i64().unwrap() as i32,
        max_versions: json["max_versions"].as_i64().unwrap() as i32,
        max_deviation_secs: json["deviation_cell_version_in_sec"].as_i64().unwrap(),
        allow_update: json["allow_update"].as_bool(),
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
    let meta = TableMeta {
        name: text(&json["table"]),
        primary_key: list(&json["primary_key"]).map(key).collect(),
        columns: list(&json["defined_columns"]).map(|column| (text(&column[0]), column_type(&column[1]))).collect(),
        indexes: list(&json["indexes"]).map(index).collect(),
    };
    let reserved = |which: &str| json["reserved_throughput"][which].as_i64().unwrap() as i32;
    let request = CreateTable {
        reserved: Reserved { read: reserved("read"), write: reserved("write") },
        splits: list(&json["split_points"]).map(|point| Key::copy_of(value_of(point)).unwrap()).collect(),
        encryption: json["sse"]["enable"].as_bool().map(|_| Encryption::Kms),
        ..CreateTable::new(meta, table_options(&json["options"]))
    };
    request.to_message().encode_to_vec()
}

fn column_type(json: &Json) -> ColumnType {
    match json.as_str().unwrap() {
        "INTEGER" => ColumnType::Integer,
        "DOUBLE" => ColumnType::Double,
        "BOOLEAN" => ColumnType::Boolean,
        "STRING" => ColumnType::String,
        "BINARY" => ColumnType::Blob,
        other => panic!("unknown column type {other}"),
    }
}

fn index(json: &Json) -> Index {
    let (name, key) = (text(&json["name"]), list(&json["primary_key"]).map(text));
    let index = match json["type"].as_str().unwrap() {
        "GLOBAL_INDEX" => Index::global(name, key),
        "LOCAL_INDEX" => Index::local(name, key),
        other => panic!("unknown index type {other}"),
    };
    index.covering(list(&json["defined_column"]).map(text))
}

fn encode(operation: &str, json: &Json) -> Vec<u8> {
    let table = || text(&json["table"]);
    let main_table_name = || text(&json["main_table"]);
    match operation {
        "PutRow" => put_row(&table(), json).to_body(),
        "UpdateRow" => update_row(&table(), json).to_body(),
        "DeleteRow" => delete_row(&table(), json).to_body(),
        "GetRow" => get_row(json),
        "GetRange" => get_range(json),
        "BatchGetRow" => batch_get_row(json),
        "BatchWriteRow" => batch_write_row(json),
        "CreateTable" => create_table(json),
        "UpdateTable" => {
            let units = |which: &str| json["reserved_throughput"][which].as_i64().map(|units| units as i32);
            let update = TableUpdate {
                options: json["options"].is_object().then(|| table_options(&json["options"])),
                reserved: units("read").zip(units("write")).map(|(read, write)| Reserved { read, write }),
                end_stream: false,
            };
            update.to_message(&table()).encode_to_vec()
        }
        "DescribeTable" | "DeleteTable" => TableNameRequest { table_name: table() }.encode_to_vec(),
        "ListTable" => Vec::new(),
        "CreateIndex" => {
            let index_meta = index(&json["index"]).to_message();
            let include_base_data = json["include_base_data"].as_bool();
            messages::CreateIndexRequest { main_table_name: main_table_name(), index_meta, include_base_data }
                .encode_to_vec()
        }
        "DropIndex" => {
            let index_name = text(&json["index_name"]);
            messages::DropIndexRequest { main_table_name: main_table_name(), index_name }.encode_to_vec()
        }
        "AddDefinedColumn" => {
            let column = |column: &Json| defined_column(column[0].as_str().unwrap(), column_type(&column[1]));
            let columns = list(&json["columns"]).map(column).collect();
            messages::AddDefinedColumnRequest { table_name: table(), columns }.encode_to_vec()
        }
        "DeleteDefinedColumn" => {
            let columns = list(&json["columns"]).map(text).collect();
            messages::DeleteDefinedColumnRequest { table_name: table(), columns }.encode_to_vec()
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
