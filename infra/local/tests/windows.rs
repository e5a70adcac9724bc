//! The stand-in for Windows under the real scripts: what the check, Setup and the verification say of it, and how each
//! way of going wrong shows. Whether Windows itself answers so is not seen here.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use guest::windows::{read_windows_after, read_windows_assessment};
use guest::{Job, Settings, Tool};
use local_cloud::config::Config;
use local_cloud::credentials::{Identity, Who};
use local_cloud::ecs::{Ecs, NewInstance};
use local_cloud::guest::{Machine, MachineConfig};
use local_cloud::seams::{CloudEvent, EventSink, Hypervisor, ServiceError};
use local_cloud::store::Store;
use migration::findings::{Booted, Scan, WindowsFacts, judge_after, judge_windows, judge_windows_after, os_told};
use migration::os::Os;
use migration::path::{Engine, Hop};
use migration::policy::Probe;
use migration::windows::read_compat_report;
use migration::{Finding, MigrationId, Severity};
use serde_json::Value;

const WINDOWS_2012_R2: &str = "win2012r2_9600_x64_dtc_zh-cn_40G_alibase_20230811.vhd";
const WINDOWS_2016: &str = "win2016_1607_x64_dtc_en-us_40G_alibase_20230811.vhd";

struct NoEvents;

impl EventSink for NoEvents {
    fn publish(&self, _: &str, _: CloudEvent) -> Result<(), ServiceError> {
        Ok(())
    }
}

/// One Windows instance of a real ECS on a real machine, with a data disk of media, if any.
struct World {
    ecs: Arc<Ecs>,
    machine: Arc<Machine>,
    instance: String,
    media: Option<String>,
    id: MigrationId,
    /// How often the migration was begun anew.
    run: std::cell::Cell<u32>,
    hop: Hop,
    settings: Settings,
    state: tempfile::TempDir,
}

impl World {
    fn new(image: &str, to: &str, media: Option<&str>) -> Self {
        let state = tempfile::tempdir().unwrap();
        let image_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("images");
        let config = Config {
            state_dir: state.path().into(),
            image_dir: image_dir.clone(),
            s_yaml: PathBuf::new(),
            policy_dir: "infra/ram".into(),
            function_dir: PathBuf::new(),
            port: 0,
            owner_pid: Some(std::process::id() as i32),
            region: "cn-hangzhou".into(),
            account_id: "1234".into(),
            ots_instance: "ferry".into(),
            latency: Duration::ZERO,
            timer_cap: None,
            timeout_cap: None,
            function_env: Vec::new(),
        };
        let machine = Machine::open(MachineConfig {
            state_dir: config.state_dir.clone(),
            image_dir,
            exe: PathBuf::from(env!("CARGO_BIN_EXE_local-cloud")),
            owner_pid: config.owner_pid,
        });
        let machine = Arc::new(machine.unwrap());
        let store = Store::open(&state.path().join("store")).unwrap();
        let hypervisor: Arc<dyn Hypervisor> = Arc::clone(&machine) as _;
        let ecs = Ecs::open(Arc::new(config), store, hypervisor, Arc::new(NoEvents)).unwrap();
        ecs.start();
        let found = local_cloud::images::find(image).unwrap();
        let instance = ecs.create_instance(NewInstance {
            name: "web".into(),
            image_id: image.into(),
            os_name: found.os_name.into(),
            os_name_en: found.os_name_en.into(),
            os_type: found.os_type().into(),
            ..NewInstance::default()
        });
        let hop = Hop {
            from: Os::from_ecs_name(found.os_name).unwrap(),
            to: Os::from_ecs_name(to).unwrap(),
            engine: Engine::WindowsSetup,
        };
        let mut world = Self {
            ecs,
            machine,
            instance: instance.unwrap(),
            media: None,
            id: MigrationId::from_bytes([7; 10]),
            run: Default::default(),
            hop,
            settings: Settings::default(),
            state,
        };
        world.running();
        world.media = media.map(|media| world.attach(media));
        world
    }

    /// A data disk from a snapshot of media, as the stage makes it; its id.
    fn attach(&self, media: &str) -> String {
        let snapshot = self.ecs.create_media(media).unwrap();
        let zone = self.describe_disk("InstanceId", &self.instance)["ZoneId"].as_str().unwrap().to_owned();
        let made = self.call(
            "CreateDisk",
            &[("ZoneId", &zone), ("SnapshotId", &snapshot), ("DiskCategory", "cloud_essd"), ("DiskName", "media")],
        );
        let disk = made["DiskId"].as_str().unwrap().to_owned();
        let ids = format!("[\"{disk}\"]");
        let is = |status: &str| (self.describe_disk("DiskIds", &ids)["Status"] == status).then_some(());
        eventually("the disk is made", || is("Available"));
        self.call("AttachDisk", &[("InstanceId", &self.instance), ("DiskId", &disk), ("DeleteWithInstance", "true")]);
        eventually("the disk is attached", || is("In_use"));
        disk
    }

    fn describe_disk(&self, by: &str, value: &str) -> Value {
        self.call("DescribeDisks", &[(by, value)])["Disks"]["Disk"][0].clone()
    }

    fn call(&self, action: &str, params: &[(&str, &str)]) -> Value {
        self.try_call(action, params).unwrap_or_else(|error| panic!("{action}: {error}"))
    }

    fn try_call(&self, action: &str, params: &[(&str, &str)]) -> Result<Value, ServiceError> {
        let operator = Identity {
            access_key_id: "LTAI".into(),
            access_key_secret: String::new(),
            security_token: None,
            who: Who::Operator,
            policy: None,
        };
        let mut all: BTreeMap<String, String> =
            params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        all.insert("RegionId".into(), "cn-hangzhou".into());
        self.ecs.call(&operator, action, &all)
    }

    /// Waits until the agent is heard.
    fn running(&self) {
        eventually("the agent is heard", || self.machine.last_heartbeat(&self.instance));
        // ECS notes it a moment later.
        let ids = format!("[\"{}\"]", self.instance);
        eventually("the instance is running", || {
            let answer = self.call("DescribeInstances", &[("InstanceIds", &ids)]);
            (answer["Instances"]["Instance"][0]["Status"] == "Running").then_some(())
        });
    }

    /// Runs a script by RunCommand; its exit code and output.
    fn run(&self, script: &str) -> (i64, String) {
        let content = STANDARD.encode(script);
        let run = [
            ("Type", "RunPowerShellScript"),
            ("CommandContent", &content),
            ("ContentEncoding", "Base64"),
            ("InstanceId.1", &self.instance),
            ("Timeout", "600"),
        ];
        let invoke_id = self.call("RunCommand", &run)["InvokeId"].as_str().unwrap().to_owned();
        let result = eventually("the command ends", || {
            let answer = self.call("DescribeInvocationResults", &[("InvokeId", &invoke_id)]);
            let result = answer["Invocation"]["InvocationResults"]["InvocationResult"][0].clone();
            (!["Pending", "Running"].contains(&result["InvocationStatus"].as_str()?)).then_some(result)
        });
        let output = String::from_utf8(STANDARD.decode(result["Output"].as_str().unwrap()).unwrap()).unwrap();
        (result["ExitCode"].as_i64().unwrap_or(-1), output)
    }

    fn ok(&self, script: &str) -> String {
        let (code, output) = self.run(script);
        assert_eq!(code, 0, "{output}");
        output
    }

    /// Changes what this Windows is; an empty text takes a fact away.
    fn set(&self, fact: &str, text: &str) {
        self.ok(&format!(
            "# local-cloud sh\n. /osferry/lib\nif [ -n '{text}' ]; then put {fact} '{text}'; else drop {fact}; fi\n"
        ));
    }

    fn job(&self) -> Job<'_> {
        Job { id: &self.id, run: self.run.get(), hop_index: 0, hop: &self.hop, settings: &self.settings }
    }

    /// The migration is begun anew.
    fn anew(&self) {
        self.run.set(self.run.get() + 1);
    }

    /// Disks that the guest has taken offline, by their ids.
    fn offline(&self) -> Vec<String> {
        let text = self.ok("# local-cloud sh\ncat /run/osferry/offline\n");
        text.lines().filter(|line| line.starts_with("d-")).map(str::to_owned).collect()
    }

    fn prepare(&self) {
        self.ok(&self.job().prepare_media(self.media.as_deref().unwrap()));
    }

    fn assess(&self) -> WindowsFacts {
        eventually("Setup's scan ends", || {
            let mut facts = read_windows_assessment(&self.ok(&self.job().assess())).unwrap();
            for report in &facts.reports {
                facts.issues.extend(read_compat_report(&self.file(report)));
            }
            facts.issues.sort();
            facts.issues.dedup();
            (facts.scan != Scan::Running).then_some(facts)
        })
    }

    fn file(&self, path: &str) -> Vec<u8> {
        let part = |n| guest::read_chunk(&self.ok(&self.job().file(path, n))).unwrap().unwrap();
        let first = part(0);
        let count = first.parts() as u64;
        let parts: Vec<_> = std::iter::once(first).chain((1..count).map(part)).collect();
        guest::assemble(&parts).unwrap()
    }

    /// What stands against the migration, or is worth a warning.
    fn notable(&self) -> Vec<String> {
        notable(judge_windows(&self.assess(), &self.hop))
    }

    /// Setup from start to its last word.
    fn setup(&self) -> Tool {
        self.ok(&self.job().start());
        let mut seen = 0;
        loop {
            match guest::read_watch(&self.ok(&self.job().watch(20))).unwrap() {
                Tool::Running { progress, .. } => {
                    assert!(progress >= seen && progress < 100, "{progress} after {seen}");
                    seen = progress;
                }
                end => return end,
            }
        }
    }

    /// The reboot and all that Setup does in it; what the guest says then.
    fn reboot(&self) -> Booted {
        assert_eq!(self.run(&self.job().reboot()).0, 3010);
        eventually("the guest has booted", || {
            // While it is down a command is not taken.
            self.machine.last_heartbeat(&self.instance)?;
            if self.ecs.instance(&self.instance).unwrap().unwrap().status.as_str() != "Running" {
                return None;
            }
            let booted = guest::read_booted(&self.ok(&self.job().booted())).unwrap();
            (booted.boot_id != booted.boot_id_before && booted.finishing.is_none()).then_some(booted)
        })
    }

    fn verify(&self) -> Vec<String> {
        let output = self.ok(&self.job().verify(&probes(), 2));
        let mut findings = judge_after(&guest::read_after(&output).unwrap(), &self.hop);
        findings.extend(judge_windows_after(&read_windows_after(&output).unwrap()));
        notable(findings)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.machine.stop(&self.instance, true);
        // What mapped users own only the machine can delete.
        type Delete = fn(&Machine, &str) -> Result<(), local_cloud::seams::HypervisorError>;
        for (store, delete) in [("disks", Machine::delete_disk as Delete), ("snapshots", Machine::delete_snapshot)] {
            for entry in std::fs::read_dir(self.state.path().join(store)).into_iter().flatten().flatten() {
                let _ = delete(&self.machine, &entry.file_name().to_string_lossy());
            }
        }
    }
}

fn probes() -> [Probe; 2] {
    [Probe::Http("http://127.0.0.1:8080/health".into()), Probe::Tcp { host: "127.0.0.1".into(), port: 8080 }]
}

fn notable(findings: Vec<Finding>) -> Vec<String> {
    findings.into_iter().filter(|finding| finding.severity != Severity::Info).map(|finding| finding.id).collect()
}

/// The limit is only there to end a test that would hang.
fn eventually<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = poll() {
            return answer;
        }
        assert!(start.elapsed() < Duration::from_secs(120), "{what}: not within two minutes");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_2012_r2_becomes_a_2016_with_all_that_it_had() {
    let world = World::new(WINDOWS_2012_R2, "Windows Server 2016", Some("m-local-media-win2016-zh-cn"));
    let identity = guest::read_identity(&world.ok(&guest::windows::identify_script())).unwrap();
    assert_eq!(os_told(&identity.os_id, &identity.os_version), Some(Os::windows_r2(2012)));
    assert_eq!(world.notable(), [""; 0]);

    world.prepare();
    let facts = world.assess();
    assert_eq!(facts.roles, ["网络 Web Server (IIS)", ".NET Framework"]);
    assert_eq!((facts.scan.clone(), facts.issues.len(), facts.reports.len()), (Scan::Done(-1047526896), 0, 2));
    assert_eq!(notable(judge_windows(&facts, &world.hop)), [""; 0]);

    assert!(!guest::read_look(&world.ok(&world.job().look(None))).unwrap().started);
    assert_eq!(world.setup(), Tool::Succeeded);
    for (since, drives) in [(Some(1), 1), (Some(4_000_000_000), 0), (None, 0)] {
        let look = guest::read_look(&world.ok(&world.job().look(since))).unwrap();
        assert_eq!((look.written.len(), look.written_unknown.as_str()), (drives, ""), "since {since:?}");
    }
    let look = guest::read_look(&world.ok(&world.job().look(None))).unwrap();
    assert!(look.started && !look.no_return && look.log.iter().any(|line| line.contains("Overall progress: [100%]")));

    let booted = world.reboot();
    assert_eq!((booted.os_version.as_str(), booted.failed), ("14393", None));
    assert_eq!(world.run(&world.job().reboot()).0, 0, "a second delivery reboots nothing");
    assert_eq!(world.verify(), ["after.activation"], "before it was activated");
    let next = Hop { from: world.hop.to.clone(), to: Os::from_ecs_name("Windows Server 2019").unwrap(), ..world.hop };
    let next = Job { hop_index: 1, hop: &next, ..world.job() };
    let stands_against =
        || notable(judge_windows(&read_windows_assessment(&world.ok(&next.assess())).unwrap(), next.hop));
    assert!(stands_against().contains(&"windows.leftovers".to_owned()), "Setup keeps its folder");
    world.ok(&world.job().finish());
    assert_eq!(stands_against(), [""; 0], "the next hop of a chain");
    assert_eq!(world.offline().as_slice(), world.media.as_slice());
    assert_eq!(world.verify(), [""; 0]);
    let seen = guest::read_observation(&world.ok(&world.job().observe(&probes(), 0))).unwrap();
    assert_eq!((seen.services_lost.len(), seen.probes_failed.len()), (0, 0));

    let look = guest::read_look(&world.ok(&world.job().look(None))).unwrap();
    assert!(look.no_return);
    let evidence = guest::read_evidence(&world.ok(&world.job().evidence())).unwrap();
    assert!(evidence.iter().any(|(name, text)| name.ends_with(r"Panther\setupact.log") && text.contains("first boot")));
    let root = world.machine.disk_root(&world.ecs.instance(&world.instance).unwrap().unwrap().disks[0]);
    assert!(root.join("c/Windows.old/win.ini").exists(), "the old Windows is the person's to delete");
    assert!(world.machine.console(&world.instance).contains("Windows Setup"));
    let left = guest::read_undone(&world.ok(&world.job().undo())).unwrap();
    assert!(left[0].contains("only the snapshots lead back"), "{left:?}");
}

/// A disk's number is another's as soon as the media are gone.
#[test]
fn a_persons_disk_that_has_the_medias_number_stays_online() {
    let world = World::new(WINDOWS_2016, "Windows Server 2019", Some("m-local-media-win2019-en-us"));
    let media = world.media.clone().unwrap();
    world.prepare();
    assert_eq!(world.offline(), [""; 0]);
    world.call("DetachDisk", &[("InstanceId", &world.instance), ("DiskId", &media)]);
    let ids = format!("[\"{media}\"]");
    eventually("the media are gone", || (world.describe_disk("DiskIds", &ids)["Status"] == "Available").then_some(()));
    let theirs = world.attach("m-local-media-win2019-en-us");
    let number = world.ok("# local-cloud sh\n. /osferry/lib\nnumbered_disks | cut -d ' ' -f 1,3\n");
    assert!(number.contains(&format!("1 {theirs}")), "it has the number that the media had: {number}");
    // Nor is Setup started from it, though it has the letter as well.
    let (code, output) = world.run(&world.job().start());
    assert!(code == 1 && output.contains("not where it was found"), "{code}: {output}");
    world.ok(&world.job().finish());
    assert_eq!(guest::read_undone(&world.ok(&world.job().undo())).unwrap(), [""; 0]);
    assert_eq!(world.offline(), [""; 0]);
    // And the one that is meant goes.
    world.anew();
    world.ok(&world.job().prepare_media(&theirs));
    assert_eq!(guest::read_undone(&world.ok(&world.job().undo())).unwrap(), [""; 0]);
    assert_eq!(world.offline(), [theirs]);
}

/// Commands may be delivered late.
#[test]
fn after_undo_nothing_of_the_migration_begins() {
    let world = World::new(WINDOWS_2016, "Windows Server 2019", Some("m-local-media-win2019-en-us"));
    world.prepare();
    let disk = world.ecs.instance(&world.instance).unwrap().unwrap().disks[0].clone();
    assert_eq!(guest::read_undone(&world.ok(&world.job().undo())).unwrap(), [""; 0]);
    let before = world.machine.manifest(&disk).unwrap();
    let job = world.job();
    for late in [job.prepare_media(world.media.as_deref().unwrap()), job.start(), job.reboot()] {
        let (code, output) = world.run(&late);
        assert!(code == 4 && output.contains("this migration is over"), "{code}: {output}");
    }
    assert_eq!(world.machine.manifest(&disk).unwrap(), before);
    world.anew();
    world.prepare();
    assert_eq!(world.setup(), Tool::Succeeded, "it can be begun anew");
}

#[test]
fn what_speaks_against_it_is_named() {
    let world = World::new(WINDOWS_2016, "Windows Server 2019", Some("m-local-media-win2019-en-us"));
    let table = [
        ("build", "17763", "windows.release"),
        ("edition", "ServerDatacenterEval", "windows.edition"),
        ("cpus", "1", "windows.cpu"),
        ("memory_mib", "1023", "windows.memory"),
        ("free_mib", "20479", "windows.disk-space"),
        ("windows_mib", "30000", "windows.disk-space"),
        ("pending_reboot", "Windows Update", "windows.pending-reboot"),
        ("license_status", "5", "windows.activation"),
        ("license_channel", "RETAIL", "windows.license-channel"),
        ("nic_teams", "Team1", "windows.nic-teaming"),
        ("cluster", "yes", "windows.cluster"),
        ("domain_controller", "yes", "windows.domain-controller"),
        ("boots_from_vhd", "yes", "windows.boot-from-vhd"),
        ("bitlocker", "C:", "windows.bitlocker"),
        ("antivirus", "Example Antivirus", "windows.antivirus"),
        ("arch", "x86", "windows.architecture"),
    ];
    for (fact, value, id) in table {
        let before = world.ok(&format!("# local-cloud sh\n. /osferry/lib\nget {fact} || true\n"));
        world.set(fact, value);
        assert_eq!(world.notable(), [id], "{fact}={value}");
        world.set(fact, before.trim());
    }
    world.ok("# local-cloud sh\nmkdir '/c/$WINDOWS.~BT'\n");
    assert_eq!(world.notable(), ["windows.leftovers"]);
    assert_eq!(world.run("Get-Process").0, 1, "it is a stand-in for our scripts only");
    let refused = world.try_call(
        "RunCommand",
        &[("Type", "RunShellScript"), ("CommandContent", "true"), ("InstanceId.1", &world.instance)],
    );
    assert!(refused.is_err(), "no POSIX shell on Windows");
}

#[test]
fn setups_own_scan_names_what_blocks_and_undo_takes_all_back() {
    let world = World::new(WINDOWS_2016, "Windows Server 2019", Some("m-local-media-win2019-en-us"));
    let disk = world.ecs.instance(&world.instance).unwrap().unwrap().disks[0].clone();
    // But for the note that nothing of this migration begins any more.
    let manifest = || {
        let mut lines = world.machine.manifest(&disk).unwrap();
        lines.retain(|line| !line.contains("ProgramData/osferry"));
        lines
    };
    let before = manifest();
    for (fact, value, ids) in [
        ("blocking_program", "Example Agent 1.0", ["windows.scan-program", "windows.scan"]),
        ("blocking_driver", "oem471.inf", ["windows.scan-driver", "windows.scan"]),
    ] {
        world.set(fact, value);
        world.prepare();
        let facts = world.assess();
        assert_eq!(facts.scan, Scan::Done(-1047526904));
        let findings = judge_windows(&facts, &world.hop);
        assert!(findings.iter().any(|finding| finding.found.contains(value)), "{findings:?}");
        assert_eq!(notable(findings), ids);
        for _ in 0..2 {
            assert_eq!(guest::read_undone(&world.ok(&world.job().undo())).unwrap(), [""; 0]);
        }
        world.set(fact, "");
        world.anew();
    }
    assert_eq!(manifest(), before);
}

#[test]
fn media_that_do_not_fit_are_refused() {
    let world = World::new(WINDOWS_2016, "Windows Server 2019", None);
    world.ok(&world.job().prepare_media("d-missing"));
    assert_eq!(world.notable(), ["windows.media"], "no such disk");
    for (media, id) in
        [("m-local-media-win2019-zh-cn", "windows.media-language"), ("m-local-media-win2022-en-us", "windows.media")]
    {
        let disk = world.attach(media);
        world.ok(&world.job().prepare_media(&disk));
        assert_eq!(world.notable(), [id], "{media}");
    }
}

#[test]
fn setup_that_fails_says_its_code() {
    let world = World::new(WINDOWS_2016, "Windows Server 2019", Some("m-local-media-win2019-en-us"));
    world.prepare();
    world.set("setup_fault", "exit");
    world.set("setup_exit", "-1047526898");
    world.set("setup_error", "not enough room for \"the image\"");
    let Tool::Failed(why) = world.setup() else { panic!("Setup failed") };
    assert!(["0xC190020E", "not enough room", "too little free space"].iter().all(|text| why.contains(text)), "{why}");
    world.ok(&world.job().undo());
    assert!(!guest::read_look(&world.ok(&world.job().look(None))).unwrap().started);
}

#[test]
fn a_rollback_by_setup_is_told_with_its_place() {
    let world = World::new(WINDOWS_2016, "Windows Server 2019", Some("m-local-media-win2019-en-us"));
    world.prepare();
    world.set("setup_fault", "rollback");
    assert_eq!(world.setup(), Tool::Succeeded);
    let booted = world.reboot();
    let failed = booted.failed.unwrap();
    assert!(failed.contains("0xC1900101 - 0x2000C") && failed.contains("at APPLY_IMAGE"), "{failed}");
    assert!(world.verify().contains(&"after.os".to_owned()));
    let evidence = guest::read_evidence(&world.ok(&world.job().evidence())).unwrap();
    assert!(evidence.iter().any(|(name, text)| name.contains("Rollback") && text.contains("oem7.inf")), "{evidence:?}");
}

#[test]
fn an_old_windows_that_comes_back_without_a_word_is_told() {
    let world = World::new(WINDOWS_2016, "Windows Server 2019", Some("m-local-media-win2019-en-us"));
    world.prepare();
    world.set("setup_fault", "old-system");
    assert_eq!(world.setup(), Tool::Succeeded);
    assert!(world.reboot().failed.unwrap().contains("no code"));
}

#[test]
fn a_new_windows_without_kms_or_service_is_told() {
    let world = World::new(WINDOWS_2016, "Windows Server 2019", Some("m-local-media-win2019-en-us"));
    world.prepare();
    world.set("kms", "no");
    world.set("broken_services", "W3SVC");
    assert_eq!(world.setup(), Tool::Succeeded);
    assert_eq!(world.reboot().os_version, "17763");
    world.ok(&world.job().finish());
    world.set("Shares", "");
    world.set("Users", "Administrator");
    let mut found = world.verify();
    found.sort();
    found.dedup();
    assert_eq!(
        found,
        ["after.activation", "after.ports", "after.probe", "after.services", "after.shares", "after.users"]
    );
    let output = world.ok(&world.job().verify(&[], 0));
    let activation = judge_windows_after(&read_windows_after(&output).unwrap());
    assert!(activation.iter().any(|finding| finding.found.contains("0xC004F074") && finding.remedy.contains("1688")));
}
