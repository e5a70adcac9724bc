//! The requests that Function Compute sends to a custom runtime, and how it reads the answers (FC
//! docs, custom runtime).

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HOST, SERVER, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::Full;
use serde_json::json;

use super::process::CallError;
use crate::credentials::Identity;

/// The one version of a function that exists here.
pub(super) const QUALIFIER: &str = "LATEST";

/// What every request tells of the function and its caller.
pub(super) struct Common<'a> {
    pub(super) request_id: &'a str,
    pub(super) identity: &'a Identity,
    pub(super) function: &'a str,
    pub(super) memory_mb: u32,
    pub(super) timeout: Duration,
    pub(super) region: &'a str,
    pub(super) account_id: &'a str,
    /// Tries before this one; asynchronous invocations only.
    pub(super) retry_count: u32,
}

impl Common<'_> {
    fn add_to(
        &self,
        headers: &mut HeaderMap,
        control_path: &'static str,
    ) -> Result<(), http::header::InvalidHeaderValue> {
        let memory = self.memory_mb.to_string();
        // Whole seconds, as FC sends it; a shorter one still is a timeout.
        let timeout = self.timeout.as_secs().max(1).to_string();
        let retry_count = self.retry_count.to_string();
        for (name, value) in [
            ("x-fc-control-path", control_path),
            ("x-fc-request-id", self.request_id),
            ("x-fc-access-key-id", &self.identity.access_key_id),
            ("x-fc-access-key-secret", &self.identity.access_key_secret),
            ("x-fc-security-token", self.identity.security_token.as_deref().unwrap_or_default()),
            ("x-fc-function-name", self.function),
            ("x-fc-function-handler", "index.handler"),
            ("x-fc-function-memory", &memory),
            ("x-fc-function-timeout", &timeout),
            ("x-fc-region", self.region),
            ("x-fc-account-id", self.account_id),
            ("x-fc-qualifier", QUALIFIER),
            ("x-fc-version-id", QUALIFIER),
            ("x-fc-retry-count", &retry_count),
        ] {
            let mut value = HeaderValue::from_str(value)?;
            value.set_sensitive(matches!(name, "x-fc-access-key-secret" | "x-fc-security-token"));
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(())
    }

    /// The request for an event.
    pub(super) fn invoke(&self, payload: Bytes) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::post("/invoke")
            .header(HOST, "127.0.0.1")
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(Full::new(payload))?;
        self.add_to(request.headers_mut(), "/invoke")?;
        Ok(request)
    }

    /// The request for a client's request to an HTTP trigger: passed through, but for the headers
    /// that a client may not send.
    pub(super) fn http(&self, request: Request<Bytes>) -> Result<Request<Full<Bytes>>, http::Error> {
        let (mut parts, body) = request.into_parts();
        // A server wants the path alone, whatever the client's request line was.
        parts.uri = parts.uri.path_and_query().map_or("/", |path| path.as_str()).parse()?;
        parts.headers = passed_through(&parts.headers);
        let base_path = HeaderValue::from_str(parts.uri.path())?;
        parts.headers.insert("x-fc-base-path", base_path);
        parts.headers.insert("x-fc-client-ip", HeaderValue::from_static("127.0.0.1"));
        self.add_to(&mut parts.headers, "/http-invoke")?;
        Ok(Request::from_parts(parts, Full::new(body)))
    }
}

/// The headers that pass between client and function, in either direction (FC docs, HTTP trigger
/// limits); lengths and encodings are the connection's own.
fn passed_through(headers: &HeaderMap) -> HeaderMap {
    let dropped = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, HeaderName::from_static("keep-alive")];
    let passes = |name: &HeaderName| !name.as_str().starts_with("x-fc-") && !dropped.contains(name);
    headers.iter().filter(|(name, _)| passes(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// What a client of an HTTP trigger gets.
pub(super) fn to_client(response: Response<Bytes>) -> Response<Bytes> {
    let (mut parts, body) = response.into_parts();
    parts.headers = passed_through(&parts.headers);
    parts.headers.remove(DATE);
    parts.headers.remove(SERVER);
    Response::from_parts(parts, body)
}

/// A function's failure, in the words of Function Compute (FC docs, error handling).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// Value of `X-Fc-Error-Type`.
    pub(super) error_type: &'static str,
    /// What the caller gets.
    pub(super) body: Bytes,
}

impl Failure {
    pub(super) fn new(error_type: &'static str, message: &str) -> Self {
        Self { error_type, body: json!({ "errorMessage": message }).to_string().into() }
    }

    pub(super) fn of(error: &CallError, timeout: Duration) -> Self {
        match error {
            CallError::TimedOut => {
                let message = format!("Function timed out after {} seconds", timeout.as_secs_f64());
                Self::new("FunctionTimeoutError", &message)
            }
            CallError::Exited { after } => {
                let took = after.as_millis();
                let message = format!("Process exited unexpectedly before completing request (duration: {took}ms)");
                Self::new("UnhandledInvocationError", &message)
            }
        }
    }
}

/// Whether an answer is a result or a failure: `x-fc-status` alone decides, the HTTP status does not.
pub(super) fn classify(response: Response<Bytes>) -> Result<Response<Bytes>, Failure> {
    match response.headers().get("x-fc-status") {
        Some(status) if status != "200" => {
            Err(Failure { error_type: "UnhandledInvocationError", body: response.into_body() })
        }
        _ => Ok(response),
    }
}

/// A new request id in the shape of FC's, `1-67a59f35-150c1267-f381ba1c085c`.
pub(super) fn request_id(now_ms: i64) -> String {
    let since_epoch = UNIX_EPOCH + Duration::from_millis(now_ms.max(0).unsigned_abs());
    let seconds = since_epoch.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    format!("1-{seconds:08x}-{:08x}-{:012x}", fastrand::u32(..), fastrand::u64(..1 << 48))
}
