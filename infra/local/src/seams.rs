//! Where the services of the local cloud touch: small traits, so that each can be built and tested
//! without the others.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A CloudEvents 1.0 object as EventBridge carries it, extensions flattened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CloudEvent(pub Value);

/// Takes events onto a bus. Durable: when `publish` returns, the event survives a kill.
pub trait EventSink: Send + Sync {
    /// `bus` is `default` for the cloud's own events.
    fn publish(&self, bus: &str, event: CloudEvent) -> Result<(), ServiceError>;
}

/// Takes asynchronous invocations. Durable: when `submit` returns, the invocation survives a kill.
pub trait Invoker: Send + Sync {
    /// Queues one asynchronous invocation of `function` with `payload`; answers its request id.
    fn submit(&self, function: &str, payload: &[u8]) -> Result<String, ServiceError>;
}

/// An error in the words of the emulated service.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{code} ({status}): {message}")]
pub struct ServiceError {
    /// HTTP status of the answer.
    pub status: u16,
    /// The service's own error code.
    pub code: String,
    /// The service's own words.
    pub message: String,
}

impl ServiceError {
    /// An error of `status` with `code` and `message`.
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }

    /// A failure of the local cloud itself (disk full, broken store).
    pub fn internal(what: impl std::fmt::Display) -> Self {
        Self::new(500, "InternalError", what.to_string())
    }
}

/// Where a disk of an instance is mounted, as the guest's `/etc/fstab` says it.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct AttachedDisk {
    /// `d-…`
    pub disk_id: String,
    /// `/dev/xvda` is the system disk (`/dev/vda` to the guest), `/dev/xvdb` the first data disk.
    pub device: String,
}

/// What it takes to start an instance.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct GuestSpec {
    /// `i-…`
    pub instance_id: String,
    /// Host name inside the guest.
    pub host_name: String,
    /// System disk first.
    pub disks: Vec<AttachedDisk>,
}

/// What runs a command's script.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum GuestShell {
    /// `/bin/sh` (RunShellScript).
    #[default]
    Posix,
    /// `/osferry/powershell`, the stand-in of Windows guests (RunPowerShellScript).
    PowerShell,
}

/// A command for the guest's agent (Cloud Assistant).
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct GuestCommand {
    /// `t-…`; running the same id again answers the first run.
    pub invoke_id: String,
    /// What runs it.
    #[serde(default)]
    pub shell: GuestShell,
    /// The script, decoded.
    pub script: String,
    /// Killed with its whole process group afterwards, seconds.
    pub timeout_secs: u64,
    /// Working directory; `/root` when empty.
    pub working_dir: String,
}

/// What became of a command.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum CommandState {
    /// The agent does not know this invocation (it was restarted, the guest was rebooted).
    Unknown,
    /// Still running.
    Running,
    /// Ended by itself.
    Exited {
        /// Exit code; 128 + n for signal n.
        code: i32,
        /// Standard output and error, together, the last 24 KiB.
        output: Vec<u8>,
        /// Bytes of output that were dropped.
        dropped: u64,
    },
    /// Killed at its timeout.
    TimedOut {
        /// What it had printed.
        output: Vec<u8>,
    },
    /// The agent was restarted or the guest went down under it.
    Interrupted {
        /// What it had printed.
        output: Vec<u8>,
    },
}

/// Real disks and real guests on this machine. All calls block (call them off the async threads) and
/// are idempotent: doing a thing twice is doing it once.
pub trait Hypervisor: Send + Sync {
    /// A new disk whose files are those of an image (a directory under the image store).
    fn create_disk(&self, disk_id: &str, image_id: Option<&str>) -> Result<(), HypervisorError>;
    /// Deletes a disk; a missing one is fine.
    fn delete_disk(&self, disk_id: &str) -> Result<(), HypervisorError>;
    /// A full point-in-time copy of a disk: every process of `frozen` (if it runs) stands still
    /// meanwhile. A half-made copy is never visible under the snapshot's name. Answers its bytes.
    fn create_snapshot(&self, snapshot_id: &str, disk_id: &str, frozen: Option<&str>) -> Result<u64, HypervisorError>;
    /// The same of several disks at one moment, each `(snapshot, disk)`. Answers their bytes together.
    fn create_snapshots(&self, copies: &[(String, String)], frozen: Option<&str>) -> Result<u64, HypervisorError>;
    /// A full copy of a snapshot under another name (a custom image keeps its own); answers its bytes. A half-made
    /// copy is never visible.
    fn copy_snapshot(&self, snapshot_id: &str, from: &str) -> Result<u64, HypervisorError>;
    /// Deletes a snapshot; a missing one is fine.
    fn delete_snapshot(&self, snapshot_id: &str) -> Result<(), HypervisorError>;
    /// The disk becomes again what the snapshot holds, byte for byte; atomic.
    fn reset_disk(&self, disk_id: &str, snapshot_id: &str) -> Result<(), HypervisorError>;
    /// Boots the guest: new namespaces, new boot id, its own init. A running one is left alone.
    fn start(&self, spec: &GuestSpec) -> Result<(), HypervisorError>;
    /// Ends every process of the guest; `force` is pulling the plug (SIGKILL at once), otherwise
    /// they get SIGTERM and a few seconds.
    fn stop(&self, instance_id: &str, force: bool) -> Result<(), HypervisorError>;
    /// A disk becomes visible to a running guest, at once and for its next boots: where its `/etc/fstab` says, else
    /// at `/run/media/<device>`. Nothing to do when it is there, or when the guest does not run (its next start is
    /// told all disks).
    fn attach_disk(&self, instance_id: &str, disk: &AttachedDisk) -> Result<(), HypervisorError>;
    /// The disk is gone for a running guest, whatever has files of it open; the same as above otherwise.
    fn detach_disk(&self, instance_id: &str, disk_id: &str) -> Result<(), HypervisorError>;
    /// What the serial console said, over all boots of the instance, the last 64 KiB; a boot begins with a line
    /// that begins with `SeaBIOS`. Empty for a guest that never booted.
    fn console(&self, instance_id: &str) -> String;
    /// Whether the guest's init runs.
    fn is_running(&self, instance_id: &str) -> bool;
    /// Epoch milliseconds of the agent's last heartbeat; None while the guest or agent is down, which a guest that
    /// runs may be for long (it stands still at boot, or its system is being replaced).
    fn last_heartbeat(&self, instance_id: &str) -> Option<i64>;
    /// Hands a command to the agent; returns at once.
    fn run_command(&self, instance_id: &str, command: &GuestCommand) -> Result<(), HypervisorError>;
    /// Asks what became of it.
    fn command_state(&self, instance_id: &str, invoke_id: &str) -> Result<CommandState, HypervisorError>;
    /// Kills a running command with its process group.
    fn stop_command(&self, instance_id: &str, invoke_id: &str) -> Result<(), HypervisorError>;
    /// Restarts the agent: its running commands are killed with everything in their sessions;
    /// what detached itself (setsid) lives on.
    fn restart_agent(&self, instance_id: &str) -> Result<(), HypervisorError>;
    /// Kills (SIGKILL) every process of the guest whose command line contains `needle`; how many.
    fn kill_processes(&self, instance_id: &str, needle: &str) -> Result<u32, HypervisorError>;
    /// Every path of a disk with type, mode, owner, size and sha256 (files) or target (links),
    /// sorted, one line each: what "byte for byte" is checked against. Without `/proc`, `/run`,
    /// `/tmp`, `/dev`, `/sys` (mount points of the running guest).
    fn manifest(&self, disk_id: &str) -> Result<Vec<String>, HypervisorError>;
    /// Where a disk's files are on this machine (only for tests and for the chaos watcher).
    fn disk_root(&self, disk_id: &str) -> PathBuf;
}

/// Why the machine below could not do it.
#[derive(Debug, thiserror::Error)]
pub enum HypervisorError {
    /// No such disk, snapshot or image.
    #[error("{0} does not exist")]
    NotFound(String),
    /// The guest or its agent is not up.
    #[error("instance {0} is not running")]
    NotRunning(String),
    /// The host refused.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted, on what.
        what: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}
