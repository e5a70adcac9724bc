//! Group commit: whoever commits while another commit is on its way to the disk joins the next group, and
//! one write and one fsync answer for all of it.
//!
//! The first to join a group leads it: it waits for its turn, closes the group, writes it, and tells the
//! others. So a lone writer pays nothing (no other thread takes part), and no thread has to be kept for this.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};

/// What became of a group, told to each of its members.
pub type Outcome = Result<(), Arc<str>>;

/// Commits of `W`, in groups.
pub struct Groups<W> {
    /// The group that may still be joined.
    open: Mutex<Group<W>>,
    /// Held by the leader that writes.
    turn: Mutex<()>,
}

struct Group<W> {
    writes: Vec<W>,
    /// Members that wait, without the leader.
    waiting: Vec<Thread>,
    outcome: Arc<OnceLock<Outcome>>,
}

impl<W> Default for Group<W> {
    fn default() -> Self {
        Self { writes: Vec::new(), waiting: Vec::new(), outcome: Arc::default() }
    }
}

impl<W> Default for Groups<W> {
    fn default() -> Self {
        Self { open: Mutex::default(), turn: Mutex::default() }
    }
}

impl<W> Groups<W> {
    /// Commits `writes` together with those of others, in the order in which they joined; blocks until it is
    /// known what became of them. `write` writes one group, all of it or nothing.
    pub fn commit(&self, mut writes: Vec<W>, write: impl FnOnce(Vec<W>) -> Outcome) -> Outcome {
        let mut open = lock(&self.open);
        if writes.is_empty() {
            return Ok(());
        }
        let leads = open.writes.is_empty();
        open.writes.append(&mut writes);
        if leads {
            drop(open);
            return self.lead(write);
        }
        open.waiting.push(thread::current());
        let outcome = Arc::clone(&open.outcome);
        drop(open);
        loop {
            if let Some(outcome) = outcome.get() {
                return outcome.clone();
            }
            thread::park();
        }
    }

    fn lead(&self, write: impl FnOnce(Vec<W>) -> Outcome) -> Outcome {
        let turn = lock(&self.turn);
        let Group { writes, waiting, outcome } = mem::take(&mut *lock(&self.open));
        // Tells the others also when `write` panics: nobody waits for ever.
        let mut told = Told { waiting, outcome, what: Err("the commit panicked".into()) };
        told.what = write(writes);
        // The next group goes to the disk while the members of this one wake up.
        drop(turn);
        told.what.clone()
    }
}

struct Told {
    waiting: Vec<Thread>,
    outcome: Arc<OnceLock<Outcome>>,
    what: Outcome,
}

impl Drop for Told {
    fn drop(&mut self) {
        // Set once: only the leader has it.
        let _ = self.outcome.set(self.what.clone());
        for member in &self.waiting {
            member.unpark();
        }
    }
}

/// A panic elsewhere leaves nothing half done under these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Barrier;

    use super::*;

    /// Waits until `count` writes are in the group that may be joined.
    fn joined(groups: &Groups<u32>, count: usize) {
        while lock(&groups.open).writes.len() < count {
            thread::yield_now();
        }
    }

    /// While the first commit stands in `write`, three more join; what `last` does with their group.
    fn behind_another(last: fn(Vec<u32>) -> Outcome) -> (Vec<Vec<u32>>, Vec<thread::Result<Outcome>>) {
        let (groups, written) = (Groups::default(), Mutex::new(Vec::new()));
        let step = Barrier::new(2);
        let members = thread::scope(|scope| {
            let first = scope.spawn(|| {
                groups.commit(vec![0], |writes| {
                    step.wait();
                    step.wait();
                    lock(&written).push(writes);
                    Ok(())
                })
            });
            step.wait();
            let mut members = Vec::new();
            for number in 1..=3 {
                let (groups, written) = (&groups, &written);
                members.push(scope.spawn(move || {
                    catch_unwind(AssertUnwindSafe(|| {
                        groups.commit(vec![number], |writes| {
                            lock(written).push(writes.clone());
                            last(writes)
                        })
                    }))
                }));
                joined(groups, number as usize);
            }
            step.wait();
            assert_eq!(first.join().unwrap(), Ok(()));
            members.into_iter().map(|member| member.join().unwrap()).collect()
        });
        (written.into_inner().unwrap(), members)
    }

    #[test]
    fn who_comes_meanwhile_shares_one_write_in_order() {
        let (written, members) = behind_another(|_| Ok(()));
        assert_eq!(written, [vec![0], vec![1, 2, 3]]);
        assert!(members.into_iter().all(|member| member.unwrap() == Ok(())));
    }

    #[test]
    fn a_failure_is_everyones_in_the_group_and_nobody_elses() {
        let (_, members) = behind_another(|_| Err("no space".into()));
        assert!(members.into_iter().all(|member| member.unwrap() == Err("no space".into())));
    }

    #[test]
    fn a_panic_of_the_leader_leaves_nobody_waiting() {
        let (_, members) = behind_another(|_| panic!("in the middle"));
        let mut members = members.into_iter();
        assert!(members.next().unwrap().is_err(), "the leader's own");
        assert!(members.all(|member| member.unwrap() == Err("the commit panicked".into())));
    }

    #[test]
    fn a_lone_writer_waits_for_nobody_and_nothing_is_no_commit() {
        let groups = Groups::default();
        assert_eq!(
            groups.commit(vec![1], |writes| writes.is_empty().then_some(()).ok_or("one".into())),
            Err("one".into())
        );
        assert_eq!(groups.commit(Vec::<i32>::new(), |_| Err("nothing to write".into())), Ok(()));
    }
}
