//! What a migration makes in the account beside its instance (a drill's clone and image, the media disk, snapshots),
//! by what names it is found again, and how it is let go. Only what bears both the name and the tag is touched.

use migration::path::Engine;
use migration::{Code, Made, MadeKind, Millis, Record, Stage};
use openapi::ecs::{Disk, Image, Instance, Snapshot, Tag};

use crate::act::Job;
use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::survey::millis;

/// Tag of everything that is made for a migration; its value is the migration's id.
pub const OWNER_TAG: &str = "osferry:migration";

/// Tag of an instance with the operating system that it was last seen to run.
pub const OS_TAG: &str = "osferry:os";

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

/// Names of the media disks of every run and hop so far.
pub fn media_names(record: &Record) -> impl Iterator<Item = String> {
    (0..=record.run).flat_map(move |run| (0..record.hops.len()).map(move |hop| media_name_of(record, run, hop)))
}

/// Tags of a snapshot group and of its snapshots.
pub fn group_tags(record: &Record) -> [Tag; 2] {
    [owner(record), Tag::new(RETENTION_TAG, record.policy.kept_days().to_string())]
}

/// Name of the snapshot group of the hop under way.
pub fn group_name(record: &Record) -> String {
    record.id.name(&record.leg())
}

/// Name of a disk's snapshot in the hop under way.
pub fn snapshot_name(record: &Record, disk_id: &str) -> String {
    record.id.name(&format!("{}-{disk_id}", record.leg()))
}

/// So long a list may not have what was just made, milliseconds. ECS says nothing of it; seconds are usual.
const LIST_LAG: Millis = 30_000;

/// Lets a drill's clone and its image go; true while there still is something.
///
/// # Errors
/// When ECS refuses.
pub async fn clone<C: Cloud>(job: &mut Job<'_, C>) -> Result<bool, Fault> {
    if !job.record.policy.mode.drills() {
        return Ok(false);
    }
    let mut left = false;
    for clone in clones(job).await? {
        left = true;
        job.seen(MadeKind::Instance, &clone.instance_id);
        // In between it can only be waited for.
        if matches!(clone.status.as_str(), "Running" | "Stopped") {
            job.cloud.delete_instance(&clone.instance_id).await?;
        }
    }
    if left || unlisted(job, MadeKind::Instance).await? {
        return Ok(true);
    }
    for image in images(job).await? {
        left = true;
        job.seen(MadeKind::Image, &image.image_id);
        job.cloud.delete_image(&image.image_id).await?;
    }
    Ok(left || unlisted(job, MadeKind::Image).await?)
}

/// Whether something of this kind may be there although no list has it.
///
/// # Errors
/// When ECS refuses.
pub async fn unlisted<C: Cloud>(job: &Job<'_, C>, kind: MadeKind) -> Result<bool, Fault> {
    let mut known = false;
    for made in job.made.iter().filter(|made| made.kind == kind) {
        known = true;
        if !is_gone(job, made).await? {
            return Ok(true);
        }
    }
    // An act that died may have asked for it, and nobody knows.
    let maker = match kind {
        MadeKind::Instance | MadeKind::Image => Stage::Clone,
        MadeKind::Disk => Stage::Prepare,
        MadeKind::Snapshots => Stage::Snapshot,
    };
    let just_left = job.record.timings.last().is_some_and(|last| last.stage == maker);
    Ok(!known && just_left && job.now - job.record.entered_at < LIST_LAG)
}

/// Whether what was made is gone, if no list has it.
async fn is_gone<C: Cloud>(job: &Job<'_, C>, made: &Made) -> Result<bool, Fault> {
    if made.unseen_since.is_some_and(|at| job.now - at < LIST_LAG) {
        return Ok(false);
    }
    let (MadeKind::Instance, Some(id)) = (made.kind, &made.id) else { return Ok(true) };
    match job.instance_of(id).await {
        // Somebody has taken its name or its tag away: it is theirs now.
        Ok(clone) => Ok(!is_clone(job.record, &clone)),
        Err(fault) if fault.cause().code == Code::InstanceGone => Ok(true),
        // A list that may not be seen is empty, too.
        Err(fault) => Err(fault),
    }
}

/// Whether an instance bears the name and the tag of a clone of this migration. The instance itself never counts,
/// whatever it is called.
fn is_clone(record: &Record, instance: &Instance) -> bool {
    (0..=record.run).any(|run| instance.instance_name == clone_name_of(record, run))
        && is_ours(record, &instance.tags)
        && instance.instance_id != record.instance_id
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
    found.retain(|clone| is_clone(job.record, clone));
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

/// Lets the disks with installation media of every hop so far go; true while there still is one. They are looked for
/// in every zone: a clone's is not the instance's, and either may be gone.
///
/// # Errors
/// When ECS refuses.
pub async fn media<C: Cloud>(job: &mut Job<'_, C>) -> Result<bool, Fault> {
    if !job.record.hops.iter().any(|hop| hop.engine == Engine::WindowsSetup) {
        return Ok(false);
    }
    let mut left = false;
    for name in media_names(job.record) {
        for disk in job.cloud.disks_named(&name).await? {
            if is_ours(job.record, &disk.tags) {
                job.seen(MadeKind::Disk, &disk.disk_id);
                left |= !let_go(job, &disk).await?;
            }
        }
    }
    Ok(left || unlisted(job, MadeKind::Disk).await?)
}

/// One step of letting a disk go; true when it is gone.
async fn let_go<C: Cloud>(job: &Job<'_, C>, disk: &Disk) -> Result<bool, Fault> {
    match disk.status.as_str() {
        "Available" => {
            job.cloud.delete_disk(&disk.disk_id).await?;
            return Ok(true);
        }
        "In_use" => {
            let instance = job.cloud.instance(&disk.instance_id).await?;
            // ECS detaches at rest only; in between it is waited for.
            if instance.is_some_and(|instance| matches!(instance.status.as_str(), "Running" | "Stopped")) {
                job.cloud.detach_disk(&disk.instance_id, &disk.disk_id).await?;
            }
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
    let kept = snapshot.tags.iter().any(|tag| tag.key == RETENTION_TAG);
    if !kept || !is_ours(job.record, &snapshot.tags) {
        let tags = group_tags(job.record);
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

/// Keeps a snapshot until then at least, if it tells when it ends.
///
/// # Errors
/// When ECS refuses.
pub async fn keep_until<C: Cloud>(cloud: &C, snapshot: &Snapshot, until: Millis) -> Result<(), Fault> {
    let Some(created) = millis(&snapshot.creation_time) else { return Ok(()) };
    if ends_at(snapshot).is_none_or(|ends| ends >= until) {
        return Ok(());
    }
    let days = u32::try_from((until - created).div_euclid(DAY) + 1).unwrap_or(u32::MAX);
    keep_snapshot(cloud, &snapshot.snapshot_id, days).await
}

/// When a snapshot ends, whoever ends it: ECS, or [`expired_snapshots`]. None when nobody does, or it does not tell.
pub fn ends_at(snapshot: &Snapshot) -> Option<Millis> {
    let by_ecs = snapshot.retention_days.filter(|days| *days > 0);
    let tag = snapshot.tags.iter().find(|tag| tag.key == RETENTION_TAG);
    let by_tag = tag.and_then(|tag| tag.value.parse::<u32>().ok()).filter(|days| *days > 0);
    Some(millis(&snapshot.creation_time)? + Millis::from(by_ecs.or(by_tag)?) * DAY)
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
    // What cannot be read is no reason to delete.
    made_by_us && kept_for_ever && ends_at(snapshot).is_some_and(|ends| now >= ends)
}

#[cfg(test)]
mod tests;
