//! What the guest can tell after the migration.

use serde::{Deserialize, Serialize};

use super::boot::{old_kernel, os_told};
use crate::check::Finding;
use crate::path::Hop;

/// What the guest tells of itself after the migration. Differences are against how it was when the tool was started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AfterFacts {
    /// `ID` of os-release; `windows`.
    pub os_id: String,
    /// `VERSION_ID` of os-release; the build of Windows.
    pub os_version: String,
    /// Boot id of the running system.
    pub boot_id: String,
    /// Boot id in which the tool was started.
    pub boot_id_before: String,
    /// Release of the kernel that runs; empty when not told.
    pub kernel: String,
    /// Release of the kernel that the boot loader starts by itself; empty when not told.
    pub kernel_default: String,
    /// Whether the tool's own record says that it succeeded.
    pub tool_succeeded: bool,
    /// What is wrong with the package database; empty when it is consistent.
    pub package_manager: String,
    /// Number of packages of the old major version that are still installed.
    pub leftovers: u64,
    /// Services that ran before and do not run now.
    pub services_lost: Vec<String>,
    /// Services that were enabled before and are not now.
    pub services_disabled: Vec<String>,
    /// TCP ports, with the program, that were listened on and are not now.
    pub ports_lost: Vec<String>,
    /// The same where the program itself is gone, or was only systemd waiting for it.
    pub ports_retired: Vec<String>,
    /// Mount points that are not mounted any more.
    pub mounts_lost: Vec<String>,
    /// Accounts of people and applications, and their groups, that are gone.
    pub users_lost: Vec<String>,
    /// Files of cron that are gone or different.
    pub cron_changed: Vec<String>,
    /// Arguments that the kernel does not get any more.
    pub kernel_arguments_lost: Vec<String>,
    /// Kernel modules that are not loaded any more.
    pub modules_lost: Vec<String>,
    /// Configuration files that a person had changed and that are different now.
    pub configuration_changed: Vec<String>,
    /// Settings of the whole system that are different now: SELinux, the default target.
    pub settings_changed: Vec<String>,
    /// Repositories of the old system that are still enabled.
    pub repositories_old: Vec<String>,
    /// Packages that were there before and are not now.
    pub packages_lost: Vec<String>,
    /// Number of packages that are new.
    pub packages_new: u64,
    /// Probes that failed, with why.
    pub probes_failed: Vec<String>,
}

/// What the last script of a migration did with the person's own settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// Settings of people that are back.
    pub restored: Vec<String>,
    /// What does not fit the new system and stays away, with the reason where it is not plain.
    pub kept_away: Vec<String>,
    /// What is of the old system and was left, because something may need it.
    pub kept: Vec<String>,
    /// Settings that should have come back and could not.
    pub left: Vec<String>,
}

/// One look at services and applications while they are observed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Services that ran before the migration and do not run now.
    pub services_lost: Vec<String>,
    /// Probes that failed, with why.
    pub probes_failed: Vec<String>,
}

const ON_A_CLONE: &str = "find out by a drill on a clone why, and change it there first";
const SEE_LOG: &str = "the end of the tool's log is in the evidence of the migration";

/// The verification: is it the target, and is it healthy?
pub fn judge_after(facts: &AfterFacts, hop: &Hop) -> Vec<Finding> {
    let mut findings = Vec::new();
    match os_told(&facts.os_id, &facts.os_version) {
        Some(os) if os.same_release(&hop.to) => {
            findings.push(Finding::info("after.os", format!("the guest runs {os}")))
        }
        _ => findings.push(Finding::block(
            "after.os",
            format!("the guest says it is {} {}, not {}", facts.os_id, facts.os_version, hop.to),
            SEE_LOG,
        )),
    }
    if facts.boot_id.is_empty() || facts.boot_id == facts.boot_id_before {
        findings.push(Finding::block("after.boot", "the guest was not rebooted", "read the console output"));
    }
    if let Some(why) = old_kernel(&facts.kernel, &facts.kernel_default, hop) {
        findings.push(Finding::block("after.kernel", why, "see which entry the boot loader has as its default"));
    }
    if !facts.tool_succeeded {
        findings.push(Finding::block("after.tool", "the migration tool does not say that it succeeded", SEE_LOG));
    }
    if !facts.package_manager.is_empty() {
        let found = format!("the package database is not consistent: {}", facts.package_manager);
        findings.push(Finding::block("after.package-manager", found, SEE_LOG));
    }
    findings.extend(judge_signs_of_life(&facts.services_lost, &facts.probes_failed));
    findings.extend(judge_differences(facts));
    findings.push(Finding::info("after.packages-new", format!("{} packages are new", facts.packages_new)));
    findings
}

/// What an observation showed: the same checks as in the verification.
pub fn judge_observation(seen: &Observation) -> Vec<Finding> {
    judge_signs_of_life(&seen.services_lost, &seen.probes_failed)
}

/// What became of the person's own settings: those that are back, those that do not fit the new system, and those
/// that could not be brought back.
pub fn judge_finished(finished: &Finished) -> Vec<Finding> {
    let Finished { restored, kept_away, kept, left } = finished;
    let mut findings = Vec::new();
    if !left.is_empty() {
        findings.push(Finding::warn(
            "after.not-restored",
            format!("could not be brought back: {}", left.join(", ")),
            "bring it back by hand; the snapshots hold it as it was",
        ));
    }
    if !kept.is_empty() {
        let found = format!("of the old system, and left because something may need it: {}", kept.join(", "));
        findings.push(Finding::info("after.kept", found));
    }
    if !restored.is_empty() {
        findings.push(Finding::info("after.restored", format!("back as they were: {}", restored.join(", "))));
    }
    if !kept_away.is_empty() {
        findings.push(Finding::warn(
            "after.kept-away",
            format!("not brought back, because the new system has no use for it: {}", kept_away.join(", ")),
            "see what of it is still meant, and how the new system says it",
        ));
    }
    findings
}

fn judge_signs_of_life(services_lost: &[String], probes_failed: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !services_lost.is_empty() {
        let found = format!("services that ran before do not run now: {}", services_lost.join(", "));
        findings.push(Finding::block("after.services", found, ON_A_CLONE));
    }
    for probe in probes_failed {
        findings.push(Finding::block("after.probe", format!("the application's probe failed: {probe}"), ON_A_CLONE));
    }
    findings
}

fn judge_differences(facts: &AfterFacts) -> Vec<Finding> {
    type Make = fn(&str, String, &'static str) -> Finding;
    let block: Make = |id, found, remedy| Finding::block(id, found, remedy);
    let warn: Make = |id, found, remedy| Finding::warn(id, found, remedy);
    let table: [(Make, &str, &[String], &str, &'static str); 12] = [
        (block, "after.ports", &facts.ports_lost, "nothing listens any more on TCP ports", ON_A_CLONE),
        (block, "after.mounts", &facts.mounts_lost, "not mounted any more", "compare /etc/fstab and the disks' UUIDs"),
        (block, "after.users", &facts.users_lost, "accounts are gone", ON_A_CLONE),
        (
            warn,
            "after.services-disabled",
            &facts.services_disabled,
            "services do not start with the system any more",
            "enable those that are wanted: systemctl enable",
        ),
        (
            warn,
            "after.ports-retired",
            &facts.ports_retired,
            "TCP ports went with their programs",
            "see whether somebody still needs them",
        ),
        (
            warn,
            "after.cron",
            &facts.cron_changed,
            "files of cron are gone or different",
            "compare them with the snapshot",
        ),
        (
            warn,
            "after.kernel-arguments",
            &facts.kernel_arguments_lost,
            "the kernel does not get these arguments any more",
            "add those that are still meant: grubby --update-kernel=ALL --args=…",
        ),
        (
            warn,
            "after.modules",
            &facts.modules_lost,
            "kernel modules are not loaded any more",
            "most have other names or are part of the new kernel; build foreign ones for it",
        ),
        (
            warn,
            "after.configuration",
            &facts.configuration_changed,
            "configuration that a person had changed is different now",
            "compare with .rpmsave, .rpmnew, .dpkg-old or the snapshot",
        ),
        (
            warn,
            "after.settings",
            &facts.settings_changed,
            "settings are different now",
            "set them again if they are meant",
        ),
        (
            warn,
            "after.repositories",
            &facts.repositories_old,
            "repositories of the old system are still enabled",
            "disable them, or replace them by those of the new one",
        ),
        (
            warn,
            "after.packages",
            &facts.packages_lost,
            "packages are gone",
            "most have successors under other names; install what is missed",
        ),
    ];
    let mut findings: Vec<Finding> = table
        .into_iter()
        .filter(|(_, _, what, ..)| !what.is_empty())
        .map(|(make, id, what, found, remedy)| make(id, format!("{found}: {}", what.join(", ")), remedy))
        .collect();
    if facts.leftovers > 0 {
        findings.push(Finding::warn(
            "after.leftovers",
            format!("{} packages of the old major version are still installed", facts.leftovers),
            "replace them by their makers' packages for the new one, or remove them",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::testing::{hop, ids};
    use super::*;
    use crate::check::Severity;

    fn good() -> AfterFacts {
        AfterFacts {
            os_id: "alinux".into(),
            os_version: "3".into(),
            boot_id: "new".into(),
            boot_id_before: "old".into(),
            kernel: "5.10.134-16.al8.x86_64".into(),
            kernel_default: "5.10.134-16.al8.x86_64".into(),
            tool_succeeded: true,
            ..AfterFacts::default()
        }
    }

    #[test]
    fn each_fact_afterwards_is_judged_alone() {
        let notable = |facts: &AfterFacts| -> Vec<(String, Severity)> {
            let findings = judge_after(facts, &hop());
            findings.iter().for_each(|f| assert_eq!(f.remedy.is_empty(), f.severity == Severity::Info, "{f:?}"));
            findings.into_iter().filter(|f| f.severity != Severity::Info).map(|f| (f.id, f.severity)).collect()
        };
        assert_eq!(notable(&good()), []);
        type Break = fn(&mut AfterFacts);
        let blocks: [(&str, Break); 12] = [
            ("after.os", |f| f.os_id = "centos".into()),
            ("after.boot", |f| f.boot_id = "old".into()),
            ("after.boot", |f| f.boot_id.clear()),
            ("after.kernel", |f| f.kernel = "4.18.0-348.el8.x86_64".into()),
            ("after.kernel", |f| f.kernel_default = "5.10.134-17.al8.x86_64".into()),
            ("after.tool", |f| f.tool_succeeded = false),
            ("after.package-manager", |f| f.package_manager = "x".into()),
            ("after.services", |f| f.services_lost = vec!["nginx".into()]),
            ("after.probe", |f| f.probes_failed = vec!["GET /".into()]),
            ("after.ports", |f| f.ports_lost = vec!["80 /usr/sbin/nginx".into()]),
            ("after.mounts", |f| f.mounts_lost = vec!["/data".into()]),
            ("after.users", |f| f.users_lost = vec!["user shop:1001".into()]),
        ];
        let warns: [(&str, Break); 10] = [
            ("after.services-disabled", |f| f.services_disabled = vec!["x".into()]),
            ("after.ports-retired", |f| f.ports_retired = vec!["x".into()]),
            ("after.cron", |f| f.cron_changed = vec!["x".into()]),
            ("after.kernel-arguments", |f| f.kernel_arguments_lost = vec!["x".into()]),
            ("after.modules", |f| f.modules_lost = vec!["x".into()]),
            ("after.configuration", |f| f.configuration_changed = vec!["x".into()]),
            ("after.settings", |f| f.settings_changed = vec!["x".into()]),
            ("after.repositories", |f| f.repositories_old = vec!["[base]".into()]),
            ("after.packages", |f| f.packages_lost = vec!["yum".into()]),
            ("after.leftovers", |f| f.leftovers = 1),
        ];
        let all = blocks.map(|row| (row, Severity::Block)).into_iter().chain(warns.map(|row| (row, Severity::Warn)));
        for ((id, break_it), severity) in all {
            let mut facts = good();
            break_it(&mut facts);
            assert_eq!(notable(&facts), [(id.to_owned(), severity)]);
        }
    }

    #[test]
    fn settings_that_came_back_are_told_and_others_warned_of() {
        assert_eq!(judge_finished(&Finished::default()), []);
        let findings = judge_finished(&Finished {
            restored: vec!["/etc/yum.conf".into()],
            kept_away: vec!["link /a to /b".into()],
            kept: vec!["package compat-openldap".into()],
            left: vec!["SELinux: Enforcing".into()],
        });
        let told: Vec<_> = findings.iter().map(|f| (f.id.as_str(), f.severity, f.found.as_str())).collect();
        let expected = [
            ("after.not-restored", Severity::Warn, "SELinux: Enforcing"),
            ("after.kept", Severity::Info, "package compat-openldap"),
            ("after.restored", Severity::Info, "/etc/yum.conf"),
            ("after.kept-away", Severity::Warn, "link /a to /b"),
        ];
        assert_eq!(told.len(), expected.len());
        for (told, expected) in told.iter().zip(expected) {
            assert_eq!((told.0, told.1), (expected.0, expected.1));
            assert!(told.2.ends_with(expected.2), "{told:?}");
        }
    }

    #[test]
    fn an_observation_is_judged_as_the_verification_is() {
        assert_eq!(judge_observation(&Observation::default()), []);
        let seen = Observation { services_lost: vec!["nginx".into()], probes_failed: vec!["GET /".into()] };
        assert_eq!(ids(&judge_observation(&seen)), ["after.services", "after.probe"]);
    }
}
