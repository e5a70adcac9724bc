//! What the guest can tell after the migration.

use serde::{Deserialize, Serialize};

use crate::check::Finding;
use crate::os::Os;
use crate::path::Hop;

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
    use super::super::testing::{hop, ids};
    use super::*;

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
