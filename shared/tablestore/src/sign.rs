//! Signatures of requests and answers.
//!
//! A request is signed over its operation and *all* its `x-ots-…` headers but the signature, so a
//! verifier must take every such header that came, known or not. Sources: the official Python, Go,
//! Java and Node SDKs, which agree.

mod date;
mod signer;

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use md5::{Digest, Md5};
use openapi::Credentials;
use sha1::Sha1;
use sha2::Sha256;

pub use signer::{BadHeader, Signed, Signer};

/// Value of `x-ots-apiversion`.
pub const API_VERSION: &str = "2015-12-31";
/// Header with the signature, version 2 (HMAC-SHA1 with the access key secret).
pub const SIGNATURE: &str = "x-ots-signature";
/// Header with the signature, version 4 (HMAC-SHA256 with a key derived for a day and a region).
pub const SIGNATURE_V4: &str = "x-ots-signaturev4";
/// How far the clocks of client and service may be apart, seconds. The Python SDK holds answers to
/// 15 minutes; the service's own limit was given as the same.
pub const MAX_CLOCK_SKEW_SECS: i64 = 15 * 60;

/// Base64 of the MD5 of `body`, as `x-ots-contentmd5` carries it.
pub fn content_md5(body: &[u8]) -> String {
    STANDARD.encode(Md5::digest(body))
}

/// Whether `md5` is what [`content_md5`] gives for `body`.
pub fn is_content_md5(md5: &str, body: &[u8]) -> bool {
    let mut given = [0; 18];
    STANDARD.decode_slice(md5, &mut given).is_ok_and(|len| given[..len] == Md5::digest(body)[..])
}

/// A time as `x-ots-date` of a request carries it: UTC, milliseconds.
pub fn request_date(now: Timestamp) -> String {
    String::from_utf8_lossy(&date::millis(now)).into_owned()
}

/// A time as `x-ots-date` of an answer carries it: UTC, microseconds.
pub fn response_date(now: Timestamp) -> String {
    String::from_utf8_lossy(&date::micros(now)).into_owned()
}

/// Whether `date`, an `x-ots-date` with any number of fraction digits, is within
/// [`MAX_CLOCK_SKEW_SECS`] of `now`; None when it is no date.
pub fn is_date_near(date: &str, now: Timestamp) -> Option<bool> {
    let date: Timestamp = date.parse().ok()?;
    Some((date.as_second() - now.as_second()).abs() <= MAX_CLOCK_SKEW_SECS)
}

/// The headers of a request, signed with version 2, in alphabetical order but for the signature. For those
/// who send by other means than [`crate::Client`].
///
/// # Panics
/// When the key or the instance cannot stand in a header.
pub fn request_headers(
    credentials: &Credentials,
    instance: &str,
    operation: &str,
    body: &[u8],
    now: Timestamp,
) -> Vec<(&'static str, String)> {
    let signer = Signer::new(credentials.clone(), instance);
    let headers = signer.sign(operation, body, now).expect("key and instance can stand in a header").headers;
    let names = [
        "x-ots-accesskeyid",
        "x-ots-apiversion",
        "x-ots-contentmd5",
        "x-ots-date",
        "x-ots-instancename",
        "x-ots-ststoken",
        SIGNATURE,
    ];
    let pair = |name| Some((name, headers.get(name)?.to_str().ok()?.to_owned()));
    names.into_iter().filter_map(pair).collect()
}

/// What a request's signature covers: `headers` are all headers of the request, in any order and case.
pub fn request_string_to_sign<'a>(operation: &str, headers: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = format!("/{operation}\nPOST\n\n");
    for (name, value) in signed(headers, |name| name != SIGNATURE && name != SIGNATURE_V4) {
        text.extend([&name, ":", value, "\n"]);
    }
    text
}

/// What an answer's signature covers: `headers` are all headers of the answer, in any order and case.
pub fn response_string_to_sign<'a>(operation: &str, headers: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::with_capacity(256);
    for (name, value) in signed(headers, |_| true) {
        text.extend([&name, ":", value, "\n"]);
    }
    text.extend(["/", operation]);
    text
}

/// The `x-ots-…` headers that `wanted` lets pass, names in lower case and sorted, values trimmed.
fn signed<'a>(
    headers: impl Iterator<Item = (&'a str, &'a str)>,
    wanted: impl Fn(&str) -> bool,
) -> Vec<(Cow<'a, str>, &'a str)> {
    let mut signed: Vec<(Cow<'a, str>, &str)> = headers
        .map(|(name, value)| (lower_case(name), value.trim()))
        .filter(|(name, _)| name.starts_with("x-ots-") && wanted(name))
        .collect();
    signed.sort_unstable();
    signed
}

fn lower_case(name: &str) -> Cow<'_, str> {
    match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => name.to_ascii_lowercase().into(),
        false => name.into(),
    }
}

/// The key that version 4 signs with, for `date` (`YYYYMMDD`) and `region`. The text of the base64 is
/// the key, not the bytes behind it.
pub fn v4_key(secret: &str, date: &str, region: &str) -> String {
    let mut key = format!("aliyun_v4{secret}").into_bytes();
    for part in [date, region, "ots", "aliyun_v4_request"] {
        key = hmac_sha256(&key, part).finalize().into_bytes().to_vec();
    }
    STANDARD.encode(key)
}

/// The signature of version 4 with a key of [`v4_key`].
pub fn request_signature_v4(key: &str, string_to_sign: &str) -> String {
    STANDARD.encode(hmac_sha256(key.as_bytes(), &format!("{string_to_sign}ots")).finalize().into_bytes())
}

/// Whether `signature` is version 2's over `string_to_sign`; constant time.
pub fn is_request_signature(secret: &str, string_to_sign: &str, signature: &str) -> bool {
    STANDARD
        .decode(signature)
        .is_ok_and(|given| hmac_sha1(secret.as_bytes(), string_to_sign).verify_slice(&given).is_ok())
}

/// Whether `signature` is version 4's over `string_to_sign` with a key of [`v4_key`]; constant time.
pub fn is_request_signature_v4(key: &str, string_to_sign: &str, signature: &str) -> bool {
    let expected = hmac_sha256(key.as_bytes(), &format!("{string_to_sign}ots"));
    STANDARD.decode(signature).is_ok_and(|given| expected.verify_slice(&given).is_ok())
}

/// The `authorization` header of an answer. `key` is the access key secret, or under version 4 the key
/// of [`v4_key`]; the digest is SHA-1 either way.
pub fn response_authorization(access_key_id: &str, key: &str, string_to_sign: &str) -> String {
    let signature = STANDARD.encode(hmac_sha1(key.as_bytes(), string_to_sign).finalize().into_bytes());
    format!("OTS {access_key_id}:{signature}")
}

/// Whether `authorization` is what [`response_authorization`] gives; constant time in the signature.
pub fn is_response_authorization(access_key_id: &str, key: &str, string_to_sign: &str, authorization: &str) -> bool {
    is_authorization(access_key_id, hmac_sha1(key.as_bytes(), string_to_sign), authorization)
}

fn is_authorization(access_key_id: &str, expected: Hmac<Sha1>, authorization: &str) -> bool {
    let signature = authorization
        .strip_prefix("OTS ")
        .and_then(|rest| rest.strip_prefix(access_key_id))
        .and_then(|rest| rest.strip_prefix(':'))
        .and_then(|signature| STANDARD.decode(signature).ok());
    signature.is_some_and(|given| expected.verify_slice(&given).is_ok())
}

fn hmac_sha1(key: &[u8], text: &str) -> Hmac<Sha1> {
    keyed::<Hmac<Sha1>>(key).chain_update(text)
}

fn hmac_sha256(key: &[u8], text: &str) -> Hmac<Sha256> {
    keyed::<Hmac<Sha256>>(key).chain_update(text)
}

fn keyed<M: KeyInit>(key: &[u8]) -> M {
    M::new_from_slice(key).expect("HMAC takes keys of every length")
}
