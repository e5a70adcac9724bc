//! Builds the functions for a deployment: `target/fc/<function>/bootstrap`, as s.yaml names them.

use std::fs;

use local_cloud::fc::s_yaml::SYaml;
use rig::Error;

use crate::build::{dist, root};

/// Most bytes of a function: what a cold start has to read.
pub const MOST_BYTES: u64 = 4_000_000;

/// Builds and lays out every function of s.yaml: `osferry-<package>` is the binary of `functions/<package>`.
/// Prints their sizes.
pub fn run() -> Result<(), Error> {
    // The account only stands in roles, which are of no use here.
    let s_yaml = SYaml::load(&root().join("s.yaml"), "0")?;
    let names: Vec<&str> = s_yaml.functions.iter().map(|function| function.name.as_str()).collect();
    // By package: nothing else's features get into what is deployed.
    let packages: Vec<&str> =
        names.iter().flat_map(|name| ["--package", name.strip_prefix("osferry-").unwrap_or(name)]).collect();
    dist(&[["--bins"].as_slice(), &packages].concat())?;
    let mut sizes = Vec::new();
    for name in names {
        let place = root().join("target/fc").join(name);
        fs::create_dir_all(&place)?;
        let size = fs::copy(root().join("target/dist").join(name), place.join("bootstrap"))?;
        println!("{size:>9} bytes  {}", place.join("bootstrap").display());
        sizes.push(size);
    }
    let over = sizes.iter().filter(|size| **size > MOST_BYTES).count();
    println!("{} functions, {over} of them larger than {MOST_BYTES} bytes", sizes.len());
    Ok(())
}
