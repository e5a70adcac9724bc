//! Answers, and refusals.

use fc_runtime::http_trigger::HttpResponse;
use migration::{Code, MigrationId};
use serde::Serialize;
use serde_json::{Value, json};
use stage::records::RecordsError;
use stage::{Fault, StageError};

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
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
    /// Something is not configured, or the system gives no random bytes.
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
            Self::Bad(_) => (400, Some(Code::MalformedEvent)),
            Self::NoPath(_) => (404, None),
            Self::Method { .. } => (405, None),
            Self::Unknown(_) => (404, Some(Code::UnknownMigration)),
            Self::Conflict(_) => (409, None),
            Self::Configuration(_) => (500, Some(Code::Configuration)),
            Self::Cloud(fault) => (502, Some(fault.cause().code)),
            Self::Stage(error) => (502, Some(error.code())),
        }
    }

    /// The answer: `{"error": text, "code": "OSF-…" or null}`.
    pub fn answer(&self) -> HttpResponse {
        let (status, code) = self.status();
        let mut answer = reply(status, &json!({ "error": self.to_string(), "code": code }));
        if let Self::Method { methods, .. } = self {
            answer.headers.insert("allow".into(), (*methods).into());
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

/// The answer to somebody who is nobody.
pub fn unauthorized() -> HttpResponse {
    let mut answer = reply(401, &json!({ "error": "the token is missing or wrong", "code": Value::Null }));
    answer.headers.insert("www-authenticate".into(), "Bearer".into());
    answer
}
