//! The function around a stage.

use fc_runtime::layers::TracingLayer;
use fc_runtime::tower::util::MapRequestLayer;
use fc_runtime::{Context, LambdaEvent, LambdaInvocation, Runtime, service_fn};
use jiff::Timestamp;
use migration::{Code, Millis};
use openapi::Credentials;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::act::Act;
use crate::harness::{Env, Invocation, StageError, step};
use crate::records::Records;
use crate::route::{Subject, subjects};
use crate::settings::Settings;

/// The environment of a deployed function.
pub type Connected = Env<openapi::ecs::Client, tablestore::Client, openapi::eventbridge::Client>;

/// Runs the stage as a function.
pub async fn run<A: Act>(stage: A) -> Result<(), fc_runtime::Error> {
    let stage = &stage;
    serve(move |event| async move { handle(stage, event).await }).await
}

/// Runs a function of JSON: logs as JSON lines, and whatever it is sent reaches `handler`.
pub async fn serve<F, Fut>(handler: F) -> Result<(), fc_runtime::Error>
where
    F: FnMut(LambdaEvent<Value>) -> Fut,
    Fut: Future<Output = Result<Value, fc_runtime::Error>>,
{
    fc_runtime::tracing::init_default_subscriber();
    let runtime = Runtime::new(service_fn(handler)).layer(TracingLayer::new());
    runtime.layer(MapRequestLayer::new(readable)).run().await
}

/// What is no JSON becomes a JSON string, to be refused with a code as everything else that is no event.
fn readable(mut invocation: LambdaInvocation) -> LambdaInvocation {
    if !invocation.body.is_empty() && serde_json::from_slice::<IgnoredAny>(&invocation.body).is_err() {
        let text = String::from_utf8_lossy(&invocation.body);
        invocation.body = Value::from(text).to_string().into();
    }
    invocation
}

/// Epoch milliseconds.
fn now() -> Millis {
    Timestamp::now().as_millisecond()
}

/// Clients with the credentials of this invocation.
pub fn connect(context: &Context) -> Result<Connected, fc_runtime::Error> {
    let settings = Settings::from_env().map_err(|error| coded(Code::Configuration, &error))?;
    let fc = context.fc();
    let credentials = Credentials {
        access_key_id: fc.credentials.access_key_id.clone(),
        access_key_secret: fc.credentials.access_key_secret.clone(),
        security_token: fc.credentials.security_token.clone(),
    };
    let http = openapi::http::client();
    let region = fc.region.as_str();
    let ecs_endpoint = settings.ecs_endpoint.unwrap_or_else(|| format!("https://ecs.{region}.aliyuncs.com"));
    let misconfigured = |error: openapi::ApiError| coded(Code::Configuration, &error);
    Ok(Env {
        cloud: openapi::ecs::Client::new(http.clone(), &ecs_endpoint, region, credentials.clone())
            .map_err(misconfigured)?
            .with_ledger(),
        records: tablestore::Client::new(
            http.clone(),
            &settings.ots_endpoint,
            &settings.ots_instance,
            credentials.clone(),
        ),
        bus: openapi::eventbridge::Client::new(http, &settings.eventbridge_endpoint, region, credentials)
            .map_err(misconfigured)?,
        clock: now,
        guest: settings.guest,
        options: settings.options,
        event_bus: settings.event_bus,
    })
}

fn coded(code: Code, error: &dyn std::error::Error) -> fc_runtime::Error {
    tracing::error!(code = %code, error = %error, "cannot handle the event");
    format!("{code}: {error}").into()
}

/// Logs an error with its code; the function's answer carries both.
pub fn log_error(request_id: &str, error: &StageError) -> fc_runtime::Error {
    tracing::error!(request_id, code = %error.code(), error = %error, "cannot handle the event");
    format!("{}: {error}", error.code()).into()
}

async fn handle<A: Act>(stage: &A, event: LambdaEvent<Value>) -> Result<Value, fc_runtime::Error> {
    let (payload, context) = event.into_parts();
    let env = connect(&context)?;
    let invocation = Invocation {
        request_id: context.request_id.clone(),
        deadline: Millis::try_from(context.deadline).unwrap_or(Millis::MAX),
    };
    let subjects = subjects(payload).map_err(|error| coded(Code::MalformedEvent, &error))?;
    let mut handled = Vec::new();
    for subject in subjects {
        let by_lock = matches!(subject, Subject::Instance(_));
        let id = match subject {
            Subject::Nobody => continue,
            Subject::Migration(id) => id,
            Subject::Instance(instance_id) => match env.records.lock_holder(&instance_id).await {
                Ok(Some(id)) => id,
                Ok(None) => continue,
                Err(error) => return Err(log_error(&invocation.request_id, &error.into())),
            },
        };
        let what = match step(&env, stage, &id, &invocation).await {
            Ok(what) => what,
            // The lock comes before the record: the migration is being opened.
            Err(StageError::UnknownMigration(_)) if by_lock => continue,
            Err(error) => return Err(log_error(&invocation.request_id, &error)),
        };
        tracing::debug!(migration_id = %id, stage = A::STAGE.name(), request_id = invocation.request_id, outcome = ?what, "handled");
        handled.push(json!({ "migrationId": id, "outcome": format!("{what:?}") }));
    }
    Ok(json!({ "handled": handled }))
}
