use super::*;

#[tokio::test]
async fn prechecks_of_many_at_once() {
    let world = world(&[("i-2", "Ubuntu 20.04 64 bit"), ("i-3", "Customized Linux")]);
    world.cloud.assistant.replace(Some(CloudAssistantStatus {
        instance_id: "i-1".into(),
        running: true,
        version: "2.2.3.309".into(),
        last_heartbeat_time: "2026-11-23T00:00:00Z".into(),
        ..CloudAssistantStatus::default()
    }));
    let (status, body) = ann(&world, "POST", "/prechecks", json!({ "instances": ["i-1", "i-2", "i-3", "i-4"] })).await;
    assert_eq!(status, 200);
    let one = &body["prechecks"][0];
    assert_eq!((&one["passed"], &one["support"]), (&json!(true), &json!("ended")), "{one}");
    assert_eq!(one["lastDayOfSupport"], "2021-12-31");
    assert_eq!(one["hops"], json!([{ "from": "CentOS 8", "to": "Alibaba Cloud Linux 3", "engine": "distro-sync" }]));
    let found = |index: usize| body["prechecks"][index]["findings"].to_string();
    assert!(found(1).contains("do-release-upgrade"), "{body}");
    assert!(found(2).contains("cloud.os"), "{body}");
    assert!(body["prechecks"][3]["error"].as_str().unwrap().contains("i-4 is not listed"), "{body}");
    assert_eq!(*world.cloud.done.borrow(), [""; 0], "nothing is changed");
}

#[tokio::test]
async fn where_all_of_them_can_go() {
    let world = world(&[("i-2", "CentOS  7.9 64 bit"), ("i-3", "Customized Linux")]);
    let (_, body) = ann(&world, "POST", "/destinations", json!({ "instances": ["i-1", "i-2"] })).await;
    let common: Vec<&str> = body["common"].as_array().unwrap().iter().filter_map(|os| os["os"].as_str()).collect();
    assert_eq!(common, ["Alibaba Cloud Linux 3", "Anolis OS 8", "AlmaLinux 8", "AlmaLinux 9", "AlmaLinux 10"]);
    assert_eq!(body["instances"][1]["preferred"], "Alibaba Cloud Linux 3");
    let (_, body) = ann(&world, "POST", "/destinations", json!({ "instances": ["i-1", "i-3"] })).await;
    assert_eq!(body["common"], json!([]), "nobody knows where i-3 can go");
    assert!(body["instances"][1]["error"].as_str().unwrap().contains("osferry:os"), "{body}");
}
