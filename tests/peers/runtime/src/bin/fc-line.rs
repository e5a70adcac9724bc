//! fc_runtime, `run_concurrent`, with one structured log line for each invocation.

use fc_runtime::tracing::info;
use fc_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

async fn echo(event: LambdaEvent<Value>) -> Result<Value, Error> {
    info!(kind = event.payload["type"].as_str(), "handled");
    Ok(event.payload)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    fc_runtime::tracing::init_default_subscriber();
    fc_runtime::run_concurrent(service_fn(echo)).await
}
