//! What is noted before the tool starts and compared afterwards: neither what a boot takes away in any case, nor less
//! than was there.

use migration::path::Hop;

use super::engine_tests::{Root, directory, hop, leapp, with_job};
use super::*;
use crate::read_after;

fn verify(root: &Root, seconds: u64) -> migration::findings::AfterFacts {
    root.put(&directory("before/packages"), "");
    read_after(&root.run(&with_job(&leapp(), |job| job.verify(&[], seconds)))).unwrap()
}

fn list(root: &Root, what: &str) -> Vec<String> {
    let listed = root.run(&format!("R=$R ENGINE= DIR=\n{COMMON}{SERVICES}{MOUNTS}{NOTES}\nlist_{what}"));
    listed.lines().map(str::to_owned).collect()
}

/// A guest of which the system's manager tells: `name UnitFileState Type TriggeredBy FragmentPath [alias]`, `-` for
/// nothing, of units that are `ActiveState`; any other does not exist.
fn with_units(root: &Root, state: &str, units: &[&str]) {
    root.put("units", &(units.join("\n") + "\n"));
    root.program(
        "systemctl",
        &format!(
            r#"case $1 in
            list-units) [ {state} != active ] || awk '{{ print $1, "loaded active running x" }}' "$R/units" ;;
            show) shift
                asked=" "
                while [ "$1" = -p ]; do asked="$asked$2 "; shift 2; done
                for unit; do
                    awk -v unit="$unit" -v asked="$asked" '
                        function tell(name, value) {{ if (index(asked, " " name " ")) print name "=" (value == "-" ? "" : value) }}
                        $1 == unit || $6 == unit {{ found = 1; tell("Id", $1); tell("LoadState", "loaded"); tell("ActiveState", "{state}")
                            tell("UnitFileState", $2); tell("Type", $3); tell("TriggeredBy", $4); tell("FragmentPath", $5) }}
                        END {{ if (!found) {{ tell("Id", unit); tell("LoadState", "not-found"); tell("ActiveState", "inactive") }} print "" }}' "$R/units"
                done ;;
            esac"#
        ),
    );
}

const UNITS: [&str; 12] = [
    "anacron.service enabled simple anacron.timer /usr/lib/systemd/system/anacron.service",
    "by-hand.service disabled simple - /etc/systemd/system/by-hand.service",
    "dbus.service static simple dbus.socket /usr/lib/systemd/system/dbus.service",
    "docker.service enabled notify docker.socket /usr/lib/systemd/system/docker.service",
    "firewalld.service enabled dbus - /usr/lib/systemd/system/firewalld.service",
    "nginx.service enabled forking - /usr/lib/systemd/system/nginx.service",
    "needed.service static simple - /usr/lib/systemd/system/needed.service",
    "postgresql@13-main.service enabled-runtime forking - /lib/systemd/system/postgresql@.service",
    "run-1.service - simple - /run/systemd/system/run-1.service",
    "run-2.service transient simple - /run/systemd/transient/run-2.service",
    "systemd-hostnamed.service static dbus - /usr/lib/systemd/system/systemd-hostnamed.service",
    "tomcat.service generated forking - /run/systemd/generator.late/tomcat.service",
];
/// Those of them that every boot starts.
const BOOTS: [&str; 6] = [
    "docker.service",
    "firewalld.service",
    "needed.service",
    "nginx.service",
    "postgresql@13-main.service",
    "tomcat.service",
];

#[test]
fn only_services_that_a_boot_starts_are_missed() {
    let root = Root::new();
    with_units(&root, "active", &UNITS);
    assert_eq!(list(&root, "services"), BOOTS);
    // An old systemd calls scripts of SysV so.
    with_units(&root, "active", &["network.service bad forking - -"]);
    assert_eq!(list(&root, "services"), ["network.service"]);
}

#[test]
fn a_service_that_does_not_run_is_lost_whatever_makes_its_unit() {
    let root = Root::new();
    root.put(&directory("before/services"), &(BOOTS.join("\n") + "\ngone.service\nrpcbind.service\n"));
    let after = [&UNITS[..], &["rpcbind.service indirect notify rpcbind.socket -"]].concat();
    with_units(&root, "inactive", &after);
    assert_eq!(verify(&root, 0).services_lost, BOOTS, "not what is gone, nor what waits for a call now");
    with_units(&root, "failed", &after);
    assert_eq!(verify(&root, 0).services_lost.len(), BOOTS.len() + 1);
    with_units(&root, "active", &after);
    assert_eq!(verify(&root, 0).services_lost, [""; 0]);
    root.put(&directory("before/services"), "dbus.service\n");
    with_units(&root, "active", &["dbus-broker.service enabled notify - - dbus.service"]);
    assert_eq!(verify(&root, 0).services_lost, [""; 0]);
}

/// Sockets that listen: port, process, its group and program.
fn with_ports(root: &Root, ports: &[(u32, u32, &str, &str)]) {
    let mut table = String::from(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n",
    );
    for (port, pid, group, program) in ports {
        table += &format!(
            "   0: 00000000:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 7{pid} 1\n"
        );
        root.put(&format!("proc/{pid}/cgroup"), group);
        std::fs::create_dir_all(root.path(&format!("proc/{pid}/fd"))).unwrap();
        std::os::unix::fs::symlink(format!("socket:[7{pid}]"), root.path(&format!("proc/{pid}/fd/3"))).unwrap();
        std::os::unix::fs::symlink(program, root.path(&format!("proc/{pid}/exe"))).unwrap();
    }
    root.put("proc/net/tcp", &table);
}

#[test]
fn ports_of_sessions_and_of_chance_are_not_missed() {
    let root = Root::new();
    with_units(&root, "active", &UNITS);
    with_ports(
        &root,
        &[
            (80, 42, "11:cpu:/\n1:name=systemd:/system.slice/nginx.service\n", "/usr/sbin/nginx (deleted)"),
            (6010, 43, "0::/user.slice/user-0.slice/session-3.scope\n", "/usr/sbin/sshd"),
            (9000, 44, "0::/system.slice/by-hand.service\n", "/usr/local/bin/own"),
            (8080, 45, "0::/system.slice/docker-0a1b.scope\n", "/app"),
            (8081, 46, "0::/user.slice/user-1000.slice/user@1000.service/app.slice/web.service\n", "/home/x/web"),
            // Another manager's, of which systemd here knows nothing.
            (8082, 47, "0::/system.slice/somewhere-else.service\n", "/srv/else"),
        ],
    );
    let lasting = ["80 nginx.service /usr/sbin/nginx", "8080 - /app", "8082 - /srv/else"];
    assert_eq!(list(&root, "ports"), lasting);
    // Who lingers is started by every boot.
    root.put("var/lib/systemd/linger/x", "");
    assert_eq!(list(&root, "ports").len(), 4);
    std::fs::remove_file(root.path("bin/systemctl")).unwrap();
    root.program("sh", "exec /bin/sh \"$@\"");
    assert!(list(&root, "ports").contains(&"9000 - /usr/local/bin/own".to_owned()), "nobody tells who starts it");
}

#[test]
fn a_port_is_judged_by_its_unit_and_else_by_its_program() {
    let root = Root::new();
    let there = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    with_units(&root, "active", &UNITS);
    root.put(
        &directory("before/ports"),
        &format!(
            "80 nginx.service /usr/sbin/nginx-1.20\n81 gone.service {there}\n82 - /nowhere/x\n83 - {there}\n84 - -\n\
             85 - /usr/lib/systemd/systemd\n86 /nowhere/x\n87 {there}\n88 -\n"
        ),
    );
    let facts = verify(&root, 0);
    let lost =
        ["80 /usr/sbin/nginx-1.20".into(), format!("83 {there}"), "84".into(), format!("87 {there}"), "88".into()];
    assert_eq!(facts.ports_lost, lost);
    let retired =
        [format!("81 {there}"), "82 /nowhere/x".into(), "85 /usr/lib/systemd/systemd".into(), "86 /nowhere/x".into()];
    assert_eq!(facts.ports_retired, retired);
}

#[test]
fn mounts_that_no_boot_brings_back_are_not_missed() {
    let root = Root::new();
    root.put(
        "etc/fstab",
        "/dev/vda1 / ext4 defaults 0 0\n# /dev/vdz /no xfs defaults 0 0\n/dev/vdb /data/ xfs defaults 0 0\n\
         nas:/s /share nfs4 _netdev 0 0\nnas:/l /later nfs noauto 0 0\nnas:/a /asked nfs x-systemd.automount 0 0\n",
    );
    root.put("etc/systemd/system/oss.mount", "[Mount]\nWhere=/oss\n");
    root.put("etc/systemd/system/rare.mount", "[Mount]\nWhere=/rare\n");
    root.put("etc/systemd/system/rare.automount", "[Automount]\nWhere=/rare\n");
    root.put("run/systemd/generator/later.mount", "[Unit]\nSourcePath=/etc/fstab\n[Mount]\nWhere=/later\n");
    let mounts = "/dev/vda1 / ext4 rw 0 0\n/dev/vdb /data xfs rw 0 0\nnas:/s /share nfs4 rw 0 0\nnas:/l /later nfs rw 0 0\n\
        systemd-1 /asked autofs rw 0 0\nnas:/a /asked nfs rw 0 0\nossfs /oss fuse.ossfs rw 0 0\nx /rare xfs rw 0 0\n\
        nas:/h /hand nfs4 rw 0 0\n";
    root.put("proc/mounts", mounts);
    let lasting = ["/", "/data", "/oss", "/share"];
    assert_eq!(list(&root, "lasting_mounts"), lasting);
    assert_eq!(list(&root, "fleeting_mounts"), ["/hand", "/later", "/rare"]);
    // What is noted is what is compared.
    root.program("systemctl", ":");
    root.program("setsid", ":");
    root.run(&with_job(&hop(Engine::DistroSync, (Family::CentOs, 8), (Family::AlibabaCloudLinux, 3)), |job| {
        job.start()
    }));
    assert_eq!(root.text(&directory("before/mounts")).lines().collect::<Vec<_>>(), lasting);
    root.put("proc/mounts", "/dev/vda1 / ext4 rw 0 0\n/dev/vdb /data xfs rw 0 0\nossfs /oss fuse.ossfs rw 0 0\n");
    assert_eq!(verify(&root, 0).mounts_lost, ["/share"]);
    // What the network brings comes late.
    root.program("sleep", "echo 'nas:/s /share nfs4 rw 0 0' >>\"$R/proc/mounts\"");
    assert_eq!(verify(&root, 60).mounts_lost, [""; 0]);
}

/// A hop of leapp and what packages say of the system that they were built for.
#[test]
fn leftovers_are_known_by_the_old_systems_own_name() {
    for (from, to, left) in [
        ((Family::CentOs, 7), (Family::AlmaLinux, 8), 1),
        ((Family::AlibabaCloudLinux, 2), (Family::AlibabaCloudLinux, 3), 2),
        ((Family::Anolis, 7), (Family::Anolis, 8), 1),
    ] {
        let root = Root::new();
        root.put(&directory("before/packages"), "");
        root.program("rpm", "[ $1 != -qa ] || printf 'x %s\\n' 1.el7_9 1.al7 1.an7 1.el8 1.al8 1.el2 1.el70");
        let hop = hop(Engine::Leapp, from, to);
        let facts = read_after(&root.run(&with_job(&hop, |job| job.verify(&[], 0)))).unwrap();
        assert_eq!(facts.leftovers, left, "{hop:?}");
    }
}

#[test]
fn repositories_of_the_old_system_that_are_enabled_are_told() {
    let old = |hop: &Hop, before: &str| {
        let root = Root::new();
        root.put(&directory("before/packages"), "");
        root.put(&directory("before/repositories"), before);
        root.put(
            "etc/yum.repos.d/x.repo",
            "[base]\nbaseurl=http://m/centos/7/os/\n[off]\nbaseurl=http://m/centos/7/x/\nenabled=0\n\
             [epel]\nenabled = 1\nmetalink=https://m/metalink?repo=epel-7&arch=x\n[own]\nbaseurl=http://own.example/x\n\
             [new]\nbaseurl=http://m/centos/7/vault/\n[rhel]\nmirrorlist=http://rhui/rhel8/os\n",
        );
        root.put(
            "etc/apt/sources.list",
            "deb http://m/debian bookworm main\ndeb http://their.example/apt bullseye main\n# deb http://m/debian bullseye main\n",
        );
        read_after(&root.run(&with_job(hop, |job| job.verify(&[], 0)))).unwrap().repositories_old
    };
    let before = "[base]\n[off]\n[epel]\n[own]\n[rhel]\ndeb http://their.example/apt bullseye main\n";
    assert_eq!(old(&leapp(), before), ["[base]", "[epel]"]);
    let to_rhel = hop(Engine::Convert2Rhel, (Family::CentOs, 8), (Family::Rhel, 8));
    assert_eq!(old(&to_rhel, before), ["[base]"]);
    let rhel = hop(Engine::Leapp, (Family::Rhel, 8), (Family::Rhel, 9));
    assert_eq!(old(&rhel, before), ["[rhel]"]);
    let debian = hop(Engine::AptFullUpgrade, (Family::Debian, 11), (Family::Debian, 12));
    assert_eq!(old(&debian, before), ["deb http://their.example/apt bullseye main"]);
    assert_eq!(old(&leapp(), ""), [""; 0]);
}
