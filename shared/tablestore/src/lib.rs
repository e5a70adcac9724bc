//! Tablestore (OTS): the wire protocol and a client over reqwest.
//!
//! API version 2015-12-31. A request is `POST /<Operation>` with a protobuf body ([`messages`]), rows
//! inside it are PlainBuffer ([`plainbuffer`]), headers are signed ([`sign`]). [`Client`] puts these
//! together; a server can use the same parts, as all of them work in both directions.

pub mod client;
pub mod error;
pub mod filter;
pub mod messages;
pub mod plainbuffer;
pub mod request;
pub mod row;
pub mod sign;
pub mod table;
pub mod typed;
pub mod value;
mod wire;

pub use client::{AnswerChecks, BatchGot, BatchWritten, Client, Pages, RetryPolicy};
pub use error::Error;
pub use filter::{CastType, Comparator, Condition, Filter, RowExistence};
pub use plainbuffer::ValueRef;
pub use request::{
    BatchGetRow, BatchWriteRow, DeleteRow, Direction, GetRange, GetRow, GetRows, Page, PutRow, RowChange, RowError,
    TimeRange, TransactionId, UpdateRow, Written,
};
pub use row::Row;
pub use table::{ColumnType, CreateTable, Index, KeyType, TableDescription, TableMeta, TableOptions, TableUpdate};
pub use typed::TypedRow;
pub use value::{Column, Key, Name, PrimaryKey, Value};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod vectors;
