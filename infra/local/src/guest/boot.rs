//! What a guest's own files say about how it boots: `/etc/fstab` and the boot loader's entries.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::sys::stat::Mode;

use super::{context, errno};

/// Mount option that makes a mount point a small file system of its own: what the directory holds
/// on disk is shown in a tmpfs of this size, and written back when the guest stands still or stops.
/// It is how a guest has a `/boot` that is nearly full, without a block device.
const SIZE_OPTION: &str = "x-local-cloud.size=";

/// One line of fstab(5) that may mean something here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FstabEntry {
    pub device: String,
    pub at: PathBuf,
    /// A tmpfs size, `32m`.
    pub size: Option<String>,
}

/// The entries of a file system table, without swap, the root and comments.
pub(super) fn fstab(text: &str) -> Vec<FstabEntry> {
    let entry = |line: &str| {
        let mut fields = line.split_whitespace();
        let device = fields.next()?.to_owned();
        let at = PathBuf::from(fields.next()?);
        let options = fields.nth(1).unwrap_or_default();
        let size = options.split(',').find_map(|option| option.strip_prefix(SIZE_OPTION)).map(str::to_owned);
        (!device.starts_with('#') && at.is_absolute() && at != Path::new("/")).then_some(FstabEntry {
            device,
            at,
            size,
        })
    };
    text.lines().filter_map(entry).collect()
}

/// The guest's name of a device: `/dev/vdb` for the API's `/dev/xvdb` (ECS API, AttachDisk).
pub(super) fn guest_device(device: &str) -> String {
    device.replace("/dev/xvd", "/dev/vd")
}

/// What the boot loader would start.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// The image has no boot loader entries: it boots as containers do.
    None,
    /// The kernel's command line.
    Kernel(String),
    /// It would stop here, with these words on the console.
    Broken(String),
}

/// Follows the Boot Loader Specification's entries below `root` as GRUB does: the saved entry, else
/// the last by name; kernel and initramfs must be there and not empty.
pub(super) fn choose(root: &Path) -> Choice {
    let entries: BTreeMap<String, String> = fs::read_dir(root.join("boot/loader/entries"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.strip_suffix(".conf")?.to_owned(),
                fs::read_to_string(entry.path()).ok()?,
            ))
        })
        .collect();
    let has_kernel = fs::read_dir(root.join("boot"))
        .into_iter()
        .flatten()
        .flatten()
        .any(|file| file.file_name().to_string_lossy().starts_with("vmlinuz-"));
    let environment = fs::read_to_string(root.join("boot/grub2/grubenv")).unwrap_or_default();
    let saved = environment.lines().find_map(|line| line.strip_prefix("saved_entry="));
    let chosen = saved.and_then(|name| entries.get(name)).or_else(|| entries.values().next_back());
    let Some(text) = chosen else {
        return if has_kernel { Choice::Broken("error: no boot entry found.".to_owned()) } else { Choice::None };
    };
    let field =
        |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')).unwrap_or_default().trim();
    for key in ["linux", "initrd"] {
        let file = field(key).trim_start_matches('/');
        if fs::metadata(root.join("boot").join(file)).map_or(true, |found| found.len() == 0 || !found.is_file()) {
            return Choice::Broken(format!("error: file `/boot/{file}' not found."));
        }
    }
    Choice::Kernel(format!("BOOT_IMAGE=(hd0,msdos1)/boot{} {}", field("linux"), field("options")))
}

/// A directory shown in a tmpfs of limited size.
pub(super) struct SmallMount {
    at: PathBuf,
    /// The directory on disk that the mount hides.
    below: OwnedFd,
}

impl SmallMount {
    /// Mounts it and copies in what the disk holds there.
    pub(super) fn mount(at: &Path, size: &str) -> io::Result<Self> {
        fs::create_dir_all(at).map_err(context(format_args!("create {}", at.display())))?;
        let below = nix::fcntl::open(at, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(errno(format_args!("open {}", at.display())))?;
        mount(
            Some("tmpfs"),
            at,
            Some("tmpfs"),
            MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
            Some(format!("size={size},mode=755").as_str()),
        )
        .map_err(errno(format_args!("mount {}", at.display())))?;
        let small = Self { at: at.to_owned(), below };
        copy_into(&small.disk(), at).map_err(context(format_args!("fill {}", at.display())))?;
        Ok(small)
    }

    /// Makes the directory on disk what the mount holds.
    pub(super) fn write_back(&self) -> io::Result<()> {
        remove_extra(&self.disk(), &self.at)?;
        copy_into(&self.at, &self.disk())
    }

    fn disk(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.below.as_raw_fd()))
    }
}

/// Copies directories, files and links with mode and modification time, where they differ.
fn copy_into(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let found = entry.metadata()?;
        if found.is_dir() {
            match fs::create_dir(&target) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => fs::set_permissions(&target, found.permissions())?,
            }
            copy_into(&source, &target)?;
        } else if found.is_symlink() {
            if fs::read_link(&target).ok() != Some(fs::read_link(&source)?) {
                let _ = fs::remove_file(&target);
                symlink(fs::read_link(&source)?, &target)?;
            }
        } else if !same(&found, fs::symlink_metadata(&target).ok().as_ref()) {
            fs::copy(&source, &target)?;
            File::options().write(true).open(&target)?.set_times(FileTimes::new().set_modified(found.modified()?))?;
        }
    }
    Ok(())
}

fn same(one: &fs::Metadata, other: Option<&fs::Metadata>) -> bool {
    let key = |found: &fs::Metadata| (found.len(), found.mode(), found.mtime(), found.mtime_nsec());
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
    fn the_file_system_table_names_disks_and_small_mounts() {
        let text = "# static\nUUID=1 / ext4 defaults 1 1\n/dev/vdb /data ext4 defaults,nofail 0 2\n\
                    LABEL=boot /boot xfs defaults,x-local-cloud.size=32m 0 0\n/dev/vdc none swap sw 0 0\n";
        let entry = |device: &str, at: &str, size: Option<&str>| FstabEntry {
            device: device.into(),
            at: at.into(),
            size: size.map(Into::into),
        };
        assert_eq!(fstab(text), [entry("/dev/vdb", "/data", None), entry("LABEL=boot", "/boot", Some("32m"))]);
        assert_eq!(guest_device("/dev/xvdb"), "/dev/vdb");
    }

    #[test]
    fn the_saved_entry_boots_unless_its_files_are_missing() {
        let root = tempfile::tempdir().unwrap();
        let boot = root.path().join("boot");
        assert_eq!(choose(root.path()), Choice::None);
        fs::create_dir_all(boot.join("loader/entries")).unwrap();
        fs::create_dir_all(boot.join("grub2")).unwrap();
        for version in ["4", "5"] {
            fs::write(boot.join(format!("vmlinuz-{version}")), "kernel").unwrap();
        }
        assert!(matches!(choose(root.path()), Choice::Broken(_)), "kernels but no entry");
        for version in ["4", "5"] {
            let entry = format!(
                "title x\nlinux /vmlinuz-{version}\ninitrd /initramfs-{version}.img\noptions root=/dev/vda1 ro\n"
            );
            fs::write(boot.join(format!("loader/entries/id-{version}.conf")), entry).unwrap();
        }
        fs::write(boot.join("initramfs-4.img"), "x").unwrap();
        assert_eq!(
            choose(root.path()),
            Choice::Broken("error: file `/boot/initramfs-5.img' not found.".into()),
            "the last is the default"
        );
        fs::write(boot.join("grub2/grubenv"), "# env\nsaved_entry=id-4\n").unwrap();
        assert_eq!(
            choose(root.path()),
            Choice::Kernel("BOOT_IMAGE=(hd0,msdos1)/boot/vmlinuz-4 root=/dev/vda1 ro".into())
        );
        fs::write(boot.join("initramfs-4.img"), "").unwrap();
        assert!(matches!(choose(root.path()), Choice::Broken(_)), "an empty initramfs does not boot");
    }

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
    }
}
