use super::super::testing::ids;
use super::*;
use crate::os::{Edition, Language, Os, Windows};
use crate::policy::Mode;

const NOW: Millis = 1_800_000_000_000;

fn disk(id: &str) -> DiskFacts {
    let system = id == "d-1";
    DiskFacts {
        id: id.into(),
        category: "cloud_essd".into(),
        size_gib: 40,
        system,
        groupable: true,
        ..DiskFacts::default()
    }
}

fn good(os: &str) -> CloudFacts {
    CloudFacts {
        status: "Running".into(),
        network_type: "vpc".into(),
        region: "cn-hangzhou".into(),
        os_name: os.into(),
        system: System::from_ecs(os, "", "", None),
        cpu: 2,
        memory_mib: 4096,
        network_interfaces: 1,
        assistant_installed: true,
        heartbeat: Some(NOW - 60_000),
        disks: vec![disk("d-1"), disk("d-2")],
        media: vec!["2019 zh-cn".into(), "2022 zh-cn".into()],
        ..CloudFacts::default()
    }
}

fn nightly(weekdays: &[u8]) -> AutoSnapshots {
    AutoSnapshots { policy: "sp-1".into(), disks: vec!["d-1".into()], weekdays: weekdays.into(), hours: vec![1] }
}

fn to(os: &str) -> Policy {
    Policy { target: Os::from_ecs_name(os), ..Policy::default() }
}

fn judged(facts: &CloudFacts, policy: &Policy) -> Vec<Finding> {
    let grants = Grants::default();
    let hops = facts.system.as_ref().and_then(|system| route(system, policy.target.as_ref(), &grants).ok());
    judge_cloud(facts, &hops.unwrap_or_default(), policy, &grants, NOW)
}

/// Ids of the findings that are no mere information.
fn tripped(facts: &CloudFacts, policy: &Policy) -> Vec<String> {
    let findings = judged(facts, policy);
    assert!(findings.iter().all(|finding| finding.remedy.is_empty() == (finding.id == "cloud.snapshot-cost")));
    findings.into_iter().map(|finding| finding.id).filter(|id| id != "cloud.snapshot-cost").collect()
}

type Change = fn(&mut CloudFacts);

const LINUX: &str = "CentOS  8.5 64 bit";
const LEAPP: &str = "CentOS  7.9 64 bit";
const WINDOWS: &str = "Windows Server  2016 数据中心版 64位中文版";

/// What is seen, of which system; what trips, or nothing.
#[rustfmt::skip]
const TABLE: &[(&str, Change, &str)] = &[
    (LINUX, |_| {}, ""),
    (LEAPP, |_| {}, ""),
    (WINDOWS, |_| {}, ""),
    (LINUX, |f| f.status = "Stopped".into(), "cloud.status"),
    (LINUX, |f| f.network_type = "classic".into(), "cloud.network-type"),
    (LINUX, |f| f.heartbeat = Some(NOW - HEARTBEAT_LIMIT), ""),
    (LINUX, |f| f.heartbeat = Some(NOW - HEARTBEAT_LIMIT - 1), "cloud.assistant"),
    (LINUX, |f| f.heartbeat = None, "cloud.assistant"),
    (LINUX, |f| (f.heartbeat, f.assistant_installed) = (None, false), "cloud.assistant"),
    (LINUX, |f| f.snapshots_in_progress = vec!["s-1".into()], "cloud.snapshot-in-progress"),
    (LINUX, |f| f.snapshots_closed = true, "cloud.snapshot-service"),
    (LINUX, |f| f.auto_snapshots = vec![nightly(&[1, 2, 3, 4, 5, 6, 7])], "cloud.auto-snapshot"),
    // NOW is a Friday.
    (LINUX, |f| f.auto_snapshots = vec![nightly(&[3])], ""),
    (LINUX, |f| f.tags_without_room = 1, "cloud.tags"),
    (LINUX, |f| f.locks = vec!["security".into()], "cloud.lock"),
    (LINUX, |f| f.expires_at = Some(NOW - 1), "cloud.expired"),
    (LINUX, |f| f.expires_at = Some(NOW + EXPIRY_MARGIN), "cloud.expired"),
    (LINUX, |f| f.expires_at = Some(NOW + EXPIRY_MARGIN + 1), ""),
    (LINUX, |f| f.maintenance = vec!["SystemMaintenance.Reboot (Scheduled)".into()], "cloud.maintenance"),
    (LINUX, |f| f.disks.clear(), "cloud.disks"),
    (LINUX, |f| f.disks.truncate(1), ""),
    (LINUX, |f| f.disks[1] = DiskFacts { category: "local_ssd_pro".into(), ..DiskFacts::default() }, "cloud.disk-category"),
    (LINUX, |f| f.disks[1].multi_attach = true, "cloud.shared-disk"),
    (LINUX, |f| f.disks[1].groupable = false, "cloud.snapshot-group"),
    (LINUX, |f| f.disks = vec![disk("d"); 16], ""),
    (LINUX, |f| f.disks = vec![disk("d"); 17], "cloud.snapshot-group"),
    (LINUX, |f| f.disks[1].size_gib = 32 * 1024, "cloud.snapshot-group"),
    (LINUX, |f| f.disks[0].delete_auto_snapshot = true, "cloud.delete-auto-snapshot"),
    (LINUX, |f| f.memory_mib = 599, "cloud.memory"),
    (LINUX, |f| f.memory_mib = 600, ""),
    (LINUX, |f| f.memory_mib = 0, ""),
    (LEAPP, |f| f.memory_mib = 1535, "cloud.memory"),
    (LEAPP, |f| f.memory_mib = 1536, ""),
    (LEAPP, |f| f.network_interfaces = 2, "cloud.network-interfaces"),
    (LINUX, |f| f.network_interfaces = 2, ""),
    (LINUX, |f| (f.cpu, f.region) = (1, "mars-1".into()), ""),
    (WINDOWS, |f| f.memory_mib = 2047, "cloud.memory"),
    (WINDOWS, |f| f.cpu = 1, "cloud.vcpu"),
    (WINDOWS, |f| f.region = "cn-nanjing".into(), "cloud.region"),
    (WINDOWS, |f| f.media = vec!["2022 en-us".into(), "2019 zh-cn".into()], "cloud.media"),
    (WINDOWS, |f| (f.system, f.media) = (System::from_ecs("Windows Server 2016", "", "", None), vec!["2022 en-us".into()]), ""),
    (LINUX, |f| (f.system, f.os_name) = (None, "Customized Linux".into()), "cloud.os"),
    (LINUX, |f| f.system = System::from_ecs("Ubuntu 20.04", "", "", None), "cloud.path"),
];

#[test]
fn each_fact_of_the_cloud_trips_its_own_check() {
    for (index, (os, change, id)) in TABLE.iter().enumerate() {
        let mut facts = good(os);
        change(&mut facts);
        let meant: Vec<&str> = [*id].into_iter().filter(|id| !id.is_empty()).collect();
        assert_eq!(tripped(&facts, &Policy::default()), meant, "line {index}");
    }
}

#[test]
fn what_blocks_and_what_only_warns() {
    let mut facts = good(LEAPP);
    facts.network_interfaces = 3;
    facts.disks[0].groupable = false;
    facts.disks[0].delete_auto_snapshot = true;
    facts.tags_without_room = 2;
    assert_eq!(ids(&judged(&facts, &Policy::default())), [""; 0]);
    assert_eq!(tripped(&facts, &Policy::default()).len(), 4);
}

#[test]
fn every_hop_of_a_way_needs_its_media() {
    let mut facts = good("Windows Server 2012 R2 数据中心版 64位中文版");
    let policy = to("Windows Server 2022");
    assert_eq!(tripped(&facts, &policy), [""; 0]);
    facts.media.remove(0);
    let findings = judged(&facts, &policy);
    let found = &findings.iter().find(|finding| finding.id == "cloud.media").unwrap().found;
    assert_eq!(found, "no installation media are configured for Windows Server 2019 (zh-cn)");
    facts.media = vec!["2012R2 en-us".into(), "2019 en-us".into()];
    facts.system = Some(System {
        windows: Some(Windows { edition: Some(Edition::Standard), language: Some(Language::English), core: false }),
        ..System::of(Os::windows_r2(2008))
    });
    assert_eq!(tripped(&facts, &Policy::default()), [""; 0]);
}

#[test]
fn no_way_says_what_is_offered() {
    let findings = judged(&good(LINUX), &to("Debian 13"));
    let path = findings.iter().find(|finding| finding.id == "cloud.path").unwrap();
    assert!(path.found.contains("CentOS 8.5 cannot be migrated to Debian 13"), "{path:?}");
    assert!(path.remedy.starts_with("choose one of: Alibaba Cloud Linux 3"), "{path:?}");
}

#[test]
fn snapshots_have_their_price() {
    let cost = |os: &str, price: Option<&str>, policy: Policy| {
        let facts = CloudFacts { snapshot_price: price.map(str::to_owned), ..good(os) };
        let findings = judged(&facts, &policy);
        findings.into_iter().find(|finding| finding.id == "cloud.snapshot-cost").unwrap().found
    };
    let days = |days| Policy { retention_days: days, ..Policy::default() };
    let one = |price| cost(LINUX, price, days(15));
    assert_eq!(
        one(Some("0.12")),
        "snapshots of at most 80 GiB are kept for 15 days: at most 4.80 at 0.12 per GiB and month"
    );
    assert!(one(None).ends_with("no price is configured (SNAPSHOT_PRICE)"));
    assert!(one(Some("cheap")).ends_with("not a number (SNAPSHOT_PRICE)"));

    let chain = |mode, keep_failed_disk, days| Policy {
        mode,
        keep_failed_disk,
        retention_days: days,
        target: Os::from_ecs_name("AlmaLinux 9"),
        ..Policy::default()
    };
    // Policy, GiB and why, days.
    let table = [
        (days(1), "80 GiB", 3),
        (days(3), "80 GiB", 3),
        (days(4), "80 GiB", 4),
        (chain(Mode::Migrate, false, 7), "160 GiB (2 times every disk)", 7),
        (chain(Mode::Migrate, true, 7), "200 GiB (2 times every disk, the system disk once more if it fails)", 7),
        (chain(Mode::Drill, false, 2), "80 GiB", 3),
        (chain(Mode::DrillThenMigrate, false, 7), "240 GiB (3 times every disk)", 7),
        (Policy { keep_failed_disk: true, ..days(7) }, "120 GiB (the system disk once more if it fails)", 7),
    ];
    for (policy, meant, days) in table {
        let told = cost(LINUX, Some("1"), policy);
        assert!(
            told.starts_with(&format!("snapshots of at most {meant} are kept for {days} days: at most ")),
            "{told}"
        );
    }
}

#[test]
fn a_drill_needs_a_network_of_its_own() {
    let drill = Policy { mode: Mode::Drill, ..Policy::default() };
    let without = good("CentOS  8.5 64 bit");
    let with = CloudFacts { drill_network: true, ..good("CentOS  8.5 64 bit") };
    assert_eq!(tripped(&without, &drill), ["cloud.drill-network"]);
    assert_eq!(tripped(&with, &drill), [""; 0]);
    assert_eq!(tripped(&without, &Policy::default()), [""; 0]);
}
