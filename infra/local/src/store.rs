//! The embedded store: what the local cloud must remember. Values are JSON or bytes under byte
//! keys, in named spaces; a batch is atomic, and durable once `commit` returns.

use std::path::Path;
use std::sync::Arc;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::seams::ServiceError;

/// Handle to the store; cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: Arc<Database>,
}

/// One named key space.
#[derive(Clone)]
pub struct Space {
    keyspace: Keyspace,
}

/// Key and value of an entry.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Changes that happen together or not at all.
pub struct Batch {
    inner: fjall::OwnedWriteBatch,
}

fn broken(what: impl std::fmt::Display) -> ServiceError {
    ServiceError::internal(format!("store: {what}"))
}

impl Store {
    /// Opens or creates the store in `path`. Errors when another process holds it.
    pub fn open(path: &Path) -> Result<Self, ServiceError> {
        let db = Database::builder(path).open().map_err(broken)?;
        Ok(Self { db: Arc::new(db) })
    }

    /// The space `name`, created when new.
    pub fn space(&self, name: &str) -> Result<Space, ServiceError> {
        let keyspace = self.db.keyspace(name, KeyspaceCreateOptions::default).map_err(broken)?;
        Ok(Space { keyspace })
    }

    /// An empty batch.
    pub fn batch(&self) -> Batch {
        Batch { inner: self.db.batch() }
    }

    /// Applies the batch; on return it survives a kill and a power cut.
    pub fn commit(&self, batch: Batch) -> Result<(), ServiceError> {
        batch.inner.durability(Some(PersistMode::SyncData)).commit().map_err(broken)
    }
}

impl Batch {
    /// Puts bytes.
    pub fn put_bytes(&mut self, space: &Space, key: impl AsRef<[u8]>, value: &[u8]) {
        self.inner.insert(&space.keyspace, key.as_ref(), value);
    }

    /// Puts a value as JSON.
    pub fn put<T: Serialize>(&mut self, space: &Space, key: impl AsRef<[u8]>, value: &T) -> Result<(), ServiceError> {
        let json = serde_json::to_vec(value).map_err(broken)?;
        self.put_bytes(space, key, &json);
        Ok(())
    }

    /// Deletes a key; a missing one is fine.
    pub fn delete(&mut self, space: &Space, key: impl AsRef<[u8]>) {
        self.inner.remove(&space.keyspace, key.as_ref());
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

    /// Key and bytes of every entry whose key starts with `prefix`, in key order.
    pub fn scan_bytes(&self, prefix: impl AsRef<[u8]>) -> Result<Vec<Entry>, ServiceError> {
        let mut found = Vec::new();
        for entry in self.keyspace.prefix(prefix.as_ref()) {
            let (key, value) = entry.into_inner().map_err(broken)?;
            found.push((key.to_vec(), value.to_vec()));
        }
        Ok(found)
    }

    /// Every value whose key starts with `prefix`, in key order.
    pub fn scan<T: DeserializeOwned>(&self, prefix: impl AsRef<[u8]>) -> Result<Vec<T>, ServiceError> {
        self.scan_bytes(prefix)?.into_iter().map(|(_, value)| serde_json::from_slice(&value).map_err(broken)).collect()
    }

    /// Key and bytes of the entries in `[from, to)`, in key order, lazily.
    pub fn range_bytes(
        &self,
        from: Vec<u8>,
        to: Vec<u8>,
    ) -> impl DoubleEndedIterator<Item = Result<Entry, ServiceError>> {
        self.keyspace.range(from..to).map(|entry| {
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
}
