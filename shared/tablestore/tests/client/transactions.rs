//! Local transactions, and SQL.

use super::*;

fn started(id: &str) -> Step {
    let answer = messages::StartLocalTransactionResponse { transaction_id: id.into(), consumed: None };
    Step::Answer(200, answer.encode_to_vec())
}

/// As the live service says it; the SDKs' messages know no fields.
fn ended() -> Step {
    Step::Answer(200, b"\x0a\x06\x0a\x04\x08\x00\x10\x01".to_vec())
}

#[tokio::test]
async fn every_request_of_a_transaction_says_so() {
    let server = Server::play([
        started("txn-1"),
        Step::Answer(200, written()),
        Step::Answer(200, read()),
        ended(),
        Step::Answer(200, Vec::new()),
    ])
    .await;
    let client = &server.client;
    let transaction = client.start_transaction("t", &PrimaryKey::new("id", "a")).await.unwrap();
    assert_eq!(transaction, TransactionId("txn-1".into()));
    client.put_row(&put("a").in_transaction(&transaction)).await.unwrap();
    let get = GetRow::new("t", PrimaryKey::new("id", "a")).in_transaction(&transaction);
    client.get_row(&get).await.unwrap();
    client.commit_transaction(&transaction).await.unwrap();
    client.abort_transaction(&transaction).await.unwrap();

    let operations = server.asked(|asked| asked.operation.clone());
    let expected = ["StartLocalTransaction", "PutRow", "GetRow", "CommitTransaction", "AbortTransaction"];
    assert_eq!(operations, expected);
    let start: messages::StartLocalTransactionRequest = server.request(0);
    assert_eq!(PrimaryKey::from_plainbuffer(&start.key), Ok(PrimaryKey::new("id", "a")));
    let id = Some("txn-1");
    assert_eq!(server.request::<WriteRowRequest>(1).transaction_id.as_deref(), id);
    assert_eq!(server.request::<GetRowRequest>(2).transaction_id.as_deref(), id);
    assert_eq!(server.request::<messages::EndTransactionRequest>(3).transaction_id, "txn-1");
}

#[tokio::test]
async fn a_commit_may_have_happened_and_an_abort_may_be_repeated() {
    let transaction = TransactionId("txn-1".into());
    let server = Server::play([Step::Close]).await;
    assert!(server.client.commit_transaction(&transaction).await.unwrap_err().fate_unknown());
    let server = Server::play([Step::Close, ended()]).await;
    server.client.abort_transaction(&transaction).await.unwrap();
    assert_eq!(server.seen(), 2);
    // A lock that another transaction holds for a moment is waited for.
    let server = Server::play([refusal(409, "OTSRowOperationConflict"), started("txn-2")]).await;
    server.client.start_transaction("t", &PrimaryKey::new("id", "a")).await.unwrap();
    assert_eq!(server.seen(), 2);
}

#[tokio::test]
async fn sql_is_refused_here() {
    let server = Server::play([]).await;
    let error = server.client.sql_query("select * from t").await.unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }) && !error.is_retriable(), "{error:?}");
    assert!(error.to_string().starts_with("SQLQuery is not offered"), "{error}");
    assert_eq!(server.seen(), 0);
}
