//! What a handler may answer: anything that serialises, or a stream.

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde::{Deserialize, Serialize};

use crate::http_trigger::HttpResponse;
use crate::server::Control;
use crate::streaming::Body;
use crate::{Diagnostic, Error};

/// A handler's answer, whole or as a stream.
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

impl<S> IntoFunctionResponse<(), S> for StreamResponse<S> {
    fn into_response(self) -> FunctionResponse<(), S> {
        FunctionResponse::StreamingResponse(self)
    }
}

/// An answer that is sent as it is made.
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
    E: Into<Error> + Send,
{
    fn from(stream: S) -> Self {
        Self { metadata_prelude: MetadataPrelude::default(), stream }
    }
}

/// Status, headers and cookies of a streamed answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataPrelude {
    /// HTTP status; 200 by default.
    pub status_code: StatusCode,
    /// Headers.
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
            let json = serde_json::to_vec(&value).map_err(|e| {
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
            for cookie in &metadata_prelude.cookies {
                let cookie = HeaderValue::from_str(cookie).map_err(|e| bad_header("set-cookie", &e))?;
                response.headers_mut().append(http::header::SET_COOKIE, cookie);
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
    let described = serde_json::from_slice::<Probe>(&json).is_ok_and(|p| p.status_code.is_some());
    if !described {
        let mut response = Response::new(Body::from(json));
        response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
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
