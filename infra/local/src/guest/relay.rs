//! The one way out of a guest: connections to a loopback port are handed to the mirror's socket.

use std::fs::File;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;

use nix::libc;

use super::context;
use super::line::Line;

/// Name of the mirror's socket in its directory.
pub(crate) const MIRROR_SOCKET: &str = "mirror.sock";
/// Names that lead to the mirror.
pub(super) const MIRROR_NAMES: [&str; 1] = ["mirrors.cloud.aliyuncs.com"];
/// Where guests expect a mirror.
const PORT: u16 = 80;

/// Brings the loopback interface up: a new network namespace has it down (netdevice(7)).
pub(crate) fn loopback_up() -> io::Result<()> {
    // SAFETY: the request is a zeroed ifreq whose name is shorter than its field.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        if socket < 0 {
            return Err(io::Error::last_os_error());
        }
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as libc::c_char;
        request.ifr_name[1] = b'o' as libc::c_char;
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        let done = libc::ioctl(socket, libc::SIOCSIFFLAGS, &request);
        let error = io::Error::last_os_error();
        libc::close(socket);
        if done < 0 { Err(context("bring the loopback interface up")(error)) } else { Ok(()) }
    }
}

/// Listens on port 80 of the loopback interface and relays each connection, in threads of its own, while
/// the line is up. The socket is looked up anew every time, so a restarted cloud is found.
pub(crate) fn start(mirror_dir: OwnedFd, line: Arc<Line>) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", PORT)).map_err(context("listen on port 80 of the guest"))?;
    let dir = Arc::new(File::from(mirror_dir));
    thread::Builder::new().name("relay".to_owned()).spawn(move || {
        for connection in listener.incoming().flatten() {
            if !line.is_up() {
                continue;
            }
            let dir = Arc::clone(&dir);
            // A thread that cannot be had drops the connection: the client tries again.
            let _ = thread::Builder::new().spawn(move || relay(&connection, &dir));
        }
    })?;
    Ok(())
}

fn relay(client: &TcpStream, dir: &File) {
    let path = format!("/proc/self/fd/{}/{MIRROR_SOCKET}", dir.as_raw_fd());
    let Ok(mirror) = UnixStream::connect(path) else { return };
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = io::copy(&mut &*client, &mut &mirror);
            let _ = mirror.shutdown(Shutdown::Write);
        });
        let _ = io::copy(&mut &mirror, &mut &*client);
        let _ = client.shutdown(Shutdown::Both);
    });
}
