//! What stands in the log, and what must not.

use std::io::Write;
use std::sync::{Arc, Mutex};

use fc_runtime::http_trigger::Request;
use fc_runtime::layers::OpenTelemetryLayer;
use fc_runtime::tracing::subscriber::fmt;
use fc_runtime::{Error, LambdaEvent, LambdaInvocation, Runtime, service_fn, tower};
use serde_json::{Value, json};
use tracing::subscriber::{DefaultGuard, set_default};

use crate::client::{Client, beside, event_request, http_request, socket};

/// What this thread logs.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Begins to keep it.
    fn keep() -> (Self, DefaultGuard) {
        let lines = Self::default();
        let writer = lines.clone();
        let subscriber = fmt().json().with_writer(move || writer.clone()).finish();
        (lines, set_default(subscriber))
    }

    fn read(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_invocation_is_printed_without_its_secrets() {
    let (listener, address) = socket();
    let (printed, mut print) = tokio::sync::mpsc::unbounded_channel();
    let layer = tower::layer::layer_fn(|inner: _| {
        let printed = printed.clone();
        tower::util::MapRequest::new(inner, move |invocation: LambdaInvocation| {
            printed.send(format!("{invocation:?} {:?}", invocation.parts.headers)).unwrap();
            invocation
        })
    });
    let handler = service_fn(async |event: LambdaEvent<Value>| {
        let credentials = &event.context.fc().credentials;
        Ok::<_, Error>(json!([credentials.access_key_secret, credentials.security_token]))
    });
    beside(Runtime::new(handler).layer(layer).listener(listener).run(), async {
        let mut request = event_request("1");
        for (name, value) in [("x-fc-access-key-secret", "the-secret"), ("x-fc-security-token", "the-token")] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        assert_eq!(Client::connect(address).await.send(request).await.json(), json!(["the-secret", "the-token"]));
        let printed = print.recv().await.unwrap();
        assert!(printed.contains("x-fc-security-token") && printed.contains("x-fc-access-key-secret"), "{printed}");
        assert!(!printed.contains("the-secret") && !printed.contains("the-token"), "{printed}");
    })
    .await;
}

#[tokio::test]
async fn a_failure_is_logged_once() {
    let (lines, _guard) = Lines::keep();
    let (listener, address) = socket();
    let handler = service_fn(async |event: LambdaEvent<String>| match event.payload.as_str() {
        "error" => Err::<(), _>(Error::from("broken")),
        other => panic!("{other}"),
    });
    beside(Runtime::new(handler).listener(listener).run(), async {
        let mut client = Client::connect(address).await;
        for (event, message) in [("\"error\"", "broken"), ("\"panic\"", "panic"), ("1", "invalid type")] {
            let before = lines.read().len();
            client.invoke(event).await;
            let logged = lines.read().split_off(before);
            assert_eq!((logged.len(), &logged[0]["level"]), (1, &json!("ERROR")), "{logged:?}");
            assert!(logged[0]["fields"].to_string().contains(message), "{logged:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_http_handler_s_lines_name_their_request() {
    let (lines, _guard) = Lines::keep();
    let (listener, address) = socket();
    let handler = service_fn(|_: Request| {
        tracing::info!("called");
        async {
            tokio::task::yield_now().await;
            tracing::info!("at work");
            Ok::<_, Error>("done")
        }
    });
    beside(Runtime::for_http(handler).listener(listener).run(), async {
        let mut request = http_request("GET", "/", "");
        request.headers_mut().insert("x-fc-request-id", "r-7".parse().unwrap());
        assert_eq!(Client::connect(address).await.send(request).await.body, "done");
    })
    .await;
    let named: Vec<_> = lines.read().iter().map(|line| line["span"]["requestId"].clone()).collect();
    assert_eq!(named, ["r-7", "r-7"]);
}

#[tokio::test]
async fn an_instance_starts_cold_once() {
    let (lines, _guard) = Lines::keep();
    let (listener, address) = socket();
    let handler = service_fn(async |_: LambdaEvent<Value>| {
        tracing::info!("at work");
        Ok::<_, Error>(())
    });
    let runtime = Runtime::new(handler).layer(OpenTelemetryLayer::new(|| {}));
    beside(runtime.listener(listener).run_concurrent(), async {
        for _ in 0..3 {
            assert_eq!(Client::connect(address).await.invoke("1").await.fc_status(), "200");
        }
    })
    .await;
    let cold: Vec<_> = lines.read().iter().map(|line| line["span"]["faas.coldstart"].clone()).collect();
    assert_eq!(cold, [true, false, false]);
}
