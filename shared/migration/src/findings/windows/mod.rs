//! What a Windows guest can tell before the migration.

mod after;
mod media;

use serde::{Deserialize, Serialize};

pub use after::{WindowsAfter, judge_windows_after};
pub use media::{Media, MediaImage, Scan, image_index};

use crate::check::Finding;
use crate::os::{Edition, Os};
use crate::path::Hop;
use crate::windows::Issue;

/// What a Windows guest tells of itself before the migration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowsFacts {
    /// Build number, `14393`.
    pub build: u32,
    /// `EditionID` of the registry, `ServerDatacenter`.
    pub edition_id: String,
    /// Whether it is a Server Core.
    pub core: bool,
    /// Language of the system's user interface, `zh-CN`.
    pub language: String,
    /// Whether it is a 64-bit Windows.
    pub x64: bool,
    /// Boot id of the running system.
    pub boot_id: String,
    /// Logical processors.
    pub cpus: u64,
    /// Memory that Windows sees, MiB.
    pub memory_mib: u64,
    /// Free space on C:, MiB.
    pub free_mib: u64,
    /// Size of C:\Windows, MiB, without what is linked into it from elsewhere.
    pub windows_mib: u64,
    /// Who waits for a reboot (`component servicing`, `Windows Update`, `file renames`).
    pub pending_reboot: Vec<String>,
    /// Whether an earlier upgrade left `C:\$WINDOWS.~BT` behind that is not this migration's.
    pub leftovers: bool,
    /// `LicenseStatus` of the installed Windows: 1 is activated.
    pub license_status: u64,
    /// How it is licensed, `VOLUME_KMSCLIENT`, `VOLUME_MAK`, `RETAIL`.
    pub license_channel: String,
    /// Network teams.
    pub nic_teams: Vec<String>,
    /// Whether it is a member of a failover cluster.
    pub cluster: bool,
    /// Whether it is a domain controller.
    pub domain_controller: bool,
    /// Drives that BitLocker protects.
    pub bitlocker: Vec<String>,
    /// Whether it was booted from a virtual disk file.
    pub boots_from_vhd: bool,
    /// Antivirus and protection products.
    pub antivirus: Vec<String>,
    /// Installed roles.
    pub roles: Vec<String>,
    /// What the media disk holds; None before the guest was prepared.
    pub media: Option<Media>,
    /// What Setup's compatibility scan says.
    pub scan: Scan,
    /// Where its reports are in the guest, to be read with the script `file`.
    pub reports: Vec<String>,
    /// What the reports say ([`crate::windows::read_compat_report`]).
    pub issues: Vec<Issue>,
}

/// Drive C: must have this much free space, MiB. Source: ECS "Windows operating system migration".
const FREE_MIB: u64 = 20 * 1024;
/// ECS asks for 2 vCPUs and 2 GiB; Windows sees a little less memory than the instance type has.
const CPUS: u64 = 2;
const MEMORY_MIB: u64 = 1900;

/// The migratability check: can this Windows take this hop?
pub fn judge_windows(facts: &WindowsFacts, hop: &Hop) -> Vec<Finding> {
    let mut findings = judge_system(facts, hop);
    findings.extend(judge_size(facts));
    findings.extend(judge_state(facts));
    findings.extend(judge_surroundings(facts));
    if let Some(media) = &facts.media {
        findings.extend(media::judge_media(facts, media, hop));
        findings.extend(media::judge_scan(facts, hop));
    }
    findings
}

fn judge_system(facts: &WindowsFacts, hop: &Hop) -> Vec<Finding> {
    let mut findings = Vec::new();
    match Os::from_windows_build(facts.build) {
        Some(os) if os.same_release(&hop.from) => {
            findings.push(Finding::info("windows.release", format!("the guest runs {os}, build {}", facts.build)))
        }
        told => findings.push(Finding::block(
            "windows.release",
            format!(
                "the guest runs build {} ({}), not {}",
                facts.build,
                told.map_or("not a Windows Server that is known".to_owned(), |os| os.to_string()),
                hop.from
            ),
            "the name in the console is the image's, not the guest's: choose a path from what the guest runs",
        )),
    }
    // Evaluation, Storage Server, Essentials: EditionID says more than the edition's name.
    let upgradable = ["ServerDatacenter", "ServerStandard", "ServerEnterprise"]
        .iter()
        .any(|id| [*id, &format!("{id}Cor"), &format!("{id}Core")].contains(&facts.edition_id.as_str()));
    if !upgradable {
        findings.push(Finding::block(
            "windows.edition",
            format!("the edition is {:?}", facts.edition_id),
            "only Datacenter, Standard and Enterprise can be upgraded: convert an evaluation edition with `dism \
             /online /set-edition` first; there is no path for the others",
        ));
    }
    let editions = hop.editions();
    if let Some(edition) = Edition::from_edition_id(&facts.edition_id)
        && upgradable
        && !editions.is_empty()
        && !editions.contains(&edition)
    {
        let editions: Vec<&str> = editions.iter().map(|edition| edition.name()).collect();
        findings.push(Finding::block(
            "windows.edition",
            format!("this path begins at the editions {}, this is {}", editions.join(" and "), edition.name()),
            "choose another destination, or move to a new instance",
        ));
    }
    if !facts.x64 {
        findings.push(Finding::block(
            "windows.architecture",
            "it is a 32-bit Windows",
            "a 32-bit Windows cannot be upgraded to a 64-bit one: move the data to a new instance",
        ));
    }
    findings
}

fn judge_size(facts: &WindowsFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if facts.cpus < CPUS {
        findings.push(Finding::block(
            "windows.cpu",
            format!("there is {} vCPU, {CPUS} are needed", facts.cpus),
            "change the instance type",
        ));
    }
    if facts.memory_mib < MEMORY_MIB {
        findings.push(Finding::block(
            "windows.memory",
            format!("Windows sees {} MiB of memory, 2 GiB are needed", facts.memory_mib),
            "change the instance type",
        ));
    }
    let needed = FREE_MIB.max(facts.windows_mib);
    if facts.free_mib < needed {
        findings.push(Finding::block(
            "windows.disk-space",
            format!(
                "{} MiB are free on C:, {needed} MiB are needed (20 GiB, and more than C:\\Windows, which has {} MiB)",
                facts.free_mib, facts.windows_mib
            ),
            "extend the system disk and drive C:, or delete what is not needed there",
        ));
    }
    findings
}

fn judge_state(facts: &WindowsFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !facts.pending_reboot.is_empty() {
        findings.push(Finding::block(
            "windows.pending-reboot",
            format!("a reboot is pending: {}", facts.pending_reboot.join(", ")),
            "reboot, then try again",
        ));
    }
    if facts.leftovers {
        findings.push(Finding::block(
            "windows.leftovers",
            r"an earlier upgrade left C:\$WINDOWS.~BT behind",
            r"reboot, and delete C:\$WINDOWS.~BT with Disk Cleanup or by hand",
        ));
    }
    if facts.license_status != 1 {
        findings.push(Finding::warn(
            "windows.activation",
            format!("this Windows is not activated (LicenseStatus {})", facts.license_status),
            "the new one will be activated by KMS: see that TCP 1688 to kms.cloud.aliyuncs.com is open, and that the \
             clock is right",
        ));
    }
    if !facts.license_channel.is_empty() && !facts.license_channel.starts_with("VOLUME_KMS") {
        findings.push(Finding::warn(
            "windows.license-channel",
            format!("this Windows is licensed by {}", facts.license_channel),
            "the new one will be activated by KMS as Datacenter: see that your licence covers that",
        ));
    }
    findings
}

fn judge_surroundings(facts: &WindowsFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !facts.nic_teams.is_empty() {
        findings.push(Finding::block(
            "windows.nic-teaming",
            format!("network adapters are teamed: {}", facts.nic_teams.join(", ")),
            "dissolve the teams (Remove-NetLbfoTeam) and make them anew afterwards",
        ));
    }
    if facts.boots_from_vhd {
        findings.push(Finding::block(
            "windows.boot-from-vhd",
            "Windows was booted from a virtual disk file",
            "such a Windows cannot be upgraded: move the data to a new instance",
        ));
    }
    if facts.cluster {
        findings.push(Finding::block(
            "windows.cluster",
            "it is a member of a failover cluster",
            "a cluster is upgraded node by node, one version at a time: evict the node first",
        ));
    }
    if facts.domain_controller {
        findings.push(Finding::warn(
            "windows.domain-controller",
            "it is a domain controller",
            "prepare forest and domain first (adprep), and never reset it alone to a snapshot: better add a new domain \
             controller and demote this one",
        ));
    }
    if !facts.bitlocker.is_empty() {
        findings.push(Finding::warn(
            "windows.bitlocker",
            format!("BitLocker protects {}", facts.bitlocker.join(", ")),
            "suspend it for the upgrade (manage-bde -protectors -disable C: -RebootCount 0), resume it afterwards",
        ));
    }
    if !facts.antivirus.is_empty() {
        findings.push(Finding::warn(
            "windows.antivirus",
            format!("protection software runs: {}", facts.antivirus.join(", ")),
            "switch it off for the upgrade, or make sure that its version supports the destination",
        ));
    }
    if !facts.roles.is_empty() {
        findings.push(Finding::info("windows.roles", format!("installed roles: {}", facts.roles.join(", "))));
    }
    findings
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::testing::ids;
    use super::*;
    use crate::check::Severity;
    use crate::path::Engine;
    use crate::windows::IssueKind;

    pub fn hop(from: &str, to: &str) -> Hop {
        let os = |name| Os::from_ecs_name(name).unwrap();
        Hop { from: os(from), to: os(to), engine: Engine::WindowsSetup }
    }

    pub fn to_2019() -> Hop {
        hop("Windows Server 2016", "Windows Server 2019")
    }

    /// Images 1 to 4 as on every server media.
    pub fn media(build: u32) -> Media {
        let image = |index, edition: &str, core| MediaImage { index, build, edition_id: edition.into(), core };
        let (standard, datacenter) = ("ServerStandard", "ServerDatacenter");
        Media {
            path: "E:\\".into(),
            language: "en-us".into(),
            images: vec![
                image(1, standard, true),
                image(2, standard, false),
                image(3, datacenter, true),
                image(4, datacenter, false),
            ],
        }
    }

    fn good() -> WindowsFacts {
        WindowsFacts {
            build: 14393,
            edition_id: "ServerDatacenter".into(),
            language: "en-US".into(),
            x64: true,
            cpus: 2,
            memory_mib: 2047,
            free_mib: 20480,
            windows_mib: 17000,
            license_status: 1,
            license_channel: "VOLUME_KMSCLIENT".into(),
            ..WindowsFacts::default()
        }
    }

    pub fn prepared() -> WindowsFacts {
        WindowsFacts { media: Some(media(17763)), scan: Scan::Done(-1047526896), ..good() }
    }

    #[test]
    fn each_fact_trips_its_check_alone() {
        for facts in [good(), prepared()] {
            let findings = judge_windows(&facts, &to_2019());
            assert!(findings.iter().all(|finding| finding.severity == Severity::Info), "{findings:?}");
        }
        type Break = fn(&mut WindowsFacts);
        let x = || vec!["x".to_owned()];
        let table: [(&str, Break); 23] = [
            ("windows.release", |f| f.build = 17763),
            ("windows.release", |f| f.build = 1),
            ("windows.edition", |f| f.edition_id = "ServerDatacenterEval".into()),
            ("windows.edition", |f| f.edition_id = "ServerStorageStandard".into()),
            ("windows.architecture", |f| f.x64 = false),
            ("windows.cpu", |f| f.cpus = 1),
            ("windows.memory", |f| f.memory_mib = 1023),
            ("windows.disk-space", |f| f.free_mib = 20479),
            ("windows.disk-space", |f| f.windows_mib = 20481),
            ("windows.pending-reboot", |f| f.pending_reboot = vec!["Windows Update".into()]),
            ("windows.leftovers", |f| f.leftovers = true),
            ("windows.nic-teaming", |f| f.nic_teams = vec!["Team1".into()]),
            ("windows.cluster", |f| f.cluster = true),
            ("windows.boot-from-vhd", |f| f.boots_from_vhd = true),
            ("windows.media", |f| f.media = Some(Media::default())),
            ("windows.media", |f| f.media = Some(media(20348))),
            ("windows.media", |f| f.media.as_mut().unwrap().images.truncate(3)),
            ("windows.media", |f| f.media.as_mut().unwrap().images.clear()),
            ("windows.media-language", |f| f.media.as_mut().unwrap().language = "zh-CN".into()),
            ("windows.scan", |f| f.scan = Scan::Done(1)),
            ("windows.scan-program", |f| f.issues = vec![issue(IssueKind::Program, true)]),
            ("windows.scan-driver", |f| f.issues = vec![issue(IssueKind::Driver, true)]),
            ("windows.scan-hardware", |f| f.issues = vec![issue(IssueKind::Hardware, true)]),
        ];
        for (id, break_it) in table {
            let mut facts = prepared();
            break_it(&mut facts);
            let findings = judge_windows(&facts, &to_2019());
            assert_eq!(ids(&findings), [id]);
            assert!(findings.iter().filter(|finding| finding.blocks()).all(|finding| !finding.remedy.is_empty()));
        }
        let warnings: [(&str, Break); 7] = [
            ("windows.activation", |f| f.license_status = 5),
            ("windows.license-channel", |f| f.license_channel = "RETAIL".into()),
            ("windows.domain-controller", |f| f.domain_controller = true),
            ("windows.bitlocker", |f| f.bitlocker = vec!["C:".into()]),
            ("windows.antivirus", |f| f.antivirus = vec!["Example Antivirus".into()]),
            ("windows.scan-program", |f| f.issues = vec![issue(IssueKind::Program, false)]),
            ("windows.scan-driver", |f| f.issues = vec![issue(IssueKind::Device, false)]),
        ];
        for (id, break_it) in warnings {
            let mut facts = prepared();
            break_it(&mut facts);
            let findings = judge_windows(&facts, &to_2019());
            let warned: Vec<_> = findings.iter().filter(|f| f.severity == Severity::Warn).map(|f| &f.id).collect();
            assert_eq!(warned, [id]);
            assert_eq!(ids(&findings), [""; 0]);
        }
        let facts = WindowsFacts { roles: x(), ..good() };
        assert!(judge_windows(&facts, &to_2019()).iter().any(|finding| finding.id == "windows.roles"));
    }

    #[test]
    fn a_path_begins_at_its_editions_only() {
        let judge = |edition: &str, from: &str, to: &str| {
            let hop = hop(from, to);
            let build = crate::windows::build_of(&hop.from).unwrap();
            let findings = judge_windows(&WindowsFacts { build, edition_id: edition.into(), ..good() }, &hop);
            ids(&findings).contains(&"windows.edition")
        };
        for (edition, from, to, blocked) in [
            ("ServerStandard", "Windows Server 2016", "Windows Server 2022", false),
            ("ServerStandard", "Windows Server 2019", "Windows Server 2022", true),
            ("ServerDatacenterCor", "Windows Server 2019", "Windows Server 2022", false),
            ("ServerDatacenter", "Windows Server 2008 R2", "Windows Server 2012 R2", true),
            ("ServerEnterprise", "Windows Server 2008 R2", "Windows Server 2012 R2", false),
        ] {
            assert_eq!(judge(edition, from, to), blocked, "{edition} {from}");
        }
    }

    pub fn issue(kind: IssueKind, blocks: bool) -> Issue {
        Issue { kind, name: "thing".into(), message: String::new(), blocks }
    }
}
