//! The scripts of a Windows guest, put together, and how what only they say is read.
//!
//! Windows PowerShell, whole files; what varies stands in a head of quoted assignments, and nothing else from outside
//! becomes part of a script. A script is ASCII, and so is what it says: what passes through Cloud Assistant passes
//! through the code page of the guest's language. The answer's form is that of the POSIX scripts, so all that is
//! no peculiarity of Windows is read by the same readers.

mod answer;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use migration::policy::Probe;
use migration::windows::{build_of, setup_scans, volume_key};

pub(crate) use answer::unescape;
pub use answer::{read_windows_after, read_windows_assessment};

use crate::scripts::{Job, Script};

const COMMON: &str = include_str!("scripts/common.ps1");
const INVENTORY: &str = include_str!("scripts/inventory.ps1");
const MEDIA: &str = include_str!("scripts/media.ps1");
const HEALTH: &str = include_str!("scripts/health.ps1");
const DISK: &str = include_str!("scripts/disk.ps1");

/// The KMS of Alibaba Cloud, as an instance in a VPC reaches it on TCP 1688.
const KMS: &str = "kms.cloud.aliyuncs.com";

/// How long the check waits for Setup's scan before it says that it still runs, seconds.
const SCAN_SECONDS: u64 = 45;

/// For Setup of media that know no `/auto upgrade`. Source: Microsoft-Windows-Setup, UpgradeData.
const UNATTEND: &str = include_str!("scripts/unattend.xml");

/// What a Windows guest is, asked of an instance of which nothing is known but that it runs Windows.
pub fn identify_script() -> String {
    [&Head::new("identify").end(), COMMON, include_str!("scripts/identify.ps1")].concat()
}

impl Job<'_> {
    /// [`Job::prepare`] for a hop of Windows Setup: finds the disk with the installation media, `d-…`, in the guest
    /// and brings it online, read-only.
    pub fn prepare_media(&self, disk_id: &str) -> String {
        prepare(self, disk_id)
    }
}

/// A script of a hop.
pub(crate) fn script(job: &Job<'_>, script: Script<'_>) -> String {
    let head = |name| Head::of(name, job);
    let plain = |name, body: &str| [&head(name).end(), COMMON, body].concat();
    match script {
        Script::Assess => {
            let head = head("assess").set("SECONDS_LEFT", &SCAN_SECONDS.to_string()).end();
            [&head, COMMON, INVENTORY, MEDIA, include_str!("scripts/assess.ps1")].concat()
        }
        // Nothing can be mended by itself here, and every disk is looked at.
        Script::Prepare(_) => prepare(job, ""),
        Script::Undo => [&head("undo").end(), COMMON, DISK, include_str!("scripts/undo.ps1")].concat(),
        Script::Start => start(job),
        Script::Watch { seconds } => {
            let head = head("watch").set("SECONDS_LEFT", &seconds.to_string()).end();
            [&head, COMMON, include_str!("scripts/watch.ps1")].concat()
        }
        Script::Reboot => plain("reboot", include_str!("scripts/reboot.ps1")),
        Script::Booted => plain("booted", include_str!("scripts/booted.ps1")),
        Script::Finish => {
            let key = volume_key(&job.hop.to).unwrap_or_default();
            let head = head("finish").set("KEY", key).set("KMS", KMS).end();
            [&head, COMMON, INVENTORY, DISK, include_str!("scripts/finish.ps1")].concat()
        }
        Script::Verify { probes, seconds } => {
            let head = head("verify").set("SECONDS_LEFT", &seconds.to_string()).probes(probes).end();
            [&head, COMMON, INVENTORY, HEALTH, include_str!("scripts/verify.ps1")].concat()
        }
        Script::Observe { probes, seconds } => {
            let head = head("observe").set("SECONDS_LEFT", &seconds.to_string()).probes(probes).end();
            [&head, COMMON, INVENTORY, HEALTH, include_str!("scripts/observe.ps1")].concat()
        }
        Script::Look { since } => {
            let since = since.map(|at| at.to_string()).unwrap_or_default();
            [&head("look").set("SINCE", &since).end(), COMMON, INVENTORY, include_str!("scripts/look.ps1")].concat()
        }
        Script::Evidence => plain("evidence", include_str!("scripts/evidence.ps1")),
        Script::File { path, part } => {
            let head = head("file").set("SOURCE", path).set("PART", &part.to_string()).end();
            [&head, COMMON, include_str!("scripts/file.ps1")].concat()
        }
    }
}

/// The media disk's serial number is its id without `d-`. Source: ECS, "View the serial number of a block device".
fn prepare(job: &Job<'_>, disk_id: &str) -> String {
    let head = Head::of("prepare", job).set("MEDIA", disk_id.strip_prefix("d-").unwrap_or(disk_id)).end();
    [&head, COMMON, DISK, include_str!("scripts/prepare.ps1")].concat()
}

fn start(job: &Job<'_>) -> String {
    let tool = [&Head::of("tool", job).end(), include_str!("scripts/tool.ps1")].concat();
    let mut head = Head::of("start", job).set("TOOL", &tool);
    if !setup_scans(&job.hop.to) {
        head = head.set("UNATTEND", UNATTEND);
    }
    [&head.end(), COMMON, INVENTORY, MEDIA, DISK, include_str!("scripts/start.ps1")].concat()
}

/// The head of a script: its name, and what varies.
struct Head(String);

impl Head {
    fn new(name: &str) -> Self {
        Self(format!("# osferry {name}\n"))
    }

    fn of(name: &str, job: &Job<'_>) -> Self {
        let directory = job.directory();
        let build = build_of(&job.hop.to).map(|build| build.to_string()).unwrap_or_default();
        Self::new(name)
            .set("NAME", &directory)
            .set("DIR", &format!(r"C:\ProgramData\osferry\{directory}"))
            .set("TO_BUILD", &build)
            .set("SCANS", if setup_scans(&job.hop.to) { "yes" } else { "no" })
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.0 += &format!("${name} = {}\n", quote(value));
        self
    }

    fn probes(self, probes: &[Probe]) -> Self {
        let mut head = self.set("PROBES", &probes.len().to_string());
        for (index, probe) in probes.iter().enumerate() {
            let (kind, what) = match probe {
                Probe::Http(url) => ("http", url.as_str()),
                Probe::Tcp { host, port } => {
                    head = head.set(&format!("PROBE_PORT_{index}"), &port.to_string());
                    ("tcp", host.as_str())
                }
                Probe::Command(line) => ("command", line.as_str()),
            };
            head = head.set(&format!("PROBE_KIND_{index}"), kind).set(&format!("PROBE_WHAT_{index}"), what);
            head = head.set(&format!("PROBE_NAME_{index}"), &probe.to_string());
        }
        head
    }

    fn end(self) -> String {
        self.0
    }
}

/// `text` as one string of PowerShell on one line of ASCII, whatever it holds.
fn quote(text: &str) -> String {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    format!("[Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('{}'))", STANDARD.encode(text))
}

#[cfg(test)]
mod tests;
