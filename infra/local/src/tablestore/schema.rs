//! Table operations.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};

use serde::{Deserialize, Serialize};
use tablestore::messages::{
    CapacityUnit, CreateTableRequest, DefinedColumnSchema, DescribeTableResponse, Empty, ListTableResponse,
    PrimaryKeyOption, PrimaryKeySchema, PrimaryKeyType, ReservedThroughput, ReservedThroughputDetails, StreamDetails,
    StreamSpecification, TableMeta, TableNameRequest, TableOptions, TableStatus, UpdateTableRequest,
    UpdateTableResponse,
};

use super::{Tablestore, invalid, key};
use crate::seams::ServiceError;

/// Tables in one instance (Tablestore limits).
const MAX_TABLES: usize = 64;
/// Primary key columns (Tablestore limits).
const MAX_KEY_COLUMNS: usize = 4;
/// Predefined columns (Tablestore limits).
const MAX_DEFINED_COLUMNS: usize = 32;
/// Of table and column names, bytes.
const MAX_NAME: usize = 255;
/// How far a cell's timestamp may be off when the table does not say it, seconds.
const DEFAULT_DEVIATION_SECS: i64 = 86_400;

/// A table as it is stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Table {
    /// Prefix of its rows in the store.
    pub id: u64,
    /// Table name.
    pub name: String,
    /// In key order.
    pub primary_key: Vec<KeyColumn>,
    /// Name and type code of the predefined columns.
    pub defined_columns: Vec<(String, i32)>,
    /// Seconds; -1 is for ever.
    pub time_to_live: i32,
    /// Newest versions of a column that are kept.
    pub max_versions: i32,
    /// How far a cell's timestamp may be off, seconds.
    pub deviation_secs: i64,
    /// Whether UpdateRow is allowed, when the request said so.
    pub allow_update: Option<bool>,
    /// Reserved read and write units.
    pub reserved: (i32, i32),
    /// Epoch microseconds.
    pub created_at_micros: i64,
}

/// A column of the primary key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeyColumn {
    /// Column name.
    pub name: String,
    /// `PrimaryKeyType`.
    pub kind: i32,
    /// The service chooses its values.
    pub auto_increment: bool,
}

impl Table {
    fn options(&self) -> TableOptions {
        TableOptions {
            time_to_live: Some(self.time_to_live),
            max_versions: Some(self.max_versions),
            deviation_cell_version_in_sec: Some(self.deviation_secs),
            allow_update: self.allow_update,
            ..TableOptions::default()
        }
    }

    fn throughput(&self) -> ReservedThroughputDetails {
        ReservedThroughputDetails {
            capacity_unit: CapacityUnit { read: Some(self.reserved.0), write: Some(self.reserved.1) },
            last_increase_time: self.created_at_micros / 1_000_000,
            last_decrease_time: None,
        }
    }

    fn meta(&self) -> TableMeta {
        let key = |column: &KeyColumn| PrimaryKeySchema {
            name: column.name.clone(),
            r#type: column.kind,
            option: column.auto_increment.then_some(PrimaryKeyOption::AutoIncrement as i32),
        };
        let defined = |(name, kind): &(String, i32)| DefinedColumnSchema { name: name.clone(), r#type: *kind };
        TableMeta {
            table_name: self.name.clone(),
            primary_key: self.primary_key.iter().map(key).collect(),
            defined_column: self.defined_columns.iter().map(defined).collect(),
            ..TableMeta::default()
        }
    }

    fn set_options(&mut self, options: &TableOptions) -> Result<(), ServiceError> {
        if let Some(seconds) = options.time_to_live {
            if seconds == 0 || seconds < -1 {
                return Err(invalid("TimeToLive cannot be 0 or less than -1."));
            }
            self.time_to_live = seconds;
        }
        if let Some(versions) = options.max_versions {
            if versions <= 0 {
                return Err(invalid(format!(
                    "Invalid max versions: {versions}. Reason: Max versions must be positive."
                )));
            }
            self.max_versions = versions;
        }
        if let Some(seconds) = options.deviation_cell_version_in_sec {
            if !(0..=i64::MAX / 1_000_000).contains(&seconds) {
                return Err(invalid("The maximum deviation must be in range [0, INT64_MAX/1000000]."));
            }
            self.deviation_secs = seconds;
        }
        self.allow_update = options.allow_update.or(self.allow_update);
        Ok(())
    }

    fn set_throughput(&mut self, reserved: &ReservedThroughput) -> Result<(), ServiceError> {
        let CapacityUnit { read, write } = reserved.capacity_unit;
        if let Some(units) = [read, write].into_iter().flatten().find(|units| *units < 0) {
            return Err(invalid(format!("Invalid Capacity Unit: {units}. Capacity Unit must be nonnegative.")));
        }
        self.reserved = (read.unwrap_or(self.reserved.0), write.unwrap_or(self.reserved.1));
        Ok(())
    }
}

fn check_table_name(name: &str) -> Result<(), ServiceError> {
    if is_name(name) { Ok(()) } else { Err(invalid(format!("Invalid table name: '{name}'."))) }
}

/// Whether `name` may be the name of a table or column: `[A-Za-z_][A-Za-z0-9_]*`, 1 to 255 bytes.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name
            .bytes()
            .enumerate()
            .all(|(i, byte)| byte == b'_' || byte.is_ascii_alphabetic() || i > 0 && byte.is_ascii_digit())
        && !name.is_empty()
}

fn no_such_table() -> ServiceError {
    ServiceError::new(404, "OTSObjectNotExist", "Requested table does not exist.")
}

/// A row operation's table. Reads of a missing one are answered differently than table operations
/// (seen from the live service); writes were not seen, and answer as table operations here.
pub(super) enum Missing {
    Read,
    Write,
}

impl Tablestore {
    pub(super) fn find_table(
        tables: &super::Tables<'_>,
        name: &str,
        missing: Missing,
    ) -> Result<Arc<Table>, ServiceError> {
        check_table_name(name)?;
        tables.get(name).cloned().ok_or_else(|| match missing {
            Missing::Read => invalid("Request table not exist"),
            Missing::Write => no_such_table(),
        })
    }

    /// Partitions and encryption are accepted, as they change nothing that can be seen.
    pub(super) fn create_table(&self, request: &CreateTableRequest) -> Result<Empty, ServiceError> {
        let meta = &request.table_meta;
        check_table_name(&meta.table_name)?;
        check_unsupported(request)?;
        let options = request.table_options.as_ref();
        let mut table = Table {
            name: meta.table_name.clone(),
            primary_key: key_columns(&meta.table_name, &meta.primary_key)?,
            defined_columns: defined_columns(meta)?,
            deviation_secs: DEFAULT_DEVIATION_SECS,
            created_at_micros: (self.clock)().as_microsecond(),
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

        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        if tables.contains_key(&table.name) {
            return Err(ServiceError::new(409, "OTSObjectAlreadyExist", "Requested table already exists."));
        }
        if tables.len() >= MAX_TABLES {
            return Err(ServiceError::new(403, "OTSQuotaExhausted", "Number of tables exceeded the quota."));
        }
        // DeleteTable removes the rows together with the table, so an id that is free has no rows.
        table.id = tables.values().map(|table| table.id).max().unwrap_or(0) + 1;
        self.save(&table)?;
        tables.insert(table.name.clone(), Arc::new(table));
        Ok(Empty {})
    }

    pub(super) fn delete_table(&self, request: &TableNameRequest) -> Result<Empty, ServiceError> {
        check_table_name(&request.table_name)?;
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        let table = tables.get(&request.table_name).ok_or_else(no_such_table)?;
        let mut batch = self.store.batch();
        let prefix = key::table_prefix(table);
        let next = (table.id + 1).to_be_bytes();
        for row in self.row_space.range_bytes(prefix.to_vec(), next.to_vec()) {
            batch.delete(&self.row_space, row?.0);
        }
        batch.delete(&self.table_space, &table.name);
        self.store.commit(batch)?;
        tables.remove(&request.table_name);
        Ok(Empty {})
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
            ..DescribeTableResponse::default()
        })
    }

    pub(super) fn update_table(&self, request: &UpdateTableRequest) -> Result<UpdateTableResponse, ServiceError> {
        check_table_name(&request.table_name)?;
        check_stream(request.stream_spec.as_ref())?;
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        let mut table = tables.get(&request.table_name).ok_or_else(no_such_table)?.as_ref().clone();
        if let Some(options) = &request.table_options {
            if *options == TableOptions::default() {
                return Err(invalid("No parameter is specified in table options."));
            }
            table.set_options(options)?;
        }
        if let Some(reserved) = &request.reserved_throughput {
            table.set_throughput(reserved)?;
        }
        self.save(&table)?;
        let answer = UpdateTableResponse {
            reserved_throughput_details: table.throughput(),
            table_options: table.options(),
            stream_details: None,
        };
        tables.insert(table.name.clone(), Arc::new(table));
        Ok(answer)
    }

    pub(super) fn list_table(&self) -> ListTableResponse {
        ListTableResponse { table_names: self.tables().keys().cloned().collect() }
    }

    fn save(&self, table: &Table) -> Result<(), ServiceError> {
        let mut batch = self.store.batch();
        batch.put(&self.table_space, &table.name, table)?;
        self.store.commit(batch)
    }
}

/// What a table here cannot have is refused; a promise that is not kept would be worse.
fn check_unsupported(request: &CreateTableRequest) -> Result<(), ServiceError> {
    check_stream(request.stream_spec.as_ref())?;
    if !request.index_metas.is_empty() {
        return Err(invalid("Secondary indexes are not supported by the local cloud."));
    }
    if request.enable_local_txn == Some(true) {
        return Err(invalid("Local transactions are not supported by the local cloud."));
    }
    Ok(())
}

fn check_stream(stream: Option<&StreamSpecification>) -> Result<(), ServiceError> {
    match stream {
        Some(stream) if stream.enable_stream => Err(invalid("Streams are not supported by the local cloud.")),
        _ => Ok(()),
    }
}

fn key_columns(table: &str, schema: &[PrimaryKeySchema]) -> Result<Vec<KeyColumn>, ServiceError> {
    if schema.is_empty() || schema.len() > MAX_KEY_COLUMNS {
        return Err(invalid(format!("The number of primary key columns must be in range: [1, {MAX_KEY_COLUMNS}].")));
    }
    let mut seen = HashSet::new();
    let mut columns = Vec::new();
    for (place, column) in schema.iter().enumerate() {
        check_column_name(&column.name)?;
        if !seen.insert(&column.name) {
            return Err(invalid(format!("Duplicated primary key name: '{}'.", column.name)));
        }
        let Ok(kind) = PrimaryKeyType::try_from(column.r#type) else {
            return Err(invalid(format!("{} is an invalid type for the primary key.", column.r#type)));
        };
        let auto_increment = column.option == Some(PrimaryKeyOption::AutoIncrement as i32);
        if auto_increment && place == 0 {
            return Err(invalid(format!("First primary key can't be auto increment, table: {table}.")));
        }
        if auto_increment && kind != PrimaryKeyType::Integer {
            return Err(invalid("AUTO_INCREMENT primary key must be integer."));
        }
        columns.push(KeyColumn { name: column.name.clone(), kind: kind as i32, auto_increment });
    }
    if columns.iter().filter(|column| column.auto_increment).count() > 1 {
        return Err(invalid("AUTO_INCREMENT primary key count must <= 1."));
    }
    Ok(columns)
}

fn defined_columns(meta: &TableMeta) -> Result<Vec<(String, i32)>, ServiceError> {
    let columns = &meta.defined_column;
    if columns.len() > MAX_DEFINED_COLUMNS {
        return Err(invalid(format!(
            "The number of attribute columns exceeds the limit, limit count: {MAX_DEFINED_COLUMNS}, column count: {}.",
            columns.len()
        )));
    }
    for column in columns {
        check_column_name(&column.name)?;
        if meta.primary_key.iter().any(|key| key.name == column.name) {
            return Err(invalid(format!(
                "Duplicated attribute column name with primary key column: '{}'.",
                column.name
            )));
        }
        if !matches!(column.r#type, 1..=4 | 7) {
            return Err(invalid(format!("{} is an invalid type for the attribute column.", column.r#type)));
        }
    }
    Ok(columns.iter().map(|column| (column.name.clone(), column.r#type)).collect())
}

fn check_column_name(name: &str) -> Result<(), ServiceError> {
    if is_name(name) { Ok(()) } else { Err(invalid(format!("Invalid column name: '{name}'."))) }
}
