//! Builds the functions for a deployment: `target/fc/<function>/bootstrap`, as s.yaml names them.

use std::fs;

use local_cloud::fc::s_yaml::SYaml;
use rig::Error;

use crate::build::{self, cargo, root};

/// Builds and lays out every function of s.yaml: `osferry-<package>` is the binary of `functions/<package>`.
pub fn run() -> Result<(), Error> {
    // The account only stands in roles, which are of no use here.
    let s_yaml = SYaml::load(&root().join("s.yaml"), "0")?;
    let names: Vec<&str> = s_yaml.functions.iter().map(|function| function.name.as_str()).collect();
    // By package: nothing else's features get into what is deployed.
    let packages: Vec<&str> =
        names.iter().flat_map(|name| ["--package", name.strip_prefix("osferry-").unwrap_or(name)]).collect();
    build::run(&cargo(), &[["build", "--profile", "dist", "--bins"].as_slice(), &packages].concat())?;
    for name in names {
        let place = root().join("target/fc").join(name);
        fs::create_dir_all(&place)?;
        let size = fs::copy(root().join("target/dist").join(name), place.join("bootstrap"))?;
        println!("{:>5} KiB  {}", size / 1024, place.join("bootstrap").display());
    }
    Ok(())
}
