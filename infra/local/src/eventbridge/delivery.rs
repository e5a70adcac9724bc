//! Deliveries: stored until Function Compute took them, or for good among the dead letters.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Clock, Rule};
use crate::seams::{Invoker, ServiceError};
use crate::store::{Space, Store};

/// Deliveries that are forgotten in one commit. A kill before it delivers them once more.
const MOST_AT_ONCE: usize = 32;
/// How long after a failure of the store it is tried again.
const STORE_RETRY: Duration = Duration::from_secs(1);
/// How long the thread sleeps at most; also how late it notices that the clock was set.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// One event on its way to one function. The rule is kept as it was when the event matched.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Delivery {
    rule: Rule,
    event: Value,
    /// How often it was refused.
    refused: u32,
    /// When the event came, epoch milliseconds.
    taken: i64,
    /// When it is to be tried, epoch milliseconds.
    due: i64,
}

impl Delivery {
    /// When what was just refused is to be tried again; None when it is not.
    fn next_try(&self, now: i64) -> Option<i64> {
        let next = now + self.rule.retry.wait_ms(self.refused);
        let too_old = self.rule.max_age_secs.is_some_and(|secs| next - self.taken > secs as i64 * 1000);
        (self.refused < self.rule.max_retries && !too_old).then_some(next)
    }
}

/// An event that could not be delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Name of the rule.
    pub rule: String,
    /// The queue that the rule names.
    pub queue: String,
    /// The event.
    pub event: Value,
    /// What Function Compute said last.
    pub error: String,
    /// Epoch milliseconds.
    pub at: i64,
}

/// The deliveries under way.
pub(super) struct Deliveries {
    store: Store,
    pending: Space,
    dead: Space,
    invoker: Arc<dyn Invoker>,
    next: AtomicU64,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    /// When, and which. Equal times go by age.
    due: BTreeSet<(i64, String)>,
    stopped: bool,
}

impl Deliveries {
    pub fn open(store: Store, invoker: Arc<dyn Invoker>) -> Result<Self, ServiceError> {
        let pending = store.space("eb-deliveries")?;
        let dead = store.space("eb-dead-letters")?;
        let mut waiting = Waiting::default();
        let mut last = 0;
        for (key, value) in pending.scan_bytes("")? {
            let key = String::from_utf8(key).map_err(ServiceError::internal)?;
            let delivery: Delivery = serde_json::from_slice(&value).map_err(ServiceError::internal)?;
            last = last.max(key.parse().map_err(ServiceError::internal)?);
            waiting.due.insert((delivery.due, key));
        }
        // Dead letters keep the number that they had.
        for (key, _) in dead.scan_bytes("")? {
            let key = String::from_utf8(key).map_err(ServiceError::internal)?;
            last = last.max(key.parse().map_err(ServiceError::internal)?);
        }
        Ok(Self {
            store,
            pending,
            dead,
            invoker,
            next: AtomicU64::new(last + 1),
            waiting: Mutex::new(waiting),
            changed: Condvar::new(),
        })
    }

    /// Stores one delivery for each pair, due now; all or none.
    pub fn add(&self, matched: &[(&Rule, &Value)], now: i64) -> Result<(), ServiceError> {
        if matched.is_empty() {
            return Ok(());
        }
        let mut batch = self.store.batch();
        let mut added = Vec::new();
        for (rule, event) in matched {
            let key = format!("{:020}", self.next.fetch_add(1, Ordering::Relaxed));
            let delivery =
                Delivery { rule: (*rule).clone(), event: (*event).clone(), refused: 0, taken: now, due: now };
            batch.put(&self.pending, &key, &delivery)?;
            added.push((now, key));
        }
        self.store.commit(batch)?;
        self.waiting().due.extend(added);
        self.changed.notify_one();
        Ok(())
    }

    pub fn dead_letters(&self) -> Result<Vec<DeadLetter>, ServiceError> {
        self.dead.scan("")
    }

    /// Delivers until [`stop`](Self::stop).
    pub fn run(&self, clock: &Clock) {
        loop {
            let pause = match self.deliver_due(clock()) {
                Ok(None) => LONGEST_SLEEP,
                Ok(Some(due)) => Duration::from_millis((due - clock()).max(0).unsigned_abs()).min(LONGEST_SLEEP),
                Err(error) => {
                    tracing::error!(%error, "deliveries not carried out, will be tried again");
                    STORE_RETRY
                }
            };
            let waiting = self.waiting();
            if waiting.stopped {
                return;
            }
            // One that was added since must not wait; the condition looks once more under the lock.
            let nothing_due = |w: &mut Waiting| !w.stopped && w.due.first().is_none_or(|(due, _)| *due > clock());
            let slept = self.changed.wait_timeout_while(waiting, pause, nothing_due);
            drop(slept);
        }
    }

    pub fn stop(&self) {
        self.waiting().stopped = true;
        self.changed.notify_all();
    }

    /// Carries out what is due at `now`; answers when the next one is due.
    pub fn deliver_due(&self, now: i64) -> Result<Option<i64>, ServiceError> {
        loop {
            let due: Vec<_> = {
                let waiting = self.waiting();
                let due = waiting.due.iter().take_while(|(due, _)| *due <= now);
                due.take(MOST_AT_ONCE).cloned().collect()
            };
            if due.is_empty() {
                return Ok(self.waiting().due.first().map(|(due, _)| *due));
            }
            self.deliver(&due, now)?;
        }
    }

    fn deliver(&self, due: &[(i64, String)], now: i64) -> Result<(), ServiceError> {
        let mut batch = self.store.batch();
        let mut later = Vec::new();
        for (_, key) in due {
            // Gone when an earlier round committed and then failed to note it.
            let Some(mut delivery) = self.pending.get::<Delivery>(key)? else { continue };
            let rule = &delivery.rule;
            let payload = delivery.event.to_string();
            let Err(error) = self.invoker.submit(&rule.function, payload.as_bytes()) else {
                batch.delete(&self.pending, key);
                continue;
            };
            tracing::warn!(rule = rule.name, function = rule.function, refused = delivery.refused, %error, "event not delivered");
            match delivery.next_try(now) {
                Some(next) => {
                    delivery.refused += 1;
                    delivery.due = next;
                    batch.put(&self.pending, key, &delivery)?;
                    later.push((delivery.due, key.clone()));
                }
                None => {
                    if let Some(letter) = dead_letter(&delivery, &error, now) {
                        batch.put(&self.dead, key, &letter)?;
                    }
                    batch.delete(&self.pending, key);
                }
            }
        }
        self.store.commit(batch)?;
        let mut waiting = self.waiting();
        for done in due {
            waiting.due.remove(done);
        }
        waiting.due.extend(later);
        Ok(())
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// None when the rule has no queue: the event is dropped, as the real service does.
fn dead_letter(delivery: &Delivery, error: &ServiceError, now: i64) -> Option<DeadLetter> {
    let Some(queue) = &delivery.rule.dead_letter else {
        tracing::error!(rule = delivery.rule.name, event = %delivery.event["id"], "event dropped after its last try");
        return None;
    };
    Some(DeadLetter {
        rule: delivery.rule.name.clone(),
        queue: queue.clone(),
        event: delivery.event.clone(),
        error: error.to_string(),
        at: now,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Retry;
    use super::*;

    /// Waits between the tries of an event that is refused every time, milliseconds.
    fn waits(retry: Retry, max_age_secs: Option<u64>) -> Vec<i64> {
        let rule = Rule {
            name: "r".into(),
            bus: "default".into(),
            pattern: json!({}),
            function: "f".into(),
            retry,
            max_retries: retry.max_retries(),
            max_age_secs,
            dead_letter: None,
        };
        let mut delivery = Delivery { rule, event: json!({}), refused: 0, taken: 0, due: 0 };
        let mut waits = Vec::new();
        while let Some(next) = delivery.next_try(delivery.due) {
            waits.push(next - delivery.due);
            delivery.due = next;
            delivery.refused += 1;
        }
        waits
    }

    #[test]
    fn exponential_decay_ends_after_a_day() {
        let waits = waits(Retry::ExponentialDecay, None);
        assert_eq!(waits[..11], [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 512].map(|s| s * 1000));
        assert_eq!(waits.len(), 176);
        assert_eq!(waits.iter().sum::<i64>(), (511 + 167 * 512) * 1000, "one day, nearly");
    }

    #[test]
    fn backoff_is_three_times_ten_to_twenty_seconds() {
        let waits = waits(Retry::Backoff, None);
        assert_eq!(waits.len(), 3);
        assert!(waits.iter().all(|ms| (10_000..=20_000).contains(ms)), "{waits:?}");
    }

    #[test]
    fn an_old_event_is_not_tried_again() {
        assert_eq!(waits(Retry::ExponentialDecay, Some(10)), [1000, 2000, 4000]);
    }
}
