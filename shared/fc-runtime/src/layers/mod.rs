//! Layers to put around a handler with [`Runtime::layer`](crate::Runtime::layer).

#[cfg(feature = "opentelemetry")]
mod otel;
pub mod trace;

#[cfg(feature = "opentelemetry")]
pub use otel::{OpenTelemetryFaasTrigger, OpenTelemetryFuture, OpenTelemetryLayer, OpenTelemetryService};
pub use trace::TracingLayer;
