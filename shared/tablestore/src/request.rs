//! Requests on rows, and what they answer.

mod read;
mod write;

pub use read::{Direction, GetRange, GetRow, Page, TimeRange};
pub use write::{BatchWriteRow, Change, DeleteRow, PutRow, Return, RowChange, RowError, UpdateRow, Written};
