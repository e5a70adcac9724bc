//! What ECS is asked. Requests default to "no such filter".

use super::model::Tag;

/// Parameters under construction.
#[derive(Default)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// `RegionId`, which most operations want.
    pub fn in_region(region: &str) -> Self {
        Self::default().set("RegionId", region)
    }

    /// One that is always there.
    pub fn set(mut self, name: &str, value: impl ToString) -> Self {
        self.0.push((name.to_owned(), value.to_string()));
        self
    }

    /// One that may be missing.
    pub fn opt(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }

    /// Missing when empty.
    pub fn text(self, name: &str, value: &str) -> Self {
        self.opt(name, (!value.is_empty()).then_some(value))
    }

    /// `Name.1`, `Name.2`, …
    pub fn list<T: ToString>(self, name: &str, values: impl IntoIterator<Item = T>) -> Self {
        values.into_iter().zip(1..).fold(self, |params, (value, n)| params.set(&format!("{name}.{n}"), value))
    }

    /// Missing when empty, else a JSON array in a string.
    pub fn json_list(self, name: &str, values: &[String]) -> Self {
        self.opt(name, (!values.is_empty()).then(|| serde_json::Value::from(values)))
    }

    /// `Tag.1.Key`, `Tag.1.Value`, …
    pub fn tags(self, tags: &[Tag]) -> Self {
        tags.iter().zip(1..).fold(self, |params, (tag, n)| {
            params.set(&format!("Tag.{n}.Key"), &tag.key).text(&format!("Tag.{n}.Value"), &tag.value)
        })
    }

    /// `NextToken` and `MaxResults`.
    pub fn page(self, paging: &Paging) -> Self {
        self.opt("NextToken", paging.next_token.as_ref()).opt("MaxResults", paging.max_results)
    }

    pub fn into_vec(self) -> Vec<(String, String)> {
        self.0
    }
}

/// Which page of a list.
#[derive(Clone, Debug, Default)]
pub struct Paging {
    /// As the page before answered it; None for the first.
    pub next_token: Option<String>,
    /// Entries per page; the service's default (10) when None. Limits differ: instances 10-100, disks
    /// 10-500, snapshots 1-100, Cloud Assistant 1-50.
    pub max_results: Option<u32>,
}

/// Request of DescribeInstances; all that is given must hold.
#[derive(Clone, Debug, Default)]
pub struct DescribeInstances {
    /// At most 100; all instances when empty.
    pub instance_ids: Vec<String>,
    /// At most 20; all must be there.
    pub tags: Vec<Tag>,
    /// `Running`, …
    pub status: Option<String>,
    /// With `*` as wildcard.
    pub instance_name: Option<String>,
    /// Resource group.
    pub resource_group_id: Option<String>,
    /// Page.
    pub paging: Paging,
}

impl DescribeInstances {
    pub(super) fn params(&self, region: &str) -> Vec<(String, String)> {
        Params::in_region(region)
            .json_list("InstanceIds", &self.instance_ids)
            .tags(&self.tags)
            .opt("Status", self.status.as_ref())
            .opt("InstanceName", self.instance_name.as_ref())
            .opt("ResourceGroupId", self.resource_group_id.as_ref())
            .page(&self.paging)
            .into_vec()
    }
}

/// Request of CreateSnapshot.
#[derive(Clone, Debug, Default)]
pub struct CreateSnapshot {
    /// `d-…`
    pub disk_id: String,
    /// 2-128 characters, not starting with `auto` or `http://`.
    pub name: String,
    /// 2-256 characters, or empty.
    pub description: String,
    /// 1-65536; None keeps it for ever.
    pub retention_days: Option<u32>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// At most 64 ASCII characters; the same token gives the same snapshot. Empty is none.
    pub client_token: String,
}

impl CreateSnapshot {
    pub(super) fn params(&self) -> Vec<(String, String)> {
        Params::default()
            .set("DiskId", &self.disk_id)
            .text("SnapshotName", &self.name)
            .text("Description", &self.description)
            .opt("RetentionDays", self.retention_days)
            .tags(&self.tags)
            .text("ClientToken", &self.client_token)
            .into_vec()
    }
}

/// Request of DescribeSnapshots; all that is given must hold.
#[derive(Clone, Debug, Default)]
pub struct DescribeSnapshots {
    /// At most 100.
    pub snapshot_ids: Vec<String>,
    /// Taken of this disk.
    pub disk_id: Option<String>,
    /// Taken of disks of this instance.
    pub instance_id: Option<String>,
    /// With this name.
    pub name: Option<String>,
    /// `progressing`, `accomplished`, `failed`.
    pub status: Option<String>,
    /// At most 20.
    pub tags: Vec<Tag>,
    /// Page.
    pub paging: Paging,
}

impl DescribeSnapshots {
    pub(super) fn params(&self, region: &str) -> Vec<(String, String)> {
        Params::in_region(region)
            .json_list("SnapshotIds", &self.snapshot_ids)
            .opt("DiskId", self.disk_id.as_ref())
            .opt("InstanceId", self.instance_id.as_ref())
            .opt("SnapshotName", self.name.as_ref())
            .opt("Status", self.status.as_ref())
            .tags(&self.tags)
            .page(&self.paging)
            .into_vec()
    }
}

/// Whether a stopped instance is paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoppedMode {
    /// Keeps its resources and address; starting cannot fail for lack of stock.
    #[default]
    KeepCharging,
    /// Gives them back.
    StopCharging,
}

impl StoppedMode {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KeepCharging => "KeepCharging",
            Self::StopCharging => "StopCharging",
        }
    }
}

/// Language of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CommandType {
    /// Linux.
    #[default]
    RunShellScript,
    /// Windows.
    RunPowerShellScript,
    /// Windows.
    RunBatScript,
}

impl CommandType {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunShellScript => "RunShellScript",
            Self::RunPowerShellScript => "RunPowerShellScript",
            Self::RunBatScript => "RunBatScript",
        }
    }
}

/// Request of RunCommand.
#[derive(Clone, Debug, Default)]
pub struct RunCommand {
    /// Language.
    pub command_type: CommandType,
    /// The script as it is; the client encodes it. At most 24 KiB of Base64.
    pub content: String,
    /// At most 128 characters.
    pub name: String,
    /// Seconds; then the command and its children are killed. The service's default (60) when None.
    pub timeout: Option<u64>,
    /// 1-100.
    pub instance_ids: Vec<String>,
    /// The service's default (`/root`) when empty.
    pub working_dir: String,
    /// Tags of the invocation.
    pub tags: Vec<Tag>,
    /// At most 64 ASCII characters; the same token gives the same invocation. Empty is none.
    pub client_token: String,
}

impl RunCommand {
    pub(super) fn params(&self, region: &str) -> Vec<(String, String)> {
        use base64::Engine;
        let content = base64::engine::general_purpose::STANDARD.encode(&self.content);
        Params::in_region(region)
            .set("Type", self.command_type.as_str())
            .set("CommandContent", content)
            .set("ContentEncoding", "Base64")
            .list("InstanceId", &self.instance_ids)
            .text("Name", &self.name)
            .opt("Timeout", self.timeout)
            .text("WorkingDir", &self.working_dir)
            // What a command started goes with it, unless it detached itself.
            .set("TerminationMode", "ProcessTree")
            .tags(&self.tags)
            .text("ClientToken", &self.client_token)
            .into_vec()
    }
}

/// Request of DescribeInvocations; all that is given must hold.
#[derive(Clone, Debug, Default)]
pub struct DescribeInvocations {
    /// `t-…`
    pub invoke_id: Option<String>,
    /// `c-…`
    pub command_id: Option<String>,
    /// Name that RunCommand gave.
    pub command_name: Option<String>,
    /// Ran on this instance.
    pub instance_id: Option<String>,
    /// At most 20.
    pub tags: Vec<Tag>,
    /// Page.
    pub paging: Paging,
}

impl DescribeInvocations {
    pub(super) fn params(&self, region: &str) -> Vec<(String, String)> {
        Params::in_region(region)
            .opt("InvokeId", self.invoke_id.as_ref())
            .opt("CommandId", self.command_id.as_ref())
            .opt("CommandName", self.command_name.as_ref())
            .opt("InstanceId", self.instance_id.as_ref())
            .tags(&self.tags)
            .page(&self.paging)
            .into_vec()
    }
}
