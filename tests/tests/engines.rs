//! Each engine with a real guest, from the tag that asks for a migration to what is left afterwards. Where no real
//! tool can be had, its stand-in changes real packages (docs/verification-log.md).

mod common;

use common::cases::{CENTOS_7, LICENSED, REMEDIATE, WINDOWS_2012};
use common::*;
use migration::path::Engine;
use migration::{Outcome, Record, State};
use rig::{Error, Inventory, Rig};
use serde_json::json;

const LICENSED_8: &str = "m-local-centos85-licensed";
const RED_HAT_8: &str = "m-local-rhel810";
const ALMA_9: &str = "almalinux_9_6_x64_20G_alibase_20250627.vhd";
const WINDOWS_2008: &str = "win2008r2_sp1_x64_ent_zh-cn_40G_alibase_20190816.vhd";

/// One migration.
struct Path {
    image: &'static str,
    target: &'static str,
    engine: Engine,
    /// What the guest's files say it runs then; None for Windows, which has no such file.
    os: Option<&'static str>,
}

const PATHS: [Path; 11] = [
    Path { image: CENTOS_7, target: "Alibaba Cloud Linux 2", engine: Engine::DistroSync, os: Some("alinux 2.1903") },
    Path { image: CENTOS_7, target: "Anolis OS 7", engine: Engine::Centos2Anolis, os: Some("anolis 7.9") },
    Path { image: CENTOS_7, target: "AlmaLinux 8", engine: Engine::Leapp, os: Some("almalinux 8.10") },
    Path { image: CENTOS, target: "AlmaLinux 8", engine: Engine::AlmalinuxDeploy, os: Some("almalinux 8.10") },
    Path { image: CENTOS, target: "Rocky Linux 8", engine: Engine::Migrate2Rocky, os: Some("rocky 8.10") },
    Path { image: LICENSED, target: "Red Hat Enterprise Linux 7", engine: Engine::Convert2Rhel, os: Some("rhel 7.9") },
    Path {
        image: LICENSED_8,
        target: "Red Hat Enterprise Linux 8",
        engine: Engine::Convert2Rhel,
        os: Some("rhel 8.10"),
    },
    Path { image: RED_HAT_8, target: "Red Hat Enterprise Linux 9", engine: Engine::Leapp, os: Some("rhel 9.6") },
    Path { image: ALMA_9, target: "AlmaLinux 10", engine: Engine::Leapp, os: Some("almalinux 10.0") },
    Path { image: WINDOWS_2012, target: "Windows Server 2019", engine: Engine::WindowsSetup, os: None },
    Path { image: WINDOWS_2008, target: "Windows Server 2012 R2", engine: Engine::WindowsSetup, os: None },
];

/// A person's own settings, and something on the data disk.
const SETTLE_IN: &str = "
    printf '[vendor]\\nname=Vendor\\nbaseurl=http://repo.vendor.example/8\\nenabled=1\\ngpgcheck=0\\nskip_if_unavailable=1\\n' >/etc/yum.repos.d/vendor.repo
    echo '# tuned by hand' >>/etc/nginx/nginx.conf
    echo 'orders of today' >/data/orders
    echo 'notes' >/root/notes
";
const SUMS: &str =
    "sha256sum /etc/yum.repos.d/vendor.repo /etc/nginx/nginx.conf /data/orders /root/notes /var/lib/shop/orders.csv";

#[tokio::test]
async fn every_engine_migrates_and_leaves_nothing_but_the_snapshots() -> Result<(), Error> {
    let mut world = World::start(&["--timer-cap-ms", "500", "--env", "RHEL_GRANTED=1"]).await?;
    let rig = &mut world.rig;
    let media = rig.create_media("m-local-media-win2019-zh-cn").await?;
    let older = rig.create_media("m-local-media-win2012r2-zh-cn").await?;
    let setting = format!("WINDOWS_MEDIA={}", json!({ "2019": { "zh-cn": media }, "2012R2": { "zh-cn": older } }));
    rig.restart(&["--env".to_owned(), setting]).await?;

    let mut guests = Vec::new();
    for path in &PATHS {
        let id = rig.create_instance(path.engine.name(), path.image, 1).await?;
        let sums = match path.os {
            Some(_) => {
                rig.run_in_guest(&id, SETTLE_IN).await?;
                rig.run_in_guest(&id, SUMS).await?
            }
            None => String::new(),
        };
        guests.push((id, sums));
    }
    let before = rig.inventory().await?;
    for ((id, _), path) in guests.iter().zip(&PATHS) {
        rig.tag(id, &[OPT_IN, PROBE, REMEDIATE, ("osferry:target", path.target)]).await?;
    }
    let mut snapshots = before.snapshots.clone();
    let mut records = Vec::new();
    for (id, _) in &guests {
        records.push(rig.outcome(id, 2 * LIMIT).await?);
    }
    let ends: Vec<_> = records.iter().map(|record| (record.hops[0].engine, record.state, &record.cause)).collect();
    assert_eq!(ends, PATHS.map(|path| (path.engine, State::Ended(Outcome::Succeeded), &None)));
    for ((record, (_, sums)), path) in records.iter().zip(&guests).zip(&PATHS) {
        ended(rig, record, Outcome::Succeeded).await?;
        assert_eq!(record.hops.len(), 1, "{:?}", record.hops);
        one_snapshot_per_disk(rig, record).await?;
        snapshots.extend(rig.snapshots_of(record).await?.into_iter().map(|snapshot| snapshot.snapshot_id));
        runs(rig, record, path, sums).await?;
    }
    // One of each disk, and the media; the media's disk is released.
    rig.holds_only(&Inventory { snapshots, ..before }).await?;
    no_dead_letters(rig).await?;
    world.end()
}

/// The new system, with what its people had.
async fn runs(rig: &Rig, record: &Record, path: &Path, sums: &str) -> Result<(), Error> {
    let (id, engine) = (&record.instance_id, path.engine.name());
    let tags = rig.tags(id).await?;
    assert_eq!(
        (tags["osferry"].as_str(), tags["osferry:os"].contains(path.target)),
        ("migrated", true),
        "{engine}: {tags:?}"
    );
    let (console, _) = rig.console(id).await?;
    assert!(console.contains("login: ") || path.os.is_none(), "{engine}: {console}");
    let Some(os) = path.os else { return Ok(()) };
    assert_eq!(rig.os(id).await?, os, "{engine}");
    assert_eq!(rig.run_in_guest(id, SUMS).await?, sums, "{engine}: a person's files stay as they were");
    Ok(())
}
