//! Events, answers and layers.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context as TaskContext, Poll};

use fc_runtime::http_trigger::{HttpRequest, HttpResponse};
use fc_runtime::{
    BoxFuture, Diagnostic, Error, LambdaEvent, LambdaInvocation, Limits, Runtime, Service, service_fn, tower,
};
use http::{Request, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::client::{Client, beside, http_request, socket};

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

#[tokio::test]
async fn a_neighbour_s_panic_and_wait_are_its_own() {
    let (listener, address) = socket();
    let together = Arc::new(tokio::sync::Barrier::new(2));
    let meet = together.clone();
    let handler = service_fn(move |event: LambdaEvent<String>| {
        let meet = meet.clone();
        async move {
            meet.wait().await;
            if event.payload == "panic" {
                panic!("mine alone");
            }
            // The other one panics first.
            tokio::task::yield_now().await;
            Ok::<_, Error>(event.payload)
        }
    });
    beside(Runtime::new(handler).listener(listener).run_concurrent(), async {
        let (mut bad, mut good) = (Client::connect(address).await, Client::connect(address).await);
        for _ in 0..3 {
            let (panicked, fine) = tokio::join!(bad.invoke("\"panic\""), good.invoke("\"calm\""));
            assert_eq!((panicked.fc_status(), fine.fc_status()), ("404", "200"));
            assert_eq!(panicked.json()["errorMessage"], "function panicked: mine alone");
            assert_eq!(fine.body, "\"calm\"");
        }
    })
    .await;
}

#[tokio::test]
async fn no_more_handlers_are_at_work_than_allowed() {
    let (listener, address) = socket();
    let (working, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (now, seen) = (working.clone(), most.clone());
    let handler = service_fn(move |_: LambdaEvent<Value>| {
        let (now, seen) = (now.clone(), seen.clone());
        async move {
            seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            now.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, Error>(())
        }
    });
    let mut limits = Limits::default();
    limits.concurrency = 2;
    beside(Runtime::new(handler).limits(limits).listener(listener).run_concurrent(), async {
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..6 {
            callers.spawn(async move { Client::connect(address).await.invoke("1").await.fc_status().to_owned() });
        }
        assert_eq!(callers.join_all().await, ["200"; 6]);
        assert_eq!(most.load(Ordering::SeqCst), 2);
    })
    .await;
}

#[tokio::test]
async fn a_layer_s_panic_is_an_answer() {
    let (listener, address) = socket();
    let layer = tower::layer::layer_fn(|inner: _| {
        tower::util::MapRequest::new(inner, |invocation: LambdaInvocation| {
            assert!(invocation.body != "\"bad\"", "the layer's own");
            invocation
        })
    });
    let handler = service_fn(async |event: LambdaEvent<Value>| Ok::<_, Error>(event.payload));
    beside(Runtime::new(handler).layer(layer).listener(listener).run(), async {
        let mut client = Client::connect(address).await;
        let panicked = client.invoke("\"bad\"").await;
        assert_eq!(panicked.json()["errorMessage"], "function panicked: the layer's own");
        assert_eq!(client.invoke("\"good\"").await.body, "\"good\"");
    })
    .await;
}

#[tokio::test]
async fn a_handler_ends_its_work_when_its_caller_is_gone() {
    let (listener, address) = socket();
    let (begun, begin) = tokio::sync::mpsc::unbounded_channel();
    let (finished, mut finish) = tokio::sync::mpsc::unbounded_channel();
    let go = Arc::new(tokio::sync::Notify::new());
    let wait = &go;
    let handler = service_fn(move |_: LambdaEvent<Value>| {
        let (begun, finished) = (begun.clone(), finished.clone());
        async move {
            begun.send(()).unwrap();
            wait.notified().await;
            finished.send(()).unwrap();
            Ok::<_, Error>(())
        }
    });
    let mut begin = begin;
    beside(Runtime::new(handler).listener(listener).run(), async {
        let request = "POST /invoke HTTP/1.1\r\nhost: f\r\ncontent-length: 1\r\n\r\n1";
        // Gone politely, and by a reset that breaks the connection.
        for reset in [false, true] {
            let mut caller = tokio::net::TcpStream::connect(address).await.unwrap();
            if reset {
                caller.set_zero_linger().unwrap();
            }
            caller.write_all(request.as_bytes()).await.unwrap();
            begin.recv().await.unwrap();
            drop(caller);
            // The next one is served when the first is done, and not before.
            let mut next = Client::connect(address).await;
            let (answer, ()) = tokio::join!(next.invoke("2"), async {
                tokio::task::yield_now().await;
                assert!(finish.try_recv().is_err() && begin.try_recv().is_err());
                go.notify_one();
                finish.recv().await.unwrap();
                begin.recv().await.unwrap();
                go.notify_one();
                finish.recv().await.unwrap();
            });
            assert_eq!(answer.fc_status(), "200");
        }
    })
    .await;
}

/// Ready twice.
struct Tiring(u32);

impl Service<LambdaEvent<Value>> for Tiring {
    type Response = ();
    type Error = Error;
    type Future = std::future::Ready<Result<(), Error>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Error>> {
        match self.0.checked_sub(1) {
            Some(left) => self.0 = left,
            None => return Poll::Ready(Err("tired".into())),
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: LambdaEvent<Value>) -> Self::Future {
        std::future::ready(Ok(()))
    }
}

#[tokio::test]
async fn a_service_that_is_not_ready_any_more_ends_the_runtime() {
    let (listener, address) = socket();
    let (ended, told) = tokio::join!(Runtime::new(Tiring(2)).listener(listener).run(), async {
        let mut client = Client::connect(address).await;
        assert_eq!(client.invoke("1").await.fc_status(), "200");
        assert_eq!(client.invoke("1").await.fc_status(), "200");
        client.invoke("1").await.json()
    });
    assert_eq!(told["errorType"], "NotReady");
    assert_eq!(ended.unwrap_err().to_string(), "the handler is not ready: \"tired\"");
}

/// Panics instead of being ready, once.
struct Startled(Arc<AtomicU32>);

impl<T> Service<T> for Startled {
    type Response = &'static str;
    type Error = Error;
    type Future = std::future::Ready<Result<&'static str, Error>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Error>> {
        assert_ne!(self.0.fetch_add(1, Ordering::SeqCst), 0, "startled");
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: T) -> Self::Future {
        std::future::ready(Ok("calm"))
    }
}

#[tokio::test]
async fn a_service_that_panics_instead_of_being_ready_fails_that_invocation_alone() {
    let (listener, address) = socket();
    let events = tower::util::MapRequest::new(Startled(Arc::default()), |event: LambdaEvent<Value>| event);
    beside(Runtime::new(events).http(Startled(Arc::default())).listener(listener).run(), async {
        let mut client = Client::connect(address).await;
        let panicked = client.invoke("1").await;
        assert_eq!((panicked.fc_status(), panicked.json()["errorType"].as_str()), ("404", Some("FunctionPanic")));
        assert_eq!(client.invoke("1").await.body, "\"calm\"");
        let panicked = client.send(http_request("GET", "/", "")).await;
        assert_eq!((panicked.fc_status(), panicked.json()["errorType"].as_str()), ("404", Some("FunctionPanic")));
        assert_eq!(client.send(http_request("GET", "/", "")).await.body, "calm");
    })
    .await;
}

#[tokio::test]
#[allow(deprecated, reason = "it is what is tested")]
async fn the_old_form_of_a_handler_still_serves() {
    let (listener, address) = socket();
    let handler = fc_runtime::handler_fn(async |event: Value, context: fc_runtime::Context| {
        Ok::<_, Error>(json!([event, context.request_id]))
    });
    let runtime = Runtime::new(handler).register_snapstart_resource(Arc::new(Nothing));
    assert!(!runtime.is_snapstart());
    beside(runtime.listener(listener).run(), async {
        assert_eq!(Client::connect(address).await.invoke("1").await.json(), json!([1, "r-1"]));
    })
    .await;
}

struct Nothing;

impl fc_runtime::SnapStartResource for Nothing {}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_threads_serve_as_well() {
    let (listener, address) = socket();
    let calls = Cell::new(0);
    let handler = service_fn(|event: LambdaEvent<Value>| async {
        calls.set(calls.get() + 1);
        Ok::<_, Error>(tokio::spawn(async move { event.payload }).await?)
    });
    // `run` stays on this task; what the handler spawns does not.
    beside(Runtime::new(handler).listener(listener).run(), async {
        let mut client = Client::connect(address).await;
        for number in 0..10 {
            assert_eq!(client.invoke(&number.to_string()).await.json(), json!(number));
        }
    })
    .await;
    assert_eq!(calls.get(), 10);
}

/// What may be spawned with lambda_runtime may be spawned here.
#[test]
fn what_serves_is_send_where_its_handler_is() {
    fn is_send<T: Send>(_: T) {}
    async fn event(event: LambdaEvent<Value>) -> Result<Value, Error> {
        Ok(event.payload)
    }
    async fn request(_: fc_runtime::http_trigger::Request) -> Result<&'static str, Error> {
        Ok("")
    }
    is_send(fc_runtime::run(service_fn(event)));
    is_send(fc_runtime::run_concurrent(service_fn(event)));
    is_send(Runtime::new(service_fn(event)).http(service_fn(request)).run());
    is_send(fc_runtime::http_trigger::run(service_fn(request)));
    is_send(fc_runtime::http_trigger::run_concurrent(service_fn(request)));
}
