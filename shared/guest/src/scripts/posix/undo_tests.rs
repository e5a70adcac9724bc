//! The way back: what races with it, what it may not lose, and what must not begin after it.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use migration::path::Hop;

use super::engine_tests::{Root, directory, hop, leapp, with_job, with_packages};
use super::*;
use crate::{read_look, read_undone};

fn undo(root: &Root, hop: &Hop) -> Vec<String> {
    read_undone(&root.run(&with_job(hop, |job| job.undo()))).unwrap()
}

fn prepare(root: &Root, hop: &Hop) -> String {
    root.run(&with_job(hop, |job| job.prepare(&[])))
}

/// A prepared guest, how it was before, and the hop.
fn prepared() -> (Root, Vec<(std::path::PathBuf, String)>) {
    let root = Root::new();
    with_packages(&root);
    root.put("etc/yum.conf", "[main]\nexclude=kernel*\n");
    root.put("boot/grub2/grubenv", "saved_entry=old\n");
    let before = root.manifest();
    let answer = prepare(&root, &leapp());
    assert_eq!(answer, "osf\tdone\tyes\n");
    assert_ne!(root.manifest(), before);
    (root, before)
}

fn debian() -> Hop {
    hop(Engine::AptFullUpgrade, (Family::Debian, 11), (Family::Debian, 12))
}

const SOURCES: &str = "deb http://m/debian bullseye main\ndeb http://m/debian-security bullseye-security main\n";

#[test]
fn a_mark_that_is_set_while_the_tool_is_stopped_counts() {
    let (root, _) = prepared();
    let mark = root.path(&directory("no_return"));
    root.program("systemctl", &format!("[ $1 != stop ] || : >'{}'", mark.display()));
    let packages = root.text("packages");
    for _ in 0..2 {
        let left = undo(&root, &leapp());
        assert!(left[0].contains("only the snapshots lead back"), "{left:?}");
    }
    assert!(mark.exists(), "the mark is not erased");
    assert_eq!(root.text("packages"), packages, "nothing was taken back");
}

#[test]
fn packages_that_cannot_be_removed_are_told_every_time() {
    let (root, before) = prepared();
    let rpm = root.text("bin/rpm");
    root.program("rpm", &rpm.replace("-e)", "-e) exit 1 ;; -E)"));
    for _ in 0..2 {
        let left = undo(&root, &leapp());
        assert!(left.iter().any(|left| left == "package leapp.noarch"), "{left:?}");
    }
    root.put("bin/rpm", &rpm);
    assert_eq!(undo(&root, &leapp()), [""; 0]);
    assert_eq!(root.manifest(), before);
}

#[test]
fn a_full_disk_truncates_nothing_and_loses_no_original() {
    let (root, before) = prepared();
    let changed = root.text("etc/yum.conf");
    // It writes what still fits.
    root.program("cp", r#"for last; do :; done; case $last in */boot/* | */etc/*) printf '[ma' >"$last"; echo full >&2; exit 1 ;; esac; exec /bin/cp "$@""#);
    for _ in 0..2 {
        let left = undo(&root, &leapp());
        assert!(left.iter().any(|left| left == "/etc/yum.conf cannot be put back"), "{left:?}");
        assert_eq!(root.text("etc/yum.conf"), changed);
        assert_eq!(root.text("boot/grub2/grubenv"), "saved_entry=old\n");
    }
    std::fs::remove_file(root.path("bin/cp")).unwrap();
    assert_eq!(undo(&root, &leapp()), [""; 0]);
    assert_eq!(root.manifest(), before);
}

#[test]
fn a_half_kept_source_list_is_never_put_back() {
    let root = Root::new();
    root.put("etc/apt/sources.list", SOURCES);
    root.put("var/lib/apt/lists/one", "list");
    let before = root.manifest();
    root.program("cp", r#"case $* in *sources.list*) printf 'deb ht' >"$3"; kill -9 $PPID ;; esac; exec /bin/cp "$@""#);
    root.program("setsid", ":");
    root.run(&with_job(&debian(), |job| job.start()));
    root.run(&format!("exec sh {}", root.path(&directory("tool.sh")).display()));
    assert!(root.text(&directory("state.json")).contains("repositories"), "it was killed at its first step");
    std::fs::remove_file(root.path("bin/cp")).unwrap();
    assert_eq!(undo(&root, &debian()), [""; 0]);
    assert_eq!(root.manifest(), before);
}

#[test]
fn of_apts_cache_only_what_was_downloaded_goes() {
    let root = Root::new();
    root.put("etc/apt/sources.list", SOURCES);
    root.put("var/lib/apt/lists/one", "list");
    root.put("var/cache/apt/archives/theirs_1_amd64.deb", "person");
    let before = root.manifest();
    root.program(
        "apt-get",
        r#"case "$*" in
        *update) rm "$R/var/lib/apt/lists/one"; echo new >"$R/var/lib/apt/lists/two" ;;
        *-d*) : >"$R/var/cache/apt/archives/ours_1_amd64.deb"; mkdir -p "$R/var/cache/apt/archives/partial"
            : >"$R/var/cache/apt/archives/partial/half_1_amd64.deb"; echo 'E: disk full'; exit 100 ;;
        esac"#,
    );
    let (no_return, state) = root.tool(&debian());
    assert!(!no_return && state.contains("apt-get download"), "{state}");
    assert!(root.text("etc/apt/sources.list").contains("bookworm"));
    assert_eq!(undo(&root, &debian()), [""; 0]);
    assert_eq!(root.manifest(), before);
}

#[test]
fn nothing_begins_after_an_undo_however_late_it_comes() {
    let (root, before) = prepared();
    root.program("systemctl", ":");
    root.program("setsid", ":");
    root.run(&with_job(&leapp(), |job| job.start()));
    let tool = root.text(&directory("tool.sh"));
    assert_eq!(undo(&root, &leapp()), [""; 0]);
    assert!(!root.path(&directory("")).exists());
    for script in [with_job(&leapp(), |job| job.prepare(&[])), with_job(&leapp(), |job| job.start())] {
        assert!(root.run(&script).starts_with("osf\tproblem\tthis migration is over"));
    }
    let rebooted = root.run(&with_job(&leapp(), |job| job.reboot()));
    assert_eq!(rebooted, "osf\tproblem\tthis migration is over: nothing is rebooted for it\n", "no `done`");
    assert!(!root.run(&with_job(&leapp(), |job| job.start())).contains("done"), "it counts as failed");
    // A tool that was delivered and had not begun.
    root.put(&directory("tool.sh"), &tool);
    root.put(&directory("common.sh"), &(with_job(&leapp(), head) + COMMON + FETCH + PROCESSES));
    root.program("leapp", ": >\"$R/leapp-ran\"");
    root.run(&format!("sh {}", root.path(&directory("tool.sh")).display()));
    assert!(!root.path("leapp-ran").exists() && root.text(&directory("state.json")).is_empty());
    std::fs::remove_file(root.path("bin/leapp")).unwrap();
    // It does not count as begun, and undoing again works.
    assert!(!read_look(&root.run(&with_job(&leapp(), |job| job.look(None)))).unwrap().started);
    assert_eq!(undo(&root, &leapp()), [""; 0]);
    assert_eq!(root.manifest(), before);
}

#[test]
fn a_running_prepare_is_ended_before_it_is_taken_back() {
    let root = Root::new();
    with_packages(&root);
    root.put("etc/yum.conf", "[main]\nexclude=kernel*\n");
    let before = root.manifest();
    let yum = root.text("bin/yum").replace("#!/bin/sh\n", "");
    // It installs, says so, and takes its time: only a signal ends it before.
    root.program("yum", &format!("{yum}\necho begun >&3\nexec sleep 60"));
    let (mut said, says) = std::io::pipe().unwrap();
    let path = format!("{}:{}", root.path("bin").display(), std::env::var("PATH").unwrap());
    let script = format!("exec 3>&1 >/dev/null\n{}", with_job(&leapp(), |job| job.prepare(&[])));
    let mut running = Command::new("sh")
        .args(["-c", &script])
        .env("R", root.path(""))
        .env("PATH", path)
        .stdin(Stdio::null())
        .stdout(says)
        .spawn()
        .unwrap();
    said.read_exact(&mut [0; 5]).unwrap();
    assert_eq!(undo(&root, &leapp()), [""; 0]);
    assert!(!running.wait().unwrap().success());
    // Its yum is gone as well: nobody holds the pipe any more.
    said.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(root.manifest(), before);
}

/// A prepared guest whose convert2rhel, asked for its analysis, removes a package as the real one does and does what
/// `then` says before it puts it back.
fn analysed(then: &str) -> (Root, Hop, Vec<(std::path::PathBuf, String)>) {
    let root = Root::new();
    with_packages(&root);
    let packages = "bash.x86_64\ncentos-release.x86_64\nsix.x86_64\n";
    root.put("packages", packages);
    root.program("yum", r#"printf '%s\n' convert2rhel.noarch >>"$R/packages""#);
    root.put("etc/pki/rpm-gpg/RPM-GPG-KEY-redhat-release", "key");
    for folder in ["usr", "boot"] {
        std::fs::create_dir_all(root.path(folder)).unwrap();
    }
    root.put("proc/modules", "");
    root.put("var/lib/rpm/Packages", "");
    root.put("proc/meminfo", "MemTotal: 4000000 kB\nMemAvailable: 3000000 kB\n");
    let before = root.manifest();
    let convert2rhel = format!(
        "[ $1 = analyze ] || exit 1\nrpm -e centos-release.x86_64\n{then}\n\
         echo centos-release.x86_64 >>\"$R/packages\"; sort -o \"$R/packages\" \"$R/packages\""
    );
    root.program("convert2rhel", &convert2rhel);
    let hop = hop(Engine::Convert2Rhel, (Family::CentOs, 7), (Family::Rhel, 7));
    assert_eq!(prepare(&root, &hop), "osf\tdone\tyes\n");
    (root, hop, before)
}

#[test]
fn an_analysis_outlives_its_command_and_is_waited_for() {
    // It waits until somebody who waits for it lets it go on.
    let (root, hop, before) = analysed("echo begun >&3; read -r _ <\"$R/go\"");
    assert!(Command::new("mkfifo").arg(root.path("go")).status().unwrap().success());
    root.program("sleep", "case $1 in 1) echo go >\"$R/go\" ;; esac; exec /bin/sleep 0.05");
    let (mut said, says) = std::io::pipe().unwrap();
    let path = format!("{}:{}", root.path("bin").display(), std::env::var("PATH").unwrap());
    let mut running = Command::new("sh")
        .args(["-c", &format!("exec 3>&1 >/dev/null\n{}", with_job(&hop, |job| job.assess()))])
        .env("R", root.path(""))
        .env("PATH", path)
        .stdin(Stdio::null())
        .stdout(says)
        .process_group(0)
        .spawn()
        .unwrap();
    said.read_exact(&mut [0; 5]).unwrap();
    // As Cloud Assistant ends a command: with everything that it has started.
    let group = format!("-{}", running.id());
    assert!(Command::new("kill").args(["-KILL", "--", &group]).status().unwrap().success());
    running.wait().unwrap();
    assert!(!root.text("packages").contains("centos-release"), "it is in the middle of its work");
    assert_eq!(undo(&root, &hop), [""; 0]);
    std::fs::remove_file(root.path("go")).unwrap();
    assert_eq!(root.manifest(), before);
}

#[test]
fn what_an_analysis_that_was_cut_off_has_removed_is_told_until_it_is_back() {
    let (root, hop, _) = analysed("kill -9 $PPID $$");
    root.program("sleep", "exec /bin/sleep 0.01");
    let assess = || root.run(&with_job(&hop, |job| job.assess()));
    assert!(assess().contains("osf\tproblem\tconvert2rhel's analysis was cut off"));
    root.put("bin/convert2rhel", "#!/bin/sh\n: >\"$R/again\"\n");
    assert!(assess().contains("removed: centos-release.x86_64"));
    assert!(!root.path("again").exists(), "it is not asked again on what is left of the system");
    for _ in 0..2 {
        assert_eq!(undo(&root, &hop), ["package centos-release.x86_64, which convert2rhel's analysis has removed"]);
    }
    root.put("packages", &(root.text("packages") + "centos-release.x86_64\n"));
    assert_eq!(undo(&root, &hop), [""; 0]);
}

#[test]
fn another_process_with_the_tools_number_is_not_the_tool() {
    let root = Root::new();
    let alive = || read_look(&root.run(&with_job(&leapp(), |job| job.look(None)))).unwrap().alive;
    root.put(&directory("before/boot_id"), "a\n");
    let (pid, since) = (std::process::id(), root.run(&format!("{PROCESSES}since {}", std::process::id())));
    for (note, is_alive) in [
        (format!("{pid} {} a\n", since.trim()), true),
        (format!("{pid} {} z\n", since.trim()), false),
        (format!("{pid} 1 a\n"), false),
        (format!("{pid}\n"), true),
        (String::new(), false),
    ] {
        root.put(&directory("pid"), &note);
        assert_eq!(alive(), is_alive, "{note}");
    }
    // Nor is it ended.
    root.put(&directory("pid"), &format!("{pid} 1 a\n"));
    assert_eq!(undo(&root, &leapp()), [""; 0]);
}

#[test]
fn whoever_boots_a_leapp_that_is_ready_boots_into_the_upgrade() {
    let (root, _) = prepared();
    root.put(&directory("before/boot_id"), "z\n");
    assert!(read_look(&root.run(&with_job(&leapp(), |job| job.look(None)))).unwrap().no_return);
    assert!(undo(&root, &leapp())[0].contains("only the snapshots lead back"));
    // Of another engine the same says nothing.
    let other = hop(Engine::DistroSync, (Family::CentOs, 8), (Family::AlibabaCloudLinux, 3));
    assert!(!read_look(&root.run(&with_job(&other, |job| job.look(None)))).unwrap().no_return);
}

#[test]
fn a_reboot_is_noted_also_when_it_has_happened_and_not_done_without_a_note() {
    let reboot = |root: &Root| root.run(&with_job(&leapp(), |job| job.reboot()));
    let root = Root::new();
    root.put(&directory("before/boot_id"), "z\n");
    assert_eq!(reboot(&root), "osf\tdone\tyes\n");
    assert!(root.path(&directory("no_return")).exists());
    let root = Root::new();
    root.put(&directory("before/boot_id"), "a\n");
    // What stands there cannot be written.
    std::fs::create_dir_all(root.path(&directory("no_return"))).unwrap();
    assert_eq!(reboot(&root), "osf\tproblem\tthe point of no return cannot be noted\n", "no `done`");
}

#[test]
fn no_tool_changes_packages_without_a_note() {
    let root = Root::new();
    std::fs::create_dir_all(root.path(&directory("no_return"))).unwrap();
    root.program("centos2anolis.py", ": >\"$R/ran\"");
    let hop = hop(Engine::Centos2Anolis, (Family::CentOs, 8), (Family::Anolis, 8));
    let (_, state) = root.tool(&hop);
    assert!(state.contains("the point of no return cannot be noted"), "{state}");
    assert!(!root.path("ran").exists());
}

#[test]
fn an_old_systemd_starts_the_tool_as_well() {
    let root = Root::new();
    std::fs::create_dir_all(root.path("run/systemd/system")).unwrap();
    root.program("systemctl", "exit 3");
    root.program(
        "systemd-run",
        r#"case $* in *--collect*) echo "unrecognized option '--collect'" >&2; exit 1 ;; esac; echo "$*" >>"$R/started""#,
    );
    let start = || root.run(&with_job(&leapp(), |job| job.start()));
    assert_eq!(start(), "osf\tdone\tyes\n");
    assert!(root.text("started").starts_with("--quiet --unit=osferry-m-"), "{}", root.text("started"));
    // While it runs its script stays as it is, and no second one is started.
    std::fs::create_dir_all(root.path(&directory("running"))).unwrap();
    root.put(&directory("tool.sh"), "running");
    assert_eq!(start(), "osf\tdone\tyes\n");
    assert_eq!(root.text(&directory("tool.sh")), "running");
    assert_eq!(root.text("started").lines().count(), 1);
    std::fs::remove_dir_all(root.path(&directory("running"))).unwrap();
    root.program("systemd-run", "exit 1");
    assert_eq!(start(), "", "what could not be started does not count as started");
}

#[test]
fn what_a_person_installs_meanwhile_stays() {
    let (root, _) = prepared();
    root.put("packages", &(root.text("packages") + "theirs.x86_64\n"));
    root.program("yum", "printf '%s\\n' leapp-data.noarch >>\"$R/packages\"");
    assert_eq!(prepare(&root, &leapp()), "osf\tdone\tyes\n");
    assert_eq!(undo(&root, &leapp()), [""; 0]);
    assert_eq!(root.text("packages"), "bash.x86_64\nsix.x86_64\ntheirs.x86_64\n");
}

#[test]
fn files_behind_links_are_kept_and_come_back() {
    let root = Root::new();
    with_packages(&root);
    root.put("boot/efi/EFI/centos/grubenv", "saved_entry=old\n");
    root.put("etc/dnf/dnf.conf", "[main]\nexclude=kernel*\n");
    std::fs::create_dir_all(root.path("boot/grub2")).unwrap();
    std::os::unix::fs::symlink("../efi/EFI/centos/grubenv", root.path("boot/grub2/grubenv")).unwrap();
    std::os::unix::fs::symlink("dnf/dnf.conf", root.path("etc/yum.conf")).unwrap();
    let before = root.manifest();
    assert_eq!(prepare(&root, &leapp()), "osf\tdone\tyes\n");
    assert!(root.text("etc/dnf/dnf.conf").contains("#osferry exclude"));
    root.put("boot/efi/EFI/centos/grubenv", "saved_entry=upgrade\n");
    assert_eq!(undo(&root, &leapp()), [""; 0]);
    assert_eq!(root.manifest(), before);
    for link in ["boot/grub2/grubenv", "etc/yum.conf"] {
        assert!(root.path(link).symlink_metadata().unwrap().is_symlink(), "{link}");
    }
}

#[test]
fn a_leapp_that_was_never_prepared_is_the_persons_own() {
    let root = Root::new();
    with_packages(&root);
    root.put("etc/leapp/leapp.conf", "theirs\n");
    let before = root.manifest();
    assert_eq!(undo(&root, &leapp()), [""; 0]);
    assert_eq!(root.manifest(), before);
}

#[test]
fn nobody_else_may_read_what_is_kept() {
    let (root, _) = prepared();
    for folder in ["var/lib/osferry", &directory("")] {
        assert_eq!(root.path(folder).metadata().unwrap().permissions().mode() & 0o777, 0o700, "{folder}");
    }
    let root = Root::new();
    root.program("setsid", ":");
    root.run(&with_job(&leapp(), |job| job.start()));
    assert_eq!(root.path(&directory("")).metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn after_leapp_only_its_own_and_the_old_kernels_go() {
    let root = Root::new();
    let all = "leapp-0.17-1.el7_9.noarch\tCloudLinux\nkernel-3.10.0-1160.el7.x86_64\tCentOS\n\
        compat-openssl-1.0-1.el7.x86_64\tCentOS\nopenldap-2.4-1.el7.x86_64\tCentOS\ntree-1.6-1.el7.x86_64\tCentOS\n\
        nano-2-1.el7.x86_64\tCentOS\nshop-1-1.el7.x86_64\tShop\nbash-4.4-1.el8.x86_64\tAlmaLinux\n";
    root.put("packages", all);
    root.program(
        "rpm",
        r#"case $1 in
        -qa) if [ $# -gt 1 ]; then cat "$R/packages"; else cut -f 1 "$R/packages"; fi ;;
        -ql) case $2 in openldap*) echo /usr/lib64/libldap-2.4.so.2 ;; *) echo /usr/bin/x ;; esac ;;
        -e) shift; for name; do grep -v -e "^$name" "$R/packages" >"$R/new"; mv "$R/new" "$R/packages"; done ;;
        esac"#,
    );
    root.program("uname", "echo 4.18.0-553.el8.x86_64");
    root.put(
        "var/log/leapp/leapp-report.txt",
        "Title: Some RHEL packages have not been upgraded\nSummary: Following RHEL packages have not been upgraded:\n    \
         - openldap-2.4-1.el7\n    - tree-1.6-1.el7\nPlease remove these packages\n    - nano-2-1.el7\n",
    );
    let answer = root.run(&with_job(&leapp(), |job| job.finish()));
    let finished = crate::read_finished(&answer).unwrap();
    let left: Vec<_> = root.text("packages").lines().map(|line| line.split('-').next().unwrap().to_owned()).collect();
    assert_eq!(left, ["compat", "openldap", "nano", "shop", "bash"]);
    let kept = ["compat-openssl-1.0-1.el7.x86_64", "openldap-2.4-1.el7.x86_64", "nano-2-1.el7.x86_64"];
    assert_eq!(finished.kept, kept.map(|name| format!("package {name}")));
}
