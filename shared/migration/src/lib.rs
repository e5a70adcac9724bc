//! The domain, pure: operating systems, paths, checks, policy, the record, [`decide`].
//!
//! No I/O, clocks or randomness: whoever calls passes in what was seen and what time it is, and
//! gets back what to remember and what to publish.

mod advice;
pub mod check;
pub mod code;
pub mod convert2rhel;
mod decide;
pub mod draw;
mod engine;
pub mod eol;
mod event;
pub mod findings;
mod id;
pub mod leapp;
pub mod os;
pub mod path;
pub mod plan;
pub mod policy;
mod record;
pub mod windows;

pub use advice::advice;
pub use check::{Finding, Remediation, Severity};
pub use code::Code;
pub use decide::{decide, exhibit};
pub use engine::{NoReturn, Shell};
pub use event::{Decision, Effect, Event, Notice, Wish};
pub use id::{InvalidId, MigrationId};
pub use record::{
    BatchRef, Call, Cause, CloudSetting, CommandRef, DISKS_BACK, DiskSnapshot, DrillClone, DrillReport, Evidence,
    Exhibit, Made, MadeKind, Memo, Millis, Outcome, RESET_BEGUN, Record, SCHEMA, SchemaError, SettingKind, Stage,
    State, Step, TOOL_SENT, TOOL_STARTED, Timing, UNDONE,
};
