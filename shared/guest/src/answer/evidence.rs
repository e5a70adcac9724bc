//! The ends of logs that are brought out of the guest.

use super::{Answer, OutputError};

/// The ends of the logs there are: name and text of each, in the order of the script.
pub fn read_evidence(output: &str) -> Result<Vec<(String, String)>, OutputError> {
    let answer = Answer::read(output)?;
    let mut exhibits: Vec<(String, String)> = Vec::new();
    for (key, value) in answer.lines() {
        match (key, exhibits.last_mut()) {
            ("exhibit", _) => exhibits.push((value.to_owned(), String::new())),
            ("line", Some((_, text))) => {
                text.push_str(value);
                text.push('\n');
            }
            _ => {}
        }
    }
    Ok(exhibits)
}

#[cfg(test)]
mod tests {
    use super::super::tests::lines;
    use super::*;

    #[test]
    fn exhibits_keep_their_lines_and_order() {
        let output = lines(&[
            ("line", "a line before any name"),
            ("exhibit", "log"),
            ("line", "one"),
            ("line", "two"),
            ("exhibit", "dmesg"),
            ("line", "three"),
        ]);
        let exhibits = read_evidence(&output).unwrap();
        let expected = [("log", "one\ntwo\n"), ("dmesg", "three\n")];
        assert_eq!(exhibits, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }
}
