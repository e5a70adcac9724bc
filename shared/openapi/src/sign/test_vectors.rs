//! Requests captured from official SDKs.

use serde::Deserialize;

use super::{SignatureError, Wire, parse_query};

#[derive(Deserialize)]
struct Captured {
    client: String,
    signature: String,
    secret: String,
    string_or_canonical_request: String,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// Checks every captured request of `scheme`, as it is and spoilt; answers how many there were.
/// `verify` gets the request, the secret and the expected canonical request or string to sign.
pub fn check(scheme: &str, verify: impl Fn(&Wire<'_>, &str, &str) -> Result<(), SignatureError>) -> usize {
    let all: Vec<Captured> = serde_json::from_str(include_str!("../../testdata/requests.json")).unwrap();
    let mut checked = 0;
    for captured in all.iter().filter(|c| c.signature == scheme) {
        let (path, query) = captured.target.split_once('?').unwrap_or((&captured.target, ""));
        let query = parse_query(query);
        let headers: Vec<_> = captured.headers.iter().map(|(n, v)| (n.to_lowercase(), v.clone())).collect();
        let wire =
            Wire { method: &captured.method, path, query: &query, headers: &headers, body: captured.body.as_bytes() };
        assert_eq!(
            verify(&wire, &captured.secret, &captured.string_or_canonical_request),
            Ok(()),
            "{}",
            captured.client
        );
        let spoilt = verify(&wire, "another secret", &captured.string_or_canonical_request);
        assert!(matches!(spoilt, Err(SignatureError::Mismatch { .. })), "{}", captured.client);
        checked += 1;
    }
    checked
}
