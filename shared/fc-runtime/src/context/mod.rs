//! What a handler learns beside the event: who calls, as whom, and how long there is.

mod config;
mod fc;
mod headers;
mod lambda;

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use config::Config;
pub use fc::{Credentials, FcContext};
pub(crate) use headers::{Control, Headers, PREFIX};
pub use lambda::{ClientApplication, ClientContext, CognitoIdentity};

use crate::Error;
use crate::respond::Answer;

/// What a deadline assumes when a request does not name the function's timeout: the longest one
/// that FC allows (86 400 s, FC limits). A guess that is too short would end work that has time.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(86_400);

/// An event with its context: what a handler is called with.
#[derive(Clone, Debug)]
pub struct LambdaEvent<T> {
    /// The event, parsed.
    pub payload: T,
    /// The circumstances of this invocation.
    pub context: Context,
}

impl<T> LambdaEvent<T> {
    /// An event of these two parts.
    pub fn new(payload: T, context: Context) -> Self {
        Self { payload, context }
    }

    /// The two parts.
    pub fn into_parts(self) -> (T, Context) {
        (self.payload, self.context)
    }
}

/// The circumstances of one invocation.
///
/// Serialised, it holds no credentials.
#[derive(Clone, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Context {
    /// Id of the request, opaque; the same for every retry of an asynchronous invocation.
    pub request_id: String,
    /// When the invocation is cut off, epoch milliseconds. FC sends none to custom runtimes: it is
    /// the receipt plus the function's timeout (of an initializer its own, where the request names it), or
    /// plus a day when the request names no timeout.
    pub deadline: u64,
    /// `acs:fc:REGION:ACCOUNT:functions/NAME`
    pub invoked_function_arn: String,
    /// Span context of the trace that this call is part of, when tracing is on.
    pub xray_trace_id: Option<String>,
    /// `None` on FC.
    #[serde(default)]
    pub client_context: Option<ClientContext>,
    /// `None` on FC.
    #[serde(default)]
    pub identity: Option<CognitoIdentity>,
    /// `None` on FC.
    #[serde(default)]
    pub tenant_id: Option<String>,
    /// What the environment says of the function.
    #[serde(serialize_with = "config_to", deserialize_with = "config_from")]
    pub env_config: Arc<Config>,
    /// What the request said, until somebody asks.
    #[serde(skip)]
    call: Option<Arc<Call>>,
    /// What stands in its place.
    #[serde(skip)]
    fc: Option<Arc<FcContext>>,
}

fn config_to<S: Serializer>(config: &Arc<Config>, serializer: S) -> Result<S::Ok, S::Error> {
    config.serialize(serializer)
}

fn config_from<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Config>, D::Error> {
    Config::deserialize(deserializer).map(Arc::new)
}

/// One request, shared by the clones of its context: its headers and the place for its answer.
pub(crate) struct Call {
    headers: Headers,
    fc: OnceLock<FcContext>,
    answer: Mutex<Option<Answer>>,
}

impl Call {
    /// Leaves the answer for whoever sent the invocation on its way.
    pub(crate) fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    /// The answer, when there is one.
    pub(crate) fn take_answer(&self) -> Option<Answer> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What kind of request it is.
    pub(crate) fn control(&self) -> Control {
        self.headers.control().unwrap_or(Control::Invoke)
    }

    /// The request's id.
    pub(crate) fn request_id(&self) -> &str {
        self.headers.request_id()
    }

    fn fc(&self) -> &FcContext {
        self.fc.get_or_init(|| self.headers.fc())
    }
}

impl Context {
    /// The context of a request with these headers (FC docs, custom runtime request headers),
    /// received now. Every header may be missing; numbers that do not parse count as missing.
    ///
    /// For tests that were written for Lambda, `lambda-runtime-*` headers count too: deadline, ARN,
    /// trace, tenant, client context and identity. The server does not look at them.
    ///
    /// # Errors
    ///
    /// When one of the latter does not parse.
    pub fn new(request_id: &str, env_config: Arc<Config>, headers: &HeaderMap) -> Result<Self, Error> {
        let mut context = Self::of(Headers::of(&mut headers.clone()), env_config);
        request_id.clone_into(&mut context.request_id);
        lambda::read(&mut context, headers)?;
        Ok(context)
    }

    /// The context of a request with these headers, received now.
    pub(crate) fn of(headers: Headers, env_config: Arc<Config>) -> Self {
        let timeout = headers.timeout().unwrap_or(LONGEST_TIMEOUT).min(LONGEST_TIMEOUT);
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + timeout;
        Self {
            request_id: headers.request_id().to_owned(),
            // Milliseconds since 1970 pass 2^64 in 584 million years.
            deadline: since_epoch.as_millis() as u64,
            invoked_function_arn: headers.arn(&env_config.function_name),
            xray_trace_id: headers.span_context().map(ToOwned::to_owned),
            client_context: None,
            identity: None,
            tenant_id: None,
            env_config,
            call: Some(Arc::new(Call { headers, fc: OnceLock::new(), answer: Mutex::new(None) })),
            fc: None,
        }
    }

    /// When the invocation is cut off.
    pub fn deadline(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.deadline)
    }

    /// What only Function Compute tells; read from the request when first asked for.
    pub fn fc(&self) -> &FcContext {
        static NOTHING: OnceLock<FcContext> = OnceLock::new();
        match (&self.fc, &self.call) {
            (Some(fc), _) => fc,
            (None, Some(call)) => call.fc(),
            (None, None) => NOTHING.get_or_init(FcContext::default),
        }
    }

    /// This context with other FC facts: for tests of handlers and for callers outside FC.
    pub fn with_fc(mut self, fc: FcContext) -> Self {
        self.fc = Some(Arc::new(fc));
        self
    }

    /// The request that this is the context of; none when it was made otherwise.
    pub(crate) fn call(&self) -> Option<&Arc<Call>> {
        self.call.as_ref()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("request_id", &self.request_id)
            .field("deadline", &self.deadline)
            .field("invoked_function_arn", &self.invoked_function_arn)
            .field("xray_trace_id", &self.xray_trace_id)
            .field("client_context", &self.client_context)
            .field("identity", &self.identity)
            .field("tenant_id", &self.tenant_id)
            .field("env_config", &self.env_config)
            .field("fc", self.fc())
            .finish()
    }
}

impl PartialEq for Context {
    fn eq(&self, other: &Self) -> bool {
        self.request_id == other.request_id
            && self.deadline == other.deadline
            && self.invoked_function_arn == other.invoked_function_arn
            && self.xray_trace_id == other.xray_trace_id
            && self.client_context == other.client_context
            && self.identity == other.identity
            && self.tenant_id == other.tenant_id
            && self.env_config == other.env_config
            && self.fc() == other.fc()
    }
}

impl Eq for Context {}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers() -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-fc-access-key-id", "STS.id"),
            ("x-fc-access-key-secret", "the-secret"),
            ("x-fc-security-token", "the-token"),
            ("x-fc-function-name", "detect"),
            ("x-fc-function-timeout", "60"),
            ("x-fc-region", "cn-hangzhou"),
            ("x-fc-account-id", "123"),
            ("x-fc-qualifier", "LATEST"),
            ("x-fc-retry-count", "2"),
            ("x-fc-service-logproject", "p"),
            ("x-fc-tracing-opentracing-span-context", "span"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn headers_become_fields() {
        let before = SystemTime::now();
        let context = Context::new("r-1", Arc::default(), &headers()).unwrap();
        assert_eq!(context.request_id, "r-1");
        assert_eq!(context.invoked_function_arn, "acs:fc:cn-hangzhou:123:functions/detect");
        assert_eq!(context.xray_trace_id.as_deref(), Some("span"));
        assert_eq!(context.fc().retry_count, 2);
        assert_eq!(context.fc().qualifier, "LATEST");
        assert_eq!(context.fc().log_project, "p");
        assert_eq!(context.fc().credentials.security_token.as_deref(), Some("the-token"));
        let left = context.deadline().duration_since(before).unwrap();
        assert!(left >= Duration::from_millis(59_999) && left < Duration::from_secs(90), "{left:?}");
    }

    #[test]
    fn an_initializer_has_its_own_deadline() {
        let left = |own: Option<&'static str>| {
            let mut headers = headers();
            headers.insert("x-fc-control-path", "/initialize".parse().unwrap());
            own.map(|own| headers.insert("x-fc-initialization-timeout", own.parse().unwrap()));
            let before = SystemTime::now();
            Context::new("", Arc::default(), &headers).unwrap().deadline().duration_since(before).unwrap().as_secs()
                / 100
        };
        assert_eq!((left(Some("310")), left(Some("soon")), left(None)), (3, 0, 0));
        // Of an invocation it says nothing.
        let mut headers = headers();
        headers.insert("x-fc-initialization-timeout", "310".parse().unwrap());
        let context = Context::new("", Arc::default(), &headers).unwrap();
        assert!(context.deadline() < SystemTime::now() + Duration::from_secs(61));
    }

    #[test]
    fn nothing_is_required() {
        let mut bad = HeaderMap::new();
        bad.insert("x-fc-retry-count", "many".parse().unwrap());
        bad.insert("x-fc-function-timeout", "-1".parse().unwrap());
        bad.insert("x-fc-region", http::HeaderValue::from_bytes(b"\xff").unwrap());
        let config = Config { function_name: "named-by-the-environment".into(), ..Config::default() };
        let context = Context::new("", config.into(), &bad).unwrap();
        assert_eq!(context.fc().retry_count, 0);
        assert_eq!(context.fc().function_timeout, None);
        assert_eq!(context.invoked_function_arn, "acs:fc:::functions/named-by-the-environment");
        assert!(context.deadline() > SystemTime::now() + Duration::from_secs(86_000));
        bad.insert("x-fc-function-timeout", u64::MAX.to_string().parse().unwrap());
        assert!(Context::new("", Arc::default(), &bad).unwrap().deadline() > SystemTime::now());
        assert_eq!(Context::default().fc(), &FcContext::default());
    }

    #[test]
    fn secrets_are_neither_printed_nor_serialised() {
        let context = Context::new("r-1", Arc::default(), &headers()).unwrap();
        let told = format!("{context:?}{}", serde_json::to_string(&context).unwrap());
        assert!(!told.contains("the-secret") && !told.contains("the-token"), "{told}");
        let back: Context = serde_json::from_str(&serde_json::to_string(&context).unwrap()).unwrap();
        assert_ne!(back, context);
        assert_eq!(back.with_fc(context.fc().clone()), context);
    }
}
