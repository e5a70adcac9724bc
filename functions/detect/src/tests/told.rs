//! What people are told of a scan.

use openapi::eventbridge::CloudEvent;
use stage::bus::{SCAN_FINISHED, SCAN_PROBLEM};

use super::*;

fn hourly(now: &str) -> Occasion<'_> {
    Occasion { now: at(now), request_id: "r-7", whole: true }
}

/// The events of this type since the last look.
fn told(world: &World, kind: &str) -> Vec<CloudEvent> {
    world.bus.events().into_iter().filter(|event| event.kind == kind).collect()
}

#[tokio::test]
async fn a_problem_is_an_event_that_is_the_same_for_a_day() {
    let world = world("CentOS  8.5 64 bit", &[ASKED, ("osferry:target", "x")]);
    crowd(&world, 2..=2, "Debian 13.1 64 bit");
    for now in ["2026-11-23T10:00:00Z", "2026-11-23T11:00:00Z", "2026-11-24T10:00:00Z"] {
        scanned_on(&world, &hourly(now)).await.unwrap();
    }
    let problems = told(&world, SCAN_PROBLEM);
    let ids: Vec<&str> = problems.iter().map(|event| event.id.as_str()).collect();
    let day = |day| [format!("scan-i-1-2026-11-{day}-tags"), format!("scan-i-2-2026-11-{day}-in-support")];
    assert_eq!(ids, [day(23), day(23), day(24)].concat());
    let first = &problems[0];
    assert_eq!((first.source.as_str(), first.subject.as_str(), first.bus.as_str()), ("osferry", "i-1", "osferry"));
    let problem = "tag osferry:target=\"x\": not an operating system";
    assert_eq!(first.data, json!({ "instanceId": "i-1", "kind": "tags", "problem": problem }));
}

#[tokio::test]
async fn there_are_no_more_events_than_somebody_reads() {
    let world = world("arch", &[ASKED]);
    crowd(&world, 2..=150, "Debian 13.1 64 bit");
    // A guest may say whatever it likes.
    let long = "x".repeat(70_000);
    world.cloud.answers(move |_| answer(&[("os_id", &long), ("os_version", ""), ("arch", "x86_64")]));
    let scan = scanned_on(&world, &hourly("2026-11-23T10:00:00Z")).await.unwrap();
    assert_eq!(scan.problems.len(), 150);
    assert_eq!(told(&world, SCAN_PROBLEM).len(), 100);
    let [finished] = &told(&world, SCAN_FINISHED)[..] else { panic!("one end") };
    assert_eq!((finished.id.as_str(), &finished.data["problems"]), ("scan-r-7", &json!(150)));
}

#[tokio::test]
async fn the_whole_region_is_counted_and_only_what_asks_is_opened() {
    let world = world("CentOS  7.9 64 bit", &[]);
    crowd(&world, 2..=120, "CentOS  8.5 64 bit");
    for instance in world.cloud.made_instances.borrow_mut().iter_mut().skip(1) {
        instance.tags = vec![Tag::new("env", "prod")];
    }
    let scan = scanned_on(&world, &hourly("2026-11-23T10:00:00Z")).await.unwrap();
    assert_eq!((scan.seen, scan.opened.len()), (1, 1));
    let [finished] = &told(&world, SCAN_FINISHED)[..] else { panic!("one end") };
    let eol = json!([
        { "system": "CentOS 8.5", "phase": "ended", "since": "2021-12-31", "instances": 119, "tagged": 1 },
        { "system": "CentOS 7.9", "phase": "ended", "since": "2024-06-30", "instances": 1, "tagged": 0 },
    ]);
    assert_eq!(
        finished.data,
        json!({
            "instances": 120, "seen": 1, "opened": 1, "alreadyOpen": 0, "starting": 0, "problems": 0,
            "expiredSnapshots": 0, "eol": eol,
        })
    );
    assert_eq!(scan.answer()["eol"], eol);
}

#[tokio::test]
async fn what_an_event_wakes_tells_nobody() {
    let world = world("Debian 13.1 64 bit", &[ASKED]);
    let scan = scanned_all(&world).await;
    assert_eq!((scan.problems.len(), &scan.answer()["eol"]), (1, &json!(null)));
    assert!(world.bus.events().is_empty());
}

#[tokio::test]
async fn a_bus_that_takes_nothing_ends_no_scan() {
    let world = world("Debian 13.1 64 bit", &[ASKED]);
    world.bus.fail(1);
    assert_eq!(scanned_on(&world, &hourly("2026-11-23T10:00:00Z")).await.unwrap().problems.len(), 1);
    assert!(world.bus.events().is_empty());
}

#[test]
fn the_timer_is_no_event() {
    let event = json!({ "id": "1", "source": "acs.ecs", "type": "ecs:CloudAssistant:FirstHeartbeat", "data": {} });
    for (payload, is) in [
        (event.clone(), true),
        (json!([event]), true),
        (json!({}), false),
        (json!([]), false),
        (json!({ "triggerTime": "2022-07-29T02:02:58Z", "triggerName": "hourly", "payload": "" }), false),
    ] {
        assert_eq!(is_event(&payload), is, "{payload}");
    }
}
