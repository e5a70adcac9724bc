//! What the tool and the boots tell.

use serde::Deserialize;

use super::{Answer, OutputError};

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
    use super::super::tests::lines;
    use super::*;

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
}
