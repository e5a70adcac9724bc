//! Operations on single rows.

use super::Client;
use super::call::Op;
use super::retry::Repeat;
use crate::error::Error;
use crate::messages::{GetRowResponse, WriteRowResponse};
use crate::request::{DeleteRow, GetRow, PutRow, UpdateRow, Written};
use crate::row::Row;

impl Client {
    /// Replaces a whole row.
    pub async fn put_row(&self, request: &PutRow) -> Result<Written, Error> {
        let op = Op { operation: "PutRow", table: &request.table };
        self.write(op, request.idempotent, request.to_body()).await
    }

    /// Changes columns of a row, and creates it when it does not exist.
    pub async fn update_row(&self, request: &UpdateRow) -> Result<Written, Error> {
        let op = Op { operation: "UpdateRow", table: &request.table };
        self.write(op, request.idempotent, request.to_body()).await
    }

    /// Deletes a row; a missing one is fine unless the condition says otherwise.
    pub async fn delete_row(&self, request: &DeleteRow) -> Result<Written, Error> {
        let op = Op { operation: "DeleteRow", table: &request.table };
        self.write(op, request.idempotent, request.to_body()).await
    }

    async fn write(&self, op: Op<'_>, idempotent: bool, body: Vec<u8>) -> Result<Written, Error> {
        let repeat = if idempotent { Repeat::IdempotentWrite } else { Repeat::Write };
        let answer: WriteRowResponse = self.call(op, repeat, body).await?;
        let row = answer.row.as_ref().map(Row::from_plainbuffer).transpose();
        let row = row.map_err(|malformed| op.unknown(malformed))?.flatten();
        let units = answer.consumed.capacity_unit;
        Ok(Written { row, read_units: units.read(), write_units: units.write() })
    }

    /// Reads one row; None when it does not exist or does not pass the filter. A row that is too wide for
    /// one answer is read on to its end.
    pub async fn get_row(&self, request: &GetRow) -> Result<Option<Row>, Error> {
        let op = Op { operation: "GetRow", table: &request.table };
        let mut whole: Option<Row> = None;
        let mut on = None;
        loop {
            let request = on.as_ref().unwrap_or(request);
            let answer: GetRowResponse = self.call(op, Repeat::Read, request.to_body()).await?;
            let row = Row::from_plainbuffer(&answer.row).map_err(|malformed| op.invalid(malformed))?;
            whole = match (whole, row) {
                (Some(start), Some(more)) => Some(start.joined(&more)),
                (start, row) => start.or(row),
            };
            match answer.next_token.filter(|token| !token.is_empty()) {
                None => return Ok(whole),
                token => on = Some(GetRow { token, ..request.clone() }),
            }
        }
    }
}
