//! Answers that are sent while they are made.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use fc_runtime::http_trigger::Request;
use fc_runtime::streaming::{self, Body};
use fc_runtime::{Error, LambdaEvent, Limits, MetadataPrelude, Runtime, StreamResponse, service_fn};
use futures_util::{StreamExt, stream};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Client, beside, http_request, socket};

/// One chunk, and then a panic.
fn panicking() -> impl futures_core::Stream<Item = Result<Bytes, Error>> + Unpin + Send + 'static {
    let mut first = true;
    stream::poll_fn(move |_| {
        assert!(std::mem::take(&mut first), "the stream's own");
        Poll::Ready(Some(Ok(Bytes::from("one "))))
    })
}

/// A body that cannot even be asked.
struct Odd;

impl hyper::body::Body for Odd {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        panic!("the hint's own")
    }
}

/// Sends a client's request; everything until the connection is closed.
async fn cut_off(address: std::net::SocketAddr, method: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{method} / HTTP/1.1\r\nhost: f\r\nx-fc-control-path: /http-invoke\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    // Closed in whatever manner.
    let _ = stream.read_to_end(&mut all).await;
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn a_panic_in_an_answer_s_stream_ends_that_answer_alone() {
    let (listener, address) = socket();
    let handler = service_fn(async |event: LambdaEvent<Value>| {
        let stream: Box<dyn futures_core::Stream<Item = _> + Unpin + Send> = match event.payload == json!("calm") {
            true => Box::new(stream::iter([Ok::<_, Error>(Bytes::from("fine"))])),
            false => Box::new(panicking()),
        };
        Ok::<_, Error>(StreamResponse::from(stream))
    });
    beside(Runtime::new(handler).listener(listener).run(), async {
        let mut client = Client::connect(address).await;
        let panicked = client.invoke("\"panic\"").await;
        assert_eq!((panicked.fc_status(), panicked.json()["errorType"].as_str()), ("404", Some("StreamError")));
        assert_eq!(panicked.json()["errorMessage"], "function panicked: the stream's own");
        assert_eq!(client.invoke("\"calm\"").await.body, "fine");
        let cut = cut_off(address, "GET").await;
        assert!(!cut.contains("\r\n0\r\n"), "{cut}");
        assert_eq!(client.invoke("\"calm\"").await.body, "fine");
    })
    .await;
}

#[tokio::test]
async fn a_panic_in_a_mounted_service_s_body_ends_that_answer_alone() {
    for concurrent in [false, true] {
        let (listener, address) = socket();
        let handler = service_fn(async |request: Request| {
            let body = match request.method().as_str() {
                "PUT" => Body::from("fine"),
                "DELETE" => Body::new(Odd),
                _ => Body::new(StreamBody::new(panicking().map(|chunk| chunk.map(Frame::data)))),
            };
            Ok::<_, Error>(Response::new(body))
        });
        let runtime = Runtime::for_http(handler).listener(listener);
        let served = async {
            let mut client = Client::connect(address).await;
            assert_eq!(client.send(http_request("PUT", "/", "")).await.body, "fine");
            for method in ["GET", "DELETE"] {
                let cut = cut_off(address, method).await;
                assert!(!cut.contains("\r\n0\r\n"), "{cut}");
                assert_eq!(client.send(http_request("PUT", "/", "")).await.body, "fine");
            }
        };
        match concurrent {
            false => beside(runtime.run(), served).await,
            true => beside(runtime.run_concurrent(), served).await,
        }
    }
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
        assert_eq!(streamed.headers["content-type"], "application/octet-stream");
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

/// An echo of requests on a connection with `limits`; `test` sends pieces of a body and reads them back.
async fn echoing(limits: Limits, test: impl AsyncFnOnce(streaming::Sender, Incoming)) {
    let (listener, address) = socket();
    let handler = service_fn(async |request: Request| Ok::<_, Error>(Response::new(request.into_body())));
    beside(Runtime::for_http(handler).limits(limits).listener(listener).run_concurrent(), async {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let (writer, body) = streaming::channel();
        let request = http::Request::post("/").header("host", "f").header("x-fc-control-path", "/http-invoke");
        let answer = sender.send_request(request.body(body).unwrap()).await.unwrap();
        assert_eq!(answer.headers()["transfer-encoding"], "chunked");
        test(writer, answer.into_body()).await;
    })
    .await;
}

#[tokio::test]
async fn both_bodies_stream() {
    echoing(Limits::default(), async |mut writer, mut echo| {
        // Each piece comes back before the next is sent.
        for piece in ["one", "two", "three"] {
            writer.send_data(piece.into()).await.unwrap();
            assert_eq!(echo.frame().await.unwrap().unwrap().into_data().unwrap(), piece);
        }
        drop(writer);
        assert!(echo.frame().await.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_body_that_goes_on_after_its_answer_began_is_no_head() {
    let mut limits = Limits::default();
    limits.head_timeout = Duration::from_millis(40);
    echoing(limits, async |mut writer, mut echo| {
        for piece in ["one", "two", "three", "four"] {
            tokio::time::sleep(Duration::from_millis(25)).await;
            writer.send_data(piece.into()).await.unwrap();
            assert_eq!(echo.frame().await.unwrap().unwrap().into_data().unwrap(), piece);
        }
    })
    .await;
}

/// Says when it is dropped; says nothing else.
struct Silent(#[allow(dead_code, reason = "it is dropped")] tokio::sync::oneshot::Sender<()>);

impl futures_core::Stream for Silent {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn a_silent_stream_ends_when_its_reader_is_gone() {
    let (listener, address) = socket();
    let (made, mut make) = tokio::sync::mpsc::unbounded_channel();
    let handler = service_fn(move |_: LambdaEvent<Value>| {
        let made = made.clone();
        async move {
            let (alive, gone) = tokio::sync::oneshot::channel();
            made.send(gone)?;
            Ok::<_, Error>(StreamResponse::from(Silent(alive)))
        }
    });
    let mut limits = Limits::default();
    limits.stall_timeout = Duration::from_millis(40);
    beside(Runtime::new(handler).limits(limits).listener(listener).run(), async {
        let request = "GET / HTTP/1.1\r\nhost: f\r\nx-fc-control-path: /http-invoke\r\n\r\n";
        // Also when it had more to say.
        for more in ["", "GET"] {
            let mut reader = TcpStream::connect(address).await.unwrap();
            reader.write_all(format!("{request}{more}").as_bytes()).await.unwrap();
            let gone = make.recv().await.unwrap();
            // What is left unread makes a reset of its end.
            assert_ne!(reader.read(&mut [0; 512]).await.unwrap(), 0);
            drop(reader);
            assert!(tokio::time::timeout(Duration::from_secs(60), gone).await.expect("it hangs").is_err());
        }
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_has_said_all_it_will_say_reads_on() {
    let (listener, address) = socket();
    let (pieces, receiver) = tokio::sync::mpsc::unbounded_channel::<&'static str>();
    let receiver = std::cell::RefCell::new(Some(receiver));
    let handler = service_fn(async |_: LambdaEvent<Value>| {
        let (mut sender, body) = streaming::channel();
        let mut receiver = receiver.take().unwrap();
        tokio::spawn(async move {
            while let Some(piece) = receiver.recv().await {
                sender.send_data(piece.into()).await.unwrap();
            }
        });
        Ok::<_, Error>(StreamResponse::from(body))
    });
    beside(Runtime::new(handler).listener(listener).run(), async {
        let mut reader = TcpStream::connect(address).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nhost: f\r\nx-fc-control-path: /http-invoke\r\n\r\n";
        reader.write_all(request).await.unwrap();
        reader.shutdown().await.unwrap();
        let mut all = String::new();
        for piece in ["one ", "two ", "three"] {
            pieces.send(piece).unwrap();
            while !all.contains(piece) {
                let mut some = [0; 512];
                let count = reader.read(&mut some).await.unwrap();
                assert_ne!(count, 0, "{all}");
                all.push_str(std::str::from_utf8(&some[..count]).unwrap());
            }
        }
        drop(pieces);
        reader.read_to_string(&mut all).await.unwrap();
        assert!(all.ends_with("\r\n0\r\n\r\n"), "{all}");
    })
    .await;
}
