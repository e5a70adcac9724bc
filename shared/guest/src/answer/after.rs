//! The new system's answer.

use migration::findings::AfterFacts;

use super::{Answer, OutputError};

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
