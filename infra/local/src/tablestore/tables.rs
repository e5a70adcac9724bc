//! Table operations.

use std::sync::{Arc, PoisonError};

use tablestore::messages::{
    AddDefinedColumnRequest, CreateTableRequest, DefinedColumnSchema, DeleteDefinedColumnRequest,
    DescribeTableResponse, Empty, ListTableResponse, StreamDetails, TableNameRequest, TableOptions, TableStatus,
    UpdateTableRequest, UpdateTableResponse,
};

use super::schema::{
    DEFAULT_DEVIATION_SECS, Table, check_stream, check_table_name, defined_columns, key_columns, no_such_table,
};
use super::{TableMap, Tables, Tablestore, index, invalid};
use crate::seams::ServiceError;
use crate::store::Batch;

/// Tables in one instance (Tablestore limits).
const MAX_TABLES: usize = 64;

/// What a row operation wants of its table. Reads of a missing one are answered differently than table operations
/// (seen from the live service); writes were not seen, and answer as table operations here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// To read it.
    Read,
    /// To write it.
    Write,
}

pub(super) fn already_exists() -> ServiceError {
    ServiceError::new(409, "OTSObjectAlreadyExist", "Requested table already exists.")
}

impl Tablestore {
    pub(super) fn find_table(tables: &Tables<'_>, name: &str, want: Want) -> Result<Arc<Table>, ServiceError> {
        check_table_name(name)?;
        match (tables.get(name), want) {
            (Some(table), Want::Write) if table.index_of.is_some() => {
                Err(invalid(format!("Index table '{name}' cannot be written.")))
            }
            (Some(table), _) => Ok(Arc::clone(table)),
            (None, Want::Read) => Err(invalid("Request table not exist")),
            (None, Want::Write) => Err(no_such_table()),
        }
    }

    /// Partitions and encryption are accepted, as they change nothing that can be seen.
    pub(super) fn create_table(&self, request: &CreateTableRequest) -> Result<Empty, ServiceError> {
        let meta = &request.table_meta;
        check_table_name(&meta.table_name)?;
        check_stream(request.stream_spec.as_ref())?;
        let options = request.table_options.as_ref();
        let primary_key = key_columns(&meta.table_name, &meta.primary_key)?;
        let mut table = Table {
            name: meta.table_name.clone(),
            defined_columns: defined_columns(&primary_key, &meta.defined_column)?,
            primary_key,
            deviation_secs: DEFAULT_DEVIATION_SECS,
            created_at_micros: (self.clock)().as_microsecond(),
            local_transactions: request.enable_local_txn == Some(true),
            update_full_row: options.and_then(|options| options.update_full_row) == Some(true),
            ..Table::default()
        };
        let options = options.ok_or_else(|| invalid("Time-to-live is missing while creating table."))?;
        if options.time_to_live.is_none() {
            return Err(invalid("Time-to-live is missing while creating table."));
        }
        if options.max_versions.is_none() {
            return Err(invalid("MaxVersions is missing while creating table."));
        }
        table.set_options(options)?;
        table.set_throughput(&request.reserved_throughput)?;

        let mut tables = self.tables_to_change();
        if tables.contains_key(&table.name) {
            return Err(already_exists());
        }
        if tables.values().filter(|table| table.index_of.is_none()).count() >= MAX_TABLES {
            return Err(ServiceError::new(
                403,
                "OTSQuotaExhausted",
                format!("Number of tables exceeds the quota:{MAX_TABLES}."),
            ));
        }
        // DeleteTable and DropIndex remove the rows too, so an id that is free has no rows.
        table.id = next_id(&tables);
        for meta in &request.index_metas {
            let id = table.id + 1 + table.indexes.len() as u64;
            let index = index::check(&table, meta, id)?;
            if tables.contains_key(&index.name) || index.name == table.name {
                return Err(already_exists());
            }
            table.indexes.push(index);
        }
        self.save(&mut tables, table, self.store.batch())?;
        Ok(Empty {})
    }

    /// Its indexes go with it: the official Python SDK's tests delete tables so.
    pub(super) fn delete_table(&self, request: &TableNameRequest) -> Result<Empty, ServiceError> {
        let mut tables = self.tables_to_change();
        let table = own_table(&tables, &request.table_name)?;
        let mut batch = self.store.batch();
        for id in std::iter::once(table.id).chain(table.indexes.iter().map(|index| index.id)) {
            self.delete_rows(&mut batch, id)?;
        }
        batch.delete(&self.table_space, &table.name);
        self.store.commit(batch)?;
        tables.retain(|name, other| *name != table.name && other.index_of.as_ref() != Some(&table.name));
        self.transactions().forget_table(table.id);
        Ok(Empty {})
    }

    /// Deletes what is stored under a table's or an index's id.
    pub(super) fn delete_rows(&self, batch: &mut Batch, id: u64) -> Result<(), ServiceError> {
        let (from, to) = (id.to_be_bytes(), (id + 1).to_be_bytes());
        for row in self.row_space.range_bytes(from.to_vec(), to.to_vec()) {
            batch.delete(&self.row_space, row?.0);
        }
        Ok(())
    }

    pub(super) fn describe_table(&self, request: &TableNameRequest) -> Result<DescribeTableResponse, ServiceError> {
        check_table_name(&request.table_name)?;
        let tables = self.tables();
        let table = tables.get(&request.table_name).ok_or_else(no_such_table)?;
        Ok(DescribeTableResponse {
            table_meta: table.meta(),
            reserved_throughput_details: table.throughput(),
            table_options: table.options(),
            table_status: TableStatus::Active as i32,
            stream_details: Some(StreamDetails { enable_stream: false, ..StreamDetails::default() }),
            creation_time: Some(table.created_at_micros),
            index_metas: table.indexes.iter().map(index::Index::meta).collect(),
            ..DescribeTableResponse::default()
        })
    }

    pub(super) fn update_table(&self, request: &UpdateTableRequest) -> Result<UpdateTableResponse, ServiceError> {
        check_stream(request.stream_spec.as_ref())?;
        let mut tables = self.tables_to_change();
        let mut table = own_table(&tables, &request.table_name)?;
        if let Some(options) = &request.table_options {
            if *options == TableOptions::default() {
                return Err(invalid("No parameter is specified in table options."));
            }
            if options.update_full_row.is_some() {
                return Err(invalid("The table options of UpdateTable cannot contain updateFullRow."));
            }
            table.set_options(options)?;
        }
        if let Some(reserved) = &request.reserved_throughput {
            table.set_throughput(reserved)?;
        }
        let answer = UpdateTableResponse {
            reserved_throughput_details: table.throughput(),
            table_options: table.options(),
            stream_details: None,
        };
        self.save(&mut tables, table, self.store.batch())?;
        Ok(answer)
    }

    /// Indexes are not listed: they are found in the description of their table (our choice).
    pub(super) fn list_table(&self) -> ListTableResponse {
        let tables = self.tables();
        let names = tables.iter().filter(|(_, table)| table.index_of.is_none()).map(|(name, _)| name.clone());
        ListTableResponse { table_names: names.collect() }
    }

    pub(super) fn add_defined_column(&self, request: &AddDefinedColumnRequest) -> Result<Empty, ServiceError> {
        let mut tables = self.tables_to_change();
        let mut table = own_table(&tables, &request.table_name)?;
        if request.columns.is_empty() {
            return Err(invalid("No defined column is specified."));
        }
        let before = table.defined_columns.iter();
        let mut columns: Vec<DefinedColumnSchema> =
            before.map(|(name, kind)| DefinedColumnSchema { name: name.clone(), r#type: *kind }).collect();
        columns.extend(request.columns.iter().cloned());
        table.defined_columns = defined_columns(&table.primary_key, &columns)?;
        self.save(&mut tables, table, self.store.batch())?;
        Ok(Empty {})
    }

    pub(super) fn delete_defined_column(&self, request: &DeleteDefinedColumnRequest) -> Result<Empty, ServiceError> {
        let mut tables = self.tables_to_change();
        let mut table = own_table(&tables, &request.table_name)?;
        if request.columns.is_empty() {
            return Err(invalid("No defined column is specified."));
        }
        for name in &request.columns {
            if !table.defined_columns.iter().any(|(column, _)| column == name) {
                return Err(invalid(format!("Defined column does not exist: '{name}'.")));
            }
            if let Some(index) = table.indexes.iter().find(|index| index.uses(name)) {
                return Err(invalid(format!("Defined column '{name}' is used by index '{}'.", index.name)));
            }
            table.defined_columns.retain(|(column, _)| column != name);
        }
        self.save(&mut tables, table, self.store.batch())?;
        Ok(Empty {})
    }

    pub(super) fn tables_to_change(&self) -> TablesToChange<'_> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits `batch` together with the table, and only then shows it.
    pub(super) fn save(&self, tables: &mut TableMap, table: Table, mut batch: Batch) -> Result<(), ServiceError> {
        batch.put(&self.table_space, &table.name, &table)?;
        self.store.commit(batch)?;
        show(tables, table);
        Ok(())
    }
}

type TablesToChange<'a> = std::sync::RwLockWriteGuard<'a, TableMap>;

/// Puts a table and its indexes among the tables that requests find.
pub(super) fn show(tables: &mut TableMap, table: Table) {
    tables.retain(|_, other| other.index_of.as_ref() != Some(&table.name));
    for index in &table.indexes {
        tables.insert(index.name.clone(), Arc::new(index.table(&table)));
    }
    tables.insert(table.name.clone(), Arc::new(table));
}

/// A copy of a table that is no index.
pub(super) fn own_table(tables: &TableMap, name: &str) -> Result<Table, ServiceError> {
    check_table_name(name)?;
    let table = tables.get(name).ok_or_else(no_such_table)?;
    match &table.index_of {
        Some(of) => Err(invalid(format!("'{name}' is an index of table '{of}'."))),
        None => Ok(table.as_ref().clone()),
    }
}

/// An id that no table and no index has.
pub(super) fn next_id(tables: &TableMap) -> u64 {
    tables.values().map(|table| table.id).max().unwrap_or(0) + 1
}
