//! From facts to findings: what was seen of an instance, judged.

use serde::{Deserialize, Serialize};

use crate::check::Finding;
use crate::os::Os;
use crate::path::{self, Engine, Hop};
use crate::policy::Policy;
use crate::record::Millis;

/// What the cloud tells of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudFacts {
    /// `Running`, `Stopped`, …
    pub status: String,
    /// `vpc` or `classic`.
    pub network_type: String,
    /// OSNameEn, or OSName.
    pub os_name: String,
    /// Operation locks (`security`, `financial`, …).
    pub locks: Vec<String>,
    /// Epoch milliseconds of Cloud Assistant's last heartbeat; None when it never was heard of.
    pub heartbeat: Option<Millis>,
    /// Snapshots of its disks that are being created.
    pub snapshots_in_progress: Vec<String>,
    /// Pending or running maintenance events, `code (status) from not-before`.
    pub maintenance: Vec<String>,
    /// Number of its disks.
    pub disks: usize,
    /// Disks of a kind that cannot be snapshotted, with their category.
    pub volatile_disks: Vec<String>,
}

/// Cloud Assistant must have been heard of within this time, milliseconds. Source: ECS "Operating system
/// migration", prerequisites.
const HEARTBEAT_LIMIT: Millis = 24 * 3600 * 1000;

/// The cloud-side check: can this instance be migrated at all?
pub fn judge_cloud(facts: &CloudFacts, hop: Option<&Hop>, now: Millis) -> Vec<Finding> {
    let mut findings = Vec::new();
    if facts.status != "Running" {
        findings.push(Finding::block(
            "cloud.status",
            format!("the instance is {}, not Running", facts.status),
            "start the instance and try again",
        ));
    }
    if facts.network_type != "vpc" {
        findings.push(Finding::block(
            "cloud.network-type",
            format!("the network type is {:?}", facts.network_type),
            "move the instance from the classic network to a VPC first",
        ));
    }
    match facts.heartbeat {
        Some(at) if now - at <= HEARTBEAT_LIMIT => {}
        Some(at) => findings.push(Finding::block(
            "cloud.assistant",
            format!("Cloud Assistant was last heard of {} hours ago", (now - at) / 3_600_000),
            "start the Cloud Assistant agent in the guest, or reinstall it with InstallCloudAssistant and reboot",
        )),
        None => findings.push(Finding::block(
            "cloud.assistant",
            "Cloud Assistant was never heard of",
            "install the Cloud Assistant agent with InstallCloudAssistant and reboot",
        )),
    }
    if !facts.snapshots_in_progress.is_empty() {
        findings.push(Finding::block(
            "cloud.snapshot-in-progress",
            format!("snapshots are being created: {}", facts.snapshots_in_progress.join(", ")),
            "wait until they are accomplished and try again",
        ));
    }
    for lock in &facts.locks {
        findings.push(Finding::block(
            "cloud.lock",
            format!("the instance is locked for reason {lock}"),
            "clear the cause of the lock (payment, security) in the ECS console",
        ));
    }
    for event in &facts.maintenance {
        findings.push(Finding::block(
            "cloud.maintenance",
            format!("a system event is pending: {event}"),
            "let the maintenance happen, or carry it out now in the ECS console, then try again",
        ));
    }
    if facts.disks == 0 {
        findings.push(Finding::block(
            "cloud.disks",
            "no disk is visible",
            "grant ecs:DescribeDisks on the instance's disks: without permission the list is empty, not an error",
        ));
    }
    if !facts.volatile_disks.is_empty() {
        findings.push(Finding::block(
            "cloud.disk-category",
            format!("disks that cannot be snapshotted are attached: {}", facts.volatile_disks.join(", ")),
            "there is no way back for what they hold: move their data and detach them, or migrate by replacing the instance",
        ));
    }
    if hop.is_none() {
        let offered = Os::from_ecs_name(&facts.os_name).map(|os| path::destinations(&os)).unwrap_or_default();
        let remedy = match offered.as_slice() {
            [] => "no destination is offered for this system".to_owned(),
            some => format!("choose one of: {}", some.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        };
        findings.push(Finding::block(
            "cloud.path",
            format!("no path leads from {:?} to the destination", facts.os_name),
            remedy,
        ));
    }
    findings
}

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
        Engine::DistroSync => (600, &[("/usr", 250), ("/var", 4096), ("/boot", 100)]),
        Engine::AptFullUpgrade => (600, &[("/usr", 250), ("/var", 2048), ("/boot", 100)]),
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
                Engine::DistroSync => format!("remove them: dnf remove {}", facts.foreign_packages.join(" ")),
                Engine::AptFullUpgrade => format!("remove them: apt-get purge {}", facts.foreign_packages.join(" ")),
            },
        ));
    }
    if !facts.package_manager.is_empty() {
        findings.push(Finding::block(
            "guest.package-manager",
            format!("the package manager is not healthy: {}", facts.package_manager),
            match hop.engine {
                Engine::DistroSync => "repair it until `dnf check` is silent",
                Engine::AptFullUpgrade => "repair it with `dpkg --configure -a` and `apt-get -f install`",
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

/// What the guest tells of itself after the migration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AfterFacts {
    /// `ID` of os-release.
    pub os_id: String,
    /// `VERSION_ID` of os-release.
    pub os_version: String,
    /// Boot id of the running system.
    pub boot_id: String,
    /// Boot id in which the tool was started.
    pub boot_id_before: String,
    /// Whether the tool's own record says that it succeeded.
    pub tool_succeeded: bool,
    /// What is wrong with the package database; empty when it is consistent.
    pub package_manager: String,
    /// Services that ran before and do not run now.
    pub services_lost: Vec<String>,
    /// Packages that were there before and are not now.
    pub packages_lost: Vec<String>,
    /// Number of packages that are new.
    pub packages_new: u64,
    /// Probes that failed, with why.
    pub probes_failed: Vec<String>,
}

/// The verification: is it the target, and is it healthy?
pub fn judge_after(facts: &AfterFacts, hop: &Hop) -> Vec<Finding> {
    let mut findings = Vec::new();
    match Os::from_os_release(&facts.os_id, &facts.os_version) {
        Some(os) if os.same_release(&hop.to) => {
            findings.push(Finding::info("after.os", format!("the guest runs {os}")))
        }
        _ => findings.push(Finding::block(
            "after.os",
            format!("the guest says it is {} {}, not {}", facts.os_id, facts.os_version, hop.to),
            "the end of the tool's log is in the log of osferry-rollback",
        )),
    }
    if facts.boot_id.is_empty() || facts.boot_id == facts.boot_id_before {
        findings.push(Finding::block("after.boot", "the guest was not rebooted", "read the console output"));
    }
    if !facts.tool_succeeded {
        findings.push(Finding::block(
            "after.tool",
            "the migration tool does not say that it succeeded",
            "the end of the tool's log is in the log of osferry-rollback",
        ));
    }
    if !facts.package_manager.is_empty() {
        findings.push(Finding::block(
            "after.package-manager",
            format!("the package database is not consistent: {}", facts.package_manager),
            "the end of the tool's log is in the log of osferry-rollback",
        ));
    }
    if !facts.services_lost.is_empty() {
        findings.push(Finding::block(
            "after.services",
            format!("services that ran before do not run now: {}", facts.services_lost.join(", ")),
            "find out on a clone why they do not start on the new system",
        ));
    }
    for probe in &facts.probes_failed {
        findings.push(Finding::block(
            "after.probe",
            format!("the application's probe failed: {probe}"),
            "find out on a clone why the application does not answer on the new system",
        ));
    }
    if !facts.packages_lost.is_empty() {
        findings.push(Finding::warn(
            "after.packages",
            format!("packages are gone: {}", facts.packages_lost.join(", ")),
            "most have successors under other names; install what is missed",
        ));
    }
    findings.push(Finding::info("after.packages-new", format!("{} packages are new", facts.packages_new)));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(findings: &[Finding]) -> Vec<&str> {
        findings.iter().filter(|finding| finding.blocks()).map(|finding| finding.id.as_str()).collect()
    }

    fn hop() -> Hop {
        path::route(&Os::from_ecs_name("CentOS 8.5").unwrap(), None).unwrap().remove(0)
    }

    const NOW: Millis = 1_800_000_000_000;

    fn good_cloud() -> CloudFacts {
        CloudFacts {
            status: "Running".into(),
            network_type: "vpc".into(),
            os_name: "CentOS  8.5 64 bit".into(),
            heartbeat: Some(NOW - 60_000),
            disks: 1,
            ..CloudFacts::default()
        }
    }

    #[test]
    fn each_fact_of_the_cloud_blocks_alone() {
        assert_eq!(ids(&judge_cloud(&good_cloud(), Some(&hop()), NOW)), [""; 0]);
        type Break = fn(&mut CloudFacts);
        let table: [(&str, Break); 9] = [
            ("cloud.disk-category", |f| f.volatile_disks = vec!["d-1 (local_ssd_pro)".into()]),
            ("cloud.status", |f| f.status = "Stopped".into()),
            ("cloud.network-type", |f| f.network_type = "classic".into()),
            ("cloud.assistant", |f| f.heartbeat = Some(NOW - HEARTBEAT_LIMIT - 1)),
            ("cloud.assistant", |f| f.heartbeat = None),
            ("cloud.snapshot-in-progress", |f| f.snapshots_in_progress = vec!["s-1".into()]),
            ("cloud.lock", |f| f.locks = vec!["security".into()]),
            ("cloud.maintenance", |f| f.maintenance = vec!["SystemMaintenance.Reboot (Scheduled)".into()]),
            ("cloud.disks", |f| f.disks = 0),
        ];
        for (id, break_it) in table {
            let mut facts = good_cloud();
            break_it(&mut facts);
            let findings = judge_cloud(&facts, Some(&hop()), NOW);
            assert_eq!(ids(&findings), [id]);
            assert!(findings.iter().all(|finding| !finding.remedy.is_empty()), "{findings:?}");
        }
        assert_eq!(ids(&judge_cloud(&good_cloud(), None, NOW)), ["cloud.path"]);
    }

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

    #[test]
    fn each_fact_afterwards_blocks_alone() {
        let good = AfterFacts {
            os_id: "alinux".into(),
            os_version: "3".into(),
            boot_id: "new".into(),
            boot_id_before: "old".into(),
            tool_succeeded: true,
            packages_lost: vec!["yum".into()],
            ..AfterFacts::default()
        };
        assert_eq!(ids(&judge_after(&good, &hop())), [""; 0]);
        type Break = fn(&mut AfterFacts);
        let table: [(&str, Break); 7] = [
            ("after.os", |f| f.os_id = "centos".into()),
            ("after.boot", |f| f.boot_id = "old".into()),
            ("after.boot", |f| f.boot_id.clear()),
            ("after.tool", |f| f.tool_succeeded = false),
            ("after.package-manager", |f| f.package_manager = "x".into()),
            ("after.services", |f| f.services_lost = vec!["nginx".into()]),
            ("after.probe", |f| f.probes_failed = vec!["GET /".into()]),
        ];
        for (id, break_it) in table {
            let mut facts = good.clone();
            break_it(&mut facts);
            assert_eq!(ids(&judge_after(&facts, &hop())), [id]);
        }
    }
}
