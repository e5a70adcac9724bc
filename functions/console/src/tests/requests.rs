use super::*;

#[tokio::test]
async fn nobody_is_answered_without_a_token() {
    let world = world(&[]);
    for path in ["/migrations", "/prechecks", "/", "/migrations/m-1/cancel"] {
        for token in ["", "Secret", HASH] {
            let answer = ask(&world, "POST", path, "{}", token).await;
            assert_eq!((answer.status_code, answer.headers["www-authenticate"].as_str()), (401, "Bearer"), "{path}");
        }
    }
    assert_eq!(world.cloud.calls(), 0, "nothing was looked at");
}

#[tokio::test]
async fn what_makes_no_sense_says_why() {
    let world = world(&[]);
    let many: Vec<String> = (0..1001).map(|n| format!("i-{n}")).collect();
    let id = MigrationId::from_bytes([7; 10]);
    for (method, path, body, status, text) in [
        ("GET", "/nothing".to_owned(), json!(null), 404, "there is no /nothing"),
        ("GET", "/prechecks".into(), json!(null), 405, "POST only"),
        ("DELETE", "/migrations".into(), json!(null), 405, "GET, POST only"),
        ("POST", format!("/migrations/{id}"), json!(null), 405, "GET only"),
        ("GET", format!("/migrations/{id}/cancel"), json!(null), 405, "POST only"),
        ("POST", "/prechecks".into(), json!(null), 400, "the body"),
        ("POST", "/prechecks".into(), json!({}), 400, "instances"),
        ("POST", "/prechecks".into(), json!({ "instances": [] }), 400, "no instance"),
        ("POST", "/prechecks".into(), json!({ "instances": many }), 400, "at most 1000"),
        ("POST", "/prechecks".into(), json!({ "instances": ["i-1", "i-1"] }), 400, "named twice"),
        ("POST", "/prechecks".into(), json!({ "instances": ["i-1; reboot"] }), 400, "not an instance id"),
        ("POST", "/prechecks".into(), json!({ "instances": ["i-1"], "target": "BeOS" }), 400, "BeOS"),
        ("POST", "/prechecks".into(), json!({ "instances": ["i-1"], "targets": "x" }), 400, "unknown field"),
        ("POST", "/migrations".into(), json!({ "instances": [{ "id": "i-1", "target": "x" }] }), 400, "\"x\""),
        (
            "POST",
            "/migrations".into(),
            json!({ "instances": ["i-1"], "policy": { "retention_days": 0 } }),
            400,
            "65536",
        ),
        (
            "POST",
            "/migrations".into(),
            json!({ "instances": ["i-1"], "policy": { "observe_minutes": 1441 } }),
            400,
            "1440",
        ),
        (
            "POST",
            "/migrations".into(),
            json!({ "instances": ["i-1"], "policy": { "retention": 1 } }),
            400,
            "unknown field",
        ),
        ("POST", "/migrations".into(), json!({ "instances": ["i-1"], "policy": { "target": null } }), 400, "beside"),
        (
            "POST",
            "/migrations".into(),
            json!({ "instances": ["i-1"], "policy": { "probes": [{ "command": "reboot" }] } }),
            400,
            "own settings only",
        ),
        ("POST", "/migrations".into(), json!({ "instances": ["i-1"], "mode": "drill" }), 400, "DRILL_VSWITCH"),
        ("POST", "/migrations".into(), json!({ "instances": ["i-1"], "batch": "b-1" }), 400, "not a batch id"),
        ("GET", "/migrations?state=x".into(), json!(null), 400, "none of batch"),
        ("GET", "/migrations?stage=done".into(), json!(null), 400, "none of precheck, assess"),
        ("GET", "/migrations?outcome=drill-passed".into(), json!(null), 400, "drill_passed"),
        ("GET", "/migrations?awaiting=yes".into(), json!(null), 400, "neither true nor false"),
        ("POST", "/batches/b-1/cancel".into(), json!(null), 400, "not a batch id"),
        ("POST", "/batches/b-00000000000000000001/cancel".into(), json!(null), 404, "there is no batch b-0"),
        ("POST", "/batches/b-00000000000000000001/rollback".into(), json!(null), 404, "there is no"),
        ("GET", "/batches/b-00000000000000000001/retry".into(), json!(null), 405, "POST only"),
        ("GET", "/migrations?limit=0".into(), json!(null), 400, "limit"),
        ("GET", "/migrations?instance=x".into(), json!(null), 400, "not an instance id"),
        ("GET", "/migrations/m-1".into(), json!(null), 400, "not a migration id"),
        ("GET", format!("/migrations/{id}"), json!(null), 404, "has no record"),
        ("GET", format!("/migrations/{id}/history"), json!(null), 404, "has no record"),
        ("POST", format!("/migrations/{id}/cancel"), json!(null), 404, "has no record"),
        ("POST", format!("/migrations/{id}/acknowledge"), json!({}), 400, "digest"),
    ] {
        let (answered, body) = ann(&world, method, &path, body).await;
        assert_eq!(answered, status, "{method} {path}: {body}");
        assert!(body["error"].as_str().unwrap().contains(text), "{method} {path}: {body}");
    }
    assert_eq!(*world.cloud.done.borrow(), [""; 0]);
    assert!(world.bus.events().is_empty());
}

#[tokio::test]
async fn faults_of_the_cloud_have_their_code() {
    let world = world(&[]);
    world.cloud.refuses.borrow_mut().insert("DescribeInstances".into(), "Forbidden.RAM".into());
    let (status, body) = ann(&world, "POST", "/destinations", json!({ "instances": ["i-1"] })).await;
    assert_eq!((status, &body["code"]), (502, &json!("OSF-C003")), "{body}");
    world.records.fail(1);
    let (status, body) = ann(&world, "GET", "/migrations", json!(null)).await;
    assert_eq!((status, &body["code"]), (502, &json!("OSF-C004")), "{body}");
}

#[tokio::test]
async fn paths_and_calendar_are_told() {
    let world = world(&[]);
    let (status, paths) = ann(&world, "GET", "/paths", json!(null)).await;
    assert_eq!((status, &paths[0]["engine"]), (200, &json!("leapp")));
    let (status, calendar) = ann(&world, "GET", "/calendar", json!(null)).await;
    assert_eq!((status, &calendar[0]["standardEnd"]), (200, &json!("2017-03-31")));
}

#[tokio::test]
async fn what_is_wrong_with_a_setting_is_nobodys_business() {
    let unasked = || -> Result<(World, Option<Policy>), fc_runtime::Error> { unreachable!("nobody asked") };
    let told = async |token: &str, operators: &str| {
        let request = request("GET", "/migrations", "", token);
        let answer = answer(&request, operators, invocation(60_000), unasked).await;
        (answer.status_code, answer.body)
    };
    assert_eq!(told("guess", &operators()).await.0, 401, "whoever asks is looked at first");
    assert_eq!(told("secret", "").await.0, 401, "nobody may ask where nobody is named");
    let bare = r#"{"error":"the console is not configured; its log says what is wrong","code":"OSF-E005"}"#;
    let bare: Value = serde_json::from_str(bare).unwrap();
    let (status, body) = told("secret", r#"{"ann": "not a hash"}"#).await;
    assert_eq!((status, serde_json::from_str::<Value>(&body).unwrap()), (500, bare.clone()), "ann is not named");

    let request = request("GET", "/paths", "", "secret");
    let wrong = || -> Result<(World, Option<Policy>), fc_runtime::Error> { Err("OTS_ENDPOINT is not set".into()) };
    let told = answer(&request, &operators(), invocation(60_000), wrong).await;
    assert_eq!((told.status_code, serde_json::from_str::<Value>(&told.body).unwrap()), (500, bare));
}

#[tokio::test]
async fn a_wrong_policy_keeps_nobody_from_cancelling() {
    let record = record_in(Stage::Assess);
    let told = async |path: &str, body: &str| {
        let world = world(&[]);
        world.records.put(&record);
        let request = request("POST", path, body, "secret");
        answer(&request, &operators(), invocation(60_000), || Ok((world, None))).await.status_code
    };
    assert_eq!(told(&format!("/migrations/{}/cancel", record.id), "").await, 200);
    for path in ["/migrations", "/prechecks"] {
        assert_eq!(told(path, r#"{"instances": ["i-1"]}"#).await, 500, "{path}");
    }
}
