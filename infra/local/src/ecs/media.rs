//! Snapshots of installation media. In the real service a person makes one once, of a disk that the media were copied
//! to; here the operator asks for it.

use super::Ecs;
use super::event::new_id;
use super::model::{Snapshot, SnapshotStatus, SystemName, Tags};
use crate::seams::{HypervisorError, ServiceError};

/// GiB of a disk with media.
const SIZE: u32 = 20;

impl Ecs {
    /// An accomplished snapshot of a data disk with the files of an image; answers its id. Blocks while it is made.
    ///
    /// # Errors
    /// `InvalidImageId.NotFound` (404); when the disk cannot be made.
    pub fn create_media(&self, image_id: &str) -> Result<String, ServiceError> {
        let (disk_id, snapshot_id) = (new_id("d-", self.now()), new_id("s-", self.now()));
        let machine = &self.hypervisor;
        let copied = machine
            .create_disk(&disk_id, Some(image_id))
            .and_then(|()| machine.create_snapshot(&snapshot_id, &disk_id, None));
        machine.delete_disk(&disk_id).map_err(ServiceError::internal)?;
        let bytes = copied.map_err(|error| match error {
            HypervisorError::NotFound(what) => {
                ServiceError::new(404, "InvalidImageId.NotFound", format!("{what} does not exist"))
            }
            other => ServiceError::internal(other),
        })?;
        let mut txn = self.db.begin();
        txn.put(&Snapshot {
            snapshot_id: snapshot_id.clone(),
            snapshot_name: image_id.to_owned(),
            description: String::new(),
            status: SnapshotStatus::Accomplished,
            disk_id,
            system: false,
            disk_size: SIZE,
            instance_id: None,
            group_id: None,
            system_name: SystemName::default(),
            retention_days: None,
            bytes,
            created_disks: Vec::new(),
            tags: Tags::new(),
            created: self.now(),
            expected: self.now(),
            modified: self.now(),
        })?;
        self.commit(txn)?;
        Ok(snapshot_id)
    }
}
