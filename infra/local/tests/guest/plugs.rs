//! Disks that come and go while the guest runs, and copies of snapshots.

use local_cloud::seams::{AttachedDisk, Hypervisor, HypervisorError};

use crate::world::*;

fn disk(id: &str, device: &str) -> AttachedDisk {
    AttachedDisk { disk_id: id.into(), device: device.into() }
}

#[test]
fn a_disk_is_seen_as_soon_as_it_is_attached_and_gone_when_it_is_not() {
    let world = World::booted(CENTOS);
    for id in ["d-data", "d-media"] {
        world.machine.create_disk(id, None).unwrap();
        std::fs::write(world.machine.disk_root(id).join("label"), id).unwrap();
    }
    let before = world.machine.manifest(DISK).unwrap();
    let (data, media) = (disk("d-data", "/dev/xvdb"), disk("d-media", "/dev/xvdc"));
    for _ in 0..2 {
        world.machine.attach_disk(INSTANCE, &data).unwrap();
        world.machine.attach_disk(INSTANCE, &media).unwrap();
    }
    assert_eq!(world.ok("cat /data/label; echo; cat /run/media/vdc/label"), "d-data\nd-media");
    world.ok("echo from the guest >/data/file");
    assert!(world.machine.disk_root("d-data").join("file").exists());
    assert_eq!(world.ok("grep -c -e ' /data ' -e ' /run/media/vdc ' /proc/mounts"), "2", "each once");
    assert_eq!(world.machine.manifest(DISK).unwrap(), before, "the system disk does not know");

    let id = world.run("exec 3</data/label; sleep 5000", 600);
    eventually("it holds the file", || (world.ok("ps | grep -c '[s]leep 5000' || true") == "1").then_some(()));
    for _ in 0..2 {
        world.machine.detach_disk(INSTANCE, "d-data").unwrap();
    }
    assert_eq!(world.ok("ls /data; ls /run/media/vdc"), "label");
    world.machine.stop_command(INSTANCE, &id).unwrap();
    world.machine.delete_disk("d-data").unwrap();
    assert!(matches!(world.machine.attach_disk(INSTANCE, &data), Err(HypervisorError::NotFound(_))));

    // A start is told all disks; a guest that is down needs nothing.
    world.machine.stop(INSTANCE, false).unwrap();
    world.machine.attach_disk(INSTANCE, &media).unwrap();
    let mut both = spec(&[DISK]);
    both.disks.push(media);
    world.machine.start(&both).unwrap();
    assert_eq!(world.ok("cat /run/media/vdc/label"), "d-media");
}

#[test]
fn what_was_plugged_is_there_after_a_reboot_by_itself() {
    let world = World::booted(CENTOS);
    world.machine.create_disk("d-data", None).unwrap();
    world.machine.create_disk("d-gone", None).unwrap();
    world.machine.attach_disk(INSTANCE, &disk("d-gone", "/dev/xvdc")).unwrap();
    world.machine.attach_disk(INSTANCE, &disk("d-data", "/dev/xvdb")).unwrap();
    world.machine.detach_disk(INSTANCE, "d-gone").unwrap();
    world.ok("echo kept >/data/file
         echo 'ls /data >/data/seen; rm /boot/grub2/grubenv /boot/loader/entries/upgrade.conf' >/root/upgrade
         cd /boot/loader/entries; sed 's/^options .*/& rd.osferry.standin=\\/root\\/upgrade/' *.conf >u.new; mv u.new upgrade.conf
         echo saved_entry=upgrade >/boot/grub2/grubenv");
    world.machine.stop(INSTANCE, false).unwrap();
    let mut both = spec(&[DISK]);
    both.disks.push(disk("d-data", "/dev/xvdb"));
    world.machine.start(&both).unwrap();
    eventually("it comes back", || world.machine.last_heartbeat(INSTANCE));
    assert_eq!(world.machine.boots(INSTANCE), 3);
    assert_eq!(world.ok("cat /data/file; cat /data/seen; ls /run/media 2>/dev/null || true"), "kept\nfile\nseen");
}

#[test]
fn a_copy_of_a_snapshot_outlives_it() {
    let world = World::new();
    world.machine.create_disk(DISK, Some(CENTOS)).unwrap();
    let before = world.machine.manifest(DISK).unwrap();
    let bytes = world.machine.create_snapshot("s-1", DISK, None).unwrap();
    assert_eq!(world.machine.copy_snapshot("m-image", "s-1").unwrap(), bytes);
    world.machine.delete_snapshot("s-1").unwrap();
    assert_eq!(world.machine.copy_snapshot("m-image", "s-1").unwrap(), bytes, "it is there already");
    assert!(matches!(world.machine.copy_snapshot("m-other", "s-1"), Err(HypervisorError::NotFound(_))));
    world.machine.create_disk("d-clone", None).unwrap();
    world.machine.reset_disk("d-clone", "m-image").unwrap();
    assert_eq!(world.machine.manifest("d-clone").unwrap(), before);
}
