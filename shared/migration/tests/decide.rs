//! Properties of `decide` over arbitrary sequences of events.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use migration::os::{Family, Os, System};
use migration::policy::Policy;
use migration::{
    Cause, Code, DiskSnapshot, Effect, Event, Evidence, Finding, MigrationId, Millis, Notice, Outcome, Record,
    Remediation, Stage, State, Wish, decide, path,
};
use proptest::prelude::*;

fn record() -> Record {
    let hops = path::route(
        &System::of(Os::new(Family::Debian, 11)),
        Some(&Os::new(Family::Debian, 13)),
        &path::Grants::default(),
    )
    .unwrap();
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
        2 => Just(Event::Prepared(vec![])),
        2 => Just(Event::Cloned { instance_id: "i-2".into() }),
        1 => Just(Event::Halted { failures: 1 }),
        3 => findings().prop_map(|findings| Event::Verified { findings, os: "x".into() }),
        2 => any::<bool>().prop_map(|untouched| Event::Restored { os: "x".into(), untouched }),
        2 => Just(Event::Cleaned),
        1 => (code, any::<bool>()).prop_map(|(code, transient)| Event::Faulted(Cause { code, text: "t".into(), transient })),
        1 => Just(Event::Wished(Wish::Cancel { by: "ops".into() })),
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
    fn what_is_over_stays_over_and_silent(outcome in prop::sample::select(Outcome::ALL.to_vec()), events in prop::collection::vec((event(), 0i64..100_000_000), 1..10)) {
        let mut ended = record();
        ended.state = State::Ended(outcome);
        ended.look_at = None;
        for (event, now) in events.into_iter().filter(|(event, _)| !matches!(event, Event::Wished(_))) {
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
            (Stage::Prepare, Event::Prepared(vec![])),
            (Stage::Snapshot, Event::Snapshots(vec![])),
            (Stage::Clone, Event::Cloned { instance_id: "i-2".into() }),
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
    let cancel = || Event::Wished(Wish::Cancel { by: "ops".into() });
    for (stage, then, ending) in [
        (Stage::Precheck, Stage::Cleanup, Some(Outcome::Cancelled)),
        (Stage::Assess, Stage::Cleanup, Some(Outcome::Cancelled)),
        (Stage::Prepare, Stage::Cleanup, Some(Outcome::Cancelled)),
        (Stage::Clone, Stage::Cleanup, Some(Outcome::Cancelled)),
        (Stage::Snapshot, Stage::Cleanup, Some(Outcome::Cancelled)),
        // The tool was not sent yet.
        (Stage::Migrate, Stage::Cleanup, Some(Outcome::Cancelled)),
        (Stage::Verify, Stage::Rollback, None),
        (Stage::Rollback, Stage::Rollback, None),
    ] {
        let record = after(stage, cancel());
        assert_eq!((record.state, record.ending), (State::In(then), ending), "{stage:?}");
    }
    let rolling = follow(with_tool_sent(), [cancel()]);
    assert_eq!((rolling.state, rolling.ending), (State::In(Stage::Rollback), None));
    let back = decide(&rolling, Event::Restored { os: "x".into(), untouched: false }, 2).record;
    assert_eq!(back.ending, Some(Outcome::Cancelled));
}

/// In migrate, the tool may be under way.
fn with_tool_sent() -> Record {
    let mut record = record();
    (record.state, record.touched) = (State::In(Stage::Migrate), true);
    record.memo.marks.insert(migration::TOOL_SENT.into(), 1);
    record
}

#[test]
fn a_tool_that_was_never_sent_takes_nothing_back() {
    let silent = || Event::Waiting { look_at: 0, progress: None, note: "the agent is away".into() };
    let mut record = with_tool_sent();
    let sent = decide(&record, silent(), record.deadline().unwrap()).record;
    assert_eq!((sent.state, sent.tool_started), (State::In(Stage::Rollback), false));
    record.memo.marks.insert(migration::TOOL_STARTED.into(), 2);
    let started = decide(&record, silent(), record.deadline().unwrap()).record;
    assert_eq!((started.state, started.tool_started), (State::In(Stage::Rollback), true));
    record.memo.marks.remove(migration::TOOL_SENT);
    let before = decide(&record, silent(), record.deadline().unwrap()).record;
    assert_eq!(before.state, State::In(Stage::Rollback), "as a version before stored it");
    record.memo.marks.clear();
    let never = decide(&record, silent(), record.deadline().unwrap()).record;
    assert_eq!((never.state, never.ending, never.touched), (State::In(Stage::Cleanup), Some(Outcome::Failed), false));
}

#[test]
fn an_outage_of_the_cloud_is_no_time_of_the_stages() {
    let away = || Event::Faulted(Cause::transient(Code::CloudCall, "503"));
    let healthy = || Event::Verified { findings: vec![], os: "Debian 12".into() };
    // So many minutes away; then it answers.
    let after_outage = |stage: Stage, minutes: i64| {
        let mut record = record();
        (record.state, record.touched) = (State::In(stage), true);
        let mut now = 0;
        while now < minutes * 60_000 {
            record = decide(&record, away(), now).record;
            let Some(at) = record.look_at else { break };
            now = at.max(now + 1);
        }
        (record, now)
    };
    let (record, now) = after_outage(Stage::Verify, 300);
    assert_eq!(decide(&record, healthy(), now).record.hop, 1, "a healthy machine goes on");
    let waiting = Event::Waiting { look_at: now, progress: None, note: String::new() };
    assert_eq!(decide(&record, waiting, now).record.state, State::In(Stage::Verify), "it gets its time to answer");
    let (record, _) = after_outage(Stage::Verify, 8 * 60);
    assert_eq!(record.state, State::In(Stage::Rollback), "not for ever");
    let (record, _) = after_outage(Stage::Precheck, 300);
    assert_eq!(record.ending, Some(Outcome::Failed), "where nothing was changed it ends in time");
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

fn el8(engine: path::Engine) -> Record {
    let mut record = record();
    record.hops =
        vec![path::Hop { from: Os::new(Family::CentOs, 8), to: Os::new(Family::AlibabaCloudLinux, 3), engine }];
    record
}

fn follow(mut record: Record, events: impl IntoIterator<Item = Event>) -> Record {
    for event in events {
        record = decide(&record, event, 1).record;
    }
    record
}

fn snapshots() -> Event {
    Event::Snapshots(vec![DiskSnapshot {
        disk_id: "d".into(),
        snapshot_id: Some("s".into()),
        status: Evidence::Accomplished,
        progress: 100,
    }])
}

fn verified() -> Event {
    Event::Verified { findings: vec![], os: "Alibaba Cloud Linux 3".into() }
}

#[test]
fn an_engine_that_brings_a_tool_is_prepared_and_assessed_again() {
    let record = follow(el8(path::Engine::Leapp), [Event::Prechecked(vec![]), Event::Assessed(vec![])]);
    assert_eq!((record.state, record.prepared), (State::In(Stage::Prepare), true));
    let record = follow(record, [Event::Prepared(vec![]), Event::Assessed(vec![])]);
    assert_eq!(record.state, State::In(Stage::Snapshot));
}

#[test]
fn what_blocks_is_mended_once_if_the_policy_allows_it() {
    let blocked = || Event::Assessed(vec![Finding::block("guest.i686", "f", "r").mended_by(Remediation::RemoveI686)]);
    let refused = follow(el8(path::Engine::DistroSync), [Event::Prechecked(vec![]), blocked()]);
    assert_eq!(refused.ending, Some(Outcome::Refused), "not allowed");
    let mut allowed = el8(path::Engine::DistroSync);
    allowed.policy.remediate = vec![Remediation::RemoveI686];
    let mending = follow(allowed, [Event::Prechecked(vec![]), blocked()]);
    assert_eq!((mending.state, mending.prepared), (State::In(Stage::Prepare), true));
    let again = follow(mending.clone(), [Event::Prepared(vec![Remediation::RemoveI686])]);
    assert_eq!(again.remediated, [Remediation::RemoveI686]);
    assert_eq!(follow(again.clone(), [Event::Assessed(vec![])]).state, State::In(Stage::Snapshot));
    let refused = follow(again, [blocked()]);
    assert_eq!((refused.ending, refused.must_undo()), (Some(Outcome::Refused), true), "it did not help");
    let other = Event::Assessed(vec![Finding::block("guest.memory", "f", "r")]);
    let mut mixed = mending;
    mixed.state = State::In(Stage::Assess);
    assert_eq!(follow(mixed, [other]).ending, Some(Outcome::Refused));
}

#[test]
fn a_risky_plan_waits_for_a_named_person_and_a_changed_one_waits_again() {
    let risky = |id: &str| Event::Assessed(vec![Finding::warn(id, "f", "r")]);
    let mut record = el8(path::Engine::DistroSync);
    record.policy.acknowledge = true;
    let waiting = follow(record.clone(), [Event::Prechecked(vec![]), risky("a")]);
    let digest = waiting.awaiting.clone().unwrap();
    assert_eq!(waiting.state, State::In(Stage::Assess));
    let unchanged = follow(waiting.clone(), [Event::Assessed(vec![])]);
    assert_eq!(unchanged.awaiting, Some(digest.clone()), "a late answer does not overtake the person");
    let acknowledge = |digest: &str| Event::Wished(Wish::Acknowledge { by: "li".into(), digest: digest.into() });
    let other = follow(waiting.clone(), [acknowledge("00")]);
    assert_eq!(other.awaiting, Some(digest.clone()));
    let known = follow(waiting.clone(), [acknowledge(&digest)]);
    assert_eq!((known.state, known.acknowledged[0].by.as_str()), (State::In(Stage::Precheck), "li"));
    // Days may have passed: the cloud is asked again too.
    let shared = Event::Prechecked(vec![Finding::block("cloud.shared-disk", "f", "r")]);
    assert_eq!(follow(known.clone(), [shared]).ending, Some(Outcome::Refused));
    let known = follow(known, [Event::Prechecked(vec![])]);
    assert_eq!(follow(known.clone(), [risky("a")]).state, State::In(Stage::Snapshot));
    let changed = follow(known, [risky("b")]);
    assert_eq!(changed.state, State::In(Stage::Assess));
    assert!(changed.awaiting.is_some_and(|now| now != digest));
    let late = decide(&waiting, Event::Halted { failures: 0 }, waiting.deadline().unwrap());
    assert_eq!(late.record.ending, Some(Outcome::Cancelled));
    let tick = Event::Waiting { look_at: 0, progress: None, note: String::new() };
    let late = decide(&waiting, tick, waiting.deadline().unwrap()).record;
    assert_eq!((late.cause.unwrap().code, late.ending), (Code::NotAcknowledged, Some(Outcome::Failed)));
    let safe = follow(record, [Event::Prechecked(vec![]), Event::Assessed(vec![])]);
    assert_eq!(safe.state, State::In(Stage::Snapshot), "nothing to acknowledge");
}

#[test]
fn a_check_asks_cloud_guest_and_tool_and_begins_nothing() {
    let mut record = el8(path::Engine::Leapp);
    record.policy.mode = migration::policy::Mode::Check;
    record.policy.remediate = vec![Remediation::RemoveI686];
    let mendable = || Event::Assessed(vec![Finding::block("guest.i686", "f", "r").mended_by(Remediation::RemoveI686)]);
    let preparing = follow(record.clone(), [Event::Prechecked(vec![]), mendable()]);
    assert_eq!((preparing.state, preparing.prepared), (State::In(Stage::Prepare), true));
    let passed = follow(preparing.clone(), [Event::Prepared(vec![]), mendable()]);
    assert_eq!((passed.ending, passed.must_undo(), passed.touched), (Some(Outcome::CheckPassed), true, false));
    assert_eq!(follow(passed, [Event::Cleaned]).state, State::Ended(Outcome::CheckPassed));
    let blocked = Event::Assessed(vec![Finding::block("leapp.inhibitor", "f", "r")]);
    let refused = follow(preparing, [Event::Prepared(vec![]), blocked]);
    assert_eq!(refused.ending, Some(Outcome::Refused));
    let without_tool = Record { hops: el8(path::Engine::DistroSync).hops, ..record };
    let passed = follow(without_tool, [Event::Prechecked(vec![]), Event::Assessed(vec![])]);
    assert_eq!((passed.ending, passed.must_undo()), (Some(Outcome::CheckPassed), false));
}

#[test]
fn a_drill_works_on_a_clone_and_leaves_the_instance_untouched() {
    let mut record = el8(path::Engine::Leapp);
    record.policy.mode = migration::policy::Mode::DrillThenMigrate;
    let cloning = follow(record, [Event::Prechecked(vec![]), Event::Assessed(vec![]), snapshots()]);
    assert_eq!((cloning.state, cloning.prepared, cloning.touched), (State::In(Stage::Clone), false, false));
    let cloned = follow(cloning, [Event::Cloned { instance_id: "i-2".into() }]);
    assert_eq!((cloned.state, cloned.subject()), (State::In(Stage::Assess), "i-2"));
    let migrating = follow(cloned, [Event::Assessed(vec![]), Event::Prepared(vec![]), Event::Assessed(vec![])]);
    assert_eq!((migrating.state, migrating.touched), (State::In(Stage::Migrate), false));
    let failed = follow(migrating.clone(), [Event::Faulted(Cause::permanent(Code::ToolFailed, "no"))]);
    assert_eq!(failed.state, State::In(Stage::Rollback), "where the evidence is kept");
    let failed = follow(failed, [Event::Restored { os: String::new(), untouched: true }, Event::Cleaned]);
    assert_eq!(failed.state, State::Ended(Outcome::DrillFailed));
    let drill = failed.drill.unwrap();
    assert!(!drill.passed && drill.cause.is_some() && !drill.timings.is_empty());

    let passed = follow(migrating, [Event::Migrated, verified()]);
    assert_eq!((passed.ending, passed.os_after.clone()), (Some(Outcome::DrillPassed), None));
    let real = follow(passed, [Event::Cleaned]);
    assert_eq!((real.state, real.subject(), real.leg().as_str()), (State::In(Stage::Precheck), "i-1", "1.0"));
    let rest = [
        Event::Prechecked(vec![]),
        Event::Assessed(vec![]),
        Event::Prepared(vec![]),
        Event::Assessed(vec![]),
        snapshots(),
        Event::Migrated,
        verified(),
        Event::Cleaned,
    ];
    let done = follow(real, rest);
    assert_eq!((done.state, done.drill.unwrap().passed), (State::Ended(Outcome::Succeeded), true));
}

#[test]
fn retry_goes_on_from_where_it_makes_sense() {
    let retry = || Event::Wished(Wish::Retry { by: "li".into() });
    let ended = |outcome, touched, prepared| {
        let mut record = record();
        (record.state, record.look_at) = (State::Ended(outcome), None);
        (record.touched, record.prepared, record.hop) = (touched, prepared, 1);
        record.unclean = prepared;
        record
    };
    for (outcome, touched, prepared, then, leg) in [
        (Outcome::Refused, false, false, State::In(Stage::Precheck), "1.1"),
        (Outcome::RolledBack, true, false, State::In(Stage::Precheck), "1.1"),
        (Outcome::Cancelled, false, false, State::In(Stage::Precheck), "1.1"),
        (Outcome::Stuck, true, false, State::In(Stage::Rollback), "1"),
        (Outcome::Stuck, false, true, State::In(Stage::Cleanup), "1"),
        (Outcome::Succeeded, true, false, State::Ended(Outcome::Succeeded), "1"),
    ] {
        let again = follow(ended(outcome, touched, prepared), [retry()]);
        assert_eq!((again.state, again.leg().as_str()), (then, leg), "{outcome:?}");
    }
    let waiting = decide(&after(Stage::Precheck, Event::Faulted(Cause::transient(Code::Forbidden, "x"))), retry(), 2);
    assert_eq!((waiting.record.attempt, waiting.record.look_at), (0, Some(2)), "at once");
    assert!(waiting.effects.contains(&Effect::Request(Stage::Precheck)));
}

#[test]
fn a_person_may_want_the_old_system_back() {
    let wish = || Event::Wished(Wish::GoBack { by: "li".into() });
    let verifying = after(Stage::Verify, wish());
    assert_eq!((verifying.state, verifying.cause.unwrap().code), (State::In(Stage::Rollback), Code::WantedBack));
    let mut done = record();
    (done.state, done.touched) = (State::Ended(Outcome::Succeeded), true);
    let back = follow(done, [wish(), Event::Restored { os: "x".into(), untouched: false }, Event::Cleaned]);
    assert_eq!(back.state, State::Ended(Outcome::RolledBack));
    let nothing = after(Stage::Snapshot, wish());
    assert_eq!(nothing.state, State::In(Stage::Snapshot));
}

#[test]
fn a_stopped_batch_ends_what_has_changed_nothing() {
    for (stage, ending) in [
        (Stage::Precheck, Some(Outcome::Cancelled)),
        (Stage::Snapshot, Some(Outcome::Cancelled)),
        (Stage::Migrate, None),
        (Stage::Verify, None),
    ] {
        assert_eq!(after(stage, Event::Halted { failures: 2 }).ending, ending, "{stage:?}");
    }
}

#[test]
fn what_a_person_did_stands_in_the_history() {
    let mut record = record();
    record.state = State::In(Stage::Snapshot);
    let decision = decide(&record, Event::Wished(Wish::Cancel { by: "li".into() }), 1);
    let actor = |effect: &Effect| match effect {
        Effect::Note(step) => step.actor.clone(),
        _ => None,
    };
    let actors: Vec<String> = decision.effects.iter().filter_map(actor).collect();
    assert_eq!(actors, ["li"]);
}

#[test]
fn events_of_a_clone_lead_to_its_drill_as_long_as_there_is_one() {
    let mut record = record();
    record.policy.mode = migration::policy::Mode::Drill;
    record.state = State::In(Stage::Clone);
    let cloned = decide(&record, Event::Cloned { instance_id: "i-2".into() }, 1);
    assert!(cloned.effects.contains(&Effect::Hold("i-2".into())));
    let mut ending = cloned.record;
    (ending.state, ending.ending) = (State::In(Stage::Cleanup), Some(Outcome::DrillPassed));
    let over = decide(&ending, Event::Cleaned, 2).effects;
    for instance in ["i-1", "i-2"] {
        assert!(over.contains(&Effect::Release(instance.into())), "{instance}");
    }
}

#[test]
fn cleaning_that_was_given_up_keeps_the_instance_locked_until_it_is_done() {
    let releases = |effects: &[Effect]| effects.iter().filter(|effect| matches!(effect, Effect::Release(_))).count();
    for (ending, prepared, ended, again) in [
        (Outcome::Succeeded, true, Outcome::Succeeded, Outcome::Succeeded),
        (Outcome::RolledBack, false, Outcome::RolledBack, Outcome::RolledBack),
        (Outcome::Cancelled, true, Outcome::Stuck, Outcome::Failed),
    ] {
        let mut record = record();
        (record.state, record.ending, record.prepared) = (State::In(Stage::Cleanup), Some(ending), prepared);
        let given_up = decide(&record, Event::Faulted(Cause::permanent(Code::Forbidden, "no")), 1);
        assert_eq!((given_up.record.state, releases(&given_up.effects)), (State::Ended(ended), 0));
        let retried = follow(given_up.record, [Event::Wished(Wish::Retry { by: "li".into() })]);
        assert_eq!((retried.state, retried.ending), (State::In(Stage::Cleanup), Some(again)));
        let done = decide(&retried, Event::Cleaned, 2);
        assert_eq!((done.record.state, releases(&done.effects)), (State::Ended(again), 1));
    }
}

/// The old system has proven itself, then the undo could not be done: tried again, no disk goes back once more.
#[test]
fn an_undo_that_is_tried_again_is_no_rollback() {
    for (untouched, ending) in [(false, Outcome::RolledBack), (true, Outcome::Failed)] {
        let mut record = record();
        (record.state, record.touched, record.prepared) = (State::In(Stage::Rollback), true, true);
        let given_up = [
            Event::Restored { os: "Debian 11".into(), untouched },
            Event::Faulted(Cause::permanent(Code::NotUndone, "the agent is away")),
        ];
        let stuck = follow(record, given_up);
        assert_eq!((stuck.state, stuck.unclean), (State::Ended(Outcome::Stuck), true));
        let again = follow(stuck, [Event::Wished(Wish::Retry { by: "li".into() })]);
        assert_eq!((again.state, again.ending), (State::In(Stage::Cleanup), Some(ending)));
        assert!(again.must_undo());
        assert_eq!(follow(again, [Event::Cleaned]).state, State::Ended(ending));
    }
}

#[test]
fn a_rollback_that_is_tried_again_resets_no_disk_twice() {
    let mut record = record();
    (record.state, record.touched) = (State::In(Stage::Rollback), true);
    record.memo.marks.insert(migration::DISKS_BACK.into(), 1);
    let stuck = follow(record, [Event::Faulted(Cause::permanent(Code::NotRestored, "silent")), Event::Cleaned]);
    assert_eq!((stuck.state, stuck.disks_back), (State::Ended(Outcome::Stuck), true));
    let again = follow(stuck, [Event::Wished(Wish::Retry { by: "li".into() })]);
    assert_eq!((again.state, again.disks_back), (State::In(Stage::Rollback), true));
}

#[test]
fn what_a_stage_had_sent_is_known_to_whoever_takes_it_back() {
    let mut record = record();
    record.state = State::In(Stage::Prepare);
    for (key, sent_at) in [("prepare-1", 1), ("prepare-2", 2)] {
        let invoke_id = format!("t-{sent_at}");
        let command = migration::CommandRef { invoke_id, sent_at, undelivered: false };
        record.memo.commands.insert(key.into(), command);
    }
    let cancelled = follow(record, [Event::Wished(Wish::Cancel { by: "li".into() })]);
    assert_eq!((cancelled.orphans, cancelled.memo.commands.len()), (vec!["t-1".to_owned(), "t-2".to_owned()], 0));
}

#[test]
fn what_will_be_mended_is_acknowledged_before_it_is_done() {
    let blocked = || Event::Assessed(vec![Finding::block("guest.i686", "f", "r").mended_by(Remediation::RemoveI686)]);
    let mut record = el8(path::Engine::DistroSync);
    (record.policy.acknowledge, record.policy.remediate) = (true, vec![Remediation::RemoveI686]);
    let waiting = follow(record, [Event::Prechecked(vec![]), blocked()]);
    let digest = waiting.awaiting.clone().unwrap();
    assert!(!waiting.prepared);
    let known = Event::Wished(Wish::Acknowledge { by: "li".into(), digest });
    let mended =
        [Event::Prechecked(vec![]), blocked(), Event::Prepared(vec![Remediation::RemoveI686]), Event::Assessed(vec![])];
    let record = follow(follow(waiting, [known]), mended);
    assert_eq!(record.state, State::In(Stage::Snapshot), "one acknowledgement is enough");
}
