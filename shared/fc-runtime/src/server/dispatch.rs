//! From a request to its answer.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio::sync::{Mutex, MutexGuard, SemaphorePermit};
use tower::Service;
use tracing::{Instrument, Span};

use super::body::{Piecemeal, Streamed};
use super::log::Log;
use super::peer::Phase;
use super::tell::{refuse, tell};
use super::{Desk, Handlers, Seat, Shared, body};
use crate::context::{Call, Control, Headers, PREFIX};
use crate::hooks::Hook;
use crate::http_trigger::{HttpRequest, Mount};
use crate::layers::trace::request_span;
use crate::respond::Answer;
use crate::runtime::LambdaInvocation;
use crate::streaming::Body;
use crate::{Context, Diagnostic, Error};

/// By method and path, when `x-fc-control-path` is missing or unknown. The header comes first because
/// an HTTP trigger's client may ask for any path, `/invoke` too.
fn by_path(parts: &Parts) -> Control {
    match (&parts.method, parts.uri.path()) {
        (&Method::POST, "/invoke") => Control::Invoke,
        (&Method::POST, "/initialize") => Control::Initialize,
        (&Method::GET, "/pre-stop") => Control::PreStop,
        _ => Control::HttpInvoke,
    }
}

/// Answers one request, whatever it is and whatever becomes of it.
pub(super) async fn answer<S, H>(desk: Arc<Desk<S, H>>, request: Request<Incoming>) -> Response<Body>
where
    S: Service<LambdaInvocation, Response = (), Error = Error>,
    H: Mount,
{
    let Desk { seat: Seat { shared, peer }, handlers } = &*desk;
    peer.begin();
    let (mut parts, body) = request.into_parts();
    let mut headers = Headers::of(&mut parts.headers);
    let control = headers.control().unwrap_or_else(|| by_path(&parts));
    headers.set_control(control);
    let context = Context::of(headers, shared.config.clone());
    let most = shared.limits.event_bytes;
    let answer = if H::MOUNTED && control == Control::HttpInvoke {
        peer.enter(Phase::Answering);
        let body = Body::new(Piecemeal::new(body, most, peer.clone()));
        http(shared, handlers, client_request(parts, body, context)).await
    } else {
        let (body, large) = match body::whole(body, most, &shared.larges, peer).await {
            Ok(read) => read,
            Err(unread) => {
                peer.enter(Phase::Idle);
                return refuse(&unread, most, control);
            }
        };
        peer.enter(Phase::Answering);
        match control {
            Control::Invoke | Control::HttpInvoke => match invocation(parts, body, context, control) {
                Ok((call, invocation)) => event(shared, handlers, &call, invocation, large).await,
                Err(diagnostic) => Err(diagnostic),
            },
            Control::Initialize => hook(&shared.log, "Initialize", shared.hooks.initialize.as_ref(), context).await,
            Control::PreStop => hook(&shared.log, "PreStop", shared.hooks.pre_stop.as_ref(), context).await,
        }
    };
    let response = tell(answer, control);
    if response.body().is_whole() {
        peer.enter(Phase::Idle);
        return response;
    }
    response.map(|body| Body::new(Streamed::new(body, peer.clone())))
}

/// What goes through the layers, and the way back.
fn invocation(
    request: Parts,
    body: Bytes,
    context: Context,
    control: Control,
) -> Result<(Arc<Call>, LambdaInvocation), Diagnostic> {
    let body = match control {
        Control::HttpInvoke => {
            let event = serde_json::to_vec(&HttpRequest::of(&request, &body));
            event.map_err(|e| Diagnostic::new("RequestError", e.to_string()))?.into()
        }
        _ => body,
    };
    // A context that was made of a request has it.
    let call = context.call().cloned().ok_or_else(unanswered)?;
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.headers = request.headers;
    Ok((call, LambdaInvocation { parts, body, context }))
}

/// Calls the event handler.
async fn event<S, H>(
    shared: &Shared,
    handlers: &Mutex<Handlers<S, H>>,
    call: &Call,
    invocation: LambdaInvocation,
    large: Option<SemaphorePermit<'_>>,
) -> Answer
where
    S: Service<LambdaInvocation, Response = (), Error = Error>,
{
    let (outcome, answer) = {
        let _place = shared.place().await;
        let mut handlers = turn(handlers).await;
        // Handlers at work are bounded as well: the next one may be read.
        drop(large);
        if let Err(error) = guarded(|| poll_fn(|cx| handlers.events.poll_ready(cx))).await? {
            return Err(shared.unready(error));
        }
        let request_id = call.request_id();
        shared.log.start("Invoke Start", request_id);
        let outcome = guarded(|| handlers.events.call(invocation)).await;
        let answer = call.take_answer();
        let panicked = outcome.is_err() || matches!(&answer, Some(Err(failed)) if failed.is_panic());
        shared.log.end("Invoke End", request_id, panicked);
        (outcome, answer)
    };
    let failed = match outcome {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(Diagnostic::from(error)),
        Err(panic) => Some(panic),
    };
    if let Some(failed) = &failed {
        tracing::error!(request_id = call.request_id(), error = failed.error_message, "a layer failed");
    }
    // What the handler answered stands, whatever a layer says after it.
    let response = answer.unwrap_or_else(|| Err(failed.unwrap_or_else(unanswered)))?;
    if call.control() == Control::HttpInvoke || response.body().is_whole() {
        return Ok(response);
    }
    // FC does not stream the answer of an event. Collected here, a stream that breaks off becomes
    // a failed invocation instead of half an answer.
    let (parts, body) = response.into_parts();
    let whole = body.collect().await.map_err(|e| Diagnostic::new("StreamError", e.to_string()))?;
    Ok(Response::from_parts(parts, Body::from(whole.to_bytes())))
}

/// Waits for one's turn, without a queue where nobody else is there.
async fn turn<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    match held.try_lock() {
        Ok(held) => held,
        Err(_) => held.lock().await,
    }
}

fn unanswered() -> Diagnostic {
    Diagnostic::new("RuntimeStopped", "the invocation was dropped before it was answered")
}

/// A client's request as a handler gets it: without FC's headers, some of which are secret.
fn client_request(mut parts: Parts, body: Body, context: Context) -> Request<Body> {
    let all = std::mem::take(&mut parts.headers);
    let mut headers = HeaderMap::with_capacity(all.len());
    let mut last = None;
    for (name, value) in all {
        // The second value of a header comes without its name.
        if name.is_some() {
            last = name;
        }
        if let Some(name) = last.as_ref().filter(|name| !name.as_str().starts_with(PREFIX)) {
            headers.append(name, value);
        }
    }
    parts.headers = headers;
    parts.extensions.insert(context);
    Request::from_parts(parts, body)
}

/// Calls the HTTP service.
async fn http<S, H: Mount>(shared: &Shared, handlers: &Mutex<Handlers<S, H>>, request: Request<Body>) -> Answer {
    let context = request.extensions().get::<Context>();
    let request_id = context.map(|context| context.request_id.clone()).unwrap_or_default();
    let span = context.map_or_else(Span::none, request_span);
    let _place = shared.place().await;
    let mut handlers = turn(handlers).await;
    if let Err(error) = guarded(|| poll_fn(|cx| handlers.http.poll_ready(cx))).await? {
        return Err(shared.unready(error));
    }
    shared.log.start("Invoke Start", &request_id);
    let outcome = guarded(|| span.in_scope(|| handlers.http.call(request)).instrument(span.clone())).await;
    shared.log.end("Invoke End", &request_id, outcome.is_err());
    outcome.flatten()
}

/// Calls a lifecycle hook. FC waits for an answer where one is configured, also without a handler.
async fn hook(log: &Log, what: &str, hook: Option<&Mutex<Hook>>, context: Context) -> Answer {
    let request_id = context.request_id.clone();
    log.start(&format!("{what} Start"), &request_id);
    let mut outcome = Ok(());
    if let Some(hook) = hook {
        let mut hook = turn(hook).await;
        outcome = guarded(|| hook(context)).await.flatten();
    }
    #[cfg(feature = "graceful-shutdown")]
    if what == "PreStop" {
        crate::shutdown::run_hook().await;
    }
    log.end(&format!("{what} End"), &request_id, false);
    outcome.map(|()| Response::new(Body::empty())).inspect_err(|diagnostic| {
        tracing::error!(error_type = diagnostic.error_type, error_message = diagnostic.error_message, "{what} failed");
    })
}

/// Awaits what `start` returns; a panic on the way is an error.
fn guarded<Fut: Future>(start: impl FnOnce() -> Fut) -> Guarded<Fut> {
    match catch_unwind(AssertUnwindSafe(start)) {
        Ok(running) => Guarded { running: Some(running), panicked: None },
        Err(panic) => Guarded { running: None, panicked: Some(Diagnostic::panicked(&*panic)) },
    }
}

pin_project! {
    /// A future whose panics are errors.
    struct Guarded<Fut> {
        #[pin]
        running: Option<Fut>,
        panicked: Option<Diagnostic>,
    }
}

impl<Fut: Future> Future for Guarded<Fut> {
    type Output = Result<Fut::Output, Diagnostic>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(panicked) = this.panicked.take() {
            return Poll::Ready(Err(panicked));
        }
        // Polled after its end it has nothing more to say, as any future.
        let Some(running) = this.running.as_mut().as_pin_mut() else { return Poll::Pending };
        match catch_unwind(AssertUnwindSafe(|| running.poll(cx))) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(Diagnostic::panicked(&*panic))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(method: &str, path: &str, header: Option<&str>) -> Control {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(header) = header {
            request = request.header("x-fc-control-path", header);
        }
        let mut parts = request.body(()).unwrap().into_parts().0;
        Headers::of(&mut parts.headers).control().unwrap_or_else(|| by_path(&parts))
    }

    #[test]
    fn the_header_decides_and_the_path_stands_in() {
        assert_eq!(control("POST", "/invoke", Some("/http-invoke")), Control::HttpInvoke);
        assert_eq!(control("POST", "/x", Some("/invoke")), Control::Invoke);
        assert_eq!(control("POST", "/initialize", Some("/initialize")), Control::Initialize);
        assert_eq!(control("POST", "/initialize", Some("/other")), Control::Initialize);
        assert_eq!(control("POST", "/invoke", None), Control::Invoke);
        assert_eq!(control("GET", "/invoke", None), Control::HttpInvoke);
        assert_eq!(control("GET", "/pre-stop", None), Control::PreStop);
        assert_eq!(control("GET", "/", None), Control::HttpInvoke);
    }

    #[test]
    fn a_client_s_request_has_the_client_s_headers() {
        let request = Request::get("/")
            .header("x-fc-access-key-secret", "s")
            .header("accept", "a")
            .header("accept", "b")
            .header("x-fcl", "1");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let request = client_request(parts, Body::empty(), Context::default());
        let names: Vec<_> = request.headers().iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect();
        assert_eq!(names, [("accept", "a"), ("accept", "b"), ("x-fcl", "1")]);
    }
}
