//! A person ends a migration, at every stage. The guest is as it was and runs, and the cloud holds nothing more than
//! the snapshots of what was begun.

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::cases::Break::{self, NoNetwork, SetupWaits, Switch};
use common::cases::{CENTOS_7, Left, REMEDIATE, WINDOWS_2012};
use common::*;
use local_cloud::chaos::{Fault, FaultRule};
use migration::{Code, Outcome, Record, Stage, State};
use rig::{Error, Manifest, OPERATORS, Rig};
use serde_json::json;

const QUICK: [&str; 4] = ["--timer-cap-ms", "500", "--env", OPERATORS];
const DRILL: [&str; 4] = ["--env", "DRILL_VSWITCH=vsw-drill", "--env", "DRILL_SECURITY_GROUP=sg-drill"];

/// When a migration is cancelled, and what it takes to get there.
struct Cancelled {
    name: &'static str,
    image: &'static str,
    target: &'static str,
    wish: Option<(&'static str, &'static str)>,
    /// Where the tool waits.
    waits: &'static [Break],
    stage: Stage,
    /// Something on the disk says that it came as far as is meant.
    there: Option<&'static str>,
    /// Whether disks go back.
    reset: bool,
}

const CANCELLED: [Cancelled; 6] = [
    Cancelled {
        name: "while it waits for an acknowledgement",
        image: CENTOS_7,
        target: "Anolis OS 7",
        wish: Some(("osferry:acknowledge", "yes")),
        waits: &[],
        stage: Stage::Assess,
        there: None,
        reset: false,
    },
    Cancelled {
        name: "while the tool cannot be downloaded",
        image: CENTOS_7,
        target: "AlmaLinux 8",
        wish: None,
        waits: &[NoNetwork],
        stage: Stage::Prepare,
        there: Some("/etc/yum.repos.d/osferry-leapp.repo"),
        reset: false,
    },
    Cancelled {
        name: "before the point of no return",
        image: CENTOS_7,
        target: "AlmaLinux 8",
        wish: None,
        waits: &[Switch("leapp-waits-at", "InterimPreparation")],
        stage: Stage::Migrate,
        there: Some("/var/log/leapp/leapp-upgrade.log"),
        reset: false,
    },
    Cancelled {
        name: "while Setup copies files",
        image: WINDOWS_2012,
        target: "Windows Server 2019",
        wish: None,
        waits: &[SetupWaits],
        stage: Stage::Migrate,
        there: Some("/c/$WINDOWS.~BT/Sources/Panther/setupact.log"),
        reset: false,
    },
    Cancelled {
        name: "in the middle of the packages",
        image: CENTOS,
        target: "Rocky Linux 8",
        wish: None,
        waits: &[Switch("migrate2rocky-waits-at", "distro-sync")],
        stage: Stage::Migrate,
        there: Some("/etc/rocky-release"),
        reset: true,
    },
    Cancelled {
        name: "while the new system is observed",
        image: CENTOS,
        target: "Alibaba Cloud Linux 3",
        wish: Some(("osferry:observe-minutes", "30")),
        waits: &[],
        stage: Stage::Verify,
        there: None,
        reset: true,
    },
];

/// A migration that will be cancelled.
struct Waiting {
    id: String,
    before: Manifest,
    /// Whether it has come as far as is meant.
    there: Box<dyn Fn(&Record) -> bool>,
}

/// Cancels each as soon as it is there.
async fn cancel(rig: &Rig, all: &[&Waiting]) -> Result<(), Error> {
    let mut waiting = all.to_vec();
    let until = Instant::now() + LIMIT;
    while !waiting.is_empty() {
        let records = rig.records().await?;
        let mut on = Vec::new();
        for one in waiting {
            match records.iter().find(|record| record.instance_id == one.id && (one.there)(record)) {
                Some(record) => drop(rig.wish(&record.id, "cancel", &json!({})).await?),
                None => on.push(one),
            }
        }
        waiting = on;
        if Instant::now() > until {
            let states: Vec<_> = records.iter().map(|record| (record.state, &record.note, &record.cause)).collect();
            return Err(format!("{} do not come as far as is meant: {states:?}", waiting.len()).into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

impl Waiting {
    /// It ended as cancelled, nothing is left of it in the guest, and the machine is on.
    async fn check(&self, rig: &mut Rig, name: &str) -> Result<Record, Error> {
        let record = rig.outcome(&self.id, LIMIT).await?;
        assert_eq!(record.state, State::Ended(Outcome::Cancelled), "{name}: {:?}", record.cause);
        ended(rig, &record, Outcome::Cancelled).await?;
        assert_eq!(record.cause.as_ref().map(|cause| cause.code), Some(Code::Cancelled), "{name}");
        let history = rig.history(&record.id).await?;
        assert!(history.iter().any(|step| step.actor.as_deref() == Some("ann")), "{name}: who did it is told");
        assert_eq!(Left::behind(&self.before, &rig.manifest(&self.id).await?), Left::nothing(), "{name}");
        assert_eq!(rig.tags(&self.id).await?["osferry"], "cancelled", "{name}");
        assert_eq!(described(rig, &self.id).await?.status, "Running", "{name}");
        Ok(record)
    }
}

/// Configures media of Windows; the cloud starts again with them.
async fn with_media(rig: &mut Rig) -> Result<(), Error> {
    let media = rig.create_media("m-local-media-win2019-zh-cn").await?;
    let setting = format!("WINDOWS_MEDIA={}", json!({ "2019": { "zh-cn": media } }));
    rig.restart(&["--env".to_owned(), setting]).await
}

#[tokio::test]
async fn a_cancelled_migration_leaves_the_guest_as_it_was() -> Result<(), Error> {
    let mut world = World::start(&QUICK).await?;
    let rig = &mut world.rig;
    with_media(rig).await?;
    let mut guests = Vec::new();
    for case in &CANCELLED {
        let id = rig.create_instance(case.name, case.image, 1).await?;
        for step in case.waits {
            step.bring_about(rig, &id).await?;
        }
        let file = match case.there {
            Some(path) => Some(on_system_disk(rig, &id, path).await?),
            None => None,
        };
        let there = move |record: &Record| {
            record.state == State::In(case.stage)
                && (case.stage != Stage::Assess || record.awaiting.is_some())
                && (case.stage != Stage::Verify || record.note.contains("observ"))
                && file.as_ref().is_none_or(|file| file.exists())
        };
        guests.push(Waiting { before: rig.manifest(&id).await?, id, there: Box::new(there) });
    }
    let before = rig.inventory().await?;
    for (case, guest) in CANCELLED.iter().zip(&guests) {
        let mut tags = vec![OPT_IN, PROBE, REMEDIATE, ("osferry:target", case.target)];
        tags.extend(case.wish);
        rig.tag(&guest.id, &tags).await?;
    }
    cancel(rig, &guests.iter().collect::<Vec<_>>()).await?;
    let mut expected = before.clone();
    for (case, guest) in CANCELLED.iter().zip(&guests) {
        let record = guest.check(rig, case.name).await?;
        let down = boots(rig, &guest.id)? > 1;
        assert_eq!(down, case.reset, "{}: the machine goes down only where its disks go back", case.name);
        let kept = rig.snapshots_of(&record).await?;
        assert_eq!(!kept.is_empty(), record.touched, "{}: snapshots of what was begun are kept", case.name);
        expected.snapshots.extend(kept.into_iter().map(|snapshot| snapshot.snapshot_id));
    }
    // No media disk is left.
    rig.holds_only(&expected).await?;
    no_dead_letters(rig).await?;
    world.end()
}

/// A function's calls fail for a while: a client tries six times, and a stage once more ten seconds later.
async fn fails_for_a_while(rig: &Rig, caller: &str, action: &str) -> Result<(), Error> {
    let rule = FaultRule {
        caller: Some(format!("osferry-{caller}")),
        service: "ecs".into(),
        action: action.into(),
        skip: 0,
        fault: Fault::Error500,
    };
    for _ in 0..12 {
        rig.operator.command("add-fault", &serde_json::to_value(&rule)?).await?;
    }
    Ok(())
}

/// Cancelled when `there` says so.
async fn guest(
    rig: &Rig,
    name: &str,
    image: &str,
    there: impl Fn(&Record) -> bool + 'static,
) -> Result<Waiting, Error> {
    let id = rig.create_instance(name, image, 1).await?;
    Ok(Waiting { before: rig.manifest(&id).await?, id, there: Box::new(there) })
}

/// How many disks, snapshots or guests there are on this machine.
fn names(dir: &Path) -> usize {
    let whole = |entry: &std::fs::DirEntry| !entry.file_name().as_encoded_bytes().starts_with(b".");
    std::fs::read_dir(dir).map_or(0, |entries| entries.flatten().filter(whole).count())
}

/// The stage has failed at a call and waits to try again.
fn stands_at(stage: Stage) -> impl Fn(&Record) -> bool {
    move |record| record.state == State::In(stage) && record.note.contains(Code::CloudCall.as_str())
}

#[tokio::test]
async fn what_the_cloud_holds_half_made_is_let_go() -> Result<(), Error> {
    let mut world = World::start(&[QUICK.as_slice(), DRILL.as_slice()].concat()).await?;
    let rig = &mut world.rig;
    with_media(rig).await?;
    let (disks, snapshots) = (rig.state_dir().join("disks"), rig.state_dir().join("snapshots"));
    let guests = rig.state_dir().join("guests");
    // Beside the media: a group of snapshots whose members have no names yet.
    let half = stands_at(Stage::Snapshot);
    let group = guest(rig, "group", CENTOS, move |record| half(record) && names(&snapshots) == 3).await?;
    // Beside two disks of each of four guests: a media disk that is attached, and nobody was told.
    let half = stands_at(Stage::Prepare);
    let media = guest(rig, "media", WINDOWS_2012, move |record| half(record) && names(&disks) == 9).await?;
    // A drill's image, or what is under way of it; and its instance.
    let image = guest(rig, "image", CENTOS, |record| record.state == State::In(Stage::Clone)).await?;
    let clone = guest(rig, "clone", CENTOS, move |record| {
        record.state == State::In(Stage::Clone) && record.note.contains("clone") && names(&guests) > 4
    })
    .await?;
    let before = rig.inventory().await?;
    fails_for_a_while(rig, "snapshot", "TagResources").await?;
    fails_for_a_while(rig, "prepare", "RunCommand").await?;
    rig.tag(&group.id, &[OPT_IN, PROBE]).await?;
    rig.tag(&media.id, &[OPT_IN, ("osferry:target", "Windows Server 2019")]).await?;
    cancel(rig, &[&group, &media]).await?;
    for drill in [&image, &clone] {
        rig.tag(&drill.id, &[("osferry", "drill"), PROBE]).await?;
    }
    cancel(rig, &[&image, &clone]).await?;
    for (guest, name) in [(&group, "group"), (&media, "media"), (&image, "image"), (&clone, "clone")] {
        let record = guest.check(rig, name).await?;
        assert!(!record.touched && boots(rig, &guest.id)? == 1, "{name}");
    }
    rig.holds_only(&before).await?;
    no_dead_letters(rig).await?;
    world.end()
}
