//! What the operator wants of a migration.

use serde::{Deserialize, Serialize};

use crate::os::Os;

/// The operator's wishes for one instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Destination; the nearest when None.
    pub target: Option<Os>,
    /// What must answer after the migration, or the machine goes back.
    pub probes: Vec<Probe>,
    /// How long the snapshots are kept after the migration, days (ECS: 1 to 65536).
    pub retention_days: u32,
    /// Packages whose removal by the migration is fine.
    pub may_remove: Vec<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { target: None, probes: Vec::new(), retention_days: 7, may_remove: Vec::new() }
    }
}

/// An application's sign of life, asked from inside the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// GET answers with a status of 200 to 399.
    Http(String),
    /// The port accepts a connection.
    Tcp {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// The shell command exits with 0. Only from the function's own settings: whoever may tag an
    /// instance must not thereby run commands on it.
    Command(String),
}

/// Tag that opts an instance in; its value is `migrate`.
pub const TAG: &str = "osferry";
const TAG_TARGET: &str = "osferry:target";
const TAG_PROBE: &str = "osferry:probe";
const TAG_RETENTION: &str = "osferry:retention-days";
const TAG_MAY_REMOVE: &str = "osferry:may-remove";

/// A tag whose value makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tag {key}={value:?}: {problem}")]
pub struct BadTag {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl Policy {
    /// The policy of an instance: `base`, overridden by the instance's own tags. None when the tags do
    /// not ask for a migration.
    pub fn from_tags<'a>(
        base: &Self,
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Option<Self>, BadTag> {
        let mut policy = base.clone();
        let mut asked = false;
        for (key, value) in tags {
            let bad = |problem| BadTag { key: key.into(), value: value.into(), problem };
            match key {
                TAG => asked = value.trim() == "migrate",
                TAG_TARGET => {
                    policy.target = Some(Os::from_ecs_name(value).ok_or_else(|| bad("not an operating system"))?);
                }
                TAG_PROBE => policy.probes.push(
                    Probe::from_tag(value).ok_or_else(|| bad("not like `http host:port/path` or `tcp host:port`"))?,
                ),
                TAG_RETENTION => {
                    let days = value.trim().parse().ok().filter(|days| (1..=65536).contains(days));
                    policy.retention_days = days.ok_or_else(|| bad("not a number of days from 1 to 65536"))?;
                }
                TAG_MAY_REMOVE => policy.may_remove.extend(value.split_whitespace().map(str::to_owned)),
                _ => {}
            }
        }
        Ok(asked.then_some(policy))
    }
}

impl Probe {
    /// `http host:port/path`, `https host/path` or `tcp host:port`. ECS allows no URL in a tag's value.
    pub fn from_tag(value: &str) -> Option<Self> {
        let (scheme, rest) = value.trim().split_once(' ')?;
        if rest.is_empty() || !rest.bytes().all(|b| b.is_ascii_graphic()) {
            return None;
        }
        match scheme {
            "http" | "https" => Some(Self::Http(format!("{scheme}://{rest}"))),
            "tcp" => {
                let (host, port) = rest.rsplit_once(':')?;
                (!host.is_empty()).then_some(Self::Tcp { host: host.to_owned(), port: port.parse().ok()? })
            }
            _ => None,
        }
    }
}

impl std::fmt::Display for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Http(url) => write!(f, "GET {url}"),
            Self::Tcp { host, port } => write!(f, "connect to {host}:{port}"),
            Self::Command(line) => write!(f, "run {line:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_ask_for_a_migration_and_shape_it() {
        let base = Policy { probes: vec![Probe::Command("true".into())], ..Policy::default() };
        let tags = [
            ("env", "prod"),
            (TAG, "migrate"),
            (TAG_TARGET, "Debian 13"),
            (TAG_PROBE, "http 127.0.0.1:8080/health"),
            (TAG_RETENTION, "30"),
            (TAG_MAY_REMOVE, "ntp vendor-agent"),
        ];
        let policy = Policy::from_tags(&base, tags).unwrap().unwrap();
        assert_eq!(policy.target.unwrap().to_string(), "Debian 13");
        assert_eq!(policy.probes.len(), 2);
        assert_eq!((policy.retention_days, policy.may_remove.len()), (30, 2));
        assert_eq!(Policy::from_tags(&base, [("env", "prod")]).unwrap(), None);
        assert_eq!(Policy::from_tags(&base, [(TAG, "no")]).unwrap(), None);
    }

    #[test]
    fn bad_tags_are_named() {
        let policy = |key, value| Policy::from_tags(&Policy::default(), [(key, value)]);
        for (key, value) in [
            (TAG_TARGET, "BeOS 5"),
            (TAG_PROBE, "command rm"),
            (TAG_PROBE, "tcp db"),
            (TAG_PROBE, "http://db/"),
            (TAG_PROBE, "http a b"),
            (TAG_RETENTION, "0"),
            (TAG_RETENTION, "x"),
        ] {
            let error = policy(key, value).unwrap_err();
            assert!(error.to_string().contains(key) && error.to_string().contains(value), "{error}");
        }
    }
}
