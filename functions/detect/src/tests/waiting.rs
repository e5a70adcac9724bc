//! What is waited for: machines that are on their way up, and guests that were asked.

use openapi::ecs::{CreateImage, RunInstance};
use stage::cloud::Cloud;

use super::*;

/// An instance that RunInstances makes of a CentOS 8 image, with the tag in the request; its id.
async fn run_tagged(world: &World, started: &str) -> String {
    let image_id = world.cloud.create_image(&CreateImage::default()).await.unwrap();
    world.cloud.settle();
    let request = RunInstance { image_id, tags: vec![Tag::new(TAG, "migrate")], ..RunInstance::default() };
    let id = world.cloud.run_instance(&request).await.unwrap();
    change(world, |made| {
        made.os_name_en = "CentOS  8.5 64 bit".into();
        made.creation_time = started.into();
    });
    id
}

fn change(world: &World, change: impl Fn(&mut Instance)) {
    world.cloud.made_instances.borrow_mut().iter_mut().for_each(change);
}

fn moment(now: &str) -> Occasion<'static> {
    Occasion { now: at(now), ..woken() }
}

#[tokio::test]
async fn an_instance_that_is_tagged_at_its_creation_is_opened_when_its_agent_is_heard() {
    let world = world("CentOS  8.5 64 bit", &[]);
    let id = run_tagged(&world, "2026-11-23T10:00Z").await;
    let scanned = async |now: &str| {
        let scan = scanned_on(&world, &moment(now)).await.unwrap();
        assert_eq!((scan.seen, scan.problems.as_slice()), (1, &[][..]), "{now}");
        (scan.starting, scan.opened.len(), scan.already)
    };
    // Pending, then Running and silent, then heard.
    assert_eq!(scanned("2026-11-23T10:00:02Z").await, (1, 0, 0));
    world.cloud.settle();
    assert_eq!(scanned("2026-11-23T10:00:30Z").await, (1, 0, 0));
    world.cloud.settle();
    assert_eq!(scanned("2026-11-23T10:01:00Z").await, (0, 1, 0));
    assert_eq!(scanned("2026-11-23T11:00:00Z").await, (0, 0, 1));
    assert!(world.records.lock_holder(&id).await.unwrap().is_some());
}

#[tokio::test]
async fn who_stays_silent_or_stopped_is_the_prechecks_business_in_the_end() {
    for (status, started, now, opened) in [
        ("Running", "2026-11-23T10:00Z", "2026-11-23T10:29:59Z", 0),
        ("Running", "2026-11-23T10:00Z", "2026-11-23T10:30:00Z", 1),
        // It was made long ago, and has just been started.
        ("Running", "2026-11-23T10:20Z", "2026-11-23T10:30:00Z", 0),
        ("Starting", "", "2026-11-23T10:30:00Z", 0),
        ("Stopping", "", "2026-11-23T10:30:00Z", 0),
        ("Stopped", "", "2026-11-23T10:30:00Z", 1),
    ] {
        let world = world("CentOS  8.5 64 bit", &[]);
        run_tagged(&world, "2026-11-23T10:00Z").await;
        change(&world, |made| {
            made.status = status.into();
            made.start_time = started.into();
        });
        let scan = scanned_on(&world, &moment(now)).await.unwrap();
        assert_eq!((scan.opened.len(), scan.starting), (opened, 1 - opened), "{status} {started} {now}");
    }
}

#[tokio::test]
async fn that_agents_cannot_be_told_keeps_only_the_new_ones_waiting() {
    let world = world("CentOS  8.5 64 bit", &[ASKED]);
    run_tagged(&world, "2026-11-23T10:00Z").await;
    world.cloud.settle();
    world.cloud.settle();
    world.cloud.refuses.borrow_mut().insert("DescribeCloudAssistantStatus".into(), "Throttling".into());
    let scan = scanned_on(&world, &moment("2026-11-23T10:05:00Z")).await.unwrap();
    assert_eq!((scan.opened.len(), scan.starting, scan.problems.len()), (1, 1, 0), "{scan:?}");
}

#[tokio::test]
async fn guests_are_not_waited_for_for_ever() {
    let world = world("Customized Linux", &[ASKED]);
    let pauses = Cell::new(0);
    let pause = async || {
        pauses.set(pauses.get() + 1);
        pauses.get() < 3
    };
    let scan = scan(&world, &Policy::default(), &woken(), ids(0), pause).await.unwrap();
    assert!(scan.problems[0].text.contains("did not answer in time"), "{:?}", scan.problems);
    assert_eq!(pauses.get(), 3);
}

#[tokio::test]
async fn whoever_is_on_a_later_page_is_asked_at_the_same_time() {
    let world = world("Debian 12.5 64 bit", &[]);
    crowd(&world, 2..=251, "Customized Linux");
    world.cloud.answers(|_| debian_12());
    let pauses = Cell::new(0);
    // They answer at the last moment.
    let pause = async || {
        pauses.set(pauses.get() + 1);
        if pauses.get() == 3 {
            world.cloud.settle();
        }
        pauses.get() < 4
    };
    let scan = scan(&world, &Policy::default(), &woken(), ids(0), pause).await.unwrap();
    assert_eq!((scan.seen, scan.opened.len(), scan.problems.len()), (250, 250, 0), "{:?}", scan.problems.first());
    assert_eq!(pauses.get(), 3);
}
