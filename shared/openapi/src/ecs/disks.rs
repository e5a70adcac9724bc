//! Data disks that come and go.

use serde::{Deserialize, Serialize};

use super::client::Client;
use super::model::{Disk, Disks, Tag};
use super::request::Params;
use crate::error::ApiError;

/// Request of CreateDisk.
#[derive(Clone, Debug, Default)]
pub struct CreateDisk {
    /// `cn-hangzhou-g`: that of the instance it is for.
    pub zone_id: String,
    /// 2-128 characters: letters, digits, `.`, `_`, `-`, `:`.
    pub name: String,
    /// `cloud_essd`, `cloud_efficiency`, …; the service's default when empty.
    pub category: String,
    /// GiB; when None, or less than the snapshot's, the snapshot's.
    pub size: Option<u32>,
    /// What it holds; empty for nothing.
    pub snapshot_id: String,
    /// Tags.
    pub tags: Vec<Tag>,
    /// At most 64 ASCII characters; the same token gives the same disk. Empty is none.
    pub client_token: String,
}

/// Answer of CreateDisk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreatedDisk {
    /// `d-…`
    pub disk_id: String,
}

impl Client {
    /// Makes a disk; answers its id while it is Creating. Sent again when it carries a ClientToken.
    pub async fn create_disk(&self, request: &CreateDisk) -> Result<String, ApiError> {
        let params = self
            .in_region()
            .set("ZoneId", &request.zone_id)
            .text("DiskName", &request.name)
            .text("DiskCategory", &request.category)
            .opt("Size", request.size)
            .text("SnapshotId", &request.snapshot_id)
            .tags(&request.tags)
            .text("ClientToken", &request.client_token);
        let created: CreatedDisk = self.create("CreateDisk", params, !request.client_token.is_empty()).await?;
        Ok(created.disk_id)
    }

    /// The disks of the region with this name, attached or not; at most 100.
    pub async fn describe_disks_named(&self, name: &str) -> Result<Vec<Disk>, ApiError> {
        let params = self.in_region().set("DiskName", name).set("MaxResults", 100);
        let answer: Disks = self.read("DescribeDisks", params.into_vec()).await?;
        Ok(answer.items)
    }

    /// Attaches an Available disk to a Running or Stopped instance of its zone. Not sent again: the second
    /// would be refused because of the first.
    pub async fn attach_disk(
        &self,
        instance_id: &str,
        disk_id: &str,
        delete_with_instance: bool,
    ) -> Result<(), ApiError> {
        let params = Params::default()
            .set("DiskId", disk_id)
            .set("InstanceId", instance_id)
            .set("DeleteWithInstance", delete_with_instance);
        self.write("AttachDisk", params, false).await
    }

    /// Detaches a data disk; it takes about a minute. Not sent again: the second would be refused because of
    /// the first.
    pub async fn detach_disk(&self, instance_id: &str, disk_id: &str) -> Result<(), ApiError> {
        let params = Params::default().set("DiskId", disk_id).set("InstanceId", instance_id);
        self.write("DetachDisk", params, false).await
    }

    /// Releases an Available disk. Sent again: an unknown one is ignored.
    pub async fn delete_disk(&self, disk_id: &str) -> Result<(), ApiError> {
        self.write("DeleteDisk", Params::default().set("DiskId", disk_id), true).await
    }

    /// Whether a disk's automatic snapshots are deleted with it. Sent again: it sets an absolute value.
    pub async fn modify_disk_delete_auto_snapshot(&self, disk_id: &str, delete: bool) -> Result<(), ApiError> {
        let params = self.in_region().set("DiskId", disk_id).set("DeleteAutoSnapshot", delete);
        self.write("ModifyDiskAttribute", params, true).await
    }
}
