//! Tablestore as a process of its own, which can be killed.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use local_cloud::endpoint::Endpoint;
use local_cloud::operator::Operator;
use rig::{Error, target_dir, wait_for};
use tablestore::{Client, RetryPolicy};
use tempfile::TempDir;

/// How long it may take to serve.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A running Tablestore with a directory of its own. Dropping it kills it.
pub struct Server {
    child: Child,
    program: PathBuf,
    dir: TempDir,
}

impl Server {
    /// Starts one; the client that reaches it.
    pub async fn start() -> Result<(Self, Client), Error> {
        let target = target_dir()?;
        let dir = TempDir::new_in(target.parent().ok_or("no target directory")?)?;
        let program = target.join("local-cloud");
        let child = spawn(&program, &dir)?;
        let mut server = Self { child, program, dir };
        let client = server.client().await?;
        Ok((server, client))
    }

    /// Pulls the plug.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again in the same directory.
    pub async fn restart(&mut self) -> Result<Client, Error> {
        self.child = spawn(&self.program, &self.dir)?;
        self.client().await
    }

    /// Never repeats anything by itself: every attempt is a step of its own.
    async fn client(&mut self) -> Result<Client, Error> {
        let (pid, dir) = (self.child.id(), self.dir.path());
        wait_for("Tablestore", START_LIMIT, async || {
            let endpoint = Endpoint::read(dir).filter(|endpoint| endpoint.pid == pid)?;
            let client = Operator::new(&endpoint, "cn-hangzhou", "osferry").ok()?.tablestore;
            let client = client.with_retry(RetryPolicy::never());
            client.list_table().await.is_ok().then_some(client)
        })
        .await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(program: &PathBuf, dir: &TempDir) -> Result<Child, Error> {
    let log = File::options().create(true).append(true).open(dir.path().join("log"))?;
    let mut command = Command::new(program);
    command.arg("tablestore").arg("--state-dir").arg(dir.path());
    command.args(["--owner-pid", &std::process::id().to_string()]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
    child.map_err(|error| format!("{}: {error}", program.display()).into())
}
