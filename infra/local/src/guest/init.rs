//! PID 1 of a guest: reaps, keeps deadlines, and ends the guest.

use std::fs;
use std::io::{self, PipeWriter, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Pid, sethostname};

use super::agent::{self, Shared};
use super::boot::{self, Choice, SmallMount};
use super::commands::Commands;
use super::{errno, mounts, relay};
use crate::seams::GuestSpec;

/// What the launcher reads when the guest is up; anything else is why it is not.
pub(super) const UP: &str = "up";
/// Between SIGTERM and SIGKILL when the guest powers off.
const GRACE: Duration = Duration::from_secs(3);
/// How long the loop sleeps at most; SIGCHLD ends it early, a request to power off does not.
const TICK: Duration = Duration::from_millis(100);
/// What is started as the guest's own init: the first that is there.
const INITS: [&str; 2] = ["/sbin/init", "/etc/rc.local"];

/// What PID 1 has of the world outside.
pub(super) struct Outside {
    pub agent: UnixListener,
    /// pidfd of the process whose end is the guest's.
    pub owner: Option<OwnedFd>,
    pub up: PipeWriter,
}

/// Boots the guest and does not return.
pub(super) fn main(spec: GuestSpec, outside: Outside) -> io::Result<()> {
    let Outside { agent, owner, mut up } = outside;
    match boot(&spec, agent, owner) {
        Ok(shared) => {
            up.write_all(UP.as_bytes())?;
            drop(up);
            live(&shared)
        }
        Err(error) => {
            up.write_all(error.to_string().as_bytes())?;
            std::process::exit(1)
        }
    }
}

fn boot(spec: &GuestSpec, agent: UnixListener, owner: Option<OwnedFd>) -> io::Result<Arc<Shared>> {
    // Root of the guest must not look into this process: it holds descriptors of the outside.
    nix::sys::prctl::set_dumpable(false).map_err(errno("hide PID 1"))?;
    sethostname(&spec.host_name).map_err(errno("set the host name"))?;
    relay::loopback_up()?;
    let mounted = mounts::enter_root(spec)?;
    // Before any thread is started, so that only the loop below gets it.
    child_signal().thread_block().map_err(errno("block SIGCHLD"))?;
    if let Some(owner) = owner {
        thread::Builder::new().name("owner".to_owned()).spawn(move || end_with(&owner))?;
    }
    let shared =
        Arc::new(Shared { commands: Commands::default(), small: mounted.small, power_off: AtomicBool::new(false) });
    match boot::choose(Path::new("/")) {
        Choice::Broken(words) => {
            // A machine that is on but did not boot: no agent answers.
            println!("{words}\nerror: you need to load the kernel first.\n\nPress any key to continue...");
            return Ok(shared);
        }
        Choice::Kernel(line) => mounts::over("/proc/cmdline", &format!("{line}\n"))?,
        Choice::None => {}
    }
    relay::start(mounted.mirror)?;
    if let Some(program) = INITS.into_iter().find(|path| is_executable(path))
        && let Err(error) = shared.commands.start_init(program)
    {
        // Cloud Assistant is what a person would repair it with: go on.
        println!("{error}");
    }
    agent::start(agent, Arc::clone(&shared))?;
    Ok(shared)
}

fn is_executable(path: &str) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn child_signal() -> SigSet {
    let mut set = SigSet::empty();
    set.add(Signal::SIGCHLD);
    set
}

fn end_with(owner: &OwnedFd) {
    let mut fds = [PollFd::new(owner.as_fd(), PollFlags::POLLIN)];
    while poll(&mut fds, PollTimeout::NONE) == Err(Errno::EINTR) {}
    std::process::exit(0);
}

fn live(shared: &Shared) -> ! {
    let mut powering_off: Option<Instant> = None;
    loop {
        let others_live = reap(&shared.commands);
        let now = Instant::now();
        shared.commands.expire(now);
        match powering_off {
            None if shared.power_off.load(Ordering::Acquire) => {
                powering_off = Some(now);
                let _ = kill(Pid::from_raw(-1), Signal::SIGTERM);
                continue;
            }
            Some(_) if !others_live => {
                for error in shared.small.iter().map(SmallMount::write_back).filter_map(Result::err) {
                    println!("writing back: {error}");
                }
                std::process::exit(0);
            }
            Some(since) if now >= since + GRACE => {
                let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
            }
            _ => {}
        }
        let until =
            shared.commands.next_deadline().map_or(TICK, |deadline| deadline.saturating_duration_since(now).min(TICK));
        wait_for_child(until);
    }
}

/// Waits for every process that has ended; false when there is no other process at all (orphans
/// become children of PID 1).
fn reap(commands: &Commands) -> bool {
    loop {
        // Only looks: the table of commands must be locked when the number becomes free.
        match waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT) {
            Ok(WaitStatus::StillAlive) => return true,
            Ok(status) => match status.pid() {
                Some(pid) => commands.reap(pid),
                None => return true,
            },
            Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
}

fn wait_for_child(limit: Duration) {
    let set = child_signal();
    let limit =
        libc::timespec { tv_sec: limit.as_secs() as libc::time_t, tv_nsec: libc::c_long::from(limit.subsec_nanos()) };
    // SAFETY: both pointers are to live values; the information about the signal is not asked for.
    unsafe { libc::sigtimedwait(set.as_ref(), std::ptr::null_mut(), &limit) };
}
