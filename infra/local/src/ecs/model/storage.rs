//! Disks, snapshots and images.

use serde::{Deserialize, Serialize};

use super::Tags;
use crate::ecs::db::{Row, Table};

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
    /// Zone.
    pub zone: String,
    /// Released with its instance.
    pub delete_with_instance: bool,
    /// Its automatic snapshots are deleted with it.
    pub delete_auto_snapshot: bool,
    /// The policy by which automatic snapshots of it are taken.
    #[serde(default)]
    pub auto_snapshot_policy_id: Option<String>,
    /// Was attached once; others have nothing to snapshot.
    pub ever_attached: bool,
    /// Image it was made from.
    pub image_id: Option<String>,
    /// Snapshot it was made from: its own, or that of its custom image.
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

/// What an image says of its system.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct SystemName {
    /// Localised.
    pub os_name: String,
    /// English.
    pub os_name_en: String,
    /// `linux` or `windows`.
    pub os_type: String,
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
    /// The group it belongs to.
    pub group_id: Option<String>,
    /// System of the instance the disk was attached to.
    pub system_name: SystemName,
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

/// A snapshot-consistent group. Times are epoch milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct SnapshotGroup {
    /// `ssg-…`
    pub snapshot_group_id: String,
    /// Display name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// State.
    pub status: SnapshotStatus,
    /// Instance, when it was asked for by one.
    pub instance_id: Option<String>,
    /// Its snapshots, the system disk's first.
    pub snapshots: Vec<String>,
    /// Tags.
    pub tags: Tags,
    /// When it was asked for.
    pub created: i64,
}

/// `Status` of an image (ECS API reference, DescribeImages).
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub enum ImageStatus {
    /// Being made.
    Creating,
    /// Usable.
    Available,
}

impl ImageStatus {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Available => "Available",
        }
    }
}

/// A custom image. Times are epoch milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Image {
    /// `m-…`
    pub image_id: String,
    /// Name; no two images have the same.
    pub image_name: String,
    /// Free text.
    pub description: String,
    /// State.
    pub status: ImageStatus,
    /// Its disks, the system disk first.
    pub disks: Vec<ImageDisk>,
    /// What it says of its system.
    pub system_name: SystemName,
    /// Tags.
    pub tags: Tags,
    /// When it was asked for.
    pub created: i64,
}

/// A disk of an image.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct ImageDisk {
    /// What it holds; None for nothing.
    pub snapshot_id: Option<String>,
    /// GiB.
    pub size: u32,
}

impl Row for Disk {
    const TABLE: Table = Table::Disks;
    fn key(&self) -> String {
        self.disk_id.clone()
    }
}

/// When automatic snapshots are to be taken (ECS API reference, DescribeAutoSnapshotPolicyEx).
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct AutoSnapshotPolicy {
    /// `sp-…`
    pub auto_snapshot_policy_id: String,
    /// Display name.
    pub auto_snapshot_policy_name: String,
    /// A JSON list of hours in UTC+8, as it was given.
    pub time_points: String,
    /// A JSON list of days, 1 to 7, as it was given.
    pub repeat_weekdays: String,
    /// Days; -1 keeps them for ever.
    pub retention_days: i64,
    /// When it was made, epoch milliseconds.
    pub created: i64,
}

impl Row for AutoSnapshotPolicy {
    const TABLE: Table = Table::AutoSnapshotPolicies;
    fn key(&self) -> String {
        self.auto_snapshot_policy_id.clone()
    }
}

impl Row for Snapshot {
    const TABLE: Table = Table::Snapshots;
    fn key(&self) -> String {
        self.snapshot_id.clone()
    }
}

impl Row for SnapshotGroup {
    const TABLE: Table = Table::SnapshotGroups;
    fn key(&self) -> String {
        self.snapshot_group_id.clone()
    }
}

impl Row for Image {
    const TABLE: Table = Table::Images;
    fn key(&self) -> String {
        self.image_id.clone()
    }
}
