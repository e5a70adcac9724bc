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

/// The newest version of each that the repositories of a release like Enterprise Linux carry, by its major version.
/// Inferred: the vendor's page says that a lower version blocks and names none. Sources: Red Hat's application stream
/// life cycle (MySQL 8.0 and 8.4, MariaDB 10.3 to 10.11); CentOS 7 has MariaDB 5.5 and no MySQL.
const CARRIED: &[(u32, &str, (u32, u32))] = &[
    (7, "mariadb", (5, 5)),
    (8, "mysql", (8, 0)),
    (8, "mariadb", (10, 11)),
    (9, "mysql", (8, 4)),
    (9, "mariadb", (10, 11)),
    (10, "mysql", (8, 4)),
    (10, "mariadb", (10, 11)),
];

/// Whose data a package's server reads: the system's packages are `mysql-server` and `mariadb-server`, MariaDB's own
/// `MariaDB-server`, Percona's `percona-server-server` and `Percona-Server-server-57`, which is a MySQL.
fn database(package: &str) -> Option<&'static str> {
    let package = package.to_lowercase();
    [("mysql", "mysql"), ("percona", "mysql"), ("mariadb", "mariadb")]
        .into_iter()
        .find_map(|(prefix, database)| package.starts_with(prefix).then_some(database))
}

/// Servers of MySQL, `mysql-community-server-8.4.2`, under a tool that does not tell what they become.
fn judge_databases(servers: &[String], hop: &Hop) -> Vec<Finding> {
    let newer = |server: &&String| {
        let carried = CARRIED
            .iter()
            .find(|(el, name, _)| super::table::el(&hop.to) == Some(*el) && database(server) == Some(name));
        let version = server.rsplit('-').next().and_then(|version| {
            let mut parts = version.split('.').map(str::parse::<u32>);
            Some((parts.next()?.ok()?, parts.next()?.ok()?))
        });
        carried.zip(version).is_some_and(|((.., carried), version)| version > *carried)
    };
    let (above, others): (Vec<&String>, Vec<&String>) = servers.iter().partition(newer);
    let list = |servers: &[&String]| servers.iter().map(|server| server.as_str()).collect::<Vec<_>>().join(", ");
    let mut findings = Vec::new();
    if !above.is_empty() {
        findings.push(Finding::block(
            "guest.mysql",
            format!("{} is newer than what {} carries, as far as is known", list(&above), hop.to),
            "the data of a newer MySQL cannot be read by an older one: migrate to a version at least as new, or move \
             the data",
        ));
    }
    if !others.is_empty() {
        findings.push(Finding::warn(
            "guest.mysql-version",
            format!("{} is installed, and this tool does not tell beforehand what it becomes", list(&others)),
            format!("see that {} has a version at least as new: an older one cannot read the data", hop.to),
        ));
    }
    findings
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
    let is_mysql = |name: &&String| database(name).is_some();
    for name in preview.downgrades.iter().filter(is_mysql) {
        findings.push(Finding::block(
            "guest.mysql",
            format!("{name} would become older than {}", facts.mysql.join(", ")),
            "the data of a newer MySQL cannot be read by an older one: migrate to a version at least as new",
        ));
    }
    // Only these two tell beforehand what becomes older.
    if !matches!(hop.engine, Engine::DistroSync | Engine::AptFullUpgrade) {
        findings.extend(judge_databases(&facts.mysql, hop));
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
