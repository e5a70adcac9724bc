//! Instances that are made of custom images and released, and what they write to their consoles.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Ecs;
use super::admin::host_name;
use super::disks::CATEGORIES;
use super::errors;
use super::event::{new_id, second};
use super::model::{Disk, Image, ImageStatus, Instance, InstanceStatus, Snapshot, Work};
use super::network;
use super::params::{Params, is_text};
use super::power::unlocked;
use crate::seams::ServiceError;

/// What is kept of a console.
const CONSOLE_BYTES: usize = 64 * 1024;

impl Ecs {
    /// RunInstances: one instance of a custom image, in a VPC, charged by use.
    pub(super) fn run_instances(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        let image_id = params.required("ImageId")?;
        let instance_type = params.required("InstanceType")?;
        let (cpu, memory) = size_of(instance_type).ok_or_else(errors::instance_type)?;
        let security_group = params.required("SecurityGroupId")?;
        let v_switch = network::place(params.required("VSwitchId")?, security_group)?;
        let zone = format!("{}-{}", self.config.region, v_switch.zone);
        if params.get("ZoneId").is_some_and(|named| named != zone) {
            return Err(errors::not_its_zone());
        }
        let category = params.get("SystemDisk.Category").unwrap_or("cloud_essd");
        if !CATEGORIES.contains(&category) {
            return Err(errors::size("SystemDiskCategory"));
        }
        let name = params.get("InstanceName").unwrap_or_default();
        if !name.is_empty() && !is_text(name, 128) {
            return Err(errors::malformed("InstanceName"));
        }
        if params.number("Amount")?.unwrap_or(1) != 1 {
            return Err(errors::unsupported("Amount"));
        }
        if params.get("InternetMaxBandwidthOut").is_some_and(|mbit| mbit != "0") {
            return Err(errors::unsupported("InternetMaxBandwidthOut"));
        }
        if params.get("InstanceChargeType").is_some_and(|charge| charge != "PostPaid") {
            return Err(errors::unsupported("InstanceChargeType"));
        }
        let dry_run = params.flag("DryRun")?;
        let tags = params.tags()?;
        let mut txn = self.db.begin();
        let answer = self.once(&mut txn, "RunInstances", params, |txn| {
            let image = txn.get::<Image>(image_id)?.ok_or_else(errors::no_image)?;
            if image.status != ImageStatus::Available {
                return Err(errors::image_not_valid());
            }
            if dry_run {
                return Err(errors::dry_run());
            }
            let id = new_id("i-", self.now());
            let mut disks = Vec::new();
            for (n, of) in image.disks.iter().enumerate() {
                let disk = Disk {
                    size: of.size,
                    category: category.to_owned(),
                    zone: zone.clone(),
                    image_id: Some(image_id.to_owned()),
                    source_snapshot_id: of.snapshot_id.clone(),
                    ..self.new_disk(n, &id, &tags)
                };
                let source = of.snapshot_id.as_ref().map(|id| txn.get::<Snapshot>(id)).transpose()?.flatten();
                if let Some(mut snapshot) = source {
                    snapshot.created_disks.push(disk.disk_id.clone());
                    txn.put(&snapshot)?;
                }
                disks.push(disk.disk_id.clone());
                txn.put(&disk)?;
            }
            txn.put(&Instance {
                instance_id: id.clone(),
                host_name: host_name(params.get("HostName").unwrap_or(name), &id),
                instance_name: if name.is_empty() { id.clone() } else { name.to_owned() },
                description: params.get("Description").unwrap_or_default().to_owned(),
                image_id: image_id.to_owned(),
                os_name: image.system_name.os_name,
                os_name_en: image.system_name.os_name_en,
                os_type: image.system_name.os_type,
                status: InstanceStatus::Pending,
                tags,
                disks,
                instance_type: instance_type.to_owned(),
                cpu,
                memory,
                network_type: "vpc".into(),
                secondary_interfaces: 0,
                v_switch_id: v_switch.id.to_owned(),
                security_group_id: security_group.to_owned(),
                zone: zone.clone(),
                charge_type: "PostPaid".into(),
                operation_locks: Vec::new(),
                deletion_protection: params.flag("DeletionProtection")?,
                stopped_mode: "Not-applicable".into(),
                created: self.now(),
                started: None,
                heartbeat_seen: false,
                invocations: 0,
                active_tasks: 0,
                last_invoked: None,
            })?;
            let work = Work::CreateInstance { instance_id: id.clone() };
            txn.job(&id, self.now(), self.earliest_end(), work)?;
            Ok(json!({ "InstanceIdSets": { "InstanceIdSet": [id] } }))
        })?;
        self.commit(txn)?;
        Ok(answer)
    }

    /// DeleteInstance: a Stopped one, or with Force a Running one. Its snapshots stay.
    pub(super) fn release_instance(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        let id = params.required("InstanceId")?;
        let force = params.flag("Force")?;
        let mut txn = self.db.begin();
        let instance = unlocked(&txn, id)?;
        if instance.deletion_protection {
            return Err(errors::deletion_protected(id));
        }
        if instance.charge_type == "PrePaid" {
            return Err(errors::charge_type());
        }
        match instance.status {
            InstanceStatus::Stopped => {}
            InstanceStatus::Running if force => {}
            InstanceStatus::Pending => return Err(errors::initializing()),
            _ => return Err(errors::instance_status(403)),
        }
        self.begin_release(&mut txn, instance)?;
        self.commit(txn)?;
        Ok(json!({}))
    }

    /// GetInstanceConsoleOutput: what was printed since the last start, the end of it.
    pub(super) fn get_instance_console_output(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        let id = params.required("InstanceId")?;
        let instance = self.db.get::<Instance>(id)?.ok_or_else(|| errors::no_console("InvalidParameter"))?;
        if instance.os_type == "windows" {
            return Err(errors::no_console("NotSupported"));
        }
        if instance.status == InstanceStatus::Pending {
            return Err(errors::no_console("IncorrectInstanceStatus"));
        }
        let console = self.hypervisor.console(id).into_bytes();
        let end = &console[console.len().saturating_sub(CONSOLE_BYTES)..];
        Ok(json!({
            "InstanceId": id,
            "ConsoleOutput": STANDARD.encode(end),
            "LastUpdateTime": second(instance.started.unwrap_or(instance.created)),
        }))
    }
}

/// Cores and MiB of an instance type, by its name: `ecs.<family>.<size>`.
fn size_of(instance_type: &str) -> Option<(u32, u32)> {
    let [ecs, family, size] = instance_type.split('.').collect::<Vec<_>>().try_into().ok()?;
    let cpu = match size {
        "small" => 1,
        "large" => 2,
        "xlarge" => 4,
        more => 4 * more.strip_suffix("xlarge")?.parse::<u32>().ok()?,
    };
    let gib_per_core = match family.chars().next()? {
        'c' => 2,
        'r' => 8,
        _ => 4,
    };
    (ecs == "ecs").then_some((cpu, cpu * gib_per_core * 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_says_its_size() {
        assert_eq!(size_of("ecs.g7.large"), Some((2, 8192)));
        assert_eq!(size_of("ecs.c6.2xlarge"), Some((8, 16384)));
        for wrong in ["ecs.g7", "g7.large.x", "ecs.g7.huge", "ecs..large", "ecs.g7.-1xlarge"] {
            assert_eq!(size_of(wrong), None, "{wrong}");
        }
    }
}
