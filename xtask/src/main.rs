//! Developer commands: `cargo xtask demo`, `test`, `package`, `tables`, `bench`, `docs`.

mod bench;
mod build;
mod demo;
mod docs;
mod package;
mod tables;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer commands of OS Ferry.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Migrates a fleet of real guests on this machine, and shows it.
    Demo {
        /// Keeps the state directory (logs, store, disks) when it ends.
        #[arg(long)]
        keep: bool,
        /// Migrates by every engine instead, with a drill and a system that does not boot.
        #[arg(long)]
        all_paths: bool,
    },
    /// Runs every test.
    Test {
        /// Only tests whose name contains this.
        filter: Option<String>,
    },
    /// Builds the functions for a deployment into target/fc.
    Package,
    /// Makes the tables of Tablestore that are not there yet, by REGION, OTS_INSTANCE and an access key in
    /// ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET.
    Tables,
    /// Measures, beside peers in the same run; asserts nothing about time.
    Bench {
        /// What is measured.
        #[arg(value_enum, default_value_t)]
        what: bench::What,
    },
    /// Writes what is generated in docs/.
    Docs {
        /// Only says whether it is up to date.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Demo { keep, all_paths } => demo::run(keep, all_paths),
        Command::Test { filter } => test::run(filter.as_deref()),
        Command::Package => package::run(),
        Command::Tables => tables::run(),
        Command::Bench { what } => bench::run(what),
        Command::Docs { check } => docs::run(check),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
