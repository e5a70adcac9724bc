//! Who asks: bearer tokens, of which the function knows only the hashes.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// People by the SHA-256 of their token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operators(Vec<(String, [u8; 32])>);

/// `OPERATORS` makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadOperators {
    /// Not a JSON object of strings.
    #[error("OPERATORS is not a JSON object from name to hash: {0}")]
    NotAnObject(String),
    /// A hash is not one.
    #[error("OPERATORS: the hash of {0:?} is not 64 lower-case hex digits (sha256sum of the token, without line end)")]
    NotAHash(String),
    /// A name is empty.
    #[error("OPERATORS: a name is empty")]
    NoName,
}

impl Operators {
    /// Reads `{"name": "hash"}`, where the hash is the SHA-256 of the token in lower-case hex.
    pub fn read(json: &str) -> Result<Self, BadOperators> {
        let named: BTreeMap<String, String> =
            serde_json::from_str(json).map_err(|error| BadOperators::NotAnObject(error.to_string()))?;
        let mut operators = Vec::new();
        for (name, hex) in named {
            if name.trim().is_empty() {
                return Err(BadOperators::NoName);
            }
            let hash = hash(&hex).ok_or_else(|| BadOperators::NotAHash(name.clone()))?;
            operators.push((name, hash));
        }
        Ok(Self(operators))
    }

    /// The name of whoever has the token of an `Authorization: Bearer <token>` header. Takes as long for a wrong token
    /// as for a right one.
    pub fn who(&self, authorization: Option<&str>) -> Option<&str> {
        let (scheme, token) = authorization?.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") || token.trim().is_empty() {
            return None;
        }
        let told: [u8; 32] = Sha256::digest(token.trim().as_bytes()).into();
        let mut found = None;
        for (name, hash) in &self.0 {
            if same(hash, &told) {
                found = Some(name.as_str());
            }
        }
        found
    }
}

/// Compares every byte, wherever the first difference is.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    let differences = a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b));
    std::hint::black_box(differences) == 0
}

fn hash(hex: &str) -> Option<[u8; 32]> {
    let digits = hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    digits.then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of `secret`.
    const HASH: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    #[test]
    fn only_whoever_has_a_token_has_a_name() {
        let operators = Operators::read(&format!(r#"{{"ann": "{HASH}", "bob": "{}"}}"#, "0".repeat(64))).unwrap();
        for (header, name) in [
            (Some("Bearer secret"), Some("ann")),
            (Some("bearer  secret "), Some("ann")),
            (Some("Bearer Secret"), None),
            (Some("Bearer "), None),
            (Some("Bearer"), None),
            (Some("Basic secret"), None),
            (Some("secret"), None),
            (Some(""), None),
            (None, None),
        ] {
            assert_eq!(operators.who(header), name, "{header:?}");
        }
        assert_eq!(Operators::default().who(Some("Bearer secret")), None);
    }

    #[test]
    fn what_is_no_hash_is_refused_by_name() {
        for (json, problem) in [
            ("[]", "not a JSON object"),
            (r#"{"ann": 1}"#, "not a JSON object"),
            (r#"{"ann": "secret"}"#, "ann"),
            (r#"{"": "x"}"#, "name is empty"),
        ] {
            assert!(Operators::read(json).unwrap_err().to_string().contains(problem), "{json}");
        }
        let upper = format!(r#"{{"ann": "{}"}}"#, HASH.to_uppercase());
        assert_eq!(Operators::read(&upper), Err(BadOperators::NotAHash("ann".into())));
        assert_eq!(Operators::read("{}"), Ok(Operators::default()));
    }
}
