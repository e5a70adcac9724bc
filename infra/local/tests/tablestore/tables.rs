//! Table operations, and what is left after reopening.

use super::*;

#[tokio::test]
async fn tables() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path()).await;
    let client = cloud.client();
    assert_eq!(client.list_table().await.unwrap(), Vec::<String>::new());

    let meta = TableMeta::new("history", "id", KeyType::String)
        .key("at", KeyType::Integer)
        .key("raw", KeyType::Binary)
        .key("seq", KeyType::AutoIncrement);
    let options =
        TableOptions { time_to_live_secs: 86_400, max_versions: 3, max_deviation_secs: 100, ..TableOptions::default() };
    client.create_table(&meta, &options).await.unwrap();
    let described = client.describe_table("history").await.unwrap();
    // What nobody asked for is told all the same.
    let told = |options| TableOptions { allow_update: Some(true), ..options };
    assert_eq!((described.meta, described.options), (meta.clone(), told(options)));
    assert_eq!(client.list_table().await.unwrap(), ["history"]);

    let refused = code(client.create_table(&meta, &options).await);
    assert_eq!(refused, "409 OTSObjectAlreadyExist: Requested table already exists.");

    let fewer = TableOptions { max_versions: 1, ..options };
    assert_eq!(client.update_table("history", &fewer).await.unwrap(), told(fewer));
    assert_eq!(client.describe_table("history").await.unwrap().options, told(fewer));

    client.delete_table("history").await.unwrap();
    assert_eq!(client.list_table().await.unwrap(), Vec::<String>::new());
    let missing = client.describe_table("history").await.unwrap_err();
    assert!(missing.is_table_missing(), "{missing}");
    assert!(client.delete_table("history").await.unwrap_err().is_table_missing());
    assert!(client.get_row(&GetRow::new("history", id("a"))).await.unwrap_err().is_table_missing());
    let put = PutRow::new("history", id("a"));
    assert!(client.put_row(&put).await.unwrap_err().is_table_missing());
}

#[tokio::test]
async fn whether_updates_write_whole_rows_is_said_at_the_start() {
    use tablestore::messages::{
        CreateTableRequest, DescribeTableResponse, TableNameRequest, TableOptions, UpdateTableRequest,
    };
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path()).await;
    let whole = |whole| TableOptions { update_full_row: Some(whole), ..TableOptions::default() };
    let update = |table_options| UpdateTableRequest {
        table_name: "t".into(),
        table_options: Some(table_options),
        ..UpdateTableRequest::default()
    };
    for wanted in [true, false] {
        let table = raw::table("t", &["id"], &[]);
        let options = TableOptions { update_full_row: Some(wanted), ..table.table_options.unwrap() };
        cloud.tell("CreateTable", &CreateTableRequest { table_options: Some(options), ..table }).unwrap();
        let refused = cloud.tell("UpdateTable", &update(whole(!wanted))).unwrap_err();
        assert!(refused.starts_with("400 OTSParameterInvalid"), "{refused}");
        let name = TableNameRequest { table_name: "t".into() };
        let described: DescribeTableResponse = cloud.call("DescribeTable", &name).unwrap();
        assert_eq!(described.table_options.update_full_row, Some(wanted));
        cloud.tell("DeleteTable", &name).unwrap();
    }
}

#[tokio::test]
async fn tables_that_cannot_be() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path()).await;
    let client = cloud.client();
    let one = || TableMeta::new("t", "id", KeyType::String);
    let options = TableOptions::default();
    for (meta, options, expected) in [
        (TableMeta::new("1t", "id", KeyType::String), options, "Invalid table name: '1t'."),
        (TableMeta::new("t", "i-d", KeyType::String), options, "Invalid column name: 'i-d'."),
        (one().key("id", KeyType::Integer), options, "Duplicated primary key name: 'id'."),
        (
            TableMeta::new("t", "id", KeyType::AutoIncrement),
            options,
            "First primary key can't be auto increment, table: t.",
        ),
        (
            one()
                .key("b", KeyType::Binary)
                .key("c", KeyType::Binary)
                .key("d", KeyType::Binary)
                .key("e", KeyType::Binary),
            options,
            "The number of primary key columns must be in range: [1, 4].",
        ),
        (one(), TableOptions { time_to_live_secs: 0, ..options }, "TimeToLive cannot be 0 or less than -1."),
        (
            one(),
            TableOptions { max_versions: 0, ..options },
            "Invalid max versions: 0. Reason: Max versions must be positive.",
        ),
    ] {
        let refused = code(client.create_table(&meta, &options).await);
        assert_eq!(refused, format!("400 OTSParameterInvalid: {expected}"));
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    {
        let (cloud, client) = with_table(dir.path()).await;
        client.put_row(&put("a").column("v", 1)).await.unwrap();
        client.create_table(&TableMeta::new("gone", "id", KeyType::String), &TableOptions::default()).await.unwrap();
        client.put_row(&PutRow::new("gone", id("a"))).await.unwrap();
        client.delete_table("gone").await.unwrap();
        // The store opens again when the last connection has let go of it.
        let weak = Arc::downgrade(&cloud.tablestore);
        drop((client, cloud));
        while weak.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    }
    let cloud = Cloud::start(dir.path()).await;
    let client = cloud.client();
    assert_eq!(client.list_table().await.unwrap(), ["t"]);
    let row = client.get_row(&GetRow::new("t", id("a"))).await.unwrap().unwrap();
    assert_eq!(row.get_int("v"), Some(1));
    // A table of the same name, or one that gets the same id, starts empty.
    client.create_table(&TableMeta::new("gone", "id", KeyType::String), &TableOptions::default()).await.unwrap();
    assert_eq!(client.get_row(&GetRow::new("gone", id("a"))).await.unwrap(), None);
}
