//! What stands at the place of each kind of handler.

use std::fmt::Debug;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower::Service;

use super::{IntoResponse, Request};
use crate::respond::Answer;
use crate::{Diagnostic, Error, LambdaInvocation};

/// What answers HTTP triggers.
pub trait Mount {
    /// An answer in the making.
    type Future: Future<Output = Answer>;
    /// Whether there is anything; without, a request becomes an event.
    const MOUNTED: bool;

    /// As a service's.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>>;

    /// As a service's.
    fn call(&mut self, request: Request) -> Self::Future;
}

/// No HTTP service: HTTP triggers are events.
#[derive(Clone, Copy, Debug)]
pub struct NoHttp;

impl Mount for NoHttp {
    type Future = Ready<Answer>;
    const MOUNTED: bool = false;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request) -> Self::Future {
        ready(Err(Diagnostic::new("NoHttpHandler", "this function has no handler of HTTP requests")))
    }
}

/// An HTTP service.
#[derive(Clone, Debug)]
pub struct Http<H>(pub(crate) H);

impl<H> Mount for Http<H>
where
    H: Service<Request>,
    H::Response: IntoResponse,
    H::Error: Into<Diagnostic> + Debug,
{
    type Future = Serving<H::Future>;
    const MOUNTED: bool = true;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(cx).map_err(|e| format!("the HTTP service is not ready: {e:?}").into())
    }

    fn call(&mut self, request: Request) -> Self::Future {
        Serving { running: self.0.call(request) }
    }
}

pin_project! {
    /// A request that an HTTP service is at.
    pub struct Serving<Fut> {
        #[pin]
        running: Fut,
    }
}

impl<Fut, R, E> Future for Serving<Fut>
where
    Fut: Future<Output = Result<R, E>>,
    R: IntoResponse,
    E: Into<Diagnostic> + Debug,
{
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        self.project().running.poll(cx).map(|outcome| match outcome {
            Ok(answer) => Ok(answer.into_response()),
            Err(error) => {
                tracing::error!("{error:?}");
                Err(error.into())
            }
        })
    }
}

/// No event handler: events are answered with an error.
#[derive(Clone, Copy, Debug)]
pub struct NoEvents;

impl Service<LambdaInvocation> for NoEvents {
    type Response = ();
    type Error = Error;
    type Future = Ready<Result<(), Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        if let Some(call) = invocation.context.call() {
            call.answer(Err(Diagnostic::new("NoEventHandler", "this function answers HTTP requests only")));
        }
        ready(Ok(()))
    }
}
