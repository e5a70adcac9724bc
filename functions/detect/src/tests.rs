mod told;
mod trouble;
mod waiting;

use std::cell::Cell;

use migration::Millis;
use migration::policy::{Policy, TAG};
use openapi::ecs::{Instance, Tag};
use stage::records::Records;
use stage::testing::{FakeCloud, MemoryBus, MemoryRecords, answer, guest_settings};
use stage::{Env, release};

use super::*;

type World = Env<FakeCloud, MemoryRecords, MemoryBus>;

fn world(name: &str, tags: &[(&str, &str)]) -> World {
    let world = Env {
        cloud: FakeCloud::new(),
        records: MemoryRecords::default(),
        bus: MemoryBus::default(),
        clock: || 0,
        guest: guest_settings(),
        options: Default::default(),
        event_bus: "osferry".into(),
    };
    if let Some(instance) = world.cloud.instance.borrow_mut().as_mut() {
        instance.os_name_en = name.into();
        instance.tags = tags.iter().map(|(key, value)| Tag::new(*key, *value)).collect();
    }
    world
}

fn at(time: &str) -> Millis {
    time.parse::<Timestamp>().unwrap().as_millisecond()
}

/// What an event wakes on 2026-11-23.
fn woken() -> Occasion<'static> {
    Occasion { now: at("2026-11-23T00:00:00Z"), request_id: "r-1", whole: false }
}

/// Ids in a row, other ones for each beginning.
fn ids(begin: u16) -> impl Fn() -> std::io::Result<MigrationId> {
    let next = Cell::new(begin);
    move || {
        next.set(next.get() + 1);
        let mut bytes = [0; 10];
        bytes[..2].copy_from_slice(&next.get().to_be_bytes());
        Ok(MigrationId::from_bytes(bytes))
    }
}

/// Scans once; guests answer when they are waited for.
async fn scanned_on(world: &World, occasion: &Occasion<'_>) -> Result<Scan, ScanError> {
    let pause = async || {
        world.cloud.settle();
        true
    };
    scan(world, &Policy::default(), occasion, ids(0), pause).await
}

async fn scanned_all(world: &World) -> Scan {
    scanned_on(world, &woken()).await.unwrap()
}

/// More instances in the world, all of them asking for a migration; their agents run.
fn crowd(world: &World, ids: impl Iterator<Item = usize>, name: &str) {
    let instance = |n| Instance {
        instance_id: format!("i-{n}"),
        os_name_en: name.into(),
        os_type: "linux".into(),
        status: "Running".into(),
        tags: vec![Tag::new(ASKED.0, ASKED.1)],
        ..Instance::default()
    };
    world.cloud.made_instances.borrow_mut().extend(ids.map(instance));
    world.cloud.settle();
}

/// Scans once on 2026-11-23, and says what came of it: what is to be migrated, or the problem.
async fn scanned(world: &World) -> Result<String, String> {
    let scan = scanned_all(world).await;
    let tagged = world.cloud.instance.borrow().as_ref().is_some_and(|one| one.tags.iter().any(|tag| tag.key == TAG));
    assert_eq!(scan.seen, usize::from(tagged));
    if let Some(problem) = scan.problems.first() {
        return Err(problem.to_string());
    }
    let Some(id) = scan.opened.first() else { return Ok(format!("{} open", scan.already)) };
    let record = world.records.load(id).await.unwrap().unwrap().record;
    let to = record.hops.last().map(|hop| hop.to.to_string()).unwrap_or_default();
    Ok(format!("{} > {to} by {}", record.system.unwrap(), record.opened_by))
}

const ASKED: (&str, &str) = (TAG, "migrate");

#[tokio::test]
async fn a_hundred_guests_are_asked_in_few_calls() {
    let world = world("CentOS  8.5 64 bit", &[]);
    crowd(&world, 2..=101, "Customized Linux");
    world.cloud.answers(|_| answer(&[("os_id", "centos"), ("os_version", "8.5"), ("arch", "x86_64")]));
    let scan = scanned_all(&world).await;
    assert_eq!((scan.seen, scan.opened.len(), scan.problems.len()), (100, 100, 0), "{scan:?}");
    // Old snapshots, the list, agents 2, commands 2, their results 2 and again 2, those that answered once more.
    assert_eq!(world.cloud.calls(), 11);
}

#[tokio::test]
async fn only_what_is_asked_for_and_needed_is_migrated() {
    let centos = "CentOS  8.5 64 bit";
    for (name, tags, meant) in [
        (centos, &[ASKED][..], Ok("CentOS 8.5 > Alibaba Cloud Linux 3 by detect")),
        (centos, &[], Ok("0 open")),
        (centos, &[(TAG, "migrated")], Ok("0 open")),
        (centos, &[ASKED, ("osferry:target", "Anolis OS 8")], Ok("CentOS 8.5 > Anolis OS 8 by detect")),
        (centos, &[ASKED, ("osferry:target", "Debian 13")], Ok("CentOS 8.5 >  by detect")),
        (centos, &[ASKED, ("osferry:target", "x")], Err("osferry:target")),
        ("Debian 13.1 64 bit", &[ASKED], Err("in standard support")),
        ("Red Hat Enterprise Linux 8.6 64 bit", &[ASKED], Err("in standard support")),
        (
            "Red Hat Enterprise Linux 8.6 64 bit",
            &[ASKED, ("osferry:target", "Red Hat 9")],
            Ok("Red Hat Enterprise Linux 8.6 > Red Hat Enterprise Linux 9 by detect"),
        ),
        (
            "Windows Server  2016 数据中心版 64位中文版",
            &[ASKED, ("osferry:target", "Windows Server 2019")],
            Ok("Windows Server 2016 Datacenter (Chinese) > Windows Server 2019 by detect"),
        ),
        ("Anolis OS 8.8 64位", &[ASKED], Ok("Anolis OS 8.8 >  by detect")),
    ] {
        let came = scanned(&world(name, tags)).await;
        match meant {
            Ok(meant) => assert_eq!(came.as_deref(), Ok(meant), "{name} {tags:?}"),
            Err(part) => assert!(came.as_ref().is_err_and(|text| text.contains(part)), "{name} {tags:?}: {came:?}"),
        }
    }
}

#[tokio::test]
async fn the_operators_calendar_counts() {
    let mut world = world("Debian 13.1 64 bit", &[ASKED]);
    let json = r#"[{"os": "Debian 13", "standardEnd": "2026-01-01", "source": "house rules"}]"#;
    world.options.calendar = migration::eol::Calendar::with_overrides(json).unwrap();
    assert_eq!(scanned(&world).await.as_deref(), Ok("Debian 13.1 >  by detect"));
}

#[tokio::test]
async fn a_scan_opens_one_migration_of_an_instance() {
    let world = world("CentOS  8.5 64 bit", &[ASKED]);
    assert_eq!(scanned(&world).await.as_deref(), Ok("CentOS 8.5 > Alibaba Cloud Linux 3 by detect"));
    assert_eq!(scanned(&world).await.as_deref(), Ok("1 open"));
    assert_eq!(world.bus.events().iter().filter(|event| event.kind == "osferry:Stage:Requested").count(), 1);
}

fn debian_12() -> (i64, String) {
    answer(&[("os_id", "debian"), ("os_version", "12"), ("release", "12.5"), ("arch", "x86_64"), ("boot_id", "b")])
}

#[tokio::test]
async fn the_guest_is_asked_where_the_image_says_nothing_or_a_tag_says_otherwise() {
    for (name, tags) in [
        ("Customized Linux", &[ASKED][..]),
        ("Debian 11.11 64 bit", &[ASKED, ("osferry:os", "Debian 12")]),
        ("Debian 11.11 64 bit", &[ASKED, ("osferry:os", "CentOS 7")]),
    ] {
        let world = world(name, tags);
        world.cloud.answers(|asked| if asked == "identify" { debian_12() } else { panic!("asked for {asked}") });
        assert_eq!(scanned(&world).await.as_deref(), Ok("Debian 12.5 > Debian 13 by detect"), "{name} {tags:?}");
        assert_eq!(scanned(&world).await.as_deref(), Ok("1 open"), "and is asked no more");
    }
    let sure = world("CentOS  8.5 64 bit", &[ASKED]);
    scanned(&sure).await.unwrap();
    assert!(!sure.cloud.done.borrow().iter().any(|done| done.starts_with("run")), "nobody is asked needlessly");
}

#[tokio::test]
async fn what_the_guest_cannot_say_is_reported() {
    let unknown = || world("Customized Linux", &[ASKED]);
    let problem = async |world: World| scanned(&world).await.unwrap_err();
    let stopped = unknown();
    if let Some(instance) = stopped.cloud.instance.borrow_mut().as_mut() {
        instance.status = "Stopped".into();
    }
    assert!(problem(stopped).await.ends_with("unknown, also to the guest: the instance is Stopped"));
    let silent = unknown();
    silent.cloud.assistant.replace(None);
    assert!(problem(silent).await.contains("Cloud Assistant does not run"));
    let arch = unknown();
    arch.cloud.answers(|_| answer(&[("os_id", "arch"), ("os_version", ""), ("arch", "x86_64")]));
    assert!(problem(arch).await.contains("calls itself \"arch\""));
    let torn = unknown();
    torn.cloud.answers(|_| (0, "osf\tos_id\tcent".into()));
    assert!(problem(torn).await.contains("incomplete"));
    let aborted = unknown();
    aborted.cloud.answers(|_| (-1, "the agent restarted".into()));
    assert!(problem(aborted).await.contains("the agent restarted"));
    let tagged = world("Debian 11.11 64 bit", &[ASKED, ("osferry:os", "Debian 12")]);
    tagged.cloud.assistant.replace(None);
    assert!(problem(tagged).await.contains("its tag says Debian 12"));
}

/// A snapshot that ECS keeps for ever, and OS Ferry for 7 days.
fn tagged_snapshot(id: &str, created: &str) -> openapi::ecs::Snapshot {
    openapi::ecs::Snapshot {
        snapshot_id: id.into(),
        creation_time: created.into(),
        tags: vec![Tag::new("osferry:migration", "m-1"), Tag::new(release::RETENTION_TAG, "7")],
        ..Default::default()
    }
}

fn expired() -> openapi::ecs::Snapshot {
    tagged_snapshot("s-old", "2026-11-15T00:00:00Z")
}

#[tokio::test]
async fn snapshots_that_were_kept_long_enough_go() {
    let world = world("Debian 13.1 64 bit", &[]);
    world.cloud.snapshots.borrow_mut().extend([expired(), tagged_snapshot("s-new", "2026-11-17T00:00:00Z")]);
    scanned(&world).await.unwrap();
    assert_eq!(*world.cloud.done.borrow(), ["delete-snapshot s-old"]);
    // Without the permission everything else goes on.
    world.cloud.refuses.borrow_mut().insert("DescribeSnapshots".into(), "Forbidden.RAM".into());
    assert_eq!(scanned(&world).await, Ok("0 open".into()));
}

#[tokio::test]
async fn a_migration_that_ends_during_the_scan_is_not_opened_again() {
    let world = world("CentOS  8.5 64 bit", &[(TAG, "migrated")]);
    // What the list still says of the same instance.
    let mut listed = world.cloud.instance.borrow().clone().unwrap();
    listed.tags = vec![Tag::new(TAG, "migrate")];
    world.cloud.made_instances.borrow_mut().push(listed);
    let scan = scanned_all(&world).await;
    assert_eq!((scan.seen, scan.opened.len(), scan.problems.len()), (2, 0, 0), "{scan:?}");
}
