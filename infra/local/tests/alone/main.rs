//! Tablestore as a program of its own: what outlives it, and who takes it for the real one.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod kills;
mod official_sdks;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use local_cloud::endpoint::Endpoint;
use openapi::Credentials;
use tablestore::Client;

/// As the program calls it when nobody says otherwise.
const INSTANCE: &str = "osferry";
/// Longest start of the program: this machine may be busy.
const START: Duration = Duration::from_secs(60);

/// A running program; it ends with the value.
struct Server {
    process: Child,
    endpoint: Endpoint,
}

impl Server {
    fn start(state_dir: &Path) -> Self {
        let mut process = command(state_dir).stderr(Stdio::null()).spawn().unwrap();
        let started = Instant::now();
        loop {
            // What a killed one left says its process id, not this one's.
            match Endpoint::read(state_dir).filter(|endpoint| endpoint.pid == process.id()) {
                Some(endpoint) => return Self { process, endpoint },
                None => assert!(started.elapsed() < START && process.try_wait().unwrap().is_none(), "did not start"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// SIGKILL.
    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn client(&self) -> Client {
        let credentials = Credentials {
            access_key_id: self.endpoint.access_key_id.clone(),
            access_key_secret: self.endpoint.access_key_secret.clone(),
            security_token: None,
        };
        Client::new(openapi::http::build(), &self.endpoint.endpoint, INSTANCE, credentials)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(state_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local-cloud"));
    command.arg("tablestore").arg("--state-dir").arg(state_dir);
    command.arg("--owner-pid").arg(std::process::id().to_string());
    command
}
