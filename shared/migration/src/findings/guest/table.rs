//! What may be found in a guest, and what it means to which engine.

use crate::check::{Remediation, Severity};
use crate::os::{Family, Os};
use crate::path::{Engine, Hop};

/// One thing that may be found.
pub(super) struct Check {
    /// The fact's name in the script's answer.
    pub fact: &'static str,
    pub id: &'static str,
    /// How it bears on a hop; None: not at all.
    pub bears: fn(&Hop) -> Option<Severity>,
    /// What stands before the values.
    pub found: &'static str,
    pub remedy: &'static str,
    pub remediation: Option<Remediation>,
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
pub(super) fn el(os: &Os) -> Option<u32> {
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
fn leapp_to(hop: &Hop, release: u32) -> Option<Severity> {
    leapp(hop).filter(|_| el(&hop.to) == Some(release))
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

/// These block, nobody else is told.
fn only(hop: &Hop, engines: &[Engine]) -> Option<Severity> {
    if engines.contains(&hop.engine) { BLOCK } else { None }
}

/// Sources: leapp-repository, AlmaLinux branch 0.21.0 (its inhibitors block only leapp); migrate2rocky.sh;
/// almalinux-deploy.sh 0.1.13, which only mentions a custom kernel at its end, when that kernel has stayed the default;
/// convert2rhel; ECS "Operating system migration", limits; Debian release notes.
pub(super) const CHECKS: &[Check] = &[
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
        "file systems that nothing mounts at boot, so that they are gone after the reboot",
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
            leapp_from_7(hop)
                .or(blocks(hop, &[Engine::AlmalinuxDeploy]))
                .filter(|_| el(&hop.to).is_none_or(|el| el < 10))
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
        // leapp knows no such change after 9.
        |hop| leapp(hop).filter(|_| el(&hop.from).is_some_and(|el| el <= 8)),
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
        "see that nobody logs in by them, then allow answer-leapp: leapp is in the guest only while that is prepared",
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
        |hop| blocks(hop, &[Engine::Convert2Rhel, Engine::AlmalinuxDeploy]).or(WARN),
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
        "module_platform",
        "guest.module-platform",
        |hop| only(hop, &[Engine::Migrate2Rocky]),
        "PLATFORM_ID in /etc/os-release is not that of Enterprise Linux, which the tool asks for",
        "find out what this system was made from: the tool converts none but rebuilds of the same release",
    ),
    check(
        "dnf_old",
        "guest.dnf-version",
        |hop| only(hop, &[Engine::Migrate2Rocky]),
        "dnf is older than 4.2",
        "dnf -y update dnf",
    ),
    check(
        "plugins_core",
        "guest.dnf-plugins",
        |hop| only(hop, &[Engine::AlmalinuxDeploy, Engine::Migrate2Rocky]),
        "dnf-plugins-core",
        "dnf -y install dnf-plugins-core",
    ),
    check(
        "tool_missing",
        "guest.tools-missing",
        |hop| only(hop, &[Engine::Migrate2Rocky]),
        "commands that the tool needs are missing",
        "install what has them: dnf provides '*/bin/NAME'",
    ),
    check(
        "panel",
        "guest.control-panel",
        |hop| only(hop, &[Engine::AlmalinuxDeploy]),
        "a control panel that the tool does not convert",
        "update Plesk to 18.0.35 or later",
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
        |hop| leapp_to(hop, 9).or(leapp_to(hop, 10)),
        "the processor is below x86-64-v2; it lacks",
        "change to an instance family of a newer generation",
    ),
    check(
        "cpu_v3",
        "guest.cpu-v3",
        |hop| warned(leapp_to(hop, 10)),
        "the processor is below x86-64-v3, which only ELevate NG takes, to AlmaLinux's own build for x86-64-v2; it lacks",
        "see that your tools are ELevate NG, else leapp's check refuses; or change to an instance family of a newer generation",
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
    check("ntp", "guest.ntp", |hop| leapp_from_7(hop).and(Some(Severity::Info)), "chrony takes the place of", ""),
    check(
        "python2",
        "guest.python2",
        |hop| warned(leapp_from_7(hop)),
        "programs that ask for Python 2, which the new system has no more by that name",
        "port them to Python 3",
    ),
    check(
        "foreign_source",
        "guest.foreign-sources",
        apt,
        "sources that are not Debian's, which take no part in the upgrade and stay as they are",
        "afterwards name the new release in them, where they have packages for it",
    ),
    check(
        "held",
        "guest.held-packages",
        apt,
        "packages on hold stay as they are",
        "release them (apt-mark unhold), unless you know why they must stay",
    ),
];
