//! Secondary indexes. An index is a table of its own in the store, written in the same batch as the rows that it
//! is about, so it is never behind: the service promises that for local indexes only, and is milliseconds late with
//! global ones. Rules of what may be indexed are those of the documentation ("Secondary index", usage notes).

use serde::{Deserialize, Serialize};
use tablestore::messages::{
    CreateIndexRequest, DefinedColumnType, DropIndexRequest, Empty, IndexMeta, IndexSyncPhase, IndexType,
    IndexUpdateMode, PrimaryKeyType,
};
use tablestore::plainbuffer::{CellRef, RowRef, ValueRef, Writer};

use super::key::{self, MAX_KEY_VALUE};
use super::schema::{KeyColumn, Table, check_table_name};
use super::selection::stored_row;
use super::tables::{already_exists, next_id, own_table};
use super::{Tablestore, invalid};
use crate::seams::ServiceError;
use crate::store::{Batch, Entry};

/// Indexes of one table (Tablestore limits).
const MAX_INDEXES: usize = 5;
/// Key columns that an index names (Tablestore limits).
const MAX_INDEX_KEYS: usize = 4;

/// A secondary index as it is stored with its table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Index {
    /// Prefix of its rows in the store.
    pub id: u64,
    /// Index name.
    pub name: String,
    /// Key columns as they were named.
    named: Vec<String>,
    /// Its whole key: the named columns, then those of the table's key that are missing.
    key: Vec<KeyColumn>,
    /// Covered columns with their types.
    covered: Vec<(String, i32)>,
    /// [`IndexType`].
    kind: i32,
    /// [`IndexUpdateMode`].
    update_mode: i32,
}

impl Index {
    /// As DescribeTable tells it.
    pub(super) fn meta(&self) -> IndexMeta {
        IndexMeta {
            name: self.name.clone(),
            primary_key: self.named.clone(),
            defined_column: self.covered.iter().map(|(name, _)| name.clone()).collect(),
            index_update_mode: self.update_mode,
            index_type: self.kind,
            index_sync_phase: Some(IndexSyncPhase::Incr as i32),
        }
    }

    /// The table that readers of the index see.
    pub(super) fn table(&self, of: &Table) -> Table {
        Table {
            id: self.id,
            name: self.name.clone(),
            primary_key: self.key.clone(),
            defined_columns: self.covered.clone(),
            time_to_live: of.time_to_live,
            max_versions: of.max_versions,
            deviation_secs: of.deviation_secs,
            allow_update: of.allow_update,
            created_at_micros: of.created_at_micros,
            index_of: Some(of.name.clone()),
            ..Table::default()
        }
    }

    /// Whether the column is part of it.
    pub(super) fn uses(&self, column: &str) -> bool {
        self.named.iter().any(|name| name == column) || self.covered.iter().any(|(name, _)| name == column)
    }

    /// The index's row for a row of its table: none when a key column is missing there, or has a value that no key
    /// may have (it can be there since before the index).
    fn entry(&self, row: &RowRef<'_>) -> Option<Entry> {
        let newest = |name: &str| row.columns.iter().find(|cell| cell.name == name);
        let mut key_cells = Vec::with_capacity(self.key.len());
        for column in &self.key {
            let of_key = row.primary_key.iter().find(|cell| cell.name == column.name);
            let value = of_key.or_else(|| newest(&column.name))?.value?;
            if !is_key_value(column.kind(), value) {
                return None;
            }
            key_cells.push(CellRef::new(&column.name, value));
        }
        let columns = row.columns.iter().filter(|cell| self.covered.iter().any(|(name, _)| name == cell.name));
        let entry = RowRef { columns: columns.copied().collect(), primary_key: key_cells, delete_marker: false };
        let mut writer = Writer::with_capacity(128);
        writer.row(&entry);
        Some((key::encode(self.id, &entry.primary_key), writer.finish()))
    }
}

fn is_key_value(kind: PrimaryKeyType, value: ValueRef<'_>) -> bool {
    match (kind, value) {
        (PrimaryKeyType::Integer, ValueRef::Integer(_)) => true,
        (PrimaryKeyType::String, ValueRef::String(value)) => value.len() <= MAX_KEY_VALUE,
        (PrimaryKeyType::Binary, ValueRef::Binary(value)) => value.len() <= MAX_KEY_VALUE,
        _ => false,
    }
}

/// Whether a value may be written to a column that an index of the table uses.
///
/// The service's words for a wrong type are not known.
pub(super) fn check_value(table: &Table, name: &str, value: ValueRef<'_>) -> Result<(), ServiceError> {
    for index in table.indexes.iter().filter(|index| index.uses(name)) {
        if let Some(column) = index.key.iter().find(|column| column.name == name)
            && !is_key_value(column.kind(), value)
        {
            return Err(invalid(format!("The value of column '{name}' cannot be a key of index '{}'.", index.name)));
        }
        let kind = index.covered.iter().find(|(column, _)| column == name).map(|(_, kind)| *kind);
        if kind.is_some_and(|kind| !is_of(kind, value)) {
            return Err(invalid(format!(
                "The value of column '{name}' does not have the type that index '{}' needs.",
                index.name
            )));
        }
    }
    Ok(())
}

fn is_of(kind: i32, value: ValueRef<'_>) -> bool {
    matches!(
        (DefinedColumnType::try_from(kind), value),
        (Ok(DefinedColumnType::Integer), ValueRef::Integer(_))
            | (Ok(DefinedColumnType::Double), ValueRef::Double(_))
            | (Ok(DefinedColumnType::Boolean), ValueRef::Boolean(_))
            | (Ok(DefinedColumnType::String), ValueRef::String(_))
            | (Ok(DefinedColumnType::Blob), ValueRef::Binary(_))
    )
}

/// One version, and rows that either stay or are never updated: a table with an index cannot be otherwise.
pub(super) fn check_options(table: &Table) -> Result<(), ServiceError> {
    if table.max_versions != 1 {
        return Err(invalid("A table with secondary indexes must have max versions 1."));
    }
    if table.time_to_live != -1 && table.allow_update != Some(false) {
        return Err(invalid("A table with secondary indexes must have time to live -1, or must not allow updates."));
    }
    Ok(())
}

/// Checks a new index of `table`, which gets the id `id`.
pub(super) fn check(table: &Table, meta: &IndexMeta, id: u64) -> Result<Index, ServiceError> {
    check_table_name(&meta.name)?;
    check_options(table)?;
    if table.indexes.len() >= MAX_INDEXES {
        return Err(ServiceError::new(
            403,
            "OTSQuotaExhausted",
            format!("Number of indexes exceeds the quota:{MAX_INDEXES}."),
        ));
    }
    if table.indexes.iter().any(|index| index.name == meta.name) {
        return Err(already_exists());
    }
    if meta.primary_key.is_empty() || meta.primary_key.len() > MAX_INDEX_KEYS {
        return Err(invalid(format!("The number of index key columns must be in range: [1, {MAX_INDEX_KEYS}].")));
    }
    let (Ok(kind), Ok(update_mode)) =
        (IndexType::try_from(meta.index_type), IndexUpdateMode::try_from(meta.index_update_mode))
    else {
        return Err(invalid("Invalid index type or index update mode."));
    };
    if kind == IndexType::Local && meta.primary_key.first() != table.primary_key.first().map(|column| &column.name) {
        return Err(invalid("The first key column of a local index must be the first key column of its table."));
    }
    let mut key: Vec<KeyColumn> = Vec::new();
    for name in &meta.primary_key {
        if key.iter().any(|column| column.name == *name) {
            return Err(invalid(format!("Duplicated primary key name: '{name}'.")));
        }
        key.push(key_column(table, name)?);
    }
    if key.first().is_some_and(|column| column.auto_increment) {
        return Err(invalid(format!("First primary key can't be auto increment, table: {}.", meta.name)));
    }
    let missing = table.primary_key.iter().filter(|column| !meta.primary_key.contains(&column.name));
    key.extend(missing.cloned());
    // Values were chosen when the row was written; the index only repeats them.
    key.iter_mut().for_each(|column| column.auto_increment = false);
    let mut covered: Vec<(String, i32)> = Vec::new();
    for name in &meta.defined_column {
        let Some(column) = table.defined_columns.iter().find(|(column, _)| column == name) else {
            return Err(invalid(format!("Defined column does not exist: '{name}'.")));
        };
        if key.iter().any(|column| column.name == *name) || covered.iter().any(|(column, _)| column == name) {
            return Err(invalid(format!("Duplicated attribute column name: '{name}'.")));
        }
        covered.push(column.clone());
    }
    let named = meta.primary_key.clone();
    Ok(Index { id, name: meta.name.clone(), named, key, covered, kind: kind as i32, update_mode: update_mode as i32 })
}

fn key_column(table: &Table, name: &str) -> Result<KeyColumn, ServiceError> {
    if let Some(column) = table.primary_key.iter().find(|column| column.name == name) {
        return Ok(column.clone());
    }
    let Some((_, kind)) = table.defined_columns.iter().find(|(column, _)| column == name) else {
        return Err(invalid(format!("Defined column does not exist: '{name}'.")));
    };
    let kind = match DefinedColumnType::try_from(*kind) {
        Ok(DefinedColumnType::Integer) => PrimaryKeyType::Integer,
        Ok(DefinedColumnType::String) => PrimaryKeyType::String,
        Ok(DefinedColumnType::Blob) => PrimaryKeyType::Binary,
        _ => return Err(invalid(format!("Column '{name}' cannot be a key of an index because of its type."))),
    };
    Ok(KeyColumn { name: name.to_owned(), kind: kind as i32, auto_increment: false })
}

impl Tablestore {
    pub(super) fn create_index(&self, request: &CreateIndexRequest) -> Result<Empty, ServiceError> {
        let mut tables = self.tables_to_change();
        let mut table = own_table(&tables, &request.main_table_name)?;
        let index = check(&table, &request.index_meta, next_id(&tables))?;
        if tables.contains_key(&index.name) {
            return Err(already_exists());
        }
        let mut batch = self.store.batch();
        if request.include_base_data == Some(true) {
            let (from, to) = (table.id.to_be_bytes(), (table.id + 1).to_be_bytes());
            for row in self.row_space.range_bytes(from.to_vec(), to.to_vec()) {
                if let Some((key, row)) = index.entry(&stored_row(&row?.1)?) {
                    batch.put_bytes(&self.row_space, key, &row);
                }
            }
        }
        table.indexes.push(index);
        self.save(&mut tables, table, batch)?;
        Ok(Empty {})
    }

    pub(super) fn drop_index(&self, request: &DropIndexRequest) -> Result<Empty, ServiceError> {
        let mut tables = self.tables_to_change();
        let mut table = own_table(&tables, &request.main_table_name)?;
        let Some(place) = table.indexes.iter().position(|index| index.name == request.index_name) else {
            return Err(ServiceError::new(404, "OTSObjectNotExist", "Requested index does not exist."));
        };
        let index = table.indexes.remove(place);
        let mut batch = self.store.batch();
        self.delete_rows(&mut batch, index.id)?;
        self.save(&mut tables, table, batch)?;
        Ok(Empty {})
    }

    /// Adds to `batch` a row's change from `before` to `after` with all that it means for the table's indexes.
    pub(super) fn put_row(
        &self,
        batch: &mut Batch,
        table: &Table,
        key: &[u8],
        before: Option<&[u8]>,
        after: Option<&[u8]>,
    ) -> Result<(), ServiceError> {
        match after {
            Some(row) => batch.put_bytes(&self.row_space, key, row),
            None => batch.delete(&self.row_space, key),
        }
        if table.indexes.is_empty() {
            return Ok(());
        }
        let before = before.map(stored_row).transpose()?;
        let after = after.map(stored_row).transpose()?;
        for index in &table.indexes {
            let old = before.as_ref().and_then(|row| index.entry(row));
            let new = after.as_ref().and_then(|row| index.entry(row));
            if let Some((key, _)) = old
                && new.as_ref().is_none_or(|(place, _)| *place != key)
            {
                batch.delete(&self.row_space, key);
            }
            if let Some((key, row)) = new {
                batch.put_bytes(&self.row_space, key, &row);
            }
        }
        Ok(())
    }
}
