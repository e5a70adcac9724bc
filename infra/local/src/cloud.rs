//! The services, put together.

use std::fs::{self, File};
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use nix::fcntl::Flock;

use crate::admin::Admin;
use crate::chaos::Chaos;
use crate::config::Config;
use crate::credentials::Keyring;
use crate::ecs::Ecs;
use crate::endpoint;
use crate::eventbridge::{EventBridge, Place};
use crate::fc::{self, FunctionCompute, Tuning};
use crate::front::{self, Services, Web, handler};
use crate::guest::{Machine, MachineConfig};
use crate::ram::{self, Policies};
use crate::seams::{Hypervisor, ServiceError};
use crate::store::Store;
use crate::tablestore::Tablestore;

pub use crate::endpoint::{ENDPOINT_FILE, Endpoint, lock};

/// One running cloud.
pub struct LocalCloud {
    config: Arc<Config>,
    keyring: Keyring,
    machine: Arc<Machine>,
    ecs: Arc<Ecs>,
    functions: Arc<FunctionCompute>,
    eventbridge: Arc<EventBridge>,
    services: Arc<Services>,
    /// Held as long as the cloud runs: one process per state directory.
    _lock: Flock<File>,
}

impl LocalCloud {
    /// Opens what the state directory remembers; nothing runs yet.
    ///
    /// # Errors
    /// Another cloud holds the directory; s.yaml or a policy is not accepted; this machine cannot run guests.
    pub fn open(config: Config) -> Result<Self, ServiceError> {
        let config = Arc::new(config);
        fs::create_dir_all(&config.state_dir).map_err(ServiceError::internal)?;
        let lock = lock(&config.state_dir)?;
        let store = Store::open(&config.state_dir.join("store"))?;
        let place = ram::Place {
            region: config.region.clone(),
            account_id: config.account_id.clone(),
            ots_instance: config.ots_instance.clone(),
        };
        let policies = Policies::load(&config.policy_dir, &place);
        let policies = policies.map_err(|error| ServiceError::new(400, "InvalidArgument", error.to_string()))?;
        let keyring = Keyring::open(&store, policies)?;
        let exe = std::env::current_exe().map_err(ServiceError::internal)?;
        let machine = Machine::open(MachineConfig {
            state_dir: config.state_dir.clone(),
            image_dir: config.image_dir.clone(),
            exe,
            owner_pid: config.owner_pid,
        });
        let machine = Arc::new(machine.map_err(|error| ServiceError::internal(format!("guests: {}", chain(&error))))?);
        let clock: fc::Clock = Arc::new(|| jiff::Timestamp::now().as_millisecond());
        let functions =
            FunctionCompute::open(config.clone(), store.clone(), keyring.clone(), clock, Tuning::default())?;
        let place = Place { account_id: config.account_id.clone(), region: config.region.clone() };
        let rules = functions.s_yaml().rules();
        let eventbridge =
            EventBridge::open(store.clone(), Arc::new(functions.clone()), place, &["osferry".to_owned()], rules)?;
        let ecs = Ecs::open(config.clone(), store.clone(), machine.clone(), eventbridge.clone())?;
        let tablestore = Arc::new(Tablestore::open(store, keyring.clone(), &config.ots_instance)?);
        let victims = Arc::downgrade(&functions);
        let kill = move |instance: &str| {
            if let Some(functions) = Weak::upgrade(&victims) {
                functions.kill(instance);
            }
        };
        let chaos = Arc::new(Chaos::new(Box::new(kill)));
        let admin = Admin::new(machine.clone(), ecs.clone(), functions.clone(), eventbridge.clone(), chaos.clone());
        let api = functions.clone();
        let services = Services {
            account_id: config.account_id.clone(),
            keyring: keyring.clone(),
            chaos,
            ecs: ecs.clone(),
            tablestore,
            eventbridge: eventbridge.clone(),
            fc: handler(move |request| {
                let api = api.clone();
                async move { api.handle(request).await }
            }),
            web: Web::new(functions.clone()),
            admin: handler(move |request| {
                let admin = admin.clone();
                async move { admin.handle(request).await }
            }),
        };
        Ok(Self { config, keyring, machine, ecs, functions, eventbridge, services: Arc::new(services), _lock: lock })
    }

    /// Serves until `shutdown` completes, then ends functions and guests.
    ///
    /// # Errors
    /// No port to be had, or the store fails.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ServiceError> {
        let listener = endpoint::listen(&self.config.state_dir, self.config.port).await?;
        let address = listener.local_addr().map_err(ServiceError::internal)?;
        Endpoint::announce(&self.config.state_dir, address, self.keyring.operator())?;
        self.functions.start(address)?;
        self.eventbridge.start()?;
        self.ecs.start();
        tracing::info!(%address, state_dir = %self.config.state_dir.display(), "the local cloud serves");
        front::serve(listener, self.services.clone(), shutdown).await;
        tracing::info!("shutting down");
        self.functions.shutdown().await;
        self.eventbridge.stop();
        self.ecs.stop();
        for instance in self.ecs.instances()? {
            let (machine, id) = (self.machine.clone(), instance.instance_id);
            let stopped = tokio::task::spawn_blocking(move || machine.stop(&id, true)).await;
            if let Ok(Err(error)) = stopped {
                tracing::warn!(error = %chain(&error), "a guest did not stop");
            }
        }
        Endpoint::withdraw(&self.config.state_dir);
        Ok(())
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Completes on SIGTERM or SIGINT, and when the process `owner` has ended.
///
/// # Errors
/// Signals cannot be listened for.
pub async fn until_told(owner: Option<i32>) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let orphaned = async {
        match owner {
            None => std::future::pending().await,
            Some(pid) => {
                while Path::new(&format!("/proc/{pid}")).exists() {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = orphaned => {}
    }
    Ok(())
}
