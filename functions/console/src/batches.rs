//! POST /batches/{id}/cancel and retry: one wish for every migration of a batch.

use std::collections::BTreeSet;

use fc_runtime::http_trigger::HttpResponse;
use migration::{Millis, Outcome, Record, State, Wish};
use serde_json::{Value, json};
use stage::bus::Bus;
use stage::cloud::Cloud;
use stage::lanes::side_by_side;
use stage::records::{Member, Records};

use crate::Console;
use crate::answer::{Refusal, reply};
use crate::wishes::{Granted, came_since, in_vain};

/// With less than this left of the invocation no further one is begun, milliseconds: two calls that get no answer.
const RESERVE: Millis = 20_000;

/// What came of the wish for one of them.
enum Came {
    Done,
    Noted,
    LeftOut(String),
    /// The time was up.
    Remains,
}

impl<C: Cloud, R: Records, B: Bus, F> Console<'_, C, R, B, F> {
    /// The wish for every migration of the batch that it would change something for. Repeated, it goes on with those that
    /// remain.
    pub async fn wish_of_all(&self, actor: &str, batch: &str, name: &str) -> Result<HttpResponse, Refusal> {
        let by = actor.to_owned();
        let cancels = name == "cancel";
        let wish = if cancels { Wish::Cancel { by } } else { Wish::Retry { by } };
        let mut members = self.env.records.members(batch).await?;
        if members.is_empty() {
            return Err(Refusal::NoPath(format!("batch {batch}")));
        }
        members.sort_by_key(|member| member.place);
        if cancels {
            // Those that wait first: they must not get the turn of those that end.
            members.reverse();
        }
        // Only what is over can have been overtaken.
        let ids: BTreeSet<String> = members.iter().map(|member| member.instance_id.clone()).collect();
        let ids: Vec<String> = if cancels { Vec::new() } else { ids.into_iter().collect() };
        let listed = self.listed(&ids).await?;
        let came = side_by_side(members.len(), async |index: usize| -> Result<Came, Refusal> {
            let member = &members[index];
            if (self.env.clock)().saturating_add(RESERVE) >= self.invocation.deadline {
                return Ok(Came::Remains);
            }
            let Some(stored) = self.env.records.load(&member.migration_id).await? else {
                return Ok(Came::LeftOut("was never opened".into()));
            };
            let record = &stored.record;
            let since = listed.get(&member.instance_id).filter(|_| record.stage().is_none());
            let why_not = not_meant(record, &wish)
                .or_else(|| in_vain(record, &wish, (self.env.clock)()))
                .or_else(|| came_since(record, since?));
            if let Some(why) = why_not {
                return Ok(Came::LeftOut(why));
            }
            Ok(match self.grant(record, &wish).await? {
                Granted::Done(_) => Came::Done,
                Granted::Noted => Came::Noted,
                Granted::Not(why) => Came::LeftOut(why),
            })
        })
        .await;

        let (mut done, mut noted) = (0, 0);
        let (mut left_out, mut problems, mut remaining) = (Vec::new(), Vec::new(), Vec::new());
        for (member, came) in members.iter().zip(came) {
            match came {
                Ok(Came::Done) => done += 1,
                Ok(Came::Noted) => noted += 1,
                Ok(Came::LeftOut(why)) => left_out.push(told(member, json!({ "why": why }))),
                Ok(Came::Remains) => remaining.push(&member.migration_id),
                // The others are asked all the same.
                Err(refusal) => {
                    let why = json!({ "error": refusal.to_string(), "code": refusal.code() });
                    problems.push(told(member, why));
                }
            }
        }
        tracing::info!(
            request_id = self.invocation.request_id,
            actor,
            batch_id = batch,
            wish = name,
            done,
            noted,
            left_out = left_out.len(),
            problems = problems.len(),
            remaining = remaining.len(),
            "a wish for a batch"
        );
        Ok(reply(
            200,
            &json!({
                "batch": batch, "done": done, "noted": noted, "leftOut": left_out, "problems": problems,
                "remaining": remaining,
            }),
        ))
    }
}

/// Which migration it is about, and what there is to say.
fn told(member: &Member, mut what: Value) -> Value {
    what["migrationId"] = json!(member.migration_id);
    what["instanceId"] = json!(member.instance_id);
    what
}

/// Why a wish for all does not mean this one, although one for it alone would change something: what went well is not
/// done again, and what goes on needs no push.
fn not_meant(record: &Record, wish: &Wish) -> Option<String> {
    use Outcome::{CheckPassed, DrillPassed, Succeeded};
    let why = match (wish, record.state) {
        (Wish::Retry { .. }, State::In(_)) if record.attempt == 0 => "is under way",
        (Wish::Retry { .. }, State::Ended(Succeeded | DrillPassed | CheckPassed)) if !record.unclean => "ended well",
        _ => return None,
    };
    Some(why.into())
}
