//! What the documents say of the domain: docs/errors.md speaks of every code and every check, and of no
//! others; the README's policy is one.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

use std::collections::BTreeSet;
use std::path::Path;

use migration::Code;
use migration::findings::{AfterFacts, CloudFacts, GuestFacts, Preview, judge_after, judge_cloud, judge_guest};
use migration::os::{Family, Os};
use migration::path::route;
use migration::policy::Policy;

fn page(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)).unwrap()
}

/// The first cells of the page's tables that satisfy `is_one`, without code marks.
fn named(page: &str, is_one: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let cells = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    cells.map(|cell| cell.trim_matches('`').to_owned()).filter(|cell| is_one(cell)).collect()
}

#[test]
fn every_code_is_explained() {
    let codes: BTreeSet<String> = Code::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    assert_eq!(named(&page("docs/errors.md"), |cell| cell.starts_with("OSF-")), codes);
}

#[test]
fn every_check_is_explained() {
    let some = || vec!["x".to_owned()];
    let cloud = CloudFacts {
        locks: some(),
        snapshots_in_progress: some(),
        maintenance: some(),
        volatile_disks: some(),
        ..Default::default()
    };
    let preview = Preview {
        unreachable: String::new(),
        problem: "x".into(),
        removals: some(),
        downgrades: vec!["mysql-server".into(), "x".into()],
        changes: 0,
    };
    let guest = GuestFacts {
        foreign_packages: some(),
        package_manager: "x".into(),
        preview,
        epel_modular: true,
        foreign_modules: some(),
        ..Default::default()
    };
    let after = AfterFacts {
        package_manager: "x".into(),
        services_lost: some(),
        packages_lost: some(),
        probes_failed: some(),
        ..Default::default()
    };
    let hop = &route(&Os::new(Family::CentOs, 8), None).unwrap()[0];
    let findings =
        [judge_cloud(&cloud, None, 0), judge_guest(&guest, hop, &Policy::default()), judge_after(&after, hop)];
    let ids: BTreeSet<String> = findings.into_iter().flatten().map(|finding| finding.id).collect();
    let is_check = |cell: &str| ["cloud.", "guest.", "after."].iter().any(|prefix| cell.starts_with(prefix));
    assert_eq!(named(&page("docs/errors.md"), is_check), ids);
}

#[test]
fn the_readmes_policy_is_one() {
    let readme = page("README.md");
    let (_, rest) = readme.split_once("```json\n").unwrap();
    let policy: Policy = serde_json::from_str(rest.split_once("```").unwrap().0).unwrap();
    assert_ne!(policy, Policy::default());
}
