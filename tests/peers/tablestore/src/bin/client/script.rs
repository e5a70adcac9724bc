//! A program of another language that does the same, round by round.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use tablestore_peers::Error;

/// A running script. It ends with its standard input.
pub struct Script {
    name: &'static str,
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// The body that it makes.
    pub body: Vec<u8>,
}

impl Script {
    /// Starts `scripts/<name>` of this package, with one more environment variable.
    pub fn start(program: &str, name: &'static str, (variable, path): (&str, &Path)) -> Result<Self, Error> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name);
        let mut command = Command::new(program);
        command.arg(script).env(variable, path).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let mut script = Self { name, child, orders, answers, body: Vec::new() };
        let hex = script.line()?;
        let byte = |at: usize| u8::from_str_radix(hex.get(at..at + 2).unwrap_or("?"), 16);
        script.body = (0..hex.len()).step_by(2).map(byte).collect::<Result<_, _>>()?;
        Ok(script)
    }

    /// Lets it do its work that often; CPU time of one, in microseconds.
    pub fn micros(&mut self, times: usize) -> Result<f64, Error> {
        writeln!(self.orders.as_mut().ok_or("no standard input")?, "{times}")?;
        Ok(self.line()?.parse()?)
    }

    fn line(&mut self) -> Result<String, Error> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err(format!("{} ended early", self.name).into());
        }
        Ok(line.trim().to_owned())
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.child.wait();
    }
}
