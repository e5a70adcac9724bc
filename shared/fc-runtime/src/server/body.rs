//! Reading a request's body.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::peer::{Peer, Phase};
use crate::{Error, streaming};

/// Why there is no body.
#[derive(Debug)]
pub(super) enum Unread {
    TooLarge,
    Broken(hyper::Error),
}

/// Bytes of a body that are read without a [`Larges`] place: as much as an asynchronous invocation may have
/// (FC limits). As much is set aside for a body that says that it will be longer: who says so may lie.
const SMALL: usize = 256 << 10;
/// Larger bodies that are held at once before a handler takes them, at most: without a bound every
/// connection could hold one.
const LARGES: usize = 8;

/// Places for larger bodies.
pub(super) struct Larges(Semaphore);

impl Default for Larges {
    fn default() -> Self {
        Self(Semaphore::new(LARGES))
    }
}

/// All of `body`, `most` bytes at most, and its place among the larger ones when it is one: to be kept until
/// a handler takes the body.
///
/// What is beyond is read and thrown away up to as much again, so that whoever sends it comes to read
/// the answer; a body that says it is even longer is not read at all.
pub(super) async fn whole<'a>(
    mut body: Incoming,
    most: usize,
    larges: &'a Larges,
    peer: &Peer,
) -> Result<(Bytes, Option<SemaphorePermit<'a>>), Unread> {
    let told = body.size_hint();
    if told.lower() > (most as u64).saturating_mul(2) {
        return Err(Unread::TooLarge);
    }
    if told.lower() > most as u64 {
        return discard(body, most).await;
    }
    let first = loop {
        match body.frame().await {
            None => return Ok((Bytes::new(), None)),
            Some(frame) => match frame.map_err(Unread::Broken)?.into_data() {
                Ok(first) => break first,
                Err(_trailers) => {}
            },
        }
    };
    // Most events come in one piece, which is theirs without a copy.
    if body.is_end_stream() && first.len() <= most {
        return Ok((first, None));
    }
    let mut all = Vec::with_capacity(told.lower().min(SMALL as u64) as usize);
    let mut place = None;
    let mut next = Some(first);
    loop {
        if let Some(data) = next.take() {
            if data.len() > most - all.len() {
                drop(all);
                return discard(body, most).await;
            }
            if all.len() + data.len() > SMALL && place.is_none() {
                // It is not the other side that is waited for.
                peer.enter(Phase::Answering);
                // It is never closed.
                place = larges.0.acquire().await.ok();
                peer.enter(Phase::Body);
                all.reserve_exact((told.lower() as usize).saturating_sub(all.len()));
            }
            all.extend_from_slice(&data);
        }
        match body.frame().await {
            None => return Ok((all.into(), place)),
            Some(frame) => next = frame.map_err(Unread::Broken)?.into_data().ok(),
        }
    }
}

/// Reads `most` bytes at most to nowhere.
async fn discard<T>(mut body: Incoming, most: usize) -> Result<T, Unread> {
    let mut left = most;
    while let Some(frame) = body.frame().await {
        let data = frame.map_err(Unread::Broken)?.into_data().unwrap_or_default();
        match left.checked_sub(data.len()) {
            Some(rest) => left = rest,
            None => break,
        }
    }
    Err(Unread::TooLarge)
}

/// A body that a handler reads itself, watched meanwhile: a client that stops sending must not hold up
/// a handler for ever.
pub(super) struct Piecemeal {
    body: Limited<Incoming>,
    peer: Arc<Peer>,
}

impl Piecemeal {
    /// `body` of `peer`, `most` bytes at most.
    pub(super) fn new(body: Incoming, most: usize, peer: Arc<Peer>) -> Self {
        Self { body: Limited::new(body, most), peer }
    }
}

impl Body for Piecemeal {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.peer.set_owing(polled.is_pending());
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Piecemeal {
    fn drop(&mut self) {
        self.peer.set_owing(false);
    }
}

/// An answer's body that is still being made: as long as it lasts, what comes in is no new request.
pub(super) struct Streamed {
    body: streaming::Body,
    peer: Arc<Peer>,
}

impl Streamed {
    /// `body` as `peer`'s answer.
    pub(super) fn new(body: streaming::Body, peer: Arc<Peer>) -> Self {
        peer.enter(Phase::Streaming);
        Self { body, peer }
    }
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(cx).map_err(streaming::BodyError::into_inner)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        self.peer.enter(Phase::Idle);
    }
}
