//! Function Compute, version 2023-03-30: invoking a function. Developer commands use it; functions
//! never call each other.

use crate::credentials::Credentials;
use crate::error::ApiError;
use crate::roa::{Operation, RoaClient};
use crate::rpc::Product;

/// Function Compute 3.0.
pub const PRODUCT: Product = Product { name: "FC", version: "2023-03-30" };

/// Client of Function Compute; cheap to make and to clone.
#[derive(Clone)]
pub struct Client {
    roa: RoaClient,
}

/// Answer of InvokeFunction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// Request id of the invocation, as it stands in its log.
    pub request_id: String,
    /// Header `x-fc-error-type`; None when the function returned normally, or has yet to run.
    pub error_type: Option<String>,
    /// What the function returned; empty for an asynchronous invocation.
    pub payload: Vec<u8>,
}

impl Client {
    /// A client for `endpoint` (`https://<account>.cn-hangzhou.fc.aliyuncs.com`).
    pub fn new(http: reqwest::Client, endpoint: &str, credentials: Credentials) -> Result<Self, ApiError> {
        Ok(Self { roa: RoaClient::new(http, PRODUCT, endpoint, credentials)? })
    }

    /// Invokes a function with `payload`. Synchronously it waits for what the function returns, at
    /// most [`crate::http::REQUEST_TIMEOUT`]; asynchronously the service queues it and answers at
    /// once. Sent again only when the service did not take it.
    pub async fn invoke_function(
        &self,
        name: &str,
        payload: &[u8],
        asynchronous: bool,
    ) -> Result<Invocation, ApiError> {
        let operation = Operation {
            action: "InvokeFunction",
            path: &format!("/{}/functions/{}/invocations", PRODUCT.version, crate::sign::encode(name)),
            resource: name,
            headers: &[
                ("content-type", "application/octet-stream"),
                ("x-fc-invocation-type", if asynchronous { "Async" } else { "Sync" }),
            ],
            body: payload,
            idempotent: false,
        };
        let answer = self.roa.post(&operation).await?;
        Ok(Invocation {
            request_id: answer.header("x-fc-request-id").unwrap_or_default(),
            error_type: answer.header("x-fc-error-type"),
            payload: answer.body,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sign::{Wire, acs3};
    use crate::testing::{Reply, Server};

    #[tokio::test]
    async fn the_payload_is_signed_and_the_error_type_shown() {
        let reply = Reply::new(200, json!({"errorMessage": "no"}))
            .with_header("x-fc-request-id", "1-abc")
            .with_header("x-fc-error-type", "UnhandledInvocationError");
        let server = Server::start(vec![reply]).await;
        let key = Credentials { access_key_id: "ak".into(), access_key_secret: "sk".into(), security_token: None };
        let client = Client::new(crate::http::build(), &server.endpoint, key).unwrap();
        let answer = client.invoke_function("detect", b"{\"a\":1}", false).await.unwrap();
        assert_eq!(answer.request_id, "1-abc");
        assert_eq!(answer.error_type.as_deref(), Some("UnhandledInvocationError"));
        assert_eq!(answer.payload, br#"{"errorMessage":"no"}"#);
        let requests = server.requests();
        let request = &requests[0];
        assert_eq!(request.header("x-fc-invocation-type"), "Sync");
        assert_eq!(request.target, "/2023-03-30/functions/detect/invocations");
        let wire = Wire {
            method: &request.method,
            path: &request.target,
            query: &[],
            headers: &request.headers,
            body: &request.body,
        };
        assert_eq!(acs3::verify(&wire, "sk"), Ok(()));
        assert_eq!(request.body, b"{\"a\":1}");
    }
}
