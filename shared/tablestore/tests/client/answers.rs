//! Answers that are not what they should be.

use super::*;

#[tokio::test]
async fn an_answer_that_is_not_the_services_is_not_believed() {
    let far = |minutes| Timestamp::now() + SignedDuration::from_mins(minutes);
    let forged = |name, value: Option<&str>| Step::Forged(200, read(), name, value.map(str::to_owned));
    for (step, expected) in [
        (forged("x-ots-contentmd5", Some("AAAAAAAAAAAAAAAAAAAAAA==")), "x-ots-contentmd5 is not the body's"),
        (forged("x-ots-contentmd5", None), "it has no x-ots-contentmd5"),
        (forged("x-ots-requestid", Some("another")), "its signature is not the service's"),
        (forged("authorization", Some("OTS STS.id:AAAA")), "its signature is not the service's"),
        (forged("authorization", None), "it has no signature"),
        (forged("x-ots-date", None), "it has no x-ots-date"),
        (Step::Dated(read(), far(16)), "is too far from this machine's"),
        (Step::Dated(read(), far(-16)), "is too far from this machine's"),
        (Step::Answer(200, vec![0xff]), "no GetRow answer"),
        (Step::Gateway(200), "it has no x-ots-contentmd5"),
    ] {
        let server = Server::play(vec![step.clone(); 4]).await;
        match server.get().await.unwrap_err() {
            Error::InvalidAnswer { what, .. } => assert!(what.contains(expected), "{what} / {expected}"),
            other => panic!("{expected}: {other:?}"),
        }
        // The write it answers may have been done.
        let server = Server::play([step]).await;
        assert!(server.put().await.unwrap_err().fate_unknown(), "{expected}");
    }
    let busy = messages::Error { code: "OTSServerBusy".into(), message: None }.encode_to_vec();
    let forged = Step::Forged(503, busy, "authorization", Some("OTS STS.id:AAAA".into()));
    let server = Server::play(vec![forged; 4]).await;
    assert!(matches!(server.get().await.unwrap_err(), Error::InvalidAnswer { .. }));
}

#[tokio::test]
async fn checks_can_be_switched_off() {
    let forged = |name, value: Option<&str>| Step::Forged(200, read(), name, value.map(str::to_owned));
    let unsigned = AnswerChecks { signature: false, ..AnswerChecks::default() };
    let undated = AnswerChecks { date: false, ..unsigned };
    let far = Timestamp::now() + SignedDuration::from_mins(16);
    for (step, checks, accepted) in [
        (forged("authorization", None), unsigned, true),
        (forged("x-ots-requestid", Some("another")), unsigned, true),
        (Step::Dated(read(), far), unsigned, false),
        (Step::Dated(read(), far), undated, true),
        (forged("x-ots-contentmd5", Some("AAAAAAAAAAAAAAAAAAAAAA==")), undated, false),
        (forged("x-ots-contentmd5", None), AnswerChecks::NONE, true),
    ] {
        let server = Server::play([step]).await;
        let client = server.client.clone().with_checks(checks).with_retry(RetryPolicy::never());
        let result = client.get_row(&GetRow::new("t", PrimaryKey::new("id", "a"))).await;
        assert_eq!(result.is_ok(), accepted, "{checks:?}: {result:?}");
    }
}

/// The key of the day signs both ways.
#[tokio::test]
async fn version_4_signs_requests_and_checks_answers() {
    let server = Server::play([
        Step::Answer(200, read()),
        refusal(503, "OTSServerBusy"),
        Step::Answer(200, written()),
        Step::Forged(200, read(), "authorization", Some("OTS STS.id:AAAA".into())),
    ])
    .await;
    let client = server.client.clone().with_region("cn-hangzhou");
    let get = GetRow::new("t", PrimaryKey::new("id", "a"));
    assert_eq!(client.get_row(&get).await.unwrap(), None);
    client.put_row(&put("a")).await.unwrap();
    let client = client.with_retry(RetryPolicy::never());
    assert!(matches!(client.get_row(&get).await.unwrap_err(), Error::InvalidAnswer { .. }));
}
