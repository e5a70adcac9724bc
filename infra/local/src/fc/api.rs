//! InvokeFunction of the FC API, version 2023-03-30.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use serde_json::json;

use super::protocol::{QUALIFIER, request_id};
use super::{FunctionCompute, InvokeResult};
use crate::seams::ServiceError;

/// Longest `x-fc-async-delay`, seconds (InvokeFunction reference).
const MAX_DELAY: u64 = 3600;

impl FunctionCompute {
    /// Answers a request of the FC API whose signature was checked before. The one operation is
    /// InvokeFunction: `POST /2023-03-30/functions/{name}/invocations`.
    ///
    /// Answers 200 with the function's result, or with `X-Fc-Error-Type` when it failed; 202 for an
    /// asynchronous invocation; otherwise `{"RequestId", "Code", "Message"}`.
    pub async fn handle(self: &Arc<Self>, req: Request<Bytes>) -> Response<Bytes> {
        match self.invocation(req).await {
            Ok(result) => success(result),
            Err(error) => failure(&error, &request_id((self.clock)())),
        }
    }

    async fn invocation(self: &Arc<Self>, req: Request<Bytes>) -> Result<InvokeResult, ServiceError> {
        let path = req.uri().path();
        let name = path.strip_prefix("/2023-03-30/functions/").and_then(|rest| rest.strip_suffix("/invocations"));
        let Some(name) = name.filter(|_| req.method() == Method::POST) else {
            return Err(ServiceError::new(
                404,
                "InvalidAction.NotFound",
                format!("{} {path} is not an operation of FC that exists here", req.method()),
            ));
        };
        let query = req.uri().query().unwrap_or_default();
        let qualifier = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "qualifier");
        if let Some((_, qualifier)) = qualifier.filter(|(_, value)| value != QUALIFIER && !value.is_empty()) {
            return Err(ServiceError::new(
                404,
                "VersionNotFound",
                format!("version or alias '{qualifier}' of function '{name}' does not exist"),
            ));
        }
        let headers = req.headers();
        if headers.contains_key("x-fc-async-task-id") {
            return Err(invalid("asynchronous tasks (x-fc-async-task-id) do not exist here"));
        }
        let name = name.to_owned();
        match text(headers, "x-fc-invocation-type").unwrap_or("Sync") {
            "Sync" => self.invoke(&name, req.into_body()).await,
            "Async" => {
                let delay = match text(headers, "x-fc-async-delay") {
                    None => 0,
                    Some(delay) => {
                        let seconds = delay.parse().ok().filter(|seconds| (1..MAX_DELAY).contains(seconds));
                        seconds.ok_or_else(|| {
                            invalid(format!("x-fc-async-delay '{delay}' is not between 0 and {MAX_DELAY}"))
                        })?
                    }
                };
                let body = req.into_body();
                let request_id = self.submit_after(&name, &body, Duration::from_secs(delay))?;
                Ok(InvokeResult { request_id, status: 202, error_type: None, body: Bytes::new() })
            }
            other => Err(invalid(format!("x-fc-invocation-type '{other}' is not Sync or Async"))),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn invalid(what: impl Into<String>) -> ServiceError {
    ServiceError::new(400, "InvalidArgument", what)
}

fn success(result: InvokeResult) -> Response<Bytes> {
    let mut response = Response::new(result.body);
    *response.status_mut() = StatusCode::from_u16(result.status).unwrap_or(StatusCode::OK);
    insert(&mut response, "x-fc-request-id", &result.request_id);
    insert(&mut response, "content-type", "application/octet-stream");
    if let Some(error_type) = result.error_type {
        insert(&mut response, "x-fc-error-type", error_type);
    }
    response
}

fn failure(error: &ServiceError, request_id: &str) -> Response<Bytes> {
    let body = json!({ "RequestId": request_id, "Code": error.code, "Message": error.message });
    let mut response = Response::new(body.to_string().into());
    *response.status_mut() = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    insert(&mut response, "x-fc-request-id", request_id);
    insert(&mut response, "content-type", "application/json");
    response
}

fn insert(response: &mut Response<Bytes>, name: &'static str, value: &str) {
    // Ids and error types are plain ASCII made here.
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
