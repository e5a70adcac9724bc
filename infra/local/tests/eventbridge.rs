//! EventBridge: which events reach which function, how often, and what survives a restart.

// Helpers of tests fail by panicking, as tests do.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use local_cloud::credentials::{Identity, Who};
use local_cloud::eventbridge::{EventBridge, MAX_BATCH_EVENTS, Place, Retry, Rule};
use local_cloud::ram::{self, Policy};
use local_cloud::seams::{CloudEvent, EventSink, Invoker, ServiceError};
use local_cloud::store::Store;
use serde_json::{Value, json};

/// 2026-11-22T10:00:00Z
const START: i64 = 1_795_341_600_000;

/// Function Compute: takes invocations, or refuses so many first.
#[derive(Default)]
struct Functions {
    taken: Mutex<Vec<(String, Value)>>,
    refuse: AtomicI64,
    arrived: std::sync::Condvar,
}

impl Invoker for Functions {
    fn submit(&self, function: &str, payload: &[u8]) -> Result<String, ServiceError> {
        if self.refuse.fetch_sub(1, Ordering::Relaxed) > 0 {
            return Err(ServiceError::new(429, "ResourceExhausted", "busy"));
        }
        self.taken.lock().unwrap().push((function.into(), serde_json::from_slice(payload).unwrap()));
        self.arrived.notify_all();
        Ok("1-request".into())
    }
}

impl Functions {
    /// `function event-id`, in the order of delivery.
    fn log(&self) -> Vec<String> {
        let taken = self.taken.lock().unwrap();
        taken.iter().map(|(function, event)| format!("{function} {}", event["id"].as_str().unwrap())).collect()
    }
}

fn rule(name: &str, bus: &str, pattern: Value) -> Rule {
    Rule {
        name: name.into(),
        bus: bus.into(),
        pattern,
        function: format!("f-{name}"),
        retry: Retry::Backoff,
        max_retries: Retry::Backoff.max_retries(),
        max_age_secs: None,
        dead_letter: Some("queue".into()),
    }
}

struct World {
    functions: Arc<Functions>,
    now: Arc<AtomicI64>,
    eventbridge: Arc<EventBridge>,
}

fn open(dir: &Path, rules: Vec<Rule>) -> World {
    let functions = Arc::new(Functions::default());
    let now = Arc::new(AtomicI64::new(START));
    let clock = now.clone();
    let eventbridge = EventBridge::open_at(
        Store::open(dir).unwrap(),
        functions.clone(),
        Place { account_id: "1234".into(), region: "cn-hangzhou".into() },
        &[],
        rules,
        Arc::new(move || clock.load(Ordering::Relaxed)),
    )
    .unwrap();
    World { functions, now, eventbridge }
}

fn operator() -> Identity {
    Identity {
        access_key_id: "LTAI".into(),
        access_key_secret: String::new(),
        security_token: None,
        who: Who::Operator,
        policy: None,
    }
}

impl World {
    /// Lets time pass until nothing is due any more; answers how often it had to.
    fn settle(&self) -> u32 {
        let mut waits = 0;
        while let Some(due) = self.eventbridge.deliver_due().unwrap() {
            assert!(due > self.now.load(Ordering::Relaxed), "what is due is done");
            self.now.store(due, Ordering::Relaxed);
            waits += 1;
        }
        waits
    }

    fn put(&self, events: Value) -> Value {
        self.eventbridge.handle_put_events(&operator(), events.to_string().as_bytes()).unwrap()
    }
}

fn event(id: &str, bus: &str, kind: &str) -> Value {
    json!({"id": id, "source": "osferry", "type": kind, "aliyuneventbusname": bus, "data": {"n": 1}})
}

#[test]
fn events_go_where_rules_of_their_bus_send_them() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(
        dir.path(),
        vec![
            rule("all", "ferry", json!({})),
            rule("some", "ferry", json!({"type": [{"prefix": "a:"}]})),
            rule("cloud", "default", json!({"source": ["acs.ecs"]})),
        ],
    );
    let answer =
        world.put(json!([event("1", "ferry", "a:x"), event("2", "ferry", "b:x"), event("3", "default", "a:x")]));
    assert_eq!(answer["FailedEntryCount"], 0);
    assert_eq!(answer["EntryList"].as_array().unwrap().len(), 3);
    world.eventbridge.publish("default", CloudEvent(json!({"id": "4", "source": "acs.ecs", "type": "t"}))).unwrap();
    assert_eq!(world.functions.log(), [""; 0], "taken, but not delivered by the one who puts");
    world.settle();
    assert_eq!(world.functions.log(), ["f-all 1", "f-some 1", "f-all 2", "f-cloud 4"]);
}

#[test]
fn the_service_fills_in_what_it_knows() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), vec![rule("all", "ferry", json!({}))]);
    let mut given = event("1", "ferry", "t");
    given["subject"] = json!("s");
    given["aliyunaccountid"] = json!("somebody else");
    world.put(json!([given]));
    world.settle();
    assert_eq!(
        world.functions.taken.lock().unwrap()[0].1,
        json!({
            "id": "1", "source": "osferry", "type": "t", "subject": "s", "specversion": "1.0",
            "time": "2026-11-22T10:00:00Z", "datacontenttype": "application/json;charset=utf-8",
            "aliyunaccountid": "1234", "aliyunpublishtime": "2026-11-22T10:00:00Z",
            "aliyuneventbusname": "ferry", "aliyunregionid": "cn-hangzhou", "data": {"n": 1}
        })
    );
}

#[test]
fn entries_are_refused_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), vec![rule("all", "ferry", json!({}))]);
    let with = |name: &str, value: Value| {
        let mut event = event("x", "ferry", "t");
        event[name] = value;
        event
    };
    let table = [
        (event("1", "ferry", "t"), Value::Null),
        (event("2", "nowhere", "t"), json!("EventBusNotExist")),
        (with("id", Value::Null), json!("InvalidArgument")),
        (with("id", json!("")), json!("InvalidArgument")),
        (with("source", json!("s".repeat(129))), json!("InvalidArgument")),
        (with("type", json!("t".repeat(65))), json!("InvalidArgument")),
        (with("type", json!(7)), json!("InvalidArgument")),
        (with("subject", json!("s".repeat(513))), json!("InvalidArgument")),
        (with("specversion", json!("0.3")), json!("InvalidArgument")),
        (with("aliyuneventbusname", Value::Null), json!("InvalidArgument")),
        (with("data", json!("d".repeat(65_000))), Value::Null),
        (with("data", json!("d".repeat(65_536))), json!("InvalidArgument")),
        (json!("text"), json!("InvalidArgument")),
    ];
    let answer = world.put(table.iter().map(|(event, _)| event.clone()).collect());
    let codes: Vec<_> = answer["EntryList"].as_array().unwrap().iter().map(|e| e["ErrorCode"].clone()).collect();
    assert_eq!(codes, table.iter().map(|(_, code)| code.clone()).collect::<Vec<_>>());
    assert_eq!(answer["FailedEntryCount"], 11);
    world.settle();
    assert_eq!(world.functions.log(), ["f-all 1", "f-all x"]);
}

#[test]
fn a_request_beyond_the_limits_is_refused_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), vec![rule("all", "ferry", json!({}))]);
    let many: Vec<_> = (0..=MAX_BATCH_EVENTS).map(|n| event(&n.to_string(), "ferry", "t")).collect();
    let padded = || {
        let mut event = event("1", "ferry", "t");
        event["data"] = json!("d".repeat(60_000));
        event
    };
    let large: Vec<_> = (0..5).map(|_| padded()).collect();
    for (body, code) in [
        (json!(many).to_string(), "InvalidArgument"),
        (json!(large).to_string(), "RequestEntityTooLarge"),
        ("[]".into(), "InvalidArgument"),
        ("{}".into(), "InvalidArgument"),
        ("".into(), "InvalidArgument"),
    ] {
        assert_eq!(world.eventbridge.handle_put_events(&operator(), body.as_bytes()).unwrap_err().code, code);
    }
    world.settle();
    assert_eq!(world.functions.log(), [""; 0]);
}

#[test]
fn who_may_not_publish_on_a_bus_publishes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), vec![rule("all", "ferry", json!({})), rule("other", "other", json!({}))]);
    let document = r#"{ "Version": "1", "Statement": [{ "Effect": "Allow", "Action": "eventbridge:PutEvents",
        "Resource": "acs:eventbridge:${REGION}:${ACCOUNT}:eventbus/ferry" }] }"#;
    let place = ram::Place { region: "cn-hangzhou".into(), account_id: "1234".into(), ots_instance: "ferry".into() };
    let policy = Some(Arc::new(Policy::parse("r", document, &place).unwrap()));
    let who = Who::Function { name: "f".into(), instance: "c-1".into() };
    let function = Identity { who, policy, ..operator() };
    let put = |who: &Identity, events: Value| {
        world.eventbridge.handle_put_events(who, events.to_string().as_bytes()).map_err(|error| error.code)
    };
    assert!(put(&function, json!([event("1", "ferry", "t")])).is_ok());
    let both = json!([event("2", "ferry", "t"), event("3", "other", "t")]);
    assert_eq!(put(&function, both).unwrap_err(), "NoPermission");
    let nobody = Identity { policy: None, ..function };
    assert_eq!(put(&nobody, json!([event("4", "ferry", "t")])).unwrap_err(), "NoPermission");
    world.settle();
    assert_eq!(world.functions.log(), ["f-all 1"]);
}

#[test]
fn an_unknown_bus_and_a_wrong_pattern() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), vec![]);
    let event = CloudEvent(json!({"id": "1", "source": "s", "type": "t"}));
    assert_eq!(world.eventbridge.publish("nowhere", event).unwrap_err().code, "EventBusNotExist");
    let other = tempfile::tempdir().unwrap();
    let opened = EventBridge::open(
        Store::open(other.path()).unwrap(),
        Arc::new(Functions::default()),
        Place { account_id: "1".into(), region: "r".into() },
        &[],
        vec![rule("broken", "ferry", json!({"type": "no array"}))],
    );
    let error = opened.err().unwrap();
    assert_eq!(error.code, "InvalidEventPattern");
    assert!(error.message.contains("broken"), "{}", error.message);
}

#[test]
fn a_refused_delivery_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), vec![rule("all", "ferry", json!({}))]);
    world.functions.refuse.store(3, Ordering::Relaxed);
    world.put(json!([event("1", "ferry", "t")]));
    assert_eq!(world.settle(), 3);
    let waited = world.now.load(Ordering::Relaxed) - START;
    assert!((30_000..=60_000).contains(&waited), "{waited} ms");
    assert_eq!(world.functions.log(), ["f-all 1"]);
    assert_eq!(world.eventbridge.dead_letters().unwrap(), []);
}

#[test]
fn after_the_last_try_it_is_a_dead_letter_if_the_rule_has_a_queue() {
    let dir = tempfile::tempdir().unwrap();
    let without = Rule { dead_letter: None, ..rule("without", "ferry", json!({})) };
    let world = open(dir.path(), vec![rule("with", "ferry", json!({})), without]);
    world.functions.refuse.store(1000, Ordering::Relaxed);
    world.put(json!([event("1", "ferry", "t")]));
    world.settle();
    let letters = world.eventbridge.dead_letters().unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].rule.as_str(), letters[0].queue.as_str()), ("with", "queue"));
    assert_eq!(letters[0].event["id"], "1");
    assert!(letters[0].error.contains("ResourceExhausted"), "{}", letters[0].error);
    // Four tries each.
    assert_eq!(world.functions.refuse.load(Ordering::Relaxed), 1000 - 8);
}

#[test]
fn a_restart_takes_up_what_was_not_delivered() {
    let dir = tempfile::tempdir().unwrap();
    {
        let world = open(dir.path(), vec![rule("all", "ferry", json!({}))]);
        world.put(json!([event("1", "ferry", "t")]));
        world.settle();
        world.put(json!([event("2", "ferry", "t")]));
        world.functions.refuse.store(1, Ordering::Relaxed);
        world.eventbridge.deliver_due().unwrap();
        world.put(json!([event("3", "ferry", "t")]));
        assert_eq!(world.functions.log(), ["f-all 1"]);
    }
    // The rule is gone by now; what it matched before still goes to its function.
    let world = open(dir.path(), vec![]);
    assert_eq!(world.settle(), 1);
    assert_eq!(world.functions.log(), ["f-all 3", "f-all 2"]);
    let world = {
        drop(world);
        open(dir.path(), vec![])
    };
    assert_eq!(world.settle(), 0);
    assert_eq!(world.functions.log(), [""; 0], "delivered is forgotten");
}

#[test]
fn the_thread_delivers_as_events_come() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), vec![rule("all", "ferry", json!({}))]);
    world.eventbridge.start().unwrap();
    for n in 1..=100 {
        world.put(json!([event(&n.to_string(), "ferry", "t")]));
    }
    let taken = world.functions.taken.lock().unwrap();
    let limit = std::time::Duration::from_secs(30);
    let (taken, wait) = world.functions.arrived.wait_timeout_while(taken, limit, |taken| taken.len() < 100).unwrap();
    assert!(!wait.timed_out(), "{} of 100", taken.len());
    let ids: Vec<_> = taken.iter().map(|(_, event)| event["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, (1..=100).map(|n| n.to_string()).collect::<Vec<_>>());
    world.eventbridge.stop();
}
