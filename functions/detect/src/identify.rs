//! Asks guests what they run: one command for up to 50 of them, and a wait that ends.

use std::collections::{BTreeMap, BTreeSet};

use migration::os::System;
use openapi::ApiError;
use openapi::ecs::{CommandType, Instance, InvocationResult, RunCommand};
use stage::cloud::Cloud;

/// Instances of one command: those of which one call tells Cloud Assistant's state.
const AT_ONCE: usize = 50;

/// What each guest said it is, by instance id; or why that is not known.
pub type Identities = BTreeMap<String, Result<System, String>>;

/// Asks `instances` what they run. `pause` waits for a while between two looks; when it answers false, the time is up.
/// A call that fails is told of those that it was for.
pub async fn identify<C: Cloud>(
    cloud: &C,
    instances: &[Instance],
    request_id: &str,
    pause: impl AsyncFn() -> bool,
) -> Identities {
    let mut identities = Identities::new();
    let (windows, linux): (Vec<&Instance>, Vec<&Instance>) =
        instances.iter().partition(|instance| instance.os_type == "windows");
    let mut asked: Vec<(String, BTreeSet<String>)> = Vec::new();
    for (command_type, script, group) in [
        (CommandType::RunShellScript, guest::identify_script(), linux),
        (CommandType::RunPowerShellScript, guest::windows::identify_script(), windows),
    ] {
        for chunk in group.chunks(AT_ONCE) {
            let ids = match answering(cloud, chunk, &mut identities).await {
                Ok(ids) => ids,
                Err(error) => {
                    let why = format!("whether Cloud Assistant runs in it cannot be told: {error}");
                    identities.extend(chunk.iter().map(|instance| (instance.instance_id.clone(), Err(why.clone()))));
                    continue;
                }
            };
            if ids.is_empty() {
                continue;
            }
            let number = asked.len();
            let request = RunCommand {
                command_type,
                content: script.clone(),
                name: format!("osferry-identify-{number}"),
                timeout: Some(60),
                instance_ids: ids.clone(),
                client_token: format!("osferry-identify-{number}-{request_id}").chars().take(64).collect(),
                ..RunCommand::default()
            };
            match cloud.run_command(&request).await {
                Ok(invoke_id) => asked.push((invoke_id, ids.into_iter().collect())),
                // One that has stopped just now spoils the call for all: they are asked again with the next scan.
                Err(error) => identities.extend(ids.into_iter().map(|id| (id, Err(error.to_string())))),
            }
        }
    }
    loop {
        for (invoke_id, waiting) in &mut asked {
            let results = match cloud.invocations(invoke_id).await {
                Ok(results) => results,
                Err(error) => {
                    let why = format!("what the guest answered cannot be read: {error}");
                    identities.extend(std::mem::take(waiting).into_iter().map(|id| (id, Err(why.clone()))));
                    continue;
                }
            };
            for result in results {
                if let Some(identity) = answer(&result)
                    && waiting.remove(&result.instance_id)
                {
                    identities.insert(result.instance_id, identity);
                }
            }
        }
        asked.retain(|(_, waiting)| !waiting.is_empty());
        if asked.is_empty() {
            return identities;
        }
        if !pause().await {
            let late = asked.into_iter().flat_map(|(_, waiting)| waiting);
            identities.extend(late.map(|id| (id, Err("the guest did not answer in time".to_owned()))));
            return identities;
        }
    }
}

/// Those of `chunk` that can be asked; the others get their reason.
async fn answering<C: Cloud>(
    cloud: &C,
    chunk: &[&Instance],
    identities: &mut Identities,
) -> Result<Vec<String>, ApiError> {
    let ids: Vec<String> = chunk.iter().map(|instance| instance.instance_id.clone()).collect();
    let assistants = cloud.assistants(&ids).await?;
    let alive = |id: &str| assistants.iter().any(|assistant| assistant.instance_id == id && assistant.running);
    let mut can = Vec::new();
    for instance in chunk {
        let id = &instance.instance_id;
        if instance.status != "Running" {
            identities.insert(id.clone(), Err(format!("the instance is {}", instance.status)));
        } else if !alive(id) {
            identities.insert(id.clone(), Err("Cloud Assistant does not run in it".to_owned()));
        } else {
            can.push(id.clone());
        }
    }
    Ok(can)
}

/// What the guest said; None while it has not.
fn answer(result: &InvocationResult) -> Option<Result<System, String>> {
    if matches!(result.invocation_status.as_str(), "Pending" | "Scheduled" | "Running" | "Stopping") {
        return None;
    }
    if result.invocation_status != "Success" {
        let why = format!("the question to the guest ended as {} {}", result.invocation_status, result.error_info);
        return Some(Err(why.trim_end().to_owned()));
    }
    Some(match guest::read_identity(&result.output) {
        Err(error) => Err(error.to_string()),
        Ok(identity) => identity.system().ok_or_else(|| {
            format!("it calls itself {:?} {:?} on {:?}", identity.os_id, identity.os_version, identity.arch)
        }),
    })
}
