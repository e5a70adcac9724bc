//! The events of ECS on the bus `default` (EventBridge documentation, "ECS events"; the content
//! of `data` is that of the CloudMonitor system event of the same name), and times as ECS writes
//! them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::model::{Instance, Invocation, InvokeResult, Snapshot, SnapshotStatus};
use crate::config::Config;

/// `yyyy-MM-ddTHH:mmZ`, as instances and disks say it.
pub fn minute(ms: i64) -> String {
    format(ms, "%Y-%m-%dT%H:%MZ")
}

/// `yyyy-MM-ddTHH:mm:ssZ`, as snapshots, invocations and system events say it.
pub fn second(ms: i64) -> String {
    format(ms, "%Y-%m-%dT%H:%M:%SZ")
}

fn format(ms: i64, how: &str) -> String {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH).strftime(how).to_string()
}

/// An id of `prefix` and 17 letters and digits. Younger ids sort first, so that listings do, too.
pub fn new_id(prefix: &str, now: i64) -> String {
    const LETTERS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    // Nine base-36 digits hold milliseconds until the year 5188.
    let mut rest = 36u64.pow(9) - 1 - now.unsigned_abs().min(36u64.pow(9) - 1);
    let mut time = [b'0'; 9];
    for digit in time.iter_mut().rev() {
        *digit = LETTERS[(rest % 36) as usize];
        rest /= 36;
    }
    let chance = std::iter::repeat_with(|| LETTERS[fastrand::usize(..36)]).take(8);
    prefix.chars().chain(time.into_iter().chain(chance).map(char::from)).collect()
}

/// `ecs:Instance:StateChange`; `state` is Created, Starting, Running, Stopping, Stopped or Deleted.
pub fn state_change(config: &Config, now: i64, instance: &Instance, state: &str) -> Value {
    let data = json!({ "resourceId": instance.instance_id, "resourceType": "ALIYUN::ECS::Instance", "state": state });
    envelope(config, now, "ecs:Instance:StateChange", &instance.instance_id, data)
}

/// `ecs:CloudAssistant:FirstHeartbeat`.
pub fn first_heartbeat(config: &Config, now: i64, instance_id: &str) -> Value {
    let data = json!({ "instanceId": instance_id });
    envelope(config, now, "ecs:CloudAssistant:FirstHeartbeat", instance_id, data)
}

/// `ecs:Snapshot:CreateSnapshotCompleted`; the result is the snapshot's status.
pub fn snapshot_completed(config: &Config, now: i64, snapshot: &Snapshot) -> Value {
    let result = if snapshot.status == SnapshotStatus::Accomplished { "accomplished" } else { "failed" };
    let data = json!({
        "result": result,
        "snapshotId": snapshot.snapshot_id,
        "snapshotName": snapshot.snapshot_name,
        "snapshotType": "user",
        "diskId": snapshot.disk_id,
        "startTime": second(snapshot.created),
        "endTime": second(now),
    });
    envelope(config, now, "ecs:Snapshot:CreateSnapshotCompleted", &snapshot.snapshot_id, data)
}

/// `ecs:Disk:DiskOperationCompleted`; `operation` is AttachDisk or DetachDisk.
pub fn disk_operation(config: &Config, now: i64, disk_id: &str, operation: &str, ok: bool) -> Value {
    let result = if ok { "accomplished" } else { "failed" };
    let data = json!({ "diskId": disk_id, "operation": operation, "result": result });
    envelope(config, now, "ecs:Disk:DiskOperationCompleted", disk_id, data)
}

/// `ecs:CloudAssistant:TaskCompleted`: every value a string, no output.
pub fn task_completed(config: &Config, now: i64, invocation: &Invocation, result: &InvokeResult) -> Value {
    let finished = second(result.finished.unwrap_or(now));
    let data = json!({
        "commandId": invocation.command_id,
        "commandName": invocation.name,
        "exitCode": result.exit_code.unwrap_or(0).to_string(),
        "finishTime": finished,
        "instanceId": result.instance_id,
        "invocationStatus": result.status.as_str(),
        "invokeId": result.invoke_id,
        "ownerId": config.account_id,
        "playerUid": config.account_id,
        "repeatMode": "Once",
        "repeats": if result.started.is_some() { "1" } else { "0" },
        "startTime": result.started.map_or(finished.clone(), second),
        "errorCode": if result.error_code.is_empty() { "0" } else { &result.error_code },
        "errorDesc": result.error_info,
    });
    envelope(config, now, "ecs:CloudAssistant:TaskCompleted", &result.invoke_id, data)
}

fn envelope(config: &Config, now: i64, kind: &str, resource: &str, data: Value) -> Value {
    const EIGHT_HOURS: i64 = 8 * 3600 * 1000;
    json!({
        "id": uuid(),
        "source": "acs.ecs",
        "specversion": "1.0",
        "subject": format!("acs.ecs:{}:{}:{resource}", config.region, config.account_id),
        "time": format(now + EIGHT_HOURS, "%Y-%m-%dT%H:%M:%S+08:00"),
        "type": kind,
        "datacontenttype": "application/json;charset=utf-8",
        "aliyunaccountid": config.account_id,
        "aliyunoriginalaccountid": config.account_id,
        "aliyunpublishtime": second(now),
        "aliyuneventbusname": "default",
        "aliyunregionid": config.region,
        "aliyunpublishaddr": "127.0.0.1",
        "data": data,
    })
}

/// A random UUID (version 4).
fn uuid() -> String {
    let bits = fastrand::u128(..) & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn younger_ids_sort_first() {
        let (old, young) = (new_id("s-", 1_700_000_000_000), new_id("s-", 1_700_000_000_001));
        assert!(young < old, "{young} {old}");
        assert_eq!(old.len(), 19);
    }

    #[test]
    fn a_uuid_says_its_version() {
        let id = uuid();
        assert_eq!((id.len(), id.as_bytes()[14], id.as_bytes()[8]), (36, b'4', b'-'));
        assert!(b"89ab".contains(&id.as_bytes()[19]), "{id}");
    }

    #[test]
    fn times_are_written_as_ecs_does() {
        assert_eq!(minute(1_700_000_000_000), "2023-11-14T22:13Z");
        assert_eq!(second(1_700_000_000_000), "2023-11-14T22:13:20Z");
    }
}
