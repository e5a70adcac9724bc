//! The drawing of the state machine, made by asking [`decide`] what it does.

use std::collections::BTreeMap;

use crate::check::Finding;
use crate::code::Code;
use crate::decide::{Event, decide};
use crate::id::MigrationId;
use crate::os::{Family, Os};
use crate::path;
use crate::policy::Policy;
use crate::record::{Cause, DiskSnapshot, Evidence, Outcome, Record, Stage, State};

/// A Mermaid state diagram of every transition.
pub fn mermaid() -> String {
    let mut arrows: BTreeMap<(usize, String, String), Vec<&str>> = BTreeMap::new();
    for (order, stage) in Stage::ALL.into_iter().enumerate() {
        for (label, event) in events() {
            for ending in endings(stage) {
                let before = sample(stage, ending);
                let after = decide(&before, event.clone(), before.entered_at).record;
                if after.state != before.state || after.hop != before.hop {
                    let labels = arrows.entry((order, name(before.state), name(after.state))).or_default();
                    if !labels.contains(&label) {
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
    for outcome in OUTCOMES {
        drawing.push_str(&format!("    {} --> [*]\n", name(State::Ended(outcome))));
    }
    drawing
}

const OUTCOMES: [Outcome; 6] =
    [Outcome::Succeeded, Outcome::Refused, Outcome::Failed, Outcome::RolledBack, Outcome::Cancelled, Outcome::Stuck];

fn name(state: State) -> String {
    match state {
        State::In(stage) => stage.name().to_owned(),
        State::Ended(outcome) => format!("{outcome:?}"),
    }
}

fn endings(stage: Stage) -> Vec<Option<Outcome>> {
    if stage == Stage::Cleanup { OUTCOMES.into_iter().map(Some).collect() } else { vec![None] }
}

fn sample(stage: Stage, ending: Option<Outcome>) -> Record {
    let hops = path::route(&Os::new(Family::Debian, 11), Some(&Os::new(Family::Debian, 13))).unwrap_or_default();
    let id = MigrationId::from_bytes([0; 10]);
    let mut record = Record::new(id, "i-0".into(), Policy::default(), hops, 0);
    record.state = State::In(stage);
    record.ending = ending;
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
        ("cancelled", Event::Cancel { by: String::new() }),
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
        assert!(!drawing.contains("assess --> migrate"));
    }
}
