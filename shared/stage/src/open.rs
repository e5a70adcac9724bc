//! Opening a migration: one per instance at a time.

use migration::{Effect, MigrationId, Millis, Notice, Record, Stage, State, Step};

use crate::bus::Bus;
use crate::harness::{Env, RESEND_AFTER, StageError, outgoing, publish_or_keep};
use crate::records::{Member, Outgoing, Records};

/// What came of opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// A new migration.
    New(MigrationId),
    /// The instance has one under way.
    Already(MigrationId),
}

/// Opens `record`'s migration, or finds the one that holds the instance. The lock comes first; when a
/// crash left a lock without a record, the next to come opens the migration under the lock's id.
pub async fn open<C, R: Records, B: Bus>(
    env: &Env<C, R, B>,
    mut record: Record,
    now: Millis,
    request_id: &str,
) -> Result<Opened, StageError> {
    if !env.records.lock(&record.instance_id, &record.id, record.tries).await? {
        let Some(holder) = env.records.lock_holder(&record.instance_id).await? else {
            // Let go of just now; the next scan comes.
            return Ok(Opened::Already(record.id));
        };
        if env.records.load(&holder).await?.is_some() {
            return Ok(Opened::Already(holder));
        }
        record.id = holder;
    }
    let step = Step {
        seq: 0,
        at: now,
        state: State::In(Stage::Precheck),
        what: "opened".into(),
        cause: None,
        findings: Vec::new(),
        actor: Some(record.opened_by.clone()).filter(|by| !by.is_empty()),
        request_id: request_id.to_owned(),
        exhibits: Vec::new(),
        calls: Vec::new(),
    };
    record.steps = 1;
    let effects =
        vec![Effect::Note(step), Effect::Request(Stage::Precheck), Effect::Announce(Notice::Entered(Stage::Precheck))];
    // Published in this order: its batch knows it before it is woken, and never one that was not opened.
    let mut outbox: Vec<Outgoing> = Member::of(&record, None).map(Outgoing::Member).into_iter().collect();
    outbox.extend(outgoing(&record, 0, effects, env, request_id));
    if !env.records.create(&record, &outbox, now + RESEND_AFTER).await? {
        return Ok(Opened::Already(record.id));
    }
    publish_or_keep(env, &record.id, 1, &outbox).await;
    Ok(Opened::New(record.id))
}
