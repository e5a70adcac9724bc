//! An HTTP trigger's handler: requests and responses of the `http` crate.

use fc_runtime::http_trigger::{self, IntoResponse, Request, RequestExt};
use fc_runtime::streaming::Body;
use fc_runtime::{Error, service_fn};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Order {
    what: String,
}

async fn shop(request: Request) -> Result<Response<Body>, Error> {
    let path = request.path();
    let answer = match (request.method().as_str(), path.as_str()) {
        ("GET", "/") => {
            let who = request.query_parameter("who").unwrap_or_else(|| "stranger".into());
            format!("good day, {who}").into_response()
        }
        ("GET", "/account") => match request.cookie("session") {
            Some(session) => {
                let region = request.context().map(|context| context.fc().region.clone());
                json!({ "session": session, "region": region }).into_response()
            }
            None => StatusCode::UNAUTHORIZED.into_response(),
        },
        ("POST", "/orders") => {
            let order: Order = request.into_json().await?;
            let answer = Response::builder().status(201).header("set-cookie", "ordered=1");
            answer.body(format!("one {}", order.what))?.into_response()
        }
        // As large as the client likes, a piece at a time.
        ("POST", "/echo") => Response::new(request.into_body()),
        _ => StatusCode::NOT_FOUND.into_response(),
    };
    Ok(answer)
}

/// Starts the function.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<(), Error> {
    http_trigger::run(service_fn(shop)).await
}
