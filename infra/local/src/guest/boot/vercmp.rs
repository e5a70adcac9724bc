//! How rpm orders versions, and with it GRUB its entries.

use std::cmp::Ordering;

/// Compares two versions segment by segment: digits as numbers, letters as text, a number being newer than letters,
/// `~` older than the end (rpm documentation, rpm-version(7)).
pub(super) fn vercmp(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one, other);
    loop {
        let separator = |letter: char| !letter.is_ascii_alphanumeric() && letter != '~';
        one = one.trim_start_matches(separator);
        other = other.trim_start_matches(separator);
        match (one.strip_prefix('~'), other.strip_prefix('~')) {
            (Some(rest), Some(also)) => {
                (one, other) = (rest, also);
                continue;
            }
            (Some(_), None) => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (None, None) => {}
        }
        let (Some(first), Some(also)) = (one.chars().next(), other.chars().next()) else {
            return one.len().min(1).cmp(&other.len().min(1));
        };
        let digits = first.is_ascii_digit();
        if digits != also.is_ascii_digit() {
            return if digits { Ordering::Greater } else { Ordering::Less };
        }
        let of_kind = |letter: char| letter.is_ascii_alphanumeric() && letter.is_ascii_digit() == digits;
        let split = |text: &'_ str| text.find(|letter| !of_kind(letter)).unwrap_or(text.len());
        let (mine, rest) = one.split_at(split(one));
        let (theirs, also_rest) = other.split_at(split(other));
        let order = if digits {
            let (mine, theirs) = (mine.trim_start_matches('0'), theirs.trim_start_matches('0'));
            mine.len().cmp(&theirs.len()).then_with(|| mine.cmp(theirs))
        } else {
            mine.cmp(theirs)
        };
        if order != Ordering::Equal {
            return order;
        }
        (one, other) = (rest, also_rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_rpms_order() {
        for (older, newer) in [
            ("4.18.0-348.7.1.el8_5.x86_64", "5.10.134-16.3.al8.x86_64"),
            ("5.9.1", "5.10.0"),
            ("1.0~rc1", "1.0"),
            ("id-0-rescue", "id-4.18.0"),
            ("1.a", "1.1"),
            ("1.0", "1.0.1"),
        ] {
            assert_eq!(vercmp(older, newer), Ordering::Less, "{older} {newer}");
            assert_eq!(vercmp(newer, older), Ordering::Greater, "{newer} {older}");
        }
        assert_eq!(vercmp("1.05", "1_5"), Ordering::Equal);
    }
}
