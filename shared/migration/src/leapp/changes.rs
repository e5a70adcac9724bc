//! What leapp does not inhibit for, and what a person should know of nevertheless.

use super::{Check, check};

pub(super) const CHANGES: &[Check] = &[
    check(
        "leapp.unmaintained-hardware",
        &[
            "Leapp detected loaded kernel drivers which are no longer maintained in {}.",
            "Leapp detected devices which are no longer maintained in {}",
            "Leapp detected a processor which is no longer maintained in {}.",
        ],
        "it works, but gets no more updates: plan for another instance family",
    ),
    // Programs that become others
    check(
        "leapp.docker",
        &["Transition from Docker to Podman in {}"],
        "Docker's package goes, containers and volumes stay on disk: install Docker CE of the new release \
         afterwards, or move to Podman; export what must not be lost",
    ),
    check(
        "leapp.postgresql",
        &[
            "PostgreSQL (postgresql-server) has been detected on your system",
            "PostgreSQL (postgresql-contrib) has been detected on your system",
        ],
        "the new server does not read the old one's data: dump it before, or run postgresql-setup --upgrade afterwards",
    ),
    check(
        "leapp.mariadb",
        &["MariaDB (mariadb-server) has been detected on your system"],
        "back up the data before, run mysql_upgrade afterwards",
    ),
    check(
        "leapp.sendmail",
        &[
            "sendmail configuration will be migrated",
            "sendmail configuration files migrated",
            "sendmail configuration files not migrated",
        ],
        "see that sendmail delivers afterwards; IPv6 addresses are written differently",
    ),
    check(
        "leapp.brltty",
        &[
            "Brltty has incompatible changes in the next major version",
            "brltty configuration will be migrated",
            "brltty configuration files migrated",
        ],
        "see brltty's configuration afterwards, or remove the package: an ECS instance has no Braille display",
    ),
    check(
        "leapp.ntp",
        &["{} configuration will be migrated"],
        "ntpd becomes chronyd, with the servers of before: see `chronyc sources` afterwards (ECS: ntp.cloud.aliyuncs.com)",
    ),
    check(
        "leapp.bind",
        &["BIND configuration issues found"],
        "correct named.conf as leapp says: named may not start with it",
    ),
    check(
        "leapp.bacula",
        &["bacula (bacula-director) has been detected on your system"],
        "its database changes: back it up before, run the catalogue's update scripts afterwards",
    ),
    check(
        "leapp.memcached",
        &["memcached has enabled UDP port"],
        "UDP is off by default on the new system: say -U in /etc/sysconfig/memcached if it is needed",
    ),
    check(
        "leapp.nis",
        &["NIS component has been detected on your system"],
        "the new system has no NIS: move to another directory service before",
    ),
    check(
        "leapp.sssd",
        &[
            "SSSD Domain \"{}\": local provider is no longer supported and the domain will be ignored.",
            "SSSD Domain \"{}\": option {} has no longer any effect",
            "SSSD Domain \"{}\": sudo rules containing wildcards will stop working.",
            "SSSD implicit files domain is now disabled by default.",
        ],
        "change sssd.conf as leapp says: users may not be able to log in",
    ),
    check(
        "leapp.cups",
        &[
            "CUPS no longer supports usage of interface scripts",
            "CUPS no longer supports usage of Include directive",
            "CUPS no longer supports Digest and BasicDigest directive values",
            "PrintcapFormat directive is no longer in cupsd.conf",
            "PassEnv/SetEnv directives are no longer in cupsd.conf",
            "ServerKey/ServerCertificate directives are substituted by ServerKeychain directive",
        ],
        "see CUPS's configuration afterwards",
    ),
    check(
        "leapp.spamassassin",
        &[
            "spamc no longer allows specifying the TLS version and no longer supports SSLv3",
            "spamd no longer allows specifying the TLS version and no longer supports SSLv3",
            "The type of the spamassassin systemd service has changed",
        ],
        "see spamassassin's options and service unit afterwards",
    ),
    check(
        "leapp.changed-programs",
        &[
            "Acpid incompatible changes in the next major version",
            "Dosfstools incompatible changes in the next major version",
            "Grep has incompatible changes in the next major version",
            "Irssi incompatible changes in the next major version",
            "Postfix has incompatible changes in the next major version",
            "PowerTOP compatibility options removed in the next major version",
            "tshark: CLI options and output changes",
            "Unsupported .NET versions installed on the system.",
            "Deprecated Xorg driver detected",
        ],
        "try scripts and configurations that use it on a clone",
    ),
    check(
        "leapp.python",
        &["Difference in Python versions and support in {}"],
        "there is no command `python` any more, and Python 2 is gone or old: call python3, and install modules anew",
    ),
    check(
        "leapp.removed-variables",
        &["Leapp detected removed environment variable usage"],
        "the variable means nothing on the new system: see who sets it",
    ),
    // Log in
    check(
        "leapp.authselect",
        &[
            "Authselect will be used to configure PAM and nsswitch.conf.",
            "Current PAM and nsswitch.conf configuration will be kept.",
            "System was converted to authselect.",
            "Authselect call failed",
        ],
        "see that users can log in afterwards; answer authselect_check in leapp's answer file to choose",
    ),
    check(
        "leapp.sshd-changes",
        &[
            "Remote root logins globally allowed using password",
            "OpenSSH configured with removed configuration Protocol",
            "OpenSSH configured not to use privilege separation sandbox",
            "OpenSSH configured without SFTP subsystem",
            "The upgrade will prepend the Include directive to OpenSSH sshd_config",
        ],
        "see sshd_config: the new OpenSSH treats it differently",
    ),
    check(
        "leapp.crypto-policy",
        &["System-wide crypto policy is set to non-DEFAULT policy"],
        "see that programs still connect under the new system's policy of that name",
    ),
    check(
        "leapp.ca-moves",
        &["Distrusted CA certificates will be moved from blacklist to blocklist"],
        "change scripts that write to /etc/pki/ca-trust/source/blacklist",
    ),
    // The system itself
    check(
        "leapp.selinux",
        &[
            "SElinux disabled",
            "SElinux relabeling will be scheduled",
            "SElinux will be set to permissive mode",
            "LEAPP detected SELinux disabled in \"/etc/selinux/config\"",
            "SElinux should be disabled based on the configuration file but it is enabled",
            "SElinux scheduled for relabelling",
            "Could not schedule SElinux for relabelling",
            "SELinux failed to reapply some customizations after the upgrade.",
            "Could not set SElinux into permissive mode",
        ],
        "SELinux is permissive meanwhile and comes back as it was; a relabelling makes the first boot longer",
    ),
    check(
        "leapp.custom-modifications",
        &[
            "Detected modified configuration files in leapp configuration directories.",
            "Detected modified files of the in-place upgrade tooling.",
            "Detected custom leapp actors or files.",
        ],
        "somebody changed leapp itself: remove the changes if nobody knows what for",
    ),
    check(
        "leapp.dynamic-linker",
        &["Detected customized configuration for dynamic linker."],
        "libraries from /etc/ld.so.conf or LD_PRELOAD may not fit the new system: remove them for the migration",
    ),
    check(
        "leapp.foreign-packages",
        &["Packages not signed by Red Hat found on the system", "Detected RPMs with RSA/SHA1 signature"],
        "leapp leaves them as they are: install the new system's versions afterwards, or remove them before",
    ),
    check(
        "leapp.skipped-packages",
        &[
            "Packages available in excluded repositories will not be installed",
            "Packages from unknown repositories may not be installed",
            "Some enabled RPM repositories are unknown to Leapp",
            "Excluded target system repositories",
            "Using repository not supported by Red Hat",
            "Detected \"CustomTargetRepositories\" without using new provided mechanisms used.",
        ],
        "install what is missed afterwards from the new system's repositories",
    ),
    check(
        "leapp.leftover-packages",
        &["Leftover {} packages have been removed", "Some {} packages have not been upgraded"],
        "remove the packages of the old release when nothing needs them",
    ),
    check(
        "leapp.grub-config",
        &[
            "Syntax error detected in grub configuration",
            "Detected a missing newline at the end of grub configuration file",
            "Detected a corrupted grubenv file",
            "Leapp could not identify where GRUB2 core is located",
            "GRUB core update failed",
            "Could not set the kernel arguments for future kernels",
        ],
        "see /etc/default/grub and the boot loader before: the migration rests on it",
    ),
    check(
        "leapp.systemd-links",
        &[
            "Detected broken systemd symlinks for non-existing services",
            "Detected broken systemd symlinks for existing services",
        ],
        "remove or renew the links (systemctl reenable): the services may not start on the new system",
    ),
    check(
        "leapp.multipath-defaults",
        &[
            "device-mapper-multipath now defaults to detecting settings",
            "device-mapper-multipath now defaults to ignoring foreign devices",
            "device-mapper-multipath now defaults to ignoring USB devices",
            "device-mapper-multipath now disables reassign_maps by default",
            "device-mapper-multipath no longer accepts \"*\" as a valid regular expression",
        ],
        "an ECS instance has no multipath disks: remove the package if nobody needs it",
    ),
];

/// Entries of high severity that ask nothing of anybody.
pub(super) const HARMLESS: &[&str] = &[
    "GRUB2 core will be automatically updated during the upgrade",
    "GRUB core successfully updated",
    "Skipped OS release check",
    "Leapp resume systemd service enabled",
];
