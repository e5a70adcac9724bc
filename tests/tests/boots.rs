//! Reboots that do not end in the new system: each is told apart, and the old system comes back.

mod common;

use common::cases::Break::{Boot, Switch, Windows};
use common::cases::{CENTOS_7, Case, WINDOWS_2012, fail};
use common::*;
use local_cloud::guest::BootFault::{AgentGone, NeverComesBack, OldSystem};
use migration::{Code, Outcome};
use rig::Error;

/// A guest may be silent so long: less than any real system needs.
const DARK: [&str; 2] = ["--env", "DARK_SECONDS=45"];

#[tokio::test]
async fn a_boot_that_fails_is_told_apart_and_leads_back() -> Result<(), Error> {
    let back = Outcome::RolledBack;
    fail(
        &DARK,
        &[
            Case {
                name: "the installer gives up in the dark",
                image: CENTOS_7,
                target: "AlmaLinux 8",
                breaks: &[Switch("leapp-fails-at", "RPMUpgrade")],
                outcome: back,
                code: Code::ToolGaveUp,
                says: "RPMUpgrade",
            },
            Case {
                name: "the boot loader takes the old entry",
                image: CENTOS_7,
                target: "AlmaLinux 8",
                breaks: &[Boot(OldSystem)],
                outcome: back,
                code: Code::OldSystem,
                says: "CentOS 7",
            },
            Case {
                name: "nothing comes back",
                image: CENTOS,
                target: "Alibaba Cloud Linux 3",
                breaks: &[Boot(NeverComesBack)],
                outcome: back,
                code: Code::NoAgent,
                says: "shows no login prompt",
            },
            Case {
                name: "the agent does not start",
                image: CENTOS,
                target: "Alibaba Cloud Linux 3",
                breaks: &[Boot(AgentGone)],
                outcome: back,
                code: Code::NoAgent,
                says: "shows a login prompt",
            },
            Case {
                name: "the old kernel boots",
                image: CENTOS,
                target: "Alibaba Cloud Linux 3",
                breaks: &[Boot(OldSystem)],
                outcome: back,
                code: Code::OldKernel,
                says: "4.18.0",
            },
            Case {
                name: "the initramfs has no driver for the disk",
                image: "m-local-centos85-no-disk-driver",
                target: "Alibaba Cloud Linux 3",
                breaks: &[],
                outcome: back,
                code: Code::EmergencyShell,
                says: "Dracut Emergency Shell",
            },
            Case {
                name: "Setup rolls itself back",
                image: WINDOWS_2012,
                target: "Windows Server 2019",
                breaks: &[Windows("setup_fault", "rollback")],
                outcome: back,
                code: Code::ToolGaveUp,
                says: "0xC1900101",
            },
            Case {
                name: "Setup is not booted into",
                image: WINDOWS_2012,
                target: "Windows Server 2019",
                breaks: &[Windows("setup_fault", "old-system")],
                outcome: back,
                code: Code::ToolGaveUp,
                says: "logs name no code",
            },
        ],
    )
    .await
}
