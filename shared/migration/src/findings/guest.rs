//! What the guest can tell before the migration.

use serde::{Deserialize, Serialize};

use crate::check::Finding;
use crate::os::Os;
use crate::path::{Engine, Hop};
use crate::policy::Policy;

/// What the guest tells of itself before the migration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestFacts {
    /// `ID` of os-release.
    pub os_id: String,
    /// `VERSION_ID` of os-release.
    pub os_version: String,
    /// Boot id of the running system.
    pub boot_id: String,
    /// MemAvailable, MiB.
    pub memory_mib: u64,
    /// Free space, MiB, of `/usr`, `/var`, `/boot`.
    pub free_mib: Vec<(String, u64)>,
    /// Installed packages of a 32-bit architecture.
    pub foreign_packages: Vec<String>,
    /// What is wrong with the package manager; empty when it is healthy.
    pub package_manager: String,
    /// What the package manager would do.
    pub preview: Preview,
    /// Installed packages that name a MySQL server, with version.
    pub mysql: Vec<String>,
    /// Whether the repository epel-modular is in use.
    pub epel_modular: bool,
    /// Loaded kernel modules that do not come with the kernel.
    pub foreign_modules: Vec<String>,
}

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

/// Free memory and space that an engine needs, MiB. Source for distro-sync: ECS "Operating system
/// migration", limits; for apt the same, but for /var, where 2 GiB hold every downloaded package of a
/// server and its unpacking.
fn needs(engine: Engine) -> (u64, &'static [(&'static str, u64)]) {
    match engine {
        Engine::AptFullUpgrade => (600, &[("/usr", 250), ("/var", 2048), ("/boot", 100)]),
        _ => (600, &[("/usr", 250), ("/var", 4096), ("/boot", 100)]),
    }
}

/// The migratability check: can this guest take this hop?
pub fn judge_guest(facts: &GuestFacts, hop: &Hop, policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    match Os::from_os_release(&facts.os_id, &facts.os_version) {
        Some(os) if os.same_release(&hop.from) => {
            findings.push(Finding::info("guest.os", format!("the guest runs {os}")))
        }
        told => findings.push(Finding::block(
            "guest.os",
            format!(
                "the guest says it is {}, not {}",
                told.map_or(format!("{} {}", facts.os_id, facts.os_version), |os| os.to_string()),
                hop.from
            ),
            "the name in the console is the image's, not the guest's: choose a path from what the guest runs",
        )),
    }
    let (memory, spaces) = needs(hop.engine);
    if facts.memory_mib < memory {
        findings.push(Finding::block(
            "guest.memory",
            format!("{} MiB of memory are available, {memory} MiB are needed", facts.memory_mib),
            "stop services that are not needed meanwhile, or change the instance type",
        ));
    }
    for (mount, needed) in spaces {
        let free = facts.free_mib.iter().find(|(path, _)| path == mount).map_or(0, |(_, free)| *free);
        if free < *needed {
            let remedy = match *mount {
                "/boot" => "remove old kernels (dnf remove --oldinstallonly, apt-get autoremove) or enlarge /boot",
                _ => "delete what is not needed there, or extend the disk and its file system",
            };
            findings.push(Finding::block(
                &format!("guest{}-space", mount.replace('/', ".")),
                format!("{free} MiB are free in {mount}, {needed} MiB are needed"),
                remedy,
            ));
        }
    }
    if !facts.foreign_packages.is_empty() {
        findings.push(Finding::block(
            "guest.i686",
            format!("32-bit packages are installed: {}", facts.foreign_packages.join(", ")),
            match hop.engine {
                Engine::AptFullUpgrade => format!("remove them: apt-get purge {}", facts.foreign_packages.join(" ")),
                _ => format!("remove them: dnf remove {}", facts.foreign_packages.join(" ")),
            },
        ));
    }
    if !facts.package_manager.is_empty() {
        findings.push(Finding::block(
            "guest.package-manager",
            format!("the package manager is not healthy: {}", facts.package_manager),
            match hop.engine {
                Engine::AptFullUpgrade => "repair it with `dpkg --configure -a` and `apt-get -f install`",
                _ => "repair it until `dnf check` is silent",
            },
        ));
    }
    findings.extend(judge_preview(facts, policy));
    if facts.epel_modular {
        findings.push(Finding::warn(
            "guest.epel-modular",
            "the repository epel-modular is enabled",
            "its modules cannot be installed on the new system: plan for other packages",
        ));
    }
    if !facts.foreign_modules.is_empty() {
        findings.push(Finding::warn(
            "guest.kernel-modules",
            format!("kernel modules from outside the kernel are loaded: {}", facts.foreign_modules.join(", ")),
            "build or install them for the new kernel after the migration",
        ));
    }
    findings
}

fn judge_preview(facts: &GuestFacts, policy: &Policy) -> Vec<Finding> {
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
            format!("remove them yourself, or allow it with the tag osferry:may-remove={:?}", lost.join(" ")),
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

#[cfg(test)]
mod tests {
    use super::super::testing::{hop, ids};
    use super::*;

    fn good_guest() -> GuestFacts {
        GuestFacts {
            os_id: "centos".into(),
            os_version: "8".into(),
            boot_id: "b".into(),
            memory_mib: 2000,
            free_mib: vec![("/usr".into(), 9000), ("/var".into(), 9000), ("/boot".into(), 500)],
            ..GuestFacts::default()
        }
    }

    #[test]
    fn each_fact_of_the_guest_blocks_alone() {
        let judge = |facts: &GuestFacts| judge_guest(facts, &hop(), &Policy::default());
        assert_eq!(ids(&judge(&good_guest())), [""; 0]);
        type Break = fn(&mut GuestFacts);
        let table: [(&str, Break); 10] = [
            ("guest.os", |f| f.os_version = "7".into()),
            ("guest.os", |f| f.os_id = "solaris".into()),
            ("guest.memory", |f| f.memory_mib = 599),
            ("guest.usr-space", |f| f.free_mib[0].1 = 249),
            ("guest.var-space", |f| f.free_mib[1].1 = 4095),
            ("guest.boot-space", |f| f.free_mib.truncate(2)),
            ("guest.i686", |f| f.foreign_packages = vec!["zlib.i686".into()]),
            ("guest.package-manager", |f| f.package_manager = "duplicates".into()),
            ("guest.removals", |f| f.preview.removals = vec!["vendor-agent".into()]),
            ("guest.mysql", |f| f.preview.downgrades = vec!["mysql-community-server".into(), "nginx".into()]),
        ];
        for (id, break_it) in table {
            let mut facts = good_guest();
            break_it(&mut facts);
            assert_eq!(ids(&judge(&facts)), [id]);
        }
    }

    #[test]
    fn removals_that_the_operator_allows_do_not_block() {
        let mut facts = good_guest();
        facts.preview.removals = vec!["ntp".into()];
        let policy = Policy { may_remove: vec!["ntp".into()], ..Policy::default() };
        assert_eq!(ids(&judge_guest(&facts, &hop(), &policy)), [""; 0]);
    }
}
