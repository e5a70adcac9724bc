//! An answer that is sent while it is made. An HTTP trigger's client gets each part at once; the
//! answer to an event is collected, as FC does not stream it.

use fc_runtime::streaming::{Body, Response, channel};
use fc_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

async fn count(_: LambdaEvent<Value>) -> Result<Response<Body>, Error> {
    let (mut sender, body) = channel();
    tokio::spawn(async move {
        for number in 1..=3 {
            // Fails when the client went away.
            if sender.send_data(format!("{number}\n").into()).await.is_err() {
                return;
            }
        }
    });
    Ok(Response::from(body))
}

/// Starts the function.
#[tokio::main]
pub async fn main() -> Result<(), Error> {
    fc_runtime::run(service_fn(count)).await
}
