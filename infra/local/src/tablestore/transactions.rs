//! Local transactions: writes to the rows of one partition key that happen together, or not at all.
//!
//! An open transaction holds its partition key: other writes there are refused until it ends. What it writes stays
//! in memory, seen by its own reads alone, and reaches the store in one batch. So a kill leaves nothing of an open
//! one, and its id is as unknown afterwards as that of one that took too long.

use std::collections::{BTreeMap, HashMap};
use std::sync::{MutexGuard, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::{SignedDuration, Timestamp};
use tablestore::messages::{
    ConsumedCapacity, EndTransactionRequest, EndTransactionResponse, StartLocalTransactionRequest,
    StartLocalTransactionResponse,
};

use super::schema::{check_table_name, no_such_table};
use super::{Tablestore, invalid, key, request::read_row};
use crate::seams::ServiceError;

/// How long one may be open (documentation, "Local transactions").
const LIFETIME: SignedDuration = SignedDuration::from_secs(60);
/// Names and values that one may write, bytes (documentation: 4 MB).
const MAX_DATA: usize = 4 * 1024 * 1024;
/// Random bytes of an id.
const ID_BYTES: usize = 18;

/// A row that a transaction wrote; None is a deleted one.
pub(super) type Overlay = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// An open transaction.
pub(super) struct Transaction {
    id: String,
    table_name: String,
    /// What the keys of its rows begin with.
    partition: Vec<u8>,
    ends_at: Timestamp,
    written: usize,
    /// What it wrote.
    pub overlay: Overlay,
}

impl Transaction {
    /// Whether the row, or both ends of a range, belong to it.
    pub(super) fn check_range(&self, keys: &[&[u8]]) -> Result<(), ServiceError> {
        match keys.iter().all(|key| key.starts_with(&self.partition)) {
            true => Ok(()),
            false => Err(out_of_range("Data out of scope of transaction.")),
        }
    }

    /// Counts what is about to be written.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), ServiceError> {
        if self.written + bytes > MAX_DATA {
            let what = format!("The data size of the transaction exceeds the limit, limit size: {MAX_DATA}.");
            return Err(ServiceError::new(400, "OTSOutOfTransactionDataSizeLimit", what));
        }
        self.written += bytes;
        Ok(())
    }
}

/// The status of this code, and of the other codes of transactions, is not known; it is our choice.
pub(super) fn out_of_range(message: &str) -> ServiceError {
    ServiceError::new(400, "OTSDataOutOfRange", message)
}

fn unknown() -> ServiceError {
    ServiceError::new(404, "OTSSessionNotExist", "Session not exist or may be timeout.")
}

fn conflict() -> ServiceError {
    ServiceError::new(409, "OTSRowOperationConflict", "Data is being modified by the other request.")
}

/// Every open transaction.
#[derive(Default)]
pub(super) struct Transactions {
    /// None while a request works with it.
    open: HashMap<String, Option<Transaction>>,
    /// Whose partitions they hold, and until when.
    held: HashMap<Vec<u8>, (String, Timestamp)>,
}

impl Transactions {
    /// Whether a write to this partition, outside of a transaction, must be refused.
    ///
    /// # Errors
    /// Then the service's own.
    pub(super) fn check_free(
        &mut self,
        now: Timestamp,
        partition: impl FnOnce() -> Vec<u8>,
    ) -> Result<(), ServiceError> {
        if self.held.is_empty() {
            return Ok(());
        }
        let partition = partition();
        let Some((id, ends_at)) = self.held.get(&partition) else { return Ok(()) };
        if now < *ends_at || matches!(self.open.get(id), Some(None)) {
            return Err(conflict());
        }
        let id = id.clone();
        self.end(&id, &partition);
        Ok(())
    }

    /// Takes the transaction for one request.
    fn take(&mut self, id: &str, now: Timestamp) -> Result<Transaction, ServiceError> {
        if BASE64_STANDARD.decode(id).map(|bytes| bytes.len()) != Ok(ID_BYTES) {
            return Err(invalid("TransactionID is invalid."));
        }
        let slot = self.open.get_mut(id).ok_or_else(unknown)?;
        let Some(transaction) = slot.take() else {
            let what = "The transaction is busy with another request.";
            return Err(ServiceError::new(409, "OTSSessionBusy", what));
        };
        if now >= transaction.ends_at {
            self.end(id, &transaction.partition);
            return Err(unknown());
        }
        Ok(transaction)
    }

    fn give_back(&mut self, transaction: Transaction) {
        // Gone when its table was deleted meanwhile.
        if let Some(slot) = self.open.get_mut(&transaction.id) {
            *slot = Some(transaction);
        }
    }

    fn end(&mut self, id: &str, partition: &[u8]) {
        self.open.remove(id);
        self.held.remove(partition);
    }

    /// The table is gone, so are its transactions.
    pub(super) fn forget_table(&mut self, table: u64) {
        let prefix = table.to_be_bytes();
        let open = &mut self.open;
        self.held.retain(|partition, (id, _)| {
            let stays = !partition.starts_with(&prefix);
            if !stays {
                open.remove(id);
            }
            stays
        });
    }
}

/// A transaction in the hands of a request; given back with the value.
pub(super) struct Borrowed<'a> {
    tablestore: &'a Tablestore,
    transaction: Option<Transaction>,
}

impl Borrowed<'_> {
    /// The transaction.
    pub(super) fn get(&mut self) -> &mut Transaction {
        // It is taken out by `end` only, which consumes the value.
        self.transaction.as_mut().expect("a borrowed transaction")
    }

    /// Ends it: its partition is free again.
    fn end(mut self) {
        if let Some(transaction) = self.transaction.take() {
            self.tablestore.transactions().end(&transaction.id, &transaction.partition);
        }
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            self.tablestore.transactions().give_back(transaction);
        }
    }
}

impl Tablestore {
    pub(super) fn transactions(&self) -> MutexGuard<'_, Transactions> {
        self.transactions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The transaction that a request names, if it names one.
    pub(super) fn borrow_transaction(&self, id: Option<&str>) -> Result<Option<Borrowed<'_>>, ServiceError> {
        let Some(id) = id.filter(|id| !id.is_empty()) else { return Ok(None) };
        let transaction = self.transactions().take(id, (self.clock)())?;
        Ok(Some(Borrowed { tablestore: self, transaction: Some(transaction) }))
    }

    pub(super) fn start_transaction(
        &self,
        request: &StartLocalTransactionRequest,
    ) -> Result<StartLocalTransactionResponse, ServiceError> {
        check_table_name(&request.table_name)?;
        // Alone with the tables: every write that did not see this transaction is done.
        let alone = self.tables_to_change();
        let table = alone.get(&request.table_name).filter(|table| table.index_of.is_none());
        let table = table.ok_or_else(no_such_table)?;
        if !table.local_transactions {
            return Err(invalid(
                "Try to call method using explicit transaction on explicit-transaction-disabled table.",
            ));
        }
        let key = read_row(&request.key)?;
        key::check_partition(table, &key.primary_key)?;
        let partition = key::encode(table.id, &key.primary_key);
        let now = (self.clock)();
        let mut transactions = self.transactions();
        transactions.check_free(now, || partition.clone())?;
        let mut bytes = [0; ID_BYTES];
        fastrand::fill(&mut bytes);
        let id = BASE64_STANDARD.encode(bytes);
        let ends_at = now + LIFETIME;
        transactions.held.insert(partition.clone(), (id.clone(), ends_at));
        let transaction = Transaction {
            id: id.clone(),
            table_name: table.name.clone(),
            partition,
            ends_at,
            written: 0,
            overlay: Overlay::new(),
        };
        transactions.open.insert(id.clone(), Some(transaction));
        Ok(StartLocalTransactionResponse { transaction_id: id, consumed: Some(ConsumedCapacity::new(0, 1)) })
    }

    pub(super) fn commit_transaction(
        &self,
        request: &EndTransactionRequest,
    ) -> Result<EndTransactionResponse, ServiceError> {
        // Its table cannot go away meanwhile.
        let tables = self.tables();
        let mut borrowed = self.borrow_transaction(Some(&request.transaction_id))?.ok_or_else(no_id)?;
        let transaction = borrowed.get();
        if !transaction.overlay.is_empty() {
            // Its indexes may be others than when it began.
            let table = tables.get(&transaction.table_name).ok_or_else(unknown)?;
            let mut batch = self.store.batch();
            for (key, after) in &transaction.overlay {
                let before = self.row_space.get_bytes(key)?;
                self.put_row(&mut batch, table, key, before.as_deref(), after.as_deref())?;
            }
            self.store.commit(batch)?;
        }
        borrowed.end();
        Ok(EndTransactionResponse { consumed: Some(ConsumedCapacity::new(0, 1)) })
    }

    pub(super) fn abort_transaction(
        &self,
        request: &EndTransactionRequest,
    ) -> Result<EndTransactionResponse, ServiceError> {
        self.borrow_transaction(Some(&request.transaction_id))?.ok_or_else(no_id)?.end();
        Ok(EndTransactionResponse { consumed: Some(ConsumedCapacity::new(0, 1)) })
    }
}

fn no_id() -> ServiceError {
    invalid("TransactionID is invalid.")
}
