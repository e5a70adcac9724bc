//! Cloud Assistant as it is called: RunCommand, StopInvocation, and what is said of invocations.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Ecs;
use super::command::heartbeat_is_fresh;
use super::errors;
use super::event::{new_id, second};
use super::instances::tags_view;
use super::list::{Limits, Rows, list, page};
use super::model::{Instance, InstanceStatus, Invocation, InvokeResult, InvokeStatus, Work};
use super::params::{Params, has_tags};
use crate::seams::ServiceError;

/// Of the Cloud Assistant lists.
const LIMITS: Limits = Limits { least: 1, most: 50, usual: 10 };
/// Command and parameters, as Base64 (ECS API reference, RunCommand).
const MAX_CONTENT_BYTES: usize = 24 * 1024;
/// Instances of one call.
const MAX_INSTANCES: usize = 100;
/// When RunCommand does not say, seconds.
const DEFAULT_TIMEOUT_SECS: u64 = 60;
/// What the local agent calls itself; new enough for exit codes 193 and 194.
const AGENT_VERSION: &str = "2.2.4.600";

impl Ecs {
    /// RunCommand: once, on running instances.
    pub(super) fn run_command(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        let invocation = self.new_invocation(params)?;
        let mut txn = self.db.begin();
        let dry_run = match params.get("RepeatMode") {
            None | Some("Once") => false,
            Some("DryRun") => true,
            Some("Period" | "NextRebootOnly" | "EveryReboot") => return Err(errors::unsupported("RepeatMode")),
            Some(_) => return Err(errors::no_repeat_mode()),
        };
        let answer = self.once(&mut txn, "RunCommand", params, |txn| {
            for id in &invocation.instances {
                let mut instance = txn.get::<Instance>(id)?.ok_or_else(|| errors::no_command_instance(id))?;
                let windows = instance.os_type == "windows";
                if instance.status != InstanceStatus::Running || windows == (invocation.kind == "RunShellScript") {
                    return Err(errors::command_not_applicable(id));
                }
                instance.invocations += 1;
                instance.active_tasks += 1;
                instance.last_invoked = Some(self.now());
                txn.put(&instance)?;
                txn.put(&InvokeResult {
                    invoke_id: invocation.invoke_id.clone(),
                    instance_id: id.clone(),
                    status: InvokeStatus::Pending,
                    exit_code: None,
                    output: String::new(),
                    dropped: 0,
                    error_code: String::new(),
                    error_info: String::new(),
                    created: self.now(),
                    started: None,
                    finished: None,
                    stopped: None,
                })?;
                let work = Work::Command { invoke_id: invocation.invoke_id.clone(), instance_id: id.clone() };
                txn.job(id, self.now(), 0, work)?;
            }
            txn.put(&invocation)?;
            Ok(json!({ "CommandId": invocation.command_id, "InvokeId": invocation.invoke_id }))
        })?;
        if dry_run {
            return Ok(json!({}));
        }
        self.commit(txn)?;
        Ok(answer)
    }

    /// What RunCommand asks for, checked as far as it can be without looking at instances.
    fn new_invocation(&self, params: Params<'_>) -> Result<Invocation, ServiceError> {
        let kind = params.required("Type")?;
        if !["RunShellScript", "RunBatScript", "RunPowerShellScript"].contains(&kind) {
            return Err(errors::invalid("Type"));
        }
        let content = params.required("CommandContent")?;
        let script = match params.get("ContentEncoding") {
            None | Some("PlainText") => content.to_owned(),
            Some("Base64") => decode(content).ok_or_else(|| errors::invalid("CommandContent"))?,
            Some(_) => return Err(errors::invalid("ContentEncoding")),
        };
        let parameters = params.get("Parameters").unwrap_or_default();
        if STANDARD.encode(&script).len() + STANDARD.encode(parameters).len() > MAX_CONTENT_BYTES {
            return Err(errors::command_too_long());
        }
        let parameters: BTreeMap<String, String> = match parameters {
            "" => BTreeMap::new(),
            json => serde_json::from_str(json).map_err(|_| errors::invalid("Parameters"))?,
        };
        let customised = params.flag("EnableParameter")?;
        let name = params.get("Name").unwrap_or_default();
        if name.chars().count() > 128 {
            return Err(errors::command_name_too_long());
        }
        let working_dir = params.get("WorkingDir").unwrap_or_default();
        if working_dir.chars().count() > 200 {
            return Err(errors::invalid("WorkingDir"));
        }
        if params.get("ResourceTag.1.Key").is_some() {
            return Err(errors::unsupported("ResourceTag"));
        }
        let mut instances: Vec<String> = Vec::new();
        for id in params.repeated("InstanceId") {
            if !instances.iter().any(|known| known == id) {
                instances.push(id.to_owned());
            }
        }
        if instances.is_empty() {
            return Err(errors::no_command_target());
        }
        if instances.len() > MAX_INSTANCES {
            return Err(errors::too_many_instances());
        }
        let invocation = Invocation {
            invoke_id: new_id("t-", self.now()),
            command_id: new_id("c-", self.now()),
            name: name.to_owned(),
            script,
            parameters: customised.then_some(parameters),
            kind: kind.to_owned(),
            timeout: params.number("Timeout")?.unwrap_or(DEFAULT_TIMEOUT_SECS),
            working_dir: working_dir.to_owned(),
            username: params.get("Username").unwrap_or_default().to_owned(),
            instances,
            tags: params.tags()?,
            created: self.now(),
        };
        // Says now what would otherwise be found out at each instance.
        self.script_for(&invocation, "")?;
        Ok(invocation)
    }

    /// The script with `{{name}}` filled in, when EnableParameter was set.
    pub(super) fn script_for(&self, invocation: &Invocation, instance_id: &str) -> Result<String, ServiceError> {
        let Some(parameters) = &invocation.parameters else { return Ok(invocation.script.clone()) };
        let mut filled = String::new();
        let mut rest = invocation.script.as_str();
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, after)) = after.split_once("}}") else { break };
            let value = match name.trim() {
                "ACS::InstanceId" => instance_id,
                "ACS::InvokeId" => &invocation.invoke_id,
                "ACS::CommandId" => &invocation.command_id,
                "ACS::RegionId" => &self.config.region,
                "ACS::AccountId" => &self.config.account_id,
                name => parameters.get(name).ok_or_else(errors::parameters_not_matched)?,
            };
            filled.push_str(before);
            filled.push_str(value);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// StopInvocation: what is not delivered is cancelled, what runs is killed.
    pub(super) fn stop_invocation(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        let invoke_id = params.required("InvokeId")?;
        let only = params.repeated("InstanceId");
        let mut txn = self.db.begin();
        let invocation = txn.get::<Invocation>(invoke_id)?.ok_or_else(errors::no_invocation)?;
        for id in invocation.instances.iter().filter(|id| only.is_empty() || only.contains(&id.as_str())) {
            let key = InvokeResult::key_of(invoke_id, id);
            let Some(mut result) = txn.get::<InvokeResult>(&key)? else { continue };
            match result.status {
                InvokeStatus::Pending => {
                    result.stopped = Some(self.now());
                    result.status = InvokeStatus::Cancelled;
                    self.end_command(&mut txn, &invocation, result)?;
                }
                InvokeStatus::Running => {
                    result.stopped = Some(self.now());
                    result.status = InvokeStatus::Stopping;
                    txn.put(&result)?;
                }
                _ => {}
            }
        }
        self.commit(txn)?;
        Ok(json!({}))
    }

    /// DescribeInvocations.
    pub(super) fn describe_invocations(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        let with_output = params.flag("IncludeOutput")?;
        let plain = wants_plain_text(params)?;
        let ids = params.get("InvokeId").map(|id| vec![id.to_owned()]);
        let tags = params.pairs("Tag");
        let page = list(&self.db, params, ids.as_deref(), LIMITS, |invocation: &Invocation| {
            params.get("CommandId").is_none_or(|id| id == invocation.command_id)
                && params.get("CommandName").is_none_or(|name| name == invocation.name)
                && params.get("CommandType").is_none_or(|kind| kind == invocation.kind)
                && params.get("InstanceId").is_none_or(|id| invocation.instances.iter().any(|i| i == id))
                && has_tags(&invocation.tags, &tags)
        })?;
        let mut results = BTreeMap::new();
        for invocation in &page.rows {
            let prefix = format!("{}/", invocation.invoke_id);
            results.insert(invocation.invoke_id.clone(), self.db.scan::<InvokeResult>(&prefix)?);
        }
        Ok(page.answer("Invocations", "Invocation", |invocation| {
            let results = &results[&invocation.invoke_id];
            let statuses: Vec<InvokeStatus> = results.iter().map(|result| result.status).collect();
            let instances: Vec<Value> =
                results.iter().map(|result| instance_view(result, with_output, plain)).collect();
            json!({
                "InvokeId": invocation.invoke_id,
                "CommandId": invocation.command_id,
                "CommandName": invocation.name,
                "CommandType": invocation.kind,
                "CommandDescription": "",
                "CommandContent": if plain { invocation.script.clone() } else { STANDARD.encode(&invocation.script) },
                "InvocationStatus": overall(&statuses),
                "InvokeStatus": overall_record(&statuses),
                "RepeatMode": "Once",
                "Frequency": "",
                "Timed": false,
                "Timeout": invocation.timeout,
                "WorkingDir": invocation.working_dir,
                "Username": invocation.username,
                "TerminationMode": "ProcessTree",
                "Parameters": json!(invocation.parameters.clone().unwrap_or_default()).to_string(),
                "CreationTime": second(invocation.created),
                "InvokeInstances": { "InvokeInstance": instances },
                "Tags": tags_view(&invocation.tags),
            })
        }))
    }

    /// DescribeInvocationResults; its paging fields stand inside `Invocation`.
    pub(super) fn describe_invocation_results(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        let plain = wants_plain_text(params)?;
        let prefix = params.get("InvokeId").map(|id| format!("{id}/")).unwrap_or_default();
        let results = self.db.scan::<InvokeResult>(&prefix)?;
        let mut commands = BTreeMap::new();
        for result in &results {
            if !commands.contains_key(&result.invoke_id)
                && let Some(invocation) = self.db.get::<Invocation>(&result.invoke_id)?
            {
                commands.insert(result.invoke_id.clone(), invocation);
            }
        }
        let command_of =
            |result: &InvokeResult| commands.get(&result.invoke_id).map_or("", |i| &i.command_id).to_owned();
        let read = |after: &str| -> Rows<'_, InvokeResult> {
            let after = after.to_owned();
            let key = |result: &InvokeResult| InvokeResult::key_of(&result.invoke_id, &result.instance_id);
            Box::new(results.iter().filter(move |result| key(result) > after).cloned().map(Ok))
        };
        let page = page(params, LIMITS, read, |result: &InvokeResult| {
            params.get("InstanceId").is_none_or(|id| id == result.instance_id)
                && params.get("CommandId").is_none_or(|id| id == command_of(result))
                && params.get("InvokeRecordStatus").is_none_or(|status| status == record_status(result.status))
        })?;
        let rows: Vec<Value> = page
            .rows
            .iter()
            .map(|result| {
                let username = commands.get(&result.invoke_id).map_or("", |i| &i.username);
                json!({
                    "InvokeId": result.invoke_id,
                    "CommandId": command_of(result),
                    "InstanceId": result.instance_id,
                    "InvocationStatus": result.status.as_str(),
                    "InvokeRecordStatus": record_status(result.status),
                    "ExitCode": result.exit_code.unwrap_or(0),
                    "Output": output(result, plain),
                    "Dropped": result.dropped,
                    "ErrorCode": result.error_code,
                    "ErrorInfo": result.error_info,
                    "StartTime": result.started.map(second).unwrap_or_default(),
                    "FinishedTime": result.finished.map(second).unwrap_or_default(),
                    "StopTime": result.stopped.map(second).unwrap_or_default(),
                    "Repeats": u32::from(result.started.is_some()),
                    "Username": username,
                    "TerminationMode": "ProcessTree",
                })
            })
            .collect();
        let mut invocation = page.fields();
        invocation.insert("InvocationResults".into(), json!({ "InvocationResult": rows }));
        Ok(json!({ "Invocation": invocation }))
    }

    /// DescribeCloudAssistantStatus.
    pub(super) fn describe_cloud_assistant_status(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        let ids: Vec<String> = params.repeated("InstanceId").into_iter().map(str::to_owned).collect();
        let ids = (!ids.is_empty()).then_some(ids);
        let page = list(&self.db, params, ids.as_deref(), LIMITS, |instance: &Instance| {
            params.get("OSType").is_none_or(|os| os.eq_ignore_ascii_case(&instance.os_type))
        })?;
        Ok(page.answer("InstanceCloudAssistantStatusSet", "InstanceCloudAssistantStatus", |instance| {
            let heartbeat = self.hypervisor.last_heartbeat(&instance.instance_id);
            json!({
                "InstanceId": instance.instance_id,
                "CloudAssistantStatus": heartbeat_is_fresh(heartbeat, self.now()).to_string(),
                "CloudAssistantVersion": if instance.heartbeat_seen { AGENT_VERSION } else { "" },
                "LastHeartbeatTime": heartbeat.map(second).unwrap_or_default(),
                "LastInvokedTime": instance.last_invoked.map(second).unwrap_or_default(),
                "OSType": if instance.os_type == "windows" { "Windows" } else { "Linux" },
                "InvocationCount": instance.invocations,
                "ActiveTaskCount": instance.active_tasks,
                "SupportSessionManager": false,
            })
        }))
    }
}

fn instance_view(result: &InvokeResult, with_output: bool, plain: bool) -> Value {
    json!({
        "InstanceId": result.instance_id,
        "InvocationStatus": result.status.as_str(),
        "InstanceInvokeStatus": record_status(result.status),
        "ExitCode": result.exit_code.unwrap_or(0),
        "ErrorCode": result.error_code,
        "ErrorInfo": result.error_info,
        "Output": if with_output { output(result, plain) } else { String::new() },
        "Dropped": result.dropped,
        "Repeats": u32::from(result.started.is_some()),
        "Timed": false,
        "CreationTime": second(result.created),
        "StartTime": result.started.map(second).unwrap_or_default(),
        "FinishTime": result.finished.map(second).unwrap_or_default(),
        "StopTime": result.stopped.map(second).unwrap_or_default(),
        "UpdateTime": second(result.finished.or(result.started).unwrap_or(result.created)),
    })
}

fn output(result: &InvokeResult, plain: bool) -> String {
    match STANDARD.decode(&result.output) {
        Ok(bytes) if plain => String::from_utf8_lossy(&bytes).into_owned(),
        _ => result.output.clone(),
    }
}

fn wants_plain_text(params: Params<'_>) -> Result<bool, ServiceError> {
    match params.get("ContentEncoding") {
        None | Some("Base64") => Ok(false),
        Some("PlainText") => Ok(true),
        Some(_) => Err(errors::invalid("ContentEncoding")),
    }
}

fn decode(content: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(content).ok()?).ok()
}

/// `InvokeRecordStatus` on one instance.
fn record_status(status: InvokeStatus) -> &'static str {
    match status {
        InvokeStatus::Pending | InvokeStatus::Running => "Running",
        InvokeStatus::Stopping => "Stopping",
        InvokeStatus::Success | InvokeStatus::Failed => "Finished",
        InvokeStatus::Timeout | InvokeStatus::Aborted => "Failed",
        InvokeStatus::Cancelled | InvokeStatus::Terminated => "Stopped",
    }
}

/// `InvocationStatus` over all instances.
fn overall(statuses: &[InvokeStatus]) -> &'static str {
    use InvokeStatus::*;
    let all = |wanted: &[InvokeStatus]| statuses.iter().all(|status| wanted.contains(status));
    let any = |wanted: &[InvokeStatus]| statuses.iter().any(|status| wanted.contains(status));
    if all(&[Pending]) {
        "Pending"
    } else if any(&[Stopping]) {
        "Stopping"
    } else if any(&[Pending, Running]) {
        "Running"
    } else if all(&[Success]) {
        "Success"
    } else if any(&[Cancelled, Terminated]) {
        "Stopped"
    } else if any(&[Success]) {
        "PartialFailed"
    } else {
        "Failed"
    }
}

/// `InvokeStatus` over all instances, the older field.
fn overall_record(statuses: &[InvokeStatus]) -> &'static str {
    match overall(statuses) {
        "Pending" => "Running",
        "Success" => "Finished",
        "Failed" if statuses.contains(&InvokeStatus::Failed) => "Finished",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::InvokeStatus::*;
    use super::*;

    #[test]
    fn the_overall_status_is_that_of_the_documentation() {
        for (statuses, expected, record) in [
            (&[Pending, Pending][..], "Pending", "Running"),
            (&[Pending, Success], "Running", "Running"),
            (&[Stopping, Running], "Stopping", "Stopping"),
            (&[Success, Success], "Success", "Finished"),
            (&[Success, Timeout], "PartialFailed", "PartialFailed"),
            (&[Failed, Timeout], "Failed", "Finished"),
            (&[Aborted], "Failed", "Failed"),
            (&[Terminated, Success], "Stopped", "Stopped"),
        ] {
            assert_eq!((overall(statuses), overall_record(statuses)), (expected, record), "{statuses:?}");
        }
    }
}
