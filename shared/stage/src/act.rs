//! What a stage's own code sees: the job, and commands in the guest.

use std::time::Duration;

use migration::{
    Cause, CloudSetting, Code, CommandRef, Event, Exhibit, Made, MadeKind, Memo, Millis, Record, Shell, Stage,
};
use openapi::ApiError;
use openapi::ecs::{CommandType, Instance, InvocationResult, RunCommand};
use sha2::{Digest, Sha256};

use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::settings::Options;

/// A stage. Its work must stand being done again at any point: find before create, tokens from
/// (migration, stage, attempt), and nothing destructive that was not asked of the cloud first.
#[allow(async_fn_in_trait)] // Handlers run on the task that called them; no Send is needed.
pub trait Act {
    /// Which.
    const STAGE: Stage;
    /// Whether it wants to know how long the same took before, as [`Job::past`].
    const LOOKS_BACK: bool = false;

    /// Looks, does what is missing, says what it saw.
    async fn act<C: Cloud>(&self, job: &mut Job<'_, C>) -> Result<Event, Fault>;
}

/// One invocation's work on one migration.
pub struct Job<'a, C> {
    /// ECS.
    pub cloud: &'a C,
    /// The record as it was loaded.
    pub record: &'a Record,
    /// What the stage remembers; kept whatever `act` answers.
    pub memo: Memo,
    /// Settings of the cloud that were changed; kept as `memo` is, and beyond the stage.
    pub changed: Vec<CloudSetting>,
    /// What was made in the account; kept as `changed` is.
    pub made: Vec<Made>,
    /// Evidence for the history, from this look.
    pub exhibits: Vec<Exhibit>,
    /// The time.
    pub now: Millis,
    /// What scripts are told.
    pub settings: &'a guest::Settings,
    /// What the operator has configured beside.
    pub options: &'a Options,
    /// How long an act may wait for what announces no end.
    pub patience: Duration,
    /// How long the stage took in this hop before, in other migrations, milliseconds; empty unless asked for.
    pub past: &'a [Millis],
}

/// A piece of evidence is cut to this, characters: the ends of logs, bearable in a row of history.
const EXHIBIT_LIMIT: usize = 20_000;

/// How a command is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// On its way or running; its end is an event.
    Pending,
    /// It ran.
    Ran(Output),
    /// It never ran or was cut off: the agent is down, restarted, or the guest went down. Why.
    Lost(String),
}

/// What a command left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Exit code.
    pub exit_code: i64,
    /// Standard output and error.
    pub text: String,
    /// Bytes of it that are missing at its beginning.
    pub dropped: u64,
    /// `t-…`
    pub invoke_id: String,
}

impl<'a, C: Cloud> Job<'a, C> {
    /// A look at `record` at the time `now`.
    pub fn new(
        cloud: &'a C,
        record: &'a Record,
        now: Millis,
        settings: &'a guest::Settings,
        options: &'a Options,
        patience: Duration,
    ) -> Self {
        let (memo, changed, made) = (record.memo.clone(), record.changed.clone(), record.made.clone());
        Self { cloud, record, memo, changed, made, exhibits: Vec::new(), now, settings, options, patience, past: &[] }
    }

    /// The instance that the work is about, which must exist: a drill's clone, once there is one.
    pub async fn instance(&self) -> Result<Instance, Fault> {
        self.instance_of(self.record.subject()).await
    }

    /// An instance, which must exist.
    pub async fn instance_of(&self, id: &str) -> Result<Instance, Fault> {
        if let Some(instance) = self.cloud.instance(id).await? {
            return Ok(instance);
        }
        // An empty list also means: not permitted to see it. Only a clear no counts as gone.
        self.cloud.confirm_instance(id).await?;
        let text =
            format!("instance {id} exists, but ecs:DescribeInstances does not list it: is the permission missing?");
        Err(Cause::transient(Code::Forbidden, text).into())
    }

    /// The scripts of the hop under way.
    pub fn scripts(&self) -> Result<guest::Job<'a>, Fault> {
        let hop = self.record.current_hop().ok_or_else(|| {
            Cause::permanent(Code::BrokenRecord, format!("migration {} has no hop {}", self.record.id, self.record.hop))
        })?;
        Ok(guest::Job {
            id: &self.record.id,
            hop_index: self.record.hop,
            run: self.record.run,
            hop,
            settings: self.settings,
        })
    }

    /// Runs `script` in the guest once under the name `key`, or asks what became of it. The same key
    /// is the same invocation, also after a crash: its ClientToken says so.
    pub async fn command(&mut self, key: &str, script: &str, timeout_secs: u64) -> Result<Command, Fault> {
        let instance_id = self.record.subject();
        let Some(sent) = self.memo.commands.get(key) else {
            let request = RunCommand {
                command_type: self.command_type(),
                content: script.to_owned(),
                name: self.name(key),
                timeout: Some(timeout_secs),
                instance_ids: vec![instance_id.to_owned()],
                client_token: self.token(key),
                ..RunCommand::default()
            };
            return match self.cloud.run_command(&request).await {
                Ok(invoke_id) => {
                    let sent = CommandRef { invoke_id, sent_at: self.now, undelivered: false };
                    self.memo.commands.insert(key.to_owned(), sent);
                    Ok(Command::Pending)
                }
                // Between two boots; an event or the next look comes.
                Err(error) if matches!(error.code(), "IncorrectInstanceStatus" | "InvalidInstance.NotMatch") => {
                    Ok(Command::Lost(error.to_string()))
                }
                Err(error) => Err(error.into()),
            };
        };
        let invoke_id = sent.invoke_id.clone();
        let Some(result) = self.cloud.invocation(&invoke_id, instance_id).await? else {
            return Ok(Command::Pending);
        };
        Ok(match result.invocation_status.as_str() {
            "Pending" | "Scheduled" | "Running" | "Stopping" => Command::Pending,
            // A shell that a signal ended has not said what it had to say: a reboot, or the lack of memory.
            "Success" | "Failed" if self.was_killed(&result) => {
                Command::Lost(format!("{key} ({invoke_id}) was killed: exit code {:?}", result.exit_code))
            }
            // 194 (reboot; 3010 on Windows) may be reported as either.
            "Success" | "Failed" if result.exit_code.is_some() && ran_to_its_end(&result.error_code) => {
                Command::Ran(Output {
                    exit_code: result.exit_code.unwrap_or_default(),
                    text: result.output,
                    dropped: result.dropped,
                    invoke_id,
                })
            }
            status => {
                if let Some(sent) = self.memo.commands.get_mut(key) {
                    sent.undelivered = never_came(status, &result.error_code);
                }
                Command::Lost(format!("{key} ({invoke_id}): {status} {} {}", result.error_code, result.error_info))
            }
        })
    }

    fn was_killed(&self, result: &InvocationResult) -> bool {
        let by_signal = result.exit_code.is_some_and(|code| (129..160).contains(&code));
        by_signal && self.command_type() == CommandType::RunShellScript && !result.output.contains("osf\tdone\t")
    }

    /// Stops what the stage before had sent and may still run in the guest: it must not go on beside what takes its
    /// work back. What is over already is fine.
    pub async fn stop_orphans(&mut self) {
        if self.marked("orphans").is_some() {
            return;
        }
        for invoke_id in &self.record.orphans {
            if let Err(error) = self.cloud.stop_invocation(invoke_id, self.record.subject()).await {
                tracing::info!(migration_id = %self.record.id, invoke_id, %error, "a command was not stopped");
            }
        }
        self.mark("orphans");
    }

    /// In which language the hop's scripts are.
    fn command_type(&self) -> CommandType {
        match self.record.current_hop().map(|hop| hop.engine.shell()) {
            Some(Shell::PowerShell) => CommandType::RunPowerShellScript,
            _ => CommandType::RunShellScript,
        }
    }

    /// Like [`Job::command`], for a command that may be lost: it is sent again under the next number, the
    /// first times at once, then at most every ten seconds.
    pub async fn persistent_command(&mut self, key: &str, script: &str, timeout_secs: u64) -> Result<Command, Fault> {
        self.persistent(key, script, timeout_secs, true).await
    }

    /// The same, but one that never came to the guest is not sent again in this look: what its loss means is to be
    /// stored first ([`Job::may_have_come`]).
    pub async fn accounted_command(&mut self, key: &str, script: &str, timeout_secs: u64) -> Result<Command, Fault> {
        let outcome = self.persistent(key, script, timeout_secs, false).await;
        if matches!(&outcome, Err(Fault::Cloud(error)) if !error.is_refusal()) {
            // It may have been taken all the same.
            self.mark(&format!("?{key}"));
        }
        outcome
    }

    async fn persistent(
        &mut self,
        key: &str,
        script: &str,
        timeout_secs: u64,
        at_once: bool,
    ) -> Result<Command, Fault> {
        const PAUSE: Millis = 10_000;
        let name = self.numbered(key);
        let outcome = self.command(&name, script, timeout_secs).await?;
        match (&outcome, self.memo.commands.get(&name)) {
            (Command::Lost(_), Some(sent)) if sent.undelivered && !at_once => {
                self.forget(key);
                Ok(outcome)
            }
            (Command::Lost(_), Some(sent)) if self.number(key) <= 3 || self.now - sent.sent_at >= PAUSE => {
                self.command_again(key, script, timeout_secs).await
            }
            _ => Ok(outcome),
        }
    }

    /// Sends a command under the next number, whatever became of the last.
    pub async fn command_again(&mut self, key: &str, script: &str, timeout_secs: u64) -> Result<Command, Fault> {
        self.forget(key);
        self.command(&self.numbered(key), script, timeout_secs).await
    }

    /// What became of a command does not count: the next look sends it under the next number.
    pub fn forget(&mut self, key: &str) {
        if self.memo.commands.remove(&self.numbered(key)).is_some_and(|sent| !sent.undelivered) {
            self.mark(&format!("?{key}"));
        }
        self.memo.marks.insert(format!("#{key}"), self.number(key) + 1);
    }

    /// Whether a command of this name may have come to the guest: ECS took it, and does not say that it never did.
    pub fn may_have_come(&self, key: &str) -> bool {
        let sent = self.memo.commands.get(&self.numbered(key));
        self.marked(&format!("?{key}")).is_some() || sent.is_some_and(|sent| !sent.undelivered)
    }

    /// Reads what the last command of this name said. One that did not come to its last word (a shutdown ends
    /// PowerShell with an exit code like any other) decides nothing: it is sent again, some times.
    pub fn heard<T>(
        &mut self,
        key: &str,
        output: &Output,
        read: impl FnOnce(&str) -> Result<T, guest::OutputError>,
    ) -> Result<T, Fault> {
        const AGAIN: i64 = 3;
        output.read(read).map_err(|fault| match fault {
            Fault::Output { .. } if self.number(key) <= AGAIN => {
                self.forget(key);
                Cause::transient(Code::GuestOutput, fault.to_string()).into()
            }
            other => other,
        })
    }

    fn number(&self, key: &str) -> i64 {
        self.memo.marks.get(&format!("#{key}")).copied().unwrap_or(1)
    }

    fn numbered(&self, key: &str) -> String {
        format!("{key}-{}", self.number(key))
    }

    /// When the stage noted that it did something; None when it has not.
    pub fn marked(&self, what: &str) -> Option<Millis> {
        self.memo.marks.get(what).copied()
    }

    /// Takes such a note back.
    pub fn unmark(&mut self, what: &str) {
        self.memo.marks.remove(what);
    }

    /// Notes that the stage did something.
    pub fn mark(&mut self, what: &str) {
        self.memo.marks.insert(what.to_owned(), self.now);
    }

    /// Keeps a piece of evidence, cut to [`EXHIBIT_LIMIT`].
    pub fn keep(&mut self, name: impl Into<String>, text: &str) {
        let skip = text.chars().count().saturating_sub(EXHIBIT_LIMIT);
        // The end of a log says why it ended.
        self.exhibits.push(Exhibit { name: name.into(), text: text.chars().skip(skip).collect() });
    }

    /// Remembers what a setting of the cloud was, before it is changed; the first memory counts.
    pub fn remember_setting(&mut self, setting: CloudSetting) {
        let known = |other: &CloudSetting| other.resource == setting.resource && other.kind == setting.kind;
        if !self.changed.iter().any(known) {
            self.changed.push(setting);
        }
    }

    /// Has something made in the account, and remembers that it was asked for: its answer may get lost, and lists may
    /// not have it for a while. Answers its id.
    pub async fn make(
        &mut self,
        kind: MadeKind,
        making: impl Future<Output = Result<String, ApiError>>,
    ) -> Result<String, Fault> {
        let unseen_since = Some(self.now);
        self.made.push(Made { kind, id: None, unseen_since });
        let at = self.made.len() - 1;
        match making.await {
            Ok(id) => {
                self.made.retain(|other| other.kind != kind || other.id.as_ref() != Some(&id));
                // The last one is that of this call: it has no id yet.
                if let Some(made) = self.made.last_mut() {
                    made.id = Some(id.clone());
                }
                Ok(id)
            }
            Err(error) => {
                if error.is_refusal() {
                    self.made.truncate(at);
                }
                Err(error.into())
            }
        }
    }

    /// Something that was made is in a list: from now on a list tells when it is gone.
    pub fn seen(&mut self, kind: MadeKind, id: &str) {
        for made in self.made.iter_mut().filter(|made| made.kind == kind) {
            if made.id.as_deref().is_none_or(|known| known == id) {
                *made = Made { kind, id: Some(id.to_owned()), unseen_since: None };
            }
        }
    }

    /// A resource name that leads back to this migration, hop and stage.
    pub fn name(&self, what: &str) -> String {
        self.record.id.name(&self.place(what))
    }

    /// A ClientToken (at most 64 ASCII characters): the same for the same work.
    pub fn token(&self, what: &str) -> String {
        let mut token = format!("{}-{}", self.record.id, self.place(what));
        token.retain(|c| c.is_ascii_graphic());
        if token.len() > 64 {
            // The end tells tokens apart as much as the beginning does.
            let digest = Sha256::digest(&token).iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>();
            token.truncate(47);
            token.push('-');
            token.push_str(&digest);
        }
        token
    }

    /// What, in which hop and stage, and in which of its visits: a stage that is entered again, or that a person
    /// had tried again, does its work again.
    fn place(&self, what: &str) -> String {
        let record = self.record;
        let Some(stage) = record.stage() else { return format!("{}-ended-{what}", record.leg()) };
        let visits = record.timings.iter().filter(|timing| (timing.stage, timing.hop) == (stage, record.hop)).count();
        match visits + usize::try_from(record.tries).unwrap_or(usize::MAX) {
            0 => format!("{}-{}-{what}", record.leg(), stage.name()),
            again => format!("{}-{}-{what}+{again}", record.leg(), stage.name()),
        }
    }

    /// What was done is stored, and the stage goes on at once.
    pub fn proceed(&self, note: impl Into<String>) -> Event {
        self.wait(0, note)
    }

    /// Waits for an event, and looks again in `seconds` if it gets lost.
    pub fn wait(&self, seconds: i64, note: impl Into<String>) -> Event {
        Event::Waiting { look_at: self.now + seconds * 1000, progress: None, note: note.into() }
    }
}

/// Whether Cloud Assistant says that the command came to its own end, well or not. Source: ECS API reference,
/// DescribeInvocationResults, ErrorCode.
fn ran_to_its_end(error_code: &str) -> bool {
    matches!(error_code, "" | "ExitCodeNonzero")
}

/// Whether Cloud Assistant says that the command never came to the guest. Source: as above; `Aborted` and `Invalid` are
/// commands that could not be sent.
fn never_came(status: &str, error_code: &str) -> bool {
    matches!(status, "Aborted" | "Invalid")
        || matches!(
            error_code,
            "ClientNotRunning"
                | "ClientIsUpgrading"
                | "ClientNeedUpgrade"
                | "DeliveryTimeout"
                | "InstanceNotRunning"
                | "SecurityGroupRuleDenied"
                | "CommandNotApplicable"
                | "AccountNotExists"
                | "DirectoryNotExists"
        )
}

impl Output {
    /// Reads it with one of guest's readers; an answer whose beginning is missing is none.
    pub fn read<T>(&self, read: impl FnOnce(&str) -> Result<T, guest::OutputError>) -> Result<T, Fault> {
        let what = || format!("command {} ended with {}", self.invoke_id, self.exit_code);
        let whole = if self.dropped > 0 { Err(guest::OutputError::Cut { dropped: self.dropped }) } else { Ok(()) };
        whole.and_then(|()| read(&self.text)).map_err(|source| Fault::Output { what: what(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_end_of_its_own_is_an_end() {
        for code in ["", "ExitCodeNonzero"] {
            assert!(ran_to_its_end(code), "{code}");
        }
        for code in ["ClientIsUpgrading", "ExecutionException", "ExecutionInterrupted", "SomethingNew"] {
            assert!(!ran_to_its_end(code), "{code}");
        }
        // What has begun may have done anything.
        for (status, code, never) in [
            ("Aborted", "ClientNotResponse", true),
            ("Failed", "ClientIsUpgrading", true),
            ("Failed", "DeliveryTimeout", true),
            ("Failed", "ExecutionInterrupted", false),
            ("Timeout", "ExecutionTimeout", false),
            ("Terminated", "", false),
            ("Failed", "ClientNotResponse", false),
        ] {
            assert_eq!(never_came(status, code), never, "{status} {code}");
        }
    }

    #[test]
    fn an_answer_whose_beginning_is_missing_is_none() {
        let whole = Output { exit_code: 0, text: "osf\tdone\tyes\n".into(), dropped: 0, invoke_id: "t-1".into() };
        assert!(whole.read(guest::read_done).is_ok());
        let cut = Output { dropped: 7, ..whole };
        let cause = cut.read(guest::read_done).unwrap_err().cause();
        assert!(cause.code == Code::GuestOutput && cause.text.contains("7 bytes"), "{cause:?}");
    }
}
