//! A day of the calendar.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::record::Millis;

/// A day, written `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

/// Text that is no day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a day (YYYY-MM-DD)")]
pub struct NotADay(String);

impl Day {
    /// The day of a moment, in UTC. A moment before the year 0 or after 9999 is cut to it.
    pub fn of(at: Millis) -> Self {
        // Counted from 0000-03-01, so that the leap day is the last one of its year; 400 years are 146097 days.
        let days = at.div_euclid(86_400_000) + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let months = (5 * day_of_year + 2) / 153;
        let (month, after_new_year) = if months < 10 { (months + 3, 0) } else { (months - 9, 1) };
        let year = (era * 400 + year_of_era + after_new_year).clamp(0, 9999);
        Self { year: year as u16, month: month as u8, day: (day_of_year - (153 * months + 2) / 5 + 1) as u8 }
    }

    /// Whether there is such a day.
    const fn exists(self) -> bool {
        let leap = self.year.is_multiple_of(4) && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        let days = match self.month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        1 <= self.month && self.month <= 12 && 1 <= self.day && self.day <= days
    }

    /// The day with that number: 20240630. For constants: a number that is no day does not compile there.
    pub(super) const fn number(number: u32) -> Self {
        let day = Self { year: (number / 10_000) as u16, month: (number / 100 % 100) as u8, day: (number % 100) as u8 };
        assert!(day.exists());
        day
    }
}

impl FromStr for Day {
    type Err = NotADay;

    fn from_str(text: &str) -> Result<Self, NotADay> {
        let parts = |text: &str| {
            let (year, rest) = text.split_once('-')?;
            let (month, day) = rest.split_once('-')?;
            let sizes = (year.len(), month.len(), day.len()) == (4, 2, 2);
            let digits = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
            let day = Self { year: year.parse().ok()?, month: month.parse().ok()?, day: day.parse().ok()? };
            (sizes && digits && day.exists()).then_some(day)
        };
        parts(text).ok_or_else(|| NotADay(text.to_owned()))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_written() {
        for good in ["2024-02-29", "2000-02-29", "2026-10-13", "1999-12-31"] {
            assert_eq!(good.parse::<Day>().unwrap().to_string(), good);
        }
        for bad in ["", "2024", "2024-06", "2023-02-29", "1900-02-29", "2024-13-01", "2024-00-01", "2024-04-31"] {
            assert!(bad.parse::<Day>().is_err(), "{bad}");
        }
        for bad in ["2024-6-30", "+024-06-30", "2024-06-30 ", "24-06-30", "2024-06-3O", "2024-06-00"] {
            assert_eq!(bad.parse::<Day>(), Err(NotADay(bad.to_owned())));
        }
        assert!("2024-06-30".parse::<Day>().unwrap() < "2024-07-01".parse().unwrap());
    }

    #[test]
    fn a_moment_has_its_day() {
        const DAY: Millis = 86_400_000;
        for (at, day) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (DAY - 1, "1970-01-01"),
            (11_016 * DAY, "2000-02-29"),
            (11_017 * DAY, "2000-03-01"),
            (1_709_164_800_000, "2024-02-29"),
            (1_795_392_000_000, "2026-11-23"),
        ] {
            assert_eq!(Day::of(at).to_string(), day, "{at}");
        }
        // Each day of 800 years follows the one before.
        let days: Vec<Day> = (-150_000..146_097).map(|n| Day::of(n * DAY)).collect();
        assert!(days.is_sorted_by(|a, b| a < b) && days.iter().all(|day| day.exists()));
    }
}
