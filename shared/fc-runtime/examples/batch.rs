//! A batch of messages of which some fail: the generic part borrows the part for one message.

use fc_runtime::{Error, LambdaEvent, service_fn, tracing};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    message_id: String,
    message_body: Value,
}

#[derive(Debug, PartialEq, Serialize)]
struct Outcome {
    failed: Vec<String>,
}

/// Calls `one` for every message and says which failed.
async fn each<T, F, Fut>(one: &F, event: LambdaEvent<Vec<Message>>) -> Result<Outcome, Error>
where
    T: DeserializeOwned,
    F: Fn(T) -> Fut,
    Fut: Future<Output = Result<(), Error>>,
{
    let mut failed = Vec::new();
    for message in event.payload {
        let done = async { one(serde_json::from_value(message.message_body)?).await };
        if let Err(error) = done.await {
            tracing::error!(message_id = message.message_id, %error, "a message failed");
            failed.push(message.message_id);
        }
    }
    Ok(Outcome { failed })
}

async fn even(number: u32) -> Result<(), Error> {
    if number.is_multiple_of(2) { Ok(()) } else { Err("odd".into()) }
}

/// Starts the function.
#[tokio::main]
pub async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let one = even;
    fc_runtime::run(service_fn(|event| each(&one, event))).await
}

/// A handler is a function like any other: it needs no runtime to be tested.
#[cfg(test)]
#[tokio::test]
async fn a_context_is_easily_made() {
    let message = |id: &str, body: Value| Message { message_id: id.into(), message_body: body };
    let batch = vec![message("a", 1.into()), message("b", 2.into()), message("c", "x".into())];
    let event = LambdaEvent { payload: batch, context: fc_runtime::Context::default() };
    assert_eq!(each(&even, event).await.unwrap(), Outcome { failed: vec!["a".into(), "c".into()] });
}
