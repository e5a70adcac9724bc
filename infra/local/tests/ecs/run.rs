//! Instances of custom images, and their consoles.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use local_cloud::ecs::NewInstance;
use serde_json::json;

use crate::images::{image, snapshots};
use crate::world::{World, refusal, text};

/// Parameters, and the status and code that they are refused with.
type Refused<'a> = (&'a [(&'a str, &'a str)], u16, &'a str);

const TYPE: (&str, &str) = ("InstanceType", "ecs.g7.large");
const SWITCH: (&str, &str) = ("VSwitchId", "vsw-drill");
const GROUP: (&str, &str) = ("SecurityGroupId", "sg-drill");

fn run(world: &World, image: &str, more: &[(&str, &str)]) -> String {
    let params: Vec<_> = [("ImageId", image), TYPE, SWITCH, GROUP].into_iter().chain(more.iter().copied()).collect();
    text(&world.ok("RunInstances", &params)["InstanceIdSets"]["InstanceIdSet"][0])
}

#[test]
fn an_instance_of_an_image_has_its_disks_and_boots() {
    let world = World::new();
    let (source, system, data) = snapshots(&world);
    world.fake.lock().snapshots.insert(data.clone(), "the shop's orders".into());
    let image = image(&world, &system, &data);
    let more = [
        ("InstanceName", "osferry-m-1-clone"),
        ("Tag.1.Key", "migration"),
        ("Tag.1.Value", "m-1"),
        ("SystemDisk.Category", "cloud_auto"),
        ("InternetMaxBandwidthOut", "0"),
        ("Amount", "1"),
        ("ClientToken", "t"),
    ];
    let id = run(&world, &image, &more);
    assert_eq!(world.status(&id), "Pending");
    assert_eq!(
        world.refused("DeleteInstance", &[("InstanceId", &id), ("Force", "true")]),
        refusal(403, "IncorrectInstanceStatus.Initializing")
    );
    assert_eq!(
        world.refused("GetInstanceConsoleOutput", &[("InstanceId", &id)]),
        refusal(405, "IncorrectInstanceStatus")
    );
    world.settle();
    assert_eq!(run(&world, &image, &more), id);
    assert_eq!(world.bus.states(&id), ["Created", "Starting", "Running"]);
    assert_eq!(world.bus.events("ecs:CloudAssistant:FirstHeartbeat").len(), 2);

    let answer = world.ok("DescribeInstances", &[("InstanceName", "osferry-m-1-clone")]);
    let seen = &answer["Instances"]["Instance"][0];
    for (field, expected) in [
        ("InstanceId", json!(id)),
        ("Status", json!("Running")),
        ("ImageId", json!(image)),
        ("InstanceType", json!("ecs.g7.large")),
        ("Cpu", json!(2)),
        ("Memory", json!(8192)),
        ("ZoneId", json!("cn-hangzhou-a")),
        ("OSNameEn", json!("CentOS  7.9 64 bit")),
        ("SecurityGroupIds", json!({ "SecurityGroupId": ["sg-drill"] })),
        ("PublicIpAddress", json!({ "IpAddress": [] })),
        ("Tags", json!({ "Tag": [{ "TagKey": "migration", "TagValue": "m-1" }] })),
    ] {
        assert_eq!(seen[field], expected, "{field}");
    }
    assert_eq!(
        (&seen["VpcAttributes"]["VpcId"], &seen["VpcAttributes"]["VSwitchId"]),
        (&json!("vpc-drill"), &json!("vsw-drill"))
    );
    let machine = world.fake.lock();
    let held: Vec<_> = machine.guests[&id].spec.disks.iter().map(|disk| machine.disks[&disk.disk_id].clone()).collect();
    assert_eq!(held, ["centos7", "the shop's orders"]);
    assert!(machine.guests.contains_key(&source), "the source goes on running");
}

#[test]
fn an_instance_is_released_with_its_disks() {
    let world = World::new();
    let (source, system, data) = snapshots(&world);
    let image = image(&world, &system, &data);
    let id = run(&world, &image, &[]);
    world.settle();
    let on = ("InstanceId", id.as_str());
    assert_eq!(world.refused("DeleteInstance", &[on]), refusal(403, "IncorrectInstanceStatus"));
    assert_eq!(world.refused("DeleteImage", &[("ImageId", &image)]), refusal(403, "ImageUsingByInstance"));
    world.ok("DeleteImage", &[("ImageId", &image), ("Force", "true")]);
    assert_eq!(world.refused("DeleteSnapshot", &[("SnapshotId", &system)]), refusal(403, "SnapshotCreatedDisk"));
    world.ok("DeleteInstance", &[on, ("Force", "true")]);
    assert_eq!(world.refused("DeleteInstance", &[on, ("Force", "true")]), refusal(403, "IncorrectInstanceStatus"));
    world.settle();
    assert_eq!(world.refused("DeleteInstance", &[on, ("Force", "true")]), refusal(404, "InvalidInstanceId.NotFound"));
    assert_eq!(world.bus.states(&id).last().map(String::as_str), Some("Deleted"));
    assert_eq!(world.fake.lock().disks.len(), 2);
    for snapshot in [&system, &data] {
        world.ok("DeleteSnapshot", &[("SnapshotId", snapshot)]);
    }
    // A stopped one needs no force.
    world.ok("StopInstance", &[("InstanceId", &source)]);
    world.settle();
    world.ok("DeleteInstance", &[("InstanceId", &source)]);
    world.settle();
    assert!(world.fake.lock().disks.is_empty());
}

#[test]
fn not_every_instance_may_be_released() {
    let world = World::new();
    let paid = world.instance_of(NewInstance { charge_type: "PrePaid".into(), ..NewInstance::default() });
    let force = ("Force", "true");
    assert_eq!(world.refused("DeleteInstance", &[("InstanceId", &paid), force]), refusal(403, "ChargeTypeViolation"));
    let kept = world.instance();
    world.ok("ModifyInstanceAttribute", &[("InstanceId", &kept), ("DeletionProtection", "true")]);
    assert_eq!(
        world.refused("DeleteInstance", &[("InstanceId", &kept), force]),
        refusal(403, "InvalidOperation.DeletionProtection")
    );
    world.ecs.set_operation_locks(&kept, vec!["security".into()]).unwrap();
    assert_eq!(
        world.refused("DeleteInstance", &[("InstanceId", &kept), force]),
        refusal(403, "InstanceLockedForSecurity")
    );
    assert_eq!(world.refused("DeleteInstance", &[]), refusal(400, "MissingParameter.InstanceId"));
}

#[test]
fn what_does_not_fit_together_is_not_run() {
    let world = World::new();
    let (_, system, data) = snapshots(&world);
    let of = image(&world, &system, &data);
    let image = ("ImageId", of.as_str());
    let cases: &[Refused] = &[
        (&[TYPE, SWITCH, GROUP], 400, "MissingParameter.ImageId"),
        (&[image, SWITCH, GROUP], 400, "MissingParameter.InstanceType"),
        (&[image, TYPE, GROUP], 400, "MissingParameter.VSwitchId"),
        (&[image, TYPE, SWITCH], 400, "MissingParameter.SecurityGroupId"),
        (&[("ImageId", "m-x"), TYPE, SWITCH, GROUP], 404, "InvalidImageId.NotFound"),
        (&[image, ("InstanceType", "g7"), SWITCH, GROUP], 400, "InvalidInstanceType.ValueNotSupported"),
        (&[image, TYPE, ("VSwitchId", "vsw-x"), GROUP], 404, "InvalidVSwitchId.NotFound"),
        (&[image, TYPE, SWITCH, ("SecurityGroupId", "sg-x")], 400, "InvalidSecurityGroupId.NotFound"),
        (&[image, TYPE, SWITCH, ("SecurityGroupId", "sg-local")], 400, "InvalidParameter.Mismatch"),
        (&[image, TYPE, SWITCH, GROUP, ("ZoneId", "cn-hangzhou-b")], 400, "InvalidParameter.Mismatch"),
        (&[image, TYPE, SWITCH, GROUP, ("InstanceName", "x")], 400, "InvalidInstanceName.Malformed"),
        (
            &[image, TYPE, SWITCH, GROUP, ("SystemDisk.Category", "tape")],
            400,
            "InvalidSystemDiskCategory.ValueNotSupported",
        ),
        (&[image, TYPE, SWITCH, GROUP, ("Amount", "2")], 400, "UnsupportedParameter"),
        (&[image, TYPE, SWITCH, GROUP, ("InternetMaxBandwidthOut", "5")], 400, "UnsupportedParameter"),
        (&[image, TYPE, SWITCH, GROUP, ("DryRun", "true")], 400, "DryRunOperation"),
    ];
    for (params, status, code) in cases {
        assert_eq!(world.refused("RunInstances", params), refusal(*status, code), "{params:?}");
    }
    let request = [("SnapshotId", system.as_str()), ("ImageName", "not-yet")];
    let creating = text(&world.ok("CreateImage", &request)["ImageId"]);
    assert_eq!(
        world.refused("RunInstances", &[("ImageId", &creating), TYPE, SWITCH, GROUP]),
        refusal(403, "OperationDenied.ImageNotValid")
    );
    assert_eq!(world.ecs.instances().unwrap().len(), 1);
    let far = run(&world, &of, &[("VSwitchId", "vsw-drill-b")]);
    assert_eq!(world.get(&far).zone, "cn-hangzhou-b");
}

#[test]
fn disks_that_cannot_be_made_leave_no_instance() {
    let world = World::new();
    let (_, system, data) = snapshots(&world);
    let image = image(&world, &system, &data);
    world.fake.lock().failing.insert("reset_disk");
    run(&world, &image, &[]);
    world.settle();
    assert_eq!(world.ecs.instances().unwrap().len(), 1);
    world.ok("DeleteImage", &[("ImageId", &image)]);
    world.ok("DeleteSnapshot", &[("SnapshotId", &system)]);
}

#[test]
fn a_console_says_what_was_printed() {
    let world = World::new();
    let id = world.instance();
    let on = ("InstanceId", id.as_str());
    let printed = |world: &World| {
        let answer = world.ok("GetInstanceConsoleOutput", &[on]);
        assert_eq!((&answer["InstanceId"], &answer["LastUpdateTime"]), (&json!(id), &json!("2023-11-14T22:13:20Z")));
        String::from_utf8(STANDARD.decode(text(&answer["ConsoleOutput"])).unwrap()).unwrap()
    };
    assert!(printed(&world).ends_with(&format!("boot 1 of {id}\n")));
    world.ok("RebootInstance", &[on]);
    world.settle();
    assert!(printed(&world).ends_with(&format!("boot 2 of {id}\n")));
    let windows = world.instance_of(NewInstance { os_type: "windows".into(), ..NewInstance::default() });
    assert_eq!(world.refused("GetInstanceConsoleOutput", &[("InstanceId", &windows)]), refusal(405, "NotSupported"));
    assert_eq!(world.refused("GetInstanceConsoleOutput", &[("InstanceId", "i-x")]), refusal(404, "InvalidParameter"));
    assert_eq!(world.refused("GetInstanceConsoleOutput", &[]), refusal(400, "MissingParameter.InstanceId"));
}
