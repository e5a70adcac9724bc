use migration::policy::Scope;

use super::*;

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
    assert_eq!(body["plan"]["mends"], json!([]));
    let hop = json!({ "from": "CentOS 8", "to": "Alibaba Cloud Linux 3", "engine": "distro-sync" });
    assert_eq!(body["plan"]["hops"], json!([hop]));
    assert!(body["advice"].as_str().unwrap().contains("acknowledge"), "{body}");
    assert_eq!(body["eta"], json!({ "stage": null, "migration": null }), "nobody knows when a person answers");
    let (status, _) = ann(&world, "POST", &format!("{path}/acknowledge"), json!({ "digest": "abc" })).await;
    assert_eq!(status, 200);
    assert_eq!(stored(&world, record.id.as_str()).acknowledged[0].by, "ann");
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

#[tokio::test]
async fn no_rollback_without_the_disk_that_would_go_back() {
    let mut world = world(&[]);
    let mut record = record_in(Stage::Cleanup);
    (record.state, record.look_at) = (State::Ended(Outcome::Succeeded), None);
    record.policy.rollback = Scope::System;
    world.records.put(&record);
    world.cloud = with_snapshots(world.cloud, &record);
    let path = format!("/migrations/{}/rollback", record.id);
    let (_, body) = ann(&world, "GET", &path, json!(null)).await;
    assert_eq!((&body["possible"], &body["goesBack"][0]["diskId"]), (&json!(true), &json!("d-1")), "{body}");

    // The system disk was replaced since; and then the record has lost its disks.
    world.cloud.disks.borrow_mut()[0].disk_id = "d-9".into();
    for why in ["disk d-1 is not attached to i-1 any more", "no disk of i-1 has a snapshot to go back to"] {
        let (_, body) = ann(&world, "GET", &path, json!(null)).await;
        assert_eq!((&body["possible"], &body["whyNot"]), (&json!(false), &json!(why)), "{body}");
        let (status, body) = ann(&world, "POST", &path, json!(null)).await;
        assert!(status == 409 && body["error"].as_str().unwrap().contains(why), "{body}");
        assert_eq!(stored(&world, record.id.as_str()).state, State::Ended(Outcome::Succeeded));
        record.disks.clear();
        world.records.put(&record);
    }
}

#[tokio::test]
async fn nothing_is_tried_again_while_another_migration_holds_the_instance() {
    let world = world(&[]);
    let mut record = record_in(Stage::Cleanup);
    (record.state, record.look_at) = (State::Ended(Outcome::Refused), None);
    world.records.put(&record);
    world.records.lock("i-1", &MigrationId::from_bytes([1; 10]), 0).await.unwrap();
    let (status, body) = ann(&world, "POST", &format!("/migrations/{}/retry", record.id), json!(null)).await;
    assert!(status == 409 && body["error"].as_str().unwrap().contains("another migration holds"), "{body}");
}
