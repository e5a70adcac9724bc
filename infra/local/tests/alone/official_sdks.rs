//! The vendor's own SDKs as clients. They come from PyPI and npm into a folder below `target/`, once.
//!
//! The Python SDK's own tests are not in its package, so what is in `python/` covers their ground in other words; the
//! Node SDK's are, and run here as they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::{INSTANCE, Server};

const PYTHON_SDK: &str = "tablestore==6.4.8";
const NODE_SDK: &str = "tablestore@5.6.5";
const MOCHA: &str = "mocha@10.8.2";

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/alone").join(name)
}

/// A folder into which `install` put `what`. It is made anew when that did not come to its end, or was for another
/// version.
fn installed(name: &str, what: &str, install: impl FnOnce(&Path)) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("official-sdks").join(name);
    let mark = dir.join("installed");
    if fs::read_to_string(&mark).is_ok_and(|text| text == what) {
        return dir;
    }
    if dir.exists() {
        fs::remove_dir_all(&dir).unwrap();
    }
    fs::create_dir_all(&dir).unwrap();
    install(&dir);
    fs::write(mark, what).unwrap();
    dir
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()))
}

/// Runs it; everything it says.
fn run(command: &mut Command) -> String {
    let output = output(command);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{command:?} ended with {}:\n{said}", output.status);
    said
}

/// Says to a program where the server is, in the names that `names` gives to endpoint, instance, id and secret.
fn tell(command: &mut Command, server: &Server, names: [&str; 4]) {
    let endpoint = &server.endpoint;
    let values = [&endpoint.endpoint, INSTANCE, &endpoint.access_key_id, &endpoint.access_key_secret];
    command.envs(names.into_iter().zip(values));
}

const OUR_NAMES: [&str; 4] = ["OTS_ENDPOINT", "OTS_INSTANCE", "OTS_ACCESS_KEY_ID", "OTS_ACCESS_KEY_SECRET"];

#[test]
fn the_python_sdk() {
    let sdk = installed("python", PYTHON_SDK, |dir| {
        run(Command::new("python3").args(["-m", "venv"]).arg(dir));
        run(Command::new(dir.join("bin/python")).args(["-m", "pip", "install", "--quiet", PYTHON_SDK]));
    });
    let state = tempfile::tempdir().unwrap();
    let server = Server::start(state.path());
    let mut tests = Command::new(sdk.join("bin/python"));
    // It warns that its accelerator is missing, of connections that are left to the collector, and so on.
    tests.args(["-B", "-W", "ignore", "-m", "unittest", "discover"]).current_dir(here("python"));
    tell(&mut tests, &server, OUR_NAMES);
    let said = run(&mut tests);
    let count = said.lines().find_map(|line| line.strip_prefix("Ran ")?.split(' ').next()?.parse::<u32>().ok());
    assert!(count.is_some_and(|count| count >= 49), "{said}");
}

fn node() -> PathBuf {
    installed("node", &format!("{NODE_SDK} {MOCHA}"), |dir| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]).arg(dir);
        run(npm.args([NODE_SDK, MOCHA]).current_dir(dir));
    })
    .join("node_modules")
}

#[test]
fn the_node_sdk() {
    let modules = node();
    let state = tempfile::tempdir().unwrap();
    let server = Server::start(state.path());
    let mut trip = Command::new("node");
    trip.arg(here("node/round_trip.js")).env("NODE_PATH", &modules);
    tell(&mut trip, &server, OUR_NAMES);
    let said = run(&mut trip);
    assert_eq!(said.matches("ok ").count(), 8, "{said}");

    // Those of its own tests that need neither search indexes nor SQL. The first of them says that it passed also
    // when its range was refused, so what it prints is looked at.
    let own = modules.join("tablestore/test");
    let mut mocha = Command::new("node");
    mocha.arg(modules.join("mocha/bin/mocha.js")).arg("--exit");
    for test in ["data_opration", "table", "globalIndex", "long", "protocol/plain_buffer"] {
        mocha.arg(own.join(format!("{test}.test.js")));
    }
    tell(&mut mocha, &server, ["endpoint", "instancename", "accessKeyId", "secretAccessKey"]);
    let said = run(&mut mocha);
    let refused = said.lines().any(|line| line.starts_with("error:"));
    assert!(said.contains("13 passing") && !refused, "{said}");
}
