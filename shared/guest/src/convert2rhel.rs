//! convert2rhel's analysis: `/var/log/convert2rhel/convert2rhel-pre-conversion.json`, formats 1.0 (`remediation`) and
//! 1.1 (`remediations`). Source: convert2rhel, `actions/report.py`.

use std::collections::BTreeMap;

use migration::convert2rhel::{AnalysisEntry, Level};
use serde::Deserialize;

/// A file that is no analysis of convert2rhel.
#[derive(Debug, thiserror::Error)]
#[error("convert2rhel's analysis cannot be read: {0}")]
pub struct AnalysisError(#[from] serde_json::Error);

/// Reads an analysis: the result and the messages of every action. Fields that are not known are passed over, missing
/// texts are empty.
pub fn read_analysis(json: &[u8]) -> Result<Vec<AnalysisEntry>, AnalysisError> {
    let file: File = serde_json::from_slice(json)?;
    let entries = file.actions.into_values().flat_map(|action| action.messages.into_iter().chain([action.result]));
    Ok(entries.map(Entry::read).collect())
}

#[derive(Deserialize)]
struct File {
    actions: BTreeMap<String, Action>,
}

#[derive(Deserialize)]
struct Action {
    #[serde(default)]
    messages: Vec<Entry>,
    result: Entry,
}

#[derive(Deserialize)]
struct Entry {
    level: String,
    id: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    diagnosis: Option<String>,
    #[serde(default, alias = "remediation")]
    remediations: Option<String>,
}

impl Entry {
    fn read(self) -> AnalysisEntry {
        let diagnosis = self.diagnosis.filter(|text| !text.is_empty()).or(self.description);
        AnalysisEntry {
            level: match self.level.as_str() {
                "SUCCESS" | "INFO" | "SKIP" => Level::Tells,
                "WARNING" => Level::Warns,
                _ => Level::Inhibits,
            },
            id: self.id,
            title: self.title.unwrap_or_default(),
            diagnosis: diagnosis.unwrap_or_default(),
            remediations: self.remediations.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_and_messages_in_both_formats() {
        let json = r#"{"format_version": "1.1", "status": "ERROR", "actions": {
            "SECURE_BOOT": {"messages": [{"level": "WARNING", "id": "W", "title": "w", "description": "d", "diagnosis": "",
                "remediation": "old", "variables": {}}],
              "result": {"level": "ERROR", "id": "SECURE_BOOT_DETECTED", "title": "Secure boot detected",
                "description": "d", "diagnosis": "g", "remediations": "Disable it.", "variables": {}}},
            "FINE": {"messages": [], "result": {"level": "SUCCESS", "id": "SUCCESS", "title": null}},
            "NEW": {"messages": [], "result": {"level": "DIRE", "id": "N"}},
            "LATE": {"messages": [], "result": {"level": "SKIP", "id": "SKIP"}},
            "MAY": {"messages": [], "result": {"level": "OVERRIDABLE", "id": "M"}}}}"#;
        let entries = read_analysis(json.as_bytes()).unwrap();
        let seen: Vec<_> = entries.iter().map(|e| (e.id.as_str(), e.level)).collect();
        assert_eq!(
            seen,
            [
                ("SUCCESS", Level::Tells),
                ("SKIP", Level::Tells),
                ("M", Level::Inhibits),
                ("N", Level::Inhibits),
                ("W", Level::Warns),
                ("SECURE_BOOT_DETECTED", Level::Inhibits),
            ]
        );
        assert_eq!((entries[4].diagnosis.as_str(), entries[4].remediations.as_str()), ("d", "old"));
        assert_eq!((entries[5].diagnosis.as_str(), entries[5].remediations.as_str()), ("g", "Disable it."));
    }

    #[test]
    fn what_is_no_analysis_is_an_error() {
        for json in [
            "",
            "{}",
            r#"{"actions": []}"#,
            r#"{"actions": {"A": {}}}"#,
            r#"{"actions": {"A": {"result": {"id": "x"}}}}"#,
        ] {
            assert!(read_analysis(json.as_bytes()).is_err(), "{json}");
        }
    }
}
