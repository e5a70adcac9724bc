//! The events of Function Compute's triggers. The first byte chooses the type, so that what one type accepts does not
//! hide what another does.

use std::fmt::Debug;

use fc_runtime::events::action_trail::TrailEvent;
use fc_runtime::events::cloud_event::CloudEvents;
use fc_runtime::events::cloud_monitor::AlertCallback;
use fc_runtime::events::destination::InvocationRecord;
use fc_runtime::events::mns::{QueueMessage, TopicEvent};
use fc_runtime::events::oss::OssEvent;
use fc_runtime::events::sls::LogEvent;
use fc_runtime::events::tablestore::StreamEvent;
use fc_runtime::events::timer::TimerEvent;
use fc_runtime::http_trigger::HttpRequest;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads the rest of `data` as the event that its first byte names.
pub fn run(data: &[u8]) {
    let Some((choice, event)) = data.split_first() else { return };
    match choice % KINDS {
        0 => json::<TimerEvent>(event),
        1 => {
            if let Ok(events) = serde_json::from_slice::<CloudEvents>(event) {
                for event in &events.0 {
                    // Whether it is base64 is the sender's affair.
                    let _ = event.data_bytes();
                }
            }
            json::<CloudEvents>(event);
        }
        2 => json::<CloudEvents<TrailEvent>>(event),
        3 => json::<TopicEvent>(event),
        4 => json::<CloudEvents<QueueMessage>>(event),
        5 => json::<OssEvent>(event),
        6 => json::<LogEvent>(event),
        7 => json::<InvocationRecord>(event),
        8 => json::<HttpRequest>(event),
        9 => alert(event),
        _ => rows(event),
    }
}

const KINDS: u8 = 11;

/// What is accepted is written and read again; after that nothing changes any more.
fn json<T: DeserializeOwned + Serialize + Debug>(event: &[u8]) {
    let Ok(parsed) = serde_json::from_slice::<T>(event) else { return };
    let written = serde_json::to_vec(&parsed).expect("what was read can be written");
    let again: T = serde_json::from_slice(&written).expect("what was written can be read");
    let (first, second) = (value(&parsed), value(&again));
    assert_eq!(first, second);
}

/// As JSON, without fractions: the last digit of a long one may change.
fn value<T: Serialize>(event: &T) -> Value {
    let mut value = serde_json::to_value(event).expect("what was read can be written");
    without_fractions(&mut value);
    value
}

fn without_fractions(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => *value = Value::Null,
        Value::Array(items) => items.iter_mut().for_each(without_fractions),
        Value::Object(fields) => fields.values_mut().for_each(without_fractions),
        _ => {}
    }
}

fn alert(body: &[u8]) {
    let Ok(alert) = AlertCallback::parse(body) else { return };
    let _ = alert.dimension("instanceId");
    let form = alert.to_form();
    let again = AlertCallback::parse(form.as_bytes()).expect("what was written can be read");
    assert_eq!(again.to_form(), form);
}

fn rows(event: &[u8]) {
    let Ok(parsed) = StreamEvent::parse(event) else { return };
    let written = parsed.to_cbor();
    let again = StreamEvent::parse(&written).expect("what was written can be read");
    // By bytes: NaN is not equal to itself.
    assert_eq!(again.to_cbor(), written);
    for record in &again.records {
        let _ = (record.key("pk"), record.column("a"));
    }
}

/// The fixtures of `fc_runtime`.
pub fn seeds() -> Vec<Vec<u8>> {
    macro_rules! seed {
        ($choice:literal, $name:literal) => {
            [&[$choice], include_bytes!(concat!("../../../../shared/fc-runtime/testdata/events/", $name)).as_slice()]
                .concat()
        };
    }
    vec![
        seed!(0, "timer.json"),
        seed!(1, "cloud_event.json"),
        seed!(1, "cloud_events_array.json"),
        seed!(1, "cloud_events_strings.json"),
        seed!(2, "action_trail.json"),
        seed!(3, "mns_topic.json"),
        seed!(3, "mns_topic_stream.json"),
        seed!(4, "mns_queue.json"),
        seed!(5, "oss.json"),
        seed!(6, "sls.json"),
        seed!(7, "destination_failed.json"),
        seed!(7, "destination_succeeded.json"),
        seed!(8, "http.json"),
        seed!(9, "cloud_monitor.form"),
        seed!(9, "cloud_monitor.json"),
        seed!(10, "tablestore.cbor"),
        seed!(10, "tablestore.json"),
    ]
}
