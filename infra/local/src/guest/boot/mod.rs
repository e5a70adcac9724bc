//! A boot as firmware, boot loader and kernel would do it, told on the console as they tell it. No kernel is run:
//! whether one would come up is read from what is on the disk. A system that stands still on the way is on, but
//! its agent is not heard; only the console says why.

mod grub;
mod initramfs;
mod vercmp;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use grub::{Entry, Loader, locate};
use initramfs::Initramfs;

use super::faults::BootFault;

/// Parameter of a boot entry whose initramfs replaces the system (leapp's `upgrade`): the program on the disk that
/// stands in for what that initramfs would run.
const STAND_IN: &str = "rd.osferry.standin";
/// Where a Windows guest says, as `bcdedit /bootsequence` does, that its next boot runs something else, once: a
/// line with the path of the program that stands in for it.
const BOOT_SEQUENCE: &str = "osferry/bootsequence";
/// There when the system disk is that of a Windows guest.
const WINDOWS: &str = "osferry/powershell";

/// How far a boot comes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// The system is started.
    System,
    /// This program runs in place of the system; the machine reboots when it has ended well.
    StandIn(PathBuf),
    /// Nothing more happens until the machine is stopped.
    Standstill,
}

/// What became of a boot.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Boot {
    pub reached: Reached,
    /// None where no boot loader says which.
    pub kernel: Option<Kernel>,
}

/// The kernel that "runs".
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kernel {
    /// `uname -r`.
    pub release: String,
    pub command_line: String,
}

impl Boot {
    fn standstill(console: &mut dyn Write, words: &str) -> io::Result<Self> {
        writeln!(console, "{words}")?;
        Ok(Self { reached: Reached::Standstill, kernel: None })
    }
}

/// Boots the system disk at `root`, up to where its own init would take over.
pub(super) fn boot(root: &Path, fault: Option<BootFault>, console: &mut dyn Write) -> io::Result<Boot> {
    writeln!(console, "SeaBIOS (version 1.16.0-1.al8)\n\nBooting from Hard Disk...")?;
    if fault == Some(BootFault::NeverComesBack) {
        return Ok(Boot { reached: Reached::Standstill, kernel: None });
    }
    if root.join(WINDOWS).exists() {
        return windows(root, fault, console);
    }
    let (entries, default) = match grub::load(root) {
        Loader::Absent => return Ok(Boot { reached: Reached::System, kernel: None }),
        Loader::Prompt => {
            return Boot::standstill(
                console,
                "GRUB loading...\nWelcome to GRUB!\n\n                             GNU GRUB\n\n   Minimal BASH-like line editing is supported.\n\ngrub> ",
            );
        }
        Loader::Menu { entries, default } => (entries, default),
    };
    let chosen = match fault {
        Some(BootFault::OldSystem) => other_system(&entries, default),
        _ => default,
    };
    writeln!(console, "GRUB loading...\nWelcome to GRUB!\n\n                             GNU GRUB\n")?;
    for (position, entry) in entries.iter().enumerate() {
        writeln!(console, " {}{}", if position == chosen { '*' } else { ' ' }, entry.title)?;
    }
    let Some(entry) = entries.get(chosen) else { return Boot::standstill(console, "\ngrub> ") };
    writeln!(console, "\n  Booting `{}'\n", entry.title)?;
    start_kernel(root, entry, console)
}

/// The menu's first system that is neither the default nor a stand-in for an installer.
fn other_system(entries: &[Entry], default: usize) -> usize {
    let kernel = |position: usize| entries.get(position).map(|entry| &entry.linux);
    let other =
        |position: &usize| kernel(*position) != kernel(default) && entries[*position].parameter(STAND_IN).is_none();
    (0..entries.len()).find(other).unwrap_or(default)
}

fn windows(root: &Path, fault: Option<BootFault>, console: &mut dyn Write) -> io::Result<Boot> {
    writeln!(console, "Windows Boot Manager")?;
    let sequence = root.join(BOOT_SEQUENCE);
    let once = fs::read_to_string(&sequence).ok();
    if once.is_some() {
        fs::remove_file(&sequence)?;
    }
    let reached = match once.as_deref().map(str::trim).filter(|_| fault != Some(BootFault::OldSystem)) {
        Some(program) if !program.is_empty() => {
            writeln!(console, "Loading files...\nWindows Setup")?;
            Reached::StandIn(PathBuf::from(program))
        }
        _ => {
            writeln!(console, "Starting Windows")?;
            Reached::System
        }
    };
    Ok(Boot { reached, kernel: None })
}

fn start_kernel(root: &Path, entry: &Entry, console: &mut dyn Write) -> io::Result<Boot> {
    let (linux, version) = (locate(root, &entry.linux), &entry.version);
    writeln!(console, "Loading Linux {version} ...")?;
    if is_empty(&linux) {
        let words = format!(
            "error: file `{}' not found.\nerror: you need to load the kernel first.\n\nPress any key to continue...\n\nFailed to boot both default and fallback entries.\n\nPress any key to continue...\ngrub rescue> ",
            entry.linux
        );
        return Boot::standstill(console, &words);
    }
    writeln!(console, "Loading initial ramdisk ...")?;
    let initrd: Vec<PathBuf> = entry.initrd.iter().map(|file| locate(root, file)).collect();
    let missing = entry.initrd.iter().zip(&initrd).find(|(_, at)| !at.is_file());
    if let Some((file, _)) = missing {
        writeln!(console, "error: file `{file}' not found.\n\nPress any key to continue...")?;
    }
    let path = linux.strip_prefix(root).unwrap_or(&linux).display();
    let command_line = format!("BOOT_IMAGE=(hd0,msdos1)/{path} {}", entry.options);
    let disk = entry.parameter("root").unwrap_or("/dev/vda1");
    writeln!(
        console,
        "[    0.000000] Linux version {version} (builder@build) (gcc) #1 SMP\n\
         [    0.000000] Command line: {command_line}\n\
         [    0.412000] Unpacking initramfs..."
    )?;
    let kernel = Some(Kernel { release: version.clone(), command_line });
    let stand_in = entry.parameter(STAND_IN);
    let found = if missing.is_some() || initrd.iter().all(|file| is_empty(file)) {
        // Only a kernel that has the driver and was built to do without an initramfs names none.
        if initrd.is_empty() && is_built_in(root, version) { Initramfs::Fine } else { Initramfs::Damaged }
    } else if stand_in.is_some() || is_built_in(root, version) {
        // What an installer's initramfs holds is stood in for, too.
        Initramfs::Fine
    } else {
        initramfs::look(&initrd)?
    };
    match found {
        Initramfs::Fine => {}
        Initramfs::Damaged => {
            writeln!(
                console,
                "[    0.587000] VFS: Cannot open root device \"{disk}\" or unknown-block(0,0): error -6\n\
                 [    0.588000] Please append a correct \"root=\" boot option; here are the available partitions:\n\
                 [    0.589000] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n\
                 [    0.590000] CPU: 0 PID: 1 Comm: swapper/0 Not tainted {version} #1\n\
                 [    0.591000] ---[ end Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0) ]---"
            )?;
            return Ok(Boot { reached: Reached::Standstill, kernel });
        }
        Initramfs::WithoutDriver => {
            writeln!(console, "[    0.701000] Run /init as init process")?;
            let debian = entry.initrd.iter().any(|file| file.contains("initrd.img"));
            writeln!(console, "{}", if debian { no_disk_debian(disk) } else { no_disk_dracut(disk) })?;
            return Ok(Boot { reached: Reached::Standstill, kernel });
        }
    }
    writeln!(console, "[    0.701000] Run /init as init process")?;
    let reached = match stand_in {
        Some(program) => Reached::StandIn(PathBuf::from(program)),
        None => {
            writeln!(
                console,
                "[    1.203000] virtio_blk virtio2: [vda] 83886080 512-byte logical blocks\n\
                 [    1.581000] EXT4-fs (vda1): mounted filesystem with ordered data mode.\n\
                 [    1.902000] systemd[1]: Detected virtualization kvm.\n\
                 [    1.903000] systemd[1]: Detected architecture x86-64."
            )?;
            Reached::System
        }
    };
    Ok(Boot { reached, kernel })
}

fn is_empty(file: &Path) -> bool {
    fs::metadata(file).map_or(true, |found| found.len() == 0 || !found.is_file())
}

/// Whether the kernel has the disk's driver in itself.
fn is_built_in(root: &Path, version: &str) -> bool {
    let list = |lib: &str| fs::read_to_string(root.join(lib).join(version).join("modules.builtin"));
    ["usr/lib/modules", "lib/modules"].iter().any(|lib| list(lib).is_ok_and(|text| text.contains(initramfs::DRIVER)))
}

/// What dracut says when the root device never comes.
fn no_disk_dracut(disk: &str) -> String {
    format!(
        "[  130.102000] dracut-initqueue[301]: Warning: dracut-initqueue timeout - starting timeout scripts\n\
         [  191.840000] dracut-initqueue[301]: Warning: Could not boot.\n\
         \x20        Starting Dracut Emergency Shell...\n\
         Warning: {disk} does not exist\n\nGenerating \"/run/initramfs/rdsosreport.txt\"\n\n\n\
         Entering emergency mode. Exit the shell to continue.\n\
         Type \"journalctl\" to view system logs.\n\
         You might want to save \"/run/initramfs/rdsosreport.txt\" to a USB stick or /boot\n\
         after mounting them and attach it to a bug report.\n\n\ndracut:/# "
    )
}

/// What Debian's initramfs-tools say then.
fn no_disk_debian(disk: &str) -> String {
    format!(
        "Begin: Mounting root file system ... Begin: Waiting for root file system ... done.\n\
         Gave up waiting for root file system device.  Common problems:\n\
         \x20- Boot args (cat /proc/cmdline)\n\
         \x20  - Check rootdelay= (did the system wait long enough?)\n\
         \x20- Missing modules (cat /proc/modules; ls /dev)\n\
         ALERT!  {disk} does not exist.  Dropping to a shell!\n(initramfs) "
    )
}

/// The last lines of a boot: the name of the system and the prompt.
pub(super) fn login(root: &Path, host_name: &str, kernel: &str) -> String {
    let text = fs::read_to_string(root.join("etc/os-release")).unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or("Linux").trim_matches('"');
    format!("\n{name}\nKernel {kernel} on an x86_64\n\n{host_name} login: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "4.18.0-348.el8.x86_64";
    const NEW: &str = "5.10.134-16.3.al8.x86_64";

    /// A disk with two kernels whose drivers are built in; the newer boots.
    fn disk() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let boot = root.path().join("boot");
        fs::create_dir_all(boot.join("loader/entries")).unwrap();
        for version in [OLD, NEW] {
            fs::write(boot.join(format!("vmlinuz-{version}")), "kernel").unwrap();
            fs::write(boot.join(format!("initramfs-{version}.img")), "x").unwrap();
            let entry = format!(
                "title System ({version})\nversion {version}\nlinux /vmlinuz-{version}\ninitrd /initramfs-{version}.img\noptions root=/dev/vda1 ro\n"
            );
            fs::write(boot.join(format!("loader/entries/id-{version}.conf")), entry).unwrap();
            let modules = root.path().join("usr/lib/modules").join(version);
            fs::create_dir_all(&modules).unwrap();
            fs::write(modules.join("modules.builtin"), "kernel/drivers/block/virtio_blk.ko\n").unwrap();
        }
        root
    }

    fn booted(root: &Path, fault: Option<BootFault>) -> (Boot, String) {
        let mut console = Vec::new();
        let boot = boot(root, fault, &mut console).unwrap();
        (boot, String::from_utf8(console).unwrap())
    }

    #[test]
    fn a_healthy_boot_says_what_is_loaded() {
        let root = disk();
        let (boot, console) = booted(root.path(), None);
        assert_eq!(boot.reached, Reached::System);
        let kernel = boot.kernel.unwrap();
        assert_eq!(kernel.release, NEW);
        assert_eq!(kernel.command_line, format!("BOOT_IMAGE=(hd0,msdos1)/boot/vmlinuz-{NEW} root=/dev/vda1 ro"));
        let mut rest = console.as_str();
        for line in [
            "SeaBIOS",
            &format!("*System ({NEW})"),
            &format!("  System ({OLD})"),
            &format!("Loading Linux {NEW} ..."),
            "Loading initial ramdisk ...",
            "Command line: BOOT_IMAGE",
            "Run /init as init process",
            "systemd[1]",
        ] {
            let at = rest.find(line).unwrap_or_else(|| panic!("{line} is not there in time: {console}"));
            rest = &rest[at..];
        }
    }

    #[test]
    fn a_boot_stands_still_where_a_file_is_missing() {
        let root = disk();
        let without_driver = |version: &str| {
            fs::write(root.path().join("usr/lib/modules").join(version).join("modules.builtin"), "").unwrap();
        };
        let stops = |words: &str| {
            let (boot, console) = booted(root.path(), None);
            assert_eq!(boot.reached, Reached::Standstill);
            assert!(console.contains(words), "{console}");
            assert!(!console.contains("systemd"), "{console}");
        };
        let initramfs = root.path().join(format!("boot/initramfs-{NEW}.img"));
        without_driver(NEW);
        stops("Kernel panic - not syncing: VFS: Unable to mount root fs");
        let mut archive = Vec::new();
        write!(archive, "070701{}{:08x}00000000TRAILER!!!\0\0\0\0", "0".repeat(88), 11).unwrap();
        fs::write(&initramfs, &archive).unwrap();
        stops("dracut-initqueue timeout");
        stops("dracut:/# ");
        fs::write(&initramfs, "").unwrap();
        stops("Kernel panic");
        fs::remove_file(&initramfs).unwrap();
        stops(&format!("error: file `/initramfs-{NEW}.img' not found."));
        stops("Kernel panic");
        fs::remove_file(root.path().join(format!("boot/vmlinuz-{NEW}"))).unwrap();
        stops(&format!("error: file `/vmlinuz-{NEW}' not found."));
        fs::remove_dir_all(root.path().join("boot/loader/entries")).unwrap();
        fs::create_dir(root.path().join("boot/grub2")).unwrap();
        stops("grub> ");
    }

    #[test]
    fn faults_change_what_boots() {
        let root = disk();
        let (boot, console) = booted(root.path(), Some(BootFault::NeverComesBack));
        assert_eq!((boot.reached, console.contains("GRUB")), (Reached::Standstill, false));
        let (boot, _) = booted(root.path(), Some(BootFault::OldSystem));
        assert_eq!((boot.reached, boot.kernel.unwrap().release.as_str()), (Reached::System, OLD));
        let (boot, console) = booted(root.path(), Some(BootFault::AgentGone));
        assert_eq!((boot.reached, console.contains(NEW)), (Reached::System, true));
    }

    #[test]
    fn an_installers_entry_runs_its_stand_in() {
        let root = disk();
        let entry = format!(
            "title ELevate-Upgrade-Initramfs\nlinux /vmlinuz-{OLD}\ninitrd /initramfs-upgrade.img\noptions root=/dev/vda1 rd.osferry.standin=/var/lib/leapp/upgrade\n"
        );
        fs::write(root.path().join("boot/loader/entries/id-upgrade.conf"), entry).unwrap();
        fs::write(root.path().join("boot/initramfs-upgrade.img"), "not an archive").unwrap();
        fs::create_dir(root.path().join("boot/grub2")).unwrap();
        fs::write(root.path().join("boot/grub2/grubenv"), "saved_entry=id-upgrade\n").unwrap();
        let (boot, console) = booted(root.path(), None);
        assert_eq!(boot.reached, Reached::StandIn("/var/lib/leapp/upgrade".into()), "{console}");
        let (boot, _) = booted(root.path(), Some(BootFault::OldSystem));
        assert_eq!((boot.reached, boot.kernel.unwrap().release.as_str()), (Reached::System, NEW), "not the installer");
    }

    #[test]
    fn windows_runs_its_boot_sequence_once() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("osferry")).unwrap();
        fs::write(root.path().join(WINDOWS), "").unwrap();
        assert_eq!(booted(root.path(), None).0, Boot { reached: Reached::System, kernel: None });
        fs::write(root.path().join(BOOT_SEQUENCE), "/osferry/setup\n").unwrap();
        assert_eq!(booted(root.path(), None).0.reached, Reached::StandIn("/osferry/setup".into()));
        assert_eq!(booted(root.path(), None).0.reached, Reached::System);
    }

    #[test]
    fn the_prompt_names_system_kernel_and_host() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::write(root.path().join("etc/os-release"), "ID=x\nPRETTY_NAME=\"X Linux 3\"\n").unwrap();
        assert_eq!(login(root.path(), "web-1", "5.10"), "\nX Linux 3\nKernel 5.10 on an x86_64\n\nweb-1 login: ");
    }
}
