//! A kill loses nothing that was acknowledged, and leaves nothing half done.

use std::collections::BTreeSet;

use tablestore::{
    BatchWriteRow, Client, ColumnType, GetRange, Index, KeyType, PrimaryKey, PutRow, RetryPolicy, Row, RowChange,
    TableMeta, TableOptions,
};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::{Server, command};

/// Rows of one atomic batch.
const ROWS: i64 = 5;

fn key(writer: i64, n: i64) -> PrimaryKey {
    PrimaryKey::new("writer", writer).and("n", n)
}

/// One write after the other until the server is gone: batches by an even writer, single rows by an odd one. What was
/// acknowledged.
async fn write(client: Client, writer: i64, from: i64, told: UnboundedSender<()>) -> Vec<i64> {
    let mut acknowledged = Vec::new();
    for n in from.. {
        let put = |n| PutRow::new("t", key(writer, n)).column("city", format!("c{n}")).column("pad", "x".repeat(500));
        let done = if writer % 2 == 0 {
            let changes: Vec<_> = (n * ROWS..(n + 1) * ROWS).map(|n| RowChange::Put(put(n))).collect();
            let rows = client.batch_write_row(&BatchWriteRow::new(changes).atomic()).await;
            rows.is_ok_and(|rows| rows.iter().all(Result::is_ok))
        } else {
            client.put_row(&put(n)).await.is_ok()
        };
        if !done {
            break;
        }
        acknowledged.push(n);
        // Whoever counts them may have counted enough.
        let _ = told.send(());
    }
    acknowledged
}

async fn all(client: &Client, table: &'static str, key: &[&'static str]) -> Vec<Row> {
    let range = GetRange::forward(table, PrimaryKey::min(key.iter().copied()), PrimaryKey::max(key.iter().copied()));
    client.get_range_all(range).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_and_nothing_is_torn() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path());
    let endpoint = server.endpoint.endpoint.clone();
    let meta = TableMeta::new("t", "writer", KeyType::Integer).key("n", KeyType::Integer);
    let meta = meta.column("city", ColumnType::String).index(Index::global("by_city", ["city"]));
    server.client().create_table(&meta, &TableOptions::default()).await.unwrap();
    let (mut expected, mut next) = (BTreeSet::new(), 0);
    for round in 0..4 {
        let client = server.client().with_retry(RetryPolicy::never());
        let (tell, mut told) = unbounded_channel();
        let writers: Vec<_> =
            (0..4).map(|writer| tokio::spawn(write(client.clone(), writer, next, tell.clone()))).collect();
        // In the middle of it, each time somewhere else.
        for _ in 0..20 + 13 * round {
            told.recv().await.unwrap();
        }
        server.kill();
        for (writer, acknowledged) in writers.into_iter().enumerate() {
            for n in acknowledged.await.unwrap() {
                let (writer, rows) = (writer as i64, if writer % 2 == 0 { n * ROWS..(n + 1) * ROWS } else { n..n + 1 });
                expected.extend(rows.map(|n| (writer, n)));
                next = next.max(n + 2);
            }
        }
        server = Server::start(dir.path());
        assert_eq!(server.endpoint.endpoint, endpoint, "the port of before");

        let client = server.client();
        let found: BTreeSet<(i64, i64)> = all(&client, "t", &["writer", "n"])
            .await
            .iter()
            .map(|row| (row.key_int("writer").unwrap(), row.key_int("n").unwrap()))
            .collect();
        let lost: Vec<_> = expected.difference(&found).collect();
        assert!(lost.is_empty(), "acknowledged and gone: {lost:?}");
        for writer in [0, 2] {
            let rows: Vec<i64> = found.iter().filter(|(of, _)| *of == writer).map(|(_, n)| *n).collect();
            assert!(
                rows.chunks(ROWS as usize).all(|rows| rows.len() as i64 == ROWS && rows[0] % ROWS == 0),
                "{rows:?}"
            );
        }
        let indexed: BTreeSet<(i64, i64)> = all(&client, "by_city", &["city", "writer", "n"])
            .await
            .iter()
            .map(|row| (row.key_int("writer").unwrap(), row.key_int("n").unwrap()))
            .collect();
        assert_eq!(indexed, found, "the index and its table");
    }
}

#[test]
fn a_state_directory_has_one_program() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let second = command(dir.path()).output().unwrap();
    assert!(!second.status.success());
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains("another local cloud runs on this directory"), "{said}");
    server.kill();
    drop(Server::start(dir.path()));
}
