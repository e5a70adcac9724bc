//! How a failed invocation is told to its caller.

use std::any::{Any, type_name_of_val};
use std::convert::Infallible;
use std::fmt::Display;

use serde::{Deserialize, Serialize};

use crate::Error;

/// Type and message of a failure: the body of a failed invocation's answer.
///
/// As JSON `{"errorType": …, "errorMessage": …}` (FC docs, error handling). A handler's error type
/// needs `Into<Diagnostic>`; [`Error`], strings and I/O errors have it.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostic {
    /// A name for the kind of failure; of conversions from a Rust type, that type's name.
    pub error_type: String,
    /// What went wrong, for a person.
    pub error_message: String,
}

impl Diagnostic {
    /// A failure of the kind `error_type`.
    pub(crate) fn new(error_type: &str, error_message: impl Into<String>) -> Self {
        Self { error_type: error_type.into(), error_message: error_message.into() }
    }

    fn of<T: Display>(value: &T) -> Self {
        Self::new(type_name_of_val(&value), value.to_string())
    }

    /// A handler's panic; `payload` is what `catch_unwind` answers.
    pub(crate) fn panicked(payload: &(dyn Any + Send)) -> Self {
        let said = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
        match said {
            Some(said) => Self::new("FunctionPanic", format!("function panicked: {said}")),
            None => Self::new("FunctionPanic", "function panicked"),
        }
    }
}

impl From<Error> for Diagnostic {
    fn from(value: Error) -> Self {
        Self::of(&value)
    }
}

impl From<Box<dyn std::error::Error>> for Diagnostic {
    fn from(value: Box<dyn std::error::Error>) -> Self {
        Self::of(&value)
    }
}

impl From<Infallible> for Diagnostic {
    fn from(value: Infallible) -> Self {
        match value {}
    }
}

impl From<String> for Diagnostic {
    fn from(value: String) -> Self {
        Self::of(&value)
    }
}

impl From<&'static str> for Diagnostic {
    fn from(value: &'static str) -> Self {
        Self::of(&value)
    }
}

impl From<std::io::Error> for Diagnostic {
    fn from(value: std::io::Error) -> Self {
        Self::of(&value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_keep_type_and_message() {
        let boxed: Error = "broken".into();
        let told = Diagnostic::from(boxed);
        assert_eq!(told.error_message, "broken");
        assert!(told.error_type.contains("dyn core::error::Error"), "{}", told.error_type);
        assert_eq!(Diagnostic::from("x").error_type, "&&str");
        assert_eq!(Diagnostic::from(String::from("x")).error_type, "&alloc::string::String");
        let io = Diagnostic::from(std::io::Error::other("disk"));
        assert_eq!((io.error_type.as_str(), io.error_message.as_str()), ("&std::io::error::Error", "disk"));
    }

    #[test]
    fn is_json_in_camel_case() {
        let json = serde_json::to_string(&Diagnostic::new("T", "m")).unwrap();
        assert_eq!(json, r#"{"errorType":"T","errorMessage":"m"}"#);
    }

    #[test]
    fn a_panic_says_what_it_said() {
        assert_eq!(Diagnostic::panicked(&"a").error_message, "function panicked: a");
        assert_eq!(Diagnostic::panicked(&String::from("b")).error_message, "function panicked: b");
        assert_eq!(Diagnostic::panicked(&7).error_message, "function panicked");
    }
}
