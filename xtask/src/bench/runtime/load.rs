//! The load: one thread, epoll, the next request of a connection as soon as its answer is whole.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use rig::Error;

use super::EVENT;
use super::process::Process;

/// No answer for so long is an error.
const LIMIT: Duration = Duration::from_secs(5);
/// Between two attempts to connect: what they cost must not show.
const RETRY: Duration = Duration::from_micros(20);

/// The request as FC sends it (FC docs, custom runtimes: common headers).
pub fn request() -> Vec<u8> {
    let head = format!(
        "POST /invoke HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/octet-stream\r\n\
         content-length: {}\r\nx-fc-request-id: 1-67a59f35-150c1267-f381ba1c085c\r\nx-fc-access-key-id: STS.bench\r\n\
         x-fc-access-key-secret: secret\r\nx-fc-security-token: token\r\nx-fc-function-name: bench\r\n\
         x-fc-function-handler: handler\r\nx-fc-function-memory: 512\r\nx-fc-function-timeout: 60\r\n\
         x-fc-region: cn-hangzhou\r\nx-fc-account-id: 1234567890\r\nx-fc-qualifier: LATEST\r\n\
         x-fc-control-path: /invoke\r\n\r\n",
        EVENT.len()
    );
    [head.as_bytes(), EVENT.as_bytes()].concat()
}

/// Connects as soon as `process` listens.
pub fn connect(process: &mut Process, port: u16) -> Result<TcpStream, Error> {
    let begin = Instant::now();
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(LIMIT))?;
                return Ok(stream);
            }
            Err(_) if process.ended()? => return Err("the process ended before it listened".into()),
            Err(error) if begin.elapsed() > LIMIT => return Err(error.into()),
            Err(_) => std::thread::sleep(RETRY),
        }
    }
}

/// Sends one request, waits for the whole answer, checks it and returns its length.
pub fn exchange(stream: &mut TcpStream, request: &[u8], expected: &[u8]) -> Result<usize, Error> {
    stream.write_all(request)?;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    let length = loop {
        match stream.read(&mut piece)? {
            0 => return Err("the connection was closed".into()),
            count => answer.extend_from_slice(&piece[..count]),
        }
        if let Some(length) = length(&answer)?
            && answer.len() >= length
        {
            break length;
        }
    };
    if answer.len() == length && answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(expected) {
        return Ok(length);
    }
    Err(format!("unexpected answer: {}", String::from_utf8_lossy(&answer)).into())
}

/// Length of the whole answer that begins so, once its head is there.
fn length(answer: &[u8]) -> Result<Option<usize>, Error> {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&answer[..head])?.to_ascii_lowercase();
    let body = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let body: usize = body.ok_or_else(|| format!("no content-length: {text}"))?.trim().parse()?;
    Ok(Some(head + 4 + body))
}

/// Connections to one server.
pub struct Load {
    epoll: Epoll,
    connections: Vec<Connection>,
    request: Vec<u8>,
    /// Length of an answer: the same for all.
    length: usize,
}

struct Connection {
    stream: TcpStream,
    /// Bytes of the answer under way that are here.
    got: usize,
}

impl Load {
    /// Opens `count` connections; over each an echo has to come back once.
    pub fn open(process: &mut Process, port: u16, count: usize) -> Result<Self, Error> {
        let request = request();
        let expected = serde_json::to_vec(&serde_json::from_str::<serde_json::Value>(EVENT)?)?;
        let epoll = Epoll::new(EpollCreateFlags::empty())?;
        let mut connections = Vec::new();
        let mut length = 0;
        for index in 0..count {
            let mut stream = connect(process, port)?;
            length = exchange(&mut stream, &request, &expected)?;
            stream.set_nonblocking(true)?;
            epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, u64::try_from(index)?))?;
            connections.push(Connection { stream, got: 0 });
        }
        Ok(Self { epoll, connections, request, length })
    }

    /// Keeps a request in flight on every connection, for this long; returns how many were answered.
    pub fn run(&mut self, duration: Duration) -> Result<u64, Error> {
        self.until(|_, elapsed| elapsed >= duration)
    }

    /// The same, until so many were answered.
    pub fn count(&mut self, wanted: u64) -> Result<u64, Error> {
        self.until(|answered, _| answered >= wanted)
    }

    fn until(&mut self, enough: impl Fn(u64, Duration) -> bool) -> Result<u64, Error> {
        let begin = Instant::now();
        let mut answered = 0;
        let mut in_flight = 0;
        for connection in &mut self.connections {
            connection.stream.write_all(&self.request)?;
            in_flight += 1;
        }
        let mut events = [EpollEvent::empty(); 64];
        let mut piece = [0; 4096];
        while in_flight > 0 {
            let ready = self.epoll.wait(&mut events, EpollTimeout::try_from(LIMIT)?)?;
            if ready == 0 {
                return Err("no answer".into());
            }
            let over = enough(answered, begin.elapsed());
            for event in &events[..ready] {
                let connection = &mut self.connections[usize::try_from(event.data())?];
                match connection.stream.read(&mut piece) {
                    Ok(0) => return Err("the connection was closed".into()),
                    Ok(count) if connection.got == 0 && !piece[..count].starts_with(b"HTTP/1.1 200") => {
                        return Err(format!("failed: {}", String::from_utf8_lossy(&piece[..count])).into());
                    }
                    Ok(count) => connection.got += count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error.into()),
                }
                if connection.got > self.length {
                    return Err("an answer is longer than the first".into());
                }
                if connection.got == self.length {
                    connection.got = 0;
                    answered += 1;
                    if over {
                        in_flight -= 1;
                    } else {
                        connection.stream.write_all(&self.request)?;
                    }
                }
            }
        }
        Ok(answered)
    }
}
