//! Tablestore: the client beside the other clients, the local server's store beside other stores. The programs are
//! those of tests/peers/tablestore.

use std::path::{Path, PathBuf};

use rig::Error;

use crate::build::{cargo, root, run as command};

/// The official SDKs, in the versions that the goals were set for.
const NODE_SDK: &str = "tablestore@5.6.5";
const PYTHON_SDK: &str = "tablestore==6.4.8";

/// Measures and prints; asserts nothing about time.
pub fn run() -> Result<(), Error> {
    println!("building the peers for release");
    let target = root().join("target/peers/tablestore");
    let manifest = "tests/peers/tablestore/Cargo.toml";
    let build = ["build", "--quiet", "--locked", "--release", "--manifest-path", manifest];
    command(&cargo(), &[build.as_slice(), &["--target-dir", text(&target)?]].concat())?;
    let (node, python) = sdks()?;

    println!("\n== the client\n");
    let program = |name: &str| target.join("release").join(name);
    command(text(&program("client"))?, &[text(&node)?, text(&python)?])?;

    println!("\n== the store\n");
    let scratch = root().join("target/bench-store");
    std::fs::create_dir_all(&scratch)?;
    command(text(&program("store"))?, &[text(&scratch)?])?;
    Ok(std::fs::remove_dir_all(scratch)?)
}

/// Installs the official SDKs below target/, each once.
fn sdks() -> Result<(PathBuf, PathBuf), Error> {
    let (node, python) = (root().join("target/peers/node"), root().join("target/peers/python"));
    if !node.join("node_modules/tablestore").exists() {
        println!("installing {NODE_SDK} with npm");
        let arguments = ["install", "--silent", "--no-audit", "--no-fund", "--prefix", text(&node)?, NODE_SDK];
        std::fs::create_dir_all(&node)?;
        command("npm", &arguments)?;
    }
    if !python.join("tablestore").exists() {
        println!("installing {PYTHON_SDK} with pip");
        let quiet = ["--quiet", "--disable-pip-version-check", "--root-user-action", "ignore"];
        let install = [["-m", "pip", "install"].as_slice(), &quiet, &["--target", text(&python)?, PYTHON_SDK]];
        command("python3", &install.concat())?;
    }
    Ok((node, python))
}

fn text(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| "the target directory's name is not UTF-8".into())
}
