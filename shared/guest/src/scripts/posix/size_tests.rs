//! Answers stay below what Cloud Assistant keeps, whatever a guest holds; and what decides is in them.

use migration::Remediation;
use migration::os::Family;

use super::engine_tests::{Root, directory, hop, leapp, with_job};
use super::*;
use crate::{
    read_after, read_assessment, read_finished, read_look, read_observation, read_prepared, read_undone, read_watch,
};

/// Of 24 KB the rest is for what programs say unasked.
const LIMIT: usize = 20 * 1024;

fn many(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(|n| line(n) + "\n").collect()
}

/// A name with a number, as long as names get.
fn long(n: usize) -> String {
    format!("{n}-{}", "name".repeat(40))
}

/// Runs a script on a guest whose lists are all long.
fn answer(root: &Root, script: &str) -> String {
    let output = root.run(script);
    assert!(output.len() < LIMIT, "{} bytes: {output}", output.len());
    assert!(output.ends_with("osf\tdone\tyes\n"), "{output}");
    output
}

fn is_cut(list: &[String]) -> bool {
    list.len() > 1 && list.last().is_some_and(|last| last.starts_with("and ") && last.ends_with(" more"))
}

/// Everything that was there before is gone or different.
fn changed(root: &Root) {
    root.put("proc/sys/kernel/random/boot_id", "new\n");
    let there = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    for (name, text) in [
        ("boot_id", "old\n".to_owned()),
        ("services", many(60, |n| format!("{}.service", long(n)))),
        ("enabled", many(60, |n| format!("{}.service", long(n)))),
        ("ports", many(80, |n| format!("{n} - {}", if n % 2 == 0 { there } else { "/nowhere/program" }))),
        ("mounts", many(2000, |n| format!("/srv/{}", long(n)))),
        ("users", many(2000, |n| format!("user {}:{n}", long(n)))),
        ("cron", many(2000, |n| format!("{n} /etc/cron.d/{}", long(n)))),
        ("kernel_arguments", many(2000, long)),
        ("modules", many(2000, long)),
        ("packages", many(5000, long)),
        ("changed_configuration", many(60, |n| format!("1 /etc/{}", long(n)))),
        ("selinux", long(0)),
        ("target", long(0)),
    ] {
        root.put(&directory(&format!("before/{name}")), &text);
    }
    root.program("systemctl", "[ $1 = show ] || exit 0; case \"$*\" in *ActiveState*) ;; *) echo LoadState=loaded; exit ;; esac
        for unit; do case $unit in *.service) printf 'Id=%s\\nLoadState=loaded\\nActiveState=failed\\n\\n' \"$unit\" ;; esac; done");
}

fn probes() -> Vec<Probe> {
    (0..20).map(|n| Probe::Command(format!("echo '{}'; false", long(n)))).collect()
}

#[test]
fn a_verification_fits() {
    for hop in [leapp(), hop(Engine::AptFullUpgrade, (Family::Debian, 11), (Family::Debian, 12))] {
        let root = Root::new();
        changed(&root);
        root.put("etc/migration-results", r#"{"activities": [{"success": true}]}"#);
        root.put(&directory("state.json"), r#"{"Progress":100,"ErrorCode":0}"#);
        for (tool, says) in [("rpm", "rpm -Va"), ("dnf", "check"), ("apt-get", "check"), ("dpkg", "audit")] {
            root.program(tool, &format!("yes '{says} {}' | head -n 3000", long(1)));
        }
        let facts = read_after(&answer(&root, &with_job(&hop, |job| job.verify(&probes(), 0)))).unwrap();
        assert_eq!((facts.os_id.as_str(), facts.boot_id.as_str()), ("centos", "new"));
        assert!(facts.tool_succeeded && facts.boot_id_before == "old" && !facts.kernel.is_empty());
        for list in [
            &facts.services_lost,
            &facts.services_disabled,
            &facts.ports_lost,
            &facts.ports_retired,
            &facts.mounts_lost,
            &facts.users_lost,
            &facts.cron_changed,
            &facts.kernel_arguments_lost,
            &facts.modules_lost,
            &facts.configuration_changed,
            &facts.packages_lost,
            &facts.probes_failed,
        ] {
            assert!(is_cut(list), "{list:?}");
        }
        assert!(!facts.package_manager.is_empty());
    }
}

#[test]
fn an_observation_fits() {
    let root = Root::new();
    changed(&root);
    root.program("sleep", ":");
    let seen = read_observation(&answer(&root, &with_job(&leapp(), |job| job.observe(&probes(), 60)))).unwrap();
    assert!(is_cut(&seen.services_lost) && is_cut(&seen.probes_failed));
}

#[test]
fn an_assessment_fits_and_no_fact_is_lost() {
    let hop = hop(Engine::DistroSync, (Family::CentOs, 8), (Family::AlibabaCloudLinux, 3));
    let root = Root::new();
    for folder in ["usr", "boot"] {
        std::fs::create_dir_all(root.path(folder)).unwrap();
    }
    root.put("proc/meminfo", "MemTotal: 4000000 kB\nMemAvailable: 3000000 kB\n");
    root.put("etc/redhat-release", "CentOS Linux release 8.5.2111\n");
    root.put("proc/modules", &many(2000, |n| format!("module_{} 1 0 - Live 0x0 (OE)", long(n))));
    root.put("etc/fstab", &many(3000, |n| format!("nas:/{n} /{} nfs {} 0 0", long(n), long(n))));
    root.put("proc/mounts", &many(3000, |n| format!("nas:/{n} /x/{} nfs4 rw 0 0", long(n))));
    root.put("proc/self/mountinfo", &many(3000, |n| format!("{n} 1 0:{n} / /x/{} rw - nfs4 nas:/{n} rw", long(n))));
    root.put("etc/hosts.deny", &many(3000, |n| format!("sshd: {}", long(n))));
    root.put("etc/yum.conf", &many(500, |n| format!("exclude={}", long(n))));
    root.put("etc/yum.repos.d/x.repo", &many(500, |n| format!("[{}]\n[{}]", n / 2, n / 2)));
    root.put("var/lib/rpm/Packages", "");
    root.program(
        "rpm",
        "case \"$*\" in *ARCH*) awk 'BEGIN { for (n = 0; n < 3000; n++) print \"library-\" n \".i686\" }' ;;
        *VERSION*) awk 'BEGIN { for (n = 0; n < 300; n++) print \"mysql\" n \"-server-8.0\" }' ;; *) exit 1 ;; esac",
    );
    let row = |section: &str, name: &str, count: usize| {
        format!("{section}:\n{}", many(count, |n| format!(" {name}{} x86_64 1-1 os 1 M", long(n))))
    };
    let plan = row("Removing", "vendor", 3000)
        + &row("Downgrading", "tool", 3000)
        + " mysql-server x86_64 8.0 os 1 M\n"
        + &row("Upgrading", "x", 3000);
    root.put("plan", &(plan + "Transaction Summary\n"));
    root.program("dnf", "case \"$*\" in *check) yes duplicate | head -n 5000 ;; *) cat \"$R/plan\" ;; esac");
    let output = answer(&root, &with_job(&hop, |job| job.assess()));
    let facts = read_assessment(&output).unwrap();
    assert_eq!((facts.os_id.as_str(), facts.boot_id.as_str(), facts.free_mib.len()), ("centos", "a", 3));
    assert_eq!(facts.preview.changes, 6001);
    // Of those that become older the data of databases are in danger.
    assert_eq!(facts.preview.downgrades[0], "mysql-server");
    for list in [
        &facts.preview.removals,
        &facts.preview.downgrades,
        &facts.foreign_packages,
        &facts.foreign_modules,
        &facts.mysql,
    ] {
        assert!(is_cut(list), "{list:?}");
    }
    for fact in ["network_mount", "unlisted_mount", "tcp_wrappers", "excluded", "repo_twice"] {
        assert!(!facts.system.get(fact).map(Vec::as_slice).unwrap_or_default().is_empty(), "{fact}: {output}");
    }
    assert_eq!(facts.system["release"], ["8.5.2111"]);
    assert!(is_cut(&facts.system["network_mount"]), "{output}");
    root.program("dnf", &format!("yes 'Error: {}' | head -n 9000; exit 1", long(1)));
    assert!(!read_assessment(&answer(&root, &with_job(&hop, |job| job.assess()))).unwrap().preview.problem.is_empty());
}

#[test]
fn what_is_prepared_and_taken_back_fits() {
    let root = Root::new();
    let noise = format!("yes 'Error: {}' | head -n 9000; exit 1", long(1));
    root.program("yum", &noise);
    root.program("dnf", &noise);
    root.program("rpm", "case $1 in -qa) printf '%s\\n' zlib-1.i686 ;; *) exit 1 ;; esac");
    root.program("leapp", &noise);
    let told = answer(&root, &with_job(&leapp(), |job| job.prepare(Remediation::ALL)));
    assert!(!read_prepared(&told).unwrap().problem.is_empty());
    root.put(&directory("remedies/journal"), &many(40, |n| format!("package {}", long(n))));
    let left = read_undone(&answer(&root, &with_job(&leapp(), |job| job.undo()))).unwrap();
    assert!(is_cut(&left), "{left:?}");
}

#[test]
fn what_became_of_peoples_settings_fits() {
    let root = Root::new();
    changed(&root);
    let journal = ["package", "module", "file"].map(|kind| many(60, |n| format!("{kind} /etc/{}", long(n))));
    root.put(&directory("remedies/journal"), &journal.concat());
    for n in 0..60 {
        let repository = format!("[x]\nbaseurl=http://m/{}\n", if n % 2 == 0 { "centos" } else { "x" });
        root.put(&directory(&format!("settings/repos/{}.repo", long(n))), &repository);
    }
    root.program("systemctl", "case $1 in is-enabled) echo disabled ;; *) exit 1 ;; esac");
    root.program("rpm", "case $1 in -qa) for n in 1 2 3 4; do printf 'x%s-1.el7.x86_64\\tCentOS\\n' $n; done ;; esac");
    let finished = read_finished(&answer(&root, &with_job(&leapp(), |job| job.finish()))).unwrap();
    assert!(is_cut(&finished.restored) && is_cut(&finished.kept_away) && is_cut(&finished.left), "{finished:?}");
    assert_eq!(finished.kept.len(), 4);
}

#[test]
fn a_look_and_a_watch_fit() {
    let root = Root::new();
    changed(&root);
    root.put(&directory("log"), &many(3000, |n| long(n).repeat(9)));
    // As long as tool.sh writes it.
    let message = "\\\\".repeat(1900);
    let state = format!(r#"{{"ProgressInfo":"x","Progress":20,"ErrorCode":103,"ErrorMsg":"{message}"}}"#);
    root.put(&directory("state.json"), &state);
    root.put("proc/mounts", &many(30, |n| format!("/dev/vd{n} /srv/{} ext4 rw 0 0", long(n))));
    for n in 0..30 {
        root.put(&format!("srv/{}/file", long(n)), "x");
    }
    let look = read_look(&answer(&root, &with_job(&leapp(), |job| job.look(Some(1))))).unwrap();
    assert_eq!((look.os_id.as_str(), look.started, look.no_return), ("centos", true, true));
    assert_eq!((look.written.len(), is_cut(&look.log)), (16, false), "{look:?}");
    assert!(look.log.len() > 20, "{look:?}");
    assert!(matches!(read_watch(&answer(&root, &with_job(&leapp(), |job| job.watch(0)))), Ok(crate::Tool::Failed(_))));
}

#[test]
fn a_tool_that_never_began_has_died() {
    let root = Root::new();
    root.put(&directory("tool.sh"), "exit 1");
    let watch = || read_watch(&answer(&root, &with_job(&leapp(), |job| job.watch(0)))).unwrap();
    assert_eq!(watch(), crate::Tool::Died);
    std::fs::create_dir_all(root.path(&directory("running"))).unwrap();
    assert!(matches!(watch(), crate::Tool::Running { .. }), "it has only just begun");
}

#[test]
fn a_failure_says_what_failed_and_why() {
    let root = Root::new();
    root.program("leapp", "for n in 1 2 3 4 5 6 7 8 9; do printf '%0300d\\n' $n; done; echo the last word; exit 1");
    let (_, state) = root.tool(&leapp());
    assert!(state.contains("\"ErrorMsg\":\"leapp ") && state.contains("the last word"), "{state}");
}
