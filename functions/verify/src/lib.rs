//! Is it the target, is it healthy? One script asks the new system what it is, what runs, what is gone, and
//! whether the applications answer.

use migration::findings::judge_after;
use migration::os::Os;
use migration::{Event, Stage};
use stage::cloud::Cloud;
use stage::{Act, Command, Fault, Job};

/// The stage.
pub struct Verify;

/// Services and applications get so long to come up after the boot, seconds.
const SETTLE: u64 = 60;
/// That, each probe's own limit, and the package lists.
const SCRIPT_TIMEOUT: u64 = SETTLE + 240;

impl Act for Verify {
    const STAGE: Stage = Stage::Verify;

    async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault> {
        let scripts = job.scripts()?;
        let script = scripts.verify(&job.record.policy.probes, SETTLE);
        match job.persistent_command("verify", &script, SCRIPT_TIMEOUT).await? {
            Command::Pending => Ok(job.wait(120, "the new system is being verified")),
            Command::Lost(why) => Ok(job.wait(30, why)),
            Command::Ran(output) => {
                let facts = output.read(guest::read_after)?;
                let os = Os::from_os_release(&facts.os_id, &facts.os_version).map(|os| os.to_string());
                Ok(Event::Verified {
                    findings: judge_after(&facts, scripts.hop),
                    os: os.unwrap_or_else(|| format!("{} {}", facts.os_id, facts.os_version)),
                })
            }
        }
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
        cloud.answers(move |_| answer(&lines));
        cloud
    }

    #[tokio::test]
    async fn a_healthy_system_is_the_end_of_the_way() {
        let record = survives_everything(&Verify, &record_in(Stage::Verify), || answering(HEALTHY.to_vec())).await;
        assert_eq!((record.state, record.ending), (State::In(Stage::Cleanup), Some(Outcome::Succeeded)));
        assert_eq!(record.os_after.as_deref(), Some("Alibaba Cloud Linux 3"));
    }

    #[tokio::test]
    async fn a_failed_probe_goes_back_and_says_so() {
        let mut lines = HEALTHY.to_vec();
        lines.push(("probe_failed", "GET http://127.0.0.1:8080/health: 500"));
        let record = drive(&Verify, &answering(lines), record_in(Stage::Verify), false).await;
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
}
