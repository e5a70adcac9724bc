//! What is known of one connection, and the list of all of them.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Context;

use futures_util::task::AtomicWaker;

/// What a connection is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Between requests, or before the first.
    Idle,
    /// A part of a request's head is there.
    Head,
    /// The head is there, the body is not.
    Body,
    /// The handler is at work.
    Answering,
    /// The handler is done; its answer is still being made, and perhaps the request's body read.
    Streaming,
}

/// One connection. Written by whoever serves it, read by whoever watches it; nothing is ordered by
/// these values, so all of them are relaxed.
#[derive(Default)]
pub(super) struct Peer {
    phase: AtomicU8,
    /// Requests so far.
    requests: AtomicU32,
    /// Reads and writes that moved something so far.
    moves: AtomicU32,
    /// A write waits for the other side.
    writing: AtomicBool,
    /// A handler waits for the rest of its request's body.
    owing: AtomicBool,
    /// The other side says nothing more: it may be gone, or wait for the rest of its answer.
    hung_up: AtomicBool,
    leaving: AtomicBool,
    waker: AtomicWaker,
}

impl Peer {
    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Idle,
            1 => Phase::Head,
            2 => Phase::Body,
            3 => Phase::Answering,
            _ => Phase::Streaming,
        }
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// A request's head is complete.
    pub(super) fn begin(&self) {
        self.enter(Phase::Body);
        // One task writes it: no need to lock the bus.
        self.requests.store(self.requests().wrapping_add(1), Ordering::Relaxed);
    }

    pub(super) fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn moved(&self) {
        self.moves.store(self.moves().wrapping_add(1), Ordering::Relaxed);
    }

    pub(super) fn moves(&self) -> u32 {
        self.moves.load(Ordering::Relaxed)
    }

    pub(super) fn set_writing(&self, writing: bool) {
        self.writing.store(writing, Ordering::Relaxed);
    }

    fn writing(&self) -> bool {
        self.writing.load(Ordering::Relaxed)
    }

    pub(super) fn set_owing(&self, owing: bool) {
        self.owing.store(owing, Ordering::Relaxed);
    }

    pub(super) fn owing(&self) -> bool {
        self.owing.load(Ordering::Relaxed)
    }

    /// It will say nothing more.
    pub(super) fn hang_up(&self) {
        self.hung_up.store(true, Ordering::Relaxed);
    }

    /// Whether the other side is waited for, in whatever way. One that hung up is gone unless it goes on
    /// taking what is sent.
    pub(super) fn is_waited_for(&self) -> bool {
        matches!(self.phase(), Phase::Head | Phase::Body)
            || self.writing()
            || self.owing()
            || self.hung_up.load(Ordering::Relaxed)
    }

    /// Asks the connection to end after the request that it is at.
    pub(super) fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Whether it was asked to; `cx` is woken when it is.
    pub(super) fn leaving(&self, cx: &Context<'_>) -> bool {
        self.waker.register(cx.waker());
        self.leaving.load(Ordering::Acquire)
    }
}

/// All connections.
#[derive(Default)]
pub(super) struct Peers(Mutex<Vec<Arc<Peer>>>);

impl Peers {
    fn with<T>(&self, what: impl FnOnce(&mut Vec<Arc<Peer>>) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A new one.
    pub(super) fn join(&self) -> Arc<Peer> {
        let peer = Arc::new(Peer::default());
        self.with(|peers| peers.push(peer.clone()));
        peer
    }

    /// One is over.
    pub(super) fn part(&self, peer: &Arc<Peer>) {
        self.with(|peers| {
            if let Some(at) = peers.iter().position(|other| Arc::ptr_eq(other, peer)) {
                peers.swap_remove(at);
            }
        });
    }

    pub(super) fn len(&self) -> usize {
        self.with(|peers| peers.len())
    }

    /// Whether any is in this phase.
    pub(super) fn any(&self, phase: Phase) -> bool {
        self.with(|peers| peers.iter().any(|peer| peer.phase() == phase))
    }

    /// Asks all of them to leave.
    pub(super) fn dismiss(&self) {
        self.with(|peers| peers.iter().for_each(|peer| peer.leave()));
    }

    /// Asks one that has nothing to do to leave: rather one that never sent a request. While there are
    /// such strangers in the middle of one, it waits for them; they are answered or cut off soon.
    pub(super) fn shed(&self) {
        self.with(|peers| {
            let strangers = peers.iter().any(|peer| peer.requests() == 0);
            let mut idle = peers.iter().filter(|peer| peer.phase() == Phase::Idle && !peer.is_waited_for());
            if let Some(peer) = idle.find(|peer| !strangers || peer.requests() == 0) {
                peer.leave();
            }
        });
    }
}
