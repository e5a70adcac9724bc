//! Brings into the guest what the migration needs: the tool, or the disk with Windows' installation media; and mends
//! what the last check found and the policy allows. What it changes in the guest is noted there: cleanup takes it
//! back if the migration does not happen.

mod media;

use migration::path::Engine;
use migration::policy::Mode;
use migration::{Cause, Code, Event, Record, Remediation, Stage, plan};
use stage::cloud::Cloud;
use stage::{Act, Command, Fault, Job};

/// The stage.
pub struct Prepare;

/// Some packages over a slow mirror, and the removal of others, seconds.
const SCRIPT_TIMEOUT: u64 = 1800;

impl Act for Prepare {
    const STAGE: Stage = Stage::Prepare;

    async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault> {
        let scripts = job.scripts()?;
        let wanted = wanted(job.record);
        let script = match scripts.hop.engine {
            Engine::WindowsSetup => match media::attached(job).await? {
                media::Disk::Waiting(event) => return Ok(event),
                media::Disk::Attached(disk_id) => scripts.prepare_media(&disk_id),
            },
            _ => scripts.prepare(&wanted),
        };
        match job.persistent_command("prepare", &script, SCRIPT_TIMEOUT).await? {
            Command::Pending => Ok(job.wait(120, "the guest is being prepared")),
            Command::Lost(why) => Ok(job.wait(30, why)),
            Command::Ran(output) if output.exit_code != 0 => {
                let text = format!("preparing the guest ended with {}: {}", output.exit_code, output.text);
                Err(Cause::permanent(Code::NotPrepared, text).into())
            }
            Command::Ran(output) => {
                let prepared = output.read(guest::read_prepared)?;
                if !prepared.unreachable.is_empty() {
                    job.forget("prepare");
                    return Err(Cause::transient(Code::Repositories, prepared.unreachable).into());
                }
                if !prepared.problem.is_empty() {
                    return Err(Cause::permanent(Code::NotPrepared, prepared.problem).into());
                }
                // All that were asked for, not those that the guest names: what did not help is not tried again.
                Ok(Event::Prepared(wanted))
            }
        }
    }
}

/// What is to be mended; where only a check is wanted, nothing.
fn wanted(record: &Record) -> Vec<Remediation> {
    if record.policy.mode == Mode::Check { Vec::new() } else { plan::wanted(record) }
}

#[cfg(test)]
mod tests;
