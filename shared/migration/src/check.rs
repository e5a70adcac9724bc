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
    /// Remove the 32-bit packages.
    RemoveI686,
    /// Say `PermitRootLogin` in sshd_config as it is in effect now.
    PermitRootLogin,
    /// Confirm leapp's questions about removed PAM modules and VDO.
    AnswerLeapp,
    /// Unload drivers that the new kernel does not have (pata_acpi, floppy, ...), and keep them out.
    UnloadDrivers,
    /// Remove kernels that do not run from /boot.
    CleanBoot,
    /// Unmount NFS and CIFS, and comment them out in fstab.
    UnmountNetworkFileSystems,
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
