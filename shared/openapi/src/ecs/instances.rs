//! Instances that come and go, and what one writes to its console.

use serde::{Deserialize, Serialize};

use super::client::Client;
use super::model::Tag;
use super::request::Params;
use super::wire;
use crate::error::ApiError;

/// Request of RunInstances for one instance, charged by use, without a public address.
#[derive(Clone, Debug, Default)]
pub struct RunInstance {
    /// `m-…`
    pub image_id: String,
    /// `ecs.g7.large`
    pub instance_type: String,
    /// Zone of the vSwitch; ECS finds it when empty.
    pub zone_id: String,
    /// `vsw-…`
    pub v_switch_id: String,
    /// `sg-…`, in the same VPC as the vSwitch.
    pub security_group_id: String,
    /// 2-128 characters: a letter, then letters, digits, `.`, `_`, `-`, `:`.
    pub name: String,
    /// `cloud_essd`, …; the service's default when empty.
    pub system_disk_category: String,
    /// Tags of the instance and its disks.
    pub tags: Vec<Tag>,
    /// At most 64 ASCII characters; the same token gives the same instance. Empty is none.
    pub client_token: String,
}

/// Answer of RunInstances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// `i-…`, one per instance.
    #[serde(rename = "InstanceIdSets", with = "wire::instance_ids", default)]
    pub instance_ids: Vec<String>,
}

/// Answer of GetInstanceConsoleOutput.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ConsoleOutput {
    /// `i-…`
    pub instance_id: String,
    /// What it wrote since it was last started, restarted or shut down; the end of it. Base64 on the wire.
    #[serde(rename = "ConsoleOutput", with = "wire::base64_text")]
    pub text: String,
    /// When that was: `2018-03-22 10:04:57` or `2018-03-22T10:04:57Z`.
    pub last_update_time: String,
}

impl Client {
    /// Makes one instance and starts it; answers its id while it is Pending. Sent again when it carries a
    /// ClientToken.
    pub async fn run_instance(&self, request: &RunInstance) -> Result<Ran, ApiError> {
        let params = self
            .in_region()
            .set("ImageId", &request.image_id)
            .set("InstanceType", &request.instance_type)
            .text("ZoneId", &request.zone_id)
            .set("VSwitchId", &request.v_switch_id)
            .set("SecurityGroupId", &request.security_group_id)
            .set("InstanceName", &request.name)
            .text("SystemDisk.Category", &request.system_disk_category)
            .set("InstanceChargeType", "PostPaid")
            .set("InternetMaxBandwidthOut", 0)
            .set("Amount", 1)
            .tags(&request.tags)
            .text("ClientToken", &request.client_token);
        self.create("RunInstances", params, !request.client_token.is_empty()).await
    }

    /// Releases an instance, running or not, with the disks that go with it. Sent again: an instance that is
    /// gone is said to be unknown (`InvalidInstanceId.NotFound`).
    pub async fn delete_instance(&self, instance_id: &str) -> Result<(), ApiError> {
        self.write("DeleteInstance", Params::default().set("InstanceId", instance_id).set("Force", true), true).await
    }

    /// What an instance wrote to its console; not known of Windows (`NotSupported`).
    pub async fn get_instance_console_output(&self, instance_id: &str) -> Result<ConsoleOutput, ApiError> {
        self.read("GetInstanceConsoleOutput", self.in_region().set("InstanceId", instance_id).into_vec()).await
    }
}
