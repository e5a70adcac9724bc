//! Starting processes that do not outlive this one.

use std::io;
use std::net::Ipv4Addr;
use std::sync::mpsc;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getppid};
use tokio::net::TcpSocket;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

type Order = (Command, oneshot::Sender<io::Result<Child>>);

/// Starts processes from one thread of its own.
///
/// The kernel kills a process with `PR_SET_PDEATHSIG` when the *thread* that forked it ends
/// (prctl(2)), and threads of an async runtime come and go. Dropping the spawner ends its thread
/// and with it every process that it started.
pub(super) struct Spawner {
    orders: mpsc::Sender<Order>,
}

impl Spawner {
    /// Starts the thread; children are watched by `runtime`.
    pub(super) fn start(runtime: Handle) -> io::Result<Self> {
        let (orders, incoming) = mpsc::channel::<Order>();
        std::thread::Builder::new().name("fc-spawner".into()).spawn(move || {
            let _runtime = runtime.enter();
            for (command, reply) in incoming {
                // Fails only when the asker gave up; the child is then killed by its drop.
                let _ = reply.send(spawn(command));
            }
        })?;
        Ok(Self { orders })
    }

    /// Starts `command`.
    pub(super) async fn spawn(&self, command: Command) -> io::Result<Child> {
        let gone = || io::Error::other("the spawner thread is gone");
        let (reply, child) = oneshot::channel();
        self.orders.send((command, reply)).map_err(|_| gone())?;
        child.await.map_err(|_| gone())?
    }
}

fn spawn(mut command: Command) -> io::Result<Child> {
    let parent = Pid::this();
    command.kill_on_drop(true);
    // SAFETY: between fork and exec only async-signal-safe calls are allowed; prctl and getppid are
    // system calls that neither allocate nor lock.
    unsafe {
        command.pre_exec(move || {
            set_pdeathsig(Signal::SIGKILL)?;
            // It may have died before the signal was asked for.
            if getppid() == parent { Ok(()) } else { Err(io::Error::from_raw_os_error(nix::libc::ESRCH)) }
        });
    }
    command.spawn()
}

/// A free TCP port on 127.0.0.1 that nobody else is given while this lives.
///
/// The socket is bound and does not listen. With `SO_REUSEADDR`, which servers set, a process can
/// bind and listen beside it; the kernel hands the port to nobody who asks for any.
pub(super) struct ReservedPort {
    _socket: TcpSocket,
    /// The port.
    pub(super) port: u16,
}

impl ReservedPort {
    pub(super) fn pick() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let port = socket.local_addr()?.port();
        Ok(Self { _socket: socket, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_port_can_be_listened_on_and_is_given_to_nobody_else() {
        let reserved = ReservedPort::pick().unwrap();
        assert_ne!(ReservedPort::pick().unwrap().port, reserved.port);
        let listener = std::net::TcpListener::bind(("127.0.0.1", reserved.port)).unwrap();
        assert!(std::net::TcpStream::connect(listener.local_addr().unwrap()).is_ok());
    }

    #[tokio::test]
    async fn a_child_ends_with_its_spawner() {
        let spawner = Spawner::start(Handle::current()).unwrap();
        let mut command = Command::new("sleep");
        command.arg("1000");
        let mut child = spawner.spawn(command).await.unwrap();
        drop(spawner);
        let status = child.wait().await.unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
    }
}
