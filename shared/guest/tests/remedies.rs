//! What is changed to get through the check, and taken back: run for real, done twice, and cut off everywhere.

#![allow(clippy::unwrap_used, reason = "tests panic")]

mod root;

use migration::Remediation;
use migration::path::Engine;
use root::{Root, all, difference, hop, hop_7, script};

/// A remediation, a guest that needs it, and what it leads to.
type Case = (Remediation, fn(&Root), fn(&Root) -> bool);

const FIREWALLD: &str = "# x\nAllowZoneDrifting=yes\nLogDenied=off\n";
const FSTAB: &str =
    "/dev/vda1 / xfs defaults 0 0\nnas:/a /nas nfs4 defaults,_netdev 0 0\n  //nas/b /nas/in\\040side cifs guest 0 0\n";

/// `leapp answer --section NAME.confirm=True --add`: writes the answer file, and no other.
const LEAPP_ANSWER: &str = r#"
file=$R/var/log/leapp/answerfile
for word; do case $word in *.confirm=True)
    grep -q -F "[${word%.confirm=True}]" "$file" 2>/dev/null || printf '[%s]\nconfirm = True\n\n' "${word%.confirm=True}" >>"$file"
esac; done"#;

const CASES: &[Case] = &[
    (
        Remediation::RemoveI686,
        |r| r.packages("zlib 1.2.7-21.el7 i686\nglibc 2.17-326.el7 i686\n"),
        |r| !r.read("var/lib/rpm/packages").contains("i686") && r.read("etc/zlib.conf").is_empty(),
    ),
    (
        Remediation::PermitRootLogin,
        |r| {
            r.write("etc/ssh/sshd_config", "Port 22\nMatch User x\n  PermitRootLogin no");
            r.write("stub/sshd", "port 22\npermitrootlogin without-password\n");
        },
        |r| r.read("etc/ssh/sshd_config").lines().nth(1) == Some("PermitRootLogin without-password"),
    ),
    (
        Remediation::UnloadDrivers,
        |r| r.write("proc/modules", "floppy 1 0 - Live 0x0\npata_acpi 1 0 - Live 0x0\nvirtio_net 1 0 - Live 0x0\n"),
        |r| {
            r.read("proc/modules").lines().count() == 1
                && r.read("etc/modprobe.d/osferry.conf") == "blacklist floppy\nblacklist pata_acpi\n"
        },
    ),
    (
        Remediation::CleanBoot,
        |r| {
            r.append("proc/mounts", "/dev/vda2 /boot xfs rw 0 0\n");
            r.packages("kernel 3.10.0-957.el7 x86_64\nkernel 3.10.0-1160.119.1.el7 x86_64\n");
            for version in ["3.10.0-957", "3.10.0-1160", "3.10.0-1160.119.1", "3.10.0-9570"] {
                for file in ["vmlinuz-V", "initramfs-V.img", "initramfs-Vkdump.img", ".vmlinuz-V.hmac", "symvers-V.gz"]
                {
                    r.write(&format!("boot/{}", file.replace('V', &format!("{version}.el7.x86_64"))), version);
                }
            }
            r.write("boot/loader/entries/0a1b-3.10.0-957.el7.x86_64.conf", "title old\n");
            r.write("boot/initramfs-0-rescue-0a1b.img", "rescue\n");
            r.write("boot/grub2/grub.cfg", "menu\n");
        },
        |r| {
            let left: Vec<_> = r.manifest().into_keys().filter(|path| path.starts_with("boot")).collect();
            let names: Vec<_> = left.iter().map(|path| path.to_string_lossy()).collect();
            names.iter().all(|name| !name.contains("-957.") && !name.contains("rescue"))
                && names.iter().filter(|name| name.contains("1160") || name.contains("9570")).count() == 15
                && r.read("boot/grub2/grub.cfg") == "menu\n"
        },
    ),
    (
        Remediation::UnmountNetworkFileSystems,
        |r| {
            r.write("etc/fstab", FSTAB);
            r.append("proc/mounts", "nas:/a /nas nfs4 rw 0 0\n//nas/b /nas/in\\040side cifs rw 0 0\n");
        },
        |r| {
            !r.read("proc/mounts").contains("nas")
                && r.read("etc/fstab").lines().skip(1).all(|line| line.starts_with("#osferry-off# "))
        },
    ),
    (
        Remediation::RelativeRootLinks,
        |r| {
            std::fs::create_dir_all(r.root.join("data/my images")).unwrap();
            r.link("images", "/data/my images");
            r.link("bin", "usr/bin");
            r.link("dangling", "/nowhere/x");
        },
        |r| {
            ["images", "dangling"].iter().all(|link| std::fs::read_link(r.root.join(link)).unwrap().is_relative())
                && std::fs::read_link(r.root.join("images")).unwrap().to_str() == Some("data/my images")
        },
    ),
    (
        Remediation::RegularResolvConf,
        |r| {
            r.write("etc/systemd-resolv.conf", "nameserver 100.100.2.138\n");
            r.link("etc/resolv.conf", "systemd-resolv.conf");
        },
        |r| {
            r.root.join("etc/resolv.conf").symlink_metadata().unwrap().is_file()
                && r.read("etc/resolv.conf") == "nameserver 100.100.2.138\n"
        },
    ),
    (
        Remediation::DisableZoneDrifting,
        |r| {
            r.write("etc/firewalld/firewalld.conf", FIREWALLD);
            // What firewalld goes by, from its start or the last time it was told to read.
            r.write("var/firewalld", FIREWALLD);
            r.stub(
                "firewall-cmd",
                "[ \"$1\" != --reload ] || cat \"$R/etc/firewalld/firewalld.conf\" >\"$R/var/firewalld\"",
            );
        },
        |r| r.read("var/firewalld").lines().any(|line| line == "AllowZoneDrifting=no"),
    ),
    (
        Remediation::EnableYumPlugins,
        |r| r.write("etc/yum.conf", "[main]\nplugins = 0\nkeepcache=0\n"),
        |r| r.read("etc/yum.conf").lines().any(|line| line == "plugins=1"),
    ),
    (Remediation::InstallEfibootmgr, |_| {}, |r| r.read("var/lib/rpm/packages").contains("efibootmgr 1-1")),
    (
        Remediation::AnswerLeapp,
        |r| {
            r.write("var/log/leapp/answerfile.userchoices", "[old]\nconfirm = True\n");
            r.stub("leapp", LEAPP_ANSWER);
        },
        |r| r.read("var/log/leapp/answerfile").contains("[remove_pam_pkcs11_module_check]\nconfirm = True\n"),
    ),
];

fn prepare(remediations: &[Remediation]) -> String {
    script(&hop_7(), |job| job.prepare(remediations))
}

fn undo() -> String {
    script(&hop_7(), |job| job.undo())
}

fn all_at_once() -> Root {
    let root = Root::healthy();
    for (remediation, make, _) in CASES {
        // Its questions are appended by leapp itself, once each time.
        if *remediation != Remediation::AnswerLeapp {
            make(&root);
        }
    }
    root
}

#[test]
fn each_is_applied_once_and_taken_back_to_the_byte() {
    let tried: Vec<_> = CASES.iter().map(|(remediation, ..)| *remediation).collect();
    assert!(Remediation::ALL.iter().all(|one| tried.contains(one)), "a remediation is not tested");
    for (remediation, make, is_mended) in CASES {
        let root = Root::healthy();
        make(&root);
        let before = root.manifest();
        let answer = root.run(&prepare(&[*remediation])).unwrap();
        assert_eq!(all(&answer, "applied"), [remediation.name()], "{answer:?}");
        assert_eq!(all(&answer, "problem"), [""; 0]);
        assert!(is_mended(&root), "{remediation:?}: {:#?}", difference(&before, &root.manifest()));

        let once = root.manifest();
        let answer = root.run(&prepare(&[*remediation])).unwrap();
        assert_eq!(all(&answer, "applied"), [remediation.name()], "{answer:?}");
        assert_eq!(difference(&once, &root.manifest()), [""; 0], "{remediation:?} is done twice");

        for again in [false, true] {
            let answer = root.run(&undo()).unwrap();
            assert_eq!(all(&answer, "undone"), ["yes"], "{remediation:?}: {answer:?}");
            assert_eq!(difference(&before, &root.manifest()), [""; 0], "{remediation:?}, again: {again}");
        }
    }
}

/// What is done otherwise where packages are dpkg's.
const ON_DEBIAN: &[Case] = &[
    (
        Remediation::RemoveI686,
        |r| r.debs("libc6 2.31-13+deb11u11 i386\nzlib1g 1:1.2.11.dfsg-2+deb11u2 i386\n"),
        |r| !r.read("var/lib/dpkg/packages").contains("i386") && r.read("var/lib/dpkg/packages").lines().count() == 4,
    ),
    (
        Remediation::CleanBoot,
        |r| {
            r.append("proc/mounts", "/dev/vda2 /boot ext4 rw 0 0\n");
            r.debs("linux-image-5.10.0-8-amd64 5.10.46-4 amd64\nlinux-image-5.10.0-32-amd64 5.10.223-1 amd64\nlinux-image-amd64 5.10.223-1 amd64\n");
            for version in ["5.10.0-8-amd64", "5.10.0-20-amd64", "5.10.0-32-amd64"] {
                for file in ["vmlinuz", "initrd.img", "System.map", "config"] {
                    r.write(&format!("boot/{file}-{version}"), version);
                }
            }
        },
        |r| {
            let left: Vec<_> = r.manifest().into_keys().filter(|path| path.starts_with("boot")).collect();
            let count = |version: &str| left.iter().filter(|path| path.to_string_lossy().contains(version)).count();
            (count("-8-amd64"), count("-20-amd64"), count("-32-amd64")) == (0, 4, 4)
        },
    ),
];

#[test]
fn debians_packages_and_kernels_are_taken_back_to_the_byte_too() {
    let hop = hop(Engine::AptFullUpgrade);
    for (remediation, make, is_mended) in ON_DEBIAN {
        let prepare = script(&hop, |job| job.prepare(&[*remediation]));
        let undo = script(&hop, |job| job.undo());
        let root = Root::healthy_debian();
        make(&root);
        let before = root.manifest();
        let mut once = None;
        for _ in 0..2 {
            let answer = root.run(&prepare).unwrap();
            assert_eq!(all(&answer, "applied"), [remediation.name()], "{answer:?}");
            assert!(is_mended(&root), "{remediation:?}: {:#?}", difference(&before, &root.manifest()));
            let done = root.manifest();
            assert_eq!(difference(once.get_or_insert(done.clone()), &done), [""; 0], "{remediation:?} is done twice");
        }
        for again in [false, true] {
            let answer = root.run(&undo).unwrap();
            assert_eq!(all(&answer, "undone"), ["yes"], "{remediation:?}: {answer:?}");
            assert_eq!(difference(&before, &root.manifest()), [""; 0], "{remediation:?}, again: {again}");
        }
    }
    // What could not be put back is not removed.
    let root = Root::healthy_debian();
    root.debs("libc6 2.31-13+deb11u11 i386\n");
    root.write("stub/no-repository", "");
    root.stub("sleep", ":");
    let answer = root.run(&script(&hop, |job| job.prepare(&[Remediation::RemoveI686]))).unwrap();
    assert!(all(&answer, "problem")[0].contains("could not be put back"), "{answer:?}");
    assert!(root.read("var/lib/dpkg/packages").contains("i386"));
}

#[test]
fn cut_off_anywhere_it_can_be_taken_back() {
    // Two workers, each every fourth point.
    std::thread::scope(|scope| {
        for first in [1, 3] {
            scope.spawn(move || cut_off_from(first));
        }
    });
}

fn cut_off_from(first: usize) {
    let names: Vec<Remediation> =
        Remediation::ALL.iter().copied().filter(|one| *one != Remediation::AnswerLeapp).collect();
    let (prepare, undo) = (prepare(&names), undo());
    let mut points = 0;
    for number in (first..).step_by(4) {
        let root = all_at_once();
        let before = root.manifest();
        root.cut_off_at(number);
        // Two ends of one pipe may be counted as one: only the count tells that this is beyond the end.
        let whole = root.run(&prepare).is_some() && root.commands() < number;
        // The undo is cut off as well, each time elsewhere.
        root.cut_off_at(1 + number * 5 % 90);
        let undone = root.run(&undo);
        root.let_run();
        let answer = root.run(&undo).unwrap();
        assert_eq!(all(&answer, "undone"), ["yes"], "cut off at {number}: {undone:?} {answer:?}");
        assert_eq!(difference(&before, &root.manifest()), [""; 0], "cut off at {number}");
        points = number;
        if whole {
            break;
        }
    }
    assert!(points > 100, "only {points} commands change anything");
}

#[test]
fn an_interrupted_prepare_goes_on_where_it_was() {
    let names: Vec<Remediation> =
        Remediation::ALL.iter().copied().filter(|one| *one != Remediation::AnswerLeapp).collect();
    for number in [3, 17, 40, 71] {
        let root = all_at_once();
        let before = root.manifest();
        root.cut_off_at(number);
        assert!(root.run(&prepare(&names)).is_none(), "{number} is beyond its end");
        root.let_run();
        let answer = root.run(&prepare(&names)).unwrap();
        assert_eq!(all(&answer, "applied").len(), names.len(), "{answer:?}");
        let answer = root.run(&undo()).unwrap();
        assert_eq!(all(&answer, "undone"), ["yes"], "{answer:?}");
        assert_eq!(difference(&before, &root.manifest()), [""; 0], "cut off at {number}");
    }
}

#[test]
fn what_could_not_be_put_back_is_not_removed() {
    let root = Root::healthy();
    (CASES[0].1)(&root);
    root.write("stub/no-repository", "");
    // What cannot be reached is asked for again, after a pause.
    root.stub("sleep", ":");
    let before = root.read("var/lib/rpm/packages");
    let answer = root.run(&prepare(&[Remediation::RemoveI686])).unwrap();
    assert_eq!(all(&answer, "applied"), [""; 0]);
    assert!(all(&answer, "problem")[0].contains("could not be put back: Curl error (6)"), "{answer:?}");
    assert_eq!(root.read("var/lib/rpm/packages"), before);
}

#[test]
fn what_does_not_work_is_told_and_the_rest_goes_on() {
    let root = all_at_once();
    root.write("stub/busy", "");
    root.stub("umount", "echo 'umount: /nas: target is busy' >&2; exit 32");
    root.write("proc/mounts", &root.read("proc/mounts").replace("/dev/vda2 /boot xfs rw 0 0\n", ""));
    let before = root.manifest();
    let asked = [Remediation::CleanBoot, Remediation::UnmountNetworkFileSystems, Remediation::RelativeRootLinks];
    let answer = root.run(&prepare(&asked)).unwrap();
    assert_eq!(all(&answer, "applied"), ["relative-root-links"]);
    let problems = all(&answer, "problem");
    assert!(problems[0].starts_with("clean-boot: /boot has no space of its own"), "{problems:?}");
    assert!(problems[1].contains("target is busy"), "{problems:?}");
    assert_eq!(all(&root.run(&undo()).unwrap(), "undone"), ["yes"]);
    assert_eq!(difference(&before, &root.manifest()), [""; 0]);
    let forged = prepare(&[]).replace("REMEDIATIONS=''", "REMEDIATIONS='reformat'");
    let answer = Root::healthy().run(&forged).unwrap();
    assert_eq!(all(&answer, "problem"), ["there is no remediation reformat"]);
}

#[test]
fn what_a_person_changed_meanwhile_stays() {
    let root = Root::healthy();
    (CASES[4].1)(&root);
    root.run(&prepare(&[Remediation::UnmountNetworkFileSystems])).unwrap();
    root.append("etc/fstab", "/dev/vdx1 /new xfs defaults 0 0\n");
    assert_eq!(all(&root.run(&undo()).unwrap(), "undone"), ["yes"]);
    assert_eq!(root.read("etc/fstab"), format!("{FSTAB}/dev/vdx1 /new xfs defaults 0 0\n"));
}

#[test]
fn what_cannot_be_taken_back_is_told_until_it_can() {
    let root = Root::healthy();
    (CASES[4].1)(&root);
    let before = root.manifest();
    root.run(&prepare(&[Remediation::UnmountNetworkFileSystems])).unwrap();
    root.cut_off_at(10_000);
    root.stub("mount", "exit 32");
    let answer = root.run(&undo()).unwrap();
    let output: String = answer.iter().map(|(key, value)| format!("osf\t{key}\t{value}\n")).collect();
    let left = guest::read_undone(&output).unwrap();
    assert_eq!(left, ["/nas is not mounted", "/nas/in\\040side is not mounted"]);
    root.let_run();
    assert_eq!(all(&root.run(&undo()).unwrap(), "undone"), ["yes"]);
    assert_eq!(difference(&before, &root.manifest()), [""; 0]);
}

#[test]
fn after_the_point_of_no_return_nothing_is_touched() {
    let root = Root::healthy();
    (CASES[1].1)(&root);
    root.run(&prepare(&[Remediation::PermitRootLogin])).unwrap();
    let id = migration::MigrationId::from_bytes([7; 10]);
    root.write(&format!("var/lib/osferry/{id}-0/no_return"), "");
    let before = root.manifest();
    let answer = root.run(&undo()).unwrap();
    assert_eq!(all(&answer, "left").len(), 1, "{answer:?}");
    assert_eq!(all(&root.run(&prepare(&[Remediation::CleanBoot])).unwrap(), "problem").len(), 1);
    assert_eq!(difference(&before, &root.manifest()), [""; 0]);
}

#[test]
fn what_leapp_was_answered_is_no_question_any_more() {
    const QUESTION: &str = "[remove_pam_krb5_module_check]\n# Title: x\n";
    const CHOICES: &str = "var/log/leapp/answerfile.userchoices";
    let asks = |root: &Root| {
        let answer = root.run(&script(&hop(Engine::Leapp), |job| job.assess())).unwrap();
        all(&answer, "system.pam_question").len()
    };
    let root = Root::healthy();
    root.write("etc/pam.d/login", "auth optional pam_krb5.so\n");
    root.stub("leapp", LEAPP_ANSWER);
    assert_eq!(asks(&root), 1);
    root.run(&prepare(&[Remediation::AnswerLeapp])).unwrap();
    assert_eq!((asks(&root), root.read(CHOICES)), (0, String::new()));
    for (answers, choices, questions) in [
        (format!("{QUESTION}# confirm = True\n"), "", 1),
        (format!("{QUESTION}confirm = False\n"), "", 1),
        ("[check_vdo]\nconfirm = True\n".to_owned(), "[remove_pam_krb5_module_check]\nconfirm = True\n", 0),
        (format!("{QUESTION}confirm = False\n"), "[remove_pam_krb5_module_check]\nconfirm = True\n", 1),
        (format!("{QUESTION}confirm=true\n\n[other]\n# confirm =\n"), "", 0),
    ] {
        root.write("var/log/leapp/answerfile", &answers);
        root.write(CHOICES, choices);
        assert_eq!(asks(&root), questions, "{answers}{choices}");
    }
}

#[test]
fn a_share_whose_password_nobody_knows_stays_mounted() {
    let root = Root::healthy();
    root.append("proc/mounts", "//nas/b /by-hand cifs rw,username=x 0 0\n");
    let before = root.manifest();
    let answer = root.run(&prepare(&[Remediation::UnmountNetworkFileSystems])).unwrap();
    assert!(all(&answer, "problem")[0].contains("/by-hand is not in /etc/fstab"), "{answer:?}");
    assert_eq!(all(&root.run(&undo()).unwrap(), "undone"), ["yes"]);
    assert_eq!(difference(&before, &root.manifest()), [""; 0]);
}
