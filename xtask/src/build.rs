//! What every command needs first: the machine's tools and the project's binaries.

use std::path::{Path, PathBuf};
use std::process::Command;

use rig::{Error, missing_sdk_tools, missing_tools, target_dir};

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// Runs a command in the workspace's root; its failure is an error.
pub fn run(program: &str, arguments: &[&str]) -> Result<(), Error> {
    let status = Command::new(program).args(arguments).current_dir(root()).status();
    match status.map_err(|error| format!("{program}: {error}"))? {
        status if status.success() => Ok(()),
        status => Err(format!("{program} {} ended with {status}", arguments.join(" ")).into()),
    }
}

/// Cargo, as it runs this very program.
pub fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".into())
}

/// Builds for a deployment: `profile.dist`, and what only the linker can do for its size. Equal functions become
/// one, and relocations are packed, which needs glibc 2.36: s.yaml's `custom.debian12` has it.
pub fn dist(arguments: &[&str]) -> Result<(), Error> {
    // Where Rust links with LLD of its own; elsewhere the linker may not know the first.
    let target = r#"cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))"#;
    let flags = "['-Clink-arg=-Wl,--icf=all', '-Clink-arg=-Wl,-z,pack-relative-relocs']";
    let config = format!("target.'{target}'.rustflags={flags}");
    run(&cargo(), &[&["build", "--profile", "dist", "--config", &config], arguments].concat())
}

/// Installs what guests are built and run with, when it may; otherwise says how.
pub fn tools() -> Result<(), Error> {
    install(&missing_tools())
}

/// The same of what tests need beside guests.
pub fn test_tools() -> Result<(), Error> {
    install(&[missing_tools(), missing_sdk_tools()].concat())
}

fn install(missing: &[&str]) -> Result<(), Error> {
    if missing.is_empty() {
        return Ok(());
    }
    let by_hand = format!("apt-get install -y {}", missing.join(" "));
    if !nix::unistd::geteuid().is_root() {
        return Err(format!("programs are needed that are not installed here; run: sudo {by_hand}").into());
    }
    println!("installing {} with apt-get", missing.join(" "));
    let apt = |arguments: &[&str]| {
        let lock = ["-q", "-o", "DPkg::Lock::Timeout=400"];
        run("apt-get", &[&lock, arguments].concat())
    };
    apt(&["update"])?;
    let install = [["install", "-y"].as_slice(), missing].concat();
    apt(&install).map_err(|error| format!("{error}; install by hand: sudo {by_hand}").into())
}

/// Builds the local cloud and every function.
pub fn binaries() -> Result<(), Error> {
    println!("building the functions and the local cloud");
    run(&cargo(), &["build", "--quiet", "--workspace", "--bins"])
}

/// Where images are kept: they survive a demo or test.
pub fn image_dir() -> Result<PathBuf, Error> {
    Ok(target_dir()?.parent().ok_or("no target directory")?.join("images"))
}

/// Builds images that are not there yet.
pub fn images(ids: &[&str]) -> Result<(), Error> {
    let program = target_dir()?.join("local-cloud");
    let dir = image_dir()?;
    let dir = dir.to_str().ok_or("the target directory's name is not UTF-8")?;
    let arguments = [["build-images", "--image-dir", dir].as_slice(), ids].concat();
    run(program.to_str().ok_or("the target directory's name is not UTF-8")?, &arguments)
}
