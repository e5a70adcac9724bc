//! HTTP triggers: requests to a function's own address. In Function Compute each trigger has a host of
//! its own; here it is `<functionName>.fcapp.localhost` (browsers take every `*.localhost` for this
//! machine), or the path `/fcapp/<functionName>/…` for whoever cannot choose the host.

use std::sync::Arc;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, Response, Uri};

use super::{Front, Handler, Parts, answer, handler};
use crate::fc::FunctionCompute;
use crate::fc::triggers::AuthType;

/// The host of every HTTP trigger ends so.
const HOST_SUFFIX: &str = ".fcapp.localhost";
/// The path of every HTTP trigger begins so, when its host does not tell it.
const PATH_PREFIX: &str = "/fcapp/";

/// Answers whom the HTTP trigger of the named function lets in; None when there is no such function or trigger.
pub type Auth = Box<dyn Fn(&str) -> Option<AuthType> + Send + Sync>;

/// HTTP triggers, as the front sees them.
pub struct Web {
    /// Whom they let in.
    pub auth: Auth,
    /// Passes a request to the function whose [`FunctionName`] is among the request's extensions. What
    /// it answers is passed on as it is.
    pub pass: Handler,
}

/// Whose HTTP trigger a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionName(pub String);

impl Web {
    /// The HTTP triggers of `functions`.
    pub fn new(functions: Arc<FunctionCompute>) -> Self {
        let fc = functions.clone();
        let auth = move |name: &str| Some(fc.s_yaml().function(name)?.http_trigger()?.auth);
        let pass = handler(move |request: Request<Bytes>| {
            let functions = functions.clone();
            let name = request.extensions().get::<FunctionName>().map(|name| name.0.clone()).unwrap_or_default();
            async move { functions.http(&name, request).await.unwrap_or_else(|error| answer::rpc_error(&error)) }
        });
        Self { auth: Box::new(auth), pass }
    }
}

/// Whose HTTP trigger a request is for, and the address as the function is to see it.
pub(super) struct Target {
    function: FunctionName,
    uri: Uri,
}

impl Target {
    /// None when the request is for one of the services.
    pub(super) fn of(request: &Request<Bytes>) -> Option<Self> {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).or(request.uri().host());
        let by_host = host.and_then(|host| host.split(':').next()?.strip_suffix(HOST_SUFFIX));
        let (name, uri) = match by_host {
            Some(name) => (name, request.uri().clone()),
            None => {
                let rest = request.uri().path_and_query()?.as_str().strip_prefix(PATH_PREFIX)?;
                let (name, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
                let uri = if rest.starts_with('/') { rest.parse() } else { format!("/{rest}").parse() };
                (name, uri.ok()?)
            }
        };
        (!name.is_empty()).then(|| Self { function: FunctionName(name.to_owned()), uri })
    }
}

impl Front {
    /// Answers a request to an HTTP trigger. Where the trigger wants signatures, they are those of the
    /// OpenAPI with all of its headers; of these, FC's documentation (HTTP triggers, signature
    /// authentication) names `x-acs-date` and `x-acs-security-token` only.
    pub(super) async fn web(&self, target: Target, mut request: Request<Bytes>) -> Response<Bytes> {
        let web = &self.services.web;
        if (web.auth)(&target.function.0) == Some(AuthType::Function)
            && let Err(error) = self.gate.acs3(&Parts::of(&request).wire(&request))
        {
            return answer::rpc_error(&error);
        }
        *request.uri_mut() = target.uri;
        request.extensions_mut().insert(target.function);
        (web.pass)(request).await
    }
}
