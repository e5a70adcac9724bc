//! The paths there are, as data.
//!
//! Which tool makes a hop that the vendor documents, the source says for Anolis OS; for the rest it is the tool that
//! can: distro-sync within a major version, leapp between two.

use super::Engine::{self, *};
use super::Grants;
use crate::os::Arch::{self, *};
use crate::os::Edition::{self, *};
use crate::os::Family::{self, *};
use crate::os::{Os, System};

// Sources.
const V: &str = "ECS, Operating system migration; SMC, Migrate the operating system of an ECS instance";
const VC: &str = "ECS, Operating system migration; ECS, CentOS EOL";
const CL: &str = "ECS, CentOS EOL; AlmaLinux wiki, ELevate";
const CT: &str = "ECS, CentOS EOL; migrate2rocky.sh";
const T: &str = "almalinux-deploy.sh";
const L: &str = "AlmaLinux wiki, ELevate; AlmaLinux leapp-repository, upgrade_paths.json";
const D: &str = "Debian release notes, Upgrades: one major version at a time";

/// One path.
pub(super) struct Row {
    pub from: Os,
    pub to: Os,
    pub engine: Engine,
    /// On which architectures.
    pub archs: &'static [Arch],
    /// Least minor version of the source. The guest decides: the image's name tells the one that the instance began with.
    pub min_minor: Option<u32>,
    /// Editions of Windows Server it starts from; empty for Linux. Where that of the instance is not known, the
    /// guest decides.
    pub editions: &'static [Edition],
    /// Only with [`Grants::rhel`].
    pub rhel: bool,
    /// Where it is documented.
    pub source: &'static str,
}

const fn os(family: Family, major: u32) -> Os {
    Os::new(family, major)
}

const X86: &[Arch] = &[X86_64];
const BOTH: &[Arch] = &[X86_64, Arm64];

const fn linux(from: Os, to: Os, engine: Engine, archs: &'static [Arch], source: &'static str) -> Row {
    Row { from, to, engine, archs, min_minor: None, editions: &[], rhel: false, source }
}

const fn windows(from: Os, to: Os, editions: &'static [Edition]) -> Row {
    Row { editions, ..linux(from, to, WindowsSetup, X86, V) }
}

impl Row {
    const fn min_minor(self, minor: u32) -> Self {
        Self { min_minor: Some(minor), ..self }
    }

    const fn granted(self) -> Self {
        Self { rhel: true, ..self }
    }

    /// What stands against taking this path from `system`; None when nothing does.
    pub fn obstacle(&self, system: &System, grants: &Grants) -> Option<String> {
        if !self.archs.contains(&system.arch) {
            let archs: Vec<&str> = self.archs.iter().map(|arch| arch.name()).collect();
            return Some(format!("this path is offered on {} only", archs.join(" and ")));
        }
        if self.rhel && !grants.rhel {
            return Some(
                "only for accounts on the vendor's allow list that hold ECS licences for Red Hat: \
                 the operator has not set this grant"
                    .into(),
            );
        }
        if let Some(edition) = system.edition().filter(|edition| !self.editions.contains(edition)) {
            let editions: Vec<&str> = self.editions.iter().map(|edition| edition.name()).collect();
            return Some(format!(
                "this path begins at the editions {}, this is {}",
                editions.join(" and "),
                edition.name()
            ));
        }
        None
    }
}

/// The matrix. Among paths of equal length the one whose rows come first is taken.
#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    linux(os(CentOs, 7), os(AlibabaCloudLinux, 3), Leapp, BOTH, V),
    linux(os(CentOs, 7), os(AlibabaCloudLinux, 2), DistroSync, X86, V),
    linux(os(CentOs, 7), os(Anolis, 8), Leapp, BOTH, V),
    linux(os(CentOs, 7), os(Anolis, 7), Centos2Anolis, BOTH, V),
    linux(os(CentOs, 7), os(AlmaLinux, 8), Leapp, X86, CL).min_minor(9),
    linux(os(CentOs, 7), os(Rhel, 7), Convert2Rhel, X86, VC).min_minor(9).granted(),
    linux(os(CentOs, 8), os(AlibabaCloudLinux, 3), DistroSync, BOTH, V),
    linux(os(CentOs, 8), os(Anolis, 8), Centos2Anolis, BOTH, V),
    linux(os(CentOs, 8), os(AlmaLinux, 8), AlmalinuxDeploy, BOTH, T).min_minor(4),
    linux(os(CentOs, 8), os(Rocky, 8), Migrate2Rocky, BOTH, CT),
    linux(os(CentOs, 8), os(Rhel, 8), Convert2Rhel, X86, V).min_minor(5).granted(),
    linux(os(Rhel, 7), os(Rhel, 8), Leapp, X86, V).min_minor(9),
    linux(os(Rhel, 7), os(AlibabaCloudLinux, 3), Leapp, X86, V).min_minor(9),
    linux(os(Rhel, 8), os(Rhel, 9), Leapp, X86, V),
    linux(os(Rhel, 8), os(AlibabaCloudLinux, 3), DistroSync, X86, V),
    linux(os(AlibabaCloudLinux, 2), os(AlibabaCloudLinux, 3), Leapp, X86, V),
    linux(os(AlmaLinux, 8), os(AlmaLinux, 9), Leapp, BOTH, L).min_minor(10),
    linux(os(AlmaLinux, 9), os(AlmaLinux, 10), Leapp, BOTH, L).min_minor(6),
    linux(os(Debian, 11), os(Debian, 12), AptFullUpgrade, BOTH, D),
    linux(os(Debian, 12), os(Debian, 13), AptFullUpgrade, BOTH, D),
    // The edition afterwards is always Datacenter. Language, and Core or Desktop, stay.
    windows(Os::windows_r2(2008), Os::windows_r2(2012), &[Standard, Enterprise]),
    windows(Os::windows_r2(2012), os(WindowsServer, 2019), &[Standard, Datacenter]),
    windows(Os::windows_r2(2012), os(WindowsServer, 2016), &[Standard, Datacenter]),
    windows(os(WindowsServer, 2016), os(WindowsServer, 2022), &[Standard, Datacenter]),
    windows(os(WindowsServer, 2016), os(WindowsServer, 2019), &[Standard, Datacenter]),
    windows(os(WindowsServer, 2019), os(WindowsServer, 2022), &[Datacenter]),
];

/// Where an instance goes when nobody says where: within its own vendor where that leads on, else to Alibaba Cloud
/// Linux 3 (supported until 2031, free); Debian one version on; Windows Server to the newest that takes fewest hops,
/// from 2008 R2 past 2012 R2, whose support has ended as well. When that cannot be reached, the nearest.
#[rustfmt::skip]
pub(super) const DEFAULTS: &[(Os, Os)] = &[
    (os(CentOs, 7), os(AlibabaCloudLinux, 3)),
    (os(CentOs, 8), os(AlibabaCloudLinux, 3)),
    (os(Rhel, 7), os(Rhel, 8)),
    (os(Rhel, 8), os(Rhel, 9)),
    (os(AlibabaCloudLinux, 2), os(AlibabaCloudLinux, 3)),
    (os(AlmaLinux, 8), os(AlmaLinux, 9)),
    (os(AlmaLinux, 9), os(AlmaLinux, 10)),
    (os(Debian, 11), os(Debian, 12)),
    (os(Debian, 12), os(Debian, 13)),
    (Os::windows_r2(2008), os(WindowsServer, 2019)),
    (Os::windows_r2(2012), os(WindowsServer, 2019)),
    (os(WindowsServer, 2016), os(WindowsServer, 2022)),
    (os(WindowsServer, 2019), os(WindowsServer, 2022)),
];
