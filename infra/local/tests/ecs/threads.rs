//! With the real threads and many instances at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use local_cloud::ecs::NewInstance;

use crate::world::{World, text};

/// Waits for `done`, which the threads bring about.
fn wait_for(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited in vain for: {what}");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

#[test]
fn many_instances_go_through_it_at_once() {
    const INSTANCES: usize = 40;
    let world = Arc::new(World::new());
    world.ecs.start();
    // The threads see the tests' clock; something must move it.
    let tick = |world: &World| world.advance(5);
    let ids: Vec<String> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let make = |_| {
                        world.ecs.create_instance(NewInstance { image_id: "x".into(), ..Default::default() }).unwrap()
                    };
                    (0..INSTANCES / 4).map(make).collect::<Vec<_>>()
                })
            })
            .collect();
        makers.into_iter().flat_map(|maker| maker.join().unwrap()).collect()
    });
    wait_for("all run", || {
        tick(&world);
        ids.iter().all(|id| world.get(id).heartbeat_seen)
    });

    let work: Vec<(String, String)> =
        ids.iter().map(|id| (world.snapshot_of(&world.disk(id, 0)), world.run(id, "exit 194"))).collect();
    wait_for("all snapshots, commands and reboots", || {
        tick(&world);
        let done = |(snapshot, invoke): &(String, String)| {
            world.snapshot(snapshot)["Status"] == "accomplished" && world.result(invoke)["InvocationStatus"] == "Failed"
        };
        work.iter().all(done) && ids.iter().all(|id| world.bus.states(id).len() == 6)
    });
    for id in &ids {
        assert_eq!(world.bus.states(id), ["Created", "Starting", "Running", "Stopping", "Starting", "Running"]);
        assert_eq!(world.fake.lock().boots[id], 2);
    }
    assert_eq!(world.bus.events("ecs:Snapshot:CreateSnapshotCompleted").len(), INSTANCES);
    let invokes = world.bus.events("ecs:CloudAssistant:TaskCompleted");
    assert_eq!(invokes.len(), INSTANCES);
    assert!(invokes.iter().all(|event| text(&event["data"]["exitCode"]) == "194"));

    // A guest that ends by itself is noticed without being asked for.
    world.fake.crash(&ids[0]);
    wait_for("the crash is noticed", || world.status(&ids[0]) == "Stopped");
    world.ecs.stop();
}
