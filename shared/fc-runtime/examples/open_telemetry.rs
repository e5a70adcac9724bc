//! A span with OpenTelemetry's attributes around every invocation.
//!
//! The subscriber here prints spans; a real one has a layer of `tracing-opentelemetry` instead, and
//! `flush` calls the provider's `force_flush`.

use fc_runtime::layers::{OpenTelemetryFaasTrigger, OpenTelemetryLayer};
use fc_runtime::tracing::subscriber::fmt::format::FmtSpan;
use fc_runtime::tracing::{Span, subscriber};
use fc_runtime::{Error, LambdaEvent, Runtime, service_fn};
use serde_json::Value;

async fn echo(event: LambdaEvent<Value>) -> Result<Value, &'static str> {
    Span::current().record("otel.kind", "SERVER");
    Ok(event.payload)
}

/// Starts the function.
#[tokio::main]
pub async fn main() -> Result<(), Error> {
    subscriber::fmt().json().with_span_events(FmtSpan::CLOSE).init();
    let flush = || println!("flushed");
    let layer = OpenTelemetryLayer::new(flush).with_trigger(OpenTelemetryFaasTrigger::Timer);
    Runtime::new(service_fn(echo)).layer(layer).run().await
}
