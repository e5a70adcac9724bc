//! What programs of the local cloud do with a state directory: take it, choose a port, say where they are.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::credentials::Identity;
use crate::seams::ServiceError;

/// Where a running cloud is and how to get in, in `endpoint.json` of its state directory (mode 0600).
#[derive(Clone, Serialize, Deserialize)]
pub struct Endpoint {
    /// `http://127.0.0.1:<port>`
    pub endpoint: String,
    /// The operator's access key id.
    pub access_key_id: String,
    /// The operator's access key secret.
    pub access_key_secret: String,
    /// Process id.
    pub pid: u32,
}

/// File name of [`Endpoint`].
pub const ENDPOINT_FILE: &str = "endpoint.json";

impl Endpoint {
    /// Reads what the cloud in `state_dir` wrote; None when there is none (yet).
    pub fn read(state_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(state_dir.join(ENDPOINT_FILE)).ok()?).ok()
    }

    /// Says that this process serves on `address`, with the operator's key.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn announce(state_dir: &Path, address: SocketAddr, operator: &Identity) -> Result<(), ServiceError> {
        let endpoint = Self {
            endpoint: format!("http://{address}"),
            access_key_id: operator.access_key_id.clone(),
            access_key_secret: operator.access_key_secret.clone(),
            pid: std::process::id(),
        };
        let json = serde_json::to_vec_pretty(&endpoint).map_err(ServiceError::internal)?;
        let (new, place) = (state_dir.join("endpoint.new"), state_dir.join(ENDPOINT_FILE));
        let write = || {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600).open(&new)?.write_all(&json)?;
            fs::rename(&new, &place)
        };
        write().map_err(|error| ServiceError::internal(format!("{}: {error}", place.display())))
    }

    /// Nobody serves here any more.
    pub fn withdraw(state_dir: &Path) {
        // Whoever reads a file that stayed finds nobody at the port.
        let _ = fs::remove_file(state_dir.join(ENDPOINT_FILE));
    }
}

/// Listens on 127.0.0.1. With `port` 0 it takes the one of before, so that clients find a restarted cloud, or
/// another when that was taken meanwhile.
///
/// # Errors
/// No port to be had.
pub async fn listen(state_dir: &Path, port: u16) -> Result<TcpListener, ServiceError> {
    let before = Endpoint::read(state_dir)
        .and_then(|before| before.endpoint.rsplit(':').next()?.parse::<u16>().ok())
        .filter(|_| port == 0);
    for port in before.into_iter().chain([port]) {
        match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => return Ok(listener),
            Err(error) => tracing::warn!(port, %error, "port not to be had"),
        }
    }
    Err(ServiceError::internal(format!("no port on 127.0.0.1 (asked for {port})")))
}

/// Takes a state directory for this process.
///
/// # Errors
/// Another process has it.
pub fn lock(state_dir: &Path) -> Result<Flock<File>, ServiceError> {
    let path = state_dir.join("lock");
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(ServiceError::internal)?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| {
        ServiceError::internal(format!("{}: another local cloud runs on this directory ({error})", state_dir.display()))
    })
}
