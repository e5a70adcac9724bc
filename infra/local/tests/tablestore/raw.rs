//! Requests message by message, for what the client does not say.

use prost::Message;
use tablestore::Row;
use tablestore::messages::{
    CapacityUnit, CreateTableRequest, DefinedColumnSchema, DefinedColumnType, Empty, GetRangeRequest, GetRangeResponse,
    GetRowRequest, GetRowResponse, PrimaryKeySchema, PrimaryKeyType, ReservedThroughput, TableMeta, TableOptions,
    WriteRowRequest, WriteRowResponse,
};
use tablestore::plainbuffer::{CellRef, RowRef, ValueRef, Writer};

use super::*;

impl Cloud {
    /// Calls an operation as the operator; a refusal is `status code: message`.
    pub fn call<R: Message + Default>(&self, operation: &str, request: &impl Message) -> Result<R, String> {
        let body = Bytes::from(request.encode_to_vec());
        let key = credentials(self.keyring.operator());
        let headers = sign::request_headers(&key, INSTANCE, operation, &body, (self.clock)());
        let headers = headers
            .into_iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::try_from(value).unwrap()))
            .collect();
        let answer = self.tablestore.handle(&format!("/{operation}"), &headers, &body);
        let status = answer.status().as_u16();
        if status == 200 {
            return Ok(R::decode(answer.into_body()).unwrap());
        }
        let error = tablestore::messages::Error::decode(answer.into_body()).unwrap();
        Err(format!("{status} {}: {}", error.code, error.message.unwrap()))
    }

    /// Calls an operation that answers nothing.
    pub fn tell(&self, operation: &str, request: &impl Message) -> Result<(), String> {
        self.call::<Empty>(operation, request).map(drop)
    }

    pub fn write(&self, operation: &str, request: &WriteRowRequest) -> Result<WriteRowResponse, String> {
        self.call(operation, request)
    }

    /// The row, as `name=value` of its columns; None when there is none.
    pub fn read(&self, request: &GetRowRequest) -> Result<Option<String>, String> {
        let answer: GetRowResponse = self.call("GetRow", request)?;
        Ok(Row::from_plainbuffer(&answer.row).unwrap().map(|row| text(&row)))
    }

    /// All rows of a table or index, forwards, each as `key | columns`.
    pub fn rows(&self, table: &str, key: &[&'static str]) -> Vec<String> {
        let answer: GetRangeResponse = self.call("GetRange", &range(table, key)).unwrap();
        assert_eq!(answer.next_start_primary_key, None);
        let rows = Row::all_from_plainbuffer(&answer.rows).unwrap();
        rows.iter().map(|row| format!("{} | {}", key_text(&row.primary_key()), text(row))).collect()
    }
}

fn text(row: &Row) -> String {
    let column = |column: CellRef<'_>| match column.value.unwrap() {
        ValueRef::Integer(value) => format!("{}={value}", column.name),
        ValueRef::String(value) => format!("{}={value}", column.name),
        other => format!("{}={other:?}", column.name),
    };
    row.columns().map(column).collect::<Vec<_>>().join(" ")
}

fn key_text(key: &PrimaryKey) -> String {
    let value = |value: &Key| match value {
        Key::Integer(value) => value.to_string(),
        Key::String(value) => value.to_string(),
        other => format!("{other:?}"),
    };
    key.0.iter().map(|(_, key)| value(key)).collect::<Vec<_>>().join(",")
}

/// A range over everything.
pub fn range(table: &str, key: &[&'static str]) -> GetRangeRequest {
    GetRangeRequest {
        table_name: table.into(),
        max_versions: Some(1),
        inclusive_start_primary_key: PrimaryKey::min(key.iter().copied()).to_plainbuffer().into(),
        exclusive_end_primary_key: PrimaryKey::max(key.iter().copied()).to_plainbuffer().into(),
        ..GetRangeRequest::default()
    }
}

pub fn get(table: &str, key: &PrimaryKey) -> GetRowRequest {
    GetRowRequest {
        table_name: table.into(),
        primary_key: key.to_plainbuffer().into(),
        max_versions: Some(1),
        ..GetRowRequest::default()
    }
}

/// A PutRow, or an UpdateRow that puts.
pub fn row(table: &str, key: &PrimaryKey, columns: &[(&str, Value)]) -> WriteRowRequest {
    let cells = columns.iter().map(|(name, value)| CellRef::new(name, value.borrow()));
    write(table, key, cells.collect(), false)
}

/// A DeleteRow.
pub fn deletion(table: &str, key: &PrimaryKey) -> WriteRowRequest {
    write(table, key, Vec::new(), true)
}

pub fn write(table: &str, key: &PrimaryKey, columns: Vec<CellRef<'_>>, delete_marker: bool) -> WriteRowRequest {
    let primary_key = key.0.iter().map(|(name, value)| CellRef::new(name, value.borrow())).collect();
    let mut writer = Writer::default();
    writer.row(&RowRef { primary_key, columns, delete_marker });
    WriteRowRequest { table_name: table.into(), row: writer.finish().into(), ..WriteRowRequest::default() }
}

/// A table `name` with integer key columns but for the first, which is a string; one version for ever.
pub fn table(name: &str, key: &[&str], defined: &[(&str, DefinedColumnType)]) -> CreateTableRequest {
    let kind = |place| if place == 0 { PrimaryKeyType::String } else { PrimaryKeyType::Integer };
    let column = |(place, name): (usize, &&str)| PrimaryKeySchema {
        name: (*name).into(),
        r#type: kind(place) as i32,
        option: None,
    };
    let schema =
        |(name, kind): &(&str, DefinedColumnType)| DefinedColumnSchema { name: (*name).into(), r#type: *kind as i32 };
    CreateTableRequest {
        table_meta: TableMeta {
            table_name: name.into(),
            primary_key: key.iter().enumerate().map(column).collect(),
            defined_column: defined.iter().map(schema).collect(),
            ..TableMeta::default()
        },
        reserved_throughput: ReservedThroughput { capacity_unit: CapacityUnit { read: Some(0), write: Some(0) } },
        table_options: Some(TableOptions { time_to_live: Some(-1), max_versions: Some(1), ..TableOptions::default() }),
        ..CreateTableRequest::default()
    }
}
