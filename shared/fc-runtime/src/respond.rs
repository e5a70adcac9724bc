//! The innermost service: from an invocation to the handler's answer, whatever the handler does.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http::Response;
use pin_project_lite::pin_project;
use serde::{Deserialize, Serialize};
use tower::Service;

use crate::context::{Call, Control};
use crate::runtime::LambdaInvocation;
use crate::streaming::Body;
use crate::{Diagnostic, Error, IntoFunctionResponse, LambdaEvent, payload, response};

/// What becomes of an invocation.
pub(crate) type Answer = Result<Response<Body>, Diagnostic>;

/// The types that a handler's answer goes through; only named, never held.
type Answers<R, B, S, D, E> = fn() -> (R, B, S, D, E);
/// The same, and what the handler takes.
type Kinds<A, R, B, S, D, E> = fn(A) -> (R, B, S, D, E);

/// A handler as a service over whole invocations.
pub struct Respond<F, A, R, B, S, D, E> {
    handler: F,
    kinds: PhantomData<Kinds<A, R, B, S, D, E>>,
}

impl<F, A, R, B, S, D, E> Respond<F, A, R, B, S, D, E> {
    pub(crate) fn new(handler: F) -> Self {
        Self { handler, kinds: PhantomData }
    }
}

impl<F: Clone, A, R, B, S, D, E> Clone for Respond<F, A, R, B, S, D, E> {
    fn clone(&self) -> Self {
        Self::new(self.handler.clone())
    }
}

impl<F, A, R, B, S, D, E> Service<LambdaInvocation> for Respond<F, A, R, B, S, D, E>
where
    F: Service<LambdaEvent<A>, Response = R>,
    F::Future: Future<Output = Result<R, F::Error>>,
    F::Error: Into<Diagnostic> + Debug,
    A: for<'de> Deserialize<'de>,
    R: IntoFunctionResponse<B, S>,
    B: Serialize,
    S: Stream<Item = Result<D, E>> + Unpin + Send + 'static,
    D: Into<Bytes> + Send,
    E: Into<Error> + Send + Debug,
{
    type Response = ();
    type Error = Error;
    type Future = Responding<F::Future, R, B, S, D, E>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.handler.poll_ready(cx).map_err(|e| format!("the handler is not ready: {e:?}").into())
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let LambdaInvocation { body, context, .. } = invocation;
        let call = context.call().cloned();
        let started = payload::parse(&body).and_then(|payload| {
            // A handler may panic before it returns its future.
            catch_unwind(AssertUnwindSafe(|| self.handler.call(LambdaEvent::new(payload, context))))
                .map_err(|panic| Diagnostic::panicked(&*panic))
        });
        let running = match started {
            Ok(future) => Some(future),
            Err(diagnostic) => {
                answer(call.as_deref(), Err(failed(diagnostic)));
                None
            }
        };
        Responding { running, call, kinds: PhantomData }
    }
}

pin_project! {
    /// A handler at work; done when its answer is left with the request.
    pub struct Responding<Fut, R, B, S, D, E> {
        #[pin]
        running: Option<Fut>,
        call: Option<Arc<Call>>,
        kinds: PhantomData<Answers<R, B, S, D, E>>,
    }
}

impl<Fut, R, B, S, D, E, HandlerError> Future for Responding<Fut, R, B, S, D, E>
where
    Fut: Future<Output = Result<R, HandlerError>>,
    HandlerError: Into<Diagnostic> + Debug,
    R: IntoFunctionResponse<B, S>,
    B: Serialize,
    S: Stream<Item = Result<D, E>> + Unpin + Send + 'static,
    D: Into<Bytes> + Send,
    E: Into<Error> + Send + Debug,
{
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(handler) = this.running.as_mut().as_pin_mut() else { return Poll::Ready(Ok(())) };
        let control = this.call.as_ref().map_or(Control::Invoke, |call| call.control());
        let polled = catch_unwind(AssertUnwindSafe(|| {
            handler.poll(cx).map(|outcome| match outcome {
                Ok(value) => response::to_http(value.into_response(), control).map_err(failed),
                Err(error) => {
                    tracing::error!("{error:?}");
                    Err(error.into())
                }
            })
        }));
        let outcome = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(outcome)) => outcome,
            Err(panic) => Err(failed(Diagnostic::panicked(&*panic))),
        };
        // What the handler holds is let go before its caller goes on.
        this.running.set(None);
        answer(this.call.as_deref(), outcome);
        Poll::Ready(Ok(()))
    }
}

/// Leaves the answer with the request.
fn answer(call: Option<&Call>, answer: Answer) {
    if let Some(call) = call {
        call.answer(answer);
    }
}

/// Logs a failure that is not an error of the handler's own, which is logged as it is.
fn failed(diagnostic: Diagnostic) -> Diagnostic {
    tracing::error!(error_type = diagnostic.error_type, error_message = diagnostic.error_message, "invocation failed");
    diagnostic
}
