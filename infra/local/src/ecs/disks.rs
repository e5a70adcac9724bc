//! Disks: ResetDisk (the way back), and data disks that come and go.

use serde_json::{Value, json};

use super::Ecs;
use super::db::Txn;
use super::errors;
use super::event::{self, minute, new_id};
use super::instances::tags_view;
use super::list::{Limits, list};
use super::model::{Disk, DiskStatus, Instance, InstanceStatus, Snapshot, SnapshotStatus, Work};
use super::network;
use super::params::{Params, has_tags, is_text};
use super::power::unlocked;
use crate::seams::ServiceError;

/// Of DescribeDisks.
const LIMITS: Limits = Limits { least: 10, most: 500, usual: 10 };
/// System disk and 16 data disks.
pub(super) const MAX_DISKS: usize = 17;
/// GiB of one disk.
const LARGEST_GIB: u64 = 32_768;
/// Of cloud disks.
pub(super) const CATEGORIES: [&str; 6] =
    ["cloud", "cloud_efficiency", "cloud_ssd", "cloud_essd", "cloud_auto", "cloud_essd_entry"];

impl Ecs {
    /// DescribeDisks.
    pub(super) fn describe_disks(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        if params.flag("DryRun")? {
            return Err(errors::dry_run());
        }
        let mut ids = params.json_list("DiskIds")?;
        if let (None, Some(instance)) = (&ids, params.get("InstanceId")) {
            let attached = self.db.get::<Instance>(instance)?.map(|instance| instance.disks);
            ids = Some(attached.unwrap_or_default());
        }
        let tags = params.pairs("Tag");
        let wanted =
            |name: &str, value: &str| params.get(name).is_none_or(|w| w.eq_ignore_ascii_case("all") || w == value);
        let page = list(&self.db, params, ids.as_deref(), LIMITS, |disk: &Disk| {
            wanted("DiskType", kind(disk.system))
                && wanted("Status", disk.status.as_str())
                && wanted("Category", &disk.category)
                && params.get("InstanceId").is_none_or(|id| disk.instance_id.as_deref() == Some(id))
                && params.get("SnapshotId").is_none_or(|id| disk.source_snapshot_id.as_deref() == Some(id))
                && params
                    .get("AutoSnapshotPolicyId")
                    .is_none_or(|id| disk.auto_snapshot_policy_id.as_deref() == Some(id))
                && params.get("DiskName").is_none_or(|name| name == disk.disk_name)
                && params.get("ZoneId").is_none_or(|zone| zone == disk.zone)
                && has_tags(&disk.tags, &tags)
        })?;
        Ok(page.answer("Disks", "Disk", |disk| self.disk_view(disk)))
    }

    fn disk_view(&self, disk: &Disk) -> Value {
        let instance = disk.instance_id.clone().unwrap_or_default();
        let device = disk.device.clone().unwrap_or_default();
        let attachments = match &disk.instance_id {
            None => json!([]),
            Some(_) => json!([{ "InstanceId": instance, "Device": device, "AttachedTime": minute(disk.created) }]),
        };
        json!({
            "DiskId": disk.disk_id,
            "DiskName": disk.disk_name,
            "Description": "",
            "RegionId": self.config.region,
            "ZoneId": disk.zone,
            "Type": kind(disk.system),
            "Status": disk.status.as_str(),
            "InstanceId": instance,
            "Device": device,
            "Attachments": { "Attachment": attachments },
            "Category": disk.category,
            "PerformanceLevel": if disk.category == "cloud_essd" { "PL1" } else { "" },
            "Size": disk.size,
            "Encrypted": false,
            "KMSKeyId": "",
            "Portable": !disk.system,
            "DeleteWithInstance": disk.delete_with_instance,
            "DeleteAutoSnapshot": disk.delete_auto_snapshot,
            "EnableAutoSnapshot": true,
            "EnableAutomatedSnapshotPolicy": disk.auto_snapshot_policy_id.is_some(),
            "AutoSnapshotPolicyId": disk.auto_snapshot_policy_id.clone().unwrap_or_default(),
            "ImageId": disk.image_id.clone().unwrap_or_default(),
            "SourceSnapshotId": disk.source_snapshot_id.clone().unwrap_or_default(),
            "SerialNumber": disk.disk_id.trim_start_matches("d-"),
            "MultiAttach": "Disabled",
            "DiskChargeType": "PostPaid",
            "CreationTime": event::second(disk.created),
            "OperationLocks": { "OperationLock": [] },
            "Tags": tags_view(&disk.tags),
        })
    }

    /// ResetDisk: back to a snapshot of this very disk, under the same id. No event says when it
    /// is done; DescribeDisks does.
    pub(super) fn reset_disk(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        let disk_id = params.required("DiskId")?;
        let snapshot_id = params.required("SnapshotId")?;
        let dry_run = params.flag("DryRun")?;
        let mut txn = self.db.begin();
        let mut disk = disk_of(&txn, disk_id)?;
        let snapshot = txn.get::<Snapshot>(snapshot_id)?.ok_or_else(|| errors::no_snapshot(snapshot_id))?;
        if snapshot.disk_id != disk_id {
            return Err(errors::snapshot_of_another_disk());
        }
        if snapshot.status != SnapshotStatus::Accomplished {
            return Err(errors::snapshot_not_ready());
        }
        if disk.resetting_from.is_some() {
            return Err(errors::conflict());
        }
        if !matches!(disk.status, DiskStatus::InUse | DiskStatus::Available) {
            return Err(errors::disk_status());
        }
        if disk.creating_snapshot.is_some() {
            return Err(errors::disk_creating_snapshot());
        }
        if let Some(instance) = &disk.instance_id
            && unlocked(&txn, instance)?.status != InstanceStatus::Stopped
        {
            return Err(errors::instance_status(403));
        }
        if dry_run {
            return Err(errors::dry_run());
        }
        disk.status = DiskStatus::ReIniting;
        disk.resetting_from = Some(snapshot_id.to_owned());
        txn.put(&disk)?;
        let work = Work::ResetDisk { disk_id: disk_id.into(), snapshot_id: snapshot_id.into() };
        txn.job(occupied(&disk), self.now(), self.earliest_end(), work)?;
        self.commit(txn)?;
        Ok(json!({}))
    }

    /// The disk is what the snapshot was; or, when the machine could not, what it was before.
    pub(super) fn disk_reset(&self, txn: &mut Txn<'_>, id: &str) -> Result<(), ServiceError> {
        let Some(mut disk) = txn.get::<Disk>(id)? else { return Ok(()) };
        disk.resetting_from = None;
        disk.status = if disk.instance_id.is_some() { DiskStatus::InUse } else { DiskStatus::Available };
        txn.put(&disk)
    }

    /// CreateDisk: an empty data disk, or one with what a snapshot holds.
    pub(super) fn create_disk(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        let zone = params.required("ZoneId")?;
        if !network::zones(&self.config.region).iter().any(|known| known == zone) {
            return Err(errors::no_zone());
        }
        let size = params.number("Size")?;
        if size.is_some_and(|gib| gib > LARGEST_GIB) {
            return Err(errors::size("Size"));
        }
        let snapshot_id = params.get("SnapshotId");
        if size.is_none() && snapshot_id.is_none() {
            return Err(errors::missing("Size"));
        }
        if params.get("DiskName").is_some_and(|name| !is_text(name, 128)) {
            return Err(errors::malformed("DiskName"));
        }
        let category = params.get("DiskCategory").unwrap_or("cloud");
        if !CATEGORIES.contains(&category) {
            return Err(errors::size("DataDiskCategory"));
        }
        let tags = params.tags()?;
        let mut txn = self.db.begin();
        let answer = self.once(&mut txn, "CreateDisk", params, |txn| {
            let disk_id = new_id("d-", self.now());
            let mut least_size = 1;
            if let Some(id) = snapshot_id {
                let mut snapshot = txn.get::<Snapshot>(id)?.ok_or_else(|| errors::no_snapshot(id))?;
                if snapshot.status != SnapshotStatus::Accomplished {
                    return Err(errors::snapshot_not_ready());
                }
                least_size = snapshot.disk_size;
                snapshot.created_disks.push(disk_id.clone());
                txn.put(&snapshot)?;
            }
            let disk = Disk {
                disk_id: disk_id.clone(),
                disk_name: params.get("DiskName").unwrap_or_default().into(),
                system: false,
                size: size.map_or(least_size, |size| u32::try_from(size).unwrap_or(u32::MAX).max(least_size)),
                category: category.into(),
                status: DiskStatus::Creating,
                instance_id: None,
                device: None,
                zone: zone.to_owned(),
                delete_with_instance: false,
                delete_auto_snapshot: true,
                auto_snapshot_policy_id: None,
                ever_attached: false,
                image_id: None,
                source_snapshot_id: snapshot_id.map(str::to_owned),
                snapshots: Vec::new(),
                creating_snapshot: None,
                resetting_from: None,
                tags,
                created: self.now(),
            };
            txn.put(&disk)?;
            txn.job(&disk_id, self.now(), self.earliest_end(), Work::CreateDisk { disk_id: disk_id.clone() })?;
            Ok(json!({ "DiskId": disk_id }))
        })?;
        self.commit(txn)?;
        Ok(answer)
    }

    /// The disk is there (or could not be made, and is gone).
    pub(super) fn disk_created(&self, txn: &mut Txn<'_>, id: &str, ok: bool) -> Result<(), ServiceError> {
        let Some(mut disk) = txn.get::<Disk>(id)? else { return Ok(()) };
        if ok {
            disk.status = DiskStatus::Available;
            return txn.put(&disk);
        }
        self.forget_disk(txn, &disk)
    }

    /// AttachDisk: a data disk to an instance of its zone. A guest that runs sees it at once.
    pub(super) fn attach_disk(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        let instance_id = params.required("InstanceId")?;
        let disk_id = params.required("DiskId")?;
        let delete_with_instance = params.flag("DeleteWithInstance")?;
        if params.flag("Bootable")? {
            return Err(errors::unsupported("Bootable"));
        }
        let mut txn = self.db.begin();
        let mut instance = unlocked(&txn, instance_id)?;
        let mut disk = disk_of(&txn, disk_id)?;
        if disk.status != DiskStatus::Available || disk.creating_snapshot.is_some() {
            return Err(errors::disk_status());
        }
        if !Self::is_settled(instance.status) {
            return Err(errors::instance_status(403));
        }
        if disk.zone != instance.zone {
            return Err(errors::not_one_zone());
        }
        if instance.disks.len() >= MAX_DISKS {
            return Err(errors::too_many_disks());
        }
        disk.device = Some(self.free_device(&txn, &instance)?);
        disk.status = DiskStatus::Attaching;
        disk.instance_id = Some(instance_id.to_owned());
        disk.delete_with_instance = delete_with_instance;
        instance.disks.push(disk_id.to_owned());
        txn.put(&disk)?;
        txn.put(&instance)?;
        txn.job(instance_id, self.now(), self.earliest_end(), Work::AttachDisk { disk_id: disk_id.into() })?;
        self.commit(txn)?;
        Ok(json!({}))
    }

    fn free_device(&self, txn: &Txn<'_>, instance: &Instance) -> Result<String, ServiceError> {
        let mut used = Vec::new();
        for id in &instance.disks {
            used.extend(txn.get::<Disk>(id)?.and_then(|disk| disk.device));
        }
        // There are more letters than disks.
        Ok((0..=MAX_DISKS).map(device_of).find(|device| !used.contains(device)).unwrap_or_default())
    }

    /// The disk is attached (or could not be, and is as before).
    pub(super) fn disk_attached(&self, txn: &mut Txn<'_>, id: &str, ok: bool) -> Result<(), ServiceError> {
        let Some(mut disk) = txn.get::<Disk>(id)? else { return Ok(()) };
        if ok {
            disk.status = DiskStatus::InUse;
            disk.ever_attached = true;
            txn.put(&disk)?;
        } else {
            self.unplug(txn, disk)?;
        }
        txn.publish(event::disk_operation(&self.config, self.now(), id, "AttachDisk", ok))
    }

    /// The disk is attached to nothing.
    fn unplug(&self, txn: &mut Txn<'_>, mut disk: Disk) -> Result<(), ServiceError> {
        let attached_to = disk.instance_id.take();
        if let Some(mut instance) = attached_to.map(|id| txn.get::<Instance>(&id)).transpose()?.flatten() {
            instance.disks.retain(|attached| *attached != disk.disk_id);
            txn.put(&instance)?;
        }
        disk.device = None;
        disk.delete_with_instance = false;
        disk.status = DiskStatus::Available;
        txn.put(&disk)
    }

    /// DetachDisk: a data disk from its instance.
    pub(super) fn detach_disk(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        let instance_id = params.required("InstanceId")?;
        let disk_id = params.required("DiskId")?;
        let mut txn = self.db.begin();
        let instance = unlocked(&txn, instance_id)?;
        let mut disk = disk_of(&txn, disk_id)?;
        if disk.instance_id.as_deref() != Some(instance_id) {
            return Err(errors::disk_not_attached());
        }
        if disk.system {
            return Err(errors::disk_not_portable());
        }
        if disk.status != DiskStatus::InUse {
            return Err(errors::disk_status());
        }
        if disk.creating_snapshot.is_some() {
            return Err(errors::disk_creating_snapshot());
        }
        if !Self::is_settled(instance.status) {
            return Err(errors::instance_status(403));
        }
        disk.status = DiskStatus::Detaching;
        txn.put(&disk)?;
        txn.job(instance_id, self.now(), self.earliest_end(), Work::DetachDisk { disk_id: disk_id.into() })?;
        self.commit(txn)?;
        Ok(json!({}))
    }

    /// The disk is detached (or could not be, and is as before).
    pub(super) fn disk_detached(&self, txn: &mut Txn<'_>, id: &str, ok: bool) -> Result<(), ServiceError> {
        let Some(mut disk) = txn.get::<Disk>(id)? else { return Ok(()) };
        if ok {
            self.unplug(txn, disk)?;
        } else {
            disk.status = DiskStatus::InUse;
            txn.put(&disk)?;
        }
        txn.publish(event::disk_operation(&self.config, self.now(), id, "DetachDisk", ok))
    }

    /// ModifyDiskAttribute: the name, and what goes with the disk or its instance.
    pub(super) fn modify_disk_attribute(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        let mut ids = params.repeated("DiskIds");
        ids.extend(params.get("DiskId"));
        if ids.is_empty() {
            return Err(errors::missing("DiskId"));
        }
        let name = params.get("DiskName");
        if name.is_some_and(|name| !is_text(name, 128)) {
            return Err(errors::malformed("DiskName"));
        }
        let with_instance = params.optional_flag("DeleteWithInstance")?;
        let auto_snapshot = params.optional_flag("DeleteAutoSnapshot")?;
        if name.is_none() && with_instance.is_none() && auto_snapshot.is_none() {
            return Err(errors::nothing_to_modify());
        }
        let mut txn = self.db.begin();
        for id in ids {
            let mut disk = disk_of(&txn, id)?;
            if let Some(name) = name {
                disk.disk_name = name.to_owned();
            }
            disk.delete_with_instance = with_instance.unwrap_or(disk.delete_with_instance);
            disk.delete_auto_snapshot = auto_snapshot.unwrap_or(disk.delete_auto_snapshot);
            txn.put(&disk)?;
        }
        self.commit(txn)?;
        Ok(json!({}))
    }

    /// DeleteDisk: an Available one; an unknown one is fine.
    pub(super) fn delete_disk(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        let id = params.required("DiskId")?;
        let mut txn = self.db.begin();
        let Some(disk) = txn.get::<Disk>(id)? else { return Ok(json!({})) };
        match disk.status {
            DiskStatus::Available if disk.creating_snapshot.is_some() => return Err(errors::disk_creating_snapshot()),
            DiskStatus::Available => {}
            DiskStatus::InUse => return Err(errors::disk_still_attached()),
            _ => return Err(errors::disk_status()),
        }
        self.forget_disk(&mut txn, &disk)?;
        self.commit(txn)?;
        Ok(json!({}))
    }

    /// Deletes a disk's row; its snapshots stay.
    pub(super) fn forget_disk(&self, txn: &mut Txn<'_>, disk: &Disk) -> Result<(), ServiceError> {
        let source = disk.source_snapshot_id.as_ref();
        if let Some(mut snapshot) = source.map(|id| txn.get::<Snapshot>(id)).transpose()?.flatten() {
            snapshot.created_disks.retain(|made| *made != disk.disk_id);
            txn.put(&snapshot)?;
        }
        txn.delete::<Disk>(&disk.disk_id);
        txn.job(occupied(disk), self.now(), 0, Work::DropDisk { disk_id: disk.disk_id.clone() })
    }
}

/// The disk `id`.
pub(super) fn disk_of(txn: &Txn<'_>, id: &str) -> Result<Disk, ServiceError> {
    txn.get::<Disk>(id)?.ok_or_else(|| errors::no_disk(id))
}

/// What a job on this disk occupies: its instance, if it has one.
pub(super) fn occupied(disk: &Disk) -> &str {
    disk.instance_id.as_deref().unwrap_or(&disk.disk_id)
}

/// `/dev/xvda` for the system disk, `/dev/xvdb` for the first data disk…
pub(super) fn device_of(n: usize) -> String {
    let letter = (b'a'..=b'z').nth(n).unwrap_or(b'z');
    format!("/dev/xvd{}", letter as char)
}

pub(super) fn kind(system: bool) -> &'static str {
    if system { "system" } else { "data" }
}
