//! `guest-init`: from a process of the host to a machine of its own.
//!
//! The launcher opens what lies outside, enters the user namespace, forks the machine ([`super::power`]), writes
//! down its number and waits until the guest is up (or says why not). Then it ends; the machine belongs to nobody.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::unistd::{ForkResult, fork, setsid};

use super::power::{self, Power};
use super::process::{self, Stat};
use super::protocol::BootConfig;
use super::{console, context, disks, errno, faults, init, userns};

/// Files of a guest in `state_dir/guests/<instance>/`.
pub(super) const CONFIG: &str = "config.json";
/// The agent's socket.
pub(super) const AGENT_SOCKET: &str = "agent.sock";
/// `<pid> <start time>` of the machine.
pub(super) const PID: &str = "pid";
/// What the serial console says.
pub(super) const CONSOLE: &str = "console.log";
/// Directory in `state_dir` that holds nothing but the mirror's socket.
pub(super) const MIRROR_DIR: &str = "mirror";

pub(super) fn main(config: Option<OsString>) -> io::Result<()> {
    let path = PathBuf::from(config.ok_or_else(|| io::Error::other("guest-init needs its configuration's path"))?);
    let text = fs::read(&path).map_err(context(format_args!("read {}", path.display())))?;
    let config: BootConfig = serde_json::from_slice(&text).map_err(io::Error::other)?;
    disks::die_with_parent(config.cloud_pid)?;
    let guest_dir = path.parent().unwrap_or(Path::new("/"));
    // Socket addresses hold 107 bytes at most: relative ones always fit.
    std::env::set_current_dir(guest_dir).map_err(context(format_args!("enter {}", guest_dir.display())))?;
    setsid().map_err(errno("leave the caller's session"))?;

    let owner = match config.owner_pid {
        Some(pid) => Some(process::pidfd(pid).map_err(context(format_args!("watch process {pid}, the owner")))?),
        None => None,
    };
    let _ = fs::remove_file(AGENT_SOCKET);
    let agent = UnixListener::bind(AGENT_SOCKET).map_err(context("open the agent's socket"))?;
    let mut console = console::open(Path::new(CONSOLE)).map_err(context("open the console's log"))?;
    console::bound(&mut console)?;
    let boots = File::options().create(true).truncate(false).write(true).open(faults::BOOTS);
    let boots = boots.map_err(context("open the number of boots"))?;
    let mut pid_file = File::create(PID).map_err(context("open the pid file"))?;

    let binds = [
        (config.state_dir.join(disks::LOCKED), disks::LOCKED.to_owned()),
        (config.state_dir.join(MIRROR_DIR), "mirror".to_owned()),
        (config.toolbox.clone(), "toolbox".to_owned()),
    ];
    userns::enter(&binds)?;
    // Again: the change of ids cleared it.
    disks::die_with_parent(config.cloud_pid)?;

    let (mut go_reader, mut go_writer) = io::pipe()?;
    let (mut up_reader, up_writer) = io::pipe()?;
    // SAFETY: this process has one thread, so the child may do whatever it likes.
    match unsafe { fork() }.map_err(errno("fork"))? {
        ForkResult::Child => {
            drop((go_writer, up_reader, pid_file));
            // Not before its number is written down.
            if go_reader.read_exact(&mut [0]).is_err() {
                std::process::exit(1);
            }
            drop(go_reader);
            to_console(&console)?;
            power::main(Power { spec: config.spec, agent, owner, boots }, up_writer)
        }
        ForkResult::Parent { child } => {
            drop((go_reader, up_writer, agent, owner));
            let stat = Stat::of(child.as_raw()).ok_or_else(|| io::Error::other("the machine died at once"))?;
            write!(pid_file, "{} {}", stat.pid, stat.start_time)?;
            go_writer.write_all(&[1])?;
            let mut answer = String::new();
            up_reader.read_to_string(&mut answer)?;
            if answer == init::UP {
                return Ok(());
            }
            let _ = nix::sys::signal::kill(child, nix::sys::signal::Signal::SIGTERM);
            Err(io::Error::other(if answer.is_empty() { "the guest's init died".to_owned() } else { answer }))
        }
    }
}

/// Standard output and error become the console; nothing of the caller stays open.
fn to_console(console: &File) -> io::Result<()> {
    let null = File::open("/dev/null")?;
    for (from, to) in [(null.as_raw_fd(), 0), (console.as_raw_fd(), 1), (console.as_raw_fd(), 2)] {
        // SAFETY: both numbers are open descriptors of this process.
        if unsafe { nix::libc::dup2(from, to) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}
