//! What is particular to each engine, as far as the stages must know it.

use crate::path::Engine;
use crate::record::Millis;

/// What interprets the engine's scripts in the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// A POSIX shell: RunCommand's `RunShellScript`.
    Posix,
    /// Windows PowerShell: RunCommand's `RunPowerShellScript`.
    PowerShell,
}

/// From when on only the snapshots lead back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoReturn {
    /// From the tool's own first change of a package; the tool marks it in the guest.
    Changes,
    /// From the reboot: until then the tool has only downloaded and prepared.
    Reboot,
}

const MINUTE: Millis = 60_000;

impl Engine {
    /// What interprets its scripts.
    pub fn shell(self) -> Shell {
        match self {
            Self::WindowsSetup => Shell::PowerShell,
            _ => Shell::Posix,
        }
    }

    /// Whether something must be brought into the guest (the tool, the media disk) before the tool's own
    /// check can run.
    pub fn prepares(self) -> bool {
        !matches!(self, Self::DistroSync | Self::AptFullUpgrade)
    }

    /// From when on only the snapshots lead back. Source: leapp and Windows Setup prepare and download before the
    /// reboot, the upgrade itself comes after it; the others change packages at once.
    pub fn no_return(self) -> NoReturn {
        match self {
            Self::Leapp | Self::WindowsSetup => NoReturn::Reboot,
            _ => NoReturn::Changes,
        }
    }

    /// How long the guest may be silent after the reboot, milliseconds. leapp: 20 min to 2 h are told for all
    /// of it (Azure, "RHEL in-place upgrade"), Windows Setup: several reboots within 2 to 4 h in practice; the
    /// others boot as always, on a machine that may check its file systems first.
    pub fn dark(self) -> Millis {
        match self {
            Self::Leapp => 120 * MINUTE,
            Self::WindowsSetup => 240 * MINUTE,
            _ => 30 * MINUTE,
        }
    }

    /// How long the tool and the reboot may take in all, milliseconds: the dark time, and before it the
    /// download and the packages (15 to 30 min documented, up to 2 h seen).
    pub fn deadline(self) -> Millis {
        self.dark() + 150 * MINUTE
    }
}
