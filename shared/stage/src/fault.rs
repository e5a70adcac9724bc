//! What can go wrong in a stage, in the words of the domain.

use guest::OutputError;
use migration::{Cause, Code};
use openapi::ApiError;

/// ECS's code for an account that has not opened the snapshot service. Source: ECS API reference, CreateSnapshot.
pub const SNAPSHOTS_CLOSED: &str = "InvalidAccountStatus.SnapshotServiceUnavailable";

/// Why a stage could not do its work this time.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A call to the cloud failed.
    #[error(transparent)]
    Cloud(#[from] ApiError),
    /// A script's output is not what it prints.
    #[error("{what}: {source}")]
    Output {
        /// Which command on which instance.
        what: String,
        /// What is wrong.
        #[source]
        source: OutputError,
    },
    /// Anything else, with its code.
    #[error("{}", .0.text)]
    Cause(Cause),
}

impl From<Cause> for Fault {
    fn from(cause: Cause) -> Self {
        Self::Cause(cause)
    }
}

impl Fault {
    /// The same in the words of the domain. Whatever a person or time can mend is transient: a
    /// stage gives up at its deadline, not at the first refusal.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Cause(cause) => cause.clone(),
            Self::Output { .. } => Cause::permanent(Code::GuestOutput, self.to_string()),
            Self::Cloud(error) => {
                let text = error.to_string();
                match error.code() {
                    "InvalidInstanceId.NotFound" | "InvalidInstance.NotFound" => {
                        Cause::permanent(Code::InstanceGone, text)
                    }
                    SNAPSHOTS_CLOSED => {
                        let remedy = "open the snapshot service in the ECS console (or call OpenSnapshotService)";
                        Cause::transient(Code::CloudCall, format!("{text}; {remedy}: the stage then goes on by itself"))
                    }
                    code if code.starts_with("Forbidden") || code == "NoPermission" => {
                        Cause::transient(Code::Forbidden, text)
                    }
                    code if code.starts_with("MissingParameter") || code.starts_with("UnsupportedParameter") => {
                        Cause::permanent(Code::CloudCall, text)
                    }
                    _ => Cause::transient(Code::CloudCall, text),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::refused;

    #[test]
    fn refusals_of_ecs_have_their_code_and_some_a_remedy() {
        for (code, meant, transient, says) in [
            (SNAPSHOTS_CLOSED, Code::CloudCall, true, "open the snapshot service"),
            ("Forbidden.RAM", Code::Forbidden, true, "Forbidden.RAM"),
            ("InvalidInstanceId.NotFound", Code::InstanceGone, false, "CreateSnapshot"),
            ("MissingParameter.DiskId", Code::CloudCall, false, "CreateSnapshot"),
            ("Throttling.User", Code::CloudCall, true, "CreateSnapshot"),
        ] {
            let cause = Fault::from(refused("CreateSnapshot", 403, code)).cause();
            assert_eq!((cause.code, cause.transient), (meant, transient), "{code}");
            assert!(cause.text.contains(says) && cause.text.contains(code), "{}", cause.text);
        }
    }
}
