//! The client: one method for each operation.

mod batch;
mod call;
mod range;
mod retry;
mod rows;
mod tables;
mod transactions;

use std::sync::{Arc, OnceLock};

use openapi::Credentials;
use openapi::retry::{Environment, System};
use reqwest::Url;

use crate::sign::Signer;

pub use batch::{BatchGot, BatchWritten};
pub use range::Pages;
pub use retry::RetryPolicy;

/// A client of one Tablestore instance; cheap to make and to clone.
///
/// Every method may give [`crate::Error::Service`] when the service refuses, [`crate::Error::NoAnswer`]
/// or [`crate::Error::InvalidAnswer`] when it cannot be heard, and those that write
/// [`crate::Error::FateUnknown`] when nobody knows whether the write happened. What may be repeated
/// safely was repeated before, as [`RetryPolicy`] says.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    target: Arc<Target>,
    retry: RetryPolicy,
    environment: Arc<dyn Environment>,
}

/// Whom the requests go to, in whose name, and what is expected of the answers.
#[derive(Clone)]
struct Target {
    endpoint: String,
    /// The endpoint, read when it is first needed.
    base: OnceLock<Result<Url, String>>,
    signer: Signer,
    checks: AnswerChecks,
}

/// What is checked of every answer. Whatever is not there when it should be fails the check, but for
/// refusals: gateways before the service send them without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerChecks {
    /// The MD5 of the body.
    pub md5: bool,
    /// The service's time is at most 15 minutes from this machine's.
    pub date: bool,
    /// The service's signature, made with the caller's own key.
    pub signature: bool,
}

impl AnswerChecks {
    /// No checks.
    pub const NONE: Self = Self { md5: false, date: false, signature: false };
}

impl Default for AnswerChecks {
    /// All checks, as the official Python SDK has it.
    fn default() -> Self {
        Self { md5: true, date: true, signature: true }
    }
}

impl Client {
    /// A client of `instance` at `endpoint` (`http(s)://host[:port]`). It signs with version 2.
    pub fn new(http: reqwest::Client, endpoint: &str, instance: &str, credentials: Credentials) -> Self {
        let target = Target {
            endpoint: endpoint.to_owned(),
            base: OnceLock::new(),
            signer: Signer::new(credentials, instance),
            checks: AnswerChecks::default(),
        };
        Self { http, target: Arc::new(target), retry: RetryPolicy::default(), environment: Arc::new(System) }
    }

    /// Signs with version 4, whose keys are good for one day in one region (`cn-hangzhou`).
    pub fn with_region(mut self, region: &str) -> Self {
        let target = Arc::make_mut(&mut self.target);
        target.signer = target.signer.clone().with_region(region);
        self
    }

    /// Replaces the retry policy.
    pub fn with_retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Replaces what is checked of answers.
    pub fn with_checks(mut self, checks: AnswerChecks) -> Self {
        Arc::make_mut(&mut self.target).checks = checks;
        self
    }

    /// Replaces clock and chance, for tests.
    pub fn with_environment(mut self, environment: Arc<dyn Environment>) -> Self {
        self.environment = environment;
        self
    }
}

impl Target {
    /// Where `operation` is asked for.
    fn url(&self, operation: &str) -> Result<Url, String> {
        let base = self.base.get_or_init(|| match Url::parse(&self.endpoint) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
            Ok(_) => Err(format!("the endpoint {} is not http(s)://host[:port]", self.endpoint)),
            Err(error) => Err(format!("the endpoint {}: {error}", self.endpoint)),
        });
        let mut url = base.clone()?;
        url.set_path(operation);
        Ok(url)
    }
}
