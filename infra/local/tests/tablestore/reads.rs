//! What reads see.

use super::*;

#[tokio::test]
async fn reads_see_what_they_ask_for() {
    let dir = tempfile::tempdir().unwrap();
    let (_cloud, client) = with_table(dir.path()).await;
    client.put_row(&put("a").column("x", 1).column("y", 2).column("z", 3)).await.unwrap();
    let get = || GetRow::new("t", id("a"));
    let names = |row: Option<tablestore::Row>| {
        row.map(|row| row.columns().map(|column| column.name).collect::<Vec<_>>().join(" "))
    };
    for (request, expected) in [
        (get(), Some("x y z")),
        (get().columns(["z", "x", "none"]), Some("x z")),
        // None of the columns: no row. With a key column's name: the row without columns.
        (get().columns(["none"]), None),
        (get().columns(["none", "id"]), Some("")),
        (get().filter(Filter::equal("x", 1)), Some("x y z")),
        (get().filter(Filter::equal("x", 2)), None),
        // Filters see only the columns that are read.
        (get().columns(["y"]).filter(Filter::equal("x", 1)), None),
        (get().filter(Filter::Pagination { offset: 1, limit: 1 }), Some("y")),
        (get().filter(Filter::equal("x", 1).and(Filter::Pagination { offset: 0, limit: 2 })), Some("x y")),
        (get().filter(Filter::Pagination { offset: 3, limit: 1 }), Some("")),
    ] {
        let row = client.get_row(&request).await.unwrap();
        assert_eq!(names(row).as_deref(), expected, "{request:?}");
    }
    let no_versions = GetRow { max_versions: None, ..get() };
    let refused = code(client.get_row(&no_versions).await);
    assert_eq!(refused, "400 OTSParameterInvalid: No version condition is specified.");
}

#[tokio::test]
async fn versions() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path()).await;
    let client = cloud.client();
    let options = TableOptions { max_versions: 2, time_to_live_secs: 3600, ..TableOptions::default() };
    client.create_table(&TableMeta::new("t", "id", KeyType::String), &options).await.unwrap();
    let now = Timestamp::now().as_millisecond();
    let version = |value: i64, age_secs: i64| UpdateRow {
        changes: vec![Change::Put(Column {
            name: "c".into(),
            value: Value::Integer(value),
            timestamp: Some(now - age_secs * 1000),
        })],
        ..update("a")
    };
    // Not in order of their age: the two newest stay.
    for (value, age) in [(2, 20), (3, 30), (1, 10)] {
        client.update_row(&version(value, age)).await.unwrap();
    }
    let get = |max_versions, time_range| GetRow { max_versions, time_range, ..GetRow::new("t", id("a")) };
    let values = async |request: GetRow| -> Vec<Value> {
        let row = client.get_row(&request).await.unwrap().unwrap();
        row.columns().map(|column| Value::copy_of(column.value.unwrap()).unwrap()).collect()
    };
    let integers = |values: &[i64]| values.iter().map(|value| Value::Integer(*value)).collect::<Vec<_>>();
    assert_eq!(values(get(Some(5), None)).await, integers(&[1, 2]));
    assert_eq!(values(get(Some(1), None)).await, integers(&[1]));
    let older = TimeRange::Between(0, now - 15_000);
    assert_eq!(values(get(None, Some(older))).await, integers(&[2]));
    assert_eq!(values(get(None, Some(TimeRange::At(now - 10_000)))).await, integers(&[1]));
    assert_eq!(values(get(None, Some(TimeRange::At(now)))).await, integers(&[]));
    let both = get(Some(1), Some(TimeRange::At(now)));
    assert!(code(client.get_row(&both).await).starts_with("400 OTSParameterInvalid: Specific"));

    // A condition looks at the newest version, or at any of them.
    let second = |filter: Filter| update("a").put("d", 1).condition(Condition::ignore().and_column(filter));
    assert!(client.update_row(&second(Filter::equal("c", 2))).await.unwrap_err().is_condition_check_fail());
    client.update_row(&second(Filter::equal("c", 2).any_version())).await.unwrap();

    // One version is deleted by its time.
    let newest = Change::DeleteVersion("c".into(), now - 10_000);
    client.update_row(&UpdateRow { changes: vec![newest], ..update("a") }).await.unwrap();
    assert_eq!(values(get(Some(5), None).columns(["c"])).await, integers(&[2]));

    // What has outlived the table's hour is not read, and a timestamp too far off is refused.
    client.update_row(&UpdateRow { primary_key: id("old"), ..version(1, 3601) }).await.unwrap();
    assert_eq!(client.get_row(&GetRow::new("t", id("old"))).await.unwrap(), None);
    assert!(code(client.update_row(&version(1, 90_000)).await).ends_with("Invalid timestamp. Cell: c."));
}

async fn keys(client: &Client, range: GetRange) -> Vec<i64> {
    let rows = client.get_range_all(range).await.unwrap();
    rows.iter().map(|row| row.key_int("n").unwrap()).collect()
}

#[tokio::test]
async fn ranges() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path()).await;
    let client = cloud.client();
    let meta = TableMeta::new("t", "s", KeyType::String).key("n", KeyType::Integer);
    client.create_table(&meta, &TableOptions::default()).await.unwrap();
    let key = |s: &str, n: i64| PrimaryKey::new("s", s).and("n", n);
    let puts = [("a", -2), ("a", 1), ("a", 300), ("b", 0), ("ba", -1)]
        .map(|(s, n)| RowChange::Put(PutRow::new("t", key(s, n)).column("even", n % 2 == 0)));
    assert!(client.batch_write_row(&BatchWriteRow::new(puts.to_vec())).await.unwrap().iter().all(Result::is_ok));
    let min = || PrimaryKey::min(["s", "n"]);
    let max = || PrimaryKey::max(["s", "n"]);
    let all = || GetRange::forward("t", min(), max());
    let down = || GetRange::backward("t", max(), min());

    assert_eq!(keys(&client, all()).await, [-2, 1, 300, 0, -1]);
    assert_eq!(keys(&client, down()).await, [-1, 0, 300, 1, -2]);
    // The start is inside, the end is not.
    assert_eq!(keys(&client, GetRange::forward("t", key("a", 1), key("b", 0))).await, [1, 300]);
    assert_eq!(keys(&client, GetRange::backward("t", key("b", 0), key("a", 1))).await, [0, 300]);
    let of_a = |n: Key| PrimaryKey::new("s", "a").and("n", n);
    assert_eq!(keys(&client, GetRange::forward("t", of_a(Key::Min), of_a(Key::Max))).await, [-2, 1, 300]);
    // Pages join without gaps or repetitions, in both directions, also when a filter leaves some empty.
    for limit in 1..7 {
        assert_eq!(keys(&client, all().limit(limit)).await, [-2, 1, 300, 0, -1], "limit {limit}");
        assert_eq!(keys(&client, down().limit(limit)).await, [-1, 0, 300, 1, -2], "limit {limit}");
        let odd = all().limit(limit).filter(Filter::equal("even", false));
        assert_eq!(keys(&client, odd).await, [1, -1], "limit {limit}");
    }
    let page = client.get_range(&all().limit(2)).await.unwrap();
    assert_eq!((page.rows.len(), page.next), (2, Some(key("a", 300))));
    assert_eq!(client.get_range(&all().limit(5)).await.unwrap().next, None);
    assert_eq!(keys(&client, all().columns(["none"])).await, Vec::<i64>::new());

    for (range, expected) in [
        (GetRange::forward("t", max(), min()), "Begin key must less than end key in FORWARD"),
        (GetRange::forward("t", key("a", 1), key("a", 1)), "Begin key must less than end key in FORWARD"),
        (GetRange::backward("t", min(), max()), "Begin key must more than end key in BACKWARD"),
        (all().limit(0), "The limit must be greater than 0."),
    ] {
        assert_eq!(code(client.get_range(&range).await), format!("400 OTSParameterInvalid: {expected}"));
    }
}

#[tokio::test]
async fn a_range_stops_by_itself_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (_cloud, client) = with_table(dir.path()).await;
    // Six rows of 1 MB: more than the 4 MB that one request looks at.
    for key in ["a", "b", "c", "d", "e", "f"] {
        client.put_row(&put(key).column("big", vec![7u8; 1 << 20])).await.unwrap();
    }
    let range = || GetRange::forward("t", PrimaryKey::min(["id"]), PrimaryKey::max(["id"]));
    let page = client.get_range(&range()).await.unwrap();
    assert_eq!((page.rows.len(), page.next), (4, Some(id("e"))));
    assert_eq!(client.get_range_all(range()).await.unwrap().len(), 6);
}
