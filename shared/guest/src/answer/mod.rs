//! How the scripts' output is read.

mod after;
mod assess;
mod evidence;
mod identity;
mod run;

use std::borrow::Cow;

pub use after::{read_after, read_observation};
pub use assess::{Prepared, read_assessment, read_finished, read_prepared, read_undone};
pub use evidence::read_evidence;
pub use identity::{Identity, read_identity};
pub use run::{Look, Tool, ToolState, Written, read_booted, read_look, read_watch};

/// Output that is not what the script prints.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// The script did not come to its end.
    #[error("the script's output is incomplete; it ends with {end:?}")]
    Incomplete {
        /// The end of what it printed.
        end: String,
    },
    /// Its beginning was dropped: what is missing in it may be what matters.
    #[error("{dropped} bytes of the script's output were dropped at its beginning")]
    Cut {
        /// Bytes that are missing.
        dropped: u64,
    },
    /// A value is not what it should be.
    #[error("the script's output has {key}={value:?}")]
    BadValue {
        /// Which.
        key: &'static str,
        /// What it is.
        value: String,
    },
}

/// The lines of an answer.
pub(crate) struct Answer<'a>(Vec<(&'a str, Cow<'a, str>)>);

impl<'a> Answer<'a> {
    pub(crate) fn read(output: &'a str) -> Result<Self, OutputError> {
        let lines: Vec<_> = output.lines().filter_map(|line| line.strip_prefix("osf\t")?.split_once('\t')).collect();
        let has = |wanted| lines.iter().any(|(key, _)| *key == wanted);
        if has("done") {
            // JSON has escapes of its own.
            let escaped = |key: &str| has("escapes") && key != "state";
            let value = |key, value| if escaped(key) { crate::windows::unescape(value).into() } else { value.into() };
            return Ok(Self(lines.iter().map(|(key, text)| (*key, value(key, *text))).collect()));
        }
        let end: Vec<char> = output.trim_end().chars().rev().take(300).collect();
        Err(OutputError::Incomplete { end: end.into_iter().rev().collect() })
    }

    pub(crate) fn all(&self, key: &str) -> Vec<String> {
        self.0.iter().filter(|(k, _)| *k == key).map(|(_, value)| value.to_string()).collect()
    }

    pub(crate) fn text(&self, key: &str) -> String {
        self.0.iter().find(|(k, _)| *k == key).map(|(_, value)| value.to_string()).unwrap_or_default()
    }

    /// Whether there is such a line at all.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(k, _)| *k == key)
    }

    pub(crate) fn yes(&self, key: &str) -> bool {
        self.text(key) == "yes"
    }

    pub(crate) fn number(&self, key: &'static str) -> Result<u64, OutputError> {
        let value = self.text(key);
        value.parse().map_err(|_| OutputError::BadValue { key, value })
    }

    /// A figure that need not be told: 0 then.
    pub(crate) fn count(&self, key: &'static str) -> Result<u64, OutputError> {
        if self.text(key).is_empty() { Ok(0) } else { self.number(key) }
    }

    /// Keys and values in the order in which they were told.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (*key, value.as_ref()))
    }

    pub(crate) fn state(&self) -> Result<Option<ToolState>, OutputError> {
        let value = self.text("state");
        if value.is_empty() {
            return Ok(None);
        }
        serde_json::from_str(&value).map(Some).map_err(|_| OutputError::BadValue { key: "state", value })
    }
}

/// The answer of a script that only says that it is done.
pub fn read_done(output: &str) -> Result<(), OutputError> {
    Answer::read(output).map(drop)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A whole answer.
    pub fn lines(lines: &[(&str, &str)]) -> String {
        lines.iter().map(|(key, value)| format!("osf\t{key}\t{value}\n")).collect::<String>() + "osf\tdone\tyes\n"
    }

    #[test]
    fn incomplete_and_bad_output_is_an_error() {
        assert!(
            matches!(read_assessment("osf\tos_id\tcentos\nKilled"), Err(OutputError::Incomplete { end }) if end.ends_with("Killed"))
        );
        let bad = lines(&[("memory_mib", "much"), ("changes", "1")]);
        assert!(matches!(read_assessment(&bad), Err(OutputError::BadValue { key: "memory_mib", .. })));
        assert!(matches!(read_watch(&lines(&[("state", "{")])), Err(OutputError::BadValue { key: "state", .. })));
    }

    proptest! {
        #[test]
        fn no_output_makes_a_reader_panic(output in "(osf\t[a-z_]{0,12}\t[ -~]{0,20}\n|.{0,30}\n){0,12}") {
            let output = output + "osf\tdone\tyes\n";
            let _ = (read_assessment(&output), read_watch(&output), read_after(&output), read_look(&output));
            let _ = (read_booted(&output), read_observation(&output), read_identity(&output));
            let _ = (read_evidence(&output), crate::read_chunk(&output));
        }
    }
}
