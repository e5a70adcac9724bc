//! What the local cloud is told at its start.

use std::path::PathBuf;
use std::time::Duration;

/// Settings of one local cloud.
#[derive(Clone, Debug)]
pub struct Config {
    /// Everything it remembers: store, disks, snapshots, sockets, logs. Held by one process.
    pub state_dir: PathBuf,
    /// Built images (directories with a root file system) and the repositories they came from.
    pub image_dir: PathBuf,
    /// The s.yaml whose functions and triggers are served.
    pub s_yaml: PathBuf,
    /// Directory of the policies, one file per role.
    pub policy_dir: PathBuf,
    /// Directory of the function binaries, one file per function name.
    pub function_dir: PathBuf,
    /// Port on 127.0.0.1; 0 picks a free one.
    pub port: u16,
    /// Process whose end is this cloud's and its guests' end.
    pub owner_pid: Option<i32>,
    /// Region id that requests must name.
    pub region: String,
    /// Account id.
    pub account_id: String,
    /// Tablestore instance name.
    pub ots_instance: String,
    /// How long a state that takes time (Stopping, Starting, progressing) lasts at least.
    pub latency: Duration,
    /// Fires timers whose interval is longer at this interval instead.
    pub timer_cap: Option<Duration>,
    /// Cuts the timeout of every function to this.
    pub timeout_cap: Option<Duration>,
    /// Environment variables that every function gets on top of its own in s.yaml.
    pub function_env: Vec<(String, String)>,
}
