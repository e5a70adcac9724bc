//! Measurements: each beside a peer or a floor in interleaved rounds of one run. Ratios are printed, never asserted.

mod migrations;
mod prechecks;
mod runtime;
mod tablestore;

use rig::Error;

/// What is measured.
#[derive(Clone, Copy, Default, clap::ValueEnum)]
pub enum What {
    /// The overhead per migration: by the functions, and by a tight loop of the same calls.
    #[default]
    Migrations,
    /// A person's question what the cloud tells of one instance, and of a hundred.
    Prechecks,
    /// What an invocation costs: with fc_runtime, on bare hyper and with lambda_runtime.
    Runtime,
    /// Tablestore: the client beside other clients, the local server's store beside other stores.
    Tablestore,
}

/// Measures and prints.
pub fn run(what: What) -> Result<(), Error> {
    match what {
        What::Migrations => migrations::run(),
        What::Prechecks => prechecks::run(),
        What::Runtime => runtime::run(),
        What::Tablestore => tablestore::run(),
    }
}

/// Lowest, median and highest.
fn summary(times: &mut [f64]) -> (f64, f64, f64) {
    times.sort_by(f64::total_cmp);
    (times[0], times[times.len() / 2], times[times.len() - 1])
}
