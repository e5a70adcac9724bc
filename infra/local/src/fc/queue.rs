//! Asynchronous invocations: kept until they succeeded or were given up.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::protocol::request_id;
use super::{FunctionCompute, Work, later};
use crate::seams::ServiceError;
use crate::store::{Space, Store};

/// An invocation that waits or is under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Queued {
    pub(super) request_id: String,
    pub(super) function: String,
    /// The event, base64.
    payload: String,
    /// When it was submitted, epoch milliseconds.
    pub(super) submitted: i64,
    /// Not before then, epoch milliseconds.
    pub(super) due: i64,
    /// Tries that failed.
    pub(super) failures: u32,
}

impl Queued {
    pub(super) fn new(request_id: &str, function: &str, payload: &[u8], submitted: i64, due: i64) -> Self {
        let payload = BASE64_STANDARD.encode(payload);
        Self { request_id: request_id.into(), function: function.into(), payload, submitted, due, failures: 0 }
    }

    pub(super) fn payload(&self) -> Vec<u8> {
        // Written by `new` only; a store that was tampered with invokes with nothing.
        BASE64_STANDARD.decode(&self.payload).unwrap_or_default()
    }

    /// Sorts by submission.
    fn key(&self) -> String {
        format!("{:013}-{}", self.submitted, self.request_id)
    }
}

/// Why an invocation was given up.
pub(super) struct GivenUp<'a> {
    /// Function Compute's name for the reason (FC docs, destinations).
    pub(super) condition: &'a str,
    /// What the function answered last.
    pub(super) response: &'a [u8],
    /// ARN of the function.
    pub(super) function_arn: &'a str,
    /// Now, epoch milliseconds.
    pub(super) at: i64,
    /// `onFailure`
    pub(super) destination: Option<&'a str>,
}

impl GivenUp<'_> {
    /// What a destination is sent (FC docs, result callback).
    pub(super) fn message(&self, item: &Queued) -> Value {
        json!({
            "timestamp": self.at,
            "requestContext": {
                "requestId": item.request_id,
                "functionArn": self.function_arn,
                "condition": self.condition,
                "approximateInvokeCount": item.failures,
            },
            "requestPayload": String::from_utf8_lossy(&item.payload()),
            "responseContext": { "statusCode": 200, "functionError": self.condition },
            "responsePayload": String::from_utf8_lossy(self.response),
        })
    }
}

/// The queue in the store, with what of it somebody works on.
pub(super) struct Queue {
    store: Store,
    waiting: Space,
    dead: Space,
    taken: Mutex<HashSet<String>>,
}

impl Queue {
    pub(super) fn open(store: Store) -> Result<Self, ServiceError> {
        let waiting = store.space("fc-async")?;
        let dead = store.space("fc-dead-letters")?;
        Ok(Self { store, waiting, dead, taken: Mutex::default() })
    }

    /// Puts `item` in, or in its place again. Durable on return.
    pub(super) fn put(&self, item: &Queued) -> Result<(), ServiceError> {
        let mut batch = self.store.batch();
        batch.put(&self.waiting, item.key(), item)?;
        self.store.commit(batch)
    }

    /// Takes out what succeeded.
    pub(super) fn done(&self, item: &Queued) -> Result<(), ServiceError> {
        let mut batch = self.store.batch();
        batch.delete(&self.waiting, item.key());
        self.store.commit(batch)?;
        self.release(item);
        Ok(())
    }

    /// Takes out what is given up, and keeps it among the dead letters; `next` is put in instead.
    pub(super) fn give_up(&self, item: &Queued, why: &GivenUp<'_>, next: Option<&Queued>) -> Result<(), ServiceError> {
        let mut batch = self.store.batch();
        batch.delete(&self.waiting, item.key());
        let letter = json!({ "function": item.function, "destination": why.destination, "message": why.message(item) });
        batch.put(&self.dead, item.key(), &letter)?;
        if let Some(next) = next {
            batch.put(&self.waiting, next.key(), next)?;
        }
        self.store.commit(batch)?;
        self.release(item);
        Ok(())
    }

    /// Whether the caller is the one who works on `item` from now on.
    pub(super) fn take(&self, item: &Queued) -> bool {
        self.taken().insert(item.key())
    }

    fn release(&self, item: &Queued) {
        self.taken().remove(&item.key());
    }

    /// Everything that waits, oldest first.
    pub(super) fn waiting(&self) -> Result<Vec<Queued>, ServiceError> {
        self.waiting.scan("")
    }

    /// What was given up, oldest first: `{function, destination, message}`.
    pub(super) fn dead_letters(&self) -> Result<Vec<Value>, ServiceError> {
        self.dead.scan("")
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FunctionCompute {
    /// Works on `item` until it succeeded or is given up, unless somebody does already.
    pub(super) fn drive(self: &Arc<Self>, item: Queued) {
        let Some(running) = self.running.get() else { return };
        if self.queue.take(&item) {
            running.runtime.spawn(self.clone().until_stopped(async move |this| {
                let request_id = item.request_id.clone();
                if let Err(error) = this.attempt(item).await {
                    // It stays in the store and is taken up again at the next start.
                    tracing::error!(request_id, %error, "asynchronous invocation is stuck");
                }
            }));
        }
    }

    /// Tries `item` again and again, as its function's asyncInvokeConfig says.
    async fn attempt(self: &Arc<Self>, mut item: Queued) -> Result<(), ServiceError> {
        loop {
            let wait = item.due - (self.clock)();
            tokio::time::sleep(Duration::from_millis(wait.max(0).unsigned_abs())).await;
            let Some(pool) = self.pools.get(&item.function) else {
                return self.give_up(&item, "FunctionNotFound", b"");
            };
            let rules = &pool.function.async_invoke;
            let age = (self.clock)() - item.submitted;
            if age > 1000 * i64::try_from(rules.max_age_secs).unwrap_or(i64::MAX / 1000) {
                // FC's own name for it was not found; this one says what happened.
                return self.give_up(&item, "MaximumEventAgeExceeded", b"");
            }
            let payload = Bytes::from(item.payload());
            let outcome = self.call(pool, &item.request_id, item.failures, Work::Event(payload)).await?;
            if *self.stopping.borrow() {
                return Ok(()); // its process was killed for the shutdown, which is no failure
            }
            let Err(failure) = outcome else {
                return self.queue.done(&item);
            };
            item.failures += 1;
            let attempts = item.failures;
            tracing::warn!(
                request_id = item.request_id,
                function = item.function,
                attempts,
                failure.error_type,
                "asynchronous invocation failed"
            );
            if attempts > rules.max_retries {
                return self.give_up(&item, failure.error_type, &failure.body);
            }
            item.due = later((self.clock)(), self.tuning.retry_delay);
            self.queue.put(&item)?;
        }
    }

    /// Moves `item` to the dead letters, and to its onFailure destination when that is a function.
    fn give_up(self: &Arc<Self>, item: &Queued, condition: &str, response: &[u8]) -> Result<(), ServiceError> {
        let now = (self.clock)();
        let function = self.s_yaml.function(&item.function);
        let function_arn =
            format!("acs:fc:{}:{}:functions/{}", self.config.region, self.config.account_id, item.function);
        let destination = function.and_then(|function| function.async_invoke.on_failure.as_deref());
        let why = GivenUp { condition, response, function_arn: &function_arn, at: now, destination };
        let to =
            destination.and_then(|arn| arn.strip_prefix("acs:fc:")?.split_once(":functions/")).map(|(_, name)| name);
        let next = to
            .filter(|name| self.pools.contains_key(*name))
            .map(|name| Queued::new(&request_id(now), name, why.message(item).to_string().as_bytes(), now, now));
        self.queue.give_up(item, &why, next.as_ref())?;
        if let Some(next) = next {
            self.drive(next);
        }
        Ok(())
    }
}
