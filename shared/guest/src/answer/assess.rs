//! The answers of the migratability check, and of what is changed to get through it.

use std::collections::BTreeMap;

use migration::findings::{Finished, GuestFacts, Preview};

use super::{Answer, OutputError};

/// The migratability check's answer.
pub fn read_assessment(output: &str) -> Result<GuestFacts, OutputError> {
    let answer = Answer::read(output)?;
    let mut free_mib = Vec::new();
    for value in answer.all("free_mib") {
        let parsed = value.split_once(' ').and_then(|(path, free)| Some((path.to_owned(), free.parse().ok()?)));
        free_mib.push(parsed.ok_or(OutputError::BadValue { key: "free_mib", value })?);
    }
    let (problem, unreachable) = (answer.all("problem").join("; "), answer.all("unreachable").join("; "));
    let planned = problem.is_empty() && unreachable.is_empty();
    let changes = if planned { answer.number("changes")? } else { 0 };
    let mut system: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, value) in &answer.0 {
        if let Some(name) = key.strip_prefix("system.") {
            system.entry(name.to_owned()).or_default().push(value.to_string());
        }
    }
    Ok(GuestFacts {
        os_id: answer.text("os_id"),
        os_version: answer.text("os_version"),
        os_name: answer.text("os_name"),
        arch: answer.text("arch"),
        boot_id: answer.text("boot_id"),
        memory_mib: answer.number("memory_mib")?,
        // Scripts before this one did not tell.
        memory_total_mib: answer.text("memory_total_mib").parse().unwrap_or(0),
        mounts: answer.count("mounts")?,
        free_mib,
        foreign_packages: answer.all("foreign_package"),
        package_manager: answer.all("package_problem").join("; "),
        preview: Preview {
            problem,
            unreachable,
            removals: answer.all("removal"),
            downgrades: answer.all("downgrade"),
            changes,
        },
        mysql: answer.all("mysql"),
        epel_modular: answer.yes("epel_modular"),
        foreign_modules: answer.all("foreign_module"),
        system,
    })
}

/// What `prepare` did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prepared {
    /// Names of the remediations that are in effect now.
    pub applied: Vec<String>,
    /// What did not work; empty when everything did. What was done until then is noted in the guest, and `undo`
    /// takes it back.
    pub problem: String,
    /// What could not be reached; it may be tried again.
    pub unreachable: String,
}

/// What `prepare` did.
pub fn read_prepared(output: &str) -> Result<Prepared, OutputError> {
    let answer = Answer::read(output)?;
    Ok(Prepared {
        applied: answer.all("applied"),
        problem: answer.all("problem").join("; "),
        unreachable: answer.all("unreachable").join("; "),
    })
}

/// What `undo` could not take back: empty when the guest is as it was. It may be asked to try again.
pub fn read_undone(output: &str) -> Result<Vec<String>, OutputError> {
    let answer = Answer::read(output)?;
    let left = answer.all("left");
    if left.is_empty() && !answer.yes("undone") {
        return Err(OutputError::BadValue { key: "undone", value: answer.text("undone") });
    }
    Ok(left)
}

/// What `finish` did.
pub fn read_finished(output: &str) -> Result<Finished, OutputError> {
    let answer = Answer::read(output)?;
    Ok(Finished {
        restored: answer.all("restored"),
        kept_away: answer.all("kept_away"),
        kept: answer.all("kept"),
        left: answer.all("left"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::lines;
    use super::*;

    #[test]
    fn an_assessment_among_noise() {
        let output = "Warning: noise\n".to_owned()
            + &lines(&[
                ("os_id", "centos"),
                ("os_version", "8"),
                ("memory_mib", "1900"),
                ("free_mib", "/usr 10000"),
                ("free_mib", "/boot 42"),
                ("foreign_package", "zlib.i686"),
                ("removal", "vendor-agent"),
                ("changes", "31"),
            ]);
        let facts = read_assessment(&output).unwrap();
        assert_eq!(facts.free_mib, [("/usr".to_owned(), 10000), ("/boot".to_owned(), 42)]);
        assert_eq!(facts.preview.removals, ["vendor-agent"]);
        assert_eq!((facts.memory_mib, facts.preview.changes), (1900, 31));
    }

    #[test]
    fn facts_of_the_system_are_kept_by_name() {
        let told = [
            ("memory_mib", "1"),
            ("memory_total_mib", "1500"),
            ("changes", "0"),
            ("system.nic", "eth0 eth1"),
            ("system.root_link", "/a -> /b"),
            ("system.root_link", "/c -> /d"),
        ];
        let facts = read_assessment(&lines(&told)).unwrap();
        assert_eq!(facts.memory_total_mib, 1500);
        assert_eq!(facts.system["root_link"], ["/a -> /b", "/c -> /d"]);
        assert_eq!(facts.system["nic"], ["eth0 eth1"]);
    }

    #[test]
    fn what_was_done_and_what_is_left() {
        let prepared = read_prepared(&lines(&[("applied", "clean-boot"), ("problem", "a"), ("problem", "b")])).unwrap();
        assert_eq!(
            (prepared.applied.as_slice(), prepared.problem.as_str()),
            (["clean-boot".to_owned()].as_slice(), "a; b")
        );
        assert_eq!(read_undone(&lines(&[("undone", "yes")])).unwrap(), [""; 0]);
        assert_eq!(read_undone(&lines(&[("left", "x is not mounted")])).unwrap(), ["x is not mounted"]);
        assert!(read_undone(&lines(&[])).is_err(), "neither done nor left");
        let told =
            [("restored", "/etc/fstab"), ("kept_away", "kernel 1"), ("left", "mount of /nas"), ("kept", "package x")];
        let finished = read_finished(&lines(&told)).unwrap();
        assert_eq!((finished.restored.len(), finished.kept_away.len()), (1, 1));
        assert_eq!((finished.left, finished.kept), (vec!["mount of /nas".to_owned()], vec!["package x".to_owned()]));
    }
}
