//! The paths there are not, and why, as data.

use crate::os::Family::{self, *};
use crate::os::Os;

/// Why one release does not become another, at least not directly.
pub(super) struct Refusal {
    pub from: Os,
    /// Which destination; None for all.
    pub to: Option<Os>,
    pub why: &'static str,
}

const fn os(family: Family, major: u32) -> Os {
    Os::new(family, major)
}

const fn to(from: Os, to: Os, why: &'static str) -> Refusal {
    Refusal { from, to: Some(to), why }
}

const fn all(from: Os, why: &'static str) -> Refusal {
    Refusal { from, to: None, why }
}

const CHAIN: &str = "Windows Setup takes at most two versions at a time: it is done in several hops";
const NO_2025: &str = "the vendor has no install media of Windows Server 2025: its destinations end at 2022";
const EL_5_6: &str =
    "no tool converts it in place: install a supported system with ReplaceSystemDisk, or a new instance";
const REPLACE: &str = "the vendor does not migrate it in place: move to a new instance with a supported system";
const OLDER_BASE: &str = "its packages are older than those of the source: that would be a downgrade";
const ROCKY: &str = "neither the vendor nor the maintained leapp data upgrade Rocky Linux: install Rocky Linux 9 anew";
const UBUNTU: &str = "the vendor offers no migration of Ubuntu: upgrade it with Ubuntu's own do-release-upgrade, after a \
     snapshot, or buy Ubuntu Pro for the time being";

/// What is not done. A row for one destination comes before a row for all.
#[rustfmt::skip]
pub(super) const REFUSED: &[Refusal] = &[
    to(Os::windows_r2(2008), os(WindowsServer, 2016), "it must go through Windows Server 2012 R2: two hops"),
    to(Os::windows_r2(2008), os(WindowsServer, 2019), "it must go through Windows Server 2012 R2: two hops"),
    to(Os::windows_r2(2008), os(WindowsServer, 2022), CHAIN),
    to(Os::windows_r2(2008), os(WindowsServer, 2025), NO_2025),
    to(Os::windows_r2(2012), os(WindowsServer, 2022), CHAIN),
    to(Os::windows_r2(2012), os(WindowsServer, 2025), NO_2025),
    to(os(WindowsServer, 2016), os(WindowsServer, 2025), NO_2025),
    to(os(WindowsServer, 2019), os(WindowsServer, 2025), NO_2025),
    all(os(WindowsServer, 2022), NO_2025),
    all(os(WindowsServer, 2025), "it is the newest"),
    all(os(WindowsServer, 2003), REPLACE),
    all(Os::windows_r2(2003), REPLACE),
    all(os(WindowsServer, 2008), "only 2008 R2 is migrated: this is 2008, whose Setup leads to 2008 R2 or 2012 by hand"),
    all(os(WindowsServer, 2012), "only 2012 R2 is migrated: upgrade to 2012 R2 with its own media first"),
    all(os(CentOs, 5), EL_5_6),
    all(os(CentOs, 6), EL_5_6),
    all(os(Rhel, 6), EL_5_6),
    to(os(CentOs, 7), os(Rocky, 8), "migrate2rocky keeps the major version: go from CentOS 7 to AlmaLinux 8 instead"),
    to(os(CentOs, 7), os(Rocky, 9), "migrate2rocky keeps the major version: go from CentOS 7 to AlmaLinux 9 instead"),
    to(os(CentOs, 7), os(CentOs, 8), "CentOS 8 is at its end as well"),
    to(os(CentOs, 8), os(AlibabaCloudLinux, 2), OLDER_BASE),
    to(os(CentOs, 8), os(Anolis, 7), OLDER_BASE),
    to(os(CentOs, 8), os(Rocky, 9), "migrate2rocky keeps the major version, and nothing upgrades Rocky Linux 8"),
    all(os(CentOsStream, 8), "the vendor does not migrate CentOS Stream: install a supported system anew"),
    all(os(CentOsStream, 9), "the vendor does not migrate CentOS Stream, and it is supported until 2027-05"),
    all(os(CentOsStream, 10), "the vendor does not migrate CentOS Stream, and it is supported until 2030-05"),
    to(os(Rhel, 7), os(Rhel, 9), "leapp takes one major version at a time: it is done in several hops"),
    all(os(Rhel, 9), "the vendor's destinations end at Red Hat Enterprise Linux 9"),
    all(os(AlibabaCloudLinux, 3), "nothing leads to Alibaba Cloud Linux 4 yet, and 3 is supported until 2031"),
    all(os(AlibabaCloudLinux, 4), "it is the newest"),
    all(os(Anolis, 7), "the vendor migrates to Anolis OS, not from it"),
    all(os(Anolis, 8), "the vendor migrates to Anolis OS, not from it"),
    all(os(Anolis, 23), "the vendor migrates to Anolis OS, not from it"),
    all(os(AlmaLinux, 10), "it is the newest"),
    all(os(Rocky, 8), ROCKY),
    all(os(Rocky, 9), ROCKY),
    all(os(Debian, 8), "Debian is upgraded one version at a time by hand until 11: its archive is not mirrored as a release any more"),
    all(os(Debian, 9), "Debian is upgraded one version at a time by hand until 11: its archive is not mirrored as a release any more"),
    all(os(Debian, 10), "Debian is upgraded one version at a time by hand until 11: its archive is not mirrored as a release any more"),
    all(os(Debian, 13), "it is the newest"),
];

/// Whole lines that are not migrated.
const REFUSED_LINES: &[(Family, &str)] = &[
    (Ubuntu, UBUNTU),
    (Sles, "the vendor offers no migration of SLES: use SUSE's own zypper migration, after a snapshot"),
    (OpenSuse, "the vendor offers no migration of openSUSE: use its own zypper dup, after a snapshot"),
    (Fedora, "the vendor offers no migration of Fedora: use its own dnf system-upgrade, after a snapshot"),
    (FreeBsd, "the vendor offers no migration of FreeBSD: use its own freebsd-update upgrade, after a snapshot"),
    (OracleLinux, "the vendor offers no migration of Oracle Linux: use Oracle's own leapp, after a snapshot"),
];

/// Why `from` does not become `to` directly, as far as it is written down.
pub(super) fn why(from: &Os, to: Option<&Os>) -> Option<&'static str> {
    let fits = |refusal: &&Refusal| match (&refusal.to, to) {
        _ if !refusal.from.same_release(from) => false,
        (None, _) => true,
        (Some(refused), Some(to)) => refused.same_release(to),
        (Some(_), None) => false,
    };
    let line = || REFUSED_LINES.iter().find(|(family, _)| *family == from.family).map(|(_, why)| *why);
    REFUSED.iter().find(fits).map(|refusal| refusal.why).or_else(line)
}
