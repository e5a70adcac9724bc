//! The HTTP side: connections, the kinds of request, and how an answer is told to FC.

mod address;
mod body;
mod connection;
mod dispatch;
mod log;
mod peer;
mod socket;
mod tell;
mod watchdog;

use std::future::poll_fn;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::task::AbortHandle;
use tower::Service;

use log::Log;
use peer::{Peer, Peers, Phase};

use crate::hooks::Hooks;
use crate::http_trigger::Mount;
use crate::runtime::LambdaInvocation;
use crate::{Config, Diagnostic, Error, Limits};

/// How long answers may still be written after SIGTERM: enough for 32 MB over a slow link, short
/// enough that a client that never reads does not keep the process.
const LAST_WRITES: Duration = Duration::from_secs(5);
/// How long streamed answers may go on after SIGTERM: they may have no end.
const LAST_STREAMS: Duration = Duration::from_secs(60);
/// Rest after a failed accept (out of file descriptors), and between two looks for a connection that
/// can go, so that neither spins.
const ACCEPT_REST: Duration = Duration::from_millis(10);

/// What a runtime calls.
#[derive(Clone)]
pub(crate) struct Handlers<S, H> {
    pub(crate) events: S,
    pub(crate) http: H,
}

/// What every connection needs.
pub(crate) struct Shared {
    config: Arc<Config>,
    limits: Limits,
    hooks: Hooks,
    log: Arc<Log>,
    peers: Peers,
    /// A connection is over.
    room: Notify,
    /// Places for handlers at work; none where they take turns anyway.
    places: Option<Semaphore>,
    larges: body::Larges,
    /// Ends the server, when a service fails for good.
    fatal: Option<(Mutex<Option<Error>>, Notify)>,
}

impl Shared {
    /// Waits until one more handler may work.
    async fn place(&self) -> Option<SemaphorePermit<'_>> {
        match &self.places {
            // Mostly there is one, and nobody has to be put into a queue. It is never closed.
            Some(places) => match places.try_acquire() {
                Ok(place) => Some(place),
                Err(_) => places.acquire().await.ok(),
            },
            None => None,
        }
    }

    /// What becomes of an invocation whose handler is not ready.
    fn unready(&self, error: Error) -> Diagnostic {
        tracing::error!(%error, "the handler is not ready");
        let diagnostic = Diagnostic::new("NotReady", error.to_string());
        if let Some((place, told)) = &self.fatal {
            place.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            told.notify_one();
        }
        diagnostic
    }
}

/// The listening socket.
pub(crate) struct Server {
    listener: tokio::net::TcpListener,
    terminate: Signal,
    shared: Arc<Shared>,
    /// A connection for which there is no room yet.
    waiting: Option<TcpStream>,
    /// Writes what is left over of the log.
    flushing: AbortOnDrop,
    #[cfg(feature = "graceful-shutdown")]
    serving: crate::shutdown::Serving,
}

/// How a server calls its handlers.
pub(crate) enum Calls {
    /// One at a time; one that is not ready ends the server.
    InTurn,
    /// Each on a task of its own; one that is not ready fails its invocation.
    AtOnce,
}

impl Server {
    /// Accepts from now on, on `listener` or where the environment says. Needs a Tokio runtime with
    /// I/O and time around it.
    pub(crate) fn start(
        listener: Option<TcpListener>,
        limits: Limits,
        hooks: Hooks,
        calls: Calls,
    ) -> Result<Self, Error> {
        let listener = match listener {
            Some(listener) => listener,
            None => address::bind(|name| std::env::var(name).ok())?,
        };
        listener.set_nonblocking(true)?;
        let (places, fatal) = match calls {
            Calls::InTurn => (None, Some(Default::default())),
            Calls::AtOnce => (Some(Semaphore::new(limits.concurrency.clamp(1, Semaphore::MAX_PERMITS))), None),
        };
        let shared = Shared {
            config: Arc::new(Config::from_env()),
            limits,
            hooks,
            log: Arc::default(),
            peers: Peers::default(),
            room: Notify::new(),
            places,
            larges: body::Larges::default(),
            fatal,
        };
        let log = shared.log.clone();
        let flushing = tokio::spawn(async move {
            loop {
                log.flush_left_over().await;
            }
        });
        Ok(Self {
            listener: tokio::net::TcpListener::from_std(listener)?,
            terminate: signal(SignalKind::terminate())?,
            shared: Arc::new(shared),
            waiting: None,
            flushing: AbortOnDrop(flushing.abort_handle()),
            #[cfg(feature = "graceful-shutdown")]
            serving: crate::shutdown::Serving::begin(),
        })
    }

    /// The next connection; none when no more are to come. Loses nothing when it is dropped.
    pub(crate) async fn accept(&mut self) -> Result<Option<Guest>, Error> {
        loop {
            let shared = &*self.shared;
            let waiting = &mut self.waiting;
            let listener = &self.listener;
            let seated = async {
                if waiting.is_none() {
                    match listener.accept().await {
                        Ok((stream, _)) => *waiting = Some(stream),
                        Err(error) => {
                            tracing::warn!(%error, "accept");
                            tokio::time::sleep(ACCEPT_REST).await;
                        }
                    }
                }
                if waiting.is_some() && shared.peers.len() >= shared.limits.connections.max(1) {
                    shared.peers.shed();
                    // Room or not, it looks again.
                    let _ = tokio::time::timeout(ACCEPT_REST, shared.room.notified()).await;
                    return None;
                }
                waiting.take()
            };
            let fatal = async {
                match &shared.fatal {
                    Some((place, told)) => {
                        told.notified().await;
                        place.lock().unwrap_or_else(PoisonError::into_inner).take()
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                seated = seated => {
                    if let Some(stream) = seated {
                        let peer = self.shared.peers.join();
                        return Ok(Some(Guest { stream, seat: Seat { shared: self.shared.clone(), peer } }));
                    }
                }
                error = fatal => {
                    if let Some(error) = error {
                        return Err(error);
                    }
                }
                _ = self.terminate.recv() => {
                    tracing::info!("SIGTERM received");
                    return Ok(None);
                }
            }
        }
    }

    /// Accepts nothing any more and waits, through `next`, until every connection is over: until
    /// every handler at work has ended, for [`LAST_STREAMS`] while answers stream, and then for
    /// [`LAST_WRITES`] at most.
    pub(crate) async fn finish(self, mut next: impl FnMut(&mut Context<'_>) -> Poll<Option<()>>) {
        let Self {
            listener,
            shared,
            flushing,
            #[cfg(feature = "graceful-shutdown")]
            serving,
            ..
        } = self;
        drop(listener);
        shared.peers.dismiss();
        let begun = Instant::now();
        loop {
            match tokio::time::timeout(LAST_WRITES, poll_fn(&mut next)).await {
                Ok(Some(())) => {}
                Ok(None) => break,
                Err(_) if goes_on(&shared.peers, begun.elapsed()) => {}
                Err(_) => break,
            }
        }
        drop(flushing);
        shared.log.flush();
        #[cfg(feature = "graceful-shutdown")]
        {
            crate::shutdown::run_hook().await;
            drop(serving);
        }
    }
}

/// Whether there is something to wait for, so long after SIGTERM.
fn goes_on(peers: &Peers, since: Duration) -> bool {
    peers.any(Phase::Answering) || (since < LAST_STREAMS && peers.any(Phase::Streaming))
}

/// A task that ends with its owner.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A connection that is not served yet.
pub(crate) struct Guest {
    stream: TcpStream,
    seat: Seat,
}

/// A connection's place in the list; free again when this is dropped.
struct Seat {
    shared: Arc<Shared>,
    peer: Arc<Peer>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.peers.part(&self.peer);
        self.shared.room.notify_one();
    }
}

/// Everything that the requests of one connection are answered with.
struct Desk<S, H> {
    seat: Seat,
    handlers: Arc<tokio::sync::Mutex<Handlers<S, H>>>,
}

impl Guest {
    /// Serves it to its end.
    pub(crate) async fn serve<S, H>(self, handlers: Arc<tokio::sync::Mutex<Handlers<S, H>>>)
    where
        S: Service<LambdaInvocation, Response = (), Error = Error>,
        H: Mount,
    {
        let Self { stream, seat } = self;
        let (shared, peer) = (seat.shared.clone(), seat.peer.clone());
        let desk = Arc::new(Desk { seat, handlers });
        let answer = move |request| dispatch::answer(desk.clone(), request);
        connection::serve(stream, &peer, &shared.limits, answer).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers_end_and_streams_have_their_time() {
        let peers = Peers::default();
        let peer = peers.join();
        assert!(!goes_on(&peers, Duration::ZERO));
        peer.enter(Phase::Streaming);
        assert!(goes_on(&peers, LAST_WRITES) && !goes_on(&peers, LAST_STREAMS));
        peer.enter(Phase::Answering);
        assert!(goes_on(&peers, LAST_STREAMS));
        peers.part(&peer);
        assert!(!goes_on(&peers, Duration::ZERO));
    }
}
