//! Throughput, CPU and memory of processes that run.

use std::path::Path;
use std::time::{Duration, Instant};

use rig::Error;

use super::build::Programs;
use super::lambda_api::LambdaApi;
use super::load::Load;
use super::process::{Process, free_port};
use super::report::{Goal, Series, goal, growth, heading};

const ROUNDS: usize = 7;
const WARM_UP: Duration = Duration::from_millis(200);
const MEASURED: Duration = Duration::from_millis(1000);
const IN_FLIGHT: usize = 16;

/// One kind of process at one concurrency.
struct Kind<'a> {
    program: &'a Path,
    connections: usize,
    on_lambda: bool,
    rate: Series,
    cpu: Series,
}

impl<'a> Kind<'a> {
    fn new(name: &str, program: &'a Path, connections: usize, on_lambda: bool) -> Self {
        let name = format!("{name}, {connections} in flight");
        Self { program, connections, on_lambda, rate: Series::new(&name), cpu: Series::new(&name) }
    }

    fn measure(&mut self) -> Result<(), Error> {
        let mut peer = Peer::start(self.program, self.connections, self.on_lambda)?;
        peer.run(WARM_UP)?;
        let (cpu, begin) = (peer.process.cpu()?, Instant::now());
        let answered = peer.run(MEASURED)?;
        let (seconds, cpu) = (begin.elapsed().as_secs_f64(), peer.process.cpu()? - cpu);
        self.rate.push(answered as f64 / seconds);
        self.cpu.push(cpu as f64 / 1000.0 / answered as f64);
        Ok(())
    }
}

/// A process and what calls it.
struct Peer {
    process: Process,
    caller: Caller,
}

enum Caller {
    Load(Load),
    Lambda(LambdaApi),
}

impl Peer {
    fn start(program: &Path, connections: usize, on_lambda: bool) -> Result<Self, Error> {
        if on_lambda {
            let api = LambdaApi::new()?;
            let env = api.env(connections)?;
            let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
            return Ok(Self { process: Process::start(program, &env)?, caller: Caller::Lambda(api) });
        }
        let port = free_port()?;
        let mut process = Process::start(program, &[("FC_SERVER_PORT", &port.to_string())])?;
        let load = Load::open(&mut process, port, connections)?;
        Ok(Self { process, caller: Caller::Load(load) })
    }

    fn run(&mut self, duration: Duration) -> Result<u64, Error> {
        match &mut self.caller {
            Caller::Load(load) => load.run(duration),
            Caller::Lambda(api) => api.run(duration),
        }
    }

    fn count(&mut self, wanted: u64) -> Result<u64, Error> {
        match &mut self.caller {
            Caller::Load(load) => load.count(wanted),
            Caller::Lambda(api) => api.count(wanted),
        }
    }
}

/// Measures and prints.
pub fn run(programs: &Programs) -> Result<(), Error> {
    let mut bare = Kind::new("bare hyper", &programs.bare, IN_FLIGHT, false);
    let mut concurrent = Kind::new("fc_runtime run_concurrent", &programs.fc_concurrent, IN_FLIGHT, false);
    let mut line = Kind::new("the same with a log line", &programs.fc_line, IN_FLIGHT, false);
    let mut lambda = Kind::new("lambda_runtime run_concurrent", &programs.lambda_concurrent, IN_FLIGHT, true);
    let mut one = Kind::new("fc_runtime run", &programs.fc_run, 1, false);
    let mut lambda_one = Kind::new("lambda_runtime run", &programs.lambda_run, 1, true);
    let mut bare_one = Kind::new("bare hyper", &programs.bare, 1, false);
    let mut turns = [&mut bare, &mut concurrent, &mut line, &mut lambda, &mut one, &mut lambda_one, &mut bare_one];
    for _ in 0..ROUNDS {
        turns.iter_mut().try_for_each(|kind| kind.measure())?;
        turns.rotate_left(1);
    }
    let kinds = [&bare, &concurrent, &line, &lambda, &one, &lambda_one, &bare_one];
    heading("CPU per invocation, us", ROUNDS);
    kinds.iter().for_each(|kind| kind.cpu.print(1));
    goal(&concurrent.cpu, &bare.cpu, Goal::AtMost(1.15));
    goal(&line.cpu, &bare.cpu, Goal::AtMost(1.3));
    heading("invocations per second", ROUNDS);
    kinds.iter().for_each(|kind| kind.rate.print(0));
    goal(&concurrent.rate, &lambda.rate, Goal::AtLeast(2.0));
    goal(&one.rate, &lambda_one.rate, Goal::AtLeast(1.9));
    // Where others use the machine too, the rate says little: what the same core could do says more.
    heading("invocations per second of the process's own CPU time", ROUNDS);
    let able = |kind: &Kind| kind.cpu.map(|us| 1e6 / us);
    kinds.iter().for_each(|kind| able(kind).print(0));
    goal(&able(&concurrent), &able(&lambda), Goal::AtLeast(2.0));
    goal(&able(&one), &able(&lambda_one), Goal::AtLeast(1.9));
    memory(programs)
}

/// Rounds of the memory's measurement: it hardly varies.
const MEMORY_ROUNDS: usize = 3;

fn memory(programs: &Programs) -> Result<(), Error> {
    let mut ours = Series::new("fc_runtime run, after 1,000");
    let mut later = Series::new("fc_runtime run, after 21,000");
    let mut theirs = Series::new("lambda_runtime run, after 1,000");
    let mut bare = Series::new("bare hyper, after 1,000");
    for _ in 0..MEMORY_ROUNDS {
        for (program, on_lambda, series) in [
            (&programs.bare, false, &mut bare),
            (&programs.lambda_run, true, &mut theirs),
            (&programs.fc_run, false, &mut ours),
        ] {
            let mut peer = Peer::start(program, 1, on_lambda)?;
            peer.count(1_000)?;
            series.push(peer.process.resident()? as f64);
            if program == &programs.fc_run {
                peer.count(20_000)?;
                later.push(peer.process.resident()? as f64);
            }
        }
    }
    heading("resident memory, KiB", MEMORY_ROUNDS);
    [&bare, &theirs, &ours, &later].iter().for_each(|series| series.print(0));
    goal(&ours, &theirs, Goal::AtMost(1.3));
    growth(&later, &ours, 100.0);
    Ok(())
}
