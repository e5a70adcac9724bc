//! Messages of local transactions, and of SQL.

use bytes::Bytes;

use super::ConsumedCapacity;

/// StartLocalTransaction.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct StartLocalTransactionRequest {
    /// Table name.
    #[prost(string, required, tag = "1")]
    pub table_name: String,
    /// PlainBuffer: the first key column only. The transaction is about the rows that share it.
    #[prost(bytes = "bytes", required, tag = "2")]
    pub key: Bytes,
}

/// Answer to StartLocalTransaction.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct StartLocalTransactionResponse {
    /// Opaque; the live service's are base64.
    #[prost(string, required, tag = "1")]
    pub transaction_id: String,
    /// Units used; the live service sends it, the SDKs' messages do not know it.
    #[prost(message, optional, tag = "2")]
    pub consumed: Option<ConsumedCapacity>,
}

/// CommitTransaction and AbortTransaction.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct EndTransactionRequest {
    /// Of StartLocalTransaction.
    #[prost(string, required, tag = "1")]
    pub transaction_id: String,
}

/// Answer to CommitTransaction and AbortTransaction.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct EndTransactionResponse {
    /// Units used; the live service sends 0 read and 1 write, the SDKs' messages do not know it.
    #[prost(message, optional, tag = "1")]
    pub consumed: Option<ConsumedCapacity>,
}

/// Form of the rows that a SQLQuery answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum SqlPayloadVersion {
    /// PlainBuffer.
    PlainBuffer = 1,
    /// FlatBuffers; what every official SDK asks for.
    FlatBuffers = 2,
}

/// SQLQuery. Here to be recognised: neither the client nor the local cloud speaks SQL.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct SqlQueryRequest {
    /// The statement.
    #[prost(string, required, tag = "1")]
    pub query: String,
    /// [`SqlPayloadVersion`].
    #[prost(enumeration = "SqlPayloadVersion", optional, tag = "2")]
    pub version: Option<i32>,
}
