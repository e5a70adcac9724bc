//! STS: AssumeRole within this account.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Services;
use crate::credentials::{Identity, Who};
use crate::seams::ServiceError;

/// Answers one call; the answer lacks only `RequestId`. Roles need not exist: one without a policy may do nothing.
/// The key is valid until this cloud stops.
pub fn call(
    services: &Services,
    who: &Identity,
    action: &str,
    params: &BTreeMap<String, String>,
) -> Result<Value, ServiceError> {
    if action != "AssumeRole" {
        return Err(ServiceError::new(404, "InvalidAction.NotFound", "Specified api is not found."));
    }
    let param = |name: &str| params.get(name).map(String::as_str).unwrap_or_default();
    let (arn, session) = (param("RoleArn"), param("RoleSessionName"));
    let (account, role) = parse_arn(arn).ok_or_else(|| invalid("RoleArn"))?;
    if account != services.account_id || who.check("sts:AssumeRole", &format!("role/{role}")).is_err() {
        let what = "You are not authorized to do this action. You should be authorized by RAM.";
        return Err(ServiceError::new(403, "NoPermission", what));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".@_-".contains(c);
    if !(2..=64).contains(&session.len()) || !session.chars().all(allowed) {
        return Err(invalid("RoleSessionName"));
    }
    let seconds = match param("DurationSeconds") {
        "" => 3600,
        text => text.parse().ok().filter(|s| (900..=43200).contains(s)).ok_or_else(|| invalid("DurationSeconds"))?,
    };
    // A function stays itself in another role: its calls are told by its key.
    let key = match &who.who {
        Who::Function { name, instance } => services.keyring.issue(name, instance, Some(role)),
        Who::Operator => services.keyring.issue(role, session, Some(role)),
    };
    let expiration = Timestamp::now() + SignedDuration::from_secs(seconds);
    Ok(json!({
        "Credentials": {
            "AccessKeyId": key.access_key_id,
            "AccessKeySecret": key.access_key_secret,
            "SecurityToken": key.security_token,
            "Expiration": expiration.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        },
        "AssumedRoleUser": {
            "Arn": format!("acs:ram::{account}:role/{role}/{session}"),
            "AssumedRoleId": format!("3{account}:{session}"),
        },
    }))
}

/// Account and role of `acs:ram::<account>:role/<role>`.
fn parse_arn(arn: &str) -> Option<(&str, &str)> {
    let (account, role) = arn.strip_prefix("acs:ram::")?.split_once(":role/")?;
    (!account.is_empty() && !role.is_empty()).then_some((account, role))
}

fn invalid(parameter: &str) -> ServiceError {
    let what = format!("The parameter {parameter} is wrongly formed.");
    ServiceError::new(400, format!("InvalidParameter.{parameter}"), what)
}
