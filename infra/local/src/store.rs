//! The embedded store: what the local cloud must remember. Values are JSON or bytes under byte
//! keys, in named spaces.
//!
//! A batch is atomic: after a kill or a power cut, and for whoever scans meanwhile, all of it is there or
//! nothing. Batches that are committed at the same time share one write and one fsync ([`group`]).
//!
//! A write is readable only once it is durable: fjall applies a batch after its fsync. So nobody sees a write
//! that is then reported as failed, as long as this process runs. When a write or an fsync fails, nothing can
//! be said of what the disk holds (after a failed fsync the kernel forgets the pages that it could not write),
//! so the error says "unknown", every later commit is refused, and only a restart, which reads the journal
//! again, tells: the batch is then there as a whole, or not at all.

mod group;

use std::path::Path;
use std::sync::Arc;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Slice};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::seams::ServiceError;
use group::Groups;

/// Handle to the store; cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    db: Database,
    groups: Groups<Write>,
    durability: Durability,
}

/// What an acknowledged commit survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// A kill of the process and a power cut: it is synced to the disk.
    #[default]
    Synced,
    /// A kill of the process: the kernel has it.
    Volatile,
}

/// One named key space.
#[derive(Clone)]
pub struct Space {
    db: Database,
    keyspace: Keyspace,
}

/// Key and value of an entry.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Changes that happen together or not at all. Of two changes of one key the later one counts.
#[derive(Default)]
pub struct Batch {
    writes: Vec<Write>,
}

/// The new value of a key; None deletes it.
struct Write {
    keyspace: Keyspace,
    key: Slice,
    value: Option<Slice>,
}

fn broken(what: impl std::fmt::Display) -> ServiceError {
    ServiceError::internal(format!("store: {what}"))
}

impl Store {
    /// Opens or creates the store in `path`. Errors when another process holds it.
    pub fn open(path: &Path) -> Result<Self, ServiceError> {
        Self::open_with(path, Durability::Synced)
    }

    /// Opens or creates the store in `path`, with commits as durable as is said. Errors when another process
    /// holds it.
    pub fn open_with(path: &Path, durability: Durability) -> Result<Self, ServiceError> {
        let db = Database::builder(path).open().map_err(broken)?;
        Ok(Self { inner: Arc::new(Inner { db, groups: Groups::default(), durability }) })
    }

    /// The space `name`, created when new.
    pub fn space(&self, name: &str) -> Result<Space, ServiceError> {
        let keyspace = self.inner.db.keyspace(name, KeyspaceCreateOptions::default).map_err(broken)?;
        Ok(Space { db: self.inner.db.clone(), keyspace })
    }

    /// An empty batch.
    pub fn batch(&self) -> Batch {
        Batch::default()
    }

    /// Applies the batch; on return it survives a kill and a power cut (as [`Durability`] says). Blocks on the
    /// disk; a thread that waits lets others commit in the same group.
    ///
    /// # Errors
    /// The disk failed, now or before: see the module about what then is known.
    pub fn commit(&self, batch: Batch) -> Result<(), ServiceError> {
        let outcome = self.inner.groups.commit(batch.writes, |writes| self.inner.write(writes));
        outcome.map_err(|error| broken(format!("it is unknown whether a commit happened: {error}")))
    }
}

impl Inner {
    fn write(&self, writes: Vec<Write>) -> group::Outcome {
        let mode = match self.durability {
            Durability::Synced => PersistMode::SyncData,
            Durability::Volatile => PersistMode::Buffer,
        };
        let mut batch = fjall::OwnedWriteBatch::with_capacity(self.db.clone(), writes.len());
        for Write { keyspace, key, value } in writes {
            match value {
                Some(value) => batch.insert(&keyspace, key, value),
                None => batch.remove(&keyspace, key),
            }
        }
        batch.durability(Some(mode)).commit().map_err(|error| error.to_string().into())
    }
}

impl Batch {
    /// Puts bytes.
    pub fn put_bytes(&mut self, space: &Space, key: impl AsRef<[u8]>, value: &[u8]) {
        self.push(space, key.as_ref(), Some(value.into()));
    }

    /// Puts a value as JSON.
    pub fn put<T: Serialize>(&mut self, space: &Space, key: impl AsRef<[u8]>, value: &T) -> Result<(), ServiceError> {
        let json = serde_json::to_vec(value).map_err(broken)?;
        self.push(space, key.as_ref(), Some(json.into()));
        Ok(())
    }

    /// Deletes a key; a missing one is fine.
    pub fn delete(&mut self, space: &Space, key: impl AsRef<[u8]>) {
        self.push(space, key.as_ref(), None);
    }

    fn push(&mut self, space: &Space, key: &[u8], value: Option<Slice>) {
        self.writes.push(Write { keyspace: space.keyspace.clone(), key: key.into(), value });
    }
}

impl Space {
    /// The bytes under `key`.
    pub fn get_bytes(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, ServiceError> {
        Ok(self.keyspace.get(key.as_ref()).map_err(broken)?.map(|v| v.to_vec()))
    }

    /// The value under `key`.
    pub fn get<T: DeserializeOwned>(&self, key: impl AsRef<[u8]>) -> Result<Option<T>, ServiceError> {
        match self.get_bytes(key)? {
            None => Ok(None),
            Some(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(broken),
        }
    }

    /// Key and bytes of every entry whose key starts with `prefix`, in key order, all of one moment.
    pub fn scan_bytes(&self, prefix: impl AsRef<[u8]>) -> Result<Vec<Entry>, ServiceError> {
        let mut found = Vec::new();
        for entry in self.db.snapshot().prefix(&self.keyspace, prefix.as_ref()) {
            let (key, value) = entry.into_inner().map_err(broken)?;
            found.push((key.to_vec(), value.to_vec()));
        }
        Ok(found)
    }

    /// Every value whose key starts with `prefix`, in key order.
    pub fn scan<T: DeserializeOwned>(&self, prefix: impl AsRef<[u8]>) -> Result<Vec<T>, ServiceError> {
        self.scan_bytes(prefix)?.into_iter().map(|(_, value)| serde_json::from_slice(&value).map_err(broken)).collect()
    }

    /// Key and bytes of the entries in `[from, to)`, in key order, all of one moment, read as they are asked for.
    pub fn range_bytes(
        &self,
        from: Vec<u8>,
        to: Vec<u8>,
    ) -> impl DoubleEndedIterator<Item = Result<Entry, ServiceError>> {
        self.db.snapshot().range(&self.keyspace, from..to).map(|entry| {
            let (key, value) = entry.into_inner().map_err(broken)?;
            Ok((key.to_vec(), value.to_vec()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_read_back_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        {
            let store = Store::open(dir.path()).unwrap();
            let space = store.space("things").unwrap();
            let mut batch = store.batch();
            batch.put(&space, "a/1", &1).unwrap();
            batch.put(&space, "a/2", &2).unwrap();
            batch.put(&space, "b/1", &3).unwrap();
            batch.delete(&space, "a/2");
            store.commit(batch).unwrap();
        }
        let space = Store::open(dir.path()).unwrap().space("things").unwrap();
        assert_eq!(space.scan::<i32>("a/").unwrap(), vec![1]);
        assert_eq!(space.get::<i32>("b/1").unwrap(), Some(3));
        assert_eq!(space.range_bytes(b"a".to_vec(), b"z".to_vec()).count(), 2);
    }

    #[test]
    fn of_two_changes_of_a_key_in_one_commit_the_later_one_counts() {
        let dir = tempfile::tempdir().unwrap();
        let read = |store: &Store| {
            let space = store.space("things").unwrap();
            [space.get::<i32>("changed").unwrap(), space.get("deleted").unwrap(), space.get("put again").unwrap()]
        };
        {
            let store = Store::open(dir.path()).unwrap();
            let space = store.space("things").unwrap();
            // As the leader of a group of two commits does it.
            let (mut batch, mut joined) = (store.batch(), store.batch());
            for key in ["changed", "deleted", "put again"] {
                batch.put(&space, key, &1).unwrap();
            }
            joined.put(&space, "changed", &2).unwrap();
            joined.delete(&space, "deleted");
            joined.delete(&space, "put again");
            joined.put(&space, "put again", &3).unwrap();
            batch.writes.append(&mut joined.writes);
            store.commit(batch).unwrap();
            assert_eq!(read(&store), [Some(2), None, Some(3)]);
        }
        assert_eq!(read(&Store::open(dir.path()).unwrap()), [Some(2), None, Some(3)], "after recovery");
    }

    #[test]
    fn who_scans_sees_all_of_a_batch_or_nothing() {
        const KEYS: u8 = 64;
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_with(dir.path(), Durability::Volatile).unwrap();
        let space = store.space("things").unwrap();
        let write = |number: u32| {
            let mut batch = store.batch();
            for key in 0..KEYS {
                batch.put(&space, [key], &number).unwrap();
            }
            store.commit(batch).unwrap();
        };
        write(0);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| (1..500).for_each(write));
            while !writer.is_finished() {
                let mut numbers = space.scan::<u32>("").unwrap();
                assert_eq!(numbers.len(), usize::from(KEYS));
                numbers.dedup();
                assert_eq!(numbers.len(), 1, "{numbers:?}");
            }
        });
    }

    #[test]
    fn many_committers_lose_nothing() {
        const WRITERS: u16 = 16;
        let dir = tempfile::tempdir().unwrap();
        {
            let store = Store::open(dir.path()).unwrap();
            let space = store.space("things").unwrap();
            std::thread::scope(|scope| {
                for writer in 0..WRITERS {
                    let (store, space) = (&store, &space);
                    scope.spawn(move || {
                        for number in 0..20_u16 {
                            let mut batch = store.batch();
                            batch.put(space, format!("{writer:02}/{number:02}"), &number).unwrap();
                            batch.put(space, format!("newest/{writer:02}"), &number).unwrap();
                            store.commit(batch).unwrap();
                            assert_eq!(
                                space.get(format!("newest/{writer:02}")).unwrap(),
                                Some(number),
                                "its own commit"
                            );
                        }
                    });
                }
            });
        }
        let space = Store::open(dir.path()).unwrap().space("things").unwrap();
        assert_eq!(space.scan::<u16>("newest/").unwrap(), vec![19; usize::from(WRITERS)]);
        assert_eq!(space.scan_bytes("").unwrap().len(), usize::from(WRITERS) * 21);
    }
}
