//! The protobuf messages (proto2) of the operations, field for field as the official SDKs send them.
//!
//! `required` fields are always written, also when they hold their default. Fields named `…PlainBuffer`
//! in their comment hold [`crate::plainbuffer`] rows. Only what the data and table operations need is
//! here; unknown fields are skipped when decoding, as proto2 wants it.

mod filter;
mod index;
mod row;
mod table;
mod transaction;

pub use filter::*;
pub use index::*;
pub use row::*;
pub use table::*;
pub use transaction::*;

/// The body of every answer that is not 2xx.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Error {
    /// `OTS…`, see the Tablestore error code reference.
    #[prost(string, required, tag = "1")]
    pub code: String,
    /// The service's words; not stable, match on the code.
    #[prost(string, optional, tag = "2")]
    pub message: Option<String>,
}

/// Capacity units, of 4 KiB each. Both are always sent: the Go SDK reads them without a check.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct CapacityUnit {
    /// Read units.
    #[prost(int32, optional, tag = "1")]
    pub read: Option<i32>,
    /// Write units.
    #[prost(int32, optional, tag = "2")]
    pub write: Option<i32>,
}

/// What a row operation used.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct ConsumedCapacity {
    /// Units used.
    #[prost(message, required, tag = "1")]
    pub capacity_unit: CapacityUnit,
}

impl ConsumedCapacity {
    /// `read` and `write` units.
    pub fn new(read: i32, write: i32) -> Self {
        Self { capacity_unit: CapacityUnit { read: Some(read), write: Some(write) } }
    }
}

/// An answer without fields (CreateTable, DeleteTable, and all about indexes and predefined columns).
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Empty {}
