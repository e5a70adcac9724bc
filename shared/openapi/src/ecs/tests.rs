//! Operations against recorded answers: what is sent, what is read, and that values go both ways.

mod made;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::Credentials;
use crate::testing::{Reply, Request, Server};

async fn serve(answers: Vec<Value>) -> (Server, Client) {
    let server = Server::start(answers.into_iter().map(|a| Reply::new(200, a)).collect()).await;
    let key = Credentials { access_key_id: "ak".into(), access_key_secret: "sk".into(), security_token: None };
    let client = Client::new(crate::http::build(), &server.endpoint, "cn-hangzhou", key).unwrap();
    (server, client)
}

/// `Action a=b c=d`, sorted by name.
fn sent(request: &Request) -> String {
    let query: Vec<_> = request.query().iter().map(|(k, v)| format!(" {k}={v}")).collect();
    format!("{}{}", request.header("x-acs-action"), query.concat())
}

fn there_and_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let again: T = serde_json::from_value(serde_json::to_value(value).unwrap()).unwrap();
    assert_eq!(&again, value);
}

fn instance(id: &str) -> Value {
    json!({
        "InstanceId": id, "InstanceName": "web", "OSName": "CentOS  7.9 64位", "OSNameEn": "CentOS  7.9 64 bit",
        "OSType": "linux", "ImageId": "centos_7_9_x64_20G_alibase_20240628.vhd", "Status": "Running",
        "InstanceNetworkType": "vpc", "Cpu": 2, "Memory": 4096, "ZoneId": "cn-hangzhou-h",
        "RegionId": "cn-hangzhou", "ExpiredTime": "2099-12-31T15:59Z", "IoOptimized": true,
        "Tags": {"Tag": [{"TagKey": "env", "TagValue": "prod"}]},
        "OperationLocks": {"LockReason": [{"LockReason": "financial", "LockMsg": ""}]},
        "VpcAttributes": {"VpcId": "vpc-1", "VSwitchId": "vsw-1", "PrivateIpAddress": {"IpAddress": ["10.0.0.1"]}}
    })
}

#[tokio::test]
async fn describe_instances_reads_what_is_wrapped_twice() {
    let (server, client) = serve(vec![json!({"Instances": {"Instance": [instance("i-1")]}, "NextToken": ""})]).await;
    let request = DescribeInstances {
        tags: vec![Tag::new("env", "prod")],
        status: Some("Running".into()),
        ..DescribeInstances::default()
    };
    let page = client.describe_instances(&request).await.unwrap();
    assert_eq!(page.next_token, None);
    let instance = &page.items[0];
    assert_eq!(instance.os_name_en, "CentOS  7.9 64 bit");
    assert_eq!((instance.cpu, instance.memory), (2, 4096));
    assert_eq!(instance.operation_locks, ["financial"]);
    assert_eq!(instance.tags, [Tag::new("env", "prod")]);
    assert_eq!(instance.vpc_attributes.private_ip_address, ["10.0.0.1"]);
    there_and_back(instance);
    assert_eq!(
        sent(&server.requests()[0]),
        "DescribeInstances RegionId=cn-hangzhou Status=Running Tag.1.Key=env Tag.1.Value=prod"
    );
}

#[tokio::test]
async fn what_is_missing_or_null_is_empty() {
    let answer = json!({"Instances": {"Instance": [{"InstanceId": "i-1", "Tags": null, "OperationLocks": {}}]}});
    let (_server, client) = serve(vec![answer]).await;
    let page = client.describe_instances(&DescribeInstances::default()).await.unwrap();
    assert_eq!(page.items, [Instance { instance_id: "i-1".into(), ..Instance::default() }]);
}

#[tokio::test]
async fn all_instances_are_every_page_and_every_hundred_ids() {
    let (server, client) = serve(vec![
        json!({"Instances": {"Instance": [instance("i-1")]}, "NextToken": "t1"}),
        json!({"Instances": {"Instance": [instance("i-2")]}, "NextToken": ""}),
    ])
    .await;
    let all = client.describe_all_instances(&DescribeInstances::default()).await.unwrap();
    assert_eq!(all.iter().map(|i| i.instance_id.as_str()).collect::<Vec<_>>(), ["i-1", "i-2"]);
    assert_eq!(sent(&server.requests()[1]), "DescribeInstances MaxResults=100 NextToken=t1 RegionId=cn-hangzhou");

    let page = || json!({"Instances": {"Instance": []}});
    let (server, client) = serve(vec![page(), page()]).await;
    let instance_ids: Vec<_> = (0..101).map(|n| format!("i-{n}")).collect();
    let request = DescribeInstances { instance_ids, ..DescribeInstances::default() };
    client.describe_all_instances(&request).await.unwrap();
    assert!(sent(&server.requests()[1]).contains(r#"InstanceIds=["i-100"]"#));
}

#[tokio::test]
async fn disks() {
    let (server, client) = serve(vec![
        json!({"Disks": {"Disk": [
        {"DiskId": "d-1", "Type": "system", "Status": "In_use", "Device": "/dev/xvda", "Size": 40,
         "Category": "cloud_essd", "DeleteAutoSnapshot": true, "InstanceId": "i-1", "AutoSnapshotPolicyId": "sp-1"},
        {"DiskId": "d-2", "Type": "data", "Device": "/dev/xvdb", "Size": 100}]}}),
        json!({"Disks": {"Disk": []}, "NextToken": "t2"}),
    ])
    .await;
    let disks = client.describe_disks("i-1").await.unwrap();
    assert_eq!(disks.iter().map(|d| d.kind).collect::<Vec<_>>(), [DiskKind::System, DiskKind::Data]);
    assert!(disks[0].delete_auto_snapshot);
    there_and_back(&disks[0]);
    assert_eq!(disks[0].auto_snapshot_policy_id, "sp-1");
    let page = client.describe_all_disks(Some("t1".into())).await.unwrap();
    assert_eq!(page, Page { items: vec![], next_token: Some("t2".into()) });
    assert_eq!(sent(&server.requests()[0]), "DescribeDisks InstanceId=i-1 MaxResults=100 RegionId=cn-hangzhou");
    assert_eq!(sent(&server.requests()[1]), "DescribeDisks MaxResults=500 NextToken=t1 RegionId=cn-hangzhou");
}

#[tokio::test]
async fn snapshots() {
    let snapshot = json!({"SnapshotId": "s-1", "SnapshotName": "n", "Status": "accomplished", "Progress": "100%",
        "Available": true, "SourceDiskId": "d-1", "CreationTime": "2020-08-20T14:52:28Z", "RetentionDays": 30,
        "Tags": {"Tag": [{"TagKey": "k", "TagValue": "v"}]}});
    let (server, client) = serve(vec![
        json!({"SnapshotId": "s-1", "RequestId": "r"}),
        json!({"Snapshots": {"Snapshot": [snapshot]}, "NextToken": "more"}),
        json!({}),
        json!({}),
        json!({}),
    ])
    .await;
    let request = CreateSnapshot {
        disk_id: "d-1".into(),
        name: "n".into(),
        retention_days: Some(30),
        tags: vec![Tag::new("k", "v")],
        client_token: "ct".into(),
        ..CreateSnapshot::default()
    };
    assert_eq!(client.create_snapshot(&request).await.unwrap(), "s-1");
    let filter = DescribeSnapshots { disk_id: Some("d-1".into()), ..DescribeSnapshots::default() };
    let page = client.describe_snapshots(&filter).await.unwrap();
    assert_eq!(page.next_token.as_deref(), Some("more"));
    assert_eq!(page.items[0].retention_days, Some(30));
    assert!(page.items[0].available);
    there_and_back(&page.items[0]);
    client.delete_snapshot("s-1").await.unwrap();
    client.modify_snapshot_retention("s-1", 60).await.unwrap();
    client.reset_disk("d-1", "s-1").await.unwrap();
    let sent: Vec<_> = server.requests().iter().map(sent).collect();
    assert_eq!(
        sent,
        [
            "CreateSnapshot ClientToken=ct DiskId=d-1 RetentionDays=30 SnapshotName=n Tag.1.Key=k Tag.1.Value=v",
            "DescribeSnapshots DiskId=d-1 RegionId=cn-hangzhou",
            "DeleteSnapshot SnapshotId=s-1",
            "ModifySnapshotAttribute RetentionDays=60 SnapshotId=s-1",
            "ResetDisk DiskId=d-1 SnapshotId=s-1",
        ]
    );
}

#[tokio::test]
async fn power() {
    let (server, client) = serve(vec![json!({}), json!({}), json!({})]).await;
    client.stop_instance("i-1", true, StoppedMode::KeepCharging).await.unwrap();
    client.start_instance("i-1").await.unwrap();
    client.reboot_instance("i-1", false).await.unwrap();
    let sent: Vec<_> = server.requests().iter().map(sent).collect();
    assert_eq!(
        sent,
        [
            "StopInstance ForceStop=true InstanceId=i-1 StoppedMode=KeepCharging",
            "StartInstance InstanceId=i-1",
            "RebootInstance ForceStop=false InstanceId=i-1",
        ]
    );
}

#[tokio::test]
async fn commands() {
    let (server, client) = serve(vec![
        json!({"CommandId": "c-1", "InvokeId": "t-1"}),
        json!({"Invocation": {"InvocationResults": {"InvocationResult": [
            {"InvokeId": "t-1", "InstanceId": "i-1", "InvocationStatus": "Failed", "ExitCode": 7,
             "Output": "5Lit//4=", "Dropped": 3, "ErrorCode": "ExitCodeNonzero", "ErrorInfo": "e"}]}}}),
        json!({"Invocation": {"InvocationResults": {"InvocationResult": []}}}),
        json!({"Invocations": {"Invocation": [{"InvokeId": "t-1", "InvocationStatus": "Success",
            "InvokeInstances": {"InvokeInstance": [{"InstanceId": "i-1", "ExitCode": 0}]}}]}}),
        json!({}),
    ])
    .await;
    let request = RunCommand {
        content: "echo 中".into(),
        name: "n".into(),
        timeout: Some(60),
        instance_ids: vec!["i-1".into()],
        client_token: "ct".into(),
        ..RunCommand::default()
    };
    assert_eq!(client.run_command(&request).await.unwrap().invoke_id, "t-1");
    let result = client.describe_invocation_results("t-1", "i-1").await.unwrap().unwrap();
    assert_eq!(result.output, "中\u{fffd}\u{fffd}", "bytes that are no UTF-8 are replaced");
    assert_eq!((result.exit_code, result.dropped), (Some(7), 3));
    there_and_back(&result);
    assert_eq!(client.describe_invocation_results("t-2", "i-1").await.unwrap(), None);
    let filter = DescribeInvocations { command_name: Some("n".into()), ..DescribeInvocations::default() };
    let page = client.describe_invocations(&filter).await.unwrap();
    assert_eq!(page.items[0].invoke_instances[0].exit_code, Some(0));
    there_and_back(&page.items[0]);
    client.stop_invocation("t-1", "i-1").await.unwrap();
    let sent: Vec<_> = server.requests().iter().map(sent).collect();
    assert_eq!(
        sent,
        [
            "RunCommand ClientToken=ct CommandContent=ZWNobyDkuK0= ContentEncoding=Base64 InstanceId.1=i-1 Name=n \
             RegionId=cn-hangzhou TerminationMode=ProcessTree Timeout=60 Type=RunShellScript",
            "DescribeInvocationResults ContentEncoding=Base64 InstanceId=i-1 InvokeId=t-1 RegionId=cn-hangzhou",
            "DescribeInvocationResults ContentEncoding=Base64 InstanceId=i-1 InvokeId=t-2 RegionId=cn-hangzhou",
            "DescribeInvocations CommandName=n RegionId=cn-hangzhou",
            "StopInvocation InstanceId.1=i-1 InvokeId=t-1 RegionId=cn-hangzhou",
        ]
    );
}

#[tokio::test]
async fn a_command_on_many_is_read_in_pages() {
    let page = |id: &str, next: &str| json!({"Invocation": {"NextToken": next, "InvocationResults": {"InvocationResult": [{"InstanceId": id}]}}});
    let (server, client) = serve(vec![page("i-1", "t1"), page("i-2", "")]).await;
    let all = client.describe_all_invocation_results("t-1").await.unwrap();
    assert_eq!(all.iter().map(|result| result.instance_id.as_str()).collect::<Vec<_>>(), ["i-1", "i-2"]);
    assert_eq!(
        sent(&server.requests()[1]),
        "DescribeInvocationResults ContentEncoding=Base64 InvokeId=t-1 MaxResults=50 NextToken=t1 RegionId=cn-hangzhou"
    );
}

#[tokio::test]
async fn the_agent_and_the_events_of_an_instance() {
    let (server, client) = serve(vec![
        json!({"InstanceCloudAssistantStatusSet": {"InstanceCloudAssistantStatus": [
            {"InstanceId": "i-1", "CloudAssistantStatus": "true", "CloudAssistantVersion": "2.2.3.309"},
            {"InstanceId": "i-2", "CloudAssistantStatus": "false"}]}}),
        json!({"InstanceSystemEventSet": {"InstanceSystemEventType": [{"EventId": "e-1",
            "EventType": {"Code": 1, "Name": "SystemMaintenance.Reboot"},
            "EventCycleStatus": {"Code": 24, "Name": "Scheduled"}, "InstanceId": "i-1",
            "NotBefore": "2017-12-06T00:00:00Z"}]}, "NextToken": "more"}),
        json!({"InstanceSystemEventSet": {"InstanceSystemEventType": []}}),
        json!({"InstanceSystemEventSet": {"InstanceSystemEventType": []}}),
    ])
    .await;
    let statuses = client.describe_cloud_assistant_status(&["i-1".to_owned(), "i-2".to_owned()]).await.unwrap();
    assert_eq!(statuses.iter().map(|s| s.running).collect::<Vec<_>>(), [true, false]);
    there_and_back(&statuses[0]);
    let many: Vec<String> = (1..=101).map(|n| format!("i-{n}")).collect();
    let events = client.describe_instance_history_events(&many, &["Scheduled", "Executing"]).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].event_type.name, "SystemMaintenance.Reboot");
    there_and_back(&events[0]);
    let requests = server.requests();
    assert_eq!(requests.len(), 4, "a hundred ids a call, every page");
    assert!(sent(&requests[1]).contains(" ResourceId.100=i-100 ") && !sent(&requests[1]).contains("NextToken"));
    assert!(sent(&requests[2]).contains(" NextToken=more "));
    assert_eq!(
        sent(&requests[3]),
        "DescribeInstanceHistoryEvents InstanceEventCycleStatus.1=Scheduled InstanceEventCycleStatus.2=Executing \
         MaxResults=100 RegionId=cn-hangzhou ResourceId.1=i-101 ResourceType=instance"
    );
}

#[tokio::test]
async fn automatic_snapshot_policies() {
    let (server, client) = serve(vec![json!({"AutoSnapshotPolicies": {"AutoSnapshotPolicy": [
        {"AutoSnapshotPolicyId": "sp-1", "AutoSnapshotPolicyName": "nightly", "Status": "Normal", "RetentionDays": 7,
         "TimePoints": "[\"1\", \"22\"]", "RepeatWeekdays": "[1,7]", "DiskNums": 2},
        {"AutoSnapshotPolicyId": "sp-2", "TimePoints": "no list", "RepeatWeekdays": null}]},
        "PageNumber": 1, "PageSize": 100, "TotalCount": 2})])
    .await;
    let policies = client.describe_auto_snapshot_policies().await.unwrap();
    assert_eq!(
        (policies[0].time_points.as_slice(), policies[0].repeat_weekdays.as_slice()),
        (&[1, 22][..], &[1, 7][..])
    );
    assert_eq!((policies[1].time_points.len(), policies[1].repeat_weekdays.len()), (0, 0));
    there_and_back(&policies[0]);
    assert_eq!(
        sent(&server.requests()[0]),
        "DescribeAutoSnapshotPolicyEx PageNumber=1 PageSize=100 RegionId=cn-hangzhou"
    );
}

#[tokio::test]
async fn tags() {
    let (server, client) = serve(vec![
        json!({}),
        json!({}),
        json!({"TagResources": {"TagResource": [
            {"ResourceId": "i-1", "ResourceType": "instance", "TagKey": "k", "TagValue": "v"}]}}),
    ])
    .await;
    let ids = ["i-1".to_owned()];
    client.tag_resources("instance", &ids, &[Tag::new("k", "v")]).await.unwrap();
    client.untag_resources("instance", &ids, &["k"]).await.unwrap();
    let page = client.list_tag_resources("instance", &ids, &[], None).await.unwrap();
    assert_eq!(page.items[0].tag_value, "v");
    let sent: Vec<_> = server.requests().iter().map(sent).collect();
    assert_eq!(
        sent,
        [
            "TagResources RegionId=cn-hangzhou ResourceId.1=i-1 ResourceType=instance Tag.1.Key=k Tag.1.Value=v",
            "UntagResources RegionId=cn-hangzhou ResourceId.1=i-1 ResourceType=instance TagKey.1=k",
            "ListTagResources RegionId=cn-hangzhou ResourceId.1=i-1 ResourceType=instance",
        ]
    );
}
