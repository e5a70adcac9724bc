//! Checks as data: what was looked at, what was found, what to do about it.

use serde::{Deserialize, Serialize};

/// How a finding bears on the migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Something will be different afterwards; the migration goes on.
    Warn,
    /// The migration must not go on.
    Block,
}

/// Something that can be done in the guest so that a check passes: only when the policy allows it by name,
/// and taken back when the migration does not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remediation {
    /// Remove the 32-bit packages. Only if every one can be downloaded first, to be put back without a repository.
    RemoveI686,
    /// Say `PermitRootLogin` in sshd_config as it is in effect now (`sshd -T`), outside of every Match block and
    /// with a comment beside it: the file must count as modified, or the new package replaces it.
    PermitRootLogin,
    /// Confirm leapp's questions about removed PAM modules and VDO: `leapp answer --section
    /// remove_pam_pkcs11_module_check.confirm=True --add`, and so for `remove_pam_krb5_module_check`,
    /// `authselect_check` and, from 8 to 9, `check_vdo`. Taken back with the answer file.
    AnswerLeapp,
    /// Unload drivers that the new kernel does not have (pata_acpi, floppy, ...), and keep them out.
    UnloadDrivers,
    /// Move kernels that neither run nor are the newest out of /boot, and rescue images.
    CleanBoot,
    /// Unmount NFS and CIFS, and comment them out in fstab.
    UnmountNetworkFileSystems,
    /// Each absolute symbolic link in `/` becomes a relative one to the same place: `ln -snf var/data /data` for
    /// `/data -> /var/data`. Taken back with `ln -snf` to what `readlink` said before.
    RelativeRootLinks,
    /// `AllowZoneDrifting=no` in /etc/firewalld/firewalld.conf, in place of the line there is, then
    /// `firewall-cmd --reload` if firewalld runs. Taken back by the file as it was.
    DisableZoneDrifting,
    /// `yum -y install efibootmgr` (`dnf` where there is one). Taken back by removing it.
    InstallEfibootmgr,
    /// `plugins=1` in the section `[main]` of /etc/yum.conf and of /etc/dnf/dnf.conf, where it is 0. Taken back by
    /// the files as they were.
    EnableYumPlugins,
    /// /etc/resolv.conf becomes a regular file with the content that it leads to. Taken back by the link.
    RegularResolvConf,
}

impl Remediation {
    /// Every remediation there is.
    pub const ALL: &[Self] = &[
        Self::RemoveI686,
        Self::PermitRootLogin,
        Self::AnswerLeapp,
        Self::UnloadDrivers,
        Self::CleanBoot,
        Self::UnmountNetworkFileSystems,
        Self::RelativeRootLinks,
        Self::DisableZoneDrifting,
        Self::InstallEfibootmgr,
        Self::EnableYumPlugins,
        Self::RegularResolvConf,
    ];

    /// Its name in policies, tags and scripts.
    pub fn name(self) -> &'static str {
        match self {
            Self::RemoveI686 => "remove-i686",
            Self::PermitRootLogin => "permit-root-login",
            Self::AnswerLeapp => "answer-leapp",
            Self::UnloadDrivers => "unload-drivers",
            Self::CleanBoot => "clean-boot",
            Self::UnmountNetworkFileSystems => "unmount-network-file-systems",
            Self::RelativeRootLinks => "relative-root-links",
            Self::DisableZoneDrifting => "disable-zone-drifting",
            Self::InstallEfibootmgr => "install-efibootmgr",
            Self::EnableYumPlugins => "enable-yum-plugins",
            Self::RegularResolvConf => "regular-resolv-conf",
        }
    }
}

/// One result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable id of the check, such as `guest.boot-space`.
    pub id: String,
    /// How it bears on the migration.
    pub severity: Severity,
    /// What was found, with figures.
    pub found: String,
    /// What a person should do about it; empty for information.
    pub remedy: String,
    /// What can be done about it automatically.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remediation: Option<Remediation>,
}

impl Finding {
    /// A finding that stops the migration.
    pub fn block(id: &str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { id: id.into(), severity: Severity::Block, found: found.into(), remedy: remedy.into(), remediation: None }
    }

    /// A finding that a person should read.
    pub fn warn(id: &str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { id: id.into(), severity: Severity::Warn, found: found.into(), remedy: remedy.into(), remediation: None }
    }

    /// A fact.
    pub fn info(id: &str, found: impl Into<String>) -> Self {
        Self { id: id.into(), severity: Severity::Info, found: found.into(), remedy: String::new(), remediation: None }
    }

    /// The same, with what can be done about it automatically.
    pub fn mended_by(self, remediation: Remediation) -> Self {
        Self { remediation: Some(remediation), ..self }
    }

    /// Whether it stops the migration.
    pub fn blocks(&self) -> bool {
        self.severity == Severity::Block
    }
}
