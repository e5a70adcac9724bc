//! What the operator wants of a migration.

use serde::{Deserialize, Serialize};

use crate::check::Remediation;
use crate::os::Os;

/// What is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Migrate the instance.
    #[default]
    Migrate,
    /// Migrate a clone in an isolated network, tell how it went, release it.
    Drill,
    /// A drill; then the instance itself, if the drill was clean.
    DrillThenMigrate,
    /// Only ask whether the first hop could be gone, as cloud, guest and tool see it. What had to be brought in for
    /// that is taken back.
    Check,
}

impl Mode {
    /// Every mode, by its name in tags and requests.
    pub const ALL: [(&str, Self); 4] = [
        ("migrate", Self::Migrate),
        ("drill", Self::Drill),
        ("drill-then-migrate", Self::DrillThenMigrate),
        ("check", Self::Check),
    ];

    /// Whether a clone is migrated first, or only.
    pub fn drills(self) -> bool {
        matches!(self, Self::Drill | Self::DrillThenMigrate)
    }
}

/// Which disks go back in a rollback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Every disk: one moment for system and data.
    #[default]
    All,
    /// The system disk only: what was written to data disks since stays.
    System,
}

/// The operator's wishes for one instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Destination; the nearest when None. Also read from its name, `"Anolis OS 8"`.
    #[serde(deserialize_with = "by_name")]
    pub target: Option<Os>,
    /// What must answer after the migration, or the machine goes back.
    pub probes: Vec<Probe>,
    /// How long the snapshots are to be kept, days (ECS: 1 to 65536); see [`Policy::kept_days`].
    pub retention_days: u32,
    /// Packages whose removal by the migration is fine.
    pub may_remove: Vec<String>,
    /// What to do.
    pub mode: Mode,
    /// What may be changed in the guest so that a check passes.
    pub remediate: Vec<Remediation>,
    /// Whether a named person must acknowledge the warnings before anything is changed.
    pub acknowledge: bool,
    /// How long services and probes are watched after the verification, minutes; 0: not at all.
    pub observe_minutes: u32,
    /// Which disks a rollback resets.
    pub rollback: Scope,
    /// Whether a rollback first keeps the failed system disk as a snapshot, for study.
    pub keep_failed_disk: bool,
}

/// Shortest retention of snapshots, days. It is longer than all that may still want the way back: the tool, the
/// verification, a day of observation, the rollback.
const SHORTEST_RETENTION: u32 = 3;

/// Observation beyond this is monitoring's business, minutes.
pub const LONGEST_OBSERVATION: u32 = 24 * 60;

impl Default for Policy {
    fn default() -> Self {
        Self {
            target: None,
            probes: Vec::new(),
            retention_days: 7,
            may_remove: Vec::new(),
            mode: Mode::Migrate,
            remediate: Vec::new(),
            acknowledge: false,
            observe_minutes: 0,
            rollback: Scope::All,
            keep_failed_disk: false,
        }
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

/// Tag that opts an instance in; its value is the name of a [`Mode`].
pub const TAG: &str = "osferry";
const TAG_TARGET: &str = "osferry:target";
const TAG_PROBE: &str = "osferry:probe";
const TAG_RETENTION: &str = "osferry:retention-days";
const TAG_MAY_REMOVE: &str = "osferry:may-remove";
const TAG_REMEDIATE: &str = "osferry:remediate";
const TAG_ACKNOWLEDGE: &str = "osferry:acknowledge";
const TAG_OBSERVE: &str = "osferry:observe-minutes";
const TAG_ROLLBACK: &str = "osferry:rollback";
const TAG_KEEP_FAILED: &str = "osferry:keep-failed-disk";

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

/// The form of a record, or a name as people write it.
fn by_name<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Os>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Told {
        Name(String),
        Record(Os),
    }
    match Option::<Told>::deserialize(from)? {
        None => Ok(None),
        Some(Told::Record(os)) => Ok(Some(os)),
        Some(Told::Name(name)) => match Os::from_ecs_name(&name) {
            Some(os) => Ok(Some(os)),
            None => Err(serde::de::Error::custom(format!("target {name:?} is no operating system"))),
        },
    }
}

impl Policy {
    /// What is wrong with its figures, if anything: those that come from JSON were not looked at yet.
    pub fn problem(&self) -> Option<String> {
        if !(1..=65536).contains(&self.retention_days) {
            return Some("retention_days is not a number from 1 to 65536".into());
        }
        (self.observe_minutes > LONGEST_OBSERVATION)
            .then(|| format!("observe_minutes is not a number from 0 to {LONGEST_OBSERVATION}"))
    }

    /// How long snapshots are kept, days from their creation.
    pub fn kept_days(&self) -> u32 {
        self.retention_days.max(SHORTEST_RETENTION)
    }

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
                // Other values are what OS Ferry leaves: outcomes.
                TAG => match Mode::ALL.iter().find(|(name, _)| *name == value.trim()) {
                    Some((_, Mode::Migrate)) => asked = true,
                    Some((_, mode)) => (asked, policy.mode) = (true, *mode),
                    None => {}
                },
                TAG_TARGET => {
                    policy.target = Some(Os::destination(value).map_err(bad)?);
                }
                TAG_PROBE => policy.probes.push(
                    Probe::from_tag(value).ok_or_else(|| bad("not like `http host:port/path` or `tcp host:port`"))?,
                ),
                TAG_RETENTION => {
                    let days = value.trim().parse().ok().filter(|days| (1..=65536).contains(days));
                    policy.retention_days = days.ok_or_else(|| bad("not a number of days from 1 to 65536"))?;
                }
                TAG_REMEDIATE => {
                    for name in value.split_whitespace() {
                        let known = Remediation::ALL.iter().find(|known| known.name() == name);
                        policy.remediate.push(*known.ok_or_else(|| bad("not the names of remediations"))?);
                    }
                }
                // Where the operator wants it, no tag may do without.
                TAG_ACKNOWLEDGE => policy.acknowledge |= yes(value).ok_or_else(|| bad("neither yes nor no"))?,
                TAG_OBSERVE => {
                    let minutes = value.trim().parse().ok().filter(|minutes| *minutes <= LONGEST_OBSERVATION);
                    policy.observe_minutes = minutes.ok_or_else(|| bad("not a number of minutes from 0 to 1440"))?;
                }
                TAG_ROLLBACK => {
                    policy.rollback = match value.trim() {
                        "all" => Scope::All,
                        "system" => Scope::System,
                        _ => return Err(bad("neither all nor system")),
                    };
                }
                TAG_KEEP_FAILED => policy.keep_failed_disk = yes(value).ok_or_else(|| bad("neither yes nor no"))?,
                TAG_MAY_REMOVE => policy.may_remove.extend(value.split_whitespace().map(str::to_owned)),
                _ => {}
            }
        }
        Ok(asked.then_some(policy))
    }
}

fn yes(value: &str) -> Option<bool> {
    match value.trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
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

/// For findings, logs and chats: without what may be a secret, which is a URL's user and query and a command's
/// arguments.
impl std::fmt::Display for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Http(url) => {
                let (plain, rest) = url.split_at(url.find(['?', '#']).unwrap_or(url.len()));
                let (scheme, place) = plain.split_once("://").unwrap_or(("", plain));
                let host = &place[..place.find('/').unwrap_or(place.len())];
                let place = host.rfind('@').map_or(place, |at| &place[at + 1..]);
                let query = if rest.is_empty() { "" } else { "?…" };
                write!(f, "GET {scheme}://{place}{query}")
            }
            Self::Tcp { host, port } => write!(f, "connect to {host}:{port}"),
            Self::Command(line) => {
                let mut words = line.split_whitespace();
                let more = if words.clone().count() > 1 { " …" } else { "" };
                write!(f, "run {}{more}", words.next().unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_named_without_secrets() {
        for (probe, name) in [
            (Probe::Http("http://127.0.0.1:8080/health".into()), "GET http://127.0.0.1:8080/health"),
            (Probe::Http("https://me:s3cret@shop/a@b?token=s3cret#x".into()), "GET https://shop/a@b?…"),
            (Probe::Http("https://shop?token=s3cret".into()), "GET https://shop?…"),
            (Probe::Tcp { host: "db".into(), port: 3306 }, "connect to db:3306"),
            (Probe::Command("mysqladmin -ps3cret ping".into()), "run mysqladmin …"),
            (Probe::Command("true".into()), "run true"),
        ] {
            assert_eq!(probe.to_string(), name);
        }
    }

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
    fn tags_reach_every_wish() {
        let tags = [
            (TAG, "drill-then-migrate"),
            (TAG_REMEDIATE, "remove-i686 clean-boot"),
            (TAG_ACKNOWLEDGE, "yes"),
            (TAG_OBSERVE, "15"),
            (TAG_ROLLBACK, "system"),
            (TAG_KEEP_FAILED, "yes"),
        ];
        let policy = Policy::from_tags(&Policy::default(), tags).unwrap().unwrap();
        assert_eq!(policy.mode, Mode::DrillThenMigrate);
        assert_eq!(policy.remediate, [Remediation::RemoveI686, Remediation::CleanBoot]);
        assert_eq!((policy.acknowledge, policy.observe_minutes), (true, 15));
        assert_eq!((policy.rollback, policy.keep_failed_disk), (Scope::System, true));
        for (name, mode) in Mode::ALL {
            let policy = Policy::from_tags(&Policy::default(), [(TAG, name)]).unwrap().unwrap();
            assert_eq!(policy.mode, mode);
            assert_eq!(serde_json::to_value(mode).unwrap(), name);
        }
        let strict = Policy { acknowledge: true, ..Policy::default() };
        let policy = Policy::from_tags(&strict, [(TAG, "migrate"), (TAG_ACKNOWLEDGE, "no")]).unwrap().unwrap();
        assert!(policy.acknowledge, "a tag cannot do without what the operator wants");
    }

    #[test]
    fn a_destination_is_read_by_name_and_from_records() {
        let read = |json: &str| serde_json::from_str::<Policy>(json);
        let named = read(r#"{"target":"Anolis OS 8"}"#).unwrap();
        assert_eq!(named.target.as_ref().unwrap().to_string(), "Anolis OS 8");
        assert_eq!(read(&serde_json::to_string(&named).unwrap()).unwrap(), named);
        assert_eq!(read(r#"{"target":null}"#).unwrap().target, None);
        assert!(read(r#"{"target":"BeOS 5"}"#).unwrap_err().to_string().contains("BeOS 5"));
        assert_eq!(named.problem(), None);
        for (field, policy) in [
            ("retention_days", Policy { retention_days: 0, ..Policy::default() }),
            ("retention_days", Policy { retention_days: 65_537, ..Policy::default() }),
            ("observe_minutes", Policy { observe_minutes: 1_441, ..Policy::default() }),
        ] {
            assert!(policy.problem().unwrap().starts_with(field));
        }
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
            (TAG_REMEDIATE, "remove-i686 reformat"),
            (TAG_ACKNOWLEDGE, "maybe"),
            (TAG_OBSERVE, "1441"),
            (TAG_ROLLBACK, "some"),
            (TAG_KEEP_FAILED, "1"),
        ] {
            let error = policy(key, value).unwrap_err();
            assert!(error.to_string().contains(key) && error.to_string().contains(value), "{error}");
        }
    }
}
