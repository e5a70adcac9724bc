//! Who sent a request, is it unaltered, and may they do it.

use http::HeaderMap;
use jiff::Timestamp;
use tablestore::sign;

use super::invalid;
use super::request::Request;
use crate::credentials::{Identity, Keyring, Who};
use crate::seams::ServiceError;

/// An authenticated caller.
#[derive(Clone)]
pub struct Caller {
    /// Whose key signed the request.
    pub identity: Identity,
    /// Signs the answer: the secret, or under version 4 the key that was derived from it.
    pub(super) answer_key: String,
}

fn refused(message: impl Into<String>) -> ServiceError {
    ServiceError::new(403, "OTSAuthFailed", message)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, ServiceError> {
    headers.get(name).and_then(|value| value.to_str().ok()).ok_or_else(|| invalid(format!("Missing header: '{name}'.")))
}

/// Checks headers in an order of our choice: what is missing, then who, then the signature, and only
/// then what the signature covers.
pub(super) fn authenticate(
    keyring: &Keyring,
    instance: &str,
    operation: &str,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Caller, ServiceError> {
    let date = header(headers, "x-ots-date")?;
    let version = header(headers, "x-ots-apiversion")?;
    let key_id = header(headers, "x-ots-accesskeyid")?;
    let md5 = header(headers, "x-ots-contentmd5")?;
    let asked_instance = header(headers, "x-ots-instancename")?;
    let Some(identity) = keyring.find(key_id) else {
        return Err(refused("The AccessKeyID does not exist."));
    };
    let answer_key = check_signature(&identity, operation, headers)?;
    if let Some(token) = &identity.security_token {
        let given = header(headers, "x-ots-ststoken")?;
        if !is_same(given.as_bytes(), token.as_bytes()) {
            return Err(refused("The STS token is invalid."));
        }
    }
    match sign::is_date_near(date, now) {
        None => return Err(invalid(format!("Invalid date format: {date}."))),
        Some(false) => return Err(refused(format!("Mismatch between system time and x-ots-date: {date}."))),
        Some(true) => {}
    }
    if md5 != sign::content_md5(body) {
        return Err(refused("Mismatch between MD5 value of request body and x-ots-contentmd5 in header."));
    }
    if asked_instance != instance {
        return Err(refused("The instance is not found."));
    }
    if version != sign::API_VERSION {
        return Err(invalid(format!("Invalid API version: {version}.")));
    }
    Ok(Caller { identity, answer_key })
}

/// Checks that the caller's role permits the operation on every table of the request. Of a batch all is refused or
/// nothing: our choice.
pub(super) fn authorize(
    caller: &Caller,
    instance: &str,
    operation: &str,
    request: &Request,
) -> Result<(), ServiceError> {
    if caller.identity.who == Who::Operator {
        return Ok(());
    }
    let action = format!("ots:{operation}");
    let tables = request.tables();
    let mut resources: Vec<_> = tables.iter().map(|table| format!("instance/{instance}/table/{table}")).collect();
    if tables.is_empty() {
        resources.push(format!("instance/{instance}"));
    }
    resources.iter().try_for_each(|resource| caller.identity.check(&action, resource)).map_err(|denied| {
        let what = "You have no permission to access the requested resource, please contact the resource owner.";
        ServiceError::new(403, "OTSNoPermissionAccess", format!("{what} ({denied})"))
    })
}

/// Checks the signature, of either version; answers the key that signs the answer.
fn check_signature(identity: &Identity, operation: &str, headers: &HeaderMap) -> Result<String, ServiceError> {
    let mut pairs = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        match value.to_str() {
            Ok(value) => pairs.push((name.as_str(), value)),
            Err(_) if name.as_str().starts_with("x-ots-") => return Err(refused("Signature mismatch.")),
            Err(_) => {}
        }
    }
    let to_sign = sign::request_string_to_sign(operation, pairs.into_iter());
    let secret = &identity.access_key_secret;
    if headers.contains_key(sign::SIGNATURE_V4) {
        let signature = header(headers, sign::SIGNATURE_V4)?;
        let key = sign::v4_key(secret, header(headers, "x-ots-signdate")?, header(headers, "x-ots-signregion")?);
        return match sign::is_request_signature_v4(&key, &to_sign, signature) {
            true => Ok(key),
            false => Err(refused("Signature mismatch.")),
        };
    }
    match sign::is_request_signature(secret, &to_sign, header(headers, sign::SIGNATURE)?) {
        true => Ok(secret.clone()),
        false => Err(refused("Signature mismatch.")),
    }
}

/// Compares in a time that depends on the lengths only.
fn is_same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |seen, (l, r)| seen | (l ^ r)) == 0
}
