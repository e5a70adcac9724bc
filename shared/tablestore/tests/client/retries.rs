//! What is repeated, when, and what is said when it did not help.

use super::*;

#[tokio::test]
async fn a_read_is_repeated_after_anything_that_passes() {
    let steps = [refusal(503, "OTSServerBusy"), Step::Close, Step::Gateway(502), Step::Answer(200, read())];
    let server = Server::play(steps).await;
    assert_eq!(server.get().await.unwrap(), None);
    assert_eq!(server.seen(), 4);
}

#[tokio::test]
async fn a_read_gives_up_in_the_end() {
    let server = Server::play(vec![refusal(500, "OTSInternalServerError"); 4]).await;
    let error = server.get().await.unwrap_err();
    assert_eq!(error.code(), Some("OTSInternalServerError"));
    assert!(error.is_retriable() && !error.fate_unknown());
    assert_eq!(server.seen(), 4);
}

#[tokio::test]
async fn what_does_not_pass_is_not_repeated() {
    for code in ["OTSConditionCheckFail", "OTSParameterInvalid", "OTSAuthFailed"] {
        let server = Server::play([refusal(403, code)]).await;
        let error = server.get().await.unwrap_err();
        assert!(!error.is_retriable());
        assert_eq!(
            error.to_string(),
            format!("GetRow on table t refused: {code} (403): said the script, request request-1")
        );
        assert_eq!(server.seen(), 1);
    }
}

#[tokio::test]
async fn a_write_is_repeated_only_when_it_was_not_done() {
    let server = Server::play([refusal(409, "OTSRowOperationConflict"), Step::Answer(200, written())]).await;
    assert_eq!(server.put().await.unwrap().write_units, 1);
    assert_eq!(server.seen(), 2);

    for unclear in [Step::Close, Step::Gateway(502), refusal(503, "OTSTimeout"), refusal(500, "OTSInternalServerError")]
    {
        let server = Server::play([unclear]).await;
        let error = server.put().await.unwrap_err();
        assert!(error.fate_unknown() && !error.is_retriable(), "{error:?}");
        assert_eq!(server.seen(), 1);
    }
}

#[tokio::test]
async fn an_idempotent_write_is_repeated() {
    let server = Server::play([Step::Close, refusal(503, "OTSTimeout"), Step::Answer(200, written())]).await;
    server.client.put_row(&put("a").idempotent()).await.unwrap();
    assert_eq!(server.seen(), 3);
}

/// The condition may fail because of the first attempt's own success.
#[tokio::test]
async fn a_refusal_after_an_unclear_attempt_is_unclear() {
    let server = Server::play([Step::Close, refusal(403, "OTSConditionCheckFail")]).await;
    let error = server.client.put_row(&put("a").idempotent()).await.unwrap_err();
    assert!(error.fate_unknown() && !error.is_condition_check_fail(), "{error:?}");
    assert_eq!(error.code(), Some("OTSConditionCheckFail"));
}

#[tokio::test]
async fn waiting_has_an_end() {
    let server = Server::play(vec![Step::Hang; 4]).await;
    let retry = RetryPolicy { attempt_timeout: Duration::from_millis(30), ..RetryPolicy::never() };
    let client = server.client.clone().with_retry(retry);
    let error = client.get_row(&GetRow::new("t", PrimaryKey::new("id", "a"))).await.unwrap_err();
    assert!(matches!(error, Error::NoAnswer { source: None, .. }), "{error:?}");
    assert!(client.put_row(&put("a")).await.unwrap_err().fate_unknown());
    // The deadline cuts an attempt short.
    let retry = RetryPolicy { deadline: Duration::from_millis(30), ..RetryPolicy::default() };
    let error = server.client.clone().with_retry(retry).put_row(&put("a")).await.unwrap_err();
    assert!(error.fate_unknown());
    assert_eq!(server.seen(), 3);
}

#[tokio::test]
async fn an_endpoint_that_is_none() {
    let client = Client::new(openapi::http::build(), "not a url", "inst", credentials());
    let error = client.put_row(&put("a")).await.unwrap_err();
    assert!(matches!(error, Error::InvalidRequest { .. }), "{error:?}");
}

/// Pauses double up to the longest, and end before the deadline; every attempt has its own date, which
/// the server finds signed.
#[tokio::test]
async fn pauses_grow_and_every_attempt_is_signed_anew() {
    let server = Server::play(vec![refusal(503, "OTSServerBusy"); 20]).await;
    let client = server.client.clone().with_retry(RetryPolicy::default());
    let error = client.put_row(&put("a")).await.unwrap_err();
    assert_eq!(error.code(), Some("OTSServerBusy"));
    assert!(!error.fate_unknown());
    let slept: Vec<u128> = server.environment.slept().iter().map(Duration::as_millis).collect();
    assert_eq!(slept, [20, 40, 80, 160, 320, 640, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000]);
    assert_eq!(server.seen(), slept.len() + 1);
    let dates: std::collections::BTreeSet<String> = server.asked(|asked| asked.date.clone()).into_iter().collect();
    assert_eq!(dates.len(), server.seen());
}

/// Which answer is followed by another attempt, for every kind of operation, and what is said after the
/// last one.
#[tokio::test]
async fn the_table_of_answers() {
    // Repeated by: everything, what changes nothing, nothing.
    let (all, safe, none) = ((true, true, true), (true, true, false), (false, false, false));
    for (step, (read, idempotent, write), unclear) in [
        (refusal(409, "OTSRowOperationConflict"), all, false),
        (refusal(403, "OTSNotEnoughCapacityUnit"), all, false),
        (refusal(404, "OTSTableNotReady"), all, false),
        (refusal(503, "OTSPartitionUnavailable"), all, false),
        (refusal(503, "OTSServerBusy"), all, false),
        (refusal(403, "OTSOperationThrottled"), all, false),
        (refusal(503, "OTSTimeout"), safe, true),
        (refusal(500, "OTSInternalServerError"), safe, true),
        (refusal(503, "OTSServerUnavailable"), safe, true),
        (Step::Gateway(502), safe, true),
        (Step::Close, safe, true),
        (refusal(403, "OTSQuotaExhausted"), none, false),
        (refusal(403, "OTSConditionCheckFail"), none, false),
        (refusal(403, "OTSCapacityUnitExhausted"), none, false),
        (refusal(404, "OTSObjectNotExist"), none, false),
        (refusal(413, "OTSRequestBodyTooLarge"), none, false),
    ] {
        let seen = |repeated: bool| if repeated { 2 } else { 1 };
        let said = match &step {
            Step::Answer(_, body) => messages::Error::decode(body.as_slice()).unwrap().code,
            Step::Gateway(status) => status.to_string(),
            _ => "no answer".into(),
        };
        let twice = || {
            let twice = RetryPolicy { max_attempts: 2, ..RetryPolicy::default() };
            let steps = vec![step.clone(); 2];
            async move {
                let server = Server::play(steps).await;
                (server.client.clone().with_retry(twice), server)
            }
        };
        let (client, server) = twice().await;
        let error = client.get_row(&GetRow::new("t", PrimaryKey::new("id", "a"))).await.unwrap_err();
        assert_eq!((server.seen(), error.fate_unknown()), (seen(read), false), "read, {said}");
        let (client, server) = twice().await;
        let error = client.put_row(&put("a").idempotent()).await.unwrap_err();
        assert_eq!((server.seen(), error.fate_unknown()), (seen(idempotent), unclear), "idempotent write, {said}");
        let (client, server) = twice().await;
        let error = client.put_row(&put("a")).await.unwrap_err();
        assert_eq!((server.seen(), error.fate_unknown()), (seen(write), unclear), "write, {said}");
    }
}

#[tokio::test]
async fn nobody_there() {
    // Bound and let go: nobody listens.
    let endpoint = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let environment = Arc::new(Still::default());
    let client = Client::new(openapi::http::build(), &endpoint, "inst", credentials())
        .with_retry(RetryPolicy { max_attempts: 3, ..RetryPolicy::default() })
        .with_environment(environment.clone());
    // Without a connection nothing was sent: a write is repeated, and its fate is known.
    let error = client.put_row(&put("a")).await.unwrap_err();
    assert!(matches!(error, Error::NoAnswer { .. }), "{error:?}");
    assert_eq!(environment.slept().len(), 2);
}

#[tokio::test]
async fn a_key_that_no_header_can_say() {
    let bad = Credentials { access_key_id: "line\nbreak".into(), ..credentials() };
    let client = Client::new(openapi::http::build(), "http://127.0.0.1:1", "inst", bad);
    let error = client.put_row(&put("a")).await.unwrap_err();
    assert_eq!(error.to_string(), "PutRow on table t cannot be sent: the access key id cannot stand in a header");
}
