//! The tool, and the reboot into the new system.
//!
//! The tool runs detached in the guest and keeps its state in a file. A second command waits for its end,
//! at most [`WATCH`] at a time: when that command ends, Cloud Assistant announces it, and so the stage is
//! woken without polling. The reboot is a command too: its ClientToken makes it happen once. What comes of the
//! reboot is asked of the guest, and while it is silent (leapp upgrades without network) read off the console.

mod boot;
mod dark;

use guest::Tool;
use migration::path::Engine;
use migration::{Cause, Code, Event, Millis, Stage, TOOL_SENT, TOOL_STARTED};
use stage::cloud::Cloud;
use stage::{Act, Command, Fault, Job};

/// The stage.
pub struct Migrate;

/// Starting is writing some files; before, package files are compared for a minute, seconds.
const START_TIMEOUT: u64 = 300;
/// So long before its deadline the stage sends no start any more, milliseconds: what became of the last is known then.
const LAST_START: Millis = 900_000;
/// How long one command waits for the tool's end, seconds: progress is as fresh as this.
const WATCH: u64 = 50;
/// That, and the time it takes to say so.
const WATCH_TIMEOUT: u64 = WATCH + 30;
/// A flush of every disk may take a while, seconds.
const REBOOT_TIMEOUT: u64 = 120;

impl Act for Migrate {
    const STAGE: Stage = Stage::Migrate;
    const LOOKS_BACK: bool = true;

    async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault> {
        if job.marked(TOOL_STARTED).is_none() {
            return start(job).await;
        }
        if job.marked("tool ended").is_none() {
            return watch(job).await;
        }
        match job.marked("reboot") {
            None => reboot(job).await,
            Some(since) => boot::booted(job, since).await,
        }
    }
}

/// That the tool may be under way is stored before it is sent: whoever ends the stage must know. While it is certain
/// that it never came to the guest, the stage can end without anything going back.
async fn start<C: Cloud>(job: &mut Job<'_, C>) -> Result<Event, Fault> {
    if job.marked(TOOL_SENT).is_none() {
        if job.record.deadline().is_some_and(|deadline| job.now >= deadline - LAST_START) {
            return Ok(job.wait(60, "the tool could not be started: the guest took no command"));
        }
        job.mark(TOOL_SENT);
        return Ok(job.proceed("the tool is about to be started"));
    }
    let script = job.scripts()?.start();
    let started = job.accounted_command("start", &script, START_TIMEOUT).await;
    if !job.may_have_come("start") {
        job.unmark(TOOL_SENT);
    }
    match started? {
        Command::Pending => Ok(job.wait(60, "the tool is being started")),
        Command::Lost(why) => Ok(job.wait(30, why)),
        Command::Ran(output) => {
            output.read(guest::read_done)?;
            job.mark(TOOL_STARTED);
            Ok(job.proceed("the tool was started"))
        }
    }
}

async fn watch<C: Cloud>(job: &mut Job<'_, C>) -> Result<Event, Fault> {
    let scripts = job.scripts()?;
    let script = scripts.watch(WATCH);
    let output = match job.persistent_command("watch", &script, WATCH_TIMEOUT).await? {
        Command::Pending => return Ok(watching(job, job.record.progress, job.record.note.clone())),
        Command::Lost(why) => return Ok(watching(job, job.record.progress, why)),
        Command::Ran(output) => output,
    };
    match job.heard("watch", &output, guest::read_watch)? {
        Tool::Running { progress, phase } => {
            job.command_again("watch", &script, WATCH_TIMEOUT).await?;
            Ok(watching(job, Some(of_the_stage(scripts.hop.engine, progress)), phase))
        }
        Tool::Succeeded => {
            job.mark("tool ended");
            Ok(job.proceed("the tool succeeded"))
        }
        Tool::Failed(why) => Err(Cause::permanent(Code::ToolFailed, why).into()),
        Tool::Died => Err(Cause::permanent(Code::ToolDied, "the migration tool ended without a word").into()),
    }
}

fn watching<C: Cloud>(job: &Job<'_, C>, progress: Option<u8>, note: String) -> Event {
    Event::Waiting { look_at: job.now + 1_500 * i64::try_from(WATCH).unwrap_or(60), progress, note }
}

/// How much of the stage is over when the guest goes down, percent: leapp and Windows Setup do most of their work
/// after that.
fn until_reboot(engine: Engine) -> u8 {
    match engine {
        Engine::Leapp | Engine::WindowsSetup => 40,
        _ => 90,
    }
}

/// Percent of the stage, from percent of the tool's part of it.
fn of_the_stage(engine: Engine, tool: u8) -> u8 {
    u8::try_from(u32::from(tool.min(100)) * u32::from(until_reboot(engine)) / 100).unwrap_or(100)
}

async fn reboot<C: Cloud>(job: &mut Job<'_, C>) -> Result<Event, Fault> {
    let scripts = job.scripts()?;
    match job.persistent_command("reboot", &scripts.reboot(), REBOOT_TIMEOUT).await? {
        Command::Pending => Ok(job.wait(60, "rebooting")),
        Command::Lost(why) => Ok(job.wait(30, why)),
        Command::Ran(output) => {
            output.read(guest::read_done)?;
            job.mark("reboot");
            // The agent reports first and reboots then: the change of the instance's state comes next.
            Ok(job.wait(30, "rebooting"))
        }
    }
}

#[cfg(test)]
mod tests;
