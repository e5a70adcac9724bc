//! An axum router for HTTP triggers, and a handler for the timer of the same function.

use axum::Router;
use axum::extract::{Path, Request};
use axum::routing::{get, post};
use fc_runtime::layers::TracingLayer;
use fc_runtime::{Context, Error, LambdaEvent, Runtime, service_fn};
use serde_json::{Value, json};

async fn show(Path(id): Path<u32>, request: Request) -> String {
    let request_id = request.extensions().get::<Context>().map(|context| context.request_id.as_str());
    format!("disk {id} for {}", request_id.unwrap_or("nobody"))
}

async fn tick(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(json!({ "ticked": event.payload["triggerName"] }))
}

/// Starts the function.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<(), Error> {
    let router =
        Router::new().route("/disks/{id}", get(show)).route("/upper", post(async |text: String| text.to_uppercase()));
    Runtime::new(service_fn(tick)).layer(TracingLayer::new()).http(router).run_concurrent().await
}
