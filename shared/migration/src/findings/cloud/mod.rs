//! What the cloud can tell. Sources: ECS "Operating system migration" and SMC "Migrate the operating system of an ECS
//! instance", limits and prerequisites; ECS API reference.

mod auto_snapshots;
mod plan;

use serde::{Deserialize, Serialize};

pub use auto_snapshots::AutoSnapshots;
pub use plan::media_version;

use crate::check::Finding;
use crate::os::System;
use crate::path::{Grants, Hop, route};
use crate::policy::Policy;
use crate::record::Millis;

/// What the cloud tells of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CloudFacts {
    /// `Running`, `Stopped`, …
    pub status: String,
    /// `vpc` or `classic`.
    pub network_type: String,
    /// Region, `cn-hangzhou`.
    pub region: String,
    /// OSNameEn, or OSName.
    pub os_name: String,
    /// What the instance runs, as far as is known; None when it is no system that is known.
    pub system: Option<System>,
    /// Number of vCPUs of the instance type; 0 when not told.
    pub cpu: u32,
    /// Memory of the instance type, MiB; 0 when not told.
    pub memory_mib: u32,
    /// Number of its network interfaces; 0 when not told.
    pub network_interfaces: usize,
    /// Operation locks (`security`, `financial`, …).
    pub locks: Vec<String>,
    /// End of what is paid in advance, epoch milliseconds; None when it is charged by use.
    pub expires_at: Option<Millis>,
    /// Whether Cloud Assistant's agent is installed.
    pub assistant_installed: bool,
    /// Epoch milliseconds of Cloud Assistant's last heartbeat; None when it never was heard of.
    pub heartbeat: Option<Millis>,
    /// Snapshots of its disks that are being created.
    pub snapshots_in_progress: Vec<String>,
    /// Whether ECS says that the account has not opened the snapshot service.
    pub snapshots_closed: bool,
    /// Automatic snapshots of its disks.
    pub auto_snapshots: Vec<AutoSnapshots>,
    /// Pending or running maintenance events, `code (status) from not-before`.
    pub maintenance: Vec<String>,
    /// Its disks.
    pub disks: Vec<DiskFacts>,
    /// Installation media that the operator has configured, `2019 zh-cn`, `2012R2 en-us`.
    pub media: Vec<String>,
    /// What a GiB of snapshots costs for a month, in the account's currency, if the operator says so.
    pub snapshot_price: Option<String>,
    /// Whether an isolated network for drills is configured.
    pub drill_network: bool,
    /// So many of the tags that a migration leaves find no room beside the instance's own.
    pub tags_without_room: usize,
}

/// What the cloud tells of a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DiskFacts {
    /// `d-…`
    pub id: String,
    /// `cloud_essd`, `local_ssd_pro`, …
    pub category: String,
    /// GiB.
    pub size_gib: u32,
    /// Whether it is the system disk.
    pub system: bool,
    /// Whether its automatic snapshots are deleted with it.
    pub delete_auto_snapshot: bool,
    /// Whether it can be attached to several instances.
    pub multi_attach: bool,
    /// Whether its category can be in a snapshot-consistent group.
    pub groupable: bool,
}

impl DiskFacts {
    /// Local and ephemeral disks cannot be snapshotted. Source: ECS API reference, DescribeDisks, CreateSnapshot.
    fn volatile(&self) -> bool {
        ["local_", "ephemeral", "elastic_ephemeral"].iter().any(|prefix| self.category.starts_with(prefix))
    }
}

const HOUR: Millis = 3_600_000;

/// Cloud Assistant must have been heard of within this time. Source: ECS "Operating system migration", prerequisites.
const HEARTBEAT_LIMIT: Millis = 24 * HOUR;

/// An instance that expires this soon may be stopped in the middle of its migration: the longest snapshot stage and a
/// rollback fit in.
const EXPIRY_MARGIN: Millis = 24 * HOUR;

/// The cloud-side check: can this instance be migrated along `hops` (those still to go; empty when there is no way)?
pub fn judge_cloud(facts: &CloudFacts, hops: &[Hop], policy: &Policy, grants: &Grants, now: Millis) -> Vec<Finding> {
    let mut findings = Vec::new();
    judge_instance(facts, now, &mut findings);
    judge_tags(facts, &mut findings);
    judge_disks(facts, &mut findings);
    auto_snapshots::judge(facts, now, &mut findings);
    if hops.is_empty() {
        findings.push(no_way(facts, policy, grants));
    } else {
        plan::judge(facts, hops, &mut findings);
    }
    if policy.mode.drills() && !facts.drill_network {
        findings.push(Finding::block(
            "cloud.drill-network",
            "no isolated network is configured for drills",
            "set DRILL_VSWITCH and DRILL_SECURITY_GROUP (operating.md), or ask for a migration without a drill",
        ));
    }
    plan::judge_snapshots(facts, hops.len(), policy, &mut findings);
    findings
}

fn judge_instance(facts: &CloudFacts, now: Millis, findings: &mut Vec<Finding>) {
    if facts.status != "Running" {
        findings.push(Finding::block(
            "cloud.status",
            format!("the instance is {}, not Running", facts.status),
            "start the instance and try again",
        ));
    }
    if facts.network_type != "vpc" {
        findings.push(Finding::block(
            "cloud.network-type",
            format!("the network type is {:?}", facts.network_type),
            "move the instance from the classic network to a VPC first",
        ));
    }
    match facts.heartbeat {
        Some(at) if now - at <= HEARTBEAT_LIMIT => {}
        Some(at) => findings.push(Finding::block(
            "cloud.assistant",
            format!("Cloud Assistant was last heard of {} hours ago", (now - at) / HOUR),
            "start the Cloud Assistant agent in the guest, or reinstall it with InstallCloudAssistant and reboot",
        )),
        None if facts.assistant_installed => findings.push(Finding::block(
            "cloud.assistant",
            "Cloud Assistant is installed, but was never heard of",
            "start the Cloud Assistant agent in the guest, and see that it reaches its endpoint in the VPC",
        )),
        None => findings.push(Finding::block(
            "cloud.assistant",
            "Cloud Assistant is not installed",
            "install the Cloud Assistant agent with InstallCloudAssistant and reboot",
        )),
    }
    if !facts.snapshots_in_progress.is_empty() {
        findings.push(Finding::block(
            "cloud.snapshot-in-progress",
            format!("snapshots are being created: {}", facts.snapshots_in_progress.join(", ")),
            "wait until they are accomplished and try again",
        ));
    }
    if facts.snapshots_closed {
        findings.push(Finding::block(
            "cloud.snapshot-service",
            "the account has not opened the snapshot service: there would be no way back",
            "open it in the ECS console (Snapshots) or with OpenSnapshotService, then try again",
        ));
    }
    for lock in &facts.locks {
        findings.push(Finding::block(
            "cloud.lock",
            format!("the instance is locked for reason {lock}"),
            "clear the cause of the lock (payment, security) in the ECS console",
        ));
    }
    match facts.expires_at.map(|at| at - now) {
        Some(left) if left <= 0 => findings.push(Finding::block(
            "cloud.expired",
            format!("the instance expired {} hours ago", -left / HOUR),
            "renew it in the ECS console, then try again",
        )),
        Some(left) if left <= EXPIRY_MARGIN => findings.push(Finding::block(
            "cloud.expired",
            format!(
                "the instance expires in {} hours: it could be stopped in the middle of the migration",
                left / HOUR
            ),
            "renew it in the ECS console, then try again",
        )),
        _ => {}
    }
    for event in &facts.maintenance {
        findings.push(Finding::block(
            "cloud.maintenance",
            format!("a system event is pending: {event}"),
            "let the maintenance happen, or carry it out now in the ECS console, then try again",
        ));
    }
}

fn judge_tags(facts: &CloudFacts, findings: &mut Vec<Finding>) {
    if facts.tags_without_room > 0 {
        findings.push(Finding::warn(
            "cloud.tags",
            format!("{} of the tags that tell how it ended find no room: ECS takes 20", facts.tags_without_room),
            "remove tags of the instance that nobody needs: without room cleaning up cannot end, and the instance stays locked",
        ));
    }
}

fn judge_disks(facts: &CloudFacts, findings: &mut Vec<Finding>) {
    if facts.disks.is_empty() {
        findings.push(Finding::block(
            "cloud.disks",
            "no disk is visible",
            "grant ecs:DescribeDisks on the instance's disks: without permission the list is empty, not an error",
        ));
    }
    let named = |chosen: fn(&DiskFacts) -> bool| {
        let named =
            facts.disks.iter().filter(|disk| chosen(disk)).map(|disk| format!("{} ({})", disk.id, disk.category));
        named.collect::<Vec<_>>().join(", ")
    };
    let volatile = named(DiskFacts::volatile);
    if !volatile.is_empty() {
        findings.push(Finding::block(
            "cloud.disk-category",
            format!("disks that cannot be snapshotted are attached: {volatile}"),
            "there is no way back for what they hold: move their data and detach them, or migrate by replacing the instance",
        ));
    }
    let shared = named(|disk| disk.multi_attach);
    if !shared.is_empty() {
        findings.push(Finding::block(
            "cloud.shared-disk",
            format!("disks that several instances can share are attached: {shared}"),
            "a rollback would reset them under the other instances: detach them for the time of the migration",
        ));
    }
}

fn no_way(facts: &CloudFacts, policy: &Policy, grants: &Grants) -> Finding {
    let Some(system) = &facts.system else {
        return Finding::block(
            "cloud.os",
            format!("the operating system {:?} is unknown", facts.os_name),
            "tag the instance osferry:os=<name version> with what it runs, such as osferry:os=CentOS 7.9",
        );
    };
    match route(system, policy.target.as_ref(), grants) {
        Err(error) if error.offered.is_empty() => Finding::block(
            "cloud.path",
            error.to_string(),
            "move the application to a new instance with a supported system",
        ),
        Err(error) => Finding::block(
            "cloud.path",
            error.to_string(),
            format!("choose one of: {}", crate::path::list(&error.offered)),
        ),
        Ok(_) => Finding::block(
            "cloud.path",
            "there was no path to the destination when the migration was opened; there is one now",
            "open the migration again",
        ),
    }
}

#[cfg(test)]
mod tests;
