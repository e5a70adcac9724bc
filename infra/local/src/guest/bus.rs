//! What a guest's PID 1 and the process that powers it say to each other: which disks are plugged. A message is one
//! JSON object; a disk comes as a mount that is nowhere yet (open_tree(2)), for PID 1 to put where its guest wants it.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use nix::libc;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg, socketpair,
};
use serde::{Deserialize, Serialize};

use super::{context, errno};
use crate::seams::AttachedDisk;

/// Longest message; an error is cut to fit.
const LONGEST: usize = 4096;

// From linux/mount.h; the libc crate does not have them.
const OPEN_TREE_CLONE: libc::c_uint = 1;
const OPEN_TREE_CLOEXEC: libc::c_uint = libc::O_CLOEXEC as libc::c_uint;
const MOVE_MOUNT_F_EMPTY_PATH: libc::c_uint = 0x4;
const MOVE_MOUNT_T_EMPTY_PATH: libc::c_uint = 0x40;

/// What PID 1 asks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ask {
    /// The disk is one of the machine's from now on; the answer brings it.
    Plug(AttachedDisk),
    /// The disk is no longer one.
    Unplug { disk_id: String },
}

/// The answer: why not, if not.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    pub refused: Option<String>,
}

/// One end of the line. It reads as closed when the other end's process is gone.
pub(super) struct Bus(OwnedFd);

impl Bus {
    /// Both ends.
    pub(super) fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
            .map_err(errno("open a socket pair"))?;
        Ok((Self(one), Self(other)))
    }

    pub(super) fn fd(&self) -> &OwnedFd {
        &self.0
    }

    /// The same end for another thread.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// Sends one message, with a descriptor or without.
    pub(super) fn send(&self, message: &impl Serialize, with: Option<&OwnedFd>) -> io::Result<()> {
        let bytes = serde_json::to_vec(message)?;
        let fds: Vec<RawFd> = with.iter().map(|fd| fd.as_raw_fd()).collect();
        let rights = [ControlMessage::ScmRights(&fds)];
        let control = if fds.is_empty() { &rights[..0] } else { &rights[..] };
        sendmsg::<()>(self.0.as_raw_fd(), &[IoSlice::new(&bytes)], control, MsgFlags::MSG_NOSIGNAL, None)
            .map(drop)
            .map_err(errno("write to the machine's bus"))
    }

    /// Receives one message; None when the other end is closed.
    pub(super) fn receive<T: for<'a> Deserialize<'a>>(&self) -> io::Result<Option<(T, Option<OwnedFd>)>> {
        let mut bytes = [0; LONGEST];
        let mut space = nix::cmsg_space!(RawFd);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let received = recvmsg::<()>(self.0.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)
            .map_err(errno("read from the machine's bus"))?;
        let mut fd = None;
        for message in received.cmsgs().map_err(errno("read a descriptor from the machine's bus"))? {
            if let ControlMessageOwned::ScmRights(fds) = message {
                // SAFETY: the kernel has just made these descriptors for this process, and nothing else knows them.
                fd = fds.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).next();
            }
        }
        let length = received.bytes;
        if length == 0 {
            return Ok(None);
        }
        Ok(Some((serde_json::from_slice(&bytes[..length])?, fd)))
    }
}

impl Answer {
    /// What happened, short enough to be sent.
    pub(super) fn of(done: &io::Result<Option<OwnedFd>>) -> Self {
        let short = |error: &io::Error| error.to_string().chars().take(LONGEST / 8).collect();
        Self { refused: done.as_ref().err().map(short) }
    }
}

/// A copy of the mount at `path`, nowhere yet. It goes when the descriptor is closed unless it was put somewhere.
pub(super) fn open_tree(path: &Path) -> io::Result<OwnedFd> {
    let dir = File::open(path).map_err(context(format_args!("open {}", path.display())))?;
    let flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | libc::AT_EMPTY_PATH as libc::c_uint;
    // SAFETY: a plain system call with a string that ends in a zero byte; the descriptor it answers is ours alone.
    unsafe {
        let fd = libc::syscall(libc::SYS_open_tree, dir.as_fd().as_raw_fd(), c"".as_ptr(), flags);
        if fd < 0 {
            return Err(context(format_args!("copy the mount at {}", path.display()))(io::Error::last_os_error()));
        }
        Ok(OwnedFd::from_raw_fd(fd as RawFd))
    }
}

/// Puts a mount that is nowhere yet on the directory `at` (move_mount(2)).
pub(super) fn put_tree(tree: &OwnedFd, at: &Path) -> io::Result<()> {
    let dir = File::open(at).map_err(context(format_args!("open {}", at.display())))?;
    let flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    // SAFETY: a plain system call on two open descriptors, with strings that end in a zero byte.
    let done = unsafe {
        libc::syscall(libc::SYS_move_mount, tree.as_raw_fd(), c"".as_ptr(), dir.as_raw_fd(), c"".as_ptr(), flags)
    };
    if done < 0 { Err(context(format_args!("mount on {}", at.display()))(io::Error::last_os_error())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn messages_and_descriptors_arrive_and_an_end_is_noticed() {
        let (one, other) = Bus::pair().unwrap();
        let disk = AttachedDisk { disk_id: "d-1".into(), device: "/dev/xvdb".into() };
        one.send(&Ask::Plug(disk.clone()), None).unwrap();
        let (ask, fd) = other.receive::<Ask>().unwrap().unwrap();
        assert!(matches!(ask, Ask::Plug(sent) if sent == disk) && fd.is_none());
        let (mut reader, writer) = io::pipe().unwrap();
        let writer = OwnedFd::from(writer);
        other.send(&Answer { refused: None }, Some(&writer)).unwrap();
        drop(writer);
        let (answer, fd) = one.receive::<Answer>().unwrap().unwrap();
        assert_eq!(answer.refused, None);
        let mut writer = io::PipeWriter::from(fd.unwrap());
        writer.write_all(b"through").unwrap();
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
        drop(other);
        assert!(one.receive::<Answer>().unwrap().is_none());
    }

    #[test]
    fn a_long_error_is_cut() {
        let answer = Answer::of(&Err(io::Error::other("ü".repeat(9000))));
        assert!(serde_json::to_vec(&answer).unwrap().len() < LONGEST);
    }
}
