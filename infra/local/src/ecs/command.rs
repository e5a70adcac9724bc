//! Cloud Assistant as it works: one thread delivers commands to the agents and asks for their
//! results, often at first, then less so.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Ecs;
use super::db::Txn;
use super::event;
use super::machine::end_job;
use super::model::{Instance, InstanceStatus, Invocation, InvokeResult, InvokeStatus, Job, Work};
use crate::seams::{CommandState, GuestCommand, GuestShell, HypervisorError, ServiceError};

/// A command that is not delivered by then is Aborted (ECS API reference, InvocationStatus).
const DELIVERY_DEADLINE_MS: i64 = 60_000;
/// An agent that was silent for longer does not count as alive (DescribeCloudAssistantStatus).
const HEARTBEAT_LIFETIME_MS: i64 = 120_000;
/// The agent kills a command at its timeout. One that is still said to run so much later hangs
/// with its agent, and the cloud ends it.
const TIMEOUT_GRACE_MS: i64 = 30_000;
/// First pause between two questions; doubled up to `SLOWEST_POLL_MS`.
const FIRST_POLL_MS: i64 = 10;
const SLOWEST_POLL_MS: i64 = 100;

/// Reboot and power off, asked for by exit code (Cloud Assistant documentation), on Linux and on
/// Windows.
const EXIT_REBOOT: [(&str, i32); 2] = [("linux", 194), ("windows", 3010)];
const EXIT_POWER_OFF: [(&str, i32); 2] = [("linux", 193), ("windows", 3009)];

/// Whether an agent with this last heartbeat counts as alive.
pub(super) fn heartbeat_is_fresh(heartbeat: Option<i64>, now: i64) -> bool {
    heartbeat.is_some_and(|at| now - at <= HEARTBEAT_LIFETIME_MS)
}

impl Ecs {
    /// Looks at a polled job once. Answers it with the time of the next look.
    pub(super) fn poll(&self, mut job: Job) -> Result<Option<Job>, ServiceError> {
        let over = match &job.work {
            Work::FirstHeartbeat { instance_id } => self.poll_heartbeat(&job, instance_id)?,
            Work::Command { invoke_id, instance_id } => self.poll_command(&job, invoke_id, instance_id)?,
            _ => true,
        };
        if over {
            return Ok(None);
        }
        let pause = FIRST_POLL_MS << job.tries.min(4);
        job.due = self.now() + pause.min(SLOWEST_POLL_MS);
        job.tries += 1;
        Ok(Some(job))
    }

    /// Waits for the agent of a new instance. True when there is nothing more to wait for.
    fn poll_heartbeat(&self, job: &Job, instance_id: &str) -> Result<bool, ServiceError> {
        let waiting = |instance: &Instance| !instance.heartbeat_seen && instance.status == InstanceStatus::Running;
        let heard = self.hypervisor.last_heartbeat(instance_id).is_some();
        let instance: Option<Instance> = self.db.get(instance_id)?;
        if !heard && instance.as_ref().is_some_and(waiting) {
            return Ok(false);
        }
        let mut txn = self.db.begin();
        // An instance that went down first gets a new job at its next start.
        if let Some(mut instance) = txn.get::<Instance>(instance_id)?.filter(waiting)
            && heard
        {
            instance.heartbeat_seen = true;
            txn.put(&instance)?;
            txn.publish(event::first_heartbeat(&self.config, self.now(), instance_id))?;
        }
        end_job(&mut txn, job);
        self.commit(txn)?;
        Ok(true)
    }

    /// One look at a command. True when it is over.
    fn poll_command(&self, job: &Job, invoke_id: &str, instance_id: &str) -> Result<bool, ServiceError> {
        let key = InvokeResult::key_of(invoke_id, instance_id);
        let result: Option<InvokeResult> = self.db.get(&key)?;
        let (Some(result), Some(invocation)) = (result, self.db.get::<Invocation>(invoke_id)?) else {
            return self.drop_job(job);
        };
        let ended = match result.status {
            InvokeStatus::Pending => self.deliver(&invocation, result)?,
            InvokeStatus::Running | InvokeStatus::Stopping => self.ask(&invocation, result)?,
            _ => return self.drop_job(job),
        };
        let Some(ended) = ended else { return Ok(false) };
        let mut txn = self.db.begin();
        // StopInvocation may have been faster.
        let open = txn.get::<InvokeResult>(&key)?.is_some_and(|now| !now.status.is_final());
        if open {
            self.end_command(&mut txn, &invocation, ended)?;
        }
        end_job(&mut txn, job);
        self.commit(txn)?;
        Ok(true)
    }

    fn drop_job(&self, job: &Job) -> Result<bool, ServiceError> {
        let mut txn = self.db.begin();
        end_job(&mut txn, job);
        self.commit(txn)?;
        Ok(true)
    }

    /// Hands a Pending command to its agent. Answers the result when it cannot be delivered any more.
    fn deliver(&self, invocation: &Invocation, result: InvokeResult) -> Result<Option<InvokeResult>, ServiceError> {
        let id = &result.instance_id;
        let Some(instance) = self.db.get::<Instance>(id)? else {
            return Ok(Some(failed(
                result,
                InvokeStatus::Aborted,
                "InstanceReleased",
                "the instance has been released",
            )));
        };
        let heartbeat = self.hypervisor.last_heartbeat(id);
        let reachable = instance.status == InstanceStatus::Running && heartbeat_is_fresh(heartbeat, self.now());
        if reachable {
            let command = GuestCommand {
                invoke_id: result.invoke_id.clone(),
                shell: if invocation.kind == "RunPowerShellScript" {
                    GuestShell::PowerShell
                } else {
                    GuestShell::Posix
                },
                script: self.script_for(invocation, id)?,
                timeout_secs: invocation.timeout,
                working_dir: invocation.working_dir.clone(),
            };
            match self.hypervisor.run_command(id, &command) {
                Ok(()) => {
                    self.mark_running(&result)?;
                    return Ok(None);
                }
                Err(HypervisorError::NotRunning(_)) => {}
                Err(error) => return Err(ServiceError::internal(format!("run {} on {id}: {error}", result.invoke_id))),
            }
        }
        if self.now() - result.created < DELIVERY_DEADLINE_MS {
            return Ok(None);
        }
        let (code, info) = match (instance.status, heartbeat) {
            (InstanceStatus::Running, None) => ("ClientNotRunning", "the agent is not running on the instance"),
            (InstanceStatus::Running, Some(_)) => ("ClientNotResponse", "the agent on the instance does not respond"),
            _ => ("InstanceNotRunning", "the instance is not running"),
        };
        Ok(Some(failed(result, InvokeStatus::Aborted, code, info)))
    }

    fn mark_running(&self, result: &InvokeResult) -> Result<(), ServiceError> {
        let mut txn = self.db.begin();
        let key = InvokeResult::key_of(&result.invoke_id, &result.instance_id);
        let Some(mut result) = txn.get::<InvokeResult>(&key)? else { return Ok(()) };
        if result.status == InvokeStatus::Pending {
            result.status = InvokeStatus::Running;
            result.started = Some(self.now());
            txn.put(&result)?;
            return self.commit(txn);
        }
        // Cancelled while it was delivered: it must not run on.
        drop(txn);
        self.stop_in_guest(&result)
    }

    fn stop_in_guest(&self, result: &InvokeResult) -> Result<(), ServiceError> {
        match self.hypervisor.stop_command(&result.instance_id, &result.invoke_id) {
            Ok(()) | Err(HypervisorError::NotRunning(_) | HypervisorError::NotFound(_)) => Ok(()),
            Err(error) => {
                Err(ServiceError::internal(format!("stop {} on {}: {error}", result.invoke_id, result.instance_id)))
            }
        }
    }

    /// Asks what became of a delivered command. Answers the result when it is over.
    fn ask(&self, invocation: &Invocation, mut result: InvokeResult) -> Result<Option<InvokeResult>, ServiceError> {
        let stopping = result.status == InvokeStatus::Stopping;
        if stopping {
            self.stop_in_guest(&result)?;
        }
        let id = result.instance_id.clone();
        let state = match self.hypervisor.command_state(&id, &result.invoke_id) {
            Ok(state) => state,
            Err(HypervisorError::NotRunning(_) | HypervisorError::NotFound(_)) => CommandState::Unknown,
            Err(error) => return Err(ServiceError::internal(format!("ask {id} for {}: {error}", result.invoke_id))),
        };
        let timeout_ms = i64::try_from(invocation.timeout).unwrap_or(i64::MAX / 2000) * 1000;
        let started = result.started.unwrap_or(result.created);
        let mut ended = match state {
            CommandState::Running if self.now() - started <= timeout_ms.saturating_add(TIMEOUT_GRACE_MS) => {
                return Ok(None);
            }
            CommandState::Running => {
                self.stop_in_guest(&result)?;
                failed(result, InvokeStatus::Timeout, "ExecutionTimeout", "the command execution has timed out")
            }
            CommandState::Exited { code, output, dropped } => {
                result.exit_code = Some(code);
                result.output = STANDARD.encode(output);
                result.dropped = dropped;
                if code == 0 {
                    result.status = InvokeStatus::Success;
                    result
                } else {
                    failed(result, InvokeStatus::Failed, "ExitCodeNonzero", "the exit code of the command is not zero")
                }
            }
            CommandState::TimedOut { output } => {
                result.output = STANDARD.encode(output);
                failed(result, InvokeStatus::Timeout, "ExecutionTimeout", "the command execution has timed out")
            }
            CommandState::Interrupted { output } => {
                result.output = STANDARD.encode(output);
                failed(result, InvokeStatus::Failed, "ExecutionInterrupted", "the command execution was interrupted")
            }
            CommandState::Unknown => {
                failed(result, InvokeStatus::Failed, "ExecutionInterrupted", "the command execution was interrupted")
            }
        };
        if stopping {
            ended.status = InvokeStatus::Terminated;
            ended.error_code = String::new();
            ended.error_info = String::new();
        }
        Ok(Some(ended))
    }

    /// Commits the end of a command on one instance: its result, its event, and the reboot or power
    /// off its exit code asks for (the result is reported first, so it is never lost by them).
    pub(super) fn end_command(
        &self,
        txn: &mut Txn<'_>,
        invocation: &Invocation,
        mut result: InvokeResult,
    ) -> Result<(), ServiceError> {
        result.finished = Some(self.now());
        txn.put(&result)?;
        txn.publish(event::task_completed(&self.config, self.now(), invocation, &result))?;
        let Some(mut instance) = txn.get::<Instance>(&result.instance_id)? else { return Ok(()) };
        instance.active_tasks = instance.active_tasks.saturating_sub(1);
        txn.put(&instance)?;
        let Some(code) = result.exit_code.filter(|_| instance.status == InstanceStatus::Running) else { return Ok(()) };
        let asked = (instance.os_type.as_str(), code);
        if EXIT_REBOOT.contains(&asked) {
            self.begin_stop(txn, &mut instance, false, true)?;
        } else if EXIT_POWER_OFF.contains(&asked) {
            self.begin_stop(txn, &mut instance, false, false)?;
        }
        Ok(())
    }
}

fn failed(mut result: InvokeResult, status: InvokeStatus, code: &str, info: &str) -> InvokeResult {
    result.status = status;
    result.error_code = code.to_owned();
    result.error_info = info.to_owned();
    result
}
