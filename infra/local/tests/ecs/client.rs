//! The project's own client against this service: what one sends, the other understands, and the other way round.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use local_cloud::ecs::{Ecs, NewHistoryEvent, NewInstance};
use openapi::Credentials;
use openapi::ecs::{
    Client, CreateDisk, CreateImage, CreateSnapshotGroup, DescribeInstances, DescribeSnapshots, DiskKind, RunInstance,
    Tag,
};
use openapi::sign::parse_query;

use crate::world::{World, operator};

/// Serves `ecs` to a client; who it is was checked before (tests of the front).
fn serve(ecs: Arc<Ecs>) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let ecs = Arc::clone(&ecs);
            // A client keeps a connection; each has a thread of its own.
            std::thread::spawn(move || while answer(&ecs, stream.as_ref().unwrap()).is_some() {});
        }
    });
    let key = Credentials { access_key_id: "test".into(), access_key_secret: "test".into(), security_token: None };
    Client::new(openapi::http::client(), &endpoint, "cn-hangzhou", key).unwrap()
}

/// Answers one request; None when the client is gone.
fn answer(ecs: &Ecs, mut stream: &TcpStream) -> Option<()> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let query = first.split(' ').nth(1)?.split_once('?').map_or("", |(_, query)| query).to_owned();
    let mut action = String::new();
    for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("x-acs-action") {
            action = value.trim().to_owned();
        }
    }
    let params: BTreeMap<String, String> = parse_query(&query).into_iter().collect();
    let (status, body) = match ecs.call(&operator(), &action, &params) {
        Ok(body) => (200, body),
        Err(error) => {
            (error.status, serde_json::json!({ "Code": error.code, "Message": error.message, "RequestId": "r" }))
        }
    };
    let body = body.to_string();
    write!(
        stream,
        "HTTP/1.1 {status} .\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .ok()
}

#[tokio::test]
async fn many_instances_are_looked_at_by_the_lists_of_their_region() {
    let world = World::new();
    let ids: Vec<String> = (0..3).map(|_| world.instance()).collect();
    let client = serve(Arc::clone(&world.ecs));
    let page = client.describe_all_disks(None).await.unwrap();
    assert_eq!((page.items.len(), page.next_token), (3, None));
    assert!(page.items.iter().all(|disk| ids.contains(&disk.instance_id) && disk.auto_snapshot_policy_id.is_empty()));

    let progressing = DescribeSnapshots { status: Some("progressing".into()), ..DescribeSnapshots::default() };
    let disk = world.disk(&ids[1], 0);
    let snapshot = world.snapshot_of(&disk);
    let found = client.describe_all_snapshots(progressing.clone()).await.unwrap();
    assert_eq!((found.len(), &found[0].snapshot_id, &found[0].source_disk_id), (1, &snapshot, &disk));
    world.settle();
    assert_eq!(client.describe_all_snapshots(progressing).await.unwrap(), []);

    for (id, cycle_status) in [(&ids[0], "Scheduled"), (&ids[2], "Executed")] {
        let event = NewHistoryEvent {
            instance_id: id.clone(),
            event_type: "SystemMaintenance.Reboot".into(),
            cycle_status: cycle_status.into(),
            reason: "maintenance".into(),
            not_before: world.now(),
        };
        world.ecs.add_history_event(event).unwrap();
    }
    let events = client.describe_instance_history_events(&ids, &["Scheduled", "Executing"]).await.unwrap();
    assert_eq!((events.len(), &events[0].instance_id), (1, &ids[0]));

    let here = ("regionId", "cn-hangzhou");
    let nightly = [here, ("timePoints", "[\"1\"]"), ("repeatWeekdays", "[\"7\"]"), ("retentionDays", "3")];
    let policy = world.ok("CreateAutoSnapshotPolicy", &nightly)["AutoSnapshotPolicyId"].as_str().unwrap().to_owned();
    let disks = format!("[\"{disk}\"]");
    world.ok("ApplyAutoSnapshotPolicy", &[here, ("autoSnapshotPolicyId", &policy), ("diskIds", &disks)]);
    assert_eq!(client.describe_disks(&ids[1]).await.unwrap()[0].auto_snapshot_policy_id, policy);
    let policies = client.describe_auto_snapshot_policies().await.unwrap();
    assert_eq!((policies[0].time_points.as_slice(), policies[0].repeat_weekdays.as_slice()), (&[1][..], &[7][..]));
}

#[tokio::test]
async fn a_drill_from_the_snapshots_to_the_clones_end() {
    let world = World::new();
    let id = world.instance_of(NewInstance { data_disks: vec![None], ..NewInstance::default() });
    let client = serve(Arc::clone(&world.ecs));
    let tags = vec![Tag::new("osferry:migration", "m-1")];

    let disks = client.describe_disks(&id).await.unwrap();
    assert!(disks.iter().all(|disk| disk.delete_auto_snapshot && openapi::ecs::can_be_grouped(&disk.category)));
    client.modify_disk_delete_auto_snapshot(&disks[0].disk_id, false).await.unwrap();
    assert!(!client.describe_disks(&id).await.unwrap()[0].delete_auto_snapshot);

    let request = CreateSnapshotGroup {
        instance_id: id.clone(),
        disk_ids: disks.iter().map(|disk| disk.disk_id.clone()).collect(),
        name: "osferry-m-1-0".into(),
        tags: tags.clone(),
        client_token: "group".into(),
    };
    let group_id = client.create_snapshot_group(&request).await.unwrap();
    world.settle();
    let groups = client.describe_snapshot_groups(&id, "osferry-m-1-0").await.unwrap();
    assert_eq!((groups.len(), groups[0].status.as_str(), &groups[0].tags), (1, "accomplished", &tags));
    assert_eq!(groups[0].snapshot_group_id, group_id);
    let snapshots: Vec<_> = groups[0].snapshots.iter().map(|snapshot| snapshot.snapshot_id.clone()).collect();
    client.modify_snapshot_name(&snapshots[0], "mine").await.unwrap();
    client.tag_resources("snapshot", &snapshots, &tags).await.unwrap();
    let error = client.modify_snapshot_retention(&snapshots[0], 365).await.unwrap_err();
    assert_eq!(error.code(), "InvalidOperation.DecreaseRetentionDaysUnsupported");
    let tagged = DescribeSnapshots { tags: vec![Tag::new("osferry:migration", "")], ..DescribeSnapshots::default() };
    let all = client.describe_all_snapshots(tagged).await.unwrap();
    assert_eq!(all.len(), 2);
    assert!(all.iter().any(|snapshot| snapshot.name == "mine" && snapshot.retention_days == Some(0)));

    let request = CreateImage {
        name: "osferry-m-1-clone".into(),
        snapshot_ids: snapshots.clone(),
        tags: tags.clone(),
        client_token: "image".into(),
    };
    let image_id = client.create_image(&request).await.unwrap();
    assert_eq!(client.describe_images_named(&request.name).await.unwrap()[0].status, "Creating");
    world.settle();
    let images = client.describe_images_named(&request.name).await.unwrap();
    assert_eq!((images[0].status.as_str(), &images[0].image_id, &images[0].tags), ("Available", &image_id, &tags));

    let request = RunInstance {
        image_id: image_id.clone(),
        instance_type: "ecs.g7.large".into(),
        v_switch_id: "vsw-drill".into(),
        security_group_id: "sg-drill".into(),
        name: "osferry-m-1-clone".into(),
        system_disk_category: disks[0].category.clone(),
        tags: tags.clone(),
        client_token: "instance".into(),
        ..RunInstance::default()
    };
    let clone = client.run_instance(&request).await.unwrap().instance_ids.remove(0);
    world.settle();
    assert_eq!(client.run_instance(&request).await.unwrap().instance_ids, std::slice::from_ref(&clone));
    let named = DescribeInstances { instance_name: Some(request.name.clone()), ..DescribeInstances::default() };
    let found = client.describe_all_instances(&named).await.unwrap();
    assert_eq!((found.len(), found[0].status.as_str(), &found[0].tags), (1, "Running", &tags));
    assert_eq!(found[0].security_group_ids, ["sg-drill"]);
    assert_eq!(found[0].vpc_attributes.v_switch_id, "vsw-drill");
    assert!(client.describe_cloud_assistant_status(std::slice::from_ref(&clone)).await.unwrap()[0].running);
    assert!(client.get_instance_console_output(&clone).await.unwrap().text.starts_with("SeaBIOS"));

    client.delete_instance(&clone).await.unwrap();
    world.settle();
    assert_eq!(client.delete_instance(&clone).await.unwrap_err().code(), "InvalidInstanceId.NotFound");
    client.delete_image(&image_id).await.unwrap();
    client.delete_image(&image_id).await.unwrap();
    client.delete_snapshot_group(&group_id).await.unwrap();
    world.settle();
    assert!(world.fake.lock().snapshots.is_empty());
    assert_eq!(world.fake.lock().disks.len(), 2);
}

#[tokio::test]
async fn a_media_disk_from_its_snapshot_to_its_end() {
    let world = World::new();
    let id = world.instance();
    let media = world.snapshot_of(&world.disk(&id, 0));
    world.settle();
    let client = serve(Arc::clone(&world.ecs));
    let request = CreateDisk {
        zone_id: "cn-hangzhou-a".into(),
        name: "osferry-m-1-0-media".into(),
        category: "cloud_essd".into(),
        snapshot_id: media.clone(),
        tags: vec![Tag::new("osferry:migration", "m-1")],
        client_token: "media".into(),
        ..CreateDisk::default()
    };
    let disk_id = client.create_disk(&request).await.unwrap();
    world.settle();
    assert_eq!(client.create_disk(&request).await.unwrap(), disk_id);
    client.attach_disk(&id, &disk_id, true).await.unwrap();
    world.settle();
    let found = client.describe_disks_named(&request.name).await.unwrap();
    assert_eq!((found.len(), found[0].status.as_str(), found[0].kind), (1, "In_use", DiskKind::Data));
    assert_eq!((&found[0].instance_id, &found[0].source_snapshot_id, &found[0].tags), (&id, &media, &request.tags));
    assert!(found[0].delete_with_instance && found[0].portable);
    assert_eq!(found[0].zone_id, "cn-hangzhou-a", "although no zone was asked for");
    client.detach_disk(&id, &disk_id).await.unwrap();
    world.settle();
    client.delete_disk(&disk_id).await.unwrap();
    client.delete_disk(&disk_id).await.unwrap();
    assert!(client.describe_disks_named(&request.name).await.unwrap().is_empty());
}

#[tokio::test]
async fn any_number_of_instances_is_asked_for_in_batches() {
    let world = World::new();
    let id = world.instance();
    let client = serve(Arc::clone(&world.ecs));
    let mut ids: Vec<String> = (0..120).map(|n| format!("i-{n}")).collect();
    ids.push(id.clone());
    let request = DescribeInstances { instance_ids: ids.clone(), ..DescribeInstances::default() };
    let found = client.describe_all_instances(&request).await.unwrap();
    assert_eq!(found.iter().map(|instance| &instance.instance_id).collect::<Vec<_>>(), [&id]);
    let agents = client.describe_cloud_assistant_status(&ids).await.unwrap();
    assert_eq!(agents.iter().map(|agent| &agent.instance_id).collect::<Vec<_>>(), [&id]);
}
