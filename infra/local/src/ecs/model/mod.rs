//! What the ECS service remembers: one struct per table, as it is stored.

mod commands;
mod instances;
mod jobs;
mod storage;

use std::collections::BTreeMap;

pub use commands::*;
pub use instances::*;
pub use jobs::*;
pub use storage::*;

/// Tags of a resource, by key.
pub type Tags = BTreeMap<String, String>;

/// Fixed width, so that key order is order of creation.
pub fn seq_key(seq: u64) -> String {
    format!("{seq:020}")
}
