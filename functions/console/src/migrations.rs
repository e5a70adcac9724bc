//! GET /migrations: what is known of them.

use std::collections::BTreeMap;

use fc_runtime::http_trigger::HttpResponse;
use migration::{MigrationId, advice, plan};
use serde_json::{Value, json};
use stage::StageError;
use stage::bus::Bus;
use stage::cloud::Cloud;
use stage::lanes::side_by_side;
use stage::records::Records;

use crate::Console;
use crate::answer::{Refusal, reply};
use crate::eta::etas;
use crate::filter::Filter;
use crate::id_of;
use crate::open::batch_id;
use crate::view::{shown, summary, time};

/// Lines of one answer, when the request names no number; and at most.
const LINES: usize = 100;
const MOST_LINES: usize = 1000;
/// Rows that are read at once, and how often, in one request: a filter may find nothing for long.
const PAGE: u32 = 100;
const PAGES: usize = 50;

impl<C: Cloud, R: Records, B: Bus, F> Console<'_, C, R, B, F> {
    /// GET /migrations: all, or of a batch, as far as the [`Filter`] lets them through. `limit` is the number of lines,
    /// `after` goes on from `next` of the answer before.
    pub async fn list(&self, query: &BTreeMap<String, String>) -> Result<HttpResponse, Refusal> {
        let names: Vec<&str> = ["batch", "limit", "after"].into_iter().chain(Filter::NAMES).collect();
        if let Some(unknown) = query.keys().find(|key| !names.contains(&key.as_str())) {
            return Err(Refusal::Bad(format!("parameter {unknown:?} is none of {}", names.join(", "))));
        }
        let limit = match query.get("limit").map(|text| text.parse::<usize>()) {
            None => LINES,
            Some(Ok(limit)) if (1..=MOST_LINES).contains(&limit) => limit,
            Some(_) => return Err(Refusal::Bad(format!("limit is not a number from 1 to {MOST_LINES}"))),
        };
        let filter = Filter::read(query)?;
        let after = query.get("after").map(|id| id_of(id)).transpose()?;
        match query.get("batch") {
            Some(batch) => self.batch(&batch_id(batch)?, &filter).await,
            None => self.all(&filter, limit, after).await,
        }
    }

    /// The migrations of a batch, each as it stands, and how many of the whole batch stand how.
    async fn batch(&self, batch: &str, filter: &Filter) -> Result<HttpResponse, Refusal> {
        let members = self.env.records.members(batch).await?;
        let load = async |index: usize| self.env.records.load(&members[index].migration_id).await;
        let loaded = side_by_side(members.len(), load).await;
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut lines = Vec::new();
        for (member, stored) in members.iter().zip(loaded) {
            // A member without a row was never opened: a crash came between.
            let (migration_id, instance_id) = (&member.migration_id, &member.instance_id);
            let mut missing = "unopened";
            let (line, held) = match stored {
                Ok(Some(stored)) => (summary(&stored.record), filter.holds(&stored.record)),
                Ok(None) => {
                    let line = json!({ "migrationId": migration_id, "instanceId": instance_id, "stage": null });
                    (line, filter.is_open())
                }
                // One that cannot be read must not hide the others.
                Err(error) if error.concerns_one_row() => {
                    let error = StageError::from(error);
                    tracing::error!(%migration_id, code = %error.code(), %error, "cannot be listed");
                    missing = "unreadable";
                    let error = format!("{}: {error}", error.code());
                    let line = json!({ "migrationId": migration_id, "instanceId": instance_id, "stage": null, "error": error });
                    (line, filter.is_open())
                }
                Err(error) => return Err(error.into()),
            };
            let state = [&line["outcome"], &line["stage"]].into_iter().find_map(Value::as_str).unwrap_or(missing);
            *counts.entry(state.to_owned()).or_default() += 1;
            lines.extend(held.then_some(line));
        }
        Ok(reply(200, &json!({ "batch": batch, "counts": counts, "migrations": lines })))
    }

    async fn all(&self, filter: &Filter, limit: usize, after: Option<MigrationId>) -> Result<HttpResponse, Refusal> {
        let mut lines: Vec<Value> = Vec::new();
        let mut start = after;
        for _ in 0..PAGES {
            let rows = PAGE.min(u32::try_from(limit - lines.len()).unwrap_or(PAGE));
            // With a filter full pages are read: most rows are others.
            let rows = if filter.is_open() { rows } else { PAGE };
            let (records, next) = self.env.records.page(start.as_ref(), rows).await?;
            lines.extend(records.iter().filter(|record| filter.holds(record)).map(summary));
            start = next;
            if start.is_none() || lines.len() >= limit {
                break;
            }
        }
        Ok(reply(200, &json!({ "migrations": lines, "next": start })))
    }

    /// GET /migrations/{id}: the record without secrets, what to do, and how long it will take.
    pub async fn show(&self, id: &MigrationId) -> Result<HttpResponse, Refusal> {
        let stored = self.env.records.load(id).await?.ok_or_else(|| Refusal::Unknown(id.clone()))?;
        let record = &stored.record;
        Ok(reply(
            200,
            &json!({
                "summary": summary(record),
                "advice": advice(record),
                "eta": etas(&self.env.records, record, (self.env.clock)()).await?,
                "plan": plan::awaited(record),
                "wish": stored.wish.and_then(Result::ok),
                "record": shown(record),
            }),
        ))
    }

    /// GET /migrations/{id}/history: every step, to be kept.
    pub async fn history(&self, id: &MigrationId) -> Result<HttpResponse, Refusal> {
        let stored = self.env.records.load(id).await?.ok_or_else(|| Refusal::Unknown(id.clone()))?;
        let mut steps = Vec::new();
        for step in self.env.records.history(id).await? {
            let at = time(step.at);
            let mut step = serde_json::to_value(&step)
                .map_err(|error| Refusal::Configuration(format!("step {} cannot be written: {error}", step.seq)))?;
            step["time"] = at.into();
            steps.push(step);
        }
        let exported =
            json!({ "exportedAt": time((self.env.clock)()), "summary": summary(&stored.record), "steps": steps });
        let mut answer = reply(200, &exported);
        let name = format!("attachment; filename=\"osferry-{id}.json\"");
        answer.headers.insert("content-disposition".into(), name);
        Ok(answer)
    }
}
