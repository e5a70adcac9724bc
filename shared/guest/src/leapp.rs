//! leapp's report: `/var/log/leapp/leapp-report.json`, in the schemas 1.0.0, 1.1.0 (inhibitors are `flags`) and 1.2.0
//! (they are `groups`). Source: leapp-repository, AlmaLinux branch; leapp's own `is_inhibitor` looks at both.

use migration::leapp::{LeappEntry, LeappRemediation, LeappSeverity};
use serde::Deserialize;
use serde_json::Value;

/// What leapp found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Its entries, in leapp's order.
    pub entries: Vec<LeappEntry>,
}

/// A file that is no report of leapp.
#[derive(Debug, thiserror::Error)]
#[error("leapp's report cannot be read: {0}")]
pub struct ReportError(#[from] serde_json::Error);

/// Reads a report. Fields that are not known are passed over and missing ones are empty; whatever is wrong in the
/// shape of an entry is an error, since an inhibitor must not get lost.
pub fn read_report(json: &[u8]) -> Result<Report, ReportError> {
    let file: File = serde_json::from_slice(json)?;
    Ok(Report { entries: file.entries.into_iter().map(Entry::read).collect() })
}

#[derive(Deserialize)]
struct File {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[derive(Default)]
struct Entry {
    key: String,
    actor: String,
    title: String,
    summary: String,
    severity: String,
    groups: Option<Vec<String>>,
    flags: Option<Vec<String>>,
    detail: Option<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    remediations: Option<Vec<Remediation>>,
}

#[derive(Deserialize)]
struct Remediation {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    context: Value,
}

impl Entry {
    fn read(self) -> LeappEntry {
        let marks: Vec<String> = self.groups.into_iter().chain(self.flags).flatten().collect();
        let marked = |name: &str| marks.iter().any(|mark| mark == name);
        let severity = match self.severity.as_str() {
            "medium" => LeappSeverity::Medium,
            "low" => LeappSeverity::Low,
            "info" => LeappSeverity::Info,
            _ => LeappSeverity::High,
        };
        let remediations = self.detail.and_then(|detail| detail.remediations).unwrap_or_default();
        LeappEntry {
            inhibitor: marked("inhibitor"),
            error: marked("error"),
            key: self.key,
            actor: self.actor,
            title: self.title,
            summary: self.summary,
            severity,
            remediations: remediations.into_iter().filter_map(Remediation::read).collect(),
        }
    }
}

impl Remediation {
    /// None for a kind that is not known: it is advice only.
    fn read(self) -> Option<LeappRemediation> {
        let words = match self.context {
            Value::String(text) => vec![text],
            Value::Array(items) => {
                items.into_iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect()
            }
            _ => return None,
        };
        match self.kind.as_str() {
            "command" => Some(LeappRemediation::Command(words)),
            "hint" => Some(LeappRemediation::Hint(words.join(" "))),
            "playbook" => Some(LeappRemediation::Playbook(words.join(" "))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use migration::leapp::judge_leapp;
    use proptest::prelude::*;

    use super::*;

    /// The same three findings in each schema.
    const SCHEMAS: [&str; 3] = [
        include_str!("../tests/data/leapp-report-1.0.0.json"),
        include_str!("../tests/data/leapp-report-1.1.0.json"),
        include_str!("../tests/data/leapp-report-1.2.0.json"),
    ];

    #[test]
    fn every_schema_says_the_same() {
        for json in SCHEMAS {
            let report = read_report(json.as_bytes()).unwrap();
            let seen: Vec<_> = report.entries.iter().map(|e| (e.title.as_str(), e.inhibitor, e.error)).collect();
            assert_eq!(
                seen,
                [
                    ("Missing required answers in the answer file", true, false),
                    ("Difference in Python versions and support in RHEL 8", false, false),
                    ("Not enough space available on /var/lib/leapp: Needed at least 3200 MiB.", false, true),
                ]
            );
            let answers = &report.entries[0];
            assert_eq!((answers.actor.as_str(), answers.severity), ("verify_dialogs", LeappSeverity::High));
            let command = ["leapp", "answer", "--section", "remove_pam_pkcs11_module_check.confirm=True"];
            assert_eq!(
                answers.remediations,
                [
                    LeappRemediation::Hint("Please register user choices with leapp answer cli command.".into()),
                    LeappRemediation::Command(command.map(str::to_owned).to_vec()),
                ]
            );
            let ids: Vec<String> = judge_leapp(&report.entries).into_iter().map(|finding| finding.id).collect();
            assert_eq!(ids, ["leapp.answers", "leapp.python", "leapp.space", "leapp.report"]);
        }
    }

    #[test]
    fn what_is_missing_is_empty_and_what_is_unknown_is_passed_over() {
        let json = r#"{"entries": [{"title": "t", "severity": "dire", "audience": 7, "groups": null,
            "detail": {"remediations": [{"type": "song", "context": "x"}, {"type": "hint"},
                                        {"type": "playbook", "context": "p.yml"}]}},
            {"flags": ["inhibitor"], "groups": []}, {"detail": {}}]}"#;
        let entries = read_report(json.as_bytes()).unwrap().entries;
        assert_eq!(entries[0].severity, LeappSeverity::High);
        assert_eq!(entries[0].remediations, [LeappRemediation::Playbook("p.yml".into())]);
        assert!(entries[1].inhibitor && entries[1].title.is_empty());
        assert_eq!(entries.len(), 3);
    }

    #[test]
    fn what_is_no_report_is_an_error() {
        for json in
            ["", "{", "[]", "{}", r#"{"entries": 3}"#, r#"{"entries": ["x"]}"#, r#"{"entries": [{"title": 1}]}"#]
        {
            assert!(read_report(json.as_bytes()).unwrap_err().to_string().starts_with("leapp's report"), "{json}");
        }
    }

    proptest! {
        #[test]
        fn a_report_that_was_cut_or_changed_is_an_error_or_a_report(at in 0usize..2000, byte in any::<u8>()) {
            let mut json = SCHEMAS[2].as_bytes().to_vec();
            let at = at % json.len();
            json[at] = byte;
            let _ = read_report(&json);
            prop_assert!(read_report(&SCHEMAS[2].trim_end().as_bytes()[..at]).is_err());
        }
    }
}
