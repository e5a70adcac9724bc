//! Bodies that are sent while they are made.
//!
//! FC streams the answers of HTTP triggers; the answer of an event is collected first, by FC as by
//! this crate (FC docs, web functions).

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;

use crate::Error;
pub use crate::response::StreamResponse as Response;

/// How many chunks a [`Sender`] may be ahead of the connection.
const CHUNKS_AHEAD: usize = 16;

/// The body of an answer.
#[derive(Default)]
pub struct Body(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    Whole(Bytes),
    Channel(mpsc::Receiver<Result<Bytes, Error>>),
    Stream(Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>),
}

/// Feeds the [`Body`] made with it.
pub struct Sender(mpsc::Sender<Result<Bytes, Error>>);

/// A body and the sender that feeds it. The body ends when the sender is dropped.
pub fn channel() -> (Sender, Body) {
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
    (Sender(sender), Body(Kind::Channel(receiver)))
}

impl Sender {
    /// Sends a chunk; waits while the connection is 16 chunks behind.
    ///
    /// # Errors
    ///
    /// When nobody reads the body any more.
    pub async fn send_data(&mut self, chunk: Bytes) -> Result<(), Error> {
        self.0.send(Ok(chunk)).await.map_err(|_| "the body is not read any more".into())
    }

    /// Sends a chunk if there is room, or hands it back.
    pub fn try_send_data(&mut self, chunk: Bytes) -> Result<(), Bytes> {
        self.0.try_send(Ok(chunk)).map_err(|refused| match refused.into_inner() {
            Ok(chunk) => chunk,
            // What was handed in is a chunk.
            Err(_) => Bytes::new(),
        })
    }

    /// Ends the body as broken: the connection is cut, so the reader sees that the end is missing.
    pub async fn send_error(self, error: Error) {
        // Fails only when nobody reads the body any more, and then nobody needs to know.
        let _ = self.0.send(Err(error)).await;
    }
}

impl Body {
    /// No bytes.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The chunks of `stream`. An error in it cuts the connection.
    pub(crate) fn from_stream<S, D, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<D, E>> + Unpin + Send + 'static,
        D: Into<Bytes>,
        E: Into<Error>,
    {
        Self(Kind::Stream(Box::pin(Erased(stream))))
    }

    /// Whether all of it is known now.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.0, Kind::Empty | Kind::Whole(_))
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self(Kind::Whole(bytes.into()))
    }
}

impl Stream for Body {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Kind::Empty;
                Poll::Ready(Some(bytes).filter(|b| !b.is_empty()).map(Ok))
            }
            Kind::Channel(chunks) => chunks.poll_recv(cx),
            Kind::Stream(chunks) => chunks.as_mut().poll_next(cx),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.poll_next(cx).map_ok(Frame::data)
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Whole(bytes) => bytes.is_empty(),
            Kind::Channel(_) | Kind::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Channel(_) | Kind::Stream(_) => SizeHint::default(),
        }
    }
}

/// A stream of anything that becomes bytes, as a stream of bytes.
struct Erased<S>(S);

impl<S, D, E> Stream for Erased<S>
where
    S: Stream<Item = Result<D, E>> + Unpin,
    D: Into<Bytes>,
    E: Into<Error>,
{
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(cx).map_ok(Into::into).map_err(Into::into)
    }
}
