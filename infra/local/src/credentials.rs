//! Access keys: the operator's, and a temporary one for every function process, as its role would
//! give it. A request's access key thus tells who called, and what they may do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::ram::{self, Denied, Policies, Policy};
use crate::seams::ServiceError;
use crate::store::Store;

/// Whose key it is.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub enum Who {
    /// The person at this machine.
    Operator,
    /// One process of a function.
    Function {
        /// Function name.
        name: String,
        /// The process, as `FC_INSTANCE_ID` names it.
        instance: String,
    },
}

/// An access key with its secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct Identity {
    /// Access key id; `STS.…` for temporary ones.
    pub access_key_id: String,
    /// Access key secret.
    pub access_key_secret: String,
    /// Must come along when it is a temporary key.
    pub security_token: Option<String>,
    /// Whose it is.
    pub who: Who,
    /// What its role may do; a function's that has none may do nothing.
    #[serde(skip)]
    pub policy: Option<Arc<Policy>>,
}

impl Identity {
    /// Whether RAM permits `action` (`ecs:ResetDisk`) on `resource` (`disk/d-1`, or `*`). The operator may do everything.
    ///
    /// # Errors
    /// It does not.
    pub fn check(&self, action: &str, resource: &str) -> Result<(), Denied> {
        match &self.who {
            Who::Operator => Ok(()),
            Who::Function { name, .. } => ram::check(self.policy.as_deref(), name, action, resource),
        }
    }
}

/// Every key that is valid now.
#[derive(Clone)]
pub struct Keyring {
    operator: Identity,
    temporary: Arc<Mutex<HashMap<String, Identity>>>,
    policies: Policies,
}

impl Keyring {
    /// Reads the operator's key from the store, or makes it at the first start. Roles have these `policies`.
    pub fn open(store: &Store, policies: Policies) -> Result<Self, ServiceError> {
        let space = store.space("credentials")?;
        let operator = match space.get::<Identity>("operator")? {
            Some(identity) => identity,
            None => {
                let identity = Identity {
                    access_key_id: format!("LTAI{}", secret(16)),
                    access_key_secret: secret(30),
                    security_token: None,
                    who: Who::Operator,
                    policy: None,
                };
                let mut batch = store.batch();
                batch.put(&space, "operator", &identity)?;
                store.commit(batch)?;
                identity
            }
        };
        Ok(Self { operator, temporary: Arc::default(), policies })
    }

    /// The operator's key.
    pub fn operator(&self) -> &Identity {
        &self.operator
    }

    /// A temporary key for the process `instance` of function `name`, in `role`.
    pub fn issue(&self, name: &str, instance: &str, role: Option<&str>) -> Identity {
        let identity = Identity {
            access_key_id: format!("STS.{}", secret(20)),
            access_key_secret: secret(30),
            security_token: Some(secret(60)),
            who: Who::Function { name: name.into(), instance: instance.into() },
            policy: role.and_then(|role| self.policies.of(role)),
        };
        self.keys().insert(identity.access_key_id.clone(), identity.clone());
        identity
    }

    /// The process is gone; so is its key.
    pub fn revoke(&self, access_key_id: &str) {
        self.keys().remove(access_key_id);
    }

    /// The identity behind an access key id.
    pub fn find(&self, access_key_id: &str) -> Option<Identity> {
        if access_key_id == self.operator.access_key_id {
            return Some(self.operator.clone());
        }
        self.keys().get(access_key_id).cloned()
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, HashMap<String, Identity>> {
        self.temporary.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `n` random letters and digits from the operating system.
fn secret(n: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = vec![0u8; n];
    // /dev/urandom cannot fail to open or read on a Linux that runs at all.
    std::fs::File::open("/dev/urandom")
        .and_then(|mut f| std::io::Read::read_exact(&mut f, &mut bytes))
        .expect("read /dev/urandom");
    bytes.iter().map(|b| LETTERS[*b as usize % LETTERS.len()] as char).collect()
}
