//! The fleets of the demo, and what must become of each instance.

use migration::Outcome;

/// One instance and its story.
pub struct Story {
    /// Instance name.
    pub name: &'static str,
    /// What it is about, in a few words.
    pub about: &'static str,
    /// Image of its system disk.
    pub image: &'static str,
    /// Empty data disks.
    pub data_disks: u32,
    /// Tags that opt it in.
    pub tags: &'static [(&'static str, &'static str)],
    /// What is broken on purpose: kill this process as soon as this file exists.
    pub kill: Option<(&'static str, &'static str)>,
    /// What must become of it.
    pub outcome: Outcome,
    /// What it must run at the end: `ID VERSION_ID` of os-release; of Windows its name.
    pub os_after: &'static str,
    /// What the reason must speak of, when it does not succeed.
    pub because: &'static [&'static str],
    /// What a shell in the guest must print before and after, to the letter: people's data.
    pub same: Option<&'static str>,
}

const PROBE: (&str, &str) = ("osferry:probe", "http 127.0.0.1:8080/health");
const OPT_IN: (&str, &str) = ("osferry", "migrate");
/// What leapp refuses on these images may be mended.
const REMEDIATE: (&str, &str) = ("osferry:remediate", "answer-leapp permit-root-login relative-root-links");

const CENTOS_7: &str = "centos_7_9_x64_20G_alibase_20220824.vhd";
const CENTOS_8: &str = "centos_8_5_x64_20G_alibase_20220127.vhd";

/// The shop's orders.
const ORDERS: Option<&str> = Some("sha256sum /var/lib/shop/orders.csv");
/// The rows of the shop's database.
const ROWS: Option<&str> = Some("mysql -N -e 'SELECT COUNT(*), SUM(CRC32(CONCAT(id, total))) FROM shop.orders'");

/// A migration that ends well.
const fn good(
    name: &'static str,
    about: &'static str,
    image: &'static str,
    tags: &'static [(&'static str, &'static str)],
    os_after: &'static str,
) -> Story {
    let (outcome, because, same) = (Outcome::Succeeded, &[], ORDERS);
    Story { name, about, image, data_disks: 0, tags, kill: None, outcome, os_after, because, same }
}

/// The fleet of the plain demo.
pub static FLEET: [Story; 5] = [
    Story {
        data_disks: 1,
        ..good("web-1", "CentOS 8 with a web shop and a data disk", CENTOS_8, &[OPT_IN, PROBE], "alinux 3")
    },
    Story {
        outcome: Outcome::Refused,
        because: &["guest.boot-space", "guest.i686"],
        ..good(
            "legacy-1",
            "CentOS 8 with a 32-bit package and a full /boot",
            "m-local-centos85-i686-full-boot",
            &[OPT_IN],
            "centos 8",
        )
    },
    Story {
        kill: Some(("dnf", "/var/lib/acme/rebuilding")),
        outcome: Outcome::RolledBack,
        ..good(
            "agent-1",
            "CentOS 8 whose tool is killed in the middle of the rpm transaction",
            "m-local-centos85-vendor-agent",
            &[OPT_IN, PROBE],
            "centos 8",
        )
    },
    Story {
        data_disks: 1,
        outcome: Outcome::RolledBack,
        because: &["http://127.0.0.1:8080/health"],
        ..good(
            "shop-1",
            "CentOS 8 with a data disk, whose shop does not answer on the new system",
            "m-local-centos85-shop-plugin",
            &[OPT_IN, PROBE],
            "centos 8",
        )
    },
    Story {
        same: None,
        ..good(
            "debian-1",
            "Debian 12 with a small web application",
            "debian_12_12_x64_20G_alibase_20250915.vhd",
            &[OPT_IN, PROBE],
            "debian 13",
        )
    },
];

/// Every engine end to end, a drill, and a new system that does not boot.
pub static ALL_PATHS: [Story; 17] = [
    good(
        "sync-1",
        "CentOS 7 by distro-sync",
        CENTOS_7,
        &[OPT_IN, PROBE, ("osferry:target", "Alibaba Cloud Linux 2")],
        "alinux 2.1903",
    ),
    good(
        "anolis-1",
        "CentOS 7 by centos2anolis",
        CENTOS_7,
        &[OPT_IN, PROBE, ("osferry:target", "Anolis OS 7")],
        "anolis 7.9",
    ),
    Story {
        data_disks: 1,
        ..good(
            "elevate-1",
            "CentOS 7 by ELevate, with three obstacles that may be mended",
            "m-local-centos79-leapp-inhibitors",
            &[OPT_IN, PROBE, REMEDIATE, ("osferry:target", "AlmaLinux 8")],
            "almalinux 8.10",
        )
    },
    Story {
        outcome: Outcome::Refused,
        because: &["guest.pam-questions", "guest.root-links", "guest.root-login"],
        ..good(
            "elevate-2",
            "the same, and nothing may be mended",
            "m-local-centos79-leapp-inhibitors",
            &[OPT_IN, PROBE, ("osferry:target", "AlmaLinux 8")],
            "centos 7",
        )
    },
    good(
        "elevate-3",
        "AlmaLinux 9 by ELevate",
        "almalinux_9_6_x64_20G_alibase_20250627.vhd",
        &[OPT_IN, PROBE, REMEDIATE, ("osferry:target", "AlmaLinux 10")],
        "almalinux 10.0",
    ),
    good(
        "rhel-3",
        "Red Hat 8 by its own leapp",
        "m-local-rhel810",
        &[OPT_IN, PROBE, REMEDIATE, ("osferry:target", "Red Hat Enterprise Linux 9")],
        "rhel 9.6",
    ),
    good("fork-1", "CentOS 7 by the vendor's leapp", CENTOS_7, &[OPT_IN, PROBE, REMEDIATE], "alinux 3"),
    good(
        "fork-2",
        "CentOS 7 by the vendor's leapp",
        CENTOS_7,
        &[OPT_IN, PROBE, REMEDIATE, ("osferry:target", "Anolis OS 8")],
        "anolis 8.9",
    ),
    good(
        "alma-1",
        "CentOS 8 by almalinux-deploy",
        CENTOS_8,
        &[OPT_IN, PROBE, ("osferry:target", "AlmaLinux 8")],
        "almalinux 8.10",
    ),
    good(
        "rocky-1",
        "CentOS 8 by migrate2rocky",
        CENTOS_8,
        &[OPT_IN, PROBE, ("osferry:target", "Rocky Linux 8")],
        "rocky 8.10",
    ),
    good(
        "rhel-1",
        "CentOS 7 with a licence, by convert2rhel",
        "m-local-centos79-licensed",
        &[OPT_IN, PROBE, ("osferry:target", "Red Hat Enterprise Linux 7")],
        "rhel 7.9",
    ),
    good(
        "rhel-2",
        "CentOS 8 with a licence, by convert2rhel",
        "m-local-centos85-licensed",
        &[OPT_IN, PROBE, ("osferry:target", "Red Hat Enterprise Linux 8")],
        "rhel 8.10",
    ),
    Story {
        same: ROWS,
        ..good(
            "debian-1",
            "Debian 11 with MariaDB and nginx, two releases on",
            "m-local-debian11-shop",
            &[OPT_IN, PROBE, ("osferry:target", "Debian 13")],
            "debian 13",
        )
    },
    Story {
        same: None,
        ..good(
            "windows-1",
            "stand-in for Windows Server 2016, from a media disk",
            "win2016_1607_x64_dtc_en-us_40G_alibase_20230811.vhd",
            &[OPT_IN, ("osferry:target", "Windows Server 2019")],
            "Windows Server 2019",
        )
    },
    Story {
        same: None,
        ..good(
            "windows-2",
            "stand-in for Windows Server 2008 R2, whose next Setup has no scan",
            "win2008r2_sp1_x64_ent_zh-cn_40G_alibase_20190816.vhd",
            &[OPT_IN, ("osferry:target", "Windows Server 2012 R2")],
            "Windows Server 2012 R2",
        )
    },
    Story {
        data_disks: 1,
        outcome: Outcome::DrillPassed,
        ..good("drill-1", "CentOS 8, only a clone of it", CENTOS_8, &[("osferry", "drill"), PROBE], "centos 8")
    },
    Story {
        outcome: Outcome::RolledBack,
        ..good(
            "driver-1",
            "CentOS 8 whose new initramfs lacks the disk's driver",
            "m-local-centos85-no-disk-driver",
            &[OPT_IN, PROBE],
            "centos 8",
        )
    },
];
