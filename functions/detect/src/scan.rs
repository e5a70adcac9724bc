//! One look at everything.

use std::collections::BTreeSet;
use std::fmt;

use migration::eol::Day;
use migration::os::System;
use migration::path::route;
use migration::policy::{BadTag, Policy, TAG};
use migration::{Code, MigrationId, Millis, Record, State};
use openapi::ecs::Instance;
use stage::bus::Bus;
use stage::cloud::Cloud;
use stage::open::{Opened, open};
use stage::records::Records;
use stage::survey::{millis, name, system, tagged_os};
use stage::{Env, Fault, StageError, release};

use crate::fleet::{Fleet, Line};
use crate::identify::{Identities, identify};
use crate::tell::tell;

/// Who opens what detect opens.
const ACTOR: &str = "detect";

/// An instance that started less than this ago may still get its Cloud Assistant, milliseconds: the first boot of a
/// Windows image takes several minutes. Whether one comes later, the precheck tells.
const GRACE: Millis = 30 * 60 * 1000;

/// Instances that DescribeInstances takes at once.
const AT_ONCE: usize = 100;

/// When and why a scan is made.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// The time.
    pub now: Millis,
    /// The invocation's.
    pub request_id: &'a str,
    /// The timer or a person wants to know: everything in the region is counted, and what was found is published. What
    /// an event wakes only opens, for it may be woken often.
    pub whole: bool,
}

/// What a scan found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Tagged instances.
    pub seen: usize,
    /// Migrations opened now.
    pub opened: Vec<MigrationId>,
    /// Instances whose migration is under way.
    pub already: usize,
    /// Instances that are on their way up: the first heartbeat of their Cloud Assistant, or the next scan, opens them.
    pub starting: usize,
    /// Instances that could not be judged, and why.
    pub problems: Vec<Problem>,
    /// Snapshots that were kept long enough and are deleted.
    pub expired: usize,
    /// What the region runs, the worst first; None when only tagged instances were looked at.
    pub eol: Option<Vec<Line>>,
}

/// Why an instance that asks for a migration gets none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// `i-…`
    pub instance_id: String,
    /// In a word, which is the same as long as the problem is.
    pub kind: &'static str,
    /// For a person.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.instance_id, self.text)
    }
}

/// Why a scan broke off. What was opened stays open; the next scan goes on.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// ECS.
    #[error(transparent)]
    Cloud(#[from] Fault),
    /// Records or events.
    #[error(transparent)]
    Stage(#[from] Box<StageError>),
    /// No randomness for an id.
    #[error("no random bytes: {0}")]
    Random(#[from] std::io::Error),
}

impl ScanError {
    /// Its stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Cloud(fault) => fault.cause().code,
            Self::Stage(error) => error.code(),
            Self::Random(_) => Code::Configuration,
        }
    }
}

/// Looks at every tagged instance, and opens what is asked for. `pause` waits between two looks at guests that were
/// asked what they run; when it answers false, they are not waited for any longer.
///
/// # Errors
///
/// For what concerns every instance: they cannot be listed, Tablestore cannot be used. What concerns one instance is its
/// problem.
pub async fn scan<C: Cloud, R: Records, B: Bus>(
    env: &Env<C, R, B>,
    policy: &Policy,
    occasion: &Occasion<'_>,
    new_id: impl Fn() -> std::io::Result<MigrationId>,
    pause: impl AsyncFn() -> bool,
) -> Result<Scan, ScanError> {
    let mut look = Look { env, policy, occasion, new_id, scan: Scan::default() };
    // Before anything that may break off. ECS keeps the snapshots of a group for ever.
    match release::expired_snapshots(&env.cloud, occasion.now).await {
        Ok(count) => look.scan.expired = count,
        Err(fault) => tracing::warn!(error = %fault, "expired snapshots are not deleted"),
    }
    let mut fleet = Fleet::default();
    let mut unsure = Vec::new();
    let mut token = None;
    loop {
        let tag = (!occasion.whole).then_some(TAG);
        let (page, next) = env.cloud.instances(tag, token).await.map_err(Fault::from)?;
        page.iter().for_each(|instance| fleet.count(instance));
        let (ask, sure): (Vec<_>, Vec<_>) = look.ready(page).await?.into_iter().partition(must_ask);
        look.open_all(&sure, &Identities::new()).await?;
        unsure.extend(ask);
        token = next;
        if token.is_none() {
            break;
        }
    }
    // All of them at once: however long one does not answer, the others are waited for no longer.
    let identities = identify(&env.cloud, &unsure, occasion.request_id, pause).await;
    for chunk in unsure.chunks(AT_ONCE) {
        look.open_all(chunk, &identities).await?;
    }
    let mut scan = look.scan;
    if occasion.whole {
        scan.eol = Some(fleet.lines(&env.options.calendar, Day::of(occasion.now)));
        tell(env, &scan, occasion).await;
    }
    Ok(scan)
}

/// A scan under way.
struct Look<'a, C, R, B, F> {
    env: &'a Env<C, R, B>,
    policy: &'a Policy,
    occasion: &'a Occasion<'a>,
    new_id: F,
    scan: Scan,
}

impl<C: Cloud, R: Records, B: Bus, F: Fn() -> std::io::Result<MigrationId>> Look<'_, C, R, B, F> {
    /// Those of a page that ask for a migration, have none, and can be looked at.
    async fn ready(&mut self, page: Vec<Instance>) -> Result<Vec<Instance>, ScanError> {
        let mut free = Vec::new();
        for instance in page.into_iter().filter(is_tagged) {
            self.scan.seen += 1;
            match wishes(self.policy, &instance) {
                Ok(None) => continue,
                Err(error) => {
                    self.problem(&instance.instance_id, "tags", error.to_string());
                    continue;
                }
                Ok(Some(_)) => {}
            }
            match held(self.env, &instance.instance_id).await {
                Ok(Held::Free) => free.push(instance),
                Ok(Held::UnderWay) => self.scan.already += 1,
                Ok(Held::Over(why)) => self.problem(&instance.instance_id, "locked", why),
                Err(error) => self.failed(&instance.instance_id, error)?,
            }
        }
        let starting = starting(&self.env.cloud, &free, self.occasion.now).await;
        self.scan.starting += starting.len();
        free.retain(|instance| !starting.contains(&instance.instance_id));
        Ok(free)
    }

    /// Opens what is asked for on instances whose lock was seen to be free.
    async fn open_all(&mut self, instances: &[Instance], identities: &Identities) -> Result<(), ScanError> {
        let ids: Vec<String> = instances.iter().map(|instance| instance.instance_id.clone()).collect();
        // Read again: a migration that ended since the list was made has changed the tags before it let go.
        for instance in &self.env.cloud.instances_by_id(&ids).await.map_err(Fault::from)? {
            let id = &instance.instance_id;
            let Ok(Some(policy)) = wishes(self.policy, instance) else { continue };
            if must_ask(instance) && !identities.contains_key(id) {
                // Its tags have changed just now: the next scan asks it.
                continue;
            }
            let system = match self.judge(instance, identities, &policy) {
                Ok(system) => system,
                Err((kind, text)) => {
                    self.problem(id, kind, text);
                    continue;
                }
            };
            // Without a route the precheck refuses, and says what is offered.
            let hops = route(&system, policy.target.as_ref(), &self.env.options.grants()).unwrap_or_default();
            let now = self.occasion.now;
            let mut record = Record::new((self.new_id)()?, id.clone(), policy, hops, now);
            record.opened_by = ACTOR.into();
            record.system = Some(system.clone());
            match open(self.env, record, now, self.occasion.request_id).await {
                Ok(Opened::New(migration)) => {
                    tracing::info!(migration_id = %migration, instance_id = id, %system, "opened");
                    self.scan.opened.push(migration);
                }
                Ok(Opened::Already(_)) => self.scan.already += 1,
                Err(error) => self.failed(id, error)?,
            }
        }
        Ok(())
    }

    /// The system to be migrated, or why it is not.
    fn judge(
        &self,
        instance: &Instance,
        identities: &Identities,
        policy: &Policy,
    ) -> Result<System, (&'static str, String)> {
        let system = match (identities.get(&instance.instance_id), system(instance)) {
            (Some(Ok(system)), _) => system.clone(),
            (None, Some(system)) => system,
            (Some(Err(why)), Some(told)) => {
                let text = format!("its tag says {told}, and the guest cannot be asked whether that is so: {why}");
                return Err(("unsure", text));
            }
            (why, None) => {
                let why = why.and_then(|why| why.as_ref().err()).map(|why| format!(": {why}")).unwrap_or_default();
                let text = format!("the operating system {:?} is unknown, also to the guest{why}", name(instance));
                return Err(("unknown-system", text));
            }
        };
        let today = Day::of(self.occasion.now);
        let refused = self.env.options.calendar.refuses(&system, policy.target.as_ref(), today);
        refused.map_or(Ok(system), |text| Err(("in-support", text)))
    }

    fn problem(&mut self, instance_id: &str, kind: &'static str, text: String) {
        tracing::warn!(instance_id, kind, problem = text, "cannot be judged");
        self.scan.problems.push(Problem { instance_id: instance_id.to_owned(), kind, text });
    }

    /// A row that cannot be used is its instance's problem; everything else is everybody's.
    fn failed(&mut self, instance_id: &str, error: StageError) -> Result<(), Box<StageError>> {
        match error {
            StageError::Records(of_one) if of_one.concerns_one_row() => {
                let error = StageError::from(of_one);
                self.problem(instance_id, "unreadable", format!("{}: {error}", error.code()));
                Ok(())
            }
            of_all => Err(Box::new(of_all)),
        }
    }
}

fn is_tagged(instance: &Instance) -> bool {
    instance.tags.iter().any(|tag| tag.key == TAG)
}

/// What its tags ask for, if anything.
fn wishes(policy: &Policy, instance: &Instance) -> Result<Option<Policy>, BadTag> {
    Policy::from_tags(policy, instance.tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())))
}

/// Whether only the guest can say what it runs: the image's name says nothing, or a tag says something else.
fn must_ask(instance: &Instance) -> bool {
    tagged_os(instance).is_some() || system(instance).is_none()
}

/// Whether an instance can be opened.
enum Held {
    /// Nobody holds it; or a lock without a record, which is what a crash left: that is opened.
    Free,
    /// Its migration is under way, or is about to let it go.
    UnderWay,
    /// Its migration is over and will not let it go; what to do.
    Over(String),
}

async fn held<C, R: Records, B>(env: &Env<C, R, B>, instance_id: &str) -> Result<Held, StageError> {
    let Some(holder) = env.records.lock_holder(instance_id).await? else { return Ok(Held::Free) };
    let Some(stored) = env.records.load(&holder).await? else { return Ok(Held::Free) };
    Ok(match stored.record.state {
        State::In(_) => Held::UnderWay,
        // The lock goes with the outbox, or a person's wish is about to begin it anew.
        State::Ended(_) if !stored.outbox.is_empty() || stored.wish.is_some() => Held::UnderWay,
        State::Ended(_) if stored.record.unclean => {
            Held::Over(format!("locked by {holder}, whose cleanup did not end: retry it"))
        }
        State::Ended(outcome) => Held::Over(format!(
            "locked by {holder}, which is over ({outcome:?}): delete the instance's row of the table locks"
        )),
    })
}

/// Those that are on their way up. They are left alone: the precheck would refuse them, and what was refused is not
/// tried again.
async fn starting<C: Cloud>(cloud: &C, instances: &[Instance], now: Millis) -> BTreeSet<String> {
    let is_young = |instance: &&Instance| {
        // The start is told to the minute, and not at all before the first one.
        let up_since = millis(&instance.start_time).max(millis(&instance.creation_time));
        instance.status == "Running" && up_since.is_some_and(|at| now - at < GRACE)
    };
    let id = |instance: &Instance| instance.instance_id.clone();
    let young: Vec<String> = instances.iter().filter(is_young).map(id).collect();
    let heard = match cloud.assistants(&young).await {
        Ok(assistants) => assistants,
        Err(error) => {
            tracing::warn!(instances = young.len(), %error, "whether new instances can be looked at is not known");
            Vec::new()
        }
    };
    let heard: BTreeSet<String> =
        heard.into_iter().filter(|assistant| assistant.running).map(|assistant| assistant.instance_id).collect();
    let between = |instance: &&Instance| matches!(instance.status.as_str(), "Pending" | "Starting" | "Stopping");
    let between = instances.iter().filter(between).map(id);
    young.into_iter().filter(|id| !heard.contains(id)).chain(between).collect()
}
