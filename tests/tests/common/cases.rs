//! Migrations that are made to fail, all in one cloud, and what must be true of each afterwards.

use std::fs;

use local_cloud::guest::BootFault;
use migration::{Code, Outcome, Record, State};
use rig::{Error, Manifest, Rig, differences, wait_for};
use serde_json::json;

use super::*;

/// CentOS 7.9.
pub const CENTOS_7: &str = "centos_7_9_x64_20G_alibase_20220824.vhd";
/// CentOS 7.9 with a licence of Red Hat Enterprise Linux.
pub const LICENSED: &str = "m-local-centos79-licensed";
/// Stand-in for Windows Server 2012 R2.
pub const WINDOWS_2012: &str = "win2012r2_9600_x64_dtc_zh-cn_40G_alibase_20230811.vhd";
/// What leapp refuses on these images may be mended.
pub const REMEDIATE: (&str, &str) = ("osferry:remediate", "answer-leapp permit-root-login unload-drivers");

/// Something that goes wrong.
pub enum Break {
    /// A switch of a stand-in tool: `TOOL-fails-at` or `TOOL-waits-at`, and its value.
    Switch(&'static str, &'static str),
    /// A fact of the stand-in for Windows.
    Windows(&'static str, &'static str),
    /// The first boot from now on.
    Boot(BootFault),
    /// Processes whose command line has the first are killed once the second, a file, exists.
    Kill(&'static str, &'static str),
    /// Once the first, a file, exists, the second, a directory, has no room left; then the tool, which waits at the
    /// switch named third, goes on.
    Full(&'static str, &'static str, &'static str),
}

/// A migration that fails, and how.
pub struct Case {
    /// What goes wrong, for a person; also the instance's name.
    pub name: &'static str,
    pub image: &'static str,
    pub target: &'static str,
    pub breaks: &'static [Break],
    pub outcome: Outcome,
    pub code: Code,
    /// Part of what a person reads.
    pub says: &'static str,
}

/// What a package manager leaves behind when packages come and go, although the packages are the same: its database,
/// caches and logs; and the note that what was undone is over, should a command come late.
const TRACES: [&str; 7] = [
    "/var/lib/rpm",
    "/var/lib/dnf",
    "/var/lib/yum",
    "/var/lib/osferry",
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

    /// What is hoped for.
    pub fn nothing() -> Self {
        Self(Vec::new())
    }
}

struct Guest {
    id: String,
    before: Manifest,
}

impl Case {
    fn is_windows(&self) -> bool {
        self.image.starts_with("win")
    }

    async fn settle_in(&self, rig: &Rig) -> Result<Guest, Error> {
        let id = rig.create_instance(self.name, self.image, 1).await?;
        for step in self.breaks {
            match step {
                Break::Switch(name, value) => {
                    let script = format!("mkdir -p /etc/osferry-standin; echo {value} >/etc/osferry-standin/{name}");
                    rig.run_in_guest(&id, &script).await?;
                }
                Break::Windows(name, value) => {
                    fs::write(on_system_disk(rig, &id, &format!("/osferry/state/{name}")).await?, value)?;
                }
                Break::Boot(fault) => rig.break_boot(&id, *fault, 0).await?,
                Break::Kill(needle, exists) => {
                    let order = json!({ "instanceId": id, "needle": needle, "exists": exists });
                    rig.operator.command("kill-when", &order).await?;
                }
                Break::Full(..) => {}
            }
        }
        let before = rig.manifest(&id).await?;
        Ok(Guest { id, before })
    }

    /// What can only be broken in the middle.
    async fn meddle(&self, rig: &Rig, guest: &Guest) -> Result<(), Error> {
        for step in self.breaks {
            if let Break::Full(exists, dir, switch) = step {
                let file = on_system_disk(rig, &guest.id, exists).await?;
                wait_for(&format!("{}: {exists}", self.name), LIMIT, async || file.exists().then_some(())).await?;
                rig.fill_disk(&guest.id, dir, 65_536).await?;
                rig.run_in_guest(&guest.id, &format!("rm /etc/osferry-standin/{switch}")).await?;
            }
        }
        Ok(())
    }

    async fn check(&self, rig: &Rig, guest: &Guest, record: &Record) -> Result<(), Error> {
        let (name, cause) = (self.name, record.cause.as_ref().ok_or("no cause")?);
        assert!(cause.text.contains(self.says), "{name}: {:?} is not in {:?}", self.says, cause.text);
        ended(rig, record, self.outcome).await?;
        let tag = match self.outcome {
            Outcome::RolledBack => "rolled-back",
            Outcome::Failed => "failed",
            _ => "refused",
        };
        assert_eq!(rig.tags(&guest.id).await?["osferry"], tag, "{name}");
        // Where the tool was started they are kept, whatever it came to.
        if record.touched {
            one_snapshot_per_disk(rig, record).await?;
            let history = rig.history(&record.id).await?;
            assert!(history.iter().any(|step| !step.exhibits.is_empty()), "{name}: evidence is kept");
        } else {
            assert_eq!(rig.snapshots(&guest.id).await?.len(), 0, "{name}: a snapshot that nobody needs");
        }
        let left = Left::behind(&guest.before, &rig.manifest(&guest.id).await?);
        assert_eq!(left, Left::nothing(), "{name}: the guest is not as it was");
        if !self.is_windows() {
            let release = rig.run_in_guest(&guest.id, ". /etc/os-release; echo $ID").await?;
            assert_eq!(release.trim(), "centos", "{name}");
        }
        Ok(())
    }
}

/// Runs all of them at once.
pub async fn fail(extra: &[&str], cases: &[Case]) -> Result<(), Error> {
    let mut world = World::start(&[&["--timer-cap-ms", "500", "--env", "RHEL_GRANTED=1"], extra].concat()).await?;
    let rig = &mut world.rig;
    if cases.iter().any(Case::is_windows) {
        let media = rig.create_media("m-local-media-win2019-zh-cn").await?;
        let setting = format!("WINDOWS_MEDIA={}", json!({ "2019": { "zh-cn": media } }));
        rig.restart(&["--env".to_owned(), setting]).await?;
    }
    let mut guests = Vec::new();
    for case in cases {
        guests.push(case.settle_in(rig).await?);
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
        records.push(rig.outcome(&guest.id, LIMIT).await?);
    }
    let ends = records.iter().map(|record| (record.state, record.cause.as_ref().map(|cause| cause.code)));
    let ends: Vec<_> = cases.iter().map(|case| case.name).zip(ends).collect();
    let expected: Vec<_> =
        cases.iter().map(|case| (case.name, (State::Ended(case.outcome), Some(case.code)))).collect();
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
