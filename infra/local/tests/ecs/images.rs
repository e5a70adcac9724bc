//! Custom images of snapshots.

use std::time::Duration;

use local_cloud::ecs::NewInstance;
use serde_json::{Value, json};

use crate::world::{World, refusal, text};

/// Parameters, and the status and code that they are refused with.
type Refused<'a> = (&'a [(&'a str, &'a str)], u16, &'a str);

/// An instance, and snapshots of its system disk and its data disk.
pub fn snapshots(world: &World) -> (String, String, String) {
    let id = world.instance_of(NewInstance { data_disks: vec![None], ..NewInstance::default() });
    let taken = [0, 1].map(|n| world.snapshot_of(&world.disk(&id, n)));
    world.settle();
    let [system, data] = taken;
    (id, system, data)
}

/// An Available image of both.
pub fn image(world: &World, system: &str, data: &str) -> String {
    let params = [("DiskDeviceMapping.1.SnapshotId", system), ("DiskDeviceMapping.2.SnapshotId", data)];
    let made = text(&world.ok("CreateImage", &params)["ImageId"]);
    world.settle();
    made
}

fn find(world: &World, params: &[(&str, &str)]) -> Vec<Value> {
    world.ok("DescribeImages", params)["Images"]["Image"].as_array().unwrap().clone()
}

#[test]
fn an_image_is_made_of_snapshots() {
    let world = World::with_latency(Duration::from_secs(10));
    let (_, system, data) = snapshots(&world);
    let request = [
        ("ImageName", "osferry-m-1-clone"),
        ("DiskDeviceMapping.1.SnapshotId", data.as_str()),
        ("DiskDeviceMapping.2.SnapshotId", system.as_str()),
        ("Tag.1.Key", "migration"),
        ("Tag.1.Value", "m-1"),
        ("ClientToken", "t"),
    ];
    let id = text(&world.ok("CreateImage", &request)["ImageId"]);
    assert!(find(&world, &[]).is_empty(), "only what is Available, unless asked for more");
    let seen = &find(&world, &[("Status", "Creating,Available")])[0];
    assert_eq!((&seen["ImageId"], &seen["Status"]), (&json!(id), &json!("Creating")));
    world.settle();
    assert_eq!(text(&world.ok("CreateImage", &request)["ImageId"]), id);
    for params in [
        &[][..],
        &[("ImageId", id.as_str())],
        &[("ImageName", "osferry-m-1-clone")],
        &[("ImageOwnerAlias", "self")],
        &[("SnapshotId", &data)],
        &[("OSType", "linux")],
        &[("Tag.1.Key", "migration"), ("Tag.1.Value", "m-1")],
    ] {
        assert_eq!(find(&world, params).len(), 1, "{params:?}");
    }
    for params in [("ImageId", "m-x"), ("ImageOwnerAlias", "system"), ("ImageName", "osferry"), ("OSType", "windows")] {
        assert!(find(&world, &[params]).is_empty(), "{params:?}");
    }
    let seen = &find(&world, &[])[0];
    assert_eq!((&seen["Status"], &seen["Progress"]), (&json!("Available"), &json!("100%")));
    assert_eq!((&seen["OSNameEn"], &seen["OSType"]), (&json!("CentOS  7.9 64 bit"), &json!("linux")));
    assert_eq!(
        seen["DiskDeviceMappings"]["DiskDeviceMapping"],
        json!([
            { "Device": "/dev/xvda", "SnapshotId": system, "Size": "40", "Type": "system" },
            { "Device": "/dev/xvdb", "SnapshotId": data, "Size": "40", "Type": "data" },
        ])
    );
    let other = [("ImageName", "other"), request[1], request[2], request[5]];
    assert_eq!(world.refused("CreateImage", &other), refusal(403, "InvalidParamter.Conflict"));
}

#[test]
fn the_preconditions_of_an_image_are_checked() {
    let world = World::new();
    let (id, system, data) = snapshots(&world);
    let one = ("DiskDeviceMapping.1.SnapshotId", system.as_str());
    world.ok("CreateImage", &[one, ("ImageName", "taken")]);
    let cases: &[Refused] = &[
        (&[], 400, "MissingParameter"),
        (&[one, ("ImageName", "taken")], 400, "InvalidImageName.Duplicated"),
        (&[one, ("ImageName", "1st")], 400, "InvalidImageName.Malformed"),
        (&[one, ("ImageName", "a b")], 400, "InvalidImageName.Malformed"),
        (&[one, ("Description", "x")], 400, "InvalidDescription.Malformed"),
        (&[("SnapshotId", "s-x")], 404, "InvalidSnapshotId.NotFound"),
        (&[("SnapshotId", &data)], 400, "OperationDenied"),
        (&[one, ("DiskDeviceMapping.2.SnapshotId", &system)], 400, "OperationDenied"),
        (&[one, ("DiskDeviceMapping.1.Size", "39")], 400, "InvalidSize.ValueNotSupported"),
        (&[one, ("DryRun", "true")], 400, "DryRunOperation"),
        (&[("InstanceId", &id)], 400, "UnsupportedParameter"),
        (&[one, ("Tag.1.Key", "aliyun")], 400, "InvalidTagKey.Malformed"),
    ];
    for (params, status, code) in cases {
        assert_eq!(world.refused("CreateImage", params), refusal(*status, code), "{params:?}");
    }
    let progressing = world.snapshot_of(&world.disk(&id, 0));
    assert_eq!(
        world.refused("CreateImage", &[("SnapshotId", &progressing)]),
        refusal(403, "InvalidSnapshotId.NotReady")
    );
    assert_eq!(find(&world, &[("Status", "Creating,Available")]).len(), 1);
}

#[test]
fn the_snapshots_of_an_image_stay_until_it_goes() {
    let world = World::new();
    let (_, system, data) = snapshots(&world);
    let id = image(&world, &system, &data);
    let delete = [("SnapshotId", system.as_str()), ("Force", "true")];
    assert_eq!(world.refused("DeleteSnapshot", &delete), refusal(403, "SnapshotCreatedImage"));
    assert_eq!(world.snapshot(&system)["Usage"], "image");
    world.ok("DeleteImage", &[("ImageId", &id)]);
    world.ok("DeleteImage", &[("ImageId", &id)]);
    assert!(find(&world, &[]).is_empty());
    world.ok("DeleteSnapshot", &delete[..1]);
    assert_eq!(world.refused("DeleteImage", &[]), refusal(400, "MissingParameter.ImageId"));
}
