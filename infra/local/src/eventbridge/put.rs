//! PutEvents, as the data plane answers it (`/openapi/putEvents`).

use serde_json::{Value, json};

use super::{EventBridge, no_bus};
use crate::credentials::Identity;
use crate::ram::Denied;
use crate::seams::ServiceError;

/// Events per request (EventBridge docs, limits).
pub const MAX_BATCH_EVENTS: usize = 16;
/// Bytes per request.
pub const MAX_BATCH_BYTES: usize = 256 * 1024;
/// Bytes per event.
pub const MAX_EVENT_BYTES: usize = 64 * 1024;

/// Attributes with the most bytes they may have, and whether they must be there (EventBridge docs and
/// the checks of its SDKs).
const ATTRIBUTES: [(&str, usize, bool); 5] =
    [("id", 128, true), ("source", 128, true), ("type", 64, true), ("subject", 512, false), ("time", 64, false)];

impl EventBridge {
    /// Takes a batch of CloudEvents: a JSON array, each event naming its bus in
    /// `aliyuneventbusname`. Durable when it returns. Entries are refused one by one, in the answer;
    /// the answer lacks only `RequestId`.
    ///
    /// # Errors
    /// When the request as a whole is beyond the limits or no such array, or a bus is not the caller's to publish on;
    /// the store's.
    pub fn handle_put_events(&self, who: &Identity, body: &[u8]) -> Result<Value, ServiceError> {
        if body.len() > MAX_BATCH_BYTES {
            let what = format!("The request has {} bytes, more than {MAX_BATCH_BYTES}.", body.len());
            return Err(ServiceError::new(413, "RequestEntityTooLarge", what));
        }
        let events: Vec<Value> = serde_json::from_slice(body)
            .map_err(|e| invalid(format!("The body is not a JSON array of CloudEvents: {e}.")))?;
        if events.is_empty() || events.len() > MAX_BATCH_EVENTS {
            return Err(invalid(format!(
                "The batch has {} events; 1 to {MAX_BATCH_EVENTS} are allowed.",
                events.len()
            )));
        }
        let checked: Vec<_> = events.iter().map(|event| self.check(event)).collect();
        for bus in checked.iter().flatten() {
            who.check("eventbridge:PutEvents", &format!("eventbus/{bus}")).map_err(|denied| not_permitted(&denied))?;
        }
        let mut taken = Vec::new();
        for (event, bus) in events.iter().zip(&checked) {
            if let Ok(bus) = bus {
                let mut event = event.clone();
                self.stamp(bus, &mut event);
                taken.push((*bus, event));
            }
        }
        self.take(&taken)?;
        let entries: Vec<_> = events.iter().zip(&checked).map(|(event, result)| entry(event, result)).collect();
        Ok(json!({ "FailedEntryCount": checked.iter().filter(|c| c.is_err()).count(), "EntryList": entries }))
    }

    /// The bus of a well-formed event.
    fn check<'a>(&self, event: &'a Value) -> Result<&'a str, ServiceError> {
        if !event.is_object() {
            return Err(invalid("The event is not a JSON object.".into()));
        }
        for (name, limit, required) in ATTRIBUTES {
            match &event[name] {
                Value::Null if !required => {}
                Value::String(text) if (!text.is_empty() || !required) && text.len() <= limit => {}
                _ => return Err(invalid(format!("The attribute {name} must be a string of at most {limit} bytes."))),
            }
        }
        match &event["specversion"] {
            Value::Null => {}
            Value::String(version) if version == "1.0" => {}
            _ => return Err(invalid("The attribute specversion must be 1.0.".into())),
        }
        let bytes = event.to_string().len();
        if bytes > MAX_EVENT_BYTES {
            return Err(invalid(format!("The event has {bytes} bytes, more than {MAX_EVENT_BYTES}.")));
        }
        let bus = event["aliyuneventbusname"].as_str().unwrap_or_default();
        if bus.is_empty() {
            return Err(invalid("The attribute aliyuneventbusname is required.".into()));
        }
        if self.has_bus(bus) { Ok(bus) } else { Err(no_bus(bus)) }
    }
}

fn invalid(message: String) -> ServiceError {
    ServiceError::new(400, "InvalidArgument", message)
}

/// The service's own code for it is not documented.
fn not_permitted(denied: &Denied) -> ServiceError {
    ServiceError::new(403, "NoPermission", denied.to_string())
}

fn entry(event: &Value, result: &Result<&str, ServiceError>) -> Value {
    let mut entry = json!({ "EventId": event["id"], "TraceId": format!("{:032x}", fastrand::u128(..)) });
    if let Err(error) = result {
        entry["ErrorCode"] = json!(error.code);
        entry["ErrorMessage"] = json!(error.message);
    }
    entry
}
