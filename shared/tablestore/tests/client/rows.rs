//! Answers that come in parts.

use super::*;

#[tokio::test]
async fn rows_of_a_batch_that_fail_for_a_moment_are_repeated_alone() {
    let row = |code: Option<&str>| RowInBatch {
        is_ok: code.is_none(),
        error: code.map(|code| messages::Error { code: code.into(), message: None }),
        ..RowInBatch::default()
    };
    let answer = |rows: Vec<RowInBatch>| {
        let tables = vec![TableInBatchResponse { table_name: "t".into(), rows }];
        Step::Answer(200, BatchResponse { tables }.encode_to_vec())
    };
    let first = answer(vec![row(None), row(Some("OTSRowOperationConflict")), row(Some("OTSConditionCheckFail"))]);
    let server = Server::play([first, answer(vec![row(None)])]).await;
    let batch = BatchWriteRow::new(["a", "b", "c"].map(|key| RowChange::Put(put(key))).to_vec());
    let results = server.client.batch_write_row(&batch).await.unwrap();
    assert!(results[0].is_ok() && results[1].is_ok(), "{results:?}");
    assert!(results[2].as_ref().is_err_and(|error| error.is_condition_check_fail()));
    let second: BatchWriteRowRequest = server.request(1);
    let row = Row::from_plainbuffer(&second.tables[0].rows[0].row_change).unwrap().unwrap();
    assert_eq!((second.tables[0].rows.len(), row.key_str("id")), (1, Some("b")));

    // An answer that leaves a row out says nothing about it.
    let first = answer(vec![RowInBatch { is_ok: true, ..RowInBatch::default() }; 2]);
    let server = Server::play([first]).await;
    assert!(server.client.batch_write_row(&batch).await.unwrap_err().fate_unknown());
}

/// A row with the key `id`, as PlainBuffer.
fn row(id: &str, columns: &[(&'static str, i64)]) -> Bytes {
    let mut writer = plainbuffer::Writer::default();
    writer.key("id", plainbuffer::ValueRef::String(id));
    for (name, value) in columns {
        writer.cell(&Column::new(*name, *value).at(1).borrow());
    }
    writer.end_row();
    writer.finish().into()
}

/// The rows of `parts` under one header.
fn rows(parts: &[Bytes]) -> Bytes {
    let mut writer = plainbuffer::Writer::default();
    parts.iter().for_each(|part| writer.raw_row(&part[4..]));
    writer.finish().into()
}

fn page(parts: &[Bytes], next: Option<&str>, token: Option<&'static [u8]>) -> Step {
    let answer = GetRangeResponse {
        consumed: ConsumedCapacity::new(1, 0),
        rows: rows(parts),
        next_start_primary_key: next.map(|id| PrimaryKey::new("id", id.to_owned()).to_plainbuffer().into()),
        next_token: token.map(Bytes::from_static),
        data_block_type: Some(0),
        compress_type: Some(0),
    };
    Step::Answer(200, answer.encode_to_vec())
}

fn everything() -> GetRange {
    GetRange::forward("t", PrimaryKey::min(["id"]), PrimaryKey::max(["id"]))
}

fn shown(row: &Row) -> String {
    let columns = row.columns().map(|cell| format!(" {}={}", cell.name, cell.value.unwrap().as_int().unwrap()));
    format!("{}{}", row.key_str("id").unwrap(), columns.collect::<String>())
}

#[tokio::test]
async fn a_range_goes_on_by_itself() {
    let server = Server::play([
        page(&[row("a", &[("x", 1)]), row("b", &[])], Some("c"), None),
        // Nothing passed the filter here.
        page(&[], Some("d"), None),
        refusal(403, "OTSNoPermissionAccess"),
        page(&[row("d", &[("x", 4)])], None, None),
    ])
    .await;
    let mut pages = server.client.pages(everything().limit(2));
    let mut seen = Vec::new();
    let error = loop {
        match pages.next_row().await {
            Ok(row) => seen.push(shown(&row.unwrap())),
            Err(error) => break error,
        }
    };
    assert_eq!((seen, error.code()), (vec!["a x=1".to_owned(), "b".into()], Some("OTSNoPermissionAccess")));
    // It stands where it stood, and goes on.
    assert_eq!(pages.next_row().await.unwrap().as_ref().map(shown).as_deref(), Some("d x=4"));
    assert_eq!(pages.next_row().await.unwrap(), None);
    assert_eq!(pages.next_row().await.unwrap(), None);
    let starts = server.asked(|asked| {
        let request = GetRangeRequest::decode(asked.body.clone()).unwrap();
        let start = PrimaryKey::from_plainbuffer(&request.inclusive_start_primary_key).unwrap();
        (start, request.limit)
    });
    let start = |id: &'static str| (PrimaryKey::new("id", id), Some(2));
    assert_eq!(starts, [(PrimaryKey::min(["id"]), Some(2)), start("c"), start("d"), start("d")]);
}

#[tokio::test]
async fn a_stream_of_rows_may_be_asked_by_anyone() {
    fn is_stream<S: futures_core::Stream<Item = Result<Row, Error>> + Send + Unpin>(_: &S) {}
    let server = Server::play([page(&[row("a", &[])], None, None)]).await;
    let pages = server.client.pages(everything());
    is_stream(&pages);
}

/// What does not fit one answer goes on in the next, under a token.
#[tokio::test]
async fn a_wide_row_is_put_together() {
    let server = Server::play([
        page(&[row("a", &[("x", 1)]), row("b", &[("c1", 1), ("c2", 2)])], Some("b"), Some(b"one")),
        page(&[row("b", &[("c3", 3)])], Some("b"), Some(b"two")),
        page(&[row("b", &[("c4", 4)]), row("c", &[])], None, None),
    ])
    .await;
    let rows = server.client.get_range_all(everything()).await.unwrap();
    assert_eq!(rows.iter().map(shown).collect::<Vec<_>>(), ["a x=1", "b c1=1 c2=2 c3=3 c4=4", "c"]);
    assert_eq!(rows[1].primary_key(), PrimaryKey::new("id", "b"));
    let tokens = server.asked(|asked| GetRangeRequest::decode(asked.body.clone()).unwrap().token);
    assert_eq!(tokens, [None, Some(Bytes::from("one")), Some(Bytes::from("two"))]);

    // One that had no more columns after all is whole.
    let server =
        Server::play([page(&[row("a", &[("x", 1)])], Some("a"), Some(b"one")), page(&[row("b", &[])], None, None)])
            .await;
    let rows = server.client.get_range_all(everything()).await.unwrap();
    assert_eq!(rows.iter().map(shown).collect::<Vec<_>>(), ["a x=1", "b"]);

    let part = |row: Bytes, token: Option<&'static [u8]>| {
        let next_token = token.map(Bytes::from_static);
        Step::Answer(200, GetRowResponse { consumed: ConsumedCapacity::new(1, 0), row, next_token }.encode_to_vec())
    };
    let server = Server::play([part(row("a", &[("x", 1)]), Some(b"one")), part(row("a", &[("y", 2)]), None)]).await;
    assert_eq!(server.get().await.unwrap().as_ref().map(shown).as_deref(), Some("a x=1 y=2"));
    assert_eq!(server.request::<GetRowRequest>(1).token, Some(Bytes::from("one")));
}

#[tokio::test]
async fn rows_in_a_form_that_was_not_asked_for() {
    let answer = GetRangeResponse { compress_type: Some(1), ..GetRangeResponse::default() };
    let server = Server::play([Step::Answer(200, answer.encode_to_vec())]).await;
    let error = server.client.get_range(&everything()).await.unwrap_err();
    assert!(matches!(error, Error::InvalidAnswer { .. }), "{error:?}");
}

#[tokio::test]
async fn reads_of_a_batch_that_fail_for_a_moment_are_repeated_alone() {
    let found = |row: Option<Bytes>| RowInBatch { is_ok: true, row, ..RowInBatch::default() };
    let failed = |code: &str| RowInBatch {
        error: Some(messages::Error { code: code.into(), message: None }),
        ..RowInBatch::default()
    };
    let answer = |tables: Vec<(&str, Vec<RowInBatch>)>| {
        let table = |(name, rows): (&str, _)| TableInBatchResponse { table_name: name.to_owned(), rows };
        Step::Answer(200, BatchResponse { tables: tables.into_iter().map(table).collect() }.encode_to_vec())
    };
    let server = Server::play([
        answer(vec![
            ("t", vec![failed("OTSServerBusy"), found(Some(row("b", &[("x", 2)])))]),
            ("u", vec![failed("OTSInvalidPK"), failed("OTSTimeout"), found(None)]),
        ]),
        answer(vec![("t", vec![found(Some(row("a", &[("x", 1)])))]), ("u", vec![failed("OTSTimeout")])]),
        answer(vec![("u", vec![found(Some(row("d", &[])))])]),
    ])
    .await;
    let key = |id: &'static str| PrimaryKey::new("id", id);
    let batch = BatchGetRow::new([
        GetRows::new("t", ["a", "b"].map(key)),
        GetRows::new("u", ["c", "d", "e"].map(key)).columns(["x"]).max_versions(2),
    ]);
    let got = server.client.batch_get_row(&batch).await.unwrap();
    let shown = |result: &Result<Option<Row>, tablestore::RowError>| match result {
        Ok(row) => row.as_ref().map_or("none".to_owned(), shown),
        Err(error) => format!("{} {}", error.table, error.code),
    };
    let got: Vec<Vec<String>> = got.iter().map(|rows| rows.iter().map(shown).collect()).collect();
    assert_eq!(got, [vec!["a x=1", "b x=2"], vec!["u OTSInvalidPK", "d", "none"]]);
    let last: messages::BatchGetRowRequest = server.request(2);
    assert_eq!(last.tables.len(), 1);
    assert_eq!((last.tables[0].max_versions, last.tables[0].columns_to_get.clone()), (Some(2), vec!["x".to_owned()]));
    let keys: Vec<_> = last.tables[0].primary_key.iter().map(|key| PrimaryKey::from_plainbuffer(key)).collect();
    assert_eq!(keys, [Ok(key("d"))]);

    let server = Server::play([answer(vec![("t", vec![found(None)])])]).await;
    let error = server.client.batch_get_row(&batch).await.unwrap_err();
    assert!(matches!(error, Error::InvalidAnswer { .. }), "{error:?}");
}
