//! Answers, and refusals.

use fc_runtime::http_trigger::HttpResponse;
use migration::{Code, MigrationId};
use serde::Serialize;
use serde_json::json;
use stage::records::RecordsError;
use stage::{Fault, StageError};

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Somebody who is nobody.
    #[error("the token is missing or wrong")]
    Nobody,
    /// A setting is missing or wrong; which, only the log is told.
    #[error("the console is not configured; its log says what is wrong")]
    Unconfigured,
    /// The request makes no sense.
    #[error("{0}")]
    Bad(String),
    /// There is no such path.
    #[error("there is no {0}")]
    NoPath(String),
    /// The path has other methods.
    #[error("{path} knows {methods} only")]
    Method {
        /// The path.
        path: String,
        /// Its methods.
        methods: &'static str,
    },
    /// There is no such migration.
    #[error("migration {0} has no record")]
    Unknown(MigrationId),
    /// It cannot be done now.
    #[error("{0}")]
    Conflict(String),
    /// The system gives no random bytes, or what is stored cannot be written.
    #[error("{0}")]
    Configuration(String),
    /// ECS.
    #[error(transparent)]
    Cloud(#[from] Fault),
    /// Records and events.
    #[error(transparent)]
    Stage(Box<StageError>),
}

impl From<StageError> for Refusal {
    fn from(error: StageError) -> Self {
        match error {
            StageError::UnknownMigration(id) => Self::Unknown(id),
            other => Self::Stage(Box::new(other)),
        }
    }
}

impl From<RecordsError> for Refusal {
    fn from(error: RecordsError) -> Self {
        Self::Stage(Box::new(error.into()))
    }
}

impl Refusal {
    /// The HTTP status, and the stable code where the fault has one.
    fn status(&self) -> (u16, Option<Code>) {
        match self {
            Self::Nobody => (401, None),
            Self::Bad(_) => (400, Some(Code::MalformedEvent)),
            Self::NoPath(_) => (404, None),
            Self::Method { .. } => (405, None),
            Self::Unknown(_) => (404, Some(Code::UnknownMigration)),
            Self::Conflict(_) => (409, None),
            Self::Unconfigured | Self::Configuration(_) => (500, Some(Code::Configuration)),
            Self::Cloud(fault) => (502, Some(fault.cause().code)),
            Self::Stage(error) => (502, Some(error.code())),
        }
    }

    /// The stable code of the fault, where it has one.
    pub fn code(&self) -> Option<Code> {
        self.status().1
    }

    /// The answer: `{"error": text, "code": "OSF-…" or null}`.
    pub fn answer(&self) -> HttpResponse {
        let (status, code) = self.status();
        let mut answer = reply(status, &json!({ "error": self.to_string(), "code": code }));
        match self {
            Self::Method { methods, .. } => drop(answer.headers.insert("allow".into(), (*methods).into())),
            Self::Nobody => drop(answer.headers.insert("www-authenticate".into(), "Bearer".into())),
            _ => {}
        }
        answer
    }
}

/// A JSON answer, for nobody's cache.
pub fn reply(status: u16, body: &impl Serialize) -> HttpResponse {
    // Bodies are made of strings, numbers and maps with string keys: always representable.
    let body = serde_json::to_string(body).unwrap_or_default();
    let mut answer = HttpResponse::new(status, "application/json", body);
    answer.headers.insert("cache-control".into(), "no-store".into());
    answer.headers.insert("x-content-type-options".into(), "nosniff".into());
    answer
}
