//! What goes wrong after the reboot.

use local_cloud::guest::BootFault;
use migration::Code::{self, EmergencyShell, NoAgent, OldKernel, ToolGaveUp};
use migration::path::Engine::*;

use crate::common::cases::Break::*;
use crate::common::cases::Case;
use crate::common::cases::End::*;
use crate::common::cases::Failure::*;

const NO_AGENT: BootFault = BootFault::AgentGone;
const SILENT: BootFault = BootFault::NeverComesBack;
const OTHER_ENTRY: BootFault = BootFault::OldSystem;
/// What the console says, as far as there is one.
const UP: &str = "shows a login prompt";
const DOWN: &str = "shows no login prompt";

#[rustfmt::skip]
pub const CASES: [Case; 24] = [
    Case::new(DistroSync, AgentGone, &[Boot(NO_AGENT, 0)], DisksBack(NoAgent), UP),
    Case::new(DistroSync, NeverBack, &[Boot(SILENT, 0)], DisksBack(NoAgent), DOWN),
    Case::new(DistroSync, OldSystem, &[Boot(OTHER_ENTRY, 0)], DisksBack(OldKernel), "4.18.0"),
    Case::new(DistroSync, Another, &[], DisksBack(EmergencyShell), "Dracut Emergency Shell").on("m-local-centos85-no-disk-driver"),

    Case::new(Centos2Anolis, AgentGone, &[Boot(NO_AGENT, 0)], DisksBack(NoAgent), UP),
    Case::new(Centos2Anolis, NeverBack, &[Boot(SILENT, 0)], DisksBack(NoAgent), DOWN),
    Case::new(Centos2Anolis, OldSystem, &[Boot(OTHER_ENTRY, 0)], DisksBack(OldKernel), "kernel 3.10.0-1160.el7.x86_64 runs"),

    // The upgrade's own boot comes first, the new system's second.
    Case::new(Leapp, AgentGone, &[Boot(NO_AGENT, 1)], DisksBack(NoAgent), UP),
    Case::new(Leapp, NeverBack, &[Boot(SILENT, 0)], DisksBack(NoAgent), DOWN),
    Case::new(Leapp, OldSystem, &[Boot(OTHER_ENTRY, 0)], DisksBack(Code::OldSystem), "CentOS 7"),
    Case::new(Leapp, Another, &[Switch("leapp-fails-at", "RPMUpgrade")], DisksBack(ToolGaveUp), "RPMUpgrade"),

    Case::new(AlmalinuxDeploy, AgentGone, &[Boot(NO_AGENT, 0)], DisksBack(NoAgent), UP),
    Case::new(AlmalinuxDeploy, NeverBack, &[Boot(SILENT, 0)], DisksBack(NoAgent), DOWN),
    Case::new(AlmalinuxDeploy, OldSystem, &[Boot(OTHER_ENTRY, 0)], DisksBack(OldKernel), "kernel 4.18.0-348"),

    Case::new(Migrate2Rocky, AgentGone, &[Boot(NO_AGENT, 0)], DisksBack(NoAgent), UP),
    Case::new(Migrate2Rocky, NeverBack, &[Boot(SILENT, 0)], DisksBack(NoAgent), DOWN),
    Case::new(Migrate2Rocky, OldSystem, &[Boot(OTHER_ENTRY, 0)], DisksBack(OldKernel), "kernel 4.18.0-348"),

    Case::new(Convert2Rhel, AgentGone, &[Boot(NO_AGENT, 0)], DisksBack(NoAgent), UP),
    Case::new(Convert2Rhel, NeverBack, &[Boot(SILENT, 0)], DisksBack(NoAgent), DOWN),
    Case::new(Convert2Rhel, OldSystem, &[Boot(OTHER_ENTRY, 0)], DisksBack(OldKernel), "kernel 3.10.0-1160.el7.x86_64 runs"),

    // Setup boots twice by itself before the new Windows is up.
    Case::new(WindowsSetup, AgentGone, &[Boot(NO_AGENT, 2)], DisksBack(NoAgent), "the guest is silent"),
    Case::new(WindowsSetup, NeverBack, &[Boot(SILENT, 0)], DisksBack(NoAgent), "the guest is silent"),
    Case::new(WindowsSetup, OldSystem, &[Windows("setup_fault", "old-system")], DisksBack(ToolGaveUp), "logs name no code"),
    Case::new(WindowsSetup, Another, &[Windows("setup_fault", "rollback")], DisksBack(ToolGaveUp), "0xC1900101"),
];
