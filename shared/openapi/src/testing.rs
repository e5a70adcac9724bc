//! A scripted service on loopback, and a clock that only sleeping moves.

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::retry::Environment;

/// What the service does with a request.
#[derive(Debug, Default)]
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
    hang_up: bool,
}

impl Reply {
    pub fn new(status: u16, body: Value) -> Self {
        Self { status, body: body.to_string().into_bytes(), ..Self::default() }
    }

    /// Reads the request and closes the connection.
    pub fn hang_up() -> Self {
        Self { hang_up: true, ..Self::default() }
    }

    pub fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> String {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap_or_default()
    }

    /// Decoded query parameters.
    pub fn query(&self) -> Vec<(String, String)> {
        crate::sign::parse_query(self.target.split_once('?').map_or("", |(_, query)| query))
    }
}

/// Answers one request per reply, in order, each on its own connection.
pub struct Server {
    pub endpoint: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        tokio::spawn(async move {
            for reply in replies {
                let (stream, _) = listener.accept().await.unwrap();
                serve(stream, reply, &seen).await;
            }
        });
        Self { endpoint, requests }
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(stream: TcpStream, reply: Reply, seen: &Mutex<Vec<Request>>) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(n, _)| n == "content-length").map_or(0, |(_, v)| v.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    seen.lock().unwrap().push(Request { method, target, headers, body });
    if reply.hang_up {
        return;
    }
    let mut head =
        format!("HTTP/1.1 {} x\r\nconnection: close\r\ncontent-length: {}\r\n", reply.status, reply.body.len());
    for (name, value) in reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all((head + "\r\n").as_bytes()).await.unwrap();
    stream.write_all(&reply.body).await.unwrap();
    stream.shutdown().await.unwrap();
}

/// Time stands still but for sleeping, which takes none; jitter is always its limit.
pub struct FakeEnvironment {
    start: Instant,
    nonces: AtomicU32,
    slept: Mutex<Vec<Duration>>,
}

impl Default for FakeEnvironment {
    fn default() -> Self {
        Self { start: Instant::now(), nonces: AtomicU32::new(0), slept: Mutex::default() }
    }
}

impl FakeEnvironment {
    pub fn slept(&self) -> Vec<Duration> {
        self.slept.lock().unwrap().clone()
    }

    fn passed(&self) -> Duration {
        // One second for each sleep on top: time also passes while a request is under way.
        self.slept().iter().map(|d| *d + Duration::from_secs(1)).sum()
    }
}

impl Environment for FakeEnvironment {
    fn now(&self) -> Timestamp {
        "2026-11-22T10:00:00Z".parse::<Timestamp>().unwrap() + self.passed()
    }

    fn instant(&self) -> Instant {
        self.start + self.passed()
    }

    fn nonce(&self) -> String {
        format!("nonce-{}", self.nonces.fetch_add(1, Ordering::Relaxed))
    }

    fn jitter(&self, limit: Duration) -> Duration {
        limit
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.slept.lock().unwrap().push(duration);
        Box::pin(std::future::ready(()))
    }
}
