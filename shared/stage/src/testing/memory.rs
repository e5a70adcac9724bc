//! Records and a bus in memory.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use migration::{MigrationId, Millis, Record, Step, Wish};
use openapi::eventbridge::{CloudEvent, MAX_EVENT_BYTES};
use openapi::{ApiError, ErrorKind};

use crate::bus::Bus;
use crate::records::{Commit, Due, Lease, Member, Outgoing, Records, RecordsError, Stored};
use crate::testing::refused;

/// Rows in memory, by the rules of Tablestore's conditions.
#[derive(Default)]
pub struct MemoryRecords {
    rows: RefCell<BTreeMap<MigrationId, Row>>,
    locks: RefCell<BTreeMap<String, (MigrationId, u32)>>,
    history: RefCell<BTreeMap<(MigrationId, u64), Step>>,
    members: RefCell<BTreeMap<(String, MigrationId), Member>>,
    timings: RefCell<BTreeMap<(String, String), Millis>>,
    calls: Cell<u32>,
    fail: Cell<Option<u32>>,
}

#[derive(Clone)]
struct Row {
    record: String,
    version: i64,
    poke: i64,
    lease: Option<Lease>,
    outbox: Vec<Outgoing>,
    outbox_seq: i64,
    look_at: Option<Millis>,
    resend_at: Option<Millis>,
    wish: Option<(String, Millis)>,
}

impl MemoryRecords {
    /// Puts a record's row, without lease or outbox.
    pub fn put(&self, record: &Record) {
        let row = Row {
            record: record.to_json(),
            version: 1,
            poke: 0,
            lease: None,
            outbox: Vec::new(),
            outbox_seq: 0,
            look_at: record.look_at,
            resend_at: None,
            wish: None,
        };
        self.rows.borrow_mut().insert(record.id.clone(), row);
    }

    /// Puts the stored form of a wish.
    pub fn raw_wish(&self, id: &MigrationId, json: &str, at: Millis) {
        if let Some(row) = self.rows.borrow_mut().get_mut(id) {
            row.wish = Some((json.to_owned(), at));
        }
    }

    /// Changes the stored form of a record.
    pub fn raw(&self, id: &MigrationId, change: impl FnOnce(&mut String)) {
        if let Some(row) = self.rows.borrow_mut().get_mut(id) {
            change(&mut row.record);
        }
    }

    /// The stored form of a record.
    pub fn json(&self, id: &MigrationId) -> Option<String> {
        self.rows.borrow().get(id).map(|row| row.record.clone())
    }

    /// A migration's history, in order.
    pub fn steps(&self, id: &MigrationId) -> Vec<Step> {
        self.history.borrow().iter().filter(|((of, _), _)| of == id).map(|(_, step)| step.clone()).collect()
    }

    /// The `nth` call from now (counted from 1) is refused.
    pub fn fail(&self, nth: u32) {
        self.fail.set(Some(self.calls.get() + nth));
    }

    fn call(&self) -> Result<(), RecordsError> {
        self.calls.set(self.calls.get() + 1);
        if self.fail.get() == Some(self.calls.get()) {
            let on = tablestore::error::On { operation: "Test", table: "test".into() };
            return Err(tablestore::Error::InvalidRequest { on, what: "told to fail".into() }.into());
        }
        Ok(())
    }

    /// Changes a row if `holds`; whether it did.
    fn change(&self, id: &MigrationId, holds: impl FnOnce(&Row) -> bool, change: impl FnOnce(&mut Row)) -> bool {
        match self.rows.borrow_mut().get_mut(id) {
            Some(row) if holds(row) => {
                change(row);
                true
            }
            _ => false,
        }
    }
}

impl Records for MemoryRecords {
    async fn load(&self, id: &MigrationId) -> Result<Option<Stored>, RecordsError> {
        self.call()?;
        let Some(row) = self.rows.borrow().get(id).cloned() else { return Ok(None) };
        let schema = |source| RecordsError::Schema { id: id.clone(), source };
        Ok(Some(Stored {
            record: Record::from_json(&row.record).map_err(schema)?,
            version: row.version,
            poke: row.poke,
            lease: row.lease,
            outbox: row.outbox,
            outbox_seq: row.outbox_seq,
            wish: row.wish.map(|(json, _)| serde_json::from_str(&json).map_err(|error| error.to_string())),
        }))
    }

    async fn create(&self, record: &Record, outbox: &[Outgoing], resend_at: Millis) -> Result<bool, RecordsError> {
        self.call()?;
        if self.rows.borrow().contains_key(&record.id) {
            return Ok(false);
        }
        self.put(record);
        self.change(
            &record.id,
            |_| true,
            |row| {
                row.outbox = outbox.to_vec();
                row.outbox_seq = 1;
                row.resend_at = Some(resend_at);
            },
        );
        Ok(true)
    }

    async fn acquire(&self, stored: &Stored, lease: &Lease) -> Result<bool, RecordsError> {
        self.call()?;
        Ok(self.change(
            &stored.record.id,
            |row| row.version == stored.version,
            |row| {
                row.version += 1;
                row.lease = Some(lease.clone());
            },
        ))
    }

    async fn commit(&self, stored: &Stored, record: &Record, commit: &Commit<'_>) -> Result<Option<i64>, RecordsError> {
        self.call()?;
        let mine = |row: &Row| {
            row.version == stored.version + 1 && row.lease.as_ref().is_some_and(|lease| lease.holder == commit.holder)
        };
        let mut poke = None;
        self.change(&record.id, mine, |row| {
            row.record = record.to_json();
            row.version += 1;
            row.lease = None;
            row.look_at = record.look_at;
            if !commit.outbox.is_empty() {
                row.outbox = commit.outbox.to_vec();
                row.outbox_seq = stored.outbox_seq + 1;
                row.resend_at = Some(commit.resend_at);
            }
            if commit.answered {
                row.wish = None;
            }
            poke = Some(row.poke);
        });
        Ok(poke)
    }

    async fn poke(&self, id: &MigrationId) -> Result<(), RecordsError> {
        self.call()?;
        self.change(id, |_| true, |row| row.poke += 1);
        Ok(())
    }

    async fn sent(&self, id: &MigrationId, seq: i64) -> Result<(), RecordsError> {
        self.call()?;
        self.change(
            id,
            |row| row.outbox_seq == seq,
            |row| {
                row.outbox.clear();
                row.resend_at = None;
            },
        );
        Ok(())
    }

    async fn write_history(&self, id: &MigrationId, steps: &[Step]) -> Result<(), RecordsError> {
        self.call()?;
        for step in steps {
            self.history.borrow_mut().insert((id.clone(), step.seq), step.clone());
        }
        Ok(())
    }

    async fn wish(&self, id: &MigrationId, wish: &Wish, now: Millis) -> Result<bool, RecordsError> {
        self.call()?;
        Ok(self.change(
            id,
            |row| row.wish.is_none(),
            |row| {
                row.wish = Some((serde_json::to_string(wish).unwrap_or_default(), now));
                row.poke += 1;
            },
        ))
    }

    async fn history(&self, id: &MigrationId) -> Result<Vec<Step>, RecordsError> {
        self.call()?;
        Ok(self.steps(id))
    }

    async fn page(
        &self,
        start: Option<&MigrationId>,
        limit: u32,
    ) -> Result<(Vec<Record>, Option<MigrationId>), RecordsError> {
        self.call()?;
        let rows = self.rows.borrow();
        let mut from = rows.iter().filter(|(id, _)| start.is_none_or(|start| *id >= start));
        let records = from.by_ref().take(limit as usize).filter_map(|(_, row)| Record::from_json(&row.record).ok());
        let records = records.collect();
        Ok((records, from.next().map(|(id, _)| id.clone())))
    }

    async fn put_member(&self, member: &Member) -> Result<(), RecordsError> {
        self.call()?;
        let key = (member.batch_id.clone(), member.migration_id.clone());
        self.members.borrow_mut().insert(key, member.clone());
        Ok(())
    }

    async fn members(&self, batch_id: &str) -> Result<Vec<Member>, RecordsError> {
        self.call()?;
        let members = self.members.borrow();
        Ok(members.values().filter(|member| member.batch_id == batch_id).cloned().collect())
    }

    async fn put_timing(&self, path: &str, occasion: &str, took: Millis) -> Result<(), RecordsError> {
        self.call()?;
        self.timings.borrow_mut().insert((path.to_owned(), occasion.to_owned()), took);
        Ok(())
    }

    async fn timings(&self, path: &str) -> Result<Vec<Millis>, RecordsError> {
        self.call()?;
        Ok(self.timings.borrow().iter().filter(|((of, _), _)| of == path).map(|(_, took)| *took).take(50).collect())
    }

    async fn lock_holder(&self, instance_id: &str) -> Result<Option<MigrationId>, RecordsError> {
        self.call()?;
        Ok(self.locks.borrow().get(instance_id).map(|(id, _)| id.clone()))
    }

    async fn lock(&self, instance_id: &str, id: &MigrationId, tries: u32) -> Result<bool, RecordsError> {
        self.call()?;
        let mut locks = self.locks.borrow_mut();
        let holder = locks.entry(instance_id.to_owned()).or_insert_with(|| (id.clone(), tries));
        if holder.0 == *id {
            holder.1 = tries;
        }
        Ok(holder.0 == *id)
    }

    async fn unlock(&self, instance_id: &str, id: &MigrationId, tries: u32) -> Result<(), RecordsError> {
        self.call()?;
        let gone = (id.clone(), tries);
        self.locks.borrow_mut().retain(|instance, holder| instance != instance_id || *holder != gone);
        Ok(())
    }

    async fn due(&self, now: Millis) -> Result<Vec<Due>, RecordsError> {
        self.call()?;
        let passed = |at: Option<Millis>| at.is_some_and(|at| at <= now);
        let rows = self.rows.borrow();
        let due = rows.iter().filter(|(_, row)| {
            passed(row.look_at)
                || passed(row.resend_at)
                || passed(row.lease.as_ref().map(|lease| lease.until))
                || passed(row.wish.as_ref().map(|(_, at)| *at))
        });
        Ok(due.map(|(id, row)| Due { id: id.clone(), outbox: passed(row.resend_at) }).collect())
    }
}

/// A bus that keeps what it is given.
#[derive(Default)]
pub struct MemoryBus {
    events: RefCell<Vec<CloudEvent>>,
    failures: Cell<u32>,
}

impl MemoryBus {
    /// Everything that was published.
    pub fn events(&self) -> Vec<CloudEvent> {
        self.events.borrow().clone()
    }

    /// The next `times` publications are refused.
    pub fn fail(&self, times: u32) {
        self.failures.set(times);
    }
}

impl Bus for MemoryBus {
    async fn publish(&self, events: &[CloudEvent]) -> Result<(), ApiError> {
        if self.failures.get() > 0 {
            self.failures.set(self.failures.get() - 1);
            return Err(refused("PutEvents", 503, "ServiceUnavailable"));
        }
        if let Some(event) = events.iter().find(|event| event.to_value().to_string().len() > MAX_EVENT_BYTES) {
            return Err(ApiError {
                product: "EventBridge",
                operation: "PutEvents".into(),
                resource: event.id.as_str().into(),
                kind: ErrorKind::Invalid("the event is too large".into()),
            });
        }
        self.events.borrow_mut().extend_from_slice(events);
        Ok(())
    }
}
