//! The process is killed at every point of every kind of job, and around every call to the machine
//! and the bus; the next start ends the job, once, and every event comes out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use local_cloud::ecs::NewInstance;
use serde_json::json;

use crate::fake::Kill;
use crate::world::{World, text};

const SNAPSHOT: &str = "ecs:Snapshot:CreateSnapshotCompleted";
const TASK: &str = "ecs:CloudAssistant:TaskCompleted";
const DISK: &str = "ecs:Disk:DiskOperationCompleted";

/// One kind of work: how it is asked for on a running instance, and how it has ended.
struct Case {
    name: &'static str,
    /// Called on a settled world; answers the id of what it made.
    ask: fn(&World, &str) -> String,
    /// Called with the world, the instance and that id.
    check: fn(&World, &str, &str),
    /// Calls to the machine that the work makes.
    calls: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        name: "create",
        ask: |world, _| world.ecs.create_instance(NewInstance { image_id: "x".into(), ..Default::default() }).unwrap(),
        check: |world, _, made| {
            assert_eq!(world.bus.states(made), ["Created", "Starting", "Running"]);
            assert_eq!(world.bus.events("ecs:CloudAssistant:FirstHeartbeat").len(), 2);
            assert_eq!(world.fake.lock().boots[made], 1);
        },
        calls: &["start"],
    },
    Case {
        name: "stop",
        ask: |world, id| text(&json!(world.ok("StopInstance", &[("InstanceId", id)]).to_string())),
        check: |world, id, _| {
            assert_eq!(world.bus.states(id)[3..], ["Stopping", "Stopped"]);
            assert!(world.fake.lock().guests.is_empty());
        },
        calls: &["stop"],
    },
    Case {
        name: "reboot",
        ask: |world, id| world.ok("RebootInstance", &[("InstanceId", id)]).to_string(),
        check: |world, id, _| {
            assert_eq!(world.bus.states(id)[3..], ["Stopping", "Starting", "Running"]);
            assert_eq!(world.fake.lock().boots[id], 2);
        },
        calls: &["stop", "start"],
    },
    Case {
        name: "delete",
        ask: |world, id| {
            world.ecs.delete_instance(id).unwrap();
            String::new()
        },
        check: |world, id, _| {
            assert_eq!(world.bus.states(id)[3..], ["Deleted"]);
            assert!(world.fake.lock().disks.is_empty() && world.fake.lock().guests.is_empty());
        },
        calls: &["stop", "delete_disk"],
    },
    Case {
        name: "snapshot",
        ask: |world, id| world.snapshot_of(&world.disk(id, 0)),
        check: |world, _, made| {
            assert_eq!(world.snapshot(made)["Status"], "accomplished");
            let events = world.bus.events(SNAPSHOT);
            assert_eq!((events.len(), &events[0]["data"]["snapshotId"]), (1, &json!(made)));
        },
        calls: &["create_snapshot"],
    },
    Case {
        name: "delete snapshot",
        ask: |world, id| {
            let made = world.snapshot_of(&world.disk(id, 0));
            assert!(world.ecs.step().unwrap());
            world.ok("DeleteSnapshot", &[("SnapshotId", &made)]);
            made
        },
        check: |world, _, made| {
            assert!(world.snapshot(made).is_null());
            assert!(world.fake.lock().snapshots.is_empty());
        },
        calls: &["delete_snapshot"],
    },
    Case {
        name: "reset",
        ask: |world, id| {
            let disk = world.disk(id, 0);
            let snapshot = world.snapshot_of(&disk);
            world.settle();
            world.ok("StopInstance", &[("InstanceId", id)]);
            world.settle();
            world.fake.lock().disks.insert(disk.clone(), "half".into());
            world.ok("ResetDisk", &[("DiskId", &disk), ("SnapshotId", &snapshot)]);
            disk
        },
        check: |world, _, disk| {
            assert_eq!(world.disk_status(disk), "In_use");
            assert_eq!(world.fake.lock().disks[disk], "centos7");
        },
        calls: &["reset_disk"],
    },
    Case {
        name: "attach",
        ask: |world, id| {
            let disk = text(&world.ok("CreateDisk", &[("ZoneId", "cn-hangzhou-a"), ("Size", "20")])["DiskId"]);
            world.settle();
            world.ok("AttachDisk", &[("InstanceId", id), ("DiskId", &disk)]);
            disk
        },
        check: |world, id, disk| {
            assert_eq!((world.disk_status(disk).as_str(), world.disk(id, 1).as_str()), ("In_use", disk));
            assert_eq!(world.bus.events(DISK).len(), 1);
            let machine = world.fake.lock();
            assert_eq!(machine.guests[id].spec.disks[1..].iter().map(|disk| &disk.disk_id).collect::<Vec<_>>(), [disk]);
        },
        calls: &["attach_disk"],
    },
    Case {
        name: "detach",
        ask: |world, id| {
            let disk = text(&world.ok("CreateDisk", &[("ZoneId", "cn-hangzhou-a"), ("Size", "20")])["DiskId"]);
            world.settle();
            world.ok("AttachDisk", &[("InstanceId", id), ("DiskId", &disk)]);
            world.settle();
            world.ok("DetachDisk", &[("InstanceId", id), ("DiskId", &disk)]);
            disk
        },
        check: |world, id, disk| {
            assert_eq!((world.disk_status(disk).as_str(), world.get(id).disks.len()), ("Available", 1));
            assert_eq!(world.bus.events(DISK).len(), 2);
            assert_eq!(world.fake.lock().guests[id].spec.disks.len(), 1);
        },
        calls: &["detach_disk"],
    },
    Case {
        name: "snapshot group",
        ask: |world, id| text(&world.ok("CreateSnapshotGroup", &[("InstanceId", id)])["SnapshotGroupId"]),
        check: |world, _, _| {
            let answer = world.ok("DescribeSnapshotGroups", &[]);
            assert_eq!(answer["SnapshotGroups"]["SnapshotGroup"][0]["Status"], "accomplished");
            assert_eq!(world.bus.events(SNAPSHOT).len(), 1);
        },
        calls: &["create_snapshots"],
    },
    Case {
        name: "image",
        ask: |world, id| image_of(world, id),
        check: |world, _, image| {
            let answer = world.ok("DescribeImages", &[("ImageId", image)]);
            assert_eq!(answer["Images"]["Image"][0]["Status"], "Available");
        },
        calls: &[],
    },
    Case {
        name: "instance of an image",
        ask: |world, id| {
            let image = image_of(world, id);
            world.settle();
            let request = [
                ("ImageId", image.as_str()),
                ("InstanceType", "ecs.g7.large"),
                ("VSwitchId", "vsw-drill"),
                ("SecurityGroupId", "sg-drill"),
            ];
            text(&world.ok("RunInstances", &request)["InstanceIdSets"]["InstanceIdSet"][0])
        },
        check: |world, _, made| {
            assert_eq!(world.bus.states(made), ["Created", "Starting", "Running"]);
            assert_eq!(world.fake.lock().boots[made], 1);
            assert_eq!(world.fake.lock().disks[&world.disk(made, 0)], "centos7");
        },
        calls: &["create_disk", "reset_disk", "start"],
    },
    Case {
        name: "create disk",
        ask: |world, _| text(&world.ok("CreateDisk", &[("ZoneId", "cn-hangzhou-a"), ("Size", "20")])["DiskId"]),
        check: |world, _, disk| {
            assert_eq!(world.disk_status(disk), "Available");
            assert_eq!(world.fake.lock().disks[disk], "empty");
        },
        calls: &["create_disk"],
    },
    Case {
        name: "command",
        ask: |world, id| world.run(id, "exit 0"),
        check: |world, id, invoke| {
            assert_eq!(world.result(invoke)["InvocationStatus"], "Success");
            assert_eq!(world.bus.events(TASK).len(), 1);
            assert_eq!(world.fake.lock().begun[&(id.to_owned(), invoke.to_owned())], 1);
            assert_eq!(world.get(id).active_tasks, 0);
        },
        calls: &["run_command", "command_state"],
    },
    Case {
        name: "command that reboots",
        ask: |world, id| world.run(id, "exit 194"),
        check: |world, id, invoke| {
            assert_eq!(world.result(invoke)["ExitCode"], 194);
            assert_eq!(world.bus.events(TASK).len(), 1);
            assert_eq!(world.bus.states(id)[3..], ["Stopping", "Starting", "Running"]);
            assert_eq!(world.fake.lock().boots[id], 2);
        },
        calls: &["run_command", "command_state", "stop", "start"],
    },
    Case {
        name: "stopped command",
        ask: |world, id| {
            let invoke = world.run(id, "sleep");
            while world.ecs.step().unwrap() {}
            world.ok("StopInvocation", &[("InvokeId", &invoke)]);
            invoke
        },
        check: |world, _, invoke| {
            assert_eq!(world.result(invoke)["InvocationStatus"], "Terminated");
            assert_eq!(world.bus.events(TASK).len(), 1);
        },
        calls: &["stop_command"],
    },
];

/// An image of the instance's system disk, asked for only.
fn image_of(world: &World, id: &str) -> String {
    let snapshot = world.snapshot_of(&world.disk(id, 0));
    world.settle();
    text(&world.ok("CreateImage", &[("SnapshotId", &snapshot)])["ImageId"])
}

fn finish(case: &Case, mut world: World, id: &str, made: &str, how: &str) {
    world.reopen();
    world.settle();
    let checked = catch_unwind(AssertUnwindSafe(|| (case.check)(&world, id, made)));
    assert!(checked.is_ok(), "{} killed {how}", case.name);
    assert_eq!(world.ecs.next_due(), None, "{} killed {how}: nothing is left under way", case.name);
    // Once more: nothing happens twice.
    let published = world.bus.published().len();
    world.reopen();
    world.settle();
    assert_eq!(world.bus.published().len(), published, "{} killed {how}", case.name);
}

#[test]
fn between_any_two_steps() {
    for case in CASES {
        for latency in [Duration::ZERO, Duration::from_secs(3)] {
            for steps in 0.. {
                let world = World::with_latency(latency);
                let id = world.instance();
                let made = (case.ask)(&world, &id);
                let more = (0..steps).all(|_| world.step());
                finish(case, world, &id, &made, &format!("after {steps} steps, latency {latency:?}"));
                if !more {
                    break;
                }
                assert!(steps < 60, "{} never ends", case.name);
            }
        }
    }
}

#[test]
fn around_every_call_to_the_machine() {
    for case in CASES {
        for call in case.calls {
            for kill in [Kill::Before(call), Kill::After(call)] {
                let world = World::new();
                let id = world.instance();
                let made = (case.ask)(&world, &id);
                world.fake.lock().kill = Some(kill.clone());
                let died = catch_unwind(AssertUnwindSafe(|| world.settle())).is_err();
                assert!(died, "{} does not call {call}", case.name);
                finish(case, world, &id, &made, &format!("{kill:?}"));
            }
        }
    }
}

#[test]
fn around_the_publication_of_an_event() {
    for case in CASES.iter().filter(|case| !["create disk", "delete snapshot", "reset", "image"].contains(&case.name)) {
        for kill in [Kill::Before("publish"), Kill::After("publish")] {
            let world = World::new();
            let id = world.instance();
            let made = (case.ask)(&world, &id);
            *world.bus.kill.lock().unwrap() = Some(kill.clone());
            let died = catch_unwind(AssertUnwindSafe(|| world.settle())).is_err();
            assert!(died, "{} publishes nothing", case.name);
            finish(case, world, &id, &made, &format!("{kill:?}"));
        }
    }
}

#[test]
fn while_a_new_instances_disks_are_made() {
    for kill in [Kill::Before("create_disk"), Kill::After("create_disk")] {
        let mut world = World::new();
        world.fake.lock().kill = Some(kill);
        let new = NewInstance { instance_id: Some("i-1".into()), image_id: "x".into(), ..Default::default() };
        assert!(catch_unwind(AssertUnwindSafe(|| world.ecs.create_instance(new))).is_err());
        world.reopen();
        world.settle();
        assert_eq!(world.bus.states("i-1"), ["Created", "Starting", "Running"]);
    }
}

#[test]
fn a_guest_that_lived_on_is_running_and_one_that_died_is_stopped() {
    let mut world = World::new();
    let (alive, dead) = (world.instance(), world.instance());
    world.fake.crash(&dead);
    world.reopen();
    assert_eq!((world.status(&alive), world.status(&dead)), ("Running", "Stopped"), "as soon as it is open");
    world.settle();
    assert_eq!(world.bus.states(&dead).last().unwrap(), "Stopped");
    assert_eq!(world.bus.states(&alive).last().unwrap(), "Running");
    assert_eq!(world.fake.lock().boots[&alive], 1);
}

#[test]
fn a_client_token_outlives_the_process() {
    let mut world = World::new();
    let disk = world.disk(&world.instance(), 0);
    let request = [("DiskId", disk.as_str()), ("ClientToken", "t")];
    let answer = world.ok("CreateSnapshot", &request);
    world.reopen();
    assert_eq!(world.ok("CreateSnapshot", &request), answer);
}
