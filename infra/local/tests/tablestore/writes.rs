//! Writes of single rows.

use super::*;

#[tokio::test]
async fn a_row_of_every_type_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path()).await;
    let client = cloud.client();
    let meta = TableMeta::new("t", "s", KeyType::String).key("i", KeyType::Integer).key("b", KeyType::Binary);
    client.create_table(&meta, &TableOptions::default()).await.unwrap();
    let key = PrimaryKey::new("s", "漢\0字").and("i", -7).and("b", vec![0u8, 255]);
    let put = PutRow::new("t", key.clone())
        .column("zeta", "später")
        .column("alpha", i64::MIN)
        .column("double", -0.5)
        .column("yes", true)
        .column("bytes", vec![0u8, 1, 2])
        .return_primary_key();
    let written = client.put_row(&put).await.unwrap();
    assert_eq!(written.row.unwrap().primary_key(), key);
    assert_eq!(written.write_units, 1);

    let row = client.get_row(&GetRow::new("t", key.clone())).await.unwrap().unwrap();
    assert_eq!(row.primary_key(), key);
    let names: Vec<_> = row.columns().map(|column| column.name).collect();
    assert_eq!(names, ["alpha", "bytes", "double", "yes", "zeta"]);
    assert!(row.columns().all(|column| column.timestamp.is_some()));
    assert_eq!(row.get_str("zeta"), Some("später"));
    assert_eq!(row.get_int("alpha"), Some(i64::MIN));
    assert_eq!(row.get_double("double"), Some(-0.5));
    assert_eq!(row.get_bool("yes"), Some(true));
    assert_eq!(row.get_bytes("bytes"), Some(&[0, 1, 2][..]));
    assert_eq!((row.key_str("s"), row.key_int("i")), (Some("漢\0字"), Some(-7)));

    // A put replaces the whole row.
    client.put_row(&PutRow::new("t", key.clone()).column("only", 1)).await.unwrap();
    let row = client.get_row(&GetRow::new("t", key.clone())).await.unwrap().unwrap();
    assert_eq!(row.columns().count(), 1);

    client.delete_row(&DeleteRow::new("t", key.clone())).await.unwrap();
    assert_eq!(client.get_row(&GetRow::new("t", key)).await.unwrap(), None);
}

#[tokio::test]
async fn updates() {
    let dir = tempfile::tempdir().unwrap();
    let (_cloud, client) = with_table(dir.path()).await;
    let get = |key| GetRow::new("t", id(key));

    // Deletions alone do not create a row, a put does.
    client.update_row(&update("a").delete("x")).await.unwrap();
    assert_eq!(client.get_row(&get("a")).await.unwrap(), None);
    client.update_row(&update("a").put("x", 1).put("y", "two")).await.unwrap();
    client.update_row(&update("a").put("z", true).delete("x")).await.unwrap();
    let row = client.get_row(&get("a")).await.unwrap().unwrap();
    assert_eq!((row.get("x"), row.get_str("y"), row.get_bool("z")), (None, Some("two"), Some(true)));

    // A row whose columns are all deleted still exists.
    client.update_row(&update("a").delete("y").delete("z")).await.unwrap();
    assert_eq!(client.get_row(&get("a")).await.unwrap().unwrap().columns().count(), 0);

    let add = |delta| update("n").increment("count", delta).return_incremented();
    for (delta, expected) in [(5, 5), (-7, -2), (1, -1)] {
        let row = client.update_row(&add(delta)).await.unwrap().row.unwrap();
        assert_eq!(row.get_int("count"), Some(expected));
        assert_eq!(row.primary_key(), id("n"));
    }
    client.put_row(&put("n").column("count", i64::MAX).column("text", "x")).await.unwrap();
    assert!(code(client.update_row(&add(1)).await).starts_with("400 OTSParameterInvalid"));
    assert!(code(client.update_row(&update("n").increment("text", 1)).await).starts_with("400 OTSParameterInvalid"));
    let twice = update("n").increment("count", -1).put("count", 1);
    assert!(code(client.update_row(&twice).await).starts_with("400 OTSParameterInvalid"));
    let row = client.get_row(&get("n")).await.unwrap().unwrap();
    assert_eq!(row.get_int("count"), Some(i64::MAX));
    assert!(code(client.update_row(&update("n")).await).ends_with("missing cells in request"));
}

#[tokio::test]
async fn the_service_chooses_auto_increment_values() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path()).await;
    let client = cloud.client();
    let meta = TableMeta::new("t", "p", KeyType::String).key("seq", KeyType::AutoIncrement);
    client.create_table(&meta, &TableOptions::default()).await.unwrap();
    let key = || PrimaryKey::new("p", "x").and("seq", Key::AutoIncrement);
    let mut chosen = Vec::new();
    for n in 0..20 {
        let put = PutRow::new("t", key()).column("n", n).return_primary_key();
        let row = client.put_row(&put).await.unwrap().row.unwrap();
        chosen.push(row.key_int("seq").unwrap());
    }
    assert!(chosen.is_sorted_by(|left, right| left < right), "{chosen:?}");
    let found = client.get_row(&GetRow::new("t", PrimaryKey::new("p", "x").and("seq", chosen[7]))).await.unwrap();
    assert_eq!(found.unwrap().get_int("n"), Some(7));
    let update = UpdateRow { returns: Return::PrimaryKey, ..UpdateRow::new("t", key()).put("n", 1) };
    assert!(client.update_row(&update).await.unwrap().row.unwrap().key_int("seq").unwrap() > chosen[19]);

    let refused = code(client.put_row(&PutRow::new("t", key()).condition(Condition::expect_not_exist())).await);
    assert!(refused.starts_with("400 OTSParameterInvalid: Invalid expect"), "{refused}");
    let refused = code(client.delete_row(&DeleteRow::new("t", key())).await);
    assert!(refused.ends_with("Invalid row to delete which with pk auto increment"), "{refused}");
    let refused = code(client.get_row(&GetRow::new("t", key())).await);
    assert!(refused.ends_with("PKAutoIncr can't be used for read operations."), "{refused}");
}

#[tokio::test]
async fn keys_that_do_not_fit_the_table() {
    let dir = tempfile::tempdir().unwrap();
    let (_cloud, client) = with_table(dir.path()).await;
    let long = "x".repeat(1025);
    for (key, expected) in [
        (id("a").and("more", 1), "OTSInvalidPK: Validate PK size fail. Input: 2, Meta: 1."),
        (PrimaryKey::new("di", "a"), "OTSInvalidPK: Validate PK name fail. Input: di, Meta: id."),
        (PrimaryKey::new("id", 1), "OTSInvalidPK: Validate PK type fail. Input: VT_INTEGER, Meta: VT_STRING."),
        (PrimaryKey::new("id", vec![1u8]), "OTSInvalidPK: Validate PK type fail. Input: VT_BLOB, Meta: VT_STRING."),
        (PrimaryKey::min(["id"]), "OTSParameterInvalid: VT_INF_MIN is an invalid type for the primary key."),
        (
            id(&long),
            "OTSParameterInvalid: The length of primary key column: 'id' exceeds the MaxLength:1024 with CurrentLength:1025.",
        ),
    ] {
        let expected = format!("400 {expected}");
        assert_eq!(code(client.put_row(&PutRow::new("t", key.clone())).await), expected);
        assert_eq!(code(client.get_row(&GetRow::new("t", key.clone())).await), expected);
        assert_eq!(code(client.delete_row(&DeleteRow::new("t", key)).await), expected);
    }
}

#[tokio::test]
async fn limits_of_a_write() {
    let dir = tempfile::tempdir().unwrap();
    let (_cloud, client) = with_table(dir.path()).await;
    client.put_row(&put("a").column("c", "x".repeat(2 << 20))).await.unwrap();
    let columns = |n: usize| (0..n).fold(put("b"), |put, i| put.column(format!("c{i}"), 1));
    client.put_row(&columns(1024)).await.unwrap();
    for (write, expected) in [
        (
            put("a").column("c", "x".repeat((2 << 20) + 1)),
            "400 OTSParameterInvalid: The length of attribute column: 'c' exceeds the MaxLength:2097152 with CurrentLength:2097153.",
        ),
        (
            columns(1025),
            "400 OTSParameterInvalid: The number of attribute columns exceeds the limit, limit count: 1024, column count: 1025.",
        ),
        (put("a").column("#9", 1), "400 OTSParameterInvalid: Invalid column name: '#9'."),
        (
            put("a").column("id", 1),
            "400 OTSParameterInvalid: Duplicated attribute column name with primary key column: 'id'.",
        ),
        (put("a").column("c", f64::NAN), "400 OTSParameterInvalid: NaN can't be set to double value."),
        (
            (0..3).fold(put("a"), |put, i| put.column(format!("c{i}"), vec![0u8; 2 << 20])),
            "413 OTSRequestBodyTooLarge: The size of POST data is too large.",
        ),
    ] {
        assert_eq!(code(client.put_row(&write).await), expected);
    }
}
