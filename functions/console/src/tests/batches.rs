use migration::{BatchRef, TOOL_SENT};
use stage::records::{Lease, Member};

use super::*;

const BATCH: &str = "b-00000000000000000001";

/// A migration of `i-<number>`, the member of the batch that stands at that place.
async fn member(world: &World, number: u8, change: impl FnOnce(&mut Record)) -> Record {
    let mut record = record_in(Stage::Precheck);
    (record.id, record.instance_id) = (MigrationId::from_bytes([number; 10]), format!("i-{number}"));
    record.batch =
        Some(BatchRef { id: BATCH.into(), stop_after_failures: 1, max_concurrent: 2, place: i64::from(number) });
    change(&mut record);
    world.records.put(&record);
    let outcome = match record.state {
        State::Ended(outcome) => Some(outcome),
        State::In(_) => None,
    };
    world.records.put_member(&Member::of(&record, outcome).unwrap()).await.unwrap();
    record
}

/// What is said of each of them under `key`.
fn told<'a>(body: &'a Value, list: &str, key: &str) -> Vec<(&'a str, &'a str)> {
    let all = body[list].as_array().unwrap().iter();
    all.map(|one| (one["instanceId"].as_str().unwrap(), one[key].as_str().unwrap())).collect()
}

#[tokio::test]
async fn a_batch_is_stopped_at_one_word() {
    let world = world(&[]);
    let waits = member(&world, 1, |_| ()).await;
    let goes_back = member(&world, 2, |record| {
        (record.state, record.touched) = (State::In(Stage::Migrate), true);
        record.memo.marks.insert(TOOL_SENT.into(), NOW);
    })
    .await;
    member(&world, 3, |record| record.state = State::In(Stage::Rollback)).await;
    member(&world, 4, |record| record.state = State::Ended(Outcome::Succeeded)).await;
    let unopened = MigrationId::from_bytes([5; 10]);
    let lost = Member { migration_id: unopened, place: 5, ..Member::of(&waits, None).unwrap() };
    world.records.put_member(&lost).await.unwrap();
    let broken = member(&world, 6, |_| ()).await;
    world.records.raw(&broken.id, |json| *json = json.replacen("\"schema\":1", "\"schema\":99", 1));
    let acted_on = member(&world, 7, |_| ()).await;
    let held = world.records.load(&acted_on.id).await.unwrap().unwrap();
    let lease = Lease { holder: "r-9".into(), until: NOW + 60_000 };
    assert!(world.records.acquire(&held, &lease).await.unwrap());

    let path = format!("/batches/{BATCH}/cancel");
    let (status, body) = ann(&world, "POST", &path, json!(null)).await;
    assert_eq!((status, &body["done"], &body["noted"], &body["remaining"]), (200, &json!(2), &json!(1), &json!([])));
    let left_out = told(&body, "leftOut", "why");
    let instances: Vec<&str> = left_out.iter().map(|(instance, _)| *instance).collect();
    assert_eq!(instances, ["i-1", "i-4", "i-3"], "the lost one bears the first's name; the last come first: {body}");
    assert!(left_out[0].1.contains("never opened") && left_out[1].1.contains("changes nothing"), "{body}");
    let problems = told(&body, "problems", "code");
    assert_eq!(problems, [("i-6", "OSF-E003")], "one that cannot be read does not keep the others: {body}");
    assert_eq!(stored(&world, waits.id.as_str()).ending, Some(Outcome::Cancelled));
    assert_eq!(stored(&world, goes_back.id.as_str()).state, State::In(Stage::Rollback));
    let step = world.records.steps(&waits.id).pop().unwrap();
    assert_eq!(step.actor.as_deref(), Some("ann"));

    let (_, again) = ann(&world, "POST", &path, json!(null)).await;
    assert_eq!((&again["done"], &again["noted"]), (&json!(0), &json!(0)), "{again}");
    assert!(told(&again, "leftOut", "why").iter().any(|(id, why)| *id == "i-7" && why.contains("waits")), "{again}");
}

#[tokio::test]
async fn what_went_wrong_in_a_batch_is_tried_again() {
    let world = world(&[]);
    let ended = |outcome| move |record: &mut Record| (record.state, record.look_at) = (State::Ended(outcome), None);
    member(&world, 1, ended(Outcome::Succeeded)).await;
    let refused = member(&world, 2, ended(Outcome::Refused)).await;
    let halted = member(&world, 3, ended(Outcome::Cancelled)).await;
    member(&world, 4, ended(Outcome::DrillPassed)).await;
    member(&world, 5, |_| ()).await;
    let faulty = member(&world, 6, |record| (record.attempt, record.look_at) = (3, Some(NOW + 300_000))).await;
    member(&world, 7, ended(Outcome::Failed)).await;
    let unclean = member(&world, 8, |record| {
        (record.state, record.look_at, record.unclean) = (State::Ended(Outcome::Succeeded), None, true);
    })
    .await;
    world.records.lock("i-8", &unclean.id, 0).await.unwrap();
    member(&world, 9, ended(Outcome::RolledBack)).await;
    // Of i-7 another migration has come and gone since, of i-9 another is under way.
    let tags = vec![Tag::new("osferry:migration", "m-00000000000000000001")];
    let instance_id = "i-7".into();
    world.cloud.made_instances.borrow_mut().push(Instance { instance_id, tags, ..Instance::default() });
    world.records.lock("i-9", &MigrationId::from_bytes([1; 10]), 0).await.unwrap();

    let (status, body) = ann(&world, "POST", &format!("/batches/{BATCH}/retry"), json!(null)).await;
    assert_eq!((status, &body["done"], &body["problems"]), (200, &json!(4), &json!([])), "{body}");
    let left_out = [
        ("i-1", "ended well"),
        ("i-4", "ended well"),
        ("i-5", "is under way"),
        ("i-7", "migration m-00000000000000000001 of i-7 has come since"),
        ("i-9", "another migration holds the instance"),
    ];
    assert_eq!(told(&body, "leftOut", "why"), left_out);
    for record in [&refused, &halted] {
        let after = stored(&world, record.id.as_str());
        assert_eq!((after.state, after.tries), (State::In(Stage::Precheck), 1));
    }
    assert_eq!(stored(&world, unclean.id.as_str()).state, State::In(Stage::Cleanup));
    assert_eq!(stored(&world, faulty.id.as_str()).look_at, Some(NOW), "at once");
}

#[tokio::test]
async fn a_wish_for_many_ends_before_its_invocation_does() {
    thread_local! { static TICKS: Cell<Millis> = const { Cell::new(0) } }
    let mut world = world(&[]);
    for number in 1..=100 {
        member(&world, number, |_| ()).await;
    }
    // Time goes on whenever somebody looks at the clock.
    world.clock = || NOW + TICKS.replace(TICKS.get() + 100);
    let request = request("POST", &format!("/batches/{BATCH}/cancel"), "", "secret");
    let mut counts = (0, 100);
    let mut rounds = 0;
    while counts.1 > 0 && rounds < 100 {
        let invocation = Invocation { request_id: "r-1".into(), deadline: NOW + TICKS.get() + 40_000 };
        let (status, body) = read(&ask_under(&world, policy(), invocation, &request).await);
        assert_eq!((status, &body["problems"]), (200, &json!([])));
        let remaining = body["remaining"].as_array().unwrap().len();
        counts = (counts.0 + body["done"].as_u64().unwrap(), remaining);
        rounds += 1;
    }
    assert_eq!(counts, (100, 0));
    assert!(rounds > 1, "it cannot be done in one");
}
