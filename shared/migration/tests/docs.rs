//! What the documents say of the domain: docs/errors.md speaks of every code and every check, and of no
//! others; the README's policy is one.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

use std::collections::BTreeSet;
use std::path::Path;

use migration::Code;
use migration::findings::{
    AfterFacts, AutoSnapshots, CloudFacts, DiskFacts, Finished, GuestFacts, Media, Preview, Scan, WindowsAfter,
    WindowsFacts, judge_after, judge_cloud, judge_finished, judge_guest, judge_windows, judge_windows_after,
};
use migration::os::{Family, Os, System};
use migration::path::{Engine, Grants, Hop, route};
use migration::policy::{Mode, Policy};
use migration::windows::{Issue, IssueKind, SETUP_RESULTS};

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

/// Every finding that the cloud can lead to.
fn cloud_findings() -> Vec<migration::Finding> {
    let some = || vec!["x".to_owned()];
    let disk = |category: &str| DiskFacts {
        category: category.into(),
        size_gib: 1,
        delete_auto_snapshot: true,
        multi_attach: true,
        ..Default::default()
    };
    let bad = CloudFacts {
        locks: some(),
        expires_at: Some(0),
        snapshots_in_progress: some(),
        snapshots_closed: true,
        auto_snapshots: vec![AutoSnapshots::default()],
        maintenance: some(),
        disks: vec![disk("local_ssd_pro"), disk("cloud_ssd")],
        cpu: 1,
        memory_mib: 1,
        network_interfaces: 2,
        ..Default::default()
    };
    let way = |os| route(&System::of(os), None, &Grants::default()).unwrap();
    let refused = CloudFacts { system: Some(System::of(Os::new(Family::CentOs, 6))), ..Default::default() };
    let judge = |facts: &CloudFacts, hops: &[Hop]| judge_cloud(facts, hops, &Policy::default(), &Grants::default(), 0);
    let mut findings = judge(&bad, &way(Os::new(Family::CentOs, 7)));
    findings.extend(judge(&bad, &way(Os::new(Family::WindowsServer, 2016))));
    findings.extend(judge(&CloudFacts::default(), &[]));
    findings.extend(judge(&refused, &[]));
    let drill = Policy { mode: Mode::Drill, ..Policy::default() };
    findings.extend(judge_cloud(&bad, &[], &drill, &Grants::default(), 0));
    findings
}

#[test]
fn every_check_is_explained() {
    let some = || vec!["x".to_owned()];
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
        mysql: some(),
        system: migration::findings::system_facts().map(|fact| (fact.to_owned(), vec!["7.1".to_owned()])).collect(),
        ..Default::default()
    };
    let (old, new) = (Os::new(Family::CentOs, 7), Os::new(Family::Rhel, 8));
    let guests = Engine::ALL.iter().flat_map(|engine| {
        let from_8 = Hop { from: Os::new(Family::Rhel, 8), to: Os::new(Family::Rhel, 9), engine: *engine };
        let from_7 = Hop { from: old.clone(), to: new.clone(), engine: *engine };
        [from_7, from_8].into_iter().flat_map(|hop| judge_guest(&guest, &hop, &Policy::default()))
    });
    let after = AfterFacts {
        kernel: "x".into(),
        kernel_default: "y".into(),
        package_manager: "x".into(),
        leftovers: 1,
        services_lost: some(),
        services_disabled: some(),
        ports_lost: some(),
        ports_retired: some(),
        mounts_lost: some(),
        users_lost: some(),
        cron_changed: some(),
        kernel_arguments_lost: some(),
        modules_lost: some(),
        configuration_changed: some(),
        settings_changed: some(),
        packages_lost: some(),
        repositories_old: some(),
        probes_failed: some(),
        ..Default::default()
    };
    let hop = &route(&System::of(Os::new(Family::CentOs, 8)), None, &Grants::default()).unwrap()[0];
    let mut findings = vec![cloud_findings(), guests.collect(), judge_after(&after, hop)];
    let finished = Finished { restored: some(), kept_away: some(), kept: some(), left: some() };
    findings.extend([judge_finished(&finished), windows_after_findings()]);
    let ids: BTreeSet<String> = findings.into_iter().flatten().map(|finding| finding.id).collect();
    let is_check = |cell: &str| ["cloud.", "guest.", "after."].iter().any(|prefix| cell.starts_with(prefix));
    assert_eq!(named(&page("docs/errors.md"), is_check), ids);
}

/// Every finding that only a new Windows can lead to.
fn windows_after_findings() -> Vec<migration::Finding> {
    let some = || vec!["x".to_owned()];
    judge_windows_after(&WindowsAfter {
        language: "x".into(),
        shares_lost: some(),
        tasks_lost: some(),
        drives_lost: some(),
        roles_lost: some(),
        ..Default::default()
    })
}

#[test]
fn every_check_of_windows_is_explained() {
    let some = || vec!["x".to_owned()];
    let issue = |kind| Issue { kind, name: "x".into(), message: String::new(), blocks: true };
    let bad = WindowsFacts {
        pending_reboot: some(),
        leftovers: true,
        license_channel: "RETAIL".into(),
        nic_teams: some(),
        cluster: true,
        domain_controller: true,
        bitlocker: some(),
        boots_from_vhd: true,
        antivirus: some(),
        roles: some(),
        media: Some(Media { path: "E:".into(), language: "x".into(), ..Default::default() }),
        scan: Scan::Done(0),
        issues: [IssueKind::Program, IssueKind::Driver, IssueKind::Hardware].map(issue).to_vec(),
        ..Default::default()
    };
    let windows = |major| Os::new(Family::WindowsServer, major);
    let hop = Hop { from: windows(2016), to: windows(2019), engine: Engine::WindowsSetup };
    let ids = judge_windows(&bad, &hop).into_iter().map(|finding| finding.id).collect();
    assert_eq!(named(&page("docs/errors.md"), |cell| cell.starts_with("windows.")), ids);
}

/// Every result of Setup that is known stands in the table of results.
#[test]
fn every_result_of_setup_is_explained() {
    let codes = SETUP_RESULTS.iter().map(|known| format!("0x{:08X}", known.code)).collect();
    assert_eq!(named(&page("docs/errors.md"), |cell| cell.starts_with("0x")), codes);
}

#[test]
fn every_check_of_the_tools_is_explained() {
    let ids = migration::leapp::ids().chain(migration::convert2rhel::IDS).map(str::to_owned);
    let is_check = |cell: &str| cell.starts_with("leapp.") || cell.starts_with("convert2rhel.");
    assert_eq!(named(&page("docs/errors.md"), is_check), ids.collect());
}

#[test]
fn the_readmes_policy_is_one() {
    let readme = page("README.md");
    let (_, rest) = readme.split_once("```json\n").unwrap();
    let policy: Policy = serde_json::from_str(rest.split_once("```").unwrap().0).unwrap();
    assert_ne!(policy, Policy::default());
}
