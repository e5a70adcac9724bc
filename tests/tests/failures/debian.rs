//! Whatever goes wrong with a real Debian.

use local_cloud::guest::BootFault;
use migration::Code::{self, NoAgent, ToolFailed};
use migration::path::Engine::AptFullUpgrade;

use crate::common::cases::Break::*;
use crate::common::cases::Case;
use crate::common::cases::End::*;
use crate::common::cases::Failure::*;

/// What a person has apt do before it changes packages refuses.
const REFUSES: &str = "echo 'DPkg::Pre-Invoke { \"exit 1\"; };' >/etc/apt/apt.conf.d/99-refuses";
/// Between two steps of the upgrade there is time.
const TAKES_ITS_TIME: &str =
    "echo 'DPkg::Post-Invoke { \"touch /root/half; sleep 20\"; };' >/etc/apt/apt.conf.d/99-takes-its-time";
/// No boot loader is in these guests: what is put back is what says which system it is, at the next boot.
const COMES_BACK: &str =
    "cp /usr/lib/os-release /root/os-release; sed -i '1a cp /root/os-release /usr/lib/os-release' /etc/rc.local";

#[rustfmt::skip]
pub const CASES: [Case; 7] = [
    Case::new(AptFullUpgrade, ExitCode, &[Shell(REFUSES)], DisksBack(ToolFailed), "apt-get upgrade ended with 100"),
    Case::new(AptFullUpgrade, Killed, &[Shell(TAKES_ITS_TIME), Kill("apt-get", "/root/half")], DisksBack(ToolFailed), "apt-get upgrade ended with 137"),
    // Everything is downloaded before anything is changed.
    Case::new(AptFullUpgrade, DiskFull, &[Full("/var/cache/apt/archives")], TakenBack(ToolFailed), "free space in /var/cache/apt/archives"),
    // And asked for again: it only takes longer.
    Case::new(AptFullUpgrade, NetworkGone, &[Offline, Mended], Succeeds, ""),
    Case::new(AptFullUpgrade, AgentGone, &[Boot(BootFault::AgentGone, 0)], DisksBack(NoAgent), "shows a login prompt"),
    Case::new(AptFullUpgrade, NeverBack, &[Boot(BootFault::NeverComesBack, 0)], DisksBack(NoAgent), "shows no login prompt"),
    Case::new(AptFullUpgrade, OldSystem, &[Shell(COMES_BACK)], DisksBack(Code::OldSystem), "Debian 11"),
];
