//! The process that is the machine: it boots the guest, holds what lies outside of it between boots, plugs disks,
//! and ends when the power goes. It stays outside the guest's namespaces, where its disks can be seen.
//!
//! A guest that ends with [`REBOOT`] boots again, in new namespaces, without anybody's help: so does an installer.

use std::fs::File;
use std::io::{self, PipeWriter, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};

use super::bus::{self, Answer, Ask, Bus};
use super::faults::{self, Faults};
use super::init::{self, Outside};
use super::line::Line;
use super::userns::PLACE;
use super::{disks, errno, process};
use crate::seams::GuestSpec;

/// Exit code of a PID 1 whose machine is to boot again.
pub(super) const REBOOT: i32 = 42;

/// The machine.
pub(super) struct Power {
    pub spec: GuestSpec,
    pub agent: UnixListener,
    /// pidfd of the process whose end is the machine's.
    pub owner: Option<OwnedFd>,
    /// Holds the number of boots. Opened before the change of ids, after which the guest's directory can be read only.
    pub boots: File,
}

/// A boot that is under way or over.
struct Running {
    init: Pid,
    /// Becomes readable when it has ended.
    ended: OwnedFd,
    bus: Bus,
}

/// Runs the machine until it is off. `up` is told how the first boot went.
pub(super) fn main(mut power: Power, up: PipeWriter) -> io::Result<()> {
    nix::sys::prctl::set_child_subreaper(true).map_err(errno("adopt the guest's init"))?;
    let mut off = SigSet::empty();
    off.add(Signal::SIGTERM);
    off.thread_block().map_err(errno("block SIGTERM"))?;
    let off = SignalFd::with_flags(&off, SfdFlags::SFD_CLOEXEC).map_err(errno("wait for SIGTERM"))?;
    let mut up = Some(up);
    loop {
        let running = power.boot(up.take())?;
        if !power.watch(running, &off)? {
            return Ok(());
        }
    }
}

impl Power {
    fn boot(&mut self, up: Option<PipeWriter>) -> io::Result<Running> {
        let number = faults::boots(Path::new(".")) + 1;
        self.boots.set_len(0)?;
        self.boots.rewind()?;
        write!(self.boots, "{number}")?;
        let faults = Faults::read(Path::new("."))?;

        let (bus, their_bus) = Bus::pair()?;
        let (mut pid_reader, pid_writer) = io::pipe()?;
        let (go_reader, mut go_writer) = io::pipe()?;
        // A process between, as only one's children are in a new pid namespace, and of those one can have but one.
        // SAFETY: this process has one thread, so the child may do whatever it likes.
        match unsafe { fork() }.map_err(errno("fork"))? {
            ForkResult::Child => {
                drop((bus, pid_reader, go_writer));
                let outside = Outside {
                    agent: self.agent.try_clone()?,
                    bus: their_bus,
                    up,
                    fault: faults.at(number),
                    line: Arc::new(Line::new(!faults.offline, faults.offline_once)),
                };
                let code = match enter_namespaces(&self.spec, outside, go_reader, pid_writer) {
                    Ok(()) => 0,
                    Err(error) => {
                        eprintln!("{error}");
                        1
                    }
                };
                std::process::exit(code)
            }
            ForkResult::Parent { child } => {
                drop((up, their_bus, go_reader, pid_writer));
                let mut pid = String::new();
                pid_reader.read_to_string(&mut pid)?;
                waitpid(child, None).map_err(errno("wait for the guest's launch"))?;
                let pid = pid.parse().map_err(|_| io::Error::other("the guest could not be launched"))?;
                let ended = process::pidfd(pid)?;
                go_writer.write_all(&[1])?;
                Ok(Running { init: Pid::from_raw(pid), ended, bus })
            }
        }
    }

    /// Serves a running guest until it has ended; whether it is to boot again.
    fn watch(&mut self, running: Running, off: &SignalFd) -> io::Result<bool> {
        let Running { init, ended, bus } = running;
        let mut bus_open = true;
        loop {
            let mut fds = vec![
                PollFd::new(ended.as_fd(), PollFlags::POLLIN),
                PollFd::new(off.as_fd(), PollFlags::POLLIN),
                PollFd::new(bus.fd().as_fd(), if bus_open { PollFlags::POLLIN } else { PollFlags::empty() }),
            ];
            fds.extend(self.owner.as_ref().map(|owner| PollFd::new(owner.as_fd(), PollFlags::POLLIN)));
            // A bus that was closed would be reported for ever.
            if !bus_open {
                fds.swap_remove(2);
            }
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) => {}
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(errno("wait for the guest")(error)),
            }
            let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(true)).collect();
            let (over, told, asked) = (ready[0], ready[1], bus_open && ready[2]);
            let orphaned = self.owner.is_some() && ready.last() == Some(&true);
            drop(fds);
            if over {
                let status = waitpid(init, None).map_err(errno("wait for the guest's init"))?;
                return Ok(matches!(status, WaitStatus::Exited(_, REBOOT)));
            }
            if told || orphaned {
                let _ = kill(init, Signal::SIGKILL);
                waitpid(init, None).map_err(errno("wait for the guest's init"))?;
                return Ok(false);
            }
            if asked {
                bus_open = match bus.receive::<Ask>()? {
                    Some((ask, _)) => {
                        let done = self.answer(ask);
                        // Who asked may have ended meanwhile.
                        let _ = bus.send(&Answer::of(&done), done.ok().flatten().as_ref());
                        true
                    }
                    None => false,
                };
            }
        }
    }

    fn answer(&mut self, ask: Ask) -> io::Result<Option<OwnedFd>> {
        match ask {
            Ask::Plug(disk) => {
                let tree = bus::open_tree(&disk_tree(&disk.disk_id))?;
                if !self.spec.disks.iter().any(|known| known.disk_id == disk.disk_id) {
                    self.spec.disks.push(disk);
                }
                Ok(Some(tree))
            }
            Ask::Unplug { disk_id } => {
                self.spec.disks.retain(|known| known.disk_id != disk_id);
                Ok(None)
            }
        }
    }
}

/// Where the files of a disk are, seen from the machine.
pub(super) fn disk_tree(disk_id: &str) -> std::path::PathBuf {
    Path::new(PLACE).join(disks::LOCKED).join(disk_id).join("fs")
}

/// Enters the guest's namespaces and leaves PID 1 behind.
fn enter_namespaces(
    spec: &GuestSpec,
    mut outside: Outside,
    mut go: io::PipeReader,
    mut pid: PipeWriter,
) -> io::Result<()> {
    let namespaces = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWNET;
    if let Err(error) = unshare(namespaces).map_err(errno("unshare the guest's namespaces")) {
        outside.tell(&error.to_string());
        return Err(error);
    }
    // Only a nicety (paths in /proc/self/cgroup); not every kernel has it.
    let _ = unshare(CloneFlags::CLONE_NEWCGROUP);
    // SAFETY: this process has one thread, so the child may do whatever it likes.
    match unsafe { fork() }.map_err(errno("fork"))? {
        ForkResult::Child => {
            drop(pid);
            // Not before the machine knows it.
            if go.read_exact(&mut [0]).is_err() {
                std::process::exit(1);
            }
            init::main(spec, outside)
        }
        ForkResult::Parent { child } => write!(pid, "{child}"),
    }
}
