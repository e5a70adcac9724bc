//! What happens to a migration, and what follows from it for others.

use serde::{Deserialize, Serialize};

use crate::check::{Finding, Remediation};
use crate::record::{Cause, DiskSnapshot, Millis, Outcome, Record, Stage, Step};

/// What a stage saw, or what a person wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// What the stage waits for is under way.
    Waiting {
        /// When to look again if no event comes first.
        look_at: Millis,
        /// Percent of the stage, where it can be told.
        progress: Option<u8>,
        /// What it waits for.
        note: String,
    },
    /// The cloud-side checks are done.
    Prechecked(Vec<Finding>),
    /// The guest-side checks are done.
    Assessed(Vec<Finding>),
    /// The tool or the media is in the guest, and what was allowed is mended.
    Prepared(Vec<Remediation>),
    /// Every disk of the instance, with its snapshot as far as it is.
    Snapshots(Vec<DiskSnapshot>),
    /// The drill's own instance runs, and its agent answers.
    Cloned {
        /// `i-…`
        instance_id: String,
    },
    /// The tool says it succeeded, and the guest has booted since.
    Migrated,
    /// The new system was looked at.
    Verified {
        /// What was found.
        findings: Vec<Finding>,
        /// What the guest says it runs.
        os: String,
    },
    /// The old system runs again.
    Restored {
        /// What the guest says it runs.
        os: String,
        /// The tool had not come to the point of no return: no disk was reset.
        untouched: bool,
    },
    /// Nothing is left to release.
    Cleaned,
    /// The stage could not do its work.
    Faulted(Cause),
    /// The batch was stopped after failures of others.
    Halted {
        /// How many failed.
        failures: u32,
    },
    /// It is not its turn in the batch yet.
    Queued {
        /// How many must end first.
        ahead: usize,
    },
    /// A person wants something.
    Wished(Wish),
}

/// What a person may want of a migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "wish", rename_all = "kebab-case")]
pub enum Wish {
    /// Stop, and leave the instance as it was.
    Cancel {
        /// Who.
        by: String,
    },
    /// Try again, now that something was mended: at once when it goes on; from where it makes sense when it is
    /// over.
    Retry {
        /// Who.
        by: String,
    },
    /// The risks of the plan are known.
    Acknowledge {
        /// Who.
        by: String,
        /// Digest of the plan that was read.
        digest: String,
    },
    /// Back to the old system, although the new one was found healthy.
    GoBack {
        /// Who.
        by: String,
    },
}

impl Wish {
    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cancel { .. } => "cancel",
            Self::Retry { .. } => "retry",
            Self::Acknowledge { .. } => "acknowledge",
            Self::GoBack { .. } => "go-back",
        }
    }

    /// Who wants it.
    pub fn by(&self) -> &str {
        match self {
            Self::Cancel { by } | Self::Retry { by } | Self::Acknowledge { by, .. } | Self::GoBack { by } => by,
        }
    }
}

/// What must be published once the decision is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Wake this stage's function.
    Request(Stage),
    /// A line of history.
    Note(Step),
    /// Events of this instance are this migration's too: a drill's clone.
    Hold(String),
    /// Let go of an instance: another migration of it may begin.
    Release(String),
    /// Its batch must not count it as over any more.
    Rejoin,
    /// Tell whoever listens.
    Announce(Notice),
}

/// News for people and other systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A stage was entered.
    Entered(Stage),
    /// A plan waits for a person's acknowledgement.
    Awaiting,
    /// It is over.
    Ended(Outcome),
}

/// What follows from an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The record to remember.
    pub record: Record,
    /// What to publish afterwards, in order.
    pub effects: Vec<Effect>,
}
