//! The migratability check's answer.

use migration::findings::{GuestFacts, Preview};

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
    Ok(GuestFacts {
        os_id: answer.text("os_id"),
        os_version: answer.text("os_version"),
        boot_id: answer.text("boot_id"),
        memory_mib: answer.number("memory_mib")?,
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
}
