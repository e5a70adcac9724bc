//! Read filters and write conditions. Both are the same message; a column condition is a filter over
//! the row as it is stored.

use bytes::Bytes;
use prost::Message;

use crate::messages::{self, ComparatorType};
use crate::messages::{
    ColumnPaginationFilter, CompositeColumnValueFilter, FilterType, LogicalOperator, SingleColumnValueFilter,
};
use crate::plainbuffer::write_bare_value;
use crate::value::Value;

pub use crate::messages::RowExistence;

/// How a column is compared with a value. A column of another type never matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    GreaterThan,
    /// `>=`
    GreaterEqual,
    /// `<`
    LessThan,
    /// `<=`
    LessEqual,
}

/// Which rows pass.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Compares one column.
    Column {
        /// Column name.
        name: String,
        /// How.
        comparator: Comparator,
        /// With what.
        value: Value,
        /// Whether a row without the column passes. False unless [`Filter::pass_if_missing`] was
        /// called; the official SDKs start with true, which lets a lock be taken over a missing row.
        pass_if_missing: bool,
        /// Compare the newest version only (as it starts); otherwise any version may match.
        latest_only: bool,
    },
    /// Passes what the other does not.
    Not(Box<Filter>),
    /// All of them; two or more.
    And(Vec<Filter>),
    /// Any of them; two or more.
    Or(Vec<Filter>),
    /// Takes a window of each row's columns; in reads only.
    Pagination {
        /// Columns to skip.
        offset: i32,
        /// Columns to take, at least one.
        limit: i32,
    },
}

impl Filter {
    /// The column `name` stands in relation `comparator` to `value`.
    pub fn compare(name: impl Into<String>, comparator: Comparator, value: impl Into<Value>) -> Self {
        Self::Column { name: name.into(), comparator, value: value.into(), pass_if_missing: false, latest_only: true }
    }

    /// The column `name` is `value`.
    pub fn equal(name: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::compare(name, Comparator::Equal, value)
    }

    /// Whether a row without the column passes. No effect on combined filters.
    pub fn pass_if_missing(mut self, pass: bool) -> Self {
        if let Self::Column { pass_if_missing, .. } = &mut self {
            *pass_if_missing = pass;
        }
        self
    }

    /// Lets any version match instead of the newest. No effect on combined filters.
    pub fn any_version(mut self) -> Self {
        if let Self::Column { latest_only, .. } = &mut self {
            *latest_only = false;
        }
        self
    }

    /// Both this and the other.
    pub fn and(self, other: Self) -> Self {
        match self {
            Self::And(mut filters) => {
                filters.push(other);
                Self::And(filters)
            }
            first => Self::And(vec![first, other]),
        }
    }

    /// This or the other.
    pub fn or(self, other: Self) -> Self {
        match self {
            Self::Or(mut filters) => {
                filters.push(other);
                Self::Or(filters)
            }
            first => Self::Or(vec![first, other]),
        }
    }

    /// Passes what this does not.
    #[expect(clippy::should_implement_trait, reason = "a builder beside `and` and `or`")]
    pub fn not(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// As the requests carry it.
    pub fn to_bytes(&self) -> Bytes {
        self.to_message().encode_to_vec().into()
    }

    fn to_message(&self) -> messages::Filter {
        match self {
            Self::Column { name, comparator, value, pass_if_missing, latest_only } => {
                let mut column_value = Vec::new();
                write_bare_value(&mut column_value, value.borrow());
                let filter = SingleColumnValueFilter {
                    comparator: comparator.to_message() as i32,
                    column_name: name.clone(),
                    column_value: column_value.into(),
                    filter_if_missing: !pass_if_missing,
                    latest_version_only: *latest_only,
                    value_trans_rule: None,
                };
                message(FilterType::SingleColumnValue, &filter)
            }
            Self::Not(filter) => composite(LogicalOperator::LoNot, std::slice::from_ref(filter.as_ref())),
            Self::And(filters) => composite(LogicalOperator::LoAnd, filters),
            Self::Or(filters) => composite(LogicalOperator::LoOr, filters),
            Self::Pagination { offset, limit } => {
                message(FilterType::ColumnPagination, &ColumnPaginationFilter { offset: *offset, limit: *limit })
            }
        }
    }
}

impl Comparator {
    fn to_message(self) -> ComparatorType {
        match self {
            Self::Equal => ComparatorType::CtEqual,
            Self::NotEqual => ComparatorType::CtNotEqual,
            Self::GreaterThan => ComparatorType::CtGreaterThan,
            Self::GreaterEqual => ComparatorType::CtGreaterEqual,
            Self::LessThan => ComparatorType::CtLessThan,
            Self::LessEqual => ComparatorType::CtLessEqual,
        }
    }
}

fn composite(combinator: LogicalOperator, filters: &[Filter]) -> messages::Filter {
    let filter = CompositeColumnValueFilter {
        combinator: combinator as i32,
        sub_filters: filters.iter().map(Filter::to_message).collect(),
    };
    message(FilterType::CompositeColumnValue, &filter)
}

fn message(kind: FilterType, filter: &impl Message) -> messages::Filter {
    messages::Filter { r#type: kind as i32, filter: filter.encode_to_vec().into() }
}

/// What must be true of the stored row for a write to happen; otherwise it fails with
/// `OTSConditionCheckFail`.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Checked first.
    pub existence: RowExistence,
    /// Checked on the stored columns.
    pub column: Option<Filter>,
}

impl Default for Condition {
    fn default() -> Self {
        Self::ignore()
    }
}

impl Condition {
    /// The write always happens.
    pub fn ignore() -> Self {
        Self { existence: RowExistence::Ignore, column: None }
    }

    /// The row must exist.
    pub fn expect_exist() -> Self {
        Self { existence: RowExistence::ExpectExist, column: None }
    }

    /// The row must not exist.
    pub fn expect_not_exist() -> Self {
        Self { existence: RowExistence::ExpectNotExist, column: None }
    }

    /// The row's columns must also pass `filter`.
    pub fn and_column(mut self, filter: Filter) -> Self {
        self.column = Some(filter);
        self
    }

    pub(crate) fn to_message(&self) -> messages::Condition {
        messages::Condition {
            row_existence: self.existence as i32,
            column_condition: self.column.as_ref().map(Filter::to_bytes),
        }
    }
}
