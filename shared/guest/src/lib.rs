//! What is run inside an instance, and how its output is read.
//!
//! Scripts are POSIX shell and need nothing but what the guest has. What varies is put into variables,
//! quoted; nothing else from outside becomes part of a script. A script answers with lines of the form
//! `osf<TAB>key<TAB>value`, last of all `done`: without it the answer is incomplete.

mod answer;
mod scripts;
pub mod shell;

pub use answer::{
    Look, OutputError, Tool, ToolState, read_after, read_assessment, read_booted, read_done, read_look, read_watch,
};
pub use scripts::{Job, Settings};
