//! What is kept for the history before anything is taken back.

use guest::Look;
use migration::{Event, Millis};
use stage::cloud::Cloud;
use stage::{Command, Fault, Job};

/// Reading the ends of some logs, seconds.
const TIMEOUT: u64 = 60;

/// Keeps what the guest said when it was looked at; `since` is when the snapshots were made.
pub(crate) fn tell<C>(job: &mut Job<'_, C>, seen: &Look, since: Option<i64>)
where
    C: Cloud,
{
    let mut lines: Vec<String> = seen
        .written
        .iter()
        .map(|written| format!("{}: {} files, {} MiB", written.mount, written.files, written.mib))
        .collect();
    if since.is_none() && job.record.clone.is_none() {
        lines.push("not known: the snapshots do not tell when they were made".to_owned());
    }
    if !seen.written_unknown.is_empty() {
        lines.push(format!("not known in full: {}", seen.written_unknown));
    }
    if !lines.is_empty() {
        job.keep("written since the snapshots", &lines.join("\n"));
    }
    if !seen.log.is_empty() {
        job.keep("tool", &seen.log.join("\n"));
    }
}

/// Keeps the ends of the guest's logs and the console. What cannot be had within `limit` is done without:
/// evidence must not keep a machine from coming back.
pub(crate) async fn collect<C: Cloud>(job: &mut Job<'_, C>, status: &str, limit: Millis) -> Result<Event, Fault> {
    let began = job.marked("looked").unwrap_or(job.now);
    // A guest that did not answer when it was looked at answers now no more than then.
    let answers = job.marked("answered").is_some();
    if status == "Running" && answers && job.now - began < limit {
        let script = job.scripts()?.evidence();
        match job.persistent_command("evidence", &script, TIMEOUT).await? {
            Command::Pending => return Ok(job.wait(30, "collecting evidence")),
            Command::Lost(why) => return Ok(job.wait(15, why)),
            Command::Ran(output) => match guest::read_evidence(&output.text) {
                Ok(found) => {
                    for (name, text) in found {
                        job.keep(name, &text);
                    }
                }
                Err(error) => job.keep("evidence", &format!("{error}: {}", output.text)),
            },
        }
    }
    match job.cloud.console_output(job.record.subject()).await {
        Ok(text) if !text.is_empty() => job.keep("console", &text),
        Ok(_) => {}
        Err(error) => job.keep("console", &format!("could not be read: {error}")),
    }
    job.mark("evidence");
    Ok(job.proceed("evidence was kept"))
}
