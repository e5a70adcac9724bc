//! Load, lease, act, commit, publish.

use std::time::Duration;

use migration::{
    Call, Cause, Code, Decision, Effect, Event, MigrationId, Millis, Notice, Outcome, Record, Stage, Wish, decide,
    exhibit,
};
use openapi::eventbridge::{CloudEvent, parse_value};
use openapi::{ApiError, ErrorKind};

use crate::act::{Act, Job};
use crate::bus::{self, Bus};
use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::records::{Commit, Lease, Member, Outgoing, Records, RecordsError, Stored, stored_event, timing_path};
use crate::settings::Options;

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
    /// What the operator has configured beside.
    pub options: Options,
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
        let stored = load(env, id).await?;
        let leased = stored.is_leased((env.clock)());
        if stored.wish.is_some() && !leased {
            answer(env, &stored, invocation).await?;
            continue;
        }
        if stored.record.stage() != Some(A::STAGE) {
            return Ok(if outcome == Handled::Acted { outcome } else { Handled::NotHere });
        }
        if leased {
            env.records.poke(id).await?;
            // Whoever held the lease may have given it back before it could see the poke.
            let after = env.records.load(id).await?;
            if after.is_some_and(|after| after.lease.is_some()) {
                return Ok(outcome);
            }
            continue;
        }
        if !acquire(env, &stored, invocation).await? {
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

async fn load<C, R: Records, B>(env: &Env<C, R, B>, id: &MigrationId) -> Result<Stored, StageError> {
    env.records.load(id).await?.ok_or_else(|| StageError::UnknownMigration(id.clone()))
}

async fn acquire<C, R: Records, B>(
    env: &Env<C, R, B>,
    stored: &Stored,
    invocation: &Invocation,
) -> Result<bool, StageError> {
    let lease =
        Lease { holder: invocation.request_id.clone(), until: invocation.deadline.saturating_add(LEASE_MARGIN) };
    Ok(env.records.acquire(stored, &lease).await?)
}

/// A row is looked at within a minute or two of its time. When it is this much later, nobody could look (Function
/// Compute, EventBridge or Tablestore were away): that is no time of the stage's, and the guest has had no chance to
/// answer.
const OVERSLEPT: Millis = 300_000;

fn watched(record: &Record, now: Millis) -> Record {
    let mut record = record.clone();
    let late = record.look_at.map_or(0, |at| now - at);
    if late > OVERSLEPT {
        tracing::warn!(migration_id = %record.id, minutes = late / 60_000, "nobody has looked for long");
        record.memo.unwatched += late;
    }
    record
}

/// What came of a person's wish.
#[derive(Clone, Debug, PartialEq)]
pub enum Wished {
    /// It was decided; the migration stands so.
    Decided(Box<Record>),
    /// Somebody acts on the migration right now; it is answered as soon as that is over.
    Noted,
    /// Another wish waits already.
    AnotherWaits,
}

/// A person wants something of a migration. It is written down first, so that nothing that happens afterwards
/// can lose it.
pub async fn wish<C, R: Records, B: Bus>(
    env: &Env<C, R, B>,
    id: &MigrationId,
    wish: &Wish,
    invocation: &Invocation,
) -> Result<Wished, StageError> {
    load(env, id).await?;
    if !env.records.wish(id, wish, (env.clock)()).await? {
        return Ok(Wished::AnotherWaits);
    }
    if !settle(env, id, invocation).await? {
        return Ok(Wished::Noted);
    }
    Ok(Wished::Decided(Box::new(load(env, id).await?.record)))
}

/// Answers the wish that waits at a migration, if there is one; false when somebody else must do it.
pub async fn settle<C, R: Records, B: Bus>(
    env: &Env<C, R, B>,
    id: &MigrationId,
    invocation: &Invocation,
) -> Result<bool, StageError> {
    for _ in 0..ROUNDS {
        let stored = load(env, id).await?;
        if stored.wish.is_none() {
            return Ok(true);
        }
        if stored.is_leased((env.clock)()) {
            return Ok(false);
        }
        answer(env, &stored, invocation).await?;
    }
    Ok(false)
}

/// Decides the wish of a row that nobody holds; does nothing when somebody was faster.
async fn answer<C, R: Records, B: Bus>(
    env: &Env<C, R, B>,
    stored: &Stored,
    invocation: &Invocation,
) -> Result<(), StageError> {
    let Some(wish) = stored.wish.clone() else { return Ok(()) };
    if !acquire(env, stored, invocation).await? {
        return Ok(());
    }
    let before = &stored.record;
    let now = (env.clock)();
    let wish = match wish {
        Ok(wish) => wish,
        Err(problem) => {
            // A newer version's. It must not keep out the next one; the person sees it and says it again.
            tracing::error!(migration_id = %before.id, problem, "a wish is unreadable, it is dropped");
            let noted = exhibit(before, &format!("a wish was unreadable and was dropped: {problem}"), Vec::new(), now);
            return commit(env, stored, noted, invocation, true).await.map(drop);
        }
    };
    let (name, by) = (wish.name(), wish.by().to_owned());
    let wanted = decide(before, Event::Wished(wish), now);
    let revives = before.stage().is_none() && wanted.record.stage().is_some();
    // The lock before the commit, and under the lease: should this invocation die here, the wish is still there,
    // and whoever comes next finds the lock its own.
    let free = !revives || env.records.lock(&before.instance_id, &before.id, wanted.record.tries).await?;
    let decision = if free {
        wanted
    } else {
        exhibit(before, &format!("{name} by {by} was not done: another migration holds the instance"), Vec::new(), now)
    };
    tracing::info!(
        migration_id = %before.id, instance_id = before.instance_id, request_id = invocation.request_id, wish = name, by,
        before = ?before.state, after = ?decision.record.state, "answered a wish"
    );
    commit(env, stored, decision, invocation, true).await.map(drop)
}

/// Answers the count of pokes at the commit, and whether the stage wants to go on at once; None when the
/// lease was lost.
async fn act_and_commit<A: Act, C: Cloud, R: Records, B: Bus>(
    env: &Env<C, R, B>,
    stage: &A,
    stored: &Stored,
    invocation: &Invocation,
) -> Result<Option<(i64, bool)>, StageError> {
    let now = (env.clock)();
    let before = &watched(&stored.record, now);
    let limit = time_to_act(invocation.deadline - now);
    let past = match A::LOOKS_BACK {
        true => {
            let known = env.records.timings(&timing_path(before, before.hop, A::STAGE)).await;
            // For the progress only: nothing waits for it.
            known.unwrap_or_else(|error| {
                tracing::warn!(migration_id = %before.id, %error, "past runs cannot be read");
                Vec::new()
            })
        }
        false => Vec::new(),
    };
    let mut job = Job::new(&env.cloud, before, now, &env.guest, &env.options, limit / 2);
    job.past = &past;
    // Whatever was done before is no work of this stage.
    drop(env.cloud.take_calls());
    let event = match held_back(env, before).await? {
        Some(event) => event,
        None => match tokio::time::timeout(limit, stage.act(&mut job)).await {
            Ok(Ok(event)) => event,
            Ok(Err(fault)) => Event::Faulted(reported(&fault, before)),
            Err(_) => {
                let text = format!("no answer within {} s", limit.as_secs());
                Event::Faulted(Cause::transient(Code::CloudCall, text))
            }
        },
    };
    let mut record = before.clone();
    record.memo = std::mem::take(&mut job.memo);
    record.changed = std::mem::take(&mut job.changed);
    let exhibits = std::mem::take(&mut job.exhibits);
    let now = (env.clock)();
    let kept = if exhibits.is_empty() {
        Decision { record, effects: Vec::new() }
    } else {
        exhibit(&record, "evidence was kept", exhibits, now)
    };
    let mut decision = decide(&kept.record, event, now);
    decision.effects.splice(0..0, kept.effects);
    let decision = account(decision, env.cloud.take_calls(), now);
    tracing::info!(
        migration_id = %before.id, instance_id = before.instance_id, stage = A::STAGE.name(),
        request_id = invocation.request_id, before = ?before.state, after = ?decision.record.state,
        note = decision.record.note, "decided"
    );
    let proceed = decision.record.stage() == Some(A::STAGE) && decision.record.look_at.is_some_and(|at| at <= now);
    let poke = commit(env, stored, decision, invocation, false).await?;
    Ok(poke.map(|poke| (poke, proceed)))
}

/// Writes what the cloud was made to do into the history: into the step that was made of it, or one of its own.
fn account(mut decision: Decision, calls: Vec<Call>, now: Millis) -> Decision {
    if calls.is_empty() {
        return decision;
    }
    if !decision.effects.iter().any(|effect| matches!(effect, Effect::Note(_))) {
        let noted = exhibit(&decision.record, "the cloud was told what to do", Vec::new(), now);
        decision.effects.extend(noted.effects);
        decision.record = noted.record;
    }
    for effect in decision.effects.iter_mut().rev() {
        if let Effect::Note(step) = effect {
            step.calls = calls;
            break;
        }
    }
    decision
}

/// What the batch says before anything irreversible is done: it was stopped, or it is not this one's turn yet.
async fn held_back<C, R: Records, B>(env: &Env<C, R, B>, record: &Record) -> Result<Option<Event>, StageError> {
    let Some(batch) = &record.batch else { return Ok(None) };
    let early = matches!(record.stage(), Some(Stage::Precheck | Stage::Assess | Stage::Prepare | Stage::Snapshot));
    let may_stop = early && batch.stop_after_failures > 0;
    let may_wait = record.stage() == Some(Stage::Precheck) && batch.max_concurrent > 0;
    if !may_stop && !may_wait {
        return Ok(None);
    }
    let members = env.records.members(&batch.id).await?;
    let failed = members.iter().filter(|member| member.outcome.is_some_and(Outcome::is_failure)).count();
    let failures = u32::try_from(failed).unwrap_or(u32::MAX);
    if may_stop && failures >= batch.stop_after_failures {
        return Ok(Some(Event::Halted { failures }));
    }
    // Everybody counts alike, so nobody needs to be told that it is its turn.
    let before =
        |member: &&Member| member.outcome.is_none() && (member.place, &member.migration_id) < (batch.place, &record.id);
    let limit = usize::try_from(batch.max_concurrent).unwrap_or(usize::MAX);
    let ahead = (members.iter().filter(before).count() + 1).saturating_sub(limit);
    Ok((may_wait && ahead > 0).then_some(Event::Queued { ahead }))
}

/// Stores a decision under the lease, and publishes what follows from it; None when the lease was lost.
async fn commit<C, R: Records, B: Bus>(
    env: &Env<C, R, B>,
    stored: &Stored,
    decision: Decision,
    invocation: &Invocation,
    answered: bool,
) -> Result<Option<i64>, StageError> {
    let now = (env.clock)();
    let Decision { record, effects } = decision;
    let mut outbox = stored.outbox.clone();
    if record.stage().is_some() {
        // What let the instance go when it was over must not let it go now that it lives again.
        // Nor must its batch count it as over.
        outbox.retain(|item| match item {
            Outgoing::Release { instance_id, .. } => *instance_id != record.instance_id,
            Outgoing::Member(_) => false,
            _ => true,
        });
    }
    let old = outbox.len();
    outbox.extend(outgoing(&record, stored.version, effects, env, &invocation.request_id));
    let fresh = outbox.len() > old;
    let kept = if fresh { outbox.as_slice() } else { &[] };
    let form = Commit { holder: &invocation.request_id, outbox: kept, resend_at: now + RESEND_AFTER, answered };
    let poke = env.records.commit(stored, &record, &form).await?;
    if poke.is_some() && fresh {
        publish_or_keep(env, &record.id, stored.outbox_seq + 1, &outbox).await;
    }
    Ok(poke)
}

fn reported(fault: &Fault, record: &Record) -> Cause {
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
pub(crate) fn outgoing<C, R, B>(
    record: &Record,
    version: i64,
    effects: Vec<Effect>,
    env: &Env<C, R, B>,
    request_id: &str,
) -> Vec<Outgoing> {
    let (event_bus, now) = (env.event_bus.as_str(), (env.clock)());
    let mut outbox = Vec::new();
    for (number, effect) in effects.into_iter().enumerate() {
        // The same decision gives the same ids: a duplicate can be told.
        let id = format!("{}-{version}-{number}", record.id);
        match effect {
            Effect::Request(stage) => {
                outbox.push(stored_event(&bus::stage_requested(event_bus, id, &record.id, stage, now)))
            }
            Effect::Note(mut step) => {
                step.request_id = request_id.to_owned();
                outbox.push(Outgoing::Step(step));
            }
            Effect::Hold(instance_id) => outbox.push(Outgoing::Hold { instance_id, tries: record.tries }),
            Effect::Release(instance_id) => outbox.push(Outgoing::Release { instance_id, tries: record.tries }),
            Effect::Rejoin => outbox.extend(Member::of(record, None).map(Outgoing::Member)),
            Effect::Announce(notice) => {
                match notice {
                    Notice::Entered(_) => outbox.extend(took(record, now, &id)),
                    Notice::Ended(outcome) => {
                        outbox.extend(took(record, now, &id));
                        outbox.extend(Member::of(record, Some(outcome)).map(Outgoing::Member));
                    }
                    Notice::Awaiting => {}
                }
                outbox.push(stored_event(&bus::notice(event_bus, id, record, notice, now)));
            }
        }
    }
    outbox
}

/// How long the stage took that was left, for those that come later; None when it failed or waited for a person.
fn took(record: &Record, now: Millis, id: &str) -> Option<Outgoing> {
    let timing = record.timings.last().filter(|timing| timing.ordinary)?;
    let path = timing_path(record, timing.hop, timing.stage);
    // As many digits in every time: their order as text is their order as numbers.
    let occasion = format!("{:019}-{id}", Millis::MAX - now);
    Some(Outgoing::Took { path, occasion, took: timing.took - observed(record, timing.stage) })
}

/// How long a stage only watches because the policy says so: that is known beforehand, not learnt.
pub fn observed(record: &Record, stage: Stage) -> Millis {
    match stage {
        Stage::Verify => Millis::from(record.policy.observe_minutes) * 60_000,
        _ => 0,
    }
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
            // A clone is nobody else's: should the lock be there, it is this migration's from the last time.
            Outgoing::Hold { instance_id, tries } => drop(env.records.lock(instance_id, id, *tries).await?),
            Outgoing::Release { instance_id, tries } => env.records.unlock(instance_id, id, *tries).await?,
            Outgoing::Member(member) => env.records.put_member(member).await?,
            Outgoing::Took { path, occasion, took } => env.records.put_timing(path, occasion, *took).await?,
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
    tell(env, id, &events).await?;
    Ok(env.records.sent(id, seq).await?)
}

/// Publishes events; one that can never be sent (beyond EventBridge's limits) does not keep the others.
async fn tell<C, R: Records, B: Bus>(
    env: &Env<C, R, B>,
    id: &MigrationId,
    events: &[CloudEvent],
) -> Result<(), StageError> {
    let failed = |source| StageError::Bus { id: id.clone(), source };
    if events.is_empty() {
        return Ok(());
    }
    match env.bus.publish(events).await {
        Err(error) if matches!(error.kind, ErrorKind::Invalid(_)) => {}
        published => return published.map_err(failed),
    }
    for event in events {
        match env.bus.publish(std::slice::from_ref(event)).await {
            Err(error) if matches!(error.kind, ErrorKind::Invalid(_)) => {
                tracing::error!(migration_id = %id, event_id = event.id, %error, "an event can never be sent, it is dropped");
            }
            published => published.map_err(failed)?,
        }
    }
    Ok(())
}
