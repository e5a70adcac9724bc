//! PutEvents on the data plane (`/openapi/putEvents`), as EventBridge's own SDKs call it.

use std::sync::Arc;

use reqwest::{RequestBuilder, Url};
use serde::Deserialize;
use serde_json::Value;

use super::event::CloudEvent;
use crate::credentials::Credentials;
use crate::error::{ApiError, ErrorKind};
use crate::exchange::{Call, address, parse_endpoint};
use crate::retry::{self, Attempt, Environment, Policy, System};
use crate::sign::{Wire, roa};

/// Events per request (EventBridge docs, limits).
pub const MAX_BATCH_EVENTS: usize = 16;
/// Bytes per request.
pub const MAX_BATCH_BYTES: usize = 256 * 1024;
/// Bytes per event; the docs give 64 KB and 256 KB in different places, and the smaller holds.
pub const MAX_EVENT_BYTES: usize = 64 * 1024;

const PATH: &str = "/openapi/putEvents";
const CONTENT_TYPE: &str = "application/cloudevents-batch+json; charset=utf-8";

/// Client of EventBridge's data plane; cheap to make and to clone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    endpoint: Url,
    region: String,
    credentials: Credentials,
    policy: Policy,
    environment: Arc<dyn Environment>,
}

impl Client {
    /// A client for `endpoint` (`https://<account>.eventbridge.cn-hangzhou.aliyuncs.com`).
    pub fn new(
        http: reqwest::Client,
        endpoint: &str,
        region: &str,
        credentials: Credentials,
    ) -> Result<Self, ApiError> {
        Ok(Self {
            http,
            endpoint: parse_endpoint("EventBridge", endpoint)?,
            region: region.to_owned(),
            credentials,
            policy: Policy::default(),
            environment: Arc::new(System),
        })
    }

    /// Takes clock and chance from `environment`.
    pub fn with_environment(self, environment: Arc<dyn Environment>) -> Self {
        Self { environment, ..self }
    }

    /// Puts events on their buses, in as few requests as the limits allow. Sent again: delivery is at
    /// least once anyway, and a duplicate has the same id.
    ///
    /// An error means that some events may be on their bus and others not; put all of them again.
    /// Events beyond the limits are [`ErrorKind::Invalid`] before anything is sent; entries that the
    /// service refused come as [`ErrorKind::Service`] with the first one's code.
    pub async fn put_events(&self, events: &[CloudEvent]) -> Result<(), ApiError> {
        for batch in batches(events)? {
            let body = format!("[{}]", batch.iter().map(|(_, json)| json.as_str()).collect::<Vec<_>>().join(","));
            let call = Call { product: "EventBridge", operation: "PutEvents", resource: &batch[0].0.bus };
            let answer = retry::run(&*self.environment, &self.policy, true, |attempt| {
                let request = self.request(&body, &attempt);
                async move {
                    let (headers, body) = call.send(request).await?;
                    call.json(&headers, &body)
                }
            })
            .await?;
            check_entries(&call, answer, &batch)?;
        }
        Ok(())
    }

    fn request(&self, body: &str, attempt: &Attempt) -> RequestBuilder {
        let (url, host) = address(&self.endpoint, PATH, &[]);
        let date = jiff::fmt::rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&attempt.now)
            // Fails only before the year 0.
            .expect("the present is representable");
        let mut headers: Vec<(String, String)> = [
            ("accept", "application/json".to_owned()),
            ("content-type", CONTENT_TYPE.to_owned()),
            ("date", date),
            ("host", host),
            ("x-acs-signature-method", "HMAC-SHA1".to_owned()),
            ("x-acs-signature-nonce", attempt.nonce.clone()),
            ("x-acs-signature-version", "1.0".to_owned()),
            ("x-eventbridge-regionid", self.region.clone()),
            ("x-eventbridge-version", "2015-06-06".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        if let Some(token) = &self.credentials.security_token {
            headers.push(("x-acs-accesskey-id".into(), self.credentials.access_key_id.clone()));
            headers.push(("x-acs-security-token".into(), token.clone()));
        }
        let wire = Wire { method: "POST", path: PATH, query: &[], headers: &headers, body: body.as_bytes() };
        let authorization = roa::authorization(&wire, roa::Dialect::EventBridge, &self.credentials);
        headers.push(("authorization".into(), authorization));
        let builder = self.http.post(url).timeout(attempt.timeout).body(body.to_owned());
        headers.into_iter().fold(builder, |builder, (name, value)| builder.header(name, value))
    }
}

/// The events in batches within the limits, each with its JSON.
fn batches(events: &[CloudEvent]) -> Result<Vec<Vec<(&CloudEvent, String)>>, ApiError> {
    let mut batches: Vec<Vec<(&CloudEvent, String)>> = Vec::new();
    // Brackets of the array.
    let mut bytes = 2;
    for event in events {
        let json = event.to_value().to_string();
        check_limits(event, json.len())?;
        // And its comma.
        let size = json.len() + 1;
        match batches.last_mut() {
            Some(batch) if batch.len() < MAX_BATCH_EVENTS && bytes + size <= MAX_BATCH_BYTES => {
                batch.push((event, json));
                bytes += size;
            }
            _ => {
                batches.push(vec![(event, json)]);
                bytes = 2 + size;
            }
        }
    }
    Ok(batches)
}

/// Lengths in bytes, from EventBridge's docs and the checks of its SDKs.
fn check_limits(event: &CloudEvent, bytes: usize) -> Result<(), ApiError> {
    let call = Call { product: "EventBridge", operation: "PutEvents", resource: &event.id };
    let invalid = |what: String| Err(call.error(ErrorKind::Invalid(what)));
    for (name, value, required, limit) in [
        ("id", &event.id, true, 128),
        ("source", &event.source, true, 128),
        ("type", &event.kind, true, 64),
        ("aliyuneventbusname", &event.bus, true, 127),
        ("subject", &event.subject, false, 512),
        ("time", &event.time, false, 64),
    ] {
        if required && value.is_empty() {
            return invalid(format!("{name} is empty"));
        }
        if value.len() > limit {
            return invalid(format!("{name} has {} bytes, more than {limit}", value.len()));
        }
    }
    if bytes > MAX_EVENT_BYTES {
        return invalid(format!("the event has {bytes} bytes, more than {MAX_EVENT_BYTES}"));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    failed_entry_count: u32,
    #[serde(default)]
    request_id: String,
    #[serde(default)]
    entry_list: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    #[serde(default)]
    error_code: Option<String>,
    #[serde(default)]
    error_message: Option<String>,
}

/// Success only when every entry was taken.
fn check_entries(call: &Call<'_>, answer: Value, batch: &[(&CloudEvent, String)]) -> Result<(), ApiError> {
    let answer = Answer::deserialize(answer).map_err(|e| call.error(ErrorKind::Decode(e.to_string())))?;
    if answer.failed_entry_count == 0 {
        return Ok(());
    }
    let failed: Vec<_> = answer
        .entry_list
        .iter()
        .zip(batch)
        .filter_map(|(entry, (event, _))| {
            let code = entry.error_code.as_deref().filter(|code| !code.is_empty())?;
            Some((code, event.id.as_str(), entry.error_message.as_deref().unwrap_or_default()))
        })
        .collect();
    let listed: Vec<_> = failed.iter().map(|(code, id, message)| format!("{id}: {code} {message}")).collect();
    Err(call.error(ErrorKind::Service {
        http_status: 200,
        code: failed.first().map_or("FailedEntries", |(code, ..)| code).into(),
        message: format!("{} of {} events refused: {}", answer.failed_entry_count, batch.len(), listed.join("; "))
            .into(),
        request_id: answer.request_id.into(),
        retry_after: None,
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::eventbridge::parse_events;
    use crate::testing::{FakeEnvironment, Reply, Server};

    fn event(id: usize, padding: usize) -> CloudEvent {
        CloudEvent {
            id: format!("ev-{id}"),
            source: "osferry".into(),
            kind: "osferry:Migration:StageRequested".into(),
            subject: "m-1".into(),
            time: "2026-11-22T10:00:00Z".into(),
            bus: "osferry".into(),
            data: json!({"x": "y".repeat(padding)}),
        }
    }

    fn client(server: &Server) -> Client {
        let key = Credentials {
            access_key_id: "STS.ak".into(),
            access_key_secret: "sk".into(),
            security_token: Some("tok".into()),
        };
        Client::new(crate::http::build(), &server.endpoint, "cn-hangzhou", key)
            .unwrap()
            .with_environment(Arc::new(FakeEnvironment::default()))
    }

    fn taken() -> Reply {
        Reply::new(200, json!({"FailedEntryCount": 0, "RequestId": "r", "EntryList": []}))
    }

    #[tokio::test]
    async fn a_signed_batch_after_a_lost_answer() {
        let server = Server::start(vec![Reply::hang_up(), taken()]).await;
        client(&server).put_events(&[event(1, 1), event(2, 1)]).await.unwrap();
        let requests = server.requests();
        assert_eq!(requests.len(), 2);
        assert_ne!(requests[0].header("x-acs-signature-nonce"), requests[1].header("x-acs-signature-nonce"));
        let request = &requests[1];
        let wire =
            Wire { method: "POST", path: &request.target, query: &[], headers: &request.headers, body: &request.body };
        assert_eq!(roa::verify(&wire, roa::Dialect::EventBridge, "sk"), Ok(()));
        assert_eq!(request.header("date"), "Sun, 22 Nov 2026 10:00:01 GMT");
        assert_eq!(request.header("x-acs-security-token"), "tok");
        assert_eq!(parse_events(&request.body).unwrap(), [event(1, 1), event(2, 1)]);
    }

    #[tokio::test]
    async fn an_entry_that_is_refused_is_an_error() {
        let answer = json!({"FailedEntryCount": 1, "RequestId": "r", "EntryList": [
            {"EventId": "ev-1", "TraceId": "t"},
            {"EventId": "ev-2", "ErrorCode": "EventBusNotExist", "ErrorMessage": "no such bus"}]});
        let server = Server::start(vec![Reply::new(200, answer)]).await;
        let error = client(&server).put_events(&[event(1, 1), event(2, 1)]).await.unwrap_err();
        assert_eq!(error.code(), "EventBusNotExist");
        assert!(error.to_string().contains("1 of 2 events refused: ev-2: EventBusNotExist no such bus"), "{error}");
    }

    #[tokio::test]
    async fn no_events_are_no_request() {
        let server = Server::start(vec![]).await;
        client(&server).put_events(&[]).await.unwrap();
        assert_eq!(server.requests().len(), 0);
    }

    #[test]
    fn batches_keep_the_limits_and_the_order() {
        let lengths = |events: &[CloudEvent]| batches(events).unwrap().iter().map(Vec::len).collect::<Vec<_>>();
        let small: Vec<_> = (0..35).map(|n| event(n, 1)).collect();
        assert_eq!(lengths(&small), [16, 16, 3]);
        // Five of 60 KB are more than 256 KB.
        let large: Vec<_> = (0..5).map(|n| event(n, 60_000)).collect();
        assert_eq!(lengths(&large), [4, 1]);
        let ids: Vec<_> = batches(&small).unwrap().concat().iter().map(|(e, _)| e.id.clone()).collect();
        assert_eq!(ids, small.iter().map(|e| e.id.clone()).collect::<Vec<_>>());
    }

    #[test]
    fn events_beyond_the_limits_are_refused_here() {
        let table = [
            CloudEvent { id: "x".repeat(129), ..event(1, 1) },
            CloudEvent { id: String::new(), ..event(1, 1) },
            CloudEvent { source: "x".repeat(129), ..event(1, 1) },
            CloudEvent { kind: "x".repeat(65), ..event(1, 1) },
            CloudEvent { time: "x".repeat(65), ..event(1, 1) },
            CloudEvent { bus: String::new(), ..event(1, 1) },
            event(1, 65_536),
        ];
        for event in table {
            let error = batches(std::slice::from_ref(&event)).unwrap_err();
            assert!(matches!(error.kind, ErrorKind::Invalid(_)), "{error}");
        }
    }
}
