//! The innermost service: from an invocation to the handler's answer, whatever the handler does.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http::Response;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tower::Service;

use crate::runtime::LambdaInvocation;
use crate::server::Control;
use crate::streaming::Body;
use crate::{Diagnostic, Error, IntoFunctionResponse, LambdaEvent, payload, response};

/// What becomes of an invocation.
pub(crate) type Answer = Result<Response<Body>, Diagnostic>;

/// The way back to the connection; travels in the invocation's extensions, so that layers may keep
/// the invocation as `lambda_runtime` shapes it. Dropped unused, the caller is told so.
#[derive(Clone)]
pub(crate) struct Reply(Arc<Mutex<Option<oneshot::Sender<Answer>>>>);

impl Reply {
    pub(crate) fn new() -> (Self, oneshot::Receiver<Answer>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Arc::new(Mutex::new(Some(sender)))), receiver)
    }

    fn send(&self, answer: Answer) {
        if let Some(sender) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Fails when the caller hung up.
            let _ = sender.send(answer);
        }
    }
}

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
        let LambdaInvocation { mut parts, body, context } = invocation;
        let control = parts.extensions.get().copied().unwrap_or(Control::Invoke);
        let reply: Option<Reply> = parts.extensions.remove();
        let started = payload::parse(&body).and_then(|payload| {
            // A handler may panic before it returns its future.
            catch_unwind(AssertUnwindSafe(|| self.handler.call(LambdaEvent::new(payload, context))))
                .map_err(|panic| Diagnostic::panicked(&*panic))
        });
        match started {
            Ok(future) => Responding { running: Some(Box::pin(future)), control, reply, kinds: PhantomData },
            Err(diagnostic) => {
                send(reply.as_ref(), Err(diagnostic));
                Responding { running: None, control, reply: None, kinds: PhantomData }
            }
        }
    }
}

/// A handler at work; done when its answer is sent.
pub struct Responding<Fut, R, B, S, D, E> {
    running: Option<Pin<Box<Fut>>>,
    control: Control,
    reply: Option<Reply>,
    kinds: PhantomData<Answers<R, B, S, D, E>>,
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

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let control = self.control;
        let Some(handler) = &mut self.running else { return Poll::Ready(Ok(())) };
        let polled = catch_unwind(AssertUnwindSafe(|| {
            handler.as_mut().poll(cx).map(|outcome| match outcome {
                Ok(value) => response::to_http(value.into_response(), control),
                Err(error) => {
                    tracing::error!("{error:?}");
                    Err(error.into())
                }
            })
        }));
        let answer = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(answer)) => answer,
            Err(panic) => Err(Diagnostic::panicked(&*panic)),
        };
        // What the handler holds is let go before its caller goes on.
        self.running = None;
        send(self.reply.as_ref(), answer);
        Poll::Ready(Ok(()))
    }
}

/// Answers, and logs an answer that the handler did not give itself.
fn send(reply: Option<&Reply>, answer: Answer) {
    if let Err(diagnostic) = &answer {
        tracing::error!(
            error_type = diagnostic.error_type,
            error_message = diagnostic.error_message,
            "invocation failed"
        );
    }
    if let Some(reply) = reply {
        reply.send(answer);
    }
}
