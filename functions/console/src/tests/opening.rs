use super::*;

#[tokio::test]
async fn a_batch_is_opened_once_with_what_was_asked_for() {
    let world = world(&[("i-2", "CentOS  7.9 64 bit"), ("i-3", "Customized Linux"), ("i-4", "Ubuntu 20.04")]);
    let asked = json!({
        "instances": ["i-1", { "id": "i-2", "target": "AlmaLinux 9" }, "i-3", "i-4", "i-5"],
        "target": "Anolis OS 8",
        "policy": { "observe_minutes": 15, "probes": [{ "command": "true" }, { "http": "http://127.0.0.1/" }] },
        "stopAfterFailures": 2,
    });
    let (status, body) = ann(&world, "POST", "/migrations", asked.clone()).await;
    assert_eq!(status, 202, "{body}");
    let opened = body["opened"].as_array().unwrap();
    let ids: Vec<&str> = opened.iter().filter_map(|opened| opened["migrationId"].as_str()).collect();
    assert_eq!(ids.len(), 2, "{body}");
    let records: Vec<Record> = ids.iter().map(|id| stored(&world, id)).collect();
    assert_eq!(records[0].hops.last().unwrap().to.to_string(), "Anolis OS 8");
    assert_eq!(
        records[1].hops.iter().map(|hop| hop.to.to_string()).collect::<Vec<_>>(),
        ["AlmaLinux 8", "AlmaLinux 9"]
    );
    for record in &records {
        assert_eq!(record.opened_by, "ann");
        assert_eq!((record.policy.observe_minutes, record.policy.retention_days), (15, 3), "own and inherited");
        let batch = record.batch.as_ref().unwrap();
        assert_eq!((batch.id.as_str(), batch.stop_after_failures), (body["batch"].as_str().unwrap(), 2));
        assert!(record.system.is_some());
    }
    let problems: Vec<&str> = body["problems"].as_array().unwrap().iter().filter_map(|p| p["error"].as_str()).collect();
    assert_eq!(problems.len(), 3);
    assert!(
        problems[0].contains("unknown") && problems[1].contains("do-release") && problems[2].contains("not listed")
    );
    let requested = world.bus.events().iter().filter(|event| event.kind == "osferry:Stage:Requested").count();
    assert_eq!(requested, 2);

    // The answer got lost: the same again opens nothing.
    let (status, again) = ann(&world, "POST", "/migrations", asked).await;
    assert_eq!((status, again["opened"].as_array().unwrap().len()), (202, 0));
    assert_eq!(again["alreadyOpen"].as_array().unwrap().len(), 2);

    let batch = body["batch"].as_str().unwrap();
    let (_, listed) = ann(&world, "GET", &format!("/migrations?batch={batch}"), json!(null)).await;
    assert_eq!(listed["counts"], json!({ "precheck": 2 }));
    let unreadable: MigrationId = listed["migrations"][0]["migrationId"].as_str().unwrap().parse().unwrap();
    let json = world.records.json(&unreadable).unwrap();
    world.records.raw(&unreadable, |json| json.truncate(20));
    let (status, listed) = ann(&world, "GET", &format!("/migrations?batch={batch}"), json!(null)).await;
    assert_eq!((status, &listed["counts"]), (200, &json!({ "precheck": 1, "unreadable": 1 })));
    assert!(listed["migrations"][0]["error"].as_str().unwrap().starts_with("OSF-E004"), "{listed}");
    world.records.raw(&unreadable, |now| *now = json);
    let (_, listed) = ann(&world, "GET", "/migrations?instance=i-2", json!(null)).await;
    assert_eq!(listed["migrations"][0]["to"], "AlmaLinux 9");
    assert_eq!((listed["migrations"].as_array().unwrap().len(), &listed["next"]), (1, &json!(null)));
    let (_, first) = ann(&world, "GET", "/migrations?limit=1", json!(null)).await;
    let next = first["next"].as_str().unwrap();
    let (_, second) = ann(&world, "GET", &format!("/migrations?limit=1&after={next}"), json!(null)).await;
    assert_ne!(first["migrations"][0]["migrationId"], second["migrations"][0]["migrationId"]);
}

#[tokio::test]
async fn a_thousand_are_checked_and_opened_at_once() {
    let names: Vec<String> = (1..=1000).map(|n| format!("i-{n}")).collect();
    let more: Vec<(&str, &str)> = names[1..].iter().map(|id| (id.as_str(), "CentOS  7.9 64 bit")).collect();
    let world = world(&more);
    for id in &names[1..] {
        let disk_id = format!("d-{id}");
        let disk = Disk { disk_id, instance_id: id.clone(), size: 40, ..Disk::default() };
        world.cloud.made_disks.borrow_mut().push(disk);
    }
    let (status, body) = ann(&world, "POST", "/prechecks", json!({ "instances": names })).await;
    let prechecks = body["prechecks"].as_array().unwrap();
    assert_eq!((status, prechecks.len()), (200, 1000));
    assert!(prechecks.iter().all(|precheck| precheck["error"].is_null()), "{}", prechecks[999]);
    // Instances 10, assistants 20, disks 3, snapshots 1, events 10.
    assert_eq!(world.cloud.calls(), 44);

    let before = world.cloud.calls();
    let asked = json!({ "instances": names, "target": "Alibaba Cloud Linux 3" });
    let (status, body) = ann(&world, "POST", "/migrations", asked.clone()).await;
    assert_eq!((status, body["opened"].as_array().unwrap().len()), (202, 1000));
    assert_eq!(world.cloud.calls() - before, 10, "a call for a hundred instances");
    let requested = world.bus.events().iter().filter(|event| event.kind == "osferry:Stage:Requested").count();
    assert_eq!(requested, 1000);
    let batch = body["batch"].as_str().unwrap();
    let (_, listed) = ann(&world, "GET", &format!("/migrations?batch={batch}"), json!(null)).await;
    assert_eq!(listed["counts"], json!({ "precheck": 1000 }));
    let (_, again) = ann(&world, "POST", "/migrations", asked).await;
    assert_eq!(again["alreadyOpen"].as_array().unwrap().len(), 1000);
}

#[tokio::test]
async fn a_tag_says_what_an_instance_runs() {
    let world = world(&[("i-2", "Customized Linux")]);
    world.cloud.made_instances.borrow_mut()[0].tags = vec![Tag::new("osferry:os", "CentOS 8.5")];
    let (status, body) = ann(&world, "POST", "/migrations", json!({ "instances": ["i-2"] })).await;
    assert_eq!((status, &body["opened"][0]["system"]), (202, &json!("CentOS 8.5")));
    let (status, body) = ann(&world, "POST", "/migrations", json!({ "instances": ["i-9"] })).await;
    assert_eq!((status, body["problems"].as_array().unwrap().len()), (422, 1));
}

#[tokio::test]
async fn what_is_in_standard_support_needs_a_named_target() {
    let world = world(&[("i-2", "Debian 13.1 64 bit"), ("i-3", "AlmaLinux 9.6 64 bit")]);
    let (status, body) = ann(&world, "POST", "/migrations", json!({ "instances": ["i-2", "i-3"] })).await;
    assert_eq!((status, &body["opened"]), (422, &json!([])), "{body}");
    assert!(body["problems"][0]["error"].as_str().unwrap().contains("Debian 13.1 is in standard support"), "{body}");
    let (_, body) = ann(&world, "POST", "/prechecks", json!({ "instances": ["i-3"] })).await;
    let one = &body["prechecks"][0];
    assert_eq!(one["passed"], false);
    assert!(one["refused"].as_str().unwrap().contains("name a target"), "{one}");
    let named = json!({ "instances": ["i-3"], "target": "AlmaLinux 10" });
    let (status, body) = ann(&world, "POST", "/migrations", named).await;
    assert_eq!((status, body["opened"].as_array().unwrap().len()), (202, 1), "{body}");
}

#[tokio::test]
async fn a_request_cannot_do_without_the_acknowledgement_that_is_demanded() {
    let world = world(&[]);
    let strict = || Policy { acknowledge: true, ..policy() };
    let asked = |policy: Value| json!({ "instances": ["i-1"], "policy": policy });
    let (status, body) = ann_under(&world, strict(), "/migrations", asked(json!({ "acknowledge": false }))).await;
    assert!(status == 400 && body["error"].as_str().unwrap().contains("acknowledge"), "{body}");
    let (status, body) = ann_under(&world, strict(), "/migrations", asked(json!({ "observe_minutes": 5 }))).await;
    assert_eq!(status, 202, "{body}");
    let id = body["opened"][0]["migrationId"].as_str().unwrap();
    assert!(stored(&world, id).policy.acknowledge);
}

#[tokio::test]
async fn a_check_is_asked_for_without_a_drills_network() {
    let world = world(&[]);
    let (status, body) = ann(&world, "POST", "/migrations", json!({ "instances": ["i-1"], "mode": "check" })).await;
    assert_eq!(status, 202, "{body}");
    let (_, listed) = ann(&world, "GET", "/migrations", json!(null)).await;
    assert_eq!(listed["migrations"][0]["mode"], "check");
}
