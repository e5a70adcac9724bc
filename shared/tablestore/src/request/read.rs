//! Reads of rows, and what they answer.

use bytes::Bytes;
use prost::Message;

use crate::filter::Filter;
use crate::messages::GetRangeResponse;
use crate::plainbuffer::Malformed;
use crate::request::TransactionId;
use crate::row::Row;
use crate::value::{Name, PrimaryKey};
use crate::wire::{Encode, Sink, to_vec};

pub use crate::messages::Direction;

/// Versions to read, by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeRange {
    /// `[start, end)`, epoch milliseconds.
    Between(i64, i64),
    /// Exactly this version, epoch milliseconds.
    At(i64),
}

impl Encode for TimeRange {
    fn encode(&self, out: &mut impl Sink) {
        match *self {
            Self::Between(start, end) => {
                out.int(1, start);
                out.int(2, end);
            }
            Self::At(time) => out.int(3, time),
        }
    }
}

/// The builders that every read has.
macro_rules! read_builders {
    () => {
        /// Only these columns. A row that has none of them counts as absent.
        pub fn columns<N: Into<Name>>(mut self, columns: impl IntoIterator<Item = N>) -> Self {
            self.columns = columns.into_iter().map(Into::into).collect();
            self
        }

        /// The newest `count` versions of each column.
        pub fn max_versions(mut self, count: i32) -> Self {
            self.max_versions = Some(count);
            self
        }

        /// Versions of this time. The service takes [`TimeRange::At`] only without a count of versions,
        /// so that is taken away.
        pub fn time_range(mut self, range: TimeRange) -> Self {
            self.time_range = Some(range);
            if matches!(range, TimeRange::At(_)) {
                self.max_versions = None;
            }
            self
        }

        /// Sets the filter.
        pub fn filter(mut self, filter: Filter) -> Self {
            self.filter = Some(filter);
            self
        }

        /// Only columns whose name is at least `start` and less than `end`; None is no bound.
        pub fn column_range(mut self, start: Option<Name>, end: Option<Name>) -> Self {
            (self.start_column, self.end_column) = (start, end);
            self
        }
    };
}
pub(super) use read_builders;

/// Reads one row.
#[derive(Clone, Debug)]
pub struct GetRow {
    /// Table or index name.
    pub table: Name,
    /// Which row.
    pub primary_key: PrimaryKey,
    /// Which columns; all when empty.
    pub columns: Vec<Name>,
    /// Newest versions of each column; None needs a time range.
    pub max_versions: Option<i32>,
    /// Versions by time.
    pub time_range: Option<TimeRange>,
    /// A row that does not pass is not answered.
    pub filter: Option<Filter>,
    /// First column by name, inclusive.
    pub start_column: Option<Name>,
    /// Last column by name, exclusive.
    pub end_column: Option<Name>,
    /// Where an answer stopped inside a wide row; the client follows them by itself.
    pub token: Option<Bytes>,
    /// Reads inside a local transaction.
    pub transaction: Option<TransactionId>,
}

impl GetRow {
    /// Every column, newest version.
    pub fn new(table: impl Into<Name>, primary_key: PrimaryKey) -> Self {
        Self {
            table: table.into(),
            primary_key,
            columns: Vec::new(),
            max_versions: Some(1),
            time_range: None,
            filter: None,
            start_column: None,
            end_column: None,
            token: None,
            transaction: None,
        }
    }

    read_builders!();

    /// Reads inside a local transaction.
    pub fn in_transaction(mut self, transaction: &TransactionId) -> Self {
        self.transaction = Some(transaction.clone());
        self
    }

    /// The body of the request: a [`crate::messages::GetRowRequest`].
    pub fn to_body(&self) -> Vec<u8> {
        to_vec(self)
    }
}

impl Encode for GetRow {
    fn encode(&self, out: &mut impl Sink) {
        out.bytes(1, self.table.as_bytes());
        out.row(2, &self.primary_key);
        self.columns.iter().for_each(|column| out.bytes(3, column.as_bytes()));
        self.time_range.iter().for_each(|range| out.message(4, range));
        self.max_versions.iter().for_each(|count| out.int(5, *count));
        self.filter.iter().for_each(|filter| out.message(7, filter));
        self.start_column.iter().for_each(|column| out.bytes(8, column.as_bytes()));
        self.end_column.iter().for_each(|column| out.bytes(9, column.as_bytes()));
        self.token.iter().for_each(|token| out.bytes(10, token));
        self.transaction.iter().for_each(|transaction| out.bytes(11, &transaction.0));
    }
}

/// Reads rows in key order.
#[derive(Clone, Debug)]
pub struct GetRange {
    /// Table or index name.
    pub table: Name,
    /// Forward: start < end; backward: start > end.
    pub direction: Direction,
    /// Inclusive.
    pub start: PrimaryKey,
    /// Exclusive.
    pub end: PrimaryKey,
    /// Which columns; all when empty.
    pub columns: Vec<Name>,
    /// Newest versions of each column; None needs a time range.
    pub max_versions: Option<i32>,
    /// Versions by time.
    pub time_range: Option<TimeRange>,
    /// A row that does not pass is not answered.
    pub filter: Option<Filter>,
    /// First column by name, inclusive.
    pub start_column: Option<Name>,
    /// Last column by name, exclusive.
    pub end_column: Option<Name>,
    /// Most rows in one answer; the service stops at 5000 rows or 4 MB by itself.
    pub limit: Option<i32>,
    /// Where the answer before stopped inside a wide row ([`Page::token`]).
    pub token: Option<Bytes>,
    /// Reads inside a local transaction.
    pub transaction: Option<TransactionId>,
}

impl GetRange {
    /// From `start` (inclusive) up to `end` (exclusive), every column, newest version.
    pub fn forward(table: impl Into<Name>, start: PrimaryKey, end: PrimaryKey) -> Self {
        Self {
            table: table.into(),
            direction: Direction::Forward,
            start,
            end,
            columns: Vec::new(),
            max_versions: Some(1),
            time_range: None,
            filter: None,
            start_column: None,
            end_column: None,
            limit: None,
            token: None,
            transaction: None,
        }
    }

    /// From `start` (inclusive) down to `end` (exclusive), every column, newest version.
    pub fn backward(table: impl Into<Name>, start: PrimaryKey, end: PrimaryKey) -> Self {
        Self { direction: Direction::Backward, ..Self::forward(table, start, end) }
    }

    read_builders!();

    /// Sets the most rows of one answer.
    pub fn limit(mut self, limit: i32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Reads inside a local transaction.
    pub fn in_transaction(mut self, transaction: &TransactionId) -> Self {
        self.transaction = Some(transaction.clone());
        self
    }

    /// The body of the request: a [`crate::messages::GetRangeRequest`].
    pub fn to_body(&self) -> Vec<u8> {
        to_vec(self)
    }
}

impl Encode for GetRange {
    fn encode(&self, out: &mut impl Sink) {
        out.bytes(1, self.table.as_bytes());
        out.int(2, self.direction as i32);
        self.columns.iter().for_each(|column| out.bytes(3, column.as_bytes()));
        self.time_range.iter().for_each(|range| out.message(4, range));
        self.max_versions.iter().for_each(|count| out.int(5, *count));
        self.limit.iter().for_each(|limit| out.int(6, *limit));
        out.row(7, &self.start);
        out.row(8, &self.end);
        self.filter.iter().for_each(|filter| out.message(10, filter));
        self.start_column.iter().for_each(|column| out.bytes(11, column.as_bytes()));
        self.end_column.iter().for_each(|column| out.bytes(12, column.as_bytes()));
        self.token.iter().for_each(|token| out.bytes(13, token));
        self.transaction.iter().for_each(|transaction| out.bytes(14, &transaction.0));
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
    /// There when the last row was too wide for one answer: the next request must carry it, and its
    /// first row has the same key and the columns that are left.
    pub token: Option<Bytes>,
}

impl Page {
    /// Reads the body of an answer: a [`GetRangeResponse`]. Rows are not copied out of it.
    ///
    /// # Errors
    /// When it is no such message, its rows are malformed, or in a form that was not asked for.
    pub fn from_body(body: Bytes) -> Result<Self, BadPage> {
        Self::from_message(GetRangeResponse::decode(body)?)
    }

    pub(crate) fn from_message(answer: GetRangeResponse) -> Result<Self, BadPage> {
        if (answer.data_block_type(), answer.compress_type()) != (0, 0) {
            return Err(BadPage::Form);
        }
        let next = answer.next_start_primary_key.as_deref().map(PrimaryKey::from_plainbuffer);
        Ok(Self {
            rows: Row::all_from_plainbuffer(&answer.rows)?,
            next: next.transpose()?,
            token: answer.next_token.filter(|token| !token.is_empty()),
        })
    }
}

/// Why an answer is no [`Page`].
#[derive(Debug, thiserror::Error)]
pub enum BadPage {
    /// Not the message.
    #[error(transparent)]
    Message(#[from] prost::DecodeError),
    /// The rows in it are broken.
    #[error(transparent)]
    Rows(#[from] Malformed),
    /// Its rows are compressed, or not PlainBuffer.
    #[error("its rows are in a form that was not asked for")]
    Form,
}
