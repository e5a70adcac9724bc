//! The processes of one function: reused while they live, more of them while they are busy.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, OnceCell, OwnedSemaphorePermit, Semaphore};

use super::ProcessInfo;
use super::process::Process;
use super::s_yaml::Function;

/// A function with its processes.
pub(super) struct Pool {
    pub(super) function: Function,
    /// As many as there may be requests at once: what comes beyond waits here, in order.
    permits: Arc<Semaphore>,
    entries: Mutex<Vec<Entry>>,
    /// Told of every lease that ends.
    returned: Notify,
}

/// A place for a process. Requests that find it still starting wait for the same start.
#[derive(Default)]
struct Slot {
    process: OnceCell<Process>,
}

struct Entry {
    slot: Arc<Slot>,
    /// Ids of the requests that it works on.
    requests: Vec<String>,
    idle_since: Instant,
}

impl Entry {
    fn is_gone(&self) -> bool {
        self.slot.process.get().is_some_and(|process| !process.is_alive())
    }
}

/// The right to send one request to one process; given back when dropped.
pub(super) struct Lease {
    pool: Arc<Pool>,
    slot: Arc<Slot>,
    request_id: String,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    /// A pool of at most `max_processes`; none is started yet.
    pub(super) fn new(function: Function, max_processes: usize) -> Self {
        let permits = Arc::new(Semaphore::new(max_processes * function.concurrency as usize));
        Self { function, permits, entries: Mutex::default(), returned: Notify::new() }
    }

    /// Waits for a free place: in the process used last, so that others may become idle, or in a
    /// new one. None after [`Pool::close`].
    pub(super) async fn lease(self: &Arc<Self>, request_id: &str) -> Option<Lease> {
        let permit = self.permits.clone().acquire_owned().await.ok()?;
        let mut entries = self.entries();
        entries.retain(|entry| !entry.is_gone());
        let limit = self.function.concurrency as usize;
        let free =
            (0..entries.len()).filter(|i| entries[*i].requests.len() < limit).max_by_key(|i| entries[*i].idle_since);
        let index = free.unwrap_or_else(|| {
            entries.push(Entry { slot: Arc::default(), requests: Vec::new(), idle_since: Instant::now() });
            entries.len() - 1
        });
        entries[index].requests.push(request_id.to_owned());
        let slot = entries[index].slot.clone();
        Some(Lease { pool: self.clone(), slot, request_id: request_id.to_owned(), _permit: permit })
    }

    /// Kills the processes that have had nothing to do for `idle`.
    pub(super) fn stop_idle(&self, idle: Duration) {
        self.entries().retain(|entry| {
            let keep = !entry.requests.is_empty() || entry.idle_since.elapsed() < idle;
            // Removed under the lock: no request can be given to it any more.
            if !keep && let Some(process) = entry.slot.process.get() {
                process.kill();
            }
            keep && !entry.is_gone()
        });
    }

    /// Kills every process and lets nobody in any more; done when all are gone and all leases ended.
    /// A start under way is for its lease holder to give up.
    pub(super) async fn close(&self) {
        self.permits.close();
        loop {
            let slots: Vec<_> = self.entries().iter().map(|entry| entry.slot.clone()).collect();
            for slot in slots {
                if let Some(process) = slot.process.get() {
                    process.end().await;
                }
            }
            if self.entries().iter().all(|entry| entry.requests.is_empty()) {
                return;
            }
            self.returned.notified().await;
        }
    }

    /// Kills the process of `instance`; whether there is one.
    pub(super) fn kill(&self, instance: &str) -> bool {
        let entries = self.entries();
        let found =
            entries.iter().filter_map(|entry| entry.slot.process.get()).find(|process| process.instance == instance);
        found.inspect(|process| process.kill()).is_some()
    }

    /// The processes that run now.
    pub(super) fn processes(&self) -> Vec<ProcessInfo> {
        let entries = self.entries();
        let running = entries.iter().filter(|entry| !entry.is_gone());
        running
            .filter_map(|entry| {
                let process = entry.slot.process.get()?;
                Some(ProcessInfo {
                    function: self.function.name.clone(),
                    pid: process.pid,
                    instance: process.instance.clone(),
                    busy_request: entry.requests.first().cloned(),
                })
            })
            .collect()
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// The process, started with `start` if nobody did so before.
    pub(super) async fn process<E>(&self, start: impl Future<Output = Result<Process, E>>) -> Result<&Process, E> {
        self.slot.process.get_or_try_init(|| start).await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut entries = self.pool.entries();
        if let Some(entry) = entries.iter_mut().find(|entry| Arc::ptr_eq(&entry.slot, &self.slot)) {
            entry.idle_since = Instant::now();
            if let Some(index) = entry.requests.iter().position(|id| *id == self.request_id) {
                entry.requests.swap_remove(index);
            }
        }
        // A place whose start failed is of no use to keep, nor is one whose process is gone.
        entries.retain(|entry| !entry.requests.is_empty() || (entry.slot.process.initialized() && !entry.is_gone()));
        drop(entries);
        self.pool.returned.notify_one();
    }
}
