use std::time::Duration;

use super::super::triggers::{AuthType, Schedule};
use super::*;
use crate::eventbridge::Retry;

const FIXTURE: &str = include_str!("../../tests/data/s.yaml");

fn parse(text: &str) -> Result<SYaml, SYamlError> {
    SYaml::parse(text, "123456789", &|_| None)
}

#[test]
fn the_fixture_is_read() {
    let s_yaml = SYaml::parse(FIXTURE, "123456789", &|name| (name == "LEVEL").then(|| "debug".into())).unwrap();
    let names: Vec<_> = s_yaml.functions.iter().map(|function| function.name.as_str()).collect();
    assert_eq!(names, ["detect", "migrate", "console"]);

    let detect = s_yaml.function("detect").unwrap();
    assert_eq!((detect.timeout_secs, detect.memory_mb, detect.concurrency), (60, 512, 1));
    assert_eq!(detect.environment["RUST_LOG"], "debug");
    assert_eq!(detect.environment["LIMIT"], "7");
    let timer = detect.timers().next().unwrap();
    assert_eq!((timer.name.as_str(), timer.payload.as_str()), ("every-5m", "x"));
    assert_eq!(timer.schedule, Schedule::Every(Duration::from_secs(300)));
    assert_eq!(detect.timers().count(), 1, "the other one is disabled");

    let migrate = s_yaml.function("migrate").unwrap();
    let failed = "acs:mns:cn-hangzhou::/queues/ferry-failed/messages".to_owned();
    assert_eq!(migrate.async_invoke, AsyncInvoke { max_retries: 1, max_age_secs: 3600, on_failure: Some(failed) });
    assert_eq!(detect.async_invoke, AsyncInvoke::default());

    let console = s_yaml.function("console").unwrap();
    let http = console.http_trigger().unwrap();
    assert_eq!(
        (http.auth, http.methods.as_slice()),
        (AuthType::Anonymous, ["GET".to_owned(), "POST".to_owned()].as_slice())
    );
    assert_eq!(console.concurrency, 20);
}

#[test]
fn the_projects_own_file_is_read() {
    let env = |name: &str| (name == "OPERATORS").then(|| "{}".to_owned());
    let s_yaml = SYaml::parse(include_str!("../../../../s.yaml"), "123456789", &env).unwrap();
    let console = s_yaml.function("osferry-console").unwrap();
    assert_eq!(console.environment["OPERATORS"], "{}");
    assert_eq!(console.environment["EVENT_BUS"], "osferry", "and what every function has");
    assert_eq!(console.http_trigger().unwrap().auth, AuthType::Anonymous);
    let told = s_yaml.functions.iter().filter(|function| function.environment.contains_key("OPERATORS"));
    assert_eq!(told.count(), 1, "nobody else knows who may ask");
    assert_eq!(console.role.as_deref(), Some("osferry-console"));
}

#[test]
fn rules_name_their_bus() {
    let rules = SYaml::parse(FIXTURE, "123456789", &|_| None).unwrap().rules();
    assert_eq!(rules.len(), 2, "the disabled one is left out");
    assert_eq!(
        (rules[0].bus.as_str(), rules[0].name.as_str(), rules[0].function.as_str()),
        ("default", "states", "migrate")
    );
    assert_eq!(rules[0].pattern, serde_json::json!({ "source": ["acs.ecs"], "type": ["ecs:Instance:StateChange"] }));
    assert_eq!((rules[0].retry, rules[0].max_retries), (Retry::ExponentialDecay, 176));
    assert_eq!(rules[0].dead_letter.as_deref(), Some("acs:mns:cn-hangzhou:123456789:/queues/ferry-dead"));
    assert_eq!((rules[1].bus.as_str(), rules[1].name.as_str()), ("ferry", "stage-migrate"));
    assert_eq!((rules[1].retry, rules[1].max_retries, rules[1].dead_letter.as_ref()), (Retry::Backoff, 3, None));
}

/// One function with `props` and `triggers` added, as flow YAML.
fn one(props: &str, triggers: &str) -> String {
    format!(
        "{{ resources: {{ f: {{ component: fc3, props: {{ functionName: f, runtime: custom, {props} triggers: [{triggers}] }} }} }} }}"
    )
}

fn trigger(kind: &str, config: &str) -> String {
    one("", &format!("{{ triggerName: t, triggerType: {kind}, triggerConfig: {{ {config} }} }}"))
}

#[test]
fn the_defaults_are_those_of_function_compute() {
    let s_yaml = parse(&one("", "")).unwrap();
    let function = &s_yaml.functions[0];
    assert_eq!((function.timeout_secs, function.memory_mb, function.concurrency), (3, 512, 1));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let bridge = "triggerEnable: true, asyncInvocationType: true, eventSourceConfig: { eventSourceType: Default }";
    for (text, at, what) in [
        (one("timeoutt: 60,", ""), "resources.f.props", "unknown key `timeoutt`"),
        (one("timeout: 0,", ""), "resources.f.props", "timeout 0 is not between 1 and 86400"),
        (one("memorySize: 100,", ""), "resources.f.props", "memorySize 100"),
        (one("instanceConcurrency: 201,", ""), "resources.f.props", "instanceConcurrency 201"),
        (one("environmentVariables: { FC_X: 1 },", ""), "resources.f.props.environmentVariables", "`FC_X`"),
        (one("environmentVariables: { X: [1] },", ""), "resources.f.props.environmentVariables", "`X` is not a text"),
        (one("role: osferry-f,", ""), "resources.f.props", "is not like acs:ram::<account>:role/<name>"),
        (one("timeout: '${vars.t}',", ""), "resources.f", "is not in vars"),
        (
            one("asyncInvokeConfig: { maxAsyncRetryAttempts: 9 },", ""),
            "resources.f.props.asyncInvokeConfig",
            "maxAsyncRetryAttempts 9",
        ),
        (one("asyncInvokeConfig: { retries: 9 },", ""), "resources.f", "unknown field `retries`"),
        (one("", "{ triggerName: t }"), "resources.f.props.triggers[0]", "missing field"),
        (trigger("oss", ""), "resources.f.props.triggers[0]", "triggerType `oss`"),
        (
            trigger("timer", "cronExpression: '@every 5m', enabled: true"),
            "resources.f.props.triggers[0].triggerConfig",
            "unknown field `enabled`",
        ),
        (
            trigger("timer", "cronExpression: '5 * * * *'"),
            "resources.f.props.triggers[0].triggerConfig",
            "six cron fields",
        ),
        (
            trigger("http", "authType: nope, methods: [GET]"),
            "resources.f.props.triggers[0].triggerConfig",
            "unknown variant `nope`",
        ),
        (
            trigger("http", "authType: anonymous, methods: [get]"),
            "resources.f.props.triggers[0].triggerConfig",
            "method `get`",
        ),
        (
            trigger("eventbridge", &format!("{bridge}, eventRuleFilterPattern: '[1]'")),
            "resources.f.props.triggers[0]",
            "not a JSON object",
        ),
        (
            trigger("eventbridge", &format!("{bridge}, eventRuleFilterPattern: '{{'")),
            "resources.f.props.triggers[0]",
            "is not JSON",
        ),
        (
            "{ resources: { f: { component: oss, props: { functionName: f, runtime: custom } } } }".into(),
            "resources.f",
            "is not fc3",
        ),
        ("{ resource: {} }".into(), "the file", "missing field `resources`"),
        ("{ resources: {}, varz: 1 }".into(), "the file", "unknown key `varz`"),
    ] {
        let error = parse(&text).unwrap_err();
        assert_eq!(error.at, at, "{text}: {error}");
        assert!(error.what.contains(what), "{text}: {error}");
    }
}

#[test]
fn a_source_arn_must_name_bus_and_rule() {
    let text = |arn: &str| {
        one(
            "",
            &format!(
                "{{ triggerName: t, triggerType: eventbridge, sourceArn: '{arn}', triggerConfig: {{ triggerEnable: true, asyncInvocationType: true, eventRuleFilterPattern: '{{}}', eventSourceConfig: {{ eventSourceType: Default }} }} }}"
            ),
        )
    };
    assert_eq!(parse(&text("acs:eventbridge:r:1:eventbus/b/rule/r")).unwrap().rules()[0].bus, "b");
    for arn in [
        "",
        "acs:mns:r:1:eventbus/b/rule/r",
        "acs:eventbridge:r:1:eventbus/b",
        "acs:eventbridge:r:1:eventbus/b/rule/",
        "acs:eventbridge:r:1:eventbus/a/b/rule/r",
    ] {
        assert!(parse(&text(arn)).unwrap_err().what.contains("sourceArn"), "{arn}");
    }
}
