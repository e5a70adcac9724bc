//! The toolbox: dnf, rpm, the python they need, and curl, with every library, in one directory that runs
//! wherever it is mounted. It is put together from this machine's Debian packages. A guest's package
//! manager then does not depend on the libraries it is about to replace.

use std::collections::BTreeSet;
use std::fs::{self, File, FileTimes, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::missing;
use crate::guest::context;

/// This recipe's text, part of the toolbox's version.
pub(super) const SOURCE: &str = include_str!("toolbox.rs");

/// What a person types when something of it is missing.
const PACKAGES: &str = "rpm dnf createrepo-c busybox-static curl";
/// Packages taken whole; libraries come by what they link to.
const WHOLE: [&str; 13] = [
    "curl",
    "python3-dnf",
    "python3-hawkey",
    "python3-libdnf",
    "python3-libcomps",
    "python3-rpm",
    "python3-gpg",
    "python3-distro",
    "dnf",
    "dnf-data",
    "libdnf2-common",
    "rpm",
    "rpm-common",
];
/// Parts of a path that no package manager needs at run time.
const LEFT_OUT: [&str; 20] = [
    "/doc/",
    "/man/",
    "/locale/",
    "/lintian/",
    "/zsh/",
    "/bash-completion/",
    "/bug/",
    "/menu/",
    "/applications/",
    "/pixmaps/",
    "/idlelib/",
    "/turtledemo/",
    "/tkinter/",
    "/ensurepip/",
    "/lib2to3/",
    "/test/",
    "/tests/",
    "/pydoc_data/",
    "/distutils/",
    "/share/info/",
];
/// Opened by name at run time, so nothing links to them.
const NAME_SERVICE: [&str; 3] = ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"];

const DNF_WRAPPER: &str = r#"#!/bin/sh
# dnf of the toolbox; TOOLBOX says where that is.
T=${TOOLBOX:-/.toolbox}
export PYTHONHOME=$T/usr PYTHONPATH=$T/usr/lib/python3/dist-packages PYTHONDONTWRITEBYTECODE=1
export RPM_CONFIGDIR=$T/usr/lib/rpm LC_ALL=C.UTF-8
exec $T/lib/ld.so --library-path $T/lib $T/usr/bin/python3 -S -c '
import sys
sys.argv[0] = "dnf"
from dnf.cli import main
main.user_main(sys.argv[1:], exit_code=True)' "$@"
"#;
const RPM_WRAPPER: &str = r#"#!/bin/sh
# rpm of the toolbox; TOOLBOX says where that is.
T=${TOOLBOX:-/.toolbox}
export RPM_CONFIGDIR=$T/usr/lib/rpm
exec $T/lib/ld.so --library-path $T/lib $T/usr/bin/rpm "$@"
"#;
const CURL_WRAPPER: &str = r#"#!/bin/sh
# curl of the toolbox; TOOLBOX says where that is.
T=${TOOLBOX:-/.toolbox}
exec $T/lib/ld.so --library-path $T/lib $T/usr/bin/curl "$@"
"#;
const PYTHON_WRAPPER: &str = r#"#!/bin/sh
# python of the toolbox; TOOLBOX says where that is.
T=${TOOLBOX:-/.toolbox}
export PYTHONHOME=$T/usr PYTHONPATH=$T/usr/lib/python3/dist-packages PYTHONDONTWRITEBYTECODE=1
exec $T/lib/ld.so --library-path $T/lib $T/usr/bin/python3 -S "$@"
"#;

/// Versions of the packages the toolbox is made from.
pub(super) fn host_version() -> io::Result<String> {
    let output =
        Command::new("dpkg-query").args(["-W", "dnf", "rpm", "python3"]).output().map_err(context("run dpkg-query"))?;
    if !output.status.success() {
        return Err(missing("dnf", PACKAGES)(io::ErrorKind::NotFound.into()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Makes the directory `to`.
pub(super) fn build(to: &Path) -> io::Result<()> {
    let python = fs::canonicalize("/usr/bin/python3").map_err(missing("python3", "python3"))?;
    let version = python.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut packages: Vec<String> = WHOLE.map(str::to_owned).to_vec();
    packages.extend([format!("{version}-minimal"), format!("lib{version}-minimal"), format!("lib{version}-stdlib")]);

    let mut files = BTreeSet::new();
    for package in &packages {
        files.extend(files_of(package)?);
    }
    let mut libraries = BTreeSet::new();
    for file in &files {
        copy(file, &below(to, file))?;
        copy_compiled(file, to)?;
        if is_elf(file)? {
            libraries.extend(linked(file)?);
        }
    }
    let lib = to.join("lib");
    fs::create_dir_all(&lib)?;
    for library in &libraries {
        copy(library, &lib.join(library.file_name().unwrap_or_default()))?;
    }
    for name in NAME_SERVICE {
        copy(&Path::new("/usr/lib/x86_64-linux-gnu").join(name), &lib.join(name))?;
    }
    copy(Path::new("/lib64/ld-linux-x86-64.so.2"), &lib.join("ld.so"))?;
    copy(&python, &to.join("usr/bin/python3"))?;
    // Debian keeps rpm's database in the caller's home; the guests' is where Enterprise Linux has it.
    let macros = to.join("usr/lib/rpm/macros");
    let text = fs::read_to_string(&macros).map_err(context(format_args!("read {}", macros.display())))?;
    fs::write(&macros, text + "\n%_dbpath /var/lib/rpm\n")?;

    fs::create_dir_all(to.join("bin"))?;
    let wrappers = [("curl", CURL_WRAPPER), ("dnf", DNF_WRAPPER), ("rpm", RPM_WRAPPER), ("python", PYTHON_WRAPPER)];
    for (name, text) in wrappers {
        let path = to.join("bin").join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, Permissions::from_mode(0o755))?;
    }
    open_to_all(to)
}

fn files_of(package: &str) -> io::Result<Vec<PathBuf>> {
    let output = Command::new("dpkg").args(["-L", package]).output().map_err(context("run dpkg"))?;
    if !output.status.success() {
        return Err(missing(package, PACKAGES)(io::ErrorKind::NotFound.into()));
    }
    let wanted = |path: &&str| !LEFT_OUT.iter().any(|part| path.contains(part));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.lines().filter(wanted).map(PathBuf::from).filter(|path| path.is_file()).collect())
}

fn below(to: &Path, absolute: &Path) -> PathBuf {
    to.join(absolute.strip_prefix("/").unwrap_or(absolute))
}

/// Copies a file (or what a link leads to) with its modification time, which python's compiled files
/// name.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let copied = || {
        if let Some(dir) = to.parent() {
            fs::create_dir_all(dir)?;
        }
        fs::copy(from, to)?;
        let modified = fs::metadata(from)?.modified()?;
        File::options().append(true).open(to)?.set_times(FileTimes::new().set_modified(modified))
    };
    copied().map_err(context(format_args!("copy {}", from.display())))
}

/// Brings along what python compiled when the package was installed: without it every start of dnf
/// would compile hundreds of files.
fn copy_compiled(file: &Path, to: &Path) -> io::Result<()> {
    let (Some(dir), Some(stem), Some("py")) =
        (file.parent(), file.file_stem(), file.extension().and_then(|end| end.to_str()))
    else {
        return Ok(());
    };
    let prefix = format!("{}.cpython-", stem.to_string_lossy());
    for entry in fs::read_dir(dir.join("__pycache__")).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(&prefix) {
            copy(&entry.path(), &below(to, dir).join("__pycache__").join(name))?;
        }
    }
    Ok(())
}

fn is_elf(file: &Path) -> io::Result<bool> {
    let mut magic = [0; 4];
    Ok(File::open(file)?.read(&mut magic)? == 4 && magic == *b"\x7fELF")
}

/// The libraries that ldd(1) resolves for a file of one of the host's own packages.
fn linked(file: &Path) -> io::Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(file).output().map_err(context("run ldd"))?;
    Ok(libraries_in(&String::from_utf8_lossy(&output.stdout)))
}

fn libraries_in(ldd: &str) -> Vec<PathBuf> {
    ldd.lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
        .map(PathBuf::from)
        .collect()
}

/// A guest's root is nobody here: everything must be readable by all.
fn open_to_all(dir: &Path) -> io::Result<()> {
    fs::set_permissions(dir, Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_to_all(&entry.path())?;
        } else {
            let mode = entry.metadata()?.permissions().mode();
            fs::set_permissions(entry.path(), Permissions::from_mode(mode | 0o444))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_what_ldd_resolves() {
        let text = "\tlinux-vdso.so.1 (0x7f)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x7f)\n\t/lib64/ld-linux-x86-64.so.2 (0x7f)\n\tnot.so => not found\n";
        assert_eq!(
            libraries_in(text),
            [PathBuf::from("/lib/x86_64-linux-gnu/libc.so.6"), PathBuf::from("/lib64/ld-linux-x86-64.so.2")]
        );
    }
}
