//! Wakes what is due: lost events, passed deadlines, leases of invocations that died, unsent outboxes. The
//! net under everything that is announced; it decides nothing by itself.

use fc_runtime::LambdaEvent;
use jiff::Timestamp;
use migration::{Code, Millis};
use serde_json::{Value, json};
use stage::bus::{Bus, stage_requested};
use stage::records::{Due, Records};
use stage::{Env, Invocation, StageError, connect, log_error, publish, settle};

/// Runs the function; the timer's event carries nothing that it needs.
pub async fn run() -> Result<(), fc_runtime::Error> {
    stage::serve(async |event: LambdaEvent<Value>| {
        let env = connect(&event.context)?;
        let now = Timestamp::now().as_millisecond();
        let deadline = Millis::try_from(event.context.deadline).unwrap_or(Millis::MAX);
        let invocation = Invocation { request_id: event.context.request_id.clone(), deadline };
        let swept =
            sweep(&env, now, &invocation).await.map_err(|error| log_error(&event.context.request_id, &error))?;
        Ok(json!({ "woken": swept.woken, "resent": swept.resent, "answered": swept.answered, "failed": swept.failed }))
    })
    .await
}

/// What one sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Stages that were woken.
    pub woken: usize,
    /// Outboxes that were sent.
    pub resent: usize,
    /// Wishes that were answered.
    pub answered: usize,
    /// Rows that could not be handled; each is in the log with its code.
    pub failed: usize,
}

/// Looks at every row that is due. A row that cannot be handled does not stop the others.
pub async fn sweep<C, R: Records, B: Bus>(
    env: &Env<C, R, B>,
    now: Millis,
    invocation: &Invocation,
) -> Result<Swept, StageError> {
    let mut swept = Swept::default();
    for due in env.records.due(now).await? {
        if let Err(error) = wake(env, &due, now, invocation, &mut swept).await {
            tracing::error!(migration_id = %due.id, code = %error.code(), error = %error, "cannot be swept");
            swept.failed += 1;
        }
    }
    Ok(swept)
}

async fn wake<C, R: Records, B: Bus>(
    env: &Env<C, R, B>,
    due: &Due,
    now: Millis,
    invocation: &Invocation,
    swept: &mut Swept,
) -> Result<(), StageError> {
    let Some(stored) = env.records.load(&due.id).await? else { return Ok(()) };
    // What cannot be sent must not keep the stage from its deadlines: it is reported after the stage was woken.
    let mut sent = Ok(());
    if due.outbox && !stored.outbox.is_empty() {
        sent = publish(env, &due.id, stored.outbox_seq, &stored.outbox).await;
        swept.resent += usize::from(sent.is_ok());
    }
    // Whoever wrote it down died before it was answered; the answer requests the stage that comes next.
    if stored.wish.is_some() && settle(env, &due.id, invocation).await? {
        swept.answered += 1;
        return sent;
    }
    if let Some(stage) = stored.record.stage() {
        let event = stage_requested(&env.event_bus, format!("{}-sweep-{now}", due.id), &due.id, stage, now);
        let unsent = |source| StageError::Bus { id: due.id.clone(), source };
        env.bus.publish(&[event]).await.map_err(unsent)?;
        tracing::info!(migration_id = %due.id, stage = stage.name(), code = ?None::<Code>, "woken");
        swept.woken += 1;
    }
    sent
}

#[cfg(test)]
mod tests {
    use migration::{Effect, Event, Outcome, Stage, State, Wish, decide};
    use stage::records::{Lease, Outgoing};
    use stage::testing::{FakeCloud, MemoryBus, MemoryRecords, guest_settings, record_in};

    use super::*;

    type World = Env<FakeCloud, MemoryRecords, MemoryBus>;

    fn world() -> World {
        Env {
            cloud: FakeCloud::new(),
            records: MemoryRecords::default(),
            bus: MemoryBus::default(),
            clock: || 0,
            guest: guest_settings(),
            options: Default::default(),
            event_bus: "osferry".into(),
        }
    }

    fn invocation() -> Invocation {
        Invocation { request_id: "r-sweep".into(), deadline: 60_000 }
    }

    fn woken(world: &World) -> Vec<String> {
        world.bus.events().iter().map(|event| event.data["stage"].to_string()).collect()
    }

    #[tokio::test]
    async fn what_is_due_is_woken_and_nothing_else() {
        let world = world();
        let mut record = record_in(Stage::Verify);
        record.look_at = Some(1_000);
        world.records.put(&record);
        assert_eq!(sweep(&world, 999, &invocation()).await.unwrap(), Swept::default());
        assert_eq!(sweep(&world, 1_000, &invocation()).await.unwrap(), Swept { woken: 1, ..Swept::default() });
        assert_eq!(woken(&world), ["\"verify\""]);
    }

    #[tokio::test]
    async fn a_lease_that_ran_out_is_due() {
        let world = world();
        let mut record = record_in(Stage::Snapshot);
        record.look_at = Some(1_000_000);
        world.records.put(&record);
        let stored = world.records.load(&record.id).await.unwrap().unwrap();
        let lease = Lease { holder: "r-1".into(), until: 5_000 };
        assert!(world.records.acquire(&stored, &lease).await.unwrap());
        assert_eq!(sweep(&world, 4_999, &invocation()).await.unwrap(), Swept::default());
        assert_eq!(sweep(&world, 5_000, &invocation()).await.unwrap().woken, 1);
    }

    #[tokio::test]
    async fn an_outbox_that_was_not_sent_is_sent_also_when_it_is_over() {
        let world = world();
        let mut record = record_in(Stage::Cleanup);
        record.ending = Some(Outcome::Succeeded);
        let ended = decide(&record, Event::Cleaned, 10);
        let steps = ended.effects.iter().filter_map(|effect| match effect {
            Effect::Note(step) => Some(Outgoing::Step(step.clone())),
            _ => None,
        });
        let release = Outgoing::Release { instance_id: "i-1".into(), tries: 0 };
        let outbox: Vec<Outgoing> = steps.chain([release]).collect();
        assert!(world.records.lock("i-1", &record.id, 0).await.unwrap());
        assert!(world.records.create(&ended.record, &outbox, 1_000).await.unwrap());
        assert_eq!(sweep(&world, 1_000, &invocation()).await.unwrap(), Swept { resent: 1, ..Swept::default() });
        assert_eq!(ended.record.state, State::Ended(Outcome::Succeeded));
        assert_eq!((world.records.steps(&record.id).len(), world.bus.events().len()), (1, 0));
        assert_eq!(world.records.lock_holder("i-1").await.unwrap(), None);
        assert_eq!(sweep(&world, 2_000, &invocation()).await.unwrap(), Swept::default(), "once");
    }

    #[tokio::test]
    async fn a_row_that_cannot_be_read_does_not_stop_the_others() {
        let world = world();
        let newer = record_in(Stage::Verify);
        let mut other = newer.clone();
        other.id = migration::MigrationId::from_bytes([200; 10]);
        world.records.put(&newer);
        world.records.put(&other);
        world.records.raw(&newer.id, |json| *json = json.replacen("\"schema\":1", "\"schema\":7", 1));
        assert_eq!(
            sweep(&world, 1_000, &invocation()).await.unwrap(),
            Swept { woken: 1, failed: 1, ..Swept::default() }
        );
    }

    #[tokio::test]
    async fn a_wish_that_nobody_answered_is_answered_also_when_it_is_over() {
        let world = world();
        let mut record = record_in(Stage::Precheck);
        record.state = State::Ended(Outcome::Refused);
        record.look_at = None;
        world.records.put(&record);
        let wish = Wish::Retry { by: "ops".into() };
        assert!(world.records.wish(&record.id, &wish, 5).await.unwrap());
        assert!(!world.records.wish(&record.id, &wish, 6).await.unwrap(), "one at a time");
        assert_eq!(sweep(&world, 5, &invocation()).await.unwrap(), Swept { answered: 1, ..Swept::default() });
        let after = world.records.load(&record.id).await.unwrap().unwrap();
        assert_eq!((after.record.state, after.record.run, after.wish), (State::In(Stage::Precheck), 1, None));
        assert_eq!(world.records.lock_holder("i-1").await.unwrap(), Some(record.id));
        assert_eq!(woken(&world).first().map(String::as_str), Some("\"precheck\""));
    }
}
