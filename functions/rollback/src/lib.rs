//! Back to the snapshots, and proof that the old system runs.
//!
//! First the cloud and the guest are asked: are the snapshots there, had the tool been started at all? Then
//! stop, reset of every disk, start, and a look at what runs. Resetting again while the instance is still
//! stopped gives the same bytes, so a crash in between does no harm.

use std::time::Duration;

use guest::Look;
use migration::os::Os;
use migration::{Cause, Code, Event, Millis, Stage};
use stage::cloud::Cloud;
use stage::{Act, Command, Fault, Job};

/// The stage.
pub struct Rollback;

/// So long the guest is asked before it counts as not answering, milliseconds.
const LOOK_LIMIT: Millis = 120_000;
/// A stop that takes longer than this is repeated by pulling the plug, milliseconds.
const STOP_LIMIT: Millis = 300_000;
/// Reading some files, seconds.
const LOOK_TIMEOUT: u64 = 60;

impl Act for Rollback {
    const STAGE: Stage = Stage::Rollback;

    async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault> {
        let status = job.instance().await?.status;
        if job.marked("looked").is_none() {
            return look(job, &status).await;
        }
        if job.marked("reset").is_none() {
            return reset(job, &status).await;
        }
        prove(job, &status).await
    }
}

/// What became of the guest, as far as it can still tell; nothing is undone that was never done.
async fn look<C: Cloud>(job: &mut Job<'_, C>, status: &str) -> Result<Event, Fault> {
    let scripts = job.scripts()?;
    let asked_enough = job.now - job.record.entered_at >= LOOK_LIMIT;
    if status == "Running" && !asked_enough {
        match job.persistent_command("look", &scripts.look(), LOOK_TIMEOUT).await? {
            Command::Pending => return Ok(job.wait(60, "asking the guest")),
            Command::Lost(why) => return Ok(job.wait(15, why)),
            Command::Ran(output) => {
                let seen = output.read(guest::read_look)?;
                tracing::info!(
                    migration_id = %job.record.id, instance_id = job.record.instance_id, stage = "rollback",
                    started = seen.started, alive = seen.alive, log = seen.log.join("\n"), "looked at the guest"
                );
                if !seen.started && runs(&seen, &scripts.hop.from) {
                    return Ok(Event::Restored { os: scripts.hop.from.to_string(), untouched: true });
                }
            }
        }
    }
    job.mark("looked");
    Ok(job.proceed("going back"))
}

async fn reset<C: Cloud>(job: &mut Job<'_, C>, status: &str) -> Result<Event, Fault> {
    let snapshots = usable_snapshots(job).await?;
    if status != "Stopped" {
        return stop(job, status).await;
    }
    for (disk_id, snapshot_id) in &snapshots {
        if job.marked(&format!("reset {disk_id}")).is_none() {
            job.cloud.reset_disk(disk_id, snapshot_id).await?;
            job.mark(&format!("reset {disk_id}"));
        }
    }
    // ECS announces no end of this.
    if !disks_are_back(job, &snapshots).await? {
        return Ok(job.wait(10, "disks are being reset"));
    }
    job.mark("reset");
    Ok(job.proceed("every disk is back"))
}

async fn stop<C: Cloud>(job: &mut Job<'_, C>, status: &str) -> Result<Event, Fault> {
    let force = job.marked("stop").is_some_and(|at| job.now - at >= STOP_LIMIT);
    if status == "Running" && (force || job.marked("stop").is_none()) {
        job.cloud.stop(&job.record.instance_id, force).await?;
        job.mark("stop");
    }
    Ok(job.wait(60, "stopping the instance"))
}

async fn prove<C: Cloud>(job: &mut Job<'_, C>, status: &str) -> Result<Event, Fault> {
    if status == "Stopped" && job.marked("start").is_none() {
        job.cloud.start(&job.record.instance_id).await?;
        job.mark("start");
    }
    if status != "Running" {
        return Ok(job.wait(60, "starting the instance"));
    }
    let scripts = job.scripts()?;
    match job.persistent_command("proof", &scripts.look(), LOOK_TIMEOUT).await? {
        Command::Pending => Ok(job.wait(60, "asking the old system")),
        Command::Lost(why) => Ok(job.wait(15, why)),
        Command::Ran(output) => {
            let seen = output.read(guest::read_look)?;
            if !seen.started && runs(&seen, &scripts.hop.from) {
                return Ok(Event::Restored { os: scripts.hop.from.to_string(), untouched: false });
            }
            let text = format!("after the rollback the guest says it is {} {}", seen.os_id, seen.os_version);
            Err(Cause::permanent(Code::NotRestored, text).into())
        }
    }
}

fn runs(seen: &Look, os: &Os) -> bool {
    Os::from_os_release(&seen.os_id, &seen.os_version).is_some_and(|seen| seen.same_release(os))
}

/// Disk and snapshot of each, as the cloud tells now: never from memory alone.
async fn usable_snapshots<C: Cloud>(job: &Job<'_, C>) -> Result<Vec<(String, String)>, Fault> {
    let known = job.cloud.snapshots(&job.record.instance_id).await?;
    let mut usable = Vec::new();
    for disk in &job.record.disks {
        let found = known.iter().find(|snapshot| {
            Some(&snapshot.snapshot_id) == disk.snapshot_id.as_ref()
                && snapshot.source_disk_id == disk.disk_id
                && snapshot.status == "accomplished"
        });
        let Some(snapshot) = found else {
            let text = format!("snapshot {:?} of disk {} is not there or not complete", disk.snapshot_id, disk.disk_id);
            // Before anything was reset: the other disks must not go back without this one. A person may
            // still bring it.
            return Err(Cause::transient(Code::SnapshotMissing, text).into());
        };
        usable.push((disk.disk_id.clone(), snapshot.snapshot_id.clone()));
    }
    Ok(usable)
}

async fn disks_are_back<C: Cloud>(job: &Job<'_, C>, snapshots: &[(String, String)]) -> Result<bool, Fault> {
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

#[cfg(test)]
mod tests {
    use migration::{Outcome, State};
    use stage::testing::{FakeCloud, answer, drive, record_in, survives_everything, with_snapshots};

    use super::*;

    /// A guest in the middle of a migration, that is what it was once its disks are reset.
    fn broken() -> FakeCloud {
        let cloud = with_snapshots(FakeCloud::new(), &record_in(Stage::Rollback));
        cloud.answers(|key| match key {
            "look" => answer(&[("os_id", "alinux"), ("os_version", "3"), ("started", "yes"), ("log", "killed")]),
            "proof" => answer(&[("os_id", "centos"), ("os_version", "8"), ("started", "no")]),
            other => panic!("{other}"),
        });
        cloud
    }

    #[tokio::test]
    async fn every_disk_goes_back_and_the_old_system_is_proven() {
        let cloud = broken();
        let record = drive(&Rollback, &cloud, record_in(Stage::Rollback), false).await;
        assert_eq!((record.state, record.ending), (State::In(Stage::Cleanup), Some(Outcome::RolledBack)));
        assert_eq!(
            *cloud.done.borrow(),
            ["run look-1", "stop", "reset d-1 s-1", "reset d-2 s-2", "start", "run proof-1"]
        );
    }

    #[tokio::test]
    async fn a_rollback_survives_everything_and_resets_only_a_stopped_instance() {
        let plain = broken();
        let expected = drive(&Rollback, &plain, record_in(Stage::Rollback), false).await;
        for twice in [false, true] {
            let cloud = broken();
            let record = drive(&Rollback, &cloud, record_in(Stage::Rollback), twice).await;
            assert_eq!((record.state, record.ending), (expected.state, expected.ending));
            let mut done = cloud.done.borrow().clone();
            // Repeated resets of a stopped disk give the same bytes; nothing else is repeated.
            done.dedup();
            let resets = done.iter().filter(|what| what.starts_with("reset")).count();
            done.retain(|what| !what.starts_with("reset"));
            assert_eq!(done, ["run look-1", "stop", "start", "run proof-1"]);
            assert_eq!(resets, if twice { 4 } else { 2 });
        }
    }

    #[tokio::test]
    async fn a_tool_that_was_never_started_needs_no_reset() {
        let make = || {
            let cloud = broken();
            cloud.answers(|_| answer(&[("os_id", "centos"), ("os_version", "8"), ("started", "no")]));
            cloud
        };
        let record = survives_everything(&Rollback, &record_in(Stage::Rollback), make).await;
        assert_eq!(record.ending, Some(Outcome::Failed));
    }

    #[tokio::test]
    async fn a_dead_guest_is_not_waited_for_long() {
        let cloud = broken();
        cloud.answers(|key| match key {
            "look" => (-1, "no agent".into()),
            _ => answer(&[("os_id", "centos"), ("os_version", "8"), ("started", "no")]),
        });
        let record = drive(&Rollback, &cloud, record_in(Stage::Rollback), false).await;
        assert_eq!(record.ending, Some(Outcome::RolledBack));
    }

    #[tokio::test]
    async fn without_every_snapshot_nothing_is_reset() {
        let cloud = broken();
        cloud.snapshots.borrow_mut().pop();
        let record = drive(&Rollback, &cloud, record_in(Stage::Rollback), false).await;
        assert_eq!(record.ending, Some(Outcome::Stuck));
        assert_eq!(*cloud.done.borrow(), ["run look-1"]);
    }

    #[tokio::test]
    async fn a_system_that_is_not_the_old_one_needs_a_person() {
        let cloud = broken();
        cloud.answers(|_| answer(&[("os_id", "alinux"), ("os_version", "3"), ("started", "yes")]));
        let record = drive(&Rollback, &cloud, record_in(Stage::Rollback), false).await;
        assert_eq!((record.cause.unwrap().code, record.ending), (Code::NotRestored, Some(Outcome::Stuck)));
    }
}
