//! What becomes of errors and panics: each is answered, and the process lives on.

use std::fmt;

use fc_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Wish {
    /// Everything well.
    Nothing,
    /// An error of the standard library, by `?`.
    NoSuchFile,
    /// An error that is only text.
    Text,
    /// An error with a type of its own.
    Quota,
    /// A panic.
    Panic,
    /// An answer that is no JSON.
    NoJson,
}

/// A type of one's own says what the caller sees as `errorType`.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{used} of {most} disks are used")]
    Quota { used: u32, most: u32 },
    #[error(transparent)]
    Other(#[from] Error),
}

impl From<Refusal> for Diagnostic {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Quota { .. } => Self { error_type: "QuotaExceeded".into(), error_message: refusal.to_string() },
            Refusal::Other(error) => error.into(),
        }
    }
}

/// JSON has no maps whose keys are lists.
#[derive(Serialize)]
struct Answer(std::collections::BTreeMap<Vec<u8>, u8>);

async fn grant(event: LambdaEvent<Wish>) -> Result<Answer, Refusal> {
    match event.payload {
        Wish::Nothing => Ok(Answer(Default::default())),
        Wish::NoSuchFile => {
            std::fs::read("/no/such/file").map_err(Error::from)?;
            Ok(Answer(Default::default()))
        }
        Wish::Text => Err(Refusal::Other(fmt::Error.to_string().into())),
        Wish::Quota => Err(Refusal::Quota { used: 16, most: 16 }),
        Wish::Panic => panic!("as wished"),
        Wish::NoJson => Ok(Answer([(vec![1], 1)].into())),
    }
}

/// Starts the function.
#[tokio::main]
pub async fn main() -> Result<(), Error> {
    fc_runtime::run(service_fn(grant)).await
}
