//! Signature version 3, `ACS3-HMAC-SHA256`: default of all current SDKs, for RPC and ROA products.

use hmac::Mac;
use sha2::{Digest, Sha256};

use super::{SignatureError, Wire, canonical_query, hex, hmac_sha256, unhex};
use crate::Credentials;

/// Name of the scheme, as the `authorization` header begins.
pub const SCHEME: &str = "ACS3-HMAC-SHA256";

/// Headers without which a signature does not bind the request to an operation, a time and a body.
const REQUIRED: [&str; 5] = ["host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce"];

/// Value of the `authorization` header for `wire`. Signs `host`, `content-type` and every `x-acs-*`
/// header there is; the caller has set them all, [`content_sha256`] of the body among them.
pub fn authorization(wire: &Wire<'_>, credentials: &Credentials) -> String {
    let mut signed: Vec<String> = wire
        .headers
        .iter()
        .map(|(name, _)| name.clone())
        .filter(|name| name == "host" || name == "content-type" || name.starts_with("x-acs-"))
        .collect();
    signed.sort();
    signed.dedup();
    let text = string_to_sign(wire, &signed, &content_sha256(wire.body));
    let signature = hex(&hmac_sha256(&credentials.access_key_secret, &text).finalize().into_bytes());
    format!(
        "{SCHEME} Credential={},SignedHeaders={},Signature={signature}",
        credentials.access_key_id,
        signed.join(";")
    )
}

/// Checks the `authorization` header of `wire` with the secret of the access key that it names.
pub fn verify(wire: &Wire<'_>, secret: &str) -> Result<(), SignatureError> {
    let authorization =
        wire.header("authorization").and_then(|h| Authorization::parse(&h)).ok_or(SignatureError::Malformed)?;
    let required = REQUIRED.iter().chain(&["x-acs-content-sha256"]).map(|name| name.to_string());
    let token = wire.header("x-acs-security-token").map(|_| "x-acs-security-token".to_owned());
    for name in required.chain(token) {
        if wire.header(&name).is_none() || !authorization.signed_headers.contains(&name) {
            return Err(SignatureError::NotSigned(name));
        }
    }
    let digest = content_sha256(wire.body);
    if wire.header("x-acs-content-sha256").is_some_and(|claimed| !claimed.eq_ignore_ascii_case(&digest)) {
        return Err(SignatureError::Body);
    }
    let text = string_to_sign(wire, &authorization.signed_headers, &digest);
    hmac_sha256(secret, &text)
        .verify_slice(&authorization.signature)
        .map_err(|_| SignatureError::Mismatch { string_to_sign: text })
}

/// The parts of an `authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// Whose key signed.
    pub access_key_id: String,
    /// Names of the signed headers, in lower case.
    pub signed_headers: Vec<String>,
    signature: Vec<u8>,
}

impl Authorization {
    /// Reads `ACS3-HMAC-SHA256 Credential=…,SignedHeaders=a;b,Signature=…`; None when it is not that.
    pub fn parse(header: &str) -> Option<Self> {
        let fields = header.trim().strip_prefix(SCHEME)?;
        let field = |name: &str| fields.split(',').find_map(|f| f.trim().strip_prefix(name)?.strip_prefix('='));
        Some(Self {
            access_key_id: field("Credential")?.to_owned(),
            signed_headers: field("SignedHeaders")?.split(';').map(str::to_ascii_lowercase).collect(),
            signature: unhex(field("Signature")?)?,
        })
    }
}

/// Value of the header `x-acs-content-sha256`.
pub fn content_sha256(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

fn string_to_sign(wire: &Wire<'_>, signed_headers: &[String], content_sha256: &str) -> String {
    let request = canonical_request(wire, signed_headers, content_sha256);
    format!("{SCHEME}\n{}", hex(&Sha256::digest(request.as_bytes())))
}

fn canonical_request(wire: &Wire<'_>, signed_headers: &[String], content_sha256: &str) -> String {
    let mut names = signed_headers.to_vec();
    names.sort();
    let headers: String =
        names.iter().map(|name| format!("{name}:{}\n", wire.header(name).unwrap_or_default())).collect();
    format!(
        "{}\n{}\n{}\n{headers}\n{}\n{content_sha256}",
        wire.method,
        wire.path,
        canonical_query(wire.query),
        names.join(";")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
    }

    /// Published in "Request structure and signature" of the OpenAPI docs.
    #[test]
    fn published_vector() {
        let query =
            pairs(&[("ImageId", "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"), ("RegionId", "cn-shanghai")]);
        let empty = content_sha256(b"");
        let headers = pairs(&[
            ("host", "ecs.cn-shanghai.aliyuncs.com"),
            ("x-acs-action", "RunInstances"),
            ("x-acs-content-sha256", &empty),
            ("x-acs-date", "2023-10-26T10:22:32Z"),
            ("x-acs-signature-nonce", "3156853299f313e23d1673dc12e1703d"),
            ("x-acs-version", "2014-05-26"),
        ]);
        let credentials = Credentials {
            access_key_id: "YourAccessKeyId".into(),
            access_key_secret: "YourAccessKeySecret".into(),
            security_token: None,
        };
        let wire = Wire { method: "POST", path: "/", query: &query, headers: &headers, body: b"" };
        let signed: Vec<_> = headers.iter().map(|(n, _)| n.clone()).collect();
        assert_eq!(
            string_to_sign(&wire, &signed, &empty),
            "ACS3-HMAC-SHA256\n7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259"
        );
        let value = authorization(&wire, &credentials);
        assert_eq!(
            value,
            "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;\
             x-acs-date;x-acs-signature-nonce;x-acs-version,\
             Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
        );
        let mut signed_headers = headers.clone();
        signed_headers.push(("authorization".into(), value));
        let wire = Wire { headers: &signed_headers, ..wire };
        assert_eq!(verify(&wire, "YourAccessKeySecret"), Ok(()));
        assert!(matches!(verify(&wire, "other"), Err(SignatureError::Mismatch { .. })));
        assert_eq!(verify(&Wire { body: b"x", ..wire }, "YourAccessKeySecret"), Err(SignatureError::Body));
        assert!(matches!(
            verify(&Wire { path: "/x", ..wire }, "YourAccessKeySecret"),
            Err(SignatureError::Mismatch { .. })
        ));
    }

    /// Made with an official SDK: temporary key, non-ASCII parameter.
    #[test]
    fn sdk_vector_with_security_token() {
        let query = pairs(&[
            ("RegionId", "cn-hangzhou"),
            ("InstanceId.1", "i-1"),
            ("Description", "中文 a*b~c/d"),
            ("Tag.1.Key", "k"),
        ]);
        let headers = pairs(&[
            ("host", "127.0.0.1:8080"),
            ("x-acs-accesskey-id", "STS.testak"),
            ("x-acs-action", "RunCommand"),
            ("x-acs-content-sha256", &content_sha256(b"")),
            ("x-acs-date", "2026-11-22T10:00:00Z"),
            ("x-acs-security-token", "tok"),
            ("x-acs-signature-nonce", "nonce-1"),
            ("x-acs-version", "2014-05-26"),
        ]);
        let credentials = Credentials {
            access_key_id: "STS.testak".into(),
            access_key_secret: "testsk".into(),
            security_token: Some("tok".into()),
        };
        let wire = Wire { method: "POST", path: "/", query: &query, headers: &headers, body: b"" };
        let value = authorization(&wire, &credentials);
        assert!(
            value.ends_with("Signature=e3664bd4a4316ac339713907a5b143573400edbbde68474bc9908a70111b6f0a"),
            "{value}"
        );
    }

    /// From the unit tests of an official SDK: an empty parameter, a header with two values.
    #[test]
    fn sdk_vectors_of_the_canonical_form() {
        let query = pairs(&[("test", "ok"), ("empty", "")]);
        let headers = pairs(&[("x-acs-test", "http"), ("x-acs-test", "https")]);
        let digest = "55e12e91650d2fec56ec74e1d3e4ddbfce2ef3a65890c2a19ecf88a307e76a23";
        for (method, expected) in [
            ("", "4ab59fffe3c5738ff8a2729f90cc04fe18b02a4b15b2102cbaf92f9ff3df2ea3"),
            ("GET", "d16b30a7699ae9e43875b13195b2f81bcc3ed10c14a9b5eb780e51619aa50be1"),
        ] {
            let wire = Wire { method, path: "/", query: &query, headers: &headers, body: b"" };
            let text = string_to_sign(&wire, &["x-acs-test".to_owned()], digest);
            assert_eq!(hex(&hmac_sha256("secret", &text).finalize().into_bytes()), expected, "{method}");
        }
    }

    #[test]
    fn what_binds_the_request_must_be_signed() {
        let mut headers = pairs(&[
            ("host", "h"),
            ("x-acs-action", "A"),
            ("x-acs-content-sha256", &content_sha256(b"")),
            ("x-acs-date", "2026-11-22T10:00:00Z"),
            ("x-acs-signature-nonce", "n"),
            ("x-acs-version", "v"),
        ]);
        let credentials =
            Credentials { access_key_id: "ak".into(), access_key_secret: "sk".into(), security_token: None };
        let value =
            authorization(&Wire { method: "POST", path: "/", query: &[], headers: &headers, body: b"" }, &credentials);
        // A token slipped in afterwards is not covered by the signature.
        headers.push(("authorization".into(), value));
        headers.push(("x-acs-security-token".into(), "stolen".into()));
        let wire = Wire { method: "POST", path: "/", query: &[], headers: &headers, body: b"" };
        assert_eq!(verify(&wire, "sk"), Err(SignatureError::NotSigned("x-acs-security-token".into())));
        let bare = Wire { method: "POST", path: "/", query: &[], headers: &[], body: b"" };
        assert_eq!(verify(&bare, "sk"), Err(SignatureError::Malformed));
    }

    #[test]
    fn requests_of_official_sdks() {
        let checked = super::super::test_vectors::check("ACS3-HMAC-SHA256", |wire, secret, expected| {
            let authorization = Authorization::parse(&wire.header("authorization").unwrap()).unwrap();
            let request = canonical_request(wire, &authorization.signed_headers, &content_sha256(wire.body));
            assert_eq!(request, expected);
            verify(wire, secret)
        });
        assert_eq!(checked, 10);
    }
}
