//! Migrations that are made to fail, all in one cloud, and what must be true of each afterwards.

use std::fs;

use local_cloud::guest::BootFault;
use migration::path::Engine;
use migration::{Code, Outcome, Record, State};
use openapi::ecs::{CommandType, RunCommand};
use rig::{Error, Manifest, Rig, differences, wait_for};
use serde_json::json;

use super::*;

/// CentOS 7.9.
pub const CENTOS_7: &str = "centos_7_9_x64_20G_alibase_20220824.vhd";
/// CentOS 7.9 with a licence of Red Hat Enterprise Linux.
pub const LICENSED: &str = "m-local-centos79-licensed";
/// Stand-in for Windows Server 2012 R2.
pub const WINDOWS_2012: &str = "win2012r2_9600_x64_dtc_zh-cn_40G_alibase_20230811.vhd";
/// Some dozens of guests at once, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(420);
/// What leapp refuses on these images may be mended.
pub const REMEDIATE: (&str, &str) = ("osferry:remediate", "answer-leapp permit-root-login unload-drivers");

/// At which step of a migration it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The tool cannot be brought into the guest.
    NotPrepared,
    /// The tool says no.
    ExitCode,
    /// The tool is killed (SIGKILL).
    Killed,
    /// A disk has no room.
    DiskFull,
    /// The mirror is gone from the moment on that the tool is started; for Windows, the activation's server.
    NetworkGone,
    /// The new system comes up, and nothing answers in it.
    AgentGone,
    /// The reboot does not come back.
    NeverBack,
    /// What comes back is the old system, or its kernel.
    OldSystem,
    /// Another one that is told apart.
    Another,
}

impl Failure {
    /// What must be known of every engine.
    pub const OF_EVERY_ENGINE: [Self; 7] = [
        Self::ExitCode,
        Self::Killed,
        Self::DiskFull,
        Self::NetworkGone,
        Self::AgentGone,
        Self::NeverBack,
        Self::OldSystem,
    ];
}

/// How it is brought about.
pub enum Break {
    /// A switch of a stand-in tool: `TOOL-fails-at` or `TOOL-waits-at`, and its value.
    Switch(&'static str, &'static str),
    /// A fact of the stand-in for Windows.
    Windows(&'static str, &'static str),
    /// What a person did to the guest before.
    Shell(&'static str),
    /// One of the next boots, after so many that are well.
    Boot(BootFault, u32),
    /// Processes whose command line has the first are killed once the second, a file, exists.
    Kill(&'static str, &'static str),
    /// Setup waits at its 36th percent.
    SetupWaits,
    /// The tool that started Setup and Setup, which waits, are killed.
    KillSetup,
    /// A directory has no room left.
    Full(&'static str),
    /// The mirror cannot be reached once the tool runs.
    Offline,
    /// The mirror cannot be reached at all.
    NoNetwork,
    /// It can again, after the tool has missed it.
    Mended,
}

impl Break {
    /// Does what can be done before the migration begins.
    pub async fn bring_about(&self, rig: &Rig, id: &str) -> Result<(), Error> {
        match self {
            Self::Switch(name, value) => {
                let script = format!("mkdir -p /etc/osferry-standin; echo {value} >/etc/osferry-standin/{name}");
                rig.run_in_guest(id, &script).await?;
            }
            Self::Windows(name, value) => {
                fs::write(on_system_disk(rig, id, &format!("/osferry/state/{name}")).await?, value)?;
            }
            Self::Shell(script) => drop(rig.run_in_guest(id, script).await?),
            Self::Boot(fault, skip) => rig.break_boot(id, *fault, *skip).await?,
            Self::Kill(needle, exists) => {
                let order = json!({ "instanceId": id, "needle": needle, "exists": exists });
                rig.operator.command("kill-when", &order).await?;
            }
            Self::Full(dir) => rig.fill_disk(id, dir, 65_536).await?,
            Self::Offline => rig.network_until(id, "/var/lib/osferry/*/running").await?,
            Self::NoNetwork => rig.network(id, false).await?,
            Self::SetupWaits => hold_setup(rig, id).await?,
            Self::Mended | Self::KillSetup => {}
        }
        Ok(())
    }
}

/// Setup of the stand-in reads a fact that never comes. It is in memory: a disk holds nothing that waits.
async fn hold_setup(rig: &Rig, id: &str) -> Result<(), Error> {
    let fact = on_system_disk(rig, id, "/osferry/state/setup_fault").await?;
    std::os::unix::fs::symlink("/run/setup-waits", fact)?;
    let request = RunCommand {
        command_type: CommandType::RunPowerShellScript,
        content: "# local-cloud sh\nbusybox mkfifo /run/setup-waits\n".into(),
        name: "operator".into(),
        timeout: Some(60),
        instance_ids: vec![id.into()],
        ..RunCommand::default()
    };
    let invoked = rig.operator.ecs.run_command(&request).await?;
    wait_for("Setup's hold", Duration::from_secs(60), async || {
        let result = rig.operator.ecs.describe_invocation_results(&invoked.invoke_id, id).await.ok()??;
        (result.invocation_status == "Success").then_some(())
    })
    .await
}

/// What must become of it, and what is left in the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A check refuses. Nothing was begun: no snapshot is left.
    Refused,
    /// It was not begun: what was prepared is taken back, no snapshot is left.
    NotBegun(Code),
    /// The tool was short of its point of no return: it is taken back, no disk was reset. The snapshots are kept.
    TakenBack(Code),
    /// Every disk went back to its snapshot, which is kept.
    DisksBack(Code),
    /// It went through all the same. The snapshots are kept.
    Succeeds,
}

impl End {
    fn outcome(self) -> Outcome {
        match self {
            Self::Refused => Outcome::Refused,
            Self::NotBegun(_) | Self::TakenBack(_) => Outcome::Failed,
            Self::DisksBack(_) => Outcome::RolledBack,
            Self::Succeeds => Outcome::Succeeded,
        }
    }

    fn code(self) -> Option<Code> {
        match self {
            Self::Refused => Some(Code::Blocked),
            Self::NotBegun(code) | Self::TakenBack(code) | Self::DisksBack(code) => Some(code),
            Self::Succeeds => None,
        }
    }

    fn keeps_snapshots(self) -> bool {
        !matches!(self, Self::Refused | Self::NotBegun(_))
    }
}

/// A migration that is made to fail.
pub struct Case {
    pub engine: Engine,
    pub failure: Failure,
    breaks: &'static [Break],
    end: End,
    /// Part of what a person reads; of a finding where it succeeds.
    says: &'static str,
    image: &'static str,
    target: &'static str,
}

impl Case {
    /// On an ordinary guest of this engine.
    pub const fn new(engine: Engine, failure: Failure, breaks: &'static [Break], end: End, says: &'static str) -> Self {
        let (image, target) = match engine {
            Engine::DistroSync => (CENTOS, "Alibaba Cloud Linux 3"),
            Engine::Centos2Anolis => (CENTOS_7, "Anolis OS 7"),
            Engine::Leapp => (CENTOS_7, "AlmaLinux 8"),
            Engine::AlmalinuxDeploy => (CENTOS, "AlmaLinux 8"),
            Engine::Migrate2Rocky => (CENTOS, "Rocky Linux 8"),
            Engine::Convert2Rhel => (LICENSED, "Red Hat Enterprise Linux 7"),
            Engine::AptFullUpgrade => (DEBIAN_11, "Debian 12"),
            Engine::WindowsSetup => (WINDOWS_2012, "Windows Server 2019"),
        };
        Self { engine, failure, breaks, end, says, image, target }
    }

    /// On a particular guest.
    pub const fn on(self, image: &'static str) -> Self {
        Self { image, ..self }
    }

    fn name(&self) -> String {
        format!("{} {:?}", self.engine.name(), self.failure)
    }
}

/// What a package manager leaves behind when packages come and go, although the packages are the same: its database,
/// caches and logs; and the note that what was undone is over, should a command come late.
const TRACES: [&str; 8] = [
    "/var/lib/rpm",
    "/var/lib/dnf",
    "/var/lib/yum",
    "/var/lib/osferry",
    "/c/ProgramData/osferry",
    "/var/cache",
    "/var/log",
    "/etc/dnf/modules.d",
];

/// What a guest has that it did not have before, or no longer has: lines of a manifest.
#[derive(Debug, PartialEq, Eq)]
pub struct Left(Vec<String>);

impl Left {
    /// The difference of two manifests, but for what package managers leave behind.
    pub fn behind(before: &Manifest, after: &Manifest) -> Self {
        let is_trace = |line: &String| {
            let path = line.split(' ').nth(2).unwrap_or_default();
            let below =
                |trace: &str| path.strip_prefix(trace).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            TRACES.iter().any(|trace| below(trace))
        };
        Self(differences(before, after, &[]).into_iter().filter(|line| !is_trace(line)).collect())
    }

    /// The difference, byte for byte.
    fn at_all(before: &Manifest, after: &Manifest) -> Self {
        Self(differences(before, after, &[]))
    }

    /// What is hoped for.
    pub fn nothing() -> Self {
        Self(Vec::new())
    }
}

struct Guest {
    id: String,
    before: Manifest,
    /// What it runs, as far as it has an os-release.
    os: String,
}

impl Case {
    fn is_windows(&self) -> bool {
        self.engine == Engine::WindowsSetup
    }

    async fn settle_in(&self, rig: &Rig) -> Result<Guest, Error> {
        let id = rig.create_instance(&self.name(), self.image, 1).await?;
        for step in self.breaks {
            step.bring_about(rig, &id).await?;
        }
        let os = if self.is_windows() { String::new() } else { rig.os(&id).await? };
        let before = rig.manifest(&id).await?;
        Ok(Guest { id, before, os })
    }

    /// What can only be done in the middle.
    async fn meddle(&self, rig: &Rig, guest: &Guest) -> Result<(), Error> {
        if self.breaks.iter().any(|step| matches!(step, Break::Mended)) {
            const MISSED: &str = "grep -l -i -e 'curl error' -e 'failed to fetch' /run/osferry.*/out /var/tmp/osferry.*/out 2>/dev/null | grep -q .";
            let what = format!("{}: a try without the mirror", self.name());
            wait_for(&what, PATIENCE, async || rig.run_in_guest(&guest.id, MISSED).await.ok()).await?;
            rig.mend(&guest.id).await?;
        }
        if self.breaks.iter().any(|step| matches!(step, Break::KillSetup)) {
            let log = on_system_disk(rig, &guest.id, "/c/$WINDOWS.~BT/Sources/Panther/setupact.log").await?;
            let waits = || fs::read_to_string(&log).is_ok_and(|text| text.contains("[36%]")).then_some(());
            wait_for(&format!("{}: Setup", self.name()), PATIENCE, async || waits()).await?;
            for needle in ["/osferry/tool", "/osferry/setup upgrade"] {
                let order = json!({ "instanceId": guest.id, "needle": needle });
                rig.operator.command("kill-when", &order).await?;
            }
        }
        Ok(())
    }

    async fn check(&self, rig: &Rig, guest: &Guest, record: &Record) -> Result<(), Error> {
        let name = self.name();
        let told = match &record.cause {
            Some(cause) => cause.text.clone(),
            None => record.findings.iter().map(|finding| format!("{}: {}\n", finding.id, finding.found)).collect(),
        };
        assert!(told.contains(self.says), "{name}: {:?} is not in {told:?}", self.says);
        ended(rig, record, self.end.outcome()).await?;
        assert_eq!(record.touched, self.end.keeps_snapshots(), "{name}");
        let tags = rig.tags(&guest.id).await?;
        let tag = match self.end {
            End::Refused => "refused",
            End::NotBegun(_) | End::TakenBack(_) => "failed",
            End::DisksBack(_) => "rolled-back",
            End::Succeeds => "migrated",
        };
        assert_eq!(tags["osferry"], tag, "{name}");
        // Where the tool was started they are kept, whatever it came to.
        if self.end.keeps_snapshots() {
            one_snapshot_per_disk(rig, record).await?;
        } else {
            assert_eq!(rig.snapshots(&guest.id).await?.len(), 0, "{name}: a snapshot that nobody needs");
        }
        if self.end == End::Succeeds {
            assert!(tags["osferry:os"].contains(self.target), "{name}: {tags:?}");
            return Ok(());
        }
        let history = rig.history(&record.id).await?;
        let evidence = history.iter().any(|step| !step.exhibits.is_empty());
        assert!(evidence || !record.touched, "{name}: evidence is kept");
        // Whatever was filled holds what the disk will hold.
        rig.mend(&guest.id).await?;
        let after = rig.manifest(&guest.id).await?;
        // Nothing was prepared, and asking rpm leaves nothing behind (apt makes itself a cache).
        let exact = self.engine == Engine::DistroSync && matches!(self.end, End::DisksBack(_));
        let left = if exact { Left::at_all(&guest.before, &after) } else { Left::behind(&guest.before, &after) };
        assert_eq!(left, Left::nothing(), "{name}: the guest is not as it was");
        if !self.is_windows() {
            assert_eq!(rig.os(&guest.id).await?, guest.os, "{name}");
        }
        Ok(())
    }
}

/// Runs all of them at once.
pub async fn fail(extra: &[&str], cases: &[&Case]) -> Result<(), Error> {
    let mut world = World::start(&[&["--timer-cap-ms", "500", "--env", "RHEL_GRANTED=1"], extra].concat()).await?;
    let rig = &mut world.rig;
    if cases.iter().any(|case| case.is_windows()) {
        let media = rig.create_media("m-local-media-win2019-zh-cn").await?;
        let setting = format!("WINDOWS_MEDIA={}", json!({ "2019": { "zh-cn": media } }));
        rig.restart(&["--env".to_owned(), setting]).await?;
    }
    let mut guests = Vec::new();
    for case in cases {
        guests.push(case.settle_in(rig).await.map_err(|error| format!("{}: {error}", case.name()))?);
    }
    let before = rig.inventory().await?;
    for (case, guest) in cases.iter().zip(&guests) {
        rig.tag(&guest.id, &[OPT_IN, PROBE, REMEDIATE, ("osferry:target", case.target)]).await?;
    }
    for (case, guest) in cases.iter().zip(&guests) {
        case.meddle(rig, guest).await?;
    }
    let mut records = Vec::new();
    for guest in &guests {
        records.push(rig.outcome(&guest.id, PATIENCE).await?);
    }
    let ends = records.iter().map(|record| (record.state, record.cause.as_ref().map(|cause| cause.code)));
    let ends: Vec<_> = cases.iter().map(|case| case.name()).zip(ends).collect();
    let end = |case: &&Case| (case.name(), (State::Ended(case.end.outcome()), case.end.code()));
    let expected: Vec<_> = cases.iter().map(end).collect();
    assert_eq!(ends, expected, "{:#?}", records.iter().map(|record| &record.cause).collect::<Vec<_>>());
    for ((case, guest), record) in cases.iter().zip(&guests).zip(&records) {
        case.check(rig, guest, record).await?;
    }
    // Media disks are released.
    let mut expected = before.clone();
    for record in records.iter().filter(|record| record.touched) {
        let kept = rig.snapshots_of(record).await?;
        expected.snapshots.extend(kept.into_iter().map(|snapshot| snapshot.snapshot_id));
    }
    rig.holds_only(&expected).await?;
    no_dead_letters(rig).await?;
    world.end()
}
