//! Something that all invocations share: a handler may borrow from `main`, without `Arc` or `'static`.

use std::cell::Cell;

use fc_runtime::{Error, LambdaEvent, service_fn};

/// Neither `Send` nor `Sync`: `run` needs no such thing.
struct Counter {
    calls: Cell<u32>,
}

impl Counter {
    fn next(&self) -> u32 {
        self.calls.set(self.calls.get() + 1);
        self.calls.get()
    }
}

/// Starts the function.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<(), Error> {
    let counter = Counter { calls: Cell::new(0) };
    let counter = &counter;
    fc_runtime::run(service_fn(move |event: LambdaEvent<String>| async move {
        Ok::<_, Error>(format!("{} {}", event.payload, counter.next()))
    }))
    .await
}
