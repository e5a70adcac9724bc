//! Measurements: each beside a peer or a floor in interleaved rounds of one run. Ratios are printed, never asserted.

mod migrations;

use rig::Error;

/// What is measured.
#[derive(Clone, Copy, Default, clap::ValueEnum)]
pub enum What {
    /// The overhead per migration: by the functions, and by a tight loop of the same calls.
    #[default]
    Migrations,
}

/// Measures and prints.
pub fn run(what: What) -> Result<(), Error> {
    match what {
        What::Migrations => migrations::run(),
    }
}
