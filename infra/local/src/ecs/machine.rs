//! Carrying jobs out: first what the machine must do, then, once the latency is over, one commit
//! of how it ended.

use super::db::Txn;
use super::disks::device_of;
use super::model::{Disk, Instance, Job, Outcome, Snapshot, Work, seq_key};
use super::queue::Taken;
use super::{Ecs, RETRY_INTERVAL};
use crate::seams::{AttachedDisk, GuestSpec, HypervisorError, ServiceError};

impl Ecs {
    /// Carries out a job that is due, and puts it back when there is more to do.
    pub(super) fn carry_out(&self, taken: Taken<'_>) {
        let job = taken.job.clone();
        let seq = job.seq;
        let next = if job.work.is_polled() { self.poll(job) } else { self.run(job) };
        match next {
            Ok(None) => {}
            Ok(Some(job)) => self.queue.push(job),
            Err(error) => {
                tracing::warn!(job = seq, work = ?taken.job.work, %error, "job will be tried again");
                let due = self.now() + RETRY_INTERVAL.as_millis() as i64;
                self.queue.push(Job { due, ..taken.job.clone() });
            }
        }
    }

    /// Both phases of a machine job. Answers it when it must be looked at again.
    fn run(&self, mut job: Job) -> Result<Option<Job>, ServiceError> {
        let outcome = match &job.outcome {
            Some(outcome) => outcome.clone(),
            None => {
                let outcome = self.effect(&job.work)?;
                if let Outcome::Failed(why) = &outcome {
                    tracing::error!(work = ?job.work, why, "the machine could not");
                }
                if self.now() < job.not_before {
                    job.outcome = Some(outcome);
                    job.due = job.not_before;
                    let mut txn = self.db.begin();
                    txn.put(&job)?;
                    self.commit(txn)?;
                    return Ok(Some(job));
                }
                outcome
            }
        };
        self.finish(&job, &outcome)?;
        Ok(None)
    }

    /// What the machine must do. Idempotent: after a kill it is done again.
    ///
    /// # Errors
    /// When it must be tried again: an instance that does not go down has no other end.
    fn effect(&self, work: &Work) -> Result<Outcome, ServiceError> {
        let machine = &self.hypervisor;
        let done = match work {
            Work::CreateInstance { instance_id } => self.make_disks(instance_id)?,
            Work::Start { instance_id } => match self.db.get::<Instance>(instance_id)? {
                None => Ok(()),
                Some(instance) => machine.start(&self.guest_spec(&instance)?),
            },
            Work::Stop { instance_id, force, .. } => {
                self.take_down(instance_id, *force)?;
                Ok(())
            }
            Work::DeleteInstance { instance_id } => {
                self.take_down(instance_id, true)?;
                self.release_disks(instance_id)?
            }
            Work::CreateSnapshot { snapshot_id } => match self.db.get::<Snapshot>(snapshot_id)? {
                // Cancelled before it began.
                None => Ok(()),
                Some(snapshot) => return Ok(outcome_of(self.copy_disk(&snapshot)?)),
            },
            Work::CreateSnapshotGroup { group_id } => {
                let (copies, frozen) = self.group_copies(group_id)?;
                return Ok(outcome_of(machine.create_snapshots(&copies, frozen.as_deref())));
            }
            Work::ResetDisk { disk_id, snapshot_id } => machine.reset_disk(disk_id, snapshot_id),
            Work::CreateDisk { disk_id } => match self.db.get::<Disk>(disk_id)? {
                None => Ok(()),
                Some(disk) => self.make_disk(&disk),
            },
            Work::DropDisk { disk_id } => machine.delete_disk(disk_id),
            Work::DropSnapshot { snapshot_id } => machine.delete_snapshot(snapshot_id),
            Work::AttachDisk { disk_id } => self.plug(disk_id, true)?,
            Work::DetachDisk { disk_id } => self.plug(disk_id, false)?,
            // An image is its snapshots.
            Work::CreateImage { .. } | Work::ExpireSnapshot { .. } => Ok(()),
            Work::Command { .. } | Work::FirstHeartbeat { .. } => Ok(()),
        };
        Ok(outcome_of(done.map(|()| 0)))
    }

    /// Commits how a job ended: the new states, the events that say so, what follows, and that the
    /// job is over.
    pub(super) fn finish(&self, job: &Job, outcome: &Outcome) -> Result<(), ServiceError> {
        let mut txn = self.db.begin();
        let txn_ref = &mut txn;
        let ok = matches!(outcome, Outcome::Done(_));
        match &job.work {
            Work::CreateInstance { instance_id } => self.instance_created(txn_ref, instance_id, ok)?,
            Work::Start { instance_id } => self.instance_started(txn_ref, instance_id, ok)?,
            Work::Stop { instance_id, reboot, .. } => self.instance_stopped(txn_ref, instance_id, *reboot)?,
            Work::DeleteInstance { instance_id } => self.instance_deleted(txn_ref, instance_id)?,
            Work::CreateSnapshot { snapshot_id } => self.snapshot_taken(txn_ref, snapshot_id, outcome)?,
            Work::CreateSnapshotGroup { group_id } => self.group_taken(txn_ref, group_id, outcome)?,
            Work::CreateImage { image_id } => self.image_created(txn_ref, image_id)?,
            Work::ExpireSnapshot { snapshot_id } => self.snapshot_expired(txn_ref, snapshot_id)?,
            Work::ResetDisk { disk_id, .. } => self.disk_reset(txn_ref, disk_id)?,
            Work::CreateDisk { disk_id } => self.disk_created(txn_ref, disk_id, ok)?,
            Work::AttachDisk { disk_id } => self.disk_attached(txn_ref, disk_id, ok)?,
            Work::DetachDisk { disk_id } => self.disk_detached(txn_ref, disk_id, ok)?,
            Work::DropDisk { .. } | Work::DropSnapshot { .. } => {}
            Work::Command { .. } | Work::FirstHeartbeat { .. } => {}
        }
        end_job(&mut txn, job);
        self.commit(txn)
    }

    fn take_down(&self, instance_id: &str, force: bool) -> Result<(), ServiceError> {
        match self.hypervisor.stop(instance_id, force) {
            Ok(()) | Err(HypervisorError::NotRunning(_) | HypervisorError::NotFound(_)) => Ok(()),
            Err(error) => Err(ServiceError::internal(format!("stop {instance_id}: {error}"))),
        }
    }

    /// Copies the snapshot's disk while its guest, if it runs, stands still.
    fn copy_disk(&self, snapshot: &Snapshot) -> Result<Result<u64, HypervisorError>, ServiceError> {
        let disk: Option<Disk> = self.db.get(&snapshot.disk_id)?;
        let instance = disk.and_then(|disk| disk.instance_id);
        let frozen = instance.filter(|id| self.hypervisor.is_running(id));
        Ok(self.hypervisor.create_snapshot(&snapshot.snapshot_id, &snapshot.disk_id, frozen.as_deref()))
    }

    /// Makes the disks of an instance.
    pub(super) fn make_disks(&self, instance_id: &str) -> Result<Result<(), HypervisorError>, ServiceError> {
        let disks = self.disks_of(instance_id)?;
        Ok(disks.iter().try_for_each(|disk| self.make_disk(disk)))
    }

    fn make_disk(&self, disk: &Disk) -> Result<(), HypervisorError> {
        let Some(snapshot_id) = &disk.source_snapshot_id else {
            return self.hypervisor.create_disk(&disk.disk_id, disk.image_id.as_deref());
        };
        self.hypervisor.create_disk(&disk.disk_id, None)?;
        self.hypervisor.reset_disk(&disk.disk_id, snapshot_id)
    }

    /// A running guest sees the disk, or sees it no more.
    fn plug(&self, disk_id: &str, into: bool) -> Result<Result<(), HypervisorError>, ServiceError> {
        let Some(Disk { disk_id, instance_id: Some(instance), device: Some(device), .. }) = self.db.get(disk_id)?
        else {
            return Ok(Ok(()));
        };
        Ok(match into {
            true => self.hypervisor.attach_disk(&instance, &AttachedDisk { disk_id, device }),
            false => self.hypervisor.detach_disk(&instance, &disk_id),
        })
    }

    fn release_disks(&self, instance_id: &str) -> Result<Result<(), HypervisorError>, ServiceError> {
        let disks = self.disks_of(instance_id)?;
        let mut released = disks.iter().filter(|disk| disk.delete_with_instance);
        Ok(released.try_for_each(|disk| self.hypervisor.delete_disk(&disk.disk_id)))
    }

    /// The attached disks of an instance, the system disk first.
    pub(super) fn disks_of(&self, instance_id: &str) -> Result<Vec<Disk>, ServiceError> {
        let ids = self.db.get::<Instance>(instance_id)?.map(|instance| instance.disks).unwrap_or_default();
        ids.iter().filter_map(|id| self.db.get(id).transpose()).collect()
    }

    fn guest_spec(&self, instance: &Instance) -> Result<GuestSpec, ServiceError> {
        let disks = self.disks_of(&instance.instance_id)?;
        let attached = disks.into_iter().enumerate().map(|(n, disk)| AttachedDisk {
            device: disk.device.unwrap_or_else(|| device_of(n)),
            disk_id: disk.disk_id,
        });
        Ok(GuestSpec {
            instance_id: instance.instance_id.clone(),
            host_name: instance.host_name.clone(),
            disks: attached.collect(),
        })
    }
}

/// The job is over.
pub(super) fn end_job(txn: &mut Txn<'_>, job: &Job) {
    txn.delete::<Job>(&seq_key(job.seq));
}

fn outcome_of(result: Result<u64, HypervisorError>) -> Outcome {
    match result {
        Ok(bytes) => Outcome::Done(bytes),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}
