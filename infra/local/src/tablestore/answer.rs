//! Answers: headers and their signature.

use bytes::Bytes;
use http::header::HeaderValue;
use http::{Response, StatusCode};
use jiff::Timestamp;
use prost::Message;
use tablestore::{messages, sign};

use super::Caller;
use crate::seams::ServiceError;

/// A 200 with the encoded message.
pub(super) fn success(operation: &str, caller: &Caller, message: Vec<u8>) -> Response<Bytes> {
    response(operation, Some(caller), StatusCode::OK, message.into())
}

/// The answer to a request that was refused. It is signed for an authenticated caller only.
pub(super) fn refusal(operation: &str, caller: Option<&Caller>, error: &ServiceError) -> Response<Bytes> {
    let (status, error) = public(error);
    response(operation, caller, status, error.encode_to_vec().into())
}

/// The service's words for an error: a failure of the local cloud itself is the service's own.
fn public(error: &ServiceError) -> (StatusCode, messages::Error) {
    match StatusCode::from_u16(error.status) {
        Ok(status) if error.code.starts_with("OTS") => (status, row_error(error)),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, row_error(error)),
    }
}

/// An error as a batch carries it for one row.
pub(super) fn row_error(error: &ServiceError) -> messages::Error {
    let ours = error.code.starts_with("OTS");
    let code = if ours { error.code.clone() } else { "OTSInternalServerError".to_owned() };
    messages::Error { code, message: Some(error.message.clone()) }
}

fn response(operation: &str, caller: Option<&Caller>, status: StatusCode, body: Bytes) -> Response<Bytes> {
    let now = Timestamp::now();
    let headers = [
        ("x-ots-contentmd5", sign::content_md5(&body)),
        ("x-ots-contenttype", "protocol buffer".to_owned()),
        ("x-ots-date", sign::response_date(now)),
        ("x-ots-requestid", request_id(now)),
    ];
    let authorization = caller.map(|caller| {
        let to_sign =
            sign::response_string_to_sign(operation, headers.iter().map(|(name, value)| (*name, value.as_str())));
        sign::response_authorization(&caller.identity.access_key_id, &caller.answer_key, &to_sign)
    });
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let authorization = authorization.map(|value| ("authorization", value));
    for (name, value) in headers.into_iter().chain(authorization) {
        // All of them are ASCII that was made here: base64, dates, hexadecimal digits, a known key id.
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Shaped as the live service's ids: the time in microseconds, then chance.
fn request_id(now: Timestamp) -> String {
    let (time, chance) = (now.as_microsecond() as u64, fastrand::u64(..));
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        time >> 32,
        time >> 16 & 0xffff,
        time & 0xffff,
        chance >> 48,
        chance & 0xffff_ffff_ffff
    )
}
