//! A small account: one instance to migrate, and whatever is made beside it.

mod calls;
mod made;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use openapi::ecs::{
    AutoSnapshotPolicy, CloudAssistantStatus, CreateDisk, CreateImage, CreateSnapshot, CreateSnapshotGroup,
    DeviceMapping, Disk, DiskKind, GroupedSnapshot, HistoryEvent, Image, Instance, InvocationResult, RunCommand,
    RunInstance, Snapshot, SnapshotGroup, Tag, VpcAttributes, can_be_grouped,
};
use openapi::error::{ApiError, ErrorKind};

use migration::Call;

use crate::cloud::{Cloud, is_told};

/// How a call of [`FakeCloud`] fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Refused for flow control; nothing was done.
    Throttled,
    /// Done, but the answer got lost.
    AnswerLost,
}

/// An account with one instance, whose guest answers from a script, and with what is made in it.
pub struct FakeCloud {
    /// The instance; None when it vanished.
    pub instance: RefCell<Option<Instance>>,
    /// Its disks.
    pub disks: RefCell<Vec<Disk>>,
    /// Instances that were made beside it.
    pub made_instances: RefCell<Vec<Instance>>,
    /// Disks that were made beside those, attached or not, and those of `made_instances`.
    pub made_disks: RefCell<Vec<Disk>>,
    /// Snapshots.
    pub snapshots: RefCell<Vec<Snapshot>>,
    /// Snapshot groups; how far their snapshots are stands in `snapshots`.
    pub groups: RefCell<Vec<SnapshotGroup>>,
    /// Images.
    pub images: RefCell<Vec<Image>>,
    /// Cloud Assistant on the instance.
    pub assistant: RefCell<Option<CloudAssistantStatus>>,
    /// Pending maintenance.
    pub maintenance: RefCell<Vec<HistoryEvent>>,
    /// Automatic snapshot policies of the region.
    pub auto_snapshot_policies: RefCell<Vec<AutoSnapshotPolicy>>,
    /// What the instance wrote to its console.
    pub console: RefCell<String>,
    /// Everything that was done, in order: `create-snapshot d-1`, `stop`, `run start-1`, …
    pub done: RefCell<Vec<String>>,
    /// Leave out of `done` what sets an absolute value: doing it again is the same.
    pub absolute: Cell<bool>,
    /// Operations that are refused, by their name (`ResetDisk`, or of one disk `ResetDisk d-1`), with this code.
    pub refuses: RefCell<BTreeMap<String, String>>,
    /// Names of snapshots that do not come to their end.
    pub slow_snapshots: RefCell<fn(&str) -> bool>,
    /// The guest does not go down when it is asked to; only by force.
    pub hangs: Cell<bool>,
    /// What is made is in no list until it is looked at the next time.
    pub lists_lag: Cell<bool>,
    /// Ids that no list has yet.
    unlisted: RefCell<BTreeSet<String>>,
    /// What the operator has configured, for the stages that are driven on it.
    pub options: RefCell<crate::settings::Options>,
    guest: RefCell<Guest>,
    invocations: RefCell<BTreeMap<String, Invocation>>,
    /// What a ClientToken was used for, by operation and token.
    tokens: RefCell<BTreeMap<String, String>>,
    /// Made instances whose agent was heard.
    heard: RefCell<BTreeSet<String>>,
    /// Calls for the history; their numbers are those of the calls.
    told: RefCell<Vec<Call>>,
    calls: Cell<u32>,
    fail: Cell<Option<(u32, Failure)>>,
}

/// From a command's name to its exit code and output.
type Guest = Box<dyn FnMut(&str) -> (i64, String)>;

struct Invocation {
    name: String,
    instances: Vec<String>,
    stopped: bool,
    result: Option<(i64, String)>,
}

impl FakeCloud {
    /// A running CentOS 8 with a system disk and a data disk, which no snapshot group can hold.
    pub fn new() -> Self {
        let instance = Instance {
            instance_id: "i-1".into(),
            os_name_en: "CentOS  8.5 64 bit".into(),
            os_type: "linux".into(),
            status: "Running".into(),
            instance_network_type: "vpc".into(),
            instance_type: "ecs.g7.large".into(),
            zone_id: "z-1".into(),
            security_group_ids: vec!["sg-1".into()],
            ..Instance::default()
        };
        let disk = |id: &str, kind| Disk {
            disk_id: id.into(),
            kind,
            status: "In_use".into(),
            instance_id: "i-1".into(),
            ..Disk::default()
        };
        let assistant = CloudAssistantStatus {
            instance_id: "i-1".into(),
            running: true,
            last_heartbeat_time: "1970-01-01T00:00:00Z".into(),
            ..CloudAssistantStatus::default()
        };
        Self {
            instance: RefCell::new(Some(instance)),
            disks: RefCell::new(vec![disk("d-1", DiskKind::System), disk("d-2", DiskKind::Data)]),
            made_instances: RefCell::default(),
            made_disks: RefCell::default(),
            snapshots: RefCell::default(),
            groups: RefCell::default(),
            images: RefCell::default(),
            assistant: RefCell::new(Some(assistant)),
            maintenance: RefCell::default(),
            auto_snapshot_policies: RefCell::default(),
            console: RefCell::default(),
            done: RefCell::default(),
            absolute: Cell::new(false),
            refuses: RefCell::default(),
            slow_snapshots: RefCell::new(|_| false),
            hangs: Cell::new(false),
            lists_lag: Cell::new(false),
            unlisted: RefCell::default(),
            options: RefCell::default(),
            guest: RefCell::new(Box::new(|name| panic!("the guest was asked for {name}"))),
            invocations: RefCell::default(),
            tokens: RefCell::default(),
            heard: RefCell::default(),
            told: RefCell::default(),
            calls: Cell::new(0),
            fail: Cell::new(None),
        }
    }

    /// The same with ESSDs, which a snapshot group can hold.
    pub fn with_essds() -> Self {
        let cloud = Self::new();
        for disk in cloud.disks.borrow_mut().iter_mut() {
            disk.category = "cloud_essd".into();
        }
        cloud
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

    /// How many calls there were.
    pub fn calls(&self) -> u32 {
        self.calls.get()
    }

    /// Everything that takes time comes to its end.
    pub fn settle(&self) {
        self.unlisted.borrow_mut().clear();
        let slow = self.slow_snapshots.borrow();
        let ends = |snapshot: &&mut Snapshot| snapshot.status == "progressing" && !slow(&snapshot.name);
        for snapshot in self.snapshots.borrow_mut().iter_mut().filter(ends) {
            snapshot.status = "accomplished".into();
            snapshot.progress = "100%".into();
            snapshot.available = true;
        }
        for image in self.images.borrow_mut().iter_mut().filter(|image| image.status == "Creating") {
            image.status = "Available".into();
            image.progress = "100%".into();
        }
        for disk in self.disks.borrow_mut().iter_mut() {
            disk.status = "In_use".into();
        }
        self.settle_made();
        if let Some(instance) = self.instance.borrow_mut().as_mut() {
            match instance.status.as_str() {
                "Stopping" if !self.hangs.get() => instance.status = "Stopped".into(),
                "Starting" => instance.status = "Running".into(),
                _ => {}
            }
        }
        for invocation in self.invocations.borrow_mut().values_mut() {
            if invocation.result.is_none() && !invocation.stopped {
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

    fn settle_made(&self) {
        for disk in self.made_disks.borrow_mut().iter_mut() {
            match disk.status.as_str() {
                "Creating" => disk.status = "Available".into(),
                "Attaching" => disk.status = "In_use".into(),
                "Detaching" => {
                    disk.status = "Available".into();
                    disk.instance_id.clear();
                }
                _ => {}
            }
        }
        for instance in self.made_instances.borrow_mut().iter_mut() {
            match instance.status.as_str() {
                "Pending" | "Starting" => instance.status = "Running".into(),
                // The agent comes up after its instance.
                "Running" => {
                    self.heard.borrow_mut().insert(instance.instance_id.clone());
                }
                "Stopping" => instance.status = "Stopped".into(),
                _ => {}
            }
        }
        let gone = |disk: &Disk| {
            let made = |id: &str| self.made_instances.borrow().iter().any(|instance| instance.instance_id == id);
            disk.delete_with_instance && !self.is_first(&disk.instance_id) && !made(&disk.instance_id)
        };
        self.made_disks.borrow_mut().retain(|disk| !gone(disk));
    }

    /// No list has it until it is looked at the next time.
    pub fn hide(&self, id: &str) {
        self.unlisted.borrow_mut().insert(id.to_owned());
    }

    fn is_listed(&self, id: &str) -> bool {
        !self.unlisted.borrow().contains(id)
    }

    fn is_first(&self, instance_id: &str) -> bool {
        self.instance.borrow().as_ref().is_some_and(|instance| instance.instance_id == instance_id)
    }

    fn find(&self, instance_id: &str) -> Option<Instance> {
        let first = self.instance.borrow().clone().filter(|instance| instance.instance_id == instance_id);
        first.or_else(|| self.made_instances.borrow().iter().find(|i| i.instance_id == instance_id).cloned())
    }

    fn change(&self, instance_id: &str, change: impl FnOnce(&mut Instance)) {
        let mut first = self.instance.borrow_mut();
        let mut made = self.made_instances.borrow_mut();
        if let Some(instance) = first.iter_mut().chain(made.iter_mut()).find(|i| i.instance_id == instance_id) {
            change(instance);
        }
    }

    fn status(&self, instance_id: &str) -> String {
        self.find(instance_id).map(|instance| instance.status).unwrap_or_default()
    }

    fn set_status(&self, instance_id: &str, status: &str) {
        self.change(instance_id, |instance| instance.status = status.into());
    }

    fn note(&self, what: String) {
        self.done.borrow_mut().push(what);
    }

    /// Notes what sets an absolute value, unless told not to.
    fn note_absolute(&self, what: String) {
        if !self.absolute.get() {
            self.note(what);
        }
    }

    /// What this operation made for this ClientToken; else what `make` makes.
    fn once(
        &self,
        operation: &str,
        token: &str,
        make: impl FnOnce() -> Result<String, ApiError>,
    ) -> Result<String, ApiError> {
        let key = format!("{operation} {token}");
        if let Some(made) = self.tokens.borrow().get(&key).filter(|_| !token.is_empty()) {
            return Ok(made.clone());
        }
        let made = make()?;
        if self.lists_lag.get() {
            self.unlisted.borrow_mut().insert(made.clone());
        }
        self.tokens.borrow_mut().insert(key, made.clone());
        Ok(made)
    }

    fn new_snapshot(&self, snapshot: Snapshot) -> String {
        let mut snapshots = self.snapshots.borrow_mut();
        let mut number = snapshots.len() + 1;
        while snapshots.iter().any(|known| known.snapshot_id == format!("s-{number}")) {
            number += 1;
        }
        let snapshot_id = format!("s-{number}");
        snapshots.push(Snapshot {
            snapshot_id: snapshot_id.clone(),
            status: "progressing".into(),
            progress: "10%".into(),
            ..snapshot
        });
        snapshot_id
    }

    /// Refuses a disk of which a snapshot is being created.
    fn may_snapshot(&self, operation: &str, disk_id: &str) -> Result<(), ApiError> {
        match self.is_being_copied(disk_id) {
            true => Err(refused(operation, 403, "IncorrectDiskStatus.CreatingSnapshot")),
            false => Ok(()),
        }
    }

    fn is_being_copied(&self, disk_id: &str) -> bool {
        let busy = |snapshot: &Snapshot| snapshot.source_disk_id == disk_id && snapshot.status == "progressing";
        self.snapshots.borrow().iter().any(busy)
    }

    fn made_disk(&self, operation: &str, disk_id: &str, change: impl FnOnce(&mut Disk)) -> Result<(), ApiError> {
        let mut disks = self.made_disks.borrow_mut();
        let disk = disks.iter_mut().find(|disk| disk.disk_id == disk_id);
        change(disk.ok_or_else(|| refused(operation, 404, "InvalidDiskId.NotFound"))?);
        Ok(())
    }

    fn status_of_made(&self, disk_id: &str) -> String {
        let disks = self.made_disks.borrow();
        disks.iter().find(|disk| disk.disk_id == disk_id).map(|disk| disk.status.clone()).unwrap_or_default()
    }

    /// Does what is asked, unless this call is the one that fails.
    fn call<T>(&self, operation: &str, act: impl FnOnce() -> Result<T, ApiError>) -> Result<T, ApiError> {
        let number = self.calls.get() + 1;
        self.calls.set(number);
        if let Some(code) = self.refuses.borrow().get(operation) {
            return Err(refused(operation, 403, code));
        }
        match self.fail.get() {
            Some((nth, Failure::Throttled)) if nth == number => Err(refused(operation, 400, "Throttling.User")),
            Some((nth, Failure::AnswerLost)) if nth == number => {
                act().and(Err(refused(operation, 503, "ServiceUnavailable")))
            }
            _ => {
                let before = self.done.borrow().len();
                let answer = act();
                if let (Ok(_), Some(done)) = (&answer, self.done.borrow().get(before)) {
                    self.tell(operation, done, "");
                }
                answer
            }
        }
    }

    fn tell(&self, operation: &str, resource: &str, name: &str) {
        if is_told(operation, name) {
            self.told.borrow_mut().push(Call {
                operation: operation.into(),
                resource: resource.into(),
                name: name.into(),
                request_id: format!("call-{}", self.calls.get()),
            });
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
