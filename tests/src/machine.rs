//! What this machine has.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;

/// The workspace's root.
pub fn root() -> PathBuf {
    // This package is at <root>/tests.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// Where this build's binaries are: `target/debug`, also for a test in `target/debug/deps`.
pub fn target_dir() -> Result<PathBuf, Error> {
    let exe = std::env::current_exe()?;
    let dir = exe.parent().ok_or("this program has no directory")?;
    Ok(if dir.ends_with("deps") { dir.parent().unwrap_or(dir) } else { dir }.to_owned())
}

/// Programs that guests are built and run with, and the Debian package of each.
const TOOLS: &[(&str, &str)] = &[
    ("busybox", "busybox-static"),
    ("createrepo_c", "createrepo-c"),
    ("curl", "curl"),
    ("dnf", "dnf"),
    ("mmdebstrap", "mmdebstrap"),
    ("newuidmap", "uidmap"),
    ("rpm", "rpm"),
    ("shellcheck", "shellcheck"),
];

/// Programs that run the official SDKs of Tablestore.
const SDK_TOOLS: &[(&str, &str)] = &[("node", "nodejs"), ("npm", "npm"), ("python3", "python3")];

/// Debian packages that are missing on this machine for guests.
pub fn missing_tools() -> Vec<&'static str> {
    missing(TOOLS)
}

/// Debian packages that are missing on this machine for the official SDKs.
pub fn missing_sdk_tools() -> Vec<&'static str> {
    let mut packages = missing(SDK_TOOLS);
    if !makes_environments() {
        packages.push("python3-venv");
    }
    packages
}

fn missing(tools: &[(&str, &'static str)]) -> Vec<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    dirs.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let missing = |program: &str| !dirs.iter().any(|dir| dir.join(program).is_file());
    tools.iter().filter(|(program, _)| missing(program)).map(|(_, package)| *package).collect()
}

/// Whether `python3 -m venv` works: Debian keeps a part of it in a package without a program.
fn makes_environments() -> bool {
    let look = Command::new("python3").args(["-c", "import ensurepip, venv"]).stderr(Stdio::null()).status();
    look.is_ok_and(|status| status.success())
}
