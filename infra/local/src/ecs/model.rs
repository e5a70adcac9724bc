//! What the ECS service remembers: one struct per table, as it is stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::db::{Row, Table};

/// Tags of a resource, by key.
pub type Tags = BTreeMap<String, String>;

/// `Status` of an instance (ECS API reference, DescribeInstances). `Deleted` is only ever said in
/// an event.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub enum InstanceStatus {
    /// Its disks are being made.
    Pending,
    /// Booting; a reboot shows this from its beginning.
    Starting,
    /// Its init runs.
    Running,
    /// Going down.
    Stopping,
    /// Down.
    Stopped,
}

impl InstanceStatus {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Starting => "Starting",
            Self::Running => "Running",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
        }
    }
}

/// An instance. Times are epoch milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Instance {
    /// `i-…`
    pub instance_id: String,
    /// Display name.
    pub instance_name: String,
    /// Host name inside the guest.
    pub host_name: String,
    /// Free text.
    pub description: String,
    /// Image it was made from.
    pub image_id: String,
    /// Localised name of the image's system, blanks as given; never changes (ECS keeps saying what
    /// the image was, whatever runs now).
    pub os_name: String,
    /// English name of the image's system, blanks as given.
    pub os_name_en: String,
    /// `linux` or `windows`.
    pub os_type: String,
    /// State.
    pub status: InstanceStatus,
    /// Tags.
    pub tags: Tags,
    /// Attached disks, the system disk first.
    pub disks: Vec<String>,
    /// `ecs.…`
    pub instance_type: String,
    /// Cores.
    pub cpu: u32,
    /// MiB.
    pub memory: u32,
    /// `vpc` or `classic`.
    pub network_type: String,
    /// `PostPaid` or `PrePaid`.
    pub charge_type: String,
    /// `LockReason`s in force: `financial`, `security`, `recycling`…
    pub operation_locks: Vec<String>,
    /// Refuses deletion.
    pub deletion_protection: bool,
    /// `KeepCharging`, `StopCharging` or `Not-applicable`.
    pub stopped_mode: String,
    /// When it was made.
    pub created: i64,
    /// Last start.
    pub started: Option<i64>,
    /// Its FirstHeartbeat event was sent.
    pub heartbeat_seen: bool,
    /// Commands ever sent to it.
    pub invocations: u64,
    /// Commands under way.
    pub active_tasks: u64,
    /// Last command.
    pub last_invoked: Option<i64>,
}

/// `Status` of a disk (ECS API reference, DescribeDisks).
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub enum DiskStatus {
    /// Being made.
    Creating,
    /// Attached to nothing.
    Available,
    /// Being attached.
    Attaching,
    /// Attached.
    #[serde(rename = "In_use")]
    InUse,
    /// Being detached.
    Detaching,
    /// Going back to a snapshot.
    ReIniting,
}

impl DiskStatus {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Available => "Available",
            Self::Attaching => "Attaching",
            Self::InUse => "In_use",
            Self::Detaching => "Detaching",
            Self::ReIniting => "ReIniting",
        }
    }
}

/// A disk. Times are epoch milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Disk {
    /// `d-…`
    pub disk_id: String,
    /// Display name.
    pub disk_name: String,
    /// A system disk, otherwise a data disk.
    pub system: bool,
    /// GiB, as asked for; the local disk grows as it likes.
    pub size: u32,
    /// `cloud_essd`…
    pub category: String,
    /// State.
    pub status: DiskStatus,
    /// Where it is attached (or being attached).
    pub instance_id: Option<String>,
    /// `/dev/xvda`… while attached.
    pub device: Option<String>,
    /// Released with its instance.
    pub delete_with_instance: bool,
    /// Was attached once; others have nothing to snapshot.
    pub ever_attached: bool,
    /// Image it was made from.
    pub image_id: Option<String>,
    /// Snapshot it was made from.
    pub source_snapshot_id: Option<String>,
    /// Snapshots taken of it that still exist.
    pub snapshots: Vec<String>,
    /// The snapshot that is being taken of it.
    pub creating_snapshot: Option<String>,
    /// The snapshot it is going back to.
    pub resetting_from: Option<String>,
    /// Tags.
    pub tags: Tags,
    /// When it was made.
    pub created: i64,
}

/// `Status` of a snapshot (ECS API reference, DescribeSnapshots).
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotStatus {
    /// Being taken.
    Progressing,
    /// Usable.
    Accomplished,
    /// Holds nothing.
    Failed,
}

impl SnapshotStatus {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Progressing => "progressing",
            Self::Accomplished => "accomplished",
            Self::Failed => "failed",
        }
    }
}

/// A snapshot. Times are epoch milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Snapshot {
    /// `s-…`
    pub snapshot_id: String,
    /// Display name.
    pub snapshot_name: String,
    /// Free text.
    pub description: String,
    /// State.
    pub status: SnapshotStatus,
    /// The disk it was taken of.
    pub disk_id: String,
    /// That disk was a system disk.
    pub system: bool,
    /// GiB of that disk.
    pub disk_size: u32,
    /// Instance the disk was attached to.
    pub instance_id: Option<String>,
    /// Deleted after so many days; None keeps it.
    pub retention_days: Option<u32>,
    /// Bytes it holds.
    pub bytes: u64,
    /// Disks that were made from it and still exist.
    pub created_disks: Vec<String>,
    /// Tags.
    pub tags: Tags,
    /// When it was asked for.
    pub created: i64,
    /// When it may be accomplished at the earliest; progress is counted towards it.
    pub expected: i64,
    /// When it last changed.
    pub modified: i64,
}

/// One RunCommand call.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Invocation {
    /// `t-…`
    pub invoke_id: String,
    /// `c-…`
    pub command_id: String,
    /// RunCommand's Name.
    pub name: String,
    /// Script, decoded, parameters not filled in.
    pub script: String,
    /// Values for `{{name}}` in the script; None when EnableParameter was not set.
    pub parameters: Option<BTreeMap<String, String>>,
    /// `RunShellScript`…
    pub kind: String,
    /// Seconds.
    pub timeout: u64,
    /// Empty for the user's home.
    pub working_dir: String,
    /// Empty for the default user.
    pub username: String,
    /// Instances it was sent to.
    pub instances: Vec<String>,
    /// Tags.
    pub tags: Tags,
    /// Epoch milliseconds.
    pub created: i64,
}

/// `InvocationStatus` on one instance (ECS API reference, DescribeInvocationResults).
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub enum InvokeStatus {
    /// Not delivered yet.
    Pending,
    /// Delivered.
    Running,
    /// Told to stop.
    Stopping,
    /// Exit code 0.
    Success,
    /// Another exit code, or interrupted.
    Failed,
    /// Killed at its timeout.
    Timeout,
    /// Could not be delivered in time.
    Aborted,
    /// Stopped before it was delivered.
    Cancelled,
    /// Stopped after it was delivered.
    Terminated,
}

impl InvokeStatus {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Stopping => "Stopping",
            Self::Success => "Success",
            Self::Failed => "Failed",
            Self::Timeout => "Timeout",
            Self::Aborted => "Aborted",
            Self::Cancelled => "Cancelled",
            Self::Terminated => "Terminated",
        }
    }

    /// Nothing more happens to it.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::Stopping)
    }
}

/// What became of an invocation on one instance. Times are epoch milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct InvokeResult {
    /// `t-…`
    pub invoke_id: String,
    /// `i-…`
    pub instance_id: String,
    /// State.
    pub status: InvokeStatus,
    /// Exit code, when it ended by itself.
    pub exit_code: Option<i32>,
    /// Output, Base64.
    pub output: String,
    /// Bytes of output that were dropped.
    pub dropped: u64,
    /// Empty when all is well.
    pub error_code: String,
    /// Empty when all is well.
    pub error_info: String,
    /// When it was asked for.
    pub created: i64,
    /// When the agent took it.
    pub started: Option<i64>,
    /// When it ended.
    pub finished: Option<i64>,
    /// When StopInvocation was called.
    pub stopped: Option<i64>,
}

impl InvokeResult {
    /// Its key; all results of one invocation stand together.
    pub fn key_of(invoke_id: &str, instance_id: &str) -> String {
        format!("{invoke_id}/{instance_id}")
    }
}

/// A system event of an instance (ECS API reference, DescribeInstanceHistoryEvents).
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct HistoryEvent {
    /// `e-…`
    pub event_id: String,
    /// `i-…`
    pub instance_id: String,
    /// `SystemMaintenance.Reboot`…
    pub event_type: String,
    /// `Scheduled`, `Executing`, `Executed`, `Avoided`, `Canceled`, `Failed`, `Inquiring`.
    pub cycle_status: String,
    /// Free text.
    pub reason: String,
    /// Not carried out before this, epoch milliseconds.
    pub not_before: i64,
    /// When it was announced, epoch milliseconds.
    pub published: i64,
    /// When it was over, epoch milliseconds.
    pub finished: Option<i64>,
}

/// What a ClientToken was first used for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientToken {
    /// Action and token.
    pub key: String,
    /// SHA-256 over the parameters, hex.
    pub fingerprint: String,
    /// What was answered.
    pub answer: serde_json::Value,
    /// Epoch milliseconds.
    pub used: i64,
}

/// An event that is committed but perhaps not yet published.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outgoing {
    /// Order of publication.
    pub seq: u64,
    /// The CloudEvents object.
    pub event: serde_json::Value,
}

/// Something under way: stored until it has ended, so that a restart takes it up again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// Order of creation.
    pub seq: u64,
    /// Instance or disk it occupies: of the machine jobs only one runs per key.
    pub key: String,
    /// When it is to be looked at, epoch milliseconds.
    pub due: i64,
    /// When it may end at the earliest, epoch milliseconds.
    pub not_before: i64,
    /// What the machine answered, once it has.
    pub outcome: Option<Outcome>,
    /// What is to be done.
    pub work: Work,
    /// How often it was looked at since the start of this process; sets the pace of polling.
    #[serde(skip)]
    pub tries: u32,
}

/// How the real part of a job ended.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done; for snapshots with the bytes they hold.
    Done(u64),
    /// The machine could not.
    Failed(String),
}

/// The kinds of jobs.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Work {
    /// Makes the disks of a Pending instance, then starts it.
    CreateInstance { instance_id: String },
    /// Boots a Starting instance.
    Start { instance_id: String },
    /// Takes an instance down; a reboot goes on with `Start`.
    Stop { instance_id: String, force: bool, reboot: bool },
    /// Takes an instance down and releases it with its disks.
    DeleteInstance { instance_id: String },
    /// Copies a disk.
    CreateSnapshot { snapshot_id: String },
    /// Brings a disk back.
    ResetDisk { disk_id: String, snapshot_id: String },
    /// Makes a disk.
    CreateDisk { disk_id: String },
    /// Attaches a disk.
    AttachDisk { disk_id: String },
    /// Detaches a disk.
    DetachDisk { disk_id: String },
    /// Frees the bytes of a deleted disk.
    DropDisk { disk_id: String },
    /// Frees the bytes of a deleted snapshot.
    DropSnapshot { snapshot_id: String },
    /// Deletes a snapshot whose retention is over.
    ExpireSnapshot { snapshot_id: String },
    /// Delivers a command, then asks for its result.
    Command { invoke_id: String, instance_id: String },
    /// Waits for the agent of a new instance.
    FirstHeartbeat { instance_id: String },
}

impl Work {
    /// Whether the one polling thread does it, not the machine workers.
    pub fn is_polled(&self) -> bool {
        matches!(self, Self::Command { .. } | Self::FirstHeartbeat { .. })
    }
}

impl Row for Instance {
    const TABLE: Table = Table::Instances;
    fn key(&self) -> String {
        self.instance_id.clone()
    }
}

impl Row for Disk {
    const TABLE: Table = Table::Disks;
    fn key(&self) -> String {
        self.disk_id.clone()
    }
}

impl Row for Snapshot {
    const TABLE: Table = Table::Snapshots;
    fn key(&self) -> String {
        self.snapshot_id.clone()
    }
}

impl Row for Invocation {
    const TABLE: Table = Table::Invocations;
    fn key(&self) -> String {
        self.invoke_id.clone()
    }
}

impl Row for InvokeResult {
    const TABLE: Table = Table::Results;
    fn key(&self) -> String {
        Self::key_of(&self.invoke_id, &self.instance_id)
    }
}

impl Row for HistoryEvent {
    const TABLE: Table = Table::History;
    fn key(&self) -> String {
        self.event_id.clone()
    }
}

impl Row for ClientToken {
    const TABLE: Table = Table::Tokens;
    fn key(&self) -> String {
        self.key.clone()
    }
}

impl Row for Outgoing {
    const TABLE: Table = Table::Outbox;
    fn key(&self) -> String {
        seq_key(self.seq)
    }
}

impl Row for Job {
    const TABLE: Table = Table::Jobs;
    fn key(&self) -> String {
        seq_key(self.seq)
    }
}

/// Fixed width, so that key order is order of creation.
pub fn seq_key(seq: u64) -> String {
    format!("{seq:020}")
}
