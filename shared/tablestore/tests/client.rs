//! What the client does when the service answers badly, late or not at all: a server on loopback plays
//! a script, one step for each request.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use openapi::Credentials;
use prost::Message;
use tablestore::messages::{
    self, BatchResponse, BatchWriteRowRequest, ConsumedCapacity, GetRowResponse, RowInBatch, TableInBatchResponse,
    WriteRowResponse,
};
use tablestore::{BatchWriteRow, Client, Error, GetRow, PrimaryKey, PutRow, RetryPolicy, RowChange, sign};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

#[derive(Clone)]
enum Step {
    /// A signed answer.
    Answer(u16, Vec<u8>),
    /// The same with one header changed after signing; None takes it away.
    Forged(u16, Vec<u8>, &'static str, Option<String>),
    /// A signed answer whose date is off.
    Dated(Vec<u8>, Timestamp),
    /// Not from the service: neither headers nor an error message.
    Gateway(u16),
    /// The connection ends.
    Close,
    /// Nothing ever comes.
    Hang,
}

fn refusal(status: u16, code: &str) -> Step {
    let error = messages::Error { code: code.into(), message: Some("said the script".into()) };
    Step::Answer(status, error.encode_to_vec())
}

fn read() -> Vec<u8> {
    GetRowResponse { consumed: ConsumedCapacity::new(1, 0), ..Default::default() }.encode_to_vec()
}

fn written() -> Vec<u8> {
    WriteRowResponse { consumed: ConsumedCapacity::new(0, 1), row: None }.encode_to_vec()
}

fn credentials() -> Credentials {
    Credentials {
        access_key_id: "STS.id".into(),
        access_key_secret: "secret".into(),
        security_token: Some("token".into()),
    }
}

struct Server {
    client: Client,
    /// Bodies of the requests, all of them well signed.
    requests: Arc<Mutex<Vec<Bytes>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn play(steps: impl IntoIterator<Item = Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let steps = Arc::new(Mutex::new(steps.into_iter().collect::<VecDeque<_>>()));
        let task = tokio::spawn(serve(listener, steps, requests.clone()));
        let retry = RetryPolicy {
            base: Duration::from_millis(1),
            cap: Duration::from_millis(2),
            max_attempts: 4,
            ..RetryPolicy::default()
        };
        let client = Client::new(openapi::http::build(), &endpoint, "inst", credentials()).with_retry(retry);
        Self { client, requests, task }
    }

    fn seen(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    async fn get(&self) -> Result<Option<tablestore::Row>, Error> {
        self.client.get_row(&GetRow::new("t", PrimaryKey::new("id", "a"))).await
    }

    async fn put(&self) -> Result<tablestore::Written, Error> {
        self.client.put_row(&put("a")).await
    }
}

fn put(key: &str) -> PutRow {
    PutRow::new("t", PrimaryKey::new("id", key)).column("c", 1)
}

async fn serve(listener: TcpListener, steps: Arc<Mutex<VecDeque<Step>>>, requests: Arc<Mutex<Vec<Bytes>>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (steps, requests) = (steps.clone(), requests.clone());
        connections.spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                let (steps, requests) = (steps.clone(), requests.clone());
                async move {
                    let operation = request.uri().path().trim_start_matches('/').to_owned();
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    check_signature(&operation, &head.headers, &body);
                    requests.lock().unwrap().push(body);
                    let step = steps.lock().unwrap().pop_front();
                    answer(&operation, step.expect("a request that the script does not know")).await
                }
            });
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Each attempt is signed by itself, over its own date.
fn check_signature(operation: &str, headers: &hyper::HeaderMap, body: &[u8]) {
    let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let to_sign = sign::request_string_to_sign(operation, pairs);
    assert!(sign::is_request_signature("secret", &to_sign, headers[sign::SIGNATURE].to_str().unwrap()));
    assert_eq!(headers["x-ots-contentmd5"], sign::content_md5(body).as_str());
    assert_eq!(headers["x-ots-ststoken"], "token");
    assert_eq!(sign::is_date_near(headers["x-ots-date"].to_str().unwrap(), Timestamp::now()), Some(true));
}

async fn answer(operation: &str, step: Step) -> Result<Response<Full<Bytes>>, io::Error> {
    match step {
        Step::Answer(status, body) => Ok(signed(operation, status, body, Timestamp::now())),
        Step::Dated(body, date) => Ok(signed(operation, 200, body, date)),
        Step::Forged(status, body, name, value) => {
            let mut response = signed(operation, status, body, Timestamp::now());
            response.headers_mut().remove(name);
            if let Some(value) = value {
                response.headers_mut().insert(name, value.try_into().unwrap());
            }
            Ok(response)
        }
        Step::Gateway(status) => {
            Ok(Response::builder().status(status).body(Full::from("<html>Bad Gateway</html>")).unwrap())
        }
        Step::Close => Err(io::Error::other("the script closes the connection")),
        Step::Hang => match std::future::pending::<Infallible>().await {},
    }
}

fn signed(operation: &str, status: u16, body: Vec<u8>, date: Timestamp) -> Response<Full<Bytes>> {
    let headers = [
        ("x-ots-contentmd5", sign::content_md5(&body)),
        ("x-ots-contenttype", "protocol buffer".to_owned()),
        ("x-ots-date", sign::response_date(date)),
        ("x-ots-requestid", "request-1".to_owned()),
    ];
    let to_sign = sign::response_string_to_sign(operation, headers.iter().map(|(name, value)| (*name, value.as_str())));
    let authorization = sign::response_authorization("STS.id", "secret", &to_sign);
    let mut response = Response::builder().status(status).header("authorization", authorization);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Full::from(body)).unwrap()
}

#[tokio::test]
async fn a_read_is_repeated_after_anything_that_passes() {
    let steps = [refusal(503, "OTSServerBusy"), Step::Close, Step::Gateway(502), Step::Answer(200, read())];
    let server = Server::play(steps).await;
    assert_eq!(server.get().await.unwrap(), None);
    assert_eq!(server.seen(), 4);
}

#[tokio::test]
async fn a_read_gives_up_in_the_end() {
    let server = Server::play(vec![refusal(500, "OTSInternalServerError"); 4]).await;
    let error = server.get().await.unwrap_err();
    assert_eq!(error.code(), Some("OTSInternalServerError"));
    assert!(error.is_retriable() && !error.fate_unknown());
    assert_eq!(server.seen(), 4);
}

#[tokio::test]
async fn what_does_not_pass_is_not_repeated() {
    for code in ["OTSConditionCheckFail", "OTSParameterInvalid", "OTSAuthFailed"] {
        let server = Server::play([refusal(403, code)]).await;
        let error = server.get().await.unwrap_err();
        assert!(!error.is_retriable());
        assert_eq!(
            error.to_string(),
            format!("GetRow on table t refused: {code} (403): said the script, request request-1")
        );
        assert_eq!(server.seen(), 1);
    }
}

#[tokio::test]
async fn a_write_is_repeated_only_when_it_was_not_done() {
    let server = Server::play([refusal(409, "OTSRowOperationConflict"), Step::Answer(200, written())]).await;
    assert_eq!(server.put().await.unwrap().write_units, 1);
    assert_eq!(server.seen(), 2);

    for unclear in [Step::Close, Step::Gateway(502), refusal(503, "OTSTimeout"), refusal(500, "OTSInternalServerError")]
    {
        let server = Server::play([unclear]).await;
        let error = server.put().await.unwrap_err();
        assert!(error.fate_unknown() && !error.is_retriable(), "{error:?}");
        assert_eq!(server.seen(), 1);
    }
}

#[tokio::test]
async fn an_idempotent_write_is_repeated() {
    let server = Server::play([Step::Close, refusal(503, "OTSTimeout"), Step::Answer(200, written())]).await;
    server.client.put_row(&put("a").idempotent()).await.unwrap();
    assert_eq!(server.seen(), 3);
}

/// The condition may fail because of the first attempt's own success.
#[tokio::test]
async fn a_refusal_after_an_unclear_attempt_is_unclear() {
    let server = Server::play([Step::Close, refusal(403, "OTSConditionCheckFail")]).await;
    let error = server.client.put_row(&put("a").idempotent()).await.unwrap_err();
    assert!(error.fate_unknown() && !error.is_condition_check_fail(), "{error:?}");
    assert_eq!(error.code(), Some("OTSConditionCheckFail"));
}

#[tokio::test]
async fn an_answer_that_is_not_the_services_is_not_believed() {
    let far = |minutes| Timestamp::now() + SignedDuration::from_mins(minutes);
    let forged = |name, value: Option<&str>| Step::Forged(200, read(), name, value.map(str::to_owned));
    for (step, expected) in [
        (forged("x-ots-contentmd5", Some("AAAAAAAAAAAAAAAAAAAAAA==")), "x-ots-contentmd5 is not the body's"),
        (forged("x-ots-contentmd5", None), "it has no x-ots-contentmd5"),
        (forged("x-ots-requestid", Some("another")), "its signature is not the service's"),
        (forged("authorization", Some("OTS STS.id:AAAA")), "its signature is not the service's"),
        (forged("authorization", None), "it has no signature"),
        (forged("x-ots-date", None), "it has no x-ots-date"),
        (Step::Dated(read(), far(16)), "is too far from this machine's"),
        (Step::Dated(read(), far(-16)), "is too far from this machine's"),
        (Step::Answer(200, vec![0xff]), "no GetRow answer"),
        (Step::Gateway(200), "it has no x-ots-contentmd5"),
    ] {
        let server = Server::play(vec![step.clone(); 4]).await;
        match server.get().await.unwrap_err() {
            Error::InvalidAnswer { what, .. } => assert!(what.contains(expected), "{what} / {expected}"),
            other => panic!("{expected}: {other:?}"),
        }
        // The write it answers may have been done.
        let server = Server::play([step]).await;
        assert!(server.put().await.unwrap_err().fate_unknown(), "{expected}");
    }
    let busy = messages::Error { code: "OTSServerBusy".into(), message: None }.encode_to_vec();
    let forged = Step::Forged(503, busy, "authorization", Some("OTS STS.id:AAAA".into()));
    let server = Server::play(vec![forged; 4]).await;
    assert!(matches!(server.get().await.unwrap_err(), Error::InvalidAnswer { .. }));
}

#[tokio::test]
async fn waiting_has_an_end() {
    let server = Server::play(vec![Step::Hang; 4]).await;
    let retry = RetryPolicy { attempt_timeout: Duration::from_millis(30), ..RetryPolicy::never() };
    let client = server.client.clone().with_retry(retry);
    let error = client.get_row(&GetRow::new("t", PrimaryKey::new("id", "a"))).await.unwrap_err();
    assert!(matches!(error, Error::NoAnswer { source: None, .. }), "{error:?}");
    assert!(client.put_row(&put("a")).await.unwrap_err().fate_unknown());
    // The deadline cuts an attempt short.
    let retry = RetryPolicy { deadline: Duration::from_millis(30), ..RetryPolicy::default() };
    let error = server.client.clone().with_retry(retry).put_row(&put("a")).await.unwrap_err();
    assert!(error.fate_unknown());
    assert_eq!(server.seen(), 3);
}

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
    let second = BatchWriteRowRequest::decode(server.requests.lock().unwrap()[1].clone()).unwrap();
    let row = tablestore::Row::from_plainbuffer(&second.tables[0].rows[0].row_change).unwrap().unwrap();
    assert_eq!((second.tables[0].rows.len(), row.key_str("id")), (1, Some("b")));

    // An answer that leaves a row out says nothing about it.
    let first = answer(vec![RowInBatch { is_ok: true, ..RowInBatch::default() }; 2]);
    let server = Server::play([first]).await;
    assert!(server.client.batch_write_row(&batch).await.unwrap_err().fate_unknown());
}

#[tokio::test]
async fn an_endpoint_that_is_none() {
    let client = Client::new(openapi::http::build(), "not a url", "inst", credentials());
    let error = client.put_row(&put("a")).await.unwrap_err();
    assert!(matches!(error, Error::InvalidRequest { .. }), "{error:?}");
}
