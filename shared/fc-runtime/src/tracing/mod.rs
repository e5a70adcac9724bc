//! All of the `tracing` crate, and a subscriber that writes what FC's log service reads well.

mod json;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use json::Json;

pub use ::tracing::*;
/// `tracing_subscriber`, for subscribers of one's own.
pub use tracing_subscriber as subscriber;

/// Writes events as JSON lines to stdout, which FC keeps in the function's log store: `timestamp`,
/// `level`, the event's own fields, `target`, and in `span` the fields of the spans around it, so that
/// each line has the `requestId` of [`TracingLayer`](crate::layers::TracingLayer).
///
/// `RUST_LOG` is a level (`debug`) or a list of targets with levels (`warn,migrate=debug`); `info`
/// without it. A second call does nothing.
pub fn init_default_subscriber() {
    init_default_subscriber_with_writer(std::io::stdout);
}

/// As [`init_default_subscriber`], to `writer`.
pub fn init_default_subscriber_with_writer<W>(writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let wanted = std::env::var("RUST_LOG").ok();
    // Fails only when there is a subscriber already, which then is the one that counts.
    let _ = tracing_subscriber::registry().with(Json(writer)).with(filter(wanted.as_deref())).try_init();
}

/// The filter that `RUST_LOG` asks for; one that does not parse must not silence a function.
fn filter(wanted: Option<&str>) -> Targets {
    let fallback = || Targets::new().with_default(LevelFilter::INFO);
    match wanted {
        None | Some("") => fallback(),
        Some(text) => text.parse().unwrap_or_else(|_| fallback()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_a_list_and_nonsense() {
        assert_eq!(filter(None).default_level(), Some(LevelFilter::INFO));
        assert_eq!(filter(Some("")).default_level(), Some(LevelFilter::INFO));
        assert_eq!(filter(Some("debug")).default_level(), Some(LevelFilter::DEBUG));
        let list = filter(Some("warn,migrate=trace"));
        assert!(list.would_enable("migrate", &Level::TRACE));
        assert!(!list.would_enable("hyper", &Level::INFO));
        assert_eq!(filter(Some("a=b=c")).default_level(), Some(LevelFilter::INFO));
    }
}
