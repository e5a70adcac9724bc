//! Callers that do harm: each gets a bounded answer or a closed connection, and the next caller is
//! served as if nothing had been.

use std::net::SocketAddr;
use std::time::Duration;

use fc_runtime::http_trigger::{Request, RequestExt};
use fc_runtime::{Error, LambdaEvent, Limits, Runtime, service_fn};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Client, beside, http_request, socket};

/// No answer and no end within this is a hang. Nothing waits for it to pass.
const HANG: Duration = Duration::from_secs(60);
const HEAD: &str = "POST /invoke HTTP/1.1\r\nhost: f\r\n";

/// Limits that do not make a test wait.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.head_timeout = Duration::from_millis(80);
    limits.body_timeout = Duration::from_millis(160);
    limits.stall_timeout = Duration::from_millis(40);
    limits
}

/// Runs an echo with `limits` beside `harm`; then a decent caller is served.
async fn survives<T: Future<Output = ()>>(limits: Limits, harm: impl Fn(SocketAddr) -> T) {
    for concurrent in [false, true] {
        let (listener, address) = socket();
        let handler = service_fn(async |event: LambdaEvent<Value>| Ok::<_, Error>(event.payload));
        let runtime = Runtime::new(handler).limits(limits.clone()).listener(listener);
        let served = async {
            tokio::time::timeout(HANG, harm(address)).await.expect("it hangs");
            let decent = async { Client::connect(address).await.invoke("[1]").await };
            assert_eq!(tokio::time::timeout(HANG, decent).await.expect("it hangs").body, "[1]");
        };
        match concurrent {
            false => beside(runtime.run(), served).await,
            true => beside(runtime.run_concurrent(), served).await,
        }
    }
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// Everything until the connection is closed, in whatever manner.
async fn rest(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut piece).await {
        all.extend_from_slice(&piece[..count]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// Sends `bytes`, as many of them as are taken, and reads to the end.
async fn say(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(address).await;
    // Fails where the server has heard enough.
    let _ = stream.write_all(bytes).await;
    rest(stream).await
}

#[tokio::test]
async fn floods_of_headers_are_cut_short() {
    survives(Limits::default(), async |address| {
        let many: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
        assert!(say(address, format!("{HEAD}{many}\r\n").as_bytes()).await.starts_with("HTTP/1.1 431 "));
        let long = format!("{HEAD}x: {}\r\n\r\n", "y".repeat(1 << 20));
        let answer = say(address, long.as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
        let path = format!("GET /{} HTTP/1.1\r\nhost: f\r\n\r\n", "y".repeat(1 << 20));
        let answer = say(address, path.as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        // Without an end there is no limit to what one could send.
        let endless = say(address, "y".repeat(1 << 20).as_bytes()).await;
        assert!(endless.is_empty() || endless.starts_with("HTTP/1.1 4"), "{endless}");
    })
    .await;
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    survives(Limits::default(), async |address| {
        for bytes in [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\0\0\0\0\r\n\r\n",
            b"POST /invoke HTTP/1.1\r\nhost: f\r\nx y: 1\r\n\r\n",
            b"POST /invoke HTTP/1.1\r\nhost: f\r\ncontent-length: -1\r\n\r\n",
            b"POST /invoke HTTP/1.1\r\nhost: f\r\ncontent-length: 99999999999999999999\r\n\r\n",
            b"POST /invoke HTTP/1.1\r\nhost: f\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n12",
            b"POST /invoke HTTP/1.1\r\nhost: f\r\ntransfer-encoding: gzip\r\n\r\n",
        ] {
            let answer = say(address, bytes).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn wrong_lengths_are_refused() {
    survives(limits(), async |address| {
        // Too short: what follows is no request.
        let answer = say(address, format!("{HEAD}content-length: 3\r\n\r\n[1]]]]\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("HTTP/1.1 400 "), "{answer}");
        // Too long: the rest never comes.
        let answer = say(address, format!("{HEAD}content-length: 30\r\n\r\n[1]").as_bytes()).await;
        assert!(!answer.starts_with("HTTP/1.1 200 "), "{answer}");
        // Chunks that are none.
        for chunks in ["zz\r\n[1]\r\n0\r\n\r\n", "3\r\n[1]xx0\r\n\r\n", "ffffffffffffffffff\r\n[1]"] {
            let answer = say(address, format!("{HEAD}transfer-encoding: chunked\r\n\r\n{chunks}").as_bytes()).await;
            assert!(!answer.starts_with("HTTP/1.1 200 "), "{answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn bodies_of_33_mb_are_refused_and_longer_ones_not_read() {
    survives(Limits::default(), async |address| {
        let size = 33 << 20;
        let body = "x".repeat(size);
        let told = format!("{HEAD}connection: close\r\ncontent-length: {size}\r\n\r\n{body}");
        let answer = say(address, told.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("x-fc-status: 404"), "{answer}");
        let chunked =
            format!("{HEAD}connection: close\r\ntransfer-encoding: chunked\r\n\r\n{size:x}\r\n{body}\r\n0\r\n\r\n");
        let answer = say(address, chunked.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        let answer = say(address, format!("{HEAD}content-length: {}\r\n\r\n", 1_u64 << 40).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn slow_heads_and_bodies_are_cut_off() {
    survives(limits(), async |address| {
        // One byte and nothing more; then a byte now and then, for ever.
        assert_eq!(say(address, b"P").await, "");
        for (start, drip) in [(HEAD.to_owned(), "x: 1\r\n"), (format!("{HEAD}content-length: 1000000\r\n\r\n"), "1")] {
            let mut stream = connect(address).await;
            stream.write_all(start.as_bytes()).await.unwrap();
            let mut every = tokio::time::interval(Duration::from_millis(5));
            loop {
                every.tick().await;
                if stream.write_all(drip.as_bytes()).await.is_err() {
                    break;
                }
            }
        }
        // The head of a second request is watched like that of the first.
        let mut stream = connect(address).await;
        stream.write_all(format!("{HEAD}content-length: 3\r\n\r\n[1]").as_bytes()).await.unwrap();
        let mut first = [0; 15];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200 OK");
        stream.write_all(b"P").await.unwrap();
        rest(stream).await;
    })
    .await;
}

#[tokio::test]
async fn whoever_does_not_read_is_cut_off() {
    let (listener, address) = socket();
    let handler = service_fn(async |_: LambdaEvent<Value>| Ok::<_, Error>("x".repeat(8 << 20)));
    beside(Runtime::new(handler).limits(limits()).listener(listener).run_concurrent(), async {
        let mut stream = connect(address).await;
        stream.write_all(format!("{HEAD}content-length: 1\r\n\r\n1").as_bytes()).await.unwrap();
        // Writing goes on to fail once the server has given up; nothing is ever read.
        let mut every = tokio::time::interval(Duration::from_millis(5));
        let gone = async {
            loop {
                every.tick().await;
                if stream.write_all(b"1").await.is_err() {
                    break;
                }
            }
        };
        tokio::time::timeout(HANG, gone).await.expect("it hangs");
    })
    .await;
}

#[tokio::test]
async fn a_handler_does_not_wait_for_ever_for_a_body() {
    let (listener, address) = socket();
    let handler = service_fn(async |request: Request| Ok::<_, Error>(request.into_bytes().await?.len().to_string()));
    beside(Runtime::for_http(handler).limits(limits()).listener(listener).run(), async {
        // Some bytes and nothing more; then a byte now and then, for ever.
        for drips in [false, true] {
            let mut slow = connect(address).await;
            slow.write_all(b"POST / HTTP/1.1\r\nhost: f\r\ncontent-length: 1000000\r\n\r\n123").await.unwrap();
            let (mut reader, mut writer) = slow.into_split();
            let dripping = async {
                let mut every = tokio::time::interval(Duration::from_millis(5));
                while drips && writer.write_all(b"1").await.is_ok() {
                    every.tick().await;
                }
            };
            // Its turn comes when the slow one has lost its own.
            let decent = async {
                let answer = Client::connect(address).await.send(http_request("POST", "/", "four")).await;
                assert_eq!(answer.body, "4");
            };
            let both = async { tokio::join!(dripping, decent) };
            tokio::time::timeout(HANG, both).await.expect("it hangs");
            let mut told = Vec::new();
            // Closed in whatever manner.
            let _ = reader.read_to_end(&mut told).await;
            assert!(!told.starts_with(b"HTTP/1.1 200 "));
        }
    })
    .await;
}

#[tokio::test]
async fn an_idle_connection_is_kept() {
    survives(limits(), async |address| {
        let mut client = Client::connect(address).await;
        for _ in 0..3 {
            assert_eq!(client.invoke("[1]").await.body, "[1]");
            // Far longer than any of the limits: only a request under way has them.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    survives(limits(), async |address| {
        let one = |n: usize| format!("{HEAD}content-length: {}\r\n\r\n{n}", n.to_string().len());
        let all: String = (0..500).map(one).collect();
        let mut stream = connect(address).await;
        let (mut reader, mut writer) = stream.split();
        let read = async {
            let mut text = String::new();
            let mut piece = [0; 4096];
            while text.matches("HTTP/1.1 200 OK").count() < 500 || !text.ends_with("499") {
                let count = reader.read(&mut piece).await.unwrap();
                assert!(count > 0, "{text}");
                text.push_str(&String::from_utf8_lossy(&piece[..count]));
            }
            text
        };
        let (text, ()) = tokio::join!(read, async { writer.write_all(all.as_bytes()).await.unwrap() });
        let bodies: Vec<&str> = text.split("\r\n\r\n").skip(1).map(|part| part.split("HTTP").next().unwrap()).collect();
        assert_eq!(bodies, (0..500).map(|n| n.to_string()).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn half_closed_connections_get_their_answer_and_half_requests_none() {
    survives(limits(), async |address| {
        let mut stream = connect(address).await;
        stream.write_all(format!("{HEAD}content-length: 3\r\n\r\n[1]").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let answer = rest(stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("[1]"), "{answer}");
        for half in [
            "",
            "POST /inv",
            HEAD,
            &format!("{HEAD}content-length: 3\r\n\r\n["),
            &format!("{HEAD}transfer-encoding: chunked\r\n\r\n3\r\n[1"),
        ] {
            let mut stream = connect(address).await;
            stream.write_all(half.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            let answer = rest(stream).await;
            assert!(!answer.starts_with("HTTP/1.1 200 "), "{answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn crowds_of_connections_make_room() {
    let mut few = limits();
    few.connections = 4;
    survives(few, async |address| {
        // One that is in use, and many that do nothing or send half a head.
        let mut decent = Client::connect(address).await;
        assert_eq!(decent.invoke("[0]").await.body, "[0]");
        let mut crowd = Vec::new();
        for number in 0..40 {
            let mut stream = connect(address).await;
            if number % 2 == 0 {
                stream.write_all(b"POST /inv").await.unwrap();
            }
            crowd.push(stream);
        }
        assert_eq!(Client::connect(address).await.invoke("[1]").await.body, "[1]");
        assert_eq!(decent.invoke("[2]").await.body, "[2]");
    })
    .await;
}

#[tokio::test]
async fn limits_may_be_extreme() {
    for limit in [0, usize::MAX] {
        let (listener, address) = socket();
        let mut limits = Limits::default();
        (limits.connections, limits.concurrency) = (limit, limit);
        // No time at all would be none for the decent either.
        if limit > 0 {
            limits.event_bytes = limit;
            let times = [&mut limits.head_timeout, &mut limits.body_timeout, &mut limits.stall_timeout];
            times.into_iter().for_each(|time| *time = Duration::MAX);
        }
        let handler = service_fn(async |event: LambdaEvent<Value>| {
            tokio::task::yield_now().await;
            Ok::<_, Error>(event.payload)
        });
        beside(Runtime::new(handler).limits(limits).listener(listener).run_concurrent(), async {
            // In two pieces, so that the rest is waited for.
            let mut slow = connect(address).await;
            slow.write_all(b"POST /invoke HTTP/1.1\r\nhost: f\r\nconnection: close\r\n").await.unwrap();
            if limit > 0 {
                assert_eq!(Client::connect(address).await.invoke("[1]").await.body, "[1]");
            }
            slow.write_all(b"content-length: 3\r\n\r\n").await.unwrap();
            tokio::task::yield_now().await;
            slow.write_all(b"[2]").await.unwrap();
            let mut told = String::new();
            slow.read_to_string(&mut told).await.unwrap();
            assert!(told.starts_with("HTTP/1.1 200 ") && told.ends_with("[2]"), "{told}");
        })
        .await;
    }
}
