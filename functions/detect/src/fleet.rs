//! What the instances of a region run, and whether that is still supported. No guest is asked: it is what the tag
//! `osferry:os` and the image say.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use migration::eol::{Calendar, Day, Life, Phase};
use migration::os::Os;
use migration::policy::TAG;
use openapi::ecs::Instance;
use serde::Serialize;
use stage::survey::system;

/// Lines of a report, so that it fits into an event: there are fewer systems than this.
const LINES: usize = 200;

/// Instances by what they run; None is what cannot be told.
#[derive(Clone, Debug, Default)]
pub struct Fleet(BTreeMap<Option<Os>, Count>);

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    instances: usize,
    tagged: usize,
}

/// One system in a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// `CentOS 7.9`, or `unknown`.
    pub system: String,
    /// Where it stands today.
    pub phase: Phase,
    /// The last day of the phase before; None for the first one, and where nobody says.
    pub since: Option<Day>,
    /// Instances that run it.
    pub instances: usize,
    /// How many of them carry the tag `osferry`: they ask for a migration, or had one, or were told not to.
    pub tagged: usize,
}

impl Fleet {
    /// Counts one more.
    pub fn count(&mut self, instance: &Instance) {
        let count = self.0.entry(system(instance).map(|system| system.os)).or_default();
        count.instances += 1;
        count.tagged += usize::from(instance.tags.iter().any(|tag| tag.key == TAG));
    }

    /// The systems on `today`, the worst and most frequent first.
    pub fn lines(&self, calendar: &Calendar, today: Day) -> Vec<Line> {
        let line = |(os, count): (&Option<Os>, &Count)| {
            let life = os.as_ref().and_then(|os| calendar.life(os));
            let phase = life.map_or(Phase::Unknown, |life| life.phase(today));
            Line {
                system: os.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string),
                phase,
                since: life.and_then(|life| since(life, phase)),
                instances: count.instances,
                tagged: count.tagged,
            }
        };
        let mut lines: Vec<Line> = self.0.iter().map(line).collect();
        lines.sort_by_key(|line| (rank(line.phase), Reverse(line.instances)));
        lines.truncate(LINES);
        lines
    }
}

fn rank(phase: Phase) -> u8 {
    match phase {
        Phase::Ended => 0,
        Phase::Bought => 1,
        Phase::Extended => 2,
        Phase::Unknown => 3,
        Phase::Mainstream => 4,
    }
}

fn since(life: &Life, phase: Phase) -> Option<Day> {
    match phase {
        Phase::Mainstream | Phase::Unknown => None,
        Phase::Extended => life.standard_end,
        Phase::Bought => life.extended_end.or(life.standard_end),
        Phase::Ended => life.last_day(),
    }
}

#[cfg(test)]
mod tests {
    use openapi::ecs::Tag;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_worst_come_first_and_what_is_unknown_is_counted() {
        let mut fleet = Fleet::default();
        for (name, tag, times) in [
            ("CentOS  7.9 64 bit", None, 3),
            ("CentOS  7.9 64 bit", Some(TAG), 1),
            ("CentOS  8.5 64 bit", None, 9),
            ("Debian 11.11 64 bit", None, 1),
            ("Debian 13.1 64 bit", None, 40),
            ("Windows Server  2016 数据中心版 64位中文版", None, 1),
            ("Windows Server  2016 标准版 64位英文版", None, 1),
            ("Windows Server  2012 R2 标准版 64位英文版", None, 1),
            ("Customized Linux", None, 2),
        ] {
            let tags = tag.map(|key| Tag::new(key, "migrate")).into_iter().collect();
            let instance = Instance { os_name: name.into(), tags, ..Instance::default() };
            (0..times).for_each(|_| fleet.count(&instance));
        }
        let lines = fleet.lines(&Calendar::default(), "2026-11-23".parse().unwrap());
        let line = |system, phase, since, instances, tagged| json!({ "system": system, "phase": phase, "since": since, "instances": instances, "tagged": tagged });
        assert_eq!(
            serde_json::to_value(&lines).unwrap(),
            json!([
                line("CentOS 8.5", "ended", json!("2021-12-31"), 9, 0),
                line("CentOS 7.9", "ended", json!("2024-06-30"), 4, 1),
                line("Debian 11.11", "ended", json!("2026-08-31"), 1, 0),
                line("Windows Server 2012 R2", "ended", json!("2026-10-13"), 1, 0),
                line("Windows Server 2016", "extended", json!("2022-01-11"), 2, 0),
                line("unknown", "unknown", json!(null), 2, 0),
                line("Debian 13.1", "mainstream", json!(null), 40, 0),
            ])
        );
    }
}
