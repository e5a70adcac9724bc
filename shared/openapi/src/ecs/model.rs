//! What ECS answers.

use serde::{Deserialize, Serialize};

use super::wire;

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Asks for the next page; None on the last one.
    pub next_token: Option<String>,
}

/// A tag of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tag {
    /// At most 128 characters; not starting with `aliyun` or `acs:`.
    #[serde(rename = "TagKey", alias = "Key", default)]
    pub key: String,
    /// At most 128 characters.
    #[serde(rename = "TagValue", alias = "Value", default)]
    pub value: String,
}

impl Tag {
    /// A tag `key` = `value`.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

/// An instance (DescribeInstances). The operating system is that of its image, not what runs inside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Instance {
    /// `i-…`
    pub instance_id: String,
    /// Name for people.
    pub instance_name: String,
    /// Host name at its creation.
    pub host_name: String,
    /// In the language of the account: `CentOS  7.9 64位`.
    #[serde(rename = "OSName")]
    pub os_name: String,
    /// In English; blanks vary: `CentOS  7.9 64 bit`.
    #[serde(rename = "OSNameEn")]
    pub os_name_en: String,
    /// `linux` or `windows`.
    #[serde(rename = "OSType")]
    pub os_type: String,
    /// Image that it was made from.
    pub image_id: String,
    /// `Pending`, `Running`, `Starting`, `Stopping`, `Stopped`.
    pub status: String,
    /// `KeepCharging`, `StopCharging`, `Not-applicable`.
    pub stopped_mode: String,
    /// `vpc` or `classic`.
    pub instance_network_type: String,
    /// Number of vCPUs.
    pub cpu: u32,
    /// MiB.
    pub memory: u32,
    /// `ecs.g7.large`
    pub instance_type: String,
    /// `PrePaid` or `PostPaid`.
    pub instance_charge_type: String,
    /// Zone.
    pub zone_id: String,
    /// Region.
    pub region_id: String,
    /// `2017-12-10T04:04Z`
    pub creation_time: String,
    /// Last start, `2017-12-10T04:04Z`.
    pub start_time: String,
    /// End of what is paid, `2017-12-10T04:04Z`; far away when charged by use.
    pub expired_time: String,
    /// Resource group.
    pub resource_group_id: String,
    /// Why operations are refused: `financial`, `security`, `recycling`, `dedicatedhostfinancial`,
    /// `refunded`.
    #[serde(with = "wire::lock_reasons")]
    pub operation_locks: Vec<String>,
    /// Tags.
    #[serde(with = "wire::tags")]
    pub tags: Vec<Tag>,
    /// Where it is in its network.
    pub vpc_attributes: VpcAttributes,
    /// Security groups, `sg-…`.
    #[serde(with = "wire::security_group_ids")]
    pub security_group_ids: Vec<String>,
    /// Network interfaces, the primary one included.
    #[serde(with = "wire::network_interfaces")]
    pub network_interfaces: Vec<NetworkInterface>,
}

/// A network interface of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkInterface {
    /// `eni-…`
    pub network_interface_id: String,
    /// `Primary` or `Secondary`.
    #[serde(rename = "Type")]
    pub kind: String,
}

/// Where an instance is in its network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VpcAttributes {
    /// `vpc-…`
    pub vpc_id: String,
    /// `vsw-…`
    pub v_switch_id: String,
    /// Private addresses.
    #[serde(with = "wire::ip_addresses")]
    pub private_ip_address: Vec<String>,
}

/// System or data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskKind {
    /// It boots.
    System,
    /// It does not.
    #[default]
    Data,
}

/// A disk (DescribeDisks).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Disk {
    /// `d-…`
    pub disk_id: String,
    /// Name for people.
    pub disk_name: String,
    /// System or data.
    #[serde(rename = "Type")]
    pub kind: DiskKind,
    /// `In_use`, `Available`, `Attaching`, `Detaching`, `Creating`, `ReIniting`.
    pub status: String,
    /// Instance that it is attached to; empty when to none.
    pub instance_id: String,
    /// `/dev/xvda`
    pub device: String,
    /// GiB.
    pub size: u32,
    /// `cloud_essd`, `cloud_efficiency`, `local_ssd_pro`, …
    pub category: String,
    /// `PL0` to `PL3` of an ESSD.
    pub performance_level: String,
    /// Whether its automatic snapshots go with it.
    pub delete_auto_snapshot: bool,
    /// Policy by which automatic snapshots of it are taken, `sp-…`; empty when by none.
    pub auto_snapshot_policy_id: String,
    /// Whether it goes with the instance.
    pub delete_with_instance: bool,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Whether it can be detached.
    pub portable: bool,
    /// Whether it can be attached to several instances (`Enabled`, `Disabled`).
    pub multi_attach: String,
    /// Image that it was made from.
    pub image_id: String,
    /// Snapshot that it was made from.
    pub source_snapshot_id: String,
    /// Region.
    pub region_id: String,
    /// Zone.
    pub zone_id: String,
    /// Tags.
    #[serde(with = "wire::tags")]
    pub tags: Vec<Tag>,
}

/// A snapshot (DescribeSnapshots).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Snapshot {
    /// `s-…`
    pub snapshot_id: String,
    /// Name.
    #[serde(rename = "SnapshotName")]
    pub name: String,
    /// Description.
    pub description: String,
    /// `progressing`, `accomplished`, `failed`.
    pub status: String,
    /// `100%`
    pub progress: String,
    /// Whether a disk can go back to it; may come before `accomplished`.
    pub available: bool,
    /// Disk that it was taken of.
    pub source_disk_id: String,
    /// `system` or `data`.
    pub source_disk_type: String,
    /// GiB, in a string.
    pub source_disk_size: String,
    /// `image`, `disk`, `image_disk`, `none`.
    pub usage: String,
    /// `2020-08-20T14:52:28Z`
    pub creation_time: String,
    /// Days from its creation; None is for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
    /// Tags.
    #[serde(with = "wire::tags")]
    pub tags: Vec<Tag>,
}

/// Answer of CreateSnapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreatedSnapshot {
    /// `s-…`
    pub snapshot_id: String,
}

/// Answer of RunCommand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Invoked {
    /// `c-…`
    #[serde(default)]
    pub command_id: String,
    /// `t-…`
    pub invoke_id: String,
}

/// What a command did on one instance (DescribeInvocationResults).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InvocationResult {
    /// `t-…`
    pub invoke_id: String,
    /// `c-…`
    pub command_id: String,
    /// `i-…`
    pub instance_id: String,
    /// `Pending`, `Scheduled`, `Running`, `Success`, `Failed`, `Invalid`, `Aborted`, `Error`,
    /// `Timeout`, `Cancelled`, `Stopping`, `Terminated`.
    pub invocation_status: String,
    /// Of the script; meaningful once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// Standard output and error, decoded; the last 24 KiB. Base64 on the wire.
    #[serde(with = "wire::base64_text")]
    pub output: String,
    /// Bytes of output that were dropped.
    pub dropped: u64,
    /// `ClientNotRunning`, `ExitCodeNonzero`, …; empty when all went well.
    pub error_code: String,
    /// Its explanation.
    pub error_info: String,
    /// `2019-12-20T06:15:55Z`
    pub start_time: String,
    /// `2019-12-20T06:15:56Z`
    pub finished_time: String,
}

/// A command that was run (DescribeInvocations).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Invocation {
    /// `t-…`
    pub invoke_id: String,
    /// `c-…`
    pub command_id: String,
    /// Name that RunCommand gave it.
    pub command_name: String,
    /// Of all instances together; `PartialFailed` and `Stopped` on top of those of one.
    pub invocation_status: String,
    /// `2019-12-20T06:15:54Z`
    pub creation_time: String,
    /// Seconds.
    pub timeout: u64,
    /// One entry per instance.
    #[serde(with = "wire::invoke_instances")]
    pub invoke_instances: Vec<InvokeInstance>,
    /// Tags.
    #[serde(with = "wire::tags")]
    pub tags: Vec<Tag>,
}

/// One instance of an [`Invocation`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InvokeInstance {
    /// `i-…`
    pub instance_id: String,
    /// As in [`InvocationResult`].
    pub invocation_status: String,
    /// As in [`InvocationResult`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// As in [`InvocationResult`].
    pub error_code: String,
    /// As in [`InvocationResult`].
    pub error_info: String,
    /// `2019-12-20T06:15:55Z`
    pub start_time: String,
    /// `2019-12-20T06:15:56Z`; the API spells it differently from [`InvocationResult`].
    pub finish_time: String,
}

/// Whether commands can be run (DescribeCloudAssistantStatus).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CloudAssistantStatus {
    /// `i-…`
    pub instance_id: String,
    /// Whether the agent's heartbeat was heard within the last two minutes.
    #[serde(rename = "CloudAssistantStatus", with = "wire::bool_in_string")]
    pub running: bool,
    /// `2.2.3.309`
    #[serde(rename = "CloudAssistantVersion")]
    pub version: String,
    /// `2021-03-15T09:00:00Z`; renewed every minute.
    pub last_heartbeat_time: String,
    /// Commands that run now.
    pub active_task_count: u32,
    /// `Linux`, `Windows`, `FreeBSD`.
    #[serde(rename = "OSType")]
    pub os_type: String,
}

/// A code and its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CodeName {
    /// Number.
    pub code: i64,
    /// `SystemMaintenance.Reboot`, `Scheduled`, …
    pub name: String,
}

/// A system event of an instance (DescribeInstanceHistoryEvents).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HistoryEvent {
    /// `e-…`
    pub event_id: String,
    /// What happens.
    pub event_type: CodeName,
    /// `Scheduled`, `Avoided`, `Executing`, `Executed`, `Canceled`, `Failed`, `Inquiring`.
    pub event_cycle_status: CodeName,
    /// `i-…`
    pub instance_id: String,
    /// Not earlier than, `2017-12-06T00:00:00Z`.
    pub not_before: String,
    /// When it was announced.
    pub event_publish_time: String,
    /// When it was over.
    pub event_finish_time: String,
    /// Words.
    pub reason: String,
}

/// When automatic snapshots are taken (DescribeAutoSnapshotPolicyEx).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AutoSnapshotPolicy {
    /// `sp-…`
    pub auto_snapshot_policy_id: String,
    /// Name for people.
    pub auto_snapshot_policy_name: String,
    /// `Normal`; `Expire` when the account owes money and nothing is taken.
    pub status: String,
    /// Hours of the day in UTC+8, 0 to 23, on the hour; a JSON list in a string on the wire.
    #[serde(with = "wire::numbers_in_string")]
    pub time_points: Vec<u8>,
    /// Days of the week, 1 (Monday) to 7; a JSON list in a string on the wire.
    #[serde(with = "wire::numbers_in_string")]
    pub repeat_weekdays: Vec<u8>,
}

/// A tag and the resource it is on (ListTagResources).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TagResource {
    /// `i-…`
    pub resource_id: String,
    /// `instance`, `disk`, `snapshot`, …
    pub resource_type: String,
    /// Key of the tag.
    pub tag_key: String,
    /// Its value.
    pub tag_value: String,
}

/// Declares the answer of a list operation and how it becomes a [`Page`].
macro_rules! list_answers {
    ($($(#[$doc:meta])* $answer:ident { $name:literal, $wrapper:literal } of $item:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $answer {
            /// The entries.
            #[serde(rename = $name, with = $wrapper, default)]
            pub items: Vec<$item>,
            /// Asks for the next page; empty or missing on the last one.
            #[serde(rename = "NextToken", deserialize_with = "wire::non_empty", default, skip_serializing_if = "Option::is_none")]
            pub next_token: Option<String>,
        }

        impl From<$answer> for Page<$item> {
            fn from(answer: $answer) -> Self {
                Self { items: answer.items, next_token: answer.next_token }
            }
        }
    )*};
}

list_answers! {
    /// Answer of DescribeInstances.
    Instances { "Instances", "wire::instances" } of Instance;
    /// Answer of DescribeDisks.
    Disks { "Disks", "wire::disks" } of Disk;
    /// Answer of DescribeSnapshots.
    Snapshots { "Snapshots", "wire::snapshots" } of Snapshot;
    /// Answer of DescribeInvocations.
    Invocations { "Invocations", "wire::invocations" } of Invocation;
    /// What is inside `Invocation` in the answer of DescribeInvocationResults.
    InvocationResults { "InvocationResults", "wire::invocation_results" } of InvocationResult;
    /// Answer of DescribeCloudAssistantStatus.
    CloudAssistantStatuses { "InstanceCloudAssistantStatusSet", "wire::assistant_statuses" } of CloudAssistantStatus;
    /// Answer of DescribeInstanceHistoryEvents.
    HistoryEvents { "InstanceSystemEventSet", "wire::system_events" } of HistoryEvent;
    /// Answer of DescribeAutoSnapshotPolicyEx, which knows pages by number only.
    AutoSnapshotPolicies { "AutoSnapshotPolicies", "wire::auto_snapshot_policies" } of AutoSnapshotPolicy;
    /// Answer of ListTagResources.
    TagResources { "TagResources", "wire::tag_resources" } of TagResource;
}

/// Answer of DescribeInvocationResults, which wraps the list and its paging once more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvocationResultsAnswer {
    /// The page.
    #[serde(rename = "Invocation", default)]
    pub invocation: InvocationResults,
}
