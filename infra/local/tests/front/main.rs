//! The front: who is let in, where requests go, and what goes wrong on request.

// Helpers of tests fail by panicking, as tests do.
#![allow(clippy::unwrap_used)]

mod web;
mod world;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Request;
use local_cloud::chaos::Fault;
use local_cloud::credentials::Who;
use local_cloud::front::HangUp;
use openapi::Credentials;
use openapi::sign::{canonical_query, parse_query, rpc_v1};
use serde_json::Value;
use world::{Signed, ask, code, open_port, world};

#[tokio::test]
async fn requests_of_official_sdks_reach_their_service() {
    #[derive(serde::Deserialize)]
    struct Captured {
        method: String,
        target: String,
        headers: Vec<(String, String)>,
        body: String,
    }
    let all: Vec<Captured> =
        serde_json::from_str(include_str!("../../../../shared/openapi/testdata/requests.json")).unwrap();
    let world = world();
    let front = world.front();
    let mut outcomes = Vec::new();
    for captured in all {
        let builder = Request::builder().method(captured.method.as_str()).uri(&captured.target);
        let builder = captured.headers.iter().fold(builder, |builder, (name, value)| builder.header(name, value));
        let answer = front.handle(builder.body(captured.body.into()).unwrap()).await.unwrap();
        let body = String::from_utf8(answer.body().to_vec()).unwrap();
        let json: Value = serde_json::from_str(&body).unwrap_or_default();
        outcomes.push(match json["Code"].as_str() {
            Some(code) => code.to_owned(),
            None if json.is_object() => format!("{} {}", answer.status(), json["FailedEntryCount"]),
            None => body,
        });
    }
    assert_eq!(
        outcomes,
        [
            "200 OK null",
            // A temporary key that this cloud never gave out.
            "InvalidAccessKeyId.NotFound",
            "200 OK null",
            "200 OK null",
            "200 OK null",
            "200 OK null",
            "200 OK null",
            "200 OK 0",
            "200 OK null",
            "200 OK null",
            // Products that this cloud does not have.
            "InvalidVersion",
            "fc testak POST /2023-03-30/functions/osmig-worker/invocations",
            "fc testak GET /2023-03-30/functions/f/async-tasks/t",
            "InvalidVersion",
            "InvalidVersion",
            "fc testak POST /2023-03-30/functions/osmig-worker/invocations",
        ]
    );
    assert_eq!(
        world.actions(),
        [
            "DescribeInstances",
            "RunCommand",
            "DescribeInstances",
            "StopInstance",
            "CreateSnapshot",
            "DescribeInstances",
            "DescribeInstances",
            "StopInstance"
        ]
    );
    // Decoded, and without what belongs to the signature.
    let calls = world.calls.lock().unwrap();
    let params: Vec<_> = calls[4].2.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(params, ["Description=中文 desc", "DiskId=d-1"]);
}

#[tokio::test]
async fn who_is_not_let_in_and_why() {
    let world = world();
    let front = world.front();
    let temporary = world.services.keyring.issue("migrate", "c-1", None);
    let key = |id: &str, secret: &str, token: Option<&str>| Credentials {
        access_key_id: id.into(),
        access_key_secret: secret.into(),
        security_token: token.map(Into::into),
    };
    let temporary_key = |token: Option<&str>| key(&temporary.access_key_id, &temporary.access_key_secret, token);
    let with = |credentials: Credentials| Signed { credentials, ..Signed::default() };
    let table = [
        (with(key("nobody", "testsk", None)), 404, "InvalidAccessKeyId.NotFound"),
        (with(key("testak", "other", None)), 400, "SignatureDoesNotMatch"),
        (with(key("testak", "testsk", Some("token"))), 400, "InvalidSecurityToken.Malformed"),
        (with(temporary_key(None)), 400, "MissingSecurityToken"),
        (with(temporary_key(Some("wrong"))), 400, "InvalidSecurityToken.Malformed"),
        (Signed { date: "2026-11-22T23:54:49Z", ..Signed::default() }, 400, "InvalidTimeStamp.Expired"),
        (Signed { date: "2026-11-23T00:24:51Z", ..Signed::default() }, 400, "InvalidTimeStamp.Expired"),
        (Signed { date: "yesterday", ..Signed::default() }, 400, "InvalidTimeStamp.Format"),
    ];
    for (signed, status, expected) in table {
        let answer = ask(&front, signed.request("ResetDisk", &[])).await;
        assert_eq!(code(&answer), (status, expected), "{}", answer.1);
        assert!(answer.1["RequestId"].is_string() && answer.1["Message"].is_string());
    }
    let unsigned = Request::post("/?Action=ResetDisk&Version=2014-05-26").body(Bytes::new()).unwrap();
    assert_eq!(code(&ask(&front, unsigned).await), (400, "IncompleteSignature"));
    // Signed for another parameter.
    let mut spoilt = Signed::default().request("ResetDisk", &[("DiskId", "d-1")]);
    *spoilt.uri_mut() = "/?DiskId=d-2".parse().unwrap();
    assert_eq!(code(&ask(&front, spoilt).await), (400, "SignatureDoesNotMatch"));
    assert_eq!(world.actions(), [""; 0]);

    let token = temporary.security_token.as_deref();
    let answer = ask(&front, with(temporary_key(token)).request("ResetDisk", &[])).await;
    assert_eq!(answer.0, 200, "{}", answer.1);
    let who = world.calls.lock().unwrap()[0].0.clone();
    assert_eq!(who, Who::Function { name: "migrate".into(), instance: "c-1".into() });
    world.services.keyring.revoke(&temporary.access_key_id);
    let answer = ask(&front, with(temporary_key(token)).request("ResetDisk", &[])).await;
    assert_eq!(code(&answer), (404, "InvalidAccessKeyId.NotFound"));
}

#[tokio::test]
async fn a_request_is_not_accepted_twice() {
    let world = world();
    let front = world.front();
    let request = || Signed::default().request("ResetDisk", &[]);
    // Who cannot sign uses up no nonce.
    let mut forged = Signed::default();
    forged.credentials.access_key_secret = "guess".into();
    assert_eq!(code(&ask(&front, forged.request("ResetDisk", &[])).await).1, "SignatureDoesNotMatch");
    assert_eq!(ask(&front, request()).await.0, 200);
    assert_eq!(code(&ask(&front, request()).await), (400, "SignatureNonceUsed"));
    let other = Signed { nonce: "n-2", ..Signed::default() };
    assert_eq!(ask(&front, other.request("ResetDisk", &[])).await.0, 200);
    assert_eq!(world.actions(), ["ResetDisk", "ResetDisk"]);
}

#[tokio::test]
async fn version_1_in_a_form() {
    let world = world();
    let mut params: Vec<(String, String)> = [
        ("Action", "StopInstance"),
        ("Version", "2014-05-26"),
        ("Format", "JSON"),
        ("InstanceId", "i-1"),
        ("AccessKeyId", "testak"),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureVersion", "1.0"),
        ("SignatureNonce", "n"),
        ("Timestamp", "2026-11-23T00:00:00Z"),
    ]
    .map(|(k, v)| (k.to_owned(), v.to_owned()))
    .to_vec();
    params.push(("Signature".into(), rpc_v1::signature("POST", &params, "testsk")));
    let request = |form: String| {
        Request::post("/").header("content-type", "application/x-www-form-urlencoded").body(form.into()).unwrap()
    };
    let form = canonical_query(&params);
    assert_eq!(ask(&world.front(), request(form.clone())).await.0, 200);
    assert_eq!(world.calls.lock().unwrap()[0].2, BTreeMap::from([("InstanceId".into(), "i-1".into())]));
    let answer = ask(&world.front(), request(form.replace("i-1", "i-2"))).await;
    assert_eq!(code(&answer), (400, "SignatureDoesNotMatch"));
    // As the core SDK compares it: what follows the first colon is the string to sign.
    let message = answer.1["Message"].as_str().unwrap();
    assert!(message.split_once(':').unwrap().1.starts_with("POST&%2F&AccessKeyId%3Dtestak"), "{message}");
}

#[tokio::test]
async fn errors_of_a_service_and_of_nobody() {
    let world = world();
    let front = world.front();
    let answer = ask(&front, Signed::default().request("StartInstance", &[])).await;
    assert_eq!(code(&answer), (403, "IncorrectInstanceStatus"));
    let panics = Signed { nonce: "n-2", ..Signed::default() };
    assert_eq!(code(&ask(&front, panics.request("Panic", &[])).await), (500, "InternalError"));
    let nowhere = Request::get("/nowhere").body(Bytes::new()).unwrap();
    assert_eq!(code(&ask(&front, nowhere).await), (404, "NotFound"));
}

#[tokio::test]
async fn the_operators_commands_are_the_operators() {
    let world = world();
    let operator = Signed { path: "/local/chaos", ..Signed::default() };
    let answer = world.front().handle(operator.request("Add", &[])).await.unwrap();
    assert_eq!(answer.body(), "admin testak POST /local/chaos");
    let function = world.services.keyring.issue("migrate", "c-1", None);
    let credentials = Credentials {
        access_key_id: function.access_key_id,
        access_key_secret: function.access_key_secret,
        security_token: function.security_token,
    };
    let signed = Signed { credentials, path: "/local/chaos", ..Signed::default() };
    assert_eq!(code(&ask(&world.front(), signed.request("Add", &[])).await), (403, "Forbidden"));
}

#[tokio::test]
async fn every_fault_does_what_it_says() {
    // fault, whether ECS carried it out, who is killed, code of the answer
    let table = [
        (Fault::KillCallerBefore, false, Some("c-1"), None),
        (Fault::KillCallerAfter, true, Some("c-1"), None),
        (Fault::KillCloudBefore, false, Some("cloud"), None),
        (Fault::KillCloudAfter, true, Some("cloud"), None),
        (Fault::LoseAnswer, true, None, None),
        (Fault::Throttle, false, None, Some((400, "Throttling.User"))),
        (Fault::Error500, false, None, Some((500, "InternalError"))),
    ];
    for (fault, done, killed, answered) in table {
        let world = world();
        let function = world.services.keyring.issue("rollback", "c-1", None);
        let credentials = Credentials {
            access_key_id: function.access_key_id,
            access_key_secret: function.access_key_secret,
            security_token: function.security_token,
        };
        world.add_fault("ecs", "ResetDisk", fault);
        let front = world.front();
        let first = Signed { credentials: credentials.clone(), ..Signed::default() };
        let outcome = front.handle(first.request("ResetDisk", &[])).await;
        match (outcome, answered) {
            (Err(HangUp), None) => {}
            (Ok(answer), Some(expected)) => {
                let json = serde_json::from_slice(answer.body()).unwrap();
                assert_eq!(code(&(answer.status().as_u16(), json)), expected);
            }
            (outcome, _) => panic!("{fault:?}: {outcome:?}"),
        }
        assert_eq!(world.actions().len(), usize::from(done), "{fault:?}");
        assert_eq!(world.killed.lock().unwrap().first().map(String::as_str), killed, "{fault:?}");
        assert_eq!(world.services.chaos.fired().len(), 1);
        // Once.
        let second = Signed { credentials, nonce: "n-2", ..Signed::default() };
        assert_eq!(ask(&front, second.request("ResetDisk", &[])).await.0, 200, "{fault:?}");
    }
}

#[tokio::test]
async fn our_own_clients_on_a_real_port() {
    let world = world();
    let port = open_port(&world).await;
    let http = openapi::http::build();
    let region = "cn-hangzhou";

    let sts = openapi::sts::Client::new(http.clone(), &port.endpoint, region, port.key.clone()).unwrap();
    let assume = |role: &str| openapi::sts::AssumeRole {
        role_arn: role.into(),
        role_session_name: "test".into(),
        ..openapi::sts::AssumeRole::default()
    };
    let role = sts.assume_role(&assume("acs:ram::1234:role/ferry")).await.unwrap();
    let refused = sts.assume_role(&assume("acs:ram::9:role/ferry")).await.unwrap_err();
    assert_eq!(refused.code(), "NoPermission");

    // With the key of the role; the longest script there is (24 KiB of Base64).
    let ecs = openapi::ecs::Client::new(http.clone(), &port.endpoint, region, role.credentials.clone()).unwrap();
    let request = openapi::ecs::RunCommand {
        content: "?>".repeat(9 * 1024),
        instance_ids: vec!["i-1".into()],
        client_token: "ct".into(),
        ..openapi::ecs::RunCommand::default()
    };
    assert_eq!(ecs.run_command(&request).await.unwrap().invoke_id, "t-1");
    let who = world.calls.lock().unwrap()[0].0.clone();
    assert_eq!(who, Who::Function { name: "ferry".into(), instance: "test".into() });
    assert_eq!(ecs.start_instance("i-1").await.unwrap_err().code(), "IncorrectInstanceStatus");

    let fc = openapi::fc::Client::new(http.clone(), &port.endpoint, port.key.clone()).unwrap();
    let answer = fc.invoke_function("detect", b"{}", true).await.unwrap();
    assert_eq!(answer.payload, b"fc testak POST /2023-03-30/functions/detect/invocations");

    let ots = tablestore::Client::new(http.clone(), &port.endpoint, "ferry", port.key.clone());
    assert_eq!(ots.list_table().await.unwrap(), [""; 0]);

    // What the role may not do.
    let as_role = openapi::fc::Client::new(http.clone(), &port.endpoint, role.credentials.clone()).unwrap();
    assert_eq!(as_role.invoke_function("detect", b"{}", true).await.unwrap_err().code(), "AccessDenied");
    let as_role = openapi::sts::Client::new(http.clone(), &port.endpoint, region, role.credentials.clone()).unwrap();
    let refused = as_role.assume_role(&assume("acs:ram::1234:role/other")).await.unwrap_err();
    assert_eq!(refused.code(), "NoPermission");

    let events = openapi::eventbridge::Client::new(http, &port.endpoint, region, role.credentials).unwrap();
    let event = |bus: &str| openapi::eventbridge::CloudEvent {
        id: "1".into(),
        source: "s".into(),
        kind: "t".into(),
        bus: bus.into(),
        ..Default::default()
    };
    events.put_events(&[event("osmig-bus")]).await.unwrap();
    let refused = events.put_events(&[event("osmig-bus"), event("nowhere")]).await.unwrap_err();
    assert_eq!(refused.code(), "EventBusNotExist");

    port.stop.send(()).unwrap();
    port.served.await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_is_what_the_client_takes_it_for() {
    let world = world();
    let port = open_port(&world).await;
    let http = openapi::http::build();
    let ecs = openapi::ecs::Client::new(http, &port.endpoint, "cn-hangzhou", port.key.clone()).unwrap();
    world.add_fault("ecs", "ResetDisk", Fault::LoseAnswer);
    let error = ecs.reset_disk("d-1", "s-1").await.unwrap_err();
    assert!(error.fate_unknown(), "{error}");
    world.add_fault("ecs", "ResetDisk", Fault::KillCallerBefore);
    let error = ecs.reset_disk("d-1", "s-1").await.unwrap_err();
    assert!(error.fate_unknown(), "{error}");
    assert_eq!(world.actions(), ["ResetDisk"], "once, and never again by itself");
}

#[tokio::test]
async fn faults_of_tablestore_and_eventbridge() {
    let world = world();
    let port = open_port(&world).await;
    let http = openapi::http::build();
    let ots = tablestore::Client::new(http.clone(), &port.endpoint, "ferry", port.key.clone());
    world.add_fault("ots", "ListTable", Fault::Error500);
    world.add_fault("ots", "ListTable", Fault::LoseAnswer);
    // Reading is repeated until it succeeds.
    assert_eq!(ots.list_table().await.unwrap(), [""; 0]);
    assert_eq!(world.services.chaos.fired().len(), 2);

    let events = openapi::eventbridge::Client::new(http, &port.endpoint, "cn-hangzhou", port.key.clone()).unwrap();
    world.add_fault("eventbridge", "PutEvents", Fault::Throttle);
    let event = openapi::eventbridge::CloudEvent {
        id: "1".into(),
        source: "s".into(),
        kind: "t".into(),
        bus: "osmig-bus".into(),
        ..Default::default()
    };
    events.put_events(&[event]).await.unwrap();
    assert_eq!(world.services.chaos.fired().len(), 3);
}

#[test]
fn the_query_of_a_request_survives_the_way() {
    // `parse_query` undoes `canonical_query` for everything that a parameter may hold.
    let params = vec![("k".to_owned(), " +&=%/?#中\u{0}~".to_owned())];
    assert_eq!(parse_query(&canonical_query(&params)), params);
}
