//! Batches. Rows that fail for a moment (a conflict, a busy partition) are repeated, and only those.

use super::Client;
use super::call::Op;
use super::retry::Repeat;
use crate::error::{Error, is_transient_for_reads};
use crate::messages::{BatchResponse, RowInBatch};
use crate::request::{BatchGetRow, BatchWriteRow, GetBody, GetRow, RowError, WriteBody, Written};
use crate::row::Row;
use crate::wire::to_vec;

/// What happened to each write of a batch, in its order.
pub type BatchWritten = Vec<Result<Written, RowError>>;

/// What each read of a batch found, by table and row in their order.
pub type BatchGot = Vec<Vec<Result<Option<Row>, RowError>>>;

impl Client {
    /// Reads up to 100 rows of one or more tables by key.
    pub async fn batch_get_row(&self, request: &BatchGetRow) -> Result<BatchGot, Error> {
        let started = self.environment.instant();
        let mut results: BatchGot = request.tables.iter().map(|table| vec![Ok(None); table.keys.len()]).collect();
        let mut places = request.places();
        for attempt in 1.. {
            for ((table, row), result) in places.iter().zip(self.batch_get_row_once(request, &places).await?) {
                results[*table][*row] = result;
            }
            let failed =
                |place: &&(usize, usize)| results[place.0][place.1].as_ref().err().filter(|error| may_pass(error));
            places = places.iter().filter(|place| failed(place).is_some()).copied().collect();
            let Some(error) = places.first().and_then(|place| failed(&place)).cloned() else { break };
            let op = Op { operation: "BatchGetRow", table: &error.table };
            if !self.pause(attempt, started, &op, &error).await {
                break;
            }
        }
        Ok(results)
    }

    async fn batch_get_row_once(
        &self,
        request: &BatchGetRow,
        places: &[(usize, usize)],
    ) -> Result<Vec<Result<Option<Row>, RowError>>, Error> {
        let names: Vec<&str> = request.tables.iter().map(|table| &*table.table).collect();
        let names = names.join(",");
        let op = Op { operation: "BatchGetRow", table: &names };
        let answer: BatchResponse = self.call(op, Repeat::Read, to_vec(&GetBody { batch: request, places })).await?;
        let answers: Vec<RowInBatch> = answer.tables.into_iter().flat_map(|table| table.rows).collect();
        if answers.len() != places.len() {
            return Err(op.invalid(format!("{} rows for {} keys", answers.len(), places.len())));
        }
        let mut results = Vec::with_capacity(places.len());
        for ((table, row), answer) in places.iter().zip(answers) {
            let rows = &request.tables[*table];
            if !answer.is_ok {
                results.push(Err(row_error(&rows.table, answer.error)));
                continue;
            }
            let mut found =
                Row::from_plainbuffer(&answer.row.unwrap_or_default()).map_err(|malformed| op.invalid(malformed))?;
            if let (Some(start), Some(token)) = (&found, answer.next_token.filter(|token| !token.is_empty())) {
                let rest = self.get_row(&GetRow { token: Some(token), ..rows.one(*row) }).await?;
                found = Some(rest.map_or_else(|| start.clone(), |rest| start.joined(&rest)));
            }
            results.push(Ok(found));
        }
        Ok(results)
    }

    /// Does up to 200 writes.
    pub async fn batch_write_row(&self, request: &BatchWriteRow) -> Result<BatchWritten, Error> {
        let started = self.environment.instant();
        let all: Vec<usize> = (0..request.changes.len()).collect();
        let mut results = self.batch_write_row_once(request, &all).await?;
        for attempt in 1.. {
            let failed = |place: &usize| results[*place].as_ref().err().filter(|error| error.is_transient());
            let again: Vec<usize> = all.iter().filter(|place| failed(place).is_some()).copied().collect();
            let Some(error) = again.first().and_then(failed).cloned() else { break };
            let again = if request.atomic { all.clone() } else { again };
            let op = Op { operation: "BatchWriteRow", table: &error.table };
            if !self.pause(attempt, started, &op, &error).await {
                break;
            }
            // When the repetition is refused as a whole, the rows' own errors still hold; when its fate
            // is unknown they do not.
            match self.batch_write_row_once(request, &again).await {
                Ok(repeated) => again.into_iter().zip(repeated).for_each(|(place, result)| results[place] = result),
                Err(error) if error.fate_unknown() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(results)
    }

    /// Does the writes at `places`; answers in their order.
    async fn batch_write_row_once(&self, request: &BatchWriteRow, places: &[usize]) -> Result<BatchWritten, Error> {
        let body = WriteBody::new(request, places.iter().copied());
        let names: Vec<&str> = body.tables.iter().map(|table| table.name).collect();
        let names = names.join(",");
        let op = Op { operation: "BatchWriteRow", table: &names };
        let repeat = if request.idempotent(places) { Repeat::IdempotentWrite } else { Repeat::Write };
        let answer: BatchResponse = self.call(op, repeat, to_vec(&body)).await?;
        let mut results: Vec<Option<Result<Written, RowError>>> = vec![None; request.changes.len()];
        for (table, answer) in body.tables.iter().zip(answer.tables) {
            for (place, row) in table.places.iter().zip(answer.rows) {
                results[*place] = Some(match row.is_ok {
                    true => Ok(written(row).map_err(|malformed| op.unknown(malformed))?),
                    false => Err(row_error(table.name, row.error)),
                });
            }
        }
        let complete: Option<BatchWritten> = places.iter().map(|place| results[*place].take()).collect();
        complete.ok_or_else(|| op.unknown("it says nothing about some of the rows"))
    }
}

fn written(row: RowInBatch) -> Result<Written, crate::plainbuffer::Malformed> {
    let units = row.consumed.unwrap_or_default().capacity_unit;
    let row = row.row.as_ref().map(Row::from_plainbuffer).transpose()?.flatten();
    Ok(Written { row, read_units: units.read(), write_units: units.write() })
}

fn row_error(table: &str, error: Option<crate::messages::Error>) -> RowError {
    let error = error.unwrap_or_default();
    RowError { table: table.to_owned(), message: error.message.unwrap_or_default(), code: error.code }
}

/// Of a read: it changes nothing, so it may be repeated also when something went wrong inside.
fn may_pass(error: &RowError) -> bool {
    // A row's error has no HTTP status.
    error.is_transient() || is_transient_for_reads(&error.code, 0)
}
