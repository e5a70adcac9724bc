//! What the documents say of the domain: docs/errors.md speaks of every code and every check, and of no
//! others; policies, remediations, modes and outcomes are explained where people look for them.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

use std::collections::BTreeSet;
use std::path::Path;

use migration::findings::{
    AfterFacts, AutoSnapshots, CloudFacts, DiskFacts, Finished, GuestFacts, Media, Preview, Scan, WindowsAfter,
    WindowsFacts, judge_after, judge_cloud, judge_finished, judge_guest, judge_windows, judge_windows_after,
};
use migration::os::{Family, Os, System};
use migration::path::{Engine, Grants, Hop, route};
use migration::policy::{Mode, Policy};
use migration::windows::{Issue, IssueKind, SETUP_RESULTS};
use migration::{Code, Remediation};

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
        tags_without_room: 1,
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
        arch: "riscv64".into(),
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
        let from_9 = Hop { from: Os::new(Family::AlmaLinux, 9), to: Os::new(Family::AlmaLinux, 10), engine: *engine };
        [from_7, from_8, from_9].into_iter().flat_map(|hop| judge_guest(&guest, &hop, &Policy::default()))
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

/// The first JSON of a page after `heading`.
fn policy_in(name: &str, heading: &str) -> (String, Policy) {
    let page = page(name);
    let (_, part) = page.split_once(heading).unwrap();
    let (_, rest) = part.split_once("```json\n").unwrap();
    let json = rest.split_once("```").unwrap().0;
    (json.to_owned(), serde_json::from_str(json).unwrap())
}

#[test]
fn the_policies_of_the_pages_are_some() {
    for (name, heading) in [("README.md", "## Asking for a migration"), ("docs/operating.md", "### Policy")] {
        let (_, policy) = policy_in(name, heading);
        assert_ne!(policy, Policy::default());
        assert_eq!(policy.problem(), None, "{name}");
    }
}

#[test]
fn every_field_of_the_policy_is_explained() {
    let fields = |json: &str| -> BTreeSet<String> {
        let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).unwrap();
        fields.into_iter().map(|(name, _)| name).collect()
    };
    let all = fields(&serde_json::to_string(&Policy::default()).unwrap());
    assert_eq!(fields(&policy_in("docs/operating.md", "### Policy").0), all, "the example");
    let operating = page("docs/operating.md");
    let (_, part) = operating.split_once("### Policy").unwrap();
    assert_eq!(named(part, |cell| all.contains(cell) || !["field", "---"].contains(&cell)), all, "the table");
}

#[test]
fn every_remediation_is_explained() {
    let operating = page("docs/operating.md");
    let (_, part) = operating.split_once("## Mending").unwrap();
    let (part, _) = part.split_once("\n## ").unwrap();
    let known: BTreeSet<String> = Remediation::ALL.iter().map(|known| known.name().to_owned()).collect();
    assert_eq!(named(part, |cell| cell != "name"), known);
}

/// README, operator's guide and the API's page name every way to ask and every end.
#[test]
fn every_mode_and_outcome_is_told() {
    let (readme, operating, console) = (page("README.md"), page("docs/operating.md"), page("docs/console.md"));
    for (mode, _) in Mode::ALL {
        for (name, page) in [("README.md", &readme), ("operating.md", &operating), ("console.md", &console)] {
            assert!(page.contains(&format!("`{mode}`")), "{mode} in {name}");
        }
    }
    let outcomes: BTreeSet<String> = migration::Outcome::ALL.iter().map(|outcome| format!("{outcome:?}")).collect();
    let (_, part) = operating.split_once("## Outcomes").unwrap();
    let (part, _) = part.split_once("\n## ").unwrap();
    let cells = named(part, |cell| !cell.starts_with("outcome"));
    let words = cells.iter().flat_map(|cell| cell.split("; ")).filter_map(|one| one.split(',').next());
    assert_eq!(words.map(str::to_owned).collect::<BTreeSet<_>>(), outcomes);
}
