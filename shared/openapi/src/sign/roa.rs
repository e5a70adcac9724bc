//! Signature version 1 of ROA products: HMAC-SHA1 over headers and path. EventBridge's data plane
//! uses a dialect of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;

use super::{SignatureError, Wire, hmac_sha1};
use crate::Credentials;

/// What exactly is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// EventBridge's SDKs: no `Accept` line; header `acs:AK:signature`.
    EventBridge,
    /// ROA products as documented: with an `Accept` line; header `acs AK:signature`.
    Documented,
}

/// Value of the `authorization` header for `wire`. Signs the method, `content-md5`, `content-type`,
/// `date`, every `x-acs-*` header, path and query; not the body.
pub fn authorization(wire: &Wire<'_>, dialect: Dialect, credentials: &Credentials) -> String {
    let mac = hmac_sha1(&credentials.access_key_secret, &string_to_sign(wire, dialect));
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let separator = match dialect {
        Dialect::EventBridge => ':',
        Dialect::Documented => ' ',
    };
    format!("acs{separator}{}:{signature}", credentials.access_key_id)
}

/// Access key id and signature in an `authorization` header of either dialect; None when it is none.
pub fn parse(header: &str) -> Option<(&str, &str)> {
    header.trim().strip_prefix("acs")?.strip_prefix([':', ' '])?.rsplit_once(':')
}

/// Checks the `authorization` header of `wire` with the secret of the access key that it names.
pub fn verify(wire: &Wire<'_>, dialect: Dialect, secret: &str) -> Result<(), SignatureError> {
    let header = wire.header("authorization").ok_or(SignatureError::Malformed)?;
    let (_, signature) = parse(&header).ok_or(SignatureError::Malformed)?;
    let signature = STANDARD.decode(signature).map_err(|_| SignatureError::Malformed)?;
    for name in ["date", "x-acs-signature-nonce"] {
        if wire.header(name).is_none() {
            return Err(SignatureError::NotSigned(name.into()));
        }
    }
    let text = string_to_sign(wire, dialect);
    hmac_sha1(secret, &text).verify_slice(&signature).map_err(|_| SignatureError::Mismatch { string_to_sign: text })
}

fn string_to_sign(wire: &Wire<'_>, dialect: Dialect) -> String {
    let header = |name| wire.header(name).unwrap_or_default();
    let mut lines = vec![wire.method.to_owned()];
    if dialect == Dialect::Documented {
        lines.push(header("accept"));
    }
    lines.extend([header("content-md5"), header("content-type"), header("date")]);
    let mut names: Vec<_> = wire.headers.iter().map(|(n, _)| n).filter(|n| n.starts_with("x-acs-")).collect();
    names.sort();
    names.dedup();
    lines.extend(names.into_iter().map(|name| format!("{name}:{}", header(name))));
    lines.push(resource(wire));
    lines.join("\n")
}

/// Path and sorted query, not encoded; a parameter without value is its name alone.
fn resource(wire: &Wire<'_>) -> String {
    if wire.query.is_empty() {
        return wire.path.to_owned();
    }
    let mut sorted: Vec<_> = wire.query.iter().collect();
    sorted.sort();
    let pairs: Vec<_> = sorted.iter().map(|(k, v)| if v.is_empty() { k.clone() } else { format!("{k}={v}") }).collect();
    format!("{}?{}", wire.path, pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
    }

    fn key(id: &str, secret: &str) -> Credentials {
        Credentials { access_key_id: id.into(), access_key_secret: secret.into(), security_token: None }
    }

    /// From the unit tests of official SDKs.
    #[test]
    fn published_vectors() {
        let empty = Wire { method: "GET", path: "", query: &[], headers: &[], body: b"" };
        assert_eq!(
            authorization(&empty, Dialect::Documented, &key("ak", "secret")),
            "acs ak:XGXDWA78AEvx/wmfxKoVCq/afWw="
        );
        let headers = pairs(&[
            ("accept", "application/json"),
            ("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
            ("content-type", "application/octet-stream"),
            ("date", "mock date"),
            ("x-acs-credentials-provider", "static_ak"),
            ("x-acs-signature-method", "HMAC-SHA1"),
            ("x-acs-signature-version", "1.0"),
            ("x-acs-version", ""),
        ]);
        let wire = Wire { method: "GET", path: "/users/:user", query: &[], headers: &headers, body: b"" };
        assert_eq!(
            authorization(&wire, Dialect::Documented, &key("ak", "accessKeySecret")),
            "acs ak:PPPSwv0LPoLvg6rGxp7dd4uPESo="
        );
    }

    #[test]
    fn plain_hmac_vectors() {
        let sum = |text: &str| STANDARD.encode(hmac_sha1("secret", text).finalize().into_bytes());
        assert_eq!(sum("source"), "Jv4yi8SobFhg5t1C7nWLbhBSFZQ=");
        assert_eq!(sum("中文"), "CqCYIa39h9SSWuXnTz8F5hh9UPA=");
    }

    /// Made with EventBridge's SDK.
    #[test]
    fn eventbridge_vector_with_security_token() {
        let headers = pairs(&[
            ("accept", "application/json"),
            ("content-type", "application/cloudevents-batch+json; charset=utf-8"),
            ("date", "Sun, 22 Nov 2026 10:00:00 GMT"),
            ("x-acs-accesskey-id", "STS.testak"),
            ("x-acs-security-token", "tok"),
            ("x-acs-signature-method", "HMAC-SHA1"),
            ("x-acs-signature-nonce", "nonce-1"),
            ("x-acs-signature-version", "1.0"),
            ("x-eventbridge-version", "2015-06-06"),
        ]);
        let wire = Wire { method: "POST", path: "/openapi/putEvents", query: &[], headers: &headers, body: b"" };
        let value = authorization(&wire, Dialect::EventBridge, &key("STS.testak", "testsk"));
        assert_eq!(value, "acs:STS.testak:+z8mw+CL8i0XGceTG53W+R51qlQ=");
        assert_eq!(parse(&value), Some(("STS.testak", "+z8mw+CL8i0XGceTG53W+R51qlQ=")));
        let mut signed_headers = headers.clone();
        signed_headers.push(("authorization".into(), value));
        let wire = Wire { headers: &signed_headers, ..wire };
        assert_eq!(verify(&wire, Dialect::EventBridge, "testsk"), Ok(()));
        assert!(matches!(verify(&wire, Dialect::Documented, "testsk"), Err(SignatureError::Mismatch { .. })));
        assert!(matches!(verify(&wire, Dialect::EventBridge, "other"), Err(SignatureError::Mismatch { .. })));
    }

    #[test]
    fn the_query_is_signed_unencoded() {
        let query = pairs(&[("b", "x y"), ("a", "")]);
        let wire = Wire { method: "GET", path: "/p", query: &query, headers: &[], body: b"" };
        assert_eq!(string_to_sign(&wire, Dialect::EventBridge), "GET\n\n\n\n/p?a&b=x y");
    }

    #[test]
    fn requests_of_official_sdks() {
        let checked = crate::sign::test_vectors::check("ROA V1 acs:AK:HMAC-SHA1", |wire, secret, expected| {
            assert_eq!(string_to_sign(wire, Dialect::EventBridge), expected);
            verify(wire, Dialect::EventBridge, secret)
        });
        assert_eq!(checked, 1);
    }
}
