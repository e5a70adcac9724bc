//! Signature version 1 of RPC products: HMAC-SHA1 over the parameters of query and form. Older SDKs
//! and tools still send it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;

use super::{SignatureError, canonical_query, encode, hmac_sha1};

/// Value of the parameter `Signature` for all other parameters of query and form together.
pub fn signature(method: &str, params: &[(String, String)], secret: &str) -> String {
    let mac = hmac_sha1(&format!("{secret}&"), &string_to_sign(method, params));
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Checks the parameter `Signature` among `params`, which are those of query and form together.
pub fn verify(method: &str, params: &[(String, String)], secret: &str) -> Result<(), SignatureError> {
    let claimed = params.iter().find(|(name, _)| name == "Signature").ok_or(SignatureError::Malformed)?;
    let claimed = STANDARD.decode(&claimed.1).map_err(|_| SignatureError::Malformed)?;
    for name in ["Action", "Version", "Timestamp", "SignatureNonce"] {
        if !params.iter().any(|(n, _)| n == name) {
            return Err(SignatureError::NotSigned(name.into()));
        }
    }
    let text = string_to_sign(method, params);
    hmac_sha1(&format!("{secret}&"), &text)
        .verify_slice(&claimed)
        .map_err(|_| SignatureError::Mismatch { string_to_sign: text })
}

fn string_to_sign(method: &str, params: &[(String, String)]) -> String {
    let signed: Vec<_> = params.iter().filter(|(name, _)| name != "Signature").cloned().collect();
    format!("{method}&%2F&{}", encode(&canonical_query(&signed)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::parse_query;

    fn params(list: &str) -> Vec<(String, String)> {
        list.split(' ').map(|p| p.split_once('=').unwrap()).map(|(k, v)| (k.into(), v.into())).collect()
    }

    /// Published in the ECS API reference (first two) and in unit tests of official SDKs.
    #[test]
    fn published_vectors() {
        let table = [
            (
                "GET",
                "testsecret",
                "AccessKeyId=testid SignatureMethod=HMAC-SHA1 SignatureVersion=1.0 Timestamp=2016-02-23T12:46:24Z \
                 Format=XML Action=DescribeRegions SignatureNonce=3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf Version=2014-05-26",
                "OLeaidS1JvxuMvnyHOwuJ+uX5qY=",
            ),
            (
                "GET",
                "testsecret",
                "AccessKeyId=testid SignatureMethod=HMAC-SHA1 SignatureVersion=1.0 Action=DescribeDedicatedHosts \
                 Format=JSON RegionId=cn-beijing SignatureNonce=edb2b34af0af9a6d14deaf7c1a5315eb \
                 Timestamp=2023-03-13T08:34:30Z Version=2014-05-26",
                "9NaGiOspFP5UPcwX8Iwt2YJXXuk=",
            ),
            ("", "accessKeySecret", "test=ok", "jHx/oHoHNrbVfhncHEvPdHXZwHU="),
            ("GET", "secret", "body=test query=test", "XlUyV4sXjOuX5FnjUz9IF9tm5rU="),
        ];
        for (method, secret, list, expected) in table {
            assert_eq!(signature(method, &params(list), secret), expected, "{list}");
        }
    }

    /// Made with an official SDK.
    #[test]
    fn non_ascii_parameter() {
        let mut params = params(
            "Action=StopInstance Version=2014-05-26 Format=JSON InstanceId=i-1 AccessKeyId=testak \
             SignatureMethod=HMAC-SHA1 SignatureVersion=1.0 SignatureNonce=nonce-1 Timestamp=2026-11-22T10:00:00Z",
        );
        params.push(("Description".into(), "中文 a*b~c/d".into()));
        let signature = signature("POST", &params, "testsk");
        assert_eq!(signature, "hzrdThafo3h3hHn1hGFoW5/10QY=");
        params.push(("Signature".into(), signature));
        assert_eq!(verify("POST", &params, "testsk"), Ok(()));
        assert!(matches!(verify("GET", &params, "testsk"), Err(SignatureError::Mismatch { .. })));
        assert!(matches!(verify("POST", &params, "other"), Err(SignatureError::Mismatch { .. })));
    }

    /// From the unit tests of an official SDK.
    #[test]
    fn a_parameter_that_is_a_url() {
        let params = params("q=http://domain/?q=value&q2=value2 key=value");
        assert_eq!(
            string_to_sign("GET", &params),
            "GET&%2F&key%3Dvalue%26q%3Dhttp%253A%252F%252Fdomain%252F%253Fq%253Dvalue%2526q2%253Dvalue2"
        );
    }

    #[test]
    fn requests_of_official_sdks() {
        let checked = crate::sign::test_vectors::check("RPC V1 HMAC-SHA1", |wire, secret, expected| {
            let mut params = wire.query.to_vec();
            params.extend(parse_query(std::str::from_utf8(wire.body).unwrap()));
            assert_eq!(string_to_sign(wire.method, &params), expected);
            verify(wire.method, &params, secret)
        });
        assert_eq!(checked, 5);
    }
}
