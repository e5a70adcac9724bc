//! What a function does before its first request and after its last.
//!
//! FC calls the hooks where `instanceLifecycleConfig` has an initializer and a preStop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fc_runtime::layers::TracingLayer;
use fc_runtime::{Context, Error, LambdaEvent, Runtime, service_fn};
use serde_json::Value;

/// Starts the function.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<(), Error> {
    let ready = Arc::new(AtomicBool::new(false));
    let (made, asked) = (ready.clone(), ready.clone());
    let handler = service_fn(move |_: LambdaEvent<Value>| {
        let ready = asked.load(Ordering::SeqCst);
        async move { if ready { Ok("ready") } else { Err("not initialised") } }
    });
    // Once, at the first sign of the end: pre-stop, SIGTERM or SIGINT.
    fc_runtime::spawn_graceful_shutdown_handler(async || println!("last act")).await;
    Runtime::new(handler)
        .layer(TracingLayer::new())
        .on_initialize(move |context: Context| {
            let made = made.clone();
            async move {
                if context.fc().credentials.access_key_id.is_empty() {
                    return Err("no credentials");
                }
                made.store(true, Ordering::SeqCst);
                Ok(())
            }
        })
        .on_pre_stop(async |context: Context| {
            println!("stopping for {}", context.request_id);
            Ok::<_, Error>(())
        })
        .run()
        .await
}
