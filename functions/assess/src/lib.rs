//! What the guest can tell: one read-only script asks the system what it is, what room it has, and what its package
//! manager would do for the chosen path. Once the guest is prepared, the migration tool itself is asked: its report
//! is fetched whole, in parts, and judged as well.

mod report;

use migration::convert2rhel::judge_convert2rhel;
use migration::findings::{Scan, judge_guest, judge_windows};
use migration::leapp::judge_leapp;
use migration::path::Engine;
use migration::windows::read_compat_report;
use migration::{Cause, Code, Event, Finding, Shell, Stage};
use stage::cloud::Cloud;
use stage::{Act, Command, Fault, Job, Output};

/// The stage.
pub struct Assess;

/// The script may take so long, seconds: it downloads package lists, over a slow mirror too.
const SCRIPT_TIMEOUT: u64 = 600;
/// leapp downloads the target's package lists into a container of its own and resolves the whole upgrade, seconds;
/// SysOM, which runs the same tool, allows an hour, ECS speaks of 30 s to some minutes.
const TOOL_TIMEOUT: u64 = 1800;

impl Act for Assess {
    const STAGE: Stage = Stage::Assess;

    async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault> {
        if job.record.awaiting.is_some() {
            // Nothing is to be asked before a person has answered; what was found stays.
            let until = job.record.deadline().unwrap_or(job.now);
            return Ok(Event::Waiting { look_at: until, progress: None, note: job.record.note.clone() });
        }
        let scripts = job.scripts()?;
        let asks_tool = job.record.prepared && scripts.hop.engine.prepares();
        let timeout = if asks_tool { TOOL_TIMEOUT } else { SCRIPT_TIMEOUT };
        match job.persistent_command("assess", &scripts.assess(), timeout).await? {
            Command::Pending => Ok(job.wait(120, "the guest is being assessed")),
            Command::Lost(why) => Ok(job.wait(30, why)),
            Command::Ran(output) if output.exit_code != 0 => {
                let text = format!("the assessment ended with {}: {}", output.exit_code, output.text);
                Err(Cause::permanent(Code::GuestCommand, text).into())
            }
            Command::Ran(output) => match scripts.shell() {
                Shell::Posix => posix(job, &output).await,
                Shell::PowerShell => windows(job, &output).await,
            },
        }
    }
}

async fn posix<C: Cloud>(job: &mut Job<'_, C>, output: &Output) -> Result<Event, Fault> {
    let hop = job.scripts()?.hop;
    let facts = output.read(guest::read_assessment)?;
    if !facts.preview.unreachable.is_empty() {
        // A mirror that is away for a while must not decide: the check is made again.
        job.forget("assess");
        return Err(Cause::transient(Code::Repositories, facts.preview.unreachable).into());
    }
    let mut findings = judge_guest(&facts, hop, &job.record.policy);
    for (index, path) in output.read(guest::read_reports)?.iter().enumerate() {
        match report::fetch(job, index, path).await? {
            report::Fetched::Waiting(event) => return Ok(event),
            report::Fetched::File(file) => findings.extend(judge_report(hop.engine, path, &file)?),
        }
    }
    Ok(Event::Assessed(findings))
}

/// The tool's own check.
fn judge_report(engine: Engine, path: &str, file: &[u8]) -> Result<Vec<Finding>, Fault> {
    let unreadable = |error: &dyn std::error::Error| Cause::permanent(Code::GuestOutput, format!("{path}: {error}"));
    match engine {
        Engine::Leapp => {
            let report = guest::read_report(file).map_err(|error| unreadable(&error))?;
            Ok(judge_leapp(&report.entries))
        }
        Engine::Convert2Rhel => {
            let entries = guest::read_analysis(file).map_err(|error| unreadable(&error))?;
            Ok(judge_convert2rhel(&entries))
        }
        // No other tool writes one.
        _ => Err(Cause::permanent(Code::GuestOutput, format!("{path}: {} has no report", engine.name())).into()),
    }
}

async fn windows<C: Cloud>(job: &mut Job<'_, C>, output: &Output) -> Result<Event, Fault> {
    let scripts = job.scripts()?;
    let mut facts = output.read(guest::windows::read_windows_assessment)?;
    if facts.scan == Scan::Running {
        job.command_again("assess", &scripts.assess(), TOOL_TIMEOUT).await?;
        return Ok(job.wait(90, "Setup's compatibility scan runs"));
    }
    for (index, path) in facts.reports.clone().iter().enumerate() {
        match report::fetch(job, index, path).await? {
            report::Fetched::Waiting(event) => return Ok(event),
            report::Fetched::File(file) => facts.issues.extend(read_compat_report(&file)),
        }
    }
    Ok(Event::Assessed(judge_windows(&facts, scripts.hop)))
}

#[cfg(test)]
mod tests;
