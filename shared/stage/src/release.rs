//! What a migration makes in the account beside its instance (a drill's clone and image, the media disk, snapshots),
//! by what names it is found again, and how it is let go. Only what bears both the name and the tag is touched.

use jiff::Timestamp;
use migration::path::Engine;
use migration::{Millis, Record};
use openapi::ecs::{Disk, Image, Instance, Snapshot, Tag};

use crate::act::Job;
use crate::cloud::Cloud;
use crate::fault::Fault;

/// Tag of everything that is made for a migration; its value is the migration's id.
pub const OWNER_TAG: &str = "osferry:migration";

/// Tag of a snapshot that ECS itself keeps for ever (every snapshot of a group): days from its creation until
/// [`expired_snapshots`] deletes it.
pub const RETENTION_TAG: &str = "osferry:retention-days";

/// Days of a snapshot's retention are so long, milliseconds.
const DAY: Millis = 24 * 3600 * 1000;

/// The tag of everything that is made for the migration.
pub fn owner(record: &Record) -> Tag {
    Tag::new(OWNER_TAG, record.id.as_str())
}

/// Whether these tags say that it was made for the migration.
pub fn is_ours(record: &Record, tags: &[Tag]) -> bool {
    tags.contains(&owner(record))
}

/// Name of a drill's clone and of the image that it is made of. One per run: the clone goes through every hop.
pub fn clone_name(record: &Record) -> String {
    clone_name_of(record, record.run)
}

fn clone_name_of(record: &Record, run: u32) -> String {
    record.id.name(&format!("{run}-clone"))
}

/// Name of the disk with Windows' installation media for hop number `hop`.
pub fn media_name(record: &Record, hop: usize) -> String {
    media_name_of(record, record.run, hop)
}

fn media_name_of(record: &Record, run: u32, hop: usize) -> String {
    // Names of disks take no dot.
    record.id.name(&format!("{run}-{hop}-media"))
}

/// Name of the snapshot group of the hop under way.
pub fn group_name(record: &Record) -> String {
    record.id.name(&record.leg())
}

/// Name of a disk's snapshot in the hop under way.
pub fn snapshot_name(record: &Record, disk_id: &str) -> String {
    record.id.name(&format!("{}-{disk_id}", record.leg()))
}

/// Lets a drill's clone and its image go; true while there still is something.
///
/// # Errors
/// When ECS refuses.
pub async fn clone<C: Cloud>(job: &Job<'_, C>) -> Result<bool, Fault> {
    if !job.record.policy.mode.drills() {
        return Ok(false);
    }
    let mut left = false;
    for clone in clones(job).await? {
        left = true;
        // In between it can only be waited for.
        if matches!(clone.status.as_str(), "Running" | "Stopped") {
            job.cloud.delete_instance(&clone.instance_id).await?;
        }
    }
    if left {
        return Ok(true);
    }
    for image in images(job).await? {
        left = true;
        job.cloud.delete_image(&image.image_id).await?;
    }
    Ok(left)
}

/// The clones of this run: one at most, unless somebody copied its name and tags.
///
/// # Errors
/// When ECS refuses.
pub async fn clones<C: Cloud>(job: &Job<'_, C>) -> Result<Vec<Instance>, Fault> {
    let mut found = Vec::new();
    // Those of earlier runs too: their cleaning may have been given up.
    for run in 0..=job.record.run {
        found.extend(job.cloud.instances_named(&clone_name_of(job.record, run)).await?);
    }
    // The instance itself is never thrown away, whatever it is called.
    found.retain(|clone| is_ours(job.record, &clone.tags) && clone.instance_id != job.record.instance_id);
    Ok(found)
}

/// The images that this run's clone is made of.
///
/// # Errors
/// When ECS refuses.
pub async fn images<C: Cloud>(job: &Job<'_, C>) -> Result<Vec<Image>, Fault> {
    let mut found = Vec::new();
    for run in 0..=job.record.run {
        found.extend(job.cloud.images_named(&clone_name_of(job.record, run)).await?);
    }
    found.retain(|image| is_ours(job.record, &image.tags));
    Ok(found)
}

/// Lets the disks with installation media of every hop so far go; true while there still is one.
///
/// # Errors
/// When ECS refuses.
pub async fn media<C: Cloud>(job: &Job<'_, C>) -> Result<bool, Fault> {
    if !job.record.hops.iter().any(|hop| hop.engine == Engine::WindowsSetup) {
        return Ok(false);
    }
    // It is gone with what it was attached to.
    let Some(instance) = job.cloud.instance(job.record.subject()).await? else { return Ok(false) };
    let mut left = false;
    for (run, hop) in (0..=job.record.run).flat_map(|run| (0..job.record.hops.len()).map(move |hop| (run, hop))) {
        for disk in job.cloud.disks_named(&instance.zone_id, &media_name_of(job.record, run, hop)).await? {
            left |= is_ours(job.record, &disk.tags) && !let_go(job, &instance, &disk).await?;
        }
    }
    Ok(left)
}

/// One step of letting a disk go; true when it is gone.
async fn let_go<C: Cloud>(job: &Job<'_, C>, instance: &Instance, disk: &Disk) -> Result<bool, Fault> {
    match disk.status.as_str() {
        "Available" => {
            job.cloud.delete_disk(&disk.disk_id).await?;
            return Ok(true);
        }
        // ECS detaches at rest only; in between it is waited for.
        "In_use" if matches!(instance.status.as_str(), "Running" | "Stopped") => {
            job.cloud.detach_disk(&disk.instance_id, &disk.disk_id).await?;
        }
        _ => {}
    }
    Ok(false)
}

/// The instance's snapshots. Those of this hop's group bear the names and tags of single ones from now on: ECS does
/// not say what it calls them, and keeps them for ever.
///
/// # Errors
/// When ECS refuses.
pub async fn snapshots<C: Cloud>(job: &Job<'_, C>) -> Result<Vec<Snapshot>, Fault> {
    let record = job.record;
    let mut all = job.cloud.snapshots(&record.instance_id).await?;
    for group in job.cloud.snapshot_groups(&record.instance_id, &group_name(record)).await? {
        for member in group.snapshots {
            let known = all.iter().position(|snapshot| snapshot.snapshot_id == member.snapshot_id);
            let at = known.unwrap_or_else(|| {
                // The two lists need not be of one moment.
                all.push(Snapshot {
                    snapshot_id: member.snapshot_id,
                    source_disk_id: member.source_disk_id,
                    status: "progressing".into(),
                    progress: member.progress,
                    ..Snapshot::default()
                });
                all.len() - 1
            });
            claim(job, &mut all[at]).await?;
        }
    }
    Ok(all)
}

async fn claim<C: Cloud>(job: &Job<'_, C>, snapshot: &mut Snapshot) -> Result<(), Fault> {
    let name = snapshot_name(job.record, &snapshot.source_disk_id);
    if !is_ours(job.record, &snapshot.tags) {
        let days = job.record.policy.kept_days().to_string();
        let tags = [owner(job.record), Tag::new(RETENTION_TAG, days)];
        job.cloud.tag_snapshot(&snapshot.snapshot_id, &tags).await?;
        snapshot.tags.extend(tags);
    }
    if snapshot.name != name {
        job.cloud.rename_snapshot(&snapshot.snapshot_id, &name).await?;
        snapshot.name = name;
    }
    Ok(())
}

/// Keeps a snapshot that many days from its creation, whoever ends it then: ECS, or [`expired_snapshots`].
///
/// # Errors
/// When ECS refuses.
pub async fn keep_snapshot<C: Cloud>(cloud: &C, snapshot_id: &str, days: u32) -> Result<(), Fault> {
    match cloud.keep_snapshot(snapshot_id, days).await {
        // ECS keeps it longer anyway; if for ever, the tag ends it.
        Err(error) if error.code() == "InvalidOperation.DecreaseRetentionDaysUnsupported" => {
            cloud.tag_snapshot(snapshot_id, &[Tag::new(RETENTION_TAG, days.to_string())]).await?;
        }
        answer => answer?,
    }
    Ok(())
}

/// Deletes the snapshots that ECS keeps for ever and whose [`RETENTION_TAG`] says that it is enough; how many. What
/// is in use is left for the next time.
///
/// # Errors
/// When they cannot be listed.
pub async fn expired_snapshots<C: Cloud>(cloud: &C, now: Millis) -> Result<usize, Fault> {
    let mut deleted = 0;
    for snapshot in cloud.snapshots_tagged(RETENTION_TAG).await? {
        if !has_expired(&snapshot, now) {
            continue;
        }
        match cloud.delete_snapshot(&snapshot.snapshot_id).await {
            Ok(()) => deleted += 1,
            Err(error) => tracing::warn!(snapshot_id = snapshot.snapshot_id, %error, "an expired snapshot stays"),
        }
    }
    Ok(deleted)
}

fn has_expired(snapshot: &Snapshot, now: Millis) -> bool {
    let made_by_us = snapshot.tags.iter().any(|tag| tag.key == OWNER_TAG);
    let kept_for_ever = snapshot.retention_days.unwrap_or(0) == 0;
    let tag = snapshot.tags.iter().find(|tag| tag.key == RETENTION_TAG);
    let days = tag.and_then(|tag| tag.value.parse::<u32>().ok()).filter(|days| *days > 0);
    let created = snapshot.creation_time.parse::<Timestamp>().ok();
    match (days, created) {
        (Some(days), Some(created)) => {
            made_by_us && kept_for_ever && now >= created.as_millisecond() + Millis::from(days) * DAY
        }
        // What cannot be read is no reason to delete.
        _ => false,
    }
}

#[cfg(test)]
mod tests;
