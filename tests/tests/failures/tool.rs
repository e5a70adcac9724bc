//! What goes wrong while the tool runs.

use migration::Code::{ToolDied, ToolFailed};
use migration::path::Engine::*;

use crate::common::REBUILDING;
use crate::common::VENDOR_AGENT;
use crate::common::cases::Break::*;
use crate::common::cases::Case;
use crate::common::cases::End::*;
use crate::common::cases::Failure::*;

/// Packages of every target bring libraries: with no room here rpm refuses the transaction that was begun.
const LIBRARIES: &[super::common::cases::Break] = &[Full("/usr/lib64")];

#[rustfmt::skip]
pub const CASES: [Case; 29] = [
    // A kernel cannot be unpacked over a directory that is not empty.
    Case::new(DistroSync, ExitCode, &[Shell("mkdir -p /boot/vmlinuz-5.10.134-16.3.al8.x86_64/mine")], DisksBack(ToolFailed), "dnf distro-sync failed: Failed: kernel-5.10"),
    Case::new(DistroSync, Killed, &[Kill("dnf", REBUILDING)], DisksBack(ToolFailed), "dnf distro-sync ended with 137").on(VENDOR_AGENT),
    Case::new(DistroSync, DiskFull, LIBRARIES, DisksBack(ToolFailed), "/usr/lib64"),
    Case::new(DistroSync, Another, &[Full("/var/cache/dnf")], TakenBack(ToolFailed), "dnf download ended with 1"),
    // Everything is downloaded before anything is changed, and asked for again: it only takes longer.
    Case::new(DistroSync, NetworkGone, &[Offline, Mended], Succeeds, ""),

    Case::new(Centos2Anolis, ExitCode, &[Switch("centos2anolis-fails-at", "distro-sync")], DisksBack(ToolFailed), "failed in distro-sync"),
    Case::new(Centos2Anolis, Killed, &[Switch("centos2anolis-waits-at", "distro-sync"), Kill("/tool.sh", "/var/cache/centos2anolis/transaction")], DisksBack(ToolDied), "without a word"),
    Case::new(Centos2Anolis, DiskFull, LIBRARIES, DisksBack(ToolFailed), "/usr/lib64"),
    Case::new(Centos2Anolis, NetworkGone, &[Offline], DisksBack(ToolFailed), "All mirrors were tried"),

    Case::new(Leapp, ExitCode, &[Switch("leapp-fails-at", "Download")], TakenBack(ToolFailed), "Download"),
    Case::new(Leapp, Killed, &[Switch("leapp-waits-at", "InterimPreparation"), Kill("/usr/bin/leapp upgrade", "/var/log/leapp/leapp-upgrade.log")], TakenBack(ToolFailed), "leapp upgrade ended with 137"),
    // leapp asks for gigabytes and looks for them itself.
    Case::new(Leapp, DiskFull, &[Full("/var/lib/leapp")], Refused, "leapp.space"),
    Case::new(Leapp, NetworkGone, &[Offline], TakenBack(ToolFailed), "Errors: 1"),

    Case::new(AlmalinuxDeploy, ExitCode, &[Switch("almalinux-deploy-fails-at", "distro_sync")], DisksBack(ToolFailed), "almalinux-deploy.sh ended with 1"),
    Case::new(AlmalinuxDeploy, Killed, &[Switch("almalinux-deploy-waits-at", "distro_sync"), Kill("almalinux-deploy.sh", "/etc/almalinux-release")], DisksBack(ToolFailed), "almalinux-deploy.sh ended with 137"),
    Case::new(AlmalinuxDeploy, DiskFull, LIBRARIES, DisksBack(ToolFailed), "/usr/lib64"),
    Case::new(AlmalinuxDeploy, NetworkGone, &[Offline], DisksBack(ToolFailed), "almalinux-deploy.sh ended with 1"),

    Case::new(Migrate2Rocky, ExitCode, &[Switch("migrate2rocky-fails-at", "distro-sync")], DisksBack(ToolFailed), "failed in distro-sync"),
    Case::new(Migrate2Rocky, Killed, &[Switch("migrate2rocky-waits-at", "distro-sync"), Kill("migrate2rocky.sh -r", "/root/convert/swap")], DisksBack(ToolFailed), "migrate2rocky.sh ended with 137"),
    Case::new(Migrate2Rocky, DiskFull, LIBRARIES, DisksBack(ToolFailed), "/usr/lib64"),
    Case::new(Migrate2Rocky, NetworkGone, &[Offline], DisksBack(ToolFailed), "An error occurred while we were attempting to convert"),

    Case::new(Convert2Rhel, ExitCode, &[Switch("convert2rhel-fails-at", "POST_PONR_CHANGES")], DisksBack(ToolFailed), "convert2rhel ended with 1"),
    Case::new(Convert2Rhel, Killed, &[Switch("convert2rhel-waits-at", "POST_PONR_CHANGES"), Kill("/usr/bin/convert2rhel -y", "/var/log/convert2rhel/convert2rhel.log")], DisksBack(ToolFailed), "convert2rhel ended with 137"),
    Case::new(Convert2Rhel, DiskFull, LIBRARIES, DisksBack(ToolFailed), "/usr/lib64"),
    // It looks for its repositories before it changes anything.
    Case::new(Convert2Rhel, NetworkGone, &[Offline], TakenBack(ToolFailed), "Unable to access repositories"),

    Case::new(WindowsSetup, ExitCode, &[Windows("setup_fault", "exit"), Windows("setup_exit", "-1047526904"), Windows("setup_error", "0xC1900208")], TakenBack(ToolFailed), "0xC1900208"),
    Case::new(WindowsSetup, Killed, &[SetupWaits, KillSetup], TakenBack(ToolDied), "without a word"),
    // Nobody but Setup knows what it needs; it says so by its result (ERROR_DISK_FULL).
    Case::new(WindowsSetup, DiskFull, &[Windows("setup_fault", "exit"), Windows("setup_exit", "-2147024784"), Windows("setup_error", "0x80070070")], TakenBack(ToolFailed), "too little free space"),
    // Setup needs no network. The activation does, and is no reason to go back.
    Case::new(WindowsSetup, NetworkGone, &[Windows("kms", "no")], Succeeds, "after.activation: Windows is not activated"),
];
