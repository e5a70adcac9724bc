//! Text for a shell, safely.

/// `text` as one word of a POSIX shell, whatever it holds. A NUL cannot be part of a word: it is left out.
pub fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_shell_reads_back_what_was_quoted(text in "[^\0]*") {
            let script = format!("printf %s {}", super::quote(&text));
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            prop_assert_eq!(output.stdout, text.as_bytes());
            prop_assert!(output.stderr.is_empty());
        }
    }
}
