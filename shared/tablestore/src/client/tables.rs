//! Operations on tables, their indexes and their predefined columns.

use prost::Message;

use super::Client;
use super::call::Op;
use super::retry::Repeat;
use crate::error::Error;
use crate::messages::{
    AddDefinedColumnRequest, CreateIndexRequest, DeleteDefinedColumnRequest, DescribeTableResponse, DropIndexRequest,
    Empty, ListTableResponse, TableNameRequest, UpdateTableResponse,
};
use crate::table::{
    ColumnType, CreateTable, Index, TableDescription, TableMeta, TableOptions, TableUpdate, defined_column,
};

impl Client {
    /// Creates a table. It may take some seconds until it serves; the client waits for that as long as
    /// its retry policy lets it.
    pub async fn create_table(&self, meta: &TableMeta, options: &TableOptions) -> Result<(), Error> {
        self.create_table_with(&CreateTable::new(meta.clone(), *options)).await
    }

    /// The same with all that a table can be created with.
    pub async fn create_table_with(&self, request: &CreateTable) -> Result<(), Error> {
        let op = Op { operation: "CreateTable", table: &request.meta.name };
        self.change(op, Repeat::Write, &request.to_message()).await
    }

    /// Deletes a table with its rows. Its indexes must have gone before.
    pub async fn delete_table(&self, table: &str) -> Result<(), Error> {
        let op = Op { operation: "DeleteTable", table };
        self.change(op, Repeat::Write, &TableNameRequest { table_name: table.to_owned() }).await
    }

    /// Key, options, indexes and state of a table.
    pub async fn describe_table(&self, table: &str) -> Result<TableDescription, Error> {
        let op = Op { operation: "DescribeTable", table };
        let request = TableNameRequest { table_name: table.to_owned() };
        let answer: DescribeTableResponse = self.call(op, Repeat::Read, request.encode_to_vec()).await?;
        Ok(TableDescription::from_message(&answer))
    }

    /// Changes a table's options; answers them as they are now.
    pub async fn update_table(&self, table: &str, update: impl Into<TableUpdate>) -> Result<TableOptions, Error> {
        let op = Op { operation: "UpdateTable", table };
        let request = update.into().to_message(table);
        let answer: UpdateTableResponse = self.call(op, Repeat::IdempotentWrite, request.encode_to_vec()).await?;
        Ok(TableOptions::from_message(&answer.table_options))
    }

    /// The names of all tables, and of all indexes.
    pub async fn list_table(&self) -> Result<Vec<String>, Error> {
        let op = Op { operation: "ListTable", table: "" };
        let answer: ListTableResponse = self.call(op, Repeat::Read, Vec::new()).await?;
        Ok(answer.table_names)
    }

    /// Adds an index to a table; `with_rows`: also for the rows that are there already. Those enter it
    /// some time later.
    pub async fn create_index(&self, table: &str, index: &Index, with_rows: bool) -> Result<(), Error> {
        let op = Op { operation: "CreateIndex", table };
        let request = CreateIndexRequest {
            main_table_name: table.to_owned(),
            index_meta: index.to_message(),
            include_base_data: Some(with_rows),
        };
        self.change(op, Repeat::Write, &request).await
    }

    /// Takes an index away.
    pub async fn drop_index(&self, table: &str, index: &str) -> Result<(), Error> {
        let op = Op { operation: "DropIndex", table };
        let request = DropIndexRequest { main_table_name: table.to_owned(), index_name: index.to_owned() };
        self.change(op, Repeat::Write, &request).await
    }

    /// Adds predefined columns to a table: those that indexes may use.
    pub async fn add_defined_column(&self, table: &str, columns: &[(&str, ColumnType)]) -> Result<(), Error> {
        let op = Op { operation: "AddDefinedColumn", table };
        let columns = columns.iter().map(|(name, kind)| defined_column(name, *kind)).collect();
        self.change(op, Repeat::Write, &AddDefinedColumnRequest { table_name: table.to_owned(), columns }).await
    }

    /// Takes predefined columns away. Rows keep their values; an index that uses one must have gone before.
    pub async fn delete_defined_column(&self, table: &str, columns: &[&str]) -> Result<(), Error> {
        let op = Op { operation: "DeleteDefinedColumn", table };
        let columns = columns.iter().map(|name| (*name).to_owned()).collect();
        self.change(op, Repeat::Write, &DeleteDefinedColumnRequest { table_name: table.to_owned(), columns }).await
    }

    async fn change(&self, op: Op<'_>, repeat: Repeat, request: &impl Message) -> Result<(), Error> {
        let Empty {} = self.call(op, repeat, request.encode_to_vec()).await?;
        Ok(())
    }
}
