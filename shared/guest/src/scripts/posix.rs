//! Scripts in POSIX shell.

use migration::os::Family;
use migration::path::Engine;
use migration::policy::Probe;

use super::{Job, Script};
use crate::shell::quote;

const CHANGES: &str = include_str!("changes.sh");
const COMMON: &str = include_str!("common.sh");
const DETACH: &str = include_str!("detach.sh");
const DRIVERS: &str = include_str!("drivers.sh");
const FETCH: &str = include_str!("fetch.sh");
const HEALTH: &str = include_str!("health.sh");
const JOURNAL: &str = include_str!("journal.sh");
const NOTES: &str = include_str!("notes.sh");
const KERNELS: &str = include_str!("kernels.sh");
const MOUNTS: &str = include_str!("mounts.sh");
const PROCESSES: &str = include_str!("processes.sh");
const SERVICES: &str = include_str!("services.sh");

/// What the guest is, asked of an instance of which nothing is known but that it has a POSIX shell.
pub fn identify_script() -> String {
    format!("R=${{R-}} MID= ENGINE= E= DIR=\n{}{}", slim(COMMON), slim(include_str!("identify.sh")))
}

/// A script of a hop: what varies, then what every script begins with, the engine's sections, and its own parts.
pub(super) fn script(job: &Job<'_>, script: Script<'_>) -> String {
    let whole = |told: &str, names: &[&str], parts: &[&str]| {
        let engine = sections(job.hop.engine, names);
        [&head(job), told, &slim(COMMON), &slim(&engine), &slim(&parts.concat())].concat()
    };
    // Who has no grubby looks for the newest.
    let kernels = if job.hop.engine == Engine::AptFullUpgrade { KERNELS } else { "" };
    match script {
        Script::Assess => {
            let own: &[&str] = match job.hop.engine {
                Engine::Leapp => &[PROCESSES],
                // Its analysis must not end with the command.
                Engine::Convert2Rhel => &[PROCESSES, DETACH],
                Engine::AlmalinuxDeploy | Engine::Migrate2Rocky => &[include_str!("tool_needs.sh")],
                _ => &[],
            };
            whole("", &["preview"], &[&[FETCH, DRIVERS, KERNELS, MOUNTS], own, &[include_str!("assess.sh")]].concat())
        }
        Script::Prepare(remediations) => {
            let names: Vec<&str> = remediations.iter().map(|remediation| remediation.name()).collect();
            let told = format!("REMEDIATIONS={}\n", quote(&names.join(" ")));
            whole(
                &told,
                &["prepare"],
                &[FETCH, DRIVERS, KERNELS, PROCESSES, JOURNAL, include_str!("remedies.sh"), include_str!("prepare.sh")],
            )
        }
        Script::Undo => whole("", &["undo"], &[CHANGES, PROCESSES, JOURNAL, include_str!("undo.sh")]),
        Script::Start => start(job),
        Script::Watch { seconds } => whole(&left(seconds), &["progress"], &[PROCESSES, include_str!("watch.sh")]),
        Script::Reboot => whole("", &[], &[include_str!("reboot.sh")]),
        Script::Booted => whole("", &["boot"], &[kernels, include_str!("booted.sh")]),
        Script::Finish => whole("", &["finish"], &[CHANGES, include_str!("finish.sh")]),
        Script::Verify { probes, seconds } => {
            let told = left(seconds) + &probe_function(probes);
            whole(&told, &["boot"], &[kernels, SERVICES, MOUNTS, NOTES, HEALTH, include_str!("verify.sh")])
        }
        Script::Observe { probes, seconds } => {
            whole(&(left(seconds) + &probe_function(probes)), &[], &[SERVICES, HEALTH, include_str!("observe.sh")])
        }
        Script::Look { since } => {
            let told = format!("SINCE={}\n", since.map(|at| at.to_string()).unwrap_or_default());
            whole(&told, &[], &[PROCESSES, include_str!("look.sh")])
        }
        Script::Evidence => whole("", &[], &[include_str!("evidence.sh")]),
        Script::File { path, part } => {
            whole(&format!("FILE={} PART={part}\n", quote(path)), &[], &[include_str!("file.sh")])
        }
    }
}

/// Starting the tool: what every script begins with is written down, for the tool as well. Files arrive on standard
/// inputs; their marks are no line of any script.
fn start(job: &Job<'_>) -> String {
    let common = head(job) + &slim(&[COMMON, FETCH, PROCESSES].concat());
    let tool = slim(&(sections(job.hop.engine, &["run"]) + include_str!("tool.sh")));
    let start = slim(&[SERVICES, MOUNTS, NOTES, DETACH, include_str!("start.sh")].concat());
    format!(
        "{}if [ -e \"$DIR.over\" ]; then\n\
         printf 'osf\\tproblem\\tthis migration is over: its tool is not started\\n'\nexit 4\nfi\n\
         mkdir -p \"$DIR\" && chmod 700 \"${{DIR%/*}}\" \"$DIR\" || exit 3\ncat >\"$DIR/common.sh.new\" <<'OSFERRY-COMMON-ENDS'\n{common}OSFERRY-COMMON-ENDS\n\
         mv \"$DIR/common.sh.new\" \"$DIR/common.sh\"\n. \"$DIR/common.sh\"\n\
         {{\n{start}}} <<'OSFERRY-TOOL-ENDS'\n. \"${{0%/*}}/common.sh\"\n{tool}OSFERRY-TOOL-ENDS\n",
        head(job)
    )
}

/// Without comments and indentation: a command's content is limited. Only for scripts without here-documents.
/// What varies is never slimmed: it may hold anything.
fn slim(script: &str) -> String {
    let lines = script.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| format!("{line}\n")).collect()
}

fn left(seconds: u64) -> String {
    format!("SECONDS_LEFT={seconds}\n")
}

/// What varies, as variables; and the engine's functions under names that do not depend on it.
fn head(job: &Job<'_>) -> String {
    let settings = job.settings;
    let base = |url: &str| quote(url.trim_end_matches('/'));
    let tools = if settings.tools.is_empty() { &settings.mirror } else { &settings.tools };
    format!(
        "R=${{R-}} MID={} HOP={} RUN={} ENGINE={} E={}\nDIR=$R/var/lib/osferry/{}\n\
         FROM_ID={} FROM={} TO_ID={} TO={} MIRROR={} TOOLS={} TOOL_SHA256={} GPGCHECK={}\n",
        quote(job.id.as_str()),
        job.hop_index,
        job.run,
        quote(job.hop.engine.name()),
        job.hop.engine.name().replace('-', "_"),
        quote(&job.directory()),
        quote(os_release_id(job.hop.from.family)),
        job.hop.from.major,
        quote(os_release_id(job.hop.to.family)),
        job.hop.to.major,
        base(&settings.mirror),
        base(tools),
        quote(settings.checksums.get(job.hop.engine.name()).map_or("", String::as_str)),
        u8::from(settings.gpgcheck),
    )
}

/// `ID` of os-release.
fn os_release_id(family: Family) -> &'static str {
    match family {
        Family::AlibabaCloudLinux => "alinux",
        Family::AlmaLinux => "almalinux",
        Family::Anolis => "anolis",
        Family::CentOs | Family::CentOsStream => "centos",
        Family::Debian => "debian",
        Family::Fedora => "fedora",
        Family::FreeBsd => "freebsd",
        Family::OpenSuse => "opensuse-leap",
        Family::OracleLinux => "ol",
        Family::Rhel => "rhel",
        Family::Rocky => "rocky",
        Family::Sles => "sles",
        Family::Ubuntu => "ubuntu",
        Family::WindowsServer => "windows",
    }
}

/// The parts of an engine's file, and of the helpers', that a script needs: the beginning, and the sections,
/// which begin with a line `#: name …`. A command's content is limited; nothing is sent that is not called.
fn sections(engine: Engine, names: &[&str]) -> String {
    let file = match engine {
        Engine::DistroSync => include_str!("engines/distro-sync.sh"),
        Engine::Centos2Anolis => include_str!("engines/centos2anolis.sh"),
        Engine::Leapp => include_str!("engines/leapp.sh"),
        Engine::AlmalinuxDeploy => include_str!("engines/almalinux-deploy.sh"),
        Engine::Migrate2Rocky => include_str!("engines/migrate2rocky.sh"),
        Engine::Convert2Rhel => include_str!("engines/convert2rhel.sh"),
        Engine::AptFullUpgrade => include_str!("engines/apt-full-upgrade.sh"),
        // Its scripts are in another language.
        Engine::WindowsSetup => "",
    };
    if names.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    let to_alinux = matches!(engine, Engine::DistroSync | Engine::Leapp);
    let alinux = if to_alinux { include_str!("engines/alinux.sh") } else { "" };
    for file in [include_str!("engines/helpers.sh"), alinux, file] {
        let mut parts = file.split("\n#: ");
        text.push_str(parts.next().unwrap_or_default());
        text.push('\n');
        for part in parts {
            let (title, body) = part.split_once('\n').unwrap_or((part, ""));
            if title.split(' ').any(|name| names.contains(&name)) {
                text.push_str(body);
                text.push('\n');
            }
        }
    }
    let prefix = engine.name().replace('-', "_");
    for name in ["install", "preview", "run", "progress", "finishing", "success", "settle", "undo", "finish"] {
        let defined = text.contains(&format!("\n{prefix}_{name}() {{"));
        let does = if defined { format!("{prefix}_{name}") } else { ":".to_owned() };
        text.push_str(&format!("engine_{name}() {{ {does}; }}\n"));
    }
    text
}

fn probe_function(probes: &[Probe]) -> String {
    let lines: Vec<String> = probes.iter().map(probe_line).collect();
    format!("probes() {{\n:\n{}\n}}\n", lines.join("\n"))
}

/// Prints what failed, in one line, when the probe fails.
fn probe_line(probe: &Probe) -> String {
    let call = match probe {
        Probe::Http(url) => format!("http_answers {}", quote(url)),
        Probe::Tcp { host, port } => format!("tcp_answers {} {port}", quote(host)),
        Probe::Command(line) => format!("command_succeeds {}", quote(line)),
    };
    let name = quote(&probe.to_string());
    format!("why=$({call}) || printf '%s: %s\\n' {name} \"$(printf %s \"$why\" | head -n 1 | cut -c 1-200)\"")
}

#[cfg(test)]
mod engine_tests;
#[cfg(test)]
mod notes_tests;
#[cfg(test)]
mod size_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod undo_tests;
