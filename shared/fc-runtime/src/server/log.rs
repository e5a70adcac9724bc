//! The lines by which FC's log service finds an invocation (FC docs, log format).

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

/// Lines on their way to stdout.
///
/// An invocation's first line is written before its handler runs, so that whatever that prints comes
/// after it, and takes the last lines of others along: a write for each line would be a tenth of
/// what a small invocation costs. What is left over is written as soon as nothing else is ready.
#[derive(Default)]
pub(super) struct Log {
    lines: Mutex<Vec<u8>>,
    left_over: Notify,
}

impl Log {
    /// Prints `FC <what> RequestId: <id>` now.
    pub(super) fn start(&self, what: &str, request_id: &str) {
        self.with(|lines| {
            push(lines, &["FC ", what, " RequestId: ", request_id, "\n"]);
            write(lines);
        });
    }

    /// Prints `FC <what> RequestId: <id>` soon; after a panic with what FC's own runtimes say then.
    pub(super) fn end(&self, what: &str, request_id: &str, panicked: bool) {
        let error = if panicked { ", Error: Unhandled function error\n" } else { "\n" };
        let first = self.with(|lines| {
            let first = lines.is_empty();
            push(lines, &["FC ", what, " RequestId: ", request_id, error]);
            first
        });
        if first {
            self.left_over.notify_one();
        }
    }

    /// Waits until there are lines, and until every task that is ready now has run; then writes them.
    pub(super) async fn flush_left_over(&self) {
        self.left_over.notified().await;
        self.flush();
    }

    pub(super) fn flush(&self) {
        self.with(write);
    }

    fn with<T>(&self, what: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        what(&mut self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.flush();
    }
}

fn push(lines: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        lines.extend_from_slice(part.as_bytes());
    }
}

fn write(lines: &mut Vec<u8>) {
    if !lines.is_empty() {
        // Nobody reads stdout any more: no reason to stop serving.
        let _ = std::io::stdout().write_all(lines);
        lines.clear();
    }
}
