//! The migratability check, run for real: what each fact looks like in a guest, and that a healthy guest has none.

#![allow(clippy::unwrap_used, reason = "tests panic")]

mod root;

use std::collections::BTreeSet;

use migration::path::Engine;
use root::{Root, Userland, all, difference, found, hop, script};

/// Facts that tell how it is, not that something is wrong.
const PLAIN: [&str; 2] = ["release", "version"];

/// Something that happened to a guest.
type Make = fn(&Root);
/// Which fact, how it comes to be, and what is said of it.
type Case = (&'static str, Make, &'static str);

const CASES: &[Case] = &[
    ("root_link", |r| r.link("images", "/data/images"), "/images -> /data/images"),
    ("network_mount", |r| r.append("proc/mounts", "nas:/x /nas nfs4 rw 0 0\n"), "/nas of nas:/x"),
    ("network_mount", |r| r.append("etc/fstab", "//nas/x /nas cifs defaults 0 0\n"), "/nas of //nas/x in fstab"),
    ("noexec_var", |r| r.append("proc/mounts", "x /var/lib xfs rw,noexec 0 0\n"), "/var/lib"),
    ("noexec_var", |r| r.append("etc/fstab", "/dev/vda2 /var xfs noexec 0 0\n"), "/var in fstab"),
    ("noexec_tmp", |r| r.append("proc/mounts", "tmpfs /tmp tmpfs rw,nosuid,noexec 0 0\n"), "/tmp"),
    (
        "unlisted_mount",
        |r| {
            r.append("proc/self/mountinfo", "40 1 253:32 / /srv rw,relatime shared:9 - ext4 /dev/vdc1 rw\n");
            r.append("proc/mounts", "/dev/vdc1 /srv ext4 rw,relatime 0 0\n")
        },
        "/srv of /dev/vdc1",
    ),
    (
        "unlisted_mount",
        |r| {
            r.append("proc/self/mountinfo", "40 1 0:52 / /oss rw,nosuid shared:9 - fuse.ossfs ossfs rw\n");
            r.append("proc/mounts", "ossfs /oss fuse.ossfs rw,nosuid 0 0\n")
        },
        "/oss of ossfs",
    ),
    ("fstab_unparsed", |r| r.append("etc/fstab", "/dev/vdz\n"), "line 4"),
    ("fstab_order", |r| r.append("etc/fstab", "/dev/vdd1 /data/ xfs defaults 0 0\n"), "/data after /data"),
    (
        "fstab_order",
        |r| r.write("etc/fstab", "/dev/vdb1 /data xfs defaults 0 0\n/dev/vda1 / xfs defaults 0 0\n"),
        "/ after /data",
    ),
    ("xfs_option", |r| r.append("etc/fstab", "/dev/vdd1 /d xfs nobarrier,ihashsize=9 0 0\n"), "ihashsize of /d"),
    ("btrfs", |r| r.append("proc/mounts", "pool /b btrfs rw 0 0\n"), "/b"),
    ("read_only", |r| r.append("proc/mounts", "x /mnt xfs ro,relatime 0 0\n"), "/mnt"),
    (
        "luks",
        |r| {
            r.write("sys/class/block/dm-0/dm/uuid", "CRYPT-LUKS1-x\n");
            r.write("sys/class/block/dm-0/dm/name", "secret\n")
        },
        "secret",
    ),
    ("early_partition", |r| r.write("sys/class/block/vda1/start", "63\n"), "vda at sector 63"),
    ("nic", |r| r.write("sys/class/net/eth1/device/vendor", "x"), "eth0 eth1 "),
    ("pam_removed", |r| r.write("etc/pam.d/login", "auth required pam_tally2.so\n"), "pam_tally2 in /etc/pam.d/login"),
    ("pam_question", |r| r.write("etc/pam.d/login", "auth optional pam_krb5.so\n"), "pam_krb5 in /etc/pam.d/login"),
    ("tcp_wrappers", |r| r.write("etc/hosts.deny", "sshd: ALL\n"), "/etc/hosts.deny: sshd: ALL"),
    (
        "resolv_link",
        |r| {
            r.write("run/resolv", "nameserver 1.1.1.1\n");
            r.link("etc/resolv.conf", "../run/resolv")
        },
        "../run/resolv",
    ),
    ("cluster", |r| r.write("var/lib/pacemaker/cib/cib.xml", "<cib/>"), "pacemaker"),
    ("postgresql", |r| r.write("var/lib/pgsql/data/PG_VERSION", "9.2\n"), "/var/lib/pgsql/data/PG_VERSION says 9.2"),
    ("python2", |r| r.write("usr/local/bin/job", "#!/usr/bin/env python2\n"), "/usr/local/bin/job"),
    ("python2", |r| r.write("etc/cron.daily/job", "#!/usr/bin/python\n"), "/etc/cron.daily/job"),
    (
        "kernel_not_newest",
        |r| r.packages("kernel 3.10.0-1160.119.1.el7 x86_64\n"),
        "3.10.0-1160.el7.x86_64 runs, 3.10.0-1160.119.1.el7.x86_64 is installed",
    ),
    ("old_kernel", |r| r.packages("kernel 3.10.0-957.el7 x86_64\n"), "3.10.0-957.el7.x86_64"),
    (
        "custom_kernel",
        |r| {
            r.write("stub/uname", "6.1.0-mine\n");
            r.write("lib/modules/6.1.0-mine/x", "")
        },
        "6.1.0-mine",
    ),
    (
        "efi_tool",
        |r| {
            r.write("sys/firmware/efi/x", "");
            r.append("proc/mounts", "/dev/vda2 /boot/efi vfat rw 0 0\n");
            r.append("etc/fstab", "/dev/vda2 /boot/efi vfat rw 0 0\n")
        },
        "efibootmgr",
    ),
    (
        "efi_mount",
        |r| {
            r.write("sys/firmware/efi/x", "");
            r.stub("efibootmgr", ":")
        },
        "/boot/efi",
    ),
    (
        "secure_boot",
        |r| {
            r.write("sys/firmware/efi/efivars/SecureBoot-8be4", "\u{6}\0\0\0\u{1}");
            r.stub("efibootmgr", ":");
            r.append("proc/mounts", "x /boot/efi vfat rw 0 0\n")
        },
        "enabled",
    ),
    (
        "secure_boot",
        |r| r.write("sys/kernel/security/lockdown", "none [integrity] confidentiality\n"),
        "lockdown integrity",
    ),
    ("grub_legacy", |r| r.packages("grub 0.97-99.el6 x86_64\n"), "grub-0.97-99.el6"),
    (
        "removed_driver",
        |r| r.append("proc/modules", "pata_acpi 13053 0 - Live 0x0\nvirtio_blk 1 0 - Live 0x0\n"),
        "pata_acpi",
    ),
    ("removed_driver", |r| r.append("proc/modules", "floppy 73520 0 - Live 0x0\n"), "floppy"),
    ("security_agent", |r| r.append("proc/modules", "AliSecGuard 1 0 - Live 0x0 (OE)\n"), "AliSecGuard"),
    ("nvidia", |r| r.append("proc/modules", "nvidia 1 0 - Live 0x0 (POE)\n"), "nvidia"),
    ("cpu", |r| r.write("proc/cpuinfo", &r.read("proc/cpuinfo").replace("sse4_2 ", "")), "sse4_2"),
    ("cpu_v3", |r| r.write("proc/cpuinfo", &r.read("proc/cpuinfo").replace("avx2 ", "")), "avx2"),
    ("repo_twice", |r| r.write("etc/yum.repos.d/x.repo", "[base]\nbaseurl=http://x/\n"), "base"),
    ("excluded", |r| r.append("etc/yum.conf", "exclude=kernel*\n"), "/etc/yum.conf: exclude=kernel*"),
    ("plugins_off", |r| r.write("etc/yum.conf", "[main]\nplugins = 0\n"), "/etc/yum.conf: plugins = 0"),
    ("katello", |r| r.write("etc/rhsm/ca/katello-server-ca.pem", "x"), "katello-server-ca.pem"),
    ("katello", |r| r.write("etc/salt/minion.d/susemanager.conf", "x"), "susemanager.conf"),
    (
        "zone_drifting",
        |r| {
            r.write("etc/firewalld/firewalld.conf", "AllowZoneDrifting=yes\n");
            r.stub("systemctl", "[ \"$*\" = 'is-enabled firewalld' ] && echo enabled")
        },
        "yes",
    ),
    ("docker", |r| r.packages("docker-ce 20.10-3.el7 x86_64\n"), "docker-ce-20.10-3.el7"),
    ("ntp", |r| r.packages("ntp 4.2.6p5-29.el7 x86_64\n"), "ntp-4.2.6p5-29.el7"),
    (
        "root_login",
        |r| {
            r.write("etc/ssh/sshd_config", "Port 22\nMatch User x\n  PermitRootLogin no\n");
            r.write("stub/verify", "S.5....T.  c /etc/ssh/sshd_config\n")
        },
        "sshd_config was changed and does not say PermitRootLogin",
    ),
];

/// What the tools ask for that convert within a major release.
const TOOL_CASES: &[(Engine, &str, Make, &str)] = &[
    (
        Engine::Migrate2Rocky,
        "module_platform",
        |r| r.write("etc/os-release", "ID=centos\nVERSION_ID=8\nPLATFORM_ID=platform:al8\n"),
        "platform:al8",
    ),
    (Engine::Migrate2Rocky, "module_platform", |r| r.write("etc/os-release", "ID=centos\nVERSION_ID=8\n"), "none"),
    (Engine::Migrate2Rocky, "dnf_old", |r| replace_package(r, "dnf", "dnf 4.0.9-2.el8 noarch\n"), "4.0.9-2.el8"),
    (Engine::Migrate2Rocky, "dnf_old", |r| replace_package(r, "dnf", ""), "is not installed"),
    (Engine::Migrate2Rocky, "plugins_core", |r| replace_package(r, "dnf-plugins-core", ""), "is not installed"),
    (Engine::AlmalinuxDeploy, "plugins_core", |r| replace_package(r, "dnf-plugins-core", ""), "is not installed"),
    (Engine::Migrate2Rocky, "tool_missing", |r| r.remove_stub("column"), "column"),
    (
        Engine::AlmalinuxDeploy,
        "panel",
        |r| r.write("usr/local/psa/version", "17.8.11 1708180301.19\n"),
        "Plesk 17.8.11",
    ),
    (Engine::AlmalinuxDeploy, "panel", |r| r.write("usr/local/psa/version", "18.0.34\n"), "Plesk 18.0.34"),
    (
        Engine::AlmalinuxDeploy,
        "custom_kernel",
        |r| {
            r.write("stub/uname", "6.1.0-mine\n");
            r.write("lib/modules/6.1.0-mine/x", "")
        },
        "6.1.0-mine",
    ),
];

/// What they do not mind.
const TOOL_NEAR: &[(Engine, &str, Make)] = &[
    (Engine::Migrate2Rocky, "dnf_old", |r| replace_package(r, "dnf", "dnf 4.2.7-6.el8 noarch\n")),
    (Engine::Migrate2Rocky, "dnf_old", |r| replace_package(r, "dnf", "dnf 5.0.1-1.el8 noarch\n")),
    (Engine::AlmalinuxDeploy, "panel", |r| r.write("usr/local/psa/version", "18.0.35 1800210430.13\n")),
    (Engine::AlmalinuxDeploy, "panel", |r| r.write("usr/local/psa/version", "19.0.1\n")),
    (Engine::AlmalinuxDeploy, "panel", |r| r.write("usr/local/cpanel/cpanel", "#!/bin/sh\n")),
];

fn replace_package(root: &Root, name: &str, line: &str) {
    const LIST: &str = "var/lib/rpm/packages";
    let kept: String = root
        .read(LIST)
        .lines()
        .filter(|line| !line.starts_with(&format!("{name} ")))
        .map(|line| format!("{line}\n"))
        .collect();
    root.write(LIST, &kept);
    root.packages(line);
}

/// Cases that the script must not take for the fact.
const NEAR: &[(&str, Make)] = &[
    ("root_link", |r| r.link("images", "data/images")),
    ("unlisted_mount", |r| {
        r.append("proc/self/mountinfo", "41 1 253:1 /data /bound rw - xfs /dev/vda1 rw\n");
        r.append("proc/mounts", "/dev/vda1 /bound xfs rw 0 0\n")
    }),
    // What a mount unit, or automount, brings.
    ("unlisted_mount", |r| {
        r.append(
            "proc/self/mountinfo",
            "41 1 0:52 / /oss rw - fuse.ossfs ossfs rw\n42 1 0:53 / /home/x rw - nfs4 nas:/x rw\n",
        );
        r.append(
            "proc/mounts",
            "ossfs /oss fuse.ossfs rw 0 0\nauto.home /home autofs rw 0 0\nnas:/x /home/x nfs4 rw 0 0\n",
        );
        r.write("etc/systemd/system/oss.mount", "[Mount]\nWhat=ossfs\nWhere=/oss\n")
    }),
    ("nic", |r| r.write("sys/class/net/docker0/address", "x")),
    ("nic", |r| {
        std::fs::rename(r.root.join("sys/class/net/eth0"), r.root.join("sys/class/net/ens5")).unwrap();
        r.write("sys/class/net/ens6/device/v", "x")
    }),
    ("early_partition", |r| r.write("sys/class/block/vdb1/start", "63\n")),
    ("zone_drifting", |r| {
        r.write("etc/firewalld/firewalld.conf", "AllowZoneDrifting=yes\n");
        r.stub("systemctl", "echo disabled; exit 1")
    }),
    ("root_login", |r| r.write("etc/ssh/sshd_config", "Port 22\n")),
    ("custom_kernel", |r| r.write("stub/uname", "6.1.0-of-another-machine\n")),
    ("fstab_order", |r| {
        r.append("etc/fstab", "/dev/vdd1 /data2 xfs defaults 0 0\nx none swap sw 0 0\nx none swap sw 0 0\n")
    }),
    ("xfs_option", |r| r.append("etc/fstab", "/dev/vdd1 /d ext4 nobarrier 0 0\n")),
    ("pam_removed", |r| r.write("etc/pam.d/login", "auth required pam_tally.so\n")),
    ("removed_driver", |r| r.append("proc/modules", "ata_piix 1 0 - Live 0x0\n")),
    ("repo_twice", |r| r.write("etc/yum.repos.d/x.repo", "[base-source]\nbaseurl=http://x/\n")),
    ("excluded", |r| r.append("etc/yum.conf", "#exclude=kernel*\n")),
    ("python2", |r| r.write("usr/local/bin/job", "#!/usr/bin/python3\n")),
];

fn facts(answer: &[(String, String)]) -> BTreeSet<&str> {
    answer.iter().filter_map(|(key, _)| key.strip_prefix("system.")).filter(|key| !PLAIN.contains(key)).collect()
}

fn assess(root: &Root) -> Vec<(String, String)> {
    let before = root.manifest();
    let answer = root.run(&script(&hop(Engine::Leapp), |job| job.assess())).unwrap();
    assert_eq!(difference(&before, &root.manifest()), [""; 0], "the check changed something");
    answer
}

#[test]
fn each_fact_is_seen_alone() {
    for (fact, make, said) in CASES {
        let root = Root::healthy();
        make(&root);
        let answer = assess(&root);
        assert_eq!(facts(&answer), BTreeSet::from([*fact]), "{answer:?}");
        assert!(all(&answer, &format!("system.{fact}")).contains(said), "{said}: {answer:?}");
    }
}

#[test]
fn what_only_looks_like_it_is_not_told() {
    for (fact, make) in NEAR {
        let root = Root::healthy();
        make(&root);
        let answer = assess(&root);
        assert!(!facts(&answer).contains(fact), "{fact}: {answer:?}");
    }
}

#[test]
fn what_conversion_tools_refuse_is_seen_before_they_do() {
    let assess = |root: &Root, engine| root.run(&script(&hop(engine), |job| job.assess())).unwrap();
    for engine in [Engine::AlmalinuxDeploy, Engine::Migrate2Rocky] {
        assert_eq!(facts(&assess(&Root::healthy_8(), engine)), BTreeSet::new());
    }
    for (engine, fact, make, said) in TOOL_CASES {
        let root = Root::healthy_8();
        make(&root);
        let answer = assess(&root, *engine);
        assert_eq!(facts(&answer), BTreeSet::from([*fact]), "{answer:?}");
        assert!(all(&answer, &format!("system.{fact}")).contains(said), "{said}: {answer:?}");
    }
    for (engine, fact, make) in TOOL_NEAR {
        let root = Root::healthy_8();
        make(&root);
        let answer = assess(&root, *engine);
        assert_eq!(facts(&answer), BTreeSet::new(), "{fact}");
    }
}

/// What is told beside the facts of the system.
#[test]
fn packages_modules_and_repositories_are_told() {
    let cases: [(&str, Make, &[&str]); 10] = [
        (
            "epel_modular",
            |r| r.write("etc/yum.repos.d/epel-modular.repo", "[epel-modular]\nname=x\nenabled=1\n"),
            &["yes"],
        ),
        (
            "epel_modular",
            |r| r.write("etc/yum.repos.d/epel-modular.repo", "[epel-modular]\nenabled=0\n[epel]\nenabled=1\n"),
            &[],
        ),
        (
            "foreign_module",
            |r| r.append("proc/modules", "wireguard 1 0 - Live 0x0 (OE)\nxfs 1 0 - Live 0x0\n"),
            &["wireguard"],
        ),
        ("foreign_module", |r| r.append("proc/modules", "dm_mod 1 0 - Live 0x0 (T)\n"), &[]),
        ("mysql", |r| r.packages("mysql-community-server 8.0.36-1.el8 x86_64\n"), &["mysql-community-server-8.0.36"]),
        ("mysql", |r| r.packages("mariadb-libs 5.5.68-1.el7 x86_64\n"), &[]),
        ("mysql", |r| r.packages("MariaDB-server 10.11.6-1.el8 x86_64\n"), &["MariaDB-server-10.11.6"]),
        ("mysql", |r| r.packages("Percona-Server-server-57 5.7.44-1 x86_64\n"), &["Percona-Server-server-57-5.7.44"]),
        ("mysql", |r| r.packages("percona-server-server 8.0.36-28 x86_64\n"), &["percona-server-server-8.0.36"]),
        ("mysql", |r| r.packages("Percona-Server-shared-57 5.7.44-1 x86_64\n"), &[]),
    ];
    for (key, make, said) in cases {
        let root = Root::healthy();
        make(&root);
        assert_eq!(all(&assess(&root), key), said, "{key}");
    }
    let root = Root::healthy();
    root.append("proc/mounts", "/dev/vda1 /again xfs rw 0 0\n/dev/loop0 /snap ext4 rw 0 0\nnas:/ /nas nfs rw 0 0\n");
    assert_eq!(all(&assess(&root), "mounts"), ["3"], "what leapp lays something over");
}

#[test]
fn every_fact_that_is_judged_has_its_case() {
    let cases: BTreeSet<&str> =
        CASES.iter().map(|(fact, ..)| *fact).chain(PLAIN).chain(["held", "foreign_source"]).collect();
    let cases: BTreeSet<&str> = cases.into_iter().chain(TOOL_CASES.iter().map(|(_, fact, ..)| *fact)).collect();
    assert_eq!(cases, migration::findings::system_facts().collect());
}

#[test]
fn a_healthy_guest_tells_what_it_is() {
    let answer = assess(&Root::healthy());
    assert_eq!(facts(&answer), BTreeSet::new());
    for (key, value) in [
        ("os_id", "centos"),
        ("os_name", "CentOS Linux"),
        ("arch", "x86_64"),
        ("boot_id", "b-1"),
        ("memory_mib", "2929"),
        ("memory_total_mib", "3906"),
        ("system.release", "7.9.2009"),
        ("system.version", "glibc-2.17-326.el7"),
    ] {
        assert_eq!(all(&answer, key).first(), Some(&value), "{answer:?}");
    }
    assert_eq!(all(&answer, "free_mib"), ["/usr 7812", "/var 7812", "/boot 7812"]);
    assert_eq!(all(&answer, "package_problem"), [""; 0]);
    guest::read_assessment(&answer.iter().map(|(k, v)| format!("osf\t{k}\t{v}\n")).collect::<String>()).unwrap();
}

#[test]
fn a_package_manager_that_is_not_well_says_why() {
    let broken: [(Make, &str); 3] = [
        (|r| r.packages("zlib 1.2.8-1.el7 x86_64\n"), "zlib.x86_64 is installed twice"),
        (
            |r| r.write("stub/dependencies", "Unsatisfied dependencies for acme-1: libx\n"),
            "Unsatisfied dependencies for acme-1: libx",
        ),
        (|r| r.stub("yum", "echo 'No module named yum' >&2; exit 1"), "yum does not start: No module named yum"),
    ];
    for (make, said) in broken {
        let root = Root::healthy();
        make(&root);
        assert_eq!(all(&assess(&root), "package_problem"), [said]);
    }
    let root = Root::healthy();
    root.packages("kernel 3.10.0-957.el7 x86_64\nzlib 1.2.7-21.el7 i686\n");
    let answer = assess(&root);
    assert_eq!(all(&answer, "package_problem"), [""; 0], "kernels and architectures may be several");
    assert_eq!(all(&answer, "foreign_package"), ["zlib.i686"]);
}

#[test]
fn debian_tells_its_holds_and_databases() {
    let root = Root::healthy();
    root.write("stub/holds", "nginx\n");
    root.write("var/lib/postgresql/13/main/PG_VERSION", "13\n");
    root.write("etc/yum.conf", "exclude=x\n");
    let answer = root.run(&script(&hop(Engine::AptFullUpgrade), |job| job.assess())).unwrap();
    assert_eq!(facts(&answer), BTreeSet::from(["held", "postgresql"]), "{answer:?}");
}

/// Every shell and every awk that guests have, on a guest in which everything is wrong at once.
#[test]
fn every_shell_and_userland_sees_the_same() {
    let make = |userland, shell: &[&'static str]| {
        let root = Root::new(userland, shell.to_vec());
        for (fact, make, _) in CASES {
            // Those two write the same file as others.
            if !matches!(*fact, "custom_kernel" | "fstab_order") {
                make(&root);
            }
        }
        root
    };
    let expected = assess(&make(Userland::Host, &["sh"]));
    assert!(facts(&expected).len() > 30, "{expected:?}");
    let mut seen = 0;
    // Not busybox's shell: it prefers its own rpm to the guest's.
    for shell in [&["dash"][..], &["bash", "--posix"], &["bash"]] {
        for userland in [Userland::Host, Userland::Busybox] {
            if found(shell[0]).is_none() || (userland == Userland::Busybox && found("busybox").is_none()) {
                continue;
            }
            assert_eq!(assess(&make(userland, shell)), expected, "{shell:?} {userland:?}");
            seen += 1;
        }
    }
    assert!(seen >= 2, "only {seen} shells are installed here");
}
