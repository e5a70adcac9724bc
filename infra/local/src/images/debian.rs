//! Debian images: the real distribution, installed by mmdebstrap through the mirror.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::missing;
use crate::guest::{offline_but_mirror, run};

/// This recipe's text, part of the images' version.
pub(super) const SOURCE: &str = concat!(include_str!("debian.rs"), include_str!("files/debian-shop-rc.local"));

/// The mirror's names, as on every Alibaba Cloud Debian image.
const MIRROR: &str = "http://mirrors.cloud.aliyuncs.com";

/// Starts MariaDB and nginx, which shows the shop; run by the guest's PID 1 at boot.
const SHOP_RC_LOCAL: &str = include_str!("files/debian-shop-rc.local");
/// Shows the shop on 127.0.0.1:8080.
const SHOP_NGINX: &str = "server {\n\tlisten 127.0.0.1:8080;\n\troot /srv/shop;\n}\n";
/// Rows of the shop's database at its first boot.
const SHOP_SQL: &str = "CREATE DATABASE shop;\nUSE shop;\n\
    CREATE TABLE shop.orders (id INT PRIMARY KEY, total INT NOT NULL) ENGINE=InnoDB;\n\
    INSERT INTO shop.orders SELECT seq, seq * 37 % 911 FROM seq_1_to_1000;\n";

/// Starts the application; run by the guest's PID 1 at boot.
const RC_LOCAL: &str = "#!/bin/sh\n\
    # The application: a health page on 127.0.0.1:8080.\n\
    exec setsid /bin/busybox httpd -f -p 127.0.0.1:8080 -h /srv/shop\n";

/// Installs a minimal Debian below `root`; in the user namespace, with the mirror's directory at
/// `<place>/mirror`.
pub(super) fn install(place: &Path, root: &Path, suite: &str, shop: bool) -> io::Result<()> {
    offline_but_mirror(&place.join("mirror"))?;
    // Answers to the same names as in a guest.
    let sources = sources(suite);
    fs::write(place.join("sources.list"), &sources)?;
    let include = if shop {
        "--include=busybox-static,ca-certificates,procps,mariadb-server,nginx-light"
    } else {
        "--include=busybox-static,ca-certificates"
    };
    run(Command::new("mmdebstrap")
        .env("TMPDIR", place)
        .args(["--mode=root", "--variant=minbase", include])
        .args([
            "--dpkgopt=force-unsafe-io",
            "--aptopt=APT::Sandbox::User \"root\"",
            "--aptopt=Acquire::Languages \"none\"",
        ])
        .args(["--aptopt=Acquire::Check-Valid-Until \"false\"", "--skip=check/qemu"])
        .arg(suite)
        .arg(root)
        .arg(place.join("sources.list")))
    .map_err(missing_program)?;
    // mmdebstrap leaves the same sources under another name.
    fs::remove_file(root.join("etc/apt/sources.list.d/0000sources.list"))?;
    fs::write(root.join("etc/apt/sources.list"), sources)?;
    fs::write(
        root.join("etc/fstab"),
        "# <file system> <mount point> <type> <options> <dump> <pass>\n/dev/vda1 / ext4 errors=remount-ro 0 1\n/dev/vdb /data ext4 defaults,nofail 0 2\n",
    )?;
    fs::write(root.join("etc/hosts"), "127.0.0.1 localhost\n")?;
    // A guest's disk is a directory of the host, synced as a whole when a snapshot is taken.
    fs::write(root.join("etc/dpkg/dpkg.cfg.d/local-cloud"), "force-unsafe-io\n")?;
    fs::create_dir_all(root.join("srv/shop"))?;
    fs::write(root.join("srv/shop/health"), "ok\n")?;
    fs::write(root.join("etc/rc.local"), if shop { SHOP_RC_LOCAL } else { RC_LOCAL })?;
    if shop {
        fs::write(root.join("etc/nginx/sites-enabled/shop"), SHOP_NGINX)?;
        fs::remove_file(root.join("etc/nginx/sites-enabled/default"))?;
        fs::write(root.join("srv/shop/first-boot.sql"), SHOP_SQL)?;
    }
    fs::set_permissions(root.join("etc/rc.local"), Permissions::from_mode(0o755))?;
    Ok(())
}

fn sources(suite: &str) -> String {
    format!(
        "deb {MIRROR}/debian {suite} main\ndeb {MIRROR}/debian {suite}-updates main\ndeb {MIRROR}/debian-security {suite}-security main\n"
    )
}

fn missing_program(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::NotFound { missing("mmdebstrap", "mmdebstrap")(error) } else { error }
}
