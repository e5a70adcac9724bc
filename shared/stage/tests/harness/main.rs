//! The harness against in-memory records and a bus that can fail: leases, pokes, fences, outboxes.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use migration::{BatchRef, Cause, Code, Event, Millis, Outcome, Stage, State, Wish};
use openapi::eventbridge::CloudEvent;
use stage::bus::STAGE_REQUESTED;
use stage::cloud::Cloud;
use stage::records::{Lease, Member, Outgoing, Records};
use stage::testing::{FakeCloud, MemoryBus, MemoryRecords, guest_settings, record_in};
use stage::{Act, Env, Fault, Handled, Invocation, Job, Wished, publish, settle, step, wish};

/// A stage that says the same whenever it looks.
macro_rules! saying {
    ($name:ident, $stage:expr, $event:expr) => {
        struct $name;
        impl Act for $name {
            const STAGE: Stage = $stage;

            async fn act<C: Cloud>(&self, _job: &mut Job<'_, C>) -> Result<Event, Fault> {
                Ok($event)
            }
        }
    };
}

mod batches;
mod timings;
mod wishes;

thread_local! {
    static NOW: Cell<Millis> = const { Cell::new(1_000_000) };
}

fn clock() -> Millis {
    NOW.get()
}

type World = Env<FakeCloud, MemoryRecords, MemoryBus>;

fn world() -> World {
    NOW.set(1_000_000);
    let records = MemoryRecords::default();
    let mut record = record_in(Stage::Precheck);
    (record.entered_at, record.look_at) = (1_000_000, Some(1_000_000));
    records.put(&record);
    Env {
        cloud: FakeCloud::new(),
        records,
        bus: MemoryBus::default(),
        clock,
        guest: guest_settings(),
        options: Default::default(),
        event_bus: "osferry".into(),
    }
}

fn invocation(request_id: &str) -> Invocation {
    Invocation { request_id: request_id.into(), deadline: NOW.get() + 10_000 }
}

/// A precheck that answers what it is told, and counts how often it is asked.
struct Counted<F> {
    answer: F,
    times: Cell<u32>,
}

impl<F: Fn(u32) -> Result<Event, Fault>> Act for Counted<F> {
    const STAGE: Stage = Stage::Precheck;

    async fn act<C: Cloud>(&self, _job: &mut Job<'_, C>) -> Result<Event, Fault> {
        self.times.set(self.times.get() + 1);
        (self.answer)(self.times.get())
    }
}

fn acting<F: Fn(u32) -> Result<Event, Fault>>(answer: F) -> Counted<F> {
    Counted { answer, times: Cell::new(0) }
}

fn batch(stop_after_failures: u32, max_concurrent: u32) -> BatchRef {
    BatchRef { id: "b-1".into(), stop_after_failures, max_concurrent, place: 0 }
}

fn waiting(seconds: i64) -> Event {
    Event::Waiting { look_at: NOW.get() + seconds * 1000, progress: None, note: "waiting".into() }
}

fn requested(events: &[CloudEvent]) -> Vec<String> {
    let wakes = events.iter().filter(|event| event.kind == STAGE_REQUESTED);
    wakes.map(|event| event.data["stage"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_step_is_committed_published_and_its_outbox_cleared() {
    let world = world();
    let id = record_in(Stage::Precheck).id;
    let stage = acting(|_| Ok(Event::Prechecked(vec![])));
    assert_eq!(step(&world, &stage, &id, &invocation("r-1")).await.unwrap(), Handled::Acted);
    let stored = world.records.load(&id).await.unwrap().unwrap();
    assert_eq!(stored.record.state, State::In(Stage::Assess));
    assert!(stored.lease.is_none() && stored.outbox.is_empty());
    assert_eq!(requested(&world.bus.events()), ["assess"]);
    assert_eq!(world.records.steps(&id).len(), 2);
    // The same event again: the migration is elsewhere.
    assert_eq!(step(&world, &stage, &id, &invocation("r-2")).await.unwrap(), Handled::NotHere);
    assert_eq!(stage.times.get(), 1);
}

#[tokio::test]
async fn an_unknown_migration_has_a_code() {
    let world = world();
    let unknown = migration::MigrationId::from_bytes([1; 10]);
    let error = step(&world, &acting(|_| Ok(waiting(1))), &unknown, &invocation("r")).await.unwrap_err();
    assert_eq!(error.code(), Code::UnknownMigration);
}

#[tokio::test]
async fn a_record_of_a_newer_version_is_left_alone() {
    let world = world();
    let id = record_in(Stage::Precheck).id;
    world.records.raw(&id, |json| *json = json.replacen("\"schema\":1", "\"schema\":99", 1));
    let before = world.records.json(&id);
    let stage = acting(|_| Ok(waiting(1)));
    let error = step(&world, &stage, &id, &invocation("r")).await.unwrap_err();
    assert_eq!(error.code(), Code::NewerSchema);
    assert_eq!((world.records.json(&id), stage.times.get()), (before, 0));
}

#[tokio::test]
async fn whoever_finds_a_lease_tells_its_holder_to_look_again() {
    let world = Rc::new(world());
    let id = record_in(Stage::Precheck).id;
    let other = world.clone();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let notes = seen.clone();
    // While the first acts, the second comes with an event.
    struct Interrupted {
        world: Rc<World>,
        outcomes: Rc<RefCell<Vec<Handled>>>,
        times: Cell<u32>,
    }
    impl Act for Interrupted {
        const STAGE: Stage = Stage::Precheck;
        async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault> {
            self.times.set(self.times.get() + 1);
            if self.times.get() == 1 {
                let second = acting(|_| panic!("the second must not act"));
                let outcome = step(&*self.world, &second, &job.record.id, &invocation("r-2")).await.unwrap();
                self.outcomes.borrow_mut().push(outcome);
                return Ok(waiting(60));
            }
            Ok(Event::Prechecked(vec![]))
        }
    }
    let first = Interrupted { world: other, outcomes: notes, times: Cell::new(0) };
    assert_eq!(step(&*world, &first, &id, &invocation("r-1")).await.unwrap(), Handled::Acted);
    assert_eq!(*seen.borrow(), [Handled::Busy]);
    assert_eq!(first.times.get(), 2, "the first looked again");
    assert_eq!(world.records.load(&id).await.unwrap().unwrap().record.state, State::In(Stage::Assess));
}

#[tokio::test]
async fn a_lease_that_was_lost_stores_nothing() {
    let world = Rc::new(world());
    let id = record_in(Stage::Precheck).id;
    struct Slow(Rc<World>);
    impl Act for Slow {
        const STAGE: Stage = Stage::Precheck;
        async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault> {
            // It is held up until its lease is over, and another goes on.
            NOW.set(NOW.get() + 60_000);
            let other = acting(|_| Ok(Event::Prechecked(vec![])));
            assert_eq!(step(&*self.0, &other, &job.record.id, &invocation("r-2")).await.unwrap(), Handled::Acted);
            Ok(Event::Prechecked(vec![]))
        }
    }
    assert_eq!(step(&*world, &Slow(world.clone()), &id, &invocation("r-1")).await.unwrap(), Handled::Fenced);
    let record = world.records.load(&id).await.unwrap().unwrap().record;
    assert_eq!((record.state, record.cause), (State::In(Stage::Assess), None));
    assert_eq!(requested(&world.bus.events()), ["assess"]);
}

#[tokio::test]
async fn after_a_crash_the_lease_runs_out_and_the_row_is_due() {
    let world = world();
    let id = record_in(Stage::Precheck).id;
    struct Crash;
    impl Act for Crash {
        const STAGE: Stage = Stage::Precheck;
        async fn act<C: Cloud>(&self, _job: &mut Job<'_, C>) -> Result<Event, Fault> {
            std::future::pending().await
        }
    }
    // The invocation is cut off while it acts: nothing after this line of it happens.
    let run = invocation("r-1");
    let cut = tokio::time::timeout(std::time::Duration::from_millis(20), step(&world, &Crash, &id, &run)).await;
    assert!(cut.is_err());
    let stage = acting(|_| Ok(Event::Prechecked(vec![])));
    assert_eq!(step(&world, &stage, &id, &invocation("r-2")).await.unwrap(), Handled::Busy);
    assert_eq!(stage.times.get(), 0);
    NOW.set(NOW.get() + 20_000);
    let due = world.records.due(NOW.get()).await.unwrap();
    assert_eq!(due.len(), 1, "the sweep finds it");
    assert_eq!(step(&world, &stage, &id, &invocation("r-3")).await.unwrap(), Handled::Acted);
}

#[tokio::test]
async fn time_in_which_nobody_looked_is_none_of_the_stages() {
    let world = world();
    let id = record_in(Stage::Precheck).id;
    let stage = acting(|_| Ok(waiting(60)));
    step(&world, &stage, &id, &invocation("r-1")).await.unwrap();
    // Function Compute was away for an hour; the stage has a quarter of one.
    NOW.set(NOW.get() + 3_600_000);
    step(&world, &stage, &id, &invocation("r-2")).await.unwrap();
    let record = world.records.load(&id).await.unwrap().unwrap().record;
    assert_eq!((record.state, record.memo.unwatched), (State::In(Stage::Precheck), 3_540_000));
    // Looked at as usual, it is overdue in the end.
    for minute in 0..16 {
        NOW.set(NOW.get() + 60_000);
        step(&world, &stage, &id, &invocation(&format!("r-3-{minute}"))).await.unwrap();
    }
    let record = world.records.load(&id).await.unwrap().unwrap().record;
    assert_eq!(record.cause.map(|cause| cause.code), Some(Code::Deadline));
}

#[tokio::test]
async fn whoever_follows_a_crash_looks_twice() {
    let world = world();
    let id = record_in(Stage::Precheck).id;
    let stored = world.records.load(&id).await.unwrap().unwrap();
    let lost = Lease { holder: "r-1".into(), until: NOW.get() + 1_000 };
    assert!(world.records.acquire(&stored, &lost).await.unwrap());
    NOW.set(NOW.get() + 2_000);
    // The first look takes up a command whose end was announced to the one that died.
    let stage = acting(|times| Ok(if times == 1 { waiting(60) } else { Event::Prechecked(vec![]) }));
    assert_eq!(step(&world, &stage, &id, &invocation("r-2")).await.unwrap(), Handled::Acted);
    assert_eq!(stage.times.get(), 2);
    assert_eq!(world.records.load(&id).await.unwrap().unwrap().record.state, State::In(Stage::Assess));
}

#[tokio::test]
async fn what_was_not_published_stays_in_the_outbox_until_the_sweep() {
    let world = world();
    let id = record_in(Stage::Precheck).id;
    world.bus.fail(1);
    let stage = acting(|_| Ok(Event::Prechecked(vec![])));
    assert_eq!(step(&world, &stage, &id, &invocation("r-1")).await.unwrap(), Handled::Acted);
    assert!(world.bus.events().is_empty());
    assert!(world.records.due(NOW.get()).await.unwrap().iter().all(|due| !due.outbox), "not at once");
    NOW.set(NOW.get() + 40_000);
    let due = world.records.due(NOW.get()).await.unwrap();
    assert!(due[0].outbox);
    let stored = world.records.load(&id).await.unwrap().unwrap();
    assert!(stored.outbox.iter().any(|item| matches!(item, Outgoing::Event(_))));
    publish(&world, &id, stored.outbox_seq, &stored.outbox).await.unwrap();
    assert_eq!(requested(&world.bus.events()), ["assess"]);
    assert!(world.records.load(&id).await.unwrap().unwrap().outbox.is_empty());
    assert_eq!(world.records.steps(&id).len(), 2, "lines of history are not doubled");
}

#[tokio::test]
async fn every_write_may_fail_and_the_migration_still_goes_on() {
    // Load, acquire, commit, history, sent: whichever fails, a later wake-up finishes the step once.
    for nth in 1..=6 {
        let world = world();
        let id = record_in(Stage::Precheck).id;
        world.records.fail(nth);
        let stage = acting(|_| Ok(Event::Prechecked(vec![])));
        let _ = step(&world, &stage, &id, &invocation("r-1")).await;
        world.records.fail(0);
        for round in 2..6 {
            NOW.set(NOW.get() + 60_000);
            for due in world.records.due(NOW.get()).await.unwrap() {
                let stored = world.records.load(&due.id).await.unwrap().unwrap();
                if due.outbox {
                    publish(&world, &id, stored.outbox_seq, &stored.outbox).await.unwrap();
                }
            }
            let _ = step(&world, &stage, &id, &invocation(&format!("r-{round}"))).await;
        }
        let stored = world.records.load(&id).await.unwrap().unwrap();
        assert_eq!(stored.record.state, State::In(Stage::Assess), "call {nth}");
        assert!(stored.outbox.is_empty(), "call {nth}");
        assert!(requested(&world.bus.events()).contains(&"assess".to_owned()), "call {nth}");
    }
}

#[tokio::test]
async fn a_stage_that_proceeds_goes_on_in_the_same_invocation() {
    let world = world();
    let id = record_in(Stage::Precheck).id;
    let stage = acting(|times| Ok(if times < 4 { waiting(0) } else { Event::Prechecked(vec![]) }));
    step(&world, &stage, &id, &invocation("r-1")).await.unwrap();
    assert_eq!(stage.times.get(), 4);
}

#[tokio::test]
async fn the_end_lets_go_of_the_instance() {
    let world = world();
    let mut record = record_in(Stage::Cleanup);
    record.entered_at = NOW.get();
    record.ending = Some(Outcome::Succeeded);
    world.records.put(&record);
    assert!(world.records.lock("i-1", &record.id, 0).await.unwrap());
    struct Clean;
    impl Act for Clean {
        const STAGE: Stage = Stage::Cleanup;
        async fn act<C: Cloud>(&self, _job: &mut Job<'_, C>) -> Result<Event, Fault> {
            Ok(Event::Cleaned)
        }
    }
    step(&world, &Clean, &record.id, &invocation("r-1")).await.unwrap();
    assert_eq!(world.records.lock_holder("i-1").await.unwrap(), None);
    let ended: Vec<_> =
        world.bus.events().into_iter().filter(|event| event.kind == "osferry:Migration:Ended").collect();
    assert_eq!(ended[0].data["outcome"], "succeeded");
}

#[tokio::test]
async fn one_migration_of_an_instance_at_a_time() {
    let world = world();
    let first = record_in(Stage::Precheck);
    assert_eq!(
        stage::open::open(&world, first.clone(), 0, "r").await.unwrap(),
        stage::open::Opened::Already(first.id.clone())
    );
    let other = world_without_rows();
    let opened = stage::open::open(&other, first.clone(), 0, "r").await.unwrap();
    assert_eq!(opened, stage::open::Opened::New(first.id.clone()));
    assert_eq!(requested(&other.bus.events()), ["precheck"]);
    let mut second = first.clone();
    second.id = migration::MigrationId::from_bytes([2; 10]);
    assert_eq!(stage::open::open(&other, second, 0, "r").await.unwrap(), stage::open::Opened::Already(first.id));
}

#[tokio::test]
async fn a_lock_without_a_record_is_completed() {
    let world = world_without_rows();
    let crashed = migration::MigrationId::from_bytes([5; 10]);
    assert!(world.records.lock("i-1", &crashed, 0).await.unwrap());
    let opened = stage::open::open(&world, record_in(Stage::Precheck), 0, "r").await.unwrap();
    assert_eq!(opened, stage::open::Opened::New(crashed.clone()));
    assert!(world.records.load(&crashed).await.unwrap().is_some());
}

fn world_without_rows() -> World {
    Env { records: MemoryRecords::default(), ..world() }
}

#[tokio::test]
async fn a_fault_is_in_the_record_with_its_code() {
    let world = world();
    let id = record_in(Stage::Precheck).id;
    let stage = acting(|_| Err(Cause::transient(Code::CloudCall, "DescribeDisks of i-1").into()));
    step(&world, &stage, &id, &invocation("r-1")).await.unwrap();
    let record = world.records.load(&id).await.unwrap().unwrap().record;
    assert!(record.note.contains("OSF-C001") && record.note.contains("i-1"), "{}", record.note);
    assert_eq!(record.state, State::In(Stage::Precheck));
    assert!(record.look_at.unwrap() > NOW.get());
}
