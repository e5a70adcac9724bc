//! A server that has one answer, signed once: what is left of a call is the client's, and the way there and back.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use openapi::Credentials;
use prost::Message;
use tablestore::messages::{ConsumedCapacity, WriteRowResponse};
use tablestore::sign;
use tablestore_peers::Error;

/// The server; it runs until this process ends.
pub struct Server {
    /// Where it is.
    pub endpoint: String,
}

impl Server {
    /// Starts it, with the answer to a PutRow of `credentials`. The answer's date is good for a quarter of an hour.
    pub fn start(credentials: &Credentials) -> Result<Self, Error> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let answer = answer(credentials);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = answer.clone();
                thread::spawn(move || serve(stream, &answer));
            }
        });
        Ok(Self { endpoint })
    }
}

fn answer(credentials: &Credentials) -> Vec<u8> {
    let body = WriteRowResponse { consumed: ConsumedCapacity::new(0, 1), row: None }.encode_to_vec();
    let mut headers = vec![
        ("x-ots-contentmd5", sign::content_md5(&body)),
        ("x-ots-contenttype", "protocol buffer".to_owned()),
        ("x-ots-date", sign::response_date(jiff::Timestamp::now())),
        ("x-ots-requestid", "000657ed-c821-3e86-a9dd-c60b0d24ce5e".to_owned()),
    ];
    let text = sign::response_string_to_sign("PutRow", headers.iter().map(|(name, value)| (*name, value.as_str())));
    let signature = sign::response_authorization(&credentials.access_key_id, &credentials.access_key_secret, &text);
    headers.push(("authorization", signature));
    let mut answer = b"HTTP/1.1 200 OK\r\n".to_vec();
    for (name, value) in headers {
        answer.extend(format!("{name}: {value}\r\n").bytes());
    }
    answer.extend(format!("content-length: {}\r\n\r\n", body.len()).bytes());
    answer.extend(body);
    answer
}

/// Reads requests and answers each, until the other side hangs up.
fn serve(mut stream: TcpStream, answer: &[u8]) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(1 << 16);
    let mut piece = [0; 1 << 14];
    loop {
        while let Some(length) = request(&buffer) {
            buffer.drain(..length);
            stream.write_all(answer)?;
        }
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            count => buffer.extend_from_slice(&piece[..count]),
        }
    }
}

/// The length of the first request in the buffer, if it is there as a whole.
fn request(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let whole = head + length.unwrap_or(0);
    (buffer.len() >= whole).then_some(whole)
}
