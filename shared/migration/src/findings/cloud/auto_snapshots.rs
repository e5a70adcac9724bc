//! Automatic snapshots: one that begins meanwhile keeps the migration's own snapshots, and a rollback, waiting. Source:
//! ECS "Operating system migration", limits (no snapshot may be under way); ECS API reference, ResetDisk, CreateSnapshot.

use serde::{Deserialize, Serialize};

use super::{CloudFacts, HOUR};
use crate::check::Finding;
use crate::eol::Day;
use crate::record::Millis;

/// Automatic snapshots of an instance's disks by one policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AutoSnapshots {
    /// `sp-…`, and its name if it has one.
    pub policy: String,
    /// Disks that they are taken of, `d-…`.
    pub disks: Vec<String>,
    /// Days of the week, 1 (Monday) to 7; empty when not told.
    pub weekdays: Vec<u8>,
    /// Hours of the day in UTC+8, 0 to 23; empty when not told.
    pub hours: Vec<u8>,
}

/// Policies say their hours in UTC+8, in every region. Source: ECS API reference, DescribeAutoSnapshotPolicyEx.
const ZONE: Millis = 8 * HOUR;
const DAY: Millis = 24 * HOUR;

/// A migration may still want its disks for so long: the longest snapshot stage, the tool, a rollback.
const HORIZON: Millis = 24 * HOUR;

impl AutoSnapshots {
    /// When they begin the next time at or after `now`, epoch milliseconds; None when that is not told.
    fn next(&self, now: Millis) -> Option<Millis> {
        let today = (now + ZONE).div_euclid(DAY);
        let times = (today..=today + 7).flat_map(|day| {
            // 1970-01-01 was a Thursday.
            let weekday = (day + 3).rem_euclid(7) + 1;
            let wanted = self.weekdays.iter().any(|known| Millis::from(*known) == weekday);
            let hours = self.hours.iter().filter(move |_| wanted);
            hours.map(move |hour| day * DAY + Millis::from(*hour) * HOUR - ZONE)
        });
        times.filter(|at| *at >= now).min()
    }
}

/// Warns of automatic snapshots that begin soon, or nobody knows when.
pub(super) fn judge(facts: &CloudFacts, now: Millis, findings: &mut Vec<Finding>) {
    let soon = |automatic: &AutoSnapshots| {
        let when = match automatic.next(now) {
            Some(at) if at - now > HORIZON => return None,
            Some(at) => {
                let local = at + ZONE;
                format!("next at {} {:02}:00 (UTC+8)", Day::of(local), local.rem_euclid(DAY) / HOUR)
            }
            None => "at times that cannot be seen (is ecs:DescribeAutoSnapshotPolicyEx permitted?)".to_owned(),
        };
        Some(format!("policy {} takes snapshots of {} {when}", automatic.policy, automatic.disks.join(", ")))
    };
    let soon: Vec<String> = facts.auto_snapshots.iter().filter_map(soon).collect();
    if !soon.is_empty() {
        findings.push(Finding::warn(
            "cloud.auto-snapshot",
            format!("automatic snapshots may begin during the migration: {}", soon.join("; ")),
            "begin after that time, or take the disks out of the policy until the migration is over \
             (CancelAutoSnapshotPolicy, then ApplyAutoSnapshotPolicy): while one is being taken no other can be, and no \
             disk can go back",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-25, a Wednesday, 00:30 in UTC+8.
    const NOW: Millis = 1_795_537_800_000;

    fn policy(weekdays: &[u8], hours: &[u8]) -> AutoSnapshots {
        AutoSnapshots {
            policy: "sp-1 (nightly)".into(),
            disks: vec!["d-1".into(), "d-2".into()],
            weekdays: weekdays.into(),
            hours: hours.into(),
        }
    }

    #[test]
    fn what_begins_soon_is_told_with_its_time() {
        let every_day: &[u8] = &[1, 2, 3, 4, 5, 6, 7];
        // Days, hours, when.
        for (days, hours, meant) in [
            (every_day, &[1, 22][..], Some("next at 2026-11-25 01:00 (UTC+8)")),
            (every_day, &[0], Some("next at 2026-11-26 00:00 (UTC+8)")),
            (&[3], &[23, 4], Some("next at 2026-11-25 04:00 (UTC+8)")),
            (&[3], &[0], None),
            (&[4], &[0], Some("next at 2026-11-26 00:00 (UTC+8)")),
            (&[4], &[1], None),
            (&[2], &[23], None),
            (&[], &[], Some("cannot be seen")),
            (&[9], &[1], Some("cannot be seen")),
        ] {
            let facts = CloudFacts { auto_snapshots: vec![policy(days, hours)], ..CloudFacts::default() };
            let mut findings = Vec::new();
            judge(&facts, NOW, &mut findings);
            assert_eq!(findings.len(), usize::from(meant.is_some()), "{days:?} {hours:?}: {findings:?}");
            if let (Some(finding), Some(meant)) = (findings.first(), meant) {
                assert!(finding.found.contains(meant), "{days:?} {hours:?}: {}", finding.found);
                assert!(finding.found.contains("policy sp-1 (nightly) takes snapshots of d-1, d-2"), "{finding:?}");
                assert!(!finding.blocks());
            }
        }
        assert_eq!(policy(&[3], &[0]).next(NOW - HOUR / 2), Some(NOW - HOUR / 2), "the hour itself counts");
        assert_eq!(policy(&[2], &[23]).next(NOW), Some(NOW + 7 * DAY - 3 * HOUR / 2));
    }
}
