//! A body that is fed from elsewhere.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_channel::{mpsc, oneshot};
use futures_core::Stream;
use http::HeaderMap;
use http_body::Frame;

use super::{Body, BodyError};

/// How many chunks a [`Sender`] may be ahead of the connection, beyond the one that every channel
/// takes.
const CHUNKS_AHEAD: usize = 15;

pub(super) fn channel() -> (Sender, Body) {
    let (chunks, receiver) = mpsc::channel(CHUNKS_AHEAD);
    let (trailers, last) = oneshot::channel();
    let sender = Sender { chunks, trailers: Some(trailers) };
    (sender, Body::receiver(Receiver { chunks: receiver, over: false, trailers: last }))
}

/// Feeds the [`Body`] made with it.
#[must_use = "a body whose sender is dropped is empty"]
pub struct Sender {
    chunks: mpsc::Sender<Result<Bytes, BodyError>>,
    trailers: Option<oneshot::Sender<HeaderMap>>,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("closed", &self.chunks.is_closed()).finish_non_exhaustive()
    }
}

impl Sender {
    /// Whether another chunk can be sent now.
    ///
    /// # Errors
    ///
    /// When nobody reads the body any more.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        self.chunks.poll_ready(cx).map_err(|_| gone())
    }

    /// Sends a chunk; waits while the connection is 16 chunks behind.
    ///
    /// # Errors
    ///
    /// When nobody reads the body any more.
    pub async fn send_data(&mut self, chunk: Bytes) -> Result<(), BodyError> {
        poll_fn(|cx| self.poll_ready(cx)).await?;
        self.chunks.try_send(Ok(chunk)).map_err(|_| gone())
    }

    /// Sends the trailers, once, after the last chunk. HTTP/1.1 carries them to clients that asked
    /// for them with `te: trailers`, and only those that a `trailer` header announced.
    ///
    /// # Errors
    ///
    /// When they were sent before, or nobody reads the body any more.
    pub async fn send_trailers(&mut self, trailers: HeaderMap) -> Result<(), BodyError> {
        let sender = self.trailers.take().ok_or_else(|| BodyError::from("the trailers were sent before"))?;
        sender.send(trailers).map_err(|_| gone())
    }

    /// Sends a chunk if there is room, or hands it back.
    pub fn try_send_data(&mut self, chunk: Bytes) -> Result<(), Bytes> {
        // What comes back is what was handed in.
        self.chunks.try_send(Ok(chunk)).map_err(|refused| refused.into_inner().unwrap_or_default())
    }

    /// Ends the body as broken: [`Sender::send_error`] without a reason.
    pub fn abort(mut self) {
        self.send_error("the body was given up".into());
    }

    /// Ends the body as broken: the connection is cut, so the reader sees that the end is missing.
    pub fn send_error(&mut self, error: BodyError) {
        // A clone has a place of its own in the channel, however full that is. It fails when nobody
        // reads the body any more, and then nobody needs to know.
        let _ = self.chunks.clone().try_send(Err(error));
    }
}

fn gone() -> BodyError {
    "the body is not read any more".into()
}

/// The reading end.
pub(super) struct Receiver {
    chunks: mpsc::Receiver<Result<Bytes, BodyError>>,
    over: bool,
    trailers: oneshot::Receiver<HeaderMap>,
}

impl Receiver {
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if !self.over {
            match ready!(Pin::new(&mut self.chunks).poll_next(cx)?) {
                Some(chunk) => return Poll::Ready(Some(Ok(Frame::data(chunk)))),
                None => self.over = true,
            }
        }
        // Dropped unsent: there are none.
        let trailers = ready!(Pin::new(&mut self.trailers).poll(cx)).ok();
        Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn chunks_and_trailers_arrive_in_order() {
        let (mut sender, body) = channel();
        sender.send_data("a".into()).await.unwrap();
        sender.try_send_data("b".into()).unwrap();
        let trailers = HeaderMap::from_iter([(http::header::ETAG, "\"1\"".parse().unwrap())]);
        sender.send_trailers(trailers.clone()).await.unwrap();
        assert!(sender.send_trailers(HeaderMap::new()).await.is_err());
        drop(sender);
        let collected = body.collect().await.unwrap();
        assert_eq!(collected.trailers(), Some(&trailers));
        assert_eq!(collected.to_bytes(), "ab");
    }

    #[tokio::test]
    async fn a_sender_waits_for_its_reader_and_sees_it_go() {
        let (mut sender, mut body) = channel();
        let mut cx = Context::from_waker(Waker::noop());
        let sent = std::iter::from_fn(|| sender.try_send_data("x".into()).ok()).count();
        assert_eq!(sent, 16);
        assert!(sender.poll_ready(&mut cx).is_pending());
        body.frame().await.unwrap().unwrap();
        assert!(sender.poll_ready(&mut cx).is_ready());
        drop(body);
        assert_eq!(sender.send_data("y".into()).await.unwrap_err().to_string(), "the body is not read any more");
        assert_eq!(sender.try_send_data("z".into()).unwrap_err(), "z");
    }

    #[tokio::test]
    async fn a_broken_body_is_an_error_however_full_it_is() {
        for abort in [true, false] {
            let (mut sender, mut body) = channel();
            while sender.try_send_data("x".into()).is_ok() {}
            match abort {
                true => sender.abort(),
                false => sender.send_error("disk".into()),
            }
            let said = loop {
                if let Err(error) = body.frame().await.unwrap() {
                    break error.to_string();
                }
            };
            assert_eq!(said, if abort { "the body was given up" } else { "disk" });
        }
    }
}
