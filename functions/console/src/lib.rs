//! What people ask and want: a JSON API over HTTP, for a web page and for the command line.
//!
//! `Authorization: Bearer <token>` says who asks; the name goes with every wish into the history. docs/console.md
//! lists the requests.

mod answer;
mod auth;
mod eta;
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

use answer::{Refusal, reply, unauthorized};
use auth::Operators;

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
        let operators = std::env::var("OPERATORS").unwrap_or_default();
        let operators = if operators.is_empty() { "{}" } else { &operators };
        let console = Console {
            env: &connect(&event.context)?,
            operators: Operators::read(operators).map_err(|error| coded(Code::Configuration, &error))?,
            policy: Settings::from_env().map_err(|error| coded(Code::Configuration, &error))?.policy,
            invocation: Invocation {
                request_id: event.context.request_id.clone(),
                deadline: Millis::try_from(event.context.deadline).unwrap_or(Millis::MAX),
            },
            random: || {
                let mut bytes = [0; 10];
                std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
                Ok(bytes)
            },
        };
        Ok(serde_json::to_value(console.handle(&request).await)?)
    })
    .await
}

/// One request's surroundings.
pub struct Console<'a, C, R, B, F> {
    /// The world.
    pub env: &'a Env<C, R, B>,
    /// Who may ask.
    pub operators: Operators,
    /// What holds for every instance unless the request says otherwise.
    pub policy: Policy,
    /// This invocation.
    pub invocation: Invocation,
    /// Bytes that nobody can guess.
    pub random: F,
}

impl<C: Cloud, R: Records, B: Bus, F: Fn() -> std::io::Result<[u8; 10]>> Console<'_, C, R, B, F> {
    /// Answers a request, whatever it is.
    pub async fn handle(&self, request: &HttpRequest) -> HttpResponse {
        let (method, path) = (request.request_context.http.method.as_str(), request.raw_path.as_str());
        let Some(actor) = self.operators.who(request.header("authorization")) else {
            tracing::warn!(
                request_id = self.invocation.request_id,
                method,
                path,
                client = request.request_context.http.source_ip,
                "nobody asked"
            );
            return unauthorized();
        };
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
            ("GET", ["paths"]) => return Ok(reply(200, &migration::path::paths())),
            ("GET", ["calendar"]) => return Ok(reply(200, &self.env.options.calendar.rows())),
            (_, ["prechecks" | "destinations"]) => "POST",
            (_, ["migrations"]) => "GET, POST",
            (_, ["paths" | "calendar"] | ["migrations", _] | ["migrations", _, "history"]) => "GET",
            (_, ["migrations", _, "cancel" | "retry" | "acknowledge"]) => "POST",
            (_, ["migrations", _, "rollback"]) => "GET, POST",
            _ => return Err(Refusal::NoPath(path.into())),
        };
        Err(Refusal::Method { path: path.into(), methods })
    }

    fn now(&self) -> Millis {
        (self.env.clock)()
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
