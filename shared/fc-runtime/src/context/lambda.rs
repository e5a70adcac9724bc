//! What only Lambda tells: types and headers that programs and tests written for it name.

use std::collections::HashMap;

use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::Context;
use crate::Error;

/// What AWS' mobile SDK says of its application. Never there on FC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientContext {
    /// The application.
    #[serde(default)]
    pub client: ClientApplication,
    /// What the application adds.
    #[serde(default)]
    pub custom: HashMap<String, String>,
    /// The device.
    #[serde(default)]
    pub environment: HashMap<String, String>,
}

/// An application of AWS' mobile SDK.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientApplication {
    /// Id of the installation.
    #[serde(alias = "installation_id")]
    pub installation_id: String,
    /// Title of the application.
    #[serde(alias = "app_title")]
    pub app_title: String,
    /// Version for people.
    #[serde(alias = "app_version_name")]
    pub app_version_name: String,
    /// Version for machines.
    #[serde(alias = "app_version_code")]
    pub app_version_code: String,
    /// Name of the package.
    #[serde(alias = "app_package_name")]
    pub app_package_name: String,
}

/// Who calls, by Amazon Cognito. Never there on FC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CognitoIdentity {
    /// Id of the identity.
    #[serde(alias = "cognitoIdentityId", alias = "identity_id")]
    pub identity_id: String,
    /// Id of its pool.
    #[serde(alias = "cognitoIdentityPoolId", alias = "identity_pool_id")]
    pub identity_pool_id: String,
}

/// Takes over what `lambda-runtime-*` headers say.
pub(super) fn read(context: &mut Context, headers: &HeaderMap) -> Result<(), Error> {
    let get = |name: &str| headers.get(name).map(|value| value.to_str()).transpose();
    let filled = |name| get(name).map(|value| value.filter(|value| !value.is_empty()));
    if let Some(deadline) = get("lambda-runtime-deadline-ms")? {
        context.deadline = deadline.parse()?;
    }
    if let Some(arn) = get("lambda-runtime-invoked-function-arn")? {
        arn.clone_into(&mut context.invoked_function_arn);
    }
    let lossy = |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    if let Some(trace) = lossy("lambda-runtime-trace-id") {
        context.xray_trace_id = Some(trace);
    }
    context.tenant_id = lossy("lambda-runtime-aws-tenant-id");
    context.client_context = filled("lambda-runtime-client-context")?.map(serde_json::from_str).transpose()?;
    context.identity = filled("lambda-runtime-cognito-identity")?.map(serde_json::from_str).transpose()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn context(headers: &[(&'static str, &'static str)]) -> Result<Context, Error> {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Context::new("r-1", Arc::default(), &headers)
    }

    #[test]
    fn headers_of_lambda_count_in_tests() {
        let context = context(&[
            ("lambda-runtime-deadline-ms", "123456789"),
            ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:x"),
            ("lambda-runtime-trace-id", "Root=1"),
            ("lambda-runtime-aws-tenant-id", ""),
            ("lambda-runtime-client-context", r#"{"client":{"installationId":"i","appTitle":"t","appVersionName":"n","appVersionCode":"c","app_package_name":"p"},"custom":{"a":"b"}}"#),
            ("lambda-runtime-cognito-identity", r#"{"cognitoIdentityId":"c","identity_pool_id":"p"}"#),
        ])
        .unwrap();
        assert_eq!((context.deadline, context.invoked_function_arn.as_str()), (123_456_789, "arn:aws:lambda:x"));
        assert_eq!((context.xray_trace_id.as_deref(), context.tenant_id.as_deref()), (Some("Root=1"), Some("")));
        assert_eq!(context.client_context.clone().unwrap().client.app_package_name, "p");
        assert_eq!(context.client_context.unwrap().custom["a"], "b");
        assert_eq!(context.identity.unwrap().identity_id, "c");
    }

    #[test]
    fn empty_ones_are_none_and_broken_ones_are_errors() {
        assert_eq!(context(&[("lambda-runtime-client-context", "")]).unwrap().client_context, None);
        assert!(context(&[("lambda-runtime-cognito-identity", "{}")]).is_err());
        assert!(context(&[("lambda-runtime-deadline-ms", "soon")]).is_err());
    }
}
