//! How the guest is set up: one table of what may be found, and what it means to which engine.

use super::GuestFacts;
use crate::check::{Finding, Remediation, Severity};
use crate::os::{Family, Os};
use crate::path::{Engine, Hop};

/// One thing that may be found.
struct Check {
    /// The fact's name in the script's answer.
    fact: &'static str,
    id: &'static str,
    /// How it bears on a hop; None: not at all.
    bears: fn(&Hop) -> Option<Severity>,
    /// What stands before the values.
    found: &'static str,
    remedy: &'static str,
    remediation: Option<Remediation>,
}

const fn check(
    fact: &'static str,
    id: &'static str,
    bears: fn(&Hop) -> Option<Severity>,
    found: &'static str,
    remedy: &'static str,
) -> Check {
    Check { fact, id, bears, found, remedy, remediation: None }
}

impl Check {
    const fn mended_by(self, remediation: Remediation) -> Self {
        Self { remediation: Some(remediation), ..self }
    }
}

/// The release of Enterprise Linux that it is made like. Source: ECS "Operating system migration" and the
/// vendor's installer, which treats Alibaba Cloud Linux 2 as EL 7.
fn el(os: &Os) -> Option<u32> {
    match os.family {
        Family::AlibabaCloudLinux => Some(os.major + 5),
        Family::AlmaLinux | Family::Anolis | Family::CentOs | Family::CentOsStream | Family::Rhel | Family::Rocky => {
            Some(os.major)
        }
        _ => None,
    }
}

const BLOCK: Option<Severity> = Some(Severity::Block);
const WARN: Option<Severity> = Some(Severity::Warn);

fn leapp(hop: &Hop) -> Option<Severity> {
    if hop.engine == Engine::Leapp { BLOCK } else { None }
}
fn leapp_from_7(hop: &Hop) -> Option<Severity> {
    leapp(hop).filter(|_| el(&hop.from) == Some(7))
}
fn leapp_from_8(hop: &Hop) -> Option<Severity> {
    leapp(hop).filter(|_| el(&hop.from) == Some(8))
}
fn warned(of: Option<Severity>) -> Option<Severity> {
    of.and(WARN)
}
fn everywhere(_: &Hop) -> Option<Severity> {
    WARN
}
fn packages_are_rpm(hop: &Hop) -> Option<Severity> {
    if matches!(hop.engine, Engine::AptFullUpgrade | Engine::WindowsSetup) { None } else { WARN }
}
fn apt(hop: &Hop) -> Option<Severity> {
    if hop.engine == Engine::AptFullUpgrade { WARN } else { None }
}
/// These block, the other engines of RPM systems warn.
fn blocks(hop: &Hop, engines: &[Engine]) -> Option<Severity> {
    if engines.contains(&hop.engine) { BLOCK } else { packages_are_rpm(hop) }
}

/// Sources: leapp-repository, AlmaLinux branch 0.21.0 (its inhibitors block only leapp); migrate2rocky.sh;
/// almalinux-deploy.sh 0.1.13; convert2rhel; ECS "Operating system migration", limits; Debian release notes.
const CHECKS: &[Check] = &[
    check(
        "root_link",
        "guest.root-links",
        leapp,
        "absolute symbolic links in /",
        "make them relative: ln -snf var/data /data for /data -> /var/data",
    )
    .mended_by(Remediation::RelativeRootLinks),
    check(
        "network_mount",
        "guest.network-file-systems",
        leapp,
        "network file systems, which the upgrade's own boot cannot reach",
        "unmount them and comment them out in /etc/fstab until the migration is over",
    )
    .mended_by(Remediation::UnmountNetworkFileSystems),
    check(
        "noexec_var",
        "guest.noexec",
        leapp,
        "file systems mounted with noexec, where the upgrade must run programs",
        "take noexec out of /etc/fstab and remount them until the migration is over",
    ),
    check(
        "noexec_tmp",
        "guest.noexec-tmp",
        apt,
        "mounted with noexec, so packages cannot ask their questions before they are unpacked",
        "mount -o remount,exec /tmp for the migration",
    ),
    check(
        "unlisted_mount",
        "guest.unlisted-mounts",
        everywhere,
        "file systems that are not in /etc/fstab and are gone after the reboot",
        "add them to /etc/fstab, with nofail if they may be missing",
    ),
    check(
        "fstab_unparsed",
        "guest.fstab",
        |hop| leapp(hop).or(WARN),
        "/etc/fstab has lines that are none",
        "give every line four to six fields, or comment it out",
    ),
    check(
        "fstab_order",
        "guest.fstab-order",
        leapp,
        "/etc/fstab mounts over what it has mounted before",
        "sort it: / first, every directory before what is below it, nothing twice",
    ),
    check(
        "xfs_option",
        "guest.xfs-options",
        |hop| leapp_from_7(hop).or(packages_are_rpm(hop)),
        "/etc/fstab has XFS options that newer kernels refuse to mount with",
        "take them out of /etc/fstab",
    ),
    check(
        "btrfs",
        "guest.btrfs",
        |hop| {
            leapp_from_7(hop).or(blocks(hop, &[Engine::AlmalinuxDeploy])).filter(|_| el(&hop.to).is_none_or(|el| el < 10))
        },
        "btrfs, which Enterprise Linux 8 and 9 cannot mount",
        "move the data to XFS or ext4",
    ),
    check(
        "luks",
        "guest.luks",
        leapp,
        "encrypted file systems that the upgrade cannot open",
        "move the data to a file system without LUKS; a disk encrypted by ECS is fine",
    ),
    check(
        "nic",
        "guest.network-names",
        leapp,
        "several network interfaces with the kernel's names, which may be exchanged",
        "unbind the secondary network interfaces until the migration is over, or give them names of their own",
    ),
    check(
        "removed_driver",
        "guest.removed-drivers",
        leapp_from_7,
        "drivers that the new kernel does not have are loaded",
        "unload and blacklist them: rmmod NAME; echo blacklist NAME >/etc/modprobe.d/NAME.conf",
    )
    .mended_by(Remediation::UnloadDrivers),
    check(
        "root_login",
        "guest.root-login",
        leapp,
        "root may lose its login by SSH",
        "say PermitRootLogin in /etc/ssh/sshd_config, outside of Match blocks, with a comment beside it",
    )
    .mended_by(Remediation::PermitRootLogin),
    check(
        "pam_removed",
        "guest.pam-modules",
        leapp_from_7,
        "PAM modules in use that the new system does not have",
        "use pam_faillock in place of pam_tally2",
    ),
    check(
        "pam_question",
        "guest.pam-questions",
        leapp_from_7,
        "PAM modules that leapp removes when it is told to",
        "see that nobody logs in by them, then confirm: leapp answer --section remove_<module>_module_check.confirm=True",
    )
    .mended_by(Remediation::AnswerLeapp),
    check(
        "tcp_wrappers",
        "guest.tcp-wrappers",
        |hop| warned(leapp_from_7(hop)),
        "rules for TCP wrappers, which the new system's services ignore",
        "say the same with firewalld or in the security group",
    ),
    check(
        "resolv_link",
        "guest.resolv-conf",
        |hop| warned(leapp(hop)),
        "/etc/resolv.conf is a symbolic link, so leapp's own container may resolve no names",
        "make it a regular file with the same content",
    )
    .mended_by(Remediation::RegularResolvConf),
    check(
        "repo_twice",
        "guest.repositories-twice",
        |hop| leapp(hop).or(WARN),
        "repositories that are defined more than once",
        "keep one definition of each in /etc/yum.repos.d",
    ),
    check(
        "excluded",
        "guest.excludes",
        packages_are_rpm,
        "packages are excluded from updates",
        "see that none of them must change with the system; a tool that cannot work with it lifts it meanwhile",
    ),
    check(
        "plugins_off",
        "guest.yum-plugins",
        |hop| warned(leapp(hop)),
        "plug-ins of the package manager are off",
        "set plugins=1",
    )
    .mended_by(Remediation::EnableYumPlugins),
    check(
        "kernel_not_newest",
        "guest.kernel-not-newest",
        |hop| blocks(hop, &[Engine::Leapp, Engine::Convert2Rhel]).or(WARN),
        "an older kernel runs",
        "reboot into the newest kernel",
    ),
    check(
        "custom_kernel",
        "guest.custom-kernel",
        |hop| blocks(hop, &[Engine::Convert2Rhel]).or(WARN),
        "a kernel runs that is of no package of the system",
        "boot the distribution's own kernel, unless you know what needs this one",
    ),
    check(
        "secure_boot",
        "guest.secure-boot",
        |hop| blocks(hop, &[Engine::AlmalinuxDeploy, Engine::Convert2Rhel]),
        "Secure Boot, which does not know the new vendor's key",
        "turn Secure Boot off",
    ),
    check(
        "efi_tool",
        "guest.efibootmgr",
        |hop| match hop.engine {
            Engine::Leapp | Engine::Convert2Rhel | Engine::Migrate2Rocky => BLOCK,
            _ => None,
        },
        "it boots by UEFI, and a program to change its entries is missing",
        "yum install efibootmgr",
    )
    .mended_by(Remediation::InstallEfibootmgr),
    check(
        "efi_mount",
        "guest.efi-mount",
        |hop| blocks(hop, &[Engine::Migrate2Rocky]),
        "it boots by UEFI, and the EFI partition is not mounted",
        "mount it on /boot/efi",
    ),
    check(
        "grub_legacy",
        "guest.grub-legacy",
        |hop| warned(leapp_from_7(hop)),
        "GRUB Legacy is installed",
        "finish the move to GRUB 2: grub2-install, grub2-mkconfig",
    ),
    check(
        "early_partition",
        "guest.partition-offset",
        |hop| warned(leapp_from_7(hop)),
        "less than 1 MiB is before the first partition, too little for the new boot loader",
        "migrate to a new disk whose first partition begins at sector 2048",
    ),
    check(
        "security_agent",
        "guest.security-agent",
        |hop| if hop.engine == Engine::Convert2Rhel { BLOCK } else { None },
        "the Security Center agent guards the kernel",
        "uninstall the agent until `lsmod | grep AliSecGuard` is empty; install it again afterwards",
    ),
    check(
        "katello",
        "guest.katello",
        |hop| blocks(hop, &[Engine::Migrate2Rocky]),
        "packages come from Katello or Uyuni",
        "unregister the machine and remove that server's packages",
    ),
    check(
        "read_only",
        "guest.read-only-mounts",
        |hop| if hop.engine == Engine::Convert2Rhel { BLOCK } else { None },
        "mounted read-only",
        "mount -o remount,rw",
    ),
    check(
        "cpu",
        "guest.cpu",
        leapp_from_8,
        "the processor is below x86-64-v2; it lacks",
        "change to an instance family of a newer generation",
    ),
    check(
        "zone_drifting",
        "guest.zone-drifting",
        leapp_from_8,
        "firewalld's AllowZoneDrifting, which is no more supported",
        "set AllowZoneDrifting=no in /etc/firewalld/firewalld.conf",
    )
    .mended_by(Remediation::DisableZoneDrifting),
    check(
        "nvidia",
        "guest.nvidia",
        leapp_from_8,
        "NVIDIA's own driver is loaded",
        "uninstall it; install the new system's afterwards",
    ),
    check(
        "cluster",
        "guest.cluster",
        leapp,
        "the machine is a node of a high-availability cluster",
        "take it out of the cluster: pcs cluster destroy",
    ),
    check(
        "docker",
        "guest.docker",
        |hop| warned(leapp_from_7(hop)),
        "Docker, in whose place the new system has Podman",
        "keep Docker's own repository for the new release, or move the containers to Podman",
    ),
    check(
        "postgresql",
        "guest.postgresql",
        |hop| warned(leapp(hop)).or(apt(hop)),
        "databases of PostgreSQL, which a newer major version cannot read as they are",
        "dump them, or plan for postgresql-setup --upgrade or pg_upgradecluster afterwards",
    ),
    check(
        "ntp",
        "guest.ntp",
        |hop| leapp_from_7(hop).and(Some(Severity::Info)),
        "chrony takes the place of",
        "",
    ),
    check(
        "python2",
        "guest.python2",
        |hop| warned(leapp_from_7(hop)),
        "programs that ask for Python 2, which the new system has no more by that name",
        "port them to Python 3",
    ),
    check(
        "held",
        "guest.held-packages",
        apt,
        "packages on hold stay as they are",
        "release them (apt-mark unhold), unless you know why they must stay",
    ),
];

/// Versions that programs are compiled against. Source: ECS "Operating system migration".
const ALIBABA_CLOUD_LINUX_3: &str = "kernel 5.10, GCC 10.2, binutils 2.35, glibc 2.32";

/// Oldest minor release that an engine works on, by major release. Sources: leapp-repository (7.9); ECS
/// "Operating system migration" (RHEL 7 from CentOS 7.9, RHEL 8 from CentOS 8.5); almalinux-deploy.sh (8.4).
const OLDEST: &[(Engine, u32, u32)] = &[
    (Engine::Leapp, 7, 9),
    (Engine::Convert2Rhel, 7, 9),
    (Engine::Convert2Rhel, 8, 5),
    (Engine::AlmalinuxDeploy, 8, 4),
];

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
    let release = facts.system.get("release")?.first()?;
    let (major, rest) = release.split_once('.')?;
    let (major, minor): (u32, u32) = (major.parse().ok()?, rest.split('.').next()?.parse().ok()?);
    let (.., oldest) = OLDEST.iter().find(|(engine, of, _)| *engine == hop.engine && *of == major)?;
    (minor < *oldest).then(|| {
        let found = format!("it is release {release}, and {} begins at {major}.{oldest}", hop.engine.name());
        Finding::block("guest.minor-release", found, "update everything (yum update) and reboot")
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::good_guest;
    use super::*;

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
        ]
    }

    /// Which engines each fact blocks, by the index of `hops`.
    const BLOCKED: &[(&str, &[usize])] = &[
        ("root_link", &[0, 1, 2]),
        ("network_mount", &[0, 1, 2]),
        ("noexec_var", &[0, 1, 2]),
        ("noexec_tmp", &[]),
        ("unlisted_mount", &[]),
        ("fstab_unparsed", &[0, 1, 2]),
        ("fstab_order", &[0, 1, 2]),
        ("xfs_option", &[0, 1]),
        ("btrfs", &[0, 1, 5]),
        ("luks", &[0, 1, 2]),
        ("nic", &[0, 1, 2]),
        ("removed_driver", &[0, 1]),
        ("root_login", &[0, 1, 2]),
        ("pam_removed", &[0, 1]),
        ("pam_question", &[0, 1]),
        ("tcp_wrappers", &[]),
        ("resolv_link", &[]),
        ("repo_twice", &[0, 1, 2]),
        ("excluded", &[]),
        ("plugins_off", &[]),
        ("kernel_not_newest", &[0, 1, 2, 7]),
        ("custom_kernel", &[7]),
        ("secure_boot", &[5, 7]),
        ("efi_tool", &[0, 1, 2, 6, 7]),
        ("efi_mount", &[6]),
        ("grub_legacy", &[]),
        ("early_partition", &[]),
        ("security_agent", &[7]),
        ("katello", &[6]),
        ("read_only", &[7]),
        ("cpu", &[2]),
        ("zone_drifting", &[2]),
        ("nvidia", &[2]),
        ("cluster", &[0, 1, 2]),
        ("docker", &[]),
        ("postgresql", &[]),
        ("ntp", &[]),
        ("python2", &[]),
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
            assert_eq!(judge_system(&good_guest(), &hop), []);
        }
    }

    #[test]
    fn old_minor_releases_are_updated_first() {
        let hops = hops();
        for (release, hop, blocks) in [
            ("7.6.1810", 0, true),
            ("7.9.2009", 0, false),
            ("8.5.2111", 2, false),
            ("8.3.2011", 5, true),
            ("8.5.2111", 5, false),
            ("7.8.2003", 7, true),
            ("7.6.1810", 4, false),
            ("7", 0, false),
            ("x.y", 0, false),
        ] {
            let mut facts = good_guest();
            facts.system.insert("release".into(), vec![release.into()]);
            let findings = judge_system(&facts, &hops[hop]);
            assert_eq!(findings.iter().any(|finding| finding.id == "guest.minor-release"), blocks, "{release} {hop}");
        }
    }
}
