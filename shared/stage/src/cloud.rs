//! The port to ECS: what stages need of it, and nothing else.

use migration::Call;
use openapi::ApiError;
use openapi::ecs::{
    AutoSnapshotPolicy, Client, CloudAssistantStatus, CreateDisk, CreateImage, CreateSnapshot, CreateSnapshotGroup,
    DescribeInstances, DescribeSnapshots, Disk, HistoryEvent, Image, Instance, InvocationResult, Paging, RunCommand,
    RunInstance, Snapshot, SnapshotGroup, StoppedMode, Tag,
};
use openapi::error::ErrorKind;

/// ECS as the stages use it.
#[allow(async_fn_in_trait)] // Handlers run on the task that called them; no Send is needed.
pub trait Cloud {
    /// One page of the instances that carry `tag`, or of all of the region, and the token of the next.
    async fn instances(
        &self,
        tag: Option<&str>,
        token: Option<String>,
    ) -> Result<(Vec<Instance>, Option<String>), ApiError>;
    /// The instance; None when it is not listed, because it does not exist or may not be seen.
    async fn instance(&self, instance_id: &str) -> Result<Option<Instance>, ApiError>;
    /// The instances of these ids that are listed; any number of ids, no ids are no instances.
    async fn instances_by_id(&self, ids: &[String]) -> Result<Vec<Instance>, ApiError>;
    /// The instances with exactly this name.
    async fn instances_named(&self, name: &str) -> Result<Vec<Instance>, ApiError>;
    /// Makes one instance, which starts; answers its id. The same ClientToken is the same instance.
    async fn run_instance(&self, request: &RunInstance) -> Result<String, ApiError>;
    /// Releases an instance, running or not, with the disks that go with it; an unknown one is fine.
    async fn delete_instance(&self, instance_id: &str) -> Result<(), ApiError>;
    /// Fails with `InvalidInstanceId.NotFound` when the instance does not exist.
    async fn confirm_instance(&self, instance_id: &str) -> Result<(), ApiError>;
    /// System disk and data disks.
    async fn disks(&self, instance_id: &str) -> Result<Vec<Disk>, ApiError>;
    /// One page of all disks of the region, and the token of the next.
    async fn all_disks(&self, token: Option<String>) -> Result<(Vec<Disk>, Option<String>), ApiError>;
    /// The disks of a zone with exactly this name, attached or not.
    async fn disks_named(&self, zone_id: &str, name: &str) -> Result<Vec<Disk>, ApiError>;
    /// Makes a disk; answers its id. The same ClientToken is the same disk.
    async fn create_disk(&self, request: &CreateDisk) -> Result<String, ApiError>;
    /// Attaches an Available disk; it goes with the instance from then on.
    async fn attach_disk(&self, instance_id: &str, disk_id: &str) -> Result<(), ApiError>;
    /// Detaches a data disk; done when its status is Available.
    async fn detach_disk(&self, instance_id: &str, disk_id: &str) -> Result<(), ApiError>;
    /// Releases an Available disk; an unknown one is fine.
    async fn delete_disk(&self, disk_id: &str) -> Result<(), ApiError>;
    /// Whether the disk's automatic snapshots are deleted with it (`DeleteAutoSnapshot`).
    async fn protect_auto_snapshots(&self, disk_id: &str, delete_with_disk: bool) -> Result<(), ApiError>;
    /// Every snapshot of the instance's disks.
    async fn snapshots(&self, instance_id: &str) -> Result<Vec<Snapshot>, ApiError>;
    /// The snapshots that are being taken of disks of the instance, or of all disks of the region.
    async fn snapshots_in_progress(&self, instance_id: Option<&str>) -> Result<Vec<Snapshot>, ApiError>;
    /// When automatic snapshots are taken in the region.
    async fn auto_snapshot_policies(&self) -> Result<Vec<AutoSnapshotPolicy>, ApiError>;
    /// Takes a snapshot; answers its id.
    async fn create_snapshot(&self, request: &CreateSnapshot) -> Result<String, ApiError>;
    /// Takes snapshots of several disks at one moment; answers the group's id. The same ClientToken is the same
    /// group.
    async fn create_snapshot_group(&self, request: &CreateSnapshotGroup) -> Result<String, ApiError>;
    /// The snapshot groups of an instance with exactly this name, with their snapshots.
    async fn snapshot_groups(&self, instance_id: &str, name: &str) -> Result<Vec<SnapshotGroup>, ApiError>;
    /// Every snapshot in the region that has a tag of this key.
    async fn snapshots_tagged(&self, key: &str) -> Result<Vec<Snapshot>, ApiError>;
    /// Renames a snapshot.
    async fn rename_snapshot(&self, snapshot_id: &str, name: &str) -> Result<(), ApiError>;
    /// Puts tags on a snapshot.
    async fn tag_snapshot(&self, snapshot_id: &str, tags: &[Tag]) -> Result<(), ApiError>;
    /// Deletes a snapshot; an unknown one is fine.
    async fn delete_snapshot(&self, snapshot_id: &str) -> Result<(), ApiError>;
    /// Keeps a snapshot that many days from its creation. Fails with
    /// `InvalidOperation.DecreaseRetentionDaysUnsupported` for one that ECS keeps longer, or for ever.
    async fn keep_snapshot(&self, snapshot_id: &str, days: u32) -> Result<(), ApiError>;
    /// The account's own images with exactly this name, whatever their status.
    async fn images_named(&self, name: &str) -> Result<Vec<Image>, ApiError>;
    /// Makes an image of snapshots of a system disk and of data disks; answers its id. The same ClientToken is
    /// the same image.
    async fn create_image(&self, request: &CreateImage) -> Result<String, ApiError>;
    /// Deletes an image, its snapshots stay; an unknown one is fine.
    async fn delete_image(&self, image_id: &str) -> Result<(), ApiError>;
    /// Stops the instance.
    async fn stop(&self, instance_id: &str, force: bool) -> Result<(), ApiError>;
    /// Starts the instance.
    async fn start(&self, instance_id: &str) -> Result<(), ApiError>;
    /// Brings a disk back to a snapshot of it.
    async fn reset_disk(&self, disk_id: &str, snapshot_id: &str) -> Result<(), ApiError>;
    /// Runs a command; answers its invocation's id.
    async fn run_command(&self, request: &RunCommand) -> Result<String, ApiError>;
    /// What became of a command on an instance.
    async fn invocation(&self, invoke_id: &str, instance_id: &str) -> Result<Option<InvocationResult>, ApiError>;
    /// What became of a command on every instance that it was sent to.
    async fn invocations(&self, invoke_id: &str) -> Result<Vec<InvocationResult>, ApiError>;
    /// Stops a command on an instance.
    async fn stop_invocation(&self, invoke_id: &str, instance_id: &str) -> Result<(), ApiError>;
    /// What the instance wrote to its console since its last start, at most the last 64 KB. Fails with
    /// `NotSupported` for Windows.
    async fn console_output(&self, instance_id: &str) -> Result<String, ApiError>;
    /// Cloud Assistant on these instances; any number of ids, no ids are no answers.
    async fn assistants(&self, ids: &[String]) -> Result<Vec<CloudAssistantStatus>, ApiError>;
    /// Cloud Assistant on the instance.
    async fn assistant(&self, instance_id: &str) -> Result<Option<CloudAssistantStatus>, ApiError>;
    /// Maintenance of these instances that is pending or under way; any number of ids, no ids are no events.
    async fn maintenance(&self, ids: &[String]) -> Result<Vec<HistoryEvent>, ApiError>;
    /// Puts tags on the instance.
    async fn tag(&self, instance_id: &str, tags: &[Tag]) -> Result<(), ApiError>;
    /// What was done since this was asked last, as far as [`is_told`] says.
    fn take_calls(&self) -> Vec<Call>;
}

/// Operations that a history tells: what makes, stops, changes or deletes. Names and tags are told by what bears them.
const TOLD: &[&str] = &[
    "AttachDisk",
    "CreateDisk",
    "CreateImage",
    "CreateSnapshot",
    "CreateSnapshotGroup",
    "DeleteDisk",
    "DeleteImage",
    "DeleteInstance",
    "DeleteSnapshot",
    "DetachDisk",
    "ModifyDiskAttribute",
    "ResetDisk",
    "RunInstances",
    "StartInstance",
    "StopInstance",
];

/// Commands that change the guest; all others look.
const CHANGING: &[&str] = &["finish", "prepare", "reboot", "start", "undo"];

/// Whether the history tells a call of `operation` that gave `name` (`…-migrate-start-1`).
pub fn is_told(operation: &str, name: &str) -> bool {
    let command = name.rsplit('-').nth(1);
    TOLD.contains(&operation) || operation == "RunCommand" && command.is_some_and(|name| CHANGING.contains(&name))
}

impl Cloud for Client {
    async fn instances(
        &self,
        tag: Option<&str>,
        token: Option<String>,
    ) -> Result<(Vec<Instance>, Option<String>), ApiError> {
        let request = DescribeInstances {
            tags: tag.map(|key| Tag::new(key, "")).into_iter().collect(),
            paging: Paging { next_token: token, max_results: Some(100) },
            ..DescribeInstances::default()
        };
        let page = self.describe_instances(&request).await?;
        Ok((page.items, page.next_token))
    }

    async fn instance(&self, instance_id: &str) -> Result<Option<Instance>, ApiError> {
        let request = DescribeInstances { instance_ids: vec![instance_id.into()], ..DescribeInstances::default() };
        Ok(self.describe_instances(&request).await?.items.into_iter().next())
    }

    async fn instances_by_id(&self, ids: &[String]) -> Result<Vec<Instance>, ApiError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let request = DescribeInstances { instance_ids: ids.to_vec(), ..DescribeInstances::default() };
        self.describe_all_instances(&request).await
    }

    async fn instances_named(&self, name: &str) -> Result<Vec<Instance>, ApiError> {
        let request = DescribeInstances { instance_name: Some(name.into()), ..DescribeInstances::default() };
        self.describe_all_instances(&request).await
    }

    async fn run_instance(&self, request: &RunInstance) -> Result<String, ApiError> {
        let ran = Client::run_instance(self, request).await?;
        ran.instance_ids.into_iter().next().ok_or_else(|| ApiError {
            product: "ECS",
            operation: "RunInstances".into(),
            resource: request.name.as_str().into(),
            kind: ErrorKind::Decode("no instance in it".into()),
        })
    }

    async fn delete_instance(&self, instance_id: &str) -> Result<(), ApiError> {
        unless(Client::delete_instance(self, instance_id).await, "InvalidInstanceId.NotFound")
    }

    async fn confirm_instance(&self, instance_id: &str) -> Result<(), ApiError> {
        self.describe_instance_attribute(instance_id).await
    }

    async fn disks(&self, instance_id: &str) -> Result<Vec<Disk>, ApiError> {
        self.describe_disks(instance_id).await
    }

    async fn all_disks(&self, token: Option<String>) -> Result<(Vec<Disk>, Option<String>), ApiError> {
        let page = self.describe_all_disks(token).await?;
        Ok((page.items, page.next_token))
    }

    async fn disks_named(&self, zone_id: &str, name: &str) -> Result<Vec<Disk>, ApiError> {
        self.describe_disks_named(zone_id, name).await
    }

    async fn create_disk(&self, request: &CreateDisk) -> Result<String, ApiError> {
        Client::create_disk(self, request).await
    }

    async fn attach_disk(&self, instance_id: &str, disk_id: &str) -> Result<(), ApiError> {
        Client::attach_disk(self, instance_id, disk_id, true).await
    }

    async fn detach_disk(&self, instance_id: &str, disk_id: &str) -> Result<(), ApiError> {
        Client::detach_disk(self, instance_id, disk_id).await
    }

    async fn delete_disk(&self, disk_id: &str) -> Result<(), ApiError> {
        Client::delete_disk(self, disk_id).await
    }

    async fn protect_auto_snapshots(&self, disk_id: &str, delete_with_disk: bool) -> Result<(), ApiError> {
        self.modify_disk_delete_auto_snapshot(disk_id, delete_with_disk).await
    }

    async fn snapshots(&self, instance_id: &str) -> Result<Vec<Snapshot>, ApiError> {
        let request = DescribeSnapshots { instance_id: Some(instance_id.into()), ..DescribeSnapshots::default() };
        self.describe_all_snapshots(request).await
    }

    async fn snapshots_tagged(&self, key: &str) -> Result<Vec<Snapshot>, ApiError> {
        let request = DescribeSnapshots { tags: vec![Tag::new(key, "")], ..DescribeSnapshots::default() };
        self.describe_all_snapshots(request).await
    }

    async fn snapshots_in_progress(&self, instance_id: Option<&str>) -> Result<Vec<Snapshot>, ApiError> {
        let request = DescribeSnapshots {
            instance_id: instance_id.map(str::to_owned),
            status: Some("progressing".into()),
            ..DescribeSnapshots::default()
        };
        self.describe_all_snapshots(request).await
    }

    async fn auto_snapshot_policies(&self) -> Result<Vec<AutoSnapshotPolicy>, ApiError> {
        self.describe_auto_snapshot_policies().await
    }

    async fn create_snapshot_group(&self, request: &CreateSnapshotGroup) -> Result<String, ApiError> {
        Client::create_snapshot_group(self, request).await
    }

    async fn snapshot_groups(&self, instance_id: &str, name: &str) -> Result<Vec<SnapshotGroup>, ApiError> {
        self.describe_snapshot_groups(instance_id, name).await
    }

    async fn rename_snapshot(&self, snapshot_id: &str, name: &str) -> Result<(), ApiError> {
        self.modify_snapshot_name(snapshot_id, name).await
    }

    async fn tag_snapshot(&self, snapshot_id: &str, tags: &[Tag]) -> Result<(), ApiError> {
        self.tag_resources("snapshot", &[snapshot_id.to_owned()], tags).await
    }

    async fn create_snapshot(&self, request: &CreateSnapshot) -> Result<String, ApiError> {
        Client::create_snapshot(self, request).await
    }

    async fn delete_snapshot(&self, snapshot_id: &str) -> Result<(), ApiError> {
        Client::delete_snapshot(self, snapshot_id).await
    }

    async fn keep_snapshot(&self, snapshot_id: &str, days: u32) -> Result<(), ApiError> {
        self.modify_snapshot_retention(snapshot_id, days).await
    }

    async fn images_named(&self, name: &str) -> Result<Vec<Image>, ApiError> {
        self.describe_images_named(name).await
    }

    async fn create_image(&self, request: &CreateImage) -> Result<String, ApiError> {
        Client::create_image(self, request).await
    }

    async fn delete_image(&self, image_id: &str) -> Result<(), ApiError> {
        unless(Client::delete_image(self, image_id).await, "InvalidImageId.NotFound")
    }

    async fn stop(&self, instance_id: &str, force: bool) -> Result<(), ApiError> {
        // Charged on: an economical stop may find no machine to start on again.
        self.stop_instance(instance_id, force, StoppedMode::KeepCharging).await
    }

    async fn start(&self, instance_id: &str) -> Result<(), ApiError> {
        self.start_instance(instance_id).await
    }

    async fn reset_disk(&self, disk_id: &str, snapshot_id: &str) -> Result<(), ApiError> {
        Client::reset_disk(self, disk_id, snapshot_id).await
    }

    async fn run_command(&self, request: &RunCommand) -> Result<String, ApiError> {
        Ok(Client::run_command(self, request).await?.invoke_id)
    }

    async fn invocation(&self, invoke_id: &str, instance_id: &str) -> Result<Option<InvocationResult>, ApiError> {
        self.describe_invocation_results(invoke_id, instance_id).await
    }

    async fn invocations(&self, invoke_id: &str) -> Result<Vec<InvocationResult>, ApiError> {
        self.describe_all_invocation_results(invoke_id).await
    }

    async fn stop_invocation(&self, invoke_id: &str, instance_id: &str) -> Result<(), ApiError> {
        Client::stop_invocation(self, invoke_id, instance_id).await
    }

    async fn console_output(&self, instance_id: &str) -> Result<String, ApiError> {
        Ok(self.get_instance_console_output(instance_id).await?.text)
    }

    async fn assistants(&self, ids: &[String]) -> Result<Vec<CloudAssistantStatus>, ApiError> {
        self.describe_cloud_assistant_status(ids).await
    }

    async fn assistant(&self, instance_id: &str) -> Result<Option<CloudAssistantStatus>, ApiError> {
        Ok(self.describe_cloud_assistant_status(&[instance_id.to_owned()]).await?.into_iter().next())
    }

    async fn maintenance(&self, ids: &[String]) -> Result<Vec<HistoryEvent>, ApiError> {
        self.describe_instance_history_events(ids, &["Scheduled", "Executing", "Inquiring"]).await
    }

    async fn tag(&self, instance_id: &str, tags: &[Tag]) -> Result<(), ApiError> {
        self.tag_resources("instance", &[instance_id.to_owned()], tags).await
    }

    fn take_calls(&self) -> Vec<Call> {
        let told = self.take_done().into_iter().filter(|done| is_told(&done.operation, &done.name));
        told.map(|done| Call {
            operation: done.operation,
            resource: done.resource,
            name: done.name,
            request_id: done.request_id,
        })
        .collect()
    }
}

/// A refusal with `code` is as good as done.
fn unless(answer: Result<(), ApiError>, code: &str) -> Result<(), ApiError> {
    match answer {
        Err(error) if error.code() == code => Ok(()),
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_is_not_told() {
        for (operation, name, told) in [
            ("ResetDisk", "", true),
            ("CreateSnapshot", "osferry-m-1-0-d-1", true),
            ("RunCommand", "osferry-m-1-0-migrate-start-1", true),
            ("RunCommand", "osferry-m-1-0-prepare-identify-2", false),
            ("RunCommand", "osferry-m-1-0-migrate-watch-12", false),
            ("RunCommand", "start", false),
            ("TagResources", "", false),
            ("DescribeDisks", "", false),
        ] {
            assert_eq!(is_told(operation, name), told, "{operation} {name}");
        }
    }
}
