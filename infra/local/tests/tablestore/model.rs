//! Any sequence of writes, in and out of transactions, does what a map in memory does; so does the index.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tablestore::messages::{
    Condition as Expect, CreateTableRequest, DefinedColumnType, EndTransactionRequest, EndTransactionResponse,
    IndexMeta, StartLocalTransactionRequest, StartLocalTransactionResponse, WriteRowRequest,
};
use tablestore::plainbuffer::{CellOp, CellRef, ValueRef};

use super::raw::{deletion, table, write};
use super::*;

/// Column names of the table; the first one is the index's key, the second one is covered.
const COLUMNS: [&str; 3] = ["c", "d", "e"];

type Place = (u8, u8);
type Columns = BTreeMap<usize, i64>;
type Rows = BTreeMap<Place, Columns>;

#[derive(Clone, Debug)]
enum Cell {
    Put(i64),
    Delete,
    Add(i64),
}

#[derive(Clone, Debug)]
enum Step {
    Put(Place, BTreeMap<usize, i64>),
    Update(Place, BTreeMap<usize, Cell>),
    Delete(Place),
    Begin(u8),
    End { partition: u8, commit: bool },
}

/// What a write expects of its row: existence, and the value of a column that may be missing.
type Expected = (i32, Option<(usize, i64)>);

fn step() -> impl Strategy<Value = (Step, Expected, bool)> {
    let place = || (0..2_u8, 0..3_u8);
    let cell = prop_oneof![(0..4_i64).prop_map(Cell::Put), Just(Cell::Delete), (-2..3_i64).prop_map(Cell::Add)];
    let columns = proptest::collection::btree_map(0..COLUMNS.len(), 0..4_i64, 0..3);
    let cells = proptest::collection::btree_map(0..COLUMNS.len(), cell, 1..3);
    let step = prop_oneof![
        3 => (place(), columns).prop_map(|(place, columns)| Step::Put(place, columns)),
        4 => (place(), cells).prop_map(|(place, cells)| Step::Update(place, cells)),
        2 => place().prop_map(Step::Delete),
        2 => (0..2_u8).prop_map(Step::Begin),
        2 => (0..2_u8, any::<bool>()).prop_map(|(partition, commit)| Step::End { partition, commit }),
    ];
    let existence = prop_oneof![4 => Just(0), 1 => Just(1), 1 => Just(2)];
    (step, (existence, option::weighted(0.3, (0..COLUMNS.len(), 0..4_i64))), any::<bool>())
}

/// The map: what is stored, and what open transactions see of their partitions.
#[derive(Default)]
struct Model {
    stored: Rows,
    open: BTreeMap<u8, Rows>,
}

impl Model {
    fn begin(&mut self, partition: u8) {
        let rows = self.stored.iter().filter(|(place, _)| place.0 == partition);
        self.open.insert(partition, rows.map(|(place, row)| (*place, row.clone())).collect());
    }

    fn end(&mut self, partition: u8, commit: bool) {
        let rows = self.open.remove(&partition).unwrap();
        if commit {
            self.stored.retain(|place, _| place.0 != partition);
            self.stored.extend(rows);
        }
    }

    /// Whether the write happens; else the code of its refusal.
    fn write(&mut self, step: &Step, expected: Expected, inside: bool) -> Result<(), &'static str> {
        let (Step::Put(place, _) | Step::Update(place, _) | Step::Delete(place)) = step else { unreachable!() };
        let rows = match self.open.get_mut(&place.0) {
            Some(rows) if inside => rows,
            Some(_) => return Err("OTSRowOperationConflict"),
            None => &mut self.stored,
        };
        let row = rows.get(place);
        let exists = [true, row.is_some(), row.is_none()][expected.0 as usize];
        let equal = expected
            .1
            .is_none_or(|(column, value)| row.and_then(|row| row.get(&column)).is_none_or(|stored| *stored == value));
        if !exists || !equal {
            return Err("OTSConditionCheckFail");
        }
        match step {
            Step::Put(_, columns) => drop(rows.insert(*place, columns.clone())),
            Step::Delete(_) => drop(rows.remove(place)),
            Step::Update(_, cells) => {
                if row.is_none() && cells.values().all(|cell| matches!(cell, Cell::Delete)) {
                    return Ok(());
                }
                let row = rows.entry(*place).or_default();
                for (column, cell) in cells {
                    match cell {
                        Cell::Put(value) => drop(row.insert(*column, *value)),
                        Cell::Delete => drop(row.remove(column)),
                        Cell::Add(delta) => *row.entry(*column).or_default() += delta,
                    }
                }
            }
            Step::Begin(_) | Step::End { .. } => {}
        }
        Ok(())
    }

    /// As [`Cloud::rows`] tells the table.
    fn table(&self) -> Vec<String> {
        let row = |((p, n), row): (&Place, &Columns)| format!("{p},{n} | {}", text(row, &[0, 1, 2]));
        self.stored.iter().map(row).collect()
    }

    /// As it tells the index.
    fn index(&self) -> Vec<String> {
        let keyed = self.stored.iter().filter_map(|(place, row)| Some(((*row.get(&0)?, *place), row)));
        let sorted: BTreeMap<_, _> = keyed.collect();
        sorted.iter().map(|((c, (p, n)), row)| format!("{c},{p},{n} | {}", text(row, &[1]))).collect()
    }
}

fn text(row: &Columns, columns: &[usize]) -> String {
    let column = |column: &usize| row.get(column).map(|value| format!("{}={value}", COLUMNS[*column]));
    columns.iter().filter_map(column).collect::<Vec<_>>().join(" ")
}

fn key((p, n): Place) -> PrimaryKey {
    PrimaryKey::new("p", p.to_string()).and("n", i64::from(n))
}

fn request(step: &Step, expected: Expected, transaction_id: Option<String>) -> (&'static str, WriteRowRequest) {
    let cell = |(column, value): (&usize, &i64)| CellRef::new(COLUMNS[*column], ValueRef::Integer(*value));
    let (operation, request) = match step {
        Step::Put(place, columns) => ("PutRow", write("t", &key(*place), columns.iter().map(cell).collect(), false)),
        Step::Delete(place) => ("DeleteRow", deletion("t", &key(*place))),
        Step::Update(place, cells) => {
            let change = |(column, change): (&usize, &Cell)| match change {
                Cell::Put(value) => cell((column, value)),
                Cell::Add(delta) => CellRef { op: Some(CellOp::Increment), ..cell((column, delta)) },
                Cell::Delete => {
                    let op = Some(CellOp::DeleteAllVersions);
                    CellRef { name: COLUMNS[*column], value: None, op, timestamp: None }
                }
            };
            ("UpdateRow", write("t", &key(*place), cells.iter().map(change).collect(), false))
        }
        Step::Begin(_) | Step::End { .. } => unreachable!(),
    };
    let filter = expected.1.map(|(column, value)| Filter::equal(COLUMNS[column], value).pass_if_missing(true));
    let condition =
        Expect { row_existence: expected.0, column_condition: filter.map(|filter| filter.to_bytes().into()) };
    (operation, WriteRowRequest { condition, transaction_id, ..request })
}

/// Does the steps to both; they agree all the way.
fn follow(cloud: &Cloud, steps: &[(Step, Expected, bool)]) {
    let (mut model, mut ids) = (Model::default(), BTreeMap::new());
    for (step, expected, inside) in steps {
        match step {
            Step::Begin(p) => {
                let key = PrimaryKey::new("p", p.to_string()).to_plainbuffer().into();
                let start = StartLocalTransactionRequest { table_name: "t".into(), key };
                let started = cloud.call::<StartLocalTransactionResponse>("StartLocalTransaction", &start);
                assert_eq!(started.is_ok(), !ids.contains_key(p), "{started:?}");
                if let Ok(started) = started {
                    ids.insert(*p, started.transaction_id);
                    model.begin(*p);
                }
            }
            Step::End { partition, commit } => {
                let Some(transaction_id) = ids.remove(partition) else { continue };
                let operation = if *commit { "CommitTransaction" } else { "AbortTransaction" };
                cloud.call::<EndTransactionResponse>(operation, &EndTransactionRequest { transaction_id }).unwrap();
                model.end(*partition, *commit);
            }
            Step::Put(place, _) | Step::Update(place, _) | Step::Delete(place) => {
                let id = if *inside { ids.get(&place.0).cloned() } else { None };
                let (operation, request) = request(step, *expected, id);
                let done = cloud.write(operation, &request).map(drop);
                match model.write(step, *expected, *inside) {
                    Ok(()) => assert_eq!(done, Ok(()), "{step:?}"),
                    Err(code) => assert!(done.clone().is_err_and(|error| error.contains(code)), "{step:?}: {done:?}"),
                }
            }
        }
        assert_eq!(cloud.rows("t", &["p", "n"]), model.table(), "{step:?}");
        assert_eq!(cloud.rows("by_c", &["c", "p", "n"]), model.index(), "{step:?}");
    }
}

#[tokio::test]
async fn any_writes_do_what_a_map_does() {
    let mut runner = TestRunner::new(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() });
    let dir = tempfile::tempdir().unwrap();
    // The clock stands still: no transaction ends by itself.
    let now = Timestamp::now();
    let cloud = Cloud::start_at(dir.path(), Arc::new(move || now)).await;
    let index = IndexMeta {
        name: "by_c".into(),
        primary_key: vec!["c".into()],
        defined_column: vec!["d".into()],
        ..IndexMeta::default()
    };
    let create = CreateTableRequest {
        index_metas: vec![index],
        enable_local_txn: Some(true),
        ..table("t", &["p", "n"], &[("c", DefinedColumnType::Integer), ("d", DefinedColumnType::Integer)])
    };
    let name = tablestore::messages::TableNameRequest { table_name: "t".into() };
    let outcome = runner.run(&vec(step(), 1..30), |steps| {
        cloud.tell("CreateTable", &create).unwrap();
        let followed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| follow(&cloud, &steps)));
        cloud.tell("DeleteTable", &name).unwrap();
        followed.map_err(|panic| {
            let said = panic.downcast_ref::<String>().map_or("a panic", String::as_str);
            TestCaseError::fail(said.to_owned())
        })
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
