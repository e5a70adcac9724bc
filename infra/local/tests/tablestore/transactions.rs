//! Local transactions.

use std::sync::atomic::{AtomicI64, Ordering};

use tablestore::messages::{
    BatchResponse, BatchWriteRowRequest, EndTransactionRequest, EndTransactionResponse, GetRangeRequest,
    GetRangeResponse, OperationType, RowInBatchWriteRow, StartLocalTransactionRequest, StartLocalTransactionResponse,
    TableInBatchWriteRow, WriteRowRequest,
};

use super::raw::{deletion, get, range, row, table};
use super::*;

const CONFLICT: &str = "409 OTSRowOperationConflict: Data is being modified by the other request.";
const UNKNOWN: &str = "404 OTSSessionNotExist: Session not exist or may be timeout.";

fn key(p: &str, n: i64) -> PrimaryKey {
    PrimaryKey::new("p", p).and("n", n)
}

/// A cloud with the table `t` that has local transactions, and its clock.
async fn cloud(dir: &Path) -> (Cloud, Arc<AtomicI64>) {
    let late = Arc::new(AtomicI64::new(0));
    // It stands still but for what a test adds to it, seconds.
    let (start, seconds) = (Timestamp::now(), late.clone());
    let clock = move || start + SignedDuration::from_secs(seconds.load(Ordering::Relaxed));
    let cloud = Cloud::start_at(dir, Arc::new(clock)).await;
    let request =
        tablestore::messages::CreateTableRequest { enable_local_txn: Some(true), ..table("t", &["p", "n"], &[]) };
    cloud.tell("CreateTable", &request).unwrap();
    (cloud, late)
}

impl Cloud {
    fn begin(&self, p: &str) -> Result<String, String> {
        let key = PrimaryKey::new("p", p).to_plainbuffer().into();
        let request = StartLocalTransactionRequest { table_name: "t".into(), key };
        self.call::<StartLocalTransactionResponse>("StartLocalTransaction", &request)
            .map(|answer| answer.transaction_id)
    }

    fn end(&self, operation: &str, id: &str) -> Result<(), String> {
        let request = EndTransactionRequest { transaction_id: id.into() };
        self.call::<EndTransactionResponse>(operation, &request).map(|answer| {
            let units = answer.consumed.unwrap().capacity_unit;
            assert_eq!((units.read, units.write), (Some(0), Some(1)));
        })
    }

    fn put(&self, id: Option<&str>, key: &PrimaryKey, value: i64) -> Result<(), String> {
        let request = WriteRowRequest { transaction_id: id.map(Into::into), ..row("t", key, &[("v", value.into())]) };
        self.write("PutRow", &request).map(drop)
    }

    fn value(&self, id: Option<&str>, key: &PrimaryKey) -> Result<Option<String>, String> {
        let transaction_id = id.map(Into::into);
        self.read(&tablestore::messages::GetRowRequest { transaction_id, ..get("t", key) })
    }

    /// The `n` of the rows of partition `p`.
    fn numbers(&self, id: Option<&str>, p: &str, backward: bool) -> Vec<i64> {
        let bound = |n: Key| Bytes::from(PrimaryKey::new("p", p).and("n", n).to_plainbuffer());
        let (min, max) = (bound(Key::Min), bound(Key::Max));
        let (from, to) = if backward { (max, min) } else { (min, max) };
        let request = GetRangeRequest {
            direction: i32::from(backward),
            inclusive_start_primary_key: from,
            exclusive_end_primary_key: to,
            transaction_id: id.map(Into::into),
            ..range("t", &["p", "n"])
        };
        let answer: GetRangeResponse = self.call("GetRange", &request).unwrap();
        let rows = tablestore::Row::all_from_plainbuffer(&answer.rows).unwrap();
        rows.iter().map(|row| row.key_int("n").unwrap()).collect()
    }
}

#[tokio::test]
async fn writes_are_seen_inside_and_happen_together() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, _) = cloud(dir.path()).await;
    for n in [1, 3, 5] {
        cloud.put(None, &key("a", n), n).unwrap();
    }
    for commit in [false, true] {
        let id = cloud.begin("a").unwrap();
        let own = Some(id.as_str());
        cloud.put(own, &key("a", 2), 20).unwrap();
        cloud.put(own, &key("a", 3), 30).unwrap();
        cloud.put(own, &key("a", 6), 60).unwrap();
        let gone = WriteRowRequest { transaction_id: Some(id.clone()), ..deletion("t", &key("a", 5)) };
        cloud.write("DeleteRow", &gone).unwrap();
        // Inside; in both directions; outside.
        assert_eq!(cloud.numbers(own, "a", false), [1, 2, 3, 6]);
        assert_eq!(cloud.numbers(own, "a", true), [6, 3, 2, 1]);
        assert_eq!(cloud.value(own, &key("a", 3)).unwrap().as_deref(), Some("v=30"));
        assert_eq!(cloud.value(own, &key("a", 5)).unwrap(), None);
        assert_eq!(cloud.numbers(None, "a", false), [1, 3, 5]);
        assert_eq!(cloud.value(None, &key("a", 3)).unwrap().as_deref(), Some("v=3"));
        // A condition looks at what the transaction wrote.
        let mut expect = row("t", &key("a", 5), &[("v", 7.into())]);
        expect.transaction_id = Some(id.clone());
        expect.condition.row_existence = 1;
        assert!(cloud.write("UpdateRow", &expect).unwrap_err().starts_with("403 OTSConditionCheckFail"));

        cloud.end(if commit { "CommitTransaction" } else { "AbortTransaction" }, &id).unwrap();
        let after: &[i64] = if commit { &[1, 2, 3, 6] } else { &[1, 3, 5] };
        assert_eq!(cloud.numbers(None, "a", false), after);
        for operation in ["CommitTransaction", "AbortTransaction"] {
            assert_eq!(cloud.end(operation, &id).unwrap_err(), UNKNOWN);
        }
        assert_eq!(cloud.put(own, &key("a", 2), 0).unwrap_err(), UNKNOWN);
    }
    assert_eq!(cloud.value(None, &key("a", 3)).unwrap().as_deref(), Some("v=30"));
}

#[tokio::test]
async fn a_transaction_holds_its_partition_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, late) = cloud(dir.path()).await;
    let id = cloud.begin("a").unwrap();
    assert_eq!(cloud.begin("a").unwrap_err(), CONFLICT);
    assert_eq!(cloud.put(None, &key("a", 1), 1).unwrap_err(), CONFLICT);
    cloud.put(None, &key("b", 1), 1).unwrap();
    let other = cloud.begin("b").unwrap();
    cloud.end("AbortTransaction", &other).unwrap();

    // In a batch each row for itself: one is held, one is free.
    let in_batch = |key: PrimaryKey| RowInBatchWriteRow {
        r#type: OperationType::Put as i32,
        row_change: row("t", &key, &[("v", 2.into())]).row,
        ..RowInBatchWriteRow::default()
    };
    let batch = |transaction_id: Option<String>| BatchWriteRowRequest {
        tables: vec![TableInBatchWriteRow {
            table_name: "t".into(),
            rows: vec![in_batch(key("a", 2)), in_batch(key("b", 2))],
        }],
        transaction_id,
        is_atomic: None,
    };
    let outcomes = |request: &BatchWriteRowRequest| {
        let answer: BatchResponse = cloud.call("BatchWriteRow", request).unwrap();
        answer.tables[0].rows.iter().map(|row| row.error.clone().map(|error| error.code)).collect::<Vec<_>>()
    };
    assert_eq!(outcomes(&batch(None)), [Some("OTSRowOperationConflict".into()), None]);
    assert_eq!(outcomes(&batch(Some(id.clone()))), [None, Some("OTSDataOutOfRange".into())]);

    let out_of_range = "400 OTSDataOutOfRange: Data out of scope of transaction.";
    assert_eq!(cloud.put(Some(&id), &key("b", 1), 1).unwrap_err(), out_of_range);
    assert_eq!(cloud.value(Some(&id), &key("b", 1)).unwrap_err(), out_of_range);
    let everything = GetRangeRequest { transaction_id: Some(id.clone()), ..range("t", &["p", "n"]) };
    assert_eq!(cloud.call::<GetRangeResponse>("GetRange", &everything).unwrap_err(), out_of_range);
    for bad in ["not existed transaction id", "AAAA", "é"] {
        let refused = cloud.put(Some(bad), &key("a", 1), 1).unwrap_err();
        assert_eq!(refused, "400 OTSParameterInvalid: TransactionID is invalid.");
    }

    // 4 MB in all; what was refused is not there.
    let big = |n: i64| WriteRowRequest {
        transaction_id: Some(id.clone()),
        ..row("t", &key("a", n), &[("v", vec![0u8; 2_000_000].into())])
    };
    cloud.write("PutRow", &big(10)).unwrap();
    cloud.write("PutRow", &big(11)).unwrap();
    assert!(cloud.write("PutRow", &big(12)).unwrap_err().starts_with("400 OTSOutOfTransactionDataSizeLimit"));

    // After 60 seconds it is gone, with all that it wrote, and the partition is free.
    late.store(59, Ordering::Relaxed);
    assert_eq!(cloud.put(None, &key("a", 1), 1).unwrap_err(), CONFLICT);
    assert_eq!(cloud.numbers(Some(&id), "a", false), [2, 10, 11]);
    late.store(60, Ordering::Relaxed);
    assert_eq!(cloud.end("CommitTransaction", &id).unwrap_err(), UNKNOWN);
    assert_eq!(cloud.numbers(None, "a", false), Vec::<i64>::new());
    cloud.put(None, &key("a", 1), 1).unwrap();
    let id = cloud.begin("a").unwrap();
    late.store(120, Ordering::Relaxed);
    cloud.put(None, &key("a", 1), 2).unwrap();
    assert_eq!(cloud.put(Some(&id), &key("a", 1), 3).unwrap_err(), UNKNOWN);
    assert_eq!(cloud.value(None, &key("a", 1)).unwrap().as_deref(), Some("v=2"));
}

#[tokio::test]
async fn where_there_can_be_none() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, _) = cloud(dir.path()).await;
    cloud.tell("CreateTable", &table("plain", &["p", "n"], &[])).unwrap();
    let start = |table: &str, key: PrimaryKey| {
        let request = StartLocalTransactionRequest { table_name: table.into(), key: key.to_plainbuffer().into() };
        cloud.call::<StartLocalTransactionResponse>("StartLocalTransaction", &request).unwrap_err()
    };
    assert_eq!(
        start("plain", PrimaryKey::new("p", "a")),
        "400 OTSParameterInvalid: Try to call method using explicit transaction on explicit-transaction-disabled table."
    );
    assert_eq!(start("t", key("a", 1)), "400 OTSParameterInvalid: StartLocalTransaction support only one primary key.");
    assert_eq!(
        start("t", PrimaryKey::new("p", 1)),
        "400 OTSInvalidPK: Validate PK type fail. Input: VT_INTEGER, Meta: VT_STRING."
    );
    assert_eq!(start("none", PrimaryKey::new("p", "a")), "404 OTSObjectNotExist: Requested table does not exist.");

    // A transaction ends with its table.
    let id = cloud.begin("a").unwrap();
    cloud.tell("DeleteTable", &tablestore::messages::TableNameRequest { table_name: "t".into() }).unwrap();
    assert_eq!(cloud.end("CommitTransaction", &id).unwrap_err(), UNKNOWN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_transactions_lose_no_increment() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, _) = cloud(dir.path()).await;
    let cloud = Arc::new(cloud);
    let sum = || key("sum", 0);
    cloud.put(None, &sum(), 0).unwrap();
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let cloud = cloud.clone();
            tokio::task::spawn_blocking(move || {
                let mut done = 0;
                while done < 5 {
                    // Whoever has the partition reads, adds and writes; the others try again.
                    let Ok(id) = cloud.begin("sum") else { continue };
                    let value = cloud.value(Some(&id), &sum()).unwrap().unwrap();
                    let value: i64 = value.strip_prefix("v=").unwrap().parse().unwrap();
                    cloud.put(Some(&id), &sum(), value + 1).unwrap();
                    cloud.end("CommitTransaction", &id).unwrap();
                    done += 1;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(cloud.value(None, &sum()).unwrap().as_deref(), Some("v=20"));
}
