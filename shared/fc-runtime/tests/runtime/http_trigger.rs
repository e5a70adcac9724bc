//! HTTP triggers without events in between.

use bytes::Bytes;
use fc_runtime::http_trigger::{HttpRequest, HttpResponse, IntoResponse, Request, RequestExt};
use fc_runtime::streaming::{Body, channel};
use fc_runtime::{Error, LambdaEvent, Runtime, service_fn};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::client::{Client, beside, http_request, socket};

#[tokio::test]
async fn a_handler_gets_the_client_s_request_and_fc_its_answer() {
    let (listener, address) = socket();
    let handler = service_fn(async |request: Request| {
        let context = request.context().unwrap().clone();
        match request.path().as_str() {
            "/panic" => panic!("as asked"),
            "/error" => return Err(Error::from("broken")),
            _ => {}
        }
        let names: Vec<String> = request.headers().keys().map(ToString::to_string).collect();
        let query = request.query_parameters();
        let method = request.method().to_string();
        let body = request.into_bytes().await?;
        Ok(json!({ "id": context.request_id, "key": context.fc().credentials.access_key_id, "names": names,
            "method": method, "query": query, "size": body.len() }))
    });
    beside(Runtime::for_http(handler).listener(listener).run(), async {
        let mut client = Client::connect(address).await;
        let mut request = http_request("PATCH", "/x?a=1&a=2", "four");
        request.headers_mut().insert("x-fc-request-id", "r-7".parse().unwrap());
        request.headers_mut().insert("x-fc-access-key-id", "STS.k".parse().unwrap());
        let answer = client.send(request).await;
        assert_eq!(
            (answer.status, &answer.headers["content-type"]),
            (StatusCode::OK, &"application/json".parse().unwrap())
        );
        assert_eq!(
            answer.json(),
            json!({ "id": "r-7", "key": "STS.k", "names": ["host", "content-length"],
                "method": "PATCH", "query": [["a", "1"], ["a", "2"]], "size": 4 })
        );
        for (path, message) in [("/panic", "function panicked: as asked"), ("/error", "broken")] {
            let failed = client.send(http_request("GET", path, "")).await;
            assert_eq!((failed.status, failed.fc_status()), (StatusCode::INTERNAL_SERVER_ERROR, "404"));
            assert_eq!(failed.json()["errorMessage"], message);
        }
        let event = client.invoke("{}").await;
        assert_eq!((event.fc_status(), event.json()["errorType"].as_str()), ("404", Some("NoEventHandler")));
    })
    .await;
}

#[tokio::test]
async fn a_request_larger_than_allowed_breaks_off() {
    let (listener, address) = socket();
    let handler = service_fn(async |request: Request| Ok::<_, Error>(request.into_bytes().await?.len().to_string()));
    let mut limits = fc_runtime::Limits::default();
    limits.event_bytes = 1000;
    beside(Runtime::for_http(handler).limits(limits).listener(listener).run(), async {
        let fits = Client::connect(address).await.send(http_request("POST", "/", &"x".repeat(1000))).await;
        assert_eq!(fits.body, "1000");
        let over = Client::connect(address).await.send(http_request("POST", "/", &"x".repeat(1001))).await;
        assert_eq!((over.status, over.fc_status()), (StatusCode::INTERNAL_SERVER_ERROR, "404"));
    })
    .await;
}

#[tokio::test]
async fn a_router_and_an_event_handler_share_a_function() {
    let (listener, address) = socket();
    let router = axum::Router::new()
        .route(
            "/sum/{a}/{b}",
            axum::routing::get(async |axum::extract::Path((a, b)): axum::extract::Path<(u8, u8)>| (a + b).to_string()),
        )
        .route(
            "/stream",
            axum::routing::get(async || {
                let (mut sender, body) = channel();
                sender.send_data("streamed".into()).await.unwrap();
                axum::body::Body::new(body)
            }),
        )
        .layer(axum::Extension(7_u8));
    let events = service_fn(async |event: LambdaEvent<Value>| Ok::<_, Error>(event.payload));
    beside(Runtime::new(events).http(router).listener(listener).run_concurrent(), async {
        let mut client = Client::connect(address).await;
        assert_eq!(client.send(http_request("GET", "/sum/3/4", "")).await.body, "7");
        assert_eq!(client.send(http_request("GET", "/stream", "")).await.body, "streamed");
        assert_eq!(client.send(http_request("GET", "/none", "")).await.status, StatusCode::NOT_FOUND);
        assert_eq!(client.invoke("[1]").await.body, "[1]");
        // axum's own extractor failed: the second sum is above 255.
        let overflow = client.send(http_request("GET", "/sum/255/1", "")).await;
        assert_eq!((overflow.status, overflow.fc_status()), (StatusCode::INTERNAL_SERVER_ERROR, "404"));
    })
    .await;
}

#[tokio::test]
async fn headers_that_are_the_connection_s_affair_are_left_out() {
    let (listener, address) = socket();
    let handler = service_fn(async |event: LambdaEvent<HttpRequest>| {
        let mut answer = HttpResponse::new(200, "text/plain", "abc");
        let (name, value) = event.payload.body.split_once(' ').unwrap();
        answer.headers.insert(name.to_owned(), value.to_owned());
        Ok::<_, Error>(answer)
    });
    beside(Runtime::new(handler).listener(listener).run(), async {
        let mut client = Client::connect(address).await;
        for line in [
            "content-length 1",
            "content-length 10",
            "Transfer-Encoding chunked",
            "connection close",
            "keep-alive timeout=1",
            "date yesterday",
            "server mine",
            "x-fc-status 404",
            "x-fc-error-type mine",
        ] {
            let answer = client.send(http_request("POST", "/", line)).await;
            assert_eq!((answer.fc_status(), &answer.body[..]), ("200", b"abc".as_slice()), "{line}");
            let (name, value) = line.split_once(' ').unwrap();
            assert!(answer.headers.get(name).is_none_or(|there| there != value), "{line}");
        }
        let kept = client.send(http_request("POST", "/", "x-fcl kept")).await;
        assert_eq!((kept.headers["x-fcl"].to_str().unwrap(), &kept.body[..]), ("kept", b"abc".as_slice()));
    })
    .await;
}

async fn read(answer: impl IntoResponse) -> (StatusCode, String, Bytes) {
    let (parts, body) = answer.into_response().into_parts();
    let content_type = parts.headers.get("content-type").map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
    (parts.status, content_type, body.collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn many_things_are_answers() {
    let text = "text/plain; charset=utf-8".to_owned();
    assert_eq!(read("a").await, (StatusCode::OK, text.clone(), "a".into()));
    assert_eq!(read(String::from("b")).await, (StatusCode::OK, text, "b".into()));
    assert_eq!(read(json!({"c": 1})).await, (StatusCode::OK, "application/json".into(), "{\"c\":1}".into()));
    assert_eq!(read(Bytes::from("d")).await.1, "application/octet-stream");
    assert_eq!(read(StatusCode::GONE).await, (StatusCode::GONE, String::new(), Bytes::new()));
    assert_eq!(read(Response::new(Full::<Bytes>::from("e"))).await.2, "e");
    assert_eq!(read(Response::new(Body::from("f"))).await.2, "f");
}
