//! Instances come, go, start, stop and end by themselves.

use std::time::Duration;

use local_cloud::ecs::NewInstance;

use crate::world::{World, refusal};

#[test]
fn a_new_instance_runs_and_says_so() {
    let world = World::new();
    let id = world.instance_of(NewInstance { data_disks: vec![None, Some("data".into())], ..Default::default() });
    assert_eq!(world.bus.states(&id), ["Created", "Starting", "Running"]);
    let heartbeats = world.bus.events("ecs:CloudAssistant:FirstHeartbeat");
    assert_eq!(heartbeats.len(), 1);
    assert_eq!(heartbeats[0]["data"]["instanceId"], id);

    let machine = world.fake.lock();
    let guest = &machine.guests[&id].spec;
    assert_eq!(guest.host_name, "web");
    let devices: Vec<&str> = guest.disks.iter().map(|disk| disk.device.as_str()).collect();
    assert_eq!(devices, ["/dev/xvda", "/dev/xvdb", "/dev/xvdc"]);
    let contents: Vec<&str> = guest.disks.iter().map(|disk| machine.disks[&disk.disk_id].as_str()).collect();
    assert_eq!(contents, ["centos7", "empty", "data"]);
}

#[test]
fn an_event_has_the_envelope_of_the_documentation() {
    let world = World::new();
    let id = world.instance();
    let event = world.bus.events("ecs:Instance:StateChange").remove(0);
    for (field, expected) in [
        ("source", "acs.ecs"),
        ("specversion", "1.0"),
        ("type", "ecs:Instance:StateChange"),
        ("subject", &format!("acs.ecs:cn-hangzhou:1234:{id}")),
        ("time", "2023-11-15T06:13:20+08:00"),
        ("aliyunpublishtime", "2023-11-14T22:13:20Z"),
        ("datacontenttype", "application/json;charset=utf-8"),
        ("aliyunaccountid", "1234"),
        ("aliyuneventbusname", "default"),
        ("aliyunregionid", "cn-hangzhou"),
    ] {
        assert_eq!(event[field], expected, "{field}");
    }
    let data = serde_json::json!({ "resourceId": id, "resourceType": "ALIYUN::ECS::Instance", "state": "Created" });
    assert_eq!(event["data"], data);
}

#[test]
fn an_image_that_does_not_exist_leaves_nothing() {
    let world = World::new();
    let new = NewInstance { image_id: "centos7".into(), data_disks: vec![Some("nosuch".into())], ..Default::default() };
    assert_eq!(world.ecs.create_instance(new).unwrap_err().code, "InvalidImageId.NotFound");
    world.settle();
    assert!(world.ecs.instances().unwrap().is_empty());
    assert!(world.fake.lock().disks.is_empty());
    assert!(world.bus.published().is_empty());
}

#[test]
fn an_id_is_given_once() {
    let world = World::new();
    let new = NewInstance { instance_id: Some("i-1".into()), ..Default::default() };
    assert_eq!(world.instance_of(new.clone()), "i-1");
    assert_eq!(world.ecs.create_instance(new).unwrap_err().code, "InvalidInstanceId.Duplicate");
}

#[test]
fn stop_start_and_reboot_go_through_their_states() {
    let world = World::with_latency(Duration::from_secs(5));
    let id = world.instance();
    let on = [("InstanceId", id.as_str())];

    world.ok("StopInstance", &[on[0], ("StoppedMode", "StopCharging")]);
    assert_eq!(world.status(&id), "Stopping");
    let began = world.now();
    world.settle();
    assert_eq!((world.status(&id), world.get(&id).stopped_mode.as_str()), ("Stopped", "StopCharging"));
    assert!(world.now() - began >= 5000, "Stopping lasts at least the latency");
    assert!(world.fake.lock().guests.is_empty());

    world.ok("StartInstance", &on);
    assert_eq!(world.status(&id), "Starting");
    world.settle();
    assert_eq!((world.status(&id), world.get(&id).stopped_mode.as_str()), ("Running", "Not-applicable"));

    world.ok("RebootInstance", &on);
    assert_eq!(world.status(&id), "Starting", "a reboot shows Starting from its beginning");
    world.settle();
    assert_eq!(world.status(&id), "Running");
    assert_eq!(world.fake.lock().boots[&id], 3);

    let expected = "Created Starting Running Stopping Stopped Starting Running Stopping Starting Running";
    assert_eq!(world.bus.states(&id).join(" "), expected);
    assert_eq!(world.bus.events("ecs:CloudAssistant:FirstHeartbeat").len(), 1, "once per instance");
}

#[test]
fn the_wrong_state_is_refused() {
    let world = World::new();
    let id = world.instance();
    let on = [("InstanceId", id.as_str())];
    let wrong = refusal(403, "IncorrectInstanceStatus");
    assert_eq!(world.refused("StartInstance", &on), wrong);
    world.ok("StopInstance", &on);
    for action in ["StartInstance", "StopInstance", "RebootInstance"] {
        assert_eq!(world.refused(action, &on), wrong, "{action} while Stopping");
    }
    world.settle();
    assert_eq!(world.refused("StopInstance", &on), wrong);
    assert_eq!(world.refused("RebootInstance", &on), wrong);
    for action in ["StartInstance", "StopInstance", "RebootInstance"] {
        assert_eq!(world.refused(action, &[]), refusal(400, "MissingParameter.InstanceId"));
        assert_eq!(world.refused(action, &[("InstanceId", "i-x")]), refusal(404, "InvalidInstanceId.NotFound"));
    }
    assert_eq!(
        world.refused("StopInstance", &[on[0], ("StoppedMode", "x")]),
        refusal(400, "InvalidParameter.StoppedMode")
    );
    assert_eq!(
        world.refused("StartInstance", &[on[0], ("DryRun", "perhaps")]),
        refusal(400, "InvalidParameter.DryRun")
    );
}

#[test]
fn a_dry_run_changes_nothing() {
    let world = World::new();
    let id = world.instance();
    let dry = [("InstanceId", id.as_str()), ("DryRun", "True")];
    assert_eq!(world.refused("StopInstance", &dry), refusal(400, "DryRunOperation"));
    assert_eq!(world.refused("RebootInstance", &dry), refusal(400, "DryRunOperation"));
    assert_eq!(world.refused("StartInstance", &dry), refusal(403, "IncorrectInstanceStatus"));
    world.settle();
    assert_eq!(world.status(&id), "Running");
}

#[test]
fn a_locked_instance_is_left_alone() {
    let world = World::new();
    let id = world.instance();
    let disk = world.disk(&id, 0);
    world.ecs.set_operation_locks(&id, vec!["security".into()]).unwrap();
    let locked = refusal(403, "InstanceLockedForSecurity");
    for action in ["StartInstance", "StopInstance", "RebootInstance"] {
        assert_eq!(world.refused(action, &[("InstanceId", &id)]), locked, "{action}");
    }
    assert_eq!(world.refused("CreateSnapshot", &[("DiskId", &disk)]), locked);
    world.ecs.set_operation_locks(&id, vec!["financial".into()]).unwrap();
    assert_eq!(world.refused("StopInstance", &[("InstanceId", &id)]), refusal(403, "InstanceExpiredOrInArrears"));
    world.ecs.set_operation_locks(&id, Vec::new()).unwrap();
    world.ok("StopInstance", &[("InstanceId", &id)]);
}

#[test]
fn a_guest_that_ends_by_itself_is_stopped() {
    let world = World::new();
    let (id, other) = (world.instance(), world.instance());
    world.fake.crash(&id);
    world.ecs.watch_guests().unwrap();
    world.ecs.watch_guests().unwrap();
    world.settle();
    assert_eq!((world.status(&id), world.status(&other)), ("Stopped", "Running"));
    assert_eq!(world.bus.states(&id), ["Created", "Starting", "Running", "Stopped"]);
    world.ok("StartInstance", &[("InstanceId", &id)]);
    world.settle();
    assert_eq!(world.status(&id), "Running");
}

#[test]
fn a_guest_that_cannot_be_started_is_stopped_again() {
    let world = World::new();
    let id = world.instance();
    world.ok("StopInstance", &[("InstanceId", &id)]);
    world.settle();
    world.fake.lock().failing.insert("start");
    world.ok("StartInstance", &[("InstanceId", &id)]);
    world.settle();
    assert_eq!(world.status(&id), "Stopped");
    assert_eq!(world.bus.states(&id)[3..], ["Stopping", "Stopped", "Starting", "Stopped"]);
}

#[test]
fn a_guest_that_does_not_go_down_is_tried_again() {
    let world = World::new();
    let id = world.instance();
    world.fake.lock().failing.insert("stop");
    world.ok("StopInstance", &[("InstanceId", &id), ("ForceStop", "true")]);
    for _ in 0..5 {
        world.step();
    }
    assert_eq!(world.status(&id), "Stopping");
    world.fake.lock().failing.clear();
    world.settle();
    assert_eq!(world.status(&id), "Stopped");
}

#[test]
fn a_deleted_instance_is_gone_with_its_disks_but_not_its_snapshots() {
    let world = World::new();
    let (id, other) = (world.instance(), world.instance());
    let snapshot = world.snapshot_of(&world.disk(&id, 0));
    world.settle();
    let protect = |on: &str| world.ok("ModifyInstanceAttribute", &[("InstanceId", &id), ("DeletionProtection", on)]);
    protect("true");
    assert_eq!(world.ecs.delete_instance(&id).unwrap_err().code, "InvalidOperation.DeletionProtection");
    protect("false");
    world.ecs.delete_instance(&id).unwrap();
    world.settle();
    assert_eq!(world.ecs.delete_instance(&id).unwrap_err().code, "InvalidInstanceId.NotFound");
    assert_eq!(world.bus.states(&id).last().unwrap(), "Deleted");
    let machine = world.fake.lock();
    assert_eq!(machine.guests.keys().collect::<Vec<_>>(), [&other]);
    assert_eq!((machine.disks.len(), machine.snapshots.len()), (1, 1));
    drop(machine);
    assert_eq!(world.snapshot(&snapshot)["Status"], "accomplished");
}

#[test]
fn events_wait_for_a_bus_that_refuses() {
    let world = World::new();
    let id = world.instance();
    *world.bus.failing.lock().unwrap() = true;
    world.ok("StopInstance", &[("InstanceId", &id)]);
    while world.ecs.step().is_ok_and(|more| more) {}
    assert_eq!((world.status(&id), world.bus.states(&id).len()), ("Stopped", 3));
    *world.bus.failing.lock().unwrap() = false;
    world.settle();
    assert_eq!(world.bus.states(&id)[3..], ["Stopping", "Stopped"]);
}
