//! One request, one answer; errors in the shapes that the products share.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Url};
use serde_json::Value;

use crate::credentials::Credentials;
use crate::error::{ApiError, ErrorKind};
use crate::retry::Attempt;
use crate::sign::{Wire, acs3, canonical_query};

/// What is being called, for errors.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub product: &'static str,
    pub operation: &'a str,
    pub resource: &'a str,
}

impl Call<'_> {
    pub fn error(&self, kind: ErrorKind) -> ApiError {
        ApiError { product: self.product, operation: self.operation.into(), resource: self.resource.into(), kind }
    }

    /// Sends and waits for a successful answer: its headers and its body.
    pub async fn send(&self, request: RequestBuilder) -> Result<(HeaderMap, Vec<u8>), ApiError> {
        let response = request.send().await.map_err(|e| self.transport(e))?;
        let status = response.status();
        let headers = response.headers().clone();
        let body = response.bytes().await.map_err(|e| self.transport(e))?;
        if status.is_success() {
            return Ok((headers, body.to_vec()));
        }
        Err(self.error(service_error(status.as_u16(), &headers, &body)))
    }

    /// The JSON of a successful answer. One that carries an error code is none, whatever its status:
    /// some products answer errors with 200.
    pub fn json(&self, headers: &HeaderMap, body: &[u8]) -> Result<Value, ApiError> {
        let value: Value = serde_json::from_slice(body).map_err(|e| self.error(ErrorKind::Decode(e.to_string())))?;
        match value["Code"].as_str() {
            None | Some("Success" | "OK" | "200") => Ok(value),
            Some(_) => Err(self.error(service_error(200, headers, body))),
        }
    }

    fn transport(&self, error: reqwest::Error) -> ApiError {
        let sent = !(error.is_connect() || error.is_builder());
        // The URL carries every parameter; errors go to logs.
        self.error(ErrorKind::Transport { source: error.without_url().into(), sent })
    }
}

/// Reads `{"Code","Message","RequestId"}` (RPC products, FC) or the same in lower case (EventBridge).
fn service_error(http_status: u16, headers: &HeaderMap, body: &[u8]) -> ErrorKind {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let field = |upper: &str, lower: &str| -> Option<Box<str>> {
        json[upper].as_str().or(json[lower].as_str()).filter(|text| !text.is_empty()).map(Into::into)
    };
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    ErrorKind::Service {
        http_status,
        // A proxy in between answered.
        code: field("Code", "code").unwrap_or_else(|| format!("HttpStatus{http_status}").into()),
        message: field("Message", "message")
            .unwrap_or_else(|| String::from_utf8_lossy(body).chars().take(200).collect::<String>().into()),
        request_id: field("RequestId", "requestId").or(header("x-acs-request-id").map(Into::into)).unwrap_or_default(),
        // Milliseconds, as the official SDKs sleep for it.
        retry_after: header("x-acs-retry-after")
            .and_then(|v| v.trim().parse().ok())
            .filter(|ms| *ms > 0)
            .map(Duration::from_millis),
    }
}

/// Where a product answers. `http://127.0.0.1:8080` or `https://ecs.cn-hangzhou.aliyuncs.com`.
pub(crate) fn parse_endpoint(product: &'static str, endpoint: &str) -> Result<Url, ApiError> {
    let call = Call { product, operation: "connect", resource: endpoint };
    let url = Url::parse(endpoint).map_err(|e| call.error(ErrorKind::Invalid(format!("endpoint: {e}"))))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(call.error(ErrorKind::Invalid("an endpoint is http://host[:port] or https://host".into())));
    }
    Ok(url)
}

/// `endpoint` with path and query, and the `host` header that goes with it.
pub(crate) fn address(endpoint: &Url, path: &str, query: &[(String, String)]) -> (Url, String) {
    let mut url = endpoint.clone();
    url.set_path(path);
    url.set_query((!query.is_empty()).then(|| canonical_query(query)).as_deref());
    let name = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
    (url, host)
}

/// What [`acs3_request`] signs and sends.
pub(crate) struct Acs3<'a> {
    pub endpoint: &'a Url,
    pub path: &'a str,
    pub query: &'a [(String, String)],
    pub action: &'a str,
    pub version: &'a str,
    pub credentials: &'a Credentials,
    /// `content-type` and the like.
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

/// A POST signed with `ACS3-HMAC-SHA256`.
pub(crate) fn acs3_request(http: &reqwest::Client, request: &Acs3<'_>, attempt: &Attempt) -> RequestBuilder {
    let (url, host) = address(request.endpoint, request.path, request.query);
    let mut headers: Vec<(String, String)> = [
        ("accept", "application/json".to_owned()),
        ("host", host),
        ("x-acs-action", request.action.to_owned()),
        ("x-acs-content-sha256", acs3::content_sha256(request.body)),
        ("x-acs-date", attempt.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        ("x-acs-signature-nonce", attempt.nonce.clone()),
        ("x-acs-version", request.version.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec();
    headers.extend(request.headers.iter().map(|(n, v)| (n.to_string(), v.to_string())));
    if let Some(token) = &request.credentials.security_token {
        headers.push(("x-acs-accesskey-id".into(), request.credentials.access_key_id.clone()));
        headers.push(("x-acs-security-token".into(), token.clone()));
    }
    let wire = Wire { method: "POST", path: url.path(), query: request.query, headers: &headers, body: request.body };
    headers.push(("authorization".into(), acs3::authorization(&wire, request.credentials)));
    let builder = http.post(url).timeout(attempt.timeout).body(request.body.to_vec());
    headers.into_iter().fold(builder, |builder, (name, value)| builder.header(name, value))
}
