//! Back to the old system, and proof that it runs.
//!
//! First the guest is asked what became of it, and the evidence is kept, before anything is taken back. Short of
//! the point of no return the tool is stopped and what it had prepared is undone; no disk is reset. Beyond it:
//! stop, reset of the disks, start. Either way the old system must prove that it runs. Resetting again while the
//! instance is still stopped gives the same bytes, so a crash in between does no harm.

mod disks;
mod evidence;

use guest::Look;
use migration::findings::os_told;
use migration::os::Os;
use migration::{Cause, Code, DISKS_BACK, Event, Millis, Record, Stage};
use stage::cloud::Cloud;
use stage::{Act, Command, Fault, Job};

/// The stage.
pub struct Rollback;

/// So long the guest is asked before it counts as not answering, milliseconds.
const LOOK_LIMIT: Millis = 120_000;
/// So long where the guest has never said that the tool was started: an agent that is away is no broken system.
const UNSURE_LIMIT: Millis = 1_800_000;
/// So long when it is known to stand still at its boot, or was silent for longer than its tool may be.
const DARK_LIMIT: Millis = 15_000;
/// A stop that takes longer than this is repeated by pulling the plug, milliseconds.
const STOP_LIMIT: Millis = 300_000;
/// Reading some files, seconds; a walk over what was written since is cut off by the script itself.
const LOOK_TIMEOUT: u64 = 60;
/// Putting packages back over a slow mirror, seconds.
const UNDO_TIMEOUT: u64 = 900;
/// So long a guest that said that it can be undone may be silent before its disks go back, milliseconds.
const UNDO_LIMIT: Millis = 3_600_000;
/// Mark: when the snapshots were made, seconds since 1970; 0 when that is not known.
const SINCE: &str = "snapshots of";

impl Act for Rollback {
    const STAGE: Stage = Stage::Rollback;

    async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault> {
        let status = job.instance().await?.status;
        job.stop_orphans().await;
        if job.record.disks_back {
            // Tried again after all disks were back: what was written since must not be lost.
            return prove(job, &status).await;
        }
        if job.marked("looked").is_none() {
            return look(job, &status).await;
        }
        if job.marked("evidence").is_none() {
            return evidence::collect(job, &status, LOOK_LIMIT).await;
        }
        if job.record.clone.is_some() {
            // A clone is thrown away: nothing of it needs to go back.
            return Ok(Event::Restored { os: String::new(), untouched: true });
        }
        if job.marked("may be undone").is_some() && job.marked("must be reset").is_none() {
            return undo(job, &status).await;
        }
        if job.marked(DISKS_BACK).is_none() {
            return disks::reset(job, &status).await;
        }
        prove(job, &status).await
    }
}

/// What became of the guest, as far as it can still tell.
async fn look<C: Cloud>(job: &mut Job<'_, C>, status: &str) -> Result<Event, Fault> {
    let scripts = job.scripts()?;
    let left = look_limit(job.record) - job.record.elapsed(job.now);
    if status == "Running" && left > 0 {
        if job.marked(SINCE).is_none() {
            // Nothing of a clone goes back.
            let since = if job.record.clone.is_some() { None } else { disks::since(job).await };
            job.memo.marks.insert(SINCE.to_owned(), since.unwrap_or(0));
        }
        let since = job.marked(SINCE).filter(|at| *at > 0);
        match job.persistent_command("look", &scripts.look(since), LOOK_TIMEOUT).await? {
            Command::Pending => return Ok(job.wait((left / 1000 + 1).min(60), "asking the guest")),
            Command::Lost(why) => return Ok(job.wait(15, why)),
            Command::Ran(output) => {
                job.mark("answered");
                match job.heard("look", &output, guest::read_look) {
                    Err(Fault::Cause(cause)) if cause.transient => return Err(cause.into()),
                    Ok(seen) => {
                        tracing::info!(
                            migration_id = %job.record.id, instance_id = job.record.instance_id, stage = "rollback",
                            started = seen.started, alive = seen.alive, no_return = seen.no_return, "looked at the guest"
                        );
                        evidence::tell(job, &seen, since);
                        if !seen.no_return && runs(&seen, &scripts.hop.from) {
                            job.mark("may be undone");
                        }
                    }
                    // Too broken to say what it is: this is what the snapshots are for.
                    Err(fault) => job.keep("the guest's answer", &format!("{fault}: {}", output.text)),
                }
            }
        }
    }
    job.mark("looked");
    Ok(job.proceed("looked at the guest"))
}

fn look_limit(record: &Record) -> Millis {
    use Code::{BootLoader, EmergencyShell, KernelPanic, NoAgent, WindowsRecovery};
    match record.cause.as_ref().map(|cause| cause.code) {
        _ if !record.tool_started => UNSURE_LIMIT,
        Some(BootLoader | EmergencyShell | KernelPanic | NoAgent | WindowsRecovery) => DARK_LIMIT,
        _ => LOOK_LIMIT,
    }
}

/// Stops the tool and takes back what it has prepared; only then it is certain that it had not come to the point
/// of no return. If it had after all, the disks go back.
async fn undo<C: Cloud>(job: &mut Job<'_, C>, status: &str) -> Result<Event, Fault> {
    let scripts = job.scripts()?;
    let began = job.marked("may be undone").unwrap_or(job.now);
    if status != "Running" || job.now - began >= UNDO_LIMIT {
        job.mark("must be reset");
        return Ok(job.proceed("the guest does not answer: its disks go back"));
    }
    if job.marked("undone").is_none() {
        match job.persistent_command("undo", &scripts.undo(), UNDO_TIMEOUT).await? {
            Command::Pending => return Ok(job.wait(120, "taking back what was prepared")),
            Command::Lost(why) => return Ok(job.wait(15, why)),
            Command::Ran(_) => job.mark("undone"),
        }
    }
    match job.persistent_command("relook", &scripts.look(None), LOOK_TIMEOUT).await? {
        Command::Pending => Ok(job.wait(60, "asking the guest whether all is as before")),
        Command::Lost(why) => Ok(job.wait(15, why)),
        Command::Ran(output) => {
            let clean = match job.heard("relook", &output, guest::read_look) {
                Err(Fault::Cause(cause)) if cause.transient => return Err(cause.into()),
                seen => seen.is_ok_and(|seen| !seen.started && !seen.no_return && runs(&seen, &scripts.hop.from)),
            };
            if clean {
                return Ok(Event::Restored { os: scripts.hop.from.to_string(), untouched: true });
            }
            job.mark("must be reset");
            Ok(job.proceed("not everything could be taken back: the disks go back"))
        }
    }
}

async fn prove<C: Cloud>(job: &mut Job<'_, C>, status: &str) -> Result<Event, Fault> {
    // Again when it fell back: a start may find no host at first.
    if status == "Stopped" && job.marked("start").is_none_or(|at| job.now - at >= STOP_LIMIT) {
        job.cloud.start(&job.record.instance_id).await?;
        job.mark("start");
    }
    if status != "Running" {
        return Ok(job.wait(60, "starting the instance"));
    }
    let scripts = job.scripts()?;
    match job.persistent_command("proof", &scripts.look(None), LOOK_TIMEOUT).await? {
        Command::Pending => Ok(job.wait(60, "asking the old system")),
        Command::Lost(why) => Ok(job.wait(15, why)),
        Command::Ran(output) => {
            let seen = match output.read(guest::read_look) {
                Ok(seen) => seen,
                Err(fault) => {
                    job.forget("proof");
                    return Err(Cause::transient(Code::NotRestored, fault.to_string()).into());
                }
            };
            if !seen.started && runs(&seen, &scripts.hop.from) {
                return Ok(Event::Restored { os: scripts.hop.from.to_string(), untouched: false });
            }
            let text = format!("after the rollback the guest says it is {} {}", seen.os_id, seen.os_version);
            Err(Cause::permanent(Code::NotRestored, text).into())
        }
    }
}

fn runs(seen: &Look, os: &Os) -> bool {
    os_told(&seen.os_id, &seen.os_version).is_some_and(|seen| seen.same_release(os))
}

#[cfg(test)]
mod tests;
