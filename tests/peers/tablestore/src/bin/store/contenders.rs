//! Who is measured. Each is filled with all rows at version 0 when it is opened.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use local_cloud::credentials::Keyring;
use local_cloud::ram::Policies;
use local_cloud::store::{Durability, Space, Store};
use local_cloud::tablestore::{Caller, Tablestore};
use openapi::Credentials;
use prost::Message;
use redb::{ReadableDatabase, TableDefinition};
use rusqlite::Connection;
use tablestore::messages::{
    Condition, CreateTableRequest, PrimaryKeySchema, PrimaryKeyType, RowExistence, TableMeta, TableOptions,
    WriteRowRequest,
};
use tablestore::plainbuffer::{CellRef, ValueRef, Writer};
use tablestore::{Filter, sign};
use tablestore_peers::Error;
use tablestore_peers::cas::{Contender, ROWS, check, key, value, version};

/// What a commit waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// The disk.
    Disk,
    /// Nothing but the kernel.
    None,
}

/// The least that is durable: the row at the end of a file, and fdatasync.
pub struct Floor(Mutex<File>);

impl Floor {
    pub fn create(path: &Path) -> Result<Self, Error> {
        Ok(Self(Mutex::new(File::options().create_new(true).append(true).open(path)?)))
    }
}

impl Contender for Floor {
    fn set(&self, row: usize, _: u64, value: &[u8]) -> Result<(), Error> {
        let mut file = lock(&self.0);
        file.write_all(&[key(row).as_bytes(), value].concat())?;
        Ok(file.sync_data()?)
    }
}

/// The local cloud's store.
pub struct Ours {
    store: Store,
    space: Space,
}

impl Ours {
    pub fn open(dir: &Path, sync: Sync) -> Result<Self, Error> {
        let store = open_store(dir, sync)?;
        let space = store.space("rows").map_err(said)?;
        let mut batch = store.batch();
        (0..ROWS).for_each(|row| batch.put_bytes(&space, key(row), &value(0)));
        store.commit(batch).map_err(said)?;
        Ok(Self { store, space })
    }
}

impl Contender for Ours {
    fn set(&self, row: usize, expected: u64, value: &[u8]) -> Result<(), Error> {
        let key = key(row);
        check(self.space.get_bytes(&key).map_err(said)?.as_deref(), expected)?;
        let mut batch = self.store.batch();
        batch.put_bytes(&self.space, &key, value);
        self.store.commit(batch).map_err(said)
    }
}

/// The local cloud's Tablestore, from the bytes of a conditional PutRow to the bytes of its signed answer.
pub struct Server {
    tablestore: Tablestore,
    caller: Caller,
}

impl Server {
    pub fn open(dir: &Path, sync: Sync) -> Result<Self, Error> {
        let store = open_store(dir, sync)?;
        let keyring = Keyring::open(&store, Policies::default()).map_err(said)?;
        let operator = keyring.operator();
        let credentials = Credentials {
            access_key_id: operator.access_key_id.clone(),
            access_key_secret: operator.access_key_secret.clone(),
            security_token: None,
        };
        let tablestore = Tablestore::open(store, keyring.clone(), "bench").map_err(said)?;
        let now = jiff::Timestamp::now();
        let mut headers = http::HeaderMap::new();
        for (name, value) in sign::request_headers(&credentials, "bench", "PutRow", &[], now) {
            headers.insert(http::HeaderName::from_static(name), value.parse()?);
        }
        let caller = tablestore.authenticate("/PutRow", &headers, &[]).map_err(|_| "not let in")?;
        let server = Self { tablestore, caller };
        let primary_key =
            vec![PrimaryKeySchema { name: "id".into(), r#type: PrimaryKeyType::String as i32, option: None }];
        let table_meta = TableMeta { table_name: "rows".into(), primary_key, ..TableMeta::default() };
        let table_options =
            Some(TableOptions { time_to_live: Some(-1), max_versions: Some(1), ..TableOptions::default() });
        let create = CreateTableRequest { table_meta, table_options, ..CreateTableRequest::default() };
        server.ask("/CreateTable", create.encode_to_vec())?;
        for row in 0..ROWS {
            server.put(row, &value(0), Condition::default())?;
        }
        Ok(server)
    }

    fn put(&self, row: usize, value: &[u8], condition: Condition) -> Result<(), Error> {
        let mut writer = Writer::with_capacity(800);
        writer.key("id", ValueRef::String(&key(row)));
        writer.cell(&CellRef::new("record", ValueRef::String(std::str::from_utf8(&value[8..])?)));
        writer.cell(&CellRef::new("version", ValueRef::Integer(i64::try_from(version(value)?)?)));
        writer.end_row();
        let row = writer.finish().into();
        let request =
            WriteRowRequest { table_name: "rows".into(), row, condition, return_content: None, transaction_id: None };
        self.ask("/PutRow", request.encode_to_vec())
    }

    fn ask(&self, path: &str, body: Vec<u8>) -> Result<(), Error> {
        let answer = self.tablestore.answer(&self.caller, path, &Bytes::from(body));
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(format!("{path}: {}", String::from_utf8_lossy(answer.body())).into()),
        }
    }
}

impl Contender for Server {
    fn set(&self, row: usize, expected: u64, value: &[u8]) -> Result<(), Error> {
        let column = Filter::equal("version", i64::try_from(expected)?).to_bytes().into();
        let row_existence = RowExistence::ExpectExist as i32;
        self.put(row, value, Condition { row_existence, column_condition: Some(column) })
    }
}

/// fjall as it comes, one sync for each commit.
pub struct Fjall {
    db: Database,
    rows: Keyspace,
    mode: PersistMode,
}

impl Fjall {
    pub fn open(dir: &Path, sync: Sync) -> Result<Self, Error> {
        let db = Database::builder(dir).open()?;
        let rows = db.keyspace("rows", KeyspaceCreateOptions::default)?;
        for row in 0..ROWS {
            rows.insert(key(row), value(0))?;
        }
        let mode = if sync == Sync::Disk { PersistMode::SyncData } else { PersistMode::Buffer };
        Ok(Self { db, rows, mode })
    }
}

impl Contender for Fjall {
    fn set(&self, row: usize, expected: u64, value: &[u8]) -> Result<(), Error> {
        let key = key(row);
        check(self.rows.get(&key)?.as_deref(), expected)?;
        let mut batch = self.db.batch().durability(Some(self.mode));
        batch.insert(&self.rows, key.as_str(), value);
        Ok(batch.commit()?)
    }
}

const TABLE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("rows");

/// redb: one write transaction at a time, by itself.
pub struct Redb {
    db: redb::Database,
    durability: redb::Durability,
}

impl Redb {
    pub fn open(dir: &Path, sync: Sync) -> Result<Self, Error> {
        fs::create_dir_all(dir)?;
        let db = redb::Database::create(dir.join("rows"))?;
        let write = db.begin_write()?;
        {
            let mut rows = write.open_table(TABLE)?;
            for row in 0..ROWS {
                rows.insert(key(row).as_str(), value(0).as_slice())?;
            }
        }
        write.commit()?;
        let durability = if sync == Sync::Disk { redb::Durability::Immediate } else { redb::Durability::None };
        Ok(Self { db, durability })
    }
}

impl Contender for Redb {
    fn set(&self, row: usize, expected: u64, value: &[u8]) -> Result<(), Error> {
        let key = key(row);
        {
            let read = self.db.begin_read()?.open_table(TABLE)?;
            check(redb::ReadableTable::get(&read, key.as_str())?.as_ref().map(|found| found.value()), expected)?;
        }
        let mut write = self.db.begin_write()?;
        write.set_durability(self.durability)?;
        write.open_table(TABLE)?.insert(key.as_str(), value)?;
        Ok(write.commit()?)
    }
}

/// SQLite with a write-ahead log, and one connection: more of them lose time to each other.
pub struct Sqlite(Mutex<Connection>);

impl Sqlite {
    pub fn open(dir: &Path, sync: Sync) -> Result<Self, Error> {
        fs::create_dir_all(dir)?;
        let mut connection = Connection::open(dir.join("rows"))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", if sync == Sync::Disk { "FULL" } else { "NORMAL" })?;
        connection.execute(
            "CREATE TABLE rows (id TEXT PRIMARY KEY, version INTEGER NOT NULL, value BLOB NOT NULL) WITHOUT ROWID",
            (),
        )?;
        let transaction = connection.transaction()?;
        for row in 0..ROWS {
            transaction.execute("INSERT INTO rows VALUES (?1, 0, ?2)", (key(row), value(0)))?;
        }
        transaction.commit()?;
        Ok(Self(Mutex::new(connection)))
    }
}

impl Contender for Sqlite {
    fn set(&self, row: usize, expected: u64, value: &[u8]) -> Result<(), Error> {
        let connection = lock(&self.0);
        let mut update = connection
            .prepare_cached("UPDATE rows SET version = version + 1, value = ?1 WHERE id = ?2 AND version = ?3")?;
        match update.execute((value, key(row), i64::try_from(expected)?))? {
            1 => Ok(()),
            _ => Err("the version is another".into()),
        }
    }
}

fn open_store(dir: &Path, sync: Sync) -> Result<Store, Error> {
    let durability = if sync == Sync::Disk { Durability::Synced } else { Durability::Volatile };
    Store::open_with(dir, durability).map_err(said)
}

fn said(error: local_cloud::seams::ServiceError) -> Error {
    error.message.into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
