//! Durable and volatile compare-and-set: the local cloud's store and its Tablestore, beside a bare file and three
//! embedded stores. The argument is a scratch directory on the disk that is meant.

mod contenders;

use std::path::Path;
use std::time::Duration;

use tablestore_peers::cas::{self, Contender, Rows};
use tablestore_peers::{Error, Goal, Summary, compare};

use contenders::{Fjall, Floor, Ours, Redb, Server, Sqlite, Sync};

const ROUNDS: usize = 11;
const TURN: Duration = Duration::from_millis(400);

struct Entry {
    name: &'static str,
    writers: usize,
    contender: Box<dyn Contender>,
    rows: Rows,
    rates: Vec<f64>,
    /// The same by the median commit; only of lone writers.
    by_median: Vec<f64>,
    latencies: Vec<f64>,
}

fn main() -> Result<(), Error> {
    let dir = std::env::args_os().nth(1).ok_or("which directory?")?;
    let dir = tempfile::tempdir_in(dir)?;
    let mut entries = entries(dir.path())?;
    let count = entries.len();
    for round in 0..=ROUNDS {
        for turn in 0..count {
            // Nobody always comes after the same one.
            let entry = &mut entries[(turn + round) % count];
            let turn = cas::run(entry.contender.as_ref(), &entry.rows, entry.writers, TURN)?;
            // The first round warms up.
            if round > 0 {
                entry.rates.push(turn.rate);
                entry.by_median.push(turn.by_median());
                entry.latencies.extend(turn.latencies);
            }
        }
    }
    print(&mut entries)
}

fn entries(dir: &Path) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    let mut add = |name: &'static str, writers: usize, contender: Box<dyn Contender>| {
        entries.push(Entry {
            name,
            writers,
            contender,
            rows: Rows::default(),
            rates: Vec::new(),
            by_median: Vec::new(),
            latencies: Vec::new(),
        });
    };
    add("append + fdatasync", 1, Box::new(Floor::create(&dir.join("floor"))?));
    for writers in [1, 64] {
        let place = |name: &str| dir.join(format!("{name}-{writers}"));
        add("store, durable", writers, Box::new(Ours::open(&place("ours"), Sync::Disk)?));
        add("Tablestore, durable", writers, Box::new(Server::open(&place("server"), Sync::Disk)?));
        add("fjall, a sync each", writers, Box::new(Fjall::open(&place("fjall"), Sync::Disk)?));
        add("redb, durable", writers, Box::new(Redb::open(&place("redb"), Sync::Disk)?));
        add("SQLite WAL, FULL", writers, Box::new(Sqlite::open(&place("sqlite"), Sync::Disk)?));
    }
    let place = |name: &str| dir.join(format!("{name}-volatile"));
    add("store, volatile", 1, Box::new(Ours::open(&place("ours"), Sync::None)?));
    add("Tablestore, volatile", 1, Box::new(Server::open(&place("server"), Sync::None)?));
    add("fjall, volatile", 1, Box::new(Fjall::open(&place("fjall"), Sync::None)?));
    add("redb, volatile", 1, Box::new(Redb::open(&place("redb"), Sync::None)?));
    add("SQLite WAL, NORMAL", 1, Box::new(Sqlite::open(&place("sqlite"), Sync::None)?));
    Ok(entries)
}

fn print(entries: &mut [Entry]) -> Result<(), Error> {
    println!("compare-and-set of {} bytes on one of {} rows, one commit each", cas::VALUE, cas::ROWS);
    println!("median (lowest to highest) of {ROUNDS} rounds of {} ms, in turns\n", TURN.as_millis());
    println!("  {:<28} {:>7} {:>30} {:>10} {:>10}", "", "writers", "per second", "p50 us", "p99 us");
    for entry in entries.iter_mut() {
        entry.latencies.sort_by(f64::total_cmp);
        let at = |share: f64| entry.latencies[(share * (entry.latencies.len() - 1) as f64) as usize];
        let rates = Summary::of(entry.rates.iter().copied());
        println!("  {:<28} {:>7} {rates:>30} {:>10.1} {:>10.1}", entry.name, entry.writers, at(0.5), at(0.99));
    }
    ratios(entries)
}

fn ratios(entries: &[Entry]) -> Result<(), Error> {
    let find = |name: &str, writers: usize| {
        let entry = entries.iter().find(|entry| entry.name == name && entry.writers == writers);
        entry.ok_or_else(|| format!("{name} was not measured"))
    };
    let (floor, sqlite) = (find("append + fdatasync", 1)?, find("SQLite WAL, NORMAL", 1)?);
    println!("\nratios of the same round, median (lowest to highest); of a lone writer also by the median commit:");
    let alone = |name: &str, beside: &Entry, goal: fn() -> Goal| {
        let entry = find(name, 1)?;
        compare(&format!("{name}, 1 writer / {}", beside.name), &entry.rates, &beside.rates, goal());
        compare("    by the median commit", &entry.by_median, &beside.by_median, goal());
        Ok::<_, Error>(())
    };
    let together = |name: &str, goal: fn() -> Goal| {
        let what = format!("{name}, 64 writers / {}", floor.name);
        compare(&what, &find(name, 64)?.rates, &floor.rates, goal());
        Ok::<_, Error>(())
    };
    alone("store, durable", floor, || Goal::AtLeast(0.9))?;
    together("store, durable", || Goal::AtLeast(5.0))?;
    alone("store, volatile", sqlite, || Goal::AtLeast(2.0))?;
    // The whole server's work beside a bare store's: no goal of its own where the store's share is the smaller one.
    alone("Tablestore, durable", floor, || Goal::AtLeast(0.9))?;
    together("Tablestore, durable", || Goal::AtLeast(5.0))?;
    alone("Tablestore, volatile", sqlite, || Goal::None)?;
    for name in ["fjall, a sync each", "redb, durable", "SQLite WAL, FULL"] {
        alone(name, floor, || Goal::None)?;
        together(name, || Goal::None)?;
    }
    for name in ["fjall, volatile", "redb, volatile"] {
        alone(name, sqlite, || Goal::None)?;
    }
    Ok(())
}
