//! Local transactions, and SQL, which is refused.

use prost::Message;

use super::Client;
use super::call::Op;
use super::retry::Repeat;
use crate::error::Error;
use crate::messages::{
    EndTransactionRequest, EndTransactionResponse, StartLocalTransactionRequest, StartLocalTransactionResponse,
};
use crate::request::TransactionId;
use crate::value::{Name, PrimaryKey};

impl Client {
    /// Starts a local transaction over the rows whose first key column is `partition_key`: one column,
    /// with its value. Until it ends, other writes to them fail with `OTSRowOperationConflict`, and so does
    /// a second start; the client repeats both while its policy lets it. The table must have been created
    /// with transactions ([`crate::CreateTable::local_transactions`]).
    ///
    /// When its fate is unknown, the rows may stay locked for the 60 seconds after which the service ends
    /// a transaction by itself.
    pub async fn start_transaction(
        &self,
        table: impl Into<Name>,
        partition_key: &PrimaryKey,
    ) -> Result<TransactionId, Error> {
        let table = table.into();
        let op = Op { operation: "StartLocalTransaction", table: &table };
        let key = partition_key.to_plainbuffer().into();
        let request = StartLocalTransactionRequest { table_name: table.to_string(), key };
        let answer: StartLocalTransactionResponse = self.call(op, Repeat::Write, request.encode_to_vec()).await?;
        Ok(TransactionId(answer.transaction_id))
    }

    /// Makes what was written in the transaction visible, all at once. `OTSSessionNotExist` says that it
    /// has ended before: it was committed, aborted, or too old.
    pub async fn commit_transaction(&self, transaction: &TransactionId) -> Result<(), Error> {
        self.end_transaction("CommitTransaction", Repeat::Write, transaction).await
    }

    /// Takes back what was written in the transaction.
    pub async fn abort_transaction(&self, transaction: &TransactionId) -> Result<(), Error> {
        self.end_transaction("AbortTransaction", Repeat::IdempotentWrite, transaction).await
    }

    async fn end_transaction(
        &self,
        operation: &'static str,
        repeat: Repeat,
        transaction: &TransactionId,
    ) -> Result<(), Error> {
        let request = EndTransactionRequest { transaction_id: transaction.0.clone() };
        let _: EndTransactionResponse = self.call(Op { operation, table: "" }, repeat, request.encode_to_vec()).await?;
        Ok(())
    }

    /// Always [`Error::Unsupported`], without a request: the service answers SQL in FlatBuffers, which
    /// this client does not read. Ranges with filters do the same work.
    ///
    /// # Errors
    /// Always.
    pub async fn sql_query(&self, _statement: &str) -> Result<std::convert::Infallible, Error> {
        let on = Op { operation: "SQLQuery", table: "" }.on();
        Err(Error::Unsupported { on, why: "its answers are FlatBuffers; read a range with a filter instead" })
    }
}
