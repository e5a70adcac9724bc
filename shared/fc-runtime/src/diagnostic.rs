//! How a failed invocation is told to its caller.
//!
//! ```
//! use fc_runtime::{Diagnostic, LambdaEvent};
//!
//! #[derive(Debug)]
//! struct NoSuchDisk(String);
//!
//! impl From<NoSuchDisk> for Diagnostic {
//!     fn from(error: NoSuchDisk) -> Self {
//!         Self { error_type: "NoSuchDisk".into(), error_message: error.0 }
//!     }
//! }
//!
//! async fn handler(_: LambdaEvent<()>) -> Result<(), NoSuchDisk> {
//!     Err(NoSuchDisk("d-1".into()))
//! }
//! ```

use std::any::{Any, type_name_of_val};
use std::convert::Infallible;
use std::fmt::Display;

use serde::{Deserialize, Serialize};

use crate::Error;

/// The type of a panic.
const PANIC: &str = "FunctionPanic";

/// Type and message of a failure: the body of a failed invocation's answer.
///
/// As JSON `{"errorType": …, "errorMessage": …}` (FC docs, error handling). A handler's error type
/// needs `Into<Diagnostic>`; [`Error`], strings and I/O errors have it, and with the features `anyhow`,
/// `eyre` and `miette` the errors of those crates.
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
            Some(said) => Self::new(PANIC, format!("function panicked: {said}")),
            None => Self::new(PANIC, "function panicked"),
        }
    }

    /// Whether it tells of a panic.
    pub(crate) fn is_panic(&self) -> bool {
        self.error_type == PANIC
    }
}

macro_rules! from_displayed {
    ($($(#[$gate:meta])* $type:ty,)*) => {$(
        $(#[$gate])*
        impl From<$type> for Diagnostic {
            fn from(value: $type) -> Self {
                Self::of(&value)
            }
        }
    )*};
}

from_displayed! {
    Error,
    Box<dyn std::error::Error>,
    Infallible,
    String,
    &'static str,
    std::io::Error,
    #[cfg(feature = "anyhow")]
    anyhow::Error,
    #[cfg(feature = "eyre")]
    eyre::Report,
    #[cfg(feature = "miette")]
    miette::Report,
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
        let local: Box<dyn std::error::Error> = "broken".into();
        assert_eq!(Diagnostic::from(local).error_type, "&alloc::boxed::Box<dyn core::error::Error>");
        let io = Diagnostic::from(std::io::Error::other("disk"));
        assert_eq!((io.error_type.as_str(), io.error_message.as_str()), ("&std::io::error::Error", "disk"));
    }

    #[test]
    #[cfg(all(feature = "anyhow", feature = "eyre", feature = "miette"))]
    fn errors_of_error_crates_are_told_by_their_outermost_message() {
        let told = [
            Diagnostic::from(anyhow::anyhow!("inner").context("outer")),
            Diagnostic::from(eyre::eyre!("inner").wrap_err("outer")),
            Diagnostic::from(miette::miette!("inner").wrap_err("outer")),
        ];
        assert_eq!(told.each_ref().map(|d| d.error_message.as_str()), ["outer"; 3]);
        let types = told.each_ref().map(|d| d.error_type.as_str());
        assert_eq!(types, ["&anyhow::Error", "&eyre::Report", "&miette::eyreish::Report"]);
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
