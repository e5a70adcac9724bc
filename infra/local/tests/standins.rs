//! The stand-ins of the migration tools, each run in a guest of its own: what they print, what they refuse,
//! what they leave, and what they make of the system.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

#[path = "guest/world.rs"]
#[expect(dead_code, reason = "the guests' own tests use more of it")]
mod world;

use local_cloud::seams::{CommandState, Hypervisor};
use serde_json::Value;
use world::*;

const EL7: &str = "centos_7_9_x64_20G_alibase_20220824.vhd";
const ALMA_8: &str = "almalinux_8_10_x64_20G_alibase_20240618.vhd";

/// Adds a repository below the mirror.
fn add_repo(world: &World, name: &str, path: &str) {
    world.ok(&format!(
        "printf '[{name}]\\nname={name}\\nbaseurl=http://mirrors.cloud.aliyuncs.com{path}\\nenabled=0\\ngpgcheck=0\\n' \
         >/etc/yum.repos.d/{name}.repo"
    ));
}

fn elevate(image: &str, major: u32) -> World {
    let world = World::booted(image);
    add_repo(&world, "elevate", &format!("/elevate/el{major}/"));
    world.ok("yum -q -y --enablerepo=elevate install leapp-upgrade leapp-data-almalinux");
    world
}

fn vendor_leapp() -> World {
    let world = World::booted(EL7);
    add_repo(&world, "migration", "/anolis/migration/7/x86_64/os/");
    world.ok("yum -q -y --enablerepo=migration install leapp");
    world
}

fn json(world: &World, path: &str) -> Value {
    serde_json::from_str(&world.ok(&format!("cat {path}"))).unwrap()
}

/// Titles of the report's inhibitors, whichever the schema.
fn inhibitors(world: &World) -> Vec<String> {
    let report = json(world, "/var/log/leapp/leapp-report.json");
    let is_inhibitor = |entry: &&Value| {
        ["flags", "groups"]
            .iter()
            .any(|key| entry[*key].as_array().is_some_and(|list| list.iter().any(|one| one == "inhibitor")))
    };
    let entries = report["entries"].as_array().unwrap().iter().filter(is_inhibitor);
    entries.map(|entry| entry["title"].as_str().unwrap().to_owned()).collect()
}

fn os(world: &World) -> String {
    world.ok(". /etc/os-release; echo $ID $VERSION_ID")
}

/// Packages that say this vendor made them, without kernels and the third parties'.
fn count_of(world: &World, vendor: &str) -> usize {
    world
        .ok(&format!("rpm -qa --qf '%{{NAME}} %{{VENDOR}}\\n' | grep -v ^kernel | grep -c ' {vendor}$' || :"))
        .parse()
        .unwrap()
}

/// Switches off and on; waits for the agent, through whatever the boot does in its place.
fn reboot(world: &World) {
    world.machine.stop(INSTANCE, false).unwrap();
    world.boot();
    eventually("the agent is there again", || world.machine.last_heartbeat(INSTANCE));
}

#[test]
fn yum_3_is_no_dnf() {
    let world = World::booted(EL7);
    assert_eq!(os(&world), "centos 7");
    assert!(world.ok("cat /proc/cmdline").contains("vmlinuz-3.10.0-1160.el7.x86_64"));
    assert_ne!(world.sh("command -v dnf").0, 0);
    let (code, output) = world.sh("yum -y --allowerasing distro-sync");
    assert_eq!((code, output.trim()), (1, "Command line error: no such option: --allowerasing"));
    assert_ne!(world.sh("yum --help | grep -q -e --allowerasing").0, 0);
    assert!(world.ok("yum -y distro-sync").contains("Nothing to do"));
    assert_eq!(world.ok("grubby --default-kernel"), "/boot/vmlinuz-3.10.0-1160.el7.x86_64");
    assert!(world.ok("lsinitrd").contains("virtio_blk.ko.xz"));
}

#[test]
fn leapp_refuses_what_it_finds_and_goes_on_when_it_is_mended() {
    let world = elevate("m-local-centos79-leapp-inhibitors", 7);
    world.ok("mkdir -p /etc/osferry-standin; echo 'pata_acpi 13053 0 - Live 0x0' >/etc/osferry-standin/modules");
    reboot(&world);
    let (code, output) = world.sh("leapp preupgrade --no-rhsm");
    assert_eq!(code, 1);
    assert!(output.contains("==> Processing phase `Checks`") && output.contains("UPGRADE INHIBITED"), "{output}");
    let found = inhibitors(&world);
    for title in [
        "Leapp detected loaded kernel drivers which have been removed in RHEL 8. Upgrade cannot proceed.",
        "Missing required answers in the answer file",
        "Possible problems with remote login using root account",
        "Upgrade requires links in root directory to be relative",
    ] {
        assert!(found.iter().any(|one| one == title), "{title} in {found:?}");
    }
    assert_eq!(found.len(), 4, "{found:?}");
    assert_eq!(world.ok("grep -c '^Risk Factor: high (inhibitor)' /var/log/leapp/leapp-report.txt"), "4");
    assert_eq!(world.sh("leapp upgrade --no-rhsm").0, 1, "it does not begin");
    assert_eq!(world.ok("ls /boot/loader/entries | wc -l"), "1");

    world.ok("rmmod pata_acpi; echo PermitRootLogin yes >>/etc/ssh/sshd_config; ln -snf root/backup /backup
        leapp answer --section remove_pam_pkcs11_module_check.confirm=True");
    world.ok("leapp preupgrade --no-rhsm --report-schema 1.2.0");
    assert_eq!(inhibitors(&world), [""; 0]);
    let report = json(&world, "/var/log/leapp/leapp-report.json");
    assert!(report["entries"][0]["groups"].is_array() && report["entries"][0]["flags"].is_null(), "schema 1.2.0");
    assert_eq!(os(&world), "centos 7", "nothing was changed");

    world.ok("echo 'A made-up trouble' >/etc/osferry-standin/leapp-inhibitors");
    assert_eq!(world.sh("leapp preupgrade --no-rhsm").0, 1);
    assert_eq!(inhibitors(&world), ["A made-up trouble"]);
    world.ok("rm /etc/osferry-standin/leapp-inhibitors; mv /etc/leapp/files/leapp_upgrade_repositories.repo /root/");
    assert_eq!(world.sh("leapp preupgrade --no-rhsm").0, 1);
    assert_eq!(inhibitors(&world), ["There are no enabled target repositories"]);
}

#[test]
fn elevate_leads_centos_7_to_almalinux_8() {
    let world = elevate(EL7, 7);
    let orders = world.ok("sha256sum /var/lib/shop/orders.csv");
    world.ok("leapp answer --add --section remove_pam_pkcs11_module_check.confirm=True");
    let output = world.ok("leapp upgrade --no-rhsm | tail -n 3");
    assert!(output.contains("A reboot is required to continue. Please reboot your system."), "{output}");
    assert_eq!(os(&world), "centos 7");
    assert!(world.ok("grubby --default-title").contains("ELevate-Upgrade-Initramfs"));
    world.ok("mkdir -p /etc/osferry-standin; echo FirstBoot >/etc/osferry-standin/leapp-waits-at");
    reboot(&world);
    assert_eq!(os(&world), "almalinux 8.10");
    assert_eq!(world.ok("ls /etc/systemd/system/leapp_resume.service"), "/etc/systemd/system/leapp_resume.service");
    assert_ne!(world.sh("grep success /etc/migration-results").0, 0, "it is not over");
    world.ok("rm /etc/osferry-standin/leapp-waits-at");
    eventually("FirstBoot ends", || {
        (world.sh("test -e /etc/systemd/system/leapp_resume.service").0 == 1).then_some(())
    });
    assert_eq!(json(&world, "/etc/migration-results")["activities"][0]["success"], true);
    assert!(world.ok("cat /proc/cmdline").contains("4.18.0-553.el8_10"));
    assert!(world.ok("grubby --info DEFAULT").contains("AlmaLinux"));
    assert_eq!(count_of(&world, "CentOS"), 0);
    assert!(count_of(&world, "AlmaLinux") > 20);
    assert_eq!(
        world.ok("rpm -q --qf '%{VENDOR}' mysql-community-server"),
        "Oracle and/or its affiliates",
        "third parties stay"
    );
    assert_eq!(world.ok("sha256sum /var/lib/shop/orders.csv"), orders);
    assert_eq!(world.ok("dnf -q check"), "");
    eventually("the shop is up", || (world.sh("wget -q -O - http://127.0.0.1:8080/health").1 == "ok\n").then_some(()));
}

#[test]
fn a_leapp_that_fails_in_the_dark_leaves_its_mark() {
    let world = elevate(EL7, 7);
    world.ok("mkdir -p /etc/osferry-standin; leapp answer --add --section remove_pam_pkcs11_module_check.confirm=True");
    for (phase, os_release) in [("Preparation", "centos 7"), ("Applications", "almalinux 8.10")] {
        world.ok(&format!("echo {phase} >/etc/osferry-standin/leapp-fails-at; leapp upgrade --no-rhsm"));
        reboot(&world);
        assert_eq!(os(&world), os_release, "after {phase}");
        world.ok("test -e /root/tmp_leapp_py3/.leapp_upgrade_failed && rm /root/tmp_leapp_py3/.leapp_upgrade_failed");
        assert!(world.ok("tail -n 1 /var/log/leapp/leapp-upgrade.log").contains(&format!("failed in {phase}")));
        assert!(!world.ok("ls /boot/loader/entries").contains("upgrade"), "the entry is used once");
    }
}

#[test]
fn every_phase_of_leapp_may_fail_before_the_reboot() {
    let world = elevate(EL7, 7);
    world.ok("mkdir -p /etc/osferry-standin; leapp answer --add --section remove_pam_pkcs11_module_check.confirm=True");
    let phases = [
        "FactsCollection",
        "Checks",
        "TargetTransactionFactsCollection",
        "TargetTransactionCheck",
        "Reports",
        "Download",
        "InterimPreparation",
    ];
    for phase in phases {
        world.ok(&format!("echo {phase} >/etc/osferry-standin/leapp-fails-at"));
        let (code, output) = world.sh("leapp upgrade --no-rhsm");
        assert_eq!(code, 1, "{phase}: {output}");
        assert!(output.contains(&format!("leapp failed in {phase}")), "{output}");
        assert_eq!(world.ok("ls /boot/loader/entries | wc -l"), "1", "{phase}");
    }
    world.ok("echo 7 >/etc/osferry-standin/leapp-fails-at");
    assert_eq!(world.sh("leapp preupgrade").0, 7);
    world.ok("rm /etc/osferry-standin/leapp-fails-at; sed -i s/almalinux/nowhere/ /etc/leapp/files/leapp_upgrade_repositories.repo");
    let (code, output) = world.sh("leapp preupgrade --no-rhsm");
    assert!(code == 1 && output.contains("Unable to install RHEL 8 userspace packages"), "{output}");
}

#[test]
fn the_vendors_leapp_leads_to_the_system_of_its_repositories() {
    let world = vendor_leapp();
    assert_eq!(world.sh("leapp preupgrade --report-schema 1.2.0").0, 2, "an older leapp");
    world.ok("leapp answer --add --section remove_pam_pkcs11_module_check.confirm=True");
    world.ok("leapp upgrade --no-rhsm");
    assert_eq!(json(&world, "/var/tmp/state.json")["Progress"], 65);
    reboot(&world);
    eventually("FirstBoot ends", || {
        (world.sh("test -e /etc/systemd/system/leapp_resume.service").0 == 1).then_some(())
    });
    assert_eq!(os(&world), "anolis 8.9");
    assert_eq!(json(&world, "/var/tmp/state.json")["Progress"], 100);

    let world = vendor_leapp();
    world.ok(
        "sed -i 's|/anolis/8/BaseOS/x86_64/os/|/alinux/3/os/x86_64/|' /etc/leapp/files/leapp_upgrade_repositories.repo
        leapp answer --add --section remove_pam_pkcs11_module_check.confirm=True
        leapp upgrade --no-rhsm",
    );
    reboot(&world);
    eventually("FirstBoot ends", || {
        (world.sh("test -e /etc/systemd/system/leapp_resume.service").0 == 1).then_some(())
    });
    assert_eq!(os(&world), "alinux 3");
}

#[test]
fn elevate_leads_almalinux_8_to_9() {
    let world = elevate(ALMA_8, 8);
    assert_eq!(world.sh("leapp upgrade").0, 1);
    assert_eq!(inhibitors(&world), ["Missing required answers in the answer file"]);
    world.ok("leapp answer --section check_vdo.confirm=True && leapp upgrade");
    reboot(&world);
    eventually("FirstBoot ends", || {
        (world.sh("test -e /etc/systemd/system/leapp_resume.service").0 == 1).then_some(())
    });
    assert_eq!(os(&world), "almalinux 9.6");
}

#[test]
fn red_hats_own_leapp_leads_to_its_next_version() {
    let world = World::booted("m-local-rhel79");
    assert_eq!(os(&world), "rhel 7.9");
    world.ok("yum -q -y install leapp-upgrade");
    assert_eq!(world.sh("leapp preupgrade").0, 1);
    let lacking = "There are no enabled target repositories";
    assert!(inhibitors(&world).iter().any(|title| title == lacking), "without leapp-rhui-alibaba");
    world.ok("yum -q -y install leapp-rhui-alibaba
        leapp answer --section remove_pam_pkcs11_module_check.confirm=True && leapp upgrade");
    reboot(&world);
    eventually("FirstBoot ends", || {
        (world.sh("test -e /etc/systemd/system/leapp_resume.service").0 == 1).then_some(())
    });
    assert_eq!(os(&world), "rhel 8.10");
    assert!(world.ok("cat /etc/yum.repos.d/rh-cloud.repo").contains("rhel-8"), "RHUI's client is the new one");
}

#[test]
fn centos2anolis_replaces_everything_of_centos() {
    for (image, major, os_release, kernel) in [(EL7, 7, "anolis 7.9", "4.19.91"), (CENTOS, 8, "anolis 8.9", "5.10.134")]
    {
        let world = World::booted(image);
        add_repo(&world, "migration", &format!("/anolis/migration/{major}/x86_64/os/"));
        world.ok("yum -q -y --enablerepo=migration install centos2anolis; mkdir -p /etc/osferry-standin");
        for phase in ["check", "download"] {
            world.ok(&format!("echo {phase} >/etc/osferry-standin/centos2anolis-fails-at"));
            assert_eq!(world.sh("centos2anolis.py").0, 1);
            let state = json(&world, "/var/log/centostoanolis.json");
            assert_eq!(state["ErrorCode"], 103);
            assert!(state["ErrorMsg"].as_str().unwrap().contains(phase), "{state}");
            assert!(os(&world).starts_with("centos"), "{phase}");
        }
        world.ok("rm /etc/osferry-standin/centos2anolis-fails-at; centos2anolis.py");
        let state = json(&world, "/var/log/centostoanolis.json");
        assert_eq!((&state["Progress"], &state["ErrorCode"]), (&100.into(), &0.into()));
        reboot(&world);
        assert_eq!(os(&world), os_release);
        assert!(world.ok("cat /proc/cmdline").contains(kernel));
        assert_eq!(count_of(&world, "CentOS"), 0);
    }
}

#[test]
fn almalinux_deploy_resumes_where_it_failed() {
    let world = World::booted(CENTOS);
    world.ok(
        "curl -fsS -o /root/almalinux-deploy.sh http://mirrors.cloud.aliyuncs.com/almalinux-deploy/almalinux-deploy.sh
        mkdir -p /etc/osferry-standin",
    );
    assert_eq!(world.sh("bash /root/almalinux-deploy.sh --nonsense").0, 2);
    world.ok("echo distro_sync >/etc/osferry-standin/almalinux-deploy-fails-at");
    let (code, output) = world.sh("bash /root/almalinux-deploy.sh");
    assert!(code == 1 && output.contains("Run dnf distro-sync -y") && output.contains("ERROR"), "{output}");
    assert_eq!(os(&world), "almalinux 8.10", "half-way");
    world.ok("rm /etc/osferry-standin/almalinux-deploy-fails-at");
    let output = world.ok("bash /root/almalinux-deploy.sh");
    assert!(!output.contains("Download almalinux-release package"), "that is done");
    assert!(output.contains("Migration to AlmaLinux is completed"), "{output}");
    world.ok("grep -q 'Migration to AlmaLinux is completed' /var/log/almalinux-deploy.log; test -e /var/run/almalinux-deploy-statuses/completed");
    reboot(&world);
    assert!(world.ok("grubby --info DEFAULT").contains("AlmaLinux"));
    assert_eq!((count_of(&world, "CentOS"), world.ok("dnf -q check")), (0, String::new()));
}

/// The migratability check's facts under the tools that have no dry run: what they ask for is there, and is missed when
/// it is not.
#[test]
fn what_conversion_tools_ask_for_is_checked_before() {
    use migration::os::{Family, Os};
    let world = World::booted(CENTOS);
    let blocking = |engine, to| {
        let hop = migration::path::Hop { from: Os::new(Family::CentOs, 8), to: Os::new(to, 8), engine };
        let (id, settings) = (migration::MigrationId::from_bytes([7; 10]), guest::Settings::default());
        let job = guest::Job { id: &id, run: 0, hop_index: 0, hop: &hop, settings: &settings };
        let facts = guest::read_assessment(&world.ok(&job.assess())).unwrap();
        let findings = migration::findings::judge_guest(&facts, &hop, &Default::default());
        findings.into_iter().filter(migration::Finding::blocks).map(|finding| finding.id).collect::<Vec<_>>()
    };
    use migration::path::Engine::{AlmalinuxDeploy, Migrate2Rocky};
    let tools = [(AlmalinuxDeploy, Family::AlmaLinux), (Migrate2Rocky, Family::Rocky)];
    for (engine, to) in tools {
        assert_eq!(blocking(engine, to), [""; 0]);
    }
    world.ok("rpm -e dnf-plugins-core");
    for (engine, to) in tools {
        assert_eq!(blocking(engine, to), ["guest.dnf-plugins"]);
    }
    world.ok("curl -fsS -o /root/migrate2rocky.sh http://mirrors.cloud.aliyuncs.com/migrate2rocky/migrate2rocky.sh
        curl -fsS -o /root/almalinux-deploy.sh http://mirrors.cloud.aliyuncs.com/almalinux-deploy/almalinux-deploy.sh");
    let (code, output) = world.sh("bash /root/migrate2rocky.sh -r");
    assert!(code == 1 && output.contains("dnf-plugins-core is required"), "{output}");
    let (code, output) = world.sh("bash /root/almalinux-deploy.sh");
    assert!(code == 1 && output.contains("Check dnf-plugins-core"), "{output}");
}

#[test]
fn migrate2rocky_converts_and_says_so() {
    let world = World::booted(CENTOS);
    world.ok("curl -fsS -o /root/migrate2rocky.sh http://mirrors.cloud.aliyuncs.com/migrate2rocky/migrate2rocky.sh
        mkdir -p /etc/osferry-standin");
    for step in ["check", "repositories", "swap"] {
        world.ok(&format!("echo {step} >/etc/osferry-standin/migrate2rocky-fails-at"));
        let (code, output) = world.sh("bash /root/migrate2rocky.sh -r");
        assert!(code == 1 && output.contains("Your system may be unstable"), "{step}: {output}");
        assert_eq!(os(&world), "centos 8", "{step}");
    }
    world.ok("rm /etc/osferry-standin/migrate2rocky-fails-at");
    let output = world.ok("bash /root/migrate2rocky.sh -r -V");
    assert!(output.contains("Done, please reboot your system."), "{output}");
    world.ok(
        "grep -q 'Done, please reboot your system.' /var/log/migrate2rocky.log; ls /root/convert/*-rpms-list-after.log",
    );
    reboot(&world);
    assert_eq!(os(&world), "rocky 8.10");
    assert_eq!((count_of(&world, "CentOS"), world.ok("dnf -q check")), (0, String::new()));
}

#[test]
fn convert2rhel_needs_the_licence() {
    const RUN: &str = "-y --no-rhsm --enablerepo rhui-rhel-7-server-rhui-rpms \
        --enablerepo rhui-rhel-7-server-rhui-extras-rpms --enablerepo rhui-rhel-7-server-rhui-optional-rpms";
    let install = |world: &World| {
        add_repo(world, "convert2rhel", "/convert2rhel/");
        world.ok("yum -q -y --enablerepo=convert2rhel install convert2rhel; mkdir -p /etc/osferry-standin");
    };
    let report = |world: &World| json(world, "/var/log/convert2rhel/convert2rhel-pre-conversion.json");
    let world = World::booted(EL7);
    install(&world);
    assert_eq!(world.sh(&format!("convert2rhel {RUN}")).0, 2);
    assert_eq!(report(&world)["actions"]["CUSTOM_REPOSITORIES_ARE_VALID"]["result"]["level"], "ERROR");
    assert_eq!(os(&world), "centos 7");

    let world = World::booted("m-local-centos79-licensed");
    install(&world);
    let packages = |world: &World| world.ok("rpm -qa | sort; cat /etc/yum.repos.d/*.repo");
    let before = packages(&world);
    world.ok("echo 'AliSecGuard 106496 2 - Live 0x0000000000000000 (OE)' >/etc/osferry-standin/modules");
    reboot(&world);
    assert_eq!(world.sh(&format!("convert2rhel analyze {RUN}")).0, 2);
    assert_eq!(report(&world)["actions"]["TAINTED_KMODS"]["result"]["id"], "TAINTED_KMODS_DETECTED");
    world.ok(&format!("rmmod AliSecGuard; convert2rhel analyze {RUN}"));
    let third = report(&world)["actions"]["LIST_THIRD_PARTY_PACKAGES"]["messages"][0]["diagnosis"].to_string();
    assert!(third.contains("mysql-community-server"), "{third}");
    assert_eq!(os(&world), "centos 7");
    for phase in ["PRE_PONR_CHANGES", "REMOVED"] {
        world.ok(&format!("echo {phase} >/etc/osferry-standin/convert2rhel-fails-at"));
        let (code, output) = world.sh(&format!("convert2rhel {RUN}"));
        assert!(code == 1 && output.contains("Rollback: Pre-conversion analysis report"), "{output}");
        assert_eq!((os(&world), packages(&world)), ("centos 7".to_owned(), before.clone()), "{phase}");
    }
    let output = world.ok(&format!("rm /etc/osferry-standin/convert2rhel-fails-at; convert2rhel {RUN}"));
    assert!(output.contains("Conversion successful!"), "{output}");
    reboot(&world);
    assert_eq!(os(&world), "rhel 7.9");
    assert_eq!(count_of(&world, "CentOS"), 0);
}

#[test]
fn a_shop_on_mariadb_starts_at_boot_and_outlives_two_upgrades() {
    let world = World::booted("m-local-debian11-shop");
    let rows = "mysql -N -e 'SELECT COUNT(*), SUM(CRC32(CONCAT(id, total))) FROM shop.orders'";
    let page = "exec 3<>/dev/tcp/127.0.0.1/8080; printf 'GET /health HTTP/1.0\\r\\n\\r\\n' >&3; tail -n 1 <&3";
    let healthy = || (world.sh(&format!("bash -c \"{page}\"")).1 == "ok\n").then_some(());
    let before = eventually("the database is up", || {
        Some(world.sh(rows)).filter(|(code, text)| *code == 0 && text.starts_with("1000\t"))
    });
    eventually("the page is there", healthy);
    for (from, to) in [("bullseye", "bookworm"), ("bookworm", "trixie")] {
        world.ok(&format!(
            "export DEBIAN_FRONTEND=noninteractive; sed -i s/{from}/{to}/g /etc/apt/sources.list
             apt-get -q update && apt-get -q -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold full-upgrade \
             >/var/log/upgrade.log 2>&1 || {{ tail -n 20 /var/log/upgrade.log; exit 1; }}"
        ));
        reboot(&world);
        eventually("the database is up again", || (world.sh(rows) == before).then_some(()));
        eventually("the page is there again", healthy);
    }
    assert_eq!(os(&world), "debian 13");
}

/// Cloud Assistant ends a command with everything that it has started; the analysis goes on, and the way back waits.
#[test]
fn an_analysis_of_convert2rhel_outlives_its_command() {
    use migration::os::{Family, Os};
    let world = World::booted("m-local-centos79-licensed");
    let hop = migration::path::Hop {
        from: Os::new(Family::CentOs, 7),
        to: Os::new(Family::Rhel, 7),
        engine: migration::path::Engine::Convert2Rhel,
    };
    let id = migration::MigrationId::from_bytes([7; 10]);
    let settings = guest::Settings { mirror: "http://mirrors.cloud.aliyuncs.com".into(), ..guest::Settings::default() };
    let job = guest::Job { id: &id, run: 0, hop_index: 0, hop: &hop, settings: &settings };
    let packages = || world.ok("rpm -qa | sort; cat /etc/yum.repos.d/*.repo");
    let before = packages();
    let prepared = guest::read_prepared(&world.ok(&job.prepare(&[]))).unwrap();
    assert_eq!(prepared.problem, "");
    world.ok("mkdir -p /etc/osferry-standin; echo REMOVED >/etc/osferry-standin/convert2rhel-waits-at");
    let assessing = world.run(&job.assess(), 300);
    eventually("it has removed packages", || (world.sh("rpm -q centos-release").0 != 0).then_some(()));
    world.machine.stop_command(INSTANCE, &assessing).unwrap();
    assert!(!matches!(world.wait(&assessing), CommandState::Exited { .. }));
    let undoing = world.run(&job.undo(), 300);
    eventually("it is over", || (world.sh(&format!("test -e /var/lib/osferry/{id}-0.over")).0 == 0).then_some(()));
    assert_ne!(world.sh("rpm -q centos-release").0, 0, "it was not ended");
    world.ok("rm /etc/osferry-standin/convert2rhel-waits-at");
    let CommandState::Exited { code: 0, output, .. } = world.wait(&undoing) else { panic!("the undo") };
    assert_eq!(guest::read_undone(&String::from_utf8(output).unwrap()).unwrap(), [""; 0]);
    assert_eq!((os(&world), packages()), ("centos 7".to_owned(), before));
}
