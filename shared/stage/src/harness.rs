//! Load, lease, act, commit, publish.

use std::time::Duration;

use migration::{Cause, Code, Decision, Effect, Event, MigrationId, Millis, decide};
use openapi::ApiError;
use openapi::eventbridge::parse_value;

use crate::act::{Act, Job};
use crate::bus::{self, Bus};
use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::records::{Lease, Outgoing, Records, RecordsError, Stored, stored_event};

/// The world as a function reaches it.
pub struct Env<C, R, B> {
    /// ECS.
    pub cloud: C,
    /// Tablestore.
    pub records: R,
    /// EventBridge.
    pub bus: B,
    /// The time.
    pub clock: fn() -> Millis,
    /// What scripts are told.
    pub guest: guest::Settings,
    /// The custom bus of stage events.
    pub event_bus: String,
}

/// One invocation of a function.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Its request id, which is the lease's holder.
    pub request_id: String,
    /// When it is cut off.
    pub deadline: Millis,
}

/// What came of one wake-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// The stage was looked at.
    Acted,
    /// The migration is in another stage, or over: a late or duplicated event.
    NotHere,
    /// Another invocation is at it, and was told to look again.
    Busy,
    /// The lease was lost to another invocation; nothing was stored.
    Fenced,
}

/// Why a wake-up could not be handled; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// No such migration.
    #[error("migration {0} has no record")]
    UnknownMigration(MigrationId),
    /// Its record cannot be read or written.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// Its events cannot be published; they will be sent again.
    #[error("events of migration {id} were not published: {source}")]
    Bus {
        /// The migration.
        id: MigrationId,
        /// Why.
        #[source]
        source: ApiError,
    },
}

impl StageError {
    /// Its stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::UnknownMigration(_) => Code::UnknownMigration,
            Self::Records(RecordsError::Schema { source, .. }) => source.code(),
            Self::Records(RecordsError::BadRow { .. }) => Code::BrokenRecord,
            Self::Records(RecordsError::Tablestore(_)) => Code::Tablestore,
            Self::Bus { .. } => Code::EventBridge,
        }
    }
}

/// A lease outlives the invocation by this, milliseconds: clocks differ a little, and an invocation that is
/// being killed may still have a request on the wire.
const LEASE_MARGIN: Millis = 5_000;

/// An outbox that has not left after this is sent by the sweep, milliseconds: several times what publishing
/// takes at its slowest.
pub(crate) const RESEND_AFTER: Millis = 30_000;

/// How often one invocation looks again because it was poked; then the sweep does.
const ROUNDS: u32 = 8;

/// Handles one wake-up of one migration.
pub async fn step<A: Act, C: Cloud, R: Records, B: Bus>(
    env: &Env<C, R, B>,
    stage: &A,
    id: &MigrationId,
    invocation: &Invocation,
) -> Result<Handled, StageError> {
    let mut outcome = Handled::Busy;
    for _ in 0..ROUNDS {
        let stored = env.records.load(id).await?.ok_or_else(|| StageError::UnknownMigration(id.clone()))?;
        if stored.record.stage() != Some(A::STAGE) {
            return Ok(if outcome == Handled::Acted { outcome } else { Handled::NotHere });
        }
        let now = (env.clock)();
        if stored.lease.as_ref().is_some_and(|lease| lease.until > now) {
            env.records.poke(id).await?;
            // Whoever held the lease may have given it back before it could see the poke.
            let after = env.records.load(id).await?;
            if after.is_some_and(|after| after.lease.is_some()) {
                return Ok(outcome);
            }
            continue;
        }
        let lease = Lease { holder: invocation.request_id.clone(), until: invocation.deadline + LEASE_MARGIN };
        if !env.records.acquire(&stored, &lease).await? {
            continue;
        }
        let Some((poke, proceed)) = act_and_commit(env, stage, &stored, invocation).await? else {
            tracing::warn!(migration_id = %id, stage = A::STAGE.name(), "lost the lease, nothing was stored");
            return Ok(Handled::Fenced);
        };
        outcome = Handled::Acted;
        // Events that came while a dead invocation held the lease reached nobody: what this look has begun
        // again (a command's ClientToken) may have been over for long.
        let orphaned = stored.lease.is_some();
        if poke == stored.poke && !proceed && !orphaned {
            break;
        }
    }
    Ok(outcome)
}

/// Answers the count of pokes at the commit, and whether the stage wants to go on at once; None when the
/// lease was lost.
async fn act_and_commit<A: Act, C: Cloud, R: Records, B: Bus>(
    env: &Env<C, R, B>,
    stage: &A,
    stored: &Stored,
    invocation: &Invocation,
) -> Result<Option<(i64, bool)>, StageError> {
    let before = &stored.record;
    let now = (env.clock)();
    let limit = time_to_act(invocation.deadline - now);
    let mut job = Job {
        cloud: &env.cloud,
        record: before,
        memo: before.memo.clone(),
        now,
        settings: &env.guest,
        patience: limit / 2,
    };
    let seen = tokio::time::timeout(limit, stage.act(&mut job)).await;
    let mut record = before.clone();
    record.memo = std::mem::take(&mut job.memo);
    let event = match seen {
        Ok(Ok(event)) => event,
        Ok(Err(fault)) => Event::Faulted(reported(&fault, before)),
        Err(_) => {
            let text = format!("no answer within {} s", limit.as_secs());
            Event::Faulted(Cause::transient(Code::CloudCall, text))
        }
    };
    let now = (env.clock)();
    let Decision { record, effects } = decide(&record, event, now);
    tracing::info!(
        migration_id = %record.id, instance_id = record.instance_id, stage = A::STAGE.name(),
        request_id = invocation.request_id, before = ?before.state, after = ?record.state, note = record.note, "decided"
    );
    let mut outbox = stored.outbox.clone();
    outbox.extend(outgoing(&record, stored.version, effects, &env.event_bus, now));
    let fresh = outbox.len() > stored.outbox.len();
    let kept = if fresh { outbox.as_slice() } else { &[] };
    let poke = env.records.commit(stored, &invocation.request_id, &record, kept, now + RESEND_AFTER).await?;
    if poke.is_some() && fresh {
        publish_or_keep(env, &record.id, stored.outbox_seq + 1, &outbox).await;
    }
    let proceed = record.stage() == Some(A::STAGE) && record.look_at.is_some_and(|at| at <= now);
    Ok(poke.map(|poke| (poke, proceed)))
}

fn reported(fault: &Fault, record: &migration::Record) -> Cause {
    let cause = fault.cause();
    tracing::warn!(
        migration_id = %record.id, instance_id = record.instance_id, code = %cause.code,
        transient = cause.transient, error = cause.text, "the stage met a fault"
    );
    cause
}

/// An invocation that must end in `left` milliseconds acts at most until a fifth of it, or two seconds, is left
/// for the commit.
fn time_to_act(left: Millis) -> Duration {
    let reserve = (left / 5).min(2_000);
    Duration::from_millis(u64::try_from(left - reserve).unwrap_or(0).max(100))
}

/// Effects in the form in which they are kept until they have left.
pub(crate) fn outgoing(
    record: &migration::Record,
    version: i64,
    effects: Vec<Effect>,
    event_bus: &str,
    now: Millis,
) -> Vec<Outgoing> {
    let form = |(number, effect)| {
        // The same decision gives the same ids: a duplicate can be told.
        let id = format!("{}-{version}-{number}", record.id);
        match effect {
            Effect::Request(stage) => stored_event(&bus::stage_requested(event_bus, id, &record.id, stage, now)),
            Effect::Announce(notice) => stored_event(&bus::notice(event_bus, id, record, notice, now)),
            Effect::Note(step) => Outgoing::Step(step),
            Effect::Release => Outgoing::Release { instance_id: record.instance_id.clone() },
        }
    };
    effects.into_iter().enumerate().map(form).collect()
}

/// Sends an outbox. What does not leave now is sent by the sweep: the work itself is done.
pub(crate) async fn publish_or_keep<C, R: Records, B: Bus>(
    env: &Env<C, R, B>,
    id: &MigrationId,
    seq: i64,
    outbox: &[Outgoing],
) {
    if let Err(error) = publish(env, id, seq, outbox).await {
        tracing::warn!(migration_id = %id, code = %error.code(), error = %error, "outbox kept for the sweep");
    }
}

/// Sends an outbox: history first, then the lock, then events, at least once each; then notes that it left.
pub async fn publish<C, R: Records, B: Bus>(
    env: &Env<C, R, B>,
    id: &MigrationId,
    seq: i64,
    outbox: &[Outgoing],
) -> Result<(), StageError> {
    let mut steps = Vec::new();
    let mut events = Vec::new();
    for item in outbox {
        match item {
            Outgoing::Step(step) => steps.push(step.clone()),
            Outgoing::Release { instance_id } => env.records.unlock(instance_id, id).await?,
            // What cannot be read was not written by us; it must not block what can.
            Outgoing::Event(value) => match parse_value(value.clone()) {
                Ok(parsed) => events.extend(parsed),
                Err(error) => {
                    tracing::error!(migration_id = %id, error = %error, "an event in the outbox is unreadable")
                }
            },
        }
    }
    env.records.write_history(id, &steps).await?;
    if !events.is_empty() {
        env.bus.publish(&events).await.map_err(|source| StageError::Bus { id: id.clone(), source })?;
    }
    Ok(env.records.sent(id, seq).await?)
}
