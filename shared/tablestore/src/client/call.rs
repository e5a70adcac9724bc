//! One operation over the wire: sign, send, check the answer, repeat what may be repeated.

use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;
use prost::Message;
use reqwest::header::HeaderMap;

use super::Client;
use super::retry::{Repeat, is_worth_repeating, may_have_happened};
use crate::error::{Error, On};
use crate::{messages, sign};

impl Client {
    /// Does the operation `on` with the encoded message `body`.
    pub(super) async fn call<A: Message + Default>(&self, on: &On, repeat: Repeat, body: Vec<u8>) -> Result<A, Error> {
        let body = Bytes::from(body);
        let started = Instant::now();
        let mut happened_maybe = false;
        let mut attempt = 1;
        loop {
            let error = match self.attempt(on, body.clone(), started).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // A later, definite refusal does not tell what became of an earlier attempt: its own
            // success may be the reason.
            happened_maybe |= repeat != Repeat::Read && may_have_happened(&error);
            let pause = self.retry.pause(attempt);
            if !is_worth_repeating(&error, repeat) || !self.retry.allows(attempt, started.elapsed() + pause) {
                return Err(match happened_maybe {
                    true => Error::FateUnknown { on: on.clone(), why: Box::new(error) },
                    false => error,
                });
            }
            tracing::debug!(
                operation = on.operation,
                table = %on.table,
                attempt,
                pause_ms = pause.as_millis() as u64,
                error = %error,
                "repeating a Tablestore operation"
            );
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// One attempt, signed anew: a signature is as old as its date.
    async fn attempt<A: Message + Default>(&self, on: &On, body: Bytes, started: Instant) -> Result<A, Error> {
        let left = self.retry.deadline.saturating_sub(started.elapsed());
        let timeout = self.retry.attempt_timeout.min(left);
        match tokio::time::timeout(timeout, self.exchange(on, body)).await {
            Ok(result) => result,
            Err(_) => {
                let what = format!("none came within {} ms", timeout.as_millis());
                Err(Error::NoAnswer { on: on.clone(), what, source: None })
            }
        }
    }

    async fn exchange<A: Message + Default>(&self, on: &On, body: Bytes) -> Result<A, Error> {
        let target = &self.target;
        let mut request = self.http.post(format!("{}/{}", target.endpoint, on.operation));
        let now = Timestamp::now();
        for (name, value) in sign::request_headers(&target.credentials, &target.instance, on.operation, &body, now) {
            request = request.header(name, value);
        }
        let response = request.body(body).send().await.map_err(|error| no_answer(on, error))?;
        let status = response.status();
        let headers = response.headers().clone();
        let answer = response.bytes().await.map_err(|error| no_answer(on, error))?;

        let invalid = |what: String| Error::InvalidAnswer {
            on: on.clone(),
            what,
            request_id: header(&headers, "x-ots-requestid").unwrap_or_default().to_owned(),
        };
        if status.is_success() {
            self.check_answer(on, &headers, &answer, true).map_err(invalid)?;
            return A::decode(answer).map_err(|error| invalid(format!("no {} answer: {error}", on.operation)));
        }
        let error = match messages::Error::decode(answer.clone()) {
            Ok(error) if error.code.starts_with("OTS") => error,
            _ => return Err(invalid(format!("HTTP {status} without an OTS error"))),
        };
        // Who cannot be authenticated cannot be answered with a signature either.
        if error.code != "OTSAuthFailed" {
            self.check_answer(on, &headers, &answer, false).map_err(invalid)?;
        }
        Err(Error::Service {
            on: on.clone(),
            code: error.code,
            message: error.message.unwrap_or_default(),
            status: status.as_u16(),
            request_id: header(&headers, "x-ots-requestid").unwrap_or_default().to_owned(),
        })
    }

    /// Checks MD5, date and signature of an answer. In an error answer what is absent is not missed, as
    /// the official SDKs do it: gateways before the service answer without them.
    fn check_answer(&self, on: &On, headers: &HeaderMap, body: &[u8], complete: bool) -> Result<(), String> {
        match header(headers, "x-ots-contentmd5") {
            Some(md5) if md5 == sign::content_md5(body) => {}
            Some(_) => return Err("x-ots-contentmd5 is not the body's".into()),
            None if complete => return Err("it has no x-ots-contentmd5".into()),
            None => {}
        }
        match header(headers, "x-ots-date") {
            Some(date) => match sign::is_date_near(date, Timestamp::now()) {
                Some(true) => {}
                Some(false) => return Err(format!("its time {date} is too far from this machine's")),
                None => return Err(format!("its x-ots-date is no date: {date}")),
            },
            None if complete => return Err("it has no x-ots-date".into()),
            None => {}
        }
        match header(headers, "authorization") {
            Some(authorization) => {
                let pairs = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
                let to_sign = sign::response_string_to_sign(on.operation, pairs);
                let key = &self.target.credentials;
                match sign::is_response_authorization(
                    &key.access_key_id,
                    &key.access_key_secret,
                    &to_sign,
                    authorization,
                ) {
                    true => Ok(()),
                    false => Err("its signature is not the service's".into()),
                }
            }
            None if complete => Err("it has no signature".into()),
            None => Ok(()),
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn no_answer(on: &On, error: reqwest::Error) -> Error {
    if error.is_builder() {
        return Error::InvalidRequest { on: on.clone(), what: error.to_string() };
    }
    Error::NoAnswer { on: on.clone(), what: error.to_string(), source: Some(error) }
}
