//! The one type of body, whatever it is made of.

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Collected};

use super::sender::{Receiver, Sender, channel};
use crate::{Diagnostic, Error};

/// Why a body broke off; holds the error of whatever made it.
///
/// Not the boxed [`Error`] itself, so that it is an error to other error types too.
#[derive(Debug)]
pub struct BodyError(Error);

impl BodyError {
    /// Holds `error`.
    pub fn new(error: impl Into<Error>) -> Self {
        Self(error.into())
    }

    /// What it holds.
    pub fn into_inner(self) -> Error {
        self.0
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for BodyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

impl From<Error> for BodyError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<&'static str> for BodyError {
    fn from(error: &'static str) -> Self {
        Self(error.into())
    }
}

/// The body of an answer, or of a client's request.
#[derive(Default)]
pub struct Body(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    Whole(Bytes),
    Channel(Receiver),
    Other(Pin<Box<dyn http_body::Body<Data = Bytes, Error = BodyError> + Send>>),
}

impl Body {
    /// Takes any body of bytes.
    pub fn new<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Error>,
    {
        // One of ours is not wrapped again.
        let mut body = Some(body);
        if let Some(ours) = (&mut body as &mut dyn std::any::Any).downcast_mut::<Option<Self>>() {
            return ours.take().unwrap_or_default();
        }
        match body {
            Some(body) if body.is_end_stream() => Self::empty(),
            Some(body) => Self(Kind::Other(Box::pin(body.map_err(BodyError::new)))),
            None => Self::empty(),
        }
    }

    /// No bytes.
    pub fn empty() -> Self {
        Self::default()
    }

    /// A body and the sender that feeds it; [`channel`](super::channel) in another place.
    pub fn channel() -> (Sender, Self) {
        channel()
    }

    /// Reads all of it into memory.
    ///
    /// # Errors
    ///
    /// When it breaks off.
    pub async fn collect(self) -> Result<Collected<Bytes>, BodyError> {
        BodyExt::collect(self).await
    }

    /// The chunks of `stream`. An error in it cuts the connection.
    pub(crate) fn from_stream<S, D, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<D, E>> + Unpin + Send + 'static,
        D: Into<Bytes>,
        E: Into<Error>,
    {
        Self::new(Chunks(stream))
    }

    /// The end of a channel that is read.
    pub(super) fn receiver(receiver: Receiver) -> Self {
        Self(Kind::Channel(receiver))
    }

    /// Whether all of it is known now.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.0, Kind::Empty | Kind::Whole(_))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind: &dyn fmt::Debug = match &self.0 {
            Kind::Empty => &"empty",
            Kind::Whole(bytes) => bytes,
            Kind::Channel(_) => &"channel",
            Kind::Other(_) => &"body",
        };
        f.debug_tuple("Body").field(kind).finish()
    }
}

macro_rules! from_bytes {
    ($($type:ty => $bytes:expr;)*) => {$(
        impl From<$type> for Body {
            fn from(whole: $type) -> Self {
                let make: fn($type) -> Bytes = $bytes;
                Self(Kind::Whole(make(whole)))
            }
        }
    )*};
}

from_bytes! {
    Bytes => |bytes| bytes;
    Vec<u8> => Bytes::from;
    String => Bytes::from;
    &'static [u8] => Bytes::from_static;
    &'static str => Bytes::from;
    Cow<'static, [u8]> => |bytes| match bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    Cow<'static, str> => |text| match text {
        Cow::Borrowed(text) => Bytes::from(text),
        Cow::Owned(text) => text.into(),
    };
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Kind::Empty;
                Poll::Ready(Some(bytes).filter(|b| !b.is_empty()).map(|b| Ok(Frame::data(b))))
            }
            Kind::Channel(receiver) => receiver.poll_frame(cx),
            // Who reads it serves others too: a panic breaks off this body alone.
            Kind::Other(body) => match catch_unwind(AssertUnwindSafe(|| body.as_mut().poll_frame(cx))) {
                Ok(polled) => polled,
                Err(panic) => {
                    self.0 = Kind::Empty;
                    Poll::Ready(Some(Err(BodyError::new(Diagnostic::panicked(&*panic).error_message))))
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Whole(bytes) => bytes.is_empty(),
            Kind::Channel(_) => false,
            Kind::Other(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Channel(_) => SizeHint::default(),
            Kind::Other(body) => body.size_hint(),
        }
    }
}

impl Stream for Body {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let frame = ready!(http_body::Body::poll_frame(self.as_mut(), cx)?);
        // Trailers come last and are no chunk.
        Poll::Ready(frame.and_then(|frame| frame.into_data().ok()).map(Ok))
    }
}

/// A stream of anything that becomes bytes, as a body.
struct Chunks<S>(S);

impl<S, D, E> http_body::Body for Chunks<S>
where
    S: Stream<Item = Result<D, E>> + Unpin,
    D: Into<Bytes>,
    E: Into<Error>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.0).poll_next(cx).map_ok(|chunk| Frame::data(chunk.into())).map_err(BodyError::new)
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;

    use super::*;

    async fn text(body: Body) -> String {
        String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn whole_bodies_know_their_size() {
        let bodies: [Body; 7] = [
            "four".into(),
            String::from("four").into(),
            b"four".as_slice().into(),
            b"four".to_vec().into(),
            Bytes::from("four").into(),
            Cow::Borrowed("four").into(),
            Cow::<[u8]>::Owned(b"four".to_vec()).into(),
        ];
        for body in bodies {
            assert_eq!((http_body::Body::size_hint(&body).exact(), body.is_whole()), (Some(4), true));
            assert_eq!(text(body).await, "four");
        }
        assert!(Body::empty().is_end_stream() && Body::from("").is_end_stream());
        assert_eq!(format!("{:?} {:?}", Body::from("a"), Body::empty()), "Body(b\"a\") Body(\"empty\")");
    }

    #[tokio::test]
    async fn a_body_of_ours_is_not_wrapped_and_another_is_read() {
        assert!(Body::new(Body::from("same")).is_whole());
        let other = Body::new(http_body_util::Full::<Bytes>::from("other"));
        assert_eq!((http_body::Body::size_hint(&other).exact(), text(other).await.as_str()), (Some(5), "other"));
    }

    #[test]
    fn an_error_keeps_what_it_holds() {
        let error = BodyError::new("cut");
        assert_eq!(error.to_string(), "cut");
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "cut");
        assert_eq!(error.into_inner().to_string(), "cut");
    }
}
