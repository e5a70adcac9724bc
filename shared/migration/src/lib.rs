//! The domain, pure: operating systems, paths, checks, policy, the record, [`decide`].
//!
//! No I/O, clocks or randomness: whoever calls passes in what was seen and what time it is, and
//! gets back what to remember and what to publish.

pub mod check;
pub mod code;
mod decide;
pub mod draw;
pub mod eol;
pub mod findings;
mod id;
pub mod os;
pub mod path;
pub mod policy;
mod record;

pub use check::{Finding, Remediation, Severity};
pub use code::Code;
pub use decide::{Decision, Effect, Event, Notice, decide};
pub use id::{InvalidId, MigrationId};
pub use record::{
    Cause, CommandRef, DiskSnapshot, Evidence, Memo, Millis, Outcome, Record, SCHEMA, SchemaError, Stage, State, Step,
};
