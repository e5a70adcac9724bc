//! Properties of `decide` over arbitrary sequences of events.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use migration::os::{Family, Os};
use migration::policy::Policy;
use migration::{
    Cause, Code, DiskSnapshot, Effect, Event, Evidence, Finding, MigrationId, Millis, Notice, Outcome, Record, Stage,
    State, decide, path,
};
use proptest::prelude::*;

fn record() -> Record {
    let hops = path::route(&Os::new(Family::Debian, 11), Some(&Os::new(Family::Debian, 13))).unwrap();
    Record::new(MigrationId::from_bytes([7; 10]), "i-1".into(), Policy::default(), hops, 0)
}

fn findings() -> impl Strategy<Value = Vec<Finding>> {
    let finding = prop_oneof![
        4 => Just(Finding::info("a", "b")),
        2 => Just(Finding::warn("a", "b", "c")),
        1 => Just(Finding::block("a", "b", "c")),
    ];
    prop::collection::vec(finding, 0..3)
}

fn disk() -> impl Strategy<Value = DiskSnapshot> {
    let status = prop_oneof![
        1 => Just(Evidence::Missing),
        1 => Just(Evidence::Progressing),
        6 => Just(Evidence::Accomplished),
        1 => Just(Evidence::Failed),
    ];
    (status, 0u8..=100, prop::bool::weighted(0.9)).prop_map(|(status, progress, named)| DiskSnapshot {
        disk_id: "d-1".into(),
        snapshot_id: named.then(|| "s-1".into()),
        status,
        progress,
    })
}

fn event() -> impl Strategy<Value = Event> {
    let code = prop::sample::select(Code::ALL);
    prop_oneof![
        2 => (any::<i32>(), any::<Option<u8>>()).prop_map(|(look, progress)| Event::Waiting { look_at: look.into(), progress, note: "n".into() }),
        3 => findings().prop_map(Event::Prechecked),
        3 => findings().prop_map(Event::Assessed),
        4 => prop::collection::vec(disk(), 0..4).prop_map(Event::Snapshots),
        3 => Just(Event::Migrated),
        3 => findings().prop_map(|findings| Event::Verified { findings, os: "x".into() }),
        2 => any::<bool>().prop_map(|untouched| Event::Restored { os: "x".into(), untouched }),
        2 => Just(Event::Cleaned),
        1 => (code, any::<bool>()).prop_map(|(code, transient)| Event::Faulted(Cause { code, text: "t".into(), transient })),
        1 => Just(Event::Cancel { by: "ops".into() }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn migrate_is_only_entered_with_every_disk_snapshotted(events in prop::collection::vec((event(), 0i64..600_000), 0..60)) {
        let (mut record, mut now) = (record(), 0);
        for (event, pause) in events {
            now += pause;
            let before = record.state;
            let seen = if let Event::Snapshots(disks) = &event { Some(disks.clone()) } else { None };
            record = decide(&record, event, now).record;
            if record.state == State::In(Stage::Migrate) && before != record.state {
                let disks = seen.expect("only snapshots lead to migrate");
                prop_assert!(!disks.is_empty());
                prop_assert!(disks.iter().all(|disk| disk.status == Evidence::Accomplished && disk.snapshot_id.is_some()));
                prop_assert_eq!(&record.disks, &disks);
                prop_assert!(record.touched);
            }
        }
    }

    #[test]
    fn every_sequence_ends_once_deadlines_pass(events in prop::collection::vec((event(), 0i64..600_000), 0..40)) {
        let (mut record, mut now) = (record(), 0);
        for (event, pause) in events {
            now += pause;
            record = decide(&record, event, now).record;
        }
        // Nothing is ever seen again; only time passes.
        for _ in 0..Stage::ALL.len() {
            let Some(deadline) = record.deadline() else { break };
            now = now.max(deadline);
            let waiting = Event::Waiting { look_at: now + 1, progress: None, note: String::new() };
            record = decide(&record, waiting, now).record;
        }
        prop_assert!(matches!(record.state, State::Ended(_)), "{:?}", record.state);
    }

    #[test]
    fn what_is_over_stays_over_and_silent(outcome in prop::sample::select(vec![
        Outcome::Succeeded, Outcome::Refused, Outcome::Failed, Outcome::RolledBack, Outcome::Cancelled, Outcome::Stuck,
    ]), events in prop::collection::vec((event(), 0i64..100_000_000), 1..10)) {
        let mut ended = record();
        ended.state = State::Ended(outcome);
        ended.look_at = None;
        for (event, now) in events {
            let decision = decide(&ended, event, now);
            prop_assert_eq!(&decision.record, &ended);
            prop_assert_eq!(decision.effects, vec![]);
        }
    }

    #[test]
    fn a_touched_machine_never_ends_as_if_nothing_had_happened(events in prop::collection::vec((event(), 0i64..600_000), 0..60)) {
        let (mut record, mut now, mut restored, mut untouched) = (record(), 0, false, false);
        for (event, pause) in events {
            now += pause;
            if let (State::In(Stage::Rollback), Event::Restored { untouched: was, .. }) = (record.state, &event) {
                restored = true;
                untouched = *was;
            }
            record = decide(&record, event, now).record;
            match record.ending {
                Some(Outcome::RolledBack) => prop_assert!(restored),
                Some(Outcome::Refused | Outcome::Failed) if record.touched && record.hop == 0 => prop_assert!(restored && untouched),
                Some(Outcome::Cancelled) if record.touched && record.hop == 0 => prop_assert!(restored),
                _ => {}
            }
        }
    }

    #[test]
    fn a_live_record_is_always_looked_at_again_and_history_counts_up(events in prop::collection::vec((event(), 0i64..600_000), 0..60)) {
        let (mut record, mut now, mut next_seq) = (record(), 0, 0);
        for (event, pause) in events {
            now += pause;
            let decision = decide(&record, event, now);
            for effect in &decision.effects {
                if let Effect::Note(step) = effect {
                    prop_assert_eq!(step.seq, next_seq);
                    next_seq += 1;
                }
            }
            if decision.record.state != record.state {
                let told = decision.effects.iter().any(|effect| matches!(
                    effect, Effect::Announce(Notice::Entered(_) | Notice::Ended(_))));
                prop_assert!(told);
            }
            record = decision.record;
            prop_assert_eq!(record.steps, next_seq);
            match record.stage() {
                Some(_) => prop_assert!(record.look_at.is_some_and(|at| at <= record.deadline().unwrap_or(Millis::MAX).max(now))),
                None => prop_assert_eq!(record.look_at, None),
            }
            let read = Record::from_json(&record.to_json()).unwrap();
            prop_assert_eq!(&read, &record);
        }
    }
}

fn after(stage: Stage, event: Event) -> Record {
    let mut before = record();
    before.state = State::In(stage);
    decide(&before, event, 1).record
}

#[test]
fn results_of_other_stages_change_nothing() {
    for stage in Stage::ALL {
        let mut before = record();
        before.state = State::In(stage);
        let results = [
            (Stage::Precheck, Event::Prechecked(vec![])),
            (Stage::Assess, Event::Assessed(vec![])),
            (Stage::Snapshot, Event::Snapshots(vec![])),
            (Stage::Migrate, Event::Migrated),
            (Stage::Verify, Event::Verified { findings: vec![], os: String::new() }),
            (Stage::Rollback, Event::Restored { os: String::new(), untouched: true }),
            (Stage::Cleanup, Event::Cleaned),
        ];
        for (of, event) in results {
            let decision = decide(&before, event, 1);
            assert_eq!(decision.record != before, of == stage, "a result of {of:?} in {stage:?}");
        }
    }
}

#[test]
fn cancel_means_something_at_every_stage() {
    let cancel = || Event::Cancel { by: "ops".into() };
    for (stage, then, ending) in [
        (Stage::Precheck, Stage::Cleanup, Some(Outcome::Cancelled)),
        (Stage::Assess, Stage::Cleanup, Some(Outcome::Cancelled)),
        (Stage::Snapshot, Stage::Cleanup, Some(Outcome::Cancelled)),
        (Stage::Migrate, Stage::Rollback, None),
        (Stage::Verify, Stage::Rollback, None),
        (Stage::Rollback, Stage::Rollback, None),
    ] {
        let record = after(stage, cancel());
        assert_eq!((record.state, record.ending), (State::In(then), ending), "{stage:?}");
    }
    let rolling = after(Stage::Migrate, cancel());
    let back = decide(&rolling, Event::Restored { os: "x".into(), untouched: false }, 2).record;
    assert_eq!(back.ending, Some(Outcome::Cancelled));
}

#[test]
fn an_instance_that_vanished_needs_a_person_and_no_rollback() {
    for stage in Stage::ALL.into_iter().filter(|stage| *stage != Stage::Cleanup) {
        let record = after(stage, Event::Faulted(Cause::permanent(Code::InstanceGone, "gone")));
        assert_eq!((record.state, record.ending), (State::In(Stage::Cleanup), Some(Outcome::Stuck)), "{stage:?}");
        assert_eq!(record.cause.unwrap().code, Code::InstanceGone);
    }
}

#[test]
fn debian_11_to_13_snapshots_before_each_hop() {
    let disk = DiskSnapshot {
        disk_id: "d".into(),
        snapshot_id: Some("s".into()),
        status: Evidence::Accomplished,
        progress: 100,
    };
    let healthy = || Event::Verified { findings: vec![], os: "Debian".into() };
    let hop = [Event::Assessed(vec![]), Event::Snapshots(vec![disk]), Event::Migrated, healthy()];
    let mut record = decide(&record(), Event::Prechecked(vec![]), 1).record;
    for event in hop.clone() {
        record = decide(&record, event, 1).record;
    }
    assert_eq!((record.hop, record.state), (1, State::In(Stage::Assess)));
    assert!(record.disks.is_empty(), "the first hop's snapshots do not vouch for the second");
    for event in hop {
        record = decide(&record, event, 1).record;
    }
    assert_eq!(decide(&record, Event::Cleaned, 1).record.state, State::Ended(Outcome::Succeeded));
}

#[test]
fn a_newer_schema_is_refused_by_its_code() {
    let json = record().to_json().replacen("\"schema\":1", "\"schema\":2", 1);
    assert_eq!(Record::from_json(&json).unwrap_err().code(), Code::NewerSchema);
    assert_eq!(Record::from_json("{}").unwrap_err().code(), Code::BrokenRecord);
}

#[test]
fn a_deadline_names_what_it_met_last() {
    let met = Cause::transient(Code::Forbidden, "DescribeDisks of i-1");
    let waiting = after(Stage::Precheck, Event::Faulted(met.clone()));
    let late = decide(&waiting, Event::Faulted(met), waiting.deadline().unwrap()).record;
    let cause = late.cause.unwrap();
    assert_eq!((cause.code, late.ending), (Code::Deadline, Some(Outcome::Failed)));
    assert!(cause.text.contains("OSF-C003") && cause.text.contains("DescribeDisks of i-1"), "{cause:?}");
}
