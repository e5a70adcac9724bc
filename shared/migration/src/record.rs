//! The record: everything that is remembered of one migration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::check::Finding;
use crate::code::Code;
use crate::id::MigrationId;
use crate::path::Hop;
use crate::policy::Policy;

/// Epoch milliseconds, UTC.
pub type Millis = i64;

/// Version of the stored form. A newer one is refused, older ones are upgraded on read.
pub const SCHEMA: u32 = 1;

/// A step on a migration's way; each is a function of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// What the cloud can tell.
    Precheck,
    /// What the guest can tell.
    Assess,
    /// The way back.
    Snapshot,
    /// The tool, and the reboot into the new system.
    Migrate,
    /// Is it the target, is it healthy?
    Verify,
    /// Back to the snapshots.
    Rollback,
    /// Releases what is not needed, whatever the outcome.
    Cleanup,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 7] =
        [Self::Precheck, Self::Assess, Self::Snapshot, Self::Migrate, Self::Verify, Self::Rollback, Self::Cleanup];

    /// The stage's name, which is its function's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Precheck => "precheck",
            Self::Assess => "assess",
            Self::Snapshot => "snapshot",
            Self::Migrate => "migrate",
            Self::Verify => "verify",
            Self::Rollback => "rollback",
            Self::Cleanup => "cleanup",
        }
    }

    /// How long the stage may take in all, milliseconds.
    pub fn deadline(self) -> Millis {
        const MINUTE: Millis = 60_000;
        match self {
            // A handful of read-only calls; the rest is for an API that throttles or is down.
            Self::Precheck => 15 * MINUTE,
            // About 30 s in the console; slow mirrors and an agent that restarts take longer.
            Self::Assess => 30 * MINUTE,
            // The first snapshot of a large, full disk takes hours.
            Self::Snapshot => 12 * 60 * MINUTE,
            // 15 to 30 min are documented, up to 2 h seen on Azure; then the reboot.
            Self::Migrate => 3 * 60 * MINUTE,
            // Services and applications that start slowly.
            Self::Verify => 30 * MINUTE,
            // Stop, reset of every disk, start, proof: minutes each; nothing better is left to do, so patience.
            Self::Rollback => 4 * 60 * MINUTE,
            // A few calls; nothing of value hangs on it.
            Self::Cleanup => 60 * MINUTE,
        }
    }
}

/// How a migration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The new system runs and is healthy.
    Succeeded,
    /// A check said no; nothing was changed.
    Refused,
    /// It could not be begun; nothing was changed.
    Failed,
    /// It went wrong, and the old system runs again.
    RolledBack,
    /// A person cancelled; the old system runs.
    Cancelled,
    /// A person must look: the rollback did not succeed or the instance is gone. Snapshots are kept.
    Stuck,
}

/// Where a migration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// In a stage.
    In(Stage),
    /// Over.
    Ended(Outcome),
}

/// How far a snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Not created yet.
    Missing,
    /// Being created.
    Progressing,
    /// Complete.
    Accomplished,
    /// It failed.
    Failed,
}

/// A disk of the instance and its snapshot, as the cloud told last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskSnapshot {
    /// `d-…`
    pub disk_id: String,
    /// `s-…`, once created.
    pub snapshot_id: Option<String>,
    /// How far it is.
    pub status: Evidence,
    /// Percent.
    pub progress: u8,
}

/// Why something did not work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Stable code.
    pub code: Code,
    /// What was attempted on which resource, and what came of it.
    pub text: String,
    /// Whether trying again may help.
    pub transient: bool,
}

impl Cause {
    /// A failure that trying again does not mend.
    pub fn permanent(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), transient: false }
    }

    /// A failure that may go away.
    pub fn transient(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), transient: true }
    }
}

/// A command that was handed to Cloud Assistant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRef {
    /// `t-…`
    pub invoke_id: String,
    /// When.
    pub sent_at: Millis,
}

/// What a stage remembers from one invocation to the next; empty when the stage is entered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memo {
    /// Commands by the stage's name for them.
    pub commands: BTreeMap<String, CommandRef>,
    /// When the stage did what has no id to find it by.
    pub marks: BTreeMap<String, Millis>,
}

/// One line of history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Counts from 0 in each migration: writing a step twice is writing it once.
    pub seq: u64,
    /// When.
    pub at: Millis,
    /// Where the migration stood.
    pub state: State,
    /// What happened, for a person.
    pub what: String,
    /// Why, when something went wrong.
    pub cause: Option<Cause>,
    /// What checks found, when this step is a check's.
    pub findings: Vec<Finding>,
}

/// Everything that is remembered of one migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// [`SCHEMA`] when written by this version.
    pub schema: u32,
    /// The migration.
    pub id: MigrationId,
    /// `i-…`
    pub instance_id: String,
    /// The operator's wishes.
    pub policy: Policy,
    /// The way from release to release; empty when there is none.
    pub hops: Vec<Hop>,
    /// Index of the hop under way.
    pub hop: usize,
    /// Where it stands.
    pub state: State,
    /// When it was opened.
    pub created_at: Millis,
    /// When the state was entered.
    pub entered_at: Millis,
    /// When somebody must look again at the latest; None when it is over.
    pub look_at: Option<Millis>,
    /// Transient failures in this stage so far.
    pub attempt: u32,
    /// Percent of this stage, where it can be told.
    pub progress: Option<u8>,
    /// What it waits for, for a person.
    pub note: String,
    /// The stage's own memory.
    pub memo: Memo,
    /// Disks and snapshots of this hop.
    pub disks: Vec<DiskSnapshot>,
    /// What the last checks found.
    pub findings: Vec<Finding>,
    /// What went wrong first.
    pub cause: Option<Cause>,
    /// How it will end once it is cleaned up.
    pub ending: Option<Outcome>,
    /// Whether the tool may have been started in any hop.
    pub touched: bool,
    /// Operating system after the end, as the guest tells.
    pub os_after: Option<String>,
    /// Number of history steps so far.
    pub steps: u64,
}

/// Why a stored record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// Written by a newer version.
    #[error("the record has schema {found}, this version knows up to {SCHEMA}")]
    Newer {
        /// Its schema.
        found: u64,
    },
    /// Not a record.
    #[error("the record cannot be read: {0}")]
    Broken(#[from] serde_json::Error),
}

impl SchemaError {
    /// Its stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Newer { .. } => Code::NewerSchema,
            Self::Broken(_) => Code::BrokenRecord,
        }
    }
}

impl Record {
    /// A new migration of `instance_id`, before its first stage.
    pub fn new(id: MigrationId, instance_id: String, policy: Policy, hops: Vec<Hop>, now: Millis) -> Self {
        Self {
            schema: SCHEMA,
            id,
            instance_id,
            policy,
            hops,
            hop: 0,
            state: State::In(Stage::Precheck),
            created_at: now,
            entered_at: now,
            look_at: Some(now),
            attempt: 0,
            progress: None,
            note: String::new(),
            memo: Memo::default(),
            disks: Vec::new(),
            findings: Vec::new(),
            cause: None,
            ending: None,
            touched: false,
            os_after: None,
            steps: 0,
        }
    }

    /// The hop under way.
    pub fn current_hop(&self) -> Option<&Hop> {
        self.hops.get(self.hop)
    }

    /// The stage it is in; None when it is over.
    pub fn stage(&self) -> Option<Stage> {
        match self.state {
            State::In(stage) => Some(stage),
            State::Ended(_) => None,
        }
    }

    /// When the present stage must be over.
    pub fn deadline(&self) -> Option<Millis> {
        self.stage().map(|stage| self.entered_at + stage.deadline())
    }

    /// The stored form.
    pub fn to_json(&self) -> String {
        // A record holds only strings, numbers and maps with string keys: always representable.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads the stored form, older ones too.
    pub fn from_json(json: &str) -> Result<Self, SchemaError> {
        #[derive(Deserialize)]
        struct Version {
            schema: u64,
        }
        let found = serde_json::from_str::<Version>(json)?.schema;
        if found > u64::from(SCHEMA) {
            return Err(SchemaError::Newer { found });
        }
        Ok(serde_json::from_str(json)?)
    }
}
