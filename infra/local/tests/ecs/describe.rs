//! What is said of instances, tags and events; paging; what every operation refuses.

use std::collections::BTreeSet;

use local_cloud::ecs::{NewHistoryEvent, NewInstance, Tags};
use serde_json::{Value, json};

use crate::world::{START, World, refusal, text};

fn ids(answer: &Value) -> Vec<String> {
    answer["Instances"]["Instance"].as_array().unwrap().iter().map(|i| text(&i["InstanceId"])).collect()
}

/// Action and parameters, status and code of the answer.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], u16, &'a str);

#[test]
fn an_instance_is_described_in_the_words_of_the_service() {
    let world = World::new();
    let tags = Tags::from([("env".to_owned(), "prod".to_owned())]);
    let id = world.instance_of(NewInstance {
        tags,
        operation_locks: vec!["recycling".into()],
        secondary_interfaces: 1,
        ..Default::default()
    });
    let answer = world.ok("DescribeInstances", &[("InstanceIds", &format!("[\"{id}\"]"))]);
    assert_eq!((&answer["TotalCount"], &answer["PageNumber"], &answer["PageSize"]), (&json!(1), &json!(1), &json!(10)));
    let seen = &answer["Instances"]["Instance"][0];
    for (field, expected) in [
        ("InstanceId", json!(id)),
        ("InstanceName", json!("web")),
        ("RegionId", json!("cn-hangzhou")),
        ("ZoneId", json!("cn-hangzhou-a")),
        ("OSName", json!("CentOS  7.9 64位")),
        ("OSNameEn", json!("CentOS  7.9 64 bit")),
        ("OSType", json!("linux")),
        ("ImageId", json!("centos7")),
        ("Status", json!("Running")),
        ("InstanceTypeFamily", json!("ecs.g7")),
        ("InstanceNetworkType", json!("vpc")),
        ("InstanceChargeType", json!("PostPaid")),
        ("CreationTime", json!("2023-11-14T22:13Z")),
        ("StartTime", json!("2023-11-14T22:13Z")),
        ("Tags", json!({ "Tag": [{ "TagKey": "env", "TagValue": "prod" }] })),
        ("OperationLocks", json!({ "LockReason": [{ "LockReason": "recycling", "LockMsg": "" }] })),
    ] {
        assert_eq!(seen[field], expected, "{field}");
    }
    assert_eq!(seen.get("Platform"), None);
    let interfaces = seen["NetworkInterfaces"]["NetworkInterface"].as_array().unwrap();
    let kinds: Vec<&Value> = interfaces.iter().map(|interface| &interface["Type"]).collect();
    assert_eq!(kinds, ["Primary", "Secondary"]);

    let attribute = world.ok("DescribeInstanceAttribute", &[("InstanceId", &id)]);
    assert_eq!((&attribute["Status"], &attribute["IoOptimized"]), (&json!("Running"), &json!("optimized")));
    assert_eq!(attribute.get("OSName"), None);
    let statuses = world.ok("DescribeInstanceStatus", &[("InstanceId.1", &id)]);
    assert_eq!(statuses["InstanceStatuses"]["InstanceStatus"], json!([{ "InstanceId": id, "Status": "Running" }]));
}

#[test]
fn instances_are_found_by_what_is_known_of_them() {
    let world = World::new();
    let one = world.instance_of(NewInstance {
        name: "web-1".into(),
        tags: Tags::from([("env".into(), "prod".into()), ("team".into(), "a".into())]),
        ..Default::default()
    });
    world.advance(120_000);
    let two = world.instance_of(NewInstance {
        name: "db-1".into(),
        image_id: "centos8".into(),
        tags: Tags::from([("env".into(), "test".into())]),
        ..Default::default()
    });
    world.ok("StopInstance", &[("InstanceId", &two)]);
    world.settle();
    let find = |params: &[(&str, &str)]| ids(&world.ok("DescribeInstances", params));
    assert_eq!(find(&[]), [two.clone(), one.clone()], "youngest first");
    assert_eq!(find(&[("Tag.1.Key", "env")]).len(), 2);
    for params in [
        &[("Status", "Running")][..],
        &[("InstanceName", "web*")],
        &[("InstanceName", "web-1")],
        &[("ImageId", "centos7")],
        &[("Tag.1.Key", "env"), ("Tag.1.Value", "prod")],
        &[("Tag.1.Key", "env"), ("Tag.2.Key", "team"), ("Tag.2.Value", "a")],
        &[("Filter.1.Key", "CreationEndTime"), ("Filter.1.Value", "2023-11-14T22:14Z")],
    ] {
        assert_eq!(find(params), std::slice::from_ref(&one), "{params:?}");
    }
    assert_eq!(
        find(&[("Filter.1.Key", "CreationStartTime"), ("Filter.1.Value", "2023-11-14T22:14Z")]),
        std::slice::from_ref(&two)
    );
    assert_eq!(find(&[("InstanceIds", &format!("[\"{two}\",\"i-x\"]"))]), [two]);
    for nothing in
        [("InstanceIds", "[]"), ("InstanceIds", "[\"i-x\"]"), ("ZoneId", "cn-hangzhou-z"), ("InstanceName", "web")]
    {
        assert!(find(&[nothing]).is_empty(), "{nothing:?}");
    }
    for bad in ["i-1", "{}", "[1]"] {
        assert_eq!(
            world.refused("DescribeInstances", &[("InstanceIds", bad)]),
            refusal(400, "InvalidParameter.InstanceIds")
        );
    }
}

#[test]
fn both_ways_of_paging_see_everything_once() {
    let world = World::new();
    for n in 0..25 {
        let new = NewInstance { image_id: if n % 5 == 0 { "x" } else { "y" }.into(), ..Default::default() };
        world.ecs.create_instance(new).unwrap();
    }
    let everything = BTreeSet::from_iter(world.ecs.instances().unwrap().into_iter().map(|i| i.instance_id));
    assert_eq!(everything.len(), 25);

    let mut seen = Vec::new();
    for page in ["1", "2", "3", "4"] {
        let answer = world.ok("DescribeInstances", &[("PageNumber", page), ("PageSize", "10")]);
        assert_eq!(answer["TotalCount"], 25);
        seen.extend(ids(&answer));
    }
    assert_eq!((seen.len(), BTreeSet::from_iter(seen)), (25, everything.clone()));

    let mut seen = Vec::new();
    let mut sizes = Vec::new();
    let mut token = String::new();
    loop {
        // MaxResults below 10 counts as 10.
        let answer = world.ok("DescribeInstances", &[("MaxResults", "3"), ("NextToken", &token)]);
        sizes.push(ids(&answer).len());
        seen.extend(ids(&answer));
        token = text(&answer["NextToken"]);
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(sizes, [10, 10, 5]);
    assert_eq!(BTreeSet::from_iter(seen), everything);

    let filtered = world.ok("DescribeInstances", &[("MaxResults", "100"), ("ImageId", "x")]);
    assert_eq!((ids(&filtered).len(), &filtered["NextToken"]), (5, &json!("")));
    assert_eq!(world.refused("DescribeInstances", &[("NextToken", "?")]), refusal(400, "InvalidParameter.NextToken"));
    assert_eq!(world.refused("DescribeInstances", &[("PageNumber", "0")]), refusal(400, "InvalidParameter.PageNumber"));
}

#[test]
fn tags_are_set_listed_and_removed_on_everything_that_has_them() {
    let world = World::new();
    let id = world.instance();
    let disk = world.disk(&id, 0);
    let snapshot = world.snapshot_of(&disk);
    world.settle();
    let image = text(&world.ok("CreateImage", &[("SnapshotId", &snapshot)])["ImageId"]);
    for (kind, resource) in [("instance", &id), ("disk", &disk), ("snapshot", &snapshot), ("image", &image)] {
        let on = [("ResourceType", kind), ("ResourceId.1", resource.as_str())];
        let list = |filter: &[(&str, &str)]| {
            let params: Vec<_> = on.iter().chain(filter).copied().collect();
            let answer = world.ok("ListTagResources", &params);
            let tags = answer["TagResources"]["TagResource"].as_array().unwrap().clone();
            assert!(tags.iter().all(|tag| tag["ResourceId"] == *resource && tag["ResourceType"] == kind));
            tags.iter().map(|tag| format!("{}={}", text(&tag["TagKey"]), text(&tag["TagValue"]))).collect::<Vec<_>>()
        };
        let set = |tags: &[(&str, &str)]| world.ok("TagResources", &on.iter().chain(tags).copied().collect::<Vec<_>>());
        set(&[("Tag.1.Key", "a"), ("Tag.1.Value", "1"), ("Tag.2.Key", "b"), ("Tag.2.Value", "2")]);
        set(&[("Tag.1.Key", "b"), ("Tag.1.Value", "3"), ("Tag.2.Key", "c")]);
        assert_eq!(list(&[]), ["a=1", "b=3", "c="]);
        assert_eq!(list(&[("Tag.1.Key", "b"), ("Tag.1.Value", "2")]), [""; 0]);
        world.ok("UntagResources", &[on[0], on[1], ("TagKey.1", "b")]);
        assert_eq!(list(&[]), ["a=1", "c="]);
        world.ok("UntagResources", &[on[0], on[1], ("All", "true")]);
        assert_eq!(list(&[]), [""; 0]);
    }
}

#[test]
fn tagging_refuses_what_the_service_refuses() {
    let world = World::new();
    let id = world.instance();
    let (kind, on, key) = (("ResourceType", "instance"), ("ResourceId.1", id.as_str()), ("Tag.1.Key", "k"));
    let cases: &[Case<'_>] = &[
        ("TagResources", &[on, key], 400, "MissingParameter.ResourceType"),
        ("TagResources", &[("ResourceType", "cat"), on, key], 404, "InvalidResourceType.NotFound"),
        ("TagResources", &[kind, key], 400, "MissingParameter.ResourceIds"),
        ("TagResources", &[kind, on], 400, "MissingParameter.Tags"),
        ("TagResources", &[kind, ("ResourceId.1", "i-x"), key], 404, "InvalidResourceId.NotFound"),
        ("TagResources", &[kind, on, key, ("ResourceId.2", "i-x")], 404, "InvalidResourceId.NotFound"),
        ("UntagResources", &[kind, on], 400, "MissingParameter.TagKey"),
        ("ListTagResources", &[kind], 400, "MissingParameter.ResourceIds"),
    ];
    for (action, params, status, code) in cases {
        assert_eq!(world.refused(action, params), refusal(*status, code), "{action} {params:?}");
    }
    assert!(world.get(&id).tags.is_empty(), "one bad resource fails the whole call");
    let many: Vec<(String, String)> = (1..=20).map(|n| (format!("Tag.{n}.Key"), format!("k{n}"))).collect();
    let mut params: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    params.extend([kind, on]);
    world.ok("TagResources", &params);
    assert_eq!(world.refused("TagResources", &[kind, on, key]), refusal(400, "NumberExceed.Tags"));
}

#[test]
fn tags_are_listed_page_by_page() {
    let world = World::new();
    for n in 0..60 {
        let tags = Tags::from([("n".to_owned(), n.to_string())]);
        world.ecs.create_instance(NewInstance { image_id: "x".into(), tags, ..Default::default() }).unwrap();
    }
    let first = world.ok("ListTagResources", &[("ResourceType", "instance"), ("Tag.1.Key", "n")]);
    let token = text(&first["NextToken"]);
    let second =
        world.ok("ListTagResources", &[("ResourceType", "instance"), ("Tag.1.Key", "n"), ("NextToken", &token)]);
    let count = |answer: &Value| answer["TagResources"]["TagResource"].as_array().unwrap().len();
    assert_eq!((count(&first), count(&second), &second["NextToken"]), (50, 10, &json!("")));
}

#[test]
fn announced_events_are_history() {
    let world = World::new();
    let id = world.instance();
    let announce = |instance: &str, status: &str| {
        world.ecs.add_history_event(NewHistoryEvent {
            instance_id: instance.into(),
            event_type: "SystemMaintenance.Reboot".into(),
            cycle_status: status.into(),
            reason: "host".into(),
            not_before: START + 3_600_000,
        })
    };
    assert_eq!(announce("i-x", "Scheduled").unwrap_err().code, "InvalidInstanceId.NotFound");
    let event = announce(&id, "Scheduled").unwrap();
    announce(&id, "Executed").unwrap();
    let answer = world.ok(
        "DescribeInstanceHistoryEvents",
        &[
            ("InstanceId", &id),
            ("InstanceEventCycleStatus.1", "Scheduled"),
            ("InstanceEventCycleStatus.2", "Executing"),
            ("InstanceEventType.1", "SystemMaintenance.Reboot"),
        ],
    );
    let events = answer["InstanceSystemEventSet"]["InstanceSystemEventType"].as_array().unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["EventId"], event);
    assert_eq!(events[0]["EventType"]["Name"], "SystemMaintenance.Reboot");
    assert_eq!(events[0]["EventCycleStatus"]["Name"], "Scheduled");
    assert_eq!(events[0]["NotBefore"], "2023-11-14T23:13:20Z");
    assert_eq!(world.ok("DescribeInstanceHistoryEvents", &[])["TotalCount"], 2);
    let of = |params: &[(&str, &str)]| world.ok("DescribeInstanceHistoryEvents", params)["TotalCount"].clone();
    assert_eq!(of(&[("ResourceId.1", "i-x"), ("ResourceId.2", &id), ("ResourceType", "instance")]), 2);
    assert_eq!(of(&[("ResourceId.1", "i-x"), ("InstanceId", &id)]), 0, "the list comes before the one");
    assert_eq!(of(&[("ResourceType", "ddh")]), 0);
    let names: Vec<String> = (1..=101).map(|n| format!("ResourceId.{n}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), id.as_str())).collect();
    assert_eq!(of(&many[..100]), 2);
    assert_eq!(world.refused("DescribeInstanceHistoryEvents", &many), refusal(400, "InvalidParameter.ResourceId"));
    assert_eq!(
        world.ok("DescribeInstanceHistoryEvents", &[("InstanceEventType.1", "SystemFailure.Reboot")])["TotalCount"],
        0
    );
}

#[test]
fn automatic_snapshot_policies_are_made_applied_and_taken_off() {
    let world = World::new();
    let disk = world.disk(&world.instance(), 0);
    let disks = format!("[\"{disk}\"]");
    let here = ("regionId", "cn-hangzhou");
    let nightly = [
        here,
        ("autoSnapshotPolicyName", "nightly"),
        ("timePoints", "[\"1\", \"22\"]"),
        ("repeatWeekdays", "[\"1\",\"7\"]"),
        ("retentionDays", "-1"),
    ];
    let policy = text(&world.ok("CreateAutoSnapshotPolicy", &nightly)["AutoSnapshotPolicyId"]);
    let apply = [here, ("autoSnapshotPolicyId", &policy), ("diskIds", &disks)];
    world.ok("ApplyAutoSnapshotPolicy", &apply);
    let known = world.ok("DescribeAutoSnapshotPolicyEx", &[])["AutoSnapshotPolicies"]["AutoSnapshotPolicy"].clone();
    assert_eq!((&known[0]["AutoSnapshotPolicyId"], &known[0]["DiskNums"]), (&json!(policy), &json!(1)));
    assert_eq!((&known[0]["TimePoints"], &known[0]["Status"]), (&json!("[\"1\", \"22\"]"), &json!("Normal")));
    let of = |disk: &Value| (disk["AutoSnapshotPolicyId"].clone(), disk["EnableAutomatedSnapshotPolicy"].clone());
    let seen = world.ok("DescribeDisks", &[("AutoSnapshotPolicyId", &policy)])["Disks"]["Disk"].clone();
    assert_eq!((seen.as_array().unwrap().len(), of(&seen[0])), (1, (json!(policy), json!(true))));
    world.ok("CancelAutoSnapshotPolicy", &[here, ("diskIds", &disks)]);
    assert_eq!(of(&world.ok("DescribeDisks", &[])["Disks"]["Disk"][0]), (json!(""), json!(false)));

    let wrong = |at: usize, value| {
        let mut params = nightly;
        params[at].1 = value;
        world.refused("CreateAutoSnapshotPolicy", &params)
    };
    assert_eq!(wrong(0, "mars-1"), refusal(404, "InvalidRegionId.NotFound"));
    assert_eq!(wrong(2, "[\"24\"]"), refusal(400, "InvalidParameter.timePoints"));
    assert_eq!(wrong(3, "[\"0\"]"), refusal(400, "InvalidParameter.repeatWeekdays"));
    assert_eq!(wrong(4, "0"), refusal(400, "InvalidParameter.retentionDays"));
    let unknown = [here, ("autoSnapshotPolicyId", "sp-x"), ("diskIds", &disks)];
    assert_eq!(
        world.refused("ApplyAutoSnapshotPolicy", &unknown),
        refusal(404, "InvalidAutoSnapshotPolicyId.NotFound")
    );
    let no_disk = [here, ("autoSnapshotPolicyId", &policy), ("diskIds", "[\"d-x\"]")];
    assert_eq!(world.refused("ApplyAutoSnapshotPolicy", &no_disk), refusal(404, "InvalidDiskId.NotFound"));
}

#[test]
fn attributes_are_modified_or_refused() {
    let world = World::new();
    let id = world.instance();
    let on = ("InstanceId", id.as_str());
    world.ok("ModifyInstanceAttribute", &[on, ("InstanceName", "new-name"), ("Description", "what it is")]);
    let seen = world.ok("DescribeInstanceAttribute", &[on]);
    assert_eq!((&seen["InstanceName"], &seen["Description"]), (&json!("new-name"), &json!("what it is")));
    let modify = "ModifyInstanceAttribute";
    assert_eq!(world.refused(modify, &[on, ("InstanceName", "x")]), refusal(400, "InvalidInstanceName.Malformed"));
    assert_eq!(world.refused(modify, &[("InstanceId", "i-x")]), refusal(404, "InvalidInstanceId.NotFound"));
    assert_eq!(
        world.refused(modify, &[on, ("DeletionProtection", "maybe")]),
        refusal(400, "InvalidParameter.DeletionProtection")
    );
    assert_eq!(
        world.refused("DescribeInstanceAttribute", &[("InstanceId", "i-x")]),
        refusal(404, "InvalidInstanceId.NotFound")
    );
}

#[test]
fn every_call_names_this_region_and_a_known_action() {
    let world = World::new();
    for action in [
        "DescribeInstances",
        "DescribeInstanceStatus",
        "DescribeInstanceHistoryEvents",
        "DescribeAutoSnapshotPolicyEx",
        "DescribeDisks",
        "DescribeSnapshots",
        "DescribeInvocations",
        "DescribeInvocationResults",
        "DescribeCloudAssistantStatus",
        "CreateDisk",
        "RunCommand",
        "StopInvocation",
        "TagResources",
        "UntagResources",
        "ListTagResources",
    ] {
        assert_eq!(
            world.refused(action, &[("RegionId", "cn-beijing")]),
            refusal(404, "InvalidRegionId.NotFound"),
            "{action}"
        );
        assert_eq!(world.refused(action, &[("RegionId", "")]), refusal(400, "MissingParameter.RegionId"), "{action}");
    }
    assert_eq!(world.refused("DescribeCats", &[]), refusal(404, "InvalidAction.NotFound"));
    assert_eq!(world.refused("DescribeInstances", &[("DryRun", "true")]), refusal(400, "DryRunOperation"));
}
