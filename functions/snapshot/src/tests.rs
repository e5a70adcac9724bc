use migration::policy::Mode;
use migration::{Code, Outcome, Record, State};
use openapi::ecs::{SnapshotGroup, Tag};
use stage::release::RETENTION_TAG;
use stage::testing::{FakeCloud, drive, record_in, survives_everything};

use super::*;

#[tokio::test]
async fn every_disk_gets_exactly_one_snapshot() {
    let record = survives_everything(&Snapshot, &record_in(Stage::Snapshot), FakeCloud::new).await;
    assert_eq!(record.state, State::In(Stage::Migrate));
    let cloud = FakeCloud::new();
    drive(&Snapshot, &cloud, record_in(Stage::Snapshot), true).await;
    assert_eq!(*cloud.done.borrow(), ["create-snapshot d-1", "create-snapshot d-2"]);
    let snapshots = cloud.snapshots.borrow();
    assert!(
        snapshots.iter().all(|snapshot| snapshot.retention_days == Some(7) && snapshot.name.starts_with("osferry-m-"))
    );
}

#[tokio::test]
async fn essds_are_taken_at_one_moment() {
    let start = record_in(Stage::Snapshot);
    let record = survives_everything(&Snapshot, &start, FakeCloud::with_essds).await;
    assert_eq!(record.state, State::In(Stage::Migrate));
    let cloud = FakeCloud::with_essds();
    let record = drive(&Snapshot, &cloud, start.clone(), true).await;
    assert_eq!(*cloud.done.borrow(), ["create-snapshot-group d-1 d-2"]);
    for disk in &record.disks {
        let snapshots = cloud.snapshots.borrow();
        let snapshot = snapshots.iter().find(|s| Some(&s.snapshot_id) == disk.snapshot_id.as_ref()).unwrap();
        assert_eq!(snapshot.name, start.id.name(&format!("0-{}", disk.disk_id)), "as a single one");
        let tags = [release::owner(&start), Tag::new(RETENTION_TAG, "7")];
        assert!(tags.iter().all(|tag| snapshot.tags.contains(tag)), "ECS keeps it for ever, OS Ferry does not");
    }
    let groups = cloud.groups.borrow();
    let tags = vec![release::owner(&start), Tag::new(RETENTION_TAG, "7")];
    assert_eq!((groups[0].name.clone(), groups[0].tags.clone()), (start.id.name("0"), tags));
}

#[tokio::test]
async fn what_no_group_can_hold_is_taken_one_by_one() {
    let cases: [fn(&FakeCloud); 3] = [
        |cloud| cloud.disks.borrow_mut()[1].category = "cloud_efficiency".into(),
        |cloud| cloud.disks.borrow_mut()[1].size = 32 * 1024 + 1,
        |cloud| {
            cloud.disks.borrow_mut().pop();
        },
    ];
    for change in cases {
        let cloud = FakeCloud::with_essds();
        change(&cloud);
        drive(&Snapshot, &cloud, record_in(Stage::Snapshot), false).await;
        let done = cloud.done.borrow();
        assert!(done.iter().all(|what| what.starts_with("create-snapshot d-")), "{done:?}");
        assert_eq!(done.len(), cloud.disks.borrow().len());
    }
}

#[tokio::test]
async fn automatic_snapshots_are_kept_for_the_time() {
    let make = || {
        let cloud = FakeCloud::with_essds();
        cloud.absolute.set(true);
        cloud.disks.borrow_mut()[0].delete_auto_snapshot = true;
        cloud
    };
    let record = survives_everything(&Snapshot, &record_in(Stage::Snapshot), make).await;
    let before = CloudSetting { resource: "d-1".into(), kind: SettingKind::DeleteAutoSnapshot, before: true };
    assert_eq!(record.changed, std::slice::from_ref(&before));
    let cloud = make();
    cloud.absolute.set(false);
    let record = drive(&Snapshot, &cloud, record_in(Stage::Snapshot), true).await;
    assert_eq!(record.changed, [before], "remembered even if everything is done twice");
    assert_eq!(cloud.done.borrow()[0], "protect d-1 false");
    assert!(!cloud.disks.borrow()[0].delete_auto_snapshot);
}

#[tokio::test]
async fn a_drill_changes_nothing_of_the_instance() {
    let cloud = FakeCloud::with_essds();
    cloud.disks.borrow_mut()[0].delete_auto_snapshot = true;
    let mut start = record_in(Stage::Snapshot);
    start.policy.mode = Mode::Drill;
    let record = drive(&Snapshot, &cloud, start, false).await;
    assert_eq!(record.state, State::In(Stage::Clone));
    assert_eq!(*cloud.done.borrow(), ["create-snapshot-group d-1 d-2"]);
    assert!(record.changed.is_empty() && cloud.disks.borrow()[0].delete_auto_snapshot);
}

/// Somebody else's snapshot of `d-2`.
fn others(status: &str) -> Taken {
    Taken {
        snapshot_id: "s-auto".into(),
        name: "auto2.0_20261101".into(),
        status: status.into(),
        source_disk_id: "d-2".into(),
        ..Taken::default()
    }
}

#[tokio::test]
async fn another_snapshot_under_way_is_waited_for() {
    for cloud in [FakeCloud::new(), FakeCloud::with_essds()] {
        cloud.snapshots.borrow_mut().push(others("progressing"));
        let record = drive(&Snapshot, &cloud, record_in(Stage::Snapshot), false).await;
        assert_eq!(record.state, State::In(Stage::Migrate));
        assert_eq!(cloud.snapshots.borrow().len(), 3);
    }
    // One that is not listed is told by the refusal.
    let cloud = FakeCloud::new();
    cloud.refuses.borrow_mut().insert("CreateSnapshot".into(), "IncorrectDiskStatus.CreatingSnapshot".into());
    let record = drive(&Snapshot, &cloud, record_in(Stage::Snapshot), false).await;
    assert_eq!(record.cause.unwrap().code, Code::Deadline);
    assert!(cloud.done.borrow().is_empty());
}

#[tokio::test]
async fn a_disk_attached_meanwhile_is_waited_for() {
    for cloud in [FakeCloud::new(), FakeCloud::with_essds()] {
        let mut record = record_in(Stage::Snapshot);
        record.disks.clear();
        cloud.disks.borrow_mut().push(Disk { disk_id: "d-3".into(), ..Disk::default() });
        let record = drive(&Snapshot, &cloud, record, false).await;
        assert_eq!(record.disks.len(), 3);
    }
}

#[tokio::test]
async fn what_was_attached_for_the_migration_is_left_out() {
    let cloud = FakeCloud::new();
    let start = record_in(Stage::Snapshot);
    let media = [("2019".to_owned(), [("zh-cn".to_owned(), "s-media".to_owned())].into())];
    cloud.options.borrow_mut().windows_media = media.into();
    cloud.made_disks.borrow_mut().push(Disk {
        disk_id: "d-media".into(),
        disk_name: release::media_name(&start, 0),
        instance_id: "i-1".into(),
        source_snapshot_id: "s-media".into(),
        tags: vec![release::owner(&start)],
        ..Disk::default()
    });
    let record = drive(&Snapshot, &cloud, start, false).await;
    assert_eq!(record.disks.len(), 2);
}

/// Where an instance's tags are handed on to its disks, every disk bears that of the migration after a first run.
#[tokio::test]
async fn the_tag_alone_leaves_no_disk_out() {
    for cloud in [FakeCloud::new(), FakeCloud::with_essds()] {
        let start = record_in(Stage::Snapshot);
        cloud.disks.borrow_mut().iter_mut().for_each(|disk| disk.tags = vec![release::owner(&start)]);
        let record = drive(&Snapshot, &cloud, start, false).await;
        let disks: Vec<_> = record.disks.iter().map(|disk| disk.disk_id.as_str()).collect();
        assert_eq!((record.state, disks), (State::In(Stage::Migrate), vec!["d-1", "d-2"]));
    }
}

#[tokio::test]
async fn without_the_system_disk_there_is_no_way_back() {
    let cloud = FakeCloud::new();
    cloud.disks.borrow_mut().remove(0);
    let record = drive(&Snapshot, &cloud, record_in(Stage::Snapshot), false).await;
    let cause = record.cause.unwrap();
    assert_eq!((cause.code, record.ending), (Code::Deadline, Some(Outcome::Failed)));
    assert!(cause.text.contains("ecs:DescribeDisks") && cloud.done.borrow().is_empty(), "{cause:?}");
}

#[tokio::test]
async fn a_disk_that_others_share_ends_it() {
    let cloud = FakeCloud::with_essds();
    cloud.disks.borrow_mut()[1].multi_attach = "Enabled".into();
    let record = drive(&Snapshot, &cloud, record_in(Stage::Snapshot), false).await;
    let cause = record.cause.unwrap();
    assert_eq!((cause.code, record.ending), (Code::Blocked, Some(Outcome::Failed)));
    assert!(cause.text.contains("d-2") && cloud.done.borrow().is_empty(), "{cause:?}");
}

#[tokio::test]
async fn a_group_that_failed_ends_it() {
    let start = record_in(Stage::Snapshot);
    let make = || {
        let cloud = FakeCloud::with_essds();
        cloud.groups.borrow_mut().push(SnapshotGroup {
            snapshot_group_id: "ssg-9".into(),
            name: release::group_name(&start),
            status: "failed".into(),
            instance_id: "i-1".into(),
            ..SnapshotGroup::default()
        });
        cloud
    };
    let record = survives_everything(&Snapshot, &start, make).await;
    let cause = record.cause.unwrap();
    assert_eq!((cause.code, record.ending), (Code::SnapshotFailed, Some(Outcome::Failed)));
    assert!(cause.text.contains("ssg-9"), "{cause:?}");
}

#[tokio::test]
async fn lists_that_come_late_make_nothing_twice() {
    for make in [FakeCloud::new, FakeCloud::with_essds] {
        let plain = make();
        drive(&Snapshot, &plain, record_in(Stage::Snapshot), false).await;
        let cloud = make();
        cloud.lists_lag.set(true);
        let record = drive(&Snapshot, &cloud, record_in(Stage::Snapshot), true).await;
        assert_eq!(record.state, State::In(Stage::Migrate));
        assert_eq!(*cloud.done.borrow(), *plain.done.borrow());
    }
}

fn failed(name: &str, start: &Record) -> Taken {
    Taken { snapshot_id: "s-9".into(), name: start.id.name(name), status: "failed".into(), ..Taken::default() }
}

#[tokio::test]
async fn a_failed_snapshot_ends_it_before_anything_is_changed() {
    let cloud = FakeCloud::new();
    let start = record_in(Stage::Snapshot);
    cloud.snapshots.borrow_mut().push(failed("0-d-1", &start));
    let record = drive(&Snapshot, &cloud, start, false).await;
    assert_eq!((record.cause.unwrap().code, record.ending), (Code::SnapshotFailed, Some(Outcome::Failed)));
    assert!(!record.touched);
}

#[tokio::test]
async fn a_second_run_takes_nothing_over() {
    let cloud = FakeCloud::new();
    let mut start = record_in(Stage::Snapshot);
    cloud.snapshots.borrow_mut().push(failed("0-d-1", &start));
    start.run = 1;
    let record = drive(&Snapshot, &cloud, start, false).await;
    assert_eq!(record.state, State::In(Stage::Migrate));
}

#[tokio::test]
async fn snapshots_outlive_everything_that_may_go_back() {
    for (wished, kept) in [(1, 3), (30, 30)] {
        let mut start = record_in(Stage::Snapshot);
        start.policy.retention_days = wished;
        let cloud = FakeCloud::new();
        drive(&Snapshot, &cloud, start.clone(), false).await;
        assert!(cloud.snapshots.borrow().iter().all(|snapshot| snapshot.retention_days == Some(kept)));
        let cloud = FakeCloud::with_essds();
        drive(&Snapshot, &cloud, start, false).await;
        let tag = Tag::new(RETENTION_TAG, kept.to_string());
        assert!(cloud.snapshots.borrow().iter().all(|snapshot| snapshot.tags.contains(&tag)));
        // What a person must look at is kept longer, by either.
        for id in ["s-1", "s-2"] {
            release::keep_snapshot(&cloud, id, 365).await.unwrap();
        }
        let tag = Tag::new(RETENTION_TAG, "365");
        assert!(cloud.snapshots.borrow().iter().all(|snapshot| snapshot.tags.contains(&tag)));
    }
}
