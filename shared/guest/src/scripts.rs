//! The scripts, put together.

use migration::MigrationId;
use migration::path::{Engine, Hop};
use migration::policy::Probe;

use crate::shell::quote;

/// What does not depend on the migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where packages come from, as a guest in a VPC reaches it: `http://mirrors.cloud.aliyuncs.com`.
    pub mirror: String,
    /// Whether package signatures are checked.
    pub gpgcheck: bool,
}

/// One hop of one migration, for which scripts are made.
pub struct Job<'a> {
    /// The migration.
    pub id: &'a MigrationId,
    /// Index of the hop.
    pub hop_index: usize,
    /// The hop.
    pub hop: &'a Hop,
    /// What does not depend on the migration.
    pub settings: &'a Settings,
}

const COMMON: &str = include_str!("scripts/common.sh");
const DISTRO_SYNC: &str = include_str!("scripts/engines/distro-sync.sh");
const APT_FULL_UPGRADE: &str = include_str!("scripts/engines/apt-full-upgrade.sh");

impl Job<'_> {
    /// The migratability check.
    pub fn assess(&self) -> String {
        [&self.head(), self.engine(), include_str!("scripts/assess.sh")].concat()
    }

    /// Notes how things are and starts the tool, detached.
    pub fn start(&self) -> String {
        let tool = [&self.head(), self.engine(), include_str!("scripts/tool.sh")].concat();
        // The tool arrives on the standard input of a block; the mark is no line of any script.
        format!(
            "{}{{\n{}\n}} <<'OSFERRY-TOOL-ENDS'\n{tool}\nOSFERRY-TOOL-ENDS\n",
            self.head(),
            include_str!("scripts/start.sh")
        )
    }

    /// Waits for the tool's end, at most `seconds`.
    pub fn watch(&self, seconds: u64) -> String {
        format!("{}SECONDS_LEFT={seconds}\n{}", self.head(), include_str!("scripts/watch.sh"))
    }

    /// Reboots, if that has not happened since the tool was started.
    pub fn reboot(&self) -> String {
        [&self.head(), include_str!("scripts/reboot.sh")].concat()
    }

    /// Has the guest booted since?
    pub fn booted(&self) -> String {
        [&self.head(), include_str!("scripts/booted.sh")].concat()
    }

    /// Looks at the new system; services and probes get `seconds` to come up.
    pub fn verify(&self, probes: &[Probe], seconds: u64) -> String {
        let lines: Vec<String> = probes.iter().map(probe_line).collect();
        let probes = format!("probes() {{\n:\n{}\n}}\n", lines.join("\n"));
        format!("{}SECONDS_LEFT={seconds}\n{probes}{}", self.head(), include_str!("scripts/verify.sh"))
    }

    /// What became of the guest.
    pub fn look(&self) -> String {
        [&self.head(), include_str!("scripts/look.sh")].concat()
    }

    fn head(&self) -> String {
        format!(
            "MID={} HOP={} ENGINE={} FROM={} TO={} MIRROR={} GPGCHECK={}\n{COMMON}",
            quote(self.id.as_str()),
            self.hop_index,
            quote(self.hop.engine.name()),
            self.hop.from.major,
            self.hop.to.major,
            quote(self.settings.mirror.trim_end_matches('/')),
            u8::from(self.settings.gpgcheck),
        )
    }

    fn engine(&self) -> &'static str {
        match self.hop.engine {
            Engine::DistroSync => DISTRO_SYNC,
            Engine::AptFullUpgrade => APT_FULL_UPGRADE,
            _ => "",
        }
    }
}

/// Prints what failed, in one line, when the probe fails.
fn probe_line(probe: &Probe) -> String {
    let call = match probe {
        Probe::Http(url) => format!("http_answers {}", quote(url)),
        Probe::Tcp { host, port } => format!("tcp_answers {} {port}", quote(host)),
        Probe::Command(line) => format!("sh -c {} 2>&1", quote(line)),
    };
    let name = quote(&probe.to_string());
    format!("why=$({call}) || printf '%s: %s\\n' {name} \"$(printf %s \"$why\" | head -n 1 | cut -c 1-200)\"")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use base64::Engine as _;
    use migration::os::{Family, Os};
    use migration::path;

    use super::*;

    /// RunCommand's limit on the Base64 of a command's content, bytes. Source: ECS API reference.
    const CONTENT_LIMIT: usize = 24 * 1024;

    #[test]
    fn every_script_parses_and_fits_into_a_command() {
        let hops = [
            path::route(&Os::new(Family::CentOs, 8), None).unwrap().remove(0),
            path::route(&Os::new(Family::Debian, 12), None).unwrap().remove(0),
        ];
        let id = MigrationId::from_bytes([1; 10]);
        let settings = Settings { mirror: "http://it's/".into(), gpgcheck: true };
        let probes = [
            Probe::Http("http://127.0.0.1/'; touch /tmp/owned; '".into()),
            Probe::Tcp { host: "$(reboot)".into(), port: 1 },
            Probe::Command("test -e '/x y'".into()),
        ];
        for hop in &hops {
            let job = Job { id: &id, hop_index: 0, hop, settings: &settings };
            for script in [
                job.assess(),
                job.start(),
                job.watch(50),
                job.reboot(),
                job.booted(),
                job.verify(&probes, 60),
                job.look(),
            ] {
                let size = base64::engine::general_purpose::STANDARD.encode(&script).len();
                assert!(size < CONTENT_LIMIT, "{size} bytes");
                let checked = Command::new("sh").args(["-n", "-c", &script]).output().unwrap();
                assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
            }
        }
    }

    #[test]
    fn probes_say_what_failed_and_run_nothing_else() {
        let lines: Vec<String> = [
            Probe::Command("true".into()),
            Probe::Command("echo no route >&2; false".into()),
            Probe::Http("http://x/$(touch /nowhere/owned)".into()),
        ]
        .iter()
        .map(probe_line)
        .collect();
        let script = format!("http_answers() {{ echo \"refused $1\"; return 1; }}\n{}", lines.join("\n"));
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            "run \"echo no route >&2; false\": no route\n\
             GET http://x/$(touch /nowhere/owned): refused http://x/$(touch /nowhere/owned)\n"
        );
        assert!(output.stderr.is_empty());
    }
}
