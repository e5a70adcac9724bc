//! Questions about instances, before anything is opened.

use std::collections::{BTreeMap, BTreeSet};

use fc_runtime::http_trigger::HttpResponse;
use migration::eol::Day;
use migration::findings::judge_cloud;
use migration::os::{Os, System};
use migration::path::{common_destinations, destinations, route};
use migration::plan::way;
use migration::policy::Policy;
use openapi::ecs::Instance;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stage::Fault;
use stage::bus::Bus;
use stage::cloud::Cloud;
use stage::records::Records;
use stage::survey::{name, survey, system};

use crate::Console;
use crate::answer::{Refusal, reply};

/// Most instances of one request.
pub const MOST: usize = 1000;

/// Body of POST /prechecks and POST /destinations.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Instances {
    instances: Vec<String>,
    /// `Anolis OS 8`; the preferred destination of each when not given.
    #[serde(default)]
    target: Option<String>,
}

/// Ids that are none, or none at all, or too many, or one twice.
pub fn check_ids<'a>(ids: impl Iterator<Item = &'a str>) -> Result<(), Refusal> {
    let mut known = BTreeSet::new();
    for id in ids {
        let rest = id.strip_prefix("i-").unwrap_or_default();
        if rest.is_empty()
            || id.len() > 64
            || !rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        {
            return Err(Refusal::Bad(format!("{id:?} is not an instance id")));
        }
        if !known.insert(id) {
            return Err(Refusal::Bad(format!("{id} is named twice")));
        }
    }
    match known.len() {
        0 => Err(Refusal::Bad("no instance is named".into())),
        n if n > MOST => Err(Refusal::Bad(format!("{n} instances are named, at most {MOST} are answered at once"))),
        _ => Ok(()),
    }
}

/// An operating system by its name.
pub fn os_of(target: &str) -> Result<Os, Refusal> {
    Os::destination(target).map_err(|why| Refusal::Bad(format!("{target:?} is {why}")))
}

/// What an instance runs, or why that is not known.
pub fn known(instance: Option<&Instance>, id: &str) -> Result<System, String> {
    let Some(instance) = instance else {
        return Err(format!("instance {id} is not listed: it does not exist in this region, or may not be seen"));
    };
    system(instance).ok_or_else(|| {
        format!("the operating system {:?} is unknown; tag the instance osferry:os=<name version>", name(instance))
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Destination {
    os: String,
    /// Of the first instance.
    hops: Vec<Value>,
}

impl<C: Cloud, R: Records, B: Bus, F> Console<'_, C, R, B, F> {
    /// POST /prechecks: what the cloud tells of each instance, judged.
    pub async fn prechecks(&self, asked: &Instances) -> Result<HttpResponse, Refusal> {
        check_ids(asked.instances.iter().map(String::as_str))?;
        let target = asked.target.as_deref().map(os_of).transpose()?;
        let own = self.policy()?;
        let policy = Policy { target: target.or_else(|| own.target.clone()), ..own.clone() };
        let grants = self.env.options.grants();
        let now = (self.env.clock)();
        let mut survey = survey(&self.env.cloud, &asked.instances, &self.env.options).await?;
        let judged = |id: &String| match survey.remove(id) {
            None => json!({ "instanceId": id, "error": "was not looked at" }),
            Some(Err(why)) => json!({ "instanceId": id, "error": why }),
            Some(Ok(seen)) => {
                let system = seen.facts.system.as_ref();
                let hops = system.and_then(|system| route(system, policy.target.as_ref(), &grants).ok());
                let hops = hops.unwrap_or_default();
                let findings = judge_cloud(&seen.facts, &hops, &policy, &grants, now);
                let (calendar, today) = (&self.env.options.calendar, Day::of(now));
                let refused = system.and_then(|system| calendar.refuses(system, policy.target.as_ref(), today));
                json!({
                    "instanceId": id,
                    "name": seen.instance.instance_name,
                    "system": system.map(ToString::to_string),
                    "support": system.map(|system| calendar.phase(&system.os, today)),
                    "lastDayOfSupport": system.and_then(|system| calendar.life(&system.os)?.last_day()),
                    "hops": way(&hops),
                    "passed": refused.is_none() && !findings.iter().any(migration::Finding::blocks),
                    "refused": refused,
                    "findings": findings,
                })
            }
        };
        let prechecks: Vec<Value> = asked.instances.iter().map(judged).collect();
        Ok(reply(200, &json!({ "prechecks": prechecks })))
    }

    /// POST /destinations: where each instance can go, and where all of them can.
    pub async fn destinations(&self, asked: &Instances) -> Result<HttpResponse, Refusal> {
        check_ids(asked.instances.iter().map(String::as_str))?;
        let grants = self.env.options.grants();
        let listed = self.listed(&asked.instances).await?;
        let mut systems = Vec::new();
        let mut each = Vec::new();
        for id in &asked.instances {
            match known(listed.get(id), id) {
                Err(why) => each.push(json!({ "instanceId": id, "error": why })),
                Ok(system) => {
                    let names: Vec<String> = destinations(&system, &grants).iter().map(ToString::to_string).collect();
                    each.push(json!({
                        "instanceId": id,
                        "system": system.to_string(),
                        "destinations": names,
                        "preferred": route(&system, None, &grants).ok().and_then(|hops| Some(hops.last()?.to.to_string())),
                        "why": route(&system, None, &grants).err().map(|error| error.to_string()),
                    }));
                    systems.push(system);
                }
            }
        }
        // One that is not known can go nowhere, so nowhere is where all can go.
        let common = if systems.len() == each.len() { common_destinations(&systems, &grants) } else { Vec::new() };
        let common: Vec<Destination> = common
            .into_iter()
            .map(|os| {
                let hops = systems.first().and_then(|system| route(system, Some(&os), &grants).ok());
                Destination { os: os.to_string(), hops: way(&hops.unwrap_or_default()) }
            })
            .collect();
        Ok(reply(200, &json!({ "common": common, "instances": each })))
    }

    /// The instances of these ids that are listed.
    pub async fn listed(&self, ids: &[String]) -> Result<BTreeMap<String, Instance>, Refusal> {
        let listed = self.env.cloud.instances_by_id(ids).await.map_err(Fault::from)?;
        Ok(listed.into_iter().map(|instance| (instance.instance_id.clone(), instance)).collect())
    }
}
