//! Event patterns: which events a rule is for (EventBridge docs, "Event patterns").
//!
//! A pattern mirrors the event. Keys of an object must all match, values in an array are
//! alternatives, comparison is case-sensitive. A field of the event that is itself an array matches
//! when one of its elements does.

use std::net::IpAddr;

use serde_json::{Map, Value};
use thiserror::Error;

/// Operators in one array, by the documented limit. Plain values are not counted: the vendor's own
/// examples list more of them.
const MAX_OPERATORS: usize = 5;

/// A pattern, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(Node);

/// What is wrong with a pattern.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("event pattern, at {at}: {what}")]
pub struct PatternError {
    /// Path of keys, joined by dots.
    pub at: String,
    /// What is wrong there.
    pub what: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    /// Every key must match.
    All(Vec<(String, Node)>),
    /// One must match.
    Any(Vec<Test>),
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    /// A string, number, boolean or null.
    Equals(Value),
    Prefix(String),
    Suffix(String),
    Contains(String),
    /// None of these.
    AnythingBut(Vec<Test>),
    /// All of these comparisons.
    Numeric(Vec<(Comparison, f64)>),
    /// Network and length of its prefix.
    Cidr(IpAddr, u8),
    Exists(bool),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Pattern {
    /// Checks a pattern. `{}` is for every event.
    ///
    /// # Errors
    /// When it is no object, or holds what is no test.
    pub fn parse(pattern: &Value) -> Result<Self, PatternError> {
        match pattern {
            Value::Object(object) => parse_object(object, "").map(Self),
            _ => Err(error("", "a pattern is an object")),
        }
    }

    /// Whether `event`, a CloudEvents object, is one of those.
    pub fn matches(&self, event: &Value) -> bool {
        matches_node(&self.0, Some(event))
    }
}

fn error(at: &str, what: impl Into<String>) -> PatternError {
    PatternError { at: if at.is_empty() { "the top".into() } else { at.into() }, what: what.into() }
}

fn parse_object(object: &Map<String, Value>, at: &str) -> Result<Node, PatternError> {
    let mut keys = Vec::new();
    for (key, value) in object {
        let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
        let node = match value {
            Value::Object(object) => parse_object(object, &at)?,
            Value::Array(tests) => parse_tests(tests, &at)?,
            _ => return Err(error(&at, "expected an object or an array of alternatives")),
        };
        keys.push((key.clone(), node));
    }
    Ok(Node::All(keys))
}

fn parse_tests(tests: &[Value], at: &str) -> Result<Node, PatternError> {
    if tests.is_empty() {
        return Err(error(at, "no alternatives"));
    }
    if tests.iter().filter(|test| test.is_object()).count() > MAX_OPERATORS {
        return Err(error(at, format!("more than {MAX_OPERATORS} expressions")));
    }
    tests.iter().map(|test| parse_test(test, at)).collect::<Result<_, _>>().map(Node::Any)
}

fn parse_test(test: &Value, at: &str) -> Result<Test, PatternError> {
    let operator = match test {
        Value::Object(operator) => operator,
        Value::Array(_) => return Err(error(at, "an array inside an array")),
        plain => return Ok(Test::Equals(plain.clone())),
    };
    let mut entries = operator.iter();
    let (Some((name, operand)), None) = (entries.next(), entries.next()) else {
        return Err(error(at, "an expression has exactly one operator"));
    };
    match name.as_str() {
        "prefix" | "suffix" | "contains" => parse_text(name, operand, at),
        "anything-but" => parse_anything_but(operand, at),
        "numeric" => parse_numeric(operand, at),
        "cidr" => parse_cidr(operand).ok_or_else(|| error(at, "cidr wants an address block such as 10.0.0.0/24")),
        "exists" => operand.as_bool().map(Test::Exists).ok_or_else(|| error(at, "exists wants true or false")),
        unknown => Err(error(at, format!("unknown operator {unknown}"))),
    }
}

fn parse_text(name: &str, operand: &Value, at: &str) -> Result<Test, PatternError> {
    let text = operand.as_str().ok_or_else(|| error(at, format!("{name} wants a string")))?.to_owned();
    Ok(match name {
        "prefix" => Test::Prefix(text),
        "suffix" => Test::Suffix(text),
        _ => Test::Contains(text),
    })
}

/// A value, an array of values, or one text operator.
fn parse_anything_but(operand: &Value, at: &str) -> Result<Test, PatternError> {
    let tests = match operand {
        Value::Array(values) if !values.is_empty() => {
            values.iter().map(|value| parse_test(value, at)).collect::<Result<_, _>>()?
        }
        Value::Array(_) => return Err(error(at, "anything-but of nothing")),
        one => vec![parse_test(one, at)?],
    };
    let allowed = |test: &Test| matches!(test, Test::Equals(_) | Test::Prefix(_) | Test::Suffix(_) | Test::Contains(_));
    if !tests.iter().all(allowed) {
        return Err(error(at, "anything-but takes values, prefix, suffix and contains"));
    }
    Ok(Test::AnythingBut(tests))
}

/// `[">", 0, "<=", 5]`
fn parse_numeric(operand: &Value, at: &str) -> Result<Test, PatternError> {
    let wrong = || error(at, "numeric wants comparisons such as [\">\", 0, \"<=\", 5]");
    let list = operand.as_array().filter(|list| !list.is_empty() && list.len() % 2 == 0).ok_or_else(wrong)?;
    let mut comparisons = Vec::new();
    for pair in list.chunks(2) {
        let comparison = match pair[0].as_str() {
            Some("=") => Comparison::Equal,
            Some("<") => Comparison::Less,
            Some("<=") => Comparison::LessOrEqual,
            Some(">") => Comparison::Greater,
            Some(">=") => Comparison::GreaterOrEqual,
            _ => return Err(wrong()),
        };
        comparisons.push((comparison, pair[1].as_f64().ok_or_else(wrong)?));
    }
    Ok(Test::Numeric(comparisons))
}

fn parse_cidr(operand: &Value) -> Option<Test> {
    let (network, length) = operand.as_str()?.split_once('/')?;
    let network: IpAddr = network.parse().ok()?;
    let length: u8 = length.parse().ok()?;
    let bits = if network.is_ipv4() { 32 } else { 128 };
    (length <= bits).then_some(Test::Cidr(network, length))
}

/// `value` is None where the event has no such field.
fn matches_node(node: &Node, value: Option<&Value>) -> bool {
    match node {
        Node::All(keys) => keys.iter().all(|(key, node)| matches_node(node, value.and_then(|value| value.get(key)))),
        Node::Any(tests) => tests.iter().any(|test| matches_field(test, value)),
    }
}

fn matches_field(test: &Test, value: Option<&Value>) -> bool {
    match (test, value) {
        (Test::Exists(expected), value) => *expected == value.is_some(),
        (_, None) => false,
        (test, Some(Value::Array(elements))) => elements.iter().any(|element| matches_value(test, element)),
        (test, Some(value)) => matches_value(test, value),
    }
}

fn matches_value(test: &Test, value: &Value) -> bool {
    let text = |matches: &dyn Fn(&str) -> bool| value.as_str().is_some_and(matches);
    match test {
        Test::Equals(expected) => equals(expected, value),
        Test::Prefix(prefix) => text(&|t| t.starts_with(prefix.as_str())),
        Test::Suffix(suffix) => text(&|t| t.ends_with(suffix.as_str())),
        Test::Contains(part) => text(&|t| t.contains(part.as_str())),
        Test::AnythingBut(tests) => !tests.iter().any(|test| matches_value(test, value)),
        Test::Numeric(comparisons) => {
            value.as_f64().is_some_and(|number| comparisons.iter().all(|(c, limit)| compare(*c, number, *limit)))
        }
        Test::Cidr(network, length) => text(&|t| t.parse().is_ok_and(|address| in_network(address, *network, *length))),
        Test::Exists(expected) => *expected,
    }
}

/// Numbers by their value: 1 is 1.0.
fn equals(expected: &Value, value: &Value) -> bool {
    match (expected.as_f64(), value.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => expected == value,
    }
}

fn compare(comparison: Comparison, number: f64, limit: f64) -> bool {
    match comparison {
        Comparison::Equal => number == limit,
        Comparison::Less => number < limit,
        Comparison::LessOrEqual => number <= limit,
        Comparison::Greater => number > limit,
        Comparison::GreaterOrEqual => number >= limit,
    }
}

fn in_network(address: IpAddr, network: IpAddr, length: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            a.to_bits() & mask == n.to_bits() & mask
        }
        (IpAddr::V6(a), IpAddr::V6(n)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            a.to_bits() & mask == n.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event() -> Value {
        json!({
            "source": "acs.ecs", "type": "ecs:Instance:StateChange", "subject": "acs:ecs:cn:1:instance/i-1",
            "data": {
                "state": "Running", "count": 5, "ratio": 0.5, "empty": "", "nothing": null, "flag": true,
                "ip": "10.0.0.77", "ip6": "2001:db8::1", "tags": ["a", "b"], "exitCode": "0"
            }
        })
    }

    #[test]
    fn every_operator() {
        let table = [
            // exact
            (json!({}), true),
            (json!({"source": ["acs.ecs"]}), true),
            (json!({"source": ["acs.oss", "acs.ecs"]}), true),
            (json!({"source": ["ACS.ECS"]}), false),
            (json!({"source": ["acs.ecs"], "type": ["other"]}), false),
            (json!({"data": {"state": ["Running"], "count": [5]}}), true),
            (json!({"data": {"state": ["Running"], "count": [6]}}), false),
            (json!({"data": {"count": [5.0]}}), true),
            (json!({"data": {"flag": [true]}}), true),
            (json!({"data": {"exitCode": [0]}}), false),
            // null and empty are not missing
            (json!({"data": {"nothing": [null]}}), true),
            (json!({"data": {"missing": [null]}}), false),
            (json!({"data": {"empty": [""]}}), true),
            (json!({"data": {"nothing": [""]}}), false),
            // text
            (json!({"type": [{"prefix": "ecs:Instance:"}]}), true),
            (json!({"type": [{"prefix": "Instance"}]}), false),
            (json!({"type": [{"suffix": ":StateChange"}]}), true),
            (json!({"type": [{"suffix": ":State"}]}), false),
            (json!({"subject": [{"contains": "instance/"}]}), true),
            (json!({"subject": [{"contains": "disk/"}]}), false),
            (json!({"data": {"count": [{"prefix": "5"}]}}), false),
            // anything-but
            (json!({"data": {"state": [{"anything-but": "Stopped"}]}}), true),
            (json!({"data": {"state": [{"anything-but": "Running"}]}}), false),
            (json!({"data": {"state": [{"anything-but": ["Stopped", "Running"]}]}}), false),
            (json!({"data": {"state": [{"anything-but": {"prefix": "Run"}}]}}), false),
            (json!({"data": {"state": [{"anything-but": {"prefix": "Stop"}}]}}), true),
            (json!({"data": {"count": [{"anything-but": 5}]}}), false),
            (json!({"data": {"missing": [{"anything-but": "x"}]}}), false),
            // numeric
            (json!({"data": {"count": [{"numeric": [">", 0, "<=", 5]}]}}), true),
            (json!({"data": {"count": [{"numeric": [">", 0, "<", 5]}]}}), false),
            (json!({"data": {"count": [{"numeric": ["=", 5]}]}}), true),
            (json!({"data": {"ratio": [{"numeric": [">=", 0.5]}]}}), true),
            (json!({"data": {"exitCode": [{"numeric": ["=", 0]}]}}), false),
            // cidr
            (json!({"data": {"ip": [{"cidr": "10.0.0.0/24"}]}}), true),
            (json!({"data": {"ip": [{"cidr": "10.0.1.0/24"}]}}), false),
            (json!({"data": {"ip": [{"cidr": "0.0.0.0/0"}]}}), true),
            (json!({"data": {"ip": [{"cidr": "10.0.0.77/32"}]}}), true),
            (json!({"data": {"ip6": [{"cidr": "2001:db8::/32"}]}}), true),
            (json!({"data": {"ip6": [{"cidr": "10.0.0.0/8"}]}}), false),
            (json!({"data": {"state": [{"cidr": "10.0.0.0/8"}]}}), false),
            // exists
            (json!({"data": {"state": [{"exists": true}]}}), true),
            (json!({"data": {"missing": [{"exists": true}]}}), false),
            (json!({"data": {"missing": [{"exists": false}]}}), true),
            (json!({"data": {"nothing": [{"exists": false}]}}), false),
            (json!({"nowhere": {"at": {"all": [{"exists": false}]}}}), true),
            // alternatives of different kinds, and arrays in the event
            (json!({"data": {"state": ["Stopped", {"suffix": "ing"}]}}), true),
            (json!({"data": {"tags": ["b", "z"]}}), true),
            (json!({"data": {"tags": ["z"]}}), false),
            // an object where the event has text
            (json!({"source": {"deeper": ["x"]}}), false),
        ];
        for (pattern, expected) in table {
            assert_eq!(Pattern::parse(&pattern).unwrap().matches(&event()), expected, "{pattern}");
        }
    }

    #[test]
    fn what_is_no_pattern() {
        let table = [
            (json!([]), "the top"),
            (json!({"source": "acs.ecs"}), "source"),
            (json!({"source": []}), "source"),
            (json!({"source": [["a"]]}), "source"),
            (json!({"data": {"x": [{"like": "a"}]}}), "data.x"),
            (json!({"data": {"x": [{}]}}), "data.x"),
            (json!({"data": {"x": [{"prefix": "a", "suffix": "b"}]}}), "data.x"),
            (json!({"data": {"x": [{"prefix": 1}]}}), "data.x"),
            (json!({"data": {"x": [{"numeric": [">"]}]}}), "data.x"),
            (json!({"data": {"x": [{"numeric": ["!", 1]}]}}), "data.x"),
            (json!({"data": {"x": [{"numeric": [">", "1"]}]}}), "data.x"),
            (json!({"data": {"x": [{"cidr": "10.0.0.0/33"}]}}), "data.x"),
            (json!({"data": {"x": [{"cidr": "10.0.0.0"}]}}), "data.x"),
            (json!({"data": {"x": [{"exists": "yes"}]}}), "data.x"),
            (json!({"data": {"x": [{"anything-but": []}]}}), "data.x"),
            (json!({"data": {"x": [{"anything-but": {"exists": true}}]}}), "data.x"),
            (json!({"type": vec![json!({"prefix": "a"}); 6]}), "type"),
        ];
        for (pattern, at) in table {
            assert_eq!(Pattern::parse(&pattern).unwrap_err().at, at, "{pattern}");
        }
    }
}
