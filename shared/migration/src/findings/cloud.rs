//! What the cloud can tell.

use serde::{Deserialize, Serialize};

use crate::check::Finding;
use crate::os::Os;
use crate::path::{self, Hop};
use crate::record::Millis;

/// What the cloud tells of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudFacts {
    /// `Running`, `Stopped`, …
    pub status: String,
    /// `vpc` or `classic`.
    pub network_type: String,
    /// OSNameEn, or OSName.
    pub os_name: String,
    /// Operation locks (`security`, `financial`, …).
    pub locks: Vec<String>,
    /// Epoch milliseconds of Cloud Assistant's last heartbeat; None when it never was heard of.
    pub heartbeat: Option<Millis>,
    /// Snapshots of its disks that are being created.
    pub snapshots_in_progress: Vec<String>,
    /// Pending or running maintenance events, `code (status) from not-before`.
    pub maintenance: Vec<String>,
    /// Number of its disks.
    pub disks: usize,
    /// Disks of a kind that cannot be snapshotted, with their category.
    pub volatile_disks: Vec<String>,
}

/// Cloud Assistant must have been heard of within this time, milliseconds. Source: ECS "Operating system
/// migration", prerequisites.
const HEARTBEAT_LIMIT: Millis = 24 * 3600 * 1000;

/// The cloud-side check: can this instance be migrated at all?
pub fn judge_cloud(facts: &CloudFacts, hop: Option<&Hop>, now: Millis) -> Vec<Finding> {
    let mut findings = Vec::new();
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
            format!("Cloud Assistant was last heard of {} hours ago", (now - at) / 3_600_000),
            "start the Cloud Assistant agent in the guest, or reinstall it with InstallCloudAssistant and reboot",
        )),
        None => findings.push(Finding::block(
            "cloud.assistant",
            "Cloud Assistant was never heard of",
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
    for lock in &facts.locks {
        findings.push(Finding::block(
            "cloud.lock",
            format!("the instance is locked for reason {lock}"),
            "clear the cause of the lock (payment, security) in the ECS console",
        ));
    }
    for event in &facts.maintenance {
        findings.push(Finding::block(
            "cloud.maintenance",
            format!("a system event is pending: {event}"),
            "let the maintenance happen, or carry it out now in the ECS console, then try again",
        ));
    }
    if facts.disks == 0 {
        findings.push(Finding::block(
            "cloud.disks",
            "no disk is visible",
            "grant ecs:DescribeDisks on the instance's disks: without permission the list is empty, not an error",
        ));
    }
    if !facts.volatile_disks.is_empty() {
        findings.push(Finding::block(
            "cloud.disk-category",
            format!("disks that cannot be snapshotted are attached: {}", facts.volatile_disks.join(", ")),
            "there is no way back for what they hold: move their data and detach them, or migrate by replacing the instance",
        ));
    }
    if hop.is_none() {
        let offered = Os::from_ecs_name(&facts.os_name).map(|os| path::destinations(&os)).unwrap_or_default();
        let remedy = match offered.as_slice() {
            [] => "no destination is offered for this system".to_owned(),
            some => format!("choose one of: {}", some.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        };
        findings.push(Finding::block(
            "cloud.path",
            format!("no path leads from {:?} to the destination", facts.os_name),
            remedy,
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::testing::{hop, ids};
    use super::*;

    const NOW: Millis = 1_800_000_000_000;

    fn good_cloud() -> CloudFacts {
        CloudFacts {
            status: "Running".into(),
            network_type: "vpc".into(),
            os_name: "CentOS  8.5 64 bit".into(),
            heartbeat: Some(NOW - 60_000),
            disks: 1,
            ..CloudFacts::default()
        }
    }

    #[test]
    fn each_fact_of_the_cloud_blocks_alone() {
        assert_eq!(ids(&judge_cloud(&good_cloud(), Some(&hop()), NOW)), [""; 0]);
        type Break = fn(&mut CloudFacts);
        let table: [(&str, Break); 9] = [
            ("cloud.disk-category", |f| f.volatile_disks = vec!["d-1 (local_ssd_pro)".into()]),
            ("cloud.status", |f| f.status = "Stopped".into()),
            ("cloud.network-type", |f| f.network_type = "classic".into()),
            ("cloud.assistant", |f| f.heartbeat = Some(NOW - HEARTBEAT_LIMIT - 1)),
            ("cloud.assistant", |f| f.heartbeat = None),
            ("cloud.snapshot-in-progress", |f| f.snapshots_in_progress = vec!["s-1".into()]),
            ("cloud.lock", |f| f.locks = vec!["security".into()]),
            ("cloud.maintenance", |f| f.maintenance = vec!["SystemMaintenance.Reboot (Scheduled)".into()]),
            ("cloud.disks", |f| f.disks = 0),
        ];
        for (id, break_it) in table {
            let mut facts = good_cloud();
            break_it(&mut facts);
            let findings = judge_cloud(&facts, Some(&hop()), NOW);
            assert_eq!(ids(&findings), [id]);
            assert!(findings.iter().all(|finding| !finding.remedy.is_empty()), "{findings:?}");
        }
        assert_eq!(ids(&judge_cloud(&good_cloud(), None, NOW)), ["cloud.path"]);
    }
}
