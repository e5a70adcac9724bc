//! The port to EventBridge, and the events that OS Ferry itself publishes.

use jiff::Timestamp;
use migration::{MigrationId, Millis, Notice, Record, Stage, plan};
use openapi::ApiError;
use openapi::eventbridge::{Client, CloudEvent};
use serde_json::{Value, json};

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
            if let (Some(data), Some(Value::Object(plan))) = (data.as_object_mut(), plan::awaited(record)) {
                data.extend(plan);
            }
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
pub fn event(bus: &str, id: String, kind: &str, subject: &str, now: Millis, data: Value) -> CloudEvent {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::record_in;

    #[test]
    fn whoever_listens_is_told_the_whole_plan_and_what_was_left() {
        let mut record = record_in(Stage::Assess);
        record.awaiting = Some("abc".into());
        let told = |notice| notice_data(&record, notice);
        let plan = told(Notice::Awaiting);
        assert_eq!((&plan["digest"], &plan["hops"][0]["to"]), (&json!("abc"), &json!("Alibaba Cloud Linux 3")));
        assert_eq!((&plan["mends"], &plan["risks"], &plan["hop"]), (&json!([]), &json!([]), &json!(0)));
        assert_eq!(told(Notice::Ended(migration::Outcome::CheckPassed))["unclean"], false);
    }

    fn notice_data(record: &Record, news: Notice) -> Value {
        notice("osferry", "1".into(), record, news, 0).data
    }
}
