//! Directories shown in a tmpfs of limited size: how a guest has a file system that is nearly full, without a
//! block device.

use std::fs::{self, File, FileTimes};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, lchown, symlink};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::Mode;

use super::{context, errno};

/// tmpfs hands out pages.
const PAGE: u64 = 4096;

/// A directory that a tmpfs of limited size stands before. What it holds on disk is shown there, and written back
/// when the guest stands still or stops.
pub(super) struct SmallMount {
    at: PathBuf,
    /// The directory on disk that the mount hides.
    below: OwnedFd,
}

impl SmallMount {
    /// Mounts it with a size as tmpfs(5) takes it, and copies in what the disk holds there.
    pub(super) fn mount(at: &Path, size: &str) -> io::Result<Self> {
        fs::create_dir_all(at).map_err(context(format_args!("create {}", at.display())))?;
        let below = nix::fcntl::open(at, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(errno(format_args!("open {}", at.display())))?;
        let found = fs::metadata(at)?;
        mount(
            Some("tmpfs"),
            at,
            Some("tmpfs"),
            MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
            Some(format!("size={size},mode={:o}", found.mode() & 0o7777).as_str()),
        )
        .map_err(errno(format_args!("mount {}", at.display())))?;
        let small = Self { at: at.to_owned(), below };
        copy_into(&small.disk(), at).map_err(context(format_args!("fill {}", at.display())))?;
        Ok(small)
    }

    /// The same with room for `spare` bytes more than the directory holds now.
    pub(super) fn full(at: &Path, spare: u64) -> io::Result<Self> {
        fs::create_dir_all(at).map_err(context(format_args!("create {}", at.display())))?;
        let used = pages_of(at).map_err(context(format_args!("measure {}", at.display())))? * PAGE;
        Self::mount(at, &(used + spare).to_string())
    }

    /// Makes the directory on disk what the mount holds.
    pub(super) fn write_back(&self) -> io::Result<()> {
        remove_extra(&self.disk(), &self.at)?;
        copy_into(&self.at, &self.disk())
    }

    /// Writes back and takes the mount away.
    pub(super) fn lift(&self) -> io::Result<()> {
        self.write_back()?;
        umount2(&self.at, MntFlags::MNT_DETACH).map_err(errno(format_args!("unmount {}", self.at.display())))
    }

    fn disk(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.below.as_raw_fd()))
    }
}

/// Pages that a tmpfs needs for a directory: one at least for each thing in it.
fn pages_of(dir: &Path) -> io::Result<u64> {
    let mut pages = 1;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let found = entry.metadata()?;
        pages += if found.is_dir() { pages_of(&entry.path())? } else { 1 + found.len().div_ceil(PAGE) };
    }
    Ok(pages)
}

/// Copies directories, files and links with owner, mode and modification time, where they differ.
fn copy_into(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let found = entry.metadata()?;
        if found.is_dir() {
            match fs::create_dir(&target) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            own(&target, &found)?;
            fs::set_permissions(&target, found.permissions())?;
            copy_into(&source, &target)?;
        } else if found.is_symlink() {
            if fs::read_link(&target).ok() != Some(fs::read_link(&source)?) {
                let _ = fs::remove_file(&target);
                symlink(fs::read_link(&source)?, &target)?;
            }
            own(&target, &found)?;
        } else if found.is_file() && !same(&found, fs::symlink_metadata(&target).ok().as_ref()) {
            fs::copy(&source, &target)?;
            own(&target, &found)?;
            // Again: a change of owner takes special bits away.
            fs::set_permissions(&target, found.permissions())?;
            File::options().append(true).open(&target)?.set_times(FileTimes::new().set_modified(found.modified()?))?;
        }
    }
    Ok(())
}

/// Gives `at` the owner of what was `found`, unless it has it.
fn own(at: &Path, found: &fs::Metadata) -> io::Result<()> {
    let now = fs::symlink_metadata(at)?;
    let owner = |of: &fs::Metadata| (of.uid(), of.gid());
    if owner(&now) == owner(found) { Ok(()) } else { lchown(at, Some(found.uid()), Some(found.gid())) }
}

fn same(one: &fs::Metadata, other: Option<&fs::Metadata>) -> bool {
    let key =
        |found: &fs::Metadata| (found.len(), found.mode(), found.uid(), found.gid(), found.mtime(), found.mtime_nsec());
    other.is_some_and(|other| key(one) == key(other))
}

/// Removes from `at` what `like` does not have, or has as another kind of file.
fn remove_extra(at: &Path, like: &Path) -> io::Result<()> {
    for entry in fs::read_dir(at)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let wanted = fs::symlink_metadata(like.join(entry.file_name())).ok().map(|found| found.file_type());
        if wanted == Some(kind) {
            if kind.is_dir() {
                remove_extra(&entry.path(), &like.join(entry.file_name()))?;
            }
        } else if kind.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_back_makes_the_directory_the_same() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(from.path().join("a")).unwrap();
        fs::write(from.path().join("a/file"), "new").unwrap();
        symlink("a/file", from.path().join("link")).unwrap();
        fs::create_dir(to.path().join("gone")).unwrap();
        fs::write(to.path().join("a"), "a file where a directory belongs").unwrap();
        remove_extra(to.path(), from.path()).unwrap();
        copy_into(from.path(), to.path()).unwrap();
        assert_eq!(fs::read_to_string(to.path().join("link")).unwrap(), "new");
        assert!(!to.path().join("gone").exists());
        assert_eq!(pages_of(to.path()).unwrap(), 1 + 1 + 2 + 2, "itself, the directory, the file, the link");
    }
}
