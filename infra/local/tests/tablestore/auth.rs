//! Signatures and what they cover.

use super::*;

#[tokio::test]
async fn wrong_keys_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, client) = with_table(dir.path()).await;
    let right = credentials(cloud.keyring.operator());
    let temporary = credentials(&cloud.keyring.issue("detect", "c-1", Some("reader")));
    let refusal = |message: &str| format!("403 OTSAuthFailed: {message}");

    let wrong = Credentials { access_key_secret: "wrong".into(), ..right.clone() };
    assert_eq!(code(cloud.client_as(wrong).list_table().await), refusal("Signature mismatch."));
    let unknown = Credentials { access_key_id: "LTAIunknown".into(), ..right.clone() };
    assert_eq!(code(cloud.client_as(unknown).list_table().await), refusal("The AccessKeyID does not exist."));
    let elsewhere = Client::new(openapi::http::build(), &cloud.endpoint, "elsewhere", right.clone());
    assert_eq!(code(elsewhere.list_table().await), refusal("The instance is not found."));

    assert_eq!(cloud.client_as(temporary.clone()).list_table().await.unwrap(), ["t"]);
    let other_token = Credentials { security_token: Some("other".into()), ..temporary.clone() };
    assert_eq!(code(cloud.client_as(other_token).list_table().await), refusal("The STS token is invalid."));
    cloud.keyring.revoke(&temporary.access_key_id);
    assert_eq!(code(cloud.client_as(temporary).list_table().await), refusal("The AccessKeyID does not exist."));
    assert_eq!(client.list_table().await.unwrap(), ["t"]);
}

#[tokio::test]
async fn a_role_does_on_each_table_what_it_may_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, client) = with_table(dir.path()).await;
    client.create_table(&TableMeta::new("u", "id", KeyType::String), &TableOptions::default()).await.unwrap();
    client.put_row(&put("a")).await.unwrap();
    let key = |role| credentials(&cloud.keyring.issue("detect", "c-1", role));
    let reader = cloud.client_as(key(Some("reader")));
    assert!(reader.get_row(&GetRow::new("t", id("a"))).await.unwrap().is_some());
    let batch = |table: &'static str| RowChange::Put(PutRow::new(table, id("b")));
    for written in reader.batch_write_row(&BatchWriteRow::new(vec![batch("t")])).await.unwrap() {
        written.unwrap();
    }

    let denied = |answer: String| assert!(answer.starts_with("403 OTSNoPermissionAccess: "), "{answer}");
    denied(code(reader.get_row(&GetRow::new("u", id("a"))).await));
    denied(code(reader.put_row(&put("c")).await));
    denied(code(reader.batch_write_row(&BatchWriteRow::new(vec![batch("t"), batch("u")])).await));
    denied(code(reader.create_table(&TableMeta::new("v", "id", KeyType::String), &TableOptions::default()).await));
    for role in [None, Some("nobody")] {
        denied(code(cloud.client_as(key(role)).list_table().await));
    }
    assert!(client.get_row(&GetRow::new("u", id("b"))).await.unwrap().is_none(), "of a batch all or nothing");
}

fn header_map(headers: impl IntoIterator<Item = (&'static str, String)>) -> HeaderMap {
    headers
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::try_from(value).unwrap()))
        .collect()
}

fn error_of(response: &Response<Bytes>) -> String {
    use prost::Message;
    let error = tablestore::messages::Error::decode(response.body().clone()).unwrap();
    format!("{} {}: {}", response.status().as_u16(), error.code, error.message.unwrap())
}

#[tokio::test]
async fn what_the_signature_covers_is_checked() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path()).await;
    let tablestore = &cloud.tablestore;
    let key = credentials(cloud.keyring.operator());
    let now = Timestamp::now();
    let signed = |now| header_map(sign::request_headers(&key, INSTANCE, "ListTable", b"", now));

    let caller = tablestore.authenticate("/ListTable", &signed(now), b"").map_err(|refusal| error_of(&refusal));
    assert_eq!(caller.map(|caller| caller.identity.who), Ok(Who::Operator));
    assert_eq!(tablestore.handle("/ListTable", &signed(now), &Bytes::new()).status(), 200);

    let handle = |headers: HeaderMap| error_of(&tablestore.handle("/ListTable", &headers, &Bytes::new()));
    // A header that came on the way was not signed, known or not.
    let mut headers = signed(now);
    headers.insert("x-ots-request-tag", HeaderValue::from_static("x"));
    assert_eq!(handle(headers), "403 OTSAuthFailed: Signature mismatch.");
    let mut headers = signed(now);
    headers.remove("x-ots-date");
    assert_eq!(handle(headers), "400 OTSParameterInvalid: Missing header: 'x-ots-date'.");
    for minutes in [-16, 16] {
        let headers = signed(now + SignedDuration::from_mins(minutes));
        let refused = handle(headers);
        assert!(refused.starts_with("403 OTSAuthFailed: Mismatch between system time and x-ots-date"), "{refused}");
    }
    let headers = signed(now + SignedDuration::from_mins(14));
    assert_eq!(tablestore.handle("/ListTable", &headers, &Bytes::new()).status(), 200);
    assert_eq!(
        error_of(&tablestore.handle("/ListTable", &signed(now), &Bytes::from_static(b"x"))),
        "403 OTSAuthFailed: Mismatch between MD5 value of request body and x-ots-contentmd5 in header."
    );
    assert_eq!(
        error_of(&tablestore.handle("/DeleteTable", &signed(now), &Bytes::new())),
        "403 OTSAuthFailed: Signature mismatch."
    );
    let headers = header_map(sign::request_headers(&key, INSTANCE, "Search", b"", now));
    assert_eq!(
        error_of(&tablestore.handle("/Search", &headers, &Bytes::new())),
        "400 OTSParameterInvalid: Unsupported operation: Search."
    );
    let junk = b"\xff\xff\xff";
    let headers = header_map(sign::request_headers(&key, INSTANCE, "PutRow", junk, now));
    assert_eq!(
        error_of(&tablestore.handle("/PutRow", &headers, &Bytes::from_static(junk))),
        "400 OTSParameterInvalid: Cannot deserialize the request data."
    );
}

#[tokio::test]
async fn version_4_signatures_are_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path()).await;
    let key = credentials(cloud.keyring.operator());
    let now = Timestamp::now();
    let date = now.strftime("%Y%m%d").to_string();
    let mut headers = sign::request_headers(&key, INSTANCE, "ListTable", b"", now);
    headers.retain(|(name, _)| *name != sign::SIGNATURE);
    headers.push(("x-ots-signdate", date.clone()));
    headers.push(("x-ots-signregion", "cn-hangzhou".to_owned()));
    let to_sign =
        sign::request_string_to_sign("ListTable", headers.iter().map(|(name, value)| (*name, value.as_str())));
    let v4_key = sign::v4_key(&key.access_key_secret, &date, "cn-hangzhou");
    headers.push((sign::SIGNATURE_V4, sign::request_signature_v4(&v4_key, &to_sign)));
    let response = cloud.tablestore.handle("/ListTable", &header_map(headers.clone()), &Bytes::new());
    assert_eq!(response.status(), 200);
    // The answer is signed with the derived key.
    let pairs = response.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let to_sign = sign::response_string_to_sign("ListTable", pairs);
    let authorization = response.headers()["authorization"].to_str().unwrap();
    assert!(sign::is_response_authorization(&key.access_key_id, &v4_key, &to_sign, authorization));

    for (name, value) in &mut headers {
        if *name == "x-ots-signregion" {
            *value = "cn-beijing".to_owned();
        }
    }
    let response = cloud.tablestore.handle("/ListTable", &header_map(headers), &Bytes::new());
    assert_eq!(error_of(&response), "403 OTSAuthFailed: Signature mismatch.");
}

#[tokio::test]
async fn an_unreachable_service_did_nothing() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let key = Credentials { access_key_id: "id".into(), access_key_secret: "secret".into(), security_token: None };
    let client = Client::new(openapi::http::build(), &format!("http://127.0.0.1:{port}"), INSTANCE, key)
        .with_retry(RetryPolicy { max_attempts: 2, ..RetryPolicy::default() });
    let error = client.put_row(&put("a")).await.unwrap_err();
    assert!(matches!(error, Error::NoAnswer { .. }), "{error:?}");
    assert!(error.is_retriable() && !error.fate_unknown());
}
