//! How the guest is set up, judged.

use super::GuestFacts;
use super::table::CHECKS;
use crate::check::Finding;
use crate::os::Family;
use crate::path::{Engine, Hop};

/// Versions that programs are compiled against. Source: ECS "Operating system migration".
const ALIBABA_CLOUD_LINUX_3: &str = "kernel 5.10, GCC 10.2, binutils 2.35, glibc 2.32";

/// What leapp itself says that it begins at from 7 (leapp-repository 0.21.0, upgrade_paths.json). The vendor offers its
/// fork of leapp from any CentOS 7.
const LEAPP_FROM_7: u32 = 9;

/// The names of the facts that the guest may tell.
pub fn system_facts() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|check| check.fact).chain(["old_kernel", "release", "version"])
}

pub(super) fn judge_system(facts: &GuestFacts, hop: &Hop) -> Vec<Finding> {
    let mut findings = Vec::new();
    for check in CHECKS {
        let values = facts.system.get(check.fact).map(Vec::as_slice).unwrap_or_default();
        let Some(severity) = (check.bears)(hop).filter(|_| !values.is_empty()) else { continue };
        findings.push(Finding {
            id: check.id.into(),
            severity,
            found: format!("{}: {}", check.found, values.join(", ")),
            remedy: check.remedy.into(),
            remediation: check.remediation,
        });
    }
    findings.extend(judge_minor(facts, hop));
    if let Some(versions) = facts.system.get("version").filter(|versions| !versions.is_empty()) {
        let later = match (hop.to.family, hop.to.major) {
            (Family::AlibabaCloudLinux, 3) => format!("; {} has {ALIBABA_CLOUD_LINUX_3}", hop.to),
            _ => String::new(),
        };
        let text = format!("{}{later}: what is compiled here is best compiled anew", versions.join(", "));
        findings.push(Finding::info("guest.versions", text));
    }
    findings
}

/// Is the minor release new enough? os-release of CentOS does not tell it, redhat-release does.
fn judge_minor(facts: &GuestFacts, hop: &Hop) -> Option<Finding> {
    let Hop { from, engine, .. } = hop;
    let fork = *engine == Engine::Leapp && from.major == 7;
    let oldest = hop.min_minor().or(fork.then_some(LEAPP_FROM_7))?;
    let begins = format!("{} begins at {}.{oldest}", engine.name(), from.major);
    let release = facts.system.get("release").and_then(|releases| releases.first());
    let told = release.into_iter().chain([&facts.os_version]).find_map(|text| {
        let (major, rest) = text.split_once('.')?;
        let minor: u32 = rest.split('.').next()?.parse().ok()?;
        (major.parse() == Ok(from.major)).then_some((text, minor))
    });
    let remedy = "update everything (yum update) and reboot";
    match told {
        Some((release, minor)) if minor < oldest => {
            let found = format!("it is release {release}, and {begins}");
            Some(match hop.min_minor() {
                Some(_) => Finding::block("guest.minor-release", found, remedy),
                // The vendor's fork says so itself, before anything is changed.
                None => Finding::warn("guest.minor-release", found, remedy),
            })
        }
        Some(_) => None,
        // It says so itself when it is too old, after the guest was prepared for it.
        None => {
            let found = format!("the guest does not tell its minor release, and {begins}");
            Some(Finding::warn("guest.minor-release", found, remedy))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::good_guest;
    use super::*;
    use crate::check::Severity;
    use crate::os::Os;

    fn hop(from: (Family, u32), to: (Family, u32), engine: Engine) -> Hop {
        Hop { from: Os::new(from.0, from.1), to: Os::new(to.0, to.1), engine }
    }

    fn hops() -> Vec<Hop> {
        use Family::*;
        vec![
            hop((CentOs, 7), (AlmaLinux, 8), Engine::Leapp),
            hop((AlibabaCloudLinux, 2), (AlibabaCloudLinux, 3), Engine::Leapp),
            hop((Rhel, 8), (Rhel, 9), Engine::Leapp),
            hop((CentOs, 8), (AlibabaCloudLinux, 3), Engine::DistroSync),
            hop((CentOs, 7), (Anolis, 7), Engine::Centos2Anolis),
            hop((CentOs, 8), (AlmaLinux, 8), Engine::AlmalinuxDeploy),
            hop((CentOs, 8), (Rocky, 8), Engine::Migrate2Rocky),
            hop((CentOs, 7), (Rhel, 7), Engine::Convert2Rhel),
            hop((Debian, 11), (Debian, 12), Engine::AptFullUpgrade),
            hop((AlmaLinux, 8), (AlmaLinux, 9), Engine::Leapp),
            hop((AlmaLinux, 9), (AlmaLinux, 10), Engine::Leapp),
        ]
    }

    /// Which engines each fact blocks, by the index of `hops`.
    const BLOCKED: &[(&str, &[usize])] = &[
        ("root_link", &[0, 1, 2, 9, 10]),
        ("network_mount", &[0, 1, 2, 9, 10]),
        ("noexec_var", &[0, 1, 2, 9, 10]),
        ("noexec_tmp", &[]),
        ("unlisted_mount", &[]),
        ("fstab_unparsed", &[0, 1, 2, 9, 10]),
        ("fstab_order", &[0, 1, 2, 9, 10]),
        ("xfs_option", &[0, 1]),
        ("btrfs", &[0, 1, 5]),
        ("luks", &[0, 1, 2, 9, 10]),
        ("nic", &[0, 1, 2, 9, 10]),
        ("removed_driver", &[0, 1]),
        ("root_login", &[0, 1, 2, 9]),
        ("pam_removed", &[0, 1]),
        ("pam_question", &[0, 1]),
        ("tcp_wrappers", &[]),
        ("resolv_link", &[]),
        ("repo_twice", &[0, 1, 2, 9, 10]),
        ("excluded", &[]),
        ("plugins_off", &[]),
        ("kernel_not_newest", &[0, 1, 2, 7, 9, 10]),
        ("custom_kernel", &[5, 7]),
        ("secure_boot", &[5, 7]),
        ("efi_tool", &[0, 1, 2, 6, 7, 9, 10]),
        ("efi_mount", &[6]),
        ("grub_legacy", &[]),
        ("early_partition", &[]),
        ("security_agent", &[7]),
        ("katello", &[6]),
        ("module_platform", &[6]),
        ("dnf_old", &[6]),
        ("plugins_core", &[5, 6]),
        ("tool_missing", &[6]),
        ("panel", &[5]),
        ("read_only", &[7]),
        ("cpu", &[2, 9, 10]),
        ("cpu_v3", &[]),
        ("zone_drifting", &[2, 9]),
        ("nvidia", &[2, 9]),
        ("cluster", &[0, 1, 2, 9, 10]),
        ("docker", &[]),
        ("postgresql", &[]),
        ("ntp", &[]),
        ("python2", &[]),
        ("foreign_source", &[]),
        ("held", &[]),
    ];

    #[test]
    fn a_fact_blocks_the_engines_that_really_stop_at_it() {
        let hops = hops();
        assert_eq!(CHECKS.len(), BLOCKED.len());
        for (fact, expected) in BLOCKED {
            let mut facts = good_guest();
            facts.system.insert((*fact).into(), vec!["x".into(), "y".into()]);
            let mut told = false;
            for (index, hop) in hops.iter().enumerate() {
                let findings = judge_system(&facts, hop);
                told |= findings.iter().any(|finding| finding.found.ends_with(": x, y"));
                let blocks = findings.iter().any(Finding::blocks);
                assert_eq!(blocks, expected.contains(&index), "{fact} and {}", hop.engine.name());
            }
            assert!(told, "{fact} is told to nobody");
        }
    }

    #[test]
    fn a_guest_of_which_nothing_is_found_is_told_nothing() {
        for hop in hops() {
            let mut guest = good_guest();
            guest.system.insert("release".into(), vec![format!("{}.99", hop.from.major)]);
            assert_eq!(judge_system(&guest, &hop), []);
        }
    }

    #[test]
    fn old_minor_releases_are_updated_first() {
        let hops = hops();
        let judged_on = |release: &str, os_version: &str, hop: &Hop| {
            let mut facts = GuestFacts { os_version: os_version.into(), ..good_guest() };
            facts.system.insert("release".into(), vec![release.into()]);
            let findings = judge_system(&facts, hop);
            findings.into_iter().find(|finding| finding.id == "guest.minor-release").map(|finding| finding.severity)
        };
        let judged = |release: &str, os_version: &str, hop: usize| judged_on(release, os_version, &hops[hop]);
        for (release, hop, blocks) in [
            ("7.6.1810", 0, true),
            ("7.9.2009", 0, false),
            ("8.5.2111", 2, false),
            ("8.3.2011", 5, true),
            ("8.5.2111", 5, false),
            ("7.8.2003", 7, true),
            ("7.6.1810", 4, false),
            ("8.9", 9, true),
            ("8.10", 9, false),
            ("9.5", 10, true),
            ("9.6", 10, false),
        ] {
            assert_eq!(judged(release, "", hop), blocks.then_some(Severity::Block), "{release} {hop}");
        }
        // os-release of AlmaLinux tells what another file may not.
        assert_eq!(judged("8", "8.9", 9), Some(Severity::Block));
        assert_eq!(judged("", "8.10", 9), None);
        for release in ["8", "", "x.y", "7.9"] {
            assert_eq!(judged(release, "8", 9), Some(Severity::Warn), "{release}: it may be too old");
        }
        assert_eq!(judged("8", "8", 2), None, "no minor release is asked for");
        // Nobody else asks for it.
        let paths = crate::path::paths().into_iter().filter(|path| path.from.contains('.'));
        for path in paths {
            let os = |name: &str| Os::from_ecs_name(name).unwrap();
            let from = os(&path.from);
            let least = from.minor.unwrap();
            let hop = Hop { from: Os::new(from.family, from.major), to: os(&path.to), engine: path.engine };
            assert_eq!(
                judged_on(&format!("{}.{}", from.major, least - 1), "", &hop),
                Some(Severity::Block),
                "{}",
                path.from
            );
            assert_eq!(judged_on(&format!("{}.{least}", from.major), "", &hop), None, "{}", path.from);
        }
        // The vendor offers its fork of leapp from any CentOS 7.
        for to in [(Family::AlibabaCloudLinux, 3), (Family::Anolis, 8)] {
            let fork = hop((Family::CentOs, 7), to, Engine::Leapp);
            assert_eq!(judged_on("7.6.1810", "7", &fork), Some(Severity::Warn), "{to:?}");
            assert_eq!(judged_on("7.9.2009", "7", &fork), None, "{to:?}");
        }
    }
}
