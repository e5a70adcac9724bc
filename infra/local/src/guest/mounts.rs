//! A guest's view of the world: its own disks, and of the host only six device nodes and the
//! read-only toolbox.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::Mode;
use nix::unistd::{chdir, pivot_root};

use super::bus::{open_tree, put_tree};
use super::fstab::{FstabEntry, fstab, mount_point};
use super::power::disk_tree;
use super::small::SmallMount;
use super::userns::PLACE;
use super::{context, errno, relay};
use crate::seams::{AttachedDisk, GuestSpec};

/// Device nodes every program expects; bound from the host, as a user namespace may make none.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
/// Where the package tools are found, on guests whose image has the directory.
const TOOLBOX: &str = "/.toolbox";

/// What PID 1 keeps of the outside once the guest's root is its own.
pub(super) struct Mounted {
    /// Directory of the mirror's socket.
    pub mirror: OwnedFd,
    /// Mounts of limited size, to be written back to their disk.
    pub small: Vec<SmallMount>,
    /// The data disks.
    pub plugged: Vec<Plugged>,
}

/// A data disk that the guest sees.
pub(super) struct Plugged {
    pub disk_id: String,
    pub at: PathBuf,
}

impl Plugged {
    /// Mounts a disk where the guest wants it.
    pub(super) fn mount(disk: &AttachedDisk, tree: &OwnedFd, table: &[FstabEntry]) -> io::Result<Self> {
        let at = mount_point(table, disk);
        fs::create_dir_all(&at).map_err(context(format_args!("create {}", at.display())))?;
        put_tree(tree, &at)?;
        Ok(Self { disk_id: disk.disk_id.clone(), at })
    }

    /// Takes it away, whatever has files of it open.
    pub(super) fn unmount(&self) -> io::Result<()> {
        umount2(&self.at, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW)
            .map_err(errno(format_args!("unmount {}", self.at.display())))
    }
}

/// The guest's own table of file systems.
pub(super) fn own_table() -> Vec<FstabEntry> {
    fstab(&fs::read_to_string("/etc/fstab").unwrap_or_default())
}

/// Makes the first disk the root of this mount namespace and mounts the rest as the guest's own
/// `/etc/fstab` says. From here on nothing of the host's file system can be named.
pub(super) fn enter_root(spec: &GuestSpec) -> io::Result<Mounted> {
    let hold = |path: &Path| {
        nix::fcntl::open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(errno(format_args!("open {}", path.display())))
    };
    let placed = |name: &str| Path::new(PLACE).join(name);
    let mirror = hold(&placed("mirror"))?;
    let toolbox = hold(&placed("toolbox"))?;
    let devices = DEVICES.iter().map(|name| hold(&Path::new("/dev").join(name))).collect::<io::Result<Vec<_>>>()?;
    let (system, data) = spec.disks.split_first().ok_or_else(|| io::Error::other("an instance needs a system disk"))?;
    let system = hold(&disk_tree(&system.disk_id))?;
    let data =
        data.iter().map(|disk| Ok((disk, open_tree(&disk_tree(&disk.disk_id))?))).collect::<io::Result<Vec<_>>>()?;

    // Bound once more: a mount inherited by a user namespace is locked and can be no root.
    let root = placed("root");
    // Left from the boot before, if this is not the first.
    fs::create_dir_all(&root)?;
    bind(&system, &root)?;
    chdir(&root).map_err(errno("enter the system disk"))?;
    // Stacks the old root on the new one (pivot_root(2)): paths already resolve inside the guest, so
    // no link on its disk leads to the host, and the old mounts can still be bound by descriptor.
    pivot_root(".", ".").map_err(errno("make the system disk the root"))?;

    for dir in ["/proc", "/run", "/tmp", "/dev"] {
        fs::create_dir_all(dir).map_err(context(format_args!("create {dir}")))?;
    }
    let plain = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    special("proc", "/proc", plain | MsFlags::MS_NOEXEC, None)?;
    special("tmpfs", "/run", plain, Some("mode=755"))?;
    special("tmpfs", "/tmp", plain, Some("mode=1777"))?;
    special("tmpfs", "/dev", MsFlags::MS_NOSUID, Some("mode=755"))?;
    for (name, fd) in DEVICES.iter().zip(&devices) {
        let node = Path::new("/dev").join(name);
        File::create(&node)?;
        bind(fd, &node)?;
    }
    for (target, name) in [
        ("/proc/self/fd", "fd"),
        ("/proc/self/fd/0", "stdin"),
        ("/proc/self/fd/1", "stdout"),
        ("/proc/self/fd/2", "stderr"),
    ] {
        symlink(target, Path::new("/dev").join(name))?;
    }
    fs::create_dir("/dev/shm")?;
    fs::set_permissions("/dev/shm", Permissions::from_mode(0o1777))?;
    if Path::new(TOOLBOX).is_dir() {
        bind(&toolbox, Path::new(TOOLBOX))?;
        read_only(TOOLBOX)?;
    }
    over("/proc/sys/kernel/random/boot_id", &new_boot_id()?)?;
    let own_hosts = fs::read_to_string("/etc/hosts").unwrap_or_else(|_| "127.0.0.1 localhost\n".to_owned());
    if Path::new("/etc/hosts").exists() {
        over("/etc/hosts", &format!("{}\n127.0.0.1 {}\n", own_hosts.trim_end(), relay::MIRROR_NAMES.join(" ")))?;
    }

    let table = own_table();
    let sized = |entry: &FstabEntry| entry.size.as_ref().map(|size| SmallMount::mount(&entry.at, size));
    let small = table.iter().filter_map(sized).collect::<io::Result<_>>()?;
    let plugged = data.iter().map(|(disk, tree)| Plugged::mount(disk, tree, &table)).collect::<io::Result<_>>()?;
    umount2(".", MntFlags::MNT_DETACH).map_err(errno("let go of the host's file system"))?;
    chdir("/").map_err(errno("enter the guest's root"))?;
    Ok(Mounted { mirror, small, plugged })
}

fn special(kind: &str, at: &str, flags: MsFlags, options: Option<&str>) -> io::Result<()> {
    mount(Some(kind), at, Some(kind), flags, options).map_err(errno(format_args!("mount {at}")))
}

fn bind(from: &OwnedFd, at: &Path) -> io::Result<()> {
    let from = format!("/proc/self/fd/{}", from.as_raw_fd());
    mount(Some(from.as_str()), at, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .map_err(errno(format_args!("bind {}", at.display())))
}

fn read_only(at: &str) -> io::Result<()> {
    // Flags of the host's mount are locked in here: leaving one out would be refused.
    let host = nix::sys::statvfs::statvfs(at).map_err(errno(format_args!("ask for the flags of {at}")))?.flags();
    let mut flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
    for (set, keep) in [
        (nix::sys::statvfs::FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (nix::sys::statvfs::FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (nix::sys::statvfs::FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
    ] {
        flags.set(keep, host.contains(set));
    }
    mount(None::<&str>, at, None::<&str>, flags, None::<&str>).map_err(errno(format_args!("make {at} read-only")))
}

/// Shows `text` in place of an existing file.
pub(super) fn over(at: &str, text: &str) -> io::Result<()> {
    let source = format!("/run/.over{}", at.replace('/', "-"));
    let mut file = File::create(&source)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    mount(Some(source.as_str()), at, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .map_err(errno(format_args!("show an own {at}")))
}

/// A random UUID, version 4, from the kernel; taken before its file is hidden.
fn new_boot_id() -> io::Result<String> {
    fs::read_to_string("/proc/sys/kernel/random/uuid")
}
