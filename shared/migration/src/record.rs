//! The record: everything that is remembered of one migration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::check::{Finding, Remediation};
use crate::code::Code;
use crate::id::MigrationId;
use crate::os::System;
use crate::path::Hop;
use crate::plan::Acknowledgement;
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
    /// The tool or the media, and what the policy allows to mend.
    Prepare,
    /// The way back.
    Snapshot,
    /// A drill's own instance.
    Clone,
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
    pub const ALL: [Self; 9] = [
        Self::Precheck,
        Self::Assess,
        Self::Prepare,
        Self::Snapshot,
        Self::Clone,
        Self::Migrate,
        Self::Verify,
        Self::Rollback,
        Self::Cleanup,
    ];

    /// The stage's name, which is its function's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Precheck => "precheck",
            Self::Assess => "assess",
            Self::Prepare => "prepare",
            Self::Snapshot => "snapshot",
            Self::Clone => "clone",
            Self::Migrate => "migrate",
            Self::Verify => "verify",
            Self::Rollback => "rollback",
            Self::Cleanup => "cleanup",
        }
    }

    /// How long the stage may take in all, milliseconds; [`Record::deadline`] adds what depends on engine and
    /// policy.
    pub fn deadline(self) -> Millis {
        match self {
            // A handful of read-only calls; the rest is for an API that throttles or is down.
            Self::Precheck => 15 * MINUTE,
            // About 30 s in the console; leapp's report and Setup's scan take minutes, slow mirrors more.
            Self::Assess => 60 * MINUTE,
            // A disk from a snapshot, or some packages over a slow mirror.
            Self::Prepare => 60 * MINUTE,
            // The first snapshot of a large, full disk takes hours.
            Self::Snapshot => 12 * 60 * MINUTE,
            // An image from complete snapshots and a boot.
            Self::Clone => 2 * 60 * MINUTE,
            // The engine's own time comes in its place.
            Self::Migrate => 3 * 60 * MINUTE,
            // Services and applications that start slowly.
            Self::Verify => 30 * MINUTE,
            // Stop, reset of every disk, start, proof: minutes each; nothing better is left to do, so patience.
            Self::Rollback => 4 * 60 * MINUTE,
            // A few calls, and a script in the guest that takes back what was prepared.
            Self::Cleanup => 60 * MINUTE,
        }
    }
}

const MINUTE: Millis = 60_000;

/// A plan waits so long for its acknowledgement, milliseconds: two weeks see every holiday.
const ACKNOWLEDGEMENT_LIMIT: Millis = 14 * 24 * 60 * MINUTE;

/// How a migration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The new system runs and is healthy.
    Succeeded,
    /// A check said no; in this hop no package was changed.
    Refused,
    /// It went wrong short of the point of no return; in this hop no disk had to go back.
    Failed,
    /// It went wrong, and the old system runs again.
    RolledBack,
    /// A person cancelled; the old system runs.
    Cancelled,
    /// A person must look: the rollback did not succeed or the instance is gone. Snapshots are kept.
    Stuck,
    /// The clone was migrated and is healthy; the instance itself was not touched.
    DrillPassed,
    /// The clone could not be migrated; the instance itself was not touched.
    DrillFailed,
    /// Nothing that is asked of cloud and guest stands against a migration; none was begun.
    CheckPassed,
}

impl Outcome {
    /// Every outcome there is.
    pub const ALL: [Self; 9] = [
        Self::Succeeded,
        Self::Refused,
        Self::Failed,
        Self::RolledBack,
        Self::Cancelled,
        Self::Stuck,
        Self::DrillPassed,
        Self::DrillFailed,
        Self::CheckPassed,
    ];

    /// Whether something went wrong that a batch may be stopped for: not a check that said no, not a person.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::RolledBack | Self::Stuck | Self::DrillFailed)
    }
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
    /// Whether Cloud Assistant says that it never came to the guest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undelivered: bool,
}

/// What a stage remembers from one invocation to the next; empty when the stage is entered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memo {
    /// Commands by the stage's name for them.
    pub commands: BTreeMap<String, CommandRef>,
    /// When the stage did what has no id to find it by.
    pub marks: BTreeMap<String, Millis>,
    /// Time in which nobody looked, or the cloud could not be asked, milliseconds: it is none of the stage's.
    pub unwatched: Millis,
    /// So much longer than usual the operator's settings let the stage take, milliseconds.
    pub longer: Millis,
}

impl Memo {
    /// Whether a migrate stage's tool may be under way. Its start counts too, and the word that it was started: a
    /// version before did not store the mark.
    pub fn tool_may_run(&self) -> bool {
        self.marks.contains_key(TOOL_SENT)
            || self.marks.contains_key(TOOL_STARTED)
            || self.commands.keys().any(|name| name.starts_with("start-"))
    }
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
    /// Who, when a person did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Request id of the invocation that wrote it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request_id: String,
    /// What was kept as evidence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exhibits: Vec<Exhibit>,
    /// What the cloud was made to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Call>,
}

/// A call that changed something in the cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// `ResetDisk`
    pub operation: String,
    /// What it was about, `d-…`
    pub resource: String,
    /// The name that it gave to what it made, if any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The service's own number of the call, by which ActionTrail and the vendor find it.
    pub request_id: String,
}

/// A piece of evidence: the end of a log, a report, the console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exhibit {
    /// Where it comes from: a path in the guest, or `console`.
    pub name: String,
    /// Its text, cut to a bearable length.
    pub text: String,
}

/// A setting of the cloud that was changed to get through, and comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudSetting {
    /// What it belongs to, such as `d-…`.
    pub resource: String,
    /// Which.
    pub kind: SettingKind,
    /// What it was.
    pub before: bool,
}

/// Which setting of the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingKind {
    /// `DeleteAutoSnapshot` of a disk: whether its automatic snapshots go with it.
    DeleteAutoSnapshot,
}

/// What a [`Made`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MadeKind {
    /// A drill's clone.
    Instance,
    /// The image that it is made of.
    Image,
    /// A disk with installation media.
    Disk,
    /// Snapshots of the instance, one by one or as a group.
    Snapshots,
}

/// Something that the cloud was asked to make beside the instance. A list that does not have it proves nothing as long
/// as it was in none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// What.
    pub kind: MadeKind,
    /// Its id, once it was told.
    pub id: Option<String>,
    /// When it was asked for; None once it was in a list.
    pub unseen_since: Option<Millis>,
}

/// The instance that a drill migrates in place of the real one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillClone {
    /// `i-…`
    pub instance_id: String,
}

/// How a drill went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillReport {
    /// Whether the clone was migrated and is healthy.
    pub passed: bool,
    /// When it ended.
    pub at: Millis,
    /// What went wrong.
    pub cause: Option<Cause>,
    /// What the last checks found.
    pub findings: Vec<Finding>,
    /// How long each stage took.
    pub timings: Vec<Timing>,
}

/// How long a stage took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// The stage.
    pub stage: Stage,
    /// Index of the hop.
    pub hop: usize,
    /// Milliseconds.
    pub took: Millis,
    /// Whether it went its ordinary way, neither failed nor waited for a person: the next time it will take as long.
    #[serde(default)]
    pub ordinary: bool,
}

/// The batch that a migration was opened in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchRef {
    /// `b-…`
    pub id: String,
    /// After so many failures in the batch, those that have changed nothing yet stop; 0: they go on.
    pub stop_after_failures: u32,
    /// So many of the batch are under way at once, the others wait in precheck; 0: all of them.
    #[serde(default)]
    pub max_concurrent: u32,
    /// Where it stands in the batch: the lower come first.
    #[serde(default)]
    pub place: i64,
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
    /// Warnings of the cloud-side checks: part of the plan also after the guest was asked.
    #[serde(default)]
    pub cloud_risks: Vec<Finding>,
    /// What went wrong first.
    pub cause: Option<Cause>,
    /// How it will end once it is cleaned up.
    pub ending: Option<Outcome>,
    /// Whether the tool may have been started in this hop.
    pub touched: bool,
    /// Operating system after the end, as the guest tells.
    pub os_after: Option<String>,
    /// Number of history steps so far.
    pub steps: u64,
    /// Counts beginnings: 0 at first, one more for each retry and after a drill. Part of the names of
    /// snapshots and of the guest's directory: a new run takes nothing over from an old one.
    #[serde(default)]
    pub run: u32,
    /// Counts what a person had tried again; part of ClientTokens.
    #[serde(default)]
    pub tries: u32,
    /// What the instance ran when the migration was opened, as far as was known: also architecture, edition and
    /// language.
    #[serde(default)]
    pub system: Option<System>,
    /// Who opened it.
    #[serde(default)]
    pub opened_by: String,
    /// The batch it belongs to.
    #[serde(default)]
    pub batch: Option<BatchRef>,
    /// A drill's own instance; scripts then run there.
    #[serde(default)]
    pub clone: Option<DrillClone>,
    /// How the drill went, once it is over.
    #[serde(default)]
    pub drill: Option<DrillReport>,
    /// Whether something was changed in the guest that must be taken back if the migration does not happen.
    #[serde(default)]
    pub prepared: bool,
    /// What was mended in the guest in this hop.
    #[serde(default)]
    pub remediated: Vec<Remediation>,
    /// Digest of the plan that waits for a person's acknowledgement.
    #[serde(default)]
    pub awaiting: Option<String>,
    /// Who acknowledged which plan.
    #[serde(default)]
    pub acknowledged: Vec<Acknowledgement>,
    /// What was made in the account and is not known to be gone.
    #[serde(default)]
    pub made: Vec<Made>,
    /// Settings of the cloud that must come back.
    #[serde(default)]
    pub changed: Vec<CloudSetting>,
    /// How long each stage of this run took.
    #[serde(default)]
    pub timings: Vec<Timing>,
    /// Whether cleaning up was given up: something of ours is left, and the instance stays locked.
    #[serde(default)]
    pub unclean: bool,
    /// Whether every disk that goes back is back: from then on a rollback only proves, and resets nothing again.
    #[serde(default)]
    pub disks_back: bool,
    /// Whether the old system has proven that it runs again: what is left to do is no rollback.
    #[serde(default)]
    pub restored: bool,
    /// Whether the guest said that the tool was started: until then its silence may be as old as the start.
    #[serde(default)]
    pub tool_started: bool,
    /// Whether a disk of this hop may have been reset: from then on all must go back, and nobody may say that none did.
    #[serde(default)]
    pub reset_begun: bool,
    /// `t-…` of commands that the stage before had sent, the latest last: they must not go on beside an undo.
    #[serde(default)]
    pub orphans: Vec<String>,
}

/// The mark of a rollback whose disks are all back.
pub const DISKS_BACK: &str = "reset";
/// The mark of a migrate stage whose tool may be under way: made before the tool is sent, and taken away when it is
/// certain that it never came to the guest.
pub const TOOL_SENT: &str = "tool sent";
/// The mark of a migrate stage whose guest has said that the tool was started.
pub const TOOL_STARTED: &str = "started";

/// The mark of a cleanup that has taken back what was prepared in the guest.
pub const UNDONE: &str = "undone";
/// The mark of a rollback that is about to reset the first disk; stored before it does.
pub const RESET_BEGUN: &str = "resetting";

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
            cloud_risks: Vec::new(),
            cause: None,
            ending: None,
            touched: false,
            os_after: None,
            steps: 0,
            run: 0,
            tries: 0,
            system: None,
            opened_by: String::new(),
            batch: None,
            clone: None,
            drill: None,
            prepared: false,
            remediated: Vec::new(),
            awaiting: None,
            acknowledged: Vec::new(),
            made: Vec::new(),
            changed: Vec::new(),
            timings: Vec::new(),
            unclean: false,
            disks_back: false,
            restored: false,
            tool_started: false,
            reset_begun: false,
            orphans: Vec::new(),
        }
    }

    /// The instance on which scripts run and disks are looked at: a drill's clone once there is one.
    pub fn subject(&self) -> &str {
        self.clone.as_ref().map_or(self.instance_id.as_str(), |clone| &clone.instance_id)
    }

    /// Whether what goes on now is a drill: the instance itself must not be changed.
    pub fn drilling(&self) -> bool {
        self.policy.mode.drills() && self.drill.is_none()
    }

    /// Whether cleanup must take back what was prepared in the guest: the migration does not happen, and it is
    /// no clone that is thrown away.
    pub fn must_undo(&self) -> bool {
        // A stuck migration is beyond undoing: its snapshots are the way back.
        let beyond = matches!(self.ending, Some(Outcome::Succeeded | Outcome::Stuck));
        self.prepared && self.clone.is_none() && !beyond
    }

    /// The run and the hop under way, as part of names: `0`, `1`, after a retry `1.0`.
    pub fn leg(&self) -> String {
        self.leg_of(self.hop)
    }

    /// This run and a hop, as part of names.
    pub fn leg_of(&self, hop: usize) -> String {
        match self.run {
            0 => hop.to_string(),
            run => format!("{run}.{hop}"),
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
        let stage = self.stage()?;
        let limit = match stage {
            Stage::Assess if self.awaiting.is_some() => ACKNOWLEDGEMENT_LIMIT,
            Stage::Migrate => self.current_hop().map_or(stage.deadline(), |hop| hop.engine.deadline()),
            Stage::Verify => stage.deadline() + Millis::from(self.policy.observe_minutes) * MINUTE,
            _ => stage.deadline(),
        };
        Some(self.entered_at + limit + self.memo.unwatched + self.memo.longer)
    }

    /// How long the stage is at work, milliseconds: without the time in which nobody could look.
    pub fn elapsed(&self, now: Millis) -> Millis {
        now - self.entered_at - self.memo.unwatched
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
