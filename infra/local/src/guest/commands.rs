//! The commands that the agent runs for Cloud Assistant, and what became of them.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, killpg, sigprocmask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, setsid};

use super::{context, process};
use crate::seams::{CommandState, GuestCommand, GuestShell};

/// Output that is kept of a command: what Cloud Assistant keeps (ECS API, DescribeInvocationResults).
const OUTPUT_LIMIT: usize = 24 * 1024;
/// Scripts wait here; a tmpfs, gone with the guest.
const SCRIPTS: &str = "/run/agent";
/// Search path of commands and of the guest's own init.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// All commands since the guest booted.
#[derive(Default)]
pub(super) struct Commands {
    table: Mutex<Table>,
    /// Held for writing while the guest is frozen: nothing may be started then.
    pub gate: RwLock<()>,
}

#[derive(Default)]
struct Table {
    runs: HashMap<String, Run>,
    by_pid: HashMap<i32, String>,
}

struct Run {
    /// Also the number of its session and of its process group.
    pid: i32,
    deadline: Instant,
    /// Why it was killed, if it was.
    killed: Option<Killed>,
    /// Exit code, once it was waited for.
    code: Option<i32>,
    output: Arc<Mutex<Tail>>,
    /// Closed when the process has ended: tells the reader that what is in the pipe is the rest.
    ended: Option<PipeWriter>,
}

#[derive(Clone, Copy)]
enum Killed {
    AtTimeout,
    Interrupted,
}

/// The end of a command's output.
#[derive(Default)]
struct Tail {
    bytes: VecDeque<u8>,
    dropped: u64,
    complete: bool,
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        if !self.complete {
            self.bytes.extend(bytes);
            let excess = self.bytes.len().saturating_sub(OUTPUT_LIMIT);
            self.bytes.drain(..excess);
            self.dropped += excess as u64;
        }
    }
}

/// A lock whose holder panicked still guards whole data here: every change is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Commands {
    /// Starts a command in a session of its own; the same id again does nothing.
    pub(super) fn run(&self, command: &GuestCommand) -> io::Result<()> {
        let _open = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let mut table = lock(&self.table);
        if table.runs.contains_key(&command.invoke_id) {
            return Ok(());
        }
        if command.invoke_id.is_empty() || command.invoke_id.contains(['/', '\0']) {
            return Err(io::Error::other("an invocation id is a file name"));
        }
        fs::create_dir_all(SCRIPTS)?;
        let (shell, ending, home) = match command.shell {
            GuestShell::Posix => ("/bin/sh", "sh", "/root"),
            GuestShell::PowerShell => ("/osferry/powershell", "ps1", "/"),
        };
        let script = format!("{SCRIPTS}/{}.{ending}", command.invoke_id);
        fs::write(&script, &command.script).map_err(context(format_args!("write {script}")))?;
        let dir = if command.working_dir.is_empty() { home } else { &command.working_dir };
        let (output, writer) = io::pipe()?;
        let (ended_reader, ended) = io::pipe()?;
        // The table stays locked until the process is in it, or its end could be missed.
        let pid = spawn(Command::new(shell).arg(&script).current_dir(dir).stdout(writer.try_clone()?).stderr(writer))
            .map_err(context(format_args!("start a command in {dir}")))?;
        let tail = Arc::new(Mutex::new(Tail::default()));
        let keep = Arc::clone(&tail);
        thread::Builder::new().name("output".to_owned()).spawn(move || read_output(output, &ended_reader, &keep))?;
        let deadline = Instant::now() + Duration::from_secs(command.timeout_secs);
        table.by_pid.insert(pid, command.invoke_id.clone());
        table.runs.insert(
            command.invoke_id.clone(),
            Run { pid, deadline, killed: None, code: None, output: tail, ended: Some(ended) },
        );
        Ok(())
    }

    /// Starts a program that is no command (the guest's own init), with the console as its output; its process
    /// number.
    pub(super) fn start_program(&self, program: &[&str]) -> io::Result<i32> {
        let _table = lock(&self.table);
        let (program, arguments) = program.split_first().ok_or_else(|| io::Error::other("no program to start"))?;
        spawn(Command::new(program).args(arguments).current_dir("/")).map_err(context(format_args!("start {program}")))
    }

    /// Waits for a process that has ended and notes its exit if it was a command; answers exit code or, beyond 128,
    /// the signal.
    pub(super) fn reap(&self, pid: Pid) -> Option<i32> {
        let mut table = lock(&self.table);
        let code = match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, code)) => code,
            Ok(WaitStatus::Signaled(_, signal, _)) => 128 + signal as i32,
            _ => return None,
        };
        let Table { runs, by_pid } = &mut *table;
        if let Some((id, run)) = by_pid.remove(&pid.as_raw()).and_then(|id| runs.get_mut(&id).map(|run| (id, run))) {
            // Exit codes of Windows have 32 bits, those here 8: its stand-in leaves the others beside the script.
            let wide = fs::read_to_string(format!("{SCRIPTS}/{id}.ps1.exit")).ok();
            run.code = Some(wide.and_then(|text| text.trim().parse().ok()).unwrap_or(code));
            run.ended = None;
        }
        Some(code)
    }

    /// Kills the process groups of commands whose time is over.
    pub(super) fn expire(&self, now: Instant) {
        for run in lock(&self.table).runs.values_mut() {
            if run.code.is_none() && run.killed.is_none() && run.deadline <= now {
                run.killed = Some(Killed::AtTimeout);
                let _ = killpg(Pid::from_raw(run.pid), Signal::SIGKILL);
            }
        }
    }

    /// When the next command's time is over.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        lock(&self.table)
            .runs
            .values()
            .filter(|run| run.code.is_none() && run.killed.is_none())
            .map(|run| run.deadline)
            .min()
    }

    /// What became of a command.
    pub(super) fn state(&self, invoke_id: &str) -> CommandState {
        let table = lock(&self.table);
        let Some(run) = table.runs.get(invoke_id) else { return CommandState::Unknown };
        let tail = lock(&run.output);
        let (Some(code), true) = (run.code, tail.complete) else { return CommandState::Running };
        let output = tail.bytes.iter().copied().collect();
        match run.killed {
            None => CommandState::Exited { code, output, dropped: tail.dropped },
            Some(Killed::AtTimeout) => CommandState::TimedOut { output },
            Some(Killed::Interrupted) => CommandState::Interrupted { output },
        }
    }

    /// Kills a running command with its process group.
    pub(super) fn stop(&self, invoke_id: &str) {
        if let Some(run) = lock(&self.table).runs.get_mut(invoke_id).filter(|run| run.code.is_none()) {
            run.killed.get_or_insert(Killed::Interrupted);
            let _ = killpg(Pid::from_raw(run.pid), Signal::SIGKILL);
        }
    }

    /// What a restart of the agent does: the sessions of running commands end.
    pub(super) fn interrupt_all(&self) {
        let mut table = lock(&self.table);
        for run in table.runs.values_mut().filter(|run| run.code.is_none()) {
            run.killed.get_or_insert(Killed::Interrupted);
            process::kill_session(run.pid);
        }
    }
}

/// Starts a program in its own session with a clean environment. It is not waited for here: PID 1
/// reaps every child.
fn spawn(command: &mut Command) -> io::Result<i32> {
    command.env_clear().envs([("PATH", PATH), ("HOME", "/root"), ("LC_ALL", "C.UTF-8")]).stdin(Stdio::null());
    // SAFETY: setsid and sigprocmask are async-signal-safe and allocate nothing.
    unsafe {
        command.pre_exec(|| {
            setsid()?;
            // PID 1 blocks SIGCHLD, and a mask is inherited.
            sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
            Ok(())
        });
    }
    command.spawn().map(|child| child.id() as i32)
}

/// Keeps the end of a command's output until the command has ended, then reads on to nowhere: a
/// process it left behind must not die of writing.
fn read_output(mut output: PipeReader, ended: &PipeReader, tail: &Mutex<Tail>) {
    let mut buffer = [0; 16 * 1024];
    loop {
        let mut fds = [PollFd::new(output.as_fd(), PollFlags::POLLIN), PollFd::new(ended.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, PollTimeout::NONE).is_err() {
            continue;
        }
        let (readable, over) = (fds[0].any().unwrap_or(true), fds[1].any().unwrap_or(true));
        if over {
            break;
        }
        if readable {
            match output.read(&mut buffer) {
                Ok(0) | Err(_) => {
                    // Closed before its end: wait for that.
                    let _ = (&mut &*ended).read(&mut [0]);
                    break;
                }
                Ok(count) => lock(tail).push(&buffer[..count]),
            }
        }
    }
    if fcntl(output.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).is_ok() {
        while let Ok(count @ 1..) = output.read(&mut buffer) {
            lock(tail).push(&buffer[..count]);
            // A survivor that writes without end must not keep the result back.
            if lock(tail).dropped > 64 * OUTPUT_LIMIT as u64 {
                break;
            }
        }
    }
    lock(tail).complete = true;
    if fcntl(output.as_fd(), FcntlArg::F_SETFL(OFlag::empty())).is_ok() {
        let _ = io::copy(&mut output, &mut io::sink());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_the_output_is_kept() {
        let mut tail = Tail::default();
        tail.push(&[1; 10]);
        tail.push(&[2; OUTPUT_LIMIT]);
        assert_eq!((tail.bytes.len(), tail.dropped, tail.bytes[0]), (OUTPUT_LIMIT, 10, 2));
        tail.complete = true;
        tail.push(b"late");
        assert_eq!(tail.bytes.len(), OUTPUT_LIMIT);
    }
}
