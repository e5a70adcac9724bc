//! Read filters and write conditions. Both are the same message; a column condition is a filter over
//! the row as it is stored.

use crate::messages::{ComparatorType, FilterType, LogicalOperator};
use crate::plainbuffer::ValueRef;
use crate::value::{Name, Value};
use crate::wire::{Encode, Sink, to_vec};

pub use crate::messages::{CastType, RowExistence};

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

impl Comparator {
    fn code(self) -> i32 {
        self.message() as i32
    }

    fn message(self) -> ComparatorType {
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

/// Takes a part out of a string column and casts it, and only then is it compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extract {
    /// A regular expression of at most 256 ASCII characters. Its first match counts, or the first group
    /// of it.
    pub regex: String,
    /// What the part becomes.
    pub cast: CastType,
}

/// Which rows pass.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Compares one column.
    Column {
        /// Column name.
        name: Name,
        /// How.
        comparator: Comparator,
        /// With what.
        value: Value,
        /// Whether a row without the column passes. False unless [`Filter::pass_if_missing`] was
        /// called; the official SDKs start with true, which lets a lock be taken over a missing row.
        pass_if_missing: bool,
        /// Compare the newest version only (as it starts); otherwise any version may match.
        latest_only: bool,
        /// Compare a part of the column only.
        extract: Option<Extract>,
    },
    /// The row has the column, or has it not.
    Presence {
        /// Column name.
        name: Name,
        /// Has it.
        present: bool,
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
    pub fn compare(name: impl Into<Name>, comparator: Comparator, value: impl Into<Value>) -> Self {
        Self::Column {
            name: name.into(),
            comparator,
            value: value.into(),
            pass_if_missing: false,
            latest_only: true,
            extract: None,
        }
    }

    /// The column `name` is `value`.
    pub fn equal(name: impl Into<Name>, value: impl Into<Value>) -> Self {
        Self::compare(name, Comparator::Equal, value)
    }

    /// The row has the column `name`. Known to newer versions of the service only.
    pub fn exists(name: impl Into<Name>) -> Self {
        Self::Presence { name: name.into(), present: true }
    }

    /// The row does not have the column `name`. Known to newer versions of the service only.
    pub fn not_exists(name: impl Into<Name>) -> Self {
        Self::Presence { name: name.into(), present: false }
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

    /// Compares only the part of a string column that `regex` finds, cast to `cast`. No effect on
    /// combined filters.
    pub fn extract(mut self, regex: impl Into<String>, cast: CastType) -> Self {
        if let Self::Column { extract, .. } = &mut self {
            *extract = Some(Extract { regex: regex.into(), cast });
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

    /// As the requests carry it: a [`crate::messages::Filter`].
    pub fn to_bytes(&self) -> Vec<u8> {
        to_vec(self)
    }
}

impl Encode for Filter {
    fn encode(&self, out: &mut impl Sink) {
        let kind = match self {
            Self::Column { .. } | Self::Presence { .. } => FilterType::SingleColumnValue,
            Self::Not(_) | Self::And(_) | Self::Or(_) => FilterType::CompositeColumnValue,
            Self::Pagination { .. } => FilterType::ColumnPagination,
        };
        out.int(1, kind as i32);
        out.message(2, &Content(self));
    }
}

/// The message inside a filter's message, by its kind.
struct Content<'a>(&'a Filter);

impl Encode for Content<'_> {
    fn encode(&self, out: &mut impl Sink) {
        match self.0 {
            Filter::Column { name, comparator, value, pass_if_missing, latest_only, extract } => {
                out.int(1, comparator.code());
                out.bytes(2, name.as_bytes());
                out.value(3, value.borrow());
                out.int(4, !pass_if_missing);
                out.int(5, *latest_only);
                if let Some(extract) = extract {
                    out.message(6, extract);
                }
            }
            // The value is required and means nothing; the official SDKs send a zero.
            Filter::Presence { name, present } => {
                let comparator = if *present { ComparatorType::CtExist } else { ComparatorType::CtNotExist };
                out.int(1, comparator as i32);
                out.bytes(2, name.as_bytes());
                out.value(3, ValueRef::Integer(0));
                out.int(4, true);
                out.int(5, true);
            }
            Filter::Not(filter) => composite(out, LogicalOperator::LoNot, std::slice::from_ref(filter.as_ref())),
            Filter::And(filters) => composite(out, LogicalOperator::LoAnd, filters),
            Filter::Or(filters) => composite(out, LogicalOperator::LoOr, filters),
            Filter::Pagination { offset, limit } => {
                out.int(1, *offset);
                out.int(2, *limit);
            }
        }
    }
}

fn composite(out: &mut impl Sink, combinator: LogicalOperator, filters: &[Filter]) {
    out.int(1, combinator as i32);
    for filter in filters {
        out.message(2, filter);
    }
}

impl Encode for Extract {
    fn encode(&self, out: &mut impl Sink) {
        out.bytes(1, &self.regex);
        out.int(2, self.cast as i32);
    }
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
}

impl Encode for Condition {
    fn encode(&self, out: &mut impl Sink) {
        out.int(1, self.existence as i32);
        if let Some(filter) = &self.column {
            out.message(2, filter);
        }
    }
}
