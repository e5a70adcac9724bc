//! What can go wrong.

use std::fmt;

/// Why an operation did not give what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service refused, and did nothing.
    #[error("{on} refused: {code} ({status}): {message}, request {request_id}")]
    Service {
        /// What was attempted.
        on: On,
        /// `OTS…`
        code: String,
        /// The service's words; not stable.
        message: String,
        /// HTTP status.
        status: u16,
        /// The service's id of the request; empty when it gave none.
        request_id: String,
    },
    /// A write was sent, and no answer tells whether it happened. Find out before repeating it.
    #[error("{on} may or may not have happened: {why}")]
    FateUnknown {
        /// What was attempted.
        on: On,
        /// What was seen instead of an answer.
        #[source]
        why: Box<Error>,
    },
    /// No answer. By itself, not inside [`Error::FateUnknown`]: nothing was changed.
    #[error("{on} got no answer: {what}")]
    NoAnswer {
        /// What was attempted.
        on: On,
        /// How it ended.
        what: String,
        /// What the HTTP client saw; None at a deadline.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// There was an answer, but it is not the service's: a checksum, date, signature or message is wrong.
    #[error("{on} got an answer that cannot be trusted: {what}, request {request_id}")]
    InvalidAnswer {
        /// What was attempted.
        on: On,
        /// What is wrong with it.
        what: String,
        /// The answer's request id; empty when there is none.
        request_id: String,
    },
    /// The client does not offer this; nothing was sent.
    #[error("{on} is not offered: {why}")]
    Unsupported {
        /// What was attempted.
        on: On,
        /// Why not, and what to do instead.
        why: &'static str,
    },
    /// The request cannot be sent (a bad endpoint or header value).
    #[error("{on} cannot be sent: {what}")]
    InvalidRequest {
        /// What was attempted.
        on: On,
        /// What is wrong with it.
        what: String,
    },
}

/// An operation and the table it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct On {
    /// `PutRow`, …
    pub operation: &'static str,
    /// Table name; several are joined by commas; empty for ListTable.
    pub table: String,
}

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.table.as_str() {
            "" => f.write_str(self.operation),
            table => write!(f, "{} on table {table}", self.operation),
        }
    }
}

impl Error {
    /// The service's code, also when it left the write's fate unknown.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Service { code, .. } => Some(code),
            Self::FateUnknown { why, .. } => why.code(),
            _ => None,
        }
    }

    /// The row was not as the condition demands; nothing was changed.
    pub fn is_condition_check_fail(&self) -> bool {
        matches!(self, Self::Service { code, .. } if code == "OTSConditionCheckFail")
    }

    /// The table does not exist. Table operations say `OTSObjectNotExist`; row operations say
    /// `OTSParameterInvalid` with this text (seen from the live service for reads).
    pub fn is_table_missing(&self) -> bool {
        matches!(self, Self::Service { code, message, .. }
            if code == "OTSObjectNotExist" || (code == "OTSParameterInvalid" && message.contains("table not exist")))
    }

    /// Whether the write may have happened.
    pub fn fate_unknown(&self) -> bool {
        matches!(self, Self::FateUnknown { .. })
    }

    /// Whether the same request may succeed later. The client has repeated it until its own deadline
    /// already; a write of unknown fate is not retriable before its fate is found out.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Service { code, message, status, .. } => {
                is_transient(code, message) || is_transient_for_reads(code, *status)
            }
            Self::NoAnswer { .. } | Self::InvalidAnswer { .. } => true,
            Self::FateUnknown { .. } | Self::InvalidRequest { .. } | Self::Unsupported { .. } => false,
        }
    }
}

/// Codes after which every operation may be repeated, as nothing was done: those that any official SDK
/// repeats. They agree on the first five; the operation ones are the Python SDK's, the storage one Go's.
pub(crate) fn is_transient(code: &str, message: &str) -> bool {
    match code {
        "OTSRowOperationConflict"
        | "OTSNotEnoughCapacityUnit"
        | "OTSTableNotReady"
        | "OTSPartitionUnavailable"
        | "OTSServerBusy"
        | "OTSOperationConflict"
        | "OTSOperationThrottled"
        | "OTSStorageServerBusy" => true,
        "OTSQuotaExhausted" => message.starts_with("Too frequent table operations"),
        _ => false,
    }
}

/// Answers after which only what changes nothing may be repeated: the operation may have been done.
pub(crate) fn is_transient_for_reads(code: &str, status: u16) -> bool {
    matches!(code, "OTSTimeout" | "OTSInternalServerError" | "OTSServerUnavailable") || matches!(status, 500..=599)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(code: &str, message: &str, status: u16) -> Error {
        let on = On { operation: "PutRow", table: "t".into() };
        Error::Service { on, code: code.into(), message: message.into(), status, request_id: "r".into() }
    }

    #[test]
    fn what_may_be_repeated() {
        for (code, message, status, retriable) in [
            ("OTSServerBusy", "", 503, true),
            ("OTSRowOperationConflict", "", 409, true),
            ("OTSTimeout", "", 503, true),
            ("OTSConditionCheckFail", "", 403, false),
            ("OTSQuotaExhausted", "Too frequent table operations.", 403, true),
            ("OTSQuotaExhausted", "Number of tables exceeded the quota.", 403, false),
            ("OTSAuthFailed", "", 403, false),
        ] {
            assert_eq!(service(code, message, status).is_retriable(), retriable, "{code} {message}");
        }
    }

    #[test]
    fn it_says_what_was_attempted_on_what() {
        assert_eq!(
            service("OTSConditionCheckFail", "Condition check failed.", 403).to_string(),
            "PutRow on table t refused: OTSConditionCheckFail (403): Condition check failed., request r"
        );
    }
}
