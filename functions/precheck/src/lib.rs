//! What the cloud can tell: status, network, locks, Cloud Assistant, snapshots and maintenance under way, and
//! whether a path leads to the destination. Reads only.

use migration::findings::judge_cloud;
use migration::{Event, Stage};
use stage::cloud::Cloud;
use stage::survey::facts;
use stage::{Act, Fault, Job};

/// The stage.
pub struct Precheck;

impl Act for Precheck {
    const STAGE: Stage = Stage::Precheck;

    async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault> {
        let instance = job.instance().await?;
        let assistant = job.cloud.assistant(&job.record.instance_id).await?;
        let mut facts = facts(job.cloud, &instance, assistant.as_ref(), job.options).await?;
        // What the guest said when the migration was opened counts more than the name of the image.
        facts.system = job.record.system.clone().or(facts.system);
        let hops = job.record.hops.get(job.record.hop..).unwrap_or_default();
        let findings = judge_cloud(&facts, hops, &job.record.policy, &job.options.grants(), job.now);
        Ok(Event::Prechecked(findings))
    }
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
        let cloud = FakeCloud::with_essds();
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
