//! STS, version 2015-04-01: temporary keys.

use serde::Deserialize;

use crate::credentials::Credentials;
use crate::error::ApiError;
use crate::rpc::{Product, RpcClient};

/// STS and its only version.
pub const PRODUCT: Product = Product { name: "STS", version: "2015-04-01" };

/// Client of STS; cheap to make and to clone.
#[derive(Clone)]
pub struct Client {
    rpc: RpcClient,
}

/// Request of AssumeRole.
#[derive(Clone, Debug, Default)]
pub struct AssumeRole {
    /// `acs:ram::<account>:role/<name>`
    pub role_arn: String,
    /// 2-64 of `A-Za-z0-9.@_-`; shows in ActionTrail.
    pub role_session_name: String,
    /// 900 to the role's own limit; 3600 when None.
    pub duration_seconds: Option<u32>,
    /// Must be what the role's trust policy asks for, if it does.
    pub external_id: Option<String>,
}

/// A role's temporary key.
#[derive(Clone, Debug)]
pub struct AssumedRole {
    /// The key.
    pub credentials: Credentials,
    /// Valid until, `2015-04-09T11:52:19Z`.
    pub expiration: String,
}

impl Client {
    /// A client for `endpoint` (`https://sts.cn-hangzhou.aliyuncs.com`).
    pub fn new(
        http: reqwest::Client,
        endpoint: &str,
        region: &str,
        credentials: Credentials,
    ) -> Result<Self, ApiError> {
        RpcClient::new(http, PRODUCT, endpoint, region, credentials).map(Self::from)
    }

    /// A temporary key for a role. Sent again: a key too many just expires.
    pub async fn assume_role(&self, request: &AssumeRole) -> Result<AssumedRole, ApiError> {
        let mut params = vec![
            ("RoleArn".to_owned(), request.role_arn.clone()),
            ("RoleSessionName".to_owned(), request.role_session_name.clone()),
        ];
        params.extend(request.duration_seconds.map(|seconds| ("DurationSeconds".to_owned(), seconds.to_string())));
        params.extend(request.external_id.clone().map(|id| ("ExternalId".to_owned(), id)));
        let Answer { credentials: key } = self.rpc.call("AssumeRole", params, true).await?;
        Ok(AssumedRole {
            credentials: Credentials {
                access_key_id: key.access_key_id,
                access_key_secret: key.access_key_secret,
                security_token: Some(key.security_token),
            },
            expiration: key.expiration,
        })
    }
}

impl From<RpcClient> for Client {
    /// For other signatures, patience or clocks.
    fn from(rpc: RpcClient) -> Self {
        Self { rpc }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    credentials: Key,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Key {
    access_key_id: String,
    access_key_secret: String,
    security_token: String,
    expiration: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Reply, Server};

    #[tokio::test]
    async fn assume_role_answers_a_temporary_key() {
        let server = Server::start(vec![Reply::new(
            200,
            json!({"RequestId": "r", "AssumedRoleUser": {"Arn": "a", "AssumedRoleId": "1:s"},
                   "Credentials": {"AccessKeyId": "STS.x", "AccessKeySecret": "k", "SecurityToken": "t",
                                   "Expiration": "2026-11-22T11:00:00Z"}}),
        )])
        .await;
        let key = Credentials { access_key_id: "ak".into(), access_key_secret: "sk".into(), security_token: None };
        let client = Client::new(crate::http::build(), &server.endpoint, "cn-hangzhou", key).unwrap();
        let request = AssumeRole {
            role_arn: "acs:ram::1:role/r".into(),
            role_session_name: "ferry".into(),
            duration_seconds: Some(900),
            ..AssumeRole::default()
        };
        let role = client.assume_role(&request).await.unwrap();
        assert_eq!(role.credentials.security_token.as_deref(), Some("t"));
        assert_eq!(role.expiration, "2026-11-22T11:00:00Z");
        let requests = server.requests();
        assert_eq!(requests[0].header("x-acs-version"), "2015-04-01");
        assert_eq!(
            requests[0].query(),
            [("DurationSeconds", "900"), ("RoleArn", "acs:ram::1:role/r"), ("RoleSessionName", "ferry")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
        );
    }
}
