//! What the hypervisor and a guest's PID 1 say to each other over `agent.sock`: one JSON object a
//! line, one answer a request.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::seams::{AttachedDisk, CommandState, GuestCommand, GuestSpec};

/// What `guest-init` is told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BootConfig {
    pub spec: GuestSpec,
    pub state_dir: PathBuf,
    pub toolbox: PathBuf,
    /// The process that starts the guest; when it ends, an unfinished start does too.
    pub cloud_pid: u32,
    /// The guest ends when this process does.
    pub owner_pid: Option<i32>,
}

/// A request to PID 1.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(super) enum Request {
    Heartbeat,
    Run {
        command: GuestCommand,
    },
    State {
        invoke_id: String,
    },
    Stop {
        invoke_id: String,
    },
    RestartAgent,
    Kill {
        needle: String,
    },
    Attach {
        disk: AttachedDisk,
    },
    Detach {
        disk_id: String,
    },
    /// Whether the mirror can be reached, and until there is which path.
    Network {
        up: bool,
        once: Option<String>,
    },
    /// The directory has room for that many more bytes only.
    FillDisk {
        path: PathBuf,
        spare: u64,
    },
    /// What `FillDisk` did is undone.
    FreeDisks,
    /// All processes stand still until this connection closes.
    Freeze,
    PowerOff,
}

/// Its answer.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub(super) enum Reply {
    Done,
    /// Epoch milliseconds.
    Heartbeat {
        at: i64,
    },
    State {
        command: CommandState,
    },
    Killed {
        processes: u32,
    },
    Failed {
        why: String,
    },
    /// The machine is on, but no agent runs.
    NoAgent,
}
