use super::*;
use crate::os::{Arch, Edition, Family, Language, Windows};

const OPEN: Grants = Grants { rhel: true };

/// `CentOS 7.9`, `CentOS 7.9 ARM版`, `Windows Server 2012 R2 Standard Chinese`.
fn system(name: &str) -> System {
    System::from_ecs(name, "", "", None).unwrap()
}

fn os(name: &str) -> Os {
    Os::from_ecs_name(name).unwrap()
}

/// `leapp>AlmaLinux 8 leapp>AlmaLinux 9`
fn way(from: &str, to: Option<&str>, grants: &Grants) -> Result<String, NoRoute> {
    let hops = route(&system(from), to.map(os).as_ref(), grants)?;
    Ok(hops.iter().map(|hop| format!("{}>{}", hop.engine.name(), hop.to)).collect::<Vec<_>>().join(" "))
}

/// From, to, the way. One line for each row of the matrix on each of its architectures, then chains.
#[rustfmt::skip]
const WAYS: &[(&str, &str, &str)] = &[
    ("CentOS 7.9", "Alibaba Cloud Linux 3", "leapp>Alibaba Cloud Linux 3"),
    ("CentOS 7.2", "Alibaba Cloud Linux 2", "distro-sync>Alibaba Cloud Linux 2"),
    ("CentOS 7.9", "Anolis OS 8", "leapp>Anolis OS 8"),
    ("CentOS 7.9", "Anolis OS 7", "centos2anolis>Anolis OS 7"),
    ("CentOS 7.9", "AlmaLinux 8", "leapp>AlmaLinux 8"),
    ("CentOS 7.9", "Red Hat 7", "convert2rhel>Red Hat Enterprise Linux 7"),
    ("CentOS 8.5", "Alibaba Cloud Linux 3", "distro-sync>Alibaba Cloud Linux 3"),
    ("CentOS 8.0", "Anolis OS 8", "centos2anolis>Anolis OS 8"),
    ("CentOS 8.4", "AlmaLinux 8", "almalinux-deploy>AlmaLinux 8"),
    ("CentOS 8.5", "Rocky Linux 8", "migrate2rocky>Rocky Linux 8"),
    ("CentOS 8.5", "Red Hat 8", "convert2rhel>Red Hat Enterprise Linux 8"),
    ("Red Hat 7.9", "Red Hat 8", "leapp>Red Hat Enterprise Linux 8"),
    ("Red Hat 7.9", "Alibaba Cloud Linux 3", "leapp>Alibaba Cloud Linux 3"),
    ("Red Hat 8.6", "Red Hat 9", "leapp>Red Hat Enterprise Linux 9"),
    ("Red Hat 8.6", "Alibaba Cloud Linux 3", "distro-sync>Alibaba Cloud Linux 3"),
    ("Alibaba Cloud Linux 2.1903", "Alibaba Cloud Linux 3", "leapp>Alibaba Cloud Linux 3"),
    ("AlmaLinux 8.10", "AlmaLinux 9", "leapp>AlmaLinux 9"),
    ("AlmaLinux 9.6", "AlmaLinux 10", "leapp>AlmaLinux 10"),
    ("Debian 11.11", "Debian 12", "apt-full-upgrade>Debian 12"),
    ("Debian 12.5", "Debian 13", "apt-full-upgrade>Debian 13"),
    ("Windows Server 2008 R2 Enterprise", "Windows Server 2012 R2", "windows-setup>Windows Server 2012 R2"),
    ("Windows Server 2012 R2 Standard", "Windows Server 2019", "windows-setup>Windows Server 2019"),
    ("Windows Server 2012 R2 Datacenter", "Windows Server 2016", "windows-setup>Windows Server 2016"),
    ("Windows Server 2016 Standard", "Windows Server 2022", "windows-setup>Windows Server 2022"),
    ("Windows Server 2016 Datacenter", "Windows Server 2019", "windows-setup>Windows Server 2019"),
    ("Windows Server 2019 Datacenter", "Windows Server 2022", "windows-setup>Windows Server 2022"),
    // On ARM.
    ("CentOS 7.9 ARM版", "Anolis OS 7", "centos2anolis>Anolis OS 7"),
    ("CentOS 7.9 ARM版", "Anolis OS 8", "leapp>Anolis OS 8"),
    ("CentOS 7.9 ARM版", "Alibaba Cloud Linux 3", "leapp>Alibaba Cloud Linux 3"),
    ("CentOS 8.5 ARM版", "Anolis OS 8", "centos2anolis>Anolis OS 8"),
    ("CentOS 8.5 ARM版", "Alibaba Cloud Linux 3", "distro-sync>Alibaba Cloud Linux 3"),
    ("CentOS 8.4 ARM版", "AlmaLinux 8", "almalinux-deploy>AlmaLinux 8"),
    ("CentOS 8.5 ARM版", "Rocky Linux 8", "migrate2rocky>Rocky Linux 8"),
    ("AlmaLinux 8.10 ARM版", "AlmaLinux 9", "leapp>AlmaLinux 9"),
    ("AlmaLinux 9.6 ARM版", "AlmaLinux 10", "leapp>AlmaLinux 10"),
    ("Debian 11.11 ARM版", "Debian 12", "apt-full-upgrade>Debian 12"),
    ("Debian 12.5 ARM版", "Debian 13", "apt-full-upgrade>Debian 13"),
    // The minor version is the guest's business, whatever the image's was; so is an edition that is not known.
    ("CentOS 7", "AlmaLinux 8", "leapp>AlmaLinux 8"),
    ("CentOS 7.6", "AlmaLinux 8", "leapp>AlmaLinux 8"),
    ("AlmaLinux 8.5", "AlmaLinux 9", "leapp>AlmaLinux 9"),
    ("Red Hat 7.6", "Red Hat 8", "leapp>Red Hat Enterprise Linux 8"),
    ("Windows Server 2019", "Windows Server 2022", "windows-setup>Windows Server 2022"),
    // Chains.
    ("CentOS 7.9", "AlmaLinux 9", "leapp>AlmaLinux 8 leapp>AlmaLinux 9"),
    ("CentOS 8.5", "AlmaLinux 10", "almalinux-deploy>AlmaLinux 8 leapp>AlmaLinux 9 leapp>AlmaLinux 10"),
    ("CentOS 7.9", "Red Hat 9", "convert2rhel>Red Hat Enterprise Linux 7 leapp>Red Hat Enterprise Linux 8 leapp>Red Hat Enterprise Linux 9"),
    ("Debian 11.11", "Debian 13", "apt-full-upgrade>Debian 12 apt-full-upgrade>Debian 13"),
    ("CentOS 8.5 ARM版", "AlmaLinux 10", "almalinux-deploy>AlmaLinux 8 leapp>AlmaLinux 9 leapp>AlmaLinux 10"),
    ("Debian 11.11 ARM版", "Debian 13", "apt-full-upgrade>Debian 12 apt-full-upgrade>Debian 13"),
    ("Windows Server 2008 R2 Standard", "Windows Server 2016", "windows-setup>Windows Server 2012 R2 windows-setup>Windows Server 2016"),
    ("Windows Server 2008 R2 Standard", "Windows Server 2019", "windows-setup>Windows Server 2012 R2 windows-setup>Windows Server 2019"),
    ("Windows Server 2012 R2 Standard", "Windows Server 2022", "windows-setup>Windows Server 2019 windows-setup>Windows Server 2022"),
    ("Windows Server 2008 R2 Standard", "Windows Server 2022", "windows-setup>Windows Server 2012 R2 windows-setup>Windows Server 2019 windows-setup>Windows Server 2022"),
    ("Red Hat 7.9", "Red Hat 9", "leapp>Red Hat Enterprise Linux 8 leapp>Red Hat Enterprise Linux 9"),
];

/// From, to, part of the reason. One line for each row of the matrix on each architecture it is not offered on, one for
/// each edition it asks for, one for each refusal.
#[rustfmt::skip]
const NO_WAYS: &[(&str, &str, &str)] = &[
    ("Windows Server 2012 R2 Datacenter", "Windows Server 2025", "end at 2022"),
    ("Windows Server 2008 R2 Standard", "Windows Server 2025", "end at 2022"),
    ("Windows Server 2008 R2 Datacenter", "Windows Server 2012 R2", "Standard and Enterprise, this is Datacenter"),
    ("Windows Server 2019 Standard", "Windows Server 2022", "Datacenter, this is Standard"),
    ("Windows Server 2016 Datacenter", "Windows Server 2012 R2", "no way back"),
    ("Windows Server 2016 Datacenter", "CentOS 8", "do not become one another"),
    ("Windows Server 2022", "Windows Server 2025", "end at 2022"),
    ("Windows Server 2012 Datacenter", "Windows Server 2016", "only 2012 R2"),
    ("Windows Server 2008 标准版 64位", "Windows Server 2016", "only 2008 R2"),
    ("Windows Server 2003 R2", "Windows Server 2016", "new instance"),
    ("Windows Server 2008 R2 企业版 32位", "Windows Server 2012 R2", "32-bit"),
    ("CentOS 5.11", "Alibaba Cloud Linux 2", "ReplaceSystemDisk"),
    ("CentOS 6.10", "Alibaba Cloud Linux 2", "ReplaceSystemDisk"),
    ("CentOS 7.9 ARM版", "Alibaba Cloud Linux 2", "x86_64 only"),
    ("CentOS 7.9 ARM版", "AlmaLinux 8", "x86_64 only"),
    ("CentOS 7.9 ARM版", "Red Hat 7", "x86_64 only"),
    ("CentOS 8.5 ARM版", "Red Hat 8", "x86_64 only"),
    ("Red Hat 7.9 ARM版", "Red Hat 8", "x86_64 only"),
    ("Red Hat 7.9 ARM版", "Alibaba Cloud Linux 3", "x86_64 only"),
    ("Red Hat 8.6 ARM版", "Red Hat 9", "x86_64 only"),
    ("Red Hat 8.6 ARM版", "Alibaba Cloud Linux 3", "x86_64 only"),
    ("Alibaba Cloud Linux 2.1903 ARM版", "Alibaba Cloud Linux 3", "x86_64 only"),
    // ECS has no Windows on ARM; should it come, these paths are not for it.
    ("Windows Server 2008 R2 Standard ARM版", "Windows Server 2012 R2", "x86_64 only"),
    ("Windows Server 2012 R2 Standard ARM版", "Windows Server 2019", "x86_64 only"),
    ("Windows Server 2012 R2 Standard ARM版", "Windows Server 2016", "x86_64 only"),
    ("Windows Server 2016 Standard ARM版", "Windows Server 2022", "x86_64 only"),
    ("Windows Server 2016 Standard ARM版", "Windows Server 2019", "x86_64 only"),
    ("Windows Server 2019 Datacenter ARM版", "Windows Server 2022", "x86_64 only"),
    ("CentOS 7.9", "Rocky Linux 8", "AlmaLinux 8 instead"),
    ("CentOS 7.9", "CentOS 8", "at its end as well"),
    ("CentOS 8.5", "Alibaba Cloud Linux 2", "downgrade"),
    ("CentOS 8.5", "CentOS 7", "no way back"),
    ("CentOS 8.5", "CentOS 8.2", "runs already"),
    ("CentOS 8.5", "Debian 13", "no path leads there"),
    ("CentOS 8.5", "Alibaba Cloud Linux 4", "no path leads there"),
    ("CentOS Stream 8", "AlmaLinux 9", "Stream"),
    ("Ubuntu 18.04", "Ubuntu 20.04", "do-release-upgrade"),
    ("SLES 12 SP5", "SLES 15", "zypper"),
    ("OpenSUSE 15.6", "OpenSUSE 16.0", "zypper"),
    ("Fedora 33", "Fedora 41", "dnf system-upgrade"),
    ("FreeBSD 12.4", "FreeBSD 14.1", "freebsd-update"),
    ("Oracle Linux 7.9", "Oracle Linux 8", "leapp"),
    ("Rocky Linux 8.9", "Rocky Linux 9", "Rocky Linux 9 anew"),
    ("Alibaba Cloud Linux 3.2104", "Alibaba Cloud Linux 4", "2031"),
    ("Anolis OS 8.8", "Anolis OS 23", "not from it"),
    ("Debian 10.13", "Debian 12", "by hand until 11"),
    ("Debian 13.1", "Debian 12", "no way back"),
    ("Windows Server 2016 Datacenter", "Windows Server 2025", "end at 2022"),
    ("Windows Server 2019 Datacenter", "Windows Server 2025", "end at 2022"),
    ("Windows Server 2025", "Windows Server 2028", "newest"),
    ("Windows Server 2003", "Windows Server 2016", "new instance"),
    ("Red Hat 6.10", "Red Hat 7", "ReplaceSystemDisk"),
    ("CentOS 7.9", "Rocky Linux 9", "AlmaLinux 9 instead"),
    ("CentOS 8.5", "Anolis OS 7", "downgrade"),
    ("CentOS 8.5", "Rocky Linux 9", "nothing upgrades Rocky Linux 8"),
    ("CentOS Stream 9", "AlmaLinux 10", "2027-05"),
    ("CentOS Stream 10", "AlmaLinux 11", "2030-05"),
    ("Red Hat 9.4", "Red Hat 10", "end at Red Hat Enterprise Linux 9"),
    ("Alibaba Cloud Linux 4", "Alibaba Cloud Linux 5", "newest"),
    ("Anolis OS 7.9", "Anolis OS 8", "not from it"),
    ("Anolis OS 23", "Anolis OS 24", "not from it"),
    ("AlmaLinux 10.0", "AlmaLinux 11", "newest"),
    ("Rocky Linux 9.4", "Rocky Linux 10", "Rocky Linux 9 anew"),
    ("Debian 8.11", "Debian 11", "by hand until 11"),
    ("Debian 9.13", "Debian 11", "by hand until 11"),
    ("Debian 13.1", "Debian 14", "newest"),
];

#[test]
fn every_way_is_the_shortest_one() {
    for (from, to, meant) in WAYS {
        assert_eq!(way(from, Some(to), &OPEN).as_deref(), Ok(*meant), "{from} to {to}");
    }
}

/// Whether a line from `from` to `to` speaks of `row` on `arch`.
fn speaks_of(row: &matrix::Row, arch: Arch, from: &str, to: &str) -> bool {
    let from = system(from);
    from.os.same_release(&row.from) && from.arch == arch && os(to).same_release(&row.to)
}

#[test]
fn every_row_has_its_line_on_every_architecture() {
    for row in matrix::ROWS {
        for arch in [Arch::X86_64, Arch::Arm64] {
            let taken = WAYS.iter().any(|(from, to, way)| {
                speaks_of(row, arch, from, to) && *way == format!("{}>{}", row.engine.name(), row.to)
            });
            let refused = NO_WAYS.iter().any(|(from, to, why)| speaks_of(row, arch, from, to) && why.contains("only"));
            let offered = row.archs.contains(&arch);
            let name = format!("{} to {} on {} ({})", row.from, row.to, arch.name(), row.source);
            assert_eq!((taken, refused), (offered, !offered), "{name}: a way, a refusal");
        }
        let refused = |why: &str| {
            NO_WAYS.iter().any(|(from, to, text)| speaks_of(row, Arch::X86_64, from, to) && text.contains(why))
        };
        let name = format!("{} to {}", row.from, row.to);
        let other = [Edition::Standard, Edition::Datacenter].iter().any(|edition| !row.editions.contains(edition));
        assert!(row.editions.is_empty() || !other || refused(", this is "), "{name}: no line for another edition");
    }
}

#[test]
fn every_refusal_has_its_line() {
    for refusal in refused::REFUSED {
        let told = |(from, to, why): &(&str, &str, &str)| {
            let to = os(to);
            system(from).os.same_release(&refusal.from)
                && refusal.to.as_ref().is_none_or(|refused| refused.same_release(&to))
                && refusal.why.contains(why)
        };
        // What is refused in one hop may be reached in several.
        let chained = |(from, to, way): &(&str, &str, &str)| {
            system(from).os.same_release(&refusal.from)
                && refusal.to.as_ref().is_some_and(|refused| os(to).same_release(refused))
                && way.matches('>').count() > 1
        };
        let line = NO_WAYS.iter().any(told) || WAYS.iter().any(chained);
        assert!(line, "no line for the refusal of {} to {:?}", refusal.from, refusal.to);
    }
}

#[test]
fn what_is_refused_says_why_and_what_is_offered() {
    for (from, to, why) in NO_WAYS {
        let error = way(from, Some(to), &OPEN).unwrap_err();
        assert!(error.why.contains(why), "{from} to {to}: {error}");
        let text = error.to_string();
        assert_eq!(text.ends_with("nothing is offered for it"), error.offered.is_empty(), "{text}");
    }
    let error = way("CentOS 8.5", Some("Debian 13"), &Grants::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "CentOS 8.5 cannot be migrated to Debian 13: no path leads there; offered: Alibaba Cloud Linux 3, Anolis OS 8, \
         AlmaLinux 8, Rocky Linux 8, AlmaLinux 9, AlmaLinux 10"
    );
}

#[test]
fn whatever_is_refused_has_no_path_of_its_own() {
    for refusal in refused::REFUSED {
        let direct = matrix::ROWS.iter().any(|row| {
            row.from.same_release(&refusal.from) && refusal.to.as_ref().is_none_or(|to| row.to.same_release(to))
        });
        assert!(!direct, "{} to {:?} is refused and offered", refusal.from, refusal.to);
        let why = refused::why(&refusal.from, refusal.to.as_ref());
        assert_eq!(why, Some(refusal.why), "an earlier row hides that of {}", refusal.from);
    }
}

#[test]
fn without_a_wish_the_preferred_destination_is_taken() {
    for (from, meant) in [
        ("CentOS 7.9", "leapp>Alibaba Cloud Linux 3"),
        ("CentOS 8.5", "distro-sync>Alibaba Cloud Linux 3"),
        ("CentOS 7.9 ARM版", "leapp>Alibaba Cloud Linux 3"),
        ("Red Hat 8.6", "leapp>Red Hat Enterprise Linux 9"),
        ("Debian 11.11", "apt-full-upgrade>Debian 12"),
        ("Windows Server 2008 R2 Enterprise", "windows-setup>Windows Server 2012 R2 windows-setup>Windows Server 2019"),
        ("Windows Server 2016 Standard", "windows-setup>Windows Server 2022"),
    ] {
        assert_eq!(way(from, None, &Grants::default()).as_deref(), Ok(meant), "{from}");
    }
    for from in sources() {
        assert!(matrix::DEFAULTS.iter().any(|(source, _)| *source == from), "no preferred destination for {from}");
    }
    for (from, to) in matrix::DEFAULTS {
        assert!(route(&System::of(from.clone()), Some(to), &Grants::default()).is_ok(), "{from} to {to}");
    }
    assert!(way("Ubuntu 20.04", None, &OPEN).unwrap_err().to_string().contains("do-release-upgrade"));
}

#[test]
fn red_hat_is_for_those_it_is_granted_to() {
    let closed = Grants::default();
    for (from, to) in [("CentOS 7.9", "Red Hat 7"), ("CentOS 8.5", "Red Hat 8")] {
        assert!(way(from, Some(to), &OPEN).is_ok());
        assert!(way(from, Some(to), &closed).unwrap_err().why.contains("allow list"), "{from}");
    }
    assert!(way("Red Hat 7.9", Some("Red Hat 8"), &closed).is_ok(), "within Red Hat no grant is needed");
}

#[test]
fn windows_keeps_its_language_and_becomes_datacenter() {
    let windows = |language| System {
        os: os("Windows Server 2016"),
        arch: Arch::X86_64,
        windows: Some(Windows { edition: Some(Edition::Standard), language: Some(language), core: true }),
    };
    let to = os("Windows Server 2022");
    assert_eq!(route(&windows(Language::Chinese), Some(&to), &OPEN).unwrap().len(), 1);
    assert!(route(&windows(Language::Other), Some(&to), &OPEN).unwrap_err().why.contains("language"));
    // 2019 Standard itself leads nowhere; on the way from 2016 Standard it is Datacenter.
    let through_2019 = destinations(&system("Windows Server 2012 R2 Standard"), &OPEN);
    assert!(through_2019.contains(&to), "{through_2019:?}");
}

#[test]
fn what_several_have_in_common() {
    let common = |names: &[&str]| {
        let systems: Vec<System> = names.iter().map(|name| system(name)).collect();
        list(&common_destinations(&systems, &Grants::default()))
    };
    assert_eq!(common(&[]), "");
    assert_eq!(common(&["CentOS 7.9", "CentOS 8.5", "Alibaba Cloud Linux 2.1903"]), "Alibaba Cloud Linux 3");
    assert_eq!(
        common(&["CentOS 7.9", "CentOS 8.5"]),
        "Alibaba Cloud Linux 3, Anolis OS 8, AlmaLinux 8, AlmaLinux 9, AlmaLinux 10"
    );
    assert_eq!(common(&["CentOS 7.9", "Windows Server 2016"]), "");
    assert_eq!(common(&["CentOS 7.9 ARM版", "CentOS 7.9"]), "Alibaba Cloud Linux 3, Anolis OS 8, Anolis OS 7");
}

#[test]
fn no_way_goes_in_circles_and_every_engine_has_a_path() {
    for from in sources() {
        let system = System::of(from.clone());
        for to in destinations(&system, &OPEN) {
            let hops = route(&system, Some(&to), &OPEN).unwrap();
            assert!(hops.first().unwrap().from.same_release(&from) && hops.last().unwrap().to.same_release(&to));
            assert!(hops.windows(2).all(|pair| pair[0].to == pair[1].from), "{hops:?}");
            assert!(!to.same_release(&from));
        }
    }
    for engine in Engine::ALL {
        assert!(matrix::ROWS.iter().any(|row| row.engine == *engine), "{engine:?}");
    }
    assert!(sources().iter().all(|os| os.family != Family::Ubuntu));
}
