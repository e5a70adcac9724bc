//! Is it the target, is it healthy, and does it stay so?
//!
//! First the person's own settings come back and the tool's leftovers go; then one script asks the new system what
//! it is, what runs, what is gone and whether the applications answer. For as long as the policy wants, services and
//! probes are then watched, by commands of [`LOOK`] seconds: the end of each is an event.

use migration::findings::{judge_after, judge_finished, judge_observation, judge_windows_after};
use migration::os::Os;
use migration::{Event, Finding, Millis, Shell, Stage};
use stage::cloud::Cloud;
use stage::{Act, Command, Fault, Job};

/// The stage.
pub struct Verify;

/// Services and applications get so long to come up after the boot when the operator says nothing, seconds.
const SETTLE: u64 = 60;
/// Beyond that: each probe's own limit, and the package lists, seconds.
const SCRIPT_MARGIN: u64 = 240;
/// Removing some packages, seconds.
const FINISH_TIMEOUT: u64 = 600;
/// How long one command observes, seconds: a failure is noticed as soon as this.
const LOOK: u64 = 50;
/// That, and each probe's own limit.
const LOOK_TIMEOUT: u64 = LOOK + 120;

impl Act for Verify {
    const STAGE: Stage = Stage::Verify;

    async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault> {
        let scripts = job.scripts()?;
        // What the commands said is asked for again in every look: the cloud keeps it.
        let output = match job.persistent_command("finish", &scripts.finish(), FINISH_TIMEOUT).await? {
            Command::Pending => return Ok(job.wait(60, "settings come back, the tool's leftovers go")),
            Command::Lost(why) => return Ok(job.wait(30, why)),
            Command::Ran(output) => output,
        };
        let finished = job.heard("finish", &output, guest::read_finished)?;
        let settle = job.options.settle_seconds.unwrap_or(SETTLE);
        // The stage's own limit follows the operator's word.
        job.memo.longer = i64::try_from(settle.saturating_sub(SETTLE)).unwrap_or(0) * 1000;
        let script = scripts.verify(&job.record.policy.probes, settle);
        let output = match job.persistent_command("verify", &script, settle + SCRIPT_MARGIN).await? {
            Command::Pending => return Ok(job.wait(120, "the new system is being verified")),
            Command::Lost(why) => return Ok(job.wait(30, why)),
            Command::Ran(output) => output,
        };
        let facts = job.heard("verify", &output, guest::read_after)?;
        let mut findings = judge_after(&facts, scripts.hop);
        findings.extend(judge_finished(&finished));
        let os = match scripts.shell() {
            Shell::Posix => Os::from_os_release(&facts.os_id, &facts.os_version),
            Shell::PowerShell => {
                findings.extend(judge_windows_after(&output.read(guest::windows::read_windows_after)?));
                facts.os_version.parse().ok().and_then(Os::from_windows_build)
            }
        };
        let os = os.map_or(format!("{} {}", facts.os_id, facts.os_version), |os| os.to_string());
        if job.record.policy.observe_minutes == 0 || findings.iter().any(Finding::blocks) {
            return Ok(Event::Verified { findings, os });
        }
        observe(job, findings, os).await
    }
}

/// Watches what was found healthy. Only an answer ends it: a guest that is silent is not healthy.
async fn observe<C: Cloud>(job: &mut Job<'_, C>, mut findings: Vec<Finding>, os: String) -> Result<Event, Fault> {
    let since = job.marked("observed since").unwrap_or_else(|| {
        job.mark("observed since");
        job.now
    });
    let window = Millis::from(job.record.policy.observe_minutes) * 60_000;
    let script = job.scripts()?.observe(&job.record.policy.probes, LOOK);
    match job.persistent_command("observe", &script, LOOK_TIMEOUT).await? {
        Command::Pending => Ok(observing(job, since, window)),
        Command::Lost(why) => Ok(job.wait(30, why)),
        Command::Ran(output) => {
            let seen = judge_observation(&job.heard("observe", &output, guest::read_observation)?);
            let bad = seen.iter().any(Finding::blocks);
            findings.extend(seen);
            if bad || job.now - since >= window {
                return Ok(Event::Verified { findings, os });
            }
            job.command_again("observe", &script, LOOK_TIMEOUT).await?;
            Ok(observing(job, since, window))
        }
    }
}

fn observing<C: Cloud>(job: &Job<'_, C>, since: Millis, window: Millis) -> Event {
    let elapsed = (job.now - since).clamp(0, window);
    Event::Waiting {
        look_at: job.now + 1_500 * i64::try_from(LOOK).unwrap_or(60),
        progress: u8::try_from(99 * elapsed / window.max(1)).ok(),
        note: format!("the new system is observed, {} of {} min", elapsed / 60_000, window / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use migration::{Code, Outcome, State};
    use stage::testing::{FakeCloud, answer, drive, record_in, survives_everything};

    use super::*;

    const HEALTHY: [(&str, &str); 6] = [
        ("os_id", "alinux"),
        ("os_version", "3"),
        ("boot_id", "b"),
        ("boot_id_before", "a"),
        ("tool_succeeded", "yes"),
        ("packages_new", "4"),
    ];

    fn answering(lines: Vec<(&'static str, &'static str)>) -> FakeCloud {
        let cloud = FakeCloud::new();
        cloud.answers(move |key| if key == "verify" { answer(&lines) } else { answer(&[]) });
        cloud
    }

    /// Healthy at first; the `nth` observation and those after it see this.
    fn observed(nth: usize, later: (i64, &'static [(&'static str, &'static str)])) -> FakeCloud {
        let cloud = FakeCloud::new();
        let mut looks = 0;
        cloud.answers(move |key| match key {
            "verify" => answer(&HEALTHY),
            "observe" => {
                looks += 1;
                if looks < nth { answer(&[]) } else { (later.0, answer(later.1).1) }
            }
            _ => answer(&[]),
        });
        cloud
    }

    fn record_observing(minutes: u32) -> migration::Record {
        let mut record = record_in(Stage::Verify);
        record.policy.observe_minutes = minutes;
        record
    }

    #[tokio::test]
    async fn a_healthy_system_is_the_end_of_the_way() {
        let make = || answering(HEALTHY.to_vec());
        let record = survives_everything(&Verify, &record_in(Stage::Verify), make).await;
        assert_eq!((record.state, record.ending), (State::In(Stage::Cleanup), Some(Outcome::Succeeded)));
        assert_eq!(record.os_after.as_deref(), Some("Alibaba Cloud Linux 3"));
        let cloud = make();
        drive(&Verify, &cloud, record_in(Stage::Verify), false).await;
        assert_eq!(*cloud.done.borrow(), ["run finish-1", "run verify-1"], "settings come back first");
    }

    #[tokio::test]
    async fn what_became_of_settings_is_among_the_findings() {
        let cloud = FakeCloud::new();
        cloud.answers(|key| match key {
            "finish" => answer(&[("kept_away", "driver floppy")]),
            _ => answer(&HEALTHY),
        });
        let record = drive(&Verify, &cloud, record_in(Stage::Verify), false).await;
        assert_eq!(record.ending, Some(Outcome::Succeeded));
        let told = record.findings.iter().find(|finding| finding.id == "after.kept-away").unwrap();
        assert!(told.found.contains("driver floppy"), "{told:?}");
    }

    #[tokio::test]
    async fn a_failed_probe_goes_back_and_says_so() {
        let mut lines = HEALTHY.to_vec();
        lines.push(("probe_failed", "GET http://127.0.0.1:8080/health: 500"));
        // Nothing is observed that is broken already.
        let record = drive(&Verify, &answering(lines), record_observing(60), false).await;
        let cause = record.cause.unwrap();
        assert_eq!((record.state, cause.code), (State::In(Stage::Rollback), Code::VerifyFailed));
        assert!(cause.text.contains("500"), "{cause:?}");
    }

    #[tokio::test]
    async fn a_system_that_cannot_be_asked_goes_back_at_the_deadline() {
        let cloud = FakeCloud::new();
        cloud.answers(|_| (-1, "no agent".into()));
        let record = drive(&Verify, &cloud, record_in(Stage::Verify), false).await;
        assert_eq!((record.state, record.cause.unwrap().code), (State::In(Stage::Rollback), Code::Deadline));
    }

    #[tokio::test]
    async fn a_system_that_stays_healthy_is_observed_to_the_end() {
        let make = || observed(usize::MAX, (0, &[]));
        let record = survives_everything(&Verify, &record_observing(5), make).await;
        assert_eq!(record.ending, Some(Outcome::Succeeded));
        assert!(record.entered_at >= 5 * 60_000, "observed for {} ms", record.entered_at);
        assert!(record.entered_at < 10 * 60_000, "observed for {} ms", record.entered_at);
    }

    #[tokio::test]
    async fn what_breaks_or_falls_silent_while_it_is_observed_goes_back() {
        for (later, code) in [
            ((0, &[("service_lost", "shop.service")] as &[_]), Code::VerifyFailed),
            ((0, &[("probe_failed", "GET /: 500")]), Code::VerifyFailed),
            ((-1, &[]), Code::Deadline),
        ] {
            let record = drive(&Verify, &observed(3, later), record_observing(10), false).await;
            assert_eq!((record.state, record.cause.unwrap().code), (State::In(Stage::Rollback), code), "{later:?}");
        }
    }
}
