//! A connection's socket, which notes what moves.

use std::io::{IoSlice, Result};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use super::peer::{Peer, Phase};

/// A stream of `peer`.
pub(super) struct Socket<'a> {
    pub(super) stream: TcpStream,
    pub(super) peer: &'a Peer,
}

impl Socket<'_> {
    /// Whether the other side has hung up, as far as the system has told; nobody is woken when it does.
    fn is_read_closed(&self) -> bool {
        let ready = pin!(self.stream.ready(Interest::READABLE));
        match ready.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(ready)) => ready.is_read_closed(),
            _ => false,
        }
    }

    fn wrote(&self, outcome: Poll<Result<usize>>) -> Poll<Result<usize>> {
        self.peer.set_writing(outcome.is_pending());
        if matches!(outcome, Poll::Ready(Ok(1..))) {
            self.peer.moved();
        }
        outcome
    }
}

impl AsyncRead for Socket<'_> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let before = buf.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.peer.moved();
            if self.peer.phase() == Phase::Idle {
                self.peer.enter(Phase::Head);
            }
        }
        outcome
    }
}

impl AsyncWrite for Socket<'_> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.wrote(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        // hyper does not read meanwhile, so it would not see it.
        if self.peer.phase() == Phase::Streaming && self.is_read_closed() {
            self.peer.hang_up();
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
