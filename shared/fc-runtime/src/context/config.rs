//! What the environment says of the function.

use serde::{Deserialize, Serialize};

/// What the environment says of the function (FC docs, environment variables of custom runtimes).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// `FC_FUNCTION_NAME`
    pub function_name: String,
    /// `FC_FUNCTION_MEMORY_SIZE`, MB; -1 when missing or not a number.
    pub memory: i32,
    /// `FC_FUNCTION_VERSION`, or `FC_VER_ID` on older images.
    pub version: String,
    /// Empty: FC names no log stream.
    pub log_stream: String,
    /// Empty: FC names the log store in requests only,
    /// [`FcContext::log_store`](crate::FcContext::log_store).
    pub log_group: String,
}

impl Config {
    /// Reads the environment; what is missing is left empty.
    pub fn from_env() -> Self {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    fn from_lookup(var: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            function_name: var("FC_FUNCTION_NAME").unwrap_or_default(),
            memory: var("FC_FUNCTION_MEMORY_SIZE").and_then(|v| v.parse().ok()).unwrap_or(-1),
            version: var("FC_FUNCTION_VERSION").or_else(|| var("FC_VER_ID")).unwrap_or_default(),
            log_stream: String::new(),
            log_group: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_may_be_empty() {
        assert_eq!(Config::from_lookup(|_| None).memory, -1);
        let config = Config::from_lookup(|name| match name {
            "FC_FUNCTION_MEMORY_SIZE" => Some("512".into()),
            "FC_VER_ID" => Some("3".into()),
            _ => None,
        });
        assert_eq!((config.memory, config.version.as_str()), (512, "3"));
    }
}
