//! What [`FakeCloud`] makes, once a ClientToken.

use super::*;

impl FakeCloud {
    pub(super) fn make_instance(&self, request: &RunInstance) -> Result<String, ApiError> {
        let images = self.images.borrow();
        let image = images.iter().find(|image| image.image_id == request.image_id);
        let image = image.ok_or_else(|| refused("RunInstances", 404, "InvalidImageId.NotFound"))?;
        if image.status != "Available" {
            return Err(refused("RunInstances", 403, "OperationDenied.ImageNotValid"));
        }
        let instance_id = format!("i-made-{}", self.made_instances.borrow().len() + 1);
        self.note(format!("run-instance {}", request.name));
        for (n, mapping) in image.disk_device_mappings.iter().enumerate() {
            self.made_disks.borrow_mut().push(Disk {
                disk_id: format!("{instance_id}-d-{}", n + 1),
                kind: if mapping.kind == "system" { DiskKind::System } else { DiskKind::Data },
                status: "In_use".into(),
                instance_id: instance_id.clone(),
                category: request.system_disk_category.clone(),
                source_snapshot_id: mapping.snapshot_id.clone(),
                delete_with_instance: true,
                ..Disk::default()
            });
        }
        self.made_instances.borrow_mut().push(Instance {
            instance_id: instance_id.clone(),
            instance_name: request.name.clone(),
            os_type: "linux".into(),
            status: "Pending".into(),
            instance_type: request.instance_type.clone(),
            instance_network_type: "vpc".into(),
            zone_id: request.zone_id.clone(),
            image_id: request.image_id.clone(),
            vpc_attributes: VpcAttributes { v_switch_id: request.v_switch_id.clone(), ..VpcAttributes::default() },
            security_group_ids: vec![request.security_group_id.clone()],
            tags: request.tags.clone(),
            ..Instance::default()
        });
        Ok(instance_id)
    }

    pub(super) fn make_group(&self, request: &CreateSnapshotGroup) -> Result<String, ApiError> {
        let disks = self.disks.borrow();
        let chosen: Vec<_> = disks
            .iter()
            .filter(|disk| request.disk_ids.is_empty() || request.disk_ids.contains(&disk.disk_id))
            .collect();
        for disk in &chosen {
            self.may_snapshot("CreateSnapshotGroup", &disk.disk_id)?;
            if !can_be_grouped(&disk.category) {
                return Err(refused("CreateSnapshotGroup", 400, "DiskCategory.OperationNotSupported"));
            }
        }
        // What its snapshots are called is not documented: here they have no name.
        let taken = chosen.iter().map(|disk| {
            let snapshot_id = self.new_snapshot(Snapshot {
                source_disk_id: disk.disk_id.clone(),
                source_disk_type: kind_name(disk.kind).into(),
                ..Snapshot::default()
            });
            if self.lists_lag.get() {
                self.unlisted.borrow_mut().insert(snapshot_id.clone());
            }
            GroupedSnapshot { snapshot_id, source_disk_id: disk.disk_id.clone(), ..GroupedSnapshot::default() }
        });
        let snapshots = taken.collect();
        let mut groups = self.groups.borrow_mut();
        let snapshot_group_id = format!("ssg-{}", groups.len() + 1);
        let names: Vec<_> = chosen.iter().map(|disk| disk.disk_id.as_str()).collect();
        self.note(format!("create-snapshot-group {}", names.join(" ")));
        groups.push(SnapshotGroup {
            snapshot_group_id: snapshot_group_id.clone(),
            name: request.name.clone(),
            status: "progressing".into(),
            instance_id: request.instance_id.clone(),
            tags: request.tags.clone(),
            snapshots,
            ..SnapshotGroup::default()
        });
        Ok(snapshot_group_id)
    }

    pub(super) fn make_image(&self, request: &CreateImage) -> Result<String, ApiError> {
        let mut images = self.images.borrow_mut();
        if images.iter().any(|image| image.image_name == request.name) {
            return Err(refused("CreateImage", 400, "InvalidImageName.Duplicated"));
        }
        let snapshots = self.snapshots.borrow();
        let mut disk_device_mappings = Vec::new();
        for id in &request.snapshot_ids {
            let snapshot = snapshots.iter().find(|snapshot| snapshot.snapshot_id == *id);
            let snapshot = snapshot.ok_or_else(|| refused("CreateImage", 404, "InvalidSnapshotId.NotFound"))?;
            if snapshot.status != "accomplished" {
                return Err(refused("CreateImage", 403, "InvalidSnapshotId.NotReady"));
            }
            disk_device_mappings.push(DeviceMapping {
                snapshot_id: id.clone(),
                kind: snapshot.source_disk_type.clone(),
                ..DeviceMapping::default()
            });
        }
        let image_id = format!("m-made-{}", images.len() + 1);
        self.note(format!("create-image {}", request.name));
        images.push(Image {
            image_id: image_id.clone(),
            image_name: request.name.clone(),
            status: "Creating".into(),
            progress: "10%".into(),
            disk_device_mappings,
            tags: request.tags.clone(),
            ..Image::default()
        });
        Ok(image_id)
    }

    pub(super) fn make_disk(&self, request: &CreateDisk) -> Result<String, ApiError> {
        let disk_id = format!("d-made-{}", self.made_disks.borrow().len() + 1);
        self.note(format!("create-disk {}", request.name));
        self.made_disks.borrow_mut().push(Disk {
            disk_id: disk_id.clone(),
            disk_name: request.name.clone(),
            status: "Creating".into(),
            category: request.category.clone(),
            size: request.size.unwrap_or_default(),
            source_snapshot_id: request.snapshot_id.clone(),
            zone_id: request.zone_id.clone(),
            tags: request.tags.clone(),
            portable: true,
            delete_auto_snapshot: true,
            ..Disk::default()
        });
        Ok(disk_id)
    }
}

pub(super) fn kind_name(kind: DiskKind) -> &'static str {
    match kind {
        DiskKind::System => "system",
        DiskKind::Data => "data",
    }
}
