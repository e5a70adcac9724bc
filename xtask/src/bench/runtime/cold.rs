//! From the start of a process to its first whole answer, and the memory of a whole function.

use std::path::Path;
use std::process::Command;

use nix::sys::prctl::set_timerslack;
use rig::Error;

use super::build::Programs;
use super::lambda_api::LambdaApi;
use super::load::{connect, exchange, request};
use super::process::{Process, free_port};
use super::report::{Goal, Series, goal, growth, heading, limit};

const ROUNDS: usize = 31;
/// What the deployed functions need to be told (s.yaml). Nothing is called at these addresses.
const SETTINGS: &[(&str, &str)] = &[
    ("OTS_ENDPOINT", "https://bench.cn-hangzhou.ots.aliyuncs.com"),
    ("OTS_INSTANCE", "bench"),
    ("EVENTBRIDGE_ENDPOINT", "https://1234567890.eventbridge.cn-hangzhou.aliyuncs.com"),
];

/// Measures and prints.
pub fn run(programs: &Programs) -> Result<(), Error> {
    // So that the 20 us between two attempts to connect are 20 us.
    set_timerslack(1)?;
    let mut bare = Series::new("bare hyper");
    let mut bare_static = Series::new("bare hyper, static");
    let mut fc = Series::new("fc_runtime echo");
    let mut fc_static = Series::new("fc_runtime echo, static");
    let mut lambda = Series::new("lambda_runtime echo");
    let mut function = Series::new("osferry-precheck, with a TLS client");
    let echo = serde_json::to_vec(&serde_json::from_str::<serde_json::Value>(super::EVENT)?)?;
    for _ in 0..ROUNDS {
        bare.push(http(&programs.bare, &[], &echo)?);
        bare_static.push(http(&programs.bare_static, &[], &echo)?);
        fc.push(http(&programs.fc_run, &[], &echo)?);
        fc_static.push(http(&programs.fc_run_static, &[], &echo)?);
        lambda.push(on_lambda(&programs.lambda_run)?);
        function.push(http(&programs.function, SETTINGS, br#"{"handled":[]}"#)?);
    }
    heading("cold start: from spawn to the first whole answer, ms", ROUNDS);
    [&bare, &bare_static, &lambda, &fc, &fc_static, &function].iter().for_each(|series| series.print(2));
    goal(&fc, &lambda, Goal::AtMost(1.0));
    goal(&fc_static, &lambda, Goal::AtMost(0.75));
    goal(&function, &bare, Goal::AtMost(1.3));
    client(&programs.client_cost)?;
    memory(&programs.function)
}

/// The HTTP client with TLS: what the first invocation of a process pays, and what it costs after that.
fn client(program: &Path) -> Result<(), Error> {
    let (mut first, mut later) = (Series::new("the first of a process"), Series::new("the next 25, their median"));
    for _ in 0..ROUNDS {
        let output = Command::new(program).output()?;
        let text = String::from_utf8(output.stdout)?;
        let (a, b) = text.trim().split_once(' ').ok_or_else(|| format!("unexpected output: {text}"))?;
        first.push(a.parse()?);
        later.push(b.parse()?);
    }
    heading("building the HTTP client with TLS, us", ROUNDS);
    [&first, &later].iter().for_each(|series| series.print(0));
    limit(&first, 100.0);
    Ok(())
}

fn http(program: &Path, settings: &[(&str, &str)], expected: &[u8]) -> Result<f64, Error> {
    let port = free_port()?.to_string();
    let mut process = Process::start(program, &[settings, &[("FC_SERVER_PORT", port.as_str())]].concat())?;
    let mut stream = connect(&mut process, port.parse()?)?;
    exchange(&mut stream, &request(), expected)?;
    Ok(process.began.elapsed().as_secs_f64() * 1000.0)
}

fn on_lambda(program: &Path) -> Result<f64, Error> {
    let mut api = LambdaApi::new()?;
    let env = api.env(1)?;
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let process = Process::start(program, &env)?;
    let first = api.first()?;
    Ok(first.duration_since(process.began).as_secs_f64() * 1000.0)
}

/// Of a whole function, with its clients built.
fn memory(program: &Path) -> Result<(), Error> {
    const ROUNDS: usize = 3;
    let mut first = Series::new("osferry-precheck, after 1,000");
    let mut later = Series::new("osferry-precheck, after 11,000");
    for _ in 0..ROUNDS {
        let port = free_port()?.to_string();
        let mut process = Process::start(program, &[SETTINGS, &[("FC_SERVER_PORT", port.as_str())]].concat())?;
        let mut stream = connect(&mut process, port.parse()?)?;
        let request = request();
        for (count, series) in [(1_000, &mut first), (10_000, &mut later)] {
            for _ in 0..count {
                exchange(&mut stream, &request, br#"{"handled":[]}"#)?;
            }
            series.push(process.resident()? as f64);
        }
    }
    heading("resident memory of a whole function, KiB", ROUNDS);
    [&first, &later].iter().for_each(|series| series.print(0));
    growth(&later, &first, 100.0);
    Ok(())
}
