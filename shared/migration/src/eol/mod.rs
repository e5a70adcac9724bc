//! The EOL calendar: when an operating system's support ends.

mod day;
mod rows;

use serde::{Deserialize, Serialize};

pub use day::{Day, NotADay};

use crate::os::{Os, System};

/// When the support of a release ends; None is an end that does not exist or that nobody published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Life {
    /// The release. With a minor version it is only that one, without it is every one that has no row of its own.
    pub os: Os,
    /// Last day of standard (mainstream) support; None when not published.
    pub standard_end: Option<Day>,
    /// Last day of extended support: Windows' extended phase, LTS, ELS, ESM, LTSS.
    pub extended_end: Option<Day>,
    /// Last day of what can be bought after that: Windows' ESU, Ubuntu's Legacy Support.
    pub final_end: Option<Day>,
    /// Where the dates come from.
    pub source: String,
}

/// Where a release stands on a day; the first, second and last are Alibaba Cloud's MS, ELS and EOL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// In standard support.
    Mainstream,
    /// Only in extended (long-term) support.
    Extended,
    /// Only in what is bought after extended support (ESU, Legacy Support).
    Bought,
    /// No support at all.
    Ended,
    /// No end is published.
    Unknown,
}

impl Life {
    /// Where the release stands on `today`.
    pub fn phase(&self, today: Day) -> Phase {
        let Some(standard_end) = self.standard_end else { return Phase::Unknown };
        if today <= standard_end {
            Phase::Mainstream
        } else if self.extended_end.is_some_and(|end| today <= end) {
            Phase::Extended
        } else if self.final_end.is_some_and(|end| today <= end) {
            Phase::Bought
        } else {
            Phase::Ended
        }
    }

    /// The last day on which anybody supports it; None when not published.
    pub fn last_day(&self) -> Option<Day> {
        self.final_end.or(self.extended_end).or(self.standard_end)
    }
}

/// The calendar: the published ends, and what the operator put over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    rows: Vec<Life>,
}

impl Default for Calendar {
    fn default() -> Self {
        Self { rows: rows::published() }
    }
}

/// A row of the operator's.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Override {
    os: String,
    standard_end: Option<Day>,
    extended_end: Option<Day>,
    final_end: Option<Day>,
    source: String,
}

/// Overrides that make no sense; the text names the row.
#[derive(Debug, thiserror::Error)]
pub enum BadOverride {
    /// Not a JSON list.
    #[error("not a JSON list: {0}")]
    NotAList(serde_json::Error),
    /// A row lacks something, has too much, or a day is none.
    #[error("row {row} ({text}): {problem}")]
    BadRow {
        /// Which, from 1.
        row: usize,
        /// The row itself.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Calendar {
    /// The calendar with the rows of `json` in the place of those of the same release, or in addition:
    /// `[{"os": "CentOS 7", "standardEnd": "2024-06-30", "extendedEnd": "2028-06-30", "source": "contract 17"}]`.
    /// `finalEnd` may be there as well. Every bad row is an error: a calendar that is half the operator's is nobody's.
    pub fn with_overrides(json: &str) -> Result<Self, BadOverride> {
        let list: Vec<serde_json::Value> = serde_json::from_str(json).map_err(BadOverride::NotAList)?;
        let mut calendar = Self::default();
        for (index, value) in list.into_iter().enumerate() {
            let text = value.to_string();
            let life = read(value).map_err(|problem| BadOverride::BadRow { row: index + 1, text, problem })?;
            calendar.rows.retain(|row| row.os != life.os);
            calendar.rows.push(life);
        }
        Ok(calendar)
    }

    /// The row of an operating system: that of its minor version, or else that of its major one. None when the
    /// calendar does not know it.
    pub fn life(&self, os: &Os) -> Option<&Life> {
        let exact = self.rows.iter().find(|row| row.os == *os);
        exact.or_else(|| {
            self.rows.iter().find(|row| row.os.same_release(os) && (row.os.minor.is_none() || row.os.is_windows()))
        })
    }

    /// Where an operating system stands on `today`; [`Phase::Unknown`] also when the calendar does not know it.
    pub fn phase(&self, os: &Os, today: Day) -> Phase {
        self.life(os).map_or(Phase::Unknown, |life| life.phase(today))
    }

    /// Why `system` is not to be migrated on `today`, if that is so: it is in standard support, and no other release is
    /// named as its `target`. What the calendar does not know is migrated when a person asks for it.
    pub fn refuses(&self, system: &System, target: Option<&Os>, today: Day) -> Option<String> {
        let named = target.is_some_and(|target| !target.same_release(&system.os));
        let supported = self.phase(&system.os, today) == Phase::Mainstream;
        (supported && !named).then(|| {
            format!("{system} is in standard support, there is no need to migrate it; to do so, name a target")
        })
    }

    /// Every row.
    pub fn rows(&self) -> &[Life] {
        &self.rows
    }
}

fn read(value: serde_json::Value) -> Result<Life, String> {
    let row: Override = serde_json::from_value(value).map_err(|error| error.to_string())?;
    let os = Os::from_ecs_name(&row.os).ok_or_else(|| format!("os {:?} is not an operating system", row.os))?;
    if row.source.trim().is_empty() {
        return Err("source is empty".into());
    }
    let ends = [row.standard_end, row.extended_end, row.final_end];
    if row.standard_end.is_none() && (row.extended_end.is_some() || row.final_end.is_some()) {
        return Err("standardEnd is missing".into());
    }
    if !ends.into_iter().flatten().is_sorted() {
        return Err("the ends are not in order: standardEnd, extendedEnd, finalEnd".into());
    }
    let Override { standard_end, extended_end, final_end, source, .. } = row;
    Ok(Life { os, standard_end, extended_end, final_end, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn phase(name: &str, on: &str) -> Phase {
        Calendar::default().phase(&Os::from_ecs_name(name).unwrap(), day(on))
    }

    #[test]
    fn phases_on_a_day() {
        use Phase::*;
        for (name, on, meant) in [
            ("CentOS  8.5 64位", "2026-11-23", Ended),
            ("CentOS  8.5 64位", "2021-12-31", Mainstream),
            ("CentOS  8.5 64位", "2022-01-01", Ended),
            ("Debian 12.11 64位", "2026-11-23", Extended),
            ("Debian 11.11 64位", "2026-11-23", Ended),
            ("Alibaba Cloud Linux  2.1903 LTS 64位", "2026-11-23", Ended),
            ("Alibaba Cloud Linux  2.1903 LTS 64位", "2026-03-31", Extended),
            ("Alibaba Cloud Linux  3.2104 LTS 64位", "2026-11-23", Mainstream),
            ("Windows Server  2003 R2 x", "2015-07-15", Ended),
            ("Windows Server  2008 R2 x", "2020-01-14", Extended),
            ("Windows Server  2008 R2 x", "2023-01-10", Bought),
            ("Windows Server  2012 R2 x", "2023-10-10", Extended),
            ("Windows Server  2012 R2 x", "2026-10-13", Bought),
            ("Windows Server  2012 R2 x", "2026-11-23", Ended),
            ("Windows Server  2016 x", "2026-11-23", Extended),
            ("Windows Server  2016 x", "2027-01-13", Bought),
            ("Windows Server  2022 x", "2026-11-23", Extended),
            ("Ubuntu 20.04", "2026-11-23", Extended),
            ("Ubuntu 14.04", "2026-04-30", Bought),
            ("SUSE Linux Enterprise Server 15 SP5", "2026-11-23", Extended),
            ("SUSE Linux Enterprise Server 15 SP7", "2026-11-23", Mainstream),
            ("OpenSUSE 15.6", "2026-11-23", Ended),
            ("Fedora 43", "2026-11-23", Mainstream),
            ("FreeBSD 14.1", "2026-11-23", Ended),
            ("Oracle Linux 8.9", "2026-11-23", Mainstream),
            ("Anolis OS 8.9 64位", "2026-11-23", Unknown),
            ("Alibaba Cloud Linux  4 LTS 64位", "2026-11-23", Unknown),
            ("CentOS 9", "2026-11-23", Unknown),
        ] {
            assert_eq!(phase(name, on), meant, "{name} on {on}");
        }
    }

    #[test]
    fn a_minor_version_without_a_row_follows_its_branch() {
        let calendar = Calendar::default();
        let last = |name| calendar.life(&Os::from_ecs_name(name).unwrap()).and_then(Life::last_day);
        assert_eq!(last("FreeBSD 14.2"), Some(day("2028-11-30")), "the branch's");
        assert_eq!(last("FreeBSD 14.1"), Some(day("2025-03-31")), "its own");
        assert_eq!(last("SUSE Linux Enterprise Server 11 SP4"), None, "one service pack says nothing of another");
        assert_eq!(last("Windows Server 2012 R2"), Some(day("2026-10-13")));
    }

    #[test]
    fn every_row_has_a_source_and_its_ends_in_order() {
        let calendar = Calendar::default();
        for row in calendar.rows() {
            let ends: Vec<Day> = [row.standard_end, row.extended_end, row.final_end].into_iter().flatten().collect();
            assert!(ends.is_sorted_by(|a, b| a < b), "{row:?}");
            assert!(!row.source.is_empty(), "{row:?}");
            assert_eq!(calendar.rows().iter().filter(|other| other.os == row.os).count(), 1, "{row:?}");
        }
        for family in crate::os::Family::ALL {
            assert!(calendar.rows().iter().any(|row| row.os.family == *family), "{family:?}");
        }
    }

    #[test]
    fn the_operator_knows_better() {
        let json = r#"[
            {"os": "CentOS 7", "standardEnd": "2024-06-30", "extendedEnd": "2028-06-30", "source": "contract 17"},
            {"os": "Anolis OS 8", "standardEnd": "2031-06-30", "source": "mail of the vendor"},
            {"os": "SLES 11 SP4", "standardEnd": "2019-03-31", "source": "suse.com"}
        ]"#;
        let calendar = Calendar::with_overrides(json).unwrap();
        let on = day("2026-11-23");
        let phase = |name| calendar.phase(&Os::from_ecs_name(name).unwrap(), on);
        assert_eq!(phase("CentOS 7.9"), Phase::Extended);
        assert_eq!(phase("Anolis OS 8.8"), Phase::Mainstream);
        assert_eq!(phase("SLES 11 SP4"), Phase::Ended);
        assert_eq!(phase("CentOS 8.5"), Phase::Ended, "the others stay");
        assert_eq!(calendar.rows().len(), Calendar::default().rows().len() + 1);
    }

    #[test]
    fn what_is_in_standard_support_needs_a_named_target() {
        let os = |name: &str| Os::from_ecs_name(name).unwrap();
        let refused = |name: &str, target: Option<&str>| {
            let target = target.map(os);
            Calendar::default().refuses(&System::of(os(name)), target.as_ref(), day("2026-11-23"))
        };
        let why = refused("Debian 13", None).unwrap();
        assert!(why.contains("Debian 13") && why.contains("name a target"), "{why}");
        assert!(refused("Debian 13", Some("Debian 13.1")).is_some(), "the release that it runs is no target");
        assert_eq!(refused("Debian 13", Some("Debian 14")), None);
        for name in ["CentOS 7.9", "Debian 12", "Anolis OS 8"] {
            assert_eq!(refused(name, None), None, "{name}");
        }
    }

    #[test]
    fn bad_overrides_name_their_row() {
        let good = r#"{"os": "CentOS 7", "standardEnd": "2024-06-30", "source": "x"}"#;
        for (bad, problem) in [
            (r#"{"os": "BeOS 5", "standardEnd": "2024-06-30", "source": "x"}"#, "BeOS 5"),
            (r#"{"os": "CentOS 8", "standardEnd": "2024-06-31", "source": "x"}"#, "2024-06-31"),
            (r#"{"os": "CentOS 8", "standardEnd": "2024-06-30", "source": " "}"#, "source"),
            (r#"{"os": "CentOS 8", "standardEnd": "2024-06-30"}"#, "source"),
            (r#"{"os": "CentOS 8", "standardend": "2024-06-30", "source": "x"}"#, "standardend"),
            (r#"{"os": "CentOS 8", "extendedEnd": "2024-06-30", "source": "x"}"#, "standardEnd"),
            (r#"{"os": "CentOS 8", "standardEnd": "2025-01-01", "extendedEnd": "2024-01-01", "source": "x"}"#, "order"),
            ("7", "invalid type"),
        ] {
            let error = Calendar::with_overrides(&format!("[{good}, {bad}]")).unwrap_err().to_string();
            assert!(error.starts_with("row 2") && error.contains(problem), "{error}");
        }
        assert!(Calendar::with_overrides(good).unwrap_err().to_string().starts_with("not a JSON list"));
    }
}
