//! "RPC style" products (ECS, STS, …): POST to `/`, all parameters in the query, JSON back.

use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Url;
use serde::de::DeserializeOwned;

use crate::credentials::Credentials;
use crate::error::{ApiError, ErrorKind};
use crate::exchange::{Acs3, Call, acs3_request, address, parse_endpoint};
use crate::retry::{self, Attempt, Environment, Policy, System};
use crate::sign::rpc_v1;

/// How requests are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// `ACS3-HMAC-SHA256`, in headers.
    #[default]
    Acs3,
    /// HMAC-SHA1, in parameters.
    RpcV1,
}

/// A product and the version of its API.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    /// As errors name it.
    pub name: &'static str,
    /// `2014-05-26`.
    pub version: &'static str,
}

/// A call that changed something, by the service's own number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// `ResetDisk`
    pub operation: String,
    /// What it was about, `d-…`; the region when it was about nothing that has an id.
    pub resource: String,
    /// The name that it gave to what it made, if any.
    pub name: String,
    /// RequestId of the answer; the operator finds the call by it in ActionTrail, and the vendor in its logs.
    pub request_id: String,
}

/// What was done by a client and its clones, for whoever must account for it.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Mutex<Vec<Done>>>);

impl Ledger {
    /// What was done since it was asked last, in the order of the answers.
    pub fn take(&self) -> Vec<Done> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, done: Done) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(done);
    }
}

/// Client of one product in one region with one access key; cheap to make and to clone.
#[derive(Clone)]
pub struct RpcClient {
    http: reqwest::Client,
    product: Product,
    endpoint: Url,
    region: String,
    credentials: Credentials,
    scheme: Scheme,
    policy: Policy,
    environment: Arc<dyn Environment>,
    ledger: Option<Ledger>,
}

impl RpcClient {
    /// A client that signs with [`Scheme::Acs3`] and the default [`Policy`]. `endpoint` is
    /// `http://host:port` or `https://host`; anything else is [`ErrorKind::Invalid`].
    pub fn new(
        http: reqwest::Client,
        product: Product,
        endpoint: &str,
        region: &str,
        credentials: Credentials,
    ) -> Result<Self, ApiError> {
        Ok(Self {
            http,
            product,
            endpoint: parse_endpoint(product.name, endpoint)?,
            region: region.to_owned(),
            credentials,
            scheme: Scheme::default(),
            policy: Policy::default(),
            environment: Arc::new(System),
            ledger: None,
        })
    }

    /// Signs with `scheme`.
    pub fn with_scheme(self, scheme: Scheme) -> Self {
        Self { scheme, ..self }
    }

    /// Is as patient as `policy` says.
    pub fn with_policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// Takes clock and chance from `environment`.
    pub fn with_environment(self, environment: Arc<dyn Environment>) -> Self {
        Self { environment, ..self }
    }

    /// Notes in `ledger` what is done: every successful call but those that only read.
    pub fn with_ledger(self, ledger: Ledger) -> Self {
        Self { ledger: Some(ledger), ..self }
    }

    /// The ledger, if there is one.
    pub fn ledger(&self) -> Option<&Ledger> {
        self.ledger.as_ref()
    }

    /// Region id.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Calls `action`. `idempotent` says that executing it twice is executing it once; `Describe*`
    /// and `List*` always are. See [`retry`] for when a request is sent again.
    pub async fn call<T: DeserializeOwned>(
        &self,
        action: &str,
        params: Vec<(String, String)>,
        idempotent: bool,
    ) -> Result<T, ApiError> {
        let idempotent = idempotent || action.starts_with("Describe") || action.starts_with("List");
        let call = Call { product: self.product.name, operation: action, resource: resource(&params, &self.region) };
        let answer = retry::run(&*self.environment, &self.policy, idempotent, |attempt| {
            let request = match self.scheme {
                Scheme::Acs3 => self.acs3(action, &params, &attempt),
                Scheme::RpcV1 => self.rpc_v1(action, &params, &attempt),
            };
            async move {
                let (headers, body) = call.send(request).await?;
                call.json(&headers, &body)
            }
        })
        .await?;
        if let Some(ledger) = self.ledger.as_ref().filter(|_| !only_reads(action)) {
            ledger.note(Done {
                operation: action.to_owned(),
                resource: call.resource.to_owned(),
                name: params
                    .iter()
                    .find(|(name, _)| NAMES.contains(&name.as_str()))
                    .map(|(_, name)| name.clone())
                    .unwrap_or_default(),
                request_id: answer["RequestId"].as_str().unwrap_or_default().to_owned(),
            });
        }
        T::deserialize(answer).map_err(|e| call.error(ErrorKind::Decode(e.to_string())))
    }

    fn acs3(&self, action: &str, params: &[(String, String)], attempt: &Attempt) -> reqwest::RequestBuilder {
        let request = Acs3 {
            endpoint: &self.endpoint,
            path: "/",
            query: params,
            action,
            version: self.product.version,
            credentials: &self.credentials,
            headers: &[],
            body: b"",
        };
        acs3_request(&self.http, &request, attempt)
    }

    fn rpc_v1(&self, action: &str, params: &[(String, String)], attempt: &Attempt) -> reqwest::RequestBuilder {
        let timestamp = attempt.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let mut all = params.to_vec();
        let mut add = |name: &str, value: &str| all.push((name.to_owned(), value.to_owned()));
        add("AccessKeyId", &self.credentials.access_key_id);
        add("Action", action);
        add("Format", "JSON");
        add("SignatureMethod", "HMAC-SHA1");
        add("SignatureNonce", &attempt.nonce);
        add("SignatureVersion", "1.0");
        add("Timestamp", &timestamp);
        add("Version", self.product.version);
        if let Some(token) = &self.credentials.security_token {
            add("SecurityToken", token);
        }
        let signature = rpc_v1::signature("POST", &all, &self.credentials.access_key_secret);
        all.push(("Signature".into(), signature));
        let (url, host) = address(&self.endpoint, "/", &all);
        self.http.post(url).header("host", host).timeout(attempt.timeout)
    }
}

/// Parameters that give a name to what is made.
const NAMES: [&str; 5] = ["Name", "SnapshotName", "DiskName", "ImageName", "InstanceName"];

fn only_reads(action: &str) -> bool {
    ["Describe", "List", "Get"].iter().any(|verb| action.starts_with(verb))
}

/// The parameter that names what the call is about; the region when none does.
fn resource<'a>(params: &'a [(String, String)], region: &'a str) -> &'a str {
    let names =
        ["DiskId", "SnapshotId", "InvokeId", "InstanceId", "InstanceId.1", "ResourceId.1", "InstanceIds", "RoleArn"];
    names.iter().find_map(|name| params.iter().find(|(n, _)| n == name)).map_or(region, |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::sign::{Wire, acs3, parse_query};
    use crate::testing::{FakeEnvironment, Reply, Server};

    const PRODUCT: Product = Product { name: "ECS", version: "2014-05-26" };

    fn credentials(token: Option<&str>) -> Credentials {
        Credentials {
            access_key_id: "STS.ak".into(),
            access_key_secret: "sk".into(),
            security_token: token.map(Into::into),
        }
    }

    fn client(endpoint: &str, environment: &Arc<FakeEnvironment>) -> RpcClient {
        RpcClient::new(crate::http::build(), PRODUCT, endpoint, "cn-hangzhou", credentials(Some("tok")))
            .unwrap()
            .with_environment(environment.clone())
    }

    fn error(status: u16, code: &str) -> Reply {
        Reply::new(status, json!({"Code": code, "Message": "m", "RequestId": "r"}))
    }

    fn params() -> Vec<(String, String)> {
        vec![("DiskId".into(), "d-1".into()), ("Description".into(), "中文 a*b".into())]
    }

    #[tokio::test]
    async fn what_is_sent_again_and_what_is_not() {
        let ok = || Reply::new(200, json!({"RequestId": "r", "SnapshotId": "s-1"}));
        // first answer, idempotent, requests sent, whether the call succeeds
        let table = [
            (error(400, "Throttling.User"), false, 2, true),
            (error(429, "TooManyRequests"), false, 2, true),
            (error(500, "InternalError"), false, 1, false),
            (error(500, "InternalError"), true, 2, true),
            (error(503, "ServiceUnavailable"), false, 1, false),
            (error(503, "ServiceUnavailable"), true, 2, true),
            (Reply::hang_up(), false, 1, false),
            (Reply::hang_up(), true, 2, true),
            (error(403, "LastTokenProcessing"), true, 2, true),
            (error(403, "IncorrectInstanceStatus"), true, 1, false),
            (error(404, "InvalidDiskId.NotFound"), true, 1, false),
            (Reply::new(200, json!("no object")), true, 1, false),
        ];
        for (first, idempotent, requests, succeeds) in table {
            let name = format!("{first:?} {idempotent}");
            let server = Server::start(vec![first, ok()]).await;
            let environment = Arc::new(FakeEnvironment::default());
            let answer: Result<crate::ecs::CreatedSnapshot, _> =
                client(&server.endpoint, &environment).call("CreateSnapshot", params(), idempotent).await;
            assert_eq!(answer.is_ok(), succeeds, "{name}: {answer:?}");
            assert_eq!(server.requests().len(), requests, "{name}");
        }
    }

    #[tokio::test]
    async fn reading_is_always_repeated_with_new_nonce_and_signature() {
        let server =
            Server::start(vec![Reply::hang_up(), error(500, "InternalError"), Reply::new(200, json!({}))]).await;
        let environment = Arc::new(FakeEnvironment::default());
        client(&server.endpoint, &environment).call::<Value>("DescribeDisks", params(), false).await.unwrap();
        let requests = server.requests();
        assert_eq!(requests.len(), 3);
        for request in &requests {
            let (path, query) = request.target.split_once('?').unwrap();
            let query = parse_query(query);
            let wire = Wire { method: &request.method, path, query: &query, headers: &request.headers, body: b"" };
            assert_eq!(acs3::verify(&wire, "sk"), Ok(()));
            assert_eq!(wire.header("x-acs-security-token").as_deref(), Some("tok"));
            assert_eq!(wire.header("x-acs-action").as_deref(), Some("DescribeDisks"));
        }
        let mut nonces: Vec<_> = requests.iter().map(|r| r.header("x-acs-signature-nonce")).collect();
        nonces.dedup();
        assert_eq!(nonces.len(), 3);
        let dates: Vec<_> = requests.iter().map(|r| r.header("x-acs-date")).collect();
        assert_ne!(dates[0], dates[2], "the clock went on between the tries");
    }

    #[tokio::test]
    async fn what_was_done_is_noted_and_what_was_only_read_or_refused_is_not() {
        let ok = |id: &str| Reply::new(200, json!({"RequestId": id, "SnapshotId": "s-1"}));
        let answers = vec![ok("r-1"), ok("r-2"), error(403, "IncorrectDiskStatus"), ok("r-4")];
        let server = Server::start(answers).await;
        let environment = Arc::new(FakeEnvironment::default());
        let ledger = Ledger::default();
        let client = client(&server.endpoint, &environment).with_ledger(ledger.clone());
        let named = || vec![("DiskId".into(), "d-1".into()), ("SnapshotName".into(), "n".into())];
        client.call::<Value>("CreateSnapshot", named(), true).await.unwrap();
        client.clone().call::<Value>("DescribeDisks", params(), true).await.unwrap();
        client.call::<Value>("ResetDisk", params(), false).await.unwrap_err();
        client.call::<Value>("ResetDisk", params(), false).await.unwrap();
        let done = |operation: &str, name: &str, request_id: &str| Done {
            operation: operation.into(),
            resource: "d-1".into(),
            name: name.into(),
            request_id: request_id.into(),
        };
        assert_eq!(ledger.take(), [done("CreateSnapshot", "n", "r-1"), done("ResetDisk", "", "r-4")]);
        assert_eq!(ledger.take(), []);
    }

    #[tokio::test]
    async fn a_lost_answer_leaves_the_fate_unknown() {
        let server = Server::start(vec![Reply::hang_up()]).await;
        let environment = Arc::new(FakeEnvironment::default());
        let error =
            client(&server.endpoint, &environment).call::<Value>("ResetDisk", params(), false).await.unwrap_err();
        assert!(error.fate_unknown() && error.is_transient(), "{error:?}");
        assert_eq!((&*error.operation, &*error.resource), ("ResetDisk", "d-1"));
        assert_eq!(environment.slept(), []);
    }

    #[tokio::test]
    async fn what_was_never_sent_is_sent_again() {
        // A port that nobody listens on.
        let endpoint = {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            format!("http://{}", listener.local_addr().unwrap())
        };
        let environment = Arc::new(FakeEnvironment::default());
        let error = client(&endpoint, &environment).call::<Value>("ResetDisk", params(), false).await.unwrap_err();
        assert!(!error.fate_unknown() && error.is_transient(), "{error:?}");
        assert_eq!(environment.slept().len(), Policy::default().attempts as usize - 1);
    }

    #[tokio::test]
    async fn backoff_doubles_and_the_asked_for_wait_is_kept() {
        let throttled = || error(400, "Throttling").with_header("x-acs-retry-after", "3000");
        let server = Server::start(vec![
            error(500, "InternalError"),
            error(500, "InternalError"),
            throttled(),
            Reply::new(200, json!({})),
        ])
        .await;
        let environment = Arc::new(FakeEnvironment::default());
        client(&server.endpoint, &environment).call::<Value>("DescribeDisks", vec![], false).await.unwrap();
        // The fake jitter is the whole limit.
        let millis: Vec<_> = environment.slept().iter().map(Duration::as_millis).collect();
        assert_eq!(millis, [100, 200, 3000 + 2000]);
    }

    #[tokio::test]
    async fn patience_ends_at_the_deadline() {
        let throttled = || error(400, "Throttling").with_header("x-acs-retry-after", "12000");
        let server = Server::start(vec![throttled(), throttled(), throttled(), throttled()]).await;
        let environment = Arc::new(FakeEnvironment::default());
        let error =
            client(&server.endpoint, &environment).call::<Value>("DescribeDisks", vec![], false).await.unwrap_err();
        assert!(error.is_throttling());
        // 12.5 s and 13 s are within 30 s; the third wait would end after it and is not begun.
        assert_eq!(environment.slept().len(), 2);
        assert_eq!(server.requests().len(), 3);
    }

    #[tokio::test]
    async fn version_1_signs_the_parameters() {
        let server = Server::start(vec![Reply::new(200, json!({}))]).await;
        let environment = Arc::new(FakeEnvironment::default());
        let client = client(&server.endpoint, &environment).with_scheme(Scheme::RpcV1);
        client.call::<Value>("CreateSnapshot", params(), true).await.unwrap();
        let requests = server.requests();
        let query = parse_query(requests[0].target.split_once('?').unwrap().1);
        assert_eq!(rpc_v1::verify("POST", &query, "sk"), Ok(()));
        assert!(query.contains(&("SecurityToken".into(), "tok".into())));
        assert!(query.contains(&("Description".into(), "中文 a*b".into())));
    }

    #[tokio::test]
    async fn an_error_code_with_status_200_is_an_error() {
        let server = Server::start(vec![error(200, "EventBusNotExist")]).await;
        let environment = Arc::new(FakeEnvironment::default());
        let error = client(&server.endpoint, &environment).call::<Value>("PutEvents", vec![], true).await.unwrap_err();
        assert_eq!(error.code(), "EventBusNotExist");
    }

    #[test]
    fn an_endpoint_is_a_url() {
        for endpoint in ["ecs.cn-hangzhou.aliyuncs.com", "ftp://host", "", "http://"] {
            let made = RpcClient::new(crate::http::build(), PRODUCT, endpoint, "r", credentials(None));
            assert!(matches!(made.err().map(|e| e.kind), Some(ErrorKind::Invalid(_))), "{endpoint}");
        }
    }
}
