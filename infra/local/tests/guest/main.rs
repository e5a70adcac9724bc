//! Real guests on real disks: what the cloud on one machine rests on. Needs root or a range of
//! subordinate ids, and the Debian packages that the image store names when they are missing.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

mod boots;
mod faults;
mod plugs;
mod world;

use std::net::TcpListener;
use std::process::Command;

use local_cloud::guest::{Machine, MachineConfig};
use local_cloud::seams::{CommandState, GuestCommand, GuestShell, Hypervisor, HypervisorError};
use world::*;

#[test]
fn a_command_runs_and_is_told_apart_from_the_others() {
    let world = World::booted(CENTOS);
    assert_eq!(world.sh("echo out; echo err >&2; exit 7"), (7, "out\nerr\n".to_owned()));
    assert_eq!(world.ok("pwd; hostname; id -u; echo $HOME"), "/root\nweb-1\n0\n/root");
    assert!(world.ok("cat /etc/os-release").contains("CentOS Linux 8"));
    assert!(world.ok("cat /proc/cmdline").contains("/boot/vmlinuz-4.18.0-348.7.1.el8_5.x86_64"));
    assert_eq!(world.sh("kill -TERM $$").0, 128 + 15);
    let heartbeat = world.machine.last_heartbeat(INSTANCE).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    assert!((now - heartbeat).abs() < 60_000);

    let first = GuestCommand {
        invoke_id: "t-same".into(),
        shell: GuestShell::Posix,
        script: "echo once >> /root/count".into(),
        timeout_secs: 60,
        working_dir: "/tmp".into(),
    };
    world.machine.run_command(INSTANCE, &first).unwrap();
    world.machine.run_command(INSTANCE, &first).unwrap();
    world.wait("t-same");
    assert_eq!(world.ok("cat /root/count"), "once");
    assert_eq!(world.machine.command_state(INSTANCE, "t-never").unwrap(), CommandState::Unknown);
}

#[test]
fn a_command_that_takes_too_long_is_killed_with_its_group() {
    let world = World::booted(CENTOS);
    let id = world.run("echo begun; sleep 7777 & sleep 8888; echo never", 1);
    assert_eq!(world.wait(&id), CommandState::TimedOut { output: b"begun\n".to_vec() });
    assert_eq!(world.ok("ps | grep -E '[7]777|[8]888' | wc -l"), "0");

    let id = world.run("echo begun; sleep 9999", 600);
    eventually("the command starts", || (world.ok("ps | grep '[9]999' | wc -l") == "1").then_some(()));
    world.machine.stop_command(INSTANCE, &id).unwrap();
    assert_eq!(world.wait(&id), CommandState::Interrupted { output: b"begun\n".to_vec() });
}

#[test]
fn of_a_long_output_the_end_is_kept() {
    let world = World::booted(CENTOS);
    let id = world.run("seq 1 100000; echo END", 60);
    let CommandState::Exited { code: 0, output, dropped } = world.wait(&id) else { panic!("it ends by itself") };
    assert_eq!(output.len(), 24 * 1024);
    assert!(output.ends_with(b"\n100000\nEND\n"));
    assert_eq!(dropped as usize + output.len(), (1..=100_000).map(|n: u32| n.to_string().len() + 1).sum::<usize>() + 4);
}

#[test]
fn a_restart_of_the_agent_ends_commands_but_not_what_detached_itself() {
    let world = World::booted(CENTOS);
    world.ok("setsid sleep 7777 >/dev/null 2>&1 </dev/null &");
    world.ok("systemd-run --unit=migration sleep 8888");
    let id = world.run("sleep 9999 & sleep 6666; echo never", 600);
    eventually("the command starts", || (world.ok("ps | grep -E '[9]999|[6]666' | wc -l") == "2").then_some(()));
    world.machine.restart_agent(INSTANCE).unwrap();
    assert_eq!(world.wait(&id), CommandState::Interrupted { output: Vec::new() });
    assert_eq!(world.ok("ps | grep -E 'sleep [9]999|sleep [6]666' | wc -l"), "0");
    assert_eq!(world.ok("ps | grep -E 'sleep [7]777|sleep [8]888' | wc -l"), "2");
    assert_eq!(world.ok("systemctl is-active migration"), "active");

    assert_eq!(world.machine.kill_processes(INSTANCE, "sleep 8888").unwrap(), 1);
    assert_eq!(world.machine.kill_processes(INSTANCE, "sleep 8888").unwrap(), 0);
    assert_eq!(world.sh("systemctl is-active migration"), (3, "failed\n".to_owned()));
}

#[test]
fn a_snapshot_is_of_one_moment() {
    let world = World::booted(CENTOS);
    // Rewrites two files in step, in directories that are copied one after the other, with a pile
    // of other files between them. At any moment `a` is as old as `z` or one ahead.
    world.ok("mkdir -p /a /m /z; for i in $(seq 1 300); do echo x > /m/$i; done; echo 0 > /a/n; echo 0 > /z/n
         cat > /root/writer <<'EOF'
n=0
while :; do n=$((n + 1)); echo $n > /a/n.new; mv /a/n.new /a/n; echo $n > /z/n.new; mv /z/n.new /z/n; done
EOF
         setsid sh /root/writer >/dev/null 2>&1 </dev/null &");
    eventually("the writer runs", || (world.ok("cat /z/n").parse::<u64>().unwrap() > 10).then_some(()));
    let number = |disk: &str, file: &str| -> u64 {
        let path = world.machine.disk_root(disk).join(file);
        std::fs::read_to_string(path).unwrap().trim().parse().unwrap()
    };
    for round in 0..5 {
        let (snapshot, disk) = (format!("s-{round}"), format!("d-copy-{round}"));
        let bytes = world.machine.create_snapshot(&snapshot, DISK, Some(INSTANCE)).unwrap();
        assert!(bytes > 10_000_000);
        assert_eq!(
            world.machine.create_snapshot(&snapshot, DISK, Some(INSTANCE)).unwrap(),
            bytes,
            "a repeated call makes no new one"
        );
        world.machine.create_disk(&disk, None).unwrap();
        world.machine.reset_disk(&disk, &snapshot).unwrap();
        let (a, z) = (number(&disk, "a/n"), number(&disk, "z/n"));
        assert!(a == z || a == z + 1, "round {round}: {a} and {z} are of different moments");
        eventually("the writer goes on", || (number(DISK, "z/n") > a + 10).then_some(()));
    }
}

#[test]
fn a_reset_disk_is_what_it_was() {
    let world = World::booted(CENTOS);
    world.ok("ln /etc/fstab /root/hard; mkfifo /root/pipe; chown 65534:1 /root/hard; chmod 4711 /root/hard; echo data > '/root/with blank'");
    world.machine.stop(INSTANCE, false).unwrap();
    let before = world.machine.manifest(DISK).unwrap();
    assert!(before.iter().any(|line| line.starts_with("/root/hard file 4711 65534:1 ")), "owners are the guest's");
    world.machine.create_snapshot("s-before", DISK, None).unwrap();
    world.boot();
    world.ok("rm -rf /usr/lib/jvm /root/pipe; echo changed > /etc/os-release; chmod 777 /root; touch /new");
    world.machine.stop(INSTANCE, true).unwrap();
    assert_ne!(world.machine.manifest(DISK).unwrap(), before);
    world.machine.reset_disk(DISK, "s-before").unwrap();
    assert_eq!(world.machine.manifest(DISK).unwrap(), before);
    world.boot();
    assert_eq!(world.ok("stat -c %h /etc/fstab /root/hard | tail -n 1"), "2", "hard links are kept");

    world.machine.delete_snapshot("s-before").unwrap();
    world.machine.delete_snapshot("s-before").unwrap();
    assert!(matches!(world.machine.reset_disk(DISK, "s-before"), Err(HypervisorError::NotFound(_))));
    assert!(matches!(world.machine.manifest("d-none"), Err(HypervisorError::NotFound(_))));
    assert!(matches!(world.machine.create_disk("d-x", Some("m-none")), Err(HypervisorError::NotFound(_))));
}

#[test]
fn a_reboot_is_a_new_boot_and_ends_every_process() {
    let world = World::booted(CENTOS);
    let boot_id = world.ok("cat /proc/sys/kernel/random/boot_id");
    assert_eq!(boot_id, world.ok("cat /proc/sys/kernel/random/boot_id"));
    let id = world.run("echo x > /run/volatile; echo y > /root/kept; exec sleep 7777", 600);
    eventually("it sleeps", || (world.ok("ps | grep '[7]777' | wc -l") == "1").then_some(()));
    world.boot();
    assert_eq!(world.ok("cat /proc/sys/kernel/random/boot_id"), boot_id, "starting what runs changes nothing");
    world.machine.stop(INSTANCE, false).unwrap();
    assert!(!world.machine.is_running(INSTANCE));
    assert!(matches!(world.machine.command_state(INSTANCE, &id), Err(HypervisorError::NotRunning(_))));
    assert_eq!(world.machine.last_heartbeat(INSTANCE), None);
    world.machine.stop(INSTANCE, false).unwrap();
    world.boot();
    assert_ne!(world.ok("cat /proc/sys/kernel/random/boot_id"), boot_id);
    assert_eq!(world.ok("ps | grep '[7]777' | wc -l; ls /run/volatile 2>/dev/null; cat /root/kept"), "0\ny");
    assert_eq!(world.machine.command_state(INSTANCE, &id).unwrap(), CommandState::Unknown);
    eventually("the shop is up again", || {
        (world.sh("wget -q -O - http://127.0.0.1:8080/health").1 == "ok\n").then_some(())
    });
}

#[test]
fn a_process_that_ignores_the_signal_does_not_keep_the_guest_up() {
    let world = World::booted(CENTOS);
    world.ok("setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' >/dev/null 2>&1 </dev/null &");
    world.machine.stop(INSTANCE, false).unwrap();
    assert!(!world.machine.is_running(INSTANCE));
}

#[test]
fn the_host_is_out_of_reach() {
    let outside = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = outside.local_addr().unwrap().port();
    let world = World::booted(CENTOS);
    let state = world.state.path().display().to_string();
    let (code, _) = world.sh(&format!("nc -w 2 127.0.0.1 {port} </dev/null"));
    assert_ne!(code, 0, "the host's loopback is another");
    assert_ne!(world.sh(&format!("ls {state}")).0, 0);
    assert_eq!(world.ok("cut -d ' ' -f 2 /proc/mounts | grep -c ^/tmp/ || true"), "0");
    // It holds descriptors of the outside, so it must not be looked into.
    for look in
        ["ls /proc/1/root/", "ls /proc/1/cwd/", "ls /proc/1/fd/", "readlink /proc/1/ns/mnt", "cat /proc/1/environ"]
    {
        assert_ne!(world.sh(look).0, 0, "{look}");
    }
    assert_eq!(
        world
            .sh("ls /proc/$$/fd/ >/dev/null && readlink /proc/$$/ns/mnt >/dev/null && cat /proc/$$/environ >/dev/null")
            .0,
        0
    );
    assert_ne!(world.sh("mknod /root/disk b 254 0 && cat /root/disk").0, 0);
    assert_ne!(world.sh("mount -o remount,rw /.toolbox || touch /.toolbox/x").0, 0);
    assert_ne!(world.sh("echo 1 > /proc/sys/kernel/sysrq").0, 0);
    assert_ne!(world.sh("wget -q -O - http://mirrors.cloud.aliyuncs.com/etc/passwd").0, 0);
    assert!(
        world
            .ok("wget -q -O - http://mirrors.cloud.aliyuncs.com/alinux/3/os/x86_64/repodata/repomd.xml")
            .contains("<repomd")
    );
    world.ok("kill -KILL 1; kill -TERM 1; sleep 0");
    assert!(world.machine.is_running(INSTANCE), "PID 1 cannot be killed from inside");
}

#[test]
fn a_new_machine_finds_the_guests_of_the_old_one() {
    let mut world = World::booted(CENTOS);
    let boot_id = world.ok("cat /proc/sys/kernel/random/boot_id");
    let id = world.run("echo kept", 60);
    world.wait(&id);
    world.machine = Machine::open(config(world.state.path())).unwrap();
    assert!(world.machine.is_running(INSTANCE));
    assert_eq!(world.ok("cat /proc/sys/kernel/random/boot_id"), boot_id);
    assert_eq!(world.wait(&id), CommandState::Exited { code: 0, output: b"kept\n".to_vec(), dropped: 0 });
    assert!(
        world
            .ok("wget -q -O - http://mirrors.cloud.aliyuncs.com/alinux/3/os/x86_64/repodata/repomd.xml")
            .contains("<repomd"),
        "also the mirror"
    );
}

#[test]
fn a_guest_ends_with_its_owner() {
    let world = World::new();
    world.machine.create_disk(DISK, Some(CENTOS)).unwrap();
    let mut owner = Command::new("sleep").arg("1000").spawn().unwrap();
    let owned = MachineConfig { owner_pid: Some(owner.id() as i32), ..config(world.state.path()) };
    Machine::open(owned).unwrap().start(&spec(&[DISK])).unwrap();
    assert!(world.machine.is_running(INSTANCE));
    owner.kill().unwrap();
    owner.wait().unwrap();
    eventually("the guest ends", || (!world.machine.is_running(INSTANCE)).then_some(()));
    let error = Machine::open(MachineConfig { owner_pid: Some(owner.id() as i32), ..config(world.state.path()) })
        .unwrap()
        .start(&spec(&[DISK]));
    assert!(error.is_err_and(|error| error.to_string().contains("owner") || format!("{error:?}").contains("owner")));
}

#[test]
fn data_disks_are_mounted_as_the_guest_says() {
    let world = World::new();
    world.machine.create_disk(DISK, Some(CENTOS)).unwrap();
    world.machine.create_disk("d-data", None).unwrap();
    world.machine.start(&spec(&[DISK, "d-data"])).unwrap();
    world.ok("echo 1 > /data/file");
    assert!(world.machine.disk_root("d-data").join("file").exists());
    assert!(!world.machine.disk_root(DISK).join("data/file").exists());
}

#[test]
fn a_small_boot_is_small_and_its_changes_reach_the_disk() {
    let world = World::booted("m-local-centos85-i686-full-boot");
    let free: u64 = world.ok("df -k /boot | tail -n 1 | awk '{print $4}'").parse().unwrap();
    assert!(free < 8192, "{free} KiB free");
    assert_eq!(world.ok("rpm -qa --qf '%{name}.%{arch}\\n' | grep i686"), "libstdc++.i686");
    assert_ne!(world.sh("head -c 16000000 /dev/zero > /boot/big").0, 0);
    world.ok("rm /boot/big /boot/initramfs-0-rescue.img; echo new > /boot/new");
    world.machine.create_snapshot("s-boot", DISK, Some(INSTANCE)).unwrap();
    assert!(world.machine.disk_root(DISK).join("boot/new").exists());
    world.ok("rm /boot/new");
    world.machine.stop(INSTANCE, false).unwrap();
    let boot = world.machine.disk_root(DISK).join("boot");
    assert!(!boot.join("new").exists() && !boot.join("initramfs-0-rescue.img").exists());
}

#[test]
fn without_an_initramfs_the_machine_is_on_but_does_not_boot() {
    let world = World::booted(CENTOS);
    world.ok("rm /boot/initramfs-*");
    world.machine.stop(INSTANCE, false).unwrap();
    world.boot();
    assert!(world.machine.is_running(INSTANCE));
    assert_eq!(world.machine.last_heartbeat(INSTANCE), None);
    assert!(world.machine.console(INSTANCE).contains("initramfs-4.18.0-348.7.1.el8_5.x86_64.img' not found"));
    world.machine.stop(INSTANCE, false).unwrap();
    assert!(!world.machine.is_running(INSTANCE));
}

/// What a migration does to the packages: the release first, then everything else.
const MIGRATE: &str = r#"set -e
dnf -q -y --releasever=3 --setopt=protected_packages= --disablerepo='*' \
    --repofrompath=target,http://mirrors.cloud.aliyuncs.com/alinux/3/os/x86_64/ --setopt=target.gpgcheck=0 \
    swap centos-linux-release alinux-release
dnf -q -y --releasever=3 --setopt=protected_packages= distro-sync --allowerasing
"#;

fn shop_is_healthy(world: &World) -> bool {
    world.sh("wget -q -O - http://127.0.0.1:8080/health").1 == "ok\n"
}

#[test]
fn a_real_transaction_migrates_the_guest_and_the_snapshot_brings_it_back() {
    let world = World::booted(CENTOS);
    let orders = world.ok("sha256sum /var/lib/shop/orders.csv");
    let before = world.ok("rpm -qa | sort");
    world.machine.create_snapshot("s-before", DISK, Some(INSTANCE)).unwrap();
    world.ok(MIGRATE);
    world.machine.stop(INSTANCE, false).unwrap();
    world.boot();
    assert_eq!(world.ok(". /etc/os-release; echo $ID:$VERSION_ID"), "alinux:3");
    assert!(world.ok("cat /proc/cmdline").contains("5.10.134"), "it boots the new kernel");
    assert_eq!(world.ok("rpm -q --qf '%{version}' nginx"), "1.20.1");
    let kept = "kernel-4.18.0-348.7.1.el8_5.x86_64\nmysql-community-server-8.0.28-1.el8.x86_64";
    assert_eq!(world.ok("rpm -qa | grep -E '[.]el8|centos' | sort"), kept, "the rest is replaced");
    assert_eq!(world.sh("rpm -Va").1, "S.5....T.  c /etc/nginx/nginx.conf\n", "only what the operator changed");
    assert!(world.ok("cat /etc/nginx/nginx.conf").contains("set by the shop's operator"));
    assert_eq!(world.ok("sha256sum /var/lib/shop/orders.csv"), orders);
    eventually("the shop is up", || shop_is_healthy(&world).then_some(()));

    world.machine.stop(INSTANCE, true).unwrap();
    world.machine.reset_disk(DISK, "s-before").unwrap();
    world.boot();
    assert_eq!(world.ok(". /etc/os-release; echo $ID:$VERSION_ID"), "centos:8");
    assert_eq!(world.ok("rpm -qa | sort"), before);
    assert!(world.ok("cat /proc/cmdline").contains("4.18.0"));
}

#[test]
fn a_transaction_killed_in_the_middle_leaves_a_broken_system() {
    let world = World::booted("m-local-centos85-vendor-agent");
    let id = world.run(MIGRATE, 600);
    let root = world.machine.disk_root(DISK);
    eventually("the vendor's agent is upgraded", || root.join("var/lib/acme/rebuilding").exists().then_some(()));
    assert!(world.machine.kill_processes(INSTANCE, "distro-sync").unwrap() > 0);
    assert!(matches!(world.wait(&id), CommandState::Exited { code, .. } if code != 0));
    let twice = world.ok("rpm -qa --qf '%{name}\\n' | grep -v kernel | sort | uniq -d | wc -l");
    assert!(twice.parse::<u32>().unwrap() > 0, "packages are there in the old and the new version");
}

#[test]
fn an_application_may_break_by_the_migration_alone() {
    let world = World::booted("m-local-centos85-shop-plugin");
    eventually("the shop is up", || shop_is_healthy(&world).then_some(()));
    world.ok(MIGRATE);
    world.machine.stop(INSTANCE, false).unwrap();
    world.boot();
    assert_eq!(world.ok(". /etc/os-release; echo $ID"), "alinux");
    eventually("boot is over", || this_boot(&world).contains("Reached target").then_some(()));
    assert_eq!(world.sh("systemctl is-active shop-web"), (3, "failed\n".to_owned()));
    assert!(!shop_is_healthy(&world));
}
