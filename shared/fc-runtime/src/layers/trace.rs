//! A span around every invocation, so that each line of the log names its request.

use std::task::{Context as TaskContext, Poll};

use tower::{Layer, Service};
use tracing::Instrument;
use tracing::instrument::Instrumented;

use crate::{Context, Error, LambdaInvocation};

/// Puts [`request_span`] around every invocation; [`run`](crate::run) and
/// [`run_concurrent`](crate::run_concurrent) add it themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingLayer {}

impl TracingLayer {
    /// The layer.
    pub fn new() -> Self {
        Self {}
    }
}

impl<S> Layer<S> for TracingLayer {
    type Service = TracingService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TracingService { inner }
    }
}

/// What [`TracingLayer`] makes of a service.
#[derive(Clone, Debug)]
pub struct TracingService<S> {
    inner: S,
}

impl<S> Service<LambdaInvocation> for TracingService<S>
where
    S: Service<LambdaInvocation, Response = (), Error = Error>,
{
    type Response = ();
    type Error = Error;
    type Future = Instrumented<S::Future>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let span = request_span(&invocation.context);
        // What the inner services start in `call` is inside the span too.
        let future = span.in_scope(|| self.inner.call(invocation));
        future.instrument(span)
    }
}

/// The span of an invocation: `requestId`, and `xrayTraceId` and `tenantId` where there are any.
pub fn request_span(context: &Context) -> tracing::Span {
    let (trace, tenant) = (context.xray_trace_id.as_deref(), context.tenant_id.as_deref());
    // A field without a value is not recorded.
    tracing::info_span!("invoke", requestId = context.request_id.as_str(), xrayTraceId = trace, tenantId = tenant)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use tracing::field::{Field, Visit};
    use tracing::span::Attributes;
    use tracing_subscriber::layer::{Context as LayerContext, Layer as _, SubscriberExt};

    use super::*;

    /// Keeps the fields of every new span.
    #[derive(Clone, Default)]
    struct Spans(Arc<Mutex<Vec<BTreeMap<&'static str, String>>>>);

    struct Fields(BTreeMap<&'static str, String>);

    impl Visit for Fields {
        fn record_str(&mut self, field: &Field, value: &str) {
            self.0.insert(field.name(), value.to_owned());
        }

        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            self.0.insert(field.name(), format!("{value:?}"));
        }
    }

    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Spans {
        fn on_new_span(&self, attributes: &Attributes<'_>, _: &tracing::span::Id, _: LayerContext<'_, S>) {
            let mut fields = Fields(BTreeMap::new());
            attributes.record(&mut fields);
            self.0.lock().unwrap().push(fields.0);
        }
    }

    #[test]
    fn the_span_has_what_there_is() {
        let spans = Spans::default();
        let subscriber = tracing_subscriber::registry().with(spans.clone().boxed());
        tracing::subscriber::with_default(subscriber, || {
            let mut context = Context::default();
            context.request_id = "r-1".into();
            drop(request_span(&context));
            context.xray_trace_id = Some("t".into());
            context.tenant_id = Some("me".into());
            drop(request_span(&context));
        });
        let spans = spans.0.lock().unwrap();
        assert_eq!(spans[0], BTreeMap::from([("requestId", "r-1".into())]));
        let all = [("requestId", "r-1".into()), ("xrayTraceId", "t".into()), ("tenantId", "me".into())];
        assert_eq!(spans[1], BTreeMap::from(all));
    }
}
