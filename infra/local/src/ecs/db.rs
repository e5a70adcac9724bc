//! Typed tables over the embedded store. Readers read what is committed; writers take turns, and
//! what a writer changes (rows, jobs, outgoing events) is one atomic, durable batch.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::model::{Instance, Job, Outgoing, Work};
use crate::seams::ServiceError;
use crate::store::{Space, Store};

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    Instances,
    Disks,
    Snapshots,
    SnapshotGroups,
    Images,
    Invocations,
    Results,
    Tokens,
    History,
    Jobs,
    Outbox,
    AutoSnapshotPolicies,
}

impl Table {
    /// Every table with the name of its space, in the order of the enum.
    const NAMES: [&str; 12] = [
        "ecs_instances",
        "ecs_disks",
        "ecs_snapshots",
        "ecs_snapshot_groups",
        "ecs_images",
        "ecs_invocations",
        "ecs_results",
        "ecs_tokens",
        "ecs_history",
        "ecs_jobs",
        "ecs_outbox",
        "ecs_auto_snapshot_policies",
    ];
}

/// Something that is stored as a JSON row.
pub trait Row: Serialize + DeserializeOwned {
    /// Where it is stored.
    const TABLE: Table;
    /// Under which key.
    fn key(&self) -> String;
}

/// The tables.
pub struct Db {
    store: Store,
    spaces: Vec<Space>,
    /// Held by the writer whose turn it is; the next sequence number.
    turn: Mutex<u64>,
}

impl Db {
    /// Opens or creates the tables in `store` at `now`, epoch milliseconds.
    pub fn open(store: Store, now: i64) -> Result<Self, ServiceError> {
        let spaces = Table::NAMES.iter().map(|name| store.space(name)).collect::<Result<Vec<_>, _>>()?;
        let db = Self { store, spaces, turn: Mutex::new(0) };
        let last_job = db.scan::<Job>("")?.last().map_or(0, |job| job.seq);
        let last_event = db.scan::<Outgoing>("")?.last().map_or(0, |event| event.seq);
        // Beyond every number that was ever given (no process commits a thousand times a
        // millisecond), so that reading on from a number never meets what was deleted long ago.
        *db.turn() = (last_job.max(last_event) + 1).max(now.unsigned_abs() * 1000);
        Ok(db)
    }

    fn turn(&self) -> MutexGuard<'_, u64> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn space(&self, table: Table) -> &Space {
        &self.spaces[table as usize]
    }

    /// The committed row under `key`.
    pub fn get<T: Row>(&self, key: &str) -> Result<Option<T>, ServiceError> {
        self.space(T::TABLE).get(key)
    }

    /// Every committed row whose key starts with `prefix`, in key order.
    pub fn scan<T: Row>(&self, prefix: &str) -> Result<Vec<T>, ServiceError> {
        self.space(T::TABLE).scan(prefix)
    }

    /// The committed rows whose key comes after `key`, in key order, read as they are asked for.
    pub fn after<'a, T: Row + 'a>(&'a self, key: &str) -> impl Iterator<Item = Result<T, ServiceError>> + use<'a, T> {
        let mut from = key.as_bytes().to_vec();
        if !from.is_empty() {
            from.push(0);
        }
        // Keys are ASCII: 0xff comes after all of them.
        self.space(T::TABLE).range_bytes(from, vec![0xff]).map(|entry| {
            let (_, bytes) = entry?;
            serde_json::from_slice(&bytes).map_err(|e| ServiceError::internal(format!("store: {e}")))
        })
    }

    /// Waits for the writer's turn.
    pub fn begin(&self) -> Txn<'_> {
        Txn { db: self, turn: self.turn(), changes: BTreeMap::new(), jobs: Vec::new(), published: false }
    }
}

/// A writer's turn. Dropped without `commit`, nothing has happened.
pub struct Txn<'a> {
    db: &'a Db,
    turn: MutexGuard<'a, u64>,
    changes: BTreeMap<(Table, String), Option<Vec<u8>>>,
    jobs: Vec<Job>,
    published: bool,
}

/// What the rest of the service must know of a commit.
#[derive(Default)]
pub struct Committed {
    /// New jobs.
    pub jobs: Vec<Job>,
    /// There are outgoing events.
    pub events: bool,
    /// Instances as they are now; None was deleted.
    pub instances: Vec<(String, Option<Instance>)>,
}

impl Txn<'_> {
    /// The row under `key` as this writer sees it.
    pub fn get<T: Row>(&self, key: &str) -> Result<Option<T>, ServiceError> {
        match self.changes.get(&(T::TABLE, key.to_owned())) {
            None => self.db.get(key),
            Some(None) => Ok(None),
            Some(Some(bytes)) => {
                serde_json::from_slice(bytes).map(Some).map_err(|e| ServiceError::internal(format!("store: {e}")))
            }
        }
    }

    /// Puts a row.
    pub fn put<T: Row>(&mut self, row: &T) -> Result<(), ServiceError> {
        let bytes = serde_json::to_vec(row).map_err(|e| ServiceError::internal(format!("store: {e}")))?;
        self.changes.insert((T::TABLE, row.key()), Some(bytes));
        Ok(())
    }

    /// Deletes a row; a missing one is fine.
    pub fn delete<T: Row>(&mut self, key: &str) {
        self.changes.insert((T::TABLE, key.to_owned()), None);
    }

    /// Adds a job that occupies `key`, is due at `due` and ends at `not_before` at the earliest.
    pub fn job(&mut self, key: &str, due: i64, not_before: i64, work: Work) -> Result<(), ServiceError> {
        let job = self.parked_job(key, due, not_before, work)?;
        self.jobs.push(job);
        Ok(())
    }

    /// As `job`, but no worker takes it before the caller pushes it into the queue (or a restart
    /// does).
    pub fn parked_job(&mut self, key: &str, due: i64, not_before: i64, work: Work) -> Result<Job, ServiceError> {
        let job = Job { seq: self.next(), key: key.to_owned(), due, not_before, outcome: None, work, tries: 0 };
        self.put(&job)?;
        Ok(job)
    }

    /// Adds an event that is published after the commit.
    pub fn publish(&mut self, event: Value) -> Result<(), ServiceError> {
        let outgoing = Outgoing { seq: self.next(), event };
        self.published = true;
        self.put(&outgoing)
    }

    fn next(&mut self) -> u64 {
        let seq = *self.turn;
        *self.turn += 1;
        seq
    }

    /// Makes it durable, tells `then` while it is still this writer's turn (so that these are told
    /// in the order of the commits), and ends the turn.
    pub fn commit(self, then: impl FnOnce(Committed)) -> Result<(), ServiceError> {
        let mut committed = Committed { jobs: self.jobs, events: self.published, instances: Vec::new() };
        let mut batch = self.db.store.batch();
        for ((table, key), bytes) in &self.changes {
            match bytes {
                Some(bytes) => batch.put_bytes(self.db.space(*table), key, bytes),
                None => batch.delete(self.db.space(*table), key),
            }
            if *table == Table::Instances {
                let instance = bytes.as_deref().map(serde_json::from_slice).transpose();
                let instance = instance.map_err(|e| ServiceError::internal(format!("store: {e}")))?;
                committed.instances.push((key.clone(), instance));
            }
        }
        self.db.store.commit(batch)?;
        then(committed);
        Ok(())
    }
}
