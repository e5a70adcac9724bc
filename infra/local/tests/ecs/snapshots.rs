//! Snapshots: taken, described, kept, cancelled, deleted.

use std::time::Duration;

use local_cloud::ecs::NewInstance;
use serde_json::json;

use crate::world::{World, refusal, text};

const DAY_MS: i64 = 24 * 3600 * 1000;

/// Parameters, status and code of the answer.
type Case<'a> = (&'a [(&'a str, &'a str)], u16, &'a str);

#[test]
fn a_snapshot_progresses_and_is_accomplished() {
    let world = World::with_latency(Duration::from_secs(10));
    let id = world.instance();
    let disk = world.disk(&id, 0);
    let began = world.now();
    let snapshot = world.snapshot_of(&disk);
    let seen = world.snapshot(&snapshot);
    assert_eq!(
        (&seen["Status"], &seen["Progress"], &seen["Available"]),
        (&json!("progressing"), &json!("0%"), &json!(false))
    );

    assert!(world.ecs.step().unwrap());
    world.advance(4000);
    let seen = world.snapshot(&snapshot);
    assert_eq!(
        (&seen["Status"], &seen["Progress"], &seen["RemainTime"]),
        (&json!("progressing"), &json!("40%"), &json!(6))
    );

    world.settle();
    assert!(world.now() - began >= 10_000);
    let seen = world.snapshot(&snapshot);
    assert_eq!(
        (&seen["Status"], &seen["Progress"], &seen["Available"]),
        (&json!("accomplished"), &json!("100%"), &json!(true))
    );
    assert_eq!(
        (&seen["SourceDiskId"], &seen["SourceDiskType"], &seen["SourceDiskSize"]),
        (&json!(disk), &json!("system"), &json!("40"))
    );
    assert_eq!(world.fake.lock().snapshots[&snapshot], "centos7");
    assert_eq!(world.fake.lock().frozen, [id], "the running guest stood still");

    let events = world.bus.events("ecs:Snapshot:CreateSnapshotCompleted");
    assert_eq!(events.len(), 1);
    let data = &events[0]["data"];
    for (field, expected) in [
        ("result", "accomplished"),
        ("snapshotId", &snapshot),
        ("snapshotName", "before"),
        ("snapshotType", "user"),
        ("diskId", &disk),
    ] {
        assert_eq!(data[field], expected, "{field}");
    }
    assert_eq!(text(&data["startTime"]).len(), "2023-11-14T22:13:20Z".len());
}

#[test]
fn a_stopped_guest_is_not_frozen() {
    let world = World::new();
    let id = world.instance();
    world.ok("StopInstance", &[("InstanceId", &id)]);
    world.settle();
    let snapshot = world.snapshot_of(&world.disk(&id, 0));
    world.settle();
    assert_eq!(world.snapshot(&snapshot)["Status"], "accomplished");
    assert!(world.fake.lock().frozen.is_empty());
}

#[test]
fn a_copy_that_fails_says_so() {
    let world = World::new();
    let id = world.instance();
    let disk = world.disk(&id, 0);
    world.fake.lock().failing.insert("create_snapshot");
    let snapshot = world.snapshot_of(&disk);
    world.settle();
    assert_eq!(world.snapshot(&snapshot)["Status"], "failed");
    assert_eq!(world.bus.events("ecs:Snapshot:CreateSnapshotCompleted")[0]["data"]["result"], "failed");
    world.fake.lock().failing.clear();
    world.snapshot_of(&disk);
}

#[test]
fn the_preconditions_are_checked() {
    let world = World::new();
    let id = world.instance();
    let disk = world.disk(&id, 0);
    let on = ("DiskId", disk.as_str());
    let cases: &[Case<'_>] = &[
        (&[], 400, "MissingParameter.DiskId"),
        (&[("DiskId", "d-x")], 404, "InvalidDiskId.NotFound"),
        (&[on, ("SnapshotName", "automatic")], 400, "InvalidSnapshotName.Malformed"),
        (&[on, ("SnapshotName", "x")], 400, "InvalidSnapshotName.Malformed"),
        (&[on, ("SnapshotName", "http://x")], 400, "InvalidSnapshotName.Malformed"),
        (&[on, ("Description", "x")], 400, "InvalidDescription.Malformed"),
        (&[on, ("RetentionDays", "0")], 400, "InvalidRetentionDays.Malformed"),
        (&[on, ("RetentionDays", "65537")], 400, "InvalidRetentionDays.Malformed"),
        (&[on, ("Tag.1.Key", "acs:x")], 400, "InvalidTagKey.Malformed"),
        (&[on, ("ClientToken", "ü")], 400, "InvalidClientToken.Malformed"),
    ];
    for (params, status, code) in cases {
        assert_eq!(world.refused("CreateSnapshot", params), refusal(*status, code), "{params:?}");
    }
    world.snapshot_of(&disk);
    assert_eq!(world.refused("CreateSnapshot", &[on]), refusal(403, "IncorrectDiskStatus.CreatingSnapshot"));
    world.settle();
    world.ok("StopInstance", &[("InstanceId", &id)]);
    assert_eq!(world.refused("CreateSnapshot", &[on]), refusal(400, "IncorrectInstanceStatus"));
    world.settle();
    let new = text(&world.ok("CreateDisk", &[("ZoneId", "cn-hangzhou-a"), ("Size", "20")])["DiskId"]);
    assert_eq!(world.refused("CreateSnapshot", &[("DiskId", &new)]), refusal(403, "IncorrectDiskStatus"));
    world.settle();
    assert_eq!(world.refused("CreateSnapshot", &[("DiskId", &new)]), refusal(403, "IncorrectDiskStatus.NeverAttached"));
}

#[test]
fn a_disk_has_at_most_256_snapshots() {
    let world = World::new();
    let disk = world.disk(&world.instance(), 0);
    for _ in 0..256 {
        world.snapshot_of(&disk);
        while world.ecs.step().unwrap() {}
    }
    assert_eq!(world.refused("CreateSnapshot", &[("DiskId", &disk)]), refusal(403, "QuotaExceed.Snapshot"));
}

#[test]
fn a_client_token_makes_one_snapshot() {
    let world = World::new();
    let id = world.instance_of(NewInstance { data_disks: vec![None], ..Default::default() });
    let (first, second) = (world.disk(&id, 0), world.disk(&id, 1));
    let request = [("DiskId", first.as_str()), ("ClientToken", "m-1/snapshot/1")];
    let answer = world.ok("CreateSnapshot", &request);
    world.settle();
    // Another signature of the same request.
    assert_eq!(world.ok("CreateSnapshot", &[request[0], request[1], ("SignatureNonce", "2")]), answer);
    assert_eq!(
        world.refused("CreateSnapshot", &[("DiskId", &second), request[1]]),
        refusal(400, "IdempotentParameterMismatch")
    );
    world.settle();
    assert_eq!(world.fake.lock().snapshots.len(), 1);
    world.advance(DAY_MS);
    assert_ne!(world.ok("CreateSnapshot", &request), answer, "a token is remembered for a day");
}

#[test]
fn a_refused_request_does_not_use_up_its_token() {
    let world = World::new();
    let disk = world.disk(&world.instance(), 0);
    world.snapshot_of(&disk);
    let request = [("DiskId", disk.as_str()), ("ClientToken", "t")];
    assert_eq!(world.refused("CreateSnapshot", &request), refusal(403, "IncorrectDiskStatus.CreatingSnapshot"));
    world.settle();
    world.ok("CreateSnapshot", &request);
}

#[test]
fn deleting_a_progressing_snapshot_cancels_it() {
    let world = World::with_latency(Duration::from_secs(10));
    let disk = world.disk(&world.instance(), 0);
    for copied in [false, true] {
        let snapshot = world.snapshot_of(&disk);
        if copied {
            assert!(world.ecs.step().unwrap());
            assert!(world.fake.lock().snapshots.contains_key(&snapshot));
        }
        world.ok("DeleteSnapshot", &[("SnapshotId", &snapshot)]);
        assert!(world.snapshot(&snapshot).is_null());
        // The disk is free again at once.
        let next = world.snapshot_of(&disk);
        world.settle();
        let left: Vec<String> = world.fake.lock().snapshots.keys().cloned().collect();
        assert_eq!(left, std::slice::from_ref(&next));
        world.ok("DeleteSnapshot", &[("SnapshotId", &next)]);
        world.settle();
    }
    assert!(world.fake.lock().snapshots.is_empty());
    assert_eq!(world.bus.events("ecs:Snapshot:CreateSnapshotCompleted").len(), 2, "none for the cancelled ones");
    world.ok("DeleteSnapshot", &[("SnapshotId", "s-unknown")]);
    assert_eq!(world.refused("DeleteSnapshot", &[]), refusal(400, "MissingParameter.SnapshotId"));
}

#[test]
fn a_snapshot_in_use_stays() {
    let world = World::new();
    let id = world.instance();
    let disk = world.disk(&id, 0);
    let snapshot = world.snapshot_of(&disk);
    world.settle();
    world.ok("StopInstance", &[("InstanceId", &id)]);
    world.settle();
    world.ok("ResetDisk", &[("DiskId", &disk), ("SnapshotId", &snapshot)]);
    let delete = [("SnapshotId", snapshot.as_str()), ("Force", "true")];
    assert_eq!(world.refused("DeleteSnapshot", &delete), refusal(403, "Operation.Conflict"));
    world.settle();

    let made = world.ok("CreateDisk", &[("ZoneId", "cn-hangzhou-a"), ("SnapshotId", &snapshot)]);
    assert_eq!(world.refused("DeleteSnapshot", &delete), refusal(403, "Operation.Conflict"));
    world.settle();
    assert_eq!(world.snapshot(&snapshot)["Usage"], "disk");
    assert_eq!(world.refused("DeleteSnapshot", &delete[..1]), refusal(403, "SnapshotCreatedDisk"));
    world.ok("DeleteDisk", &[("DiskId", &text(&made["DiskId"]))]);
    world.ok("DeleteSnapshot", &delete[..1]);
    world.settle();
    assert!(world.fake.lock().snapshots.is_empty());
}

#[test]
fn retention_is_only_extended_and_then_ends() {
    let world = World::new();
    let disk = world.disk(&world.instance(), 0);
    let answer = world.ok("CreateSnapshot", &[("DiskId", &disk), ("RetentionDays", "3")]);
    let snapshot = text(&answer["SnapshotId"]);
    world.settle();
    let on = ("SnapshotId", snapshot.as_str());
    let modify = "ModifySnapshotAttribute";
    assert_eq!(world.refused(modify, &[on]), refusal(400, "NoAttributeToModify"));
    assert_eq!(
        world.refused(modify, &[on, ("RetentionDays", "2")]),
        refusal(400, "InvalidOperation.DecreaseRetentionDaysUnsupported")
    );
    assert_eq!(world.refused(modify, &[on, ("SnapshotName", "auto")]), refusal(400, "InvalidSnapshotName.Malformed"));
    assert_eq!(
        world.refused(modify, &[("SnapshotId", "s-x"), ("SnapshotName", "ok")]),
        refusal(404, "InvalidSnapshotId.NotFound")
    );
    world.ok(modify, &[on, ("RetentionDays", "5"), ("SnapshotName", "longer")]);
    let seen = world.snapshot(&snapshot);
    assert_eq!((&seen["RetentionDays"], &seen["SnapshotName"]), (&json!(5), &json!("longer")));

    world.advance(4 * DAY_MS);
    world.settle();
    assert_eq!(world.snapshot(&snapshot)["Status"], "accomplished");
    world.advance(DAY_MS);
    world.settle();
    assert!(world.snapshot(&snapshot).is_null());
    assert!(world.fake.lock().snapshots.is_empty());
}

#[test]
fn snapshots_are_found_by_what_is_known_of_them() {
    let world = World::new();
    let id = world.instance_of(NewInstance { data_disks: vec![None], ..Default::default() });
    let (system, data) = (world.disk(&id, 0), world.disk(&id, 1));
    let tagged =
        [("DiskId", system.as_str()), ("SnapshotName", "ferry-1"), ("Tag.1.Key", "migration"), ("Tag.1.Value", "m-1")];
    let first = text(&world.ok("CreateSnapshot", &tagged)["SnapshotId"]);
    world.settle();
    world.advance(1000);
    let second = text(&world.ok("CreateSnapshot", &[("DiskId", &data)])["SnapshotId"]);
    let found = |params: &[(&str, &str)]| -> Vec<String> {
        let answer = world.ok("DescribeSnapshots", params);
        answer["Snapshots"]["Snapshot"].as_array().unwrap().iter().map(|s| text(&s["SnapshotId"])).collect()
    };
    assert_eq!(found(&[]), [second.clone(), first.clone()], "youngest first");
    for params in [
        &[("DiskId", system.as_str())][..],
        &[("SnapshotName", "ferry-1")],
        &[("Status", "accomplished")],
        &[("SourceDiskType", "system")],
        &[("Tag.1.Key", "migration"), ("Tag.1.Value", "m-1")],
        &[("InstanceId", &id), ("DiskId", &system)],
        &[("SnapshotIds", &format!("[\"{first}\"]"))],
    ] {
        assert_eq!(found(params), std::slice::from_ref(&first), "{params:?}");
    }
    assert_eq!(found(&[("Status", "progressing")]), [second]);
    assert!(found(&[("SnapshotIds", "[]")]).is_empty());
    assert_eq!(world.refused("DescribeSnapshots", &[("DryRun", "true")]), refusal(400, "DryRunOperation"));
}
