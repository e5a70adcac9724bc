//! How much memory a caller makes a function hold.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

#[path = "runtime/client.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod client;
#[path = "../../../tests/fuzz/bodies/tests/peak/mod.rs"]
mod peak;

use fc_runtime::{Error, LambdaEvent, Runtime, service_fn};
use serde::Deserialize;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use client::{Client, beside, socket};

/// Bytes that are held at most while `work` is done, on one thread.
fn peak_of(work: impl Future<Output = ()>) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    peak::of(|| runtime.block_on(work))
}

/// A payload that nothing fits.
#[derive(Deserialize)]
struct Order {
    #[allow(dead_code, reason = "only parsing is tested")]
    id: u8,
}

#[test]
fn a_refused_event_costs_a_few_times_its_size() {
    for (what, event) in [
        ("nesting in a field that nobody reads", format!("{{\"id\":1,\"x\":{}", "[".repeat(1 << 20))),
        ("a long key", format!("{{\"{}\":[", "k".repeat(1 << 20))),
        ("a long string in the place of a number", format!("{{\"id\":\"{}\"}}", "v".repeat(1 << 20))),
    ] {
        let held = peak_of(async {
            let (listener, address) = socket();
            let handler = service_fn(async |_: LambdaEvent<Order>| Ok::<_, Error>(()));
            beside(Runtime::new(handler).listener(listener).run(), async {
                let refused = Client::connect(address).await.invoke(&event).await;
                assert_eq!(refused.json()["errorType"], "PayloadError");
                assert!(refused.body.len() < 2048, "{}", refused.body.len());
            })
            .await;
        });
        // The caller's copies of it are among them, and what serde_json quotes.
        assert!(held <= 12 * event.len(), "{what}: {held} bytes");
    }
}

#[test]
fn bodies_that_never_end_are_not_all_held() {
    const SIZE: usize = 2 << 20;
    let held = peak_of(async {
        let (listener, address) = socket();
        let handler = service_fn(async |event: LambdaEvent<Value>| Ok::<_, Error>(event.payload));
        beside(Runtime::new(handler).listener(listener).run(), async {
            let body = std::sync::Arc::new(vec![b' '; SIZE - 1]);
            let mut callers = Vec::new();
            let mut decent = Client::connect(address).await;
            for _ in 0..64 {
                let mut caller = TcpStream::connect(address).await.unwrap();
                let head = format!("POST /invoke HTTP/1.1\r\nhost: f\r\ncontent-length: {SIZE}\r\n\r\n");
                caller.write_all(head.as_bytes()).await.unwrap();
                // All but a byte, as far as it is taken; the rest never.
                let body = body.clone();
                callers.push(tokio::spawn(async move {
                    let _ = caller.write_all(&body).await;
                    std::future::pending::<()>().await;
                }));
                // Meanwhile others are served.
                for _ in 0..20 {
                    assert_eq!(decent.invoke("[1]").await.body, "[1]");
                }
            }
            callers.iter().for_each(tokio::task::JoinHandle::abort);
        })
        .await;
    });
    assert!(held <= 32 * SIZE, "{held} bytes");
}
