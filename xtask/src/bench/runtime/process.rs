//! A process under measurement.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use rig::Error;

/// Where the processes under measurement run.
const THEIR_CORE: usize = 0;
/// Where the load is made.
pub const OWN_CORE: usize = 1;

/// Keeps this thread on one core.
pub fn pin(core: usize) -> Result<(), Error> {
    let mut set = CpuSet::new();
    set.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &set).map_err(|error| format!("pin to core {core}: {error}").into())
}

/// A running program, killed when dropped.
pub struct Process {
    child: Child,
    /// When it was about to be started.
    pub began: Instant,
}

impl Process {
    /// Starts `program` on its core with nothing but `env` in its environment.
    pub fn start(program: &Path, env: &[(&str, &str)]) -> Result<Self, Error> {
        let mut command = Command::new(program);
        command.env_clear().envs(env.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null());
        // Inherited; with nothing to do between fork and exec, std starts it by posix_spawn.
        pin(THEIR_CORE)?;
        let began = Instant::now();
        let child = command.spawn();
        pin(OWN_CORE)?;
        Ok(Self { child: child.map_err(|error| format!("{}: {error}", program.display()))?, began })
    }

    /// CPU time of all its threads so far, nanoseconds.
    pub fn cpu(&self) -> Result<u64, Error> {
        let mut sum = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            sum += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
        }
        Ok(sum)
    }

    /// Resident memory, KiB.
    pub fn resident(&self) -> Result<u64, Error> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim_end_matches("kB").trim().parse()?)
    }

    /// Whether it ended by itself.
    pub fn ended(&mut self) -> Result<bool, Error> {
        Ok(self.child.try_wait()?.is_some())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Either way it is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listens on.
pub fn free_port() -> Result<u16, Error> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
