//! What people ask and want: a JSON API over HTTP, for a web page and for the command line.
//!
//! `Authorization: Bearer <token>` says who asks; the name goes with every wish into the history. docs/console.md
//! lists the requests.

mod answer;
mod auth;
mod batches;
mod eta;
mod filter;
mod instances;
mod migrations;
mod open;
mod view;
mod wishes;

use std::io::Read;

use fc_runtime::LambdaEvent;
use fc_runtime::http_trigger::{HttpRequest, HttpResponse};
use migration::policy::Policy;
use migration::{Code, MigrationId, Millis};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stage::bus::Bus;
use stage::cloud::Cloud;
use stage::records::Records;
use stage::settings::Settings;
use stage::{Env, Invocation, connect};

use answer::{Refusal, reply};
use auth::Operators;
use open::batch_id;

/// Runs the function.
pub async fn run() -> Result<(), fc_runtime::Error> {
    stage::serve(async |event: LambdaEvent<Value>| {
        let coded = |code: Code, error: &dyn std::fmt::Display| {
            tracing::error!(request_id = event.context.request_id, %code, %error, "cannot answer");
            fc_runtime::Error::from(format!("{code}: {error}"))
        };
        let request = match &event.payload {
            Value::Object(fields) if fields.contains_key("requestContext") => {
                HttpRequest::deserialize(&event.payload).map_err(|error| coded(Code::MalformedEvent, &error))?
            }
            _ => return Err(coded(Code::MalformedEvent, &"the event is no HTTP request")),
        };
        let invocation = Invocation {
            request_id: event.context.request_id.clone(),
            deadline: Millis::try_from(event.context.deadline).unwrap_or(Millis::MAX),
        };
        let operators = std::env::var("OPERATORS").unwrap_or_default();
        let surroundings = || {
            let policy = Settings::policy_from_env();
            // Whoever wants to cancel or to go back needs none.
            let policy = policy.map_err(|error| unconfigured(&event.context.request_id, &error)).ok();
            Ok((connect(&event.context)?, policy))
        };
        Ok(serde_json::to_value(answer(&request, &operators, invocation, surroundings).await)?)
    })
    .await
}

/// Answers a request. Who asks is known before anything else is read, and what is wrong with a setting only the log is
/// told: the address is open to everybody.
async fn answer<C: Cloud, R: Records, B: Bus>(
    request: &HttpRequest,
    operators: &str,
    invocation: Invocation,
    surroundings: impl FnOnce() -> Result<(Env<C, R, B>, Option<Policy>), fc_runtime::Error>,
) -> HttpResponse {
    let actor = match asker(request, operators, &invocation.request_id) {
        Ok(actor) => actor,
        Err(refusal) => return refusal.answer(),
    };
    let (env, policy) = match surroundings() {
        Ok(told) => told,
        Err(error) => return unconfigured(&invocation.request_id, &error).answer(),
    };
    let random = || {
        let mut bytes = [0; 10];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(bytes)
    };
    Console { env: &env, policy, invocation, random }.handle(&actor, request).await
}

/// The name of whoever asks.
fn asker(request: &HttpRequest, operators: &str, request_id: &str) -> Result<String, Refusal> {
    let operators = if operators.is_empty() { "{}" } else { operators };
    let operators = Operators::read(operators).map_err(|error| unconfigured(request_id, &error))?;
    operators.who(request.header("authorization")).map(str::to_owned).ok_or_else(|| {
        let http = &request.request_context.http;
        tracing::warn!(
            request_id,
            method = http.method,
            path = request.raw_path,
            client = http.source_ip,
            "nobody asked"
        );
        Refusal::Nobody
    })
}

fn unconfigured(request_id: &str, error: &dyn std::fmt::Display) -> Refusal {
    tracing::error!(request_id, code = %Code::Configuration, %error, "the console is not configured");
    Refusal::Unconfigured
}

/// One request's surroundings.
pub struct Console<'a, C, R, B, F> {
    /// The world.
    pub env: &'a Env<C, R, B>,
    /// What holds for every instance unless the request says otherwise; None when the setting is wrong.
    pub policy: Option<Policy>,
    /// This invocation.
    pub invocation: Invocation,
    /// Bytes that nobody can guess.
    pub random: F,
}

impl<C: Cloud, R: Records, B: Bus, F: Fn() -> std::io::Result<[u8; 10]>> Console<'_, C, R, B, F> {
    /// Answers what `actor` asks, whatever it is.
    pub async fn handle(&self, actor: &str, request: &HttpRequest) -> HttpResponse {
        let (method, path) = (request.request_context.http.method.as_str(), request.raw_path.as_str());
        let answer = self.route(actor, method, path, request).await;
        let (status, error) = match &answer {
            Ok(answer) => (answer.status_code, None),
            Err(refusal) => (refusal.answer().status_code, Some(refusal.to_string())),
        };
        tracing::info!(request_id = self.invocation.request_id, actor, method, path, status, error, "asked");
        answer.unwrap_or_else(|refusal| refusal.answer())
    }

    async fn route(
        &self,
        actor: &str,
        method: &str,
        path: &str,
        request: &HttpRequest,
    ) -> Result<HttpResponse, Refusal> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let methods = match (method, parts.as_slice()) {
            ("POST", ["prechecks"]) => return self.prechecks(&body(request)?).await,
            ("POST", ["destinations"]) => return self.destinations(&body(request)?).await,
            ("POST", ["migrations"]) => return self.open(actor, &body(request)?).await,
            ("GET", ["migrations"]) => return self.list(&request.query_parameters).await,
            ("GET", ["migrations", id]) => return self.show(&id_of(id)?).await,
            ("GET", ["migrations", id, "history"]) => return self.history(&id_of(id)?).await,
            ("GET", ["migrations", id, "rollback"]) => return self.preview(&id_of(id)?).await,
            ("POST", ["migrations", id, wish @ ("cancel" | "retry" | "acknowledge" | "rollback")]) => {
                return self.wish(actor, &id_of(id)?, wish, request).await;
            }
            ("POST", ["batches", id, wish @ ("cancel" | "retry")]) => {
                return self.wish_of_all(actor, &batch_id(id)?, wish).await;
            }
            ("GET", ["paths"]) => return Ok(reply(200, &migration::path::paths())),
            ("GET", ["calendar"]) => return Ok(reply(200, &self.env.options.calendar.rows())),
            (_, ["prechecks" | "destinations"]) => "POST",
            (_, ["migrations"]) => "GET, POST",
            (_, ["paths" | "calendar"] | ["migrations", _] | ["migrations", _, "history"]) => "GET",
            (_, ["migrations", _, "cancel" | "retry" | "acknowledge"] | ["batches", _, "cancel" | "retry"]) => "POST",
            (_, ["migrations", _, "rollback"]) => "GET, POST",
            _ => return Err(Refusal::NoPath(path.into())),
        };
        Err(Refusal::Method { path: path.into(), methods })
    }

    fn now(&self) -> Millis {
        (self.env.clock)()
    }
}

impl<C, R, B, F> Console<'_, C, R, B, F> {
    fn policy(&self) -> Result<&Policy, Refusal> {
        self.policy.as_ref().ok_or(Refusal::Unconfigured)
    }
}

fn id_of(text: &str) -> Result<MigrationId, Refusal> {
    text.parse().map_err(|error: migration::InvalidId| Refusal::Bad(error.to_string()))
}

/// The request's body, which must be JSON of that form.
fn body<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Refusal> {
    let bytes = request.body_bytes().map_err(|error| Refusal::Bad(format!("the body: {error}")))?;
    serde_json::from_slice(&bytes).map_err(|error| Refusal::Bad(format!("the body: {error}")))
}

#[cfg(test)]
mod tests;
