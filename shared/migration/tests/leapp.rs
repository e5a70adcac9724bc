//! Every title of leapp's reports, as recorded from leapp-repository, and the check that it becomes.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

use std::collections::BTreeSet;

use migration::leapp::{LeappEntry, LeappSeverity, ids, judge_leapp};
use migration::{Finding, Severity};

struct Recorded {
    kind: &'static str,
    title: String,
    check: &'static str,
}

fn recorded() -> Vec<Recorded> {
    let lines = include_str!("data/leapp-titles.tsv").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| match line.split('\t').collect::<Vec<_>>()[..] {
            [kind, _, _, title, check] => Recorded { kind, title: title.replace("{}", "ntp 8"), check },
            _ => panic!("{line}"),
        })
        .collect()
}

fn entry(kind: &str, title: &str) -> LeappEntry {
    LeappEntry {
        title: title.into(),
        severity: if kind == "report" { LeappSeverity::Low } else { LeappSeverity::High },
        inhibitor: kind == "inhibitor",
        error: kind == "error",
        ..LeappEntry::default()
    }
}

/// What one entry becomes, besides the count of all.
fn judged(kind: &str, title: &str) -> Option<Finding> {
    let mut findings = judge_leapp(&[entry(kind, title)]);
    assert_eq!(findings.pop().unwrap().id, "leapp.report");
    findings.pop()
}

#[test]
fn every_recorded_title_becomes_its_check_and_no_other() {
    for Recorded { kind, title, check } in recorded() {
        let severity = if kind == "report" { Severity::Warn } else { Severity::Block };
        match judged(kind, &title) {
            Some(finding) => assert_eq!((finding.id.as_str(), finding.severity), (check, severity), "{title}"),
            None => assert_eq!(check, "-", "{title}"),
        }
    }
}

#[test]
fn no_recorded_inhibitor_is_unknown_and_every_check_has_an_entry_that_trips_it() {
    let recorded = recorded();
    let inhibitors = recorded.iter().filter(|one| one.kind == "inhibitor");
    assert_eq!(inhibitors.filter(|one| one.check.starts_with("leapp.other") || one.check == "-").count(), 0);
    let tripped: BTreeSet<&str> = recorded.iter().map(|one| one.check).filter(|check| *check != "-").collect();
    let known: BTreeSet<&str> =
        ids().filter(|id| !["leapp.other", "leapp.other-risk", "leapp.error", "leapp.report"].contains(id)).collect();
    assert_eq!(tripped, known);
}

#[test]
fn a_title_that_is_not_quite_it_trips_nothing_that_is_known() {
    for Recorded { title, .. } in recorded() {
        for other in [format!("{}?", &title[..title.len() / 2]), format!("No: {title}")] {
            let finding = judged("inhibitor", &other).unwrap();
            // One title begins with what varies: whatever stands before it still fits.
            if !other.ends_with(" configuration will be migrated") {
                assert_eq!(finding.id, "leapp.other", "{other}");
            }
            assert!(finding.blocks());
        }
    }
}

#[test]
fn advice_is_given_for_whatever_is_found() {
    for Recorded { kind, title, .. } in recorded() {
        if let Some(finding) = judged(kind, &title) {
            assert!(finding.remedy.len() > 10, "{title}");
        }
    }
}
