//! Batches: whose turn it is, and when they stop.

use super::*;

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
async fn what_a_person_tries_again_in_a_stopped_batch_goes_on() {
    let world = world();
    let mut failed = record_in(Stage::Precheck);
    (failed.state, failed.look_at, failed.batch) = (State::Ended(Outcome::Failed), None, Some(batch(1, 0)));
    world.records.put(&failed);
    world.records.put_member(&Member::of(&failed, Some(Outcome::Failed)).unwrap()).await.unwrap();
    let other = Member {
        migration_id: migration::MigrationId::from_bytes([9; 10]),
        instance_id: "i-9".into(),
        ..Member::of(&failed, Some(Outcome::RolledBack)).unwrap()
    };
    world.records.put_member(&other).await.unwrap();
    wish(&world, &failed.id, &Wish::Retry { by: "li".into() }, &invocation("r-1")).await.unwrap();
    let mine = |members: Vec<Member>| members.into_iter().find(|member| member.migration_id == failed.id).unwrap();
    assert_eq!(mine(world.records.members("b-1").await.unwrap()).outcome, None, "it is under way again");
    let stage = acting(|_| Ok(waiting(60)));
    step(&world, &stage, &failed.id, &invocation("r-2")).await.unwrap();
    let after = world.records.load(&failed.id).await.unwrap().unwrap().record;
    assert_eq!((after.state, after.ending, stage.times.get()), (State::In(Stage::Precheck), None, 1));
}
