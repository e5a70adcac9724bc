use std::time::Duration;

use jiff::Timestamp;
use migration::os::{Family, Os};
use migration::path::Hop;
use migration::policy::Mode;
use migration::{DrillClone, Stage, Timing};

use super::*;
use crate::settings::Options;
use crate::testing::{Failure, FakeCloud, guest_settings, record_in, refused};

fn now() -> Millis {
    "2026-11-20T00:00:00Z".parse::<Timestamp>().unwrap().as_millisecond()
}

fn snapshot(created: &str, days: &str) -> Snapshot {
    Snapshot {
        creation_time: created.into(),
        tags: vec![Tag::new(OWNER_TAG, "m-1"), Tag::new(RETENTION_TAG, days)],
        ..Snapshot::default()
    }
}

#[test]
fn a_snapshot_expires_when_its_days_are_over() {
    assert!(has_expired(&snapshot("2026-11-13T00:00:00Z", "7"), now()));
    assert!(!has_expired(&snapshot("2026-11-13T00:00:01Z", "7"), now()));
    assert!(!has_expired(&snapshot("2026-11-13T00:00:00Z", "365"), now()));
}

#[test]
fn nothing_is_deleted_that_was_not_made_here_or_cannot_be_read() {
    let old = "2020-01-01T00:00:00Z";
    assert!(has_expired(&snapshot(old, "7"), now()));
    for wrong in ["", "0", "-1", "seven"] {
        assert!(!has_expired(&snapshot(old, wrong), now()), "{wrong:?}");
    }
    assert!(!has_expired(&snapshot("yesterday", "7"), now()));
    let somebodys = Snapshot { tags: vec![Tag::new(RETENTION_TAG, "7")], ..snapshot(old, "7") };
    assert!(!has_expired(&somebodys, now()));
    let by_ecs = Snapshot { retention_days: Some(30), ..snapshot(old, "7") };
    assert!(!has_expired(&by_ecs, now()), "ECS deletes it itself");
}

/// A record in cleanup, of a Windows with two hops, the second under way.
fn windows() -> Record {
    let mut record = record_in(Stage::Cleanup);
    let (from, to) = (Os::new(Family::WindowsServer, 2016), Os::new(Family::WindowsServer, 2019));
    let hop = Hop { from, to, engine: Engine::WindowsSetup };
    record.hops = vec![hop.clone(), hop];
    record.hop = 1;
    record
}

/// A disk that is attached to `i-1`.
fn attached(record: &Record, hop: usize) -> Disk {
    Disk {
        disk_id: format!("d-media-{hop}"),
        disk_name: media_name(record, hop),
        status: "In_use".into(),
        instance_id: "i-1".into(),
        zone_id: "z-1".into(),
        tags: vec![owner(record)],
        ..Disk::default()
    }
}

/// Lets everything go, look after look, as cleanup does; what was done. Call number `fail.0` fails.
async fn let_everything_go(cloud: &FakeCloud, record: &Record, fail: Option<(u32, Failure)>) -> Vec<String> {
    let (settings, options) = (guest_settings(), Options::default());
    if let Some((nth, failure)) = fail {
        cloud.fail(nth, failure);
    }
    let mut made = record.made.clone();
    for look in 0..20 {
        let mut job = Job::new(cloud, record, look * 15_000, &settings, &options, Duration::ZERO);
        job.made = made;
        let clone = match media(&mut job).await {
            Ok(true) => Ok(true),
            media => clone(&mut job).await.map(|left| left || media.is_err()),
        };
        if let Ok(false) = clone {
            return cloud.done.borrow().clone();
        }
        made = job.made;
        cloud.settle();
    }
    panic!("it does not come to an end: {:?}", cloud.done.borrow());
}

#[tokio::test]
async fn the_media_of_every_hop_go_whatever_fails() {
    let record = windows();
    let make = || {
        let cloud = FakeCloud::new();
        let loose = Disk { status: "Available".into(), instance_id: String::new(), ..attached(&record, 0) };
        cloud.made_disks.borrow_mut().extend([loose, attached(&record, 1)]);
        cloud
    };
    let plain = make();
    let done = let_everything_go(&plain, &record, None).await;
    assert_eq!(done, ["delete-disk d-media-0", "detach-disk i-1 d-media-1", "delete-disk d-media-1"]);
    assert!(plain.made_disks.borrow().is_empty());
    for failure in [Failure::Throttled, Failure::AnswerLost] {
        for nth in 1..=plain.calls() {
            let mut again = let_everything_go(&make(), &record, Some((nth, failure))).await;
            // A failed call changes who is first, not what is done.
            again.sort();
            let mut done = done.clone();
            done.sort();
            assert_eq!(again, done, "call {nth} {failure:?}");
        }
    }
}

#[tokio::test]
async fn only_what_bears_name_and_tag_is_let_go() {
    let record = windows();
    let cloud = FakeCloud::new();
    cloud.made_disks.borrow_mut().extend([
        Disk { tags: Vec::new(), ..attached(&record, 1) },
        Disk { disk_name: "media".into(), ..attached(&record, 1) },
    ]);
    assert!(let_everything_go(&cloud, &record, None).await.is_empty());
    // A migration without media does not even ask.
    let cloud = FakeCloud::new();
    let_everything_go(&cloud, &record_in(Stage::Cleanup), None).await;
    assert_eq!(cloud.calls(), 0);
}

#[tokio::test]
async fn media_wait_for_an_instance_at_rest() {
    let record = windows();
    let cloud = FakeCloud::new();
    cloud.made_disks.borrow_mut().push(attached(&record, 1));
    cloud.instance.borrow_mut().as_mut().unwrap().status = "Starting".into();
    let done = let_everything_go(&cloud, &record, None).await;
    assert_eq!(done, ["detach-disk i-1 d-media-1", "delete-disk d-media-1"]);
}

/// A drill's record, its clone `i-made-1` and the image of it.
fn drill() -> (Record, FakeCloud) {
    let mut record = record_in(Stage::Cleanup);
    record.policy.mode = Mode::Drill;
    record.clone = Some(DrillClone { instance_id: "i-made-1".into() });
    // The clone goes through every hop under one name.
    record.hop = 1;
    let cloud = FakeCloud::new();
    cloud.made_instances.borrow_mut().push(Instance {
        instance_id: "i-made-1".into(),
        instance_name: clone_name(&record),
        status: "Running".into(),
        tags: vec![owner(&record)],
        ..Instance::default()
    });
    cloud.images.borrow_mut().push(Image {
        image_id: "m-made-1".into(),
        image_name: clone_name(&record),
        status: "Available".into(),
        tags: vec![owner(&record)],
        ..Image::default()
    });
    (record, cloud)
}

#[tokio::test]
async fn a_clone_and_its_image_go_whatever_fails() {
    let (record, plain) = drill();
    let done = let_everything_go(&plain, &record, None).await;
    assert_eq!(done, ["delete-instance i-made-1", "delete-image m-made-1"]);
    for failure in [Failure::Throttled, Failure::AnswerLost] {
        for nth in 1..=plain.calls() {
            let (record, cloud) = drill();
            assert_eq!(let_everything_go(&cloud, &record, Some((nth, failure))).await, done, "call {nth} {failure:?}");
        }
    }
}

#[tokio::test]
async fn a_clone_that_is_on_its_way_is_waited_for() {
    for status in ["Pending", "Starting", "Stopping", "Stopped"] {
        let (record, cloud) = drill();
        cloud.made_instances.borrow_mut()[0].status = status.into();
        let done = let_everything_go(&cloud, &record, None).await;
        assert_eq!(done, ["delete-instance i-made-1", "delete-image m-made-1"], "{status}");
    }
}

#[tokio::test]
async fn neither_the_instance_nor_a_stranger_is_taken_for_a_clone() {
    let (record, cloud) = drill();
    {
        let mut instance = cloud.instance.borrow_mut();
        let instance = instance.as_mut().unwrap();
        (instance.instance_name, instance.tags) = (clone_name(&record), vec![owner(&record)]);
    }
    cloud.made_instances.borrow_mut()[0].tags.clear();
    cloud.images.borrow_mut()[0].tags.clear();
    assert!(let_everything_go(&cloud, &record, None).await.is_empty());
    // Once the drill is over, its names mean nothing any more.
    let (mut record, cloud) = drill();
    record.policy.mode = Mode::Migrate;
    assert!(let_everything_go(&cloud, &record, None).await.is_empty());
}

#[tokio::test]
async fn expired_snapshots_go_and_what_is_in_use_stays_for_the_next_time() {
    let cloud = FakeCloud::new();
    let named = |id: &str, created| Snapshot { snapshot_id: id.into(), ..snapshot(created, "7") };
    let old = named("s-old", "2020-01-01T00:00:00Z");
    cloud.snapshots.borrow_mut().extend([old, named("s-new", "2026-11-19T00:00:00Z")]);
    cloud.refuses.borrow_mut().insert("DeleteSnapshot".into(), "Operation.Conflict".into());
    assert_eq!(expired_snapshots(&cloud, now()).await.unwrap(), 0);
    cloud.refuses.borrow_mut().clear();
    assert_eq!(expired_snapshots(&cloud, now()).await.unwrap(), 1);
    assert_eq!(*cloud.done.borrow(), ["delete-snapshot s-old"]);
    cloud.refuses.borrow_mut().insert("DescribeSnapshots".into(), "Forbidden.RAM".into());
    let refusal = Fault::from(refused("DescribeSnapshots", 403, "Forbidden.RAM"));
    assert_eq!(expired_snapshots(&cloud, now()).await.unwrap_err().cause(), refusal.cause());
}

/// A Windows drill: the media is attached to the clone, in the zone of the drills.
fn windows_drill() -> (Record, FakeCloud) {
    let (mut record, cloud) = drill();
    (record.hops, record.hop) = (windows().hops, 1);
    cloud.made_disks.borrow_mut().push(Disk {
        instance_id: "i-made-1".into(),
        zone_id: "z-drill".into(),
        delete_with_instance: true,
        ..attached(&record, 1)
    });
    (record, cloud)
}

#[tokio::test]
async fn the_media_of_a_clone_goes_before_it_and_in_whatever_zone() {
    let (record, cloud) = windows_drill();
    let done = let_everything_go(&cloud, &record, None).await;
    let expected = ["detach-disk i-made-1 d-media-1", "delete-disk d-media-1", "delete-instance i-made-1"];
    assert_eq!(done[..3], expected);
    // It is found as well when what it was attached to is gone: the clone, or the instance.
    for subject in ["i-made-1", "i-1"] {
        let (mut record, cloud) = windows_drill();
        cloud.made_instances.borrow_mut().clear();
        if subject == "i-1" {
            record.clone = None;
            cloud.instance.replace(None);
        }
        let loose = |disk: &mut Disk| (disk.status, disk.instance_id) = ("Available".into(), String::new());
        cloud.made_disks.borrow_mut().iter_mut().for_each(loose);
        let done = let_everything_go(&cloud, &record, None).await;
        assert_eq!(done[0], "delete-disk d-media-1", "{subject}");
        assert!(cloud.made_disks.borrow().is_empty());
    }
}

/// What was just asked for is in no list yet, whether its id was told or not.
#[tokio::test]
async fn what_is_not_listed_yet_is_waited_for() {
    for told in [true, false] {
        let (mut record, cloud) = windows_drill();
        cloud.lists_lag.set(true);
        let since = Some(0);
        let id = |id: &str| told.then(|| id.to_owned());
        record.made = vec![
            Made { kind: MadeKind::Instance, id: id("i-made-1"), unseen_since: since },
            Made { kind: MadeKind::Image, id: id("m-made-1"), unseen_since: since },
            Made { kind: MadeKind::Disk, id: id("d-media-1"), unseen_since: since },
        ];
        for id in ["i-made-1", "m-made-1", "d-media-1"] {
            cloud.hide(id);
        }
        let mut done = let_everything_go(&cloud, &record, None).await;
        done.sort();
        let all = ["delete-disk d-media-1", "delete-image m-made-1", "delete-instance i-made-1"];
        assert!(all.iter().all(|one| done.contains(&(*one).to_owned())), "told: {told}, {done:?}");
    }
}

/// An act that died has left no word: for a while after its stage an empty list proves nothing.
#[tokio::test]
async fn what_an_act_that_died_has_made_is_waited_for() {
    let (mut record, cloud) = drill();
    record.timings = vec![Timing { stage: Stage::Clone, hop: 0, took: 0, ordinary: false }];
    cloud.hide("i-made-1");
    cloud.hide("m-made-1");
    let done = let_everything_go(&cloud, &record, None).await;
    assert_eq!(done, ["delete-instance i-made-1", "delete-image m-made-1"]);
}

#[tokio::test]
async fn a_clone_that_may_not_be_seen_is_not_gone() {
    let (mut record, cloud) = drill();
    record.made = vec![Made { kind: MadeKind::Instance, id: Some("i-made-1".into()), unseen_since: None }];
    let (settings, options) = (guest_settings(), Options::default());
    let mut job = Job::new(&cloud, &record, 0, &settings, &options, Duration::ZERO);
    cloud.hide("i-made-1");
    assert_eq!(clone(&mut job).await.unwrap_err().cause().code, Code::Forbidden);
    // What somebody has made their own by taking the tag away is theirs.
    cloud.settle();
    cloud.made_instances.borrow_mut()[0].tags.clear();
    assert!(!unlisted(&job, MadeKind::Instance).await.unwrap());
}

#[tokio::test]
async fn a_snapshot_is_kept_until_then_and_never_shorter() {
    let cloud = FakeCloud::new();
    let days = |days| Snapshot {
        snapshot_id: "s-1".into(),
        retention_days: Some(days),
        ..snapshot("2026-11-13T00:00:00Z", "")
    };
    let kept = async |snapshot: Snapshot| {
        cloud.done.borrow_mut().clear();
        *cloud.snapshots.borrow_mut() = vec![snapshot.clone()];
        keep_until(&cloud, &snapshot, now() + 3 * DAY).await.unwrap();
        cloud.done.borrow().clone()
    };
    assert_eq!(kept(days(7)).await, ["keep-snapshot s-1 11"]);
    assert_eq!(kept(days(11)).await, [""; 0]);
    assert_eq!(kept(Snapshot { creation_time: String::new(), ..days(7) }).await, [""; 0], "it does not tell");
    let for_ever = Snapshot { retention_days: None, ..days(7) };
    assert_eq!(kept(for_ever).await, [""; 0], "nobody ends it");
}
