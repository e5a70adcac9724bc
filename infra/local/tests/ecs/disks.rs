//! Disks: back to a snapshot, and data disks that come and go.

use local_cloud::ecs::NewInstance;
use serde_json::json;

use crate::world::{World, refusal, text};

/// A stopped instance, its system disk and an accomplished snapshot of it.
fn ready_to_reset(world: &World) -> (String, String, String) {
    let id = world.instance();
    let disk = world.disk(&id, 0);
    let snapshot = world.snapshot_of(&disk);
    world.settle();
    world.ok("StopInstance", &[("InstanceId", &id)]);
    world.settle();
    (id, disk, snapshot)
}

#[test]
fn a_reset_disk_is_what_the_snapshot_holds() {
    let world = World::new();
    let (id, disk, snapshot) = ready_to_reset(&world);
    world.fake.lock().disks.insert(disk.clone(), "half migrated".into());
    let published = world.bus.published().len();
    world.ok("ResetDisk", &[("DiskId", &disk), ("SnapshotId", &snapshot)]);
    assert_eq!(world.disk_status(&disk), "ReIniting");
    assert_eq!(world.refused("StartInstance", &[("InstanceId", &id)]), refusal(403, "DiskError"));
    world.settle();
    assert_eq!(world.disk_status(&disk), "In_use");
    assert_eq!(world.fake.lock().disks[&disk], "centos7");
    assert_eq!(world.bus.published().len(), published, "no event exists for it");
    world.ok("StartInstance", &[("InstanceId", &id)]);
    world.settle();
    assert_eq!((world.status(&id), world.disk(&id, 0)), ("Running", disk));
}

#[test]
fn a_reset_that_fails_leaves_the_disk_as_it_was() {
    let world = World::new();
    let (_, disk, snapshot) = ready_to_reset(&world);
    world.fake.lock().disks.insert(disk.clone(), "half migrated".into());
    world.fake.lock().failing.insert("reset_disk");
    world.ok("ResetDisk", &[("DiskId", &disk), ("SnapshotId", &snapshot)]);
    world.settle();
    assert_eq!(
        (world.disk_status(&disk).as_str(), world.fake.lock().disks[&disk].as_str()),
        ("In_use", "half migrated")
    );
}

#[test]
fn the_preconditions_of_a_reset_are_checked() {
    let world = World::new();
    let (id, disk, snapshot) = ready_to_reset(&world);
    let on = ("DiskId", disk.as_str());
    let to = ("SnapshotId", snapshot.as_str());
    assert_eq!(world.refused("ResetDisk", &[on]), refusal(400, "MissingParameter.SnapshotId"));
    assert_eq!(world.refused("ResetDisk", &[to]), refusal(400, "MissingParameter.DiskId"));
    assert_eq!(world.refused("ResetDisk", &[("DiskId", "d-x"), to]), refusal(404, "InvalidDiskId.NotFound"));
    assert_eq!(world.refused("ResetDisk", &[on, ("SnapshotId", "s-x")]), refusal(404, "InvalidSnapshotId.NotFound"));
    assert_eq!(world.refused("ResetDisk", &[on, to, ("DryRun", "true")]), refusal(400, "DryRunOperation"));

    let other = world.disk(&world.instance(), 0);
    let of_other = world.snapshot_of(&other);
    assert_eq!(world.refused("ResetDisk", &[on, ("SnapshotId", &of_other)]), refusal(403, "InvalidParameter.Mismatch"));
    assert_eq!(
        world.refused("ResetDisk", &[("DiskId", &other), ("SnapshotId", &of_other)]),
        refusal(403, "InvalidSnapshotId.NotReady")
    );
    world.settle();
    assert_eq!(
        world.refused("ResetDisk", &[("DiskId", &other), ("SnapshotId", &of_other)]),
        refusal(403, "IncorrectInstanceStatus")
    );

    let second = world.snapshot_of(&disk);
    assert_eq!(world.refused("ResetDisk", &[on, to]), refusal(403, "DiskCreatingSnapshot"));
    world.settle();
    world.ok("ResetDisk", &[on, to]);
    assert_eq!(world.refused("ResetDisk", &[on, ("SnapshotId", &second)]), refusal(403, "Operation.Conflict"));
    assert_eq!(world.refused("CreateSnapshot", &[on]), refusal(403, "IncorrectDiskStatus"));
    world.settle();
    world.ecs.set_operation_locks(&id, vec!["security".into()]).unwrap();
    assert_eq!(world.refused("ResetDisk", &[on, to]), refusal(403, "InstanceLockedForSecurity"));
}

#[test]
fn a_data_disk_is_made_attached_detached_and_deleted() {
    let world = World::new();
    let id = world.instance();
    let request = [("ZoneId", "cn-hangzhou-a"), ("Size", "20"), ("DiskName", "media"), ("ClientToken", "t")];
    let disk = text(&world.ok("CreateDisk", &request)["DiskId"]);
    assert_eq!(world.disk_status(&disk), "Creating");
    assert_eq!(
        world.refused("AttachDisk", &[("InstanceId", &id), ("DiskId", &disk)]),
        refusal(403, "IncorrectDiskStatus")
    );
    assert_eq!(world.refused("DeleteDisk", &[("DiskId", &disk)]), refusal(403, "IncorrectDiskStatus"));
    world.settle();
    assert_eq!(text(&world.ok("CreateDisk", &request)["DiskId"]), disk);
    assert_eq!(world.disk_status(&disk), "Available");

    let on = [("InstanceId", id.as_str()), ("DiskId", disk.as_str())];
    world.ok("AttachDisk", &on);
    assert_eq!(world.disk_status(&disk), "Attaching");
    world.settle();
    let answer = world.ok("DescribeDisks", &[("InstanceId", &id), ("DiskType", "data")]);
    let seen = &answer["Disks"]["Disk"][0];
    assert_eq!(
        (&seen["DiskId"], &seen["Device"], &seen["Status"]),
        (&json!(disk), &json!("/dev/xvdb"), &json!("In_use"))
    );
    assert_eq!(
        (&seen["DeleteWithInstance"], &seen["Portable"], &seen["Size"]),
        (&json!(false), &json!(true), &json!(20))
    );
    assert_eq!(world.refused("DeleteDisk", &[("DiskId", &disk)]), refusal(403, "DiskStillAttached"));

    let attached = |world: &World| {
        let machine = world.fake.lock();
        machine.guests[&id].spec.disks[1..].iter().map(|disk| disk.disk_id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(attached(&world), std::slice::from_ref(&disk), "the running guest sees it");
    world.ok("RebootInstance", &[("InstanceId", &id)]);
    world.settle();
    assert_eq!(attached(&world), std::slice::from_ref(&disk), "and after its next start");

    let snapshot = world.snapshot_of(&disk);
    assert_eq!(world.refused("DetachDisk", &on), refusal(403, "DiskCreatingSnapshot"));
    world.settle();
    world.ok("DetachDisk", &on);
    assert_eq!(world.disk_status(&disk), "Detaching");
    world.settle();
    assert_eq!((world.disk_status(&disk).as_str(), world.get(&id).disks.len()), ("Available", 1));
    assert!(attached(&world).is_empty());

    let operations: Vec<_> =
        world.bus.events("ecs:Disk:DiskOperationCompleted").iter().map(|e| e["data"].clone()).collect();
    let expected = |operation| json!({ "diskId": disk, "operation": operation, "result": "accomplished" });
    assert_eq!(operations, [expected("AttachDisk"), expected("DetachDisk")]);

    // A detached disk may be reset and copied.
    world.ok("ResetDisk", &[("DiskId", &disk), ("SnapshotId", &snapshot)]);
    world.settle();
    world.snapshot_of(&disk);
    assert_eq!(world.refused("DeleteDisk", &[("DiskId", &disk)]), refusal(403, "DiskCreatingSnapshot"));
    world.settle();
    world.ok("DeleteDisk", &[("DiskId", &disk)]);
    world.ok("DeleteDisk", &[("DiskId", &disk)]);
    world.settle();
    let machine = world.fake.lock();
    assert_eq!((machine.disks.len(), machine.snapshots.len()), (1, 2));
}

#[test]
fn a_disk_made_from_a_snapshot_has_its_contents() {
    let world = World::new();
    let (_, _, snapshot) = ready_to_reset(&world);
    let disk = text(&world.ok("CreateDisk", &[("ZoneId", "cn-hangzhou-a"), ("SnapshotId", &snapshot)])["DiskId"]);
    world.settle();
    assert_eq!(world.fake.lock().disks[&disk], "centos7");
    let ids = format!("[\"{disk}\"]");
    let seen = world.ok("DescribeDisks", &[("DiskIds", &ids)])["Disks"]["Disk"][0].clone();
    assert_eq!((&seen["SourceSnapshotId"], &seen["Size"]), (&json!(snapshot), &json!(40)));
}

#[test]
fn a_disk_that_cannot_be_made_is_gone() {
    let world = World::new();
    world.fake.lock().failing.insert("create_disk");
    world.ok("CreateDisk", &[("ZoneId", "cn-hangzhou-a"), ("Size", "20")]);
    world.settle();
    assert_eq!(world.ok("DescribeDisks", &[])["TotalCount"], 0);
}

#[test]
fn the_wrong_disk_or_instance_is_refused() {
    let world = World::new();
    let id = world.instance_of(NewInstance { data_disks: vec![None; 16], ..Default::default() });
    let (system, data) = (world.disk(&id, 0), world.disk(&id, 1));
    let on = |disk: &str| [("InstanceId", id.clone()), ("DiskId", disk.to_owned())];
    let refused = |action: &str, params: &[(&str, String)]| {
        let params: Vec<(&str, &str)> = params.iter().map(|(k, v)| (*k, v.as_str())).collect();
        world.refused(action, &params)
    };
    assert_eq!(refused("DetachDisk", &on(&system)), refusal(403, "DiskNotPortable"));
    assert_eq!(refused("DetachDisk", &on("d-x")), refusal(404, "InvalidDiskId.NotFound"));
    assert_eq!(refused("AttachDisk", &on("d-x")), refusal(404, "InvalidDiskId.NotFound"));
    assert_eq!(refused("AttachDisk", &on(&data)), refusal(403, "IncorrectDiskStatus"));
    assert_eq!(world.refused("AttachDisk", &[("DiskId", &data)]), refusal(400, "MissingParameter.InstanceId"));
    let other = world.instance();
    assert_eq!(
        world.refused("DetachDisk", &[("InstanceId", &other), ("DiskId", &data)]),
        refusal(403, "DependencyViolation")
    );
    let spare = text(&world.ok("CreateDisk", &[("ZoneId", "cn-hangzhou-a"), ("Size", "20")])["DiskId"]);
    world.settle();
    assert_eq!(refused("AttachDisk", &on(&spare)), refusal(403, "InstanceDiskLimitExceeded"));
    world.ok("StopInstance", &[("InstanceId", &id)]);
    assert_eq!(refused("DetachDisk", &on(&data)), refusal(403, "IncorrectInstanceStatus"));
    assert_eq!(world.refused("CreateDisk", &[("Size", "20")]), refusal(400, "MissingParameter.ZoneId"));
    assert_eq!(world.refused("CreateDisk", &[("ZoneId", "cn-hangzhou-a")]), refusal(400, "MissingParameter.Size"));
    for (params, status, code) in [
        (&[("ZoneId", "cn-hangzhou-z"), ("Size", "20")][..], 404, "InvalidZoneId.NotFound"),
        (&[("ZoneId", "cn-hangzhou-a"), ("Size", "32769")], 400, "InvalidSize.ValueNotSupported"),
        (
            &[("ZoneId", "cn-hangzhou-a"), ("Size", "20"), ("DiskCategory", "tape")],
            400,
            "InvalidDataDiskCategory.ValueNotSupported",
        ),
        (&[("ZoneId", "cn-hangzhou-a"), ("Size", "20"), ("DiskName", "x")], 400, "InvalidDiskName.Malformed"),
    ] {
        assert_eq!(world.refused("CreateDisk", params), refusal(status, code), "{params:?}");
    }
    assert_eq!(
        world.refused("CreateDisk", &[("ZoneId", "cn-hangzhou-a"), ("SnapshotId", "s-x")]),
        refusal(404, "InvalidSnapshotId.NotFound")
    );
    assert_eq!(world.refused("DeleteDisk", &[]), refusal(400, "MissingParameter.DiskId"));
}

#[test]
fn a_disk_is_attached_in_its_own_zone_only() {
    let world = World::new();
    let id = world.instance();
    let far = text(&world.ok("CreateDisk", &[("ZoneId", "cn-hangzhou-b"), ("Size", "20")])["DiskId"]);
    world.settle();
    assert_eq!(
        world.refused("AttachDisk", &[("InstanceId", &id), ("DiskId", &far)]),
        refusal(403, "ResourcesNotInSameZone")
    );
    let found = |zone: &str| world.ok("DescribeDisks", &[("ZoneId", zone)])["TotalCount"].clone();
    assert_eq!((found("cn-hangzhou-a"), found("cn-hangzhou-b")), (json!(1), json!(1)));
}

#[test]
fn what_the_machine_cannot_plug_is_as_before() {
    let world = World::new();
    let id = world.instance();
    let disk = text(&world.ok("CreateDisk", &[("ZoneId", "cn-hangzhou-a"), ("Size", "20")])["DiskId"]);
    world.settle();
    let on = [("InstanceId", id.as_str()), ("DiskId", disk.as_str())];
    world.fake.lock().failing.insert("attach_disk");
    world.ok("AttachDisk", &on);
    world.settle();
    assert_eq!((world.disk_status(&disk).as_str(), world.get(&id).disks.len()), ("Available", 1));
    world.fake.lock().failing.clear();
    world.ok("AttachDisk", &on);
    world.settle();
    world.fake.lock().failing.insert("detach_disk");
    world.ok("DetachDisk", &on);
    world.settle();
    assert_eq!((world.disk_status(&disk).as_str(), world.get(&id).disks.len()), ("In_use", 2));
    let results: Vec<_> =
        world.bus.events("ecs:Disk:DiskOperationCompleted").iter().map(|e| e["data"]["result"].clone()).collect();
    assert_eq!(results, ["failed", "accomplished", "failed"]);
}

#[test]
fn attributes_of_a_disk_are_changed() {
    let world = World::new();
    let disk = world.disk(&world.instance(), 0);
    let on = ("DiskId", disk.as_str());
    let seen = || {
        let ids = format!("[\"{disk}\"]");
        world.ok("DescribeDisks", &[("DiskIds", &ids)])["Disks"]["Disk"][0].clone()
    };
    assert_eq!((&seen()["DeleteAutoSnapshot"], &seen()["DeleteWithInstance"]), (&json!(true), &json!(true)));
    world.ok("ModifyDiskAttribute", &[on, ("DeleteAutoSnapshot", "False")]);
    assert_eq!((&seen()["DeleteAutoSnapshot"], &seen()["DeleteWithInstance"]), (&json!(false), &json!(true)));
    world.ok("ModifyDiskAttribute", &[("DiskIds.1", &disk), ("DeleteWithInstance", "false"), ("DiskName", "system")]);
    assert_eq!((&seen()["DiskName"], &seen()["DeleteWithInstance"]), (&json!("system"), &json!(false)));
    for (params, status, code) in [
        (&[][..], 400, "MissingParameter.DiskId"),
        (&[on], 400, "NoAttributeToModify"),
        (&[on, ("DiskName", "x")], 400, "InvalidDiskName.Malformed"),
        (&[on, ("DeleteAutoSnapshot", "maybe")], 400, "InvalidParameter.DeleteAutoSnapshot"),
        (&[("DiskId", "d-x"), ("DeleteAutoSnapshot", "false")], 404, "InvalidDiskId.NotFound"),
    ] {
        assert_eq!(world.refused("ModifyDiskAttribute", params), refusal(status, code), "{params:?}");
    }
}
