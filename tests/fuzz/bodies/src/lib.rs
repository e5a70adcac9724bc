//! What the fuzz targets do, so that ordinary tests can do it too.
//!
//! A body reads bytes that anybody may have sent. It must neither panic nor hang nor allocate what a length in them
//! claims without the bytes to go with it, and what it accepts must survive being written and read again.

pub mod events;
pub mod invocations;
pub mod plainbuffer;
pub mod tablestore_requests;
mod vectors;

/// A body, its name and the inputs to begin with.
pub struct Body {
    /// Name of the target.
    pub name: &'static str,
    /// Takes one input.
    pub run: fn(&[u8]),
    /// Valid inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Bytes of memory that it may hold however short the input is.
    pub spare: usize,
}

/// Every body.
pub const BODIES: &[Body] = &[
    // serde takes a list's word for its length up to a MiB; a Tablestore event has lists in lists.
    Body { name: "events", run: events::run, seeds: events::seeds, spare: 4 << 20 },
    Body { name: "invocations", run: invocations::run, seeds: invocations::seeds, spare: 64 << 10 },
    Body { name: "plainbuffer", run: plainbuffer::run, seeds: plainbuffer::seeds, spare: 1 << 10 },
    // A filter of 32 parts may have 32 regular expressions, whose programs are limited each.
    Body {
        name: "tablestore_requests",
        run: tablestore_requests::run,
        seeds: tablestore_requests::seeds,
        spare: 16 << 20,
    },
];
