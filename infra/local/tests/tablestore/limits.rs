//! What refuses a whole request, and what one row of it.

use super::*;

/// All ways to name this row and column; each refusal of them.
async fn refusals(client: &Client, table: &'static str, key: PrimaryKey, column: &'static str) -> Vec<String> {
    let put = PutRow::new(table, key.clone()).column(column, 1);
    let update = UpdateRow::new(table, key.clone()).put(column, 1);
    let end = PrimaryKey(key.0.iter().map(|(name, _)| (name.clone(), Key::Max)).collect());
    let get = GetRow::new(table, key.clone()).columns([column]);
    let range = GetRange::forward(table, key.clone(), end).columns([column]);
    let rows = BatchGetRow::new([GetRows::new(table, [key.clone()]).columns([column])]);
    let batch = |change| BatchWriteRow::new(vec![change]);
    vec![
        code(client.put_row(&put).await),
        code(client.update_row(&update).await),
        code(client.get_row(&get).await),
        code(client.get_range(&range).await),
        code(client.batch_get_row(&rows).await),
        code(client.batch_write_row(&batch(RowChange::Put(put))).await),
        code(client.batch_write_row(&batch(RowChange::Update(update))).await),
    ]
}

#[tokio::test]
async fn what_is_wrong_without_a_table_refuses_all_of_a_batch() {
    let dir = tempfile::tempdir().unwrap();
    let (_cloud, client) = with_table(dir.path()).await;
    let five = ["b", "c", "d", "e"].into_iter().fold(id("a"), |key, name| key.and(name, 1));
    for (table, key, column, expected) in [
        ("#", id("a"), "c", "Invalid table name: '#'."),
        ("表", id("a"), "c", "Invalid table name: '表'."),
        ("3t", id("a"), "c", "Invalid table name: '3t'."),
        ("t", id("a"), "#", "Invalid column name: '#'."),
        ("t", id("a"), "#公司", "Invalid column name: '#公司'."),
        ("t", five, "c", "The number of primary key columns must be in range: [1, 4]."),
        (
            "t",
            id(&"x".repeat(1025)),
            "c",
            "The length of primary key column: 'id' exceeds the MaxLength:1024 with CurrentLength:1025.",
        ),
    ] {
        for refused in refusals(&client, table, key, column).await {
            assert_eq!(refused, format!("400 OTSParameterInvalid: {expected}"));
        }
    }
    let by_name = GetRow::new("t", id("a")).filter(Filter::equal("#x", 1));
    assert_eq!(code(client.get_row(&by_name).await), "400 OTSParameterInvalid: Invalid column name: '#x'.");

    for (key, expected) in [(Key::Min, "VT_INF_MIN"), (Key::Max, "VT_INF_MAX")] {
        let key = || PrimaryKey(vec![("id".into(), key.clone())]);
        let expected = format!("400 OTSParameterInvalid: {expected} is an invalid type for the primary key.");
        assert_eq!(code(client.put_row(&PutRow::new("t", key())).await), expected);
        assert_eq!(code(client.delete_row(&DeleteRow::new("t", key())).await), expected);
        assert_eq!(code(client.get_row(&GetRow::new("t", key())).await), expected);
        let batch = BatchWriteRow::new(vec![RowChange::Delete(DeleteRow::new("t", key()))]);
        assert_eq!(code(client.batch_write_row(&batch).await), expected);
        let rows = BatchGetRow::new([GetRows::new("t", [key()])]);
        assert_eq!(code(client.batch_get_row(&rows).await), expected);
    }
}

#[tokio::test]
async fn columns_may_be_named_freely() {
    let dir = tempfile::tempdir().unwrap();
    let (_cloud, client) = with_table(dir.path()).await;
    let long: &'static str = Box::leak("a".repeat(255).into_boxed_str());
    let longer: &'static str = Box::leak("a".repeat(256).into_boxed_str());
    for name in
        [long, "公司", ".", ":a", "a'", "\"", "$a", "a&b", "*", "(", ")a", "a/b", "\\", "a\nb", "\r", "a b", " "]
    {
        client.put_row(&put("a").column(name, 1)).await.unwrap();
        let get = GetRow::new("t", id("a")).columns([name]).filter(Filter::equal(name, 1));
        assert_eq!(client.get_row(&get).await.unwrap().unwrap().get_int(name), Some(1), "{name:?}");
    }
    for refused in refusals(&client, "t", id("a"), longer).await {
        assert_eq!(refused, format!("400 OTSParameterInvalid: Invalid column name: '{longer}'."));
    }
}

#[tokio::test]
async fn of_rows_that_are_incremented_twice_each_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (_cloud, client) = with_table(dir.path()).await;
    let add = |key| RowChange::Update(update(key).increment("n", 1));
    let outcomes = client.batch_write_row(&BatchWriteRow::new(vec![add("a"), add("b"), add("a")])).await.unwrap();
    let oks: Vec<bool> = outcomes.iter().map(|outcome| outcome.is_ok()).collect();
    assert_eq!(oks, [false, true, false]);
    assert_eq!(client.get_row(&GetRow::new("t", id("a"))).await.unwrap(), None);
}

#[tokio::test]
async fn tables_are_64() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path()).await;
    let client = cloud.client();
    let create = async |n: usize| {
        let meta = TableMeta::new(format!("t{n}"), "id", KeyType::String);
        client.create_table(&meta, &TableOptions::default()).await
    };
    for n in 0..64 {
        create(n).await.unwrap();
    }
    assert_eq!(code(create(64).await), "403 OTSQuotaExhausted: Number of tables exceeds the quota:64.");
    client.delete_table("t7").await.unwrap();
    create(64).await.unwrap();
}

#[tokio::test]
async fn every_operation_is_a_post() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path()).await;
    let answer = openapi::http::build().get(format!("{}/ListTable", cloud.endpoint)).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 405);
    let error = <tablestore::messages::Error as prost::Message>::decode(answer.bytes().await.unwrap()).unwrap();
    assert_eq!(error.code, "OTSMethodNotAllowed");
}
