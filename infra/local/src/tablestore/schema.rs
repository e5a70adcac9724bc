//! Tables as they are stored, and the checks of what makes one.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use tablestore::messages::{
    CapacityUnit, DefinedColumnSchema, DefinedColumnType, PrimaryKeyOption, PrimaryKeySchema, PrimaryKeyType,
    ReservedThroughput, ReservedThroughputDetails, StreamSpecification, TableMeta, TableOptions,
};

use super::index::{self, Index};
use super::invalid;
use crate::seams::ServiceError;

/// Primary key columns (Tablestore limits).
pub(super) const MAX_KEY_COLUMNS: usize = 4;
/// Predefined columns (Tablestore limits).
const MAX_DEFINED_COLUMNS: usize = 32;
/// Of table and column names, bytes.
const MAX_NAME: usize = 255;
/// How far a cell's timestamp may be off when the table does not say it, seconds.
pub(super) const DEFAULT_DEVIATION_SECS: i64 = 86_400;

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
    /// Whether an update must write the whole row: kept and told, not enforced.
    #[serde(default)]
    pub update_full_row: bool,
    /// Reserved read and write units.
    pub reserved: (i32, i32),
    /// Epoch microseconds.
    pub created_at_micros: i64,
    /// Whether it has local transactions.
    #[serde(default)]
    pub local_transactions: bool,
    /// Its secondary indexes.
    #[serde(default)]
    pub indexes: Vec<Index>,
    /// The table whose index this is. Such a table is read only, and is made from its index, not stored.
    #[serde(skip)]
    pub index_of: Option<String>,
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
    pub(super) fn options(&self) -> TableOptions {
        TableOptions {
            time_to_live: Some(self.time_to_live),
            max_versions: Some(self.max_versions),
            deviation_cell_version_in_sec: Some(self.deviation_secs),
            allow_update: Some(self.allow_update != Some(false)),
            update_full_row: Some(self.update_full_row),
        }
    }

    pub(super) fn throughput(&self) -> ReservedThroughputDetails {
        ReservedThroughputDetails {
            capacity_unit: CapacityUnit { read: Some(self.reserved.0), write: Some(self.reserved.1) },
            last_increase_time: self.created_at_micros / 1_000_000,
            last_decrease_time: None,
        }
    }

    pub(super) fn meta(&self) -> TableMeta {
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

    pub(super) fn set_options(&mut self, options: &TableOptions) -> Result<(), ServiceError> {
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
        if self.indexes.is_empty() { Ok(()) } else { index::check_options(self) }
    }

    pub(super) fn set_throughput(&mut self, reserved: &ReservedThroughput) -> Result<(), ServiceError> {
        let CapacityUnit { read, write } = reserved.capacity_unit;
        if let Some(units) = [read, write].into_iter().flatten().find(|units| *units < 0) {
            return Err(invalid(format!("Invalid Capacity Unit: {units}. Capacity Unit must be nonnegative.")));
        }
        self.reserved = (read.unwrap_or(self.reserved.0), write.unwrap_or(self.reserved.1));
        Ok(())
    }
}

pub(super) fn check_table_name(name: &str) -> Result<(), ServiceError> {
    if is_name(name) { Ok(()) } else { Err(invalid(format!("Invalid table name: '{name}'."))) }
}

/// Whether `name` may be the name of a table, or of a column of a table's schema: `[A-Za-z_][A-Za-z0-9_]*`, 1 to 255
/// bytes (Tablestore limits).
fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name
            .bytes()
            .enumerate()
            .all(|(i, byte)| byte == b'_' || byte.is_ascii_alphabetic() || i > 0 && byte.is_ascii_digit())
        && !name.is_empty()
}

/// Attribute columns may be named more freely than the documentation says: the service takes `a.b`, blanks and
/// Chinese, and refuses `#` at the start (the Java SDK's tests against it).
pub(super) fn check_attribute_name(name: &str) -> Result<(), ServiceError> {
    match name.len() {
        1..=MAX_NAME if !name.starts_with('#') => Ok(()),
        _ => Err(invalid(format!("Invalid column name: '{name}'."))),
    }
}

pub(super) fn no_such_table() -> ServiceError {
    ServiceError::new(404, "OTSObjectNotExist", "Requested table does not exist.")
}

/// What a table here cannot have is refused; a promise that is not kept would be worse.
pub(super) fn check_stream(stream: Option<&StreamSpecification>) -> Result<(), ServiceError> {
    match stream {
        Some(stream) if stream.enable_stream => Err(invalid("Streams are not supported by the local cloud.")),
        _ => Ok(()),
    }
}

pub(super) fn key_columns(table: &str, schema: &[PrimaryKeySchema]) -> Result<Vec<KeyColumn>, ServiceError> {
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

/// Checks predefined columns against the key columns of their table and against each other.
pub(super) fn defined_columns(
    key: &[KeyColumn],
    columns: &[DefinedColumnSchema],
) -> Result<Vec<(String, i32)>, ServiceError> {
    if columns.len() > MAX_DEFINED_COLUMNS {
        return Err(invalid(format!(
            "The number of attribute columns exceeds the limit, limit count: {MAX_DEFINED_COLUMNS}, column count: {}.",
            columns.len()
        )));
    }
    let mut seen = HashSet::new();
    for column in columns {
        check_column_name(&column.name)?;
        if key.iter().any(|key| key.name == column.name) {
            return Err(invalid(format!(
                "Duplicated attribute column name with primary key column: '{}'.",
                column.name
            )));
        }
        if !seen.insert(&column.name) {
            return Err(invalid(format!("Duplicated attribute column name: '{}'.", column.name)));
        }
        if DefinedColumnType::try_from(column.r#type).is_err() {
            return Err(invalid(format!("{} is an invalid type for the attribute column.", column.r#type)));
        }
    }
    Ok(columns.iter().map(|column| (column.name.clone(), column.r#type)).collect())
}

fn check_column_name(name: &str) -> Result<(), ServiceError> {
    if is_name(name) { Ok(()) } else { Err(invalid(format!("Invalid column name: '{name}'."))) }
}
