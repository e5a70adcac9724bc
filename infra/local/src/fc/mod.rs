//! Function Compute: reads s.yaml, runs the function binaries as FC runs a custom runtime, keeps
//! asynchronous invocations until they succeeded, and fires timers.
//!
//! A process gets nothing but the environment that FC gives it, listens on loopback, and is called
//! with FC's headers. It is killed when a request exceeds the function's timeout, when it has been
//! idle for a while, and when this cloud ends, however that ends.

mod api;
mod pool;
mod process;
mod protocol;
mod queue;
pub mod s_yaml;
mod spawner;
mod timers;
pub mod triggers;
mod variables;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::watch;

use self::pool::Pool;
use self::process::{Launch, Process, StartError};
use self::protocol::{Common, Failure, QUALIFIER, classify, request_id, to_client};
use self::queue::{Queue, Queued};
use self::s_yaml::{Function, SYaml};
use self::spawner::Spawner;
use crate::config::Config;
use crate::credentials::Keyring;
use crate::seams::{Invoker, ServiceError};
use crate::store::Store;

/// Largest event of a synchronous invocation, bytes (FC limits).
const MAX_SYNC_EVENT: usize = 32 << 20;
/// Largest event of an asynchronous invocation, bytes (FC limits).
const MAX_ASYNC_EVENT: usize = 128 << 10;
/// In an environment variable of [`Config::function_env`], stands for this cloud's own URL.
const ENDPOINT: &str = "{endpoint}";

/// What time it is, epoch milliseconds.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What an emulation may choose.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// Pause before an asynchronous invocation that failed is tried again. FC names none for
    /// function errors; a second keeps a demo lively and does not hammer what just failed.
    pub retry_delay: Duration,
    /// How long a process without work is kept. FC keeps one for minutes; here memory is scarcer and
    /// a start takes milliseconds.
    pub idle: Duration,
    /// Most processes of one function; requests beyond wait. FC allows 100 in a region.
    pub max_processes: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { retry_delay: Duration::from_secs(1), idle: Duration::from_secs(60), max_processes: 16 }
    }
}

/// What a synchronous invocation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvokeResult {
    /// Id of the request.
    pub request_id: String,
    /// HTTP status of the API's answer: 200, also when the function failed; 202 when it was queued.
    pub status: u16,
    /// `X-Fc-Error-Type` when the function failed: `UnhandledInvocationError`,
    /// `FunctionTimeoutError` or `FunctionNotStarted`.
    pub error_type: Option<&'static str>,
    /// The function's result, or the description of its failure.
    pub body: Bytes,
}

/// A process that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessInfo {
    /// Function name.
    pub function: String,
    /// Process id.
    pub pid: u32,
    /// `FC_INSTANCE_ID`
    pub instance: String,
    /// Request that it works on; the oldest of several.
    pub busy_request: Option<String>,
}

/// Function Compute on one machine.
pub struct FunctionCompute {
    config: Arc<Config>,
    clock: Clock,
    tuning: Tuning,
    keyring: Keyring,
    s_yaml: SYaml,
    pools: BTreeMap<String, Arc<Pool>>,
    queue: Queue,
    running: OnceLock<Running>,
    stopping: watch::Sender<bool>,
}

/// What there is once it was started.
struct Running {
    endpoint: SocketAddr,
    spawner: Spawner,
    runtime: Handle,
}

impl FunctionCompute {
    /// Reads s.yaml and opens the queue. Nothing runs before [`FunctionCompute::start`], but
    /// [`Invoker::submit`] already keeps what it is given.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when s.yaml is not accepted; `InternalError` when the store or the log
    /// directory fails.
    pub fn open(
        config: Arc<Config>,
        store: Store,
        keyring: Keyring,
        clock: Clock,
        tuning: Tuning,
    ) -> Result<Arc<Self>, ServiceError> {
        let s_yaml = SYaml::load(&config.s_yaml, &config.account_id);
        let s_yaml = s_yaml.map_err(|e| ServiceError::new(400, "InvalidArgument", e.to_string()))?;
        let logs = config.state_dir.join("logs");
        std::fs::create_dir_all(&logs)
            .map_err(|e| ServiceError::internal(format!("create {}: {e}", logs.display())))?;
        let pool = |function: &Function| Arc::new(Pool::new(function.clone(), tuning.max_processes));
        let pools = s_yaml.functions.iter().map(|function| (function.name.clone(), pool(function))).collect();
        let queue = Queue::open(store)?;
        let (stopping, _) = watch::channel(false);
        let running = OnceLock::new();
        Ok(Arc::new(Self { config, clock, tuning, keyring, s_yaml, pools, queue, running, stopping }))
    }

    /// Goes on with the queue, and starts timers, on the Tokio runtime around this call. `endpoint`
    /// is this cloud's own address: functions get it where [`Config::function_env`] says
    /// `{endpoint}`. A second call does nothing.
    ///
    /// # Errors
    ///
    /// When the store or a thread fails.
    pub fn start(self: &Arc<Self>, endpoint: SocketAddr) -> Result<(), ServiceError> {
        let runtime = Handle::current();
        let spawner =
            Spawner::start(runtime.clone()).map_err(|e| ServiceError::internal(format!("spawner thread: {e}")))?;
        if self.running.set(Running { endpoint, spawner, runtime }).is_err() {
            return Ok(());
        }
        for item in self.queue.waiting()? {
            self.drive(item);
        }
        self.start_timers();
        let this = self.clone();
        tokio::spawn(this.until_stopped(async move |this| {
            loop {
                tokio::time::sleep(this.tuning.idle / 2).await;
                this.pools.values().for_each(|pool| pool.stop_idle(this.tuning.idle));
            }
        }));
        Ok(())
    }

    /// What s.yaml says.
    pub fn s_yaml(&self) -> &SYaml {
        &self.s_yaml
    }

    /// Invokes `function` with `payload` and waits for its result. Never retried.
    ///
    /// # Errors
    ///
    /// `FunctionNotFound`, `EntityTooLarge`, or `ServiceUnavailable` when this is not running.
    pub async fn invoke(self: &Arc<Self>, function: &str, payload: Bytes) -> Result<InvokeResult, ServiceError> {
        let pool = self.pool(function)?;
        fits(payload.len(), MAX_SYNC_EVENT)?;
        let request_id = request_id((self.clock)());
        let outcome = self.call(pool, &request_id, 0, Work::Event(payload)).await?;
        let (error_type, body) = match outcome {
            Ok(response) => (None, response.into_body()),
            Err(failure) => (Some(failure.error_type), failure.body),
        };
        Ok(InvokeResult { request_id, status: 200, error_type, body })
    }

    /// Passes a client's request to the HTTP trigger of `function`. The answer is collected; a
    /// failure of the function is a 502, a timeout a 504.
    ///
    /// # Errors
    ///
    /// `FunctionNotFound`, `TriggerNotFound`, `MethodNotAllowed` or `ServiceUnavailable`.
    pub async fn http(
        self: &Arc<Self>,
        function: &str,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ServiceError> {
        let pool = self.pool(function)?;
        let trigger = pool.function.http_trigger();
        let trigger = trigger.ok_or_else(|| {
            ServiceError::new(404, "TriggerNotFound", format!("function '{function}' has no HTTP trigger"))
        })?;
        let method = request.method().as_str();
        if !trigger.methods.iter().any(|allowed| allowed == method) {
            return Err(ServiceError::new(
                405,
                "MethodNotAllowed",
                format!("the HTTP trigger of '{function}' does not allow {method}"),
            ));
        }
        fits(request.body().len(), MAX_SYNC_EVENT)?;
        let request_id = request_id((self.clock)());
        let outcome = self.call(pool, &request_id, 0, Work::Http(Box::new(request))).await?;
        let mut response = match outcome {
            Ok(response) => to_client(response),
            Err(failure) => {
                let status = if failure.error_type == "FunctionTimeoutError" { 504 } else { 502 };
                let response = Response::builder().status(status).header("x-fc-error-type", failure.error_type);
                response.body(failure.body).map_err(ServiceError::internal)?
            }
        };
        if let Ok(id) = request_id.parse() {
            response.headers_mut().insert("x-fc-request-id", id);
        }
        Ok(response)
    }

    /// Queues an asynchronous invocation that is not started before `delay` is over. Durable on
    /// return; answers the request id.
    ///
    /// # Errors
    ///
    /// `FunctionNotFound`, `EntityTooLarge`, `InternalError` when the store fails.
    pub fn submit_after(
        self: &Arc<Self>,
        function: &str,
        payload: &[u8],
        delay: Duration,
    ) -> Result<String, ServiceError> {
        self.pool(function)?;
        fits(payload.len(), MAX_ASYNC_EVENT)?;
        let now = (self.clock)();
        let request_id = request_id(now);
        let item = Queued::new(&request_id, function, payload, now, later(now, delay));
        self.queue.put(&item)?;
        self.drive(item);
        Ok(request_id)
    }

    /// The processes that run now.
    pub fn processes(&self) -> Vec<ProcessInfo> {
        self.pools.values().flat_map(|pool| pool.processes()).collect()
    }

    /// Kills (SIGKILL) the process that `FC_INSTANCE_ID` names; whether there was one.
    pub fn kill(&self, instance: &str) -> bool {
        self.pools.values().any(|pool| pool.kill(instance))
    }

    /// Invocations that wait or are under way.
    ///
    /// # Errors
    ///
    /// `InternalError` when the store fails.
    pub fn queued(&self) -> Result<usize, ServiceError> {
        Ok(self.queue.waiting()?.len())
    }

    /// Invocations that were given up, oldest first: `{"function", "destination", "message"}` with
    /// the message that FC sends to an onFailure destination.
    ///
    /// # Errors
    ///
    /// `InternalError` when the store fails.
    pub fn dead_letters(&self) -> Result<Vec<Value>, ServiceError> {
        self.queue.dead_letters()
    }

    /// Ends everything: no more timers, every process killed. What is queued stays so.
    pub async fn shutdown(&self) {
        self.stopping.send_replace(true);
        for pool in self.pools.values() {
            pool.close().await;
        }
    }

    fn pool(&self, function: &str) -> Result<&Arc<Pool>, ServiceError> {
        let missing = || ServiceError::new(404, "FunctionNotFound", format!("function '{function}' does not exist"));
        self.pools.get(function).ok_or_else(missing)
    }

    /// The function's timeout, or the configured cap.
    fn timeout(&self, function: &Function) -> Duration {
        let own = Duration::from_secs(function.timeout_secs);
        self.config.timeout_cap.map_or(own, |cap| own.min(cap))
    }

    /// Has a process of `pool` do `work`, to its end also when the caller gives up: a client that
    /// hangs up does not stop a function, and must not free its process for somebody else. The outer
    /// error is that there is no cloud (yet, any more), the inner one the function's.
    async fn call(
        self: &Arc<Self>,
        pool: &Arc<Pool>,
        request_id: &str,
        retry_count: u32,
        work: Work,
    ) -> Result<Result<Response<Bytes>, Failure>, ServiceError> {
        let (this, pool, request_id) = (self.clone(), pool.clone(), request_id.to_owned());
        let call = tokio::spawn(async move {
            let running = this.running.get().ok_or_else(stopped)?;
            let lease = pool.lease(&request_id).await.ok_or_else(stopped)?;
            let function = &pool.function;
            let process = tokio::select! {
                process = lease.process(this.start_process(function, running)) => process,
                () = this.stopped() => return Err(stopped()),
            };
            let process = match process {
                Ok(process) => process,
                Err(error) => return Ok(Err(Failure::new("FunctionNotStarted", &error.to_string()))),
            };
            let timeout = this.timeout(function);
            let common = Common {
                request_id: &request_id,
                identity: &process.identity,
                function: &function.name,
                memory_mb: function.memory_mb,
                timeout,
                region: &this.config.region,
                account_id: &this.config.account_id,
                retry_count,
            };
            let request = match work {
                Work::Event(payload) => common.invoke(payload),
                Work::Http(request) => common.http(*request),
            };
            let request = request.map_err(|e| ServiceError::new(400, "InvalidArgument", e.to_string()))?;
            let answer = process.call(request, timeout).await;
            Ok(answer.map_err(|error| Failure::of(&error, timeout)).and_then(classify))
        });
        call.await.map_err(ServiceError::internal)?
    }

    async fn start_process(&self, function: &Function, running: &Running) -> Result<Process, StartError> {
        let instance = format!("c-{:016x}", fastrand::u64(..));
        let mut environment: BTreeMap<String, String> = [
            ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
            ("FC_FUNC_CODE_PATH", self.config.function_dir.display().to_string()),
            ("FC_FUNCTION_NAME", function.name.clone()),
            ("FC_FUNCTION_HANDLER", "index.handler".into()),
            ("FC_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string()),
            ("FC_FUNCTION_VERSION", QUALIFIER.into()),
            ("FC_REGION", self.config.region.clone()),
            ("FC_ACCOUNT_ID", self.config.account_id.clone()),
            ("FC_INSTANCE_ID", instance.clone()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        environment.extend(function.environment.clone());
        let endpoint = format!("http://{}", running.endpoint);
        let with_endpoint = |(name, value): &(String, String)| (name.clone(), value.replace(ENDPOINT, &endpoint));
        let launch = Launch {
            function: function.name.clone(),
            instance,
            role: function.role.clone(),
            binary: self.config.function_dir.join(&function.name),
            log: self.config.state_dir.join("logs").join(format!("{}.log", function.name)),
            environment,
            overrides: self.config.function_env.iter().map(with_endpoint).collect(),
        };
        Process::start(launch, &running.spawner, &self.keyring).await
    }

    /// `work`, cut off by the shutdown.
    async fn until_stopped(self: Arc<Self>, work: impl AsyncFnOnce(&Arc<Self>)) {
        tokio::select! {
            () = work(&self) => {}
            () = self.stopped() => {}
        }
    }

    /// Done once the shutdown began.
    async fn stopped(&self) {
        // An error would mean that `self` is gone.
        drop(self.stopping.subscribe().wait_for(|stop| *stop).await);
    }
}

/// What a process is to do.
enum Work {
    /// Answer an event.
    Event(Bytes),
    /// Answer a client of its HTTP trigger.
    Http(Box<Request<Bytes>>),
}

fn stopped() -> ServiceError {
    ServiceError::new(503, "ServiceUnavailable", "Function Compute is not running")
}

impl Invoker for Arc<FunctionCompute> {
    fn submit(&self, function: &str, payload: &[u8]) -> Result<String, ServiceError> {
        self.submit_after(function, payload, Duration::ZERO)
    }
}

fn fits(size: usize, limit: usize) -> Result<(), ServiceError> {
    if size <= limit {
        return Ok(());
    }
    Err(ServiceError::new(413, "EntityTooLarge", format!("the event has {size} bytes, {limit} are allowed")))
}

fn later(now: i64, delay: Duration) -> i64 {
    now.saturating_add(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX))
}
