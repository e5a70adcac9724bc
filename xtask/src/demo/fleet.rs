//! The fleet of the demo, and what must become of each.

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
    /// What it must run at the end.
    pub os_after: &'static str,
    /// What the reason must speak of, when it does not succeed.
    pub because: &'static [&'static str],
}

const PROBE: (&str, &str) = ("osferry:probe", "http 127.0.0.1:8080/health");
const OPT_IN: (&str, &str) = ("osferry", "migrate");

/// The fleet.
pub const FLEET: [Story; 5] = [
    Story {
        name: "web-1",
        about: "CentOS 8 with a web shop and a data disk",
        image: "centos_8_5_x64_20G_alibase_20220127.vhd",
        data_disks: 1,
        tags: &[OPT_IN, PROBE],
        kill: None,
        outcome: Outcome::Succeeded,
        os_after: "alinux 3",
        because: &[],
    },
    Story {
        name: "legacy-1",
        about: "CentOS 8 with a 32-bit package and a full /boot",
        image: "m-local-centos85-i686-full-boot",
        data_disks: 0,
        tags: &[OPT_IN],
        kill: None,
        outcome: Outcome::Refused,
        os_after: "centos 8",
        because: &["guest.boot-space", "guest.i686"],
    },
    Story {
        name: "agent-1",
        about: "CentOS 8 whose tool is killed in the middle of the rpm transaction",
        image: "m-local-centos85-vendor-agent",
        data_disks: 0,
        tags: &[OPT_IN, PROBE],
        kill: Some(("dnf", "/var/lib/acme/rebuilding")),
        outcome: Outcome::RolledBack,
        os_after: "centos 8",
        because: &[],
    },
    Story {
        name: "shop-1",
        about: "CentOS 8 with a data disk, whose shop does not answer on the new system",
        image: "m-local-centos85-shop-plugin",
        data_disks: 1,
        tags: &[OPT_IN, PROBE],
        kill: None,
        outcome: Outcome::RolledBack,
        os_after: "centos 8",
        because: &["http://127.0.0.1:8080/health"],
    },
    Story {
        name: "debian-1",
        about: "Debian 12 with a small web application",
        image: "debian_12_12_x64_20G_alibase_20250915.vhd",
        data_disks: 0,
        tags: &[OPT_IN, PROBE],
        kill: None,
        outcome: Outcome::Succeeded,
        os_after: "debian 13",
        because: &[],
    },
];
