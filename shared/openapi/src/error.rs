//! What a call can come back with other than its answer.

use std::time::Duration;

use thiserror::Error;

/// A call that failed: what was attempted, on which resource, and why not.
#[derive(Debug, Error)]
#[error("{product} {operation} on {resource}: {kind}")]
pub struct ApiError {
    /// `ECS`, `STS`, `EventBridge`, `FC`.
    pub product: &'static str,
    /// Operation in the vendor's spelling (`ResetDisk`).
    pub operation: Box<str>,
    /// Id of the resource, or what else tells one call from another.
    pub resource: Box<str>,
    /// Why it failed.
    pub kind: ErrorKind,
}

/// Why a call failed.
#[derive(Debug, Error)]
pub enum ErrorKind {
    /// The service answered with an error.
    #[error("{code} ({http_status}): {message} [request {request_id}]")]
    Service {
        /// HTTP status of the answer.
        http_status: u16,
        /// The service's error code (`IncorrectInstanceStatus`).
        code: Box<str>,
        /// The service's words.
        message: Box<str>,
        /// What its support asks for; empty when the answer had none.
        request_id: Box<str>,
        /// When it wants to be asked again (header `x-acs-retry-after`).
        retry_after: Option<Duration>,
    },
    /// No answer came.
    #[error("no answer, {}: {}", if *.sent { "the request may have arrived" } else { "nothing was sent" }, chain(&**.source))]
    Transport {
        /// What the network said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
        /// Whether the request may have reached the service.
        sent: bool,
    },
    /// The service answered success in a shape that is not the documented one.
    #[error("unreadable answer: {0}")]
    Decode(String),
    /// Refused here, before anything was sent, because the service would refuse it.
    #[error("invalid request: {0}")]
    Invalid(String),
}

impl ApiError {
    /// Whether it is certain that nothing was done: the service refused, or the request never left.
    pub fn is_refusal(&self) -> bool {
        match &self.kind {
            ErrorKind::Service { http_status, .. } => (400..500).contains(http_status),
            ErrorKind::Transport { sent, .. } => !sent,
            ErrorKind::Decode(_) => false,
            ErrorKind::Invalid(_) => true,
        }
    }

    /// The service's error code; empty when it did not answer with one.
    pub fn code(&self) -> &str {
        match &self.kind {
            ErrorKind::Service { code, .. } => code,
            _ => "",
        }
    }

    /// Refused for its rate and not executed: code `Throttling*`, status 429, or an error with the
    /// header `x-acs-retry-after` (ECS API reference, common errors; official SDKs).
    pub fn is_throttling(&self) -> bool {
        match &self.kind {
            ErrorKind::Service { http_status, code, retry_after, .. } => {
                *http_status == 429 || code.starts_with("Throttling") || retry_after.is_some()
            }
            _ => false,
        }
    }

    /// The resource does not exist: `Invalid{Instance,Disk,Snapshot,…}Id.NotFound`, `EntityNotExist.*`.
    /// An unknown access key, region or operation is no such answer: it tells nothing of the resource.
    pub fn is_not_found(&self) -> bool {
        let code = self.code();
        let of_the_request = ["InvalidAccessKeyId", "InvalidRegionId", "InvalidAction", "InvalidApi", "InvalidVersion"];
        (code.ends_with(".NotFound") || code.starts_with("EntityNotExist"))
            && !of_the_request.iter().any(|prefix| code.starts_with(prefix))
    }

    /// The same call may succeed a little later.
    pub fn is_transient(&self) -> bool {
        match &self.kind {
            ErrorKind::Service { http_status, code, .. } => {
                self.is_throttling()
                    || *http_status >= 500
                    || matches!(&**code, "ServiceUnavailable" | "InternalError" | "UnknownError")
                    // The first request with this ClientToken is still at work.
                    || matches!(&**code, "LastTokenProcessing" | "IdempotentProcessing")
            }
            ErrorKind::Transport { .. } => true,
            ErrorKind::Decode(_) | ErrorKind::Invalid(_) => false,
        }
    }

    /// Whether the call may have been carried out all the same: ask the service before doing it again.
    pub fn fate_unknown(&self) -> bool {
        match &self.kind {
            ErrorKind::Service { http_status, .. } => *http_status >= 500 && !self.is_throttling(),
            ErrorKind::Transport { sent, .. } => *sent,
            ErrorKind::Decode(_) => true,
            ErrorKind::Invalid(_) => false,
        }
    }
}

/// An error with its causes, in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(http_status: u16, code: &str) -> ApiError {
        ApiError {
            product: "ECS",
            operation: "ResetDisk".into(),
            resource: "d-1".into(),
            kind: ErrorKind::Service {
                http_status,
                code: code.into(),
                message: "m".into(),
                request_id: "r".into(),
                retry_after: None,
            },
        }
    }

    #[test]
    fn codes_are_sorted_into_what_a_caller_does_about_them() {
        // status, code, throttling, not found, transient, fate unknown
        let table = [
            (400, "Throttling", true, false, true, false),
            (400, "Throttling.User", true, false, true, false),
            (429, "TooMany", true, false, true, false),
            (503, "Throttling.Api", true, false, true, false),
            (500, "InternalError", false, false, true, true),
            (503, "ServiceUnavailable", false, false, true, true),
            (403, "LastTokenProcessing", false, false, true, false),
            (404, "InvalidInstanceId.NotFound", false, true, false, false),
            (404, "InvalidAccessKeyId.NotFound", false, false, false, false),
            (404, "InvalidRegionId.NotFound", false, false, false, false),
            (404, "EntityNotExist.Role", false, true, false, false),
            (403, "IncorrectInstanceStatus", false, false, false, false),
            (409, "OperationConflict", false, false, false, false),
        ];
        for (status, code, throttling, not_found, transient, unknown) in table {
            let error = service(status, code);
            let got = (error.is_throttling(), error.is_not_found(), error.is_transient(), error.fate_unknown());
            assert_eq!(got, (throttling, not_found, transient, unknown), "{status} {code}");
        }
    }

    #[test]
    fn the_message_says_what_was_attempted_on_what() {
        assert_eq!(
            service(403, "IncorrectInstanceStatus").to_string(),
            "ECS ResetDisk on d-1: IncorrectInstanceStatus (403): m [request r]"
        );
    }
}
