//! The tool, and the reboot into the new system.
//!
//! The tool runs detached in the guest and keeps its state in a file. A second command waits for its end,
//! at most [`WATCH`] at a time: when that command ends, Cloud Assistant announces it, and so the stage is
//! woken without polling. The reboot is a command too: its ClientToken makes it happen once.

use guest::Tool;
use migration::{Cause, Code, Event, Stage};
use stage::cloud::Cloud;
use stage::{Act, Command, Fault, Job};

/// The stage.
pub struct Migrate;

/// Starting is writing some files, seconds.
const START_TIMEOUT: u64 = 120;
/// How long one command waits for the tool's end, seconds: progress is as fresh as this.
const WATCH: u64 = 50;
/// That, and the time it takes to say so.
const WATCH_TIMEOUT: u64 = WATCH + 30;
/// A flush of every disk may take a while, seconds.
const REBOOT_TIMEOUT: u64 = 120;
/// Reading two files, seconds.
const BOOTED_TIMEOUT: u64 = 60;

impl Act for Migrate {
    const STAGE: Stage = Stage::Migrate;

    async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault> {
        if job.marked("started").is_none() {
            return start(job).await;
        }
        if job.marked("tool ended").is_none() {
            return watch(job).await;
        }
        if job.marked("reboot").is_none() {
            return reboot(job).await;
        }
        booted(job).await
    }
}

async fn start<C: Cloud>(job: &mut Job<'_, C>) -> Result<Event, Fault> {
    let script = job.scripts()?.start();
    match job.persistent_command("start", &script, START_TIMEOUT).await? {
        Command::Pending => Ok(job.wait(60, "the tool is being started")),
        Command::Lost(why) => Ok(job.wait(30, why)),
        Command::Ran(output) => {
            output.read(guest::read_done)?;
            job.mark("started");
            Ok(job.proceed("the tool was started"))
        }
    }
}

async fn watch<C: Cloud>(job: &mut Job<'_, C>) -> Result<Event, Fault> {
    let script = job.scripts()?.watch(WATCH);
    let output = match job.persistent_command("watch", &script, WATCH_TIMEOUT).await? {
        Command::Pending => return Ok(watching(job, job.record.progress, job.record.note.clone())),
        Command::Lost(why) => return Ok(watching(job, job.record.progress, why)),
        Command::Ran(output) => output,
    };
    match output.read(guest::read_watch)? {
        Tool::Running { progress, phase } => {
            job.command_again("watch", &script, WATCH_TIMEOUT).await?;
            Ok(watching(job, Some(progress), phase))
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

async fn reboot<C: Cloud>(job: &mut Job<'_, C>) -> Result<Event, Fault> {
    let script = job.scripts()?.reboot();
    match job.persistent_command("reboot", &script, REBOOT_TIMEOUT).await? {
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

async fn booted<C: Cloud>(job: &mut Job<'_, C>) -> Result<Event, Fault> {
    let status = job.instance().await?.status;
    if status != "Running" {
        return Ok(job.wait(60, format!("rebooting, the instance is {status}")));
    }
    let script = job.scripts()?.booted();
    match job.persistent_command("booted", &script, BOOTED_TIMEOUT).await? {
        Command::Pending => Ok(job.wait(60, "asking the guest whether it has booted")),
        Command::Lost(why) => Ok(job.wait(15, why)),
        Command::Ran(output) if output.read(guest::read_booted)? => Ok(Event::Migrated),
        Command::Ran(_) => {
            // Asked between the command's report and the reboot itself: ask again after the next event.
            job.command_again("booted", &script, BOOTED_TIMEOUT).await?;
            Ok(job.wait(15, "the guest has not rebooted yet"))
        }
    }
}

#[cfg(test)]
mod tests {
    use migration::{Outcome, State};
    use stage::testing::{FakeCloud, answer, drive, record_in, survives_everything};

    use super::*;

    const RUNNING: &str = r#"{"Timestamp":1,"ProgressInfo":"packages","Progress":25,"ErrorCode":0,"ErrorMsg":""}"#;
    const SUCCEEDED: &str = r#"{"Timestamp":1,"ProgressInfo":"succeeded","Progress":100,"ErrorCode":0,"ErrorMsg":""}"#;
    const FAILED: &str =
        r#"{"Timestamp":1,"ProgressInfo":"failed","Progress":10,"ErrorCode":103,"ErrorMsg":"no space left"}"#;

    /// A guest whose tool says `states` one after the other.
    fn guest_with(states: &'static [&'static str]) -> FakeCloud {
        let cloud = FakeCloud::new();
        let (mut watched, mut asked) = (0, 0);
        cloud.answers(move |key| match key {
            "start" => answer(&[]),
            "watch" => {
                watched += 1;
                match states.get(watched - 1).copied().unwrap_or("") {
                    "" => (-1, "the agent was restarted".into()),
                    "died" => answer(&[("state", RUNNING), ("died", "yes")]),
                    state => answer(&[("state", state), ("count", "4/8")]),
                }
            }
            "reboot" => (194, answer(&[]).1),
            "booted" => {
                asked += 1;
                // The first question comes before the reboot.
                answer(&[("boot_id", if asked == 1 { "a" } else { "b" }), ("boot_id_before", "a")])
            }
            other => panic!("{other}"),
        });
        cloud
    }

    #[tokio::test]
    async fn the_tool_is_started_once_and_the_guest_rebooted_once() {
        let make = || guest_with(&[RUNNING, RUNNING, SUCCEEDED]);
        let record = survives_everything(&Migrate, &record_in(Stage::Migrate), make).await;
        assert_eq!(record.state, State::In(Stage::Verify));
        let cloud = make();
        drive(&Migrate, &cloud, record_in(Stage::Migrate), true).await;
        let done = cloud.done.borrow();
        assert_eq!(done.iter().filter(|what| what.starts_with("run start")).count(), 1);
        assert_eq!(done.iter().filter(|what| *what == "reboot").count(), 1);
    }

    #[tokio::test]
    async fn a_restarted_agent_does_not_matter() {
        let record =
            drive(&Migrate, &guest_with(&[RUNNING, "", "", "", "", SUCCEEDED]), record_in(Stage::Migrate), false).await;
        assert_eq!(record.state, State::In(Stage::Verify));
    }

    #[tokio::test]
    async fn a_tool_that_fails_or_dies_goes_back() {
        for (last, code, text) in
            [(FAILED, Code::ToolFailed, "no space left"), ("died", Code::ToolDied, "without a word")]
        {
            let states: &'static [&'static str] = Box::leak(Box::new([RUNNING, last]));
            let record = drive(&Migrate, &guest_with(states), record_in(Stage::Migrate), false).await;
            let cause = record.cause.unwrap();
            assert_eq!((record.state, cause.code), (State::In(Stage::Rollback), code));
            assert!(cause.text.contains(text), "{cause:?}");
        }
    }

    #[tokio::test]
    async fn a_tool_that_never_ends_goes_back_at_the_deadline() {
        let record = drive(&Migrate, &guest_with(&[RUNNING; 4000]), record_in(Stage::Migrate), false).await;
        assert_eq!((record.state, record.cause.unwrap().code), (State::In(Stage::Rollback), Code::Deadline));
        assert_eq!(record.ending, None::<Outcome>);
    }

    #[tokio::test]
    async fn progress_is_told() {
        let cloud = guest_with(&[RUNNING]);
        let mut record = record_in(Stage::Migrate);
        record.memo.marks.insert("started".into(), 0);
        let settings = guest::Settings { mirror: String::new(), gpgcheck: true };
        let mut seen = None;
        for _ in 0..2 {
            let mut job = Job {
                cloud: &cloud,
                record: &record,
                memo: record.memo.clone(),
                now: 0,
                settings: &settings,
                patience: std::time::Duration::ZERO,
            };
            seen = Some(Migrate.act(&mut job).await.unwrap());
            record.memo = job.memo;
            cloud.settle();
        }
        assert!(matches!(seen, Some(Event::Waiting { progress: Some(57), note, .. }) if note == "packages"));
    }
}
