//! When an operation is repeated.

use std::time::Duration;

use crate::error::{Error, is_transient, is_transient_for_reads};

/// When to repeat and when to give up. Pauses double from `base` to `cap`, and each is drawn evenly
/// from zero to that (full jitter), so that clients that failed together do not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Longest first pause.
    pub base: Duration,
    /// Longest pause.
    pub cap: Duration,
    /// For one attempt. A write that takes longer has an unknown fate.
    pub attempt_timeout: Duration,
    /// For all attempts and pauses together; no attempt runs on past it.
    pub deadline: Duration,
    /// Attempts in all, at least one.
    pub max_attempts: u32,
}

impl Default for RetryPolicy {
    /// Ten seconds in all, as the Java SDK, and at most 20 attempts, as the Python SDK. A read that
    /// hangs is given up in time for a second one.
    fn default() -> Self {
        Self {
            base: Duration::from_millis(20),
            cap: Duration::from_secs(1),
            attempt_timeout: Duration::from_secs(4),
            deadline: Duration::from_secs(10),
            max_attempts: 20,
        }
    }
}

impl RetryPolicy {
    /// The default without repetitions.
    pub fn never() -> Self {
        Self { max_attempts: 1, ..Self::default() }
    }

    /// The longest pause after attempt number `attempt`, counted from one.
    pub(super) fn longest_pause(&self, attempt: u32) -> Duration {
        self.base.saturating_mul(1 << (attempt - 1).min(16)).min(self.cap)
    }

    /// Whether there may be another attempt after `attempt`, `elapsed` after the start.
    pub(super) fn allows(&self, attempt: u32, elapsed: Duration) -> bool {
        attempt < self.max_attempts && elapsed < self.deadline
    }
}

/// What repeating an operation can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Nothing.
    Read,
    /// Nothing, as the caller says.
    IdempotentWrite,
    /// Harm, if it has happened already.
    Write,
}

/// Whether an operation that failed like this may have been done all the same.
pub(super) fn may_have_happened(error: &Error) -> bool {
    match error {
        Error::Service { code, message, status, .. } => {
            !is_transient(code, message) && is_transient_for_reads(code, *status)
        }
        // Without a connection nothing was sent.
        Error::NoAnswer { source, .. } => !source.as_ref().is_some_and(reqwest::Error::is_connect),
        Error::InvalidAnswer { .. } | Error::FateUnknown { .. } => true,
        Error::InvalidRequest { .. } | Error::Unsupported { .. } => false,
    }
}

/// Whether to repeat it.
pub(super) fn is_worth_repeating(error: &Error, repeat: Repeat) -> bool {
    error.is_retriable() && (repeat != Repeat::Write || !may_have_happened(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::On;

    #[test]
    fn pauses_grow_to_the_cap() {
        let policy = RetryPolicy::default();
        for attempt in 1..100 {
            let longest = Duration::from_millis(20 << (attempt - 1).min(6)).min(policy.cap);
            assert_eq!(policy.longest_pause(attempt), longest, "attempt {attempt}");
        }
    }

    #[test]
    fn the_table_of_the_sdks() {
        let service = |code: &str, status| Error::Service {
            on: On { operation: "PutRow", table: "t".into() },
            code: code.into(),
            message: String::new(),
            status,
            request_id: String::new(),
        };
        for (code, status, reads, writes) in [
            ("OTSRowOperationConflict", 409, true, true),
            ("OTSTableNotReady", 404, true, true),
            ("OTSPartitionUnavailable", 503, true, true),
            ("OTSServerBusy", 503, true, true),
            ("OTSNotEnoughCapacityUnit", 403, true, true),
            ("OTSOperationConflict", 409, true, true),
            ("OTSOperationThrottled", 403, true, true),
            ("OTSStorageServerBusy", 503, true, true),
            ("OTSTimeout", 503, true, false),
            ("OTSInternalServerError", 500, true, false),
            ("OTSServerUnavailable", 503, true, false),
            ("OTSConditionCheckFail", 403, false, false),
            ("OTSParameterInvalid", 400, false, false),
        ] {
            let error = service(code, status);
            assert_eq!(is_worth_repeating(&error, Repeat::Read), reads, "{code} of a read");
            assert_eq!(is_worth_repeating(&error, Repeat::IdempotentWrite), reads, "{code} of an idempotent write");
            assert_eq!(is_worth_repeating(&error, Repeat::Write), writes, "{code} of a write");
        }
    }
}
