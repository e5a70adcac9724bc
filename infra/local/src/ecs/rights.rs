//! What RAM must permit for a call: the action, on every resource that the call names or makes (ECS API reference,
//! "RAM authorization").

use super::params::Params;

/// The name of what does not exist yet.
const NEW: &str = "*";

/// Kinds of the resources that an action is about, and the parameter that names each; [`NEW`] for what it makes. None
/// for what RAM must permit on `*`: what only looks, RunInstances, and what no function does.
fn resources(action: &str) -> &'static [(&'static str, &'static str)] {
    match action {
        "DeleteInstance" | "GetInstanceConsoleOutput" | "StartInstance" | "StopInstance" | "StopInvocation" => {
            &[("instance", "InstanceId")]
        }
        // The reference names the instance alone, older ones the command too.
        "RunCommand" => &[("instance", "InstanceId"), ("command", NEW)],
        "AttachDisk" | "DetachDisk" => &[("disk", "DiskId"), ("instance", "InstanceId")],
        "CreateDisk" => &[("disk", NEW), ("snapshot", "SnapshotId")],
        "DeleteDisk" | "ModifyDiskAttribute" => &[("disk", "DiskId")],
        "ResetDisk" => &[("disk", "DiskId"), ("snapshot", "SnapshotId")],
        "CreateSnapshot" => &[("disk", "DiskId"), ("snapshot", NEW)],
        "CreateSnapshotGroup" => &[("instance", "InstanceId"), ("disk", "DiskId")],
        "DeleteSnapshot" | "ModifySnapshotAttribute" => &[("snapshot", "SnapshotId")],
        "CreateImage" => &[("image", NEW), ("snapshot", "SnapshotId")],
        "DeleteImage" => &[("image", "ImageId")],
        _ => &[],
    }
}

/// What an action makes that can bear tags from the beginning.
fn made(action: &str) -> Option<&'static str> {
    match action {
        "CreateDisk" => Some("disk"),
        "CreateImage" => Some("image"),
        "CreateSnapshot" => Some("snapshot"),
        "CreateSnapshotGroup" => Some("snapshotgroup"),
        "RunInstances" => Some("instance"),
        _ => None,
    }
}

/// Every action and resource that a call needs. That tags given with what is made need TagResources is assumed: the
/// reference names no such action beside the others.
pub fn needed(action: &str, params: Params<'_>) -> Vec<(String, String)> {
    let kinds = match (action, params.get("ResourceType")) {
        ("TagResources" | "UntagResources", Some(kind)) => vec![(kind, "ResourceId")],
        _ => resources(action).to_vec(),
    };
    let mut needed = Vec::new();
    for (kind, parameter) in &kinds {
        let mut names = named(params, parameter);
        if names.is_empty() {
            names.push(NEW);
        }
        needed.extend(names.into_iter().map(|name| (format!("ecs:{action}"), format!("{kind}/{name}"))));
    }
    if kinds.is_empty() {
        needed.push((format!("ecs:{action}"), "*".into()));
    }
    if let Some(kind) = made(action)
        && params.0.keys().any(|key| key.starts_with("Tag."))
    {
        needed.push(("ecs:TagResources".into(), format!("{kind}/{NEW}")));
    }
    needed
}

/// What `parameter` names: alone, numbered (`DiskId.2`), or as a part of others (`DiskDeviceMapping.1.SnapshotId`).
fn named<'a>(params: Params<'a>, parameter: &str) -> Vec<&'a str> {
    let is_it = |key: &str| key.split('.').any(|part| part == parameter);
    params.0.iter().filter(|(key, _)| is_it(key)).map(|(_, value)| value.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn needs(action: &str, params: &[(&str, &str)]) -> Vec<String> {
        let params: BTreeMap<String, String> = params.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        needed(action, Params(&params)).into_iter().map(|(action, resource)| format!("{action} {resource}")).collect()
    }

    #[test]
    fn every_resource_of_a_call_is_asked_for() {
        assert_eq!(needs("DescribeDisks", &[("InstanceId", "i-1")]), ["ecs:DescribeDisks *"]);
        assert_eq!(
            needs("ResetDisk", &[("DiskId", "d-1"), ("SnapshotId", "s-1")]),
            ["ecs:ResetDisk disk/d-1", "ecs:ResetDisk snapshot/s-1"]
        );
        assert_eq!(
            needs("RunCommand", &[("InstanceId.1", "i-1"), ("InstanceId.2", "i-2"), ("Name", "InstanceId")]),
            ["ecs:RunCommand instance/i-1", "ecs:RunCommand instance/i-2", "ecs:RunCommand command/*"]
        );
        assert_eq!(needs("StopInvocation", &[("InvokeId", "t-1")]), ["ecs:StopInvocation instance/*"]);
        assert_eq!(
            needs("TagResources", &[("ResourceType", "snapshot"), ("ResourceId.1", "s-1"), ("Tag.1.Key", "k")]),
            ["ecs:TagResources snapshot/s-1"]
        );
    }

    #[test]
    fn what_is_made_with_tags_must_be_taggable() {
        let image = [("DiskDeviceMapping.1.SnapshotId", "s-1"), ("DiskDeviceMapping.2.SnapshotId", "s-2")];
        let made = ["ecs:CreateImage image/*", "ecs:CreateImage snapshot/s-1", "ecs:CreateImage snapshot/s-2"];
        assert_eq!(needs("CreateImage", &image), made);
        let tagged: Vec<_> = image.into_iter().chain([("Tag.1.Key", "k")]).collect();
        assert_eq!(needs("CreateImage", &tagged)[3..], ["ecs:TagResources image/*"]);
        assert_eq!(
            needs("RunInstances", &[("ImageId", "m-1"), ("Tag.1.Key", "k")]),
            ["ecs:RunInstances *", "ecs:TagResources instance/*"]
        );
    }
}
