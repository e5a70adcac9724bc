//! What the guest can tell: one read-only script asks the system what it is, what room it has, and what its
//! package manager would do for the chosen path.

use migration::findings::judge_guest;
use migration::{Cause, Code, Event, Stage};
use stage::cloud::Cloud;
use stage::{Act, Command, Fault, Job};

/// The stage.
pub struct Assess;

/// The script may take so long, seconds: it downloads package lists, over a slow mirror too.
const SCRIPT_TIMEOUT: u64 = 600;

impl Act for Assess {
    const STAGE: Stage = Stage::Assess;

    async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault> {
        let scripts = job.scripts()?;
        match job.persistent_command("assess", &scripts.assess(), SCRIPT_TIMEOUT).await? {
            Command::Pending => Ok(job.wait(120, "the guest is being assessed")),
            Command::Lost(why) => Ok(job.wait(30, why)),
            Command::Ran(output) if output.exit_code != 0 => {
                let text = format!("the assessment ended with {}: {}", output.exit_code, output.text);
                Err(Cause::permanent(Code::GuestCommand, text).into())
            }
            Command::Ran(output) => {
                let facts = output.read(guest::read_assessment)?;
                if !facts.preview.unreachable.is_empty() {
                    // A mirror that is away for a while must not decide: the check is made again.
                    job.forget("assess");
                    return Err(Cause::transient(Code::Repositories, facts.preview.unreachable).into());
                }
                Ok(Event::Assessed(judge_guest(&facts, scripts.hop, &job.record.policy)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use migration::{Outcome, State};
    use stage::testing::{FakeCloud, answer, drive, record_in, survives_everything};

    use super::*;

    const HEALTHY: [(&str, &str); 7] = [
        ("os_id", "centos"),
        ("os_version", "8"),
        ("memory_mib", "2000"),
        ("free_mib", "/usr 9000"),
        ("free_mib", "/var 9000"),
        ("free_mib", "/boot 900"),
        ("changes", "31"),
    ];

    fn answering(lines: Vec<(&'static str, &'static str)>) -> FakeCloud {
        let cloud = FakeCloud::new();
        cloud.answers(move |key| {
            assert_eq!(key, "assess");
            answer(&lines)
        });
        cloud
    }

    #[tokio::test]
    async fn a_healthy_guest_passes() {
        let record = survives_everything(&Assess, &record_in(Stage::Assess), || answering(HEALTHY.to_vec())).await;
        assert_eq!(record.state, State::In(Stage::Snapshot));
    }

    #[tokio::test]
    async fn a_guest_without_room_is_refused_with_a_remedy() {
        let mut lines = HEALTHY.to_vec();
        lines[5] = ("free_mib", "/boot 12");
        lines.push(("foreign_package", "zlib.i686"));
        let record = drive(&Assess, &answering(lines), record_in(Stage::Assess), false).await;
        assert_eq!(record.ending, Some(Outcome::Refused));
        let blocking: Vec<_> = record.findings.iter().filter(|finding| finding.blocks()).collect();
        assert_eq!(blocking.len(), 2);
        assert!(blocking[1].remedy.contains("dnf remove zlib.i686"), "{blocking:?}");
    }

    #[tokio::test]
    async fn a_lost_command_is_sent_again() {
        let cloud = FakeCloud::new();
        let mut times = 0;
        cloud.answers(move |_| {
            times += 1;
            if times < 5 { (-1, "agent restarted".into()) } else { answer(&HEALTHY) }
        });
        let record = drive(&Assess, &cloud, record_in(Stage::Assess), false).await;
        assert_eq!(record.state, State::In(Stage::Snapshot));
    }

    #[tokio::test]
    async fn a_mirror_that_is_away_is_asked_again() {
        let cloud = FakeCloud::new();
        let mut times = 0;
        cloud.answers(move |_| {
            times += 1;
            let mut lines = HEALTHY.to_vec();
            if times < 3 {
                lines[6] = ("unreachable", "Curl error (52): Server returned nothing");
            }
            answer(&lines)
        });
        let record = drive(&Assess, &cloud, record_in(Stage::Assess), false).await;
        assert_eq!(record.state, State::In(Stage::Snapshot));
        assert_eq!(*cloud.done.borrow(), ["run assess-1", "run assess-2", "run assess-3"]);
    }

    #[tokio::test]
    async fn a_script_that_breaks_off_is_told() {
        let cloud = FakeCloud::new();
        cloud.answers(|_| (0, "osf\tos_id\tcentos\n".into()));
        let record = drive(&Assess, &cloud, record_in(Stage::Assess), false).await;
        assert_eq!(record.cause.unwrap().code, Code::GuestOutput);
        assert_eq!(record.ending, Some(Outcome::Failed));
    }
}
