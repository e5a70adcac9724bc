//! A caller as FC is one.

use std::net::{SocketAddr, TcpListener};

use bytes::Bytes;
use fc_runtime::Error;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;

pub fn socket() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn fc_status(&self) -> &str {
        self.headers["x-fc-status"].to_str().unwrap()
    }
}

/// One keep-alive connection.
pub struct Client(SendRequest<Full<Bytes>>);

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Answer {
        self.0.ready().await.unwrap();
        let (parts, body) = self.0.send_request(request).await.unwrap().into_parts();
        Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
    }

    pub async fn invoke(&mut self, event: &str) -> Answer {
        self.send(event_request(event)).await
    }
}

pub fn event_request(event: &str) -> Request<Full<Bytes>> {
    Request::post("/invoke")
        .header("host", "function")
        .header("x-fc-control-path", "/invoke")
        .header("x-fc-request-id", "r-1")
        .header("x-fc-function-timeout", "60")
        .body(Full::new(Bytes::copy_from_slice(event.as_bytes())))
        .unwrap()
}

pub fn http_request(method: &str, path: &str, body: &str) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "function")
        .header("x-fc-control-path", "/http-invoke")
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
        .unwrap()
}

/// Runs a runtime beside `test`, on one task: the runtime's future need not be `Send`.
pub async fn beside(runtime: impl Future<Output = Result<(), Error>>, test: impl Future<Output = ()>) {
    tokio::select! {
        ended = runtime => panic!("the runtime ended: {ended:?}"),
        () = test => {}
    }
}
