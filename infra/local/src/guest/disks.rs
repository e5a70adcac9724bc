//! Disks and snapshots as directory trees, `disks/<id>/fs` and `snapshots/<id>/fs`. The work is done
//! inside a user namespace, where the trees' owners are what the guests see.
//!
//! A tree gets its name by one rename, after it is whole and on disk; it loses it by one rename,
//! before anything of it is deleted. What a kill leaves behind has a name that starts with a dot.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::fcntl::{AT_FDCWD, FcntlArg, FdFlag, RenameFlags, fcntl, renameat2};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::userns::{self, PLACE};
use super::{IN_USERNS, context, errno};

/// One piece of work inside a user namespace.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Job {
    /// A disk with the files of an image tree, or an empty one.
    CreateDisk { disk_id: String, image: Option<String> },
    /// A copy of a disk; answers its bytes.
    Snapshot { snapshot_id: String, disk_id: String },
    /// A disk becomes a snapshot's copy.
    Reset { disk_id: String, snapshot_id: String },
    /// A snapshot becomes another's copy; answers its bytes.
    CopySnapshot { snapshot_id: String, from: String },
    /// Deletes `store/id`.
    Remove { store: String, id: String },
    /// Answers the lines of a disk's manifest.
    Manifest { disk_id: String },
    /// Deletes what interrupted work left behind.
    Sweep { store: String },
    /// Builds the tree of an image.
    Image(crate::images::TreeWork),
}

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    /// The local cloud's process.
    host: u32,
    binds: Vec<(PathBuf, String)>,
    job: Job,
}

/// Host side: runs `job` in a worker process, which finds each `(directory, name)` at `/tmp/<name>`.
/// Answers what the worker printed.
pub(crate) fn run_job(exe: &Path, binds: Vec<(PathBuf, String)>, job: Job) -> io::Result<Vec<u8>> {
    let what = format!("{job:?}");
    let order = serde_json::to_string(&Order { host: std::process::id(), binds, job })?;
    let output = Command::new(exe)
        .arg(IN_USERNS)
        .arg(order)
        .stdin(Stdio::null())
        .output()
        .map_err(context(format_args!("start {}", exe.display())))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let why = String::from_utf8_lossy(&output.stderr);
    let kind = if why.contains(NOT_THERE) { io::ErrorKind::NotFound } else { io::ErrorKind::Other };
    Err(io::Error::new(kind, format!("{what}: {}", why.trim())))
}

/// In the worker's error when a disk or snapshot is missing.
const NOT_THERE: &str = "is not in the store";

/// The directory that workers on disks and snapshots hold a shared lock of, they and the programs they run.
pub(super) const LOCKED: &str = "disks";

/// Worker side.
pub(super) fn main(order: Option<OsString>) -> io::Result<()> {
    let order = order.ok_or_else(|| io::Error::other("in-userns needs an order"))?;
    let Order { host, binds, job } = serde_json::from_slice(order.as_encoded_bytes())?;
    userns::enter(&binds)?;
    // After the change of ids, which would clear it.
    die_with_parent(host)?;
    let place = Path::new(PLACE);
    let _working = match File::open(place.join(LOCKED)) {
        Ok(dir) => Some(hold(dir)?),
        // Images are built without disks.
        Err(_) => None,
    };
    let (disks, snapshots) = (place.join("disks"), place.join("snapshots"));
    let mut out = io::stdout().lock();
    match job {
        Job::CreateDisk { disk_id, image } => {
            if !disks.join(&disk_id).exists() {
                let from = image.map(|name| place.join("trees").join(name));
                make_tree(from.as_deref(), &disks, &disk_id)?;
                fs::rename(temporary(&disks, &disk_id), disks.join(&disk_id))?;
            }
        }
        Job::Snapshot { snapshot_id, disk_id } => {
            write!(out, "{}", copy(&disks.join(disk_id), &snapshots, &snapshot_id)?)?;
        }
        Job::CopySnapshot { snapshot_id, from } => {
            write!(out, "{}", copy(&snapshots.join(from), &snapshots, &snapshot_id)?)?;
        }
        Job::Reset { disk_id, snapshot_id } => {
            if !disks.join(&disk_id).exists() {
                return Err(io::Error::other(format!("disk {disk_id} {NOT_THERE}")));
            }
            make_tree(Some(&snapshots.join(&snapshot_id)), &disks, &disk_id)?;
            let new = temporary(&disks, &disk_id);
            renameat2(AT_FDCWD, &new, AT_FDCWD, &disks.join(&disk_id), RenameFlags::RENAME_EXCHANGE)
                .map_err(errno("exchange the disk's trees"))?;
            fs::remove_dir_all(new)?;
            sync(&disks)?;
        }
        Job::Remove { store, id } => {
            let store = place.join(store);
            let trash = store.join(format!(".trash-{id}-{}", std::process::id()));
            match fs::rename(store.join(id), &trash) {
                Ok(()) => fs::remove_dir_all(trash)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Job::Manifest { disk_id } => {
            let root = disks.join(&disk_id).join("fs");
            if !root.exists() {
                return Err(io::Error::other(format!("disk {disk_id} {NOT_THERE}")));
            }
            for line in manifest(&root)? {
                writeln!(out, "{line}")?;
            }
        }
        Job::Sweep { store } => {
            for entry in fs::read_dir(place.join(store))? {
                let entry = entry?;
                if entry.file_name().as_encoded_bytes().starts_with(b".") {
                    fs::remove_dir_all(entry.path())?;
                }
            }
        }
        Job::Image(work) => crate::images::build_tree(&work, place)?,
    }
    out.flush()
}

/// Makes `<store>/<id>` a copy of the disk or snapshot `from`, unless it is there; its bytes.
fn copy(from: &Path, store: &Path, id: &str) -> io::Result<u64> {
    if !store.join(id).exists() {
        make_tree(Some(from), store, id)?;
        fs::rename(temporary(store, id), store.join(id))?;
        sync(store)?;
    }
    bytes_of(&store.join(id))
}

/// Locks the directory until this process and its children have ended.
fn hold(dir: File) -> io::Result<File> {
    dir.lock_shared()?;
    fcntl(&dir, FcntlArg::F_SETFD(FdFlag::empty())).map_err(errno("pass the lock on"))?;
    Ok(dir)
}

fn temporary(store: &Path, id: &str) -> PathBuf {
    store.join(format!(".new-{id}"))
}

/// Makes `<store>/.new-<id>/fs`, a copy of `<from>/fs` or empty, and brings it to disk.
fn make_tree(from: Option<&Path>, store: &Path, id: &str) -> io::Result<()> {
    let new = temporary(store, id);
    if new.exists() {
        fs::remove_dir_all(&new)?;
    }
    fs::create_dir(&new).map_err(context(format_args!("create {}", new.display())))?;
    match from {
        None => fs::create_dir(new.join("fs"))?,
        Some(from) => {
            if !from.join("fs").is_dir() {
                return Err(io::Error::other(format!(
                    "{} {NOT_THERE}",
                    from.strip_prefix(PLACE).unwrap_or(from).display()
                )));
            }
            run(Command::new("cp").args(["-a", "--reflink=auto"]).arg(from.join("fs")).arg(&new))?;
        }
    }
    sync(&new)
}

/// A worker must not go on when the cloud was killed: the next cloud on the directory would find it at work on
/// the very trees that it tidies up.
pub(super) fn die_with_parent(parent: u32) -> io::Result<()> {
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL).map_err(errno("set the parent death signal"))?;
    // It may have died before.
    if u32::try_from(nix::unistd::getppid().as_raw()) != Ok(parent) {
        return Err(io::Error::other("whoever ordered this has ended"));
    }
    Ok(())
}

/// Runs a program, which ends with this process; its error is what it said.
pub(crate) fn run(command: &mut Command) -> io::Result<()> {
    let parent = std::process::id();
    // SAFETY: between fork and exec only system calls are made, and an error allocates in a process of one thread.
    unsafe { command.pre_exec(move || die_with_parent(parent)) };
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(context(format_args!("run {program}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let tail = &said[said.len().saturating_sub(4096)..];
    Err(io::Error::other(format!("{program} failed ({}): {}", output.status, String::from_utf8_lossy(tail).trim())))
}

/// Everything of the file system that holds `at` goes to disk.
fn sync(at: &Path) -> io::Result<()> {
    nix::unistd::syncfs(File::open(at)?).map_err(errno(format_args!("sync {}", at.display())))
}

fn bytes_of(tree: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(tree)? {
        let entry = entry?;
        let found = entry.metadata()?;
        bytes += if found.is_dir() { bytes_of(&entry.path())? } else { found.len() };
    }
    Ok(bytes)
}

/// Directories whose contents belong to the running guest, not to its disk.
const VOLATILE: [&str; 5] = ["proc", "run", "tmp", "dev", "sys"];

fn manifest(root: &Path) -> io::Result<Vec<String>> {
    let mut lines = BTreeMap::new();
    list(root, Path::new(""), &mut lines)?;
    Ok(lines.into_values().collect())
}

fn list(root: &Path, below: &Path, lines: &mut BTreeMap<PathBuf, String>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        let found = entry.metadata()?;
        let (kind, what) = if found.is_dir() {
            ("dir", "-".to_owned())
        } else if found.is_symlink() {
            ("link", fs::read_link(entry.path())?.as_os_str().as_encoded_bytes().escape_ascii().to_string())
        } else if found.is_file() {
            ("file", format!("{} {}", found.len(), sha256(&entry.path())?))
        } else {
            ("special", found.rdev().to_string())
        };
        let name = path.as_os_str().as_encoded_bytes().escape_ascii();
        lines.insert(
            path.clone(),
            format!("/{name} {kind} {:o} {}:{} {what}", found.mode() & 0o7777, found.uid(), found.gid()),
        );
        let volatile = below.as_os_str().is_empty() && VOLATILE.iter().any(|dir| path == Path::new(dir));
        if found.is_dir() && !volatile {
            list(root, &path, lines)?;
        }
    }
    Ok(())
}

fn sha256(path: &Path) -> io::Result<String> {
    let (mut file, mut hash) = (File::open(path)?, Sha256::new());
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_names_everything_but_the_running_guests_own() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("run/agent")).unwrap();
        fs::create_dir_all(root.path().join("etc/run")).unwrap();
        fs::write(root.path().join("etc/run/a b"), "abc").unwrap();
        std::os::unix::fs::symlink("run", root.path().join("etc/link")).unwrap();
        let lines = manifest(root.path()).unwrap();
        let names: Vec<&str> = lines.iter().map(|line| line.split_once(' ').unwrap().0).collect();
        assert_eq!(names, ["/etc", "/etc/link", "/etc/run", "/etc/run/a", "/run"]);
        assert!(
            lines[3].ends_with("3 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            "{}",
            lines[3]
        );
        assert_eq!(bytes_of(&root.path().join("etc/run")).unwrap(), 3);
    }
}
