use std::process::Command;

use base64::Engine as _;
use migration::os::{Family, Os};
use migration::path::Hop;
use migration::{MigrationId, Remediation};

use super::super::Settings;
use super::*;

/// RunCommand's limit on the Base64 of a command's content, bytes. Source: ECS API reference.
const CONTENT_LIMIT: usize = 24 * 1024;
/// A policy's probes need so much room beside those tested here, bytes.
const ROOM_FOR_PROBES: usize = 4 * 1024;

const ENGINES: [(Engine, Family, u32, Family, u32); 10] = [
    (Engine::DistroSync, Family::CentOs, 8, Family::AlibabaCloudLinux, 3),
    (Engine::DistroSync, Family::CentOs, 7, Family::AlibabaCloudLinux, 2),
    (Engine::Centos2Anolis, Family::CentOs, 7, Family::Anolis, 7),
    (Engine::Leapp, Family::CentOs, 7, Family::AlmaLinux, 8),
    (Engine::Leapp, Family::AlibabaCloudLinux, 2, Family::AlibabaCloudLinux, 3),
    (Engine::Leapp, Family::Rhel, 8, Family::Rhel, 9),
    (Engine::AlmalinuxDeploy, Family::CentOs, 8, Family::AlmaLinux, 8),
    (Engine::Migrate2Rocky, Family::CentOs, 8, Family::Rocky, 8),
    (Engine::Convert2Rhel, Family::CentOs, 7, Family::Rhel, 7),
    (Engine::AptFullUpgrade, Family::Debian, 11, Family::Debian, 12),
];

fn hop(row: (Engine, Family, u32, Family, u32)) -> Hop {
    let (engine, from, from_major, to, to_major) = row;
    Hop { from: Os::new(from, from_major), to: Os::new(to, to_major), engine }
}

/// Every script of a hop, with its name.
fn scripts(hop: &Hop) -> Vec<(&'static str, String)> {
    let id = MigrationId::from_bytes([1; 10]);
    let settings = Settings {
        mirror: "http://it's/".into(),
        tools: "http://$(reboot)".into(),
        checksums: Default::default(),
        gpgcheck: true,
    };
    let probes = [
        Probe::Http("http://127.0.0.1/'; touch /tmp/owned; '".into()),
        Probe::Tcp { host: "$(reboot)".into(), port: 1 },
        Probe::Command("test -e '/x y'".into()),
    ];
    let job = Job { id: &id, run: 2, hop_index: 1, hop, settings: &settings };
    vec![
        ("identify", identify_script()),
        ("assess", job.assess()),
        ("prepare", job.prepare(Remediation::ALL)),
        ("undo", job.undo()),
        ("start", job.start()),
        ("watch", job.watch(50)),
        ("reboot", job.reboot()),
        ("booted", job.booted()),
        ("finish", job.finish()),
        ("verify", job.verify(&probes, 60)),
        ("observe", job.observe(&probes, 50)),
        ("look", job.look(Some(1_700_000_000))),
        ("evidence", job.evidence()),
        ("file", job.file("/var/log/it's.json", 3)),
    ]
}

#[test]
fn every_script_of_every_engine_parses_and_fits_into_a_command() {
    let mut wrong = Vec::new();
    for row in ENGINES {
        let hop = hop(row);
        for (name, script) in scripts(&hop) {
            let name = format!("{} {name}", hop.engine.name());
            let size = base64::engine::general_purpose::STANDARD.encode(&script).len();
            let room = if name.ends_with("verify") || name.ends_with("observe") { ROOM_FOR_PROBES } else { 0 };
            if size + room >= CONTENT_LIMIT {
                wrong.push(format!("{name}: {size} bytes"));
            }
            let checked = Command::new("sh").args(["-n", "-c", &script]).output().unwrap();
            if !checked.status.success() {
                wrong.push(format!("{name}: {}", String::from_utf8_lossy(&checked.stderr)));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_engine_defines_what_the_scripts_call() {
    for row in ENGINES {
        let hop = hop(row);
        let prefix = hop.engine.name().replace('-', "_");
        let everything = ["prepare", "preview", "run", "progress", "boot", "undo", "finish"];
        let text = sections(hop.engine, &everything);
        for name in ["preview", "run", "progress", "finishing", "success", "undo", "finish"] {
            assert!(text.contains(&format!("\n{prefix}_{name}() {{")), "{prefix}_{name}");
        }
        let installs = text.contains(&format!("\n{prefix}_install() {{"));
        assert_eq!(installs, hop.engine.prepares(), "{prefix}_install");
    }
}

#[test]
fn probes_say_what_failed_and_run_nothing_else() {
    let probes = [
        Probe::Command("true".into()),
        Probe::Command("echo no route >&2; false".into()),
        Probe::Http("http://x/$(touch /nowhere/owned)".into()),
    ];
    let lines = probe_function(&probes);
    let script = format!("{HEALTH}http_answers() {{ echo \"refused $1\"; return 1; }}\n{lines}probes\n");
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "run echo …: no route\n\
         GET http://x/$(touch /nowhere/owned): refused http://x/$(touch /nowhere/owned)\n"
    );
    assert!(output.stderr.is_empty());
}

#[test]
fn a_probe_that_does_not_end_is_ended() {
    let lines = probe_function(&[Probe::Command("echo busy; exec 3<&0; sleep 60".into())]);
    // What the limit is does not matter here.
    let script = format!("{HEALTH}timeout() {{ shift; command timeout 0.2 \"$@\"; }}\n{lines}probes\n");
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "run echo …: no end within 30 s\n");
}
