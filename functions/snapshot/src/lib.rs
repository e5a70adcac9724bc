//! The way back: a snapshot of every disk. It is waited for without running: ECS announces the end of each.

use migration::{DiskSnapshot, Event, Evidence, Stage};
use openapi::ecs::{CreateSnapshot, Snapshot as Taken, Tag};
use stage::cloud::Cloud;
use stage::{Act, Fault, Job};

/// The stage.
pub struct Snapshot;

impl Act for Snapshot {
    const STAGE: Stage = Stage::Snapshot;

    async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault> {
        let instance = job.instance().await?;
        let disks = job.cloud.disks(&instance.instance_id).await?;
        let taken = job.cloud.snapshots(&instance.instance_id).await?;
        let mut seen = Vec::new();
        for disk in disks {
            let request = CreateSnapshot {
                name: job.record.id.name(&format!("{}-{}", job.record.hop, disk.disk_id)),
                retention_days: Some(job.record.policy.retention_days),
                tags: vec![Tag::new("osferry:migration", job.record.id.as_str())],
                client_token: job.token(&disk.disk_id),
                disk_id: disk.disk_id,
                ..CreateSnapshot::default()
            };
            seen.push(match taken.iter().find(|snapshot| snapshot.name == request.name) {
                Some(snapshot) => progress(&request.disk_id, snapshot),
                None => DiskSnapshot {
                    snapshot_id: Some(job.cloud.create_snapshot(&request).await?),
                    disk_id: request.disk_id,
                    status: Evidence::Progressing,
                    progress: 0,
                },
            });
        }
        Ok(Event::Snapshots(seen))
    }
}

fn progress(disk_id: &str, snapshot: &Taken) -> DiskSnapshot {
    DiskSnapshot {
        disk_id: disk_id.to_owned(),
        snapshot_id: Some(snapshot.snapshot_id.clone()),
        status: match snapshot.status.as_str() {
            // `Available` may be true before; a rollback wants all of it.
            "accomplished" => Evidence::Accomplished,
            "failed" => Evidence::Failed,
            _ => Evidence::Progressing,
        },
        progress: snapshot.progress.trim_end_matches('%').parse().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use migration::{Code, Outcome, State};
    use openapi::ecs::{Disk, DiskKind};
    use stage::testing::{FakeCloud, drive, record_in, survives_everything};

    use super::*;

    #[tokio::test]
    async fn every_disk_gets_exactly_one_snapshot() {
        let record = survives_everything(&Snapshot, &record_in(Stage::Snapshot), FakeCloud::new).await;
        assert_eq!(record.state, State::In(Stage::Migrate));
        let cloud = FakeCloud::new();
        drive(&Snapshot, &cloud, record_in(Stage::Snapshot), true).await;
        assert_eq!(*cloud.done.borrow(), ["create-snapshot d-1", "create-snapshot d-2"]);
        let snapshots = cloud.snapshots.borrow();
        assert!(
            snapshots
                .iter()
                .all(|snapshot| snapshot.retention_days == Some(7) && snapshot.name.starts_with("osferry-m-"))
        );
    }

    #[tokio::test]
    async fn a_disk_attached_meanwhile_is_waited_for() {
        let cloud = FakeCloud::new();
        let mut record = record_in(Stage::Snapshot);
        record.disks.clear();
        cloud.disks.borrow_mut().push(Disk { disk_id: "d-3".into(), kind: DiskKind::Data, ..Disk::default() });
        let record = drive(&Snapshot, &cloud, record, false).await;
        assert_eq!(record.disks.len(), 3);
    }

    #[tokio::test]
    async fn a_failed_snapshot_ends_it_before_anything_is_changed() {
        let cloud = FakeCloud::new();
        let start = record_in(Stage::Snapshot);
        cloud.snapshots.borrow_mut().push(Taken {
            snapshot_id: "s-9".into(),
            name: start.id.name("0-d-1"),
            status: "failed".into(),
            ..Taken::default()
        });
        let record = drive(&Snapshot, &cloud, start, false).await;
        assert_eq!((record.cause.unwrap().code, record.ending), (Code::SnapshotFailed, Some(Outcome::Failed)));
        assert!(!record.touched);
    }
}
