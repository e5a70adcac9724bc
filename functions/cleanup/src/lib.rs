//! Releases what is not needed, and leaves the instance's tags true: what became of it, and what it runs now,
//! since the name in the console stays the image's.

use migration::policy::TAG;
use migration::{Cause, Code, Event, MadeKind, MigrationId, Millis, Outcome, SettingKind, Stage, UNDONE};
use openapi::ecs::Tag;
use stage::cloud::Cloud;
use stage::{Act, Command, Fault, Job, release};

/// The stage.
pub struct Cleanup;

/// Where a person must look, the snapshots are the only way back: they are kept so long, days.
const STUCK_RETENTION: u32 = 365;

/// Putting packages back over a slow mirror, seconds.
const UNDO_TIMEOUT: u64 = 900;
/// An undo that has not answered for so long may never, and neither may a disk that does not come off its clone: what
/// costs money goes without it, milliseconds.
const PATIENCE: Millis = 20 * 60_000;
/// What is still to be taken back so long before the stage's deadline may stay: the tag then says so, milliseconds.
/// Pauses between two tries are shorter.
const LAST_WORD: Millis = 10 * 60_000;

impl Act for Cleanup {
    const STAGE: Stage = Stage::Cleanup;

    async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault> {
        let outcome = job.record.ending.unwrap_or(Outcome::Stuck);
        // Before all else, and without the instance: they may be the only way back, or the last copy of it.
        let kept = if outcome == Outcome::Stuck { keep(job).await } else { Ok(()) };
        let status = match job.instance_of(&job.record.instance_id).await {
            Ok(instance) => Some(instance.status),
            Err(fault) if fault.cause().code == Code::InstanceGone => None,
            Err(fault) => return Err(fault),
        };
        job.stop_orphans().await;
        // Early: whatever fails below, nobody takes the tag for a wish again.
        let told = if status.is_some() { tell(job, outcome).await } else { Ok(()) };
        let undone = match status.as_deref() {
            Some(status) if job.record.must_undo() && job.marked(UNDONE).is_none() => undo(job, status).await,
            _ => Ok(None),
        };
        let early = job.record.elapsed(job.now) < PATIENCE;
        let undone = match undone {
            // The media stays while the guest may still be about to let it go.
            Ok(Some(waiting)) if early => return Ok(waiting),
            undone => undone,
        };
        // Each for itself: what cannot be done must not keep the rest from being done.
        let (media, settings) = (release::media(job).await, restore_settings(job).await);
        let clone = match media {
            // It would go with its disk half detached.
            Ok(true) if early => Ok(true),
            _ => release::clone(job).await,
        };
        let free = matches!((&media, &clone), (Ok(false), Ok(false)));
        let snapshots = match undone {
            // Of an instance that is gone they end with their retention. An image is made of them while there is one.
            Ok(None) if status.is_some() && (free || outcome == Outcome::Stuck) => snapshots(job, outcome).await,
            _ => Ok(false),
        };
        if let Some(waiting) = undone? {
            return Ok(waiting);
        }
        if media? || clone? || matches!(snapshots, Ok(true)) {
            return Ok(job.wait(15, "releasing what was made for the migration"));
        }
        snapshots?;
        for done in [kept, settings, told] {
            done?;
        }
        if status.is_some() {
            // If it said meanwhile that something stays.
            tell(job, outcome).await?;
        }
        Ok(Event::Cleaned)
    }
}

/// Keeps the snapshots of the hop that ended so. Asked for by their ids: lists go by an instance that may be gone.
async fn keep<C: Cloud>(job: &mut Job<'_, C>) -> Result<(), Fault> {
    let mut kept = Ok(());
    for id in job.record.disks.iter().filter_map(|disk| disk.snapshot_id.as_deref()) {
        let mark = format!("kept {id}");
        if job.marked(&mark).is_some() {
            continue;
        }
        match release::keep_snapshot(job.cloud, id, kept_days(job)).await {
            // What is gone cannot be kept.
            Err(fault) if !matches!(&fault, Fault::Cloud(error) if error.code() == "InvalidSnapshotId.NotFound") => {
                kept = Err(fault);
            }
            _ => job.mark(&mark),
        }
    }
    kept
}

fn kept_days<C>(job: &Job<'_, C>) -> u32 {
    STUCK_RETENTION.max(job.record.policy.kept_days())
}

/// Says in the instance's tags how the migration ended; that a person must look, when something is about to stay in
/// the guest.
async fn tell<C: Cloud>(job: &mut Job<'_, C>, outcome: Outcome) -> Result<(), Fault> {
    let last = job.record.deadline().is_some_and(|deadline| job.now >= deadline - LAST_WORD);
    let stays = last && job.record.must_undo() && job.marked(UNDONE).is_none();
    let tags = tags(job, if stays { Outcome::Stuck } else { outcome });
    let mark = format!("told {}", tags[0].value);
    if job.marked(&mark).is_none() {
        job.cloud.tag(&job.record.instance_id, &tags).await?;
        job.memo.marks.retain(|mark, _| !mark.starts_with("told "));
        job.mark(&mark);
    }
    Ok(())
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
                job.mark(UNDONE);
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
/// migration's are the only way back. True while some may not be listed yet.
async fn snapshots<C: Cloud>(job: &mut Job<'_, C>, outcome: Outcome) -> Result<bool, Fault> {
    // A drill touches nothing of the instance in any hop; its snapshots are of the first.
    let first = if job.record.clone.is_some() { 0 } else { job.record.hop };
    let legs: Vec<String> =
        (first..=job.record.hop).map(|hop| job.record.id.name(&format!("{}-", job.record.leg_of(hop)))).collect();
    let mut stay = Vec::new();
    for snapshot in release::snapshots(job).await? {
        let ours = MigrationId::in_name(&snapshot.name).as_ref() == Some(&job.record.id);
        if ours && !job.record.touched && legs.iter().any(|leg| snapshot.name.starts_with(leg)) {
            match job.cloud.delete_snapshot(&snapshot.snapshot_id).await {
                // A person has made something of it since: it is theirs now, until its retention ends.
                Err(error) if matches!(error.code(), "SnapshotCreatedDisk" | "SnapshotCreatedImage") => {
                    stay.push(format!("{}: {}", snapshot.snapshot_id, error.code()));
                }
                deleted => deleted?,
            }
        } else if ours && outcome == Outcome::Stuck && job.marked(&format!("kept {}", snapshot.snapshot_id)).is_none() {
            release::keep_snapshot(job.cloud, &snapshot.snapshot_id, kept_days(job)).await?;
        }
    }
    if !stay.is_empty() {
        job.keep("snapshots that stay, something was made of them", &stay.join("\n"));
    }
    // Those that stay anyway end with their retention.
    Ok(!job.record.touched && release::unlisted(job, MadeKind::Snapshots).await?)
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
    let mut tags = vec![Tag::new(TAG, word), release::owner(job.record)];
    if let Some(os) = &job.record.os_after {
        tags.push(Tag::new(release::OS_TAG, os));
    }
    tags
}

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
            let (tags, rest): (Vec<&str>, Vec<&str>) = done.iter().map(|x| &**x).partition(|x| x.starts_with("tag "));
            assert_eq!(rest, expected, "{outcome:?}");
            let [tag] = tags[..] else { panic!("{tags:?}") };
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

    /// The guest cannot be put back, or the instance not be tagged; the disk with the media and the settings of the
    /// cloud do not wait for it.
    #[tokio::test]
    async fn what_costs_money_goes_although_the_guest_cannot_be_put_back() {
        for refused in ["", "RunCommand", "TagResources"] {
            let cloud = FakeCloud::new();
            let can = refused == "TagResources";
            cloud.answers(
                move |_| if can { answer(&[("undone", "yes")]) } else { answer(&[("left", "package leapp")]) },
            );
            cloud.refuses.borrow_mut().insert(refused.into(), "TagPolicy.Violated".into());
            let mut start = ending(Outcome::Cancelled, false);
            start.prepared = true;
            start.hops[0].engine = migration::path::Engine::WindowsSetup;
            let (resource, kind) = ("d-1".to_owned(), SettingKind::DeleteAutoSnapshot);
            start.changed = vec![migration::CloudSetting { resource, kind, before: true }];
            cloud.made_disks.borrow_mut().push(media(&start, "Available"));
            let record = drive(&Cleanup, &cloud, start, false).await;
            // Only something that is left in the guest is for a person to look at.
            let outcome = if can { Outcome::Cancelled } else { Outcome::Stuck };
            assert_eq!((record.state, record.unclean), (State::Ended(outcome), true), "{refused}");
            assert_eq!((record.changed.len(), cloud.made_disks.borrow().len()), (0, 0), "{refused}");
            assert_eq!(cloud.done.borrow().contains(&"run undo-1".to_owned()), refused != "RunCommand");
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

    /// The last copy of a machine does not wait for anything that may fail.
    #[tokio::test]
    async fn a_stuck_migrations_snapshots_are_kept_whatever_else_fails() {
        let stuck = || {
            let mut start = ending(Outcome::Stuck, true);
            start.hops[0].engine = migration::path::Engine::WindowsSetup;
            let (resource, kind) = ("d-1".to_owned(), SettingKind::DeleteAutoSnapshot);
            start.changed = vec![migration::CloudSetting { resource, kind, before: true }];
            start
        };
        let kept = ["keep-snapshot s-1 365", "keep-snapshot s-2 365"].map(str::to_owned);
        for refused in
            ["DetachDisk", "TagResources", "ModifyDiskAttribute", "DescribeInstances", "DescribeSnapshots", ""]
        {
            let cloud = with_snapshots(FakeCloud::new(), &record_in(Stage::Cleanup));
            cloud.made_disks.borrow_mut().push(media(&stuck(), "In_use"));
            if refused.is_empty() {
                cloud.instance.replace(None);
            }
            cloud.refuses.borrow_mut().insert(refused.into(), "Forbidden.RAM".into());
            let record = drive(&Cleanup, &cloud, stuck(), false).await;
            let done = cloud.done.borrow();
            assert_eq!(done[..2], kept, "{refused}: {done:?}");
            assert_eq!(done.iter().filter(|what| kept.contains(what)).count(), 2, "once each: {done:?}");
            assert_eq!(record.state, State::Ended(Outcome::Stuck), "{refused}");
        }
        // One that is gone does not stand in the way of the others, and one that is refused is tried again.
        let cloud = with_snapshots(FakeCloud::new(), &record_in(Stage::Cleanup));
        cloud.snapshots.borrow_mut().remove(0);
        let record = drive(&Cleanup, &cloud, stuck(), false).await;
        assert_eq!((record.unclean, cloud.done.borrow()[0].as_str()), (false, "keep-snapshot s-2 365"));
        let cloud = with_snapshots(FakeCloud::new(), &record_in(Stage::Cleanup));
        cloud.refuses.borrow_mut().insert("ModifySnapshotAttribute".into(), "Forbidden.RAM".into());
        let record = drive(&Cleanup, &cloud, stuck(), false).await;
        assert!(record.unclean && record.changed.is_empty(), "the rest is done: {record:?}");
    }

    fn media(record: &Record, status: &str) -> openapi::ecs::Disk {
        openapi::ecs::Disk {
            disk_id: "d-media".into(),
            disk_name: release::media_name(record, 0),
            status: status.into(),
            instance_id: if status == "In_use" { "i-1".into() } else { String::new() },
            tags: vec![release::owner(record)],
            ..Default::default()
        }
    }

    #[tokio::test]
    async fn what_a_person_made_of_a_snapshot_is_no_obstacle() {
        let cloud = with_snapshots(FakeCloud::new(), &record_in(Stage::Cleanup));
        cloud.refuses.borrow_mut().insert("DeleteSnapshot".into(), "SnapshotCreatedDisk".into());
        let record = drive(&Cleanup, &cloud, ending(Outcome::Refused, false), false).await;
        assert_eq!((record.state, record.unclean), (State::Ended(Outcome::Refused), false));
        assert_eq!(cloud.snapshots.borrow().len(), 2);
        let settings = stage::testing::guest_settings();
        let (start, options) = (ending(Outcome::Refused, false), Default::default());
        let mut job = Job::new(&cloud, &start, 0, &settings, &options, std::time::Duration::ZERO);
        Cleanup.act(&mut job).await.unwrap();
        assert!(job.exhibits.iter().any(|exhibit| exhibit.text.contains("s-1: SnapshotCreatedDisk")));
    }

    /// Cancelled within seconds of CreateSnapshot or CreateSnapshotGroup.
    #[tokio::test]
    async fn a_snapshot_that_is_not_listed_yet_is_deleted_all_the_same() {
        for known in [true, false] {
            let cloud = with_snapshots(FakeCloud::new(), &record_in(Stage::Cleanup));
            let mut start = ending(Outcome::Cancelled, false);
            // Its act has told, or has died.
            start.made = vec![migration::Made { kind: MadeKind::Snapshots, id: None, unseen_since: Some(0) }];
            if !known {
                start.made.clear();
                let timing = migration::Timing { stage: Stage::Snapshot, hop: 0, took: 0, ordinary: false };
                start.timings = vec![timing];
            }
            cloud.hide("s-1");
            cloud.hide("s-2");
            let record = drive(&Cleanup, &cloud, start, false).await;
            assert_eq!((record.state, record.made.len()), (State::Ended(Outcome::Cancelled), 0));
            assert!(cloud.snapshots.borrow().is_empty(), "known: {known}");
        }
    }

    /// The tag says what is so: something stays in the guest, or nothing any more.
    #[tokio::test]
    async fn the_tag_of_an_undo_that_is_given_up_says_stuck() {
        let word = |cloud: &FakeCloud| {
            let instance = cloud.instance.borrow();
            let tags = &instance.as_ref().unwrap().tags;
            tags.iter().find(|tag| tag.key == TAG).map(|tag| tag.value.clone()).unwrap()
        };
        let mut start = ending(Outcome::Refused, false);
        start.prepared = true;
        let cloud = FakeCloud::new();
        cloud.answers(|_| answer(&[("left", "package leapp")]));
        let record = drive(&Cleanup, &cloud, start.clone(), false).await;
        assert_eq!((record.state, word(&cloud).as_str()), (State::Ended(Outcome::Stuck), "stuck"));
        // At the last moment it works after all.
        let cloud = FakeCloud::new();
        cloud.answers(|_| answer(&[("undone", "yes")]));
        start.entered_at = LAST_WORD - Stage::Cleanup.deadline();
        let record = drive(&Cleanup, &cloud, start, false).await;
        let done = cloud.done.borrow();
        assert!(done.iter().any(|what| what.starts_with("tag osferry=stuck")), "{done:?}");
        assert_eq!((record.state, word(&cloud).as_str()), (State::Ended(Outcome::Refused), "refused"));
    }
}
