//! What people may want beside a migration that goes through: a drill, another try.

mod common;

use std::time::Duration;

use common::cases::{CENTOS_7, Left, REMEDIATE};
use common::*;
use migration::{Code, Outcome, Record, Stage, State};
use rig::{Error, Manifest, OPERATORS, Rig, differences, wait_for};
use serde_json::json;

const QUICK: [&str; 4] = ["--timer-cap-ms", "500", "--env", OPERATORS];
const DRILL: [&str; 6] = [
    "--env",
    "DRILL_VSWITCH=vsw-drill",
    "--env",
    "DRILL_SECURITY_GROUP=sg-drill",
    // One of them never comes up.
    "--env",
    "SETTLE_SECONDS=15",
];

/// A guest with something on its data disk, and what it is made of.
async fn settled(rig: &Rig, name: &str, image: &str) -> Result<(String, Manifest), Error> {
    let id = rig.create_instance(name, image, 1).await?;
    rig.run_in_guest(&id, "echo kept >/data/file").await?;
    let manifest = rig.manifest(&id).await?;
    Ok((id, manifest))
}

/// Makes a stand-in tool fail or wait.
async fn switch(rig: &Rig, id: &str, name: &str, value: &str) -> Result<(), Error> {
    let script = format!("mkdir -p /etc/osferry-standin; echo {value} >/etc/osferry-standin/{name}");
    rig.run_in_guest(id, &script).await.map(drop)
}

/// The youngest record of an instance's migration.
async fn record_of(rig: &Rig, id: &str) -> Option<Record> {
    rig.records().await.ok()?.into_iter().find(|record| record.instance_id == id)
}

/// Waits until a migration is where `there` says.
async fn reaches(rig: &Rig, id: &str, what: &str, there: impl Fn(&Record) -> bool) -> Result<Record, Error> {
    wait_for(&format!("{id}: {what}"), LIMIT, async || record_of(rig, id).await.filter(|record| there(record))).await
}

#[tokio::test]
async fn a_drill_and_a_check_leave_nothing() -> Result<(), Error> {
    let mut world = World::start(&[QUICK.as_slice(), DRILL.as_slice()].concat()).await?;
    let rig = &mut world.rig;
    let (good, good_before) = settled(rig, "web-1", CENTOS).await?;
    let (bad, bad_before) = settled(rig, "shop-1", SHOP_PLUGIN).await?;
    let (both, _) = settled(rig, "web-2", CENTOS).await?;
    let (checked, checked_before) = settled(rig, "web-3", CENTOS_7).await?;
    let before = rig.inventory().await?;
    rig.tag(&good, &[("osferry", "drill"), PROBE]).await?;
    rig.tag(&bad, &[("osferry", "drill-then-migrate"), PROBE]).await?;
    rig.tag(&both, &[("osferry", "drill-then-migrate"), PROBE]).await?;
    rig.tag(&checked, &[("osferry", "check"), REMEDIATE, ("osferry:target", "AlmaLinux 8")]).await?;

    // leapp has looked too, and is gone.
    let sound = rig.outcome(&checked, LIMIT).await?;
    assert_eq!(sound.state, State::Ended(Outcome::CheckPassed), "{:?} {:?}", sound.cause, sound.findings);
    assert!(sound.timings.iter().any(|timing| timing.stage == Stage::Prepare), "{:?}", sound.timings);
    assert_eq!(Left::behind(&checked_before, &rig.manifest(&checked).await?), Left::nothing());
    assert_eq!((boots(rig, &checked)?, rig.snapshots(&checked).await?.len()), (1, 0));

    let clone = wait_for("a clone", LIMIT, async || {
        let instances = rig.inventory().await.ok()?.instances;
        instances.into_iter().find(|id| !before.instances.contains(id))
    })
    .await?;
    let found = described(rig, &clone).await?;
    assert_eq!(found.security_group_ids, ["sg-drill"], "a clone is alone");
    assert!(!found.tags.iter().any(|tag| tag.key == "osferry"), "and asks for no migration: {:?}", found.tags);

    let passed = rig.outcome(&good, LIMIT).await?;
    let failed = rig.outcome(&bad, LIMIT).await?;
    let migrated = rig.outcome(&both, LIMIT).await?;
    assert_eq!(passed.state, State::Ended(Outcome::DrillPassed), "{:?}", passed.cause);
    assert_eq!(failed.state, State::Ended(Outcome::DrillFailed), "{:?}", failed.cause);
    assert_eq!(migrated.state, State::Ended(Outcome::Succeeded), "{:?}", migrated.cause);
    let report = passed.drill.as_ref().ok_or("no report")?;
    assert!(report.passed && report.timings.iter().any(|timing| timing.stage == Stage::Migrate), "{report:?}");
    assert_eq!(
        failed.drill.as_ref().and_then(|drill| drill.cause.as_ref()).map(|cause| cause.code),
        Some(Code::VerifyFailed)
    );

    for (id, manifest) in [(&good, &good_before), (&bad, &bad_before)] {
        assert_eq!(differences(manifest, &rig.manifest(id).await?, &[]), [""; 0], "the instance was not touched");
        assert_eq!((boots(rig, id)?, rig.os(id).await?.as_str()), (1, "centos 8"));
        assert_eq!(rig.snapshots(id).await?.len(), 0);
    }
    assert_eq!(rig.os(&both).await?, "alinux 3");
    let kept = rig.snapshots(&both).await?;
    assert_eq!(kept.len(), 2, "{kept:?}");
    let mut expected = before.clone();
    expected.snapshots.extend(kept.into_iter().map(|snapshot| snapshot.snapshot_id));
    rig.holds_only(&expected).await?;
    no_dead_letters(rig).await?;
    world.end()
}

#[tokio::test]
async fn what_was_mended_goes_through_when_tried_again() -> Result<(), Error> {
    let mut world = World::start(&QUICK).await?;
    let rig = &mut world.rig;
    let refused = rig.create_instance("refused", FULL_BOOT, 0).await?;
    let failed = rig.create_instance("failed", CENTOS_7, 0).await?;
    let back = rig.create_instance("rolled back", CENTOS, 0).await?;
    let offline = rig.create_instance("offline", CENTOS, 0).await?;
    switch(rig, &failed, "leapp-fails-at", "Download").await?;
    switch(rig, &back, "centos2anolis-fails-at", "distro-sync").await?;
    rig.network(&offline, false).await?;
    rig.tag(&refused, &[OPT_IN, PROBE]).await?;
    rig.tag(&failed, &[OPT_IN, PROBE, REMEDIATE, ("osferry:target", "AlmaLinux 8")]).await?;
    rig.tag(&back, &[OPT_IN, PROBE, ("osferry:target", "Anolis OS 8")]).await?;
    rig.tag(&offline, &[OPT_IN, PROBE]).await?;

    // What only has to wait goes on by itself.
    let record =
        reaches(rig, &offline, "a mirror that is missed", |record| record.note.contains(Code::Repositories.as_str()))
            .await?;
    rig.mend(&offline).await?;
    rig.wish(&record.id, "retry", &json!({})).await?;

    for (id, outcome, mend) in [
        (&refused, Outcome::Refused, "rpm -e libstdc++.i686; rm -f /boot/initramfs-0-rescue.img"),
        (&failed, Outcome::Failed, "rm -r /etc/osferry-standin"),
        (&back, Outcome::RolledBack, "rm -r /etc/osferry-standin"),
    ] {
        let record = rig.outcome(id, LIMIT).await?;
        assert_eq!(record.state, State::Ended(outcome), "{:?}", record.cause);
        no_lock_is_left(rig, id).await?;
        rig.run_in_guest(id, mend).await?;
        if id == &refused {
            // A small file system of 32 MiB stays too small.
            rig.run_in_guest(id, "sed -i '/x-local-cloud.size/d' /etc/fstab").await?;
            rig.operator.ecs.reboot_instance(id, false).await?;
            wait_for("the reboot", Duration::from_secs(60), async || rig.os(id).await.ok()).await?;
        }
        rig.wish(&record.id, "retry", &json!({})).await?;
    }
    for (id, os) in [(&refused, "alinux 3"), (&failed, "almalinux 8.10"), (&back, "anolis 8.9"), (&offline, "alinux 3")]
    {
        let record = rig.outcome(id, LIMIT).await?;
        ended(rig, &record, Outcome::Succeeded).await?;
        assert_eq!(rig.os(id).await?, os);
        assert_eq!(rig.tags(id).await?["osferry"], "migrated");
        let history = rig.history(&record.id).await?;
        assert!(history.iter().any(|step| step.actor.as_deref() == Some("ann")), "who did it is told");
    }
    no_dead_letters(rig).await?;
    world.end()
}
