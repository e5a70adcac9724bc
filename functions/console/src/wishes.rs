//! POST /migrations/{id}/cancel, retry, acknowledge, rollback, and what a rollback would mean.

use fc_runtime::http_trigger::{HttpRequest, HttpResponse};
use migration::{Effect, Event, MigrationId, Millis, Record, Wish, advice, decide};
use openapi::ecs::{Disk, Instance};
use serde::Deserialize;
use serde_json::json;
use stage::bus::Bus;
use stage::cloud::Cloud;
use stage::records::Records;
use stage::release::OWNER_TAG;
use stage::{Fault, StageError, WayBack, Wished, no_way_back, stays, way_back};

use crate::answer::{Refusal, reply};
use crate::view::summary;
use crate::{Console, body};

/// Body of an acknowledgement.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Acknowledged {
    /// Of the plan that was read: `plan.digest` of GET /migrations/{id}.
    digest: String,
}

impl<C: Cloud, R: Records, B: Bus, F> Console<'_, C, R, B, F> {
    /// Writes down what a person wants and, unless somebody acts on the migration right now, does it.
    pub async fn wish(
        &self,
        actor: &str,
        id: &MigrationId,
        name: &str,
        request: &HttpRequest,
    ) -> Result<HttpResponse, Refusal> {
        let by = actor.to_owned();
        let wish = match name {
            "cancel" => Wish::Cancel { by },
            "retry" => Wish::Retry { by },
            "acknowledge" => Wish::Acknowledge { by, digest: body::<Acknowledged>(request)?.digest },
            _ => Wish::GoBack { by },
        };
        let stored = self.env.records.load(id).await?.ok_or_else(|| Refusal::Unknown(id.clone()))?;
        if let Some(why) = in_vain(&stored.record, &wish, (self.env.clock)()) {
            return Err(Refusal::Conflict(why));
        }
        if let Some(why) = self.overtaken(&stored.record).await? {
            return Err(Refusal::Conflict(why));
        }
        if matches!(wish, Wish::GoBack { .. }) {
            // A healthy machine must not become a stuck one.
            if let Some(why) = no_way_back(&stored.record, &self.ways(&stored.record).await?.1) {
                return Err(Refusal::Conflict(format!("there is no way back: {why}")));
            }
        }
        match self.grant(&stored.record, &wish).await? {
            Granted::Done(record) => {
                Ok(reply(200, &json!({ "done": true, "summary": summary(&record), "advice": advice(&record) })))
            }
            Granted::Noted => Ok(reply(
                202,
                &json!({ "done": false, "note": "the migration is being acted on; the wish is answered as soon as that is over" }),
            )),
            Granted::Not(why) => Err(Refusal::Conflict(why)),
        }
    }

    /// Carries out a wish that is worth it for the migration as it stood in `before`.
    pub(crate) async fn grant(&self, before: &Record, wish: &Wish) -> Result<Granted, StageError> {
        Ok(match stage::wish(self.env, &before.id, wish, &self.invocation).await? {
            // What begins anew has a try more than before.
            Wished::Decided(after) if before.stage().is_none() && after.tries == before.tries => {
                Granted::Not("another migration holds the instance".into())
            }
            Wished::Decided(after) => Granted::Done(after),
            Wished::Noted => Granted::Noted,
            Wished::AnotherWaits => Granted::Not("another wish waits to be answered: try again shortly".into()),
        })
    }
}

/// What came of a wish.
pub(crate) enum Granted {
    /// It was decided; the migration stands so.
    Done(Box<Record>),
    /// It is answered as soon as whoever acts on the migration is through.
    Noted,
    /// It was not done.
    Not(String),
}

impl<C: Cloud, R: Records, B: Bus, F> Console<'_, C, R, B, F> {
    /// GET /migrations/{id}/rollback: what going back would mean, before anybody asks for it.
    pub async fn preview(&self, id: &MigrationId) -> Result<HttpResponse, Refusal> {
        let stored = self.env.records.load(id).await?.ok_or_else(|| Refusal::Unknown(id.clone()))?;
        let record = &stored.record;
        let wish = Wish::GoBack { by: String::new() };
        let (attached, ways) = self.ways(record).await?;
        let mut why_not = in_vain(record, &wish, (self.env.clock)());
        if why_not.is_none() {
            why_not = self.overtaken(record).await?;
        }
        let missing = no_way_back(record, &ways);
        let goes = ways.iter().map(|way| match &way.snapshot {
            Ok(snapshot) => json!({
                "diskId": way.disk_id, "system": way.is_system, "snapshotId": snapshot.snapshot_id,
                "to": snapshot.creation_time, "keptForDays": snapshot.retention_days,
            }),
            Err(why) => json!({ "diskId": way.disk_id, "system": way.is_system, "missing": why }),
        });
        Ok(reply(
            200,
            &json!({
                "possible": why_not.is_none() && missing.is_none(),
                "whyNot": why_not.or(missing),
                "to": record.hops.get(record.hop).map(|hop| hop.from.to_string()),
                "goesBack": goes.collect::<Vec<_>>(),
                "stays": stays(&ways, &attached),
                "note": "what was written to these disks since then is lost; how much that is, is counted in the guest \
                         when the rollback begins, and stands in the history before the first disk goes",
            }),
        ))
    }

    /// The instance's disks, and the ways back of those that would go.
    async fn ways(&self, record: &Record) -> Result<(Vec<Disk>, Vec<WayBack>), Refusal> {
        let attached = self.env.cloud.disks(&record.instance_id).await.map_err(Fault::from)?;
        let known = self.env.cloud.snapshots(&record.instance_id).await.map_err(Fault::from)?;
        let ways = way_back(record, &attached, &known);
        Ok((attached, ways))
    }

    /// Why what is over must stay so: another migration of the instance has come since, and going back to the
    /// snapshots of this one would undo that as well. Every migration leaves its id in the instance's tags.
    async fn overtaken(&self, record: &Record) -> Result<Option<String>, Refusal> {
        if record.stage().is_some() {
            return Ok(None);
        }
        let instance = self.env.cloud.instance(&record.instance_id).await.map_err(Fault::from)?;
        Ok(instance.and_then(|instance| came_since(record, &instance)))
    }
}

/// The migration of the instance that has come since `record`'s, by the instance's tags.
pub(crate) fn came_since(record: &Record, instance: &Instance) -> Option<String> {
    let last = instance.tags.iter().find(|tag| tag.key == OWNER_TAG && tag.value != record.id.as_str());
    last.map(|tag| format!("migration {} of {} has come since", tag.value, record.instance_id))
}

/// Why the wish would change nothing but the history; None when it would.
pub(crate) fn in_vain(record: &Record, wish: &Wish, now: Millis) -> Option<String> {
    let decision = decide(record, Event::Wished(wish.clone()), now);
    let same = Record { steps: record.steps, ..decision.record } == *record;
    let why = decision.effects.into_iter().find_map(|effect| match effect {
        Effect::Note(step) => Some(step.what),
        _ => None,
    });
    same.then(|| why.unwrap_or_else(|| format!("{} changes nothing now", wish.name())))
}
