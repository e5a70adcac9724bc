//! The HTTP side: connections, the kinds of request, and how an answer is told to FC.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use crate::http_trigger::HttpRequest;
use crate::respond::{Answer, Reply};
use crate::runtime::{LambdaInvocation, marker};
use crate::streaming::Body;
use crate::{Config, Context, Diagnostic, Error};

/// Port without any variable (FC docs, custom runtime).
const DEFAULT_PORT: u16 = 9000;
/// Largest event, bytes (FC limits: 32 MB for a synchronous invocation).
const MAX_EVENT: usize = 32 << 20;
/// How long answers may still be written after SIGTERM: enough for 32 MB over a slow link, short
/// enough that a client that never reads does not keep the process.
const LAST_WRITES: Duration = Duration::from_secs(5);
/// Rest after a failed accept (out of file descriptors), so that it does not spin.
const ACCEPT_REST: Duration = Duration::from_millis(10);

/// What FC wants (FC docs, `x-fc-control-path`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Invoke,
    HttpInvoke,
    Initialize,
    PreStop,
}

impl Control {
    /// By the header; by method and path when there is none or an unknown one. The header comes
    /// first because an HTTP trigger's client may ask for any path, `/invoke` too.
    fn of(parts: &Parts) -> Self {
        let named = parts.headers.get("x-fc-control-path").and_then(|v| v.to_str().ok());
        match named {
            Some("/invoke") => return Self::Invoke,
            Some("/http-invoke") => return Self::HttpInvoke,
            Some("/initialize") => return Self::Initialize,
            Some("/pre-stop") => return Self::PreStop,
            _ => {}
        }
        match (&parts.method, parts.uri.path()) {
            (&Method::POST, "/invoke") => Self::Invoke,
            (&Method::POST, "/initialize") => Self::Initialize,
            (&Method::GET, "/pre-stop") => Self::PreStop,
            _ => Self::HttpInvoke,
        }
    }
}

/// The socket that the environment asks for.
pub(crate) fn bind(var: impl Fn(&str) -> Option<String>) -> Result<TcpListener, Error> {
    let (host, port) = address(var)?;
    TcpListener::bind((host.as_str(), port)).map_err(|e| format!("listen on {host}:{port}: {e}").into())
}

fn address(var: impl Fn(&str) -> Option<String>) -> Result<(String, u16), Error> {
    let host = var("RUNTIME_LISTEN_HOST").unwrap_or_else(|| "0.0.0.0".into());
    for name in ["FC_CUSTOM_LISTEN_PORT", "FC_SERVER_PORT"] {
        if let Some(port) = var(name) {
            return Ok((host, port.parse().map_err(|e| format!("{name}={port}: {e}"))?));
        }
    }
    Ok((host, DEFAULT_PORT))
}

/// What every connection needs.
struct Shared {
    config: Arc<Config>,
    queue: mpsc::UnboundedSender<LambdaInvocation>,
}

/// The listening socket and its connections. Dropping it stops both.
pub(crate) struct Server {
    queue: mpsc::UnboundedReceiver<LambdaInvocation>,
    accepting: AbortHandle,
    stop: watch::Sender<bool>,
    /// Yields `None` once every connection is over: each holds a sender.
    connections: mpsc::Receiver<()>,
}

impl Server {
    /// Accepts from now on. Needs a Tokio runtime with I/O around it.
    pub(crate) fn start(listener: TcpListener) -> Result<Self, Error> {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        // One request at a time per connection, so what waits here is bounded by the connections.
        let (sender, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { config: Arc::new(Config::from_env()), queue: sender });
        let (stop, stopping) = watch::channel(false);
        let (alive, connections) = mpsc::channel(1);
        let accepting = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let connection = connection(stream, shared.clone(), stopping.clone());
                        let alive = alive.clone();
                        tokio::spawn(async move {
                            connection.await;
                            drop(alive);
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "accept");
                        tokio::time::sleep(ACCEPT_REST).await;
                    }
                }
            }
        });
        Ok(Self { queue, accepting: accepting.abort_handle(), stop, connections })
    }

    /// The next invocation.
    pub(crate) async fn next(&mut self) -> LambdaInvocation {
        match self.queue.recv().await {
            Some(invocation) => invocation,
            // The accepting task holds a sender until `close`; this is never reached before.
            None => std::future::pending().await,
        }
    }

    /// Accepts nothing any more and answers the invocations that were read already.
    pub(crate) fn close(&mut self) -> Vec<LambdaInvocation> {
        self.accepting.abort();
        self.queue.close();
        self.stop.send_replace(true);
        std::iter::from_fn(|| self.queue.try_recv().ok()).collect()
    }

    /// Waits until the last answers are written, for [`LAST_WRITES`] at most.
    pub(crate) async fn finish(mut self) {
        // Either way the process may end now.
        let _ = tokio::time::timeout(LAST_WRITES, self.connections.recv()).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Serves one connection until its end, or until the answer under way when the server stops.
async fn connection(stream: TcpStream, shared: Arc<Shared>, mut stopping: watch::Receiver<bool>) {
    // Without it small answers wait for acknowledgements; where it fails they are only slower.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(answer(&shared, request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        // An error means that the server is gone, which is a stop too.
        () = async { drop(stopping.wait_for(|stop| *stop).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "connection");
    }
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let control = Control::of(&parts);
    let body = match Limited::new(body, MAX_EVENT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return refuse(error, control),
    };
    match control {
        Control::Initialize => hook("Initialize", &parts),
        Control::PreStop => hook("PreStop", &parts),
        Control::Invoke | Control::HttpInvoke => {
            let answer = invoke(shared, parts, body, control).await;
            tell(answer, control)
        }
    }
}

fn request_id(parts: &Parts) -> &str {
    parts.headers.get("x-fc-request-id").and_then(|v| v.to_str().ok()).unwrap_or_default()
}

/// Lifecycle hooks have nothing to do here, but FC waits for a 200 where they are configured.
fn hook(what: &str, parts: &Parts) -> Response<Body> {
    let id = request_id(parts);
    marker(&format!("{what} Start"), id);
    marker(&format!("{what} End"), id);
    tell(Ok(Response::new(Body::empty())), Control::Invoke)
}

fn refuse(error: Error, control: Control) -> Response<Body> {
    let too_large = error.is::<LengthLimitError>();
    let message = if too_large {
        format!("the event is larger than {MAX_EVENT} bytes")
    } else {
        format!("the event was not received: {error}")
    };
    let mut response = tell(Err(Diagnostic::new("RequestError", message)), control);
    if too_large {
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
    }
    response
}

/// Hands the request to the loop and waits for what becomes of it.
async fn invoke(shared: &Shared, request: Parts, body: Bytes, control: Control) -> Answer {
    let body = match control {
        Control::HttpInvoke => {
            let event = serde_json::to_vec(&HttpRequest::of(&request, &body));
            event.map_err(|e| Diagnostic::new("RequestError", e.to_string()))?.into()
        }
        _ => body,
    };
    let context = Context::new(request_id(&request), shared.config.clone(), &request.headers)?;
    let (reply, answer) = Reply::new();
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.headers = request.headers;
    parts.extensions.insert(reply);
    parts.extensions.insert(control);
    let gone = |_| Diagnostic::new("RuntimeStopped", "the invocation was dropped before it was answered");
    if shared.queue.send(LambdaInvocation { parts, body, context }).is_err() {
        return Err(gone(()));
    }
    let response = answer.await.map_err(|_| gone(()))??;
    if control == Control::HttpInvoke || response.body().is_whole() {
        return Ok(response);
    }
    // FC does not stream the answer of an event. Collected here, a stream that breaks off becomes
    // a failed invocation instead of half an answer.
    let (parts, body) = response.into_parts();
    let whole = body.collect().await.map_err(|e| Diagnostic::new("StreamError", e.to_string()))?;
    Ok(Response::from_parts(parts, Body::from(whole.to_bytes())))
}

/// `x-fc-status` is what FC goes by; the HTTP status reaches callers of HTTP triggers only (FC docs,
/// error handling of custom runtimes).
fn tell(answer: Answer, control: Control) -> Response<Body> {
    let (mut response, status) = match answer {
        Ok(response) => (response, "200"),
        Err(diagnostic) => {
            // Two strings always serialise.
            let body = serde_json::to_vec(&diagnostic).unwrap_or_default();
            let mut response = Response::new(Body::from(body));
            *response.status_mut() =
                if control == Control::HttpInvoke { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::NOT_FOUND };
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            (response, "404")
        }
    };
    response.headers_mut().insert("x-fc-status", HeaderValue::from_static(status));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(method: &str, path: &str, header: Option<&str>) -> Control {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(header) = header {
            request = request.header("x-fc-control-path", header);
        }
        Control::of(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn the_header_decides_and_the_path_stands_in() {
        assert_eq!(control("POST", "/invoke", Some("/http-invoke")), Control::HttpInvoke);
        assert_eq!(control("POST", "/x", Some("/invoke")), Control::Invoke);
        assert_eq!(control("POST", "/initialize", Some("/initialize")), Control::Initialize);
        assert_eq!(control("POST", "/invoke", None), Control::Invoke);
        assert_eq!(control("GET", "/invoke", None), Control::HttpInvoke);
        assert_eq!(control("GET", "/pre-stop", None), Control::PreStop);
        assert_eq!(control("GET", "/", None), Control::HttpInvoke);
    }

    #[test]
    fn the_port_is_looked_for_in_order() {
        let with = |vars: &'static [(&str, &str)]| {
            address(|name| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string()))
        };
        assert_eq!(with(&[]).unwrap(), ("0.0.0.0".into(), 9000));
        assert_eq!(with(&[("FC_SERVER_PORT", "80")]).unwrap().1, 80);
        assert_eq!(with(&[("FC_SERVER_PORT", "80"), ("FC_CUSTOM_LISTEN_PORT", "81")]).unwrap().1, 81);
        assert_eq!(with(&[("RUNTIME_LISTEN_HOST", "127.0.0.1")]).unwrap().0, "127.0.0.1");
        let error = with(&[("FC_CUSTOM_LISTEN_PORT", "x")]).unwrap_err().to_string();
        assert!(error.starts_with("FC_CUSTOM_LISTEN_PORT=x"), "{error}");
    }
}
