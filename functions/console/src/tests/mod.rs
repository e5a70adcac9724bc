//! The console against a small world.

mod batches;
mod lists;
mod opening;
mod questions;
mod requests;
mod wishes;

use std::cell::Cell;

use fc_runtime::http_trigger::{HttpParts, RequestContext};
use migration::policy::Probe;
use migration::{Finding, Outcome, Record, Stage, State};
use openapi::ecs::{CloudAssistantStatus, Disk, Instance, Tag};
use serde_json::json;
use stage::testing::{FakeCloud, MemoryBus, MemoryRecords, guest_settings, record_in, with_snapshots};

use super::*;

type World = Env<FakeCloud, MemoryRecords, MemoryBus>;

/// SHA-256 of `secret`.
const HASH: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

/// The time in all of these worlds: 2026-11-23, midnight.
const NOW: Millis = 1_795_392_000_000;

/// Instance i-1 is CentOS 8.5; more are made of names.
fn world(more: &[(&str, &str)]) -> World {
    let world = Env {
        cloud: FakeCloud::with_essds(),
        records: MemoryRecords::default(),
        bus: MemoryBus::default(),
        clock: || NOW,
        guest: guest_settings(),
        options: Default::default(),
        event_bus: "osferry".into(),
    };
    for (id, name) in more {
        world.cloud.made_instances.borrow_mut().push(Instance {
            instance_id: (*id).into(),
            os_name_en: (*name).into(),
            status: "Running".into(),
            ..Instance::default()
        });
    }
    world
}

/// What the function's own settings say in most of these tests.
fn policy() -> Policy {
    Policy { probes: vec![Probe::Command("true".into())], retention_days: 3, ..Policy::default() }
}

/// An invocation that is cut off `left` milliseconds from now.
fn invocation(left: Millis) -> Invocation {
    Invocation { request_id: "r-1".into(), deadline: NOW + left }
}

fn request(method: &str, path: &str, body: &str, token: &str) -> HttpRequest {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let query_parameters = query.split('&').filter_map(|pair| pair.split_once('='));
    HttpRequest {
        raw_path: path.into(),
        query_parameters: query_parameters.map(|(name, value)| (name.into(), value.into())).collect(),
        headers: [("Authorization".to_owned(), format!("Bearer {token}"))].into(),
        body: body.into(),
        request_context: RequestContext {
            http: HttpParts { method: method.into(), ..HttpParts::default() },
            ..RequestContext::default()
        },
        ..HttpRequest::default()
    }
}

/// `{"ann": …}`, whose token is `secret`.
fn operators() -> String {
    format!(r#"{{"ann": "{HASH}"}}"#)
}

async fn ask_under(world: &World, policy: Policy, invocation: Invocation, request: &HttpRequest) -> HttpResponse {
    let ids = Cell::new(0_u64);
    let actor = match asker(request, &operators(), &invocation.request_id) {
        Ok(actor) => actor,
        Err(refusal) => return refusal.answer(),
    };
    let random = || {
        ids.set(ids.get() + 1);
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&ids.get().to_be_bytes());
        Ok(bytes)
    };
    Console { env: world, policy: Some(policy), invocation, random }.handle(&actor, request).await
}

async fn ask(world: &World, method: &str, path: &str, body: &str, token: &str) -> HttpResponse {
    ask_under(world, policy(), invocation(300_000), &request(method, path, body, token)).await
}

/// Status and body of what ann is answered.
async fn ann(world: &World, method: &str, path: &str, body: Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    read(&ask(world, method, path, &body, "secret").await)
}

/// The same where the function's own settings are others.
async fn ann_under(world: &World, policy: Policy, path: &str, body: Value) -> (u16, Value) {
    let request = request("POST", path, &body.to_string(), "secret");
    read(&ask_under(world, policy, invocation(300_000), &request).await)
}

fn read(answer: &HttpResponse) -> (u16, Value) {
    assert_eq!(answer.headers["cache-control"], "no-store");
    (answer.status_code, serde_json::from_str(&answer.body).unwrap())
}

fn stored(world: &World, id: &str) -> Record {
    Record::from_json(&world.records.json(&id.parse().unwrap()).unwrap()).unwrap()
}
