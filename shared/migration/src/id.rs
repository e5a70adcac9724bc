//! The migration's id.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `m-` and 20 lower-case hex digits. Random, so rows spread over Tablestore's partitions; short and
/// plain enough to be part of snapshot and command names, by which ECS events lead back to the row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MigrationId(String);

/// Not `m-` and 20 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a migration id (m- and 20 lower-case hex digits)")]
pub struct InvalidId(String);

const DIGITS: usize = 20;

impl MigrationId {
    /// The id made of 10 random bytes.
    pub fn from_bytes(bytes: [u8; DIGITS / 2]) -> Self {
        Self(bytes.iter().fold("m-".to_owned(), |id, byte| format!("{id}{byte:02x}")))
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Finds the id in a name made by [`MigrationId::name`], such as a snapshot's.
    pub fn in_name(name: &str) -> Option<Self> {
        let start = name.strip_prefix("osferry-")?;
        start.get(..DIGITS + 2)?.parse().ok()
    }

    /// A resource name that leads back to this migration: `osferry-<id>-<what>`.
    pub fn name(&self, what: &str) -> String {
        format!("osferry-{}-{what}", self.0)
    }
}

impl FromStr for MigrationId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.strip_prefix("m-") {
            Some(hex) if hex.len() == DIGITS && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(InvalidId(text.to_owned())),
        }
    }
}

impl TryFrom<String> for MigrationId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<MigrationId> for String {
    fn from(id: MigrationId) -> Self {
        id.0
    }
}

impl fmt::Display for MigrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_the_id() {
        let id = MigrationId::from_bytes([0, 1, 2, 3, 4, 5, 6, 7, 8, 255]);
        assert_eq!(id.as_str(), "m-000102030405060708ff");
        assert_eq!(MigrationId::in_name(&id.name("assess-1")), Some(id.clone()));
        for other in ["", "osferry-", "osferry-m-00", "auto-2026", "osferry-m-000102030405060708FF-x", "é-osferry"] {
            assert_eq!(MigrationId::in_name(other), None, "{other}");
        }
        assert_eq!(serde_json::from_str::<MigrationId>("\"m-000102030405060708ff\"").unwrap(), id);
        assert!(serde_json::from_str::<MigrationId>("\"m-1; rm -rf /\"").is_err());
    }
}
