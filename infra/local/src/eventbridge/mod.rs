//! EventBridge: buses, rules, and the delivery of events to functions.
//!
//! An event that is taken is stored with one delivery per matching rule, in one commit; a thread
//! hands due deliveries to Function Compute and forgets them once it took them. A kill in between
//! delivers again: at least once, as the real service.

mod delivery;
mod pattern;
mod put;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::delivery::DeadLetter;
pub use self::pattern::{Pattern, PatternError};
pub use self::put::{MAX_BATCH_BYTES, MAX_BATCH_EVENTS, MAX_EVENT_BYTES};

use self::delivery::Deliveries;
use crate::seams::{CloudEvent, EventSink, Invoker, ServiceError};
use crate::store::Store;

/// The bus of the cloud's own events.
pub const DEFAULT_BUS: &str = "default";

/// Answers epoch milliseconds.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// How often a delivery that Function Compute refused is tried again (EventBridge docs, "Retry
/// policies").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Retry {
    /// 3 times, 10 to 20 seconds apart.
    #[default]
    #[serde(rename = "BACKOFF_RETRY")]
    Backoff,
    /// 176 times within a day, after 1, 2, 4, … 512, 512, … seconds.
    #[serde(rename = "EXPONENTIAL_DECAY_RETRY")]
    ExponentialDecay,
}

impl Retry {
    /// Tries after the first one, unless a rule says otherwise.
    pub fn max_retries(self) -> u32 {
        match self {
            Self::Backoff => 3,
            Self::ExponentialDecay => 176,
        }
    }

    /// Milliseconds between refusal number `refused` (from 0) and the next try.
    fn wait_ms(self, refused: u32) -> i64 {
        match self {
            Self::Backoff => fastrand::i64(10_000..=20_000),
            Self::ExponentialDecay => 1000 << refused.min(9),
        }
    }
}

/// Which events go to which function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Unique on its bus.
    pub name: String,
    /// Bus.
    pub bus: String,
    /// Event pattern, see [`Pattern`].
    pub pattern: Value,
    /// Function that gets the event.
    pub function: String,
    /// When it is tried again that the function could not be invoked.
    pub retry: Retry,
    /// Tries after the first one, at most; see [`Retry::max_retries`].
    pub max_retries: u32,
    /// Age at which an event is not tried any more, seconds.
    pub max_age_secs: Option<u64>,
    /// Queue for events that could not be delivered at all; without one they are dropped.
    pub dead_letter: Option<String>,
}

/// Where this EventBridge is.
#[derive(Clone, Debug)]
pub struct Place {
    /// Account id.
    pub account_id: String,
    /// Region id.
    pub region: String,
}

/// The service.
pub struct EventBridge {
    place: Place,
    buses: BTreeSet<String>,
    rules: Vec<(Rule, Pattern)>,
    deliveries: Deliveries,
    clock: Clock,
}

impl EventBridge {
    /// Opens the service on what `store` remembers. Buses are `default`, those of the rules, and
    /// `buses`. Nothing is delivered before [`start`](Self::start).
    ///
    /// # Errors
    /// `InvalidEventPattern` for a rule whose pattern is none; the store's.
    pub fn open(
        store: Store,
        invoker: Arc<dyn Invoker>,
        place: Place,
        buses: &[String],
        rules: Vec<Rule>,
    ) -> Result<Arc<Self>, ServiceError> {
        Self::open_at(store, invoker, place, buses, rules, Arc::new(|| Timestamp::now().as_millisecond()))
    }

    /// As [`open`](Self::open), with another clock.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_at(
        store: Store,
        invoker: Arc<dyn Invoker>,
        place: Place,
        buses: &[String],
        rules: Vec<Rule>,
        clock: Clock,
    ) -> Result<Arc<Self>, ServiceError> {
        let mut all: BTreeSet<String> = buses.iter().cloned().collect();
        all.insert(DEFAULT_BUS.to_owned());
        all.extend(rules.iter().map(|rule| rule.bus.clone()));
        let rules = rules.into_iter().map(check_rule).collect::<Result<_, _>>()?;
        let deliveries = Deliveries::open(store, invoker)?;
        Ok(Arc::new(Self { place, buses: all, rules, deliveries, clock }))
    }

    /// Starts the thread that delivers.
    ///
    /// # Errors
    /// When the machine has no thread left.
    pub fn start(self: &Arc<Self>) -> Result<(), ServiceError> {
        let this = Arc::clone(self);
        let thread = std::thread::Builder::new().name("eventbridge".into());
        thread.spawn(move || this.deliveries.run(&this.clock)).map(drop).map_err(ServiceError::internal)
    }

    /// Ends the thread after what it is doing now. What is not delivered stays stored.
    pub fn stop(&self) {
        self.deliveries.stop();
    }

    /// Carries out what is due, without the thread: for tests. Answers when the next delivery is
    /// due, epoch milliseconds.
    ///
    /// # Errors
    /// The store's.
    pub fn deliver_due(&self) -> Result<Option<i64>, ServiceError> {
        self.deliveries.deliver_due((self.clock)())
    }

    /// Events that could not be delivered, oldest first.
    ///
    /// # Errors
    /// The store's.
    pub fn dead_letters(&self) -> Result<Vec<DeadLetter>, ServiceError> {
        self.deliveries.dead_letters()
    }

    fn has_bus(&self, bus: &str) -> bool {
        self.buses.contains(bus)
    }

    /// Stores `events`, each with its bus, for every rule that matches.
    fn take(&self, events: &[(&str, Value)]) -> Result<(), ServiceError> {
        let mut matched = Vec::new();
        for (bus, event) in events {
            let rules = self.rules.iter().filter(|(rule, pattern)| rule.bus == *bus && pattern.matches(event));
            matched.extend(rules.map(|(rule, _)| (rule, event)));
        }
        self.deliveries.add(&matched, (self.clock)())
    }

    /// Puts into the envelope what the service itself knows.
    fn stamp(&self, bus: &str, event: &mut Value) {
        let now = Timestamp::from_millisecond((self.clock)()).unwrap_or(Timestamp::UNIX_EPOCH);
        let second = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        if event["time"].is_null() {
            event["time"] = json!(second);
        }
        if event["datacontenttype"].is_null() {
            event["datacontenttype"] = json!("application/json;charset=utf-8");
        }
        event["specversion"] = json!("1.0");
        event["aliyunaccountid"] = json!(self.place.account_id);
        event["aliyunpublishtime"] = json!(second);
        event["aliyuneventbusname"] = json!(bus);
        event["aliyunregionid"] = json!(self.place.region);
    }
}

impl EventSink for EventBridge {
    fn publish(&self, bus: &str, event: CloudEvent) -> Result<(), ServiceError> {
        if !self.has_bus(bus) {
            return Err(no_bus(bus));
        }
        let mut event = event.0;
        if !event.is_object() {
            return Err(ServiceError::internal("an event is a JSON object"));
        }
        self.stamp(bus, &mut event);
        self.take(&[(bus, event)])
    }
}

fn check_rule(rule: Rule) -> Result<(Rule, Pattern), ServiceError> {
    let pattern = Pattern::parse(&rule.pattern)
        .map_err(|e| ServiceError::new(400, "InvalidEventPattern", format!("rule {}: {e}", rule.name)))?;
    Ok((rule, pattern))
}

fn no_bus(bus: &str) -> ServiceError {
    ServiceError::new(404, "EventBusNotExist", format!("The event bus [{bus}] not existed!"))
}
