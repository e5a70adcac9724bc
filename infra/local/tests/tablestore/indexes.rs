//! Secondary indexes and predefined columns.

use DefinedColumnType::{Boolean, Integer, String as Text};
use tablestore::messages::{
    AddDefinedColumnRequest, CreateIndexRequest, CreateTableRequest, DefinedColumnSchema, DefinedColumnType,
    DeleteDefinedColumnRequest, DescribeTableResponse, DropIndexRequest, EndTransactionRequest, IndexMeta, IndexType,
    StartLocalTransactionRequest, StartLocalTransactionResponse, TableNameRequest, UpdateTableRequest, WriteRowRequest,
};
use tablestore::plainbuffer::{CellOp, CellRef, ValueRef};

use super::raw::{deletion, get, row, table, write};
use super::*;

fn key(p: &str, n: i64) -> PrimaryKey {
    PrimaryKey::new("p", p).and("n", n)
}

fn index(name: &str, keys: &[&str], covered: &[&str]) -> IndexMeta {
    IndexMeta {
        name: name.into(),
        primary_key: keys.iter().map(|name| (*name).into()).collect(),
        defined_column: covered.iter().map(|name| (*name).into()).collect(),
        ..IndexMeta::default()
    }
}

fn create(table: &str, index_meta: IndexMeta, include: bool) -> CreateIndexRequest {
    CreateIndexRequest { main_table_name: table.into(), index_meta, include_base_data: Some(include) }
}

const COLUMNS: &[(&str, DefinedColumnType)] = &[("age", Integer), ("city", Text), ("ok", Boolean)];

fn indexed() -> CreateTableRequest {
    CreateTableRequest {
        index_metas: vec![index("by_city", &["city", "n"], &["age"])],
        enable_local_txn: Some(true),
        ..table("t", &["p", "n"], COLUMNS)
    }
}

#[tokio::test]
async fn an_index_follows_every_write() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path()).await;
    cloud.tell("CreateTable", &indexed()).unwrap();
    let put = |key: &PrimaryKey, city: &str, age: i64| {
        cloud.write("PutRow", &row("t", key, &[("city", city.into()), ("age", age.into()), ("more", 0.into())]))
    };
    let of_index = || cloud.rows("by_city", &["city", "n", "p"]);
    put(&key("a", 1), "Rome", 30).unwrap();
    put(&key("b", 2), "Oslo", 40).unwrap();
    // Sorted by the index's key; its columns only.
    assert_eq!(of_index(), ["Oslo,2,b | age=40", "Rome,1,a | age=30"]);
    let entry = PrimaryKey::new("city", "Rome").and("n", 1).and("p", "a");
    assert_eq!(cloud.read(&get("by_city", &entry)).unwrap().as_deref(), Some("age=30"));

    // The entry moves, changes, goes and comes with the row.
    put(&key("a", 1), "Bonn", 31).unwrap();
    assert_eq!(of_index(), ["Bonn,1,a | age=31", "Oslo,2,b | age=40"]);
    cloud.write("UpdateRow", &row("t", &key("a", 1), &[("age", 32.into())])).unwrap();
    let add = CellRef { op: Some(CellOp::Increment), ..CellRef::new("age", ValueRef::Integer(5)) };
    cloud.write("UpdateRow", &write("t", &key("b", 2), vec![add], false)).unwrap();
    assert_eq!(of_index(), ["Bonn,1,a | age=32", "Oslo,2,b | age=45"]);
    let drop = |name| CellRef { name, value: None, op: Some(CellOp::DeleteAllVersions), timestamp: None };
    cloud.write("UpdateRow", &write("t", &key("a", 1), vec![drop("city")], false)).unwrap();
    cloud.write("UpdateRow", &write("t", &key("b", 2), vec![drop("age")], false)).unwrap();
    assert_eq!(of_index(), ["Oslo,2,b | "]);
    cloud.write("UpdateRow", &row("t", &key("a", 1), &[("city", "Nice".into())])).unwrap();
    cloud.write("DeleteRow", &deletion("t", &key("b", 2))).unwrap();
    assert_eq!(of_index(), ["Nice,1,a | age=32"]);
    // A write that is refused moves nothing.
    let mut refused = row("t", &key("a", 1), &[("city", "Kiel".into())]);
    refused.condition.row_existence = 2;
    cloud.write("UpdateRow", &refused).unwrap_err();
    assert_eq!(of_index(), ["Nice,1,a | age=32"]);
}

#[tokio::test]
async fn an_index_follows_a_transaction_and_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    {
        let cloud = Cloud::start(dir.path()).await;
        cloud.tell("CreateTable", &indexed()).unwrap();
        let key_a = PrimaryKey::new("p", "a").to_plainbuffer().into();
        let start = StartLocalTransactionRequest { table_name: "t".into(), key: key_a };
        let id = cloud.call::<StartLocalTransactionResponse>("StartLocalTransaction", &start).unwrap().transaction_id;
        let inside = |request| WriteRowRequest { transaction_id: Some(id.clone()), ..request };
        cloud.write("PutRow", &inside(row("t", &key("a", 1), &[("city", "Rome".into())]))).unwrap();
        cloud.write("PutRow", &inside(row("t", &key("a", 1), &[("city", "Oslo".into())]))).unwrap();
        cloud.write("PutRow", &inside(row("t", &key("a", 2), &[("city", "Bonn".into())]))).unwrap();
        assert_eq!(cloud.rows("by_city", &["city", "n", "p"]), Vec::<String>::new());
        cloud.tell("CommitTransaction", &EndTransactionRequest { transaction_id: id.clone() }).unwrap();
        assert_eq!(cloud.rows("by_city", &["city", "n", "p"]), ["Bonn,2,a | ", "Oslo,1,a | "]);
        let weak = Arc::downgrade(&cloud.tablestore);
        drop(cloud);
        while weak.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    }
    let cloud = Cloud::start(dir.path()).await;
    assert_eq!(cloud.rows("by_city", &["city", "n", "p"]), ["Bonn,2,a | ", "Oslo,1,a | "]);
    cloud.write("DeleteRow", &deletion("t", &key("a", 2))).unwrap();
    assert_eq!(cloud.rows("by_city", &["city", "n", "p"]), ["Oslo,1,a | "]);
}

#[tokio::test]
async fn indexes_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path()).await;
    cloud.tell("CreateTable", &table("t", &["p", "n"], COLUMNS)).unwrap();
    for n in 0..3 {
        let request = row("t", &key("a", n), &[("city", format!("c{n}").into()), ("age", (9 - n).into())]);
        cloud.write("PutRow", &request).unwrap();
    }
    // A row whose column has a type that no key has stays out.
    cloud.write("PutRow", &row("t", &key("odd", 7), &[("age", "old".into())])).unwrap();
    cloud.tell("CreateIndex", &create("t", index("with", &["age"], &["city"]), true)).unwrap();
    cloud.tell("CreateIndex", &create("t", index("without", &["age"], &[]), false)).unwrap();
    let local =
        IndexMeta { index_type: IndexType::Local as i32, index_update_mode: 1, ..index("local", &["p", "age"], &[]) };
    cloud.tell("CreateIndex", &create("t", local, true)).unwrap();
    assert_eq!(cloud.rows("with", &["age", "p", "n"]), ["7,a,2 | city=c2", "8,a,1 | city=c1", "9,a,0 | city=c0"]);
    assert_eq!(cloud.rows("without", &["age", "p", "n"]), Vec::<String>::new());
    assert_eq!(cloud.rows("local", &["p", "age", "n"]), ["a,7,2 | ", "a,8,1 | ", "a,9,0 | "]);
    cloud.write("UpdateRow", &row("t", &key("a", 1), &[("city", "new".into())])).unwrap();
    assert_eq!(cloud.rows("without", &["age", "p", "n"]), ["8,a,1 | "]);

    let describe = TableNameRequest { table_name: "t".into() };
    let described: DescribeTableResponse = cloud.call("DescribeTable", &describe).unwrap();
    let names: Vec<_> = described.index_metas.iter().map(|meta| (meta.name.as_str(), meta.index_type)).collect();
    assert_eq!(names, [("with", 0), ("without", 0), ("local", 1)]);
    assert_eq!(described.index_metas[0].primary_key, ["age"]);
    let client = cloud.client();
    assert_eq!(client.list_table().await.unwrap(), ["t"]);

    let drop = |name: &str| DropIndexRequest { main_table_name: "t".into(), index_name: name.into() };
    cloud.tell("DropIndex", &drop("with")).unwrap();
    assert!(cloud.tell("DropIndex", &drop("with")).unwrap_err().starts_with("404 OTSObjectNotExist"));
    assert!(cloud.read(&get("with", &PrimaryKey::new("age", 8))).unwrap_err().ends_with("Request table not exist"));
    // The name, and the place in the store, start empty again.
    cloud.tell("CreateIndex", &create("t", index("with", &["age"], &[]), false)).unwrap();
    assert_eq!(cloud.rows("with", &["age", "p", "n"]), Vec::<String>::new());
    cloud.tell("DeleteTable", &describe).unwrap();
    assert!(cloud.read(&get("local", &PrimaryKey::new("age", 8))).unwrap_err().ends_with("Request table not exist"));
    cloud.tell("CreateTable", &indexed()).unwrap();
    assert_eq!(cloud.rows("by_city", &["city", "n", "p"]), Vec::<String>::new());
}

#[tokio::test]
async fn what_an_index_forbids() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path()).await;
    cloud.tell("CreateTable", &indexed()).unwrap();
    let written = |columns: Vec<CellRef<'_>>| cloud.write("PutRow", &write("t", &key("a", 1), columns, false));
    let cell = |name, value| CellRef::new(name, value);
    let old = CellRef { timestamp: Some(1), ..cell("x", ValueRef::Integer(1)) };
    assert!(written(vec![old]).unwrap_err().starts_with("400 OTSParameterInvalid: Timestamp cannot be given"));
    let refused = written(vec![cell("city", ValueRef::Integer(1))]).unwrap_err();
    assert!(refused.ends_with("'city' cannot be a key of index 'by_city'."), "{refused}");
    let long = "x".repeat(1025);
    assert!(written(vec![cell("city", ValueRef::String(&long))]).is_err());
    assert!(written(vec![cell("age", ValueRef::Boolean(true))]).unwrap_err().contains("does not have the type"));
    let to_index = row("by_city", &PrimaryKey::new("city", "Rome").and("n", 1).and("p", "a"), &[]);
    assert!(cloud.write("PutRow", &to_index).unwrap_err().contains("cannot be written"));
    let twice = BatchWriteRow::new(
        [1, 2].map(|v: i64| RowChange::Put(PutRow::new("t", key("a", 1)).column("age", v))).to_vec(),
    );
    assert!(code(cloud.client().batch_write_row(&twice).await).contains("Repeated rows do not support"));

    let update = |options| UpdateTableRequest {
        table_name: "t".into(),
        table_options: Some(options),
        ..UpdateTableRequest::default()
    };
    let options = tablestore::messages::TableOptions::default;
    for options in [
        tablestore::messages::TableOptions { max_versions: Some(2), ..options() },
        tablestore::messages::TableOptions { time_to_live: Some(1000), ..options() },
    ] {
        let refused = cloud.tell("UpdateTable", &update(options)).unwrap_err();
        assert!(refused.starts_with("400 OTSParameterInvalid: A table with secondary indexes"), "{refused}");
    }

    for (meta, expected) in [
        (index("by_city", &["age"], &[]), "409 OTSObjectAlreadyExist"),
        (index("t", &["age"], &[]), "409 OTSObjectAlreadyExist"),
        (index("1x", &["age"], &[]), "400 OTSParameterInvalid: Invalid table name: '1x'."),
        (index("x", &[], &[]), "400 OTSParameterInvalid: The number of index key columns"),
        (index("x", &["none"], &[]), "400 OTSParameterInvalid: Defined column does not exist: 'none'."),
        (index("x", &["age"], &["none"]), "400 OTSParameterInvalid: Defined column does not exist: 'none'."),
        (index("x", &["ok"], &[]), "400 OTSParameterInvalid: Column 'ok' cannot be a key"),
        (index("x", &["age", "age"], &[]), "400 OTSParameterInvalid: Duplicated primary key name: 'age'."),
        (index("x", &["age"], &["age"]), "400 OTSParameterInvalid: Duplicated attribute column name: 'age'."),
        (
            IndexMeta { index_type: 1, ..index("x", &["age"], &[]) },
            "400 OTSParameterInvalid: The first key column of a local index",
        ),
    ] {
        let refused = cloud.tell("CreateIndex", &create("t", meta, false)).unwrap_err();
        assert!(refused.starts_with(expected), "{refused}");
    }
    for n in 1..5 {
        cloud.tell("CreateIndex", &create("t", index(&format!("i{n}"), &["age"], &[]), false)).unwrap();
    }
    let refused = cloud.tell("CreateIndex", &create("t", index("i5", &["age"], &[]), false)).unwrap_err();
    assert!(refused.starts_with("403 OTSQuotaExhausted"), "{refused}");
}

#[tokio::test]
async fn predefined_columns_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path()).await;
    cloud.tell("CreateTable", &indexed()).unwrap();
    let defined = || {
        let describe = TableNameRequest { table_name: "t".into() };
        let described: DescribeTableResponse = cloud.call("DescribeTable", &describe).unwrap();
        described.table_meta.defined_column.into_iter().map(|column| column.name).collect::<Vec<_>>()
    };
    let add = |name: &str| AddDefinedColumnRequest {
        table_name: "t".into(),
        columns: vec![DefinedColumnSchema { name: name.into(), r#type: Integer as i32 }],
    };
    let delete = |name: &str| DeleteDefinedColumnRequest { table_name: "t".into(), columns: vec![name.into()] };
    cloud.tell("AddDefinedColumn", &add("size")).unwrap();
    assert_eq!(defined(), ["age", "city", "ok", "size"]);
    assert!(cloud.tell("AddDefinedColumn", &add("size")).unwrap_err().contains("Duplicated attribute column name"));
    assert!(cloud.tell("AddDefinedColumn", &add("p")).unwrap_err().contains("primary key column"));
    cloud.tell("CreateIndex", &create("t", index("by_size", &["size"], &[]), true)).unwrap();
    assert!(cloud.tell("DeleteDefinedColumn", &delete("size")).unwrap_err().contains("is used by index 'by_size'"));
    cloud.tell("DeleteDefinedColumn", &delete("ok")).unwrap();
    assert!(cloud.tell("DeleteDefinedColumn", &delete("ok")).unwrap_err().contains("does not exist: 'ok'"));
    assert_eq!(defined(), ["age", "city", "size"]);
}
