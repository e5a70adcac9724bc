//! Checks as data: what was looked at, what was found, what to do about it.

use serde::{Deserialize, Serialize};

/// How a finding bears on the migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Something will be different afterwards; the migration goes on.
    Warn,
    /// The migration must not go on.
    Block,
}

/// One result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable id of the check, such as `guest.boot-space`.
    pub id: String,
    /// How it bears on the migration.
    pub severity: Severity,
    /// What was found, with figures.
    pub found: String,
    /// What a person should do about it; empty for information.
    pub remedy: String,
}

impl Finding {
    /// A finding that stops the migration.
    pub fn block(id: &str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { id: id.into(), severity: Severity::Block, found: found.into(), remedy: remedy.into() }
    }

    /// A finding that a person should read.
    pub fn warn(id: &str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { id: id.into(), severity: Severity::Warn, found: found.into(), remedy: remedy.into() }
    }

    /// A fact.
    pub fn info(id: &str, found: impl Into<String>) -> Self {
        Self { id: id.into(), severity: Severity::Info, found: found.into(), remedy: String::new() }
    }

    /// Whether it stops the migration.
    pub fn blocks(&self) -> bool {
        self.severity == Severity::Block
    }
}
