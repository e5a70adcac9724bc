//! Snapshots.

use serde_json::{Value, json};

use super::Ecs;
use super::db::Txn;
use super::disks::{disk_of, kind, occupied};
use super::errors;
use super::event::{self, new_id, second};
use super::instances::tags_view;
use super::list::{Limits, list};
use super::model::{Disk, DiskStatus, Instance, Outcome, Snapshot, SnapshotStatus, SystemName, Tags, Work};
use super::params::{Params, has_tags, is_text};
use super::power::unlocked;
use crate::seams::ServiceError;

/// Of DescribeSnapshots.
const LIMITS: Limits = Limits { least: 1, most: 100, usual: 10 };
/// Manual snapshots of one disk (ECS documentation, limits).
const MAX_SNAPSHOTS: usize = 256;
/// Days a snapshot may be kept.
const MAX_RETENTION_DAYS: u64 = 65_536;
const DAY_MS: i64 = 24 * 3600 * 1000;

impl Ecs {
    /// CreateSnapshot. One at a time per disk; done when its event or DescribeSnapshots says so.
    pub(super) fn create_snapshot(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        let disk_id = params.required("DiskId")?;
        let name = params.get("SnapshotName").unwrap_or_default();
        if !name.is_empty() && !is_snapshot_name(name) {
            return Err(errors::malformed("SnapshotName"));
        }
        let description = params.get("Description").unwrap_or_default();
        if !description.is_empty() && !is_text(description, 256) {
            return Err(errors::malformed("Description"));
        }
        let retention_days = retention(params)?;
        let tags = params.tags()?;
        let mut txn = self.db.begin();
        let answer = self.once(&mut txn, "CreateSnapshot", params, |txn| {
            let mut disk = self.disk_to_copy(txn, disk_id)?;
            let snapshot = Snapshot {
                snapshot_name: name.to_owned(),
                description: description.to_owned(),
                retention_days,
                tags,
                ..self.new_snapshot(txn, &disk)?
            };
            let id = snapshot.snapshot_id.clone();
            disk.snapshots.push(id.clone());
            disk.creating_snapshot = Some(id.clone());
            txn.put(&disk)?;
            txn.put(&snapshot)?;
            txn.job(occupied(&disk), self.now(), snapshot.expected, Work::CreateSnapshot { snapshot_id: id.clone() })?;
            self.schedule_expiry(txn, &snapshot)?;
            Ok(json!({ "SnapshotId": id }))
        })?;
        self.commit(txn)?;
        Ok(answer)
    }

    /// A snapshot of the disk as it is now, without a name.
    pub(super) fn new_snapshot(&self, txn: &Txn<'_>, disk: &Disk) -> Result<Snapshot, ServiceError> {
        let instance = disk.instance_id.as_ref().map(|id| txn.get::<Instance>(id)).transpose()?.flatten();
        let system_name = instance.map(|instance| SystemName {
            os_name: instance.os_name,
            os_name_en: instance.os_name_en,
            os_type: instance.os_type,
        });
        Ok(Snapshot {
            snapshot_id: new_id("s-", self.now()),
            snapshot_name: String::new(),
            description: String::new(),
            status: SnapshotStatus::Progressing,
            disk_id: disk.disk_id.clone(),
            system: disk.system,
            disk_size: disk.size,
            instance_id: disk.instance_id.clone(),
            group_id: None,
            system_name: system_name.unwrap_or_default(),
            retention_days: None,
            bytes: 0,
            created_disks: Vec::new(),
            tags: Tags::new(),
            created: self.now(),
            expected: self.earliest_end(),
            modified: self.now(),
        })
    }

    /// The disk, if a snapshot of it may be taken now.
    pub(super) fn disk_to_copy(&self, txn: &Txn<'_>, id: &str) -> Result<Disk, ServiceError> {
        let disk = disk_of(txn, id)?;
        if let Some(instance) = &disk.instance_id
            && !Self::is_settled(unlocked(txn, instance)?.status)
        {
            return Err(errors::instance_status(400));
        }
        if !matches!(disk.status, DiskStatus::InUse | DiskStatus::Available) {
            return Err(errors::disk_status());
        }
        if !disk.ever_attached {
            return Err(errors::never_attached());
        }
        if disk.creating_snapshot.is_some() {
            return Err(errors::creating_snapshot());
        }
        if disk.snapshots.len() >= MAX_SNAPSHOTS {
            return Err(errors::snapshot_quota());
        }
        Ok(disk)
    }

    fn schedule_expiry(&self, txn: &mut Txn<'_>, snapshot: &Snapshot) -> Result<(), ServiceError> {
        let Some(expires) = expiry(snapshot) else { return Ok(()) };
        let id = &snapshot.snapshot_id;
        txn.job(id, expires, 0, Work::ExpireSnapshot { snapshot_id: id.clone() })
    }

    /// The copy is made, or could not be, or was cancelled meanwhile.
    pub(super) fn snapshot_taken(&self, txn: &mut Txn<'_>, id: &str, outcome: &Outcome) -> Result<(), ServiceError> {
        let Some(mut snapshot) = txn.get::<Snapshot>(id)? else {
            // Cancelled while it was being made: DeleteSnapshot has left a job that frees the bytes.
            return Ok(());
        };
        match outcome {
            Outcome::Done(bytes) => {
                snapshot.status = SnapshotStatus::Accomplished;
                snapshot.bytes = *bytes;
            }
            Outcome::Failed(_) => snapshot.status = SnapshotStatus::Failed,
        }
        snapshot.modified = self.now();
        txn.put(&snapshot)?;
        if let Some(mut disk) = txn.get::<Disk>(&snapshot.disk_id)? {
            disk.creating_snapshot = None;
            txn.put(&disk)?;
        }
        txn.publish(event::snapshot_completed(&self.config, self.now(), &snapshot))
    }

    /// DescribeSnapshots.
    pub(super) fn describe_snapshots(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        if params.flag("DryRun")? {
            return Err(errors::dry_run());
        }
        let mut ids = params.json_list("SnapshotIds")?;
        // A disk that still exists knows its snapshots.
        if let (None, Some(disk)) = (&ids, params.get("DiskId")) {
            ids = self.db.get::<Disk>(disk)?.map(|disk| disk.snapshots);
        }
        let tags = params.pairs("Tag");
        let wanted =
            |name: &str, value: &str| params.get(name).is_none_or(|w| w.eq_ignore_ascii_case("all") || w == value);
        let page = list(&self.db, params, ids.as_deref(), LIMITS, |snapshot: &Snapshot| {
            wanted("Status", snapshot.status.as_str())
                && wanted("SourceDiskType", kind(snapshot.system))
                && wanted("SnapshotType", "user")
                && wanted("Usage", self.usage(snapshot))
                && params.get("DiskId").is_none_or(|id| id == snapshot.disk_id)
                && params.get("InstanceId").is_none_or(|id| snapshot.instance_id.as_deref() == Some(id))
                && params.get("SnapshotName").is_none_or(|name| name == snapshot.snapshot_name)
                && has_tags(&snapshot.tags, &tags)
        })?;
        Ok(page.answer("Snapshots", "Snapshot", |snapshot| self.snapshot_view(snapshot)))
    }

    /// Percent.
    pub(super) fn progress(&self, snapshot: &Snapshot) -> i64 {
        let whole = (snapshot.expected - snapshot.created).max(1);
        match snapshot.status {
            SnapshotStatus::Accomplished => 100,
            SnapshotStatus::Failed => 0,
            // An estimate, as the service's own: never 100 before it is true.
            SnapshotStatus::Progressing => ((self.now() - snapshot.created) * 100 / whole).clamp(0, 99),
        }
    }

    fn usage(&self, snapshot: &Snapshot) -> &'static str {
        // Not to be read is not to be used.
        let image = self.is_in_image(&snapshot.snapshot_id).unwrap_or_default();
        match (image, snapshot.created_disks.is_empty()) {
            (false, true) => "none",
            (false, false) => "disk",
            (true, true) => "image",
            (true, false) => "image_disk",
        }
    }

    fn snapshot_view(&self, snapshot: &Snapshot) -> Value {
        let done = snapshot.status == SnapshotStatus::Accomplished;
        json!({
            "SnapshotId": snapshot.snapshot_id,
            "SnapshotName": snapshot.snapshot_name,
            "Description": snapshot.description,
            "RegionId": self.config.region,
            "Status": snapshot.status.as_str(),
            "Progress": format!("{}%", self.progress(snapshot)),
            "RemainTime": if done { 0 } else { (snapshot.expected - self.now()).max(0) / 1000 },
            "Available": done,
            "SourceDiskId": snapshot.disk_id,
            "SourceDiskType": kind(snapshot.system),
            "SourceDiskSize": snapshot.disk_size.to_string(),
            "SnapshotType": "user",
            "Category": "standard",
            "Usage": self.usage(snapshot),
            "RetentionDays": snapshot.retention_days.unwrap_or(0),
            "CreationTime": second(snapshot.created),
            "LastModifiedTime": second(snapshot.modified),
            "Encrypted": false,
            "Tags": tags_view(&snapshot.tags),
        })
    }

    /// DeleteSnapshot; an unknown one is fine, one that is being taken is cancelled.
    pub(super) fn delete_snapshot(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        let id = params.required("SnapshotId")?;
        let force = params.flag("Force")?;
        let mut txn = self.db.begin();
        self.drop_snapshot(&mut txn, id, force)?;
        self.commit(txn)?;
        Ok(json!({}))
    }

    /// Deletes a snapshot if it may be.
    pub(super) fn drop_snapshot(&self, txn: &mut Txn<'_>, id: &str, force: bool) -> Result<(), ServiceError> {
        let Some(snapshot) = txn.get::<Snapshot>(id)? else { return Ok(()) };
        if in_use(txn, &snapshot)? {
            return Err(errors::conflict());
        }
        if self.is_in_image(id)? {
            return Err(errors::snapshot_created_image());
        }
        if !force && !snapshot.created_disks.is_empty() {
            return Err(errors::snapshot_created_disk());
        }
        self.forget_snapshot(txn, &snapshot)
    }

    fn forget_snapshot(&self, txn: &mut Txn<'_>, snapshot: &Snapshot) -> Result<(), ServiceError> {
        let id = &snapshot.snapshot_id;
        let mut occupies = snapshot.disk_id.clone();
        if let Some(mut disk) = txn.get::<Disk>(&snapshot.disk_id)? {
            disk.snapshots.retain(|taken| taken != id);
            if disk.creating_snapshot.as_ref() == Some(id) {
                disk.creating_snapshot = None;
            }
            txn.put(&disk)?;
        }
        if let Some(group) = &snapshot.group_id {
            self.leave_group(txn, group, id)?;
        }
        // The same as the copy that may be under way, so that it comes after it.
        if let Some(instance) = &snapshot.instance_id {
            occupies.clone_from(instance);
        }
        txn.delete::<Snapshot>(id);
        txn.job(&occupies, self.now(), 0, Work::DropSnapshot { snapshot_id: id.clone() })
    }

    /// ModifySnapshotAttribute: name, description, and a retention that only grows.
    pub(super) fn modify_snapshot_attribute(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        let id = params.required("SnapshotId")?;
        let (name, description) = (params.get("SnapshotName"), params.get("Description"));
        let days = retention(params)?;
        if name.is_none() && description.is_none() && days.is_none() {
            return Err(errors::nothing_to_modify());
        }
        if name.is_some_and(|name| !is_snapshot_name(name)) {
            return Err(errors::malformed("SnapshotName"));
        }
        if description.is_some_and(|description| !is_text(description, 256)) {
            return Err(errors::malformed("Description"));
        }
        let mut txn = self.db.begin();
        let mut snapshot = txn.get::<Snapshot>(id)?.ok_or_else(|| errors::no_snapshot(id))?;
        if let Some(days) = days {
            // One that is kept for ever cannot be kept longer.
            if snapshot.retention_days.is_none_or(|before| days < before) {
                return Err(errors::retention_decreased());
            }
            snapshot.retention_days = Some(days);
        }
        if let Some(name) = name {
            snapshot.snapshot_name = name.to_owned();
        }
        if let Some(description) = description {
            snapshot.description = description.to_owned();
        }
        snapshot.modified = self.now();
        txn.put(&snapshot)?;
        self.commit(txn)?;
        Ok(json!({}))
    }

    /// A retention was over when this was scheduled; it may have been extended since.
    pub(super) fn snapshot_expired(&self, txn: &mut Txn<'_>, id: &str) -> Result<(), ServiceError> {
        let Some(snapshot) = txn.get::<Snapshot>(id)? else { return Ok(()) };
        if expiry(&snapshot).is_none_or(|expires| expires > self.now()) {
            return self.schedule_expiry(txn, &snapshot);
        }
        if in_use(txn, &snapshot)? || self.is_in_image(id)? {
            let later = self.now() + 60_000;
            return txn.job(id, later, 0, Work::ExpireSnapshot { snapshot_id: id.to_owned() });
        }
        self.forget_snapshot(txn, &snapshot)
    }
}

fn in_use(txn: &Txn<'_>, snapshot: &Snapshot) -> Result<bool, ServiceError> {
    let disk: Option<Disk> = txn.get(&snapshot.disk_id)?;
    if disk.is_some_and(|disk| disk.resetting_from.as_ref() == Some(&snapshot.snapshot_id)) {
        return Ok(true);
    }
    for made in &snapshot.created_disks {
        if txn.get::<Disk>(made)?.is_some_and(|disk| disk.status == DiskStatus::Creating) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn expiry(snapshot: &Snapshot) -> Option<i64> {
    snapshot.retention_days.map(|days| snapshot.created + i64::from(days) * DAY_MS)
}

/// `auto` is the beginning of automatic snapshots' names.
fn is_snapshot_name(name: &str) -> bool {
    is_text(name, 128) && !name.starts_with("auto")
}

fn retention(params: Params<'_>) -> Result<Option<u32>, ServiceError> {
    match params.number("RetentionDays") {
        Ok(None) => Ok(None),
        Ok(Some(days)) if days <= MAX_RETENTION_DAYS => Ok(u32::try_from(days).ok()),
        _ => Err(errors::malformed("RetentionDays")),
    }
}
