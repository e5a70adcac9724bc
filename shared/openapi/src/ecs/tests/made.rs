//! What comes and goes beside an instance: groups of snapshots, disks, images, instances.

use super::*;

#[tokio::test]
async fn snapshot_groups() {
    let group = |id: &str| {
        json!({"SnapshotGroupId": id, "Name": "n", "Status": "progressing", "InstanceId": "i-1",
            "CreationTime": "2021-03-23T10:58:48Z", "Tags": {"Tag": [{"TagKey": "k", "TagValue": "v"}]},
            "Snapshots": {"Snapshot": [{"SnapshotId": "s-1", "SourceDiskId": "d-1", "SourceDiskType": "system",
                "Progress": "30%", "Available": false, "Tags": {"Tag": [{"Key": "k", "Value": "v"}]}}]}})
    };
    let (server, client) = serve(vec![
        json!({"SnapshotGroupId": "ssg-1"}),
        json!({"SnapshotGroups": {"SnapshotGroup": [group("ssg-1")]}, "NextToken": "more"}),
        json!({"SnapshotGroups": {"SnapshotGroup": [group("ssg-2")]}, "NextToken": ""}),
        json!({}),
        json!({}),
    ])
    .await;
    let request = CreateSnapshotGroup {
        instance_id: "i-1".into(),
        disk_ids: vec!["d-1".into(), "d-2".into()],
        name: "n".into(),
        tags: vec![Tag::new("k", "v")],
        client_token: "ct".into(),
    };
    assert_eq!(client.create_snapshot_group(&request).await.unwrap(), "ssg-1");
    let groups = client.describe_snapshot_groups("i-1", "n").await.unwrap();
    assert_eq!(groups.iter().map(|g| g.snapshot_group_id.as_str()).collect::<Vec<_>>(), ["ssg-1", "ssg-2"]);
    assert_eq!(groups[0].tags, [Tag::new("k", "v")]);
    assert_eq!((groups[0].snapshots[0].source_disk_id.as_str(), groups[0].snapshots[0].available), ("d-1", false));
    there_and_back(&groups[0]);
    client.delete_snapshot_group("ssg-1").await.unwrap();
    client.modify_snapshot_name("s-1", "mine").await.unwrap();
    let sent: Vec<_> = server.requests().iter().map(sent).collect();
    assert_eq!(
        sent,
        [
            "CreateSnapshotGroup ClientToken=ct DiskId.1=d-1 DiskId.2=d-2 InstanceId=i-1 Name=n RegionId=cn-hangzhou \
             Tag.1.Key=k Tag.1.Value=v",
            "DescribeSnapshotGroups InstanceId=i-1 MaxResults=100 Name=n RegionId=cn-hangzhou",
            "DescribeSnapshotGroups InstanceId=i-1 MaxResults=100 Name=n NextToken=more RegionId=cn-hangzhou",
            "DeleteSnapshotGroup RegionId=cn-hangzhou SnapshotGroupId=ssg-1",
            "ModifySnapshotAttribute SnapshotId=s-1 SnapshotName=mine",
        ]
    );
}

#[test]
fn only_the_essd_series_can_be_grouped() {
    for category in ["cloud_essd", "cloud_auto", "cloud_essd_entry"] {
        assert!(can_be_grouped(category), "{category}");
    }
    for category in ["cloud", "cloud_efficiency", "cloud_ssd", "local_ssd_pro", ""] {
        assert!(!can_be_grouped(category), "{category}");
    }
}

#[tokio::test]
async fn every_snapshot_is_every_page() {
    let page = |id: &str, token: &str| json!({"Snapshots": {"Snapshot": [{"SnapshotId": id}]}, "NextToken": token});
    let (server, client) = serve(vec![page("s-1", "t"), page("s-2", "")]).await;
    let request = DescribeSnapshots { tags: vec![Tag::new("k", "")], ..DescribeSnapshots::default() };
    let all = client.describe_all_snapshots(request).await.unwrap();
    assert_eq!(all.iter().map(|s| s.snapshot_id.as_str()).collect::<Vec<_>>(), ["s-1", "s-2"]);
    let sent: Vec<_> = server.requests().iter().map(sent).collect();
    assert_eq!(
        sent,
        [
            "DescribeSnapshots MaxResults=100 RegionId=cn-hangzhou Tag.1.Key=k",
            "DescribeSnapshots MaxResults=100 NextToken=t RegionId=cn-hangzhou Tag.1.Key=k",
        ],
        "a tag without a value is any value"
    );
}

#[tokio::test]
async fn disks_that_come_and_go() {
    let (server, client) = serve(vec![
        json!({"DiskId": "d-1"}),
        json!({"Disks": {"Disk": [{"DiskId": "d-1", "DiskName": "n", "Type": "data", "PerformanceLevel": "PL1"}]}}),
        json!({}),
        json!({}),
        json!({}),
        json!({}),
    ])
    .await;
    let request = CreateDisk {
        zone_id: "cn-hangzhou-g".into(),
        name: "n".into(),
        category: "cloud_essd".into(),
        size: Some(40),
        snapshot_id: "s-1".into(),
        tags: vec![Tag::new("k", "v")],
        client_token: "ct".into(),
    };
    assert_eq!(client.create_disk(&request).await.unwrap(), "d-1");
    let disks = client.describe_disks_named("n").await.unwrap();
    assert_eq!((disks[0].disk_name.as_str(), disks[0].performance_level.as_str()), ("n", "PL1"));
    client.attach_disk("i-1", "d-1", true).await.unwrap();
    client.detach_disk("i-1", "d-1").await.unwrap();
    client.delete_disk("d-1").await.unwrap();
    client.modify_disk_delete_auto_snapshot("d-1", false).await.unwrap();
    let sent: Vec<_> = server.requests().iter().map(sent).collect();
    assert_eq!(
        sent,
        [
            "CreateDisk ClientToken=ct DiskCategory=cloud_essd DiskName=n RegionId=cn-hangzhou Size=40 SnapshotId=s-1 \
             Tag.1.Key=k Tag.1.Value=v ZoneId=cn-hangzhou-g",
            "DescribeDisks DiskName=n MaxResults=100 RegionId=cn-hangzhou",
            "AttachDisk DeleteWithInstance=true DiskId=d-1 InstanceId=i-1",
            "DetachDisk DiskId=d-1 InstanceId=i-1",
            "DeleteDisk DiskId=d-1",
            "ModifyDiskAttribute DeleteAutoSnapshot=false DiskId=d-1 RegionId=cn-hangzhou",
        ]
    );
}

#[tokio::test]
async fn images() {
    let image = json!({"ImageId": "m-1", "ImageName": "n", "Status": "Creating", "Progress": "32%",
        "Architecture": "x86_64", "Platform": "CentOS", "OSNameEn": "CentOS  7.9 64 bit", "OSType": "linux",
        "DiskDeviceMappings": {"DiskDeviceMapping": [
            {"Device": "/dev/xvda", "SnapshotId": "s-1", "Size": "40", "Type": "system"}]},
        "Tags": {"Tag": [{"TagKey": "k", "TagValue": "v"}]}});
    let (server, client) =
        serve(vec![json!({"ImageId": "m-1"}), json!({"Images": {"Image": [image]}, "TotalCount": 1}), json!({})]).await;
    let request = CreateImage {
        name: "n".into(),
        snapshot_ids: vec!["s-1".into(), "s-2".into()],
        tags: vec![Tag::new("k", "v")],
        client_token: "ct".into(),
    };
    assert_eq!(client.create_image(&request).await.unwrap(), "m-1");
    let images = client.describe_images_named("n").await.unwrap();
    assert_eq!((images[0].status.as_str(), images[0].disk_device_mappings[0].kind.as_str()), ("Creating", "system"));
    there_and_back(&images[0]);
    client.delete_image("m-1").await.unwrap();
    let sent: Vec<_> = server.requests().iter().map(sent).collect();
    assert_eq!(
        sent,
        [
            "CreateImage ClientToken=ct DiskDeviceMapping.1.SnapshotId=s-1 DiskDeviceMapping.2.SnapshotId=s-2 \
             ImageName=n RegionId=cn-hangzhou Tag.1.Key=k Tag.1.Value=v",
            "DescribeImages ImageName=n ImageOwnerAlias=self PageSize=100 RegionId=cn-hangzhou \
             Status=Creating,Waiting,Available,UnAvailable,CreateFailed,Deprecated",
            "DeleteImage Force=true ImageId=m-1 RegionId=cn-hangzhou",
        ]
    );
}

#[tokio::test]
async fn instances_that_come_and_go() {
    let (server, client) = serve(vec![
        json!({"InstanceIdSets": {"InstanceIdSet": ["i-2"]}}),
        json!({}),
        json!({"InstanceId": "i-2", "ConsoleOutput": "cGFuaWMK", "LastUpdateTime": "2018-03-22 10:04:57"}),
    ])
    .await;
    let request = RunInstance {
        image_id: "m-1".into(),
        instance_type: "ecs.g7.large".into(),
        v_switch_id: "vsw-1".into(),
        security_group_id: "sg-1".into(),
        name: "n".into(),
        system_disk_category: "cloud_essd".into(),
        tags: vec![Tag::new("k", "v")],
        client_token: "ct".into(),
        ..RunInstance::default()
    };
    assert_eq!(client.run_instance(&request).await.unwrap().instance_ids, ["i-2"]);
    client.delete_instance("i-2").await.unwrap();
    let console = client.get_instance_console_output("i-2").await.unwrap();
    assert_eq!(console.text, "panic\n");
    there_and_back(&console);
    let sent: Vec<_> = server.requests().iter().map(sent).collect();
    assert_eq!(
        sent,
        [
            "RunInstances Amount=1 ClientToken=ct ImageId=m-1 InstanceChargeType=PostPaid InstanceName=n \
             InstanceType=ecs.g7.large InternetMaxBandwidthOut=0 RegionId=cn-hangzhou SecurityGroupId=sg-1 \
             SystemDisk.Category=cloud_essd Tag.1.Key=k Tag.1.Value=v VSwitchId=vsw-1",
            "DeleteInstance Force=true InstanceId=i-2",
            "GetInstanceConsoleOutput InstanceId=i-2 RegionId=cn-hangzhou",
        ]
    );
}
