//! Finds systems at the end of their life and opens the migrations that are asked for.
//!
//! Looks at the instances that carry the tag `osferry`, page by page. What it opens is the operator's wish:
//! the policy of the function, overridden by the instance's own tags. What an instance runs, the name of its image
//! tells; where that says nothing, or a tag says otherwise, the guest itself is asked.
//!
//! Woken by its timer or by a person it also counts what the whole region runs, and publishes what it found.

mod fleet;
mod identify;
mod scan;
mod tell;

use std::cell::OnceCell;
use std::io::Read;
use std::time::Duration;

use fc_runtime::LambdaEvent;
use jiff::Timestamp;
use migration::{Code, MigrationId};
use openapi::eventbridge::parse_value;
use serde_json::{Value, json};
use stage::connect;
use stage::settings::Settings;
use tokio::time::Instant;

pub use fleet::Line;
pub use scan::{Occasion, Problem, Scan, ScanError, scan};

/// How long guests are waited for in one scan: a question takes a second or two where the agent is well. They are
/// asked all at once, so that none waits for another.
const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// Runs the function.
pub async fn run() -> Result<(), fc_runtime::Error> {
    stage::serve(async |event: LambdaEvent<Value>| {
        let coded = |code: Code, error: &dyn std::fmt::Display| {
            tracing::error!(request_id = event.context.request_id, %code, %error, "no scan, or half of one");
            fc_runtime::Error::from(format!("{code}: {error}"))
        };
        if !event.payload.is_object() && !event.payload.is_array() {
            return Err(coded(Code::MalformedEvent, &"the event is neither an object nor an array"));
        }
        let env = connect(&event.context)?;
        let policy = Settings::policy_from_env().map_err(|error| coded(Code::Configuration, &error))?;
        let until = OnceCell::new();
        let pause = async || {
            let until = *until.get_or_init(|| Instant::now() + PATIENCE);
            tokio::time::sleep(BETWEEN_LOOKS).await;
            Instant::now() < until
        };
        let occasion = Occasion {
            now: Timestamp::now().as_millisecond(),
            request_id: &event.context.request_id,
            whole: !is_event(&event.payload),
        };
        let scan =
            scan(&env, &policy, &occasion, random_id, pause).await.map_err(|error| coded(error.code(), &error))?;
        Ok(scan.answer())
    })
    .await
}

/// Whether ECS has something to tell. The timer's payload and a person's are no events.
fn is_event(payload: &Value) -> bool {
    parse_value(payload.clone()).is_ok_and(|events| !events.is_empty())
}

/// An id that nobody can guess or get twice.
fn random_id() -> std::io::Result<MigrationId> {
    let mut bytes = [0; 10];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(MigrationId::from_bytes(bytes))
}

impl Scan {
    /// What the function answers.
    fn answer(&self) -> Value {
        let problems: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
        json!({
            "seen": self.seen, "opened": self.opened, "alreadyOpen": self.already, "starting": self.starting,
            "problems": problems, "expiredSnapshots": self.expired, "eol": self.eol,
        })
    }
}

#[cfg(test)]
mod tests;
