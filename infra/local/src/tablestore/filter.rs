//! Column conditions and read filters.

use bytes::Bytes;
use prost::Message;
use regex::{Regex, RegexBuilder};
use tablestore::messages::{
    CastType, ColumnPaginationFilter, ComparatorType, CompositeColumnValueFilter, Filter, FilterType, LogicalOperator,
    SingleColumnValueFilter, ValueTransferRule,
};
use tablestore::plainbuffer::{CellRef, ValueRef, read_bare_value};

use super::invalid;
use super::schema::check_attribute_name;
use crate::seams::ServiceError;

/// Filters in one condition, combinations counted too (the Java SDK's tests against the service).
const MAX_FILTERS: usize = 32;
/// Longest regular expression, bytes (documentation of the SDKs).
const MAX_REGEX: usize = 256;
/// What a compiled one may take, bytes: nested repetitions multiply.
const MAX_REGEX_PROGRAM: usize = 1 << 18;

/// A condition over the columns of a row.
#[derive(Debug)]
pub(super) enum Predicate {
    Column(Box<ColumnTest>),
    Not(Box<Predicate>),
    And(Vec<Predicate>),
    Or(Vec<Predicate>),
    /// Where a pagination filter stood.
    Always,
}

/// A test of one column.
#[derive(Debug)]
pub(super) struct ColumnTest {
    filter: SingleColumnValueFilter,
    comparator: ComparatorType,
    part: Option<Part>,
}

/// The part of a string column that is compared, and as what.
#[derive(Debug)]
struct Part {
    regex: Regex,
    cast: CastType,
}

/// A filter of a read: which rows pass, and which of their columns.
#[derive(Debug, Default)]
pub(super) struct ReadFilter {
    pub predicate: Option<Predicate>,
    /// Columns to skip and to take.
    pub window: Option<(usize, usize)>,
}

/// Reads the column condition of a write.
pub(super) fn parse_condition(bytes: &Bytes) -> Result<Predicate, ServiceError> {
    let mut parser = Parser { count: 0, window: None };
    let predicate = parser.filter(bytes, false)?;
    Ok(predicate)
}

/// Reads the filter of a read.
pub(super) fn parse_read_filter(bytes: Option<&Bytes>) -> Result<ReadFilter, ServiceError> {
    let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else {
        return Ok(ReadFilter::default());
    };
    let mut parser = Parser { count: 0, window: None };
    let predicate = parser.filter(bytes, true)?;
    Ok(ReadFilter { predicate: Some(predicate), window: parser.window })
}

struct Parser {
    count: usize,
    window: Option<(usize, usize)>,
}

impl Parser {
    /// `may_page`: a pagination filter makes sense only where it always applies: at the top of a read's
    /// filter, or under AND (our choice; the service's rule is not documented).
    fn filter(&mut self, bytes: &Bytes, may_page: bool) -> Result<Predicate, ServiceError> {
        let filter = Filter::decode(bytes.clone()).map_err(|_| invalid("Deserialize filter failed."))?;
        self.part(filter, may_page)
    }

    fn part(&mut self, filter: Filter, may_page: bool) -> Result<Predicate, ServiceError> {
        // Checked before going deeper, so that it bounds the depth too.
        self.count += 1;
        if self.count > MAX_FILTERS {
            return Err(invalid(format!("The count of filter exceeds the max: {MAX_FILTERS}.")));
        }
        match FilterType::try_from(filter.r#type) {
            Ok(FilterType::SingleColumnValue) => column(filter.filter),
            Ok(FilterType::CompositeColumnValue) => self.composite(filter.filter, may_page),
            Ok(FilterType::ColumnPagination) if may_page => {
                self.page(filter.filter)?;
                Ok(Predicate::Always)
            }
            Ok(FilterType::ColumnPagination) => Err(invalid(format!("Invalid type of sub-filter: {}.", filter.r#type))),
            Err(_) => Err(invalid(format!("Invalid type of filter: {}.", filter.r#type))),
        }
    }

    fn composite(&mut self, bytes: Bytes, may_page: bool) -> Result<Predicate, ServiceError> {
        let composite =
            CompositeColumnValueFilter::decode(bytes).map_err(|_| invalid("Deserialize composite filter failed."))?;
        let Ok(combinator) = LogicalOperator::try_from(composite.combinator) else {
            return Err(invalid(format!("Invalid relation operator: {}.", composite.combinator)));
        };
        let may_page = may_page && combinator == LogicalOperator::LoAnd;
        let mut parts = Vec::new();
        for filter in composite.sub_filters {
            parts.push(self.part(filter, may_page)?);
        }
        match combinator {
            LogicalOperator::LoNot => match parts.pop() {
                Some(part) if parts.is_empty() => Ok(Predicate::Not(Box::new(part))),
                _ => Err(invalid("Invalid NOT operator: the number of sub-filters must be 1.")),
            },
            // The documentation says exactly two; the Java SDK's tests pass with more.
            _ if parts.len() < 2 => Err(invalid("Invalid AND/OR operator: the number of sub-filters must be 2.")),
            LogicalOperator::LoAnd => Ok(Predicate::And(parts)),
            LogicalOperator::LoOr => Ok(Predicate::Or(parts)),
        }
    }

    fn page(&mut self, bytes: Bytes) -> Result<(), ServiceError> {
        let page = ColumnPaginationFilter::decode(bytes)
            .map_err(|_| invalid("Deserialize column pagination filter failed."))?;
        let Ok(offset) = usize::try_from(page.offset) else {
            return Err(invalid("Offset in ColumnPaginationFilter must be greater than or equal to 0."));
        };
        match usize::try_from(page.limit) {
            Ok(limit) if limit > 0 => self.window = Some((offset, limit)),
            _ => return Err(invalid("Limit in ColumnPaginationFilter must be greater than 0.")),
        }
        Ok(())
    }
}

fn column(bytes: Bytes) -> Result<Predicate, ServiceError> {
    let failed = "Deserialize relation filter failed.";
    let filter = SingleColumnValueFilter::decode(bytes).map_err(|_| invalid(failed))?;
    let Ok(comparator) = ComparatorType::try_from(filter.comparator) else {
        return Err(invalid(format!("Invalid relation operator: {}.", filter.comparator)));
    };
    check_attribute_name(&filter.column_name)?;
    match read_bare_value(&filter.column_value) {
        Ok(ValueRef::InfMin | ValueRef::InfMax | ValueRef::AutoIncrement) | Err(_) => return Err(invalid(failed)),
        Ok(_) => {}
    }
    let part = filter.value_trans_rule.as_ref().map(part).transpose()?;
    Ok(Predicate::Column(Box::new(ColumnTest { filter, comparator, part })))
}

fn part(rule: &ValueTransferRule) -> Result<Part, ServiceError> {
    if rule.regex.len() > MAX_REGEX || !rule.regex.is_ascii() {
        return Err(invalid(format!("The regex must be ASCII of at most {MAX_REGEX} bytes.")));
    }
    let cast = match rule.cast_type {
        None => CastType::String,
        Some(cast) => CastType::try_from(cast).map_err(|_| invalid(format!("Invalid cast type: {cast}.")))?,
    };
    let regex = RegexBuilder::new(&rule.regex).size_limit(MAX_REGEX_PROGRAM).build();
    let regex = regex.map_err(|_| invalid(format!("Invalid regex: {}.", rule.regex)))?;
    Ok(Part { regex, cast })
}

impl Part {
    /// The first group of the first match, or all of the match; None for what does not match or cannot be cast.
    fn of<'v>(&self, value: ValueRef<'v>) -> Option<ValueRef<'v>> {
        let ValueRef::String(text) = value else { return None };
        let captures = self.regex.captures(text)?;
        let text = captures.get(1).or_else(|| captures.get(0))?.as_str();
        match self.cast {
            CastType::Integer => text.parse().ok().map(ValueRef::Integer),
            CastType::Double => text.parse().ok().filter(|value: &f64| value.is_finite()).map(ValueRef::Double),
            CastType::String => Some(ValueRef::String(text)),
        }
    }
}

impl Predicate {
    /// Whether a row with these cells passes: sorted by name, versions newest first.
    pub(super) fn passes(&self, cells: &[CellRef<'_>]) -> bool {
        match self {
            Self::Column(test) => test.passes(cells),
            Self::Not(part) => !part.passes(cells),
            Self::And(parts) => parts.iter().all(|part| part.passes(cells)),
            Self::Or(parts) => parts.iter().any(|part| part.passes(cells)),
            Self::Always => true,
        }
    }
}

impl ColumnTest {
    fn passes(&self, cells: &[CellRef<'_>]) -> bool {
        let filter = &self.filter;
        let mut versions = cells.iter().filter(|cell| cell.name == filter.column_name).filter_map(|cell| cell.value);
        match self.comparator {
            ComparatorType::CtExist => return versions.next().is_some(),
            ComparatorType::CtNotExist => return versions.next().is_none(),
            _ => {}
        }
        // It was readable when the filter came in.
        let Ok(wanted) = read_bare_value(&filter.column_value) else { return false };
        let Some(newest) = versions.next() else { return !filter.filter_if_missing };
        let matches = |value| match &self.part {
            None => compare(value, self.comparator, wanted),
            Some(part) => part.of(value).is_some_and(|value| compare(value, self.comparator, wanted)),
        };
        matches(newest) || !filter.latest_version_only && versions.any(matches)
    }
}

/// A value of another type matches nothing, not even NOT_EQUAL (the Java SDK's tests show it for EQUAL;
/// for the others it is our choice).
fn compare(stored: ValueRef<'_>, comparator: ComparatorType, wanted: ValueRef<'_>) -> bool {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let order = match (stored, wanted) {
        (ValueRef::Integer(l), ValueRef::Integer(r)) => Some(l.cmp(&r)),
        (ValueRef::Double(l), ValueRef::Double(r)) => l.partial_cmp(&r),
        (ValueRef::Boolean(l), ValueRef::Boolean(r)) => Some(l.cmp(&r)),
        (ValueRef::String(l), ValueRef::String(r)) => Some(l.cmp(r)),
        (ValueRef::Binary(l), ValueRef::Binary(r)) => Some(l.cmp(r)),
        _ => None,
    };
    let Some(order) = order else { return false };
    match comparator {
        ComparatorType::CtEqual => order == Equal,
        ComparatorType::CtNotEqual => order != Equal,
        ComparatorType::CtGreaterThan => order == Greater,
        ComparatorType::CtGreaterEqual => order != Less,
        ComparatorType::CtLessThan => order == Less,
        ComparatorType::CtLessEqual => order != Greater,
        ComparatorType::CtExist | ComparatorType::CtNotExist => false,
    }
}
