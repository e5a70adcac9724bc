//! The harness of every stage: load, lease, act, commit, publish; and the ports to the cloud.
//!
//! A stage is an [`Act`]: it looks at the cloud and the guest, does what is missing, and says what it
//! saw. Everything else (which event is meant, the lease, what follows from what was seen, the outbox)
//! is here and is the same for all.

mod act;
pub mod bus;
pub mod cloud;
mod fault;
mod handler;
mod harness;
pub mod lanes;
pub mod media;
pub mod open;
pub mod records;
pub mod release;
pub mod route;
pub mod settings;
pub mod survey;
#[cfg(feature = "testing")]
pub mod testing;
mod way_back;

pub use act::{Act, Command, Job, Output};
pub use fault::Fault;
pub use handler::{connect, log_error, run, serve};
pub use harness::{Env, Handled, Invocation, StageError, Wished, observed, publish, settle, step, wish};
pub use way_back::{WayBack, no_way_back, stays, way_back};
