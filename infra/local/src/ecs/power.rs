//! Start, stop, reboot, and guests that end by themselves.

use serde_json::{Value, json};

use super::Ecs;
use super::db::Txn;
use super::errors;
use super::event;
use super::model::{Disk, DiskStatus, Instance, InstanceStatus, Work};
use super::params::Params;
use crate::seams::ServiceError;

impl Ecs {
    /// StartInstance: Stopped, Starting, Running.
    pub(super) fn start_instance(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        let id = params.required("InstanceId")?;
        let dry_run = params.flag("DryRun")?;
        let mut txn = self.db.begin();
        let mut instance = unlocked(&txn, id)?;
        if instance.status != InstanceStatus::Stopped {
            return Err(errors::instance_status(403));
        }
        for disk in &instance.disks {
            if txn.get::<Disk>(disk)?.is_some_and(|disk| disk.status == DiskStatus::ReIniting) {
                return Err(errors::disk_error());
            }
        }
        if dry_run {
            return Err(errors::dry_run());
        }
        self.begin_start(&mut txn, &mut instance)?;
        self.commit(txn)?;
        Ok(json!({}))
    }

    /// StopInstance: Running, Stopping, Stopped.
    pub(super) fn stop_instance(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        let id = params.required("InstanceId")?;
        let force = params.flag("ForceStop")?;
        let dry_run = params.flag("DryRun")?;
        let mode = params.get("StoppedMode").unwrap_or("KeepCharging");
        if !["KeepCharging", "StopCharging"].contains(&mode) {
            return Err(errors::invalid("StoppedMode"));
        }
        let mut txn = self.db.begin();
        let mut instance = unlocked(&txn, id)?;
        if instance.status != InstanceStatus::Running {
            return Err(errors::instance_status(403));
        }
        if dry_run {
            return Err(errors::dry_run());
        }
        instance.stopped_mode = mode.to_owned();
        self.begin_stop(&mut txn, &mut instance, force, false)?;
        self.commit(txn)?;
        Ok(json!({}))
    }

    /// RebootInstance: Running, Starting, Running.
    pub(super) fn reboot_instance(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        let id = params.required("InstanceId")?;
        let force = params.flag("ForceStop")?;
        let dry_run = params.flag("DryRun")?;
        let mut txn = self.db.begin();
        let mut instance = unlocked(&txn, id)?;
        if instance.status != InstanceStatus::Running {
            return Err(errors::instance_status(403));
        }
        if dry_run {
            return Err(errors::dry_run());
        }
        self.begin_stop(&mut txn, &mut instance, force, true)?;
        self.commit(txn)?;
        Ok(json!({}))
    }

    fn begin_start(&self, txn: &mut Txn<'_>, instance: &mut Instance) -> Result<(), ServiceError> {
        self.set_status(txn, instance, InstanceStatus::Starting)?;
        let work = Work::Start { instance_id: instance.instance_id.clone() };
        txn.job(&instance.instance_id, self.now(), self.earliest_end(), work)
    }

    /// A reboot is Starting to whoever asks, and Stopping in its first event.
    pub(super) fn begin_stop(
        &self,
        txn: &mut Txn<'_>,
        instance: &mut Instance,
        force: bool,
        reboot: bool,
    ) -> Result<(), ServiceError> {
        instance.status = if reboot { InstanceStatus::Starting } else { InstanceStatus::Stopping };
        txn.put(instance)?;
        txn.publish(event::state_change(&self.config, self.now(), instance, InstanceStatus::Stopping.as_str()))?;
        let work = Work::Stop { instance_id: instance.instance_id.clone(), force, reboot };
        txn.job(&instance.instance_id, self.now(), self.earliest_end(), work)
    }

    /// The disks of a new instance are made (or could not be).
    pub(super) fn instance_created(&self, txn: &mut Txn<'_>, id: &str, ok: bool) -> Result<(), ServiceError> {
        let Some(mut instance) = txn.get::<Instance>(id)? else { return Ok(()) };
        if instance.status != InstanceStatus::Pending {
            return Ok(());
        }
        if ok {
            txn.publish(event::state_change(&self.config, self.now(), &instance, "Created"))?;
            return self.begin_start(txn, &mut instance);
        }
        for disk in &instance.disks {
            if let Some(disk) = txn.get::<Disk>(disk)? {
                self.forget_disk(txn, &disk)?;
            }
        }
        txn.delete::<Instance>(id);
        Ok(())
    }

    /// The guest is up (or could not be started).
    pub(super) fn instance_started(&self, txn: &mut Txn<'_>, id: &str, ok: bool) -> Result<(), ServiceError> {
        let Some(mut instance) = txn.get::<Instance>(id)? else { return Ok(()) };
        if instance.status != InstanceStatus::Starting {
            return Ok(());
        }
        if !ok {
            return self.set_status(txn, &mut instance, InstanceStatus::Stopped);
        }
        instance.started = Some(self.now());
        instance.stopped_mode = "Not-applicable".into();
        self.set_status(txn, &mut instance, InstanceStatus::Running)?;
        if !instance.heartbeat_seen {
            txn.job(id, self.now(), 0, Work::FirstHeartbeat { instance_id: id.to_owned() })?;
        }
        Ok(())
    }

    /// The guest is down.
    pub(super) fn instance_stopped(&self, txn: &mut Txn<'_>, id: &str, reboot: bool) -> Result<(), ServiceError> {
        let Some(mut instance) = txn.get::<Instance>(id)? else { return Ok(()) };
        match instance.status {
            InstanceStatus::Starting if reboot => self.begin_start(txn, &mut instance),
            InstanceStatus::Stopping => self.set_status(txn, &mut instance, InstanceStatus::Stopped),
            _ => Ok(()),
        }
    }

    fn set_status(
        &self,
        txn: &mut Txn<'_>,
        instance: &mut Instance,
        status: InstanceStatus,
    ) -> Result<(), ServiceError> {
        instance.status = status;
        txn.put(instance)?;
        txn.publish(event::state_change(&self.config, self.now(), instance, status.as_str()))
    }

    /// An instance that should run but whose init is gone (it powered itself off, it crashed, the
    /// machine below was restarted) is Stopped. The workers do this a few times a second.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn watch_guests(&self) -> Result<(), ServiceError> {
        let running: Vec<String> = self.running().iter().cloned().collect();
        for id in running.iter().filter(|id| !self.hypervisor.is_running(id)) {
            let mut txn = self.db.begin();
            let Some(mut instance) = txn.get::<Instance>(id)? else { continue };
            // Asked again in the writer's turn: a start that was committed meanwhile must not be
            // undone by what was seen before it.
            if instance.status != InstanceStatus::Running || self.hypervisor.is_running(id) {
                continue;
            }
            tracing::info!(instance = id, "the guest ended by itself");
            instance.stopped_mode = "KeepCharging".into();
            self.set_status(&mut txn, &mut instance, InstanceStatus::Stopped)?;
            self.commit(txn)?;
        }
        Ok(())
    }
}

/// The instance `id`, unless it is locked.
pub(super) fn unlocked(txn: &Txn<'_>, id: &str) -> Result<Instance, ServiceError> {
    let instance = txn.get::<Instance>(id)?.ok_or_else(|| errors::no_instance(id))?;
    match instance.operation_locks.first() {
        None => Ok(instance),
        Some(reason) => Err(errors::locked(reason)),
    }
}
