//! Answers that are sent while they are made.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use fc_runtime::http_trigger::Request;
use fc_runtime::streaming::{self, Body};
use fc_runtime::{Error, LambdaEvent, Limits, Runtime, StreamResponse, service_fn};
use futures_util::{StreamExt, stream};
use http::Response;
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
