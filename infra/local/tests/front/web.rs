//! HTTP triggers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use local_cloud::config::Config;
use local_cloud::credentials::Keyring;
use local_cloud::fc::triggers::AuthType;
use local_cloud::fc::{FunctionCompute, Tuning};
use local_cloud::front::{FunctionName, Web};
use local_cloud::ram::Policies;
use local_cloud::store::Store;

use crate::world::{Signed, ask, code, world};

#[tokio::test]
async fn http_triggers_have_a_host_or_a_path() {
    let world = world();
    let front = world.front();
    let ask = async |host: &str, target: &str| {
        let request = Request::put(target).header("host", host).body(Bytes::new()).unwrap();
        let answer = front.handle(request).await.unwrap();
        (answer.status().as_u16(), String::from_utf8(answer.body().to_vec()).unwrap())
    };
    let table = [
        ("open.fcapp.localhost:4711", "/a%20b?x=1", "open PUT /a%20b?x=1"),
        // Whatever looks like a service is the function's own.
        ("open.fcapp.localhost", "/local/faults", "open PUT /local/faults"),
        ("open.fcapp.localhost", "/fcapp/open/x", "open PUT /fcapp/open/x"),
        ("127.0.0.1:4711", "/fcapp/open/a%20b?x=1", "open PUT /a%20b?x=1"),
        ("127.0.0.1:4711", "/fcapp/open?x=1", "open PUT /?x=1"),
        ("127.0.0.1:4711", "/fcapp/open", "open PUT /"),
        ("127.0.0.1:4711", "/fcapp/opener/", "opener PUT /"),
    ];
    for (host, target, expected) in table {
        assert_eq!(ask(host, target).await, (201, expected.to_owned()), "{host} {target}");
    }
    for (host, target) in [("fcapp.localhost", "/x"), ("127.0.0.1", "/fcapp"), ("127.0.0.1", "/fcapp//x")] {
        assert_eq!(ask(host, target).await.0, 404, "{host} {target}");
    }
    assert_eq!(world.actions(), [""; 0]);
}

#[tokio::test]
async fn who_may_call_an_http_trigger() {
    let world = world();
    let front = world.front();
    let unsigned = || Request::post("/fcapp/shut/x").body(Bytes::new()).unwrap();
    assert_eq!(code(&ask(&front, unsigned()).await), (400, "IncompleteSignature"));
    let signed = Signed { path: "/fcapp/shut/x", ..Signed::default() };
    let mut spoilt = signed.request("any", &[("a", "1")]);
    *spoilt.uri_mut() = "/fcapp/shut/x?a=2".parse().unwrap();
    assert_eq!(code(&ask(&front, spoilt).await), (400, "SignatureDoesNotMatch"));
    let answer = front.handle(signed.request("any", &[("a", "1")])).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().as_ref()), (201, b"shut POST /x?a=1".as_slice()));
    assert_eq!(answer.headers()["x-own"], "1", "status, headers and body pass through");
}

#[tokio::test]
async fn triggers_are_those_of_s_yaml() {
    let dir = tempfile::tempdir().unwrap();
    let function = |name: &str, auth: &str| {
        let trigger =
            format!("{{ triggerName: t, triggerType: http, triggerConfig: {{ authType: {auth}, methods: [GET] }} }}");
        let triggers = if auth.is_empty() { String::new() } else { format!(", triggers: [{trigger}]") };
        format!(
            "  {name}: {{ component: fc3, props: {{ functionName: {name}, runtime: custom, memorySize: 128{triggers} }} }}\n"
        )
    };
    let s_yaml = ["resources:\n", &function("open", "anonymous"), &function("shut", "function"), &function("none", "")];
    std::fs::write(dir.path().join("s.yaml"), s_yaml.concat()).unwrap();
    let config = Config {
        state_dir: dir.path().into(),
        image_dir: dir.path().into(),
        s_yaml: dir.path().join("s.yaml"),
        policy_dir: "infra/ram".into(),
        function_dir: dir.path().into(),
        port: 0,
        owner_pid: None,
        region: "cn-hangzhou".into(),
        account_id: "1234".into(),
        ots_instance: "ferry".into(),
        latency: Duration::ZERO,
        timer_cap: None,
        timeout_cap: None,
        function_env: vec![],
    };
    let store = Store::open(&dir.path().join("store")).unwrap();
    let keyring = Keyring::open(&store, Policies::default()).unwrap();
    let functions = FunctionCompute::open(Arc::new(config), store, keyring, Arc::new(|| 0), Tuning::default()).unwrap();
    let web = Web::new(functions);
    let auth = ["open", "shut", "none", "nobody"].map(|name| (web.auth)(name));
    assert_eq!(auth, [Some(AuthType::Anonymous), Some(AuthType::Function), None, None]);
    // The cloud of functions was not started: what is let through gets no further.
    for (name, method, expected) in [
        ("open", "GET", (503, "ServiceUnavailable")),
        ("open", "POST", (405, "MethodNotAllowed")),
        ("none", "GET", (404, "TriggerNotFound")),
        ("nobody", "GET", (404, "FunctionNotFound")),
    ] {
        let mut request = Request::builder().method(method).uri("/").body(Bytes::new()).unwrap();
        request.extensions_mut().insert(FunctionName(name.into()));
        let answer = (web.pass)(request).await;
        let body = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(code(&(answer.status().as_u16(), body)), expected, "{name}");
    }
}
