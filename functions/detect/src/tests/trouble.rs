//! One that is in trouble does not stop the others.

use migration::{Outcome, Record, Stage, State};
use stage::testing::record_in;

use super::*;

/// A record of this instance, whose lock it holds.
async fn holding(world: &World, instance_id: &str, byte: u8) -> Record {
    let mut record = record_in(Stage::Cleanup);
    record.id = MigrationId::from_bytes([byte; 10]);
    record.instance_id = instance_id.into();
    world.records.put(&record);
    assert!(world.records.lock(instance_id, &record.id, 0).await.unwrap());
    record
}

fn texts(scan: &Scan) -> Vec<String> {
    scan.problems.iter().map(|problem| format!("{problem} [{}]", problem.kind)).collect()
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_its_instances_problem() {
    let world = world("CentOS  8.5 64 bit", &[ASKED]);
    crowd(&world, 2..=4, "CentOS  8.5 64 bit");
    let newer = holding(&world, "i-1", 201).await;
    world.records.raw(&newer.id, |json| *json = json.replacen("\"schema\":", "\"schema\":9", 1));
    let broken = holding(&world, "i-3", 203).await;
    world.records.raw(&broken.id, |json| json.truncate(20));
    let scan = scanned_all(&world).await;
    assert_eq!((scan.seen, scan.opened.len(), scan.already), (4, 2, 0), "{scan:?}");
    let [one, three] = &texts(&scan)[..] else { panic!("{scan:?}") };
    assert!(one.starts_with("i-1: OSF-E003: ") && one.ends_with("[unreadable]"), "{one}");
    assert!(three.starts_with("i-3: OSF-E004: ") && three.ends_with("[unreadable]"), "{three}");
}

#[tokio::test]
async fn without_tablestore_there_is_no_scan_but_old_snapshots_go() {
    let world = world("CentOS  8.5 64 bit", &[ASKED]);
    world.cloud.snapshots.borrow_mut().push(expired());
    world.records.fail(1);
    let error = scanned_on(&world, &woken()).await.unwrap_err();
    assert_eq!(error.code(), Code::Tablestore);
    assert_eq!(*world.cloud.done.borrow(), ["delete-snapshot s-old"]);
}

#[tokio::test]
async fn without_the_list_old_snapshots_go_all_the_same() {
    let world = world("CentOS  8.5 64 bit", &[ASKED]);
    world.cloud.snapshots.borrow_mut().push(expired());
    world.cloud.refuses.borrow_mut().insert("DescribeInstances".into(), "Forbidden.RAM".into());
    let error = scanned_on(&world, &woken()).await.unwrap_err();
    assert_eq!(error.code(), Code::Forbidden);
    assert_eq!(*world.cloud.done.borrow(), ["delete-snapshot s-old"]);
}

#[tokio::test]
async fn guests_that_cannot_be_asked_do_not_keep_the_others() {
    for (operation, part) in [
        ("DescribeCloudAssistantStatus", "whether Cloud Assistant runs in it cannot be told"),
        ("RunCommand", "RunCommand"),
        ("DescribeInvocationResults", "what the guest answered cannot be read"),
    ] {
        let world = world("Customized Linux", &[ASKED]);
        crowd(&world, 2..=3, "CentOS  8.5 64 bit");
        world.cloud.answers(|_| debian_12());
        world.cloud.refuses.borrow_mut().insert(operation.into(), "InternalError".into());
        let scan = scanned_all(&world).await;
        assert_eq!(scan.opened.len(), 2, "{operation}: {scan:?}");
        let problem = scan.problems[0].to_string();
        assert!(problem.starts_with("i-1: ") && problem.contains(part), "{problem}");
        world.cloud.refuses.borrow_mut().clear();
        assert_eq!(scanned_on(&world, &woken()).await.unwrap().problems, [], "it is asked again");
    }
}

#[tokio::test]
async fn a_lock_that_nobody_will_let_go_is_told() {
    let world = world("CentOS  8.5 64 bit", &[ASKED]);
    let mut record = holding(&world, "i-1", 7).await;
    let told = async |record: &Record| {
        world.records.put(record);
        let scan = scanned_all(&world).await;
        assert_eq!((scan.opened.len(), scan.already + scan.problems.len()), (0, 1));
        texts(&scan).pop()
    };
    assert_eq!(told(&record).await, None, "it is under way");
    record.state = State::Ended(Outcome::Stuck);
    record.unclean = true;
    let id = &record.id;
    let unclean = format!("i-1: locked by {id}, whose cleanup did not end: retry it [locked]");
    assert_eq!(told(&record).await, Some(unclean));
    let mut record = record.clone();
    record.unclean = false;
    let over = told(&record).await.unwrap();
    assert!(over.contains("which is over (Stuck): delete the instance's row of the table locks"), "{over}");
    // Somebody has wished for it to go on.
    world.records.put(&record);
    world.records.raw_wish(&record.id, "{}", 0);
    assert_eq!(scanned_all(&world).await.already, 1);
}

#[tokio::test]
async fn an_end_whose_lock_is_still_to_be_let_go_is_no_problem() {
    let world = world("CentOS  8.5 64 bit", &[ASKED]);
    assert_eq!(scanned_all(&world).await.opened.len(), 1);
    let id = world.records.lock_holder("i-1").await.unwrap().unwrap();
    let stored = world.records.load(&id).await.unwrap().unwrap();
    let mut record = stored.record.clone();
    record.state = State::Ended(Outcome::Refused);
    let lease = stage::records::Lease { holder: "r-2".into(), until: 1 };
    assert!(world.records.acquire(&stored, &lease).await.unwrap());
    let release = stage::records::Outgoing::Release { instance_id: "i-1".into(), tries: 0 };
    let commit = stage::records::Commit { holder: "r-2", outbox: &[release], resend_at: 0, answered: false };
    assert!(world.records.commit(&stored, &record, &commit).await.unwrap().is_some());
    let scan = scanned_all(&world).await;
    assert_eq!((scan.already, scan.problems.len()), (1, 0), "{scan:?}");
}
