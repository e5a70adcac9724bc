//! What is remembered of a stage: evidence, durations, the batch's members.

use super::*;

#[tokio::test]
async fn evidence_durations_and_the_batch_are_remembered() {
    struct Keeping;
    impl Act for Keeping {
        const STAGE: Stage = Stage::Precheck;

        async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault> {
            job.keep("console", "login:");
            Ok(Event::Prechecked(vec![]))
        }
    }
    saying!(Ending, Stage::Cleanup, Event::Cleaned);
    let world = world();
    let mut record = record_in(Stage::Precheck);
    record.batch = Some(batch(0, 0));
    record.entered_at = NOW.get() - 7_000;
    world.records.put(&record);
    step(&world, &Keeping, &record.id, &invocation("r-1")).await.unwrap();
    let steps = world.records.steps(&record.id);
    assert_eq!((steps[0].exhibits[0].name.as_str(), steps[0].exhibits[0].text.as_str()), ("console", "login:"));
    let path = stage::records::timing_path(&record, 0, Stage::Precheck);
    assert_eq!(world.records.timings(&path).await.unwrap(), [7_000]);

    let mut ending = record_in(Stage::Cleanup);
    (ending.batch, ending.ending) = (record.batch, Some(Outcome::Failed));
    ending.entered_at = NOW.get() - 30;
    world.records.put(&ending);
    step(&world, &Ending, &ending.id, &invocation("r-2")).await.unwrap();
    let path = stage::records::timing_path(&ending, 0, Stage::Cleanup);
    assert_eq!(world.records.timings(&path).await.unwrap(), [30]);
    let members = world.records.members("b-1").await.unwrap();
    assert_eq!((members.len(), members[0].outcome), (1, Some(Outcome::Failed)));
}

#[tokio::test]
async fn only_what_went_its_ordinary_way_tells_how_long_it_takes() {
    saying!(Healthy, Stage::Verify, Event::Verified { findings: Vec::new(), os: "Debian 13".into() });
    saying!(Failing, Stage::Migrate, Event::Faulted(Cause::permanent(Code::ToolFailed, "x")));
    let world = world();
    let mut record = record_in(Stage::Verify);
    record.hops = vec![record.hops[0].clone(), record.hops[0].clone()];
    // An hour of it only watched, because the policy says so.
    record.policy.observe_minutes = 60;
    record.entered_at = NOW.get() - 3_600_000 - 5;
    world.records.put(&record);
    step(&world, &Healthy, &record.id, &invocation("r-1")).await.unwrap();
    assert_eq!(world.records.load(&record.id).await.unwrap().unwrap().record.hop, 1);
    let path = stage::records::timing_path(&record, 0, Stage::Verify);
    assert_eq!(world.records.timings(&path).await.unwrap(), [5], "the first hop's, though the second has begun");
    let failing = record_in(Stage::Migrate);
    world.records.put(&failing);
    step(&world, &Failing, &failing.id, &invocation("r-2")).await.unwrap();
    let path = stage::records::timing_path(&failing, 0, Stage::Migrate);
    assert_eq!(world.records.timings(&path).await.unwrap(), [0; 0]);
}

#[tokio::test]
async fn the_latest_fifty_runs_count() {
    let records = MemoryRecords::default();
    for run in 0..60 {
        let occasion = format!("{:019}-m-{run}", Millis::MAX - run);
        records.put_timing("p", &occasion, run).await.unwrap();
    }
    let told = records.timings("p").await.unwrap();
    assert_eq!((told.len(), told[0], told[49]), (50, 59, 10));
}
