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

const ROUNDS: usize = 61;
/// What the deployed functions need to be told (s.yaml). Nothing is called at these addresses.
const SETTINGS: &[(&str, &str)] = &[
    ("OTS_ENDPOINT", "https://bench.cn-hangzhou.ots.aliyuncs.com"),
    ("OTS_INSTANCE", "bench"),
    ("EVENTBRIDGE_ENDPOINT", "https://1234567890.eventbridge.cn-hangzhou.aliyuncs.com"),
];

/// End of a stage's answer to an event about nobody.
const HANDLED: &[u8] = br#"{"handled":[]}"#;

/// One program to start, and what it answers.
struct Start<'a> {
    program: &'a Path,
    kind: Kind<'a>,
    times: Series,
}

enum Kind<'a> {
    /// Called by HTTP, with these settings; its answer ends with these bytes.
    Http(&'a [(&'a str, &'a str)], &'a [u8]),
    /// Calls the runtime API of AWS Lambda.
    Lambda,
}

impl<'a> Start<'a> {
    fn new(name: &str, program: &'a Path, kind: Kind<'a>) -> Self {
        Self { program, kind, times: Series::new(name) }
    }

    fn measure(&mut self) -> Result<(), Error> {
        let milliseconds = match &self.kind {
            Kind::Http(settings, expected) => http(self.program, settings, expected)?,
            Kind::Lambda => on_lambda(self.program)?,
        };
        self.times.push(milliseconds);
        Ok(())
    }
}

/// Measures and prints.
pub fn run(programs: &Programs) -> Result<(), Error> {
    // So that the 20 us between two attempts to connect are 20 us.
    set_timerslack(1)?;
    let echo = serde_json::to_vec(&serde_json::from_str::<serde_json::Value>(super::EVENT)?)?;
    let http = |name, program| Start::new(name, program, Kind::Http(&[], &echo));
    let mut bare = http("bare hyper", &programs.bare);
    let mut bare_static = http("bare hyper, static", &programs.bare_static);
    let mut lambda = Start::new("lambda_runtime echo", &programs.lambda_run, Kind::Lambda);
    let mut fc = http("fc_runtime echo", &programs.fc_run);
    let mut fc_static = http("fc_runtime echo, static", &programs.fc_run_static);
    let name = "osferry-precheck, with a TLS client";
    let mut function = Start::new(name, &programs.function, Kind::Http(SETTINGS, HANDLED));
    let mut turns = [&mut bare, &mut bare_static, &mut lambda, &mut fc, &mut fc_static, &mut function];
    for _ in 0..ROUNDS {
        turns.iter_mut().try_for_each(|start| start.measure())?;
        turns.rotate_left(1);
    }
    heading("cold start: from spawn to the first whole answer, ms", ROUNDS);
    [&bare, &bare_static, &lambda, &fc, &fc_static, &function].iter().for_each(|start| start.times.print(2));
    goal(&fc.times, &lambda.times, Goal::AtMost(1.0));
    goal(&fc_static.times, &lambda.times, Goal::AtMost(0.75));
    goal(&function.times, &bare.times, Goal::AtMost(1.3));
    client(&programs.client_cost)?;
    memory(programs)
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
    let process = start_on_lambda(program, &api)?;
    let first = api.first()?;
    Ok(first.duration_since(process.began).as_secs_f64() * 1000.0)
}

fn start_on_lambda(program: &Path, api: &LambdaApi) -> Result<Process, Error> {
    let env = api.env(1)?;
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Process::start(program, &env)
}

/// Of a whole function, with its clients built.
fn memory(programs: &Programs) -> Result<(), Error> {
    const ROUNDS: usize = 3;
    let mut lambda = Series::new("lambda_runtime echo, after 1,000");
    let mut first = Series::new("osferry-precheck, after 1,000");
    let mut later = Series::new("osferry-precheck, after 11,000");
    for _ in 0..ROUNDS {
        let mut api = LambdaApi::new()?;
        let process = start_on_lambda(&programs.lambda_run, &api)?;
        api.count(1_000)?;
        lambda.push(process.resident()? as f64);
        let port = free_port()?.to_string();
        let mut process =
            Process::start(&programs.function, &[SETTINGS, &[("FC_SERVER_PORT", port.as_str())]].concat())?;
        let mut stream = connect(&mut process, port.parse()?)?;
        let request = request();
        for (count, series) in [(1_000, &mut first), (10_000, &mut later)] {
            for _ in 0..count {
                exchange(&mut stream, &request, HANDLED)?;
            }
            series.push(process.resident()? as f64);
        }
    }
    heading("resident memory of a whole function, KiB", ROUNDS);
    [&lambda, &first, &later].iter().for_each(|series| series.print(0));
    goal(&first, &lambda, Goal::AtMost(1.3));
    growth(&later, &first, 100.0);
    Ok(())
}
