//! "ROA style" products (Function Compute): a path per operation, the payload in the body, signed
//! with `ACS3-HMAC-SHA256`.

use std::sync::Arc;

use reqwest::Url;
use reqwest::header::HeaderMap;

use crate::credentials::Credentials;
use crate::error::ApiError;
use crate::exchange::{Acs3, Call, acs3_request, parse_endpoint};
use crate::retry::{self, Environment, Policy, System};
use crate::rpc::Product;

/// Client of one product with one access key; cheap to make and to clone.
#[derive(Clone)]
pub struct RoaClient {
    http: reqwest::Client,
    product: Product,
    endpoint: Url,
    credentials: Credentials,
    environment: Arc<dyn Environment>,
}

/// One operation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Operation<'a> {
    /// `InvokeFunction`
    pub action: &'a str,
    /// Percent-encoded, from the first slash.
    pub path: &'a str,
    /// What the operation is about, for errors.
    pub resource: &'a str,
    /// Headers on top of those that every request has.
    pub headers: &'a [(&'a str, &'a str)],
    /// Body.
    pub body: &'a [u8],
    /// Executing it twice is executing it once.
    pub idempotent: bool,
}

/// A successful answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Value of a header, when it is there and text.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    }
}

impl RoaClient {
    /// A client for `endpoint` (`http://host:port` or `https://host`).
    pub fn new(
        http: reqwest::Client,
        product: Product,
        endpoint: &str,
        credentials: Credentials,
    ) -> Result<Self, ApiError> {
        let endpoint = parse_endpoint(product.name, endpoint)?;
        Ok(Self { http, product, endpoint, credentials, environment: Arc::new(System) })
    }

    /// POSTs one operation. See [`retry`] for when it is sent again.
    pub async fn post(&self, operation: &Operation<'_>) -> Result<Answer, ApiError> {
        let call = Call { product: self.product.name, operation: operation.action, resource: operation.resource };
        let request = Acs3 {
            endpoint: &self.endpoint,
            path: operation.path,
            query: &[],
            action: operation.action,
            version: self.product.version,
            credentials: &self.credentials,
            headers: operation.headers,
            body: operation.body,
        };
        retry::run(&*self.environment, &Policy::default(), operation.idempotent, |attempt| {
            let request = acs3_request(&self.http, &request, &attempt);
            async move {
                let (headers, body) = call.send(request).await?;
                Ok(Answer { headers, body })
            }
        })
        .await
    }
}
