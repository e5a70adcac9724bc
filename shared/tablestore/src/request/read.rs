//! Reads of rows, and what they answer.

use bytes::Bytes;

use crate::filter::Filter;
use crate::messages::{GetRangeRequest, GetRowRequest};
use crate::value::{PrimaryKey, Row};

pub use crate::messages::Direction;

/// Versions to read, by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeRange {
    /// `[start, end)`, epoch milliseconds.
    Between(i64, i64),
    /// Exactly this version, epoch milliseconds.
    At(i64),
}

impl TimeRange {
    pub(crate) fn to_message(self) -> crate::messages::TimeRange {
        let (start_time, end_time, specific_time) = match self {
            Self::Between(start, end) => (Some(start), Some(end), None),
            Self::At(time) => (None, None, Some(time)),
        };
        crate::messages::TimeRange { start_time, end_time, specific_time }
    }
}

/// Reads one row.
#[derive(Clone, Debug)]
pub struct GetRow {
    /// Table name.
    pub table: String,
    /// Which row.
    pub primary_key: PrimaryKey,
    /// Which columns; all when empty.
    pub columns: Vec<String>,
    /// Newest versions of each column; None needs a time range.
    pub max_versions: Option<i32>,
    /// Versions by time.
    pub time_range: Option<TimeRange>,
    /// A row that does not pass is not answered.
    pub filter: Option<Filter>,
}

impl GetRow {
    /// Every column, newest version.
    pub fn new(table: impl Into<String>, primary_key: PrimaryKey) -> Self {
        Self {
            table: table.into(),
            primary_key,
            columns: Vec::new(),
            max_versions: Some(1),
            time_range: None,
            filter: None,
        }
    }

    /// Only these columns. A row that has none of them counts as absent.
    pub fn columns<'a>(mut self, columns: impl IntoIterator<Item = &'a str>) -> Self {
        self.columns = columns.into_iter().map(str::to_owned).collect();
        self
    }

    /// Sets the filter.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    pub(crate) fn to_message(&self) -> GetRowRequest {
        GetRowRequest {
            table_name: self.table.clone(),
            primary_key: self.primary_key.to_plainbuffer().into(),
            columns_to_get: self.columns.clone(),
            time_range: self.time_range.map(TimeRange::to_message),
            max_versions: self.max_versions,
            filter: self.filter.as_ref().map(Filter::to_bytes),
            ..GetRowRequest::default()
        }
    }
}

/// Reads rows in key order.
#[derive(Clone, Debug)]
pub struct GetRange {
    /// Table name.
    pub table: String,
    /// Forward: start < end; backward: start > end.
    pub direction: Direction,
    /// Inclusive.
    pub start: PrimaryKey,
    /// Exclusive.
    pub end: PrimaryKey,
    /// Which columns; all when empty.
    pub columns: Vec<String>,
    /// Newest versions of each column; None needs a time range.
    pub max_versions: Option<i32>,
    /// Versions by time.
    pub time_range: Option<TimeRange>,
    /// A row that does not pass is not answered.
    pub filter: Option<Filter>,
    /// Most rows in one answer; the service stops at 5000 rows or 4 MB by itself.
    pub limit: Option<i32>,
}

impl GetRange {
    /// From `start` (inclusive) up to `end` (exclusive), every column, newest version.
    pub fn forward(table: impl Into<String>, start: PrimaryKey, end: PrimaryKey) -> Self {
        Self {
            table: table.into(),
            direction: Direction::Forward,
            start,
            end,
            columns: Vec::new(),
            max_versions: Some(1),
            time_range: None,
            filter: None,
            limit: None,
        }
    }

    /// From `start` (inclusive) down to `end` (exclusive), every column, newest version.
    pub fn backward(table: impl Into<String>, start: PrimaryKey, end: PrimaryKey) -> Self {
        Self { direction: Direction::Backward, ..Self::forward(table, start, end) }
    }

    /// Only these columns. A row that has none of them is left out.
    pub fn columns<'a>(mut self, columns: impl IntoIterator<Item = &'a str>) -> Self {
        self.columns = columns.into_iter().map(str::to_owned).collect();
        self
    }

    /// Sets the filter.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Sets the most rows of one answer.
    pub fn limit(mut self, limit: i32) -> Self {
        self.limit = Some(limit);
        self
    }

    pub(crate) fn to_message(&self) -> GetRangeRequest {
        GetRangeRequest {
            table_name: self.table.clone(),
            direction: self.direction as i32,
            columns_to_get: self.columns.clone(),
            time_range: self.time_range.map(TimeRange::to_message),
            max_versions: self.max_versions,
            limit: self.limit,
            inclusive_start_primary_key: Bytes::from(self.start.to_plainbuffer()),
            exclusive_end_primary_key: Bytes::from(self.end.to_plainbuffer()),
            filter: self.filter.as_ref().map(Filter::to_bytes),
            ..GetRangeRequest::default()
        }
    }
}

/// One answer to [`GetRange`].
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// In key order.
    pub rows: Vec<Row>,
    /// Where the next request starts; None when the range is read to its end. A page may be empty and
    /// still have one.
    pub next: Option<PrimaryKey>,
}
