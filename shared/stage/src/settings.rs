//! What a function is told by its environment variables (s.yaml).

use std::collections::BTreeMap;

use migration::eol::Calendar;
use migration::path::Grants;
use migration::policy::Policy;

/// Settings of every function; the variables' names are in s.yaml.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `ECS_ENDPOINT`; the region's public endpoint when not set.
    pub ecs_endpoint: Option<String>,
    /// `OTS_ENDPOINT`
    pub ots_endpoint: String,
    /// `OTS_INSTANCE`
    pub ots_instance: String,
    /// `EVENTBRIDGE_ENDPOINT`
    pub eventbridge_endpoint: String,
    /// `EVENT_BUS`: the custom bus of stage events.
    pub event_bus: String,
    /// `MIRROR`, `TOOLS`, `TOOL_CHECKSUMS` and `GPGCHECK`
    pub guest: guest::Settings,
    /// What some stages need.
    pub options: Options,
}

/// What the operator has configured for some stages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `WINDOWS_MEDIA`: JSON, from version (`2019`, `2012R2`) to language (`zh-cn`, `en-us`) to the snapshot that
    /// holds that installation media.
    pub windows_media: BTreeMap<String, BTreeMap<String, String>>,
    /// `DRILL_VSWITCH`: the VSwitch of the isolated network in which drills run.
    pub drill_vswitch: Option<String>,
    /// `DRILL_SECURITY_GROUP`: the security group of that network.
    pub drill_security_group: Option<String>,
    /// `EOL_OVERRIDES`: JSON, the operator's rows of the EOL calendar ([`Calendar::with_overrides`]).
    pub calendar: Calendar,
    /// `SNAPSHOT_PRICE`: what a GiB of snapshots costs for a month, in the account's currency.
    pub snapshot_price: Option<String>,
    /// `RHEL_GRANTED`: whether the account may migrate to Red Hat Enterprise Linux (`1`).
    pub rhel_granted: bool,
    /// `DARK_SECONDS`: how long a guest may be silent after the reboot, in place of the engine's own limit, seconds.
    pub dark_seconds: Option<u64>,
    /// `SETTLE_SECONDS`: how long services and applications get to come up after the boot; 60 when not set.
    pub settle_seconds: Option<u64>,
}

impl Options {
    /// What the operator is granted beyond the paths that are open to everybody.
    pub fn grants(&self) -> Grants {
        Grants { rhel: self.rhel_granted }
    }

    fn read(var: impl Fn(&str) -> Option<String>) -> Result<Self, BadSetting> {
        let seconds = |name: &'static str| match var(name).map(|text| text.parse()) {
            None => Ok(None),
            Some(Ok(seconds)) => Ok(Some(seconds)),
            Some(Err(_)) => Err(BadSetting { name, problem: "is not a number of seconds".into() }),
        };
        let windows_media = match var("WINDOWS_MEDIA") {
            None => BTreeMap::new(),
            Some(json) => serde_json::from_str(&json)
                .map_err(|error| BadSetting { name: "WINDOWS_MEDIA", problem: error.to_string() })?,
        };
        let calendar = match var("EOL_OVERRIDES") {
            None => Calendar::default(),
            Some(json) => Calendar::with_overrides(&json)
                .map_err(|error| BadSetting { name: "EOL_OVERRIDES", problem: error.to_string() })?,
        };
        Ok(Self {
            windows_media,
            calendar,
            drill_vswitch: var("DRILL_VSWITCH"),
            drill_security_group: var("DRILL_SECURITY_GROUP"),
            snapshot_price: var("SNAPSHOT_PRICE"),
            rhel_granted: flag("RHEL_GRANTED", var("RHEL_GRANTED"), false)?,
            dark_seconds: seconds("DARK_SECONDS")?,
            settle_seconds: seconds("SETTLE_SECONDS")?,
        })
    }
}

fn flag(name: &'static str, value: Option<String>, unset: bool) -> Result<bool, BadSetting> {
    match value.as_deref() {
        None => Ok(unset),
        Some("1") => Ok(true),
        Some("0") => Ok(false),
        Some(other) => Err(BadSetting { name, problem: format!("{other:?} is neither 0 nor 1") }),
    }
}

/// A variable that is missing or wrong.
#[derive(Debug, thiserror::Error)]
#[error("environment variable {name}: {problem}")]
pub struct BadSetting {
    name: &'static str,
    problem: String,
}

impl Settings {
    /// Reads the environment.
    pub fn from_env() -> Result<Self, BadSetting> {
        Self::read(|name| std::env::var(name).ok())
    }

    fn read(var: impl Fn(&str) -> Option<String>) -> Result<Self, BadSetting> {
        let var = |name: &str| var(name).filter(|value| !value.is_empty());
        let need = |name: &'static str| var(name).ok_or(BadSetting { name, problem: "is not set".into() });
        let gpgcheck = flag("GPGCHECK", var("GPGCHECK"), true)?;
        let options = Options::read(var)?;
        Ok(Self {
            ecs_endpoint: var("ECS_ENDPOINT"),
            ots_endpoint: need("OTS_ENDPOINT")?,
            ots_instance: need("OTS_INSTANCE")?,
            eventbridge_endpoint: need("EVENTBRIDGE_ENDPOINT")?,
            event_bus: var("EVENT_BUS").unwrap_or_else(|| "osferry".into()),
            guest: guest::Settings {
                mirror: var("MIRROR").unwrap_or_else(|| "http://mirrors.cloud.aliyuncs.com".into()),
                tools: var("TOOLS").unwrap_or_default(),
                checksums: match var("TOOL_CHECKSUMS") {
                    None => BTreeMap::new(),
                    Some(json) => serde_json::from_str(&json)
                        .map_err(|error| BadSetting { name: "TOOL_CHECKSUMS", problem: error.to_string() })?,
                },
                gpgcheck,
            },
            options,
        })
    }

    /// `POLICY`: JSON; what holds for every instance unless its tags or a request say otherwise. Only whoever opens
    /// migrations reads it: a wrong one must not keep those from their way back that are under way.
    pub fn policy_from_env() -> Result<Policy, BadSetting> {
        read_policy(std::env::var("POLICY").ok().as_deref().unwrap_or_default())
    }
}

fn read_policy(json: &str) -> Result<Policy, BadSetting> {
    let bad = |problem| BadSetting { name: "POLICY", problem };
    if json.is_empty() {
        return Ok(Policy::default());
    }
    let policy: Policy = serde_json::from_str(json).map_err(|error| bad(error.to_string()))?;
    policy.problem().map_or(Ok(policy), |problem| Err(bad(problem)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let good = [("OTS_ENDPOINT", "http://o"), ("OTS_INSTANCE", "i"), ("EVENTBRIDGE_ENDPOINT", "http://e")];
        let read = |more: &[(&str, &str)]| {
            let all: Vec<_> = good.iter().chain(more).copied().collect();
            Settings::read(|name| all.iter().rev().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        let settings = read(&[]).unwrap();
        assert!(settings.guest.gpgcheck, "signatures are checked unless told otherwise");
        assert_eq!(settings.event_bus, "osferry");
        for (name, value) in [
            ("OTS_ENDPOINT", ""),
            ("GPGCHECK", "no"),
            ("WINDOWS_MEDIA", "{\"2019\":1}"),
            ("DARK_SECONDS", "long"),
            ("RHEL_GRANTED", "yes"),
            ("EOL_OVERRIDES", "[{}]"),
        ] {
            assert!(read(&[(name, value)]).unwrap_err().to_string().contains(name), "{name}={value}");
        }
    }

    #[test]
    fn the_policy_is_read_by_itself() {
        assert_eq!(read_policy("").unwrap(), Policy::default());
        let policy = read_policy(r#"{"target":"Anolis OS 8","acknowledge":true}"#).unwrap();
        assert_eq!((policy.target.unwrap().to_string().as_str(), policy.acknowledge), ("Anolis OS 8", true));
        for (json, problem) in [
            ("{", "EOF"),
            (r#"{"probs":[]}"#, "probs"),
            (r#"{"target":"BeOS 5"}"#, "BeOS 5"),
            (r#"{"retention_days":0}"#, "retention_days"),
            (r#"{"observe_minutes":1441}"#, "observe_minutes"),
        ] {
            let error = read_policy(json).unwrap_err().to_string();
            assert!(error.contains("POLICY") && error.contains(problem), "{json}: {error}");
        }
    }
}
