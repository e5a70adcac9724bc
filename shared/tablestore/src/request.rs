//! Requests on rows, and what they answer.

mod batch;
mod read;
mod write;

pub use batch::{BatchGetRow, BatchWriteRow, GetRows, RowChange, RowError};
pub(crate) use batch::{GetBody, WriteBody};
pub use read::{BadPage, Direction, GetRange, GetRow, Page, TimeRange};
pub use write::{Change, DeleteRow, PutRow, Return, UpdateRow, Written};

/// A local transaction under way: what [`crate::Client::start_transaction`] answers. Requests that carry
/// it see and change rows of its partition key as if they were alone; it ends with a commit, an abort, or
/// after 60 seconds by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionId(pub String);
