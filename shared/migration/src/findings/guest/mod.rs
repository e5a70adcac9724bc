//! What the guest can tell before the migration.

mod preview;
mod system;
mod table;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use preview::Preview;
pub use system::system_facts;

use crate::check::{Finding, Remediation};
use crate::os::{Arch, Family, Os};
use crate::path::{Engine, Hop};
use crate::policy::Policy;

/// What the guest tells of itself before the migration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestFacts {
    /// `ID` of os-release.
    pub os_id: String,
    /// `VERSION_ID` of os-release.
    pub os_version: String,
    /// `NAME` of os-release: CentOS and CentOS Stream have the same `ID`.
    #[serde(default)]
    pub os_name: String,
    /// `x86_64`, `aarch64`, as the kernel writes it; empty when not told.
    #[serde(default)]
    pub arch: String,
    /// Boot id of the running system.
    pub boot_id: String,
    /// MemAvailable, MiB.
    pub memory_mib: u64,
    /// MemTotal, MiB; 0 when not told.
    #[serde(default)]
    pub memory_total_mib: u64,
    /// How many file systems of disks are mounted; 0 when not told.
    #[serde(default)]
    pub mounts: u64,
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
    /// How it is set up: what the script found, by the fact's name (`root_link`, `nic`, ...).
    #[serde(default)]
    pub system: BTreeMap<String, Vec<String>>,
}

/// What a hop needs, MiB.
struct Needs {
    /// MemAvailable.
    memory: u64,
    /// MemTotal.
    memory_total: u64,
    usr: u64,
    var: u64,
    boot: u64,
}

/// Sources: ECS "Operating system migration", limits (600, 250, 4096 and 100 MiB, which also hold for what other
/// tools say less of); leapp-repository 0.21.0 (1536 MiB of memory in all; under /var 3200 MiB from 7 to 8,
/// 2200 MiB later, 128 MiB for each mounted file system, and 200 MiB that must stay free); migrate2rocky.sh (250, 1536 and 50 MiB, each at most 95 % of
/// what is free; almalinux-deploy.sh names none and does the same work). For apt: 2 GiB hold every downloaded
/// package of a server and its unpacking.
fn needs(hop: &Hop, mounts: u64) -> Needs {
    let documented = Needs { memory: 600, memory_total: 0, usr: 250, var: 4096, boot: 100 };
    let vendors = matches!(hop.to.family, Family::AlibabaCloudLinux | Family::Anolis | Family::Rhel);
    let of_free = |needed: u64| needed.div_ceil(19) * 20;
    match hop.engine {
        Engine::AptFullUpgrade => Needs { var: 2048, ..documented },
        Engine::Leapp => {
            let own = if hop.from.major <= 7 { 3400 } else { 2400 } + 128 * mounts;
            Needs { memory_total: 1536, var: if vendors { own.max(documented.var) } else { own }, ..documented }
        }
        Engine::Migrate2Rocky | Engine::AlmalinuxDeploy => {
            Needs { usr: of_free(250), var: of_free(1536), boot: of_free(50), ..documented }
        }
        _ => documented,
    }
}

/// The migratability check: can this guest take this hop?
pub fn judge_guest(facts: &GuestFacts, hop: &Hop, policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    match Os::from_os_release_named(&facts.os_id, &facts.os_version, &facts.os_name) {
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
    // The image's name need not tell it.
    let archs: Vec<&str> = hop.archs().iter().map(|arch| arch.name()).collect();
    if !facts.arch.is_empty()
        && !archs.is_empty()
        && !hop.archs().iter().any(|arch| Arch::from_name(&facts.arch) == Some(*arch))
    {
        findings.push(Finding::block(
            "guest.architecture",
            format!("the machine is {}, and this path is offered on {} only", facts.arch, archs.join(" and ")),
            "choose a destination that is offered on this architecture",
        ));
    }
    findings.extend(judge_room(facts, hop));
    if !facts.foreign_packages.is_empty() {
        findings.push(judge_foreign_packages(facts, hop));
    }
    if !facts.package_manager.is_empty() {
        findings.push(Finding::block(
            "guest.package-manager",
            format!("the package manager is not healthy: {}", facts.package_manager),
            match hop.engine {
                Engine::AptFullUpgrade => "repair it with `dpkg --configure -a` and `apt-get -f install`",
                _ => "repair it until `dnf check`, or on release 7 `yum check`, is silent",
            },
        ));
    }
    findings.extend(preview::judge_preview(facts, hop, policy));
    findings.extend(system::judge_system(facts, hop));
    if facts.epel_modular {
        findings.push(Finding::warn(
            "guest.epel-modular",
            "the repository epel-modular is enabled",
            "its modules cannot be installed on the new system: plan for other packages",
        ));
    }
    if !facts.foreign_modules.is_empty() {
        let found = format!("kernel modules from outside the kernel are loaded: {}", facts.foreign_modules.join(", "));
        findings.push(match hop.engine {
            // TAINTED_KMODS_DETECTED
            Engine::Convert2Rhel => Finding::block(
                "guest.kernel-modules",
                found,
                "unload them, and uninstall what loads them at boot; install them again for the new kernel afterwards",
            ),
            _ => Finding::warn(
                "guest.kernel-modules",
                found,
                "build or install them for the new kernel after the migration",
            ),
        });
    }
    findings
}

/// Memory and space.
fn judge_room(facts: &GuestFacts, hop: &Hop) -> Vec<Finding> {
    let mut findings = Vec::new();
    let needs = needs(hop, facts.mounts);
    if facts.memory_mib < needs.memory {
        findings.push(Finding::block(
            "guest.memory",
            format!("{} MiB of memory are available, {} MiB are needed", facts.memory_mib, needs.memory),
            "stop services that are not needed meanwhile, or change the instance type",
        ));
    } else if facts.memory_total_mib > 0 && facts.memory_total_mib < needs.memory_total {
        findings.push(Finding::block(
            "guest.memory",
            format!("the machine has {} MiB of memory, {} MiB are needed", facts.memory_total_mib, needs.memory_total),
            "change the instance type",
        ));
    }
    let old_kernels = facts.system.get("old_kernel").map(Vec::as_slice).unwrap_or_default();
    for (mount, needed) in [("/usr", needs.usr), ("/var", needs.var), ("/boot", needs.boot)] {
        let free = facts.free_mib.iter().find(|(path, _)| path == mount).map_or(0, |(_, free)| *free);
        if free >= needed {
            continue;
        }
        let id = format!("guest{}-space", mount.replace('/', "."));
        let found = format!("{free} MiB are free in {mount}, {needed} MiB are needed");
        findings.push(match mount {
            "/boot" => {
                let kernels = match old_kernels {
                    [] => String::new(),
                    some => format!("; kernels that do not run: {}", some.join(", ")),
                };
                let remedy = "remove old kernels (dnf remove --oldinstallonly, package-cleanup --oldkernels, apt-get \
                              autoremove) or enlarge /boot";
                Finding::block(&id, found + &kernels, remedy).mended_by(Remediation::CleanBoot)
            }
            _ => Finding::block(&id, found, "delete what is not needed there, or extend the disk and its file system"),
        });
    }
    findings
}

/// Names of packages for a command line: without "and 3 more", for which an answer had no room.
fn names(packages: &[impl AsRef<str>]) -> String {
    let names: Vec<&str> = packages.iter().map(AsRef::as_ref).filter(|name| !name.contains(' ')).collect();
    names.join(" ")
}

/// 32-bit packages stop the vendor's own migrations (ECS "Operating system migration", limits); elsewhere they
/// are updated or removed like others.
fn judge_foreign_packages(facts: &GuestFacts, hop: &Hop) -> Finding {
    let found = format!("32-bit packages are installed: {}", facts.foreign_packages.join(", "));
    let names = names(&facts.foreign_packages);
    let remedy = match hop.engine {
        Engine::AptFullUpgrade => format!("remove them: apt-get purge {names}"),
        _ => {
            let manager = if matches!(hop.from.major, 2 | 7) { "yum" } else { "dnf" };
            format!("remove them: {manager} remove {names}")
        }
    };
    match hop.to.family {
        Family::AlibabaCloudLinux | Family::Anolis => Finding::block("guest.i686", found, remedy),
        _ => Finding::warn("guest.i686", found, remedy),
    }
    .mended_by(Remediation::RemoveI686)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{hop, ids};
    use super::*;
    use crate::check::Severity;

    /// A guest with which nothing is wrong.
    pub(super) fn good_guest() -> GuestFacts {
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
        let table: [(&str, Break); 13] = [
            ("guest.os", |f| f.os_version = "7".into()),
            ("guest.os", |f| f.os_id = "solaris".into()),
            ("guest.os", |f| f.os_name = "CentOS Stream".into()),
            ("guest.architecture", |f| f.arch = "riscv64".into()),
            ("guest.memory", |f| f.memory_mib = 599),
            ("guest.usr-space", |f| f.free_mib[0].1 = 249),
            ("guest.var-space", |f| f.free_mib[1].1 = 4095),
            ("guest.boot-space", |f| f.free_mib.truncate(2)),
            ("guest.i686", |f| f.foreign_packages = vec!["zlib.i686".into()]),
            ("guest.package-manager", |f| f.package_manager = "duplicates".into()),
            ("guest.removals", |f| f.preview.removals = vec!["vendor-agent".into()]),
            ("guest.mysql", |f| f.preview.downgrades = vec!["mysql-community-server".into(), "nginx".into()]),
            ("guest.mysql", |f| f.preview.downgrades = vec!["MariaDB-server".into()]),
        ];
        for (id, break_it) in table {
            let mut facts = good_guest();
            break_it(&mut facts);
            assert_eq!(ids(&judge(&facts)), [id]);
        }
    }

    #[test]
    fn a_path_is_taken_on_its_architectures_only() {
        let judge = |arch: &str, to| {
            let facts = GuestFacts { arch: arch.into(), os_version: "7".into(), ..good_guest() };
            let hop = Hop { from: Os::new(Family::CentOs, 7), to: Os::new(to, 8), engine: Engine::Leapp };
            judge_guest(&facts, &hop, &Policy::default()).iter().any(|finding| finding.id == "guest.architecture")
        };
        // AlmaLinux 8 from CentOS 7 is offered on x86_64 only, Anolis OS 8 on both.
        for (arch, to, blocked) in [
            ("x86_64", Family::AlmaLinux, false),
            ("aarch64", Family::AlmaLinux, true),
            ("i686", Family::AlmaLinux, true),
            ("", Family::AlmaLinux, false),
            ("aarch64", Family::Anolis, false),
        ] {
            assert_eq!(judge(arch, to), blocked, "{arch} {to:?}");
        }
    }

    #[test]
    fn leapp_needs_room_for_every_mount() {
        let judge = |hop: &Hop, var, mounts| {
            let mut facts = GuestFacts { mounts, memory_total_mib: 4000, ..good_guest() };
            facts.free_mib[1].1 = var;
            judge_room(&facts, hop).iter().any(|finding| finding.id == "guest.var-space")
        };
        let leapp = |from: (Family, u32), to: (Family, u32)| Hop {
            from: Os::new(from.0, from.1),
            to: Os::new(to.0, to.1),
            engine: Engine::Leapp,
        };
        for (hop, mounts, needed) in [
            (leapp((Family::CentOs, 7), (Family::AlmaLinux, 8)), 0, 3400),
            (leapp((Family::CentOs, 7), (Family::AlmaLinux, 8)), 3, 3784),
            (leapp((Family::AlmaLinux, 8), (Family::AlmaLinux, 9)), 2, 2656),
            // What the vendor documents is the least.
            (leapp((Family::CentOs, 7), (Family::AlibabaCloudLinux, 3)), 3, 4096),
            (leapp((Family::CentOs, 7), (Family::AlibabaCloudLinux, 3)), 6, 4168),
        ] {
            assert!(judge(&hop, needed - 1, mounts) && !judge(&hop, needed, mounts), "{} {mounts}", hop.to);
        }
    }

    /// Each of the checks that no other test trips alone.
    #[test]
    fn what_only_warns_is_told_alone() {
        use crate::check::Severity::{Block, Warn};
        let hop = |engine| Hop { engine, ..hop() };
        type Break = fn(&mut GuestFacts);
        let table: [(&str, Severity, Engine, Break); 11] = [
            ("guest.epel-modular", Warn, Engine::DistroSync, |f| f.epel_modular = true),
            ("guest.kernel-modules", Warn, Engine::DistroSync, |f| f.foreign_modules = vec!["wireguard".into()]),
            ("guest.kernel-modules", Block, Engine::Convert2Rhel, |f| f.foreign_modules = vec!["wireguard".into()]),
            ("guest.mysql-version", Warn, Engine::Leapp, |f| f.mysql = vec!["mysql-server-8.0.26".into()]),
            ("guest.downgrades", Warn, Engine::DistroSync, |f| f.preview.downgrades = vec!["nginx".into()]),
            ("guest.preview", Block, Engine::DistroSync, |f| f.preview.problem = "nothing provides x".into()),
            ("guest.mysql", Block, Engine::Centos2Anolis, |f| f.mysql = vec!["mysql-community-server-8.4.2".into()]),
            ("guest.mysql", Block, Engine::Leapp, |f| f.mysql = vec!["mariadb-server-11.4.1".into()]),
            ("guest.mysql", Block, Engine::Leapp, |f| f.mysql = vec!["MariaDB-server-11.4.1".into()]),
            ("guest.mysql", Block, Engine::Leapp, |f| f.mysql = vec!["percona-server-server-8.4.2".into()]),
            ("guest.mysql-version", Warn, Engine::Leapp, |f| f.mysql = vec!["Percona-Server-server-57-5.7.44".into()]),
        ];
        for (id, severity, engine, break_it) in table {
            let mut facts = good_guest();
            facts.system.insert("release".into(), vec!["8.10".into()]);
            assert_eq!(ids(&judge_guest(&facts, &hop(engine), &Policy::default())), [""; 0]);
            break_it(&mut facts);
            let findings = judge_guest(&facts, &hop(engine), &Policy::default());
            let told: Vec<_> =
                findings.iter().filter(|f| f.severity != Severity::Info).map(|f| (f.id.as_str(), f.severity)).collect();
            assert_eq!(told, [(id, severity)], "{}", engine.name());
        }
        // A database that becomes no older does not block where the tool tells it beforehand.
        let mut facts = good_guest();
        facts.mysql = vec!["mysql-community-server-8.4.2".into()];
        assert_eq!(ids(&judge_guest(&facts, &hop(Engine::DistroSync), &Policy::default())), [""; 0]);
    }

    #[test]
    fn what_an_answer_had_no_room_for_is_told_but_is_no_package() {
        let mut facts = good_guest();
        facts.preview.removals = vec!["ntp".into(), "and 3 more".into()];
        facts.foreign_packages = vec!["zlib.i686".into(), "and 9 more".into()];
        let policy = Policy { may_remove: vec!["ntp".into()], ..Policy::default() };
        let findings = judge_guest(&facts, &hop(), &policy);
        assert_eq!(ids(&findings), ["guest.i686", "guest.removals"], "of what is not seen nothing was allowed");
        let of = |id: &str| findings.iter().find(|finding| finding.id == id).unwrap();
        assert!(of("guest.i686").found.ends_with("zlib.i686, and 9 more"));
        assert_eq!(of("guest.i686").remedy, "remove them: dnf remove zlib.i686");
        assert!(!of("guest.removals").remedy.contains("3 more"));
    }

    #[test]
    fn removals_that_the_operator_allows_do_not_block() {
        let mut facts = good_guest();
        facts.preview.removals = vec!["ntp".into()];
        let policy = Policy { may_remove: vec!["ntp".into()], ..Policy::default() };
        assert_eq!(ids(&judge_guest(&facts, &hop(), &policy)), [""; 0]);
    }
}
