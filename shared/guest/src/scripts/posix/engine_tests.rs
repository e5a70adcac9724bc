//! The engines' shell functions, run in a directory that stands for a guest's root.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use migration::MigrationId;
use migration::os::{Family, Os};
use migration::path::Hop;

use super::super::Settings;
use super::*;
use crate::{read_booted, read_evidence, read_look};

/// A directory that stands for a guest's root, and runs scripts in it.
pub(super) struct Root(tempfile::TempDir);

pub(super) fn id() -> MigrationId {
    MigrationId::from_bytes([1; 10])
}

impl Root {
    pub(super) fn new() -> Self {
        let root = Self(tempfile::tempdir().unwrap());
        root.put("proc/sys/kernel/random/boot_id", "a\n");
        root.put("etc/os-release", "ID=centos\nVERSION_ID=7\n");
        root.put("etc/passwd", "root:x:0:0::/root:/bin/sh\n");
        root.put("etc/group", "root:x:0:\n");
        root.put("proc/mounts", "/dev/vda1 / ext4 rw 0 0\n");
        root.put("proc/cmdline", "BOOT_IMAGE=(hd0,msdos1)/boot/vmlinuz-3.10.0-1160.el7 root=/dev/vda1 quiet\n");
        // Whatever a script does wrong, it finds no package manager of this machine.
        for name in ["apt-get", "apt-mark", "dpkg", "dpkg-query", "rpm", "dnf", "yum", "systemctl", "systemd-run"] {
            root.program(name, "exit 1");
        }
        for folder in ["run", "var/tmp", "etc/yum.repos.d"] {
            std::fs::create_dir_all(root.path(folder)).unwrap();
        }
        root
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub(super) fn put(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(super) fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    /// A program that stands in for one of the guest's.
    pub(super) fn program(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = format!("bin/{name}");
        self.put(&path, &format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(self.path(&path), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// What a script prints; it may end as it likes, but not complain.
    pub(super) fn run(&self, script: &str) -> String {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        let output = Command::new("sh")
            .args(["-c", script])
            .env("R", self.0.path())
            .env("PATH", path)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Calls functions of an engine, with what a section of its file defines.
    pub(super) fn call(&self, hop: &Hop, section: &str, call: &str) -> String {
        let engine = sections(hop.engine, &[section]);
        let head = with_job(hop, head);
        self.run(&format!("{head}{COMMON}{FETCH}{PROCESSES}{engine}\nmkdir -p \"$DIR\"\nscratch\n{call}\n"))
    }

    /// Runs the tool of a hop in the foreground; answers whether the point of no return was passed, and its state.
    pub(super) fn tool(&self, hop: &Hop) -> (bool, String) {
        // The script that starts it writes it down; nothing is detached here.
        self.program("systemctl", ":");
        self.program("setsid", ":");
        self.run(&with_job(hop, |job| job.start()));
        self.run(&format!("sh {}", self.path(&directory("tool.sh")).display()));
        (self.path(&directory("no_return")).exists(), self.text(&directory("state.json")))
    }

    /// Every file below the root with its content, without programs and scratch folders.
    pub(super) fn manifest(&self) -> Vec<(PathBuf, String)> {
        let mut files = Vec::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
                let (path, kind) = (entry.path(), entry.file_type().unwrap());
                if kind.is_dir() && ["bin", "run", "var/lib/osferry"].iter().all(|own| !path.ends_with(own)) {
                    folders.push(path);
                } else if kind.is_file() {
                    files.push((path.clone(), std::fs::read_to_string(&path).unwrap()));
                }
            }
        }
        files.sort();
        files
    }
}

pub(super) fn directory(file: &str) -> String {
    format!("var/lib/osferry/{}-0/{file}", id())
}

pub(super) fn with_job<T>(hop: &Hop, what: impl FnOnce(&Job<'_>) -> T) -> T {
    // Of the script that the tests serve as migrate2rocky.sh.
    let checksum = "a944e1ea28f86922b866f5a1a4309e0a296ccb655c17e6f7304fd38790b5e48c";
    let settings = Settings {
        mirror: "http://m".into(),
        tools: "http://t".into(),
        checksums: [("migrate2rocky".to_owned(), checksum.to_owned())].into(),
        gpgcheck: true,
    };
    what(&Job { id: &id(), run: 0, hop_index: 0, hop, settings: &settings })
}

pub(super) fn hop(engine: Engine, from: (Family, u32), to: (Family, u32)) -> Hop {
    Hop { from: Os::new(from.0, from.1), to: Os::new(to.0, to.1), engine }
}

pub(super) fn leapp() -> Hop {
    hop(Engine::Leapp, (Family::CentOs, 7), (Family::AlmaLinux, 8))
}

/// What leapp's log has of a phase.
fn starting(phase: &str) -> String {
    format!(
        "2024-10-07 12:00:00.123 INFO     PID: 7 leapp.workflow.InplaceUpgrade: Starting phase {phase}\n\
         2024-10-07 12:00:01.123 INFO     PID: 7 leapp.workflow.InplaceUpgrade.{phase}: Starting stage Before of phase {phase}\n"
    )
}

#[test]
fn leapps_phases_are_progress() {
    let root = Root::new();
    let progress = || root.call(&leapp(), "progress", "engine_progress");
    assert_eq!(progress(), "", "nothing is known yet");
    let log = "var/log/leapp/leapp-upgrade.log";
    root.put(log, &format!("x\n{}{}", starting("FactsCollection"), starting("Download")));
    assert_eq!(progress(), "75 Download\n", "while it runs only its log tells");
    // Our own log holds what it printed before the reboot; what came later stands in its own.
    root.put(&directory("log"), "==> Processing phase `InterimPreparation`\n");
    root.put(log, &format!("{}{}", starting("InterimPreparation"), starting("FirstBoot")));
    assert_eq!(progress(), "95 FirstBoot\n");
}

#[test]
fn leapp_is_at_its_end_when_its_service_is_gone_and_its_results_say_so() {
    let root = Root::new();
    let boot = || root.call(&leapp(), "boot", "engine_finishing; if engine_success; then echo success; fi");
    let results = |last: bool| {
        format!(r#"{{"activities": [{{"activity": "preupgrade", "success": true}}, {{"success": {last}}}]}}"#)
    };
    assert_eq!(boot(), "", "without results nothing is a success");
    root.put("etc/migration-results", &results(true));
    assert_eq!(boot(), "success\n");
    root.put("etc/migration-results", &results(false));
    assert_eq!(boot(), "");
    root.put("etc/migration-results", &results(true));
    root.put(&directory("log"), "==> Processing phase `InterimPreparation`\n");
    root.put("var/log/leapp/leapp-upgrade.log", &format!("{}2026 ERROR no space left\n", starting("FirstBoot")));
    root.put("etc/systemd/system/leapp_resume.service", "");
    assert_eq!(boot(), "osf\tfinishing\tFirstBoot\n");
    // Nobody goes on after this.
    root.program("systemctl", "[ \"$*\" = 'is-failed --quiet leapp_resume.service' ]");
    assert_eq!(boot(), "osf\tfailed\tleapp_resume.service failed in phase FirstBoot\n");
    root.put("root/tmp_leapp_py3/.leapp_upgrade_failed", "");
    assert!(boot().starts_with("osf\tfailed\tleapp failed in phase FirstBoot: 2026 ERROR no space left"));
}

/// Programs of an EL 7 guest: packages are lines of a file.
pub(super) fn with_packages(root: &Root) {
    root.put("packages", "bash.x86_64\nsix.x86_64\n");
    root.program(
        "rpm",
        r#"case $1 in
        -qa) cat "$R/packages" ;;
        -q) grep -q -x -e "$2" "$R/packages" ;;
        -e) shift; for name; do grep -v -x -e "$name" "$R/packages" >"$R/packages.new"; mv "$R/packages.new" "$R/packages"; done ;;
        esac"#,
    );
    // six was there before, in an older version: the tool only updates it.
    root.program("yum", r#"printf '%s\n' bash.x86_64 six.x86_64 leapp-upgrade.noarch leapp.noarch >"$R/packages"; mkdir -p "$R/etc/leapp"; echo conf >"$R/etc/leapp/leapp.conf""#);
    root.program("dnf", r#"exec yum "$@""#);
}

#[test]
fn what_prepare_and_leapp_change_is_taken_back() {
    let root = Root::new();
    with_packages(&root);
    root.put("etc/yum.conf", "[main]\nexclude=kernel*\nplugins=1\n");
    root.put("boot/grub2/grubenv", "saved_entry=old\n");
    root.put("boot/vmlinuz-3.10", "kernel");
    root.put("boot/loader/entries/old.conf", "title CentOS 7\n");
    let before = root.manifest();
    // Also when it is done twice.
    for _ in 0..2 {
        assert_eq!(root.call(&leapp(), "prepare", "engine_install"), "");
    }
    assert!(root.text("etc/yum.repos.d/osferry-leapp.repo").contains("baseurl=http://t/elevate/el7/\n"));
    assert!(root.text("etc/yum.conf").contains("#osferry exclude=kernel*"));
    // leapp upgrade.
    root.put("boot/grub2/grubenv", "saved_entry=upgrade\n");
    root.put("boot/vmlinuz-upgrade.x86_64", "kernel");
    root.put("boot/initramfs-upgrade.x86_64.img", "initramfs");
    root.put("boot/loader/entries/up.conf", "title ELevate-Upgrade-Initramfs\n");
    root.put("var/lib/leapp/leapp.db", "x");
    root.put("root/tmp_leapp_py3/leapp3", "x");
    for _ in 0..2 {
        assert_eq!(root.call(&leapp(), "undo", "engine_undo"), "");
    }
    assert_eq!(root.manifest(), before);
}

#[test]
fn the_vendors_leapp_is_led_to_the_target() {
    for (to, url, package) in [
        ((Family::Anolis, 8), "baseurl=http://m/anolis/8/BaseOS/\n", "anolis-release-aliyuncs"),
        ((Family::AlibabaCloudLinux, 3), "baseurl=http://m/alinux/3/os/", "alinux-release"),
    ] {
        let root = Root::new();
        with_packages(&root);
        let delivered = "[anolis]\nbaseurl=http://mirrors.openanolis.cn/anolis/8/BaseOS/\n";
        root.put("etc/leapp/files/leapp_upgrade_repositories.repo", delivered);
        let hop = hop(Engine::Leapp, (Family::AlibabaCloudLinux, 2), to);
        assert_eq!(root.call(&hop, "prepare", "engine_install"), "");
        assert!(root.text("etc/yum.repos.d/osferry-leapp.repo").contains("http://m/anolis/migration/7/$basearch/os/"));
        let repos = root.text("etc/leapp/files/leapp_upgrade_repositories.repo");
        assert!(repos.contains(url) && repos.contains("[migration-aliyuncs]"), "{repos}");
        assert_eq!(repos.contains("[anolis]"), to.0 == Family::Anolis, "{repos}");
        assert!(root.text("etc/leapp/transaction/to_install").contains(package));
    }
}

#[test]
fn a_mirror_that_is_away_is_told_from_a_package_that_does_not_fit() {
    for (complaint, key) in
        [("Curl error (6): Could not resolve host", "unreachable"), ("Error: nothing provides python", "problem")]
    {
        let root = Root::new();
        with_packages(&root);
        root.program("yum", &format!("echo '{complaint}'; exit 1"));
        root.program("sleep", ":");
        let told = root.call(&leapp(), "prepare", "engine_install || echo failed");
        assert_eq!(told, format!("osf\t{key}\t{complaint}\nfailed\n"));
    }
}

#[test]
fn leapp_is_asked_for_the_newest_report_it_knows() {
    let root = Root::new();
    root.program(
        "leapp",
        r#"echo "$*" >>"$R/asked"
        case "$*" in *1.2.0*) echo "leapp upgrade: error: argument --report-schema: invalid choice: '1.2.0'"; exit 2 ;; esac
        printf '==> Processing phase `%s`\n' FactsCollection InterimPreparation"#,
    );
    root.program("dnf", ":");
    let (no_return, state) = root.tool(&leapp());
    assert_eq!(
        root.text("asked"),
        "upgrade --no-rhsm --report-schema 1.2.0\nupgrade --no-rhsm --report-schema 1.1.0\n"
    );
    assert!(state.contains(r#""Progress":100,"ErrorCode":0"#), "{state}");
    assert!(!no_return, "nothing is changed before the reboot");
}

#[test]
fn a_mirror_that_is_away_from_leapp_is_waited_for() {
    let root = Root::new();
    root.put(&directory("undo/x"), "");
    root.put("var/lib/rpm/x", "");
    root.program("sleep", ":");
    let preview = |said: &str, code: u8, report: &str| {
        // A report is written of every run.
        root.program(
            "leapp",
            &format!("printf '%s' '{report}' >\"$R/var/log/leapp/leapp-report.json\"\necho '{said}'\nexit {code}"),
        );
        root.put("var/log/leapp/leapp-report.json", "");
        root.call(&leapp(), "preview", "package_facts() { :; }\nengine_preview | cut -f 2")
    };
    let (away, error) = ("Error: Curl error (7): Could not connect to server", "Error: no such actor");
    assert_eq!(preview(away, 1, "{\"entries\": []}"), "changes\nunreachable\n");
    // What stands against it, whatever is away.
    assert_eq!(preview(away, 1, "{\"flags\": [\"inhibitor\"]}"), "changes\nreport\n");
    assert_eq!(preview(error, 1, "{\"entries\": []}"), "changes\nreport\nproblem\n");
    assert_eq!(preview("", 0, "{\"entries\": []}"), "changes\nreport\n");
}

#[test]
fn an_inhibited_leapp_fails_with_the_inhibitors_titles() {
    let root = Root::new();
    root.put(
        "var/log/leapp/leapp-report.txt",
        "Risk Factor: high (inhibitor)\nTitle: Use of NFS detected. Upgrade can't proceed\nSummary: x\n",
    );
    root.program("leapp", "echo '==> Processing phase `Reports`'; exit 1");
    let (_, state) = root.tool(&leapp());
    assert!(state.contains(r#""ErrorCode":103"#) && state.contains("Use of NFS detected"), "{state}");
}

#[test]
fn centos2anolis_is_read_from_its_state_file() {
    let root = Root::new();
    let hop = hop(Engine::Centos2Anolis, (Family::CentOs, 8), (Family::Anolis, 8));
    root.program("rpm", ":");
    let state = |progress: u8, code: u8| {
        format!(
            r#"{{"Timestamp": 1, "ProgressInfo": "swap packages", "Progress": {progress}, "ErrorCode": {code}, "ErrorMsg": "no space"}}"#
        )
    };
    root.put("var/log/centostoanolis.json", &state(50, 0));
    assert_eq!(root.call(&hop, "progress", "engine_progress"), "50 swap packages\n");
    let success = || root.call(&hop, "boot", "if engine_success; then echo yes; fi");
    assert_eq!(success(), "");
    root.put("var/log/centostoanolis.json", &state(100, 0));
    assert_eq!(success(), "yes\n");
    root.put("var/log/centostoanolis.json", &state(100, 103));
    assert_eq!(success(), "");
    // A state file of an earlier run does not count, and neither does a good exit code alone.
    root.put("var/log/centostoanolis.json", &state(100, 0));
    root.program("centos2anolis.py", "exit 0");
    let (no_return, told) = root.tool(&hop);
    assert!(no_return && told.contains("ended at 0 %"), "{told}");
}

#[test]
fn almalinux_deploys_finished_stages_are_progress() {
    let root = Root::new();
    let hop = hop(Engine::AlmalinuxDeploy, (Family::CentOs, 8), (Family::AlmaLinux, 8));
    assert_eq!(root.call(&hop, "progress", "engine_progress"), "");
    for stage in ["assert_valid_os", "migrate_packages"] {
        root.put(&format!("var/run/almalinux-deploy-statuses/{stage}"), "");
    }
    assert!(root.call(&hop, "progress", "engine_progress").starts_with("22 "));
    // Its last words go through a `tee` that outlives it.
    root.program("rpm", ":");
    root.program("dnf", ":");
    root.put(&directory("tools/almalinux-deploy.sh"), "touch \"$R/var/run/almalinux-deploy-statuses/completed\"\n");
    let (_, state) = root.tool(&hop);
    assert!(state.contains(r#""Progress":100,"ErrorCode":0"#), "{state}");
}

#[test]
fn what_a_tool_will_ask_for_is_asked_for_before() {
    let alma = (hop(Engine::AlmalinuxDeploy, (Family::CentOs, 8), (Family::AlmaLinux, 8)), "almalinux-deploy");
    let rocky = (hop(Engine::Migrate2Rocky, (Family::CentOs, 8), (Family::Rocky, 8)), "migrate2rocky");
    // Lines of the originals; a person may have put a mirror of their own in their place.
    let official = "BASE_TMP_DIR='/root'\nREPO_URL=https://repo.almalinux.org/almalinux\n";
    let table = "repo_urls=(\n    [rockybaseos]=\"https://dl.rockylinux.org/pub/rocky/${SUPPORTED_MAJOR}/BaseOS/$ARCH/os/\"\n    \
        [rockyappstream]=\"https://dl.rockylinux.org/pub/rocky/${SUPPORTED_MAJOR}/AppStream/$ARCH/os/\"\n)\n";
    for ((hop, tool), script, urls) in [
        (
            &alma,
            official,
            &[
                "https://repo.almalinux.org/almalinux/8/BaseOS/x/os/repodata/repomd.xml",
                "https://mirrors.almalinux.org/mirrorlist/8/baseos",
            ][..],
        ),
        (&alma, "REPO_URL=http://own/almalinux\n", &["http://own/almalinux/8/BaseOS/x/os/repodata/repomd.xml"]),
        (
            &rocky,
            table,
            &[
                "https://dl.rockylinux.org/pub/rocky/8/BaseOS/x/os/repodata/repomd.xml",
                "https://dl.rockylinux.org/pub/rocky/8/AppStream/x/os/repodata/repomd.xml",
            ],
        ),
        (&rocky, "echo something else\n", &[]),
    ] {
        let root = Root::new();
        root.program("sleep", ":");
        root.program("uname", "echo x");
        root.program("rpm", ":");
        root.put("var/lib/rpm/Packages", "");
        root.program(
            "curl",
            "for url; do :; done; echo \"$url\" >>\"$R/asked\"; echo 'curl: (7) Failed to connect'; exit 7",
        );
        let preview = || {
            let needs = include_str!("../tool_needs.sh");
            root.call(hop, "preview", &format!("{needs}\nengine_preview"))
        };
        assert!(!preview().contains("unreachable"), "the tool is not there yet");
        root.put(&directory(&format!("tools/{tool}.sh")), script);
        let told = preview();
        assert_eq!(root.text("asked").lines().collect::<Vec<_>>(), urls);
        for url in urls {
            assert!(told.contains(&format!("osf\tunreachable\t{url}: curl: (7) Failed to connect\n")), "{told}");
        }
        root.program("curl", ":");
        assert!(!preview().contains("unreachable"));
    }
}

#[test]
fn convert2rhels_tasks_are_progress() {
    let root = Root::new();
    let hop = hop(Engine::Convert2Rhel, (Family::CentOs, 7), (Family::Rhel, 7));
    let progress = || root.call(&hop, "progress", "engine_progress");
    assert_eq!(progress(), "");
    let mut log = String::from("Conversion\n");
    for (task, told) in [
        ("Prepare: Gather system information", "15 Prepare: Gather system information\n"),
        ("Prepare: Validate the yum transaction", "30 Prepare: Validate the yum transaction\n"),
        ("Convert: Replace system packages", "60 Convert: Replace system packages\n"),
        ("Convert: Update GRUB2 configuration", "85 Convert: Update GRUB2 configuration\n"),
    ] {
        log += &format!("\n\u{1b}[35m[2024-10-07T12:00:00+0000] TASK - [{task}] ****\u{1b}[0m\n");
        root.put(&directory("log"), &log);
        assert_eq!(progress(), told);
    }
}

#[test]
fn progress_does_not_fall_back_when_packages_are_verified() {
    let root = Root::new();
    let hop = hop(Engine::DistroSync, (Family::CentOs, 8), (Family::AlibabaCloudLinux, 3));
    root.put(&directory("state.json"), r#"{"ProgressInfo":"packages","Progress":25,"ErrorCode":0}"#);
    for (line, told) in [
        ("  Upgrading        : bash-4.4-1.al8.x86_64        20/40 \n", "57\n"),
        ("  Running scriptlet: bash-4.4-1.al8.x86_64        40/40 \n", "90\n"),
        ("  Verifying        : bash-4.4-1.al8.x86_64         1/40 \n", "90\n"),
    ] {
        root.put(&directory("log"), line);
        assert_eq!(root.call(&hop, "progress", "engine_progress"), told);
    }
}

#[test]
fn sources_that_do_not_lead_to_the_next_release_are_no_plan() {
    let hop = hop(Engine::AptFullUpgrade, (Family::Debian, 11), (Family::Debian, 12));
    let preview = |base_files: &str| {
        let root = Root::new();
        root.put("etc/apt/sources.list", "deb http://deb.debian.org/debian bullseye main\n");
        root.program("apt-cache", ":");
        root.program(
            "apt-get",
            &format!("case \"$*\" in *full-upgrade) printf '%s\\n' 'Inst tzdata [1] (2 Debian:x [all])' '{base_files}' ;; esac"),
        );
        root.call(&hop, "preview", "engine_preview")
    };
    let told = preview("Inst base-files [11.1+deb11u11] (12.4+deb12u10 Debian:12.10/oldstable [amd64])");
    assert_eq!(told, "osf\tchanges\t2\n");
    for stays in ["Inst base-files [11.1+deb11u10] (11.1+deb11u11 Debian:11.11/oldoldstable [amd64])", ""] {
        let told = preview(stays);
        assert!(
            told.starts_with("osf\tproblem\tapt's sources do not lead to Debian 12") && !told.contains("changes"),
            "{told}"
        );
    }
}

#[test]
fn an_exclusion_of_several_lines_is_put_aside_and_comes_back_whole() {
    let root = Root::new();
    with_packages(&root);
    let conf = "[main]\nexclude=kernel*\n   mysql*\n\tnginx\nplugins=1\n";
    root.put("etc/yum.conf", conf);
    assert_eq!(root.call(&leapp(), "prepare", "engine_install"), "");
    let aside = "[main]\n#osferry exclude=kernel*\n#osferry    mysql*\n#osferry \tnginx\nplugins=1\n";
    assert_eq!(root.text("etc/yum.conf"), aside);
    root.call(&leapp(), "finish", "engine_finish");
    assert_eq!(root.text("etc/yum.conf"), conf);
}

#[test]
fn debians_boot_loader_starts_the_newest_kernel() {
    let root = Root::new();
    let debian = hop(Engine::AptFullUpgrade, (Family::Debian, 11), (Family::Debian, 12));
    root.put("proc/cmdline", "BOOT_IMAGE=/boot/vmlinuz-5.10.0-20-amd64 root=/dev/vda1\n");
    root.program(
        "dpkg-query",
        r"printf 'ii  %s 1 amd64\n' linux-image-5.10.0-20-amd64 linux-image-6.1.0-9-amd64 linux-image-6.1.0-18-amd64 linux-image-amd64",
    );
    let default = || read_booted(&root.run(&with_job(&debian, |job| job.booted()))).unwrap().kernel_default;
    assert_eq!(default(), "6.1.0-18-amd64");
    root.put("etc/default/grub", "GRUB_DEFAULT=0\n");
    assert_eq!(default(), "6.1.0-18-amd64");
    // Somebody chose another entry; somebody built a kernel of their own.
    root.put("etc/default/grub", "GRUB_DEFAULT=saved\n");
    assert_eq!(default(), "");
    root.put("etc/default/grub", "");
    root.put("proc/cmdline", "BOOT_IMAGE=/boot/vmlinuz-6.9.0-mine root=/dev/vda1\n");
    assert_eq!(default(), "");
}

#[test]
fn nothing_below_a_mount_that_stays_is_deleted() {
    let root = Root::new();
    with_packages(&root);
    assert_eq!(root.call(&leapp(), "prepare", "engine_install"), "");
    root.put("var/lib/leapp/scratch/mounts/data", "theirs");
    root.put("proc/mounts", "/dev/vda1 / ext4 rw 0 0\n/dev/vdb /var/lib/leapp/scratch/mounts ext4 rw 0 0\n");
    root.program("umount", "echo busy >&2; exit 32");
    assert_eq!(root.call(&leapp(), "undo", "engine_undo 2>/dev/null"), "osf\tleft\tmounts below /var/lib/leapp\n");
    assert_eq!(root.text("var/lib/leapp/scratch/mounts/data"), "theirs");
}

#[test]
fn convert2rhel_passes_its_point_of_no_return_by_its_own_word() {
    let run = |script: &str| {
        let root = Root::new();
        root.program("convert2rhel", script);
        root.program("rpm", ":");
        root.program("dnf", ":");
        root.tool(&hop(Engine::Convert2Rhel, (Family::CentOs, 7), (Family::Rhel, 7)))
    };
    // Killed in the middle of its own work it leaves packages removed; so it does when it cannot go back itself.
    let wrong = "Abnormal exit! Performing rollback ...\nRollback of system wasn't completed successfully.";
    for end in ["kill -9 $$", "exit 1", &format!("echo \"{wrong}\"; exit 1")] {
        let (no_return, _) = run(&format!("echo '[PRE_PONR_CHANGES]: x'; {end}"));
        assert!(no_return, "{end}");
    }
    let back =
        "echo 'Abnormal exit! Performing rollback ...'; echo 'TASK - [Rollback: Pre-conversion analysis report]'";
    let (no_return, state) = run(&format!("{back}; exit 1"));
    assert!(!no_return && state.contains("convert2rhel ended with 1"), "{state}");
    let (no_return, state) = run("echo '[PRE_PONR_CHANGES]: x'; exit 2");
    assert!(!no_return && state.contains("inhibits the conversion"), "{state}");
    let (no_return, state) = run("echo 'Phase: POST_PONR_CHANGES'; exit 1");
    assert!(no_return && state.contains("convert2rhel ended with 1"), "{state}");
    let (no_return, state) = run("exit 0");
    assert!(no_return && state.contains(r#""Progress":100,"ErrorCode":0"#), "{state}");
}

#[test]
fn what_dnfs_shell_could_not_download_is_asked_for_again_and_never_taken_for_there() {
    let run = |misses: u32| {
        let root = Root::new();
        root.program("rpm", ":");
        root.program("sleep", ":");
        // As dnf 4 and its shell say it; the shell ends with 0 all the same.
        root.program(
            "dnf",
            &format!(
                r#"case "$*" in
                *--downloadonly*) echo x >>"$R/downloads"
                    echo "Error: Failed to download metadata for repo 'osferry-plus': Cannot download repomd.xml"
                    printf 'Ignoring repositories: osferry-plus\nTransaction Summary\n'
                    [ "$(wc -l <"$R/downloads")" -gt {misses} ] ||
                        printf 'Error: Error downloading packages:\n  Cannot download acme.rpm: All mirrors were tried\n' ;;
                *" -C "*) echo "Error: Cache-only enabled but no cache for 'osferry-plus'"; echo x >>"$R/transactions" ;;
                esac"#
            ),
        );
        let (no_return, state) =
            root.tool(&hop(Engine::DistroSync, (Family::CentOs, 8), (Family::AlibabaCloudLinux, 3)));
        (no_return, state, root.text("downloads").lines().count(), root.text("transactions").lines().count())
    };
    let (no_return, state, downloads, transactions) = run(3);
    assert!(no_return && state.contains(r#""Progress":100,"ErrorCode":0"#), "{state}");
    assert_eq!((downloads, transactions), (4, 1));
    let (no_return, state, downloads, transactions) = run(100);
    assert!(!no_return && state.contains("dnf download ended with 1"), "{state}");
    assert_eq!((downloads, transactions), (20, 0));
}

#[test]
fn apt_waits_for_whoever_holds_its_locks() {
    let debian = hop(Engine::AptFullUpgrade, (Family::Debian, 11), (Family::Debian, 12));
    let run = |misses: u32| {
        let root = Root::new();
        root.put("etc/apt/sources.list", "deb http://m/debian bullseye main\n");
        root.program("sleep", ":");
        root.program("dpkg", ":");
        // Every step finds a lock held so often. As apt 2.6 says it of the lists and the archives, whatever
        // DPkg::Lock::Timeout is; that one is for dpkg's own locks.
        root.program(
            "apt-get",
            &format!(
                r#"case "$*" in
                *" check") exit 0 ;;
                *DPkg::Lock::Timeout=600*" update") step=update ;;
                *DPkg::Lock::Timeout=600*" -d full-upgrade") step=download ;;
                *DPkg::Lock::Timeout=600*" upgrade --without-new-pkgs") step=upgrade ;;
                *DPkg::Lock::Timeout=600*" full-upgrade") step=full-upgrade ;;
                *) exit 1 ;;
                esac
                echo $step >>"$R/steps"
                if [ "$(grep -c -x $step "$R/steps")" -le {misses} ]; then
                    echo "E: Could not get lock /var/cache/apt/archives/lock. It is held by process 7 (unattended-upgr)"
                    exit 100
                fi
                [ $step != full-upgrade ] || printf 'ID=debian\nVERSION_ID=12\n' >"$R/etc/os-release""#
            ),
        );
        let (no_return, state) = root.tool(&debian);
        (no_return, state, root.text("steps"))
    };
    let (no_return, state, steps) = run(2);
    assert!(no_return && state.contains(r#""Progress":100,"ErrorCode":0"#), "{state}");
    assert_eq!(steps.lines().count(), 12, "{steps}");
    let (no_return, state, _) = run(100);
    assert!(!no_return && state.contains("It is held by process 7"), "{state}");
}

#[test]
fn a_tool_script_is_downloaded_and_its_words_decide() {
    let hop = hop(Engine::Migrate2Rocky, (Family::CentOs, 8), (Family::Rocky, 8));
    let root = Root::new();
    root.program("rpm", ":");
    root.program("dnf", ":");
    // -o FILE URL
    root.program("curl", r#"while [ "$1" != -o ]; do shift; done; case $3 in http://t/migrate2rocky/*) printf '#!/bin/bash\necho "Done, please reboot your system."\n' >"$2" ;; esac"#);
    assert_eq!(root.call(&hop, "prepare", "engine_install"), "");
    let (no_return, state) = root.tool(&hop);
    assert!(no_return && state.contains(r#""Progress":100,"ErrorCode":0"#), "{state}");
    assert_eq!(root.call(&hop, "boot", "if engine_success; then echo yes; fi"), "yes\n");
    // Neither is another script the tool, nor one that nobody has looked at.
    root.program("curl", r#"while [ "$1" != -o ]; do shift; done; printf '#!/bin/bash\nrm -rf /\n' >"$2""#);
    let told = root.call(&hop, "prepare", "engine_install || echo failed");
    assert!(told.contains("is not the one whose checksum") && told.ends_with("failed\n"), "{told}");
    assert!(!root.path(&directory("tools/migrate2rocky.sh")).exists());
    let other = self::hop(Engine::AlmalinuxDeploy, (Family::CentOs, 8), (Family::AlmaLinux, 8));
    let told = root.call(&other, "prepare", "engine_install || echo failed");
    assert!(told.contains("names no checksum of almalinux-deploy.sh") && told.ends_with("failed\n"), "{told}");
    // An error page is no tool.
    root.program("curl", r#"while [ "$1" != -o ]; do shift; done; echo '<html>' >"$2""#);
    let told = root.call(&hop, "prepare", "engine_install || echo failed");
    assert!(told.starts_with("osf\tproblem\t") && told.ends_with("failed\n"), "{told}");
}

#[test]
fn debians_sources_become_the_next_releases_and_nobody_elses() {
    let root = Root::new();
    let hop = hop(Engine::AptFullUpgrade, (Family::Debian, 11), (Family::Debian, 12));
    root.put(
        "etc/apt/sources.list",
        "deb http://m/debian bullseye main contrib non-free\ndeb http://m/debian-security bullseye-security main\n# bullseye\n",
    );
    root.put(
        "etc/apt/sources.list.d/d.sources",
        "# bullseye\nTypes: deb\nURIs: http://m/debian\nSuites: bullseye bullseye-updates\nComponents: main non-free non-free-firmware\n\n\n\
         Types: deb\nURIs: https://their.example/debian/11\nSuites: bullseye\nComponents: main\nSigned-By:\n -----BEGIN\n .\n x\n",
    );
    // A mirror elsewhere, and somebody else's in the place of one: what was downloaded says whose it is.
    root.put(
        "etc/apt/sources.list.d/campus.list",
        "deb [arch=amd64] http://campus/pub/debian/ bullseye-backports main\n",
    );
    root.put("var/lib/apt/lists/campus_pub_debian_dists_bullseye-backports_InRelease", "Origin: Debian Backports\n");
    let theirs = [
        (
            "docker.list",
            "deb [arch=amd64 signed-by=/etc/apt/keyrings/docker.asc] https://download.docker.com/linux/debian bullseye stable\n",
        ),
        ("mongodb.list", "deb http://repo.mongodb.org/apt/debian bullseye/mongodb-org/6.0 main\n"),
        (
            "mysql.list",
            "deb http://repo.mysql.com/apt/debian/ bullseye mysql-8.0\n# deb http://m/debian bullseye main\n",
        ),
        ("nginx.list", "deb http://nginx.org/packages/debian bullseye nginx\n"),
        ("other.list", "deb http://other.example/debian bullseye main\n"),
    ];
    for (name, text) in theirs {
        root.put(&format!("etc/apt/sources.list.d/{name}"), text);
    }
    root.put("var/lib/apt/lists/other.example_debian_dists_bullseye_Release", "Origin: Debian-like\n");
    root.program("apt-get", "echo \"$@\" >>\"$R/asked\"; for name; do case $name in *SourceList=*) cat \"${name#*=}\" ;; *SourceParts=*) cat \"${name#*=}\"/* ;; esac; done >\"$R/only\"; exit 1");
    let before = root.manifest();
    let told = root.call(&hop, "preview", "tell_problem() { :; }; engine_preview");
    let only = std::mem::take(&mut root.text("only"));
    for file in ["only", "asked"] {
        std::fs::remove_file(root.path(file)).unwrap();
    }
    assert_eq!(root.manifest(), before, "the check changes none");
    let foreign: Vec<&str> =
        told.lines().filter_map(|line| line.strip_prefix("osf\tsystem.foreign_source\t")).collect();
    assert_eq!(
        foreign,
        [
            "http://nginx.org/packages/debian",
            "http://other.example/debian",
            "http://repo.mongodb.org/apt/debian",
            "http://repo.mysql.com/apt/debian/",
            "https://download.docker.com/linux/debian",
            "https://their.example/debian/11",
        ]
    );
    let (no_return, state) = root.tool(&hop);
    assert!(!no_return && state.contains("apt-get update"), "{state}");
    assert_eq!(root.text("only"), only, "what was checked is done");
    assert_eq!(
        root.text("etc/apt/sources.list"),
        "deb http://m/debian bookworm main contrib non-free non-free-firmware\n\
         deb http://m/debian-security bookworm-security main\n# bullseye\n"
    );
    for (name, text) in theirs {
        assert_eq!(root.text(&format!("etc/apt/sources.list.d/{name}")), text, "other people's stay");
    }
    let changed =
        "URIs: http://m/debian\nSuites: bookworm bookworm-updates\nComponents: main non-free non-free-firmware\n\n";
    let sources = root.text("etc/apt/sources.list.d/d.sources");
    assert!(sources.contains(changed) && sources.contains("debian/11\nSuites: bullseye\n"), "{sources}");
    assert!(
        only.contains(changed) && only.contains("deb [arch=amd64] http://campus/pub/debian/ bookworm-backports main\n"),
        "{only}"
    );
    assert_eq!((only.matches("bookworm").count(), only.matches("bullseye").count()), (5, 1), "{only}");
    assert!(!only.contains(".example") && !only.contains("docker"), "{only}");
    // What is not Debian's own can be upgraded to nothing.
    root.put("etc/apt/sources.list", "deb http://m/debian stable main\n");
    for file in ["d.sources", "campus.list"] {
        std::fs::remove_file(root.path(&format!("etc/apt/sources.list.d/{file}"))).unwrap();
    }
    let told = root.call(&hop, "preview", "engine_preview");
    assert!(told.contains("osf\tproblem\tno source of Debian's archive names bullseye\n"), "{told}");
}

#[test]
fn a_mirror_that_does_not_have_a_release_is_not_one_that_is_away() {
    let root = Root::new();
    // As apt 2.6 says it.
    for (said, away) in [
        ("E: The repository 'http://m/debian bookworm Release' does not have a Release file.", false),
        ("E: Failed to fetch http://m/debian/dists/bookworm/InRelease  Could not connect to m:80", true),
        ("E: Failed to fetch http://m/debian/dists/bookworm/InRelease  503  Service Unavailable", true),
    ] {
        root.put("said", said);
        let told = root.call(
            &hop(Engine::AptFullUpgrade, (Family::Debian, 11), (Family::Debian, 12)),
            "preview",
            "if unreachable \"$R/said\"; then echo away; fi",
        );
        assert_eq!(told == "away\n", away, "{said}");
    }
}

#[test]
fn what_was_before_is_listed() {
    let root = Root::new();
    root.put("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n");
    root.put(
        "proc/net/tcp",
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
         \x20  0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 777 1\n\
         \x20  1: 0100007F:9C40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 778 1\n\
         \x20  2: 0100007F:0051 00000000:0000 01 00000000:00000000 00:00000000 00000000     0        0 779 1\n",
    );
    std::fs::create_dir_all(root.path("proc/42/fd")).unwrap();
    std::os::unix::fs::symlink("socket:[777]", root.path("proc/42/fd/3")).unwrap();
    std::os::unix::fs::symlink("/usr/sbin/nginx", root.path("proc/42/exe")).unwrap();
    root.put(
        "proc/mounts",
        "proc /proc proc rw 0 0\n/dev/vda1 / ext4 rw 0 0\n/dev/vdb /data xfs rw 0 0\ntmpfs /run tmpfs rw 0 0\n\
         overlay /var/lib/docker/overlay2/x/merged overlay rw 0 0\nnas:/ /mnt/nas nfs4 rw 0 0\n",
    );
    root.put("etc/passwd", "root:x:0:0::/root:/bin/sh\nntp:x:38:38::/:/sbin/nologin\nshop:x:1001:1001::/:/bin/false\n");
    root.put("etc/group", "wheel:x:10:\nshop:x:1001:\n");
    let list = |what: &str| root.run(&format!("R=$R ENGINE= DIR=\n{COMMON}{SERVICES}{MOUNTS}{NOTES}\nlist_{what}"));
    assert_eq!(list("ports"), "80 - /usr/sbin/nginx\n", "no connections, no ports by chance");
    assert_eq!(list("mounts"), "/\n/data\n/mnt/nas\n");
    assert_eq!(list("users"), "user root:0\nuser shop:1001\ngroup shop:1001\n");
    assert_eq!(list("kernel_arguments"), "quiet\n");
}

#[test]
fn the_kernel_that_runs_and_the_default_one_are_told() {
    let root = Root::new();
    root.put("boot/grub2/grubenv", "# GRUB\nsaved_entry=new\n");
    root.put("boot/loader/entries/new.conf", "title x\nlinux /vmlinuz-4.18.0-553.el8\n");
    root.put(&directory("before/boot_id"), "z\n");
    root.program("grubby", "exit 1");
    std::fs::remove_file(root.path("bin/grubby")).unwrap();
    let booted = read_booted(&root.run(&with_job(&leapp(), |job| job.booted()))).unwrap();
    assert_eq!((booted.boot_id.as_str(), booted.boot_id_before.as_str()), ("a", "z"));
    assert_eq!((booted.kernel.as_str(), booted.kernel_default.as_str()), ("3.10.0-1160.el7", "4.18.0-553.el8"));
}

#[test]
fn a_look_says_what_going_back_would_lose() {
    let root = Root::new();
    let look = |since| read_look(&root.run(&with_job(&leapp(), |job| job.look(since)))).unwrap();
    let seconds = |time: std::time::SystemTime| {
        i64::try_from(time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap()
    };
    let now = std::time::SystemTime::now();
    let hours = |count: u64| now - std::time::Duration::from_secs(count * 3600);
    let dated = |path: &str, at| std::fs::File::open(root.path(path)).unwrap().set_modified(at).unwrap();
    for path in ["proc", "bin", "etc"] {
        for file in std::fs::read_dir(root.path(path)).unwrap().flatten().filter(|file| file.path().is_file()) {
            std::fs::File::open(file.path()).unwrap().set_modified(hours(9)).unwrap();
        }
    }
    root.put("srv/orders.db", &"x".repeat(1_500_000));
    root.put("srv/before-the-tool.db", "x");
    root.put("srv/before-the-snapshots.db", "x");
    root.put("var/cache/yum/x", "x");
    dated("srv/before-the-tool.db", hours(2));
    dated("srv/before-the-snapshots.db", hours(4));
    // The tool began an hour ago, the snapshots are of three hours ago.
    root.put(&directory("before/boot_id"), "a\n");
    dated(&directory("before/boot_id"), hours(1));
    let seen = look(Some(seconds(hours(3))));
    assert!(seen.started && !seen.no_return && !seen.alive && seen.written_unknown.is_empty(), "{seen:?}");
    let written: Vec<_> = seen.written.iter().map(|at| (at.mount.as_str(), at.files, at.mib)).collect();
    assert_eq!(written, [("/", 2, 2)]);
    assert_eq!(look(Some(seconds(hours(5)))).written[0].files, 3);
    // Nobody asked: nothing is said of it.
    let seen = look(None);
    assert_eq!((seen.written.as_slice(), seen.written_unknown.as_str()), ([].as_slice(), ""));
    root.put(&directory("no_return"), "");
    assert!(look(None).no_return);
    // It also says so where the tool of this hop has not begun.
    std::fs::remove_dir_all(root.path("var/lib/osferry")).unwrap();
    let seen = look(Some(seconds(hours(3))));
    assert_eq!((seen.started, seen.written[0].files), (false, 2));
    // A guest that cannot tell says why, not that nothing was written.
    root.program("touch", "echo \"invalid date '$2'\" >&2; exit 1");
    let seen = look(Some(1));
    assert!(seen.written.is_empty() && seen.written_unknown.contains("invalid date '@1'"), "{seen:?}");
    std::fs::remove_file(root.path("bin/touch")).unwrap();
    root.program("timeout", "exit 124");
    assert!(look(Some(1)).written_unknown.ends_with("within 10 s: / "), "{:?}", look(Some(1)));
    std::fs::remove_file(root.path("bin/timeout")).unwrap();
    root.program("mktemp", "exit 1");
    assert_eq!(look(Some(1)).written_unknown, "there is no room for notes");
}

#[test]
fn evidence_fits_into_an_answer_whatever_the_logs_hold() {
    let root = Root::new();
    let long = "\u{1b}[31mä\tlong line of a log, with \\ and \"quotes\"\r\n".repeat(20_000);
    for log in ["leapp/leapp-upgrade.log", "migrate2rocky.log", "almalinux-deploy.log", "apt/term.log", "dpkg.log"] {
        root.put(&format!("var/log/{log}"), &long);
    }
    root.put(&directory("log"), &long);
    root.put(&directory("state.json"), "{}\n");
    let output = root.run(&with_job(&leapp(), |job| job.evidence()));
    assert!(output.len() < 20 * 1024 + 512, "{} bytes", output.len());
    let exhibits = read_evidence(&output).unwrap();
    let names: Vec<&str> = exhibits.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..3], ["state.json", "log", "/var/log/leapp/leapp-upgrade.log"]);
    assert!(exhibits.iter().all(|(_, text)| !text.contains('\u{1b}') && !text.is_empty()));
}
