//! Processes as /proc shows them (proc(5)).

use std::fs;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The fields of `/proc/<pid>/stat` that are used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub pid: i32,
    /// `R`, `S`, `T` …
    pub state: char,
    pub session: i32,
    /// Clock ticks since the host's boot: tells a process from a later one with its number.
    pub start_time: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name in parentheses may hold anything, also parentheses and blanks.
        let (head, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        Some(Self {
            pid: head.split_whitespace().next()?.parse().ok()?,
            state: fields.first()?.chars().next()?,
            session: fields.get(3)?.parse().ok()?,
            start_time: fields.get(19)?.parse().ok()?,
        })
    }

    /// Of one process; None when it is gone.
    pub(super) fn of(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Whether it has ended but was not waited for.
    pub(super) fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }

    /// Whether it stands still.
    pub(super) fn is_stopped(&self) -> bool {
        matches!(self.state, 'T' | 't')
    }
}

/// Every live process but PID 1, which is us.
pub(super) fn others() -> Vec<Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| *pid != 1).filter_map(Stat::of).filter(|stat| !stat.is_dead()).collect()
}

/// How long killed processes may take to be gone; longer only when the kernel itself hangs.
const DEATH_LIMIT: Duration = Duration::from_secs(2);

/// SIGKILLs `victims` and waits until they are gone; how many there were.
fn kill_all(victims: Vec<Stat>) -> u32 {
    let killed: Vec<Stat> =
        victims.into_iter().filter(|stat| kill(Pid::from_raw(stat.pid), Signal::SIGKILL).is_ok()).collect();
    let start = Instant::now();
    let lives = |was: &Stat| Stat::of(was.pid).is_some_and(|is| is.start_time == was.start_time && !is.is_dead());
    while start.elapsed() < DEATH_LIMIT && killed.iter().any(lives) {
        thread::sleep(Duration::from_millis(1));
    }
    killed.len() as u32
}

/// SIGKILLs every process whose command line (arguments joined by blanks) contains `needle`.
pub(super) fn kill_matching(needle: &str) -> u32 {
    let matches = |stat: &Stat| {
        let line = fs::read(format!("/proc/{}/cmdline", stat.pid)).unwrap_or_default();
        String::from_utf8_lossy(&line).replace('\0', " ").contains(needle)
    };
    kill_all(others().into_iter().filter(matches).collect())
}

/// SIGKILLs every process of a session, again until none is left: they may be forking.
pub(super) fn kill_session(session: i32) {
    while kill_all(others().into_iter().filter(|stat| stat.session == session).collect()) > 0 {}
}

/// A descriptor that becomes readable when the process ends (pidfd_open(2)).
pub(super) fn pidfd(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: a plain system call; the descriptor it answers is ours alone.
    unsafe {
        let fd = nix::libc::syscall(nix::libc::SYS_pidfd_open, pid, 0);
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(OwnedFd::from_raw_fd(fd as i32)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_name_of_the_program() {
        let line = "42 (a) (b c) S 1 41 40 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1000 1";
        assert_eq!(Stat::parse(line), Some(Stat { pid: 42, state: 'S', session: 40, start_time: 98_765 }));
        assert_eq!(Stat::parse("42 (cut"), None);
    }

    #[test]
    fn this_process_is_alive() {
        let stat = Stat::of(std::process::id() as i32).unwrap();
        assert!(!stat.is_dead() && !stat.is_stopped() && stat.start_time > 0);
        assert!(pidfd(stat.pid).is_ok());
    }
}
