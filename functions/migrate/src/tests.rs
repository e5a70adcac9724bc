use std::time::Duration;

use migration::os::{Family, Os};
use migration::path::Hop;
use migration::{Outcome, Record, State};
use stage::settings::Options;
use stage::testing::{FakeCloud, answer, drive, guest_settings, record_in, survives_everything};

use super::*;

const RUNNING: &str = r#"{"Timestamp":1,"ProgressInfo":"packages","Progress":25,"ErrorCode":0,"ErrorMsg":""}"#;
const SUCCEEDED: &str = r#"{"Timestamp":1,"ProgressInfo":"succeeded","Progress":100,"ErrorCode":0,"ErrorMsg":""}"#;
const FAILED: &str =
    r#"{"Timestamp":1,"ProgressInfo":"failed","Progress":10,"ErrorCode":103,"ErrorMsg":"no space left"}"#;

/// A guest whose tool says `states` one after the other.
fn guest_with(states: &'static [&'static str]) -> FakeCloud {
    let cloud = FakeCloud::new();
    let (mut watched, mut asked) = (0, 0);
    cloud.answers(move |key| match key {
        "start" => answer(&[]),
        "watch" => {
            watched += 1;
            match states.get(watched - 1).copied().unwrap_or("") {
                "" => (-1, "the agent was restarted".into()),
                "died" => answer(&[("state", RUNNING), ("died", "yes")]),
                state => answer(&[("state", state), ("progress", "57")]),
            }
        }
        "reboot" => (194, answer(&[]).1),
        "booted" => {
            asked += 1;
            // The first question comes before the reboot.
            let boot_id = if asked == 1 { "a" } else { "b" };
            answer(&[("boot_id", boot_id), ("boot_id_before", "a"), ("os_id", "alinux"), ("os_version", "3")])
        }
        other => panic!("{other}"),
    });
    cloud
}

#[tokio::test]
async fn the_tool_is_started_once_and_the_guest_rebooted_once() {
    let make = || guest_with(&[RUNNING, RUNNING, SUCCEEDED]);
    let record = survives_everything(&Migrate, &record_in(Stage::Migrate), make).await;
    assert_eq!(record.state, State::In(Stage::Verify));
    let cloud = make();
    drive(&Migrate, &cloud, record_in(Stage::Migrate), true).await;
    let done = cloud.done.borrow();
    assert_eq!(done.iter().filter(|what| what.starts_with("run start")).count(), 1);
    assert_eq!(done.iter().filter(|what| *what == "reboot").count(), 1);
}

#[tokio::test]
async fn a_restarted_agent_does_not_matter() {
    let record =
        drive(&Migrate, &guest_with(&[RUNNING, "", "", "", "", SUCCEEDED]), record_in(Stage::Migrate), false).await;
    assert_eq!(record.state, State::In(Stage::Verify));
}

#[tokio::test]
async fn a_guest_that_no_start_came_to_keeps_its_disks() {
    let away = FakeCloud::new();
    away.answers(|_| (-1, "the agent is away".into()));
    let refusing = FakeCloud::new();
    refusing.refuses.borrow_mut().insert("RunCommand".into(), "Forbidden.RAM".into());
    for cloud in [away, refusing] {
        let record = drive(&Migrate, &cloud, record_in(Stage::Migrate), false).await;
        assert_eq!((record.state, record.ending), (State::In(Stage::Cleanup), Some(Outcome::Failed)), "{record:?}");
        assert!(!record.touched);
    }
    // One that may have come, whatever became of the later ones.
    let cloud = FakeCloud::new();
    let mut asked = 0;
    cloud.answers(move |_| {
        asked += 1;
        // Killed by a signal; then the agent is away.
        if asked == 1 { (137, String::new()) } else { (-1, "the agent is away".into()) }
    });
    let record = drive(&Migrate, &cloud, record_in(Stage::Migrate), false).await;
    assert_eq!((record.state, record.tool_started), (State::In(Stage::Rollback), false));
}

#[tokio::test]
async fn an_answer_that_was_cut_off_once_decides_nothing() {
    let cloud = FakeCloud::new();
    let mut asked = 0;
    cloud.answers(move |key| match key {
        "watch" => answer(&[("state", SUCCEEDED), ("progress", "100")]),
        "reboot" => (194, answer(&[]).1),
        "booted" => {
            asked += 1;
            match asked {
                // Ended by the shutdown, with an exit code like any other.
                1 => (1_073_807_364, "osf\tboot_id\tb\n".into()),
                _ => answer(&[("boot_id", "b"), ("boot_id_before", "a"), ("os_id", "alinux"), ("os_version", "3")]),
            }
        }
        _ => answer(&[]),
    });
    let record = drive(&Migrate, &cloud, record_in(Stage::Migrate), false).await;
    assert_eq!(record.state, State::In(Stage::Verify), "{:?}", record.cause);
}

#[tokio::test]
async fn a_tool_that_fails_or_dies_goes_back() {
    for (last, code, text) in [(FAILED, Code::ToolFailed, "no space left"), ("died", Code::ToolDied, "without a word")]
    {
        let states: &'static [&'static str] = Box::leak(Box::new([RUNNING, last]));
        let record = drive(&Migrate, &guest_with(states), record_in(Stage::Migrate), false).await;
        let cause = record.cause.unwrap();
        assert_eq!((record.state, cause.code), (State::In(Stage::Rollback), code));
        assert!(cause.text.contains(text), "{cause:?}");
    }
}

#[tokio::test]
async fn a_tool_that_never_ends_goes_back_at_the_deadline() {
    let record = drive(&Migrate, &guest_with(&[RUNNING; 4000]), record_in(Stage::Migrate), false).await;
    assert_eq!((record.state, record.cause.unwrap().code), (State::In(Stage::Rollback), Code::Deadline));
    assert_eq!(record.ending, None::<Outcome>);
}

/// A leapp hop, CentOS 7 to AlmaLinux 8.
fn leapp() -> Record {
    let mut record = record_in(Stage::Migrate);
    let (from, to) = (Os::new(Family::CentOs, 7), Os::new(Family::AlmaLinux, 8));
    record.hops = vec![Hop { from, to, engine: Engine::Leapp }];
    record
}

/// A guest whose tool has succeeded and that answers `booted` with these, one after the other; `None` is silence.
fn rebooting(boots: &'static [Option<&'static [(&'static str, &'static str)]>]) -> FakeCloud {
    let cloud = FakeCloud::new();
    let mut asked = 0;
    cloud.answers(move |key| match key {
        "start" => answer(&[]),
        "watch" => answer(&[("state", SUCCEEDED)]),
        "reboot" => (194, answer(&[]).1),
        _ => {
            asked += 1;
            match boots.get(asked - 1).or(boots.last()) {
                Some(Some(lines)) => answer(lines),
                _ => (-1, "no agent".into()),
            }
        }
    });
    cloud
}

const NEW: &[(&str, &str)] =
    &[("boot_id", "b"), ("boot_id_before", "a"), ("os_id", "almalinux"), ("os_version", "8.10")];
const FINISHING: &[(&str, &str)] = &[
    ("boot_id", "b"),
    ("boot_id_before", "a"),
    ("os_id", "almalinux"),
    ("os_version", "8.10"),
    ("finishing", "FirstBoot"),
];
const OLD: &[(&str, &str)] = &[("boot_id", "b"), ("boot_id_before", "a"), ("os_id", "centos"), ("os_version", "7")];
const GAVE_UP: &[(&str, &str)] = &[("boot_id", "b"), ("boot_id_before", "a"), ("failed", "phase RPMUpgrade")];

#[tokio::test]
async fn a_long_silence_and_a_last_phase_are_waited_for() {
    let make = || rebooting(&[None, None, None, None, None, None, Some(FINISHING), Some(FINISHING), Some(NEW)]);
    let record = survives_everything(&Migrate, &leapp(), make).await;
    assert_eq!(record.state, State::In(Stage::Verify));
}

#[tokio::test]
async fn each_bad_boot_has_its_code() {
    for (boots, code) in [
        (&[None, Some(OLD)] as &'static [_], Code::OldSystem),
        (&[Some(GAVE_UP)], Code::ToolGaveUp),
        (&[Some(FINISHING)], Code::Deadline),
        (&[None], Code::NoAgent),
    ] {
        let record = drive(&Migrate, &rebooting(boots), leapp(), false).await;
        assert_eq!((record.state, record.cause.map(|cause| cause.code)), (State::In(Stage::Rollback), Some(code)));
    }
    for (console, code) in [
        ("dracut: Entering emergency mode.", Code::EmergencyShell),
        ("grub rescue> ", Code::BootLoader),
        ("Kernel panic - not syncing: VFS", Code::KernelPanic),
        ("INACCESSIBLE_BOOT_DEVICE", Code::WindowsRecovery),
    ] {
        let cloud = rebooting(&[None]);
        cloud.console.replace(console.into());
        let record = drive(&Migrate, &cloud, leapp(), false).await;
        let cause = record.cause.unwrap();
        assert_eq!((record.state, cause.code), (State::In(Stage::Rollback), code));
        assert!(record.entered_at < Engine::Leapp.dark() / 10, "long before silence itself is an answer");
    }
}

#[tokio::test]
async fn a_console_that_complains_once_is_not_believed() {
    let cloud = rebooting(&[None]);
    let (settings, options) = (guest_settings(), Options::default());
    let mut record = leapp();
    for mark in ["started", "tool ended", "reboot"] {
        record.memo.marks.insert(mark.into(), 0);
    }
    let look = async |record: &mut Record, now: i64, console: &str| {
        cloud.console.replace(console.into());
        let mut job = Job::new(&cloud, record, now, &settings, &options, Duration::ZERO);
        let seen = Migrate.act(&mut job).await;
        let exhibits = std::mem::take(&mut job.exhibits);
        record.memo = job.memo;
        cloud.settle();
        (seen, exhibits)
    };
    let (seen, _) = look(&mut record, 60_000, "error: no such device: 1a2b").await;
    assert!(matches!(seen, Ok(Event::Waiting { .. })), "{seen:?}");
    let (seen, _) = look(&mut record, 90_000, "error: no such device: 1a2b\n[ 0.0] Linux version 4.18").await;
    assert!(matches!(seen, Ok(Event::Waiting { .. })), "{seen:?}");
    let (seen, exhibits) = look(&mut record, 120_000, "error: no such device: 1a2b").await;
    assert_eq!(seen.unwrap_err().cause().code, Code::BootLoader);
    assert_eq!(exhibits[0].name, "console");
}

#[tokio::test]
async fn progress_is_told() {
    let cloud = guest_with(&[RUNNING]);
    let mut record = record_in(Stage::Migrate);
    record.memo.marks.insert("started".into(), 0);
    let (settings, options) = (guest_settings(), Options::default());
    let mut seen = None;
    for _ in 0..2 {
        let mut job = Job::new(&cloud, &record, 0, &settings, &options, Duration::ZERO);
        seen = Some(Migrate.act(&mut job).await.unwrap());
        record.memo = job.memo;
        cloud.settle();
    }
    assert!(matches!(seen, Some(Event::Waiting { progress: Some(51), note, .. }) if note == "packages"));
}

#[test]
fn the_tools_progress_ends_where_the_dark_begins() {
    for engine in [Engine::Leapp, Engine::DistroSync] {
        let all: Vec<u8> = (0..=100).map(|percent| of_the_stage(engine, percent)).collect();
        assert!(all.is_sorted() && all.last() == Some(&until_reboot(engine)), "{all:?}");
    }
}
