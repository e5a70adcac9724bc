//! Messages of filters and column conditions.

use bytes::Bytes;

/// Kind of a [`Filter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum FilterType {
    /// [`SingleColumnValueFilter`].
    SingleColumnValue = 1,
    /// [`CompositeColumnValueFilter`].
    CompositeColumnValue = 2,
    /// [`ColumnPaginationFilter`].
    ColumnPagination = 3,
}

/// A read filter or a column condition.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Filter {
    /// [`FilterType`].
    #[prost(enumeration = "FilterType", required, tag = "1")]
    pub r#type: i32,
    /// The serialised message of that type.
    #[prost(bytes = "bytes", required, tag = "2")]
    pub filter: Bytes,
}

/// How a column is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum ComparatorType {
    /// `=`
    CtEqual = 1,
    /// `!=`
    CtNotEqual = 2,
    /// `>`
    CtGreaterThan = 3,
    /// `>=`
    CtGreaterEqual = 4,
    /// `<`
    CtLessThan = 5,
    /// `<=`
    CtLessEqual = 6,
    /// The column exists.
    CtExist = 7,
    /// The column does not exist.
    CtNotExist = 8,
}

/// What the taken part of a string becomes before it is compared. The protocol also names NULL 6 and
/// BLOB 7, which no SDK casts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum CastType {
    /// 64 bit, signed.
    Integer = 0,
    /// 64 bit.
    Double = 1,
    /// As it is.
    String = 3,
}

/// Takes a part out of a string column and casts it before it is compared.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ValueTransferRule {
    /// Regular expression; its first group is taken.
    #[prost(string, required, tag = "1")]
    pub regex: String,
    /// [`CastType`].
    #[prost(enumeration = "CastType", optional, tag = "2")]
    pub cast_type: Option<i32>,
}

/// Compares one column with a value.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct SingleColumnValueFilter {
    /// [`ComparatorType`].
    #[prost(enumeration = "ComparatorType", required, tag = "1")]
    pub comparator: i32,
    /// Column name.
    #[prost(string, required, tag = "2")]
    pub column_name: String,
    /// Type byte and value ([`crate::plainbuffer::write_bare_value`]).
    #[prost(bytes = "bytes", required, tag = "3")]
    pub column_value: Bytes,
    /// A row without the column does not pass.
    #[prost(bool, required, tag = "4")]
    pub filter_if_missing: bool,
    /// Only the newest version counts; otherwise any version may match.
    #[prost(bool, required, tag = "5")]
    pub latest_version_only: bool,
    /// Applied to the column before comparing.
    #[prost(message, optional, tag = "6")]
    pub value_trans_rule: Option<ValueTransferRule>,
}

/// How sub-filters are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum LogicalOperator {
    /// Exactly one sub-filter.
    LoNot = 1,
    /// Two or more.
    LoAnd = 2,
    /// Two or more.
    LoOr = 3,
}

/// Combines filters.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CompositeColumnValueFilter {
    /// [`LogicalOperator`].
    #[prost(enumeration = "LogicalOperator", required, tag = "1")]
    pub combinator: i32,
    /// What is combined.
    #[prost(message, repeated, tag = "2")]
    pub sub_filters: Vec<Filter>,
}

/// Takes a window of each row's columns.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct ColumnPaginationFilter {
    /// Columns to skip.
    #[prost(int32, required, tag = "1")]
    pub offset: i32,
    /// Columns to take.
    #[prost(int32, required, tag = "2")]
    pub limit: i32,
}
