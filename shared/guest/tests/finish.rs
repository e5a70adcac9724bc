//! What comes back after a success, and what stays away.

#![allow(clippy::unwrap_used, reason = "tests panic")]

mod root;

use guest::Finished;
use migration::{MigrationId, Remediation};
use root::{Root, hop_7, script};

/// A guest whose person has settings of every kind, prepared, and "migrated" to release 8.
fn migrated(change: impl FnOnce(&Root)) -> Root {
    let root = Root::healthy();
    root.write("etc/fstab", "/dev/vda1 / xfs defaults 0 0\nnas:/a /nas nfs4 _netdev 0 0\n");
    root.append("proc/mounts", "nas:/a /nas nfs4 rw 0 0\n/dev/vda2 /boot xfs rw 0 0\n");
    root.write("etc/ssh/sshd_config", "Port 22\n");
    root.write("etc/yum.conf", "[main]\nkeepcache=0\nexclude=nginx*\n");
    root.write("etc/yum.repos.d/shop.repo", "[shop]\nbaseurl=https://shop.example/rpm/$releasever/\n");
    root.write("etc/yum.repos.d/old.repo", "[old]\nbaseurl=https://shop.example/el7/\n");
    root.write("etc/systemd-resolv.conf", "nameserver 100.100.2.138\n");
    root.link("etc/resolv.conf", "systemd-resolv.conf");
    root.link("images", "/data/images");
    root.write("data/images/x", "");
    root.append("proc/modules", "floppy 1 0 - Live 0x0\n");
    root.packages("zlib 1.2.7-21.el7 i686\nkernel 3.10.0-957.el7 x86_64\n");
    root.write("boot/vmlinuz-3.10.0-957.el7.x86_64", "old");
    root.write("etc/selinux/config", "# x\nSELINUX=enforcing\nSELINUXTYPE=targeted\n");
    let script = script(&hop_7(), |job| {
        job.prepare(&[
            Remediation::RemoveI686,
            Remediation::PermitRootLogin,
            Remediation::UnloadDrivers,
            Remediation::CleanBoot,
            Remediation::UnmountNetworkFileSystems,
            Remediation::RelativeRootLinks,
            Remediation::RegularResolvConf,
        ])
    });
    let answer = root.run(&script).unwrap();
    assert_eq!(root::all(&answer, "applied").len(), 7, "{answer:?}");
    // What `start` notes, and what a migration does.
    let dir = format!("var/lib/osferry/{}-0", MigrationId::from_bytes([7; 10]));
    root.write(&format!("{dir}/before/selinux"), "Enforcing\n");
    root.write(&format!("{dir}/before/enabled"), "shop.service\nnginx.service\ngone.service\n");
    root.write(&format!("{dir}/before/services"), "shop.service\n");
    root.write("stub/enforcing", "Permissive\n");
    root.write("etc/selinux/config", "# x\nSELINUX=permissive\nSELINUXTYPE=targeted\n");
    for repo in ["shop", "old", "CentOS-Base"] {
        std::fs::remove_file(root.root.join(format!("etc/yum.repos.d/{repo}.repo"))).unwrap();
    }
    root.write("etc/yum.conf", "[main]\nkeepcache=0\n");
    root.append("etc/fstab", "tmpfs /new tmpfs defaults 0 0\n");
    root.stub(
        "systemctl",
        "case $1-$2 in is-enabled-shop.service) echo disabled ;; is-enabled-nginx.service) echo enabled ;; is-enabled-*) exit 1 ;; *) echo \"$*\" >>\"$R/stub/systemctl\" ;; esac",
    );
    change(&root);
    root
}

fn finish(root: &Root) -> Finished {
    let answer = root.run(&script(&hop_7(), |job| job.finish())).unwrap();
    guest::read_finished(&answer.iter().map(|(k, v)| format!("osf\t{k}\t{v}\n")).collect::<String>()).unwrap()
}

#[test]
fn settings_of_people_come_back_and_the_rest_is_told() {
    let root = migrated(|_| {});
    let finished = finish(&root);
    let expected = [
        "/etc/fstab",
        "/etc/resolv.conf",
        "/etc/yum.conf",
        "/etc/yum.repos.d/shop.repo",
        "/images",
        "SELinux: Enforcing",
        "mount of /nas",
        "service shop.service",
    ];
    for item in expected {
        assert!(finished.restored.iter().any(|restored| restored == item), "{item}: {finished:#?}");
    }
    assert_eq!(
        root.read("etc/fstab"),
        "/dev/vda1 / xfs defaults 0 0\nnas:/a /nas nfs4 _netdev 0 0\ntmpfs /new tmpfs defaults 0 0\n"
    );
    assert!(root.read("proc/mounts").contains(" /nas "));
    assert_eq!(root.read("etc/yum.conf"), "[main]\nexclude=nginx*\nkeepcache=0\n");
    assert!(root.read("etc/selinux/config").contains("\nSELINUX=enforcing\n"));
    assert_eq!(root.read("stub/enforcing"), "Enforcing\n");
    assert_eq!(root.read("stub/systemctl"), "enable shop.service\nstart shop.service\n");
    assert_eq!(std::fs::read_link(root.root.join("images")).unwrap().to_str(), Some("/data/images"));
    assert!(!root.root.join("etc/modprobe.d/osferry.conf").exists());
    // What was in effect stays so.
    assert!(root.read("etc/ssh/sshd_config").contains("\nPermitRootLogin yes\n"));

    for item in [
        "package zlib-1.2.7-21.el7.i686",
        "driver floppy",
        "kernel 3.10.0-957.el7.x86_64",
        "repository file /etc/yum.repos.d/old.repo",
    ] {
        assert!(finished.kept_away.iter().any(|kept| kept == item), "{item}: {finished:#?}");
    }
    assert!(!root.root.join("etc/yum.repos.d/CentOS-Base.repo").exists(), "a package's file goes with the package");
    assert!(!root.root.join("boot/vmlinuz-3.10.0-957.el7.x86_64").exists());
    assert!(!root.read("var/lib/rpm/packages").contains("3.10.0-957"), "a kernel without files is no kernel");

    let once = root.manifest();
    let again = finish(&root);
    assert_eq!(root::difference(&once, &root.manifest()), [""; 0]);
    assert_eq!(again.kept_away, finished.kept_away, "told again, should the first answer have been lost");
}

#[test]
fn what_does_not_fit_any_more_stays_away() {
    let root = migrated(|root| {
        root.stub("mount", "exit 32");
        std::fs::remove_file(root.root.join("etc/systemd-resolv.conf")).unwrap();
    });
    let finished = finish(&root);
    assert_eq!(finished.left, ["mount of /nas: it cannot be mounted"]);
    let link = "link /etc/resolv.conf to systemd-resolv.conf";
    assert!(finished.kept_away.iter().any(|kept| kept == link), "{finished:#?}");
    assert_eq!(root.read("etc/resolv.conf"), "nameserver 100.100.2.138\n");
}

#[test]
fn what_cannot_be_brought_back_is_told_and_stays_whole() {
    use std::os::unix::fs::PermissionsExt;
    let root = migrated(|root| {
        root.stub("setenforce", "exit 1");
        root.stub("systemctl", "case $1 in is-enabled) echo disabled ;; *) exit 1 ;; esac");
        // The disk is full: what is written is cut off.
        let cp = root::found("cp").unwrap();
        root.stub("cp", &format!("case $* in */fstab*) exit 1 ;; esac\nexec {} \"$@\"", cp.display()));
        // A person's file elsewhere, with a mode of its own.
        root.write("etc/dnf/yum.conf", &root.read("etc/yum.conf"));
        let mode = std::fs::Permissions::from_mode(0o640);
        std::fs::set_permissions(root.root.join("etc/dnf/yum.conf"), mode).unwrap();
        root.link("etc/yum.conf", "dnf/yum.conf");
    });
    let fstab = root.read("etc/fstab");
    let finished = finish(&root);
    for item in ["/etc/fstab", "SELinux: Enforcing", "service shop.service"] {
        assert!(finished.left.iter().any(|left| left == item), "{item}: {finished:#?}");
        assert!(!finished.restored.iter().any(|back| back == item), "{item}: {finished:#?}");
    }
    assert_eq!(root.read("etc/fstab"), fstab);
    assert_eq!(root.read("etc/dnf/yum.conf"), "[main]\nexclude=nginx*\nkeepcache=0\n");
    assert_eq!(std::fs::metadata(root.root.join("etc/dnf/yum.conf")).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(root.root.join("etc/yum.conf").symlink_metadata().unwrap().is_symlink());
    assert!(
        root.manifest().keys().all(|path| path.extension().is_none_or(|end| end != "osferry")),
        "a half file is left"
    );
}

#[test]
fn without_a_preparation_nothing_is_changed() {
    let root = Root::healthy();
    let before = root.manifest();
    assert_eq!(finish(&root), Finished::default());
    assert_eq!(root::difference(&before, &root.manifest()), [""; 0]);
}

/// A service lives on: with the answer's pipe in its hands the command would not end.
#[test]
fn what_is_started_does_not_hold_the_answer_open() {
    let root = migrated(|root| {
        let body = "case $1 in is-enabled) echo disabled ;; start) ls -l /proc/$$/fd >\"$R/stub/open\" ;; esac";
        root.stub("systemctl", body);
    });
    let finish = script(&hop_7(), |job| job.finish());
    root.run(&format!("answer=$(readlink /proc/$$/fd/1)\necho \"$answer\" >\"$R/stub/answer\"\n{finish}")).unwrap();
    let (answer, open) = (root.read("stub/answer"), root.read("stub/open"));
    assert!(answer.starts_with("pipe:") && open.contains("/dev/null"), "{answer} {open}");
    assert!(!open.contains(answer.trim()), "{answer} {open}");
}
