//! How an answer is told to FC.

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::body::Unread;
use crate::Diagnostic;
use crate::context::Control;
use crate::respond::Answer;
use crate::streaming::Body;

/// What FC goes by; the HTTP status reaches callers of HTTP triggers only (FC docs, error handling of
/// custom runtimes).
const FC_STATUS: HeaderName = HeaderName::from_static("x-fc-status");

/// The answer as FC reads it.
///
/// A failed initializer is a 500, at which FC gives the instance up; at a 404 it would call the
/// initializer of the same process again (FC docs, instance lifecycle).
pub(super) fn tell(answer: Answer, control: Control) -> Response<Body> {
    let (mut response, status) = match answer {
        Ok(response) => (response, "200"),
        Err(diagnostic) => {
            // Two strings always serialise.
            let body = serde_json::to_vec(&diagnostic).unwrap_or_default();
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = match control {
                Control::Invoke => StatusCode::NOT_FOUND,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            (response, "404")
        }
    };
    response.headers_mut().insert(FC_STATUS, HeaderValue::from_static(status));
    response
}

/// The answer to a request whose body is too large or broke off.
pub(super) fn refuse(unread: &Unread, most: usize, control: Control) -> Response<Body> {
    let message = match unread {
        Unread::TooLarge => format!("the event is larger than {most} bytes"),
        Unread::Broken(error) => format!("the event was not received: {error}"),
    };
    let mut response = tell(Err(Diagnostic::new("RequestError", message)), control);
    if matches!(unread, Unread::TooLarge) {
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
    }
    response
}
