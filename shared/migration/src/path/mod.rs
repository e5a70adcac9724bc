//! The path matrix: from which release to which, by which engine, and why not.

mod matrix;
mod refused;
mod search;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::os::{Arch, Edition, Os, System};

pub use search::{common_destinations, destinations, route};

/// What does the work inside the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Swap the release packages, then `dnf distro-sync`: same major version, other distribution.
    DistroSync,
    /// The vendor's own conversion of the same major version to Anolis OS (centos2anolis.py).
    Centos2Anolis,
    /// leapp, in the vendor's fork or as ELevate: next major version, other distribution or the same.
    Leapp,
    /// almalinux-deploy.sh: the same major version of AlmaLinux.
    AlmalinuxDeploy,
    /// migrate2rocky.sh: the same major version of Rocky Linux.
    Migrate2Rocky,
    /// convert2rhel: the same major version of Red Hat Enterprise Linux.
    Convert2Rhel,
    /// Swap the sources, then `apt-get full-upgrade`: next major version, same distribution.
    AptFullUpgrade,
    /// Windows Setup from an attached media disk.
    WindowsSetup,
}

impl Engine {
    /// Every engine there is.
    pub const ALL: &[Self] = &[
        Self::DistroSync,
        Self::Centos2Anolis,
        Self::Leapp,
        Self::AlmalinuxDeploy,
        Self::Migrate2Rocky,
        Self::Convert2Rhel,
        Self::AptFullUpgrade,
        Self::WindowsSetup,
    ];

    /// Its name in commands and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::DistroSync => "distro-sync",
            Self::Centos2Anolis => "centos2anolis",
            Self::Leapp => "leapp",
            Self::AlmalinuxDeploy => "almalinux-deploy",
            Self::Migrate2Rocky => "migrate2rocky",
            Self::Convert2Rhel => "convert2rhel",
            Self::AptFullUpgrade => "apt-full-upgrade",
            Self::WindowsSetup => "windows-setup",
        }
    }
}

/// One migration of one release to another, without a stop in between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// Release before.
    pub from: Os,
    /// Release after.
    pub to: Os,
    /// What does the work.
    pub engine: Engine,
}

impl Hop {
    /// The path of the matrix that it follows, if it follows one.
    fn row(&self) -> Option<&'static matrix::Row> {
        let is_it = |row: &&matrix::Row| {
            row.engine == self.engine && row.from.same_release(&self.from) && row.to.same_release(&self.to)
        };
        matrix::ROWS.iter().find(is_it)
    }

    /// On which architectures it is offered; empty when it is in no list.
    pub fn archs(&self) -> &'static [Arch] {
        self.row().map_or(&[], |row| row.archs)
    }

    /// From which editions of Windows Server it is offered; empty for Linux, and when it is in no list.
    pub fn editions(&self) -> &'static [Edition] {
        self.row().map_or(&[], |row| row.editions)
    }

    /// The oldest minor release that it begins at, where there is one.
    pub fn min_minor(&self) -> Option<u32> {
        self.row()?.min_minor
    }
}

/// What the operator is granted beyond the paths that are open to everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// The account is on the vendor's allow list for CentOS to Red Hat Enterprise Linux, and licences are bought.
    pub rhel: bool,
}

/// Why there is no route; the message says why, and what is offered instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{from} cannot be migrated{}: {why}; {}", to_text(to.as_ref()), offered_text(offered))]
pub struct NoRoute {
    /// System before.
    pub from: Box<System>,
    /// What was asked for.
    pub to: Option<Os>,
    /// Why not, and what to do instead.
    pub why: String,
    /// What can be reached, nearest first.
    pub offered: Vec<Os>,
}

fn to_text(to: Option<&Os>) -> String {
    to.map_or_else(String::new, |to| format!(" to {to}"))
}

fn offered_text(offered: &[Os]) -> String {
    match offered {
        [] => "nothing is offered for it".to_owned(),
        some => format!("offered: {}", list(some)),
    }
}

/// Names, separated by commas.
pub fn list(some: &[Os]) -> String {
    some.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A path of the matrix, to be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Path {
    /// Release before, for people; with the least minor version where there is one.
    pub from: String,
    /// Release after.
    pub to: String,
    /// What does the work.
    pub engine: Engine,
    /// On which architectures.
    pub architectures: Vec<Arch>,
    /// From which editions of Windows Server; empty for Linux.
    pub editions: Vec<Edition>,
    /// Whether it needs [`Grants::rhel`].
    pub granted_only: bool,
    /// Where the path is documented.
    pub source: &'static str,
}

/// Every path, in the order of preference.
pub fn paths() -> Vec<Path> {
    let path = |row: &matrix::Row| Path {
        from: Os { minor: row.min_minor.or(row.from.minor), ..row.from.clone() }.to_string(),
        to: row.to.to_string(),
        engine: row.engine,
        architectures: row.archs.to_vec(),
        editions: row.editions.to_vec(),
        granted_only: row.rhel,
        source: row.source,
    };
    matrix::ROWS.iter().map(path).collect()
}

/// Every release that a path begins at, in the order of [`Os`].
pub fn sources() -> BTreeSet<Os> {
    matrix::ROWS.iter().map(|row| row.from.clone()).collect()
}

#[cfg(test)]
mod tests;
