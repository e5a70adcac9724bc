//! Stable codes of what can go wrong; docs/errors.md says for each what the operator should do.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A stable error code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl Code {
            /// Every code there is.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code's text, as in logs and docs/errors.md.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// An event is not one that the function understands.
    MalformedEvent = "OSF-E001",
    /// An event names a migration that has no record.
    UnknownMigration = "OSF-E002",
    /// The record was written by a newer version.
    NewerSchema = "OSF-E003",
    /// The record cannot be read.
    BrokenRecord = "OSF-E004",
    /// The function's settings are incomplete or wrong.
    Configuration = "OSF-E005",
    /// An OpenAPI call failed.
    CloudCall = "OSF-C001",
    /// The instance does not exist any more.
    InstanceGone = "OSF-C002",
    /// Permission is missing.
    Forbidden = "OSF-C003",
    /// Tablestore cannot be read or written.
    Tablestore = "OSF-C004",
    /// Events cannot be published.
    EventBridge = "OSF-C005",
    /// A stage took longer than it may.
    Deadline = "OSF-S001",
    /// A check found something that blocks.
    Blocked = "OSF-S002",
    /// A command in the guest failed.
    GuestCommand = "OSF-G001",
    /// The output of a command in the guest cannot be understood.
    GuestOutput = "OSF-G002",
    /// The guest cannot reach its package repositories.
    Repositories = "OSF-G003",
    /// A disk's snapshot failed.
    SnapshotFailed = "OSF-S003",
    /// The guest could not be prepared for the migration.
    NotPrepared = "OSF-S004",
    /// The migration tool failed.
    ToolFailed = "OSF-M001",
    /// The migration tool died without saying why.
    ToolDied = "OSF-M002",
    /// The guest was asked to reboot and did not.
    NoReboot = "OSF-B001",
    /// After the reboot the old system runs.
    OldSystem = "OSF-B002",
    /// The new system runs on a kernel that is not meant.
    OldKernel = "OSF-B003",
    /// The tool gave up after the reboot.
    ToolGaveUp = "OSF-B004",
    /// The boot ended in an emergency shell.
    EmergencyShell = "OSF-B005",
    /// The boot loader could not go on.
    BootLoader = "OSF-B006",
    /// The kernel panicked.
    KernelPanic = "OSF-B007",
    /// Windows stopped at its recovery environment.
    WindowsRecovery = "OSF-B008",
    /// Nothing was heard of the guest for longer than the engine may be silent.
    NoAgent = "OSF-B009",
    /// The migrated system is not what it should be.
    VerifyFailed = "OSF-V001",
    /// A snapshot that the rollback needs is missing or not usable.
    SnapshotMissing = "OSF-R001",
    /// After the rollback the old system does not run.
    NotRestored = "OSF-R002",
    /// Not everything that was prepared in the guest could be taken back.
    NotUndone = "OSF-R003",
    /// The network for drills is not configured, or is not isolated from the instance.
    DrillNetwork = "OSF-D001",
    /// A drill's clone could not be made, or did not come up.
    CloneFailed = "OSF-D002",
    /// A person cancelled.
    Cancelled = "OSF-P001",
    /// A person wanted the old system back.
    WantedBack = "OSF-P002",
    /// The batch was stopped after failures of others.
    BatchStopped = "OSF-P003",
    /// Nobody acknowledged the plan in time.
    NotAcknowledged = "OSF-P004",
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
