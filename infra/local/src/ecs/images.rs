//! Custom images, made of snapshots. An image holds nothing itself: its snapshots stay while it does.

use serde_json::{Value, json};

use super::Ecs;
use super::db::Txn;
use super::disks::{MAX_DISKS, device_of, kind};
use super::errors;
use super::event::{new_id, second};
use super::instances::tags_view;
use super::list::{Limits, list};
use super::model::{Image, ImageDisk, ImageStatus, Instance, Snapshot, SnapshotStatus, SystemName, Work};
use super::params::{Params, has_tags, is_text};
use crate::seams::ServiceError;

/// DescribeImages knows page numbers only.
const LIMITS: Limits = Limits { least: 1, most: 100, usual: 10 };
/// GiB of an empty data disk when the request does not say.
const EMPTY_GIB: u64 = 20;

impl Ecs {
    /// CreateImage, from snapshots.
    pub(super) fn create_image(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        if params.get("InstanceId").is_some() {
            return Err(errors::unsupported("InstanceId"));
        }
        let name = params.get("ImageName").unwrap_or_default();
        if !name.is_empty() && !is_image_name(name) {
            return Err(errors::malformed("ImageName"));
        }
        let description = params.get("Description").unwrap_or_default();
        if !description.is_empty() && !is_text(description, 256) {
            return Err(errors::malformed("Description"));
        }
        let dry_run = params.flag("DryRun")?;
        let tags = params.tags()?;
        let mut txn = self.db.begin();
        let answer = self.once(&mut txn, "CreateImage", params, |txn| {
            if !name.is_empty() && self.db.scan::<Image>("")?.iter().any(|image| image.image_name == name) {
                return Err(errors::image_name_taken());
            }
            let (disks, system_name) = self.image_disks(txn, params)?;
            if dry_run {
                return Err(errors::dry_run());
            }
            let image_id = new_id("m-", self.now());
            txn.put(&Image {
                image_id: image_id.clone(),
                image_name: if name.is_empty() { image_id.clone() } else { name.to_owned() },
                description: description.to_owned(),
                status: ImageStatus::Creating,
                disks,
                system_name,
                tags,
                created: self.now(),
            })?;
            let work = Work::CreateImage { image_id: image_id.clone() };
            txn.job(&image_id, self.now(), self.earliest_end(), work)?;
            Ok(json!({ "ImageId": image_id }))
        })?;
        self.commit(txn)?;
        Ok(answer)
    }

    /// What the image is made of, the system disk first. `DiskDeviceMapping` goes before `SnapshotId`.
    fn image_disks(&self, txn: &Txn<'_>, params: Params<'_>) -> Result<(Vec<ImageDisk>, SystemName), ServiceError> {
        let mut mappings = Vec::new();
        for n in 1..=MAX_DISKS {
            let of = |field: &str| format!("DiskDeviceMapping.{n}.{field}");
            let (id, size) = (params.get(&of("SnapshotId")), params.number(&of("Size"))?);
            if id.is_some() || size.is_some() {
                mappings.push((id, size));
            }
        }
        if mappings.is_empty() {
            mappings.extend(params.get("SnapshotId").map(|id| (Some(id), None)));
        }
        if mappings.is_empty() {
            return Err(errors::image_without_disks());
        }
        let (mut system, mut data) = (Vec::new(), Vec::new());
        for (id, size) in mappings {
            let gib = |size: u64| u32::try_from(size).map_err(|_| errors::size("Size"));
            let Some(id) = id else {
                data.push(ImageDisk { snapshot_id: None, size: gib(size.unwrap_or(EMPTY_GIB))? });
                continue;
            };
            let snapshot = txn.get::<Snapshot>(id)?.ok_or_else(|| errors::no_snapshot(id))?;
            if snapshot.status != SnapshotStatus::Accomplished {
                return Err(errors::snapshot_not_ready());
            }
            let size = size.map_or(Ok(snapshot.disk_size), gib)?;
            if size < snapshot.disk_size {
                return Err(errors::size("Size"));
            }
            let disk = ImageDisk { snapshot_id: Some(id.to_owned()), size };
            if snapshot.system { system.push((disk, snapshot.system_name)) } else { data.push(disk) }
        }
        let one: [(ImageDisk, SystemName); 1] = system.try_into().map_err(|_| errors::not_one_system_disk())?;
        let [(system, name)] = one;
        Ok((std::iter::once(system).chain(data).collect(), name))
    }

    /// The image can be used.
    pub(super) fn image_created(&self, txn: &mut Txn<'_>, id: &str) -> Result<(), ServiceError> {
        let Some(mut image) = txn.get::<Image>(id)? else { return Ok(()) };
        image.status = ImageStatus::Available;
        txn.put(&image)
    }

    /// Whether a snapshot is part of an image.
    pub(super) fn is_in_image(&self, snapshot_id: &str) -> Result<bool, ServiceError> {
        let images = self.db.scan::<Image>("")?;
        Ok(images.iter().flat_map(|image| &image.disks).any(|disk| disk.snapshot_id.as_deref() == Some(snapshot_id)))
    }

    /// DescribeImages: the account's own. Available ones, unless asked for others.
    pub(super) fn describe_images(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        if params.flag("DryRun")? {
            return Err(errors::dry_run());
        }
        let statuses: Vec<&str> = params.get("Status").unwrap_or("Available").split(',').collect();
        let tags = params.pairs("Tag");
        let ids = params.get("ImageId").map(|ids| ids.split(',').map(str::to_owned).collect::<Vec<_>>());
        let page = list(&self.db, params, ids.as_deref(), LIMITS, |image: &Image| {
            statuses.contains(&image.status.as_str())
                && params.get("ImageOwnerAlias").is_none_or(|owner| owner == "self")
                && params.get("ImageName").is_none_or(|name| name == image.image_name)
                && params.get("OSType").is_none_or(|os| os == image.system_name.os_type)
                && params
                    .get("SnapshotId")
                    .is_none_or(|id| image.disks.iter().any(|disk| disk.snapshot_id.as_deref() == Some(id)))
                && has_tags(&image.tags, &tags)
        })?;
        Ok(page.answer("Images", "Image", image_view))
    }

    /// DeleteImage; an unknown one is fine. Its snapshots stay.
    pub(super) fn delete_image(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        let id = params.required("ImageId")?;
        let force = params.flag("Force")?;
        if params.flag("DryRun")? {
            return Err(errors::dry_run());
        }
        let mut txn = self.db.begin();
        if !force && self.db.scan::<Instance>("")?.iter().any(|instance| instance.image_id == id) {
            return Err(errors::image_in_use());
        }
        txn.delete::<Image>(id);
        self.commit(txn)?;
        Ok(json!({}))
    }
}

fn image_view(image: &Image) -> Value {
    let disks = image.disks.iter().enumerate().map(|(n, disk)| {
        json!({
            "Device": device_of(n),
            "SnapshotId": disk.snapshot_id.clone().unwrap_or_default(),
            "Size": disk.size.to_string(),
            "Type": kind(n == 0),
        })
    });
    json!({
        "ImageId": image.image_id,
        "ImageName": image.image_name,
        "Description": image.description,
        "ImageOwnerAlias": "self",
        "Status": image.status.as_str(),
        "Progress": if image.status == ImageStatus::Available { "100%" } else { "0%" },
        "OSName": image.system_name.os_name,
        "OSNameEn": image.system_name.os_name_en,
        "OSType": image.system_name.os_type,
        "Architecture": "x86_64",
        "Size": image.disks.first().map_or(0, |disk| disk.size),
        "CreationTime": second(image.created),
        "DiskDeviceMappings": { "DiskDeviceMapping": disks.collect::<Vec<_>>() },
        "IsSupportCloudinit": true,
        "IsSupportIoOptimized": true,
        "Tags": tags_view(&image.tags),
    })
}

/// A letter, then letters, digits, `.`, `_`, `-`, `:`; 2 to 128 in all.
fn is_image_name(name: &str) -> bool {
    is_text(name, 128)
        && name.starts_with(char::is_alphabetic)
        && name.chars().all(|c| c.is_alphanumeric() || "._-:".contains(c))
}
