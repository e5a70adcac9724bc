//! The scripts, put together for one hop of one migration.

mod posix;

use std::collections::BTreeMap;

use migration::path::Hop;
use migration::policy::Probe;
use migration::{MigrationId, Remediation, Shell};

pub use posix::identify_script;

/// What does not depend on the migration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where packages come from, as a guest in a VPC reaches it: `http://mirrors.cloud.aliyuncs.com`.
    pub mirror: String,
    /// Where the operator keeps the tools that the vendor has no mirror of (ELevate, almalinux-deploy,
    /// migrate2rocky, convert2rhel), as a guest reaches it; empty: below the mirror.
    pub tools: String,
    /// SHA-256 of the scripts that are fetched from there, in lower-case hexadecimal, by engine
    /// (`almalinux-deploy`, `migrate2rocky`). Needed where package signatures are checked.
    pub checksums: BTreeMap<String, String>,
    /// Whether package signatures are checked.
    pub gpgcheck: bool,
}

/// One hop of one migration, for which scripts are made.
pub struct Job<'a> {
    /// The migration.
    pub id: &'a MigrationId,
    /// How often the migration was begun anew.
    pub run: u32,
    /// Index of the hop.
    pub hop_index: usize,
    /// The hop.
    pub hop: &'a Hop,
    /// What does not depend on the migration.
    pub settings: &'a Settings,
}

/// Every script of a hop, with what it is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Script<'a> {
    Assess,
    Prepare(&'a [Remediation]),
    Undo,
    Start,
    Watch { seconds: u64 },
    Reboot,
    Booted,
    Finish,
    Verify { probes: &'a [Probe], seconds: u64 },
    Observe { probes: &'a [Probe], seconds: u64 },
    Look { since: Option<i64> },
    Evidence,
    File { path: &'a str, part: u64 },
}

impl Job<'_> {
    /// What interprets the scripts: RunCommand's `Type` follows from it.
    pub fn shell(&self) -> Shell {
        self.hop.engine.shell()
    }

    /// The migratability check. Changes nothing.
    pub fn assess(&self) -> String {
        self.script(Script::Assess)
    }

    /// Brings the tool into the guest and carries out what a person allowed; how things were is noted.
    pub fn prepare(&self, remediations: &[Remediation]) -> String {
        self.script(Script::Prepare(remediations))
    }

    /// Takes back what [`Job::prepare`], or the tool before its point of no return, has changed.
    pub fn undo(&self) -> String {
        self.script(Script::Undo)
    }

    /// Notes how things are and starts the tool, detached.
    pub fn start(&self) -> String {
        self.script(Script::Start)
    }

    /// Waits for the tool's end, at most `seconds`.
    pub fn watch(&self, seconds: u64) -> String {
        self.script(Script::Watch { seconds })
    }

    /// Reboots, if that has not happened since the tool was started.
    pub fn reboot(&self) -> String {
        self.script(Script::Reboot)
    }

    /// Has the guest booted since, and into what?
    pub fn booted(&self) -> String {
        self.script(Script::Booted)
    }

    /// After success: the person's own settings come back, the tool's leftovers go.
    pub fn finish(&self) -> String {
        self.script(Script::Finish)
    }

    /// Looks at the new system; services and probes get `seconds` to come up.
    pub fn verify(&self, probes: &[Probe], seconds: u64) -> String {
        self.script(Script::Verify { probes, seconds })
    }

    /// Watches services and probes for `seconds`; ends early when one of them fails.
    pub fn observe(&self, probes: &[Probe], seconds: u64) -> String {
        self.script(Script::Observe { probes, seconds })
    }

    /// What became of the guest; and what was written to its disks after `since`, seconds since 1970 in UTC.
    pub fn look(&self, since: Option<i64>) -> String {
        self.script(Script::Look { since })
    }

    /// The ends of the logs that say what happened, 20 KB in all at most.
    pub fn evidence(&self) -> String {
        self.script(Script::Evidence)
    }

    /// Part `part` (from 0) of the file at `path`.
    pub fn file(&self, path: &str, part: u64) -> String {
        self.script(Script::File { path, part })
    }

    fn script(&self, script: Script<'_>) -> String {
        match self.shell() {
            Shell::Posix => posix::script(self, script),
            Shell::PowerShell => crate::windows::script(self, script),
        }
    }

    /// The directory's name below the guest's own directory of OS Ferry.
    pub(crate) fn directory(&self) -> String {
        match self.run {
            0 => format!("{}-{}", self.id, self.hop_index),
            run => format!("{}-{run}.{}", self.id, self.hop_index),
        }
    }
}
