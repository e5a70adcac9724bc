//! Conditions, alone and under concurrency.

use super::*;

#[tokio::test]
async fn conditions() {
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Row {
        Absent,
        Present,
    }
    use Row::{Absent, Present};
    let compare = |comparator, value: i64| Filter::compare("version", comparator, value);
    let exists = Condition::expect_exist;
    let version = |n: i64| Filter::equal("version", n);
    let other = |text: &str| Filter::equal("other", text);
    let (yes, existence, column) =
        (None, Some("Row does not exist which is expected existent"), Some("Condition check failed."));
    // The row that is present has version 5.
    let table: Vec<(Row, Condition, Option<&str>)> = vec![
        (Absent, Condition::ignore(), yes),
        (Present, Condition::ignore(), yes),
        (Absent, exists(), existence),
        (Present, exists(), yes),
        (Absent, Condition::expect_not_exist(), yes),
        (Present, Condition::expect_not_exist(), Some("Row exists which is expected nonexistent")),
        // Existence is checked before the column.
        (Absent, exists().and_column(version(4)), existence),
        (Present, exists().and_column(version(5)), yes),
        (Present, exists().and_column(version(4)), column),
        (Present, Condition::ignore().and_column(compare(Comparator::NotEqual, 4)), yes),
        (Present, Condition::ignore().and_column(compare(Comparator::NotEqual, 5)), column),
        (Present, Condition::ignore().and_column(compare(Comparator::GreaterThan, 4)), yes),
        (Present, Condition::ignore().and_column(compare(Comparator::GreaterThan, 5)), column),
        (Present, Condition::ignore().and_column(compare(Comparator::GreaterEqual, 5)), yes),
        (Present, Condition::ignore().and_column(compare(Comparator::LessThan, 5)), column),
        (Present, Condition::ignore().and_column(compare(Comparator::LessThan, 6)), yes),
        (Present, Condition::ignore().and_column(compare(Comparator::LessEqual, 4)), column),
        // Another type never matches.
        (Present, Condition::ignore().and_column(Filter::equal("version", "5")), column),
        (Present, Condition::ignore().and_column(Filter::equal("version", 5.0)), column),
        // A missing column passes only if the filter says so, whatever the comparator.
        (Present, Condition::ignore().and_column(other("x")), column),
        (Present, Condition::ignore().and_column(other("x").pass_if_missing(true)), yes),
        (Present, Condition::ignore().and_column(Filter::compare("other", Comparator::NotEqual, 1)), column),
        (Absent, Condition::ignore().and_column(version(5)), column),
        (Absent, Condition::ignore().and_column(version(5).pass_if_missing(true)), yes),
        // Combinations.
        (Present, exists().and_column(version(5).and(other("x").pass_if_missing(true))), yes),
        (Present, exists().and_column(version(5).and(other("x"))), column),
        (Present, exists().and_column(version(4).or(version(5))), yes),
        (Present, exists().and_column(version(4).or(version(6))), column),
        (Present, exists().and_column(version(4).not()), yes),
        (Present, exists().and_column(version(5).not()), column),
        (Present, exists().and_column(version(4).or(version(6)).not().and(version(5))), yes),
    ];
    let dir = tempfile::tempdir().unwrap();
    let (_cloud, client) = with_table(dir.path()).await;
    for (row, condition, expected) in table {
        let what = format!("{row:?} {condition:?}");
        for write in ["put", "update", "delete"] {
            client.delete_row(&DeleteRow::new("t", id("a"))).await.unwrap();
            if row == Present {
                client.put_row(&put("a").column("version", 5)).await.unwrap();
            }
            let before = client.get_row(&GetRow::new("t", id("a"))).await.unwrap();
            let condition = condition.clone();
            let result = match write {
                "put" => client.put_row(&put("a").column("new", 1).condition(condition)).await,
                "update" => client.update_row(&update("a").put("new", 1).condition(condition)).await,
                _ => client.delete_row(&DeleteRow::new("t", id("a")).condition(condition)).await,
            };
            let after = client.get_row(&GetRow::new("t", id("a"))).await.unwrap();
            match expected {
                None => {
                    result.unwrap_or_else(|error| panic!("{write} {what}: {error}"));
                    let new = after.as_ref().and_then(|row| row.get_int("new"));
                    assert_eq!(new, (write != "delete").then_some(1), "{write} {what}");
                }
                Some(message) => {
                    let error = result.expect_err(&what);
                    assert!(error.is_condition_check_fail(), "{write} {what}: {error}");
                    // Which expectation failed is said to a put alone.
                    let message = if write == "put" { message } else { "Condition check failed." };
                    assert_eq!(code::<()>(Err(error)), format!("403 OTSConditionCheckFail: {message}"));
                    assert_eq!(after, before, "{write} {what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn filters_that_cannot_be() {
    let dir = tempfile::tempdir().unwrap();
    let (_cloud, client) = with_table(dir.path()).await;
    let leaf = || Filter::equal("a", 1).pass_if_missing(true);
    let many = |n: usize| Filter::And((0..n).map(|_| leaf()).collect());
    let write = |filter| put("a").condition(Condition::ignore().and_column(filter));
    // 31 leaves and the combination are 32 filters.
    client.put_row(&write(many(31))).await.unwrap();
    assert!(code(client.put_row(&write(many(32))).await).ends_with("The count of filter exceeds the max: 32."));
    assert!(code(client.put_row(&write(many(1))).await).contains("Invalid AND/OR operator"));
    assert!(code(client.put_row(&write(Filter::Pagination { offset: 0, limit: 1 })).await).starts_with("400"));
    let get = GetRow::new("t", id("a")).filter(Filter::Pagination { offset: 0, limit: 0 });
    assert!(code(client.get_row(&get).await).contains("Limit in ColumnPaginationFilter"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_concurrent_conditional_updates_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let (_cloud, client) = with_table(dir.path()).await;
    client.put_row(&put("lock").column("version", 0)).await.unwrap();
    for round in 0..5 {
        let tasks: Vec<_> = (0..16)
            .map(|who: i64| {
                let client = client.clone();
                let condition = Condition::expect_exist().and_column(Filter::equal("version", round));
                let take = update("lock").put("version", round + 1).put("who", who).condition(condition);
                tokio::spawn(async move { (who, client.update_row(&take).await) })
            })
            .collect();
        let mut winners = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                (who, Ok(_)) => winners.push(who),
                (_, Err(error)) => assert!(error.is_condition_check_fail(), "{error}"),
            }
        }
        let row = client.get_row(&GetRow::new("t", id("lock"))).await.unwrap().unwrap();
        assert_eq!(winners, [row.get_int("who").unwrap()], "round {round}");
        assert_eq!(row.get_int("version"), Some(round + 1));
    }
    // Increments need no condition: none is lost.
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let client = client.clone();
            let add = update("sum").increment("n", 1).return_incremented();
            tokio::spawn(async move { client.update_row(&add).await.unwrap().row.unwrap().get_int("n").unwrap() })
        })
        .collect();
    let mut sums = BTreeSet::new();
    for task in tasks {
        sums.insert(task.await.unwrap());
    }
    assert_eq!(sums, (1..=32).collect());
}
