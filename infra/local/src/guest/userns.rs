//! Entering a user namespace with a full range of ids.
//!
//! As root, id 0 inside is [`FIRST_ID`] outside: root of a guest is nobody on the host. As anybody
//! else, id 0 is that user and the rest is the range that `/etc/subuid` and `/etc/subgid` grant
//! (user_namespaces(7), newuidmap(1)).

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Gid, Pid, Uid, fork, getpid, setgroups, setresgid, setresuid};

use super::line::Line;
use super::{context, errno, relay};

/// Host id of a guest's root when the local cloud runs as root.
pub(super) const FIRST_ID: u32 = 200_000;
/// Ids a guest has: all that 16 bit hold, which is what `nobody` (65534) needs.
const IDS: u32 = 65_536;
/// Where [`enter`] shows what it was told to bind.
pub(super) const PLACE: &str = "/tmp";

/// The host's owner of what root inside owns, to be given to new top directories.
pub(crate) fn mapped_root() -> (u32, u32) {
    if Uid::effective().is_root() {
        (FIRST_ID, FIRST_ID)
    } else {
        (Uid::effective().as_raw(), Gid::effective().as_raw())
    }
}

/// Moves this (single-threaded) process into a new user and mount namespace, as its root, with all
/// capabilities there and none outside. Every `(directory, name)` is then found at `/tmp/<name>`,
/// whatever the permissions of the directories above it; the host's `/tmp` is hidden.
pub(super) fn enter(binds: &[(PathBuf, String)]) -> io::Result<()> {
    if Uid::effective().is_root() {
        // Bound with the host's rights: the mapped root may not pass the directories above.
        unshare(CloneFlags::CLONE_NEWNS).map_err(errno("unshare the mount namespace"))?;
        place(binds, FIRST_ID)?;
        unshare_user()?;
    } else {
        unshare_user()?;
        place(binds, 0)?;
    }
    make_private()
}

/// Leaves the host's network, from inside the namespaces of [`enter`]: only loopback is left, where
/// port 80 is the mirror whose socket is in `mirror_dir`, under the names that guests know it by.
pub(crate) fn offline_but_mirror(mirror_dir: &Path) -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(errno("unshare the network"))?;
    relay::loopback_up()?;
    let dir = nix::fcntl::open(mirror_dir, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(errno("open the mirror's directory"))?;
    relay::start(dir, Arc::new(Line::new(true, None)))?;
    let hosts = Path::new(PLACE).join("hosts");
    fs::write(&hosts, format!("127.0.0.1 localhost {}\n", relay::MIRROR_NAMES.join(" ")))?;
    mount(Some(&hosts), "/etc/hosts", None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .map_err(errno("show an own /etc/hosts"))
}

fn make_private() -> io::Result<()> {
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
        .map_err(errno("make the mounts private"))
}

fn place(binds: &[(PathBuf, String)], owner: u32) -> io::Result<()> {
    make_private()?;
    let mut open = Vec::new();
    for (from, name) in binds {
        let fd = nix::fcntl::open(from, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(errno(format_args!("open {}", from.display())))?;
        open.push((fd, name));
    }
    let options = format!("mode=1777,uid={owner},gid={owner}");
    mount(Some("tmpfs"), PLACE, Some("tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some(options.as_str()))
        .map_err(errno("mount a tmpfs on /tmp"))?;
    for (fd, name) in open {
        let at = Path::new(PLACE).join(name);
        fs::create_dir(&at).map_err(context(format_args!("create {}", at.display())))?;
        let from = format!("/proc/self/fd/{}", fd.as_raw_fd());
        mount(Some(from.as_str()), &at, None::<&str>, MsFlags::MS_BIND, None::<&str>)
            .map_err(errno(format_args!("bind {}", at.display())))?;
    }
    Ok(())
}

/// The maps can only be written by a process that stays outside: a child waits for the moment.
fn unshare_user() -> io::Result<()> {
    let maps = Maps::of_this_user()?;
    let process = getpid();
    let (mut entered_reader, mut entered_writer) = io::pipe()?;
    // SAFETY: this process has one thread, so the child may do whatever it likes.
    match unsafe { fork() }.map_err(errno("fork"))? {
        ForkResult::Child => {
            drop(entered_writer);
            let mut byte = [0];
            let written = entered_reader.read_exact(&mut byte).and_then(|()| maps.write(process));
            if let Err(error) = &written {
                eprintln!("{error}");
            }
            // SAFETY: ends the child at once, without the parent's exit handlers.
            unsafe { nix::libc::_exit(i32::from(written.is_err())) }
        }
        ForkResult::Parent { child } => {
            drop(entered_reader);
            unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS).map_err(errno(
                "unshare the user namespace (are user namespaces allowed? see sysctl user.max_user_namespaces)",
            ))?;
            entered_writer.write_all(&[1])?;
            match waitpid(child, None).map_err(errno("wait for the id maps"))? {
                WaitStatus::Exited(_, 0) => {}
                _ => return Err(io::Error::other("the ids of the user namespace could not be mapped")),
            }
        }
    }
    setgroups(&[]).map_err(errno("drop the groups"))?;
    let (uid, gid) = (Uid::from_raw(0), Gid::from_raw(0));
    setresgid(gid, gid, gid).map_err(errno("become the namespace's root group"))?;
    setresuid(uid, uid, uid).map_err(errno("become the namespace's root"))
}

enum Maps {
    /// We may write the maps ourselves.
    Direct,
    /// newuidmap and newgidmap write them: own id, first granted id, how many.
    Granted { uid: (u32, u32, u32), gid: (u32, u32, u32) },
}

impl Maps {
    fn of_this_user() -> io::Result<Self> {
        if Uid::effective().is_root() {
            return Ok(Self::Direct);
        }
        let uid = Uid::effective();
        let user = nix::unistd::User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
        let granted = |file: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            granted_range(&text, &user, uid.as_raw()).ok_or_else(|| {
                io::Error::other(format!(
                    "{file} grants {user} no {IDS} ids; grant them once with: \
                     sudo usermod --add-subuids 200000-265535 --add-subgids 200000-265535 {user}"
                ))
            })
        };
        let (first_uid, uids) = granted("/etc/subuid")?;
        let (first_gid, gids) = granted("/etc/subgid")?;
        Ok(Self::Granted { uid: (uid.as_raw(), first_uid, uids), gid: (Gid::effective().as_raw(), first_gid, gids) })
    }

    fn write(&self, process: Pid) -> io::Result<()> {
        match self {
            Self::Direct => {
                for file in ["uid_map", "gid_map"] {
                    let path = format!("/proc/{process}/{file}");
                    File::options()
                        .write(true)
                        .open(&path)?
                        .write_all(format!("0 {FIRST_ID} {IDS}\n").as_bytes())
                        .map_err(context(format_args!(
                            "map ids from {FIRST_ID} on (are they mapped where the local cloud itself runs?)"
                        )))?;
                }
                Ok(())
            }
            Self::Granted { uid, gid } => {
                for (tool, (own, first, count)) in [("newuidmap", uid), ("newgidmap", gid)] {
                    let numbers = [process.as_raw() as u32, 0, *own, 1, 1, *first, count - 1].map(|n| n.to_string());
                    let status = Command::new(tool)
                        .args(numbers)
                        .status()
                        .map_err(context(format_args!("run {tool} (missing? sudo apt-get install uidmap)")))?;
                    if !status.success() {
                        return Err(io::Error::other(format!("{tool} refused the ids from {first} on")));
                    }
                }
                Ok(())
            }
        }
    }
}

/// First id and number of ids that a file in the form of subuid(5) grants to `user`, if enough.
fn granted_range(text: &str, user: &str, uid: u32) -> Option<(u32, u32)> {
    text.lines().find_map(|line| {
        let mut fields = line.trim().split(':');
        let owner = fields.next()?;
        let first = fields.next()?.parse().ok()?;
        let count: u32 = fields.next()?.parse().ok()?;
        let ours = owner == user || owner == uid.to_string();
        (ours && count >= IDS).then_some((first, IDS))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_granted_range_is_found_by_name_or_number_and_must_be_large_enough() {
        let text = "other:100000:65536\nann:165536:65536\n1001:300000:100000\nbob:1:5\n";
        assert_eq!(granted_range(text, "ann", 5), Some((165_536, 65_536)));
        assert_eq!(granted_range(text, "zoe", 1001), Some((300_000, 65_536)));
        assert_eq!(granted_range(text, "bob", 7), None);
        assert_eq!(granted_range("", "ann", 5), None);
    }
}
