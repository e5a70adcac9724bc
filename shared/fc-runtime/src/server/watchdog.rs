//! Ends connections whose other side is too slow.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::peer::{Peer, Phase};
use crate::Limits;

/// Looks at a connection from time to time, and only while there is something to wait for: requests
/// that come and go at once never start a timer.
pub(super) struct Watchdog {
    head: Duration,
    body: Duration,
    stall: Duration,
    tick: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    asleep: bool,
    seen: (Phase, u32),
    moves: u32,
    /// Time in this phase of this request.
    same: Duration,
    /// Time in it for which the handler waited for its request's body.
    owed: Duration,
    /// Time without a byte.
    quiet: Duration,
}

impl Watchdog {
    pub(super) fn new(limits: &Limits) -> Self {
        let (head, body, stall) = (limits.head_timeout, limits.body_timeout, limits.stall_timeout);
        // What is noticed between two looks counts as noticed late, never as early.
        let tick = (head.min(body).min(stall) / 4).clamp(Duration::from_millis(1), Duration::from_secs(3600));
        Self {
            head,
            body,
            stall,
            tick,
            sleep: None,
            asleep: false,
            seen: (Phase::Idle, 0),
            moves: 0,
            same: Duration::ZERO,
            owed: Duration::ZERO,
            quiet: Duration::ZERO,
        }
    }

    /// Ready when the connection is to be ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, peer: &Peer) -> Poll<()> {
        loop {
            let phase = peer.phase();
            if !self.asleep {
                if phase == Phase::Idle && !peer.is_waited_for() {
                    return Poll::Pending;
                }
                self.look(peer, Duration::ZERO);
                self.sleep_again();
            }
            if let Some(sleep) = &mut self.sleep {
                ready!(sleep.as_mut().poll(cx));
            }
            self.asleep = false;
            self.look(peer, self.tick);
            let waited_for = peer.is_waited_for();
            let over = match phase {
                Phase::Head => self.same >= self.head,
                Phase::Body => self.same >= self.body,
                Phase::Answering => self.owed >= self.body,
                Phase::Idle | Phase::Streaming => false,
            };
            if over || (waited_for && self.quiet >= self.stall) {
                return Poll::Ready(());
            }
            if phase != Phase::Idle || waited_for {
                self.sleep_again();
            }
        }
    }

    /// Notes what it sees, `passed` after it looked last.
    fn look(&mut self, peer: &Peer, passed: Duration) {
        let seen = (peer.phase(), peer.requests());
        if seen == self.seen {
            self.same += passed;
            self.owed += if peer.owing() { passed } else { Duration::ZERO };
        } else {
            (self.same, self.owed) = (Duration::ZERO, Duration::ZERO);
        }
        self.quiet = if peer.moves() == self.moves { self.quiet + passed } else { Duration::ZERO };
        (self.seen, self.moves) = (seen, peer.moves());
    }

    fn sleep_again(&mut self) {
        let until = Instant::now() + self.tick;
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(until),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(until))),
        }
        self.asleep = true;
    }
}
