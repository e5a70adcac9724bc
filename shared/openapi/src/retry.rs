//! When a request may be sent again, and how long to wait before.
//!
//! Repeating is safe when the request was certainly not executed (throttled, or never sent), or when
//! executing it twice is executing it once. Everything else comes back to the caller at once, who
//! asks the service what became of it ([`ApiError::fate_unknown`]).

use std::pin::Pin;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::error::{ApiError, ErrorKind};
use crate::http::REQUEST_TIMEOUT;

/// Clock and chance, so that tests can do without both.
pub trait Environment: Send + Sync + 'static {
    /// Now, as signatures say it.
    fn now(&self) -> Timestamp;
    /// Now, for measuring durations.
    fn instant(&self) -> Instant;
    /// A number used once.
    fn nonce(&self) -> String;
    /// A random duration below `limit`.
    fn jitter(&self, limit: Duration) -> Duration;
    /// Waits.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The real one.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Environment for System {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn instant(&self) -> Instant {
        Instant::now()
    }

    fn nonce(&self) -> String {
        // Uniqueness is enough: a nonce is no secret, and the signature covers it.
        format!("{:032x}", fastrand::u128(..))
    }

    fn jitter(&self, limit: Duration) -> Duration {
        limit.mul_f64(fastrand::f64())
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// How patient a client is.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Requests that one call may send.
    pub attempts: u32,
    /// From the first request's start to the last one's end.
    pub deadline: Duration,
    /// First backoff; each next is twice as long, and the wait is random below it.
    pub backoff: Duration,
    /// First backoff after throttling, which the services count by the minute.
    pub throttling_backoff: Duration,
    /// No backoff is longer.
    pub max_backoff: Duration,
}

impl Default for Policy {
    /// Backoffs as in the official SDKs; the deadline leaves a function of one minute half its time.
    fn default() -> Self {
        Self {
            attempts: 6,
            deadline: Duration::from_secs(30),
            backoff: Duration::from_millis(100),
            throttling_backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(20),
        }
    }
}

/// What is new with each try.
pub(crate) struct Attempt {
    pub now: Timestamp,
    pub nonce: String,
    /// For this request alone.
    pub timeout: Duration,
}

/// Calls `attempt` until it succeeds, its failure is final, or the policy's patience ends; answers
/// the last outcome. `idempotent`: executing the request twice is executing it once.
pub(crate) async fn run<T, F>(
    environment: &dyn Environment,
    policy: &Policy,
    idempotent: bool,
    attempt: impl Fn(Attempt) -> F,
) -> Result<T, ApiError>
where
    F: Future<Output = Result<T, ApiError>>,
{
    let end = environment.instant() + policy.deadline;
    for tried in 1.. {
        let left = end.saturating_duration_since(environment.instant());
        let this = Attempt { now: environment.now(), nonce: environment.nonce(), timeout: left.min(REQUEST_TIMEOUT) };
        let error = match attempt(this).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let wait = wait(environment, policy, &error, tried);
        let left = end.saturating_duration_since(environment.instant());
        if tried >= policy.attempts || wait >= left || !may_repeat(&error, idempotent) {
            return Err(error);
        }
        tracing::debug!(
            product = error.product,
            operation = %error.operation,
            resource = %error.resource,
            tried,
            wait_ms = wait.as_millis() as u64,
            error = %error.kind,
            "request is sent again"
        );
        environment.sleep(wait).await;
    }
    unreachable!("the loop above has no end of its own")
}

fn may_repeat(error: &ApiError, idempotent: bool) -> bool {
    let never_sent = matches!(error.kind, ErrorKind::Transport { sent: false, .. });
    error.is_throttling() || never_sent || (idempotent && error.is_transient())
}

/// Exponential backoff with full jitter; never earlier than the service asked for.
fn wait(environment: &dyn Environment, policy: &Policy, error: &ApiError, tried: u32) -> Duration {
    let first = if error.is_throttling() { policy.throttling_backoff } else { policy.backoff };
    let limit = first.saturating_mul(2u32.saturating_pow(tried - 1)).min(policy.max_backoff);
    let asked = match &error.kind {
        ErrorKind::Service { retry_after: Some(after), .. } => *after,
        _ => Duration::ZERO,
    };
    asked + environment.jitter(limit)
}
