//! Which job is next: by due time, and of the jobs that occupy the same instance or disk only one
//! at a time.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::model::Job;

/// Who carries a job out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Workers that make the machine do things; these take time.
    Machine,
    /// The one thread that asks agents.
    Poll,
}

#[derive(Default)]
struct Inner {
    machine: BTreeMap<(i64, u64), Job>,
    poll: BTreeMap<(i64, u64), Job>,
    /// Instances and disks that a machine job is working on now.
    busy: HashSet<String>,
    events: bool,
    stopped: bool,
}

impl Inner {
    fn lane(&mut self, lane: Lane) -> &mut BTreeMap<(i64, u64), Job> {
        match lane {
            Lane::Machine => &mut self.machine,
            Lane::Poll => &mut self.poll,
        }
    }

    /// The first job of `lane` whose instance or disk is free.
    fn first_free(&self, lane: Lane) -> Option<(i64, u64)> {
        let jobs = match lane {
            Lane::Machine => &self.machine,
            Lane::Poll => &self.poll,
        };
        jobs.iter().find(|(_, job)| !self.busy.contains(&job.key)).map(|(at, _)| *at)
    }
}

/// The jobs that wait. Of the waiting threads one is woken per change, and whoever takes a job wakes
/// the next: polling a thousand commands must not wake a dozen workers ten thousand times a second.
#[derive(Default)]
pub struct Queue {
    inner: Mutex<Inner>,
    machine: Condvar,
    poll: Condvar,
    events: Condvar,
    stopped: Condvar,
}

/// A job in someone's hands; dropping it frees what a machine job occupied.
pub struct Taken<'a> {
    queue: &'a Queue,
    occupies: Option<String>,
    /// The job.
    pub job: Job,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some(key) = &self.occupies {
            self.queue.lock().busy.remove(key);
            self.queue.machine.notify_one();
            self.queue.poll.notify_one();
        }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiters(&self, lane: Lane) -> &Condvar {
        match lane {
            Lane::Machine => &self.machine,
            Lane::Poll => &self.poll,
        }
    }

    /// Adds a job.
    pub fn push(&self, job: Job) {
        let lane = if job.work.is_polled() { Lane::Poll } else { Lane::Machine };
        self.lock().lane(lane).insert((job.due, job.seq), job);
        self.waiters(lane).notify_one();
    }

    /// There are events to publish.
    pub fn announce_events(&self) {
        self.lock().events = true;
        self.events.notify_one();
    }

    /// The next job of `lane` that is due at `now`.
    pub fn take(&self, lane: Lane, now: i64) -> Option<Taken<'_>> {
        self.take_locked(&mut self.lock(), lane, now)
    }

    // While a machine job works on an instance (it may be frozen), its agent is not asked: it would
    // hold up the answers of all the others.
    fn take_locked(&self, inner: &mut Inner, lane: Lane, now: i64) -> Option<Taken<'_>> {
        let at = inner.first_free(lane).filter(|(due, _)| *due <= now)?;
        let job = inner.lane(lane).remove(&at)?;
        let occupies = (lane == Lane::Machine).then(|| job.key.clone());
        inner.busy.extend(occupies.clone());
        Some(Taken { queue: self, occupies, job })
    }

    /// Waits for the next job of `lane`; None when the queue was stopped.
    pub fn wait(&self, lane: Lane, now: impl Fn() -> i64) -> Option<Taken<'_>> {
        let mut inner = self.lock();
        loop {
            if inner.stopped {
                return None;
            }
            if let Some(taken) = self.take_locked(&mut inner, lane, now()) {
                self.waiters(lane).notify_one();
                return Some(taken);
            }
            let pause = inner.first_free(lane).map(|(due, _)| Duration::from_millis((due - now()).max(1) as u64));
            inner = sleep(self.waiters(lane), inner, pause);
        }
    }

    /// Waits until there are events to publish; false when the queue was stopped.
    pub fn wait_for_events(&self) -> bool {
        let mut inner = self.lock();
        while !inner.events && !inner.stopped {
            inner = sleep(&self.events, inner, None);
        }
        inner.events = false;
        !inner.stopped
    }

    /// Waits `pause`; false when the queue was stopped.
    pub fn pause(&self, pause: Duration) -> bool {
        let inner = self.lock();
        let waited = self.stopped.wait_timeout_while(inner, pause, |inner| !inner.stopped);
        !waited.unwrap_or_else(PoisonError::into_inner).0.stopped
    }

    /// When the next job is due, epoch milliseconds.
    pub fn next_due(&self) -> Option<i64> {
        let inner = self.lock();
        let next = [inner.first_free(Lane::Machine), inner.first_free(Lane::Poll)];
        next.into_iter().flatten().map(|(due, _)| due).min()
    }

    /// Every waiter returns.
    pub fn stop(&self) {
        self.lock().stopped = true;
        for waiters in [&self.machine, &self.poll, &self.events, &self.stopped] {
            waiters.notify_all();
        }
    }
}

fn sleep<'a>(waiters: &Condvar, inner: MutexGuard<'a, Inner>, pause: Option<Duration>) -> MutexGuard<'a, Inner> {
    match pause {
        None => waiters.wait(inner).unwrap_or_else(PoisonError::into_inner),
        Some(pause) => waiters.wait_timeout(inner, pause).unwrap_or_else(PoisonError::into_inner).0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::Work;
    use super::*;

    fn job(seq: u64, key: &str, due: i64, polled: bool) -> Job {
        let instance_id = key.to_owned();
        let work = if polled { Work::FirstHeartbeat { instance_id } } else { Work::Start { instance_id } };
        Job { seq, key: key.to_owned(), due, not_before: 0, outcome: None, work, tries: 0 }
    }

    #[test]
    fn one_machine_job_at_a_time_works_on_an_instance() {
        let queue = Queue::default();
        for (seq, key) in [(1, "i-1"), (2, "i-1"), (3, "i-2")] {
            queue.push(job(seq, key, 0, false));
        }
        queue.push(job(4, "i-1", 0, true));
        let first = queue.take(Lane::Machine, 0).unwrap();
        let other = queue.take(Lane::Machine, 0).unwrap();
        assert_eq!((first.job.seq, other.job.seq), (1, 3));
        assert!(queue.take(Lane::Machine, 0).is_none());
        assert!(queue.take(Lane::Poll, 0).is_none(), "its agent is not asked meanwhile");
        drop(first);
        assert_eq!(queue.take(Lane::Machine, 0).unwrap().job.seq, 2);
        assert_eq!(queue.take(Lane::Poll, 0).unwrap().job.seq, 4);
    }

    #[test]
    fn nothing_is_taken_before_it_is_due() {
        let queue = Queue::default();
        queue.push(job(1, "i-1", 20, false));
        queue.push(job(2, "i-2", 10, false));
        assert_eq!(queue.next_due(), Some(10));
        assert!(queue.take(Lane::Machine, 9).is_none());
        assert_eq!(queue.take(Lane::Machine, 30).unwrap().job.seq, 2);
    }

    #[test]
    fn a_stopped_queue_lets_every_waiter_go() {
        let queue = Queue::default();
        std::thread::scope(|scope| {
            let job = scope.spawn(|| queue.wait(Lane::Machine, || 0).is_none());
            let events = scope.spawn(|| !queue.wait_for_events());
            let pause = scope.spawn(|| !queue.pause(Duration::from_secs(600)));
            queue.stop();
            assert!(job.join().unwrap() && events.join().unwrap() && pause.join().unwrap());
        });
    }
}
