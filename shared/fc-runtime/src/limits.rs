//! How much a function takes in, and how long it waits.

use std::time::Duration;

/// What a runtime bears with; [`Runtime::limits`](crate::Runtime::limits) sets it.
///
/// The defaults are above what Function Compute itself allows, so that they bind nobody but a client
/// that does harm. All of them bound what such a client can use up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest event or request body, bytes. 32 MB: a synchronous invocation's largest (FC limits). Of events
    /// above 256 KB eight are held at once until a handler takes one, so that a crowd of them is not.
    pub event_bytes: usize,
    /// Connections at once. 1,024: five times as many as FC sends requests at once. One more takes
    /// the place of one that has nothing to do, or waits.
    pub connections: usize,
    /// Handlers at work at once in [`run_concurrent`](crate::run_concurrent). 200: the largest
    /// `instanceConcurrency` (FC docs). What comes on top waits.
    pub concurrency: usize,
    /// From the first byte of a request's head to its last. 30 s.
    pub head_timeout: Duration,
    /// From a request's head to the end of its body; of a body that a handler reads itself, for how long
    /// it may have to wait for it before it answers. 15 minutes: as long as FC expects a custom runtime to
    /// hold a request (FC docs, custom runtime).
    pub body_timeout: Duration,
    /// How long nothing at all may come while a request is under way, or leave while an answer is. 60 s.
    /// A streamed answer may be silent for longer, until its reader hangs up. A connection between requests
    /// is kept as long as FC keeps it.
    pub stall_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            event_bytes: 32 << 20,
            connections: 1024,
            concurrency: 200,
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(15 * 60),
            stall_timeout: Duration::from_secs(60),
        }
    }
}
