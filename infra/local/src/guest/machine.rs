//! The hypervisor's host side.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::chown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::disks::{self, Job, run_job};
use super::faults::{self, BootRule, Faults};
use super::launch::{AGENT_SOCKET, CONFIG, CONSOLE, MIRROR_DIR, PID};
use super::process::{self, Stat};
use super::protocol::{BootConfig, Reply, Request};
use super::relay::MIRROR_SOCKET;
use super::{GUEST_INIT, console, userns};
use crate::images::Images;
use crate::mirror::Mirror;
use crate::seams::{AttachedDisk, CommandState, GuestCommand, GuestSpec, Hypervisor, HypervisorError};

/// How long an agent may take to answer; freezing waits up to 10 s for the processes.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
/// How long a guest may take to power off before its plug is pulled: its own grace is 3 s.
const POWER_OFF_LIMIT: Duration = Duration::from_secs(6);
/// How long the kernel may take to end every process of a killed guest.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// What a machine is told.
#[derive(Clone, Debug)]
pub struct MachineConfig {
    /// Holds disks, snapshots and guests; only one machine at a time.
    pub state_dir: PathBuf,
    /// Holds built images, shared by any number of machines.
    pub image_dir: PathBuf,
    /// The `local-cloud` program, which is started as guests and as disk workers.
    pub exe: PathBuf,
    /// Guests end when this process does.
    pub owner_pid: Option<i32>,
}

/// Disks, snapshots and guests below one state directory. Dropping it ends no guest: a new machine
/// on the same directory finds them again.
pub struct Machine {
    config: MachineConfig,
    images: Images,
    /// One lock per disk, snapshot or instance: two calls for the same one take turns.
    locks: Mutex<HashMap<String, Arc<Mutex<()>>>>,
    _mirror: Mirror,
}

fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> HypervisorError {
    move |source| HypervisorError::Io { what: what.into(), source }
}

/// A worker that says so means a disk, snapshot or image that is not there.
fn job_error(what: String) -> impl FnOnce(io::Error) -> HypervisorError {
    move |source| {
        if source.kind() == io::ErrorKind::NotFound {
            HypervisorError::NotFound(what)
        } else {
            HypervisorError::Io { what, source }
        }
    }
}

impl Machine {
    /// Opens or creates the state directory, cleans up after interrupted work and starts the mirror
    /// that the guests reach. Errors when the directories cannot be made or user namespaces are not
    /// to be had; the error says what is missing.
    pub fn open(config: MachineConfig) -> Result<Self, HypervisorError> {
        Self::try_open(config).map_err(io_error("open the machine"))
    }

    fn try_open(mut config: MachineConfig) -> io::Result<Self> {
        let (uid, gid) = userns::mapped_root();
        for dir in ["disks", "snapshots", "guests", MIRROR_DIR] {
            fs::create_dir_all(config.state_dir.join(dir))?;
        }
        for dir in ["disks", "snapshots"] {
            chown(config.state_dir.join(dir), Some(uid), Some(gid))?;
        }
        fs::create_dir_all(&config.image_dir)?;
        config.state_dir = config.state_dir.canonicalize()?;
        config.image_dir = config.image_dir.canonicalize()?;
        let images = Images::open(&config.image_dir, &config.exe, &config.state_dir.join(MIRROR_DIR))?;
        let mirror = Mirror::start(&config.state_dir.join(MIRROR_DIR), MIRROR_SOCKET, &config.image_dir)?;
        let machine = Self { config, images, locks: Mutex::default(), _mirror: mirror };
        // Workers of a cloud that was killed are killed with it; the last may still be in a system call.
        File::open(machine.config.state_dir.join(disks::LOCKED))?.lock()?;
        for store in ["disks", "snapshots"] {
            machine.job(Job::Sweep { store: store.to_owned() })?;
        }
        Ok(machine)
    }

    /// The image store, to build images ahead of their first use.
    pub fn images(&self) -> &Images {
        &self.images
    }

    /// How often a guest has booted, by itself or because it was told to.
    pub fn boots(&self, instance_id: &str) -> u32 {
        faults::boots(&self.guest_dir(instance_id))
    }

    /// Breaks some of a guest's next boots.
    ///
    /// # Errors
    /// When the rule cannot be stored.
    pub fn break_boots(&self, instance_id: &str, rule: BootRule) -> Result<(), HypervisorError> {
        let boots = self.boots(instance_id);
        self.change_faults(instance_id, |faults| faults.add(boots, rule))
    }

    /// Cuts a guest off from the mirror, or connects it again; at once and for its next boots. With `once` it is cut
    /// off as soon as there is such a path in it; `*` stands for any one name.
    ///
    /// # Errors
    /// When the rule cannot be stored, or a running guest does not answer.
    pub fn connect_network(&self, instance_id: &str, up: bool, once: Option<String>) -> Result<(), HypervisorError> {
        let up = up || once.is_some();
        self.change_faults(instance_id, |faults| (faults.offline, faults.offline_once) = (!up, once.clone()))?;
        if self.is_running(instance_id) { self.tell(instance_id, &Request::Network { up, once }) } else { Ok(()) }
    }

    /// Leaves room for `spare` bytes below a directory of a running guest, until it is mended or reboots.
    ///
    /// # Errors
    /// When the guest does not run, or has no such directory.
    pub fn fill_disk(&self, instance_id: &str, path: &Path, spare: u64) -> Result<(), HypervisorError> {
        self.tell(instance_id, &Request::FillDisk { path: path.to_owned(), spare })
    }

    /// Undoes every fault of a guest that is not over.
    ///
    /// # Errors
    /// When the rules cannot be stored, or a running guest does not answer.
    pub fn mend(&self, instance_id: &str) -> Result<(), HypervisorError> {
        self.change_faults(instance_id, |faults| *faults = Faults::default())?;
        if !self.is_running(instance_id) {
            return Ok(());
        }
        self.tell(instance_id, &Request::Network { up: true, once: None })?;
        self.tell(instance_id, &Request::FreeDisks)
    }

    fn change_faults(&self, instance_id: &str, change: impl FnOnce(&mut Faults)) -> Result<(), HypervisorError> {
        let store = || {
            let dir = self.guest_dir(instance_id);
            fs::create_dir_all(&dir)?;
            let mut faults = Faults::read(&dir)?;
            change(&mut faults);
            faults.write(&dir)
        };
        self.exclusively(instance_id, store).map_err(io_error(format!("store the faults of {instance_id}")))
    }

    fn job(&self, job: Job) -> io::Result<Vec<u8>> {
        let mut binds: Vec<(PathBuf, String)> =
            ["disks", "snapshots"].iter().map(|dir| (self.config.state_dir.join(dir), (*dir).to_owned())).collect();
        binds.push((self.images.trees(), "trees".to_owned()));
        run_job(&self.config.exe, binds, job)
    }

    /// Runs `work` while no other call works on the same disk, snapshot or instance.
    fn exclusively<T>(&self, id: &str, work: impl FnOnce() -> T) -> T {
        let lock =
            Arc::clone(self.locks.lock().unwrap_or_else(PoisonError::into_inner).entry(id.to_owned()).or_default());
        let _held = lock.lock().unwrap_or_else(PoisonError::into_inner);
        work()
    }

    fn guest_dir(&self, instance_id: &str) -> PathBuf {
        self.config.state_dir.join("guests").join(instance_id)
    }

    /// The machine of a running guest, held so that its number cannot become another's.
    fn init_of(&self, instance_id: &str) -> Option<OwnedFd> {
        let text = fs::read_to_string(self.guest_dir(instance_id).join(PID)).ok()?;
        let (pid, start_time) = text.trim().split_once(' ')?;
        let (pid, start_time): (i32, u64) = (pid.parse().ok()?, start_time.parse().ok()?);
        let fd = process::pidfd(pid).ok()?;
        let now = Stat::of(pid)?;
        (now.start_time == start_time && !now.is_dead()).then_some(fd)
    }

    fn connect(&self, instance_id: &str, limit: Duration) -> Result<UnixStream, HypervisorError> {
        let connect = || {
            self.init_of(instance_id)?;
            let dir = File::open(self.guest_dir(instance_id)).ok()?;
            // By descriptor: the path may be longer than a socket address may be.
            let stream = UnixStream::connect(format!("/proc/self/fd/{}/{AGENT_SOCKET}", dir.as_raw_fd())).ok()?;
            stream.set_read_timeout(Some(limit)).ok()?;
            Some(stream)
        };
        connect().ok_or_else(|| HypervisorError::NotRunning(instance_id.to_owned()))
    }

    fn ask(&self, instance_id: &str, request: &Request) -> Result<Reply, HypervisorError> {
        let stream = self.connect(instance_id, ANSWER_LIMIT)?;
        let reply = exchange(&stream, request);
        if matches!(reply, Ok(Reply::NoAgent)) {
            return Err(HypervisorError::NotRunning(instance_id.to_owned()));
        }
        reply.map_err(|source| {
            // A guest that went down under the question is down, not broken.
            if self.init_of(instance_id).is_none() {
                HypervisorError::NotRunning(instance_id.to_owned())
            } else {
                HypervisorError::Io { what: format!("ask the agent of {instance_id}"), source }
            }
        })
    }

    /// For requests whose only good answer is that it was done.
    fn tell(&self, instance_id: &str, request: &Request) -> Result<(), HypervisorError> {
        match self.ask(instance_id, request)? {
            Reply::Done => Ok(()),
            other => Err(unexpected(instance_id, other)),
        }
    }

    fn boot(&self, spec: &GuestSpec) -> Result<(), HypervisorError> {
        if self.is_running(&spec.instance_id) {
            return Ok(());
        }
        for disk in &spec.disks {
            if !self.disk_root(&disk.disk_id).is_dir() {
                return Err(HypervisorError::NotFound(format!("disk {}", disk.disk_id)));
            }
        }
        let boot = || {
            let dir = self.guest_dir(&spec.instance_id);
            fs::create_dir_all(&dir)?;
            let config = BootConfig {
                spec: spec.clone(),
                state_dir: self.config.state_dir.clone(),
                toolbox: self.images.toolbox(&log)?,
                cloud_pid: std::process::id(),
                owner_pid: self.config.owner_pid,
            };
            let path = dir.join(CONFIG);
            fs::write(&path, serde_json::to_vec(&config)?)?;
            let launcher = Command::new(&self.config.exe)
                .arg(GUEST_INIT)
                .arg(path)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .output()?;
            if launcher.status.success() {
                return Ok(());
            }
            Err(io::Error::other(String::from_utf8_lossy(&launcher.stderr).trim().to_owned()))
        };
        boot().map_err(io_error(format!("boot {}", spec.instance_id)))?;
        tracing::info!(instance.id = spec.instance_id, "guest booted");
        Ok(())
    }

    fn halt(&self, instance_id: &str, force: bool) -> Result<(), HypervisorError> {
        let Some(init) = self.init_of(instance_id) else { return Ok(()) };
        let asked = !force && self.tell(instance_id, &Request::PowerOff).is_ok();
        if asked && ends_within(&init, POWER_OFF_LIMIT) {
            return Ok(());
        }
        // The machine ends when its guest has.
        // SAFETY: a plain system call on a descriptor that is open.
        let sent =
            unsafe { nix::libc::syscall(nix::libc::SYS_pidfd_send_signal, init.as_raw_fd(), nix::libc::SIGTERM, 0, 0) };
        let refused = io::Error::last_os_error();
        if ends_within(&init, KILL_LIMIT) {
            tracing::info!(instance.id = instance_id, "guest killed");
            return Ok(());
        }
        let source = if sent < 0 { refused } else { io::ErrorKind::TimedOut.into() };
        Err(HypervisorError::Io { what: format!("kill the guest {instance_id}"), source })
    }
}

/// What a worker printed of a copy.
fn bytes(printed: &[u8], from: &str) -> Result<u64, HypervisorError> {
    let bytes = String::from_utf8_lossy(printed).trim().parse();
    bytes.map_err(|error| io_error(format!("copy {from}"))(io::Error::other(error)))
}

/// Where the steps of building an image are told when nobody asked for them.
fn log(step: &str) {
    tracing::info!(step, "image");
}

fn exchange(mut stream: &UnixStream, request: &Request) -> io::Result<Reply> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}

fn unexpected(instance_id: &str, reply: Reply) -> HypervisorError {
    let why = if let Reply::Failed { why } = reply { why } else { format!("answered {reply:?}") };
    HypervisorError::Io { what: format!("the agent of {instance_id}"), source: io::Error::other(why) }
}

/// Waits for the end of a process.
fn ends_within(process: &OwnedFd, limit: Duration) -> bool {
    let end = Instant::now() + limit;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(process.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(_) if left.is_zero() => return false,
            Err(_) => {}
        }
    }
}

impl Hypervisor for Machine {
    fn create_disk(&self, disk_id: &str, image_id: Option<&str>) -> Result<(), HypervisorError> {
        let image = match image_id {
            None => None,
            Some(id) if crate::images::find(id).is_none() => {
                return Err(HypervisorError::NotFound(format!("image {id}")));
            }
            Some(id) => Some(self.images.ensure(id, &log).map_err(io_error(format!("build image {id}")))?),
        };
        let what = format!("create disk {disk_id}");
        self.exclusively(disk_id, || self.job(Job::CreateDisk { disk_id: disk_id.to_owned(), image }))
            .map(drop)
            .map_err(io_error(what))
    }

    fn delete_disk(&self, disk_id: &str) -> Result<(), HypervisorError> {
        let job = Job::Remove { store: "disks".to_owned(), id: disk_id.to_owned() };
        self.exclusively(disk_id, || self.job(job)).map(drop).map_err(io_error(format!("delete disk {disk_id}")))
    }

    fn create_snapshot(&self, snapshot_id: &str, disk_id: &str, frozen: Option<&str>) -> Result<u64, HypervisorError> {
        self.create_snapshots(&[(snapshot_id.to_owned(), disk_id.to_owned())], frozen)
    }

    fn create_snapshots(&self, copies: &[(String, String)], frozen: Option<&str>) -> Result<u64, HypervisorError> {
        // Dropping the connection thaws the guest, whatever happens.
        let connection = match frozen.map(|instance| self.connect(instance, ANSWER_LIMIT)) {
            None | Some(Err(_)) => None,
            Some(Ok(connection)) => Some(connection),
        };
        if let (Some(connection), Some(instance)) = (&connection, frozen) {
            match exchange(connection, &Request::Freeze).map_err(io_error(format!("freeze {instance}")))? {
                Reply::Done => {}
                other => return Err(unexpected(instance, other)),
            }
        }
        let copy = |(snapshot_id, disk_id): &(String, String)| {
            let job = Job::Snapshot { snapshot_id: snapshot_id.clone(), disk_id: disk_id.clone() };
            let printed =
                self.exclusively(snapshot_id, || self.job(job)).map_err(job_error(format!("disk {disk_id}")))?;
            bytes(&printed, disk_id)
        };
        let mut copied = 0;
        for pair in copies {
            copied += copy(pair)?;
        }
        drop(connection);
        Ok(copied)
    }

    fn copy_snapshot(&self, snapshot_id: &str, from: &str) -> Result<u64, HypervisorError> {
        self.exclusively(snapshot_id, || {
            let job = Job::CopySnapshot { snapshot_id: snapshot_id.to_owned(), from: from.to_owned() };
            bytes(&self.job(job).map_err(job_error(format!("snapshot {from}")))?, from)
        })
    }

    fn delete_snapshot(&self, snapshot_id: &str) -> Result<(), HypervisorError> {
        let job = Job::Remove { store: "snapshots".to_owned(), id: snapshot_id.to_owned() };
        self.exclusively(snapshot_id, || self.job(job))
            .map(drop)
            .map_err(io_error(format!("delete snapshot {snapshot_id}")))
    }

    fn reset_disk(&self, disk_id: &str, snapshot_id: &str) -> Result<(), HypervisorError> {
        let job = Job::Reset { disk_id: disk_id.to_owned(), snapshot_id: snapshot_id.to_owned() };
        let what = format!("disk {disk_id} or snapshot {snapshot_id}");
        self.exclusively(disk_id, || self.job(job)).map(drop).map_err(job_error(what))
    }

    fn start(&self, spec: &GuestSpec) -> Result<(), HypervisorError> {
        self.exclusively(&spec.instance_id, || self.boot(spec))
    }

    fn stop(&self, instance_id: &str, force: bool) -> Result<(), HypervisorError> {
        self.exclusively(instance_id, || self.halt(instance_id, force))
    }

    fn attach_disk(&self, instance_id: &str, disk: &AttachedDisk) -> Result<(), HypervisorError> {
        if !self.disk_root(&disk.disk_id).is_dir() {
            return Err(HypervisorError::NotFound(format!("disk {}", disk.disk_id)));
        }
        self.exclusively(instance_id, || match self.is_running(instance_id) {
            true => self.tell(instance_id, &Request::Attach { disk: disk.clone() }),
            false => Ok(()),
        })
    }

    fn detach_disk(&self, instance_id: &str, disk_id: &str) -> Result<(), HypervisorError> {
        self.exclusively(instance_id, || match self.is_running(instance_id) {
            true => self.tell(instance_id, &Request::Detach { disk_id: disk_id.to_owned() }),
            false => Ok(()),
        })
    }

    fn console(&self, instance_id: &str) -> String {
        let log = File::open(self.guest_dir(instance_id).join(CONSOLE));
        let text = log.and_then(|mut log| console::tail(&mut log)).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    fn is_running(&self, instance_id: &str) -> bool {
        self.init_of(instance_id).is_some()
    }

    fn last_heartbeat(&self, instance_id: &str) -> Option<i64> {
        match self.ask(instance_id, &Request::Heartbeat) {
            Ok(Reply::Heartbeat { at }) => Some(at),
            _ => None,
        }
    }

    fn run_command(&self, instance_id: &str, command: &GuestCommand) -> Result<(), HypervisorError> {
        self.tell(instance_id, &Request::Run { command: command.clone() })
    }

    fn command_state(&self, instance_id: &str, invoke_id: &str) -> Result<CommandState, HypervisorError> {
        match self.ask(instance_id, &Request::State { invoke_id: invoke_id.to_owned() })? {
            Reply::State { command } => Ok(command),
            other => Err(unexpected(instance_id, other)),
        }
    }

    fn stop_command(&self, instance_id: &str, invoke_id: &str) -> Result<(), HypervisorError> {
        self.tell(instance_id, &Request::Stop { invoke_id: invoke_id.to_owned() })
    }

    fn restart_agent(&self, instance_id: &str) -> Result<(), HypervisorError> {
        self.tell(instance_id, &Request::RestartAgent)
    }

    fn kill_processes(&self, instance_id: &str, needle: &str) -> Result<u32, HypervisorError> {
        match self.ask(instance_id, &Request::Kill { needle: needle.to_owned() })? {
            Reply::Killed { processes } => Ok(processes),
            other => Err(unexpected(instance_id, other)),
        }
    }

    fn manifest(&self, disk_id: &str) -> Result<Vec<String>, HypervisorError> {
        let job = Job::Manifest { disk_id: disk_id.to_owned() };
        let printed = self.job(job).map_err(job_error(format!("disk {disk_id}")))?;
        Ok(String::from_utf8_lossy(&printed).lines().map(str::to_owned).collect())
    }

    fn disk_root(&self, disk_id: &str) -> PathBuf {
        self.config.state_dir.join("disks").join(disk_id).join("fs")
    }
}
