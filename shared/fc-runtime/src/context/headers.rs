//! FC's headers of one request, copied out in one pass and read when asked for.
//!
//! A request has about fifteen of them and most handlers look at none: one copy of their text costs
//! a fifth of what a look-up and a `String` for each do.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};

use super::{Credentials, FcContext};

/// What every header of FC's starts with.
pub(crate) const PREFIX: &str = "x-fc-";

/// What FC wants (FC docs, `x-fc-control-path`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Invoke,
    HttpInvoke,
    Initialize,
    PreStop,
}

/// The headers that are kept, by the place of their value.
#[derive(Clone, Copy)]
enum Field {
    RequestId,
    AccessKeyId,
    AccessKeySecret,
    Region,
    AccountId,
    FunctionName,
    Qualifier,
    VersionId,
    RetryCount,
    FunctionTimeout,
    InitializationTimeout,
    FunctionMemory,
    ClientIp,
    LogProject,
    LogStore,
    SpanContext,
    SpanBaggages,
    JaegerEndpoint,
}

/// As many as there are fields.
const FIELDS: usize = Field::JaegerEndpoint as usize + 1;

impl Field {
    /// The field of the header `x-fc-<name>`.
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "request-id" => Self::RequestId,
            "access-key-id" => Self::AccessKeyId,
            "access-key-secret" => Self::AccessKeySecret,
            "region" => Self::Region,
            "account-id" => Self::AccountId,
            "function-name" => Self::FunctionName,
            "qualifier" => Self::Qualifier,
            "version-id" => Self::VersionId,
            "retry-count" => Self::RetryCount,
            "function-timeout" => Self::FunctionTimeout,
            "initialization-timeout" => Self::InitializationTimeout,
            "function-memory" => Self::FunctionMemory,
            "client-ip" => Self::ClientIp,
            "service-logproject" => Self::LogProject,
            "service-logstore" => Self::LogStore,
            "tracing-opentracing-span-context" => Self::SpanContext,
            "tracing-opentracing-span-baggages" => Self::SpanBaggages,
            "tracing-jaeger-endpoint" => Self::JaegerEndpoint,
            _ => return None,
        })
    }
}

/// The values, one behind the other.
#[derive(Default)]
pub(crate) struct Headers {
    text: String,
    /// Start and end of each value in `text`. Headers are bounded by the connection's buffer, far
    /// below 4 GB.
    places: [(u32, u32); FIELDS],
    control: Option<Control>,
    /// By far the longest of them: it stays where it is.
    security_token: Option<HeaderValue>,
}

impl Headers {
    /// Copies what is FC's. A value that is no text counts as missing. What is secret is marked, so that
    /// whoever prints the headers does not print it.
    pub(crate) fn of(headers: &mut HeaderMap) -> Self {
        let mut found = Self { text: String::with_capacity(512), ..Self::default() };
        for (name, value) in headers {
            let Some(name) = name.as_str().strip_prefix(PREFIX) else { continue };
            if name == "security-token" {
                value.set_sensitive(true);
                found.security_token = Some(value.clone());
                continue;
            }
            if name == "access-key-secret" {
                value.set_sensitive(true);
            }
            let Ok(value) = value.to_str() else { continue };
            if let Some(field) = Field::of(name) {
                let start = found.text.len() as u32;
                found.text.push_str(value);
                found.places[field as usize] = (start, found.text.len() as u32);
            } else if name == "control-path" {
                found.control = match value {
                    "/invoke" => Some(Control::Invoke),
                    "/http-invoke" => Some(Control::HttpInvoke),
                    "/initialize" => Some(Control::Initialize),
                    "/pre-stop" => Some(Control::PreStop),
                    _ => None,
                };
            }
        }
        found
    }

    /// What `x-fc-control-path` asks for; none when it is missing or unknown.
    pub(crate) fn control(&self) -> Option<Control> {
        self.control
    }

    /// Says what kind of request it is, whatever the header says.
    pub(crate) fn set_control(&mut self, control: Control) {
        self.control = Some(control);
    }

    pub(crate) fn request_id(&self) -> &str {
        self.get(Field::RequestId)
    }

    pub(super) fn function_timeout(&self) -> Option<Duration> {
        self.seconds(Field::FunctionTimeout)
    }

    /// How long what is asked for may take: an initializer has a timeout of its own.
    pub(super) fn timeout(&self) -> Option<Duration> {
        let own = match self.control {
            Some(Control::Initialize) => self.seconds(Field::InitializationTimeout),
            _ => None,
        };
        own.or_else(|| self.function_timeout())
    }

    fn seconds(&self, field: Field) -> Option<Duration> {
        self.get(field).parse().ok().map(Duration::from_secs)
    }

    pub(super) fn span_context(&self) -> Option<&str> {
        Some(self.get(Field::SpanContext)).filter(|v| !v.is_empty())
    }

    /// The function's ARN; `name` stands in for a name that the request does not tell.
    pub(super) fn arn(&self, name: &str) -> String {
        let name = Some(self.get(Field::FunctionName)).filter(|v| !v.is_empty()).unwrap_or(name);
        ["acs:fc:", self.get(Field::Region), ":", self.get(Field::AccountId), ":functions/", name].concat()
    }

    /// All of it.
    pub(super) fn fc(&self) -> FcContext {
        let text = |field| self.get(field).to_owned();
        let present = |field| Some(text(field)).filter(|v| !v.is_empty());
        FcContext {
            credentials: Credentials {
                access_key_id: text(Field::AccessKeyId),
                access_key_secret: text(Field::AccessKeySecret),
                security_token: self
                    .security_token
                    .as_ref()
                    .and_then(|v| v.to_str().ok())
                    .filter(|v| !v.is_empty())
                    .map(ToOwned::to_owned),
            },
            region: text(Field::Region),
            account_id: text(Field::AccountId),
            function_name: text(Field::FunctionName),
            qualifier: text(Field::Qualifier),
            version_id: text(Field::VersionId),
            retry_count: self.get(Field::RetryCount).parse().unwrap_or(0),
            function_timeout: self.function_timeout(),
            function_memory: self.get(Field::FunctionMemory).parse().ok(),
            client_ip: present(Field::ClientIp),
            log_project: text(Field::LogProject),
            log_store: text(Field::LogStore),
            span_context: present(Field::SpanContext),
            span_baggages: present(Field::SpanBaggages),
            jaeger_endpoint: present(Field::JaegerEndpoint),
        }
    }

    fn get(&self, field: Field) -> &str {
        let (start, end) = self.places[field as usize];
        &self.text[start as usize..end as usize]
    }
}
