//! Alibaba Cloud OpenAPI: credentials, signing, retry, errors; thin clients for ECS, STS,
//! EventBridge and Function Compute.
//!
//! [`sign`] makes and checks signatures, [`retry`] decides when a request may be sent again, [`rpc`]
//! puts both together for "RPC style" products. The clients above add types and nothing else.

pub mod credentials;
pub mod ecs;
pub mod error;
pub mod eventbridge;
mod exchange;
pub mod fc;
pub mod http;
pub mod retry;
pub mod roa;
pub mod rpc;
pub mod sign;
pub mod sts;
#[cfg(test)]
mod testing;

pub use credentials::Credentials;
pub use error::{ApiError, ErrorKind};
