//! Migrations as people see them.

use jiff::Timestamp;
use migration::{Millis, Outcome, Record, State, plan};
use serde_json::{Value, json};

/// Epoch milliseconds as `2026-11-23T10:00:00Z`.
pub fn time(at: Millis) -> Option<String> {
    Timestamp::from_millisecond(at).ok().map(|time| time.to_string())
}

/// One line of a list.
pub fn summary(record: &Record) -> Value {
    let (stage, outcome) = match record.state {
        State::In(stage) => (Some(stage), None),
        State::Ended(outcome) => (None, Some(outcome)),
    };
    let from = record.system.as_ref().map(ToString::to_string);
    json!({
        "migrationId": record.id,
        "instanceId": record.instance_id,
        "from": from.or_else(|| record.hops.first().map(|hop| hop.from.to_string())),
        "to": record.hops.last().map(|hop| hop.to.to_string()),
        "mode": record.policy.mode,
        "stage": stage,
        "outcome": outcome,
        "progress": record.progress,
        "note": record.note,
        "hop": record.hop,
        "hops": record.hops.len(),
        "batch": record.batch.as_ref().map(|batch| &batch.id),
        "openedBy": record.opened_by,
        "createdAt": time(record.created_at),
        "enteredAt": time(record.entered_at),
        "awaiting": record.awaiting,
        "cause": record.cause,
    })
}

/// What waits for a person's acknowledgement.
pub fn awaited(record: &Record) -> Option<Value> {
    let digest = record.awaiting.as_ref()?;
    let risks: Vec<_> = plan::risks(&record.findings).collect();
    Some(json!({ "digest": digest, "risks": risks }))
}

/// What a person should do, or keep from doing.
pub fn advice(record: &Record) -> String {
    if record.awaiting.is_some() {
        return "read the risks of the plan and acknowledge them, or cancel".into();
    }
    let days = record.policy.kept_days();
    match record.state {
        State::In(stage) => stage.advice().into(),
        State::Ended(Outcome::Succeeded) => {
            format!(
                "the snapshots are kept for {days} days: until then a rollback is possible, at the price of what was written since"
            )
        }
        State::Ended(Outcome::Refused) => "do what the remedies of the findings say, then retry".into(),
        State::Ended(Outcome::Failed) => "nothing was changed: mend what the cause names, then retry".into(),
        State::Ended(Outcome::RolledBack) => {
            "the old system runs: read cause and evidence, try a drill once it is mended, then retry".into()
        }
        State::Ended(Outcome::Cancelled) => "the old system runs; retry when the time has come".into(),
        State::Ended(Outcome::Stuck) => {
            "a person must look at the instance; its snapshots are kept. Mend what the cause names, then retry".into()
        }
        State::Ended(Outcome::DrillPassed) => "the drill went well: migrate the instance itself".into(),
        State::Ended(Outcome::DrillFailed) => {
            "the instance was not touched: mend what the drill's cause names, then retry".into()
        }
    }
}
