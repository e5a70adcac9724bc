//! Snapshot-consistent groups.

use std::time::Duration;

use local_cloud::ecs::NewInstance;
use serde_json::{Value, json};

use crate::world::{World, refusal, text};

/// Parameters, and the status and code that they are refused with.
type Refused<'a> = (&'a [(&'a str, &'a str)], u16, &'a str);

/// An instance with a system disk and two data disks, of one category.
fn three_disks(world: &World, category: &str) -> String {
    world.instance_of(NewInstance {
        data_disks: vec![None, None],
        disk_category: category.into(),
        ..NewInstance::default()
    })
}

fn group(world: &World, params: &[(&str, &str)]) -> Value {
    world.ok("DescribeSnapshotGroups", params)["SnapshotGroups"]["SnapshotGroup"][0].clone()
}

#[test]
fn a_group_holds_every_disk_at_one_moment() {
    let world = World::with_latency(Duration::from_secs(10));
    let id = three_disks(&world, "cloud_essd");
    let request = [
        ("InstanceId", id.as_str()),
        ("Name", "osferry-m-1"),
        ("Tag.1.Key", "migration"),
        ("Tag.1.Value", "m-1"),
        ("ClientToken", "t"),
    ];
    let group_id = text(&world.ok("CreateSnapshotGroup", &request)["SnapshotGroupId"]);
    assert!(group_id.starts_with("ssg-"), "{group_id}");
    let seen = group(&world, &[("SnapshotGroupId.1", &group_id)]);
    assert_eq!(
        (&seen["Status"], &seen["Name"], &seen["InstanceId"]),
        (&json!("progressing"), &json!("osferry-m-1"), &json!(id))
    );
    assert_eq!(seen["Tags"]["Tag"], json!([{ "TagKey": "migration", "TagValue": "m-1" }]));

    world.settle();
    let seen = group(&world, &[("Name", "osferry-m-1"), ("Status.1", "accomplished")]);
    let members = seen["Snapshots"]["Snapshot"].as_array().unwrap().clone();
    assert_eq!(members.len(), 3);
    assert_eq!((&members[0]["SourceDiskType"], &members[1]["SourceDiskType"]), (&json!("system"), &json!("data")));
    for (n, member) in members.iter().enumerate() {
        assert_eq!(member["SourceDiskId"], world.disk(&id, n));
        assert_eq!((&member["Progress"], &member["Available"]), (&json!("100%"), &json!(true)));
        let snapshot = world.snapshot(&text(&member["SnapshotId"]));
        assert_eq!((&snapshot["Status"], &snapshot["RetentionDays"]), (&json!("accomplished"), &json!(0)));
    }
    assert_eq!(world.fake.lock().frozen, std::slice::from_ref(&id), "the guest stood still once, for all of them");
    assert_eq!(world.fake.lock().snapshots.len(), 3);
    assert_eq!(world.bus.events("ecs:Snapshot:CreateSnapshotCompleted").len(), 3);

    assert_eq!(text(&world.ok("CreateSnapshotGroup", &request)["SnapshotGroupId"]), group_id);
    let other = [request[0], ("Name", "other"), ("ClientToken", "t")];
    assert_eq!(world.refused("CreateSnapshotGroup", &other), refusal(403, "IdempotentParameterMismatch"));
}

#[test]
fn a_snapshot_of_a_group_is_named_and_tagged_but_kept_for_ever() {
    let world = World::new();
    let id = three_disks(&world, "cloud_auto");
    world.ok("CreateSnapshotGroup", &[("InstanceId", &id)]);
    world.settle();
    let snapshot = text(&group(&world, &[])["Snapshots"]["Snapshot"][0]["SnapshotId"]);
    let on = ("SnapshotId", snapshot.as_str());
    assert_eq!(
        world.refused("ModifySnapshotAttribute", &[on, ("RetentionDays", "7")]),
        refusal(400, "InvalidOperation.DecreaseRetentionDaysUnsupported")
    );
    world.ok("ModifySnapshotAttribute", &[on, ("SnapshotName", "mine")]);
    world.ok("TagResources", &[("ResourceType", "snapshot"), ("ResourceId.1", &snapshot), ("Tag.1.Key", "k")]);
    assert_eq!(world.snapshot(&snapshot)["SnapshotName"], "mine");
    let member = group(&world, &[])["Snapshots"]["Snapshot"][0].clone();
    assert_eq!(member["Tags"]["Tag"], json!([{ "Key": "k", "Value": "" }]));
}

#[test]
fn some_disks_or_all_but_some() {
    let world = World::new();
    let id = three_disks(&world, "cloud_essd_entry");
    let (system, data) = (world.disk(&id, 0), world.disk(&id, 2));
    let taken = |params: &[(&str, &str)]| {
        let params: Vec<_> = std::iter::once(("InstanceId", id.as_str())).chain(params.iter().copied()).collect();
        let made = text(&world.ok("CreateSnapshotGroup", &params)["SnapshotGroupId"]);
        world.settle();
        let members = group(&world, &[("SnapshotGroupId.1", &made)])["Snapshots"]["Snapshot"].clone();
        members.as_array().unwrap().iter().map(|member| text(&member["SourceDiskId"])).collect::<Vec<_>>()
    };
    assert_eq!(taken(&[("DiskId.1", &data), ("DiskId.2", &system)]), [system.clone(), data.clone()]);
    assert_eq!(taken(&[("ExcludeDiskId.1", &world.disk(&id, 1))]), [system, data]);
}

#[test]
fn the_preconditions_of_a_group_are_checked() {
    let world = World::new();
    let id = three_disks(&world, "cloud_essd");
    let disk = world.disk(&id, 0);
    let on = ("InstanceId", id.as_str());
    let cases: &[Refused] = &[
        (&[], 400, "MissingParameter.InstanceId"),
        (&[("InstanceId", "i-x")], 404, "InvalidInstanceId.NotFound"),
        (&[on, ("DiskId.1", "d-x")], 404, "InvalidDiskId.NotFound"),
        (&[on, ("DiskId.1", &disk), ("ExcludeDiskId.1", &disk)], 400, "InvalidParameter.Conflict"),
        (&[on, ("Name", "x")], 400, "InvalidParameter.Name"),
        (&[on, ("Name", "a b")], 400, "InvalidParameter.Name"),
        (&[on, ("Description", "x")], 404, "InvalidDescription.Malformed"),
        (&[on, ("InstantAccess", "soon")], 400, "InvalidParameter.InstantAccess"),
        (&[on, ("InstantAccessRetentionDays", "65536")], 400, "InvalidRetentionDays.Malformed"),
        (&[on, ("InstantAccessRetentionDays", "0")], 400, "InvalidRetentionDays.Malformed"),
        (&[on, ("Tag.1.Key", "acs:x")], 400, "InvalidTagKey.Malformed"),
        (&[on, ("RegionId", "cn-nowhere")], 404, "InvalidRegionId.NotFound"),
    ];
    for (params, status, code) in cases {
        assert_eq!(world.refused("CreateSnapshotGroup", params), refusal(*status, code), "{params:?}");
    }
    world.snapshot_of(&disk);
    assert_eq!(world.refused("CreateSnapshotGroup", &[on]), refusal(403, "IncorrectDiskStatus.CreatingSnapshot"));
    world.settle();
    world.ok("StopInstance", &[on]);
    assert_eq!(world.refused("CreateSnapshotGroup", &[on]), refusal(400, "IncorrectInstanceStatus"));
    world.settle();
    world.ecs.set_operation_locks(&id, vec!["security".into()]).unwrap();
    assert_eq!(world.refused("CreateSnapshotGroup", &[on]), refusal(403, "InstanceLockedForSecurity"));
    assert_eq!(
        world.refused("DescribeSnapshotGroups", &[("Status.1", "done")]),
        refusal(403, "InvalidStatus.ValueNotSupported")
    );
    assert!(world.fake.lock().snapshots.len() == 1, "nothing was begun");
}

#[test]
fn only_few_disks_of_the_right_kind_fit_a_group() {
    let world = World::new();
    let slow = three_disks(&world, "cloud_efficiency");
    assert_eq!(
        world.refused("CreateSnapshotGroup", &[("InstanceId", &slow)]),
        refusal(400, "DiskCategory.OperationNotSupported")
    );
    let many = world.instance_of(NewInstance { data_disks: vec![None; 16], ..NewInstance::default() });
    assert_eq!(
        world.refused("CreateSnapshotGroup", &[("InstanceId", &many)]),
        refusal(403, "DiskId.ValueNotSupported")
    );
    world.ok("CreateSnapshotGroup", &[("InstanceId", &many), ("ExcludeDiskId.1", &world.disk(&many, 16))]);
    let large = world.instance();
    let request = [("ZoneId", "cn-hangzhou-a"), ("Size", "32768"), ("DiskCategory", "cloud_essd")];
    let disk = text(&world.ok("CreateDisk", &request)["DiskId"]);
    world.settle();
    world.ok("AttachDisk", &[("InstanceId", &large), ("DiskId", &disk)]);
    world.settle();
    assert_eq!(
        world.refused("CreateSnapshotGroup", &[("InstanceId", &large)]),
        refusal(403, "DiskId.ValueNotSupported")
    );
}

#[test]
fn a_group_whose_copies_fail_is_failed() {
    let world = World::new();
    let id = three_disks(&world, "cloud_essd");
    world.fake.lock().failing.insert("create_snapshots");
    world.ok("CreateSnapshotGroup", &[("InstanceId", &id)]);
    world.settle();
    let seen = group(&world, &[]);
    assert_eq!(seen["Status"], "failed");
    let member = world.snapshot(&text(&seen["Snapshots"]["Snapshot"][1]["SnapshotId"]));
    assert_eq!(member["Status"], "failed");
    world.fake.lock().failing.clear();
    world.ok("CreateSnapshotGroup", &[("InstanceId", &id)]);
}

#[test]
fn a_group_goes_with_its_last_snapshot_or_all_at_once() {
    let world = World::new();
    let id = three_disks(&world, "cloud_essd");
    for at_once in [false, true] {
        let made = text(&world.ok("CreateSnapshotGroup", &[("InstanceId", &id)])["SnapshotGroupId"]);
        world.settle();
        if at_once {
            world.ok("DeleteSnapshotGroup", &[("SnapshotGroupId", &made)]);
            world.ok("DeleteSnapshotGroup", &[("SnapshotGroupId", &made)]);
        } else {
            for member in group(&world, &[])["Snapshots"]["Snapshot"].as_array().unwrap() {
                world.ok("DeleteSnapshot", &[("SnapshotId", &text(&member["SnapshotId"]))]);
            }
        }
        world.settle();
        assert!(group(&world, &[]).is_null());
        assert!(world.fake.lock().snapshots.is_empty());
    }
    // One that is cancelled leaves the others alone.
    let made = world.ok("CreateSnapshotGroup", &[("InstanceId", &id)]);
    let first = text(&group(&world, &[])["Snapshots"]["Snapshot"][0]["SnapshotId"]);
    world.ok("DeleteSnapshot", &[("SnapshotId", &first)]);
    world.settle();
    let seen = group(&world, &[("SnapshotGroupId.1", &text(&made["SnapshotGroupId"]))]);
    assert_eq!((&seen["Status"], seen["Snapshots"]["Snapshot"].as_array().unwrap().len()), (&json!("accomplished"), 2));
    assert_eq!(world.fake.lock().snapshots.len(), 2);
}
