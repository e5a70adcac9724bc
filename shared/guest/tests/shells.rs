//! Every script, in every shell that guests have; and their sources under shellcheck.

#![allow(clippy::unwrap_used, reason = "tests panic")]

mod root;

use std::path::{Path, PathBuf};
use std::process::Command;

use migration::Remediation;
use migration::path::Engine;
use migration::policy::Probe;
use root::{found, hop, script};

/// Each script of each engine, with a name.
fn scripts() -> Vec<(String, String)> {
    let probes = [Probe::Http("http://127.0.0.1/".into()), Probe::Tcp { host: "db".into(), port: 1 }];
    let mut all = vec![("identify".to_owned(), guest::identify_script())];
    for engine in Engine::ALL.iter().copied().filter(|engine| *engine != Engine::WindowsSetup) {
        let hop = hop(engine);
        let mut add = |name: &str, text: String| all.push((format!("{} {name}", engine.name()), text));
        add("assess", script(&hop, |job| job.assess()));
        add("prepare", script(&hop, |job| job.prepare(Remediation::ALL)));
        add("undo", script(&hop, |job| job.undo()));
        add("start", script(&hop, |job| job.start()));
        add("watch", script(&hop, |job| job.watch(50)));
        add("reboot", script(&hop, |job| job.reboot()));
        add("booted", script(&hop, |job| job.booted()));
        add("finish", script(&hop, |job| job.finish()));
        add("verify", script(&hop, |job| job.verify(&probes, 60)));
        add("observe", script(&hop, |job| job.observe(&probes, 60)));
        add("look", script(&hop, |job| job.look(Some(1_700_000_000))));
        add("evidence", script(&hop, |job| job.evidence()));
        add("file", script(&hop, |job| job.file("/var/log/x", 0)));
    }
    all
}

#[test]
fn every_shell_parses_every_script() {
    let scripts = scripts();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("script");
    let mut shells = 0;
    for shell in [&["dash", "-n"][..], &["bash", "--posix", "-n"], &["bash", "-n"], &["busybox", "sh", "-n"]] {
        let Some(program) = found(shell[0]) else { continue };
        shells += 1;
        for (name, text) in &scripts {
            std::fs::write(&file, text).unwrap();
            let output = Command::new(&program).args(&shell[1..]).arg(&file).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.is_empty(), "{shell:?}, {name}: {said}");
        }
    }
    assert!(shells >= 1, "no shell is installed here");
}

/// What bash 4.2 (EL 7) does not know, some of it not as a fault but with another meaning. Sources: bash's own list of
/// changes, 4.3 to 5.3. Scripts are for a POSIX shell, so little of it can come to be; `bash -c` stands in one.
const NEWER_THAN_BASH_4_2: [&str; 26] = [
    "local -n",
    "declare -n",
    "typeset -n",
    "wait -n",
    "wait -f",
    "wait -p",
    "mapfile -d",
    "readarray -d",
    "shopt -s globskipdots",
    "inherit_errexit",
    "localvar_inherit",
    "BASH_COMPAT",
    "BASH_ARGV0",
    "EPOCHSECONDS",
    "EPOCHREALTIME",
    "SRANDOM",
    "CHILD_MAX",
    "printf -v \"${",
    "[[ -v",
    "[ -v",
    "test -v",
    "[[ -R",
    "read -E",
    "exec {",
    "${ ",
    "${|",
];

/// The token, or a kind of expansion, that stands in a line.
fn newer_than_bash_4_2(line: &str) -> Option<String> {
    if let Some(token) = NEWER_THAN_BASH_4_2.iter().find(|token| line.contains(**token)) {
        return Some((*token).to_owned());
    }
    // printf '%(...)T' without an argument.
    if line.contains("printf") && line.contains("%(") && line.contains(")T") {
        return Some("%(...)T".to_owned());
    }
    for (at, _) in line.match_indices("${") {
        let inner = line[at + 2..].split('}').next().unwrap_or_default();
        let name = inner.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        // ${x@Q}; ${x[-1]}.
        if name.starts_with('@') && name.len() == 2 || name.starts_with("[-") {
            return Some(format!("${{{inner}}}"));
        }
    }
    None
}

#[test]
fn no_script_needs_a_newer_bash_than_4_2() {
    for (name, text) in scripts() {
        for line in text.lines() {
            assert_eq!(newer_than_bash_4_2(line), None, "{name}: {line}");
        }
    }
    for newer in [
        "x=${x@Q}",
        "echo ${list[-1]}",
        "local -n ref=$1",
        "wait -n",
        "mapfile -d '' list",
        "printf '%(%s)T'",
        "[[ -v x ]]",
        "echo $EPOCHSECONDS",
    ] {
        assert!(newer_than_bash_4_2(newer).is_some(), "{newer}");
    }
    for fine in ["echo \"${x%@*}\"", "\"${1-}\"", "printf '%s' \"$@\"", "${x:-1}", "${0%/*}"] {
        assert_eq!(newer_than_bash_4_2(fine), None, "{fine}");
    }
}

/// What shellcheck warns of and is meant: `done` as a word (SC1010), words split on purpose where names of packages
/// are listed (SC2046, SC2086), functions and variables that other parts of a script use (SC2034, SC2154, SC2317,
/// SC2329), files that are the guest's (SC1090, SC1091), `local`-free chains of && and || (SC2015), text for another
/// shell or program in single quotes (SC2016), `ls` for what `find` of busybox cannot say (SC2012), `$R` in the
/// environment (SC1007).
const MEANT: &str = "SC1007,SC1010,SC1090,SC1091,SC2012,SC2015,SC2016,SC2034,SC2046,SC2086,SC2154,SC2317,SC2329";

#[test]
fn shellcheck_finds_nothing() {
    let Some(shellcheck) = found("shellcheck") else {
        let without = std::env::var_os("OSFERRY_WITHOUT_SHELLCHECK").is_some();
        assert!(
            without,
            "shellcheck is not installed: `cargo xtask test` installs it; OSFERRY_WITHOUT_SHELLCHECK=1 does without"
        );
        return;
    };
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/scripts");
    let mut files: Vec<PathBuf> = [sources.clone(), sources.join("engines")]
        .iter()
        .flat_map(|dir| std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "sh"))
        .collect();
    files.sort();
    assert!(files.len() > 20, "{files:?}");
    let output = Command::new(shellcheck)
        .args(["--shell=sh", "--severity=info", "--format=gcc", "--exclude", MEANT])
        .args(&files)
        .output()
        .unwrap();
    let mut said: Vec<&str> = std::str::from_utf8(&output.stdout).unwrap().lines().collect();
    said.truncate(40);
    assert!(output.status.success(), "{}", said.join("\n"));
}
