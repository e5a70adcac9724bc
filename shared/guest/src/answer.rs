//! How the scripts' output is read.

use migration::findings::{AfterFacts, GuestFacts, Preview};
use serde::Deserialize;

/// Output that is not what the script prints.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// The script did not come to its end.
    #[error("the script's output is incomplete; it ends with {end:?}")]
    Incomplete {
        /// The end of what it printed.
        end: String,
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

/// What the tool says of itself, in its state.json; the fields are those of the vendor's own tool.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ToolState {
    /// Phase, or `succeeded`, `failed`.
    pub progress_info: String,
    /// Percent.
    pub progress: u8,
    /// 0 unless it failed.
    pub error_code: i64,
    /// Why it failed.
    pub error_msg: String,
}

/// How the tool is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tool {
    /// It runs.
    Running {
        /// Percent.
        progress: u8,
        /// What it does.
        phase: String,
    },
    /// It said that it succeeded.
    Succeeded,
    /// It said that it failed, and why.
    Failed(String),
    /// It ended without a word.
    Died,
}

/// What became of the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// `ID` of os-release.
    pub os_id: String,
    /// `VERSION_ID` of os-release.
    pub os_version: String,
    /// Boot id.
    pub boot_id: String,
    /// Whether this hop's tool had been started on this disk.
    pub started: bool,
    /// Whether the tool runs right now.
    pub alive: bool,
    /// The end of the tool's log.
    pub log: Vec<String>,
}

/// The lines of an answer.
struct Answer<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Answer<'a> {
    fn read(output: &'a str) -> Result<Self, OutputError> {
        let lines: Vec<_> = output.lines().filter_map(|line| line.strip_prefix("osf\t")?.split_once('\t')).collect();
        if lines.iter().any(|(key, _)| *key == "done") {
            return Ok(Self(lines));
        }
        let end: Vec<char> = output.trim_end().chars().rev().take(300).collect();
        Err(OutputError::Incomplete { end: end.into_iter().rev().collect() })
    }

    fn all(&self, key: &str) -> Vec<String> {
        self.0.iter().filter(|(k, _)| *k == key).map(|(_, value)| (*value).to_owned()).collect()
    }

    fn text(&self, key: &str) -> String {
        self.0.iter().find(|(k, _)| *k == key).map(|(_, value)| (*value).to_owned()).unwrap_or_default()
    }

    fn yes(&self, key: &str) -> bool {
        self.text(key) == "yes"
    }

    fn number(&self, key: &'static str) -> Result<u64, OutputError> {
        let value = self.text(key);
        value.parse().map_err(|_| OutputError::BadValue { key, value })
    }

    fn state(&self) -> Result<Option<ToolState>, OutputError> {
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

/// How the tool is doing, by the watching script.
pub fn read_watch(output: &str) -> Result<Tool, OutputError> {
    let answer = Answer::read(output)?;
    let state = answer.state()?;
    Ok(match state {
        Some(state) if state.error_code != 0 => Tool::Failed(state.error_msg),
        Some(state) if state.progress >= 100 => Tool::Succeeded,
        _ if answer.yes("died") => Tool::Died,
        Some(state) => {
            Tool::Running { progress: refine(state.progress, &answer.text("count")), phase: state.progress_info }
        }
        None => Tool::Running { progress: 0, phase: "starting".into() },
    })
}

/// Within the package manager's phase, the packages it has counted tell more: it goes from 25 to 90.
fn refine(progress: u8, count: &str) -> u8 {
    let Some((done, all)) = count.trim().split_once('/') else { return progress };
    match (done.parse::<u64>(), all.parse::<u64>()) {
        (Ok(done), Ok(all)) if all > 0 && done <= all && (25..90).contains(&progress) => {
            progress.max(u8::try_from(25 + 65 * done / all).unwrap_or(90))
        }
        _ => progress,
    }
}

/// Whether the guest has booted since the tool was started.
pub fn read_booted(output: &str) -> Result<bool, OutputError> {
    let answer = Answer::read(output)?;
    let (now, before) = (answer.text("boot_id"), answer.text("boot_id_before"));
    Ok(!now.is_empty() && !before.is_empty() && now != before)
}

/// The new system's answer.
pub fn read_after(output: &str) -> Result<AfterFacts, OutputError> {
    let answer = Answer::read(output)?;
    Ok(AfterFacts {
        os_id: answer.text("os_id"),
        os_version: answer.text("os_version"),
        boot_id: answer.text("boot_id"),
        boot_id_before: answer.text("boot_id_before"),
        tool_succeeded: answer.yes("tool_succeeded"),
        package_manager: answer.all("package_problem").join("; "),
        services_lost: answer.all("service_lost"),
        packages_lost: answer.all("package_lost"),
        packages_new: answer.number("packages_new")?,
        probes_failed: answer.all("probe_failed"),
    })
}

/// What became of the guest.
pub fn read_look(output: &str) -> Result<Look, OutputError> {
    let answer = Answer::read(output)?;
    Ok(Look {
        os_id: answer.text("os_id"),
        os_version: answer.text("os_version"),
        boot_id: answer.text("boot_id"),
        started: answer.text("started") != "no",
        alive: answer.yes("alive"),
        log: answer.all("log"),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(lines: &[(&str, &str)]) -> String {
        lines.iter().map(|(key, value)| format!("osf\t{key}\t{value}\n")).collect::<String>() + "osf\tdone\tyes\n"
    }

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
    fn incomplete_and_bad_output_is_an_error() {
        assert!(
            matches!(read_assessment("osf\tos_id\tcentos\nKilled"), Err(OutputError::Incomplete { end }) if end.ends_with("Killed"))
        );
        let bad = lines(&[("memory_mib", "much"), ("changes", "1")]);
        assert!(matches!(read_assessment(&bad), Err(OutputError::BadValue { key: "memory_mib", .. })));
        assert!(matches!(read_watch(&lines(&[("state", "{")])), Err(OutputError::BadValue { key: "state", .. })));
    }

    #[test]
    fn the_tool_in_its_states() {
        let state = |progress: u8, code: i64| {
            format!(
                r#"{{"Timestamp":1,"ProgressInfo":"packages","Progress":{progress},"ErrorCode":{code},"ErrorMsg":"no space"}}"#
            )
        };
        let tool = |progress, code, more: (&str, &str)| {
            read_watch(&lines(&[("state", &state(progress, code)), more])).unwrap()
        };
        let running = |progress| Tool::Running { progress, phase: "packages".into() };
        assert_eq!(tool(10, 0, ("count", "")), running(10));
        assert_eq!(tool(25, 0, ("count", "20/40")), running(57));
        assert_eq!(tool(10, 0, ("count", "20/40")), running(10), "downloads are counted otherwise");
        assert_eq!(tool(10, 0, ("count", "x/0")), running(10));
        assert_eq!(tool(100, 0, ("count", "")), Tool::Succeeded);
        assert_eq!(tool(10, 103, ("died", "yes")), Tool::Failed("no space".into()));
        assert_eq!(tool(10, 0, ("died", "yes")), Tool::Died);
        assert_eq!(read_watch(&lines(&[])).unwrap(), Tool::Running { progress: 0, phase: "starting".into() });
    }

    #[test]
    fn a_boot_is_new_only_when_both_ids_are_known() {
        let booted = |now, before| read_booted(&lines(&[("boot_id", now), ("boot_id_before", before)])).unwrap();
        assert!(booted("b", "a"));
        assert!(!booted("a", "a"));
        assert!(!booted("a", ""));
    }

    proptest! {
        #[test]
        fn no_output_makes_a_reader_panic(output in "(osf\t[a-z_]{0,12}\t[ -~]{0,20}\n|.{0,30}\n){0,12}") {
            let output = output + "osf\tdone\tyes\n";
            let _ = (read_assessment(&output), read_watch(&output), read_after(&output), read_look(&output), read_booted(&output));
        }
    }
}
