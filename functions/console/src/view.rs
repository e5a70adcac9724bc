//! Migrations as people see them.

use jiff::Timestamp;
use migration::{Millis, Record, State};
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
        "unclean": record.unclean,
    })
}

/// The record, but of probes only what is no secret: a URL may hold a password, a command any.
pub fn shown(record: &Record) -> Value {
    let mut shown = json!(record);
    shown["policy"]["probes"] = record.policy.probes.iter().map(ToString::to_string).collect();
    shown
}
