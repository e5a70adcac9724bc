//! The Enterprise Linux images: CentOS 8.5 and Alibaba Cloud Linux 3 in small, their repositories and
//! how a tree is installed from them.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::packages::write_repo;
use super::systems::{self, Host};
use crate::guest::{context, run};

/// Name of CentOS 8.5's repository.
pub(super) const EL8: &str = "el8";
/// Name of Alibaba Cloud Linux 3's repository.
pub(super) const ALINUX3: &str = "alinux3";
/// Where each repository is found on `mirrors.cloud.aliyuncs.com`, as on the vendor's mirror.
pub(crate) const PATHS: [(&str, &str); 2] =
    [("/centos-vault/8.5.2111/BaseOS/x86_64/os/", EL8), ("/alinux/3/os/x86_64/", ALINUX3)];

/// Installed on every image; the release packages come on top.
const BASE: [&str; 15] = [
    "filesystem",
    "glibc",
    "bash",
    "coreutils",
    "systemd",
    "kernel",
    "openssl-libs",
    "platform-python",
    "dnf",
    "rpm",
    "curl",
    "chrony",
    "nginx",
    "java-1.8.0-openjdk",
    "shop",
];

/// Mount points, made with the image: no package owns them, or its upgrade would try to change what
/// is mounted there (`/proc` cannot be).
const MOUNT_POINTS: [&str; 5] = [".toolbox", "dev", "proc", "run", "sys"];

/// What the repositories are built from, for their version.
pub(super) fn sources() -> Vec<&'static str> {
    [include_str!("el.rs"), include_str!("packages.rs")].into_iter().chain(systems::SOURCES).collect()
}

/// Builds both repositories below `dir`.
pub(super) fn build_repos(dir: &Path) -> io::Result<()> {
    let host = Host::read()?;
    write_repo(&dir.join(EL8), &systems::centos(&host))?;
    write_repo(&dir.join(ALINUX3), &systems::alibaba_cloud_linux(&host))?;
    for repo in [EL8, ALINUX3] {
        fs::set_permissions(dir.join(repo), Permissions::from_mode(0o755))?;
    }
    fs::set_permissions(dir, Permissions::from_mode(0o755))
}

/// Installs an image below `root`; in the user namespace, with the repositories at `<place>/repos`
/// and the toolbox at `<place>/toolbox`.
pub(super) fn install(place: &Path, root: &Path, repo: &str, extra: &[String], small_boot: bool) -> io::Result<()> {
    let own: &[&str] = if repo == EL8 {
        &["centos-linux-release", "centos-linux-repos", "epel-release", "mysql-community-server"]
    } else {
        &["alinux-release", "alinux-repos"]
    };
    for dir in MOUNT_POINTS {
        fs::create_dir(root.join(dir))?;
    }
    // Names the boot entries; as in an image whose first boot is long ago.
    fs::create_dir(root.join("etc"))?;
    fs::write(root.join("etc/machine-id"), fs::read_to_string("/proc/sys/kernel/random/uuid")?.replace('-', ""))?;
    let settings = place.join("dnf.conf");
    fs::write(&settings, "[main]\n")?;
    fs::create_dir(place.join("log"))?;
    let mut dnf = Command::new(place.join("toolbox/bin/dnf"));
    dnf.env_clear()
        .env("TOOLBOX", place.join("toolbox"))
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", place)
        .args(["-y", "-q", "--noplugins", "--nogpgcheck", "--setopt=reposdir=/nonexistent"])
        .arg(format!("--config={}", settings.display()))
        .arg(format!("--installroot={}", root.display()))
        .arg(format!("--repofrompath={repo},file://{}", place.join("repos").join(repo).display()))
        .args([&format!("--repo={repo}"), "--releasever=8"])
        .arg(format!("--setopt=cachedir={}", place.join("cache").display()))
        .arg(format!("--setopt=logdir={}", place.join("log").display()))
        .arg("install")
        .args(own)
        .args(BASE)
        .args(extra);
    run(&mut dnf)?;
    fs::write(root.join("etc/hosts"), "127.0.0.1   localhost localhost.localdomain\n")?;
    // What the shop lives on, and what a person changed: both must survive.
    fs::create_dir_all(root.join("var/lib/shop"))?;
    let orders: String = (1..=500).map(|number| format!("{number},{}\n", number * 37 % 911)).collect();
    fs::write(root.join("var/lib/shop/orders.csv"), orders)?;
    fs::write(root.join("etc/nginx/nginx.conf"), "worker_processes 4; # set by the shop's operator\n")?;
    let release = fs::read_to_string(root.join("etc/os-release")).map_err(context("read the image's os-release"))?;
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or_default().trim_matches('"');
    fs::write(root.join("etc/image-id"), format!("image_name=\"{name}\"\nrelease_date=\"20220127\"\n"))?;
    if small_boot {
        let table = root.join("etc/fstab");
        let text = fs::read_to_string(&table)?;
        fs::write(table, text + "LABEL=boot /boot ext4 defaults,x-local-cloud.size=32m 1 2\n")?;
        // An old rescue image, as kernels leave them behind: about 4 MiB remain.
        fs::write(root.join("boot/initramfs-0-rescue.img"), vec![0x5a; 21 << 20])?;
    }
    Ok(())
}
