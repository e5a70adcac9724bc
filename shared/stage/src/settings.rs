//! What a function is told by its environment variables (s.yaml).

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
    /// `MIRROR` and `GPGCHECK`
    pub guest: guest::Settings,
    /// `POLICY`: JSON; what holds for every instance unless its tags say otherwise.
    pub policy: Policy,
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
        let policy = match var("POLICY") {
            None => Policy::default(),
            Some(json) => serde_json::from_str(&json)
                .map_err(|error| BadSetting { name: "POLICY", problem: error.to_string() })?,
        };
        let gpgcheck = match var("GPGCHECK").as_deref() {
            None | Some("1") => true,
            Some("0") => false,
            Some(other) => {
                return Err(BadSetting { name: "GPGCHECK", problem: format!("{other:?} is neither 0 nor 1") });
            }
        };
        Ok(Self {
            ecs_endpoint: var("ECS_ENDPOINT"),
            ots_endpoint: need("OTS_ENDPOINT")?,
            ots_instance: need("OTS_INSTANCE")?,
            eventbridge_endpoint: need("EVENTBRIDGE_ENDPOINT")?,
            event_bus: var("EVENT_BUS").unwrap_or_else(|| "osferry".into()),
            guest: guest::Settings {
                mirror: var("MIRROR").unwrap_or_else(|| "http://mirrors.cloud.aliyuncs.com".into()),
                gpgcheck,
            },
            policy,
        })
    }
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
        for (name, value) in [("OTS_ENDPOINT", ""), ("POLICY", "{"), ("POLICY", "{\"probs\":[]}"), ("GPGCHECK", "no")] {
            assert!(read(&[(name, value)]).unwrap_err().to_string().contains(name), "{name}={value}");
        }
    }
}
