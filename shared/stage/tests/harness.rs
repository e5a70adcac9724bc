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
    record.entered_at = 1_000_000;
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

/// A precheck that answers what it is told, and does something on the side.
struct Scripted<F>(F);

impl<F: Fn(u32) -> Result<Event, Fault>> Act for Counted<F> {
    const STAGE: Stage = Stage::Precheck;

    async fn act<C: Cloud>(&self, _job: &mut Job<'_, C>) -> Result<Event, Fault> {
        self.times.set(self.times.get() + 1);
        (self.answer.0)(self.times.get())
    }
}

struct Counted<F> {
    answer: Scripted<F>,
    times: Cell<u32>,
}

fn acting<F: Fn(u32) -> Result<Event, Fault>>(answer: F) -> Counted<F> {
    Counted { answer: Scripted(answer), times: Cell::new(0) }
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

fn cancel() -> Wish {
    Wish::Cancel { by: "li".into() }
}

#[tokio::test]
async fn a_wish_is_decided_at_once_when_nobody_acts() {
    let world = world();
    let id = record_in(Stage::Precheck).id;
    let Wished::Decided(record) = wish(&world, &id, &cancel(), &invocation("r-li")).await.unwrap() else {
        panic!("not decided")
    };
    assert_eq!((record.state, record.ending), (State::In(Stage::Cleanup), Some(Outcome::Cancelled)));
    assert_eq!(requested(&world.bus.events()), ["cleanup"]);
    let steps = world.records.steps(&id);
    let last = steps.last().unwrap();
    assert_eq!((last.actor.as_deref(), last.request_id.as_str()), (Some("li"), "r-li"));
    assert_eq!(world.records.load(&id).await.unwrap().unwrap().wish, None);
}

#[tokio::test]
async fn a_wish_that_cannot_be_read_does_not_keep_out_the_next() {
    let world = world();
    let id = record_in(Stage::Precheck).id;
    world.records.raw_wish(&id, r#"{"wish":"of-a-newer-version"}"#, NOW.get());
    assert_eq!(wish(&world, &id, &cancel(), &invocation("r-li")).await.unwrap(), Wished::AnotherWaits);
    assert!(settle(&world, &id, &invocation("r-sweep")).await.unwrap());
    assert!(world.records.steps(&id).last().unwrap().what.contains("unreadable"));
    assert!(matches!(wish(&world, &id, &cancel(), &invocation("r-li")).await.unwrap(), Wished::Decided(_)));
}

#[tokio::test]
async fn an_event_that_can_never_be_sent_does_not_keep_the_others() {
    let world = world();
    let id = record_in(Stage::Precheck).id;
    let far = record_in(Stage::Precheck);
    let at = NOW.get();
    let mut large = stage::bus::stage_requested("osferry", "e-large".into(), &id, Stage::Assess, at);
    large.data = serde_json::json!({ "text": "x".repeat(70_000) });
    let small = stage::bus::stage_requested("osferry", "e-small".into(), &far.id, Stage::Assess, at);
    let outbox = [large, small].map(|event| Outgoing::Event(event.to_value()));
    publish(&world, &id, 1, &outbox).await.unwrap();
    assert_eq!(requested(&world.bus.events()), ["assess"]);
}

#[tokio::test]
async fn a_wish_waits_for_whoever_acts_and_is_answered_by_it() {
    let world = Rc::new(world());
    let id = record_in(Stage::Precheck).id;
    struct Wishing(Rc<World>, RefCell<Vec<Wished>>);
    impl Act for Wishing {
        const STAGE: Stage = Stage::Precheck;

        async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault> {
            for _ in 0..2 {
                let wished = wish(&*self.0, &job.record.id, &cancel(), &invocation("r-li")).await.unwrap();
                self.1.borrow_mut().push(wished);
            }
            Ok(waiting(60))
        }
    }
    let stage = Wishing(world.clone(), RefCell::default());
    assert_eq!(step(&*world, &stage, &id, &invocation("r-1")).await.unwrap(), Handled::Acted);
    assert_eq!(*stage.1.borrow(), [Wished::Noted, Wished::AnotherWaits]);
    let stored = world.records.load(&id).await.unwrap().unwrap();
    assert_eq!((stored.record.ending, stored.wish), (Some(Outcome::Cancelled), None));
}

#[tokio::test]
async fn a_wish_survives_every_crash_and_is_answered_once() {
    for nth in 1..12 {
        let world = world();
        let id = record_in(Stage::Precheck).id;
        world.records.fail(nth);
        let first = wish(&world, &id, &cancel(), &invocation("r-li")).await;
        // Whatever was to fail has failed.
        world.records.fail(0);
        let written = world.records.load(&id).await.unwrap().unwrap();
        if written.wish.is_none() && written.record.ending.is_none() {
            assert!(first.is_err(), "call {nth}: the person was told that it was noted");
            continue;
        }
        NOW.set(NOW.get() + 100_000);
        assert!(settle(&world, &id, &invocation("r-sweep")).await.unwrap(), "call {nth}");
        let stored = world.records.load(&id).await.unwrap().unwrap();
        assert_eq!(stored.record.ending, Some(Outcome::Cancelled), "call {nth}");
        assert_eq!(stored.record.steps, 1, "call {nth}: decided once");
    }
}

#[tokio::test]
async fn a_retry_needs_the_instance_for_itself() {
    let world = world();
    let mut over = record_in(Stage::Precheck);
    (over.state, over.look_at) = (State::Ended(Outcome::Refused), None);
    world.records.put(&over);
    let other = migration::MigrationId::from_bytes([1; 10]);
    assert!(world.records.lock("i-1", &other, 0).await.unwrap());
    let retry = Wish::Retry { by: "li".into() };
    let Wished::Decided(record) = wish(&world, &over.id, &retry, &invocation("r")).await.unwrap() else {
        panic!("not decided")
    };
    assert_eq!(record.state, over.state);
    assert!(world.records.steps(&over.id)[0].what.contains("another migration holds the instance"));
    world.records.unlock("i-1", &other, 0).await.unwrap();
    let Wished::Decided(record) = wish(&world, &over.id, &retry, &invocation("r")).await.unwrap() else {
        panic!("not decided")
    };
    assert_eq!(record.state, State::In(Stage::Precheck));
    assert_eq!(world.records.lock_holder("i-1").await.unwrap(), Some(over.id));
}

fn batch(stop_after_failures: u32, max_concurrent: u32) -> BatchRef {
    BatchRef { id: "b-1".into(), stop_after_failures, max_concurrent, place: 0 }
}

/// A thousand at once: never more than the limit are under way, in their order, and a failure stops those that wait.
#[tokio::test]
async fn a_batch_of_a_thousand_goes_a_few_at_a_time() {
    const LIMIT: usize = 40;
    for stop_after_failures in [0, 1] {
        let world = world();
        let stage = acting(|_| Ok(waiting(60)));
        let mut ids = Vec::new();
        for number in 0..1_000_u16 {
            let [high, low] = number.to_be_bytes();
            // Ids in another order than places.
            let id = migration::MigrationId::from_bytes([low, high, 0, 0, 0, 0, 0, 0, 0, 1]);
            let batch = BatchRef { place: i64::from(number), ..batch(stop_after_failures, LIMIT as u32) };
            let record = migration::Record {
                id: id.clone(),
                instance_id: format!("i-{number}"),
                batch: Some(batch),
                ..world.records.load(&record_in(Stage::Precheck).id).await.unwrap().unwrap().record
            };
            world.records.put(&record);
            world.records.put_member(&Member::of(&record, None).unwrap()).await.unwrap();
            ids.push(id);
        }
        let load = async |id: &migration::MigrationId| world.records.load(id).await.unwrap().unwrap().record;
        let mut ended = 0;
        let mut began = 0;
        while ended < ids.len() {
            // Those behind the window are as good as the last of them.
            for id in ids[ended..].iter().take(LIMIT + 1) {
                step(&world, &stage, id, &invocation("r-1")).await.unwrap();
            }
            let under_way = usize::try_from(stage.times.get()).unwrap() - began;
            assert!(under_way <= LIMIT, "{under_way} at once");
            if let Some(next) = ids.get(ended + LIMIT).filter(|_| ended == 0) {
                let waits = load(next).await;
                assert!(waits.note.contains("its turn in the batch, after 1 others"), "{}", waits.note);
                let last = load(ids.last().unwrap()).await;
                assert_eq!(last.entered_at, 1_000_000);
                // The time of the stage begins with its turn.
                NOW.set(NOW.get() + 24 * 3_600_000);
                step(&world, &stage, next, &invocation("r-2")).await.unwrap();
                assert_eq!(load(next).await.stage(), Some(Stage::Precheck));
                NOW.set(1_000_000);
            }
            for id in ids[ended..].iter().take(LIMIT) {
                let over = load(id).await;
                let failed = Member::of(&over, Some(Outcome::RolledBack));
                world.records.put_member(&failed.unwrap()).await.unwrap();
            }
            began = usize::try_from(stage.times.get()).unwrap();
            ended += LIMIT;
            if stop_after_failures > 0 {
                step(&world, &stage, &ids[ended], &invocation("r-3")).await.unwrap();
                assert_eq!(load(&ids[ended]).await.ending, Some(Outcome::Cancelled));
                assert_eq!(began, LIMIT, "the others have begun nothing");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_batch_stops_after_as_many_failures_as_it_was_told() {
    for (failures, ending) in [(1, None), (2, Some(Outcome::Cancelled))] {
        let world = world();
        let mut record = record_in(Stage::Precheck);
        record.entered_at = 1_000_000;
        record.batch = Some(batch(2, 0));
        world.records.put(&record);
        for (number, outcome) in [Outcome::Refused, Outcome::Succeeded, Outcome::RolledBack, Outcome::Failed]
            .into_iter()
            .take(2 + failures)
            .enumerate()
        {
            let member = Member {
                batch_id: "b-1".into(),
                migration_id: migration::MigrationId::from_bytes([u8::try_from(number).unwrap(); 10]),
                instance_id: "i-x".into(),
                outcome: Some(outcome),
                place: 0,
            };
            world.records.put_member(&member).await.unwrap();
        }
        let stage = acting(|_| Ok(waiting(60)));
        step(&world, &stage, &record.id, &invocation("r-1")).await.unwrap();
        let after = world.records.load(&record.id).await.unwrap().unwrap().record;
        assert_eq!(after.ending, ending);
        assert_eq!(stage.times.get(), u32::from(ending.is_none()), "a stopped batch does nothing more");
    }
}

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
    struct Ending;
    impl Act for Ending {
        const STAGE: Stage = Stage::Cleanup;

        async fn act<C: Cloud>(&self, _job: &mut Job<'_, C>) -> Result<Event, Fault> {
            Ok(Event::Cleaned)
        }
    }
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

#[tokio::test]
async fn what_ended_before_a_retry_does_not_let_the_instance_go() {
    struct Ending;
    impl Act for Ending {
        const STAGE: Stage = Stage::Cleanup;

        async fn act<C: Cloud>(&self, _job: &mut Job<'_, C>) -> Result<Event, Fault> {
            Ok(Event::Cleaned)
        }
    }
    let world = world();
    let mut record = record_in(Stage::Cleanup);
    record.ending = Some(Outcome::Refused);
    world.records.put(&record);
    assert!(world.records.lock("i-1", &record.id, 0).await.unwrap());
    // Everything leaves but the events: the outbox stays.
    world.bus.fail(1);
    step(&world, &Ending, &record.id, &invocation("r-1")).await.unwrap();
    let old = world.records.load(&record.id).await.unwrap().unwrap();
    assert!(!old.outbox.is_empty());
    let retry = Wish::Retry { by: "li".into() };
    wish(&world, &record.id, &retry, &invocation("r-2")).await.unwrap();
    assert_eq!(world.records.lock_holder("i-1").await.unwrap(), Some(record.id.clone()));
    // Whoever was still sending the old outbox comes late.
    publish(&world, &record.id, old.outbox_seq, &old.outbox).await.unwrap();
    assert_eq!(world.records.lock_holder("i-1").await.unwrap(), Some(record.id.clone()));
}

#[tokio::test]
async fn a_wish_that_changes_nothing_takes_no_lock() {
    let world = world();
    let mut over = record_in(Stage::Precheck);
    (over.state, over.look_at) = (State::Ended(Outcome::Succeeded), None);
    world.records.put(&over);
    wish(&world, &over.id, &Wish::Retry { by: "li".into() }, &invocation("r")).await.unwrap();
    assert_eq!(world.records.lock_holder("i-1").await.unwrap(), None);
}
