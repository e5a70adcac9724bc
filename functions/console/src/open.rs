//! POST /migrations: opens migrations, one or a batch.

use fc_runtime::http_trigger::HttpResponse;
use migration::eol::Day;
use migration::os::{Os, System};
use migration::path::route;
use migration::plan::way;
use migration::policy::{Mode, Policy, Probe};
use migration::{BatchRef, MigrationId, Record};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use stage::StageError;
use stage::bus::Bus;
use stage::cloud::Cloud;
use stage::lanes::side_by_side;
use stage::open::{Opened, open};
use stage::records::Records;

use crate::Console;
use crate::answer::{Refusal, reply};
use crate::instances::{check_ids, known, os_of};

/// Body of POST /migrations.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Opening {
    instances: Vec<Wanted>,
    /// Destination of those that name none.
    #[serde(default)]
    target: Option<String>,
    /// What to do, in place of the policy's mode.
    #[serde(default)]
    mode: Option<Mode>,
    /// Fields of the policy that differ from the function's own.
    #[serde(default)]
    policy: Map<String, Value>,
    /// After so many failures those that have changed nothing yet stop; 0: they go on.
    #[serde(default)]
    stop_after_failures: u32,
    /// So many are under way at once, in the order of `instances`; 0: all of them.
    #[serde(default = "usual_concurrency")]
    max_concurrent: u32,
    /// `b-` and 20 hex digits: to add to a batch, or to repeat a request whose answer got lost.
    #[serde(default)]
    batch: Option<String>,
}

/// So many at once unless the request says otherwise: what snapshots, commands and disks of as many instances ask of
/// ECS stays within the usual quotas of its API, and a fault that hits all shows before all are hit.
fn usual_concurrency() -> u32 {
    100
}

/// An instance, by its id alone or with a destination of its own.
#[derive(Deserialize)]
#[serde(untagged)]
enum Wanted {
    Id(String),
    Own(Own),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    id: String,
    #[serde(default)]
    target: Option<String>,
}

impl Wanted {
    fn id(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::Own(own) => &own.id,
        }
    }

    fn target(&self) -> Option<&str> {
        match self {
            Self::Id(_) => None,
            Self::Own(own) => own.target.as_deref(),
        }
    }
}

/// A batch's id: `b-` and 20 hex digits, as a migration's.
pub fn batch_id(text: &str) -> Result<String, Refusal> {
    let digits = text.strip_prefix("b-").and_then(|digits| format!("m-{digits}").parse::<MigrationId>().ok());
    digits.map(|_| text.to_owned()).ok_or_else(|| Refusal::Bad(format!("{text:?} is not a batch id")))
}

/// What became of one instance.
enum Came {
    Opened(MigrationId, System, Value),
    Already(MigrationId),
    Problem(String),
}

impl<C: Cloud, R: Records, B: Bus, F: Fn() -> std::io::Result<[u8; 10]>> Console<'_, C, R, B, F> {
    /// Opens what can be opened, and says why the rest cannot. Repeated, it opens nothing twice.
    pub async fn open(&self, actor: &str, asked: &Opening) -> Result<HttpResponse, Refusal> {
        check_ids(asked.instances.iter().map(Wanted::id))?;
        let policy = self.policy_of(asked)?;
        let mut targets: Vec<Option<Os>> = Vec::new();
        for wanted in &asked.instances {
            let target = wanted.target().or(asked.target.as_deref());
            targets.push(target.map(os_of).transpose()?.or_else(|| policy.target.clone()));
        }
        let batch = BatchRef {
            id: match &asked.batch {
                Some(id) => batch_id(id)?,
                None => MigrationId::from_bytes(self.bytes()?).as_str().replacen("m-", "b-", 1),
            },
            stop_after_failures: asked.stop_after_failures,
            max_concurrent: asked.max_concurrent,
            // Those that are added later come later.
            place: self.now() * 1000,
        };
        let ids: Vec<String> = asked.instances.iter().map(|wanted| wanted.id().to_owned()).collect();
        let listed = self.listed(&ids).await?;
        let came = side_by_side(ids.len(), async |index: usize| {
            let policy = Policy { target: targets[index].clone(), ..policy.clone() };
            match known(listed.get(&ids[index]), &ids[index]) {
                Err(why) => Ok(Came::Problem(why)),
                Ok(system) => {
                    let place = batch.place + i64::try_from(index).unwrap_or(0);
                    let batch = BatchRef { place, ..batch.clone() };
                    self.open_one(actor, &ids[index], system, policy, batch).await
                }
            }
        })
        .await;

        let (mut opened, mut already, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        for (id, came) in ids.iter().zip(came) {
            match came {
                Ok(Came::Opened(migration, system, hops)) => opened.push(json!({
                    "instanceId": id, "migrationId": migration, "system": system.to_string(), "hops": hops,
                })),
                Ok(Came::Already(migration)) => already.push(json!({ "instanceId": id, "migrationId": migration })),
                Ok(Came::Problem(why)) => problems.push(json!({ "instanceId": id, "error": why })),
                // The others are opened all the same.
                Err(error) => {
                    problems.push(json!({ "instanceId": id, "error": error.to_string(), "code": error.code() }))
                }
            }
        }
        tracing::info!(
            request_id = self.invocation.request_id,
            actor,
            batch_id = batch.id,
            opened = opened.len(),
            already = already.len(),
            problems = problems.len(),
            "a batch was opened"
        );
        let status = if opened.is_empty() && already.is_empty() { 422 } else { 202 };
        Ok(reply(status, &json!({ "batch": batch.id, "opened": opened, "alreadyOpen": already, "problems": problems })))
    }

    async fn open_one(
        &self,
        actor: &str,
        instance_id: &str,
        system: System,
        policy: Policy,
        batch: BatchRef,
    ) -> Result<Came, StageError> {
        let now = self.now();
        let calendar = &self.env.options.calendar;
        if let Some(why) = calendar.refuses(&system, policy.target.as_ref(), Day::of(now)) {
            return Ok(Came::Problem(why));
        }
        let hops = match route(&system, policy.target.as_ref(), &self.env.options.grants()) {
            Ok(hops) => hops,
            Err(error) => return Ok(Came::Problem(error.to_string())),
        };
        let id = match self.bytes() {
            Ok(bytes) => MigrationId::from_bytes(bytes),
            Err(refusal) => return Ok(Came::Problem(refusal.to_string())),
        };
        let hops_told = Value::from(way(&hops));
        let mut record = Record::new(id, instance_id.to_owned(), policy, hops, now);
        record.system = Some(system.clone());
        record.opened_by = actor.to_owned();
        record.batch = Some(batch);
        Ok(match open(self.env, record, now, &self.invocation.request_id).await? {
            Opened::New(id) => Came::Opened(id, system, hops_told),
            Opened::Already(id) => Came::Already(id),
        })
    }

    fn bytes(&self) -> Result<[u8; 10], Refusal> {
        (self.random)().map_err(|error| Refusal::Configuration(format!("no random bytes: {error}")))
    }

    /// The function's policy, and what the request says otherwise.
    fn policy_of(&self, asked: &Opening) -> Result<Policy, Refusal> {
        let bad = |what: String| Refusal::Bad(format!("policy: {what}"));
        let own = self.policy()?;
        let mut fields = match serde_json::to_value(own) {
            Ok(Value::Object(fields)) => fields,
            _ => return Err(Refusal::Configuration("the function's policy is not an object".into())),
        };
        if asked.policy.contains_key("target") {
            return Err(bad("the target is named beside the policy, as \"target\": \"Anolis OS 8\"".into()));
        }
        fields.extend(asked.policy.clone());
        let mut policy: Policy = serde_json::from_value(fields.into()).map_err(|error| bad(error.to_string()))?;
        policy.mode = asked.mode.unwrap_or(policy.mode);
        // Whoever may ask for a migration must not thereby run commands on the instance.
        if policy.probes.iter().any(|probe| matches!(probe, Probe::Command(_)) && !own.probes.contains(probe)) {
            return Err(bad("probes that are commands stand in the function's own settings only".into()));
        }
        let options = &self.env.options;
        if policy.mode.drills() && (options.drill_vswitch.is_none() || options.drill_security_group.is_none()) {
            return Err(bad("no drill can be held: DRILL_VSWITCH and DRILL_SECURITY_GROUP are not set".into()));
        }
        if own.acknowledge && !policy.acknowledge {
            return Err(
                bad("acknowledge is demanded by the function's own settings: it cannot be switched off".into()),
            );
        }
        if let Some(problem) = policy.problem() {
            return Err(bad(problem));
        }
        Ok(policy)
    }
}
