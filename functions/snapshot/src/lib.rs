//! The way back: a snapshot of every disk, of all at one moment where ECS can. It is waited for without running:
//! ECS announces the end of each.

use migration::{Cause, CloudSetting, Code, DiskSnapshot, Event, Evidence, Made, MadeKind, SettingKind, Stage};
use openapi::ecs::{
    CreateSnapshot, CreateSnapshotGroup, Disk, DiskKind, GROUP_DISKS, GROUP_GIB, Snapshot as Taken, can_be_grouped,
};
use stage::cloud::Cloud;
use stage::{Act, Fault, Job, media, release};

/// The stage.
pub struct Snapshot;

/// Somebody else's snapshot of a disk is looked at again after so many seconds: its end is announced to them.
const OTHERS_PAUSE: i64 = 30;

impl Act for Snapshot {
    const STAGE: Stage = Stage::Snapshot;

    async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault> {
        let instance = job.instance_of(&job.record.instance_id).await?;
        let mut disks = job.cloud.disks(&instance.instance_id).await?;
        // What was attached for the migration goes without a trace.
        disks.retain(|disk| !media::was_brought_in(disk, job.record, job.options));
        can_go_back(&disks)?;
        if let Some(next) = protect(job, &disks).await? {
            return Ok(next);
        }
        let taken = release::snapshots(job).await?;
        let missing: Vec<&Disk> = disks.iter().filter(|disk| own(job, &taken, disk).is_none()).collect();
        if let Some(busy) = missing.iter().find(|disk| is_being_copied(&taken, disk)) {
            let note = format!("another snapshot of {} is being created", busy.disk_id);
            return Ok(job.wait(OTHERS_PAUSE, note));
        }
        match create(job, &missing).await {
            // ECS knows of one that it does not list: an automatic one, say.
            Err(Fault::Cloud(error)) if error.code() == "IncorrectDiskStatus.CreatingSnapshot" => {
                return Ok(job.wait(OTHERS_PAUSE, error.to_string()));
            }
            created => created?,
        }
        // Asked again, so that what was made now has its name before it ends.
        let taken = if missing.is_empty() { taken } else { release::snapshots(job).await? };
        if disks.iter().all(|disk| own(job, &taken, disk).is_some()) {
            job.made.retain(|made| made.kind != MadeKind::Snapshots);
            job.made.push(Made { kind: MadeKind::Snapshots, id: None, unseen_since: None });
        }
        Ok(Event::Snapshots(disks.iter().map(|disk| progress(disk, own(job, &taken, disk))).collect()))
    }
}

/// Without a snapshot of the system disk there is no way back, and a disk that other instances share cannot go back
/// under them: it may have been attached since the precheck.
fn can_go_back(disks: &[Disk]) -> Result<(), Fault> {
    if disks.iter().all(|disk| disk.kind != DiskKind::System) {
        let text = "no system disk is listed: is the permission ecs:DescribeDisks missing?";
        return Err(Cause::transient(Code::Forbidden, text).into());
    }
    if let Some(shared) = disks.iter().find(|disk| disk.multi_attach == "Enabled") {
        let text = format!("several instances can share disk {}: a rollback would reset it under them", shared.disk_id);
        return Err(Cause::permanent(Code::Blocked, text).into());
    }
    Ok(())
}

/// Sees to it that no disk loses its automatic snapshots while it is worked on. What was set before is stored before
/// it is changed.
async fn protect<C: Cloud>(job: &mut Job<'_, C>, disks: &[Disk]) -> Result<Option<Event>, Fault> {
    if job.record.drilling() {
        // A drill changes nothing of the instance.
        return Ok(None);
    }
    let remembered = job.changed.len();
    for disk in disks.iter().filter(|disk| disk.delete_auto_snapshot) {
        let setting =
            CloudSetting { resource: disk.disk_id.clone(), kind: SettingKind::DeleteAutoSnapshot, before: true };
        job.remember_setting(setting);
    }
    if job.changed.len() > remembered {
        return Ok(Some(job.proceed("automatic snapshots will be kept")));
    }
    for disk in disks.iter().filter(|disk| disk.delete_auto_snapshot) {
        job.cloud.protect_auto_snapshots(&disk.disk_id, false).await?;
    }
    Ok(None)
}

/// This hop's snapshot of the disk.
fn own<'a, C>(job: &Job<'_, C>, taken: &'a [Taken], disk: &Disk) -> Option<&'a Taken> {
    let name = release::snapshot_name(job.record, &disk.disk_id);
    taken.iter().find(|snapshot| snapshot.name == name)
}

fn is_being_copied(taken: &[Taken], disk: &Disk) -> bool {
    taken.iter().any(|snapshot| snapshot.source_disk_id == disk.disk_id && snapshot.status == "progressing")
}

async fn create<C: Cloud>(job: &mut Job<'_, C>, disks: &[&Disk]) -> Result<(), Fault> {
    let cloud = job.cloud;
    if fit_a_group(disks) {
        let name = release::group_name(job.record);
        let groups = cloud.snapshot_groups(&job.record.instance_id, &name).await?;
        // The same ClientToken would be the same group again, until the deadline.
        if let Some(failed) = groups.iter().find(|group| group.status == "failed") {
            let text = format!("the snapshot group {} failed", failed.snapshot_group_id);
            return Err(Cause::permanent(Code::SnapshotFailed, text).into());
        }
        let request = CreateSnapshotGroup {
            instance_id: job.record.instance_id.clone(),
            disk_ids: disks.iter().map(|disk| disk.disk_id.clone()).collect(),
            name,
            tags: release::group_tags(job.record).into(),
            client_token: job.token("group"),
        };
        job.make(MadeKind::Snapshots, cloud.create_snapshot_group(&request)).await?;
        return Ok(());
    }
    for disk in disks {
        let request = CreateSnapshot {
            disk_id: disk.disk_id.clone(),
            name: release::snapshot_name(job.record, &disk.disk_id),
            retention_days: Some(job.record.policy.kept_days()),
            tags: vec![release::owner(job.record)],
            client_token: job.token(&disk.disk_id),
            ..CreateSnapshot::default()
        };
        job.make(MadeKind::Snapshots, cloud.create_snapshot(&request)).await?;
    }
    Ok(())
}

/// One disk needs no group, and without one ECS ends its snapshot's retention.
fn fit_a_group(disks: &[&Disk]) -> bool {
    let gib: u64 = disks.iter().map(|disk| u64::from(disk.size)).sum();
    (2..=GROUP_DISKS).contains(&disks.len())
        && gib <= GROUP_GIB
        && disks.iter().all(|disk| can_be_grouped(&disk.category))
}

fn progress(disk: &Disk, snapshot: Option<&Taken>) -> DiskSnapshot {
    let percent = snapshot.and_then(|snapshot| snapshot.progress.trim_end_matches('%').parse().ok());
    DiskSnapshot {
        disk_id: disk.disk_id.clone(),
        snapshot_id: snapshot.map(|snapshot| snapshot.snapshot_id.clone()),
        status: match snapshot.map(|snapshot| snapshot.status.as_str()) {
            // `Available` may be true before; a rollback wants all of it.
            Some("accomplished") => Evidence::Accomplished,
            Some("failed") => Evidence::Failed,
            Some(_) => Evidence::Progressing,
            None => Evidence::Missing,
        },
        progress: percent.unwrap_or(0),
    }
}

#[cfg(test)]
mod tests;
