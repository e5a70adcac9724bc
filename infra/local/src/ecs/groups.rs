//! Snapshot-consistent groups: snapshots of several disks at one moment.

use serde_json::{Value, json};

use super::Ecs;
use super::db::Txn;
use super::disks::kind;
use super::errors;
use super::event::{new_id, second};
use super::instances::tags_view;
use super::list::{Limits, list};
use super::model::{Instance, Outcome, Snapshot, SnapshotGroup, SnapshotStatus, Work};
use super::params::{Params, has_tags, is_text};
use super::power::unlocked;
use crate::seams::ServiceError;

/// Of DescribeSnapshotGroups.
const LIMITS: Limits = Limits { least: 1, most: 100, usual: 10 };
/// Disks of a group (ECS user guide, "Create a snapshot-consistent group").
const MAX_DISKS: usize = 16;
/// GiB of a group's disks.
const MAX_GIB: u32 = 32 * 1024;
/// Days of instant access; the parameter has no effect any more.
const MAX_INSTANT_DAYS: u64 = 65_535;

impl Ecs {
    /// CreateSnapshotGroup: of every disk of an instance, or of those named. The snapshots are kept for ever.
    pub(super) fn create_snapshot_group(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        let name = params.get("Name").unwrap_or_default();
        if !name.is_empty() && !is_group_name(name) {
            return Err(errors::invalid("Name"));
        }
        let description = params.get("Description").unwrap_or_default();
        if !description.is_empty() && !is_text(description, 256) {
            return Err(errors::group_description());
        }
        params.flag("InstantAccess")?;
        if params.number("InstantAccessRetentionDays").ok().is_none_or(|days| days > Some(MAX_INSTANT_DAYS)) {
            return Err(errors::malformed("RetentionDays"));
        }
        let tags = params.tags()?;
        let mut txn = self.db.begin();
        let answer = self.once(&mut txn, "CreateSnapshotGroup", params, |txn| {
            let disks = self.disks_for_group(txn, params)?;
            let group_id = new_id("ssg-", self.now());
            let mut snapshots = Vec::new();
            for id in &disks {
                let mut disk = self.disk_to_copy(txn, id)?;
                if !matches!(disk.category.as_str(), "cloud_essd" | "cloud_auto" | "cloud_essd_entry") {
                    return Err(errors::disk_category());
                }
                let snapshot = Snapshot {
                    // The reference does not say what the snapshots of a group are called.
                    snapshot_name: name.to_owned(),
                    group_id: Some(group_id.clone()),
                    ..self.new_snapshot(txn, &disk)?
                };
                disk.snapshots.push(snapshot.snapshot_id.clone());
                disk.creating_snapshot = Some(snapshot.snapshot_id.clone());
                snapshots.push(snapshot.snapshot_id.clone());
                txn.put(&disk)?;
                txn.put(&snapshot)?;
            }
            let instance_id = params.get("InstanceId").map(str::to_owned);
            let occupies = instance_id.clone().unwrap_or_else(|| group_id.clone());
            txn.put(&SnapshotGroup {
                snapshot_group_id: group_id.clone(),
                name: name.to_owned(),
                description: description.to_owned(),
                status: SnapshotStatus::Progressing,
                instance_id,
                snapshots,
                tags,
                created: self.now(),
            })?;
            let work = Work::CreateSnapshotGroup { group_id: group_id.clone() };
            txn.job(&occupies, self.now(), self.earliest_end(), work)?;
            Ok(json!({ "SnapshotGroupId": group_id }))
        })?;
        self.commit(txn)?;
        Ok(answer)
    }

    fn disks_for_group(&self, txn: &Txn<'_>, params: Params<'_>) -> Result<Vec<String>, ServiceError> {
        let only = params.repeated("DiskId");
        let without = params.repeated("ExcludeDiskId");
        if !only.is_empty() && !without.is_empty() {
            return Err(errors::conflicting("DiskId", "ExcludeDiskId"));
        }
        let disks: Vec<String> = match params.get("InstanceId") {
            None if only.is_empty() => return Err(errors::missing("InstanceId")),
            // Across instances of a zone: nothing here needs it.
            None => return Err(errors::unsupported("DiskId")),
            Some(id) => {
                let attached = unlocked(txn, id)?.disks;
                if let Some(stranger) = only.iter().find(|id| !attached.iter().any(|disk| disk == *id)) {
                    return Err(errors::no_disk(stranger));
                }
                let wanted = |id: &String| {
                    let id = id.as_str();
                    (only.is_empty() || only.contains(&id)) && !without.contains(&id)
                };
                attached.into_iter().filter(wanted).collect()
            }
        };
        let mut gib = 0;
        for id in &disks {
            gib += super::disks::disk_of(txn, id)?.size;
        }
        if disks.is_empty() || disks.len() > MAX_DISKS || gib > MAX_GIB {
            return Err(errors::disks_not_supported());
        }
        Ok(disks)
    }

    /// The copies of a group are made, or could not be. Those that were cancelled meanwhile are gone.
    pub(super) fn group_taken(&self, txn: &mut Txn<'_>, id: &str, outcome: &Outcome) -> Result<(), ServiceError> {
        let Some(mut group) = txn.get::<SnapshotGroup>(id)? else { return Ok(()) };
        for snapshot in &group.snapshots {
            self.snapshot_taken(txn, snapshot, outcome)?;
        }
        group.status = match outcome {
            Outcome::Done(_) => SnapshotStatus::Accomplished,
            Outcome::Failed(_) => SnapshotStatus::Failed,
        };
        txn.put(&group)
    }

    /// A snapshot of a group is gone; the group goes with its last.
    pub(super) fn leave_group(&self, txn: &mut Txn<'_>, group_id: &str, id: &str) -> Result<(), ServiceError> {
        let Some(mut group) = txn.get::<SnapshotGroup>(group_id)? else { return Ok(()) };
        group.snapshots.retain(|snapshot| snapshot != id);
        if group.snapshots.is_empty() {
            txn.delete::<SnapshotGroup>(group_id);
            return Ok(());
        }
        txn.put(&group)
    }

    /// DescribeSnapshotGroups; always by token.
    pub(super) fn describe_snapshot_groups(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        let ids: Vec<String> = params.repeated("SnapshotGroupId").into_iter().map(str::to_owned).collect();
        let statuses = params.repeated("Status");
        if statuses.iter().any(|status| !["progressing", "accomplished", "failed"].contains(status)) {
            return Err(errors::group_status());
        }
        let tags = params.pairs("Tag");
        let mut by_token = params.0.clone();
        by_token.entry("MaxResults".into()).or_insert_with(|| LIMITS.usual.to_string());
        let ids = (!ids.is_empty()).then_some(ids);
        let page = list(&self.db, Params(&by_token), ids.as_deref(), LIMITS, |group: &SnapshotGroup| {
            params.get("InstanceId").is_none_or(|id| group.instance_id.as_deref() == Some(id))
                && params.get("Name").is_none_or(|name| name == group.name)
                && (statuses.is_empty() || statuses.contains(&group.status.as_str()))
                && has_tags(&group.tags, &tags)
        })?;
        let mut members = std::collections::BTreeMap::new();
        for id in page.rows.iter().flat_map(|group| &group.snapshots) {
            members.extend(self.db.get::<Snapshot>(id)?.map(|snapshot| (id.clone(), snapshot)));
        }
        Ok(page.answer("SnapshotGroups", "SnapshotGroup", |group| {
            let snapshots = group.snapshots.iter().filter_map(|id| members.get(id));
            json!({
                "SnapshotGroupId": group.snapshot_group_id,
                "Name": group.name,
                "Description": group.description,
                "Status": group.status.as_str(),
                "InstanceId": group.instance_id.clone().unwrap_or_default(),
                "CreationTime": second(group.created),
                "ResourceGroupId": "",
                "Snapshots": { "Snapshot": snapshots.map(|snapshot| self.member_view(snapshot)).collect::<Vec<_>>() },
                "Tags": tags_view(&group.tags),
            })
        }))
    }

    fn member_view(&self, snapshot: &Snapshot) -> Value {
        let tags: Vec<Value> = snapshot.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        json!({
            "SnapshotId": snapshot.snapshot_id,
            "SourceDiskId": snapshot.disk_id,
            "SourceDiskType": kind(snapshot.system),
            "Progress": format!("{}%", self.progress(snapshot)),
            "Available": snapshot.status == SnapshotStatus::Accomplished,
            "InstantAccess": false,
            "Tags": { "Tag": tags },
        })
    }

    /// DeleteSnapshotGroup: with its snapshots, by the rules of DeleteSnapshot; an unknown one is fine.
    pub(super) fn delete_snapshot_group(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        let id = params.required("SnapshotGroupId")?;
        let mut txn = self.db.begin();
        let Some(group) = txn.get::<SnapshotGroup>(id)? else { return Ok(json!({})) };
        for snapshot in &group.snapshots {
            self.drop_snapshot(&mut txn, snapshot, false)?;
        }
        txn.delete::<SnapshotGroup>(id);
        self.commit(txn)?;
        Ok(json!({}))
    }

    /// What the machine must copy for a group, and who must stand still meanwhile.
    pub(super) fn group_copies(&self, id: &str) -> Result<Copies, ServiceError> {
        let Some(group) = self.db.get::<SnapshotGroup>(id)? else { return Ok((Vec::new(), None)) };
        let mut copies = Vec::new();
        for id in &group.snapshots {
            copies.extend(self.db.get::<Snapshot>(id)?.map(|snapshot| (snapshot.snapshot_id, snapshot.disk_id)));
        }
        let instance = group.instance_id.map(|id| self.db.get::<Instance>(&id)).transpose()?.flatten();
        let instance = instance.map(|instance| instance.instance_id).filter(|id| self.hypervisor.is_running(id));
        Ok((copies, instance))
    }
}

/// Snapshots with their disks, and the running instance that these belong to.
type Copies = (Vec<(String, String)>, Option<String>);

/// 2 to 128 letters, digits and `.`, `_`, `-`, `:`.
fn is_group_name(name: &str) -> bool {
    is_text(name, 128) && name.chars().all(|c| c.is_alphanumeric() || "._-:".contains(c))
}
