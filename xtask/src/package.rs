//! Builds the functions for a deployment: `target/fc/<function>/bootstrap`, as s.yaml names them.

use std::fs;

use rig::Error;

use crate::build::{self, cargo, root};

/// Functions, as in s.yaml.
const FUNCTIONS: [&str; 9] =
    ["assess", "cleanup", "detect", "migrate", "precheck", "rollback", "snapshot", "sweep", "verify"];

/// Builds and lays out.
pub fn run() -> Result<(), Error> {
    let packages: Vec<&str> = FUNCTIONS.iter().flat_map(|function| ["--package", function]).collect();
    build::run(&cargo(), &[["build", "--profile", "dist", "--bins"].as_slice(), &packages].concat())?;
    for function in FUNCTIONS {
        let name = format!("osferry-{function}");
        let place = root().join("target/fc").join(&name);
        fs::create_dir_all(&place)?;
        let size = fs::copy(root().join("target/dist").join(&name), place.join("bootstrap"))?;
        println!("{:>5} KiB  {}", size / 1024, place.join("bootstrap").display());
    }
    Ok(())
}
