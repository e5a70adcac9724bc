use super::*;
use crate::os::Family;
use crate::path::Engine;

const MINUTE: Millis = 60_000;

fn hop(engine: Engine) -> Hop {
    Hop { from: Os::new(Family::CentOs, 7), to: Os::new(Family::AlmaLinux, 8), engine }
}

fn answer(os: (&str, &str)) -> Booted {
    Booted {
        boot_id: "b".into(),
        boot_id_before: "a".into(),
        os_id: os.0.into(),
        os_version: os.1.into(),
        kernel: "4.18.0-553.el8_10.x86_64".into(),
        ..Booted::default()
    }
}

fn judge(booted: Option<&Booted>, minutes: Millis, console: &str) -> BootOutcome {
    let hop = hop(Engine::Leapp);
    judge_boot(&BootFacts {
        hop: &hop,
        status: "Running",
        elapsed: minutes * MINUTE,
        dark: hop.engine.dark(),
        booted,
        console,
    })
}

#[test]
fn what_the_guest_says_counts() {
    let new = answer(("almalinux", "8.10"));
    assert_eq!(judge(Some(&new), 30, ""), BootOutcome::NewSystem);
    type Break = fn(&mut Booted);
    let table: [(Break, Code); 5] = [
        (|b| (b.os_id, b.os_version) = ("centos".into(), "7".into()), Code::OldSystem),
        (|b| b.os_id = "plan9".into(), Code::OldSystem),
        (|b| b.kernel = "3.10.0-1160.el7.x86_64".into(), Code::OldKernel),
        (|b| b.kernel_default = "4.18.0-554.el8_10.x86_64".into(), Code::OldKernel),
        (|b| b.failed = Some("RPMUpgrade".into()), Code::ToolGaveUp),
    ];
    for (break_it, code) in table {
        let mut booted = new.clone();
        break_it(&mut booted);
        assert_eq!(
            judge(Some(&booted), 30, "").cause().map(|cause| (cause.code, cause.transient)),
            Some((code, false))
        );
    }
    let finishing = Booted { finishing: Some("FirstBoot".into()), ..answer(("centos", "7")) };
    assert_eq!(judge(Some(&finishing), 30, ""), BootOutcome::Finishing("FirstBoot".into()), "os-release may come last");
}

#[test]
fn an_answer_from_the_old_boot_waits_and_then_fails() {
    let old = Booted { boot_id: "a".into(), ..answer(("centos", "7")) };
    assert_eq!(judge(Some(&old), 1, ""), BootOutcome::NotYet);
    assert_eq!(judge(Some(&old), 16, ""), BootOutcome::NoReboot);
    let unknown = Booted { boot_id_before: String::new(), ..answer(("almalinux", "8")) };
    assert_eq!(judge(Some(&unknown), 1, ""), BootOutcome::NotYet, "only two known ids differ");
}

#[test]
fn the_console_tells_how_a_boot_ended() {
    let table = [
        ("[    2.1] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)", Code::KernelPanic),
        (
            "dracut-initqueue[312]: Warning: /dev/vda1 does not exist\nEntering emergency mode. Exit the shell",
            Code::EmergencyShell,
        ),
        ("You are in emergency mode. After logging in, type \"journalctl -xb\"", Code::EmergencyShell),
        (
            "error: file `/boot/grub2/i386-pc/normal.mod' not found.\nEntering rescue mode...\ngrub rescue> ",
            Code::BootLoader,
        ),
        ("GNU GRUB  version 2.02\n\ngrub> ", Code::BootLoader),
        ("error: no boot entry found.", Code::BootLoader),
        ("Stop code: INACCESSIBLE_BOOT_DEVICE", Code::WindowsRecovery),
    ];
    for (console, code) in table {
        // Already while silence is still normal.
        let outcome = judge(None, 5, console);
        assert_eq!(outcome.cause().map(|cause| cause.code), Some(code), "{console}");
    }
}

#[test]
fn a_boot_loader_that_complains_and_goes_on_is_none_that_stands_still() {
    // With `quiet` no kernel announces itself.
    let console = "error: no such device: 0f3c-1a2b.\n==> Processing phase `RPMUpgrade`\n  Upgrading: glibc 2/900\n";
    assert_eq!(judge(None, 5, console), BootOutcome::StillDark);
    let console = "error: no such partition.\n[  OK  ] Reached target Basic System.\n";
    assert_eq!(judge(None, 5, console), BootOutcome::StillDark);
    let console = "error: no such device: 0f3c-1a2b.\n[  OK  ] Started x.\nKernel panic - not syncing: no init\n";
    assert!(matches!(judge(None, 5, console), BootOutcome::KernelPanic(_)));
}

#[test]
fn earlier_boots_on_the_console_do_not_count() {
    let console = "Kernel panic - not syncing: old\n[    0.0] Linux version 4.18.0\n[   20.1] systemd[1]: Started.\n";
    assert_eq!(judge(None, 5, console), BootOutcome::StillDark);
    let console = "[    0.0] Linux version 3.10.0\nYou are in emergency mode.\n\nCentOS Linux 7\nshop login: ";
    assert_eq!(judge(None, 5, console), BootOutcome::StillDark, "somebody went on from the shell");
}

#[test]
fn silence_is_normal_as_long_as_the_engine_needs() {
    assert_eq!(judge(None, 119, "[ 1.0] leapp: upgrading"), BootOutcome::StillDark);
    let cause = judge(None, 121, "AlmaLinux 8.10\nshop login: ").cause().unwrap();
    assert_eq!(cause.code, Code::NoAgent);
    assert!(cause.text.contains("121 min") && cause.text.contains("shows a login prompt"), "{}", cause.text);
    let gone = "shop login: \n[   60.0] reboot: Restarting system\nSeaBIOS\n";
    let cause = judge(None, 121, gone).cause().unwrap();
    assert!(cause.text.contains("no login prompt"), "that was the boot before: {}", cause.text);
    let quick = hop(Engine::DistroSync);
    let facts = BootFacts {
        hop: &quick,
        status: "Stopped",
        elapsed: 31 * MINUTE,
        dark: quick.engine.dark(),
        booted: None,
        console: "",
    };
    let cause = judge_boot(&facts).cause().unwrap();
    assert!(cause.text.contains("Stopped") && cause.text.contains("no login prompt"), "{}", cause.text);
}

#[test]
fn a_build_of_windows_is_a_system() {
    let hop =
        Hop { from: Os::windows_r2(2012), to: Os::new(Family::WindowsServer, 2019), engine: Engine::WindowsSetup };
    let mut booted = Booted { kernel: String::new(), ..answer(("windows", "17763")) };
    let mut judge = |version: &str| {
        booted.os_version = version.into();
        judge_boot(&BootFacts { hop: &hop, status: "Running", elapsed: 0, dark: 0, booted: Some(&booted), console: "" })
    };
    assert_eq!(judge("17763"), BootOutcome::NewSystem);
    assert_eq!(judge("9600"), BootOutcome::OldSystem("Windows Server 2012 R2".into()));
}
