//! What comes of the reboot.

use migration::findings::{BootFacts, BootOutcome, judge_boot};
use migration::{Event, Millis};
use stage::cloud::Cloud;
use stage::{Command, Fault, Job};

use crate::dark::Dark;

/// Reading some files, seconds.
const BOOTED_TIMEOUT: u64 = 60;
/// The console is read when nothing was heard for this long, milliseconds: an ordinary boot is over by then.
const CONSOLE_AFTER: Millis = 30_000;
/// So long after the reboot the guest is asked often, milliseconds: an ordinary boot. Then a minute is soon enough.
const OFTEN: Millis = 180_000;
/// What a console says counts when it still says so after this, milliseconds: boot loaders complain and go on.
const CONFIRM_AFTER: Millis = 20_000;

/// Mark: how long the console's output was when it last told of something bad, bytes.
const CONSOLE_SIZE: &str = "console bytes";

/// `since` is when the reboot was asked for.
pub(crate) async fn booted<C: Cloud>(job: &mut Job<'_, C>, since: Millis) -> Result<Event, Fault> {
    let scripts = job.scripts()?;
    let script = scripts.booted();
    // Asked for the first time after nobody could ask for long, it gets the time to answer.
    let elapsed = job.now - since - job.memo.unwatched;
    let status = job.instance().await?.status;
    let mut answer = None;
    if status == "Running"
        && let Command::Ran(output) = job.persistent_command("booted", &script, BOOTED_TIMEOUT).await?
    {
        answer = Some(job.heard("booted", &output, guest::read_booted)?);
    }
    let mut console = String::new();
    if answer.is_none() && elapsed >= CONSOLE_AFTER {
        // Not every instance has one (Windows): silence has its limit all the same.
        console = job.cloud.console_output(job.record.subject()).await.unwrap_or_default();
    }
    let usual = job.record.current_hop().map_or(0, |hop| hop.engine.dark());
    let dark =
        job.options.dark_seconds.and_then(|seconds| i64::try_from(seconds).ok()).map_or(usual, |said| said * 1000);
    // The stage's own limit follows the operator's word.
    job.memo.longer = (dark - usual).max(0);
    let before = since - job.record.entered_at;
    let way = job.record.current_hop().map(|hop| {
        let way = Dark { engine: hop.engine, elapsed, before, past: job.past, console: &console };
        // Never back, also when a console that was read before cannot be read now.
        (way.progress().max(job.record.progress.unwrap_or_default()), way.phase())
    });
    let progress = way.map(|(progress, _)| progress);
    let waiting = |now: Millis, pause: Millis, note: String| Event::Waiting { look_at: now + pause, progress, note };
    let facts =
        BootFacts { hop: scripts.hop, status: &status, elapsed, dark, booted: answer.as_ref(), console: &console };
    let outcome = judge_boot(&facts);
    if let Some(cause) = outcome.cause() {
        let seen = format!("seen {}", cause.code);
        let from_console = answer.is_none() && !matches!(outcome, BootOutcome::NoAgent(_));
        // A console that goes on is no boot loader that stands still.
        let size = i64::try_from(console.len()).unwrap_or(i64::MAX);
        let before = job.memo.marks.insert(CONSOLE_SIZE.to_owned(), size);
        let goes_on = matches!(outcome, BootOutcome::BootLoader(_)) && before.is_some_and(|before| before != size);
        if from_console && (goes_on || job.marked(&seen).is_none_or(|at| job.now - at < CONFIRM_AFTER)) {
            if goes_on || job.marked(&seen).is_none() {
                job.mark(&seen);
            }
            return Ok(waiting(job.now, CONFIRM_AFTER, cause.text));
        }
        if answer.is_none() {
            job.keep("console", &console);
        }
        return Err(cause.into());
    }
    let engine = scripts.hop.engine;
    match outcome {
        BootOutcome::NewSystem => Ok(Event::Migrated),
        BootOutcome::Finishing(phase) => {
            job.command_again("booted", &script, BOOTED_TIMEOUT).await?;
            Ok(waiting(job.now, 20_000, format!("the new system runs, {} goes on: {phase}", engine.name())))
        }
        // Asked between the command's report and the reboot itself.
        BootOutcome::NotYet => {
            job.command_again("booted", &script, BOOTED_TIMEOUT).await?;
            Ok(waiting(job.now, 15_000, "the guest has not rebooted yet".into()))
        }
        _ => {
            let phase = way.and_then(|(_, phase)| phase).map_or_else(String::new, |phase| format!("; phase {phase}"));
            let note = format!(
                "rebooting for {} min, the instance is {status}; silence is normal for {} min{phase}",
                elapsed / 60_000,
                dark / 60_000
            );
            Ok(waiting(job.now, if elapsed < OFTEN { 15_000 } else { 60_000 }, note))
        }
    }
}
