//! What goes wrong with a guest on request: its next boots, its network. The rules outlive the cloud and the
//! guest; they are kept beside the guest's other files, where the process that powers it reads them at each boot.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// File of a guest's rules, in its directory.
pub(super) const FILE: &str = "faults.json";
/// File of the number of boots so far, in decimal.
pub(super) const BOOTS: &str = "boots";

/// How a boot goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BootFault {
    /// The machine is on and says nothing, not even what its boot loader does.
    #[serde(rename = "reboot-never-comes-back")]
    NeverComesBack,
    /// Another entry than the default boots: the system (or only the kernel) of before.
    #[serde(rename = "old-system-comes-back")]
    OldSystem,
    /// The system boots, but its agent does not start.
    #[serde(rename = "agent-gone")]
    AgentGone,
}

/// Breaks some of the next boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootRule {
    /// How they go wrong.
    pub fault: BootFault,
    /// Lets that many boots pass first.
    #[serde(default)]
    pub skip: u32,
    /// How many boots go wrong then.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

/// The rules of one guest.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Faults {
    /// The mirror cannot be reached.
    pub offline: bool,
    /// The mirror cannot be reached any more as soon as there is such a path.
    pub offline_once: Option<String>,
    /// With the number of boots there had been when each was made.
    boots: Vec<(u32, BootRule)>,
}

impl Faults {
    /// Reads a guest's rules; none where there is no file.
    pub(super) fn read(guest_dir: &Path) -> io::Result<Self> {
        match fs::read(guest_dir.join(FILE)) {
            Ok(text) => serde_json::from_slice(&text).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Writes them.
    pub(super) fn write(&self, guest_dir: &Path) -> io::Result<()> {
        let new = guest_dir.join(".new-faults");
        fs::write(&new, serde_json::to_vec(self)?)?;
        fs::rename(new, guest_dir.join(FILE))
    }

    /// Adds a rule for the boots after the first `boots`.
    pub(super) fn add(&mut self, boots: u32, rule: BootRule) {
        self.boots.push((boots, rule));
    }

    /// What goes wrong with the boot of this number; the first is 1, and of two rules the newer counts.
    pub(super) fn at(&self, boot: u32) -> Option<BootFault> {
        let applies = |(made, rule): &&(u32, BootRule)| {
            let passed = i64::from(boot) - i64::from(*made) - i64::from(rule.skip);
            (1..=i64::from(rule.times)).contains(&passed)
        };
        self.boots.iter().rev().find(applies).map(|(_, rule)| rule.fault)
    }
}

/// How often a guest has booted.
pub(super) fn boots(guest_dir: &Path) -> u32 {
    fs::read_to_string(guest_dir.join(BOOTS)).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_breaks_the_boots_it_names() {
        let mut faults = Faults::default();
        faults.add(2, BootRule { fault: BootFault::AgentGone, skip: 1, times: 2 });
        assert_eq!([3, 4, 5, 6].map(|boot| faults.at(boot).is_some()), [false, true, true, false]);
        faults.add(3, serde_json::from_str(r#"{"fault":"reboot-never-comes-back"}"#).unwrap());
        assert_eq!([4, 5].map(|boot| faults.at(boot)), [Some(BootFault::NeverComesBack), Some(BootFault::AgentGone)]);
    }

    #[test]
    fn rules_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Faults::read(dir.path()).unwrap(), Faults::default());
        let mut faults = Faults { offline: true, ..Faults::default() };
        faults.add(1, BootRule { fault: BootFault::OldSystem, skip: 0, times: 1 });
        faults.write(dir.path()).unwrap();
        assert_eq!(Faults::read(dir.path()).unwrap(), faults);
        assert_eq!(boots(dir.path()), 0);
        fs::write(dir.path().join(BOOTS), "7").unwrap();
        assert_eq!(boots(dir.path()), 7);
    }
}
