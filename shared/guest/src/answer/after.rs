//! The new system's answer.

use migration::findings::{AfterFacts, Observation};

use super::{Answer, OutputError};

/// The new system's answer.
pub fn read_after(output: &str) -> Result<AfterFacts, OutputError> {
    let answer = Answer::read(output)?;
    Ok(AfterFacts {
        os_id: answer.text("os_id"),
        os_version: answer.text("os_version"),
        boot_id: answer.text("boot_id"),
        boot_id_before: answer.text("boot_id_before"),
        kernel: answer.text("kernel"),
        kernel_default: answer.text("kernel_default"),
        tool_succeeded: answer.yes("tool_succeeded"),
        package_manager: answer.all("package_problem").join("; "),
        leftovers: answer.count("leftovers")?,
        services_lost: answer.all("service_lost"),
        services_disabled: answer.all("service_disabled"),
        ports_lost: answer.all("port_lost"),
        ports_retired: answer.all("port_retired"),
        mounts_lost: answer.all("mount_lost"),
        users_lost: answer.all("user_lost"),
        cron_changed: answer.all("cron_changed"),
        kernel_arguments_lost: answer.all("kernel_argument_lost"),
        modules_lost: answer.all("module_lost"),
        configuration_changed: answer.all("configuration_changed"),
        settings_changed: answer.all("setting_changed"),
        repositories_old: answer.all("repository_old"),
        packages_lost: answer.all("package_lost"),
        packages_new: answer.number("packages_new")?,
        probes_failed: answer.all("probe_failed"),
    })
}

/// One look at services and applications during the observation.
pub fn read_observation(output: &str) -> Result<Observation, OutputError> {
    let answer = Answer::read(output)?;
    Ok(Observation { services_lost: answer.all("service_lost"), probes_failed: answer.all("probe_failed") })
}

#[cfg(test)]
mod tests {
    use super::super::tests::lines;
    use super::*;

    #[test]
    fn differences_and_figures() {
        let mut answer = vec![("os_id", "almalinux"), ("os_version", "8.10"), ("packages_new", "12")];
        let facts = read_after(&lines(&answer)).unwrap();
        assert_eq!((facts.packages_new, facts.leftovers), (12, 0), "a script need not count what it cannot have");
        answer.extend([("leftovers", "3"), ("port_lost", "80 /usr/sbin/nginx"), ("mount_lost", "/data")]);
        let facts = read_after(&lines(&answer)).unwrap();
        assert_eq!(
            (facts.leftovers, facts.ports_lost, facts.mounts_lost),
            (3, vec!["80 /usr/sbin/nginx".into()], vec!["/data".into()])
        );
        answer.push(("leftovers", "3"));
        answer[3].1 = "many";
        assert!(matches!(read_after(&lines(&answer)), Err(OutputError::BadValue { key: "leftovers", .. })));
    }

    #[test]
    fn an_observation() {
        assert_eq!(read_observation(&lines(&[])).unwrap(), Observation::default());
        let seen =
            read_observation(&lines(&[("service_lost", "nginx.service"), ("probe_failed", "GET /: 500")])).unwrap();
        assert_eq!((seen.services_lost.len(), seen.probes_failed.len()), (1, 1));
    }
}
