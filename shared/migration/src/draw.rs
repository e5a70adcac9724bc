//! The drawing of the state machine, made by asking [`decide`] what it does.

use std::collections::BTreeMap;

use crate::check::{Finding, Remediation};
use crate::code::Code;
use crate::decide::decide;
use crate::event::{Event, Wish};
use crate::id::MigrationId;
use crate::os::{Family, Os, System};
use crate::path;
use crate::policy::{Mode, Policy};
use crate::record::{Cause, DiskSnapshot, DrillClone, Evidence, Outcome, Record, Stage, State, TOOL_SENT};

/// A Mermaid state diagram of every transition.
pub fn mermaid() -> String {
    let mut arrows: BTreeMap<(usize, String, String), Vec<String>> = BTreeMap::new();
    for (order, stage) in Stage::ALL.into_iter().enumerate() {
        for (label, event) in events() {
            for before in samples(stage) {
                let after = decide(&before, event.clone(), before.entered_at).record;
                if after.state != before.state || after.hop != before.hop {
                    let labels = arrows.entry((order, name(before.state), name(after.state))).or_default();
                    let label = match (before.policy.mode, &before.clone) {
                        (_, Some(_)) => format!("{label} (clone)"),
                        (Mode::Check, None) => format!("{label} (check)"),
                        _ if stage == Stage::Migrate && before.memo.marks.is_empty() => {
                            format!("{label} (no tool yet)")
                        }
                        _ if before.drilling() => format!("{label} (drill)"),
                        _ => label.to_owned(),
                    };
                    let told = labels.iter().any(|known| label.starts_with(known.as_str()));
                    if !told {
                        labels.push(label);
                    }
                }
            }
        }
    }
    let mut drawing = "stateDiagram-v2\n    [*] --> precheck\n".to_owned();
    for ((_, from, to), labels) in &arrows {
        // Ends are told by the ending that cleanup was entered with.
        let label = if from == "cleanup" { String::new() } else { format!(" : {}", labels.join(", ")) };
        drawing.push_str(&format!("    {from} --> {to}{label}\n"));
    }
    for outcome in Outcome::ALL {
        drawing.push_str(&format!("    {} --> [*]\n", name(State::Ended(outcome))));
    }
    drawing
}

fn name(state: State) -> String {
    match state {
        State::In(stage) => stage.name().to_owned(),
        State::Ended(outcome) => format!("{outcome:?}"),
    }
}

/// One record for each way to be in a stage: with every ending where it is cleaned up, as a drill on its clone,
/// as a drill before there is one, and as a mere check; in migrate with the tool under way, and before.
fn samples(stage: Stage) -> Vec<Record> {
    if stage == Stage::Cleanup {
        return Outcome::ALL.into_iter().map(|outcome| sample(stage, Some(outcome))).collect();
    }
    let mut drill = sample(stage, None);
    drill.policy.mode = Mode::DrillThenMigrate;
    let mut cloned = drill.clone();
    cloned.clone = Some(DrillClone { instance_id: "i-1".into() });
    let mut check = sample(stage, None);
    check.policy.mode = Mode::Check;
    let mut samples = vec![sample(stage, None), drill, cloned, check];
    if stage == Stage::Migrate {
        let mut early = sample(stage, None);
        early.memo.marks.clear();
        samples.push(early);
    }
    samples
}

fn sample(stage: Stage, ending: Option<Outcome>) -> Record {
    let hops = path::route(
        &System::of(Os::new(Family::Debian, 11)),
        Some(&Os::new(Family::Debian, 13)),
        &path::Grants::default(),
    )
    .unwrap_or_default();
    let id = MigrationId::from_bytes([0; 10]);
    let mut record = Record::new(id, "i-0".into(), Policy::default(), hops, 0);
    record.policy.remediate = vec![Remediation::CleanBoot];
    record.state = State::In(stage);
    if stage == Stage::Migrate {
        record.memo.marks.insert(TOOL_SENT.to_owned(), 0);
    }
    record.ending = ending;
    if ending == Some(Outcome::DrillPassed) {
        record.policy.mode = Mode::DrillThenMigrate;
    }
    record
}

fn events() -> Vec<(&'static str, Event)> {
    let blocked = || vec![Finding::block("id", "found", "remedy")];
    let disk = |status| {
        Event::Snapshots(vec![DiskSnapshot {
            disk_id: "d-0".into(),
            snapshot_id: Some("s-0".into()),
            status,
            progress: 100,
        }])
    };
    vec![
        ("checks pass", Event::Prechecked(Vec::new())),
        ("a check blocks", Event::Prechecked(blocked())),
        ("checks pass", Event::Assessed(Vec::new())),
        ("what blocks may be mended", Event::Assessed(vec![blocked().remove(0).mended_by(Remediation::CleanBoot)])),
        ("prepared", Event::Prepared(Vec::new())),
        ("the clone runs", Event::Cloned { instance_id: "i-1".into() }),
        ("a check blocks", Event::Assessed(blocked())),
        ("every disk has its snapshot", disk(Evidence::Accomplished)),
        ("a snapshot failed", disk(Evidence::Failed)),
        ("tool succeeded, rebooted", Event::Migrated),
        ("healthy, one more hop", Event::Verified { findings: Vec::new(), os: String::new() }),
        ("unhealthy", Event::Verified { findings: blocked(), os: String::new() }),
        ("old system proven", Event::Restored { os: String::new(), untouched: false }),
        ("", Event::Cleaned),
        ("failed or overdue", Event::Faulted(Cause::permanent(Code::ToolFailed, ""))),
        ("instance gone", Event::Faulted(Cause::permanent(Code::InstanceGone, ""))),
        ("cancelled", Event::Wished(Wish::Cancel { by: String::new() })),
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_way_back_is_drawn() {
        let drawing = super::mermaid();
        for arrow in [
            "migrate --> rollback",
            "verify --> rollback",
            "rollback --> cleanup",
            "snapshot --> migrate",
            "cleanup --> RolledBack",
        ] {
            assert!(drawing.contains(arrow), "{arrow} in {drawing}");
        }
        let straight = drawing.lines().find(|line| line.contains("assess --> migrate")).unwrap();
        assert!(
            straight.split(" : ").nth(1).unwrap().split(", ").all(|label| label.ends_with("(clone)")),
            "{straight}"
        );
    }
}
