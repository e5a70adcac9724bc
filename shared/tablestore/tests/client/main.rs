//! What the client does when the service answers badly, late or not at all: a server on loopback plays
//! a script, one step for each request.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod answers;
mod retries;
mod rows;
mod transactions;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use openapi::Credentials;
use openapi::retry::Environment;
use prost::Message;
use tablestore::messages::{
    self, BatchResponse, BatchWriteRowRequest, ConsumedCapacity, GetRangeRequest, GetRangeResponse, GetRowRequest,
    GetRowResponse, RowInBatch, TableInBatchResponse, WriteRowRequest, WriteRowResponse,
};
use tablestore::{
    AnswerChecks, BatchGetRow, BatchWriteRow, Client, Column, Error, GetRange, GetRow, GetRows, PrimaryKey, PutRow,
    RetryPolicy, Row, RowChange, TransactionId, plainbuffer, sign,
};
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

/// Time that only sleeping moves; the jitter is always the longest.
struct Still {
    start: Instant,
    now: Timestamp,
    slept: Mutex<Vec<Duration>>,
}

impl Default for Still {
    fn default() -> Self {
        Self { start: Instant::now(), now: Timestamp::now(), slept: Mutex::default() }
    }
}

impl Still {
    fn slept(&self) -> Vec<Duration> {
        self.slept.lock().unwrap().clone()
    }
}

impl Environment for Still {
    fn now(&self) -> Timestamp {
        self.now + self.slept().iter().sum::<Duration>()
    }

    fn instant(&self) -> Instant {
        self.start + self.slept().iter().sum::<Duration>()
    }

    fn nonce(&self) -> String {
        unreachable!("Tablestore has no nonces")
    }

    fn jitter(&self, limit: Duration) -> Duration {
        limit
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.slept.lock().unwrap().push(duration);
        Box::pin(std::future::ready(()))
    }
}

/// A request as it came.
struct Asked {
    operation: String,
    date: String,
    body: Bytes,
}

struct Server {
    client: Client,
    environment: Arc<Still>,
    /// The requests, all of them well signed.
    requests: Arc<Mutex<Vec<Asked>>>,
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
        let environment = Arc::new(Still::default());
        let client = Client::new(openapi::http::build(), &endpoint, "inst", credentials())
            .with_retry(RetryPolicy { max_attempts: 4, ..RetryPolicy::default() })
            .with_environment(environment.clone());
        Self { client, environment, requests, task }
    }

    /// The body of request number `n`, counted from zero.
    fn request<M: Message + Default>(&self, n: usize) -> M {
        M::decode(self.requests.lock().unwrap()[n].body.clone()).unwrap()
    }

    /// One part of all requests.
    fn asked<T>(&self, part: impl FnMut(&Asked) -> T) -> Vec<T> {
        self.requests.lock().unwrap().iter().map(part).collect()
    }

    fn seen(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    async fn get(&self) -> Result<Option<Row>, Error> {
        self.client.get_row(&GetRow::new("t", PrimaryKey::new("id", "a"))).await
    }

    async fn put(&self) -> Result<tablestore::Written, Error> {
        self.client.put_row(&put("a")).await
    }
}

fn put(key: &str) -> PutRow {
    PutRow::new("t", PrimaryKey::new("id", key)).column("c", 1)
}

async fn serve(listener: TcpListener, steps: Arc<Mutex<VecDeque<Step>>>, requests: Arc<Mutex<Vec<Asked>>>) {
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
                    let key = check_signature(&operation, &head.headers, &body);
                    let date = head.headers["x-ots-date"].to_str().unwrap().to_owned();
                    requests.lock().unwrap().push(Asked { operation: operation.clone(), date, body });
                    let step = steps.lock().unwrap().pop_front();
                    answer(&operation, &key, step.expect("a request that the script does not know")).await
                }
            });
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Each attempt is signed by itself, over its own date. Answers the key that signs the answer.
fn check_signature(operation: &str, headers: &hyper::HeaderMap, body: &[u8]) -> String {
    let header = |name: &str| headers[name].to_str().unwrap();
    let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let to_sign = sign::request_string_to_sign(operation, pairs);
    assert_eq!(header("x-ots-contentmd5"), sign::content_md5(body).as_str());
    assert_eq!(header("x-ots-ststoken"), "token");
    assert_eq!(sign::is_date_near(header("x-ots-date"), Timestamp::now()), Some(true));
    if !headers.contains_key(sign::SIGNATURE_V4) {
        assert!(sign::is_request_signature("secret", &to_sign, header(sign::SIGNATURE)));
        return "secret".into();
    }
    let key = sign::v4_key("secret", header("x-ots-signdate"), header("x-ots-signregion"));
    assert!(sign::is_request_signature_v4(&key, &to_sign, header(sign::SIGNATURE_V4)));
    key
}

async fn answer(operation: &str, key: &str, step: Step) -> Result<Response<Full<Bytes>>, io::Error> {
    match step {
        Step::Answer(status, body) => Ok(signed(operation, key, status, body, Timestamp::now())),
        Step::Dated(body, date) => Ok(signed(operation, key, 200, body, date)),
        Step::Forged(status, body, name, value) => {
            let mut response = signed(operation, key, status, body, Timestamp::now());
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

fn signed(operation: &str, key: &str, status: u16, body: Vec<u8>, date: Timestamp) -> Response<Full<Bytes>> {
    let headers = [
        ("x-ots-contentmd5", sign::content_md5(&body)),
        ("x-ots-contenttype", "protocol buffer".to_owned()),
        ("x-ots-date", sign::response_date(date)),
        ("x-ots-requestid", "request-1".to_owned()),
    ];
    let to_sign = sign::response_string_to_sign(operation, headers.iter().map(|(name, value)| (*name, value.as_str())));
    let authorization = sign::response_authorization("STS.id", key, &to_sign);
    let mut response = Response::builder().status(status).header("authorization", authorization);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Full::from(body)).unwrap()
}
