//! Parsing an event, and saying where it does not fit.

use std::fmt::{Display, Write};
use std::ops::Range;

use serde::Deserialize;

use crate::Diagnostic;
use crate::raw::Event;

/// Bytes of what is said of a refused event, at most: it is logged and answered, and an event is 32 MB.
const MOST_MESSAGE: usize = 1024;
/// Bytes of it that name the place.
const MOST_PATH: usize = 256;
/// Levels of objects and arrays that are named. What is in a field that nobody reads may be as deep as it
/// is long.
const MOST_LEVELS: usize = 32;

/// Parses `body` as the handler's payload: JSON, or whatever it is for [`Raw`](crate::Raw). No bytes at all count as
/// `null`: FC may be invoked without an event.
///
/// The message of the failure names the place in the event, `[detail.id] invalid type: …`.
pub(crate) fn parse<A: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<A, Diagnostic> {
    let event = body;
    let body = if body.is_empty() { b"null" } else { body };
    from_event(event, body).map_err(|error| {
        let mut path = path_at(body, error.line(), error.column());
        if !path.is_empty() {
            path = format!("[{path}] ");
        }
        // serde quotes whatever was there instead.
        let error = Short::of(MOST_MESSAGE, error);
        let message =
            format!("failed to deserialize the incoming data into the function's payload type: {path}{error}");
        Diagnostic::new("PayloadError", message)
    })
}

fn from_event<A: for<'de> Deserialize<'de>>(event: &[u8], json: &[u8]) -> serde_json::Result<A> {
    let mut raw = false;
    let mut json = serde_json::Deserializer::from_slice(json);
    let payload = A::deserialize(Event { json: &mut json, body: event, raw: &mut raw })?;
    if !raw {
        json.end()?;
    }
    Ok(payload)
}

/// One open object or array on the way to a place.
enum Step {
    /// The place of its last key in the text.
    Object {
        key: Range<usize>,
        awaits_key: bool,
    },
    Array {
        index: usize,
    },
}

/// Path of the JSON value at 1-based `line` and `column`, as `a.b[2]`; empty for the root and where
/// the text is not JSON. serde_json tells only the position (none, line 0, for buffered values), so
/// the text up to there is walked a second time.
fn path_at(text: &[u8], line: usize, column: usize) -> String {
    let Some(line) = line.checked_sub(1) else { return String::new() };
    let start = match line {
        0 => 0,
        _ => text
            .iter()
            .enumerate()
            .filter(|(_, b)| **b == b'\n')
            .map(|(i, _)| i + 1)
            .nth(line - 1)
            .unwrap_or(text.len()),
    };
    let text = &text[..text.len().min(start + column)];

    let mut open: Vec<Step> = Vec::new();
    // Levels below those in `open`.
    let mut below = 0_usize;
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'{' | b'[' if open.len() == MOST_LEVELS => below += 1,
            b'{' => open.push(Step::Object { key: 0..0, awaits_key: true }),
            b'[' => open.push(Step::Array { index: 0 }),
            b'}' | b']' if below > 0 => below -= 1,
            b'}' | b']' => drop(open.pop()),
            b',' if below == 0 => match open.last_mut() {
                Some(Step::Object { awaits_key, .. }) => *awaits_key = true,
                Some(Step::Array { index }) => *index += 1,
                None => {}
            },
            b'"' => {
                let end = string_end(text, at);
                if let Some(Step::Object { key, awaits_key }) = open.last_mut()
                    && *awaits_key
                    && below == 0
                {
                    *key = at + 1..end;
                    *awaits_key = false;
                }
                at = end;
            }
            _ => {}
        }
        at += 1;
    }

    let mut path = Short::new(MOST_PATH);
    for step in &open {
        // Fails when it is long enough.
        let _ = match step {
            Step::Object { key, .. } if key.is_empty() => Ok(()),
            Step::Object { key, .. } => {
                let key = String::from_utf8_lossy(&text[key.start..key.end.min(key.start + MOST_PATH + 1)]);
                let dot = if path.text.is_empty() { "" } else { "." };
                path.write_str(dot).and_then(|()| path.write_str(&key))
            }
            Step::Array { index } => write!(path, "[{index}]"),
        };
    }
    path.cut |= below > 0;
    path.to_string()
}

/// The beginning of a text.
struct Short {
    text: String,
    most: usize,
    cut: bool,
}

impl Short {
    /// Room for `most` bytes.
    fn new(most: usize) -> Self {
        Self { text: String::new(), most, cut: false }
    }

    /// What `value` says, as far as it fits.
    fn of(most: usize, value: impl Display) -> Self {
        let mut short = Self::new(most);
        // Fails when it is long enough.
        let _ = write!(short, "{value}");
        short
    }
}

impl Write for Short {
    fn write_str(&mut self, more: &str) -> std::fmt::Result {
        if self.cut {
            return Err(std::fmt::Error);
        }
        let room = self.most - self.text.len();
        let end = (0..=room.min(more.len())).rev().find(|end| more.is_char_boundary(*end)).unwrap_or(0);
        self.text.push_str(&more[..end]);
        self.cut = end < more.len();
        if self.cut { Err(std::fmt::Error) } else { Ok(()) }
    }
}

impl Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)?;
        f.write_str(if self.cut { "…" } else { "" })
    }
}

/// Index of the quote that ends the string starting at `start`, or of the end of `text`.
fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < text.len() && text[at] != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at.min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Raw;

    #[derive(Debug, Deserialize)]
    struct Outer {
        #[allow(dead_code, reason = "only parsing is tested")]
        a: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only parsing is tested")]
    struct Inner {
        id: u8,
        name: Option<String>,
    }

    fn refused(text: &str) -> String {
        let message = parse::<Outer>(text.as_bytes()).unwrap_err().error_message;
        message
            .strip_prefix("failed to deserialize the incoming data into the function's payload type: ")
            .unwrap()
            .to_owned()
    }

    #[test]
    fn the_message_names_the_place() {
        for (text, place) in [
            (r#"{"a": [{"id": 1}, {"id": "x"}]}"#, "[a[1].id] invalid type: string"),
            (
                "{\"a\": [\n{\"id\": 1},\n{\"name\": \"q,}\\\"\",\n \"id\": 256}]}",
                "[a[1].id] invalid value: integer `256`",
            ),
            (r#"{"a": [{"id": 1}, {"name": "n"}]}"#, "[a[1]] missing field `id`"),
            (r#"{"a": {"b": 1}}"#, "[a] invalid type: map"),
            (r#"{"b": 1}"#, "missing field `a`"),
            ("", "invalid type: null"),
            (r#"{"a": ["#, "[a[0]] EOF while parsing"),
            ("nope", "expected ident"),
            ("\u{fffd}", "expected value"),
        ] {
            let said = refused(text);
            assert!(said.starts_with(place), "{text}: {said}");
        }
    }

    #[test]
    fn a_message_is_short_whatever_is_refused() {
        let deep = "[".repeat(1 << 20);
        let long = "\u{e9}".repeat(1 << 20);
        let keys = "{\"key\":".repeat(100);
        for (event, place) in [
            // No depth is too great where nobody looks.
            (format!("{{\"x\":{deep}"), "[x[0][0]".to_owned()),
            (format!("{{\"a\":{deep}"), "[a[0][0]] invalid type: sequence".into()),
            (format!("{{\"a\":[{{\"id\":1,\"y\":{keys}"), "[a[0].y.key.key".into()),
            (format!("{{\"{long}\":["), format!("[{}…] EOF while parsing", "\u{e9}".repeat(MOST_PATH / 2))),
            (format!("{{\"a\":\"{long}\"}}"), "[a] invalid type: string \"\u{e9}\u{e9}".into()),
        ] {
            let said = refused(&event);
            assert!(said.len() <= MOST_MESSAGE + MOST_PATH + 10 && said.starts_with(&place), "{said}");
        }
        assert!(refused(&format!("{{\"x\":{deep}")).contains("…] EOF while parsing"));
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert!(parse::<serde_json::Value>(&[b'"', 0xff, b'"']).is_err());
        assert!(parse::<serde_json::Value>(&[0xff]).is_err());
    }

    #[test]
    fn an_event_may_be_anything_for_whoever_asks_for_its_bytes() {
        for event in [&[0xff, 0x00][..], b"", b"{\"a\": 1} and more", b"a=1&b=2"] {
            assert_eq!(parse::<Raw>(event).unwrap().0, event);
        }
        #[derive(Debug, Deserialize)]
        struct Part {
            #[allow(dead_code, reason = "only parsing is tested")]
            a: Raw,
        }
        assert!(parse::<Part>(br#"{"a": "x"}"#).unwrap_err().error_message.contains("as a whole"));
        // What is behind the JSON is still refused.
        assert!(parse::<Outer>(br#"{"a": []} x"#).is_err());
    }

    #[test]
    fn no_event_is_null() {
        assert!(parse::<serde_json::Value>(b"").unwrap().is_null());
        assert!(parse::<Option<u8>>(b"").unwrap().is_none());
    }
}
