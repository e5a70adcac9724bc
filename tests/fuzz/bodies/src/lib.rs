//! What the fuzz targets do, so that ordinary tests can do it too.
//!
//! A body reads bytes that anybody may have sent. It must neither panic nor hang, and what it accepts must
//! survive being written and read again.

pub mod events;

/// A body, its name and the inputs to begin with.
pub struct Body {
    /// Name of the target.
    pub name: &'static str,
    /// Takes one input.
    pub run: fn(&[u8]),
    /// Valid inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every body.
pub const BODIES: &[Body] = &[Body { name: "events", run: events::run, seeds: events::seeds }];
