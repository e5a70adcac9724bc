//! The reset of the disks.

use std::time::Duration;

use migration::{Cause, Code, DISKS_BACK, Event, Millis, RESET_BEGUN};
use openapi::ecs::{CreateSnapshot, Disk, DiskKind, Snapshot, Tag};
use stage::cloud::Cloud;
use stage::{Fault, Job, release, way_back};

use crate::{STOP_LIMIT, stands_still};

/// The failed disk is kept for study, but not at the price of a machine that stays down, milliseconds.
const KEEP_LIMIT: Millis = 3_600_000;

/// What is waited for before an instance that was stopped in vain can be started.
const GOES_DOWN: &str = "no disk could be reset in time: the instance is started again once it is down";

/// Mark: the instance was down already when it was told which disks go back.
const WAS_DOWN: &str = "was down";

/// The snapshots outlast the rollback by so long, milliseconds: a person who must look has a weekend.
const OUTLAST: Millis = 3 * 24 * 3_600_000;

/// Given up so long before the stage's deadline, milliseconds, when no disk was asked to go back until then: a start
/// that is refused can be tried a few times more.
const GIVE_UP: Millis = 15 * 60_000;

/// Stops the instance and resets its disks; goes on once all are back.
pub(crate) async fn reset<C: Cloud>(job: &mut Job<'_, C>, status: &str) -> Result<Event, Fault> {
    let begun = job.record.reset_begun || job.marked(RESET_BEGUN).is_some();
    let late = job.record.deadline().is_some_and(|deadline| job.now >= deadline - GIVE_UP);
    if late && !begun {
        return give_up(job, status).await;
    }
    let disks = job.cloud.disks(&job.record.instance_id).await?;
    let known = job.cloud.snapshots(&job.record.instance_id).await?;
    let snapshots = usable_snapshots(job, &disks, &known)?;
    if job.marked("told").is_none() {
        outlast(job, &snapshots).await;
        let list: Vec<String> =
            snapshots.iter().map(|(disk, snapshot)| format!("{disk} to {}", snapshot.snapshot_id)).collect();
        job.keep("disks that go back", &list.join("\n"));
        job.mark("told");
        if status == "Stopped" {
            job.mark(WAS_DOWN);
        }
        // In the history before the first disk goes.
        return Ok(job.proceed("said which disks go back"));
    }
    if status != "Stopped" {
        // Somebody may have started it between two resets: then all go back once more, to one moment.
        job.memo.marks.retain(|mark, _| !mark.starts_with("reset "));
    } else if !begun && !kept(job, &disks, &known).await? {
        return Ok(job.wait(60, "keeping the failed system disk as a snapshot"));
    }
    // ECS resets no disk of which a snapshot is being created: that is waited for while the machine still runs.
    if let Some(busy) = known.iter().find(|snapshot| stands_against(job, snapshot, &snapshots)) {
        let note = format!("snapshot {} of {} is being created", busy.snapshot_id, busy.source_disk_id);
        return Ok(job.wait(30, format!("{note}: until its end the disk cannot go back")));
    }
    if status != "Stopped" {
        return stop(job, status).await;
    }
    if job.marked(RESET_BEGUN).is_none() {
        job.mark(RESET_BEGUN);
        // Stored before it is done: from here on nobody may say that no disk was reset.
        return Ok(job.proceed("the disks go back now"));
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

/// Sees to it that no snapshot ends while its disk waits for it. Whatever stands against that must not keep the
/// machine from going back.
async fn outlast<C: Cloud>(job: &mut Job<'_, C>, snapshots: &[(String, Snapshot)]) {
    for (disk_id, snapshot) in snapshots {
        if let Err(fault) = release::keep_until(job.cloud, snapshot, job.now + OUTLAST).await {
            job.keep(
                "retention",
                &format!("the snapshot {} of {disk_id} is not kept longer: {fault}", snapshot.snapshot_id),
            );
        }
    }
}

/// No disk was reset, and none will be: a machine that was stopped for it must not stay down as well.
async fn give_up<C: Cloud>(job: &mut Job<'_, C>, status: &str) -> Result<Event, Fault> {
    match (status, job.marked("stop")) {
        ("Stopping", _) => return Ok(job.wait(30, GOES_DOWN)),
        ("Running", Some(at)) if job.now - at < STOP_LIMIT => return Ok(job.wait(30, GOES_DOWN)),
        // It was stopped here, if it was up when the disks were told; the mark of the stop may be lost.
        ("Stopped", _) if job.marked("told").is_some() && job.marked(WAS_DOWN).is_none() => {
            job.cloud.start(&job.record.instance_id).await?
        }
        _ => {}
    }
    let text = format!("no disk could be reset in time, the instance is left as it was; last: {}", job.record.note);
    Err(Cause::permanent(Code::NotRestored, text).into())
}

async fn stop<C: Cloud>(job: &mut Job<'_, C>, status: &str) -> Result<Event, Fault> {
    let (asked, dead) =
        (job.marked("stop"), stands_still(job.record.cause.as_ref()) && job.marked("answered").is_none());
    let hangs = asked.is_some_and(|at| job.now - at >= STOP_LIMIT);
    match status {
        // What stands still in its boot hears no wish to stop.
        "Running" if hangs || asked.is_none() => job.cloud.stop(&job.record.instance_id, hangs || dead).await?,
        "Stopping" if hangs => match job.cloud.stop(&job.record.instance_id, true).await {
            // Documented for Running only; then there is nothing but to wait.
            Err(error) if error.code().starts_with("IncorrectInstanceStatus") => {
                tracing::warn!(migration_id = %job.record.id, %error, "a guest that hangs in its stop was not forced");
            }
            forced => forced?,
        },
        // Asked by an act that died, or by somebody else: the time counts from now.
        "Stopping" if asked.is_none() => {}
        _ => return Ok(job.wait(60, "stopping the instance")),
    }
    job.mark("stop");
    Ok(job.wait(60, "stopping the instance"))
}

/// Whether the snapshot is being taken of a disk that has yet to go back.
fn stands_against<C: Cloud>(job: &Job<'_, C>, snapshot: &Snapshot, going: &[(String, Snapshot)]) -> bool {
    let disk_id = &snapshot.source_disk_id;
    snapshot.status == "progressing"
        && going.iter().any(|(going, _)| going == disk_id)
        && job.marked(&format!("reset {disk_id}")).is_none()
}

/// Takes a snapshot of the failed system disk, once, if that is wished; true when it is complete, failed, or was given
/// up.
async fn kept<C: Cloud>(job: &mut Job<'_, C>, disks: &[Disk], taken: &[Snapshot]) -> Result<bool, Fault> {
    if !job.record.policy.keep_failed_disk || job.marked("not kept").is_some() {
        return Ok(true);
    }
    let began = *job.memo.marks.entry("keep".to_owned()).or_insert(job.now);
    let Some(system) = disks.iter().find(|disk| disk.kind == DiskKind::System) else { return Ok(true) };
    let name = job.record.id.name(&format!("{}-failed-{}", job.record.leg(), system.disk_id));
    match taken.iter().find(|snapshot| snapshot.name == name) {
        Some(snapshot) if snapshot.status == "progressing" && job.now - began < KEEP_LIMIT => Ok(false),
        Some(snapshot) if snapshot.status == "progressing" => {
            // As long as it is being created its disk cannot go back. To delete it is to cancel it.
            job.cloud.delete_snapshot(&snapshot.snapshot_id).await?;
            job.mark("not kept");
            job.keep("failed system disk", &format!("was not kept: {} took too long", snapshot.snapshot_id));
            // The list is from before.
            Ok(false)
        }
        Some(snapshot) => {
            job.keep("failed system disk", &format!("{} ({})", snapshot.snapshot_id, snapshot.status));
            Ok(true)
        }
        // The same ClientToken would be the one again that was cancelled.
        None if job.now - began >= KEEP_LIMIT => {
            job.mark("not kept");
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
            let tried = job.marked("keep tried").is_some();
            job.mark("keep tried");
            match job.cloud.create_snapshot(&request).await {
                Ok(_) => Ok(false),
                Err(error) if tried => {
                    job.mark("not kept");
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
    let known = job.cloud.snapshots(&job.record.instance_id).await.ok()?;
    let made = usable_snapshots(job, &disks, &known).ok()?.into_iter();
    let made = made.map(|(_, snapshot)| stage::survey::millis(&snapshot.creation_time));
    made.collect::<Option<Vec<Millis>>>()?.into_iter().min().map(|at| at / 1000)
}

/// Disk and snapshot of each that goes back. Before anything is reset: no disk goes back without the others.
fn usable_snapshots<C>(job: &Job<'_, C>, disks: &[Disk], known: &[Snapshot]) -> Result<Vec<(String, Snapshot)>, Fault> {
    // A person may still bring what is missing.
    let missing = |text: String| Fault::from(Cause::transient(Code::SnapshotMissing, text));
    let mut usable = Vec::new();
    for way in way_back(job.record, disks, known) {
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
