//! leapp's report, judged: what it says under a title of its own becomes a finding with a stable id and with what
//! to do about it on ECS.
//!
//! Whether an entry blocks is leapp's own word: an inhibitor or an error always does, known or not.

mod changes;
mod obstacles;

use crate::check::{Finding, Remediation};

/// One entry of leapp's report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeappEntry {
    /// Hash that leapp gives entries of the same kind; empty in schema 1.0.0.
    pub key: String,
    /// The actor that wrote it, such as `check_nfs`.
    pub actor: String,
    /// Its title, which is what it is known by.
    pub title: String,
    /// What was found, in several lines.
    pub summary: String,
    /// How leapp rates it.
    pub severity: LeappSeverity,
    /// Whether leapp will not upgrade because of it.
    pub inhibitor: bool,
    /// Whether leapp itself failed.
    pub error: bool,
    /// What leapp would do about it.
    pub remediations: Vec<LeappRemediation>,
}

/// How leapp rates an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeappSeverity {
    /// `high`, and whatever is not known.
    #[default]
    High,
    /// `medium`
    Medium,
    /// `low`
    Low,
    /// `info`
    Info,
}

/// What leapp would do about an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeappRemediation {
    /// Advice in words.
    Hint(String),
    /// A command, word by word.
    Command(Vec<String>),
    /// An Ansible playbook.
    Playbook(String),
}

/// What an entry of one of these titles means.
struct Check {
    /// Stable id.
    id: &'static str,
    /// Titles, `{}` for what varies in them. Source: leapp-repository, branch almalinux-ng-0.21.0.
    titles: &'static [&'static str],
    /// What a person should do.
    remedy: &'static str,
    /// What can be done automatically.
    mended_by: Option<Remediation>,
}

const fn check(id: &'static str, titles: &'static [&'static str], remedy: &'static str) -> Check {
    Check { id, titles, remedy, mended_by: None }
}

impl Check {
    const fn mended_by(self, remediation: Remediation) -> Self {
        Self { mended_by: Some(remediation), ..self }
    }
}

/// Every check, the more exact titles first.
fn checks() -> impl Iterator<Item = &'static Check> {
    obstacles::OBSTACLES.iter().chain(changes::CHANGES)
}

/// An inhibitor of a title that is not known.
const OTHER: &str = "leapp.other";
/// An entry of high severity and of a title that is not known.
const OTHER_RISK: &str = "leapp.other-risk";
/// leapp failed, in a way that is not known.
const ERROR: &str = "leapp.error";
/// How many entries there are.
const REPORT: &str = "leapp.report";

/// The ids of every finding there can be, for the documents.
pub fn ids() -> impl Iterator<Item = &'static str> {
    checks().map(|check| check.id).chain([OTHER, OTHER_RISK, ERROR, REPORT])
}

/// leapp's own check: what of its report stops the migration, and what will be different afterwards. Entries that
/// only inform are counted.
pub fn judge_leapp(entries: &[LeappEntry]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = entries.iter().filter_map(judge).collect();
    let told = entries.len() - findings.len();
    let text = format!("leapp reports {} entries, {told} of them only for information", entries.len());
    findings.push(Finding::info(REPORT, text));
    findings
}

fn judge(entry: &LeappEntry) -> Option<Finding> {
    let stops = entry.inhibitor || entry.error;
    let known = checks().find(|check| check.titles.iter().any(|pattern| fits(pattern, &entry.title)));
    match known {
        Some(check) if stops => {
            let finding = Finding::block(check.id, found(entry), remedy(check.remedy, entry));
            Some(match check.mended_by {
                Some(remediation) => finding.mended_by(remediation),
                None => finding,
            })
        }
        Some(check) => Some(Finding::warn(check.id, found(entry), remedy(check.remedy, entry))),
        None if entry.inhibitor => Some(Finding::block(OTHER, found(entry), remedy("", entry))),
        None if entry.error => Some(Finding::block(ERROR, found(entry), remedy("", entry))),
        None if entry.severity == LeappSeverity::High && !changes::HARMLESS.contains(&entry.title.as_str()) => {
            Some(Finding::warn(OTHER_RISK, found(entry), remedy("", entry)))
        }
        None => None,
    }
}

/// Characters of a summary that are worth a place in the record.
const SUMMARY: usize = 400;

/// Title and summary in one line.
fn found(entry: &LeappEntry) -> String {
    let summary: String = entry.summary.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = summary.chars().take(SUMMARY).collect();
    let more = if cut.len() < summary.len() { " …" } else { "" };
    match cut.as_str() {
        "" => format!("leapp: {}", entry.title),
        _ => format!("leapp: {}: {cut}{more}", entry.title),
    }
}

/// Our advice, and leapp's commands; its hints where we have no advice.
fn remedy(ours: &str, entry: &LeappEntry) -> String {
    let theirs = entry.remediations.iter().filter_map(|remediation| match remediation {
        LeappRemediation::Command(words) => Some(format!("leapp would run: {}", words.join(" "))),
        LeappRemediation::Hint(text) if ours.is_empty() => Some(text.split_whitespace().collect::<Vec<_>>().join(" ")),
        LeappRemediation::Hint(_) | LeappRemediation::Playbook(_) => None,
    });
    let parts: Vec<String> = Some(ours.to_owned()).into_iter().chain(theirs).filter(|part| !part.is_empty()).collect();
    match parts.is_empty() {
        true => "read /var/log/leapp/leapp-report.txt and /var/log/leapp/leapp-preupgrade.log in the guest".to_owned(),
        false => parts.join("; "),
    }
}

/// Whether `text` is `pattern`, where `{}` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let parts: Vec<&str> = pattern.split("{}").collect();
    let [begin, middles @ .., end] = parts.as_slice() else { return pattern == text };
    let Some(mut rest) = text.strip_prefix(begin) else { return false };
    for middle in middles {
        match rest.split_once(middle) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_from_end_to_end() {
        for (pattern, text, fit) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a", "ba", false),
            ("a {} c", "a b c", true),
            ("a {} c", "a b d", false),
            ("{} will", "ntp will", true),
            ("{} will", "ntp will be", false),
            ("from {} to {}.", "from 8 to 9.", true),
            ("from {} to {}.", "from 8 or 9.", false),
            ("aa{}a", "aa", false),
        ] {
            assert_eq!(fits(pattern, text), fit, "{pattern} {text}");
        }
    }

    #[test]
    fn what_is_not_known_is_never_dropped() {
        let entry = LeappEntry {
            title: "Something new".into(),
            summary: "in two\n  lines".into(),
            remediations: vec![
                LeappRemediation::Hint("Do\nthis.".into()),
                LeappRemediation::Command(vec!["yum".into(), "remove".into(), "x".into()]),
            ],
            ..LeappEntry::default()
        };
        let of = |entry: LeappEntry| judge_leapp(&[entry]).remove(0);
        let inhibitor = of(LeappEntry { inhibitor: true, severity: LeappSeverity::Low, ..entry.clone() });
        assert_eq!((inhibitor.id.as_str(), inhibitor.blocks()), (OTHER, true));
        assert_eq!(inhibitor.found, "leapp: Something new: in two lines");
        assert_eq!(inhibitor.remedy, "Do this.; leapp would run: yum remove x");
        let error = of(LeappEntry { error: true, remediations: vec![], ..entry.clone() });
        assert_eq!((error.id.as_str(), error.blocks()), (ERROR, true));
        assert!(error.remedy.contains("leapp-preupgrade.log"));
        let risk = of(entry.clone());
        assert_eq!((risk.id.as_str(), risk.blocks()), (OTHER_RISK, false));
        let told = of(LeappEntry { severity: LeappSeverity::Medium, ..entry });
        assert_eq!(told.id, REPORT);
        assert_eq!(told.found, "leapp reports 1 entries, 1 of them only for information");
    }

    #[test]
    fn our_advice_stands_before_leapps_commands() {
        let entry = LeappEntry {
            title: "Upgrade requires links in root directory to be relative".into(),
            inhibitor: true,
            remediations: vec![
                LeappRemediation::Hint("Please change these links".into()),
                LeappRemediation::Command(vec!["sh".into(), "-c".into(), "ln -snf data /d".into()]),
            ],
            summary: "x".repeat(5000),
            ..LeappEntry::default()
        };
        let finding = judge_leapp(&[entry]).remove(0);
        assert_eq!(finding.remediation, Some(Remediation::RelativeRootLinks));
        assert!(finding.remedy.ends_with("; leapp would run: sh -c ln -snf data /d"), "{}", finding.remedy);
        assert!(!finding.remedy.contains("Please") && finding.found.len() < 500);
    }
}
