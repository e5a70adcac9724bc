//! Parsing an event, and saying where it does not fit.

use serde::Deserialize;

use crate::Diagnostic;
use crate::raw::Event;

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
    Object { key: String, awaits_key: bool },
    Array { index: usize },
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
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'{' => open.push(Step::Object { key: String::new(), awaits_key: true }),
            b'[' => open.push(Step::Array { index: 0 }),
            b'}' | b']' => drop(open.pop()),
            b',' => match open.last_mut() {
                Some(Step::Object { awaits_key, .. }) => *awaits_key = true,
                Some(Step::Array { index }) => *index += 1,
                None => {}
            },
            b'"' => {
                let end = string_end(text, at);
                if let Some(Step::Object { key, awaits_key }) = open.last_mut()
                    && *awaits_key
                {
                    *key = String::from_utf8_lossy(&text[at + 1..end]).into_owned();
                    *awaits_key = false;
                }
                at = end;
            }
            _ => {}
        }
        at += 1;
    }

    let mut path = String::new();
    for step in &open {
        match step {
            Step::Object { key, .. } if path.is_empty() => path.push_str(key),
            Step::Object { key, .. } if key.is_empty() => {}
            Step::Object { key, .. } => path.extend([".", key]),
            Step::Array { index } => path.push_str(&format!("[{index}]")),
        }
    }
    path
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
