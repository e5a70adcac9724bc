//! Tells people what a scan found: an event for each problem, one for the whole, and a line of the log.

use migration::Code;
use migration::eol::Day;
use openapi::eventbridge::CloudEvent;
use serde_json::json;
use stage::Env;
use stage::bus::{Bus, SCAN_FINISHED, SCAN_PROBLEM, event};

use crate::scan::{Occasion, Problem, Scan};

/// Problems of one scan that get an event; all of them are in the log and counted.
const EVENTS: usize = 100;

/// What of a problem's text goes into its event, characters: a guest's own words may be long.
const TEXT: usize = 1000;

/// Publishes what was found. That it cannot be published is no reason to scan again: it is told with the next scan.
pub async fn tell<C, R, B: Bus>(env: &Env<C, R, B>, scan: &Scan, occasion: &Occasion<'_>) {
    let mut events: Vec<CloudEvent> =
        scan.problems.iter().take(EVENTS).map(|problem| about(env, problem, occasion)).collect();
    let instances: usize = scan.eol.iter().flatten().map(|line| line.instances).sum();
    let found = json!({
        "instances": instances, "seen": scan.seen, "opened": scan.opened.len(), "alreadyOpen": scan.already,
        "starting": scan.starting, "problems": scan.problems.len(), "expiredSnapshots": scan.expired, "eol": scan.eol,
    });
    tracing::info!(request_id = occasion.request_id, %found, "scanned");
    let id = format!("scan-{}", occasion.request_id);
    events.push(event(&env.event_bus, id, SCAN_FINISHED, "detect", occasion.now, found));
    if let Err(error) = env.bus.publish(&events).await {
        tracing::warn!(code = %Code::EventBridge, %error, "what was found is not published");
    }
}

/// The same problem of the same instance has the same id for a day: whoever files a ticket for each id files one a day.
fn about<C, R, B>(env: &Env<C, R, B>, problem: &Problem, occasion: &Occasion<'_>) -> CloudEvent {
    let Problem { instance_id, kind, text } = problem;
    let id = format!("scan-{instance_id}-{}-{kind}", Day::of(occasion.now));
    let text: String = text.chars().take(TEXT).collect();
    let data = json!({ "instanceId": instance_id, "kind": kind, "problem": text });
    event(&env.event_bus, id, SCAN_PROBLEM, instance_id, occasion.now, data)
}
