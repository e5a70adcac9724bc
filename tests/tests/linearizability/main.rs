//! Many clients change a few rows at the same time, over the wire, while Tablestore is killed and started again.
//! Whatever they were told, one order of all operations must explain it: nothing that was acknowledged is lost, no
//! two changes of the same version succeed, no read is older than another one that ended before it began.

mod register;
mod server;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use register::{Answer, Operation, Step, Value, is_linearizable};
use rig::Error;
use server::Server;
use tablestore::{Client, Condition, DeleteRow, Filter, GetRow, KeyType, PrimaryKey, PutRow, TableMeta, TableOptions};
use tokio::sync::watch;

const TABLE: &str = "registers";
const CLIENTS: u64 = 16;
const ROWS: usize = 6;
const KILLS: usize = 6;
/// Operations between two kills.
const BETWEEN: std::ops::Range<usize> = 150..500;

/// What clients choose and when kills come follow from this; how threads interleave does not. Another one is taken
/// from `LINEARIZABILITY_SEED`.
fn seed() -> Result<u64, Error> {
    match std::env::var("LINEARIZABILITY_SEED") {
        Ok(seed) => Ok(seed.parse()?),
        Err(_) => Ok(20_261_125),
    }
}

/// Everything that happened, and the one clock of it.
#[derive(Default)]
struct Log {
    clock: AtomicUsize,
    steps: Mutex<Vec<(usize, Step)>>,
    /// Operations that ended, and how many are to be.
    ended: watch::Sender<usize>,
}

impl Log {
    fn tick(&self) -> usize {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_order_explains_all_answers_whatever_is_killed() -> Result<(), Error> {
    let seed = seed()?;
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut server, client) = Server::start().await?;
    let meta = TableMeta::new(TABLE, "row", KeyType::Integer);
    client.create_table(&meta, &TableOptions::default()).await?;
    let log = Arc::new(Log::default());
    // None while nobody serves.
    let (up, serves) = watch::channel(Some(client));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let random = fastrand::Rng::with_seed(random.u64(..));
            tokio::spawn(work(number, random, serves.clone(), Arc::clone(&log)))
        })
        .collect();
    drop(serves);
    let mut ended = log.ended.subscribe();
    let mut until = 0;
    for _ in 0..KILLS {
        until += random.usize(BETWEEN);
        ended.wait_for(|ended| *ended >= until).await?;
        // Every client is in the middle of something.
        server.kill()?;
        up.send_replace(None);
        up.send_replace(Some(server.restart().await?));
    }
    until += random.usize(BETWEEN);
    ended.wait_for(|ended| *ended >= until).await?;
    // Nobody will serve any more: the clients end.
    up.send_replace(None);
    drop(up);
    for client in clients {
        client.await??;
    }
    let steps = std::mem::take(&mut *log.steps.lock().unwrap_or_else(PoisonError::into_inner));
    judge(seed, steps);
    Ok(())
}

/// Every row by itself: rows do not depend on each other, so all of them are right if each is.
fn judge(seed: u64, steps: Vec<(usize, Step)>) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut rows: Vec<Vec<Step>> = vec![Vec::new(); ROWS];
    for (row, step) in steps {
        let what = match step.answer {
            Answer::Found(_) => "read",
            Answer::Done => "done",
            Answer::Refused => "refused",
            Answer::Unknown => "unknown",
        };
        *counts.entry(what).or_default() += 1;
        rows[row].push(step);
    }
    println!("seed {seed}: {counts:?}");
    for what in ["read", "done", "refused", "unknown"] {
        assert!(counts.contains_key(what), "seed {seed}: nothing was {what}, so this proves little");
    }
    for (row, steps) in rows.iter().enumerate() {
        assert!(is_linearizable(steps), "seed {seed}: no order explains row {row}: {steps:#?}");
    }
}

/// Does one thing after another until there is no server any more.
async fn work(
    number: u64,
    mut random: fastrand::Rng,
    mut serves: watch::Receiver<Option<Client>>,
    log: Arc<Log>,
) -> Result<(), Error> {
    // What this client last knew of each row.
    let mut known: [Value; ROWS] = [None; ROWS];
    for turn in 0.. {
        let Ok(client) = serves.wait_for(Option::is_some).await.map(|client| client.clone()) else { return Ok(()) };
        let Some(client) = client else { continue };
        let row = random.usize(..ROWS);
        let own = Some(i64::try_from(number << 32)? + turn);
        let operation = match random.u8(..10) {
            0..=2 => Operation::Read,
            3..=7 => Operation::Change { expected: known[row], new: own },
            8 => Operation::Change { expected: known[row], new: None },
            _ => Operation::Write(own),
        };
        let begin = log.tick();
        let answer = perform(&client, row, operation).await?;
        let end = log.tick();
        match (operation, answer) {
            (_, Some(Answer::Found(value))) => known[row] = value,
            (Operation::Write(new) | Operation::Change { new, .. }, Some(Answer::Done)) => known[row] = new,
            // Looks before it tries again.
            (Operation::Change { .. }, Some(Answer::Refused)) => {
                let begin = log.tick();
                if let Some(Answer::Found(value)) = perform(&client, row, Operation::Read).await? {
                    known[row] = value;
                    let step =
                        Step { begin, end: log.tick(), operation: Operation::Read, answer: Answer::Found(value) };
                    log.steps.lock().unwrap_or_else(PoisonError::into_inner).push((row, step));
                }
            }
            _ => {}
        }
        if let Some(answer) = answer {
            let step = Step { begin, end, operation, answer };
            log.steps.lock().unwrap_or_else(PoisonError::into_inner).push((row, step));
            log.ended.send_modify(|ended| *ended += 1);
        }
    }
    Ok(())
}

/// Asks the server; None: it did nothing, and nothing was learnt.
async fn perform(client: &Client, row: usize, operation: Operation) -> Result<Option<Answer>, Error> {
    let key = PrimaryKey::new("row", i64::try_from(row)?);
    let condition = |expected: Value| match expected {
        None => Condition::expect_not_exist(),
        Some(value) => Condition::expect_exist().and_column(Filter::equal("value", value)),
    };
    let (new, condition) = match operation {
        Operation::Read => {
            return match client.get_row(&GetRow::new(TABLE, key)).await {
                Ok(row) => Ok(Some(Answer::Found(row.and_then(|row| row.get_int("value"))))),
                Err(tablestore::Error::NoAnswer { .. } | tablestore::Error::InvalidAnswer { .. }) => Ok(None),
                Err(error) => Err(error.into()),
            };
        }
        Operation::Write(new) => (new, Condition::ignore()),
        Operation::Change { expected, new } => (new, condition(expected)),
    };
    let outcome = match new {
        Some(value) => client.put_row(&PutRow::new(TABLE, key).column("value", value).condition(condition)).await,
        None => client.delete_row(&DeleteRow::new(TABLE, key).condition(condition)).await,
    };
    match outcome {
        Ok(_) => Ok(Some(Answer::Done)),
        Err(error) if error.is_condition_check_fail() => Ok(Some(Answer::Refused)),
        Err(error) if error.fate_unknown() => Ok(Some(Answer::Unknown)),
        // The client says that nothing was changed; it is taken at its word.
        Err(tablestore::Error::NoAnswer { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
