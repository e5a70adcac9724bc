//! Records in Tablestore.

use migration::{MigrationId, Millis, Record, Step, Wish};
use tablestore::{
    BatchWriteRow, Client, Comparator, Condition, DeleteRow, Error, Filter, GetRange, GetRow, Key, PrimaryKey, PutRow,
    Row, RowChange, UpdateRow,
};

use super::{
    BATCHES, Commit, Due, HISTORY, LOCKS, Lease, MIGRATIONS, Member, Outgoing, Records, RecordsError, Stored, TIMINGS,
};

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

    async fn commit(&self, stored: &Stored, record: &Record, commit: &Commit<'_>) -> Result<Option<i64>, RecordsError> {
        let mine = Filter::equal("version", stored.version + 1).and(Filter::equal("lease_holder", commit.holder));
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
        if !commit.outbox.is_empty() {
            update = update
                .put("outbox", outbox_json(commit.outbox))
                .put("outbox_seq", stored.outbox_seq + 1)
                .put("resend_at", commit.resend_at);
        }
        if commit.answered {
            update = update.delete("wish").delete("wish_at");
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

    async fn wish(&self, id: &MigrationId, wish: &Wish, now: Millis) -> Result<bool, RecordsError> {
        let json = serde_json::to_string(wish).unwrap_or_default();
        // The column is never 0: this holds only where no other wish waits.
        let none = Filter::equal("wish_at", 0).pass_if_missing(true);
        let update = UpdateRow::new(MIGRATIONS, row_key(id))
            .put("wish", json)
            .put("wish_at", now)
            .increment("poke", 1)
            .condition(Condition::expect_exist().and_column(none));
        happened(self.update_row(&update).await)
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

    async fn history(&self, id: &MigrationId) -> Result<Vec<Step>, RecordsError> {
        let (start, end) = (row_key(id).and("seq", Key::Min), row_key(id).and("seq", Key::Max));
        let rows = self.get_range_all(GetRange::forward(HISTORY, start, end)).await?;
        rows.iter().map(|row| json_column(HISTORY, id.as_str(), row, "step")).collect()
    }

    async fn page(
        &self,
        start: Option<&MigrationId>,
        limit: u32,
    ) -> Result<(Vec<Record>, Option<MigrationId>), RecordsError> {
        let first = start.map_or(Key::Min, |id| Key::String(id.to_string()));
        let end = PrimaryKey::new("migration_id", Key::Max);
        let range = GetRange::forward(MIGRATIONS, PrimaryKey::new("migration_id", first), end)
            .columns(["record"])
            .limit(i32::try_from(limit).unwrap_or(i32::MAX));
        let page = self.get_range(&range).await?;
        let mut records = Vec::new();
        for row in &page.rows {
            let id = row.key_str("migration_id").unwrap_or_default();
            let json = row.get_str("record").unwrap_or_default();
            match Record::from_json(json) {
                Ok(record) => records.push(record),
                // One that cannot be read must not hide the others.
                Err(error) => tracing::error!(migration_id = id, code = %error.code(), %error, "left out of a list"),
            }
        }
        let next = page.next.as_ref().and_then(|key| match key.0.first() {
            Some((_, Key::String(id))) => id.parse().ok(),
            _ => None,
        });
        Ok((records, next))
    }

    async fn put_member(&self, member: &Member) -> Result<(), RecordsError> {
        let key =
            PrimaryKey::new("batch_id", member.batch_id.as_str()).and("migration_id", member.migration_id.as_str());
        let put = PutRow::new(BATCHES, key).column("member", serde_json::to_string(member).unwrap_or_default());
        Ok(self.put_row(&put.idempotent()).await.map(drop)?)
    }

    async fn members(&self, batch_id: &str) -> Result<Vec<Member>, RecordsError> {
        let key = |last| PrimaryKey::new("batch_id", batch_id).and("migration_id", last);
        let rows = self.get_range_all(GetRange::forward(BATCHES, key(Key::Min), key(Key::Max))).await?;
        rows.iter().map(|row| json_column(BATCHES, batch_id, row, "member")).collect()
    }

    async fn put_timing(&self, path: &str, occasion: &str, took: Millis) -> Result<(), RecordsError> {
        let key = PrimaryKey::new("path", path).and("occasion", occasion);
        Ok(self.put_row(&PutRow::new(TIMINGS, key).column("took", took).idempotent()).await.map(drop)?)
    }

    async fn timings(&self, path: &str) -> Result<Vec<Millis>, RecordsError> {
        let key = |last| PrimaryKey::new("path", path).and("occasion", last);
        let page = self.get_range(&GetRange::forward(TIMINGS, key(Key::Min), key(Key::Max)).limit(50)).await?;
        Ok(page.rows.iter().filter_map(|row| row.get_int("took")).collect())
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

    async fn lock(&self, instance_id: &str, id: &MigrationId, tries: u32) -> Result<bool, RecordsError> {
        let put = PutRow::new(LOCKS, lock_key(instance_id))
            .column("migration_id", id.as_str())
            .column("tries", i64::from(tries))
            .condition(Condition::expect_not_exist());
        if happened(self.put_row(&put).await)? {
            return Ok(true);
        }
        let update = UpdateRow::new(LOCKS, lock_key(instance_id))
            .put("tries", i64::from(tries))
            .condition(Condition::expect_exist().and_column(Filter::equal("migration_id", id.as_str())));
        happened(self.update_row(&update).await)
    }

    async fn unlock(&self, instance_id: &str, id: &MigrationId, tries: u32) -> Result<(), RecordsError> {
        let try_ = Filter::equal("tries", i64::from(tries)).pass_if_missing(true);
        let mine = Condition::expect_exist().and_column(Filter::equal("migration_id", id.as_str()).and(try_));
        happened(self.delete_row(&DeleteRow::new(LOCKS, lock_key(instance_id)).condition(mine)).await).map(drop)
    }

    async fn due(&self, now: Millis) -> Result<Vec<Due>, RecordsError> {
        let past = |column| Filter::compare(column, Comparator::LessEqual, now);
        let filter = past("look_at").or(past("lease_until")).or(past("resend_at")).or(past("wish_at"));
        let range = GetRange::forward(
            MIGRATIONS,
            PrimaryKey::new("migration_id", Key::Min),
            PrimaryKey::new("migration_id", Key::Max),
        )
        .columns(["look_at", "lease_until", "resend_at", "wish_at"])
        .filter(filter);
        let mut due = Vec::new();
        for row in self.get_range_all(range).await? {
            let Some(Ok(id)) = row.key_str("migration_id").map(str::parse) else { continue };
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
        // One that cannot be read is as good as none; the person says it again.
        wish: row.get_str("wish").and_then(|json| serde_json::from_str(json).ok()),
    })
}

fn json_column<T: serde::de::DeserializeOwned>(
    table: &'static str,
    key: &str,
    row: &Row,
    column: &str,
) -> Result<T, RecordsError> {
    serde_json::from_str(row.get_str(column).unwrap_or_default()).map_err(|error| RecordsError::BadRow {
        table,
        key: key.to_owned(),
        problem: format!("{column}: {error}"),
    })
}
