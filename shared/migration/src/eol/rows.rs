//! The published ends.
//!
//! Sources, by row: A = Alibaba Cloud's EOL pages (CentOS EOL page; notice of Alibaba Cloud Linux 2 entering ELS,
//! 2025-11; Windows Server EOL guide, 2026-04; Ubuntu EOL solution, which names months: taken as their last day);
//! E = endoflife.date, read 2026-08. Where both speak of a row and differ, A is taken.

use super::{Day, Life};
use crate::os::Family::{self, *};
use crate::os::Os;

const A: &str = "Alibaba Cloud EOL pages";
const E: &str = "endoflife.date, 2026-08";
const A_E: &str = "Alibaba Cloud EOL pages; ESU: endoflife.date, 2026-08";
const NONE: &str = "no end is published by its vendor";

/// Family, major, minor; ends of standard, extended and bought support as `YYYYMMDD`, 0 for none; source.
struct Row(Family, u32, Option<u32>, u32, u32, u32, &'static str);

const fn day(number: u32) -> Option<Day> {
    if number == 0 { None } else { Some(Day::number(number)) }
}

/// Every published row.
pub(super) fn published() -> Vec<Life> {
    let life = |row: &Row| Life {
        os: Os { family: row.0, major: row.1, minor: row.2 },
        standard_end: day(row.3),
        extended_end: day(row.4),
        final_end: day(row.5),
        source: row.6.to_owned(),
    };
    ROWS.iter().map(life).collect()
}

// Checked when compiled: a number that is no day does not build.
const _: () = {
    let mut index = 0;
    while index < ROWS.len() {
        let _ = (day(ROWS[index].3), day(ROWS[index].4), day(ROWS[index].5));
        index += 1;
    }
};

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row(CentOs, 5, None, 20170331, 0, 0, A),
    Row(CentOs, 6, None, 20201130, 0, 0, A),
    Row(CentOs, 7, None, 20240630, 0, 0, A),
    Row(CentOs, 8, None, 20211231, 0, 0, A),
    Row(CentOsStream, 8, None, 20240531, 0, 0, E),
    Row(CentOsStream, 9, None, 20270531, 0, 0, E),
    Row(CentOsStream, 10, None, 20300531, 0, 0, E),
    Row(AlibabaCloudLinux, 2, None, 20240331, 20260331, 0, A),
    Row(AlibabaCloudLinux, 3, None, 20310331, 0, 0, A),
    Row(AlibabaCloudLinux, 4, None, 0, 0, 0, NONE),
    Row(Anolis, 7, None, 0, 0, 0, NONE),
    Row(Anolis, 8, None, 0, 0, 0, NONE),
    Row(Anolis, 23, None, 0, 0, 0, NONE),
    Row(AlmaLinux, 8, None, 20240531, 20290531, 0, E),
    Row(AlmaLinux, 9, None, 20270531, 20320531, 0, E),
    Row(AlmaLinux, 10, None, 20300531, 20350531, 0, E),
    Row(Rocky, 8, None, 20240531, 20290531, 0, E),
    Row(Rocky, 9, None, 20270531, 20320531, 0, E),
    Row(Rocky, 10, None, 20300531, 20350531, 0, E),
    Row(Rhel, 6, None, 20201130, 20240630, 0, E),
    Row(Rhel, 7, None, 20240630, 20290531, 0, E),
    Row(Rhel, 8, None, 20290531, 20330531, 0, E),
    Row(Rhel, 9, None, 20320531, 20360531, 0, E),
    Row(Rhel, 10, None, 20350531, 20390531, 0, E),
    Row(OracleLinux, 7, None, 20241231, 20280630, 0, E),
    Row(OracleLinux, 8, None, 20290731, 20320731, 0, E),
    Row(OracleLinux, 9, None, 20320630, 20350630, 0, E),
    Row(Debian, 8, None, 20180617, 20200630, 0, E),
    Row(Debian, 9, None, 20200718, 20220701, 0, E),
    Row(Debian, 10, None, 20220910, 20240630, 0, E),
    Row(Debian, 11, None, 20240814, 20260831, 0, E),
    Row(Debian, 12, None, 20260711, 20280630, 0, E),
    Row(Debian, 13, None, 20280809, 20300630, 0, E),
    Row(Ubuntu, 1404, None, 20190430, 20240430, 20260430, A),
    Row(Ubuntu, 1604, None, 20210430, 20260430, 20280430, A),
    Row(Ubuntu, 1804, None, 20230630, 20280630, 20300630, A),
    Row(Ubuntu, 2004, None, 20250430, 20300430, 20320430, A),
    Row(Ubuntu, 2204, None, 20270430, 20320430, 20340430, A),
    Row(Ubuntu, 2404, None, 20290430, 20340430, 20360430, A),
    Row(Ubuntu, 2604, None, 20310430, 0, 0, E),
    Row(Sles, 12, Some(5), 20241031, 20271031, 0, E),
    Row(Sles, 15, Some(1), 20210131, 20240131, 0, E),
    Row(Sles, 15, Some(2), 20211231, 20241231, 0, E),
    Row(Sles, 15, Some(3), 20221231, 20251231, 0, E),
    Row(Sles, 15, Some(4), 20231231, 20261231, 0, E),
    Row(Sles, 15, Some(5), 20241231, 20271231, 0, E),
    Row(Sles, 15, Some(6), 20251231, 20281231, 0, E),
    Row(Sles, 15, Some(7), 20310731, 20340731, 0, E),
    Row(OpenSuse, 42, Some(3), 20190701, 0, 0, E),
    Row(OpenSuse, 15, Some(1), 20210202, 0, 0, E),
    Row(OpenSuse, 15, Some(2), 20220104, 0, 0, E),
    Row(OpenSuse, 15, Some(3), 20221231, 0, 0, E),
    Row(OpenSuse, 15, Some(4), 20231207, 0, 0, E),
    Row(OpenSuse, 15, Some(5), 20241231, 0, 0, E),
    Row(OpenSuse, 15, Some(6), 20260430, 0, 0, E),
    Row(OpenSuse, 16, Some(0), 20271031, 0, 0, E),
    Row(Fedora, 33, None, 20211130, 0, 0, E),
    Row(Fedora, 34, None, 20220607, 0, 0, E),
    Row(Fedora, 35, None, 20221213, 0, 0, E),
    Row(Fedora, 37, None, 20231205, 0, 0, E),
    Row(Fedora, 38, None, 20240521, 0, 0, E),
    Row(Fedora, 39, None, 20241126, 0, 0, E),
    Row(Fedora, 40, None, 20250513, 0, 0, E),
    Row(Fedora, 41, None, 20251215, 0, 0, E),
    Row(Fedora, 42, None, 20260527, 0, 0, E),
    Row(Fedora, 43, None, 20261209, 0, 0, E),
    Row(Fedora, 44, None, 20270602, 0, 0, E),
    // A branch (no minor version) lives on in its last release.
    Row(FreeBsd, 11, Some(4), 20210930, 0, 0, E),
    Row(FreeBsd, 12, Some(4), 20231231, 0, 0, E),
    Row(FreeBsd, 13, Some(4), 20250630, 0, 0, E),
    Row(FreeBsd, 13, Some(5), 20260430, 0, 0, E),
    Row(FreeBsd, 13, None, 20260430, 0, 0, E),
    Row(FreeBsd, 14, Some(1), 20250331, 0, 0, E),
    Row(FreeBsd, 14, Some(3), 20260630, 0, 0, E),
    Row(FreeBsd, 14, Some(4), 20261231, 0, 0, E),
    Row(FreeBsd, 14, None, 20281130, 0, 0, E),
    Row(FreeBsd, 15, Some(0), 20260930, 0, 0, E),
    Row(FreeBsd, 15, Some(1), 20270331, 0, 0, E),
    Row(FreeBsd, 15, None, 20291231, 0, 0, E),
    Row(WindowsServer, 2003, None, 20100713, 20150714, 0, A),
    Row(WindowsServer, 2003, Some(2), 20100713, 20150714, 0, A),
    Row(WindowsServer, 2008, None, 20150113, 20200114, 20230110, A),
    Row(WindowsServer, 2008, Some(2), 20150113, 20200114, 20230110, A),
    Row(WindowsServer, 2012, None, 20181009, 20231010, 20261013, A),
    Row(WindowsServer, 2012, Some(2), 20181009, 20231010, 20261013, A),
    Row(WindowsServer, 2016, None, 20220111, 20270112, 20300112, A_E),
    Row(WindowsServer, 2019, None, 20240109, 20290109, 0, A),
    Row(WindowsServer, 2022, None, 20261013, 20311014, 0, A),
    Row(WindowsServer, 2025, None, 20291009, 20341010, 0, A),
];
