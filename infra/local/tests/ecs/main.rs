//! The ECS service of the local cloud on a fake machine and a recording bus. The clock only moves
//! when a test moves it, and no thread runs but in the tests that say so.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not recognised as tests")]

mod assistant;
mod client;
mod describe;
mod disks;
mod fake;
mod groups;
mod images;
mod power;
mod resume;
mod rights;
mod run;
mod snapshots;
mod threads;
mod world;
