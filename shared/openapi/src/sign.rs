//! The three signatures in use, each to make and to check.
//!
//! [`acs3`] (`ACS3-HMAC-SHA256`) signs everything new; [`rpc_v1`] is what older SDKs send to RPC
//! products; [`roa`] is EventBridge's data plane. Sources: "Request structure and signature" of the
//! OpenAPI docs, and requests captured from the official SDKs (`testdata/requests.json`).
//!
//! Checking compares in constant time, and follows what SDKs really send: the query on the wire is
//! decoded, encoded anew by RFC 3986 and sorted, as encodings differ from SDK to SDK.

pub mod acs3;
pub mod roa;
pub mod rpc_v1;
#[cfg(test)]
mod test_vectors;

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use thiserror::Error;

/// A request as it goes over the wire, as far as signatures see it.
#[derive(Clone, Copy, Debug)]
pub struct Wire<'a> {
    /// `POST`, `GET`, … in upper case.
    pub method: &'a str,
    /// Path as on the wire, percent-encoded, without the query.
    pub path: &'a str,
    /// Query parameters, decoded.
    pub query: &'a [(String, String)],
    /// Header names in lower case, and their values.
    pub headers: &'a [(String, String)],
    /// The whole body.
    pub body: &'a [u8],
}

impl Wire<'_> {
    /// Value of the header `name` (lower case); several are joined by commas. Trimmed.
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<_> = self.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.trim()).collect();
        (!values.is_empty()).then(|| values.join(","))
    }
}

/// Why a signature was not accepted.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SignatureError {
    /// There is no signature, or none of this kind.
    #[error("the signature is missing or malformed")]
    Malformed,
    /// Something that must be signed is not.
    #[error("{0} must be part of the request and of its signature")]
    NotSigned(String),
    /// The body is not the one that was signed.
    #[error("x-acs-content-sha256 is not the digest of the body")]
    Body,
    /// The signature is another one.
    #[error("the signature does not match; the string to sign is {string_to_sign:?}")]
    Mismatch {
        /// What should have been signed; the services answer it too, to help developers.
        string_to_sign: String,
    },
}

/// Decodes a query or form (`a=b&c=d`): `+` is a space, `%xx` is a byte, order is kept.
pub fn parse_query(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// Encodes by RFC 3986: everything but `A-Za-z0-9-_.~`.
pub fn encode(text: &str) -> String {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The parameters sorted by name and encoded: `k=v` joined by `&`.
pub fn canonical_query(params: &[(String, String)]) -> String {
    let mut sorted: Vec<_> = params.iter().collect();
    sorted.sort();
    sorted.iter().map(|(k, v)| format!("{}={}", encode(k), encode(v))).collect::<Vec<_>>().join("&")
}

/// `bytes` as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect()
}

fn hmac_sha1(key: &str, text: &str) -> Hmac<sha1::Sha1> {
    // HMAC takes keys of any length.
    let mut mac = Hmac::new_from_slice(key.as_bytes()).expect("any key length");
    mac.update(text.as_bytes());
    mac
}

fn hmac_sha256(key: &str, text: &str) -> Hmac<sha2::Sha256> {
    // HMAC takes keys of any length.
    let mut mac = Hmac::new_from_slice(key.as_bytes()).expect("any key length");
    mac.update(text.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_is_rfc_3986() {
        assert_eq!(encode("a b*c~d/e+f!'()中"), "a%20b%2Ac~d%2Fe%2Bf%21%27%28%29%E4%B8%AD");
        let params = parse_query("b=%2A+x&a=*&c");
        assert_eq!(canonical_query(&params), "a=%2A&b=%2A%20x&c=");
    }

    #[test]
    fn hexadecimal_both_ways() {
        assert_eq!(unhex(&hex(&[0, 15, 255])), Some(vec![0, 15, 255]));
        assert_eq!(unhex("0"), None);
        assert_eq!(unhex("zz"), None);
        assert_eq!(unhex("+1"), None);
    }
}
