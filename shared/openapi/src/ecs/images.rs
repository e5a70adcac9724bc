//! Custom images.

use serde::{Deserialize, Serialize};

use super::client::Client;
use super::model::Tag;
use super::wire;
use crate::error::ApiError;

/// Request of CreateImage from snapshots: one of a system disk, and any of data disks.
#[derive(Clone, Debug, Default)]
pub struct CreateImage {
    /// 2-128 characters: a letter, then letters, digits, `_`, `-`, `:`. Taken once in an account.
    pub name: String,
    /// `s-…`, one per disk; ECS knows which is the system disk's.
    pub snapshot_ids: Vec<String>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// At most 64 ASCII characters; the same token gives the same image. Empty is none.
    pub client_token: String,
}

/// An image (DescribeImages).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Image {
    /// `m-…`
    pub image_id: String,
    /// Name.
    pub image_name: String,
    /// `Creating`, `Waiting`, `Available`, `UnAvailable`, `CreateFailed`, `Deprecated`.
    pub status: String,
    /// `100%`
    pub progress: String,
    /// `i386`, `x86_64`, `arm64`.
    pub architecture: String,
    /// `CentOS`, `Aliyun`, `Windows Server 2016`, …
    pub platform: String,
    /// In English; blanks vary.
    #[serde(rename = "OSNameEn")]
    pub os_name_en: String,
    /// `linux` or `windows`.
    #[serde(rename = "OSType")]
    pub os_type: String,
    /// `2019-11-15T06:07:05Z`
    pub creation_time: String,
    /// Its disks.
    #[serde(with = "wire::device_mappings")]
    pub disk_device_mappings: Vec<DeviceMapping>,
    /// Tags.
    #[serde(with = "wire::tags")]
    pub tags: Vec<Tag>,
}

/// A disk of an [`Image`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeviceMapping {
    /// `/dev/xvda`
    pub device: String,
    /// `s-…`
    pub snapshot_id: String,
    /// GiB, in a string.
    pub size: String,
    /// `system` or `data`.
    #[serde(rename = "Type")]
    pub kind: String,
}

/// Answer of CreateImage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreatedImage {
    /// `m-…`
    pub image_id: String,
}

/// Answer of DescribeImages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Images {
    /// The entries.
    #[serde(rename = "Images", with = "wire::images", default)]
    pub items: Vec<Image>,
}

/// DescribeImages tells of Available ones only, unless told otherwise.
const EVERY_STATUS: &str = "Creating,Waiting,Available,UnAvailable,CreateFailed,Deprecated";

impl Client {
    /// Makes an image; answers its id while it is Creating. Sent again when it carries a ClientToken.
    pub async fn create_image(&self, request: &CreateImage) -> Result<String, ApiError> {
        let mut params = self.in_region().set("ImageName", &request.name);
        for (n, snapshot_id) in request.snapshot_ids.iter().enumerate() {
            params = params.set(&format!("DiskDeviceMapping.{}.SnapshotId", n + 1), snapshot_id);
        }
        let params = params.tags(&request.tags).text("ClientToken", &request.client_token);
        let created: CreatedImage = self.create("CreateImage", params, !request.client_token.is_empty()).await?;
        Ok(created.image_id)
    }

    /// The account's own images of this name, whatever their status.
    pub async fn describe_images_named(&self, name: &str) -> Result<Vec<Image>, ApiError> {
        let params = self
            .in_region()
            .set("ImageName", name)
            .set("ImageOwnerAlias", "self")
            .set("Status", EVERY_STATUS)
            .set("PageSize", 100);
        let answer: Images = self.read("DescribeImages", params.into_vec()).await?;
        Ok(answer.items)
    }

    /// Deletes an image, even if instances were made of it; its snapshots stay. Sent again: an unknown one is
    /// ignored.
    pub async fn delete_image(&self, image_id: &str) -> Result<(), ApiError> {
        self.write("DeleteImage", self.in_region().set("ImageId", image_id).set("Force", true), true).await
    }
}
