//! Builds what is measured: the peers of tests/peers/runtime, again statically linked, and one whole function.

use std::path::{Path, PathBuf};
use std::process::Command;

use rig::Error;

use crate::build::{cargo, dist, root, run};

/// Paths of what was built.
pub struct Programs {
    /// hyper alone.
    pub bare: PathBuf,
    /// The same, statically linked.
    pub bare_static: PathBuf,
    /// fc_runtime, `run`.
    pub fc_run: PathBuf,
    /// The same, statically linked.
    pub fc_run_static: PathBuf,
    /// fc_runtime, `run_concurrent`.
    pub fc_concurrent: PathBuf,
    /// fc_runtime, `run_concurrent` and a log line.
    pub fc_line: PathBuf,
    /// lambda_runtime, `run`.
    pub lambda_run: PathBuf,
    /// lambda_runtime, `run_concurrent`.
    pub lambda_concurrent: PathBuf,
    /// A stage as it is deployed.
    pub function: PathBuf,
    /// Builds HTTP clients and prints what that took.
    pub client_cost: PathBuf,
}

/// Builds them all; minutes at first, a second later.
pub fn all() -> Result<Programs, Error> {
    println!("building the peers and osferry-precheck as they would be deployed");
    let manifest = "tests/peers/runtime/Cargo.toml";
    let target = root().join("target/peers/runtime");
    let target_dir = target.to_str().ok_or("the target directory's name is not UTF-8")?;
    let common = ["build", "--quiet", "--locked", "--release", "--manifest-path", manifest, "--target-dir", target_dir];
    run(&cargo(), &[common.as_slice(), &["--bins"]].concat())?;

    // With a target named, build scripts and macros are not linked statically.
    let host = host()?;
    let flags = format!("target.{host}.rustflags=['-Ctarget-feature=+crt-static']");
    let fixed = ["--target", &host, "--config", &flags, "--bin", "bare", "--bin", "fc-run"];
    run(&cargo(), &[common.as_slice(), &fixed].concat())?;

    // Together, so that what they share is built once.
    dist(&["--quiet", "--locked", "-p", "precheck", "-p", "openapi", "--bins", "--example", "client_cost"])?;
    let dynamic = |name: &str| target.join("release").join(name);
    let statically = |name: &str| target.join(&host).join("release").join(name);
    Ok(Programs {
        bare: dynamic("bare"),
        bare_static: statically("bare"),
        fc_run: dynamic("fc-run"),
        fc_run_static: statically("fc-run"),
        fc_concurrent: dynamic("fc-concurrent"),
        fc_line: dynamic("fc-line"),
        lambda_run: dynamic("lambda-run"),
        lambda_concurrent: dynamic("lambda-concurrent"),
        function: root().join("target/dist/osferry-precheck"),
        client_cost: root().join("target/dist/examples/client_cost"),
    })
}

/// The machine's target triple, by the compiler.
fn host() -> Result<String, Error> {
    let rustc = Path::new(&cargo()).with_file_name("rustc");
    let output = Command::new(rustc).arg("-vV").output()?;
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc -vV names no host")?.into())
}
