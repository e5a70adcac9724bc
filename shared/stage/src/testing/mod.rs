//! In-memory doubles of the ports, and the two tables that every stage is put through: each call fails in
//! turn, and each act is done twice.

mod cloud;
mod memory;

use std::time::Duration;

use migration::os::{Family, Os, System};
use migration::policy::Policy;
use migration::{DiskSnapshot, Event, Evidence, MigrationId, Millis, Record, Stage, State, decide, path};
use openapi::ecs::Snapshot;

use crate::act::{Act, Job};

pub use cloud::{Failure, FakeCloud, refused};
pub use memory::{MemoryBus, MemoryRecords};

/// What scripts are told in tests.
pub fn guest_settings() -> guest::Settings {
    guest::Settings {
        mirror: "http://mirror".into(),
        tools: String::new(),
        checksums: Default::default(),
        gpgcheck: true,
    }
}

/// A guest's answer: `osf` lines and the last one.
pub fn answer(lines: &[(&str, &str)]) -> (i64, String) {
    let lines: String = lines.iter().map(|(key, value)| format!("osf\t{key}\t{value}\n")).collect();
    (0, lines + "osf\tdone\tyes\n")
}

/// A record of instance `i-1`, from CentOS 8 to Alibaba Cloud Linux 3, that has just entered `stage`; from
/// migrate on with accomplished snapshots `s-1` and `s-2` of its two disks.
pub fn record_in(stage: Stage) -> Record {
    let hops = path::route(&System::of(Os::new(Family::CentOs, 8)), None, &path::Grants::default()).unwrap_or_default();
    let mut record = Record::new(MigrationId::from_bytes([9; 10]), "i-1".into(), Policy::default(), hops, 0);
    record.state = State::In(stage);
    if stage > Stage::Snapshot {
        record.touched = stage >= Stage::Migrate;
        record.tool_started = stage > Stage::Migrate;
        record.disks = [("d-1", "s-1"), ("d-2", "s-2")]
            .map(|(disk, snapshot)| DiskSnapshot {
                disk_id: disk.into(),
                snapshot_id: Some(snapshot.into()),
                status: Evidence::Accomplished,
                progress: 100,
            })
            .into();
    }
    record
}

/// Puts the snapshots that [`record_in`] tells of into the cloud.
pub fn with_snapshots(cloud: FakeCloud, record: &Record) -> FakeCloud {
    for disk in &record.disks {
        cloud.snapshots.borrow_mut().push(Snapshot {
            snapshot_id: disk.snapshot_id.clone().unwrap_or_default(),
            name: record.id.name(&format!("{}-{}", record.hop, disk.disk_id)),
            status: "accomplished".into(),
            source_disk_id: disk.disk_id.clone(),
            retention_days: Some(7),
            ..Snapshot::default()
        });
    }
    cloud
}

/// Drives a stage until the migration leaves it, or a day has passed. With `twice`, every act is done, its
/// result is lost as by a crash, and it is done again.
pub async fn drive<A: Act>(stage: &A, cloud: &FakeCloud, mut record: Record, twice: bool) -> Record {
    let settings = guest_settings();
    let options = cloud.options.borrow().clone();
    let mut now: Millis = 0;
    while record.stage() == Some(A::STAGE) && now < 24 * 3600 * 1000 {
        let act = async |record: &Record| {
            let mut job = Job::new(cloud, record, now, &settings, &options, Duration::ZERO);
            let event = stage.act(&mut job).await.unwrap_or_else(|fault| Event::Faulted(fault.cause()));
            (event, job.memo, job.changed)
        };
        if twice {
            let _ = act(&record).await;
        }
        let (event, memo, changed) = act(&record).await;
        (record.memo, record.changed) = (memo, changed);
        record = decide(&record, event, now).record;
        let proceeds = record.look_at.is_some_and(|at| at <= now);
        if !proceeds {
            cloud.settle();
            now = record.look_at.unwrap_or(now).max(now + 1_000);
        }
    }
    record
}

/// Each of the stage's calls fails once, in both ways, and each act is done twice: the stage ends as
/// without, and has done exactly the same things.
pub async fn survives_everything<A: Act>(stage: &A, start: &Record, make: impl Fn() -> FakeCloud) -> Record {
    let plain = make();
    let expected = drive(stage, &plain, start.clone(), false).await;
    assert_ne!(expected.stage(), Some(A::STAGE), "the stage does not come to an end: {expected:?}");
    let same = |cloud: &FakeCloud, record: &Record, what: &str| {
        assert_eq!(record.state, expected.state, "{what}: {record:?}");
        assert_eq!(record.ending, expected.ending, "{what}");
        assert_eq!(*cloud.done.borrow(), *plain.done.borrow(), "{what}");
    };
    let cloud = make();
    let record = drive(stage, &cloud, start.clone(), true).await;
    same(&cloud, &record, "each act done twice");
    for failure in [Failure::Throttled, Failure::AnswerLost] {
        for nth in 1..=plain.calls() {
            let cloud = make();
            cloud.fail(nth, failure);
            let record = drive(stage, &cloud, start.clone(), false).await;
            same(&cloud, &record, &format!("call {nth} {failure:?}"));
        }
    }
    expected
}
