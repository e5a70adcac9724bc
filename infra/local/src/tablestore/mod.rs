//! Tablestore: tables of rows under the real wire protocol, API version 2015-12-31.
//!
//! Rows live in one space of the store, under keys that sort as the service sorts primary keys
//! ([`key`]); the value is the row as PlainBuffer. A write reads the row, checks its condition and
//! commits while it holds the row's lock, so of two conditional writes one sees the other; it is
//! answered when the store says that it is durable.
//!
//! Sources: the official SDKs, the Tablestore API and error code references, and recorded traffic of
//! the live service. Where none of them speaks, a comment says "our choice".

mod alone;
mod answer;
mod auth;
mod columns;
mod filter;
mod index;
mod key;
mod read;
mod request;
mod rows;
mod schema;
mod selection;
mod tables;
mod transactions;
mod write;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;
use http::{HeaderMap, Response};
use jiff::Timestamp;
use prost::Message;

use crate::credentials::Keyring;
use crate::seams::ServiceError;
use crate::store::{Space, Store};

pub use alone::{check_method, run_alone, serve, unanswered};
pub use auth::Caller;
pub use request::{Request, parse};
use schema::Table;
use transactions::Transactions;

/// Longest request body (Tablestore limits: 5 MB).
const MAX_BODY: usize = 5 * 1024 * 1024;
/// Row locks. Two rows that share one wait for each other, so there are many more than writes at a time.
const LOCKS: usize = 4096;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// One Tablestore instance. Its methods block on the disk: call them off the async threads.
pub struct Tablestore {
    store: Store,
    keyring: Keyring,
    clock: Clock,
    instance: String,
    table_space: Space,
    row_space: Space,
    /// By name. Row operations hold it for reading until they are done, so a table cannot go away
    /// under them.
    tables: RwLock<TableMap>,
    transactions: Mutex<Transactions>,
    locks: Vec<Mutex<()>>,
    /// Epoch milliseconds of the newest version that was given out: versions never go back, also when
    /// the machine's clock does.
    last_version: AtomicI64,
    /// The newest AUTO_INCREMENT value.
    last_increment: AtomicI64,
}

/// Tables and indexes by name.
type TableMap = BTreeMap<String, Arc<Table>>;
type Tables<'a> = RwLockReadGuard<'a, TableMap>;

impl Tablestore {
    /// Opens the instance `instance_name` over `store`; requests are verified with the keys of `keyring`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(store: Store, keyring: Keyring, instance_name: &str) -> Result<Self, ServiceError> {
        Self::open_at(store, keyring, instance_name, Arc::new(Timestamp::now))
    }

    /// As [`open`](Self::open), with another clock than this machine's.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open_at(store: Store, keyring: Keyring, instance_name: &str, clock: Clock) -> Result<Self, ServiceError> {
        let table_space = store.space("ots-tables")?;
        let row_space = store.space("ots-rows")?;
        let mut tables = TableMap::new();
        table_space.scan::<Table>("")?.into_iter().for_each(|table| tables::show(&mut tables, table));
        Ok(Self {
            tables: RwLock::new(tables),
            transactions: Mutex::default(),
            store,
            keyring,
            clock,
            instance: instance_name.to_owned(),
            table_space,
            row_space,
            locks: (0..LOCKS).map(|_| Mutex::new(())).collect(),
            last_version: AtomicI64::new(0),
            last_increment: AtomicI64::new(0),
        })
    }

    /// Answers one request `POST <operation_path>`, refused or not.
    pub fn handle(&self, operation_path: &str, headers: &HeaderMap, body: &Bytes) -> Response<Bytes> {
        match self.authenticate(operation_path, headers, body) {
            Ok(caller) => self.answer(&caller, operation_path, body),
            Err(refusal) => *refusal,
        }
    }

    /// Finds out who sent the request, and checks its signature, date and MD5.
    ///
    /// # Errors
    /// The answer that refuses it.
    pub fn authenticate(
        &self,
        operation_path: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Caller, Box<Response<Bytes>>> {
        let operation = operation_of(operation_path);
        auth::authenticate(&self.keyring, &self.instance, operation, headers, body, (self.clock)())
            .map_err(|error| Box::new(answer::refusal(operation, None, &error)))
    }

    /// Answers the request of an authenticated caller.
    pub fn answer(&self, caller: &Caller, operation_path: &str, body: &Bytes) -> Response<Bytes> {
        let operation = operation_of(operation_path);
        let result = if body.len() > MAX_BODY {
            Err(ServiceError::new(413, "OTSRequestBodyTooLarge", "The size of POST data is too large."))
        } else {
            self.perform(caller, operation, body.clone())
        };
        match result {
            Ok(message) => answer::success(operation, caller, message),
            Err(error) => {
                tracing::debug!(operation, code = %error.code, message = %error.message, "refused a Tablestore request");
                answer::refusal(operation, Some(caller), &error)
            }
        }
    }

    fn perform(&self, caller: &Caller, operation: &str, body: Bytes) -> Result<Vec<u8>, ServiceError> {
        let request = parse(operation, body)?;
        auth::authorize(caller, &self.instance, operation, &request)?;
        Ok(match request {
            Request::CreateTable(request) => self.create_table(&request)?.encode_to_vec(),
            Request::DeleteTable(request) => self.delete_table(&request)?.encode_to_vec(),
            Request::DescribeTable(request) => self.describe_table(&request)?.encode_to_vec(),
            Request::UpdateTable(request) => self.update_table(&request)?.encode_to_vec(),
            Request::ListTable => self.list_table().encode_to_vec(),
            Request::AddDefinedColumn(request) => self.add_defined_column(&request)?.encode_to_vec(),
            Request::DeleteDefinedColumn(request) => self.delete_defined_column(&request)?.encode_to_vec(),
            Request::CreateIndex(request) => self.create_index(&request)?.encode_to_vec(),
            Request::DropIndex(request) => self.drop_index(&request)?.encode_to_vec(),
            // There is never one.
            Request::ListSearchIndex => Vec::new(),
            Request::StartLocalTransaction(request) => self.start_transaction(&request)?.encode_to_vec(),
            Request::CommitTransaction(request) => self.commit_transaction(&request)?.encode_to_vec(),
            Request::AbortTransaction(request) => self.abort_transaction(&request)?.encode_to_vec(),
            Request::WriteRow(kind, request) => self.write_row(kind, &request)?.encode_to_vec(),
            Request::BatchWriteRow(request) => self.batch_write_row(&request)?.encode_to_vec(),
            Request::GetRow(request) => self.get_row(&request)?.encode_to_vec(),
            Request::BatchGetRow(request) => self.batch_get_row(&request)?.encode_to_vec(),
            Request::GetRange(request) => self.get_range(&request)?.encode_to_vec(),
        })
    }

    fn tables(&self) -> Tables<'_> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the rows of the encoded `keys`, in an order that is the same for everyone.
    fn lock_rows<'a>(&self, keys: impl Iterator<Item = &'a [u8]>) -> Vec<MutexGuard<'_, ()>> {
        let mut places: Vec<usize> = keys.map(lock_of).collect();
        places.sort_unstable();
        places.dedup();
        places.into_iter().map(|place| self.locks[place].lock().unwrap_or_else(PoisonError::into_inner)).collect()
    }

    /// Epoch milliseconds, never less than before.
    fn version_now(&self) -> i64 {
        let now = (self.clock)().as_millisecond();
        self.last_version.fetch_max(now, Ordering::Relaxed).max(now)
    }

    /// A key value for an AUTO_INCREMENT column: microseconds, as the live service's look, each greater
    /// than the one before.
    fn next_increment(&self) -> i64 {
        let now = (self.clock)().as_microsecond();
        let next = |last: i64| Some(now.max(last + 1));
        match self.last_increment.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next) {
            Ok(last) | Err(last) => now.max(last + 1),
        }
    }
}

fn operation_of(path: &str) -> &str {
    path.strip_prefix('/').unwrap_or(path)
}

/// FNV-1a: the same for the same key, and spread evenly enough over a few locks.
fn lock_of(key: &[u8]) -> usize {
    let hash = key
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    (hash % LOCKS as u64) as usize
}

/// The code for everything that is wrong with a request itself.
fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new(400, "OTSParameterInvalid", message)
}
