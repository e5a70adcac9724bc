//! s.yaml of Serverless Devs (component fc3), read strictly: what it says that this cloud would not
//! do, or that a deployment would silently ignore, is an error that names its place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_yaml_ng::Value;

use super::triggers::{HttpTrigger, TimerTrigger, Trigger};
use super::variables::{Variables, scalar};
use crate::eventbridge::Rule;

/// Top-level keys that have no meaning here.
const UNUSED_TOP: &[&str] = &["edition", "name", "access", "actions", "template", "flow"];
/// Properties of the fc3 schema that have no meaning on one machine.
const UNUSED_PROPS: &[&str] = &[
    "annotations",
    "code",
    "concurrencyConfig",
    "cpu",
    "customDNS",
    "description",
    "diskSize",
    "handler",
    "instanceIsolationMode",
    "instanceLifecycleConfig",
    "internetAccess",
    "layers",
    "logConfig",
    "provisionConfig",
    "region",
    "scalingConfig",
    "tags",
    "tracingConfig",
    "vpcBinding",
    "vpcConfig",
];
/// User variables of a function, bytes of names and values together (FC limits).
const MAX_ENVIRONMENT: usize = 4 << 10;

/// Why s.yaml is not accepted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("s.yaml: {at}: {what}")]
pub struct SYamlError {
    /// Path of the place in the file, `resources.detect.props`.
    pub at: String,
    /// What is wrong there.
    pub what: String,
}

impl SYamlError {
    pub(super) fn new(at: impl Into<String>, what: impl ToString) -> Self {
        Self { at: at.into(), what: what.to_string() }
    }
}

/// What s.yaml describes.
#[derive(Clone, Debug)]
pub struct SYaml {
    /// The functions, in the file's order.
    pub functions: Vec<Function>,
}

/// One function (`props` of a resource of component fc3).
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// `functionName`
    pub name: String,
    /// The role in `role`, `acs:ram::<account>:role/<name>`.
    pub role: Option<String>,
    /// `timeout`, seconds, 1–86400.
    pub timeout_secs: u64,
    /// `memorySize`, MB.
    pub memory_mb: u32,
    /// `instanceConcurrency`: requests at once to one process, 1–200.
    pub concurrency: u32,
    /// `environmentVariables`
    pub environment: BTreeMap<String, String>,
    /// `asyncInvokeConfig`
    pub async_invoke: AsyncInvoke,
    /// `triggers`
    pub triggers: Vec<Trigger>,
}

/// How asynchronous invocations are retried (`asyncInvokeConfig`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsyncInvoke {
    /// `maxAsyncRetryAttempts`, 0–8: tries after the first one.
    pub max_retries: u32,
    /// `maxAsyncEventAgeInSeconds`: how long after its submission one may still be started.
    pub max_age_secs: u64,
    /// `destinationConfig.onFailure.destination`, an ARN.
    pub on_failure: Option<String>,
}

impl Default for AsyncInvoke {
    /// The defaults of FC (API reference) and of the fc3 schema.
    fn default() -> Self {
        Self { max_retries: 3, max_age_secs: 18_000, on_failure: None }
    }
}

impl SYaml {
    /// Reads the file at `path`; `account_id` is what `config('AccountID')` stands for.
    ///
    /// # Errors
    ///
    /// When it cannot be read, and as [`SYaml::parse`].
    pub fn load(path: &Path, account_id: &str) -> Result<Self, SYamlError> {
        let text = std::fs::read_to_string(path).map_err(|e| SYamlError::new(path.display().to_string(), e))?;
        Self::parse(&text, account_id, &|name| std::env::var(name).ok())
    }

    /// Reads `text`; `env` answers `${env('X')}`.
    ///
    /// # Errors
    ///
    /// The first thing that is not understood or not allowed.
    pub fn parse(text: &str, account_id: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, SYamlError> {
        let mut file: Value = serde_yaml_ng::from_str(text).map_err(|e| SYamlError::new("the file", e))?;
        file.apply_merge().map_err(|e| SYamlError::new("the file", e))?;
        let file: File = typed(file, "the file")?;
        only_known(&file.rest, UNUSED_TOP, "the file")?;
        let none = Value::Null;
        let vars =
            Variables { vars: &none, account_id, env }.resolve(&file.vars).map_err(|e| SYamlError::new("vars", e))?;
        let variables = Variables { vars: &vars, account_id, env };
        let mut functions: Vec<Function> = Vec::new();
        for (key, resource) in &file.resources {
            let key = scalar(key).unwrap_or_default();
            let at = format!("resources.{key}");
            let resource = variables.resolve(resource).map_err(|e| SYamlError::new(&at, e))?;
            let resource: Resource = typed(resource, &at)?;
            if resource.component != "fc3" {
                return Err(SYamlError::new(at, format!("component `{}` is not fc3", resource.component)));
            }
            let function = resource.props.function(&format!("{at}.props"))?;
            if functions.iter().any(|other| other.name == function.name) {
                return Err(SYamlError::new(at, format!("there are two functions `{}`", function.name)));
            }
            functions.push(function);
        }
        Ok(Self { functions })
    }

    /// The function `name`.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// The rules of all eventbridge triggers that are enabled: what EventBridge delivers by.
    pub fn rules(&self) -> Vec<Rule> {
        let triggers = self.functions.iter().flat_map(|function| &function.triggers);
        triggers
            .filter_map(|trigger| match trigger {
                Trigger::EventBridge { rule, enabled: true } => Some(rule.clone()),
                _ => None,
            })
            .collect()
    }
}

impl Function {
    /// The timer triggers that are enabled.
    pub fn timers(&self) -> impl Iterator<Item = &TimerTrigger> {
        self.triggers.iter().filter_map(|trigger| match trigger {
            Trigger::Timer(timer) if timer.enabled => Some(timer),
            _ => None,
        })
    }

    /// The HTTP trigger; FC allows one for a function.
    pub fn http_trigger(&self) -> Option<&HttpTrigger> {
        self.triggers.iter().find_map(|trigger| match trigger {
            Trigger::Http(http) => Some(http),
            _ => None,
        })
    }
}

/// Reads `value` as a `T`; an error names the place.
pub(super) fn typed<T: DeserializeOwned>(value: Value, at: &str) -> Result<T, SYamlError> {
    serde_yaml_ng::from_value(value).map_err(|e| SYamlError::new(at, e))
}

fn only_known(rest: &BTreeMap<String, Value>, known: &[&str], at: &str) -> Result<(), SYamlError> {
    match rest.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(SYamlError::new(at, format!("unknown key `{key}`"))),
        None => Ok(()),
    }
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    vars: Value,
    resources: serde_yaml_ng::Mapping,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resource {
    component: String,
    props: Props,
    #[serde(default, rename = "actions")]
    _actions: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Props {
    function_name: String,
    runtime: String,
    role: Option<String>,
    timeout: Option<u64>,
    memory_size: Option<u32>,
    instance_concurrency: Option<u32>,
    #[serde(default)]
    environment_variables: BTreeMap<String, Value>,
    custom_runtime_config: Option<CustomRuntime>,
    async_invoke_config: Option<AsyncConfig>,
    #[serde(default)]
    triggers: Vec<Value>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CustomRuntime {
    #[serde(default, rename = "command")]
    _command: Vec<String>,
    #[serde(default, rename = "args")]
    _args: Vec<String>,
    #[serde(rename = "port")]
    _port: Option<u16>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AsyncConfig {
    max_async_retry_attempts: Option<u32>,
    max_async_event_age_in_seconds: Option<u64>,
    destination_config: Option<Destinations>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Destinations {
    on_failure: Option<Destination>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Destination {
    destination: String,
}

impl Props {
    fn function(self, at: &str) -> Result<Function, SYamlError> {
        only_known(&self.rest, UNUSED_PROPS, at)?;
        let error = |what: String| SYamlError::new(at, what);
        // The name is also a file's and a header's: FC allows it nothing that would matter there.
        let name = self.function_name;
        let first_fits = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !first_fits || name.len() > 128 || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
            return Err(error(format!(
                "functionName `{name}` is not a letter or `_`, then letters, digits, `_` and `-`, 128 at most"
            )));
        }
        if !["custom", "custom.debian10", "custom.debian11", "custom.debian12"].contains(&self.runtime.as_str()) {
            return Err(error(format!("runtime `{}` is not a custom runtime", self.runtime)));
        }
        drop(self.custom_runtime_config); // checked by its type; the binaries here are named after their functions
        let memory_mb = self.memory_size.unwrap_or(512);
        if !(128..=32_768).contains(&memory_mb) || !memory_mb.is_multiple_of(64) {
            return Err(error(format!("memorySize {memory_mb} is not 128 to 32768 in steps of 64")));
        }
        Ok(Function {
            timeout_secs: within(self.timeout.unwrap_or(3), 1, 86_400, "timeout", at)?,
            memory_mb,
            concurrency: within(self.instance_concurrency.unwrap_or(1), 1, 200, "instanceConcurrency", at)?,
            environment: environment(self.environment_variables, at)?,
            async_invoke: self.async_invoke_config.map_or(Ok(AsyncInvoke::default()), |config| config.checked(at))?,
            triggers: triggers(self.triggers, &name, at)?,
            role: self.role.map(|arn| role(&arn, at)).transpose()?,
            name,
        })
    }
}

/// The role's name.
fn role(arn: &str, at: &str) -> Result<String, SYamlError> {
    match arn.strip_prefix("acs:ram::").and_then(|rest| rest.split_once(":role/")) {
        Some((account, name)) if !account.is_empty() && !name.is_empty() => Ok(name.to_owned()),
        _ => Err(SYamlError::new(at, format!("role `{arn}` is not like acs:ram::<account>:role/<name>"))),
    }
}

fn triggers(raw: Vec<Value>, function: &str, at: &str) -> Result<Vec<Trigger>, SYamlError> {
    let mut names = BTreeSet::new();
    let mut triggers = Vec::new();
    for (index, value) in raw.into_iter().enumerate() {
        let at = format!("{at}.triggers[{index}]");
        let trigger = Trigger::parse(value, function, &at)?;
        if !names.insert(trigger.name().to_owned()) {
            return Err(SYamlError::new(at, format!("there are two triggers `{}`", trigger.name())));
        }
        triggers.push(trigger);
    }
    if triggers.iter().filter(|trigger| matches!(trigger, Trigger::Http(_))).count() > 1 {
        return Err(SYamlError::new(at, "more than one http trigger"));
    }
    Ok(triggers)
}

fn environment(variables: BTreeMap<String, Value>, at: &str) -> Result<BTreeMap<String, String>, SYamlError> {
    let at = format!("{at}.environmentVariables");
    let mut environment = BTreeMap::new();
    for (name, value) in variables {
        if name.starts_with("FC_") {
            return Err(SYamlError::new(at, format!("`{name}`: names with FC_ are Function Compute's own")));
        }
        let value = scalar(&value).ok_or_else(|| SYamlError::new(&at, format!("`{name}` is not a text")))?;
        environment.insert(name, value);
    }
    let size: usize = environment.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > MAX_ENVIRONMENT {
        return Err(SYamlError::new(at, format!("{size} bytes are more than {MAX_ENVIRONMENT}")));
    }
    Ok(environment)
}

impl AsyncConfig {
    fn checked(self, at: &str) -> Result<AsyncInvoke, SYamlError> {
        let at = format!("{at}.asyncInvokeConfig");
        let usual = AsyncInvoke::default();
        let on_failure = self.destination_config.and_then(|config| config.on_failure).map(|to| to.destination);
        if let Some(arn) = on_failure.as_ref().filter(|arn| !arn.starts_with("acs:")) {
            return Err(SYamlError::new(at, format!("onFailure destination `{arn}` is not an ARN")));
        }
        let age = self.max_async_event_age_in_seconds.unwrap_or(usual.max_age_secs);
        let retries = self.max_async_retry_attempts.unwrap_or(usual.max_retries);
        Ok(AsyncInvoke {
            max_retries: within(retries, 0, 8, "maxAsyncRetryAttempts", &at)?,
            max_age_secs: within(age, 1, 2_592_000, "maxAsyncEventAgeInSeconds", &at)?,
            on_failure,
        })
    }
}

/// `value`, if it is between `low` and `high`.
fn within<T: PartialOrd + std::fmt::Display>(value: T, low: T, high: T, what: &str, at: &str) -> Result<T, SYamlError> {
    if value < low || value > high {
        return Err(SYamlError::new(at, format!("{what} {value} is not between {low} and {high}")));
    }
    Ok(value)
}

#[cfg(test)]
#[path = "s_yaml_tests.rs"]
mod tests;
