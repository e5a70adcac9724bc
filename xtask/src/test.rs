//! Every test: units, vectors, properties, stages, and whole systems with real guests.

use rig::Error;

use crate::build::{self, cargo, images, test_tools};

/// Images that the whole-system tests use.
const IMAGES: &[&str] = &[
    "centos_8_5_x64_20G_alibase_20220127.vhd",
    "m-local-centos85-i686-full-boot",
    "m-local-centos85-shop-plugin",
    "m-local-centos85-vendor-agent",
    "debian_11_11_x64_20G_alibase_20240926.vhd",
    "centos_7_9_x64_20G_alibase_20220824.vhd",
    "m-local-centos79-leapp-inhibitors",
    "m-local-centos79-licensed",
    "m-local-centos85-no-disk-driver",
    "m-local-centos85-licensed",
    "m-local-rhel810",
    "almalinux_9_6_x64_20G_alibase_20250627.vhd",
    "win2008r2_sp1_x64_ent_zh-cn_40G_alibase_20190816.vhd",
    "win2012r2_9600_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
];

/// Runs them all, or those whose name contains `filter`.
pub fn run(filter: Option<&str>) -> Result<(), Error> {
    test_tools()?;
    println!("building the functions, the local cloud and the tests");
    // In one go: what tests need beside would otherwise have all of it built once more.
    build::run(&cargo(), &["build", "--quiet", "--workspace", "--all-targets"])?;
    images(IMAGES)?;
    println!("running the tests");
    let filter: Vec<&str> = filter.into_iter().collect();
    build::run(&cargo(), &[["test", "--workspace"].as_slice(), &filter].concat())
}
