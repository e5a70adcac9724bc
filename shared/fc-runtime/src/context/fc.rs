//! What Function Compute tells beyond what Lambda does.

use std::fmt;
use std::time::Duration;

/// What Function Compute tells with each request, beyond [`Context`](crate::Context). Empty where it
/// tells nothing.
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
    /// The function's memory, MB, when the request names it.
    pub function_memory: Option<u32>,
    /// Address of the client of an HTTP trigger.
    pub client_ip: Option<String>,
    /// Project of the function's logs in SLS.
    pub log_project: String,
    /// Log store of the function's logs in SLS.
    pub log_store: String,
    /// OpenTracing span context, as sent.
    pub span_context: Option<String>,
    /// OpenTracing baggage, base64 of a JSON map, as sent.
    pub span_baggages: Option<String>,
    /// Where spans are to be reported to.
    pub jaeger_endpoint: Option<String>,
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
