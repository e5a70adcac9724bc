//! PID 1 of a guest: boots it, reaps, keeps deadlines, and ends it.

use std::fs::{self, File};
use std::io::{self, PipeWriter, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Pid, sethostname};

use super::agent::{self, Shared};
use super::boot::{self, Kernel, Reached};
use super::bus::Bus;
use super::commands::Commands;
use super::faults::BootFault;
use super::line::Line;
use super::power::REBOOT;
use super::{console, errno, mounts, relay};
use crate::seams::GuestSpec;

/// What the launcher reads when the guest is up; anything else is why it is not.
pub(super) const UP: &str = "up";
/// Between SIGTERM and SIGKILL when the guest powers off.
const GRACE: Duration = Duration::from_secs(3);
/// How long the loop sleeps at most; SIGCHLD ends it early, a request to power off does not.
const TICK: Duration = Duration::from_millis(100);
/// What is started as the guest's own init: the first that is there.
const INITS: [&str; 2] = ["/sbin/init", "/etc/rc.local"];
/// When the console shows the login prompt, although the guest's own init has not ended: some never do.
const PROMPT_LIMIT: Duration = Duration::from_secs(5);

/// What PID 1 has of the world outside, and what is to go wrong with its boot.
pub(super) struct Outside {
    pub agent: UnixListener,
    pub bus: Bus,
    /// Who waits for the first boot.
    pub up: Option<PipeWriter>,
    pub fault: Option<BootFault>,
    pub line: Arc<Line>,
}

impl Outside {
    /// Tells whoever waits.
    pub(super) fn tell(&mut self, word: &str) {
        if let Some(mut up) = self.up.take()
            && up.write_all(word.as_bytes()).is_err()
        {
            // The launcher was killed: so is what it launched.
            std::process::exit(1);
        }
    }
}

/// What the loop of PID 1 watches.
struct Guest {
    shared: Arc<Shared>,
    console: File,
    /// The guest's own init, with the prompt that follows it and when at the latest.
    own_init: Option<(i32, String, Instant)>,
    /// What runs in place of the system.
    stand_in: Option<i32>,
}

/// Boots the guest and does not return.
pub(super) fn main(spec: &GuestSpec, mut outside: Outside) -> ! {
    match console_file().and_then(|console| boot(spec, &mut outside, console)) {
        Ok(guest) => {
            outside.tell(UP);
            guest.live()
        }
        Err(error) => {
            println!("{error}");
            outside.tell(&error.to_string());
            std::process::exit(1)
        }
    }
}

/// Standard output is the console's log.
fn console_file() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

fn boot(spec: &GuestSpec, outside: &mut Outside, mut console: File) -> io::Result<Guest> {
    // Root of the guest must not look into this process: it holds descriptors of the outside.
    nix::sys::prctl::set_dumpable(false).map_err(errno("hide PID 1"))?;
    sethostname(&spec.host_name).map_err(errno("set the host name"))?;
    relay::loopback_up()?;
    let mounted = mounts::enter_root(spec)?;
    // Before any thread is started, so that only the loop below gets it.
    child_signal().thread_block().map_err(errno("block SIGCHLD"))?;
    let machine = outside.bus.fd().try_clone()?;
    thread::Builder::new().name("machine".to_owned()).spawn(move || end_with(&machine))?;
    let shared = Arc::new(Shared {
        commands: Commands::default(),
        small: Mutex::new(mounted.small),
        filled: Mutex::default(),
        plugged: Mutex::new(mounted.plugged),
        bus: Mutex::new(outside.bus.try_clone()?),
        line: Arc::clone(&outside.line),
        agent_up: AtomicBool::new(false),
        power_off: AtomicBool::new(false),
    });
    agent::start(outside.agent.try_clone()?, Arc::clone(&shared))?;

    let booted = boot::boot(Path::new("/"), outside.fault, &mut console)?;
    if let Some(Kernel { release, command_line }) = &booted.kernel {
        mounts::over("/proc/cmdline", &format!("{command_line}\n"))?;
        // What `uname -r` would say; the system call itself answers for this machine's kernel.
        mounts::over("/proc/sys/kernel/osrelease", &format!("{release}\n"))?;
        mounts::over("/proc/version", &format!("Linux version {release} (builder@build) (gcc) #1 SMP\n"))?;
    }
    let mut guest = Guest { shared, console, own_init: None, stand_in: None };
    match booted.reached {
        Reached::Standstill => {}
        Reached::StandIn(program) => {
            relay::start(mounted.mirror, Arc::clone(&guest.shared.line))?;
            let program = program.to_string_lossy();
            guest.stand_in = Some(guest.shared.commands.start_program(&["/bin/sh", &program])?);
        }
        Reached::System => {
            relay::start(mounted.mirror, Arc::clone(&guest.shared.line))?;
            let release = booted.kernel.map_or_else(host_kernel, |kernel| kernel.release);
            let prompt = boot::login(Path::new("/"), &spec.host_name, &release);
            guest.start_own_init(prompt)?;
            guest.shared.agent_up.store(outside.fault != Some(BootFault::AgentGone), Ordering::Release);
        }
    }
    Ok(guest)
}

fn host_kernel() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()
}

fn is_executable(path: &str) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn child_signal() -> SigSet {
    let mut set = SigSet::empty();
    set.add(Signal::SIGCHLD);
    set
}

/// Without its machine there is no guest.
fn end_with(machine: &OwnedFd) {
    let mut fds = [PollFd::new(machine.as_fd(), PollFlags::empty())];
    while poll(&mut fds, PollTimeout::NONE) == Err(Errno::EINTR) {}
    std::process::exit(0);
}

/// How the guest is going down.
struct Ending {
    since: Instant,
    /// Of PID 1.
    code: i32,
}

impl Guest {
    fn start_own_init(&mut self, prompt: String) -> io::Result<()> {
        let Some(program) = INITS.into_iter().find(|path| is_executable(path)) else {
            return self.console.write_all(prompt.as_bytes());
        };
        match self.shared.commands.start_program(&[program]) {
            Ok(pid) => self.own_init = Some((pid, prompt, Instant::now() + PROMPT_LIMIT)),
            // Cloud Assistant is what a person would repair it with: go on.
            Err(error) => writeln!(self.console, "{error}")?,
        }
        Ok(())
    }

    fn live(mut self) -> ! {
        let shared = Arc::clone(&self.shared);
        let mut ending: Option<Ending> = None;
        loop {
            let (others_live, ended) = reap(&shared.commands);
            let now = Instant::now();
            shared.commands.expire(now);
            let wanted = self.follow(&ended, now);
            match &ending {
                None => {
                    let off = shared.power_off.load(Ordering::Acquire).then_some(0);
                    if let Some(code) = off.or(wanted) {
                        ending = Some(Ending { since: now, code });
                        let _ = kill(Pid::from_raw(-1), Signal::SIGTERM);
                        continue;
                    }
                }
                Some(Ending { code, .. }) if !others_live => {
                    for error in shared.write_back() {
                        println!("writing back: {error}");
                    }
                    let what = if *code == REBOOT { "Restarting system" } else { "Power down" };
                    println!("\n[   60.000000] reboot: {what}");
                    std::process::exit(*code);
                }
                Some(Ending { since, .. }) if now >= *since + GRACE => {
                    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
                }
                Some(_) => {}
            }
            let next = shared.commands.next_deadline();
            wait_for_child(next.map_or(TICK, |deadline| deadline.saturating_duration_since(now).min(TICK)));
        }
    }

    /// What the end of a program means for the boot; the exit code of PID 1 when the machine is to end or reboot.
    fn follow(&mut self, ended: &[(i32, i32)], now: Instant) -> Option<i32> {
        let code_of = |pid: i32| ended.iter().find(|(ended, _)| *ended == pid).map(|(_, code)| *code);
        // A console that cannot be written to is no reason to stop.
        let _ = console::bound(&mut self.console);
        if let Some((_, prompt, _)) =
            self.own_init.take_if(|(pid, _, latest)| code_of(*pid).is_some() || now >= *latest)
        {
            let _ = self.console.write_all(prompt.as_bytes());
        }
        let code = self.stand_in.and_then(code_of)?;
        self.stand_in = None;
        if code == 0 {
            return Some(REBOOT);
        }
        let _ = writeln!(
            self.console,
            "\nEntering emergency mode. Exit the shell to continue.\n\
             Type \"journalctl\" to view system logs.\n\n:/# "
        );
        None
    }
}

/// Waits for every process that has ended; false when there is no other process at all (orphans become children of
/// PID 1), and the numbers and exit codes of those that have.
fn reap(commands: &Commands) -> (bool, Vec<(i32, i32)>) {
    let mut ended = Vec::new();
    loop {
        // Only looks: the table of commands must be locked when the number becomes free.
        match waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT) {
            Ok(WaitStatus::StillAlive) => return (true, ended),
            Ok(status) => match status.pid() {
                Some(pid) => ended.extend(commands.reap(pid).map(|code| (pid.as_raw(), code))),
                None => return (true, ended),
            },
            Err(Errno::EINTR) => {}
            Err(_) => return (false, ended),
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
