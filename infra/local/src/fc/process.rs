//! One process of a function: an instance, in FC's words.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, watch};

use super::spawner::{ReservedPort, Spawner};
use crate::credentials::{Identity, Keyring};

/// How long a process may take until it listens (FC docs, custom runtime: 120 s).
const START_LIMIT: Duration = Duration::from_secs(120);
/// First and longest pause between looks at a starting process: a small binary listens after about
/// a millisecond, and a slow one costs nothing to ask.
const START_PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// What it takes to start a process.
pub(super) struct Launch {
    /// Function name.
    pub(super) function: String,
    /// `FC_INSTANCE_ID`
    pub(super) instance: String,
    /// Its role's name.
    pub(super) role: Option<String>,
    /// The binary.
    pub(super) binary: PathBuf,
    /// Where stdout and stderr are appended to.
    pub(super) log: PathBuf,
    /// Environment, but for the port and the credentials.
    pub(super) environment: BTreeMap<String, String>,
    /// Set after everything else, as the operator asked.
    pub(super) overrides: Vec<(String, String)>,
}

/// Why a process did not come up. The words are Function Compute's (FC docs, error handling).
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error("function {function} cannot be started: {what}: {source}")]
    Io {
        function: String,
        what: String,
        #[source]
        source: std::io::Error,
    },
    #[error("Function instance exited before it listened on port {port}: {status}")]
    Exited { port: u16, status: String },
    #[error("Function instance health check failed on port {port} in {} seconds", START_LIMIT.as_secs())]
    Silent { port: u16 },
}

/// Why a call got no answer. The process is gone in either case.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CallError {
    TimedOut,
    Exited { after: Duration },
}

/// A running process.
pub(super) struct Process {
    pub(super) instance: String,
    pub(super) pid: u32,
    pub(super) identity: Identity,
    port: ReservedPort,
    connections: Mutex<Vec<SendRequest<Full<Bytes>>>>,
    kill: Arc<Notify>,
    /// How it ended, once it has.
    ended: watch::Receiver<Option<String>>,
}

impl Process {
    /// Starts a process and waits until it listens.
    pub(super) async fn start(launch: Launch, spawner: &Spawner, keyring: &Keyring) -> Result<Self, StartError> {
        let io = |what: String| {
            let function = launch.function.clone();
            move |source| StartError::Io { function, what, source }
        };
        let port = ReservedPort::pick().map_err(io("pick a port".into()))?;
        let log = OpenOptions::new().create(true).append(true).open(&launch.log);
        let log = log.map_err(io(format!("open {}", launch.log.display())))?;
        let errors = log.try_clone().map_err(io(format!("open {}", launch.log.display())))?;

        let identity = keyring.issue(&launch.function, &launch.instance, launch.role.as_deref());
        let mut command = Command::new(&launch.binary);
        command
            .env_clear()
            .envs(&launch.environment)
            .env("FC_CUSTOM_LISTEN_PORT", port.port.to_string())
            .env("RUNTIME_LISTEN_HOST", Ipv4Addr::LOCALHOST.to_string())
            .env("ALIBABA_CLOUD_ACCESS_KEY_ID", &identity.access_key_id)
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", &identity.access_key_secret)
            .env("ALIBABA_CLOUD_SECURITY_TOKEN", identity.security_token.as_deref().unwrap_or_default())
            .envs(launch.overrides.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors);
        let child = match spawner.spawn(command).await {
            Ok(child) => child,
            Err(source) => {
                keyring.revoke(&identity.access_key_id);
                return Err(io(format!("run {}", launch.binary.display()))(source));
            }
        };
        let pid = child.id().unwrap_or_default();
        let kill = Arc::new(Notify::new());
        let (tell, ended) = watch::channel(None);
        tokio::spawn(reap(child, kill.clone(), tell, keyring.clone(), identity.access_key_id.clone()));
        let process =
            Self { instance: launch.instance, pid, identity, port, connections: Mutex::default(), kill, ended };
        process.wait_until_it_listens().await?;
        tracing::debug!(function = launch.function, instance = process.instance, pid, "function process started");
        Ok(process)
    }

    async fn wait_until_it_listens(&self) -> Result<(), StartError> {
        let started = Instant::now();
        let port = self.port.port;
        let mut pause = START_PAUSES.0;
        loop {
            if let Ok(connection) = self.connect().await {
                self.connections().push(connection);
                return Ok(());
            }
            if started.elapsed() > START_LIMIT {
                self.end().await;
                return Err(StartError::Silent { port });
            }
            tokio::select! {
                status = self.ended() => return Err(StartError::Exited { port, status }),
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(START_PAUSES.1),
            }
        }
    }

    /// Sends `request` and waits for the whole answer, for `timeout` at most. Without an answer the
    /// process is killed, if it did not end by itself, and gone on return.
    pub(super) async fn call(
        &self,
        request: Request<Full<Bytes>>,
        timeout: Duration,
    ) -> Result<Response<Bytes>, CallError> {
        let started = Instant::now();
        match tokio::time::timeout(timeout, self.exchange(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                self.end().await;
                tracing::debug!(instance = self.instance, %error, "no answer");
                Err(CallError::Exited { after: started.elapsed() })
            }
            Err(_) => {
                self.end().await;
                Err(CallError::TimedOut)
            }
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, std::io::Error> {
        let kept = {
            let mut connections = self.connections();
            connections.retain(|connection| !connection.is_closed());
            connections.pop()
        };
        let mut connection = match kept {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        connection.ready().await.map_err(std::io::Error::other)?;
        let response = connection.send_request(request).await.map_err(std::io::Error::other)?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
        self.connections().push(connection);
        Ok(Response::from_parts(parts, body))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, std::io::Error> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port.port)).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
        // Its errors come out of the requests sent through it.
        tokio::spawn(connection);
        Ok(sender)
    }

    /// SIGKILL. Returns at once; [`Process::ended`] tells when it is done.
    pub(super) fn kill(&self) {
        self.kill.notify_one();
    }

    /// Kills it and waits until it is gone.
    pub(super) async fn end(&self) {
        self.kill();
        self.ended().await;
    }

    pub(super) fn is_alive(&self) -> bool {
        self.ended.borrow().is_none()
    }

    /// Waits for its end; answers the exit status in words.
    async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        let status = match ended.wait_for(Option::is_some).await {
            Ok(status) => status.clone(),
            Err(_) => None,
        };
        status.unwrap_or_else(|| "not watched any more".into())
    }

    fn connections(&self) -> std::sync::MutexGuard<'_, Vec<SendRequest<Full<Bytes>>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits for the child, kills it when asked to, and revokes its key when it is gone.
async fn reap(
    mut child: Child,
    kill: Arc<Notify>,
    tell: watch::Sender<Option<String>>,
    keyring: Keyring,
    access_key_id: String,
) {
    let status = tokio::select! {
        status = child.wait() => status,
        () = kill.notified() => match child.kill().await {
            Ok(()) => child.wait().await,
            Err(error) => Err(error),
        },
    };
    keyring.revoke(&access_key_id);
    let status = match status {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    tell.send_replace(Some(status));
}
