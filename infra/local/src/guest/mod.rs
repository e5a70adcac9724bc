//! Guests: ECS instances that are real root file systems, run by their own init in namespaces.
//!
//! [`Machine`] is the hypervisor. It keeps disks and snapshots as directory trees whose owners are
//! the ids of a user namespace, so that root of a guest is nobody on the host. Whatever touches a
//! tree is done by this program started anew inside such a namespace (`in-userns`). A machine is a
//! process of its own (`guest-init`), detached from the cloud: it survives the cloud's kill -9 and is
//! found again by the next one. It boots the guest, whose PID 1 is the agent (Cloud Assistant) and stays
//! this program, in memory, whatever the migration does to the files.
//!
//! ```text
//!             machine ── boots, plugs disks ──▶┐                  (user ns)
//! local-cloud ── agent.sock ────▶ guest PID 1 ─┴▶ /sbin/init, commands   (mount, pid, net … ns)
//!      ▲                             │
//!      └──────── mirror.sock ◀───────┘  127.0.0.1:80 of the guest
//! ```

mod agent;
mod boot;
mod bus;
mod commands;
mod console;
mod disks;
mod faults;
mod fstab;
mod init;
mod launch;
mod line;
mod machine;
mod mounts;
mod power;
mod process;
mod protocol;
mod relay;
mod small;
mod userns;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

pub(crate) use disks::{Job, run, run_job};
pub use faults::{BootFault, BootRule};
pub use machine::{Machine, MachineConfig};
pub(crate) use userns::{mapped_root, offline_but_mirror};

/// Name of the sub-command that boots a guest.
pub(crate) const GUEST_INIT: &str = "guest-init";
/// Name of the sub-command that does one piece of work on disks inside a user namespace.
pub(crate) const IN_USERNS: &str = "in-userns";

/// Runs this process as a guest's init or as a disk worker if the arguments (without the program's
/// name) say so; None when they do not. Call it first in `main`: it needs a process with one thread.
pub fn dispatch(args: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut args = args.into_iter();
    let command = args.next()?;
    let result = match command.to_str()? {
        GUEST_INIT => launch::main(args.next()),
        IN_USERNS => disks::main(args.next()),
        _ => return None,
    };
    Some(match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The parent reads standard error and makes it part of its own error.
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    })
}

/// An I/O error that says what was attempted.
pub(crate) fn context(what: impl std::fmt::Display) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// The same for system calls made through nix.
pub(crate) fn errno(what: impl std::fmt::Display) -> impl FnOnce(nix::Error) -> io::Error {
    move |error| context(what)(error.into())
}
