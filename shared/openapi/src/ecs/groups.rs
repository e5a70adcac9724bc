//! Snapshot-consistent groups: snapshots of several disks at one moment.

use serde::{Deserialize, Serialize};

use super::client::Client;
use super::model::Tag;
use super::wire;
use crate::error::ApiError;

/// Most disks that a group holds in every region (ECS user guide, "Create a snapshot-consistent group").
pub const GROUP_DISKS: usize = 16;
/// Most GiB that a group's disks have together in every region.
pub const GROUP_GIB: u64 = 32 * 1024;

/// Whether disks of this category can be in a snapshot-consistent group: the ESSD series only.
pub fn can_be_grouped(category: &str) -> bool {
    matches!(category, "cloud_essd" | "cloud_auto" | "cloud_essd_entry")
}

/// Request of CreateSnapshotGroup: every disk of an instance, or those named. How long its snapshots are kept
/// is set afterwards, for each (ModifySnapshotAttribute).
#[derive(Clone, Debug, Default)]
pub struct CreateSnapshotGroup {
    /// `i-…`
    pub instance_id: String,
    /// Disks of the instance, at most 16; every one when empty.
    pub disk_ids: Vec<String>,
    /// 2-128 characters: letters, digits, `.`, `_`, `-`, `:`.
    pub name: String,
    /// Tags of the group and its snapshots.
    pub tags: Vec<Tag>,
    /// At most 64 ASCII characters; the same token gives the same group. Empty is none.
    pub client_token: String,
}

/// A snapshot-consistent group (DescribeSnapshotGroups).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SnapshotGroup {
    /// `ssg-…`
    pub snapshot_group_id: String,
    /// Name.
    pub name: String,
    /// `progressing`, `accomplished`, `failed`.
    pub status: String,
    /// `i-…`
    pub instance_id: String,
    /// `2021-03-23T10:58:48Z`
    pub creation_time: String,
    /// Tags.
    #[serde(with = "wire::tags")]
    pub tags: Vec<Tag>,
    /// Its snapshots.
    #[serde(with = "wire::snapshots")]
    pub snapshots: Vec<GroupedSnapshot>,
}

/// A snapshot of a [`SnapshotGroup`]; DescribeSnapshots tells more of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GroupedSnapshot {
    /// `s-…`
    pub snapshot_id: String,
    /// Disk that it was taken of.
    pub source_disk_id: String,
    /// `system` or `data`.
    pub source_disk_type: String,
    /// `100%`
    pub progress: String,
    /// Whether a disk can go back to it; may come before the group is accomplished.
    pub available: bool,
}

/// Answer of CreateSnapshotGroup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreatedSnapshotGroup {
    /// `ssg-…`
    pub snapshot_group_id: String,
}

/// Answer of DescribeSnapshotGroups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotGroups {
    /// The entries.
    #[serde(rename = "SnapshotGroups", with = "wire::snapshot_groups", default)]
    pub items: Vec<SnapshotGroup>,
    /// Asks for the next page; empty or missing on the last one.
    #[serde(rename = "NextToken", deserialize_with = "wire::non_empty", default)]
    pub next_token: Option<String>,
}

impl Client {
    /// Takes snapshots of several disks at one moment; answers the group's id. Sent again when it carries a
    /// ClientToken.
    pub async fn create_snapshot_group(&self, request: &CreateSnapshotGroup) -> Result<String, ApiError> {
        let params = self
            .in_region()
            .text("InstanceId", &request.instance_id)
            .list("DiskId", &request.disk_ids)
            .text("Name", &request.name)
            .tags(&request.tags)
            .text("ClientToken", &request.client_token);
        let repeatable = !request.client_token.is_empty();
        let created: CreatedSnapshotGroup = self.create("CreateSnapshotGroup", params, repeatable).await?;
        Ok(created.snapshot_group_id)
    }

    /// Every snapshot-consistent group of an instance that has this name.
    pub async fn describe_snapshot_groups(
        &self,
        instance_id: &str,
        name: &str,
    ) -> Result<Vec<SnapshotGroup>, ApiError> {
        let mut all = Vec::new();
        let mut next_token: Option<String> = None;
        loop {
            let params = self
                .in_region()
                .text("InstanceId", instance_id)
                .text("Name", name)
                .set("MaxResults", 100)
                .opt("NextToken", next_token);
            let page: SnapshotGroups = self.read("DescribeSnapshotGroups", params.into_vec()).await?;
            all.extend(page.items);
            next_token = page.next_token;
            if next_token.is_none() {
                return Ok(all);
            }
        }
    }

    /// Deletes a group with its snapshots. Sent again: an unknown one is ignored.
    pub async fn delete_snapshot_group(&self, snapshot_group_id: &str) -> Result<(), ApiError> {
        self.write("DeleteSnapshotGroup", self.in_region().set("SnapshotGroupId", snapshot_group_id), true).await
    }
}
