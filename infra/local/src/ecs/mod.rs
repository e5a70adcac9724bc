//! ECS with Cloud Assistant (OpenAPI version 2014-05-26): instances, disks, snapshots, commands.
//!
//! A call checks and commits what it changes, together with a job for what takes time; workers
//! carry the jobs out on the [`Hypervisor`], and commit how it ended together with the events that
//! say so. Events are published after their commit, and again when that was interrupted. So a kill
//! at any moment loses nothing: the next start takes every job up where it was committed.

mod admin;
mod assistant;
mod command;
mod db;
mod disks;
mod errors;
mod event;
mod groups;
mod images;
mod instances;
mod list;
mod machine;
mod media;
mod model;
mod network;
mod params;
mod policies;
mod power;
mod queue;
mod rights;
mod run;
mod snapshots;
mod tags;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

pub use self::admin::{NewHistoryEvent, NewInstance};
pub use self::model::{Disk, DiskStatus, HistoryEvent, Instance, InstanceStatus, Tags};

use self::db::{Db, Txn};
use self::model::{ClientToken, Job, Outgoing};
use self::params::Params;
use self::queue::{Lane, Queue};
use crate::config::Config;
use crate::credentials::Identity;
use crate::seams::{CloudEvent, EventSink, Hypervisor, ServiceError};
use crate::store::Store;

/// Threads that make the machine do things. They mostly wait (a guest's seconds to go down, a disk
/// being copied), so there are more of them than cores.
const MACHINE_WORKERS: usize = 12;
/// How often running guests are looked at for having ended by themselves.
const WATCH_INTERVAL: Duration = Duration::from_millis(250);
/// How long after a failure of the store or the bus it is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// A ClientToken is remembered for a day; later it names something new.
const TOKEN_LIFETIME_MS: i64 = 24 * 3600 * 1000;

/// Answers epoch milliseconds.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The ECS service.
pub struct Ecs {
    config: Arc<Config>,
    db: Db,
    hypervisor: Arc<dyn Hypervisor>,
    events: Arc<dyn EventSink>,
    clock: Clock,
    queue: Queue,
    /// Instances that are Running by what was committed.
    running: Mutex<BTreeSet<String>>,
    /// Number of the last event that was published and forgotten.
    published: AtomicU64,
}

impl Ecs {
    /// Opens the service on what `store` remembers, with this machine's clock. Nothing is carried
    /// out before [`Ecs::start`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(
        config: Arc<Config>,
        store: Store,
        hypervisor: Arc<dyn Hypervisor>,
        events: Arc<dyn EventSink>,
    ) -> Result<Arc<Self>, ServiceError> {
        let clock = || {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            since.map_or(0, |d| d.as_millis() as i64)
        };
        Self::open_at(config, store, hypervisor, events, Arc::new(clock))
    }

    /// As [`Ecs::open`], with another clock.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open_at(
        config: Arc<Config>,
        store: Store,
        hypervisor: Arc<dyn Hypervisor>,
        events: Arc<dyn EventSink>,
        clock: Clock,
    ) -> Result<Arc<Self>, ServiceError> {
        let ecs = Self {
            db: Db::open(store, clock())?,
            config,
            hypervisor,
            events,
            clock,
            queue: Queue::default(),
            running: Mutex::default(),
            published: AtomicU64::new(0),
        };
        for instance in ecs.db.scan::<Instance>("")? {
            if instance.status == InstanceStatus::Running {
                ecs.running().insert(instance.instance_id);
            }
        }
        for job in ecs.db.scan::<Job>("")? {
            ecs.queue.push(job);
        }
        ecs.forget_old_tokens()?;
        ecs.watch_guests()?;
        ecs.queue.announce_events();
        Ok(Arc::new(ecs))
    }

    /// Starts the threads that carry out what takes time, publish events and watch the guests.
    pub fn start(self: &Arc<Self>) {
        for _ in 0..MACHINE_WORKERS {
            self.spawn("ecs-machine", |ecs| ecs.serve(Lane::Machine));
        }
        self.spawn("ecs-poll", |ecs| ecs.serve(Lane::Poll));
        self.spawn("ecs-events", |ecs| {
            while ecs.queue.wait_for_events() {
                while let Err(error) = ecs.publish_all() {
                    tracing::warn!(%error, "events not published, will be tried again");
                    if !ecs.queue.pause(RETRY_INTERVAL) {
                        return;
                    }
                }
            }
        });
        self.spawn("ecs-watch", |ecs| {
            while ecs.queue.pause(WATCH_INTERVAL) {
                if let Err(error) = ecs.watch_guests() {
                    tracing::warn!(%error, "guests not watched");
                }
            }
        });
    }

    /// Tells the threads to end after what they are doing now. What is not done stays stored.
    pub fn stop(&self) {
        self.queue.stop();
    }

    fn spawn(self: &Arc<Self>, name: &str, run: impl FnOnce(&Self) + Send + 'static) {
        let ecs = Arc::clone(self);
        let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || run(&ecs));
        if let Err(error) = spawned {
            tracing::error!(name, %error, "thread not started");
        }
    }

    fn serve(&self, lane: Lane) {
        while let Some(taken) = self.queue.wait(lane, || self.now()) {
            self.carry_out(taken);
        }
    }

    /// Carries out one thing that is due: a job, or the publication of the waiting events. False
    /// when there was nothing. For tests, instead of [`Ecs::start`].
    ///
    /// # Errors
    /// When the bus or the store refuses.
    pub fn step(&self) -> Result<bool, ServiceError> {
        for lane in [Lane::Machine, Lane::Poll] {
            if let Some(taken) = self.queue.take(lane, self.now()) {
                self.carry_out(taken);
                return Ok(true);
            }
        }
        self.publish_all()
    }

    /// When the next job is due, epoch milliseconds. For tests.
    pub fn next_due(&self) -> Option<i64> {
        self.queue.next_due()
    }

    /// Answers one call of `who`: `action` with its parameters, already authenticated. The answer
    /// lacks only `RequestId`. Blocks for as long as a commit takes.
    ///
    /// # Errors
    /// The documented ones of the operation; `InvalidAction.NotFound` for an unknown action, `Forbidden.RAM` for one that
    /// the caller's role may not do.
    pub fn call(&self, who: &Identity, action: &str, params: &BTreeMap<String, String>) -> Result<Value, ServiceError> {
        let params = Params(params);
        for (right, resource) in rights::needed(action, params) {
            match who.check(&right, &resource) {
                Ok(()) => {}
                // Who may not see instances sees none (ECS API reference, DescribeInstances).
                Err(_) if action == "DescribeInstances" => {
                    return Ok(json!({ "Instances": { "Instance": [] }, "TotalCount": 0 }));
                }
                Err(denied) => return Err(denied.forbidden()),
            }
        }
        let answer = match action {
            "DescribeInstances" => self.describe_instances(params),
            "DescribeInstanceStatus" => self.describe_instance_status(params),
            "DescribeInstanceAttribute" => self.describe_instance_attribute(params),
            "ModifyInstanceAttribute" => self.modify_instance_attribute(params),
            "DescribeInstanceHistoryEvents" => self.describe_instance_history_events(params),
            "RunInstances" => self.run_instances(params),
            "DeleteInstance" => self.release_instance(params),
            "GetInstanceConsoleOutput" => self.get_instance_console_output(params),
            "StartInstance" => self.start_instance(params),
            "StopInstance" => self.stop_instance(params),
            "RebootInstance" => self.reboot_instance(params),
            "DescribeDisks" => self.describe_disks(params),
            "CreateDisk" => self.create_disk(params),
            "AttachDisk" => self.attach_disk(params),
            "DetachDisk" => self.detach_disk(params),
            "DeleteDisk" => self.delete_disk(params),
            "ModifyDiskAttribute" => self.modify_disk_attribute(params),
            "ResetDisk" => self.reset_disk(params),
            "CreateSnapshot" => self.create_snapshot(params),
            "DescribeSnapshots" => self.describe_snapshots(params),
            "DeleteSnapshot" => self.delete_snapshot(params),
            "ModifySnapshotAttribute" => self.modify_snapshot_attribute(params),
            "CreateSnapshotGroup" => self.create_snapshot_group(params),
            "DescribeSnapshotGroups" => self.describe_snapshot_groups(params),
            "DeleteSnapshotGroup" => self.delete_snapshot_group(params),
            "CreateImage" => self.create_image(params),
            "DescribeImages" => self.describe_images(params),
            "DeleteImage" => self.delete_image(params),
            "RunCommand" => self.run_command(params),
            "StopInvocation" => self.stop_invocation(params),
            "DescribeInvocations" => self.describe_invocations(params),
            "DescribeInvocationResults" => self.describe_invocation_results(params),
            "DescribeCloudAssistantStatus" => self.describe_cloud_assistant_status(params),
            "CreateAutoSnapshotPolicy" => self.create_auto_snapshot_policy(params),
            "ApplyAutoSnapshotPolicy" => self.apply_auto_snapshot_policy(params),
            "CancelAutoSnapshotPolicy" => self.cancel_auto_snapshot_policy(params),
            "DescribeAutoSnapshotPolicyEx" => self.describe_auto_snapshot_policies(params),
            "TagResources" => self.tag_resources(params),
            "UntagResources" => self.untag_resources(params),
            "ListTagResources" => self.list_tag_resources(params),
            _ => Err(errors::no_action(action)),
        };
        match &answer {
            Ok(_) => tracing::debug!(action, who = ?who.who, "ecs call"),
            Err(error) => tracing::debug!(action, who = ?who.who, code = error.code, "ecs call refused"),
        }
        answer
    }

    fn now(&self) -> i64 {
        (self.clock)()
    }

    /// When something that begins now may end at the earliest.
    fn earliest_end(&self) -> i64 {
        self.now() + self.config.latency.as_millis() as i64
    }

    fn running(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits, then lets the workers know.
    fn commit(&self, txn: Txn<'_>) -> Result<(), ServiceError> {
        txn.commit(|committed| {
            for (id, instance) in committed.instances {
                match instance {
                    Some(instance) if instance.status == InstanceStatus::Running => self.running().insert(id),
                    _ => self.running().remove(&id),
                };
            }
            for job in committed.jobs {
                self.queue.push(job);
            }
            if committed.events {
                self.queue.announce_events();
            }
        })
    }

    /// Publishes what waits, in order, then forgets it. True when there was something.
    fn publish_all(&self) -> Result<bool, ServiceError> {
        let after = model::seq_key(self.published.load(Ordering::Relaxed));
        let waiting = self.db.after::<Outgoing>(&after).collect::<Result<Vec<_>, _>>()?;
        let Some(last) = waiting.last().map(|outgoing| outgoing.seq) else { return Ok(false) };
        for outgoing in &waiting {
            self.events.publish("default", CloudEvent(outgoing.event.clone()))?;
        }
        let mut txn = self.db.begin();
        for outgoing in &waiting {
            txn.delete::<Outgoing>(&model::seq_key(outgoing.seq));
        }
        self.commit(txn)?;
        self.published.fetch_max(last, Ordering::Relaxed);
        Ok(true)
    }

    /// Does `make` once per ClientToken: sent again with the same parameters it answers as before.
    fn once(
        &self,
        txn: &mut Txn<'_>,
        action: &str,
        params: Params<'_>,
        make: impl FnOnce(&mut Txn<'_>) -> Result<Value, ServiceError>,
    ) -> Result<Value, ServiceError> {
        let Some(token) = params.get("ClientToken") else { return make(txn) };
        if token.len() > 64 || !token.is_ascii() {
            return Err(errors::malformed("ClientToken"));
        }
        let key = format!("{action}/{token}");
        let fingerprint = params.fingerprint();
        if let Some(seen) = txn.get::<ClientToken>(&key)?
            && self.now() - seen.used < TOKEN_LIFETIME_MS
        {
            return if seen.fingerprint == fingerprint { Ok(seen.answer) } else { Err(errors::token_mismatch(action)) };
        }
        let answer = make(txn)?;
        txn.put(&ClientToken { key, fingerprint, answer: answer.clone(), used: self.now() })?;
        Ok(answer)
    }

    fn forget_old_tokens(&self) -> Result<(), ServiceError> {
        let oldest = self.now() - TOKEN_LIFETIME_MS;
        let mut txn = self.db.begin();
        for token in self.db.scan::<ClientToken>("")?.iter().filter(|token| token.used <= oldest) {
            txn.delete::<ClientToken>(&token.key);
        }
        self.commit(txn)
    }
}
