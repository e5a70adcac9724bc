//! convert2rhel's pre-conversion analysis, judged. Its results have stable ids of their own (`SECURE_BOOT_DETECTED`)
//! and say what to do; they are passed on. Source: convert2rhel, `actions/report.py`.

use crate::check::Finding;

/// One result or message of the analysis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnalysisEntry {
    /// How bad it is.
    pub level: Level,
    /// convert2rhel's own id.
    pub id: String,
    /// Title.
    pub title: String,
    /// What was found.
    pub diagnosis: String,
    /// What to do.
    pub remediations: String,
}

/// convert2rhel's levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// `ERROR`, `OVERRIDABLE`, and whatever is not known: it does not convert.
    #[default]
    Inhibits,
    /// `WARNING`
    Warns,
    /// `SUCCESS`, `INFO`; and `SKIP`, which follows from another result.
    Tells,
}

/// What a finding of the analysis can be, for the documents.
pub const IDS: [&str; 3] = ["convert2rhel.inhibitor", "convert2rhel.warning", "convert2rhel.report"];

/// What of the analysis stops the conversion, and what a person should know.
pub fn judge_convert2rhel(entries: &[AnalysisEntry]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = entries.iter().filter_map(judge).collect();
    let text = format!("convert2rhel reports {} results, {} of them matter", entries.len(), findings.len());
    findings.push(Finding::info("convert2rhel.report", text));
    findings
}

fn judge(entry: &AnalysisEntry) -> Option<Finding> {
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(400).collect::<String>();
    let found = format!("convert2rhel: {}: {}: {}", entry.id, line(&entry.title), line(&entry.diagnosis));
    let remedy = match line(&entry.remediations).as_str() {
        "" => "read /var/log/convert2rhel/convert2rhel-pre-conversion.txt in the guest".to_owned(),
        some => some.to_owned(),
    };
    match entry.level {
        Level::Inhibits => Some(Finding::block("convert2rhel.inhibitor", found, remedy)),
        Level::Warns => Some(Finding::warn("convert2rhel.warning", found, remedy)),
        Level::Tells => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Severity;

    #[test]
    fn each_level_has_its_weight() {
        let entry = |level, id: &str, remediations: &str| AnalysisEntry {
            level,
            id: id.into(),
            title: "Outdated packages\ndetected".into(),
            diagnosis: "x".repeat(900),
            remediations: remediations.into(),
        };
        let findings = judge_convert2rhel(&[
            entry(Level::Inhibits, "SECURE_BOOT_DETECTED", "Disable it."),
            entry(Level::Warns, "OUT_OF_DATE_PACKAGES", ""),
            entry(Level::Tells, "SUCCESS", ""),
        ]);
        let weights: Vec<_> = findings.iter().map(|finding| (finding.id.as_str(), finding.severity)).collect();
        let expected = [Severity::Block, Severity::Warn, Severity::Info];
        assert_eq!(weights, IDS.into_iter().zip(expected).collect::<Vec<_>>());
        assert!(findings[0].found.starts_with("convert2rhel: SECURE_BOOT_DETECTED: Outdated packages detected: xxx"));
        assert_eq!(findings[0].remedy, "Disable it.");
        assert!(findings[0].found.len() < 500 && findings[1].remedy.contains("pre-conversion.txt"));
        assert!(findings[2].found.contains("3 results, 2 of them"));
    }
}
