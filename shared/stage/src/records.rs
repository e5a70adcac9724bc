//! The port to what is remembered: rows of `migrations`, `history` and `locks`, and their form in
//! Tablestore.
//!
//! A migration's row holds the record as JSON and, beside it, what must change without touching the
//! record: the lease, the outbox with its number, and the count of pokes. `version` guards the record and
//! the lease, `outbox_seq` guards the outbox: sending it off does not disturb whoever holds the lease.

use migration::{MigrationId, Millis, Record, SchemaError, Step};
use openapi::eventbridge::CloudEvent;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tablestore::{
    BatchWriteRow, Client, Comparator, Condition, DeleteRow, Error, Filter, GetRange, GetRow, Key, KeyType, PrimaryKey,
    PutRow, Row, RowChange, TableMeta, UpdateRow,
};

/// Table of migrations: key `migration_id`.
pub const MIGRATIONS: &str = "migrations";
/// Table of history: key `migration_id`, `seq`.
pub const HISTORY: &str = "history";
/// Table of locks: key `instance_id`.
pub const LOCKS: &str = "locks";

/// The tables as they must be created.
pub fn tables() -> Vec<TableMeta> {
    vec![
        TableMeta::new(MIGRATIONS, "migration_id", KeyType::String),
        TableMeta::new(HISTORY, "migration_id", KeyType::String).key("seq", KeyType::Integer),
        TableMeta::new(LOCKS, "instance_id", KeyType::String),
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
    /// The instance's lock goes.
    Release {
        /// `i-…`
        instance_id: String,
    },
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
    async fn commit(
        &self,
        stored: &Stored,
        holder: &str,
        record: &Record,
        outbox: &[Outgoing],
        resend_at: Millis,
    ) -> Result<Option<i64>, RecordsError>;
    /// Tells whoever holds the lease to look once more.
    async fn poke(&self, id: &MigrationId) -> Result<(), RecordsError>;
    /// The outbox number `seq` has left.
    async fn sent(&self, id: &MigrationId, seq: i64) -> Result<(), RecordsError>;
    /// Writes lines of history; again is fine.
    async fn write_history(&self, id: &MigrationId, steps: &[Step]) -> Result<(), RecordsError>;
    /// The migration that holds the instance.
    async fn lock_holder(&self, instance_id: &str) -> Result<Option<MigrationId>, RecordsError>;
    /// Takes the instance; false when somebody holds it.
    async fn lock(&self, instance_id: &str, id: &MigrationId) -> Result<bool, RecordsError>;
    /// Lets go of the instance, if this migration holds it.
    async fn unlock(&self, instance_id: &str, id: &MigrationId) -> Result<(), RecordsError>;
    /// Every row that was to be looked at, or whose lease ended, or whose outbox was not sent, before `now`.
    async fn due(&self, now: Millis) -> Result<Vec<Due>, RecordsError>;
}

fn row_key(id: &MigrationId) -> PrimaryKey {
    PrimaryKey::new("migration_id", id.as_str())
}

fn lock_key(instance_id: &str) -> PrimaryKey {
    PrimaryKey::new("instance_id", instance_id)
}

fn outbox_json(outbox: &[Outgoing]) -> String {
    // Events and steps hold only strings, numbers and maps with string keys: always representable.
    serde_json::to_string(outbox).unwrap_or_default()
}

/// A write is repeated safely by the client only when it is marked so; a conditional one that was
/// repeated after all fails its condition, and the caller looks again. So no mark is needed here.
fn happened(result: Result<impl Sized, Error>) -> Result<bool, RecordsError> {
    match result {
        Ok(_) => Ok(true),
        Err(error) if error.is_condition_check_fail() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

impl Records for Client {
    async fn load(&self, id: &MigrationId) -> Result<Option<Stored>, RecordsError> {
        match self.get_row(&GetRow::new(MIGRATIONS, row_key(id))).await? {
            None => Ok(None),
            Some(row) => read(id, &row).map(Some),
        }
    }

    async fn create(&self, record: &Record, outbox: &[Outgoing], resend_at: Millis) -> Result<bool, RecordsError> {
        let mut put = PutRow::new(MIGRATIONS, row_key(&record.id))
            .column("record", record.to_json())
            .column("state", state_text(record))
            .column("instance_id", record.instance_id.as_str())
            .column("version", 1)
            .column("poke", 0)
            .column("outbox", outbox_json(outbox))
            .column("outbox_seq", 1)
            .column("resend_at", resend_at);
        if let Some(at) = record.look_at {
            put = put.column("look_at", at);
        }
        happened(self.put_row(&put.condition(Condition::expect_not_exist())).await)
    }

    async fn acquire(&self, stored: &Stored, lease: &Lease) -> Result<bool, RecordsError> {
        let update = UpdateRow::new(MIGRATIONS, row_key(&stored.record.id))
            .put("version", stored.version + 1)
            .put("lease_holder", lease.holder.as_str())
            .put("lease_until", lease.until)
            .condition(Condition::expect_exist().and_column(Filter::equal("version", stored.version)));
        happened(self.update_row(&update).await)
    }

    async fn commit(
        &self,
        stored: &Stored,
        holder: &str,
        record: &Record,
        outbox: &[Outgoing],
        resend_at: Millis,
    ) -> Result<Option<i64>, RecordsError> {
        let mine = Filter::equal("version", stored.version + 1).and(Filter::equal("lease_holder", holder));
        let mut update = UpdateRow::new(MIGRATIONS, row_key(&record.id))
            .put("record", record.to_json())
            .put("state", state_text(record))
            .put("version", stored.version + 2)
            .delete("lease_holder")
            .delete("lease_until")
            .increment("poke", 0)
            .return_incremented()
            .condition(Condition::expect_exist().and_column(mine));
        update = match record.look_at {
            Some(at) => update.put("look_at", at),
            None => update.delete("look_at"),
        };
        if !outbox.is_empty() {
            update = update
                .put("outbox", outbox_json(outbox))
                .put("outbox_seq", stored.outbox_seq + 1)
                .put("resend_at", resend_at);
        }
        match self.update_row(&update).await {
            Ok(written) => Ok(written.row.and_then(|row| row.get_int("poke"))),
            Err(error) if error.is_condition_check_fail() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn poke(&self, id: &MigrationId) -> Result<(), RecordsError> {
        let update = UpdateRow::new(MIGRATIONS, row_key(id)).increment("poke", 1).condition(Condition::expect_exist());
        happened(self.update_row(&update).await).map(drop)
    }

    async fn sent(&self, id: &MigrationId, seq: i64) -> Result<(), RecordsError> {
        let update = UpdateRow::new(MIGRATIONS, row_key(id))
            .delete("outbox")
            .delete("resend_at")
            .condition(Condition::expect_exist().and_column(Filter::equal("outbox_seq", seq)));
        happened(self.update_row(&update).await).map(drop)
    }

    async fn write_history(&self, id: &MigrationId, steps: &[Step]) -> Result<(), RecordsError> {
        // BatchWriteRow takes at most 200 rows.
        for steps in steps.chunks(200) {
            let rows = steps.iter().map(|step| {
                let seq = i64::try_from(step.seq).unwrap_or(i64::MAX);
                let key = row_key(id).and("seq", seq);
                let json = serde_json::to_string(step).unwrap_or_default();
                RowChange::Put(PutRow::new(HISTORY, key).column("step", json).column("at", step.at).idempotent())
            });
            for written in self.batch_write_row(&BatchWriteRow::new(rows.collect())).await? {
                written.map_err(|error| RecordsError::BadRow {
                    table: HISTORY,
                    key: id.to_string(),
                    problem: error.to_string(),
                })?;
            }
        }
        Ok(())
    }

    async fn lock_holder(&self, instance_id: &str) -> Result<Option<MigrationId>, RecordsError> {
        let Some(row) = self.get_row(&GetRow::new(LOCKS, lock_key(instance_id))).await? else { return Ok(None) };
        let holder = row.get_str("migration_id").unwrap_or_default();
        let bad = |error: migration::InvalidId| RecordsError::BadRow {
            table: LOCKS,
            key: instance_id.into(),
            problem: error.to_string(),
        };
        holder.parse().map(Some).map_err(bad)
    }

    async fn lock(&self, instance_id: &str, id: &MigrationId) -> Result<bool, RecordsError> {
        let put = PutRow::new(LOCKS, lock_key(instance_id))
            .column("migration_id", id.as_str())
            .condition(Condition::expect_not_exist());
        happened(self.put_row(&put).await)
    }

    async fn unlock(&self, instance_id: &str, id: &MigrationId) -> Result<(), RecordsError> {
        let mine = Condition::expect_exist().and_column(Filter::equal("migration_id", id.as_str()));
        happened(self.delete_row(&DeleteRow::new(LOCKS, lock_key(instance_id)).condition(mine)).await).map(drop)
    }

    async fn due(&self, now: Millis) -> Result<Vec<Due>, RecordsError> {
        let past = |column| Filter::compare(column, Comparator::LessEqual, now);
        let filter = past("look_at").or(past("lease_until")).or(past("resend_at"));
        let range = GetRange::forward(
            MIGRATIONS,
            PrimaryKey::new("migration_id", Key::Min),
            PrimaryKey::new("migration_id", Key::Max),
        )
        .columns(["look_at", "lease_until", "resend_at"])
        .filter(filter);
        let mut due = Vec::new();
        for row in self.get_range_all(range).await? {
            let Some((_, Key::String(id))) = row.primary_key.0.first() else { continue };
            let Ok(id) = id.parse() else { continue };
            let passed = |column| row.get_int(column).is_some_and(|at| at <= now);
            due.push(Due { id, outbox: passed("resend_at") });
        }
        Ok(due)
    }
}

/// For people who look at the table.
fn state_text(record: &Record) -> String {
    match record.state {
        migration::State::In(stage) => stage.name().to_owned(),
        migration::State::Ended(outcome) => format!("{outcome:?}"),
    }
}

fn read(id: &MigrationId, row: &Row) -> Result<Stored, RecordsError> {
    let bad = |problem: String| RecordsError::BadRow { table: MIGRATIONS, key: id.to_string(), problem };
    let number = |column: &str| row.get_int(column).ok_or_else(|| bad(format!("{column} is missing")));
    let json = row.get_str("record").ok_or_else(|| bad("record is missing".into()))?;
    let record = Record::from_json(json).map_err(|source| RecordsError::Schema { id: id.clone(), source })?;
    let outbox = match row.get_str("outbox") {
        None => Vec::new(),
        Some(json) => serde_json::from_str(json).map_err(|error| bad(format!("outbox: {error}")))?,
    };
    let lease = match (row.get_str("lease_holder"), row.get_int("lease_until")) {
        (Some(holder), Some(until)) => Some(Lease { holder: holder.to_owned(), until }),
        _ => None,
    };
    Ok(Stored {
        record,
        version: number("version")?,
        poke: number("poke")?,
        lease,
        outbox,
        outbox_seq: number("outbox_seq")?,
    })
}

/// The event in its stored form.
pub(crate) fn stored_event(event: &CloudEvent) -> Outgoing {
    Outgoing::Event(event.to_value())
}
