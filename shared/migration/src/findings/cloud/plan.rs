//! What the way and its snapshots ask of the instance.

use super::CloudFacts;
use crate::check::Finding;
use crate::os::{Language, Os};
use crate::path::{Engine, Hop};
use crate::policy::{Mode, Policy};

/// Regions where the vendor migrates Windows Server. Source: ECS "Operating system migration", limits.
const WINDOWS_REGIONS: &[&str] = &[
    "cn-hangzhou",
    "cn-shanghai",
    "cn-qingdao",
    "cn-beijing",
    "cn-zhangjiakou",
    "cn-huhehaote",
    "cn-wulanchabu",
    "cn-shenzhen",
    "cn-heyuan",
    "cn-guangzhou",
    "cn-chengdu",
    "cn-hongkong",
    "cn-wuhan-lr",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-southeast-1",
    "ap-southeast-3",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "eu-central-1",
    "eu-west-1",
    "us-west-1",
    "us-east-1",
    "me-central-1",
];

/// Memory that a hop needs, MiB. Sources: leapp, check of memory for Red Hat Enterprise Linux 8 (x86_64, aarch64); ECS
/// "Operating system migration", limits (Windows; everything else).
fn memory_needed(engine: Engine) -> u32 {
    match engine {
        Engine::WindowsSetup => 2048,
        Engine::Leapp => 1536,
        _ => 600,
    }
}

/// The hops, against the instance.
pub(super) fn judge(facts: &CloudFacts, hops: &[Hop], findings: &mut Vec<Finding>) {
    let hungriest = hops.iter().max_by_key(|hop| memory_needed(hop.engine));
    if let Some(hop) = hungriest {
        let needed = memory_needed(hop.engine);
        if facts.memory_mib != 0 && facts.memory_mib < needed {
            findings.push(Finding::block(
                "cloud.memory",
                format!(
                    "the instance type has {} MiB of memory, {} needs {needed}",
                    facts.memory_mib,
                    hop.engine.name()
                ),
                "change to a larger instance type, at least for the time of the migration",
            ));
        }
    }
    if hops.iter().any(|hop| hop.engine == Engine::WindowsSetup) {
        judge_windows(facts, hops, findings);
    }
    if facts.network_interfaces > 1 && hops.iter().any(|hop| hop.engine == Engine::Leapp) {
        findings.push(Finding::warn(
            "cloud.network-interfaces",
            format!(
                "the instance has {} network interfaces: leapp refuses several that are named ethX",
                facts.network_interfaces
            ),
            "detach the secondary interfaces for the time of the migration, or rename them in the guest; \
             the check in the guest decides",
        ));
    }
}

fn judge_windows(facts: &CloudFacts, hops: &[Hop], findings: &mut Vec<Finding>) {
    if facts.cpu == 1 {
        findings.push(Finding::block(
            "cloud.vcpu",
            "the instance type has 1 vCPU, Windows Setup needs 2",
            "change to a larger instance type, at least for the time of the migration",
        ));
    }
    if !WINDOWS_REGIONS.contains(&facts.region.as_str()) {
        findings.push(Finding::block(
            "cloud.region",
            format!("Windows Server is not migrated in region {:?}", facts.region),
            "copy an image of the instance to a region where it is, or move to a new instance",
        ));
    }
    let language = facts.system.as_ref().and_then(crate::os::System::language);
    let missing: Vec<String> = hops.iter().filter_map(|hop| missing_media(facts, &hop.to, language)).collect();
    if !missing.is_empty() {
        findings.push(Finding::block(
            "cloud.media",
            format!("no installation media are configured for {}", missing.join(" and ")),
            "make a snapshot of a disk that holds the media in that language, and name it in WINDOWS_MEDIA",
        ));
    }
}

/// The media that are missing for `to`, for people. While the language is not known any will do: the guest tells it.
fn missing_media(facts: &CloudFacts, to: &Os, language: Option<Language>) -> Option<String> {
    let version = media_version(to);
    let there = match language {
        Some(language) => facts.media.contains(&format!("{version} {}", language.tag())),
        None => facts.media.iter().any(|media| media.split(' ').next() == Some(&version)),
    };
    let language = language.map(|language| format!(" ({})", language.tag())).unwrap_or_default();
    (!there).then(|| format!("{to}{language}"))
}

/// The version in the operator's list of media: `2019`, `2012R2`.
pub fn media_version(os: &Os) -> String {
    format!("{}{}", os.major, if os.minor == Some(2) { "R2" } else { "" })
}

/// Most disks of a snapshot-consistent group, and most GiB. Source: ECS API reference, CreateSnapshotGroup; some
/// regions allow more.
const GROUP_DISKS: usize = 16;
const GROUP_GIB: u64 = 32 * 1024;

/// The snapshots that are going to be taken on a way of so many hops.
pub(super) fn judge_snapshots(facts: &CloudFacts, hops: usize, policy: &Policy, findings: &mut Vec<Finding>) {
    let gib: u64 = facts.disks.iter().map(|disk| u64::from(disk.size_gib)).sum();
    let others: Vec<&str> =
        facts.disks.iter().filter(|disk| !disk.groupable && !disk.volatile()).map(|disk| disk.id.as_str()).collect();
    let reason = match facts.disks.len() {
        0 | 1 => None,
        n if n > GROUP_DISKS => Some(format!("the instance has {n} disks, a snapshot group holds {GROUP_DISKS}")),
        _ if gib > GROUP_GIB => Some(format!("the disks have {gib} GiB, a snapshot group holds {GROUP_GIB}")),
        _ if !others.is_empty() => {
            Some(format!("{} are no ESSDs, a snapshot group takes ESSDs only", others.join(", ")))
        }
        _ => None,
    };
    if let Some(reason) = reason {
        findings.push(Finding::warn(
            "cloud.snapshot-group",
            format!("{reason}: the snapshots will not be of one moment"),
            "stop applications that write to several disks before the migration, or change the disks' category to ESSD",
        ));
    }
    let deleted: Vec<&str> =
        facts.disks.iter().filter(|disk| disk.delete_auto_snapshot).map(|disk| disk.id.as_str()).collect();
    if !deleted.is_empty() {
        findings.push(Finding::warn(
            "cloud.delete-auto-snapshot",
            format!("automatic snapshots are deleted together with {}", deleted.join(", ")),
            "if they are your backup, switch that off (ModifyDiskAttribute, DeleteAutoSnapshot) before a disk is ever replaced",
        ));
    }
    if gib > 0 {
        findings.push(Finding::info("cloud.snapshot-cost", cost(facts, gib, hops, policy)));
    }
}

/// How often all disks are snapshotted: before every hop, and once for a drill, whose clone goes all the way.
fn rounds(hops: usize, mode: Mode) -> u64 {
    let hops = hops.max(1) as u64;
    match mode {
        // A check says what the migration would cost.
        Mode::Migrate | Mode::Check => hops,
        Mode::Drill => 1,
        Mode::DrillThenMigrate => 1 + hops,
    }
}

/// What the snapshots of disks of `gib` cost at most: ECS charges the blocks that are used.
fn cost(facts: &CloudFacts, gib: u64, hops: usize, policy: &Policy) -> String {
    let rounds = rounds(hops, policy.mode);
    let failed = policy.keep_failed_disk.then(|| facts.disks.iter().find(|disk| disk.system)).flatten();
    let failed = failed.map(|disk| u64::from(disk.size_gib));
    let gib = gib * rounds + failed.unwrap_or(0);
    let mut parts = Vec::new();
    if rounds > 1 {
        parts.push(format!("{rounds} times every disk"));
    }
    if failed.is_some() {
        parts.push("the system disk once more if it fails".to_owned());
    }
    let parts = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
    let days = policy.kept_days();
    let kept = format!("snapshots of at most {gib} GiB{parts} are kept for {days} days");
    let price = facts.snapshot_price.as_deref();
    match price.map(|price| price.trim().parse::<f64>().ok().filter(|price| price.is_finite())) {
        None => format!("{kept}; no price is configured (SNAPSHOT_PRICE)"),
        Some(None) => format!("{kept}; the configured price is not a number (SNAPSHOT_PRICE)"),
        Some(Some(price)) => {
            // Exact enough: these are estimates of an upper bound.
            let total = gib as f64 * price * f64::from(days) / 30.0;
            format!("{kept}: at most {total:.2} at {price} per GiB and month")
        }
    }
}
