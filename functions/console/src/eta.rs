//! How long it will still take, by how long the same took before.

use migration::plan::Eta;
use migration::{Millis, Record, Stage};
use stage::observed;
use stage::records::{Records, RecordsError, timing_path};

/// Of the stage under way, and of the whole migration if all of it was seen before.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Etas {
    /// The stage under way.
    pub stage: Option<Eta>,
    /// Everything that is still to come, if it goes well.
    pub migration: Option<Eta>,
}

/// What is still to come after the present stage, if it goes well: index of the hop, and stage.
fn to_come(record: &Record) -> Vec<(usize, Stage)> {
    let Some(here) = record.stage() else { return Vec::new() };
    let mut to_come = Vec::new();
    if !matches!(here, Stage::Rollback | Stage::Cleanup) {
        for (index, hop) in record.hops.iter().enumerate().skip(record.hop) {
            // In the order they are gone through; Clone is a drill's own and not foretold.
            let stages = [Stage::Assess, Stage::Prepare, Stage::Snapshot, Stage::Migrate, Stage::Verify];
            let wanted = |stage: &Stage| {
                (*stage != Stage::Prepare || hop.engine.prepares()) && (index > record.hop || *stage > here)
            };
            to_come.extend(stages.into_iter().filter(wanted).map(|stage| (index, stage)));
        }
    }
    if here != Stage::Cleanup {
        to_come.push((record.hops.len().saturating_sub(1), Stage::Cleanup));
    }
    to_come
}

/// How long the same took in the past, with what the policy adds now.
async fn past<R: Records>(records: &R, record: &Record, hop: usize, stage: Stage) -> Result<Vec<Millis>, RecordsError> {
    let known = records.timings(&timing_path(record, hop, stage)).await?;
    Ok(known.into_iter().map(|took| took + observed(record, stage)).collect())
}

/// The estimates of a migration; none while it waits for a person, and none once it is over.
pub async fn etas<R: Records>(records: &R, record: &Record, now: Millis) -> Result<Etas, RecordsError> {
    let Some(here) = record.stage().filter(|_| record.awaiting.is_none()) else { return Ok(Etas::default()) };
    let stage = Eta::from_past(&past(records, record, record.hop, here).await?, now - record.entered_at);
    let mut all = stage;
    for (hop, next) in to_come(record) {
        let Some(sum) = all else { break };
        all = Eta::from_past(&past(records, record, hop, next).await?, 0).map(|eta| Eta {
            remaining: sum.remaining + eta.remaining,
            earliest: sum.earliest + eta.earliest,
            latest: sum.latest + eta.latest,
            runs: sum.runs.min(eta.runs),
        });
    }
    Ok(Etas { stage, migration: all })
}

#[cfg(test)]
mod tests {
    use stage::testing::{MemoryRecords, record_in};

    use super::*;

    #[tokio::test]
    async fn the_whole_is_the_sum_of_what_was_seen_before() {
        let records = MemoryRecords::default();
        let record = record_in(Stage::Migrate);
        assert_eq!(etas(&records, &record, 0).await.unwrap(), Etas::default(), "nothing was seen before");
        let put = async |stage, occasion: &str, took| {
            records.put_timing(&timing_path(&record, 0, stage), occasion, took).await.unwrap();
        };
        put(Stage::Migrate, "a", 1_000).await;
        let one = Eta { remaining: 900, earliest: 900, latest: 900, runs: 1 };
        let told = etas(&records, &record, 100).await.unwrap();
        assert_eq!(told, Etas { stage: Some(one), migration: None }, "nobody knows how long the rest takes");
        put(Stage::Migrate, "b", 3_000).await;
        put(Stage::Verify, "a", 50).await;
        put(Stage::Cleanup, "a", 7).await;
        let all = etas(&records, &record, 100).await.unwrap().migration.unwrap();
        assert_eq!(all, Eta { remaining: 2_957, earliest: 957, latest: 2_957, runs: 1 });
    }

    #[test]
    fn what_is_to_come() {
        let stages = |record: &Record| to_come(record).into_iter().map(|(_, stage)| stage).collect::<Vec<_>>();
        assert_eq!(
            stages(&record_in(Stage::Precheck)),
            [Stage::Assess, Stage::Snapshot, Stage::Migrate, Stage::Verify, Stage::Cleanup]
        );
        assert_eq!(stages(&record_in(Stage::Verify)), [Stage::Cleanup]);
        assert_eq!(stages(&record_in(Stage::Rollback)), [Stage::Cleanup]);
        assert_eq!(stages(&record_in(Stage::Cleanup)), []);
    }
}
