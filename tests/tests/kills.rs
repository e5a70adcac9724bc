//! Function processes and the cloud itself are killed (SIGKILL) in the middle of every stage. Whatever dies
//! when, the migration ends as it would have, and nothing is done twice.
//!
//! A case is one guest in a cloud of its own: calls then come in one order, and a rule's `skip` names one
//! of them. What was killed before it could commit leaves a lease behind; the sweep takes over when that
//! ends, five seconds after the function's timeout, which is cut short here.

mod common;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use common::*;
use local_cloud::chaos::{Fault, FaultRule};
use migration::{Outcome, Record};
use rig::{Error, Manifest, Rig, differences};
use serde_json::{Value, json};

use Fault::{KillCallerAfter, KillCallerBefore, KillCloudAfter, KillCloudBefore};

/// Leases last eight seconds, and the sweep looks twice a second.
const QUICK: [&str; 4] = ["--timer-cap-ms", "500", "--timeout-cap-secs", "3"];

/// A call of a function and what happens at it.
struct Kill(&'static str, &'static str, &'static str, u32, Fault);

impl Kill {
    fn rule(&self) -> FaultRule {
        let Self(caller, service, action, skip, fault) = *self;
        FaultRule {
            caller: Some(format!("osferry-{caller}")),
            service: service.into(),
            action: action.into(),
            skip,
            fault,
        }
    }
}

struct Case {
    name: &'static str,
    image: &'static str,
    /// Functions are killed by all rules at once; a cloud forgets its rules when it dies and gets the next one then.
    kills: &'static [Kill],
    outcome: Outcome,
}

const fn succeeds(name: &'static str, kills: &'static [Kill]) -> Case {
    Case { name, image: CENTOS, kills, outcome: Outcome::Succeeded }
}

/// The tool is killed too, so that there is something to roll back.
const fn comes_back(name: &'static str, kills: &'static [Kill]) -> Case {
    Case { name, image: VENDOR_AGENT, kills, outcome: Outcome::RolledBack }
}

const OPENING_AND_CHECKS: Case = succeeds(
    "opening and checks",
    &[
        // The lock is taken, and no record is there.
        Kill("detect", "ots", "PutRow", 0, KillCallerAfter),
        // The record is there, and nobody was told.
        Kill("detect", "ots", "BatchWriteRow", 0, KillCallerBefore),
        Kill("precheck", "ecs", "DescribeDisks", 0, KillCallerBefore),
        // Taking the lease twice, then the commit: stored, and nobody was told.
        Kill("precheck", "ots", "UpdateRow", 2, KillCallerAfter),
        // The command runs, and its id is not remembered.
        Kill("assess", "ecs", "RunCommand", 0, KillCallerAfter),
        Kill("assess", "eventbridge", "PutEvents", 0, KillCallerBefore),
        Kill("sweep", "ots", "GetRange", 0, KillCallerAfter),
        Kill("sweep", "eventbridge", "PutEvents", 0, KillCallerAfter),
    ],
);

const SNAPSHOTS: Case = succeeds(
    "snapshots",
    &[
        // The disks' own setting is remembered and changed.
        Kill("snapshot", "ecs", "ModifyDiskAttribute", 0, KillCallerAfter),
        // The group is not begun; then it is, and nobody knows; then its snapshots have half their names and tags.
        Kill("snapshot", "ecs", "CreateSnapshotGroup", 0, KillCallerBefore),
        Kill("snapshot", "ecs", "CreateSnapshotGroup", 1, KillCallerAfter),
        Kill("snapshot", "ecs", "TagResources", 0, KillCallerAfter),
        Kill("snapshot", "ecs", "ModifySnapshotAttribute", 1, KillCallerBefore),
        Kill("snapshot", "eventbridge", "PutEvents", 0, KillCallerAfter),
    ],
);

const THE_TOOL: Case = succeeds(
    "the tool",
    &[
        // Start, watch, reboot and the question afterwards; each is sent twice for this.
        Kill("migrate", "ecs", "RunCommand", 0, KillCallerAfter),
        Kill("migrate", "ecs", "RunCommand", 2, KillCallerAfter),
        Kill("migrate", "ecs", "RunCommand", 4, KillCallerAfter),
        Kill("migrate", "ots", "BatchWriteRow", 0, KillCallerBefore),
    ],
);

const THE_END: Case = succeeds(
    "the end",
    &[
        Kill("verify", "ecs", "RunCommand", 0, KillCallerAfter),
        Kill("verify", "ots", "BatchWriteRow", 0, KillCallerBefore),
        Kill("cleanup", "ecs", "TagResources", 0, KillCallerAfter),
        // The lock is gone, history and events are not sent.
        Kill("cleanup", "ots", "DeleteRow", 0, KillCallerAfter),
    ],
);

const THE_WAY_BACK: Case = comes_back(
    "the way back",
    &[
        Kill("migrate", "eventbridge", "PutEvents", 0, KillCallerBefore),
        Kill("rollback", "ecs", "RunCommand", 0, KillCallerAfter),
        Kill("rollback", "ecs", "StopInstance", 0, KillCallerAfter),
        Kill("rollback", "ecs", "ResetDisk", 0, KillCallerAfter),
        Kill("rollback", "ecs", "StartInstance", 0, KillCallerAfter),
        Kill("rollback", "eventbridge", "PutEvents", 0, KillCallerAfter),
        Kill("cleanup", "eventbridge", "PutEvents", 0, KillCallerAfter),
    ],
);

const CLOUD_AT_THE_CHECKS: Case = succeeds(
    "the cloud, at the checks",
    &[
        Kill("precheck", "ots", "UpdateRow", 1, KillCloudAfter),
        Kill("assess", "ecs", "RunCommand", 0, KillCloudBefore),
        Kill("snapshot", "ecs", "CreateSnapshotGroup", 0, KillCloudAfter),
        Kill("cleanup", "ecs", "TagResources", 0, KillCloudAfter),
    ],
);

const CLOUD_AT_THE_TOOL: Case = succeeds(
    "the cloud, at the tool",
    &[
        // Start, then the reboot.
        Kill("migrate", "ecs", "RunCommand", 0, KillCloudAfter),
        Kill("migrate", "ecs", "RunCommand", 2, KillCloudAfter),
        Kill("verify", "ecs", "RunCommand", 0, KillCloudAfter),
    ],
);

const CLOUD_ON_THE_WAY_BACK: Case = comes_back(
    "the cloud, on the way back",
    &[
        Kill("rollback", "ecs", "StopInstance", 0, KillCloudAfter),
        Kill("rollback", "ecs", "ResetDisk", 0, KillCloudAfter),
        Kill("rollback", "ecs", "ResetDisk", 1, KillCloudBefore),
        Kill("rollback", "ecs", "StartInstance", 0, KillCloudAfter),
    ],
);

#[tokio::test]
async fn functions_are_killed_in_every_stage() -> Result<(), Error> {
    tokio::try_join!(
        with_killed_functions(OPENING_AND_CHECKS),
        with_killed_functions(SNAPSHOTS),
        with_killed_functions(THE_TOOL),
        with_killed_functions(THE_END),
        with_killed_functions(THE_WAY_BACK),
    )
    .map(drop)
}

#[tokio::test]
async fn the_cloud_itself_is_killed() -> Result<(), Error> {
    tokio::try_join!(
        with_a_killed_cloud(CLOUD_AT_THE_CHECKS),
        with_a_killed_cloud(CLOUD_AT_THE_TOOL),
        with_a_killed_cloud(CLOUD_ON_THE_WAY_BACK),
    )
    .map(drop)
}

async fn with_killed_functions(case: Case) -> Result<(), Error> {
    let mut world = World::start(&QUICK).await?;
    let rig = &mut world.rig;
    let guest = Guest::settle_in(rig, &case).await?;
    for kill in case.kills {
        rig.operator.command("add-fault", &serde_json::to_value(kill.rule())?).await?;
    }
    rig.tag(&guest.id, &[OPT_IN, PROBE]).await?;
    let record = rig.outcome(&guest.id, LIMIT).await?;

    guest.check(rig, &case, &record).await?;
    let faults = rig.operator.command("faults", &json!({})).await?;
    assert_eq!(faults["pending"], json!([]), "{}: everything was killed that was to be", case.name);
    assert_eq!(faults["fired"].as_array().map(Vec::len), Some(case.kills.len()));
    assert_eq!(boots(rig, &guest.id)?, 2, "{}: its creation, and one more", case.name);
    world.end()
}

async fn with_a_killed_cloud(case: Case) -> Result<(), Error> {
    let mut world = World::start(&QUICK).await?;
    let rig = &mut world.rig;
    let guest = Guest::settle_in(rig, &case).await?;
    let mut kills: VecDeque<&Kill> = case.kills.iter().collect();
    let until = Instant::now() + LIMIT;
    let mut next = kills.pop_front();
    add(rig, next).await?;
    rig.tag(&guest.id, &[OPT_IN, PROBE]).await?;
    while next.is_some() {
        if rig.revive().await? {
            next = kills.pop_front();
            add(rig, next).await?;
        }
        assert!(Instant::now() < until, "{}: the cloud was not killed at {:?}", case.name, next.map(Kill::rule));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let record = rig.outcome(&guest.id, LIMIT).await?;

    guest.check(rig, &case, &record).await?;
    let injected = |line: &Value| line["fields"]["message"] == "fault injected";
    let log = cloud_log(rig)?;
    let struck: Vec<&str> =
        log.iter().filter(|line| injected(line)).filter_map(|line| line["fields"]["action"].as_str()).collect();
    assert_eq!(struck, case.kills.iter().map(|kill| kill.2).collect::<Vec<_>>());
    world.end()
}

async fn add(rig: &Rig, kill: Option<&Kill>) -> Result<(), Error> {
    if let Some(kill) = kill {
        rig.operator.command("add-fault", &serde_json::to_value(kill.rule())?).await?;
    }
    Ok(())
}

/// Counts the guest's boots in a file.
const COUNT_BOOTS: &str = "
    printf '[Service]\\nType=oneshot\\nExecStart=/bin/sh -c \"echo boot >>/root/boots\"\\n' \\
        >/etc/systemd/system/count-boots.service
    systemctl enable count-boots
    echo kept >/data/file
";

struct Guest {
    id: String,
    before: Manifest,
}

impl Guest {
    async fn settle_in(rig: &Rig, case: &Case) -> Result<Self, Error> {
        let id = rig.create_instance("guest", case.image, 1).await?;
        rig.run_in_guest(&id, COUNT_BOOTS).await?;
        let before = rig.manifest(&id).await?;
        if case.outcome == Outcome::RolledBack {
            let order = json!({ "instanceId": id, "needle": "dnf", "exists": REBUILDING });
            rig.operator.command("kill-when", &order).await?;
        }
        Ok(Self { id, before })
    }

    /// It ended as told, and everything was done once.
    async fn check(&self, rig: &Rig, case: &Case, record: &Record) -> Result<(), Error> {
        ended(rig, record, case.outcome).await?;
        let back = case.outcome == Outcome::RolledBack;
        assert_eq!(rig.records().await?.len(), 1, "{}: one migration", case.name);
        one_snapshot_per_disk(rig, record).await?;
        assert_eq!(rig.snapshots(&self.id).await?.len(), 2, "{}: no snapshot more", case.name);
        for (name, times) in [("start", 1), ("reboot", usize::from(!back))] {
            let sent = commands(rig, &self.id, &format!("-migrate-{name}-")).await?;
            assert_eq!(sent.len(), times, "{}: {name}: {sent:?}", case.name);
        }
        let booted = rig.run_in_guest(&self.id, "cat /root/boots").await?;
        assert_eq!(booted, "boot\n", "{}: one boot since the snapshot", case.name);
        if back {
            let different = differences(&self.before, &rig.manifest(&self.id).await?, &["/root/boots"]);
            assert_eq!(different, [""; 0], "{}: byte for byte", case.name);
            assert_eq!(rig.os(&self.id).await?, "centos 8");
        } else {
            let transactions =
                rig.run_in_guest(&self.id, "grep -c '^Running transaction$' /var/lib/osferry/*/log").await?;
            assert_eq!(transactions.trim(), "1", "{}: one transaction", case.name);
            assert_eq!(rig.os(&self.id).await?, "alinux 3");
        }
        no_dead_letters(rig).await
    }
}
