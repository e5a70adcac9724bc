//! The agent: answers the hypervisor's requests on the socket, a thread a connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::bus::{Answer, Ask, Bus};
use super::commands::Commands;
use super::line::Line;
use super::mounts::{Plugged, own_table};
use super::process::{self, Stat};
use super::protocol::{Reply, Request};
use super::small::SmallMount;
use crate::seams::AttachedDisk;

/// How long processes may take to stand still: SIGSTOP waits only for a system call's end.
const FREEZE_LIMIT: Duration = Duration::from_secs(10);
/// A process that sleeps uninterruptibly this long waits for one that stands still (vfork(2)).
const STUCK: Duration = Duration::from_millis(500);

/// What PID 1's threads share.
pub(super) struct Shared {
    pub commands: Commands,
    /// File systems of limited size that the guest's own table names.
    pub small: Mutex<Vec<SmallMount>>,
    /// Directories that were filled on request.
    pub filled: Mutex<Vec<SmallMount>>,
    /// Data disks.
    pub plugged: Mutex<Vec<Plugged>>,
    pub bus: Mutex<Bus>,
    /// The way to the mirror.
    pub line: Arc<Line>,
    /// Whether the system's agent runs: not before the system does.
    pub agent_up: AtomicBool,
    /// Set when the guest is to power off.
    pub power_off: AtomicBool,
}

/// A lock whose holder panicked guards lists of mounts, each whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Brings to disk what small file systems hold; what could not be.
    pub(super) fn write_back(&self) -> Vec<io::Error> {
        let (small, filled) = (lock(&self.small), lock(&self.filled));
        small.iter().chain(filled.iter()).map(SmallMount::write_back).filter_map(Result::err).collect()
    }

    /// A disk becomes visible.
    fn attach(&self, disk: &AttachedDisk) -> io::Result<()> {
        let mut plugged = lock(&self.plugged);
        if plugged.iter().any(|known| known.disk_id == disk.disk_id) {
            return Ok(());
        }
        let tree = self.ask(&Ask::Plug(disk.clone()))?;
        let tree = tree.ok_or_else(|| io::Error::other("the machine's bus brought no disk"))?;
        plugged.push(Plugged::mount(disk, &tree, &own_table())?);
        Ok(())
    }

    fn detach(&self, disk_id: &str) -> io::Result<()> {
        let mut plugged = lock(&self.plugged);
        if let Some(position) = plugged.iter().position(|known| known.disk_id == disk_id) {
            plugged[position].unmount()?;
            plugged.remove(position);
        }
        self.ask(&Ask::Unplug { disk_id: disk_id.to_owned() }).map(drop)
    }

    fn ask(&self, ask: &Ask) -> io::Result<Option<OwnedFd>> {
        let bus = lock(&self.bus);
        bus.send(ask, None)?;
        match bus.receive::<Answer>()? {
            Some((Answer { refused: None }, fd)) => Ok(fd),
            Some((Answer { refused: Some(why) }, _)) => Err(io::Error::other(why)),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn fill(&self, path: &Path, spare: u64) -> io::Result<()> {
        let mut filled = lock(&self.filled);
        filled.push(SmallMount::full(path, spare)?);
        Ok(())
    }

    fn free(&self) -> io::Result<()> {
        let mut filled = lock(&self.filled);
        // The last is on top.
        while let Some(small) = filled.pop() {
            small.lift()?;
        }
        Ok(())
    }
}

/// Answers connections from now on.
pub(super) fn start(listener: UnixListener, shared: Arc<Shared>) -> io::Result<()> {
    thread::Builder::new().name("agent".to_owned()).spawn(move || {
        for connection in listener.incoming().flatten() {
            let shared = Arc::clone(&shared);
            let serve = move || {
                // A caller that went away needs no answer.
                let _ = serve(&connection, &shared);
            };
            let _ = thread::Builder::new().spawn(serve);
        }
    })?;
    Ok(())
}

fn serve(connection: &UnixStream, shared: &Shared) -> io::Result<()> {
    let mut lines = BufReader::new(connection);
    let mut line = String::new();
    while lines.read_line(&mut line)? > 0 {
        let request: Request = serde_json::from_str(&line)?;
        line.clear();
        if matches!(request, Request::Freeze) {
            return frozen(connection, &mut lines, shared);
        }
        answer(connection, &handle(request, shared))?;
    }
    Ok(())
}

fn answer(mut connection: &UnixStream, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    connection.write_all(&line)
}

fn reply(done: io::Result<()>) -> Reply {
    match done {
        Ok(()) => Reply::Done,
        Err(error) => Reply::Failed { why: error.to_string() },
    }
}

fn handle(request: Request, shared: &Shared) -> Reply {
    match request {
        Request::Heartbeat
        | Request::Run { .. }
        | Request::State { .. }
        | Request::Stop { .. }
        | Request::RestartAgent
            if !shared.agent_up.load(Ordering::Acquire) =>
        {
            Reply::NoAgent
        }
        Request::Heartbeat => {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Reply::Heartbeat { at: since.as_millis() as i64 }
        }
        Request::Run { command } => reply(shared.commands.run(&command)),
        Request::State { invoke_id } => Reply::State { command: shared.commands.state(&invoke_id) },
        Request::Stop { invoke_id } => {
            shared.commands.stop(&invoke_id);
            Reply::Done
        }
        Request::RestartAgent => {
            shared.commands.interrupt_all();
            Reply::Done
        }
        Request::Kill { needle } => Reply::Killed { processes: process::kill_matching(&needle) },
        Request::Attach { disk } => reply(shared.attach(&disk)),
        Request::Detach { disk_id } => reply(shared.detach(&disk_id)),
        Request::Network { up, once } => {
            shared.line.set(up, once);
            Reply::Done
        }
        Request::FillDisk { path, spare } => reply(shared.fill(&path, spare)),
        Request::FreeDisks => reply(shared.free()),
        Request::PowerOff => {
            // Not under a snapshot's feet.
            let _open = shared.commands.gate.read().unwrap_or_else(PoisonError::into_inner);
            shared.power_off.store(true, Ordering::Release);
            Reply::Done
        }
        Request::Freeze => Reply::Failed { why: "freeze is not answered here".to_owned() },
    }
}

/// Stops every process until the caller hangs up, however it does: a cloud that is killed in the
/// middle of a snapshot leaves no frozen guest.
fn frozen(connection: &UnixStream, rest: &mut impl Read, shared: &Shared) -> io::Result<()> {
    let _closed = shared.commands.gate.write().unwrap_or_else(PoisonError::into_inner);
    let stopped_before: Vec<i32> =
        process::others().iter().filter(|stat| stat.is_stopped()).map(|stat| stat.pid).collect();
    // From PID 1 this reaches every other process of the guest, at one moment.
    let _ = kill(Pid::from_raw(-1), Signal::SIGSTOP);
    let still = if all_stand_still() {
        shared.write_back().into_iter().next().map_or(Ok(()), Err)
    } else {
        Err(io::Error::other("the guest's processes do not stand still"))
    };
    let told = match still {
        Ok(()) => answer(connection, &Reply::Done).and_then(|()| rest.read(&mut [0]).map(drop)),
        Err(error) => answer(connection, &Reply::Failed { why: error.to_string() }),
    };
    for stat in process::others() {
        if !stopped_before.contains(&stat.pid) {
            let _ = kill(Pid::from_raw(stat.pid), Signal::SIGCONT);
        }
    }
    told
}

fn all_stand_still() -> bool {
    let start = Instant::now();
    while start.elapsed() < FREEZE_LIMIT {
        let moving: Vec<Stat> = process::others().into_iter().filter(|stat| !stat.is_stopped()).collect();
        if moving.iter().all(|stat| stat.state == 'D' && start.elapsed() > STUCK) {
            return true;
        }
        thread::sleep(Duration::from_millis(1));
    }
    false
}
