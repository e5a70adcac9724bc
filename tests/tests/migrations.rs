//! Migrations of real guests, from the tag that asks for one to what is left afterwards.

mod common;

use std::time::Duration;

use common::*;
use local_cloud::admin::CreateInstance;
use migration::{Code, Outcome, Severity, Stage, State};
use openapi::ecs::{Snapshot, Tag};
use rig::{Error, differences, wait_for};
use serde_json::json;

/// A person's own settings, and something on each disk.
const SETTLE_IN: &str = "
    printf '[vendor]\\nname=Vendor\\nbaseurl=http://repo.vendor.example/8\\nenabled=1\\n' >/etc/yum.repos.d/vendor.repo
    echo '# tuned by hand' >>/etc/nginx/nginx.conf
    echo 'orders of today' >/data/orders
    echo 'notes' >/root/notes
";
const SUMS: &str = "sha256sum /etc/yum.repos.d/vendor.repo /etc/nginx/nginx.conf /data/orders /root/notes";

#[tokio::test]
async fn centos_8_becomes_alibaba_cloud_linux_3() -> Result<(), Error> {
    let mut world = World::start(&[]).await?;
    let rig = &mut world.rig;
    let id = rig.create_instance("web-1", CENTOS, 1).await?;
    rig.run_in_guest(&id, SETTLE_IN).await?;
    let settings = rig.run_in_guest(&id, SUMS).await?;
    rig.tag(&id, &[OPT_IN, PROBE, ("osferry:retention-days", "30")]).await?;

    let seen = rig.detect().await?;
    assert_eq!((seen["seen"].as_u64(), under_way(&seen)), (Some(1), 1), "{seen}");
    let again = rig.detect().await?;
    assert_eq!((&again["opened"], &again["alreadyOpen"]), (&json!([]), &json!(1)), "detecting twice opens one");
    let record = rig.outcome(&id, LIMIT).await?;

    ended(rig, &record, Outcome::Succeeded).await?;
    assert_eq!(rig.records().await?.len(), 1);
    assert_eq!(rig.os(&id).await?, "alinux 3");
    assert_eq!(rig.run_in_guest(&id, SUMS).await?, settings, "a person's files stay as they were");
    one_snapshot_per_disk(rig, &record).await?;
    let snapshots = rig.snapshots_of(&record).await?;
    assert_eq!(snapshots.len(), 2);
    // Snapshots of a group have no retention of their own: it is in their tags, and detect deletes them by it.
    let kept = |snapshot: &Snapshot| snapshot.tags.contains(&Tag::new("osferry:retention-days", "30"));
    assert!(snapshots.iter().all(kept), "{snapshots:?}");
    let tags = rig.tags(&id).await?;
    assert_eq!((tags["osferry"].as_str(), tags["osferry:os"].as_str()), ("migrated", "Alibaba Cloud Linux 3"));
    let history = rig.history(&record.id).await?;
    let way = [Stage::Precheck, Stage::Assess, Stage::Snapshot, Stage::Migrate, Stage::Verify, Stage::Cleanup];
    assert_eq!(stages(&history), way);
    assert_eq!(boots(rig, &id)?, 2, "one boot at its creation, one into the new system");
    no_dead_letters(rig).await?;
    assert_eq!(rig.detect().await?["opened"], json!([]), "what was migrated is left alone");
    world.end()
}

#[tokio::test]
async fn a_refused_guest_is_left_as_it_was() -> Result<(), Error> {
    let mut world = World::start(&[]).await?;
    let rig = &mut world.rig;
    let id = rig.create_instance("legacy-1", FULL_BOOT, 1).await?;
    rig.run_in_guest(&id, "echo kept >/data/file; echo kept >/root/file").await?;
    let before = rig.manifest(&id).await?;
    rig.tag(&id, &[OPT_IN]).await?;
    rig.detect().await?;
    let record = rig.outcome(&id, LIMIT).await?;

    ended(rig, &record, Outcome::Refused).await?;
    let cause = record.cause.clone().unwrap();
    assert_eq!(cause.code, Code::Blocked);
    assert!(cause.text.contains("guest.i686") && cause.text.contains("guest.boot-space"), "{cause:?}");
    assert!(record.findings.iter().filter(|f| f.blocks()).all(|f| !f.remedy.is_empty()), "{:?}", record.findings);
    assert_eq!(differences(&before, &rig.manifest(&id).await?, &[]), [""; 0]);
    assert_eq!(rig.snapshots(&id).await?.len(), 0);
    assert_eq!(boots(rig, &id)?, 1);
    assert_eq!(rig.tags(&id).await?["osferry"], "refused");
    world.end()
}

#[tokio::test]
async fn an_agent_that_restarts_meanwhile_does_not_matter() -> Result<(), Error> {
    let mut world = World::start(&[]).await?;
    let rig = &mut world.rig;
    let id = rig.create_instance("agent-2", VENDOR_AGENT, 0).await?;
    rig.tag(&id, &[OPT_IN, PROBE]).await?;
    rig.detect().await?;
    let rebuilding = on_system_disk(rig, &id, REBUILDING).await?;
    wait_for("the middle of the transaction", LIMIT, async || rebuilding.exists().then_some(())).await?;
    rig.operator.command("restart-agent", &json!({ "instanceId": id })).await?;
    assert!(rebuilding.exists(), "the agent was restarted too late to matter");
    let record = rig.outcome(&id, LIMIT).await?;

    ended(rig, &record, Outcome::Succeeded).await?;
    assert_eq!(rig.os(&id).await?, "alinux 3");
    let watches = commands(rig, &id, "-migrate-watch-").await?;
    assert!(watches.len() > 1, "the command that was cut off was sent again: {watches:?}");
    assert_eq!(commands(rig, &id, "-migrate-start-").await?.len(), 1);
    world.end()
}

#[tokio::test]
async fn a_shop_that_does_not_answer_afterwards_comes_back() -> Result<(), Error> {
    let mut world = World::start(&[]).await?;
    let rig = &mut world.rig;
    let id = rig.create_instance("shop-1", SHOP_PLUGIN, 0).await?;
    let before = rig.manifest(&id).await?;
    rig.tag(&id, &[OPT_IN, PROBE]).await?;
    rig.detect().await?;
    let record = rig.outcome(&id, LIMIT).await?;

    ended(rig, &record, Outcome::RolledBack).await?;
    let cause = record.cause.clone().unwrap();
    assert_eq!(cause.code, Code::VerifyFailed);
    assert!(cause.text.contains("http://127.0.0.1:8080/health"), "{cause:?}");
    assert_eq!(differences(&before, &rig.manifest(&id).await?, &[]), [""; 0]);
    // On the old system the shop answers again.
    wait_for("the shop", Duration::from_secs(20), async || {
        rig.run_in_guest(&id, "curl -fsS http://127.0.0.1:8080/health").await.ok()
    })
    .await?;
    assert_eq!(boots(rig, &id)?, 3, "its creation, the new system, the old one again");
    world.end()
}

#[tokio::test]
async fn debian_11_becomes_debian_13_by_two_hops() -> Result<(), Error> {
    let mut world = World::start(&[]).await?;
    let rig = &mut world.rig;
    let id = rig.create_instance("debian-1", DEBIAN_11, 0).await?;
    rig.tag(&id, &[OPT_IN, PROBE, ("osferry:target", "Debian 13")]).await?;
    rig.detect().await?;
    let record = rig.outcome(&id, 2 * LIMIT).await?;

    ended(rig, &record, Outcome::Succeeded).await?;
    assert_eq!((record.hops.len(), record.hop), (2, 1));
    assert_eq!(rig.os(&id).await?, "debian 13");
    assert_eq!(rig.tags(&id).await?["osferry:os"], "Debian 13");
    let mut names: Vec<String> = rig.snapshots_of(&record).await?.into_iter().map(|snapshot| snapshot.name).collect();
    names.sort();
    assert_eq!(names.len(), 2, "{names:?}");
    for (hop, name) in names.iter().enumerate() {
        assert!(name.starts_with(&record.id.name(&format!("{hop}-d-"))), "{names:?}");
    }
    let hop = [Stage::Assess, Stage::Snapshot, Stage::Migrate, Stage::Verify];
    let way = [&[Stage::Precheck][..], &hop, &hop, &[Stage::Cleanup]].concat();
    assert_eq!(stages(&rig.history(&record.id).await?), way);
    assert_eq!(record.state, State::Ended(Outcome::Succeeded));
    assert_eq!(boots(rig, &id)?, 3, "its creation, and once a hop");
    world.end()
}

#[tokio::test]
async fn several_network_interfaces_are_told_before_leapp_looks() -> Result<(), Error> {
    let mut world = World::start(&[]).await?;
    let rig = &mut world.rig;
    for secondary_interfaces in [0, 1] {
        // The guest's own check ends it.
        let image_id = "m-local-centos79-leapp-inhibitors".to_owned();
        let name = format!("{secondary_interfaces} more");
        let new = CreateInstance { name, image_id, secondary_interfaces, ..CreateInstance::default() };
        let id = rig.create(&new).await?;
        rig.tag(&id, &[OPT_IN, ("osferry:target", "AlmaLinux 8")]).await?;
        rig.detect().await?;
        let record = rig.outcome(&id, LIMIT).await?;
        ended(rig, &record, Outcome::Refused).await?;
        let history = rig.history(&record.id).await?;
        let warned = history.iter().flat_map(|step| &step.findings).any(|finding| {
            finding.id == "cloud.network-interfaces" && finding.severity == Severity::Warn && !finding.remedy.is_empty()
        });
        assert_eq!(warned, secondary_interfaces == 1, "{history:?}");
    }
    world.end()
}
