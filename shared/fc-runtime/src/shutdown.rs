//! A last act of the process, as `lambda_runtime` offers it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::signal::unix::{SignalKind, signal};

use crate::BoxFuture;

/// What is to be done; taken by whoever does it.
type LastAct = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

static LAST_ACTS: Mutex<Vec<LastAct>> = Mutex::new(Vec::new());
/// Servers at work, which see to their own end.
static SERVING: AtomicUsize = AtomicUsize::new(0);

/// A server at work.
pub(crate) struct Serving(());

impl Serving {
    pub(crate) fn begin() -> Self {
        SERVING.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        SERVING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Does what is left to do, once.
pub(crate) async fn run_hook() {
    let acts = std::mem::take(&mut *LAST_ACTS.lock().unwrap_or_else(PoisonError::into_inner));
    for act in acts {
        act().await;
    }
}

/// Calls `shutdown_hook` before the instance stops: when FC calls `GET /pre-stop`, or at SIGTERM or
/// SIGINT, whichever comes first, and once. To be awaited before [`run`](crate::run).
///
/// A process without signals to tell it (FC documents none for custom runtimes) needs a preStop in
/// the function's `instanceLifecycleConfig`. At SIGTERM [`run`](crate::run) first ends the requests
/// that it has begun, then calls the hook and returns; SIGINT, and SIGTERM while nothing is running,
/// end the process after it.
///
/// # Panics
///
/// Outside a Tokio runtime with I/O.
pub async fn spawn_graceful_shutdown_handler<Fut>(shutdown_hook: impl FnOnce() -> Fut + Send + 'static)
where
    Fut: Future<Output = ()> + Send + 'static,
{
    let act: LastAct = Box::new(move || Box::pin(shutdown_hook()));
    LAST_ACTS.lock().unwrap_or_else(PoisonError::into_inner).push(act);
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = signals else { return };
        loop {
            tokio::select! {
                _ = interrupt.recv() => break,
                _ = terminate.recv() => {
                    if SERVING.load(Ordering::SeqCst) == 0 {
                        break;
                    }
                }
            }
        }
        run_hook().await;
        std::process::exit(0);
    });
}
