//! What the cloud was made to do stands in the history, with the cloud's own number for it.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use migration::{Event, Evidence, Stage, Step};
use openapi::ecs::CreateSnapshot;
use stage::cloud::Cloud;
use stage::records::Records;
use stage::testing::{FakeCloud, MemoryBus, MemoryRecords, guest_settings, record_in};
use stage::{Act, Env, Fault, Handled, Invocation, Job, step};

/// Takes a snapshot and sends a command at the first look, only looks at the second, and ends at the third, in which
/// it deletes what it took.
struct Busy;

impl Act for Busy {
    const STAGE: Stage = Stage::Snapshot;

    async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault> {
        let taken = job.cloud.snapshots(&job.record.instance_id).await?;
        match (taken.first(), job.marked("looked")) {
            (None, _) => {
                job.cloud.create_snapshot(&CreateSnapshot { disk_id: "d-1".into(), ..Default::default() }).await?;
                job.command("start-1", "true", 60).await?;
                job.command("watch-1", "true", 60).await?;
                Ok(job.wait(60, "taking"))
            }
            (Some(_), None) => {
                job.mark("looked");
                Ok(job.wait(60, "looking"))
            }
            (Some(snapshot), Some(_)) => {
                job.cloud.delete_snapshot(&snapshot.snapshot_id).await?;
                let mut disk = job.record.disks.first().cloned().unwrap();
                disk.status = Evidence::Failed;
                Ok(Event::Snapshots(vec![disk]))
            }
        }
    }
}

async fn look(world: &Env<FakeCloud, MemoryRecords, MemoryBus>) -> Vec<Step> {
    let id = record_in(Stage::Snapshot).id;
    let invocation = Invocation { request_id: "r-1".into(), deadline: 10_000 };
    assert_eq!(step(world, &Busy, &id, &invocation).await.unwrap(), Handled::Acted);
    world.records.steps(&id)
}

#[tokio::test]
async fn calls_are_told_once_in_the_step_that_they_belong_to() {
    let records = MemoryRecords::default();
    let mut record = record_in(Stage::Snapshot);
    record.disks = vec![migration::DiskSnapshot {
        disk_id: "d-1".into(),
        snapshot_id: None,
        status: Evidence::Missing,
        progress: 0,
    }];
    records.put(&record);
    let world = Env {
        cloud: FakeCloud::new(),
        records,
        bus: MemoryBus::default(),
        clock: || 0,
        guest: guest_settings(),
        options: Default::default(),
        event_bus: "osferry".into(),
    };
    // Something that was done before, for another.
    world.cloud.stop("i-1", false).await.unwrap();
    world.cloud.settle();
    world.cloud.start("i-1").await.unwrap();
    world.cloud.settle();

    let steps = look(&world).await;
    let told: Vec<_> = steps[0].calls.iter().map(|call| (call.operation.as_str(), call.resource.as_str())).collect();
    assert_eq!(told, [("CreateSnapshot", "create-snapshot d-1"), ("RunCommand", "i-1")]);
    assert!(steps[0].calls[1].name.ends_with("-snapshot-start-1"), "{:?}", steps[0].calls);
    let mut ids: Vec<_> = steps[0].calls.iter().map(|call| call.request_id.as_str()).collect();
    ids.dedup();
    assert!(ids.len() == 2 && ids.iter().all(|id| id.starts_with("call-")), "{ids:?}");
    assert_eq!(steps.len(), 1, "a wait is no step of its own, what was done is");

    assert_eq!(look(&world).await.len(), 1, "a look alone is not told");

    let steps = look(&world).await;
    let last: Vec<_> = steps[1..].iter().flat_map(|step| &step.calls).map(|call| call.operation.as_str()).collect();
    assert_eq!(last, ["DeleteSnapshot"]);
    assert!(steps.iter().map(|step| step.seq).is_sorted(), "{steps:?}");
    let stored = world.records.load(&record.id).await.unwrap().unwrap();
    assert_eq!(stored.record.steps as usize, steps.len());

    // What an older version wrote is read, and what has no calls is written as it was.
    let mut old = serde_json::to_value(&steps[1]).unwrap();
    old.as_object_mut().unwrap().remove("calls");
    let read: Step = serde_json::from_value(old.clone()).unwrap();
    assert_eq!((read.calls.len(), serde_json::to_value(&read).unwrap()), (0, old));
}
