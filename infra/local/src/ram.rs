//! RAM: what a role may do, by the same policy documents that a deployment puts into an account (`infra/ram`).
//!
//! A role has the policy of the file that is named like it, and without one it may do nothing. What stands in a
//! document and is not understood here (`Condition`, `NotAction` …) is an error, so that no document means less
//! here than there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use crate::seams::ServiceError;

/// The file that says who may be a role; it is no role's policy.
const TRUST: &str = "trust";

/// Most characters of a policy (RAM, "Limitations").
const LARGEST: usize = 6144;

/// What stands for the variables of the documents.
#[derive(Clone, Debug)]
pub struct Place {
    /// `${REGION}`
    pub region: String,
    /// `${ACCOUNT}`
    pub account_id: String,
    /// `${OTS_INSTANCE}`
    pub ots_instance: String,
}

/// Why the documents are not accepted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("policy {file}: {what}")]
pub struct PolicyError {
    /// Path of the file.
    pub file: String,
    /// What is wrong.
    pub what: String,
}

/// Policies by the names of their roles.
#[derive(Clone, Debug, Default)]
pub struct Policies(Arc<BTreeMap<String, Arc<Policy>>>);

impl Policies {
    /// Reads `<role>.json` of every role in `dir`.
    ///
    /// # Errors
    /// The first file that cannot be read or is not understood.
    pub fn load(dir: &Path, place: &Place) -> Result<Self, PolicyError> {
        let bad = |file: &Path, what: &dyn std::fmt::Display| PolicyError {
            file: file.display().to_string(),
            what: what.to_string(),
        };
        let mut policies = BTreeMap::new();
        for entry in std::fs::read_dir(dir).map_err(|error| bad(dir, &error))? {
            let path = entry.map_err(|error| bad(dir, &error))?.path();
            let role = match (path.file_stem(), path.extension()) {
                (Some(stem), Some(extension)) if extension == "json" => stem.to_string_lossy().into_owned(),
                _ => continue,
            };
            if role != TRUST {
                let text = std::fs::read_to_string(&path).map_err(|error| bad(&path, &error))?;
                let policy = Policy::parse(&role, &text, place).map_err(|what| bad(&path, &what))?;
                policies.insert(role, Arc::new(policy));
            }
        }
        Ok(Self(Arc::new(policies)))
    }

    /// The policy of a role, if it has one.
    pub fn of(&self, role: &str) -> Option<Arc<Policy>> {
        self.0.get(role).cloned()
    }

    /// The roles that have a policy.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// What a role may do.
#[derive(Debug)]
pub struct Policy {
    role: String,
    place: Place,
    statements: Vec<Statement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Document {
    version: String,
    statement: Vec<Statement>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    effect: Effect,
    action: OneOrMany,
    resource: OneOrMany,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn covers(&self, text: &str) -> bool {
        match self {
            Self::One(pattern) => matches_wildcard(pattern, text),
            Self::Many(patterns) => patterns.iter().any(|pattern| matches_wildcard(pattern, text)),
        }
    }
}

impl Policy {
    /// Reads the document `text` of `role`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(role: &str, text: &str, place: &Place) -> Result<Self, String> {
        let text = text
            .replace("${REGION}", &place.region)
            .replace("${ACCOUNT}", &place.account_id)
            .replace("${OTS_INSTANCE}", &place.ots_instance);
        if let Some(at) = text.find("${") {
            let name: String = text[at..].chars().take_while(|c| *c != '"' && *c != '\n').collect();
            return Err(format!("`{name}` is none of ${{REGION}}, ${{ACCOUNT}} and ${{OTS_INSTANCE}}"));
        }
        if text.len() > LARGEST {
            return Err(format!("{} characters are more than {LARGEST}", text.len()));
        }
        let document: Document = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        match document.version.as_str() {
            "1" => Ok(Self { role: role.to_owned(), place: place.clone(), statements: document.statement }),
            version => Err(format!("version `{version}` is not 1")),
        }
    }

    /// Whether it allows `action` (`ecs:ResetDisk`) on `resource`: `disk/d-1`, or `*` for what is asked of none. A
    /// statement that denies counts more than any that allows.
    pub fn allows(&self, action: &str, resource: &str) -> bool {
        let name = self.name(action, resource);
        let effects = || {
            let covers = |statement: &&Statement| statement.action.covers(action) && statement.resource.covers(&name);
            self.statements.iter().filter(covers).map(|statement| statement.effect)
        };
        effects().any(|effect| effect == Effect::Allow) && effects().all(|effect| effect == Effect::Allow)
    }

    /// The resource's name in full.
    fn name(&self, action: &str, resource: &str) -> String {
        let Place { region, account_id, .. } = &self.place;
        match action.split(':').next().unwrap_or_default() {
            _ if resource == "*" => "*".into(),
            // Roles are of no region.
            "sts" => format!("acs:ram::{account_id}:{resource}"),
            product => format!("acs:{product}:{region}:{account_id}:{resource}"),
        }
    }
}

/// What a caller was not permitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{caller} may not {action} on {resource}")]
pub struct Denied {
    /// The role, or the function that has none with a policy.
    pub caller: String,
    /// `ecs:ResetDisk`
    pub action: String,
    /// `disk/d-1`
    pub resource: String,
}

/// Whether `policy` allows it; `caller` is whose it is. Who is refused stands in the log.
///
/// # Errors
/// It does not, or there is none.
pub fn check(policy: Option<&Policy>, caller: &str, action: &str, resource: &str) -> Result<(), Denied> {
    if policy.is_some_and(|policy| policy.allows(action, resource)) {
        return Ok(());
    }
    let caller = policy.map_or(caller, |policy| &policy.role);
    tracing::warn!(caller, action, resource, "{REFUSED}");
    Err(Denied { caller: caller.into(), action: action.into(), resource: resource.into() })
}

/// The log's message when something was not permitted.
pub const REFUSED: &str = "not permitted";

impl Denied {
    /// In the words of the products with an RPC gateway (ECS API reference, "Common errors").
    pub fn forbidden(&self) -> ServiceError {
        let what = "User not authorized to operate on the specified resource, or this API doesn't support RAM.";
        ServiceError::new(403, "Forbidden.RAM", format!("{what} ({self})"))
    }
}

/// Whether `text` is like `pattern`, in which `*` stands for anything.
pub fn matches_wildcard(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    // `split` answers at least one part, the one after the last star.
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(tail)
}

#[cfg(test)]
mod tests;
