//! The migration tools that the mirror offers. They are stand-ins: they print what the tool prints, leave
//! the files and exit codes that the tool leaves (sources in each file), look at the guest for what the
//! tool refuses, and really change the packages with dnf. The names of packages and repositories are the
//! originals'.
//!
//! In a guest, `/etc/osferry-standin/` makes them fail or wait: `TOOL-fails-at` holds a phase or an exit
//! code, `TOOL-waits-at` a phase, `leapp-inhibitors` titles of inhibitors that a namespace cannot show,
//! `modules` the loaded kernel modules (lines of `/proc/modules`). TOOL is `centos2anolis`, `leapp`,
//! `convert2rhel`, `almalinux-deploy` or `migrate2rocky`.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::packages::{Package, write_repo};
use crate::guest::context;

const LEAPP: &str = concat!(
    include_str!("files/tools/standin.py"),
    include_str!("files/tools/leapp.py"),
    include_str!("files/tools/leapp-checks.py"),
    include_str!("files/tools/leapp-phases.py")
);
const CENTOS2ANOLIS: &str =
    concat!(include_str!("files/tools/standin.py"), include_str!("files/tools/centos2anolis.py"));
const CONVERT2RHEL: &str = concat!(include_str!("files/tools/standin.py"), include_str!("files/tools/convert2rhel.py"));
const ALMALINUX_DEPLOY: &str = include_str!("files/tools/almalinux-deploy.sh");
const MIGRATE2ROCKY: &str = include_str!("files/tools/migrate2rocky.sh");

/// Everything the tools are made from.
pub(super) const SOURCES: [&str; 6] =
    [include_str!("tools.rs"), LEAPP, CENTOS2ANOLIS, CONVERT2RHEL, ALMALINUX_DEPLOY, MIGRATE2ROCKY];

const MIRROR: &str = "http://mirrors.cloud.aliyuncs.com";

/// What the guest's boot runs in place of the upgrade's initramfs.
const INITRAMFS: &str = "#!/bin/sh\n\
    # The initramfs of the upgrade: the guest is not up while this runs, and reboots afterwards in any case.\n\
    /usr/bin/leapp upgrade --resume\n\
    sync\n";

/// Writes the tools' repositories and files below `dir`; the distributions' must be there.
pub(super) fn write(dir: &Path) -> io::Result<()> {
    write_repo(
        &dir.join("epel7"),
        "Fedora Project",
        &[Package::new("python36-psutil", "5.6.7", "1.el7")
            .dir("/usr/lib64/python3.6", 0o755)
            .dir("/usr/lib64/python3.6/site-packages", 0o755)
            .dir("/usr/lib64/python3.6/site-packages/psutil", 0o755)
            .payload("/usr/lib64/python3.6/site-packages/psutil/_psutil_linux.so", 60_000)],
    )?;
    write_repo(
        &dir.join("migration7"),
        "OpenAnolis Community",
        &[
            centos2anolis("1.an7").requires(&["python36-psutil"]),
            fork(7),
            fork_repository(7, 8, "Anolis OS 8", "/anolis/8/BaseOS/x86_64/os/"),
        ],
    )?;
    write_repo(&dir.join("migration8"), "OpenAnolis Community", &[centos2anolis("1.an8")])?;
    write_repo(&dir.join("elevate7"), "AlmaLinux", &elevate(7, 8))?;
    write_repo(&dir.join("rhel7-extras"), "Red Hat, Inc.", &red_hat(7, 8))?;
    write_repo(&dir.join("rhel8-appstream"), "Red Hat, Inc.", &red_hat(8, 9))?;
    write_repo(&dir.join("elevate8"), "AlmaLinux", &elevate(8, 9))?;
    write_repo(&dir.join("elevate9"), "AlmaLinux", &elevate(9, 10))?;
    write_repo(
        &dir.join("convert2rhel"),
        "Red Hat, Inc.",
        &[Package::new("convert2rhel", "2.1.0", "1.el7").program("/usr/bin/convert2rhel", CONVERT2RHEL)],
    )?;
    let repo_file = format!(
        "[migration]\nname=migration\nbaseurl={MIRROR}/anolis/migration/$releasever/$basearch/os/\nenabled=0\ngpgcheck=0\n"
    );
    for (folder, file, text) in [
        ("migration", "anolis-migration.repo", repo_file.as_str()),
        ("almalinux-deploy", "almalinux-deploy.sh", ALMALINUX_DEPLOY),
        ("migrate2rocky", "migrate2rocky.sh", MIGRATE2ROCKY),
    ] {
        fs::create_dir_all(dir.join(folder))?;
        fs::write(dir.join(folder).join(file), text)?;
    }
    // What almalinux-deploy.sh downloads by a name without version.
    let latest = dir.join("almalinux");
    fs::create_dir_all(&latest)?;
    let package = dir.join("alma8/Packages/almalinux-release-8.10-1.el8.x86_64.rpm");
    fs::copy(&package, latest.join("almalinux-release-latest-8.x86_64.rpm"))
        .map(drop)
        .map_err(context(format_args!("copy {}", package.display())))
}

fn centos2anolis(release: &str) -> Package {
    Package::new("centos2anolis", "1.0", release).program("/usr/sbin/centos2anolis.py", CENTOS2ANOLIS)
}

fn leapp(name: &str, version: &str, release: &str) -> Package {
    Package::new(name, version, release).program("/usr/bin/leapp", LEAPP).requires(&["grubby", "leapp-repository"])
}

/// What makes the same program this or that leapp.
fn repository(name: &str, release: &str, kind: &Value) -> Package {
    Package::new(name, "0.21.0", release)
        .provides(&["leapp-repository = 0.21.0"])
        .dir("/usr/share/leapp-repository", 0o755)
        .text("/usr/share/leapp-repository/standin.json", &kind.to_string())
        .program("/usr/share/leapp-repository/initramfs", INITRAMFS)
}

fn target(name: &str, path: &str) -> String {
    format!("[{}-target]\nname={name}\nbaseurl={MIRROR}{path}\nenabled=1\ngpgcheck=0\n", name.replace(' ', "-"))
}

/// Packages of the older system that the newer one does not have.
fn removed(source: u32) -> &'static [&'static str] {
    if source == 7 { &["python"] } else { &[] }
}

fn fork(source: u32) -> Package {
    leapp("leapp", "0.12.0", &format!("1.an{source}"))
}

fn fork_repository(source: u32, to: u32, name: &str, path: &str) -> Package {
    let kind = json!({
        "source": source, "target": to, "from": "CentOS Linux 7", "entry": "RHEL-Upgrade-Initramfs",
        "state": "/var/tmp/state.json", "schemas": ["1.0.0", "1.1.0"], "removed": removed(source),
        "vendors": ["CentOS", "Alibaba Cloud", "OpenAnolis Community"],
    });
    repository("leapp-repository", &format!("1.an{source}"), &kind)
        .text("/etc/leapp/files/pes-events.json", "{\"packageinfo\": []}\n")
        .config("/etc/leapp/files/leapp_upgrade_repositories.repo", &target(name, path))
}

/// The system's own leapp, as Red Hat's extras (of 8: AppStream) and RHUI have it.
fn red_hat(source: u32, to: u32) -> Vec<Package> {
    let dist = format!("1.el{source}");
    let kind = json!({
        "source": source, "target": to, "from": format!("Red Hat Enterprise Linux {source}"), "entry": "RHEL-Upgrade-Initramfs",
        "schemas": ["1.0.0", "1.1.0", "1.2.0"], "removed": removed(source), "vendors": ["Red Hat, Inc.", "Alibaba Cloud"],
    });
    vec![
        leapp("leapp", "0.17.0", &dist),
        repository(&format!("leapp-upgrade-el{source}toel{to}"), &dist, &kind)
            .provides(&["leapp-upgrade = 0.21.0"])
            .requires(&["leapp"])
            .text("/etc/leapp/files/pes-events.json", "{\"packageinfo\": []}\n"),
        Package::new("leapp-rhui-alibaba", "1.0.0", &dist).config(
            "/etc/leapp/files/leapp_upgrade_repositories.repo",
            &target(&format!("rhel-{to}-baseos-rhui"), &format!("/rhui/rhel-{to}-baseos/os/x86_64/")),
        ),
    ]
}

fn elevate(source: u32, to: u32) -> Vec<Package> {
    let dist = format!("1.el{source}");
    let kind = json!({
        "source": source, "target": to, "from": format!("Enterprise Linux {source}"), "entry": "ELevate-Upgrade-Initramfs",
        "schemas": ["1.0.0", "1.1.0", "1.2.0"], "removed": removed(source),
        "vendors": ["CentOS", "AlmaLinux", "Red Hat, Inc."],
    });
    let upgrade = format!("leapp-upgrade-el{source}toel{to}");
    vec![
        leapp(if source == 7 { "python2-leapp" } else { "python3-leapp" }, "0.17.0", &dist)
            .provides(&["leapp = 0.17.0"]),
        repository(&upgrade, &dist, &kind).provides(&["leapp-upgrade = 0.21.0"]).requires(&["leapp"]),
        Package::new("leapp-data-almalinux", "0.5", &dist)
            .text("/etc/leapp/files/pes-events.json", "{\"packageinfo\": []}\n")
            .config(
                "/etc/leapp/files/leapp_upgrade_repositories.repo",
                &target("almalinux", &format!("/almalinux/{to}/BaseOS/x86_64/os/")),
            ),
    ]
}
