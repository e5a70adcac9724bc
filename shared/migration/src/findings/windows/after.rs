//! What a Windows guest can tell after the migration, besides what every guest tells.

use serde::{Deserialize, Serialize};

use crate::check::Finding;
use crate::os::Edition;

/// What a Windows guest tells of itself after the migration. Release, boot, services, ports, users and probes
/// are in [`crate::findings::AfterFacts`], as for every guest; an empty list says that everything of before is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowsAfter {
    /// `EditionID` of the registry.
    pub edition_id: String,
    /// Whether it is a Server Core now, and was before.
    pub core: bool,
    /// The same, before.
    pub core_before: bool,
    /// Language of the system's user interface.
    pub language: String,
    /// The same, before.
    pub language_before: String,
    /// `LicenseStatus`: 1 is activated.
    pub license_status: u64,
    /// What the activation complained of; empty when it did not.
    pub activation_error: String,
    /// Shared folders that are gone.
    pub shares_lost: Vec<String>,
    /// Scheduled tasks, other than Windows' own, that are gone or disabled.
    pub tasks_lost: Vec<String>,
    /// Drives that are gone.
    pub drives_lost: Vec<String>,
    /// Roles that are gone.
    pub roles_lost: Vec<String>,
}

/// Remedies by the error of an activation. Source: Microsoft, "Volume activation error codes".
const ACTIVATION: [(&str, &str); 4] = [
    ("C004F074", "no KMS answers: open TCP 1688 to the KMS host, then `slmgr /ato`"),
    ("C004F06C", "the clock is off by more than four hours: set it, then `slmgr /ato`"),
    ("C004F00F", "the key does not fit the edition: `slmgr /ipk` with the edition's KMS key, then `slmgr /ato`"),
    ("C004F015", "the key does not fit the edition: `slmgr /ipk` with the edition's KMS key, then `slmgr /ato`"),
];

/// The part of the verification that only Windows needs.
pub fn judge_windows_after(facts: &WindowsAfter) -> Vec<Finding> {
    let mut findings = Vec::new();
    if Edition::from_edition_id(&facts.edition_id) != Some(Edition::Datacenter) || facts.core != facts.core_before {
        let desktop = |core| if core { "Server Core" } else { "with desktop" };
        findings.push(Finding::block(
            "after.edition",
            format!(
                "the guest is {} {}, not Datacenter {}",
                facts.edition_id,
                desktop(facts.core),
                desktop(facts.core_before)
            ),
            "see which image of the media was installed",
        ));
    }
    if !facts.language.eq_ignore_ascii_case(&facts.language_before) {
        findings.push(Finding::block(
            "after.language",
            format!("the language is {:?}, it was {:?}", facts.language, facts.language_before),
            "give media of the guest's language in the settings",
        ));
    }
    if !facts.drives_lost.is_empty() {
        findings.push(Finding::block(
            "after.drives",
            format!("drives are gone: {}", facts.drives_lost.join(", ")),
            "see in Disk Management whether the disks are offline (SAN policy) or have lost their letters",
        ));
    }
    if facts.license_status == 1 {
        findings.push(Finding::info("after.activation", "Windows is activated"));
    } else {
        let known = ACTIVATION.iter().find(|(code, _)| facts.activation_error.to_uppercase().contains(code));
        let remedy =
            known.map_or("see `slmgr /dlv`; open TCP 1688 to the KMS host, then `slmgr /ato`", |known| known.1);
        findings.push(Finding::warn(
            "after.activation",
            format!("Windows is not activated (LicenseStatus {}): {}", facts.license_status, facts.activation_error),
            remedy,
        ));
    }
    for (id, what, lost, remedy) in [
        (
            "after.roles",
            "roles are gone",
            &facts.roles_lost,
            "see whether the destination has them, and install them again",
        ),
        ("after.shares", "shared folders are gone", &facts.shares_lost, "share them again"),
        ("after.tasks", "scheduled tasks are gone or disabled", &facts.tasks_lost, "enable or import them again"),
    ] {
        if !lost.is_empty() {
            findings.push(Finding::warn(id, format!("{what}: {}", lost.join(", ")), remedy));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Severity;

    fn good() -> WindowsAfter {
        WindowsAfter {
            edition_id: "ServerDatacenter".into(),
            language: "zh-CN".into(),
            language_before: "zh-CN".into(),
            license_status: 1,
            ..WindowsAfter::default()
        }
    }

    #[test]
    fn each_fact_afterwards_trips_its_check_alone() {
        let bad = |facts: &WindowsAfter| {
            let found = judge_windows_after(facts).into_iter().filter(|finding| finding.severity != Severity::Info);
            found.map(|finding| (finding.id, finding.severity)).collect::<Vec<_>>()
        };
        assert_eq!(bad(&good()), []);
        type Break = fn(&mut WindowsAfter);
        let table: [(&str, Severity, Break); 9] = [
            ("after.edition", Severity::Block, |f| f.edition_id = "ServerStandard".into()),
            ("after.edition", Severity::Block, |f| f.core = true),
            ("after.edition", Severity::Block, |f| f.core_before = true),
            ("after.language", Severity::Block, |f| f.language = "en-US".into()),
            ("after.drives", Severity::Block, |f| f.drives_lost = vec!["D:".into()]),
            ("after.activation", Severity::Warn, |f| f.license_status = 5),
            ("after.roles", Severity::Warn, |f| f.roles_lost = vec!["Web-Server".into()]),
            ("after.shares", Severity::Warn, |f| f.shares_lost = vec!["orders".into()]),
            ("after.tasks", Severity::Warn, |f| f.tasks_lost = vec!["\\backup".into()]),
        ];
        for (id, severity, break_it) in table {
            let mut facts = good();
            break_it(&mut facts);
            assert_eq!(bad(&facts), [(id.to_owned(), severity)]);
        }
    }

    #[test]
    fn each_error_of_the_activation_has_its_remedy() {
        let remedy = |error: &str| {
            let facts = WindowsAfter { license_status: 5, activation_error: error.into(), ..good() };
            judge_windows_after(&facts).remove(0).remedy
        };
        assert!(remedy("0xC004F074: the KMS could not be contacted").contains("1688"));
        assert!(remedy("0xc004f06c").contains("clock"));
        assert!(remedy("0xC004F015").contains("/ipk"));
        assert!(remedy("").contains("/dlv"));
    }
}
