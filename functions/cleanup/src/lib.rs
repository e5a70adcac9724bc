//! Releases what is not needed, and leaves the instance's tags true: what became of it, and what it runs now,
//! since the name in the console stays the image's.

use migration::policy::TAG;
use migration::{Cause, Code, Event, MigrationId, Millis, Outcome, SettingKind, Stage};
use openapi::ecs::Tag;
use stage::cloud::Cloud;
use stage::{Act, Command, Fault, Job, release};

/// The stage.
pub struct Cleanup;

/// Where a person must look, the snapshots are the only way back: they are kept so long, days.
const STUCK_RETENTION: u32 = 365;

/// Putting packages back over a slow mirror, seconds.
const UNDO_TIMEOUT: u64 = 900;
/// An undo that has not answered for so long may never: what costs money goes without it, milliseconds.
const UNDO_PATIENCE: Millis = 20 * 60_000;

impl Act for Cleanup {
    const STAGE: Stage = Stage::Cleanup;

    async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault> {
        let outcome = job.record.ending.unwrap_or(Outcome::Stuck);
        let status = match job.instance_of(&job.record.instance_id).await {
            Ok(instance) => Some(instance.status),
            Err(fault) if fault.cause().code == Code::InstanceGone => None,
            Err(fault) => return Err(fault),
        };
        job.stop_orphans().await;
        if status.is_some() && job.marked("told").is_none() {
            // First of all: whatever else fails here, nobody takes the tag for a wish again.
            job.cloud.tag(&job.record.instance_id, &tags(job, outcome)).await?;
            job.mark("told");
        }
        let undone = match status.as_deref() {
            Some(status) if job.record.must_undo() && job.marked("undone").is_none() => undo(job, status).await,
            _ => Ok(None),
        };
        let undone = match undone {
            // The media stays while the guest may still be about to let it go.
            Ok(Some(waiting)) if job.now - job.record.entered_at < UNDO_PATIENCE => return Ok(waiting),
            undone => undone,
        };
        // Each for itself: what cannot be done must not keep the rest from being done.
        let (media, clone, settings) =
            (release::media(job).await, release::clone(job).await, restore_settings(job).await);
        if let Some(waiting) = undone? {
            return Ok(waiting);
        }
        settings?;
        if media? || clone? {
            return Ok(job.wait(15, "releasing what was made for the migration"));
        }
        if status.is_some() {
            // Of an instance that is gone they end with their retention.
            snapshots(job, outcome).await?;
        }
        Ok(Event::Cleaned)
    }
}

/// Settings of the cloud come back.
async fn restore_settings<C: Cloud>(job: &mut Job<'_, C>) -> Result<(), Fault> {
    for setting in job.changed.clone() {
        match setting.kind {
            SettingKind::DeleteAutoSnapshot => {
                match job.cloud.protect_auto_snapshots(&setting.resource, setting.before).await {
                    // A disk that is gone has no settings.
                    Err(error) if error.code().contains("NotFound") => {}
                    set => set?,
                }
            }
        }
        job.changed.retain(|other| other != &setting);
    }
    Ok(())
}

/// Takes back what was prepared in the guest; None when that is done.
async fn undo<C: Cloud>(job: &mut Job<'_, C>, status: &str) -> Result<Option<Event>, Fault> {
    if status != "Running" {
        let text = format!("the instance is {status}: what was prepared in it cannot be taken back");
        return Err(Cause::transient(Code::NotUndone, text).into());
    }
    let script = job.scripts()?.undo();
    match job.persistent_command("undo", &script, UNDO_TIMEOUT).await? {
        Command::Pending => Ok(Some(job.wait(120, "taking back what was prepared"))),
        Command::Lost(why) => Ok(Some(job.wait(30, why))),
        Command::Ran(output) => {
            let left = match output.read(guest::read_undone) {
                Ok(left) => left,
                Err(fault) => {
                    job.forget("undo");
                    return Err(Cause::transient(Code::NotUndone, fault.to_string()).into());
                }
            };
            if left.is_empty() {
                job.mark("undone");
                return Ok(None);
            }
            // What keeps it may go away: a mirror, a full disk.
            job.forget("undo");
            let text = format!("could not be taken back: {}", left.join("; "));
            Err(Cause::transient(Code::NotUndone, text).into())
        }
    }
}

/// Snapshots of this leg that no tool was started after are of no use; where a person must look, all of this
/// migration's are the only way back.
async fn snapshots<C: Cloud>(job: &Job<'_, C>, outcome: Outcome) -> Result<(), Fault> {
    // A drill touches nothing of the instance in any hop; its snapshots are of the first.
    let first = if job.record.clone.is_some() { 0 } else { job.record.hop };
    let legs: Vec<String> =
        (first..=job.record.hop).map(|hop| job.record.id.name(&format!("{}-", job.record.leg_of(hop)))).collect();
    let kept = STUCK_RETENTION.max(job.record.policy.kept_days());
    for snapshot in release::snapshots(job).await? {
        let ours = MigrationId::in_name(&snapshot.name).as_ref() == Some(&job.record.id);
        if ours && !job.record.touched && legs.iter().any(|leg| snapshot.name.starts_with(leg)) {
            job.cloud.delete_snapshot(&snapshot.snapshot_id).await?;
        } else if ours && outcome == Outcome::Stuck {
            release::keep_snapshot(job.cloud, &snapshot.snapshot_id, kept).await?;
        }
    }
    Ok(())
}

/// The opt-in tag becomes the outcome: who wants another migration says so anew.
fn tags<C>(job: &Job<'_, C>, outcome: Outcome) -> Vec<Tag> {
    let word = match outcome {
        Outcome::Succeeded => "migrated",
        Outcome::Refused => "refused",
        Outcome::Failed => "failed",
        Outcome::RolledBack => "rolled-back",
        Outcome::Cancelled => "cancelled",
        Outcome::Stuck => "stuck",
        Outcome::DrillPassed => "drill-passed",
        Outcome::DrillFailed => "drill-failed",
        Outcome::CheckPassed => "check-passed",
    };
    let mut tags = vec![Tag::new(TAG, word), Tag::new("osferry:migration", job.record.id.as_str())];
    if let Some(os) = &job.record.os_after {
        tags.push(Tag::new(OS_TAG, os));
    }
    tags
}

/// Tag with the operating system that the guest was last seen to run.
pub const OS_TAG: &str = "osferry:os";

#[cfg(test)]
mod tests {
    use migration::{Record, State};
    use stage::testing::{FakeCloud, answer, drive, record_in, survives_everything, with_snapshots};

    use super::*;

    fn ending(outcome: Outcome, touched: bool) -> Record {
        let mut record = record_in(Stage::Cleanup);
        record.ending = Some(outcome);
        record.touched = touched;
        record.os_after = touched.then(|| "Alibaba Cloud Linux 3".into());
        record
    }

    #[tokio::test]
    async fn what_is_kept_and_what_goes() {
        for (outcome, touched, expected) in [
            (Outcome::Succeeded, true, vec![]),
            (Outcome::RolledBack, true, vec![]),
            (Outcome::Refused, false, vec!["delete-snapshot s-1", "delete-snapshot s-2"]),
            (Outcome::Cancelled, false, vec!["delete-snapshot s-1", "delete-snapshot s-2"]),
            (Outcome::Stuck, true, vec!["keep-snapshot s-1 365", "keep-snapshot s-2 365"]),
        ] {
            let cloud = with_snapshots(FakeCloud::new(), &record_in(Stage::Cleanup));
            cloud.snapshots.borrow_mut().push(openapi::ecs::Snapshot {
                snapshot_id: "s-other".into(),
                name: "auto2.0_20261101".into(),
                ..Default::default()
            });
            let record = drive(&Cleanup, &cloud, ending(outcome, touched), false).await;
            assert_eq!(record.state, State::Ended(outcome));
            let done = cloud.done.borrow();
            let (tag, rest) = done.split_first().unwrap();
            assert_eq!(rest, expected, "{outcome:?}");
            assert!(tag.starts_with("tag osferry="), "{tag}");
            assert_eq!(tag.contains("osferry:os=Alibaba Cloud Linux 3"), touched);
        }
    }

    #[tokio::test]
    async fn a_drill_of_several_hops_leaves_no_snapshot() {
        let cloud = with_snapshots(FakeCloud::new(), &record_in(Stage::Cleanup));
        let mut start = ending(Outcome::DrillPassed, false);
        (start.hop, start.policy.mode) = (1, migration::policy::Mode::Drill);
        start.clone = Some(migration::DrillClone { instance_id: "i-9".into() });
        let record = drive(&Cleanup, &cloud, start, false).await;
        assert_eq!(record.state, State::Ended(Outcome::DrillPassed));
        let done = cloud.done.borrow();
        assert_eq!(done.iter().filter(|what| what.starts_with("delete-snapshot")).count(), 2, "{done:?}");
    }

    #[tokio::test]
    async fn a_setting_of_a_disk_that_is_gone_is_no_obstacle() {
        let cloud = FakeCloud::new();
        cloud.refuses.borrow_mut().insert("ModifyDiskAttribute".into(), "InvalidDiskId.NotFound".into());
        let mut start = ending(Outcome::Succeeded, true);
        let (resource, kind) = ("d-9".to_owned(), SettingKind::DeleteAutoSnapshot);
        start.changed = vec![migration::CloudSetting { resource, kind, before: true }];
        let record = drive(&Cleanup, &cloud, start, false).await;
        assert_eq!((record.state, record.unclean), (State::Ended(Outcome::Succeeded), false));
    }

    #[tokio::test]
    async fn cleaning_survives_everything() {
        let start = ending(Outcome::Succeeded, true);
        let cloud = || with_snapshots(FakeCloud::new(), &record_in(Stage::Cleanup));
        drive(&Cleanup, &cloud(), start.clone(), true).await;
        let refused = ending(Outcome::Refused, false);
        let record = survives_everything_but_tags(&refused, cloud).await;
        assert_eq!(record.state, State::Ended(Outcome::Refused));
    }

    /// Tags are absolute: putting them again is the same. Without them the rest is done exactly once.
    async fn survives_everything_but_tags(start: &Record, cloud: impl Fn() -> FakeCloud) -> Record {
        let make = || {
            let cloud = cloud();
            cloud.absolute.set(true);
            cloud
        };
        survives_everything(&Cleanup, start, make).await
    }

    #[tokio::test]
    async fn an_instance_that_vanished_is_no_obstacle() {
        let cloud = FakeCloud::new();
        cloud.instance.replace(None);
        let record = drive(&Cleanup, &cloud, ending(Outcome::Stuck, true), false).await;
        assert_eq!(record.state, State::Ended(Outcome::Stuck));
        assert_eq!(*cloud.done.borrow(), [""; 0]);
    }

    #[tokio::test]
    async fn what_was_prepared_is_taken_back_before_anything_else() {
        let make = || {
            let cloud = FakeCloud::new();
            cloud.absolute.set(true);
            cloud.answers(|key| {
                assert_eq!(key, "undo");
                answer(&[("undone", "yes")])
            });
            cloud
        };
        let mut start = ending(Outcome::Refused, false);
        start.prepared = true;
        let record = survives_everything(&Cleanup, &start, make).await;
        assert_eq!(record.state, State::Ended(Outcome::Refused));
        let mut succeeded = ending(Outcome::Succeeded, true);
        succeeded.prepared = true;
        let cloud = FakeCloud::new();
        drive(&Cleanup, &cloud, succeeded, false).await;
        assert!(cloud.done.borrow().iter().all(|what| !what.starts_with("run")), "nothing is taken back from success");
    }

    #[tokio::test]
    async fn what_cannot_be_taken_back_needs_a_person() {
        let cloud = FakeCloud::new();
        cloud.answers(|_| answer(&[("left", "package leapp")]));
        let mut start = ending(Outcome::Cancelled, false);
        start.prepared = true;
        let record = drive(&Cleanup, &cloud, start, false).await;
        let cause = record.cause.unwrap();
        assert_eq!((record.state, cause.code), (State::Ended(Outcome::Stuck), Code::Deadline));
        assert!(cause.text.contains("OSF-R003") && cause.text.contains("package leapp"), "{cause:?}");
    }

    /// The guest cannot be put back; the disk with the media and the settings of the cloud do not wait for it.
    #[tokio::test]
    async fn what_costs_money_goes_although_the_guest_cannot_be_put_back() {
        for answers in [true, false] {
            let cloud = FakeCloud::new();
            cloud.answers(|_| answer(&[("left", "package leapp")]));
            if !answers {
                cloud.refuses.borrow_mut().insert("RunCommand".into(), "ClientNeedUpgrade".into());
            }
            let mut start = ending(Outcome::Cancelled, false);
            start.prepared = true;
            start.hops[0].engine = migration::path::Engine::WindowsSetup;
            let (resource, kind) = ("d-1".to_owned(), SettingKind::DeleteAutoSnapshot);
            start.changed = vec![migration::CloudSetting { resource, kind, before: true }];
            cloud.made_disks.borrow_mut().push(openapi::ecs::Disk {
                disk_id: "d-media".into(),
                disk_name: release::media_name(&start, 0),
                zone_id: cloud.instance.borrow().as_ref().unwrap().zone_id.clone(),
                status: "Available".into(),
                tags: vec![release::owner(&start)],
                ..Default::default()
            });
            let record = drive(&Cleanup, &cloud, start, false).await;
            assert_eq!(record.state, State::Ended(Outcome::Stuck), "answers: {answers}");
            assert_eq!((record.changed.len(), cloud.made_disks.borrow().len()), (0, 0), "answers: {answers}");
        }
    }

    #[tokio::test]
    async fn settings_of_the_cloud_come_back() {
        let cloud = FakeCloud::new();
        let mut start = ending(Outcome::Succeeded, true);
        let (resource, kind) = ("d-1".to_owned(), SettingKind::DeleteAutoSnapshot);
        start.changed = vec![migration::CloudSetting { resource, kind, before: true }];
        let record = drive(&Cleanup, &cloud, start, false).await;
        assert_eq!(record.changed, []);
        assert!(cloud.done.borrow().contains(&"protect d-1 true".to_owned()), "{:?}", cloud.done.borrow());
    }
}
