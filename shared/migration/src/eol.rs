//! The EOL calendar: when an operating system's support ends.
//!
//! Sources, by row: A = Alibaba Cloud's EOL pages (CentOS EOL page; Alibaba Cloud Linux 2 ELS notice of
//! 2025-11; Windows Server EOL guide of 2026-04); E = endoflife.date, read 2026-08.

use crate::os::{Family, Os};

/// A day, `YYYY-MM-DD`: compares as text.
pub type Day<'a> = &'a str;

/// One row of the calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// The release; `minor` only tells an R2.
    pub os: Os,
    /// Last day of standard (mainstream) support.
    pub standard_end: Day<'static>,
    /// Last day of extended support, where there is such.
    pub extended_end: Option<Day<'static>>,
    /// Where the dates come from.
    pub source: &'static str,
}

/// Where a release stands on a day; the words are Alibaba Cloud's (MS, ELS, EOL).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// In standard support.
    Mainstream,
    /// Only in extended (long-term, paid) support.
    Extended,
    /// No support at all.
    Ended,
}

impl Life {
    /// Where the release stands on `today`.
    pub fn phase(&self, today: Day<'_>) -> Phase {
        if today <= self.standard_end {
            Phase::Mainstream
        } else if self.extended_end.is_some_and(|end| today <= end) {
            Phase::Extended
        } else {
            Phase::Ended
        }
    }
}

/// The calendar's row for an operating system; None when the calendar does not know it.
pub fn life(os: &Os) -> Option<Life> {
    CALENDAR.iter().map(Row::life).find(|life| life.os.same_release(os))
}

struct Row(Family, u32, Option<u32>, Day<'static>, Option<Day<'static>>, &'static str);

impl Row {
    fn life(&self) -> Life {
        Life {
            os: Os { family: self.0, major: self.1, minor: self.2 },
            standard_end: self.3,
            extended_end: self.4,
            source: self.5,
        }
    }
}

const A: &str = "Alibaba Cloud EOL pages";
const E: &str = "endoflife.date, 2026-08";

#[rustfmt::skip]
const CALENDAR: &[Row] = &[
    Row(Family::CentOs, 5, None, "2017-03-31", None, A),
    Row(Family::CentOs, 6, None, "2020-11-30", None, A),
    Row(Family::CentOs, 7, None, "2024-06-30", None, A),
    Row(Family::CentOs, 8, None, "2021-12-31", None, A),
    Row(Family::CentOsStream, 8, None, "2024-05-31", None, E),
    Row(Family::CentOsStream, 9, None, "2027-05-31", None, E),
    Row(Family::CentOsStream, 10, None, "2030-05-31", None, E),
    Row(Family::AlibabaCloudLinux, 2, None, "2024-03-31", Some("2026-03-31"), A),
    Row(Family::AlibabaCloudLinux, 3, None, "2031-03-31", None, A),
    Row(Family::AlmaLinux, 8, None, "2024-05-31", Some("2029-05-31"), E),
    Row(Family::AlmaLinux, 9, None, "2027-05-31", Some("2032-05-31"), E),
    Row(Family::Rocky, 8, None, "2024-05-31", Some("2029-05-31"), E),
    Row(Family::Rocky, 9, None, "2027-05-31", Some("2032-05-31"), E),
    Row(Family::Rhel, 6, None, "2020-11-30", Some("2024-06-30"), E),
    Row(Family::Rhel, 7, None, "2024-06-30", Some("2029-05-31"), E),
    Row(Family::Rhel, 8, None, "2029-05-31", Some("2033-05-31"), E),
    Row(Family::Rhel, 9, None, "2032-05-31", Some("2036-05-31"), E),
    Row(Family::Debian, 8, None, "2018-06-17", Some("2020-06-30"), E),
    Row(Family::Debian, 9, None, "2020-07-18", Some("2022-07-01"), E),
    Row(Family::Debian, 10, None, "2022-09-10", Some("2024-06-30"), E),
    Row(Family::Debian, 11, None, "2024-08-14", Some("2026-08-31"), E),
    Row(Family::Debian, 12, None, "2026-07-11", Some("2028-06-30"), E),
    Row(Family::Debian, 13, None, "2028-08-09", Some("2030-06-30"), E),
    Row(Family::Ubuntu, 1404, None, "2019-04-30", Some("2024-04-30"), A),
    Row(Family::Ubuntu, 1604, None, "2021-04-30", Some("2026-04-30"), A),
    Row(Family::Ubuntu, 1804, None, "2023-06-30", Some("2028-06-30"), A),
    Row(Family::Ubuntu, 2004, None, "2025-04-30", Some("2030-04-30"), A),
    Row(Family::Ubuntu, 2204, None, "2027-04-30", Some("2032-04-30"), A),
    Row(Family::Ubuntu, 2404, None, "2029-04-30", Some("2034-04-30"), A),
    Row(Family::WindowsServer, 2008, None, "2015-01-13", Some("2023-01-10"), A),
    Row(Family::WindowsServer, 2008, Some(2), "2015-01-13", Some("2023-01-10"), A),
    Row(Family::WindowsServer, 2012, None, "2018-10-09", Some("2026-10-13"), A),
    Row(Family::WindowsServer, 2012, Some(2), "2018-10-09", Some("2026-10-13"), A),
    Row(Family::WindowsServer, 2016, None, "2022-01-11", Some("2027-01-12"), A),
    Row(Family::WindowsServer, 2019, None, "2024-01-09", Some("2029-01-09"), A),
    Row(Family::WindowsServer, 2022, None, "2026-10-13", Some("2031-10-14"), A),
    Row(Family::WindowsServer, 2025, None, "2029-10-09", Some("2034-10-10"), A),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_on_a_day() {
        let phase = |name: &str, day| life(&Os::from_ecs_name(name).unwrap()).map(|life| life.phase(day));
        assert_eq!(phase("CentOS  8.5 64位", "2026-11-23"), Some(Phase::Ended));
        assert_eq!(phase("CentOS  8.5 64位", "2021-12-31"), Some(Phase::Mainstream));
        assert_eq!(phase("Debian 12.11 64位", "2026-11-23"), Some(Phase::Extended));
        assert_eq!(phase("Debian 11.11 64位", "2026-11-23"), Some(Phase::Ended));
        assert_eq!(phase("Alibaba Cloud Linux  2.1903 LTS 64位", "2026-11-23"), Some(Phase::Ended));
        assert_eq!(phase("Alibaba Cloud Linux  3.2104 LTS 64位", "2026-11-23"), Some(Phase::Mainstream));
        assert_eq!(phase("Windows Server  2012 R2 x", "2026-10-13"), Some(Phase::Extended));
        assert_eq!(phase("Anolis OS 8.9 64位", "2026-11-23"), None, "no authoritative date is known");
    }

    #[test]
    fn every_day_is_written_so_that_text_order_is_time_order() {
        for row in CALENDAR {
            for day in [Some(row.3), row.4].into_iter().flatten() {
                let numbers: Vec<u32> = day.split('-').map(|part| part.parse().unwrap()).collect();
                assert!(day.len() == 10 && (1..=12).contains(&numbers[1]) && (1..=31).contains(&numbers[2]), "{day}");
            }
            assert!(row.4.is_none_or(|end| end > row.3), "{:?}", row.life());
        }
    }
}
