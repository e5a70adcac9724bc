//! From an event to the migration that it is about.

use migration::MigrationId;
use openapi::eventbridge::{CloudEvent, parse_value};
use serde_json::Value;

use crate::bus::{SOURCE, STAGE_REQUESTED};

/// Whom an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A migration, by its id.
    Migration(MigrationId),
    /// The migration of an instance, if there is one.
    Instance(String),
    /// Nobody here: a snapshot or command that somebody else made.
    Nobody,
}

/// Not an event that a stage understands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not CloudEvents at all.
    #[error("{0}")]
    NotAnEvent(String),
    /// An event of a kind that is not routed to a stage.
    #[error("event {id} is of type {kind:?}, which no stage knows")]
    UnknownType {
        /// The event's id.
        id: String,
        /// Its type.
        kind: String,
    },
    /// A field is missing or wrong.
    #[error("event {id} ({kind}): {field} is missing or wrong")]
    BadField {
        /// The event's id.
        id: String,
        /// Its type.
        kind: String,
        /// Which.
        field: &'static str,
    },
}

/// Whom the events in a payload are about. The types of `acs.ecs` and their data: EventBridge, "ECS events".
pub fn subjects(payload: Value) -> Result<Vec<Subject>, Malformed> {
    let events = parse_value(payload).map_err(|error| Malformed::NotAnEvent(error.to_string()))?;
    events.iter().map(subject).collect()
}

fn subject(event: &CloudEvent) -> Result<Subject, Malformed> {
    let field = |name: &'static str| {
        let text = event.data.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.ok_or_else(|| Malformed::BadField { id: event.id.clone(), kind: event.kind.clone(), field: name })
    };
    let named = |name: &str| MigrationId::in_name(name).map_or(Subject::Nobody, Subject::Migration);
    match (event.source.as_str(), event.kind.as_str()) {
        (SOURCE, STAGE_REQUESTED) => {
            let id = field("migrationId")?;
            let bad = |_| Malformed::BadField { id: event.id.clone(), kind: event.kind.clone(), field: "migrationId" };
            Ok(Subject::Migration(id.parse().map_err(bad)?))
        }
        ("acs.ecs", "ecs:Snapshot:CreateSnapshotCompleted") => Ok(named(field("snapshotName")?)),
        ("acs.ecs", "ecs:CloudAssistant:TaskCompleted") => Ok(named(field("commandName")?)),
        ("acs.ecs", "ecs:Instance:StateChange") => Ok(Subject::Instance(field("resourceId")?.into())),
        ("acs.ecs", "ecs:CloudAssistant:FirstHeartbeat") => Ok(Subject::Instance(field("instanceId")?.into())),
        _ => Err(Malformed::UnknownType { id: event.id.clone(), kind: event.kind.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(source: &str, kind: &str, data: Value) -> Result<Subject, Malformed> {
        let event = json!({ "id": "e-1", "source": source, "type": kind, "specversion": "1.0", "data": data });
        subjects(event).map(|mut subjects| subjects.remove(0))
    }

    #[test]
    fn events_lead_back_to_their_migration() {
        let id = MigrationId::from_bytes([3; 10]);
        let this = || Ok(Subject::Migration(id.clone()));
        assert_eq!(one(SOURCE, STAGE_REQUESTED, json!({ "migrationId": id, "stage": "assess" })), this());
        let snapshot = "ecs:Snapshot:CreateSnapshotCompleted";
        assert_eq!(one("acs.ecs", snapshot, json!({ "snapshotName": id.name("0-d-1") })), this());
        assert_eq!(one("acs.ecs", snapshot, json!({ "snapshotName": "auto2.0_2026" })), Ok(Subject::Nobody));
        assert_eq!(one("acs.ecs", "ecs:CloudAssistant:TaskCompleted", json!({ "commandName": id.name("x") })), this());
        let instance = Ok(Subject::Instance("i-1".into()));
        assert_eq!(
            one("acs.ecs", "ecs:Instance:StateChange", json!({ "resourceId": "i-1", "state": "Running" })),
            instance
        );
    }

    #[test]
    fn what_is_not_understood_says_why() {
        assert!(matches!(subjects(json!("{")), Err(Malformed::NotAnEvent(_))));
        assert!(matches!(subjects(json!(7)), Err(Malformed::NotAnEvent(_))));
        assert!(matches!(one("acs.oss", "oss:Object", json!({})), Err(Malformed::UnknownType { .. })));
        for data in [json!({}), json!({ "migrationId": "m-1" }), json!({ "migrationId": 5 })] {
            let error = one(SOURCE, STAGE_REQUESTED, data).unwrap_err();
            assert!(error.to_string().contains("migrationId"), "{error}");
        }
    }
}
