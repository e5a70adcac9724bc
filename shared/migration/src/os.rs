//! Operating systems, and how ECS and the guests themselves write them.

use std::fmt;

use serde::{Deserialize, Serialize};

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
    /// Red Hat Enterprise Linux
    Rhel,
    /// Rocky Linux
    Rocky,
    /// Ubuntu
    Ubuntu,
    /// Windows Server
    WindowsServer,
}

/// One operating system, as far as migration paths tell them apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Os {
    /// Which line.
    pub family: Family,
    /// `8`, `2204` for Ubuntu 22.04, `2019`; Windows Server 2008 R2 and 2012 R2 are `2008.5`, `2012.5`
    /// in effect: see `minor`.
    pub major: u32,
    /// The rest of the version where the name tells it: 5 for CentOS 8.5; 2 for an R2.
    pub minor: Option<u32>,
}

impl Os {
    /// An operating system without a minor version.
    pub const fn new(family: Family, major: u32) -> Self {
        Self { family, major, minor: None }
    }

    /// Reads `OSName` or `OSNameEn` of DescribeInstances: Chinese or English, with irregular blanks
    /// (`CentOS  7.9 64位`, `Alibaba Cloud Linux  3.2104 LTS 64 bit`). None when unknown.
    pub fn from_ecs_name(name: &str) -> Option<Self> {
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let (prefix, family) = NAMES.iter().find(|(prefix, _)| name.starts_with(prefix))?;
        Self::versioned(*family, name[prefix.len()..].trim_start())
    }

    /// Reads an image id of a public image (`centos_8_5_x64_20G_alibase_20220127.vhd`). Custom images
    /// (`m-…`) tell nothing: None.
    pub fn from_image_id(id: &str) -> Option<Self> {
        let id = id.to_lowercase();
        if id.starts_with("m-") {
            return None;
        }
        let (prefix, family) = IMAGE_IDS.iter().find(|(prefix, _)| id.starts_with(prefix))?;
        Self::versioned(*family, &id[prefix.len()..].replace('_', "."))
    }

    /// Reads `ID` and `VERSION_ID` of a guest's `/etc/os-release`.
    pub fn from_os_release(id: &str, version_id: &str) -> Option<Self> {
        let family = match id {
            "alinux" => Family::AlibabaCloudLinux,
            "almalinux" => Family::AlmaLinux,
            "anolis" => Family::Anolis,
            "centos" => Family::CentOs,
            "debian" => Family::Debian,
            "rhel" => Family::Rhel,
            "rocky" => Family::Rocky,
            "ubuntu" => Family::Ubuntu,
            _ => return None,
        };
        Self::versioned(family, version_id)
    }

    /// The version at the start of `text`.
    fn versioned(family: Family, text: &str) -> Option<Self> {
        let (major, rest) = number(text)?;
        let minor = match family {
            Family::WindowsServer => {
                let second = rest.trim_start_matches([' ', '.']).starts_with("r2") || rest.starts_with("r2");
                return Some(Self { family, major, minor: second.then_some(2) });
            }
            _ => rest.strip_prefix('.').and_then(number).map(|(minor, _)| minor),
        };
        match family {
            Family::Ubuntu => Some(Self { family, major: major * 100 + minor.unwrap_or(4), minor: None }),
            _ => Some(Self { family, major, minor }),
        }
    }

    /// Same line and major version (for Windows Server also the same R2): what paths and the EOL
    /// calendar distinguish.
    pub fn same_release(&self, other: &Self) -> bool {
        let r2 = |os: &Self| os.family == Family::WindowsServer && os.minor == Some(2);
        self.family == other.family && self.major == other.major && r2(self) == r2(other)
    }
}

/// Longest names first where one starts with another.
const NAMES: &[(&str, Family)] = &[
    ("alibaba cloud linux", Family::AlibabaCloudLinux),
    ("aliyun linux", Family::AlibabaCloudLinux),
    ("almalinux", Family::AlmaLinux),
    ("anolis os", Family::Anolis),
    ("anolisos", Family::Anolis),
    ("centos stream", Family::CentOsStream),
    ("centos", Family::CentOs),
    ("debian", Family::Debian),
    ("red hat enterprise linux", Family::Rhel),
    ("red hat", Family::Rhel),
    ("redhat", Family::Rhel),
    ("rocky linux", Family::Rocky),
    ("ubuntu", Family::Ubuntu),
    ("windows server", Family::WindowsServer),
];

const IMAGE_IDS: &[(&str, Family)] = &[
    ("aliyun_", Family::AlibabaCloudLinux),
    ("almalinux_", Family::AlmaLinux),
    ("anolisos_", Family::Anolis),
    ("centos_stream_", Family::CentOsStream),
    ("centos_", Family::CentOs),
    ("debian_", Family::Debian),
    ("rockylinux_", Family::Rocky),
    ("ubuntu_", Family::Ubuntu),
    ("win", Family::WindowsServer),
];

/// The decimal number at the start of `text`, and what follows it.
fn number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

impl fmt::Display for Os {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.family {
            Family::AlibabaCloudLinux => "Alibaba Cloud Linux",
            Family::AlmaLinux => "AlmaLinux",
            Family::Anolis => "Anolis OS",
            Family::CentOs => "CentOS",
            Family::CentOsStream => "CentOS Stream",
            Family::Debian => "Debian",
            Family::Rhel => "Red Hat Enterprise Linux",
            Family::Rocky => "Rocky Linux",
            Family::Ubuntu => {
                return write!(f, "Ubuntu {}.{:02}", self.major / 100, self.major % 100);
            }
            Family::WindowsServer => {
                let r2 = if self.minor == Some(2) { " R2" } else { "" };
                return write!(f, "Windows Server {}{r2}", self.major);
            }
        };
        match self.minor {
            Some(minor) => write!(f, "{name} {}.{minor}", self.major),
            None => write!(f, "{name} {}", self.major),
        }
    }
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
            ("CentOS Stream  9 64位", "CentOS Stream 9"),
            ("Alibaba Cloud Linux  2.1903 LTS 64位", "Alibaba Cloud Linux 2.1903"),
            ("Alibaba Cloud Linux  3.2104 LTS 64 bit", "Alibaba Cloud Linux 3.2104"),
            ("Alibaba Cloud Linux  4 LTS 64位", "Alibaba Cloud Linux 4"),
            ("Aliyun Linux  2.1903 64位", "Alibaba Cloud Linux 2.1903"),
            ("Anolis OS 8.9 RHCK 64位", "Anolis OS 8.9"),
            ("Red Hat Enterprise Linux  7.9 64位", "Red Hat Enterprise Linux 7.9"),
            ("Rocky Linux 9.7 64位", "Rocky Linux 9.7"),
            ("Debian 13.5 64位", "Debian 13.5"),
            ("Debian  12.11 64 bit", "Debian 12.11"),
            ("Ubuntu 24.04 64位", "Ubuntu 24.04"),
            ("Windows Server  2022 数据中心版 64位中文版", "Windows Server 2022"),
            ("Windows Server  2012  R2 数据中心版 64位英文版", "Windows Server 2012 R2"),
            ("Windows Server  2016 Data Center Edition 64bit Chinese Edition", "Windows Server 2016"),
        ] {
            assert_eq!(Os::from_ecs_name(written).map(|os| os.to_string()).as_deref(), Some(meant), "{written}");
        }
        for unknown in ["", "CentOS", "FreeBSD 14.1 64位", "Customized Linux", "Windows 11", "中文"] {
            assert_eq!(Os::from_ecs_name(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn image_ids_of_public_images() {
        for (id, meant) in [
            ("centos_8_5_x64_20G_alibase_20220127.vhd", "CentOS 8.5"),
            ("centos_7_06_64_20G_alibase_20190218.vhd", "CentOS 7.6"),
            ("centos_stream_9_x64_20G_alibase_20240628.vhd", "CentOS Stream 9"),
            ("aliyun_2_1903_x64_20G_alibase_20210120.vhd", "Alibaba Cloud Linux 2.1903"),
            ("aliyun_3_x64_20G_alibase_20260101.vhd", "Alibaba Cloud Linux 3"),
            ("debian_12_13_x64_20G_alibase_20260101.vhd", "Debian 12.13"),
            ("ubuntu_22_04_x64_20G_alibase_20260101.vhd", "Ubuntu 22.04"),
            ("win2012r2_9600_x64_dtc_zh-cn_40G_alibase_20230811.vhd", "Windows Server 2012 R2"),
            ("win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd", "Windows Server 2019"),
        ] {
            assert_eq!(Os::from_image_id(id).map(|os| os.to_string()).as_deref(), Some(meant), "{id}");
        }
        assert_eq!(Os::from_image_id("m-bp1234567890"), None);
    }

    #[test]
    fn releases_are_compared_without_their_minor_version() {
        let centos = |name| Os::from_ecs_name(name).unwrap();
        assert!(centos("CentOS 8.5 64位").same_release(&centos("CentOS  8.2 64位")));
        assert!(!centos("CentOS 8.5 64位").same_release(&centos("CentOS 7.9 64位")));
        assert!(!centos("Windows Server 2012 x").same_release(&centos("Windows Server 2012 R2 x")));
        assert_eq!(Os::from_os_release("alinux", "3"), Some(Os::new(Family::AlibabaCloudLinux, 3)));
        assert_eq!(Os::from_os_release("arch", ""), None);
    }
}
