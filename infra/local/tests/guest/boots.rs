//! Boots as the console tells them, and programs that run in place of the system.

use std::fs;

use local_cloud::seams::{CommandState, Hypervisor};

use crate::world::*;

/// Makes an entry whose initramfs replaces the system, as leapp does, and the default. It waits for `/srv/go`,
/// and leaves the entry of before as the default.
const INSTALLER: &str = r"set -e
cat >/root/upgrade <<'EOF'
echo 'installer: upgrading packages'
trap 'echo cut off' TERM
while [ ! -e /srv/go ]; do usleep 10000; done
cat /proc/cmdline >/root/cmdline
wget -q -O - http://mirrors.cloud.aliyuncs.com/alinux/3/os/x86_64/repodata/repomd.xml >/root/downloaded
mv /boot/grub2/grubenv.before /boot/grub2/grubenv
exit $(cat /srv/go)
EOF
cd /boot
cp initramfs-$(ls vmlinuz-* | sed s/vmlinuz-//).img initramfs-upgrade.img
sed -e 's/^title .*/title ELevate-Upgrade-Initramfs/' -e 's/^initrd .*/initrd \/initramfs-upgrade.img/' \
    -e 's/^options .*/& rd.osferry.standin=\/root\/upgrade/' loader/entries/*.conf >upgrade.new
mv upgrade.new loader/entries/upgrade.conf
cp grub2/grubenv grub2/grubenv.before
printf '# GRUB Environment Block\nsaved_entry=upgrade\n' >grub2/grubenv
";

fn reboot(world: &World) {
    world.machine.stop(INSTANCE, false).unwrap();
    world.boot();
}

fn on_disk(world: &World, file: &str) -> std::path::PathBuf {
    world.machine.disk_root(DISK).join(file)
}

#[test]
fn the_console_tells_every_boot_to_its_prompt() {
    let world = World::booted(CENTOS);
    let prompt = |boots: usize| {
        eventually("the prompt", || {
            (world.machine.console(INSTANCE).matches("web-1 login: ").count() == boots).then_some(())
        });
    };
    prompt(1);
    let kernel = world.ok("cat /proc/sys/kernel/osrelease");
    assert_eq!(kernel, "4.18.0-348.7.1.el8_5.x86_64");
    assert!(world.ok("cat /proc/version").starts_with(&format!("Linux version {kernel} ")));
    reboot(&world);
    prompt(2);
    let console = this_boot(&world);
    let lines = [
        "GNU GRUB",
        "*CentOS Linux (4.18.0",
        &format!("Loading Linux {kernel} ..."),
        "Loading initial ramdisk ...",
        "Run /init as init process",
        "Welcome to CentOS Linux 8!",
        "Reached target multi-user.target",
        "CentOS Linux 8\nKernel 4.18.0",
        "web-1 login: ",
    ];
    let mut rest = console.as_str();
    for line in lines {
        let at = rest.find(line).unwrap_or_else(|| panic!("no {line} in time: {console}"));
        rest = &rest[at..];
    }
    assert!(world.machine.console(INSTANCE).contains("reboot: Power down"));
    assert_eq!(world.machine.boots(INSTANCE), 2);
}

#[test]
fn an_installer_runs_in_the_dark_and_the_guest_comes_back_by_itself() {
    let world = World::booted(CENTOS);
    world.ok(INSTALLER);
    let boot_id = world.ok("cat /proc/sys/kernel/random/boot_id");
    reboot(&world);
    eventually("the installer", || this_boot(&world).contains("installer: upgrading packages").then_some(()));
    assert!(this_boot(&world).contains("*ELevate-Upgrade-Initramfs"));
    assert!(world.machine.is_running(INSTANCE));
    assert_eq!(world.machine.last_heartbeat(INSTANCE), None);
    assert!(world.machine.command_state(INSTANCE, "t-none").is_err(), "no agent answers");
    world.machine.create_snapshot("s-dark", DISK, Some(INSTANCE)).unwrap();
    fs::write(on_disk(&world, "srv/go"), "0").unwrap();
    eventually("the agent", || world.machine.last_heartbeat(INSTANCE));
    assert_eq!(world.machine.boots(INSTANCE), 3, "its first, the installer's, and one by itself");
    assert_ne!(world.ok("cat /proc/sys/kernel/random/boot_id"), boot_id);
    assert!(world.ok("cat /root/cmdline").contains("rd.osferry.standin=/root/upgrade"));
    assert!(!world.ok("cat /proc/cmdline").contains("standin"));
    assert_eq!(world.ok("grep -c '<repomd' /root/downloaded"), "1", "it has the network");
    assert_eq!(world.ok("ls /tmp /run/systemd/units | grep -c upgrade || true"), "0");
    eventually("the shop is up", || (world.sh("wget -q -O - http://127.0.0.1:8080/health").1 == "ok\n").then_some(()));
    let id = world.run("exit 3", 60);
    assert!(matches!(world.wait(&id), CommandState::Exited { code: 3, .. }));
}

#[test]
fn an_installer_that_fails_leaves_a_shell_and_no_agent() {
    let world = World::booted(CENTOS);
    world.ok(INSTALLER);
    fs::write(on_disk(&world, "srv/go"), "1").unwrap();
    reboot(&world);
    eventually("the shell", || this_boot(&world).contains("Entering emergency mode").then_some(()));
    assert!(world.machine.is_running(INSTANCE));
    assert_eq!(world.machine.last_heartbeat(INSTANCE), None);
    // It has put the old default back before it failed.
    world.machine.stop(INSTANCE, true).unwrap();
    assert!(!world.machine.is_running(INSTANCE));
    world.boot();
    assert!(world.machine.last_heartbeat(INSTANCE).is_some());
}

#[test]
fn a_killed_installer_is_a_failed_one() {
    let world = World::booted(CENTOS);
    world.ok(INSTALLER);
    reboot(&world);
    eventually("the installer is killed", || {
        (world.machine.kill_processes(INSTANCE, "/root/upgrade").unwrap() > 0).then_some(())
    });
    eventually("the shell", || this_boot(&world).contains("Entering emergency mode").then_some(()));
    assert_eq!(world.machine.last_heartbeat(INSTANCE), None);
}

#[test]
fn a_guest_may_lose_its_kernels_driver_or_its_entries() {
    let world = World::booted(CENTOS);
    // An initramfs of a kernel whose drivers are modules, without the disk's.
    world.ok("set -e; cd /boot; : >/usr/lib/modules/$(ls vmlinuz-* | sed s/vmlinuz-//)/modules.builtin
         mkdir /root/initramfs; cd /root/initramfs; echo '#!/bin/sh' >init
         find . | cpio -o -H newc 2>/dev/null | gzip >$(ls /boot/initramfs-*.img)");
    reboot(&world);
    assert!(this_boot(&world).contains("dracut-initqueue timeout"), "{}", this_boot(&world));
    assert_eq!(world.machine.last_heartbeat(INSTANCE), None);
    world.machine.stop(INSTANCE, false).unwrap();
    fs::remove_dir_all(on_disk(&world, "boot/loader/entries")).unwrap();
    world.boot();
    assert!(this_boot(&world).contains("grub> "), "{}", this_boot(&world));
    assert!(world.machine.is_running(INSTANCE));
}

#[test]
fn a_debian_guest_without_a_kernel_boots_as_containers_do() {
    let world = World::booted("debian_12_12_x64_20G_alibase_20250915.vhd");
    assert!(world.machine.last_heartbeat(INSTANCE).is_some());
    // Its init never ends; the prompt comes all the same.
    eventually("the prompt", || this_boot(&world).contains("web-1 login: ").then_some(()));
    assert!(this_boot(&world).contains("Debian GNU/Linux 12"));
}
