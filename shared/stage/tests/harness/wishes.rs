//! What persons want: noted, decided once, under the lease.

use super::*;

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

#[tokio::test]
async fn what_ended_before_a_retry_does_not_let_the_instance_go() {
    saying!(Ending, Stage::Cleanup, Event::Cleaned);
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
