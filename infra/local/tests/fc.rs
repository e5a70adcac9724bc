//! Function Compute with real function processes. The function is this very binary, started again:
//! see [`function_process`].

#![allow(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use fc_runtime::{Error, LambdaEvent, service_fn};
use http::{Request, Response, StatusCode};
use local_cloud::config::Config;
use local_cloud::credentials::Keyring;
use local_cloud::fc::{FunctionCompute, InvokeResult, Tuning};
use local_cloud::ram::Policies;
use local_cloud::seams::Invoker;
use local_cloud::store::Store;
use serde_json::{Value, json};

/// The function's process, not a test: returns at once when it was not started as one.
#[test]
fn function_process() {
    if std::env::var_os("FC_INSTANCE_ID").is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(fc_runtime::run_concurrent(service_fn(handler))).unwrap();
}

/// Does what the event says.
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (payload, context) = event.into_parts();
    if let Some(file) = payload["append"].as_str() {
        use std::io::Write;
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file)?;
        writeln!(file, "{}", context.fc().retry_count)?;
    }
    if let Some(file) = payload["until"].as_str() {
        while !Path::new(file).exists() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    match payload["do"].as_str() {
        Some("fail") => Err("as told".into()),
        Some("exit") => std::process::exit(3),
        Some("hang") => std::future::pending().await,
        Some("tell") => Ok(json!({
            "pid": std::process::id(),
            "environment": std::env::vars().collect::<std::collections::BTreeMap<_, _>>(),
            "arn": context.invoked_function_arn,
            "request_id": context.request_id,
            "timeout": context.fc().function_timeout.map(|timeout| timeout.as_secs()),
            "access_key_id": context.fc().credentials.access_key_id,
            "qualifier": context.fc().qualifier,
        })),
        _ if payload["version"] == "v1" => Ok(json!({
            "statusCode": 201,
            "headers": { "x-own": "yes", "x-fc-forged": "no", "content-type": "application/json" },
            "body": payload.to_string(),
        })),
        _ => Ok(payload),
    }
}

/// A cloud of functions in a directory of its own.
struct Cloud {
    dir: tempfile::TempDir,
    config: Config,
    tuning: Tuning,
}

struct Open {
    fc: Arc<FunctionCompute>,
    keyring: Keyring,
}

impl Cloud {
    /// With one function `f` of these `props` (flow YAML, each with a comma).
    fn new(props: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let s_yaml = format!(
            "{{ resources: {{ f: {{ component: fc3, props: {{ functionName: f, runtime: custom, memorySize: 128, {props} }} }} }} }}"
        );
        std::fs::write(dir.path().join("s.yaml"), s_yaml).unwrap();
        let exe = std::env::current_exe().unwrap();
        let script = format!("#!/bin/sh\nexec '{}' --exact function_process --nocapture\n", exe.display());
        let binary = dir.path().join("f");
        std::fs::write(&binary, script).unwrap();
        std::fs::set_permissions(&binary, PermissionsExt::from_mode(0o755)).unwrap();
        let config = Config {
            state_dir: dir.path().into(),
            image_dir: dir.path().into(),
            s_yaml: dir.path().join("s.yaml"),
            policy_dir: "infra/ram".into(),
            function_dir: dir.path().into(),
            port: 0,
            owner_pid: None,
            region: "cn-hangzhou".into(),
            account_id: "123456789".into(),
            ots_instance: "ferry".into(),
            latency: Duration::ZERO,
            timer_cap: None,
            timeout_cap: None,
            function_env: vec![("CLOUD".into(), "{endpoint}/x".into())],
        };
        let tuning = Tuning { retry_delay: Duration::from_millis(5), ..Tuning::default() };
        Self { dir, config, tuning }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn open(&self) -> Open {
        let store = Store::open(&self.path("store")).unwrap();
        let keyring = Keyring::open(&store, Policies::default()).unwrap();
        let clock = Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64);
        let config = Arc::new(self.config.clone());
        let fc = FunctionCompute::open(config, store, keyring.clone(), clock, self.tuning.clone()).unwrap();
        Open { fc, keyring }
    }

    fn start(&self) -> Open {
        let open = self.open();
        open.fc.start("127.0.0.1:4711".parse().unwrap()).unwrap();
        open
    }

    fn lines(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.path(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

impl Open {
    async fn invoke(&self, event: Value) -> InvokeResult {
        self.fc.invoke("f", event.to_string().into()).await.unwrap()
    }

    async fn tell(&self) -> Value {
        let result = self.invoke(json!({ "do": "tell" })).await;
        assert_eq!(result.error_type, None, "{result:?}");
        serde_json::from_slice(&result.body).unwrap()
    }
}

fn body(result: &InvokeResult) -> Value {
    serde_json::from_slice(&result.body).unwrap()
}

/// Waits until `condition` holds.
async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_function_gets_what_function_compute_gives() {
    let cloud = Cloud::new("timeout: 60, environmentVariables: { MINE: 1, CLOUD: no }");
    let open = cloud.start();
    let told = open.tell().await;
    assert_eq!(told["arn"], "acs:fc:cn-hangzhou:123456789:functions/f");
    assert_eq!((&told["timeout"], &told["qualifier"]), (&json!(60), &json!("LATEST")));

    let environment = told["environment"].as_object().unwrap();
    assert_eq!((&environment["MINE"], &environment["CLOUD"]), (&json!("1"), &json!("http://127.0.0.1:4711/x")));
    let of_the_shell = ["PWD", "OLDPWD", "SHLVL", "_"];
    let names: BTreeSet<_> =
        environment.keys().map(String::as_str).filter(|name| !of_the_shell.contains(name)).collect();
    let expected = [
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        "ALIBABA_CLOUD_SECURITY_TOKEN",
        "CLOUD",
        "FC_ACCOUNT_ID",
        "FC_CUSTOM_LISTEN_PORT",
        "FC_FUNCTION_HANDLER",
        "FC_FUNCTION_MEMORY_SIZE",
        "FC_FUNCTION_NAME",
        "FC_FUNCTION_VERSION",
        "FC_FUNC_CODE_PATH",
        "FC_INSTANCE_ID",
        "FC_REGION",
        "MINE",
        "PATH",
        "RUNTIME_LISTEN_HOST",
    ];
    assert_eq!(names, BTreeSet::from(expected));

    // The end of an invocation is logged once its answer is on the way.
    let end = format!("FC Invoke End RequestId: {}", told["request_id"].as_str().unwrap());
    let log = cloud.path("logs/f.log");
    until("the end is logged", || std::fs::read_to_string(&log).is_ok_and(|log| log.contains(&end))).await;

    // The key is the process's own, the same in headers and environment, and ends with it.
    let key = told["access_key_id"].as_str().unwrap();
    assert_eq!(environment["ALIBABA_CLOUD_ACCESS_KEY_ID"], key);
    assert!(open.keyring.find(key).is_some());
    let processes = open.fc.processes();
    assert_eq!(processes.len(), 1);
    assert_eq!((processes[0].pid, processes[0].busy_request.as_ref()), (told["pid"].as_u64().unwrap() as u32, None));
    assert!(open.fc.kill(&processes[0].instance));
    until("the key is revoked", || open.keyring.find(key).is_none()).await;
    assert!(!open.fc.kill("c-0"));
}

#[tokio::test]
async fn failures_are_told_in_the_words_of_function_compute() {
    let mut cloud = Cloud::new("timeout: 60,");
    let open = cloud.start();
    let fine = open.invoke(json!([1])).await;
    assert_eq!((fine.status, fine.error_type, body(&fine)), (200, None, json!([1])));

    let failed = open.invoke(json!({ "do": "fail" })).await;
    assert_eq!(failed.error_type, Some("UnhandledInvocationError"));
    assert_eq!(body(&failed)["errorMessage"], "as told");
    let first = open.tell().await["pid"].clone();

    let exited = open.invoke(json!({ "do": "exit" })).await;
    assert_eq!(exited.error_type, Some("UnhandledInvocationError"));
    let message = body(&exited)["errorMessage"].as_str().unwrap().to_owned();
    assert!(message.starts_with("Process exited unexpectedly before completing request (duration: "), "{message}");
    assert_ne!(open.tell().await["pid"], first, "a new process goes on");
    open.fc.shutdown().await;
    assert_eq!(open.fc.invoke("f", Bytes::new()).await.unwrap_err().code, "ServiceUnavailable");
    drop(open);

    std::fs::remove_file(cloud.path("f")).unwrap();
    cloud.tuning.max_processes = 1;
    let open = cloud.start();
    for _ in 0..2 {
        let result = open.invoke(json!(1)).await;
        assert_eq!(result.error_type, Some("FunctionNotStarted"), "and its place is free again");
    }
}

#[tokio::test]
async fn a_process_that_exceeds_the_timeout_is_killed() {
    let mut cloud = Cloud::new("timeout: 60,");
    cloud.config.timeout_cap = Some(Duration::from_secs(1));
    let open = cloud.start();
    let pid = open.tell().await["pid"].as_u64().unwrap();
    let result = open.invoke(json!({ "do": "hang" })).await;
    assert_eq!(result.error_type, Some("FunctionTimeoutError"));
    assert_eq!(body(&result)["errorMessage"], "Function timed out after 1 seconds");
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    assert!(open.fc.processes().is_empty());
    assert_ne!(open.tell().await["pid"], json!(pid));
}

#[tokio::test]
async fn processes_are_reused_and_more_are_started_only_when_all_are_busy() {
    let mut cloud = Cloud::new("timeout: 60,");
    cloud.tuning.max_processes = 2;
    cloud.tuning.idle = Duration::from_millis(50);
    let open = cloud.start();
    let first = open.tell().await["pid"].clone();
    assert_eq!(open.tell().await["pid"], first);

    let (log, gate) = (cloud.path("log"), cloud.path("gate"));
    let event = json!({ "append": log, "until": gate });
    let calls =
        async { tokio::join!(open.invoke(event.clone()), open.invoke(event.clone()), open.invoke(event.clone())) };
    let watch = async {
        until("two of three are under way", || cloud.lines("log").len() == 2).await;
        let processes = open.fc.processes();
        assert_eq!(processes.len(), 2);
        assert!(processes.iter().all(|process| process.busy_request.is_some()), "{processes:?}");
        assert_eq!(cloud.lines("log").len(), 2, "the third one waits");
        std::fs::write(&gate, "").unwrap();
    };
    let ((a, b, c), ()) = tokio::join!(calls, watch);
    assert_eq!([a.error_type, b.error_type, c.error_type], [None; 3]);
    until("idle processes are stopped", || open.fc.processes().is_empty()).await;
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_free_the_process() {
    let mut cloud = Cloud::new("timeout: 60,");
    cloud.tuning.max_processes = 1;
    let open = cloud.start();
    let event = json!({ "append": cloud.path("log"), "until": cloud.path("gate") });
    tokio::select! {
        result = open.invoke(event) => panic!("{result:?}"),
        () = until("it is under way", || cloud.lines("log").len() == 1) => {}
    }
    assert!(open.fc.processes()[0].busy_request.is_some());
    std::fs::write(cloud.path("gate"), "").unwrap();
    until("it is over", || open.fc.processes()[0].busy_request.is_none()).await;
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_a_process_that_never_listens() {
    let cloud = Cloud::new("timeout: 60,");
    std::fs::write(
        cloud.path("f"),
        format!("#!/bin/sh\necho $$ > '{}'\nexec sleep 1000\n", cloud.path("pid").display()),
    )
    .unwrap();
    let open = cloud.start();
    let (result, ()) = tokio::join!(open.fc.invoke("f", Bytes::new()), async {
        until("it was started", || cloud.lines("pid").len() == 1).await;
        open.fc.shutdown().await;
    });
    assert_eq!(result.unwrap_err().code, "ServiceUnavailable");
    let pid = cloud.lines("pid")[0].clone();
    until("it is gone", || !Path::new("/proc").join(&pid).exists()).await;
}

#[tokio::test]
async fn instance_concurrency_shares_a_process() {
    let cloud = Cloud::new("timeout: 60, instanceConcurrency: 3,");
    let open = cloud.start();
    let (log, gate) = (cloud.path("log"), cloud.path("gate"));
    let event = json!({ "append": log, "until": gate });
    let calls =
        async { tokio::join!(open.invoke(event.clone()), open.invoke(event.clone()), open.invoke(event.clone())) };
    let watch = async {
        until("three are under way", || cloud.lines("log").len() == 3).await;
        assert_eq!(open.fc.processes().len(), 1);
        std::fs::write(&gate, "").unwrap();
    };
    tokio::join!(calls, watch);
}

#[tokio::test]
async fn an_asynchronous_invocation_is_retried_and_then_kept_as_a_dead_letter() {
    let config = "timeout: 60, asyncInvokeConfig: { maxAsyncRetryAttempts: 2, destinationConfig: { onFailure: { destination: 'acs:fc:cn-hangzhou::functions/f' } } }";
    let cloud = Cloud::new(config);
    let open = cloud.start();
    let event = json!({ "do": "fail", "append": cloud.path("tries") }).to_string();
    let id = open.fc.submit("f", event.as_bytes()).unwrap();
    until("it is given up", || open.fc.queued().unwrap() == 0).await;
    assert_eq!(cloud.lines("tries"), ["0", "1", "2"]);

    // The destination, which is the same function, took the message without complaint.
    let letters = open.fc.dead_letters().unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["function"], "f");
    assert_eq!(letters[0]["destination"], "acs:fc:cn-hangzhou::functions/f");
    let message = &letters[0]["message"];
    assert_eq!(message["requestPayload"], event);
    assert_eq!(message["requestContext"]["requestId"], id);
    assert_eq!(message["requestContext"]["condition"], "UnhandledInvocationError");
    assert_eq!(message["requestContext"]["approximateInvokeCount"], 3);
    assert!(message["responsePayload"].as_str().unwrap().contains("as told"));

    assert_eq!(open.fc.submit("no", b"").unwrap_err().code, "FunctionNotFound");
    assert_eq!(open.fc.submit("f", &vec![0; (128 << 10) + 1]).unwrap_err().status, 413);
}

#[tokio::test]
async fn what_is_queued_survives_a_reopened_store() {
    let cloud = Cloud::new("timeout: 60, asyncInvokeConfig: { maxAsyncRetryAttempts: 0 }");
    {
        let open = cloud.open(); // never started
        open.fc.submit("f", json!({ "append": cloud.path("waited") }).to_string().as_bytes()).unwrap();
    }
    {
        let open = cloud.start();
        let event = json!({ "append": cloud.path("cut"), "until": cloud.path("gate") });
        open.fc.submit("f", event.to_string().as_bytes()).unwrap();
        until("both began", || cloud.lines("waited").len() == 1 && cloud.lines("cut").len() == 1).await;
        until("one is over", || open.fc.queued().unwrap() == 1).await;
        open.fc.shutdown().await;
        assert!(open.fc.processes().is_empty());
        assert_eq!((open.fc.queued().unwrap(), open.fc.dead_letters().unwrap().len()), (1, 0));
    }
    std::fs::write(cloud.path("gate"), "").unwrap();
    let open = reopened(&cloud).await;
    until("the other is over", || open.fc.queued().unwrap() == 0).await;
    assert_eq!(cloud.lines("cut"), ["0", "0"], "begun again, and not counted as a retry");
    assert_eq!(cloud.lines("waited").len(), 1);
    assert!(open.fc.dead_letters().unwrap().is_empty());
}

/// Opens and starts once the tasks of the cloud before have let go of the store.
async fn reopened(cloud: &Cloud) -> Open {
    until("the store is free", || Store::open(&cloud.path("store")).is_ok()).await;
    cloud.start()
}

#[tokio::test]
async fn timers_fire_with_their_payload() {
    let trigger =
        "{ triggerName: tick, triggerType: timer, triggerConfig: { cronExpression: '@every 5m', payload: 'x' } }";
    let mut cloud =
        Cloud::new(&format!("timeout: 60, asyncInvokeConfig: {{ maxAsyncRetryAttempts: 0 }}, triggers: [{trigger}]"));
    cloud.config.timer_cap = Some(Duration::from_millis(20));
    // Cannot be started, so that every firing ends as a dead letter to look at.
    std::fs::remove_file(cloud.path("f")).unwrap();
    let open = cloud.start();
    until("it fires again and again", || open.fc.dead_letters().unwrap().len() >= 3).await;
    let letter = &open.fc.dead_letters().unwrap()[0];
    let event: Value = serde_json::from_str(letter["message"]["requestPayload"].as_str().unwrap()).unwrap();
    assert_eq!((&event["triggerName"], &event["payload"]), (&json!("tick"), &json!("x")));
    assert!(event["triggerTime"].as_str().unwrap().ends_with('Z'));
    open.fc.shutdown().await;
}

#[tokio::test]
async fn an_http_trigger_passes_requests_through() {
    let trigger =
        "{ triggerName: web, triggerType: http, triggerConfig: { authType: anonymous, methods: [GET, PUT] } }";
    let mut cloud = Cloud::new(&format!("timeout: 60, triggers: [{trigger}]"));
    cloud.config.timeout_cap = Some(Duration::from_secs(30));
    let open = cloud.start();
    let request = |method: &str| {
        let request =
            Request::builder().method(method).uri("http://console.local:80/a%20b?x=1").header("host", "console.local");
        request
            .header("x-fc-account-id", "forged")
            .header("connection", "close")
            .header("x-own", "1")
            .body(Bytes::from("hi"))
            .unwrap()
    };
    let response = open.fc.http("f", request("PUT")).await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.headers()["x-own"], "yes");
    assert!(!response.headers().contains_key("x-fc-forged") && !response.headers().contains_key("x-fc-status"));
    assert!(!response.headers().contains_key("date"));
    let event: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(
        (&event["rawPath"], &event["queryParameters"]["x"], &event["body"]),
        (&json!("/a%20b"), &json!("1"), &json!("hi"))
    );
    assert_eq!(event["requestContext"]["accountId"], "123456789");
    assert_eq!((&event["headers"]["host"], &event["headers"]["x-own"]), (&json!("console.local"), &json!("1")));
    assert!(event["headers"].get("connection").is_none());
    assert_eq!(open.fc.http("f", request("POST")).await.unwrap_err().status, 405);
    assert_eq!(open.fc.http("g", request("PUT")).await.unwrap_err().code, "FunctionNotFound");
    let none = Cloud::new("").start();
    assert_eq!(none.fc.http("f", request("GET")).await.unwrap_err().code, "TriggerNotFound");
}

#[tokio::test]
async fn invoke_function_answers_as_the_api_does() {
    let cloud = Cloud::new("timeout: 60,");
    let open = cloud.start();
    let send = async |method: &str, path: &str, header: (&str, &str), event: Value| -> Response<Bytes> {
        let request = Request::builder().method(method).uri(path).header(header.0, header.1);
        open.fc.handle(request.body(event.to_string().into()).unwrap()).await
    };
    let path = "/2023-03-30/functions/f/invocations";
    let sync = ("x-fc-invocation-type", "Sync");

    let fine = send("POST", path, sync, json!({ "do": "tell" })).await;
    assert_eq!(fine.status(), 200);
    let told: Value = serde_json::from_slice(fine.body()).unwrap();
    assert_eq!(fine.headers()["x-fc-request-id"], told["request_id"].as_str().unwrap());
    assert!(!fine.headers().contains_key("x-fc-error-type"));

    let failed = send("POST", &format!("{path}?qualifier=LATEST"), sync, json!({ "do": "fail" })).await;
    assert_eq!(
        (failed.status().as_u16(), &failed.headers()["x-fc-error-type"]),
        (200, &"UnhandledInvocationError".parse().unwrap())
    );

    let queued = send("POST", path, ("x-fc-invocation-type", "Async"), json!({ "append": cloud.path("ran") })).await;
    assert_eq!((queued.status().as_u16(), queued.body().len()), (202, 0));
    assert!(queued.headers().contains_key("x-fc-request-id"));
    until("it ran", || cloud.lines("ran").len() == 1).await;

    for (method, path, header, status, code) in [
        ("POST", "/2023-03-30/functions/g/invocations", sync, 404, "FunctionNotFound"),
        ("POST", "/2023-03-30/functions/f/invocations?qualifier=1", sync, 404, "VersionNotFound"),
        ("GET", path, sync, 404, "InvalidAction.NotFound"),
        ("POST", "/2023-03-30/functions", sync, 404, "InvalidAction.NotFound"),
        ("POST", path, ("x-fc-invocation-type", "Later"), 400, "InvalidArgument"),
        ("POST", path, ("x-fc-async-task-id", "t"), 400, "InvalidArgument"),
    ] {
        let answer = send(method, path, header, json!(1)).await;
        let said: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!((answer.status().as_u16(), said["Code"].as_str()), (status, Some(code)), "{method} {path}: {said}");
        assert!(said["RequestId"].is_string() && said["Message"].is_string());
    }
}
