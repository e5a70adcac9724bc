//! A handler with everything around it, ready to serve.

use std::fmt::Debug;
use std::net::TcpListener;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_core::Stream;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tower::{Layer, Service};

use crate::hooks::{Hooks, hook};
use crate::http_trigger::{Http, IntoResponse, Mount, NoEvents, NoHttp, Request};
use crate::respond::Respond;
use crate::server::{Calls, Handlers, Server};
use crate::snapstart::SnapStartResource;
use crate::{Context, Diagnostic, Error, IntoFunctionResponse, LambdaEvent, Limits};

/// One invocation on its way through the layers.
///
/// A layer passes `context` on: the answer goes back through it.
#[derive(Debug)]
pub struct LambdaInvocation {
    /// Headers that came with the event.
    pub parts: http::response::Parts,
    /// The event as it came; for an HTTP trigger the event of [`crate::http_trigger`].
    pub body: Bytes,
    /// The circumstances.
    pub context: Context,
}

/// A handler with layers around it, and perhaps an HTTP service beside it, ready to serve.
///
/// ```no_run
/// use fc_runtime::layers::TracingLayer;
/// use fc_runtime::{Context, Error, LambdaEvent, Runtime, service_fn};
///
/// # async fn example() -> Result<(), Error> {
/// Runtime::new(service_fn(async |event: LambdaEvent<String>| Ok::<_, Error>(event.payload)))
///     .layer(TracingLayer::new())
///     .on_initialize(async |context: Context| {
///         fc_runtime::tracing::info!(region = context.fc().region, "getting ready");
///         Ok::<_, Error>(())
///     })
///     .run()
///     .await
/// # }
/// ```
#[must_use = "a runtime serves when it is run"]
pub struct Runtime<S, H = NoHttp> {
    handlers: Handlers<S, H>,
    hooks: Hooks,
    limits: Limits,
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
    /// A runtime for `handler`; nothing happens before [`Runtime::run`]. Unlike [`run`](crate::run)
    /// it has no [`TracingLayer`](crate::layers::TracingLayer) yet.
    pub fn new(handler: F) -> Self {
        Self::of(Respond::new(handler), NoHttp)
    }
}

impl<H> Runtime<NoEvents, Http<H>>
where
    H: Service<Request>,
    H::Response: IntoResponse,
    H::Error: Into<Diagnostic> + Debug,
{
    /// A runtime for an HTTP service alone: an event is answered with an error.
    pub fn for_http(service: H) -> Self {
        Self::of(NoEvents, Http(service))
    }
}

impl<S> Runtime<S> {
    /// Answers HTTP triggers with `service`, and events as before. Without it a client's request is
    /// an event too, of the form of [`HttpRequest`](crate::http_trigger::HttpRequest).
    pub fn http<H>(self, service: H) -> Runtime<S, Http<H>>
    where
        H: Service<Request>,
        H::Response: IntoResponse,
        H::Error: Into<Diagnostic> + Debug,
    {
        let handlers = Handlers { events: self.handlers.events, http: Http(service) };
        Runtime { handlers, hooks: self.hooks, limits: self.limits, listener: self.listener }
    }
}

impl<S, H> Runtime<S, H> {
    fn of(events: S, http: H) -> Self {
        Self { handlers: Handlers { events, http }, hooks: Hooks::default(), limits: Limits::default(), listener: None }
    }

    /// Puts `layer` around what there is for events; the layer added last sees an invocation first.
    /// An HTTP service brings its own layers.
    ///
    /// The answer is sent when the outermost layer is done with the invocation: FC may freeze the
    /// instance after it.
    pub fn layer<L>(self, layer: L) -> Runtime<L::Service, H>
    where
        L: Layer<S>,
        L::Service: Service<LambdaInvocation, Response = (), Error = Error>,
    {
        let handlers = Handlers { events: layer.layer(self.handlers.events), http: self.handlers.http };
        Runtime { handlers, hooks: self.hooks, limits: self.limits, listener: self.listener }
    }

    /// Calls `hook` when FC asks the instance to get ready: once, before the first request, where the
    /// function's `instanceLifecycleConfig` has an initializer. Only when it succeeds do requests
    /// come.
    pub fn on_initialize<F, Fut, E>(mut self, function: F) -> Self
    where
        F: FnMut(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Diagnostic> + Debug,
    {
        self.hooks.initialize = hook(function);
        self
    }

    /// Calls `hook` when FC is about to stop the instance, where the function's
    /// `instanceLifecycleConfig` has a preStop. The instance stops whatever comes of it.
    pub fn on_pre_stop<F, Fut, E>(mut self, function: F) -> Self
    where
        F: FnMut(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Diagnostic> + Debug,
    {
        self.hooks.pre_stop = hook(function);
        self
    }

    /// Serves on this socket instead of the port that the environment names.
    pub fn listener(mut self, listener: TcpListener) -> Self {
        self.listener = Some(listener);
        self
    }

    /// Bears with more or less than by default.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// `false`: FC has no SnapStart.
    pub fn is_snapstart(&self) -> bool {
        false
    }

    /// Takes a resource whose hooks are never called: FC has no SnapStart.
    pub fn register_snapstart_resource(self, _resource: Arc<dyn SnapStartResource>) -> Self {
        self
    }
}

impl<S, H> Runtime<S, H>
where
    S: Service<LambdaInvocation, Response = (), Error = Error>,
    H: Mount,
{
    /// Serves one request at a time, on this task, until SIGTERM.
    ///
    /// # Errors
    ///
    /// When the port cannot be listened on, or when the service's `poll_ready` fails.
    pub async fn run(self) -> Result<(), Error> {
        let Self { handlers, hooks, limits, listener } = self;
        let mut server = Server::start(listener, limits, hooks, Calls::InTurn)?;
        let handlers = Arc::new(Mutex::new(handlers));
        let mut connections = FuturesUnordered::new();
        let outcome = loop {
            tokio::select! {
                biased;
                Some(ended) = connections.next() => {
                    // Handlers and streams are caught where they are called; what is left, such as a value
                    // that panics when it is dropped, ends its connection as it ends a task.
                    if let Err(_panic) = ended {
                        tracing::error!("a connection panicked");
                    }
                }
                accepted = server.accept() => match accepted {
                    Ok(Some(guest)) => {
                        connections.push(AssertUnwindSafe(guest.serve(handlers.clone())).catch_unwind());
                    }
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                },
            }
        };
        server.finish(|cx| connections.poll_next_unpin(cx).map(|ended| ended.map(drop))).await;
        outcome
    }
}

impl<S, H> Runtime<S, H>
where
    S: Service<LambdaInvocation, Response = (), Error = Error> + Clone + Send + 'static,
    S::Future: Send + 'static,
    H: Mount + Clone + Send + 'static,
    H::Future: Send + 'static,
{
    /// Serves as many requests at a time as FC sends, [`Limits::concurrency`] at most, each connection
    /// on a task and a clone of the services of its own, until SIGTERM.
    ///
    /// # Errors
    ///
    /// When the port cannot be listened on. A clone whose `poll_ready` fails fails its invocation.
    pub async fn run_concurrent(self) -> Result<(), Error> {
        let Self { handlers, hooks, limits, listener } = self;
        let mut server = Server::start(listener, limits, hooks, Calls::AtOnce)?;
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                Some(ended) = connections.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a connection's task");
                    }
                }
                accepted = server.accept() => match accepted? {
                    Some(guest) => {
                        let handlers = Arc::new(Mutex::new(handlers.clone()));
                        connections.spawn(guest.serve(handlers));
                    }
                    None => break,
                },
            }
        }
        server.finish(|cx| connections.poll_join_next(cx).map(|ended| ended.map(drop))).await;
        Ok(())
    }
}
