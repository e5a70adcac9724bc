//! The operations.

use serde::de::IgnoredAny;

use super::PRODUCT;
use super::model::*;
use super::request::*;
use crate::credentials::Credentials;
use crate::error::ApiError;
use crate::rpc::{Done, Ledger, RpcClient};

/// Entries per page where everything is wanted; the most that DescribeInstances allows.
const LARGEST_PAGE: u32 = 100;
/// The most that DescribeDisks allows.
const LARGEST_DISK_PAGE: u32 = 500;
/// The most that Cloud Assistant's lists allow.
const LARGEST_ASSISTANT_PAGE: u32 = 50;

/// Client of ECS in one region; cheap to make and to clone.
///
/// Reading is repeated as [`crate::retry`] says. Each writing operation's comment says whether it is
/// sent again when its answer got lost; when it is not, ask the service what became of it.
#[derive(Clone)]
pub struct Client {
    rpc: RpcClient,
}

impl Client {
    /// A client for `endpoint` (`https://ecs.cn-hangzhou.aliyuncs.com`, `http://127.0.0.1:8080`).
    pub fn new(
        http: reqwest::Client,
        endpoint: &str,
        region: &str,
        credentials: Credentials,
    ) -> Result<Self, ApiError> {
        RpcClient::new(http, PRODUCT, endpoint, region, credentials).map(Self::from)
    }

    /// Notes what it does from now on, see [`Client::take_done`].
    pub fn with_ledger(self) -> Self {
        Self { rpc: self.rpc.with_ledger(Ledger::default()) }
    }

    /// What it and its clones did since this was asked last; nothing without a ledger.
    pub fn take_done(&self) -> Vec<Done> {
        self.rpc.ledger().map(Ledger::take).unwrap_or_default()
    }

    /// One page of the instances. Who may not see any gets an empty page, not an error.
    pub async fn describe_instances(&self, request: &DescribeInstances) -> Result<Page<Instance>, ApiError> {
        let answer: Instances = self.read("DescribeInstances", request.params(self.rpc.region())).await?;
        Ok(answer.into())
    }

    /// Every page of [`describe_instances`](Self::describe_instances), in hundreds; `instance_ids`
    /// may be longer than the hundred that one request allows.
    pub async fn describe_all_instances(&self, request: &DescribeInstances) -> Result<Vec<Instance>, ApiError> {
        let batches: Vec<Vec<String>> = match request.instance_ids.as_slice() {
            [] => vec![vec![]],
            ids => ids.chunks(LARGEST_PAGE as usize).map(<[String]>::to_vec).collect(),
        };
        let mut all = Vec::new();
        for instance_ids in batches {
            let mut request = DescribeInstances {
                instance_ids,
                paging: Paging { next_token: None, max_results: Some(LARGEST_PAGE) },
                ..request.clone()
            };
            loop {
                let page = self.describe_instances(&request).await?;
                all.extend(page.items);
                request.paging.next_token = page.next_token;
                if request.paging.next_token.is_none() {
                    break;
                }
            }
        }
        Ok(all)
    }

    /// Whether an instance exists: unlike a list, this names what is missing
    /// (`InvalidInstanceId.NotFound`, `Forbidden.RAM`).
    pub async fn describe_instance_attribute(&self, instance_id: &str) -> Result<(), ApiError> {
        let params = Params::default().set("InstanceId", instance_id);
        let _: serde_json::Value = self.read("DescribeInstanceAttribute", params.into_vec()).await?;
        Ok(())
    }

    /// The disks attached to an instance, system disk and data disks (at most 65, hence one page).
    pub async fn describe_disks(&self, instance_id: &str) -> Result<Vec<Disk>, ApiError> {
        let params =
            Params::in_region(self.rpc.region()).set("InstanceId", instance_id).set("MaxResults", LARGEST_PAGE);
        let answer: Disks = self.read("DescribeDisks", params.into_vec()).await?;
        Ok(answer.items)
    }

    /// One page of all disks of the region, five hundred at most.
    pub async fn describe_all_disks(&self, next_token: Option<String>) -> Result<Page<Disk>, ApiError> {
        let paging = Paging { next_token, max_results: Some(LARGEST_DISK_PAGE) };
        let params = self.in_region().page(&paging);
        let answer: Disks = self.read("DescribeDisks", params.into_vec()).await?;
        Ok(answer.into())
    }

    /// Takes a snapshot; answers its id while it is still progressing. Sent again when it carries a
    /// ClientToken.
    pub async fn create_snapshot(&self, request: &CreateSnapshot) -> Result<String, ApiError> {
        let repeatable = !request.client_token.is_empty();
        let answer: CreatedSnapshot = self.rpc.call("CreateSnapshot", request.params(), repeatable).await?;
        Ok(answer.snapshot_id)
    }

    /// One page of the snapshots.
    pub async fn describe_snapshots(&self, request: &DescribeSnapshots) -> Result<Page<Snapshot>, ApiError> {
        let answer: Snapshots = self.read("DescribeSnapshots", request.params(self.rpc.region())).await?;
        Ok(answer.into())
    }

    /// Every page of [`describe_snapshots`](Self::describe_snapshots), in hundreds.
    pub async fn describe_all_snapshots(&self, mut request: DescribeSnapshots) -> Result<Vec<Snapshot>, ApiError> {
        request.paging = Paging { next_token: None, max_results: Some(LARGEST_PAGE) };
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

    /// Deletes a snapshot, or cancels one that is progressing. Sent again: an unknown id is ignored.
    pub async fn delete_snapshot(&self, snapshot_id: &str) -> Result<(), ApiError> {
        self.write("DeleteSnapshot", Params::default().set("SnapshotId", snapshot_id), true).await
    }

    /// Renames a snapshot. Sent again: it sets an absolute value.
    pub async fn modify_snapshot_name(&self, snapshot_id: &str, name: &str) -> Result<(), ApiError> {
        let params = Params::default().set("SnapshotId", snapshot_id).set("SnapshotName", name);
        self.write("ModifySnapshotAttribute", params, true).await
    }

    /// Keeps a snapshot `retention_days` from its creation; it can only be made longer, and what is
    /// kept for ever stays so (`InvalidOperation.DecreaseRetentionDaysUnsupported`). Sent again: it sets an
    /// absolute value.
    pub async fn modify_snapshot_retention(&self, snapshot_id: &str, retention_days: u32) -> Result<(), ApiError> {
        let params = Params::default().set("SnapshotId", snapshot_id).set("RetentionDays", retention_days);
        self.write("ModifySnapshotAttribute", params, true).await
    }

    /// Stops an instance; `force` pulls the plug. Not sent again: the second would be refused for
    /// the instance's status, and hide that the first went well.
    pub async fn stop_instance(&self, instance_id: &str, force: bool, mode: StoppedMode) -> Result<(), ApiError> {
        let params =
            Params::default().set("InstanceId", instance_id).set("ForceStop", force).set("StoppedMode", mode.as_str());
        self.write("StopInstance", params, false).await
    }

    /// Starts an instance. Not sent again, like [`stop_instance`](Self::stop_instance).
    pub async fn start_instance(&self, instance_id: &str) -> Result<(), ApiError> {
        self.write("StartInstance", Params::default().set("InstanceId", instance_id), false).await
    }

    /// Reboots an instance; `force` pulls the plug. Not sent again: it would reboot twice.
    pub async fn reboot_instance(&self, instance_id: &str, force: bool) -> Result<(), ApiError> {
        let params = Params::default().set("InstanceId", instance_id).set("ForceStop", force);
        self.write("RebootInstance", params, false).await
    }

    /// Brings a disk back to a snapshot of it, and keeps the disk's id; the instance must be
    /// stopped. Not sent again: it would undo what was written in between.
    pub async fn reset_disk(&self, disk_id: &str, snapshot_id: &str) -> Result<(), ApiError> {
        let params = Params::default().set("DiskId", disk_id).set("SnapshotId", snapshot_id);
        self.write("ResetDisk", params, false).await
    }

    /// Runs a script on instances; answers at once. Sent again when it carries a ClientToken.
    pub async fn run_command(&self, request: &RunCommand) -> Result<Invoked, ApiError> {
        let repeatable = !request.client_token.is_empty();
        self.rpc.call("RunCommand", request.params(self.rpc.region()), repeatable).await
    }

    /// What a command did on one instance; None when the service does not know (yet).
    pub async fn describe_invocation_results(
        &self,
        invoke_id: &str,
        instance_id: &str,
    ) -> Result<Option<InvocationResult>, ApiError> {
        let params = Params::in_region(self.rpc.region())
            .set("InvokeId", invoke_id)
            .set("InstanceId", instance_id)
            .set("ContentEncoding", "Base64");
        let answer: InvocationResultsAnswer = self.read("DescribeInvocationResults", params.into_vec()).await?;
        Ok(answer.invocation.items.into_iter().next())
    }

    /// What a command did on every instance that it was sent to, fifty a call.
    pub async fn describe_all_invocation_results(&self, invoke_id: &str) -> Result<Vec<InvocationResult>, ApiError> {
        let mut paging = Paging { next_token: None, max_results: Some(LARGEST_ASSISTANT_PAGE) };
        let mut all = Vec::new();
        loop {
            let params =
                self.in_region().set("InvokeId", invoke_id).set("ContentEncoding", "Base64").page(&paging).into_vec();
            let answer: InvocationResultsAnswer = self.read("DescribeInvocationResults", params).await?;
            all.extend(answer.invocation.items);
            paging.next_token = answer.invocation.next_token;
            if paging.next_token.is_none() {
                return Ok(all);
            }
        }
    }

    /// One page of the commands that were run.
    pub async fn describe_invocations(&self, request: &DescribeInvocations) -> Result<Page<Invocation>, ApiError> {
        let answer: Invocations = self.read("DescribeInvocations", request.params(self.rpc.region())).await?;
        Ok(answer.into())
    }

    /// Stops a command on one instance. Sent again: stopping what is stopped changes nothing.
    pub async fn stop_invocation(&self, invoke_id: &str, instance_id: &str) -> Result<(), ApiError> {
        let params = Params::in_region(self.rpc.region()).set("InvokeId", invoke_id).list("InstanceId", [instance_id]);
        self.write("StopInvocation", params, true).await
    }

    /// Whether commands can be run on these instances; any number of them.
    pub async fn describe_cloud_assistant_status(
        &self,
        instance_ids: &[String],
    ) -> Result<Vec<CloudAssistantStatus>, ApiError> {
        let mut all = Vec::new();
        for ids in instance_ids.chunks(LARGEST_ASSISTANT_PAGE as usize) {
            let params =
                Params::in_region(self.rpc.region()).list("InstanceId", ids).set("MaxResults", LARGEST_ASSISTANT_PAGE);
            let answer: CloudAssistantStatuses = self.read("DescribeCloudAssistantStatus", params.into_vec()).await?;
            all.extend(answer.items);
        }
        Ok(all)
    }

    /// System events of these instances in one of `statuses` (`Scheduled`, `Executing`, …); any number of instances,
    /// asked in hundreds.
    pub async fn describe_instance_history_events(
        &self,
        instance_ids: &[String],
        statuses: &[&str],
    ) -> Result<Vec<HistoryEvent>, ApiError> {
        let mut all = Vec::new();
        for ids in instance_ids.chunks(LARGEST_PAGE as usize) {
            let mut paging = Paging { next_token: None, max_results: Some(LARGEST_PAGE) };
            loop {
                let params = Params::in_region(self.rpc.region())
                    .set("ResourceType", "instance")
                    .list("ResourceId", ids)
                    .list("InstanceEventCycleStatus", statuses)
                    .page(&paging);
                let answer: HistoryEvents = self.read("DescribeInstanceHistoryEvents", params.into_vec()).await?;
                all.extend(answer.items);
                paging.next_token = answer.next_token;
                if paging.next_token.is_none() {
                    break;
                }
            }
        }
        Ok(all)
    }

    /// The automatic snapshot policies of the region. An account has at most a hundred there, which is one page.
    pub async fn describe_auto_snapshot_policies(&self) -> Result<Vec<AutoSnapshotPolicy>, ApiError> {
        let params = Params::in_region(self.rpc.region()).set("PageNumber", 1).set("PageSize", LARGEST_PAGE);
        let answer: AutoSnapshotPolicies = self.read("DescribeAutoSnapshotPolicyEx", params.into_vec()).await?;
        Ok(answer.items)
    }

    /// Puts tags on up to 50 resources of one type (`instance`, `disk`, `snapshot`); a tag with the
    /// same key is replaced. Sent again: it sets absolute values.
    pub async fn tag_resources(&self, resource_type: &str, ids: &[String], tags: &[Tag]) -> Result<(), ApiError> {
        let params =
            Params::in_region(self.rpc.region()).set("ResourceType", resource_type).list("ResourceId", ids).tags(tags);
        self.write("TagResources", params, true).await
    }

    /// Takes tags off up to 50 resources. Sent again: a missing tag is ignored.
    pub async fn untag_resources(&self, resource_type: &str, ids: &[String], keys: &[&str]) -> Result<(), ApiError> {
        let params = Params::in_region(self.rpc.region())
            .set("ResourceType", resource_type)
            .list("ResourceId", ids)
            .list("TagKey", keys);
        self.write("UntagResources", params, true).await
    }

    /// One page of tags: of the resources `ids`, or of all that have `tags` when `ids` is empty.
    pub async fn list_tag_resources(
        &self,
        resource_type: &str,
        ids: &[String],
        tags: &[Tag],
        next_token: Option<String>,
    ) -> Result<Page<TagResource>, ApiError> {
        let params = Params::in_region(self.rpc.region())
            .set("ResourceType", resource_type)
            .list("ResourceId", ids)
            .tags(tags)
            .opt("NextToken", next_token);
        let answer: TagResources = self.read("ListTagResources", params.into_vec()).await?;
        Ok(answer.into())
    }

    /// Parameters that begin with this client's region.
    pub(super) fn in_region(&self) -> Params {
        Params::in_region(self.rpc.region())
    }

    /// Asks.
    pub(super) async fn read<T: serde::de::DeserializeOwned>(
        &self,
        action: &str,
        params: Vec<(String, String)>,
    ) -> Result<T, ApiError> {
        self.rpc.call(action, params, true).await
    }

    /// Creates something; `repeatable` when the request carries a ClientToken.
    pub(super) async fn create<T: serde::de::DeserializeOwned>(
        &self,
        action: &str,
        params: Params,
        repeatable: bool,
    ) -> Result<T, ApiError> {
        self.rpc.call(action, params.into_vec(), repeatable).await
    }

    /// Changes something; `repeatable` when doing it twice is the same.
    pub(super) async fn write(&self, action: &str, params: Params, repeatable: bool) -> Result<(), ApiError> {
        let _: IgnoredAny = self.rpc.call(action, params.into_vec(), repeatable).await?;
        Ok(())
    }
}

impl From<RpcClient> for Client {
    /// For other signatures, patience or clocks.
    fn from(rpc: RpcClient) -> Self {
        Self { rpc }
    }
}
