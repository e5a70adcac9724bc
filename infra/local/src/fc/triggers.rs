//! The triggers of a function in s.yaml: timer, eventbridge and http.

use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds};
use serde::Deserialize;
use serde_yaml_ng::Value;

use super::s_yaml::{SYamlError, typed};
use crate::eventbridge::{Retry, Rule};

/// What wakes a function.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// The clock.
    Timer(TimerTrigger),
    /// An event on a bus.
    EventBridge {
        /// The rule; `(name, function)` is unique.
        rule: Rule,
        /// `triggerEnable`
        enabled: bool,
    },
    /// A request.
    Http(HttpTrigger),
}

/// A timer trigger.
#[derive(Clone, Debug, PartialEq)]
pub struct TimerTrigger {
    /// `triggerName`
    pub name: String,
    /// `cronExpression`
    pub schedule: Schedule,
    /// Handed to the function as it is.
    pub payload: String,
    /// `enable`
    pub enabled: bool,
}

/// When a timer fires.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// `@every Nm`
    Every(Duration),
    /// Six fields, seconds first, UTC.
    Cron(Box<Cron>),
}

/// Who may call an HTTP trigger.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum AuthType {
    /// Everybody; the function looks for itself.
    Anonymous,
    /// Who signs as for the OpenAPI.
    Function,
}

/// An HTTP trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpTrigger {
    /// `triggerName`
    pub name: String,
    /// `authType`
    pub auth: AuthType,
    /// Methods that are let through, upper case.
    pub methods: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Raw {
    trigger_name: String,
    trigger_type: String,
    trigger_config: Value,
    source_arn: Option<String>,
    #[serde(rename = "description")]
    _description: Option<String>,
    #[serde(rename = "invocationRole")]
    _invocation_role: Option<String>,
    qualifier: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TimerConfig {
    cron_expression: String,
    #[serde(default = "yes")]
    enable: bool,
    #[serde(default)]
    payload: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HttpConfig {
    auth_type: AuthType,
    methods: Vec<String>,
    #[serde(rename = "disableURLInternet")]
    _disable_url_internet: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EventBridgeConfig {
    trigger_enable: bool,
    async_invocation_type: bool,
    event_rule_filter_pattern: String,
    event_source_config: EventSource,
    event_sink_config: Option<EventSink>,
    run_options: Option<RunOptions>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EventSource {
    event_source_type: String,
    /// Required by the fc3 schema; a bus has none.
    #[serde(default, rename = "eventSourceParameters")]
    _parameters: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EventSink {
    delivery_option: DeliveryOption,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DeliveryOption {
    event_schema: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct RunOptions {
    mode: Option<String>,
    errors_tolerance: Option<String>,
    retry_strategy: Option<RetryStrategy>,
    dead_letter_queue: Option<DeadLetterQueue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RetryStrategy {
    push_retry_strategy: Retry,
    maximum_event_age_in_seconds: Option<u64>,
    maximum_retry_attempts: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeadLetterQueue {
    arn: String,
}

fn yes() -> bool {
    true
}

impl Trigger {
    /// Reads one entry of `triggers` of `function`.
    pub(super) fn parse(value: Value, function: &str, at: &str) -> Result<Self, SYamlError> {
        let raw: Raw = typed(value, at)?;
        if raw.qualifier.as_ref().is_some_and(|qualifier| qualifier != "LATEST") {
            return Err(SYamlError::new(at, "only the qualifier LATEST exists here"));
        }
        let config_at = format!("{at}.triggerConfig");
        let name = raw.trigger_name;
        match raw.trigger_type.as_str() {
            "timer" => {
                let config: TimerConfig = typed(raw.trigger_config, &config_at)?;
                let schedule = Schedule::parse(&config.cron_expression).map_err(|e| SYamlError::new(&config_at, e))?;
                Ok(Self::Timer(TimerTrigger { name, schedule, payload: config.payload, enabled: config.enable }))
            }
            "http" => {
                let config: HttpConfig = typed(raw.trigger_config, &config_at)?;
                let known = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"];
                match config.methods.iter().find(|method| !known.contains(&method.as_str())) {
                    Some(method) => {
                        Err(SYamlError::new(config_at, format!("method `{method}` is not one of {known:?}")))
                    }
                    None => Ok(Self::Http(HttpTrigger { name, auth: config.auth_type, methods: config.methods })),
                }
            }
            "eventbridge" => {
                let config: EventBridgeConfig = typed(raw.trigger_config, &config_at)?;
                let enabled = config.trigger_enable;
                let rule =
                    rule(config, name, raw.source_arn.as_deref(), function).map_err(|e| SYamlError::new(at, e))?;
                Ok(Self::EventBridge { rule, enabled })
            }
            other => Err(SYamlError::new(at, format!("triggerType `{other}` is not timer, eventbridge or http"))),
        }
    }

    /// The trigger's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Timer(timer) => &timer.name,
            Self::EventBridge { rule, .. } => &rule.name,
            Self::Http(http) => &http.name,
        }
    }
}

fn rule(config: EventBridgeConfig, trigger: String, source_arn: Option<&str>, function: &str) -> Result<Rule, String> {
    if !config.async_invocation_type {
        return Err("asyncInvocationType must be true: events are delivered asynchronously here".into());
    }
    let source = config.event_source_config.event_source_type;
    if source != "Default" {
        return Err(format!("eventSourceType `{source}`: only Default, an event bus, exists here"));
    }
    let schema = config.event_sink_config.map_or("CloudEvents".into(), |sink| sink.delivery_option.event_schema);
    if schema != "CloudEvents" {
        return Err(format!("eventSchema `{schema}`: events are delivered as CloudEvents here"));
    }
    let pattern: serde_json::Value = serde_json::from_str(&config.event_rule_filter_pattern)
        .map_err(|e| format!("eventRuleFilterPattern is not JSON: {e}"))?;
    if !pattern.is_object() {
        return Err("eventRuleFilterPattern is not a JSON object".into());
    }
    let (bus, name) = match source_arn {
        None => ("default".to_owned(), trigger),
        Some(arn) => bus_and_rule(arn).ok_or_else(|| {
            format!("sourceArn `{arn}` is not acs:eventbridge:REGION:ACCOUNT:eventbus/NAME/rule/RULE")
        })?,
    };
    let options = config.run_options.unwrap_or_default();
    if let Some(mode) = options.mode.filter(|mode| mode != "event-driven") {
        return Err(format!("runOptions.mode `{mode}`: only event-driven exists here"));
    }
    if let Some(tolerance) = options.errors_tolerance.filter(|tolerance| tolerance != "ALL") {
        return Err(format!(
            "errorsTolerance `{tolerance}`: a failed delivery does not hold back the others here, say ALL"
        ));
    }
    let retry = options.retry_strategy.as_ref().map_or(Retry::Backoff, |strategy| strategy.push_retry_strategy);
    Ok(Rule {
        name,
        bus,
        pattern,
        function: function.to_owned(),
        retry,
        max_retries: options
            .retry_strategy
            .as_ref()
            .and_then(|strategy| strategy.maximum_retry_attempts)
            .unwrap_or(retry.max_retries()),
        max_age_secs: options.retry_strategy.and_then(|strategy| strategy.maximum_event_age_in_seconds),
        dead_letter: options.dead_letter_queue.map(|queue| queue.arn),
    })
}

/// Bus and rule of `acs:eventbridge:REGION:ACCOUNT:eventbus/NAME/rule/RULE`.
fn bus_and_rule(arn: &str) -> Option<(String, String)> {
    let parts: Vec<&str> = arn.splitn(5, ':').collect();
    let ["acs", "eventbridge", _region, _account, resource] = parts.as_slice() else { return None };
    let (bus, rule) = resource.strip_prefix("eventbus/")?.split_once("/rule/")?;
    let plain = |name: &str| !name.is_empty() && !name.contains('/');
    (plain(bus) && plain(rule)).then(|| (bus.to_owned(), rule.to_owned()))
}

impl Schedule {
    /// Reads a `cronExpression` (FC docs, timer triggers).
    ///
    /// # Errors
    ///
    /// Says what is wrong with it, or that its time zone is not supported.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.starts_with("CRON_TZ=") || text.starts_with("TZ=") {
            return Err(format!("`{text}`: only UTC exists here, leave the time zone out"));
        }
        if let Some(interval) = text.strip_prefix("@every ") {
            let minutes = interval.trim().strip_suffix('m').and_then(|n| n.parse::<u32>().ok()).filter(|n| *n > 0);
            let minutes = minutes.ok_or_else(|| format!("`{text}` is not `@every Nm` with N minutes"))?;
            return Ok(Self::Every(Duration::from_secs(60 * u64::from(minutes))));
        }
        let cron = CronParser::builder().seconds(Seconds::Required).build().parse(text);
        cron.map(|cron| Self::Cron(Box::new(cron)))
            .map_err(|e| format!("`{text}` is not six cron fields, seconds first: {e}"))
    }

    /// Epoch milliseconds of the first firing after `now`, which is epoch milliseconds too; at most
    /// `cap` away when there is one. None when there is none.
    pub fn next(&self, now: i64, cap: Option<Duration>) -> Option<i64> {
        let after = |interval: Duration| now.saturating_add(i64::try_from(interval.as_millis()).unwrap_or(i64::MAX));
        let next = match self {
            Self::Every(interval) => Some(after(*interval)),
            Self::Cron(cron) => {
                let now = jiff::Timestamp::from_millisecond(now).ok()?.to_zoned(jiff::tz::TimeZone::UTC);
                cron.find_next_occurrence(&now, false).ok().map(|at| at.timestamp().as_millisecond())
            }
        };
        match (next, cap) {
            (next, None) => next,
            (next, Some(cap)) => Some(next.unwrap_or(i64::MAX).min(after(cap))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(schedule: &str, now: &str, cap: Option<u64>) -> String {
        let now: jiff::Timestamp = now.parse().unwrap();
        let at = Schedule::parse(schedule).unwrap().next(now.as_millisecond(), cap.map(Duration::from_secs)).unwrap();
        jiff::Timestamp::from_millisecond(at).unwrap().to_string()
    }

    #[test]
    fn schedules_fire_when_they_say() {
        let now = "2026-03-31T23:59:30Z";
        assert_eq!(next("@every 5m", now, None), "2026-04-01T00:04:30Z");
        assert_eq!(next("@every 5m", now, Some(2)), "2026-03-31T23:59:32Z");
        assert_eq!(next("0 0 4 * * *", now, None), "2026-04-01T04:00:00Z");
        assert_eq!(next("0 0 4 1 * *", "2026-04-01T04:00:00Z", None), "2026-05-01T04:00:00Z");
        assert_eq!(next("0 0 4 * * *", now, Some(60)), "2026-04-01T00:00:30Z");
        assert_eq!(next("*/10 * * * * *", now, Some(60)), "2026-03-31T23:59:40Z");
    }

    #[test]
    fn schedules_that_are_none_are_refused() {
        for (text, part) in [
            ("@every 0m", "is not `@every Nm`"),
            ("@every 30s", "is not `@every Nm`"),
            ("0 4 * * *", "six cron fields"),
            ("0 0 25 * * *", "six cron fields"),
            ("CRON_TZ=Asia/Shanghai 0 0 4 * * *", "only UTC"),
        ] {
            let error = Schedule::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
