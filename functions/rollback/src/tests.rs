use migration::policy::{Mode, Scope};
use migration::{DrillClone, Outcome, State};
use openapi::ecs::RunCommand;
use stage::settings::Options;
use stage::testing::{FakeCloud, answer, drive, guest_settings, record_in, survives_everything, with_snapshots};

use super::*;

const OLD: [(&str, &str); 4] = [("os_id", "centos"), ("os_version", "8"), ("started", "no"), ("no_return", "no")];
const BROKEN: [(&str, &str); 6] = [
    ("os_id", "alinux"),
    ("os_version", "3"),
    ("started", "yes"),
    ("no_return", "yes"),
    ("log", "killed"),
    ("written", "/ 12 3"),
];
const STARTED: [(&str, &str); 5] =
    [("os_id", "centos"), ("os_version", "8"), ("started", "yes"), ("alive", "yes"), ("no_return", "no")];
const EVIDENCE: fn() -> (i64, String) = || answer(&[("exhibit", "tool.log"), ("line", "Killed")]);

/// A guest in the middle of a migration, that is what it was once its disks are reset.
fn broken() -> FakeCloud {
    let cloud = with_snapshots(FakeCloud::new(), &record_in(Stage::Rollback));
    cloud.answers(|key| match key {
        "look" => answer(&BROKEN),
        "proof" => answer(&OLD),
        "evidence" => EVIDENCE(),
        other => panic!("{other}"),
    });
    cloud
}

#[tokio::test]
async fn every_disk_goes_back_and_the_old_system_is_proven() {
    let cloud = broken();
    let record = drive(&Rollback, &cloud, record_in(Stage::Rollback), false).await;
    assert_eq!((record.state, record.ending), (State::In(Stage::Cleanup), Some(Outcome::RolledBack)));
    assert_eq!(
        *cloud.done.borrow(),
        ["run look-1", "run evidence-1", "stop", "reset d-1 s-1", "reset d-2 s-2", "start", "run proof-1"]
    );
}

#[tokio::test]
async fn a_rollback_survives_everything_and_resets_only_a_stopped_instance() {
    let plain = broken();
    let expected = drive(&Rollback, &plain, record_in(Stage::Rollback), false).await;
    for twice in [false, true] {
        let cloud = broken();
        let record = drive(&Rollback, &cloud, record_in(Stage::Rollback), twice).await;
        assert_eq!((record.state, record.ending), (expected.state, expected.ending));
        let mut done = cloud.done.borrow().clone();
        // Repeated resets of a stopped disk give the same bytes; nothing else is repeated.
        done.dedup();
        let resets = done.iter().filter(|what| what.starts_with("reset")).count();
        done.retain(|what| !what.starts_with("reset"));
        assert_eq!(done, ["run look-1", "run evidence-1", "stop", "start", "run proof-1"]);
        assert_eq!(resets, if twice { 4 } else { 2 });
    }
}

#[tokio::test]
async fn short_of_the_point_of_no_return_the_tool_is_stopped_and_no_disk_is_reset() {
    let make = || {
        let cloud = broken();
        cloud.answers(|key| match key {
            "look" => answer(&STARTED),
            "evidence" => EVIDENCE(),
            "undo" => answer(&[("undone", "yes")]),
            "relook" => answer(&OLD),
            other => panic!("{other}"),
        });
        cloud
    };
    let record = survives_everything(&Rollback, &record_in(Stage::Rollback), make).await;
    assert_eq!(record.ending, Some(Outcome::Failed));
}

#[tokio::test]
async fn a_tool_that_went_on_before_it_was_stopped_costs_the_disks() {
    let cloud = broken();
    cloud.answers(|key| match key {
        "look" => answer(&STARTED),
        "evidence" => EVIDENCE(),
        "undo" => answer(&[("left", "packages were changed")]),
        "relook" => answer(&BROKEN),
        "proof" => answer(&OLD),
        other => panic!("{other}"),
    });
    let record = drive(&Rollback, &cloud, record_in(Stage::Rollback), false).await;
    assert_eq!(record.ending, Some(Outcome::RolledBack));
    assert!(cloud.done.borrow().contains(&"reset d-1 s-1".to_owned()));
}

#[tokio::test]
async fn a_clone_is_looked_at_and_left() {
    let cloud = broken();
    let mut record = record_in(Stage::Rollback);
    record.policy.mode = Mode::Drill;
    record.clone = Some(DrillClone { instance_id: "i-1".into() });
    let record = drive(&Rollback, &cloud, record, false).await;
    assert_eq!(record.ending, Some(Outcome::DrillFailed));
    assert_eq!(*cloud.done.borrow(), ["run look-1", "run evidence-1"]);
}

#[tokio::test]
async fn only_the_system_disk_goes_back_if_the_policy_says_so() {
    let cloud = broken();
    let mut record = record_in(Stage::Rollback);
    record.policy.rollback = Scope::System;
    let record = drive(&Rollback, &cloud, record, false).await;
    assert_eq!(record.ending, Some(Outcome::RolledBack));
    let done = cloud.done.borrow();
    let resets: Vec<&String> = done.iter().filter(|what| what.starts_with("reset")).collect();
    assert_eq!(resets, ["reset d-1 s-1"]);
}

#[tokio::test]
async fn the_failed_disk_is_kept_once_before_it_goes_back() {
    let make = || {
        let cloud = broken();
        cloud.absolute.set(true);
        cloud
    };
    let mut record = record_in(Stage::Rollback);
    record.policy.keep_failed_disk = true;
    record.policy.rollback = Scope::System;
    for twice in [false, true] {
        let cloud = make();
        let record = drive(&Rollback, &cloud, record.clone(), twice).await;
        assert_eq!(record.ending, Some(Outcome::RolledBack));
        let mut done = cloud.done.borrow().clone();
        done.dedup();
        assert_eq!(
            done.iter().filter(|what| !what.starts_with("run")).collect::<Vec<_>>(),
            ["stop", "create-snapshot d-1", "reset d-1 s-1", "start"]
        );
        let snapshots = cloud.snapshots.borrow();
        assert!(snapshots.iter().any(|snapshot| snapshot.name.ends_with("-0-failed-d-1")), "{snapshots:?}");
    }
}

#[tokio::test]
async fn evidence_is_kept_before_anything_goes_back() {
    let cloud = broken();
    *cloud.console.borrow_mut() = "grub rescue>".into();
    let record = record_in(Stage::Rollback);
    let (settings, options) = (guest_settings(), Options::default());
    let mut memo = record.memo.clone();
    let mut kept = Vec::new();
    while cloud.done.borrow().iter().all(|what| what != "stop") {
        let now = record.clone();
        let mut job = Job::new(&cloud, &now, 0, &settings, &options, std::time::Duration::ZERO);
        job.memo = memo;
        Rollback.act(&mut job).await.unwrap();
        memo = job.memo;
        kept.extend(job.exhibits.into_iter().map(|exhibit| (exhibit.name, exhibit.text)));
        cloud.settle();
    }
    for (name, text) in [
        ("written since the snapshots", "/: 12 files, 3 MiB\nnot known: the snapshots do not tell when they were made"),
        ("tool", "killed"),
        ("tool.log", "Killed\n"),
        ("console", "grub rescue>"),
        ("disks that go back", "d-1 to s-1\nd-2 to s-2"),
    ] {
        assert!(kept.contains(&(name.into(), text.into())), "{name} in {kept:?}");
    }
}

#[tokio::test]
async fn what_was_written_counts_from_the_oldest_snapshot() {
    let cloud = broken();
    let record = record_in(Stage::Rollback);
    let (settings, options) = (guest_settings(), Options::default());
    let job = Job::new(&cloud, &record, 0, &settings, &options, std::time::Duration::ZERO);
    assert_eq!(disks::since(&job).await, None, "they do not tell");
    let made = |times: [&str; 2]| {
        for (snapshot, time) in cloud.snapshots.borrow_mut().iter_mut().zip(times) {
            snapshot.creation_time = time.to_owned();
        }
    };
    made(["2026-11-20T10:00:05Z", "2026-11-20T10:00:01Z"]);
    assert_eq!(disks::since(&job).await, Some(1_795_168_801));
    made(["2026-11-20T10:00:05Z", ""]);
    assert_eq!(disks::since(&job).await, None, "the one that does not tell may be the oldest");
    // Where only the system disk goes back, the others do not count.
    let mut system = record.clone();
    system.policy.rollback = Scope::System;
    let job = Job::new(&cloud, &system, 0, &settings, &options, std::time::Duration::ZERO);
    assert_eq!(disks::since(&job).await, Some(1_795_168_805));
}

#[tokio::test]
async fn a_dead_guest_is_not_waited_for_long() {
    let cloud = broken();
    cloud.answers(|key| match key {
        "look" => (-1, "no agent".into()),
        _ => answer(&OLD),
    });
    let record = drive(&Rollback, &cloud, record_in(Stage::Rollback), false).await;
    assert_eq!(record.ending, Some(Outcome::RolledBack));
}

#[tokio::test]
async fn silence_costs_no_disk_soon_where_no_tool_was_seen_to_start() {
    let mut unsure = record_in(Stage::Rollback);
    unsure.tool_started = false;
    let cloud = with_snapshots(FakeCloud::new(), &unsure);
    let asked = std::rc::Rc::new(std::cell::Cell::new(0));
    let counted = asked.clone();
    // The agent comes back after some minutes; no tool has run.
    cloud.answers(move |key| match key {
        "look" => {
            counted.set(counted.get() + 1);
            if counted.get() < 20 { (-1, "the agent is away".into()) } else { answer(&OLD) }
        }
        "undo" | "relook" => answer(&OLD),
        "evidence" => EVIDENCE(),
        other => panic!("{other}"),
    });
    let record = drive(&Rollback, &cloud, unsure, false).await;
    assert_eq!(record.ending, Some(Outcome::Failed), "{record:?}");
    assert!(asked.get() >= 20 && !cloud.done.borrow().iter().any(|what| what.starts_with("reset")));
}

#[tokio::test]
async fn without_every_snapshot_nothing_is_reset() {
    let cloud = broken();
    cloud.snapshots.borrow_mut().pop();
    let record = drive(&Rollback, &cloud, record_in(Stage::Rollback), false).await;
    assert_eq!(record.ending, Some(Outcome::Stuck));
    assert_eq!(*cloud.done.borrow(), ["run look-1", "run evidence-1"]);
}

#[tokio::test]
async fn a_system_that_is_not_the_old_one_needs_a_person() {
    let cloud = broken();
    cloud.answers(|key| if key == "evidence" { EVIDENCE() } else { answer(&BROKEN) });
    let record = drive(&Rollback, &cloud, record_in(Stage::Rollback), false).await;
    assert_eq!((record.cause.unwrap().code, record.ending), (Code::NotRestored, Some(Outcome::Stuck)));
}

#[tokio::test]
async fn a_guest_too_broken_to_answer_goes_back() {
    for broken_answer in
        [(127, "sh: libc.so.6: cannot open".to_owned()), (137, String::new()), (0, "osf\tos_id\t".into())]
    {
        let cloud = broken();
        let said = broken_answer.clone();
        cloud.answers(move |key| match key {
            "look" => said.clone(),
            "evidence" => (127, String::new()),
            _ => answer(&OLD),
        });
        let record = drive(&Rollback, &cloud, record_in(Stage::Rollback), false).await;
        assert_eq!(record.ending, Some(Outcome::RolledBack), "{broken_answer:?}");
        assert!(cloud.done.borrow().contains(&"reset d-1 s-1".to_owned()));
    }
}

#[tokio::test]
async fn what_cannot_be_kept_for_study_does_not_keep_the_machine_down() {
    let cloud = broken();
    cloud.refuses.borrow_mut().insert("CreateSnapshot".into(), "QuotaExceed.Snapshot".into());
    let mut record = record_in(Stage::Rollback);
    record.policy.keep_failed_disk = true;
    let record = drive(&Rollback, &cloud, record, false).await;
    assert_eq!(record.ending, Some(Outcome::RolledBack));
}

#[tokio::test]
async fn a_disk_that_was_moved_elsewhere_is_not_reset() {
    let cloud = broken();
    cloud.disks.borrow_mut().retain(|disk| disk.disk_id != "d-2");
    let record = drive(&Rollback, &cloud, record_in(Stage::Rollback), false).await;
    assert_eq!(record.ending, Some(Outcome::Stuck));
    assert!(cloud.done.borrow().iter().all(|what| !what.starts_with("reset")), "{:?}", cloud.done.borrow());
}

#[tokio::test]
async fn once_the_disks_are_back_another_try_only_proves() {
    let cloud = broken();
    let mut record = record_in(Stage::Rollback);
    record.disks_back = true;
    let record = drive(&Rollback, &cloud, record, false).await;
    assert_eq!(record.ending, Some(Outcome::RolledBack));
    assert_eq!(*cloud.done.borrow(), ["run proof-1"]);
}

#[tokio::test]
async fn commands_of_the_stage_before_are_stopped_first() {
    let cloud = broken();
    let sent = RunCommand { name: "osferry-x-start-1".into(), client_token: "x".into(), ..RunCommand::default() };
    let mut record = record_in(Stage::Rollback);
    record.orphans = vec![cloud.run_command(&sent).await.unwrap(), "t-over-for-long".into()];
    drive(&Rollback, &cloud, record, false).await;
    let done = cloud.done.borrow();
    assert!(done[0].starts_with("stop-invocation") && done[0].ends_with("start-1"), "{done:?}");
}
