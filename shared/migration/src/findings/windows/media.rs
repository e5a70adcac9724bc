//! The media disk, and what Setup on it says.

use serde::{Deserialize, Serialize};

use super::WindowsFacts;
use crate::check::{Finding, Severity};
use crate::os::Edition;
use crate::path::Hop;
use crate::windows::{Issue, IssueKind, Verdict, build_of, hex, setup_result, setup_scans};

/// The media disk, as the guest sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// Where it is, `E:\`; empty when no disk with media was found.
    pub path: String,
    /// Its language, `zh-CN`; empty when it does not say.
    pub language: String,
    /// The Windows that can be installed from it.
    pub images: Vec<MediaImage>,
}

/// One Windows on the media.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaImage {
    /// Its index in `install.wim`, from 1.
    pub index: u32,
    /// Its build number.
    pub build: u32,
    /// Its `EditionID`, `ServerDatacenter`.
    pub edition_id: String,
    /// Whether it is a Server Core.
    pub core: bool,
}

/// Setup's compatibility scan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scan {
    /// It was not made: the guest is not prepared, or the media know no scan.
    #[default]
    None,
    /// It runs; ask again.
    Running,
    /// It ended with this exit code of Setup.
    Done(i64),
}

/// The index of the image to install: the destination's Datacenter edition, with or without desktop as the
/// installed Windows.
pub fn image_index(facts: &WindowsFacts, hop: &Hop) -> Option<u32> {
    let build = build_of(&hop.to)?;
    let datacenter = |image: &&MediaImage| Edition::from_edition_id(&image.edition_id) == Some(Edition::Datacenter);
    let fits = |image: &&MediaImage| image.build == build && image.core == facts.core && datacenter(image);
    facts.media.as_ref()?.images.iter().find(fits).map(|image| image.index)
}

pub(super) fn judge_media(facts: &WindowsFacts, media: &Media, hop: &Hop) -> Vec<Finding> {
    let mut findings = Vec::new();
    if media.path.is_empty() {
        findings.push(Finding::block(
            "windows.media",
            "no disk with installation media is in the guest",
            "see that the media's snapshot holds setup.exe and sources on a formatted volume",
        ));
        return findings;
    }
    if !media.language.eq_ignore_ascii_case(&facts.language) {
        findings.push(Finding::block(
            "windows.media-language",
            format!("the media are {:?}, the guest is {:?}", media.language, facts.language),
            "an upgrade keeps the language: give the media of the guest's language in the settings",
        ));
    }
    match image_index(facts, hop) {
        // Which image the older Setup takes cannot be said to it unattended.
        Some(_) if !setup_scans(&hop.to) && media.images.len() > 1 => findings.push(Finding::block(
            "windows.media",
            format!("the media hold {} images, and Setup of {} cannot be told which", media.images.len(), hop.to),
            "export the wanted image alone into the media's install.wim (dism /export-image)",
        )),
        Some(index) => {
            findings.push(Finding::info("windows.media", format!("image {index} of {} will be installed", media.path)))
        }
        None => {
            let held: Vec<String> = media.images.iter().map(describe).collect();
            findings.push(Finding::block(
                "windows.media",
                format!(
                    "the media hold no {} Datacenter {}: {}",
                    hop.to,
                    if facts.core { "Server Core" } else { "with desktop" },
                    if held.is_empty() { "nothing".to_owned() } else { held.join(", ") }
                ),
                "give media of the destination in the settings",
            ));
        }
    }
    findings
}

fn describe(image: &MediaImage) -> String {
    let core = if image.core { " Core" } else { "" };
    format!("{}: {}{core} build {}", image.index, image.edition_id, image.build)
}

pub(super) fn judge_scan(facts: &WindowsFacts, hop: &Hop) -> Vec<Finding> {
    let mut findings: Vec<Finding> = facts.issues.iter().map(judge_issue).collect();
    let Scan::Done(code) = facts.scan else {
        if !setup_scans(&hop.to) {
            findings.push(Finding::warn(
                "windows.scan",
                format!("Setup of {} knows no compatibility scan", hop.to),
                "what stands against the upgrade is found only when Setup runs: make a drill first",
            ));
        }
        return findings;
    };
    let hex = hex(code);
    findings.push(match setup_result(code) {
        Some(known) if known.verdict == Verdict::Go => {
            Finding::info("windows.scan", format!("Setup's compatibility scan: {} ({hex})", known.meaning))
        }
        Some(known) => Finding::block(
            "windows.scan",
            format!("Setup's compatibility scan: {} ({hex})", known.meaning),
            known.remedy,
        ),
        None => Finding::block(
            "windows.scan",
            format!("Setup's compatibility scan ended with {hex}"),
            r"read C:\$WINDOWS.~BT\Sources\Panther\setuperr.log",
        ),
    });
    findings
}

fn judge_issue(issue: &Issue) -> Finding {
    let (id, what, remedy) = match issue.kind {
        IssueKind::Program => ("windows.scan-program", "program", "uninstall or update it"),
        IssueKind::Driver => ("windows.scan-driver", "driver", "update or remove it (pnputil)"),
        IssueKind::Device => ("windows.scan-driver", "device", "update or remove its driver"),
        IssueKind::Hardware => ("windows.scan-hardware", "machine", "see what Setup says of it"),
    };
    let message = if issue.message.is_empty() { String::new() } else { format!(": {}", issue.message) };
    let found = format!("Setup does not like the {what} {}{message}", issue.name);
    let severity = if issue.blocks { Severity::Block } else { Severity::Warn };
    Finding { severity, ..Finding::block(id, found, remedy) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{hop, media, prepared, to_2019};
    use super::super::{WindowsFacts, judge_windows};
    use super::*;
    use crate::findings::testing::ids;
    use crate::windows::SETUP_RESULTS;

    #[test]
    fn every_result_of_the_scan_is_judged() {
        for known in &SETUP_RESULTS {
            // As PowerShell tells an exit code: signed.
            let signed = i64::from(known.code.cast_signed());
            let facts = WindowsFacts { scan: Scan::Done(signed), ..prepared() };
            let findings = judge_windows(&facts, &to_2019());
            let expected: &[&str] = if known.verdict == Verdict::Go { &[] } else { &["windows.scan"] };
            assert_eq!(ids(&findings), expected, "{known:?}");
            let finding = findings.iter().find(|finding| finding.id == "windows.scan").unwrap();
            assert!(finding.found.contains(known.meaning) && finding.found.contains(&hex(signed)));
        }
        let running = WindowsFacts { scan: Scan::Running, ..prepared() };
        assert!(judge_windows(&running, &to_2019()).iter().all(|finding| finding.id != "windows.scan"));
    }

    #[test]
    fn the_image_is_the_datacenter_like_the_installed_one() {
        let index = |core| image_index(&WindowsFacts { core, ..prepared() }, &to_2019());
        assert_eq!((index(false), index(true)), (Some(4), Some(3)));
        assert_eq!(image_index(&WindowsFacts { media: None, ..prepared() }, &to_2019()), None);
    }

    #[test]
    fn the_older_setup_takes_media_of_one_image_only() {
        let hop = hop("Windows Server 2008 R2", "Windows Server 2012 R2");
        let mut facts = WindowsFacts { build: 7601, edition_id: "ServerEnterprise".into(), ..prepared() };
        facts.media = Some(media(9600));
        facts.scan = Scan::None;
        assert_eq!(ids(&judge_windows(&facts, &hop)), ["windows.media"]);
        facts.media.as_mut().unwrap().images.drain(..3);
        let findings = judge_windows(&facts, &hop);
        assert_eq!(ids(&findings), [""; 0]);
        assert!(findings.iter().any(|finding| finding.id == "windows.scan" && finding.severity == Severity::Warn));
    }
}
