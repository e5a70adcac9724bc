//! What only the operator of the local cloud can do: make and delete instances, lock them, announce
//! maintenance. The real service does the first in RunInstances and the others by itself.

use super::Ecs;
use super::db::Txn;
use super::disks::device_of;
use super::errors;
use super::event::{self, new_id};
use super::model::{Disk, DiskStatus, HistoryEvent, Instance, InstanceStatus, Outcome, Tags, Work};
use super::network;
use crate::seams::ServiceError;

/// GiB of a new instance's disks.
const DISK_SIZE: u32 = 40;

/// What a new instance is to be.
#[derive(Clone, Debug)]
pub struct NewInstance {
    /// `i-…`; None makes one up.
    pub instance_id: Option<String>,
    /// Display name; also the host name, as far as it can be one.
    pub name: String,
    /// Image whose files the system disk gets.
    pub image_id: String,
    /// Localised name of the image's system, as DescribeInstances says it.
    pub os_name: String,
    /// English name of the image's system, as DescribeInstances says it.
    pub os_name_en: String,
    /// `linux` or `windows`.
    pub os_type: String,
    /// Tags of the instance and its disks.
    pub tags: Tags,
    /// One data disk each, with the files of an image or empty.
    pub data_disks: Vec<Option<String>>,
    /// `cloud_essd`, `cloud_efficiency`…
    pub disk_category: String,
    /// `ecs.…`
    pub instance_type: String,
    /// Cores.
    pub cpu: u32,
    /// MiB.
    pub memory: u32,
    /// `vpc` or `classic`.
    pub network_type: String,
    /// Network interfaces beside the primary one.
    pub secondary_interfaces: u32,
    /// `PostPaid` or `PrePaid`.
    pub charge_type: String,
    /// `LockReason`s in force from the beginning.
    pub operation_locks: Vec<String>,
}

impl Default for NewInstance {
    fn default() -> Self {
        Self {
            instance_id: None,
            name: String::new(),
            image_id: String::new(),
            os_name: String::new(),
            os_name_en: String::new(),
            os_type: "linux".into(),
            tags: Tags::new(),
            data_disks: Vec::new(),
            disk_category: "cloud_essd".into(),
            instance_type: "ecs.g7.large".into(),
            cpu: 2,
            memory: 8192,
            network_type: "vpc".into(),
            secondary_interfaces: 0,
            charge_type: "PostPaid".into(),
            operation_locks: Vec::new(),
        }
    }
}

/// A system event to announce.
#[derive(Clone, Debug)]
pub struct NewHistoryEvent {
    /// `i-…`
    pub instance_id: String,
    /// `SystemMaintenance.Reboot`, `SystemFailure.Redeploy`…
    pub event_type: String,
    /// `Scheduled`, `Executing`, `Executed`, `Avoided`, `Canceled`, `Failed`, `Inquiring`.
    pub cycle_status: String,
    /// Free text.
    pub reason: String,
    /// Not carried out before this, epoch milliseconds.
    pub not_before: i64,
}

impl Ecs {
    /// Makes an instance and starts it; answers its id once its disks are made. Events: StateChange
    /// Created, Starting and Running, then FirstHeartbeat. Blocks while the disks are made.
    ///
    /// # Errors
    /// `InvalidInstanceId.Duplicate` (400) when the id is taken; `InvalidImageId.NotFound` (404)
    /// when the disks cannot be made.
    pub fn create_instance(&self, new: NewInstance) -> Result<String, ServiceError> {
        let id = new.instance_id.clone().unwrap_or_else(|| new_id("i-", self.now()));
        let mut txn = self.db.begin();
        if txn.get::<Instance>(&id)?.is_some() {
            let message = format!("The specified instance {id} already exists.");
            return Err(ServiceError::new(400, "InvalidInstanceId.Duplicate", message));
        }
        let images = std::iter::once(Some(new.image_id.clone())).chain(new.data_disks.iter().cloned());
        let mut disks = Vec::new();
        for (n, image_id) in images.enumerate() {
            let disk = Disk { image_id, category: new.disk_category.clone(), ..self.new_disk(n, &id, &new.tags) };
            disks.push(disk.disk_id.clone());
            txn.put(&disk)?;
        }
        txn.put(&Instance {
            instance_id: id.clone(),
            host_name: host_name(&new.name, &id),
            instance_name: new.name,
            description: String::new(),
            image_id: new.image_id.clone(),
            os_name: new.os_name,
            os_name_en: new.os_name_en,
            os_type: new.os_type,
            status: InstanceStatus::Pending,
            tags: new.tags,
            disks,
            instance_type: new.instance_type,
            cpu: new.cpu,
            memory: new.memory,
            network_type: new.network_type,
            secondary_interfaces: new.secondary_interfaces,
            v_switch_id: network::HOME.id.into(),
            security_group_id: network::HOME_GROUP.into(),
            zone: self.zone(),
            charge_type: new.charge_type,
            operation_locks: new.operation_locks,
            deletion_protection: false,
            stopped_mode: "Not-applicable".into(),
            created: self.now(),
            started: None,
            heartbeat_seen: false,
            invocations: 0,
            active_tasks: 0,
            last_invoked: None,
        })?;
        // The first phase is done here, so that a missing image is this call's error. The job is
        // stored before, so that a kill leaves no disk that nobody knows.
        let work = Work::CreateInstance { instance_id: id.clone() };
        let job = txn.parked_job(&id, self.now(), self.earliest_end(), work)?;
        self.commit(txn)?;
        if let Err(error) = self.make_disks(&id)? {
            self.finish(&job, &Outcome::Failed(error.to_string()))?;
            let message = format!("The disks of image {} could not be made: {error}", new.image_id);
            return Err(ServiceError::new(404, "InvalidImageId.NotFound", message));
        }
        self.queue.push(job);
        Ok(id)
    }

    /// A disk of a new instance, the system disk being the first.
    pub(super) fn new_disk(&self, n: usize, instance_id: &str, tags: &Tags) -> Disk {
        Disk {
            disk_id: new_id("d-", self.now()),
            disk_name: String::new(),
            system: n == 0,
            size: DISK_SIZE,
            category: "cloud_essd".into(),
            status: DiskStatus::InUse,
            instance_id: Some(instance_id.to_owned()),
            device: Some(device_of(n)),
            zone: self.zone(),
            delete_with_instance: true,
            delete_auto_snapshot: true,
            auto_snapshot_policy_id: None,
            ever_attached: true,
            image_id: None,
            source_snapshot_id: None,
            snapshots: Vec::new(),
            creating_snapshot: None,
            resetting_from: None,
            tags: tags.clone(),
            created: self.now(),
        }
    }

    /// Every instance, youngest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn instances(&self) -> Result<Vec<Instance>, ServiceError> {
        self.db.scan("")
    }

    /// One instance.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn instance(&self, id: &str) -> Result<Option<Instance>, ServiceError> {
        self.db.get(id)
    }

    /// The attached disks of an instance, the system disk first; none for an unknown one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn instance_disks(&self, id: &str) -> Result<Vec<Disk>, ServiceError> {
        self.disks_of(id)
    }

    /// Releases an instance with its disks, running or not; its snapshots stay. Done when
    /// StateChange says Deleted.
    ///
    /// # Errors
    /// `InvalidInstanceId.NotFound` (404), `InvalidOperation.DeletionProtection` (403),
    /// `IncorrectInstanceStatus` (403) while it is Pending.
    pub fn delete_instance(&self, id: &str) -> Result<(), ServiceError> {
        let mut txn = self.db.begin();
        let instance = txn.get::<Instance>(id)?.ok_or_else(|| errors::no_instance(id))?;
        if instance.deletion_protection {
            return Err(errors::deletion_protected(id));
        }
        if instance.status == InstanceStatus::Pending {
            return Err(errors::instance_status(403));
        }
        self.begin_release(&mut txn, instance)?;
        self.commit(txn)
    }

    /// Takes the instance down and releases it.
    pub(super) fn begin_release(&self, txn: &mut Txn<'_>, instance: Instance) -> Result<(), ServiceError> {
        let id = instance.instance_id.clone();
        if instance.status == InstanceStatus::Running {
            // Otherwise the watcher would see a crash.
            txn.put(&Instance { status: InstanceStatus::Stopping, ..instance })?;
        }
        txn.job(&id, self.now(), self.earliest_end(), Work::DeleteInstance { instance_id: id.clone() })
    }

    /// The guest is down and its disks are gone.
    pub(super) fn instance_deleted(&self, txn: &mut Txn<'_>, id: &str) -> Result<(), ServiceError> {
        let Some(instance) = txn.get::<Instance>(id)? else { return Ok(()) };
        for disk_id in &instance.disks {
            match txn.get::<Disk>(disk_id)? {
                Some(disk) if disk.delete_with_instance => self.forget_disk(txn, &disk)?,
                Some(disk) => txn.put(&Disk {
                    status: DiskStatus::Available,
                    instance_id: None,
                    device: None,
                    delete_with_instance: false,
                    ..disk
                })?,
                None => {}
            }
        }
        txn.delete::<Instance>(id);
        txn.publish(event::state_change(&self.config, self.now(), &instance, "Deleted"))
    }

    /// Sets the `LockReason`s in force on an instance (`financial`, `security`…); none unlocks it.
    ///
    /// # Errors
    /// `InvalidInstanceId.NotFound` (404).
    pub fn set_operation_locks(&self, id: &str, reasons: Vec<String>) -> Result<(), ServiceError> {
        let mut txn = self.db.begin();
        let instance = txn.get::<Instance>(id)?.ok_or_else(|| errors::no_instance(id))?;
        txn.put(&Instance { operation_locks: reasons, ..instance })?;
        self.commit(txn)
    }

    /// Announces a system event, as DescribeInstanceHistoryEvents then says; answers its id.
    ///
    /// # Errors
    /// `InvalidInstanceId.NotFound` (404).
    pub fn add_history_event(&self, new: NewHistoryEvent) -> Result<String, ServiceError> {
        let mut txn = self.db.begin();
        let known = txn.get::<Instance>(&new.instance_id)?.is_some();
        if !known {
            return Err(errors::no_instance(&new.instance_id));
        }
        let over = !["Scheduled", "Executing", "Inquiring"].contains(&new.cycle_status.as_str());
        let event_id = new_id("e-", self.now());
        txn.put(&HistoryEvent {
            event_id: event_id.clone(),
            instance_id: new.instance_id,
            event_type: new.event_type,
            cycle_status: new.cycle_status,
            reason: new.reason,
            not_before: new.not_before,
            published: self.now(),
            finished: over.then(|| self.now()),
        })?;
        self.commit(txn)?;
        Ok(event_id)
    }
}

/// The name as a host name: letters, digits and hyphens; the instance's id when nothing is left.
pub(super) fn host_name(name: &str, id: &str) -> String {
    let letters: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = letters.trim_matches('-');
    let name: String = name.chars().take(60).collect();
    if name.is_empty() { id.to_owned() } else { name }
}
