//! Events as JSON lines.
//!
//! `tracing_subscriber` has such a layer too. It keeps a span's fields as JSON text and parses them
//! again for every event inside the span; a line of it costs three times as much as one of these.

use std::cell::Cell;
use std::fmt::{Debug, Write as _};
use std::io::Write;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

/// Writes every event as one line to `W`: `timestamp`, `level`, the event's own fields, `target`, and in
/// `span` the fields of the spans around it, outermost first, and the innermost's `name`.
pub(super) struct Json<W>(pub(super) W);

/// A span's fields: members of a JSON object, each with a comma behind it.
struct Members(Vec<u8>);

thread_local! {
    /// A line in the making. It is taken out while it grows: a field's `Debug` may itself log.
    static LINE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl<S, W> Layer<S> for Json<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut members = Members(Vec::with_capacity(64));
        attributes.record(&mut members);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(members);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(members) = span.extensions_mut().get_mut::<Members>()
        {
            values.record(members);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Members(LINE.take());
        line.0.clear();
        line.0.extend_from_slice(b"{\"timestamp\":\"");
        let mut time = String::with_capacity(32);
        // Writing to a string does not fail.
        let _ = SystemTime.format_time(&mut Writer::new(&mut time));
        line.0.extend_from_slice(time.as_bytes());
        line.0.extend_from_slice(b"\",");
        let metadata = event.metadata();
        line.text("level", metadata.level().as_str());
        event.record(&mut line);
        line.text("target", metadata.target());
        if let Some(innermost) = context.event_span(event) {
            line.0.extend_from_slice(b"\"span\":{");
            for span in innermost.scope().from_root() {
                if let Some(Members(members)) = span.extensions().get() {
                    line.0.extend_from_slice(members);
                }
            }
            line.text("name", innermost.name());
            line.close();
            line.0.push(b',');
        }
        line.close();
        line.0.push(b'\n');
        // Nobody reads the log any more: no reason to stop.
        let _ = self.0.make_writer_for(metadata).write_all(&line.0);
        LINE.set(line.0);
    }
}

impl Members {
    fn name(&mut self, name: &str) {
        self.json(name.strip_prefix("r#").unwrap_or(name));
        self.0.push(b':');
    }

    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.json(value);
        self.0.push(b',');
    }

    fn value<T: serde::Serialize + ?Sized>(&mut self, field: &Field, value: &T) {
        self.name(field.name());
        self.json(value);
        self.0.push(b',');
    }

    fn json<T: serde::Serialize + ?Sized>(&mut self, value: &T) {
        // Numbers and text serialise, and a vector takes all of it.
        let _ = serde_json::to_writer(&mut self.0, value);
    }

    /// Ends the object: the last comma gives way.
    fn close(&mut self) {
        if self.0.last() == Some(&b',') {
            self.0.pop();
        }
        self.0.push(b'}');
    }
}

impl Visit for Members {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.value(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.value(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.value(field, &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.value(field, &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.value(field, &value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        // A `Debug` that fails has said what it has said.
        let _ = write!(text, "{value:?}");
        self.value(field, text.as_str());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn lines(what: impl FnOnce()) -> Vec<Value> {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::registry().with(Json(move || writer.clone()));
        tracing::subscriber::with_default(subscriber, what);
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }

    #[test]
    fn fields_keep_their_kind() {
        let lines = lines(|| {
            let quoted = "a \"b\"\n";
            tracing::warn!(count = 7, left = -7, part = 0.5, yes = true, quoted, shown = %1.5, r#type = ?Some("x"), "done {}", 1);
            tracing::info!("plain");
        });
        let mut line = lines[0].clone();
        let time = line.as_object_mut().unwrap().remove("timestamp").unwrap();
        let time = time.as_str().unwrap();
        assert!(time.len() == "2026-01-01T00:00:00.000000Z".len() && time.ends_with('Z'), "{time}");
        assert_eq!(
            line,
            json!({ "level": "WARN", "message": "done 1", "count": 7, "left": -7, "part": 0.5, "yes": true,
                "quoted": "a \"b\"\n", "shown": "1.5", "type": "Some(\"x\")", "target": module_path!() })
        );
        assert_eq!((&lines[1]["message"], lines[1].get("span")), (&json!("plain"), None));
    }

    #[test]
    fn a_line_names_the_spans_around_it() {
        let lines = lines(|| {
            let outer = tracing::info_span!("outer", id = "r-1", late = tracing::field::Empty);
            outer.record("late", 2);
            let _outer = outer.enter();
            tracing::info_span!("inner", disk = "d-1").in_scope(|| tracing::info!("inside"));
            tracing::info_span!("bare").in_scope(|| tracing::info!("inside"));
        });
        assert_eq!(lines[0]["span"], json!({ "id": "r-1", "late": 2, "disk": "d-1", "name": "inner" }));
        assert_eq!(lines[1]["span"], json!({ "id": "r-1", "late": 2, "name": "bare" }));
    }

    #[test]
    fn a_field_that_logs_itself_spoils_nothing() {
        struct Talks;
        impl Debug for Talks {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                tracing::info!("within");
                f.write_str("talks")
            }
        }
        let lines = lines(|| tracing::info!(who = ?Talks, "around"));
        assert_eq!(
            (&lines.last().unwrap()["who"], &lines.last().unwrap()["message"]),
            (&json!("talks"), &json!("around"))
        );
    }
}
