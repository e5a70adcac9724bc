//! One operation over the wire: sign, send, check the answer, repeat what may be repeated.

use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use prost::Message;
use reqwest::header::HeaderMap;
use reqwest::{Method, Request};

use super::Client;
use super::retry::{Repeat, is_worth_repeating, may_have_happened};
use crate::error::{Error, On};
use crate::sign::Signed;
use crate::{messages, sign};

/// What is being done; [`On`] before it is known whether an error will say it.
#[derive(Clone, Copy)]
pub(super) struct Op<'a> {
    pub operation: &'static str,
    pub table: &'a str,
}

impl Op<'_> {
    pub(super) fn on(&self) -> On {
        On { operation: self.operation, table: self.table.to_owned() }
    }

    /// An answer to a read that holds something else than it should.
    pub(super) fn invalid(&self, what: impl ToString) -> Error {
        Error::InvalidAnswer { on: self.on(), what: what.to_string(), request_id: String::new() }
    }

    /// The same of a write.
    pub(super) fn unknown(&self, what: impl ToString) -> Error {
        Error::FateUnknown { on: self.on(), why: Box::new(self.invalid(what)) }
    }
}

impl Client {
    /// Does the operation `op` with the encoded message `body`.
    pub(super) async fn call<A: Message + Default>(
        &self,
        op: Op<'_>,
        repeat: Repeat,
        body: Vec<u8>,
    ) -> Result<A, Error> {
        let body = Bytes::from(body);
        let started = self.environment.instant();
        let mut happened_maybe = false;
        let mut attempt = 1;
        loop {
            let error = match self.exchange(op, body.clone(), started).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // A later, definite refusal does not tell what became of an earlier attempt: its own
            // success may be the reason.
            happened_maybe |= repeat != Repeat::Read && may_have_happened(&error);
            let may = is_worth_repeating(&error, repeat);
            if !may || !self.pause(attempt, started, &op, &error).await {
                return Err(match happened_maybe {
                    true => Error::FateUnknown { on: op.on(), why: Box::new(error) },
                    false => error,
                });
            }
            attempt += 1;
        }
    }

    /// Waits before the attempt after number `attempt`; false when there may be none.
    pub(super) async fn pause(
        &self,
        attempt: u32,
        started: Instant,
        op: &Op<'_>,
        because: &(dyn std::fmt::Display + Sync),
    ) -> bool {
        let pause = self.environment.jitter(self.retry.longest_pause(attempt));
        let elapsed = self.elapsed(started);
        if !self.retry.allows(attempt, elapsed + pause) {
            return false;
        }
        tracing::debug!(
            operation = op.operation,
            table = op.table,
            attempt,
            pause_ms = pause.as_millis() as u64,
            error = %because,
            "repeating a Tablestore operation"
        );
        self.environment.sleep(pause).await;
        true
    }

    fn elapsed(&self, started: Instant) -> Duration {
        self.environment.instant().saturating_duration_since(started)
    }

    /// One attempt, signed anew: a signature is as old as its date.
    async fn exchange<A: Message + Default>(&self, op: Op<'_>, body: Bytes, started: Instant) -> Result<A, Error> {
        let invalid_request = |what: String| Error::InvalidRequest { on: op.on(), what };
        let url = self.target.url(op.operation).map_err(invalid_request)?;
        let signed = self.target.signer.sign(op.operation, &body, self.environment.now());
        let mut signed = signed.map_err(|error| invalid_request(error.to_string()))?;
        let left = self.retry.deadline.saturating_sub(self.elapsed(started));
        let timeout = self.retry.attempt_timeout.min(left);
        let mut request = Request::new(Method::POST, url);
        *request.headers_mut() = std::mem::take(&mut signed.headers);
        *request.timeout_mut() = Some(timeout);
        *request.body_mut() = Some(body.into());

        let failed = |error| no_answer(op, timeout, error);
        let mut response = self.http.execute(request).await.map_err(failed)?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let answer = response.bytes().await.map_err(failed)?;

        let invalid = |what: String| Error::InvalidAnswer {
            on: op.on(),
            what,
            request_id: header(&headers, "x-ots-requestid").unwrap_or_default().to_owned(),
        };
        if status.is_success() {
            self.check_answer(op, &signed, &headers, &answer, true).map_err(invalid)?;
            return A::decode(answer).map_err(|error| invalid(format!("no {} answer: {error}", op.operation)));
        }
        let error = match messages::Error::decode(answer.clone()) {
            Ok(error) if error.code.starts_with("OTS") => error,
            _ => return Err(invalid(format!("HTTP {status} without an OTS error"))),
        };
        // Who cannot be authenticated cannot be answered with a signature either.
        if error.code != "OTSAuthFailed" {
            self.check_answer(op, &signed, &headers, &answer, false).map_err(invalid)?;
        }
        Err(Error::Service {
            on: op.on(),
            code: error.code,
            message: error.message.unwrap_or_default(),
            status: status.as_u16(),
            request_id: header(&headers, "x-ots-requestid").unwrap_or_default().to_owned(),
        })
    }

    /// Checks MD5, date and signature of an answer. In an error answer what is absent is not missed, as
    /// the official SDKs do it: gateways before the service answer without them.
    fn check_answer(
        &self,
        op: Op<'_>,
        signed: &Signed<'_>,
        headers: &HeaderMap,
        body: &[u8],
        complete: bool,
    ) -> Result<(), String> {
        let checks = &self.target.checks;
        if checks.md5 {
            match header(headers, "x-ots-contentmd5") {
                Some(md5) if sign::is_content_md5(md5, body) => {}
                Some(_) => return Err("x-ots-contentmd5 is not the body's".into()),
                None if complete => return Err("it has no x-ots-contentmd5".into()),
                None => {}
            }
        }
        if checks.date {
            match header(headers, "x-ots-date") {
                Some(date) => check_date(date, self.environment.now())?,
                None if complete => return Err("it has no x-ots-date".into()),
                None => {}
            }
        }
        if checks.signature {
            match header(headers, "authorization") {
                Some(authorization) if signed.is_answer(op.operation, headers, authorization) => {}
                Some(_) => return Err("its signature is not the service's".into()),
                None if complete => return Err("it has no signature".into()),
                None => {}
            }
        }
        Ok(())
    }
}

fn check_date(date: &str, now: Timestamp) -> Result<(), String> {
    match sign::is_date_near(date, now) {
        Some(true) => Ok(()),
        Some(false) => Err(format!("its time {date} is too far from this machine's")),
        None => Err(format!("its x-ots-date is no date: {date}")),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn no_answer(op: Op<'_>, timeout: Duration, error: reqwest::Error) -> Error {
    if error.is_builder() {
        return Error::InvalidRequest { on: op.on(), what: error.to_string() };
    }
    if error.is_timeout() && !error.is_connect() {
        let what = format!("none came within {} ms", timeout.as_millis());
        return Error::NoAnswer { on: op.on(), what, source: None };
    }
    Error::NoAnswer { on: op.on(), what: error.to_string(), source: Some(error) }
}
