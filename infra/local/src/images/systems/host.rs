//! What this machine itself gives to the guests' systems: its shell, busybox and C library.

use std::fs;
use std::io;

use crate::guest::context;
use crate::images::missing;

/// Applets of busybox that packages of the originals bring; `coreutils` stands for all of them.
pub(super) const APPLETS: [&str; 115] = [
    "[",
    "arch",
    "ash",
    "awk",
    "base64",
    "basename",
    "bunzip2",
    "bzcat",
    "cat",
    "chgrp",
    "chmod",
    "chown",
    "chroot",
    "clear",
    "cmp",
    "cp",
    "cpio",
    "cut",
    "date",
    "dd",
    "df",
    "diff",
    "dirname",
    "dmesg",
    "du",
    "echo",
    "egrep",
    "env",
    "expand",
    "expr",
    "factor",
    "fallocate",
    "false",
    "fgrep",
    "find",
    "fold",
    "free",
    "getopt",
    "grep",
    "groups",
    "gunzip",
    "gzip",
    "head",
    "hexdump",
    "hostname",
    "id",
    "ifconfig",
    "ip",
    "kill",
    "killall",
    "less",
    "link",
    "ln",
    "logger",
    "logname",
    "ls",
    "md5sum",
    "mkdir",
    "mkfifo",
    "mknod",
    "mktemp",
    "more",
    "mount",
    "mv",
    "nc",
    "netstat",
    "nproc",
    "od",
    "paste",
    "pidof",
    "ping",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "realpath",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "setsid",
    "sha1sum",
    "sha256sum",
    "sha512sum",
    "shuf",
    "sleep",
    "sort",
    "stat",
    "strings",
    "sync",
    "tail",
    "tar",
    "tee",
    "test",
    "timeout",
    "top",
    "touch",
    "tr",
    "true",
    "truncate",
    "umount",
    "uniq",
    "uptime",
    "usleep",
    "vi",
    "wc",
    "wget",
    "which",
    "who",
    "whoami",
    "xargs",
    "xz",
    "xzcat",
    "yes",
    "zcat",
];

/// Files of the locale C.UTF-8 that bash and coreutils ask for.
const LOCALE: [&str; 12] = [
    "LC_ADDRESS",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_IDENTIFICATION",
    "LC_MEASUREMENT",
    "LC_MESSAGES/SYS_LC_MESSAGES",
    "LC_MONETARY",
    "LC_NAME",
    "LC_NUMERIC",
    "LC_PAPER",
    "LC_TELEPHONE",
    "LC_TIME",
];

/// Programs of this machine that run in the guests.
pub(in crate::images) struct Host {
    pub(super) busybox: Vec<u8>,
    pub(super) bash: Vec<u8>,
    pub(super) loader: Vec<u8>,
    pub(super) libc: Vec<u8>,
    pub(super) libtinfo: Vec<u8>,
    /// C.UTF-8: commands run with it, and bash complains where it is missing.
    pub(super) locale: Vec<(String, Vec<u8>)>,
}

impl Host {
    /// Reads them; errors name the Debian package that is missing.
    pub(in crate::images) fn read() -> io::Result<Self> {
        let read = |path: &str| fs::read(path).map_err(context(format_args!("read {path}")));
        Ok(Self {
            busybox: fs::read("/bin/busybox").map_err(missing("busybox", "busybox-static"))?,
            bash: read("/bin/bash")?,
            loader: read("/lib64/ld-linux-x86-64.so.2")?,
            libc: read("/usr/lib/x86_64-linux-gnu/libc.so.6")?,
            libtinfo: read("/usr/lib/x86_64-linux-gnu/libtinfo.so.6")?,
            locale: LOCALE
                .iter()
                .map(|name| format!("/usr/lib/locale/C.utf8/{name}"))
                .map(|path| Ok((path.clone(), read(&path)?)))
                .collect::<io::Result<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busybox_has_every_applet() {
        let list = std::process::Command::new("/bin/busybox").arg("--list").output().unwrap();
        let list = String::from_utf8(list.stdout).unwrap();
        let missing: Vec<&&str> = APPLETS.iter().filter(|applet| !list.lines().any(|line| line == **applet)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
