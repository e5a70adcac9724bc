//! Which disks a rollback takes back to which snapshots, by what the cloud tells now and never by memory alone.

use migration::Record;
use migration::policy::Scope;
use openapi::ecs::{Disk, DiskKind, Snapshot};

/// A disk of the migration and its way back.
#[derive(Clone, Debug, PartialEq)]
pub struct WayBack {
    /// `d-…`
    pub disk_id: String,
    /// The system disk.
    pub is_system: bool,
    /// The complete snapshot of this disk, or what is wrong.
    pub snapshot: Result<Snapshot, String>,
}

/// Every disk that goes back by the policy's scope. `attached` are the instance's disks, `known` its snapshots.
///
/// Where only the system disk goes back, it is the attached one if that has a snapshot. If it has none, every recorded
/// disk that is gone may have been the system disk, and stands in the way.
pub fn way_back(record: &Record, attached: &[Disk], known: &[Snapshot]) -> Vec<WayBack> {
    let recorded = |disk: &Disk| record.disks.iter().any(|recorded| recorded.disk_id == disk.disk_id);
    let system_is_recorded = attached.iter().any(|disk| disk.kind == DiskKind::System && recorded(disk));
    let mut ways = Vec::new();
    for disk in &record.disks {
        let disk_id = disk.disk_id.clone();
        let here = attached.iter().find(|attached| attached.disk_id == disk_id);
        let is_system = here.is_some_and(|disk| disk.kind == DiskKind::System);
        let goes = is_system || (here.is_none() && !system_is_recorded);
        if record.policy.rollback == Scope::System && !goes {
            continue;
        }
        let complete = known.iter().find(|snapshot| {
            Some(&snapshot.snapshot_id) == disk.snapshot_id.as_ref()
                && snapshot.source_disk_id == disk_id
                && snapshot.status == "accomplished"
        });
        let snapshot = match (here, complete) {
            (None, _) => Err(format!("disk {disk_id} is not attached to {} any more", record.instance_id)),
            (_, None) => {
                let id = disk.snapshot_id.as_deref().unwrap_or("none");
                Err(format!("the snapshot of disk {disk_id} ({id}) is not there or not complete"))
            }
            (Some(_), Some(snapshot)) => Ok(snapshot.clone()),
        };
        ways.push(WayBack { disk_id, is_system, snapshot });
    }
    ways
}

/// Why nothing can go back by these ways: one of the disks has none, and no disk goes without the others; or there is
/// no disk that would go. None when all of them can.
pub fn no_way_back(record: &Record, ways: &[WayBack]) -> Option<String> {
    match ways {
        [] => Some(format!("no disk of {} has a snapshot to go back to", record.instance_id)),
        ways => ways.iter().find_map(|way| way.snapshot.as_ref().err().cloned()),
    }
}

/// Disks of the instance that stay as they are when the others go back: data that is newer than the system.
pub fn stays<'a>(ways: &[WayBack], attached: &'a [Disk]) -> Vec<&'a str> {
    let goes = |disk: &&Disk| ways.iter().all(|way| way.disk_id != disk.disk_id);
    attached.iter().filter(goes).map(|disk| disk.disk_id.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use migration::Stage;

    use super::*;
    use crate::testing::{FakeCloud, record_in, with_snapshots};

    #[test]
    fn every_disk_of_the_scope_needs_its_own_complete_snapshot() {
        let record = record_in(Stage::Rollback);
        let cloud = with_snapshots(FakeCloud::new(), &record);
        let (disks, snapshots) = (cloud.disks.borrow().clone(), cloud.snapshots.borrow().clone());
        let told = |record: &Record, disks: &[Disk], snapshots: &[Snapshot]| -> Vec<String> {
            let ways = way_back(record, disks, snapshots).into_iter();
            ways.map(|way| way.snapshot.map_or_else(|why| why, |snapshot| snapshot.snapshot_id)).collect()
        };
        assert_eq!(told(&record, &disks, &snapshots), ["s-1", "s-2"]);
        let mut system = record.clone();
        system.policy.rollback = Scope::System;
        assert_eq!(told(&system, &disks, &snapshots), ["s-1"]);
        assert_eq!(told(&system, &disks[..1], &snapshots), ["s-1"], "data disks do not count");
        assert_eq!(no_way_back(&system, &way_back(&system, &disks, &snapshots)), None);
        assert_eq!(stays(&way_back(&system, &disks, &snapshots), &disks), ["d-2"]);
        let gone = "disk d-2 is not attached to i-1 any more";
        assert_eq!(told(&record, &disks[..1], &snapshots), ["s-1", gone]);
        let missing = "the snapshot of disk d-2 (s-2) is not there or not complete";
        assert_eq!(told(&record, &disks, &snapshots[..1]), ["s-1", missing]);
        let mut foreign = snapshots.clone();
        foreign[1].source_disk_id = "d-9".into();
        assert_eq!(told(&record, &disks, &foreign)[1], missing);
        let mut begun = snapshots;
        begun[1].status = "progressing".into();
        assert_eq!(told(&record, &disks, &begun)[1], missing);
    }

    #[test]
    fn a_system_disk_that_was_replaced_has_no_way_back() {
        let mut record = record_in(Stage::Rollback);
        let cloud = with_snapshots(FakeCloud::new(), &record);
        let (mut disks, snapshots) = (cloud.disks.borrow().clone(), cloud.snapshots.borrow().clone());
        disks[0].disk_id = "d-9".into();
        let gone = "disk d-1 is not attached to i-1 any more";
        for (scope, ways) in [(Scope::System, 1), (Scope::All, 2)] {
            record.policy.rollback = scope;
            let told = way_back(&record, &disks, &snapshots);
            assert_eq!((told.len(), no_way_back(&record, &told).as_deref()), (ways, Some(gone)));
        }
        // Nothing that would go is no way back either.
        let nothing = Some("no disk of i-1 has a snapshot to go back to");
        record.policy.rollback = Scope::System;
        disks.clear();
        assert_eq!(way_back(&record, &disks, &snapshots).len(), 2, "either of them may have been the system disk");
        record.disks.clear();
        assert_eq!(no_way_back(&record, &way_back(&record, &disks, &snapshots)).as_deref(), nothing);
    }
}
