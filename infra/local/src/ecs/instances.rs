//! What is said of instances.

use serde_json::{Value, json};

use super::Ecs;
use super::errors;
use super::event::{minute, second};
use super::list::{Limits, list};
use super::model::{HistoryEvent, Instance, InstanceStatus, Tags};
use super::network;
use super::params::{Params, has_tags, is_text};
use crate::ram::matches_wildcard;
use crate::seams::ServiceError;

/// Of DescribeInstances and DescribeInstanceHistoryEvents.
const LIMITS: Limits = Limits { least: 10, most: 100, usual: 10 };
/// Of `ResourceId.N` in DescribeInstanceHistoryEvents.
const MOST_RESOURCES: usize = 100;

impl Ecs {
    /// DescribeInstances.
    pub(super) fn describe_instances(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        if params.flag("DryRun")? {
            return Err(errors::dry_run());
        }
        let ids = params.json_list("InstanceIds")?;
        let tags = params.pairs("Tag");
        let exact = |name: &str, value: &str| params.get(name).is_none_or(|wanted| wanted == value);
        let created = |ms: i64| {
            // Times of one format compare as texts.
            let made = minute(ms);
            params.pairs("Filter").into_iter().all(|(key, value)| match (key, value) {
                ("CreationStartTime", Some(from)) => made.as_str() >= from,
                ("CreationEndTime", Some(to)) => made.as_str() <= to,
                _ => true,
            })
        };
        let page = list(&self.db, params, ids.as_deref(), LIMITS, |instance: &Instance| {
            exact("Status", instance.status.as_str())
                && exact("ImageId", &instance.image_id)
                && exact("InstanceType", &instance.instance_type)
                && exact("InstanceNetworkType", &instance.network_type)
                && exact("InstanceChargeType", &instance.charge_type)
                && exact("ZoneId", &instance.zone)
                && exact("VSwitchId", &instance.v_switch_id)
                && exact("SecurityGroupId", &instance.security_group_id)
                && params.get("InstanceName").is_none_or(|name| matches_wildcard(name, &instance.instance_name))
                && has_tags(&instance.tags, &tags)
                && created(instance.created)
        })?;
        Ok(page.answer("Instances", "Instance", |instance| self.instance_view(instance)))
    }

    fn instance_view(&self, instance: &Instance) -> Value {
        let vpc = instance.network_type == "vpc";
        let family: Vec<&str> = instance.instance_type.split('.').take(2).collect();
        json!({
            "InstanceId": instance.instance_id,
            "InstanceName": instance.instance_name,
            "HostName": instance.host_name,
            "Description": instance.description,
            "RegionId": self.config.region,
            "ZoneId": instance.zone,
            "OSName": instance.os_name,
            "OSNameEn": instance.os_name_en,
            "OSType": instance.os_type,
            "ImageId": instance.image_id,
            "Status": instance.status.as_str(),
            "StoppedMode": instance.stopped_mode,
            "Cpu": instance.cpu,
            "Memory": instance.memory,
            "InstanceType": instance.instance_type,
            "InstanceTypeFamily": family.join("."),
            "InstanceNetworkType": instance.network_type,
            "InstanceChargeType": instance.charge_type,
            "SpotStrategy": "NoSpot",
            "CreationTime": minute(instance.created),
            "StartTime": instance.started.map(minute).unwrap_or_default(),
            "ExpiredTime": "2099-12-31T15:59Z",
            "AutoReleaseTime": "",
            "DeletionProtection": instance.deletion_protection,
            "ResourceGroupId": "",
            "IoOptimized": true,
            "DeviceAvailable": true,
            "SerialNumber": instance.instance_id.trim_start_matches("i-"),
            "KeyPairName": "",
            "SecurityGroupIds": { "SecurityGroupId": [instance.security_group_id] },
            "VpcAttributes": {
                "VpcId": if vpc { network::vpc_of(&instance.v_switch_id) } else { "" },
                "VSwitchId": if vpc { instance.v_switch_id.as_str() } else { "" },
                "NatIpAddress": "",
                "PrivateIpAddress": { "IpAddress": if vpc { json!(["127.0.0.1"]) } else { json!([]) } },
            },
            "InnerIpAddress": { "IpAddress": [] },
            "PublicIpAddress": { "IpAddress": [] },
            "EipAddress": { "AllocationId": "", "IpAddress": "", "InternetChargeType": "" },
            "NetworkInterfaces": { "NetworkInterface": if vpc { interfaces_view(instance) } else { json!([]) } },
            "Tags": tags_view(&instance.tags),
            "OperationLocks": locks_view(instance),
            "MetadataOptions": { "HttpEndpoint": "enabled", "HttpTokens": "optional" },
            "ImageOptions": { "LoginAsNonRoot": false },
        })
    }

    /// DescribeInstanceStatus.
    pub(super) fn describe_instance_status(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        let ids: Vec<String> = params.repeated("InstanceId").into_iter().map(str::to_owned).collect();
        let ids = (!ids.is_empty()).then_some(ids);
        let page = list(&self.db, params, ids.as_deref(), LIMITS, |_: &Instance| true)?;
        Ok(page.answer(
            "InstanceStatuses",
            "InstanceStatus",
            |instance| json!({ "InstanceId": instance.instance_id, "Status": instance.status.as_str() }),
        ))
    }

    /// DescribeInstanceAttribute: no OSName, and IoOptimized is a word.
    pub(super) fn describe_instance_attribute(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        let id = params.required("InstanceId")?;
        let instance: Instance = self.db.get(id)?.ok_or_else(|| errors::no_instance(id))?;
        let mut view = self.instance_view(&instance);
        if let Some(fields) = view.as_object_mut() {
            for absent in ["OSName", "OSNameEn", "OSType", "Tags", "DeviceAvailable", "SpotStrategy", "StartTime"] {
                fields.remove(absent);
            }
            fields.insert("IoOptimized".into(), json!("optimized"));
        }
        Ok(view)
    }

    /// ModifyInstanceAttribute: InstanceName, Description, DeletionProtection.
    pub(super) fn modify_instance_attribute(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        let id = params.required("InstanceId")?;
        let protection = params.optional_flag("DeletionProtection")?;
        let (name, description) = (params.get("InstanceName"), params.get("Description"));
        if name.is_some_and(|name| !is_text(name, 128)) {
            return Err(errors::malformed("InstanceName"));
        }
        if description.is_some_and(|description| !is_text(description, 256)) {
            return Err(errors::malformed("Description"));
        }
        let mut txn = self.db.begin();
        let mut instance = txn.get::<Instance>(id)?.ok_or_else(|| errors::no_instance(id))?;
        if let Some(name) = name {
            instance.instance_name = name.to_owned();
        }
        if let Some(description) = description {
            instance.description = description.to_owned();
        }
        if let Some(protection) = protection {
            instance.deletion_protection = protection;
        }
        txn.put(&instance)?;
        self.commit(txn)?;
        Ok(json!({}))
    }

    /// DescribeInstanceHistoryEvents.
    pub(super) fn describe_instance_history_events(&self, params: Params<'_>) -> Result<Value, ServiceError> {
        params.region(&self.config.region, true)?;
        let ids: Vec<String> = params.repeated("EventId").into_iter().map(str::to_owned).collect();
        let ids = (!ids.is_empty()).then_some(ids);
        let any = |one: &str, many: &str, value: &str| {
            let mut wanted = params.repeated(many);
            wanted.extend(params.get(one));
            wanted.is_empty() || wanted.contains(&value)
        };
        // The list comes before the one.
        let mut instances = params.repeated("ResourceId");
        if instances.len() > MOST_RESOURCES {
            return Err(errors::invalid("ResourceId"));
        }
        if instances.is_empty() {
            instances.extend(params.get("InstanceId"));
        }
        // Other types of resources are not known here, so nothing happens to them.
        let of_instances = params.get("ResourceType").is_none_or(|kind| kind == "instance");
        let page = list(&self.db, params, ids.as_deref(), LIMITS, |event: &HistoryEvent| {
            of_instances
                && (instances.is_empty() || instances.contains(&event.instance_id.as_str()))
                && any("EventType", "InstanceEventType", &event.event_type)
                && any("EventCycleStatus", "InstanceEventCycleStatus", &event.cycle_status)
        })?;
        Ok(page.answer("InstanceSystemEventSet", "InstanceSystemEventType", |event| {
            json!({
                "EventId": event.event_id,
                "InstanceId": event.instance_id,
                // The numbers are not known here; who reads them should read the names.
                "EventType": { "Code": 0, "Name": event.event_type },
                "EventCycleStatus": { "Code": 0, "Name": event.cycle_status },
                "NotBefore": second(event.not_before),
                "EventPublishTime": second(event.published),
                "EventFinishTime": event.finished.map(second).unwrap_or_default(),
                "Reason": event.reason,
            })
        }))
    }

    /// The zone of the instances' own network.
    pub(super) fn zone(&self) -> String {
        format!("{}-a", self.config.region)
    }

    /// Neither on its way up nor down: what most operations on disks ask for.
    pub(super) fn is_settled(status: InstanceStatus) -> bool {
        matches!(status, InstanceStatus::Running | InstanceStatus::Stopped)
    }
}

/// `{"Tag": [{"TagKey", "TagValue"}]}`.
pub(super) fn tags_view(tags: &Tags) -> Value {
    let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({ "TagKey": key, "TagValue": value })).collect();
    json!({ "Tag": tags })
}

/// The primary one first. Only VPCs have them.
fn interfaces_view(instance: &Instance) -> Value {
    let suffix = instance.instance_id.trim_start_matches("i-");
    let interface = |n| {
        json!({
            "NetworkInterfaceId": format!("eni-{suffix}{n}"),
            "Type": if n == 0 { "Primary" } else { "Secondary" },
            "PrimaryIpAddress": "127.0.0.1",
        })
    };
    (0..=instance.secondary_interfaces).map(interface).collect()
}

fn locks_view(instance: &Instance) -> Value {
    let locks = instance.operation_locks.iter().map(|reason| json!({ "LockReason": reason, "LockMsg": "" }));
    json!({ "LockReason": locks.collect::<Vec<_>>() })
}
