//! Operating systems, and how ECS and the guests themselves write them.

mod image_id;
mod names;
mod system;
mod windows;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use system::{Arch, System};
pub use windows::{Edition, Language, Windows};

/// A line of operating systems with one numbering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Alibaba Cloud Linux (Aliyun Linux)
    AlibabaCloudLinux,
    /// AlmaLinux
    AlmaLinux,
    /// Anolis OS
    Anolis,
    /// CentOS (not Stream)
    CentOs,
    /// CentOS Stream
    CentOsStream,
    /// Debian
    Debian,
    /// Fedora
    Fedora,
    /// FreeBSD
    FreeBsd,
    /// openSUSE (Leap)
    OpenSuse,
    /// Oracle Linux
    OracleLinux,
    /// Red Hat Enterprise Linux
    Rhel,
    /// Rocky Linux
    Rocky,
    /// SUSE Linux Enterprise Server
    Sles,
    /// Ubuntu
    Ubuntu,
    /// Windows Server
    WindowsServer,
}

impl Family {
    /// Every family there is.
    pub const ALL: &[Self] = &[
        Self::AlibabaCloudLinux,
        Self::AlmaLinux,
        Self::Anolis,
        Self::CentOs,
        Self::CentOsStream,
        Self::Debian,
        Self::Fedora,
        Self::FreeBsd,
        Self::OpenSuse,
        Self::OracleLinux,
        Self::Rhel,
        Self::Rocky,
        Self::Sles,
        Self::Ubuntu,
        Self::WindowsServer,
    ];

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::AlibabaCloudLinux => "Alibaba Cloud Linux",
            Self::AlmaLinux => "AlmaLinux",
            Self::Anolis => "Anolis OS",
            Self::CentOs => "CentOS",
            Self::CentOsStream => "CentOS Stream",
            Self::Debian => "Debian",
            Self::Fedora => "Fedora",
            Self::FreeBsd => "FreeBSD",
            Self::OpenSuse => "openSUSE",
            Self::OracleLinux => "Oracle Linux",
            Self::Rhel => "Red Hat Enterprise Linux",
            Self::Rocky => "Rocky Linux",
            Self::Sles => "SUSE Linux Enterprise Server",
            Self::Ubuntu => "Ubuntu",
            Self::WindowsServer => "Windows Server",
        }
    }
}

/// One operating system, as far as migration paths tell them apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Os {
    /// Which line.
    pub family: Family,
    /// What comes first in the version: `8` of CentOS 8.5, `2019` of Windows Server 2019. Ubuntu's year and
    /// month are one number: `2204` is Ubuntu 22.04.
    pub major: u32,
    /// The rest of the version where it is known: `5` of CentOS 8.5, `2` of SLES 15 SP2. Windows Server 2008 R2
    /// is major 2008, minor 2. None for Ubuntu, Fedora and a Windows Server that is no R2.
    #[serde(default)]
    pub minor: Option<u32>,
}

impl Os {
    /// An operating system without a minor version.
    pub const fn new(family: Family, major: u32) -> Self {
        Self { family, major, minor: None }
    }

    /// The R2 of a Windows Server: `Os::windows_r2(2012)`.
    pub const fn windows_r2(major: u32) -> Self {
        Self { family: Family::WindowsServer, major, minor: Some(2) }
    }

    /// Whether it is a Windows Server.
    pub fn is_windows(&self) -> bool {
        self.family == Family::WindowsServer
    }

    /// The version at the start of `text`: `8.5 64bit`, `15 sp2`, `2012 r2`, `2012r2.9600`, all in small letters.
    fn versioned(family: Family, text: &str) -> Option<Self> {
        let (major, rest) = number(text)?;
        let mut os = Self::new(family, major);
        // 64 and 32 are widths of a machine word in old image ids (`centos_8_64_…`).
        let second = rest.strip_prefix('.').and_then(number).map(|(minor, _)| minor).filter(|n| ![32, 64].contains(n));
        let rest = rest.trim_start_matches([' ', '.', '-']);
        match family {
            // Old image ids have the point release beside the month: `ubuntu_16_0402_64_…`.
            Family::Ubuntu => os.major = major * 100 + second.map_or(4, |n| if n > 99 { n / 100 } else { n }),
            Family::Fedora => {}
            Family::WindowsServer => os.minor = rest.starts_with("r2").then_some(2),
            Family::Sles => os.minor = rest.strip_prefix("sp").and_then(number).map(|(sp, _)| sp).or(second),
            _ => os.minor = second,
        }
        Some(os)
    }

    /// Reads `ID` and `VERSION_ID` of a guest's `/etc/os-release`. CentOS 8 and CentOS Stream 8 are the same
    /// there: see [`Os::from_os_release_named`].
    pub fn from_os_release(id: &str, version_id: &str) -> Option<Self> {
        Self::from_os_release_named(id, version_id, "")
    }

    /// Reads `ID`, `VERSION_ID` and `NAME` of a guest's `/etc/os-release`.
    pub fn from_os_release_named(id: &str, version_id: &str, name: &str) -> Option<Self> {
        let family = match id {
            "alinux" => Family::AlibabaCloudLinux,
            "almalinux" => Family::AlmaLinux,
            "anolis" => Family::Anolis,
            "centos" => Family::CentOs,
            "debian" => Family::Debian,
            "fedora" => Family::Fedora,
            "freebsd" => Family::FreeBsd,
            "ol" => Family::OracleLinux,
            "opensuse" | "opensuse-leap" => Family::OpenSuse,
            "rhel" => Family::Rhel,
            "rocky" => Family::Rocky,
            "sles" => Family::Sles,
            "ubuntu" => Family::Ubuntu,
            _ => return None,
        };
        let os = Self::versioned(family, version_id)?;
        // There is no CentOS 9 but Stream.
        if family == Family::CentOs && (os.major >= 9 || name.to_lowercase().contains("stream")) {
            return Some(Self::new(Family::CentOsStream, os.major));
        }
        Some(os)
    }

    /// The Windows Server of a build number (`Win32_OperatingSystem.BuildNumber`). Source: Windows Server
    /// release information; endoflife.date.
    pub fn from_windows_build(build: u32) -> Option<Self> {
        Some(match build {
            3790 => Self::new(Family::WindowsServer, 2003),
            6001..=6003 => Self::new(Family::WindowsServer, 2008),
            7600 | 7601 => Self::windows_r2(2008),
            9200 => Self::new(Family::WindowsServer, 2012),
            9600 => Self::windows_r2(2012),
            14393 => Self::new(Family::WindowsServer, 2016),
            17763 => Self::new(Family::WindowsServer, 2019),
            20348 => Self::new(Family::WindowsServer, 2022),
            26100 => Self::new(Family::WindowsServer, 2025),
            _ => return None,
        })
    }

    /// Same line and major version (for Windows Server also the same R2): what paths distinguish.
    pub fn same_release(&self, other: &Self) -> bool {
        let r2 = |os: &Self| os.is_windows() && os.minor == Some(2);
        self.family == other.family && self.major == other.major && r2(self) == r2(other)
    }

    /// Whether it is an earlier release of the same line.
    pub fn older_than(&self, other: &Self) -> bool {
        let r2 = |os: &Self| os.is_windows() && os.minor == Some(2);
        self.family == other.family && (self.major, r2(self)) < (other.major, r2(other))
    }
}

/// The decimal number at the start of `text`, and what follows it.
fn number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

impl fmt::Display for Os {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.family.name();
        match (self.family, self.minor) {
            (Family::Ubuntu, _) => write!(f, "{name} {}.{:02}", self.major / 100, self.major % 100),
            (Family::WindowsServer, Some(2)) => write!(f, "{name} {} R2", self.major),
            (Family::WindowsServer, _) | (_, None) => write!(f, "{name} {}", self.major),
            (Family::Sles, Some(sp)) => write!(f, "{name} {} SP{sp}", self.major),
            (_, Some(minor)) => write!(f, "{name} {}.{minor}", self.major),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_without_their_minor_version() {
        let os = |name| Os::from_ecs_name(name).unwrap();
        assert!(os("CentOS 8.5 64位").same_release(&os("CentOS  8.2 64位")));
        assert!(!os("CentOS 8.5 64位").same_release(&os("CentOS 7.9 64位")));
        assert!(!os("Windows Server 2012 x").same_release(&os("Windows Server 2012 R2 x")));
        assert!(os("Windows Server 2012 x").older_than(&os("Windows Server 2012 R2 x")));
        assert!(!os("CentOS 8.5").older_than(&os("CentOS 8.6")));
        assert!(!os("CentOS 7.9").older_than(&os("Anolis OS 8.8")));
    }

    #[test]
    fn guests_say_what_they_run() {
        for (id, version, name, meant) in [
            ("alinux", "3", "Alibaba Cloud Linux", "Alibaba Cloud Linux 3"),
            ("alinux", "2.1903", "Alibaba Cloud Linux (Aliyun Linux)", "Alibaba Cloud Linux 2.1903"),
            ("centos", "8", "CentOS Linux", "CentOS 8"),
            ("centos", "8", "CentOS Stream", "CentOS Stream 8"),
            ("centos", "9", "", "CentOS Stream 9"),
            ("sles", "15.2", "SLES", "SUSE Linux Enterprise Server 15 SP2"),
            ("opensuse-leap", "15.6", "openSUSE Leap", "openSUSE 15.6"),
            ("fedora", "41", "Fedora Linux", "Fedora 41"),
            ("freebsd", "14.1", "FreeBSD", "FreeBSD 14.1"),
            ("ol", "8.9", "Oracle Linux Server", "Oracle Linux 8.9"),
            ("ubuntu", "22.04", "Ubuntu", "Ubuntu 22.04"),
            ("debian", "12", "Debian GNU/Linux", "Debian 12"),
        ] {
            let os = Os::from_os_release_named(id, version, name).map(|os| os.to_string());
            assert_eq!(os.as_deref(), Some(meant), "{id} {version} {name}");
        }
        for (id, version) in [("arch", ""), ("debian", ""), ("debian", "sid"), ("alpine", "3.20")] {
            assert_eq!(Os::from_os_release(id, version), None, "{id} {version}");
        }
    }

    #[test]
    fn windows_says_its_build() {
        for (build, meant) in [
            (3790, "Windows Server 2003"),
            (6003, "Windows Server 2008"),
            (7601, "Windows Server 2008 R2"),
            (9200, "Windows Server 2012"),
            (9600, "Windows Server 2012 R2"),
            (14393, "Windows Server 2016"),
            (17763, "Windows Server 2019"),
            (20348, "Windows Server 2022"),
            (26100, "Windows Server 2025"),
        ] {
            assert_eq!(Os::from_windows_build(build).unwrap().to_string(), meant);
        }
        assert_eq!(Os::from_windows_build(22631), None, "Windows 11");
    }

    #[test]
    fn what_is_written_is_read_again() {
        for family in Family::ALL {
            let os = match family {
                Family::Ubuntu => Os::new(Family::Ubuntu, 2204),
                Family::WindowsServer => Os::windows_r2(2012),
                Family::Fedora => Os::new(Family::Fedora, 41),
                other => Os { family: *other, major: 15, minor: Some(2) },
            };
            assert_eq!(Os::from_ecs_name(&os.to_string()), Some(os.clone()), "{os}");
        }
    }
}
