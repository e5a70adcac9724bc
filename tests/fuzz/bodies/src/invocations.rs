//! An event on its way to a handler and an answer on its way back, and what a handler reads of a client's request. The
//! first byte chooses.

use std::cell::RefCell;
use std::future::{Ready, ready};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::Bytes;
use fc_runtime::http_trigger::{Request, RequestExt};
use fc_runtime::streaming::Body;
use fc_runtime::tower::layer::layer_fn;
use fc_runtime::{Context, Error, LambdaEvent, LambdaInvocation, Raw, Runtime, Service, service_fn};
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A payload that much does not fit.
#[derive(Deserialize, Serialize)]
struct Order {
    id: u8,
    name: Option<String>,
    #[serde(default)]
    parts: Vec<Order>,
}

/// Does with the rest of `data` what its first byte asks for.
pub fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    match choice % KINDS {
        0 => call("/invoke", rest, |order: Order| serde_json::to_value(order).expect("what was read can be written")),
        // An answer may describe an HTTP answer.
        1 => call("/http-invoke", rest, |answer: Value| answer),
        2 => call("/invoke", rest, |Raw(bytes)| bytes.len().into()),
        _ => request(rest),
    }
}

const KINDS: u8 = 4;

/// Calls a handler of `answer` with `event`, as a layer of a runtime does.
fn call<A: for<'de> Deserialize<'de>>(control: &'static str, event: &[u8], answer: fn(A) -> Value) {
    let innermost = RefCell::new(None);
    let handler = service_fn(async |event: LambdaEvent<A>| Ok::<_, Error>(answer(event.payload)));
    let _ = Runtime::new(handler).layer(layer_fn(|service| {
        innermost.replace(Some(service));
        Nothing
    }));
    let headers = HeaderMap::from_iter([(
        "x-fc-control-path".parse().expect("a header's name"),
        HeaderValue::from_static(control),
    )]);
    let context = Context::new("r-1", Arc::default(), &headers).expect("no header of Lambda's");
    let (parts, ()) = http::Response::new(()).into_parts();
    let invocation = LambdaInvocation { parts, body: Bytes::copy_from_slice(event), context };
    let mut service = innermost.into_inner().expect("a layer is called at once");
    let mut running = pin!(service.call(invocation));
    let ended = running.as_mut().poll(&mut TaskContext::from_waker(Waker::noop()));
    assert!(matches!(ended, Poll::Ready(Ok(()))), "nothing is waited for, and a failure is an answer");
}

/// Stands where the layers would.
struct Nothing;

impl Service<LambdaInvocation> for Nothing {
    type Response = ();
    type Error = Error;
    type Future = Ready<Result<(), Error>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: LambdaInvocation) -> Self::Future {
        ready(Ok(()))
    }
}

/// Reads a request: its target is the first line, its cookies are the second.
fn request(text: &[u8]) {
    let mut lines = text.splitn(2, |byte| *byte == b'\n');
    let (target, cookies) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let Ok(request) = http::Request::get(target).header("cookie", cookies).body(Body::empty()) else { return };
    let request: Request = request;
    let _ = request.path();
    for (name, _) in request.query_parameters() {
        let first = request.query_parameters().into_iter().find(|(other, _)| *other == name);
        assert_eq!(request.query_parameter(&name), first.map(|(_, value)| value));
    }
    for (name, _) in request.cookies() {
        assert!(request.cookie(name).is_some());
    }
}

/// One for each kind, and what they answer with.
pub fn seeds() -> Vec<Vec<u8>> {
    let seed = |choice: u8, text: &str| [&[choice], text.as_bytes()].concat();
    vec![
        seed(0, r#"{"id": 1, "name": "a\u0301", "parts": [{"id": 2, "unknown": [[{"a": {}}]]}, {"id": 3}]}"#),
        seed(0, r#"{"id": 1, "parts": [{"id": 256, "na\"me": null}]}"#),
        seed(1, r#"{"statusCode": 201, "headers": {"content-type": "text/plain"}, "body": "ok"}"#),
        seed(1, r#"{"statusCode": 200, "body": "/w==", "isBase64Encoded": true}"#),
        seed(1, r#"[{"statusCode": 404}]"#),
        seed(2, "\u{fffd} a=1&b=2"),
        seed(3, "/a%20b?x=1%2B1&y=a+b&x=2&z\nsession=s=1; theme=dark"),
    ]
}
