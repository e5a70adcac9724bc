//! Access keys.

use std::fmt;

/// An access key, permanent or temporary.
#[derive(Clone)]
pub struct Credentials {
    /// AccessKey ID; temporary ones start with `STS.`.
    pub access_key_id: String,
    /// AccessKey secret.
    pub access_key_secret: String,
    /// Goes along with every request that a temporary key signs; None for a permanent key.
    pub security_token: Option<String>,
}

impl fmt::Debug for Credentials {
    /// Shows the id only: a secret must not reach a log by way of `{:?}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("access_key_secret", &"…")
            .field("security_token", &self.security_token.as_ref().map(|_| "…"))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let credentials = Credentials {
            access_key_id: "STS.id".into(),
            access_key_secret: "very-secret".into(),
            security_token: Some("token-secret".into()),
        };
        let shown = format!("{credentials:?}");
        assert!(shown.contains("STS.id"), "{shown}");
        assert!(!shown.contains("secret\"") && !shown.contains("very") && !shown.contains("token-"), "{shown}");
    }
}
