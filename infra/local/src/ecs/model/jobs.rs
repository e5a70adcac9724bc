//! What is under way.

use serde::{Deserialize, Serialize};

use super::seq_key;
use crate::ecs::db::{Row, Table};

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
    /// Copies the disks of a group at one moment.
    CreateSnapshotGroup { group_id: String },
    /// Makes an image of snapshots.
    CreateImage { image_id: String },
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
