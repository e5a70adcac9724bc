//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::peer::Peer;
use super::socket::Socket;
use super::watchdog::Watchdog;
use crate::Limits;
use crate::streaming::Body;

/// Bytes of a request's line and headers, at most. Clients may send 8 KB of headers and 4 KB of path
/// (FC limits); FC adds some 3 KB, most of it the security token.
const MAX_HEAD: usize = 64 << 10;
/// Headers of a request, at most.
const MAX_HEADERS: usize = 128;

/// Serves one connection until its end, or until the answer under way when it is asked to leave.
///
/// What `answer` has begun it ends, also when the other side hangs up: a handler may not be cut off
/// in the middle of its work.
pub(super) async fn serve<A, Fut>(stream: TcpStream, peer: &Peer, limits: &Limits, answer: A)
where
    A: Fn(Request<Incoming>) -> Fut,
    Fut: Future<Output = Response<Body>>,
{
    // Without it small answers wait for acknowledgements; where it fails they are only slower.
    let _ = stream.set_nodelay(true);
    let running = Running::default();
    if let Err(error) = exchange(stream, peer, limits, &answer, &running).await {
        tracing::debug!(%error, "connection");
    }
    poll_fn(|cx| running.poll(cx)).await;
}

/// Reads requests and writes answers.
async fn exchange<A, Fut>(
    stream: TcpStream,
    peer: &Peer,
    limits: &Limits,
    answer: &A,
    running: &Running<Fut>,
) -> Result<(), Broken>
where
    A: Fn(Request<Incoming>) -> Fut,
    Fut: Future<Output = Response<Body>>,
{
    let io = TokioIo::new(Socket { stream, peer });
    let mut http = http1::Builder::new();
    // A client that has said all that it will say still gets its answer.
    // FC refuses a date of the function's; so it is not written either.
    http.half_close(true).auto_date_header(false).max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
    let mut connection = pin!(http.serve_connection(io, Answering { answer, running }));
    let mut watchdog = Watchdog::new(limits);
    let mut left = false;
    poll_fn(|cx| {
        if !left && peer.leaving(cx) {
            left = true;
            connection.as_mut().graceful_shutdown();
        }
        if let Poll::Ready(outcome) = connection.as_mut().poll(cx) {
            return Poll::Ready(outcome.map_err(Broken::Http));
        }
        watchdog.poll(cx, peer).map(|()| Err(Broken::Stalled))
    })
    .await
}

/// Why a connection ended before its time.
enum Broken {
    Http(hyper::Error),
    Stalled,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(error) => error.fmt(f),
            Self::Stalled => f.write_str("the other side is too slow"),
        }
    }
}

/// The place of the answer that is being made. It belongs to neither the connection, which may
/// break, nor is it allocated for every request.
struct Running<Fut>(Mutex<Pin<Box<Option<Fut>>>>);

impl<Fut> Default for Running<Fut> {
    fn default() -> Self {
        Self(Mutex::new(Box::pin(None)))
    }
}

impl<Fut: Future> Running<Fut> {
    fn start(&self, answer: Fut) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut().set(Some(answer));
    }

    /// What comes out of it; `None` when there is none.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Fut::Output>> {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(answer) = place.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let answer = ready!(answer.poll(cx));
        place.as_mut().set(None);
        Poll::Ready(Some(answer))
    }
}

/// `answer` as hyper calls it.
struct Answering<'a, A, Fut> {
    answer: &'a A,
    running: &'a Running<Fut>,
}

impl<'a, A, Fut> Service<Request<Incoming>> for Answering<'a, A, Fut>
where
    A: Fn(Request<Incoming>) -> Fut,
    Fut: Future<Output = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ongoing<'a, Fut>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.running.start((self.answer)(request));
        Ongoing(self.running)
    }
}

/// hyper's view of what is running.
struct Ongoing<'a, Fut>(&'a Running<Fut>);

impl<Fut: Future<Output = Response<Body>>> Future for Ongoing<'_, Fut> {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match ready!(self.0.poll(cx)) {
            Some(response) => Poll::Ready(Ok(response)),
            // Polled after its end: it has nothing more to say.
            None => Poll::Pending,
        }
    }
}
