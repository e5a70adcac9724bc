//! Paging: `NextToken`/`MaxResults` reads on from a key, `PageNumber`/`PageSize` counts (ECS API
//! reference, Describe* operations).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::db::{Db, Row};
use super::errors;
use super::params::Params;
use crate::seams::ServiceError;

/// Bounds of `MaxResults`; values outside are drawn to the nearer bound.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Least.
    pub least: u64,
    /// Most.
    pub most: u64,
    /// When the request does not say.
    pub usual: u64,
}

/// One page of rows.
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    total: usize,
    number: u64,
    size: u64,
    next_token: String,
}

impl<T> Page<T> {
    /// The answer: `{outer: {inner: [rows]}}` with the paging fields beside it.
    pub fn answer(&self, outer: &str, inner: &str, view: impl FnMut(&T) -> Value) -> Value {
        let mut fields = self.fields();
        let rows: Vec<Value> = self.rows.iter().map(view).collect();
        fields.insert(outer.to_owned(), json!({ inner: rows }));
        Value::Object(fields)
    }

    /// The paging fields alone.
    pub fn fields(&self) -> Map<String, Value> {
        Map::from_iter([
            ("TotalCount".to_owned(), json!(self.total)),
            ("PageNumber".to_owned(), json!(self.number)),
            ("PageSize".to_owned(), json!(self.size)),
            ("NextToken".to_owned(), json!(self.next_token)),
        ])
    }
}

/// The rows of a table (or those under `ids`) that `keep` keeps, in key order, one page of them.
pub fn list<T: Row>(
    db: &Db,
    params: Params<'_>,
    ids: Option<&[String]>,
    limits: Limits,
    keep: impl Fn(&T) -> bool,
) -> Result<Page<T>, ServiceError> {
    match ids {
        None => page(params, limits, |after| Box::new(db.after(after)), keep),
        Some(ids) => {
            let mut ids = ids.to_vec();
            ids.sort();
            ids.dedup();
            let read = |after: &str| -> Rows<'_, T> {
                let after = after.to_owned();
                Box::new(ids.iter().filter(move |id| **id > after).filter_map(|id| db.get(id).transpose()))
            };
            page(params, limits, read, keep)
        }
    }
}

/// Rows in key order.
pub type Rows<'a, T> = Box<dyn Iterator<Item = Result<T, ServiceError>> + 'a>;

/// One page of the rows that `read` gives for "after this key".
pub fn page<'a, T: Row + 'a>(
    params: Params<'_>,
    limits: Limits,
    read: impl FnOnce(&str) -> Rows<'a, T>,
    keep: impl Fn(&T) -> bool,
) -> Result<Page<T>, ServiceError> {
    let max_results = params.number("MaxResults")?;
    let token = params.get("NextToken");
    if max_results.is_some() || token.is_some() {
        let size = max_results.unwrap_or(limits.usual).clamp(limits.least, limits.most);
        let after = token.map(decode).transpose()?.unwrap_or_default();
        let mut rows = kept(read(&after), &keep).take(size as usize + 1).collect::<Result<Vec<T>, _>>()?;
        let mut next_token = String::new();
        if rows.len() as u64 > size {
            rows.truncate(size as usize);
            next_token = rows.last().map(|row| URL_SAFE_NO_PAD.encode(row.key())).unwrap_or_default();
        }
        return Ok(Page { total: rows.len(), rows, number: 1, size, next_token });
    }
    let number = params.number("PageNumber")?.unwrap_or(1);
    let size = params.number("PageSize")?.unwrap_or(10).min(100);
    let mut rows = kept(read(""), &keep).collect::<Result<Vec<T>, _>>()?;
    let total = rows.len();
    let skip = (number - 1).saturating_mul(size).min(total as u64) as usize;
    rows.drain(..skip);
    rows.truncate(size as usize);
    Ok(Page { rows, total, number, size, next_token: String::new() })
}

fn kept<'a, T: Row + 'a>(
    rows: Rows<'a, T>,
    keep: &'a impl Fn(&T) -> bool,
) -> impl Iterator<Item = Result<T, ServiceError>> + 'a {
    rows.filter(move |row| row.as_ref().map_or(true, keep))
}

fn decode(token: &str) -> Result<String, ServiceError> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| errors::invalid("NextToken"))?;
    String::from_utf8(bytes).map_err(|_| errors::invalid("NextToken"))
}
