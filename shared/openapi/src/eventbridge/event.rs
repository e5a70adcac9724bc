//! A CloudEvent, and the shapes in which a function receives it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use thiserror::Error;

/// A CloudEvents 1.0 object with the extension that EventBridge needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloudEvent {
    /// Unique within its source; a duplicate has the same.
    pub id: String,
    /// `acs.ecs`
    pub source: String,
    /// `type`: `ecs:Instance:StateChange`
    pub kind: String,
    /// What it is about; may be empty.
    pub subject: String,
    /// RFC 3339, with `Z` or an offset; may be empty.
    pub time: String,
    /// `aliyuneventbusname`
    pub bus: String,
    /// What happened.
    pub data: Value,
}

impl CloudEvent {
    /// The JSON object that goes over the wire.
    pub fn to_value(&self) -> Value {
        let mut object = json!({
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.kind,
            // Exactly this: with a charset the service takes the data for bytes.
            "datacontenttype": "application/json",
            "data": self.data,
            "aliyuneventbusname": self.bus,
        });
        for (name, value) in [("subject", &self.subject), ("time", &self.time)] {
            if !value.is_empty() {
                object[name] = Value::from(value.as_str());
            }
        }
        object
    }
}

/// What was received holds something other than CloudEvents.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("not a CloudEvent: {0}")]
pub struct NotAnEvent(String);

/// The events in what a function receives: one object (a rule's target or trigger), an array of
/// them, or an array of strings with one each (streaming sources).
pub fn parse_events(payload: &[u8]) -> Result<Vec<CloudEvent>, NotAnEvent> {
    parse_value(serde_json::from_slice(payload).map_err(|e| NotAnEvent(e.to_string()))?)
}

/// [`parse_events`] of JSON that is already read.
pub fn parse_value(value: Value) -> Result<Vec<CloudEvent>, NotAnEvent> {
    match value {
        Value::Array(items) => items.into_iter().map(parse_value).collect::<Result<Vec<_>, _>>().map(|e| e.concat()),
        Value::String(text) => parse_events(text.as_bytes()),
        Value::Object(object) => parse_object(object).map(|event| vec![event]),
        other => Err(NotAnEvent(format!("{other}"))),
    }
}

fn parse_object(mut object: Map<String, Value>) -> Result<CloudEvent, NotAnEvent> {
    let mut text = |name: &str| match object.remove(name) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    let event = CloudEvent {
        id: text("id"),
        source: text("source"),
        kind: text("type"),
        subject: text("subject"),
        time: text("time"),
        bus: text("aliyuneventbusname"),
        data: Value::Null,
    };
    for (name, value) in [("id", &event.id), ("source", &event.source), ("type", &event.kind)] {
        if value.is_empty() {
            return Err(NotAnEvent(format!("{name} is missing")));
        }
    }
    let data = match (object.remove("data"), object.remove("data_base64")) {
        (Some(data), _) => data,
        (None, Some(Value::String(encoded))) => decode(&encoded)?,
        (None, _) => Value::Null,
    };
    Ok(CloudEvent { data, ..event })
}

/// Data in bytes: JSON when it is, else text.
fn decode(encoded: &str) -> Result<Value, NotAnEvent> {
    let bytes = STANDARD.decode(encoded).map_err(|e| NotAnEvent(format!("data_base64: {e}")))?;
    Ok(serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str) -> CloudEvent {
        CloudEvent {
            id: id.into(),
            source: "acs.ecs".into(),
            kind: "ecs:Instance:StateChange".into(),
            subject: "acs:ecs:cn-hangzhou:1:instance/i-1".into(),
            time: "2020-11-19T21:04:41+08:00".into(),
            bus: "default".into(),
            data: json!({"state": "Running", "resourceId": "i-1"}),
        }
    }

    #[test]
    fn every_shape_in_which_events_arrive() {
        let one = event("1").to_value();
        let two = event("2").to_value();
        let strings = json!([one.to_string(), two.to_string()]);
        assert_eq!(parse_value(one.clone()), Ok(vec![event("1")]));
        assert_eq!(parse_value(json!([one, two])), Ok(vec![event("1"), event("2")]));
        assert_eq!(parse_events(strings.to_string().as_bytes()), Ok(vec![event("1"), event("2")]));
        assert_eq!(parse_value(json!([])), Ok(vec![]));
    }

    /// The documented example of a Cloud Assistant event.
    #[test]
    fn an_event_as_the_service_sends_it() {
        let payload = br#"{"id":"45ef4dewdwe1","source":"acs.ecs","specversion":"1.0",
            "subject":"acs.ecs:cn-hangzhou:1234:215672","time":"2020-11-19T21:04:41+08:00",
            "type":"ecs:CloudAssistant:TaskCompleted","datacontenttype":"application/json;charset=utf-8",
            "aliyunaccountid":"1234","aliyunpublishtime":"2020-11-19T21:04:42Z","aliyuneventbusname":"default",
            "aliyunregionid":"cn-hangzhou","data":{"invokeId":"t-hz045","exitCode":"0"}}"#;
        let events = parse_events(payload).unwrap();
        assert_eq!(events[0].kind, "ecs:CloudAssistant:TaskCompleted");
        assert_eq!(events[0].data["invokeId"], "t-hz045");
    }

    #[test]
    fn data_in_bytes_is_json_or_text() {
        let with = |encoded: &str| json!({"id": "1", "source": "s", "type": "t", "data_base64": encoded});
        assert_eq!(parse_value(with("eyJhIjoxfQ==")).unwrap()[0].data, json!({"a": 1}));
        assert_eq!(parse_value(with("5Lit")).unwrap()[0].data, json!("中"));
        assert!(parse_value(with("?")).is_err());
    }

    #[test]
    fn what_is_no_event() {
        for payload in ["", "1", "null", "{}", r#"{"id":"1","source":"s"}"#, r#"["x"]"#, "[[1]]"] {
            assert!(parse_events(payload.as_bytes()).is_err(), "{payload}");
        }
    }
}
