//! The examples, as processes that FC calls.
//!
//! A process is this very test program, started again with the name of an example.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fc_runtime::{Error, LambdaEvent, service_fn};
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::client::{Answer, Client, event_request, http_request};

#[path = "../../examples/basic.rs"]
mod basic;
#[path = "../../examples/batch.rs"]
mod batch;
#[path = "../../examples/concurrent.rs"]
mod concurrent;
#[path = "../../examples/error_crates.rs"]
mod error_crates;
#[path = "../../examples/errors.rs"]
mod errors;
#[path = "../../examples/external_runtime.rs"]
mod external_runtime;
#[path = "../../examples/http.rs"]
mod http_example;
#[path = "../../examples/lifecycle.rs"]
mod lifecycle;
#[path = "../../examples/open_telemetry.rs"]
mod open_telemetry;
#[path = "../../examples/router.rs"]
mod router;
#[path = "../../examples/shared.rs"]
mod shared;
#[path = "../../examples/streaming.rs"]
mod streaming;

/// Names the example that a child is.
const CHILD: &str = "FC_RUNTIME_EXAMPLE";

/// In a child, its `main`; in the parent nothing.
#[test]
fn child() {
    let ended = match std::env::var(CHILD).as_deref() {
        Ok("basic") => basic::main(),
        Ok("batch") => batch::main(),
        Ok("concurrent") => concurrent::main(),
        Ok("error_crates") => error_crates::main(),
        Ok("errors") => errors::main(),
        Ok("external_runtime") => external_runtime::main(),
        Ok("http") => http_example::main(),
        Ok("lifecycle") => lifecycle::main(),
        Ok("open_telemetry") => open_telemetry::main(),
        Ok("router") => router::main(),
        Ok("shared") => shared::main(),
        Ok("streaming") => streaming::main(),
        Ok("terminated") => terminated(),
        Ok(other) => panic!("no example {other}"),
        Err(_) => Ok(()),
    };
    ended.unwrap();
}

/// A handler during which SIGTERM comes.
#[tokio::main(flavor = "current_thread")]
async fn terminated() -> Result<(), Error> {
    let handler = service_fn(async |_: LambdaEvent<Value>| {
        // Once this task has seen the signal, the runtime has too.
        let mut seen = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        terminate(std::process::id());
        seen.recv().await;
        Ok::<_, Error>("done")
    });
    fc_runtime::run(handler).await
}

fn terminate(process: u32) {
    assert!(Command::new("kill").args(["-TERM", &process.to_string()]).status().unwrap().success());
}

/// A function's process.
struct Function {
    process: Child,
    address: SocketAddr,
}

impl Function {
    async fn start(example: &str) -> Self {
        let address = free_address();
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "programs::child", "--nocapture"])
            .env_remove("RUST_LOG")
            .envs([
                (CHILD, example),
                ("FC_SERVER_PORT", &address.port().to_string()),
                ("RUNTIME_LISTEN_HOST", "127.0.0.1"),
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let patience = Instant::now() + Duration::from_secs(60);
        while tokio::net::TcpStream::connect(address).await.is_err() {
            assert!(Instant::now() < patience, "{example} does not listen");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Self { process, address }
    }

    async fn call(&self, request: Request<Full<Bytes>>) -> Answer {
        Client::connect(self.address).await.send(request).await
    }

    async fn invoke(&self, event: &str) -> Answer {
        self.call(event_request(event)).await
    }

    /// Waits for its end, which has to be a good one; what it printed.
    fn ended(mut self) -> String {
        let mut printed = String::new();
        self.process.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        assert!(self.process.wait().unwrap().success(), "{printed}");
        printed
    }

    /// Ends it as FC may; what it printed.
    fn terminated(self) -> String {
        terminate(self.process.id());
        self.ended()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // A test that failed leaves nothing behind; after `ended` there is nothing to kill.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An address for another process. Below the ports that the system gives out itself: one of those could be
/// another test's before the process has it.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = (std::process::id() % 10_000) as u16;
    loop {
        let port = 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

fn failure(answer: &Answer) -> (String, String, String) {
    let text = |field: &str| answer.json()[field].as_str().unwrap().to_owned();
    (answer.fc_status().to_owned(), text("errorType"), text("errorMessage"))
}

#[tokio::test]
async fn basic_answers_and_logs() {
    let function = Function::start("basic").await;
    let answer = function.invoke(r#"{"name":"world"}"#).await;
    assert_eq!(answer.json(), json!({ "request": "r-1", "greeting": "hello world" }));
    let unfit = function.invoke(r#"{"name":1}"#).await;
    assert!(failure(&unfit).2.contains("[name] invalid type: integer `1`"));
    let printed = function.terminated();
    let (start, rest) = printed.split_once("FC Invoke Start RequestId: r-1\n").unwrap();
    let line = rest.lines().next().unwrap();
    let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}, after {start}"));
    assert_eq!(
        (&line["message"], &line["name"], &line["span"]["requestId"]),
        (&json!("a visitor"), &json!("world"), &json!("r-1"))
    );
    assert!(rest.contains("FC Invoke End RequestId: r-1\n"), "{printed}");
}

#[tokio::test]
async fn every_failure_is_answered_by_the_same_process() {
    let function = Function::start("errors").await;
    let (status, kind, message) = failure(&function.invoke("\"noSuchFile\"").await);
    assert_eq!(status, "404");
    assert!(kind.contains("dyn core::error::Error") && message.contains("No such file"), "{kind} {message}");
    assert_eq!(failure(&function.invoke("\"text\"").await).0, "404");
    let quota = function.invoke("\"quota\"").await;
    assert_eq!(failure(&quota), ("404".into(), "QuotaExceeded".into(), "16 of 16 disks are used".into()));
    assert_eq!(failure(&function.invoke("\"panic\"").await).2, "function panicked: as wished");
    assert!(failure(&function.invoke("\"noJson\"").await).2.contains("key must be a string"));
    assert_eq!(failure(&function.invoke("\"other\"").await).1, "PayloadError");
    assert_eq!(failure(&function.invoke("\"\u{fffd}").await).1, "PayloadError");
    assert_eq!(function.invoke("\"nothing\"").await.body, "{}");
    let printed = function.terminated();
    assert_eq!(printed.matches("FC Invoke Start RequestId: r-1\n").count(), 8, "{printed}");
    assert_eq!(printed.matches("FC Invoke End RequestId: r-1\n").count(), 7, "{printed}");
    // As of FC's own runtimes, after a panic alone.
    assert_eq!(
        printed.matches("FC Invoke End RequestId: r-1, Error: Unhandled function error\n").count(),
        1,
        "{printed}"
    );
}

#[tokio::test]
async fn errors_of_other_crates_are_diagnostics() {
    let function = Function::start("error_crates").await;
    for name in ["anyhow", "eyre", "miette"] {
        let (status, kind, message) = failure(&function.invoke(&format!("\"{name}\"")).await);
        assert_eq!((status.as_str(), message), ("404", format!("said by {name}")));
        assert!(kind.contains(name), "{kind}");
    }
}

#[tokio::test]
async fn a_handler_may_borrow() {
    let function = Function::start("shared").await;
    assert_eq!(function.invoke("\"a\"").await.body, "\"a 1\"");
    assert_eq!(function.invoke("\"b\"").await.body, "\"b 2\"");
    let function = Function::start("batch").await;
    let batch = json!([{ "messageId": "m-1", "messageBody": 1 }, { "messageId": "m-2", "messageBody": 2 }]);
    assert_eq!(function.invoke(&batch.to_string()).await.json(), json!({ "failed": ["m-1"] }));
}

#[tokio::test]
async fn a_runtime_of_one_s_own_serves_and_ends() {
    let function = Function::start("external_runtime").await;
    assert_eq!(function.invoke("\"four\"").await.body, "4");
    function.terminated();
}

#[tokio::test]
async fn a_stream_reaches_both_kinds_of_caller() {
    let function = Function::start("streaming").await;
    let event = function.invoke("null").await;
    assert_eq!((event.headers.contains_key("transfer-encoding"), &event.body[..]), (false, b"1\n2\n3\n".as_slice()));
    let http = function.call(http_request("GET", "/", "")).await;
    assert_eq!(
        (&http.headers["transfer-encoding"], &http.body[..]),
        (&"chunked".parse().unwrap(), b"1\n2\n3\n".as_slice())
    );
}

#[tokio::test]
async fn the_shop_is_open() {
    let function = Function::start("http").await;
    assert_eq!(function.call(http_request("GET", "/?who=a+b", "")).await.body, "good day, a b");
    assert_eq!(function.call(http_request("GET", "/account", "")).await.status, StatusCode::UNAUTHORIZED);
    let mut request = http_request("GET", "/account", "");
    request.headers_mut().insert("cookie", "theme=dark; session=s".parse().unwrap());
    request.headers_mut().insert("x-fc-region", "cn-hangzhou".parse().unwrap());
    assert_eq!(function.call(request).await.json(), json!({ "session": "s", "region": "cn-hangzhou" }));
    let ordered = function.call(http_request("POST", "/orders", r#"{"what":"tea"}"#)).await;
    assert_eq!((ordered.status, &ordered.headers["set-cookie"]), (StatusCode::CREATED, &"ordered=1".parse().unwrap()));
    assert_eq!(ordered.body, "one tea");
    assert_eq!(function.call(http_request("POST", "/orders", "{}")).await.fc_status(), "404");
    assert_eq!(function.call(http_request("POST", "/echo", "echo")).await.body, "echo");
    assert_eq!(function.call(http_request("PUT", "/", "")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_router_serves_beside_a_timer() {
    let function = Function::start("router").await;
    let mut request = http_request("GET", "/disks/7", "");
    request.headers_mut().insert("x-fc-request-id", "r-2".parse().unwrap());
    assert_eq!(function.call(request).await.body, "disk 7 for r-2");
    assert_eq!(function.call(http_request("POST", "/upper", "quiet")).await.body, "QUIET");
    let timer = json!({ "triggerTime": "2026-01-01T00:00:00Z", "triggerName": "nightly", "payload": "" });
    assert_eq!(function.invoke(&timer.to_string()).await.json(), json!({ "ticked": "nightly" }));
}

#[tokio::test]
async fn hooks_run_and_their_errors_are_told() {
    let function = Function::start("lifecycle").await;
    let hook = |method: &str, path: &str, key: &str| {
        let request = Request::builder().method(method).uri(path).header("host", "f");
        let request = request.header("x-fc-control-path", path).header("x-fc-request-id", "r-3");
        request.header("x-fc-access-key-id", key).body(Full::default()).unwrap()
    };
    let failed = function.call(hook("POST", "/initialize", "")).await;
    assert_eq!((failed.status, failed.fc_status()), (StatusCode::INTERNAL_SERVER_ERROR, "404"));
    assert_eq!(failed.json()["errorMessage"], "no credentials");
    assert_eq!(failure(&function.invoke("1").await).2, "not initialised");
    assert_eq!(function.call(hook("POST", "/initialize", "STS.k")).await.status, StatusCode::OK);
    assert_eq!(function.invoke("1").await.body, "\"ready\"");
    assert_eq!(function.call(hook("GET", "/pre-stop", "STS.k")).await.status, StatusCode::OK);
    let printed = function.terminated();
    let lines: Vec<&str> = printed.lines().filter(|line| !line.contains("Invoke")).collect();
    let stop = ["FC PreStop Start RequestId: r-3", "stopping for r-3", "last act", "FC PreStop End RequestId: r-3"];
    assert!(lines.windows(4).any(|four| four == stop), "{printed}");
    // The last act was done before SIGTERM came.
    assert_eq!(printed.matches("last act").count(), 1, "{printed}");
}

#[tokio::test]
async fn the_last_act_is_done_at_sigterm_too() {
    let function = Function::start("lifecycle").await;
    let printed = function.terminated();
    assert_eq!(printed.matches("last act").count(), 1, "{printed}");
}

#[tokio::test]
async fn two_invocations_meet() {
    let function = Function::start("concurrent").await;
    let (a, b) = tokio::join!(function.invoke("1"), function.invoke("2"));
    assert_eq!((&a.body[..], &b.body[..]), (b"1".as_slice(), b"2".as_slice()));
}

#[tokio::test]
async fn spans_are_flushed_before_the_answer() {
    let function = Function::start("open_telemetry").await;
    assert_eq!(function.invoke("[1]").await.body, "[1]");
    assert_eq!(function.invoke("[2]").await.body, "[2]");
    let printed = function.terminated();
    let spans: Vec<Value> = printed
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|line: &Value| line["span"]["faas.trigger"] == "timer")
        .collect();
    assert_eq!(spans.len(), 2, "{printed}");
    let attributes = ["faas.coldstart", "faas.invocation_id", "otel.kind"].map(|name| &spans[0]["span"][name]);
    assert_eq!(attributes, [&json!(true), &json!("r-1"), &json!("SERVER")]);
    assert_eq!(spans[1]["span"]["faas.coldstart"], json!(false));
    assert_eq!(printed.matches("flushed\n").count(), 2);
    assert!(printed.find("flushed").unwrap() < printed.find("FC Invoke End").unwrap(), "{printed}");
}

#[tokio::test]
async fn sigterm_lets_the_running_request_end() {
    let function = Function::start("terminated").await;
    assert_eq!(function.invoke("{}").await.body, "\"done\"");
    let printed = function.ended();
    let markers = "FC Invoke Start RequestId: r-1\nFC Invoke End RequestId: r-1\n";
    assert!(printed.contains(markers), "{printed}");
}
