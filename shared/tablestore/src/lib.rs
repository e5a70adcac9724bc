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
pub mod sign;
pub mod table;
pub mod value;

pub use client::{Client, Pages, RetryPolicy};
pub use error::Error;
pub use filter::{Comparator, Condition, Filter, RowExistence};
pub use request::{
    BatchWriteRow, DeleteRow, Direction, GetRange, GetRow, Page, PutRow, RowChange, RowError, TimeRange, UpdateRow,
    Written,
};
pub use table::{KeyType, TableDescription, TableMeta, TableOptions};
pub use value::{Column, Key, PrimaryKey, Row, Value};

#[cfg(test)]
mod vectors;
