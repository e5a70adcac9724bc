use std::cell::Cell;

use fc_runtime::http_trigger::{HttpParts, RequestContext};
use migration::policy::Probe;
use migration::{Finding, Outcome, Record, Stage, State};
use openapi::ecs::{CloudAssistantStatus, Disk, Instance, Tag};
use serde_json::json;
use stage::testing::{FakeCloud, MemoryBus, MemoryRecords, guest_settings, record_in, with_snapshots};

use super::*;

type World = Env<FakeCloud, MemoryRecords, MemoryBus>;

/// SHA-256 of `secret`.
const HASH: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

/// Instance i-1 is CentOS 8.5; more are made of names.
fn world(more: &[(&str, &str)]) -> World {
    let world = Env {
        cloud: FakeCloud::with_essds(),
        records: MemoryRecords::default(),
        bus: MemoryBus::default(),
        clock: || 1_795_392_000_000,
        guest: guest_settings(),
        options: Default::default(),
        event_bus: "osferry".into(),
    };
    for (id, name) in more {
        world.cloud.made_instances.borrow_mut().push(Instance {
            instance_id: (*id).into(),
            os_name_en: (*name).into(),
            status: "Running".into(),
            ..Instance::default()
        });
    }
    world
}

async fn ask(world: &World, method: &str, path: &str, body: &str, token: &str) -> HttpResponse {
    let ids = Cell::new(0_u64);
    let console = Console {
        env: world,
        operators: Operators::read(&format!(r#"{{"ann": "{HASH}"}}"#)).unwrap(),
        policy: Policy { probes: vec![Probe::Command("true".into())], retention_days: 3, ..Policy::default() },
        invocation: Invocation { request_id: "r-1".into(), deadline: Millis::MAX - 60_000 },
        random: || {
            ids.set(ids.get() + 1);
            let mut bytes = [0; 10];
            bytes[..8].copy_from_slice(&ids.get().to_be_bytes());
            Ok(bytes)
        },
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let query_parameters = query.split('&').filter_map(|pair| pair.split_once('='));
    let request = HttpRequest {
        raw_path: path.into(),
        query_parameters: query_parameters.map(|(name, value)| (name.into(), value.into())).collect(),
        headers: [("Authorization".to_owned(), format!("Bearer {token}"))].into(),
        body: body.into(),
        request_context: RequestContext {
            http: HttpParts { method: method.into(), ..HttpParts::default() },
            ..RequestContext::default()
        },
        ..HttpRequest::default()
    };
    console.handle(&request).await
}

/// Status and body of what ann is answered.
async fn ann(world: &World, method: &str, path: &str, body: Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = ask(world, method, path, &body, "secret").await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    (answer.status_code, serde_json::from_str(&answer.body).unwrap())
}

#[tokio::test]
async fn nobody_is_answered_without_a_token() {
    let world = world(&[]);
    for path in ["/migrations", "/prechecks", "/", "/migrations/m-1/cancel"] {
        for token in ["", "Secret", HASH] {
            let answer = ask(&world, "POST", path, "{}", token).await;
            assert_eq!((answer.status_code, answer.headers["www-authenticate"].as_str()), (401, "Bearer"), "{path}");
        }
    }
    assert_eq!(world.cloud.calls(), 0, "nothing was looked at");
}

#[tokio::test]
async fn what_makes_no_sense_says_why() {
    let world = world(&[]);
    let many: Vec<String> = (0..1001).map(|n| format!("i-{n}")).collect();
    let id = MigrationId::from_bytes([7; 10]);
    for (method, path, body, status, text) in [
        ("GET", "/nothing".to_owned(), json!(null), 404, "there is no /nothing"),
        ("GET", "/prechecks".into(), json!(null), 405, "POST only"),
        ("DELETE", "/migrations".into(), json!(null), 405, "GET, POST only"),
        ("POST", format!("/migrations/{id}"), json!(null), 405, "GET only"),
        ("GET", format!("/migrations/{id}/cancel"), json!(null), 405, "POST only"),
        ("POST", "/prechecks".into(), json!(null), 400, "the body"),
        ("POST", "/prechecks".into(), json!({}), 400, "instances"),
        ("POST", "/prechecks".into(), json!({ "instances": [] }), 400, "no instance"),
        ("POST", "/prechecks".into(), json!({ "instances": many }), 400, "at most 1000"),
        ("POST", "/prechecks".into(), json!({ "instances": ["i-1", "i-1"] }), 400, "named twice"),
        ("POST", "/prechecks".into(), json!({ "instances": ["i-1; reboot"] }), 400, "not an instance id"),
        ("POST", "/prechecks".into(), json!({ "instances": ["i-1"], "target": "BeOS" }), 400, "BeOS"),
        ("POST", "/prechecks".into(), json!({ "instances": ["i-1"], "targets": "x" }), 400, "unknown field"),
        ("POST", "/migrations".into(), json!({ "instances": [{ "id": "i-1", "target": "x" }] }), 400, "\"x\""),
        (
            "POST",
            "/migrations".into(),
            json!({ "instances": ["i-1"], "policy": { "retention_days": 0 } }),
            400,
            "65536",
        ),
        (
            "POST",
            "/migrations".into(),
            json!({ "instances": ["i-1"], "policy": { "observe_minutes": 1441 } }),
            400,
            "1440",
        ),
        (
            "POST",
            "/migrations".into(),
            json!({ "instances": ["i-1"], "policy": { "retention": 1 } }),
            400,
            "unknown field",
        ),
        ("POST", "/migrations".into(), json!({ "instances": ["i-1"], "policy": { "target": null } }), 400, "beside"),
        (
            "POST",
            "/migrations".into(),
            json!({ "instances": ["i-1"], "policy": { "probes": [{ "command": "reboot" }] } }),
            400,
            "own settings only",
        ),
        ("POST", "/migrations".into(), json!({ "instances": ["i-1"], "mode": "drill" }), 400, "DRILL_VSWITCH"),
        ("POST", "/migrations".into(), json!({ "instances": ["i-1"], "batch": "b-1" }), 400, "not a batch id"),
        ("GET", "/migrations?state=x".into(), json!(null), 400, "none of batch"),
        ("GET", "/migrations?limit=0".into(), json!(null), 400, "limit"),
        ("GET", "/migrations?instance=x".into(), json!(null), 400, "not an instance id"),
        ("GET", "/migrations/m-1".into(), json!(null), 400, "not a migration id"),
        ("GET", format!("/migrations/{id}"), json!(null), 404, "has no record"),
        ("GET", format!("/migrations/{id}/history"), json!(null), 404, "has no record"),
        ("POST", format!("/migrations/{id}/cancel"), json!(null), 404, "has no record"),
        ("POST", format!("/migrations/{id}/acknowledge"), json!({}), 400, "digest"),
    ] {
        let (answered, body) = ann(&world, method, &path, body).await;
        assert_eq!(answered, status, "{method} {path}: {body}");
        assert!(body["error"].as_str().unwrap().contains(text), "{method} {path}: {body}");
    }
    assert_eq!(*world.cloud.done.borrow(), [""; 0]);
    assert!(world.bus.events().is_empty());
}

#[tokio::test]
async fn prechecks_of_many_at_once() {
    let world = world(&[("i-2", "Ubuntu 20.04 64 bit"), ("i-3", "Customized Linux")]);
    world.cloud.assistant.replace(Some(CloudAssistantStatus {
        instance_id: "i-1".into(),
        running: true,
        version: "2.2.3.309".into(),
        last_heartbeat_time: "2026-11-23T00:00:00Z".into(),
        ..CloudAssistantStatus::default()
    }));
    let (status, body) = ann(&world, "POST", "/prechecks", json!({ "instances": ["i-1", "i-2", "i-3", "i-4"] })).await;
    assert_eq!(status, 200);
    let one = &body["prechecks"][0];
    assert_eq!((&one["passed"], &one["support"]), (&json!(true), &json!("ended")), "{one}");
    assert_eq!(one["lastDayOfSupport"], "2021-12-31");
    assert_eq!(one["hops"], json!([{ "from": "CentOS 8", "to": "Alibaba Cloud Linux 3", "engine": "distro-sync" }]));
    let found = |index: usize| body["prechecks"][index]["findings"].to_string();
    assert!(found(1).contains("do-release-upgrade"), "{body}");
    assert!(found(2).contains("cloud.os"), "{body}");
    assert!(body["prechecks"][3]["error"].as_str().unwrap().contains("i-4 is not listed"), "{body}");
    assert_eq!(*world.cloud.done.borrow(), [""; 0], "nothing is changed");
}

#[tokio::test]
async fn where_all_of_them_can_go() {
    let world = world(&[("i-2", "CentOS  7.9 64 bit"), ("i-3", "Customized Linux")]);
    let (_, body) = ann(&world, "POST", "/destinations", json!({ "instances": ["i-1", "i-2"] })).await;
    let common: Vec<&str> = body["common"].as_array().unwrap().iter().filter_map(|os| os["os"].as_str()).collect();
    assert_eq!(common, ["Alibaba Cloud Linux 3", "Anolis OS 8", "AlmaLinux 8", "AlmaLinux 9", "AlmaLinux 10"]);
    assert_eq!(body["instances"][1]["preferred"], "Alibaba Cloud Linux 3");
    let (_, body) = ann(&world, "POST", "/destinations", json!({ "instances": ["i-1", "i-3"] })).await;
    assert_eq!(body["common"], json!([]), "nobody knows where i-3 can go");
    assert!(body["instances"][1]["error"].as_str().unwrap().contains("osferry:os"), "{body}");
}

fn stored(world: &World, id: &str) -> Record {
    Record::from_json(&world.records.json(&id.parse().unwrap()).unwrap()).unwrap()
}

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
async fn wishes_are_done_by_name_or_refused_with_a_reason() {
    let world = world(&[]);
    let record = record_in(Stage::Assess);
    world.records.put(&record);
    let wish = |name: &str| format!("/migrations/{}/{name}", record.id);
    let (status, body) = ann(&world, "POST", &wish("rollback"), json!(null)).await;
    assert_eq!((status, body["error"].as_str().unwrap()), (409, "go-back changes nothing now"));
    let (status, body) = ann(&world, "POST", &wish("acknowledge"), json!({ "digest": "x" })).await;
    assert!(status == 409 && body["error"].as_str().unwrap().contains("another plan"), "{body}");
    assert!(world.records.steps(&record.id).is_empty(), "what is refused is not in the history");
    let (status, body) = ann(&world, "POST", &wish("cancel"), json!(null)).await;
    assert_eq!((status, &body["done"], &body["summary"]["stage"]), (200, &json!(true), &json!("cleanup")));
    let step = world.records.steps(&record.id).pop().unwrap();
    assert_eq!(step.actor.as_deref(), Some("ann"));
    let (status, _) = ann(&world, "POST", &wish("cancel"), json!(null)).await;
    assert_eq!(status, 409, "it is over already");
}

#[tokio::test]
async fn a_plan_is_shown_and_acknowledged() {
    let world = world(&[]);
    let mut record = record_in(Stage::Assess);
    record.policy.acknowledge = true;
    record.findings = vec![Finding::warn("guest.downgrades", "2 packages", "see"), Finding::info("guest.changes", "9")];
    record.awaiting = Some("abc".into());
    world.records.put(&record);
    let path = format!("/migrations/{}", record.id);
    let (_, body) = ann(&world, "GET", &path, json!(null)).await;
    assert_eq!(body["plan"]["digest"], "abc");
    assert_eq!(body["plan"]["risks"].as_array().unwrap().len(), 1);
    assert!(body["advice"].as_str().unwrap().contains("acknowledge"), "{body}");
    assert_eq!(body["eta"], json!({ "stage": null, "migration": null }), "nobody knows when a person answers");
    let (status, _) = ann(&world, "POST", &format!("{path}/acknowledge"), json!({ "digest": "abc" })).await;
    assert_eq!(status, 200);
    assert_eq!(stored(&world, record.id.as_str()).acknowledged[0].by, "ann");
}

#[tokio::test]
async fn the_history_can_be_kept() {
    let world = world(&[]);
    let (_, body) = ann(&world, "POST", "/migrations", json!({ "instances": ["i-1"] })).await;
    let id = body["opened"][0]["migrationId"].as_str().unwrap().to_owned();
    let answer = ask(&world, "GET", &format!("/migrations/{id}/history"), "", "secret").await;
    assert!(answer.headers["content-disposition"].contains(&format!("osferry-{id}.json")));
    let history: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(history["steps"][0]["what"], "opened");
    assert_eq!(history["steps"][0]["actor"], "ann");
    assert_eq!(history["steps"][0]["time"], "2026-11-23T00:00:00Z");
}

#[tokio::test]
async fn faults_of_the_cloud_have_their_code() {
    let world = world(&[]);
    world.cloud.refuses.borrow_mut().insert("DescribeInstances".into(), "Forbidden.RAM".into());
    let (status, body) = ann(&world, "POST", "/destinations", json!({ "instances": ["i-1"] })).await;
    assert_eq!((status, &body["code"]), (502, &json!("OSF-C003")), "{body}");
    world.records.fail(1);
    let (status, body) = ann(&world, "GET", "/migrations", json!(null)).await;
    assert_eq!((status, &body["code"]), (502, &json!("OSF-C004")), "{body}");
}

#[tokio::test]
async fn paths_and_calendar_are_told() {
    let world = world(&[]);
    let (status, paths) = ann(&world, "GET", "/paths", json!(null)).await;
    assert_eq!((status, &paths[0]["engine"]), (200, &json!("leapp")));
    let (status, calendar) = ann(&world, "GET", "/calendar", json!(null)).await;
    assert_eq!((status, &calendar[0]["standardEnd"]), (200, &json!("2017-03-31")));
}

#[tokio::test]
async fn what_another_migration_has_overtaken_stays_over() {
    let mut world = world(&[]);
    let mut record = record_in(Stage::Cleanup);
    (record.state, record.look_at) = (State::Ended(Outcome::Succeeded), None);
    world.records.put(&record);
    world.cloud = with_snapshots(world.cloud, &record);
    let tag = |value: &str| {
        let mut instance = world.cloud.instance.borrow_mut();
        instance.as_mut().unwrap().tags = vec![Tag::new("osferry:migration", value)];
    };
    let path = format!("/migrations/{}/rollback", record.id);
    tag("m-00000000000000000001");
    let (status, body) = ann(&world, "POST", &path, json!(null)).await;
    assert!(status == 409 && body["error"].as_str().unwrap().contains("has come since"), "{body}");
    tag(record.id.as_str());
    let (status, body) = ann(&world, "POST", &path, json!(null)).await;
    assert_eq!((status, &body["summary"]["stage"]), (200, &json!("rollback")));
}

#[tokio::test]
async fn what_a_rollback_would_mean_is_told_before_it_is_asked_for() {
    let mut world = world(&[]);
    let mut record = record_in(Stage::Cleanup);
    (record.state, record.look_at) = (State::Ended(Outcome::Succeeded), None);
    world.records.put(&record);
    world.cloud = with_snapshots(world.cloud, &record);
    let path = format!("/migrations/{}/rollback", record.id);
    let (status, body) = ann(&world, "GET", &path, json!(null)).await;
    assert_eq!((status, &body["possible"], &body["to"]), (200, &json!(true), &json!("CentOS 8")), "{body}");
    let goes: Vec<_> =
        body["goesBack"].as_array().unwrap().iter().map(|way| way["snapshotId"].as_str().unwrap()).collect();
    assert_eq!((goes, &body["stays"]), (vec!["s-1", "s-2"], &json!([])), "{body}");

    // One has expired: a healthy machine must not be stopped for it.
    world.cloud.snapshots.borrow_mut().retain(|snapshot| snapshot.snapshot_id != "s-2");
    let (_, body) = ann(&world, "GET", &path, json!(null)).await;
    assert_eq!(body["possible"], json!(false));
    assert!(body["whyNot"].as_str().unwrap().contains("d-2"), "{body}");
    let (status, body) = ann(&world, "POST", &path, json!(null)).await;
    assert!(status == 409 && body["error"].as_str().unwrap().contains("there is no way back"), "{body}");
    assert_eq!(stored(&world, record.id.as_str()).state, State::Ended(Outcome::Succeeded));
}
