//! The runtime API of AWS Lambda, as far as an echo needs it: every `next` is answered at once with the same event,
//! every `response` with 202. Source: AWS Lambda docs, "Using the Lambda runtime API for custom runtimes".

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use rig::Error;

use super::EVENT;

/// No request for so long is an error.
const LIMIT: Duration = Duration::from_secs(5);
const LISTENER: u64 = u64::MAX;
const ACCEPTED: &[u8] =
    b"HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{\"status\":\"OK\"}";

/// The API at an address of its own.
pub struct LambdaApi {
    epoll: Epoll,
    listener: TcpListener,
    connections: Vec<Connection>,
    invocation: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl LambdaApi {
    /// Listens.
    pub fn new() -> Result<Self, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let epoll = Epoll::new(EpollCreateFlags::empty())?;
        epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
             lambda-runtime-deadline-ms: 4102444800000\r\n\
             lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-2:123456789012:function:bench\r\n\
             lambda-runtime-trace-id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1\r\n\r\n",
            EVENT.len()
        );
        let invocation = [head.as_bytes(), EVENT.as_bytes()].concat();
        Ok(Self { epoll, listener, connections: Vec::new(), invocation })
    }

    /// The environment of a function that uses it, with so many invocations at once.
    pub fn env(&self, concurrency: usize) -> Result<Vec<(&'static str, String)>, Error> {
        let mut env = vec![
            ("AWS_LAMBDA_RUNTIME_API", self.listener.local_addr()?.to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", "bench".into()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512".into()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1".into()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "bench".into()),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "bench".into()),
        ];
        // `run` warns where it is set.
        if concurrency > 1 {
            env.push(("AWS_LAMBDA_MAX_CONCURRENCY", concurrency.to_string()));
        }
        Ok(env)
    }

    /// Serves for this long; returns how many responses came.
    pub fn run(&mut self, duration: Duration) -> Result<u64, Error> {
        let begin = Instant::now();
        self.until(|_| begin.elapsed() >= duration, EpollTimeout::try_from(LIMIT)?)
    }

    /// Serves until so many responses came.
    pub fn count(&mut self, wanted: u64) -> Result<u64, Error> {
        self.until(|responses| responses >= wanted, EpollTimeout::try_from(LIMIT)?)
    }

    /// Serves the first response, without sleeping in between: no wake-up of this thread counts.
    pub fn first(&mut self) -> Result<Instant, Error> {
        let begin = Instant::now();
        let late = || begin.elapsed() > LIMIT;
        if self.until(|responses| responses > 0 || late(), EpollTimeout::ZERO)? == 0 {
            return Err("no response".into());
        }
        Ok(Instant::now())
    }

    fn until(&mut self, enough: impl Fn(u64) -> bool, timeout: EpollTimeout) -> Result<u64, Error> {
        let mut responses = 0;
        let mut events = [EpollEvent::empty(); 64];
        while !enough(responses) {
            let ready = self.epoll.wait(&mut events, timeout)?;
            if ready == 0 && timeout != EpollTimeout::ZERO {
                return Err("no request".into());
            }
            for event in &events[..ready] {
                if event.data() == LISTENER {
                    self.accept()?;
                } else if let Some(connection) = self.connections.get_mut(usize::try_from(event.data())?) {
                    responses += connection.serve(&self.invocation)?;
                }
            }
        }
        Ok(responses)
    }

    fn accept(&mut self) -> Result<(), Error> {
        let (stream, _) = self.listener.accept()?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let index = u64::try_from(self.connections.len())?;
        self.epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, index))?;
        self.connections.push(Connection { stream, read: Vec::new() });
        Ok(())
    }
}

impl Connection {
    /// Answers the requests that are whole; returns how many of them were responses.
    fn serve(&mut self, invocation: &[u8]) -> Result<u64, Error> {
        let mut piece = [0; 8192];
        match self.stream.read(&mut piece) {
            // Closed; epoll forgets it with the stream at the end of the measurement.
            Ok(0) => return Ok(0),
            Ok(count) => self.read.extend_from_slice(&piece[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionReset) => return Ok(0),
            Err(error) => return Err(error.into()),
        }
        let mut responses = 0;
        while let Some((length, is_next)) = request(&self.read)? {
            self.stream.write_all(if is_next { invocation } else { ACCEPTED })?;
            self.read.drain(..length);
            responses += u64::from(!is_next);
        }
        Ok(responses)
    }
}

/// Length of the first request, and whether it asks for the next invocation; none while it is not whole.
fn request(read: &[u8]) -> Result<Option<(usize, bool)>, Error> {
    let Some(head) = read.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    if read.starts_with(b"GET ") {
        return Ok(Some((head + 4, true)));
    }
    let lines = read[..head].split(|byte| *byte == b'\n');
    const NAME: &[u8] = b"content-length:";
    let named = |line: &&[u8]| line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME);
    let body = lines.filter(|line| !line.is_empty()).find(named).ok_or("a response without content-length")?;
    let body: usize = std::str::from_utf8(&body[NAME.len()..])?.trim().parse()?;
    let length = head + 4 + body;
    Ok((read.len() >= length).then_some((length, false)))
}
