//! In-memory doubles of the ports, and the two tables that every stage is put through: each call fails in
//! turn, and each act is done twice.

mod memory;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use migration::os::{Family, Os};
use migration::policy::Policy;
use migration::{DiskSnapshot, Event, Evidence, MigrationId, Millis, Record, Stage, State, decide, path};
use openapi::ecs::{
    CloudAssistantStatus, CreateSnapshot, Disk, DiskKind, HistoryEvent, Instance, InvocationResult, RunCommand,
    Snapshot, Tag,
};
use openapi::error::{ApiError, ErrorKind};

use crate::act::{Act, Job};
use crate::cloud::Cloud;

pub use memory::{MemoryBus, MemoryRecords};

/// How a call of [`FakeCloud`] fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Refused for flow control; nothing was done.
    Throttled,
    /// Done, but the answer got lost.
    AnswerLost,
}

/// An account with one instance, whose guest answers from a script.
pub struct FakeCloud {
    /// The instance; None when it vanished.
    pub instance: RefCell<Option<Instance>>,
    /// Its disks.
    pub disks: RefCell<Vec<Disk>>,
    /// Their snapshots.
    pub snapshots: RefCell<Vec<Snapshot>>,
    /// Cloud Assistant on the instance.
    pub assistant: RefCell<Option<CloudAssistantStatus>>,
    /// Pending maintenance.
    pub maintenance: RefCell<Vec<HistoryEvent>>,
    /// Everything that was done, in order: `create-snapshot d-1`, `stop`, `run start-1`, …
    pub done: RefCell<Vec<String>>,
    /// Leave out of `done` what sets an absolute value: doing it again is the same.
    pub absolute: Cell<bool>,
    guest: RefCell<Guest>,
    invocations: RefCell<BTreeMap<String, Invocation>>,
    calls: Cell<u32>,
    fail: Cell<Option<(u32, Failure)>>,
}

/// From a command's name to its exit code and output.
type Guest = Box<dyn FnMut(&str) -> (i64, String)>;

struct Invocation {
    token: String,
    name: String,
    result: Option<(i64, String)>,
}

impl FakeCloud {
    /// A running CentOS 8 with a system disk and a data disk.
    pub fn new() -> Self {
        let instance = Instance {
            instance_id: "i-1".into(),
            os_name_en: "CentOS  8.5 64 bit".into(),
            os_type: "linux".into(),
            status: "Running".into(),
            instance_network_type: "vpc".into(),
            ..Instance::default()
        };
        let disk = |id: &str, kind| Disk { disk_id: id.into(), kind, status: "In_use".into(), ..Disk::default() };
        let assistant = CloudAssistantStatus {
            instance_id: "i-1".into(),
            running: true,
            last_heartbeat_time: "1970-01-01T00:00:00Z".into(),
            ..CloudAssistantStatus::default()
        };
        Self {
            instance: RefCell::new(Some(instance)),
            disks: RefCell::new(vec![disk("d-1", DiskKind::System), disk("d-2", DiskKind::Data)]),
            snapshots: RefCell::default(),
            assistant: RefCell::new(Some(assistant)),
            maintenance: RefCell::default(),
            guest: RefCell::new(Box::new(|name| panic!("the guest was asked for {name}"))),
            done: RefCell::default(),
            absolute: Cell::new(false),
            invocations: RefCell::default(),
            calls: Cell::new(0),
            fail: Cell::new(None),
        }
    }

    /// What the guest answers to a command, by the part of its name after the stage (`start-1` is asked for as
    /// `start`): exit code and output. Asked once for each command that really runs; exit code -1 says that it
    /// never ran.
    pub fn answers(&self, guest: impl FnMut(&str) -> (i64, String) + 'static) {
        *self.guest.borrow_mut() = Box::new(guest);
    }

    /// The `nth` call from now (counted from 1) fails.
    pub fn fail(&self, nth: u32, failure: Failure) {
        self.fail.set(Some((self.calls.get() + nth, failure)));
    }

    /// Everything that takes time comes to its end.
    pub fn settle(&self) {
        for snapshot in self.snapshots.borrow_mut().iter_mut() {
            snapshot.status = "accomplished".into();
            snapshot.progress = "100%".into();
            snapshot.available = true;
        }
        for disk in self.disks.borrow_mut().iter_mut() {
            disk.status = "In_use".into();
        }
        if let Some(instance) = self.instance.borrow_mut().as_mut() {
            match instance.status.as_str() {
                "Stopping" => instance.status = "Stopped".into(),
                "Starting" => instance.status = "Running".into(),
                _ => {}
            }
        }
        for invocation in self.invocations.borrow_mut().values_mut() {
            if invocation.result.is_none() {
                self.done.borrow_mut().push(format!("run {}", invocation.name));
                let key = invocation.name.rsplit_once('-').map_or(invocation.name.as_str(), |(key, _)| key);
                let (code, output) = (self.guest.borrow_mut())(key);
                if code == 194 {
                    self.done.borrow_mut().push("reboot".into());
                }
                invocation.result = Some((code, output));
            }
        }
    }

    fn status(&self) -> String {
        self.instance.borrow().as_ref().map(|instance| instance.status.clone()).unwrap_or_default()
    }

    fn set_status(&self, status: &str) {
        if let Some(instance) = self.instance.borrow_mut().as_mut() {
            instance.status = status.into();
        }
    }

    fn note(&self, what: String) {
        self.done.borrow_mut().push(what);
    }

    /// Does what is asked, unless this call is the one that fails.
    fn call<T>(&self, operation: &str, act: impl FnOnce() -> Result<T, ApiError>) -> Result<T, ApiError> {
        let number = self.calls.get() + 1;
        self.calls.set(number);
        match self.fail.get() {
            Some((nth, Failure::Throttled)) if nth == number => Err(refused(operation, 400, "Throttling.User")),
            Some((nth, Failure::AnswerLost)) if nth == number => {
                act().and(Err(refused(operation, 503, "ServiceUnavailable")))
            }
            _ => act(),
        }
    }
}

impl Default for FakeCloud {
    fn default() -> Self {
        Self::new()
    }
}

/// An answer of ECS that says no.
pub fn refused(operation: &str, http_status: u16, code: &str) -> ApiError {
    ApiError {
        product: "Ecs",
        operation: operation.into(),
        resource: "i-1".into(),
        kind: ErrorKind::Service {
            http_status,
            code: code.into(),
            message: "".into(),
            request_id: "".into(),
            retry_after: None,
        },
    }
}

impl Cloud for FakeCloud {
    async fn instances(&self, _tag: &str, _token: Option<String>) -> Result<(Vec<Instance>, Option<String>), ApiError> {
        self.call("DescribeInstances", || Ok((self.instance.borrow().clone().into_iter().collect(), None)))
    }

    async fn instance(&self, _instance_id: &str) -> Result<Option<Instance>, ApiError> {
        self.call("DescribeInstances", || Ok(self.instance.borrow().clone()))
    }

    async fn confirm_instance(&self, _instance_id: &str) -> Result<(), ApiError> {
        self.call("DescribeInstanceAttribute", || match *self.instance.borrow() {
            Some(_) => Ok(()),
            None => Err(refused("DescribeInstanceAttribute", 404, "InvalidInstanceId.NotFound")),
        })
    }

    async fn disks(&self, _instance_id: &str) -> Result<Vec<Disk>, ApiError> {
        self.call("DescribeDisks", || Ok(self.disks.borrow().clone()))
    }

    async fn snapshots(&self, _instance_id: &str) -> Result<Vec<Snapshot>, ApiError> {
        self.call("DescribeSnapshots", || Ok(self.snapshots.borrow().clone()))
    }

    async fn create_snapshot(&self, request: &CreateSnapshot) -> Result<String, ApiError> {
        self.call("CreateSnapshot", || {
            let mut snapshots = self.snapshots.borrow_mut();
            // The ClientToken: the same request again is the same snapshot.
            if let Some(known) = snapshots.iter().find(|snapshot| snapshot.description == request.client_token) {
                return Ok(known.snapshot_id.clone());
            }
            let snapshot_id = format!("s-{}", snapshots.len() + 1);
            self.note(format!("create-snapshot {}", request.disk_id));
            snapshots.push(Snapshot {
                snapshot_id: snapshot_id.clone(),
                name: request.name.clone(),
                description: request.client_token.clone(),
                status: "progressing".into(),
                progress: "10%".into(),
                source_disk_id: request.disk_id.clone(),
                retention_days: request.retention_days,
                tags: request.tags.clone(),
                ..Snapshot::default()
            });
            Ok(snapshot_id)
        })
    }

    async fn delete_snapshot(&self, snapshot_id: &str) -> Result<(), ApiError> {
        self.call("DeleteSnapshot", || {
            self.note(format!("delete-snapshot {snapshot_id}"));
            self.snapshots.borrow_mut().retain(|snapshot| snapshot.snapshot_id != snapshot_id);
            Ok(())
        })
    }

    async fn keep_snapshot(&self, snapshot_id: &str, days: u32) -> Result<(), ApiError> {
        self.call("ModifySnapshotAttribute", || {
            self.note(format!("keep-snapshot {snapshot_id} {days}"));
            Ok(())
        })
    }

    async fn stop(&self, _instance_id: &str, force: bool) -> Result<(), ApiError> {
        self.call("StopInstance", || {
            if self.status() != "Running" {
                return Err(refused("StopInstance", 403, "IncorrectInstanceStatus"));
            }
            self.note(format!("stop{}", if force { " force" } else { "" }));
            self.set_status("Stopping");
            Ok(())
        })
    }

    async fn start(&self, _instance_id: &str) -> Result<(), ApiError> {
        self.call("StartInstance", || {
            if self.status() != "Stopped" {
                return Err(refused("StartInstance", 403, "IncorrectInstanceStatus"));
            }
            self.note("start".into());
            self.set_status("Starting");
            Ok(())
        })
    }

    async fn reset_disk(&self, disk_id: &str, snapshot_id: &str) -> Result<(), ApiError> {
        self.call("ResetDisk", || {
            if self.status() != "Stopped" {
                return Err(refused("ResetDisk", 403, "IncorrectInstanceStatus"));
            }
            self.note(format!("reset {disk_id} {snapshot_id}"));
            Ok(())
        })
    }

    async fn run_command(&self, request: &RunCommand) -> Result<String, ApiError> {
        self.call("RunCommand", || {
            if self.status() != "Running" {
                return Err(refused("RunCommand", 403, "IncorrectInstanceStatus"));
            }
            let mut invocations = self.invocations.borrow_mut();
            if let Some((id, _)) = invocations.iter().find(|(_, known)| known.token == request.client_token) {
                return Ok(id.clone());
            }
            let id = format!("t-{:03}", invocations.len() + 1);
            let mut parts = request.name.rsplitn(3, '-').take(2).collect::<Vec<_>>();
            parts.reverse();
            let invocation = Invocation { token: request.client_token.clone(), name: parts.join("-"), result: None };
            invocations.insert(id.clone(), invocation);
            Ok(id)
        })
    }

    async fn invocation(&self, invoke_id: &str, _instance_id: &str) -> Result<Option<InvocationResult>, ApiError> {
        self.call("DescribeInvocationResults", || {
            let invocations = self.invocations.borrow();
            Ok(invocations.get(invoke_id).map(|invocation| {
                let known = InvocationResult { invoke_id: invoke_id.into(), ..InvocationResult::default() };
                match &invocation.result {
                    None => InvocationResult { invocation_status: "Running".into(), ..known },
                    // The guest can say that a command never ran.
                    Some((-1, why)) => InvocationResult {
                        invocation_status: "Aborted".into(),
                        error_code: "ClientNotResponse".into(),
                        error_info: why.clone(),
                        ..known
                    },
                    Some((code, output)) => InvocationResult {
                        invocation_status: if *code == 0 { "Success" } else { "Failed" }.into(),
                        exit_code: Some(*code),
                        output: output.clone(),
                        ..known
                    },
                }
            }))
        })
    }

    async fn assistant(&self, _instance_id: &str) -> Result<Option<CloudAssistantStatus>, ApiError> {
        self.call("DescribeCloudAssistantStatus", || Ok(self.assistant.borrow().clone()))
    }

    async fn maintenance(&self, _instance_id: &str) -> Result<Vec<HistoryEvent>, ApiError> {
        self.call("DescribeInstanceHistoryEvents", || Ok(self.maintenance.borrow().clone()))
    }

    async fn tag(&self, _instance_id: &str, tags: &[Tag]) -> Result<(), ApiError> {
        self.call("TagResources", || {
            if let Some(instance) = self.instance.borrow_mut().as_mut() {
                for tag in tags {
                    instance.tags.retain(|known| known.key != tag.key);
                    instance.tags.push(tag.clone());
                }
            }
            if self.absolute.get() {
                return Ok(());
            }
            self.note(format!(
                "tag {}",
                tags.iter().map(|tag| format!("{}={}", tag.key, tag.value)).collect::<Vec<_>>().join(" ")
            ));
            Ok(())
        })
    }
}

/// A guest's answer: `osf` lines and the last one.
pub fn answer(lines: &[(&str, &str)]) -> (i64, String) {
    let lines: String = lines.iter().map(|(key, value)| format!("osf\t{key}\t{value}\n")).collect();
    (0, lines + "osf\tdone\tyes\n")
}

/// A record of instance `i-1`, from CentOS 8 to Alibaba Cloud Linux 3, that has just entered `stage`; from
/// migrate on with accomplished snapshots `s-1` and `s-2` of its two disks.
pub fn record_in(stage: Stage) -> Record {
    let hops = path::route(&Os::new(Family::CentOs, 8), None).unwrap_or_default();
    let mut record = Record::new(MigrationId::from_bytes([9; 10]), "i-1".into(), Policy::default(), hops, 0);
    record.state = State::In(stage);
    if stage > Stage::Snapshot {
        record.touched = true;
        record.disks = [("d-1", "s-1"), ("d-2", "s-2")]
            .map(|(disk, snapshot)| DiskSnapshot {
                disk_id: disk.into(),
                snapshot_id: Some(snapshot.into()),
                status: Evidence::Accomplished,
                progress: 100,
            })
            .into();
    }
    record
}

/// Puts the snapshots that [`record_in`] tells of into the cloud.
pub fn with_snapshots(cloud: FakeCloud, record: &Record) -> FakeCloud {
    for disk in &record.disks {
        cloud.snapshots.borrow_mut().push(Snapshot {
            snapshot_id: disk.snapshot_id.clone().unwrap_or_default(),
            name: record.id.name(&format!("{}-{}", record.hop, disk.disk_id)),
            status: "accomplished".into(),
            source_disk_id: disk.disk_id.clone(),
            ..Snapshot::default()
        });
    }
    cloud
}

/// Drives a stage until the migration leaves it, or a day has passed. With `twice`, every act is done, its
/// result is lost as by a crash, and it is done again.
pub async fn drive<A: Act>(stage: &A, cloud: &FakeCloud, mut record: Record, twice: bool) -> Record {
    let settings = guest::Settings { mirror: "http://mirror".into(), gpgcheck: true };
    let mut now: Millis = 0;
    while record.stage() == Some(A::STAGE) && now < 24 * 3600 * 1000 {
        let act = async |record: &Record| {
            let mut job =
                Job { cloud, record, memo: record.memo.clone(), now, settings: &settings, patience: Duration::ZERO };
            let event = stage.act(&mut job).await.unwrap_or_else(|fault| Event::Faulted(fault.cause()));
            (event, job.memo)
        };
        if twice {
            let _ = act(&record).await;
        }
        let (event, memo) = act(&record).await;
        record.memo = memo;
        record = decide(&record, event, now).record;
        let proceeds = record.look_at.is_some_and(|at| at <= now);
        if !proceeds {
            cloud.settle();
            now = record.look_at.unwrap_or(now).max(now + 1_000);
        }
    }
    record
}

/// Each of the stage's calls fails once, in both ways, and each act is done twice: the stage ends as
/// without, and has done exactly the same things.
pub async fn survives_everything<A: Act>(stage: &A, start: &Record, make: impl Fn() -> FakeCloud) -> Record {
    let plain = make();
    let expected = drive(stage, &plain, start.clone(), false).await;
    assert_ne!(expected.stage(), Some(A::STAGE), "the stage does not come to an end: {expected:?}");
    let same = |cloud: &FakeCloud, record: &Record, what: &str| {
        assert_eq!(record.state, expected.state, "{what}: {record:?}");
        assert_eq!(record.ending, expected.ending, "{what}");
        assert_eq!(*cloud.done.borrow(), *plain.done.borrow(), "{what}");
    };
    let cloud = make();
    let record = drive(stage, &cloud, start.clone(), true).await;
    same(&cloud, &record, "each act done twice");
    for failure in [Failure::Throttled, Failure::AnswerLost] {
        for nth in 1..=plain.calls.get() {
            let cloud = make();
            cloud.fail(nth, failure);
            let record = drive(stage, &cloud, start.clone(), false).await;
            same(&cloud, &record, &format!("call {nth} {failure:?}"));
        }
    }
    expected
}
