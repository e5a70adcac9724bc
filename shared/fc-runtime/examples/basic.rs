//! An event in, an answer out.
//!
//! `{"name": "world"}` is answered with `{"request": "<id>", "greeting": "hello world"}`.

use fc_runtime::{Error, LambdaEvent, service_fn, tracing};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Visitor {
    name: String,
}

#[derive(Serialize)]
struct Welcome {
    request: String,
    greeting: String,
}

async fn greet(event: LambdaEvent<Visitor>) -> Result<Welcome, Error> {
    let (visitor, context) = event.into_parts();
    tracing::info!(name = visitor.name, "a visitor");
    Ok(Welcome { request: context.request_id, greeting: format!("hello {}", visitor.name) })
}

/// Starts the function.
#[tokio::main]
pub async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    fc_runtime::run(service_fn(greet)).await
}
