//! Spans with the attributes that OpenTelemetry names for functions.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll, ready};

use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::instrument::Instrumented;
use tracing::{Instrument, field};

use crate::LambdaInvocation;

/// Puts a span with OpenTelemetry's attributes around every invocation, and flushes what was
/// recorded when the span is over.
///
/// The flush ends before the answer is sent: FC may freeze the instance once it has the answer.
/// The attributes are `faas.name`, `faas.trigger`, `faas.invocation_id` and `faas.coldstart`
/// (OpenTelemetry semantic conventions, FaaS); `otel.kind` is there to be recorded.
#[derive(Clone, Debug)]
pub struct OpenTelemetryLayer<F> {
    flush: F,
    trigger: OpenTelemetryFaasTrigger,
}

impl<F: Fn() + Clone> OpenTelemetryLayer<F> {
    /// A layer that calls `flush_fn` after every invocation.
    pub fn new(flush_fn: F) -> Self {
        Self { flush: flush_fn, trigger: OpenTelemetryFaasTrigger::default() }
    }

    /// Says what triggers the function.
    pub fn with_trigger(self, trigger: OpenTelemetryFaasTrigger) -> Self {
        Self { trigger, ..self }
    }
}

impl<S, F: Fn() + Clone> Layer<S> for OpenTelemetryLayer<F> {
    type Service = OpenTelemetryService<S, F>;

    fn layer(&self, inner: S) -> Self::Service {
        OpenTelemetryService { inner, flush: self.flush.clone(), trigger: self.trigger, warm: Arc::default() }
    }
}

/// What [`OpenTelemetryLayer`] makes of a service.
#[derive(Clone, Debug)]
pub struct OpenTelemetryService<S, F> {
    inner: S,
    flush: F,
    trigger: OpenTelemetryFaasTrigger,
    /// Not the first invocation; shared by the clones, as the instance is.
    warm: Arc<AtomicBool>,
}

impl<S, F> Service<LambdaInvocation> for OpenTelemetryService<S, F>
where
    S: Service<LambdaInvocation, Response = ()>,
    F: Fn() + Clone,
{
    type Response = ();
    type Error = S::Error;
    type Future = OpenTelemetryFuture<Instrumented<S::Future>, F>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let context = &invocation.context;
        let name = match context.env_config.function_name.as_str() {
            "" => context.fc().function_name.as_str(),
            name => name,
        };
        let span = tracing::info_span!(
            "invoke",
            "otel.name" = name,
            "otel.kind" = field::Empty,
            "faas.name" = name,
            "faas.trigger" = self.trigger.name(),
            "faas.invocation_id" = context.request_id,
            "faas.coldstart" = !self.warm.swap(true, Ordering::Relaxed),
            requestId = context.request_id,
            xrayTraceId = context.xray_trace_id.as_deref(),
        );
        let running = span.in_scope(|| self.inner.call(invocation)).instrument(span);
        OpenTelemetryFuture { running: Some(running), flush: self.flush.clone() }
    }
}

pin_project! {
    /// An invocation inside [`OpenTelemetryService`].
    pub struct OpenTelemetryFuture<Fut, F> {
        #[pin]
        running: Option<Fut>,
        flush: F,
    }
}

impl<Fut: Future, F: Fn()> Future for OpenTelemetryFuture<Fut, F> {
    type Output = Fut::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        // Polled after its end it has nothing more to say, as any future.
        let Some(running) = this.running.as_mut().as_pin_mut() else { return Poll::Pending };
        let outcome = ready!(running.poll(cx));
        // The span ends with the future; only then is it among what is flushed.
        this.running.set(None);
        (this.flush)();
        Poll::Ready(outcome)
    }
}

/// What triggers a function: the values of `faas.trigger` (OpenTelemetry semantic conventions).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenTelemetryFaasTrigger {
    /// A change in a database or a file system.
    #[default]
    Datasource,
    /// A client's request.
    Http,
    /// A message.
    PubSub,
    /// The time.
    Timer,
    /// Anything else.
    Other,
}

impl OpenTelemetryFaasTrigger {
    fn name(self) -> &'static str {
        match self {
            Self::Datasource => "datasource",
            Self::Http => "http",
            Self::PubSub => "pubsub",
            Self::Timer => "timer",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for OpenTelemetryFaasTrigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
