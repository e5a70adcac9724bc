//! What is run inside an instance, and how its output is read.
//!
//! Scripts are POSIX shell and need nothing but what the guest has. What varies is put into variables,
//! quoted; nothing else from outside becomes part of a script. A script answers with lines of the form
//! `osf<TAB>key<TAB>value`, last of all `done`: without it the answer is incomplete.

mod answer;
pub mod chunks;
pub mod convert2rhel;
pub mod leapp;
mod scripts;
pub mod shell;
pub mod windows;

pub use answer::{
    Identity, Look, OutputError, Prepared, Tool, ToolState, Written, read_after, read_assessment, read_booted,
    read_done, read_evidence, read_finished, read_identity, read_look, read_observation, read_prepared, read_undone,
    read_watch,
};
pub use chunks::{Chunk, ChunkError, Encoding, assemble, read_chunk, read_reports};
pub use convert2rhel::read_analysis;
pub use leapp::{Report, read_report};
pub use migration::findings::Finished;
pub use scripts::{Job, Settings, identify_script};
