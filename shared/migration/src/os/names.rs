//! Names as ECS writes them: `OSName` (Chinese) and `OSNameEn` of DescribeInstances and DescribeImages.

use super::{Arch, Edition, Family, Language, Os};

/// How names begin, in small letters; longer ones first where one starts with another.
const BEGINNINGS: &[(&str, Family)] = &[
    ("alibaba cloud linux", Family::AlibabaCloudLinux),
    ("aliyun linux", Family::AlibabaCloudLinux),
    ("alma linux", Family::AlmaLinux),
    ("almalinux", Family::AlmaLinux),
    ("anolis os", Family::Anolis),
    ("anolisos", Family::Anolis),
    ("centos stream", Family::CentOsStream),
    ("centos", Family::CentOs),
    ("debian", Family::Debian),
    ("fedora", Family::Fedora),
    ("freebsd", Family::FreeBsd),
    ("opensuse leap", Family::OpenSuse),
    ("opensuse", Family::OpenSuse),
    ("oracle linux", Family::OracleLinux),
    ("red hat enterprise linux server", Family::Rhel),
    ("red hat enterprise linux", Family::Rhel),
    ("red hat", Family::Rhel),
    ("redhat", Family::Rhel),
    ("rhel", Family::Rhel),
    ("rocky linux", Family::Rocky),
    ("suse linux enterprise server", Family::Sles),
    ("sles", Family::Sles),
    ("ubuntu", Family::Ubuntu),
    ("windows server", Family::WindowsServer),
];

/// In small letters, each run of blanks one blank: some families are written with two.
fn plain(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

impl Os {
    /// Reads `OSName` or `OSNameEn`: Chinese or English, with irregular blanks (`CentOS  7.9 64位`,
    /// `Alibaba Cloud Linux  3.2104 LTS 64 bit`), and what this crate writes. None when unknown.
    pub fn from_ecs_name(name: &str) -> Option<Self> {
        let name = plain(name);
        let (beginning, family) = BEGINNINGS.iter().find(|(beginning, _)| name.starts_with(beginning))?;
        Self::versioned(*family, name[beginning.len()..].trim_start())
    }

    /// Reads the name of a destination; the error says what is wrong with it. What cannot be chosen is not passed over
    /// in silence: the minor version (whatever the repositories hold), and an edition other than Datacenter.
    pub fn destination(name: &str) -> Result<Self, &'static str> {
        let os = Self::from_ecs_name(name).ok_or("not an operating system")?;
        // Red Hat's name has the word Enterprise, too.
        if os.is_windows() && edition(name).is_some_and(|edition| edition != Edition::Datacenter) {
            return Err("not a destination: every edition becomes Datacenter");
        }
        // Alibaba Cloud Linux 3 is 3.2104, as often as not also by name.
        if os.minor.is_some() && !os.is_windows() && os.family != Family::AlibabaCloudLinux {
            return Err("not a destination: the minor version cannot be chosen, name the major one");
        }
        Ok(os)
    }
}

/// The architecture that a name tells.
pub(super) fn arch(name: &str) -> Option<Arch> {
    let name = plain(name);
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if has(&["arm版", "arm64", "aarch64", " arm "]) || name.ends_with(" arm") {
        Some(Arch::Arm64)
    } else if has(&["32位", "32bit", "32 bit"]) {
        Some(Arch::X86)
    } else {
        has(&["64位", "64bit", "64 bit"]).then_some(Arch::X86_64)
    }
}

/// The edition of Windows Server that a name tells.
pub(super) fn edition(name: &str) -> Option<Edition> {
    let name = plain(name);
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if has(&["数据中心版", "data center", "datacenter"]) {
        Some(Edition::Datacenter)
    } else if has(&["企业版", "enterprise"]) {
        Some(Edition::Enterprise)
    } else {
        has(&["标准版", "standard"]).then_some(Edition::Standard)
    }
}

/// The language of Windows Server that a name tells.
pub(super) fn language(name: &str) -> Option<Language> {
    let name = plain(name);
    if name.contains("中文") || name.contains("chinese") {
        Some(Language::Chinese)
    } else {
        (name.contains("英文") || name.contains("english")).then_some(Language::English)
    }
}

/// Whether a name says that it is a Server Core: without desktop.
pub(super) fn core(name: &str) -> bool {
    let name = plain(name);
    ["不含图形化桌面", "server core", "without ui", "without desktop", "without gui"]
        .iter()
        .any(|words| name.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_ecs_writes_them() {
        for (written, meant) in [
            ("CentOS  7.9 64位", "CentOS 7.9"),
            ("CentOS 8.0 64位", "CentOS 8.0"),
            ("CentOS  7.4 64 bit", "CentOS 7.4"),
            ("CentOS 7.9 64位 ARM版", "CentOS 7.9"),
            ("CentOS  8.3 64位 UEFI版", "CentOS 8.3"),
            ("CentOS Stream  9 64位", "CentOS Stream 9"),
            ("Alibaba Cloud Linux  2.1903 LTS 64位", "Alibaba Cloud Linux 2.1903"),
            ("Alibaba Cloud Linux  2.1903 LTS 64位 快速启动版", "Alibaba Cloud Linux 2.1903"),
            ("Alibaba Cloud Linux  3.2104 LTS 64 bit", "Alibaba Cloud Linux 3.2104"),
            ("Alibaba Cloud Linux  3.2104 LTS 64位 等保 2.0 三级版", "Alibaba Cloud Linux 3.2104"),
            ("Alibaba Cloud Linux  4 LTS 64位", "Alibaba Cloud Linux 4"),
            ("Aliyun Linux  2.1903 64位", "Alibaba Cloud Linux 2.1903"),
            ("Anolis OS 8.9 RHCK 64位", "Anolis OS 8.9"),
            ("Anolis OS 23.1 64位", "Anolis OS 23.1"),
            ("AlmaLinux  8.5 64位", "AlmaLinux 8.5"),
            ("Red Hat Enterprise Linux  7.9 64位", "Red Hat Enterprise Linux 7.9"),
            ("Rocky Linux 9.7 64位", "Rocky Linux 9.7"),
            ("Debian 13.5 64位", "Debian 13.5"),
            ("Debian  12.11 64 bit", "Debian 12.11"),
            ("Ubuntu 24.04 64位", "Ubuntu 24.04"),
            ("Ubuntu  20.04 64位 UEFI版", "Ubuntu 20.04"),
            ("OpenSUSE  15.2 64位", "openSUSE 15.2"),
            ("OpenSUSE  42.3 64位", "openSUSE 42.3"),
            ("SUSE Linux  Enterprise Server 15 SP2 64位", "SUSE Linux Enterprise Server 15 SP2"),
            ("SUSE Linux Enterprise Server 15 64bit", "SUSE Linux Enterprise Server 15"),
            ("Fedora  33 64位", "Fedora 33"),
            ("FreeBSD  12.1 64位", "FreeBSD 12.1"),
            ("Oracle Linux 8.5 64位", "Oracle Linux 8.5"),
            ("Windows Server  2003 R2 企业版 32位中文版", "Windows Server 2003 R2"),
            ("Windows Server  2008 标准版 SP2 32位中文版", "Windows Server 2008"),
            ("Windows Server  2008 R2 企业版 64位中文版", "Windows Server 2008 R2"),
            ("Windows Server  2022 数据中心版 64位中文版", "Windows Server 2022"),
            ("Windows Server  2012  R2 数据中心版 64位英文版", "Windows Server 2012 R2"),
            ("Windows Server  2016 Data Center Edition 64bit Chinese Edition", "Windows Server 2016"),
            ("Windows Server  2019 数据中心版 64位中文版 with Container", "Windows Server 2019"),
        ] {
            assert_eq!(Os::from_ecs_name(written).map(|os| os.to_string()).as_deref(), Some(meant), "{written}");
        }
        for unknown in [
            "",
            "CentOS",
            "Customized Linux",
            "Others Linux 64位",
            "Windows 11",
            "中文",
            "Fedora CoreOS 34 64位",
            "Windows Server Version 2004 数据中心版 64位中文版 (不含图形化桌面)",
        ] {
            assert_eq!(Os::from_ecs_name(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_destination_names_nothing_that_cannot_be_chosen() {
        for name in [
            "Red Hat 8",
            "Red Hat Enterprise Linux 7",
            "Alibaba Cloud Linux 3.2104 LTS 64位",
            "Windows Server 2012 R2 Data Center",
            "Ubuntu 24.04",
        ] {
            assert_eq!(Os::destination(name).ok(), Os::from_ecs_name(name), "{name}");
        }
        for (name, why) in [
            ("Red Hat 8.6", "minor version"),
            ("Debian 13.1", "minor version"),
            ("Windows Server 2019 Standard", "Datacenter"),
            ("BeOS 5", "not an operating system"),
        ] {
            assert!(Os::destination(name).unwrap_err().contains(why), "{name}");
        }
    }

    #[test]
    fn names_tell_architecture_edition_and_language() {
        assert_eq!(arch("CentOS 7.9 64位 ARM版"), Some(Arch::Arm64));
        assert_eq!(arch("Alibaba Cloud Linux 3.2104 LTS 64bit ARM Edition"), Some(Arch::Arm64));
        assert_eq!(arch("CentOS  7.9 64位"), Some(Arch::X86_64));
        assert_eq!(arch("Windows Server  2008 标准版 SP2 32位中文版"), Some(Arch::X86));
        assert_eq!(arch("CentOS 7.9"), None);
        for (name, edition_meant, language_meant, core_meant) in [
            ("Windows Server  2022 数据中心版 64位中文版", Some(Edition::Datacenter), Some(Language::Chinese), false),
            ("Windows Server 2008 R2 企业版 64位英文版", Some(Edition::Enterprise), Some(Language::English), false),
            ("Windows Server 2012 R2 标准版 64位中文版", Some(Edition::Standard), Some(Language::Chinese), false),
            (
                "Windows Server  2016 Data Center Edition 64bit English Edition",
                Some(Edition::Datacenter),
                Some(Language::English),
                false,
            ),
            (
                "Windows Server 2019 数据中心版 64位中文版 (不含图形化桌面)",
                Some(Edition::Datacenter),
                Some(Language::Chinese),
                true,
            ),
            ("Windows Server 2022", None, None, false),
        ] {
            assert_eq!(
                (edition(name), language(name), core(name)),
                (edition_meant, language_meant, core_meant),
                "{name}"
            );
        }
    }
}
