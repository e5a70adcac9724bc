//! Many invocations at once, for an `instanceConcurrency` above 1: each waits for the second.

use std::sync::Arc;

use fc_runtime::{Error, LambdaEvent, run_concurrent, service_fn};
use serde_json::Value;
use tokio::sync::Barrier;

/// Starts the function.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<(), Error> {
    let barrier = Arc::new(Barrier::new(2));
    run_concurrent(service_fn(move |event: LambdaEvent<Value>| {
        let barrier = barrier.clone();
        async move {
            barrier.wait().await;
            Ok::<_, Error>(event.payload)
        }
    }))
    .await
}
