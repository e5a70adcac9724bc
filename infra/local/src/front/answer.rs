//! Answers in the shapes of the services.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::seams::ServiceError;

/// 200 with the JSON object `value` and a `RequestId` in it.
pub fn success(mut value: Value) -> Response<Bytes> {
    let request_id = request_id();
    value["RequestId"] = json!(request_id);
    json_response(200, &request_id, &value)
}

/// An error of an RPC product or of Function Compute.
pub fn rpc_error(error: &ServiceError) -> Response<Bytes> {
    let request_id = request_id();
    let body = json!({
        "RequestId": request_id,
        "HostId": "127.0.0.1",
        "Code": error.code,
        "Message": error.message,
        "Recommend": "",
    });
    json_response(error.status, &request_id, &body)
}

/// An error of EventBridge's data plane.
pub fn eventbridge_error(error: &ServiceError) -> Response<Bytes> {
    let request_id = request_id();
    let body = json!({ "code": error.code, "message": error.message, "requestId": request_id });
    json_response(error.status, &request_id, &body)
}

fn json_response(status: u16, request_id: &str, body: &Value) -> Response<Bytes> {
    let headers =
        [("content-type", "application/json;charset=utf-8".to_owned()), ("x-acs-request-id", request_id.to_owned())];
    response(status, headers, body.to_string().into_bytes())
}

fn response<const N: usize>(status: u16, headers: [(&'static str, String); N], body: Vec<u8>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        // All of them are ASCII that was made here.
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// As the services write it: a random UUID in upper case.
fn request_id() -> String {
    let hex = format!("{:032X}", fastrand::u128(..));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
