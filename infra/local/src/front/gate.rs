//! Who sent a request: signature, key, token, time and nonce, with the errors of the OpenAPI gateway
//! (ECS API reference, "Common errors").

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use openapi::sign::{SignatureError, Wire, acs3, roa, rpc_v1};

use crate::credentials::{Identity, Keyring};
use crate::seams::ServiceError;

/// A request may be this much older or younger than now.
const MAX_SKEW_MS: i64 = 15 * 60 * 1000;
/// How often nonces that no longer matter are forgotten.
const FORGET_INTERVAL_MS: i64 = 60 * 1000;

/// Answers epoch milliseconds.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Checks requests.
pub struct Gate {
    keyring: Keyring,
    clock: Clock,
    nonces: Mutex<Nonces>,
}

#[derive(Default)]
struct Nonces {
    /// Key and nonce, and until when a request with them could be accepted, epoch milliseconds.
    used: HashMap<(String, String), i64>,
    forgotten_at: i64,
}

/// What a request says of itself.
struct Claim<'a> {
    access_key_id: &'a str,
    token: Option<String>,
    /// Epoch milliseconds; None when it is unreadable.
    time: Option<i64>,
    nonce: String,
}

impl Gate {
    /// A gate for the keys of `keyring`.
    pub fn new(keyring: Keyring, clock: Clock) -> Self {
        Self { keyring, clock, nonces: Mutex::default() }
    }

    /// Who signed with `ACS3-HMAC-SHA256`.
    pub fn acs3(&self, wire: &Wire<'_>) -> Result<Identity, ServiceError> {
        let header = wire.header("authorization").and_then(|h| acs3::Authorization::parse(&h));
        let authorization = header.ok_or_else(incomplete)?;
        let claim = Claim {
            access_key_id: &authorization.access_key_id,
            token: wire.header("x-acs-security-token"),
            time: wire.header("x-acs-date").and_then(|date| iso_8601(&date)),
            nonce: wire.header("x-acs-signature-nonce").unwrap_or_default(),
        };
        self.admit(&claim, |secret| acs3::verify(wire, secret))
    }

    /// Who signed the parameters of an RPC request with HMAC-SHA1.
    pub fn rpc_v1(&self, method: &str, params: &[(String, String)]) -> Result<Identity, ServiceError> {
        let param = |name: &str| params.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        let access_key_id = param("AccessKeyId").ok_or_else(incomplete)?;
        if param("SignatureMethod").is_some_and(|method| method != "HMAC-SHA1") {
            return Err(incomplete());
        }
        let claim = Claim {
            access_key_id: &access_key_id,
            token: param("SecurityToken"),
            time: param("Timestamp").and_then(|time| iso_8601(&time)),
            nonce: param("SignatureNonce").unwrap_or_default(),
        };
        self.admit(&claim, |secret| rpc_v1::verify(method, params, secret))
    }

    /// Who signed a request to EventBridge's data plane. Its SDKs and its docs differ in what is
    /// signed; the header's separator tells which of them was followed.
    pub fn roa(&self, wire: &Wire<'_>) -> Result<Identity, ServiceError> {
        let header = wire.header("authorization").unwrap_or_default();
        let (access_key_id, _) = roa::parse(&header).ok_or_else(incomplete)?;
        let dialect = if header.starts_with("acs:") { roa::Dialect::EventBridge } else { roa::Dialect::Documented };
        let claim = Claim {
            access_key_id,
            token: wire.header("x-acs-security-token"),
            time: wire.header("date").and_then(|date| rfc_1123(&date)),
            nonce: wire.header("x-acs-signature-nonce").unwrap_or_default(),
        };
        self.admit(&claim, |secret| roa::verify(wire, dialect, secret))
    }

    fn admit(
        &self,
        claim: &Claim<'_>,
        verify: impl FnOnce(&str) -> Result<(), SignatureError>,
    ) -> Result<Identity, ServiceError> {
        let now = (self.clock)();
        let identity = self.keyring.find(claim.access_key_id).ok_or_else(|| {
            ServiceError::new(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
        })?;
        check_token(identity.security_token.as_deref(), claim.token.as_deref())?;
        let time = claim.time.ok_or_else(|| {
            ServiceError::new(
                400,
                "InvalidTimeStamp.Format",
                "Specified time stamp or date value is not well formatted.",
            )
        })?;
        if (now - time).abs() > MAX_SKEW_MS {
            let what = "Specified time stamp or date value is expired.";
            return Err(ServiceError::new(400, "InvalidTimeStamp.Expired", what));
        }
        verify(&identity.access_key_secret).map_err(refuse)?;
        // Only now: who cannot sign must not be able to use up others' nonces.
        self.use_nonce(claim, time, now)?;
        Ok(identity)
    }

    /// Remembers the nonce for as long as the request's time would let it in again; a restart
    /// forgets.
    fn use_nonce(&self, claim: &Claim<'_>, time: i64, now: i64) -> Result<(), ServiceError> {
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        if now - nonces.forgotten_at >= FORGET_INTERVAL_MS {
            nonces.used.retain(|_, until| *until >= now);
            nonces.forgotten_at = now;
        }
        let key = (claim.access_key_id.to_owned(), claim.nonce.clone());
        if nonces.used.insert(key, time + MAX_SKEW_MS).is_some() {
            let what = "Specified signature nonce was used already.";
            return Err(ServiceError::new(400, "SignatureNonceUsed", what));
        }
        Ok(())
    }
}

fn check_token(expected: Option<&str>, given: Option<&str>) -> Result<(), ServiceError> {
    match (expected, given) {
        (None, None) => Ok(()),
        (Some(expected), Some(given)) if same(expected, given) => Ok(()),
        (Some(_), None) => {
            Err(ServiceError::new(400, "MissingSecurityToken", "SecurityToken is mandatory for this action."))
        }
        _ => {
            let what = "Specified SecurityToken is malformed.";
            Err(ServiceError::new(400, "InvalidSecurityToken.Malformed", what))
        }
    }
}

/// Compares without telling by its duration where the first difference is.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}

fn incomplete() -> ServiceError {
    let what = "The request signature does not conform to Aliyun standards.";
    ServiceError::new(400, "IncompleteSignature", what)
}

fn refuse(error: SignatureError) -> ServiceError {
    match error {
        SignatureError::Malformed => incomplete(),
        SignatureError::NotSigned(name) => {
            ServiceError::new(400, "IncompleteSignature", format!("{name} must be part of the signature."))
        }
        SignatureError::Body => {
            let what = "Specified x-acs-content-sha256 is not matched with the request body.";
            ServiceError::new(400, "SignatureDoesNotMatch", what)
        }
        // SDKs look for the text after the first colon.
        SignatureError::Mismatch { string_to_sign } => {
            let what = "Specified signature is not matched with our calculation. server string to sign is";
            ServiceError::new(400, "SignatureDoesNotMatch", format!("{what}:{string_to_sign}"))
        }
    }
}

fn iso_8601(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

fn rfc_1123(text: &str) -> Option<i64> {
    let parser = jiff::fmt::rfc2822::DateTimeParser::new();
    parser.parse_timestamp(text).ok().map(Timestamp::as_millisecond)
}
