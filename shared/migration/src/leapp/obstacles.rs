//! What leapp inhibits an upgrade for, or ends in an error for.

use super::{Check, check};
use crate::check::Remediation;

pub(super) const OBSTACLES: &[Check] = &[
    // Room and machine
    check(
        "leapp.boot-space",
        &["Not enough space on /boot"],
        "remove old kernels (package-cleanup --oldkernels, dnf remove --oldinstallonly) until 100 MiB are free in /boot",
    )
    .mended_by(Remediation::CleanBoot),
    check(
        "leapp.space",
        &[
            "Not enough space available on {}: Needed at least {} MiB.",
            "Not enough space available for creating required disk images in {}. Needed: {} MiB",
            "There is not enough space on the file system hosting /var/lib/leapp.",
            "There is not enough space on the file system hosting /var/lib/leapp directory to extract the packages.",
        ],
        "free the space named, or enlarge the cloud disk (it grows online) and its file system; leapp works in \
         /var/lib/leapp",
    ),
    check(
        "leapp.memory",
        &["Minimum memory requirements for {} are not met"],
        "change the instance type to one with at least 2 GiB of memory (ECS allows it on a stopped instance)",
    ),
    check(
        "leapp.hardware",
        &[
            "Leapp detected devices which are no longer supported in {}. Upgrade cannot proceed.",
            "Leapp detected a processor which is no longer supported in {}. Upgrade cannot proceed.",
        ],
        "change to an instance family of a newer generation, then try again",
    ),
    check(
        "leapp.cpu-level",
        &["Current x86-64 microarchitecture is unsupported in {}"],
        "the new system needs a processor of a higher level (x86-64-v2 for 9, v3 for 10; ELevate NG takes v2 to AlmaLinux \
         10 as well): change to an instance family of a newer generation",
    ),
    check(
        "leapp.architecture",
        &["Unsupported architecture"],
        "leapp knows no way for this architecture: choose another destination or replace the instance",
    ),
    check(
        "leapp.arm-bootloader",
        &["Upgrade {} to {} not possible for ARM machines."],
        "the boot loader of the old system cannot start the new kernel on ARM: choose an older minor release as the \
         destination",
    ),
    check(
        "leapp.foreign-platform",
        &[
            "Multiple rescue boot entries present in the bootloader configuration.",
            "Boot entries sharing the same kernel version found.",
            "A newer version of RHEL 8 is required for the upgrade with RoCE.",
            "Invalid RoCE configuration for the in-place upgrade",
            "Leapp cannot continue with upgrade on \"ppc64le\" bare metal systems",
        ],
        "no such machine exists on ECS: find out how leapp comes to think so",
    ),
    // Kernel, drivers, boot
    check(
        "leapp.removed-drivers",
        &["Leapp detected loaded kernel drivers which have been removed in {}. Upgrade cannot proceed."],
        "unload them (rmmod pata_acpi, rmmod floppy, ...) and keep them out in /etc/modprobe.d; an ECS instance needs \
         none of them",
    )
    .mended_by(Remediation::UnloadDrivers),
    check(
        "leapp.kernel-in-use",
        &["Newest installed kernel not in use"],
        "reboot the instance into the newest kernel that is installed, then try again",
    ),
    check(
        "leapp.kernels",
        &["Multiple kernels installed", "Multiple debug kernels installed", "Multiple devel kernels installed"],
        "remove all but the newest of the packages kernel-debug and kernel-devel",
    ),
    check(
        "leapp.nvidia",
        &["Proprietary NVIDIA driver detected"],
        "uninstall the GPU driver before, and install the one for the new system afterwards",
    ),
    check(
        "leapp.legacy-grub",
        &["GRUB Legacy is used on the system"],
        "install GRUB2 on the system disk (grub2-install, grub2-mkconfig), or replace the instance",
    ),
    check(
        "leapp.partition-offset",
        &["Found GRUB devices with too little space reserved before the first partition"],
        "the first partition begins too early for the new boot loader: replace the instance by one from a new image \
         and move the data",
    ),
    check(
        "leapp.efibootmgr",
        &["efibootmgr package is required on EFI systems"],
        "yum install efibootmgr",
    )
    .mended_by(Remediation::InstallEfibootmgr),
    check(
        "leapp.grub-default",
        &["File \"{}\" does not exist!"],
        "bring the file back: it is part of the boot loader's configuration (grub2-mkconfig reads it)",
    ),
    check(
        "leapp.initramfs",
        &["Conflicting requirements of {} modules for the {} initramfs", "Conflicting requirements of systemd service states"],
        "a custom leapp actor contradicts leapp's own: remove it from /etc/leapp and /usr/share/leapp-repository",
    ),
    check(
        "leapp.fips",
        &["Automated upgrades from {} in FIPS mode are not supported"],
        "switch FIPS mode off (remove fips=1 from the kernel's command line and reboot) and on again afterwards",
    ),
    // File systems
    check(
        "leapp.nfs",
        &["Use of NFS detected. Upgrade can't proceed"],
        "unmount the NAS file systems and comment them out in /etc/fstab until the migration is over; their data is \
         not touched",
    )
    .mended_by(Remediation::UnmountNetworkFileSystems),
    check(
        "leapp.cifs",
        &["Use of CIFS detected. Upgrade can't proceed"],
        "unmount the SMB file systems (NAS) and comment them out in /etc/fstab until the migration is over; their \
         data is not touched",
    )
    .mended_by(Remediation::UnmountNetworkFileSystems),
    check(
        "leapp.noexec",
        &["Detected partitions mounted with the \"noexec\" option, preventing a successful in-place upgrade."],
        "remount them without noexec (mount -o remount,exec /var) and take noexec out of /etc/fstab meanwhile",
    ),
    check(
        "leapp.mounts",
        &["Detected partitions mounted in a non-persistent fashion, preventing a successful in-place upgrade."],
        "enter the mounts in /etc/fstab (by UUID, not by /dev/vdX), or unmount them",
    ),
    check(
        "leapp.fstab",
        &[
            "Detected incorrect order of entries or duplicate entries in /etc/fstab, preventing a successful in-place upgrade.",
            "Problems with parsing data in /etc/fstab",
            "Deprecated XFS mount options present in FSTAB.",
        ],
        "correct /etc/fstab: each mount point once, parents first, and no barrier, nobarrier, delaylog, ihashsize, \
         irixsgid or osyncis* for XFS",
    ),
    check(
        "leapp.btrfs",
        &["Btrfs has been removed from {}"],
        "move what is on Btrfs to a disk with XFS or ext4 and unload the module btrfs",
    ),
    check(
        "leapp.luks",
        &["LUKS encrypted partition detected"],
        "move the data to an encrypted cloud disk (ECS disk encryption needs nothing in the guest) and remove LUKS",
    ),
    check(
        "leapp.vdo",
        &[
            "Checking VDO conversion to LVM management of block devices failed",
            "Cannot perform the VDO check of block devices",
            "Detected VDO devices that have not finished the conversion to LVM management.",
            "Detected VDO devices not managed by LVM",
        ],
        "bring VDO devices under LVM (lvm_import_vdo); if there are none, answer check_vdo with True",
    ),
    check(
        "leapp.multipath",
        &["Unsupported device-mapper-multipath configuration"],
        "correct /etc/multipath.conf as leapp says; an ECS instance has no multipath disks: remove the package if \
         nobody needs it",
    ),
    check(
        "leapp.root-symlinks",
        &["Upgrade requires links in root directory to be relative"],
        "make each absolute symbolic link in / relative: ln -snf var/data /data",
    )
    .mended_by(Remediation::RelativeRootLinks),
    // Network
    check(
        "leapp.nic-names",
        &["Unsupported network configuration"],
        "several network interfaces are named ethX: detach the secondary elastic network interfaces for the \
         migration, or give them other names than ethX",
    ),
    check(
        "leapp.network-scripts",
        &[
            "custom network-scripts detected",
            "Network configuration for unsupported device types detected",
            "Network configuration with disabled NetworkManager support detected",
        ],
        "move what /etc/sysconfig/network-scripts does to NetworkManager: dispatcher scripts in place of \
         ifup-local, no NM_CONTROLLED=no",
    ),
    check(
        "leapp.network-deprecations",
        &["Wireless networks using unsupported WEP encryption detected", "Deprecated DHCP plugin configured"],
        "remove the connection, or the line dhcp=dhclient, from /etc/NetworkManager",
    ),
    check(
        "leapp.zone-drifting",
        &["Firewalld Configuration AllowZoneDrifting Is Unsupported"],
        "set AllowZoneDrifting=no in /etc/firewalld/firewalld.conf and reload firewalld",
    )
    .mended_by(Remediation::DisableZoneDrifting),
    check(
        "leapp.firewalld",
        &[
            "Firewalld is using an unsupported ebtables table.",
            "Firewalld is using an unsupported ipset type.",
            "Firewalld Service tftp-client Is Unsupported",
        ],
        "take out of firewalld what leapp names (firewall-cmd --permanent); security groups filter before the guest",
    ),
    // Packages and repositories
    check(
        "leapp.multilib",
        &["Some packages have both 32bit and 64bit version installed which are known to cause rpm transaction test to fail"],
        "remove the 32-bit packages: yum remove '*.i686'",
    )
    .mended_by(Remediation::RemoveI686),
    check(
        "leapp.os-release",
        &["The installed OS version is not supported for the in-place upgrade to the target {} version"],
        "update to the last minor release first (yum update to 7.9 or 8.10, from the vault mirror), reboot, try again",
    ),
    check(
        "leapp.target-repos",
        &[
            "Using RHSM has been skipped but no custom or RHUI repositories have been delivered.",
            "Cannot find the product certificate file for the chosen target system.",
            "Cannot find required basic {} target repositories.",
            "There are no enabled target repositories",
            "Some required custom target repositories have not been found",
        ],
        "leapp finds no repositories of the new system: see that /etc/leapp/files names them and that the guest \
         reaches the mirror",
    ),
    check(
        "leapp.duplicate-repos",
        &["A YUM/DNF repository defined multiple times"],
        "define each repository in one file only of /etc/yum.repos.d",
    ),
    check(
        "leapp.data",
        &["Missing/Invalid PES data file ({})", "Incompatible Leapp data assets are present", "Detected malformed Leapp data assets"],
        "reinstall the package with leapp's data (leapp-data-almalinux; for Anolis OS it is part of leapp)",
    ),
    check(
        "leapp.yum-plugins",
        &["Required {} plugins are not being loaded."],
        "set plugins=1 in /etc/yum.conf or /etc/dnf/dnf.conf",
    )
    .mended_by(Remediation::EnableYumPlugins),
    check(
        "leapp.gpg-keys",
        &[
            "Detected unknown GPG keys for target system repositories",
            "Failed to download GPG key for target repository",
            "GPG keys provided using unknown protocol",
            "Failed to read GPG keys from provided key files",
            "Inconsistent repository without GPG key",
            "Detected unexpected GPG keys after the upgrade.",
            "Cannot perform the check of installed GPG keys after the upgrade.",
        ],
        "put the new system's key into /etc/pki/rpm-gpg and import it (rpm --import)",
    ),
    check(
        "leapp.subscription",
        &[
            "The system is not registered or subscribed.",
            "Package \"{}\" is not installed",
            "Upgrade initiated with RHSM on public cloud with RHUI infrastructure",
        ],
        "an instance with a Red Hat licence of ECS uses RHUI: install its client package, and let leapp run without \
         the subscription manager",
    ),
    check(
        "leapp.target-iso",
        &[
            "Provided {} installation ISO does not exists.",
            "Provided {} installation image is not a valid ISO.",
            "Failed to mount the provided {} installation image.",
            "Failed to determine {} version provided by the supplied installation image.",
            "The provided installation image provides invalid {} version.",
            "The {} installation image is not located on a persistently mounted partition",
            "Provided {} installation ISO is missing fundamental repositories.",
        ],
        "OS Ferry upgrades from repositories: unset LEAPP_TARGET_ISO in the guest",
    ),
    check(
        "leapp.development",
        &[
            "Upgrade inhibited due to usage of development variables",
            "Upgrade inhibited due to enabled experimental actors",
            "Upgrade is unsupported",
        ],
        "unset LEAPP_DEVEL_*, LEAPP_EXPERIMENTAL and LEAPP_UNSUPPORTED in the guest",
    ),
    check(
        "leapp.answers",
        &["Missing required answers in the answer file"],
        "see in leapp's report what it asks, and that nobody logs in by the PAM modules that it would remove; then allow \
         answer-leapp: leapp is in the guest only while that is prepared",
    )
    .mended_by(Remediation::AnswerLeapp),
    // Log in
    check(
        "leapp.root-login",
        &["Possible problems with remote login using root account", "OpenSSH configured to allow root login"],
        "say PermitRootLogin in the global part of /etc/ssh/sshd_config; Cloud Assistant and VNC do not need it",
    )
    .mended_by(Remediation::PermitRootLogin),
    check(
        "leapp.sshd-algorithms",
        &["OpenSSH configured to use removed ciphers", "OpenSSH configured to use removed mac"],
        "remove the ciphers and MACs named from sshd_config",
    ),
    check(
        "leapp.sshd-directives",
        &["A deprecated directive in the sshd configuration"],
        "remove the directive (ShowPatchLevel) from sshd_config",
    ),
    check(
        "leapp.pam-modules",
        &[
            "The {} pam module(s) no longer available",
            "Upgrade process was interrupted because {} is enabled in PAM configuration and SA user refused to disable it automatically.",
            "Module {} will be removed from PAM configuration",
        ],
        "replace the modules in /etc/pam.d: pam_tally2 by pam_faillock, pam_krb5 and pam_pkcs11 by SSSD",
    ),
    // Services
    check(
        "leapp.tcp-wrappers",
        &["TCP wrappers support removed in the next major version", "TCP Wrappers configuration affects some installed packages"],
        "/etc/hosts.allow and hosts.deny no longer count: put the rules into the security group or firewalld, then \
         empty both files",
    ),
    check(
        "leapp.vsftpd",
        &["Unsupported vsftpd configuration"],
        "remove tcp_wrappers=YES from the files of /etc/vsftpd",
    ),
    check(
        "leapp.ha-cluster",
        &["Use of HA cluster detected. Upgrade can't proceed."],
        "take the node out of the cluster and remove its configuration before, build it anew afterwards",
    ),
    check(
        "leapp.kde",
        &[
            "The installed KDE environment is unavailable on {}.",
            "Upgrade can be performed, but KDE will be uninstalled.",
            "Upgrade can be performed, but KDE/Qt apps will be uninstalled.",
        ],
        "KDE does not exist on the new system: install GNOME, or remove the desktop",
    ),
    check(
        "leapp.quagga",
        &["Babeld is not available in FRR"],
        "quagga becomes FRR, which has no babeld: switch it off in /etc/sysconfig/quagga",
    ),
    check(
        "leapp.satellite",
        &["Old PostgreSQL data found in /var/lib/pgsql/data", "Satellite PostgreSQL data migration"],
        "move the old directory /var/lib/pgsql/data away; back up Satellite's data and plan for a REINDEX",
    ),
    check(
        "leapp.ipa-server",
        &["ipa-server does not support in-place upgrade", "ipa-server package is installed but no IdM is configured"],
        "replace the IdM server by a new one of the new release; remove the package where it is not used",
    ),
    check(
        "leapp.sap-hana",
        &[
            "The current architecture is not supported for SAP HANA on the target system",
            "Found running SAP HANA instances",
            "Found SAP HANA 1.0 which is not supported with the target version of {}",
            "SAP HANA needs to be updated before the {} upgrade",
            "SAP HANA 2.0 version should be checked prior the upgrade",
        ],
        "stop SAP HANA, and bring it to a revision that SAP supports on the new system",
    ),
    check(
        "leapp.ca-blacklist",
        &["Could not access blacklist directory"],
        "make /etc/pki/ca-trust/source/blacklist readable for root; its content moves to blocklist",
    ),
    check(
        "leapp.openssl",
        &[
            "Non-standard configuration of openssl.cnf",
            "The /etc/pki/tls/openssl.cnf file is modified and will be replaced during the upgrade.",
            "Detected possible use of IBMCA in OpenSSL",
            "The OpenSSL configuration is missing the crypto policies integration",
            "The meaning of MinProtocol and MaxProtocol in openssl.cnf changed",
            "There are duplicate x509 extensions defined in openssl.cnf",
            "The OpenSSL configuration will be updated to support OpenSSL 3.0",
            "Could not modify {}: {}",
        ],
        "compare /etc/pki/tls/openssl.cnf with the package's: bring the default back and apply your changes again \
         afterwards",
    ),
];
