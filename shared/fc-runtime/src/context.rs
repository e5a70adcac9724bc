//! What a handler learns beside the event: who calls, as whom, and how long there is.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Context {
    /// Id of the request, opaque; the same for every retry of an asynchronous invocation.
    pub request_id: String,
    /// When the invocation is cut off, epoch milliseconds. FC sends none to custom runtimes: it is
    /// the receipt plus the function's timeout, or plus a day when the request names no timeout.
    pub deadline: u64,
    /// `acs:fc:REGION:ACCOUNT:functions/NAME`
    pub invoked_function_arn: String,
    /// Span context of the trace that this call is part of, when tracing is on.
    pub xray_trace_id: Option<String>,
    /// What the environment says of the function.
    #[serde(serialize_with = "config_to", deserialize_with = "config_from")]
    pub env_config: Arc<Config>,
    #[serde(skip)]
    fc: Arc<FcContext>,
}

fn config_to<S: Serializer>(config: &Arc<Config>, serializer: S) -> Result<S::Ok, S::Error> {
    config.serialize(serializer)
}

fn config_from<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Config>, D::Error> {
    Config::deserialize(deserializer).map(Arc::new)
}

impl Context {
    /// The context of a request with these headers (FC docs, custom runtime request headers),
    /// received now. Every header may be missing; numbers that do not parse count as missing.
    ///
    /// # Errors
    ///
    /// None today; the signature is that of `lambda_runtime`.
    pub fn new(request_id: &str, env_config: Arc<Config>, headers: &HeaderMap) -> Result<Self, Error> {
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        let present = |name: &str| Some(text(name)).filter(|v| !v.is_empty());
        let function_name = present("x-fc-function-name").unwrap_or_else(|| env_config.function_name.clone());
        let fc = FcContext {
            credentials: Credentials {
                access_key_id: text("x-fc-access-key-id"),
                access_key_secret: text("x-fc-access-key-secret"),
                security_token: present("x-fc-security-token"),
            },
            region: text("x-fc-region"),
            account_id: text("x-fc-account-id"),
            function_name,
            qualifier: text("x-fc-qualifier"),
            version_id: text("x-fc-version-id"),
            retry_count: text("x-fc-retry-count").parse().unwrap_or(0),
            function_timeout: text("x-fc-function-timeout").parse().ok().map(Duration::from_secs),
            span_context: present("x-fc-tracing-opentracing-span-context"),
            span_baggages: present("x-fc-tracing-opentracing-span-baggages"),
        };
        let deadline = SystemTime::now() + fc.function_timeout.unwrap_or(LONGEST_TIMEOUT).min(LONGEST_TIMEOUT);
        let since_epoch = deadline.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            request_id: request_id.to_owned(),
            // Milliseconds since 1970 pass 2^64 in 584 million years.
            deadline: since_epoch.as_millis() as u64,
            invoked_function_arn: format!("acs:fc:{}:{}:functions/{}", fc.region, fc.account_id, fc.function_name),
            xray_trace_id: fc.span_context.clone(),
            env_config,
            fc: Arc::new(fc),
        })
    }

    /// When the invocation is cut off.
    pub fn deadline(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.deadline)
    }

    /// What only Function Compute tells.
    pub fn fc(&self) -> &FcContext {
        &self.fc
    }

    /// This context with other FC facts: for tests of handlers and for callers outside FC.
    pub fn with_fc(mut self, fc: FcContext) -> Self {
        self.fc = Arc::new(fc);
        self
    }
}

/// What Function Compute tells with each request, beyond [`Context`]. Empty where it tells nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FcContext {
    /// The function role's temporary key; sent with every request, good for 36 h (FC docs).
    pub credentials: Credentials,
    /// Region id, `cn-hangzhou`.
    pub region: String,
    /// Id of the account that owns the function.
    pub account_id: String,
    /// Name of the function.
    pub function_name: String,
    /// Version or alias that was called, `LATEST`.
    pub qualifier: String,
    /// Version that runs.
    pub version_id: String,
    /// How often this asynchronous invocation was tried before.
    pub retry_count: u32,
    /// The function's timeout, when the request names it.
    pub function_timeout: Option<Duration>,
    /// OpenTracing span context, as sent.
    pub span_context: Option<String>,
    /// OpenTracing baggage, base64 of a JSON map, as sent.
    pub span_baggages: Option<String>,
}

/// A temporary access key. Never printed in full and never serialised.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Access key id.
    pub access_key_id: String,
    /// Access key secret.
    pub access_key_secret: String,
    /// Goes along with every signed request.
    pub security_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// What the environment says of the function (FC docs, environment variables of custom runtimes).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// `FC_FUNCTION_NAME`
    pub function_name: String,
    /// `FC_FUNCTION_MEMORY_SIZE`, MB; -1 when missing or not a number.
    pub memory: i32,
    /// `FC_FUNCTION_VERSION`, or `FC_VER_ID` on older images.
    pub version: String,
    /// Empty: FC names no log stream.
    pub log_stream: String,
    /// Empty: FC names the log store in requests only.
    pub log_group: String,
}

impl Config {
    /// Reads the environment; what is missing is left empty.
    pub fn from_env() -> Self {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    fn from_lookup(var: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            function_name: var("FC_FUNCTION_NAME").unwrap_or_default(),
            memory: var("FC_FUNCTION_MEMORY_SIZE").and_then(|v| v.parse().ok()).unwrap_or(-1),
            version: var("FC_FUNCTION_VERSION").or_else(|| var("FC_VER_ID")).unwrap_or_default(),
            log_stream: String::new(),
            log_group: String::new(),
        }
    }
}

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
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn headers_become_fields() {
        let before = SystemTime::now();
        let context = Context::new("r-1", Arc::default(), &headers()).unwrap();
        assert_eq!(context.invoked_function_arn, "acs:fc:cn-hangzhou:123:functions/detect");
        assert_eq!(context.fc().retry_count, 2);
        assert_eq!(context.fc().qualifier, "LATEST");
        assert_eq!(context.fc().credentials.security_token.as_deref(), Some("the-token"));
        let left = context.deadline().duration_since(before).unwrap();
        assert!(left >= Duration::from_millis(59_999) && left < Duration::from_secs(90), "{left:?}");
    }

    #[test]
    fn nothing_is_required() {
        let mut bad = HeaderMap::new();
        bad.insert("x-fc-retry-count", "many".parse().unwrap());
        bad.insert("x-fc-function-timeout", "-1".parse().unwrap());
        let context = Context::new("", Arc::default(), &bad).unwrap();
        assert_eq!(context.fc().retry_count, 0);
        assert_eq!(context.fc().function_timeout, None);
        assert!(context.deadline() > SystemTime::now() + Duration::from_secs(86_000));
        bad.insert("x-fc-function-timeout", u64::MAX.to_string().parse().unwrap());
        assert!(Context::new("", Arc::default(), &bad).unwrap().deadline() > SystemTime::now());
    }

    #[test]
    fn secrets_are_neither_printed_nor_serialised() {
        let context = Context::new("r-1", Arc::default(), &headers()).unwrap();
        let told = format!("{context:?}{}", serde_json::to_string(&context).unwrap());
        assert!(!told.contains("the-secret") && !told.contains("the-token"), "{told}");
        let back: Context = serde_json::from_str(&serde_json::to_string(&context).unwrap()).unwrap();
        assert_eq!(back.with_fc(context.fc().clone()), context);
    }

    #[test]
    fn the_environment_may_be_empty() {
        assert_eq!(Config::from_lookup(|_| None).memory, -1);
        let config = Config::from_lookup(|name| match name {
            "FC_FUNCTION_MEMORY_SIZE" => Some("512".into()),
            "FC_VER_ID" => Some("3".into()),
            _ => None,
        });
        assert_eq!((config.memory, config.version.as_str()), (512, "3"));
    }
}
