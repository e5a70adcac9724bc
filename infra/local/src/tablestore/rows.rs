//! Write operations: locks, conditions, one durable commit.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use tablestore::messages::{
    BatchResponse, BatchWriteRowRequest, ConsumedCapacity, OperationType, RowInBatch, TableInBatchResponse,
    WriteRowRequest, WriteRowResponse,
};
use tablestore::plainbuffer::ValueRef;

use super::columns::data_size;
use super::schema::{Table, check_table_name};
use super::tables::Want;
use super::transactions::{Transaction, out_of_range};
use super::write::{Applied, Change};
use super::{Tables, Tablestore, answer, invalid, key};
use crate::seams::ServiceError;

/// Rows in one BatchWriteRow (Tablestore limits).
const MAX_BATCH_ROWS: usize = 200;
/// Names and values in one BatchWriteRow, bytes (Tablestore limits).
const MAX_BATCH_DATA: usize = 4 * 1024 * 1024;

/// A write and the place of its row.
struct Placed<'a> {
    table: Arc<Table>,
    key: Vec<u8>,
    change: Change<'a>,
}

impl Placed<'_> {
    /// What the keys of its partition begin with.
    fn partition(&self) -> Vec<u8> {
        key::encode(self.table.id, &self.change.row.primary_key[..1])
    }
}

type Outcome = Result<Applied, ServiceError>;

/// What a request makes of one row.
struct Written<'a> {
    table: &'a Table,
    /// As it is stored.
    before: Option<Vec<u8>>,
    after: Option<Vec<u8>>,
}

type AllWritten<'a> = BTreeMap<&'a [u8], Written<'a>>;

impl Tablestore {
    /// PutRow, UpdateRow and DeleteRow.
    pub(super) fn write_row(
        &self,
        kind: OperationType,
        request: &WriteRowRequest,
    ) -> Result<WriteRowResponse, ServiceError> {
        check_table_name(&request.table_name)?;
        let change = Change::of(kind, request)?;
        let tables = self.tables();
        let table = Self::find_table(&tables, &request.table_name, Want::Write)?;
        change.check(&table)?;
        let writes = [self.place(table, change)];
        let outcome = self.write(&writes, false, request.transaction_id.as_deref())?.pop();
        // One write has one outcome.
        let applied = outcome.unwrap_or_else(|| Err(ServiceError::internal("a write without an outcome")))?;
        Ok(WriteRowResponse { consumed: ConsumedCapacity::new(applied.units.0, applied.units.1), row: applied.answer })
    }

    /// BatchWriteRow: each row on its own, or all or none.
    pub(super) fn batch_write_row(&self, request: &BatchWriteRowRequest) -> Result<BatchResponse, ServiceError> {
        check_shape(request)?;
        let rows = request.tables.iter().flat_map(|table| table.rows.iter().map(move |row| (&table.table_name, row)));
        let changes = rows.map(|(table, row)| Ok((table, Change::in_batch(row)?))).collect::<Result<Vec<_>, _>>()?;
        let size: usize = changes.iter().map(|(_, change)| data_size(&change.row)).sum();
        if size > MAX_BATCH_DATA {
            return Err(invalid(format!(
                "The total data size of BatchWriteRow request exceeds the limit, limit size: {MAX_BATCH_DATA}, data size: {size}."
            )));
        }
        let tables = self.tables();
        let places = changes.into_iter().map(|(table, change)| self.place_row(&tables, table, change));
        let mut writes: Vec<_> = places.collect();
        check_repeated(&mut writes)?;
        let atomic = request.is_atomic == Some(true);
        let mut outcomes = match out_of_scope(&writes) {
            Some(error) if atomic => writes.iter().map(|_| Err(error.clone())).collect(),
            _ => self.write(&writes, atomic, request.transaction_id.as_deref())?,
        }
        .into_iter();
        let tables = request.tables.iter().map(|table| TableInBatchResponse {
            table_name: table.table_name.clone(),
            rows: outcomes.by_ref().take(table.rows.len()).map(row_answer).collect(),
        });
        Ok(BatchResponse { tables: tables.collect() })
    }

    fn place_row<'a>(&self, tables: &Tables<'_>, table: &str, change: Change<'a>) -> Result<Placed<'a>, ServiceError> {
        let table = Self::find_table(tables, table, Want::Write)?;
        change.check(&table)?;
        self.place(table, change)
    }

    /// Chooses the AUTO_INCREMENT value if there is one to choose, and finds the row's place.
    fn place<'a>(&self, table: Arc<Table>, mut change: Change<'a>) -> Result<Placed<'a>, ServiceError> {
        let chosen = key::auto_increment(&change.row.primary_key);
        loop {
            if let Some(column) = chosen {
                change.row.primary_key[column].value = Some(ValueRef::Integer(self.next_increment()));
            }
            let key = key::encode(table.id, &change.row.primary_key);
            // A value that was chosen before a restart comes again when the machine's clock was set back.
            if chosen.is_none() || self.row_space.get_bytes(&key)?.is_none() {
                return Ok(Placed { table, key, change });
            }
        }
    }

    /// Does the writes in order: in the transaction if one is named, otherwise durably. A write that was refused
    /// before keeps its error. With `atomic`, one error is everyone's.
    fn write(
        &self,
        writes: &[Result<Placed<'_>, ServiceError>],
        atomic: bool,
        transaction: Option<&str>,
    ) -> Result<Vec<Outcome>, ServiceError> {
        let mut borrowed = self.borrow_transaction(transaction)?;
        let _locks = self.lock_rows(writes.iter().flatten().map(|write| write.key.as_slice()));
        match &mut borrowed {
            Some(borrowed) => self.write_in(borrowed.get(), writes, atomic),
            None => self.write_now(writes, atomic),
        }
    }

    fn write_now(
        &self,
        writes: &[Result<Placed<'_>, ServiceError>],
        atomic: bool,
    ) -> Result<Vec<Outcome>, ServiceError> {
        let now = (self.clock)();
        let may = |write: &Placed<'_>| self.transactions().check_free(now, || write.partition());
        let (outcomes, written) = self.apply(writes, atomic, may, |key| self.row_space.get_bytes(key))?;
        if !written.is_empty() {
            let mut batch = self.store.batch();
            for (key, row) in written {
                self.put_row(&mut batch, row.table, key, row.before.as_deref(), row.after.as_deref())?;
            }
            self.store.commit(batch)?;
        }
        Ok(outcomes)
    }

    fn write_in(
        &self,
        transaction: &mut Transaction,
        writes: &[Result<Placed<'_>, ServiceError>],
        atomic: bool,
    ) -> Result<Vec<Outcome>, ServiceError> {
        transaction.grow(writes.iter().flatten().map(|write| data_size(&write.change.row)).sum())?;
        let may = |write: &Placed<'_>| transaction.check_range(&[&write.key]);
        let read = |key: &[u8]| match transaction.overlay.get(key) {
            Some(row) => Ok(row.clone()),
            None => self.row_space.get_bytes(key),
        };
        let (outcomes, written) = self.apply(writes, atomic, may, read)?;
        transaction.overlay.extend(written.into_iter().map(|(key, row)| (key.to_vec(), row.after)));
        Ok(outcomes)
    }

    /// What becomes of each write, and of the rows together.
    fn apply<'a>(
        &self,
        writes: &'a [Result<Placed<'_>, ServiceError>],
        atomic: bool,
        may: impl Fn(&Placed<'_>) -> Result<(), ServiceError>,
        read: impl Fn(&[u8]) -> Result<Option<Vec<u8>>, ServiceError>,
    ) -> Result<(Vec<Outcome>, AllWritten<'a>), ServiceError> {
        let now = self.version_now();
        let mut outcomes = Vec::with_capacity(writes.len());
        let mut written = AllWritten::new();
        for write in writes {
            let write = match write {
                Ok(write) => write,
                Err(error) => {
                    outcomes.push(Err(error.clone()));
                    continue;
                }
            };
            if let Err(error) = may(write) {
                outcomes.push(Err(error));
                continue;
            }
            if let Some(row) = written.get_mut(write.key.as_slice()) {
                outcomes.push(write.change.apply(&write.table, row.after.as_deref(), now).map(|(after, applied)| {
                    row.after = after;
                    applied
                }));
                continue;
            }
            let before = read(&write.key)?;
            outcomes.push(write.change.apply(&write.table, before.as_deref(), now).map(|(after, applied)| {
                written.insert(&write.key, Written { table: &write.table, before, after });
                applied
            }));
        }
        if atomic && let Some(error) = outcomes.iter().find_map(|outcome| outcome.as_ref().err()).cloned() {
            return Ok((outcomes.iter().map(|_| Err(error.clone())).collect(), AllWritten::new()));
        }
        Ok((outcomes, written))
    }
}

fn row_answer(outcome: Outcome) -> RowInBatch {
    match outcome {
        Ok(applied) => RowInBatch {
            is_ok: true,
            consumed: Some(ConsumedCapacity::new(applied.units.0, applied.units.1)),
            row: applied.answer,
            ..RowInBatch::default()
        },
        Err(error) => RowInBatch { is_ok: false, error: Some(answer::row_error(&error)), ..RowInBatch::default() },
    }
}

fn check_shape(request: &BatchWriteRowRequest) -> Result<(), ServiceError> {
    if request.tables.is_empty() {
        return Err(invalid("No row is specified in BatchWriteRow."));
    }
    let mut names = HashSet::new();
    for table in &request.tables {
        check_table_name(&table.table_name)?;
        if table.rows.is_empty() {
            return Err(invalid(format!("No operation is specified for table: '{}'.", table.table_name)));
        }
        if !names.insert(&table.table_name) {
            return Err(invalid(format!("Duplicated table name: '{}'.", table.table_name)));
        }
    }
    if request.tables.iter().map(|table| table.rows.len()).sum::<usize>() > MAX_BATCH_ROWS {
        return Err(invalid(format!("Rows count exceeds the upper limit: {MAX_BATCH_ROWS}.")));
    }
    Ok(())
}

/// A row may stand in a batch twice only when none of its writes looks at what is stored, and no index must follow
/// (documentation, "Secondary index"). An increment is refused for itself, as the Java SDK's tests have it.
fn check_repeated(writes: &mut [Result<Placed<'_>, ServiceError>]) -> Result<(), ServiceError> {
    let mut rows: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (place, write) in writes.iter().enumerate() {
        if let Ok(write) = write {
            rows.entry(&write.key).or_default().push(place);
        }
    }
    let mut refused = Vec::new();
    for places in rows.into_values().filter(|places| places.len() > 1) {
        let of_row = || places.iter().filter_map(|place| writes[*place].as_ref().ok());
        if of_row().any(|write| write.change.is_conditional() || !write.table.indexes.is_empty()) {
            let what = match of_row().any(|write| write.change.has_column_condition()) {
                true => "row condition check",
                false => "row exist expectation check",
            };
            return Err(invalid(format!("Repeated rows do not support {what} in BatchModify.")));
        }
        if of_row().any(|write| write.change.increments()) {
            refused.extend(places);
        }
    }
    for place in refused {
        writes[place] = Err(invalid("An increment must be the only write of its row in BatchModify."));
    }
    Ok(())
}

/// The refusal of an atomic batch whose rows are spread over tables or over values of the first key column.
fn out_of_scope(writes: &[Result<Placed<'_>, ServiceError>]) -> Option<ServiceError> {
    let mut rows = writes.iter().flatten();
    let first = rows.next()?;
    let partition = first.partition();
    let other = rows.find(|write| write.partition() != partition)?;
    let of = |write: &Placed<'_>| match write.change.row.primary_key.first().and_then(|cell| cell.value) {
        Some(ValueRef::Integer(value)) => value.to_string(),
        Some(ValueRef::String(value)) => value.to_owned(),
        Some(ValueRef::Binary(value)) => String::from_utf8_lossy(value).into_owned(),
        _ => String::new(),
    };
    let what = format!("Data out of scope of atomic. Atomic PartKey:{}. Data PartKey:{}", of(first), of(other));
    Some(out_of_range(&what))
}
