//! Times as the headers write them. By hand, as every request and answer has one and a formatter that
//! reads a pattern takes longer than all of the signature.

use jiff::Timestamp;
use jiff::tz::Offset;

/// `2026-01-02T03:04:05.678Z`
pub(super) fn millis(time: Timestamp) -> [u8; 24] {
    let mut text = *b"0000-00-00T00:00:00.000Z";
    seconds(&mut text, time);
    digits(&mut text[20..23], time.subsec_millisecond());
    text
}

/// `2026-01-02T03:04:05.678901Z`
pub(super) fn micros(time: Timestamp) -> [u8; 27] {
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    seconds(&mut text, time);
    digits(&mut text[20..26], time.subsec_microsecond());
    text
}

/// `20260102`
pub(super) fn day(time: Timestamp) -> [u8; 8] {
    let date = Offset::UTC.to_datetime(time);
    let mut text = [0; 8];
    digits(&mut text[..4], date.year().into());
    digits(&mut text[4..6], date.month().into());
    digits(&mut text[6..], date.day().into());
    text
}

fn seconds(text: &mut [u8], time: Timestamp) {
    let date = Offset::UTC.to_datetime(time);
    digits(&mut text[..4], date.year().into());
    digits(&mut text[5..7], date.month().into());
    digits(&mut text[8..10], date.day().into());
    digits(&mut text[11..13], date.hour().into());
    digits(&mut text[14..16], date.minute().into());
    digits(&mut text[17..19], date.second().into());
}

/// The last digits of `number`, as many as there is room for.
fn digits(room: &mut [u8], number: i32) {
    let mut rest = number.unsigned_abs();
    for digit in room.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_writes_what_a_formatter_writes() {
        for text in ["1970-01-01T00:00:00Z", "2026-12-31T23:59:59.999999999Z", "2024-02-29T09:08:07.060504Z"] {
            let time: Timestamp = text.parse().unwrap();
            assert_eq!(millis(time), time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string().as_bytes());
            assert_eq!(micros(time), time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string().as_bytes());
            assert_eq!(day(time), time.strftime("%Y%m%d").to_string().as_bytes());
        }
    }
}
