//! Finds systems at the end of their life and opens the migrations that are asked for.
//!
//! Looks at the instances that carry the tag `osferry`, page by page. What it opens is the operator's wish:
//! the policy of the function, overridden by the instance's own tags. What an instance runs, the name of its image
//! tells; where that says nothing, or a tag says otherwise, the guest itself is asked.

mod identify;

use std::cell::Cell;
use std::io::Read;
use std::time::Duration;

use fc_runtime::LambdaEvent;
use jiff::Timestamp;
use migration::eol::Day;
use migration::os::System;
use migration::path::route;
use migration::policy::{BadTag, Policy, TAG};
use migration::{Code, MigrationId, Millis, Record};
use openapi::ecs::Instance;
use serde_json::{Value, json};
use stage::bus::Bus;
use stage::cloud::Cloud;
use stage::open::{Opened, open};
use stage::records::Records;
use stage::settings::Settings;
use stage::survey::{name, system, tagged_os};
use stage::{Env, Fault, StageError, connect, release};

use identify::{Identities, identify};

/// Who opens what detect opens.
const ACTOR: &str = "detect";

/// How long guests are waited for in one scan: a question takes a second or two where the agent is well.
const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// Runs the function; what woke it does not matter: it always looks at everything.
pub async fn run() -> Result<(), fc_runtime::Error> {
    stage::serve(async |event: LambdaEvent<Value>| {
        let coded = |code: Code, error: &dyn std::fmt::Display| {
            tracing::error!(request_id = event.context.request_id, %code, %error, "no scan, or half of one");
            fc_runtime::Error::from(format!("{code}: {error}"))
        };
        if !event.payload.is_object() && !event.payload.is_array() {
            return Err(coded(Code::MalformedEvent, &"the event is neither an object nor an array"));
        }
        let env = connect(&event.context)?;
        let policy = Settings::policy_from_env().map_err(|error| coded(Code::Configuration, &error))?;
        let request_id = &event.context.request_id;
        let left = Cell::new(PATIENCE);
        let pause = async || {
            tokio::time::sleep(BETWEEN_LOOKS).await;
            left.set(left.get().saturating_sub(BETWEEN_LOOKS));
            !left.get().is_zero()
        };
        let now = Timestamp::now().as_millisecond();
        let scan = scan(&env, &policy, now, request_id, random_id, pause)
            .await
            .map_err(|error| coded(error.code(), &error))?;
        Ok(json!({
            "seen": scan.seen, "opened": scan.opened, "alreadyOpen": scan.already, "problems": scan.problems,
            "expiredSnapshots": scan.expired,
        }))
    })
    .await
}

/// An id that nobody can guess or get twice.
fn random_id() -> std::io::Result<MigrationId> {
    let mut bytes = [0; 10];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(MigrationId::from_bytes(bytes))
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
    /// Instances that could not be judged, and why.
    pub problems: Vec<String>,
    /// Snapshots that were kept long enough and are deleted.
    pub expired: usize,
}

/// Why a scan broke off. What was opened stays open; the next scan goes on.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// ECS.
    #[error(transparent)]
    Cloud(#[from] Fault),
    /// Records or events.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// No randomness for an id.
    #[error("no random bytes: {0}")]
    Random(#[from] std::io::Error),
}

impl ScanError {
    fn code(&self) -> Code {
        match self {
            Self::Cloud(fault) => fault.cause().code,
            Self::Stage(error) => error.code(),
            Self::Random(_) => Code::Configuration,
        }
    }
}

/// Looks at every tagged instance, and opens what is asked for. `pause` waits between two looks at guests that were
/// asked what they run; when it answers false, they are not waited for any longer.
pub async fn scan<C: Cloud, R: Records, B: Bus>(
    env: &Env<C, R, B>,
    policy: &Policy,
    now: Millis,
    request_id: &str,
    new_id: impl Fn() -> std::io::Result<MigrationId>,
    pause: impl AsyncFn() -> bool,
) -> Result<Scan, ScanError> {
    let mut scan = Scan::default();
    let mut token = None;
    loop {
        let (instances, next) = env.cloud.instances(TAG, token).await.map_err(Fault::from)?;
        scan.seen += instances.len();
        let mut free = Vec::new();
        for instance in &instances {
            match wishes(policy, instance) {
                Ok(None) => {}
                Err(error) => problem(&mut scan, instance, &error.to_string()),
                // One that is under way need not be asked anything.
                Ok(Some(_)) if is_open(env, instance).await? => scan.already += 1,
                Ok(Some(_)) => free.push(instance.instance_id.clone()),
            }
        }
        // Read again now that the locks were seen to be free: a migration that ended since the list was made has
        // changed the tags before it let go.
        let free = env.cloud.instances_by_id(&free).await.map_err(Fault::from)?;
        let asked: Vec<_> =
            free.iter().filter_map(|instance| Some((instance, wishes(policy, instance).ok()??))).collect();
        let unsure: Vec<&Instance> = asked.iter().map(|(instance, _)| *instance).filter(|one| must_ask(one)).collect();
        let identities = identify(&env.cloud, &unsure, request_id, &pause).await?;
        for (instance, policy) in asked {
            let system = match judge(instance, &identities, &policy, env, now) {
                Ok(system) => system,
                Err(text) => {
                    problem(&mut scan, instance, &text);
                    continue;
                }
            };
            // Without a route the precheck refuses, and says what is offered.
            let hops = route(&system, policy.target.as_ref(), &env.options.grants()).unwrap_or_default();
            let mut record = Record::new(new_id()?, instance.instance_id.clone(), policy, hops, now);
            record.opened_by = ACTOR.into();
            record.system = Some(system.clone());
            match open(env, record, now, request_id).await? {
                Opened::New(id) => {
                    tracing::info!(migration_id = %id, instance_id = instance.instance_id, %system, "opened");
                    scan.opened.push(id);
                }
                Opened::Already(_) => scan.already += 1,
            }
        }
        token = next;
        if token.is_none() {
            break;
        }
    }
    // ECS keeps the snapshots of a group for ever.
    match release::expired_snapshots(&env.cloud, now).await {
        Ok(count) => scan.expired = count,
        Err(fault) => tracing::warn!(error = %fault, "expired snapshots are not deleted"),
    }
    Ok(scan)
}

/// What its tags ask for, if anything.
fn wishes(policy: &Policy, instance: &Instance) -> Result<Option<Policy>, BadTag> {
    Policy::from_tags(policy, instance.tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())))
}

fn problem(scan: &mut Scan, instance: &Instance, text: &str) {
    tracing::warn!(instance_id = instance.instance_id, problem = text, "cannot be judged");
    scan.problems.push(format!("{}: {text}", instance.instance_id));
}

/// Whether the instance has a migration under way. A lock without a record is what a crash left: that is opened.
async fn is_open<C, R: Records, B>(env: &Env<C, R, B>, instance: &Instance) -> Result<bool, StageError> {
    match env.records.lock_holder(&instance.instance_id).await? {
        None => Ok(false),
        Some(holder) => Ok(env.records.load(&holder).await?.is_some()),
    }
}

/// Whether only the guest can say what it runs: the image's name says nothing, or a tag says something else.
fn must_ask(instance: &Instance) -> bool {
    tagged_os(instance).is_some() || system(instance).is_none()
}

/// The system to be migrated, or why it is not.
fn judge<C, R, B>(
    instance: &Instance,
    identities: &Identities,
    policy: &Policy,
    env: &Env<C, R, B>,
    now: Millis,
) -> Result<System, String> {
    let system = match (identities.get(&instance.instance_id), system(instance)) {
        (Some(Ok(system)), _) => system.clone(),
        (None, Some(system)) => system,
        (Some(Err(why)), Some(told)) => {
            return Err(format!("its tag says {told}, and the guest cannot be asked whether that is so: {why}"));
        }
        (why, None) => {
            let why = why.and_then(|why| why.as_ref().err()).map(|why| format!(": {why}")).unwrap_or_default();
            return Err(format!("the operating system {:?} is unknown, also to the guest{why}", name(instance)));
        }
    };
    let refused = env.options.calendar.refuses(&system, policy.target.as_ref(), Day::of(now));
    refused.map_or(Ok(system), Err)
}

#[cfg(test)]
mod tests;
