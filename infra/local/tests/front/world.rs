//! A front with services behind it, and requests to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use local_cloud::chaos::{Chaos, Fault, FaultRule};
use local_cloud::credentials::{Identity, Keyring, Who};
use local_cloud::eventbridge::{EventBridge, Place};
use local_cloud::fc::triggers::AuthType;
use local_cloud::front::{EcsApi, Front, FunctionName, Services, Web, handler, serve};
use local_cloud::ram::{self, Policies};
use local_cloud::seams::{Invoker, ServiceError};
use local_cloud::store::Store;
use local_cloud::tablestore::Tablestore;
use openapi::Credentials;
use openapi::sign::{Wire, acs3, canonical_query};
use serde_json::{Value, json};

/// When the captured requests were made: 2026-11-23T00:09:50Z.
pub const NOW: i64 = 1_795_392_590_000;

/// What the role `ferry` may do.
const FERRY: &str = r#"{ "Version": "1", "Statement": [
    { "Effect": "Allow", "Action": "eventbridge:PutEvents",
      "Resource": "acs:eventbridge:${REGION}:${ACCOUNT}:eventbus/osmig-bus" } ] }"#;

/// Calls that ECS got: who, action, parameters.
pub type Calls = Arc<Mutex<Vec<(Who, String, BTreeMap<String, String>)>>>;

pub struct FakeEcs(Calls);

impl EcsApi for FakeEcs {
    fn call(&self, who: &Identity, action: &str, params: &BTreeMap<String, String>) -> Result<Value, ServiceError> {
        self.0.lock().unwrap().push((who.who.clone(), action.into(), params.clone()));
        match action {
            "RunCommand" => Ok(json!({"CommandId": "c-1", "InvokeId": "t-1"})),
            "StartInstance" => Err(ServiceError::new(403, "IncorrectInstanceStatus", "no")),
            "Panic" => panic!("on purpose"),
            _ => Ok(json!({})),
        }
    }
}

pub struct NoFunctions;

impl Invoker for NoFunctions {
    fn submit(&self, function: &str, _: &[u8]) -> Result<String, ServiceError> {
        Err(ServiceError::new(404, "FunctionNotFound", function))
    }
}

pub struct World {
    pub services: Arc<Services>,
    pub calls: Calls,
    pub killed: Arc<Mutex<Vec<String>>>,
    _dir: tempfile::TempDir,
}

/// A cloud whose operator has the key of the captured requests.
pub fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let operator = Identity {
        access_key_id: "testak".into(),
        access_key_secret: "testsk".into(),
        security_token: None,
        who: Who::Operator,
        policy: None,
    };
    let mut batch = store.batch();
    batch.put(&store.space("credentials").unwrap(), "operator", &operator).unwrap();
    store.commit(batch).unwrap();
    std::fs::create_dir(dir.path().join("ram")).unwrap();
    std::fs::write(dir.path().join("ram/ferry.json"), FERRY).unwrap();
    let here = ram::Place { region: "cn-hangzhou".into(), account_id: "1234".into(), ots_instance: "ferry".into() };
    let policies = Policies::load(&dir.path().join("ram"), &here).unwrap();
    let keyring = Keyring::open(&store, policies).unwrap();
    let killed = Arc::new(Mutex::new(Vec::new()));
    let (caller, cloud) = (killed.clone(), killed.clone());
    let chaos = Chaos::with_killers(
        Box::new(move |instance| caller.lock().unwrap().push(instance.to_owned())),
        Box::new(move || cloud.lock().unwrap().push("cloud".to_owned())),
    );
    let place = Place { account_id: "1234".into(), region: "cn-hangzhou".into() };
    let buses = ["osmig-bus".to_owned()];
    let calls = Calls::default();
    let echo = |name: &'static str| {
        handler(move |request: Request<Bytes>| async move {
            let who = request.extensions().get::<Identity>().unwrap().access_key_id.clone();
            Response::new(Bytes::from(format!("{name} {who} {} {}", request.method(), request.uri().path())))
        })
    };
    // `open` lets everybody in, `shut` whoever signs.
    let auth = |name: &str| match name {
        "open" => Some(AuthType::Anonymous),
        "shut" => Some(AuthType::Function),
        _ => None,
    };
    let pass = handler(|request: Request<Bytes>| async move {
        let FunctionName(name) = request.extensions().get().unwrap();
        let answer = format!("{name} {} {}", request.method(), request.uri());
        Response::builder().status(201).header("x-own", "1").body(answer.into()).unwrap()
    });
    let services = Services {
        account_id: "1234".into(),
        chaos: Arc::new(chaos),
        ecs: Arc::new(FakeEcs(calls.clone())),
        tablestore: Arc::new(Tablestore::open(store.clone(), keyring.clone(), "ferry").unwrap()),
        eventbridge: EventBridge::open(store, Arc::new(NoFunctions), place, &buses, vec![]).unwrap(),
        fc: echo("fc"),
        web: Web { auth: Box::new(auth), pass },
        admin: echo("admin"),
        keyring,
    };
    World { services: Arc::new(services), calls, killed, _dir: dir }
}

impl World {
    pub fn front(&self) -> Front {
        Front::new_at(self.services.clone(), Arc::new(|| NOW))
    }

    pub fn add_fault(&self, service: &str, action: &str, fault: Fault) {
        let rule = FaultRule { caller: None, service: service.into(), action: action.into(), skip: 0, fault };
        self.services.chaos.add(rule);
    }

    pub fn actions(&self) -> Vec<String> {
        self.calls.lock().unwrap().iter().map(|(_, action, _)| action.clone()).collect()
    }
}

/// What is signed, to be spoilt in tests.
pub struct Signed {
    pub credentials: Credentials,
    pub path: &'static str,
    pub date: &'static str,
    pub nonce: &'static str,
}

impl Default for Signed {
    fn default() -> Self {
        let credentials =
            Credentials { access_key_id: "testak".into(), access_key_secret: "testsk".into(), security_token: None };
        Self { credentials, path: "/", date: "2026-11-23T00:00:00Z", nonce: "n-1" }
    }
}

impl Signed {
    pub fn request(&self, action: &str, params: &[(&str, &str)]) -> Request<Bytes> {
        let query: Vec<_> = params.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let mut headers = vec![
            ("host", "127.0.0.1".to_owned()),
            ("x-acs-action", action.to_owned()),
            ("x-acs-version", "2014-05-26".to_owned()),
            ("x-acs-date", self.date.to_owned()),
            ("x-acs-signature-nonce", self.nonce.to_owned()),
            ("x-acs-content-sha256", acs3::content_sha256(b"")),
        ];
        headers.extend(self.credentials.security_token.clone().map(|token| ("x-acs-security-token", token)));
        let mut headers: Vec<_> = headers.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        let wire = Wire { method: "POST", path: self.path, query: &query, headers: &headers, body: b"" };
        headers.push(("authorization".into(), acs3::authorization(&wire, &self.credentials)));
        let target = format!("{}?{}", self.path, canonical_query(&query));
        let builder = Request::post(target);
        let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(name, value));
        builder.body(Bytes::new()).unwrap()
    }
}

/// Status and JSON.
pub async fn ask(front: &Front, request: Request<Bytes>) -> (u16, Value) {
    let answer = front.handle(request).await.unwrap();
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap())
}

pub fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["Code"].as_str().unwrap_or_default())
}

/// A cloud on a real port, and clients of it.
pub struct Port {
    pub endpoint: String,
    pub key: Credentials,
    pub stop: tokio::sync::oneshot::Sender<()>,
    pub served: tokio::task::JoinHandle<()>,
}

pub async fn open_port(world: &World) -> Port {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let shutdown = async move { stopped.await.unwrap_or_default() };
    let served = tokio::spawn(serve(listener, world.services.clone(), shutdown));
    Port { endpoint, key: Signed::default().credentials, stop, served }
}
