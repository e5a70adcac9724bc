use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use migration::os::{Os, System};
use migration::path::{Grants, Hop, route};
use migration::{Outcome, Record, Remediation, State};
use stage::testing::{FakeCloud, answer, drive, record_in, survives_everything};

use super::*;

const HEALTHY: [(&str, &str); 8] = [
    ("os_id", "centos"),
    ("os_version", "8"),
    ("memory_mib", "2000"),
    ("memory_total_mib", "4000"),
    ("free_mib", "/usr 9000"),
    ("free_mib", "/var 9000"),
    ("free_mib", "/boot 900"),
    ("changes", "31"),
];

fn answering(lines: Vec<(&'static str, &'static str)>) -> FakeCloud {
    let cloud = FakeCloud::new();
    cloud.answers(move |key| {
        assert_eq!(key, "assess");
        answer(&lines)
    });
    cloud
}

#[tokio::test]
async fn a_healthy_guest_passes() {
    let record = survives_everything(&Assess, &record_in(Stage::Assess), || answering(HEALTHY.to_vec())).await;
    assert_eq!(record.state, State::In(Stage::Snapshot));
}

#[tokio::test]
async fn a_guest_without_room_is_refused_with_a_remedy() {
    let mut lines = HEALTHY.to_vec();
    lines[6] = ("free_mib", "/boot 12");
    lines.push(("foreign_package", "zlib.i686"));
    let record = drive(&Assess, &answering(lines), record_in(Stage::Assess), false).await;
    assert_eq!(record.ending, Some(Outcome::Refused));
    let blocking: Vec<_> = record.findings.iter().filter(|finding| finding.blocks()).collect();
    assert_eq!(blocking.len(), 2);
    assert!(blocking[1].remedy.contains("zlib.i686"), "{blocking:?}");
}

#[tokio::test]
async fn a_lost_command_is_sent_again() {
    let cloud = FakeCloud::new();
    let mut times = 0;
    cloud.answers(move |_| {
        times += 1;
        if times < 5 { (-1, "agent restarted".into()) } else { answer(&HEALTHY) }
    });
    let record = drive(&Assess, &cloud, record_in(Stage::Assess), false).await;
    assert_eq!(record.state, State::In(Stage::Snapshot));
}

#[tokio::test]
async fn a_mirror_that_is_away_is_asked_again() {
    let cloud = FakeCloud::new();
    let mut times = 0;
    cloud.answers(move |_| {
        times += 1;
        let mut lines = HEALTHY.to_vec();
        if times < 3 {
            lines[7] = ("unreachable", "Curl error (52): Server returned nothing");
        }
        answer(&lines)
    });
    let record = drive(&Assess, &cloud, record_in(Stage::Assess), false).await;
    assert_eq!(record.state, State::In(Stage::Snapshot));
    assert_eq!(*cloud.done.borrow(), ["run assess-1", "run assess-2", "run assess-3"]);
}

#[tokio::test]
async fn a_script_that_breaks_off_is_told() {
    let cloud = FakeCloud::new();
    cloud.answers(|_| (0, "osf\tos_id\tcentos\n".into()));
    let record = drive(&Assess, &cloud, record_in(Stage::Assess), false).await;
    assert_eq!(record.cause.unwrap().code, Code::GuestOutput);
    assert_eq!(record.ending, Some(Outcome::Failed));
}

#[tokio::test]
async fn while_a_person_is_awaited_nothing_is_asked() {
    let cloud = FakeCloud::new();
    let mut start = record_in(Stage::Assess);
    start.awaiting = Some("digest".into());
    start.note = "waits for a person".into();
    let options = cloud.options.borrow().clone();
    let settings = stage::testing::guest_settings();
    let mut job = Job::new(&cloud, &start, 1_000, &settings, &options, std::time::Duration::ZERO);
    let event = Assess.act(&mut job).await.unwrap();
    let Event::Waiting { look_at, note, .. } = event else { panic!("{event:?}") };
    assert_eq!((Some(look_at), note.as_str(), cloud.calls()), (start.deadline(), "waits for a person", 0));
}

/// A hop by its names, as the only one of a record that was prepared for it.
fn prepared(from: &str, to: &str) -> Record {
    let os = |name: &str| Os::from_ecs_name(name).unwrap();
    let hops: Vec<Hop> = route(&System::of(os(from)), Some(&os(to)), &Grants { rhel: true }).unwrap();
    assert_eq!(hops.len(), 1);
    let mut record = record_in(Stage::Assess);
    (record.hops, record.prepared) = (hops, true);
    record
}

fn leapp_record() -> Record {
    prepared("CentOS 7.9", "AlmaLinux 8")
}

/// Parts of a file as the guest tells them, plain; its size, and all parts.
fn parts(file: &str) -> Vec<(i64, String)> {
    let size = file.len().to_string();
    let part = |bytes: &[u8]| answer(&[("encoding", "plain"), ("size", &size), ("chunk", &STANDARD.encode(bytes))]);
    file.as_bytes().chunks(15_000).map(part).collect()
}

/// A report with one inhibitor, and so much text that it has `parts` parts.
fn report(title: &str, parts: usize) -> String {
    let mut entries = format!(r#"{{"title": "{title}", "severity": "high", "groups": ["inhibitor"]}}"#);
    while entries.len() < (parts - 1) * 15_000 + 100 {
        let _ = write!(entries, r#", {{"title": "note", "severity": "info", "summary": "{}"}}"#, "x".repeat(1000));
    }
    format!(r#"{{"leapp_run_id": "1", "entries": [{entries}]}}"#)
}

const REPORT: &str = "/var/log/leapp/leapp-report.json";

fn centos_7() -> Vec<(&'static str, &'static str)> {
    let mut lines = HEALTHY.to_vec();
    lines[1] = ("os_version", "7");
    lines.push(("report", REPORT));
    lines
}

/// A guest with leapp, whose report is `file`.
fn with_report(file: &str) -> FakeCloud {
    let cloud = FakeCloud::new();
    let parts = parts(file);
    cloud.answers(move |key| match key.strip_prefix("report.0.") {
        Some(number) => parts[number.parse::<usize>().unwrap()].clone(),
        None => answer(&centos_7()),
    });
    cloud
}

#[tokio::test]
async fn the_tools_report_is_fetched_whole_and_judged() {
    let file = report("Use of NFS detected. Upgrade can't proceed", 3);
    let record = survives_everything(&Assess, &leapp_record(), || with_report(&file)).await;
    assert_eq!(record.ending, Some(Outcome::Refused));
    let nfs = record.findings.iter().find(|finding| finding.id == "leapp.nfs").unwrap();
    assert!(nfs.blocks() && nfs.remediation == Some(Remediation::UnmountNetworkFileSystems));
    assert!(record.findings.iter().any(|finding| finding.id == "guest.os"), "the guest's own checks count too");
    let cloud = with_report(&file);
    drive(&Assess, &cloud, leapp_record(), false).await;
    assert_eq!(
        *cloud.done.borrow(),
        ["assess", "report.0.0", "report.0.1", "report.0.2"].map(|n| format!("run {n}-1"))
    );
}

#[tokio::test]
async fn what_the_report_blocks_for_is_mended_where_that_is_allowed() {
    let mut start = leapp_record();
    start.policy.remediate = vec![Remediation::UnmountNetworkFileSystems];
    let cloud = with_report(&report("Use of NFS detected. Upgrade can't proceed", 1));
    assert_eq!(drive(&Assess, &cloud, start, false).await.state, State::In(Stage::Prepare));
}

#[tokio::test]
async fn a_report_that_changes_meanwhile_is_fetched_anew() {
    let (old, new) = (parts(&report("Use of NFS detected. Upgrade can't proceed", 2)), parts(&report("A new one", 3)));
    let cloud = FakeCloud::new();
    let mut checks = 0;
    cloud.answers(move |key| match key.strip_prefix("report.0.") {
        None => {
            checks += 1;
            answer(&centos_7())
        }
        // The second part is of the new report already.
        Some(number) => match (checks, number) {
            (1, "0") => old[0].clone(),
            (_, number) => new[number.parse::<usize>().unwrap()].clone(),
        },
    });
    let record = drive(&Assess, &cloud, leapp_record(), false).await;
    assert!(record.findings.iter().any(|finding| finding.id == "leapp.other"), "{record:?}");
    assert_eq!(cloud.done.borrow().iter().filter(|what| what.starts_with("run assess")).count(), 2);
}

#[tokio::test]
async fn a_report_that_is_none_ends_it_and_one_that_is_gone_is_asked_for_again() {
    let record = drive(&Assess, &with_report("{"), leapp_record(), false).await;
    let cause = record.cause.unwrap();
    assert_eq!((record.ending, cause.code), (Some(Outcome::Failed), Code::GuestOutput));
    assert!(cause.text.contains(REPORT), "{cause:?}");

    let cloud = FakeCloud::new();
    let good = parts(&report("Use of NFS detected. Upgrade can't proceed", 1));
    let mut asked = 0;
    cloud.answers(move |key| {
        asked += 1;
        match key {
            "report.0.0" if asked < 3 => answer(&[("missing", REPORT)]),
            "report.0.0" => good[0].clone(),
            _ => answer(&centos_7()),
        }
    });
    assert_eq!(drive(&Assess, &cloud, leapp_record(), false).await.ending, Some(Outcome::Refused));
}

#[tokio::test]
async fn convert2rhels_analysis_is_judged_too() {
    let cloud = FakeCloud::new();
    let analysis = r#"{"actions": {"A": {"result": {"level": "ERROR", "id": "SECURE_BOOT_DETECTED"}}}}"#;
    let part = parts(analysis).remove(0);
    cloud.answers(move |key| if key == "assess" { answer(&centos_7()) } else { part.clone() });
    let record = drive(&Assess, &cloud, prepared("CentOS 7.9", "Red Hat Enterprise Linux 7"), false).await;
    let blocking: Vec<_> = record.findings.iter().filter(|finding| finding.blocks()).collect();
    assert!(blocking.iter().any(|finding| finding.found.contains("SECURE_BOOT_DETECTED")), "{blocking:?}");
}

#[tokio::test]
async fn a_report_that_is_too_large_is_not_fetched() {
    let cloud = FakeCloud::new();
    cloud.answers(|key| match key {
        "assess" => answer(&centos_7()),
        "report.0.0" => answer(&[("encoding", "gzip"), ("size", "1048577"), ("chunk", "YWJj")]),
        other => panic!("{other}"),
    });
    let record = drive(&Assess, &cloud, leapp_record(), false).await;
    assert!(record.cause.unwrap().text.contains("1048577"));
}

const WINDOWS: [(&str, &str); 10] = [
    ("os_version", "14393"),
    ("edition", "ServerDatacenter"),
    ("language", "zh-CN"),
    ("arch", "x86_64"),
    ("boot_id", "1"),
    ("cpus", "2"),
    ("memory_mib", "4095"),
    ("free_mib", "30000"),
    ("windows_mib", "17000"),
    ("license_status", "1"),
];

const MEDIA: [(&str, &str); 4] = [
    ("license_channel", "VOLUME_KMSCLIENT"),
    ("media", "E:\\"),
    ("image", "4 17763 ServerDatacenter no"),
    ("media_language", "zh-CN"),
];

/// A Windows whose scan runs when it is asked first, and then names a report.
fn windows_guest() -> FakeCloud {
    let cloud = FakeCloud::new();
    let xml = parts(
        r#"<CompatReport><Programs><Program Name="Old VPN"><CompatibilityInfo BlockingType="Hard"/></Program></Programs></CompatReport>"#,
    );
    let mut asked = 0;
    cloud.answers(move |key| match key {
        "report.0.0" => xml[0].clone(),
        _ => {
            asked += 1;
            let mut lines = [&WINDOWS[..], &MEDIA[..]].concat();
            if asked < 3 {
                lines.push(("scan", "running"));
            } else {
                lines.extend([("scan", "-1047526896"), ("report", r"C:\$WINDOWS.~BT\Sources\Panther\ScanResult.xml")]);
            }
            answer(&lines)
        }
    });
    cloud
}

#[tokio::test]
async fn a_windows_is_asked_until_setups_scan_is_over_and_its_report_is_judged() {
    let start = prepared("Windows Server 2016", "Windows Server 2019");
    let record = survives_everything(&Assess, &start, windows_guest).await;
    let ids: Vec<_> = record.findings.iter().filter(|finding| finding.blocks()).map(|f| f.id.as_str()).collect();
    assert_eq!((ids, record.ending), (vec!["windows.scan-program"], Some(Outcome::Refused)));
    let cloud = windows_guest();
    drive(&Assess, &cloud, start, false).await;
    assert_eq!(*cloud.done.borrow(), ["run assess-1", "run assess-2", "run assess-3", "run report.0.0-1"]);
}
