//! The port to ECS: what stages need of it, and nothing else.

use openapi::ApiError;
use openapi::ecs::{
    Client, CloudAssistantStatus, CreateSnapshot, DescribeInstances, DescribeSnapshots, Disk, HistoryEvent, Instance,
    InvocationResult, Paging, RunCommand, Snapshot, StoppedMode, Tag,
};

/// ECS as the stages use it.
#[allow(async_fn_in_trait)] // Handlers run on the task that called them; no Send is needed.
pub trait Cloud {
    /// One page of the instances that carry `tag`, and the token of the next.
    async fn instances(&self, tag: &str, token: Option<String>) -> Result<(Vec<Instance>, Option<String>), ApiError>;
    /// The instance; None when it is not listed, because it does not exist or may not be seen.
    async fn instance(&self, instance_id: &str) -> Result<Option<Instance>, ApiError>;
    /// Fails with `InvalidInstanceId.NotFound` when the instance does not exist.
    async fn confirm_instance(&self, instance_id: &str) -> Result<(), ApiError>;
    /// System disk and data disks.
    async fn disks(&self, instance_id: &str) -> Result<Vec<Disk>, ApiError>;
    /// Every snapshot of the instance's disks.
    async fn snapshots(&self, instance_id: &str) -> Result<Vec<Snapshot>, ApiError>;
    /// Takes a snapshot; answers its id.
    async fn create_snapshot(&self, request: &CreateSnapshot) -> Result<String, ApiError>;
    /// Deletes a snapshot; an unknown one is fine.
    async fn delete_snapshot(&self, snapshot_id: &str) -> Result<(), ApiError>;
    /// Keeps a snapshot that many days from its creation.
    async fn keep_snapshot(&self, snapshot_id: &str, days: u32) -> Result<(), ApiError>;
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
    /// Cloud Assistant on the instance.
    async fn assistant(&self, instance_id: &str) -> Result<Option<CloudAssistantStatus>, ApiError>;
    /// Maintenance that is pending or under way.
    async fn maintenance(&self, instance_id: &str) -> Result<Vec<HistoryEvent>, ApiError>;
    /// Puts tags on the instance.
    async fn tag(&self, instance_id: &str, tags: &[Tag]) -> Result<(), ApiError>;
}

impl Cloud for Client {
    async fn instances(&self, tag: &str, token: Option<String>) -> Result<(Vec<Instance>, Option<String>), ApiError> {
        let request = DescribeInstances {
            tags: vec![Tag::new(tag, "")],
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

    async fn confirm_instance(&self, instance_id: &str) -> Result<(), ApiError> {
        self.describe_instance_attribute(instance_id).await
    }

    async fn disks(&self, instance_id: &str) -> Result<Vec<Disk>, ApiError> {
        self.describe_disks(instance_id).await
    }

    async fn snapshots(&self, instance_id: &str) -> Result<Vec<Snapshot>, ApiError> {
        let mut request = DescribeSnapshots { instance_id: Some(instance_id.into()), ..DescribeSnapshots::default() };
        request.paging.max_results = Some(100);
        let mut all = Vec::new();
        loop {
            let page = self.describe_snapshots(&request).await?;
            all.extend(page.items);
            request.paging.next_token = page.next_token;
            if request.paging.next_token.is_none() {
                return Ok(all);
            }
        }
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

    async fn assistant(&self, instance_id: &str) -> Result<Option<CloudAssistantStatus>, ApiError> {
        Ok(self.describe_cloud_assistant_status(&[instance_id.to_owned()]).await?.into_iter().next())
    }

    async fn maintenance(&self, instance_id: &str) -> Result<Vec<HistoryEvent>, ApiError> {
        self.describe_instance_history_events(instance_id, &["Scheduled", "Executing", "Inquiring"]).await
    }

    async fn tag(&self, instance_id: &str, tags: &[Tag]) -> Result<(), ApiError> {
        self.tag_resources("instance", &[instance_id.to_owned()], tags).await
    }
}
