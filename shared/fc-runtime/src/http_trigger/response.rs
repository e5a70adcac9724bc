//! What a handler of requests may return.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};

use crate::Error;
use crate::streaming::Body;

/// What can be the answer to a client's request. The headers `x-fc-*`, `connection`, `content-length`, `date`,
/// `keep-alive` and `server`, which FC refuses in it (FC docs, HTTP trigger), are left out, and so are
/// `transfer-encoding` and `upgrade`.
pub trait IntoResponse {
    /// The answer, made.
    fn into_response(self) -> Response<Body>;
}

/// As it is; a body that is not known whole is streamed.
impl<B> IntoResponse for Response<B>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Error>,
{
    fn into_response(self) -> Response<Body> {
        self.map(Body::new)
    }
}

/// No body.
impl IntoResponse for StatusCode {
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self;
        response
    }
}

/// As `application/json`.
impl IntoResponse for serde_json::Value {
    fn into_response(self) -> Response<Body> {
        of("application/json", self.to_string().into())
    }
}

/// As `text/plain; charset=utf-8`.
impl IntoResponse for String {
    fn into_response(self) -> Response<Body> {
        of(TEXT, self.into())
    }
}

/// As `text/plain; charset=utf-8`.
impl IntoResponse for &'static str {
    fn into_response(self) -> Response<Body> {
        of(TEXT, self.into())
    }
}

/// As `application/octet-stream`.
impl IntoResponse for Bytes {
    fn into_response(self) -> Response<Body> {
        of("application/octet-stream", self.into())
    }
}

const TEXT: &str = "text/plain; charset=utf-8";

fn of(content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
