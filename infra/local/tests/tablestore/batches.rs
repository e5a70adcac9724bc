//! Batches.

use super::*;

/// Rows of table `t`.
async fn get<const N: usize>(
    client: &Client,
    keys: [PrimaryKey; N],
) -> Vec<Result<Option<tablestore::Row>, tablestore::RowError>> {
    let batch = BatchGetRow::new([GetRows::new("t", keys)]);
    client.batch_get_row(&batch).await.unwrap().remove(0)
}

#[tokio::test]
async fn batches() {
    let dir = tempfile::tempdir().unwrap();
    let (_cloud, client) = with_table(dir.path()).await;
    client.create_table(&TableMeta::new("u", "k", KeyType::Integer), &TableOptions::default()).await.unwrap();
    client.put_row(&put("there").column("v", 1)).await.unwrap();
    client.put_row(&put("gone").column("v", 1)).await.unwrap();
    let condition = Condition::expect_not_exist;
    let in_u = |n: i64| PrimaryKey::new("k", n);
    let results = client
        .batch_write_row(&BatchWriteRow::new(vec![
            RowChange::Put(put("there").condition(condition())),
            RowChange::Put(PutRow::new("u", in_u(1)).column("v", 7)),
            RowChange::Update(update("new").increment("n", 4).return_incremented()),
            RowChange::Put(PutRow::new("u", PrimaryKey::new("k", "text"))),
            RowChange::Delete(DeleteRow::new("t", id("gone"))),
            RowChange::Put(PutRow::new("nowhere", in_u(1))),
        ]))
        .await
        .unwrap();
    let seen: Vec<String> = results
        .iter()
        .map(|result| match result {
            Ok(written) => format!("{:?}", written.row.as_ref().and_then(|row| row.get_int("n"))),
            Err(error) => format!("{} {}", error.table, error.code),
        })
        .collect();
    let expected =
        ["t OTSConditionCheckFail", "None", "Some(4)", "u OTSInvalidPK", "None", "nowhere OTSObjectNotExist"];
    assert_eq!(seen, expected);

    let keys = [id("new"), id("gone"), id("there"), id("new")];
    let rows = get(&client, keys).await;
    let rows: Vec<_> = rows.into_iter().map(|row| row.unwrap().map(|row| row.primary_key())).collect();
    assert_eq!(rows, [Some(id("new")), None, Some(id("there")), Some(id("new"))]);
    let wrong = get(&client, [id("new"), in_u(1)]).await;
    assert!(wrong[0].is_ok() && wrong[1].as_ref().is_err_and(|error| error.code == "OTSInvalidPK"));

    // The same row twice: the later one wins, unless one of them looks at what is stored.
    let write = |value: i64| put("twice").column("v", value);
    let twice = |changes: [PutRow; 2]| BatchWriteRow::new(changes.map(RowChange::Put).to_vec());
    client.batch_write_row(&twice([write(1), write(2)])).await.unwrap();
    let row = client.get_row(&GetRow::new("t", id("twice"))).await.unwrap().unwrap();
    assert_eq!(row.get_int("v"), Some(2));
    let looking = twice([write(3), write(4).condition(Condition::expect_exist())]);
    assert!(code(client.batch_write_row(&looking).await).contains("Repeated rows do not support"));
    let none = BatchWriteRow::new(Vec::new());
    assert!(code(client.batch_write_row(&none).await).ends_with("No row is specified in BatchWriteRow."));
    let many = BatchWriteRow::new((0..201).map(|n| RowChange::Put(PutRow::new("u", in_u(n)))).collect());
    assert!(code(client.batch_write_row(&many).await).ends_with("Rows count exceeds the upper limit: 200."));
}

#[tokio::test]
async fn an_atomic_batch_happens_or_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path()).await;
    let client = cloud.client();
    let meta = TableMeta::new("t", "p", KeyType::String).key("n", KeyType::Integer);
    client.create_table(&meta, &TableOptions::default()).await.unwrap();
    let put = |p: &str, n: i64| PutRow::new("t", PrimaryKey::new("p", p).and("n", n)).column("v", 1);
    let batch = |changes: [PutRow; 2]| BatchWriteRow::new(changes.map(RowChange::Put).to_vec()).atomic();
    let count = async || {
        let range = GetRange::forward("t", PrimaryKey::min(["p", "n"]), PrimaryKey::max(["p", "n"]));
        client.get_range_all(range).await.unwrap().len()
    };
    let spread = client.batch_write_row(&batch([put("a", 1), put("b", 1)])).await.unwrap();
    let said = "Data out of scope of atomic. Atomic PartKey:a. Data PartKey:b";
    let refused = |row: &Result<tablestore::Written, tablestore::RowError>| {
        row.as_ref().is_err_and(|error| error.code == "OTSDataOutOfRange" && error.message == said)
    };
    assert!(spread.iter().all(refused), "{spread:?}");
    assert_eq!(count().await, 0);
    let failing = batch([put("a", 1), put("a", 2).condition(Condition::expect_exist())]);
    let failed = client.batch_write_row(&failing).await.unwrap();
    assert!(failed.iter().all(|row| row.as_ref().is_err_and(|error| error.is_condition_check_fail())));
    assert_eq!(count().await, 0);
    let done = client.batch_write_row(&batch([put("a", 1), put("a", 2)])).await.unwrap();
    assert!(done.iter().all(Result::is_ok));
    assert_eq!(count().await, 2);
}
