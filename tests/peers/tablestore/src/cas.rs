//! Compare-and-set on one of many rows, one commit each: what every store is asked to do here.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::Error;

/// Rows. A writer picks one at random.
pub const ROWS: usize = 1000;
/// Bytes of a value, as an encoded migration record has them: first its version, then what it is about.
pub const VALUE: usize = 600;

/// A store that is asked for compare-and-set.
pub trait Contender: Sync {
    /// Sets `row` to `value` if its version (the first eight bytes) is `expected`, which it is; on return it is as
    /// durable as this contender makes it. At most one thread at a time is in here with the same row.
    fn set(&self, row: usize, expected: u64, value: &[u8]) -> Result<(), Error>;
}

/// The key of a row.
pub fn key(row: usize) -> String {
    format!("m-{row:020}")
}

/// A value of this version.
pub fn value(version: u64) -> Vec<u8> {
    let mut value = vec![b'x'; VALUE];
    value[..8].copy_from_slice(&version.to_be_bytes());
    value
}

/// The version of a value.
pub fn version(value: &[u8]) -> Result<u64, Error> {
    Ok(u64::from_be_bytes(value.get(..8).ok_or("a value without version")?.try_into()?))
}

/// An error unless the stored version is the expected one.
pub fn check(stored: Option<&[u8]>, expected: u64) -> Result<(), Error> {
    match version(stored.ok_or("a row is missing")?)? {
        found if found == expected => Ok(()),
        found => Err(format!("version {found} is stored, not {expected}").into()),
    }
}

/// The rows' locks and versions, as a server keeps them: who writes a row holds it until the commit is done.
pub struct Rows(Vec<Mutex<u64>>);

impl Default for Rows {
    fn default() -> Self {
        Self((0..ROWS).map(|_| Mutex::new(0)).collect())
    }
}

/// What one turn of a contender came to.
pub struct Turn {
    /// Per second, of all writers together.
    pub rate: f64,
    /// Latencies in microseconds, sorted.
    pub latencies: Vec<f64>,
}

impl Turn {
    /// What a lone writer would reach if every commit took as long as the one in the middle: others on the machine
    /// matter less to that.
    pub fn by_median(&self) -> f64 {
        1e6 / self.latencies[self.latencies.len() / 2]
    }
}

/// Lets `writers` threads write for `time`.
pub fn run(contender: &dyn Contender, rows: &Rows, writers: usize, time: Duration) -> Result<Turn, Error> {
    let stop = AtomicBool::new(false);
    let begin = Instant::now();
    let outcomes: Vec<Result<Vec<f64>, Error>> = thread::scope(|scope| {
        let writers: Vec<_> = (0..writers).map(|_| scope.spawn(|| write(contender, rows, &stop))).collect();
        thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().unwrap_or_else(|_| Err("a writer panicked".into()))).collect()
    });
    let elapsed = begin.elapsed().as_secs_f64();
    let mut latencies = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
    latencies.sort_by(f64::total_cmp);
    Ok(Turn { rate: latencies.len() as f64 / elapsed, latencies })
}

fn write(contender: &dyn Contender, rows: &Rows, stop: &AtomicBool) -> Result<Vec<f64>, Error> {
    let mut random = fastrand::Rng::new();
    let mut latencies = Vec::new();
    let mut new = value(0);
    while !stop.load(Ordering::Relaxed) {
        let row = random.usize(..ROWS);
        let begin = Instant::now();
        let mut version = rows.0[row].lock().unwrap_or_else(PoisonError::into_inner);
        new[..8].copy_from_slice(&(*version + 1).to_be_bytes());
        contender.set(row, *version, &new)?;
        *version += 1;
        drop(version);
        latencies.push(begin.elapsed().as_secs_f64() * 1e6);
    }
    Ok(latencies)
}
