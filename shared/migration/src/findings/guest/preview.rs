//! What the package manager says that it would do.

use serde::{Deserialize, Serialize};

use super::GuestFacts;
use crate::check::Finding;
use crate::path::{Engine, Hop};
use crate::policy::Policy;

/// The package manager's own plan for the migration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// What it complained of; empty when the transaction resolves.
    pub problem: String,
    /// What it could not download; there is no plan then, and the check must be made again.
    pub unreachable: String,
    /// Packages it would remove without a successor.
    pub removals: Vec<String>,
    /// Packages it would downgrade.
    pub downgrades: Vec<String>,
    /// Number of packages it would install or upgrade.
    pub changes: u64,
}

pub(super) fn judge_preview(facts: &GuestFacts, hop: &Hop, policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    let preview = &facts.preview;
    if !preview.problem.is_empty() {
        findings.push(Finding::block(
            "guest.preview",
            format!("the package manager cannot resolve the migration: {}", preview.problem),
            "remove or update the packages that it names",
        ));
    }
    let lost: Vec<&str> = preview
        .removals
        .iter()
        .map(String::as_str)
        .filter(|name| !policy.may_remove.iter().any(|may| may == name))
        .collect();
    if !lost.is_empty() {
        findings.push(Finding::block(
            "guest.removals",
            format!("the migration would remove {}", lost.join(", ")),
            format!("remove them yourself, or allow it with the tag osferry:may-remove={:?}", super::names(&lost)),
        ));
    }
    let is_mysql = |name: &&String| ["mysql", "mariadb"].iter().any(|prefix| name.starts_with(prefix));
    for name in preview.downgrades.iter().filter(is_mysql) {
        findings.push(Finding::block(
            "guest.mysql",
            format!("{name} would become older than {}", facts.mysql.join(", ")),
            "the data of a newer MySQL cannot be read by an older one: migrate to a version at least as new",
        ));
    }
    // Only these two tell beforehand what becomes older.
    let foretold = matches!(hop.engine, Engine::DistroSync | Engine::AptFullUpgrade);
    if !facts.mysql.is_empty() && !foretold {
        findings.push(Finding::warn(
            "guest.mysql-version",
            format!("{} is installed, and this tool does not tell beforehand what it becomes", facts.mysql.join(", ")),
            format!("see that {} has a version at least as new: an older one cannot read the data", hop.to),
        ));
    }
    let older: Vec<&str> = preview.downgrades.iter().filter(|name| !is_mysql(name)).map(String::as_str).collect();
    if !older.is_empty() {
        findings.push(Finding::warn(
            "guest.downgrades",
            format!("packages become older: {}", older.join(", ")),
            "check that nothing depends on the newer version",
        ));
    }
    findings.push(Finding::info("guest.changes", format!("{} packages would change", preview.changes)));
    findings
}
