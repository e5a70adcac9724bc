//! A report of the guest, whole: each part is a command of its own, which a crash does not repeat.

use guest::chunks::LARGEST_PACKED;
use guest::{Chunk, assemble, read_chunk};
use migration::{Cause, Code, Event};
use stage::cloud::Cloud;
use stage::{Command, Fault, Job};

/// Packing and reading a file of some hundred KB, seconds.
const READ_TIMEOUT: u64 = 60;

/// How far a report is.
pub enum Fetched {
    /// Parts are on their way.
    Waiting(Event),
    /// It is here.
    File(Vec<u8>),
}

/// Fetches the file at `path`, the check's report number `index`. When it has changed between two parts, or is
/// gone, the check is made again.
pub async fn fetch<C: Cloud>(job: &mut Job<'_, C>, index: usize, path: &str) -> Result<Fetched, Fault> {
    let first = match part(job, index, path, 0).await? {
        Part::Waiting(event) => return Ok(Fetched::Waiting(event)),
        Part::Here(chunk) => chunk,
    };
    if first.size > LARGEST_PACKED {
        let text = format!("{path} has {} bytes packed, more than {LARGEST_PACKED}", first.size);
        return Err(Cause::permanent(Code::GuestOutput, text).into());
    }
    let parts = first.parts();
    let (mut chunks, mut waiting) = (vec![first], None);
    for number in 1..parts {
        match part(job, index, path, number).await? {
            Part::Waiting(event) => waiting = Some(event),
            Part::Here(chunk) => chunks.push(chunk),
        }
    }
    if let Some(event) = waiting {
        return Ok(Fetched::Waiting(event));
    }
    match assemble(&chunks) {
        Ok(file) => Ok(Fetched::File(file)),
        Err(error) => Err(again(job, index, parts, format!("{path}: {error}"))),
    }
}

enum Part {
    Waiting(Event),
    Here(Chunk),
}

async fn part<C: Cloud>(job: &mut Job<'_, C>, index: usize, path: &str, number: usize) -> Result<Part, Fault> {
    let script = job.scripts()?.file(path, number as u64);
    match job.persistent_command(&key(index, number), &script, READ_TIMEOUT).await? {
        Command::Pending => Ok(Part::Waiting(job.wait(60, "the tool's report is being read"))),
        Command::Lost(why) => Ok(Part::Waiting(job.wait(15, why))),
        Command::Ran(output) => match output.read(read_chunk)? {
            Some(chunk) => Ok(Part::Here(chunk)),
            None => Err(again(job, index, number + 1, format!("there is no {path} any more"))),
        },
    }
}

/// What a part's command is called.
fn key(index: usize, number: usize) -> String {
    format!("report.{index}.{number}")
}

fn again<C: Cloud>(job: &mut Job<'_, C>, index: usize, parts: usize, why: String) -> Fault {
    job.forget("assess");
    for number in 0..parts {
        job.forget(&key(index, number));
    }
    Cause::transient(Code::GuestOutput, why).into()
}
