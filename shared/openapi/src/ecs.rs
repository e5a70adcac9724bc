//! ECS, version 2014-05-26: instances, disks, snapshots, Cloud Assistant, tags.
//!
//! Names are the API's. Statuses stay strings: new ones appear. Values serialise to the documented
//! JSON and back.

mod client;
mod disks;
mod groups;
mod images;
mod instances;
mod model;
mod request;
#[cfg(test)]
mod tests;
mod wire;

pub use client::Client;
pub use disks::*;
pub use groups::*;
pub use images::*;
pub use instances::*;
pub use model::*;
pub use request::*;

use crate::rpc::Product;

/// ECS and its only version.
pub const PRODUCT: Product = Product { name: "ECS", version: "2014-05-26" };
