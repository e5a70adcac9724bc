//! Each step of each engine fails in turn: what becomes of it, what a person reads, and what the cloud holds
//! afterwards are as these tables say. Guests of one table migrate at the same time.

mod boot;
#[path = "../common/mod.rs"]
mod common;
mod debian;
mod prepare;
mod tool;

use common::cases::{Case, Failure, fail};
use migration::path::Engine;
use rig::Error;

/// A guest may be silent so long: less than any real system needs.
const DARK: [&str; 2] = ["--env", "DARK_SECONDS=60"];

#[test]
fn no_engine_and_no_failure_is_left_out() {
    let cases: Vec<&Case> =
        tool::CASES.iter().chain(&boot::CASES).chain(&debian::CASES).chain(&prepare::CASES).collect();
    let count = |engine: Engine, failure: Failure| {
        cases.iter().filter(|case| (case.engine, case.failure) == (engine, failure)).count()
    };
    for engine in Engine::ALL.iter().copied() {
        for failure in Failure::OF_EVERY_ENGINE {
            assert_eq!(count(engine, failure), 1, "{engine:?}, {failure:?}");
        }
        assert_eq!(count(engine, Failure::NotPrepared), usize::from(engine.prepares()), "{engine:?}");
    }
}

#[tokio::test]
async fn tools_fail() -> Result<(), Error> {
    fail(&[], &tool::CASES.each_ref()).await
}

#[tokio::test]
async fn boots_fail() -> Result<(), Error> {
    fail(&DARK, &boot::CASES.each_ref()).await
}

#[tokio::test]
async fn upgrades_of_debian_fail() -> Result<(), Error> {
    fail(&DARK, &debian::CASES.each_ref()).await
}

#[tokio::test]
async fn preparations_fail() -> Result<(), Error> {
    fail(&prepare::OTHER_CHECKSUMS, &prepare::CASES.each_ref()).await
}
