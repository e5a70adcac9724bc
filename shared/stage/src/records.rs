//! The port to what is remembered: rows of `migrations`, `history` and `locks`, and their form in
//! Tablestore.
//!
//! A migration's row holds the record as JSON and, beside it, what must change without touching the
//! record: the lease, the outbox with its number, and the count of pokes. `version` guards the record and
//! the lease, `outbox_seq` guards the outbox: sending it off does not disturb whoever holds the lease.

use migration::{MigrationId, Millis, Outcome, Record, SchemaError, Step, Wish};
use openapi::eventbridge::CloudEvent;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tablestore::{Error, KeyType, TableMeta};

mod table;

/// Table of migrations: key `migration_id`.
pub const MIGRATIONS: &str = "migrations";
/// Table of history: key `migration_id`, `seq`.
pub const HISTORY: &str = "history";
/// Table of locks: key `instance_id`.
pub const LOCKS: &str = "locks";
/// Table of batches: key `batch_id`, `migration_id`.
pub const BATCHES: &str = "batches";
/// Table of how long stages took: key `path`, `occasion`.
pub const TIMINGS: &str = "timings";

/// The tables as they must be created.
pub fn tables() -> Vec<TableMeta> {
    vec![
        TableMeta::new(MIGRATIONS, "migration_id", KeyType::String),
        TableMeta::new(HISTORY, "migration_id", KeyType::String).key("seq", KeyType::Integer),
        TableMeta::new(LOCKS, "instance_id", KeyType::String),
        TableMeta::new(BATCHES, "batch_id", KeyType::String).key("migration_id", KeyType::String),
        TableMeta::new(TIMINGS, "path", KeyType::String).key("occasion", KeyType::String),
    ]
}

/// Something that must still leave the house.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outgoing {
    /// An event for the bus, as it goes over the wire.
    Event(Value),
    /// A line of history.
    Step(Step),
    /// An instance's lock is taken: its events lead to this migration.
    Hold {
        /// `i-…`
        instance_id: String,
        /// The record's `tries` when it was taken.
        tries: u32,
    },
    /// An instance's lock goes, if it is still the one of this try.
    Release {
        /// `i-…`
        instance_id: String,
        /// The record's `tries` when it was let go.
        #[serde(default)]
        tries: u32,
    },
    /// How a migration of a batch stands.
    Member(Member),
    /// How long a stage took.
    Took {
        /// Stage and hop, as [`timing_path`] writes them.
        path: String,
        /// Sorts the latest first, and names the decision: the same occasion is told once.
        occasion: String,
        /// Milliseconds.
        took: Millis,
    },
}

/// A migration as its batch knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// `b-…`
    pub batch_id: String,
    /// The migration.
    pub migration_id: MigrationId,
    /// `i-…`
    pub instance_id: String,
    /// How it ended, once it has.
    pub outcome: Option<Outcome>,
    /// Its place in the batch.
    #[serde(default)]
    pub place: i64,
}

impl Member {
    /// How the migration stands in its batch; None when it was opened alone.
    pub fn of(record: &Record, outcome: Option<Outcome>) -> Option<Self> {
        let batch = record.batch.as_ref()?;
        Some(Self {
            batch_id: batch.id.clone(),
            migration_id: record.id.clone(),
            instance_id: record.instance_id.clone(),
            outcome,
            place: batch.place,
        })
    }
}

/// Under what the duration of a stage is remembered: the same stage of the same hop, whoever's.
pub fn timing_path(record: &Record, hop: usize, stage: migration::Stage) -> String {
    let hop = record.hops.get(hop).map_or_else(String::new, |hop| format!("{} > {}", hop.from, hop.to));
    format!("{}: {hop}", stage.name())
}

/// Who may act on a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Request id of the invocation.
    pub holder: String,
    /// Until when.
    pub until: Millis,
}

/// A migration's row.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The record.
    pub record: Record,
    /// Counts changes of record and lease.
    pub version: i64,
    /// Counts wake-ups that came while somebody held the lease.
    pub poke: i64,
    /// Who acts on it; may have expired.
    pub lease: Option<Lease>,
    /// What must still leave.
    pub outbox: Vec<Outgoing>,
    /// Counts outboxes.
    pub outbox_seq: i64,
    /// What a person wants, until it is answered; the error is what is wrong with a wish that cannot be read.
    pub wish: Option<Result<Wish, String>>,
}

impl Stored {
    /// Whether somebody may act on it now.
    pub fn is_leased(&self, now: Millis) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.until > now)
    }
}

/// What a commit stores beside the record.
#[derive(Clone, Copy, Debug)]
pub struct Commit<'a> {
    /// Who holds the lease.
    pub holder: &'a str,
    /// Everything that must still leave, older things first; empty when nothing new came.
    pub outbox: &'a [Outgoing],
    /// When the sweep sends the outbox.
    pub resend_at: Millis,
    /// The wish was answered.
    pub answered: bool,
}

/// Why the records cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// Tablestore.
    #[error(transparent)]
    Tablestore(#[from] Error),
    /// The stored form.
    #[error("migration {id}: {source}")]
    Schema {
        /// The migration.
        id: MigrationId,
        /// What is wrong.
        #[source]
        source: SchemaError,
    },
    /// A row is not what it should be.
    #[error("row {key} of table {table}: {problem}")]
    BadRow {
        /// Table.
        table: &'static str,
        /// Key.
        key: String,
        /// What is wrong.
        problem: String,
    },
}

impl RecordsError {
    /// Whether one row is the trouble, and not Tablestore or the way to it: others can be read and written.
    pub fn concerns_one_row(&self) -> bool {
        match self {
            Self::Schema { .. } | Self::BadRow { .. } => true,
            Self::Tablestore(error) => {
                // The client has tried again where that helps.
                matches!(error.code(), Some("OTSParameterInvalid" | "OTSRowOperationConflict"))
                    && !error.is_table_missing()
            }
        }
    }
}

/// A row that somebody must look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The migration.
    pub id: MigrationId,
    /// Its outbox was not sent.
    pub outbox: bool,
}

/// What is remembered. Every write is conditional, so that doing it twice is doing it once.
#[allow(async_fn_in_trait)] // Handlers run on the task that called them; no Send is needed.
pub trait Records {
    /// The migration's row.
    async fn load(&self, id: &MigrationId) -> Result<Option<Stored>, RecordsError>;
    /// A new migration's row, with its outbox; false when there is one already.
    async fn create(&self, record: &Record, outbox: &[Outgoing], resend_at: Millis) -> Result<bool, RecordsError>;
    /// Takes the lease if the row is still as loaded.
    async fn acquire(&self, stored: &Stored, lease: &Lease) -> Result<bool, RecordsError>;
    /// Stores what was decided under the lease and gives the lease back; answers the count of pokes, or
    /// None when the lease was lost meanwhile. `stored` is the row as it was loaded before the lease.
    async fn commit(&self, stored: &Stored, record: &Record, commit: &Commit<'_>) -> Result<Option<i64>, RecordsError>;
    /// Notes what a person wants, and tells whoever holds the lease; false when another wish waits already.
    async fn wish(&self, id: &MigrationId, wish: &Wish, now: Millis) -> Result<bool, RecordsError>;
    /// Tells whoever holds the lease to look once more.
    async fn poke(&self, id: &MigrationId) -> Result<(), RecordsError>;
    /// The outbox number `seq` has left.
    async fn sent(&self, id: &MigrationId, seq: i64) -> Result<(), RecordsError>;
    /// Writes lines of history; again is fine.
    async fn write_history(&self, id: &MigrationId, steps: &[Step]) -> Result<(), RecordsError>;
    /// The migration that holds the instance.
    async fn lock_holder(&self, instance_id: &str) -> Result<Option<MigrationId>, RecordsError>;
    /// Takes the instance for the migration and its present try; false when another migration holds it.
    async fn lock(&self, instance_id: &str, id: &MigrationId, tries: u32) -> Result<bool, RecordsError>;
    /// Lets go of the instance, if this migration holds it for this try.
    async fn unlock(&self, instance_id: &str, id: &MigrationId, tries: u32) -> Result<(), RecordsError>;
    /// A migration's history, in order.
    async fn history(&self, id: &MigrationId) -> Result<Vec<Step>, RecordsError>;
    /// Up to `limit` migrations from `start` on, in the order of their ids, and the id to go on from.
    async fn page(
        &self,
        start: Option<&MigrationId>,
        limit: u32,
    ) -> Result<(Vec<Record>, Option<MigrationId>), RecordsError>;
    /// Notes how a batch's migration stands; again is fine.
    async fn put_member(&self, member: &Member) -> Result<(), RecordsError>;
    /// A batch's migrations.
    async fn members(&self, batch_id: &str) -> Result<Vec<Member>, RecordsError>;
    /// Notes how long a stage took; again is fine.
    async fn put_timing(&self, path: &str, occasion: &str, took: Millis) -> Result<(), RecordsError>;
    /// How long the same took in the past, milliseconds: the latest 50.
    async fn timings(&self, path: &str) -> Result<Vec<Millis>, RecordsError>;
    /// Every row that was to be looked at, or whose lease ended, or whose outbox was not sent, before `now`.
    async fn due(&self, now: Millis) -> Result<Vec<Due>, RecordsError>;
}

/// The event in its stored form.
pub(crate) fn stored_event(event: &CloudEvent) -> Outgoing {
    Outgoing::Event(event.to_value())
}

#[cfg(test)]
mod tests {
    use tablestore::error::On;

    use super::*;

    #[test]
    fn the_service_or_one_row_is_the_trouble() {
        let service = |code: &str, message: &str| {
            let on = On { operation: "PutRow", table: "migrations".into() };
            let (code, message) = (code.into(), message.into());
            Error::Service { on, code, message, status: 400, request_id: "r".into() }
        };
        for (code, message, of_one) in [
            ("OTSParameterInvalid", "The length of attribute column: 'record' exceeds the MaxLength", true),
            ("OTSParameterInvalid", "table not exist", false),
            ("OTSRowOperationConflict", "", true),
            ("OTSServerBusy", "", false),
            ("OTSNoPermissionAccess", "", false),
            ("OTSAuthFailed", "", false),
        ] {
            assert_eq!(RecordsError::from(service(code, message)).concerns_one_row(), of_one, "{code} {message}");
        }
        let on = On { operation: "PutRow", table: "locks".into() };
        let unanswered = Error::FateUnknown { on, why: Box::new(service("OTSTimeout", "")) };
        assert!(!RecordsError::from(unanswered).concerns_one_row());
        let bad = RecordsError::BadRow { table: LOCKS, key: "i-1".into(), problem: "x".into() };
        assert!(bad.concerns_one_row());
    }
}
