//! Fixtures in the documented shapes: parsed, written, parsed again; and what is unknown survives.

use std::collections::BTreeMap;
use std::fmt::Debug;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::action_trail::TrailEvent;
use super::cloud_event::{CloudEvent, CloudEvents};
use super::cloud_monitor::AlertCallback;
use super::destination::InvocationRecord;
use super::mns::{QueueMessage, TopicEvent};
use super::oss::OssEvent;
use super::sls::LogEvent;
use super::tablestore::{self, StreamEvent};
use super::timer::TimerEvent;
use crate::http_trigger::HttpRequest;

/// A fixture's text.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../testdata/events/", $name))
    };
}

/// Parsed, written and parsed again it is the same, and nothing is lost or added on the way.
fn survives<T: DeserializeOwned + Serialize + PartialEq + Debug>(text: &str) -> T {
    let sent: Value = serde_json::from_str(text).unwrap();
    kept::<T>(&sent)
}

fn kept<T: DeserializeOwned + Serialize + PartialEq + Debug>(sent: &Value) -> T {
    let parsed: T = serde_json::from_value(sent.clone()).unwrap();
    let written = serde_json::to_string(&parsed).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), *sent);
    assert_eq!(serde_json::from_str::<T>(&written).unwrap(), parsed);
    parsed
}

#[test]
fn a_timer() {
    let event: TimerEvent = survives(fixture!("timer.json"));
    assert_eq!((event.trigger_name.as_str(), event.payload.as_str()), ("nightly", r#"{"window":"night"}"#));
    assert!(event.other.is_empty());
}

#[test]
fn cloud_events_in_every_shape() {
    let one: CloudEvent = survives(fixture!("cloud_event.json"));
    assert_eq!(one.key(), ("acs.oss", "45ef4dew-dwe1-4c3a-9b1f-0a1b2c3d4e5f"));
    assert_eq!(one.publish_time.as_deref(), Some("2026-03-01T12:04:42.179PRC"));
    assert_eq!(one.data.as_ref().unwrap()["oss"]["object"]["size"], 122_539);
    assert_eq!(one.other.keys().collect::<Vec<_>>(), ["traceparent"]);
    let alone: CloudEvents = serde_json::from_str(fixture!("cloud_event.json")).unwrap();
    assert_eq!(alone.0, [one]);

    let array: CloudEvents = survives(fixture!("cloud_events_array.json"));
    assert_eq!(array.0.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["e-1", "e-2"]);
    assert_eq!(array.0[1].data_bytes().unwrap().unwrap(), "中文".as_bytes());

    let strings: CloudEvents = serde_json::from_str(fixture!("cloud_events_strings.json")).unwrap();
    assert_eq!(strings.0[0].data.as_ref().unwrap()["value"], "hello");
    assert_eq!(strings.0[1].data, Some(json!("text")));
    assert_eq!(kept::<CloudEvents>(&serde_json::to_value(&strings).unwrap()), strings);
}

#[test]
fn what_is_no_cloud_event_says_why() {
    for (text, why) in [
        ("7", "a CloudEvent or an array of them"),
        ("[7]", "a CloudEvent or a string that holds one"),
        (r#"{"id": "1", "source": "s"}"#, "missing field `type`"),
        (r#"["{}"]"#, "in a string: missing field `id`"),
        (r#"["["]"#, "in a string: "),
    ] {
        let said = serde_json::from_str::<CloudEvents>(text).unwrap_err().to_string();
        assert!(said.contains(why), "{text}: {said}");
    }
    let wrong: CloudEvent =
        serde_json::from_value(json!({"id": "1", "source": "s", "type": "t", "data_base64": "?"})).unwrap();
    wrong.data_bytes().unwrap_err();
}

#[test]
fn action_trail() {
    let event: CloudEvent<TrailEvent> = survives(fixture!("action_trail.json"));
    let data = event.data.unwrap();
    assert_eq!((data.event_name.as_str(), data.event_rw.as_deref()), ("StopInstance", Some("Write")));
    let identity = data.user_identity.unwrap();
    assert_eq!(identity.user_name.as_deref(), Some("ops-role:alice"));
    assert_eq!(identity.other["accessKeyId"], "STS.example");
}

#[test]
fn messages_of_topics_and_queues() {
    let TopicEvent::Json(message) = survives(fixture!("mns_topic.json")) else { panic!("not in the format JSON") };
    assert_eq!(message.other, *json!({"key1": "value1", "key2": "value2"}).as_object().unwrap());
    assert_eq!(message.publish_time, Some(1_772_337_881_000));
    let stream: TopicEvent = survives(fixture!("mns_topic_stream.json"));
    assert!(matches!(stream, TopicEvent::Stream(_)));
    assert_eq!(stream.message(), "hello topic");
    let queue: CloudEvents<QueueMessage> = survives(fixture!("mns_queue.json"));
    let data = queue.0[0].data.as_ref().unwrap();
    assert_eq!((data.message_body.as_str(), &data.other["dequeueCount"]), ("hello queue", &json!(1)));
}

#[test]
fn objects_of_a_bucket() {
    let event: OssEvent = survives(fixture!("oss.json"));
    let place = &event.events[0].oss;
    assert_eq!((place.bucket.name.as_str(), place.object.key.as_str()), ("demo-bucket", "in/a%20b.jpg"));
    assert_eq!(place.object.other["objectMeta"]["mimeType"], "image/jpeg");
}

#[test]
fn logs() {
    let event: LogEvent = survives(fixture!("sls.json"));
    assert_eq!((event.source.shard_id, event.cursor_time), (0, 1_772_337_881));
}

#[test]
fn destinations() {
    let failed: InvocationRecord = survives(fixture!("destination_failed.json"));
    assert!(!failed.succeeded());
    assert_eq!(failed.request_context.approximate_invoke_count, 3);
    assert!(survives::<InvocationRecord>(fixture!("destination_succeeded.json")).succeeded());
}

#[test]
fn http_requests() {
    let event: HttpRequest = survives(fixture!("http.json"));
    assert_eq!(event.header("accept"), Some("a,b"));
    assert_eq!(event.other["cookies"], json!(["a=1"]));
    assert_eq!(event.request_context.other["time"], "2026-03-01T04:04:41Z");
    assert_eq!(event.request_context.http.other["tlsVersion"], "TLSv1.3");
}

#[test]
fn alerts_as_forms_and_as_json() {
    let form = fixture!("cloud_monitor.form");
    let alert = AlertCallback::parse(form.as_bytes()).unwrap();
    assert_eq!((alert.alert_name.as_str(), alert.alert_state.as_str()), ("CPU above 95%", "ALERT"));
    assert_eq!((alert.expression.as_str(), &alert.other["lastTime"]), ("$Average>=95", &json!("3分钟")));
    assert_eq!(alert.dimension("instanceId").as_deref(), Some("i-bp1abc"));
    assert_eq!(alert.dimension("none"), None);
    let again = AlertCallback::parse(alert.to_form().as_bytes()).unwrap();
    assert_eq!(again, alert);
    assert_eq!(again.to_form(), alert.to_form());

    let old = AlertCallback::parse(fixture!("cloud_monitor.json").as_bytes()).unwrap();
    assert_eq!((old.timestamp.as_str(), old.dimension("instanceId").as_deref()), ("1772337881", Some("i-bp1abc")));
    assert_eq!(AlertCallback::parse(old.to_form().as_bytes()).unwrap(), old);
}

#[test]
fn what_is_no_alert_says_why() {
    for body in ["", "alertName=x", "{", "{}", "alertName=%ff&alertState=OK", "alertState&&=&"] {
        let said = AlertCallback::parse(body.as_bytes()).unwrap_err().to_string();
        assert!(said.starts_with("not an alert callback: "), "{body}: {said}");
    }
    assert_eq!(AlertCallback::parse(b"alertName&alertState=%4fK%").unwrap().alert_state, "OK%");
}

/// The fixture was written by another implementation of CBOR (Python's cbor2 6).
#[test]
fn rows_in_cbor() {
    let sent = include_bytes!("../../testdata/events/tablestore.cbor");
    let event = StreamEvent::parse(sent).unwrap();
    assert_eq!(StreamEvent::parse(&event.to_cbor()).unwrap(), event);
    assert_eq!(StreamEvent::parse(&[&[0xd9, 0xd9, 0xf7], sent.as_slice()].concat()).unwrap(), event);
    let [put, delete] = event.records.as_slice() else { panic!("{event:?}") };
    assert_eq!(put.key("pk_0").and_then(tablestore::Value::as_i64), Some(1_506_416_585_881_590_900));
    assert_eq!(put.key("pk_2").and_then(tablestore::Value::as_bytes), Some(&[0xff, 0, 0xfe][..]));
    assert_eq!(put.column("attr_0").and_then(tablestore::Value::as_str), Some("hello_table_store"));
    assert_eq!(put.column("attr_1"), Some(&tablestore::Value::Double(0.1)));
    assert_eq!(put.column("attr_3"), Some(&tablestore::Value::Integer(i64::MIN)));
    assert_eq!((put.column("attr_5"), put.columns[6].timestamp), (None, None));
    assert_eq!((delete.kind.as_str(), delete.info.timestamp), ("DeleteRow", 1_772_337_881_740_837));

    let console: StreamEvent = survives(fixture!("tablestore.json"));
    assert_eq!(StreamEvent::parse(fixture!("tablestore.json").as_bytes()).unwrap(), console);
}

#[test]
fn what_are_no_rows_says_why() {
    let sent = include_bytes!("../../testdata/events/tablestore.cbor");
    // A million open arrays: refused, not a stack that overflows.
    let deep = [b"\xa2gVersion".as_slice(), &[0x81; 1 << 20]].concat();
    // An array that says that 2^60 items follow.
    let long = b"\xa2gVersion`gRecords\x9b\x10\x00\x00\x00\x00\x00\x00\x00";
    let twice = [sent.as_slice(), sent].concat();
    for event in [&[][..], &[0xff], &sent[..sent.len() - 1], &deep, long, &twice, b"{", b"{}"] {
        let said = StreamEvent::parse(event).unwrap_err().to_string();
        assert!(said.starts_with("not an event of a Tablestore trigger: "), "{said}");
    }
}

/// Any JSON without fractions, whose last digit may change.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i32>().prop_map(|n| Value::from(f64::from(n) / 8.0)),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(".{0,6}", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_cbor() -> impl Strategy<Value = tablestore::Value> {
    use tablestore::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Integer),
        (i64::MAX as u64 + 1..=u64::MAX).prop_map(Value::Unsigned),
        any::<f64>().prop_filter("equal to itself", |n| !n.is_nan()).prop_map(Value::Double),
        ".{0,12}".prop_map(Value::Text),
        vec(any::<u8>(), 0..12).prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::List),
            btree_map(".{0,6}", inner, 0..4).prop_map(Value::Map)
        ]
    })
}

/// Puts the unknown fields into the object at `pointer` of a fixture.
fn add(text: &str, pointer: &str, unknown: &BTreeMap<String, Value>) -> Value {
    let mut sent: Value = serde_json::from_str(text).unwrap();
    let object: &mut Map<String, Value> = sent.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap();
    object.extend(unknown.clone());
    sent
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn unknown_fields_survive(unknown in btree_map("[A-Z]{2}.{0,6}", any_json(), 1..4)) {
        kept::<TimerEvent>(&add(fixture!("timer.json"), "", &unknown));
        kept::<CloudEvent>(&add(fixture!("cloud_event.json"), "", &unknown));
        kept::<CloudEvents>(&add(fixture!("cloud_events_array.json"), "/1", &unknown));
        for place in ["", "/data", "/data/userIdentity", "/data/requestParameters"] {
            kept::<CloudEvent<TrailEvent>>(&add(fixture!("action_trail.json"), place, &unknown));
        }
        kept::<TopicEvent>(&add(fixture!("mns_topic.json"), "", &unknown));
        for place in ["", "/attrs"] {
            kept::<TopicEvent>(&add(fixture!("mns_topic_stream.json"), place, &unknown));
        }
        kept::<CloudEvents<QueueMessage>>(&add(fixture!("mns_queue.json"), "/0/data", &unknown));
        for place in ["", "/events/0", "/events/0/oss", "/events/0/oss/bucket", "/events/0/oss/object", "/events/0/userIdentity"] {
            kept::<OssEvent>(&add(fixture!("oss.json"), place, &unknown));
        }
        for place in ["", "/source", "/parameter"] {
            kept::<LogEvent>(&add(fixture!("sls.json"), place, &unknown));
        }
        for place in ["", "/requestContext", "/responseContext"] {
            kept::<InvocationRecord>(&add(fixture!("destination_failed.json"), place, &unknown));
        }
        for place in ["", "/Records/0", "/Records/0/Info", "/Records/0/PrimaryKey/0", "/Records/0/Columns/0"] {
            kept::<StreamEvent>(&add(fixture!("tablestore.json"), place, &unknown));
        }
    }

    #[test]
    fn unknown_fields_of_a_form_survive(unknown in btree_map("[A-Z].{0,6}", ".{0,12}", 1..4)) {
        let mut alert = AlertCallback::parse(fixture!("cloud_monitor.form").as_bytes()).unwrap();
        alert.other.extend(unknown.into_iter().map(|(name, value)| (name, Value::from(value))));
        prop_assert_eq!(AlertCallback::parse(alert.to_form().as_bytes()).unwrap(), alert);
    }

    #[test]
    fn unknown_fields_in_cbor_survive(unknown in btree_map("[a-z].{0,6}", any_cbor(), 1..4)) {
        let mut event = StreamEvent::parse(include_bytes!("../../testdata/events/tablestore.cbor")).unwrap();
        event.other = unknown.clone();
        event.records[0].other = unknown.clone();
        event.records[0].info.other = unknown.clone();
        event.records[0].primary_key[0].other = unknown.clone();
        event.records[0].columns[0].other = unknown;
        prop_assert_eq!(StreamEvent::parse(&event.to_cbor()).unwrap(), event);
    }
}
