//! What the tool and the boots tell.

use migration::findings::Booted;
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
    /// Whether the tool has passed its point of no return: only the snapshots lead back.
    pub no_return: bool,
    /// What was written since the moment that was asked for, by file system: what going back would lose.
    pub written: Vec<Written>,
    /// Why that is not all; empty when it is, or was not asked for.
    pub written_unknown: String,
    /// The end of the tool's log.
    pub log: Vec<String>,
}

/// Files that are newer than that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Mount point.
    pub mount: String,
    /// How many files.
    pub files: u64,
    /// Their size in all, MiB, rounded up.
    pub mib: u64,
}

/// How the tool is doing, by the watching script.
pub fn read_watch(output: &str) -> Result<Tool, OutputError> {
    let answer = Answer::read(output)?;
    let state = answer.state()?;
    Ok(match state {
        Some(state) if state.error_code != 0 => Tool::Failed(explained(state.error_msg)),
        Some(state) if state.progress >= 100 => Tool::Succeeded,
        _ if answer.yes("died") => Tool::Died,
        Some(state) => {
            let told = answer.text("progress");
            let (progress, phase) = refine(state.progress, &told);
            let phase = phase.map_or(state.progress_info, str::to_owned);
            Tool::Running { progress, phase }
        }
        None => Tool::Running { progress: 0, phase: "starting".into() },
    })
}

/// With what is known of a result of Windows Setup that the text names.
fn explained(text: String) -> String {
    match migration::windows::explain(&text) {
        Some(what) => format!("{text} ({what})"),
        None => text,
    }
}

/// What the tool itself tells, `percent phase`, counts when it is further.
fn refine(progress: u8, told: &str) -> (u8, Option<&str>) {
    let (percent, phase) = told.trim().split_once(' ').unwrap_or((told.trim(), ""));
    match percent.parse::<u8>() {
        Ok(percent) if percent >= progress && percent < 100 => (percent, (!phase.is_empty()).then_some(phase)),
        _ => (progress, None),
    }
}

/// Whether and into what the guest has booted since the tool was started.
pub fn read_booted(output: &str) -> Result<Booted, OutputError> {
    let answer = Answer::read(output)?;
    let some = |key: &str| Some(answer.text(key)).filter(|text| !text.is_empty());
    Ok(Booted {
        boot_id: answer.text("boot_id"),
        boot_id_before: answer.text("boot_id_before"),
        os_id: answer.text("os_id"),
        os_version: answer.text("os_version"),
        kernel: answer.text("kernel"),
        kernel_default: answer.text("kernel_default"),
        finishing: some("finishing"),
        failed: some("failed").map(explained),
    })
}

/// What became of the guest.
pub fn read_look(output: &str) -> Result<Look, OutputError> {
    let answer = Answer::read(output)?;
    let mut written = Vec::new();
    for value in answer.all("written") {
        // The mount point may hold blanks as fstab(5) writes them, never a plain one.
        let fields: Vec<&str> = value.split(' ').collect();
        let parsed = match fields.as_slice() {
            [mount, files, mib] => files.parse().ok().zip(mib.parse().ok()).map(|(files, mib)| Written {
                mount: (*mount).to_owned(),
                files,
                mib,
            }),
            _ => None,
        };
        written.push(parsed.ok_or(OutputError::BadValue { key: "written", value })?);
    }
    Ok(Look {
        os_id: answer.text("os_id"),
        os_version: answer.text("os_version"),
        boot_id: answer.text("boot_id"),
        started: answer.text("started") != "no",
        alive: answer.yes("alive"),
        no_return: answer.yes("no_return"),
        written,
        written_unknown: answer.text("written_unknown"),
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
        assert_eq!(tool(10, 0, ("progress", "")), running(10));
        assert_eq!(tool(25, 0, ("progress", "57")), running(57));
        assert_eq!(tool(60, 0, ("progress", "57")), running(60), "it never goes back");
        assert_eq!(tool(10, 0, ("progress", "x y")), running(10));
        assert_eq!(tool(10, 0, ("progress", "100 Reports")), running(10), "the end is the tool's own word");
        let told = Tool::Running { progress: 60, phase: "TargetTransactionCheck".into() };
        assert_eq!(tool(10, 0, ("progress", "60 TargetTransactionCheck")), told);
        assert_eq!(tool(100, 0, ("progress", "")), Tool::Succeeded);
        assert_eq!(tool(10, 103, ("died", "yes")), Tool::Failed("no space".into()));
        assert_eq!(tool(10, 0, ("died", "yes")), Tool::Died);
        assert_eq!(read_watch(&lines(&[])).unwrap(), Tool::Running { progress: 0, phase: "starting".into() });
    }

    #[test]
    fn a_boot_and_a_look() {
        let answer = [("boot_id", "b"), ("boot_id_before", "a"), ("os_id", "centos"), ("finishing", "FirstBoot")];
        let booted = read_booted(&lines(&answer)).unwrap();
        assert_eq!((booted.finishing.as_deref(), booted.failed), (Some("FirstBoot"), None));
        let look = read_look(&lines(&[
            ("started", "yes"),
            ("no_return", "no"),
            ("written", "/data 12 3"),
            ("written_unknown", "cut off"),
        ]))
        .unwrap();
        assert!(look.started && !look.no_return && look.written_unknown == "cut off");
        assert_eq!(look.written, [Written { mount: "/data".into(), files: 12, mib: 3 }]);
        assert!(read_look(&lines(&[("written", "/data many 3")])).is_err());
    }
}
