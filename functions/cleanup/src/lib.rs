//! Releases what is not needed, and leaves the instance's tags true: what became of it, and what it runs now,
//! since the name in the console stays the image's.

use migration::policy::TAG;
use migration::{Code, Event, MigrationId, Outcome, Stage};
use openapi::ecs::Tag;
use stage::cloud::Cloud;
use stage::{Act, Fault, Job};

/// The stage.
pub struct Cleanup;

/// Where a person must look, the snapshots are the only way back: they are kept so long, days.
const STUCK_RETENTION: u32 = 365;

impl Act for Cleanup {
    const STAGE: Stage = Stage::Cleanup;

    async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault> {
        let outcome = job.record.ending.unwrap_or(Outcome::Stuck);
        if let Err(fault) = job.instance().await {
            // Nothing is left to tag; its snapshots, if any are left, end with their retention.
            let gone = fault.cause().code == Code::InstanceGone;
            return if gone { Ok(Event::Cleaned) } else { Err(fault) };
        }
        for snapshot in job.cloud.snapshots(&job.record.instance_id).await? {
            let ours = MigrationId::in_name(&snapshot.name).as_ref() == Some(&job.record.id);
            if ours && !job.record.touched {
                // No tool has run: the disks are as they were, and the snapshots are of no use.
                job.cloud.delete_snapshot(&snapshot.snapshot_id).await?;
            } else if ours && outcome == Outcome::Stuck {
                job.cloud
                    .keep_snapshot(&snapshot.snapshot_id, STUCK_RETENTION.max(job.record.policy.retention_days))
                    .await?;
            }
        }
        job.cloud.tag(&job.record.instance_id, &tags(job, outcome)).await?;
        Ok(Event::Cleaned)
    }
}

/// The opt-in tag becomes the outcome: who wants another migration says so anew.
fn tags<C>(job: &Job<'_, C>, outcome: Outcome) -> Vec<Tag> {
    let word = match outcome {
        Outcome::Succeeded => "migrated",
        Outcome::Refused => "refused",
        Outcome::Failed => "failed",
        Outcome::RolledBack => "rolled-back",
        Outcome::Cancelled => "cancelled",
        Outcome::Stuck => "stuck",
    };
    let mut tags = vec![Tag::new(TAG, word), Tag::new("osferry:migration", job.record.id.as_str())];
    if let Some(os) = &job.record.os_after {
        tags.push(Tag::new(OS_TAG, os));
    }
    tags
}

/// Tag with the operating system that the guest was last seen to run.
pub const OS_TAG: &str = "osferry:os";

#[cfg(test)]
mod tests {
    use migration::{Record, State};
    use stage::testing::{FakeCloud, drive, record_in, survives_everything, with_snapshots};

    use super::*;

    fn ending(outcome: Outcome, touched: bool) -> Record {
        let mut record = record_in(Stage::Cleanup);
        record.ending = Some(outcome);
        record.touched = touched;
        record.os_after = touched.then(|| "Alibaba Cloud Linux 3".into());
        record
    }

    #[tokio::test]
    async fn what_is_kept_and_what_goes() {
        for (outcome, touched, expected) in [
            (Outcome::Succeeded, true, vec![]),
            (Outcome::RolledBack, true, vec![]),
            (Outcome::Refused, false, vec!["delete-snapshot s-1", "delete-snapshot s-2"]),
            (Outcome::Cancelled, false, vec!["delete-snapshot s-1", "delete-snapshot s-2"]),
            (Outcome::Stuck, true, vec!["keep-snapshot s-1 365", "keep-snapshot s-2 365"]),
        ] {
            let cloud = with_snapshots(FakeCloud::new(), &record_in(Stage::Cleanup));
            cloud.snapshots.borrow_mut().push(openapi::ecs::Snapshot {
                snapshot_id: "s-other".into(),
                name: "auto2.0_20261101".into(),
                ..Default::default()
            });
            let record = drive(&Cleanup, &cloud, ending(outcome, touched), false).await;
            assert_eq!(record.state, State::Ended(outcome));
            let done = cloud.done.borrow();
            let (tag, rest) = done.split_last().unwrap();
            assert_eq!(rest, expected, "{outcome:?}");
            assert!(tag.starts_with("tag osferry="), "{tag}");
            assert_eq!(tag.contains("osferry:os=Alibaba Cloud Linux 3"), touched);
        }
    }

    #[tokio::test]
    async fn cleaning_survives_everything() {
        let start = ending(Outcome::Succeeded, true);
        let cloud = || with_snapshots(FakeCloud::new(), &record_in(Stage::Cleanup));
        drive(&Cleanup, &cloud(), start.clone(), true).await;
        let refused = ending(Outcome::Refused, false);
        let record = survives_everything_but_tags(&refused, cloud).await;
        assert_eq!(record.state, State::Ended(Outcome::Refused));
    }

    /// Tags are absolute: putting them again is the same. Without them the rest is done exactly once.
    async fn survives_everything_but_tags(start: &Record, cloud: impl Fn() -> FakeCloud) -> Record {
        let make = || {
            let cloud = cloud();
            cloud.absolute.set(true);
            cloud
        };
        survives_everything(&Cleanup, start, make).await
    }

    #[tokio::test]
    async fn an_instance_that_vanished_is_no_obstacle() {
        let cloud = FakeCloud::new();
        cloud.instance.replace(None);
        let record = drive(&Cleanup, &cloud, ending(Outcome::Stuck, true), false).await;
        assert_eq!(record.state, State::Ended(Outcome::Stuck));
        assert_eq!(*cloud.done.borrow(), [""; 0]);
    }
}
