//! A Tokio runtime of one's own, on a thread of one's own, beside whatever else the process does.

use std::sync::mpsc;
use std::thread;

use fc_runtime::{Error, LambdaEvent, service_fn};

async fn length(event: LambdaEvent<String>) -> Result<usize, Error> {
    Ok(event.payload.chars().count())
}

/// Starts the function, and ends when it has ended.
pub fn main() -> Result<(), Error> {
    let (ended, end) = mpsc::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().thread_name("function").enable_all().build()?;
    thread::spawn(move || {
        let outcome = runtime.block_on(fc_runtime::run(service_fn(length)));
        // Nobody waits for it any more: the process is over.
        let _ = ended.send(outcome);
    });
    end.recv()?
}
