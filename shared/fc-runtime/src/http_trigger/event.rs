//! A client's request as an event, as the built-in runtimes get it.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use super::request::query;
use crate::events::Other;

/// A client's HTTP request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRequest {
    /// `v1`
    pub version: String,
    /// Path as sent, still percent-encoded.
    pub raw_path: String,
    /// Headers; several of one name are joined with commas. Look up with [`HttpRequest::header`].
    pub headers: BTreeMap<String, String>,
    /// Query parameters, decoded; of several of one name the last.
    pub query_parameters: BTreeMap<String, String>,
    /// Body as text, or as base64; read with [`HttpRequest::body_bytes`].
    pub body: String,
    /// Whether `body` is base64.
    pub is_base64_encoded: bool,
    /// Account, host, method and the like.
    pub request_context: RequestContext,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

/// Circumstances of an HTTP request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RequestContext {
    /// Account that owns the function.
    pub account_id: String,
    /// The request's host.
    pub domain_name: String,
    /// First label of the host.
    pub domain_prefix: String,
    /// Request id.
    pub request_id: String,
    /// Receipt, epoch milliseconds as text.
    pub time_epoch: String,
    /// Request line and client.
    pub http: HttpParts,
    /// The rest; where Function Compute itself made the event, also `time`, the receipt as text.
    #[serde(flatten)]
    pub other: Other,
}

/// Request line and client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpParts {
    /// `GET`
    pub method: String,
    /// Path, decoded.
    pub path: String,
    /// `HTTP/1.1`
    pub protocol: String,
    /// Client's address.
    pub source_ip: String,
    /// Client's `user-agent`.
    pub user_agent: String,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

impl HttpRequest {
    /// The event for a request that FC passed through.
    pub(crate) fn of(parts: &Parts, body: &[u8]) -> Self {
        let fc = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        let mut headers = BTreeMap::<String, String>::new();
        for (name, value) in &parts.headers {
            if name.as_str().starts_with("x-fc-") {
                continue; // FC's own, among them the credentials
            }
            let value = String::from_utf8_lossy(value.as_bytes());
            headers
                .entry(name.to_string())
                .and_modify(|all| *all = format!("{all},{value}"))
                .or_insert_with(|| value.into_owned());
        }
        let (body, is_base64_encoded) = match std::str::from_utf8(body) {
            Ok(text) => (text.to_owned(), false),
            Err(_) => (BASE64_STANDARD.encode(body), true),
        };
        let host = headers.get("host").cloned().unwrap_or_default();
        Self {
            version: "v1".into(),
            raw_path: parts.uri.path().into(),
            query_parameters: query(parts.uri.query().unwrap_or_default()).collect(),
            body,
            is_base64_encoded,
            request_context: RequestContext {
                account_id: fc("x-fc-account-id"),
                domain_prefix: host.split('.').next().unwrap_or_default().into(),
                domain_name: host,
                request_id: fc("x-fc-request-id"),
                time_epoch: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis().to_string(),
                http: HttpParts {
                    method: parts.method.to_string(),
                    path: decode(parts.uri.path()),
                    protocol: format!("{:?}", parts.version),
                    source_ip: fc("x-fc-client-ip"),
                    user_agent: headers.get("user-agent").cloned().unwrap_or_default(),
                    other: Other::new(),
                },
                other: Other::new(),
            },
            headers,
            other: Other::new(),
        }
    }

    /// The header `name`, in any case of letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as the client sent it, byte for byte: what a signature is over.
    ///
    /// # Errors
    ///
    /// When it says that it is base64 and is not.
    pub fn body_bytes(&self) -> Result<Vec<u8>, base64::DecodeError> {
        bytes_of(&self.body, self.is_base64_encoded)
    }
}

/// The answer to an HTTP request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpResponse {
    /// HTTP status.
    pub status_code: u16,
    /// Headers; which of them are left out says [`IntoResponse`](super::IntoResponse).
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Body as text, or as base64.
    #[serde(default)]
    pub body: String,
    /// Whether `body` is base64.
    #[serde(default)]
    pub is_base64_encoded: bool,
}

impl HttpResponse {
    /// An answer of `status` with a text body of `content_type`.
    pub fn new(status: u16, content_type: &str, body: impl Into<String>) -> Self {
        let headers = BTreeMap::from([("content-type".to_owned(), content_type.to_owned())]);
        Self { status_code: status, headers, body: body.into(), is_base64_encoded: false }
    }

    /// An answer of `status` with these bytes as its body.
    pub fn bytes(status: u16, content_type: &str, body: &[u8]) -> Self {
        Self { is_base64_encoded: true, ..Self::new(status, content_type, BASE64_STANDARD.encode(body)) }
    }

    /// The body's bytes.
    ///
    /// # Errors
    ///
    /// When it says that it is base64 and is not.
    pub fn body_bytes(&self) -> Result<Vec<u8>, base64::DecodeError> {
        bytes_of(&self.body, self.is_base64_encoded)
    }
}

fn bytes_of(body: &str, is_base64: bool) -> Result<Vec<u8>, base64::DecodeError> {
    if is_base64 { BASE64_STANDARD.decode(body) } else { Ok(body.as_bytes().to_vec()) }
}

pub(super) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_becomes_the_documented_event() {
        let request = http::Request::post("/a%20b?x=1%2B1&y=a+b&x=2&z")
            .header("host", "demo.cn-hangzhou.fcapp.run")
            .header("X-Sign", "s1")
            .header("accept", "a")
            .header("accept", "b")
            .header("x-fc-access-key-secret", "the-secret")
            .header("x-fc-client-ip", "10.0.0.9")
            .body(())
            .unwrap();
        let event = HttpRequest::of(&request.into_parts().0, b"{}");
        assert_eq!(event.raw_path, "/a%20b");
        assert_eq!(event.request_context.http.path, "/a b");
        assert_eq!(event.request_context.http.protocol, "HTTP/1.1");
        assert_eq!(event.request_context.http.source_ip, "10.0.0.9");
        assert_eq!(event.request_context.domain_prefix, "demo");
        assert_eq!(
            event.query_parameters,
            BTreeMap::from([("x", "2"), ("y", "a b"), ("z", "")].map(|(k, v)| (k.into(), v.into())))
        );
        assert_eq!(event.header("x-SIGN"), Some("s1"));
        assert_eq!(event.header("accept"), Some("a,b"));
        assert!(!serde_json::to_string(&event).unwrap().contains("the-secret"));
    }

    #[test]
    fn a_body_that_is_no_text_survives() {
        let parts = http::Request::new(()).into_parts().0;
        let event = HttpRequest::of(&parts, &[0xff, 0x00]);
        assert!(event.is_base64_encoded);
        assert_eq!(event.body_bytes().unwrap(), [0xff, 0x00]);
        assert_eq!(HttpResponse::bytes(200, "image/png", &[0xff]).body_bytes().unwrap(), [0xff]);
    }
}
