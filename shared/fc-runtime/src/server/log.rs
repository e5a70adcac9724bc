//! The lines by which FC's log service finds an invocation (FC docs, log format).

use std::io::Write;

/// Prints `FC <what> RequestId: <id>`, in one write.
pub(super) fn marker(what: &str, request_id: &str) {
    let line = ["FC ", what, " RequestId: ", request_id, "\n"].concat();
    // Nobody reads stdout any more: no reason to stop serving.
    let _ = std::io::stdout().write_all(line.as_bytes());
}
