//! One service on one fake machine, with what the tests do to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use local_cloud::config::Config;
use local_cloud::credentials::{Identity, Who};
use local_cloud::ecs::{Ecs, Instance, NewInstance};
use local_cloud::seams::ServiceError;
use local_cloud::store::Store;
use serde_json::Value;

use crate::fake::{Bus, Fake};

/// 2023-11-14T22:13:20Z
pub const START: i64 = 1_700_000_000_000;

pub struct World {
    pub ecs: Arc<Ecs>,
    pub fake: Arc<Fake>,
    pub bus: Arc<Bus>,
    pub clock: Arc<AtomicI64>,
    config: Arc<Config>,
    store: Store,
    _dir: tempfile::TempDir,
}

impl World {
    /// Nothing in it, no latency.
    pub fn new() -> Self {
        Self::with_latency(Duration::ZERO)
    }

    pub fn with_latency(latency: Duration) -> Self {
        // In memory where there is such a place: hundreds of worlds would wait for the disk at every commit.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let config = Arc::new(Config {
            state_dir: dir.path().into(),
            image_dir: dir.path().into(),
            s_yaml: dir.path().into(),
            policy_dir: "infra/ram".into(),
            function_dir: dir.path().into(),
            port: 0,
            owner_pid: None,
            region: "cn-hangzhou".into(),
            account_id: "1234".into(),
            ots_instance: "ferry".into(),
            latency,
            timer_cap: None,
            timeout_cap: None,
            function_env: Vec::new(),
        });
        let store = Store::open(&dir.path().join("store")).unwrap();
        let clock = Arc::new(AtomicI64::new(START));
        let fake = Fake::new(Arc::clone(&clock));
        let bus = Arc::new(Bus::default());
        let ecs = open(&config, &store, &fake, &bus, &clock);
        Self { ecs, fake, bus, clock, config, store, _dir: dir }
    }

    /// The process was killed; the machine and the bus live on.
    pub fn reopen(&mut self) {
        self.ecs = open(&self.config, &self.store, &self.fake, &self.bus, &self.clock);
    }

    pub fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    pub fn advance(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    /// Does one thing that is due; moves the clock to the next one when nothing is. False when
    /// nothing is under way that ends within minutes.
    pub fn step(&self) -> bool {
        if self.ecs.step().unwrap() {
            return true;
        }
        let next = self.ecs.next_due().filter(|due| *due - self.now() < 100_000);
        if let Some(due) = next {
            self.clock.fetch_max(due, Ordering::SeqCst);
        }
        next.is_some()
    }

    /// Lets everything happen that is under way. A bound, because a command may run for ever.
    pub fn settle(&self) {
        for _ in 0..500 {
            if !self.step() {
                return;
            }
        }
    }

    /// A running CentOS 7 whose agent was heard of.
    pub fn instance(&self) -> String {
        self.instance_of(NewInstance::default())
    }

    pub fn instance_of(&self, new: NewInstance) -> String {
        let id = self
            .ecs
            .create_instance(NewInstance {
                name: if new.name.is_empty() { "web".into() } else { new.name.clone() },
                image_id: if new.image_id.is_empty() { "centos7".into() } else { new.image_id.clone() },
                os_name: "CentOS  7.9 64位".into(),
                os_name_en: "CentOS  7.9 64 bit".into(),
                ..new
            })
            .unwrap();
        self.settle();
        id
    }

    pub fn get(&self, id: &str) -> Instance {
        self.ecs.instance(id).unwrap().unwrap()
    }

    pub fn status(&self, id: &str) -> &'static str {
        self.get(id).status.as_str()
    }

    /// The id of the nth disk of an instance.
    pub fn disk(&self, instance: &str, n: usize) -> String {
        self.get(instance).disks[n].clone()
    }

    pub fn call(&self, action: &str, params: &[(&str, &str)]) -> Result<Value, ServiceError> {
        let mut all: BTreeMap<String, String> =
            params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        all.entry("RegionId".into()).or_insert_with(|| "cn-hangzhou".into());
        self.ecs.call(&operator(), action, &all)
    }

    pub fn ok(&self, action: &str, params: &[(&str, &str)]) -> Value {
        self.call(action, params).unwrap_or_else(|error| panic!("{action}: {error}"))
    }

    /// Status and code of the refusal.
    pub fn refused(&self, action: &str, params: &[(&str, &str)]) -> (u16, String) {
        let error = self.call(action, params).expect_err(action);
        (error.status, error.code)
    }

    pub fn disk_status(&self, id: &str) -> String {
        let ids = format!("[\"{id}\"]");
        text(&self.ok("DescribeDisks", &[("DiskIds", &ids)])["Disks"]["Disk"][0]["Status"])
    }

    pub fn snapshot(&self, id: &str) -> Value {
        let ids = format!("[\"{id}\"]");
        self.ok("DescribeSnapshots", &[("SnapshotIds", &ids)])["Snapshots"]["Snapshot"][0].clone()
    }

    /// Takes a snapshot, asked for only.
    pub fn snapshot_of(&self, disk: &str) -> String {
        text(&self.ok("CreateSnapshot", &[("DiskId", disk), ("SnapshotName", "before")])["SnapshotId"])
    }

    /// Runs a script, asked for only.
    pub fn run(&self, instance: &str, script: &str) -> String {
        let params =
            [("Type", "RunShellScript"), ("CommandContent", script), ("InstanceId.1", instance), ("Name", "hello")];
        text(&self.ok("RunCommand", &params)["InvokeId"])
    }

    pub fn result(&self, invoke: &str) -> Value {
        let answer = self.ok("DescribeInvocationResults", &[("InvokeId", invoke)]);
        answer["Invocation"]["InvocationResults"]["InvocationResult"][0].clone()
    }
}

pub fn operator() -> Identity {
    Identity {
        access_key_id: "test".into(),
        access_key_secret: "test".into(),
        security_token: None,
        who: Who::Operator,
        policy: None,
    }
}

fn open(config: &Arc<Config>, store: &Store, fake: &Arc<Fake>, bus: &Arc<Bus>, clock: &Arc<AtomicI64>) -> Arc<Ecs> {
    let clock = Arc::clone(clock);
    let now = Arc::new(move || clock.load(Ordering::SeqCst));
    Ecs::open_at(Arc::clone(config), store.clone(), Arc::clone(fake) as _, Arc::clone(bus) as _, now).unwrap()
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

pub fn refusal(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
