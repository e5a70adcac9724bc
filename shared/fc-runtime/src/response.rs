//! What a handler may answer: anything that serialises, or a stream.

use std::fmt::Debug;

use bytes::Bytes;
use futures_core::Stream;
use http::header::{CONTENT_TYPE, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde::{Deserialize, Serialize};

use crate::context::Control;
use crate::http_trigger::HttpResponse;
use crate::streaming::Body;
use crate::{Diagnostic, Error};

/// A handler's answer, whole or as a stream.
#[derive(Debug)]
pub enum FunctionResponse<B, S> {
    /// Serialised to JSON.
    BufferedResponse(B),
    /// Sent as it is made.
    StreamingResponse(StreamResponse<S>),
}

/// What can be a handler's answer: a [`FunctionResponse`], a [`StreamResponse`] and everything that
/// serialises.
pub trait IntoFunctionResponse<B, S> {
    /// The answer, made.
    fn into_response(self) -> FunctionResponse<B, S>;
}

impl<B, S> IntoFunctionResponse<B, S> for FunctionResponse<B, S> {
    fn into_response(self) -> FunctionResponse<B, S> {
        self
    }
}

impl<B: Serialize> IntoFunctionResponse<B, Body> for B {
    fn into_response(self) -> FunctionResponse<B, Body> {
        FunctionResponse::BufferedResponse(self)
    }
}

impl<S, D, E> IntoFunctionResponse<(), S> for StreamResponse<S>
where
    S: Stream<Item = Result<D, E>> + Unpin + Send + 'static,
    D: Into<Bytes> + Send,
    E: Into<Error> + Send + Debug,
{
    fn into_response(self) -> FunctionResponse<(), S> {
        FunctionResponse::StreamingResponse(self)
    }
}

/// An answer that is sent as it is made.
#[derive(Debug)]
pub struct StreamResponse<S> {
    /// Status and headers; they reach the caller of an HTTP trigger only.
    pub metadata_prelude: MetadataPrelude,
    /// The chunks.
    pub stream: S,
}

impl<S, D, E> From<S> for StreamResponse<S>
where
    S: Stream<Item = Result<D, E>> + Unpin + Send + 'static,
    D: Into<Bytes> + Send,
    E: Into<Error> + Send + Debug,
{
    fn from(stream: S) -> Self {
        Self { metadata_prelude: MetadataPrelude::default(), stream }
    }
}

/// Status, headers and cookies of a streamed answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetadataPrelude {
    /// HTTP status; 200 by default.
    #[serde(with = "http_serde::status_code")]
    pub status_code: StatusCode,
    /// Headers. Without a `content-type` it is `application/octet-stream`.
    #[serde(with = "http_serde::header_map")]
    pub headers: HeaderMap,
    /// Values of `set-cookie` headers.
    pub cookies: Vec<String>,
}

/// Turns a handler's answer into the HTTP answer to FC.
pub(crate) fn to_http<B, S, D, E>(
    response: FunctionResponse<B, S>,
    control: Control,
) -> Result<Response<Body>, Diagnostic>
where
    B: Serialize,
    S: Stream<Item = Result<D, E>> + Unpin + Send + 'static,
    D: Into<Bytes>,
    E: Into<Error>,
{
    match response {
        FunctionResponse::BufferedResponse(value) => {
            // Most answers fit, and then nothing is moved while they grow.
            let mut json = Vec::with_capacity(512);
            serde_json::to_writer(&mut json, &value).map_err(|e| {
                Diagnostic::new("FunctionResponse", format!("failed to serialise the function's answer: {e}"))
            })?;
            match control {
                Control::HttpInvoke => buffered_http(json),
                _ => Ok(Response::new(Body::from(json))),
            }
        }
        FunctionResponse::StreamingResponse(StreamResponse { metadata_prelude, stream }) => {
            let mut response = Response::new(Body::from_stream(stream));
            *response.status_mut() = metadata_prelude.status_code;
            *response.headers_mut() = metadata_prelude.headers;
            if !response.headers().contains_key(CONTENT_TYPE) {
                let bytes = HeaderValue::from_static("application/octet-stream");
                response.headers_mut().insert(CONTENT_TYPE, bytes);
            }
            for cookie in &metadata_prelude.cookies {
                let cookie = HeaderValue::from_str(cookie).map_err(|e| bad_header("set-cookie", &e))?;
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            Ok(response)
        }
    }
}

/// The HTTP answer that `json` describes. JSON without a status code is itself the body, as for the
/// built-in runtimes.
fn buffered_http(json: Vec<u8>) -> Result<Response<Body>, Diagnostic> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Probe {
        status_code: Option<serde_json::Value>,
    }
    // A list would do for a struct, too.
    let described =
        json.first() == Some(&b'{') && serde_json::from_slice::<Probe>(&json).is_ok_and(|p| p.status_code.is_some());
    if !described {
        let mut response = Response::new(Body::from(json));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        return Ok(response);
    }
    let bad = |e: &dyn std::fmt::Display| Diagnostic::new("FunctionResponse", format!("not an HTTP answer: {e}"));
    let described: HttpResponse = serde_json::from_slice(&json).map_err(|e| bad(&e))?;
    let body = described.body_bytes().map_err(|e| bad(&e))?;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(described.status_code).map_err(|e| bad(&e))?;
    for (name, value) in &described.headers {
        let value = HeaderValue::from_str(value).map_err(|e| bad_header(name, &e))?;
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|e| bad_header(name, &e))?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

fn bad_header(name: &str, error: &dyn std::fmt::Display) -> Diagnostic {
    Diagnostic::new("FunctionResponse", format!("header {name} of the function's answer: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_describes_an_answer() {
        for json in ["[1]", "[404]", r#"["x"]"#, r#"[{"id":1}]"#, r#""statusCode""#, "{}", r#"{"statusCode":null}"#] {
            let response = buffered_http(json.into()).unwrap();
            assert_eq!(
                (response.status(), response.headers()["content-type"].as_bytes()),
                (StatusCode::OK, &b"application/json"[..])
            );
            assert_eq!(http_body::Body::size_hint(response.body()).exact(), Some(json.len() as u64), "{json}");
        }
        assert_eq!(buffered_http(br#"{"statusCode":404}"#.into()).unwrap().status(), StatusCode::NOT_FOUND);
        assert!(buffered_http(br#"{"statusCode":"x"}"#.into()).is_err());
    }

    #[test]
    fn a_prelude_is_json_in_camel_case() {
        let prelude = MetadataPrelude {
            status_code: StatusCode::ACCEPTED,
            headers: HeaderMap::from_iter([(http::header::ETAG, HeaderValue::from_static("\"1\""))]),
            cookies: vec!["a=1".into()],
        };
        let json = serde_json::to_value(&prelude).unwrap();
        assert_eq!(json, serde_json::json!({ "statusCode": 202, "headers": { "etag": "\"1\"" }, "cookies": ["a=1"] }));
        assert_eq!(serde_json::from_value::<MetadataPrelude>(json).unwrap(), prelude);
    }
}
