//! The runtime over real sockets, as Function Compute calls it.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

mod client;
mod hostile;
mod http_trigger;
mod logs;
mod programs;
mod serve;
mod streams;
