//! What an operator breaks on purpose.

use std::path::Path;

use local_cloud::guest::{BootFault, BootRule};
use local_cloud::seams::Hypervisor;

use crate::world::*;

fn breaks(world: &World, fault: BootFault) {
    world.machine.break_boots(INSTANCE, BootRule { fault, skip: 0, times: 1 }).unwrap();
}

fn reboot(world: &World) {
    world.machine.stop(INSTANCE, true).unwrap();
    world.boot();
}

#[test]
fn a_boot_goes_wrong_as_told_and_the_next_does_not() {
    let world = World::booted(CENTOS);
    // Another system to boot: what was there before a migration.
    world.ok("cd /boot; for f in vmlinuz initramfs; do cp $f-4* $f-3.10$(case $f in i*) echo .img;; esac); done
         sed 's/4[.]18[.]0[^ )]*x86_64/3.10/g' loader/entries/*.conf >/root/old; mv /root/old loader/entries/old.conf");
    breaks(&world, BootFault::NeverComesBack);
    assert!(world.machine.last_heartbeat(INSTANCE).is_some(), "not before the next boot");
    reboot(&world);
    assert!(world.machine.is_running(INSTANCE));
    assert_eq!(world.machine.last_heartbeat(INSTANCE), None);
    assert!(this_boot(&world).trim_end().ends_with("Booting from Hard Disk..."), "{}", this_boot(&world));

    breaks(&world, BootFault::AgentGone);
    reboot(&world);
    eventually("the prompt", || this_boot(&world).contains("login: ").then_some(()));
    assert_eq!(world.machine.last_heartbeat(INSTANCE), None);

    breaks(&world, BootFault::OldSystem);
    reboot(&world);
    assert_eq!(world.ok("cat /proc/sys/kernel/osrelease"), "3.10");
    reboot(&world);
    assert_eq!(world.ok("cat /proc/sys/kernel/osrelease"), "4.18.0-348.7.1.el8_5.x86_64");

    breaks(&world, BootFault::NeverComesBack);
    world.machine.mend(INSTANCE).unwrap();
    reboot(&world);
    assert!(world.machine.last_heartbeat(INSTANCE).is_some());
}

#[test]
fn the_mirror_may_be_out_of_reach() {
    let world = World::booted(CENTOS);
    let fetched = || {
        world.sh("wget -q -O /dev/null http://mirrors.cloud.aliyuncs.com/alinux/3/os/x86_64/repodata/repomd.xml").0 == 0
    };
    assert!(fetched());
    world.machine.connect_network(INSTANCE, false, None).unwrap();
    assert!(!fetched());
    eventually("what is local goes on", || {
        (world.sh("wget -q -O - http://127.0.0.1:8080/health").1 == "ok\n").then_some(())
    });
    reboot(&world);
    assert!(!fetched(), "also after a reboot");
    world.machine.connect_network(INSTANCE, true, None).unwrap();
    assert!(fetched());
}

#[test]
fn a_directory_may_be_full() {
    let world = World::booted(CENTOS);
    world.ok("mkdir -p /var/cache/x; echo kept >/var/cache/x/file; chown 1:2 /var/cache/x/file; chmod 4711 /var/cache/x/file");
    let before = world.machine.manifest(DISK).unwrap();
    world.machine.fill_disk(INSTANCE, Path::new("/var/cache"), 65_536).unwrap();
    assert_eq!(world.ok("cat /var/cache/x/file"), "kept");
    let (code, said) = world.sh("dd if=/dev/zero of=/var/cache/big bs=100000 count=10 2>&1");
    assert!(code != 0 && said.contains("No space left on device"), "{code} {said}");
    world.ok("dd if=/dev/zero of=/var/elsewhere bs=100000 count=10 2>&1; rm /var/elsewhere /var/cache/big");
    world.machine.mend(INSTANCE).unwrap();
    world.ok("dd if=/dev/zero of=/var/cache/big bs=100000 count=10 2>&1; rm /var/cache/big");
    assert_eq!(world.machine.manifest(DISK).unwrap(), before);
    // What was written meanwhile is kept, also by a reboot.
    world.machine.fill_disk(INSTANCE, Path::new("/var/cache"), 65_536).unwrap();
    world.ok("echo new >/var/cache/new");
    world.machine.stop(INSTANCE, false).unwrap();
    world.boot();
    assert_eq!(world.ok("dd if=/dev/zero of=/var/cache/big bs=100000 count=10 2>/dev/null; cat /var/cache/new"), "new");
    assert!(world.machine.fill_disk(INSTANCE, Path::new("/etc/hosts"), 1).is_err());
}
