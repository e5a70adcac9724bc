//! The Enterprise Linux images: systems in small, their repositories and how a tree is installed from
//! them.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use super::packages::write_repo;
use super::systems::{self, Host};
use super::tools;
use crate::guest::{context, run};

/// Where each directory below the repositories is found on `mirrors.cloud.aliyuncs.com`: the first that fits
/// counts. Distributions are where the vendor's mirror has them; ELevate, the deploy scripts and
/// convert2rhel are where an operator's own copies are expected.
pub(crate) const PATHS: &[(&str, &str)] = &[
    ("/centos/7/os/x86_64/", "el7"),
    ("/centos/7/updates/x86_64/", "empty"),
    ("/centos-vault/7.9.2009/os/x86_64/", "el7"),
    ("/centos-vault/8.5.2111/BaseOS/x86_64/os/", "el8"),
    ("/epel/7/x86_64/", "epel7"),
    ("/epel-archive/7/x86_64/", "epel7"),
    ("/epel/8/Everything/x86_64/", "empty"),
    ("/alinux/2.1903/os/x86_64/", "alinux2"),
    ("/alinux/2.1903/updates/x86_64/", "empty"),
    ("/alinux/2.1903/plus/x86_64/", "empty"),
    ("/alinux/2.1903/extra/x86_64/", "empty"),
    ("/alinux/3/os/x86_64/", "alinux3"),
    ("/alinux/3/updates/x86_64/", "empty"),
    ("/alinux/3/plus/x86_64/", "empty"),
    ("/anolis/7.9/os/x86_64/os/", "anolis7"),
    ("/anolis/8/BaseOS/x86_64/os/", "anolis8"),
    ("/anolis/8/AppStream/x86_64/os/", "empty"),
    ("/anolis/migration/7/x86_64/os/", "migration7"),
    ("/anolis/migration/8/x86_64/os/", "migration8"),
    ("/anolis/migration/", "migration"),
    ("/almalinux/8/BaseOS/x86_64/os/", "alma8"),
    ("/almalinux/8/AppStream/x86_64/os/", "empty"),
    ("/almalinux/9/BaseOS/x86_64/os/", "alma9"),
    ("/almalinux/9/AppStream/x86_64/os/", "empty"),
    ("/almalinux/10/BaseOS/x86_64/os/", "alma10"),
    ("/almalinux/10/AppStream/x86_64/os/", "empty"),
    ("/almalinux/", "almalinux"),
    ("/rockylinux/8/BaseOS/x86_64/os/", "rocky8"),
    ("/rhui/rhel-7-server/os/x86_64/", "rhel7"),
    ("/rhui/rhel-7-server/extras/x86_64/", "rhel7-extras"),
    ("/rhui/rhel-7-server/empty/x86_64/", "empty"),
    ("/rhui/rhel-8-baseos/os/x86_64/", "rhel8"),
    ("/rhui/rhel-8-appstream/os/x86_64/", "rhel8-appstream"),
    ("/rhui/rhel-9-baseos/os/x86_64/", "rhel9"),
    ("/rhui/rhel-9-appstream/os/x86_64/", "empty"),
    ("/elevate/el7/x86_64/", "elevate7"),
    ("/elevate/el7/", "elevate7"),
    ("/elevate/el8/x86_64/", "elevate8"),
    ("/elevate/el8/", "elevate8"),
    ("/elevate/el9/x86_64/", "elevate9"),
    ("/elevate/el9/", "elevate9"),
    ("/almalinux-deploy/", "almalinux-deploy"),
    ("/migrate2rocky/", "migrate2rocky"),
    ("/convert2rhel/", "convert2rhel"),
];

/// Installed on every image; the release packages and the package manager come on top.
const BASE: [&str; 17] = [
    "filesystem",
    "glibc",
    "bash",
    "coreutils",
    "systemd",
    "kernel",
    "kmod",
    "grubby",
    "openssl-libs",
    "openssh-server",
    "selinux-policy-targeted",
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
    let own = [include_str!("el.rs"), include_str!("packages.rs")];
    own.into_iter().chain(systems::SOURCES).chain(tools::SOURCES).collect()
}

/// Builds every repository below `dir`.
pub(super) fn build_repos(dir: &Path) -> io::Result<()> {
    let host = Host::read()?;
    for (system, release) in &systems::ALL {
        write_repo(&dir.join(system.repo), system.vendor, &systems::packages(system, release, &host))?;
    }
    write_repo(&dir.join("empty"), "", &[])?;
    tools::write(dir)?;
    // Guests' roots are other users here.
    for entry in fs::read_dir(dir)? {
        fs::set_permissions(entry?.path(), Permissions::from_mode(0o755))?;
    }
    fs::set_permissions(dir, Permissions::from_mode(0o755))
}

/// Installs an image below `root`; in the user namespace, with the repositories at `<place>/repos`
/// and the toolbox at `<place>/toolbox`.
pub(super) fn install(place: &Path, root: &Path, repo: &str, extra: &[String], quirks: &[String]) -> io::Result<()> {
    let Some((system, release)) = systems::ALL.iter().find(|(system, _)| system.repo == repo) else {
        return Err(io::Error::other(format!("no system is called {repo}")));
    };
    let manager = if system.major == 7 { "yum" } else { "dnf" };
    let own: &[&str] = match repo {
        "el7" => &["epel-release", "mysql-community-server"],
        "el8" => &["epel-release", "mysql-community-server", "dnf-plugins-core"],
        "rhel7" | "rhel8" => &["rhui-client"],
        _ => &[],
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
        .args([&format!("--repo={repo}"), &format!("--releasever={}", system.major)])
        .arg(format!("--setopt=cachedir={}", place.join("cache").display()))
        .arg(format!("--setopt=logdir={}", place.join("log").display()))
        .args(["install", manager, release.package[0]])
        .args(release.with)
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
    for quirk in quirks {
        change(root, quirk)?;
    }
    Ok(())
}

/// What is special about an image.
fn change(root: &Path, quirk: &str) -> io::Result<()> {
    let append = |path: &str, text: &str| {
        let path = root.join(path);
        let before = if path.exists() { fs::read_to_string(&path)? } else { String::new() };
        fs::write(path, before + text)
    };
    match quirk {
        "small-boot" => {
            append("etc/fstab", "LABEL=boot /boot ext4 defaults,x-local-cloud.size=32m 1 2\n")?;
            // An old rescue image, as kernels leave them behind: few MiB remain.
            fs::write(root.join("boot/initramfs-0-rescue.img"), vec![0x5a; 21 << 20])
        }
        // As ECS's images of Enterprise Linux 7 have it.
        "root-login" => append("etc/ssh/sshd_config", "UseDNS no\nPermitRootLogin yes\n"),
        "no-disk-driver" => append("etc/dracut.conf.d/99-slim.conf", "hostonly=yes\nomit_drivers+=\" virtio_blk \"\n"),
        // What leapp refuses: a changed sshd_config that does not say whether root may log in, an absolute
        // link in the root directory; a question it asks there is on every Enterprise Linux 7.
        "leapp-inhibitors" => {
            append("etc/ssh/sshd_config", "UseDNS no\n")?;
            fs::create_dir_all(root.join("root/backup"))?;
            symlink("/root/backup", root.join("backup"))
        }
        other => Err(io::Error::other(format!("no quirk is called {other}"))),
    }
}
