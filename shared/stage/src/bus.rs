//! The port to EventBridge, and the events that OS Ferry itself publishes.

use jiff::Timestamp;
use migration::{MigrationId, Millis, Notice, Record, Stage, plan};
use openapi::ApiError;
use openapi::eventbridge::{Client, CloudEvent};
use serde_json::json;

/// Source of OS Ferry's own events.
pub const SOURCE: &str = "osferry";
/// Type of the event that wakes a stage.
pub const STAGE_REQUESTED: &str = "osferry:Stage:Requested";
/// Type of the event that tells a new stage.
pub const STAGE_ENTERED: &str = "osferry:Stage:Entered";
/// Type of the event that tells that a plan waits for a person.
pub const PLAN_AWAITING: &str = "osferry:Plan:Awaiting";
/// Type of the event that tells the end.
pub const MIGRATION_ENDED: &str = "osferry:Migration:Ended";
/// Type of the event that tells what a scan cannot open.
pub const SCAN_PROBLEM: &str = "osferry:Scan:Problem";
/// Type of the event that tells what a scan found.
pub const SCAN_FINISHED: &str = "osferry:Scan:Finished";

/// Takes events.
#[allow(async_fn_in_trait)] // Handlers run on the task that called them; no Send is needed.
pub trait Bus {
    /// Publishes; at least once when it answers well.
    async fn publish(&self, events: &[CloudEvent]) -> Result<(), ApiError>;
}

impl Bus for Client {
    async fn publish(&self, events: &[CloudEvent]) -> Result<(), ApiError> {
        self.put_events(events).await
    }
}

/// The event that wakes `stage` for a migration. `id` is unique for the occasion.
pub fn stage_requested(bus: &str, id: String, migration: &MigrationId, stage: Stage, now: Millis) -> CloudEvent {
    let data = json!({ "migrationId": migration, "stage": stage });
    event(bus, id, STAGE_REQUESTED, migration.as_str(), now, data)
}

/// The event that tells people and other systems.
pub fn notice(bus: &str, id: String, record: &Record, notice: Notice, now: Millis) -> CloudEvent {
    let mut data = json!({ "migrationId": record.id, "instanceId": record.instance_id, "hop": record.hop });
    let kind = match notice {
        Notice::Entered(stage) => {
            data["stage"] = json!(stage);
            STAGE_ENTERED
        }
        Notice::Awaiting => {
            data["digest"] = json!(record.awaiting);
            data["risks"] = json!(plan::risks(record).collect::<Vec<_>>());
            data["mends"] = json!(plan::mends(record));
            PLAN_AWAITING
        }
        Notice::Ended(outcome) => {
            data["outcome"] = json!(outcome);
            data["cause"] = json!(record.cause);
            data["osAfter"] = json!(record.os_after);
            data["unclean"] = json!(record.unclean);
            MIGRATION_ENDED
        }
    };
    event(bus, id, kind, record.id.as_str(), now, data)
}

/// An event of OS Ferry's about `subject`. `id` is unique for the occasion: what is told again has the same.
pub fn event(bus: &str, id: String, kind: &str, subject: &str, now: Millis, data: serde_json::Value) -> CloudEvent {
    CloudEvent {
        id,
        source: SOURCE.into(),
        kind: kind.into(),
        subject: subject.into(),
        time: Timestamp::from_millisecond(now).unwrap_or_default().to_string(),
        bus: bus.into(),
        data,
    }
}
