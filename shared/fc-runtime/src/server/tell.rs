//! How an answer is told to FC.

use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, SERVER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::body::Unread;
use crate::Diagnostic;
use crate::context::{Control, PREFIX};
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
        Ok(mut response) => {
            leave_out(response.headers_mut());
            (response, "200")
        }
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

/// Leaves out what FC refuses in an answer (FC docs, HTTP trigger). Most of it is the connection's affair:
/// a length that does not fit the body would be the end of it.
fn leave_out(headers: &mut HeaderMap) {
    let refused = |name: &&HeaderName| {
        [CONNECTION, CONTENT_LENGTH, DATE, SERVER, TRANSFER_ENCODING, UPGRADE].contains(name)
            || name.as_str() == "keep-alive"
            || name.as_str().starts_with(PREFIX)
    };
    let refused: Vec<HeaderName> = headers.keys().filter(refused).cloned().collect();
    for name in refused {
        headers.remove(name);
    }
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
