//! The runtime over real sockets, as Function Compute calls it.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

use std::cell::Cell;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fc_runtime::http_trigger::{HttpRequest, HttpResponse};
use fc_runtime::{
    BoxFuture, Diagnostic, Error, LambdaEvent, LambdaInvocation, MetadataPrelude, Runtime, Service, StreamResponse,
    service_fn, streaming, tower,
};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};

fn socket() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn fc_status(&self) -> &str {
        self.headers["x-fc-status"].to_str().unwrap()
    }
}

/// One keep-alive connection.
struct Client(SendRequest<Full<Bytes>>);

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Answer {
        self.0.ready().await.unwrap();
        let (parts, body) = self.0.send_request(request).await.unwrap().into_parts();
        Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
    }

    async fn invoke(&mut self, event: &str) -> Answer {
        self.send(event_request(event)).await
    }
}

fn event_request(event: &str) -> Request<Full<Bytes>> {
    Request::post("/invoke")
        .header("host", "function")
        .header("x-fc-control-path", "/invoke")
        .header("x-fc-request-id", "r-1")
        .header("x-fc-function-timeout", "60")
        .body(Full::new(Bytes::copy_from_slice(event.as_bytes())))
        .unwrap()
}

fn http_request(method: &str, path: &str, body: &str) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "function")
        .header("x-fc-control-path", "/http-invoke")
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
        .unwrap()
}

/// Runs a runtime beside `test`, on one task: the runtime's future need not be `Send`.
async fn beside(runtime: impl Future<Output = Result<(), Error>>, test: impl Future<Output = ()>) {
    tokio::select! {
        ended = runtime => panic!("the runtime ended: {ended:?}"),
        () = test => {}
    }
}

#[derive(Deserialize)]
struct Order {
    what: String,
}

#[tokio::test]
async fn a_borrowing_handler_serves_one_connection_again_and_again() {
    let (listener, address) = socket();
    let calls = Cell::new(0); // neither Send nor Sync, and borrowed
    let calls = &calls;
    let handler = service_fn(move |event: LambdaEvent<Order>| async move {
        calls.set(calls.get() + 1);
        match event.payload.what.as_str() {
            "panic" => panic!("as ordered"),
            "error" => Err("refused".to_owned()),
            what => Ok(json!({ "did": what, "call": calls.get(), "id": event.context.request_id })),
        }
    });
    beside(Runtime::new(handler).listener(listener).run(), async {
        let mut client = Client::connect(address).await;
        let fine = client.invoke(r#"{"what":"dig"}"#).await;
        assert_eq!((fine.status, fine.fc_status()), (StatusCode::OK, "200"));
        assert_eq!(fine.json(), json!({ "did": "dig", "call": 1, "id": "r-1" }));

        let failed = client.invoke(r#"{"what":"error"}"#).await;
        assert_eq!((failed.status, failed.fc_status()), (StatusCode::NOT_FOUND, "404"));
        assert_eq!(failed.json(), json!({ "errorType": "&alloc::string::String", "errorMessage": "refused" }));

        let panicked = client.invoke(r#"{"what":"panic"}"#).await;
        assert_eq!(panicked.fc_status(), "404");
        assert_eq!(panicked.json()["errorMessage"], "function panicked: as ordered");

        let unfit = client.invoke(r#"{"what": 7}"#).await;
        assert_eq!(unfit.fc_status(), "404");
        assert!(unfit.json()["errorMessage"].as_str().unwrap().contains("[what] invalid type: integer `7`"));
        assert_eq!(calls.get(), 3, "the handler was not called for it");

        assert_eq!(client.invoke(r#"{"what":"rest"}"#).await.json()["call"], 4);
    })
    .await;
}

#[tokio::test]
async fn hooks_are_answered_and_headers_may_be_missing() {
    let (listener, address) = socket();
    let handler = service_fn(async |event: LambdaEvent<Value>| Ok::<_, Error>(event.payload));
    beside(Runtime::new(handler).listener(listener).run(), async {
        let mut client = Client::connect(address).await;
        for (method, path) in [("POST", "/initialize"), ("GET", "/pre-stop")] {
            let request =
                Request::builder().method(method).uri(path).header("host", "f").header("x-fc-control-path", path);
            let answer = client.send(request.body(Full::default()).unwrap()).await;
            assert_eq!((answer.status, answer.fc_status(), answer.body.len()), (StatusCode::OK, "200", 0));
        }
        let bare = Request::post("/invoke").header("host", "f").body(Full::from("[1]")).unwrap();
        assert_eq!(client.send(bare).await.json(), json!([1]));
    })
    .await;
}

#[tokio::test]
async fn an_event_may_be_32_mb_and_not_more() {
    let (listener, address) = socket();
    let handler = service_fn(async |event: LambdaEvent<String>| Ok::<_, Error>(event.payload.len()));
    beside(Runtime::new(handler).listener(listener).run(), async {
        let most = (32 << 20) - 2; // and two quotes
        let fits = Client::connect(address).await.invoke(&format!("\"{}\"", "x".repeat(most))).await;
        assert_eq!(fits.json(), json!(most));
        let mut client = Client::connect(address).await;
        let over = client.invoke(&format!("\"{}\"", "x".repeat(most + 1))).await;
        assert_eq!((over.status, over.fc_status()), (StatusCode::PAYLOAD_TOO_LARGE, "404"));
        assert_eq!(over.json()["errorType"], "RequestError");
        assert_eq!(Client::connect(address).await.invoke("\"\"").await.json(), json!(0));
    })
    .await;
}

#[tokio::test]
async fn an_http_trigger_gets_a_request_and_gives_an_answer() {
    let (listener, address) = socket();
    let handler = service_fn(async |event: LambdaEvent<HttpRequest>| {
        let request = event.payload;
        match request.raw_path.as_str() {
            "/broken" => Err(Error::from("broken")),
            path => Ok(HttpResponse::new(
                418,
                "text/plain",
                format!("{path} {} {}", request.query_parameters["q"], request.body),
            )),
        }
    });
    beside(Runtime::new(handler).listener(listener).run(), async {
        let mut client = Client::connect(address).await;
        let answer = client.send(http_request("PUT", "/invoke?q=1", "tea")).await;
        assert_eq!((answer.status, answer.fc_status()), (StatusCode::IM_A_TEAPOT, "200"));
        assert_eq!(answer.headers["content-type"], "text/plain");
        assert_eq!(answer.body, "/invoke 1 tea");
        let broken = client.send(http_request("GET", "/broken", "")).await;
        assert_eq!((broken.status, broken.fc_status()), (StatusCode::INTERNAL_SERVER_ERROR, "404"));
    })
    .await;
}

#[tokio::test]
async fn streams_reach_http_callers_chunk_by_chunk_and_events_whole() {
    let (listener, address) = socket();
    let handler = service_fn(async |event: LambdaEvent<Value>| {
        let (mut sender, body) = streaming::channel();
        let breaks = event.payload == json!("break");
        tokio::spawn(async move {
            sender.send_data("one ".into()).await.unwrap();
            match breaks {
                true => sender.send_error("cut".into()),
                false => sender.send_data("two".into()).await.unwrap(),
            }
        });
        let metadata_prelude =
            MetadataPrelude { status_code: StatusCode::ACCEPTED, cookies: vec!["a=1".into()], ..Default::default() };
        Ok::<_, Error>(StreamResponse { metadata_prelude, stream: body })
    });
    beside(Runtime::new(handler).listener(listener).run(), async {
        let mut client = Client::connect(address).await;
        let streamed = client.send(http_request("GET", "/", "")).await;
        assert_eq!(streamed.status, StatusCode::ACCEPTED);
        assert_eq!(streamed.headers["set-cookie"], "a=1");
        assert_eq!(streamed.headers["transfer-encoding"], "chunked");
        assert_eq!(streamed.body, "one two");
        let collected = client.invoke("null").await;
        assert_eq!(collected.headers["content-length"], "7");
        assert_eq!(collected.body, "one two");
        let broken = client.invoke("\"break\"").await;
        assert_eq!((broken.fc_status(), broken.json()["errorType"].as_str()), ("404", Some("StreamError")));
    })
    .await;
}

/// An error type of one's own.
#[derive(Debug)]
struct NoSuchDisk(String);

impl From<NoSuchDisk> for Diagnostic {
    fn from(value: NoSuchDisk) -> Self {
        Diagnostic { error_type: "NoSuchDisk".into(), error_message: value.0 }
    }
}

/// A layer that counts invocations and drops every second one.
#[derive(Clone)]
struct EverySecond<S> {
    inner: S,
    seen: Arc<AtomicU32>,
}

impl<S> Service<LambdaInvocation> for EverySecond<S>
where
    S: Service<LambdaInvocation, Response = (), Error = Error>,
    S::Future: Send + 'static,
{
    type Response = ();
    type Error = Error;
    type Future = BoxFuture<'static, Result<(), Error>>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        assert_eq!(invocation.parts.headers["x-fc-request-id"], "r-1");
        match self.seen.fetch_add(1, Ordering::SeqCst) % 2 {
            0 => Box::pin(self.inner.call(invocation)),
            _ => Box::pin(async { Err("not this one".into()) }),
        }
    }
}

#[tokio::test]
async fn layers_see_invocations_and_their_errors_are_answers() {
    let (listener, address) = socket();
    let handler = service_fn(async |_: LambdaEvent<Value>| Err::<(), _>(NoSuchDisk("d-1".into())));
    let seen = Arc::new(AtomicU32::new(0));
    let counted = seen.clone();
    let layer = tower::layer::layer_fn(move |inner| EverySecond { inner, seen: counted.clone() });
    beside(Runtime::new(handler).layer(layer).listener(listener).run(), async {
        let mut client = Client::connect(address).await;
        assert_eq!(client.invoke("{}").await.json(), json!({ "errorType": "NoSuchDisk", "errorMessage": "d-1" }));
        let refused = client.invoke("{}").await;
        assert_eq!((refused.fc_status(), refused.json()["errorMessage"].as_str()), ("404", Some("not this one")));
        assert_eq!(seen.load(Ordering::SeqCst), 2);
    })
    .await;
}

#[tokio::test]
async fn run_serves_one_at_a_time_and_run_concurrent_many() {
    let barrier = Arc::new(tokio::sync::Barrier::new(3));
    let meet = barrier.clone();
    let handler = service_fn(move |_: LambdaEvent<Value>| {
        let meet = meet.clone();
        async move {
            meet.wait().await;
            Ok::<_, Error>("met")
        }
    });
    let (listener, address) = socket();
    beside(Runtime::new(handler.clone()).listener(listener).run_concurrent(), async {
        let (mut a, mut b, mut c) =
            (Client::connect(address).await, Client::connect(address).await, Client::connect(address).await);
        let (a, b, c) = tokio::join!(a.invoke("1"), b.invoke("2"), c.invoke("3"));
        assert_eq!([a.body, b.body, c.body], ["\"met\""; 3]);
    })
    .await;

    let (listener, address) = socket();
    let (now, most) = (Cell::new(0), Cell::new(0));
    let handler = service_fn(|_: LambdaEvent<Value>| async {
        now.set(now.get() + 1);
        most.set(most.get().max(now.get()));
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        now.set(now.get() - 1);
        Ok::<_, Error>(())
    });
    beside(Runtime::new(handler).listener(listener).run(), async {
        let (mut a, mut b) = (Client::connect(address).await, Client::connect(address).await);
        tokio::join!(a.invoke("1"), b.invoke("2"));
        assert_eq!(most.get(), 1);
    })
    .await;
}

/// SIGTERM reaches this whole process; every other test's runtime would stop too. So it goes to a
/// child: this very test, started again with a port.
#[test]
fn sigterm_lets_the_running_request_end() {
    const CHILD: &str = "FC_RUNTIME_TEST_CHILD";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if std::env::var_os(CHILD).is_some() {
        runtime.block_on(async {
            let handler = service_fn(async |_: LambdaEvent<Value>| {
                // Once this task has seen the signal, the runtime has too.
                let mut seen = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
                let id = std::process::id().to_string();
                assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
                seen.recv().await;
                Ok::<_, Error>("done")
            });
            fc_runtime::run(handler).await.unwrap();
        });
        return;
    }
    let port = socket().1.port().to_string();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sigterm_lets_the_running_request_end", "--nocapture"])
        .envs([(CHILD, "1"), ("FC_CUSTOM_LISTEN_PORT", &port), ("RUNTIME_LISTEN_HOST", "127.0.0.1")])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    runtime.block_on(async {
        let address: SocketAddr = format!("127.0.0.1:{port}").parse().unwrap();
        let patience = Instant::now() + Duration::from_secs(60);
        while tokio::net::TcpStream::connect(address).await.is_err() {
            assert!(Instant::now() < patience, "the child does not listen");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let answer = Client::connect(address).await.invoke("{}").await;
        assert_eq!(answer.body, "\"done\"");
    });
    let output = std::io::read_to_string(child.stdout.take().unwrap()).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(
        output.contains("FC Invoke Start RequestId: r-1\n") && output.contains("FC Invoke End RequestId: r-1\n"),
        "{output}"
    );
}
