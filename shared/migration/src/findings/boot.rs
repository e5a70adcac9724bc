//! What became of the reboot: from the guest's answer, or without one from the console.

use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::os::{Family, Os};
use crate::path::Hop;
use crate::record::{Cause, Millis};

/// What the guest says after a reboot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booted {
    /// Boot id of the running system.
    pub boot_id: String,
    /// Boot id in which the tool was started.
    pub boot_id_before: String,
    /// `ID` of os-release; `windows`.
    pub os_id: String,
    /// `VERSION_ID` of os-release; the build of Windows.
    pub os_version: String,
    /// Release of the kernel that runs; empty when not told.
    pub kernel: String,
    /// Release of the kernel that the boot loader starts by itself; empty when not told.
    pub kernel_default: String,
    /// What the tool still does in the new system (leapp's FirstBoot, Windows' OOBE).
    pub finishing: Option<String>,
    /// Why the tool gave up after the reboot.
    pub failed: Option<String>,
}

/// Everything that can be known of a reboot.
#[derive(Clone, Debug)]
pub struct BootFacts<'a> {
    /// The hop.
    pub hop: &'a Hop,
    /// `Status` of DescribeInstances.
    pub status: &'a str,
    /// Milliseconds since the reboot was asked for.
    pub elapsed: Millis,
    /// How long the guest may be silent after the reboot, milliseconds.
    pub dark: Millis,
    /// What the guest says; None while its agent is silent.
    pub booted: Option<&'a Booted>,
    /// The end of what the console shows; empty when not known.
    pub console: &'a str,
}

/// What became of a reboot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BootOutcome {
    /// The new system runs, and the tool has nothing left to do.
    NewSystem,
    /// The tool still works in the new system; its phase.
    Finishing(String),
    /// Nothing is heard, which is normal for so long.
    StillDark,
    /// The guest has not gone down yet.
    NotYet,
    /// It stays in the old boot: the reboot did not happen.
    NoReboot,
    /// The old system came back.
    OldSystem(String),
    /// The new system runs on a kernel that is not meant.
    OldKernel(String),
    /// The tool gave up after the reboot; why.
    ToolGaveUp(String),
    /// The initramfs, or systemd, stopped at an emergency shell; the line that says so.
    EmergencyShell(String),
    /// The boot loader could not go on.
    BootLoader(String),
    /// The kernel panicked.
    KernelPanic(String),
    /// Windows stopped at its recovery environment.
    Recovery(String),
    /// Nothing was heard for longer than the engine may be silent.
    NoAgent(String),
}

/// A guest that answers from the old boot has missed its reboot after this, milliseconds: a shutdown that waits for
/// a service takes 90 s for each (systemd, DefaultTimeoutStopSec).
const REBOOT_LIMIT: Millis = 15 * 60_000;

/// Lines of a console that say that a boot has ended badly, for each kind. Sources: dracut and systemd
/// ("emergency shell", "emergency mode"), GRUB 2 (prompts and errors), the kernel's panic messages, Windows' boot
/// manager.
type Kind = fn(String) -> BootOutcome;
const SIGNS: &[(Kind, &[&str])] = &[
    (BootOutcome::KernelPanic, &["kernel panic - not syncing", "unable to mount root fs"]),
    (
        BootOutcome::EmergencyShell,
        &[
            "entering emergency mode",
            "dracut emergency shell",
            "emergency shell",
            "you are in emergency mode",
            "generating \"/run/initramfs/rdsosreport.txt\"",
            "(initramfs)",
        ],
    ),
    (
        BootOutcome::BootLoader,
        &[
            "grub rescue>",
            "grub>",
            "error: file `",
            "error: no such partition",
            "error: no such device",
            "error: no boot entry",
        ],
    ),
    (
        BootOutcome::Recovery,
        &[
            "inaccessible_boot_device",
            "windows recovery",
            "your pc couldn't start properly",
            "automatic repair",
            "boot\\bcd",
        ],
    ),
];

/// What only a kernel's userland says.
const BEYOND_LOADER: &[&str] = &[
    "==> processing phase",
    "reached target",
    "[  ok  ]",
    "started ",
    "systemd",
    "upgrading ",
    "installing ",
    "dracut",
];

/// What became of the reboot. Pure; whoever asks goes on asking until it is neither [`BootOutcome::Finishing`],
/// [`BootOutcome::StillDark`] nor [`BootOutcome::NotYet`].
pub fn judge_boot(facts: &BootFacts<'_>) -> BootOutcome {
    match facts.booted {
        Some(booted) => judge_answer(booted, facts),
        None => judge_silence(facts),
    }
}

fn judge_answer(booted: &Booted, facts: &BootFacts<'_>) -> BootOutcome {
    let hop = facts.hop;
    if booted.boot_id.is_empty() || booted.boot_id_before.is_empty() || booted.boot_id == booted.boot_id_before {
        return if facts.elapsed < REBOOT_LIMIT { BootOutcome::NotYet } else { BootOutcome::NoReboot };
    }
    if let Some(why) = &booted.failed {
        return BootOutcome::ToolGaveUp(why.clone());
    }
    if let Some(phase) = &booted.finishing {
        return BootOutcome::Finishing(phase.clone());
    }
    let told = os_told(&booted.os_id, &booted.os_version);
    if !told.as_ref().is_some_and(|os| os.same_release(&hop.to)) {
        let told = told.map_or(format!("{} {}", booted.os_id, booted.os_version), |os| os.to_string());
        return BootOutcome::OldSystem(told);
    }
    match old_kernel(&booted.kernel, &booted.kernel_default, hop) {
        Some(why) => BootOutcome::OldKernel(why),
        None => BootOutcome::NewSystem,
    }
}

fn judge_silence(facts: &BootFacts<'_>) -> BootOutcome {
    // The console keeps earlier boots: only what came since the last kernel began, or ended, counts.
    let begin = ["Linux version ", "] reboot: "].iter().filter_map(|mark| facts.console.rfind(mark)).max();
    let last = begin.map_or(facts.console, |at| &facts.console[at..]);
    let mut up = false;
    let mut bad = None;
    for line in last.lines() {
        let lower = line.to_lowercase();
        if lower.trim_end().ends_with(" login:") {
            // Whatever was before, it came up.
            (up, bad) = (true, None);
        }
        let sign = SIGNS.iter().find(|(_, signs)| signs.iter().any(|sign| lower.contains(sign)));
        // Boot loaders complain and go on.
        if matches!(bad, Some(BootOutcome::BootLoader(_))) && BEYOND_LOADER.iter().any(|sign| lower.contains(sign)) {
            bad = None;
        }
        if let (None, Some((kind, _))) = (&bad, sign) {
            bad = Some(kind(line.trim().chars().take(200).collect()));
        }
    }
    match bad {
        Some(outcome) => outcome,
        None if facts.elapsed <= facts.dark => BootOutcome::StillDark,
        None => {
            let seen = if up { "the console shows a login prompt" } else { "the console shows no login prompt" };
            BootOutcome::NoAgent(format!(
                "the guest is silent for {} min, the instance is {}; {seen}",
                facts.elapsed / 60_000,
                facts.status
            ))
        }
    }
}

impl BootOutcome {
    /// Why the migration cannot go on; None while it can.
    pub fn cause(&self) -> Option<Cause> {
        let (code, text) = match self {
            Self::NewSystem | Self::Finishing(_) | Self::StillDark | Self::NotYet => return None,
            Self::NoReboot => (Code::NoReboot, "the guest was asked to reboot and did not".to_owned()),
            Self::OldSystem(os) => (Code::OldSystem, format!("after the reboot the guest runs {os}")),
            Self::OldKernel(why) => (Code::OldKernel, why.clone()),
            Self::ToolGaveUp(why) => (Code::ToolGaveUp, format!("the tool gave up after the reboot: {why}")),
            Self::EmergencyShell(line) => {
                (Code::EmergencyShell, format!("the boot ended in an emergency shell: {line}"))
            }
            Self::BootLoader(line) => (Code::BootLoader, format!("the boot loader could not go on: {line}")),
            Self::KernelPanic(line) => (Code::KernelPanic, format!("the kernel panicked: {line}")),
            Self::Recovery(line) => (Code::WindowsRecovery, format!("Windows stopped at its recovery: {line}")),
            Self::NoAgent(text) => (Code::NoAgent, text.clone()),
        };
        Some(Cause::permanent(code, text))
    }
}

/// The system that `ID` and `VERSION_ID` name; for `windows` the version is the build.
pub fn os_told(id: &str, version: &str) -> Option<Os> {
    match id {
        "windows" => Os::from_windows_build(version.parse().ok()?),
        _ => Os::from_os_release(id, version),
    }
}

/// Why the running kernel is not the one that is meant; None when it is, or nothing is known of it.
pub(super) fn old_kernel(kernel: &str, default: &str, hop: &Hop) -> Option<String> {
    if !kernel.is_empty() && !default.is_empty() && kernel != default {
        return Some(format!("kernel {kernel} runs, the boot loader's default is {default}"));
    }
    let (old, new) = (dist_tag(&hop.from)?, dist_tag(&hop.to)?);
    let has = |tag: &str| kernel.split(['.', '_', '-']).any(|part| part == tag);
    (old != new && has(&old)).then(|| format!("kernel {kernel} of {} runs under {}", hop.from, hop.to))
}

/// The part of a package's release that says for which system it was built: `el8`.
fn dist_tag(os: &Os) -> Option<String> {
    match os.family {
        Family::CentOs | Family::CentOsStream | Family::Rhel | Family::AlmaLinux | Family::Rocky => {
            Some(format!("el{}", os.major))
        }
        // Alibaba Cloud Linux 2 is built like EL 7, 3 like EL 8.
        Family::AlibabaCloudLinux => Some(format!("al{}", os.major + 5)),
        Family::Anolis => Some(format!("an{}", os.major)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
