//! The client beside the other clients: encoding, decoding, signing, and a whole PutRow over loopback. The arguments
//! are the directories with the official Node and Python SDK.

mod fixed;
mod row;
mod script;

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use aliyun_tablestore_rs as crate_rs;
use bytes::Bytes;
use nix::time::{ClockId, clock_gettime};
use openapi::Credentials;
use prost13::Message as _;
use tablestore::sign::Signer;
use tablestore::{Client, Page};
use tablestore_peers::{Error, Goal, Summary, compare};

use script::Script;

const ROUNDS: usize = 15;
/// Rows in a range.
const RANGE: usize = 100;

/// One series: what is done, and how often in a round.
struct Series<'a> {
    name: &'static str,
    times: usize,
    act: Box<dyn FnMut(usize) -> Result<f64, Error> + 'a>,
    micros: Vec<f64>,
}

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (node, python) = (arguments.next().ok_or("where is the Node SDK?")?, arguments.next().ok_or("and Python's?")?);
    let credentials = Credentials {
        access_key_id: "bench-id".into(),
        access_key_secret: "bench-secret".into(),
        security_token: None,
    };
    let body = row::put().to_body();
    let mut node = Script::start("node", "encode.js", ("NODE_PATH", &node.join("node_modules")))?;
    let mut python = Script::start("python3", "encode.py", ("PYTHONPATH", &python))?;
    let theirs = crate_rs::protos::PutRowRequest::from(row::their_put()).encode_to_vec();
    for (who, other) in [("the Node SDK", &node.body), ("the Python SDK", &python.body), ("the crate", &theirs)] {
        if *other != body {
            return Err(format!("{who} does not encode the same bytes").into());
        }
    }
    println!("PutRow of 2 key columns and {} columns: {} bytes, the same from all four", row::COLUMNS, body.len());

    let range = Bytes::from(row::range(RANGE));
    let signer = Signer::new(credentials.clone(), "bench");
    let (mine, their) = (row::put(), row::their_put());
    let server = fixed::Server::start(&credentials)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = Client::new(openapi::http::client(), &server.endpoint, "bench", credentials.clone());
    let their_client = crate_rs::OtsClient::builder("bench-id", "bench-secret")
        .endpoint(&server.endpoint)
        .instance_name("bench")
        .region("cn-hangzhou")
        .build();

    let mut series = vec![
        cpu("encode, ours", 20_000, || Ok(drop(black_box(black_box(&mine).to_body())))),
        cpu("encode, crate", 20_000, || {
            // It consumes its request, so that one who keeps it copies it.
            let request = crate_rs::protos::PutRowRequest::from(black_box(&their).clone());
            Ok(drop(black_box(request.encode_to_vec())))
        }),
        cpu("make and encode, ours", 20_000, || Ok(drop(black_box(row::put().to_body())))),
        cpu("make and encode, crate", 20_000, || {
            Ok(drop(black_box(crate_rs::protos::PutRowRequest::from(row::their_put()).encode_to_vec())))
        }),
        cpu("decode and read, ours", 300, || row::read(&Page::from_body(range.clone())?)),
        cpu("decode and read, crate", 300, || {
            let message = crate_rs::protos::GetRangeResponse::decode(range.clone())?;
            row::their_read(&message.try_into()?)
        }),
        cpu("make, encode, MD5, sign, ours", 20_000, || {
            let body = row::put().to_body();
            black_box(signer.sign("PutRow", &body, jiff::Timestamp::now())?.headers.len());
            Ok(())
        }),
        series("make, encode, MD5, sign, Node", 5_000, |times| node.micros(times)),
        series("make, encode, MD5, sign, Python", 1_000, |times| python.micros(times)),
        wall("PutRow over loopback, ours", 2_000, || {
            runtime.block_on(client.put_row(&mine))?;
            Ok(())
        }),
        wall("PutRow over loopback, crate", 2_000, || {
            runtime.block_on(their_client.put_row(their.clone()).send())?;
            Ok(())
        }),
    ];
    for round in 0..=ROUNDS {
        let count = series.len();
        for turn in 0..count {
            // Nobody always comes after the same one.
            let series = &mut series[(turn + round) % count];
            let micros = (series.act)(series.times)?;
            // The first round warms up.
            if round > 0 {
                series.micros.push(micros);
            }
        }
    }
    print(&series);
    Ok(())
}

fn print(series: &[Series<'_>]) {
    println!("median (lowest to highest) of {ROUNDS} rounds, in turns; CPU time; over loopback the median call\n");
    println!("  {:<36} {:>30}", "", "us");
    for series in series {
        println!("  {:<36} {:>30}", series.name, Summary::of(series.micros.iter().copied()));
    }
    println!(
        "\nratios of the same round, median (lowest to highest); how many times faster, over loopback what part of its time:"
    );
    let of = |name: &str| {
        let series = series.iter().find(|series| series.name == name);
        series.map(|series| series.micros.as_slice()).unwrap_or_default()
    };
    let faster = |what: &str, theirs: &str, ours: &str, goal| compare(what, of(theirs), of(ours), goal);
    faster("encode / aliyun-tablestore-rs", "encode, crate", "encode, ours", Goal::AtLeast(1.5));
    faster("make and encode / same", "make and encode, crate", "make and encode, ours", Goal::AtLeast(1.5));
    faster("decode 100 rows / same", "decode and read, crate", "decode and read, ours", Goal::AtLeast(1.5));
    let signed = "make, encode, MD5, sign, ours";
    faster("encode, MD5, sign / Node SDK", "make, encode, MD5, sign, Node", signed, Goal::AtLeast(9.0));
    faster("encode, MD5, sign / Python SDK", "make, encode, MD5, sign, Python", signed, Goal::AtLeast(25.0));
    let (ours, theirs) = (of("PutRow over loopback, ours"), of("PutRow over loopback, crate"));
    compare("PutRow over loopback / aliyun-tablestore-rs", ours, theirs, Goal::AtMost(0.95));
}

fn series<'a>(name: &'static str, times: usize, act: impl FnMut(usize) -> Result<f64, Error> + 'a) -> Series<'a> {
    Series { name, times, act: Box::new(act), micros: Vec::new() }
}

/// By the CPU time of this thread: what others do on the machine matters less.
fn cpu<'a>(name: &'static str, times: usize, mut act: impl FnMut() -> Result<(), Error> + 'a) -> Series<'a> {
    series(name, times, move |times| {
        let begin = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
        (0..times).try_for_each(|_| act())?;
        let spent = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)? - begin;
        Ok(std::time::Duration::from(spent).as_secs_f64() * 1e6 / times as f64)
    })
}

/// By the middle of the times of single calls: a call in whose middle somebody else got the core says nothing.
fn wall<'a>(name: &'static str, times: usize, mut act: impl FnMut() -> Result<(), Error> + 'a) -> Series<'a> {
    series(name, times, move |times| {
        let mut calls = Vec::with_capacity(times);
        for _ in 0..times {
            let begin = Instant::now();
            act()?;
            calls.push(begin.elapsed().as_secs_f64() * 1e6);
        }
        calls.sort_by(f64::total_cmp);
        Ok(calls[times / 2])
    })
}
