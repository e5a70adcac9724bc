//! The console's API, over HTTP, against a whole cloud.

mod common;

use common::*;
use local_cloud::cloud::Endpoint;
use migration::{Outcome, Stage, State};
use rig::{Error, Rig};
use serde_json::{Value, json};

/// SHA-256 of `secret`.
const OPERATORS: &str = r#"OPERATORS={"ann": "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"}"#;

/// Status and body of the console's answer.
async fn ask(rig: &Rig, token: &str, path: &str, body: Option<Value>) -> Result<(u16, Value), Error> {
    let endpoint = Endpoint::read(rig.state_dir()).ok_or("no endpoint")?.endpoint;
    let url = format!("{endpoint}/fcapp/osferry-console{path}");
    let client = openapi::http::build();
    let request = match body {
        None => client.get(url),
        Some(body) => client.post(url).body(body.to_string()),
    };
    let answer = request.header("authorization", format!("Bearer {token}")).send().await?;
    Ok((answer.status().as_u16(), serde_json::from_str(&answer.text().await?)?))
}

#[tokio::test]
async fn a_person_asks_opens_and_follows_a_batch() -> Result<(), Error> {
    let mut world = World::start(&["--env", OPERATORS]).await?;
    let rig = &mut world.rig;
    let good = rig.create_instance("web-1", CENTOS, 1).await?;
    let bad = rig.create_instance("legacy-1", FULL_BOOT, 0).await?;
    let both = json!({ "instances": [good, bad] });

    assert_eq!(ask(rig, "guess", "/migrations", None).await?.0, 401);
    let (status, body) = ask(rig, "secret", "/prechecks", Some(both.clone())).await?;
    assert_eq!(status, 200, "{body}");
    for precheck in body["prechecks"].as_array().ok_or("no prechecks")? {
        assert_eq!((&precheck["passed"], &precheck["support"]), (&json!(true), &json!("ended")), "{precheck}");
    }
    let (_, body) = ask(rig, "secret", "/destinations", Some(both)).await?;
    assert_eq!(body["common"][0]["os"], "Alibaba Cloud Linux 3", "{body}");
    assert!(rig.records().await?.is_empty(), "nobody asked for a migration yet");

    let asked =
        json!({ "instances": [good, bad], "target": "Alibaba Cloud Linux 3", "policy": { "retention_days": 2 } });
    let (status, opened) = ask(rig, "secret", "/migrations", Some(asked)).await?;
    assert_eq!((status, opened["opened"].as_array().map(Vec::len)), (202, Some(2)), "{opened}");
    let record = rig.outcome(&bad, LIMIT).await?;
    ended(rig, &record, Outcome::Refused).await?;
    let record = rig.outcome(&good, LIMIT).await?;
    ended(rig, &record, Outcome::Succeeded).await?;
    assert_eq!((record.opened_by.as_str(), record.policy.retention_days), ("ann", 2));

    let batch = opened["batch"].as_str().ok_or("no batch")?;
    let (_, listed) = ask(rig, "secret", &format!("/migrations?batch={batch}"), None).await?;
    assert_eq!(listed["counts"], json!({ "refused": 1, "succeeded": 1 }));
    let (_, listed) = ask(rig, "secret", "/migrations?outcome=refused&unclean=false", None).await?;
    assert_eq!(listed["migrations"].as_array().map(Vec::len), Some(1), "{listed}");
    let (status, body) = ask(rig, "secret", &format!("/batches/{batch}/cancel"), Some(json!({}))).await?;
    assert_eq!((status, &body["done"], body["leftOut"].as_array().map(Vec::len)), (200, &json!(0), Some(2)), "{body}");
    let path = format!("/migrations/{}", record.id);
    let (_, shown) = ask(rig, "secret", &path, None).await?;
    assert!(shown["advice"].as_str().is_some_and(|advice| advice.contains("3 days")), "{}", shown["advice"]);
    let (_, history) = ask(rig, "secret", &format!("{path}/history"), None).await?;
    let steps = history["steps"].as_array().ok_or("no steps")?;
    assert_eq!((&steps[0]["actor"], steps.len() as u64), (&json!("ann"), record.steps));
    let calls = || steps.iter().filter_map(|step| step["calls"].as_array()).flatten();
    for operation in ["CreateSnapshotGroup", "RunCommand"] {
        let mut told = calls().filter(|call| call["operation"] == operation);
        assert!(told.any(|call| call["request_id"].as_str().is_some_and(|id| !id.is_empty())));
    }

    // It is over: there is nothing to cancel, but there is a way back.
    let (status, body) = ask(rig, "secret", &format!("{path}/cancel"), Some(json!({}))).await?;
    assert_eq!(status, 409, "{body}");
    let (status, body) = ask(rig, "secret", &format!("{path}/rollback"), Some(json!({}))).await?;
    assert_eq!((status, &body["summary"]["stage"]), (200, &json!(Stage::Rollback.name())), "{body}");
    let record = rig.outcome(&good, LIMIT).await?;
    assert_eq!(record.state, State::Ended(Outcome::RolledBack), "{:?}", record.cause);
    assert_eq!(rig.os(&good).await?, "centos 8");
    world.end()
}
