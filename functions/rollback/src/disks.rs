//! The reset of the disks.

use std::time::Duration;

use migration::{Cause, Code, DISKS_BACK, Event, Millis};
use openapi::ecs::{CreateSnapshot, Disk, DiskKind, Snapshot, Tag};
use stage::cloud::Cloud;
use stage::{Fault, Job, way_back};

use crate::STOP_LIMIT;

/// The failed disk is kept for study, but not at the price of a machine that stays down, milliseconds.
const KEEP_LIMIT: Millis = 3_600_000;

/// Stops the instance and resets its disks; goes on once all are back.
pub(crate) async fn reset<C: Cloud>(job: &mut Job<'_, C>, status: &str) -> Result<Event, Fault> {
    let disks = job.cloud.disks(&job.record.instance_id).await?;
    let snapshots = usable_snapshots(job, &disks).await?;
    if job.marked("told").is_none() {
        let list: Vec<String> =
            snapshots.iter().map(|(disk, snapshot)| format!("{disk} to {}", snapshot.snapshot_id)).collect();
        job.keep("disks that go back", &list.join("\n"));
        job.mark("told");
        // In the history before the first disk goes.
        return Ok(job.proceed("said which disks go back"));
    }
    if status != "Stopped" {
        return stop(job, status).await;
    }
    if job.record.policy.keep_failed_disk && !kept(job, &disks).await? {
        return Ok(job.wait(60, "keeping the failed system disk as a snapshot"));
    }
    for (disk_id, snapshot) in &snapshots {
        if job.marked(&format!("reset {disk_id}")).is_none() {
            job.cloud.reset_disk(disk_id, &snapshot.snapshot_id).await?;
            job.mark(&format!("reset {disk_id}"));
        }
    }
    // ECS announces no end of this.
    if !disks_are_back(job, &snapshots).await? {
        return Ok(job.wait(10, "disks are being reset"));
    }
    job.mark(DISKS_BACK);
    Ok(job.proceed("every disk is back"))
}

async fn stop<C: Cloud>(job: &mut Job<'_, C>, status: &str) -> Result<Event, Fault> {
    let force = job.marked("stop").is_some_and(|at| job.now - at >= STOP_LIMIT);
    if status == "Running" && (force || job.marked("stop").is_none()) {
        job.cloud.stop(&job.record.instance_id, force).await?;
        job.mark("stop");
    }
    // Somebody may have started it between two resets: then all go back once more, to one moment.
    job.memo.marks.retain(|mark, _| !mark.starts_with("reset "));
    Ok(job.wait(60, "stopping the instance"))
}

/// Takes a snapshot of the failed system disk, once; true when it is complete, failed, or takes too long.
async fn kept<C: Cloud>(job: &mut Job<'_, C>, disks: &[Disk]) -> Result<bool, Fault> {
    let began = job.marked("keep").unwrap_or(job.now);
    let Some(system) = disks.iter().find(|disk| disk.kind == DiskKind::System) else { return Ok(true) };
    let name = job.record.id.name(&format!("{}-failed-{}", job.record.leg(), system.disk_id));
    let taken = job.cloud.snapshots(&job.record.instance_id).await?;
    match taken.iter().find(|snapshot| snapshot.name == name) {
        Some(snapshot) if snapshot.status == "progressing" && job.now - began < KEEP_LIMIT => Ok(false),
        Some(snapshot) => {
            job.keep("failed system disk", &format!("{} ({})", snapshot.snapshot_id, snapshot.status));
            Ok(true)
        }
        None => {
            let request = CreateSnapshot {
                name,
                retention_days: Some(job.record.policy.kept_days()),
                tags: vec![Tag::new("osferry:migration", job.record.id.as_str())],
                client_token: job.token("failed"),
                disk_id: system.disk_id.clone(),
                ..CreateSnapshot::default()
            };
            // It is for study only: whatever stands against it must not keep the machine down.
            let tried = job.marked("keep").is_some();
            job.mark("keep");
            match job.cloud.create_snapshot(&request).await {
                Ok(_) => Ok(false),
                Err(error) if tried => {
                    job.keep("failed system disk", &format!("was not kept: {error}"));
                    Ok(true)
                }
                Err(_) => Ok(false),
            }
        }
    }
}

/// When the oldest of the snapshots was made that the disks go back to, seconds since 1970: what was written since is
/// lost. None when one of them does not tell. It is only asked for the person's information: no failure counts.
pub(crate) async fn since<C: Cloud>(job: &Job<'_, C>) -> Option<i64> {
    let disks = job.cloud.disks(&job.record.instance_id).await.ok()?;
    let made = usable_snapshots(job, &disks).await.ok()?.into_iter();
    let made = made.map(|(_, snapshot)| stage::survey::millis(&snapshot.creation_time));
    made.collect::<Option<Vec<Millis>>>()?.into_iter().min().map(|at| at / 1000)
}

/// Disk and snapshot of each that goes back. Before anything is reset: no disk goes back without the others.
async fn usable_snapshots<C: Cloud>(job: &Job<'_, C>, disks: &[Disk]) -> Result<Vec<(String, Snapshot)>, Fault> {
    // A person may still bring what is missing.
    let missing = |text: String| Fault::from(Cause::transient(Code::SnapshotMissing, text));
    let known = job.cloud.snapshots(&job.record.instance_id).await?;
    let mut usable = Vec::new();
    for way in way_back(job.record, disks, &known) {
        usable.push((way.disk_id, way.snapshot.map_err(missing)?));
    }
    if usable.is_empty() {
        return Err(missing(format!("no disk of {} has a snapshot to go back to", job.record.instance_id)));
    }
    Ok(usable)
}

async fn disks_are_back<C: Cloud>(job: &Job<'_, C>, snapshots: &[(String, Snapshot)]) -> Result<bool, Fault> {
    let pause = Duration::from_millis(200);
    let mut waited = Duration::ZERO;
    loop {
        let disks = job.cloud.disks(&job.record.instance_id).await?;
        let back = |id: &String| disks.iter().any(|disk| &disk.disk_id == id && disk.status == "In_use");
        if snapshots.iter().all(|(disk_id, _)| back(disk_id)) {
            return Ok(true);
        }
        if waited >= job.patience {
            return Ok(false);
        }
        tokio::time::sleep(pause).await;
        waited += pause;
    }
}
