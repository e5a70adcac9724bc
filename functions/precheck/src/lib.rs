//! What the cloud can tell: status, network, locks, Cloud Assistant, snapshots and maintenance under way, and
//! whether a path leads to the destination. Reads only.

use jiff::Timestamp;
use migration::findings::{CloudFacts, judge_cloud};
use migration::{Event, Stage};
use stage::cloud::Cloud;
use stage::{Act, Fault, Job};

/// The stage.
pub struct Precheck;

impl Act for Precheck {
    const STAGE: Stage = Stage::Precheck;

    async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault> {
        let id = &job.record.instance_id;
        let instance = job.instance().await?;
        let (disks, snapshots, assistant, maintenance) = tokio::try_join!(
            job.cloud.disks(id),
            job.cloud.snapshots(id),
            job.cloud.assistant(id),
            job.cloud.maintenance(id),
        )?;
        let facts = CloudFacts {
            status: instance.status,
            network_type: instance.instance_network_type,
            os_name: if instance.os_name_en.is_empty() { instance.os_name } else { instance.os_name_en },
            locks: instance.operation_locks,
            heartbeat: assistant
                .and_then(|assistant| assistant.last_heartbeat_time.parse::<Timestamp>().ok())
                .map(Timestamp::as_millisecond),
            snapshots_in_progress: snapshots
                .into_iter()
                .filter(|snapshot| snapshot.status == "progressing")
                .map(|snapshot| snapshot.snapshot_id)
                .collect(),
            maintenance: maintenance
                .into_iter()
                .map(|event| {
                    format!("{} ({}) from {}", event.event_type.name, event.event_cycle_status.name, event.not_before)
                })
                .collect(),
            disks: disks.len(),
            volatile_disks: disks
                .iter()
                .filter(|disk| cannot_be_snapshotted(&disk.category))
                .map(|disk| format!("{} ({})", disk.disk_id, disk.category))
                .collect(),
        };
        Ok(Event::Prechecked(judge_cloud(&facts, job.record.current_hop(), job.now)))
    }
}

/// Categories of local and ephemeral disks. Source: ECS API reference, DescribeDisks and CreateSnapshot.
fn cannot_be_snapshotted(category: &str) -> bool {
    ["local_", "ephemeral", "elastic_ephemeral"].iter().any(|prefix| category.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use migration::{Code, Outcome, State};
    use stage::testing::{FakeCloud, drive, record_in, survives_everything};

    use super::*;

    #[tokio::test]
    async fn a_healthy_instance_passes_and_nothing_is_changed() {
        let record = survives_everything(&Precheck, &record_in(Stage::Precheck), FakeCloud::new).await;
        assert_eq!(record.state, State::In(Stage::Assess));
        let cloud = FakeCloud::new();
        drive(&Precheck, &cloud, record_in(Stage::Precheck), false).await;
        assert_eq!(*cloud.done.borrow(), [""; 0]);
    }

    #[tokio::test]
    async fn everything_that_blocks_is_told_at_once() {
        let cloud = FakeCloud::new();
        if let Some(instance) = cloud.instance.borrow_mut().as_mut() {
            instance.status = "Stopped".into();
            instance.operation_locks = vec!["security".into()];
        }
        cloud.assistant.replace(None);
        cloud.disks.borrow_mut()[1].category = "local_ssd_pro".into();
        let record = drive(&Precheck, &cloud, record_in(Stage::Precheck), false).await;
        assert_eq!(record.ending, Some(Outcome::Refused));
        let ids: Vec<&str> = record.findings.iter().map(|finding| finding.id.as_str()).collect();
        assert_eq!(ids, ["cloud.status", "cloud.assistant", "cloud.lock", "cloud.disk-category"]);
    }

    #[tokio::test]
    async fn an_instance_that_vanished_is_named() {
        let cloud = FakeCloud::new();
        cloud.instance.replace(None);
        let record = drive(&Precheck, &cloud, record_in(Stage::Precheck), false).await;
        assert_eq!(record.cause.unwrap().code, Code::InstanceGone);
        assert_eq!(record.ending, Some(Outcome::Stuck));
    }
}
