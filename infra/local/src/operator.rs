//! The operator's way into a running local cloud: the clients of the services, and the commands of
//! [`crate::admin`].

use std::path::Path;

use openapi::roa::{Operation, RoaClient};
use openapi::rpc::Product;
use openapi::{ApiError, Credentials, ecs, fc};
use serde_json::Value;

use crate::cloud::Endpoint;

/// The operator of one local cloud; cheap to clone.
#[derive(Clone)]
pub struct Operator {
    roa: RoaClient,
    /// ECS.
    pub ecs: ecs::Client,
    /// Function Compute.
    pub fc: fc::Client,
    /// Tablestore.
    pub tablestore: tablestore::Client,
}

impl Operator {
    /// Of the cloud at `endpoint`, in `region`, with the Tablestore instance `ots_instance`.
    ///
    /// # Errors
    /// The endpoint is no address.
    pub fn new(endpoint: &Endpoint, region: &str, ots_instance: &str) -> Result<Self, ApiError> {
        let credentials = Credentials {
            access_key_id: endpoint.access_key_id.clone(),
            access_key_secret: endpoint.access_key_secret.clone(),
            security_token: None,
        };
        let http = openapi::http::client();
        let address = endpoint.endpoint.as_str();
        let product = Product { name: "local", version: "1" };
        Ok(Self {
            roa: RoaClient::new(http.clone(), product, address, credentials.clone())?,
            ecs: ecs::Client::new(http.clone(), address, region, credentials.clone())?,
            fc: fc::Client::new(http.clone(), address, credentials.clone())?,
            tablestore: tablestore::Client::new(http, address, ots_instance, credentials),
        })
    }

    /// Of the cloud that runs in `state_dir`, if one does.
    pub fn find(state_dir: &Path) -> Option<Self> {
        Self::new(&Endpoint::read(state_dir)?, "cn-hangzhou", "osferry").ok()
    }

    /// Carries out a command of [`crate::admin`].
    ///
    /// # Errors
    /// The command's own, or no answer.
    pub async fn command(&self, command: &str, body: &Value) -> Result<Value, ApiError> {
        let body = body.to_string();
        let operation = Operation {
            action: command,
            path: &format!("/local/{command}"),
            resource: "",
            headers: &[("content-type", "application/json")],
            body: body.as_bytes(),
            idempotent: false,
        };
        let answer = self.roa.post(&operation).await?;
        Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
    }
}
