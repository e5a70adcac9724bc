//! The loop that takes invocations from the connections to the handler.

use std::fmt::Debug;
use std::io::Write;
use std::net::TcpListener;

use bytes::Bytes;
use futures_core::Stream;
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tower::{Layer, Service, ServiceExt};
use tracing::Instrument;

use crate::respond::Respond;
use crate::server::{self, Server};
use crate::{Context, Diagnostic, Error, IntoFunctionResponse, LambdaEvent};

/// One invocation on its way through the layers.
///
/// `parts` has the headers of the request; pass its extensions on, the answer goes back through
/// them.
#[derive(Debug)]
pub struct LambdaInvocation {
    /// Headers that came with the event.
    pub parts: http::response::Parts,
    /// The event as it came; for an HTTP trigger the event of [`crate::http_trigger`].
    pub body: Bytes,
    /// The circumstances.
    pub context: Context,
}

/// A handler with layers around it, ready to serve.
pub struct Runtime<S> {
    service: S,
    listener: Option<TcpListener>,
}

impl<F, A, R, B, S, D, E> Runtime<Respond<F, A, R, B, S, D, E>>
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
    /// A runtime for `handler`; nothing happens before [`Runtime::run`].
    pub fn new(handler: F) -> Self {
        Self { service: Respond::new(handler), listener: None }
    }
}

impl<S> Runtime<S> {
    /// Puts `layer` around what there is; the layer added last sees an invocation first.
    pub fn layer<L>(self, layer: L) -> Runtime<L::Service>
    where
        L: Layer<S>,
        L::Service: Service<LambdaInvocation, Response = (), Error = Error>,
    {
        Runtime { service: layer.layer(self.service), listener: self.listener }
    }

    /// Serves on this socket instead of the port that the environment names.
    pub fn listener(mut self, listener: TcpListener) -> Self {
        self.listener = Some(listener);
        self
    }

    fn listen(&mut self) -> Result<Server, Error> {
        let listener = match self.listener.take() {
            Some(listener) => listener,
            None => server::bind(|name| std::env::var(name).ok())?,
        };
        Server::start(listener)
    }
}

impl<S> Runtime<S>
where
    S: Service<LambdaInvocation, Response = (), Error = Error>,
{
    /// Serves one invocation at a time, on this task, until SIGTERM.
    ///
    /// # Errors
    ///
    /// When the port cannot be listened on, or when the service's `poll_ready` fails.
    pub async fn run(mut self) -> Result<(), Error> {
        let mut server = self.listen()?;
        let mut terminate = signal(SignalKind::terminate())?;
        loop {
            let invocation = tokio::select! {
                invocation = server.next() => invocation,
                _ = terminate.recv() => break,
            };
            self.serve(invocation).await?;
        }
        tracing::info!("SIGTERM received");
        for invocation in server.close() {
            self.serve(invocation).await?;
        }
        server.finish().await;
        Ok(())
    }

    async fn serve(&mut self, invocation: LambdaInvocation) -> Result<(), Error> {
        let ready = self.service.ready().await?;
        call(ready, invocation).await;
        Ok(())
    }
}

impl<S> Runtime<S>
where
    S: Service<LambdaInvocation, Response = (), Error = Error> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    /// Serves every invocation on a task and a clone of the service of its own, until SIGTERM.
    ///
    /// # Errors
    ///
    /// When the port cannot be listened on. A clone whose `poll_ready` fails fails its invocation.
    pub async fn run_concurrent(mut self) -> Result<(), Error> {
        let mut server = self.listen()?;
        let mut terminate = signal(SignalKind::terminate())?;
        loop {
            tokio::select! {
                invocation = server.next() => self.spawn(invocation),
                _ = terminate.recv() => break,
            }
        }
        tracing::info!("SIGTERM received");
        for invocation in server.close() {
            self.spawn(invocation);
        }
        server.finish().await;
        Ok(())
    }

    fn spawn(&self, invocation: LambdaInvocation) {
        let mut service = self.service.clone();
        tokio::spawn(async move {
            match service.ready().await {
                Ok(ready) => call(ready, invocation).await,
                Err(error) => tracing::error!(%error, "the handler is not ready"),
            }
        });
    }
}

/// One call, between the markers by which FC's log service finds it (FC docs, log format).
async fn call<S>(service: &mut S, invocation: LambdaInvocation)
where
    S: Service<LambdaInvocation, Response = (), Error = Error>,
{
    let request_id = invocation.context.request_id.clone();
    let span = tracing::info_span!("invoke", requestId = request_id);
    marker("Invoke Start", &request_id);
    let outcome = span.in_scope(|| service.call(invocation)).instrument(span.clone()).await;
    if let Err(error) = outcome {
        span.in_scope(|| tracing::error!(%error, "a layer failed"));
    }
    marker("Invoke End", &request_id);
}

/// Prints `FC <what> RequestId: <id>`.
pub(crate) fn marker(what: &str, request_id: &str) {
    // Nobody reads stdout any more: no reason to stop serving.
    let _ = writeln!(std::io::stdout(), "FC {what} RequestId: {request_id}");
}
